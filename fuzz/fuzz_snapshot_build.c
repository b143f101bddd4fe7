/* SPDX-License-Identifier: Apache-2.0
 *
 * The copy that a cache makes of a response from anybody: what it takes must be what the codec
 * reads, and its index must find what a linear search finds.
 */
#include "fuzz.h"
#include "snapshot/cache.h"

#include <pipc/codecs/cgroups_cache.h>
#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/transports/uds.h>

#include <stdlib.h>
#include <string.h>

static void must(int condition)
{
    if (!condition)
        abort();
}

/* One context for all inputs; it has no state that they change. */
static struct pipc_context *open_context(void)
{
    struct pipc_config *config = NULL;
    struct pipc_context *context = NULL;

    must(pipc_config_new(NULL, &config) == PIPC_OK);
    /* Refused in builds that have them linked in, where they are there anyway. */
    if (pipc_config_add_module(config, &pipc_module_uds, NULL) != PIPC_OK ||
        pipc_config_add_module(config, &pipc_module_cgroups_snapshot, NULL) != PIPC_OK)
        fuzz_use(0);
    must(pipc_open(config, NULL, &context, NULL) == PIPC_OK);
    pipc_config_free(config);
    return context;
}

/* Number of the first item with the key of this one, by a linear search. */
static uint32_t first_of(const struct pipc_cache_snapshot *snapshot,
                         const struct pipc_cgroups_cache_item *item)
{
    uint32_t i = 0;

    while (snapshot->keys[i].hash != item->hash || snapshot->keys[i].len != item->name.len ||
           memcmp(snapshot->keys[i].bytes, item->name.ptr, item->name.len) != 0)
        i++;
    return i;
}

static void check_item(const struct pipc_cgroups_snapshot_view *view,
                       const struct pipc_cache_guard *guard, uint32_t index)
{
    const struct pipc_cgroups_cache_item *item = pipc_cgroups_cache_at(guard, index), *found;
    const struct pipc_cache_snapshot *snapshot = guard->snapshot;
    struct pipc_cgroups_snapshot_item_view read;

    must(pipc_cgroups_snapshot_item(view, index, &read) == PIPC_OK);
    must(item && item->hash == read.hash && item->options == read.options &&
         item->enabled == read.enabled);
    must(item->name.len == read.name.len && item->path.len == read.path.len);
    must(memcmp(item->name.ptr, read.name.ptr, read.name.len + 1) == 0);
    must(memcmp(item->path.ptr, read.path.ptr, read.path.len + 1) == 0);
    found = pipc_cache_get(guard, item->hash, item->name.ptr, item->name.len);
    must(found && found <= item && found->hash == item->hash && found->name.len == item->name.len);
    must(memcmp(found->name.ptr, item->name.ptr, item->name.len) == 0);
    if (snapshot->count < 200)
        must(found == pipc_cgroups_cache_at(guard, first_of(snapshot, item)));
}

static void check_snapshot(const struct pipc_cgroups_snapshot_view *view,
                           struct pipc_cache_snapshot *snapshot)
{
    struct pipc_cache_guard guard = {snapshot, NULL};
    struct pipc_cgroups_cache_item *copy;

    must(snapshot->count == view->item_count && snapshot->generation == view->generation);
    for (uint32_t i = 0; i < snapshot->count; i++)
        check_item(view, &guard, i);
    must(pipc_cache_at(&guard, snapshot->count) == NULL);
    copy = pipc_cgroups_cache_item_dup(&guard, pipc_cgroups_cache_at(&guard, 0));
    must((copy != NULL) == (snapshot->count > 0));
    pipc_cgroups_cache_item_free(copy);
    pipc_cache_read_unlock(&guard);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    static struct pipc_context *context;
    struct pipc_cgroups_snapshot_view view;
    struct pipc_cache_snapshot *snapshot = NULL;
    struct pipc_cache cache;
    bool blame = false;

    if (!context)
        context = open_context();
    memset(&cache, 0, sizeof(cache));
    memset(&view, 0, sizeof(view));
    cache.context = context;
    cache.allocator = pipci_context_allocator(context);
    cache.output = &view;
    cache.seed = 0x1234567;
    must(pipci_context_codec(context, PIPC_CGROUPS_SNAPSHOT_NAME, &cache.codec, NULL) == PIPC_OK);
    cache.hooks = cache.codec->ops.snapshot;
    if (cache.codec->ops.call->decode(data, len, &view) != PIPC_OK)
        return;
    if (pipci_cache_build(&cache, len, &snapshot, &blame, NULL) == PIPC_OK)
        check_snapshot(&view, snapshot);
    else
        must(blame);
}
