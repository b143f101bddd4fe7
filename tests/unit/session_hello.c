/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's handshake (level1-transport.md 6.1) around its rows: waiting for HELLO (row 1), the
 * answer that does not get out (rows 15 and 16), and what a good HELLO comes to. After each the
 * listener takes the next client.
 */
#include "session_shake.h"
#include "test.h"

#include <unistd.h>

/* ---- row 1 ---- */

TEST(session_hello, closed_without_a_byte_is_a_probe)
{
    struct pipc_handshake *handshake = NULL;
    struct pipc_session *session = NULL;
    struct shake s;

    shake_start(&s);
    session_rig_open(&s.rig, NULL, NULL);
    close(session_raw_connect(RIG_DIR, RIG_SERVICE));
    CHECK_OK(pipc_accept_begin(s.rig.listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL));
    CHECK_RESULT(pipc_handshake_run(&handshake, NULL, PIPC_NOW, PIPC_NO_HANDLE, &session, NULL),
                 PIPC_ERR_DISCONNECTED);
    CHECK(!handshake && !session);
    session_rig_close(&s.rig);
}

TEST(session_hello, empty_packet_is_the_end_of_the_stream)
{
    struct shake s;

    shake_start_right(&s);
    s.len = 0;
    shake_expect(&s, SILENT, PIPC_ERR_DISCONNECTED);
}

TEST(session_hello, failed_receive_closes)
{
    struct shake s;

    shake_start_right(&s);
    session_control.receive = (struct session_fault){1, PIPC_ERR_RECV, 104};
    shake_expect(&s, SILENT, PIPC_ERR_RECV);
}

TEST(session_hello, silent_client_is_closed_at_the_deadline_of_the_listener)
{
    struct pipc_handshake *handshake = NULL;
    struct pipc_session *session = NULL;
    struct shake s;

    shake_start(&s);
    s.settings.handshake_timeout_ms = 60;
    session_rig_open(&s.rig, NULL, &s.settings);
    const int raw = session_raw_connect(RIG_DIR, RIG_SERVICE);
    const uint64_t begin = test_now_ms();
    CHECK_OK(pipc_accept_begin(s.rig.listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL));
    CHECK(pipc_handshake_deadline(handshake) != PIPC_NEVER);
    CHECK(pipc_handshake_wait_handle(handshake) != PIPC_NO_HANDLE);
    CHECK_RESULT(pipc_handshake_run(&handshake, NULL, PIPC_NOW, PIPC_NO_HANDLE, &session, NULL),
                 PIPC_ERR_TIMEOUT);
    CHECK(handshake || test_now_ms() - begin >= 60);
    if (handshake)
        CHECK_RESULT(pipc_handshake_run(&handshake, NULL, 0, PIPC_NO_HANDLE, &session, NULL),
                     PIPC_ERR_TIMEOUT);
    CHECK(!handshake && !session);
    CHECK(test_now_ms() - begin >= 59);
    CHECK(test_now_ms() - begin < test_limit(400));
    CHECK(session_raw_closed(raw, 0));
    close(raw);
    session_rig_close(&s.rig);
}

TEST(session_hello, driven_without_blocking_ends_at_its_deadline)
{
    struct pipc_handshake *handshake = NULL;
    struct pipc_session *session = NULL;
    struct shake s;
    pipc_result result;

    shake_start(&s);
    s.settings.handshake_timeout_ms = 40;
    session_rig_open(&s.rig, NULL, &s.settings);
    const int raw = session_raw_connect(RIG_DIR, RIG_SERVICE);
    CHECK_OK(pipc_accept_begin(s.rig.listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL));
    const uint64_t begin = test_now_ms();
    do {
        result = pipc_handshake_run(&handshake, NULL, PIPC_NOW, PIPC_NO_HANDLE, &session, NULL);
        CHECK_RESULT(result, PIPC_ERR_TIMEOUT);
        usleep(1000);
    } while (handshake && test_now_ms() - begin < TEST_LONG);
    CHECK(!handshake);
    CHECK(session_raw_closed(raw, 0));
    close(raw);
    session_rig_close(&s.rig);
}

TEST(session_hello, silent_client_does_not_delay_another)
{
    struct pipc_handshake *silent = NULL;
    struct shake s;

    shake_start(&s);
    s.settings.auth_token = 7;
    session_rig_open(&s.rig, NULL, &s.settings);
    const int raw = session_raw_connect(RIG_DIR, RIG_SERVICE);
    CHECK_OK(pipc_accept_begin(s.rig.listener, PIPC_NOW, PIPC_NO_HANDLE, &silent, NULL));
    const uint64_t begin = test_now_ms();
    shake_next_is_served(&s.rig);
    CHECK(test_now_ms() - begin < test_limit(100));
    pipc_handshake_close(silent);
    CHECK(session_raw_closed(raw, 0));
    close(raw);
    session_rig_close(&s.rig);
}

/* ---- rows 15 and 16 ---- */

TEST(session_hello, failed_answer_releases_the_resources)
{
    struct shake s;

    shake_start_right(&s);
    s.transports = "fast,mem";
    s.hello.supported_profiles = 7;
    shake_renew(&s);
    session_control.send = (struct session_fault){1, PIPC_ERR_SEND, 32};
    shake_expect(&s, SILENT, PIPC_ERR_SEND);
    CHECK_EQ(session_control.offers, 1);
}

TEST(session_hello, failed_rejection_changes_nothing)
{
    struct shake s;

    shake_start_right(&s);
    s.hello.flags = 1;
    shake_renew(&s);
    session_control.send = (struct session_fault){1, PIPC_ERR_SEND, 32};
    shake_expect(&s, SILENT, PIPC_ERR_PROTOCOL);
}

TEST(session_hello, answer_that_finds_no_room_goes_out_with_a_later_call)
{
    struct pipc_handshake *handshake = NULL;
    struct pipc_session *session = NULL;
    uint8_t answer[128];
    struct shake s;

    shake_start(&s);
    session_rig_open(&s.rig, NULL, NULL);
    const int raw = session_raw_connect(RIG_DIR, RIG_SERVICE);
    session_raw_send(raw, s.packet, s.len);
    session_control.send = (struct session_fault){1, PIPC_ERR_TIMEOUT, 0};
    CHECK_OK(pipc_accept_begin(s.rig.listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL));
    CHECK_RESULT(pipc_handshake_run(&handshake, NULL, PIPC_NOW, PIPC_NO_HANDLE, &session, NULL),
                 PIPC_ERR_TIMEOUT);
    CHECK(handshake && !session);
    CHECK_OK(pipc_handshake_run(&handshake, NULL, PIPC_NOW, PIPC_NO_HANDLE, &session, NULL));
    CHECK(!handshake && session);
    CHECK_EQ(session_raw_receive(raw, answer, sizeof(answer), 0), 80);
    pipc_session_close(session);
    close(raw);
    session_rig_close(&s.rig);
}

/* ---- accepted ---- */

static void expect_good(struct shake *s)
{
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    uint8_t answer[256], expected[128];
    int raw;

    session_rig_open(&s->rig, NULL, NULL);
    const pipc_result result = session_rig_shake(&s->rig, s->packet, s->len, &session, &raw, &err);
    CHECK_MSG(result == PIPC_OK, "%s", err.text);
    struct pipc_hello_ack ack = session_ack();
    CHECK_EQ(session_raw_receive(raw, answer, sizeof(answer), 0),
             session_ack_packet(&ack, 0, expected));
    CHECK_MEM(answer, expected, 80);
    pipc_session_close(session);
    close(raw);
    session_rig_close(&s->rig);
}

TEST(session_hello, good_one_is_answered_byte_for_byte)
{
    struct shake s;

    shake_start(&s);
    expect_good(&s);
}

TEST(session_hello, odd_header_fields_are_not_looked_at)
{
    struct shake s;

    shake_start(&s);
    shake_put16(&s, 10, 0xffff);
    shake_put16(&s, 14, 9);
    memset(s.packet + 16, 0xee, 16);
    expect_good(&s);
}

TEST(session_hello, bytes_52_more_are_ignored)
{
    struct shake s;

    shake_start(&s);
    memset(s.packet + s.len, 0xff, 52);
    s.len += 52;
    expect_good(&s);
}

TEST(session_hello, bytes_300_more_are_judged_by_the_first_128)
{
    struct shake s;

    shake_start(&s);
    memset(s.packet + s.len, 0xff, 300);
    s.len += 300;
    expect_good(&s);
}

TEST(session_hello, every_single_bit_flip_is_answered_or_closed_and_the_listener_lives)
{
    struct session_rig rig;
    struct shake s;
    uint8_t answer[256];

    shake_start(&s);
    session_rig_open(&rig, NULL, NULL);
    for (size_t bit = 0; bit < s.len * 8; bit++) {
        struct pipc_session *session = NULL;
        int raw;
        uint8_t packet[76];
        memcpy(packet, s.packet, sizeof(packet));
        packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const pipc_result result =
            session_rig_shake(&rig, packet, sizeof(packet), &session, &raw, NULL);
        const int n = session_raw_receive(raw, answer, sizeof(answer), 0);
        CHECK(n == 80 || (n == 0 && result != PIPC_OK));
        if (n == 80) {
            uint16_t status;
            memcpy(&status, answer + 14, 2);
            CHECK((status == 0) == (result == PIPC_OK));
        }
        pipc_session_close(session);
        close(raw);
    }
    session_rig_close(&rig);
}

TEST(session_hello, session_ids_start_at_1_grow_and_count_failed_handshakes_in)
{
    struct session_rig rig;
    struct pipc_session *sessions[20];
    int raws[20];

    session_control_reset();
    session_rig_open(&rig, NULL, NULL);
    for (unsigned i = 0; i < 20; i++) {
        sessions[i] = session_rig_server(&rig, NULL, &raws[i]);
        CHECK_EQ(session_status(sessions[i]).session_id, i + 1);
    }
    for (unsigned i = 0; i < 20; i++) {
        pipc_session_close(sessions[i]);
        close(raws[i]);
    }
    session_control.send = (struct session_fault){1, PIPC_ERR_SEND, 32};
    struct pipc_session *session = NULL;
    uint8_t packet[128];
    const struct pipc_hello hello = session_hello();
    const size_t len = session_hello_packet(&hello, packet);
    CHECK_RESULT(session_rig_shake(&rig, packet, len, &session, &raws[0], NULL), PIPC_ERR_SEND);
    close(raws[0]);
    session = session_rig_server(&rig, NULL, &raws[0]);
    CHECK_EQ(session_status(session).session_id, 22);
    pipc_session_close(session);
    close(raws[0]);
    session_rig_close(&rig);
}

TEST(session_hello, settings_of_one_session_replace_those_of_the_listener)
{
    struct pipc_session_settings settings = session_settings();
    struct pipc_handshake *handshake = NULL;
    struct pipc_session *session = NULL;
    struct shake_slots slots = {.free = 1};
    struct session_rig rig;
    struct shake s;

    shake_start(&s);
    session_rig_open(&rig, "fast,mem", NULL);
    s.hello.max_request_payload_bytes = 5000;
    s.hello.supported_profiles = 7;
    s.hello.auth_token = 77;
    shake_renew(&s);
    settings.max_request_payload_bytes = 5000;
    settings.max_response_payload_bytes = 9000;
    settings.supported_profiles = 5;
    settings.preferred_profiles = 4;
    settings.auth_token = 77;
    settings.room_bytes = 1000;
    settings.slot_arg = &slots;
    settings.slot_take = shake_slot_take;
    settings.slot_give = shake_slot_give;
    const int raw = session_raw_connect(RIG_DIR, RIG_SERVICE);
    session_raw_send(raw, s.packet, s.len);
    CHECK_OK(pipc_accept_begin(rig.listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL));
    CHECK_OK(pipc_handshake_run(&handshake, &settings, 0, PIPC_NO_HANDLE, &session, NULL));
    const struct pipc_session_status status = session_status(session);
    CHECK_EQ(status.max_request_payload_bytes, 5000);
    CHECK_EQ(status.max_response_payload_bytes, 9000);
    CHECK_EQ(status.selected_profile, 4);
    CHECK_EQ(session_control.last_offer.room_bytes, 1000);
    CHECK_EQ(slots.taken, 1);
    pipc_session_close(session);
    close(raw);
    session_rig_close(&rig);
}
