/* SPDX-License-Identifier: Apache-2.0
 *
 * Guarded memory: an access outside an input or output ends the process, and with it the case, at
 * the instruction that does it.
 *
 * The pages of an area are mapped twice, once to write and once to read, each between two pages
 * that cannot be touched. Single-threaded.
 */
#include "../codec_kit.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

static size_t page_size(void)
{
    SYSTEM_INFO info;

    GetSystemInfo(&info);
    return info.dwPageSize;
}

/* Maps a view between two places where nothing can be: it is put into the middle of addresses that
 * were reserved for it, and those in front and behind are reserved again. */
static unsigned char *map_guarded(HANDLE memory, size_t size, DWORD access)
{
    const size_t unit = 65536; /* views begin at multiples of this */

    for (int tries = 0; tries < 100; tries++) {
        unsigned char *const all = VirtualAlloc(NULL, size + 3 * unit, MEM_RESERVE, PAGE_NOACCESS);
        if (!all || !VirtualFree(all, 0, MEM_RELEASE))
            break;
        unsigned char *const view = MapViewOfFileEx(memory, access, 0, 0, size, all + unit);
        if (!view)
            continue;
        const size_t behind = (size + unit - 1) / unit * unit;
        if (VirtualAlloc(all, unit, MEM_RESERVE, PAGE_NOACCESS) &&
            VirtualAlloc(view + behind, unit, MEM_RESERVE, PAGE_NOACCESS))
            return view;
        UnmapViewOfFile(view);
    }
    kit_skip("no guarded memory: error %lu", (unsigned long)GetLastError());
}

void area_open(struct area *area, size_t size)
{
    const size_t page = page_size(), whole = (size + page - 1) / page * page;
    const HANDLE memory =
        CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, (DWORD)whole, NULL);

    if (!memory)
        kit_skip("no guarded memory: error %lu", (unsigned long)GetLastError());
    area->write = map_guarded(memory, whole, FILE_MAP_WRITE);
    area->read = map_guarded(memory, whole, FILE_MAP_READ);
    area->size = whole;
    CloseHandle(memory);
}

/* ---- report of a crash ---- */

void area_say(const char *text, size_t len)
{
    DWORD written;

    (void)WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), text, (DWORD)len, &written, NULL);
}

/* Shows what was under test, then lets the exception end the process. */
static LONG WINAPI on_crash(EXCEPTION_POINTERS *exception)
{
    area_say_shown();
    TerminateProcess(GetCurrentProcess(), exception->ExceptionRecord->ExceptionCode);
    return EXCEPTION_CONTINUE_SEARCH;
}

void area_report_crashes(void)
{
    (void)fflush(stdout);
    SetUnhandledExceptionFilter(on_crash);
}
