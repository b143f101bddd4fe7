/* SPDX-License-Identifier: Apache-2.0
 *
 * One waiting step: a poll over a socket and the abort handle, until a deadline.
 *
 * Order after each return: abort, then the socket, then the deadline; the caller tries its
 * operation again before it asks for the deadline, so that what is there wins over a deadline that
 * just passed. The caller's thread; no state.
 */
#include "uds.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/time.h>

/* Time of a receive that sleeps although there is a deadline, by a coarse timer of the kernel; and
 * the time that has to be left for that. */
#define BLOCK_MS      16u
#define BLOCK_LEFT_NS (UINT64_C(40) * PIPC_NS_PER_MS)

static bool has_abort(const struct pipc_wait *wait)
{
    return wait && wait->abort != PIPC_NO_HANDLE;
}

static pipc_result judge_abort(short revents)
{
    if (revents & POLLNVAL)
        return PIPC_ERR_BAD_PARAM;
    if (revents & (POLLIN | POLLHUP | POLLERR))
        return PIPC_ERR_ABORTED;
    return PIPC_OK;
}

pipc_result uds_wait_enter(const struct pipc_wait *wait)
{
    struct pollfd look;

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
    look.fd = (int)wait->abort;
    look.events = POLLIN;
    look.revents = 0;
    if (poll(&look, 1, 0) <= 0)
        return PIPC_OK;
    return judge_abort(look.revents);
}

/* Milliseconds until the earlier of deadline and pause end, rounded up; -1: for ever. False: the
 * deadline is over. */
static bool time_left(const struct uds_sleep *sleep, int *ret_ms)
{
    const uint64_t deadline = sleep->wait ? sleep->wait->deadline_ns : PIPC_NEVER;
    uint64_t now, end = deadline, ms;

    *ret_ms = -1;
    if (deadline == PIPC_NEVER && sleep->until_ns == PIPC_NEVER)
        return true;
    if (deadline == PIPC_NOW)
        return false;
    now = sleep->host->clock_ns(sleep->host);
    if (now >= deadline)
        return false;
    if (sleep->until_ns < end)
        end = sleep->until_ns;
    ms = now >= end ? 0 : (end - now + PIPC_NS_PER_MS - 1) / PIPC_NS_PER_MS;
    *ret_ms = ms > INT_MAX ? INT_MAX : (int)ms;
    return true;
}

pipc_result uds_sleep(struct uds_sleep *sleep)
{
    struct pollfd set[2];
    int ms, ready;
    pipc_result result;

    sleep->woken = false;
    sleep->os_code = 0;
    if (pipc_wait_aborted(sleep->wait))
        return PIPC_ERR_ABORTED;
    if (!time_left(sleep, &ms))
        return PIPC_ERR_TIMEOUT;
    set[0].fd = sleep->fd;
    set[0].events = sleep->events;
    set[0].revents = 0;
    set[1].fd = has_abort(sleep->wait) ? (int)sleep->wait->abort : -1;
    set[1].events = POLLIN;
    set[1].revents = 0;
    ready = poll(set, set[1].fd < 0 ? 1 : 2, ms);
    if (ready < 0) {
        if (errno == EINTR)
            return PIPC_OK;
        sleep->os_code = errno;
        return PIPC_ERR_SOCKET;
    }
    result = judge_abort(set[1].revents);
    if (result == PIPC_OK && pipc_wait_aborted(sleep->wait))
        result = PIPC_ERR_ABORTED;
    sleep->woken = set[0].revents != 0;
    return result;
}

/* 0: it blocks for ever. */
static bool set_block_ms(struct uds_channel *channel, uint32_t ms)
{
    const struct timeval time = {.tv_usec = (suseconds_t)(ms * 1000)};
    int flags;

    if (channel->blocks && channel->blocks_ms == ms)
        return true;
    if (!channel->blocks) {
        flags = fcntl(channel->fd, F_GETFL);
        if (flags < 0 || fcntl(channel->fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
            return false;
    }
    if (setsockopt(channel->fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) != 0)
        return false;
    channel->blocks = true;
    channel->blocks_ms = ms;
    return true;
}

bool uds_can_block(struct uds_channel *channel, const struct pipc_wait *wait)
{
    const struct pipc_host *const host = channel->instance->host;
    uint64_t now;

    if (!wait || (wait->abort == PIPC_NO_HANDLE && wait->deadline_ns == PIPC_NEVER))
        return set_block_ms(channel, 0);
    if (wait->abort != PIPC_NO_HANDLE || wait->deadline_ns == PIPC_NOW || !channel->awaited)
        return false;
    now = host->clock_ns(host);
    return now < wait->deadline_ns && wait->deadline_ns - now >= BLOCK_LEFT_NS &&
           set_block_ms(channel, BLOCK_MS);
}

pipc_result uds_wait_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                          pipc_result failed, int os_code, const char *path, const char *doing)
{
    if (!err)
        return result == PIPC_ERR_SOCKET ? failed : result;
    switch (result) {
    case PIPC_ERR_ABORTED:
        return uds_fail(host, err, result, 0, "%s: aborted while %s", path, doing);
    case PIPC_ERR_BAD_PARAM:
        return uds_fail(host, err, result, 0, "%s: the abort handle is none, while %s", path,
                        doing);
    case PIPC_ERR_TIMEOUT:
        return uds_fail(host, err, result, 0, "%s: time is over while %s", path, doing);
    default:
        return uds_fail(host, err, failed, os_code, "%s: poll failed while %s", path, doing);
    }
}
