/* SPDX-License-Identifier: Apache-2.0
 *
 * INCREMENT: round trips, room, lengths, callbacks.
 */
#include "test.h"

#include "codec_fixture.h"
#include "json_fields.h"

#include <pipc/codecs/increment.h>

static const uint64_t numbers[] = {
    0, 1, 255, 256, 0xffffffffu, 1ull << 32, 1ull << 63, UINT64_MAX - 1, UINT64_MAX};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

TEST(codec_increment, table_and_constants_are_those_of_the_page)
{
    const struct pipc_increment_table *table = pipc_increment_linked();
    const struct pipc_codec_ops *ops = pipc_module_increment.ops;
    CHECK_EQ(table->size, sizeof(*table));
    CHECK_EQ(table->major, PIPC_INCREMENT_TABLE_MAJOR);
    CHECK_EQ(ops->code, 1);
    CHECK_EQ(PIPC_METHOD_INCREMENT, 1);
    CHECK_EQ(PIPC_INCREMENT_LEN, 8);
    CHECK_EQ(ops->traits, PIPC_CODEC_BATCH | PIPC_CODEC_UNIFORM);
    CHECK_EQ(ops->call->batch, 1);
    CHECK_STR(pipc_module_increment.name, "increment");
}

TEST(codec_increment, round_trip_of_every_number_with_its_bytes)
{
    for (size_t i = 0; i < NUMBERS; i++) {
        unsigned char bytes[8];
        uint64_t value = ~numbers[i];
        size_t len = 0;
        CHECK_OK(pipc_increment_encode(pipc_increment_linked(), numbers[i], bytes, 8, &len));
        CHECK_EQ(len, 8);
        CHECK_MEM(bytes, &numbers[i], 8); /* the byte order is that of the host */
        CHECK_OK(pipc_increment_decode(pipc_increment_linked(), bytes, 8, &value));
        CHECK_EQ(value, numbers[i]);
    }
}

TEST(codec_increment, encode_needs_eight_bytes_of_room_and_writes_no_more)
{
    static const size_t rooms[] = {0, 7, 8, 16};
    for (size_t i = 0; i < 4; i++) {
        unsigned char bytes[16];
        size_t len = 99;
        memset(bytes, 0xee, sizeof(bytes));
        const pipc_result r = pipc_increment_encode(pipc_increment_linked(), 0x0102030405060708u,
                                                    bytes, rooms[i], &len);
        CHECK_RESULT(r, rooms[i] < 8 ? PIPC_ERR_OVERFLOW : PIPC_OK);
        CHECK_EQ(len, rooms[i] < 8 ? 99 : 8);
        for (size_t at = rooms[i] < 8 ? 0 : 8; at < sizeof(bytes); at++)
            CHECK_EQ(bytes[at], 0xee);
    }
}

TEST(codec_increment, encode_refuses_missing_pointers)
{
    unsigned char bytes[8];
    size_t len;
    CHECK_RESULT(pipc_increment_encode(pipc_increment_linked(), 1, bytes, 8, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_increment_encode(pipc_increment_linked(), 1, NULL, 8, &len),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_increment_encode(pipc_increment_linked(), 1, NULL, 0, &len),
                 PIPC_ERR_OVERFLOW);
}

TEST(codec_increment, decode_of_every_length)
{
    static const size_t lens[] = {0, 1, 7, 8, 9, 16};
    for (size_t i = 0; i < 6; i++) {
        unsigned char *bytes = malloc(lens[i] ? lens[i] : 1);
        memset(bytes, 0xff, lens[i]);
        if (lens[i] >= 8)
            memcpy(bytes, &numbers[5], 8);
        uint64_t value = 7;
        CHECK_RESULT(pipc_increment_decode(pipc_increment_linked(), bytes, lens[i], &value),
                     lens[i] < 8 ? PIPC_ERR_TRUNCATED : PIPC_OK);
        CHECK_EQ(value, lens[i] < 8 ? 7 : numbers[5]);
        free(bytes);
    }
}

TEST(codec_increment, odd_addresses_do_not_matter)
{
    unsigned char bytes[24];
    for (unsigned shift = 0; shift < 8; shift++) {
        uint64_t value = 0;
        size_t len;
        CHECK_OK(pipc_increment_encode(pipc_increment_linked(), 0x1122334455667788u, bytes + shift,
                                       8, &len));
        CHECK_OK(pipc_increment_decode(pipc_increment_linked(), bytes + shift, 8, &value));
        CHECK_EQ(value, 0x1122334455667788u);
    }
}

/* ---- dispatch ---- */

struct seen {
    unsigned calls;
    uint64_t value;
    uint32_t answer; /* what the callback returns */
    const struct pipc_request *from;
};

static uint32_t add_one(void *user, const struct pipc_request *from, uint64_t value,
                        uint64_t *ret_value)
{
    struct seen *seen = user;
    CHECK_EQ(*ret_value, 0);
    seen->calls++;
    seen->value = value;
    seen->from = from;
    *ret_value = value + 1;
    return seen->answer;
}

static pipc_result dispatch(const struct pipc_increment_handler *handler, const void *request,
                            size_t request_len, void *response, size_t cap,
                            struct pipc_dispatched *ret)
{
    const struct pipc_dispatch d = {.size = sizeof(d),
                                    .from = (const struct pipc_request *)&d,
                                    .handler = handler,
                                    .request = request,
                                    .request_len = request_len,
                                    .response = response,
                                    .response_cap = cap};
    *ret = (struct pipc_dispatched){.size = sizeof(*ret), .stage = 77};
    struct seen *seen = handler ? handler->user : NULL;
    const pipc_result r = codec_linked("increment_req")->dispatch(&d, ret);
    if (seen && seen->calls)
        CHECK(seen->from == d.from);
    return r;
}

TEST(codec_increment, callback_adds_one_and_wraps)
{
    struct seen seen = {.answer = 1};
    const struct pipc_increment_handler h = {
        .size = sizeof(h), .user = &seen, .increment = add_one};
    const uint64_t in[] = {41, UINT64_MAX}, out[] = {42, 0};
    for (unsigned i = 0; i < 2; i++) {
        struct pipc_dispatched done;
        uint64_t answer = 99;
        CHECK_OK(dispatch(&h, &in[i], 8, &answer, 8, &done));
        CHECK_EQ(done.stage, PIPC_STAGE_DONE);
        CHECK_EQ(done.response_len, 8);
        CHECK_EQ(seen.value, in[i]);
        CHECK_EQ(answer, out[i]);
    }
    CHECK_EQ(seen.calls, 2);
}

TEST(codec_increment, callback_failure_is_of_the_callback_stage)
{
    struct seen seen = {.answer = 0};
    const struct pipc_increment_handler h = {
        .size = sizeof(h), .user = &seen, .increment = add_one};
    struct pipc_dispatched done;
    const uint64_t in = 1;
    uint64_t answer;
    CHECK_RESULT(dispatch(&h, &in, 8, &answer, 8, &done), PIPC_ERR_HANDLER_FAILED);
    CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
    CHECK_EQ(done.response_len, 0);
    CHECK_EQ(seen.calls, 1);
}

TEST(codec_increment, missing_callback_fails_every_request)
{
    const struct pipc_increment_handler none = {.size = sizeof(none)};
    const struct pipc_increment_handler old = {.size = sizeof(uint32_t), .increment = add_one};
    struct pipc_dispatched done;
    const uint64_t in = 1;
    uint64_t answer;
    CHECK_RESULT(dispatch(&none, &in, 8, &answer, 8, &done), PIPC_ERR_HANDLER_FAILED);
    CHECK_EQ(done.stage, PIPC_STAGE_CALLBACK);
    CHECK_RESULT(dispatch(NULL, &in, 8, &answer, 8, &done), PIPC_ERR_HANDLER_FAILED);
    CHECK_RESULT(dispatch(&old, &in, 8, &answer, 8, &done), PIPC_ERR_HANDLER_FAILED);
}

TEST(codec_increment, malformed_request_does_not_reach_the_callback)
{
    struct seen seen = {.answer = 1};
    const struct pipc_increment_handler h = {
        .size = sizeof(h), .user = &seen, .increment = add_one};
    struct pipc_dispatched done;
    const uint64_t in = 1;
    uint64_t answer;
    CHECK_RESULT(dispatch(&h, &in, 7, &answer, 8, &done), PIPC_ERR_TRUNCATED);
    CHECK_EQ(done.stage, PIPC_STAGE_REQUEST);
    CHECK_EQ(seen.calls, 0);
}

TEST(codec_increment, response_room_of_seven_bytes_is_an_overflow_at_the_end)
{
    struct seen seen = {.answer = 1};
    const struct pipc_increment_handler h = {
        .size = sizeof(h), .user = &seen, .increment = add_one};
    struct pipc_dispatched done;
    const uint64_t in = 1;
    unsigned char answer[8];
    memset(answer, 0xee, sizeof(answer));
    CHECK_RESULT(dispatch(&h, &in, 8, answer, 7, &done), PIPC_ERR_OVERFLOW);
    CHECK_EQ(done.stage, PIPC_STAGE_FINISH);
    CHECK_EQ(done.needed, 8);
    CHECK_EQ(answer[7], 0xee);
}

TEST(codec_increment, outcome_of_a_smaller_reader_is_not_written_beyond_its_size)
{
    struct seen seen = {.answer = 1};
    const struct pipc_increment_handler h = {
        .size = sizeof(h), .user = &seen, .increment = add_one};
    const uint64_t in = 5;
    uint64_t answer;
    struct pipc_dispatched done;
    const struct pipc_dispatch d = {.size = sizeof(d),
                                    .handler = &h,
                                    .request = &in,
                                    .request_len = 8,
                                    .response = &answer,
                                    .response_cap = 8};
    memset(&done, 0xee, sizeof(done));
    done.size = offsetof(struct pipc_dispatched, response_len);
    CHECK_OK(codec_linked("increment_req")->dispatch(&d, &done));
    CHECK_EQ(done.size, offsetof(struct pipc_dispatched, response_len));
    CHECK_EQ(done.stage, PIPC_STAGE_DONE);
    CHECK_EQ(done.needed, 0xeeeeeeeeeeeeeeeeu);
}

/* ---- the call, and fields ---- */

TEST(codec_increment, call_ops_make_and_read_the_bytes)
{
    const struct pipc_call_ops *call = codec_linked("increment_req")->call;
    const uint64_t in = 41;
    uint64_t size = 0, out = 0;
    unsigned char bytes[8];
    size_t len = 0;
    CHECK_EQ(call->input_size, 8);
    CHECK_EQ(call->output_size, 8);
    CHECK_RESULT(call->request_size(NULL, &size), PIPC_ERR_BAD_PARAM);
    CHECK_OK(call->request_size(&in, &size));
    CHECK_EQ(size, 8);
    CHECK_RESULT(call->encode(&in, bytes, 7, &len), PIPC_ERR_OVERFLOW);
    CHECK_OK(call->encode(&in, bytes, 8, &len));
    CHECK_OK(call->decode(bytes, 8, &out));
    CHECK_EQ(out, 41);
    CHECK_RESULT(call->decode(bytes, 7, &out), PIPC_ERR_TRUNCATED);
}

static pipc_result build(const char *json, unsigned char *bytes, size_t *ret_len)
{
    struct json_source source;
    struct json_object *top = json_tokener_parse(json);
    json_source_init(&source, top);
    const pipc_result r =
        codec_linked("increment_req")->build_request(&source.fields, bytes, 8, ret_len);
    json_source_done(&source);
    json_object_put(top);
    return r;
}

TEST(codec_increment, build_takes_the_value_or_zero_and_hands_errors_on)
{
    unsigned char bytes[8];
    uint64_t value = 9;
    size_t len = 0;
    CHECK_OK(build("{}", bytes, &len));
    CHECK_OK(pipc_increment_decode(pipc_increment_linked(), bytes, len, &value));
    CHECK_EQ(value, 0);
    CHECK_OK(build("{\"value\":18446744073709551615}", bytes, &len));
    CHECK_OK(pipc_increment_decode(pipc_increment_linked(), bytes, len, &value));
    CHECK_EQ(value, UINT64_MAX);
    CHECK_RESULT(build("{\"value\":\"x\"}", bytes, &len), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(build("{\"value\":-1}", bytes, &len), PIPC_ERR_BAD_LAYOUT);
}

TEST(codec_increment, walk_ends_with_the_result_of_the_visitor)
{
    struct codec_reader reader;
    const uint64_t in = 1;
    codec_reader_init(&reader);
    reader.fail_at = 1;
    reader.fail_with = PIPC_ERR_ABORTED;
    CHECK_RESULT(codec_linked("increment_req")->walk_response(&in, 8, &reader.visitor),
                 PIPC_ERR_ABORTED);
}
