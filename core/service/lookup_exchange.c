/* SPDX-License-Identifier: Apache-2.0
 *
 * One subcall of a logical lookup: the exchange, and the checks on what came back in their order
 * (docs/level2-typed-api.md 9.3 steps 3 to 5, 9.4).
 *
 * On the owner's thread. A response that fails a check ends the call without another exchange, and
 * the session stays: its stream of messages is intact.
 */
#include "lookup.h"

static pipc_result encode(void *arg, void *buf, size_t cap, size_t *ret_len)
{
    const struct pipci_lookup *lookup = arg;
    const void *keys = lookup->asked ? pipci_lookup_key(lookup, lookup->start) : NULL;

    return lookup->hooks->encode(keys, lookup->asked, buf, cap, ret_len);
}

/* The judgement comes after the exchange, because its failures are not retried. */
static pipc_result receive(void *arg, const void *payload, size_t len)
{
    struct pipci_lookup *lookup = arg;

    lookup->payload = payload;
    lookup->payload_len = len;
    return PIPC_OK;
}

/* Rows 1 to 3. */
static pipc_result judge_head(struct pipci_lookup *lookup)
{
    const char *service = lookup->client->service;
    const pipc_result result =
        lookup->codec->ops.call->decode(lookup->payload, lookup->payload_len, lookup->view);
    uint64_t generation;
    uint32_t count;

    if (result != PIPC_OK) {
        return pipci_lookup_fail(
            lookup, result, "service '%s': the response of %llu bytes does not decode: %s", service,
            (unsigned long long)lookup->payload_len, pipc_result_text(result));
    }
    generation = lookup->hooks->generation(lookup->view);
    if (lookup->answered && generation != lookup->generation) {
        return pipci_lookup_fail(lookup, PIPC_ERR_BAD_LAYOUT,
                                 "service '%s': the generation changed from %llu to %llu within "
                                 "one lookup",
                                 service, (unsigned long long)lookup->generation,
                                 (unsigned long long)generation);
    }
    count = lookup->hooks->item_count(lookup->view);
    if (count != lookup->asked) {
        return pipci_lookup_fail(lookup, PIPC_ERR_BAD_ITEM_COUNT,
                                 "service '%s': the response has %u items for %u keys", service,
                                 (unsigned)count, (unsigned)lookup->asked);
    }
    lookup->generation = generation;
    lookup->answered = true;
    return PIPC_OK;
}

/* Rows 4 and 5 for one item. */
static pipc_result judge_item(struct pipci_lookup *lookup, uint32_t index)
{
    struct pipc_lookup_item item = {.size = sizeof(item)};
    const uint32_t key = lookup->start + index;
    const pipc_result result =
        lookup->hooks->item(lookup->view, index, pipci_lookup_key(lookup, key), &item);

    if (result != PIPC_OK || !item.echoes) {
        return pipci_lookup_fail(lookup, result != PIPC_OK ? result : PIPC_ERR_BAD_LAYOUT,
                                 "service '%s': item %u of the response does not answer key %u",
                                 lookup->client->service, (unsigned)index, (unsigned)key);
    }
    if (item.outcome == PIPC_LOOKUP_EXCEEDED) {
        return PIPC_OK;
    }
    if (lookup->accepted != index) {
        return pipci_lookup_fail(lookup, PIPC_ERR_BAD_LAYOUT,
                                 "service '%s': item %u has a result, item %u before it did not "
                                 "fit the response",
                                 lookup->client->service, (unsigned)index,
                                 (unsigned)lookup->accepted);
    }
    lookup->accepted = index + 1;
    lookup->oversized |= index == 0 && item.outcome == PIPC_LOOKUP_OVERSIZED;
    if (lookup->items) {
        lookup->items[key] = item.raw;
    }
    return PIPC_OK;
}

/* Rows 4 to 6. May be done again on the same response. */
static pipc_result judge_items(struct pipci_lookup *lookup)
{
    pipc_result result = PIPC_OK;
    uint32_t i;

    lookup->accepted = 0;
    lookup->oversized = false;
    for (i = 0; i < lookup->asked && result == PIPC_OK; i++) {
        result = judge_item(lookup, i);
    }
    if (result == PIPC_OK && lookup->asked && lookup->accepted == 0) {
        return pipci_lookup_fail(lookup, PIPC_ERR_OVERFLOW,
                                 "service '%s': the server had no room for any of %u items",
                                 lookup->client->service, (unsigned)lookup->asked);
    }
    return result;
}

/* The first response may be the result as it stands, and then nothing is copied. */
static bool is_whole(const struct pipci_lookup *lookup)
{
    return !lookup->items && lookup->accepted == lookup->count &&
           !(lookup->oversized && lookup->asked > 1) &&
           lookup->payload_len <= lookup->client->lookup_bytes;
}

static pipc_result judge(struct pipci_lookup *lookup)
{
    pipc_result result = judge_head(lookup);

    if (result == PIPC_OK && lookup->asked < lookup->count) {
        result = pipci_lookup_items(lookup);
    }
    if (result == PIPC_OK) {
        result = judge_items(lookup);
    }
    if (result != PIPC_OK || lookup->items) {
        return result;
    }
    lookup->whole = is_whole(lookup);
    if (lookup->whole) {
        return PIPC_OK;
    }
    result = pipci_lookup_items(lookup);
    return result == PIPC_OK ? judge_items(lookup) : result;
}

pipc_result pipci_lookup_subcall(struct pipci_lookup *lookup, uint32_t n, uint64_t size)
{
    struct pipc_client *client = lookup->client;
    const struct pipci_request request = {
        .code = lookup->codec->ops.code,
        .item_count = 1,
        .size = size,
        .arg = lookup,
        .encode = encode,
        .decode = receive,
    };
    pipc_result result;

    if (lookup->subcalls >= client->lookup_subcalls) {
        return pipci_lookup_fail(lookup, PIPC_ERR_OVERFLOW,
                                 "service '%s': %u of %u keys are answered after %u exchanges, "
                                 "the most that one lookup may take",
                                 client->service, (unsigned)lookup->start, (unsigned)lookup->count,
                                 (unsigned)lookup->subcalls);
    }
    lookup->subcalls++;
    lookup->asked = n;
    result = pipci_client_look(client, &lookup->wait);
    if (result == PIPC_OK) {
        result = pipci_client_exchange(client, &request, &lookup->wait);
    }
    return result == PIPC_OK ? judge(lookup) : result;
}
