/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a session but for its messages: made by a handshake, broken once and for good,
 * interrupted, closed. pipc_session_interrupt may be called from any thread; everything else
 * belongs to the session's thread.
 */
#include "session.h"

#include <stdarg.h>
#include <stdio.h>

struct pipc_session *pipci_session_new(struct pipc_context *context, uint32_t role,
                                       const struct pipci_transport *carrier, void *channel)
{
    const struct pipc_allocator *const memory = pipci_context_allocator(context);
    struct pipc_session *const s = pipci_zalloc(memory, sizeof(*s));

    if (!s)
        return NULL;
    s->context = context;
    s->memory = memory;
    s->process = pipci_process_id();
    s->role = role;
    s->out_kind = role == PIPC_ROLE_CLIENT ? PIPC_KIND_REQUEST : PIPC_KIND_RESPONSE;
    s->in_kind = role == PIPC_ROLE_CLIENT ? PIPC_KIND_RESPONSE : PIPC_KIND_REQUEST;
    s->state = PIPC_SESSION_OPEN;
    s->plane = carrier;
    s->channel = channel;
    s->carrier = (struct pipc_carrier){
        .size = (uint32_t)sizeof(s->carrier), .ops = &carrier->ops, .channel = channel};
    pipci_inflight_init(&s->ids, role == PIPC_ROLE_CLIENT ? pipci_random() : 0);
    pipci_context_hold(context);
    return s;
}

static uint32_t bound(uint32_t limit, uint32_t packet)
{
    return packet <= PIPC_HEADER_LEN          ? 0
           : limit < packet - PIPC_HEADER_LEN ? limit
                                              : packet - PIPC_HEADER_LEN;
}

static void use_plane(struct pipc_session *s, const struct pipci_transport *upgrade,
                      void *upgrade_channel)
{
    if (upgrade) {
        s->plane = upgrade;
        s->channel = upgrade_channel;
        s->upgraded = true;
    }
    s->whole = s->plane->ops.traits & PIPC_TRAIT_NO_CHUNKS;
    s->single = s->plane->ops.traits & PIPC_TRAIT_ONE_OUTSTANDING;
    s->packet_max = s->whole ? s->plane->ops.packet_max(s->channel, 0) : s->packet_size;
    s->in.first = bound(s->in_bytes, s->packet_max);
    s->out_limit = s->whole                              ? bound(s->out_bytes, s->packet_max)
                   : s->out_bytes < PIPC_PAYLOAD_LEN_MAX ? s->out_bytes
                                                         : PIPC_PAYLOAD_LEN_MAX;
    s->out_packet = bound(s->out_limit, s->packet_max);
}

void pipci_session_open(struct pipc_session *s, const struct pipc_hello_ack *ack,
                        const struct pipci_transport *upgrade, void *upgrade_channel,
                        const struct pipci_settings *settings, const char *service)
{
    const bool client = s->role == PIPC_ROLE_CLIENT;

    s->out_bytes =
        client ? ack->agreed_max_request_payload_bytes : ack->agreed_max_response_payload_bytes;
    s->out_items =
        client ? ack->agreed_max_request_batch_items : ack->agreed_max_response_batch_items;
    s->in_bytes =
        client ? ack->agreed_max_response_payload_bytes : ack->agreed_max_request_payload_bytes;
    s->in_items =
        client ? ack->agreed_max_response_batch_items : ack->agreed_max_request_batch_items;
    s->packet_size = ack->agreed_packet_size;
    s->session_id = ack->session_id;
    s->selected = ack->selected_profile;
    s->max_in_flight = settings->max_in_flight;
    s->message_timeout_ms = settings->message_timeout_ms;
    snprintf(s->name, sizeof(s->name), "%.64s, session %llu", service,
             (unsigned long long)ack->session_id);
    use_plane(s, upgrade, upgrade_channel);
}

/* ---- breaking ---- */

pipc_result pipci_session_break(struct pipc_session *s, struct pipc_error *err, pipc_result result,
                                int32_t os_code, const char *format, ...)
{
    struct pipc_error what;
    va_list args;

    pipci_cause_init(&what);
    va_start(args, format);
    (void)pipci_vfail(&what, result, os_code, format, args);
    va_end(args);
    if (s->state != PIPC_SESSION_BROKEN) {
        s->state = PIPC_SESSION_BROKEN;
        s->last_look = result == PIPC_ERR_SEND && pipci_inflight_count(&s->ids) > 0;
        if (s->broken.result == PIPC_OK) {
            pipci_cause_init(&s->broken);
            (void)pipci_fail(&s->broken, result, os_code, "%s: %s", s->name, what.text);
        }
    }
    return pipci_fail(err, result, os_code, "%s: %s", s->name, what.text);
}

static const char *cause_text(pipc_result result, const struct pipc_error *cause)
{
    return cause->text[0] ? cause->text : pipc_result_text(result);
}

pipc_result pipci_session_break_by(struct pipc_session *s, struct pipc_error *err,
                                   pipc_result result, const struct pipc_error *cause)
{
    return pipci_session_break(s, err, result, cause->os_code, "%s", cause_text(result, cause));
}

pipc_result pipci_session_report(const struct pipc_session *s, struct pipc_error *err,
                                 pipc_result result, const struct pipc_error *cause)
{
    if (!err)
        return result;
    return pipci_fail(err, result, cause->os_code, "%s: %s", s->name, cause_text(result, cause));
}

pipc_result pipci_session_say_broken(const struct pipc_session *s, struct pipc_error *err)
{
    if (s->state == PIPC_SESSION_REFUSED)
        return pipci_fail(err, PIPC_ERR_BROKEN, 0,
                          "%s: a request above a limit was refused, only its answer and close are "
                          "left",
                          s->name);
    return pipci_fail(err, PIPC_ERR_BROKEN, 0, "broken earlier: %s", s->broken.text);
}

pipc_result pipci_session_check_clocks(struct pipc_session *s, struct pipc_error *err)
{
    if (s->in.kept && pipci_deadline_passed(s->in.deadline_ns))
        return pipci_session_break(s, err, PIPC_ERR_TIMEOUT, 0,
                                   "the rest of a message did not come in time (%u of %u bytes)",
                                   s->in.have, s->in.header.payload_len);
    if (s->out.pending && pipci_deadline_passed(s->out.deadline_ns))
        return pipci_session_break(s, err, PIPC_ERR_TIMEOUT, 0,
                                   "the other side did not read the rest of a message in time");
    return PIPC_OK;
}

/* ---- what callers ask ---- */

size_t pipc_session_in_flight(const struct pipc_session *session, uint64_t *ids, size_t cap)
{
    return session ? pipci_inflight_list(&session->ids, ids, ids ? cap : 0) : 0;
}

pipc_handle pipc_session_wait_handle(const struct pipc_session *session)
{
    return session ? session->carrier.ops->wait_handle(session->carrier.channel) : PIPC_NO_HANDLE;
}

int pipc_session_wants_room(const struct pipc_session *session)
{
    return session && session->out.pending && session->state != PIPC_SESSION_BROKEN;
}

uint32_t pipc_session_send_limit(const struct pipc_session *session)
{
    return session ? session->out_limit : 0;
}

uint32_t pipci_session_traits(const struct pipc_session *session)
{
    return session->plane->ops.traits;
}

uint32_t pipci_session_send_items(const struct pipc_session *session)
{
    return session->out_items;
}

uint32_t pipci_session_state(const struct pipc_session *session)
{
    return session->state;
}

bool pipci_session_is_receiving(const struct pipc_session *session)
{
    return __atomic_load_n(&session->in.active, __ATOMIC_RELAXED);
}

void *pipc_session_reserve(struct pipc_session *session, size_t payload_len)
{
    static const struct pipc_wait now = {
        .size = sizeof(now), .deadline_ns = PIPC_NOW, .abort = PIPC_NO_HANDLE};
    void *room = NULL;

    if (!session || session->state != PIPC_SESSION_OPEN ||
        !(session->plane->ops.traits & PIPC_TRAIT_WRITE_IN_PLACE) ||
        payload_len > session->out_limit)
        return NULL;
    session->room = NULL;
    session->room_len = PIPC_HEADER_LEN + payload_len;
    if (session->plane->ops.reserve(session->channel, session->room_len, &now, &room, NULL) !=
        PIPC_OK)
        return NULL;
    session->room = room;
    return session->room + PIPC_HEADER_LEN;
}

/* ---- the end ---- */

void pipc_session_interrupt(struct pipc_session *session)
{
    if (session)
        session->plane->ops.interrupt(session->channel);
}

void pipci_session_wake(const struct pipc_session *session)
{
    session->plane->ops.wake(session->channel);
}

void pipci_session_finish_wait(struct pipc_session *session, const struct pipc_wait *wait)
{
    if (session)
        session->plane->ops.finish(session->channel, wait);
}

void pipc_session_finish(struct pipc_session *session, pipc_handle abort)
{
    const struct pipc_wait wait = pipci_wait_make(PIPC_NEVER, abort, NULL);

    pipci_session_finish_wait(session, &wait);
}

void pipc_session_close(struct pipc_session *session)
{
    if (!session)
        return;
    const uint32_t flags = session->process == pipci_process_id() ? 0 : PIPC_CLOSE_FORKED;
    if (session->upgraded)
        session->plane->ops.close(session->channel, flags);
    session->carrier.ops->close(session->carrier.channel, flags);
    pipci_inflight_done(&session->ids, session->memory);
    pipci_inbound_free(session);
    pipci_free(session->memory, session->out.bytes);
    struct pipc_context *const context = session->context;
    pipci_free(session->memory, session);
    pipci_context_release(context);
}
