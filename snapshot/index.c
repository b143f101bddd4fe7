/* SPDX-License-Identifier: Apache-2.0
 *
 * Building the index of a snapshot: from (hash, name) to the first item with that key.
 *
 * The values come from another process, which may choose them to hurt. Equal hash values therefore
 * meet in one slot and are sorted, to be searched by halving, and which values share a bucket
 * depends on a seed. Building takes n log n steps at worst. The refreshing thread only.
 */
#include "probe.h"

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

/* Another item with the hash of a slot that is taken: the slot becomes that of a group. */
static void index_share(struct pipci_cache_index *index, uint32_t slot, uint32_t hash)
{
    struct pipci_cache_group *group;

    if (index->slots[slot] & PIPCI_CACHE_GROUPED) {
        index->groups[index->slots[slot] & ~PIPCI_CACHE_GROUPED].count++;
        index->grouped++;
        return;
    }
    group = &index->groups[index->group_count];
    group->hash = hash;
    group->count = 2;
    index->slots[slot] = PIPCI_CACHE_GROUPED | index->group_count++;
    index->grouped += 2;
}

/* Places every hash; a hash that stays alone keeps its item in the slot. */
static void index_place(struct pipci_cache_index *index, const struct pipci_cache_key *keys,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct probe probe = probe_make(index, keys[i].hash);
        uint32_t slot;
        if (probe_find(index, keys, &probe, &slot)) {
            index_share(index, slot, keys[i].hash);
        } else {
            index->tags[slot] = probe.tag;
            index->slots[slot] = i;
        }
    }
}

/* Gives each group its stretch of `grouped_items`, fills them in the provider's order, and sorts
 * them. */
static void index_group(struct pipci_cache_index *index, const struct pipci_cache_key *keys,
                        uint32_t count)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < index->group_count; i++) {
        used += index->groups[i].count;
        index->groups[i].first = used; /* counts down while the group fills from behind */
    }
    for (uint32_t i = count; i-- > 0;) {
        const struct probe probe = probe_make(index, keys[i].hash);
        uint32_t slot;
        if (probe_find(index, keys, &probe, &slot) && (index->slots[slot] & PIPCI_CACHE_GROUPED)) {
            const uint32_t group = index->slots[slot] & ~PIPCI_CACHE_GROUPED;
            index->grouped_items[--index->groups[group].first] = i;
        }
    }
    for (uint32_t i = 0; i < index->group_count; i++)
        group_sort(keys, index->grouped_items + index->groups[i].first, index->groups[i].count);
}

/* Any seed gives a factor with bits in all places (the finaliser of splitmix64). */
static uint64_t factor_make(uint64_t seed)
{
    uint64_t x = seed + UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (x ^ (x >> 31)) | 1;
}

struct pipci_cache_index *pipci_cache_index_new(const struct pipc_allocator *allocator,
                                                uint64_t seed, const struct pipci_cache_key *keys,
                                                uint32_t count)
{
    struct pipci_cache_index *index;
    const uint64_t groups = count / 2;
    uint64_t slots = 2 * (uint64_t)PIPCI_CACHE_BUCKET; /* two buckets: shift is below 64 */

    /* At least half of the slots are free, so that a search comes to a free one soon. */
    while (slots < 2 * (uint64_t)count)
        slots *= 2;
    const uint64_t bytes = sizeof(*index) + slots * (1 + sizeof(*index->slots)) +
                           groups * sizeof(*index->groups) +
                           count * (uint64_t)sizeof(*index->grouped_items);
    if (!count || slots > PIPCI_CACHE_GROUPED || bytes > SIZE_MAX)
        return NULL;
    index = pipci_alloc(allocator, (size_t)bytes);
    if (!index)
        return NULL;
    memset(index, 0, sizeof(*index));
    index->factor = factor_make(seed);
    index->shift = 64 - (uint32_t)__builtin_ctzll(slots / PIPCI_CACHE_BUCKET);
    index->mask = (uint32_t)(slots / PIPCI_CACHE_BUCKET - 1);
    index->tags = (unsigned char *)(index + 1);
    index->slots = (uint32_t *)(void *)(index->tags + slots);
    index->groups = (struct pipci_cache_group *)(index->slots + slots);
    index->grouped_items = (uint32_t *)(index->groups + groups);
    memset(index->tags, 0, (size_t)slots); /* the rest is written before it is read */
    index_place(index, keys, count);
    if (index->grouped)
        index_group(index, keys, count);
    return index;
}
