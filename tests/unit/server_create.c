/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a server: arguments, limits, what a failure leaves, several servers under one thread,
 * fork.
 */
#include "server_fixture.h"
#include "session_mem.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static pipc_result create(struct pipc_context *context, const char *run_dir, const char *service,
                          const char *codec, uint32_t major, const void *handler,
                          const struct pipc_server_config *config, struct pipc_error *err)
{
    struct pipc_server *server = (struct pipc_server *)(void *)&server;
    const pipc_result result = pipc_server_create(context, run_dir, service, codec, major, handler,
                                                  1, config, &server, err);
    if (result == PIPC_OK)
        CHECK_OK(pipc_server_destroy(server));
    else
        CHECK(server == NULL);
    return result;
}

TEST(server_create, null_arguments_are_bad_parameters)
{
    struct pipc_context *context = server_context();
    struct pipc_error err = PIPC_ERROR_INIT;
    struct scripted_handler unsized = *server_handler();
    unsized.size = 0;
    const void *h = server_handler();
    CHECK_RESULT(create(NULL, test_dir(), SERVICE, "scripted", 1, h, NULL, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(create(context, test_dir(), SERVICE, NULL, 1, h, NULL, &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(create(context, test_dir(), SERVICE, "scripted", 1, NULL, NULL, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_HAS(err.text, "handler");
    CHECK_RESULT(create(context, test_dir(), SERVICE, "scripted", 1, &unsized, NULL, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(create(context, NULL, SERVICE, "scripted", 1, h, NULL, &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(create(context, "", SERVICE, "scripted", 1, h, NULL, &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(
        pipc_server_create(context, test_dir(), SERVICE, "scripted", 1, h, 1, NULL, NULL, &err),
        PIPC_ERR_BAD_PARAM);
    CHECK_OK(pipc_close(context));
}

TEST(server_create, bad_names_are_refused)
{
    struct pipc_context *context = server_context();
    static const char *const names[] = {"", ".", "..", "a/b", "a b", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CHECK_RESULT(
            create(context, test_dir(), names[i], "scripted", 1, server_handler(), NULL, NULL),
            PIPC_ERR_BAD_PARAM);
    char longest[400];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    CHECK_RESULT(create(context, test_dir(), longest, "scripted", 1, server_handler(), NULL, NULL),
                 PIPC_ERR_PATH_TOO_LONG);
    CHECK_OK(pipc_close(context));
}

TEST(server_create, missing_directory_is_told_by_the_system)
{
    struct pipc_context *context = server_context();
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(
        create(context, test_path("absent"), SERVICE, "scripted", 1, server_handler(), NULL, &err),
        PIPC_ERR_SOCKET);
    CHECK_HAS(err.text, "absent");
    CHECK_OK(pipc_close(context));
}

TEST(server_create, unknown_codec_and_other_table_are_refused)
{
    struct pipc_context *context = server_context();
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(
        create(context, test_dir(), SERVICE, "unheard_of", 1, server_handler(), NULL, &err),
        PIPC_TEST_HAVE_LOADER ? PIPC_ERR_MODULE_NOT_FOUND : PIPC_ERR_NO_LOADER);
    CHECK_RESULT(create(context, test_dir(), SERVICE, "scripted", 2, server_handler(), NULL, &err),
                 PIPC_ERR_MODULE_ABI);
    CHECK_HAS(err.text, "scripted");
    CHECK_OK(pipc_close(context));
}

TEST(server_create, service_name_defaults_to_the_codecs)
{
    struct pipc_context *context = server_context();
    struct pipc_server *server = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct stat st;
    CHECK_OK(pipc_server_create(context, test_dir(), NULL, "scripted", 1, server_handler(), 1, NULL,
                                &server, NULL));
    CHECK_EQ(stat(test_path("scripted.sock"), &st), 0);
    CHECK_OK(pipc_server_destroy(server));
    CHECK_EQ(stat(test_path("scripted.sock"), &st), (uint64_t)-1);
    CHECK_RESULT(
        create(context, test_dir(), NULL, "scripted_single", 1, server_handler(), NULL, &err),
        PIPC_ERR_BAD_PARAM);
    CHECK_OK(pipc_close(context));
}

TEST(server_create, address_in_use_leaves_the_owner_alone)
{
    struct hosted hosted;
    struct pipc_error err = PIPC_ERROR_INIT;
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    CHECK_RESULT(
        create(hosted.context, test_dir(), SERVICE, "scripted", 1, server_handler(), NULL, &err),
        PIPC_ERR_ADDR_IN_USE);
    CHECK_HAS(err.text, SERVICE);
    raw_expect_new_client(5000);
    server_end(&hosted);
}

TEST(server_create, sizes_beyond_the_wire_are_refused)
{
    struct pipc_context *context = server_context();
    for (int i = 0; i < 3; i++) {
        struct pipc_server_config config = server_config();
        *(i == 0   ? &config.max_request_payload_bytes
          : i == 1 ? &config.max_response_payload_bytes
                   : &config.growth_ceiling_bytes) = PIPC_PAYLOAD_LEN_MAX + 1;
        CHECK_RESULT(
            create(context, test_dir(), SERVICE, "scripted", 1, server_handler(), &config, NULL),
            PIPC_ERR_BAD_PARAM);
    }
    CHECK_OK(pipc_close(context));
}

TEST(server_create, failure_leaves_no_descriptor_and_no_endpoint)
{
    struct pipc_context *context = server_context();
    const unsigned before = test_open_descriptors();
    struct pipc_server_config config = server_config();
    struct stat st;
    config.supported_profiles = 1u << 20; /* nobody has it */
    CHECK(create(context, test_dir(), SERVICE, "scripted", 1, server_handler(), &config, NULL) !=
          PIPC_OK);
    CHECK_EQ(stat(test_path(SERVICE ".sock"), &st), (uint64_t)-1);
    CHECK_EQ(test_open_descriptors(), before);
    CHECK_OK(pipc_close(context));
}

static void check_workers(int workers, const char *configured, uint32_t expected)
{
    struct hosted hosted;
    struct pipc_context *context =
        configured ? server_context_set("service." SERVICE, "max_sessions", configured) : NULL;
    server_start(&hosted, context, "scripted", NULL, workers, NULL);
    CHECK_EQ(server_status(&hosted).sessions_max, expected);
    server_end(&hosted);
}

TEST(server_create, worker_count_below_one_becomes_one)
{
    check_workers(0, NULL, 1);
    check_workers(-1, NULL, 1);
    check_workers(INT32_MIN + 1, NULL, 1);
    check_workers(3, NULL, 3);
}

TEST(server_create, configuration_says_the_worker_count_of_who_has_no_preference)
{
    check_workers(PIPC_SERVER_WORKERS_CONFIGURED, "5", 5);
    check_workers(PIPC_SERVER_WORKERS_CONFIGURED, NULL, PIPC_SERVER_WORKERS_DEFAULT);
    check_workers(3, "5", 3);
    check_workers(0, "5", 1);
    check_workers(-1, "5", 1);
}

TEST(server_create, null_configuration_means_the_defaults)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_hello hello = raw_hello();
    server_start(&hosted, NULL, "scripted", NULL, 2, NULL);
    raw_open(&raw);
    CHECK_EQ(raw.ack.agreed_max_request_payload_bytes, 1024);
    CHECK_EQ(raw.ack.agreed_max_response_payload_bytes, 65536);
    CHECK_EQ(raw.ack.agreed_max_request_batch_items, 16);
    CHECK_EQ(raw.ack.session_id, 1);
    raw_close(&raw);
    hello.max_request_payload_bytes = 1025;
    CHECK_EQ((uint64_t)raw_try(&raw, &hello), PIPC_STATUS_LIMIT_EXCEEDED);
    hello.max_request_payload_bytes = 10;
    hello.max_request_batch_items = 7;
    raw_open_with(&raw, &hello);
    CHECK_EQ(raw.ack.agreed_max_request_payload_bytes, 10);
    CHECK_EQ(raw.ack.agreed_max_request_batch_items, 7);
    CHECK_EQ(raw.ack.agreed_max_response_batch_items, 7);
    CHECK(raw.ack.session_id > 1);
    raw_close(&raw);
    CHECK_EQ(server_status(&hosted).rejected_limit, 1);
    server_end(&hosted);
}

TEST(server_create, limits_come_from_the_configuration_of_the_service)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_hello hello = raw_hello();
    struct pipc_server_config config = server_config();
    server_start(&hosted, server_context_set("service." SERVICE, "max_request_bytes", "4000"),
                 "scripted", NULL, 2, NULL);
    hello.max_request_payload_bytes = 4000;
    raw_open_with(&raw, &hello);
    raw_close(&raw);
    server_end(&hosted);

    config.max_request_payload_bytes = 3000; /* a field wins */
    server_start(&hosted, server_context_set("service." SERVICE, "max_request_bytes", "4000"),
                 "scripted", NULL, 2, &config);
    CHECK_EQ((uint64_t)raw_try(&raw, &hello), PIPC_STATUS_LIMIT_EXCEEDED);
    hello.max_request_payload_bytes = 3000;
    raw_open_with(&raw, &hello);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_create, preferred_profiles_alone_keep_the_configured_ones)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_server_config config = server_config();
    config.preferred_profiles = PIPC_PROFILE_BASELINE;
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    raw_open(&raw);
    CHECK_EQ(raw.ack.server_supported_profiles, test_profiles());
    CHECK_EQ(raw.ack.selected_profile, test_plane_bit());
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_create, an_older_configuration_struct_is_read_as_far_as_it_goes)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_server_config config = server_config();
    config.size = offsetof(struct pipc_server_config, max_response_payload_bytes);
    config.max_response_payload_bytes = 100; /* behind its end */
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    raw_open(&raw);
    CHECK_EQ(raw.ack.agreed_max_response_payload_bytes, 65536);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_create, handed_in_listener_is_served_and_left_in_place)
{
    struct pipc_context *context = server_context();
    struct pipc_server_config config = server_config();
    struct hosted hosted;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat st;
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", test_path(SERVICE ".sock"));
    CHECK_EQ(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    CHECK_EQ(listen(fd, 4), 0);
    config.adopt = 1;
    config.adopt_handle = fd;
    server_start(&hosted, context, "scripted", NULL, 1, &config);
    raw_expect_new_client(5000);
    server_end(&hosted);
    CHECK_EQ(stat(test_path(SERVICE ".sock"), &st), 0);
}

/* ---- several servers ---- */

struct several {
    struct pipc_server *servers[3];
    pipc_result result;
};

static void *run_several(void *arg)
{
    struct several *several = arg;
    several->result = pipc_servers_run(several->servers, 3, NULL);
    return NULL;
}

static void serve_at(const char *name, bool expected)
{
    struct raw raw;
    struct pipc_hello hello = raw_hello();
    raw_connect_to(&raw, name);
    if (expected) {
        CHECK_EQ((uint64_t)raw_shake(&raw, &hello), 0);
        raw_expect_service(&raw);
    }
    raw_close(&raw);
}

static bool is_stopped(void *arg)
{
    struct pipc_server_status status = {.size = sizeof(status)};
    pipc_server_status(arg, &status);
    return !status.running;
}

TEST(server_several, one_thread_serves_three_and_ends_after_the_last_stop)
{
    struct pipc_context *context = server_context();
    struct several several = {0};
    pthread_t thread;
    static const char *const names[] = {"one", "two", "three"};
    for (int i = 0; i < 3; i++)
        CHECK_OK(pipc_server_create(context, test_dir(), names[i], "scripted", 1, server_handler(),
                                    2, NULL, &several.servers[i], NULL));
    CHECK_EQ(pthread_create(&thread, NULL, run_several, &several), 0);
    for (int i = 0; i < 3; i++)
        serve_at(names[i], true);
    CHECK_OK(pipc_server_stop(several.servers[1]));
    test_wait_until(is_stopped, several.servers[1], 1000, "the stopped one is let go");
    serve_at("one", true);
    serve_at("three", true);
    /* One of them may be destroyed while the others go on. */
    CHECK_OK(pipc_server_destroy(several.servers[1]));
    serve_at("one", true);
    CHECK_OK(pipc_server_stop(several.servers[0]));
    serve_at("three", true);
    CHECK_OK(pipc_server_stop(several.servers[2]));
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_OK(several.result);
    CHECK_OK(pipc_server_destroy(several.servers[0]));
    CHECK_OK(pipc_server_destroy(several.servers[2]));
    CHECK_OK(pipc_close(context));
}

#define MANY 120

static void *run_many(void *arg)
{
    CHECK_OK(pipc_servers_run(arg, MANY, NULL));
    return NULL;
}

TEST(server_several, one_thread_serves_more_than_a_hundred)
{
    struct pipc_context *context = server_context();
    static struct pipc_server *servers[MANY];
    pthread_t thread;
    char name[16];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "many%u", i);
        CHECK_OK(pipc_server_create(context, test_dir(), name, "scripted", 1, server_handler(), 2,
                                    NULL, &servers[i], NULL));
    }
    CHECK_EQ(pthread_create(&thread, NULL, run_many, servers), 0);
    serve_at("many0", true);
    serve_at(name, true);
    for (unsigned i = 0; i < MANY; i++)
        CHECK_OK(pipc_server_stop(servers[i]));
    CHECK_EQ(pthread_join(thread, NULL), 0);
    for (unsigned i = 0; i < MANY; i++)
        CHECK_OK(pipc_server_destroy(servers[i]));
    CHECK_OK(pipc_close(context));
}

TEST(server_several, wrong_arguments_run_nothing)
{
    struct pipc_context *context = server_context();
    struct pipc_server *server = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_OK(pipc_server_create(context, test_dir(), SERVICE, "scripted", 1, server_handler(), 1,
                                NULL, &server, NULL));
    struct pipc_server *with_hole[2] = {server, NULL}, *twice[2] = {server, server};
    CHECK_RESULT(pipc_servers_run(NULL, 1, &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_servers_run(with_hole, 0, &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_servers_run(with_hole, 2, &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_servers_run(twice, 2, &err), PIPC_ERR_BAD_PARAM);
    CHECK_HAS(err.text, "inside");
    CHECK_RESULT(pipc_server_run(NULL, &err), PIPC_ERR_BAD_PARAM);
    CHECK_OK(pipc_server_stop(server));
    CHECK_OK(pipc_server_run(server, &err)); /* the failed runs have left it */
    CHECK_OK(pipc_server_destroy(server));
    CHECK_OK(pipc_close(context));
}

/* ---- fork ---- */

static int use_in_child(void *arg)
{
    struct hosted *hosted = arg;
    struct pipc_server *other = NULL;
    int clean = 7;
    CHECK_RESULT(pipc_server_stop(hosted->server), PIPC_ERR_FORKED);
    CHECK_RESULT(pipc_server_drain(hosted->server, 100, &clean), PIPC_ERR_FORKED);
    CHECK_EQ(clean, 7);
    CHECK_RESULT(pipc_server_run(hosted->server, NULL), PIPC_ERR_FORKED);
    CHECK_RESULT(pipc_server_create(hosted->context, test_dir(), "other", "scripted", 1,
                                    server_handler(), 1, NULL, &other, NULL),
                 PIPC_ERR_FORKED);
    CHECK_RESULT(pipc_server_destroy(hosted->server), PIPC_ERR_FORKED);
    CHECK_OK(pipc_close(hosted->context)); /* the run that is inside in the parent is none here */
    return 0;
}

TEST(server_fork, child_is_told_and_leaves_the_parents_server_alone)
{
    struct hosted hosted;
    struct raw raw, pending;
    struct stat st;
    server_start(&hosted, NULL, "scripted", NULL, 2, NULL);
    raw_open(&raw);
    raw_connect(&pending); /* a handshake that hangs meanwhile */
    raw_expect_service(&raw);
    CHECK_EQ(test_in_child(use_in_child, &hosted), 0);
    raw_expect_service(&raw);
    CHECK_EQ(stat(test_path(SERVICE ".sock"), &st), 0);
    raw_expect_new_client(5000);
    raw_close(&pending);
    raw_close(&raw);
    server_end(&hosted);
}

/* What is freed is overwritten first, so that a later use of it shows without a sanitizer, too. */
struct spoiled {
    size_t size;
    uint64_t padding;
};

static void *spoil_alloc(void *arg, size_t size)
{
    struct spoiled *head = malloc(sizeof(*head) + size);
    (void)arg;
    if (!head)
        return NULL;
    head->size = size;
    return head + 1;
}

static void spoil_free(void *arg, void *ptr)
{
    struct spoiled *head = ptr;
    (void)arg;
    if (!head)
        return;
    head--;
    memset(ptr, 1, head->size);
    free(head);
}

static void *spoil_realloc(void *arg, void *ptr, size_t size)
{
    const size_t old = ptr ? ((struct spoiled *)ptr - 1)->size : 0;
    void *moved = spoil_alloc(arg, size);
    if (!moved)
        return NULL;
    if (ptr)
        memcpy(moved, ptr, old < size ? old : size);
    spoil_free(arg, ptr);
    return moved;
}

static struct hosted forking;
static int child_status;

static int destroy_in_child(void *arg)
{
    CHECK_RESULT(pipc_server_destroy(arg), PIPC_ERR_FORKED);
    return 0;
}

/* On the accepting thread, while the slot and the thread of the session are there already. */
static pipc_result forking_offer(void *self, const struct pipc_endpoint *endpoint,
                                 const struct pipc_carrier *carrier,
                                 const struct pipc_upgrade_request *request, void **ret_channel,
                                 struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    const struct pipc_transport_ops *fast = session_fast_module.ops;
    child_status = test_in_child(destroy_in_child, forking.server);
    return fast->offer(self, endpoint, carrier, request, ret_channel, ret_failure, err);
}

TEST(server_fork, child_destroys_a_server_whose_parent_is_inside_a_handshake)
{
    const struct pipc_allocator allocator = {.size = sizeof(allocator),
                                             .alloc = spoil_alloc,
                                             .realloc = spoil_realloc,
                                             .free = spoil_free};
    const struct pipc_session_settings settings = {.size = sizeof(settings),
                                                   .supported_profiles = FAST_BITS};
    struct pipc_transport_ops ops;
    struct pipc_module module = session_fast_module;
    struct pipc_session *session = NULL;
    session_control_reset();
    memcpy(&ops, session_fast_module.ops, sizeof(ops));
    ops.offer = forking_offer;
    module.ops = &ops;
    child_status = -1;
    server_start(&forking,
                 server_context_full(&module, "pipc", "transports", "fast,uds", &allocator),
                 "scripted", NULL, 1, NULL);
    CHECK_OK(pipc_connect(forking.context, test_dir(), SERVICE, &settings, 0, PIPC_NO_HANDLE,
                          &session, NULL, NULL));
    CHECK_EQ(child_status, 0);
    pipc_session_close(session);
    server_end(&forking);
}

TEST(server_create, null_server_is_harmless)
{
    struct pipc_server_status status = {.size = sizeof(status), .requests = 5};
    CHECK_OK(pipc_server_destroy(NULL));
    CHECK_RESULT(pipc_server_stop(NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_server_drain(NULL, 1, NULL), PIPC_ERR_BAD_PARAM);
    pipc_server_set_snapshot_items(NULL, 3);
    pipc_server_status(NULL, &status);
    CHECK_EQ(status.requests, 5);
}
