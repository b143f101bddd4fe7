/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets of a message: one out, one in, and the chunks of a message that needs several (wire 4).
 * Chunks are scattered straight to their place in the session's buffer. The session's thread.
 */
#include "session.h"

#include <string.h>

pipc_result pipci_packet_send(struct pipc_session *s, const uint8_t *head, const uint8_t *payload,
                              uint32_t len, const struct pipc_wait *wait, struct pipc_error *cause)
{
    /* Pieces are not const because they serve both directions; a channel only reads what it sends.
     */
    struct pipc_piece pieces[2];

    memset(pieces, 0, sizeof(pieces));
    memcpy(&pieces[0].base, &head, sizeof(head));
    pieces[0].len = PIPC_HEADER_LEN;
    memcpy(&pieces[1].base, &payload, sizeof(payload));
    pieces[1].len = len;
    return s->plane->ops.send(s->channel, pieces, len ? 2 : 1, wait, cause);
}

pipc_result pipci_packet_receive(struct pipc_session *s, uint8_t *head, uint8_t *payload,
                                 uint32_t len, const struct pipc_wait *wait,
                                 struct pipc_received *ret_received, struct pipc_error *cause,
                                 struct pipc_error *err, bool *ret_broken)
{
    const bool joined = payload == head + PIPC_HEADER_LEN;
    const struct pipc_piece pieces[2] = {
        {head, joined ? PIPC_HEADER_LEN + (size_t)len : PIPC_HEADER_LEN}, {payload, len}};
    const uint32_t count = joined || !len ? 1 : 2;

    ret_received->size = (uint32_t)sizeof(*ret_received);
    ret_received->flags = 0;
    ret_received->len = 0;
    if (!s->out.pending)
        return s->plane->ops.receive(s->channel, pieces, count, wait, ret_received, cause);
    const pipc_result result =
        pipci_outbox_receive(s, pieces, count, wait, ret_received, cause, err);
    *ret_broken = result != PIPC_OK && s->state == PIPC_SESSION_BROKEN;
    return result;
}

bool pipci_inbound_room(struct pipc_session *s, uint32_t len, uint32_t keep)
{
    if (len <= s->in.cap)
        return true;
    uint8_t *const block = pipci_alloc(s->memory, PIPC_HEADER_LEN + (size_t)len);
    if (!block)
        return false;
    if (keep)
        memcpy(block + PIPC_HEADER_LEN, s->in.bytes, keep);
    pipci_inbound_free(s);
    s->in.bytes = block + PIPC_HEADER_LEN;
    s->in.cap = len;
    return true;
}

void pipci_inbound_free(struct pipc_session *s)
{
    if (s->in.bytes)
        pipci_free(s->memory, s->in.bytes - PIPC_HEADER_LEN);
}

static pipc_result wrong(struct pipc_session *s, struct pipc_error *err, const char *what)
{
    return pipci_session_break(s, err, PIPC_ERR_CHUNK, 0, "chunk %u of %u: %s", s->in.index,
                               s->in.count, what);
}

/* Steps 2 to 5 of wire 4.3; step 1 is the caller's. */
static pipc_result check_chunk(struct pipc_session *s, const uint8_t *head, uint64_t len,
                               struct pipc_error *err)
{
    const struct pipc_header *const h = &s->in.header;
    struct pipc_chunk chunk;
    const pipc_result result = pipc_chunk_decode(head, PIPC_HEADER_LEN, &chunk);

    if (result == PIPC_ERR_BAD_MAGIC)
        return wrong(s, err, "not a chunk header");
    if (result == PIPC_ERR_BAD_VERSION)
        return wrong(s, err, "wrong version");
    if (result != PIPC_OK)
        return wrong(s, err, "flags are set or the payload length is 0");
    if (chunk.message_id != h->message_id)
        return wrong(s, err, "wrong message id");
    if (chunk.chunk_index != s->in.index || chunk.chunk_index >= s->in.count)
        return wrong(s, err, "wrong index");
    if (chunk.chunk_count != s->in.count)
        return wrong(s, err, "wrong count");
    if (chunk.total_message_len != (uint64_t)PIPC_HEADER_LEN + h->payload_len)
        return wrong(s, err, "wrong total length");
    if (len - PIPC_HEADER_LEN != chunk.chunk_payload_len)
        return wrong(s, err, "packet and chunk_payload_len differ");
    if ((uint64_t)s->in.have + chunk.chunk_payload_len > h->payload_len)
        /* LCOV_EXCL_START: a channel says that such a packet was cut off */
        return wrong(s, err, "passes the end of the message");
    /* LCOV_EXCL_STOP */
    return PIPC_OK;
}

static pipc_result chunk_missing(struct pipc_session *s, const struct pipc_wait *wait,
                                 pipc_result result, const struct pipc_error *cause,
                                 struct pipc_error *err)
{
    if (result == PIPC_ERR_TIMEOUT && wait->deadline_ns == PIPC_NOW) {
        s->in.kept = true;
        const pipc_result clocks = pipci_session_check_clocks(s, err);
        return clocks != PIPC_OK ? clocks : pipci_session_report(s, err, result, cause);
    }
    if (result == PIPC_ERR_TIMEOUT)
        return pipci_session_break(s, err, result, 0,
                                   "the rest of a message did not come in time (%u of %u bytes)",
                                   s->in.have, s->in.header.payload_len);
    return pipci_session_break_by(s, err, result, cause);
}

static pipc_result receive_chunk(struct pipc_session *s, const struct pipc_wait *wait,
                                 struct pipc_error *err)
{
    const uint32_t missing = s->in.header.payload_len - s->in.have;
    const uint32_t budget = s->packet_size - PIPC_HEADER_LEN;
    uint8_t head[PIPC_HEADER_LEN];
    struct pipc_received got;
    struct pipc_error cause;
    bool broken = false;

    pipci_cause_init(&cause);
    pipc_result result =
        pipci_packet_receive(s, head, s->in.bytes + s->in.have, missing < budget ? missing : budget,
                             wait, &got, &cause, err, &broken);
    if (broken)
        return result;
    if (result != PIPC_OK)
        return chunk_missing(s, wait, result, &cause, err);
    if ((got.flags & PIPC_RECEIVED_END) || !got.len)
        return pipci_session_break(s, err, PIPC_ERR_RECV, 0,
                                   "the other side closed inside a message");
    if (got.len < PIPC_HEADER_LEN)
        return wrong(s, err, "shorter than its header");
    if (got.flags & PIPC_RECEIVED_CUT)
        return wrong(s, err, "longer than the packet size or than what is missing");
    result = check_chunk(s, head, got.len, err);
    if (result != PIPC_OK)
        return result;
    s->in.have += (uint32_t)(got.len - PIPC_HEADER_LEN);
    s->in.index++;
    return PIPC_OK;
}

/* When the message has to be complete. A client's call has one deadline for everything unless it
 * says otherwise. */
static uint64_t message_deadline(const struct pipc_session *s, const struct pipc_wait *wait,
                                 uint64_t message_timeout_ms)
{
    uint64_t deadline;

    if (!message_timeout_ms && s->role == PIPC_ROLE_CLIENT && wait->deadline_ns != PIPC_NOW) {
        deadline = wait->deadline_ns;
    } else {
        const uint64_t ms = message_timeout_ms ? message_timeout_ms : PIPC_MESSAGE_TIMEOUT_MS;
        deadline = ms > (PIPC_NEVER - s->in.started_ns) / PIPC_NS_PER_MS
                       ? PIPC_NEVER
                       : s->in.started_ns + ms * PIPC_NS_PER_MS;
    }
    return s->in.kept ? pipci_deadline_min(deadline, s->in.deadline_ns) : deadline;
}

pipc_result pipci_chunks_receive(struct pipc_session *s, const struct pipc_wait *wait,
                                 uint64_t message_timeout_ms, struct pipc_error *err)
{
    struct pipc_wait rest = *wait;

    s->in.deadline_ns = message_deadline(s, wait, message_timeout_ms);
    if (rest.deadline_ns != PIPC_NOW)
        rest.deadline_ns = s->in.deadline_ns;
    while (s->in.have < s->in.header.payload_len) {
        const pipc_result result = receive_chunk(s, &rest, err);
        if (result != PIPC_OK)
            return result;
        if (s->in.index == s->in.count && s->in.have < s->in.header.payload_len)
            return pipci_session_break(s, err, PIPC_ERR_CHUNK, 0,
                                       "%u chunks hold %u bytes less than announced", s->in.count,
                                       s->in.header.payload_len - s->in.have);
    }
    /* No chunk holds more than the packet size lets it, so the message is complete with the last
     * index, never before. */
    return PIPC_OK;
}
