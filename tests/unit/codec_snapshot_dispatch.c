/* SPDX-License-Identifier: Apache-2.0
 *
 * CGROUPS_SNAPSHOT: one request through a callback, stage by stage; the call; payloads from named
 * fields.
 */
#include "test.h"

#include "codec_fixture.h"
#include "codec_snapshot.h"
#include "json_fields.h"

static const unsigned char good_request[4] = {1, 0, 0, 0};

/* What the callback does, and what it saw. */
struct script {
    unsigned calls;
    unsigned items;      /* to add */
    const char *path;    /* of each */
    uint32_t answer;     /* what it returns */
    bool ignores_errors; /* goes on after a failed add, and returns success */
    uint32_t slots;      /* seen */
    uint64_t cap;        /* seen */
};

static uint32_t provide(void *user, const struct pipc_request *from,
                        const struct pipc_cgroups_snapshot_request_view *request,
                        struct pipc_cgroups_snapshot_builder *builder)
{
    struct script *s = user;
    CHECK(from == NULL && request->layout_version == 1 && request->flags == 0);
    s->calls++;
    s->slots = builder->max_items;
    s->cap = builder->cap;
    for (unsigned i = 0; i < s->items; i++) {
        const pipc_result r =
            pipc_cgroups_snapshot_builder_add_text(builder, i, 0, 1, "n", s->path);
        if (r != PIPC_OK && !s->ignores_errors)
            return 0;
    }
    return s->answer;
}

/* Dispatches into a block of exactly `cap` bytes. */
static pipc_result dispatch(struct script *script, const void *request, size_t request_len,
                            uint32_t max_items, size_t cap, struct pipc_dispatched *ret)
{
    const struct pipc_cgroups_snapshot_handler h = {
        .size = sizeof(h), .user = script, .snapshot = provide};
    unsigned char *response = malloc(cap ? cap : 1);
    memset(response, 0xff, cap);
    const struct pipc_dispatch d = {.size = sizeof(d),
                                    .max_items = max_items,
                                    .handler = &h,
                                    .request = request,
                                    .request_len = request_len,
                                    .response = response,
                                    .response_cap = cap};
    *ret = (struct pipc_dispatched){.size = sizeof(*ret), .stage = 77};
    const pipc_result r = codec_linked("cgroups_snapshot_resp")->dispatch(&d, ret);
    if (r == PIPC_OK) {
        const struct pipc_cgroups_snapshot_view view =
            cgsnap_view(&(struct cgsnap_bytes){response, ret->response_len});
        CHECK_EQ(view.item_count, script->items);
        CHECK(view.systemd_enabled == 0 && view.generation == 0); /* unless set */
        CHECK_EQ(ret->stage, PIPC_STAGE_DONE);
    } else {
        CHECK_EQ(ret->response_len, 0);
    }
    free(response);
    return r;
}

TEST(codec_snapshot_dispatch, all_items_of_the_callback_are_answered)
{
    struct script s = {.items = 3, .path = "/p", .answer = 1};
    struct pipc_dispatched done;
    CHECK_OK(dispatch(&s, good_request, 4, 0, 1024, &done));
    CHECK_EQ(s.slots, (1024 - 24) / 48); /* by the estimate */
    CHECK_EQ(s.cap, 1024);               /* the limit, exactly */
    CHECK_OK(dispatch(&s, good_request, 4, 5, 1024, &done));
    CHECK_EQ(s.slots, 5); /* as configured */
    s.items = 0;
    CHECK_OK(dispatch(&s, good_request, 4, 0, 24, &done));
    CHECK_EQ(s.slots, 0);
    CHECK_EQ(done.response_len, 24);
}

TEST(codec_snapshot_dispatch, malformed_request_does_not_reach_the_callback)
{
    static const unsigned char bad[][4] = {{2, 0, 0, 0}, {1, 0, 1, 0}};
    struct script s = {.answer = 1};
    struct pipc_dispatched done;
    CHECK_RESULT(dispatch(&s, good_request, 3, 0, 1024, &done), PIPC_ERR_TRUNCATED);
    CHECK_EQ(done.stage, PIPC_STAGE_REQUEST);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_RESULT(dispatch(&s, bad[i], 4, 0, 1024, &done), PIPC_ERR_BAD_LAYOUT);
        CHECK_EQ(done.stage, PIPC_STAGE_REQUEST);
    }
    CHECK_EQ(s.calls, 0);
}

TEST(codec_snapshot_dispatch,
     response_shorter_than_header_and_directory_does_not_reach_the_callback)
{
    struct script s = {.answer = 1};
    struct pipc_dispatched done;
    for (size_t cap = 0; cap < 24 + 16; cap++) {
        CHECK_RESULT(dispatch(&s, good_request, 4, 2, cap, &done), PIPC_ERR_OVERFLOW);
        CHECK_EQ(done.stage, PIPC_STAGE_SPACE);
        CHECK_EQ(done.needed, 24 + 16);
    }
    CHECK_RESULT(dispatch(&s, good_request, 4, 0, 23, &done), PIPC_ERR_OVERFLOW);
    CHECK_EQ(s.calls, 0);
}

TEST(codec_snapshot_dispatch, callback_failure_without_a_builder_error)
{
    struct script s = {.items = 1, .path = "/p", .answer = 0};
    struct pipc_dispatched done;
    CHECK_RESULT(dispatch(&s, good_request, 4, 0, 1024, &done), PIPC_ERR_HANDLER_FAILED);
    CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
    CHECK_EQ(s.calls, 1);
}

TEST(codec_snapshot_dispatch, builder_error_wins_whatever_the_callback_says)
{
    struct script fails = {.items = 9, .path = "/p", .answer = 1};
    struct script ignores = {.items = 9, .path = "/p", .answer = 1, .ignores_errors = true};
    struct pipc_dispatched done;
    CHECK_RESULT(dispatch(&fails, good_request, 4, 8, 1024, &done), PIPC_ERR_OVERFLOW);
    CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
    CHECK_RESULT(dispatch(&ignores, good_request, 4, 8, 1024, &done), PIPC_ERR_OVERFLOW);
    CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
    CHECK_RESULT(dispatch(&ignores, good_request, 4, 9, 24 + 72 + 100, &done), PIPC_ERR_OVERFLOW);
    CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
}

static uint32_t provide_nul(void *user, const struct pipc_request *from,
                            const struct pipc_cgroups_snapshot_request_view *request,
                            struct pipc_cgroups_snapshot_builder *builder)
{
    const struct pipc_str_view name = {"a\0b", 3}, path = {"/", 1};
    (void)user;
    (void)from;
    (void)request;
    return pipc_cgroups_snapshot_builder_add(builder, 0, 0, 0, name, path) == PIPC_ERR_BAD_LAYOUT;
}

TEST(codec_snapshot_dispatch, later_errors_are_told_from_those_of_the_request_by_the_stage)
{
    const struct pipc_cgroups_snapshot_handler h = {.size = sizeof(h), .snapshot = provide_nul};
    unsigned char response[256];
    const struct pipc_dispatch d = {.size = sizeof(d),
                                    .handler = &h,
                                    .request = good_request,
                                    .request_len = 4,
                                    .response = response,
                                    .response_cap = sizeof(response)};
    struct pipc_dispatched done = {.size = sizeof(done)};
    /* BAD_LAYOUT is what a malformed request gives too. */
    CHECK_RESULT(codec_linked("cgroups_snapshot_resp")->dispatch(&d, &done), PIPC_ERR_BAD_LAYOUT);
    CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
}

TEST(codec_snapshot_dispatch, missing_callback_fails_every_request)
{
    const struct pipc_cgroups_snapshot_handler none = {.size = sizeof(none)};
    unsigned char response[256];
    struct pipc_dispatch d = {.size = sizeof(d),
                              .request = good_request,
                              .request_len = 4,
                              .response = response,
                              .response_cap = sizeof(response)};
    struct pipc_dispatched done = {.size = sizeof(done)};
    CHECK_RESULT(codec_linked("cgroups_snapshot_resp")->dispatch(&d, &done),
                 PIPC_ERR_HANDLER_FAILED);
    CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
    d.handler = &none;
    CHECK_RESULT(codec_linked("cgroups_snapshot_resp")->dispatch(&d, &done),
                 PIPC_ERR_HANDLER_FAILED);
    CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
}

TEST(codec_snapshot_dispatch, response_without_a_buffer_is_a_wrong_argument)
{
    const struct pipc_dispatch d = {
        .size = sizeof(d), .request = good_request, .request_len = 4, .response_cap = 100};
    struct pipc_dispatched done = {.size = sizeof(done)};
    CHECK_RESULT(codec_linked("cgroups_snapshot_resp")->dispatch(&d, &done), PIPC_ERR_BAD_PARAM);
    CHECK_EQ(done.stage, PIPC_STAGE_SPACE);
}

/* ---- the call ---- */

TEST(codec_snapshot_dispatch, call_ops_make_the_request_and_read_the_response)
{
    const struct pipc_call_ops *call = codec_linked("cgroups_snapshot_resp")->call;
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_snapshot_view view;
    unsigned char bytes[4];
    uint64_t size = 0;
    size_t len = 0;
    CHECK_EQ(call->input_size, 0);
    CHECK_EQ(call->output_size, sizeof(view));
    CHECK_OK(call->request_size(NULL, &size));
    CHECK_EQ(size, 4);
    CHECK_OK(call->encode(NULL, bytes, 4, &len));
    CHECK_EQ(len, 4);
    CHECK_MEM(bytes, good_request, 4);
    CHECK_RESULT(call->encode(NULL, bytes, 3, &len), PIPC_ERR_OVERFLOW);
    CHECK_OK(call->decode(two.at, two.len, &view));
    cgsnap_check_item(&view, 1, "xy", "/q");
    CHECK_RESULT(call->decode(two.at, 23, &view), PIPC_ERR_TRUNCATED);
    cgsnap_free(&two);
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

TEST(codec_snapshot_dispatch, fields_that_are_left_out_take_their_defaults)
{
    unsigned char buf[512];
    size_t len = 0;
    struct pipc_cgroups_snapshot_item_view item;
    CHECK_OK(build("cgroups_snapshot_resp", "{}", buf, sizeof(buf), &len));
    CHECK_EQ(len, 24);
    CHECK_OK(build("cgroups_snapshot_resp", "{\"item_count\":77,\"items\":[{},{\"name\":\"a\"}]}",
                   buf, sizeof(buf), &len));
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&(struct cgsnap_bytes){buf, len});
    CHECK_EQ(view.item_count, 2);
    CHECK_OK(pipc_cgroups_snapshot_item(&view, 0, &item));
    CHECK_EQ(item.hash, 2166136261u); /* FNV-1 of nothing */
    CHECK(item.options == 0 && item.enabled == 0 && item.name.len == 0 && item.path.len == 0);
    CHECK_OK(pipc_cgroups_snapshot_item(&view, 1, &item));
    CHECK_EQ(item.hash, 0x050c5d7eu); /* of "a", multiply then xor */
}

TEST(codec_snapshot_dispatch, fields_out_of_range_or_of_another_kind_are_refused)
{
    static const char *const bad[] = {"{\"layout_version\":2}",
                                      "{\"layout_version\":65536}",
                                      "{\"flags\":1}",
                                      "{\"flags\":\"x\"}",
                                      "{\"systemd_enabled\":4294967296}",
                                      "{\"generation\":-1}",
                                      "{\"items\":5}",
                                      "{\"items\":[{\"hash\":4294967296}]}",
                                      "{\"items\":[{\"options\":-1}]}",
                                      "{\"items\":[{\"enabled\":\"1\"}]}",
                                      "{\"items\":[{\"name\":1}]}",
                                      "{\"items\":[{\"path\":1}]}",
                                      "{\"items\":[{\"name\":\"a\\u0000b\"}]}",
                                      "{\"items\":[{\"path\":{\"hex\":\"6100\"}}]}"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unsigned char buf[256];
        size_t len = 99;
        const pipc_result r = build("cgroups_snapshot_resp", bad[i], buf, sizeof(buf), &len);
        CHECK_MSG(r == PIPC_ERR_BAD_LAYOUT, "%s: %s", bad[i], pipc_result_name(r));
        CHECK_EQ(len, 99);
    }
}

/* A source that does not keep to the maximum it was told. */
static pipc_result number_above_its_maximum(void *arg, pipc_node node, const char *name,
                                            uint64_t max, uint64_t *ret_value)
{
    (void)arg;
    (void)node;
    (void)name;
    *ret_value = max == UINT64_MAX ? max : max + 1;
    return PIPC_OK;
}

TEST(codec_snapshot_dispatch, numbers_above_the_maximum_are_refused_whatever_the_source_does)
{
    unsigned char buf[64];
    size_t len = 99;
    const struct pipc_fields fields = {.size = sizeof(fields), .number = number_above_its_maximum};
    CHECK_RESULT(codec_build(codec_linked("cgroups_snapshot_resp"), "cgroups_snapshot_resp",
                             &fields, buf, sizeof(buf), &len),
                 PIPC_ERR_BAD_LAYOUT);
    CHECK_EQ(len, 99);
}

TEST(codec_snapshot_dispatch, fields_without_room)
{
    unsigned char buf[64];
    size_t len = 99;
    CHECK_RESULT(build("cgroups_snapshot_resp", "{}", buf, 23, &len), PIPC_ERR_OVERFLOW);
    CHECK_RESULT(build("cgroups_snapshot_resp", "{\"items\":[{}]}", buf, 65 - 1, &len),
                 PIPC_ERR_OVERFLOW);
    CHECK_RESULT(build("cgroups_snapshot_resp", "{\"items\":[{},{},{},{},{},{}]}", buf, 64, &len),
                 PIPC_ERR_OVERFLOW);
    CHECK_RESULT(build("cgroups_snapshot_resp", "{}", buf, 64, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(build("cgroups_snapshot_req", "{\"flags\":1}", buf, 64, &len),
                 PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(build("cgroups_snapshot_req", "{}", buf, 3, &len), PIPC_ERR_OVERFLOW);
    CHECK_EQ(len, 99);
    CHECK_OK(build("cgroups_snapshot_req", "{}", buf, 64, &len));
    CHECK_EQ(len, 4);
}

TEST(codec_snapshot_dispatch, walks_end_with_the_result_of_the_visitor_wherever_it_comes)
{
    struct cgsnap_bytes two = cgsnap_two();
    struct codec_reader whole;
    codec_reader_init(&whole);
    CHECK_OK(codec_walk(codec_linked("cgroups_snapshot_resp"), "cgroups_snapshot_resp", two.at,
                        two.len, &whole.visitor));
    CHECK_EQ(whole.calls, 5 + 1 + 2 * 7 + 1);
    for (uint64_t at = 1; at <= whole.calls; at++) {
        struct codec_reader reader;
        codec_reader_init(&reader);
        reader.fail_at = at;
        reader.fail_with = PIPC_ERR_ABORTED;
        CHECK_RESULT(codec_walk(codec_linked("cgroups_snapshot_resp"), "cgroups_snapshot_resp",
                                two.at, two.len, &reader.visitor),
                     PIPC_ERR_ABORTED);
        CHECK_EQ(reader.calls, at);
    }
    for (uint64_t at = 1; at <= 2; at++) {
        struct codec_reader reader;
        codec_reader_init(&reader);
        reader.fail_at = at;
        reader.fail_with = PIPC_ERR_ABORTED;
        CHECK_RESULT(codec_walk(codec_linked("cgroups_snapshot_req"), "cgroups_snapshot_req",
                                good_request, 4, &reader.visitor),
                     PIPC_ERR_ABORTED);
    }
    cgsnap_free(&two);
}
