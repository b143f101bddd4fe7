/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache against providers: what a successful refresh publishes, empty caches, generations,
 * sizes.
 */
#include "snapshot_fixture.h"

static const struct snap_item three[] = {
    {11, 1, 1, "docker_web", "/docker/web"},
    {22, 2, 0, "nginx.service", "/system.slice/nginx.service"},
    {33, 0xffffffffu, 7, "root", "/"},
};

static const struct snap_item other[] = {{44, 0, 1, "other", "/other"}};

static void check_item(const struct pipc_cgroups_cache_item *item, const struct snap_item *expected)
{
    CHECK(item != NULL);
    CHECK_EQ(item->hash, expected->hash);
    CHECK_EQ(item->options, expected->options);
    CHECK_EQ(item->enabled, expected->enabled);
    CHECK_STR(item->name.ptr, expected->name);
    CHECK_EQ(item->name.len, strlen(expected->name));
    CHECK_STR(item->path.ptr, expected->path);
    CHECK_EQ(item->path.len, strlen(expected->path));
}

TEST(snapshot_basic, round_trip_of_three_items_publishes_every_field)
{
    struct pipc_context *context = snap_context(NULL);
    struct snap_managed *server = snap_managed_start(context, NULL, three, 3, 42);
    struct pipc_cache *cache = snap_cache_typed(context, NULL);
    struct pipc_cache_guard guard;
    struct pipc_cgroups_cache_status status;

    CHECK_EQ(pipc_cache_refresh(cache), 1);
    CHECK_EQ(pipc_cache_ready(cache), 1);
    status = snap_status(cache);
    CHECK_EQ(status.cache.populated, 1);
    CHECK_EQ(status.cache.item_count, 3);
    CHECK_EQ(status.cache.generation, 42);
    CHECK_EQ(status.systemd_enabled, 1);
    CHECK_EQ(status.cache.refresh_success_count, 1);
    CHECK_EQ(status.cache.refresh_failure_count, 0);
    CHECK_EQ(status.cache.connection_state, PIPC_CLIENT_READY);
    CHECK(status.cache.last_refresh_ts > 0 && status.cache.last_refresh_ts <= test_now_ms());
    CHECK_RESULT(status.cache.last_error.result, PIPC_OK);
    CHECK_EQ(pipc_cache_read_lock(cache, &guard), 1);
    CHECK_EQ(pipc_cache_count(&guard), 3);
    CHECK_EQ(pipc_cgroups_cache_head(&guard)->generation, 42);
    CHECK_EQ(pipc_cgroups_cache_head(&guard)->systemd_enabled, 1);
    for (uint32_t i = 0; i < 3; i++) {
        check_item(pipc_cgroups_cache_at(&guard, i), &three[i]);
        CHECK(pipc_cgroups_cache_get(&guard, three[i].hash, three[i].name) ==
              pipc_cgroups_cache_at(&guard, i));
    }
    CHECK(pipc_cgroups_cache_at(&guard, 3) == NULL);
    CHECK(pipc_cgroups_cache_at(&guard, UINT32_MAX) == NULL);
    pipc_cache_read_unlock(&guard);
    pipc_cache_destroy(cache);
    snap_managed_stop(server);
    snap_context_close(context);
}

TEST(snapshot_basic, new_cache_is_empty_and_can_be_guarded)
{
    struct pipc_context *context = snap_context(NULL);
    struct pipc_cache *cache = snap_cache(context, NULL);
    const struct pipc_cgroups_cache_status zero = {.cache.size = sizeof(zero.cache)};
    const struct pipc_cgroups_cache_status status = snap_status(cache);
    struct pipc_client_status client = {.size = sizeof(client)};
    struct pipc_cache_guard guard;

    CHECK_EQ(pipc_cache_ready(cache), 0);
    CHECK_MEM(&status, &zero, sizeof(zero));
    pipc_cache_client_status(cache, &client);
    CHECK_EQ(client.state, PIPC_CLIENT_DISCONNECTED);
    CHECK_EQ(pipc_cache_read_lock(cache, &guard), 1);
    CHECK(pipc_cgroups_cache_get(&guard, 0, "") == NULL);
    CHECK(pipc_cgroups_cache_at(&guard, 0) == NULL);
    CHECK(pipc_cache_head(&guard) == NULL);
    CHECK_EQ(pipc_cache_count(&guard), 0);
    CHECK(pipc_cache_item_dup(&guard, &status) == NULL);
    pipc_cache_read_unlock(&guard);
    pipc_cache_destroy(cache);
    snap_context_close(context);
}

TEST(snapshot_basic, refresh_without_a_server_fails_until_one_appears)
{
    struct pipc_context *context = snap_context(NULL);
    struct pipc_cache *cache = snap_cache(context, NULL);
    struct snap_payload payload = snap_payload(three, 3, 1, 0);
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_client_status client = {.size = sizeof(client)};
    struct snap_server *server;

    CHECK_EQ(pipc_cache_refresh(cache), 0);
    CHECK_RESULT(pipc_cache_refresh_timeout(cache, 0, &err), PIPC_ERR_NOT_READY);
    CHECK_RESULT(err.result, PIPC_ERR_NOT_READY);
    CHECK_HAS(err.text, SNAP_SERVICE);
    CHECK_EQ(snap_status(cache).cache.refresh_failure_count, 2);
    CHECK_RESULT(snap_status(cache).cache.last_error.result, PIPC_ERR_NOT_READY);
    CHECK_STR(snap_status(cache).cache.last_error.text, err.text);
    CHECK_EQ(snap_status(cache).cache.connection_state, PIPC_CLIENT_NOT_FOUND);
    CHECK_EQ(pipc_cache_ready(cache), 0);
    pipc_cache_client_status(cache, &client);
    CHECK_EQ(client.state, PIPC_CLIENT_NOT_FOUND);
    CHECK_EQ(client.error_count, 2);
    CHECK_RESULT(client.last_attempt.result, PIPC_ERR_CONNECT);
    server = snap_server_start(context, NULL, &payload);
    snap_must_refresh(cache);
    CHECK_EQ(pipc_cache_ready(cache), 1);
    CHECK_EQ(snap_status(cache).cache.refresh_success_count, 1);
    CHECK_EQ(snap_status(cache).cache.refresh_failure_count, 2);
    pipc_cache_destroy(cache);
    snap_server_stop(server);
    snap_payload_free(&payload);
    snap_context_close(context);
}

TEST(snapshot_basic, empty_snapshot_is_ready_and_finds_nothing)
{
    struct pipc_context *context = snap_context(NULL);
    struct snap_managed *server = snap_managed_start(context, NULL, three, 0, 77);
    struct pipc_cache *cache = snap_cache_typed(context, NULL);

    snap_must_refresh(cache);
    CHECK_EQ(pipc_cache_ready(cache), 1);
    CHECK_EQ(snap_status(cache).cache.populated, 1);
    CHECK_EQ(snap_status(cache).cache.item_count, 0);
    CHECK_EQ(snap_status(cache).cache.generation, 77);
    snap_check_missing(cache, 0, "");
    snap_check_missing(cache, 11, "docker_web");
    pipc_cache_destroy(cache);
    snap_managed_stop(server);
    snap_context_close(context);
}

TEST(snapshot_basic, second_refresh_replaces_all_items)
{
    struct pipc_context *context = snap_context(NULL);
    struct pipc_cache *cache = snap_cache(context, NULL);
    struct snap_payload first = snap_payload(three, 3, 1, 1), second = snap_payload(other, 1, 2, 0);
    struct snap_payload none = snap_payload(other, 0, 3, 0);
    struct snap_server *server = snap_server_start(context, NULL, &first);

    snap_must_refresh(cache);
    snap_check_found(cache, 22, "nginx.service", "/system.slice/nginx.service");
    snap_server_set(server, &second);
    snap_must_refresh(cache);
    snap_check_missing(cache, 22, "nginx.service");
    snap_check_found(cache, 44, "other", "/other");
    CHECK_EQ(snap_status(cache).systemd_enabled, 0);
    CHECK_EQ(snap_status(cache).cache.item_count, 1);
    snap_server_set(server, &none);
    snap_must_refresh(cache);
    snap_check_missing(cache, 44, "other");
    CHECK_EQ(pipc_cache_ready(cache), 1);
    CHECK_EQ(snap_status(cache).cache.item_count, 0);
    CHECK_EQ(snap_status(cache).cache.refresh_success_count, 3);
    pipc_cache_destroy(cache);
    snap_server_stop(server);
    snap_payload_free(&first);
    snap_payload_free(&second);
    snap_payload_free(&none);
    snap_context_close(context);
}

TEST(snapshot_basic, every_generation_replaces_the_one_before)
{
    static const uint64_t generations[] = {5, 5, 4, 0, UINT64_MAX, 1};
    struct pipc_context *context = snap_context(NULL);
    struct pipc_cache *cache = snap_cache(context, NULL);
    struct snap_payload payload = snap_payload(three, 3, 5, 1);
    struct snap_server *server = snap_server_start(context, NULL, &payload);

    for (uint32_t i = 0; i < 6; i++) {
        const struct snap_item item = {i, 0, 1, "one", "/one"};
        snap_payload_free(&payload);
        payload = snap_payload(&item, 1, generations[i], 1);
        snap_server_set(server, &payload);
        snap_must_refresh(cache);
        CHECK_EQ(snap_status(cache).cache.generation, generations[i]);
        snap_check_found(cache, i, "one", "/one");
    }
    pipc_cache_destroy(cache);
    snap_server_stop(server);
    snap_payload_free(&payload);
    snap_context_close(context);
}

static void many_found(uint32_t count)
{
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_response_payload_bytes = 8u << 20};
    const struct pipc_session_settings settings = {.size = sizeof(settings),
                                                   .max_response_payload_bytes = 8u << 20};
    struct pipc_context *context = snap_context(NULL);
    struct pipc_cache *cache = snap_cache(context, &config);
    struct snap_payload payload = snap_payload_many(count, "cgroup-", 200, 1000, 9);
    struct snap_server *server = snap_server_start(context, &settings, &payload);

    snap_must_refresh(cache);
    CHECK_EQ(snap_status(cache).cache.item_count, count);
    for (uint32_t i = 0; i < count; i++)
        snap_check_found(cache, i, snap_many_name(i, "cgroup-", 200), NULL);
    for (uint32_t i = 0; i < count; i++) {
        struct pipc_cache_guard guard;
        CHECK(pipc_cache_read_lock(cache, &guard));
        CHECK_STR(pipc_cgroups_cache_at(&guard, i)->path.ptr, snap_many_name(i, "/", 1000));
        pipc_cache_read_unlock(&guard);
    }
    pipc_cache_destroy(cache);
    snap_server_stop(server);
    snap_payload_free(&payload);
    snap_context_close(context);
}

TEST(snapshot_basic, thousand_long_items_are_all_found)
{
    many_found(1000);
}

TEST(snapshot_basic, five_thousand_long_items_are_all_found)
{
    many_found(5000);
}

/* Four thousand items with long paths: about 400 KiB. */
static struct snap_item *large_items(uint32_t count)
{
    struct snap_item *items = calloc(count, sizeof(*items));

    CHECK(items != NULL);
    for (uint32_t i = 0; i < count; i++) {
        items[i].hash = i;
        items[i].enabled = 1;
        items[i].name = strdup(snap_many_name(i, "n", 20));
        items[i].path = strdup(snap_many_name(i, "/p", 40));
    }
    return items;
}

static void large_free(struct snap_item *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free((char *)(uintptr_t)items[i].name);
        free((char *)(uintptr_t)items[i].path);
    }
    free(items);
}

TEST(snapshot_basic, snapshot_above_64_kib_of_a_growing_server_is_whole)
{
    const uint32_t count = 4000;
    struct pipc_context *context = snap_context(NULL);
    struct snap_item *items = large_items(count);
    struct snap_managed *server = snap_managed_start(context, NULL, items, count, 3);
    struct pipc_cache *cache = snap_cache_typed(context, NULL);

    snap_must_refresh(cache);
    CHECK_EQ(snap_status(cache).cache.item_count, count);
    for (uint32_t i = 0; i < count; i++)
        snap_check_found(cache, i, items[i].name, items[i].path);
    pipc_cache_destroy(cache);
    snap_managed_stop(server);
    large_free(items, count);
    snap_context_close(context);
}

TEST(snapshot_basic, snapshot_above_the_size_of_a_fixed_server_overflows_and_keeps_the_cache)
{
    const uint32_t count = 4000;
    const struct pipc_server_config fixed = {.size = sizeof(fixed), .growth_ceiling_bytes = 65536};
    struct pipc_context *context = snap_context(NULL);
    struct snap_item *items = large_items(count);
    struct snap_managed *server = snap_managed_start(context, &fixed, three, 3, 3);
    struct pipc_cache *cache = snap_cache_typed(context, NULL);
    struct pipc_error err = PIPC_ERROR_INIT;

    snap_must_refresh(cache);
    snap_managed_stop(server);
    server = snap_managed_start(context, &fixed, items, count, 4);
    CHECK_RESULT(pipc_cache_refresh_timeout(cache, 0, &err), PIPC_ERR_OVERFLOW);
    CHECK_EQ(snap_status(cache).cache.generation, 3);
    CHECK_EQ(snap_status(cache).cache.item_count, 3);
    CHECK_EQ(snap_status(cache).cache.refresh_failure_count, 1);
    CHECK_EQ(snap_status(cache).cache.connection_state, PIPC_CLIENT_BROKEN);
    snap_check_found(cache, 22, "nginx.service", NULL);
    pipc_cache_destroy(cache);
    snap_managed_stop(server);
    large_free(items, count);
    snap_context_close(context);
}

TEST(snapshot_basic, create_refuses_what_is_no_snapshot_kind_or_another_table)
{
    struct pipc_context *context = snap_context(NULL);
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_cache *cache = (struct pipc_cache *)(void *)&cache;

    CHECK_RESULT(pipc_cache_create(NULL, test_dir(), "s", COUNTED_NAME, 1, NULL, &cache, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK(cache == NULL);
    cache = (struct pipc_cache *)(void *)&cache;
    CHECK_RESULT(pipc_cache_create(context, test_dir(), "s", NULL, 1, NULL, &cache, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK(cache == NULL);
    CHECK_RESULT(pipc_cache_create(context, test_dir(), "s", COUNTED_NAME, 2, NULL, &cache, &err),
                 PIPC_ERR_MODULE_ABI);
    CHECK_HAS(err.text, COUNTED_NAME);
    CHECK_RESULT(pipc_cache_create(context, test_dir(), NULL, COUNTED_NAME, 1, NULL, &cache, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_HAS(err.text, "service name");
    CHECK_RESULT(
        pipc_cache_create(context, test_dir(), "s", "no_such_codec", 1, NULL, &cache, &err),
        PIPC_TEST_HAVE_LOADER ? PIPC_ERR_MODULE_NOT_FOUND : PIPC_ERR_NO_LOADER);
    CHECK_RESULT(pipc_cache_create(context, test_dir(), "s", "increment", 1, NULL, &cache, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_HAS(err.text, "increment");
    CHECK(cache == NULL);
    CHECK_OK(pipc_cgroups_cache_create(context, test_dir(), NULL, NULL, &cache, &err));
    pipc_cache_destroy(cache);
    snap_context_close(context);
}

TEST(snapshot_basic, wrong_service_name_is_told_by_the_refresh)
{
    struct pipc_context *context = snap_context(NULL);
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_cache *cache = NULL;

    CHECK_OK(pipc_cgroups_cache_create(context, test_dir(), "no/slash", NULL, &cache, &err));
    CHECK_RESULT(pipc_cache_refresh_timeout(cache, 0, &err), PIPC_ERR_NOT_READY);
    CHECK_HAS(err.text, "no/slash");
    CHECK_EQ(snap_status(cache).cache.connection_state, PIPC_CLIENT_DISCONNECTED);
    pipc_cache_destroy(cache);
    snap_context_close(context);
}
