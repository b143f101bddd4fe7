/* SPDX-License-Identifier: Apache-2.0
 *
 * A case's process and its directory, on Windows: this program anew, in a job that ends with it.
 */
#include "../kit.h"
#include "begin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

bool kit_dir_make(const char *parent, char *ret_path, size_t len)
{
    static unsigned number;
    char usual[MAX_PATH];

    if (!parent) {
        const DWORD used = GetTempPathA(sizeof(usual), usual);
        usual[used > 3 ? used - 1 : used] = 0; /* it ends with a backslash */
        parent = usual;
    }
    for (unsigned i = 0; i < 1000; i++) {
        if ((size_t)snprintf(ret_path, len, "%s/pc%lx-%u", parent,
                             (unsigned long)GetCurrentProcessId(), number++) >= len) {
            errno = ENAMETOOLONG;
            return false;
        }
        if (CreateDirectoryA(ret_path, NULL))
            return true;
        if (GetLastError() != ERROR_ALREADY_EXISTS)
            break;
    }
    errno = EACCES;
    return false;
}

void kit_dir_remove(const char *path)
{
    WIN32_FIND_DATAA found;
    char text[MAX_PATH];

    snprintf(text, sizeof(text), "%s/*", path);
    const HANDLE find = FindFirstFileA(text, &found);
    if (find != INVALID_HANDLE_VALUE) {
        do {
            if (strcmp(found.cFileName, ".") == 0 || strcmp(found.cFileName, "..") == 0)
                continue;
            snprintf(text, sizeof(text), "%s/%s", path, found.cFileName);
            if (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
                kit_dir_remove(text);
            else
                DeleteFileA(text);
        } while (FindNextFileA(find, &found));
        FindClose(find);
    }
    RemoveDirectoryA(path);
}

/* ---- the command line of the case ---- */

/* Appends an argument as the C library of the other process reads it. */
static void quote(wchar_t *line, size_t room, const wchar_t *argument)
{
    size_t at = wcslen(line), slashes = 0;

    line[at++] = L'"';
    for (; *argument && at + 2 * slashes + 4 < room; argument++) {
        if (*argument == L'\\') {
            slashes++;
        } else if (*argument == L'"') {
            for (size_t i = 0; i <= slashes; i++)
                line[at++] = L'\\';
            slashes = 0;
        } else {
            slashes = 0;
        }
        line[at++] = *argument;
    }
    for (; slashes > 0; slashes--)
        line[at++] = L'\\';
    line[at++] = L'"';
    line[at++] = L' ';
    line[at] = 0;
}

static void line_make(char *const *argv, wchar_t *line, size_t room)
{
    wchar_t argument[4096];

    line[0] = 0;
    for (; *argv; argv++) {
        argument[0] = 0;
        MultiByteToWideChar(CP_UTF8, 0, *argv, -1, argument, 4096);
        quote(line, room, argument);
    }
}

/* ---- the process ---- */

struct running {
    HANDLE process, job, out;
};

static bool start(char *const *argv, struct running *r)
{
    static wchar_t line[32768], self[MAX_PATH];
    SECURITY_ATTRIBUTES inherit = {.nLength = sizeof(inherit), .bInheritHandle = TRUE};
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {.BasicLimitInformation.LimitFlags =
                                                       JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE};
    STARTUPINFOW info = {.cb = sizeof(info), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION child;
    HANDLE in;

    if (!CreatePipe(&r->out, &in, &inherit, 65536))
        return false;
    SetHandleInformation(r->out, HANDLE_FLAG_INHERIT, 0);
    info.hStdOutput = info.hStdError = in;
    r->job = CreateJobObjectW(NULL, NULL);
    SetInformationJobObject(r->job, JobObjectExtendedLimitInformation, &limits, sizeof(limits));
    line_make(argv, line, 32768);
    GetModuleFileNameW(NULL, self, MAX_PATH);
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    const BOOL started = begin_process(self, line, TRUE, CREATE_SUSPENDED, &info, &child);
    CloseHandle(in);
    if (!started) {
        CloseHandle(r->out);
        CloseHandle(r->job);
        return false;
    }
    AssignProcessToJobObject(r->job, child.hProcess);
    ResumeThread(child.hThread);
    CloseHandle(child.hThread);
    r->process = child.hProcess;
    return true;
}

/* Takes what was printed so far; more than fits is read and dropped. */
static void output_take(HANDLE out, struct kit_outcome *outcome)
{
    char buffer[1024];
    DWORD there = 0, got = 0;

    while (PeekNamedPipe(out, NULL, 0, NULL, &there, NULL) && there > 0 &&
           ReadFile(out, buffer, sizeof(buffer), &got, NULL) && got > 0) {
        const size_t used = strlen(outcome->text), room = sizeof(outcome->text) - 1 - used;
        const size_t len = got < room ? got : room;
        for (size_t i = 0; i < len; i++)
            outcome->text[used + i] = buffer[i] ? buffer[i] : '?';
        outcome->text[used + len] = 0;
    }
}

const char *kit_signal_text(int number)
{
    (void)number;
    return "an exception";
}

void kit_process_begin(void)
{
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
}

bool kit_process_run(char *const *argv, uint32_t limit_s, struct kit_outcome *ret_outcome)
{
    const uint64_t end = now_ms() + (uint64_t)limit_s * 1000;
    struct running r;
    DWORD status = 0;
    bool over = false;

    memset(ret_outcome, 0, sizeof(*ret_outcome));
    if (!start(argv, &r)) {
        snprintf(ret_outcome->text, sizeof(ret_outcome->text), "no process for the case: error %lu",
                 (unsigned long)GetLastError());
        return false;
    }
    while (!over && now_ms() < end && !signals_came()) {
        over = WaitForSingleObject(r.process, 20) == WAIT_OBJECT_0;
        output_take(r.out, ret_outcome);
    }
    ret_outcome->late = !over;
    CloseHandle(r.job); /* ends all that is left in it */
    TerminateProcess(r.process, 1);
    WaitForSingleObject(r.process, INFINITE);
    GetExitCodeProcess(r.process, &status);
    output_take(r.out, ret_outcome);
    CloseHandle(r.out);
    CloseHandle(r.process);
    /* Codes of exceptions have the upper bit set; they stand for signals. */
    ret_outcome->signal = status >> 31 ? 11 : 0;
    ret_outcome->exit_code = ret_outcome->late || status >> 31 ? -1 : (int)status;
    return true;
}
