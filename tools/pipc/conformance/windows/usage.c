/* SPDX-License-Identifier: Apache-2.0
 *
 * What this process holds of the system, from the system's table of handles. See usage.h.
 */
#include "../usage.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <tlhelp32.h>

/* An entry of that table; see NtQuerySystemInformation, 64. */
struct entry {
    void *object;
    ULONG_PTR process;
    ULONG_PTR handle;
    ULONG access, trace_type, attributes, reserved;
};
#define TABLE_OF_HANDLES 64
/* Handles that the system may have added for itself. */
#define SLACK 2u
typedef LONG(WINAPI *query_system)(ULONG what, void *buf, ULONG len, ULONG *ret_len);

static ULONG_PTR table[1 << 18];

/* All handles of the system; *ret_count of them. */
static const struct entry *handles(ULONG_PTR *ret_count)
{
    const query_system query = (query_system)(uintptr_t)GetProcAddress(
        GetModuleHandleA("ntdll.dll"), "NtQuerySystemInformation");
    ULONG len = 0;

    KIT_CHECK_MSG(query && query(TABLE_OF_HANDLES, table, sizeof(table), &len) == 0,
                  "the handles of this process cannot be counted");
    *ret_count = table[0];
    return (const struct entry *)&table[2];
}

static unsigned count_handles(void)
{
    ULONG_PTR count;
    const struct entry *const entries = handles(&count);
    unsigned own = 0;

    for (ULONG_PTR i = 0; i < count; i++)
        own += entries[i].process == GetCurrentProcessId();
    return own;
}

static unsigned count_threads(void)
{
    const HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 entry = {.dwSize = sizeof(entry)};
    unsigned count = 0;

    for (BOOL more = Thread32First(snapshot, &entry); more; more = Thread32Next(snapshot, &entry))
        count += entry.th32OwnerProcessID == GetCurrentProcessId();
    CloseHandle(snapshot);
    return count;
}

static unsigned count_files(const char *path)
{
    WIN32_FIND_DATAA found;
    char pattern[MAX_PATH];
    unsigned count = 0;

    snprintf(pattern, sizeof(pattern), "%s/*", path);
    const HANDLE find = FindFirstFileA(pattern, &found);
    if (find == INVALID_HANDLE_VALUE)
        return 0;
    do
        count += strcmp(found.cFileName, ".") != 0 && strcmp(found.cFileName, "..") != 0;
    while (FindNextFileA(find, &found));
    FindClose(find);
    return count;
}

/* Views of mapped memory, whatever it is of. */
static unsigned count_views(void)
{
    MEMORY_BASIC_INFORMATION area;
    const char *at = NULL;
    unsigned count = 0;

    while (VirtualQuery(at, &area, sizeof(area)) == sizeof(area)) {
        count += area.Type == MEM_MAPPED && area.BaseAddress == area.AllocationBase;
        at = (const char *)area.BaseAddress + area.RegionSize;
    }
    return count;
}

void kit_usage_take(const struct kit *kit, struct kit_usage *ret_usage)
{
    char run[64];

    snprintf(run, sizeof(run), "%s/r", kit->dir);
    ret_usage->descriptors = count_handles();
    ret_usage->threads = count_threads();
    ret_usage->files = count_files(run);
    ret_usage->mappings = count_views();
}

void kit_usage_same(const struct kit *kit, const struct kit_usage *before, const char *after_what)
{
    struct kit_usage now;

    /* Handles of threads that have ended are closed a moment later. The system makes an event for a
     * lock of its own when it is contended for the first time, and keeps it. */
    for (int tries = 0; tries < 50; tries++) {
        kit_usage_take(kit, &now);
        if (now.descriptors <= before->descriptors + SLACK && now.threads == before->threads)
            break;
        Sleep(10);
    }
    KIT_CHECK_MSG(now.descriptors <= before->descriptors + SLACK,
                  "%s: %u handles are open, %u before it", after_what, now.descriptors,
                  before->descriptors);
    KIT_CHECK_MSG(now.files == before->files, "%s: %u files, %u before it", after_what, now.files,
                  before->files);
    KIT_CHECK_MSG(now.mappings == before->mappings, "%s: %u mappings, %u before it", after_what,
                  now.mappings, before->mappings);
    KIT_CHECK_MSG(now.threads == before->threads, "%s: %u threads, %u before it", after_what,
                  now.threads, before->threads);
}

void kit_descriptors(pipc_handle ret_list[KIT_DESCRIPTORS_MAX])
{
    ULONG_PTR count;
    const struct entry *const entries = handles(&count);
    size_t used = 0;

    for (ULONG_PTR i = 0; i < count && used + 1 < KIT_DESCRIPTORS_MAX; i++)
        if (entries[i].process == GetCurrentProcessId())
            ret_list[used++] = (pipc_handle)entries[i].handle;
    ret_list[used] = -1;
}

static bool listed(const pipc_handle *list, pipc_handle handle)
{
    while (*list >= 0 && *list != handle)
        list++;
    return *list == handle;
}

void kit_descriptors_check(const pipc_handle before[KIT_DESCRIPTORS_MAX])
{
    pipc_handle now[KIT_DESCRIPTORS_MAX];

    kit_descriptors(now);
    for (size_t i = 0; now[i] >= 0; i++) {
        DWORD flags = 0;
        if (!listed(before, now[i]) && GetHandleInformation((HANDLE)now[i], &flags))
            KIT_CHECK_MSG(!(flags & HANDLE_FLAG_INHERIT),
                          "handle 0x%llx is inherited by programs that are started",
                          (unsigned long long)now[i]);
    }
}

void kit_files_remove(const char *path)
{
    WIN32_FIND_DATAA found;
    char text[MAX_PATH];

    snprintf(text, sizeof(text), "%s/*", path);
    const HANDLE find = FindFirstFileA(text, &found);
    if (find == INVALID_HANDLE_VALUE)
        return;
    do {
        snprintf(text, sizeof(text), "%s/%s", path, found.cFileName);
        DeleteFileA(text);
    } while (FindNextFileA(find, &found));
    FindClose(find);
}
