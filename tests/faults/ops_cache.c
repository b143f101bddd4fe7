/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations of a cache: whatever fails, what it holds stays.
 */
#include "world.h"

#include <string.h>
#include <time.h>

static struct pipc_client_config config(void)
{
    return (struct pipc_client_config){.size = sizeof(struct pipc_client_config),
                                       .call_timeout_ms = 2 * wait_ms,
                                       .connect_timeout_ms = 2 * wait_ms,
                                       .refused_retry_ms = 1};
}

static void begin_items(struct world *w)
{
    provider_start(w, KIND_SNAPSHOT);
}

static pipc_result act_create(struct world *w, struct pipc_error *err)
{
    const struct pipc_client_config c = config();

    return pipc_cgroups_cache_create(w->context, w->dir, SERVICE, &c, &w->cache, err);
}

static void prepare_empty(struct world *w)
{
    MUST(act_create(w, NULL));
}

static pipc_result act_refresh(struct world *w, struct pipc_error *err)
{
    return pipc_cache_refresh_timeout(w->cache, 2 * wait_ms, err);
}

static void prepare_full(struct world *w)
{
    prepare_empty(w);
    MUST(act_refresh(w, NULL));
}

static void clean_cache(struct world *w)
{
    pipc_cache_destroy(w->cache);
    w->cache = NULL;
    for (unsigned i = 0; i < 2000 && world_files(w) > 1; i++) {
        const struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
}

static const char *judge_refreshed(struct world *w)
{
    if (pipc_cache_refresh_timeout(w->cache, 5000, NULL) != PIPC_OK)
        return "the next refresh fails";
    return cache_is_whole(w->cache) ? NULL : "the cache is not what the provider has";
}

static const char *judge_create(struct world *w, pipc_result result)
{
    if (result != PIPC_OK && w->cache)
        return "there is a cache though it failed";
    if (result != PIPC_OK)
        MUST(act_create(w, NULL));
    return judge_refreshed(w);
}

static const char *judge_first(struct world *w, pipc_result result)
{
    if (pipc_cache_ready(w->cache) != (result == PIPC_OK))
        return "ready is wrong";
    return judge_refreshed(w);
}

static const char *judge_kept(struct world *w, pipc_result result)
{
    (void)result;
    if (!pipc_cache_ready(w->cache) || !cache_is_whole(w->cache))
        return "the cache was not kept";
    return judge_refreshed(w);
}

static void prepare_lost(struct world *w)
{
    prepare_full(w);
    provider_stop(w);
    provider_start(w, KIND_SNAPSHOT);
}

static pipc_result act_dup(struct world *w, struct pipc_error *err)
{
    struct pipc_cache_guard guard;
    struct pipc_cgroups_cache_item *copy;
    bool same;

    (void)err;
    if (!pipc_cache_read_lock(w->cache, &guard))
        return PIPC_ERR_NOT_READY;
    copy = pipc_cgroups_cache_item_dup(&guard, pipc_cgroups_cache_at(&guard, 3));
    same = copy && strcmp(copy->name.ptr, "name of 3") == 0;
    pipc_cgroups_cache_item_free(copy);
    pipc_cache_read_unlock(&guard);
    if (!copy)
        return PIPC_ERR_ALLOC;
    return same ? PIPC_OK : PIPC_ERR_BAD_LAYOUT;
}

static pipc_result act_close(struct world *w, struct pipc_error *err)
{
    struct pipc_cgroups_cache_status status;

    (void)err;
    pipc_cache_close(w->cache);
    pipc_cgroups_cache_status(w->cache, &status);
    return status.cache.populated ? PIPC_ERR_BAD_PARAM : PIPC_OK;
}

#define CACHE(what, plane, before, how, after)                                                \
    {                                                                                         \
        .name = what " over " plane, .planes = plane, .names = {SERVICE, "cgroups_snapshot"}, \
        .begin = begin_items, .prepare = before, .act = how, .expected = expect_client,       \
        .judge = after, .clean = clean_cache, .end = provider_stop                            \
    }
#define ALL_OVER(plane)                                                                         \
    CACHE("cache_refresh of an empty cache", plane, prepare_empty, act_refresh, judge_first),   \
        CACHE("cache_refresh", plane, prepare_full, act_refresh, judge_kept),                   \
        CACHE("cache_refresh of a lost session", plane, prepare_lost, act_refresh, judge_kept), \
        CACHE("cache_close", plane, prepare_full, act_close, NULL)

const struct operation cache_operations[] = {{.name = "cache_create",
                                              .planes = "uds",
                                              .names = {SERVICE, "cgroups_snapshot"},
                                              .begin = begin_items,
                                              .act = act_create,
                                              .expected = expect_client,
                                              .judge = judge_create,
                                              .clean = clean_cache,
                                              .end = provider_stop},
                                             {.name = "cache_item_dup",
                                              .planes = "uds",
                                              .begin = begin_items,
                                              .prepare = prepare_full,
                                              .act = act_dup,
                                              .expected = expect_client,
                                              .judge = judge_kept,
                                              .clean = clean_cache,
                                              .end = provider_stop},
                                             ALL_OVER("uds"),
                                             ALL_OVER("shm,uds"),
                                             {.name = NULL}};
