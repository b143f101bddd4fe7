/* SPDX-License-Identifier: Apache-2.0
 *
 * Building batches: places, padding, room, overflow.
 */
#include "test.h"

#include "wire_bytes.h"

#include <pipc/wire.h>

/* A block of exactly `cap` bytes of 0xff. */
static unsigned char *prefilled(size_t cap)
{
    static unsigned char ones[70000];
    CHECK(cap <= sizeof(ones));
    memset(ones, 0xff, sizeof(ones));
    return wire_block(ones, cap);
}

static void check_item(const unsigned char *payload, size_t len, const struct pipc_batch_builder *b,
                       uint32_t index, const void *expected, size_t expected_len)
{
    const void *item;
    size_t item_len;
    CHECK_OK(pipc_batch_item(payload, len, b->count, index, &item, &item_len));
    CHECK_EQ(item_len, expected_len);
    CHECK_MEM(item, expected, expected_len);
}

TEST(wire_batch, example_of_the_page_is_produced_and_parsed)
{
    static const unsigned char expected[72] = {
        0x43, 0x50, 0x49, 0x4e, 0x01, 0x00, 0x20, 0x00, 0x01, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00,
        0x00, 0x28, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x0b,
        0x00, 0x00, 0x00, 0x61, 0x62, 0x63, 0x00, 0x00, 0x00, 0x00, 0x00, 0x68, 0x65, 0x6c, 0x6c,
        0x6f, 0x20, 0x77, 0x6f, 0x72, 0x6c, 0x64, 0x00, 0x00, 0x00, 0x00, 0x00};
    unsigned char bytes[128];
    struct pipc_batch_builder b;
    struct pipc_header h = {PIPC_MAGIC, 1, 32, PIPC_KIND_REQUEST, PIPC_FLAG_BATCH, 1, 0, 0, 0, 9};
    wire_need_little_endian();
    memset(bytes, 0xff, sizeof(bytes));
    pipc_batch_begin(&b, bytes + 32, sizeof(bytes) - 32, 2);
    CHECK_OK(pipc_batch_add(&b, "abc", 3));
    CHECK_OK(pipc_batch_add(&b, "hello world", 11));
    h.payload_len = (uint32_t)pipc_batch_finish(&b);
    h.item_count = b.count;
    CHECK_EQ(pipc_header_encode(&h, bytes, sizeof(bytes)), 32);
    CHECK_EQ(32 + h.payload_len, sizeof(expected));
    CHECK_MEM(bytes, expected, sizeof(expected));

    CHECK_OK(pipc_header_decode(expected, sizeof(expected), &h));
    CHECK_OK(pipc_batch_check(expected + 32, h.payload_len, h.item_count));
    check_item(expected + 32, h.payload_len, &b, 0, "abc", 3);
    check_item(expected + 32, h.payload_len, &b, 1, "hello world", 11);
}

TEST(wire_batch, no_items_give_no_bytes)
{
    struct pipc_batch_builder b;
    const size_t caps[] = {0, 1, 8, 100};
    for (size_t i = 0; i < 4; i++) {
        unsigned char *buf = prefilled(caps[i]);
        pipc_batch_begin(&b, buf, caps[i], 4);
        CHECK_EQ(pipc_batch_finish(&b), 0);
        CHECK_EQ(b.count, 0);
        wire_block_free(buf, caps[i]);
    }
    pipc_batch_begin(&b, NULL, 0, 4);
    CHECK_RESULT(pipc_batch_add(&b, "x", 1), PIPC_ERR_OVERFLOW);
    CHECK_EQ(pipc_batch_finish(&b), 0);
}

TEST(wire_batch, one_item_of_eight_bytes_needs_no_padding)
{
    unsigned char *buf = prefilled(16);
    struct pipc_batch_builder b;
    pipc_batch_begin(&b, buf, 16, 1);
    CHECK_OK(pipc_batch_add(&b, "12345678", 8));
    CHECK_EQ(pipc_batch_finish(&b), 16);
    CHECK_EQ(b.count, 1);
    check_item(buf, 16, &b, 0, "12345678", 8);
    wire_block_free(buf, 16);
}

TEST(wire_batch, one_item_of_one_byte_is_padded_with_zeros)
{
    unsigned char *buf = prefilled(24);
    struct pipc_batch_builder b;
    pipc_batch_begin(&b, buf, 24, 1);
    CHECK_OK(pipc_batch_add(&b, "x", 1));
    CHECK_EQ(pipc_batch_finish(&b), 16);
    CHECK_MEM(buf + 8, "x\0\0\0\0\0\0\0", 8);
    CHECK_MEM(buf + 16, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    wire_block_free(buf, 24);
}

TEST(wire_batch, items_of_no_bytes_have_an_entry_each)
{
    unsigned char *buf = prefilled(24);
    struct pipc_batch_builder b;
    pipc_batch_begin(&b, buf, 24, 3);
    CHECK_OK(pipc_batch_add(&b, NULL, 0));
    CHECK_OK(pipc_batch_add(&b, "", 0));
    CHECK_OK(pipc_batch_add(&b, NULL, 0));
    CHECK_EQ(pipc_batch_finish(&b), 24);
    for (uint32_t i = 0; i < 3; i++)
        check_item(buf, 24, &b, i, "", 0);
    wire_block_free(buf, 24);
}

TEST(wire_batch, null_with_a_length_is_a_wrong_argument)
{
    unsigned char buf[64];
    struct pipc_batch_builder b, before;
    pipc_batch_begin(&b, buf, sizeof(buf), 2);
    before = b;
    CHECK_RESULT(pipc_batch_add(&b, NULL, 1), PIPC_ERR_BAD_PARAM);
    CHECK_MEM(&b, &before, sizeof(b));
}

TEST(wire_batch, as_many_items_as_allowed_fit_and_one_more_leaves_the_builder_usable)
{
    unsigned char buf[256];
    struct pipc_batch_builder b, before;
    pipc_batch_begin(&b, buf, sizeof(buf), 2);
    CHECK_OK(pipc_batch_add(&b, "a", 1));
    CHECK_OK(pipc_batch_add(&b, "b", 1));
    before = b;
    CHECK_RESULT(pipc_batch_add(&b, "c", 1), PIPC_ERR_OVERFLOW);
    CHECK_RESULT(pipc_batch_add(&b, NULL, 0), PIPC_ERR_OVERFLOW);
    CHECK_MEM(&b, &before, sizeof(b));
    const size_t len = pipc_batch_finish(&b);
    CHECK_EQ(len, 16 + 16);
    check_item(buf, len, &b, 0, "a", 1);
    check_item(buf, len, &b, 1, "b", 1);
}

TEST(wire_batch, after_an_item_that_does_not_fit_a_smaller_one_does)
{
    unsigned char *buf = prefilled(24 + 16);
    struct pipc_batch_builder b;
    static const char large[17] = "0123456789abcdef";
    pipc_batch_begin(&b, buf, 40, 3);
    CHECK_OK(pipc_batch_add(&b, "abc", 3));
    CHECK_RESULT(pipc_batch_add(&b, large, 9), PIPC_ERR_OVERFLOW);
    CHECK_OK(pipc_batch_add(&b, large, 8));
    CHECK_RESULT(pipc_batch_add(&b, "x", 1), PIPC_ERR_OVERFLOW);
    const size_t len = pipc_batch_finish(&b);
    CHECK_EQ(b.count, 2);
    CHECK_EQ(len, 32);
    check_item(buf, len, &b, 0, "abc", 3);
    check_item(buf, len, &b, 1, large, 8);
    wire_block_free(buf, 40);
}

TEST(wire_batch, fewer_items_than_allowed_are_compacted_with_offsets_unchanged)
{
    for (uint32_t max = 3; max < 40; max++) {
        const size_t cap = (size_t)max * 8 + 64;
        unsigned char *buf = prefilled(cap);
        struct pipc_batch_builder b;
        uint32_t entries[6];
        static const uint32_t expected[6] = {0, 3, 8, 11, 24, 1};
        pipc_batch_begin(&b, buf, cap, max);
        CHECK_OK(pipc_batch_add(&b, "abc", 3));
        CHECK_OK(pipc_batch_add(&b, "hello world", 11));
        CHECK_OK(pipc_batch_add(&b, "z", 1));
        const size_t len = pipc_batch_finish(&b);
        CHECK_EQ(len, 24 + 32);
        memcpy(entries, buf, sizeof(entries));
        CHECK_MEM(entries, expected, sizeof(expected));
        CHECK_MEM(buf + 24, "abc\0\0\0\0\0hello world\0\0\0\0\0z\0\0\0\0\0\0\0", 32);
        wire_block_free(buf, cap);
    }
}

TEST(wire_batch, finishing_twice_gives_the_same)
{
    unsigned char buf[256], copy[256];
    struct pipc_batch_builder b;
    pipc_batch_begin(&b, buf, sizeof(buf), 9);
    CHECK_OK(pipc_batch_add(&b, "abc", 3));
    CHECK_OK(pipc_batch_add(&b, "hello", 5));
    const size_t len = pipc_batch_finish(&b);
    memcpy(copy, buf, len);
    CHECK_EQ(pipc_batch_finish(&b), len);
    CHECK_MEM(buf, copy, len);
}

TEST(wire_batch, exactly_full_buffer_goes_without_the_last_padding)
{
    for (size_t last = 1; last < 8; last++) {
        const size_t cap = 16 + 8 + last;
        unsigned char *buf = prefilled(cap);
        struct pipc_batch_builder b;
        pipc_batch_begin(&b, buf, cap, 2);
        CHECK_OK(pipc_batch_add(&b, "abc", 3));
        CHECK_OK(pipc_batch_add(&b, "1234567", last));
        CHECK_EQ(pipc_batch_finish(&b), cap);
        check_item(buf, cap, &b, 0, "abc", 3);
        check_item(buf, cap, &b, 1, "1234567", last);
        CHECK_OK(pipc_batch_check(buf, cap, 2));
        wire_block_free(buf, cap);
    }
}

TEST(wire_batch, the_last_padding_is_whole_or_left_out)
{
    /* 16 bytes of directory, 9 of items: the padding to 16 fits from a capacity of 32 on. */
    for (size_t cap = 25; cap <= 40; cap++) {
        unsigned char *buf = prefilled(cap);
        struct pipc_batch_builder b;
        pipc_batch_begin(&b, buf, cap, 2);
        CHECK_OK(pipc_batch_add(&b, "abc", 3));
        CHECK_OK(pipc_batch_add(&b, "d", 1));
        const size_t len = pipc_batch_finish(&b);
        CHECK_EQ(len, cap < 32 ? 25 : 32);
        for (size_t i = 25; i < cap; i++)
            CHECK_EQ(buf[i], i < len ? 0 : 0xff);
        wire_block_free(buf, cap);
    }
}

TEST(wire_batch, a_buffer_one_byte_too_small_keeps_the_earlier_items)
{
    const size_t cap = 16 + 8 + 5 - 1;
    unsigned char *buf = prefilled(cap);
    struct pipc_batch_builder b;
    pipc_batch_begin(&b, buf, cap, 2);
    CHECK_OK(pipc_batch_add(&b, "abc", 3));
    CHECK_RESULT(pipc_batch_add(&b, "hello", 5), PIPC_ERR_OVERFLOW);
    const size_t len = pipc_batch_finish(&b);
    CHECK_EQ(b.count, 1);
    CHECK_EQ(len, 16);
    check_item(buf, len, &b, 0, "abc", 3);
    wire_block_free(buf, cap);
}

TEST(wire_batch, nothing_fits_where_the_reserved_directory_does_not)
{
    for (size_t cap = 0; cap < 32; cap++) {
        unsigned char *buf = prefilled(cap);
        struct pipc_batch_builder b;
        pipc_batch_begin(&b, buf, cap, 4);
        CHECK_RESULT(pipc_batch_add(&b, NULL, 0), PIPC_ERR_OVERFLOW);
        CHECK_EQ(pipc_batch_finish(&b), 0);
        wire_block_free(buf, cap);
    }
}

TEST(wire_batch, every_padding_byte_is_zero_on_a_prefilled_buffer)
{
    struct wire_random r = {11};
    const unsigned rounds = test_scale(10000);
    for (unsigned round = 0; round < rounds; round++) {
        const uint32_t max = 1 + (uint32_t)(wire_random_next(&r) % 12);
        const uint32_t count = 1 + (uint32_t)(wire_random_next(&r) % max);
        unsigned char item[40];
        memset(item, 0x11, sizeof(item));
        unsigned char *buf = prefilled(800);
        struct pipc_batch_builder b;
        size_t data = 0;
        pipc_batch_begin(&b, buf, 800, max);
        for (uint32_t i = 0; i < count; i++) {
            const size_t len = wire_random_next(&r) % sizeof(item);
            CHECK_OK(pipc_batch_add(&b, item, len));
            data += len;
        }
        const size_t len = pipc_batch_finish(&b);
        size_t ones = 0;
        CHECK_EQ(len % 8, 0);
        for (size_t i = (size_t)count * 8; i < len; i++) {
            CHECK(buf[i] == 0 || buf[i] == 0x11);
            ones += buf[i] == 0x11;
        }
        CHECK_EQ(ones, data);
        wire_block_free(buf, 800);
    }
}

TEST(wire_batch, huge_numbers_overflow_nothing)
{
    unsigned char buf[64];
    struct pipc_batch_builder b;
    static const uint32_t huge[] = {UINT32_MAX, UINT32_MAX - 1, 0x20000000, 0x20000001, 0x1fffffff};
    for (size_t i = 0; i < 5; i++) {
        size_t room = 9;
        pipc_batch_begin(&b, buf, sizeof(buf), huge[i]);
        CHECK_RESULT(pipc_batch_add(&b, "x", 1), PIPC_ERR_OVERFLOW);
        CHECK_RESULT(pipc_batch_add(&b, NULL, 0), PIPC_ERR_OVERFLOW);
        CHECK(pipc_batch_room(&b, &room) == NULL);
        CHECK_EQ(room, 0);
        CHECK_EQ(pipc_batch_finish(&b), 0);
    }
    const uint64_t lengths[] = {
        SIZE_MAX,       SIZE_MAX - 7,          SIZE_MAX - 16,         UINT32_MAX,
        UINT32_MAX - 7, UINT64_C(0x100000000), UINT64_C(0x100000001), SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        const size_t len = (size_t)lengths[i];
        pipc_batch_begin(&b, buf, sizeof(buf), 1);
        if (len == lengths[i]) /* others are none where size_t has 32 bits */
            CHECK_RESULT(pipc_batch_add(&b, buf, len), PIPC_ERR_OVERFLOW);
        CHECK_EQ(b.count, 0);
    }
}

TEST(wire_batch, an_item_above_the_range_of_its_length_is_refused_whatever_the_room)
{
    /* The capacity is said to be large; nothing may be written before the refusal. */
    unsigned char buf[16];
    struct pipc_batch_builder b;
    pipc_batch_begin(&b, buf, SIZE_MAX / 2, 1);
#if SIZE_MAX > UINT32_MAX
    CHECK_RESULT(pipc_batch_add(&b, buf, (size_t)UINT32_MAX + 1), PIPC_ERR_OVERFLOW);
#endif
    b.pos = (uint64_t)UINT32_MAX + 1;
    CHECK_RESULT(pipc_batch_add(&b, "x", 1), PIPC_ERR_OVERFLOW);
}

TEST(wire_batch, room_is_where_the_next_item_goes)
{
    unsigned char *buf = prefilled(16 + 24);
    struct pipc_batch_builder b;
    size_t room = 0;
    pipc_batch_begin(&b, buf, 40, 2);
    CHECK(pipc_batch_room(&b, &room) == buf + 16);
    CHECK_EQ(room, 24);
    CHECK_OK(pipc_batch_add(&b, "abc", 3));
    unsigned char *at = pipc_batch_room(&b, &room);
    CHECK(at == buf + 24);
    CHECK_EQ(room, 16);
    memset(at, 'y', 16);
    CHECK_OK(pipc_batch_add(&b, at, 16));
    CHECK(pipc_batch_room(&b, &room) == NULL);
    CHECK_EQ(room, 0);
    const size_t len = pipc_batch_finish(&b);
    check_item(buf, len, &b, 0, "abc", 3);
    check_item(buf, len, &b, 1, "yyyyyyyyyyyyyyyy", 16);
    wire_block_free(buf, 40);
}

TEST(wire_batch, room_may_be_written_and_given_up)
{
    unsigned char *buf = prefilled(64);
    struct pipc_batch_builder b;
    size_t room = 0;
    pipc_batch_begin(&b, buf, 64, 3);
    CHECK_OK(pipc_batch_add(&b, "abc", 3));
    unsigned char *at = pipc_batch_room(&b, &room);
    memset(at, 0xee, room);
    CHECK_OK(pipc_batch_add(&b, "x", 1));
    const size_t len = pipc_batch_finish(&b);
    CHECK_EQ(len, 32);
    CHECK_MEM(buf + 16, "abc\0\0\0\0\0x\0\0\0\0\0\0\0", 16);
    wire_block_free(buf, 64);
}

TEST(wire_batch, room_that_is_used_up_is_none_but_an_empty_item_fits)
{
    unsigned char *buf = prefilled(24);
    struct pipc_batch_builder b;
    size_t room = 7;
    pipc_batch_begin(&b, buf, 24, 2);
    CHECK_OK(pipc_batch_add(&b, "12345678", 8));
    CHECK(pipc_batch_room(&b, &room) != NULL);
    CHECK_EQ(room, 0);
    CHECK_OK(pipc_batch_add(&b, NULL, 0));
    CHECK_EQ(pipc_batch_finish(&b), 24);
    wire_block_free(buf, 24);
}

TEST(wire_batch, an_item_that_lies_in_the_buffer_is_moved_into_its_place)
{
    unsigned char buf[128];
    struct pipc_batch_builder b;
    size_t room;
    pipc_batch_begin(&b, buf, sizeof(buf), 2);
    CHECK_OK(pipc_batch_add(&b, "a", 1));
    unsigned char *at = pipc_batch_room(&b, &room);
    memcpy(at + 3, "overlapping item", 16);
    CHECK_OK(pipc_batch_add(&b, at + 3, 16));
    const size_t len = pipc_batch_finish(&b);
    check_item(buf, len, &b, 1, "overlapping item", 16);
}
