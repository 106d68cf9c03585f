# Debian armhf, with the compilers of crossbuild-essential-armhf: cmake -DCMAKE_TOOLCHAIN_FILE=tools/toolchains/armhf.cmake
# -DHOLDFAST_SYSROOT=FOLDER, an extracted Debian armhf with the development packages (tests/cross/run makes one). What a
# build runs of its own, such as tests, runs under qemu-user-static.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(holdfast_machine arm-linux-gnueabihf)
set(holdfast_emulator qemu-arm-static)
include(${CMAKE_CURRENT_LIST_DIR}/debian-sysroot.cmake)
