/* SPDX-License-Identifier: Apache-2.0
 *
 * Receiving what is too large or does not fit (level1-transport.md 9 and 12): requests above a
 * limit are refused and answered (row 6), unknown ids, wrong lengths and batch directories out of
 * bounds break the session (rows 7, 8 and 11). Raw peers write the bytes.
 */
#include "session_side.h"
#include "test.h"

#include <sys/socket.h>

static uint8_t payload[3000];

/* ---- row 6 ---- */

/* The request is above a limit: the header comes out, one answer goes, then only close is left. */
static void refused(struct side *s)
{
    struct pipc_message answer = session_response(99, NULL, 0);
    uint8_t packet[64];

    CHECK_RESULT(side_take(s), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_EQ(session_status(s->session).state, PIPC_SESSION_REFUSED);
    CHECK_RESULT(session_status(s->session).broken_by, PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_EQ(s->got.message_id, 9);
    CHECK_EQ(s->got.code, 5);
    CHECK(!s->got.payload && !s->got.payload_len);
    CHECK_RESULT(side_take(s), PIPC_ERR_BROKEN);
    CHECK_EQ(session_status(s->session).state, PIPC_SESSION_REFUSED);
    CHECK_RESULT(session_send(s->session, &answer), PIPC_ERR_BAD_PARAM); /* not its answer */
    answer.message_id = 9;
    answer.code = 5;
    answer.transport_status = PIPC_STATUS_LIMIT_EXCEEDED;
    CHECK_OK(session_send(s->session, &answer));
    CHECK_RESULT(session_send(s->session, &answer), PIPC_ERR_BROKEN);
    const uint64_t begin = test_now_ms();
    pipc_session_finish(s->session, PIPC_NO_HANDLE);
    const bool in_time = test_now_ms() - begin < 100;
    pipc_session_close(s->session);
    s->session = NULL;
    const int n = session_raw_receive(s->raw, packet, sizeof(packet), 0);
    if (n == 0 && !in_time) { /* the time for reading off passed on a busy machine: a reset */
        side_done(s);
        return;
    }
    CHECK_EQ(n, 32);
    struct pipc_header h;
    CHECK_OK(pipc_header_decode(packet, 32, &h));
    CHECK_EQ(h.message_id, 9);
    CHECK_EQ(h.code, 5);
    CHECK_EQ(h.transport_status, PIPC_STATUS_LIMIT_EXCEEDED);
    CHECK_EQ(h.kind, PIPC_KIND_RESPONSE);
    CHECK(session_raw_closed(s->raw, 0));
    side_done(s);
}

static struct pipc_header oversized(uint32_t len)
{
    struct pipc_header h = session_header(PIPC_KIND_REQUEST, 9, len);

    h.code = 5;
    return h;
}

TEST(session_receive, request_above_the_limit_in_one_packet_is_refused_and_answered)
{
    const struct pipc_header h = oversized(1001);
    struct side s;

    side_server(&s, 65536);
    session_raw_message(s.raw, &h, payload, 1001);
    refused(&s);
}

TEST(session_receive, request_above_the_limit_in_chunks_is_refused_and_answered)
{
    const struct pipc_header h = oversized(2000);
    uint8_t packet[200];
    struct side s;

    side_server(&s, 128);
    for (uint32_t k = 0; k < 20; k++)
        session_raw_send(s.raw, packet, session_raw_chunk(&h, 128, k, packet));
    refused(&s);
}

TEST(session_receive, request_of_4_gib_is_refused_before_any_memory)
{
    static const uint32_t lens[] = {UINT32_MAX, UINT32_C(0xffffffe0), UINT32_C(0x80000000)};

    for (size_t i = 0; i < 3; i++) {
        const struct pipc_header h = oversized(lens[i]);
        struct side s;
        side_server(&s, 65536);
        session_raw_message(s.raw, &h, NULL, 0);
        refused(&s);
    }
}

TEST(session_receive, request_with_too_many_items_is_refused)
{
    struct pipc_header h = oversized(0);
    struct side s;

    side_server(&s, 65536);
    h.item_count = 5;
    session_raw_message(s.raw, &h, NULL, 0);
    refused(&s);
    h.item_count = UINT32_MAX;
    h.flags = PIPC_FLAG_BATCH;
    side_server(&s, 65536);
    session_raw_message(s.raw, &h, NULL, 0);
    refused(&s);
}

TEST(session_receive, too_large_and_cut_off_is_reported_as_too_large)
{
    const struct pipc_header h = oversized(2900);
    struct side s;

    side_server(&s, 65536);
    session_raw_message(s.raw, &h, payload, 2900);
    refused(&s);
}

TEST(session_receive, refusal_gets_out_although_no_items_were_agreed)
{
    struct pipc_hello hello = session_hello();
    const struct pipc_header h = oversized(0);
    struct side s = {0};

    session_control_reset();
    hello.max_request_batch_items = 0;
    session_rig_open(&s.rig, NULL, NULL);
    s.session = session_rig_server(&s.rig, &hello, &s.raw);
    session_raw_message(s.raw, &h, NULL, 0);
    refused(&s);
}

TEST(session_receive, refused_request_takes_an_ordinary_answer_within_the_limits_too)
{
    const struct pipc_header h = oversized(1001);
    struct pipc_message answer = session_response(9, payload, 3000);
    struct side s;

    side_server(&s, 65536);
    session_raw_message(s.raw, &h, payload, 1001);
    CHECK_RESULT(side_take(&s), PIPC_ERR_LIMIT_EXCEEDED);
    answer.code = 5;
    CHECK_RESULT(session_send(s.session, &answer), PIPC_ERR_LIMIT_EXCEEDED);
    answer.payload_len = 10;
    answer.item_count = 0;
    CHECK_RESULT(session_send(s.session, &answer), PIPC_ERR_BAD_PARAM);
    answer.item_count = 1;
    CHECK_OK(session_send(s.session, &answer));
    side_done(&s);
}

TEST(session_receive, response_above_a_limit_breaks_the_client_and_shows_its_header)
{
    struct pipc_header h = session_header(PIPC_KIND_RESPONSE, 7, 1001);
    struct side s;

    side_client(&s, 65536);
    session_raw_message(s.raw, &h, payload, 1001);
    CHECK_RESULT(side_take(&s), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_EQ(s.got.message_id, 7);
    CHECK_EQ(session_status(s.session).state, PIPC_SESSION_BROKEN);
    side_done(&s);
    side_client(&s, 65536);
    h = session_header(PIPC_KIND_RESPONSE, 99, 0); /* items before the id */
    h.item_count = 5;
    session_raw_message(s.raw, &h, NULL, 0);
    CHECK_RESULT(side_take(&s), PIPC_ERR_LIMIT_EXCEEDED);
    side_done(&s);
}

TEST(session_receive, limit_above_what_a_header_can_say_still_ends_at_u32)
{
    struct pipc_hello_ack ack = session_ack();
    const struct pipc_message m = session_request(7, NULL, 0);
    const struct pipc_header h = session_header(PIPC_KIND_RESPONSE, 7, UINT32_MAX);
    struct side s = {0};

    session_control_reset();
    s.context = session_context(NULL, NULL);
    ack.agreed_max_response_payload_bytes = UINT32_MAX;
    s.session = session_rig_client(s.context, NULL, &ack, &s.raw);
    CHECK_OK(session_send(s.session, &m));
    session_raw_message(s.raw, &h, NULL, 0);
    CHECK_RESULT(side_take(&s), PIPC_ERR_LIMIT_EXCEEDED);
    side_done(&s);
}

TEST(session_receive, inbound_limits_of_0_allow_an_empty_message_only)
{
    struct pipc_hello hello = session_hello();
    struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 0);
    struct side s = {0};

    session_control_reset();
    hello.max_request_payload_bytes = 0;
    session_rig_open(&s.rig, NULL, NULL);
    s.session = session_rig_server(&s.rig, &hello, &s.raw);
    session_raw_message(s.raw, &h, NULL, 0);
    CHECK_OK(side_take(&s));
    CHECK_EQ(s.got.payload_len, 0);
    h.payload_len = 1;
    session_raw_message(s.raw, &h, "x", 1);
    CHECK_RESULT(side_take(&s), PIPC_ERR_LIMIT_EXCEEDED);
    side_done(&s);
}

/* ---- row 7 ---- */

TEST(session_receive, unknown_id_breaks_before_the_length_is_judged)
{
    struct pipc_header h = session_header(PIPC_KIND_RESPONSE, 8, 0);
    struct side s;

    side_client(&s, 65536);
    session_raw_message(s.raw, &h, "x", 1);
    side_breaks(&s, PIPC_ERR_UNKNOWN_MSG_ID);
}

TEST(session_receive, second_answer_to_one_request_breaks)
{
    const struct pipc_header h = session_header(PIPC_KIND_RESPONSE, 7, 0);
    struct side s;

    side_client(&s, 65536);
    session_raw_message(s.raw, &h, NULL, 0);
    session_raw_message(s.raw, &h, NULL, 0);
    CHECK_OK(side_take(&s));
    side_breaks(&s, PIPC_ERR_UNKNOWN_MSG_ID);
}

/* ---- row 8 ---- */

TEST(session_receive, trailing_byte_is_protocol)
{
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 4);
    struct side s;

    side_server(&s, 65536);
    session_raw_message(s.raw, &h, "12345", 5);
    side_breaks(&s, PIPC_ERR_PROTOCOL);
}

TEST(session_receive, packet_cut_off_within_the_limit_is_protocol)
{
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 1000);
    struct side s;

    side_server(&s, 65536);
    session_raw_message(s.raw, &h, payload, 1001);
    side_breaks(&s, PIPC_ERR_PROTOCOL);
}

TEST(session_receive, packet_above_the_agreed_size_is_protocol)
{
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 1000);
    struct side s;

    side_server(&s, 128);
    session_raw_message(s.raw, &h, payload, 97);
    side_breaks(&s, PIPC_ERR_PROTOCOL);
}

TEST(session_receive, packet_above_the_agreed_size_is_protocol_after_a_larger_message_too)
{
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 900);
    uint8_t packet[200];
    struct side s;

    side_server(&s, 128);
    for (uint32_t k = 0; k < 10; k++) /* the buffer has grown by now */
        session_raw_send(s.raw, packet, session_raw_chunk(&h, 128, k, packet));
    CHECK_OK(side_take(&s));
    CHECK(session_filled(s.got.payload, 900));
    session_raw_message(s.raw, &h, payload, 97);
    side_breaks(&s, PIPC_ERR_PROTOCOL);
}

/* ---- row 11: batch directories ---- */

static void put_entries(uint32_t *entries, uint32_t o0, uint32_t l0, uint32_t o1, uint32_t l1)
{
    entries[0] = o0;
    entries[1] = l0;
    entries[2] = o1;
    entries[3] = l1;
}

static void batch(struct side *s, uint32_t o0, uint32_t l0, uint32_t o1, uint32_t l1, size_t len)
{
    struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, (uint32_t)len);
    uint32_t bytes[16] = {0};

    put_entries(bytes, o0, l0, o1, l1);
    h.flags = PIPC_FLAG_BATCH;
    h.item_count = 2;
    side_server(s, 65536);
    session_raw_message(s->raw, &h, bytes, len);
}

TEST(session_receive, overlapping_reversed_and_empty_items_are_accepted)
{
    struct side s;

    batch(&s, 8, 8, 0, 16, 32);
    CHECK_OK(side_take(&s));
    CHECK_EQ(s.got.item_count, 2);
    CHECK_EQ(s.got.payload_len, 32);
    side_done(&s);
    batch(&s, 16, 0, 0, 3, 32); /* an empty item at the exact end */
    CHECK_OK(side_take(&s));
    side_done(&s);
}

TEST(session_receive, directory_out_of_bounds_is_protocol)
{
    struct side s;

    batch(&s, 0, 8, 8, 9, 32);
    side_breaks(&s, PIPC_ERR_PROTOCOL);
    batch(&s, 24, 0, 0, 8, 32);
    side_breaks(&s, PIPC_ERR_PROTOCOL);
    batch(&s, UINT32_C(0xfffffff8), UINT32_MAX, 0, 8, 32);
    side_breaks(&s, PIPC_ERR_PROTOCOL);
}

TEST(session_receive, directory_not_aligned_is_protocol)
{
    struct side s;

    batch(&s, 0, 8, 4, 4, 32);
    side_breaks(&s, PIPC_ERR_PROTOCOL);
}

TEST(session_receive, payload_shorter_than_the_directory_is_protocol)
{
    struct side s;

    batch(&s, 0, 0, 0, 0, 15);
    side_breaks(&s, PIPC_ERR_PROTOCOL);
}

TEST(session_receive, batch_of_one_is_not_checked_here)
{
    struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 8);
    const uint32_t entry[2] = {0, 99};
    struct side s;

    side_server(&s, 65536);
    h.flags = PIPC_FLAG_BATCH;
    session_raw_message(s.raw, &h, entry, 8);
    CHECK_OK(side_take(&s));
    side_done(&s);
}
