# SPDX-License-Identifier: Apache-2.0
# pipc_module(transport|codec NAME): the folder is the module. Every .c in it becomes
#   pipcm_NAME       static archive, for unit tests of its private parts
#   NAME.so          in <build>/modules, when it is built shared
#   part of libpipc  when it is built in
set_property(GLOBAL PROPERTY PIPC_BUILTIN_TRANSPORTS "")
set_property(GLOBAL PROPERTY PIPC_BUILTIN_CODECS "")
set_property(GLOBAL PROPERTY PIPC_MODULE_NAMES "")

function(pipc_module kind name)
  string(TOUPPER ${name} upper)
  set(PIPC_MODULE_${upper} ${PIPC_MODULES} CACHE STRING "module ${name}: off, builtin or shared")
  set(how ${PIPC_MODULE_${upper}})
  if(how STREQUAL "off")
    return()
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  add_library(pipco_${name} OBJECT ${sources})
  target_include_directories(pipco_${name} PUBLIC ${PROJECT_SOURCE_DIR}/core/include ${CMAKE_CURRENT_SOURCE_DIR}/include)
  add_library(pipcm_${name} STATIC $<TARGET_OBJECTS:pipco_${name}>)
  target_include_directories(pipcm_${name} PUBLIC ${PROJECT_SOURCE_DIR}/core/include ${CMAKE_CURRENT_SOURCE_DIR}/include)
  set_property(GLOBAL APPEND PROPERTY PIPC_MODULE_NAMES ${name})
  set_property(GLOBAL APPEND PROPERTY PIPC_MODULE_INCLUDES ${CMAKE_CURRENT_SOURCE_DIR}/include)
  if(how STREQUAL "builtin")
    string(TOUPPER ${kind} kinds)
    set_property(GLOBAL APPEND PROPERTY PIPC_BUILTIN_${kinds}S ${name})
  else()
    add_library(${name} MODULE $<TARGET_OBJECTS:pipco_${name}>)
    set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/modules)
    if(NOT PIPC_SANITIZE AND NOT WIN32)
      target_link_options(${name} PRIVATE -Wl,--no-undefined)
    endif()
  endif()
endfunction()
