/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache against readers that stay, a provider that is stopped, names that were made to collide,
 * and snapshots of no items, of very many and of too many.
 */
#include "snapshot_fixture.h"
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- K2: a reader that stays ---- */

TEST(pitfalls_cache, a_guard_that_is_held_delays_no_refresh)
{
    struct pipc_context *context = snap_context(NULL);
    struct snap_payload payload = snap_payload_many(100, "a", 10, 10, 1);
    struct snap_server *server = snap_server_start(context, NULL, &payload);
    struct pipc_cache *cache = snap_cache(context, NULL);
    struct pipc_cache_guard guard;
    const uint64_t end = test_now_ms() + (test_scale(10000) < 300 ? 300 : test_scale(10000));
    uint64_t worst = 0;
    uint32_t refreshes = 0;

    snap_must_refresh(cache);
    CHECK(pipc_cache_read_lock(cache, &guard));
    while (test_now_ms() < end || refreshes < 3) {
        const uint64_t begin = now_us();
        snap_must_refresh(cache);
        worst = now_us() - begin > worst ? now_us() - begin : worst;
        refreshes++;
    }
    CHECK_MSG(worst < test_limit(500) * 1000, "a refresh took %u us", (unsigned)worst);
    CHECK_EQ(snap_status(cache).cache.refresh_success_count, refreshes + 1);
    CHECK_EQ(pipc_cache_count(&guard), 100);
    pipc_cache_read_unlock(&guard);
    pipc_cache_destroy(cache);
    snap_server_stop(server);
    snap_payload_free(&payload);
    snap_context_close(context);
}

/* ---- K3: status beside a refresh that waits for a stopped provider ---- */

static pid_t provider_process(void)
{
    int ready[2];
    char byte;

    test_dir();
    CHECK(pipe(ready) == 0);
    const pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        static const struct snap_item items[] = {{1, 0, 1, "one", "/one"}};
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct pipc_context *context = snap_context(NULL);
        (void)snap_managed_start(context, NULL, items, 1, 5);
        if (write(ready[1], "r", 1) == 1)
            pause();
        _exit(1);
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void *refresh(void *arg)
{
    CHECK_RESULT(pipc_cache_refresh_timeout(arg, 500, NULL), PIPC_ERR_TIMEOUT);
    return NULL;
}

TEST(pitfalls_cache, status_is_there_at_once_while_the_provider_is_stopped)
{
    struct pipc_context *context = snap_context(NULL);
    const pid_t pid = provider_process();
    struct pipc_cache *cache = snap_cache_typed(context, NULL);
    pthread_t thread;
    int status;
    uint64_t best = UINT64_MAX;

    snap_must_refresh(cache);
    CHECK(kill(pid, SIGSTOP) == 0);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    const uint64_t begin = test_now_ms();
    CHECK(pthread_create(&thread, NULL, refresh, cache) == 0);
    do {
        const uint64_t before = now_us();
        CHECK_EQ(snap_status(cache).cache.refresh_success_count, 1);
        CHECK_EQ(pipc_cache_ready(cache), 1);
        const uint64_t took = now_us() - before;
        best = took < best ? took : best;
        CHECK_MSG(took < test_limit(200) * 1000, "took %u us", (unsigned)took);
    } while (test_now_ms() - begin < 200);
    /* A single one may lose the processor; none waits. */
    CHECK_MSG(best < 1000 * test_slow(), "the quickest took %u us", (unsigned)best);
    CHECK(pthread_join(thread, NULL) == 0);
    const uint64_t took = test_now_ms() - begin;
    CHECK_MSG(took >= 450 && took <= test_limit(700), "the refresh took %u ms", (unsigned)took);
    snap_check_found(cache, 1, "one", "/one");
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid);
    pipc_cache_destroy(cache);
    snap_context_close(context);
}

/* ---- K8: names that collide ---- */

/* The hash that providers send is theirs to choose; the names are as close as names can be. */
TEST(pitfalls_cache, a_hundred_thousand_colliding_names_are_built_and_found_quickly)
{
    const uint32_t count = test_sanitized() ? 20000 : 100000;
    struct pipc_context *context = snap_context(NULL);
    struct snap_item *items = calloc(count, sizeof(*items));
    const struct pipc_session_settings settings = {.size = sizeof(settings),
                                                   .max_response_payload_bytes = 32u << 20};
    uint64_t begin;

    CHECK(items != NULL);
    for (uint32_t i = 0; i < count; i++) {
        char name[40];
        snprintf(name, sizeof(name), "kubepods-besteffort-pod%08x", i * 2654435761u);
        items[i] = (struct snap_item){0x80000000u, 0, 1, strdup(name), "/p"};
    }
    struct snap_payload payload = snap_payload(items, count, 1, 1);
    struct snap_server *server = snap_server_start(context, &settings, &payload);
    struct pipc_cache *cache = snap_cache(context, NULL);
    struct pipc_cache_guard guard;
    begin = test_now_ms();
    snap_must_refresh(cache);
    CHECK_MSG(test_now_ms() - begin < test_limit(2000), "the refresh took %u ms",
              (unsigned)(test_now_ms() - begin));
    begin = test_now_ms();
    CHECK(pipc_cache_read_lock(cache, &guard));
    CHECK_EQ(pipc_cache_count(&guard), count);
    for (uint32_t i = 0; i < count; i++)
        CHECK(pipc_cgroups_cache_get(&guard, 0x80000000u, items[i].name) ==
              pipc_cgroups_cache_at(&guard, i));
    CHECK(pipc_cgroups_cache_get(&guard, 0x80000000u, "not there") == NULL);
    CHECK_MSG(test_now_ms() - begin < test_limit(2000), "finding all took %u ms",
              (unsigned)(test_now_ms() - begin));
    pipc_cache_read_unlock(&guard);
    pipc_cache_destroy(cache);
    snap_server_stop(server);
    snap_payload_free(&payload);
    for (uint32_t i = 0; i < count; i++)
        free((char *)(uintptr_t)items[i].name);
    free(items);
    snap_context_close(context);
}

/* ---- K6: nothing at all is something ---- */

TEST(pitfalls_cache, no_items_are_told_from_no_data_first_later_and_after_many)
{
    struct pipc_context *context = snap_context(NULL);
    struct snap_payload none = snap_payload_many(0, "a", 10, 10, 3);
    struct snap_payload many = snap_payload_many(100, "a", 10, 10, 2);
    struct snap_server *server = snap_server_start(context, NULL, &none);
    struct pipc_cache *cache = snap_cache(context, NULL);
    const struct snap_payload *const order[] = {&none, &many, &none, &none, &many};

    CHECK_EQ(snap_status(cache).cache.populated, 0);
    CHECK_EQ(pipc_cache_ready(cache), 0);
    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        snap_server_set(server, order[i]);
        snap_must_refresh(cache);
        CHECK_EQ(snap_status(cache).cache.populated, 1);
        CHECK_EQ(pipc_cache_ready(cache), 1);
        CHECK_EQ(snap_status(cache).cache.item_count, order[i] == &many ? 100 : 0);
        CHECK_EQ(snap_status(cache).cache.generation, order[i] == &many ? 2 : 3);
    }
    snap_server_stop(server);
    CHECK_EQ(pipc_cache_refresh(cache), 0);
    CHECK_EQ(snap_status(cache).cache.item_count, 100); /* a failure empties nothing */
    pipc_cache_destroy(cache);
    snap_payload_free(&none);
    snap_payload_free(&many);
    snap_context_close(context);
}

/* ---- K7: whole or not at all ---- */

TEST(pitfalls_cache, twenty_thousand_items_grow_to_the_ceiling_and_beyond_it_nothing_is_cut)
{
    const uint32_t count = 20000;
    const struct pipc_server_config small = {.size = sizeof(small),
                                             .growth_ceiling_bytes = 1u << 19};
    struct pipc_context *context = snap_context(NULL);
    struct snap_item *items = calloc(count, sizeof(*items));
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK(items != NULL);
    for (uint32_t i = 0; i < count; i++)
        items[i] = (struct snap_item){i, 0, 1, "n", "/p"};
    /* about 900 KiB: more than the 64 KiB of the beginning, less than the MiB of the end */
    struct snap_managed *server = snap_managed_start(context, NULL, items, count, 1);
    struct pipc_cache *cache = snap_cache_typed(context, NULL);
    snap_must_refresh(cache);
    CHECK_EQ(snap_status(cache).cache.item_count, count);
    snap_check_found(cache, count - 1, "n", "/p");
    snap_managed_stop(server);
    server = snap_managed_start(context, &small, items, count, 2);
    CHECK_RESULT(pipc_cache_refresh_timeout(cache, 20000, &err), PIPC_ERR_OVERFLOW);
    CHECK_EQ(snap_status(cache).cache.item_count, count);
    CHECK_EQ(snap_status(cache).cache.generation, 1);
    pipc_cache_destroy(cache);
    snap_managed_stop(server);
    free(items);
    snap_context_close(context);
}
