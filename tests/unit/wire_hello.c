/* SPDX-License-Identifier: Apache-2.0
 *
 * The payloads of the handshake.
 */
#include "test.h"

#include "wire_bytes.h"

#include <pipc/wire.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct pipc_hello hello = {
    .layout_version = 1,
    .supported_profiles = 3,
    .preferred_profiles = 2,
    .max_request_payload_bytes = 4096,
    .max_request_batch_items = 16,
    .max_response_payload_bytes = 65536,
    .max_response_batch_items = 16,
    .auth_token = UINT64_C(0x1122334455667788),
    .packet_size = 65536,
};

static const struct pipc_hello_ack ack = {
    .layout_version = 1,
    .server_supported_profiles = 7,
    .intersection_profiles = 3,
    .selected_profile = 2,
    .agreed_max_request_payload_bytes = 4096,
    .agreed_max_request_batch_items = 16,
    .agreed_max_response_payload_bytes = 131072,
    .agreed_max_response_batch_items = 16,
    .agreed_packet_size = 65536,
    .session_id = 5,
};

static const unsigned char hello_packet[76] = {
    0x43, 0x50, 0x49, 0x4e, 0x01, 0x00, 0x20, 0x00, 0x03, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
    0x2c, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00,
    0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00, 0x00, 0x01, 0x00};

static const unsigned char ack_packet[80] = {
    0x43, 0x50, 0x49, 0x4e, 0x01, 0x00, 0x20, 0x00, 0x03, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
    0x30, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
    0x00, 0x10, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x10, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};

static pipc_result decode_hello(const unsigned char *bytes, size_t len)
{
    unsigned char *block = wire_block(bytes, len);
    struct pipc_hello h, before;
    memset(&h, 0x5a, sizeof(h));
    before = h;
    const pipc_result result = pipc_hello_decode(block, len, &h);
    if (result != PIPC_OK)
        CHECK_MEM(&h, &before, sizeof(h));
    wire_block_free(block, len);
    return result;
}

static pipc_result decode_ack(const unsigned char *bytes, size_t len)
{
    unsigned char *block = wire_block(bytes, len);
    struct pipc_hello_ack a, before;
    memset(&a, 0x5a, sizeof(a));
    before = a;
    const pipc_result result = pipc_hello_ack_decode(block, len, &a);
    if (result != PIPC_OK)
        CHECK_MEM(&a, &before, sizeof(a));
    wire_block_free(block, len);
    return result;
}

TEST(wire_hello, packet_of_the_example_is_produced)
{
    const struct pipc_header h = {PIPC_MAGIC, 1, 32, PIPC_KIND_CONTROL, 0, PIPC_CODE_HELLO, 0,
                                  44,         1, 0};
    unsigned char bytes[76];
    wire_need_little_endian();
    CHECK_EQ(pipc_header_encode(&h, bytes, sizeof(bytes)), 32);
    CHECK_EQ(pipc_hello_encode(&hello, bytes + 32, 44), 44);
    CHECK_MEM(bytes, hello_packet, 76);
}

TEST(wire_hello_ack, packet_of_the_example_is_produced)
{
    const struct pipc_header h = {PIPC_MAGIC, 1, 32, PIPC_KIND_CONTROL, 0, PIPC_CODE_HELLO_ACK, 0,
                                  48,         1, 0};
    unsigned char bytes[80];
    wire_need_little_endian();
    CHECK_EQ(pipc_header_encode(&h, bytes, sizeof(bytes)), 32);
    CHECK_EQ(pipc_hello_ack_encode(&ack, bytes + 32, 48), 48);
    CHECK_MEM(bytes, ack_packet, 80);
}

TEST(wire_hello_ack, rejection_of_the_example_is_produced)
{
    const struct pipc_header h = {
        PIPC_MAGIC, 1, 32, PIPC_KIND_CONTROL, 0, PIPC_CODE_HELLO_ACK, PIPC_STATUS_AUTH_FAILED,
        48,         1, 0};
    const struct pipc_hello_ack refusal = {.layout_version = 1};
    unsigned char bytes[80], expected[80] = {0};
    wire_need_little_endian();
    memcpy(expected, ack_packet, 34);
    expected[14] = 2;
    memset(bytes, 0xff, sizeof(bytes));
    CHECK_EQ(pipc_header_encode(&h, bytes, sizeof(bytes)), 32);
    CHECK_EQ(pipc_hello_ack_encode(&refusal, bytes + 32, 48), 48);
    CHECK_MEM(bytes, expected, 80);
}

TEST(wire_hello, fields_of_the_example_are_read)
{
    struct pipc_hello h;
    wire_need_little_endian();
    CHECK_OK(pipc_hello_decode(hello_packet + 32, 44, &h));
    CHECK_EQ(h.supported_profiles, 3);
    CHECK_EQ(h.preferred_profiles, 2);
    CHECK_EQ(h.max_request_payload_bytes, 4096);
    CHECK_EQ(h.max_request_batch_items, 16);
    CHECK_EQ(h.max_response_payload_bytes, 65536);
    CHECK_EQ(h.max_response_batch_items, 16);
    CHECK_EQ(h.padding, 0);
    CHECK_EQ(h.auth_token, UINT64_C(0x1122334455667788));
    CHECK_EQ(h.packet_size, 65536);
}

TEST(wire_hello_ack, fields_of_the_example_are_read)
{
    struct pipc_hello_ack a;
    wire_need_little_endian();
    CHECK_OK(pipc_hello_ack_decode(ack_packet + 32, 48, &a));
    CHECK_EQ(a.server_supported_profiles, 7);
    CHECK_EQ(a.intersection_profiles, 3);
    CHECK_EQ(a.selected_profile, 2);
    CHECK_EQ(a.agreed_max_request_payload_bytes, 4096);
    CHECK_EQ(a.agreed_max_request_batch_items, 16);
    CHECK_EQ(a.agreed_max_response_payload_bytes, 131072);
    CHECK_EQ(a.agreed_max_response_batch_items, 16);
    CHECK_EQ(a.agreed_packet_size, 65536);
    CHECK_EQ(a.padding, 0);
    CHECK_EQ(a.session_id, 5);
}

TEST(wire_hello, short_ones_are_truncated_and_surplus_is_ignored)
{
    unsigned char bytes[44 + 300];
    memset(bytes, 0xff, sizeof(bytes));
    CHECK_EQ(pipc_hello_encode(&hello, bytes, sizeof(bytes)), 44);
    CHECK_EQ(bytes[44], 0xff);
    for (size_t len = 0; len < 44; len++)
        CHECK_RESULT(decode_hello(bytes, len), PIPC_ERR_TRUNCATED);
    CHECK_OK(decode_hello(bytes, 44));
    CHECK_OK(decode_hello(bytes, 44 + 52));
    CHECK_OK(decode_hello(bytes, 44 + 300));
}

TEST(wire_hello_ack, short_ones_are_truncated_and_surplus_is_ignored)
{
    unsigned char bytes[96];
    memset(bytes, 0xff, sizeof(bytes));
    CHECK_EQ(pipc_hello_ack_encode(&ack, bytes, sizeof(bytes)), 48);
    CHECK_EQ(bytes[48], 0xff);
    for (size_t len = 0; len < 48; len++)
        CHECK_RESULT(decode_ack(bytes, len), PIPC_ERR_TRUNCATED);
    CHECK_OK(decode_ack(bytes, 48));
    CHECK_OK(decode_ack(bytes, 96));
}

TEST(wire_hello, encoders_without_room_write_nothing)
{
    unsigned char bytes[48];
    for (size_t cap = 0; cap < 48; cap++) {
        memset(bytes, 0xee, sizeof(bytes));
        if (cap < 44)
            CHECK_EQ(pipc_hello_encode(&hello, bytes, cap), 0);
        CHECK_EQ(pipc_hello_ack_encode(&ack, bytes, cap), 0);
        for (size_t i = 0; i < 48; i++)
            CHECK_EQ(bytes[i], 0xee);
    }
}

TEST(wire_hello, other_layout_flags_and_padding_are_wrong)
{
    const uint32_t layouts[] = {0, 2, 65535}, marks[] = {1, 0x8000};
    unsigned char bytes[44];
    struct pipc_hello h;
    for (size_t i = 0; i < COUNT(layouts); i++) {
        h = hello;
        h.layout_version = (uint16_t)layouts[i];
        CHECK_EQ(pipc_hello_encode(&h, bytes, 44), 44);
        CHECK_RESULT(decode_hello(bytes, 44), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(decode_hello(bytes, 43), PIPC_ERR_TRUNCATED);
    }
    for (size_t i = 0; i < COUNT(marks); i++) {
        h = hello;
        h.flags = (uint16_t)marks[i];
        CHECK_EQ(pipc_hello_encode(&h, bytes, 44), 44);
        CHECK_RESULT(decode_hello(bytes, 44), PIPC_ERR_BAD_LAYOUT);
        h = hello;
        h.padding = marks[i];
        CHECK_EQ(pipc_hello_encode(&h, bytes, 44), 44);
        CHECK_RESULT(decode_hello(bytes, 44), PIPC_ERR_BAD_LAYOUT);
    }
}

TEST(wire_hello_ack, other_layout_and_flags_are_wrong_and_padding_is_ignored)
{
    unsigned char bytes[48];
    struct pipc_hello_ack a = ack;
    a.layout_version = 2;
    CHECK_EQ(pipc_hello_ack_encode(&a, bytes, 48), 48);
    CHECK_RESULT(decode_ack(bytes, 48), PIPC_ERR_BAD_LAYOUT);
    a = ack;
    a.flags = 1;
    CHECK_EQ(pipc_hello_ack_encode(&a, bytes, 48), 48);
    CHECK_RESULT(decode_ack(bytes, 48), PIPC_ERR_BAD_LAYOUT);
    a = ack;
    a.padding = 1;
    CHECK_EQ(pipc_hello_ack_encode(&a, bytes, 48), 48);
    CHECK_OK(decode_ack(bytes, 48));
}

TEST(wire_hello, reading_checks_the_length_alone)
{
    struct pipc_hello h = {.layout_version = 9, .flags = 8, .padding = 7, .packet_size = 6}, got;
    unsigned char bytes[44];
    CHECK_EQ(pipc_hello_encode(&h, bytes, 44), 44);
    memset(&got, 0x5a, sizeof(got));
    CHECK_RESULT(pipc_hello_read(bytes, 43, &got), PIPC_ERR_TRUNCATED);
    CHECK_EQ(got.packet_size, 0x5a5a5a5a);
    CHECK_OK(pipc_hello_read(bytes, 44, &got));
    CHECK_EQ(got.layout_version, 9);
    CHECK_EQ(got.flags, 8);
    CHECK_EQ(got.padding, 7);
    CHECK_EQ(got.packet_size, 6);
}

TEST(wire_hello_ack, reading_checks_the_length_alone)
{
    struct pipc_hello_ack a = {.layout_version = 9, .flags = 8, .padding = 7, .session_id = 6}, got;
    unsigned char bytes[48];
    CHECK_EQ(pipc_hello_ack_encode(&a, bytes, 48), 48);
    memset(&got, 0x5a, sizeof(got));
    CHECK_RESULT(pipc_hello_ack_read(bytes, 47, &got), PIPC_ERR_TRUNCATED);
    CHECK_EQ(got.padding, 0x5a5a5a5a);
    CHECK_OK(pipc_hello_ack_read(bytes, 48, &got));
    CHECK_EQ(got.layout_version, 9);
    CHECK_EQ(got.flags, 8);
    CHECK_EQ(got.padding, 7);
    CHECK_EQ(got.session_id, 6);
}

TEST(wire_hostile, random_bytes_in_the_handshake_decoders)
{
    struct wire_random r = {3};
    const unsigned rounds = test_scale(2000);
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t len = 0; len <= 256; len++) {
            unsigned char bytes[256];
            wire_random_bytes(&r, bytes, len);
            if (len >= 4 && round % 2)
                pipc_hello_encode(&hello, bytes, len);
            pipc_result result = decode_hello(bytes, len);
            CHECK(len >= 44 || result == PIPC_ERR_TRUNCATED);
            result = decode_ack(bytes, len);
            CHECK(len >= 48 || result == PIPC_ERR_TRUNCATED);
        }
    }
}

TEST(wire_hostile, every_bit_flip_of_a_hello_is_refused_or_seen)
{
    unsigned char good[44];
    CHECK_EQ(pipc_hello_encode(&hello, good, 44), 44);
    for (unsigned bit = 0; bit < 44 * 8; bit++) {
        unsigned char bytes[44], again[44];
        struct pipc_hello h;
        memcpy(bytes, good, 44);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        const bool judged = bit < 32 || (bit >= 28 * 8 && bit < 32 * 8);
        CHECK_RESULT(decode_hello(bytes, 44), judged ? PIPC_ERR_BAD_LAYOUT : PIPC_OK);
        CHECK_OK(pipc_hello_read(bytes, 44, &h));
        CHECK_EQ(pipc_hello_encode(&h, again, 44), 44);
        CHECK_MEM(again, bytes, 44);
    }
}

TEST(wire_hostile, every_bit_flip_of_a_hello_ack_is_refused_or_seen)
{
    unsigned char good[48];
    CHECK_EQ(pipc_hello_ack_encode(&ack, good, 48), 48);
    for (unsigned bit = 0; bit < 48 * 8; bit++) {
        unsigned char bytes[48], again[48];
        struct pipc_hello_ack a;
        memcpy(bytes, good, 48);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        CHECK_RESULT(decode_ack(bytes, 48), bit < 32 ? PIPC_ERR_BAD_LAYOUT : PIPC_OK);
        CHECK_OK(pipc_hello_ack_read(bytes, 48, &a));
        CHECK_EQ(pipc_hello_ack_encode(&a, again, 48), 48);
        CHECK_MEM(again, bytes, 48);
    }
}
