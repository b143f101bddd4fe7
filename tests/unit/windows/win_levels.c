/* SPDX-License-Identifier: Apache-2.0
 *
 * Levels 2 and 3 end to end over each data plane of Windows: typed calls, batches, responses that
 * outgrow their limit, many clients, restarts, snapshots.
 */
#include "windows/win_service.h"

static struct pipc_client *client_of(struct pipc_context *context, const char *service)
{
    struct pipc_client *client = NULL;
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_request_batch_items = 50};
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_OK(pipc_client_create(context, test_dir(), service, &config, &client, &err));
    return client;
}

static void add_one(struct pipc_client *client, uint64_t value)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    uint64_t got = 0;

    CHECK_MSG(pipc_client_call_increment(client, value, &got, 20000, &err) == PIPC_OK, "call: %s",
              err.text);
    CHECK_EQ(got, value + 1);
}

static void check_plane(struct pipc_client *client, const struct win_plane *plane)
{
    struct pipc_client_status status = {.size = sizeof(status)};

    pipc_client_status(client, &status);
    CHECK_EQ(status.session.selected_profile, plane->bit);
    CHECK_EQ(status.session.peer.pid, GetCurrentProcessId());
    CHECK(!status.session.degraded);
}

TEST(win_levels, typed_calls_and_batches_are_answered_over_each_plane)
{
    for (uint32_t p = 0; p < WIN_PLANES; p++) {
        struct win_servers servers = {.items = 0};
        struct pipc_error err = PIPC_ERROR_INIT;
        uint64_t values[50], got[50];
        win_servers_start(&servers, &win_planes[p], test_dir(), 4);
        struct pipc_client *const client = client_of(servers.context, "increment");
        CHECK_OK(pipc_client_refresh_timeout(client, 20000, NULL, &err));
        check_plane(client, &win_planes[p]);
        for (uint32_t i = 0; i < test_scale(4000); i++)
            add_one(client, i);
        for (uint32_t i = 0; i < 50; i++)
            values[i] = i * 100;
        CHECK_MSG(pipc_client_call_increment_batch(client, values, 50, got, 20000, &err) == PIPC_OK,
                  "batch: %s", err.text);
        for (uint32_t i = 0; i < 50; i++)
            CHECK_EQ(got[i], values[i] + 1);
        pipc_client_destroy(client);
        win_servers_stop(&servers);
    }
}

TEST(win_levels, a_snapshot_that_outgrows_its_limit_comes_whole_over_each_plane)
{
    for (uint32_t p = 0; p < WIN_PLANES; p++) {
        struct win_servers servers = {.items = 5000, .generation = 7};
        struct pipc_cgroups_snapshot_view view;
        struct pipc_error err = PIPC_ERROR_INIT;
        win_servers_start(&servers, &win_planes[p], test_dir(), 4);
        struct pipc_client *const client = client_of(servers.context, "snapshot");
        CHECK_OK(pipc_client_refresh_timeout(client, 20000, NULL, &err));
        CHECK_MSG(pipc_client_call_cgroups_snapshot(client, &view, 20000, &err) == PIPC_OK,
                  "call: %s", err.text);
        CHECK_EQ(view.item_count, 5000);
        check_plane(client, &win_planes[p]);
        pipc_client_destroy(client);
        win_servers_stop(&servers);
    }
}

struct crowd {
    struct pipc_context *context;
    uint32_t calls;
};

static void call_often(void *arg)
{
    const struct crowd *const crowd = arg;
    struct pipc_client *const client = client_of(crowd->context, "increment");

    CHECK_OK(pipc_client_refresh_timeout(client, 20000, NULL, NULL));
    for (uint32_t i = 0; i < crowd->calls; i++)
        add_one(client, i);
    pipc_client_destroy(client);
}

TEST(win_levels, eight_clients_at_once_are_served_over_each_plane)
{
    for (uint32_t p = 0; p < WIN_PLANES; p++) {
        struct win_servers servers = {.items = 0};
        HANDLE threads[8];
        win_servers_start(&servers, &win_planes[p], test_dir(), 8);
        struct crowd crowd = {servers.context, p == 2 ? 10 : test_scale(1000)};
        for (int i = 0; i < 8; i++)
            threads[i] = np_thread(call_often, &crowd);
        for (int i = 0; i < 8; i++)
            np_join(threads[i]);
        CHECK_EQ(servers.calls, 8 * crowd.calls);
        win_servers_stop(&servers);
    }
}

TEST(win_levels, a_client_goes_on_after_its_server_was_started_anew_over_each_plane)
{
    for (uint32_t p = 0; p < WIN_PLANES; p++) {
        struct win_servers servers = {.items = 0};
        struct pipc_context *const context = win_plane_context(&win_planes[p]);
        struct pipc_client *const client = client_of(context, "increment");
        uint64_t got;
        CHECK(pipc_client_refresh_timeout(client, 1000, NULL, NULL) != PIPC_OK);
        for (int round = 0; round < 3; round++) {
            win_servers_start(&servers, &win_planes[p], test_dir(), 2);
            CHECK_OK(pipc_client_refresh_timeout(client, 20000, NULL, NULL));
            add_one(client, 41);
            check_plane(client, &win_planes[p]);
            const uint64_t began = np_clock_ns();
            win_servers_stop(&servers);
            CHECK(np_clock_ns() - began < test_limit(2000) * PIPC_NS_PER_MS);
            CHECK(pipc_client_call_increment(client, 1, &got, 1000, NULL) != PIPC_OK);
        }
        pipc_client_destroy(client);
        CHECK_OK(pipc_close(context));
    }
}

TEST(win_levels, an_abort_ends_a_call_at_once_over_each_plane)
{
    for (uint32_t p = 0; p < WIN_PLANES; p++) {
        struct pipc_context *const context = win_plane_context(&win_planes[p]);
        struct win_echo silent;
        struct pipc_client *client;
        uint64_t got;
        win_echo_start(&silent, context, "increment");
        client = client_of(context, "increment");
        pipc_client_abort(client);
        CHECK_RESULT(pipc_client_refresh_timeout(client, 20000, NULL, NULL), PIPC_ERR_ABORTED);
        pipc_client_clear_abort(client);
        CHECK_OK(pipc_client_refresh_timeout(client, 20000, NULL, NULL));
        pipc_client_abort(client);
        CHECK_RESULT(pipc_client_call_increment(client, 1, &got, 20000, NULL), PIPC_ERR_ABORTED);
        pipc_client_destroy(client);
        win_echo_stop(&silent);
        CHECK_OK(pipc_close(context));
    }
}

TEST(win_levels, a_cache_is_filled_replaced_and_kept_over_a_restart_over_each_plane)
{
    for (uint32_t p = 0; p < WIN_PLANES; p++) {
        struct win_servers servers = {.items = 100, .generation = 1};
        struct pipc_context *const context = win_plane_context(&win_planes[p]);
        struct pipc_cache *cache = NULL;
        struct pipc_cache_guard guard = {0};
        struct pipc_error err = PIPC_ERROR_INIT;
        CHECK_OK(pipc_cache_create(context, test_dir(), "snapshot", PIPC_CGROUPS_SNAPSHOT_NAME,
                                   PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR, NULL, &cache, &err));
        win_servers_start(&servers, &win_planes[p], test_dir(), 2);
        CHECK_MSG(pipc_cache_refresh_timeout(cache, 20000, &err) == PIPC_OK, "refresh: %s",
                  err.text);
        CHECK_EQ(pipc_cache_read_lock(cache, &guard), 1);
        CHECK_EQ(pipc_cache_count(&guard), 100);
        CHECK(pipc_cache_get(&guard, 42, "group-42", 8));
        CHECK(!pipc_cache_get(&guard, 100, "group-100", 9));
        __atomic_store_n(&servers.items, 3000, __ATOMIC_SEQ_CST);
        CHECK_MSG(pipc_cache_refresh_timeout(cache, 20000, &err) == PIPC_OK, "refresh: %s",
                  err.text);
        CHECK_EQ(pipc_cache_count(&guard), 100); /* the guard's own */
        pipc_cache_read_unlock(&guard);
        win_servers_stop(&servers);
        CHECK(pipc_cache_refresh_timeout(cache, 500, NULL) != PIPC_OK);
        CHECK_EQ(pipc_cache_read_lock(cache, &guard), 1);
        CHECK_EQ(pipc_cache_count(&guard), 3000); /* kept */
        pipc_cache_read_unlock(&guard);
        servers = (struct win_servers){.items = 5, .generation = 1};
        win_servers_start(&servers, &win_planes[p], test_dir(), 2);
        CHECK_MSG(pipc_cache_refresh_timeout(cache, 20000, &err) == PIPC_OK, "refresh: %s",
                  err.text);
        CHECK_EQ(pipc_cache_read_lock(cache, &guard), 1);
        CHECK_EQ(pipc_cache_count(&guard), 5);
        pipc_cache_read_unlock(&guard);
        pipc_cache_destroy(cache);
        win_servers_stop(&servers);
        CHECK_OK(pipc_close(context));
    }
}
