/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting: spin while the answer is expected soon, sleep otherwise.
 *
 * Static inline functions whose only state is a struct pipc_waiter inside the channel, so that the
 * core and every module may compile them. The owner of the channel calls them; the counters may be
 * read by the thread that owns the session.
 */
#ifndef PIPC_WAIT_H
#define PIPC_WAIT_H

#include <pipc/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* spin_us of a waiter in place of microseconds */
#define PIPC_SPIN_ADAPTIVE UINT32_C(0xffffffff)
#define PIPC_SPIN_OFF      0u

/* State of one channel's waiting. Zero-filled plus pipc_waiter_init. Private but for the counters.
 */
struct pipc_waiter {
    uint64_t spins;         /* waits that ended while spinning */
    uint64_t sleeps;        /* waits that went to sleep */
    uint64_t wakeups;       /* sleeps that ended because something came */
    uint64_t sleep_cost_ns; /* measured cost of one sleep, from the host */
    uint64_t estimate_ns;   /* moving estimate of the last waits */
    uint32_t spin_us;       /* option: PIPC_SPIN_ADAPTIVE, PIPC_SPIN_OFF or microseconds */
    uint32_t cpus;          /* usable CPUs, from the host */
    uint32_t slept_in_row;  /* waits that slept, one after the other */
    uint32_t skipped;       /* waits since the last try of a spin that was given up */
};

/* A measured cost above this is taken for noise of a loaded machine. */
#define PIPC_SPIN_COST_MAX_NS UINT64_C(200000)
/* Waits that slept, one after the other, after which spinning is given up ... */
#define PIPC_SPIN_GIVE_UP 8u
/* ... and then tried again in one of so many waits. */
#define PIPC_SPIN_RETRY 64u

/* Whether the caller asked to stop, as far as the flag tells: 1 or 0. Without a flag nothing is
 * looked at and the answer is 0; only a poll of the handle tells then. No system call. */
static inline int pipc_wait_aborted(const struct pipc_wait *wait)
{
    if (!wait || !wait->abort_flag)
        return 0;
    return __atomic_load_n(wait->abort_flag, __ATOMIC_ACQUIRE) != 0;
}

/* One turn of a spin: lets the other hardware thread and the memory bus go first. */
static inline void pipc_cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield" ::: "memory");
#else
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
#endif
}

/* A new channel: nothing is known, so the first waits may spin. `spin_us` is the option spin; the
 * other two come from the host table. */
static inline void pipc_waiter_init(struct pipc_waiter *waiter, uint32_t spin_us, uint32_t cpus,
                                    uint64_t sleep_cost_ns)
{
    waiter->spins = 0;
    waiter->sleeps = 0;
    waiter->wakeups = 0;
    waiter->sleep_cost_ns =
        sleep_cost_ns > PIPC_SPIN_COST_MAX_NS ? PIPC_SPIN_COST_MAX_NS : sleep_cost_ns;
    waiter->estimate_ns = 0;
    waiter->spin_us = spin_us;
    waiter->cpus = cpus;
    waiter->slept_in_row = 0;
    waiter->skipped = 0;
}

/* Nanoseconds to spin before this wait sleeps; 0: sleep at once. Called once per wait that did not
 * end at the first look. Never above the cost of one sleep when adaptive, so that a wrong guess
 * costs at most twice the better choice. */
static inline uint64_t pipc_waiter_spin_budget(struct pipc_waiter *waiter)
{
    if (waiter->spin_us == PIPC_SPIN_OFF || waiter->cpus <= 1)
        return 0; /* on one CPU the one that is waited for cannot run meanwhile */
    if (waiter->spin_us != PIPC_SPIN_ADAPTIVE)
        return (uint64_t)waiter->spin_us * 1000u;
    if (waiter->estimate_ns > waiter->sleep_cost_ns)
        return 0; /* idle or sparse: the answer is not expected soon */
    if (waiter->slept_in_row >= PIPC_SPIN_GIVE_UP) {
        waiter->skipped++;
        if (waiter->skipped < PIPC_SPIN_RETRY)
            return 0;
        waiter->skipped = 0;
    }
    return waiter->sleep_cost_ns;
}

/* Takes one wait into the moving estimate: a quarter of the way to what was seen. A long wait
 * counts as four sleeps at most, so that a few short ones are enough to expect short ones again. */
static inline void pipc_waiter_learn_(struct pipc_waiter *waiter, uint64_t seen_ns)
{
    const uint64_t most = 4u * waiter->sleep_cost_ns;

    if (seen_ns > most)
        seen_ns = most;
    if (seen_ns >= waiter->estimate_ns)
        waiter->estimate_ns += (seen_ns - waiter->estimate_ns + 3u) / 4u;
    else
        waiter->estimate_ns -= (waiter->estimate_ns - seen_ns + 3u) / 4u;
}

/* The wait ended while spinning, `waited_ns` after it began. */
static inline void pipc_waiter_note_spin(struct pipc_waiter *waiter, uint64_t waited_ns)
{
    waiter->spins++;
    waiter->slept_in_row = 0;
    waiter->skipped = 0;
    pipc_waiter_learn_(waiter, waited_ns);
}

/* The wait slept, and ended `waited_ns` after it began; `woken`: because something came, not by
 * deadline or abort. What the sleep itself cost is taken off: spinning would not have waited for
 * that. */
static inline void pipc_waiter_note_slept(struct pipc_waiter *waiter, uint64_t waited_ns, int woken)
{
    waiter->sleeps++;
    if (woken)
        waiter->wakeups++;
    if (waiter->slept_in_row < PIPC_SPIN_GIVE_UP)
        waiter->slept_in_row++;
    pipc_waiter_learn_(waiter,
                       waited_ns > waiter->sleep_cost_ns ? waited_ns - waiter->sleep_cost_ns : 0);
}

#ifdef __cplusplus
}
#endif
#endif
