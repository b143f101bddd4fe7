/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of message ids in flight: open addressing, linear probing, at most half full, seeded so
 * that no choice of ids makes long runs. One thread at a time.
 */
#include "inflight.h"

#include <string.h>

/* Finaliser of splitmix64: every input bit reaches every output bit. */
static uint32_t home_of(const struct pipci_inflight *set, uint64_t id)
{
    uint64_t x = id ^ set->seed;

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(x ^ (x >> 31)) & set->mask;
}

/* The slot of the id, or the empty one where it would go. */
static uint32_t slot_of(const struct pipci_inflight *set, uint64_t id)
{
    uint32_t at = home_of(set, id);

    while (set->slots[at] && set->slots[at] != id)
        at = (at + 1) & set->mask;
    return at;
}

void pipci_inflight_init(struct pipci_inflight *set, uint64_t seed)
{
    memset(set, 0, sizeof(*set));
    set->slots = set->fixed;
    set->mask = PIPCI_INFLIGHT_FIXED - 1;
    set->seed = seed;
}

void pipci_inflight_done(struct pipci_inflight *set, const struct pipc_allocator *memory)
{
    if (set->slots != set->fixed)
        pipci_free(memory, set->slots);
    set->slots = set->fixed;
}

bool pipci_inflight_table_has(const struct pipci_inflight *set, uint64_t id)
{
    return id ? set->slots[slot_of(set, id)] == id : set->zero;
}

static bool grow(struct pipci_inflight *set, const struct pipc_allocator *memory)
{
    const uint32_t size = set->mask + 1;
    uint64_t *const old = set->slots;

    if (size > UINT32_MAX / 4)
        return false; /* LCOV_EXCL_LINE: a billion ids */
    uint64_t *slots = pipci_zalloc(memory, (size_t)size * 2 * sizeof(*slots));
    if (!slots)
        return false;
    set->slots = slots;
    set->mask = size * 2 - 1;
    for (uint32_t i = 0; i < size; i++)
        if (old[i])
            slots[slot_of(set, old[i])] = old[i];
    if (old != set->fixed)
        pipci_free(memory, old);
    return true;
}

bool pipci_inflight_table_add(struct pipci_inflight *set, const struct pipc_allocator *memory,
                              uint64_t id)
{
    if (!id) {
        set->zero = true;
        return true;
    }
    if (set->used >= (set->mask + 1) / 2 && !grow(set, memory))
        return false;
    set->slots[slot_of(set, id)] = id;
    set->used++;
    return true;
}

/* Later members of the run move back over the gap when their home lies at or before it. */
static void close_gap(struct pipci_inflight *set, uint32_t gap)
{
    uint32_t at = gap;

    for (;;) {
        at = (at + 1) & set->mask;
        const uint64_t id = set->slots[at];
        if (!id)
            break;
        const uint32_t home = home_of(set, id);
        if (((at - home) & set->mask) >= ((at - gap) & set->mask)) {
            set->slots[gap] = id;
            gap = at;
        }
    }
    set->slots[gap] = 0;
}

void pipci_inflight_table_remove(struct pipci_inflight *set, uint64_t id)
{
    if (!id) {
        set->zero = false;
        return;
    }
    const uint32_t at = slot_of(set, id);
    if (set->slots[at] != id)
        return;
    close_gap(set, at);
    set->used--;
}

size_t pipci_inflight_list(const struct pipci_inflight *set, uint64_t *ids, size_t cap)
{
    size_t n = 0;

    if (set->has_lone && n++ < cap)
        ids[n - 1] = set->lone;
    if (set->zero && n++ < cap)
        ids[n - 1] = 0;
    for (uint32_t i = 0; i <= set->mask; i++)
        if (set->slots[i] && n++ < cap)
            ids[n - 1] = set->slots[i];
    return n;
}
