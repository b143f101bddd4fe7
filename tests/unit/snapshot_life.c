/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a cache and what it leaves: closed and NULL caches, the context, memory, descriptors
 * and threads after many refreshes, and a child process.
 */
#include "base_memory.h"
#include "snapshot_scene.h"

static void check_closed(struct pipc_cache *closed)
{
    struct pipc_cache_status status, zero;
    struct pipc_client_status client, no_client;
    struct pipc_error err = PIPC_ERROR_INIT;
    uint64_t head = 7;

    CHECK_RESULT(pipc_cache_refresh_timeout(closed, 0, &err), PIPC_ERR_NOT_READY);
    CHECK_RESULT(err.result, PIPC_ERR_NOT_READY);
    CHECK_EQ(pipc_cache_refresh(closed), 0);
    CHECK_EQ(pipc_cache_ready(closed), 0);
    memset(&status, 0xff, sizeof(status));
    memset(&zero, 0, sizeof(zero));
    status.size = zero.size = sizeof(status);
    pipc_cache_status(closed, &status);
    CHECK_MEM(&status, &zero, sizeof(status));
    pipc_cache_status(closed, NULL);
    pipc_cache_status_head(closed, NULL, &head, sizeof(head));
    CHECK_EQ(head, 0);
    memset(&client, 0xff, sizeof(client));
    memset(&no_client, 0, sizeof(no_client));
    client.size = no_client.size = sizeof(client);
    pipc_cache_client_status(closed, &client);
    CHECK_MEM(&client, &no_client, sizeof(client));
    pipc_cache_client_status(closed, NULL);
    pipc_cache_abort(closed);
    pipc_cache_clear_abort(closed);
    pipc_cache_set_call_timeout(closed, 5);
    pipc_cache_close(closed);
}

TEST(snapshot_deadline, closed_and_null_caches_are_harmless_and_all_zero)
{
    struct base_memory memory;

    base_memory_init(&memory);
    snap_scene_begin(&memory.allocator);
    check_closed(NULL);
    pipc_cache_destroy(NULL);
    snap_server_stop(scene.server);
    scene.server = NULL;
    CHECK_EQ(pipc_cache_refresh(scene.cache), 0);
    CHECK_EQ(pipc_cache_refresh(scene.cache), 0);
    pipc_cache_abort(scene.cache);
    pipc_cache_close(scene.cache);
    check_closed(scene.cache);
    pipc_cache_close(scene.cache);
    snap_scene_end();
    CHECK_EQ(memory.live, 0);
}

TEST(snapshot_deadline, close_keeps_the_context_open_until_destroy)
{
    snap_scene_begin(NULL);
    snap_server_stop(scene.server);
    scene.server = NULL;
    pipc_cache_close(scene.cache);
    CHECK_RESULT(pipc_close(scene.context), PIPC_ERR_BAD_PARAM);
    snap_scene_end();
}

TEST(snapshot_deadline, many_refreshes_leave_memory_descriptors_and_threads_constant)
{
    struct base_memory memory;
    uint64_t live;
    unsigned descriptors, threads;

    base_memory_init(&memory);
    snap_scene_begin(&memory.allocator);
    snap_must_refresh(scene.cache);
    live = memory.live;
    descriptors = test_open_descriptors();
    threads = test_threads();
    for (unsigned i = test_scale(10000); i > 0; i--)
        snap_must_refresh(scene.cache);
    CHECK_EQ(memory.live, live);
    CHECK_EQ(test_open_descriptors(), descriptors);
    CHECK(test_threads() <= threads);
    CHECK_EQ(memory.zero_sizes, 0);
    snap_scene_end();
    CHECK_EQ(memory.live, 0);
}

static int child_uses_the_cache(void *arg)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    (void)arg;
    CHECK_RESULT(pipc_cache_refresh_timeout(scene.cache, 0, &err), PIPC_ERR_FORKED);
    CHECK_RESULT(err.result, PIPC_ERR_FORKED);
    snap_check_found(scene.cache, 1, "one", "/one");
    CHECK_EQ(snap_status(scene.cache).cache.refresh_failure_count, 0);
    pipc_cache_destroy(scene.cache);
    return 7;
}

TEST(snapshot_deadline, forked_child_reads_but_does_not_refresh)
{
    snap_scene_begin(NULL);
    CHECK_EQ(test_in_child(child_uses_the_cache, NULL), 7);
    snap_must_refresh(scene.cache);
    snap_scene_check_kept(0, PIPC_CLIENT_READY);
    snap_scene_end();
}
