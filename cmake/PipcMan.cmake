# SPDX-License-Identifier: Apache-2.0
# Manual pages, made of docs/ and the public headers by docs/man/make; without Python there are none, and the configuration says so.
find_package(Python3 COMPONENTS Interpreter QUIET)
if(NOT Python3_FOUND)
  message(STATUS "no Python 3: manual pages are not made and not installed")
  return()
endif()
file(GLOB_RECURSE man_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/* ${PROJECT_SOURCE_DIR}/core/include/*.h
  ${PROJECT_SOURCE_DIR}/transports/*.h ${PROJECT_SOURCE_DIR}/codecs/*.h)
string(TIMESTAMP today "%Y-%m-%d" UTC) # of SOURCE_DATE_EPOCH where it is set
add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/man/made
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${PROJECT_BINARY_DIR}/man
  COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/docs/man/make ${PROJECT_BINARY_DIR}/man ${PROJECT_VERSION} ${today}
  COMMAND ${CMAKE_COMMAND} -E touch ${PROJECT_BINARY_DIR}/man/made
  DEPENDS ${man_sources} ${PROJECT_SOURCE_DIR}/docs/cli.md ${PROJECT_SOURCE_DIR}/docs/config.md VERBATIM)
add_custom_target(man ALL DEPENDS ${PROJECT_BINARY_DIR}/man/made)
install(DIRECTORY ${PROJECT_BINARY_DIR}/man/man3 DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT dev)
install(DIRECTORY ${PROJECT_BINARY_DIR}/man/man5 ${PROJECT_BINARY_DIR}/man/man7 DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT modules)
if(TARGET pipc_tool)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/man/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT tools)
endif()
