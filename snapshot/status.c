/* SPDX-License-Identifier: Apache-2.0
 *
 * Ready, status and abort of a cache (docs/level3-snapshot-api.md 6).
 *
 * None of these waits for a refresh in progress: they read atomics, or copy what the short lock
 * protects. Any thread; abort may even come from a signal handler, as the client's may.
 */
#include "cache.h"

#include <string.h>

static bool cache_usable(const struct pipc_cache *cache)
{
    return cache && !__atomic_load_n(&cache->closed, __ATOMIC_ACQUIRE);
}

int pipc_cache_ready(const struct pipc_cache *cache)
{
    return cache && __atomic_load_n(&cache->populated, __ATOMIC_ACQUIRE) != 0;
}

void pipc_cache_status_head(struct pipc_cache *cache, struct pipc_cache_status *ret_status,
                            void *ret_head, size_t head_size)
{
    struct pipc_cache_status status;

    memset(&status, 0, sizeof(status));
    if (ret_head)
        memset(ret_head, 0, head_size);
    if (cache_usable(cache)) {
        pipci_mutex_lock(&cache->lock);
        if (cache->current) {
            status.populated = 1;
            status.item_count = cache->current->count;
            status.generation = cache->current->generation;
            if (ret_head)
                memcpy(ret_head, cache->current->head,
                       head_size < cache->current->head_size ? head_size
                                                             : cache->current->head_size);
        }
        status.refresh_success_count = cache->successes;
        status.refresh_failure_count = cache->failures;
        status.connection_state = cache->client_status.state;
        status.last_refresh_ts = cache->last_refresh_ms;
        status.last_error = cache->last_error;
        pipci_mutex_unlock(&cache->lock);
    }
    if (ret_status)
        pipci_out_copy(ret_status, &status, sizeof(status));
}

void pipc_cache_status(struct pipc_cache *cache, struct pipc_cache_status *ret_status)
{
    pipc_cache_status_head(cache, ret_status, NULL, 0);
}

void pipc_cache_client_status(struct pipc_cache *cache, struct pipc_client_status *ret_status)
{
    struct pipc_client_status status;

    memset(&status, 0, sizeof(status));
    if (cache_usable(cache)) {
        pipci_mutex_lock(&cache->lock);
        status = cache->client_status;
        pipci_mutex_unlock(&cache->lock);
    }
    if (ret_status)
        pipci_out_copy(ret_status, &status, sizeof(status));
}

void pipc_cache_set_call_timeout(struct pipc_cache *cache, uint32_t timeout_ms)
{
    if (cache)
        __atomic_store_n(&cache->timeout_ms,
                         timeout_ms ? timeout_ms : PIPC_CLIENT_CALL_TIMEOUT_DEFAULT_MS,
                         __ATOMIC_RELAXED);
}

void pipc_cache_abort(struct pipc_cache *cache)
{
    if (!cache_usable(cache))
        return;
    __atomic_store_n(&cache->aborted, 1, __ATOMIC_RELEASE);
    pipc_client_abort(cache->client);
}

void pipc_cache_clear_abort(struct pipc_cache *cache)
{
    if (!cache_usable(cache))
        return;
    __atomic_store_n(&cache->aborted, 0, __ATOMIC_RELEASE);
    pipc_client_clear_abort(cache->client);
}
