/* SPDX-License-Identifier: Apache-2.0
 *
 * The outer header: offsets, limits of the codec, order of the checks, hostile bytes.
 */
#include "test.h"

#include "wire_bytes.h"

#include <pipc/wire.h>

static const struct pipc_header distinct = {
    .magic = PIPC_MAGIC,
    .version = 1,
    .header_len = 32,
    .kind = 2,
    .flags = 0x0504,
    .code = 0x0706,
    .transport_status = 0x0908,
    .payload_len = 0x0d0c0b0a,
    .item_count = 0x11100f0e,
    .message_id = UINT64_C(0x1918171615141312),
};

static void check_equal(const struct pipc_header *a, const struct pipc_header *b)
{
    CHECK_EQ(a->magic, b->magic);
    CHECK_EQ(a->version, b->version);
    CHECK_EQ(a->header_len, b->header_len);
    CHECK_EQ(a->kind, b->kind);
    CHECK_EQ(a->flags, b->flags);
    CHECK_EQ(a->code, b->code);
    CHECK_EQ(a->transport_status, b->transport_status);
    CHECK_EQ(a->payload_len, b->payload_len);
    CHECK_EQ(a->item_count, b->item_count);
    CHECK_EQ(a->message_id, b->message_id);
}

static void encode(const struct pipc_header *h, unsigned char bytes[32])
{
    CHECK_EQ(pipc_header_encode(h, bytes, 32), 32);
}

/* Decodes from a block of exactly `len` bytes; on failure the output must be as it was. */
static pipc_result decode(const unsigned char *bytes, size_t len, struct pipc_header *ret)
{
    unsigned char *block = wire_block(bytes, len);
    struct pipc_header h, before;
    memset(&h, 0x5a, sizeof(h));
    before = h;
    const pipc_result result = pipc_header_decode(block, len, &h);
    if (result != PIPC_OK)
        CHECK_MEM(&h, &before, sizeof(h));
    else if (ret)
        *ret = h;
    wire_block_free(block, len);
    return result;
}

static pipc_result decode_changed(struct pipc_header h)
{
    unsigned char bytes[32];
    encode(&h, bytes);
    return decode(bytes, 32, NULL);
}

TEST(wire_header, every_field_has_its_place)
{
    unsigned char bytes[32];
    encode(&distinct, bytes);
    wire_need_little_endian();
    static const unsigned char expected[32] = {0x43, 0x50, 0x49, 0x4e, 0x01, 0x00, 0x20, 0x00,
                                               0x02, 0x00, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
                                               0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11,
                                               0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19};
    CHECK_MEM(bytes, expected, 32);
}

TEST(wire_header, round_trip_keeps_every_field)
{
    unsigned char bytes[32];
    struct pipc_header h;
    encode(&distinct, bytes);
    CHECK_OK(decode(bytes, 32, &h));
    check_equal(&h, &distinct);
}

TEST(wire_header, encoder_writes_what_it_is_given)
{
    struct pipc_header h = distinct;
    unsigned char bytes[32], again[32];
    h.magic = 1;
    h.version = 2;
    h.header_len = 3;
    h.kind = 4;
    encode(&h, bytes);
    memcpy(again, &h, 4);
    CHECK_MEM(bytes, again, 4);
    CHECK_RESULT(decode(bytes, 32, NULL), PIPC_ERR_BAD_MAGIC);
}

TEST(wire_header, encoder_without_room_writes_nothing)
{
    for (size_t cap = 0; cap < 32; cap++) {
        unsigned char bytes[32];
        memset(bytes, 0xee, sizeof(bytes));
        CHECK_EQ(pipc_header_encode(&distinct, bytes, cap), 0);
        for (size_t i = 0; i < 32; i++)
            CHECK_EQ(bytes[i], 0xee);
    }
}

TEST(wire_header, encoder_with_more_room_writes_no_more)
{
    unsigned char bytes[40];
    memset(bytes, 0xee, sizeof(bytes));
    CHECK_EQ(pipc_header_encode(&distinct, bytes, sizeof(bytes)), 32);
    for (size_t i = 32; i < 40; i++)
        CHECK_EQ(bytes[i], 0xee);
}

TEST(wire_header, too_few_bytes_are_truncated_and_more_are_accepted)
{
    unsigned char bytes[64] = {0};
    encode(&distinct, bytes);
    for (size_t len = 0; len < 32; len++)
        CHECK_RESULT(decode(bytes, len, NULL), PIPC_ERR_TRUNCATED);
    CHECK_OK(decode(bytes, 32, NULL));
    CHECK_OK(decode(bytes, 33, NULL));
    CHECK_OK(decode(bytes, 64, NULL));
}

TEST(wire_header, wrong_magic_is_refused)
{
    const uint32_t wrong[] = {
        0, 1, PIPC_MAGIC + 1, __builtin_bswap32(PIPC_MAGIC), PIPC_CHUNK_MAGIC, UINT32_MAX};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct pipc_header h = distinct;
        h.magic = wrong[i];
        CHECK_RESULT(decode_changed(h), PIPC_ERR_BAD_MAGIC);
    }
}

TEST(wire_header, wrong_version_is_refused_before_a_wrong_length)
{
    const uint16_t wrong[] = {0, 2, 65535};
    for (size_t i = 0; i < 3; i++) {
        struct pipc_header h = distinct;
        h.version = wrong[i];
        CHECK_RESULT(decode_changed(h), PIPC_ERR_BAD_VERSION);
        h.header_len = 31;
        CHECK_RESULT(decode_changed(h), PIPC_ERR_BAD_VERSION);
        h.magic = 0;
        CHECK_RESULT(decode_changed(h), PIPC_ERR_BAD_MAGIC);
    }
}

TEST(wire_header, wrong_header_length_is_refused_before_a_wrong_kind)
{
    const uint16_t wrong[] = {0, 31, 33, 64, 65535};
    for (size_t i = 0; i < 5; i++) {
        struct pipc_header h = distinct;
        h.header_len = wrong[i];
        CHECK_RESULT(decode_changed(h), PIPC_ERR_BAD_HEADER_LEN);
        h.kind = 0;
        CHECK_RESULT(decode_changed(h), PIPC_ERR_BAD_HEADER_LEN);
    }
}

TEST(wire_header, kinds_one_to_three_are_accepted_and_no_other)
{
    for (uint32_t kind = 0; kind <= 65535; kind++) {
        struct pipc_header h = distinct;
        h.kind = (uint16_t)kind;
        const bool good = kind >= 1 && kind <= 3;
        if (kind < 20 || kind > 65500 || good)
            CHECK_RESULT(decode_changed(h), good ? PIPC_OK : PIPC_ERR_BAD_KIND);
    }
}

static void check_survives(struct pipc_header h)
{
    unsigned char bytes[32];
    struct pipc_header got;
    encode(&h, bytes);
    CHECK_OK(decode(bytes, 32, &got));
    check_equal(&got, &h);
}

TEST(wire_header, flags_codes_and_statuses_are_not_judged)
{
    const uint16_t values[] = {0, 1, 2, 7, 0x7fff, 0x8000, 0xfffe, 0xffff};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct pipc_header h = distinct;
        h.flags = values[i];
        check_survives(h);
        h.code = values[i];
        check_survives(h);
        h.transport_status = values[i];
        check_survives(h);
    }
}

TEST(wire_header, lengths_counts_and_ids_are_not_judged)
{
    const uint32_t values[] = {0, 1, PIPC_PAYLOAD_LEN_MAX, PIPC_PAYLOAD_LEN_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct pipc_header h = distinct;
        h.payload_len = values[i];
        check_survives(h);
        h.item_count = values[i];
        check_survives(h);
        h.message_id = values[i] == UINT32_MAX ? UINT64_MAX : values[i];
        check_survives(h);
    }
}

TEST(wire_header, any_address_will_do)
{
    unsigned char room[48], bytes[32];
    struct pipc_header h;
    encode(&distinct, bytes);
    for (unsigned shift = 0; shift < 16; shift++) {
        CHECK_EQ(pipc_header_encode(&distinct, room + shift, 32), 32);
        CHECK_MEM(room + shift, bytes, 32);
        CHECK_OK(pipc_header_decode(room + shift, 32, &h));
        check_equal(&h, &distinct);
    }
}

TEST(wire_hostile, random_bytes_in_the_header_decoder)
{
    struct wire_random r = {1};
    unsigned char good[32];
    encode(&distinct, good);
    const unsigned rounds = test_scale(2000);
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t len = 0; len <= 256; len++) {
            unsigned char bytes[256];
            wire_random_bytes(&r, bytes, len);
            if (len >= 8 && round % 2) /* every other round gets past the first three checks */
                memcpy(bytes, good, 8);
            const pipc_result result = decode(bytes, len, NULL);
            CHECK(len >= 32 || result == PIPC_ERR_TRUNCATED);
        }
    }
}
