# SPDX-License-Identifier: Apache-2.0
# Build for Linux with musl in place of glibc: cmake --toolchain cmake/musl.cmake, or the preset musl, whose programs are static.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${CMAKE_HOST_SYSTEM_PROCESSOR})
set(CMAKE_C_COMPILER musl-gcc)
set(PIPC_JSONC_CROSS ON)
