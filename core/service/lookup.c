/* SPDX-License-Identifier: Apache-2.0
 *
 * Logical lookups: keys in, one item per key out, in as many exchanges as it takes
 * (docs/level2-typed-api.md 9).
 *
 * On the owner's thread. One deadline, one abort and one generation cover the whole call; it
 * succeeds completely or leaves nothing. The time is linear in the bytes that are sent and
 * received: no step looks at keys that it does not send.
 */
#include "lookup.h"

#include <stdarg.h>
#include <string.h>

pipc_result pipci_lookup_fail(struct pipci_lookup *lookup, pipc_result result, const char *format,
                              ...)
{
    va_list args;

    lookup->client->failure.peer_status = PIPC_STATUS_OK;
    va_start(args, format);
    (void)pipci_vfail(&lookup->client->failure, result, 0, format, args);
    va_end(args);
    return result;
}

/* ---- checks at entry, 9.2 ---- */

static pipc_result check_arguments(struct pipci_lookup *lookup)
{
    struct pipc_client *client = lookup->client;

    if (!(lookup->codec->ops.traits & PIPC_CODEC_LOOKUP)) {
        return pipci_lookup_fail(lookup, PIPC_ERR_BAD_PARAM,
                                 "service '%s': codec '%s' is no keyed lookup", client->service,
                                 lookup->codec->name);
    }
    lookup->hooks = lookup->codec->ops.lookup;
    if ((lookup->count && !lookup->keys) || !lookup->view) {
        return pipci_lookup_fail(lookup, PIPC_ERR_BAD_PARAM,
                                 "service '%s': a lookup needs its keys and a place for its view",
                                 client->service);
    }
    if (lookup->count > client->lookup_items) {
        return pipci_lookup_fail(lookup, PIPC_ERR_OVERFLOW,
                                 "service '%s': %u keys, at most %u may be looked up in one call",
                                 client->service, (unsigned)lookup->count,
                                 (unsigned)client->lookup_items);
    }
    if (lookup->count && lookup->hooks->check_keys(lookup->keys, lookup->count) != PIPC_OK) {
        return pipci_lookup_fail(lookup, PIPC_ERR_BAD_PARAM,
                                 "service '%s': one of the %u keys cannot be asked for",
                                 client->service, (unsigned)lookup->count);
    }
    return PIPC_OK;
}

/* ---- a key that fits no request, 9.3 step 2 ---- */

static pipc_result say_too_large(struct pipci_lookup *lookup, uint64_t need)
{
    return pipci_lookup_fail(lookup, PIPC_ERR_OVERFLOW,
                             "service '%s': key %u needs a request of %llu bytes, the session "
                             "takes no more than %u",
                             lookup->client->service, (unsigned)lookup->start,
                             (unsigned long long)need, (unsigned)lookup->client->request_limit);
}

/* The session agreed on less than what is proposed by now; the next one may take the key. */
static pipc_result enlarge(struct pipci_lookup *lookup, uint64_t need)
{
    struct pipc_client *client = lookup->client;
    const pipc_result result = pipci_client_reconnect(client, true, &lookup->wait);

    if (result == PIPC_ERR_TIMEOUT || result == PIPC_ERR_ABORTED) {
        return result;
    }
    if (result != PIPC_OK) {
        return say_too_large(lookup, need);
    }
    if (pipc_session_send_limit(client->session) < need) {
        pipci_client_disconnect(client, PIPC_CLIENT_BROKEN);
        return say_too_large(lookup, need);
    }
    return PIPC_OK;
}

static pipc_result key_too_large(struct pipci_lookup *lookup)
{
    uint64_t need = 0;

    (void)lookup->hooks->fit(pipci_lookup_key(lookup, lookup->start), 1, UINT64_MAX, &need);
    if (need <= lookup->client->request_proposal) {
        return enlarge(lookup, need);
    }
    if (!lookup->hooks->local) {
        return say_too_large(lookup, need);
    }
    return pipci_lookup_keep_local(lookup);
}

/* ---- the loop, 9.3 ---- */

/* The server counted the placeholders of the other keys too: only without them its word is final.
 * All other accepted items are kept already; `before` is the size without them. */
static pipc_result ask_alone(struct pipci_lookup *lookup, uint64_t before)
{
    const struct pipc_lookup_hooks *hooks = lookup->hooks;
    const uint32_t accepted = lookup->accepted;
    uint64_t size = 0;
    pipc_result result;

    (void)hooks->fit(pipci_lookup_key(lookup, lookup->start), 1, UINT64_MAX, &size);
    result = pipci_lookup_subcall(lookup, 1, size);
    if (result == PIPC_OK) {
        size = hooks->response_add(before, &lookup->items[lookup->start], accepted);
        result = pipci_lookup_keep(lookup, lookup->start, 1, size);
    }
    lookup->accepted = accepted;
    return result;
}

/* Takes the accepted items of the exchange at hand. */
static pipc_result take(struct pipci_lookup *lookup)
{
    const uint64_t before = lookup->size;
    const bool alone = lookup->oversized && lookup->asked > 1;
    const uint32_t from = lookup->start + (alone ? 1 : 0);
    const uint32_t count = lookup->accepted - (alone ? 1 : 0);
    pipc_result result;

    if (!lookup->whole) {
        result = pipci_lookup_keep(
            lookup, from, count, lookup->hooks->response_add(before, &lookup->items[from], count));
        if (result == PIPC_OK && alone) {
            result = ask_alone(lookup, before);
        }
        if (result != PIPC_OK) {
            return result;
        }
    }
    lookup->start += lookup->accepted;
    return PIPC_OK;
}

/* Sends the longest run of keys whose request fits; nothing but the request limit decides. */
static pipc_result step(struct pipci_lookup *lookup)
{
    const uint32_t left = lookup->count - lookup->start;
    const void *keys = left ? pipci_lookup_key(lookup, lookup->start) : NULL;
    uint64_t size = 0;
    const uint32_t n =
        lookup->hooks->fit(keys, left, pipc_session_send_limit(lookup->client->session), &size);
    pipc_result result;

    if (n == 0 && left > 0) {
        return key_too_large(lookup);
    }
    result = pipci_lookup_subcall(lookup, n < left ? n : left, size);
    return result == PIPC_OK ? take(lookup) : result;
}

static pipc_result look_up(struct pipci_lookup *lookup, uint32_t timeout_ms)
{
    struct pipc_client *client = lookup->client;
    pipc_result result = check_arguments(lookup);

    if (result != PIPC_OK) {
        return result;
    }
    lookup->wait = pipci_wait_event(
        pipci_deadline(timeout_ms ? timeout_ms : client->call_timeout_ms), &client->abort);
    lookup->size = lookup->hooks->response_empty;
    result = pipci_client_look(client, &lookup->wait);
    /* Without an answer there is no generation: then no keys are asked for. */
    while (result == PIPC_OK && (lookup->start < lookup->count || !lookup->answered)) {
        result = step(lookup);
    }
    if (result == PIPC_OK && !lookup->whole) {
        result = pipci_lookup_stitch(lookup);
    }
    pipci_lookup_drop(lookup);
    return result;
}

pipc_result pipc_client_call_lookup(struct pipc_client *client, const char *codec,
                                    uint32_t table_major, const void *keys, uint32_t count,
                                    void *ret_view, uint32_t timeout_ms, struct pipc_error *err)
{
    struct pipci_lookup lookup = {.client = client, .keys = keys, .count = count, .view = ret_view};
    pipc_result result;

    if (!client) {
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "no client to call");
    }
    result = pipci_call_open(client, codec, table_major, &lookup.codec);
    if (result == PIPC_OK) {
        result = look_up(&lookup, timeout_ms);
    }
    if (result == PIPC_OK) {
        return PIPC_OK;
    }
    if (lookup.codec && ret_view) {
        memset(ret_view, 0, lookup.codec->ops.call->output_size);
    }
    return pipci_call_failed(client, result, err);
}
