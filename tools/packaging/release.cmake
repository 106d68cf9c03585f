# Read by cpack before each kind of package: what tools/packaging/build knows of this set.
foreach(name IN ITEMS HOLDFAST_PACKAGE_VERSION HOLDFAST_MAINTAINER HOLDFAST_CHANGELOGS HOLDFAST_REFERENCE SOURCE_DATE_EPOCH)
  if("$ENV{${name}}" STREQUAL "")
    message(FATAL_ERROR "the packages need a version, a date and a maintainer: run tools/packaging/build")
  endif()
endforeach()

set(version "$ENV{HOLDFAST_PACKAGE_VERSION}")
set(CPACK_DEBIAN_PACKAGE_VERSION "${version}")
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "$ENV{HOLDFAST_MAINTAINER}")
set(CPACK_RPM_PACKAGE_VERSION "${version}")
set(CPACK_RPM_CHANGELOG_FILE "$ENV{HOLDFAST_CHANGELOGS}/rpm")
# Each package has a summary of its own.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
# Debug symbols are taken off by tools/packaging/dress. Neither the machine nor the moment stands in a package.
set(CPACK_RPM_SPEC_INSTALL_POST "%{nil}")
set(CPACK_RPM_SPEC_MORE_DEFINE "%define _buildhost holdfast
%define use_source_date_epoch_as_buildtime 1
%define clamp_mtime_to_source_date_epoch 1
%define _build_id_links none")

# shared_library_packages(FILE): sets `depends` to the Debian packages of what FILE is linked with, with their versions.
function(shared_library_packages file)
  set(folder $ENV{HOLDFAST_CHANGELOGS}/shlibdeps)
  file(WRITE ${folder}/debian/control "")
  execute_process(COMMAND dpkg-shlibdeps -O ${file} WORKING_DIRECTORY ${folder} OUTPUT_VARIABLE said ERROR_VARIABLE complaint
                  RESULT_VARIABLE code OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT code EQUAL 0 OR NOT said MATCHES "^shlibs:Depends=(.+)$")
    message(FATAL_ERROR "dpkg-shlibdeps does not know what ${file} needs: ${complaint}")
  endif()
  set(depends "${CMAKE_MATCH_1}" PARENT_SCOPE)
endfunction()

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} id)
  if(CPACK_GENERATOR STREQUAL "DEB" AND CPACK_HOLDFAST_${id}_BINARY)
    shared_library_packages(${CPACK_HOLDFAST_${id}_BINARY})
    set(CPACK_DEBIAN_${id}_PACKAGE_DEPENDS "${depends}")
  endif()
  foreach(relation IN ITEMS CPACK_DEBIAN_${id}_PACKAGE_DEPENDS CPACK_RPM_${id}_PACKAGE_REQUIRES)
    string(REPLACE "@VERSION@" "${version}-1" ${relation} "${${relation}}")
  endforeach()
endforeach()

# cpack knows one licence for all RPMs; rpm itself asks for the package's name.
set(licence "\"Apache-2.0\"")
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} id)
  if(CPACK_HOLDFAST_${id}_LICENCE)
    set(licence "\"%{name}\" == \"${CPACK_RPM_${id}_PACKAGE_NAME}\" ? \"${CPACK_HOLDFAST_${id}_LICENCE}\" : ${licence}")
  endif()
endforeach()
set(CPACK_RPM_PACKAGE_LICENSE "%[${licence}]")
