/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking a message (8): the length once, its checks, one copy, the counter.
 *
 * Only the private copy is ever judged. A message that the caller's buffer does not hold is told by
 * its outer header alone. The channel's thread.
 */
#include "shm.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static pipc_result fail(const struct shm_channel *channel, struct pipc_error *err,
                        pipc_result result, const char *what)
{
    return shm_fail(channel->instance->host, err, result, 0, "%s: %s", channel->name.path, what);
}

static pipc_result region_gone(struct shm_channel *channel, struct pipc_error *err)
{
    channel->gone = true;
    channel->room = 0;
    return fail(channel, err, PIPC_ERR_DISCONNECTED, "the region has been cut off");
}

static pipc_result end(struct shm_channel *channel, struct pipc_received *ret_received)
{
    channel->ended = true;
    ret_received->flags = PIPC_RECEIVED_END;
    ret_received->len = 0;
    return PIPC_OK;
}

/* Through the descriptor: a file that its owner cuts off comes short and raises no signal. */
static bool read_file(const struct shm_channel *channel, uint8_t *to, size_t len, off_t at)
{
    while (len > 0) {
        const ssize_t got = pread(channel->region.fd, to, len, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        len -= (size_t)got;
        at += got;
    }
    return true;
}

/* The one copy of `len` bytes, scattered. What has been copied is not read from the area again. */
static bool copy(const struct shm_channel *channel, const struct pipc_piece *pieces, size_t len)
{
    const uint8_t *from = channel->in.area;
    const uint8_t *const map = channel->region.map;

    for (; len > 0; pieces++) {
        const size_t part = len < pieces->len ? len : pieces->len;
        if (!channel->by_file) {
            if (part > 0) /* an empty piece may have no address */
                memcpy(pieces->base, from, part);
        } else if (!read_file(channel, pieces->base, part, (off_t)(from - map))) {
            return false;
        }
        from += part;
        len -= part;
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return true;
}

static inline pipc_result taken(struct shm_channel *channel, uint64_t seq, uint32_t flags,
                                uint32_t len, struct pipc_received *ret_received)
{
    channel->taken = seq;
    channel->room = 0;
    channel->asked = true;
    /* The other side has read the last message of this one, or it would not have answered: the next
     * one will probably be as long, and its cache lines may come while it is made. */
    shm_claim(channel->out.area, channel->last);
    ret_received->flags = flags;
    ret_received->len = len;
    return PIPC_OK;
}

/* `seq` is what the other side counts, above what was taken, and `len` its word, read once. */
__attribute__((cold)) static pipc_result take_checked(struct shm_channel *channel, uint64_t seq,
                                                      uint32_t len, const struct pipc_piece *pieces,
                                                      size_t room,
                                                      struct pipc_received *ret_received,
                                                      struct pipc_error *err)
{
    const bool fits = len <= room;

    if (len == 0)
        return end(channel, ret_received);
    channel->asked = true;
    if (seq != channel->taken + 1)
        return fail(channel, err, PIPC_ERR_PROTOCOL, "the other side did not wait for its turn");
    if (len < SHM_OUTER || len > channel->in.capacity)
        return shm_fail(channel->instance->host, err, PIPC_ERR_PROTOCOL, 0,
                        "%s: a message of %u bytes in an area of %u", channel->name.path,
                        (unsigned)len, (unsigned)channel->in.capacity);
    if (!fits && room < SHM_OUTER)
        return fail(channel, err, PIPC_ERR_BAD_PARAM, "a message does not fit the pieces");
    if (!copy(channel, pieces, fits ? len : SHM_OUTER))
        return region_gone(channel, err);
    return taken(channel, seq, fits ? 0 : PIPC_RECEIVED_CUT, fits ? len : SHM_OUTER, ret_received);
}

static size_t room_of(const struct pipc_piece *pieces, uint32_t count)
{
    size_t room = 0;

    for (uint32_t i = 0; i < count; i++)
        room += pieces[i].len;
    return room;
}

/* Nearly every message is the next one, within its bounds and as long as the first piece holds: it
 * passes all checks, and its bytes move at once. */
static inline pipc_result take(struct shm_channel *channel, uint64_t seq,
                               const struct pipc_piece *pieces, uint32_t count,
                               struct pipc_received *ret_received, struct pipc_error *err)
{
    const uint32_t len = __atomic_load_n(channel->in.len, __ATOMIC_ACQUIRE);

    if (channel->by_file || count == 0 || seq != channel->taken + 1 || len < SHM_OUTER ||
        len > channel->in.capacity || len > pieces->len)
        return take_checked(channel, seq, len, pieces, room_of(pieces, count), ret_received, err);
    memcpy(pieces->base, channel->in.area, len);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return taken(channel, seq, 0, len, ret_received);
}

__attribute__((cold)) static pipc_result not_waited(struct shm_channel *channel, pipc_result result,
                                                    struct pipc_received *ret_received,
                                                    struct pipc_error *err)
{
    switch (result) {
    case PIPC_ERR_DISCONNECTED:
        return channel->gone ? region_gone(channel, err) : end(channel, ret_received);
    case PIPC_ERR_ABORTED:
        return fail(channel, err, result, "aborted while waiting for a message");
    case PIPC_ERR_BAD_PARAM:
        return fail(channel, err, result, "the abort handle is none, while waiting for a message");
    default:
        return fail(channel, err, result, "time is over while waiting for a message");
    }
}

pipc_result shm_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                        const struct pipc_wait *wait, struct pipc_received *ret_received,
                        struct pipc_error *err)
{
    struct shm_channel *const c = channel;
    uint64_t seq = 0;
    pipc_result result = shm_wait_look(wait);

    if (result == PIPC_OK && shm_interrupted(c))
        result = PIPC_ERR_ABORTED;
    if (result == PIPC_OK && (c->ended || c->gone))
        result = PIPC_ERR_DISCONNECTED;
    if (result == PIPC_OK && !shm_arrived(c, &seq))
        result = shm_wait_message(c, wait, &seq);
    /* What came after the abort is not taken, whichever was seen first. */
    if (result == PIPC_OK && (pipc_wait_aborted(wait) || shm_interrupted(c)))
        result = PIPC_ERR_ABORTED;
    if (result != PIPC_OK)
        return not_waited(c, result, ret_received, err);
    return take(c, seq, pieces, count, ret_received, err);
}
