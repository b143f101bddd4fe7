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

/* A slot whose item is found by way of a group. */
static void index_group_new(struct pipci_cache_index *index, uint32_t slot, uint32_t count)
{
    index->groups[index->group_count].count = count;
    index->slots[slot].number = PIPCI_CACHE_GROUPED | index->group_count++;
    index->grouped += count;
}

/* Another item with the hash of a slot that is taken: the slot becomes that of a group. */
static void index_share(struct pipci_cache_index *index, uint32_t slot)
{
    const uint32_t number = index->slots[slot].number;

    if (!(number & PIPCI_CACHE_GROUPED)) {
        index_group_new(index, slot, 2);
        return;
    }
    index->groups[number & ~PIPCI_CACHE_GROUPED].count++;
    index->grouped++;
}

/* The first item with its hash keeps its slot while it stays alone. One whose name is too far away
 * for a slot is a group of one. */
static void index_take(struct pipci_cache_index *index, uint32_t slot,
                       const struct pipci_cache_key *key, uint32_t number)
{
    const intptr_t at = (intptr_t)((uintptr_t)key->bytes - (uintptr_t)index->base);

    index->slots[slot] = (struct pipci_cache_slot){key->hash, number, key->len, (int32_t)at};
    if (at != (int32_t)at)
        index_group_new(index, slot, 1); /* LCOV_EXCL_LINE: more than 2 GiB of strings */
}

static void index_place(struct pipci_cache_index *index, const struct pipci_cache_key *keys,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct probe probe = probe_make(index, keys[i].hash);
        uint32_t slot;
        if (probe_find(index, &probe, &slot)) {
            index_share(index, slot);
        } else {
            index->tags[slot] = probe.tag;
            index_take(index, slot, &keys[i], i);
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
        if (probe_find(index, &probe, &slot) && (index->slots[slot].number & PIPCI_CACHE_GROUPED)) {
            const uint32_t group = index->slots[slot].number & ~PIPCI_CACHE_GROUPED;
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

/* At least half of the slots are free, so that a search comes to a free one soon; two buckets at
 * least, so that the shift is below 64. */
static uint64_t slots_for(uint32_t count)
{
    uint64_t slots = 2 * (uint64_t)PIPCI_CACHE_BUCKET;

    while (slots < 2 * (uint64_t)count)
        slots *= 2;
    return slots;
}

uint64_t pipci_cache_index_size(uint32_t count)
{
    const uint64_t slots = slots_for(count);

    if (count >= PIPCI_CACHE_GROUPED)
        return UINT64_MAX; /* LCOV_EXCL_LINE: more items than a payload can name */
    return slots * (1 + sizeof(struct pipci_cache_slot)) +
           count * (uint64_t)(sizeof(struct pipci_cache_group) + sizeof(uint32_t));
}

void pipci_cache_index_make(struct pipci_cache_index *index, void *memory, uint64_t seed,
                            const struct pipci_cache_key *keys, uint32_t count)
{
    const uint64_t slots = slots_for(count);

    index->factor = factor_make(seed);
    index->base = count ? keys[0].bytes : NULL;
    index->shift = 64 - (uint32_t)__builtin_ctzll(slots / PIPCI_CACHE_BUCKET);
    index->mask = (uint32_t)(slots / PIPCI_CACHE_BUCKET - 1);
    index->grouped = 0;
    index->group_count = 0;
    index->slots = memory;
    index->groups = (struct pipci_cache_group *)(index->slots + slots);
    index->grouped_items = (uint32_t *)(index->groups + count);
    index->tags = (unsigned char *)(index->grouped_items + count);
    memset(index->tags, 0, (size_t)slots); /* the rest is written before it is read */
    index_place(index, keys, count);
    if (index->grouped)
        index_group(index, keys, count);
}
