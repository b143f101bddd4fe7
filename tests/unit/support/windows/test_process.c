/* SPDX-License-Identifier: Apache-2.0
 *
 * The plain runner's processes on Windows: this program anew for each test, with --here.
 */
#include "../test_system.h"
#include "test.h"

#include <windows.h>

int test_system_run(void (*body)(const void *arg), const void *arg, const char *name,
                    unsigned limit_ms)
{
    STARTUPINFOA start = {.cb = sizeof(start)};
    PROCESS_INFORMATION child;
    char self[MAX_PATH], command[MAX_PATH + 300];
    DWORD status = 0;

    (void)body;
    (void)arg;
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    GetModuleFileNameA(NULL, self, sizeof(self));
    snprintf(command, sizeof(command), "\"%s\" --here %s", self, name);
    for (int tries = 1;
         !CreateProcessA(self, command, NULL, NULL, TRUE, 0, NULL, NULL, &start, &child); tries++) {
        const DWORD error = GetLastError();
        /* A busy Wine was seen to lose a process that it begins. */
        if (error != ERROR_INTERNAL_ERROR || tries == 4) {
            fprintf(stderr, "%s: error %lu\n", command, (unsigned long)error);
            exit(1);
        }
        Sleep(100);
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
