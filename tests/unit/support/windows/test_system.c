/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests need of Windows: directories, handles, threads.
 *
 * There is no fork: test_in_child and test_become_nobody do not exist here, and tests that need
 * them are not in the build's list.
 */
#include "../test_system.h"
#include "test.h"

#include <windows.h>

#include <tlhelp32.h>

static DWORD test_thread;

void test_system_started(void)
{
    test_thread = GetCurrentThreadId();
}

int test_system_place(void)
{
    return GetCurrentThreadId() == test_thread ? TEST_PLACE_TEST : TEST_PLACE_THREAD;
}

void test_system_remove(const char *dir)
{
    char path[MAX_PATH];
    WIN32_FIND_DATAA found;

    snprintf(path, sizeof(path), "%s\\*", dir);
    const HANDLE find = FindFirstFileA(path, &found);
    if (find != INVALID_HANDLE_VALUE) {
        do {
            if (strcmp(found.cFileName, ".") == 0 || strcmp(found.cFileName, "..") == 0)
                continue;
            snprintf(path, sizeof(path), "%s\\%s", dir, found.cFileName);
            if (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
                test_system_remove(path);
            else
                DeleteFileA(path);
        } while (FindNextFileA(find, &found));
        FindClose(find);
    }
    RemoveDirectoryA(dir);
}

void test_system_make_dir(char *buf, size_t cap, const char *base)
{
    char temporary[MAX_PATH];

    if (!base || strlen(base) > 24) {
        const DWORD len = GetTempPathA(sizeof(temporary), temporary);
        temporary[len > 3 ? len - 1 : len] = '\0'; /* it ends with a backslash */
        base = temporary;
    }
    for (unsigned i = 0; i < 1000; i++) {
        LARGE_INTEGER now;
        QueryPerformanceCounter(&now);
        snprintf(buf, cap, "%s/pt-%lx-%x", base, (unsigned long)GetCurrentProcessId(),
                 (unsigned)now.LowPart + i);
        if (CreateDirectoryA(buf, NULL))
            return;
        if (GetLastError() != ERROR_ALREADY_EXISTS)
            break;
    }
    test_fail(__FILE__, __LINE__, "%s: error %lu", buf, (unsigned long)GetLastError());
}

void test_system_pause(void)
{
    Sleep(1);
}

uint64_t test_now_ms(void)
{
    LARGE_INTEGER frequency, now;

    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&now);
    return (uint64_t)now.QuadPart / ((uint64_t)frequency.QuadPart / 1000);
}

/* An entry of the system's table of all handles; see NtQuerySystemInformation, 64. */
struct table_entry {
    void *object;
    ULONG_PTR process;
    ULONG_PTR handle;
    ULONG access, trace_type, attributes, reserved;
};
#define TABLE_OF_HANDLES 64
typedef LONG(WINAPI *query_system)(ULONG what, void *buf, ULONG len, ULONG *ret_len);

/* Wine 8 does not count the handles of a process, but it has the table of all. */
static unsigned count_in_table(void)
{
    static ULONG_PTR table[1 << 17];
    const query_system query = (query_system)(uintptr_t)GetProcAddress(
        GetModuleHandleA("ntdll.dll"), "NtQuerySystemInformation");
    const struct table_entry *const entries = (const struct table_entry *)&table[2];
    ULONG len = 0;
    unsigned count = 0;

    if (!query || query(TABLE_OF_HANDLES, table, sizeof(table), &len) != 0)
        test_fail(__FILE__, __LINE__, "the handles of this process cannot be counted");
    for (ULONG_PTR i = 0; i < table[0]; i++)
        count += entries[i].process == GetCurrentProcessId();
    return count;
}

unsigned test_open_descriptors(void)
{
    DWORD count = 0;

    if (GetProcessHandleCount(GetCurrentProcess(), &count) && count > 0)
        return count;
    return count_in_table();
}

unsigned test_threads(void)
{
    const HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 entry = {.dwSize = sizeof(entry)};
    unsigned count = 0;

    if (snapshot == INVALID_HANDLE_VALUE)
        test_fail(__FILE__, __LINE__, "threads: error %lu", (unsigned long)GetLastError());
    for (BOOL more = Thread32First(snapshot, &entry); more; more = Thread32Next(snapshot, &entry))
        count += entry.th32OwnerProcessID == GetCurrentProcessId();
    CloseHandle(snapshot);
    return count;
}

unsigned test_mapped(const char *part)
{
    const HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPMODULE, 0);
    MODULEENTRY32 entry = {.dwSize = sizeof(entry)};
    wchar_t wide[MAX_PATH];
    unsigned count = 0;

    if (snapshot == INVALID_HANDLE_VALUE)
        test_fail(__FILE__, __LINE__, "modules: error %lu", (unsigned long)GetLastError());
    MultiByteToWideChar(CP_UTF8, 0, part, -1, wide, MAX_PATH);
    for (BOOL more = Module32FirstW(snapshot, &entry); more; more = Module32NextW(snapshot, &entry))
        count += wcsstr(entry.szExePath, wide) != NULL;
    CloseHandle(snapshot);
    return count;
}
