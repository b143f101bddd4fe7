# SPDX-License-Identifier: Apache-2.0
# cmake --install, the target uninstall, and packages (cpack -G DEB). Components: library (what programs need to run), modules, dev
# (headers, archive, link of the shared library, pkg-config, CMake package, author's pages), tools (the command).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(templates ${PROJECT_SOURCE_DIR}/cmake/install)
set(PIPC_PACKAGE_library libpipc0)
set(PIPC_PACKAGE_modules pipc-modules)
set(PIPC_PACKAGE_dev libpipc-dev)
set(PIPC_PACKAGE_tools pipc)
set(packagedir ${CMAKE_INSTALL_LIBDIR}/cmake/PluginIPC)

get_property(includes GLOBAL PROPERTY PIPC_MODULE_INCLUDES)
foreach(dir ${PROJECT_SOURCE_DIR}/core/include ${includes})
  install(DIRECTORY ${dir}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev FILES_MATCHING PATTERN "*.h")
endforeach()

install(TARGETS pipc_static EXPORT PluginIPCStatic ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(EXPORT PluginIPCStatic NAMESPACE PluginIPC:: DESTINATION ${packagedir} COMPONENT dev)
if(PIPC_LOADER)
  install(TARGETS pipc EXPORT PluginIPCShared
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT dev
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT library)
  install(EXPORT PluginIPCShared NAMESPACE PluginIPC:: DESTINATION ${packagedir} COMPONENT dev)
endif()

get_property(files GLOBAL PROPERTY PIPC_MODULE_FILES)
if(files)
  install(TARGETS ${files} LIBRARY DESTINATION ${PIPC_INSTALL_MODULEDIR} COMPONENT modules
    RUNTIME DESTINATION ${PIPC_INSTALL_MODULEDIR} COMPONENT modules)
endif()

get_property(builtin_transports GLOBAL PROPERTY PIPC_BUILTIN_TRANSPORTS)
get_property(builtin_codecs GLOBAL PROPERTY PIPC_BUILTIN_CODECS)
set(PIPC_BUILTIN_NAMES ${builtin_transports} ${builtin_codecs})
configure_package_config_file(${templates}/PluginIPCConfig.cmake.in ${PROJECT_BINARY_DIR}/PluginIPCConfig.cmake
  INSTALL_DESTINATION ${packagedir} PATH_VARS PIPC_INSTALL_MODULEDIR CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/PluginIPCConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/PluginIPCConfig.cmake ${PROJECT_BINARY_DIR}/PluginIPCConfigVersion.cmake
  DESTINATION ${packagedir} COMPONENT dev)

# What a file of pkg-config says depends on the prefix, which is known when it is installed and not before.
set(PIPC_PC_LIBS -lpipc)
set(PIPC_PC_PRIVATE -pthread)
if(PIPC_LOADER)
  set(PIPC_PC_PRIVATE "-pthread -ldl")
else()
  set(PIPC_PC_LIBS "-lpipc -pthread")
endif()
set(PIPC_PREFIX "@PIPC_PREFIX@")
configure_file(${templates}/pipc.pc.in ${PROJECT_BINARY_DIR}/pipc.pc.in @ONLY)
install(CODE "
  set(PIPC_PREFIX \"\${CMAKE_INSTALL_PREFIX}\")
  configure_file(\"${PROJECT_BINARY_DIR}/pipc.pc.in\" \"${PROJECT_BINARY_DIR}/pipc.pc\" @ONLY)" COMPONENT dev)
install(FILES ${PROJECT_BINARY_DIR}/pipc.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

# The author kit, and what Wireshark needs to know of traces.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/tools/templates DESTINATION ${CMAKE_INSTALL_DATADIR}/pipc COMPONENT dev)
install(FILES ${PROJECT_SOURCE_DIR}/transports/trace/pipc.lua DESTINATION ${CMAKE_INSTALL_DATADIR}/pipc/wireshark COMPONENT tools)

if(TARGET pipc_tool)
  install(TARGETS pipc_tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
  install(FILES ${PROJECT_SOURCE_DIR}/tools/pipc/completion.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
    RENAME pipc COMPONENT tools)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/examples/systemd DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT tools)
endif()
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT dev)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/examples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT dev
  PATTERN systemd EXCLUDE)
foreach(component library modules dev tools)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${PIPC_PACKAGE_${component}} RENAME copyright
    COMPONENT ${component})
endforeach()

include(PipcMan)

configure_file(${templates}/uninstall.cmake.in ${PROJECT_BINARY_DIR}/uninstall.cmake @ONLY)
add_custom_target(uninstall COMMAND ${CMAKE_COMMAND} -P ${PROJECT_BINARY_DIR}/uninstall.cmake)

# All that an installation needs, without tests: cmake --build build/release --target product && cmake --install build/release
set(product pipc_static ${files})
foreach(target pipc pipc_tool man)
  if(TARGET ${target})
    list(APPEND product ${target})
  endif()
endforeach()
add_custom_target(product DEPENDS ${product})
