/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers and refreshes at the same time: every view belongs to one snapshot, and nobody waits for
 * anybody.
 */
#include "snapshot_fixture.h"

#include <pthread.h>
#include <sched.h>

#define ITEMS 50u

static struct pipc_context *context;
static struct snap_server *server;
static struct pipc_cache *cache;
static uint32_t stop;  /* atomic */
static uint64_t reads; /* atomic */

/* A snapshot of generation g: options of every item are g, the path ends with it. */
static struct snap_payload version(uint32_t generation)
{
    struct snap_item items[ITEMS];
    char names[ITEMS][32], paths[ITEMS][48];

    for (uint32_t i = 0; i < ITEMS; i++) {
        snprintf(names[i], sizeof(names[i]), "item-%u", (unsigned)i);
        snprintf(paths[i], sizeof(paths[i]), "/item-%u/version-%u", (unsigned)i,
                 (unsigned)generation);
        items[i] = (struct snap_item){i, generation, 1, names[i], paths[i]};
    }
    return snap_payload(items, ITEMS, generation, generation & 1);
}

static void check_view(const struct pipc_cache_guard *guard, uint32_t index)
{
    const struct pipc_cgroups_cache_head *head = pipc_cgroups_cache_head(guard);
    char name[32], path[48];
    const struct pipc_cgroups_cache_item *item;

    if (!head)
        return;
    snprintf(name, sizeof(name), "item-%u", (unsigned)index);
    snprintf(path, sizeof(path), "/item-%u/version-%u", (unsigned)index,
             (unsigned)head->generation);
    item = pipc_cgroups_cache_get(guard, index, name);
    CHECK(item != NULL && item == pipc_cgroups_cache_at(guard, index));
    CHECK_EQ(item->options, head->generation);
    CHECK_STR(item->path.ptr, path);
}

static void check_status(void)
{
    const struct pipc_cgroups_cache_status status = snap_status(cache);

    if (!status.cache.populated)
        return;
    CHECK_EQ(status.cache.item_count, ITEMS);
    CHECK_EQ(status.cache.generation, status.cache.refresh_success_count);
    CHECK_EQ(status.systemd_enabled, status.cache.generation & 1);
}

/* Guards overlap: the next one is taken before the last one is given back. */
static void *reader(void *arg)
{
    struct pipc_cache_guard guards[3] = {{NULL, NULL}};
    uint32_t turn = (uint32_t)(uintptr_t)arg;

    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        struct pipc_cache_guard *guard = &guards[turn % 3];
        pipc_cache_read_unlock(guard);
        CHECK(pipc_cache_read_lock(cache, guard));
        for (uint32_t i = 0; i < 3; i++)
            check_view(&guards[i], turn % ITEMS);
        if (turn % 8 == 0) {
            struct pipc_cgroups_cache_item *copy =
                pipc_cgroups_cache_item_dup(guard, pipc_cgroups_cache_at(guard, turn % ITEMS));
            CHECK(copy || !pipc_cache_count(guard));
            pipc_cgroups_cache_item_free(copy);
            check_status();
            (void)pipc_cache_ready(cache);
        }
        turn++;
        __atomic_add_fetch(&reads, 1, __ATOMIC_RELAXED);
    }
    for (uint32_t i = 0; i < 3; i++)
        pipc_cache_read_unlock(&guards[i]);
    return NULL;
}

static void run(uint32_t readers, uint32_t refreshes)
{
    pthread_t threads[64];
    struct snap_payload payload = version(1);

    context = snap_context(NULL);
    server = snap_server_start(context, NULL, &payload);
    cache = snap_cache(context, NULL);
    for (uint32_t i = 0; i < readers; i++)
        CHECK(pthread_create(&threads[i], NULL, reader, (void *)(uintptr_t)i) == 0);
    for (uint32_t i = 1; i <= refreshes; i++) {
        snap_payload_free(&payload);
        payload = version(i);
        snap_server_set(server, &payload);
        snap_must_refresh(cache);
    }
    /* A machine with few processors may not have let a reader in yet. */
    while (__atomic_load_n(&reads, __ATOMIC_RELAXED) < readers)
        sched_yield();
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < readers; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK_EQ(snap_status(cache).cache.refresh_success_count, refreshes);
    pipc_cache_destroy(cache);
    snap_server_stop(server);
    snap_payload_free(&payload);
    snap_context_close(context);
}

TEST(snapshot_threads, four_readers_and_a_hundred_refreshes_see_no_wrong_view)
{
    run(4, 100);
}

TEST(snapshot_threads, eight_readers_and_continuous_refreshes_see_no_wrong_view)
{
    run(8, test_scale(20000));
}

TEST(snapshot_threads, sixty_four_spinning_readers_do_not_starve_the_refresh)
{
    const uint64_t begin = test_now_ms();

    run(64, 20);
    CHECK_MSG(test_now_ms() - begin < 20000 * test_slow(), "took %u ms",
              (unsigned)(test_now_ms() - begin));
}

/* Refreshes of many threads, statuses between them. */
static void *refresher(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < 10; i++) {
        snap_must_refresh(cache);
        (void)snap_status(cache);
    }
    return NULL;
}

TEST(snapshot_threads, refreshes_of_four_threads_all_succeed)
{
    pthread_t threads[4];
    struct snap_payload payload = version(1);

    context = snap_context(NULL);
    server = snap_server_start(context, NULL, &payload);
    cache = snap_cache(context, NULL);
    for (uint32_t i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, refresher, NULL) == 0);
    for (uint32_t i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK_EQ(snap_status(cache).cache.refresh_success_count, 40);
    CHECK_EQ(snap_status(cache).cache.refresh_failure_count, 0);
    pipc_cache_destroy(cache);
    snap_server_stop(server);
    snap_payload_free(&payload);
    snap_context_close(context);
}
