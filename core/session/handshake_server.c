/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's judgement of a HELLO: rows 2 to 15 of level1-transport.md 6.1, in their order, and
 * the answer of wire 5. The thread that runs the handshake.
 */
#include "session.h"

#include <string.h>

/* Session ids that one handshake may use up because their names are taken. */
#define NAME_TRIES 16u

/* What the rows work on. */
struct judgement {
    struct pipc_handshake *handshake;
    struct pipci_settings settings;
    struct pipci_choice choice;
    struct pipc_hello hello;
    struct pipc_hello_ack ack;
    uint32_t status; /* of the rejection; SILENT: close without an answer */
};
#define SILENT UINT32_MAX

static const struct pipci_transport *carrier_of(const struct pipc_handshake *h)
{
    return h->site->service.carrier;
}

static pipc_result refuse(struct judgement *j, uint32_t status, struct pipc_error *err,
                          pipc_result result, const char *what)
{
    j->status = status;
    return pipci_fail(err, result, 0, "service %s: client refused: %s",
                      j->handshake->site->endpoint.service, what);
}

/* Rows 2 to 6. */
static pipc_result check_head(struct judgement *j, const uint8_t *packet, size_t len,
                              struct pipc_error *err)
{
    struct pipci_handshake_head head;

    if (len < PIPC_HEADER_LEN)
        return refuse(j, SILENT, err, PIPC_ERR_PROTOCOL, "packet shorter than a header");
    pipci_handshake_head_read(packet, &head);
    if (head.magic != PIPC_MAGIC)
        return refuse(j, SILENT, err, PIPC_ERR_PROTOCOL, "wrong magic number");
    const bool is_hello = head.header_len == PIPC_HEADER_LEN && head.kind == PIPC_KIND_CONTROL &&
                          head.code == PIPC_CODE_HELLO;
    if (head.version != PIPC_WIRE_VERSION && is_hello)
        return refuse(j, PIPC_STATUS_INCOMPATIBLE, err, PIPC_ERR_INCOMPATIBLE,
                      "another protocol version");
    if (!is_hello || head.version != PIPC_WIRE_VERSION)
        return refuse(j, SILENT, err, PIPC_ERR_PROTOCOL, "not a HELLO");
    return PIPC_OK;
}

/* Rows 7 to 10. */
static pipc_result check_hello(struct judgement *j, const uint8_t *packet, size_t len,
                               struct pipc_error *err)
{
    if (pipc_hello_read(packet + PIPC_HEADER_LEN, len - PIPC_HEADER_LEN, &j->hello) != PIPC_OK)
        return refuse(j, PIPC_STATUS_BAD_ENVELOPE, err, PIPC_ERR_PROTOCOL, "HELLO is too short");
    if (j->hello.layout_version != PIPC_HELLO_LAYOUT)
        return refuse(j, PIPC_STATUS_INCOMPATIBLE, err, PIPC_ERR_INCOMPATIBLE,
                      "HELLO of another layout");
    if (j->hello.flags)
        return refuse(j, PIPC_STATUS_BAD_ENVELOPE, err, PIPC_ERR_PROTOCOL, "HELLO flags are set");
    if (j->hello.padding)
        return refuse(j, PIPC_STATUS_BAD_ENVELOPE, err, PIPC_ERR_PROTOCOL,
                      "HELLO padding is not 0");
    return PIPC_OK;
}

/* Same time for every pair of tokens. */
static bool same_token(uint64_t a, uint64_t b)
{
    const volatile uint64_t difference = a ^ b;

    return difference == 0;
}

/* Row 11. */
static pipc_result check_authority(struct judgement *j, struct pipc_error *err)
{
    const struct pipci_transport *const carrier = carrier_of(j->handshake);
    const bool token = same_token(j->hello.auth_token, j->settings.token);
    struct pipc_error cause;

    pipci_cause_init(&cause);
    const pipc_result admitted = carrier->ops.admit(j->handshake->channel, &cause);
    if (admitted != PIPC_OK && admitted != PIPC_ERR_NOT_SUPPORTED)
        return refuse(j, PIPC_STATUS_AUTH_FAILED, err, PIPC_ERR_AUTH_FAILED,
                      cause.text[0] ? cause.text : "the transport does not admit it");
    if (!token)
        return refuse(j, PIPC_STATUS_AUTH_FAILED, err, PIPC_ERR_AUTH_FAILED, "wrong token");
    return PIPC_OK;
}

/* Rows 12 to 14. */
static pipc_result negotiate(struct judgement *j, struct pipc_error *err)
{
    const struct pipci_site *const site = j->handshake->site;
    const struct pipc_carrier carrier = {.size = (uint32_t)sizeof(carrier),
                                         .ops = &site->service.carrier->ops,
                                         .channel = j->handshake->channel};
    const uint32_t own =
        site->service.carrier->ops.packet_max(j->handshake->channel, j->settings.packet_size);

    pipci_choice_begin(&j->choice, PIPC_ROLE_SERVER, &site->service, &j->settings, &site->endpoint,
                       &carrier);
    if (!(j->hello.supported_profiles & j->choice.mask))
        return refuse(j, PIPC_STATUS_UNSUPPORTED, err, PIPC_ERR_NO_PROFILE,
                      "no data plane in common");
    if (j->hello.max_request_payload_bytes > j->settings.request_bytes)
        return refuse(j, PIPC_STATUS_LIMIT_EXCEEDED, err, PIPC_ERR_LIMIT_EXCEEDED,
                      "it wants to send larger requests than are taken");
    j->ack = (struct pipc_hello_ack){
        .layout_version = PIPC_HELLO_LAYOUT,
        .agreed_max_request_payload_bytes = j->hello.max_request_payload_bytes,
        .agreed_max_request_batch_items = j->hello.max_request_batch_items,
        .agreed_max_response_payload_bytes = j->settings.response_bytes,
        .agreed_max_response_batch_items = j->hello.max_request_batch_items,
        .agreed_packet_size = j->hello.packet_size < own ? j->hello.packet_size : own,
    };
    if (j->ack.agreed_packet_size <= PIPC_HEADER_LEN)
        return refuse(j, PIPC_STATUS_INCOMPATIBLE, err, PIPC_ERR_INCOMPATIBLE,
                      "packet size without room for a payload");
    return PIPC_OK;
}

/* Row 14a. */
static pipc_result take_slot(struct judgement *j, struct pipc_error *err)
{
    const struct pipci_settings *const s = &j->settings;

    if (!s->slot_take)
        return PIPC_OK;
    if (s->slot_take(s->slot_arg) != PIPC_OK)
        return refuse(j, PIPC_STATUS_INTERNAL_ERROR, err, PIPC_ERR_BUSY, "no free session slot");
    j->handshake->slot_arg = s->slot_arg;
    j->handshake->slot_give = s->slot_give;
    return PIPC_OK;
}

/* ---- row 15: resources ---- */

static void select_bit(struct judgement *j)
{
    const uint32_t common = j->hello.supported_profiles & j->choice.mask;

    j->ack.server_supported_profiles = j->choice.mask;
    j->ack.intersection_profiles = common;
    j->ack.selected_profile =
        common ? pipci_select_bit(common, j->hello.preferred_profiles, j->settings.preferred) : 0;
}

/* One offer, with new session ids while names are taken. */
static pipc_result offer(struct judgement *j, const struct pipci_transport *t, void **ret_channel,
                         struct pipc_upgrade_failure *failure, struct pipc_error *cause)
{
    struct pipci_site *const site = j->handshake->site;
    struct pipc_upgrade_request request = {
        .size = (uint32_t)sizeof(request),
        .bit = j->ack.selected_profile,
        .auth_token = j->hello.auth_token,
        .max_request_bytes = j->ack.agreed_max_request_payload_bytes,
        .max_response_bytes = j->ack.agreed_max_response_payload_bytes,
        .room_bytes = j->settings.room_bytes,
    };
    pipc_result result = PIPC_ERR_ADDR_IN_USE;

    for (uint32_t i = 0; i < NAME_TRIES && result == PIPC_ERR_ADDR_IN_USE; i++) {
        j->ack.session_id = request.session_id = pipci_site_next_id(site);
        result = t->ops.offer(t->self, &site->endpoint, &j->handshake->session->carrier, &request,
                              ret_channel, failure, cause);
    }
    return result;
}

/* Tries the selected upgrade. False: its bits have left, select again. */
static bool bring_up(struct judgement *j, void **ret_channel)
{
    struct pipci_site *const site = j->handshake->site;
    const uint32_t bit = j->ack.selected_profile;
    const struct pipci_transport *const t = pipci_plane_of(&site->service, bit);
    struct pipc_upgrade_failure failure = {.size = (uint32_t)sizeof(failure)};
    struct pipc_error cause = PIPC_ERROR_INIT;
    const pipc_result result = offer(j, t, ret_channel, &failure, &cause);

    if (result == PIPC_OK)
        return true;
    if (!failure.bits && result == PIPC_ERR_ADDR_IN_USE)
        failure.bits = t->bits;
    pipci_log(site->context, PIPC_LOG_WARNING, "%s: %s not possible for a client: %s",
              site->endpoint.service, t->name,
              cause.text[0] ? cause.text : pipc_result_text(result));
    pipci_choice_drop(&j->choice, failure.bits | bit,
                      cause.text[0] ? cause.text : pipc_result_text(result));
    return false;
}

static pipc_result make_session(struct judgement *j, struct pipc_error *err)
{
    struct pipc_handshake *const h = j->handshake;
    struct pipci_site *const site = h->site;
    const struct pipci_transport *upgrade = NULL;
    void *channel = NULL;

    h->session =
        pipci_session_new(site->context, PIPC_ROLE_SERVER, site->service.carrier, h->channel);
    if (!h->session)
        return refuse(j, PIPC_STATUS_INTERNAL_ERROR, err, PIPC_ERR_ALLOC,
                      "no memory for a session");
    for (select_bit(j); !upgrade && j->ack.selected_profile != PIPC_PROFILE_BASELINE;
         select_bit(j)) {
        if (!j->ack.selected_profile)
            return refuse(j, SILENT, err, PIPC_ERR_NO_PROFILE,
                          "no common data plane could be brought up");
        if (bring_up(j, &channel)) {
            upgrade = pipci_plane_of(&site->service, j->ack.selected_profile);
            break;
        }
    }
    if (!j->ack.session_id)
        j->ack.session_id = pipci_site_next_id(site);
    h->session->peer_profiles = j->hello.supported_profiles;
    pipci_session_open(h->session, &j->ack, upgrade, channel, &j->settings, site->endpoint.service);
    pipci_choice_explain(&j->choice, &j->settings, site->endpoint.service, h->session);
    return PIPC_OK;
}

/* ---- the answer ---- */

static void encode_answer(struct pipc_handshake *h, const struct pipc_hello_ack *ack)
{
    const size_t len = pipc_hello_ack_encode(ack, h->answer + PIPC_HEADER_LEN, PIPC_HELLO_ACK_LEN);

    h->answer_len = pipci_handshake_head_write(h->answer, PIPC_CODE_HELLO_ACK, PIPC_STATUS_OK, len);
}

/* Best effort: the queue of a new connection is empty. */
static void send_rejection(struct pipc_handshake *h, uint32_t status)
{
    const struct pipc_hello_ack none = {.layout_version = PIPC_HELLO_LAYOUT};
    const struct pipc_wait now = pipci_wait_make(PIPC_NOW, PIPC_NO_HANDLE, NULL);
    uint8_t packet[PIPC_HEADER_LEN + PIPC_HELLO_ACK_LEN];
    const size_t len = pipc_hello_ack_encode(&none, packet + PIPC_HEADER_LEN, PIPC_HELLO_ACK_LEN);
    const struct pipc_piece piece = {
        packet, pipci_handshake_head_write(packet, PIPC_CODE_HELLO_ACK, (uint16_t)status, len)};

    (void)carrier_of(h)->ops.send(h->channel, &piece, 1, &now, NULL);
}

static pipc_result run_rows(struct judgement *j, const uint8_t *packet, size_t len,
                            struct pipc_error *err)
{
    pipc_result result = check_head(j, packet, len, err);

    if (result == PIPC_OK)
        result = check_hello(j, packet, len, err);
    if (result == PIPC_OK)
        result = check_authority(j, err);
    if (result == PIPC_OK)
        result = negotiate(j, err);
    if (result == PIPC_OK)
        result = take_slot(j, err);
    if (result == PIPC_OK)
        result = make_session(j, err);
    return result;
}

pipc_result pipci_handshake_judge(struct pipc_handshake *handshake, const uint8_t *packet,
                                  size_t len, const struct pipc_session_settings *settings,
                                  struct pipc_error *err)
{
    struct pipci_site *const site = handshake->site;
    struct pipc_session_settings given = site->given, over;
    struct judgement j = {.handshake = handshake, .status = SILENT};

    pipci_session_settings_copy(&over, settings);
    pipci_settings_overlay(&given, &over);
    pipc_result result = pipci_settings_resolve(&site->service, &given, &j.settings, err);
    if (result == PIPC_OK)
        result = run_rows(&j, packet, len, err);
    if (result == PIPC_OK)
        encode_answer(handshake, &j.ack);
    else if (j.status != SILENT)
        send_rejection(handshake, j.status);
    return result;
}
