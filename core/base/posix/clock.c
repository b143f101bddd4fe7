/* SPDX-License-Identifier: Apache-2.0
 *
 * The monotonic clock, which no step of the system's time moves. Any thread.
 */
#include "posix.h"

uint64_t pipci_clock_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
