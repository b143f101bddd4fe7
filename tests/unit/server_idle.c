/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions that are closed for others: the longest idle one gives way to a waiting client, and
 * lingering ones are bounded by the worker count.
 */
#include "core/service/server.h"
#include "server_watch.h"

/* ---- idle eviction ---- */

TEST(server_idle, the_longest_idle_session_gives_way_to_a_waiting_client)
{
    struct hosted hosted;
    struct raw raws[3], late;
    struct pipc_server_config config = server_config();
    const struct pipc_hello hello = raw_hello();
    config.idle_timeout_ms = 100;
    server_start(&hosted, NULL, "scripted", NULL, 3, &config);
    for (int i = 0; i < 3; i++)
        raw_open(&raws[i]);
    const uint64_t start = test_now_ms();
    raw_expect_service(&raws[0]);
    raw_expect_service(&raws[2]);
    int status = PIPC_STATUS_INTERNAL_ERROR;
    while (status == PIPC_STATUS_INTERNAL_ERROR && test_now_ms() - start < 20000)
        status = raw_try(&late, &hello);
    CHECK_EQ((uint64_t)status, 0);
    raw_expect_eof(&raws[1]); /* the others have asked later */
    raw_expect_service(&late);
    raw_expect_service(&raws[0]);
    raw_expect_service(&raws[2]);
    EXPECT_COUNT(&hosted, idle_closed, 1);
    CHECK_EQ(server_status(&hosted).sessions, 3);
    for (int i = 0; i < 3; i++)
        raw_close(&raws[i]);
    raw_close(&late);
    server_end(&hosted);
}

TEST(server_idle, nobody_is_closed_without_a_timeout_or_a_waiting_client)
{
    struct hosted hosted;
    struct raw raw, late;
    struct pipc_header header;
    struct pipc_server_config config = server_config();
    const struct pipc_hello hello = raw_hello();
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    raw_open(&raw);
    CHECK_EQ(raw_answer_within(&raw, 100, &header, NULL, 0), (uint64_t)RAW_QUIET);
    CHECK_EQ((uint64_t)raw_try(&late, &hello), PIPC_STATUS_INTERNAL_ERROR);
    raw_expect_service(&raw);
    raw_close(&raw);
    server_end(&hosted);

    config.idle_timeout_ms = TEST_LONG;
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    raw_open(&raw);
    CHECK_EQ((uint64_t)raw_try(&late, &hello), PIPC_STATUS_INTERNAL_ERROR); /* too early */
    raw_expect_service(&raw);
    raw_close(&raw);
    server_end(&hosted);

    config.idle_timeout_ms = 20;
    server_start(&hosted, NULL, "scripted", NULL, 2, &config);
    raw_open(&raw);
    CHECK_EQ(raw_answer_within(&raw, 150, &header, NULL, 0), (uint64_t)RAW_QUIET);
    raw_open(&late); /* there is a free slot */
    raw_expect_service(&raw);
    EXPECT_COUNT(&hosted, idle_closed, 0);
    raw_close(&raw);
    raw_close(&late);
    server_end(&hosted);
}

TEST(server_idle, the_closed_clients_next_call_succeeds_through_recovery)
{
    struct hosted hosted;
    struct pipc_server_config config = server_config();
    struct pipc_client *client = NULL;
    struct raw late;
    uint64_t input = 0, output = 0;
    struct pipc_error err = PIPC_ERROR_INIT;
    const struct pipc_hello hello = raw_hello();
    config.idle_timeout_ms = 20;
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    CHECK_OK(pipc_client_create(hosted.context, test_dir(), SERVICE, NULL, &client, &err));
    (void)pipc_client_refresh(client);
    CHECK_OK(pipc_client_call(client, "scripted", 1, &input, &output, 0, &err));
    int status = PIPC_STATUS_INTERNAL_ERROR;
    const uint64_t start = test_now_ms();
    while (status == PIPC_STATUS_INTERNAL_ERROR && test_now_ms() - start < 20000)
        status = raw_try(&late, &hello);
    CHECK_EQ((uint64_t)status, 0);
    raw_close(&late);
    server_wait_sessions(&hosted, 0); /* a recovery tries for 250 ms only */
    CHECK_MSG(pipc_client_call(client, "scripted", 1, &input, &output, 0, &err) == PIPC_OK, "%s",
              err.text);
    CHECK_EQ(output, 1);
    pipc_client_destroy(client);
    server_end(&hosted);
}

/* The session's thread has taken the first packet of a longer request. */
static bool is_receiving(void *arg)
{
    struct pipc_server *server = arg;
    bool receiving = false;
    pipci_mutex_lock(&server->lock);
    for (const struct pipci_worker *w = server->workers; w; w = w->next)
        receiving |= w->session && pipci_session_is_receiving(w->session);
    pipci_mutex_unlock(&server->lock);
    return receiving;
}

static bool has_been_idle(void *arg)
{
    return test_now_ms() - *(const uint64_t *)arg > 50;
}

TEST(server_idle, a_session_inside_a_request_is_not_idle)
{
    struct hosted hosted;
    struct raw slow, late;
    struct pipc_server_config config = server_config();
    struct pipc_header header = raw_header(1, 100);
    struct pipc_hello hello = raw_hello();
    uint8_t head[PIPC_HEADER_LEN], answer[100];
    static const uint8_t echo[100] = {SCRIPT_ECHO};
    if (!test_plane_has_packets())
        test_skip("a region takes a request in one piece");
    config.idle_timeout_ms = 20;
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    hello.packet_size = 100;
    raw_open_with(&slow, &hello);
    uint64_t since = test_now_ms();
    pipc_header_encode(&header, head, sizeof(head));
    CHECK(raw_packet(&slow, head, sizeof(head), echo, 68));
    test_wait_until(is_receiving, hosted.server, TEST_LONG, "the request has begun");
    test_wait_until(has_been_idle, &since, TEST_LONG, "the last request is long ago");
    CHECK_EQ((uint64_t)raw_try(&late, &hello), PIPC_STATUS_INTERNAL_ERROR);
    /* the rest of it comes, and is answered */
    const struct pipc_chunk rest = {.magic = PIPC_CHUNK_MAGIC,
                                    .version = PIPC_WIRE_VERSION,
                                    .message_id = 1,
                                    .total_message_len = PIPC_HEADER_LEN + 100,
                                    .chunk_index = 1,
                                    .chunk_count = 2,
                                    .chunk_payload_len = 32};
    pipc_chunk_encode(&rest, head, sizeof(head));
    CHECK(raw_packet(&slow, head, sizeof(head), echo + 68, 32));
    CHECK_EQ((uint64_t)raw_answer(&slow, &header, answer, sizeof(answer)), 100);
    CHECK_EQ(header.transport_status, PIPC_STATUS_OK);
    EXPECT_COUNT(&hosted, idle_closed, 0);
    raw_close(&slow);
    server_end(&hosted);
}

/* ---- lingering ---- */

TEST(server_linger, at_most_as_many_threads_as_workers)
{
    struct hosted hosted;
    struct raw raws[100];
    struct pipc_header header;
    const struct pipc_hello hello = raw_hello();
    static const uint8_t big[1040] = {SCRIPT_ECHO}; /* within an area for 1024, too */
    uint32_t most = 0;
    unsigned threads = 0;
    server_start(&hosted, NULL, "scripted", NULL, 3, NULL);
    for (int i = 0; i < 100; i++) {
        int status = PIPC_STATUS_INTERNAL_ERROR;
        while (status == PIPC_STATUS_INTERNAL_ERROR)
            status = raw_try(&raws[i], &hello);
        CHECK_EQ((uint64_t)status, 0);
        CHECK(raw_request(&raws[i], 1, big, sizeof(big)));
        const uint32_t now = server_status(&hosted).lingering;
        const unsigned n = test_threads();
        most = now > most ? now : most;
        threads = n > threads ? n : threads;
    }
    CHECK_MSG(most <= 3, "%u lingering", most);
    CHECK(most >= 1);
    /* test, acceptor, sessions, lingering ones, and those that are on their way out, on which a
     * busy machine lets them stand still */
    CHECK_MSG(threads <= 2 + 3 + 3 + 30, "%u threads", threads);
    for (int i = 0; i < 100; i++) {
        /* The answer is there, or was overtaken by the reset where nobody could linger. */
        const long n = raw_answer(&raws[i], &header, NULL, 0);
        CHECK(n == 0 || n == RAW_EOF);
        if (n == 0)
            CHECK_EQ(header.transport_status, PIPC_STATUS_LIMIT_EXCEEDED);
        raw_close(&raws[i]);
    }
    raw_expect_new_client(5000);
    server_end(&hosted);
}
