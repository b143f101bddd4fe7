/* SPDX-License-Identifier: Apache-2.0
 *
 * The filled cache that tests of its deadlines, its end and its copying begin with, and what a
 * failed refresh must have left of it.
 */
#include "snapshot_scene.h"

struct snap_scene scene;

struct snap_payload snap_scene_payload(void)
{
    static const struct snap_item good[] = {{1, 0, 1, "one", "/one"}, {2, 0, 1, "two", "/two"}};

    return snap_payload(good, 2, 5, 1);
}

void snap_scene_begin(const struct pipc_allocator *allocator)
{
    scene.context = snap_context(allocator);
    scene.payload = snap_scene_payload();
    scene.server = snap_server_start(scene.context, NULL, &scene.payload);
    scene.cache = snap_cache(scene.context, NULL);
    snap_must_refresh(scene.cache);
}

void snap_scene_end(void)
{
    pipc_cache_destroy(scene.cache);
    if (scene.server)
        snap_server_stop(scene.server);
    snap_payload_free(&scene.payload);
    snap_context_close(scene.context);
}

void snap_scene_check_kept(uint32_t failures, uint32_t state)
{
    CHECK_EQ(pipc_cache_ready(scene.cache), 1);
    CHECK_EQ(snap_status(scene.cache).cache.refresh_failure_count, failures);
    CHECK_EQ(snap_status(scene.cache).cache.generation, 5);
    CHECK_EQ(snap_status(scene.cache).cache.connection_state, state);
    snap_check_found(scene.cache, 1, "one", "/one");
}
