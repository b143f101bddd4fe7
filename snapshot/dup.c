/* SPDX-License-Identifier: Apache-2.0
 *
 * Owned copies of items (docs/level3-snapshot-api.md 5.4).
 *
 * Item and strings are one block. In front of it stands the allocator that it came from, because
 * the copy outlives guard and cache: freeing it needs neither. Any thread.
 */
#include "cache.h"

#include <string.h>

/* The item begins at a multiple of 16, as from malloc. */
union copy_head {
    struct pipc_allocator allocator;
    unsigned char room[64];
};

static struct pipc_str_view item_string(const struct pipc_cache_snapshot *snapshot,
                                        const void *item, uint32_t number)
{
    struct pipc_str_view view;

    memcpy(&view, (const unsigned char *)item + snapshot->hooks->string_offsets[number],
           sizeof(view));
    return view;
}

void *pipc_cache_item_dup(const struct pipc_cache_guard *guard, const void *item)
{
    const struct pipc_cache_snapshot *snapshot = guard ? guard->snapshot : NULL;
    const struct pipc_allocator *allocator;
    uint64_t size;
    union copy_head *head;
    unsigned char *copy;
    char *text;

    if (!snapshot || !item)
        return NULL;
    size = sizeof(*head) + (uint64_t)snapshot->item_size;
    for (uint32_t i = 0; i < snapshot->hooks->string_count; i++)
        size += (uint64_t)item_string(snapshot, item, i).len + 1;
    allocator = pipci_context_allocator(snapshot->context);
    head = size > SIZE_MAX ? NULL : pipci_alloc(allocator, (size_t)size);
    if (!head)
        return NULL;
    head->allocator = allocator ? *allocator : pipci_default_allocator;
    copy = (unsigned char *)(head + 1);
    memcpy(copy, item, snapshot->item_size);
    text = (char *)copy + snapshot->item_size;
    for (uint32_t i = 0; i < snapshot->hooks->string_count; i++) {
        struct pipc_str_view view = item_string(snapshot, item, i);
        if (view.len)
            memcpy(text, view.ptr, view.len);
        text[view.len] = '\0';
        view.ptr = text;
        memcpy(copy + snapshot->hooks->string_offsets[i], &view, sizeof(view));
        text += view.len + 1;
    }
    return copy;
}

void pipc_cache_item_free(void *item)
{
    union copy_head *head = item;
    struct pipc_allocator allocator;

    if (!item)
        return;
    head--;
    allocator = head->allocator;
    pipci_free(&allocator, head);
}
