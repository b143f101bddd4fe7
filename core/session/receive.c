/* SPDX-License-Identifier: Apache-2.0
 *
 * Receiving a message (level1-transport.md 9): the first packet and its checks in their order, the
 * chunks, the directory. The payload lies contiguous and aligned in the session's buffer. The
 * session's thread.
 */
#include "../wire/batch.h"
#include "../wire/header.h"
#include "session.h"

#include <string.h>

/* ---- what goes to the caller ---- */

static inline void hand_out(const struct pipc_session *s, const void *payload, size_t len,
                            struct pipc_message *ret_message)
{
    const struct pipc_header *const h = &s->in.header;

    ret_message->kind = h->kind;
    ret_message->flags = h->flags;
    ret_message->code = h->code;
    ret_message->transport_status = h->transport_status;
    ret_message->item_count = h->item_count;
    ret_message->message_id = h->message_id;
    ret_message->payload = payload;
    ret_message->payload_len = len;
    ret_message->uniform_len = s->in.uniform_len;
}

/* Row 11, then the message is the caller's. */
static inline pipc_result deliver(struct pipc_session *s, struct pipc_message *ret_message,
                                  struct pipc_error *err)
{
    const struct pipc_header *const h = &s->in.header;

    __atomic_store_n(&s->in.active, false, __ATOMIC_RELAXED);
    s->in.kept = false;
    s->in.uniform_len = 0;
    if ((h->flags & PIPC_FLAG_BATCH) && h->item_count > 1) {
        const pipc_result result =
            pipci_batch_check(s->in.bytes, h->payload_len, h->item_count, &s->in.uniform_len);
        if (result != PIPC_OK)
            return pipci_session_break(s, err, PIPC_ERR_PROTOCOL, 0, "batch directory: %s",
                                       pipc_result_text(result));
    }
    if (s->role == PIPC_ROLE_CLIENT)
        pipci_inflight_remove(&s->ids, h->message_id);
    hand_out(s, s->in.bytes, h->payload_len, ret_message);
    return PIPC_OK;
}

/* ---- checks of a first packet, rows 4 to 9 ---- */

static pipc_result violation(struct pipc_session *s, struct pipc_error *err, const char *what)
{
    return pipci_session_break(s, err, PIPC_ERR_PROTOCOL, 0, "%s", what);
}

static pipc_result check_head(struct pipc_session *s, const uint8_t *head, uint64_t len,
                              struct pipc_error *err)
{
    const size_t there = len < PIPC_HEADER_LEN ? (size_t)len : PIPC_HEADER_LEN;
    const pipc_result result = pipc_header_decode(head, there, &s->in.header);

    if (result != PIPC_OK)
        return pipci_session_break(s, err, PIPC_ERR_PROTOCOL, 0, "header of a message: %s",
                                   pipc_result_text(result));
    if (s->in.header.kind != s->in_kind)
        return violation(s, err, s->role == PIPC_ROLE_CLIENT ? "not a response" : "not a request");
    return PIPC_OK;
}

/* Above a limit: the header is handed out, so that a server can answer. */
static pipc_result over_limit(struct pipc_session *s, struct pipc_message *ret_message,
                              struct pipc_error *err, const char *what, uint32_t value,
                              uint32_t limit)
{
    s->in.uniform_len = 0;
    hand_out(s, NULL, 0, ret_message);
    if (s->role == PIPC_ROLE_CLIENT)
        return pipci_session_break(s, err, PIPC_ERR_LIMIT_EXCEEDED, 0,
                                   "response of %u %s, the limit is %u", value, what, limit);
    s->state = PIPC_SESSION_REFUSED;
    s->refused_code = s->in.header.code;
    s->refused_id = s->in.header.message_id;
    pipci_cause_init(&s->broken);
    (void)pipci_fail(&s->broken, PIPC_ERR_LIMIT_EXCEEDED, 0,
                     "%s: request of %u %s, the limit is %u", s->name, value, what, limit);
    pipci_error_copy(err, &s->broken);
    return PIPC_ERR_LIMIT_EXCEEDED;
}

static pipc_result check_limits(struct pipc_session *s, const struct pipc_received *got,
                                struct pipc_message *ret_message, struct pipc_error *err)
{
    const struct pipc_header *const h = &s->in.header;

    if (h->payload_len > s->in_bytes)
        return over_limit(s, ret_message, err, "bytes", h->payload_len, s->in_bytes);
    if (h->payload_len > PIPC_PAYLOAD_LEN_MAX)
        return over_limit(s, ret_message, err, "bytes", h->payload_len, PIPC_PAYLOAD_LEN_MAX);
    /* Nothing else of a published message is judged when it is longer than the limit lets it be. */
    if (s->whole && (got->flags & PIPC_RECEIVED_CUT))
        return violation(s, err, "published length and payload_len differ");
    if (h->item_count > s->in_items)
        return over_limit(s, ret_message, err, "items", h->item_count, s->in_items);
    if (s->role == PIPC_ROLE_CLIENT && !pipci_inflight_has(&s->ids, h->message_id))
        return pipci_session_break(s, err, PIPC_ERR_UNKNOWN_MSG_ID, 0,
                                   "answer with id %llu, which is not in flight",
                                   (unsigned long long)h->message_id);
    return PIPC_OK;
}

static pipc_result check_length(struct pipc_session *s, const struct pipc_received *got,
                                struct pipc_error *err)
{
    const uint64_t whole = (uint64_t)PIPC_HEADER_LEN + s->in.header.payload_len;

    if (got->flags & PIPC_RECEIVED_CUT)
        return violation(s, err, "packet longer than declared or agreed");
    if (got->len > whole)
        return violation(s, err, "packet longer than its message");
    if (s->whole && got->len != whole)
        return violation(s, err, "published length and payload_len differ");
    if (!s->whole && got->len > s->packet_size)
        /* LCOV_EXCL_START: a channel says that such a packet was cut off */
        return violation(s, err, "packet above the agreed size");
    /* LCOV_EXCL_STOP */
    return PIPC_OK;
}

static pipc_result begin_chunks(struct pipc_session *s, uint32_t have, struct pipc_error *err)
{
    const struct pipc_header *const h = &s->in.header;

    if (!pipci_inbound_room(s, h->payload_len, have))
        return pipci_session_break(s, err, PIPC_ERR_ALLOC, 0, "no memory for a message of %u bytes",
                                   h->payload_len);
    s->in.have = have;
    s->in.index = 1;
    s->in.count = (uint32_t)pipc_chunk_count(h->payload_len, have, s->packet_size);
    s->in.started_ns = pipci_clock_ns();
    __atomic_store_n(&s->in.active, true, __ATOMIC_RELAXED);
    return PIPC_OK;
}

PIPCI_COLD static pipc_result judge(struct pipc_session *s, const uint8_t *head,
                                    const struct pipc_received *got,
                                    struct pipc_message *ret_message, struct pipc_error *err)
{
    pipc_result result = check_head(s, head, got->len, err);

    if (result == PIPC_OK)
        result = check_limits(s, got, ret_message, err);
    if (result == PIPC_OK)
        result = check_length(s, got, err);
    if (result != PIPC_OK)
        return result;
    const uint32_t have = (uint32_t)(got->len - PIPC_HEADER_LEN);
    return have == s->in.header.payload_len ? PIPC_OK : begin_chunks(s, have, err);
}

/* What nearly every first packet is: a whole message within all limits, awaited. It passes rows 4
 * to 9, and its header is kept; every other packet takes the rows in their order. */
static inline bool is_usual(struct pipc_session *s, const uint8_t *head,
                            const struct pipc_received *got)
{
    struct pipc_header *const h = &s->in.header;

    if (got->flags || got->len < PIPC_HEADER_LEN)
        return false;
    *h = pipci_header_read(head);
    if (h->magic != PIPC_MAGIC || h->version != PIPC_WIRE_VERSION ||
        h->header_len != PIPC_HEADER_LEN || h->kind != s->in_kind)
        return false;
    /* The channel gives no more than fits, which is within the limit of bytes. */
    if (h->payload_len != got->len - PIPC_HEADER_LEN || h->payload_len > s->in.first ||
        h->item_count > s->in_items)
        return false;
    return s->role != PIPC_ROLE_CLIENT || pipci_inflight_has(&s->ids, h->message_id);
}

/* ---- the first packet, rows 2 and 3 ---- */

PIPCI_COLD static pipc_result first_failed(struct pipc_session *s, pipc_result result,
                                           const struct pipc_error *cause, struct pipc_error *err)
{
    if (result == PIPC_ERR_TIMEOUT || result == PIPC_ERR_ABORTED || result == PIPC_ERR_BAD_PARAM)
        return pipci_session_report(s, err, result, cause);
    return pipci_session_break_by(s, err, result, cause);
}

/* From the plane, unless something that was kept goes out meanwhile. */
static inline pipc_result take_packet(struct pipc_session *s, uint8_t *head,
                                      const struct pipc_wait *wait,
                                      struct pipc_received *ret_received, struct pipc_error *cause,
                                      struct pipc_error *err, bool *ret_broken)
{
    const struct pipc_piece whole = {head, PIPC_HEADER_LEN + (size_t)s->in.first};

    if (s->out.pending)
        return pipci_packet_receive(s, head, s->in.bytes, s->in.first, wait, ret_received, cause,
                                    err, ret_broken);
    return s->plane->ops.receive(s->channel, &whole, 1, wait, ret_received, cause);
}

static inline pipc_result receive_first(struct pipc_session *s, const struct pipc_wait *wait,
                                        struct pipc_message *ret_message, struct pipc_error *err)
{
    uint8_t alone[PIPC_HEADER_LEN]; /* where no payload is allowed */
    struct pipc_received got = {.size = (uint32_t)sizeof(got)};
    struct pipc_error cause;
    bool broken = false;

    /* Taken at the first receive, not at the handshake; nothing has been read yet, so a failure
     * changes nothing. */
    if (s->in.first > s->in.cap && !pipci_inbound_room(s, s->in.first, 0))
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "%s: no memory for a packet of %u bytes", s->name,
                          s->in.first);
    uint8_t *const head = s->in.bytes ? s->in.bytes - PIPC_HEADER_LEN : alone;
    pipci_cause_init(&cause);
    const pipc_result result = take_packet(s, head, wait, &got, &cause, err, &broken);
    if (broken)
        return result;
    if (result != PIPC_OK)
        return first_failed(s, result, &cause, err);
    if (is_usual(s, head, &got))
        return PIPC_OK;
    if ((got.flags & PIPC_RECEIVED_END) || !got.len)
        return pipci_session_break(s, err, PIPC_ERR_DISCONNECTED, 0, "the other side closed");
    return judge(s, head, &got, ret_message, err);
}

/* ---- a whole message ---- */

/* `wait` is for the first packet, `rest` for the chunks. */
static inline pipc_result receive(struct pipc_session *s, const struct pipc_wait *wait,
                                  const struct pipc_wait *rest, uint64_t message_timeout_ms,
                                  struct pipc_message *ret_message, struct pipc_error *err)
{
    pipc_result result = PIPC_OK;

    if (!s->in.active)
        result = receive_first(s, wait, ret_message, err);
    if (result == PIPC_OK && s->in.active)
        result = pipci_chunks_receive(s, rest, message_timeout_ms, err);
    return result == PIPC_OK ? deliver(s, ret_message, err) : result;
}

/* A send found the peer gone: a response that it sent before is still there to read, once. */
static bool last_look(struct pipc_session *s, struct pipc_message *ret_message)
{
    const struct pipc_wait now = pipci_wait_make(PIPC_NOW, PIPC_NO_HANDLE, NULL);

    struct pipc_message found = {.size = sizeof(found)};

    s->last_look = false;
    s->out.pending = false;
    if (receive(s, &now, &now, 0, &found, NULL) != PIPC_OK)
        return false;
    pipci_out_copy(ret_message, &found, sizeof(found));
    return true;
}

/* In builds that look for faults the bytes of the last message go, so that a view that is used for
 * too long shows. */
static void poison(struct pipc_session *s)
{
#if !defined(NDEBUG) || defined(__SANITIZE_ADDRESS__)
    if (s->in.bytes && !s->in.active)
        memset(s->in.bytes, 0xdb,
               s->in.header.payload_len < s->in.cap ? s->in.header.payload_len : s->in.cap);
#else
    (void)s;
#endif
}

static inline pipc_result receive_checked(struct pipc_session *session,
                                          const struct pipc_wait *wait,
                                          const struct pipc_wait *rest, uint64_t message_timeout_ms,
                                          struct pipc_message *ret_message, struct pipc_error *err)
{
    if (!session || !ret_message || !PIPCI_HAS(ret_message, reserved) ||
        message_timeout_ms == PIPC_NOW)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                          "receive: session or message is missing, or the time for a message is "
                          "none");
    session->room = NULL;
    poison(session);
    if (session->state != PIPC_SESSION_OPEN)
        return session->last_look && last_look(session, ret_message)
                   ? (pipc_result)PIPC_OK
                   : pipci_outbox_say_broken(session, wait, err);
    if (session->in.kept || session->out.pending) {
        const pipc_result result = pipci_session_check_clocks(session, err);
        if (result != PIPC_OK)
            return result;
    }
    const pipc_result result = receive(session, wait, rest, message_timeout_ms, ret_message, err);
    /* The send may have been that of a kept rest, on the way to a packet that is there. */
    if (result != PIPC_OK && session->last_look && last_look(session, ret_message))
        return PIPC_OK;
    return result;
}

pipc_result pipci_session_receive_wait(struct pipc_session *session, const struct pipc_wait *wait,
                                       uint64_t message_timeout_ms,
                                       struct pipc_message *ret_message, struct pipc_error *err)
{
    return receive_checked(session, wait, wait, message_timeout_ms, ret_message, err);
}

pipc_result pipci_session_receive_begun(struct pipc_session *session, const struct pipc_wait *wait,
                                        uint64_t message_timeout_ms,
                                        struct pipc_message *ret_message, struct pipc_error *err)
{
    const struct pipc_wait rest = pipci_wait_make(PIPC_NEVER, PIPC_NO_HANDLE, NULL);

    return receive_checked(session, wait, &rest, message_timeout_ms, ret_message, err);
}

pipc_result pipc_session_receive(struct pipc_session *session, uint64_t timeout_ms,
                                 uint64_t message_timeout_ms, pipc_handle abort,
                                 struct pipc_message *ret_message, struct pipc_error *err)
{
    const struct pipc_wait wait = pipci_wait_make(pipci_deadline(timeout_ms), abort, NULL);

    return pipci_session_receive_wait(session, &wait, message_timeout_ms, ret_message, err);
}
