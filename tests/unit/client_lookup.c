/* SPDX-License-Identifier: Apache-2.0
 *
 * Logical lookups whose server means well: checks at entry, splitting, order, ceilings, and the
 * managed server of such a kind.
 */
#include "lookup_scene.h"
#include "test.h"

#include <pipc/codecs/increment.h>

#define BIG 50u /* words of a call that takes several exchanges */

TEST(client_lookup, no_keys_take_one_exchange_and_give_the_generation)
{
    struct lookup_scene s = lookup_open(0, 0);
    CHECK_OK(lookup_call_keys(&s, NULL, 0, 0));
    CHECK_EQ(s.view.count, 0);
    CHECK_EQ(s.view.generation, 42);
    CHECK_EQ(s.provider->calls, 1);
    CHECK_EQ(s.provider->keys, 0);
    CHECK_EQ(script_status(s.client).call_count, 1);
    CHECK_EQ(pipc_client_response_len(s.client), WORD_COUNT_HDR);
    lookup_close(&s);
}

TEST(client_lookup, one_response_is_handed_on_as_it_is)
{
    static const char *const words[] = {"2:a", "b", "3:c"};
    struct lookup_scene s = lookup_open(0, 0);
    CHECK_OK(lookup_call(&s, words, 3));
    CHECK_EQ(s.view.count, 3);
    CHECK_EQ(word_count_item(&s.view, 0).lines, 2);
    CHECK_EQ(word_count_item(&s.view, 1).status, WORD_UNKNOWN);
    CHECK_EQ(word_count_line(&s.view, 2, 2), 9);
    CHECK_EQ(s.provider->calls, 1);
    CHECK_EQ(pipc_client_response_len(s.client), word_count_response_size(3, 3 * 8 + 7 + 5 * 4));
    lookup_close(&s);
}

TEST(client_lookup, steady_calls_of_one_exchange_assemble_nothing)
{
    static const char *const words[] = {"2:a", "b", "3:c"};
    struct lookup_scene s = lookup_open(0, 0);
    memset(&word_count_work, 0, sizeof(word_count_work));
    for (unsigned i = 0; i < 10; i++)
        CHECK_OK(lookup_call(&s, words, 3));
    CHECK_EQ(word_count_work.assembled, 0);
    CHECK_EQ(word_count_work.items, 30);
    CHECK_EQ(word_count_work.decoded, 30);
    lookup_close(&s);
}

/* ---- checks at entry ---- */

static void refused(struct lookup_scene *s, pipc_result got, pipc_result expected, const char *text)
{
    CHECK_EQ(s->provider->calls, 0);
    lookup_check_failed(s, got, expected, text, PIPC_CLIENT_READY);
    s->provider->calls = 0;
}

TEST(client_lookup, wrong_keys_are_refused_without_io)
{
    struct lookup_scene s = lookup_open(0, 0);
    struct pipc_str_view words[2] = {lookup_str("good"), {NULL, 3}};
    refused(&s, lookup_call_keys(&s, NULL, 1, 0), PIPC_ERR_BAD_PARAM, "needs its keys");
    refused(&s, lookup_call_keys(&s, words, 2, 0), PIPC_ERR_BAD_PARAM, "cannot be asked for");
    words[1] = (struct pipc_str_view){"", 0};
    refused(&s, lookup_call_keys(&s, words, 2, 0), PIPC_ERR_BAD_PARAM, "cannot be asked for");
    words[1] = (struct pipc_str_view){"a\0b", 3};
    refused(&s, lookup_call_keys(&s, words, 2, 0), PIPC_ERR_BAD_PARAM, "cannot be asked for");
    CHECK_RESULT(pipc_client_call_lookup(s.client, WORD_COUNT_NAME, 1, words, 1, NULL, 0, &s.err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_EQ(script_status(s.client).error_count, 5);
    lookup_close(&s);
}

TEST(client_lookup, not_ready_comes_before_every_other_check)
{
    struct lookup_scene s = lookup_open(0, 0);
    pipc_client_drop(s.client);
    CHECK_RESULT(lookup_call_keys(&s, NULL, 1, 0), PIPC_ERR_NOT_READY);
    lookup_check_failed(&s, PIPC_ERR_NOT_READY, PIPC_ERR_NOT_READY, "not ready",
                        PIPC_CLIENT_BROKEN);
    CHECK_RESULT(pipc_client_call_lookup(NULL, WORD_COUNT_NAME, 1, NULL, 0, &s.view, 0, &s.err),
                 PIPC_ERR_BAD_PARAM);
    lookup_close(&s);
}

TEST(client_lookup, kinds_keep_to_their_own_calls)
{
    struct lookup_scene s = lookup_open(0, 0);
    uint64_t value = 1;
    CHECK_RESULT(pipc_client_call(s.client, WORD_COUNT_NAME, 1, &value, &s.view, 0, &s.err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_HAS(s.err.text, "is called with keys");
    CHECK_RESULT(
        pipc_client_call_batch(s.client, WORD_COUNT_NAME, 1, &value, 1, &s.view, 0, &s.err),
        PIPC_ERR_BAD_PARAM);
    CHECK_HAS(s.err.text, "has no batch calls");
    CHECK_RESULT(pipc_client_call_lookup(s.client, WORD_COUNT_NAME, 2, NULL, 0, &s.view, 0, &s.err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_HAS(s.err.text, "typed table");
    CHECK_RESULT(pipc_client_call_lookup(s.client, "increment", 1, NULL, 0, &value, 0, &s.err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_EQ(value, 0);
    CHECK_EQ(s.provider->calls, 0);
    lookup_close(&s);
}

TEST(client_lookup, codec_without_hooks_is_no_lookup)
{
    struct script *script = script_start(NULL, 0, NULL);
    struct pipc_context *context = script_context(NULL);
    struct pipc_client *client = script_ready(context, NULL, true);
    struct pipc_error err = PIPC_ERROR_INIT;
    uint64_t value = 5;
    CHECK_RESULT(pipc_client_call_lookup(client, PIPC_INCREMENT_NAME, PIPC_INCREMENT_TABLE_MAJOR,
                                         &value, 1, &value, 0, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_STR(err.text, "service 'svc': codec 'increment' is no keyed lookup");
    CHECK_EQ(value, 0);
    CHECK_EQ(script_requests(script), 0);
    pipc_client_destroy(client);
    script_stop(script);
    script_context_close(context);
}

/* ---- splitting ---- */

TEST(client_lookup, request_limit_holds_exactly_n_keys_and_one_byte_less_n_minus_1)
{
    struct pipc_str_view *words = lookup_words(BIG, 1);
    for (uint32_t n = 5; n <= 7; n++) {
        const uint32_t limit = (uint32_t)word_count_request_size(words, n);
        struct lookup_scene s = lookup_open(limit, 0);
        CHECK_OK(lookup_call_keys(&s, words, BIG, 0));
        CHECK_EQ(s.provider->asked[0], n);
        lookup_check(&s, words, BIG, 0);
        lookup_close(&s);
        s = lookup_open(limit - 1, 0);
        CHECK_OK(lookup_call_keys(&s, words, BIG, 0));
        CHECK_EQ(s.provider->asked[0], n - 1);
        lookup_check(&s, words, BIG, 0);
        CHECK_EQ(s.provider->keys, BIG);
        lookup_close(&s);
    }
    free(words);
}

TEST(client_lookup, order_and_duplicates_are_kept_across_exchanges)
{
    static const char *const some[] = {"9:z", "a", "2:m", "a", "9:z", "1:b"};
    struct pipc_str_view words[60];
    struct lookup_scene s = lookup_open(30, 0);
    for (unsigned i = 0; i < 60; i++)
        words[i] = lookup_str(some[(i * 5 + i / 7) % 6]);
    CHECK_OK(lookup_call_keys(&s, words, 60, 0));
    lookup_check(&s, words, 60, 0);
    CHECK(s.provider->calls > 5);
    CHECK_EQ(s.provider->keys, 60);
    CHECK_EQ(script_status(s.client).call_count, s.provider->calls);
    CHECK_EQ(script_status(s.client).error_count, 0);
    CHECK_EQ(s.view.generation, 42);
    lookup_close(&s);
}

TEST(client_lookup, view_lives_until_the_next_call)
{
    struct pipc_str_view *words = lookup_words(BIG, 1);
    struct lookup_scene s = lookup_open(64, 0);
    CHECK_OK(lookup_call_keys(&s, words, BIG, 0));
    const struct word_count_view first = s.view;
    const size_t len = pipc_client_response_len(s.client);
    CHECK(len > 0);
    pipc_client_abort(s.client);
    CHECK(pipc_client_ready(s.client));
    pipc_client_clear_abort(s.client);
    lookup_check(&s, words, BIG, 0);
    CHECK_OK(lookup_call_keys(&s, words, BIG - 1, 0));
    CHECK(s.view.payload == first.payload); /* the buffer is used again */
    lookup_check(&s, words, BIG - 1, 0);
    lookup_close(&s);
    free(words);
}

/* ---- ceilings ---- */

static struct lookup_scene limited(uint32_t items, uint32_t subcalls, uint32_t bytes)
{
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_request_payload_bytes = 64,
                                              .max_logical_lookup_items = items,
                                              .max_logical_lookup_subcalls = subcalls,
                                              .max_logical_lookup_response_bytes = bytes};
    return lookup_open_with(NULL, &config, NULL, NULL);
}

TEST(client_lookup, items_ceiling_holds_before_any_io)
{
    struct pipc_str_view *words = lookup_words(BIG, 1);
    struct lookup_scene s = limited(BIG - 1, 0, 0);
    CHECK_OK(lookup_call_keys(&s, words, BIG - 1, 0));
    s.provider->calls = 0;
    refused(&s, lookup_call_keys(&s, words, BIG, 0), PIPC_ERR_OVERFLOW,
            "service 'svc': 50 keys, at most 49 may be looked up in one call");
    /* the number is looked at before the keys are */
    words[0].ptr = NULL;
    refused(&s, lookup_call_keys(&s, words, BIG, 0), PIPC_ERR_OVERFLOW, "50 keys");
    lookup_close(&s);
    free(words);
}

TEST(client_lookup, subcalls_ceiling_stops_where_it_stands)
{
    struct pipc_str_view *words = lookup_words(BIG, 1);
    struct lookup_scene s = limited(0, 0, 0);
    CHECK_OK(lookup_call_keys(&s, words, BIG, 0));
    const uint32_t needed = s.provider->calls;
    CHECK(needed > 3);
    lookup_close(&s);
    s = limited(0, needed, 0);
    CHECK_OK(lookup_call_keys(&s, words, BIG, 0));
    lookup_check(&s, words, BIG, 0);
    lookup_close(&s);
    s = limited(0, needed - 1, 0);
    const pipc_result result = lookup_call_keys(&s, words, BIG, 0);
    CHECK_EQ(s.provider->calls, needed - 1);
    lookup_check_failed(&s, result, PIPC_ERR_OVERFLOW, "the most that one lookup may take",
                        PIPC_CLIENT_READY);
    lookup_close(&s);
    free(words);
}

TEST(client_lookup, bytes_ceiling_holds_for_what_is_put_together)
{
    struct pipc_str_view *words = lookup_words(BIG, 3);
    struct lookup_scene s = limited(0, 0, 0);
    CHECK_OK(lookup_call_keys(&s, words, BIG, 0));
    const uint32_t needed = s.provider->calls, size = (uint32_t)pipc_client_response_len(s.client);
    lookup_close(&s);
    s = limited(0, 0, size);
    CHECK_OK(lookup_call_keys(&s, words, BIG, 0));
    lookup_check(&s, words, BIG, 0);
    lookup_close(&s);
    s = limited(0, 0, size - 1);
    lookup_check_failed(&s, lookup_call_keys(&s, words, BIG, 0), PIPC_ERR_OVERFLOW,
                        "may be put together", PIPC_CLIENT_READY);
    CHECK_EQ(s.provider->calls, needed + 1); /* and the one after it */
    lookup_close(&s);
    s = limited(0, 0, size / 2);
    const pipc_result result = lookup_call_keys(&s, words, BIG, 0);
    CHECK(s.provider->calls <= needed / 2 + 1); /* no longer than it can still succeed */
    lookup_check_failed(&s, result, PIPC_ERR_OVERFLOW, "may be put together", PIPC_CLIENT_READY);
    lookup_close(&s);
    free(words);
}

TEST(client_lookup, bytes_ceiling_holds_for_a_single_response)
{
    struct pipc_str_view word = lookup_word(40, 20);
    const uint32_t size = (uint32_t)word_count_response_size(1, 8 + 20 + 160);
    struct lookup_scene s = limited(0, 0, size);
    CHECK_OK(lookup_call_keys(&s, &word, 1, 0));
    CHECK_EQ(pipc_client_response_len(s.client), size);
    lookup_close(&s);
    s = limited(0, 0, size - 1);
    lookup_check_failed(&s, lookup_call_keys(&s, &word, 1, 0), PIPC_ERR_OVERFLOW,
                        "may be put together", PIPC_CLIENT_READY);
    lookup_close(&s);
}

/* ---- the module as a file ---- */

TEST(client_lookup, kind_of_a_module_file_is_called_like_any_other)
{
    struct pipc_str_view *words = lookup_words(BIG, 3);
    struct lookup_scene s = lookup_open(64, 0);
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_request_payload_bytes = 64};
    struct pipc_context *context = lookup_context_of_files();
    struct pipc_client *client = script_ready(context, &config, true);
    struct pipc_error err = PIPC_ERROR_INIT;
    memset(&word_count_work, 0, sizeof(word_count_work));
    const pipc_result result = pipc_client_call_word_count(client, words, BIG, &s.view, 0, &err);
    lookup_sync(&s);
    CHECK_MSG(result == PIPC_OK, "%s", err.text);
    lookup_check(&s, words, BIG, 0);
    CHECK(s.provider->calls >= 5);
    CHECK_EQ(word_count_work.items, 0); /* it was not the one that is linked in */
    pipc_client_destroy(client);
    script_context_close(context);
    lookup_close(&s);
    free(words);
}

/* ---- the server's side ---- */

TEST(client_lookup, managed_server_refuses_batches_of_a_lookup)
{
    struct lookup_scene s = lookup_open(0, 0);
    struct pipc_session_settings settings = {
        .size = sizeof(settings), .max_request_batch_items = 4, .max_response_batch_items = 4};
    struct pipc_session *session = NULL;
    uint8_t payload[16] = {0};
    struct pipc_message message = {.size = sizeof(message),
                                   .kind = PIPC_KIND_REQUEST,
                                   .flags = PIPC_FLAG_BATCH,
                                   .code = WORD_COUNT_CODE,
                                   .item_count = 1,
                                   .message_id = 9,
                                   .payload = payload,
                                   .payload_len = sizeof(payload)};
    payload[4] = WORD_COUNT_REQ_HDR; /* one entry: the empty request */
    CHECK_OK(pipc_connect(s.context, test_dir(), SCRIPT_SERVICE, &settings, 0, PIPC_NO_HANDLE,
                          &session, NULL, &s.err));
    CHECK_OK(pipc_session_send(session, &message, 0, PIPC_NO_HANDLE, &s.err));
    CHECK_OK(pipc_session_receive(session, 0, 0, PIPC_NO_HANDLE, &message, &s.err));
    CHECK_EQ(message.transport_status, PIPC_STATUS_BAD_ENVELOPE);
    CHECK_EQ(message.payload_len, 0);
    CHECK_EQ(s.provider->calls, 0);
    CHECK(pipc_session_receive(session, 0, 0, PIPC_NO_HANDLE, &message, &s.err) != PIPC_OK);
    pipc_session_close(session);
    lookup_close(&s);
}

TEST(client_lookup, response_limit_without_room_for_the_directory_spares_the_callback)
{
    struct pipc_str_view *words = lookup_words(BIG, 1);
    const struct pipc_server_config server = {.size = sizeof(server),
                                              .max_response_payload_bytes =
                                                  (uint32_t)word_count_response_size(BIG, 0) - 1};
    struct lookup_scene s = lookup_open_with(NULL, NULL, &server, NULL);
    const pipc_result result = lookup_call_keys(&s, words, BIG, 0);
    CHECK_EQ(s.provider->calls, 0);
    lookup_check_failed(&s, result, PIPC_ERR_OVERFLOW, "does not fit", PIPC_CLIENT_BROKEN);
    lookup_close(&s);
    free(words);
}
