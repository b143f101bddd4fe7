/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed calls of every kind against managed servers, and the configuration of a service in the
 * hands of a client.
 */
#include "client_script.h"
#include "core/service/client.h"
#include "test.h"

#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

/* A managed server on a thread. */
struct managed {
    struct pipc_server *server;
    pthread_t thread;
};

static struct pipc_context *context;
static unsigned calls; /* of the callback, atomic */

static void *run(void *arg)
{
    struct managed *m = arg;

    CHECK_OK(pipc_server_run(m->server, NULL));
    return NULL;
}

static void up(struct managed *m)
{
    CHECK(pthread_create(&m->thread, NULL, run, m) == 0);
}

static void down(struct managed *m)
{
    pipc_server_stop(m->server);
    pthread_join(m->thread, NULL);
    CHECK_OK(pipc_server_destroy(m->server));
}

static uint32_t add_one(void *user, const struct pipc_request *from, uint64_t value,
                        uint64_t *ret_value)
{
    (void)user;
    (void)from;
    __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    *ret_value = value + 1;
    return value != 666;
}

static uint32_t reverse(void *user, const struct pipc_request *from, const char *str, size_t len,
                        char *space, size_t space_len, size_t *ret_len)
{
    (void)user;
    (void)from;
    *ret_len = len;
    for (size_t i = 0; i < len && len <= space_len; i++)
        space[i] = str[len - 1 - i];
    return 1;
}

static uint32_t snapshot(void *user, const struct pipc_request *from,
                         const struct pipc_cgroups_snapshot_request_view *request,
                         struct pipc_cgroups_snapshot_builder *builder)
{
    const uint32_t items = *(const uint32_t *)user;

    (void)from;
    (void)request;
    pipc_cgroups_snapshot_builder_set_header(builder, 1, 42);
    for (uint32_t i = 0; i < items; i++) {
        char name[32];
        snprintf(name, sizeof(name), "group-%u", (unsigned)i);
        (void)pipc_cgroups_snapshot_builder_add_text(builder, i, 0, 1, name, "/sys/fs/cgroup/x");
    }
    return 1;
}

static void start_increment(struct managed *m)
{
    static const struct pipc_increment_handler handler = {.size = sizeof(handler),
                                                          .increment = add_one};
    __atomic_store_n(&calls, 0, __ATOMIC_RELAXED);
    CHECK_OK(pipc_server_create_increment(context, test_dir(), SCRIPT_SERVICE, &handler, 4, NULL,
                                          &m->server, NULL));
    up(m);
}

TEST(client_kinds, increment_and_its_batches)
{
    struct managed m;
    uint64_t in[3] = {1, 2, 3};
    uint64_t out[3];
    uint64_t value;
    const struct pipc_client_config config = {.size = sizeof(config), .max_request_batch_items = 8};
    context = script_context(NULL);
    start_increment(&m);
    struct pipc_client *client = script_ready(context, &config, true);
    CHECK_OK(pipc_client_call_increment(client, UINT64_MAX, &value, 0, NULL));
    CHECK_EQ(value, 0);
    CHECK_OK(pipc_client_call_increment_batch(client, in, 3, out, 0, NULL));
    CHECK_EQ(out[0], 2);
    CHECK_EQ(out[1], 3);
    CHECK_EQ(out[2], 4);
    CHECK_EQ(script_status(client).call_count, 2);
    CHECK_EQ(script_status(client).error_count, 0);
    pipc_client_destroy(client);
    down(&m);
    script_context_close(context);
}

TEST(client_kinds, failing_item_fails_the_batch_and_no_later_item_is_run)
{
    struct managed m;
    uint64_t in[3] = {1, 666, 3};
    uint64_t out[3] = {7, 7, 7};
    const struct pipc_client_config config = {.size = sizeof(config), .max_request_batch_items = 8};
    context = script_context(NULL);
    start_increment(&m);
    struct pipc_client *client = script_ready(context, &config, true);
    CHECK_RESULT(pipc_client_call_increment_batch(client, in, 3, out, 0, NULL),
                 PIPC_ERR_BAD_LAYOUT);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(out[i], 0);
    /* two items of each of the two attempts */
    CHECK_EQ(__atomic_load_n(&calls, __ATOMIC_RELAXED), 4);
    CHECK_EQ(script_status(client).error_count, 1);
    pipc_client_destroy(client);
    down(&m);
    script_context_close(context);
}

TEST(client_kinds, string_reverse)
{
    static const struct pipc_string_reverse_handler handler = {.size = sizeof(handler),
                                                               .string_reverse = reverse};
    struct managed m;
    struct pipc_string_reverse_view view;
    context = script_context(NULL);
    CHECK_OK(pipc_server_create_string_reverse(context, test_dir(), SCRIPT_SERVICE, &handler, 4,
                                               NULL, &m.server, NULL));
    up(&m);
    struct pipc_client *client = script_ready(context, NULL, true);
    CHECK_OK(pipc_client_call_string_reverse(client, "plugin", 6, &view, 0, NULL));
    CHECK_STR(view.str.ptr, "nigulp");
    /* the view lives until the next operation other than ready, status, abort and clear abort */
    (void)script_status(client);
    pipc_client_abort(client);
    pipc_client_clear_abort(client);
    CHECK(pipc_client_ready(client));
    CHECK_STR(view.str.ptr, "nigulp");
    CHECK_OK(pipc_client_call_string_reverse(client, NULL, 0, &view, 0, NULL));
    CHECK_EQ(view.str.len, 0);
    pipc_client_destroy(client);
    down(&m);
    script_context_close(context);
}

static void snapshot_of(uint32_t items, uint32_t reserve, bool grows)
{
    struct pipc_cgroups_snapshot_handler handler = {
        .size = sizeof(handler), .user = &items, .snapshot = snapshot};
    const struct pipc_server_config config = {.size = sizeof(config), .snapshot_items = reserve};
    struct managed m;
    struct pipc_cgroups_snapshot_view view;
    struct pipc_cgroups_snapshot_item_view item;
    struct pipc_error err = PIPC_ERROR_INIT;
    context = script_context(NULL);
    CHECK_OK(pipc_server_create_cgroups_snapshot(context, test_dir(), SCRIPT_SERVICE, &handler, 4,
                                                 &config, &m.server, NULL));
    up(&m);
    struct pipc_client *client = script_ready(context, NULL, true);
    const pipc_result result = pipc_client_call_cgroups_snapshot(client, &view, 0, &err);
    CHECK_MSG(result == PIPC_OK, "%s: %s", pipc_result_name(result), err.text);
    CHECK_EQ(view.item_count, items);
    CHECK_EQ(view.generation, 42);
    CHECK_OK(pipc_cgroups_snapshot_item(&view, items - 1, &item));
    CHECK_HAS(item.name.ptr, "group-");
    CHECK_EQ(script_status(client).call_count, 1);
    CHECK_EQ(script_status(client).error_count, 0);
    CHECK_EQ(script_status(client).reconnect_count > 0, grows);
    pipc_client_destroy(client);
    down(&m);
    script_context_close(context);
}

TEST(client_kinds, cgroups_snapshot)
{
    snapshot_of(3, 0, false);
}

TEST(client_kinds, snapshot_larger_than_the_limit_grows_step_by_step)
{
    snapshot_of(5000, 5000, true);
}

TEST(client_kinds, server_restarted_between_calls)
{
    struct managed m;
    uint64_t value;
    context = script_context(NULL);
    start_increment(&m);
    struct pipc_client *client = script_ready(context, NULL, false);
    CHECK_OK(pipc_client_call_increment(client, 1, &value, 0, NULL));
    down(&m);
    start_increment(&m);
    CHECK_OK(pipc_client_call_increment(client, 5, &value, 0, NULL));
    CHECK_EQ(value, 6);
    CHECK_EQ(script_status(client).reconnect_count, 1);
    pipc_client_destroy(client);
    down(&m);
    script_context_close(context);
}

/* ---- configuration ---- */

static struct pipc_context *configured(const char *token_file)
{
    struct pipc_config *config = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *result = NULL;
    static const char *const keys[][2] = {{"call_timeout_ms", "1234"},
                                          {"connect_timeout_ms", "2345"},
                                          {"refused_retry_ms", "3456"},
                                          {"max_request_bytes", "4096"},
                                          {"max_response_bytes", "8192"},
                                          {"growth_ceiling_bytes", "16384"},
                                          {"response_ceiling_bytes", "99999"},
                                          {"max_batch_items", "12"},
                                          {"packet_size", "5000"},
                                          {"lookup_items", "21"},
                                          {"lookup_subcalls", "22"},
                                          {"lookup_bytes", "23"}};

    CHECK_OK(pipc_config_new(NULL, &config));
    CHECK_OK(script_config_modules(config));
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        CHECK_OK(pipc_config_set(config, "service." SCRIPT_SERVICE, keys[i][0], keys[i][1], &err));
    CHECK_OK(pipc_config_set(config, "service." SCRIPT_SERVICE, "run_dir", test_dir(), &err));
    CHECK_OK(pipc_config_set(config, "service." SCRIPT_SERVICE, "token_file", token_file, &err));
    CHECK_MSG(pipc_open(config, NULL, &result, &err) == PIPC_OK, "%s", err.text);
    pipc_config_free(config);
    return result;
}

static const char *token(void)
{
    const char *path = test_path("token");
    FILE *file = fopen(path, "w");

    CHECK(file != NULL);
    CHECK(fputs("777\n", file) >= 0);
    fclose(file);
    CHECK(chmod(path, 0600) == 0);
    return path;
}

TEST(client_config, section_of_the_service_counts_where_the_structure_says_nothing)
{
    struct pipc_client *client = NULL;
    struct script *script = script_start(NULL, 0, NULL);
    context = configured(token());
    CHECK_OK(pipc_client_create(context, NULL, SCRIPT_SERVICE, NULL, &client, NULL));
    CHECK_EQ(client->call_timeout_ms, 1234);
    CHECK_EQ(client->connect_timeout_ms, 2345);
    CHECK_EQ(client->refused_retry_ms, 3456);
    CHECK_EQ(client->request_proposal, 4096);
    CHECK_EQ(client->response_hint, 8192);
    CHECK_EQ(client->growth_ceiling, 16384);
    CHECK_EQ(client->settings.response_ceiling_bytes, 99999);
    CHECK_EQ(client->lookup_items, 21);
    CHECK_EQ(client->lookup_subcalls, 22);
    CHECK_EQ(client->lookup_bytes, 23);
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    const struct pipc_hello hello = script_hello_at(script, 0);
    CHECK_EQ(hello.max_request_batch_items, 12);
    CHECK_EQ(hello.packet_size, 5000);
    CHECK_EQ(hello.auth_token, 777);
    CHECK_EQ(hello.max_request_payload_bytes, 4096);
    pipc_client_destroy(client);
    script_stop(script);
    script_context_close(context);
}

TEST(client_config, structure_wins_over_the_section)
{
    struct pipc_client *client = NULL;
    struct script *script = script_start(NULL, 0, NULL);
    struct pipc_client_config config = {.size = sizeof(config),
                                        .max_request_payload_bytes = 1,
                                        .max_request_batch_items = 2,
                                        .max_response_payload_bytes = 3,
                                        .packet_size = 4000,
                                        .auth_token_given = 1,
                                        .call_timeout_ms = 5,
                                        .connect_timeout_ms = 6,
                                        .growth_ceiling_bytes = 7,
                                        .response_ceiling_bytes = 100000,
                                        .max_logical_lookup_items = 9,
                                        .max_logical_lookup_subcalls = 10,
                                        .max_logical_lookup_response_bytes = 11,
                                        .refused_retry_ms = 12};
    context = configured(token());
    CHECK_OK(pipc_client_create(context, test_dir(), SCRIPT_SERVICE, &config, &client, NULL));
    CHECK_EQ(client->call_timeout_ms, 5);
    CHECK_EQ(client->connect_timeout_ms, 6);
    CHECK_EQ(client->refused_retry_ms, 12);
    CHECK_EQ(client->growth_ceiling, 7);
    CHECK_EQ(client->lookup_items, 9);
    CHECK_EQ(client->lookup_subcalls, 10);
    CHECK_EQ(client->lookup_bytes, 11);
    CHECK_OK(pipc_client_refresh_timeout(client, TEST_LONG, NULL, NULL));
    const struct pipc_hello hello = script_hello_at(script, 0);
    CHECK_EQ(hello.max_request_payload_bytes, 1);
    CHECK_EQ(hello.max_request_batch_items, 2);
    CHECK_EQ(hello.max_response_payload_bytes, 3);
    CHECK_EQ(hello.packet_size, 4000);
    CHECK_EQ(hello.auth_token, 0);
    pipc_client_destroy(client);
    /* of an older caller only what its struct has counts */
    config.size = offsetof(struct pipc_client_config, max_response_payload_bytes);
    CHECK_OK(pipc_client_create(context, NULL, SCRIPT_SERVICE, &config, &client, NULL));
    CHECK_EQ(client->request_proposal, 1);
    CHECK_EQ(client->response_hint, 8192);
    CHECK_EQ(client->call_timeout_ms, 1234);
    pipc_client_destroy(client);
    script_stop(script);
    script_context_close(context);
}
