/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of a handshake: what the caller gave, over what the configuration says of the service,
 * over the defaults of wire 6.1; masks filtered to what can run here (wire 7). Pure but for the
 * error sentence; any thread.
 */
#include "session.h"

#include <string.h>

/* Bits of the common contract that nobody has yet: never advertised. */
#define UNASSIGNED_BITS UINT32_C(0x000000f0)

void pipci_session_settings_copy(struct pipc_session_settings *to,
                                 const struct pipc_session_settings *from)
{
    memset(to, 0, sizeof(*to));
    if (from)
        memcpy(to, from, from->size < sizeof(*to) ? from->size : sizeof(*to));
    to->size = (uint32_t)sizeof(*to);
}

static void take32(uint32_t *to, uint32_t from)
{
    if (from)
        *to = from;
}

void pipci_settings_overlay(struct pipc_session_settings *base,
                            const struct pipc_session_settings *over)
{
    if (over->supported_profiles) {
        base->supported_profiles = over->supported_profiles;
        base->preferred_profiles = over->preferred_profiles;
    }
    take32(&base->max_request_payload_bytes, over->max_request_payload_bytes);
    take32(&base->max_request_batch_items, over->max_request_batch_items);
    take32(&base->max_response_payload_bytes, over->max_response_payload_bytes);
    take32(&base->max_response_batch_items, over->max_response_batch_items);
    take32(&base->packet_size, over->packet_size);
    if (over->auth_token || over->auth_token_given) {
        base->auth_token = over->auth_token;
        base->auth_token_given = 1;
    }
    take32(&base->withdrawn_profiles, over->withdrawn_profiles);
    take32(&base->max_in_flight, over->max_in_flight);
    take32(&base->response_ceiling_bytes, over->response_ceiling_bytes);
    take32(&base->attach_timeout_ms, over->attach_timeout_ms);
    take32(&base->handshake_timeout_ms, over->handshake_timeout_ms);
    take32(&base->message_timeout_ms, over->message_timeout_ms);
    if (over->room_bytes)
        base->room_bytes = over->room_bytes;
    if (over->slot_take) {
        base->slot_arg = over->slot_arg;
        base->slot_take = over->slot_take;
        base->slot_give = over->slot_give;
    }
}

static uint32_t pick(uint32_t given, uint32_t configured, uint32_t fallback)
{
    return given ? given : configured ? configured : fallback;
}

uint32_t pipci_profiles_available(const struct pipci_service *service)
{
    uint32_t bits = PIPC_PROFILE_BASELINE;

    for (uint32_t i = 0; i < service->plane_count; i++)
        if (service->planes[i].transport)
            bits |= service->planes[i].transport->bits;
    return bits & ~UNASSIGNED_BITS;
}

static pipc_result resolve_masks(const struct pipci_service *service,
                                 const struct pipc_session_settings *given,
                                 struct pipci_settings *s, struct pipc_error *err)
{
    const uint32_t available = pipci_profiles_available(service);
    const uint32_t supported =
        given->supported_profiles ? given->supported_profiles : service->supported;

    s->asked = supported & available;
    if (!s->asked)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                          "supported profiles 0x%x: none of them can run here (0x%x can)",
                          supported, available);
    s->preferred =
        (given->supported_profiles ? given->preferred_profiles : service->preferred) & available;
    s->withdrawn = given->withdrawn_profiles;
    s->supported = s->asked & ~s->withdrawn;
    s->preferred &= ~s->withdrawn;
    return PIPC_OK;
}

static pipc_result check_sizes(const struct pipci_settings *s, struct pipc_error *err)
{
    if (s->packet_size && s->packet_size < PIPC_PACKET_SIZE_MIN)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "packet size %u: the least is %u",
                          s->packet_size, PIPC_PACKET_SIZE_MIN);
    if (s->request_bytes > PIPC_PAYLOAD_LEN_MAX || s->response_bytes > PIPC_PAYLOAD_LEN_MAX)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "payload limit %u: the most is %u",
                          s->request_bytes > PIPC_PAYLOAD_LEN_MAX ? s->request_bytes
                                                                  : s->response_bytes,
                          PIPC_PAYLOAD_LEN_MAX);
    return PIPC_OK;
}

pipc_result pipci_settings_resolve(const struct pipci_service *service,
                                   const struct pipc_session_settings *given,
                                   struct pipci_settings *ret_settings, struct pipc_error *err)
{
    struct pipci_settings s = {0};
    const bool token_given = given->auth_token || given->auth_token_given;

    s.request_bytes = pick(given->max_request_payload_bytes, service->max_request_bytes,
                           PIPC_MAX_PAYLOAD_DEFAULT);
    s.request_items =
        pick(given->max_request_batch_items, service->max_batch_items, PIPC_BATCH_ITEMS_DEFAULT);
    s.response_bytes = pick(given->max_response_payload_bytes, service->max_response_bytes,
                            PIPC_MAX_PAYLOAD_DEFAULT);
    s.response_items =
        pick(given->max_response_batch_items, service->max_batch_items, PIPC_BATCH_ITEMS_DEFAULT);
    s.packet_size = given->packet_size ? given->packet_size : service->packet_size;
    s.token = token_given ? given->auth_token : service->auth_token;
    s.max_in_flight = given->max_in_flight;
    s.response_ceiling = given->response_ceiling_bytes;
    s.attach_timeout_ms = pick(given->attach_timeout_ms, 0, PIPC_HANDSHAKE_TIMEOUT_MS);
    s.handshake_timeout_ms = pick(given->handshake_timeout_ms, 0, PIPC_HANDSHAKE_TIMEOUT_MS);
    s.message_timeout_ms = pick(given->message_timeout_ms, 0, PIPC_MESSAGE_TIMEOUT_MS);
    s.room_bytes = given->room_bytes ? given->room_bytes : UINT64_MAX;
    s.slot_arg = given->slot_arg;
    s.slot_take = given->slot_take;
    s.slot_give = given->slot_give;
    pipc_result result = check_sizes(&s, err);
    if (result == PIPC_OK)
        result = resolve_masks(service, given, &s, err);
    if (result == PIPC_OK)
        *ret_settings = s;
    return result;
}

pipc_result pipci_endpoint_make(const struct pipci_service *service, const char *run_dir,
                                const char *name, struct pipc_endpoint *ret_endpoint,
                                struct pipc_error *err)
{
    if (!run_dir)
        run_dir = service->run_dir;
    if (!run_dir || !run_dir[0])
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                          run_dir ? "service %s: run_dir is empty"
                                  : "service %s: no run_dir given or configured",
                          name);
    *ret_endpoint = (struct pipc_endpoint){
        .size = (uint32_t)sizeof(*ret_endpoint), .run_dir = run_dir, .service = name};
    return PIPC_OK;
}
