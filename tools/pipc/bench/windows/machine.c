/* SPDX-License-Identifier: Apache-2.0
 *
 * What `pipc bench` asks of Windows: clocks and CPU time. Nothing is pinned, because both sides are
 * threads of one process here, and there are no raw floors.
 */
#include "../bench.h"

#include <windows.h>

uint64_t clock_now(void)
{
    LARGE_INTEGER frequency, count;

    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&count);
    const uint64_t per_second = (uint64_t)frequency.QuadPart, ticks = (uint64_t)count.QuadPart;
    return ticks / per_second * NS_PER_S + ticks % per_second * NS_PER_S / per_second;
}

static uint64_t ns_of(FILETIME time)
{
    return (((uint64_t)time.dwHighDateTime << 32) + time.dwLowDateTime) * 100;
}

/* Of this process; a side's number is no process. */
uint64_t cpu_time_of(pid_t pid)
{
    FILETIME created, ended, kernel, user;

    if ((DWORD)pid != GetCurrentProcessId() ||
        !GetProcessTimes(GetCurrentProcess(), &created, &ended, &kernel, &user))
        return 0;
    return ns_of(kernel) + ns_of(user);
}

uint64_t sleeps_of(pid_t pid)
{
    (void)pid;
    return 0;
}

bool pins_choose(const char *text, struct pins *ret_pins, char *ret_why, size_t why_len)
{
    *ret_pins = (struct pins){-1, -1};
    if (text)
        snprintf(ret_why, why_len, "on this system nothing is pinned");
    return !text;
}

void pin_to(int cpu)
{
    (void)cpu;
}

void pin_off(void) {}

/* ---- floors ---- */

int floor_add(struct row *row, const char *spin, size_t request_len, size_t response_len)
{
    (void)row;
    (void)spin;
    (void)request_len;
    (void)response_len;
    return -1;
}

int floor_connect_add(struct row *row)
{
    (void)row;
    return -1;
}

/* ---- directories ---- */

/* Where services are found is only a text here. */
int base_make(struct bench *bench)
{
    snprintf(bench->base, sizeof(bench->base), "C:/pipc-bench/%lu",
             (unsigned long)GetCurrentProcessId());
    return -1;
}

void base_remove(const char *path)
{
    (void)path;
}

bool dir_make(const char *path)
{
    (void)path;
    return true;
}
