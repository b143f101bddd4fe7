/* SPDX-License-Identifier: Apache-2.0
 *
 * Guards and duplicates: what a view survives, and what a released guard still does.
 */
#include "base_memory.h"
#include "snapshot_fixture.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct pipc_context *context;
static struct snap_server *server;
static struct pipc_cache *cache;

/* One item whose path tells the version. */
static struct snap_payload version(uint32_t number)
{
    char path[32];
    const struct snap_item item = {1, number, 1, "item", path};

    snprintf(path, sizeof(path), "/version/%u", (unsigned)number);
    return snap_payload(&item, 1, number, 1);
}

static void publish(uint32_t number)
{
    struct snap_payload payload = version(number);

    snap_server_set(server, &payload);
    snap_payload_free(&payload);
    snap_must_refresh(cache);
}

static void begin(const struct pipc_allocator *allocator)
{
    struct snap_payload payload = version(1);

    context = snap_context(allocator);
    server = snap_server_start(context, NULL, &payload);
    cache = snap_cache(context, NULL);
    snap_payload_free(&payload);
}

static void end(void)
{
    pipc_cache_destroy(cache);
    snap_server_stop(server);
    snap_context_close(context);
}

static const struct pipc_cgroups_cache_item *get(const struct pipc_cache_guard *guard)
{
    return pipc_cgroups_cache_get(guard, 1, "item");
}

TEST(snapshot_guards, view_stays_unchanged_while_refreshes_publish)
{
    struct pipc_cache_guard guard, fresh;
    const struct pipc_cgroups_cache_item *item;

    begin(NULL);
    publish(1);
    CHECK(pipc_cache_read_lock(cache, &guard));
    item = get(&guard);
    for (uint32_t i = 2; i < 8; i++)
        publish(i);
    CHECK_STR(item->path.ptr, "/version/1");
    CHECK_EQ(item->options, 1);
    CHECK(get(&guard) == item);
    CHECK_EQ(pipc_cgroups_cache_head(&guard)->generation, 1);
    CHECK(pipc_cache_read_lock(cache, &fresh));
    CHECK_STR(get(&fresh)->path.ptr, "/version/7");
    pipc_cache_read_unlock(&fresh);
    pipc_cache_read_unlock(&guard);
    end();
}

TEST(snapshot_guards, refresh_under_a_guard_of_the_same_thread_succeeds)
{
    struct pipc_cache_guard empty, guard;

    begin(NULL);
    CHECK(pipc_cache_read_lock(cache, &empty));
    publish(1);
    CHECK(get(&empty) == NULL);
    CHECK(pipc_cache_read_lock(cache, &guard));
    publish(2);
    CHECK_EQ(snap_status(cache).cache.refresh_success_count, 2);
    CHECK_STR(get(&guard)->path.ptr, "/version/1");
    pipc_cache_read_unlock(&guard);
    pipc_cache_read_unlock(&empty);
    end();
}

TEST(snapshot_guards, two_snapshots_are_pinned_and_released_in_either_order)
{
    for (int order = 0; order < 2; order++) {
        struct pipc_cache_guard first, second;
        begin(NULL);
        publish(1);
        CHECK(pipc_cache_read_lock(cache, &first));
        publish(2);
        CHECK(pipc_cache_read_lock(cache, &second));
        publish(3);
        CHECK_STR(get(&first)->path.ptr, "/version/1");
        CHECK_STR(get(&second)->path.ptr, "/version/2");
        pipc_cache_read_unlock(order ? &first : &second);
        CHECK_STR(get(order ? &second : &first)->path.ptr, order ? "/version/2" : "/version/1");
        pipc_cache_read_unlock(order ? &second : &first);
        end();
    }
}

TEST(snapshot_guards, released_zeroed_and_null_guards_are_harmless)
{
    struct pipc_cache_guard guard, zero = {NULL, NULL};

    begin(NULL);
    publish(1);
    CHECK(pipc_cache_read_lock(cache, &guard));
    pipc_cache_read_unlock(&guard);
    CHECK(guard.snapshot == NULL && guard.cache == NULL);
    pipc_cache_read_unlock(&guard);
    pipc_cache_read_unlock(&zero);
    pipc_cache_read_unlock(NULL);
    CHECK(get(&guard) == NULL && get(&zero) == NULL && get(NULL) == NULL);
    CHECK(pipc_cgroups_cache_at(&guard, 0) == NULL && pipc_cgroups_cache_at(NULL, 0) == NULL);
    CHECK(pipc_cgroups_cache_head(&guard) == NULL && pipc_cgroups_cache_head(NULL) == NULL);
    CHECK_EQ(pipc_cache_count(&guard), 0);
    CHECK_EQ(pipc_cache_count(NULL), 0);
    end();
}

TEST(snapshot_guards, guard_is_refused_and_zeroed_without_a_cache)
{
    struct pipc_cache_guard guard;

    begin(NULL);
    publish(1);
    memset(&guard, 0xff, sizeof(guard));
    CHECK_EQ(pipc_cache_read_lock(NULL, &guard), 0);
    CHECK(guard.snapshot == NULL && guard.cache == NULL);
    CHECK_EQ(pipc_cache_read_lock(cache, NULL), 0);
    pipc_cache_close(cache);
    memset(&guard, 0xff, sizeof(guard));
    CHECK_EQ(pipc_cache_read_lock(cache, &guard), 0);
    CHECK(guard.snapshot == NULL && guard.cache == NULL);
    end();
}

TEST(snapshot_guards, duplicate_survives_release_refresh_and_close)
{
    struct pipc_cache_guard guard;
    struct pipc_cgroups_cache_item *copy, *second;

    begin(NULL);
    publish(1);
    CHECK(pipc_cache_read_lock(cache, &guard));
    copy = pipc_cgroups_cache_item_dup(&guard, get(&guard));
    second = pipc_cgroups_cache_item_dup(&guard, pipc_cgroups_cache_at(&guard, 0));
    CHECK(copy != NULL && second != NULL && copy != second);
    CHECK(copy->name.ptr != get(&guard)->name.ptr);
    pipc_cache_read_unlock(&guard);
    publish(2);
    end();
    CHECK_EQ(copy->hash, 1);
    CHECK_EQ(copy->options, 1);
    CHECK_EQ(copy->enabled, 1);
    CHECK_STR(copy->name.ptr, "item");
    CHECK_STR(copy->path.ptr, "/version/1");
    CHECK_EQ(copy->path.len, 10);
    CHECK_EQ((uintptr_t)copy % 16, 0);
    pipc_cgroups_cache_item_free(copy);
    CHECK_STR(second->path.ptr, "/version/1");
    pipc_cgroups_cache_item_free(second);
    pipc_cgroups_cache_item_free(NULL);
}

TEST(snapshot_guards, duplicate_keeps_zero_bytes_and_empty_strings)
{
    const struct snap_item items[] = {{1, 0, 1, "a#b", ""}};
    struct snap_payload payload = snap_payload(items, 1, 1, 1);
    struct pipc_cache_guard guard;
    struct pipc_cgroups_cache_item *copy;

    *(unsigned char *)memchr(payload.bytes, '#', payload.len) = '\0';
    begin(NULL);
    snap_server_set(server, &payload);
    snap_must_refresh(cache);
    CHECK(pipc_cache_read_lock(cache, &guard));
    copy = pipc_cgroups_cache_item_dup(&guard, pipc_cgroups_cache_at(&guard, 0));
    CHECK(copy != NULL);
    CHECK_EQ(copy->name.len, 3);
    CHECK_MEM(copy->name.ptr, "a\0b", 4);
    CHECK_EQ(copy->path.len, 0);
    CHECK_STR(copy->path.ptr, "");
    pipc_cgroups_cache_item_free(copy);
    pipc_cache_read_unlock(&guard);
    snap_payload_free(&payload);
    end();
}

TEST(snapshot_guards, duplicate_is_null_for_bad_arguments_and_without_memory)
{
    struct base_memory memory;
    struct pipc_cache_guard guard;
    const struct pipc_cgroups_cache_item *item;

    base_memory_init(&memory);
    begin(&memory.allocator);
    publish(1);
    CHECK(pipc_cache_read_lock(cache, &guard));
    item = get(&guard);
    CHECK(pipc_cgroups_cache_item_dup(&guard, NULL) == NULL);
    CHECK(pipc_cgroups_cache_item_dup(NULL, item) == NULL);
    memory.fail_at = memory.calls + 1;
    CHECK(pipc_cgroups_cache_item_dup(&guard, item) == NULL);
    memory.fail_at = 0;
    struct pipc_cgroups_cache_item *copy = pipc_cgroups_cache_item_dup(&guard, item);
    CHECK(copy != NULL);
    pipc_cgroups_cache_item_free(copy);
    pipc_cache_read_unlock(&guard);
    CHECK(pipc_cgroups_cache_item_dup(&guard, copy) == NULL);
    end();
    CHECK_EQ(memory.live, 0);
}

TEST(snapshot_guards, guard_released_after_close_reads_its_snapshot_until_then)
{
    struct base_memory memory;
    struct pipc_cache_guard guard;

    base_memory_init(&memory);
    begin(&memory.allocator);
    publish(1);
    CHECK(pipc_cache_read_lock(cache, &guard));
    pipc_cache_close(cache);
    CHECK_STR(get(&guard)->path.ptr, "/version/1");
    pipc_cache_destroy(cache);
    cache = NULL;
    CHECK_STR(get(&guard)->path.ptr, "/version/1");
    /* The snapshot's memory is the context's, so the context cannot go first. */
    snap_server_stop(server);
    CHECK_RESULT(pipc_close(context), PIPC_ERR_BAD_PARAM);
    CHECK_STR(get(&guard)->path.ptr, "/version/1");
    pipc_cache_read_unlock(&guard);
    snap_context_close(context);
    CHECK_EQ(memory.live, 0);
}

TEST(snapshot_guards,
     lookups_iteration_and_duplicates_call_nothing_in_the_module_and_allocate_nothing)
{
    struct base_memory memory;
    struct pipc_cache_guard guard;
    uint64_t calls, allocations;

    base_memory_init(&memory);
    begin(&memory.allocator);
    calls = snap_codec_calls();
    publish(1);
    CHECK_MSG(snap_codec_calls() > calls, "the codec does not count");
    calls = snap_codec_calls();
    allocations = memory.calls;
    CHECK(pipc_cache_read_lock(cache, &guard));
    for (uint32_t i = 0; i < 100; i++) {
        CHECK(get(&guard) != NULL);
        CHECK(pipc_cgroups_cache_get(&guard, i, "none") == NULL);
        CHECK(pipc_cgroups_cache_at(&guard, 0) != NULL);
        CHECK(pipc_cgroups_cache_head(&guard) != NULL);
        CHECK_EQ(pipc_cache_count(&guard), 1);
        CHECK_EQ(pipc_cache_ready(cache), 1);
        CHECK_EQ(snap_status(cache).cache.item_count, 1);
    }
    CHECK_EQ(memory.calls, allocations);
    struct pipc_cgroups_cache_item *copy = pipc_cgroups_cache_item_dup(&guard, get(&guard));
    pipc_cgroups_cache_item_free(copy);
    CHECK_EQ(memory.calls, allocations + 1);
    pipc_cache_read_unlock(&guard);
    CHECK_EQ(snap_codec_calls(), calls);
    end();
    CHECK_EQ(memory.live, 0);
}

/* From here on the system kills this process at any call but read, write and exit. */
static int look_up_in_jail(void *arg)
{
    struct pipc_cache_guard guard, second;
    uint32_t found = 0;

    (void)arg;
    CHECK(pipc_cache_read_lock(cache, &guard));
    CHECK(prctl(PR_SET_SECCOMP, 1 /* strict */) == 0);
    for (uint32_t i = 0; i < 1000; i++) {
        found += get(&guard) != NULL;
        found += pipc_cgroups_cache_get(&guard, i, "none") != NULL;
        found += pipc_cgroups_cache_at(&guard, i) != NULL;
    }
    if (pipc_cache_read_lock(cache, &second)) {
        found += get(&second) == get(&guard);
        pipc_cache_read_unlock(&second);
    }
    (void)syscall(SYS_exit, found == 1002 ? 7 : 8);
    return 9;
}

TEST(snapshot_guards, lookups_make_no_system_call)
{
    begin(NULL);
    publish(1);
    CHECK_EQ(test_in_child(look_up_in_jail, NULL), 7);
    end();
}
