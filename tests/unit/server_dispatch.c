/* SPDX-License-Identifier: Apache-2.0
 *
 * From one request to its answer: statuses, what closes the session, the room that the codec gets,
 * what a callback learns.
 */
#include "server_spy.h"

#include "core/service/server.h"

#include <unistd.h>

/* ---- single requests ---- */

TEST(server_dispatch, good_request_is_answered_and_counted)
{
    struct hosted hosted;
    struct raw raw;
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    raw_open(&raw);
    raw_expect_service(&raw);
    raw_expect_service(&raw);
    const struct pipc_server_status status = server_status(&hosted);
    CHECK_EQ(status.requests, 2);
    CHECK_EQ(status.answers[PIPC_STATUS_OK], 2);
    CHECK_EQ(status.bytes_in, 8);
    CHECK_EQ(status.bytes_out, 8);
    CHECK_EQ(status.accepted, 1);
    CHECK_EQ(status.sessions, 1);
    CHECK_EQ(status.sessions_max, 1);
    CHECK_EQ(status.running, 1);
    server_wait_handshakes(&hosted, 0);
    raw_close(&raw);
    server_wait_sessions(&hosted, 0);
    server_end(&hosted);
}

TEST(server_dispatch, null_callback_is_an_internal_error_for_each_request)
{
    struct hosted hosted;
    struct scripted_handler handler = {.size = sizeof(handler)};
    server_start(&hosted, NULL, "scripted", &handler, 1, NULL);
    raw_expect_closing("e", 1, PIPC_STATUS_INTERNAL_ERROR);
    raw_expect_closing("e", 1, PIPC_STATUS_INTERNAL_ERROR);
    CHECK_EQ(server_status(&hosted).answers[PIPC_STATUS_INTERNAL_ERROR], 2);
    server_end(&hosted);
}

TEST(server_dispatch, wrong_method_is_unsupported_and_the_session_stays)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_header header = raw_header(77, 1);
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    raw_open(&raw);
    header.code = 4242;
    header.flags = PIPC_FLAG_BATCH; /* whatever else it says */
    header.item_count = 0;
    CHECK(raw_message(&raw, &header, "e"));
    CHECK_EQ(raw_answer(&raw, &header, NULL, 0), 0);
    CHECK_EQ(header.transport_status, PIPC_STATUS_UNSUPPORTED);
    CHECK_EQ(header.code, 4242);
    CHECK_EQ(header.message_id, 77);
    CHECK_EQ(header.flags, 0);
    CHECK_EQ(header.item_count, 1);
    raw_expect_service(&raw);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_dispatch, undecodable_request_is_a_bad_envelope_whatever_the_error)
{
    struct hosted hosted;
    struct spy spy = {0};
    struct scripted_handler handler = spy_on(&spy);
    const uint8_t errors[] = {PIPC_ERR_TRUNCATED, PIPC_ERR_BAD_LAYOUT, PIPC_ERR_BAD_ITEM_COUNT,
                              PIPC_ERR_OVERFLOW, PIPC_ERR_ALLOC};
    server_start(&hosted, NULL, "scripted", &handler, 1, NULL);
    raw_expect_closing("", 0, PIPC_STATUS_BAD_ENVELOPE);
    for (size_t i = 0; i < sizeof(errors); i++) {
        const uint8_t request[2] = {SCRIPT_REQUEST, errors[i]};
        raw_expect_closing(request, sizeof(request), PIPC_STATUS_BAD_ENVELOPE);
    }
    CHECK_EQ(spy_calls(&spy), 0);
    CHECK_EQ(server_status(&hosted).response_limit, 65536);
    server_end(&hosted);
}

TEST(server_dispatch, overflow_at_any_later_stage_is_limit_exceeded)
{
    struct hosted hosted;
    const uint8_t space[1] = {SCRIPT_SPACE};
    const uint8_t callback[2] = {SCRIPT_CALLBACK, PIPC_ERR_OVERFLOW};
    const uint8_t finish[2] = {SCRIPT_FINISH, PIPC_ERR_OVERFLOW};
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    raw_expect_closing(space, 1, PIPC_STATUS_LIMIT_EXCEEDED);
    raw_expect_closing(callback, 2, PIPC_STATUS_LIMIT_EXCEEDED);
    raw_expect_closing(finish, 2, PIPC_STATUS_LIMIT_EXCEEDED);
    server_end(&hosted);
}

TEST(server_dispatch, other_errors_at_later_stages_are_internal)
{
    struct hosted hosted;
    const uint8_t errors[] = {PIPC_ERR_BAD_LAYOUT, PIPC_ERR_BAD_ITEM_COUNT, PIPC_ERR_TRUNCATED,
                              PIPC_ERR_BAD_PARAM};
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    for (size_t i = 0; i < sizeof(errors); i++) {
        const uint8_t callback[2] = {SCRIPT_CALLBACK, errors[i]};
        const uint8_t finish[2] = {SCRIPT_FINISH, errors[i]};
        raw_expect_closing(callback, 2, PIPC_STATUS_INTERNAL_ERROR);
        raw_expect_closing(finish, 2, PIPC_STATUS_INTERNAL_ERROR);
    }
    server_end(&hosted);
}

TEST(server_dispatch, overflow_wins_over_a_callback_that_says_failure_or_success)
{
    struct hosted hosted;
    struct spy spy = {0};
    struct scripted_handler handler = spy_on(&spy);
    uint8_t request[5];
    script_u32(request, SCRIPT_NEEDED, 0);
    server_start(&hosted, NULL, "scripted", &handler, 1, NULL);
    raw_expect_closing(request, 5, PIPC_STATUS_LIMIT_EXCEEDED);
    __atomic_store_n(&spy.fail, true, __ATOMIC_SEQ_CST);
    raw_expect_closing(request, 5, PIPC_STATUS_LIMIT_EXCEEDED);
    CHECK_EQ(spy_calls(&spy), 2);
    server_end(&hosted);
}

TEST(server_dispatch, failed_callback_ends_its_session_alone)
{
    struct hosted hosted;
    struct spy spy = {.fail = true};
    struct scripted_handler handler = spy_on(&spy);
    struct raw other;
    server_start(&hosted, NULL, "scripted", &handler, 2, NULL);
    raw_open(&other);
    raw_expect_closing("e", 1, PIPC_STATUS_INTERNAL_ERROR);
    __atomic_store_n(&spy.fail, false, __ATOMIC_SEQ_CST);
    raw_expect_service(&other);
    raw_close(&other);
    server_end(&hosted);
}

TEST(server_dispatch, a_length_beyond_the_room_is_the_codecs_fault)
{
    struct hosted hosted;
    const uint8_t lie[1] = {SCRIPT_LIE};
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    raw_expect_closing(lie, 1, PIPC_STATUS_INTERNAL_ERROR);
    raw_expect_new_client(5000);
    server_end(&hosted);
}

TEST(server_dispatch, room_is_exactly_the_agreed_limit)
{
    static const uint32_t limits[] = {8, 9, 1023, 70000};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct hosted hosted;
        struct raw raw;
        struct pipc_server_config config = server_config();
        config.max_response_payload_bytes = limits[i];
        server_start(&hosted, NULL, "scripted", NULL, 1, &config);
        raw_open(&raw);
        CHECK_EQ(raw_room(&raw, NULL), limits[i]);
        raw_close(&raw);
        server_end(&hosted);
    }
}

TEST(server_dispatch, reservation_of_items_reaches_the_codec_and_can_change)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_server_config config = server_config();
    uint32_t items = 1;
    config.snapshot_items = 12;
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    raw_open(&raw);
    raw_room(&raw, &items);
    CHECK_EQ(items, 12);
    pipc_server_set_snapshot_items(hosted.server, 5000);
    raw_room(&raw, &items);
    CHECK_EQ(items, 5000);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_dispatch, response_of_exactly_the_limit_goes_out_and_one_byte_more_does_not)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_header header;
    struct pipc_server_config config = server_config();
    static uint8_t response[200000];
    uint8_t request[5];
    config.max_response_payload_bytes = sizeof(response); /* several packets */
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    raw_open(&raw);
    script_u32(request, SCRIPT_LENGTH, sizeof(response));
    CHECK(raw_request(&raw, 1, request, 5));
    CHECK_EQ(raw_answer(&raw, &header, response, sizeof(response)), sizeof(response));
    for (size_t i = 0; i < sizeof(response); i++)
        CHECK_EQ(response[i], (uint8_t)(i * 7));
    script_u32(request, SCRIPT_LENGTH, sizeof(response) + 1);
    CHECK_EQ((uint64_t)raw_call(&raw, 2, request, 5), PIPC_STATUS_LIMIT_EXCEEDED);
    raw_expect_eof(&raw);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_dispatch, callback_learns_who_asks_and_the_servers_time)
{
    struct hosted hosted;
    struct spy spy = {0};
    struct scripted_handler handler = spy_on(&spy);
    struct pipc_server_config config = server_config();
    struct raw raw;
    config.io_timeout_ms = 7000;
    server_start(&hosted, NULL, "scripted", &handler, 1, &config);
    raw_open(&raw);
    const uint64_t before = pipci_clock_ns();
    raw_expect_service(&raw);
    const uint64_t after = pipci_clock_ns();
    struct spy_seen seen = spy_seen(&spy);
    CHECK_OK(seen.peer_result);
    CHECK_EQ(seen.peer.known & PIPC_PEER_PID, PIPC_PEER_PID);
    CHECK_EQ(seen.peer.pid, (uint32_t)getpid());
    CHECK_EQ(seen.peer.uid, getuid());
    CHECK_EQ(seen.peer.gid, getgid());
    CHECK(seen.deadline_ns >= before + 7000 * PIPC_NS_PER_MS);
    CHECK(seen.deadline_ns <= after + 7000 * PIPC_NS_PER_MS);
    CHECK_EQ(seen.deadline_ns, seen.deadline_again_ns);
    const uint64_t first = seen.deadline_ns;
    raw_expect_service(&raw);
    CHECK(spy_seen(&spy).deadline_ns > first);
    raw_close(&raw);
    CHECK_RESULT(pipc_request_peer(NULL, &seen.peer), PIPC_ERR_BAD_PARAM);
    CHECK_EQ(pipc_request_deadline(NULL), PIPC_NEVER);
    server_end(&hosted);
}

TEST(server_dispatch, odd_fields_of_a_request_are_tolerated)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_header header;
    uint8_t buf[8];
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    raw_open(&raw);
    for (int i = 0; i < 4; i++) {
        struct pipc_header odd = raw_header(9, 4); /* repeated id */
        odd.item_count = i == 0 ? 0 : 5;
        odd.flags = i == 1 ? 0xfffe : 0;
        odd.transport_status = i == 2 ? 6 : 0;
        CHECK(raw_message(&raw, &odd, "echo"));
        CHECK_EQ(raw_answer(&raw, &header, buf, sizeof(buf)), 4);
        CHECK_EQ(header.transport_status, PIPC_STATUS_OK);
        CHECK_EQ(header.flags, 0);
        CHECK_EQ(header.item_count, 1);
        CHECK_EQ(header.message_id, 9);
    }
    raw_close(&raw);
    server_end(&hosted);
}
