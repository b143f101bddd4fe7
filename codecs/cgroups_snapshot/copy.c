/* SPDX-License-Identifier: Apache-2.0
 *
 * Owned copies of a response of CGROUPS_SNAPSHOT and of its items (docs/codec.md 6.5), and the
 * hooks by which the cache copies them (docs/level3-snapshot-api.md 4).
 *
 * A copy is one block of the caller's allocator, so that it is all there or not at all. Lengths are
 * preserved, NULs inside strings survive. Any thread.
 */
#include "cgroups_snapshot.h"

#include "../common/bytes.h"

#include <pipc/codecs/cgroups_cache.h>

/* Copies a string and a NUL to *at, which moves behind them. */
static struct pipc_str_view put_string(char **at, const struct pipc_str_view *str)
{
    const struct pipc_str_view put = {*at, str->len};
    bytes_copy(*at, str->ptr, str->len);
    (*at)[str->len] = '\0';
    *at += str->len + 1;
    return put;
}

static void put_item(struct pipc_cgroups_snapshot_item *to, char **at,
                     const struct pipc_cgroups_snapshot_item_view *item)
{
    to->hash = item->hash;
    to->options = item->options;
    to->enabled = item->enabled;
    to->reserved = 0;
    to->name = put_string(at, &item->name);
    to->path = put_string(at, &item->path);
}

/* Bytes of both strings with their NULs. */
static uint64_t strings_size(const struct pipc_cgroups_snapshot_item_view *item)
{
    return (uint64_t)item->name.len + 1 + item->path.len + 1;
}

pipc_result pipcm_cgroups_snapshot_item_copy(const struct pipc_cgroups_snapshot_item_view *item,
                                             const struct pipc_allocator *allocator,
                                             struct pipc_cgroups_snapshot_item **ret_copy)
{
    if (!item || !allocator || !ret_copy || (!item->name.ptr && item->name.len > 0) ||
        (!item->path.ptr && item->path.len > 0))
        return PIPC_ERR_BAD_PARAM;
    /* Two strings in memory add up to less than the address space. */
    struct pipc_cgroups_snapshot_item *copy =
        allocator->alloc(allocator->arg, sizeof(*copy) + (size_t)strings_size(item));
    if (!copy)
        return PIPC_ERR_ALLOC;
    char *at = (char *)(copy + 1);
    put_item(copy, &at, item);
    *ret_copy = copy;
    return PIPC_OK;
}

/* Checks every item and adds up what a copy needs. Items that share bytes could make it much larger
 * than the payload; no honest payload has them, so that the sum of the strings is bounded by the
 * payload. */
static pipc_result measure(const struct pipc_cgroups_snapshot_view *view, uint64_t *ret_size)
{
    uint64_t counted = 0;
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct pipc_cgroups_snapshot_item_view item;
        const pipc_result r = pipcm_cgroups_snapshot_item(view, i, &item);
        if (r != PIPC_OK)
            return r;
        counted += strings_size(&item) - 2;
        if (counted > view->payload_len)
            return PIPC_ERR_BAD_LAYOUT;
    }
    *ret_size = sizeof(struct pipc_cgroups_snapshot) + counted +
                (uint64_t)view->item_count * (sizeof(struct pipc_cgroups_snapshot_item) + 2);
    return *ret_size > SIZE_MAX / 2 ? PIPC_ERR_ALLOC : PIPC_OK;
}

pipc_result pipcm_cgroups_snapshot_copy(const struct pipc_cgroups_snapshot_view *view,
                                        const struct pipc_allocator *allocator,
                                        struct pipc_cgroups_snapshot **ret_copy)
{
    uint64_t size;
    if (!view || !allocator || !ret_copy)
        return PIPC_ERR_BAD_PARAM;
    const pipc_result r = measure(view, &size);
    if (r != PIPC_OK)
        return r;
    struct pipc_cgroups_snapshot *copy = allocator->alloc(allocator->arg, (size_t)size);
    if (!copy)
        return PIPC_ERR_ALLOC;
    struct pipc_cgroups_snapshot_item *items = (struct pipc_cgroups_snapshot_item *)(copy + 1);
    char *at = (char *)(items + view->item_count);
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct pipc_cgroups_snapshot_item_view item;
        /* Cannot fail: measure has just read every item of the same bytes. */
        if (pipcm_cgroups_snapshot_item(view, i, &item) == PIPC_OK)
            put_item(&items[i], &at, &item);
    }
    copy->item_count = view->item_count;
    copy->systemd_enabled = view->systemd_enabled;
    copy->generation = view->generation;
    copy->items = items;
    *ret_copy = copy;
    return PIPC_OK;
}

/* ---- hooks of the cache ---- */

static void hook_head(const void *output, void *ret_head)
{
    const struct pipc_cgroups_snapshot_view *view = output;
    struct pipc_cgroups_cache_head *head = ret_head;
    head->generation = view->generation;
    head->systemd_enabled = view->systemd_enabled;
    head->reserved = 0;
}

static uint32_t hook_item_count(const void *output)
{
    const struct pipc_cgroups_snapshot_view *view = output;
    return view->item_count;
}

static pipc_result hook_item_strings(const void *output, uint32_t index, uint64_t *ret_bytes,
                                     uint64_t *ret_counted)
{
    struct pipc_cgroups_snapshot_item_view item;
    const pipc_result r = pipcm_cgroups_snapshot_item(output, index, &item);
    if (r != PIPC_OK)
        return r;
    *ret_bytes = strings_size(&item);
    *ret_counted = strings_size(&item) - 2;
    return PIPC_OK;
}

static pipc_result hook_item(const void *output, uint32_t index, void *ret_item, char *strings,
                             struct pipc_snapshot_key *ret_key)
{
    struct pipc_cgroups_snapshot_item_view item;
    struct pipc_cgroups_cache_item *to = ret_item;
    const pipc_result r = pipcm_cgroups_snapshot_item(output, index, &item);
    if (r != PIPC_OK)
        return r;
    to->hash = item.hash;
    to->options = item.options;
    to->enabled = item.enabled;
    to->reserved = 0;
    to->name = put_string(&strings, &item.name);
    to->path = put_string(&strings, &item.path);
    ret_key->hash = to->hash;
    ret_key->reserved = 0;
    ret_key->bytes = to->name.ptr;
    ret_key->len = to->name.len;
    return PIPC_OK;
}

static const uint32_t item_strings_at[] = {
    offsetof(struct pipc_cgroups_cache_item, name),
    offsetof(struct pipc_cgroups_cache_item, path),
};

const struct pipc_snapshot_hooks pipcm_cgroups_snapshot_hooks = {
    .size = sizeof(struct pipc_snapshot_hooks),
    .head_size = sizeof(struct pipc_cgroups_cache_head),
    .item_size = sizeof(struct pipc_cgroups_cache_item),
    .string_count = sizeof(item_strings_at) / sizeof(item_strings_at[0]),
    .string_offsets = item_strings_at,
    .head = hook_head,
    .item_count = hook_item_count,
    .item_strings = hook_item_strings,
    .item = hook_item,
};
