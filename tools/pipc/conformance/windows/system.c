/* SPDX-License-Identifier: Apache-2.0
 *
 * What the cases need of Windows. See system.h.
 *
 * There is no fork: the other process of a case is this program anew, which runs the same case from
 * its beginning up to the call of kit_fork and goes on there with what that is given. What it makes
 * on the way it makes for itself; its pipes are those of the case, in the order in which they were
 * made, which an environment variable names.
 */
#include "../system.h"
#include "begin.h"

#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define PIPES    "PIPC_KIT_PIPES"
#define PIPE_MAX 4

uint32_t kit_cpus(void)
{
    const DWORD count = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);

    return count ? count : 1;
}

void kit_peer_check(const struct pipc_peer *peer)
{
    KIT_CHECK_MSG(!(peer->known & PIPC_PEER_PID) || peer->pid == GetCurrentProcessId(),
                  "the peer's pid is told as %u, it is %u", peer->pid,
                  (unsigned)GetCurrentProcessId());
    KIT_CHECK_MSG(!(peer->known & (PIPC_PEER_UID | PIPC_PEER_GID)),
                  "users and groups are no numbers on this system");
}

void kit_folder_make(const char *path)
{
    (void)CreateDirectoryA(path, NULL);
}

void kit_sleep_ms(unsigned ms)
{
    Sleep(ms);
}

void kit_pause(void)
{
    for (;;)
        Sleep(INFINITE);
}

/* ---- handles ---- */

void kit_stop_make(struct kit_stop *stop)
{
    const HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    KIT_CHECK(event);
    stop->handle = (pipc_handle)event;
    stop->other = PIPC_NO_HANDLE;
}

void kit_stop_set(struct kit_stop *stop)
{
    KIT_CHECK(SetEvent((HANDLE)stop->handle));
}

/* As with a byte that is taken: what was seen once is gone. */
bool kit_stop_kept(struct kit_stop *stop)
{
    const bool kept = kit_readable(stop->handle, 0);

    ResetEvent((HANDLE)stop->handle);
    return kept;
}

void kit_stop_free(struct kit_stop *stop)
{
    CloseHandle((HANDLE)stop->handle);
}

bool kit_readable(pipc_handle handle, int ms)
{
    return WaitForSingleObject((HANDLE)handle, (DWORD)ms) == WAIT_OBJECT_0;
}

bool kit_writable(pipc_handle handle, int ms)
{
    return kit_readable(handle, ms);
}

pipc_handle kit_handle_copy(pipc_handle handle)
{
    HANDLE copy = NULL;

    KIT_CHECK(DuplicateHandle(GetCurrentProcess(), (HANDLE)handle, GetCurrentProcess(), &copy, 0,
                              FALSE, DUPLICATE_SAME_ACCESS));
    return (pipc_handle)copy;
}

bool kit_handle_is_open(pipc_handle handle)
{
    DWORD flags;

    return GetHandleInformation((HANDLE)handle, &flags);
}

bool kit_handle_is_private(pipc_handle handle)
{
    DWORD flags = 0;

    return GetHandleInformation((HANDLE)handle, &flags) && !(flags & HANDLE_FLAG_INHERIT);
}

/* ---- signals ---- */

void kit_signals_storm(bool on)
{
    (void)on;
    kit_absent("this system interrupts no calls by signals");
}

void kit_signals_take(void)
{
    kit_absent("this system has no handlers of signals that a module could change");
}

void kit_signals_check(void) {}

/* ---- the other process ---- */

static HANDLE pipe_handles[2 * PIPE_MAX]; /* copies for the other process: inheritable */
static unsigned pipe_count;
static bool arrived;

static const char *inherited(void)
{
    return getenv(PIPES);
}

bool kit_on_the_way(void)
{
    return inherited() && !arrived;
}

/* The end of number `n` of those that were handed on. */
static HANDLE handed_on(unsigned n)
{
    const char *at = inherited();

    for (; n > 0 && at; n--)
        at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL;
    KIT_CHECK_MSG(at && *at, "the case makes more pipes in the other process");
    return (HANDLE)(uintptr_t)strtoull(at, NULL, 16);
}

static int descriptor_of(HANDLE handle, int flags)
{
    const int fd = _open_osfhandle((intptr_t)handle, flags | _O_BINARY);

    KIT_CHECK(fd >= 0);
    return fd;
}

void kit_pipe(int ends[2])
{
    HANDLE made[2];
    const unsigned at = 2 * pipe_count++;

    KIT_CHECK(pipe_count <= PIPE_MAX);
    if (kit_on_the_way()) {
        made[0] = handed_on(at);
        made[1] = handed_on(at + 1);
    } else {
        KIT_CHECK(CreatePipe(&made[0], &made[1], NULL, 0));
        for (unsigned i = 0; i < 2; i++)
            KIT_CHECK(DuplicateHandle(GetCurrentProcess(), made[i], GetCurrentProcess(),
                                      &pipe_handles[at + i], 0, TRUE, DUPLICATE_SAME_ACCESS));
    }
    ends[0] = descriptor_of(made[0], _O_RDONLY);
    ends[1] = descriptor_of(made[1], _O_WRONLY);
}

static void pipes_name(void)
{
    char text[256] = "";

    for (unsigned i = 0; i < 2 * pipe_count; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%llx", i ? "," : "",
                 (unsigned long long)(uintptr_t)pipe_handles[i]);
    SetEnvironmentVariableA(PIPES, text[0] ? text : "-");
}

kit_process kit_fork(void (*run)(void *arg), void *arg)
{
    STARTUPINFOW start = {.cb = sizeof(start)};
    PROCESS_INFORMATION child;
    static wchar_t command[8192];

    fflush(stdout);
    if (kit_on_the_way()) {
        arrived = true;
        run(arg);
        fflush(stdout);
        _Exit(KIT_EXIT_OK);
    }
    pipes_name();
    snwprintf(command, sizeof(command) / sizeof(command[0]), L"%ls", GetCommandLineW());
    const BOOL started = begin_process(NULL, command, TRUE, 0, &start, &child);
    const DWORD error = GetLastError();
    SetEnvironmentVariableA(PIPES, NULL);
    KIT_CHECK_MSG(started, "no other process: error %lu", (unsigned long)error);
    for (unsigned i = 0; i < 2 * pipe_count; i++)
        CloseHandle(pipe_handles[i]);
    CloseHandle(child.hThread);
    return (kit_process)child.hProcess;
}

void kit_child_wait(kit_process child)
{
    TerminateProcess((HANDLE)child, 0);
    kit_absent("this system has no forked processes");
}

void kit_child_kill(kit_process child)
{
    KIT_CHECK(TerminateProcess((HANDLE)child, 1));
    KIT_CHECK(WaitForSingleObject((HANDLE)child, INFINITE) == WAIT_OBJECT_0);
    CloseHandle((HANDLE)child);
}
