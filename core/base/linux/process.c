/* SPDX-License-Identifier: Apache-2.0
 *
 * What only Linux can tell of this process: usable CPUs, and what a sleep costs. Any thread.
 */
#include "../platform.h"

#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#define CPU_WORDS     128u /* 8192 CPUs on 64 bits */
#define SLEEP_ROUNDS  9u
#define SLEEP_COST_LO 5000u
#define SLEEP_COST_HI 200000u

uint32_t pipci_cpu_count(void)
{
    union {
        cpu_set_t set;
        unsigned long words[CPU_WORDS];
    } cpus = {.words = {0}};
    if (sched_getaffinity(0, sizeof(cpus), &cpus.set) != 0)
        return 1; /* LCOV_EXCL_LINE: needs a machine of more CPUs than the set holds */
    const int count = CPU_COUNT_S(sizeof(cpus), &cpus.set);
    return count > 0 ? (uint32_t)count : 1;
}

static void sort(uint64_t *values, unsigned count)
{
    for (unsigned i = 1; i < count; i++)
        for (unsigned j = i; j > 0 && values[j - 1] > values[j]; j--) {
            const uint64_t larger = values[j - 1];
            values[j - 1] = values[j];
            values[j] = larger;
        }
}

uint64_t pipci_measure_sleep_cost(void)
{
    uint64_t costs[SLEEP_ROUNDS];
    const struct timespec shortest = {0, 1};
    for (unsigned i = 0; i < SLEEP_ROUNDS; i++) {
        const uint64_t start = pipci_clock_ns();
        nanosleep(&shortest, NULL);
        costs[i] = pipci_clock_ns() - start;
    }
    sort(costs, SLEEP_ROUNDS);
    uint64_t cost = costs[SLEEP_ROUNDS / 2];
    /* The kernel adds the slack to timers alone; a wake-up by another process does not pay it. */
    const int slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    if (slack > 0)
        cost = cost > (uint64_t)slack ? cost - (uint64_t)slack : 0;
    return cost < SLEEP_COST_LO ? SLEEP_COST_LO : cost > SLEEP_COST_HI ? SLEEP_COST_HI : cost;
}
