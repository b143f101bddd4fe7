/* SPDX-License-Identifier: Apache-2.0
 *
 * Owned copies of a request and a response of CGROUPS_LOOKUP, and of its items (docs/codec.md 6.5).
 *
 * A copy is one block of the caller's allocator, so that it is all there or not at all. Any thread.
 */
#include "cgroups_lookup.h"

#include "../common/lookup_copy.h"

/* ---- request ---- */

static pipc_result measure_request(const struct pipc_cgroups_lookup_request_view *view,
                                   struct lookup_copy_size *size)
{
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct pipc_cgroups_lookup_request_item_view item;
        const pipc_result r = pipcm_cgroups_lookup_request_item(view, i, &item);
        if (r != PIPC_OK)
            return r;
        lookup_copy_count(size, &item.path);
    }
    return PIPC_OK;
}

pipc_result pipcm_cgroups_lookup_request_copy(const struct pipc_cgroups_lookup_request_view *view,
                                              const struct pipc_allocator *allocator,
                                              struct pipc_cgroups_lookup_request **ret_copy)
{
    struct lookup_copy_size size = {0, 0, 0};
    struct pipc_cgroups_lookup_request *copy = NULL;
    if (!view || !allocator || !ret_copy)
        return PIPC_ERR_BAD_PARAM;
    pipc_result r = measure_request(view, &size);
    if (r == PIPC_OK)
        copy = lookup_copy_block(allocator, sizeof(*copy),
                                 (uint64_t)view->item_count * sizeof(struct pipc_str_view), &size,
                                 view->payload_len, &r);
    if (r != PIPC_OK)
        return r;
    struct pipc_str_view *paths = (struct pipc_str_view *)(copy + 1);
    struct lookup_copy to = lookup_copy_begin(paths + view->item_count, &size);
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct pipc_cgroups_lookup_request_item_view item;
        /* Cannot fail: measure_request has just read every item of the same bytes. */
        if (pipcm_cgroups_lookup_request_item(view, i, &item) == PIPC_OK)
            paths[i] = lookup_copy_str(&to, &item.path);
    }
    copy->item_count = view->item_count;
    copy->reserved = 0;
    copy->paths = paths;
    *ret_copy = copy;
    return PIPC_OK;
}

/* ---- response ---- */

static pipc_result measure_item(const struct pipc_cgroups_lookup_item_view *item,
                                struct lookup_copy_size *size)
{
    lookup_copy_count(size, &item->path);
    lookup_copy_count(size, &item->name);
    return lookup_copy_count_labels(size, &item->labels, item->label_count);
}

static void put_item(struct pipc_cgroups_lookup_item *to, struct lookup_copy *copy,
                     const struct pipc_cgroups_lookup_item_view *item)
{
    to->status = item->status;
    to->orchestrator = item->orchestrator;
    to->label_count = item->label_count;
    to->path = lookup_copy_str(copy, &item->path);
    to->name = lookup_copy_str(copy, &item->name);
    to->labels = lookup_copy_labels(copy, &item->labels, item->label_count);
}

pipc_result pipcm_cgroups_lookup_item_copy(const struct pipc_cgroups_lookup_item_view *item,
                                           const struct pipc_allocator *allocator,
                                           struct pipc_cgroups_lookup_item **ret_copy)
{
    struct lookup_copy_size size = {0, 0, 0};
    struct pipc_cgroups_lookup_item *copy = NULL;
    if (!item || !allocator || !ret_copy || (!item->path.ptr && item->path.len > 0) ||
        (!item->name.ptr && item->name.len > 0))
        return PIPC_ERR_BAD_PARAM;
    pipc_result r = measure_item(item, &size);
    if (r == PIPC_OK)
        copy = lookup_copy_block(allocator, sizeof(*copy), 0, &size, UINT64_MAX, &r);
    if (r != PIPC_OK)
        return r;
    struct lookup_copy to = lookup_copy_begin(copy + 1, &size);
    put_item(copy, &to, item);
    *ret_copy = copy;
    return PIPC_OK;
}

static pipc_result measure(const struct pipc_cgroups_lookup_view *view,
                           struct lookup_copy_size *size)
{
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct pipc_cgroups_lookup_item_view item;
        pipc_result r = pipcm_cgroups_lookup_item(view, i, &item);
        if (r == PIPC_OK)
            r = measure_item(&item, size);
        if (r != PIPC_OK)
            return r;
    }
    return PIPC_OK;
}

pipc_result pipcm_cgroups_lookup_copy(const struct pipc_cgroups_lookup_view *view,
                                      const struct pipc_allocator *allocator,
                                      struct pipc_cgroups_lookup **ret_copy)
{
    struct lookup_copy_size size = {0, 0, 0};
    struct pipc_cgroups_lookup *copy = NULL;
    struct pipc_cgroups_lookup_item *items;
    if (!view || !allocator || !ret_copy)
        return PIPC_ERR_BAD_PARAM;
    pipc_result r = measure(view, &size);
    if (r == PIPC_OK)
        copy =
            lookup_copy_block(allocator, sizeof(*copy), (uint64_t)view->item_count * sizeof(*items),
                              &size, view->payload_len, &r);
    if (r != PIPC_OK)
        return r;
    items = (struct pipc_cgroups_lookup_item *)(copy + 1);
    struct lookup_copy to = lookup_copy_begin(items + view->item_count, &size);
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct pipc_cgroups_lookup_item_view item;
        /* Cannot fail: measure has just read every item of the same bytes. */
        if (pipcm_cgroups_lookup_item(view, i, &item) == PIPC_OK)
            put_item(&items[i], &to, &item);
    }
    copy->item_count = view->item_count;
    copy->reserved = 0;
    copy->generation = view->generation;
    copy->items = items;
    *ret_copy = copy;
    return PIPC_OK;
}
