/* SPDX-License-Identifier: Apache-2.0
 *
 * Look-ups by key (docs/level3-snapshot-api.md 5.3; decision 0016).
 *
 * What is not there costs the line of its tags. What is there costs in addition the lines of its
 * slot and of its name. Constant time as expected, a logarithm at worst; no system
 * call, no allocation, nothing written. Any thread; a guard is its thread's.
 */
#include "probe.h"

/* Whether the key of a slot is this one; a group has none. */
static inline bool slot_is(const struct pipci_cache_index *index,
                           const struct pipci_cache_slot *slot, uint32_t hash, const void *name,
                           size_t len)
{
    return slot->hash == hash && slot->len == len && !(slot->number & PIPCI_CACHE_GROUPED) &&
           memcmp(index->base + slot->at, name, len) == 0;
}

/* Lower bound by halving: the first of equal names. */
static uint32_t group_find(const struct pipci_cache_index *index,
                           const struct pipci_cache_group *group,
                           const struct pipci_cache_key *keys, const void *name, size_t len)
{
    const uint32_t *items = index->grouped_items + group->first;
    uint32_t low = 0, high = group->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (key_compare(&keys[items[middle]], name, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == group->count || key_compare(&keys[items[low]], name, len) != 0)
        return UINT32_MAX;
    return items[low];
}

uint32_t pipci_cache_index_find(const struct pipci_cache_index *index,
                                const struct pipci_cache_key *keys, uint32_t hash, const void *name,
                                size_t name_len)
{
    const struct probe probe = probe_make(index, hash);
    uint32_t slot, number;

    if (!probe_find(index, &probe, &slot))
        return UINT32_MAX;
    number = index->slots[slot].number;
    if (number & PIPCI_CACHE_GROUPED)
        return group_find(index, &index->groups[number & ~PIPCI_CACHE_GROUPED], keys, name,
                          name_len);
    return slot_is(index, &index->slots[slot], hash, name, name_len) ? number : UINT32_MAX;
}

static inline const void *item_at(const struct pipc_cache_snapshot *snapshot, uint32_t number)
{
    return snapshot->items + (size_t)number * snapshot->item_size;
}

/* What the first look did not decide: a full bucket, a group, an equal tag. Apart, so that the
 * first look needs few registers. */
static __attribute__((noinline)) const void *get_slow(const struct pipc_cache_snapshot *snapshot,
                                                      uint32_t hash, const void *name, size_t len)
{
    const uint32_t found =
        pipci_cache_index_find(&snapshot->index, snapshot->keys, hash, name, len);

    return found == UINT32_MAX ? NULL : item_at(snapshot, found);
}

const void *pipc_cache_get(const struct pipc_cache_guard *guard, uint32_t hash, const void *name,
                           size_t name_len)
{
    const struct pipc_cache_snapshot *snapshot = guard ? guard->snapshot : NULL;
    const struct pipci_cache_index *index;
    const struct pipci_cache_slot *slot;
    struct probe probe;
    uint64_t tags, equal;

    if (!snapshot || !name)
        return NULL;
    index = &snapshot->index;
    probe = probe_make(index, hash);
    tags = probe_tags(index, probe.bucket);
    equal = probe_equal(tags, &probe);
    if (!equal && probe_empty(tags))
        return NULL;
    if (equal) {
        slot = &index->slots[probe_slot(probe.bucket, equal)];
        if (slot_is(index, slot, hash, name, name_len))
            return item_at(snapshot, slot->number);
    }
    return get_slow(snapshot, hash, name, name_len);
}
