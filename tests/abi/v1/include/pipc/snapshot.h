/* SPDX-License-Identifier: Apache-2.0
 *
 * Level 3: a local copy of a snapshot service's data, for lookups without I/O
 * (docs/level3-snapshot-api.md).
 *
 * Written once over the snapshot hooks of a codec; typed inline wrappers stand in that codec's
 * header. No threads, no timers: the caller refreshes. Any number of threads may take guards, look
 * up, ask ready and status while another refreshes. Close must not run together with other
 * operations.
 */
#ifndef PIPC_SNAPSHOT_H
#define PIPC_SNAPSHOT_H

#include <pipc/client.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pipc_cache;
struct pipc_cache_snapshot; /* one immutable snapshot */

/* Pins one snapshot. Zero-filled: released. Used by one thread at a time. */
struct pipc_cache_guard {
    struct pipc_cache_snapshot *snapshot; /* private */
    struct pipc_cache *cache;             /* private; NULL: released */
};

/* Level 3, 6. */
struct pipc_cache_status {
    uint32_t size;
    uint32_t populated;
    uint32_t item_count;
    uint32_t refresh_success_count;
    uint32_t refresh_failure_count;
    uint32_t connection_state; /* PIPC_CLIENT_... */
    uint64_t generation;
    uint64_t last_refresh_ts;     /* monotonic milliseconds of the last success, 0: none */
    struct pipc_error last_error; /* of the last failed refresh */
};

/* Makes an empty cache of the snapshot kind `codec` with a client of its own. run_dir, service and
 * config as pipc_client_create (service NULL: the codec's default). Does not connect.
 * PIPC_ERR_BAD_PARAM (not a snapshot kind), MODULE_..., ALLOC, FORKED. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_cache_create(struct pipc_context *context,
                                                       const char *run_dir, const char *service,
                                                       const char *codec, uint32_t table_major,
                                                       const struct pipc_client_config *config,
                                                       struct pipc_cache **ret_cache,
                                                       struct pipc_error *err);

/* Refreshes; 1 when a new snapshot was published. */
PIPC_API int pipc_cache_refresh(struct pipc_cache *cache);
/* The same within timeout_ms altogether (0: the default). Results of level 3, 9. */
PIPC_API pipc_result pipc_cache_refresh_timeout(struct pipc_cache *cache, uint32_t timeout_ms,
                                                struct pipc_error *err);

/* 1 once a refresh has succeeded, until close. Any thread, waits for nothing. */
PIPC_API int pipc_cache_ready(const struct pipc_cache *cache);

/* Pins the current snapshot (an empty cache too). 1, or 0 with the guard zeroed. Any thread; waits
 * at most for the publication step. */
PIPC_API int pipc_cache_read_lock(struct pipc_cache *cache, struct pipc_cache_guard *ret_guard);
/* Releases; a released, zeroed or null guard is ignored. */
PIPC_API void pipc_cache_read_unlock(struct pipc_cache_guard *guard);

/* The item with this key (hash and name bytes), or NULL; the first of duplicates. A pointer to the
 * codec's item struct, valid until the guard is released. No system call, no allocation. */
PIPC_API const void *pipc_cache_get(const struct pipc_cache_guard *guard, uint32_t hash,
                                    const void *name, size_t name_len);
/* Item `index` in the provider's order, NULL past the end. */
PIPC_API const void *pipc_cache_at(const struct pipc_cache_guard *guard, uint32_t index);
/* The head struct (scalars) of the guard's snapshot; NULL when it has none. */
PIPC_API const void *pipc_cache_head(const struct pipc_cache_guard *guard);
/* Items of the guard's snapshot. */
PIPC_API uint32_t pipc_cache_count(const struct pipc_cache_guard *guard);

/* An owned copy of an item got through this guard; NULL for bad arguments or no memory. Outlives
 * guard and cache; free it once. */
PIPC_API void *pipc_cache_item_dup(const struct pipc_cache_guard *guard, const void *item);
PIPC_API void pipc_cache_item_free(void *item);

/* Snapshot fields and success count describe one moment. Never waits for I/O. NULL or closed: all
 * zero. */
PIPC_API void pipc_cache_status(struct pipc_cache *cache, struct pipc_cache_status *ret_status);
/* The same with a copy of the codec's head struct (head_size bytes of it) of the same moment; zeros
 * without a snapshot. */
PIPC_API void pipc_cache_status_head(struct pipc_cache *cache, struct pipc_cache_status *ret_status,
                                     void *ret_head, size_t head_size);
/* Status of the client inside, as it was after the last refresh (level 2, 4.1). */
PIPC_API void pipc_cache_client_status(struct pipc_cache *cache,
                                       struct pipc_client_status *ret_status);

/* Default time of a refresh; 0: 30000. */
PIPC_API void pipc_cache_set_call_timeout(struct pipc_cache *cache, uint32_t timeout_ms);
/* As for the client. Any thread. */
PIPC_API void pipc_cache_abort(struct pipc_cache *cache);
PIPC_API void pipc_cache_clear_abort(struct pipc_cache *cache);

/* Releases the snapshot and closes the client; the object stays and every call on it is harmless.
 * NULL and repeats are accepted. */
PIPC_API void pipc_cache_close(struct pipc_cache *cache);
/* Closes and frees. Guards must be released before, but one that is not keeps its snapshot's memory
 * until it is. */
PIPC_API void pipc_cache_destroy(struct pipc_cache *cache);

#ifdef __cplusplus
}
#endif
#endif
