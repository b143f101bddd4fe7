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
    uint64_t sleep_cost_ns; /* measured cost of one sleep, from the host, within bounds */
    uint64_t period_ns;     /* moving estimate of the time from one wait to the next */
    uint64_t began_ns;      /* when the last wait began that looked at the clock; 0: none yet */
    uint32_t waits;         /* since then, that did not */
    uint32_t spin_us;       /* option: PIPC_SPIN_ADAPTIVE, PIPC_SPIN_OFF or microseconds */
    uint32_t cpus;          /* usable CPUs, from the host */
    uint32_t slept_in_row;  /* dense waits that slept, one after the other */
    uint32_t skipped;       /* waits since the last try of a spin that was given up */
    uint32_t reserved;
};

/* A measured cost above this is taken for noise of a loaded machine; one below for that of a
 * wake-up on the same CPU, which is cheaper than one by another. */
#define PIPC_SPIN_COST_MIN_NS UINT64_C(20000)
#define PIPC_SPIN_COST_MAX_NS UINT64_C(200000)
/* Waits are dense when the next one begins within the time of so many sleeps. */
#define PIPC_SPIN_DENSE 4u
/* Waits that slept, one after the other, after which spinning is given up ... */
#define PIPC_SPIN_GIVE_UP 8u
/* ... and then tried again, for the time of two sleeps, in one of so many waits: the other side may
 * be asleep at that moment. */
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
    if (sleep_cost_ns < PIPC_SPIN_COST_MIN_NS)
        sleep_cost_ns = PIPC_SPIN_COST_MIN_NS;
    if (sleep_cost_ns > PIPC_SPIN_COST_MAX_NS)
        sleep_cost_ns = PIPC_SPIN_COST_MAX_NS;
    waiter->spins = 0;
    waiter->sleeps = 0;
    waiter->wakeups = 0;
    waiter->sleep_cost_ns = sleep_cost_ns;
    waiter->period_ns = 0;
    waiter->began_ns = 0;
    waiter->waits = 0;
    waiter->spin_us = spin_us;
    waiter->cpus = cpus;
    waiter->slept_in_row = 0;
    waiter->skipped = 0;
    waiter->reserved = 0;
}

/* Whether messages follow each other closely. What counts is the time from wait to wait, which both
 * sides see alike: an answer that comes soon is no reason to spin when the next question is far
 * off, since the other side sleeps by then and the spin costs more of the CPU than the sleep that
 * it saves. */
static inline int pipc_waiter_dense_(const struct pipc_waiter *waiter)
{
    return waiter->period_ns <= PIPC_SPIN_DENSE * waiter->sleep_cost_ns;
}

/* Whether no wait of this channel ever spins: then nothing has to be learnt, and no clock be read
 * for it. */
static inline int pipc_waiter_never_spins(const struct pipc_waiter *waiter)
{
    /* on one CPU the one that is waited for cannot run meanwhile */
    return waiter->spin_us == PIPC_SPIN_OFF || waiter->cpus <= 1;
}

/* Whether a few turns of spinning are worth more than a look at the clock. For channels whose turn
 * is cheap: they spin some turns first, end with pipc_waiter_note_quick if that was enough, and
 * otherwise go on with pipc_waiter_begin. */
static inline int pipc_waiter_expects(const struct pipc_waiter *waiter)
{
    if (pipc_waiter_never_spins(waiter))
        return 0;
    return waiter->spin_us != PIPC_SPIN_ADAPTIVE ||
           (pipc_waiter_dense_(waiter) && waiter->slept_in_row < PIPC_SPIN_GIVE_UP);
}

/* Takes the time since the last wait into the moving estimate: a quarter of the way to what was
 * seen. A long pause counts as four times what is dense, so that a few short ones are enough to
 * expect short ones again. */
static inline void pipc_waiter_learn_(struct pipc_waiter *waiter, uint64_t now_ns)
{
    const uint64_t most = UINT64_C(4) * PIPC_SPIN_DENSE * waiter->sleep_cost_ns;
    uint64_t seen = now_ns - waiter->began_ns;

    if (waiter->began_ns != 0) {
        seen /= waiter->waits + 1u;
        if (seen > most)
            seen = most;
        if (seen >= waiter->period_ns)
            waiter->period_ns += (seen - waiter->period_ns + 3u) / 4u;
        else
            waiter->period_ns -= (waiter->period_ns - seen + 3u) / 4u;
    }
    waiter->began_ns = now_ns;
    waiter->waits = 0;
}

/* A wait that did not end at the first look begins now. Nanoseconds to spin before it sleeps; 0:
 * sleep at once. When adaptive, never above the cost of one sleep, so that a wrong guess costs at
 * most twice the better choice, but for the rare new try of one that was given up. */
static inline uint64_t pipc_waiter_begin(struct pipc_waiter *waiter, uint64_t now_ns)
{
    pipc_waiter_learn_(waiter, now_ns);
    if (pipc_waiter_never_spins(waiter))
        return 0;
    if (waiter->spin_us != PIPC_SPIN_ADAPTIVE)
        return (uint64_t)waiter->spin_us * 1000u;
    if (!pipc_waiter_dense_(waiter))
        return 0;
    if (waiter->slept_in_row < PIPC_SPIN_GIVE_UP)
        return waiter->sleep_cost_ns;
    waiter->skipped++;
    if (waiter->skipped < PIPC_SPIN_RETRY)
        return 0;
    waiter->skipped = 0;
    return 2u * waiter->sleep_cost_ns;
}

/* The wait ended while spinning. */
static inline void pipc_waiter_note_spin(struct pipc_waiter *waiter)
{
    waiter->spins++;
    waiter->slept_in_row = 0;
    waiter->skipped = 0;
}

/* The same, before the clock was looked at. */
static inline void pipc_waiter_note_quick(struct pipc_waiter *waiter)
{
    waiter->spins++;
    waiter->waits++;
    waiter->slept_in_row = 0;
}

/* The wait slept; `woken`: it ended because something came, not by deadline or abort. Sleeps
 * between sparse messages say nothing of whether spinning pays when they are dense. */
static inline void pipc_waiter_note_slept(struct pipc_waiter *waiter, int woken)
{
    waiter->sleeps++;
    if (woken)
        waiter->wakeups++;
    if (!pipc_waiter_dense_(waiter))
        waiter->slept_in_row = 0;
    else if (waiter->slept_in_row < PIPC_SPIN_GIVE_UP)
        waiter->slept_in_row++;
}

#ifdef __cplusplus
}
#endif
#endif
