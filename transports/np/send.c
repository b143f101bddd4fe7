/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending one packet, whole or not at all.
 *
 * The pieces are put together first, because two writes would be two packets. A write that finds no
 * room is waited for; where that is not allowed it is left behind, with its bytes, and the next
 * call has to wait for it, or sends nothing. The channel's thread.
 */
#include "np.h"

static pipc_result fail(const struct np_channel *channel, struct pipc_error *err, DWORD code)
{
    const char *const why = np_is_end(code) ? "the other side is gone" : "cannot send";

    return np_fail(channel->instance->host, err, PIPC_ERR_SEND, code, "%s: %s", channel->name.text,
                   why);
}

static pipc_result not_sent(const struct np_channel *channel, struct pipc_error *err,
                            pipc_result result)
{
    return np_wait_fail(channel->instance->host, err, result, &channel->name, "sending");
}

/* Woken, and the write is not over: the event was set late, or for the sake of a packet that nobody
 * has taken, and stays so. */
static void calm(struct np_channel *channel)
{
    np_read_settle(channel);
    if (np_read_look(channel) != NP_READ_PENDING)
        Sleep(1);
}

/* Sleeps until the write under way is over: *ret_code is its outcome. ABORTED, TIMEOUT, BAD_PARAM:
 * it is not. */
static pipc_result wait_written(struct np_channel *channel, const struct pipc_wait *wait,
                                DWORD *ret_code)
{
    const struct np_sleep sleep = {.host = channel->instance->host,
                                   .wait = wait,
                                   .stop = channel->stop,
                                   .event = channel->write.op.overlapped.hEvent,
                                   .until_ns = PIPC_NEVER};
    pipc_result result = PIPC_OK;

    for (bool slept = false;; slept = true) {
        *ret_code = np_write_look(channel);
        if (*ret_code != ERROR_IO_PENDING)
            return PIPC_OK;
        if (slept && sleep.event == channel->read.event)
            calm(channel);
        if (result == PIPC_OK)
            result = np_interrupted(channel) ? (pipc_result)PIPC_ERR_ABORTED : np_sleep(&sleep);
        if (result != PIPC_OK)
            return result;
    }
}

/* No room, and no time to wait: the write stays, and the event that is handed out tells of its end.
 */
static pipc_result leave_behind(struct np_channel *channel, struct pipc_error *err)
{
    DWORD code = np_write_stop(channel);

    if (code == ERROR_OPERATION_ABORTED)
        code = np_write_begin(channel, channel->write.len, channel->read.event);
    if (code == ERROR_IO_PENDING)
        return PIPC_OK;
    np_read_settle(channel);
    return code == 0 ? PIPC_OK : fail(channel, err, code);
}

static pipc_result wait_or_cancel(struct np_channel *channel, const struct pipc_wait *wait,
                                  struct pipc_error *err)
{
    DWORD code = 0;
    const pipc_result result = wait_written(channel, wait, &code);

    if (result != PIPC_OK) {
        code = np_write_stop(channel);
        if (code == ERROR_OPERATION_ABORTED)
            return not_sent(channel, err, result);
    }
    return code == 0 ? PIPC_OK : fail(channel, err, code);
}

static pipc_result send_packet(struct np_channel *channel, uint32_t len,
                               const struct pipc_wait *wait, struct pipc_error *err)
{
    const DWORD code = np_write_begin(channel, len, channel->write.event);

    if (code == 0)
        return PIPC_OK;
    if (code != ERROR_IO_PENDING)
        return fail(channel, err, code);
    if (wait && wait->deadline_ns == PIPC_NOW)
        return leave_behind(channel, err);
    return wait_or_cancel(channel, wait, err);
}

/* The length of the packet, 0 for pieces that make none. */
static uint32_t length_of(const struct pipc_piece *pieces, uint32_t count)
{
    uint64_t total = 0;

    if (count == 0 || count > NP_PIECES_MAX)
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        if (pieces[i].len > UINT32_MAX - total)
            return 0;
        total += pieces[i].len;
    }
    return (uint32_t)total;
}

static void gather(uint8_t *to, const struct pipc_piece *pieces, uint32_t count)
{
    for (uint32_t i = 0; i < count; to += pieces[i].len, i++)
        if (pieces[i].len > 0) /* an empty piece may have no address */
            memcpy(to, pieces[i].base, pieces[i].len);
}

pipc_result np_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                    const struct pipc_wait *wait, struct pipc_error *err)
{
    struct np_channel *const c = channel;
    const uint32_t len = length_of(pieces, count);
    pipc_result result = np_wait_enter(wait);
    uint8_t *room;
    DWORD code = 0;

    if (len == 0)
        return np_fail(c->instance->host, err, PIPC_ERR_BAD_PARAM, 0,
                       "%s: %u pieces do not make a packet", c->name.text, (unsigned)count);
    if (result == PIPC_OK && np_interrupted(c))
        result = PIPC_ERR_ABORTED;
    if (result == PIPC_OK)
        result = wait_written(c, wait, &code);
    /* Not taken back by a packet that goes out: a session sends the rest of one message while its
     * caller waits for room for another. */
    if (result == PIPC_ERR_TIMEOUT) {
        c->starved = true;
        c->told = false;
    }
    if (result != PIPC_OK)
        return not_sent(c, err, result);
    if (code != 0)
        return fail(c, err, code);
    room = np_write_room(c, len);
    if (!room)
        return np_fail(c->instance->host, err, PIPC_ERR_ALLOC, 0,
                       "%s: no memory for a packet of %u bytes", c->name.text, (unsigned)len);
    gather(room, pieces, count);
    return send_packet(c, len, wait, err);
}
