/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of message ids in flight: a hash set with open addressing over 64-bit numbers, 0
 * included.
 *
 * A lone id, which is all that most clients ever have, stands beside the table and costs a
 * comparison. Small sets live inside the struct; a larger one takes memory when it grows and keeps
 * it, so a steady state allocates nothing. Removal closes the gap, so that look-ups do not slow
 * down with use. One thread at a time.
 */
#ifndef PIPCI_INFLIGHT_H
#define PIPCI_INFLIGHT_H

#include "../base/base.h"

#define PIPCI_INFLIGHT_FIXED 16u

struct pipci_inflight {
    uint64_t *slots; /* 0: empty */
    uint32_t mask;   /* slots - 1; a power of two minus one */
    uint32_t used;   /* slots that are not empty */
    bool zero;       /* id 0 is in the set, beside the table */
    bool has_lone;
    uint64_t lone; /* an id that is not in the table */
    uint64_t seed;
    uint64_t fixed[PIPCI_INFLIGHT_FIXED];
};

void pipci_inflight_init(struct pipci_inflight *set, uint64_t seed);
void pipci_inflight_done(struct pipci_inflight *set, const struct pipc_allocator *memory);
/* The same three for what is in the table or zero. */
bool pipci_inflight_table_has(const struct pipci_inflight *set, uint64_t id);
bool pipci_inflight_table_add(struct pipci_inflight *set, const struct pipc_allocator *memory,
                              uint64_t id);
void pipci_inflight_table_remove(struct pipci_inflight *set, uint64_t id);

static inline size_t pipci_inflight_count(const struct pipci_inflight *set)
{
    return (size_t)set->used + set->zero + set->has_lone;
}

static inline bool pipci_inflight_has(const struct pipci_inflight *set, uint64_t id)
{
    if (set->has_lone && set->lone == id)
        return true;
    return (set->used || set->zero) && pipci_inflight_table_has(set, id);
}

/* `id` is not in the set. False: no memory, the set is as before. */
static inline bool pipci_inflight_add(struct pipci_inflight *set,
                                      const struct pipc_allocator *memory, uint64_t id)
{
    if (set->has_lone)
        return pipci_inflight_table_add(set, memory, id);
    set->has_lone = true;
    set->lone = id;
    return true;
}

/* Harmless when it is not there. */
static inline void pipci_inflight_remove(struct pipci_inflight *set, uint64_t id)
{
    if (set->has_lone && set->lone == id)
        set->has_lone = false;
    else
        pipci_inflight_table_remove(set, id);
}

/* Writes at most `cap` ids; returns how many there are. */
size_t pipci_inflight_list(const struct pipci_inflight *set, uint64_t *ids, size_t cap);

#endif
