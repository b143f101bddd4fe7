/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of the system that come to the test first: recorded, and refused when it asks for that.
 *
 * Programs that are linked with calls/win_calls.c only. Any thread may call; arranged before the
 * threads begin.
 */
#ifndef PIPC_TESTS_WIN_CALLS_H
#define PIPC_TESTS_WIN_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

enum win_call {
    WIN_CreateNamedPipeW,
    WIN_ConnectNamedPipe,
    WIN_DisconnectNamedPipe,
    WIN_WaitNamedPipeW,
    WIN_CreateFileW,
    WIN_SetNamedPipeHandleState,
    WIN_ReadFile,
    WIN_WriteFile,
    WIN_CreateEventW,
    WIN_OpenProcessToken,
    WIN_GetTokenInformation,
    WIN_ConvertStringSecurityDescriptorToSecurityDescriptorA,
    WIN_TrySubmitThreadpoolCallback,
    WIN_GetNamedPipeClientProcessId,
    WIN_PeekNamedPipe,
    WIN_CreateFileMappingW,
    WIN_MapViewOfFile,
    WIN_OpenFileMappingW,
    WIN_OpenEventW,
    WIN_VirtualQuery,
    WIN_CALLS
};

/* Lets `after` calls pass, then refuses `times` of them with `code` as the last error. */
void win_refuse(enum win_call call, uint32_t after, uint32_t times, DWORD code);
/* Calls since the beginning, refused ones among them. */
uint32_t win_count(enum win_call call);
/* Runs `what(arg)` on the calling thread before the next of these calls, those that it makes itself
 * excepted; true: before the one after it, too. */
void win_before(enum win_call call, bool (*what)(void *arg), void *arg);

/* Arguments of the n-th CreateNamedPipeW, CreateFileW, CreateFileMappingW or CreateEventW with a
 * name. */
struct win_made {
    enum win_call call;
    char name[300];
    DWORD access; /* open mode, desired access, protection */
    DWORD mode;   /* pipe mode, flags */
    DWORD instances, out_size, in_size, timeout;
    DWORD share, disposition;
    uint64_t size;
    BOOL secured, inherited, manual, initial;
    char sddl[300]; /* of the DACL */
};
uint32_t win_made_count(void);
const struct win_made *win_made(uint32_t n);
void win_made_forget(void);

#endif
