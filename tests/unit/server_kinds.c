/* SPDX-License-Identifier: Apache-2.0
 *
 * The project's own message types on the managed server: what callbacks get, and the statuses of
 * each kind.
 */
#include "server_fixture.h"

#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>

extern const struct pipc_module pipc_module_increment;
extern const struct pipc_module pipc_module_string_reverse;
extern const struct pipc_module pipc_module_cgroups_snapshot;

static struct pipc_context *kind_context(const struct pipc_module *module)
{
    return PIPC_TEST_BUILTIN ? server_context() : server_context_with(module, NULL, NULL, NULL);
}

/* ---- a raw exchange of any kind ---- */

static int exchange(struct raw *raw, uint16_t code, uint16_t flags, uint32_t items,
                    const void *request, size_t len, void *response, size_t cap, long *ret_len)
{
    struct pipc_header header = raw_header(5, len);
    header.code = code;
    header.flags = flags;
    header.item_count = items;
    CHECK(raw_message(raw, &header, request));
    const long n = raw_answer(raw, &header, response, cap);
    CHECK(n >= 0);
    CHECK_EQ(header.code, code);
    CHECK_EQ(header.message_id, 5);
    if (ret_len)
        *ret_len = n;
    return header.transport_status;
}

static void *run(void *arg)
{
    struct hosted *hosted = arg;
    hosted->run_result = pipc_server_run(hosted->server, NULL);
    return NULL;
}

static bool is_running(void *arg)
{
    return server_status(arg).running;
}

static void host(struct hosted *hosted, struct pipc_context *context, struct pipc_server *server)
{
    *hosted = (struct hosted){.context = context, .server = server, .running = true};
    CHECK_EQ(pthread_create(&hosted->thread, NULL, run, hosted), 0);
    test_wait_until(is_running, hosted, 5000, "run is inside");
}

/* ---- increment ---- */

static uint32_t plus_one(void *user, const struct pipc_request *from, uint64_t value,
                         uint64_t *ret_value)
{
    uint32_t *calls = user;
    CHECK(from != NULL);
    __atomic_fetch_add(calls, 1, __ATOMIC_RELAXED);
    *ret_value = value + 1;
    return value != 13;
}

static void host_increment(struct hosted *hosted, uint32_t *calls, bool callback,
                           const struct pipc_server_config *config)
{
    const struct pipc_increment_handler handler = {
        .size = sizeof(handler), .user = calls, .increment = callback ? plus_one : NULL};
    struct pipc_context *context = kind_context(&pipc_module_increment);
    struct pipc_server *server = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_MSG(pipc_server_create_increment(context, test_dir(), SERVICE, &handler, 2, config,
                                           &server, &err) == PIPC_OK,
              "%s", err.text);
    host(hosted, context, server);
}

TEST(server_kinds, increment_alone_and_in_batches)
{
    struct hosted hosted;
    struct raw raw;
    uint32_t calls = 0;
    uint64_t value = 41;
    uint8_t batch[64], response[64];
    long len = 0;
    struct pipc_batch_builder builder;
    host_increment(&hosted, &calls, true, NULL);
    raw_open(&raw);
    CHECK_EQ((uint64_t)exchange(&raw, 1, 0, 1, &value, 8, &value, 8, &len), PIPC_STATUS_OK);
    CHECK_EQ(len, 8);
    CHECK_EQ(value, 42);
    pipc_batch_begin(&builder, batch, sizeof(batch), 3);
    for (value = 100; value < 103; value++)
        CHECK_OK(pipc_batch_add(&builder, &value, 8));
    const size_t batch_len = pipc_batch_finish(&builder);
    CHECK_EQ((uint64_t)exchange(&raw, 1, PIPC_FLAG_BATCH, 3, batch, batch_len, response,
                                sizeof(response), &len),
             PIPC_STATUS_OK);
    for (uint32_t i = 0; i < 3; i++) {
        const void *item = NULL;
        size_t item_len = 0;
        CHECK_OK(pipc_batch_item(response, (size_t)len, 3, i, &item, &item_len));
        CHECK_EQ(item_len, 8);
        memcpy(&value, item, 8);
        CHECK_EQ(value, 101 + i);
    }
    CHECK_EQ(__atomic_load_n(&calls, __ATOMIC_RELAXED), 4);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_kinds, increment_batch_whose_items_lie_in_another_order_is_answered_by_position)
{
    static const uint32_t entries[6] = {16, 8, 8, 8, 0, 8};
    static const uint64_t values[3] = {300, 200, 100};
    struct hosted hosted;
    struct raw raw;
    uint32_t calls = 0;
    uint8_t batch[48], response[64];
    long len = 0;
    host_increment(&hosted, &calls, true, NULL);
    raw_open(&raw);
    memcpy(batch, entries, 24);
    memcpy(batch + 24, values, 24);
    CHECK_EQ((uint64_t)exchange(&raw, 1, PIPC_FLAG_BATCH, 3, batch, sizeof(batch), response,
                                sizeof(response), &len),
             PIPC_STATUS_OK);
    for (uint32_t i = 0; i < 3; i++) {
        const void *item = NULL;
        size_t item_len = 0;
        uint64_t value;
        CHECK_OK(pipc_batch_item(response, (size_t)len, 3, i, &item, &item_len));
        CHECK_EQ(item_len, 8);
        memcpy(&value, item, 8);
        CHECK_EQ(value, 101 + 100 * i);
    }
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_kinds, increment_batch_stops_at_the_failing_item)
{
    struct hosted hosted;
    struct raw raw;
    uint32_t calls = 0;
    uint8_t batch[64];
    struct pipc_batch_builder builder;
    host_increment(&hosted, &calls, true, NULL);
    raw_open(&raw);
    pipc_batch_begin(&builder, batch, sizeof(batch), 3);
    for (uint64_t value = 12; value < 15; value++)
        CHECK_OK(pipc_batch_add(&builder, &value, 8));
    const size_t len = pipc_batch_finish(&builder);
    CHECK_EQ((uint64_t)exchange(&raw, 1, PIPC_FLAG_BATCH, 3, batch, len, NULL, 0, NULL),
             PIPC_STATUS_INTERNAL_ERROR);
    CHECK_EQ(__atomic_load_n(&calls, __ATOMIC_RELAXED), 2);
    raw_expect_eof(&raw);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_kinds, null_callbacks_are_internal_errors)
{
    struct hosted hosted;
    struct raw raw;
    const uint64_t value = 1;
    host_increment(&hosted, NULL, false, NULL);
    raw_open(&raw);
    CHECK_EQ((uint64_t)exchange(&raw, 1, 0, 1, &value, 8, NULL, 0, NULL),
             PIPC_STATUS_INTERNAL_ERROR);
    raw_expect_eof(&raw);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_kinds, increment_through_the_typed_client)
{
    struct hosted hosted;
    struct pipc_client *client = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    uint32_t calls = 0;
    uint64_t value = 0;
    host_increment(&hosted, &calls, true, NULL);
    CHECK_OK(pipc_client_create(hosted.context, test_dir(), SERVICE, NULL, &client, &err));
    CHECK_EQ(pipc_client_refresh(client), 1);
    CHECK_OK(pipc_client_call_increment(client, 9, &value, 0, &err));
    CHECK_EQ(value, 10);
    pipc_client_destroy(client);
    server_end(&hosted);
}

/* ---- string reverse ---- */

static uint32_t reverse(void *user, const struct pipc_request *from, const char *str, size_t len,
                        char *space, size_t space_len, size_t *ret_len)
{
    size_t *seen = user;
    (void)from;
    __atomic_store_n(seen, space_len, __ATOMIC_RELAXED);
    *ret_len = len;
    for (size_t i = 0; i < len && i < space_len; i++)
        space[i] = str[len - 1 - i];
    return 1;
}

static size_t reverse_request(uint8_t *buf, const char *text)
{
    const uint32_t head[2] = {8, (uint32_t)strlen(text)};
    memcpy(buf, head, sizeof(head));
    memcpy(buf + 8, text, strlen(text) + 1);
    return 8 + strlen(text) + 1;
}

TEST(server_kinds, string_reverse_has_the_limit_less_nine_as_its_space)
{
    struct hosted hosted;
    struct raw raw;
    size_t seen = 0;
    const struct pipc_string_reverse_handler handler = {
        .size = sizeof(handler), .user = &seen, .string_reverse = reverse};
    struct pipc_server_config config = server_config();
    struct pipc_context *context = kind_context(&pipc_module_string_reverse);
    struct pipc_server *server = NULL;
    uint8_t request[64], response[64];
    long len = 0;
    config.max_response_payload_bytes = 9 + 5;
    CHECK_OK(pipc_server_create_string_reverse(context, test_dir(), SERVICE, &handler, 1, &config,
                                               &server, NULL));
    host(&hosted, context, server);
    raw_open(&raw);
    size_t n = reverse_request(request, "abcde");
    CHECK_EQ((uint64_t)exchange(&raw, 3, 0, 1, request, n, response, sizeof(response), &len),
             PIPC_STATUS_OK);
    CHECK_EQ(__atomic_load_n(&seen, __ATOMIC_RELAXED), 5);
    CHECK_EQ(len, 14);
    CHECK_MEM(response + 8, "edcba", 6);
    n = reverse_request(request, "abcdef"); /* longer than the space */
    CHECK_EQ((uint64_t)exchange(&raw, 3, 0, 1, request, n, NULL, 0, NULL),
             PIPC_STATUS_LIMIT_EXCEEDED);
    raw_expect_eof(&raw);
    raw_close(&raw);
    server_end(&hosted);
}

/* ---- snapshot ---- */

struct provider {
    uint32_t items;
    uint32_t name_len;
    uint32_t calls;
    bool fail;
    bool with_nul;
};

static uint32_t provide(void *user, const struct pipc_request *from,
                        const struct pipc_cgroups_snapshot_request_view *request,
                        struct pipc_cgroups_snapshot_builder *builder)
{
    struct provider *p = user;
    char name[512];
    (void)from;
    (void)request;
    __atomic_fetch_add(&p->calls, 1, __ATOMIC_RELAXED);
    memset(name, 'n', sizeof(name));
    if (__atomic_load_n(&p->with_nul, __ATOMIC_RELAXED))
        name[0] = 0;
    const struct pipc_str_view view = {name, p->name_len};
    const uint32_t items = __atomic_load_n(&p->items, __ATOMIC_RELAXED);
    pipc_cgroups_snapshot_builder_set_header(builder, 1, 77);
    for (uint32_t i = 0; i < items; i++)
        (void)pipc_cgroups_snapshot_builder_add(builder, i, 0, 1, view, view);
    return !__atomic_load_n(&p->fail, __ATOMIC_RELAXED);
}

/* Between two requests, which the thread checker cannot tell when they went through a region that
 * the test has mapped for itself. */
static void provide_from_now(struct provider *p, uint32_t items, bool fail, bool with_nul)
{
    __atomic_store_n(&p->items, items, __ATOMIC_RELAXED);
    __atomic_store_n(&p->fail, fail, __ATOMIC_RELAXED);
    __atomic_store_n(&p->with_nul, with_nul, __ATOMIC_RELAXED);
}

static void host_snapshot(struct hosted *hosted, struct provider *p,
                          const struct pipc_server_config *config)
{
    const struct pipc_cgroups_snapshot_handler handler = {
        .size = sizeof(handler), .user = p, .snapshot = provide};
    struct pipc_context *context = kind_context(&pipc_module_cgroups_snapshot);
    struct pipc_server *server = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_MSG(pipc_server_create_cgroups_snapshot(context, test_dir(), SERVICE, &handler, 2, config,
                                                  &server, &err) == PIPC_OK,
              "%s", err.text);
    host(hosted, context, server);
}

static const uint8_t snapshot_request[4] = {1, 0, 0, 0};

/* One request on a session of its own that the answer ends. */
static void expect_snapshot_error(const void *request, size_t len, uint16_t flags, int status)
{
    struct raw raw;
    long n = 1;
    raw_open(&raw);
    CHECK_EQ((uint64_t)exchange(&raw, 2, flags, 1, request, len, NULL, 0, &n), (uint64_t)status);
    CHECK_EQ(n, 0);
    raw_expect_eof(&raw);
    raw_close(&raw);
}

TEST(server_kinds, snapshot_request_of_one_byte_and_batches_are_bad_envelopes)
{
    struct hosted hosted;
    struct provider p = {0};
    host_snapshot(&hosted, &p, NULL);
    expect_snapshot_error(snapshot_request, 1, 0, PIPC_STATUS_BAD_ENVELOPE);
    expect_snapshot_error(snapshot_request, 4, PIPC_FLAG_BATCH, PIPC_STATUS_BAD_ENVELOPE);
    CHECK_EQ(__atomic_load_n(&p.calls, __ATOMIC_RELAXED), 0);
    server_end(&hosted);
}

TEST(server_kinds, snapshot_that_does_not_fit_is_limit_exceeded_whatever_is_returned)
{
    struct hosted hosted;
    struct provider p = {.items = 10, .name_len = 100};
    struct pipc_server_config config = server_config();
    config.max_response_payload_bytes = 1000;
    host_snapshot(&hosted, &p, &config);
    expect_snapshot_error(snapshot_request, 4, 0, PIPC_STATUS_LIMIT_EXCEEDED);
    provide_from_now(&p, 10, true, false);
    expect_snapshot_error(snapshot_request, 4, 0, PIPC_STATUS_LIMIT_EXCEEDED);
    CHECK_EQ(__atomic_load_n(&p.calls, __ATOMIC_RELAXED), 2);
    provide_from_now(&p, 0, true, false);
    expect_snapshot_error(snapshot_request, 4, 0, PIPC_STATUS_INTERNAL_ERROR);
    provide_from_now(&p, 1, false, true);
    expect_snapshot_error(snapshot_request, 4, 0, PIPC_STATUS_INTERNAL_ERROR);
    server_end(&hosted);
}

TEST(server_kinds, snapshot_reservation_that_does_not_fit_skips_the_callback)
{
    struct hosted hosted;
    struct provider p = {0};
    struct pipc_server_config config = server_config();
    config.max_response_payload_bytes = 24 + 8 * 10;
    config.snapshot_items = 11;
    host_snapshot(&hosted, &p, &config);
    expect_snapshot_error(snapshot_request, 4, 0, PIPC_STATUS_LIMIT_EXCEEDED);
    CHECK_EQ(__atomic_load_n(&p.calls, __ATOMIC_RELAXED), 0);
    pipc_server_set_snapshot_items(hosted.server, 10);
    struct raw raw;
    uint8_t response[128];
    long len = 0;
    raw_open(&raw);
    CHECK_EQ(
        (uint64_t)exchange(&raw, 2, 0, 1, snapshot_request, 4, response, sizeof(response), &len),
        PIPC_STATUS_OK);
    CHECK_EQ(len, 24); /* the reserved space is taken back */
    CHECK_EQ(__atomic_load_n(&p.calls, __ATOMIC_RELAXED), 1);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_kinds, snapshot_grows_with_the_client_until_it_fits)
{
    struct hosted hosted;
    struct provider p = {.items = 2000, .name_len = 60};
    struct pipc_client *client = NULL;
    struct pipc_cgroups_snapshot_view view;
    struct pipc_error err = PIPC_ERROR_INIT;
    host_snapshot(&hosted, &p, NULL); /* starts at 64 KiB */
    CHECK_OK(pipc_client_create(hosted.context, test_dir(), SERVICE, NULL, &client, &err));
    CHECK_EQ(pipc_client_refresh(client), 1);
    CHECK_MSG(pipc_client_call_cgroups_snapshot(client, &view, 0, &err) == PIPC_OK, "%s", err.text);
    CHECK_EQ(view.item_count, 2000);
    CHECK_EQ(view.generation, 77);
    CHECK(server_status(&hosted).response_limit > 262144);
    CHECK_EQ(server_status(&hosted).rejected_busy, 0);
    pipc_client_destroy(client);
    server_end(&hosted);
}
