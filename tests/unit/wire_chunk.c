/* SPDX-License-Identifier: Apache-2.0
 *
 * The chunk header and the number of packets of a message.
 */
#include "test.h"

#include "wire_bytes.h"

#include <pipc/wire.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct pipc_chunk distinct = {
    .magic = PIPC_CHUNK_MAGIC,
    .version = 1,
    .flags = 0,
    .message_id = UINT64_C(0x0807060504030201),
    .total_message_len = 0x0c0b0a09,
    .chunk_index = 0x100f0e0d,
    .chunk_count = 0x14131211,
    .chunk_payload_len = 0x18171615,
};

static pipc_result decode(const unsigned char *bytes, size_t len, struct pipc_chunk *ret)
{
    unsigned char *block = wire_block(bytes, len);
    struct pipc_chunk c, before;
    memset(&c, 0x5a, sizeof(c));
    before = c;
    const pipc_result result = pipc_chunk_decode(block, len, &c);
    if (result != PIPC_OK)
        CHECK_MEM(&c, &before, sizeof(c));
    else if (ret)
        *ret = c;
    wire_block_free(block, len);
    return result;
}

static pipc_result decode_changed(struct pipc_chunk c)
{
    unsigned char bytes[32];
    CHECK_EQ(pipc_chunk_encode(&c, bytes, 32), 32);
    return decode(bytes, 32, NULL);
}

TEST(wire_chunk, every_field_has_its_place)
{
    unsigned char bytes[32];
    CHECK_EQ(pipc_chunk_encode(&distinct, bytes, 32), 32);
    wire_need_little_endian();
    static const unsigned char expected[32] = {0x4b, 0x48, 0x43, 0x4e, 1,  0,  0,  0,  1,  2,  3,
                                               4,    5,    6,    7,    8,  9,  10, 11, 12, 13, 14,
                                               15,   16,   17,   18,   19, 20, 21, 22, 23, 24};
    CHECK_MEM(bytes, expected, 32);
}

TEST(wire_chunk, round_trip_keeps_every_field)
{
    unsigned char bytes[32];
    struct pipc_chunk c;
    CHECK_EQ(pipc_chunk_encode(&distinct, bytes, 32), 32);
    CHECK_OK(decode(bytes, 32, &c));
    CHECK_EQ(c.magic, distinct.magic);
    CHECK_EQ(c.version, 1);
    CHECK_EQ(c.flags, 0);
    CHECK_EQ(c.message_id, distinct.message_id);
    CHECK_EQ(c.total_message_len, distinct.total_message_len);
    CHECK_EQ(c.chunk_index, distinct.chunk_index);
    CHECK_EQ(c.chunk_count, distinct.chunk_count);
    CHECK_EQ(c.chunk_payload_len, distinct.chunk_payload_len);
}

TEST(wire_chunk, examples_of_the_page_are_produced)
{
    static const unsigned char first[32] = {0x4b, 0x48, 0x43, 0x4e, 1, 0,    0,    0, 7, 0, 0,
                                            0,    0,    0,    0,    0, 0x4c, 1,    0, 0, 1, 0,
                                            0,    0,    4,    0,    0, 0,    0x60, 0, 0, 0};
    struct pipc_chunk c = {.magic = PIPC_CHUNK_MAGIC,
                           .version = 1,
                           .message_id = 7,
                           .total_message_len = 332,
                           .chunk_index = 1,
                           .chunk_count = (uint32_t)pipc_chunk_count(300, 96, 128),
                           .chunk_payload_len = 96};
    unsigned char bytes[32], last[32];
    wire_need_little_endian();
    CHECK_EQ(pipc_chunk_encode(&c, bytes, 32), 32);
    CHECK_MEM(bytes, first, 32);
    memcpy(last, first, 32);
    last[20] = 3;
    last[28] = 0x0c;
    c.chunk_index = 3;
    c.chunk_payload_len = 12;
    CHECK_EQ(pipc_chunk_encode(&c, bytes, 32), 32);
    CHECK_MEM(bytes, last, 32);
}

TEST(wire_chunk, encoder_without_room_writes_nothing)
{
    for (size_t cap = 0; cap < 32; cap++) {
        unsigned char bytes[32];
        memset(bytes, 0xee, sizeof(bytes));
        CHECK_EQ(pipc_chunk_encode(&distinct, bytes, cap), 0);
        for (size_t i = 0; i < 32; i++)
            CHECK_EQ(bytes[i], 0xee);
    }
}

TEST(wire_chunk, too_few_bytes_are_truncated)
{
    unsigned char bytes[64] = {0};
    CHECK_EQ(pipc_chunk_encode(&distinct, bytes, 32), 32);
    for (size_t len = 0; len < 32; len++)
        CHECK_RESULT(decode(bytes, len, NULL), PIPC_ERR_TRUNCATED);
    CHECK_OK(decode(bytes, 32, NULL));
    CHECK_OK(decode(bytes, 64, NULL));
}

TEST(wire_chunk, faults_are_found_in_the_order_magic_version_flags_length)
{
    struct pipc_chunk c = distinct;
    c.chunk_payload_len = 0;
    CHECK_RESULT(decode_changed(c), PIPC_ERR_BAD_LAYOUT);
    c.chunk_payload_len = 1;
    c.flags = 1;
    CHECK_RESULT(decode_changed(c), PIPC_ERR_BAD_LAYOUT);
    c.flags = 0x8000;
    CHECK_RESULT(decode_changed(c), PIPC_ERR_BAD_LAYOUT);
    for (unsigned i = 0; i < 3; i++) {
        c.version = (uint16_t)(i == 0 ? 0 : i == 1 ? 2 : 65535);
        CHECK_RESULT(decode_changed(c), PIPC_ERR_BAD_VERSION);
    }
    const uint32_t magics[] = {0, PIPC_MAGIC, __builtin_bswap32(PIPC_CHUNK_MAGIC), UINT32_MAX};
    for (size_t i = 0; i < COUNT(magics); i++) {
        c.magic = magics[i];
        CHECK_RESULT(decode_changed(c), PIPC_ERR_BAD_MAGIC);
    }
}

TEST(wire_chunk, what_the_session_compares_is_not_judged)
{
    const uint32_t values[] = {0, 1, UINT32_MAX};
    for (size_t i = 0; i < COUNT(values); i++) {
        struct pipc_chunk c = distinct;
        c.total_message_len = values[i];
        CHECK_OK(decode_changed(c));
        c.chunk_index = values[i];
        CHECK_OK(decode_changed(c));
        c.chunk_count = values[i];
        CHECK_OK(decode_changed(c));
        c.message_id = values[i];
        CHECK_OK(decode_changed(c));
    }
    struct pipc_chunk c = distinct;
    c.chunk_payload_len = UINT32_MAX;
    CHECK_OK(decode_changed(c));
}

TEST(wire_chunk, counts_are_exact_at_every_boundary)
{
    const uint32_t sizes[] = {33, 34, 128, 65536};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const uint32_t p = sizes[i], b = p - 32;
        CHECK_EQ(pipc_chunk_count(0, 0, p), 1);
        CHECK_EQ(pipc_chunk_count(b, b, p), 1);
        CHECK_EQ(pipc_chunk_count(b + 1, b, p), 2);
        CHECK_EQ(pipc_chunk_count(2 * b, b, p), 2);
        CHECK_EQ(pipc_chunk_count(2 * b + 1, b, p), 3);
    }
    CHECK_EQ(pipc_chunk_count(300, 96, 128), 4);
}

TEST(wire_chunk, count_follows_the_first_packet_as_it_came)
{
    CHECK_EQ(pipc_chunk_count(300, 0, 128), 1 + 4);
    CHECK_EQ(pipc_chunk_count(300, 1, 128), 1 + 4);
    CHECK_EQ(pipc_chunk_count(300, 12, 128), 1 + 3);
    CHECK_EQ(pipc_chunk_count(300, 95, 128), 1 + 3);
    CHECK_EQ(pipc_chunk_count(300, 300, 128), 1);
}

TEST(wire_chunk, extreme_numbers_neither_overflow_nor_divide_by_zero)
{
    CHECK_EQ(pipc_chunk_count(UINT32_MAX, 0, 33), UINT64_C(1) + UINT32_MAX);
    CHECK_EQ(pipc_chunk_count(UINT32_MAX, 1, 33), UINT32_MAX);
    CHECK_EQ(pipc_chunk_count(UINT32_MAX, 0, UINT32_MAX), 1 + 2);
    CHECK_EQ(pipc_chunk_count(UINT32_MAX, UINT32_MAX, UINT32_MAX), 1);
    CHECK_EQ(pipc_chunk_count(PIPC_PAYLOAD_LEN_MAX, 0, UINT32_MAX), 1 + 1);
}

TEST(wire_chunk, impossible_packets_count_as_none)
{
    CHECK_EQ(pipc_chunk_count(10, 0, 0), 0);
    CHECK_EQ(pipc_chunk_count(10, 0, 31), 0);
    CHECK_EQ(pipc_chunk_count(10, 0, 32), 0);
    CHECK_EQ(pipc_chunk_count(10, 11, 64), 0);
}

/* All packets of a message as a sender makes them; returns how many. */
static unsigned send_all(const unsigned char *payload, uint32_t len, uint32_t packet_size,
                         unsigned char *out, size_t *sizes)
{
    const uint32_t budget = packet_size - 32, first = len < budget ? len : budget;
    const uint32_t count = (uint32_t)pipc_chunk_count(len, first, packet_size);
    const struct pipc_header h = {PIPC_MAGIC, 1, 32, 1, 0, 1, 0, len, 1, 7};
    unsigned n = 0;
    CHECK_EQ(pipc_header_encode(&h, out, 32), 32);
    memcpy(out + 32, payload, first);
    sizes[n++] = 32 + first;
    for (uint32_t done = first; done < len;) {
        const uint32_t part = len - done < budget ? len - done : budget;
        const struct pipc_chunk c = {PIPC_CHUNK_MAGIC, 1, 0, 7, 32 + len, n, count, part};
        out += sizes[n - 1];
        CHECK_EQ(pipc_chunk_encode(&c, out, 32), 32);
        memcpy(out + 32, payload + done, part);
        sizes[n++] = 32 + part;
        done += part;
    }
    CHECK_EQ(n, count);
    return n;
}

TEST(wire_chunk, the_example_message_has_four_packets_of_the_sizes_given)
{
    unsigned char payload[300], out[600];
    size_t sizes[8];
    memset(payload, 'x', sizeof(payload));
    CHECK_EQ(send_all(payload, 300, 128, out, sizes), 4);
    CHECK_EQ(sizes[0], 128);
    CHECK_EQ(sizes[1], 128);
    CHECK_EQ(sizes[2], 128);
    CHECK_EQ(sizes[3], 44);
}

TEST(wire_hostile, random_bytes_in_the_chunk_decoder)
{
    struct wire_random r = {2};
    unsigned char good[32];
    CHECK_EQ(pipc_chunk_encode(&distinct, good, 32), 32);
    const unsigned rounds = test_scale(2000);
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t len = 0; len <= 256; len++) {
            unsigned char bytes[256];
            wire_random_bytes(&r, bytes, len);
            if (len >= 6 && round % 2)
                memcpy(bytes, good, 6);
            const pipc_result result = decode(bytes, len, NULL);
            CHECK(len >= 32 || result == PIPC_ERR_TRUNCATED);
        }
    }
}

TEST(wire_hostile, every_bit_flip_of_a_chunk_header_is_refused_or_seen)
{
    unsigned char good[32];
    CHECK_EQ(pipc_chunk_encode(&distinct, good, 32), 32);
    for (unsigned bit = 0; bit < 256; bit++) {
        unsigned char bytes[32], again[32];
        struct pipc_chunk c;
        memcpy(bytes, good, 32);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        const pipc_result result = decode(bytes, 32, &c);
        CHECK_RESULT(result, bit < 32   ? PIPC_ERR_BAD_MAGIC
                             : bit < 48 ? PIPC_ERR_BAD_VERSION
                             : bit < 64 ? PIPC_ERR_BAD_LAYOUT
                                        : PIPC_OK);
        if (result != PIPC_OK)
            continue;
        CHECK_EQ(pipc_chunk_encode(&c, again, 32), 32);
        CHECK_MEM(again, bytes, 32);
    }
}
