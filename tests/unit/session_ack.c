/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's handshake: the bytes of HELLO, every row of level1-transport.md 6.2, every status,
 * deadlines and aborts, and that nothing stays open after a failure.
 */
#include "session_rig.h"
#include "test.h"

#include <pthread.h>
#include <unistd.h>

struct answer {
    struct pipc_hello_ack ack;
    uint8_t packet[256];
    size_t len;
    struct pipc_session_settings settings;
    struct pipc_error err;
};

static void start(struct answer *a)
{
    memset(a, 0, sizeof(*a));
    session_control_reset();
    a->ack = session_ack();
    a->settings = session_settings();
    a->len = session_ack_packet(&a->ack, PIPC_STATUS_OK, a->packet);
}

static void renew(struct answer *a)
{
    a->len = session_ack_packet(&a->ack, PIPC_STATUS_OK, a->packet);
}

static void put16(struct answer *a, size_t at, uint16_t value)
{
    memcpy(a->packet + at, &value, 2);
}

/* The client gives this result, closes the connection and keeps nothing. */
static void expect(struct answer *a, pipc_result result)
{
    struct pipc_context *const context = session_context(NULL, NULL);
    struct pipc_upgrade_failure failure;
    struct pipc_session *session = NULL;
    int raw;

    a->err = (struct pipc_error)PIPC_ERROR_INIT;
    const pipc_result got = session_rig_answer(context, &a->settings, a->packet, a->len, &session,
                                               &raw, &failure, &a->err);
    CHECK_RESULT(got, result);
    CHECK(!session);
    CHECK_RESULT(a->err.result, result);
    CHECK(a->err.text[0]);
    CHECK_EQ(failure.bits, 0);
    CHECK(session_raw_closed(raw, TEST_LONG));
    close(raw);
    CHECK_OK(pipc_close(context));
    CHECK_EQ(session_control.channels, session_control.closes);
}

static struct pipc_session_status expect_good(struct answer *a)
{
    struct pipc_context *const context = session_context(NULL, NULL);
    struct pipc_session *session = NULL;
    int raw;

    CHECK_OK(session_rig_answer(context, &a->settings, a->packet, a->len, &session, &raw, NULL,
                                &a->err));
    const struct pipc_session_status status = session_status(session);
    CHECK_EQ(status.state, PIPC_SESSION_OPEN);
    CHECK_EQ(status.role, PIPC_ROLE_CLIENT);
    pipc_session_close(session);
    CHECK(session_raw_closed(raw, TEST_LONG));
    close(raw);
    CHECK_OK(pipc_close(context));
    return status;
}

/* ---- HELLO ---- */

TEST(session_ack, hello_equals_the_example_but_for_profiles)
{
    static const uint8_t expected[76] = {
        0x43, 0x50, 0x49, 0x4e, 1,    0,    0x20, 0,    3,    0, 0, 0, 1, 0,    0, 0,
        0x2c, 0,    0,    0,    1,    0,    0,    0,    0,    0, 0, 0, 0, 0,    0, 0,
        1,    0,    0,    0,    1,    0,    0,    0,    1,    0, 0, 0, 0, 0x10, 0, 0,
        0x10, 0,    0,    0,    0,    0,    1,    0,    0x10, 0, 0, 0, 0, 0,    0, 0,
        0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0,    0, 1, 0};
    struct answer a;

    start(&a);
    a.settings.preferred_profiles = 1;
    a.settings.supported_profiles = 1;
    a.settings.max_request_payload_bytes = 4096;
    a.settings.max_request_batch_items = 16;
    a.settings.max_response_payload_bytes = 65536;
    a.settings.max_response_batch_items = 16;
    a.settings.auth_token = UINT64_C(0x1122334455667788);
    expect_good(&a);
    CHECK_MEM(session_rig_hello, expected, 76);
}

TEST(session_ack, defaults_of_hello)
{
    struct pipc_hello hello;
    struct answer a;

    start(&a);
    expect_good(&a);
    CHECK_OK(pipc_hello_decode(session_rig_hello + 32, 44, &hello));
    CHECK_EQ(hello.supported_profiles, 1);
    CHECK_EQ(hello.preferred_profiles, 1); /* the first name of the configured list */
    CHECK_EQ(hello.max_request_payload_bytes, 1024);
    CHECK_EQ(hello.max_request_batch_items, 1);
    CHECK_EQ(hello.max_response_payload_bytes, 1024);
    CHECK_EQ(hello.max_response_batch_items, 1);
    CHECK_EQ(hello.auth_token, 0);
    CHECK_EQ(hello.packet_size, 65536);
}

TEST(session_ack, bits_that_cannot_run_here_are_not_sent)
{
    struct pipc_hello hello;
    struct answer a;

    start(&a);
    a.settings.supported_profiles = UINT32_C(0xfffffff7);
    a.settings.preferred_profiles = UINT32_C(0xf0);
    expect_good(&a);
    CHECK_OK(pipc_hello_decode(session_rig_hello + 32, 44, &hello));
    CHECK_EQ(hello.supported_profiles, 1);
    CHECK_EQ(hello.preferred_profiles, 0);
}

/* ---- row 1 ---- */

TEST(session_ack, server_closing_in_the_handshake_is_disconnected)
{
    struct pipc_context *context;
    struct pipc_session *session = NULL;
    struct pipc_error err;
    int raw;

    session_control_reset();
    context = session_context(NULL, NULL);
    CHECK_RESULT(session_rig_answer(context, NULL, NULL, 0, &session, &raw, NULL, &err),
                 PIPC_ERR_DISCONNECTED);
    CHECK(!session);
    CHECK_OK(pipc_close(context));
    CHECK_EQ(session_control.channels, session_control.closes);
}

TEST(session_ack, empty_packet_is_disconnected)
{
    struct answer a;

    start(&a);
    a.len = 0;
    expect(&a, PIPC_ERR_DISCONNECTED);
}

TEST(session_ack, failed_receive_is_recv)
{
    struct answer a;

    start(&a);
    session_control.receive = (struct session_fault){1, PIPC_ERR_RECV, 104};
    expect(&a, PIPC_ERR_RECV);
    CHECK_EQ(a.err.os_code, 104);
}

TEST(session_ack, failed_hello_is_send)
{
    struct pipc_context *context;
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    session_control_reset();
    session_control.send = (struct session_fault){1, PIPC_ERR_SEND, 32};
    context = session_context(NULL, NULL);
    struct session_raw_listener *const l = session_raw_listen(RIG_DIR, RIG_SERVICE);
    CHECK_RESULT(
        pipc_connect(context, RIG_DIR, RIG_SERVICE, NULL, 0, PIPC_NO_HANDLE, &session, NULL, &err),
        PIPC_ERR_SEND);
    CHECK(!session);
    session_raw_close(l);
    CHECK_OK(pipc_close(context));
    CHECK_EQ(session_control.channels, session_control.closes);
}

TEST(session_ack, silent_server_is_timeout_at_the_deadline)
{
    struct pipc_context *context;
    struct pipc_session *session = NULL;

    session_control_reset();
    context = session_context(NULL, NULL);
    struct session_raw_listener *const l = session_raw_listen(RIG_DIR, RIG_SERVICE);
    const uint64_t begin = test_now_ms();
    CHECK_RESULT(
        pipc_connect(context, RIG_DIR, RIG_SERVICE, NULL, 50, PIPC_NO_HANDLE, &session, NULL, NULL),
        PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - begin >= 50);
    CHECK(test_now_ms() - begin < test_limit(400));
    CHECK(!session);
    session_raw_close(l);
    CHECK_OK(pipc_close(context));
    CHECK_EQ(session_control.channels, session_control.closes);
}

TEST(session_ack, handshake_has_a_deadline_of_its_own_beside_the_callers)
{
    struct pipc_context *context;
    struct pipc_session *session = NULL;
    const uint64_t begin = test_now_ms();

    session_control_reset();
    context = session_context(NULL, NULL);
    struct session_raw_listener *const l = session_raw_listen(RIG_DIR, RIG_SERVICE);
    CHECK_RESULT(
        pipc_connect(context, RIG_DIR, RIG_SERVICE, NULL, 0, PIPC_NO_HANDLE, &session, NULL, NULL),
        PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - begin >= 4990);
    CHECK(test_now_ms() - begin < 5000 + test_limit(1000));
    session_raw_close(l);
    CHECK_OK(pipc_close(context));
}

static void *signal_later(void *arg)
{
    usleep(30000);
    CHECK(write(*(int *)arg, "x", 1) == 1);
    return NULL;
}

TEST(session_ack, abort_from_another_thread_ends_the_handshake)
{
    struct pipc_context *context;
    struct pipc_session *session = NULL;
    pthread_t thread;
    int ends[2];

    session_control_reset();
    CHECK(pipe(ends) == 0);
    context = session_context(NULL, NULL);
    struct session_raw_listener *const l = session_raw_listen(RIG_DIR, RIG_SERVICE);
    CHECK(pthread_create(&thread, NULL, signal_later, &ends[1]) == 0);
    CHECK_RESULT(
        pipc_connect(context, RIG_DIR, RIG_SERVICE, NULL, 0, ends[0], &session, NULL, NULL),
        PIPC_ERR_ABORTED);
    pthread_join(thread, NULL);
    CHECK(!session);
    session_raw_close(l);
    close(ends[0]);
    close(ends[1]);
    CHECK_OK(pipc_close(context));
    CHECK_EQ(session_control.channels, session_control.closes);
}

TEST(session_ack, closed_abort_descriptor_is_bad_parameter)
{
    struct pipc_context *context;
    struct pipc_session *session = NULL;

    session_control_reset();
    context = session_context(NULL, NULL);
    struct session_raw_listener *const l = session_raw_listen(RIG_DIR, RIG_SERVICE);
    CHECK_RESULT(pipc_connect(context, RIG_DIR, RIG_SERVICE, NULL, 0, 987654, &session, NULL, NULL),
                 PIPC_ERR_BAD_PARAM);
    session_raw_close(l);
    CHECK_OK(pipc_close(context));
}

/* ---- rows 2 to 4 ---- */

TEST(session_ack, packet_of_31_bytes_is_protocol)
{
    struct answer a;

    start(&a);
    a.len = 31;
    expect(&a, PIPC_ERR_PROTOCOL);
}

TEST(session_ack, wrong_magic_is_protocol)
{
    struct answer a;

    start(&a);
    a.packet[3] ^= 0x80;
    expect(&a, PIPC_ERR_PROTOCOL);
}

TEST(session_ack, version_2_is_incompatible)
{
    struct answer a;

    start(&a);
    put16(&a, 4, 2);
    put16(&a, 6, 0);
    expect(&a, PIPC_ERR_INCOMPATIBLE);
}

TEST(session_ack, header_length_64_is_protocol)
{
    struct answer a;

    start(&a);
    put16(&a, 6, 64);
    expect(&a, PIPC_ERR_PROTOCOL);
}

TEST(session_ack, kind_response_is_protocol)
{
    struct answer a;

    start(&a);
    put16(&a, 8, PIPC_KIND_RESPONSE);
    expect(&a, PIPC_ERR_PROTOCOL);
}

TEST(session_ack, code_hello_is_protocol_even_with_a_status)
{
    struct answer a;

    start(&a);
    put16(&a, 12, PIPC_CODE_HELLO);
    put16(&a, 14, PIPC_STATUS_AUTH_FAILED);
    expect(&a, PIPC_ERR_PROTOCOL);
    CHECK_EQ(a.err.peer_status, 0);
}

/* ---- row 5 ---- */

static void expect_status(uint16_t status, pipc_result result, const char *why)
{
    struct answer a;

    start(&a);
    put16(&a, 14, status);
    expect(&a, result);
    CHECK_EQ(a.err.peer_status, status);
    CHECK_HAS(a.err.text, why);
    /* The rest does not matter: the header alone is a rejection too. */
    start(&a);
    put16(&a, 14, status);
    a.len = 32;
    expect(&a, result);
    CHECK_EQ(a.err.peer_status, status);
}

TEST(session_ack, status_bad_envelope_is_handshake)
{
    expect_status(PIPC_STATUS_BAD_ENVELOPE, PIPC_ERR_HANDSHAKE, "could not read the proposal");
}

TEST(session_ack, status_auth_failed_is_auth_failed)
{
    expect_status(PIPC_STATUS_AUTH_FAILED, PIPC_ERR_AUTH_FAILED, "the token does not match");
}

TEST(session_ack, status_incompatible_is_incompatible)
{
    expect_status(PIPC_STATUS_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE, "another version");
}

TEST(session_ack, status_unsupported_is_no_profile)
{
    expect_status(PIPC_STATUS_UNSUPPORTED, PIPC_ERR_NO_PROFILE, "no profile in common");
}

TEST(session_ack, status_limit_exceeded_is_limit_exceeded)
{
    expect_status(PIPC_STATUS_LIMIT_EXCEEDED, PIPC_ERR_LIMIT_EXCEEDED, "above its limits");
}

TEST(session_ack, status_internal_error_is_handshake)
{
    expect_status(PIPC_STATUS_INTERNAL_ERROR, PIPC_ERR_HANDSHAKE, "it is full");
}

TEST(session_ack, statuses_7_and_65535_are_handshake)
{
    expect_status(7, PIPC_ERR_HANDSHAKE, "an unknown reason (status 7)");
    expect_status(65535, PIPC_ERR_HANDSHAKE, "an unknown reason (status 65535)");
}

/* ---- rows 6 to 10 ---- */

TEST(session_ack, payload_of_47_bytes_is_protocol)
{
    struct answer a;

    start(&a);
    a.len = 32 + 47;
    expect(&a, PIPC_ERR_PROTOCOL);
}

TEST(session_ack, payload_of_48_bytes_and_more_is_accepted)
{
    struct answer a;

    start(&a);
    expect_good(&a);
    memset(a.packet + a.len, 0xff, 100);
    a.len += 100;
    expect_good(&a);
}

TEST(session_ack, layout_2_is_incompatible)
{
    struct answer a;

    start(&a);
    a.ack.layout_version = 2;
    a.ack.flags = 1;
    renew(&a);
    expect(&a, PIPC_ERR_INCOMPATIBLE);
}

TEST(session_ack, flags_are_protocol)
{
    struct answer a;

    start(&a);
    a.ack.flags = 1;
    a.ack.agreed_packet_size = 0;
    renew(&a);
    expect(&a, PIPC_ERR_PROTOCOL);
}

TEST(session_ack, padding_is_accepted)
{
    struct answer a;

    start(&a);
    a.ack.padding = 1;
    renew(&a);
    expect_good(&a);
}

TEST(session_ack, packet_size_32_is_protocol_and_33_is_taken)
{
    struct answer a;

    start(&a);
    a.ack.agreed_packet_size = 32;
    renew(&a);
    expect(&a, PIPC_ERR_PROTOCOL);
    a.ack.agreed_packet_size = 33;
    renew(&a);
    CHECK_EQ(expect_good(&a).packet_size, 33);
}

TEST(session_ack, packet_size_above_the_proposal_is_protocol)
{
    struct answer a;

    start(&a);
    a.settings.packet_size = 1000;
    a.ack.agreed_packet_size = 1000;
    renew(&a);
    CHECK_EQ(expect_good(&a).packet_size, 1000);
    a.ack.agreed_packet_size = 1001;
    renew(&a);
    expect(&a, PIPC_ERR_PROTOCOL);
}

TEST(session_ack, selected_profile_that_was_not_proposed_is_protocol)
{
    static const uint32_t wrong[] = {0, 2, 3, 5, 0x80000000, 0x80000001};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct answer a;
        start(&a);
        a.ack.selected_profile = wrong[i];
        renew(&a);
        expect(&a, PIPC_ERR_PROTOCOL);
    }
}

TEST(session_ack, limits_and_session_id_are_taken_as_they_come)
{
    static const uint32_t values[] = {0, 1, 32, 33, UINT32_C(0x80000000), UINT32_MAX};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct answer a;
        start(&a);
        a.ack.agreed_max_request_payload_bytes = values[i];
        a.ack.agreed_max_request_batch_items = values[i];
        a.ack.agreed_max_response_payload_bytes = values[i];
        a.ack.agreed_max_response_batch_items = values[i];
        a.ack.session_id = i ? UINT64_MAX - i : 0;
        renew(&a);
        const struct pipc_session_status status = expect_good(&a);
        CHECK_EQ(status.max_request_payload_bytes, values[i]);
        CHECK_EQ(status.max_request_batch_items, values[i]);
        CHECK_EQ(status.max_response_payload_bytes, values[i]);
        CHECK_EQ(status.max_response_batch_items, values[i]);
        CHECK_EQ(status.session_id, a.ack.session_id);
    }
}

TEST(session_ack, response_ceiling_above_what_the_client_takes_is_limit_exceeded)
{
    struct answer a;

    start(&a);
    a.settings.response_ceiling_bytes = 1024;
    expect_good(&a);
    a.ack.agreed_max_response_payload_bytes = 1025;
    renew(&a);
    expect(&a, PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_EQ(a.err.peer_status, 0);
}

TEST(session_ack, success_followed_by_a_disconnect_is_a_lost_session)
{
    struct pipc_session *session;
    struct pipc_context *context;
    struct pipc_message m;
    int raw;

    session_control_reset();
    context = session_context(NULL, NULL);
    session = session_rig_client(context, NULL, NULL, &raw);
    close(raw);
    CHECK_RESULT(session_receive(session, &m), PIPC_ERR_DISCONNECTED);
    CHECK_EQ(session_status(session).state, PIPC_SESSION_BROKEN);
    pipc_session_close(session);
    CHECK_OK(pipc_close(context));
}

/* ---- random and flipped answers ---- */

TEST(session_ack, every_fifth_bit_flip_gives_a_result_and_leaks_nothing)
{
    struct pipc_context *context;
    struct answer a;

    start(&a);
    context = session_context(NULL, NULL);
    for (size_t bit = 0; bit < 80 * 8; bit += 5) {
        struct pipc_session *session = NULL;
        uint8_t packet[80];
        int raw;
        memcpy(packet, a.packet, sizeof(packet));
        packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const pipc_result result =
            session_rig_answer(context, NULL, packet, sizeof(packet), &session, &raw, NULL, NULL);
        CHECK((result == PIPC_OK) == (session != NULL));
        pipc_session_close(session);
        close(raw);
    }
    CHECK_OK(pipc_close(context));
    CHECK_EQ(session_control.channels, session_control.closes);
}
