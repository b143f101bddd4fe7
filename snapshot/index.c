/* SPDX-License-Identifier: Apache-2.0
 *
 * Index of a snapshot: from (hash, name) to the first item with that key.
 *
 * The values come from another process, which may choose them to hurt. Equal hash values therefore
 * meet in one slot and are searched by halving, and which slots lie side by side depends on a seed.
 * Building takes n log n steps at worst, a look-up a constant time as expected and log n at worst.
 * Look-ups are pure: any thread.
 */
#include "cache.h"

#include <string.h>

static uint32_t index_start(const struct pipci_cache_index *index, uint32_t hash)
{
    uint64_t x = (uint64_t)hash ^ index->seed;

    x *= UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 32;
    x *= (index->seed << 1) | 1;
    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(x >> 32) & index->mask;
}

/* The slot of this hash, or the free one where it would be. At least half of the slots are free. */
static struct pipci_cache_slot *index_slot(const struct pipci_cache_index *index, uint32_t hash)
{
    uint32_t at = index_start(index, hash);

    while (index->slots[at].count && index->slots[at].hash != hash)
        at = (at + 1) & index->mask;
    return &index->slots[at];
}

static int key_compare(const struct pipci_cache_key *key, const void *name, size_t len)
{
    if (key->len != len)
        return key->len < len ? -1 : 1;
    return len ? memcmp(key->bytes, name, len) : 0;
}

/* Order inside a group: of equal names the first item of the provider comes first. */
static bool item_less(const struct pipci_cache_key *keys, uint32_t a, uint32_t b)
{
    const int order = key_compare(&keys[a], keys[b].bytes, keys[b].len);

    return order ? order < 0 : a < b;
}

static void group_sift(const struct pipci_cache_key *keys, uint32_t *items, uint32_t from,
                       uint32_t count)
{
    const uint32_t moved = items[from];
    uint64_t at = from;

    for (;;) {
        uint64_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && item_less(keys, items[child], items[child + 1]))
            child++;
        if (!item_less(keys, moved, items[child]))
            break;
        items[at] = items[child];
        at = child;
    }
    items[at] = moved;
}

/* Heap sort: n log n whatever the values are, and no memory that might be missing. */
static void group_sort(const struct pipci_cache_key *keys, uint32_t *items, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;)
        group_sift(keys, items, i, count);
    for (uint32_t end = count; end-- > 1;) {
        const uint32_t last = items[end];
        items[end] = items[0];
        items[0] = last;
        group_sift(keys, items, 0, end);
    }
}

/* Places every hash; a slot that stays alone keeps its item. Returns how many items share a hash
 * with another. */
static uint32_t index_count(struct pipci_cache_index *index, const struct pipci_cache_key *keys,
                            uint32_t count)
{
    uint32_t shared = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct pipci_cache_slot *slot = index_slot(index, keys[i].hash);
        if (!slot->count) {
            slot->hash = keys[i].hash;
            slot->first = i;
        } else {
            shared += slot->count == 1 ? 2 : 1;
        }
        slot->count++;
    }
    return shared;
}

/* Gives each shared slot its stretch of `groups`, fills them in the provider's order, and sorts
 * them. */
static void index_group(struct pipci_cache_index *index, const struct pipci_cache_key *keys,
                        uint32_t count)
{
    uint32_t used = 0;

    for (uint64_t i = 0; i <= index->mask; i++) {
        struct pipci_cache_slot *slot = &index->slots[i];
        if (slot->count < 2)
            continue;
        used += slot->count;
        slot->first = used; /* counts down while the group fills from behind */
    }
    for (uint32_t i = count; i-- > 0;) {
        struct pipci_cache_slot *slot = index_slot(index, keys[i].hash);
        if (slot->count > 1)
            index->groups[--slot->first] = i;
    }
    for (uint64_t i = 0; i <= index->mask; i++) {
        const struct pipci_cache_slot *slot = &index->slots[i];
        if (slot->count > 1)
            group_sort(keys, index->groups + slot->first, slot->count);
    }
}

struct pipci_cache_index *pipci_cache_index_new(const struct pipc_allocator *allocator,
                                                uint64_t seed, const struct pipci_cache_key *keys,
                                                uint32_t count)
{
    struct pipci_cache_index *index;
    uint64_t slots = 2;

    while (slots < 2 * (uint64_t)count)
        slots *= 2;
    const uint64_t bytes = sizeof(*index) + slots * sizeof(*index->slots) + 4 * (uint64_t)count;
    if (!count || slots > UINT32_MAX || bytes > SIZE_MAX)
        return NULL;
    index = pipci_zalloc(allocator, (size_t)bytes);
    if (!index)
        return NULL;
    index->seed = seed;
    index->mask = (uint32_t)(slots - 1);
    index->slots = (struct pipci_cache_slot *)(index + 1);
    index->groups = (uint32_t *)(index->slots + slots);
    index->grouped = index_count(index, keys, count);
    if (index->grouped)
        index_group(index, keys, count);
    return index;
}

/* Lower bound by halving: the first of equal names. */
static uint32_t group_find(const struct pipci_cache_index *index,
                           const struct pipci_cache_slot *slot, const struct pipci_cache_key *keys,
                           const void *name, size_t len)
{
    const uint32_t *items = index->groups + slot->first;
    uint32_t low = 0, high = slot->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (key_compare(&keys[items[middle]], name, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == slot->count || key_compare(&keys[items[low]], name, len) != 0)
        return UINT32_MAX;
    return items[low];
}

uint32_t pipci_cache_index_find(const struct pipci_cache_index *index,
                                const struct pipci_cache_key *keys, uint32_t count, uint32_t hash,
                                const void *name, size_t name_len)
{
    const struct pipci_cache_slot *slot;

    if (!index) {
        for (uint32_t i = 0; i < count; i++) {
            if (keys[i].hash == hash && key_compare(&keys[i], name, name_len) == 0)
                return i;
        }
        return UINT32_MAX;
    }
    slot = index_slot(index, hash);
    if (slot->count > 1)
        return group_find(index, slot, keys, name, name_len);
    if (!slot->count || key_compare(&keys[slot->first], name, name_len) != 0)
        return UINT32_MAX;
    return slot->first;
}
