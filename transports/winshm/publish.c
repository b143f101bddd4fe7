/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishing a message (6): bounds and turn, the bytes, two words in their order, one wake-up.
 *
 * Never waits: the area is free whenever the turn is ours. The count is private and only stored, so
 * a peer that scribbles over it disturbs itself alone. The channel's thread.
 */
#include "winshm.h"

static pipc_result fail(const struct winshm_channel *channel, struct pipc_error *err,
                        pipc_result result, const char *what)
{
    return winshm_fail(channel->instance->host, err, result, 0, "%s: %s", channel->name.text, what);
}

static uint32_t longest(const struct winshm_lane *out)
{
    return out->most < out->capacity ? out->most : out->capacity;
}

static pipc_result refuse_size(const struct winshm_channel *channel, struct pipc_error *err,
                               uint64_t len)
{
    if (len == 0)
        return fail(channel, err, PIPC_ERR_BAD_PARAM, "a message has at least one byte");
    return winshm_fail(channel->instance->host, err, PIPC_ERR_LIMIT_EXCEEDED, 0,
                       "%s: a message of %u bytes, at most %u are possible", channel->name.text,
                       len > UINT32_MAX ? UINT32_MAX : (unsigned)len,
                       (unsigned)longest(&channel->out));
}

static pipc_result refuse_turn(const struct winshm_channel *channel, struct pipc_error *err)
{
    if (channel->role == PIPC_ROLE_CLIENT)
        return fail(channel, err, PIPC_ERR_LIMIT_EXCEEDED, "a request is outstanding already");
    return fail(channel, err, PIPC_ERR_BAD_PARAM, "no request is unanswered");
}

/* Everything that can refuse, before anything is written. */
static pipc_result may_send(const struct winshm_channel *channel, uint64_t len,
                            const struct pipc_wait *wait, struct pipc_error *err)
{
    const pipc_result result = winshm_wait_enter(wait);

    if (result != PIPC_OK)
        return fail(channel, err, result,
                    result == PIPC_ERR_ABORTED ? "aborted while sending"
                                               : "the abort handle is none, while sending");
    if (winshm_interrupted(channel))
        return fail(channel, err, PIPC_ERR_ABORTED, "interrupted while sending");
    if (len == 0 || len > longest(&channel->out))
        return refuse_size(channel, err, len);
    if (winshm_peer_closed(channel))
        return fail(channel, err, PIPC_ERR_SEND, "the other side is gone");
    if (channel->owed != (channel->role == PIPC_ROLE_SERVER))
        return refuse_turn(channel, err);
    return PIPC_OK;
}

/* The exchange of the count is a full barrier: what waits has either seen it, or its flag is seen
 * here. */
static void publish(struct winshm_channel *channel, uint32_t len)
{
    const struct winshm_lane *const out = &channel->out;

    channel->sent++;
    channel->owed = channel->role == PIPC_ROLE_CLIENT;
    (void)__atomic_exchange_n(out->len, (int32_t)len, __ATOMIC_SEQ_CST);
    (void)__atomic_exchange_n(out->seq, channel->sent, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (out->event && __atomic_load_n(out->waiting, __ATOMIC_SEQ_CST) != 0)
        (void)SetEvent(out->event);
}

pipc_result winshm_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                        const struct pipc_wait *wait, struct pipc_error *err)
{
    struct winshm_channel *const c = channel;
    uint8_t *to = c->out.area;
    uint64_t len = 0;
    pipc_result result;

    for (uint32_t i = 0; i < count; i++)
        len += pieces[i].len;
    result = may_send(c, len, wait, err);
    if (result != PIPC_OK)
        return result;
    for (uint32_t i = 0; i < count; to += pieces[i].len, i++)
        if (pieces[i].len > 0) /* an empty piece may have no address */
            memcpy(to, pieces[i].base, pieces[i].len);
    publish(c, (uint32_t)len);
    return PIPC_OK;
}

pipc_result winshm_reserve(void *channel, size_t len, const struct pipc_wait *wait, void **ret_room,
                           struct pipc_error *err)
{
    struct winshm_channel *const c = channel;
    const pipc_result result = may_send(c, len, wait, err);

    if (result == PIPC_OK)
        *ret_room = c->out.area;
    return result;
}

pipc_result winshm_commit(void *channel, size_t len, const struct pipc_wait *wait,
                          struct pipc_error *err)
{
    struct winshm_channel *const c = channel;
    const pipc_result result = may_send(c, len, wait, err);

    if (result == PIPC_OK)
        publish(c, (uint32_t)len);
    return result;
}
