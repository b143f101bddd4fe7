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

/* The sample under test and the input that was put last, for the report of a crash. */
static struct {
    const char *sample;
    const unsigned char *bytes;
    size_t len;
} shown;

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

static const unsigned char *put(struct area *area, size_t at, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(area->write + at, bytes, len);
    shown.bytes = area->read + at;
    shown.len = len;
    return area->read + at;
}

const unsigned char *area_put_last(struct area *area, const void *bytes, size_t len)
{
    KIT_CHECK(len <= area->size);
    return put(area, area->size - len, bytes, len);
}

const unsigned char *area_put_first(struct area *area, const void *bytes, size_t len)
{
    KIT_CHECK(len <= area->size);
    return put(area, 0, bytes, len);
}

/* Bytes in front of a room that are filled and looked at; the rest of an area is never written. */
#define FRONT 64u

static size_t front_of(const struct area *area, size_t cap)
{
    return area->size - cap < FRONT ? area->size - cap : FRONT;
}

unsigned char *area_room(struct area *area, size_t cap, unsigned char fill)
{
    KIT_CHECK(cap <= area->size);
    const size_t front = front_of(area, cap);
    memset(area->write + area->size - cap - front, fill, front + cap);
    return area->write + area->size - cap;
}

static bool all_are(const unsigned char *bytes, size_t len, unsigned char value)
{
    return len == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, len - 1) == 0);
}

bool area_front_kept(const struct area *area, size_t cap, unsigned char fill)
{
    const size_t front = front_of(area, cap);
    return all_are(area->write + area->size - cap - front, front, fill);
}

bool area_kept(const struct area *area, size_t cap, unsigned char fill)
{
    const size_t front = front_of(area, cap);
    return all_are(area->write + area->size - cap - front, front + cap, fill);
}

/* ---- report of a crash ---- */

static void say(const char *text, size_t len)
{
    DWORD written;

    (void)WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), text, (DWORD)len, &written, NULL);
}

/* Shows what was under test, then lets the exception end the process. */
static LONG WINAPI on_crash(EXCEPTION_POINTERS *exception)
{
    static const char digits[] = "0123456789abcdef";

    if (shown.sample) {
        say("sample: ", 8);
        say(shown.sample, strlen(shown.sample));
        say("\n", 1);
    }
    if (shown.bytes)
        say("input: ", 7);
    for (size_t i = 0; shown.bytes && i < shown.len && i < 512; i++)
        say((const char[]){digits[shown.bytes[i] >> 4], digits[shown.bytes[i] & 15]}, 2);
    say("\n", 1);
    TerminateProcess(GetCurrentProcess(), exception->ExceptionRecord->ExceptionCode);
    return EXCEPTION_CONTINUE_SEARCH;
}

void area_show(const char *sample)
{
    shown.sample = sample;
}

void area_report_crashes(void)
{
    (void)fflush(stdout);
    SetUnhandledExceptionFilter(on_crash);
}
