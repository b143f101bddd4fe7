/* SPDX-License-Identifier: Apache-2.0
 *
 * From a batch to its answer: order, the first item that fails, the room that is left for each
 * item, and envelopes that are no batches.
 */
#include "server_spy.h"

TEST(server_batch, items_are_run_in_order_and_answered_as_a_batch)
{
    struct hosted hosted;
    struct spy spy = {0};
    struct scripted_handler handler = spy_on(&spy);
    struct raw raw;
    struct pipc_header header;
    uint8_t request[512], response[512];
    static const uint32_t lengths[] = {3, 0, 8, 17};
    server_start(&hosted, NULL, "scripted", &handler, 1, NULL);
    raw_open(&raw);
    for (uint32_t count = 1; count <= 4; count++) {
        const size_t len = script_batch(request, sizeof(request), "llll", lengths, count);
        raw_send_batch(&raw, count, request, len, count);
        const long n = raw_answer(&raw, &header, response, sizeof(response));
        CHECK(n > 0);
        CHECK_EQ(header.flags, PIPC_FLAG_BATCH);
        CHECK_EQ(header.item_count, count);
        CHECK_EQ(header.transport_status, PIPC_STATUS_OK);
        CHECK_OK(pipc_batch_check(response, (size_t)n, count));
        for (uint32_t i = 0; i < count; i++) {
            const void *item = NULL;
            size_t item_len = 0;
            CHECK_OK(pipc_batch_item(response, (size_t)n, count, i, &item, &item_len));
            CHECK_EQ(item_len, lengths[i]);
            for (size_t b = 0; b < item_len; b++)
                CHECK_EQ(((const uint8_t *)item)[b], (uint8_t)(b * 7));
        }
    }
    CHECK_EQ(spy_calls(&spy), 1 + 2 + 3 + 4);
    CHECK_EQ(server_status(&hosted).requests, 4);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_batch, the_first_failing_item_ends_it_with_its_status)
{
    struct hosted hosted;
    struct spy spy = {0};
    struct scripted_handler handler = spy_on(&spy);
    uint8_t request[512];
    static const uint32_t numbers[] = {1, PIPC_ERR_BAD_LAYOUT, 1};
    server_start(&hosted, NULL, "scripted", &handler, 1, NULL);
    size_t len = script_batch(request, sizeof(request), "lcl", numbers, 3);
    raw_expect_failed_batch(request, len, 3, PIPC_STATUS_INTERNAL_ERROR);
    CHECK_EQ(spy_calls(&spy), 2);
    len = script_batch(request, sizeof(request), "lql", numbers, 3);
    raw_expect_failed_batch(request, len, 3, PIPC_STATUS_BAD_ENVELOPE);
    CHECK_EQ(spy_calls(&spy), 3);
    len = script_batch(request, sizeof(request), "lnl", numbers, 3);
    raw_expect_failed_batch(request, len, 3, PIPC_STATUS_LIMIT_EXCEEDED);
    CHECK_EQ(spy_calls(&spy), 5);
    server_end(&hosted);
}

TEST(server_batch, results_that_fit_alone_but_not_together_are_too_much)
{
    struct hosted hosted;
    struct spy spy = {0};
    struct scripted_handler handler = spy_on(&spy);
    struct pipc_server_config config = server_config();
    struct raw raw;
    struct pipc_header header;
    uint8_t request[512], response[256];
    static const uint32_t fits[] = {40, 36, 0}, exceeds[] = {40, 37, 1};
    config.max_response_payload_bytes = 2 * 8 + 40 + 36;
    server_start(&hosted, NULL, "scripted", &handler, 1, &config);
    raw_open(&raw);
    size_t len = script_batch(request, sizeof(request), "ll", fits, 2);
    raw_send_batch(&raw, 1, request, len, 2); /* no room for the last padding: left out */
    CHECK_EQ(raw_answer(&raw, &header, response, sizeof(response)), 2 * 8 + 40 + 36);
    CHECK_EQ(header.transport_status, PIPC_STATUS_OK);
    raw_close(&raw);
    CHECK_EQ(spy_calls(&spy), 2);
    len = script_batch(request, sizeof(request), "lll", exceeds, 3);
    raw_expect_failed_batch(request, len, 3, PIPC_STATUS_LIMIT_EXCEEDED);
    CHECK_EQ(spy_calls(&spy), 4); /* the third is not run */
    server_end(&hosted);
}

TEST(server_batch, room_of_an_item_is_what_is_left)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_header header;
    struct pipc_server_config config = server_config();
    uint8_t request[128], response[256];
    static const uint32_t numbers[] = {3, 0};
    config.max_response_payload_bytes = 100;
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    raw_open(&raw);
    const size_t len = script_batch(request, sizeof(request), "lr", numbers, 2);
    raw_send_batch(&raw, 1, request, len, 2);
    const long n = raw_answer(&raw, &header, response, sizeof(response));
    const void *item = NULL;
    size_t item_len = 0;
    uint32_t room = 0;
    CHECK_OK(pipc_batch_item(response, (size_t)n, 2, 1, &item, &item_len));
    CHECK_EQ(item_len, 8);
    memcpy(&room, item, sizeof(room));
    CHECK_EQ(room, 100 - 16 - 8);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_batch, directory_that_does_not_fit_the_response_is_too_much)
{
    struct hosted hosted;
    struct pipc_server_config config = server_config();
    uint8_t request[512];
    static const uint32_t numbers[16] = {0};
    config.max_response_payload_bytes = 8;
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    const size_t len = script_batch(request, sizeof(request), "llllllllllllllll", numbers, 16);
    raw_expect_failed_batch(request, len, 16, PIPC_STATUS_LIMIT_EXCEEDED);
    server_end(&hosted);
}

TEST(server_batch, a_bad_entry_of_a_batch_of_one_is_a_bad_envelope)
{
    struct hosted hosted;
    const uint32_t out_of_bounds[2] = {0, 9};
    const uint32_t unaligned[4] = {4, 4, 0, 0};
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    raw_expect_failed_batch((const uint8_t *)out_of_bounds, 8, 1, PIPC_STATUS_BAD_ENVELOPE);
    raw_expect_failed_batch((const uint8_t *)unaligned, 16, 1, PIPC_STATUS_BAD_ENVELOPE);
    raw_expect_failed_batch((const uint8_t *)unaligned, 4, 1, PIPC_STATUS_BAD_ENVELOPE);
    server_end(&hosted);
}

TEST(server_batch, flag_without_items_and_kinds_without_batches_are_bad_envelopes)
{
    struct hosted hosted;
    uint8_t request[64];
    static const uint32_t numbers[1] = {1};
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    raw_expect_failed_batch(request, 0, 0, PIPC_STATUS_BAD_ENVELOPE);
    server_end(&hosted);

    server_start(&hosted, NULL, "scripted_single", NULL, 1, NULL);
    const size_t len = script_batch(request, sizeof(request), "l", numbers, 1);
    struct raw raw;
    struct pipc_header header = raw_header(1, len);
    header.code = SCRIPTED_SINGLE_CODE;
    header.flags = PIPC_FLAG_BATCH;
    raw_open(&raw);
    CHECK(raw_message(&raw, &header, request));
    CHECK_EQ(raw_answer(&raw, &header, NULL, 0), 0);
    CHECK_EQ(header.transport_status, PIPC_STATUS_BAD_ENVELOPE);
    raw_expect_eof(&raw);
    raw_close(&raw);
    server_end(&hosted);
}
