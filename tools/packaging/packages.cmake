# Which packages there are, for whom each is, and what it needs: one list for the Debian and the RPM set. They are made by
# tools/packaging/build, which says the version and the date; docs/packages.md is for those who install them.
set(CPACK_PACKAGE_NAME holdfast)
set(CPACK_PACKAGE_VENDOR Holdfast)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_GENERATOR "DEB;RPM")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_RPM_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL "")
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_SOURCE_DIR}/release.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/staging.cmake)
set(CPACK_HOLDFAST_BUILD ${PROJECT_BINARY_DIR})
set(CPACK_HOLDFAST_LIBDIR ${CMAKE_INSTALL_LIBDIR})

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SOURCE holdfast)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
# release.cmake asks dpkg-shlibdeps: where cpack does, it also writes maintainer scripts that call ldconfig.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS OFF)

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
# CPACK_RPM_PACKAGE_LICENSE is in release.cmake: it is of each package.
set(CPACK_RPM_PACKAGE_RELEASE 1)
set(CPACK_RPM_COMPRESSION_TYPE xz)
set(CPACK_RPM_PACKAGE_AUTOREQPROV " yes")
set(CPACK_RPM_PACKAGE_RELOCATABLE OFF)
# Folders of others.
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
    /usr/lib/debug /usr/lib/debug/.build-id /usr/lib64 /usr/lib64/cmake /usr/lib64/pkgconfig /usr/share/bash-completion
    /usr/share/bash-completion/completions /usr/share/fish /usr/share/fish/vendor_completions.d /usr/share/man /usr/share/man/man1
    /usr/share/zsh /usr/share/zsh/site-functions)

set(holdfast_what "Agent assertions are short Authorization headers, signed by a key that is
made inside an HSM, a smart card or a TPM and never leaves it.")

# holdfast_add_package(COMPONENT tools NAME holdfast …): what is installed as this component is a package.
#   BINARY          the file in it that is linked: it says what the package depends on, and has a package of debug symbols
#   SUMMARY, TEXT   what a package manager shows; lines of less than 80 characters
#   LICENCE         of the package with what is compiled in, as its bill of materials concludes; Apache-2.0 if nothing is
#   SECTION, CONTROL   Debian's, and further files of the control archive
#   DEBIAN, RPM     RELATION=VALUE, beside what is read out of the binary; @VERSION@ is the set's own. (This cpack writes no
#                   weak relations into RPMs.)
macro(holdfast_add_package)
  cmake_parse_arguments(arg "" "COMPONENT;NAME;RPM_NAME;SECTION;SUMMARY;TEXT;BINARY;LICENCE" "DEBIAN;RPM;CONTROL" ${ARGN})
  string(TOUPPER ${arg_COMPONENT} id)
  list(APPEND CPACK_COMPONENTS_ALL ${arg_COMPONENT})
  set(CPACK_DEBIAN_${id}_PACKAGE_NAME ${arg_NAME})
  set(CPACK_DEBIAN_${id}_PACKAGE_SECTION ${arg_SECTION})
  set(CPACK_DEBIAN_${id}_PACKAGE_CONTROL_EXTRA "${arg_CONTROL}")
  set(CPACK_DEBIAN_${id}_DESCRIPTION "${arg_SUMMARY}\n${holdfast_what}\n\n${arg_TEXT}")
  set(CPACK_RPM_${id}_PACKAGE_NAME ${arg_RPM_NAME})
  set(CPACK_HOLDFAST_${id}_LICENCE "${arg_LICENCE}")
  set(CPACK_RPM_${id}_PACKAGE_SUMMARY "${arg_SUMMARY}")
  set(CPACK_RPM_${id}_PACKAGE_DESCRIPTION "${holdfast_what}\n\n${arg_TEXT}")
  foreach(kind IN ITEMS DEBIAN RPM)
    foreach(relation IN LISTS arg_${kind})
      string(REGEX MATCH "^([A-Z]+)=(.+)$" ignored "${relation}")
      set(CPACK_${kind}_${id}_PACKAGE_${CMAKE_MATCH_1} "${CMAKE_MATCH_2}")
    endforeach()
  endforeach()
  if(arg_BINARY)
    set(CPACK_HOLDFAST_${id}_BINARY ${arg_BINARY})
    set(name ${arg_NAME})
    set(rpm_name ${arg_RPM_NAME})
    # cpack's own packages of debug symbols name a folder of the machine that made them.
    list(APPEND CPACK_COMPONENTS_ALL ${arg_COMPONENT}_symbols)
    set(CPACK_HOLDFAST_${id}_SYMBOLS ${arg_COMPONENT}_symbols)
    set(CPACK_DEBIAN_${id}_SYMBOLS_PACKAGE_NAME ${name}-dbgsym)
    set(CPACK_DEBIAN_${id}_SYMBOLS_PACKAGE_SECTION debug)
    set(CPACK_DEBIAN_${id}_SYMBOLS_PACKAGE_DEPENDS "${name} (= @VERSION@)")
    set(CPACK_DEBIAN_${id}_SYMBOLS_DESCRIPTION "debug symbols for ${name}")
    set(CPACK_HOLDFAST_${id}_SYMBOLS_LICENCE "${arg_LICENCE}")
    set(CPACK_RPM_${id}_SYMBOLS_PACKAGE_NAME ${rpm_name}-debuginfo)
    set(CPACK_RPM_${id}_SYMBOLS_PACKAGE_SUMMARY "debug symbols for ${rpm_name}")
    set(CPACK_RPM_${id}_SYMBOLS_PACKAGE_DESCRIPTION "Debug symbols for ${rpm_name}.")
    set(CPACK_RPM_${id}_SYMBOLS_PACKAGE_REQUIRES "${rpm_name} = @VERSION@")
  endif()
endmacro()
get_target_property(abi holdfast_shared SOVERSION)

# ---- libraries: one package for each SONAME ------------------------------------------------------------------------
# What links them depends on a version that has all of today's symbols; a state before the release has them, too.
set(control ${CMAKE_CURRENT_BINARY_DIR}/control)
foreach(name IN ITEMS holdfast holdfast-sign)
  file(CONFIGURE OUTPUT ${control}/${name}/shlibs @ONLY CONTENT "lib@name@ @abi@ lib@name@@abi@ (>= @PROJECT_VERSION@~)\n")
  file(CONFIGURE OUTPUT ${control}/${name}/triggers CONTENT "activate-noawait ldconfig\n")
endforeach()

holdfast_add_package(
  COMPONENT library NAME libholdfast${abi} RPM_NAME libholdfast${abi} SECTION libs
  LICENCE "Apache-2.0 AND MIT"
  BINARY ${PROJECT_BINARY_DIR}/lib/libholdfast.so.${PROJECT_VERSION}
  CONTROL ${control}/holdfast/shlibs ${control}/holdfast/triggers
  SUMMARY "agent assertions signed by keys in an HSM or a TPM"
  TEXT "This package has the library that programs link: the signer, the session that
keeps an agent's task, and the registrar that speaks to an authority. libcurl
is loaded when a request is made, and not before."
  DEBIAN RECOMMENDS=libcurl4 "SUGGESTS=opensc-pkcs11, softhsm2")

holdfast_add_package(
  COMPONENT sign_library NAME libholdfast-sign${abi} RPM_NAME libholdfast-sign${abi} SECTION libs
  BINARY ${PROJECT_BINARY_DIR}/lib/libholdfast-sign.so.${PROJECT_VERSION}
  CONTROL ${control}/holdfast-sign/shlibs ${control}/holdfast-sign/triggers
  SUMMARY "agent assertions signed by keys in an HSM or a TPM (signing half)"
  TEXT "This package has the library for programs that get their task id elsewhere: the
signer and the verifier. It brings neither an HTTP client nor a JSON parser
into the host."
  DEBIAN "SUGGESTS=opensc-pkcs11, softhsm2")

# ---- development ---------------------------------------------------------------------------------------------------
# Of what the pkg-config files require each package is named; RPMs say it by themselves.
holdfast_add_package(
  COMPONENT development NAME libholdfast-dev RPM_NAME holdfast-devel SECTION libdevel
  LICENCE "Apache-2.0 AND MIT"
  SUMMARY "agent assertions signed by keys in an HSM or a TPM (development files)"
  TEXT "This package has the headers, the static libraries, and what pkg-config and
CMake find them by: the C ABI whole and its signing half, the C++20 API, and
the verifier for servers. The API reference is in its documents."
  DEBIAN
    "DEPENDS=libholdfast${abi} (= @VERSION@), libholdfast-sign${abi} (= @VERSION@), libgmp-dev, libp11-kit-dev, libsodium-dev, libtss2-dev, nettle-dev"
    "SUGGESTS=cmake, pkg-config"
  RPM "REQUIRES=libholdfast${abi} = @VERSION@, libholdfast-sign${abi} = @VERSION@")

# ---- tools ---------------------------------------------------------------------------------------------------------
holdfast_add_package(
  COMPONENT tools NAME holdfast RPM_NAME holdfast SECTION utils
  LICENCE "Apache-2.0 AND BSD-3-Clause AND MIT"
  BINARY ${PROJECT_BINARY_DIR}/bin/holdfast
  SUMMARY "provisions keys in HSMs and TPMs and makes agent assertions"
  TEXT "This package has the command holdfast, which makes and checks keys in tokens,
registers agents, prints headers, looks for what is wrong, and runs a test
suite with a throwaway token and authority. It brings man pages, and completion
for bash, zsh and fish."
  DEBIAN "RECOMMENDS=ca-certificates, libcurl4" "SUGGESTS=holdfast-authority, opensc-pkcs11, softhsm2, swtpm")
holdfast_add_package(
  COMPONENT authority NAME holdfast-authority RPM_NAME holdfast-authority SECTION devel
  LICENCE "Apache-2.0 AND BSD-3-Clause AND MIT"
  BINARY ${PROJECT_BINARY_DIR}/bin/holdfast-authority
  SUMMARY "reference authority for agent assertions, for development and CI"
  TEXT "This package has holdfast-authority, which registers agents and tasks and
verifies headers over https, on loopback unless told otherwise. It is for
development and CI. It starts nothing by itself."
  DEBIAN "SUGGESTS=holdfast")

# Other distributions keep libraries in lib64: what finds them says so in their packages.
set(rpm_files ${CMAKE_CURRENT_BINARY_DIR}/rpm)
set(multiarch_folder ${CMAKE_INSTALL_LIBDIR})
set(CMAKE_INSTALL_LIBDIR lib64)
holdfast_write_finders(${rpm_files})
set(CMAKE_INSTALL_LIBDIR ${multiarch_folder})

include(CPack)
