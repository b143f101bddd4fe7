/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's handshake: which row of level1-transport.md 6.1 decides when several apply, and the
 * slot (row 14a): it is asked for after all other checks, comes free with every failure after it,
 * and stays with the session.
 */
#include "session_shake.h"
#include "test.h"

#include <unistd.h>

TEST(session_hello, no_free_slot_is_internal_error)
{
    struct shake_slots slots;
    struct shake s;

    shake_start_right(&s);
    shake_with_slots(&s, &slots, 0);
    shake_expect(&s, PIPC_STATUS_INTERNAL_ERROR, PIPC_ERR_BUSY);
}

TEST(session_hello, no_free_slot_and_wrong_token_is_auth_failed)
{
    struct shake_slots slots;
    struct shake s;

    shake_start(&s);
    shake_with_slots(&s, &slots, 0);
    shake_expect(&s, PIPC_STATUS_AUTH_FAILED, PIPC_ERR_AUTH_FAILED);
}

TEST(session_hello, no_free_slot_and_too_large_a_proposal_is_limit_exceeded)
{
    struct shake_slots slots;
    struct shake s;

    shake_start_right(&s);
    shake_with_slots(&s, &slots, 0);
    s.hello.max_request_payload_bytes = 1025;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_LIMIT_EXCEEDED, PIPC_ERR_LIMIT_EXCEEDED);
}

TEST(session_hello, slot_is_free_again_after_failed_resources)
{
    struct shake_slots slots;
    struct shake s;

    shake_start_right(&s);
    shake_with_slots(&s, &slots, 1);
    s.transports = "fast";
    session_control.offer = (struct session_fault){1, PIPC_ERR_REGION_ALLOCATE, 0};
    session_control.offer_bits = FAST_BITS;
    s.hello.supported_profiles = FAST_BITS;
    shake_renew(&s);
    shake_expect(&s, SILENT, PIPC_ERR_NO_PROFILE);
    CHECK_EQ(slots.taken, 1);
    CHECK_EQ(slots.given, 1);
}

TEST(session_hello, slot_is_free_again_after_a_failed_answer)
{
    struct shake_slots slots;
    struct shake s;

    shake_start_right(&s);
    shake_with_slots(&s, &slots, 1);
    session_control.send = (struct session_fault){1, PIPC_ERR_SEND, 32};
    shake_expect(&s, SILENT, PIPC_ERR_SEND);
    CHECK_EQ(slots.taken, 1);
    CHECK_EQ(slots.given, 1);
}

TEST(session_hello, slot_stays_with_the_session)
{
    struct shake_slots slots;
    struct shake s;
    int raw;

    shake_start(&s);
    shake_with_slots(&s, &slots, 1);
    session_rig_open(&s.rig, NULL, &s.settings);
    struct pipc_session *const session = session_rig_server(&s.rig, NULL, &raw);
    pipc_session_close(session);
    CHECK_EQ(slots.taken, 1);
    CHECK_EQ(slots.given, 0);
    close(raw);
    session_rig_close(&s.rig);
}

/* ---- neighbouring rows together: the earlier one decides ---- */

TEST(session_hello, rows_2_and_3_short_before_magic)
{
    struct shake s;

    shake_start_right(&s);
    s.packet[0] ^= 1;
    s.len = 31;
    shake_expect(&s, SILENT, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, rows_3_and_4_magic_before_version)
{
    struct shake s;

    shake_start_right(&s);
    s.packet[0] ^= 1;
    shake_put16(&s, 4, 2);
    shake_expect(&s, SILENT, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, rows_4_and_7_version_before_length)
{
    struct shake s;

    shake_start_right(&s);
    shake_put16(&s, 4, 2);
    s.len = 32 + 43;
    shake_expect(&s, PIPC_STATUS_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE);
}

TEST(session_hello, rows_5_and_6_header_length_before_kind)
{
    struct shake s;

    shake_start_right(&s);
    shake_put16(&s, 6, 0);
    shake_put16(&s, 8, 1);
    shake_expect(&s, SILENT, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, rows_6_and_7_kind_before_length)
{
    struct shake s;

    shake_start_right(&s);
    shake_put16(&s, 8, 1);
    s.len = 33;
    shake_expect(&s, SILENT, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, rows_7_and_8_length_before_layout)
{
    struct shake s;

    shake_start_right(&s);
    s.hello.layout_version = 2;
    shake_renew(&s);
    s.len = 32 + 43;
    shake_expect(&s, PIPC_STATUS_BAD_ENVELOPE, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, rows_8_and_9_layout_before_flags)
{
    struct shake s;

    shake_start_right(&s);
    s.hello.layout_version = 2;
    s.hello.flags = 1;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE);
}

TEST(session_hello, layout_0_with_a_wrong_token_is_incompatible)
{
    struct shake s;

    shake_start(&s);
    s.hello.layout_version = 0;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE);
}

TEST(session_hello, layout_2_with_a_wrong_token_is_incompatible)
{
    struct shake s;

    shake_start(&s);
    s.hello.layout_version = 2;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE);
}

TEST(session_hello, flags_with_a_wrong_token_are_bad_envelope)
{
    struct shake s;

    shake_start(&s);
    s.hello.flags = 1;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_BAD_ENVELOPE, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, rows_10_and_11_padding_before_token)
{
    struct shake s;

    shake_start(&s);
    s.hello.padding = 1;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_BAD_ENVELOPE, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, rows_11_and_12_token_before_profiles)
{
    struct shake s;

    shake_start(&s);
    s.hello.supported_profiles = 8;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_AUTH_FAILED, PIPC_ERR_AUTH_FAILED);
}

TEST(session_hello, rows_11_and_13_token_before_limit)
{
    struct shake s;

    shake_start(&s);
    s.hello.max_request_payload_bytes = UINT32_MAX;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_AUTH_FAILED, PIPC_ERR_AUTH_FAILED);
}

TEST(session_hello, rows_12_and_13_profiles_before_limit)
{
    struct shake s;

    shake_start_right(&s);
    s.hello.supported_profiles = 8;
    s.hello.max_request_payload_bytes = UINT32_MAX;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_UNSUPPORTED, PIPC_ERR_NO_PROFILE);
}

TEST(session_hello, rows_13_and_14_limit_before_packet_size)
{
    struct shake s;

    shake_start_right(&s);
    s.hello.max_request_payload_bytes = UINT32_MAX;
    s.hello.packet_size = 10;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_LIMIT_EXCEEDED, PIPC_ERR_LIMIT_EXCEEDED);
}

TEST(session_hello, rows_14_and_14a_packet_size_before_slot)
{
    struct shake_slots slots;
    struct shake s;

    shake_start_right(&s);
    shake_with_slots(&s, &slots, 0);
    s.hello.packet_size = 10;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE);
}

TEST(session_hello, rows_14a_and_15_slot_before_resources)
{
    struct shake_slots slots;
    struct shake s;

    shake_start_right(&s);
    shake_with_slots(&s, &slots, 0);
    s.transports = "fast,mem";
    s.hello.supported_profiles = 7;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_INTERNAL_ERROR, PIPC_ERR_BUSY);
    CHECK_EQ(session_control.offers, 0);
}
