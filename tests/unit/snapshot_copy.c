/* SPDX-License-Identifier: Apache-2.0
 *
 * Copying a response into a snapshot: abort in the middle, and a codec that asks for more than a
 * payload can have or breaks on the way.
 */
#include "snapshot/cache.h"

#include "snapshot_scene.h"

TEST(snapshot_deadline, abort_ends_a_refresh_that_copies)
{
    struct snap_payload many = snap_payload_many(5000, "n", 10, 10, 1);
    struct pipc_cache_snapshot *snapshot = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    bool blame = true;

    snap_scene_begin(NULL);
    CHECK_OK(scene.cache->codec->ops.call->decode(many.bytes, many.len, scene.cache->output));
    scene.cache->aborted = 1;
    CHECK_RESULT(pipci_cache_build(scene.cache, many.len, &snapshot, &blame, &err),
                 PIPC_ERR_ABORTED);
    CHECK(!blame && snapshot == NULL);
    scene.cache->aborted = 0;
    CHECK_OK(pipci_cache_build(scene.cache, many.len, &snapshot, &blame, &err));
    CHECK_EQ(snapshot->count, 5000);
    pipci_cache_snapshot_release(snapshot);
    snap_payload_free(&many);
    snap_scene_end();
}

/* ---- a codec that does not keep its word ---- */

static struct pipc_snapshot_hooks hooks;
static const struct pipc_snapshot_hooks *real_hooks;
static uint32_t asked;

static pipc_result strings_that_grow(const void *output, uint32_t index, uint64_t *ret_bytes,
                                     uint64_t *ret_counted)
{
    const pipc_result result = real_hooks->item_strings(output, index, ret_bytes, ret_counted);

    *ret_counted += asked++ >= 1 ? 1000 : 0;
    return result;
}

static pipc_result strings_that_break(const void *output, uint32_t index, uint64_t *ret_bytes,
                                      uint64_t *ret_counted)
{
    const pipc_result result = real_hooks->item_strings(output, index, ret_bytes, ret_counted);

    return asked++ >= 1 ? PIPC_ERR_MISSING_NUL : result;
}

static pipc_result strings_that_abort(const void *output, uint32_t index, uint64_t *ret_bytes,
                                      uint64_t *ret_counted)
{
    if (++asked == 2)
        pipc_cache_abort(scene.cache);
    return real_hooks->item_strings(output, index, ret_bytes, ret_counted);
}

static pipc_result item_that_breaks(const void *output, uint32_t index, void *ret_item,
                                    char *strings, struct pipc_snapshot_key *ret_key)
{
    const pipc_result result = real_hooks->item(output, index, ret_item, strings, ret_key);

    return index == 1 ? PIPC_ERR_OUT_OF_BOUNDS : result;
}

static void refresh_fails(pipc_result expected, uint32_t state)
{
    CHECK_RESULT(pipc_cache_refresh_timeout(scene.cache, 0, NULL), expected);
    snap_scene_check_kept(1, state);
    scene.cache->hooks = real_hooks;
    pipc_cache_clear_abort(scene.cache);
    snap_must_refresh(scene.cache);
    snap_scene_end();
}

static void begin_with_hooks(void)
{
    snap_scene_begin(NULL);
    real_hooks = scene.cache->hooks;
    hooks = *real_hooks;
    scene.cache->hooks = &hooks;
}

TEST(snapshot_deadline, item_larger_than_its_payload_is_refused)
{
    begin_with_hooks();
    hooks.item_strings = strings_that_grow;
    refresh_fails(PIPC_ERR_BAD_LAYOUT, PIPC_CLIENT_BROKEN);
}

TEST(snapshot_deadline, item_that_breaks_behind_others_is_refused)
{
    begin_with_hooks();
    hooks.item_strings = strings_that_break;
    refresh_fails(PIPC_ERR_MISSING_NUL, PIPC_CLIENT_BROKEN);
}

TEST(snapshot_deadline, item_that_cannot_be_copied_is_refused)
{
    begin_with_hooks();
    hooks.item = item_that_breaks;
    refresh_fails(PIPC_ERR_OUT_OF_BOUNDS, PIPC_CLIENT_BROKEN);
}

TEST(snapshot_deadline, abort_at_the_last_item_keeps_the_session)
{
    begin_with_hooks();
    hooks.item_strings = strings_that_abort;
    refresh_fails(PIPC_ERR_ABORTED, PIPC_CLIENT_READY);
}
