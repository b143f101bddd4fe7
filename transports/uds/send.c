/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending one packet, whole or not at all.
 *
 * Tries first: the kernel takes a packet long before it reports the socket writable. Never raises
 * SIGPIPE. The channel's thread.
 */
#include "uds.h"

#define STARVED_FIRST_NS   (UINT64_C(1) * PIPC_NS_PER_MS)
#define STARVED_MOST_NS    (UINT64_C(50) * PIPC_NS_PER_MS)
#define STARVED_GIVE_UP_NS (UINT64_C(5000) * PIPC_NS_PER_MS)
#define JOIN_MOST          512u

/* What a system without buffers has cost so far. */
struct starved {
    uint64_t since_ns; /* 0: not starved */
    uint64_t pause_ns;
};

/* Fills the vectors; the packet's length, or -1 for pieces that make no packet. */
static ssize_t gather(struct iovec *vectors, const struct pipc_piece *pieces, uint32_t count)
{
    size_t total = 0;
    uint32_t i;

    if (count == 0 || count > UDS_PIECES_MAX)
        return -1;
    for (i = 0; i < count; i++) {
        vectors[i].iov_base = pieces[i].base;
        vectors[i].iov_len = pieces[i].len;
        if (pieces[i].len > (size_t)INT32_MAX - total)
            return -1;
        total += pieces[i].len;
    }
    return total == 0 ? -1 : (ssize_t)total;
}

static pipc_result fail_send(const struct uds_channel *channel, struct pipc_error *err, int code,
                             const char *why)
{
    if (uds_interrupted(channel))
        return uds_wait_fail(channel->instance->host, err, PIPC_ERR_ABORTED, PIPC_ERR_SEND, 0,
                             channel->name.path, "sending");
    return uds_fail(channel->instance->host, err, PIPC_ERR_SEND, code, "%s: %s", channel->name.path,
                    why);
}

/* No buffers in the kernel, and nothing that would report them: pauses. SEND: it has lasted too
 * long. */
static pipc_result pause_starved(struct uds_sleep *sleep, struct starved *starved)
{
    const uint64_t now = sleep->host->clock_ns(sleep->host);

    if (starved->since_ns == 0) {
        starved->since_ns = now;
        starved->pause_ns = STARVED_FIRST_NS;
    } else if ((!sleep->wait || sleep->wait->deadline_ns == PIPC_NEVER) &&
               now - starved->since_ns >= STARVED_GIVE_UP_NS) {
        return PIPC_ERR_SEND;
    } else if (starved->pause_ns < STARVED_MOST_NS) {
        starved->pause_ns *= 2;
        if (starved->pause_ns > STARVED_MOST_NS)
            starved->pause_ns = STARVED_MOST_NS;
    }
    sleep->fd = -1;
    sleep->until_ns = now + starved->pause_ns;
    return uds_sleep(sleep);
}

static pipc_result sleep_writable(const struct uds_channel *channel, struct uds_sleep *sleep)
{
    sleep->fd = channel->fd;
    sleep->until_ns = PIPC_NEVER;
    return uds_sleep(sleep);
}

static const char *reason_of(int code)
{
    switch (code) {
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return "the other side is gone";
    case EMSGSIZE:
        return "the packet is larger than the socket's buffer";
    default:
        return "cannot send";
    }
}

/* One piece takes the shorter way through the kernel. */
static ssize_t put(int fd, const struct msghdr *message)
{
    if (message->msg_iovlen == 1)
        return send(fd, message->msg_iov->iov_base, message->msg_iov->iov_len,
                    MSG_NOSIGNAL | MSG_DONTWAIT);
    return sendmsg(fd, message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Pieces of a small packet are put together here for less than the kernel takes to gather them. */
static void join(struct iovec *vectors, uint32_t count, char *ret_joined)
{
    char *at = ret_joined;
    uint32_t i;

    for (i = 0; i < count; i++) {
        if (vectors[i].iov_len > 0)
            memcpy(at, vectors[i].iov_base, vectors[i].iov_len);
        at += vectors[i].iov_len;
    }
    vectors[0].iov_base = ret_joined;
    vectors[0].iov_len = (size_t)(at - ret_joined);
}

/* Sends until it is gone, or nothing more can be tried. */
static pipc_result send_until(struct uds_channel *channel, const struct msghdr *message,
                              ssize_t len, struct uds_sleep *sleep, struct pipc_error *err)
{
    struct starved starved = {0, 0};
    pipc_result result = PIPC_OK;
    ssize_t sent;
    int code = 0;

    while (result == PIPC_OK) {
        if (uds_interrupted(channel))
            return fail_send(channel, err, 0, "");
        sent = put(channel->fd, message);
        if (sent == len)
            return PIPC_OK;
        if (sent >= 0)
            return fail_send(channel, err, 0, "a packet was sent in part");
        code = errno;
        if (code == EAGAIN)
            result = sleep_writable(channel, sleep);
        else if (code == ENOBUFS || code == ENOMEM)
            result = pause_starved(sleep, &starved);
        else if (code != EINTR)
            return fail_send(channel, err, code, reason_of(code));
    }
    if (result == PIPC_ERR_SEND)
        return fail_send(channel, err, code, "no buffers for a packet");
    return uds_wait_fail(channel->instance->host, err, result, PIPC_ERR_SEND, sleep->os_code,
                         channel->name.path, "waiting for room to send");
}

pipc_result uds_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                     const struct pipc_wait *wait, struct pipc_error *err)
{
    struct uds_channel *c = channel;
    struct iovec vectors[UDS_PIECES_MAX];
    char joined[JOIN_MOST];
    struct msghdr message;
    struct uds_sleep sleep = {.host = c->instance->host, .wait = wait, .events = POLLOUT};
    const ssize_t len = gather(vectors, pieces, count);
    pipc_result result;

    if (len < 0)
        return uds_fail(c->instance->host, err, PIPC_ERR_BAD_PARAM, 0,
                        "%s: %u pieces do not make a packet", c->name.path, (unsigned)count);
    result = uds_wait_enter(wait);
    if (result != PIPC_OK)
        return uds_wait_fail(c->instance->host, err, result, PIPC_ERR_SEND, 0, c->name.path,
                             "sending");
    memset(&message, 0, sizeof(message));
    if (count > 1 && len <= (ssize_t)sizeof(joined)) {
        join(vectors, count, joined);
        count = 1;
    }
    message.msg_iov = vectors;
    message.msg_iovlen = count;
    return send_until(c, &message, len, &sleep, err);
}
