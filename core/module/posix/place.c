/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the shared library lies, so that modules are found beside it wherever it was installed.
 *
 * Reads the linker's records and the file system, nothing from the environment. Any thread.
 */
#include "../loader.h"

#include <pipc_builtin.h>

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if PATH_MAX > PIPCI_PLACE_LEN
#error "realpath may write PATH_MAX bytes"
#endif

bool pipci_loader_place(const char *below, char path[PIPCI_PLACE_LEN])
{
    Dl_info info;

    /* A relative name was taken from a directory that may be another one by now. */
    if (!dladdr(&pipci_modules_beside, &info) || !info.dli_fname || info.dli_fname[0] != '/' ||
        !realpath(info.dli_fname, path))
        return false;
    const size_t used = (size_t)(strrchr(path, '/') - path) + 1;
    return (size_t)snprintf(path + used, PIPCI_PLACE_LEN - used, "%s", below) <
           PIPCI_PLACE_LEN - used;
}
