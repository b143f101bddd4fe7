/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of requests and responses: a request above its limit is answered, then its session closed;
 * the response limit of new sessions grows with what was too large, up to its ceiling.
 */
#include "server_spy.h"

/* ---- requests above a limit ---- */

TEST(server_refused, oversized_request_in_one_packet_is_answered_then_closed)
{
    struct hosted hosted;
    struct spy spy = {0};
    struct scripted_handler handler = spy_on(&spy);
    static const uint8_t big[1025] = {SCRIPT_ECHO};
    server_start(&hosted, NULL, "scripted", &handler, 1, NULL);
    raw_expect_closing(big, sizeof(big), PIPC_STATUS_LIMIT_EXCEEDED);
    CHECK_EQ(spy_calls(&spy), 0);
    const struct pipc_server_status status = server_status(&hosted);
    CHECK_EQ(status.response_limit, 65536); /* changes no limit */
    CHECK_EQ(status.answers[PIPC_STATUS_LIMIT_EXCEEDED], 1);
    CHECK_EQ(status.bytes_in, 0);
    server_end(&hosted);
}

TEST(server_refused, oversized_request_in_chunks_is_answered_then_closed)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_header header;
    test_needs_packets("there are no chunks");
    struct pipc_hello hello = raw_hello();
    static const uint8_t big[20000] = {SCRIPT_ECHO};
    hello.packet_size = 256;
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    raw_open_with(&raw, &hello);
    (void)raw_request(&raw, 3, big, sizeof(big)); /* the other side may stop reading meanwhile */
    CHECK_EQ(raw_answer(&raw, &header, NULL, 0), 0);
    CHECK_EQ(header.transport_status, PIPC_STATUS_LIMIT_EXCEEDED);
    CHECK_EQ(header.message_id, 3);
    raw_expect_eof(&raw);
    raw_close(&raw);
    raw_expect_new_client(5000);
    server_end(&hosted);
}

TEST(server_refused, header_alone_with_a_huge_length_is_answered_at_once)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_header header = raw_header(4, UINT32_MAX);
    uint8_t head[PIPC_HEADER_LEN];
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    raw_open(&raw);
    pipc_header_encode(&header, head, sizeof(head));
    CHECK(raw_packet(&raw, head, sizeof(head), NULL, 0));
    CHECK_EQ(raw_answer(&raw, &header, NULL, 0), 0);
    CHECK_EQ(header.transport_status, PIPC_STATUS_LIMIT_EXCEEDED);
    raw_expect_eof(&raw);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_refused, too_many_items_are_answered_then_closed)
{
    struct hosted hosted;
    struct raw raw;
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    for (int batch = 0; batch < 2; batch++) {
        struct pipc_header header = raw_header(8, 1);
        header.flags = batch ? PIPC_FLAG_BATCH : 0;
        header.item_count = 17;
        raw_open(&raw);
        CHECK(raw_message(&raw, &header, "e"));
        CHECK_EQ(raw_answer(&raw, &header, NULL, 0), 0);
        CHECK_EQ(header.transport_status, PIPC_STATUS_LIMIT_EXCEEDED);
        CHECK_EQ(header.item_count, 1);
        CHECK_EQ(header.flags, 0);
        raw_expect_eof(&raw);
        raw_close(&raw);
    }
    server_end(&hosted);
}

TEST(server_refused, broken_messages_close_without_an_answer)
{
    struct hosted hosted;
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    for (int i = 0; i < 6; i++) {
        struct raw raw;
        struct pipc_header header = raw_header(1, 4);
        header.kind = i == 0 ? PIPC_KIND_RESPONSE : i == 1 ? PIPC_KIND_CONTROL : header.kind;
        header.magic += i == 2;
        header.version += i == 3;
        header.header_len += i == 4;
        header.kind = i == 5 ? 9 : header.kind;
        raw_open(&raw);
        CHECK(raw_message(&raw, &header, "echo"));
        raw_expect_eof(&raw);
        raw_close(&raw);
    }
    CHECK_EQ(server_status(&hosted).requests, 0);
    raw_expect_new_client(5000);
    server_end(&hosted);
}

/* ---- growth ---- */

static uint32_t limit_after(struct hosted *hosted, char script, uint32_t number)
{
    uint8_t request[5];
    script_u32(request, script, number);
    raw_expect_closing(request, 5, PIPC_STATUS_LIMIT_EXCEEDED);
    return server_status(hosted).response_limit;
}

TEST(server_growth, zero_configuration_grows_to_a_mebibyte_and_no_further)
{
    struct hosted hosted;
    struct raw raw;
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    for (uint32_t limit = 65536 * 2; limit <= PIPC_MAX_PAYLOAD_CAP; limit *= 2)
        CHECK_EQ(limit_after(&hosted, SCRIPT_SPACE, 0), limit);
    CHECK_EQ(limit_after(&hosted, SCRIPT_SPACE, 0), PIPC_MAX_PAYLOAD_CAP);
    raw_open(&raw);
    CHECK_EQ(raw.ack.agreed_max_response_payload_bytes, PIPC_MAX_PAYLOAD_CAP);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_growth, known_length_counts_when_it_is_more_than_the_double)
{
    struct hosted hosted;
    struct pipc_server_config config = server_config();
    config.max_response_payload_bytes = 100;
    config.growth_ceiling_bytes = 100000;
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    CHECK_EQ(limit_after(&hosted, SCRIPT_NEEDED, 101), 256);
    CHECK_EQ(limit_after(&hosted, SCRIPT_LENGTH, 30000), 32768);
    CHECK_EQ(limit_after(&hosted, SCRIPT_NEEDED, UINT32_MAX), 100000);
    CHECK_EQ(limit_after(&hosted, SCRIPT_SPACE, 0), 100000);
    server_end(&hosted);
}

TEST(server_growth, explicit_size_without_a_ceiling_never_grows)
{
    struct hosted hosted;
    struct pipc_server_config config = server_config();
    config.max_response_payload_bytes = 100;
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    CHECK_EQ(limit_after(&hosted, SCRIPT_SPACE, 0), 100);
    CHECK_EQ(limit_after(&hosted, SCRIPT_NEEDED, 5000), 100);
    server_end(&hosted);

    server_start(&hosted, server_context_set("service." SERVICE, "max_response_bytes", "200"),
                 "scripted", NULL, 1, NULL);
    CHECK_EQ(limit_after(&hosted, SCRIPT_SPACE, 0), 200);
    server_end(&hosted);
}

TEST(server_growth, a_ceiling_below_the_size_means_no_growth)
{
    struct hosted hosted;
    struct pipc_server_config config = server_config();
    config.max_response_payload_bytes = 5000;
    config.growth_ceiling_bytes = 3000;
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    CHECK_EQ(limit_after(&hosted, SCRIPT_SPACE, 0), 5000);
    server_end(&hosted);
}

TEST(server_growth, a_session_keeps_its_limit)
{
    struct hosted hosted;
    struct raw old, young;
    server_start(&hosted, NULL, "scripted", NULL, 3, NULL);
    raw_open(&old);
    CHECK_EQ(limit_after(&hosted, SCRIPT_SPACE, 0), 131072);
    raw_open(&young);
    CHECK_EQ(raw_room(&old, NULL), 65536);
    CHECK_EQ(raw_room(&young, NULL), 131072);
    /* A session with a smaller limit never lowers the value. */
    CHECK_EQ(limit_after(&hosted, SCRIPT_SPACE, 0), 262144);
    uint8_t request[1] = {SCRIPT_SPACE};
    CHECK_EQ((uint64_t)raw_call(&old, 1, request, 1), PIPC_STATUS_LIMIT_EXCEEDED);
    CHECK_EQ(server_status(&hosted).response_limit, 262144);
    raw_close(&old);
    raw_close(&young);
    server_end(&hosted);
}

TEST(server_growth, failing_batches_count_what_stands_before_the_item)
{
    struct hosted hosted;
    struct pipc_server_config config = server_config();
    uint8_t request[128];
    static const uint32_t numbers[] = {100, 400};
    config.max_response_payload_bytes = 200;
    config.growth_ceiling_bytes = 100000;
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    const size_t len = script_batch(request, sizeof(request), "ll", numbers, 2);
    raw_expect_failed_batch(request, len, 2, PIPC_STATUS_LIMIT_EXCEEDED);
    CHECK_EQ(server_status(&hosted).response_limit, 1024); /* 16 + 104 + 400 needs more than 512 */
    server_end(&hosted);
}
