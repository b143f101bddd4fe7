/* SPDX-License-Identifier: Apache-2.0
 *
 * Deadlines: absolute times of the monotonic clock in nanoseconds, with the two special values
 * PIPC_NOW and PIPC_NEVER.
 *
 * Timeouts become deadlines once, where they enter the library; all the rest compares. Saturating
 * arithmetic. Any thread.
 */
#include "base.h"

#include <limits.h>

/* The latest time that is neither of the special values. */
#define DEADLINE_MAX (PIPC_NEVER - 1)
/* From this time on the cheap clock is good enough for what is done a million times a second. */
#define COARSE_FROM_MS 1000u

static uint64_t after(uint64_t now, uint64_t timeout_ms)
{
    if (timeout_ms > (DEADLINE_MAX - now) / PIPC_NS_PER_MS)
        return DEADLINE_MAX;
    return now + timeout_ms * PIPC_NS_PER_MS;
}

uint64_t pipci_deadline_after(uint64_t timeout_ms)
{
    return after(pipci_clock_ns(), timeout_ms);
}

uint64_t pipci_deadline_coarse(uint64_t timeout_ms)
{
    if (timeout_ms < COARSE_FROM_MS || timeout_ms == PIPC_NOW)
        return pipci_deadline(timeout_ms);
    return after(pipci_clock_coarse_ns() + PIPCI_CLOCK_COARSE_NS, timeout_ms);
}

uint64_t pipci_deadline_min(uint64_t a, uint64_t b)
{
    if (a == PIPC_NOW || b == PIPC_NOW)
        return PIPC_NOW;
    return a < b ? a : b;
}

bool pipci_deadline_passed(uint64_t deadline_ns)
{
    if (deadline_ns == PIPC_NOW)
        return true;
    if (deadline_ns == PIPC_NEVER)
        return false;
    return pipci_clock_ns() >= deadline_ns;
}

int pipci_deadline_poll_ms(uint64_t deadline_ns)
{
    if (deadline_ns == PIPC_NOW)
        return 0;
    if (deadline_ns == PIPC_NEVER)
        return -1;
    const uint64_t now = pipci_clock_ns();
    if (now >= deadline_ns)
        return 0;
    const uint64_t left = deadline_ns - now;
    const uint64_t ms = left / PIPC_NS_PER_MS + (left % PIPC_NS_PER_MS != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}
