# What the toolchain files beside this one share: the GNU compilers for holdfast_machine, and everything else from
# HOLDFAST_SYSROOT. Its libraries and pkg-config files lie in Debian's multiarch folders.
set(HOLDFAST_SYSROOT "" CACHE PATH "An extracted Debian of the other architecture")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES HOLDFAST_SYSROOT)
if(NOT IS_DIRECTORY "${HOLDFAST_SYSROOT}/usr/include")
  message(FATAL_ERROR "HOLDFAST_SYSROOT='${HOLDFAST_SYSROOT}' is no folder with an extracted Debian in it: tests/cross/run makes one")
endif()
set(CMAKE_SYSROOT ${HOLDFAST_SYSROOT})
set(CMAKE_C_COMPILER ${holdfast_machine}-gcc)
set(CMAKE_CXX_COMPILER ${holdfast_machine}-g++)
set(HOLDFAST_LD ${holdfast_machine}-ld.bfd)
set(CMAKE_CROSSCOMPILING_EMULATOR "${holdfast_emulator};-L;${HOLDFAST_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${HOLDFAST_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR}
    ${HOLDFAST_SYSROOT}/usr/lib/${holdfast_machine}/pkgconfig:${HOLDFAST_SYSROOT}/usr/share/pkgconfig)
