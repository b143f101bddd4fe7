# SPDX-License-Identifier: Apache-2.0
# Reference of the public headers by Doxygen: the target docs. A warning is an error.
find_program(DOXYGEN doxygen)
get_property(dirs GLOBAL PROPERTY PIPC_MODULE_INCLUDES)
set(dirs ${PROJECT_SOURCE_DIR}/core/include ${dirs})
string(JOIN " " PIPC_DOC_INPUT ${dirs})
set(PIPC_DOC_STRIP ${PIPC_DOC_INPUT})
configure_file(${PROJECT_SOURCE_DIR}/docs/doxygen/Doxyfile.in ${PROJECT_BINARY_DIR}/Doxyfile @ONLY)
if(DOXYGEN)
  add_custom_target(docs COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/docs
    COMMAND ${DOXYGEN} ${PROJECT_BINARY_DIR}/Doxyfile VERBATIM)
endif()
