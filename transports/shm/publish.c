/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishing a message (7): bounds and turn, the bytes, three words in their order, one wake-up.
 *
 * Never waits: the area is free whenever the turn is ours. Counters are private and only stored,
 * so a peer that scribbles over them disturbs itself alone. The channel's thread.
 */
#include "shm.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Nobody announces that it sleeps, so the wake-up is never left out. */
void shm_publish(struct shm_channel *channel, uint32_t len)
{
    const struct shm_lane *const out = &channel->out;

    channel->sent++;
    channel->signal++;
    channel->last = len;
    __atomic_store_n(out->len, len, __ATOMIC_RELEASE);
    __atomic_store_n(out->seq, channel->sent, __ATOMIC_RELEASE);
    __atomic_store_n(out->signal, channel->signal, __ATOMIC_RELEASE);
    (void)shm_futex_wake(out->signal, 1);
}

static pipc_result fail(const struct shm_channel *channel, struct pipc_error *err,
                        pipc_result result, const char *what)
{
    return shm_fail(channel->instance->host, err, result, 0, "%s: %s", channel->name.path, what);
}

static pipc_result refuse_size(const struct shm_channel *channel, struct pipc_error *err,
                               uint64_t len)
{
    if (len == 0)
        return fail(channel, err, PIPC_ERR_BAD_PARAM, "a message has at least one byte");
    return shm_fail(
        channel->instance->host, err, PIPC_ERR_LIMIT_EXCEEDED, 0,
        "%s: a message of %llu bytes, at most %u are possible", channel->name.path,
        (unsigned long long)len,
        (unsigned)(channel->most < channel->out.capacity ? channel->most : channel->out.capacity));
}

static pipc_result refuse_turn(const struct shm_channel *channel, struct pipc_error *err)
{
    if (channel->role == PIPC_ROLE_CLIENT)
        return fail(channel, err, PIPC_ERR_LIMIT_EXCEEDED, "a request is outstanding already");
    return fail(channel, err, PIPC_ERR_BAD_PARAM, "no request is unanswered");
}

/* Whether the next message is this side's: a client's when all is answered, a server's when one
 * request is not. */
static bool has_turn(const struct shm_channel *channel)
{
    return channel->sent + (channel->role == PIPC_ROLE_SERVER) == channel->taken;
}

/* Why a message cannot be sent; `result` is what the wait came to. */
__attribute__((cold)) static pipc_result refuse(const struct shm_channel *channel, uint64_t len,
                                                pipc_result result, struct pipc_error *err)
{
    if (result != PIPC_OK)
        return fail(channel, err, result,
                    result == PIPC_ERR_ABORTED ? "aborted while sending"
                                               : "the abort handle is none, while sending");
    if (shm_interrupted(channel))
        return fail(channel, err, PIPC_ERR_ABORTED, "interrupted while sending");
    if (channel->gone)
        return fail(channel, err, PIPC_ERR_SEND, "the region has been cut off");
    if (len == 0 || len > channel->most || len > channel->out.capacity)
        return refuse_size(channel, err, len);
    return refuse_turn(channel, err);
}

/* Everything that can refuse, before anything is written. */
static inline pipc_result may_send(const struct shm_channel *channel, uint64_t len,
                                   const struct pipc_wait *wait, struct pipc_error *err)
{
    const pipc_result result = shm_wait_look(wait);

    if (result == PIPC_OK && !shm_interrupted(channel) && !channel->gone && len != 0 &&
        len <= channel->most && len <= channel->out.capacity && has_turn(channel))
        return PIPC_OK;
    return refuse(channel, len, result, err);
}

static inline void published(struct shm_channel *channel, uint32_t len)
{
    channel->answer_is_fresh = true;
    channel->room = 0;
    shm_publish(channel, len);
}

/* Through the descriptor: a file that its owner cuts off fails here and raises no signal. */
static pipc_result write_file(struct shm_channel *channel, const struct pipc_piece *pieces,
                              uint32_t count, struct pipc_error *err)
{
    off_t at = (off_t)(channel->out.area - (const uint8_t *)channel->region.map);

    for (uint32_t i = 0; i < count; i++) {
        const char *from = pieces[i].base;
        size_t left = pieces[i].len;
        while (left > 0) {
            const ssize_t put = pwrite(channel->region.fd, from, left, at);
            if (put < 0 && errno == EINTR)
                continue;
            if (put <= 0)
                return shm_fail(channel->instance->host, err, PIPC_ERR_SEND, put < 0 ? errno : 0,
                                "%s: the region cannot be written", channel->name.path);
            from += put;
            left -= (size_t)put;
            at += put;
        }
    }
    return PIPC_OK;
}

pipc_result shm_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                     const struct pipc_wait *wait, struct pipc_error *err)
{
    struct shm_channel *const c = channel;
    uint64_t len = 0;
    uint8_t *to = c->out.area;
    pipc_result result;

    for (uint32_t i = 0; i < count; i++)
        len += pieces[i].len;
    result = may_send(c, len, wait, err);
    if (result != PIPC_OK)
        return result;
    if (c->by_file) {
        result = write_file(c, pieces, count, err);
        if (result != PIPC_OK)
            return result;
    } else {
        for (uint32_t i = 0; i < count; to += pieces[i].len, i++)
            if (pieces[i].len > 0) /* an empty piece may have no address */
                memcpy(to, pieces[i].base, pieces[i].len);
    }
    published(c, (uint32_t)len);
    return PIPC_OK;
}

pipc_result shm_reserve(void *channel, size_t len, const struct pipc_wait *wait, void **ret_room,
                        struct pipc_error *err)
{
    struct shm_channel *const c = channel;
    const pipc_result result = may_send(c, len, wait, err);

    c->room = 0;
    if (result != PIPC_OK)
        return result;
    if (c->by_file)
        return fail(c, err, PIPC_ERR_NOT_SUPPORTED, "a region of another user is not written to");
    c->room = (uint32_t)len;
    *ret_room = c->out.area;
    return PIPC_OK;
}

pipc_result shm_commit(void *channel, size_t len, const struct pipc_wait *wait,
                       struct pipc_error *err)
{
    struct shm_channel *const c = channel;
    pipc_result result = shm_wait_look(wait);

    /* What was judged when the room was given is not judged again. */
    if (result != PIPC_OK || len == 0 || len > c->room || shm_interrupted(c))
        result = may_send(c, len, wait, err);
    if (result == PIPC_OK)
        published(c, (uint32_t)len);
    return result;
}
