/* SPDX-License-Identifier: Apache-2.0
 *
 * Receiving (level1-transport.md 9 and 12), in both roles: good messages and tolerated oddities,
 * how a connection ends (rows 1 to 3), headers that break it (rows 4 and 5), and the status. Raw
 * peers write the bytes.
 */
#include "session_side.h"
#include "test.h"

#include <unistd.h>

static uint8_t payload[1000];

/* ---- good messages ---- */

TEST(session_receive, request_arrives_with_all_its_fields)
{
    struct pipc_header h = session_header(PIPC_KIND_REQUEST, UINT64_MAX, 5);
    struct side s;

    side_server(&s, 65536);
    h.code = 0x8001;
    h.flags = PIPC_FLAG_BATCH;
    session_raw_message(s.raw, &h, "hello", 5);
    CHECK_OK(side_take(&s));
    CHECK_EQ(s.got.kind, PIPC_KIND_REQUEST);
    CHECK_EQ(s.got.code, 0x8001);
    CHECK_EQ(s.got.flags, PIPC_FLAG_BATCH);
    CHECK_EQ(s.got.item_count, 1);
    CHECK_EQ(s.got.message_id, UINT64_MAX);
    CHECK_EQ(s.got.payload_len, 5);
    CHECK_MEM(s.got.payload, "hello", 5);
    CHECK_EQ((uintptr_t)s.got.payload % 8, 0);
    side_done(&s);
}

TEST(session_receive, payload_at_the_limit_arrives_in_both_roles)
{
    struct pipc_header h = session_header(PIPC_KIND_REQUEST, 7, 1000);
    struct side s;

    session_fill(payload, sizeof(payload));
    side_server(&s, 65536);
    session_raw_message(s.raw, &h, payload, 1000);
    CHECK_OK(side_take(&s));
    CHECK(s.got.payload_len == 1000 && session_filled(s.got.payload, 1000));
    h.payload_len = 0;
    session_raw_message(s.raw, &h, NULL, 0);
    CHECK_OK(side_take(&s));
    CHECK_EQ(s.got.payload_len, 0);
    h.payload_len = 1;
    session_raw_message(s.raw, &h, payload, 1);
    CHECK_OK(side_take(&s));
    CHECK_EQ(s.got.payload_len, 1);
    side_done(&s);
    side_client(&s, 65536);
    h = session_header(PIPC_KIND_RESPONSE, 7, 1000);
    session_raw_message(s.raw, &h, payload, 1000);
    CHECK_OK(side_take(&s));
    CHECK(s.got.payload_len == 1000 && session_filled(s.got.payload, 1000));
    side_done(&s);
}

TEST(session_receive, tolerated_oddities_are_delivered)
{
    struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 0);
    struct side s;

    side_server(&s, 65536);
    h.flags = 0xfffe;
    h.code = 0;
    h.transport_status = 6;
    h.item_count = 0;
    session_raw_message(s.raw, &h, NULL, 0);
    CHECK_OK(side_take(&s));
    CHECK_EQ(s.got.item_count, 0);
    CHECK_EQ(s.got.flags, 0xfffe);
    CHECK_EQ(s.got.transport_status, 6);
    h.item_count = 4; /* without the batch flag, up to the limit */
    session_raw_message(s.raw, &h, NULL, 0);
    CHECK_OK(side_take(&s));
    h.flags = PIPC_FLAG_BATCH; /* a batch of none is handed on */
    h.item_count = 0;
    session_raw_message(s.raw, &h, NULL, 0);
    CHECK_OK(side_take(&s));
    side_done(&s);
}

TEST(session_receive, response_sent_before_its_request_is_an_answer)
{
    const struct pipc_header h = session_header(PIPC_KIND_RESPONSE, 8, 0);
    const struct pipc_message m = session_request(8, NULL, 0);
    struct side s;

    side_client(&s, 65536);
    session_raw_message(s.raw, &h, NULL, 0);
    CHECK_OK(session_send(s.session, &m));
    CHECK_OK(side_take(&s));
    CHECK_EQ(s.got.message_id, 8);
    side_done(&s);
}

/* ---- arguments and rows 1 to 3 ---- */

TEST(session_receive, missing_arguments_are_bad_parameter)
{
    struct pipc_message m = {.size = sizeof(m)};
    struct side s;

    side_server(&s, 65536);
    CHECK_RESULT(pipc_session_receive(NULL, 1, 0, PIPC_NO_HANDLE, &m, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_session_receive(s.session, 1, 0, PIPC_NO_HANDLE, NULL, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_session_receive(s.session, 1, PIPC_NOW, PIPC_NO_HANDLE, &m, NULL),
                 PIPC_ERR_BAD_PARAM);
    m.size = 4;
    CHECK_RESULT(pipc_session_receive(s.session, 1, 0, PIPC_NO_HANDLE, &m, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_EQ(session_status(s.session).state, PIPC_SESSION_OPEN);
    CHECK_EQ(session_control.receives, 1);
    side_done(&s);
}

TEST(session_receive, end_of_stream_between_messages_is_disconnected)
{
    struct side s;

    side_server(&s, 65536);
    close(s.raw);
    s.raw = -1;
    side_breaks(&s, PIPC_ERR_DISCONNECTED);
}

TEST(session_receive, empty_packet_is_the_end_and_nothing_after_it_is_read)
{
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 0);
    struct side s;

    side_server(&s, 65536);
    session_raw_send(s.raw, "", 0);
    session_raw_message(s.raw, &h, NULL, 0);
    side_breaks(&s, PIPC_ERR_DISCONNECTED);
}

TEST(session_receive, failed_read_is_recv_with_the_systems_code)
{
    struct side s;

    side_server(&s, 65536);
    session_control.receive = (struct session_fault){1, PIPC_ERR_RECV, 104};
    CHECK_RESULT(side_take(&s), PIPC_ERR_RECV);
    CHECK_EQ(s.err.os_code, 104);
    CHECK_HAS(s.err.text, "told to fail");
    CHECK_EQ(session_status(s.session).state, PIPC_SESSION_BROKEN);
    side_done(&s);
}

TEST(session_receive, peer_that_closes_with_unread_data_is_lost)
{
    const struct pipc_message m = session_response(1, "x", 1);
    struct side s;

    side_server(&s, 65536);
    CHECK_OK(session_send(s.session, &m));
    close(s.raw); /* the answer is unread: a reset */
    s.raw = -1;
    const pipc_result result = side_take(&s);
    CHECK(result == PIPC_ERR_RECV || result == PIPC_ERR_DISCONNECTED);
    CHECK_EQ(session_status(s.session).state, PIPC_SESSION_BROKEN);
    side_done(&s);
}

/* ---- row 4 ---- */

static void head_breaks(size_t at, uint16_t value)
{
    struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 0);
    uint8_t packet[32];
    struct side s;

    side_server(&s, 65536);
    session_header_put(&h, packet);
    memcpy(packet + at, &value, 2);
    session_raw_send(s.raw, packet, 32);
    side_breaks(&s, PIPC_ERR_PROTOCOL);
}

TEST(session_receive, packets_of_1_and_31_bytes_are_protocol)
{
    for (size_t len = 1; len < 32; len += 30) {
        struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 0);
        uint8_t packet[32];
        struct side s;
        side_server(&s, 65536);
        session_header_put(&h, packet);
        session_raw_send(s.raw, packet, len);
        side_breaks(&s, PIPC_ERR_PROTOCOL);
    }
}

TEST(session_receive, wrong_magic_is_protocol)
{
    head_breaks(0, 0);
}

TEST(session_receive, chunk_where_a_message_is_due_is_protocol)
{
    struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 500);
    uint8_t packet[200];
    struct side s;

    side_server(&s, 128);
    session_raw_send(s.raw, packet, session_raw_chunk(&h, 128, 1, packet));
    side_breaks(&s, PIPC_ERR_PROTOCOL);
}

TEST(session_receive, other_version_in_the_data_phase_is_protocol)
{
    head_breaks(4, 2);
    head_breaks(4, 0);
}

TEST(session_receive, wrong_header_length_is_protocol)
{
    head_breaks(6, 33);
    head_breaks(6, 0);
}

TEST(session_receive, unknown_kind_is_protocol)
{
    head_breaks(8, 0);
    head_breaks(8, 4);
    head_breaks(8, 65535);
}

/* ---- row 5 ---- */

TEST(session_receive, server_refuses_response_and_control)
{
    head_breaks(8, PIPC_KIND_RESPONSE);
    head_breaks(8, PIPC_KIND_CONTROL);
}

TEST(session_receive, client_refuses_request_and_control)
{
    for (uint16_t kind = 1; kind <= 3; kind += 2) {
        struct pipc_header h = session_header(kind, 7, 0);
        struct side s;
        side_client(&s, 65536);
        session_raw_message(s.raw, &h, NULL, 0);
        side_breaks(&s, PIPC_ERR_PROTOCOL);
    }
}

TEST(session_receive, second_hello_is_protocol)
{
    const struct pipc_hello hello = session_hello();
    uint8_t packet[128];
    struct side s;

    side_server(&s, 65536);
    const size_t len = session_hello_packet(&hello, packet);
    session_raw_send(s.raw, packet, len);
    side_breaks(&s, PIPC_ERR_PROTOCOL);
}

/* ---- status ---- */

TEST(session_receive, status_tells_peer_counters_and_transport)
{
    struct side s;

    side_server(&s, 1000);
    struct pipc_session_status status = session_status(s.session);
    CHECK_EQ(status.packet_size, 1000);
    CHECK_EQ(status.selected_profile, 1);
    CHECK_EQ(status.peer.known, PIPC_PEER_PID | PIPC_PEER_UID | PIPC_PEER_GID);
    CHECK_EQ(status.peer.pid, getpid());
    CHECK_EQ(status.spins, 3);
    CHECK_EQ(status.sleeps, 4);
    CHECK_EQ(status.wakeups, 5);
    CHECK_STR(status.transport, "mem");
    CHECK(!status.transport_file);
    CHECK_EQ(status.max_request_batch_items, 4);
    CHECK_EQ(status.max_response_batch_items, 4);
    CHECK_EQ(status.broken_by, PIPC_OK);
    session_control.no_peer = true;
    CHECK_EQ(session_status(s.session).peer.known, 0);
    struct pipc_session_status small = {.size = 16};
    memset((char *)&small + 16, 0x5a, 32);
    pipc_session_status(s.session, &small);
    CHECK_EQ(small.role, PIPC_ROLE_SERVER);
    CHECK_EQ(((uint8_t *)&small)[16], 0x5a);
    pipc_session_status(NULL, &small);
    pipc_session_status(s.session, NULL);
    side_done(&s);
}

TEST(session_receive, calls_without_a_session_are_harmless)
{
    pipc_session_close(NULL);
    pipc_session_interrupt(NULL);
    pipc_session_finish(NULL, PIPC_NO_HANDLE);
    CHECK(pipc_session_wait_handle(NULL) == PIPC_NO_HANDLE);
    CHECK_EQ(pipc_session_send_limit(NULL), 0);
    CHECK_EQ(pipc_session_wants_room(NULL), 0);
    CHECK_EQ(pipc_session_in_flight(NULL, NULL, 0), 0);
    CHECK(!pipc_session_reserve(NULL, 1));
}
