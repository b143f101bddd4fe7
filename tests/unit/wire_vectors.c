/* SPDX-License-Identifier: Apache-2.0
 *
 * The envelope against golden vectors: verdict, error, fields, and the bytes of encoder and
 * builder.
 */
#include "test.h"

#include "json_fields.h"
#include "vectors.h"

#include <pipc/wire.h>

static pipc_result walk(const struct vector *v, const void *bytes, size_t len,
                        struct json_maker *maker)
{
    json_maker_init(maker);
    return pipc_wire_walk(v->kind, bytes, len, v->item_count, &maker->visitor);
}

static void check_decode(const struct vector *v)
{
    struct json_maker maker;
    const pipc_result result = walk(v, v->bytes, v->len, &maker);
    if (v->valid) {
        VECTOR_CHECK(v, result == PIPC_OK, "refused: %s", pipc_result_name(result));
        VECTOR_CHECK(v, !maker.fault && maker.depth == 0, "walk: %s", maker.fault);
        vector_check_fields(v, maker.top);
    } else {
        VECTOR_CHECK(v, strcmp(pipc_result_name(result), v->error) == 0, "%s, expected %s (%s)",
                     pipc_result_name(result), v->error, v->why);
    }
    json_maker_done(&maker);
}

/* Builds the case into a block of `cap` bytes of 0xff. */
static pipc_result build(const struct vector *v, size_t cap, unsigned char **ret_bytes,
                         void **ret_block, size_t *ret_len)
{
    struct json_source source;
    *ret_bytes = vector_copy(NULL, 0, 0, ret_block);
    if (cap > 0) {
        free(*ret_block);
        *ret_block = *ret_bytes = malloc(cap);
        CHECK(*ret_bytes != NULL);
        memset(*ret_bytes, 0xff, cap);
    }
    json_source_init(&source, v->fields);
    *ret_len = SIZE_MAX;
    const pipc_result result = pipc_wire_build(v->kind, &source.fields, *ret_bytes, cap, ret_len);
    json_source_done(&source);
    return result;
}

/* Where the last item ends: what a batch without its last padding is long. */
static size_t unpadded(const struct vector *v)
{
    size_t end = 0;
    for (uint32_t i = 0; i < v->item_count; i++) {
        const void *item;
        size_t len;
        CHECK_OK(pipc_batch_item(v->bytes, v->len, v->item_count, i, &item, &len));
        const size_t after = (size_t)((const unsigned char *)item - v->bytes) + len;
        end = after > end ? after : end;
    }
    return end;
}

static void check_build(const struct vector *v, size_t cap)
{
    unsigned char *bytes;
    void *block;
    size_t len;
    const pipc_result result = build(v, cap, &bytes, &block, &len);
    VECTOR_CHECK(v, result == PIPC_OK, "build of %zu bytes: %s", cap, pipc_result_name(result));
    VECTOR_CHECK(v, len == v->len, "build of %zu bytes, expected %zu", len, v->len);
    VECTOR_CHECK(v, len == 0 || memcmp(bytes, v->bytes, len) == 0, "build gives other bytes");
    for (size_t i = len; i < cap; i++)
        VECTOR_CHECK(v, bytes[i] == 0xff, "byte %zu behind the end was written", i);
    free(block);
}

/* With one byte less the build fails, or leaves out the padding at the end of a batch. */
static void check_short_build(const struct vector *v)
{
    unsigned char *bytes;
    void *block;
    size_t len;
    if (v->len == 0)
        return;
    const pipc_result result = build(v, v->len - 1, &bytes, &block, &len);
    if (strcmp(v->kind, "batch") == 0 && unpadded(v) < v->len) {
        VECTOR_CHECK(v, result == PIPC_OK, "build without padding: %s", pipc_result_name(result));
        VECTOR_CHECK(v, len == unpadded(v), "build without padding has %zu bytes", len);
        VECTOR_CHECK(v, memcmp(bytes, v->bytes, len) == 0, "build without padding differs");
    } else {
        VECTOR_CHECK(v, result == PIPC_ERR_OVERFLOW, "build with a byte less: %s",
                     pipc_result_name(result));
        VECTOR_CHECK(v, len == SIZE_MAX, "length written on failure");
    }
    free(block);
}

/* Every prefix of a valid case, in a block of exactly that length: some clean verdict. */
static void check_prefixes(const struct vector *v)
{
    for (size_t len = 0; v->valid && len < v->len; len++) {
        void *block;
        unsigned char *bytes = vector_copy(v->bytes, len, 0, &block);
        struct json_maker maker;
        const pipc_result result = walk(v, bytes, len, &maker);
        const bool batch = strcmp(v->kind, "batch") == 0;
        const size_t fixed = strcmp(v->kind, "hello") == 0       ? PIPC_HELLO_LEN
                             : strcmp(v->kind, "hello_ack") == 0 ? PIPC_HELLO_ACK_LEN
                                                                 : PIPC_HEADER_LEN;
        if (batch)
            VECTOR_CHECK(v, result == PIPC_OK || len < unpadded(v), "prefix of %zu: %s", len,
                         pipc_result_name(result));
        else
            VECTOR_CHECK(v, result == (len < fixed ? PIPC_ERR_TRUNCATED : PIPC_OK),
                         "prefix of %zu: %s", len, pipc_result_name(result));
        json_maker_done(&maker);
        free(block);
    }
}

/* The same bytes at every alignment mean the same. */
static void check_shifted(const struct vector *v)
{
    for (unsigned shift = 1; shift < 8; shift++) {
        void *block;
        struct vector moved = *v;
        moved.bytes = vector_copy(v->bytes, v->len, shift, &block);
        check_decode(&moved);
        free(block);
    }
}

static void check_line(const struct vector *v, void *arg)
{
    (void)arg;
    check_decode(v);
    check_prefixes(v);
    check_shifted(v);
    if (!v->valid || !v->canonical)
        return;
    check_build(v, v->len);
    check_build(v, v->len + 40);
    check_short_build(v);
}

TEST(wire_vectors, header_lines_agree)
{
    vectors_each("header", check_line, NULL);
}

TEST(wire_vectors, chunk_lines_agree)
{
    vectors_each("chunk", check_line, NULL);
}

TEST(wire_vectors, hello_lines_agree)
{
    vectors_each("hello", check_line, NULL);
}

TEST(wire_vectors, hello_ack_lines_agree)
{
    vectors_each("hello_ack", check_line, NULL);
}

TEST(wire_vectors, batch_lines_agree)
{
    vectors_each("batch", check_line, NULL);
}

TEST(wire_vectors, own_lines_agree)
{
    vectors_own("wire", check_line, NULL);
}
