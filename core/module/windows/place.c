/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the shared library lies, so that modules are found beside it wherever it was installed.
 *
 * Reads the loader's records, nothing from the environment. Any thread.
 */
#include "../loader.h"

#include <pipc_builtin.h>

#include <windows.h>

#include <stdio.h>
#include <string.h>

#define WIDE_LEN 1024u

/* The library's own file in UTF-8; its length, 0 when that cannot be told. */
static size_t own_file(char path[PIPCI_PLACE_LEN])
{
    wchar_t wide[WIDE_LEN];
    HMODULE self = NULL;

    if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                            (LPCWSTR)(const void *)&pipci_modules_beside, &self))
        return 0;
    const DWORD len = GetModuleFileNameW(self, wide, WIDE_LEN);
    if (len == 0 || len >= WIDE_LEN) /* a name that was cut off is no name */
        return 0;
    const int used =
        WideCharToMultiByte(CP_UTF8, 0, wide, (int)len, path, PIPCI_PLACE_LEN - 1, NULL, NULL);
    path[used > 0 ? used : 0] = '\0';
    return used > 0 ? (size_t)used : 0;
}

bool pipci_loader_place(const char *below, char path[PIPCI_PLACE_LEN])
{
    char *const slash = own_file(path) ? strrchr(path, '\\') : NULL;

    if (!slash)
        return false;
    const size_t used = (size_t)(slash - path) + 1;
    return (size_t)snprintf(path + used, PIPCI_PLACE_LEN - used, "%s", below) <
           PIPCI_PLACE_LEN - used;
}
