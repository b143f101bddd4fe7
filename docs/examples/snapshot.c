/* SPDX-License-Identifier: Apache-2.0
 *
 * A consumer of snapshots: keeps a copy of the cgroups that a provider knows, looks names up in it
 * without a system call, and goes on with the last good copy while the provider is away.
 *
 *     snapshot RUN_DIR REFRESHES
 */
#include <pipc/codecs/cgroups_cache.h>
#include <pipc/pipc.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

/* Everything got through one guard is of one moment, whatever is refreshed meanwhile. */
static void show(struct pipc_cache *cache)
{
    struct pipc_cache_guard guard;

    if (!pipc_cache_read_lock(cache, &guard))
        return;
    const struct pipc_cgroups_cache_head *const head = pipc_cgroups_cache_head(&guard);
    for (uint32_t i = 0; i < pipc_cache_count(&guard); i++) {
        const struct pipc_cgroups_cache_item *const item = pipc_cgroups_cache_at(&guard, i);
        /* A look-up by name, as a collector would do for each of its own. */
        const struct pipc_cgroups_cache_item *const found =
            pipc_cgroups_cache_get(&guard, item->hash, item->name.ptr);
        printf("%" PRIu64 " %s %s\n", head ? head->generation : 0, item->name.ptr,
               found ? found->path.ptr : "?");
    }
    pipc_cache_read_unlock(&guard);
}

static void follow(struct pipc_cache *cache, unsigned refreshes)
{
    for (unsigned i = 0; i < refreshes; i++) {
        struct pipc_error err = PIPC_ERROR_INIT;
        if (pipc_cache_refresh_timeout(cache, 5000, &err) != PIPC_OK)
            printf("stale: %s\n", pipc_result_name(err.result)); /* err.text says more */
        show(cache);
        fflush(stdout);
        if (i + 1 < refreshes)
            poll(NULL, 0, 200);
    }
}

int main(int argc, char **argv)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context = NULL;
    struct pipc_cache *cache = NULL;

    if (argc != 3)
        return 2;
    if (pipc_open(NULL, NULL, &context, &err) != PIPC_OK ||
        pipc_cgroups_cache_create(context, argv[1], NULL, NULL, &cache, &err) != PIPC_OK) {
        fprintf(stderr, "%s\n", err.text);
        (void)pipc_close(context);
        return 1;
    }
    follow(cache, (unsigned)strtoul(argv[2], NULL, 10));
    const int ready = pipc_cache_ready(cache);
    pipc_cache_destroy(cache);
    (void)pipc_close(context);
    return ready ? 0 : 1;
}
