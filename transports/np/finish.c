/* SPDX-License-Identifier: Apache-2.0
 *
 * Letting a client read the last packets before it is disconnected (11).
 *
 * Only FlushFileBuffers knows when all is read, and it blocks; so a thread of the system's pool
 * calls it while this one waits, throws away what arrives, and ends it by cancelling: at abort, at
 * interrupt, or after half a second. The channel's thread; blocks as told.
 */
#include "np.h"

/* Packets that are thrown away between two looks at clock, abort and interrupt: a client that
 * writes on and on holds nobody up. */
#define DISCARD_MOST 64u
/* How often a client that is silent is looked at. */
#define CADENCE_NS (UINT64_C(10) * PIPC_NS_PER_MS)

/* One flush, by a thread of the pool; lives in the frame of np_finish, which outlasts it. */
struct flush {
    HANDLE pipe;
    HANDLE done;
};

static void CALLBACK run_flush(PTP_CALLBACK_INSTANCE instance, void *arg)
{
    struct flush *const flush = arg;

    (void)FlushFileBuffers(flush->pipe);
    SetEventWhenCallbackReturns(instance, flush->done);
}

static bool over(HANDLE event)
{
    return WaitForSingleObject(event, 0) == WAIT_OBJECT_0;
}

/* Takes what a client sends meanwhile: it may be waiting for that before it reads. *ret_more: there
 * may be more of it. False: it has closed. */
static bool discard(struct np_channel *channel, bool *ret_more)
{
    *ret_more = false;
    for (uint32_t i = 0; i < DISCARD_MOST; i++) {
        if (!np_read_begin(channel, 0) || channel->read.state != NP_READ_DONE)
            return true;
        if (channel->read.code != 0 && channel->read.code != ERROR_MORE_DATA)
            return false;
        channel->read.state = NP_READ_NONE;
    }
    *ret_more = true;
    return true;
}

/* Until the client has read everything or is gone, or the wait ends. */
static void wait_flushed(struct np_channel *channel, const struct pipc_wait *wait, HANDLE done)
{
    const struct pipc_host *const host = channel->instance->host;
    struct np_sleep sleep = {.host = host, .wait = wait, .stop = channel->stop, .event = done};
    const uint64_t end = host->clock_ns(host) + PIPC_NP_FLUSH_MS * PIPC_NS_PER_MS;
    uint64_t now = host->clock_ns(host);
    bool more;

    while (!over(done) && !np_interrupted(channel) && now < end && discard(channel, &more)) {
        /* Two events cannot be told apart from two others in one step, so the client's packets are
         * looked for on a cadence. */
        sleep.until_ns = more ? now : now + CADENCE_NS < end ? now + CADENCE_NS : end;
        if (np_sleep(&sleep) != PIPC_OK)
            return;
        now = host->clock_ns(host);
    }
}

/* The cancel is told again until the flush is over, because one that comes before its start has no
 * effect. */
static void stop_flush(const struct np_channel *channel, HANDLE done)
{
    while (!over(done)) {
        (void)CancelIoEx(channel->pipe, NULL);
        (void)WaitForSingleObject(done, 1);
    }
}

/* False: there was no thread for it. */
static bool flush(struct np_channel *channel, const struct pipc_wait *wait)
{
    struct flush flush = {channel->pipe, CreateEventW(NULL, TRUE, FALSE, NULL)};
    const bool begun = flush.done && TrySubmitThreadpoolCallback(run_flush, &flush, NULL);

    if (begun) {
        wait_flushed(channel, wait, flush.done);
        stop_flush(channel, flush.done);
    }
    if (flush.done)
        (void)CloseHandle(flush.done);
    return begun;
}

void np_finish(void *channel, const struct pipc_wait *wait)
{
    struct np_channel *const c = channel;

    if (c->role != PIPC_ROLE_SERVER || !c->unread || c->ended || np_interrupted(c) ||
        np_wait_enter(wait) != PIPC_OK || (wait && wait->deadline_ns == PIPC_NOW))
        return;
    if (flush(c, wait))
        c->unread = false; /* it has been read, or there was time for that */
}
