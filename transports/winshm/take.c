/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking a message (7.1): count and length once, their checks, one copy, both words again.
 *
 * Only the private copy is ever judged. A message that is above what was agreed, or above the
 * caller's pieces, is told by its outer header alone. The channel's thread.
 */
#include "winshm.h"

static pipc_result fail(const struct winshm_channel *channel, struct pipc_error *err,
                        pipc_result result, const char *what)
{
    return winshm_fail(channel->instance->host, err, result, 0, "%s: %s", channel->name.text, what);
}

static pipc_result end(struct winshm_channel *channel, struct pipc_received *ret_received)
{
    channel->ended = true;
    ret_received->flags = PIPC_RECEIVED_END;
    ret_received->len = 0;
    return PIPC_OK;
}

/* The one copy of `len` bytes, scattered. */
static void copy(const struct winshm_channel *channel, const struct pipc_piece *pieces, size_t len)
{
    const uint8_t *from = channel->in.area;

    for (; len > 0; pieces++) {
        const size_t part = len < pieces->len ? len : pieces->len;
        if (part > 0) /* an empty piece may have no address */
            memcpy(pieces->base, from, part);
        from += part;
        len -= part;
    }
}

/* Whether what was copied has changed meanwhile, as far as its words tell. */
static bool torn(const struct winshm_channel *channel, int64_t seq, int32_t len)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(channel->in.len, __ATOMIC_ACQUIRE) != len ||
           __atomic_load_n(channel->in.seq, __ATOMIC_ACQUIRE) != seq;
}

/* `seq` is what the other side counts, above what was taken. */
static pipc_result take(struct winshm_channel *channel, int64_t seq,
                        const struct pipc_piece *pieces, size_t room,
                        struct pipc_received *ret_received, struct pipc_error *err)
{
    const int32_t len = __atomic_load_n(channel->in.len, __ATOMIC_ACQUIRE);
    size_t part = (size_t)len;

    if (seq != channel->taken + 1)
        return fail(channel, err, PIPC_ERR_PROTOCOL, "the other side did not wait for its turn");
    if (len < (int32_t)WINSHM_OUTER || (uint32_t)len > channel->in.capacity)
        return winshm_fail(channel->instance->host, err, PIPC_ERR_PROTOCOL, 0,
                           "%s: a message of %d bytes in an area of %u", channel->name.text,
                           (int)len, (unsigned)channel->in.capacity);
    if (part > room || part > channel->in.most)
        part = WINSHM_OUTER;
    if (part > room)
        return fail(channel, err, PIPC_ERR_BAD_PARAM, "a message does not fit the pieces");
    copy(channel, pieces, part);
    if (torn(channel, seq, len))
        return fail(channel, err, PIPC_ERR_PROTOCOL, "a message changed while it was copied");
    channel->taken = seq;
    channel->owed = channel->role == PIPC_ROLE_SERVER;
    ret_received->flags = part == (size_t)len ? 0 : PIPC_RECEIVED_CUT;
    ret_received->len = part;
    return PIPC_OK;
}

static pipc_result not_waited(struct winshm_channel *channel, pipc_result result,
                              struct pipc_received *ret_received, struct pipc_error *err)
{
    switch (result) {
    case PIPC_ERR_DISCONNECTED:
        return end(channel, ret_received);
    case PIPC_ERR_ABORTED:
        return fail(channel, err, result, "aborted while waiting for a message");
    case PIPC_ERR_BAD_PARAM:
        return fail(channel, err, result, "the abort handle is none, while waiting for a message");
    default:
        return fail(channel, err, result, "time is over while waiting for a message");
    }
}

pipc_result winshm_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                           const struct pipc_wait *wait, struct pipc_received *ret_received,
                           struct pipc_error *err)
{
    struct winshm_channel *const c = channel;
    int64_t seq = 0;
    size_t room = 0;
    pipc_result result = winshm_wait_enter(wait);

    for (uint32_t i = 0; i < count; i++)
        room += pieces[i].len;
    if (result == PIPC_OK && winshm_interrupted(c))
        result = PIPC_ERR_ABORTED;
    if (result == PIPC_OK)
        result = c->ended ? (pipc_result)PIPC_ERR_DISCONNECTED : winshm_wait_message(c, wait, &seq);
    /* What came after the abort is not taken, whichever was seen first. */
    if (result == PIPC_OK && (pipc_wait_aborted(wait) || winshm_interrupted(c)))
        result = PIPC_ERR_ABORTED;
    if (result != PIPC_OK)
        return not_waited(c, result, ret_received, err);
    return take(c, seq, pieces, room, ret_received, err);
}
