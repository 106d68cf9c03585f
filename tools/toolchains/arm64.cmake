# Debian arm64, with the compilers of crossbuild-essential-arm64: cmake -DCMAKE_TOOLCHAIN_FILE=tools/toolchains/arm64.cmake
# -DHOLDFAST_SYSROOT=FOLDER, an extracted Debian arm64 with the development packages (tests/cross/run makes one). What a
# build runs of its own, such as tests, runs under qemu-user-static.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(holdfast_machine aarch64-linux-gnu)
set(holdfast_emulator qemu-aarch64-static)
include(${CMAKE_CURRENT_LIST_DIR}/debian-sysroot.cmake)
