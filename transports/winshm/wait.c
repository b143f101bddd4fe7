/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for a publication: a spin while one is expected soon, then an event in slices; or a spin
 * and nothing else (7.2 to 7.5).
 *
 * The spin looks at nothing but the count of the other side, and at clock and abort once in many
 * turns. A peer can neither make the wait longer than its deadline nor steer how long it spins. The
 * channel's thread.
 */
#include "winshm.h"

/* Turns of a spin before the first look at clock and abort, and between two later ones. One turn
 * with its pause takes some 10 to 50 ns. */
#define SPIN_BLIND 64u
#define SPIN_TURNS 32u
_Static_assert(SPIN_BLIND <= PIPC_WIN_SHM_SPIN_MAX && SPIN_TURNS <= PIPC_WIN_SHM_SPIN_MAX, "bound");
/* Where only a system call tells of an abort, the time between two of them. */
#define SPIN_LOOK_NS UINT64_C(50000)
/* Sleeps without a publication from which on the loop pauses between them. */
#define TURNS_MOST 64u

/* One wait. */
struct waiting {
    struct winshm_channel *channel;
    const struct pipc_wait *wait;
    uint64_t deadline;
    uint64_t now;
    uint64_t looked; /* when the abort handle was last looked at */
    uint64_t slice_end;
    uint32_t turns; /* sleeps of this slice */
};

static bool poll_word(const struct winshm_channel *channel, uint32_t turns, int64_t *ret_seq)
{
    while (turns-- > 0) {
        pipc_cpu_pause();
        if (winshm_arrived(channel, ret_seq))
            return true;
    }
    return false;
}

/* Abort and interrupt, as often as each is worth it. */
static pipc_result look_abort(struct waiting *w)
{
    if (pipc_wait_aborted(w->wait) || winshm_interrupted(w->channel))
        return PIPC_ERR_ABORTED;
    if (w->now - w->looked < SPIN_LOOK_NS)
        return PIPC_OK;
    w->looked = w->now;
    return winshm_wait_look(w->wait);
}

/* Some turns without a look at the clock, which costs more than they do. */
static bool spin_blind(struct winshm_channel *channel, int64_t *ret_seq)
{
    if (!pipc_waiter_expects(&channel->waiter) || !poll_word(channel, SPIN_BLIND, ret_seq))
        return false;
    pipc_waiter_note_quick(&channel->waiter);
    return true;
}

/* Spins for as long as it pays; TIMEOUT: nothing came. */
static pipc_result spin(struct waiting *w, uint64_t budget, int64_t *ret_seq)
{
    struct winshm_channel *const c = w->channel;
    const struct pipc_host *const host = c->instance->host;
    const uint64_t began = w->now;
    pipc_result result = PIPC_OK;

    while (result == PIPC_OK && w->now - began < budget && w->now < w->deadline) {
        result = look_abort(w);
        if (result == PIPC_OK && poll_word(c, SPIN_TURNS, ret_seq)) {
            pipc_waiter_note_spin(&c->waiter);
            return PIPC_OK;
        }
        w->now = host->clock_ns(host);
    }
    return result == PIPC_OK ? (pipc_result)PIPC_ERR_TIMEOUT : result;
}

/* The other side is gone; it may have published just before. */
static pipc_result last_look(const struct winshm_channel *channel, int64_t *ret_seq)
{
    return winshm_arrived(channel, ret_seq) ? PIPC_OK : (pipc_result)PIPC_ERR_DISCONNECTED;
}

/* Closed flag, carrier, deadline. TIMEOUT: the wait is over; BUSY: it goes on. */
static pipc_result look_outside(const struct waiting *w, bool carrier, int64_t *ret_seq)
{
    const struct winshm_channel *const c = w->channel;

    if (winshm_peer_closed(c) || (carrier && winshm_hung_up(&c->carrier)))
        return last_look(c, ret_seq);
    if (w->now < w->deadline)
        return PIPC_ERR_BUSY;
    return winshm_arrived(c, ret_seq) ? PIPC_OK : (pipc_result)PIPC_ERR_TIMEOUT;
}

/* ---- hybrid ---- */

/* Something woke this thread too often and there is no publication: a peer that sets the event over
 * and over keeps nobody busy. */
static void slow_down(struct waiting *w)
{
    if (++w->turns > TURNS_MOST)
        Sleep(1);
}

/* One sleep. The flag is set before the last look, so that whoever publishes after that look sees
 * it. BUSY: go on. */
static pipc_result sleep_once(struct waiting *w, int64_t *ret_seq)
{
    struct winshm_channel *const c = w->channel;
    const struct pipc_host *const host = c->instance->host;
    pipc_result result;

    (void)__atomic_exchange_n(c->in.waiting, 1, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (winshm_arrived(c, ret_seq))
        result = PIPC_OK;
    else if (winshm_peer_closed(c) || w->now >= w->deadline)
        result = look_outside(w, false, ret_seq);
    else
        result = winshm_sleep(c, w->wait, w->now,
                              w->slice_end < w->deadline ? w->slice_end : w->deadline);
    (void)__atomic_exchange_n(c->in.waiting, 0, __ATOMIC_SEQ_CST);
    w->now = host->clock_ns(host);
    if (result == PIPC_OK && !winshm_arrived(c, ret_seq))
        return PIPC_ERR_BUSY;
    return result;
}

static pipc_result sleep_until(struct waiting *w, int64_t *ret_seq)
{
    pipc_result result;

    w->slice_end = w->now + WINSHM_SLICE_NS;
    do {
        result = sleep_once(w, ret_seq);
        if (result != PIPC_ERR_BUSY)
            break;
        slow_down(w);
        result = look_outside(w, true, ret_seq);
        if (w->now >= w->slice_end) {
            w->slice_end = w->now + WINSHM_SLICE_NS;
            w->turns = 0;
        }
    } while (result == PIPC_ERR_BUSY);
    pipc_waiter_note_slept(&w->channel->waiter, result == PIPC_OK);
    return result;
}

/* ---- busywait ---- */

/* The carrier is looked at once per slice, everything else at each yield. */
static pipc_result spin_on(struct waiting *w, int64_t *ret_seq)
{
    struct winshm_channel *const c = w->channel;
    const struct pipc_host *const host = c->instance->host;
    pipc_result result = PIPC_ERR_BUSY;

    w->slice_end = w->now + WINSHM_SLICE_NS;
    while (result == PIPC_ERR_BUSY) {
        if (poll_word(c, PIPC_WIN_SHM_YIELD_MASK, ret_seq)) {
            pipc_waiter_note_spin(&c->waiter);
            return PIPC_OK;
        }
        (void)SwitchToThread();
        w->now = host->clock_ns(host);
        result = look_abort(w);
        if (result != PIPC_OK)
            return result;
        result = look_outside(w, w->now >= w->slice_end, ret_seq);
        if (w->now >= w->slice_end)
            w->slice_end = w->now + WINSHM_SLICE_NS;
    }
    return result;
}

/* ---- both ---- */

/* Who never blocks learns of the end of the other side here, too. */
static pipc_result look_once(const struct winshm_channel *channel, int64_t *ret_seq)
{
    if (winshm_peer_closed(channel) || winshm_hung_up(&channel->carrier))
        return last_look(channel, ret_seq);
    return PIPC_ERR_TIMEOUT;
}

pipc_result winshm_wait_message(struct winshm_channel *channel, const struct pipc_wait *wait,
                                int64_t *ret_seq)
{
    const struct pipc_host *const host = channel->instance->host;
    struct waiting w = {.channel = channel, .wait = wait};
    uint64_t budget;
    pipc_result result;

    if (winshm_arrived(channel, ret_seq))
        return PIPC_OK;
    if (wait && wait->deadline_ns == PIPC_NOW)
        return look_once(channel, ret_seq);
    if (!channel->busywait && spin_blind(channel, ret_seq))
        return PIPC_OK;
    w.deadline = wait ? wait->deadline_ns : PIPC_NEVER;
    w.now = w.looked = host->clock_ns(host);
    if (channel->busywait)
        return spin_on(&w, ret_seq);
    budget = pipc_waiter_begin(&channel->waiter, w.now);
    result = spin(&w, budget < WINSHM_SLICE_NS ? budget : WINSHM_SLICE_NS, ret_seq);
    return result == PIPC_ERR_TIMEOUT ? sleep_until(&w, ret_seq) : result;
}
