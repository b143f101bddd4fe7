/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for handles, and sleeping that an abort handle ends.
 *
 * Time left is computed anew after each interruption, so that signals never prolong a wait. Any
 * thread.
 */
#include "posix.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

#ifndef POLLRDHUP
#define POLLRDHUP 0 /* where the system has none, the end shows as POLLHUP or as readable */
#endif

static bool is_descriptor(pipc_handle handle)
{
    return handle >= 0 && handle <= INT_MAX;
}

static short events_of(uint32_t want)
{
    return (short)((want & PIPCI_POLL_READ ? POLLIN : 0) | (want & PIPCI_POLL_WRITE ? POLLOUT : 0) |
                   (want & PIPCI_POLL_HANGUP ? POLLRDHUP : 0));
}

static uint32_t got_of(short revents, uint32_t want)
{
    uint32_t got = 0;
    if (revents & POLLIN)
        got |= PIPCI_POLL_READ;
    if (revents & POLLOUT)
        got |= PIPCI_POLL_WRITE;
    /* Whoever waits to read or write must wake up to meet the end or the error there. */
    if (revents & (POLLHUP | POLLERR))
        got |= PIPCI_POLL_HANGUP | (want & (PIPCI_POLL_READ | PIPCI_POLL_WRITE));
    if (revents & POLLRDHUP)
        got |= PIPCI_POLL_HANGUP;
    if (revents & POLLNVAL)
        got |= PIPCI_POLL_INVALID;
    return got;
}

/* Fills `fds`; returns how many handles can never be polled, marked so. */
static uint32_t prepare(struct pipci_poll *polls, struct pollfd *fds, uint32_t count)
{
    uint32_t invalid = 0;
    for (uint32_t i = 0; i < count; i++) {
        const bool usable = is_descriptor(polls[i].handle);
        fds[i].fd = usable ? (int)polls[i].handle : -1;
        fds[i].events = events_of(polls[i].want);
        fds[i].revents = 0;
        polls[i].got = 0;
        if (!usable && polls[i].handle != PIPC_NO_HANDLE) {
            polls[i].got = PIPCI_POLL_INVALID;
            invalid++;
        }
    }
    return invalid;
}

/* ppoll until the deadline; interruptions are retried. Returns its result. */
static int poll_until(struct pollfd *fds, uint32_t count, uint64_t deadline_ns)
{
    for (;;) {
        struct timespec left = {0, 0};
        if (deadline_ns != PIPC_NOW && deadline_ns != PIPC_NEVER) {
            const uint64_t now = pipci_clock_ns();
            if (now < deadline_ns)
                left = pipci_timespec(deadline_ns - now);
        }
        const int n = ppoll(fds, count, deadline_ns == PIPC_NEVER ? NULL : &left, NULL);
        if (n >= 0 || errno != EINTR)
            return n;
    }
}

size_t pipci_poll_room(uint32_t count)
{
    return (size_t)count * sizeof(struct pollfd);
}

pipc_result pipci_poll_in(struct pipci_poll *polls, uint32_t count, void *room,
                          uint64_t deadline_ns, uint32_t *ret_ready)
{
    struct pollfd *const fds = room;
    const uint32_t invalid = prepare(polls, fds, count);
    const int n = poll_until(fds, count, invalid ? PIPC_NOW : deadline_ns);
    if (n < 0)
        return PIPC_ERR_RECV;
    uint32_t ready = invalid;
    for (uint32_t i = 0; n > 0 && i < count; i++) {
        if (!fds[i].revents)
            continue;
        polls[i].got = got_of(fds[i].revents, polls[i].want);
        ready++;
    }
    *ret_ready = ready;
    return PIPC_OK;
}

pipc_result pipci_poll(struct pipci_poll *polls, uint32_t count, uint64_t deadline_ns,
                       uint32_t *ret_ready)
{
    struct pollfd fds[PIPCI_POLL_MAX];

    if (count > PIPCI_POLL_MAX)
        return PIPC_ERR_BAD_PARAM;
    return pipci_poll_in(polls, count, fds, deadline_ns, ret_ready);
}

pipc_result pipci_sleep(const struct pipc_wait *wait)
{
    struct pipci_poll abort = {.handle = wait->abort, .want = PIPCI_POLL_READ};
    uint32_t ready = 0;
    const pipc_result result = pipci_poll(&abort, 1, wait->deadline_ns, &ready);
    if (result != PIPC_OK)
        return result;
    if (ready == 0)
        return PIPC_ERR_TIMEOUT;
    return abort.got & PIPCI_POLL_INVALID ? PIPC_ERR_BAD_PARAM : PIPC_ERR_ABORTED;
}
