/* SPDX-License-Identifier: Apache-2.0
 *
 * The request of CGROUPS_LOOKUP: a list of paths (docs/codec-cgroups-lookup.md 2).
 *
 * Pure, allocates nothing; any thread. The order of the checks is that of the page. Outputs are
 * untouched on failure.
 */
#include "cgroups_lookup.h"

/* A key is at least one byte and its NUL, which the length of its entry counts. */
static const struct lookup_entry_rule key_rule = {2, UINT32_MAX};

pipc_result pipcm_cgroups_lookup_check_path(const struct pipc_str_view *path)
{
    const pipc_result r = lookup_check_str(path);
    return r == PIPC_OK && path->len == 0 ? PIPC_ERR_BAD_LAYOUT : r;
}

pipc_result pipcm_cgroups_lookup_request_size(const struct pipc_str_view *paths, uint32_t count,
                                              uint64_t *ret_size)
{
    uint64_t size = LOOKUP_HDR;
    if (!ret_size || (!paths && count > 0))
        return PIPC_ERR_BAD_PARAM;
    for (uint32_t i = 0; i < count; i++) {
        const pipc_result r = pipcm_cgroups_lookup_check_path(&paths[i]);
        if (r != PIPC_OK)
            return r;
        size = lookup_size_with(size, (uint64_t)paths[i].len + 1);
    }
    *ret_size = size;
    return PIPC_OK;
}

pipc_result pipcm_cgroups_lookup_request_add(struct pipc_lookup_builder *b,
                                             const struct pipc_str_view *path)
{
    const pipc_result r = pipcm_cgroups_lookup_check_path(path);
    if (r != PIPC_OK)
        return r;
    const uint64_t size = lookup_size_add(1, path->len);
    unsigned char *out = lookup_space(b, size);
    if (!out)
        return PIPC_ERR_OVERFLOW;
    lookup_put_str(out, 0, path);
    lookup_commit(b, size, 0);
    return PIPC_OK;
}

pipc_result pipcm_cgroups_lookup_request_encode(const struct pipc_str_view *paths, uint32_t count,
                                                void *buf, size_t cap, size_t *ret_len)
{
    struct pipc_lookup_builder b;
    if (!ret_len || (!paths && count > 0))
        return PIPC_ERR_BAD_PARAM;
    /* The header is that of a response of generation 0. */
    pipc_result r = lookup_begin(&b, buf, cap, count, 0, 0);
    for (uint32_t i = 0; r == PIPC_OK && i < count; i++)
        r = pipcm_cgroups_lookup_request_add(&b, &paths[i]);
    if (r == PIPC_OK)
        *ret_len = lookup_finish(&b);
    return r;
}

static pipc_result check_key(const unsigned char *key, uint32_t len)
{
    if (key[len - 1] != 0)
        return PIPC_ERR_MISSING_NUL;
    return lookup_has_nul(key, len - 1) ? PIPC_ERR_BAD_LAYOUT : PIPC_OK;
}

pipc_result pipcm_cgroups_lookup_request_decode(const void *payload, size_t len,
                                                struct pipc_cgroups_lookup_request_view *ret_view)
{
    if (!ret_view || bytes_bad_payload(payload, len))
        return PIPC_ERR_BAD_PARAM;
    const unsigned char *in = payload;
    pipc_result r = lookup_check_header(in, len, 1);
    if (r != PIPC_OK)
        return r;
    const uint32_t count = bytes_get32(in + LOOKUP_HDR_ITEM_COUNT);
    r = lookup_check_directory(in, len, count, &key_rule);
    for (uint32_t i = 0; r == PIPC_OK && i < count; i++) {
        struct lookup_entry entry;
        r = lookup_read_entry(in, len, count, i, &key_rule, &entry);
        if (r == PIPC_OK)
            r = check_key(entry.item, entry.len);
    }
    if (r != PIPC_OK)
        return r;
    ret_view->table = &pipcm_cgroups_lookup_table;
    ret_view->item_count = count;
    ret_view->reserved = 0;
    ret_view->payload = payload;
    ret_view->payload_len = len;
    return PIPC_OK;
}

pipc_result pipcm_cgroups_lookup_request_item(
    const struct pipc_cgroups_lookup_request_view *view, uint32_t index,
    struct pipc_cgroups_lookup_request_item_view *ret_item)
{
    struct lookup_entry entry;
    if (!view || !ret_item)
        return PIPC_ERR_BAD_PARAM;
    const pipc_result r =
        lookup_find(view->payload, view->payload_len, view->item_count, index, &key_rule, &entry);
    if (r != PIPC_OK)
        return r;
    if (entry.item[entry.len - 1] != 0)
        return PIPC_ERR_MISSING_NUL;
    ret_item->path.ptr = (const char *)entry.item;
    ret_item->path.len = entry.len - 1;
    return PIPC_OK;
}
