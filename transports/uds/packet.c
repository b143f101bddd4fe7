/* SPDX-License-Identifier: Apache-2.0
 *
 * How large a packet may be.
 *
 * SO_SNDBUF less what the kernel keeps for itself; where that does not tell, less than what a
 * socket pair took. The channel's thread; never blocks.
 */
#include "uds.h"

#define TRY_SLICE 4096u

static bool pair_takes(const int pair[2], uint32_t size)
{
    char slice[TRY_SLICE];
    struct iovec vectors[UDS_PACKET_WANTED / TRY_SLICE + 1];
    struct msghdr message;
    uint32_t left;

    memset(slice, 0, sizeof(slice));
    memset(&message, 0, sizeof(message));
    message.msg_iov = vectors;
    for (left = size; left > 0; left -= (uint32_t)vectors[message.msg_iovlen++].iov_len) {
        vectors[message.msg_iovlen].iov_base = slice;
        vectors[message.msg_iovlen].iov_len = left < TRY_SLICE ? left : TRY_SLICE;
    }
    return sendmsg(pair[0], &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
}

/* The largest of `wanted`, its half, its quarter ... that a fresh socket pair takes; `wanted` if
 * there is no socket pair to try. At most UDS_PACKET_WANTED. */
uint32_t uds_packet_try(uint32_t wanted)
{
    uint32_t size = wanted > UDS_PACKET_WANTED ? UDS_PACKET_WANTED : wanted;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return size;
    while (size > PIPC_UDS_PACKET_RESERVE + 1 && !pair_takes(pair, size))
        size /= 2;
    (void)close(pair[0]);
    (void)close(pair[1]);
    return size;
}

uint32_t uds_packet_max(void *channel, uint32_t configured)
{
    const struct uds_channel *c = channel;
    uint32_t wanted = configured != 0 ? configured : c->instance->packet_size;
    int buffer = 0;
    socklen_t len = sizeof(buffer);

    if (wanted == 0)
        wanted = UDS_PACKET_WANTED;
    if (wanted > c->instance->packet_most)
        wanted = c->instance->packet_most;
    if (getsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &buffer, &len) != 0 || buffer < 0 ||
        (uint32_t)buffer <= 2 * PIPC_UDS_PACKET_RESERVE)
        return wanted;
    buffer -= (int)PIPC_UDS_PACKET_RESERVE;
    return (uint32_t)buffer < wanted ? (uint32_t)buffer : wanted;
}
