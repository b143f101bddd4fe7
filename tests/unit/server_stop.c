/* SPDX-License-Identifier: Apache-2.0
 *
 * Stop, at any moment and from anywhere, and the times that one message may take before its session
 * is closed, with or without a stop meanwhile.
 */
#include "server_gate.h"
#include "server_watch.h"

#include <signal.h>

/* ---- stop ---- */

TEST(server_stop, before_run_makes_run_return_at_once)
{
    struct pipc_context *context = server_context();
    struct pipc_server *server = NULL;
    CHECK_OK(pipc_server_create(context, test_dir(), SERVICE, "scripted", 1, server_handler(), 1,
                                NULL, &server, NULL));
    CHECK_OK(pipc_server_stop(server));
    const uint64_t start = test_now_ms();
    CHECK_OK(pipc_server_run(server, NULL));
    CHECK_OK(pipc_server_run(server, NULL)); /* sticky */
    server_check_time(start, 500, "run");
    CHECK_OK(pipc_server_destroy(server));
    CHECK_OK(pipc_close(context));
}

/* NULL: run returned PIPC_OK. */
static void *run_it(void *arg)
{
    return pipc_server_run(arg, NULL) == PIPC_OK ? NULL : arg;
}

TEST(server_stop, at_any_moment_of_run_is_never_lost)
{
    struct pipc_context *context = server_context();
    const unsigned rounds = test_scale(2000);
    for (unsigned i = 0; i < rounds; i++) {
        struct pipc_server *server = NULL;
        pthread_t thread;
        void *result = NULL;
        CHECK_OK(pipc_server_create(context, test_dir(), SERVICE, "scripted", 1, server_handler(),
                                    1, NULL, &server, NULL));
        CHECK_EQ(pthread_create(&thread, NULL, run_it, server), 0);
        for (volatile unsigned spin = 0; spin < (i * 1237) % 50000; spin++) {
        }
        CHECK_OK(pipc_server_stop(server));
        CHECK_EQ(pthread_join(thread, &result), 0);
        CHECK(result == NULL);
        CHECK_OK(pipc_server_destroy(server));
    }
    CHECK_OK(pipc_close(context));
}

TEST(server_stop, ends_run_and_idle_sessions)
{
    struct hosted hosted;
    struct raw raws[4], silent;
    server_start(&hosted, NULL, "scripted", NULL, 4, NULL);
    for (int i = 0; i < 4; i++)
        raw_open(&raws[i]);
    /* A client hears of success before its handshake is no longer counted. */
    server_wait_handshakes(&hosted, 0); /* all four have their sessions */
    raw_connect(&silent);
    server_wait_handshakes(&hosted, 1); /* the silent one */
    const uint64_t start = test_now_ms();
    CHECK_OK(pipc_server_stop(hosted.server));
    server_join(&hosted);
    for (int i = 0; i < 4; i++)
        raw_expect_eof(&raws[i]);
    raw_expect_eof(&silent);
    server_check_time(start, 200, "stop");
    CHECK_OK(hosted.run_result);
    CHECK_EQ(server_status(&hosted).running, 0);
    for (int i = 0; i < 4; i++)
        raw_close(&raws[i]);
    raw_close(&silent);
    server_end(&hosted);
}

TEST(server_stop, from_a_callback_is_allowed_and_drain_and_destroy_are_not)
{
    struct hosted hosted;
    struct gate gate;
    struct raw raw;
    gate_make(&gate);
    gate.hosted = &hosted;
    gate.use_server = true;
    const struct scripted_handler handler = gated(&gate);
    server_start(&hosted, NULL, "scripted", &handler, 1, NULL);
    raw_open(&raw);
    raw_expect_service(&raw); /* the answer is still sent */
    raw_expect_eof(&raw);
    server_join(&hosted);
    CHECK_OK(gate.stop);
    CHECK_RESULT(gate.drain, PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(gate.destroy, PIPC_ERR_BAD_PARAM);
    raw_close(&raw);
    server_end(&hosted);
    gate_done(&gate);
}

static struct pipc_server *to_stop;

static void stop_it(int number)
{
    (void)number;
    (void)pipc_server_stop(to_stop);
}

TEST(server_stop, from_a_signal_handler)
{
    struct hosted hosted;
    const struct sigaction action = {.sa_handler = stop_it};
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    to_stop = hosted.server;
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(raise(SIGUSR1), 0);
    server_join(&hosted);
    CHECK_OK(hosted.run_result);
    server_end(&hosted);
}

/* ---- times of messages ---- */

TEST(server_time, a_request_that_trickles_is_closed_after_its_time)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_chunk chunk = {.magic = PIPC_CHUNK_MAGIC,
                               .version = 1,
                               .message_id = 1,
                               .total_message_len = 532,
                               .chunk_count = 500,
                               .chunk_payload_len = 1};
    test_needs_packets("a message is there whole or not at all");
    struct pipc_hello hello = raw_hello();
    const struct pipc_header header = raw_header(1, 500);
    uint8_t head[PIPC_HEADER_LEN];
    const unsigned limit_ms = 300;
    server_start_large(&hosted, limit_ms);
    hello.packet_size = 33;
    raw_open_with(&raw, &hello);
    pipc_header_encode(&header, head, sizeof(head));
    const uint64_t start = test_now_ms();
    CHECK(raw_packet(&raw, head, sizeof(head), "e", 1));
    bool open = true;
    while (open && test_now_ms() - start < 20000) {
        struct pipc_header answer;
        chunk.chunk_index++;
        pipc_chunk_encode(&chunk, head, sizeof(head));
        open = raw_packet(&raw, head, sizeof(head), "x", 1) &&
               raw_answer_within(&raw, 20, &answer, NULL, 0) == RAW_QUIET;
    }
    CHECK(!open);
    CHECK(test_now_ms() - start >= limit_ms - 1);
    server_check_time(start, limit_ms + 500, "closing");
    CHECK_EQ(server_status(&hosted).requests, 0);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_time, a_slow_but_whole_request_is_served)
{
    struct hosted hosted;
    struct raw raw;
    test_needs_packets("a message is there whole or not at all");
    struct pipc_hello hello = raw_hello();
    struct pipc_header header = raw_header(1, 40);
    struct pipc_chunk chunk = {.magic = PIPC_CHUNK_MAGIC,
                               .version = 1,
                               .message_id = 1,
                               .total_message_len = 72,
                               .chunk_count = 5,
                               .chunk_payload_len = 8};
    uint8_t head[PIPC_HEADER_LEN], buf[64];
    server_start_large(&hosted, 0);
    hello.packet_size = 40;
    raw_open_with(&raw, &hello);
    pipc_header_encode(&header, head, sizeof(head));
    CHECK(raw_packet(&raw, head, sizeof(head), "eeeeeeee", 8));
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(raw_answer_within(&raw, 510, &header, NULL, 0), (uint64_t)RAW_QUIET);
        chunk.chunk_index++;
        pipc_chunk_encode(&chunk, head, sizeof(head));
        CHECK(raw_packet(&raw, head, sizeof(head), "12345678", 8));
    }
    CHECK_EQ(raw_answer(&raw, &header, buf, sizeof(buf)), 40);
    CHECK_EQ(header.transport_status, PIPC_STATUS_OK);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_time, an_answer_that_is_not_taken_closes_its_session)
{
    struct hosted hosted;
    struct raw deaf;
    test_needs_packets("an answer always has room");
    server_start_large(&hosted, 200);
    const uint64_t start = test_now_ms();
    raw_open_deaf(&deaf);
    EXPECT_COUNT(&hosted, accepted, 1);
    raw_expect_new_client(5000);
    server_wait_sessions(&hosted, 0);
    server_check_time(start, 1000, "closing");
    raw_close(&deaf);
    server_end(&hosted);
}

TEST(server_time, stop_lets_a_begun_request_be_completed_and_answered)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_header header;
    struct pipc_chunk chunk = {.magic = PIPC_CHUNK_MAGIC,
                               .version = 1,
                               .message_id = 1,
                               .total_message_len = 532,
                               .chunk_count = 8,
                               .chunk_payload_len = 68};
    uint8_t head[PIPC_HEADER_LEN], part[68] = {0}, buf[600];
    test_needs_packets("a message is there whole or not at all");
    server_start_large(&hosted, 0);
    raw_open_stalled(&raw);
    server_wait_sessions(&hosted, 1);
    CHECK_EQ(raw_answer_within(&raw, 50, &header, NULL, 0), (uint64_t)RAW_QUIET);
    CHECK_OK(pipc_server_stop(hosted.server));
    CHECK_EQ(raw_answer_within(&raw, 150, &header, NULL, 0), (uint64_t)RAW_QUIET);
    for (uint32_t have = 68; have < 500; have += 68) {
        chunk.chunk_index++;
        chunk.chunk_payload_len = 500 - have < 68 ? 500 - have : 68;
        pipc_chunk_encode(&chunk, head, sizeof(head));
        CHECK(raw_packet(&raw, head, sizeof(head), part, chunk.chunk_payload_len));
    }
    CHECK_EQ(raw_answer(&raw, &header, buf, sizeof(buf)), 500);
    raw_expect_eof(&raw);
    raw_close(&raw);
    server_end(&hosted);
}
