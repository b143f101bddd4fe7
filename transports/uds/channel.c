/* SPDX-License-Identifier: Apache-2.0
 *
 * A channel apart from its packets: made, looked at, interrupted, finished, closed.
 *
 * One thread at a time, but for uds_interrupt, which any thread may call until close. Only
 * uds_finish blocks, for 100 ms at most.
 */
#include "uds.h"

#include <sys/ioctl.h>

#define DISCARD_TURNS 64

/* A channel without a socket; its maker puts one in. */
pipc_result uds_channel_make(const struct uds_instance *instance, const struct uds_name *name,
                             struct uds_channel **ret_channel, struct pipc_error *err)
{
    const struct pipc_host *host = instance->host;
    struct uds_channel *channel = host->alloc(host, sizeof(*channel));

    if (!channel)
        return uds_fail(host, err, PIPC_ERR_ALLOC, 0, "%s: no memory for a connection", name->path);
    memset(channel, 0, sizeof(*channel));
    channel->instance = instance;
    channel->fd = -1;
    channel->name = *name;
    pipc_waiter_init(&channel->waiter, instance->spin_us, host->cpus, host->sleep_cost_ns);
    *ret_channel = channel;
    return PIPC_OK;
}

/* Events alone never say that it is over while packets are queued. FIONREAD is asked in place of a
 * receive that peeks, because the latter would take a pending reset away. */
uint32_t uds_look(void *channel)
{
    const struct uds_channel *c = channel;
    struct pollfd look = {.fd = c->fd, .events = POLLIN | POLLRDHUP};
    int queued = 0;

    if (c->ended)
        return PIPC_LOOK_GONE;
    if (poll(&look, 1, 0) <= 0)
        return PIPC_LOOK_NOTHING;
    if (!(look.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)))
        return PIPC_LOOK_READABLE;
    if (ioctl(c->fd, FIONREAD, &queued) == 0 && queued > 0)
        return PIPC_LOOK_READABLE;
    return PIPC_LOOK_GONE;
}

/* Reads off some of what is queued, so few packets that abort and time are looked at often enough;
 * false: the stream is over, or the bound is reached. */
static bool discard(struct uds_channel *channel, uint64_t *read_off)
{
    char buffer[4096];
    struct iovec vector = {.iov_base = buffer, .iov_len = sizeof(buffer)};
    struct msghdr message;
    ssize_t got;
    int turn;

    for (turn = 0; turn < DISCARD_TURNS; turn++) {
        memset(&message, 0, sizeof(message));
        message.msg_iov = &vector;
        message.msg_iovlen = 1;
        /* With MSG_TRUNC the real length comes back, and the packet goes as a whole. */
        got = recvmsg(channel->fd, &message, MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0)
            return errno == EAGAIN || errno == EINTR || errno == ECONNRESET;
        *read_off += (uint64_t)got;
        if (got == 0 || *read_off >= PIPC_UDS_CLOSE_DRAIN_BYTES)
            return false;
    }
    return true;
}

void uds_finish(void *channel, const struct pipc_wait *wait)
{
    struct uds_channel *c = channel;
    const struct pipc_host *host = c->instance->host;
    struct uds_sleep sleep = {.host = host, .wait = wait, .fd = c->fd, .events = POLLIN};
    uint64_t read_off = 0;
    pipc_result result = uds_wait_enter(wait);

    sleep.until_ns = host->clock_ns(host) + PIPC_UDS_CLOSE_DRAIN_MS * PIPC_NS_PER_MS;
    (void)shutdown(c->fd, SHUT_WR);
    while (result == PIPC_OK && !uds_interrupted(c) && discard(c, &read_off)) {
        result = uds_sleep(&sleep);
        if (host->clock_ns(host) < sleep.until_ns)
            continue;
        /* What came while the machine stood still would be a reset for the peer, too. */
        (void)discard(c, &read_off);
        return;
    }
}

pipc_handle uds_wait_handle(void *channel)
{
    return ((const struct uds_channel *)channel)->fd;
}

/* The shutdown wakes whoever sleeps on the socket; the word, set before, says why. */
void uds_interrupt(void *channel)
{
    struct uds_channel *c = channel;
    const int code = errno; /* a signal handler may be here */

    __atomic_store_n(&c->interrupted, 1, __ATOMIC_RELEASE);
    (void)shutdown(c->fd, SHUT_RDWR);
    errno = code;
}

const struct pipc_waiter *uds_waiter(void *channel)
{
    return &((const struct uds_channel *)channel)->waiter;
}

/* Nothing but the descriptor and the memory, so a fork's copy needs no other treatment. */
void uds_close(void *channel, uint32_t flags)
{
    struct uds_channel *c = channel;

    (void)flags;
    if (!c)
        return;
    if (c->fd >= 0)
        (void)close(c->fd);
    c->instance->host->free(c->instance->host, c);
}
