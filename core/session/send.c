/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending a message (level1-transport.md 8): the checks in their order, then one packet or a series
 * of chunks, taken from the caller's payload in place. The session's thread.
 */
#include "../wire/header.h"
#include "session.h"

#include <string.h>

/* ---- checks, rows 1 to 5 ---- */

static pipc_result bad(const struct pipc_session *s, struct pipc_error *err, const char *what)
{
    return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "%s: %s", s->name, what);
}

static pipc_result check_arguments(const struct pipc_session *s, const struct pipc_message *m,
                                   struct pipc_error *err)
{
    if (!m->payload && m->payload_len)
        return bad(s, err, "a payload length without a payload");
    if (m->kind != s->out_kind)
        return bad(s, err,
                   s->role == PIPC_ROLE_CLIENT ? "a client sends requests only"
                                               : "a server sends responses only");
    if (m->flags & ~PIPC_FLAG_BATCH)
        return bad(s, err, "reserved flags are set");
    if (!m->item_count || (m->item_count > 1 && !(m->flags & PIPC_FLAG_BATCH)))
        return bad(s, err, "item_count has to be 1, or more with the batch flag");
    return PIPC_OK;
}

static pipc_result check_limits(const struct pipc_session *s, const struct pipc_message *m,
                                struct pipc_error *err)
{
    if (m->payload_len > s->out_limit)
        return pipci_fail(err, PIPC_ERR_LIMIT_EXCEEDED, 0,
                          "%s: payload of %llu bytes, the limit is %u", s->name,
                          (unsigned long long)m->payload_len, s->out_limit);
    if (m->item_count > s->out_items)
        return pipci_fail(err, PIPC_ERR_LIMIT_EXCEEDED, 0, "%s: %u items, the limit is %u", s->name,
                          m->item_count, s->out_items);
    return PIPC_OK;
}

static pipc_result check_id(const struct pipc_session *s, const struct pipc_message *m,
                            struct pipc_error *err)
{
    if (pipci_inflight_has(&s->ids, m->message_id))
        return pipci_fail(err, PIPC_ERR_DUPLICATE_MSG_ID, 0, "%s: message id %llu is in flight",
                          s->name, (unsigned long long)m->message_id);
    const size_t count = pipci_inflight_count(&s->ids);
    if (s->single && count)
        return pipci_fail(err, PIPC_ERR_LIMIT_EXCEEDED, 0,
                          "%s: this data plane holds one request at a time, and one is outstanding",
                          s->name);
    if (s->max_in_flight && count >= s->max_in_flight)
        return pipci_fail(err, PIPC_ERR_LIMIT_EXCEEDED, 0,
                          "%s: %u requests are in flight, the configured limit", s->name,
                          s->max_in_flight);
    return PIPC_OK;
}

/* A refused session takes one answer to the refused request; it stands outside the limits, so that
 * the refusal always gets out. */
static pipc_result check_refusal(const struct pipc_session *s, const struct pipc_message *m,
                                 struct pipc_error *err)
{
    pipc_result result;

    result = check_arguments(s, m, err);
    if (result != PIPC_OK)
        return result;
    if (m->code != s->refused_code || m->message_id != s->refused_id)
        return bad(s, err, "only the refused request may still be answered");
    if (!m->payload_len && m->item_count == 1 && m->transport_status != PIPC_STATUS_OK)
        return PIPC_OK;
    return check_limits(s, m, err);
}

static pipc_result check_send(struct pipc_session *s, const struct pipc_message *m,
                              struct pipc_error *err)
{
    pipc_result result;

    if (s->state == PIPC_SESSION_REFUSED)
        return check_refusal(s, m, err);
    if (s->state != PIPC_SESSION_OPEN)
        return pipci_session_say_broken(s, err);
    if (s->in.kept || s->out.pending) {
        result = pipci_session_check_clocks(s, err);
        if (result != PIPC_OK)
            return result;
    }
    result = check_arguments(s, m, err);
    if (result == PIPC_OK)
        result = check_limits(s, m, err);
    if (result == PIPC_OK && s->role == PIPC_ROLE_CLIENT)
        result = check_id(s, m, err);
    return result;
}

/* What nearly every message is: the only one in flight, whole in one packet, within all limits. No
 * row can refuse it, and nothing that was kept goes first; every other message takes the rows in
 * their order. */
static inline bool is_usual(const struct pipc_session *s, const struct pipc_message *m)
{
    if (s->state != PIPC_SESSION_OPEN || s->in.kept || s->out.pending)
        return false;
    if (m->kind != s->out_kind || m->payload_len > s->out_packet || (!m->payload && m->payload_len))
        return false;
    if (m->flags & ~PIPC_FLAG_BATCH || m->item_count > s->out_items ||
        (m->item_count != 1 && (!m->item_count || !m->flags)))
        return false;
    return s->role != PIPC_ROLE_CLIENT || !pipci_inflight_count(&s->ids);
}

/* ---- packets, row 7 ---- */

/* A request says nothing about its fate: the status is that of a response, and 0 in requests. */
static inline void encode_head(const struct pipc_message *m, uint8_t *head)
{
    const uint16_t status = m->kind == PIPC_KIND_REQUEST ? PIPC_STATUS_OK : m->transport_status;
    const struct pipc_header header = {.magic = PIPC_MAGIC,
                                       .version = PIPC_WIRE_VERSION,
                                       .header_len = PIPC_HEADER_LEN,
                                       .kind = m->kind,
                                       .flags = m->flags,
                                       .code = m->code,
                                       .transport_status = status,
                                       .payload_len = (uint32_t)m->payload_len,
                                       .item_count = m->item_count,
                                       .message_id = m->message_id};

    pipci_header_write(&header, head);
}

/* The payload was built in the room of the data plane: the header joins it there. */
static pipc_result commit_room(struct pipc_session *s, const struct pipc_message *m,
                               const struct pipc_wait *wait, struct pipc_error *cause)
{
    encode_head(m, s->room);
    return s->plane->ops.commit(s->channel, PIPC_HEADER_LEN + m->payload_len, wait, cause);
}

static inline pipc_result send_first(struct pipc_session *s, const struct pipc_message *m,
                                     uint32_t first, const struct pipc_wait *wait,
                                     struct pipc_error *cause)
{
    uint8_t head[PIPC_HEADER_LEN];

    if (s->room && m->payload == s->room + PIPC_HEADER_LEN &&
        PIPC_HEADER_LEN + m->payload_len <= s->room_len)
        return commit_room(s, m, wait, cause);
    encode_head(m, head);
    return pipci_packet_send(s, head, m->payload, first, wait, cause);
}

/* Packets behind the first one. What PIPC_NOW cannot send is kept. */
static pipc_result send_chunks(struct pipc_session *s, const struct pipc_message *m, uint32_t first,
                               const struct pipc_wait *wait, struct pipc_error *err)
{
    const uint8_t *const payload = m->payload;
    const uint32_t total = (uint32_t)m->payload_len, budget = s->packet_size - PIPC_HEADER_LEN;
    struct pipc_chunk chunk = {.magic = PIPC_CHUNK_MAGIC,
                               .version = PIPC_WIRE_VERSION,
                               .message_id = m->message_id,
                               .total_message_len = PIPC_HEADER_LEN + total,
                               .chunk_count =
                                   (uint32_t)pipc_chunk_count(total, first, s->packet_size)};
    struct pipc_error cause;

    pipci_cause_init(&cause);
    for (uint32_t at = first; at < total; at += chunk.chunk_payload_len) {
        uint8_t head[PIPC_HEADER_LEN];
        chunk.chunk_index++;
        chunk.chunk_payload_len = total - at < budget ? total - at : budget;
        (void)pipc_chunk_encode(&chunk, head, sizeof(head));
        const pipc_result result =
            pipci_packet_send(s, head, payload + at, chunk.chunk_payload_len, wait, &cause);
        if (result == PIPC_ERR_TIMEOUT && wait->deadline_ns == PIPC_NOW &&
            pipci_outbox_keep(s, &chunk, payload + at, total - at) == PIPC_OK)
            return PIPC_OK;
        if (result == PIPC_ERR_TIMEOUT && wait->deadline_ns == PIPC_NOW)
            return pipci_session_break(s, err, PIPC_ERR_ALLOC, 0,
                                       "no memory for the rest of a message");
        if (result != PIPC_OK)
            return pipci_session_break_by(s, err, result, &cause);
    }
    return PIPC_OK;
}

/* Results of a first packet that say that nothing was sent. */
static bool nothing_sent(pipc_result result)
{
    return result == PIPC_ERR_TIMEOUT || result == PIPC_ERR_ABORTED ||
           result == PIPC_ERR_BAD_PARAM || result == PIPC_ERR_LIMIT_EXCEEDED ||
           result == PIPC_ERR_ALLOC;
}

PIPCI_COLD static pipc_result first_failed(struct pipc_session *s, const struct pipc_message *m,
                                           pipc_result result, const struct pipc_error *cause,
                                           struct pipc_error *err)
{
    if (!nothing_sent(result))
        return pipci_session_break_by(s, err, result, cause);
    if (s->role == PIPC_ROLE_CLIENT)
        pipci_inflight_remove(&s->ids, m->message_id);
    return pipci_session_report(s, err, result, cause);
}

static pipc_result send_message(struct pipc_session *s, const struct pipc_message *m,
                                const struct pipc_wait *wait, struct pipc_error *err)
{
    const uint32_t total = (uint32_t)m->payload_len;
    const uint32_t first = total < s->out_packet ? total : s->out_packet;
    struct pipc_error cause;

    pipci_cause_init(&cause);
    const pipc_result result = send_first(s, m, first, wait, &cause);
    s->room = NULL;
    if (result != PIPC_OK)
        return first_failed(s, m, result, &cause, err);
    return first == total ? PIPC_OK : send_chunks(s, m, first, wait, err);
}

/* What was kept goes first; then the id is recorded, because the answer may come before the send
 * returns. */
static pipc_result prepare(struct pipc_session *s, const struct pipc_message *m,
                           const struct pipc_wait *wait, struct pipc_error *err)
{
    if (s->out.pending) {
        const pipc_result result = pipci_outbox_flush(s, wait, err);
        if (result != PIPC_OK)
            return result;
    }
    if (s->role == PIPC_ROLE_CLIENT && !pipci_inflight_add(&s->ids, s->memory, m->message_id))
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "%s: no memory for one more id in flight",
                          s->name);
    return PIPC_OK;
}

/* A message that may be refused, or that goes in several packets, or behind what was kept. */
static pipc_result send_unusual(struct pipc_session *session, const struct pipc_message *message,
                                const struct pipc_wait *wait, struct pipc_error *err)
{
    pipc_result result;

    if (session->state == PIPC_SESSION_REFUSED && session->answered)
        return pipci_outbox_say_broken(session, wait, err);
    result = check_send(session, message, err);
    if (result != PIPC_OK)
        return result;
    result = prepare(session, message, wait, err);
    if (result == PIPC_OK)
        result = send_message(session, message, wait, err);
    if (session->state == PIPC_SESSION_REFUSED && result == PIPC_OK)
        session->answered = true;
    return result;
}

static inline pipc_result send_usual(struct pipc_session *s, const struct pipc_message *m,
                                     const struct pipc_wait *wait, struct pipc_error *err)
{
    struct pipc_error cause;

    pipci_cause_init(&cause);
    if (s->role == PIPC_ROLE_CLIENT)
        (void)pipci_inflight_add(&s->ids, s->memory, m->message_id);
    const pipc_result result = send_first(s, m, (uint32_t)m->payload_len, wait, &cause);
    s->room = NULL;
    return result == PIPC_OK ? PIPC_OK : first_failed(s, m, result, &cause, err);
}

static inline pipc_result send_any(struct pipc_session *session, const struct pipc_message *message,
                                   const struct pipc_wait *wait, struct pipc_error *err)
{
    if (!session || !message || !PIPCI_HAS(message, reserved))
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "send: session or message is missing");
    return is_usual(session, message) ? send_usual(session, message, wait, err)
                                      : send_unusual(session, message, wait, err);
}

pipc_result pipci_session_send_wait(struct pipc_session *session,
                                    const struct pipc_message *message,
                                    const struct pipc_wait *wait, struct pipc_error *err)
{
    return send_any(session, message, wait, err);
}

pipc_result pipci_session_send_at_once(struct pipc_session *session,
                                       const struct pipc_message *message, struct pipc_error *err)
{
    /* A deadline that is over waits for nothing, and what it says is sent is sent: with PIPC_NOW a
     * channel may take a packet that has no room yet, and close would drop it. */
    static const struct pipc_wait over = {
        .size = sizeof(over), .deadline_ns = 0, .abort = PIPC_NO_HANDLE};

    if (message->payload_len > session->out_packet && session->state != PIPC_SESSION_BROKEN)
        return PIPC_ERR_TIMEOUT;
    return send_any(session, message, &over, err);
}

pipc_result pipc_session_send(struct pipc_session *session, const struct pipc_message *message,
                              uint64_t timeout_ms, pipc_handle abort, struct pipc_error *err)
{
    struct pipc_wait wait = pipci_wait_make(PIPC_NEVER, abort, NULL);

    /* A packet hardly ever has to wait, so the clock is read when it has to. */
    if (timeout_ms && timeout_ms != PIPC_NOW && abort == PIPC_NO_HANDLE && session && message &&
        PIPCI_HAS(message, reserved)) {
        const pipc_result result = pipci_session_send_at_once(session, message, err);
        if (result != PIPC_ERR_TIMEOUT || session->state == PIPC_SESSION_BROKEN)
            return result;
    }
    if (timeout_ms)
        wait.deadline_ns = pipci_deadline(timeout_ms);
    return send_any(session, message, &wait, err);
}
