/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending (level1-transport.md 8): every row alone and in order, the bytes of packets and chunks,
 * failures at every packet, and the last look after a send that found the peer gone.
 */
#include "session_rig.h"
#include "test.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

struct side {
    struct pipc_context *context;
    struct session_rig rig;
    struct pipc_session *session;
    int raw;
};

/* A client with limits of 1000 bytes and 4 items both ways, on a raw server. */
static void client(struct side *s, uint32_t packet_size)
{
    struct pipc_hello_ack ack = session_ack();

    memset(s, 0, sizeof(*s));
    session_control_reset();
    s->context = session_context(NULL, NULL);
    ack.agreed_max_request_payload_bytes = 1000;
    ack.agreed_max_request_batch_items = 4;
    ack.agreed_max_response_payload_bytes = 1000;
    ack.agreed_max_response_batch_items = 4;
    ack.agreed_packet_size = packet_size;
    s->session = session_rig_client(s->context, NULL, &ack, &s->raw);
}

/* A server with the same limits and a raw client. */
static void server(struct side *s, uint32_t packet_size)
{
    struct pipc_session_settings settings = session_settings();
    struct pipc_hello hello = session_hello();

    memset(s, 0, sizeof(*s));
    session_control_reset();
    settings.max_response_payload_bytes = 1000;
    hello.max_request_payload_bytes = 1000;
    hello.max_request_batch_items = 4;
    hello.packet_size = packet_size;
    session_rig_open(&s->rig, NULL, &settings);
    s->session = session_rig_server(&s->rig, &hello, &s->raw);
}

static void done(struct side *s)
{
    pipc_session_close(s->session);
    if (s->raw >= 0)
        close(s->raw);
    if (s->context)
        CHECK_OK(pipc_close(s->context));
    else
        session_rig_close(&s->rig);
    CHECK_EQ(session_control.channels, session_control.closes);
}

/* Nothing was sent and the session is as before. */
static void unchanged(struct side *s)
{
    CHECK_EQ(session_status(s->session).state, PIPC_SESSION_OPEN);
    CHECK_EQ(session_raw_receive(s->raw, (uint8_t[8]){0}, 8, 0), -1);
}

static uint8_t payload[2000];

/* ---- rows 1 and 2 ---- */

TEST(session_send, broken_session_is_broken_and_touches_nothing)
{
    struct side s;
    struct pipc_message m = session_request(1, "x", 1), got;
    struct pipc_error err = PIPC_ERROR_INIT;

    client(&s, 65536);
    close(s.raw);
    s.raw = -1;
    CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_DISCONNECTED);
    const unsigned sends = session_control.sends, receives = session_control.receives;
    m.kind = 99; /* row 1 comes first */
    CHECK_RESULT(pipc_session_send(s.session, &m, 0, PIPC_NO_HANDLE, &err), PIPC_ERR_BROKEN);
    CHECK_HAS(err.text, "the other side closed");
    CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_BROKEN);
    CHECK_EQ(session_control.sends, sends);
    CHECK_EQ(session_control.receives, receives);
    const struct pipc_session_status status = session_status(s.session);
    CHECK_RESULT(status.broken_by, PIPC_ERR_DISCONNECTED);
    CHECK_HAS(status.broken_text, "the other side closed");
    CHECK_HAS(status.broken_text, RIG_SERVICE);
    done(&s);
}

TEST(session_send, broken_session_is_broken_for_a_message_of_several_packets_with_a_deadline)
{
    struct side s;
    const struct pipc_message m = session_request(1, payload, 500);
    struct pipc_message got;
    struct pipc_error err = PIPC_ERROR_INIT;

    client(&s, 128);
    close(s.raw);
    s.raw = -1;
    CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_DISCONNECTED);
    CHECK_RESULT(pipc_session_send(s.session, &m, TEST_LONG, PIPC_NO_HANDLE, &err),
                 PIPC_ERR_BROKEN);
    CHECK_RESULT(err.result, PIPC_ERR_BROKEN);
    CHECK_HAS(err.text, "the other side closed");
    done(&s);
}

TEST(session_send, missing_session_or_message_is_bad_parameter)
{
    struct side s;
    struct pipc_message m = session_request(1, "x", 1);

    client(&s, 65536);
    CHECK_RESULT(pipc_session_send(NULL, &m, 0, PIPC_NO_HANDLE, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_session_send(s.session, NULL, 0, PIPC_NO_HANDLE, NULL), PIPC_ERR_BAD_PARAM);
    m.size = 8;
    CHECK_RESULT(pipc_session_send(s.session, &m, 0, PIPC_NO_HANDLE, NULL), PIPC_ERR_BAD_PARAM);
    unchanged(&s);
    done(&s);
}

TEST(session_send, absent_payload_with_a_length_is_bad_parameter)
{
    struct side s;
    const struct pipc_message m = session_request(1, NULL, 1);

    client(&s, 65536);
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_BAD_PARAM);
    unchanged(&s);
    done(&s);
}

TEST(session_send, wrong_kind_for_the_role_is_bad_parameter)
{
    struct side s;
    struct pipc_message m = session_response(1, "x", 1);

    client(&s, 65536);
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_BAD_PARAM);
    m.kind = PIPC_KIND_CONTROL;
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_BAD_PARAM);
    unchanged(&s);
    done(&s);
    server(&s, 65536);
    m = session_request(1, "x", 1);
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_BAD_PARAM);
    unchanged(&s);
    done(&s);
}

TEST(session_send, item_count_0_and_several_without_the_flag_are_bad_parameter)
{
    struct side s;
    struct pipc_message m = session_request(1, "x", 1);

    client(&s, 65536);
    m.item_count = 0;
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_BAD_PARAM);
    m.item_count = 2;
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_BAD_PARAM);
    m.item_count = 0;
    m.flags = PIPC_FLAG_BATCH;
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_BAD_PARAM);
    m.item_count = 1;
    m.flags = 2;
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_BAD_PARAM);
    unchanged(&s);
    done(&s);
}

/* ---- rows 3 to 6 ---- */

TEST(session_send, payload_at_the_limit_goes_and_one_more_byte_does_not)
{
    struct side s;
    struct pipc_message m = session_request(1, payload, 1000);
    uint8_t packet[2000];

    client(&s, 65536);
    CHECK_EQ(pipc_session_send_limit(s.session), 1000);
    CHECK_OK(session_send(s.session, &m));
    CHECK_EQ(session_raw_receive(s.raw, packet, sizeof(packet), 0), 1032);
    m = session_request(2, payload, 1001);
    m.item_count = 5; /* row 3 before row 4 */
    m.flags = PIPC_FLAG_BATCH;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(pipc_session_send(s.session, &m, 0, PIPC_NO_HANDLE, &err),
                 PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_HAS(err.text, "1001");
    unchanged(&s);
    done(&s);
    server(&s, 65536);
    m = session_response(1, payload, 1001);
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_LIMIT_EXCEEDED);
    m = session_response(1, payload, 1000);
    CHECK_OK(session_send(s.session, &m));
    CHECK_EQ(session_raw_receive(s.raw, packet, sizeof(packet), 0), 1032);
    done(&s);
}

TEST(session_send, total_length_above_u32_is_limit_exceeded)
{
    struct pipc_hello_ack ack = session_ack();
    struct side s = {.raw = -1};

    session_control_reset();
    s.context = session_context(NULL, NULL);
    ack.agreed_max_request_payload_bytes = UINT32_MAX;
    s.session = session_rig_client(s.context, NULL, &ack, &s.raw);
    CHECK_EQ(pipc_session_send_limit(s.session), PIPC_PAYLOAD_LEN_MAX);
    struct pipc_message m = session_request(1, payload, UINT32_C(4294967264));
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_LIMIT_EXCEEDED);
    m.payload_len = SIZE_MAX;
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_LIMIT_EXCEEDED);
    unchanged(&s);
    done(&s);
}

TEST(session_send, items_at_the_limit_go_and_one_more_does_not)
{
    struct side s;
    struct pipc_message m = session_request(1, payload, 40);
    uint8_t packet[200];

    client(&s, 65536);
    m.flags = PIPC_FLAG_BATCH;
    m.item_count = 4;
    CHECK_OK(session_send(s.session, &m));
    CHECK_EQ(session_raw_receive(s.raw, packet, sizeof(packet), 0), 72);
    m.item_count = 5; /* row 4 before row 5 */
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_LIMIT_EXCEEDED);
    unchanged(&s);
    done(&s);
}

TEST(session_send, limits_of_0_allow_nothing)
{
    struct pipc_hello_ack ack = session_ack();
    struct side s = {.raw = -1};

    session_control_reset();
    s.context = session_context(NULL, NULL);
    ack.agreed_max_request_payload_bytes = 0;
    s.session = session_rig_client(s.context, NULL, &ack, &s.raw);
    struct pipc_message m = session_request(1, "x", 1);
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_LIMIT_EXCEEDED);
    m = session_request(1, NULL, 0);
    CHECK_OK(session_send(s.session, &m));
    pipc_session_close(s.session);
    close(s.raw);
    ack.agreed_max_request_batch_items = 0;
    s.session = session_rig_client(s.context, NULL, &ack, &s.raw);
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_LIMIT_EXCEEDED);
    unchanged(&s);
    done(&s);
}

TEST(session_send, id_in_flight_is_refused_with_the_session_intact)
{
    struct side s;
    struct pipc_message m = session_request(7, "x", 1);
    uint8_t packet[64];

    client(&s, 65536);
    CHECK_OK(session_send(s.session, &m));
    CHECK_EQ(session_raw_receive(s.raw, packet, sizeof(packet), 0), 33);
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_DUPLICATE_MSG_ID);
    unchanged(&s);
    CHECK_EQ(pipc_session_in_flight(s.session, NULL, 0), 1);
    done(&s);
}

TEST(session_send, server_tracks_no_ids)
{
    struct side s;
    const struct pipc_message m = session_response(7, "x", 1);
    uint8_t packet[64];

    server(&s, 65536);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_OK(session_send(s.session, &m));
        CHECK_EQ(session_raw_receive(s.raw, packet, sizeof(packet), 0), 33);
    }
    CHECK_EQ(pipc_session_in_flight(s.session, NULL, 0), 0);
    done(&s);
}

TEST(session_send, configured_cap_of_ids_is_limit_exceeded)
{
    struct pipc_session_settings settings = session_settings();
    struct side s = {.raw = -1};

    session_control_reset();
    s.context = session_context(NULL, NULL);
    settings.max_in_flight = 2;
    s.session = session_rig_client(s.context, &settings, NULL, &s.raw);
    for (uint64_t id = 0; id < 3; id++) {
        const struct pipc_message m = session_request(id, NULL, 0);
        CHECK_RESULT(session_send(s.session, &m),
                     id < 2 ? (pipc_result)PIPC_OK : (pipc_result)PIPC_ERR_LIMIT_EXCEEDED);
    }
    CHECK_EQ(session_status(s.session).in_flight, 2);
    CHECK_EQ(session_status(s.session).state, PIPC_SESSION_OPEN);
    done(&s);
}

/* ---- bytes ---- */

TEST(session_send, header_is_filled_in_and_the_payload_follows)
{
    static const uint8_t expected[35] = {0x43, 0x50, 0x49, 0x4e, 1, 0, 32, 0, 2,   0,   0,  0,
                                         5,    0,    6,    0,    3, 0, 0,  0, 1,   0,   0,  0,
                                         8,    7,    6,    5,    4, 3, 2,  1, 'a', 'b', 'c'};
    struct side s;
    struct pipc_message m = session_response(UINT64_C(0x0102030405060708), "abc", 3);
    uint8_t packet[64];

    server(&s, 65536);
    m.code = 5;
    m.transport_status = 6;
    CHECK_OK(session_send(s.session, &m));
    CHECK_EQ(session_raw_receive(s.raw, packet, sizeof(packet), 0), 35);
    CHECK_MEM(packet, expected, 35);
    done(&s);
}

TEST(session_send, request_leaves_with_status_0_whatever_the_caller_gives)
{
    struct side s;
    struct pipc_message m = session_request(1, "abc", 3);
    uint8_t packet[64];

    client(&s, 65536);
    m.transport_status = PIPC_STATUS_INTERNAL_ERROR;
    CHECK_OK(session_send(s.session, &m));
    CHECK_EQ(session_raw_receive(s.raw, packet, sizeof(packet), 0), 35);
    CHECK_EQ(packet[14] | packet[15] << 8, PIPC_STATUS_OK);
    done(&s);
}

TEST(session_send, message_of_300_bytes_at_128_is_the_four_packets_of_the_example)
{
    static const uint8_t first[32] = {0x4b, 0x48, 0x43, 0x4e, 1, 0,    0,    0, 7, 0, 0,
                                      0,    0,    0,    0,    0, 0x4c, 1,    0, 0, 1, 0,
                                      0,    0,    4,    0,    0, 0,    0x60, 0, 0, 0};
    static const uint8_t last[32] = {0x4b, 0x48, 0x43, 0x4e, 1, 0, 0, 0, 7, 0, 0, 0, 0,    0, 0, 0,
                                     0x4c, 1,    0,    0,    3, 0, 0, 0, 4, 0, 0, 0, 0x0c, 0, 0, 0};
    static const int sizes[4] = {128, 128, 128, 44};
    struct side s;
    const struct pipc_message m = session_request(7, payload, 300);
    uint8_t packets[4][200], whole[300];
    size_t at = 0;

    session_fill(payload, sizeof(payload));
    client(&s, 128);
    CHECK_OK(session_send(s.session, &m));
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(session_raw_receive(s.raw, packets[i], 200, 0), sizes[i]);
        memcpy(whole + at, packets[i] + 32, (size_t)sizes[i] - 32);
        at += (size_t)sizes[i] - 32;
    }
    CHECK(session_filled(whole, 300));
    CHECK_MEM(packets[1], first, 32);
    CHECK_MEM(packets[3], last, 32);
    CHECK_EQ(packets[0][16] | packets[0][17] << 8, 300);
    done(&s);
}

TEST(session_send, packets_are_full_but_the_last_at_every_size)
{
    static const uint32_t sizes[] = {33, 34, 128, 65536};

    session_fill(payload, sizeof(payload));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const uint32_t p = sizes[i], b = p - 32;
        const uint32_t lens[] = {0, b, b + 1, 2 * b, 2 * b + 1};
        for (size_t k = 0; k < 5; k++) {
            static uint8_t packet[70000];
            const uint32_t len = lens[k] > 1000 ? 1000 : lens[k];
            const struct pipc_message m = session_request(k, payload, len);
            struct side s;
            uint32_t got = 0, count = 0;
            client(&s, p);
            CHECK_OK(session_send(s.session, &m));
            int n;
            while ((n = session_raw_receive(s.raw, packet, sizeof(packet), 0)) > 0) {
                count++;
                got += (uint32_t)n - 32;
                CHECK(n == (int)p || got == len);
            }
            CHECK_EQ(got, len);
            CHECK_EQ(count, len > b ? 1 + (len - b + b - 1) / b : 1);
            done(&s);
        }
    }
}

/* ---- row 7: failures ---- */

TEST(session_send, failure_at_any_packet_breaks_and_keeps_the_id_as_failed)
{
    for (unsigned at = 1; at <= 4; at++) {
        const struct pipc_message m = session_request(7, payload, 300);
        struct pipc_error err = PIPC_ERROR_INIT;
        struct side s;
        uint64_t id = 0;
        client(&s, 128);
        session_control.send = (struct session_fault){at, PIPC_ERR_SEND, EMSGSIZE};
        CHECK_RESULT(pipc_session_send(s.session, &m, 0, PIPC_NO_HANDLE, &err), PIPC_ERR_SEND);
        CHECK_EQ(err.os_code, EMSGSIZE);
        CHECK_HAS(err.text, "told to fail");
        CHECK_EQ(session_status(s.session).state, PIPC_SESSION_BROKEN);
        CHECK_EQ(pipc_session_in_flight(s.session, &id, 1), 1);
        CHECK_EQ(id, 7);
        done(&s);
    }
}

TEST(session_send, timeout_and_abort_before_the_first_packet_leave_everything_as_it_was)
{
    static const pipc_result results[] = {PIPC_ERR_TIMEOUT, PIPC_ERR_ABORTED, PIPC_ERR_BAD_PARAM};

    for (size_t i = 0; i < 3; i++) {
        const struct pipc_message m = session_request(7, payload, 300);
        struct side s;
        client(&s, 128);
        session_control.send = (struct session_fault){1, results[i], 0};
        CHECK_RESULT(session_send(s.session, &m), results[i]);
        unchanged(&s);
        CHECK_EQ(pipc_session_in_flight(s.session, NULL, 0), 0);
        CHECK_OK(session_send(s.session, &m));
        done(&s);
    }
}

TEST(session_send, timeout_and_abort_inside_a_message_break)
{
    static const pipc_result results[] = {PIPC_ERR_TIMEOUT, PIPC_ERR_ABORTED};

    for (size_t i = 0; i < 2; i++) {
        const struct pipc_message m = session_request(7, payload, 300);
        struct side s;
        client(&s, 128);
        session_control.send = (struct session_fault){3, results[i], 0};
        CHECK_RESULT(session_send(s.session, &m), results[i]);
        CHECK_EQ(session_status(s.session).state, PIPC_SESSION_BROKEN);
        CHECK_RESULT(session_status(s.session).broken_by, results[i]);
        CHECK_EQ(pipc_session_in_flight(s.session, NULL, 0), 1);
        done(&s);
    }
}

TEST(session_send, peer_that_closed_gives_send_without_a_signal)
{
    struct side s;
    const struct pipc_message m = session_request(7, "x", 1);

    client(&s, 65536);
    close(s.raw);
    s.raw = -1;
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_SEND);
    CHECK_RESULT(session_status(s.session).broken_by, PIPC_ERR_SEND);
    done(&s);
}

/* ---- the last look ---- */

static void leave_answer(struct side *s, uint64_t id, uint32_t len)
{
    struct pipc_header h = session_header(PIPC_KIND_RESPONSE, id, len);

    h.transport_status = PIPC_STATUS_LIMIT_EXCEEDED;
    session_raw_message(s->raw, &h, payload, len);
    shutdown(s->raw, SHUT_RDWR);
}

TEST(session_send, last_look_delivers_the_response_of_a_server_that_left)
{
    struct side s;
    struct pipc_message m = session_request(7, "x", 1), got;

    client(&s, 65536);
    CHECK_OK(session_send(s.session, &m));
    leave_answer(&s, 7, 0);
    m.message_id = 8;
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_SEND);
    CHECK_OK(session_receive(s.session, &got));
    CHECK_EQ(got.message_id, 7);
    CHECK_EQ(got.transport_status, PIPC_STATUS_LIMIT_EXCEEDED);
    CHECK_EQ(session_status(s.session).state, PIPC_SESSION_BROKEN);
    CHECK_RESULT(session_status(s.session).broken_by, PIPC_ERR_SEND);
    CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_BROKEN);
    uint64_t id = 0;
    CHECK_EQ(pipc_session_in_flight(s.session, &id, 1), 1);
    CHECK_EQ(id, 8);
    done(&s);
}

TEST(session_send, last_look_finds_the_refusal_of_the_message_being_sent)
{
    struct side s;
    const struct pipc_message m = session_request(7, payload, 300);
    struct pipc_message got;

    client(&s, 128);
    leave_answer(&s, 7, 0);
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_SEND);
    CHECK_OK(session_receive(s.session, &got));
    CHECK_EQ(got.message_id, 7);
    done(&s);
}

TEST(session_send, last_look_takes_no_unknown_incomplete_or_wrong_response)
{
    struct pipc_message m = session_request(7, "x", 1), got = {.size = 0};
    struct side s;

    client(&s, 65536);
    leave_answer(&s, 9, 0); /* not in flight */
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_SEND);
    CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_BROKEN);
    CHECK_EQ(got.message_id, 0);
    CHECK_RESULT(session_status(s.session).broken_by, PIPC_ERR_SEND);
    done(&s);

    client(&s, 128);
    const struct pipc_header h = session_header(PIPC_KIND_RESPONSE, 7, 300);
    session_raw_message(s.raw, &h, payload, 96); /* the rest never comes */
    shutdown(s.raw, SHUT_RDWR);
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_SEND);
    CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_BROKEN);
    done(&s);

    client(&s, 65536);
    shutdown(s.raw, SHUT_RDWR); /* nothing at all */
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_SEND);
    CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_BROKEN);
    CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_BROKEN);
    done(&s);
}

TEST(session_send, last_look_takes_a_chunked_response)
{
    struct pipc_message m = session_request(7, "x", 1), got;
    const struct pipc_header h = session_header(PIPC_KIND_RESPONSE, 7, 300);
    uint8_t packet[200];
    struct side s;

    client(&s, 128);
    for (uint32_t k = 0; k < 4; k++)
        session_raw_send(s.raw, packet, session_raw_chunk(&h, 128, k, packet));
    shutdown(s.raw, SHUT_RDWR);
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_SEND);
    CHECK_OK(session_receive(s.session, &got));
    CHECK_EQ(got.payload_len, 300);
    CHECK(session_filled(got.payload, 300));
    done(&s);
}

/* A request of three packets, of which the first is out. */
static void keep_rest(struct side *s)
{
    const struct pipc_message m = session_request(7, payload, 250);

    client(s, 128);
    session_control.send = (struct session_fault){2, PIPC_ERR_TIMEOUT, 0};
    CHECK_OK(pipc_session_send(s->session, &m, PIPC_NOW, PIPC_NO_HANDLE, NULL));
    CHECK_EQ(pipc_session_wants_room(s->session), 1);
}

TEST(session_send, receive_whose_kept_rest_finds_the_server_gone_looks_too)
{
    static const uint64_t forms[] = {PIPC_NOW, TEST_LONG};

    for (size_t i = 0; i < 2; i++) {
        struct side s;
        struct pipc_message got = {.size = sizeof(got)};
        keep_rest(&s);
        leave_answer(&s, 7, 0);
        CHECK_OK(pipc_session_receive(s.session, forms[i], 0, PIPC_NO_HANDLE, &got, NULL));
        CHECK_EQ(got.message_id, 7);
        CHECK_EQ(got.transport_status, PIPC_STATUS_LIMIT_EXCEEDED);
        CHECK_EQ(session_status(s.session).state, PIPC_SESSION_BROKEN);
        CHECK_RESULT(session_status(s.session).broken_by, PIPC_ERR_SEND);
        CHECK_EQ(pipc_session_wants_room(s.session), 0);
        CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_BROKEN);
        done(&s);
    }
}

TEST(session_send, receive_whose_kept_rest_finds_the_server_gone_without_a_response_says_so)
{
    struct side s;
    struct pipc_message got = {.size = 0};

    keep_rest(&s);
    shutdown(s.raw, SHUT_RDWR);
    CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_SEND);
    CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_BROKEN);
    CHECK_EQ(got.message_id, 0);
    done(&s);
}

TEST(session_send, server_takes_no_last_look)
{
    struct side s;
    const struct pipc_message m = session_response(7, "x", 1);
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 0);
    struct pipc_message got;

    server(&s, 65536);
    session_raw_message(s.raw, &h, NULL, 0);
    shutdown(s.raw, SHUT_RDWR);
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_SEND);
    CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_BROKEN);
    done(&s);
}
