# Run by cpack between installing into its own folder and packing that: each component's tree becomes a package's.
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} id)
  if(CPACK_GENERATOR STREQUAL "RPM")
    set(names CPACK_RPM)
  else()
    set(names CPACK_DEBIAN)
  endif()
  # Of debug symbols: with what they are taken off.
  if(component MATCHES "_symbols$")
    continue()
  endif()
  set(symbols "")
  if(CPACK_HOLDFAST_${id}_SYMBOLS)
    set(symbols ${${names}_${id}_SYMBOLS_PACKAGE_NAME} ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${CPACK_HOLDFAST_${id}_SYMBOLS})
  endif()
  execute_process(
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/dress ${CPACK_GENERATOR} ${CPACK_HOLDFAST_BUILD} ${CPACK_HOLDFAST_LIBDIR}
            ${${names}_${id}_PACKAGE_NAME} ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component} ${symbols}
    COMMAND_ERROR_IS_FATAL ANY)
endforeach()
