/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's handshake: rows 2 to 14 of level1-transport.md 6.1, each alone, with exact answer
 * and result, and that the listener takes the next client.
 */
#include "session_shake.h"
#include "test.h"

#include <unistd.h>

/* ---- rows 2 to 6 ---- */

TEST(session_hello, packet_of_1_byte_is_closed)
{
    struct shake s;

    shake_start_right(&s);
    s.len = 1;
    shake_expect(&s, SILENT, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, packet_of_31_bytes_is_closed)
{
    struct shake s;

    shake_start_right(&s);
    s.len = 31;
    shake_expect(&s, SILENT, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, wrong_magic_is_closed)
{
    struct shake s;

    shake_start_right(&s);
    s.packet[0] ^= 1;
    shake_expect(&s, SILENT, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, chunk_magic_is_closed)
{
    const uint32_t magic = PIPC_CHUNK_MAGIC;
    struct shake s;

    shake_start_right(&s);
    memcpy(s.packet, &magic, 4);
    shake_expect(&s, SILENT, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, version_2_is_answered_incompatible)
{
    struct shake s;

    shake_start_right(&s);
    shake_put16(&s, 4, 2);
    shake_expect(&s, PIPC_STATUS_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE);
}

TEST(session_hello, version_2_without_payload_is_answered_incompatible)
{
    struct shake s;

    shake_start_right(&s);
    shake_put16(&s, 4, 2);
    s.len = 32;
    shake_expect(&s, PIPC_STATUS_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE);
}

TEST(session_hello, version_2_with_another_header_length_is_closed)
{
    struct shake s;

    shake_start_right(&s);
    shake_put16(&s, 4, 2);
    shake_put16(&s, 6, 40);
    shake_expect(&s, SILENT, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, version_2_of_another_kind_is_closed)
{
    struct shake s;

    shake_start_right(&s);
    shake_put16(&s, 4, 2);
    shake_put16(&s, 8, PIPC_KIND_REQUEST);
    shake_expect(&s, SILENT, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, header_length_33_is_closed)
{
    struct shake s;

    shake_start_right(&s);
    shake_put16(&s, 6, 33);
    shake_expect(&s, SILENT, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, kind_request_is_closed)
{
    struct shake s;

    shake_start_right(&s);
    shake_put16(&s, 8, PIPC_KIND_REQUEST);
    shake_expect(&s, SILENT, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, code_hello_ack_is_closed)
{
    struct shake s;

    shake_start_right(&s);
    shake_put16(&s, 12, PIPC_CODE_HELLO_ACK);
    shake_expect(&s, SILENT, PIPC_ERR_PROTOCOL);
}

/* ---- rows 7 to 10 ---- */

TEST(session_hello, header_alone_is_bad_envelope)
{
    struct shake s;

    shake_start_right(&s);
    s.len = 32;
    shake_expect(&s, PIPC_STATUS_BAD_ENVELOPE, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, payload_of_43_bytes_is_bad_envelope)
{
    struct shake s;

    shake_start_right(&s);
    s.len = 32 + 43;
    shake_expect(&s, PIPC_STATUS_BAD_ENVELOPE, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, layout_0_is_incompatible)
{
    struct shake s;

    shake_start_right(&s);
    s.hello.layout_version = 0;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE);
}

TEST(session_hello, layout_2_is_incompatible)
{
    struct shake s;

    shake_start_right(&s);
    s.hello.layout_version = 2;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE);
}

TEST(session_hello, flags_are_bad_envelope)
{
    struct shake s;

    shake_start_right(&s);
    s.hello.flags = 1;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_BAD_ENVELOPE, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, padding_is_bad_envelope)
{
    struct shake s;

    shake_start_right(&s);
    s.hello.padding = 1;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_BAD_ENVELOPE, PIPC_ERR_PROTOCOL);
}

/* ---- rows 11 to 14a ---- */

TEST(session_hello, wrong_token_is_auth_failed_in_every_bit)
{
    for (unsigned bit = 0; bit < 64; bit += 9) {
        struct shake s;

        shake_start(&s);
        s.hello.auth_token = 7 ^ UINT64_C(1) << bit;
        shake_renew(&s);
        shake_expect(&s, PIPC_STATUS_AUTH_FAILED, PIPC_ERR_AUTH_FAILED);
    }
}

TEST(session_hello, peer_that_the_transport_does_not_admit_is_auth_failed)
{
    struct shake s;

    shake_start_right(&s);
    session_control.refuse_peer = true;
    shake_expect(&s, PIPC_STATUS_AUTH_FAILED, PIPC_ERR_AUTH_FAILED);
}

TEST(session_hello, no_common_profile_is_unsupported)
{
    struct shake s;

    shake_start_right(&s);
    s.hello.supported_profiles = UINT32_C(0x80000006);
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_UNSUPPORTED, PIPC_ERR_NO_PROFILE);
}

TEST(session_hello, empty_mask_is_unsupported)
{
    struct shake s;

    shake_start_right(&s);
    s.hello.supported_profiles = 0;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_UNSUPPORTED, PIPC_ERR_NO_PROFILE);
}

TEST(session_hello, bits_that_a_module_cannot_run_are_not_common)
{
    struct shake s;

    shake_start_right(&s);
    s.transports = "fast";
    session_control.usable_drop_server = FAST_BITS;
    s.hello.supported_profiles = FAST_BITS;
    shake_renew(&s);
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    uint8_t answer[128], expected[80];
    int raw;
    s.settings.auth_token = 7;
    session_rig_open(&s.rig, s.transports, &s.settings);
    CHECK_RESULT(session_rig_shake(&s.rig, s.packet, s.len, &session, &raw, &err),
                 PIPC_ERR_NO_PROFILE);
    shake_rejection(PIPC_STATUS_UNSUPPORTED, expected);
    CHECK_EQ(session_raw_receive(raw, answer, sizeof(answer), 0), 80);
    CHECK_MEM(answer, expected, 80);
    CHECK_EQ(session_control.offers, 0);
    close(raw);
    session_rig_close(&s.rig);
}

TEST(session_hello, request_proposal_above_the_maximum_is_limit_exceeded)
{
    struct shake s;

    shake_start_right(&s);
    s.hello.max_request_payload_bytes = 1025;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_LIMIT_EXCEEDED, PIPC_ERR_LIMIT_EXCEEDED);
}

TEST(session_hello, packet_size_32_is_incompatible)
{
    struct shake s;

    shake_start_right(&s);
    s.hello.packet_size = 32;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE);
}

TEST(session_hello, packet_size_0_is_incompatible)
{
    struct shake s;

    shake_start_right(&s);
    s.hello.packet_size = 0;
    shake_renew(&s);
    shake_expect(&s, PIPC_STATUS_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE);
}
