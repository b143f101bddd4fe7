/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of posix/ and linux/ share. Any thread.
 */
#ifndef PIPCI_POSIX_H
#define PIPCI_POSIX_H

#include "../platform.h"

#include <time.h>

/* Nanoseconds as a timespec, cut to what a time_t of this system holds. */
static inline struct timespec pipci_timespec(uint64_t ns)
{
    const uint64_t most = sizeof(time_t) > 4 ? UINT64_MAX : INT32_MAX;
    uint64_t seconds = ns / 1000000000u;
    if (seconds > most)
        seconds = most; /* LCOV_EXCL_LINE: only where time_t has 32 bits */
    const struct timespec ts = {(time_t)seconds, (long)(ns % 1000000000u)};
    return ts;
}

#endif
