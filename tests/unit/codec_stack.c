/* SPDX-License-Identifier: Apache-2.0
 *
 * The codecs through the whole stack: typed calls, batches and the typed cache against a managed
 * server of the same process, and batches by hand on Level 1.
 */
#include "test.h"

#include "codec_fixture.h"

#include <pipc/codecs/cgroups_cache.h>
#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>

#include <pthread.h>

#define SERVICE "svc"

/* Its response limit is the default, because one that is given does not grow. */
static const struct pipc_server_config roomy_server = {.size = sizeof(roomy_server),
                                                       .max_request_payload_bytes = 65536};
static const struct pipc_client_config roomy_client = {.size = sizeof(roomy_client),
                                                       .max_request_payload_bytes = 65536,
                                                       .max_request_batch_items = 1000,
                                                       .max_response_payload_bytes = 65536};

/* A running server and what a test connects to it. */
struct stack {
    struct pipc_context *context;
    struct pipc_server *server;
    pthread_t thread;
    unsigned calls;    /* of callbacks */
    uint32_t provided; /* snapshot: items */
    uint32_t systemd;  /* snapshot: header */
    uint64_t generation;
};

static void *run(void *arg)
{
    struct stack *s = arg;
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result r = pipc_server_run(s->server, &err);
    return r == PIPC_OK ? NULL : arg;
}

static void stack_run(struct stack *s)
{
    CHECK(pthread_create(&s->thread, NULL, run, s) == 0);
}

static void stack_end(struct stack *s)
{
    void *failed = s;
    CHECK_OK(pipc_server_stop(s->server));
    CHECK(pthread_join(s->thread, &failed) == 0);
    CHECK(failed == NULL);
    CHECK_OK(pipc_server_destroy(s->server));
    CHECK_OK(pipc_close(s->context));
}

static struct pipc_client *stack_client(struct stack *s)
{
    struct pipc_client *client;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_OK(pipc_client_create(s->context, test_dir(), SERVICE, &roomy_client, &client, &err));
    const pipc_result r = pipc_client_refresh_timeout(client, 0, NULL, &err);
    CHECK_MSG(r == PIPC_OK, "refresh: %s", err.text);
    return client;
}

/* ---- increment ---- */

static uint32_t add_one(void *user, const struct pipc_request *from, uint64_t value,
                        uint64_t *ret_value)
{
    struct stack *s = user;
    CHECK(from != NULL);
    __atomic_add_fetch(&s->calls, 1, __ATOMIC_RELAXED);
    *ret_value = value + 1;
    return 1;
}

static void start_increment(struct stack *s)
{
    const struct pipc_increment_handler h = {.size = sizeof(h), .user = s, .increment = add_one};
    struct pipc_error err = PIPC_ERROR_INIT;
    s->context = codec_context();
    const pipc_result r = pipc_server_create_increment(s->context, test_dir(), SERVICE, &h, 2,
                                                       &roomy_server, &s->server, &err);
    CHECK_MSG(r == PIPC_OK, "server: %s", err.text);
    stack_run(s);
}

TEST(codec_stack, tables_of_a_context_are_reached_by_name)
{
    struct pipc_context *context = codec_context();
    uint64_t value = 0;
    unsigned char bytes[8];
    size_t len;
    const struct pipc_increment_table *increment = pipc_increment_table(context);
    CHECK(increment && pipc_string_reverse_table(context) && pipc_cgroups_snapshot_table(context));
    CHECK_OK(pipc_increment_encode(increment, 7, bytes, 8, &len));
    CHECK_OK(pipc_increment_decode(increment, bytes, len, &value));
    CHECK_EQ(value, 7);
    CHECK(pipc_codec_table(context, PIPC_INCREMENT_NAME, 2) == NULL);
    CHECK_OK(pipc_close(context));
}

TEST(codec_stack, increment_batches_of_2_16_and_1000_items)
{
    static const uint32_t counts[] = {1, 2, 16, 1000};
    struct stack s = {0};
    start_increment(&s);
    struct pipc_client *client = stack_client(&s);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t in[1000], out[1000];
        struct pipc_error err = PIPC_ERROR_INIT;
        for (uint32_t k = 0; k < counts[i]; k++)
            in[k] = UINT64_MAX - 5 + k;
        const pipc_result r = pipc_client_call_increment_batch(client, in, counts[i], out, 0, &err);
        CHECK_MSG(r == PIPC_OK, "batch of %u: %s", counts[i], err.text);
        for (uint32_t k = 0; k < counts[i]; k++)
            CHECK_EQ(out[k], in[k] + 1);
    }
    CHECK_EQ(__atomic_load_n(&s.calls, __ATOMIC_RELAXED), 1019);
    pipc_client_destroy(client);
    stack_end(&s);
}

/* ---- level 1 by hand ---- */

static struct pipc_session *connect_raw(struct stack *s)
{
    const struct pipc_session_settings settings = {.size = sizeof(settings),
                                                   .max_request_payload_bytes = 65536,
                                                   .max_request_batch_items = 1000,
                                                   .max_response_payload_bytes = 65536,
                                                   .max_response_batch_items = 1000};
    struct pipc_session *session;
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result r = pipc_connect(s->context, test_dir(), SERVICE, &settings, 0,
                                       PIPC_NO_HANDLE, &session, NULL, &err);
    CHECK_MSG(r == PIPC_OK, "connect: %s", err.text);
    return session;
}

/* Sends a batch of the given items and receives the answer. */
static struct pipc_message exchange_batch(struct pipc_session *session, uint16_t code,
                                          const struct pipc_piece *items, uint32_t count)
{
    static unsigned char payload[65536];
    struct pipc_batch_builder batch;
    struct pipc_error err = PIPC_ERROR_INIT;
    pipc_batch_begin(&batch, payload, sizeof(payload), count);
    for (uint32_t i = 0; i < count; i++)
        CHECK_OK(pipc_batch_add(&batch, items[i].base, items[i].len));
    const struct pipc_message request = {.size = sizeof(request),
                                         .kind = PIPC_KIND_REQUEST,
                                         .flags = PIPC_FLAG_BATCH,
                                         .code = code,
                                         .item_count = count,
                                         .message_id = 1,
                                         .payload = payload,
                                         .payload_len = pipc_batch_finish(&batch)};
    struct pipc_message answer = {.size = sizeof(answer)};
    CHECK_OK(pipc_session_send(session, &request, 0, PIPC_NO_HANDLE, &err));
    CHECK_OK(pipc_session_receive(session, UINT64_C(10000) * test_slow(), 0, PIPC_NO_HANDLE,
                                  &answer, &err));
    return answer;
}

TEST(codec_stack, increment_items_by_hand_have_no_padding)
{
    struct stack s = {0};
    start_increment(&s);
    struct pipc_session *session = connect_raw(&s);
    uint64_t values[16];
    struct pipc_piece items[16];
    for (unsigned i = 0; i < 16; i++) {
        values[i] = i;
        items[i] = (struct pipc_piece){&values[i], 8};
    }
    const struct pipc_message answer = exchange_batch(session, PIPC_METHOD_INCREMENT, items, 16);
    CHECK_EQ(answer.transport_status, PIPC_STATUS_OK);
    CHECK_EQ(answer.item_count, 16);
    CHECK_EQ(answer.payload_len, 16 * 8 + 16 * 8);
    for (uint32_t i = 0; i < 16; i++) {
        const void *item;
        size_t len;
        uint64_t value;
        CHECK_OK(pipc_batch_item(answer.payload, answer.payload_len, 16, i, &item, &len));
        CHECK_EQ(len, 8);
        CHECK_OK(pipc_increment_decode(pipc_increment_linked(), item, len, &value));
        CHECK_EQ(value, i + 1);
    }
    pipc_session_close(session);
    stack_end(&s);
}

TEST(codec_stack, one_item_of_seven_bytes_fails_the_batch)
{
    struct stack s = {0};
    start_increment(&s);
    struct pipc_session *session = connect_raw(&s);
    uint64_t value = 1;
    const struct pipc_piece items[] = {{&value, 8}, {&value, 7}, {&value, 8}};
    const struct pipc_message answer = exchange_batch(session, PIPC_METHOD_INCREMENT, items, 3);
    CHECK_EQ(answer.transport_status, PIPC_STATUS_BAD_ENVELOPE);
    CHECK_EQ(answer.payload_len, 0);
    CHECK(__atomic_load_n(&s.calls, __ATOMIC_RELAXED) <=
          1); /* nothing behind the bad item is run */
    pipc_session_close(session);
    stack_end(&s);
}

/* ---- strings ---- */

static uint32_t reverse(void *user, const struct pipc_request *from, const char *str, size_t len,
                        char *space, size_t space_len, size_t *ret_len)
{
    struct stack *s = user;
    CHECK(from != NULL);
    __atomic_add_fetch(&s->calls, 1, __ATOMIC_RELAXED);
    for (size_t i = 0; i < len && i < space_len; i++)
        space[i] = str[len - 1 - i];
    *ret_len = len;
    return 1;
}

static void start_strings(struct stack *s)
{
    const struct pipc_string_reverse_handler h = {
        .size = sizeof(h), .user = s, .string_reverse = reverse};
    struct pipc_error err = PIPC_ERROR_INIT;
    s->context = codec_context();
    const pipc_result r = pipc_server_create_string_reverse(s->context, test_dir(), SERVICE, &h, 2,
                                                            &roomy_server, &s->server, &err);
    CHECK_MSG(r == PIPC_OK, "server: %s", err.text);
    stack_run(s);
}

TEST(codec_stack, reverse_of_reverse_is_the_input_from_0_to_2000_bytes)
{
    struct stack s = {0};
    char text[2000], back[2000];
    start_strings(&s);
    struct pipc_client *client = stack_client(&s);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 31);
    const size_t step = 2000 / test_scale(2000);
    for (size_t len = 0; len <= sizeof(text); len += len < 20 ? 1 : step) {
        struct pipc_string_reverse_view view;
        struct pipc_error err = PIPC_ERROR_INIT;
        CHECK_OK(pipc_client_call_string_reverse(client, text, len, &view, 0, &err));
        CHECK_EQ(view.str.len, len);
        CHECK(len == 0 || view.str.ptr[0] == text[len - 1]);
        memcpy(back, view.str.ptr, len);
        CHECK_OK(pipc_client_call_string_reverse(client, back, len, &view, 0, &err));
        CHECK_EQ(view.str.len, len);
        CHECK_MEM(view.str.ptr, text, len);
    }
    pipc_client_destroy(client);
    stack_end(&s);
}

TEST(codec_stack, null_string_with_a_length_is_refused_and_the_view_is_zeroed)
{
    struct stack s = {0};
    struct pipc_string_reverse_view view;
    struct pipc_error err = PIPC_ERROR_INIT;
    start_strings(&s);
    struct pipc_client *client = stack_client(&s);
    memset(&view, 0xff, sizeof(view));
    CHECK_RESULT(pipc_client_call_string_reverse(client, NULL, 3, &view, 0, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK(view.table == NULL && view.str.ptr == NULL && view.str.len == 0);
    CHECK_OK(pipc_client_call_string_reverse(client, NULL, 0, &view, 0, &err));
    CHECK_EQ(view.str.len, 0);
    pipc_client_destroy(client);
    stack_end(&s);
}

TEST(codec_stack, batch_of_strings_of_different_lengths)
{
    static const char *const texts[] = {"", "a", "abc", "eight ch", "nine char", "a longer string"};
    enum { COUNT = 6 };
    struct stack s = {0};
    unsigned char bytes[COUNT][32];
    struct pipc_piece items[COUNT];
    start_strings(&s);
    struct pipc_session *session = connect_raw(&s);
    for (unsigned i = 0; i < COUNT; i++) {
        items[i].base = bytes[i];
        CHECK_OK(pipc_string_reverse_encode(pipc_string_reverse_linked(), texts[i],
                                            strlen(texts[i]), bytes[i], sizeof(bytes[i]),
                                            &items[i].len));
    }
    const struct pipc_message answer =
        exchange_batch(session, PIPC_METHOD_STRING_REVERSE, items, COUNT);
    CHECK_EQ(answer.transport_status, PIPC_STATUS_OK);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct pipc_string_reverse_view view;
        const void *item;
        size_t len;
        CHECK_OK(pipc_batch_item(answer.payload, answer.payload_len, COUNT, i, &item, &len));
        CHECK_OK(pipc_string_reverse_decode(pipc_string_reverse_linked(), item, len, &view));
        CHECK_EQ(view.str.len, strlen(texts[i]));
        for (size_t k = 0; k < view.str.len; k++)
            CHECK_EQ(view.str.ptr[k], texts[i][view.str.len - 1 - k]);
    }
    pipc_session_close(session);
    stack_end(&s);
}

/* ---- snapshots ---- */

static uint32_t provide(void *user, const struct pipc_request *from,
                        const struct pipc_cgroups_snapshot_request_view *request,
                        struct pipc_cgroups_snapshot_builder *builder)
{
    struct stack *s = user;
    char name[16], path[24];
    const uint32_t provided = __atomic_load_n(&s->provided, __ATOMIC_ACQUIRE);
    CHECK(from != NULL && request->layout_version == 1);
    pipc_cgroups_snapshot_builder_set_header(builder, s->systemd, s->generation);
    for (uint32_t i = 0; i < provided; i++) {
        snprintf(name, sizeof(name), "cg%u", i);
        snprintf(path, sizeof(path), "/path/%u", i);
        if (pipc_cgroups_snapshot_builder_add_text(builder, i * 3, i, i % 2, name, path) != PIPC_OK)
            return 0;
    }
    return 1;
}

static void start_snapshots(struct stack *s)
{
    const struct pipc_cgroups_snapshot_handler h = {
        .size = sizeof(h), .user = s, .snapshot = provide};
    struct pipc_error err = PIPC_ERROR_INIT;
    s->context = codec_context();
    const pipc_result r = pipc_server_create_cgroups_snapshot(s->context, test_dir(), SERVICE, &h,
                                                              2, &roomy_server, &s->server, &err);
    CHECK_MSG(r == PIPC_OK, "server: %s", err.text);
    stack_run(s);
}

TEST(codec_stack, snapshots_of_0_1_500_and_5000_items)
{
    static const uint32_t counts[] = {0, 1, 500, 5000};
    struct stack s = {.systemd = 1, .generation = 77};
    start_snapshots(&s);
    struct pipc_client *client = stack_client(&s);
    for (unsigned i = 0; i < 4; i++) {
        struct pipc_cgroups_snapshot_view view;
        struct pipc_error err = PIPC_ERROR_INIT;
        __atomic_store_n(&s.provided, counts[i], __ATOMIC_RELEASE);
        const pipc_result r = pipc_client_call_cgroups_snapshot(client, &view, 0, &err);
        CHECK_MSG(r == PIPC_OK, "%u items: %s", counts[i], err.text);
        CHECK(view.item_count == counts[i] && view.systemd_enabled == 1 && view.generation == 77);
        for (uint32_t k = 0; k < counts[i]; k++) {
            struct pipc_cgroups_snapshot_item_view item;
            char name[16];
            snprintf(name, sizeof(name), "cg%u", k);
            CHECK_OK(pipc_cgroups_snapshot_item(&view, k, &item));
            CHECK(item.hash == k * 3 && item.options == k && item.enabled == k % 2);
            CHECK_STR(item.name.ptr, name);
        }
    }
    pipc_client_destroy(client);
    stack_end(&s);
}

TEST(codec_stack, typed_cache_finds_lists_and_duplicates_items)
{
    struct stack s = {.provided = 3, .systemd = 1, .generation = 5};
    struct pipc_cache *cache;
    struct pipc_cache_guard guard;
    struct pipc_error err = PIPC_ERROR_INIT;
    start_snapshots(&s);
    CHECK_OK(pipc_cgroups_cache_create(s.context, test_dir(), SERVICE, NULL, &cache, &err));
    const pipc_result r = pipc_cache_refresh_timeout(cache, 0, &err);
    CHECK_MSG(r == PIPC_OK, "refresh: %s", err.text);
    CHECK(pipc_cache_read_lock(cache, &guard));
    const struct pipc_cgroups_cache_item *item = pipc_cgroups_cache_get(&guard, 6, "cg2");
    CHECK(item && item == pipc_cgroups_cache_at(&guard, 2));
    CHECK(item->hash == 6 && item->options == 2 && item->enabled == 0);
    CHECK_STR(item->name.ptr, "cg2");
    CHECK_STR(item->path.ptr, "/path/2");
    CHECK(!pipc_cgroups_cache_get(&guard, 6, NULL) && !pipc_cgroups_cache_get(&guard, 6, "cg1"));
    CHECK(!pipc_cgroups_cache_get(&guard, 7, "cg2") && !pipc_cgroups_cache_at(&guard, 3));
    CHECK_EQ(pipc_cgroups_cache_head(&guard)->generation, 5);
    struct pipc_cgroups_cache_item *copy = pipc_cgroups_cache_item_dup(&guard, item);
    pipc_cache_read_unlock(&guard);
    pipc_cache_destroy(cache);
    CHECK(copy != NULL);
    CHECK_STR(copy->name.ptr, "cg2");
    CHECK_STR(copy->path.ptr, "/path/2");
    pipc_cgroups_cache_item_free(copy);
    stack_end(&s);
}

TEST(codec_stack, typed_cache_status_has_the_scalar_of_the_kind)
{
    struct stack s = {.provided = 2, .systemd = 1, .generation = 9};
    struct pipc_cgroups_cache_status status;
    struct pipc_cache *cache;
    struct pipc_error err = PIPC_ERROR_INIT;
    start_snapshots(&s);
    CHECK_OK(pipc_cgroups_cache_create(s.context, test_dir(), SERVICE, NULL, &cache, &err));
    pipc_cgroups_cache_status(cache, &status);
    CHECK(status.cache.populated == 0 && status.systemd_enabled == 0);
    CHECK_OK(pipc_cache_refresh_timeout(cache, 0, &err));
    pipc_cgroups_cache_status(cache, &status);
    CHECK(status.cache.populated == 1 && status.cache.item_count == 2);
    CHECK(status.systemd_enabled == 1 && status.cache.generation == 9);
    CHECK_EQ(status.cache.refresh_success_count, 1);
    pipc_cgroups_cache_status(NULL, &status);
    CHECK(status.cache.populated == 0 && status.systemd_enabled == 0);
    pipc_cache_destroy(cache);
    stack_end(&s);
}
