/* SPDX-License-Identifier: Apache-2.0
 *
 * The monotonic clock, which no step of the system's time moves. Any thread.
 */
#include "win32.h"

#define NS_PER_SECOND UINT64_C(1000000000)

uint64_t pipci_clock_ns(void)
{
    LARGE_INTEGER frequency, count;

    /* Neither can fail since Windows XP, and both are answered without entering the kernel. */
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&count);
    const uint64_t per_second = (uint64_t)frequency.QuadPart, ticks = (uint64_t)count.QuadPart;
    return ticks / per_second * NS_PER_SECOND + ticks % per_second * NS_PER_SECOND / per_second;
}

/* The system's cheaper clocks count from another moment, and this one needs no system call. */
uint64_t pipci_clock_coarse_ns(void)
{
    return pipci_clock_ns();
}

DWORD pipci_win_wait_ms(uint64_t deadline_ns)
{
    const int ms = pipci_deadline_poll_ms(deadline_ns);

    return ms < 0 ? INFINITE : (DWORD)ms;
}
