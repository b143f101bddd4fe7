/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's side of upgrades: what it proposes, an attach that fails in every documented way,
 * and which bits are withdrawn from the next HELLO (level1-wire-envelope.md 6 and 7).
 */
#include "core/session/session.h"

#include "session_rig.h"
#include "test.h"

#include <pthread.h>
#include <unistd.h>

/* ---- the client's side of upgrades ---- */

static struct pipc_hello_ack ack_of(uint32_t selected)
{
    struct pipc_hello_ack ack = session_ack();

    ack.server_supported_profiles = 7;
    ack.intersection_profiles = 7;
    ack.selected_profile = selected;
    ack.session_id = 42;
    return ack;
}

static pipc_result answered(const char *transports, const struct pipc_session_settings *settings,
                            uint32_t selected, struct pipc_upgrade_failure *ret_failure,
                            struct pipc_hello *ret_hello)
{
    const struct pipc_hello_ack ack = ack_of(selected);
    struct pipc_session *session = NULL;
    uint8_t packet[128];
    int raw;

    struct pipc_context *const context = session_context(transports, NULL);
    const size_t len = session_ack_packet(&ack, 0, packet);
    const pipc_result result =
        session_rig_answer(context, settings, packet, len, &session, &raw, ret_failure, NULL);
    CHECK_OK(pipc_hello_decode(session_rig_hello + 32, 44, ret_hello));
    pipc_session_close(session);
    CHECK(session_raw_closed(raw, TEST_LONG));
    close(raw);
    CHECK_OK(pipc_close(context));
    CHECK_EQ(session_control.channels, session_control.closes);
    return result;
}

TEST(session_choice, failed_attach_closes_and_names_the_bits_to_withdraw)
{
    struct pipc_upgrade_failure failure;
    struct pipc_hello hello;

    session_control_reset();
    session_control.attach = (struct session_fault){1, PIPC_ERR_REGION_MAP, 0};
    session_control.attach_bits = FAST_BITS;
    session_control.attach_withdraw_ms = 60000;
    CHECK_RESULT(answered("fast,mem", NULL, 4, &failure, &hello), PIPC_ERR_REGION_MAP);
    CHECK_EQ(hello.supported_profiles, 7);
    CHECK_EQ(failure.bits, FAST_BITS);
    CHECK_EQ(failure.withdraw_ms, 60000);
}

TEST(session_choice, withdrawn_bits_are_missing_in_the_next_hello)
{
    struct pipc_session_settings settings = session_settings();
    struct pipc_upgrade_failure failure;
    struct pipc_hello hello;

    session_control_reset();
    settings.withdrawn_profiles = FAST_BITS;
    CHECK_OK(answered("fast,mem", &settings, 1, &failure, &hello));
    CHECK_EQ(hello.supported_profiles, 1);
    CHECK_EQ(hello.preferred_profiles, 0);
    CHECK_EQ(failure.bits, 0);
}

TEST(session_choice, withdrawn_plane_is_named_in_the_status)
{
    struct pipc_session_settings settings = session_settings();
    const struct pipc_hello_ack ack = ack_of(1);
    int raw;

    session_control_reset();
    settings.withdrawn_profiles = FAST_BITS;
    struct pipc_context *const context = session_context("fast,mem", NULL);
    struct pipc_session *const session = session_rig_client(context, &settings, &ack, &raw);
    const struct pipc_session_status status = session_status(session);
    CHECK_EQ(status.degraded, 1);
    CHECK_STR(status.passed_over, "fast");
    CHECK_HAS(status.passed_over_why, "withdrawn");
    CHECK_EQ(status.peer_profiles, 7);
    pipc_session_close(session);
    close(raw);
    CHECK_OK(pipc_close(context));
}

TEST(session_choice, everything_withdrawn_is_no_profile_without_a_connection)
{
    struct pipc_session_settings settings = session_settings();
    struct pipc_session *session = NULL;

    session_control_reset();
    settings.withdrawn_profiles = FAST_BITS;
    struct pipc_context *const context = session_context("fast", NULL);
    struct session_raw_listener *const l = session_raw_listen(RIG_DIR, RIG_SERVICE);
    CHECK_RESULT(pipc_connect(context, RIG_DIR, RIG_SERVICE, &settings, 0, PIPC_NO_HANDLE, &session,
                              NULL, NULL),
                 PIPC_ERR_NO_PROFILE);
    CHECK_EQ(session_control.channels, 0);
    session_raw_close(l);
    CHECK_OK(pipc_close(context));
}

TEST(session_choice, nothing_possible_on_the_connection_is_no_profile_with_the_reason)
{
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    session_control_reset();
    session_control.usable_drop_client = FAST_BITS;
    struct pipc_context *const context = session_context("fast", NULL);
    struct session_raw_listener *const l = session_raw_listen(RIG_DIR, RIG_SERVICE);
    CHECK_RESULT(
        pipc_connect(context, RIG_DIR, RIG_SERVICE, NULL, 0, PIPC_NO_HANDLE, &session, NULL, &err),
        PIPC_ERR_NO_PROFILE);
    CHECK_HAS(err.text, "stranger");
    CHECK_EQ(session_control.sends, 0);
    session_raw_close(l);
    CHECK_OK(pipc_close(context));
    CHECK_EQ(session_control.channels, session_control.closes);
}

TEST(session_choice, bits_not_possible_are_not_proposed)
{
    struct pipc_upgrade_failure failure;
    struct pipc_hello hello;

    session_control_reset();
    session_control.usable_drop_client = FAST_BITS;
    CHECK_OK(answered("fast,mem", NULL, 1, &failure, &hello));
    CHECK_EQ(hello.supported_profiles, 1);
}

TEST(session_choice, list_without_baseline_does_not_offer_bit_0)
{
    struct pipc_upgrade_failure failure;
    struct pipc_hello hello;

    session_control_reset();
    CHECK_RESULT(answered("fast", NULL, 1, &failure, &hello), PIPC_ERR_PROTOCOL);
    CHECK_EQ(hello.supported_profiles, FAST_BITS);
    CHECK_EQ(hello.preferred_profiles, FAST_BITS);
}

TEST(session_choice, carrier_that_ends_during_attach_withdraws_nothing)
{
    struct pipc_upgrade_failure failure;
    struct pipc_hello hello;

    session_control_reset();
    session_control.attach = (struct session_fault){1, PIPC_ERR_DISCONNECTED, 0};
    session_control.attach_bits = FAST_BITS;
    CHECK_RESULT(answered("fast,mem", NULL, 4, &failure, &hello), PIPC_ERR_DISCONNECTED);
    CHECK_EQ(failure.bits, 0);
}

TEST(session_choice, attach_tries_used_up_withdraw_the_plane_for_good)
{
    struct pipc_session_settings settings = session_settings();
    struct pipc_upgrade_failure failure;
    struct pipc_hello hello;

    session_control_reset();
    session_control.attach_waits = true;
    settings.attach_timeout_ms = 30;
    CHECK_RESULT(answered("fast,mem", &settings, 4, &failure, &hello), PIPC_ERR_TIMEOUT);
    CHECK_EQ(failure.bits, FAST_BITS);
    CHECK_EQ(failure.withdraw_ms, PIPC_NEVER);
}

static void *accept_one(void *arg)
{
    struct pipc_session *session = NULL;

    /* It fails where a busy machine let the client's time pass before its HELLO_ACK. */
    if (pipc_accept(arg, TEST_LONG, PIPC_NO_HANDLE, &session, NULL) != PIPC_OK)
        CHECK(!session);
    return session;
}

TEST(session_choice, callers_deadline_during_attach_withdraws_nothing)
{
    struct pipc_upgrade_failure failure = {.size = sizeof(failure)};
    struct pipc_session_settings settings = session_settings();
    struct pipc_session *client = NULL;
    struct session_rig rig;
    pthread_t thread;
    void *server;

    session_control_reset();
    session_control.attach_waits = true;
    settings.attach_timeout_ms = 60000;
    session_rig_open(&rig, "fast,mem", NULL);
    for (int i = 0; i < 3 && session_control.attaches == 0; i++) {
        CHECK(pthread_create(&thread, NULL, accept_one, rig.listener) == 0);
        CHECK_RESULT(pipc_connect(rig.context, RIG_DIR, RIG_SERVICE, &settings, 100 * test_slow(),
                                  PIPC_NO_HANDLE, &client, &failure, NULL),
                     PIPC_ERR_TIMEOUT);
        pthread_join(thread, &server);
        CHECK_EQ(failure.bits, 0);
        CHECK(!client);
        pipc_session_close(server);
    }
    CHECK_EQ(session_control.attaches, 1);
    close(session_offered_fd(1));
    session_rig_close(&rig);
}

/* Only a channel that was attached can leave with an end mark. */
TEST(session_choice, response_ceiling_is_judged_after_the_attach_and_withdraws_nothing)
{
    struct pipc_upgrade_failure failure = {.size = sizeof(failure)};
    struct pipc_session_settings settings = session_settings();
    struct pipc_session *client = NULL;
    struct session_rig rig;
    pthread_t thread;
    void *server;

    session_control_reset();
    settings.response_ceiling_bytes = 1023;
    session_rig_open(&rig, "fast,mem", NULL);
    CHECK(pthread_create(&thread, NULL, accept_one, rig.listener) == 0);
    CHECK_RESULT(pipc_connect(rig.context, RIG_DIR, RIG_SERVICE, &settings, TEST_LONG,
                              PIPC_NO_HANDLE, &client, &failure, NULL),
                 PIPC_ERR_LIMIT_EXCEEDED);
    pthread_join(thread, &server);
    CHECK_EQ(session_control.attaches, 1);
    CHECK_EQ(failure.bits, 0);
    CHECK(!client);
    pipc_session_close(server);
    CHECK_EQ(session_control.channels, session_control.closes);
    session_rig_close(&rig);
}
