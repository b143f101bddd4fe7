/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's side of upgrades: resources that cannot be had (level1-transport.md 6.1, row 15),
 * planes that are not possible, and what the status says about a plane that was passed over.
 */
#include "session_rig.h"
#include "test.h"

#include <unistd.h>

/* ---- resources, row 15 ---- */

static struct pipc_hello hello_7(void)
{
    struct pipc_hello hello = session_hello();

    hello.supported_profiles = 7;
    return hello;
}

TEST(session_choice, failed_offer_falls_to_the_baseline_and_exactly_its_bits_are_missing)
{
    struct pipc_hello hello = hello_7();
    struct pipc_session_status status;

    session_control_reset();
    session_control.offer = (struct session_fault){1, PIPC_ERR_REGION_ALLOCATE, 0};
    session_control.offer_bits = FAST_BITS;
    const struct pipc_hello_ack ack = session_rig_ack_of("fast,mem", NULL, &hello, &status);
    CHECK_EQ(ack.selected_profile, 1);
    CHECK_EQ(ack.server_supported_profiles, 1);
    CHECK_EQ(ack.intersection_profiles, 1);
    CHECK_EQ(session_control.offers, 1);
    CHECK_EQ(status.degraded, 1);
    CHECK_STR(status.passed_over, "fast");
    CHECK_HAS(status.passed_over_why, "no room for the region");
    CHECK_STR(status.transport, "mem");
}

TEST(session_choice, failed_offer_of_one_bit_selects_the_other_bit_again)
{
    struct pipc_hello hello = hello_7();
    struct pipc_session_status status;

    session_control_reset();
    session_control.offer = (struct session_fault){1, PIPC_ERR_REGION_MAP, 0};
    session_control.offer_bits = 4;
    const struct pipc_hello_ack ack = session_rig_ack_of("fast,mem", NULL, &hello, &status);
    CHECK_EQ(ack.selected_profile, 2);
    CHECK_EQ(ack.server_supported_profiles, 3);
    CHECK_EQ(session_control.offers, 2);
    CHECK_EQ(status.degraded, 0);
}

TEST(session_choice, offer_that_names_no_bit_loses_the_selected_one)
{
    struct pipc_hello hello = hello_7();

    session_control_reset();
    session_control.offer = (struct session_fault){1, PIPC_ERR_ALLOC, 0};
    session_control.offer_repeat = 2;
    const struct pipc_hello_ack ack = session_rig_ack_of("fast,mem", NULL, &hello, NULL);
    CHECK_EQ(ack.selected_profile, 1);
    CHECK_EQ(session_control.offers, 2);
}

TEST(session_choice, taken_names_step_to_the_next_session_id)
{
    struct pipc_hello hello = hello_7();

    session_control_reset();
    session_control.names_taken = 15;
    const struct pipc_hello_ack ack = session_rig_ack_of("fast,mem", NULL, &hello, NULL);
    CHECK_EQ(ack.selected_profile, 4);
    CHECK_EQ(ack.session_id, 16);
    CHECK_EQ(session_control.offers, 16);
}

TEST(session_choice, sixteen_taken_names_withdraw_the_plane_from_this_handshake)
{
    struct pipc_hello hello = hello_7();
    struct pipc_session_status status;

    session_control_reset();
    session_control.names_taken = 16;
    const struct pipc_hello_ack ack = session_rig_ack_of("fast,mem", NULL, &hello, &status);
    CHECK_EQ(ack.selected_profile, 1);
    CHECK_EQ(ack.server_supported_profiles, 1);
    CHECK_EQ(session_control.offers, 16);
    CHECK_HAS(status.passed_over_why, "taken");
}

TEST(session_choice, bits_not_possible_on_this_connection_are_left_out)
{
    struct pipc_hello hello = hello_7();
    struct pipc_session_status status;

    session_control_reset();
    session_control.usable_drop_server = FAST_BITS;
    const struct pipc_hello_ack ack = session_rig_ack_of("fast,mem", NULL, &hello, &status);
    CHECK_EQ(ack.selected_profile, 1);
    CHECK_EQ(ack.server_supported_profiles, 1);
    CHECK_EQ(session_control.offers, 0);
    CHECK_HAS(status.passed_over_why, "stranger");
}

TEST(session_choice, module_that_cannot_answer_is_left_out)
{
    struct pipc_hello hello = hello_7();
    struct pipc_session_status status;

    session_control_reset();
    session_control.usable_fails = true;
    CHECK_EQ(session_rig_ack_of("fast,mem", NULL, &hello, &status).selected_profile, 1);
    CHECK(status.passed_over_why[0]);
}

TEST(session_choice, nothing_is_prepared_for_a_wrong_token)
{
    struct pipc_hello hello = hello_7();
    struct pipc_session *session = NULL;
    struct session_rig rig;
    uint8_t packet[128];
    int raw;

    session_control_reset();
    session_rig_open(&rig, "fast,mem", NULL);
    hello.auth_token = 1;
    const size_t len = session_hello_packet(&hello, packet);
    for (unsigned i = 0; i < test_scale(1000); i++) {
        CHECK_RESULT(session_rig_shake(&rig, packet, len, &session, &raw, NULL),
                     PIPC_ERR_AUTH_FAILED);
        close(raw);
    }
    CHECK_EQ(session_control.offers, 0);
    CHECK_EQ(session_control.usables, 0);
    session_rig_close(&rig);
}

/* ---- why a plane was passed over ---- */

TEST(session_choice, other_side_without_the_plane_is_named)
{
    struct pipc_hello hello = session_hello();
    struct pipc_session_status status;

    session_control_reset();
    session_rig_ack_of("fast,mem", NULL, &hello, &status);
    CHECK_EQ(status.degraded, 1);
    CHECK_STR(status.passed_over, "fast");
    CHECK_HAS(status.passed_over_why, "does not offer");
}

TEST(session_choice, other_preference_is_named)
{
    struct pipc_hello hello = hello_7();
    struct pipc_session_status status;

    session_control_reset();
    session_rig_ack_of("mem,fast", NULL, &hello, &status);
    CHECK_EQ(status.degraded, 1);
    CHECK_STR(status.passed_over, "mem");
    CHECK_HAS(status.passed_over_why, "preference");
}

TEST(session_choice, callers_own_mask_is_named)
{
    struct pipc_session_settings settings = session_settings();
    struct pipc_hello hello = hello_7();
    struct pipc_session_status status;

    session_control_reset();
    settings.supported_profiles = 1;
    session_rig_ack_of("fast,mem", &settings, &hello, &status);
    CHECK_HAS(status.passed_over_why, "caller");
}

TEST(session_choice, missing_optional_module_is_named)
{
    struct pipc_hello hello = hello_7();
    struct pipc_session_status status;

    session_control_reset();
    session_rig_ack_of("-absent,mem", NULL, &hello, &status);
    CHECK_EQ(status.degraded, 1);
    CHECK_STR(status.passed_over, "absent");
    CHECK(status.passed_over_why[0]);
}

TEST(session_choice, room_for_regions_is_passed_on)
{
    struct pipc_session_settings settings = session_settings();
    struct pipc_hello hello = hello_7();

    session_control_reset();
    settings.room_bytes = 12345;
    session_rig_ack_of("fast,mem", &settings, &hello, NULL);
    CHECK_EQ(session_control.last_offer.room_bytes, 12345);
}
