/* SPDX-License-Identifier: Apache-2.0
 *
 * Life of a cache: create, close, destroy (docs/level3-snapshot-api.md 2 and 7).
 *
 * Creating does no I/O but for loading the codec. Closing must not run together with other
 * operations of the cache; guards that are still held keep their snapshot. A closed cache stays an
 * object on which every call is harmless.
 */
#include "cache.h"

#include <string.h>

/* True if the caller's struct, as large as it says, has this member. */
#define GIVEN(config, member) \
    ((config) &&              \
     (config)->size >= offsetof(struct pipc_client_config, member) + sizeof((config)->member))

static bool hooks_complete(const struct pipc_codec_ops *ops)
{
    const struct pipc_snapshot_hooks *hooks = ops->snapshot;

    return (ops->traits & PIPC_CODEC_SNAPSHOT) && ops->call && hooks &&
           hooks->size >= offsetof(struct pipc_snapshot_hooks, item) + sizeof(hooks->item) &&
           hooks->head && hooks->item_count && hooks->item_strings && hooks->item &&
           hooks->head_size >= sizeof(uint64_t) && hooks->item_size &&
           (hooks->string_offsets || !hooks->string_count);
}

static pipc_result cache_codec(struct pipc_context *context, const char *name, uint32_t major,
                               const struct pipci_codec **ret_codec, struct pipc_error *err)
{
    const struct pipci_codec *codec;
    const pipc_result result = pipci_context_codec(context, name, &codec, err);

    if (result != PIPC_OK)
        return result;
    if (!hooks_complete(&codec->ops))
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "codec %s is not of a snapshot kind", name);
    if (codec->ops.table_major != major)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "codec %s has a typed table of version %u.%u, but version %u is needed",
                          name, (unsigned)codec->ops.table_major, (unsigned)codec->ops.table_minor,
                          (unsigned)major);
    *ret_codec = codec;
    return PIPC_OK;
}

/* What a refresh without a time of its own gets: the caller's configuration, the service's, the
 * library's. A wrong service name is no failure here, the refreshes will tell. */
static uint32_t cache_timeout(struct pipc_context *context, const char *service,
                              const struct pipc_client_config *config)
{
    struct pipci_service settings;

    if (GIVEN(config, call_timeout_ms) && config->call_timeout_ms)
        return config->call_timeout_ms;
    memset(&settings, 0, sizeof(settings));
    if (pipci_context_service(context, service, &settings, NULL) == PIPC_OK &&
        settings.call_timeout_ms)
        return settings.call_timeout_ms;
    return PIPC_CLIENT_CALL_TIMEOUT_DEFAULT_MS;
}

static pipc_result cache_locks(struct pipc_cache *cache, struct pipc_error *err)
{
    if (pipci_mutex_init(&cache->lock) != PIPC_OK)
        goto failed; /* LCOV_EXCL_LINE: the systems of today never refuse */
    if (pipci_cond_init(&cache->turn) == PIPC_OK)
        return PIPC_OK;
    /* LCOV_EXCL_START: as above */
    pipci_mutex_done(&cache->lock);
failed:
    return pipci_fail(err, PIPC_ERR_ALLOC, 0, "no lock for a cache of %s", cache->codec->name);
    /* LCOV_EXCL_STOP */
}

/* The client, its first status, and the locks: what can fail after the object is there. */
static pipc_result cache_open(struct pipc_cache *cache, const char *run_dir, const char *service,
                              const struct pipc_client_config *config, struct pipc_error *err)
{
    pipc_result result;

    result = pipc_client_create(cache->context, run_dir, service, config, &cache->client, err);
    if (result != PIPC_OK)
        return result;
    result = cache_locks(cache, err);
    if (result != PIPC_OK) { /* LCOV_EXCL_START: as above */
        pipc_client_destroy(cache->client);
        return result;
    } /* LCOV_EXCL_STOP */
    cache->client_status.size = (uint32_t)sizeof(cache->client_status);
    pipc_client_status(cache->client, &cache->client_status);
    return PIPC_OK;
}

/* The object with room for what calls decode into behind it. */
static struct pipc_cache *cache_alloc(struct pipc_context *context, const struct pipci_codec *codec)
{
    const struct pipc_allocator *allocator = pipci_context_allocator(context);
    const size_t head = (sizeof(struct pipc_cache) + 15) & ~(size_t)15;
    struct pipc_cache *cache = pipci_zalloc(allocator, head + codec->ops.call->output_size);

    if (!cache)
        return NULL;
    cache->context = context;
    cache->allocator = allocator;
    cache->codec = codec;
    cache->hooks = codec->ops.snapshot;
    cache->output = (unsigned char *)cache + head;
    cache->seed = pipci_random();
    return cache;
}

pipc_result pipc_cache_create(struct pipc_context *context, const char *run_dir,
                              const char *service, const char *codec_name, uint32_t table_major,
                              const struct pipc_client_config *config,
                              struct pipc_cache **ret_cache, struct pipc_error *err)
{
    const struct pipci_codec *codec = NULL;
    struct pipc_cache *cache;
    pipc_result result;

    if (ret_cache)
        *ret_cache = NULL;
    if (!context || !codec_name || !ret_cache)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                          "a cache needs a context, a codec and a place to return to");
    result = pipci_context_check_process(context, err);
    if (result == PIPC_OK)
        result = cache_codec(context, codec_name, table_major, &codec, err);
    if (result != PIPC_OK)
        return result;
    service = service ? service : codec->ops.default_service;
    if (!service)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                          "codec %s has no usual service name: one must be given", codec_name);
    cache = cache_alloc(context, codec);
    if (!cache)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "no memory for a cache of %s", codec_name);
    cache->table_major = table_major;
    cache->timeout_ms = cache_timeout(context, service, config);
    result = cache_open(cache, run_dir, service, config, err);
    if (result != PIPC_OK) {
        pipci_free(cache->allocator, cache);
        return result;
    }
    pipci_context_hold(context);
    *ret_cache = cache;
    return PIPC_OK;
}

void pipc_cache_close(struct pipc_cache *cache)
{
    struct pipc_cache_snapshot *snapshot;

    if (!cache || __atomic_exchange_n(&cache->closed, 1, __ATOMIC_ACQ_REL))
        return;
    /* No lock: nothing else runs on this cache now, and in a forked child the lock may be held for
     * ever. */
    __atomic_store_n(&cache->populated, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&cache->aborted, 0, __ATOMIC_RELEASE);
    snapshot = cache->current;
    cache->current = NULL;
    pipc_client_close(cache->client);
    pipci_cache_snapshot_release(snapshot);
}

void pipc_cache_destroy(struct pipc_cache *cache)
{
    struct pipc_context *context;

    if (!cache)
        return;
    pipc_cache_close(cache);
    pipc_client_destroy(cache->client);
    context = cache->context;
    /* In a child threads that are not there may hold the lock or wait for their turn, and would be
     * waited for. */
    if (pipci_context_check_process(context, NULL) == PIPC_OK) {
        pipci_cond_done(&cache->turn);
        pipci_mutex_done(&cache->lock);
    }
    pipci_free(cache->allocator, cache);
    pipci_context_release(context);
}
