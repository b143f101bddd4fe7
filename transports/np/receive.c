/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking one packet, and nothing of the next.
 *
 * The read is always the channel's own: what it brings is copied out, and what a deadline finds
 * under way stays so for the next call. A spin looks at memory only, where the system says that the
 * read is over. The channel's thread.
 */
#include "np.h"

/* Turns of a spin between two looks at clock and abort. One takes some 10 to 50 ns. */
#define SPIN_TURNS 32u
/* Where only a system call tells of an abort, the time between two of them. */
#define SPIN_LOOK_NS UINT64_C(50000)

/* Spins for as long as it pays: anything but TIMEOUT ends the wait. */
static pipc_result spin(struct np_channel *channel, const struct pipc_wait *wait, uint64_t began,
                        uint64_t budget)
{
    const struct pipc_host *const host = channel->instance->host;
    const uint64_t deadline = wait ? wait->deadline_ns : PIPC_NEVER;
    uint64_t now = began, looked = began;
    pipc_result result = PIPC_OK;

    while (now - began < budget && now < deadline) {
        for (uint32_t turn = 0; turn < SPIN_TURNS; turn++) {
            pipc_cpu_pause();
            if (np_op_complete(&channel->read.op)) {
                pipc_waiter_note_spin(&channel->waiter);
                return PIPC_OK;
            }
        }
        if (now - looked >= SPIN_LOOK_NS || pipc_wait_aborted(wait)) {
            result = np_wait_look(wait);
            looked = now;
        }
        if (np_interrupted(channel))
            result = PIPC_ERR_ABORTED;
        if (result != PIPC_OK)
            return result;
        now = host->clock_ns(host);
    }
    return PIPC_ERR_TIMEOUT;
}

static pipc_result sleep_until(struct np_channel *channel, const struct pipc_wait *wait)
{
    const struct np_sleep sleep = {.host = channel->instance->host,
                                   .wait = wait,
                                   .stop = channel->stop,
                                   .event = channel->read.event,
                                   .until_ns = PIPC_NEVER};
    const bool starved = channel->starved;
    pipc_result result;

    np_read_fed(channel); /* room ends no wait for a packet */
    for (;;) {
        result = np_sleep(&sleep);
        if (result == PIPC_OK && np_interrupted(channel))
            result = PIPC_ERR_ABORTED;
        (void)np_write_look(channel); /* it may use the event, too */
        if (result != PIPC_OK || np_read_look(channel) != NP_READ_PENDING)
            break;
        np_read_settle(channel); /* what was set late would end every sleep */
    }
    channel->starved = starved;
    if (starved)
        np_read_settle(channel);
    pipc_waiter_note_slept(&channel->waiter, result == PIPC_OK);
    return result;
}

/* Nothing was there at the first look. */
static pipc_result wait_for_packet(struct np_channel *channel, const struct pipc_wait *wait)
{
    const struct pipc_host *const host = channel->instance->host;
    uint64_t began;
    pipc_result result;

    if (wait && wait->deadline_ns == PIPC_NOW)
        return PIPC_ERR_TIMEOUT;
    began = host->clock_ns(host);
    result = spin(channel, wait, began, pipc_waiter_begin(&channel->waiter, began));
    if (result == PIPC_OK && np_read_look(channel) == NP_READ_DONE)
        return PIPC_OK;
    if (result != PIPC_OK && result != PIPC_ERR_TIMEOUT)
        return result;
    return sleep_until(channel, wait);
}

/* Copies out what was read. */
static void scatter(const struct np_channel *channel, const struct pipc_piece *pieces,
                    uint32_t count, struct pipc_received *ret_received)
{
    const struct np_reader *const r = &channel->read;
    const uint8_t *from = r->bytes;
    size_t left = r->len;

    for (uint32_t i = 0; i < count && left > 0; i++) {
        const size_t part = left < pieces[i].len ? left : pieces[i].len;
        if (part > 0) /* an empty piece may have no address */
            memcpy(pieces[i].base, from, part);
        from += part;
        left -= part;
    }
    ret_received->flags = left > 0 || r->code == ERROR_MORE_DATA ? PIPC_RECEIVED_CUT : 0;
    ret_received->len = r->len - left;
}

static pipc_result end(struct np_channel *channel, struct pipc_received *ret_received)
{
    channel->ended = true;
    ret_received->flags = PIPC_RECEIVED_END;
    ret_received->len = 0;
    return PIPC_OK;
}

/* The read is over. */
static pipc_result take(struct np_channel *channel, const struct pipc_piece *pieces, uint32_t count,
                        struct pipc_received *ret_received, struct pipc_error *err)
{
    const DWORD code = channel->read.code;
    pipc_result result = PIPC_OK;

    if (np_is_end(code) || (code == 0 && channel->read.len == 0))
        return end(channel, ret_received);
    if (code != 0 && code != ERROR_MORE_DATA)
        result = np_fail(channel->instance->host, err, PIPC_ERR_RECV, code, "%s: cannot receive",
                         channel->name.text);
    else
        scatter(channel, pieces, count, ret_received);
    channel->unread = channel->unread && result != PIPC_OK;
    np_read_taken(channel);
    return result;
}

static pipc_result receive(struct np_channel *channel, uint32_t room, const struct pipc_wait *wait,
                           struct pipc_error *err)
{
    pipc_result result = np_wait_enter(wait);

    if (result == PIPC_OK && np_interrupted(channel))
        result = PIPC_ERR_ABORTED;
    if (result == PIPC_OK) {
        /* Whoever was told of room and comes back for a packet only has nothing to send. */
        if (channel->told)
            np_read_fed(channel);
        (void)np_write_look(channel);
        if (!np_read_begin(channel, room))
            return np_fail(channel->instance->host, err, PIPC_ERR_ALLOC, 0,
                           "%s: no memory to receive into", channel->name.text);
        if (channel->read.state == NP_READ_PENDING)
            result = wait_for_packet(channel, wait);
        channel->told = result != PIPC_OK && channel->starved && !channel->write.op.pending;
        if (result == PIPC_ERR_TIMEOUT)
            np_read_calm(channel);
    }
    return result == PIPC_OK ? PIPC_OK
                             : np_wait_fail(channel->instance->host, err, result, &channel->name,
                                            "waiting for a packet");
}

pipc_result np_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                       const struct pipc_wait *wait, struct pipc_received *ret_received,
                       struct pipc_error *err)
{
    struct np_channel *const c = channel;
    uint64_t room = 0;
    pipc_result result;

    for (uint32_t i = 0; i < count; i++)
        room += pieces[i].len;
    if (count == 0 || count > NP_PIECES_MAX)
        return np_fail(c->instance->host, err, PIPC_ERR_BAD_PARAM, 0,
                       "%s: a packet cannot be taken into %u pieces", c->name.text,
                       (unsigned)count);
    if (c->ended && !np_interrupted(c) && np_wait_enter(wait) == PIPC_OK)
        return end(c, ret_received);
    result = receive(c, room > UINT32_MAX ? UINT32_MAX : (uint32_t)room, wait, err);
    return result == PIPC_OK ? take(c, pieces, count, ret_received, err) : result;
}
