/* SPDX-License-Identifier: Apache-2.0
 *
 * The envelope by the names of its fields, in both directions.
 */
#include "test.h"

#include "json_fields.h"
#include "wire_bytes.h"

#include <pipc/wire.h>

/* A visitor that ends with a result at its n-th call. */
struct stopper {
    struct pipc_visitor visitor;
    unsigned calls;
    unsigned stop_at;
};

static pipc_result tick(struct stopper *s)
{
    return ++s->calls == s->stop_at ? PIPC_ERR_ABORTED : PIPC_OK;
}

static pipc_result tick_number(void *arg, const char *name, uint64_t value, uint32_t width)
{
    CHECK(name && width);
    (void)value;
    return tick(arg);
}

static pipc_result tick_bytes(void *arg, const char *name, const void *bytes, size_t len)
{
    CHECK(name && (bytes || !len));
    return tick(arg);
}

static pipc_result tick_list(void *arg, const char *name, uint32_t count)
{
    CHECK(name);
    (void)count;
    return tick(arg);
}

static pipc_result tick_mark(void *arg)
{
    return tick(arg);
}

static struct stopper stopper_at(unsigned n)
{
    return (struct stopper){
        .visitor = {.size = sizeof(struct pipc_visitor),
                    .number = tick_number,
                    .string = tick_bytes,
                    .blob = tick_bytes,
                    .begin_list = tick_list,
                    .begin_item = tick_mark,
                    .end_item = tick_mark,
                    .end_list = tick_mark},
        .stop_at = n,
    };
}

/* Builds from JSON text. */
static pipc_result build(const char *structure, const char *json, void *buf, size_t cap,
                         size_t *len)
{
    struct json_object *top = json_tokener_parse(json);
    struct json_source source;
    CHECK_MSG(top != NULL, "not JSON: %s", json);
    json_source_init(&source, top);
    const pipc_result result = pipc_wire_build(structure, &source.fields, buf, cap, len);
    json_source_done(&source);
    json_object_put(top);
    return result;
}

static const char batch_json[] = "{\"items\":[{\"data\":\"616263\"},{\"data\":\"\"},{}]}";

/* Every stop gives the visitor's own result, and nothing is told after it. */
static void check_stops(const char *structure, const char *json, uint32_t count, unsigned calls)
{
    unsigned char bytes[128];
    size_t len = 0;
    CHECK_OK(build(structure, json, bytes, sizeof(bytes), &len));
    for (unsigned n = 1; n <= calls + 1; n++) {
        struct stopper s = stopper_at(n);
        s.visitor.arg = &s;
        CHECK_RESULT(pipc_wire_walk(structure, bytes, len, count, &s.visitor),
                     n <= calls ? PIPC_ERR_ABORTED : PIPC_OK);
        CHECK_EQ(s.calls, n <= calls ? n : calls);
    }
}

TEST(wire_walk, a_visitor_ends_the_walk_at_every_call)
{
    check_stops("header", "{\"kind\":1}", 0, 10);
    check_stops("chunk", "{\"chunk_payload_len\":1}", 0, 8);
    check_stops("hello", "{}", 0, 10);
    check_stops("hello_ack", "{}", 0, 11);
    check_stops("batch", batch_json, 3, 2 + 3 * 5 + 1);
}

TEST(wire_walk, nothing_is_told_of_bytes_that_are_refused)
{
    unsigned char bytes[128];
    size_t len = 0;
    struct stopper s = stopper_at(0);
    s.visitor.arg = &s;
    CHECK_RESULT(pipc_wire_walk("header", "", 0, 0, &s.visitor), PIPC_ERR_TRUNCATED);
    CHECK_OK(build("batch", batch_json, bytes, sizeof(bytes), &len));
    bytes[16] = 1; /* the offset of the last entry */
    CHECK_RESULT(pipc_wire_walk("batch", bytes, len, 3, &s.visitor), PIPC_ERR_BAD_ALIGNMENT);
    CHECK_RESULT(pipc_wire_walk("batch", bytes, 23, 3, &s.visitor), PIPC_ERR_TRUNCATED);
    CHECK_EQ(s.calls, 0);
}

TEST(wire_walk, wrong_arguments_are_refused)
{
    unsigned char bytes[64];
    size_t len = 7;
    struct stopper s = stopper_at(0);
    s.visitor.arg = &s;
    static const char *const names[] = {"", "Header", "headers", "hello_", "hello_ack2", "batches"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_RESULT(pipc_wire_walk(names[i], bytes, sizeof(bytes), 0, &s.visitor),
                     PIPC_ERR_BAD_PARAM);
        CHECK_RESULT(build(names[i], "{}", bytes, sizeof(bytes), &len), PIPC_ERR_BAD_PARAM);
    }
    CHECK_RESULT(pipc_wire_walk(NULL, bytes, 64, 0, &s.visitor), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_wire_walk("header", bytes, 64, 0, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_wire_walk("header", NULL, 64, 0, &s.visitor), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(build(NULL, "{}", bytes, 64, &len), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(build("header", "{}", NULL, 64, &len), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(build("header", "{}", bytes, 64, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_wire_build("header", NULL, bytes, 64, &len), PIPC_ERR_BAD_PARAM);
    CHECK_EQ(len, 7);
    CHECK_EQ(s.calls, 0);
}

TEST(wire_build, missing_fields_take_their_usual_values)
{
    unsigned char bytes[64];
    size_t len = 0;
    struct pipc_header h;
    struct pipc_chunk c;
    struct pipc_hello hello;
    struct pipc_hello_ack ack;
    CHECK_OK(build("header", "{\"kind\":3,\"message_id\":5}", bytes, sizeof(bytes), &len));
    CHECK_EQ(len, 32);
    CHECK_OK(pipc_header_decode(bytes, len, &h));
    CHECK_EQ(h.kind, 3);
    CHECK_EQ(h.message_id, 5);
    CHECK_EQ(h.payload_len + h.item_count + h.code + h.flags + h.transport_status, 0);
    CHECK_OK(build("chunk", "{\"chunk_payload_len\":9}", bytes, sizeof(bytes), &len));
    CHECK_OK(pipc_chunk_decode(bytes, len, &c));
    CHECK_EQ(c.chunk_payload_len, 9);
    memset(bytes, 0xff, sizeof(bytes));
    CHECK_OK(build("hello", "{}", bytes, sizeof(bytes), &len));
    CHECK_EQ(len, 44);
    CHECK_OK(pipc_hello_decode(bytes, len, &hello));
    memset(bytes, 0xff, sizeof(bytes));
    CHECK_OK(build("hello_ack", "{}", bytes, sizeof(bytes), &len));
    CHECK_EQ(len, 48);
    CHECK_OK(pipc_hello_ack_decode(bytes, len, &ack));
    CHECK_EQ(ack.padding, 0);
    CHECK_OK(build("batch", "{}", bytes, sizeof(bytes), &len));
    CHECK_EQ(len, 0);
}

TEST(wire_build, wrong_values_can_be_built_for_those_who_need_them)
{
    unsigned char bytes[64];
    size_t len = 0;
    struct pipc_header h;
    CHECK_OK(
        build("header", "{\"magic\":1,\"version\":9,\"kind\":77}", bytes, sizeof(bytes), &len));
    CHECK_RESULT(pipc_header_decode(bytes, len, &h), PIPC_ERR_BAD_MAGIC);
}

TEST(wire_build, numbers_out_of_range_are_refused)
{
    static const char *const wrong[] = {"{\"version\":65536}",  "{\"magic\":4294967296}",
                                        "{\"kind\":-1}",        "{\"payload_len\":\"12\"}",
                                        "{\"item_count\":1.5}", "{\"message_id\":-1}"};
    unsigned char bytes[64];
    size_t len = 7;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CHECK_RESULT(build("header", wrong[i], bytes, sizeof(bytes), &len), PIPC_ERR_BAD_LAYOUT);
    CHECK_EQ(len, 7);
    CHECK_OK(build("header",
                   "{\"version\":65535,\"magic\":4294967295,\"message_id\":18446744073709551615}",
                   bytes, sizeof(bytes), &len));
}

static pipc_result too_large(void *arg, pipc_node node, const char *name, uint64_t max,
                             uint64_t *ret_value)
{
    (void)arg;
    (void)node;
    (void)name;
    *ret_value = max == UINT64_MAX ? 0 : max + 1;
    return PIPC_OK;
}

TEST(wire_build, a_source_that_ignores_the_range_is_caught)
{
    const struct pipc_fields fields = {.size = sizeof(fields), .number = too_large};
    unsigned char bytes[64];
    size_t len = 7;
    CHECK_RESULT(pipc_wire_build("header", &fields, bytes, sizeof(bytes), &len),
                 PIPC_ERR_BAD_LAYOUT);
    CHECK_EQ(len, 7);
}

/* A source that fails at its n-th call. */
struct failing {
    struct pipc_fields fields;
    struct json_source *source;
    unsigned calls;
    unsigned fail_at;
};

static bool fails(struct failing *f)
{
    return ++f->calls == f->fail_at;
}

static pipc_result fail_number(void *arg, pipc_node node, const char *name, uint64_t max,
                               uint64_t *ret)
{
    struct failing *f = arg;
    return fails(f) ? PIPC_ERR_ALLOC : f->source->fields.number(f->source, node, name, max, ret);
}

static pipc_result fail_string(void *arg, pipc_node node, const char *name, const void **ret,
                               size_t *len)
{
    struct failing *f = arg;
    return fails(f) ? PIPC_ERR_ALLOC : f->source->fields.string(f->source, node, name, ret, len);
}

static pipc_result fail_list(void *arg, pipc_node node, const char *name, uint32_t *ret)
{
    struct failing *f = arg;
    return fails(f) ? PIPC_ERR_ALLOC : f->source->fields.list(f->source, node, name, ret);
}

static pipc_result fail_item(void *arg, pipc_node node, const char *name, uint32_t index,
                             pipc_node *ret)
{
    struct failing *f = arg;
    return fails(f) ? PIPC_ERR_ALLOC : f->source->fields.item(f->source, node, name, index, ret);
}

static void check_source_failures(const char *structure, const char *json, unsigned calls)
{
    struct json_object *top = json_tokener_parse(json);
    CHECK(top != NULL);
    for (unsigned n = 1; n <= calls + 1; n++) {
        struct json_source source;
        unsigned char bytes[128];
        size_t len = 7;
        json_source_init(&source, top);
        struct failing f = {
            .fields = {.size = sizeof(f.fields),
                       .number = fail_number,
                       .string = fail_string,
                       .list = fail_list,
                       .item = fail_item},
            .source = &source,
            .fail_at = n,
        };
        f.fields.arg = &f;
        CHECK_RESULT(pipc_wire_build(structure, &f.fields, bytes, sizeof(bytes), &len),
                     n <= calls ? PIPC_ERR_ALLOC : PIPC_OK);
        CHECK(n > calls || len == 7);
        json_source_done(&source);
    }
    json_object_put(top);
}

TEST(wire_build, a_failure_of_the_source_at_every_call_ends_the_build)
{
    check_source_failures("header", "{}", 10);
    check_source_failures("chunk", "{}", 8);
    check_source_failures("hello", "{}", 10);
    check_source_failures("hello_ack", "{}", 11);
    check_source_failures("batch", batch_json, 1 + 3 * 2);
}

TEST(wire_build, a_buffer_too_small_overflows)
{
    static const struct {
        const char *structure;
        size_t len;
    } rows[] = {{"header", 32}, {"chunk", 32}, {"hello", 44}, {"hello_ack", 48}};
    for (size_t i = 0; i < 4; i++) {
        for (size_t cap = 0; cap <= rows[i].len; cap++) {
            unsigned char bytes[64];
            size_t len = 7;
            CHECK_RESULT(build(rows[i].structure, "{}", bytes, cap, &len),
                         cap < rows[i].len ? PIPC_ERR_OVERFLOW : PIPC_OK);
            CHECK_EQ(len, cap < rows[i].len ? 7 : cap);
        }
    }
    unsigned char bytes[64];
    size_t len = 7;
    CHECK_RESULT(build("batch", batch_json, bytes, 24 + 2, &len), PIPC_ERR_OVERFLOW);
    CHECK_EQ(len, 7);
}

TEST(wire_build, a_batch_is_built_from_the_data_of_its_items)
{
    unsigned char bytes[64], again[64];
    size_t len = 0, again_len = 0;
    struct json_maker maker;
    CHECK_OK(build("batch", batch_json, bytes, sizeof(bytes), &len));
    json_maker_init(&maker);
    CHECK_OK(pipc_wire_walk("batch", bytes, len, 3, &maker.visitor));
    CHECK(maker.fault == NULL);
    const char *json = json_object_to_json_string_ext(maker.top, JSON_C_TO_STRING_PLAIN);
    CHECK_STR(
        json,
        "{\"item_count\":3,\"items\":[{\"offset\":0,\"length\":3,\"data\":\"616263\"},"
        "{\"offset\":8,\"length\":0,\"data\":\"\"},{\"offset\":8,\"length\":0,\"data\":\"\"}]}");
    CHECK_OK(build("batch", json, again, sizeof(again), &again_len));
    CHECK_EQ(again_len, len);
    CHECK_MEM(again, bytes, len);
    json_maker_done(&maker);
}
