/* SPDX-License-Identifier: Apache-2.0
 *
 * The plain runner's processes on Windows: this program anew for each test, with --here.
 */
#include "../test_system.h"
#include "test.h"
#include "tools/pipc/conformance/windows/begin.h"

#include <wchar.h>

int test_system_run(void (*body)(const void *arg), const void *arg, const char *name,
                    unsigned limit_ms)
{
    STARTUPINFOW start = {.cb = sizeof(start)};
    PROCESS_INFORMATION child;
    wchar_t self[MAX_PATH], command[MAX_PATH + 300];
    DWORD status = 0;

    (void)body;
    (void)arg;
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    GetModuleFileNameW(NULL, self, MAX_PATH);
    (void)swprintf(command, sizeof(command) / sizeof(command[0]), L"\"%ls\" --here %hs", self,
                   name);
    if (!begin_process(self, command, TRUE, 0, &start, &child)) {
        fprintf(stderr, "%s: no process: error %lu\n", name, (unsigned long)GetLastError());
        exit(1);
    }
    const bool late = WaitForSingleObject(child.hProcess, limit_ms) == WAIT_TIMEOUT;
    if (late) {
        TerminateProcess(child.hProcess, 1);
        WaitForSingleObject(child.hProcess, INFINITE);
    }
    GetExitCodeProcess(child.hProcess, &status);
    CloseHandle(child.hThread);
    CloseHandle(child.hProcess);
    return late ? -1 : (int)status;
}

/* Codes of exceptions are negative numbers. */
void test_system_death(int status, char *buf, size_t cap)
{
    snprintf(buf, cap, "exception %08lx", (unsigned long)(unsigned)status);
}
