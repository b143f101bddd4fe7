/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's side: connect, HELLO, the judgement of the HELLO_ACK (level1-transport.md 5
 * and 6.2), and the attach of the selected upgrade. Everything on the caller's thread; on any
 * failure nothing stays open.
 */
#include "session.h"

#include <string.h>

/* One attempt. */
struct attempt {
    struct pipci_service service;
    struct pipci_settings settings;
    struct pipc_endpoint endpoint;
    struct pipci_choice choice;
    struct pipc_hello hello;
    struct pipc_hello_ack ack;
    struct pipc_session *session;  /* owns the connection once there is one */
    struct pipc_wait wait;         /* of connecting and handshake */
    const struct pipc_wait *whole; /* of the caller */
};

static pipc_result refuse(const struct attempt *a, struct pipc_error *err, pipc_result result,
                          const char *what)
{
    return pipci_fail(err, result, 0, "service %s in %s: %s", a->endpoint.service,
                      a->endpoint.run_dir, what);
}

/* ---- connect and HELLO ---- */

static pipc_result open_connection(struct attempt *a, struct pipc_context *context,
                                   struct pipc_error *err)
{
    const struct pipci_transport *const carrier = a->service.carrier;
    void *channel = NULL;
    const pipc_result result =
        carrier->ops.connect(carrier->self, &a->endpoint, &a->wait, &channel, err);

    if (result != PIPC_OK)
        return result;
    a->session = pipci_session_new(context, PIPC_ROLE_CLIENT, carrier, channel);
    if (a->session)
        return PIPC_OK;
    carrier->ops.close(channel, 0);
    return refuse(a, err, PIPC_ERR_ALLOC, "no memory for a session");
}

static pipc_result propose(struct attempt *a, struct pipc_error *err)
{
    const struct pipci_settings *const s = &a->settings;

    pipci_choice_begin(&a->choice, PIPC_ROLE_CLIENT, &a->service, s, &a->endpoint,
                       &a->session->carrier);
    if (!a->choice.mask)
        return refuse(a, err, PIPC_ERR_NO_PROFILE,
                      a->choice.why[0] ? a->choice.why : "no data plane is left to propose");
    a->hello = (struct pipc_hello){
        .layout_version = PIPC_HELLO_LAYOUT,
        .supported_profiles = a->choice.mask,
        .preferred_profiles = s->preferred & a->choice.mask,
        .max_request_payload_bytes = s->request_bytes,
        .max_request_batch_items = s->request_items,
        .max_response_payload_bytes = s->response_bytes,
        .max_response_batch_items = s->response_items,
        .auth_token = s->token,
        .packet_size =
            a->service.carrier->ops.packet_max(a->session->carrier.channel, s->packet_size),
    };
    return PIPC_OK;
}

static pipc_result send_hello(struct attempt *a, struct pipc_error *err)
{
    uint8_t packet[PIPC_HEADER_LEN + PIPC_HELLO_LEN];
    const size_t len = pipc_hello_encode(&a->hello, packet + PIPC_HEADER_LEN, PIPC_HELLO_LEN);
    const struct pipc_piece piece = {
        packet, pipci_handshake_head_write(packet, PIPC_CODE_HELLO, PIPC_STATUS_OK, len)};

    return a->service.carrier->ops.send(a->session->carrier.channel, &piece, 1, &a->wait, err);
}

/* ---- HELLO_ACK, rows 1 to 10 ---- */

static pipc_result rejected(const struct attempt *a, struct pipc_error *err, uint32_t status)
{
    static const struct refusal {
        pipc_result result;
        const char *why;
    } refusals[] = {
        [PIPC_STATUS_BAD_ENVELOPE] = {PIPC_ERR_HANDSHAKE, "it could not read the proposal"},
        [PIPC_STATUS_AUTH_FAILED] = {PIPC_ERR_AUTH_FAILED, "the token does not match"},
        [PIPC_STATUS_INCOMPATIBLE] = {PIPC_ERR_INCOMPATIBLE,
                                      "another version, or an unusable packet size"},
        [PIPC_STATUS_UNSUPPORTED] = {PIPC_ERR_NO_PROFILE, "no profile in common"},
        [PIPC_STATUS_LIMIT_EXCEEDED] = {PIPC_ERR_LIMIT_EXCEEDED,
                                        "the proposed sizes are above its limits"},
        [PIPC_STATUS_INTERNAL_ERROR] = {PIPC_ERR_HANDSHAKE, "it is full, or failed itself"},
    };
    static const struct refusal unknown = {PIPC_ERR_HANDSHAKE, "an unknown reason"};
    const struct refusal *const refusal =
        status < PIPCI_COUNT(refusals) && refusals[status].why ? &refusals[status] : &unknown;

    (void)pipci_fail(err, refusal->result, 0,
                     "service %s in %s: the server refused: %s (status %u)", a->endpoint.service,
                     a->endpoint.run_dir, refusal->why, status);
    if (err && err->size >= offsetof(struct pipc_error, text))
        err->peer_status = status;
    return refusal->result;
}

/* Rows 2 to 5. */
static pipc_result check_head(const struct attempt *a, const uint8_t *packet, size_t len,
                              struct pipc_error *err)
{
    struct pipci_handshake_head head;

    if (len < PIPC_HEADER_LEN)
        return refuse(a, err, PIPC_ERR_PROTOCOL, "HELLO_ACK shorter than a header");
    pipci_handshake_head_read(packet, &head);
    if (head.magic != PIPC_MAGIC)
        return refuse(a, err, PIPC_ERR_PROTOCOL, "HELLO_ACK with a wrong magic number");
    if (head.version != PIPC_WIRE_VERSION)
        return refuse(a, err, PIPC_ERR_INCOMPATIBLE, "the server speaks another protocol version");
    if (head.header_len != PIPC_HEADER_LEN || head.kind != PIPC_KIND_CONTROL ||
        head.code != PIPC_CODE_HELLO_ACK)
        return refuse(a, err, PIPC_ERR_PROTOCOL, "the server's answer is not a HELLO_ACK");
    if (head.status != PIPC_STATUS_OK)
        return rejected(a, err, head.status);
    return PIPC_OK;
}

/* Rows 6 to 10. */
static pipc_result check_ack(struct attempt *a, const uint8_t *packet, size_t len,
                             struct pipc_error *err)
{
    const struct pipc_hello_ack *const ack = &a->ack;

    if (pipc_hello_ack_read(packet + PIPC_HEADER_LEN, len - PIPC_HEADER_LEN, &a->ack) != PIPC_OK)
        return refuse(a, err, PIPC_ERR_PROTOCOL, "HELLO_ACK is too short");
    if (ack->layout_version != PIPC_HELLO_LAYOUT)
        return refuse(a, err, PIPC_ERR_INCOMPATIBLE, "HELLO_ACK of another layout");
    if (ack->flags)
        return refuse(a, err, PIPC_ERR_PROTOCOL, "HELLO_ACK flags are set");
    if (ack->agreed_packet_size <= PIPC_HEADER_LEN ||
        ack->agreed_packet_size > a->hello.packet_size)
        return refuse(a, err, PIPC_ERR_PROTOCOL, "HELLO_ACK with an impossible packet size");
    const uint32_t one = ack->selected_profile;
    if (!one || (one & (one - 1)) || !(one & a->hello.supported_profiles))
        return refuse(a, err, PIPC_ERR_PROTOCOL,
                      "HELLO_ACK selects something else than one of the proposed data planes");
    return PIPC_OK;
}

static pipc_result take_ack(struct attempt *a, struct pipc_error *err)
{
    uint8_t packet[PIPC_HANDSHAKE_BUF_LEN];
    const struct pipc_piece piece = {packet, sizeof(packet)};
    struct pipc_received got = {.size = (uint32_t)sizeof(got)};
    pipc_result result = a->service.carrier->ops.receive(a->session->carrier.channel, &piece, 1,
                                                         &a->wait, &got, err);

    if (result != PIPC_OK)
        return result;
    if ((got.flags & PIPC_RECEIVED_END) || !got.len)
        return refuse(a, err, PIPC_ERR_DISCONNECTED, "the server closed during the handshake");
    if (pipci_handshake_is_cut(&a->service.carrier->ops, &got))
        return refuse(a, err, PIPC_ERR_PROTOCOL, "HELLO_ACK is longer than one can be");
    result = check_head(a, packet, (size_t)got.len, err);
    return result == PIPC_OK ? check_ack(a, packet, (size_t)got.len, err) : result;
}

/* ---- attach ---- */

static pipc_result attach(struct attempt *a, const struct pipci_transport *t, void **ret_channel,
                          struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    const struct pipc_upgrade_request request = {
        .size = (uint32_t)sizeof(request),
        .bit = a->ack.selected_profile,
        .session_id = a->ack.session_id,
        .auth_token = a->settings.token,
        .max_request_bytes = a->ack.agreed_max_request_payload_bytes,
        .max_response_bytes = a->ack.agreed_max_response_payload_bytes,
        .room_bytes = UINT64_MAX,
    };
    struct pipc_wait wait = *a->whole;

    wait.deadline_ns =
        pipci_deadline_min(wait.deadline_ns, pipci_deadline(a->settings.attach_timeout_ms));
    const pipc_result result = t->ops.attach(t->self, &a->endpoint, &a->session->carrier, &request,
                                             &wait, ret_channel, ret_failure, err);
    if (result == PIPC_ERR_DISCONNECTED || result == PIPC_ERR_ABORTED)
        ret_failure->bits = 0;
    /* All tries used up is the data plane's failure; the caller's own deadline is not. */
    if (result == PIPC_ERR_TIMEOUT) {
        const bool tries_over = !pipci_deadline_passed(a->whole->deadline_ns);
        ret_failure->bits = tries_over ? t->bits : 0;
        ret_failure->withdraw_ms = tries_over ? PIPC_NEVER : 0;
    }
    return result;
}

static pipc_result bring_up(struct attempt *a, struct pipc_upgrade_failure *ret_failure,
                            struct pipc_error *err)
{
    const struct pipci_transport *upgrade = NULL;
    void *channel = NULL;

    if (a->ack.selected_profile != PIPC_PROFILE_BASELINE) {
        upgrade = pipci_plane_of(&a->service, a->ack.selected_profile);
        const pipc_result result = attach(a, upgrade, &channel, ret_failure, err);
        if (result != PIPC_OK)
            return result;
    }
    a->session->peer_profiles = a->ack.server_supported_profiles;
    pipci_session_open(a->session, &a->ack, upgrade, channel, &a->settings, a->endpoint.service);
    pipci_choice_explain(&a->choice, &a->settings, a->endpoint.service, a->session);
    return PIPC_OK;
}

/* What this client can afford. It comes after the attach, though that is then for nothing: only
 * who has attached can tell over the data plane that it leaves, and existing servers that do not
 * look at the connection keep its slot for good otherwise (level2-typed-api.md 12). */
static pipc_result afford(const struct attempt *a, struct pipc_error *err)
{
    const uint32_t agreed = a->ack.agreed_max_response_payload_bytes;

    if (!a->settings.response_ceiling || agreed <= a->settings.response_ceiling)
        return PIPC_OK;
    return pipci_fail(err, PIPC_ERR_LIMIT_EXCEEDED, 0,
                      "service %s in %s: responses of up to %u bytes, this client takes %u",
                      a->endpoint.service, a->endpoint.run_dir, agreed,
                      a->settings.response_ceiling);
}

/* ---- the whole attempt ---- */

static pipc_result prepare(struct attempt *a, struct pipc_context *context, const char *run_dir,
                           const char *name, const struct pipc_session_settings *given,
                           struct pipc_error *err)
{
    struct pipc_session_settings copy;

    pipci_session_settings_copy(&copy, given);
    pipc_result result = pipci_context_check_process(context, err);
    if (result == PIPC_OK)
        result = pipci_context_service(context, name, &a->service, err);
    if (result == PIPC_OK)
        result = pipci_endpoint_make(&a->service, run_dir, name, &a->endpoint, err);
    if (result == PIPC_OK)
        result = pipci_settings_resolve(&a->service, &copy, &a->settings, err);
    if (result == PIPC_OK && !a->settings.supported)
        result = refuse(a, err, PIPC_ERR_NO_PROFILE,
                        "no data plane is left to propose, all are withdrawn");
    return result;
}

static pipc_result shake_hands(struct attempt *a, struct pipc_context *context,
                               struct pipc_upgrade_failure *failure, struct pipc_error *err)
{
    pipc_result result = open_connection(a, context, err);

    if (result == PIPC_OK)
        result = propose(a, err);
    if (result == PIPC_OK)
        result = send_hello(a, err);
    if (result == PIPC_OK)
        result = take_ack(a, err);
    if (result == PIPC_OK)
        result = bring_up(a, failure, err);
    return result == PIPC_OK ? afford(a, err) : result;
}

pipc_result pipci_connect_wait(struct pipc_context *context, const char *run_dir,
                               const char *service, const struct pipc_session_settings *settings,
                               uint64_t handshake_timeout_ms, const struct pipc_wait *wait,
                               struct pipc_session **ret_session,
                               struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    struct attempt a = {.whole = wait, .wait = *wait};
    struct pipc_upgrade_failure failure = {.size = (uint32_t)sizeof(failure)};

    if (ret_failure)
        pipci_out_copy(ret_failure, &failure, sizeof(failure));
    if (!context || !service || !ret_session)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                          "connect: context, service or result is missing");
    pipc_result result = prepare(&a, context, run_dir, service, settings, err);
    if (result != PIPC_OK)
        return result;
    a.wait.deadline_ns = pipci_deadline_min(
        wait->deadline_ns,
        pipci_deadline(handshake_timeout_ms ? handshake_timeout_ms : PIPC_HANDSHAKE_TIMEOUT_MS));
    result = shake_hands(&a, context, &failure, err);
    if (result == PIPC_OK) {
        *ret_session = a.session;
        return PIPC_OK;
    }
    pipc_session_close(a.session);
    if (ret_failure)
        pipci_out_copy(ret_failure, &failure, sizeof(failure));
    return result;
}

pipc_result pipc_connect(struct pipc_context *context, const char *run_dir, const char *service,
                         const struct pipc_session_settings *settings, uint64_t timeout_ms,
                         pipc_handle abort, struct pipc_session **ret_session,
                         struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    const struct pipc_wait wait =
        pipci_wait_make(timeout_ms ? pipci_deadline(timeout_ms) : PIPC_NEVER, abort, NULL);

    return pipci_connect_wait(context, run_dir, service, settings, timeout_ms, &wait, ret_session,
                              ret_failure, err);
}
