/* SPDX-License-Identifier: Apache-2.0
 *
 * STRING_REVERSE: round trips, room, every field of the layout, callbacks.
 */
#include "test.h"

#include "base_memory.h"
#include "codec_fixture.h"
#include "json_fields.h"

#include <pipc/codecs/string_reverse.h>

static const struct pipc_string_reverse_table *table(void)
{
    return pipc_string_reverse_linked();
}

static void round_trip(const void *str, size_t len)
{
    unsigned char *bytes = malloc(9 + len);
    struct pipc_string_reverse_view view;
    size_t got = 0;
    CHECK_OK(pipc_string_reverse_encode(table(), str, len, bytes, 9 + len, &got));
    CHECK_EQ(got, 9 + len);
    CHECK_OK(pipc_string_reverse_decode(table(), bytes, got, &view));
    CHECK(view.table == table() && view.str.ptr == (const char *)bytes + 8);
    CHECK_EQ(view.str.len, len);
    CHECK_MEM(view.str.ptr, str ? str : "", len);
    CHECK_EQ(view.str.ptr[len], 0);
    free(bytes);
}

TEST(codec_string_reverse, table_and_constants_are_those_of_the_page)
{
    const struct pipc_codec_ops *ops = pipc_module_string_reverse.ops;
    CHECK_EQ(table()->size, sizeof(*table()));
    CHECK_EQ(table()->major, PIPC_STRING_REVERSE_TABLE_MAJOR);
    CHECK_EQ(ops->code, 3);
    CHECK_EQ(PIPC_METHOD_STRING_REVERSE, 3);
    CHECK_EQ(PIPC_STRING_REVERSE_HDR_LEN, 8);
    CHECK_EQ(ops->traits, PIPC_CODEC_BATCH);
    CHECK_EQ(ops->call->batch, 1);
    CHECK_STR(pipc_module_string_reverse.name, "string_reverse");
}

TEST(codec_string_reverse, round_trip_of_short_strings)
{
    round_trip(NULL, 0);
    round_trip("", 0);
    round_trip("a", 1);
    round_trip("hello", 5);
    round_trip("in\0ner\0", 7);
    round_trip("\xff\xfe\x80", 3);
}

TEST(codec_string_reverse, round_trip_of_long_strings_and_all_byte_values)
{
    static const size_t lens[] = {256, 4096, 1u << 20};
    for (unsigned i = 0; i < 3; i++) {
        unsigned char *str = malloc(lens[i]);
        for (size_t at = 0; at < lens[i]; at++)
            str[at] = (unsigned char)(at * 7);
        round_trip(str, lens[i]);
        free(str);
    }
}

TEST(codec_string_reverse, bytes_of_abc)
{
    static const unsigned char expected[] = {8, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 'c', 0};
    const uint16_t one = 1;
    unsigned char bytes[12];
    size_t len = 0;
    if (*(const unsigned char *)&one != 1)
        test_skip("the example is of a little-endian host");
    CHECK_OK(pipc_string_reverse_encode(table(), "abc", 3, bytes, sizeof(bytes), &len));
    CHECK_EQ(len, 12);
    CHECK_MEM(bytes, expected, 12);
}

TEST(codec_string_reverse, encode_needs_exactly_its_length)
{
    unsigned char bytes[16];
    size_t len = 99;
    memset(bytes, 0xee, sizeof(bytes));
    CHECK_RESULT(pipc_string_reverse_encode(table(), "abc", 3, bytes, 11, &len), PIPC_ERR_OVERFLOW);
    CHECK_RESULT(pipc_string_reverse_encode(table(), "", 0, bytes, 8, &len), PIPC_ERR_OVERFLOW);
    CHECK_RESULT(pipc_string_reverse_encode(table(), "", 0, NULL, 0, &len), PIPC_ERR_OVERFLOW);
    CHECK_EQ(len, 99);
    CHECK_OK(pipc_string_reverse_encode(table(), "abc", 3, bytes, 12, &len));
    CHECK_EQ(len, 12);
    for (unsigned i = 12; i < sizeof(bytes); i++)
        CHECK_EQ(bytes[i], 0xee);
}

TEST(codec_string_reverse, encode_refuses_missing_pointers)
{
    unsigned char bytes[16];
    size_t len = 99;
    CHECK_OK(pipc_string_reverse_encode(table(), NULL, 0, bytes, 16, &len));
    CHECK_EQ(len, 9);
    CHECK_RESULT(pipc_string_reverse_encode(table(), NULL, 1, bytes, 16, &len), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_string_reverse_encode(table(), "a", 1, NULL, 16, &len), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_string_reverse_encode(table(), "a", 1, bytes, 16, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_EQ(len, 9);
}

TEST(codec_string_reverse, encode_of_lengths_that_no_payload_has_is_an_overflow)
{
    /* The room is simulated: nothing may be touched. */
    unsigned char bytes[16];
    size_t len = 99;
    static const uint64_t lens[] = {0xfffffff7u,    0xffffffffu,    0x100000000u,
                                    UINT64_MAX - 9, UINT64_MAX - 8, UINT64_MAX};
    memset(bytes, 0xee, sizeof(bytes));
    for (unsigned i = 0; i < 6; i++) {
        const size_t str_len = (size_t)lens[i];
        if (str_len == lens[i]) /* others are none where size_t has 32 bits */
            CHECK_RESULT(pipc_string_reverse_encode(table(), "a", str_len, bytes, SIZE_MAX, &len),
                         PIPC_ERR_OVERFLOW);
    }
    CHECK_EQ(len, 99);
    CHECK_EQ(bytes[0], 0xee);
}

TEST(codec_string_reverse, string_may_lie_in_place)
{
    unsigned char bytes[12] = {0};
    struct pipc_string_reverse_view view;
    size_t len = 0;
    memcpy(bytes + 8, "cba", 4);
    bytes[11] = 0xff;
    CHECK_OK(pipc_string_reverse_encode(table(), bytes + 8, 3, bytes, 12, &len));
    CHECK_OK(pipc_string_reverse_decode(table(), bytes, len, &view));
    CHECK_STR(view.str.ptr, "cba");
}

/* ---- decode ---- */

/* Decodes head and tail from a block of exactly their length. */
static pipc_result decode(uint32_t offset, uint32_t length, const void *tail, size_t tail_len)
{
    struct pipc_string_reverse_view view;
    unsigned char *bytes = malloc(8 + tail_len);
    memcpy(bytes, &offset, 4);
    memcpy(bytes + 4, &length, 4);
    if (tail_len > 0)
        memcpy(bytes + 8, tail, tail_len);
    const pipc_result r = pipc_string_reverse_decode(table(), bytes, 8 + tail_len, &view);
    if (r == PIPC_OK)
        CHECK_EQ(view.str.len, length);
    free(bytes);
    return r;
}

TEST(codec_string_reverse, decode_of_short_payloads)
{
    static const size_t lens[] = {0, 1, 7};
    const unsigned char bytes[8] = {8};
    struct pipc_string_reverse_view view;
    for (unsigned i = 0; i < 3; i++)
        CHECK_RESULT(pipc_string_reverse_decode(table(), bytes, lens[i], &view),
                     PIPC_ERR_TRUNCATED);
    CHECK_RESULT(decode(8, 0, NULL, 0), PIPC_ERR_OUT_OF_BOUNDS); /* the header alone */
    CHECK_OK(decode(8, 0, "", 1));
}

TEST(codec_string_reverse, decode_refuses_every_other_offset)
{
    static const uint32_t offsets[] = {0, 7, 9, 16, 0xffffffffu};
    for (unsigned i = 0; i < 5; i++) {
        CHECK_RESULT(decode(offsets[i], 3, "abc", 4), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(decode(offsets[i], 0xffffffffu, "abc", 4), PIPC_ERR_BAD_LAYOUT);
    }
}

TEST(codec_string_reverse, decode_of_every_wrong_length)
{
    static const uint32_t lengths[] = {4, 12, 0x7fffffffu, 0xfffffff6u, 0xfffffff7u, 0xffffffffu};
    CHECK_RESULT(decode(8, 2, "abc", 4), PIPC_ERR_MISSING_NUL);
    for (unsigned i = 0; i < 6; i++)
        CHECK_RESULT(decode(8, lengths[i], "abc", 4), PIPC_ERR_OUT_OF_BOUNDS);
}

TEST(codec_string_reverse, decode_needs_the_final_nul_and_ignores_what_follows)
{
    CHECK_RESULT(decode(8, 3, "abcX", 4), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(decode(8, 3, "abc", 3), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_OK(decode(8, 3, "abc\0surplus", 11));
}

/* ---- copies ---- */

TEST(codec_string_reverse, copy_survives_the_payload_with_its_inner_nul)
{
    struct base_memory memory;
    struct pipc_string_reverse_view view;
    struct pipc_string_reverse *copy = NULL;
    unsigned char *bytes = malloc(12);
    size_t len;
    base_memory_init(&memory);
    CHECK_OK(pipc_string_reverse_encode(table(), "a\0c", 3, bytes, 12, &len));
    CHECK_OK(pipc_string_reverse_decode(table(), bytes, len, &view));
    CHECK_OK(pipc_string_reverse_copy(&view, &memory.allocator, &copy));
    memset(bytes, 0xff, 12);
    free(bytes);
    CHECK_EQ(copy->str.len, 3);
    CHECK_MEM(copy->str.ptr, "a\0c", 4);
    pipc_string_reverse_free(&memory.allocator, copy);
    pipc_string_reverse_free(&memory.allocator, NULL);
    CHECK_EQ(memory.live, 0);
}

TEST(codec_string_reverse, copy_without_memory_leaves_nothing_behind)
{
    struct base_memory memory;
    struct pipc_string_reverse_view view = {.table = table(), .str = {"abc", 3}};
    struct pipc_string_reverse *const before = (struct pipc_string_reverse *)&view, *copy = before;
    base_memory_init(&memory);
    memory.fail_at = 1;
    CHECK_RESULT(pipc_string_reverse_copy(&view, &memory.allocator, &copy), PIPC_ERR_ALLOC);
    view.str.len = SIZE_MAX - 8; /* no address space for it */
    CHECK_RESULT(pipc_string_reverse_copy(&view, &memory.allocator, &copy), PIPC_ERR_ALLOC);
    CHECK(copy == before);
    CHECK_EQ(memory.live, 0);
    CHECK_EQ(memory.calls, 1);
}

TEST(codec_string_reverse, copy_refuses_missing_arguments)
{
    struct base_memory memory;
    struct pipc_string_reverse_view view = {.table = table(), .str = {NULL, 1}};
    const struct pipc_string_reverse_view zeroed = {0};
    struct pipc_string_reverse *copy;
    base_memory_init(&memory);
    CHECK_RESULT(pipc_string_reverse_copy(&view, &memory.allocator, &copy), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_string_reverse_copy(&zeroed, &memory.allocator, &copy), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_string_reverse_copy(NULL, &memory.allocator, &copy), PIPC_ERR_BAD_PARAM);
    view.str.ptr = "a";
    CHECK_RESULT(pipc_string_reverse_copy(&view, NULL, &copy), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_string_reverse_copy(&view, &memory.allocator, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_EQ(memory.calls, 0);
}

/* ---- dispatch ---- */

struct seen {
    unsigned calls;
    size_t space;
    size_t extra;    /* the callback claims this much more than it has written */
    uint32_t answer; /* what it returns */
};

static uint32_t reverse(void *user, const struct pipc_request *from, const char *str, size_t len,
                        char *space, size_t space_len, size_t *ret_len)
{
    struct seen *seen = user;
    CHECK(from == NULL && space != NULL && *ret_len == 0);
    seen->calls++;
    seen->space = space_len;
    for (size_t i = 0; i < len && i < space_len; i++)
        space[i] = str[len - 1 - i];
    *ret_len = len + seen->extra;
    return seen->answer;
}

/* Sends `len` bytes of "abcdef..." through the callback, into a block of exactly `cap` bytes. */
static pipc_result dispatch(struct seen *seen, const char *str, size_t len, size_t cap,
                            unsigned char **ret_response, struct pipc_dispatched *ret)
{
    unsigned char request[64];
    size_t request_len;
    const struct pipc_string_reverse_handler h = {
        .size = sizeof(h), .user = seen, .string_reverse = reverse};
    CHECK_OK(pipc_string_reverse_encode(table(), str, len, request, sizeof(request), &request_len));
    *ret_response = malloc(cap ? cap : 1);
    memset(*ret_response, 0xff, cap);
    const struct pipc_dispatch d = {.size = sizeof(d),
                                    .handler = &h,
                                    .request = request,
                                    .request_len = request_len,
                                    .response = *ret_response,
                                    .response_cap = cap};
    *ret = (struct pipc_dispatched){.size = sizeof(*ret), .stage = 77};
    return codec_linked("string_reverse")->dispatch(&d, ret);
}

TEST(codec_string_reverse, callback_result_as_long_as_the_space)
{
    struct seen seen = {.answer = 1};
    struct pipc_dispatched done;
    struct pipc_string_reverse_view view;
    unsigned char *response;
    CHECK_OK(dispatch(&seen, "abc", 3, 12, &response, &done));
    CHECK_EQ(seen.space, 3);
    CHECK_EQ(done.stage, PIPC_STAGE_DONE);
    CHECK_EQ(done.response_len, 12);
    CHECK_OK(pipc_string_reverse_decode(table(), response, 12, &view));
    CHECK_STR(view.str.ptr, "cba");
    free(response);
}

TEST(codec_string_reverse, callback_result_longer_than_the_space_is_an_overflow)
{
    struct seen seen = {.answer = 1, .extra = 1};
    struct pipc_dispatched done;
    unsigned char *response;
    CHECK_RESULT(dispatch(&seen, "abc", 3, 12, &response, &done), PIPC_ERR_OVERFLOW);
    CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
    CHECK_EQ(done.needed, 13); /* what would have fitted */
    free(response);
    seen.extra = SIZE_MAX - 3;
    CHECK_RESULT(dispatch(&seen, "abc", 3, 12, &response, &done), PIPC_ERR_OVERFLOW);
    CHECK_EQ(done.needed, 0); /* no payload can be that long */
    free(response);
}

TEST(codec_string_reverse, callback_failure_is_of_the_callback_stage)
{
    struct seen seen = {.answer = 0};
    struct pipc_dispatched done;
    unsigned char *response;
    CHECK_RESULT(dispatch(&seen, "abc", 3, 12, &response, &done), PIPC_ERR_HANDLER_FAILED);
    CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
    CHECK_EQ(seen.calls, 1);
    free(response);
}

TEST(codec_string_reverse, capacity_of_eight_nine_and_ten_bytes)
{
    struct pipc_dispatched done;
    unsigned char *response;
    for (size_t cap = 0; cap <= 10; cap++) {
        struct seen empty = {.answer = 1}, one = {.answer = 1};
        CHECK_RESULT(dispatch(&empty, "", 0, cap, &response, &done),
                     cap < 9 ? PIPC_ERR_OVERFLOW : PIPC_OK);
        CHECK_EQ(empty.space, cap < 10 ? 0 : 1);
        CHECK_EQ(done.stage, cap < 9 ? PIPC_STAGE_FINISH : PIPC_STAGE_DONE);
        CHECK_EQ(cap < 9 ? done.needed : done.response_len, 9);
        free(response);
        CHECK_RESULT(dispatch(&one, "x", 1, cap, &response, &done),
                     cap < 10 ? PIPC_ERR_OVERFLOW : PIPC_OK);
        CHECK_EQ(cap < 10 ? done.needed : done.response_len, 10);
        free(response);
    }
}

TEST(codec_string_reverse, malformed_request_and_missing_callback)
{
    const struct pipc_string_reverse_handler none = {.size = sizeof(none)};
    unsigned char request[9] = {8}, response[16];
    struct pipc_dispatch d = {.size = sizeof(d),
                              .handler = &none,
                              .request = request,
                              .request_len = 8,
                              .response = response,
                              .response_cap = sizeof(response)};
    struct pipc_dispatched done = {.size = sizeof(done)};
    CHECK_RESULT(codec_linked("string_reverse")->dispatch(&d, &done), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_EQ(done.stage, PIPC_STAGE_REQUEST);
    d.request_len = 9;
    CHECK_RESULT(codec_linked("string_reverse")->dispatch(&d, &done), PIPC_ERR_HANDLER_FAILED);
    CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
    d.handler = NULL;
    CHECK_RESULT(codec_linked("string_reverse")->dispatch(&d, &done), PIPC_ERR_HANDLER_FAILED);
}

/* ---- the call, and fields ---- */

TEST(codec_string_reverse, call_ops_make_and_read_the_bytes)
{
    const struct pipc_call_ops *call = codec_linked("string_reverse")->call;
    struct pipc_str_view in = {"abc", 3};
    struct pipc_string_reverse_view out;
    unsigned char bytes[12];
    uint64_t size = 0;
    size_t len = 0;
    CHECK_OK(call->request_size(&in, &size));
    CHECK_EQ(size, 12);
    CHECK_OK(call->encode(&in, bytes, sizeof(bytes), &len));
    CHECK_OK(call->decode(bytes, len, &out));
    CHECK_EQ(call->output_size, sizeof(out));
    CHECK_STR(out.str.ptr, "abc");
    in.len = SIZE_MAX; /* must not come out small */
    CHECK_OK(call->request_size(&in, &size));
    CHECK(size >= SIZE_MAX);
    in.ptr = NULL;
    CHECK_RESULT(call->request_size(&in, &size), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(call->request_size(NULL, &size), PIPC_ERR_BAD_PARAM);
}

TEST(codec_string_reverse, build_takes_the_string_or_none_and_hands_errors_on)
{
    static const struct {
        const char *json;
        pipc_result result;
        size_t len;
    } cases[] = {{"{}", PIPC_OK, 9},
                 {"{\"str\":\"\"}", PIPC_OK, 9},
                 {"{\"str\":\"abc\"}", PIPC_OK, 12},
                 {"{\"str\":{\"hex\":\"ff00\"}}", PIPC_OK, 11},
                 {"{\"str\":5}", PIPC_ERR_BAD_LAYOUT, 99}};
    for (unsigned i = 0; i < 5; i++) {
        unsigned char bytes[16];
        struct json_source source;
        struct json_object *top = json_tokener_parse(cases[i].json);
        size_t len = 99;
        json_source_init(&source, top);
        CHECK_RESULT(codec_linked("string_reverse")
                         ->build_response(&source.fields, bytes, sizeof(bytes), &len),
                     cases[i].result);
        CHECK_EQ(len, cases[i].len);
        json_source_done(&source);
        json_object_put(top);
    }
}
