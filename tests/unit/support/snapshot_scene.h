/* SPDX-License-Identifier: Apache-2.0
 *
 * A cache that has been filled by a raw provider of two items, generation 5, which the tests of
 * deadlines, of closing and of copying start from.
 *
 * One scene per process: the parts are globals, so that threads and callbacks of a test reach them.
 */
#ifndef PIPC_TESTS_SNAPSHOT_SCENE_H
#define PIPC_TESTS_SNAPSHOT_SCENE_H

#include "snapshot_fixture.h"

struct snap_scene {
    struct pipc_context *context;
    struct snap_server *server; /* NULL: stopped by the test */
    struct pipc_cache *cache;
    struct snap_payload payload;
};

extern struct snap_scene scene;

/* The two items: "one" at "/one" and "two" at "/two". */
struct snap_payload snap_scene_payload(void);
/* NULL: the allocator of the system. */
void snap_scene_begin(const struct pipc_allocator *allocator);
void snap_scene_end(void);
/* So many refreshes have failed, the connection is in that state, and the items are still there. */
void snap_scene_check_kept(uint32_t failures, uint32_t state);

#endif
