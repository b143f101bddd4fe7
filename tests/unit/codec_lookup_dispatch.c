/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookups: one request through a callback, stage by stage; payloads from named fields.
 */
#include "test.h"

#include "codec_fixture.h"
#include "json_fields.h"
#include "lookup_bytes.h"

#include <pthread.h>

/* What a callback does. */
struct script {
    unsigned calls;
    uint32_t adds;       /* items that it adds, each with a long name */
    uint16_t status;     /* of all of them */
    uint32_t answer;     /* what it returns */
    bool ignores_errors; /* goes on after a failed add */
    uint64_t cap;        /* seen */
    const char *name;
};

static uint32_t provide_cgroups(void *user, const struct pipc_request *from,
                                const struct pipc_cgroups_lookup_request_view *request,
                                struct pipc_cgroups_lookup_builder *builder)
{
    struct script *s = user;
    CHECK(from == NULL && request->item_count == 2);
    s->calls++;
    s->cap = builder->state.cap;
    for (uint32_t i = 0; i < s->adds; i++) {
        struct pipc_cgroups_lookup_item item = lk_cgroup(i ? "/bcdefgh" : "/a", s->name);
        item.status = s->status;
        if (pipc_cgroups_lookup_builder_add(builder, &item) != PIPC_OK && !s->ignores_errors)
            return 0;
    }
    return s->answer;
}

static uint32_t provide_apps(void *user, const struct pipc_request *from,
                             const struct pipc_apps_lookup_request_view *request,
                             struct pipc_apps_lookup_builder *builder)
{
    struct script *s = user;
    CHECK(from == NULL && request->item_count == 2);
    s->calls++;
    s->cap = builder->state.cap;
    for (uint32_t i = 0; i < s->adds; i++) {
        struct pipc_apps_lookup_item item = lk_app(i ? 4242 : 1, "comm", "/c", s->name);
        item.status = s->status;
        if (pipc_apps_lookup_builder_add(builder, &item) != PIPC_OK && !s->ignores_errors)
            return 0;
    }
    return s->answer;
}

/* Dispatches into a block of exactly `cap` bytes. */
static pipc_result dispatch(bool apps, struct script *script, const void *request,
                            size_t request_len, size_t cap, struct pipc_dispatched *ret)
{
    const struct pipc_cgroups_lookup_handler c = {
        .size = sizeof(c), .user = script, .lookup = provide_cgroups};
    const struct pipc_apps_lookup_handler a = {
        .size = sizeof(a), .user = script, .lookup = provide_apps};
    const char *kind = apps ? "apps_lookup_resp" : "cgroups_lookup_resp";
    unsigned char *response = malloc(cap ? cap : 1);
    memset(response, 0xff, cap);
    const struct pipc_dispatch d = {.size = sizeof(d),
                                    .handler = apps ? (const void *)&a : (const void *)&c,
                                    .request = request,
                                    .request_len = request_len,
                                    .response = response,
                                    .response_cap = cap};
    *ret = (struct pipc_dispatched){.size = sizeof(*ret), .stage = 77};
    const pipc_result r = codec_linked(kind)->dispatch(&d, ret);
    if (r == PIPC_OK)
        CHECK_OK(codec_verdict(codec_linked(kind), kind, response, ret->response_len));
    else
        CHECK_EQ(ret->response_len, 0);
    CHECK((r == PIPC_OK) == (ret->stage == PIPC_STAGE_DONE));
    free(response);
    return r;
}

static pipc_result dispatch_good(bool apps, struct script *script, size_t cap,
                                 struct pipc_dispatched *ret)
{
    const struct lk_bytes *request = apps ? &lk_pids : &lk_paths;
    return dispatch(apps, script, request->at, request->len, cap, ret);
}

#define EACH_LOOKUP(apps) for (unsigned apps = 0; apps < 2; apps++)

/* Header, directory, and both placeholders. */
static uint64_t least(bool apps)
{
    return apps ? 32 + 64 + 63 : 32 + 32 + 38;
}

TEST(codec_lookup_dispatch, all_keys_are_answered_within_the_limit)
{
    EACH_LOOKUP(apps)
    {
        struct script s = {.adds = 2, .answer = 1, .name = "name"};
        struct pipc_dispatched done;
        CHECK_OK(dispatch_good(apps, &s, 1024, &done));
        CHECK_EQ(s.cap, 1024);
        CHECK_OK(
            dispatch_good(apps, &s, least(apps), &done)); /* placeholders, which is a success */
        CHECK_EQ(done.response_len, least(apps));
        CHECK_EQ(s.calls, 2);
    }
}

TEST(codec_lookup_dispatch, malformed_request_does_not_reach_the_callback)
{
    EACH_LOOKUP(apps)
    {
        struct script s = {.adds = 2, .answer = 1, .name = "name"};
        struct pipc_dispatched done;
        const struct lk_bytes *good = apps ? &lk_pids : &lk_paths;
        unsigned char bad[64];
        memcpy(bad, good->at, good->len);
        bad[0] = 2;
        CHECK_RESULT(dispatch(apps, &s, bad, good->len, 1024, &done), PIPC_ERR_BAD_LAYOUT);
        CHECK_EQ(done.stage, PIPC_STAGE_REQUEST);
        CHECK_RESULT(dispatch(apps, &s, good->at, 15, 1024, &done), PIPC_ERR_TRUNCATED);
        CHECK_EQ(done.stage, PIPC_STAGE_REQUEST);
        CHECK_EQ(s.calls, 0);
    }
}

TEST(codec_lookup_dispatch, response_shorter_than_header_and_directory_does_not_reach_the_callback)
{
    EACH_LOOKUP(apps)
    {
        struct script s = {.adds = 2, .answer = 1, .name = "name"};
        struct pipc_dispatched done;
        for (size_t cap = 0; cap < 32; cap++) {
            CHECK_RESULT(dispatch_good(apps, &s, cap, &done), PIPC_ERR_OVERFLOW);
            CHECK_EQ(done.stage, PIPC_STAGE_SPACE);
            CHECK_EQ(done.needed, least(apps));
        }
        CHECK_EQ(s.calls, 0);
        for (size_t cap = 32; cap < least(apps); cap++) {
            CHECK_RESULT(dispatch_good(apps, &s, cap, &done), PIPC_ERR_OVERFLOW);
            CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
            CHECK_EQ(done.needed, least(apps));
        }
    }
}

TEST(codec_lookup_dispatch, callback_fails_with_and_without_a_builder_error)
{
    EACH_LOOKUP(apps)
    {
        struct script fails = {.adds = 2, .answer = 0, .name = "name"};
        struct script bad = {.adds = 2, .answer = 1, .status = 1, .name = "name"};
        struct script ignores = {
            .adds = 2, .answer = 1, .status = 1, .name = "name", .ignores_errors = true};
        struct pipc_dispatched done;
        CHECK_RESULT(dispatch_good(apps, &fails, 1024, &done), PIPC_ERR_HANDLER_FAILED);
        CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
        /* BAD_LAYOUT is what a malformed request gives too: the stage tells them apart. */
        CHECK_RESULT(dispatch_good(apps, &bad, 1024, &done), PIPC_ERR_BAD_LAYOUT);
        CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
        CHECK_RESULT(dispatch_good(apps, &ignores, 1024, &done), PIPC_ERR_BAD_LAYOUT);
        CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
        CHECK_EQ(done.needed, 0);
    }
}

TEST(codec_lookup_dispatch, callback_that_adds_too_few_or_too_many_items)
{
    EACH_LOOKUP(apps)
    {
        struct script none = {.adds = 0, .answer = 1, .name = "name"};
        struct script few = {.adds = 1, .answer = 1, .name = "name"};
        struct script many = {.adds = 3, .answer = 1, .name = "name", .ignores_errors = true};
        struct pipc_dispatched done;
        CHECK_RESULT(dispatch_good(apps, &none, 1024, &done), PIPC_ERR_BAD_ITEM_COUNT);
        CHECK_RESULT(dispatch_good(apps, &few, 1024, &done), PIPC_ERR_BAD_ITEM_COUNT);
        CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
        CHECK_RESULT(dispatch_good(apps, &many, 1024, &done), PIPC_ERR_OVERFLOW);
        CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
        CHECK_EQ(done.needed, 0); /* more room would not help */
    }
}

TEST(codec_lookup_dispatch, missing_callback_and_missing_buffer)
{
    const struct pipc_cgroups_lookup_handler c = {.size = sizeof(c)}, old = {.size = 8};
    const struct pipc_apps_lookup_handler a = {.size = sizeof(a)};
    const void *const handlers[2][3] = {{NULL, &c, &old}, {NULL, &a, &old}};
    EACH_LOOKUP(apps)
    {
        const struct lk_bytes *request = apps ? &lk_pids : &lk_paths;
        const struct pipc_codec_ops *ops = codec_linked(request->kind);
        unsigned char response[512];
        struct pipc_dispatch d = {.size = sizeof(d),
                                  .request = request->at,
                                  .request_len = request->len,
                                  .response = response,
                                  .response_cap = sizeof(response)};
        struct pipc_dispatched done = {.size = sizeof(done)};
        for (unsigned i = 0; i < 3; i++) {
            d.handler = handlers[apps][i];
            CHECK_RESULT(ops->dispatch(&d, &done), PIPC_ERR_HANDLER_FAILED);
            CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
        }
        d.response = NULL;
        CHECK_RESULT(ops->dispatch(&d, &done), PIPC_ERR_BAD_PARAM);
        CHECK_EQ(done.stage, PIPC_STAGE_SPACE);
    }
}

/* ---- a buffer that somebody else changes ---- */

struct scribbler {
    unsigned char *buf;
    size_t len;
    int stop;
};

static void *scribble(void *arg)
{
    struct scribbler *s = arg;
    uint64_t state = 99;
    while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
        const uint64_t r = codec_random(&state);
        __atomic_store_n(&s->buf[(r >> 8) % s->len], (unsigned char)r, __ATOMIC_RELAXED);
    }
    return NULL;
}

TEST(codec_lookup_dispatch, buffer_changed_by_another_thread_decides_nothing)
{
    if (test_thread_checked())
        test_skip("the race is the point of the test");
    const struct pipc_label_view labels[] = {lk_label("k", "v")};
    struct pipc_cgroups_lookup_item item = lk_cgroup("/path", "name");
    struct scribbler s = {.len = 1024};
    pthread_t thread;
    item.labels = labels;
    item.label_count = 1;
    s.buf = malloc(s.len); /* an access outside is seen by the sanitizer */
    memset(s.buf, 0, s.len);
    CHECK(pthread_create(&thread, NULL, scribble, &s) == 0);
    for (unsigned round = 0; round < test_scale(20000); round++) {
        struct pipc_cgroups_lookup_builder b;
        CHECK_OK(pipc_cgroups_lookup_builder_init(pipc_cgroups_lookup_linked(), &b, s.buf, s.len,
                                                  30, round));
        for (unsigned i = 0; i < 9; i++)
            CHECK_OK(pipc_cgroups_lookup_builder_add(&b, &item));
        CHECK_EQ(pipc_cgroups_lookup_builder_finish(&b), 16 + 9 * 8 + 8 * 64 + 60);
    }
    __atomic_store_n(&s.stop, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    free(s.buf);
}

/* ---- fields ---- */

static pipc_result build(const char *kind, const char *json, unsigned char *buf, size_t cap,
                         size_t *ret_len)
{
    struct json_source source;
    struct json_object *top = json_tokener_parse(json);
    CHECK_MSG(top != NULL, "no JSON: %s", json);
    json_source_init(&source, top);
    const pipc_result r = codec_build(codec_linked(kind), kind, &source.fields, buf, cap, ret_len);
    json_source_done(&source);
    json_object_put(top);
    return r;
}

TEST(codec_lookup_dispatch, fields_that_are_left_out_take_their_defaults)
{
    unsigned char buf[512];
    size_t len = 0;
    struct pipc_apps_lookup_view view;
    struct pipc_apps_lookup_item_view item;
    static const char *const kinds[] = {"cgroups_lookup_req", "cgroups_lookup_resp",
                                        "apps_lookup_req", "apps_lookup_resp"};
    for (unsigned i = 0; i < 4; i++) {
        CHECK_OK(build(kinds[i], "{\"item_count\":77}", buf, sizeof(buf), &len));
        CHECK_EQ(len, 16);
    }
    CHECK_OK(
        build("apps_lookup_req", "{\"items\":[{},{\"pid\":4294967295}]}", buf, sizeof(buf), &len));
    CHECK_EQ(len, 48);
    CHECK_OK(build("apps_lookup_resp",
                   "{\"items\":[{\"status\":1},{\"comm\":\"a\",\"cgroup_status\":3},"
                   "{\"status\":1,\"uid\":4294967295,\"label_count\":9}]}",
                   buf, sizeof(buf), &len));
    CHECK_OK(pipc_apps_lookup_decode(pipc_apps_lookup_linked(), buf, len, &view));
    CHECK_OK(pipc_apps_lookup_item(&view, 0, &item));
    CHECK_EQ(item.uid, PIPC_UID_UNSET); /* the one value that it may have */
    CHECK_OK(pipc_apps_lookup_item(&view, 1, &item));
    CHECK(item.uid == 0 && item.pid == 0 && item.label_count == 0);
}

TEST(codec_lookup_dispatch, fields_out_of_range_or_of_another_kind_are_refused)
{
    static const struct {
        const char *kind, *json;
    } bad[] = {
        {"cgroups_lookup_req", "{\"layout_version\":2}"},
        {"cgroups_lookup_req", "{\"items\":5}"},
        {"cgroups_lookup_req", "{\"items\":[{}]}"},
        {"cgroups_lookup_req", "{\"items\":[{\"path\":1}]}"},
        {"cgroups_lookup_req", "{\"items\":[{\"path\":\"a\\u0000b\"}]}"},
        {"apps_lookup_req", "{\"flags\":1}"},
        {"apps_lookup_req", "{\"items\":[{\"pid\":4294967296}]}"},
        {"apps_lookup_req", "{\"items\":[{\"pid\":-1}]}"},
        {"cgroups_lookup_resp", "{\"flags\":1}"},
        {"cgroups_lookup_resp", "{\"generation\":-1}"},
        {"cgroups_lookup_resp", "{\"budget\":-1}"},
        {"cgroups_lookup_resp", "{\"items\":5}"},
        {"cgroups_lookup_resp", "{\"items\":[{}]}"},
        {"cgroups_lookup_resp", "{\"items\":[{\"path\":\"a\",\"status\":5}]}"},
        {"cgroups_lookup_resp", "{\"items\":[{\"path\":\"a\",\"status\":65536}]}"},
        {"cgroups_lookup_resp", "{\"items\":[{\"path\":\"a\",\"orchestrator\":65536}]}"},
        {"cgroups_lookup_resp", "{\"items\":[{\"path\":7}]}"},
        {"cgroups_lookup_resp", "{\"budget\":99,\"items\":[{\"path\":7}]}"},
        {"cgroups_lookup_resp", "{\"items\":[{\"path\":\"a\",\"name\":7}]}"},
        {"cgroups_lookup_resp", "{\"items\":[{\"path\":\"a\",\"labels\":7}]}"},
        {"cgroups_lookup_resp", "{\"items\":[{\"path\":\"a\",\"labels\":[{\"key\":\"\"}]}]}"},
        {"cgroups_lookup_resp", "{\"items\":[{\"path\":\"a\",\"labels\":[{\"key\":7}]}]}"},
        {"cgroups_lookup_resp",
         "{\"items\":[{\"path\":\"a\",\"labels\":[{\"key\":\"k\",\"value\":7}]}]}"},
        {"apps_lookup_resp", "{\"layout_version\":0}"},
        {"apps_lookup_resp", "{\"items\":[{\"pid\":1}]}"},
        {"apps_lookup_resp", "{\"items\":[{\"status\":65536}]}"},
        {"apps_lookup_resp", "{\"items\":[{\"orchestrator\":65536}]}"},
        {"apps_lookup_resp", "{\"items\":[{\"cgroup_status\":65536}]}"},
        {"apps_lookup_resp", "{\"items\":[{\"pid\":4294967296}]}"},
        {"apps_lookup_resp", "{\"items\":[{\"ppid\":4294967296}]}"},
        {"apps_lookup_resp", "{\"items\":[{\"uid\":4294967296}]}"},
        {"apps_lookup_resp", "{\"items\":[{\"starttime\":-1}]}"},
        {"apps_lookup_resp", "{\"items\":[{\"comm\":7}]}"},
        {"apps_lookup_resp", "{\"items\":[{\"cgroup_path\":7}]}"},
        {"apps_lookup_resp", "{\"items\":[{\"cgroup_name\":7}]}"},
        {"apps_lookup_resp", "{\"items\":[{\"labels\":7}]}"},
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unsigned char buf[256];
        size_t len = 99;
        const pipc_result r = build(bad[i].kind, bad[i].json, buf, sizeof(buf), &len);
        CHECK_MSG(r == PIPC_ERR_BAD_LAYOUT, "%s: %s", bad[i].json, pipc_result_name(r));
        CHECK_EQ(len, 99);
    }
}

TEST(codec_lookup_dispatch, too_little_room_for_fields_is_an_overflow_and_makes_no_placeholder)
{
    static const char *const kinds[] = {"cgroups_lookup_req", "cgroups_lookup_resp",
                                        "apps_lookup_req", "apps_lookup_resp"};
    static const char json[] =
        "{\"items\":[{\"path\":\"/a\",\"pid\":1,\"comm\":\"sh\","
        "\"cgroup_path\":\"/a\",\"labels\":[{\"key\":\"k\"}]},"
        "{\"path\":\"/b\",\"pid\":2,\"comm\":\"sh\",\"cgroup_path\":\"/a\"}]}";
    for (unsigned i = 0; i < 4; i++) {
        unsigned char whole[512];
        size_t len = 0, short_len = 99;
        CHECK_OK(build(kinds[i], json, whole, sizeof(whole), &len));
        for (size_t cap = 0; cap < len; cap++)
            CHECK_RESULT(build(kinds[i], json, whole, cap, &short_len), PIPC_ERR_OVERFLOW);
        CHECK_EQ(short_len, 99);
        CHECK_RESULT(build(kinds[i], json, whole, sizeof(whole), NULL), PIPC_ERR_BAD_PARAM);
    }
}

TEST(codec_lookup_dispatch, budget_of_the_source_makes_placeholders_and_room_below_it_does_not)
{
    static const char *const kinds[] = {"cgroups_lookup_resp", "apps_lookup_resp"};
    for (unsigned i = 0; i < 2; i++) {
        char json[512];
        unsigned char buf[512];
        size_t len = 0;
        const size_t budget = i ? 32 + 64 + 63 : 32 + 32 + 32;
        snprintf(json, sizeof(json),
                 "{\"budget\":%zu,\"items\":[{\"path\":\"/a\",\"name\":\"1234567890\","
                 "\"comm\":\"sh\",\"cgroup_path\":\"/1234567890\"},"
                 "{\"path\":\"/b\",\"name\":\"1234567890\",\"comm\":\"sh\","
                 "\"cgroup_path\":\"/1234567890\"}]}",
                 budget);
        CHECK_OK(build(kinds[i], json, buf, sizeof(buf), &len));
        CHECK_EQ(len, budget);
        CHECK(buf[32 + 2] == (i ? 3 : 4)); /* OVERSIZED_ITEM */
        CHECK_RESULT(build(kinds[i], json, buf, budget - 1, &len), PIPC_ERR_OVERFLOW);
    }
}

/* A source whose labels grow between one look at them and the next. */
struct growing {
    struct pipc_fields fields;
    unsigned looks, fail_at;
    pipc_result fail_with;
};

static pipc_result growing_number(void *arg, pipc_node node, const char *name, uint64_t max,
                                  uint64_t *ret_value)
{
    (void)arg;
    (void)node;
    (void)name;
    (void)max;
    (void)ret_value;
    return PIPC_ERR_NOT_SUPPORTED;
}

static pipc_result growing_string(void *arg, pipc_node node, const char *name,
                                  const void **ret_bytes, size_t *ret_len)
{
    struct growing *g = arg;
    (void)node;
    const bool label = strcmp(name, "key") == 0 || strcmp(name, "value") == 0;
    if (label && ++g->looks == g->fail_at && g->fail_with != PIPC_OK)
        return g->fail_with;
    *ret_bytes = "/abcdefghijklmnopqrstuvwxyz";
    *ret_len = label && g->fail_at && g->looks >= g->fail_at ? 27 : 1;
    return PIPC_OK;
}

static pipc_result growing_list(void *arg, pipc_node node, const char *name, uint32_t *ret_count)
{
    (void)arg;
    (void)node;
    (void)name;
    *ret_count = 1;
    return PIPC_OK;
}

static pipc_result growing_item(void *arg, pipc_node node, const char *name, uint32_t index,
                                pipc_node *ret_item)
{
    (void)node;
    (void)name;
    (void)index;
    *ret_item = arg;
    return PIPC_OK;
}

static pipc_result build_growing(unsigned fail_at, pipc_result fail_with, size_t cap)
{
    struct growing g = {.fail_at = fail_at, .fail_with = fail_with};
    g.fields = (struct pipc_fields){.size = sizeof(g.fields),
                                    .arg = &g,
                                    .number = growing_number,
                                    .string = growing_string,
                                    .list = growing_list,
                                    .item = growing_item};
    unsigned char *buf = malloc(cap); /* a byte too many is seen by the sanitizer */
    size_t len = 0;
    const pipc_result r = codec_build(codec_linked("cgroups_lookup_resp"), "cgroups_lookup_resp",
                                      &g.fields, buf, cap, &len);
    free(buf);
    return r;
}

TEST(codec_lookup_dispatch, labels_of_a_source_that_changes_between_two_looks_are_not_written)
{
    /* One key and one value: looks 1 and 2 measure, 3 and 4 write. 24 + 32 + 16 + 4 bytes. */
    CHECK_OK(build_growing(0, PIPC_OK, 76));
    CHECK_RESULT(build_growing(3, PIPC_OK, 76), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(build_growing(4, PIPC_OK, 76), PIPC_ERR_BAD_LAYOUT);
    for (unsigned look = 1; look <= 4; look++)
        CHECK_RESULT(build_growing(look, PIPC_ERR_ABORTED, 76), PIPC_ERR_ABORTED);
}

TEST(codec_lookup_dispatch, walks_end_with_the_result_of_the_visitor_wherever_it_comes)
{
    const struct lk_bytes *const all[] = {&lk_paths, &lk_cgroups, &lk_pids, &lk_apps};
    for (unsigned i = 0; i < 4; i++) {
        const struct pipc_codec_ops *ops = codec_linked(all[i]->kind);
        struct codec_reader whole;
        codec_reader_init(&whole);
        CHECK_OK(codec_walk(ops, all[i]->kind, all[i]->at, all[i]->len, &whole.visitor));
        CHECK(whole.calls > 5);
        for (uint64_t at = 1; at <= whole.calls; at++) {
            struct codec_reader reader;
            codec_reader_init(&reader);
            reader.fail_at = at;
            reader.fail_with = PIPC_ERR_ABORTED;
            CHECK_RESULT(codec_walk(ops, all[i]->kind, all[i]->at, all[i]->len, &reader.visitor),
                         PIPC_ERR_ABORTED);
            CHECK_EQ(reader.calls, at);
        }
    }
}
