/* SPDX-License-Identifier: Apache-2.0
 *
 * Look-ups by key (docs/level3-snapshot-api.md 5.3; decision 0016).
 *
 * What is not there costs the line of its tags. What is there costs in addition the lines of its
 * slot and of its name. Constant time as expected, a logarithm at worst; no system
 * call, no allocation, nothing written. Any thread; a guard is its thread's.
 */
#include "probe.h"

/* Lengths of names that are compared in place: a call costs more, also by the registers that have
 * to be kept across it. */
#define WORDS_LEAST 8u
#define WORDS_MOST  64u

static inline uint64_t word_at(const char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* Whether two names of such a length are the same; the last word overlaps. */
static inline bool same_words(const char *one, const char *other, size_t len)
{
    uint64_t differ = word_at(one + len - 8) ^ word_at(other + len - 8);

    for (size_t at = 0; at + 8 < len; at += 8)
        differ |= word_at(one + at) ^ word_at(other + at);
    return differ == 0;
}

/* Whether the key of a slot is this one, as far as that shows without a call; a group has none. */
static inline bool slot_is_at_once(const struct pipci_cache_index *index,
                                   const struct pipci_cache_slot *slot, uint32_t hash,
                                   const void *name, size_t len)
{
    return slot->hash == hash && slot->len == len && !(slot->number & PIPCI_CACHE_GROUPED) &&
           len - WORDS_LEAST <= WORDS_MOST - WORDS_LEAST &&
           same_words(index->base + slot->at, name, len);
}

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

/* What the first look did not decide: a full bucket, a group, an equal tag, a very short or a long
 * name. Apart, so that the first look needs few registers. */
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
        if (slot_is_at_once(index, slot, hash, name, name_len))
            return item_at(snapshot, slot->number);
    }
    return get_slow(snapshot, hash, name, name_len);
}
