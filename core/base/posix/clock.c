/* SPDX-License-Identifier: Apache-2.0
 *
 * The monotonic clock, which no step of the system's time moves. Any thread.
 */
#include "posix.h"

static uint64_t read_clock(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t pipci_clock_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* Linux moves this one with its tick, 10 ms apart at most. */
uint64_t pipci_clock_coarse_ns(void)
{
#ifdef CLOCK_MONOTONIC_COARSE
    return read_clock(CLOCK_MONOTONIC_COARSE);
#else
    return read_clock(CLOCK_MONOTONIC);
#endif
}
