/* SPDX-License-Identifier: Apache-2.0
 *
 * Owned copies of a response of APPS_LOOKUP and of its items (docs/codec.md 6.5). A request has no
 * strings, and needs none.
 *
 * A copy is one block of the caller's allocator, so that it is all there or not at all. Any thread.
 */
#include "apps_lookup.h"

#include "../common/lookup_copy.h"

static pipc_result measure_item(const struct pipc_apps_lookup_item_view *item,
                                struct lookup_copy_size *size)
{
    lookup_copy_count(size, &item->comm);
    lookup_copy_count(size, &item->cgroup_path);
    lookup_copy_count(size, &item->cgroup_name);
    return lookup_copy_count_labels(size, &item->labels, item->label_count);
}

static void put_item(struct pipc_apps_lookup_item *to, struct lookup_copy *copy,
                     const struct pipc_apps_lookup_item_view *item)
{
    to->status = item->status;
    to->orchestrator = item->orchestrator;
    to->cgroup_status = item->cgroup_status;
    to->reserved = 0;
    to->pid = item->pid;
    to->ppid = item->ppid;
    to->uid = item->uid;
    to->label_count = item->label_count;
    to->starttime = item->starttime;
    to->comm = lookup_copy_str(copy, &item->comm);
    to->cgroup_path = lookup_copy_str(copy, &item->cgroup_path);
    to->cgroup_name = lookup_copy_str(copy, &item->cgroup_name);
    to->labels = lookup_copy_labels(copy, &item->labels, item->label_count);
}

static int bad_str(const struct pipc_str_view *str)
{
    return !str->ptr && str->len > 0;
}

pipc_result pipcm_apps_lookup_item_copy(const struct pipc_apps_lookup_item_view *item,
                                        const struct pipc_allocator *allocator,
                                        struct pipc_apps_lookup_item **ret_copy)
{
    struct lookup_copy_size size = {0, 0, 0};
    struct pipc_apps_lookup_item *copy = NULL;
    if (!item || !allocator || !ret_copy || bad_str(&item->comm) || bad_str(&item->cgroup_path) ||
        bad_str(&item->cgroup_name))
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

static pipc_result measure(const struct pipc_apps_lookup_view *view, struct lookup_copy_size *size)
{
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct pipc_apps_lookup_item_view item;
        pipc_result r = pipcm_apps_lookup_item(view, i, &item);
        if (r == PIPC_OK)
            r = measure_item(&item, size);
        if (r != PIPC_OK)
            return r;
    }
    return PIPC_OK;
}

pipc_result pipcm_apps_lookup_copy(const struct pipc_apps_lookup_view *view,
                                   const struct pipc_allocator *allocator,
                                   struct pipc_apps_lookup **ret_copy)
{
    struct lookup_copy_size size = {0, 0, 0};
    struct pipc_apps_lookup *copy = NULL;
    struct pipc_apps_lookup_item *items;
    if (!view || !allocator || !ret_copy)
        return PIPC_ERR_BAD_PARAM;
    pipc_result r = measure(view, &size);
    if (r == PIPC_OK)
        copy =
            lookup_copy_block(allocator, sizeof(*copy), (uint64_t)view->item_count * sizeof(*items),
                              &size, view->payload_len, &r);
    if (r != PIPC_OK)
        return r;
    items = (struct pipc_apps_lookup_item *)(copy + 1);
    struct lookup_copy to = lookup_copy_begin(items + view->item_count, &size);
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct pipc_apps_lookup_item_view item;
        /* Cannot fail: measure has just read every item of the same bytes. */
        if (pipcm_apps_lookup_item(view, i, &item) == PIPC_OK)
            put_item(&items[i], &to, &item);
    }
    copy->item_count = view->item_count;
    copy->reserved = 0;
    copy->generation = view->generation;
    copy->items = items;
    *ret_copy = copy;
    return PIPC_OK;
}
