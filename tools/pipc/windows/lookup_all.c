/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of a lookup: all processes of this machine. There are no cgroups here.
 */
#include "../lookup.h"

#include <stdlib.h>
#include <windows.h>

#include <tlhelp32.h>

static int all_pids(struct lookup_keys *k)
{
    const HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    PROCESSENTRY32W entry = {.dwSize = sizeof(entry)};
    bool good = true;

    if (snapshot == INVALID_HANDLE_VALUE)
        return fail_with(k->o, PIPC_ERR_BAD_PARAM, EXIT_FAILED,
                         "the processes cannot be listed: error %lu",
                         (unsigned long)GetLastError());
    for (BOOL more = Process32FirstW(snapshot, &entry); more && good;
         more = Process32NextW(snapshot, &entry))
        good = lookup_add_pid(k, entry.th32ProcessID);
    CloseHandle(snapshot);
    return good ? -1 : lookup_no_memory(k);
}

int lookup_keys_all(struct lookup_keys *k)
{
    if (lookup_is_apps(k->kind))
        return all_pids(k);
    return fail_with(k->o, PIPC_ERR_NOT_SUPPORTED, EXIT_FAILED, "this system has no cgroups");
}

void lookup_keys_free(struct lookup_keys *k)
{
    free(k->keys);
}
