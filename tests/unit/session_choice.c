/* SPDX-License-Identifier: Apache-2.0
 *
 * Negotiation (level1-wire-envelope.md 6 and 7): every row of the matrix at its bounds, and
 * selection over all masks and preferences.
 */
#include "core/session/session.h"

#include "session_rig.h"
#include "test.h"

#include <unistd.h>

/* ---- values ---- */

TEST(session_choice, request_proposal_equal_to_the_maximum_is_echoed)
{
    struct pipc_session_settings settings = session_settings();
    struct pipc_hello hello = session_hello();

    session_control_reset();
    settings.max_request_payload_bytes = 4096;
    hello.max_request_payload_bytes = 4096;
    CHECK_EQ(session_rig_ack_of(NULL, &settings, &hello, NULL).agreed_max_request_payload_bytes,
             4096);
    hello.max_request_payload_bytes = 4095;
    CHECK_EQ(session_rig_ack_of(NULL, &settings, &hello, NULL).agreed_max_request_payload_bytes,
             4095);
    hello.max_request_payload_bytes = 0;
    CHECK_EQ(session_rig_ack_of(NULL, &settings, &hello, NULL).agreed_max_request_payload_bytes, 0);
}

TEST(session_choice, response_hint_has_no_influence)
{
    struct pipc_session_settings settings = session_settings();
    struct pipc_hello hello = session_hello();

    session_control_reset();
    settings.max_response_payload_bytes = 131072;
    hello.max_response_payload_bytes = 0;
    CHECK_EQ(session_rig_ack_of(NULL, &settings, &hello, NULL).agreed_max_response_payload_bytes,
             131072);
    hello.max_response_payload_bytes = UINT32_MAX;
    CHECK_EQ(session_rig_ack_of(NULL, &settings, &hello, NULL).agreed_max_response_payload_bytes,
             131072);
}

TEST(session_choice, items_are_echoed_in_both_fields)
{
    static const uint32_t items[] = {0, 1, 7, UINT32_MAX};
    struct pipc_session_settings settings = session_settings();

    session_control_reset();
    settings.max_request_batch_items = 3;
    settings.max_response_batch_items = 4;
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        struct pipc_hello hello = session_hello();
        hello.max_request_batch_items = items[i];
        hello.max_response_batch_items = 99;
        const struct pipc_hello_ack ack = session_rig_ack_of(NULL, &settings, &hello, NULL);
        CHECK_EQ(ack.agreed_max_request_batch_items, items[i]);
        CHECK_EQ(ack.agreed_max_response_batch_items, items[i]);
    }
}

TEST(session_choice, packet_size_is_the_smaller_one)
{
    struct pipc_session_settings settings = session_settings();
    struct pipc_hello hello = session_hello();

    session_control_reset();
    settings.packet_size = 5000;
    hello.packet_size = UINT32_MAX;
    CHECK_EQ(session_rig_ack_of(NULL, &settings, &hello, NULL).agreed_packet_size, 5000);
    hello.packet_size = 33;
    CHECK_EQ(session_rig_ack_of(NULL, &settings, &hello, NULL).agreed_packet_size, 33);
    hello.packet_size = 5000;
    CHECK_EQ(session_rig_ack_of(NULL, &settings, &hello, NULL).agreed_packet_size, 5000);
}

TEST(session_choice, answer_equals_the_example)
{
    static const uint8_t expected[80] = {
        0x43, 0x50, 0x49, 0x4e, 1, 0, 0x20, 0, 3, 0,    0, 0, 2,    0, 0, 0, 0x30, 0, 0, 0,
        1,    0,    0,    0,    0, 0, 0,    0, 0, 0,    0, 0, 1,    0, 0, 0, 7,    0, 0, 0,
        3,    0,    0,    0,    2, 0, 0,    0, 0, 0x10, 0, 0, 0x10, 0, 0, 0, 0,    0, 2, 0,
        0x10, 0,    0,    0,    0, 0, 1,    0, 0, 0,    0, 0, 5,    0, 0, 0, 0,    0, 0, 0};
    struct pipc_session_settings settings = session_settings();
    struct pipc_session *sessions[5];
    struct session_rig rig;
    uint8_t packet[128];
    int raws[5];

    session_control_reset();
    settings.max_request_payload_bytes = 4096;
    settings.max_response_payload_bytes = 131072;
    settings.auth_token = UINT64_C(0x1122334455667788);
    session_rig_open(&rig, "fast,mem", &settings);
    struct pipc_hello hello = {.layout_version = 1,
                               .supported_profiles = 3,
                               .preferred_profiles = 2,
                               .max_request_payload_bytes = 4096,
                               .max_request_batch_items = 16,
                               .max_response_payload_bytes = 65536,
                               .max_response_batch_items = 16,
                               .auth_token = settings.auth_token,
                               .packet_size = 65536};
    const size_t len = session_hello_packet(&hello, packet);
    for (unsigned i = 0; i < 5; i++)
        CHECK_OK(session_rig_shake(&rig, packet, len, &sessions[i], &raws[i], NULL));
    CHECK_EQ(session_raw_receive(raws[4], packet, sizeof(packet), 0), 80);
    CHECK_MEM(packet, expected, 80);
    CHECK_EQ(session_control.last_offer.max_request_bytes, 4096);
    CHECK_EQ(session_control.last_offer.max_response_bytes, 131072);
    CHECK_EQ(session_control.last_offer.session_id, 5);
    CHECK_EQ(session_control.last_offer.bit, 2);
    CHECK_EQ(session_control.last_offer.auth_token, settings.auth_token);
    CHECK_EQ(session_control.last_offer.room_bytes, UINT64_MAX);
    for (unsigned i = 0; i < 5; i++) {
        pipc_session_close(sessions[i]);
        close(raws[i]);
    }
    session_rig_close(&rig);
}

TEST(session_choice, wrong_local_values_are_bad_parameter)
{
    struct pipc_session_settings settings = session_settings();
    struct pipc_listener *listener = NULL;
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    session_control_reset();
    struct pipc_context *const context = session_context(NULL, NULL);
    settings.packet_size = 32;
    CHECK_RESULT(pipc_listen(context, RIG_DIR, RIG_SERVICE, &settings, &listener, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_HAS(err.text, "32");
    settings.packet_size = 0;
    settings.max_response_payload_bytes = UINT32_C(4294967264);
    CHECK_RESULT(pipc_listen(context, RIG_DIR, RIG_SERVICE, &settings, &listener, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_HAS(err.text, "4294967264");
    settings.max_response_payload_bytes = 0;
    settings.max_request_payload_bytes = UINT32_MAX;
    CHECK_RESULT(pipc_connect(context, RIG_DIR, RIG_SERVICE, &settings, 0, PIPC_NO_HANDLE, &session,
                              NULL, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_OK(pipc_close(context));
}

TEST(session_choice, mask_left_empty_by_what_cannot_run_is_bad_parameter)
{
    struct pipc_session_settings settings = session_settings();
    struct pipc_listener *listener = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    session_control_reset();
    struct pipc_context *const context = session_context(NULL, NULL);
    settings.supported_profiles = UINT32_C(0xfffffffe);
    CHECK_RESULT(pipc_listen(context, RIG_DIR, RIG_SERVICE, &settings, &listener, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_HAS(err.text, "0xfffffffe");
    settings.supported_profiles = UINT32_C(0xf0);
    CHECK_RESULT(pipc_listen(context, RIG_DIR, RIG_SERVICE, &settings, &listener, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_OK(pipc_close(context));
}

/* ---- selection ---- */

TEST(session_choice, all_pairs_of_masks_and_preferences_give_the_bit_of_the_rule)
{
    static const uint32_t masks[] = {1, 2, 3, 7}, preferences[] = {0, 1, 2, 3};

    for (unsigned n = 0; n < 256; n++) {
        const uint32_t c = masks[n & 3], s = masks[n >> 2 & 3], cp = preferences[n >> 4 & 3],
                       sp = preferences[n >> 6];
        uint32_t both = c & s, from = both & cp & sp, expected = 0;
        if (!both)
            continue;
        from = from ? from : both;
        for (uint32_t bit = 1; bit <= 4; bit <<= 1)
            if (from & bit)
                expected = bit;
        CHECK_EQ(pipci_select_bit(both, cp, sp), expected);
    }
    CHECK_EQ(pipci_select_bit(UINT32_C(0x80000001), 0, 0), UINT32_C(0x80000000));
}

TEST(session_choice, selection_is_seen_on_the_wire)
{
    static const struct {
        uint32_t client, client_preferred, server, server_preferred, expected;
    } cases[] = {{1, 0, 7, 0, 1}, {3, 2, 7, 2, 2}, {7, 0, 7, 0, 4}, {7, 1, 7, 1, 1},
                 {7, 1, 7, 2, 4}, {3, 3, 3, 3, 2}, {2, 0, 3, 1, 2}, {7, 6, 3, 1, 2}};

    session_control_reset();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pipc_session_settings settings = session_settings();
        struct pipc_hello hello = session_hello();
        settings.supported_profiles = cases[i].server;
        settings.preferred_profiles = cases[i].server_preferred;
        hello.supported_profiles = cases[i].client;
        hello.preferred_profiles = cases[i].client_preferred;
        const struct pipc_hello_ack ack = session_rig_ack_of("fast,mem", &settings, &hello, NULL);
        CHECK_EQ(ack.selected_profile, cases[i].expected);
        CHECK_EQ(ack.server_supported_profiles, cases[i].server);
        CHECK_EQ(ack.intersection_profiles, cases[i].server & cases[i].client);
    }
}

TEST(session_choice, extension_bit_wins_between_two_that_have_it_and_vanishes_otherwise)
{
    struct pipc_hello hello = session_hello();

    session_control_reset();
    hello.supported_profiles = 1 | EXT_BITS | UINT32_C(0x00800000);
    struct pipc_session_status status;
    CHECK_EQ(session_rig_ack_of("ext,mem", NULL, &hello, &status).selected_profile, EXT_BITS);
    CHECK_EQ(status.selected_profile, EXT_BITS);
    CHECK_STR(status.transport, "ext");
    CHECK_EQ(status.degraded, 0);
    CHECK_EQ(session_rig_ack_of("mem", NULL, &hello, NULL).selected_profile, 1);
    hello.supported_profiles = 1;
    CHECK_EQ(session_rig_ack_of("ext,mem", NULL, &hello, NULL).selected_profile, 1);
}

TEST(session_choice, third_party_bit_wins_between_two_that_have_it_and_vanishes_otherwise)
{
    struct pipc_hello hello = session_hello();
    struct pipc_session_status status;

    session_control_reset();
    hello.supported_profiles = 1 | EXT_BITS | THIRD_BIT;
    CHECK_EQ(session_rig_ack_of("third,mem", NULL, &hello, &status).selected_profile, THIRD_BIT);
    CHECK_STR(status.transport, "third");
    CHECK_EQ(session_control.last_offer.bit, THIRD_BIT);
    CHECK_EQ(session_rig_ack_of("mem", NULL, &hello, NULL).selected_profile, 1);
    hello.supported_profiles = 1;
    CHECK_EQ(session_rig_ack_of("third,mem", NULL, &hello, NULL).selected_profile, 1);
}
