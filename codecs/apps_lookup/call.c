/* SPDX-License-Identifier: Apache-2.0
 *
 * The typed call of APPS_LOOKUP, and the hooks by which Level 2 splits it, asks again and stitches
 * (docs/codec.md 8.5, docs/level2-typed-api.md 9).
 *
 * Keys are an array of uint32_t. There is no local outcome: a request that holds no PID at all is
 * too small for the kind. Pure, allocates nothing; any thread.
 */
#include "apps_lookup.h"

/* Bytes of a key in a request, with its directory entry. */
#define REQUEST_KEY_LEN (PIPC_DIR_ENTRY_LEN + KEY_LEN)

static pipc_result call_decode(const void *payload, size_t len, void *ret_output)
{
    return pipcm_apps_lookup_decode(payload, len, ret_output);
}

const struct pipc_call_ops pipcm_apps_lookup_call = {
    .size = sizeof(struct pipc_call_ops),
    .output_size = sizeof(struct pipc_apps_lookup_view),
    .decode = call_decode,
};

/* Any number is a PID. */
static pipc_result hook_check_keys(const void *keys, uint32_t count)
{
    return keys || count == 0 ? PIPC_OK : PIPC_ERR_BAD_PARAM;
}

static uint32_t hook_fit(const void *keys, uint32_t count, uint64_t limit, uint64_t *ret_size)
{
    const uint64_t room = limit > LOOKUP_HDR ? (limit - LOOKUP_HDR) / REQUEST_KEY_LEN : 0;
    const uint32_t fit = room < count ? (uint32_t)room : count;
    (void)keys; /* all of one size */
    *ret_size = LOOKUP_HDR + (uint64_t)REQUEST_KEY_LEN * fit;
    return fit;
}

static pipc_result hook_encode(const void *keys, uint32_t count, void *buf, size_t cap,
                               size_t *ret_len)
{
    return pipcm_apps_lookup_request_encode(keys, count, buf, cap, ret_len);
}

static uint32_t hook_item_count(const void *view)
{
    return ((const struct pipc_apps_lookup_view *)view)->item_count;
}

static uint64_t hook_generation(const void *view)
{
    return ((const struct pipc_apps_lookup_view *)view)->generation;
}

static uint32_t outcome_of(uint16_t status)
{
    if (status == PIPC_PID_LOOKUP_PAYLOAD_EXCEEDED)
        return PIPC_LOOKUP_EXCEEDED;
    return status == PIPC_PID_LOOKUP_OVERSIZED_ITEM ? PIPC_LOOKUP_OVERSIZED : PIPC_LOOKUP_FINAL;
}

static pipc_result hook_item(const void *view, uint32_t index, const void *key,
                             struct pipc_lookup_item *ret_item)
{
    struct pipc_apps_lookup_item_view item;
    const pipc_result r = pipcm_apps_lookup_item(view, index, &item);
    if (r == PIPC_OK)
        lookup_tell(ret_item, outcome_of(item.status), item.pid == *(const uint32_t *)key,
                    &item.labels);
    return r;
}

static uint64_t hook_response_add(uint64_t size, const struct pipc_lookup_raw *items,
                                  uint32_t count)
{
    return lookup_size_with_all(size, items, count);
}

const struct pipc_lookup_hooks pipcm_apps_lookup_hooks = {
    .size = sizeof(struct pipc_lookup_hooks),
    .key_size = sizeof(uint32_t),
    .response_empty = LOOKUP_HDR,
    .check_keys = hook_check_keys,
    .fit = hook_fit,
    .encode = hook_encode,
    .item_count = hook_item_count,
    .generation = hook_generation,
    .item = hook_item,
    .response_add = hook_response_add,
    .assemble = pipcm_apps_lookup_assemble,
};
