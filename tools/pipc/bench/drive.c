/* SPDX-License-Identifier: Apache-2.0
 *
 * One slice of one contender: exchanges at full speed or at a target rate, their times, and what
 * both processes used meanwhile.
 *
 * At full speed a clock is read for each exchange, or, where an exchange is so short that this
 * would show, for one in STRIDE. At a target rate times count from when a request was due, so that
 * a slow answer shows in the requests that had to wait for it; a second histogram counts from when
 * it was sent, which leaves the lateness of the timer out. Waiting for the next one sleeps, or
 * spins above 20,000 a second, for floors and for levels of the library alike.
 */
#include "bench.h"

#include <errno.h>
#include <pipc/wait.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STRIDE         16u
#define SETTLE_NS      (UINT64_C(200) * PIPC_NS_PER_MS) /* after which a connection is idle */
#define SHORT_NS       2000u /* exchanges below this are timed one in STRIDE */
#define WARM_EXCHANGES 64u
#define DEPTH_MOST     1024u

/* ---- full speed ---- */

static pipc_result exchange_many(struct contender *c, uint32_t count, struct pipc_error *err)
{
    pipc_result result = PIPC_OK;

    for (uint32_t i = 0; i < count && result == PIPC_OK; i++)
        result = c->ops->exchange(c, err);
    return result;
}

/* Warms both sides up; *ret_stride: how many exchanges go to one that is timed. */
static pipc_result warm(struct contender *c, uint32_t *ret_stride, struct pipc_error *err)
{
    const uint64_t begin = clock_now();
    uint32_t done = 0;
    pipc_result result = PIPC_OK;

    *ret_stride = 1;
    while (result == PIPC_OK && done < WARM_EXCHANGES &&
           clock_now() - begin < c->slice->duration_ns) {
        result = c->ops->exchange(c, err);
        done++;
    }
    if (result == PIPC_OK && clock_now() - begin < (uint64_t)done * SHORT_NS)
        *ret_stride = STRIDE;
    return result;
}

static pipc_result run_serial(struct contender *c, uint32_t stride, struct pipc_error *err)
{
    struct slice *s = c->slice;
    const uint64_t begin = clock_now(), end = begin + s->duration_ns;
    uint64_t now = begin;
    pipc_result result = PIPC_OK;

    while (now < end && !signals_came()) {
        uint64_t from = now;
        if (stride > 1) {
            result = exchange_many(c, stride - 1, err);
            from = clock_now();
        }
        if (result == PIPC_OK)
            result = c->ops->exchange(c, err);
        if (result != PIPC_OK)
            break;
        now = clock_now();
        histogram_add(&s->latency, now - from);
        s->exchanges += stride;
    }
    s->wall_ns = now - begin;
    return result;
}

/* ---- target rate ---- */

static void wait_until(uint64_t due, bool sleeping)
{
    const struct timespec at = {(time_t)(due / NS_PER_S), (long)(due % NS_PER_S)};

    if (!sleeping) {
        while (clock_now() < due)
            pipc_cpu_pause();
        return;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR && !signals_came())
        continue;
}

static pipc_result run_paced(struct contender *c, struct pipc_error *err)
{
    struct slice *s = c->slice;
    struct pace pace = {.start_ns = clock_now(), .rate = s->rate};
    const uint64_t end = pace.start_ns + s->duration_ns;
    const bool sleeping = pace_sleeps(s->rate);
    uint64_t now = pace.start_ns;
    pipc_result result = PIPC_OK;

    while (!signals_came()) {
        const uint64_t due = pace_due(&pace);
        if (due >= end || now >= end)
            break;
        if (now < due)
            wait_until(due, sleeping);
        const uint64_t sent = clock_now();
        result = c->ops->exchange(c, err);
        if (result != PIPC_OK)
            break;
        now = clock_now();
        histogram_add(&s->latency, now - due);
        histogram_add(&s->from_send, now - sent);
        pace.sent++;
        s->exchanges++;
    }
    if (now < end && result == PIPC_OK && !signals_came())
        wait_until(end, sleeping); /* the rate is that of the whole slice */
    s->wall_ns = clock_now() - pace.start_ns;
    return result;
}

/* ---- several outstanding ---- */

/* Requests on their way: when each was due and sent. */
struct window {
    uint64_t due[DEPTH_MOST], sent[DEPTH_MOST];
    uint32_t first, count;
};

static pipc_result window_send(struct contender *c, struct window *w, uint64_t due,
                               struct pipc_error *err)
{
    const uint32_t at = (w->first + w->count) % DEPTH_MOST;

    w->sent[at] = clock_now();
    w->due[at] = due ? due : w->sent[at];
    w->count++;
    return c->ops->send(c, err);
}

static pipc_result window_receive(struct contender *c, struct window *w, struct pipc_error *err)
{
    struct slice *s = c->slice;
    const pipc_result result = c->ops->receive(c, err);
    const uint64_t now = clock_now();

    if (result != PIPC_OK)
        return result;
    histogram_add(&s->latency, now - w->due[w->first]);
    if (s->rate)
        histogram_add(&s->from_send, now - w->sent[w->first]);
    w->first = (w->first + 1) % DEPTH_MOST;
    w->count--;
    s->exchanges++;
    return result;
}

/* At full speed the window is kept full. At a rate what is due is sent up to the depth, and an
 * answer is waited for when nothing is due. */
static pipc_result run_window(struct contender *c, struct pipc_error *err)
{
    struct slice *s = c->slice;
    static struct window w;
    struct pace pace = {.start_ns = clock_now(), .rate = s->rate ? s->rate : 1};
    const uint64_t end = pace.start_ns + s->duration_ns;
    pipc_result result = PIPC_OK;

    w.first = w.count = 0;
    for (uint64_t now = clock_now(); result == PIPC_OK && now < end && !signals_came();
         now = clock_now()) {
        const uint64_t due = s->rate ? pace_due(&pace) : 0;
        if (w.count < c->depth && due <= now) {
            result = window_send(c, &w, due, err);
            pace.sent++;
        } else if (w.count) {
            result = window_receive(c, &w, err);
        } else {
            wait_until(due < end ? due : end, pace_sleeps(s->rate));
        }
    }
    s->wall_ns = clock_now() - pace.start_ns;
    for (; result == PIPC_OK && w.count; w.count--)
        result = c->ops->receive(c, err); /* what is on its way belongs to no slice */
    return result;
}

/* ---- one slice ---- */

static pipc_result run(struct contender *c, struct pipc_error *err)
{
    struct slice *s = c->slice;
    uint32_t stride = 1;
    pipc_result result;

    if (c->ops->idle)
        return c->ops->idle(c, s->duration_ns, err);
    if (c->depth > 1)
        return run_window(c, err);
    result = warm(c, &stride, err);
    /* What the warming used does not count. */
    s->client_cpu_ns = cpu_time_of(getpid());
    s->server_cpu_ns = cpu_time_of(c->server_pid);
    s->allocations = c->allocations;
    if (result != PIPC_OK)
        return result;
    return s->rate ? run_paced(c, err) : run_serial(c, stride, err);
}

pipc_result slice_run(struct contender *c, struct slice *s, struct pipc_error *err)
{
    pipc_result result;

    c->slice = s;
    s->exchanges = s->wall_ns = 0;
    histogram_clear(&s->latency);
    histogram_clear(&s->from_send);
    if (c->ops->begin)
        c->ops->begin(c);
    if (c->ops->idle) {
        result = c->ops->idle(c, SETTLE_NS, err); /* what came before is over */
        if (result != PIPC_OK)
            return result;
    }
    s->client_sleeps = sleeps_of(getpid());
    s->server_sleeps = sleeps_of(c->server_pid);
    s->allocations = c->allocations;
    s->client_cpu_ns = cpu_time_of(getpid());
    s->server_cpu_ns = cpu_time_of(c->server_pid);
    result = run(c, err);
    s->server_cpu_ns = cpu_time_of(c->server_pid) - s->server_cpu_ns;
    s->client_cpu_ns = cpu_time_of(getpid()) - s->client_cpu_ns;
    s->allocations = c->allocations - s->allocations;
    s->server_sleeps = sleeps_of(c->server_pid) - s->server_sleeps;
    s->client_sleeps = sleeps_of(getpid()) - s->client_sleeps;
    if (c->ops->idle && s->client_sleeps)
        s->client_sleeps--; /* the sleep that lasted for the slice itself */
    if (result == PIPC_OK && c->ops->end)
        c->ops->end(c);
    return signals_came() ? PIPC_ERR_ABORTED : result;
}
