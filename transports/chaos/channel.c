/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets that come late, in part or not at all.
 *
 * A disconnection interrupts the wrapped channel, which wakes whoever polls its handle, and is told
 * to this side as the end; the peer sees it at the latest when this side closes. The channel's
 * thread, but for interrupt.
 */
#include "chaos.h"

#include <errno.h>

static void disconnect(struct chaos_channel *channel)
{
    if (!channel->gone)
        channel->inner.ops->interrupt(channel->inner.channel);
    channel->gone = true;
}

static uint64_t length_of(const struct pipc_piece *pieces, uint32_t count)
{
    uint64_t len = 0;
    uint32_t i;

    for (i = 0; i < count; i++)
        len += pieces[i].len;
    return len;
}

/* The same pieces, `len` bytes of them; their number. */
static uint32_t shorten(const struct pipc_piece *pieces, uint32_t count, uint64_t len,
                        struct pipc_piece *ret_pieces)
{
    uint32_t used = 0;

    for (; used < count && len > 0; used++) {
        ret_pieces[used] = pieces[used];
        if (ret_pieces[used].len > len)
            ret_pieces[used].len = (size_t)len;
        len -= ret_pieces[used].len;
    }
    return used;
}

/* At least one byte, less than all. */
static uint64_t short_length(struct chaos_channel *channel, uint64_t len)
{
    return len < 2 ? len : 1 + chaos_next(&channel->state) % (len - 1);
}

/* What comes before the packet: order of abort, what was decided, pauses. */
static pipc_result enter(struct chaos_channel *channel, const struct pipc_wait *wait,
                         struct pipc_error *err)
{
    const pipc_result result = chaos_pause(channel, wait);

    if (result == PIPC_OK && __atomic_load_n(&channel->interrupted, __ATOMIC_ACQUIRE))
        return chaos_fail(channel->instance->host, err, PIPC_ERR_ABORTED, 0, channel->service,
                          "the connection was interrupted");
    if (result != PIPC_OK)
        return chaos_fail(channel->instance->host, err, result, 0, channel->service,
                          "the wait ended inside a delay");
    return PIPC_OK;
}

pipc_result chaos_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                       const struct pipc_wait *wait, struct pipc_error *err)
{
    struct chaos_channel *const c = channel;
    const struct pipc_host *const host = c->instance->host;
    struct pipc_piece part[CHAOS_PIECES_MAX];
    enum chaos_fate fate;
    pipc_result result;

    if (count == 0 || count > CHAOS_PIECES_MAX)
        return c->inner.ops->send(c->inner.channel, pieces, count, wait, err);
    result = enter(c, wait, err);
    if (result != PIPC_OK)
        return result;
    fate = chaos_packet_fate(c);
    if (fate == CHAOS_DISCONNECT)
        disconnect(c);
    if (c->gone)
        return chaos_fail(host, err, PIPC_ERR_SEND, EPIPE, c->service, "disconnected by the seed");
    if (fate == CHAOS_FAIL)
        return chaos_fail(host, err, PIPC_ERR_SEND, EIO, c->service, "sending fails by the seed");
    if (fate == CHAOS_SHORT) {
        count = shorten(pieces, count, short_length(c, length_of(pieces, count)), part);
        pieces = part;
    }
    return c->inner.ops->send(c->inner.channel, pieces, count, wait, err);
}

static pipc_result end_received(struct pipc_received *ret_received)
{
    ret_received->flags = PIPC_RECEIVED_END;
    ret_received->len = 0;
    return PIPC_OK;
}

pipc_result chaos_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                          const struct pipc_wait *wait, struct pipc_received *ret_received,
                          struct pipc_error *err)
{
    struct chaos_channel *const c = channel;
    const struct pipc_host *const host = c->instance->host;
    pipc_result result = enter(c, wait, err);

    if (result != PIPC_OK)
        return result;
    if (c->gone)
        return end_received(ret_received);
    result = c->inner.ops->receive(c->inner.channel, pieces, count, wait, ret_received, err);
    if (result != PIPC_OK || (ret_received->flags & PIPC_RECEIVED_END))
        return result;
    switch (chaos_packet_fate(c)) {
    case CHAOS_DISCONNECT:
        disconnect(c);
        return end_received(ret_received);
    case CHAOS_FAIL:
        return chaos_fail(host, err, PIPC_ERR_RECV, EIO, c->service, "receiving fails by the seed");
    case CHAOS_SHORT:
        ret_received->len = short_length(c, ret_received->len);
        return PIPC_OK;
    default:
        return PIPC_OK;
    }
}

uint32_t chaos_look(void *channel)
{
    const struct chaos_channel *const c = channel;

    return c->gone ? (uint32_t)PIPC_LOOK_GONE : pipc_wrapped_look(channel);
}

void chaos_finish(void *channel, const struct pipc_wait *wait)
{
    const struct chaos_channel *const c = channel;

    if (!c->gone)
        pipc_wrapped_finish(channel, wait);
}

void chaos_interrupt(void *channel)
{
    struct chaos_channel *const c = channel;

    __atomic_store_n(&c->interrupted, 1, __ATOMIC_RELEASE);
    pipc_wrapped_interrupt(channel);
}

void chaos_close(void *channel, uint32_t flags)
{
    struct chaos_channel *const c = channel;

    if (!c)
        return;
    c->inner.ops->close(c->inner.channel, flags);
    c->instance->host->free(c->instance->host, c);
}
