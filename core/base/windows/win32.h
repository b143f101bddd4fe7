/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of windows/ share: texts in UTF-16, time as the wait functions take it, handles.
 *
 * Paths and names are UTF-8 everywhere in the library; the wide functions of the system are called
 * and nothing depends on a code page. Any thread.
 */
#ifndef PIPCI_WIN32_H
#define PIPCI_WIN32_H

#include "../platform.h"

#include <windows.h>

/* The most handles that the system waits for in one call. */
#define PIPCI_WAIT_MAX 64u

static inline HANDLE pipci_win_handle(pipc_handle handle)
{
    return (HANDLE)handle;
}

/* UTF-8 to UTF-16 in memory of `a`, with backslashes for slashes; NULL with *ret_code set to a
 * system's code: ERROR_NO_UNICODE_TRANSLATION, ERROR_NOT_ENOUGH_MEMORY. */
wchar_t *pipci_win_path(const struct pipc_allocator *a, const char *path, DWORD *ret_code);
/* UTF-16 to UTF-8, cut to fit; false if it was cut or is no UTF-16. */
bool pipci_win_utf8(const wchar_t *text, char *buf, size_t cap);
/* Milliseconds until the deadline, rounded up, for a wait function: INFINITE for PIPC_NEVER, less
 * for all others. */
DWORD pipci_win_wait_ms(uint64_t deadline_ns);

/* Who may have changed, or may read, the object behind an open handle. */
enum {
    PIPCI_WIN_OWNER_FOREIGN = 1u, /* the owner is not trusted */
    PIPCI_WIN_OTHERS_WRITE = 2u,  /* somebody else may write it or add to it */
    PIPCI_WIN_OTHERS_READ = 4u    /* somebody else may read it */
};
/* Trusted are the user of this process, LocalSystem, the Administrators and the installer of the
 * system. *ret_found gets the bits above. ERROR_SUCCESS or the system's code. */
DWORD pipci_win_examine(HANDLE file, uint32_t *ret_found);

#endif
