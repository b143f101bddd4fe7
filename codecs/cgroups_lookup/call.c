/* SPDX-License-Identifier: Apache-2.0
 *
 * The typed call of CGROUPS_LOOKUP, and the hooks by which Level 2 splits it, asks again and
 * stitches (docs/codec.md 8.5, docs/level2-typed-api.md 9).
 *
 * Keys are an array of struct pipc_str_view. Pure, allocates nothing; any thread.
 */
#include "cgroups_lookup.h"

static pipc_result call_decode(const void *payload, size_t len, void *ret_output)
{
    return pipcm_cgroups_lookup_decode(payload, len, ret_output);
}

const struct pipc_call_ops pipcm_cgroups_lookup_call = {
    .size = sizeof(struct pipc_call_ops),
    .output_size = sizeof(struct pipc_cgroups_lookup_view),
    .decode = call_decode,
};

static pipc_result hook_check_keys(const void *keys, uint32_t count)
{
    const struct pipc_str_view *paths = keys;
    if (!paths && count > 0)
        return PIPC_ERR_BAD_PARAM;
    for (uint32_t i = 0; i < count; i++)
        if (pipcm_cgroups_lookup_check_path(&paths[i]) != PIPC_OK)
            return PIPC_ERR_BAD_PARAM;
    return PIPC_OK;
}

static uint32_t hook_fit(const void *keys, uint32_t count, uint64_t limit, uint64_t *ret_size)
{
    const struct pipc_str_view *paths = keys;
    uint64_t size = LOOKUP_HDR;
    uint32_t fit = 0;
    for (; fit < count; fit++) {
        const uint64_t with = lookup_size_with(size, lookup_size_add(1, paths[fit].len));
        if (with > limit)
            break;
        size = with;
    }
    *ret_size = size;
    return fit;
}

static pipc_result hook_encode(const void *keys, uint32_t count, void *buf, size_t cap,
                               size_t *ret_len)
{
    return pipcm_cgroups_lookup_request_encode(keys, count, buf, cap, ret_len);
}

static uint32_t hook_item_count(const void *view)
{
    return ((const struct pipc_cgroups_lookup_view *)view)->item_count;
}

static uint64_t hook_generation(const void *view)
{
    return ((const struct pipc_cgroups_lookup_view *)view)->generation;
}

static uint32_t outcome_of(uint16_t status)
{
    if (status == PIPC_CGROUP_LOOKUP_PAYLOAD_EXCEEDED)
        return PIPC_LOOKUP_EXCEEDED;
    return status == PIPC_CGROUP_LOOKUP_OVERSIZED_ITEM ? PIPC_LOOKUP_OVERSIZED : PIPC_LOOKUP_FINAL;
}

static pipc_result hook_item(const void *view, uint32_t index, const void *key,
                             struct pipc_lookup_item *ret_item)
{
    const struct pipc_str_view *path = key;
    struct pipc_cgroups_lookup_item_view item;
    const pipc_result r = pipcm_cgroups_lookup_item(view, index, &item);
    if (r != PIPC_OK)
        return r;
    const int echoes =
        item.path.len == path->len && memcmp(item.path.ptr, path->ptr, path->len) == 0;
    lookup_tell(ret_item, outcome_of(item.status), echoes, &item.labels);
    return PIPC_OK;
}

static uint64_t hook_response_add(uint64_t size, const struct pipc_lookup_raw *items,
                                  uint32_t count)
{
    return lookup_size_with_all(size, items, count);
}

static uint64_t hook_local_size(const void *key)
{
    return pipcm_cgroups_lookup_placeholder(((const struct pipc_str_view *)key)->len);
}

static pipc_result hook_local(const void *key, void *buf, size_t cap, size_t *ret_len)
{
    return pipcm_cgroups_lookup_local(key, buf, cap, ret_len);
}

const struct pipc_lookup_hooks pipcm_cgroups_lookup_hooks = {
    .size = sizeof(struct pipc_lookup_hooks),
    .key_size = sizeof(struct pipc_str_view),
    .response_empty = LOOKUP_HDR,
    .check_keys = hook_check_keys,
    .fit = hook_fit,
    .encode = hook_encode,
    .item_count = hook_item_count,
    .generation = hook_generation,
    .item = hook_item,
    .response_add = hook_response_add,
    .assemble = pipcm_cgroups_lookup_assemble,
    .local_size = hook_local_size,
    .local = hook_local,
};
