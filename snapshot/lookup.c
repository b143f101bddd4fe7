/* SPDX-License-Identifier: Apache-2.0
 *
 * Look-ups by key (docs/level3-snapshot-api.md 5.3; decision 0016).
 *
 * What is not there costs the line of its tags. What is there costs in addition the lines of its
 * slot, of its key and of its name. Constant time as expected, a logarithm at worst; no system
 * call, no allocation, nothing written. Any thread; a guard is its thread's.
 */
#include "probe.h"

static inline bool key_equal(const struct pipci_cache_key *key, uint32_t hash, const void *name,
                             size_t len)
{
    return key->hash == hash && key->len == len && memcmp(key->bytes, name, len) == 0;
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

static uint32_t find_linear(const struct pipci_cache_key *keys, uint32_t count, uint32_t hash,
                            const void *name, size_t len)
{
    for (uint32_t i = 0; i < count; i++) {
        if (keys[i].hash == hash && key_compare(&keys[i], name, len) == 0)
            return i;
    }
    return UINT32_MAX;
}

uint32_t pipci_cache_index_find(const struct pipci_cache_index *index,
                                const struct pipci_cache_key *keys, uint32_t count, uint32_t hash,
                                const void *name, size_t name_len)
{
    struct probe probe;
    uint32_t slot, number;

    if (!index)
        return find_linear(keys, count, hash, name, name_len);
    probe = probe_make(index, hash);
    if (!probe_find(index, keys, &probe, &slot))
        return UINT32_MAX;
    number = index->slots[slot];
    if (number & PIPCI_CACHE_GROUPED)
        return group_find(index, &index->groups[number & ~PIPCI_CACHE_GROUPED], keys, name,
                          name_len);
    return key_compare(&keys[number], name, name_len) == 0 ? number : UINT32_MAX;
}

/* What the first look did not decide: no index, a full bucket, a group, an equal tag. Apart, so
 * that the first look needs few registers. */
static __attribute__((noinline)) const void *get_slow(const struct pipc_cache_snapshot *snapshot,
                                                      uint32_t hash, const void *name, size_t len)
{
    const uint32_t found =
        pipci_cache_index_find(snapshot->index, snapshot->keys, snapshot->count, hash, name, len);

    return found == UINT32_MAX ? NULL : snapshot->items + (size_t)found * snapshot->item_size;
}

const void *pipc_cache_get(const struct pipc_cache_guard *guard, uint32_t hash, const void *name,
                           size_t name_len)
{
    const struct pipc_cache_snapshot *snapshot = guard ? guard->snapshot : NULL;
    const struct pipci_cache_index *index;

    if (!snapshot || !name)
        return NULL;
    index = snapshot->index;
    if (index) {
        const struct probe probe = probe_make(index, hash);
        const uint64_t tags = probe_tags(index, probe.bucket);
        const uint64_t equal = probe_equal(tags, &probe);
        if (equal) {
            const uint32_t number = index->slots[probe_slot(probe.bucket, equal)];
            if (!(number & PIPCI_CACHE_GROUPED) &&
                key_equal(&snapshot->keys[number], hash, name, name_len))
                return snapshot->items + (size_t)number * snapshot->item_size;
        } else if (probe_empty(tags)) {
            return NULL;
        }
    }
    return get_slow(snapshot, hash, name, name_len);
}
