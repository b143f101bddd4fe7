/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of a client: structure over configuration of the service over default
 * (docs/level2-typed-api.md 4.2, docs/config.md 3). A 0 anywhere has not been given.
 *
 * Called by init alone, on the owner's thread. Does no I/O.
 */
#include "client.h"

#include <string.h>

static uint32_t first(uint32_t given, uint32_t configured, uint32_t fallback)
{
    return given ? given : configured ? configured : fallback;
}

/* The caller's struct may be older or newer than ours. */
static void read_config(const struct pipc_client_config *config, struct pipc_client_config *out)
{
    memset(out, 0, sizeof(*out));
    if (config) {
        memcpy(out, config, config->size < sizeof(*out) ? config->size : sizeof(*out));
    }
}

/* The pair of masks is one value: a place that gives the supported ones gives the preferred ones,
 * too. */
static void set_profiles(struct pipc_client *client, const struct pipc_client_config *given,
                         const struct pipci_service *service)
{
    struct pipc_session_settings *settings = &client->settings;

    client->mask = pipci_profiles_available(service) &
                   (given->supported_profiles ? given->supported_profiles : service->supported);
    if (given->supported_profiles) {
        settings->supported_profiles = given->supported_profiles;
        settings->preferred_profiles = given->preferred_profiles;
    } else if (given->preferred_profiles) {
        settings->supported_profiles = service->supported;
        settings->preferred_profiles = given->preferred_profiles;
    }
}

static void set_sizes(struct pipc_client *client, const struct pipc_client_config *given,
                      const struct pipci_service *service)
{
    struct pipc_session_settings *settings = &client->settings;
    const uint32_t items =
        first(given->max_request_batch_items, service->max_batch_items, PIPC_BATCH_ITEMS_DEFAULT);

    client->configured_request = first(given->max_request_payload_bytes, service->max_request_bytes,
                                       PIPC_MAX_PAYLOAD_DEFAULT);
    client->accepted_request = client->configured_request;
    client->request_proposal = client->configured_request;
    client->response_hint = first(given->max_response_payload_bytes, service->max_response_bytes,
                                  PIPC_SERVICE_RESPONSE_PAYLOAD_DEFAULT);
    client->growth_ceiling =
        first(given->growth_ceiling_bytes, service->growth_ceiling_bytes, PIPC_MAX_PAYLOAD_CAP);
    settings->response_ceiling_bytes =
        first(given->response_ceiling_bytes, service->response_ceiling_bytes,
              PIPC_RESPONSE_CEILING_DEFAULT);
    settings->packet_size = first(given->packet_size, service->packet_size, 0);
    /* one knob: servers echo the request value into both agreed fields */
    settings->max_request_batch_items = items;
    settings->max_response_batch_items = items;
}

static void set_times(struct pipc_client *client, const struct pipc_client_config *given,
                      const struct pipci_service *service)
{
    client->call_timeout_ms = first(given->call_timeout_ms, service->call_timeout_ms,
                                    PIPC_CLIENT_CALL_TIMEOUT_DEFAULT_MS);
    client->connect_timeout_ms = first(given->connect_timeout_ms, service->connect_timeout_ms, 0);
    client->refused_retry_ms = first(given->refused_retry_ms, service->refused_retry_ms,
                                     PIPC_CLIENT_REFUSED_RETRY_DEFAULT_MS);
    client->lookup_items = first(given->max_logical_lookup_items, service->lookup_items,
                                 PIPC_LOGICAL_LOOKUP_ITEMS_DEFAULT);
    client->lookup_subcalls = first(given->max_logical_lookup_subcalls, service->lookup_subcalls,
                                    PIPC_LOGICAL_LOOKUP_SUBCALLS_DEFAULT);
    client->lookup_bytes = first(given->max_logical_lookup_response_bytes, service->lookup_bytes,
                                 PIPC_LOGICAL_LOOKUP_RESPONSE_BYTES_DEFAULT);
}

static void set_token(struct pipc_client *client, const struct pipc_client_config *given,
                      const struct pipci_service *service)
{
    if (given->auth_token || given->auth_token_given) {
        client->settings.auth_token = given->auth_token;
    } else {
        client->settings.auth_token = service->auth_token_given ? service->auth_token : 0;
    }
    client->settings.auth_token_given = 1;
}

void pipci_client_configure(struct pipc_client *client, const struct pipc_client_config *config)
{
    struct pipc_client_config given;
    struct pipci_service service;

    read_config(config, &given);
    memset(&service, 0, sizeof(service));
    /* A name that is none has no configuration; the first attempt to connect says so. */
    if (pipci_context_service(client->context, client->service, &service, NULL) != PIPC_OK) {
        memset(&service, 0, sizeof(service));
    }
    memset(&client->settings, 0, sizeof(client->settings));
    client->settings.size = sizeof(client->settings);
    set_profiles(client, &given, &service);
    set_sizes(client, &given, &service);
    set_times(client, &given, &service);
    set_token(client, &given, &service);
}
