/* SPDX-License-Identifier: Apache-2.0
 *
 * Read guards and look-ups (docs/level3-snapshot-api.md 5).
 *
 * A guard holds one reference to an immutable snapshot: refreshes do not wait for guards, guards
 * wait for nothing but the exchange of one pointer. Look-ups are pure memory operations and call
 * nothing in a module. Any thread; a guard is used by one at a time. A guard that outlives its
 * cache still reads and frees its snapshot, so nothing here follows guard->cache but taking one.
 */
#include "cache.h"

void pipci_cache_snapshot_release(struct pipc_cache_snapshot *snapshot)
{
    struct pipc_context *context;
    const struct pipc_allocator *allocator;

    if (!snapshot || __atomic_sub_fetch(&snapshot->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    context = snapshot->context;
    allocator = pipci_context_allocator(context);
    pipci_free(allocator, snapshot);
    pipci_context_release(context);
}

int pipc_cache_read_lock(struct pipc_cache *cache, struct pipc_cache_guard *ret_guard)
{
    struct pipc_cache_snapshot *snapshot;

    if (!ret_guard)
        return 0;
    ret_guard->snapshot = NULL;
    ret_guard->cache = NULL;
    if (!cache || __atomic_load_n(&cache->closed, __ATOMIC_ACQUIRE))
        return 0;
    pipci_mutex_lock(&cache->lock);
    snapshot = cache->current;
    if (snapshot)
        (void)__atomic_add_fetch(&snapshot->references, 1, __ATOMIC_RELAXED);
    pipci_mutex_unlock(&cache->lock);
    ret_guard->snapshot = snapshot;
    ret_guard->cache = cache;
    return 1;
}

void pipc_cache_read_unlock(struct pipc_cache_guard *guard)
{
    struct pipc_cache_snapshot *snapshot;

    if (!guard)
        return;
    snapshot = guard->snapshot;
    guard->snapshot = NULL;
    guard->cache = NULL;
    pipci_cache_snapshot_release(snapshot);
}

const void *pipc_cache_at(const struct pipc_cache_guard *guard, uint32_t index)
{
    const struct pipc_cache_snapshot *snapshot = guard ? guard->snapshot : NULL;

    if (!snapshot || index >= snapshot->count)
        return NULL;
    return snapshot->items + (size_t)index * snapshot->item_size;
}

const void *pipc_cache_head(const struct pipc_cache_guard *guard)
{
    return guard && guard->snapshot ? guard->snapshot->head : NULL;
}

uint32_t pipc_cache_count(const struct pipc_cache_guard *guard)
{
    return guard && guard->snapshot ? guard->snapshot->count : 0;
}
