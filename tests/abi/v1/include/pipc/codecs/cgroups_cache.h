/* SPDX-License-Identifier: Apache-2.0
 *
 * The local copy of a cgroups snapshot, typed: thin inline functions over pipc/snapshot.h
 * (docs/level3-snapshot-api.md).
 *
 * Threads as there: any number may take guards, look up and ask status while another refreshes;
 * close runs alone. What has no type (refresh, ready, lock, unlock, abort, close, destroy,
 * item_free) is used as it stands in pipc/snapshot.h.
 */
#ifndef PIPC_CODECS_CGROUPS_CACHE_H
#define PIPC_CODECS_CGROUPS_CACHE_H

#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/snapshot.h>

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Scalars of a cached snapshot; a head struct of the snapshot hooks. */
struct pipc_cgroups_cache_head {
    uint64_t generation;
    uint32_t systemd_enabled; /* as received; not 0 means yes */
    uint32_t reserved;
};

/* A cached item: a copy, both strings with a NUL behind them. Valid until the guard that it was got
 * through is released; a duplicate until pipc_cache_item_free. Must not be changed. */
struct pipc_cgroups_cache_item {
    uint32_t hash;
    uint32_t options;
    uint32_t enabled;
    uint32_t reserved;
    struct pipc_str_view name;
    struct pipc_str_view path;
};

/* Status with the scalar that only this kind has. */
struct pipc_cgroups_cache_status {
    struct pipc_cache_status cache; /* its size is set by the function */
    uint32_t systemd_enabled;       /* 0 without a snapshot */
    uint32_t reserved;
};

/* Makes an empty cache with a client of its own; the caller owns it (pipc_cache_destroy). Does not
 * connect. Arguments and results as pipc_cache_create; the usual service name, for a null
 * `service`, is "cgroups-snapshot". Level 3, 2. */
PIPC_MUST_CHECK static inline pipc_result pipc_cgroups_cache_create(
    struct pipc_context *context, const char *run_dir, const char *service,
    const struct pipc_client_config *config, struct pipc_cache **ret_cache, struct pipc_error *err)
{
    return pipc_cache_create(context, run_dir, service, PIPC_CGROUPS_SNAPSHOT_NAME,
                             PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR, config, ret_cache, err);
}

/* The item with this hash and this NUL-terminated name, the first of duplicates; NULL when there is
 * none, and for a null name. Borrows from the guard. The guard's thread; no system call, no
 * allocation. Level 3, 5.3. */
static inline const struct pipc_cgroups_cache_item *pipc_cgroups_cache_get(
    const struct pipc_cache_guard *guard, uint32_t hash, const char *name)
{
    if (!name)
        return NULL;
    return (const struct pipc_cgroups_cache_item *)pipc_cache_get(guard, hash, name, strlen(name));
}

/* Item `index` in the provider's order; NULL past the end. Borrows from the guard. The guard's
 * thread. */
static inline const struct pipc_cgroups_cache_item *pipc_cgroups_cache_at(
    const struct pipc_cache_guard *guard, uint32_t index)
{
    return (const struct pipc_cgroups_cache_item *)pipc_cache_at(guard, index);
}

/* The scalars of the guard's snapshot; NULL when it has none. Borrows from the guard. The guard's
 * thread. */
static inline const struct pipc_cgroups_cache_head *pipc_cgroups_cache_head(
    const struct pipc_cache_guard *guard)
{
    return (const struct pipc_cgroups_cache_head *)pipc_cache_head(guard);
}

/* An owned copy of an item got through this guard, which outlives guard and cache; released once,
 * with pipc_cgroups_cache_item_free. NULL for a null item, a null or released guard, or no memory.
 * Level 3, 5.4. */
static inline struct pipc_cgroups_cache_item *pipc_cgroups_cache_item_dup(
    const struct pipc_cache_guard *guard, const struct pipc_cgroups_cache_item *item)
{
    return (struct pipc_cgroups_cache_item *)pipc_cache_item_dup(guard, item);
}

/* Releases a duplicate; NULL is accepted. Any thread. */
static inline void pipc_cgroups_cache_item_free(struct pipc_cgroups_cache_item *item)
{
    pipc_cache_item_free(item);
}

/* Status with systemd_enabled; all fields of the snapshot and the success count describe one
 * moment. Any thread, waits for no I/O. NULL or closed: all zero. Level 3, 6. */
static inline void pipc_cgroups_cache_status(struct pipc_cache *cache,
                                             struct pipc_cgroups_cache_status *ret_status)
{
    struct pipc_cgroups_cache_head head;
    memset(ret_status, 0, sizeof(*ret_status));
    ret_status->cache.size = (uint32_t)sizeof(ret_status->cache);
    pipc_cache_status_head(cache, &ret_status->cache, &head, sizeof(head));
    ret_status->systemd_enabled = head.systemd_enabled;
}

#ifdef __cplusplus
}
#endif
#endif
