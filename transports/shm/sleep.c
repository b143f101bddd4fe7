/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for a publication: a spin while one is expected soon, then a futex in slices (8, 9).
 *
 * The spin looks at nothing but the word of the other side, and at the clock and at abort once in
 * many turns. A sleep ends with the publication, at once with an abort that is told through
 * shm_wake or shm_interrupt, and otherwise at the end of its slice, where the outside world is
 * looked at. A peer can neither make the wait longer than its deadline nor keep it busy. The
 * channel's thread, but for shm_wake and shm_interrupt.
 */
#include "shm.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Shared operations; the private ones would not reach the other process. */
#define FUTEX_OP_WAIT 0
#define FUTEX_OP_WAKE 1

/* Turns of a spin before the first look at clock and abort, and between two later ones. One turn
 * with its pause takes some 10 to 50 ns. */
#define SPIN_BLIND 64u
#define SPIN_TURNS 32u
/* Where only a system call tells of an abort, the time between two of them. */
#define SPIN_POLL_NS UINT64_C(50000)
/* Turns of the sleeping loop without a publication from which on it pauses (9.2). */
#define TURNS_MOST    64u
#define PAUSE_MOST_MS 10
/* Tries to wake a thread that is on its way into the kernel. */
#define WAKE_TRIES 1000
/* Slices between two questions whether the owner of the region lives. */
#define OWNER_SLICES 10u

/* One wait. */
struct waiting {
    struct shm_channel *channel;
    const struct pipc_wait *wait;
    uint64_t deadline;
    uint64_t now;
    uint64_t slice_end;
    uint32_t turns;  /* of this slice */
    uint32_t slices; /* that have ended */
};

/* What the kernel takes, whatever the library's time_t is. */
struct shm_timespec {
    long sec;
    long nsec;
};

long shm_futex_wake(uint32_t *word, int count)
{
    return syscall(SYS_futex, word, FUTEX_OP_WAKE, count, NULL, NULL, 0);
}

/* 0, or the system's error. */
static int futex_wait(uint32_t *word, uint32_t expected, uint64_t ns)
{
    const struct shm_timespec time = {(long)(ns / 1000000000u), (long)(ns % 1000000000u)};

    return syscall(SYS_futex, word, FUTEX_OP_WAIT, expected, &time, NULL, 0) == 0 ? 0 : errno;
}

/* ---- abort ---- */

static bool only_handle_tells(const struct pipc_wait *wait)
{
    return wait && wait->abort != PIPC_NO_HANDLE && !wait->abort_flag;
}

static pipc_result judge_abort(short revents)
{
    if (revents & POLLNVAL)
        return PIPC_ERR_BAD_PARAM;
    return revents & (POLLIN | POLLHUP | POLLERR) ? PIPC_ERR_ABORTED : PIPC_OK;
}

/* Looks for an abort: the flag, or else the handle, for at most `ms`. */
static pipc_result look_abort(const struct pipc_wait *wait, int ms)
{
    struct pollfd look = {.fd = -1, .events = POLLIN};

    if (pipc_wait_aborted(wait))
        return PIPC_ERR_ABORTED;
    if (ms == 0 && !only_handle_tells(wait))
        return PIPC_OK;
    if (wait && wait->abort != PIPC_NO_HANDLE)
        look.fd = (int)wait->abort;
    if (poll(&look, 1, ms) <= 0)
        return PIPC_OK;
    return judge_abort(look.revents);
}

pipc_result shm_wait_enter(const struct pipc_wait *wait)
{
    if (!wait)
        return PIPC_OK;
    if (pipc_wait_aborted(wait))
        return PIPC_ERR_ABORTED;
    if (wait->abort == PIPC_NO_HANDLE)
        return PIPC_OK;
    if (wait->abort < 0 || wait->abort > INT_MAX)
        return PIPC_ERR_BAD_PARAM;
    /* A clear flag has told already, and who never blocks never polls. */
    if (wait->abort_flag || wait->deadline_ns == PIPC_NOW)
        return PIPC_OK;
    return look_abort(wait, 0);
}

static uint64_t deadline_of(const struct pipc_wait *wait)
{
    return wait ? wait->deadline_ns : PIPC_NEVER;
}

pipc_result shm_pause(const struct pipc_host *host, const struct pipc_wait *wait, uint64_t until_ns)
{
    const uint64_t deadline = deadline_of(wait);
    uint64_t now = host->clock_ns(host);
    pipc_result result = PIPC_OK;

    if (deadline == PIPC_NOW || now >= deadline)
        return PIPC_ERR_TIMEOUT;
    if (until_ns > deadline)
        until_ns = deadline;
    while (result == PIPC_OK && now < until_ns) {
        result = look_abort(wait, (int)((until_ns - now + PIPC_NS_PER_MS - 1) / PIPC_NS_PER_MS));
        now = host->clock_ns(host);
    }
    return result;
}

/* ---- the other side ---- */

#ifndef POLLRDHUP
#define POLLRDHUP 0x2000
#endif
#define HANGUP (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)

/* Stray packets mean nothing, so nothing but hang-up is asked for. */
bool shm_hung_up(const struct pipc_carrier *carrier, int carrier_fd)
{
    struct pollfd look = {.fd = carrier_fd, .events = POLLRDHUP};

    if (carrier_fd < 0)
        return carrier->ops->look(carrier->channel) == PIPC_LOOK_GONE;
    return poll(&look, 1, 0) > 0 && (look.revents & HANGUP) != 0;
}

/* A second sign, for a child of the server that holds the carrier open (11.2). */
static bool owner_is_alive(const struct shm_channel *channel)
{
    const struct shm_header *const shared = channel->region.map;

    if (channel->owner_pid <= 0)
        return true;
    if (kill((pid_t)channel->owner_pid, 0) != 0 && errno != EPERM)
        return false;
    return channel->owner_generation == 0 ||
           __atomic_load_n(&shared->owner_generation, __ATOMIC_RELAXED) ==
               channel->owner_generation;
}

/* ---- spinning ---- */

static bool poll_word(const struct shm_channel *channel, uint32_t turns, uint64_t *ret_seq)
{
    while (turns-- > 0) {
        pipc_cpu_pause();
        if (shm_arrived(channel, ret_seq))
            return true;
    }
    return false;
}

/* Some turns without a look at the clock, which costs more than they do. */
static bool spin_blind(struct shm_channel *channel, uint64_t *ret_seq)
{
    if (!pipc_waiter_expects(&channel->waiter) || !poll_word(channel, SPIN_BLIND, ret_seq))
        return false;
    pipc_waiter_note_quick(&channel->waiter);
    return true;
}

/* Spins for as long as it pays; TIMEOUT: nothing came. */
static pipc_result spin(struct waiting *w, uint64_t budget, uint64_t *ret_seq)
{
    struct shm_channel *const c = w->channel;
    const struct pipc_host *const host = c->instance->host;
    const uint64_t began = w->now;
    uint64_t polled = began;
    pipc_result result = PIPC_OK;

    while (w->now - began < budget && w->now < w->deadline) {
        if (only_handle_tells(w->wait) && w->now - polled >= SPIN_POLL_NS) {
            result = look_abort(w->wait, 0);
            polled = w->now;
        } else if (pipc_wait_aborted(w->wait)) {
            result = PIPC_ERR_ABORTED;
        }
        if (shm_interrupted(c))
            result = PIPC_ERR_ABORTED;
        if (result != PIPC_OK)
            return result;
        if (poll_word(c, SPIN_TURNS, ret_seq)) {
            pipc_waiter_note_spin(&c->waiter);
            return PIPC_OK;
        }
        w->now = host->clock_ns(host);
    }
    return PIPC_ERR_TIMEOUT;
}

/* ---- sleeping ---- */

static pipc_result lost(struct shm_channel *channel)
{
    channel->gone = true;
    channel->room = 0;
    return PIPC_ERR_DISCONNECTED;
}

/* Sleeps on the word until it changes, somebody wakes, or the slice is over. The mark `asleep` and
 * abort are a store and a load on each side: either this thread sees the abort, or who aborts sees
 * the mark and wakes until it is gone. */
static pipc_result sleep_once(const struct waiting *w, uint32_t signal)
{
    struct shm_channel *const c = w->channel;
    const uint64_t until = w->slice_end < w->deadline ? w->slice_end : w->deadline;
    int code = 0;

    __atomic_store_n(&c->asleep, 1, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!pipc_wait_aborted(w->wait) && !shm_interrupted(c) && until > w->now)
        code = futex_wait(c->in.signal, signal, until - w->now);
    __atomic_store_n(&c->asleep, 0, __ATOMIC_RELEASE);
    if (code != 0 && code != EAGAIN && code != EINTR && code != ETIMEDOUT)
        return lost(c);
    /* Whoever woke this thread may have cut the region off before. */
    if (!shm_region_whole(&c->region))
        return lost(c);
    return pipc_wait_aborted(w->wait) || shm_interrupted(c) ? PIPC_ERR_ABORTED : PIPC_OK;
}

/* Abort, then what was published, then the other side, then the deadline. OK: go on, but for a
 * publication, whose count is handed on: a peer that takes it back at once must not make the wait
 * go on behind its deadline. */
static pipc_result end_slice(struct waiting *w, uint64_t *ret_seq)
{
    struct shm_channel *const c = w->channel;
    pipc_result result = look_abort(w->wait, 0);
    const bool hung_up = shm_hung_up(&c->carrier, c->carrier_fd);

    if (result == PIPC_OK && !shm_region_whole(&c->region))
        return lost(c);
    w->turns = 0;
    w->slices++;
    w->slice_end = w->now + SHM_SLICE_NS;
    if (result != PIPC_OK || shm_arrived(c, ret_seq))
        return result;
    if (hung_up || (w->slices % OWNER_SLICES == 0 && !owner_is_alive(c)))
        /* It may have published just before. */
        return shm_arrived(c, ret_seq) ? PIPC_OK : (pipc_result)PIPC_ERR_DISCONNECTED;
    return w->now >= w->deadline ? (pipc_result)PIPC_ERR_TIMEOUT : (pipc_result)PIPC_OK;
}

/* Something woke this thread and there is no publication. */
static pipc_result turn_without(struct waiting *w)
{
    int ms;

    w->turns++;
    if (w->turns <= TURNS_MOST)
        return PIPC_OK;
    ms = w->turns - TURNS_MOST > PAUSE_MOST_MS ? PAUSE_MOST_MS : (int)(w->turns - TURNS_MOST);
    return look_abort(w->wait, ms);
}

static pipc_result sleep_until(struct waiting *w, uint64_t *ret_seq)
{
    struct shm_channel *const c = w->channel;
    const struct pipc_host *const host = c->instance->host;
    pipc_result result = PIPC_OK;

    for (;;) {
        const uint32_t signal = __atomic_load_n(c->in.signal, __ATOMIC_ACQUIRE);
        if (shm_arrived(c, ret_seq))
            return PIPC_OK;
        result = sleep_once(w, signal);
        w->now = host->clock_ns(host);
        if (result == PIPC_OK && (w->now >= w->slice_end || w->now >= w->deadline))
            result = end_slice(w, ret_seq);
        else if (result == PIPC_OK)
            result = turn_without(w);
        if (result != PIPC_OK || *ret_seq > c->taken)
            return result;
    }
}

/* From here on the clock is read, so this is where an answer's age begins to be known. */
static void date_answer(struct shm_channel *channel, uint64_t now)
{
    if (channel->answer_is_fresh) {
        channel->answer_is_fresh = false;
        channel->answered_ns = now;
    }
}

/* `w->now` is the time of the call. */
static pipc_result sleep_message(struct waiting *w, uint64_t *ret_seq)
{
    struct shm_channel *const c = w->channel;
    pipc_result result = look_abort(w->wait, 0);

    date_answer(c, w->now);
    w->slice_end = w->now + SHM_SLICE_NS;
    if (result == PIPC_OK && shm_interrupted(c))
        result = PIPC_ERR_ABORTED;
    if (result != PIPC_OK)
        return result;
    if (w->now >= w->deadline)
        return shm_arrived(c, ret_seq) ? PIPC_OK : (pipc_result)PIPC_ERR_TIMEOUT;
    result = sleep_until(w, ret_seq);
    pipc_waiter_note_slept(&c->waiter, result == PIPC_OK);
    return result;
}

static void begin(struct waiting *w, struct shm_channel *channel, const struct pipc_wait *wait)
{
    w->channel = channel;
    w->wait = wait;
    w->deadline = deadline_of(wait);
    w->now = channel->instance->host->clock_ns(channel->instance->host);
    w->turns = 0;
    w->slices = 0;
}

pipc_result shm_sleep_message(struct shm_channel *channel, const struct pipc_wait *wait,
                              uint64_t *ret_seq)
{
    struct waiting w;

    begin(&w, channel, wait);
    return sleep_message(&w, ret_seq);
}

/* Who never blocks learns of the end of the other side here, too, and how old its answer is. */
static pipc_result look_once(struct shm_channel *channel, uint64_t *ret_seq)
{
    const struct pipc_host *const host = channel->instance->host;

    if (channel->answer_is_fresh)
        date_answer(channel, host->clock_ns(host));
    if (!shm_hung_up(&channel->carrier, channel->carrier_fd))
        return PIPC_ERR_TIMEOUT;
    return shm_arrived(channel, ret_seq) ? PIPC_OK : (pipc_result)PIPC_ERR_DISCONNECTED;
}

pipc_result shm_wait_message(struct shm_channel *channel, const struct pipc_wait *wait,
                             uint64_t *ret_seq)
{
    struct waiting w;
    uint64_t budget;
    pipc_result result;

    if (shm_arrived(channel, ret_seq))
        return PIPC_OK;
    if (wait && wait->deadline_ns == PIPC_NOW)
        return look_once(channel, ret_seq);
    if (spin_blind(channel, ret_seq))
        return PIPC_OK;
    begin(&w, channel, wait);
    budget = pipc_waiter_begin(&channel->waiter, w.now);
    result = spin(&w, budget < SHM_SLICE_NS ? budget : SHM_SLICE_NS, ret_seq);
    if (result != PIPC_ERR_TIMEOUT)
        return result;
    return sleep_message(&w, ret_seq);
}

/* ---- from other threads ---- */

/* One wake may come between the last look of the other thread and its sleep; it is told again until
 * somebody was woken or the thread is past it. */
void shm_wake(void *channel)
{
    struct shm_channel *const c = channel;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (int try = 0; try < WAKE_TRIES; try++) {
        if (__atomic_load_n(&c->asleep, __ATOMIC_SEQ_CST) == 0 ||
            shm_futex_wake(c->in.signal, 1) != 0)
            return;
        (void)sched_yield();
    }
}

void shm_interrupt(void *channel)
{
    struct shm_channel *const c = channel;

    __atomic_store_n(&c->interrupted, 1, __ATOMIC_SEQ_CST);
    shm_wake(c);
}
