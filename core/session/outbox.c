/* SPDX-License-Identifier: Apache-2.0
 *
 * What a send with PIPC_NOW took but could not send at once (level1-transport.md 13): at most one
 * message's rest, which goes out before anything else with later calls of any form. The session's
 * thread.
 */
#include "session.h"

#include <string.h>

/* How often a blocking receive looks for an interrupt of the session while it watches for room as
 * well. */
#define SLICE_NS (100 * PIPC_NS_PER_MS)
/* The same where no handle tells of room. */
#define BLIND_SLICE_NS (5 * PIPC_NS_PER_MS)

pipc_result pipci_outbox_keep(struct pipc_session *s, const struct pipc_chunk *next,
                              const uint8_t *rest, uint32_t len)
{
    if (len > s->out.cap) {
        uint8_t *const bytes = pipci_alloc(s->memory, len);
        if (!bytes)
            return PIPC_ERR_ALLOC;
        pipci_free(s->memory, s->out.bytes);
        s->out.bytes = bytes;
        s->out.cap = len;
    }
    memcpy(s->out.bytes, rest, len);
    s->out.len = len;
    s->out.pos = 0;
    s->out.chunk = *next;
    s->out.deadline_ns = pipci_deadline(s->message_timeout_ms);
    s->out.pending = true;
    return PIPC_OK;
}

static pipc_result send_next(struct pipc_session *s, const struct pipc_wait *wait,
                             struct pipc_error *cause)
{
    const uint32_t left = s->out.len - s->out.pos, budget = s->packet_size - PIPC_HEADER_LEN;
    uint8_t head[PIPC_HEADER_LEN];

    s->out.chunk.chunk_payload_len = left < budget ? left : budget;
    (void)pipc_chunk_encode(&s->out.chunk, head, sizeof(head));
    const pipc_result result = pipci_packet_send(s, head, s->out.bytes + s->out.pos,
                                                 s->out.chunk.chunk_payload_len, wait, cause);
    if (result == PIPC_OK) {
        s->out.pos += s->out.chunk.chunk_payload_len;
        s->out.chunk.chunk_index++;
    }
    return result;
}

pipc_result pipci_outbox_flush(struct pipc_session *s, const struct pipc_wait *wait,
                               struct pipc_error *err)
{
    struct pipc_wait bounded = *wait;
    struct pipc_error cause;

    pipci_cause_init(&cause);
    bounded.deadline_ns = pipci_deadline_min(wait->deadline_ns, s->out.deadline_ns);
    while (s->out.pos < s->out.len) {
        const pipc_result result = send_next(s, &bounded, &cause);
        if (result == PIPC_ERR_TIMEOUT) {
            const pipc_result clocks = pipci_session_check_clocks(s, err);
            return clocks != PIPC_OK ? clocks : pipci_session_report(s, err, result, &cause);
        }
        if (result == PIPC_ERR_ABORTED || result == PIPC_ERR_BAD_PARAM)
            return pipci_session_report(s, err, result, &cause);
        if (result != PIPC_OK)
            return pipci_session_break_by(s, err, result, &cause);
    }
    s->out.pending = false;
    return PIPC_OK;
}

pipc_result pipci_outbox_say_broken(struct pipc_session *s, const struct pipc_wait *wait,
                                    struct pipc_error *err)
{
    pipc_result result = PIPC_OK;

    if (s->out.pending && s->state == PIPC_SESSION_REFUSED) {
        result = pipci_session_check_clocks(s, err);
        if (result == PIPC_OK)
            result = pipci_outbox_flush(s, wait, err);
    }
    return result == PIPC_OK ? pipci_session_say_broken(s, err) : result;
}

static pipc_result judge_abort(const struct pipci_poll *abort)
{
    if (abort->got & PIPCI_POLL_INVALID)
        return PIPC_ERR_BAD_PARAM;
    return abort->got ? PIPC_ERR_ABORTED : PIPC_OK;
}

/* Abort goes before data; without blocking nobody waits, so nothing is aborted. */
static pipc_result look_abort(const struct pipc_wait *wait)
{
    struct pipci_poll abort = {.handle = wait->abort, .want = PIPCI_POLL_READ};
    uint32_t ready = 0;

    if (wait->deadline_ns == PIPC_NOW || wait->abort == PIPC_NO_HANDLE)
        return PIPC_OK; /* the plane looks at the flag */
    const pipc_result result = pipci_poll(&abort, 1, PIPC_NOW, &ready);
    return result == PIPC_OK ? judge_abort(&abort) : result;
}

/* Sleeps until there may be a packet, room, an abort, or it is time to look again. *told comes in
 * true when the handle has told of room and nothing went: the system is short of buffers, and no
 * handle tells when it is not any more. It goes out with what the handle tells now. */
static pipc_result watch(struct pipc_session *s, const struct pipc_wait *wait, bool *told)
{
    const pipc_handle handle = s->plane->ops.wait_handle(s->channel);
    const bool blind = handle == PIPC_NO_HANDLE || *told;
    const uint64_t slice = pipci_clock_ns() + (blind ? BLIND_SLICE_NS : SLICE_NS);
    struct pipci_poll polls[2] = {
        {.handle = handle, .want = PIPCI_POLL_READ | (*told ? 0 : PIPCI_POLL_WRITE)},
        {.handle = wait->abort, .want = PIPCI_POLL_READ},
    };
    uint32_t ready = 0;
    const uint64_t until =
        pipci_deadline_min(pipci_deadline_min(wait->deadline_ns, s->out.deadline_ns), slice);

    const pipc_result result = pipci_poll(polls, (uint32_t)PIPCI_COUNT(polls), until, &ready);
    *told = result == PIPC_OK && (polls[0].got & PIPCI_POLL_WRITE);
    return result == PIPC_OK ? judge_abort(&polls[1]) : result;
}

pipc_result pipci_outbox_receive(struct pipc_session *s, const struct pipc_piece *pieces,
                                 uint32_t count, const struct pipc_wait *wait,
                                 struct pipc_received *ret_received, struct pipc_error *cause,
                                 struct pipc_error *err)
{
    struct pipc_wait now = *wait;
    pipc_result result = look_abort(wait);
    bool told = false;

    now.deadline_ns = PIPC_NOW;
    while (result == PIPC_OK) {
        const uint32_t pos = s->out.pos;
        if (s->out.pending) {
            result = pipci_outbox_flush(s, &now, err);
            if (s->state == PIPC_SESSION_BROKEN)
                return result;
        }
        if (!s->out.pending)
            return s->plane->ops.receive(s->channel, pieces, count, wait, ret_received, cause);
        result = s->plane->ops.receive(s->channel, pieces, count, &now, ret_received, cause);
        if (result != PIPC_ERR_TIMEOUT || pipci_deadline_passed(wait->deadline_ns))
            return result;
        told = told && s->out.pos == pos;
        result = watch(s, wait, &told);
    }
    return result;
}
