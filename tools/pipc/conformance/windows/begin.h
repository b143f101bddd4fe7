/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting another process on Windows; for the kit and for the unit tests. Any thread.
 */
#ifndef PIPC_KIT_BEGIN_H
#define PIPC_KIT_BEGIN_H

#include <windows.h>

#define BEGIN_TRIES    5u
#define BEGIN_PAUSE_MS 100u

/* CreateProcessW(self, line, NULL, NULL, inherit, flags, NULL, NULL, info, ret_child), begun again
 * when Wine loses the process before it has begun: about once in 6,000 times where processes are
 * ended by TerminateProcess meanwhile, and not at the second try. That is no outcome of a test. The
 * call may write to `line`. */
static inline BOOL begin_process(const wchar_t *self, wchar_t *line, BOOL inherit, DWORD flags,
                                 STARTUPINFOW *info, PROCESS_INFORMATION *ret_child)
{
    for (unsigned tries = 1;
         !CreateProcessW(self, line, NULL, NULL, inherit, flags, NULL, NULL, info, ret_child);
         tries++) {
        if (GetLastError() != ERROR_INTERNAL_ERROR || tries == BEGIN_TRIES)
            return FALSE;
        Sleep(BEGIN_PAUSE_MS);
    }
    return TRUE;
}

#endif
