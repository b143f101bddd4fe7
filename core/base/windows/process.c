/* SPDX-License-Identifier: Apache-2.0
 *
 * This process: identity, usable CPUs, what a sleep costs, unpredictable bits. Any thread.
 */
#include "win32.h"

#include <ntsecapi.h>

#define WAKE_ROUNDS   32u
#define SLEEP_COST_LO 5000u
#define SLEEP_COST_HI 200000u

uint64_t pipci_process_id(void)
{
    return GetCurrentProcessId();
}

uint32_t pipci_cpu_count(void)
{
    DWORD_PTR own = 0, all = 0;

    if (!GetProcessAffinityMask(GetCurrentProcess(), &own, &all) || own == 0) {
        /* LCOV_EXCL_START: only a process that spans groups of 64 CPUs has no mask */
        const DWORD count = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
        return count ? count : 1;
        /* LCOV_EXCL_STOP */
    }
    return (uint32_t)__builtin_popcountll(own);
}

/* A timer of this system is of no use here: it ends with the next tick, milliseconds later. Setting
 * an event and waiting for it enters the kernel twice, which is the work of a wake-up without the
 * switch to another thread; that costs about as much again. */
uint64_t pipci_measure_sleep_cost(void)
{
    uint64_t least = UINT64_MAX;
    const HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);

    if (!event)
        return SLEEP_COST_HI; /* LCOV_EXCL_LINE: no handle left */
    for (uint32_t i = 0; i < WAKE_ROUNDS && (i < 3 || least < SLEEP_COST_HI); i++) {
        const uint64_t start = pipci_clock_ns();
        SetEvent(event);
        WaitForSingleObject(event, INFINITE);
        const uint64_t cost = 2 * (pipci_clock_ns() - start);
        least = cost < least ? cost : least;
    }
    CloseHandle(event);
    return least < SLEEP_COST_LO ? SLEEP_COST_LO : least > SLEEP_COST_HI ? SLEEP_COST_HI : least;
}

/* LCOV_EXCL_START: the system's generator does not fail */
/* The finaliser of splitmix64: every bit of the input changes half of the output. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}
/* LCOV_EXCL_STOP */

uint64_t pipci_random(void)
{
    uint64_t bits;

    if (RtlGenRandom(&bits, sizeof(bits)))
        return bits;
    /* LCOV_EXCL_START: the system's generator does not fail */
    bits = mix(pipci_clock_ns()) ^ mix((uint64_t)(uintptr_t)&bits);
    return mix(bits + pipci_process_id());
    /* LCOV_EXCL_STOP */
}
