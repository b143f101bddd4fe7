/* SPDX-License-Identifier: Apache-2.0
 *
 * Logical lookups that do not fit: keys too large for a request, items too large for a response,
 * responses that are full.
 */
#include "lookup_scene.h"
#include "test.h"

#include "core/service/client.h"

/* ---- responses that are full ---- */

TEST(client_lookup_split, rest_of_a_full_response_is_asked_again)
{
    struct pipc_str_view *words = lookup_words(40, 20);
    struct lookup_scene s = lookup_open(1024, 1024);
    CHECK_OK(lookup_call_keys(&s, words, 40, 0));
    lookup_check(&s, words, 40, 0);
    CHECK_EQ(s.provider->asked[0], 40);
    CHECK(s.provider->calls > 4);
    for (uint32_t i = 1; i < s.provider->calls; i++)
        CHECK(s.provider->asked[i] < s.provider->asked[i - 1]);
    CHECK_EQ(script_status(s.client).call_count, s.provider->calls);
    CHECK_EQ(script_status(s.client).reconnect_count, 0);
    lookup_close(&s);
    free(words);
}

TEST(client_lookup_split, response_limit_never_shrinks_the_request)
{
    struct pipc_str_view *words = lookup_words(200, 20);
    struct lookup_scene s = lookup_open(512, 2048);
    CHECK_OK(lookup_call_keys(&s, words, 200, 0));
    lookup_check(&s, words, 200, 0);
    CHECK(s.provider->calls > 8);
    for (uint32_t i = 0; i < s.provider->calls; i++) {
        const uint32_t n = s.provider->asked[i], first = s.provider->first[i];
        CHECK(word_count_request_size(&words[first], n) <= 512);
        CHECK(first + n == 200 || word_count_request_size(&words[first], n + 1) > 512);
    }
    lookup_close(&s);
    free(words);
}

/* ---- items too large for a response ---- */

TEST(client_lookup_split, item_too_large_for_any_response_is_asked_once_alone)
{
    struct pipc_str_view words[7];
    struct lookup_scene s = lookup_open(1024, 256);
    for (unsigned i = 0; i < 7; i++)
        words[i] = lookup_word(1, 6);
    words[3] = lookup_word(1000, 9);
    CHECK_OK(lookup_call_keys(&s, words, 7, 0));
    CHECK_EQ(s.provider->calls, 3);
    CHECK_EQ(s.provider->asked[0], 7); /* three answers, then it is full */
    CHECK_EQ(s.provider->asked[1], 4); /* oversized at item 0, three answers */
    CHECK_EQ(s.provider->asked[2], 1); /* once alone */
    lookup_check(&s, words, 7, 8);
    lookup_close(&s);
}

TEST(client_lookup_split, item_that_fits_without_its_neighbours_costs_one_exchange_more)
{
    struct pipc_str_view words[5];
    struct lookup_scene s = lookup_open(1024, 256);
    words[0] = lookup_word(50, 12); /* 20 + 200 + 4 + 16 = 240 alone */
    for (unsigned i = 1; i < 5; i++)
        words[i] = lookup_word(2, 12);
    CHECK_OK(lookup_call_keys(&s, words, 5, 0));
    CHECK_EQ(s.provider->calls, 2);
    CHECK_EQ(s.provider->asked[0], 5);
    CHECK_EQ(s.provider->asked[1], 1);
    lookup_check(&s, words, 5, 0);
    CHECK_EQ(pipc_client_response_len(s.client),
             word_count_response_size(5, 20 + 200 + 4 * (20 + 8)));
    lookup_close(&s);
}

TEST(client_lookup_split, only_item_is_final_at_once)
{
    struct pipc_str_view word = lookup_word(1000, 12);
    struct lookup_scene s = lookup_open(1024, 256);
    CHECK_OK(lookup_call_keys(&s, &word, 1, 0));
    CHECK_EQ(s.provider->calls, 1);
    lookup_check(&s, &word, 1, 1);
    lookup_close(&s);
}

TEST(client_lookup_split, oversized_items_at_every_place)
{
    struct pipc_str_view words[6];
    for (unsigned mask = 1; mask < 64; mask++) {
        struct lookup_scene s = lookup_open(1024, 300);
        for (unsigned i = 0; i < 6; i++)
            words[i] = mask & (1u << i) ? lookup_word(1000, 20) : lookup_word(3, 10);
        CHECK_OK(lookup_call_keys(&s, words, 6, 0));
        lookup_check(&s, words, 6, 15);
        lookup_close(&s);
    }
}

TEST(client_lookup_split, item_alone_counts_as_a_subcall)
{
    struct pipc_str_view words[3] = {lookup_word(1000, 12), lookup_word(1, 6), lookup_word(1, 6)};
    const struct pipc_server_config server = {.size = sizeof(server),
                                              .max_response_payload_bytes = 256};
    struct pipc_client_config client = {.size = sizeof(client), .max_logical_lookup_subcalls = 1};
    struct lookup_scene s = lookup_open_with(NULL, &client, &server, NULL);
    lookup_check_failed(&s, lookup_call_keys(&s, words, 3, 0), PIPC_ERR_OVERFLOW,
                        "0 of 3 keys are answered after 1 exchanges", PIPC_CLIENT_READY);
    lookup_close(&s);
    client.max_logical_lookup_subcalls = 2;
    s = lookup_open_with(NULL, &client, &server, NULL);
    CHECK_OK(lookup_call_keys(&s, words, 3, 0));
    lookup_check(&s, words, 3, 8);
    lookup_close(&s);
}

/* Says OVERSIZED for the first of several keys, then that the item alone is FULL. */
static pipc_result oversized_then_full(struct provider *p, uint32_t call,
                                       const struct word_count_builder *request, void *buf,
                                       size_t cap, size_t *ret_len)
{
    struct forged f = lookup_forged(request);
    (void)p;
    f.status[0] = call == 0 ? WORD_OVERSIZED : WORD_FULL;
    *ret_len = lookup_forge(&f, buf, cap);
    return PIPC_OK;
}

TEST(client_lookup_split, item_alone_that_is_full_is_an_overflow)
{
    struct pipc_str_view words[3] = {lookup_word(1, 6), lookup_word(1, 6), lookup_word(1, 6)};
    struct lookup_scene s = lookup_open(0, 0);
    s.provider->raw = oversized_then_full;
    const pipc_result result = lookup_call_keys(&s, words, 3, 0);
    CHECK_EQ(s.provider->calls, 2);
    lookup_check_failed(&s, result, PIPC_ERR_OVERFLOW, "no room for any of 1 items",
                        PIPC_CLIENT_READY);
    lookup_close(&s);
}

static pipc_result oversized_behind(struct provider *p, uint32_t call,
                                    const struct word_count_builder *request, void *buf, size_t cap,
                                    size_t *ret_len)
{
    struct forged f = lookup_forged(request);
    (void)p;
    (void)call;
    f.status[1] = WORD_OVERSIZED;
    *ret_len = lookup_forge(&f, buf, cap);
    return PIPC_OK;
}

TEST(client_lookup_split, oversized_item_behind_the_first_is_final)
{
    static const char *const words[] = {"a", "b", "c"};
    struct lookup_scene s = lookup_open(0, 0);
    s.provider->raw = oversized_behind;
    CHECK_OK(lookup_call(&s, words, 3));
    CHECK_EQ(s.provider->calls, 1);
    CHECK_EQ(word_count_item(&s.view, 0).status, WORD_UNKNOWN);
    CHECK_EQ(word_count_item(&s.view, 1).status, WORD_OVERSIZED);
    CHECK_EQ(word_count_item(&s.view, 2).status, WORD_UNKNOWN);
    lookup_close(&s);
}

/* ---- response limits that cannot work ---- */

TEST(client_lookup_split, no_room_for_the_placeholders_on_a_server_that_cannot_grow)
{
    struct pipc_str_view *words = lookup_words(50, 1);
    struct lookup_scene s = lookup_open(1024, 256);
    const pipc_result result = lookup_call_keys(&s, words, 50, 0);
    lookup_check_failed(&s, result, PIPC_ERR_OVERFLOW, "does not fit the 256 bytes",
                        PIPC_CLIENT_BROKEN);
    lookup_close(&s);
    free(words);
}

TEST(client_lookup_split, server_that_grows_makes_room_in_the_middle_of_a_lookup)
{
    struct pipc_str_view *words = lookup_words(50, 1);
    const struct pipc_server_config server = {
        .size = sizeof(server), .max_response_payload_bytes = 256, .growth_ceiling_bytes = 4096};
    struct lookup_scene s = lookup_open_with(NULL, NULL, &server, NULL);
    CHECK_OK(lookup_call_keys(&s, words, 50, 0));
    lookup_check(&s, words, 50, 0);
    CHECK(script_status(s.client).reconnect_count > 0);
    CHECK_EQ(script_status(s.client).call_count, s.provider->calls - 2);
    lookup_close(&s);
    free(words);
}

/* ---- keys too large for a request ---- */

static void with_long_words(unsigned mask, unsigned count, uint32_t calls)
{
    struct pipc_str_view words[6];
    struct lookup_scene s = lookup_open(64, 0);
    for (unsigned i = 0; i < count; i++)
        words[i] = mask & (1u << i) ? lookup_word(1, 61 + i) : lookup_word(2, 6 + i);
    CHECK_OK(lookup_call_keys(&s, words, count, 0));
    lookup_check(&s, words, count, 58);
    CHECK_EQ(s.view.generation, 42);
    CHECK_EQ(s.provider->calls, calls);
    CHECK_EQ(script_status(s.client).call_count, calls);
    lookup_close(&s);
}

TEST(client_lookup_split, key_too_long_at_the_front_in_the_middle_and_at_the_end)
{
    with_long_words(1, 4, 1);
    with_long_words(4, 4, 2);
    with_long_words(8, 4, 1);
    with_long_words(5, 4, 2);
    with_long_words(6, 4, 2);
    with_long_words(13, 4, 1);
}

TEST(client_lookup_split, key_too_long_as_the_only_one_learns_the_generation_from_an_empty_exchange)
{
    struct pipc_str_view word = lookup_word(1, 61);
    struct lookup_scene s = lookup_open(64, 0);
    CHECK_OK(lookup_call_keys(&s, &word, 1, 0));
    lookup_check(&s, &word, 1, 58);
    CHECK_EQ(s.view.generation, 42);
    CHECK_EQ(s.provider->calls, 1);
    CHECK_EQ(s.provider->asked[0], 0);
    lookup_close(&s);
    with_long_words(63, 6, 1);
}

TEST(client_lookup_split, longest_key_that_fits_is_sent)
{
    struct pipc_str_view words[2] = {lookup_word(1, 58), lookup_word(1, 59)};
    struct lookup_scene s = lookup_open(64, 0);
    CHECK_OK(lookup_call_keys(&s, words, 2, 0));
    CHECK_EQ(s.provider->keys, 1);
    lookup_check(&s, words, 2, 58);
    lookup_close(&s);
}

TEST(client_lookup_split, items_of_the_client_count_against_the_bytes_ceiling)
{
    struct pipc_str_view words[2] = {lookup_word(1, 100), lookup_word(1, 100)};
    struct pipc_client_config client = {.size = sizeof(client),
                                        .max_request_payload_bytes = 64,
                                        .max_logical_lookup_response_bytes =
                                            (uint32_t)word_count_response_size(2, 216)};
    struct lookup_scene s = lookup_open_with(NULL, &client, NULL, NULL);
    CHECK_OK(lookup_call_keys(&s, words, 2, 0));
    lookup_check(&s, words, 2, 58);
    lookup_close(&s);
    client.max_logical_lookup_response_bytes--;
    s = lookup_open_with(NULL, &client, NULL, NULL);
    const pipc_result result = lookup_call_keys(&s, words, 2, 0);
    CHECK_EQ(s.provider->calls, 0);
    lookup_check_failed(&s, result, PIPC_ERR_OVERFLOW, "may be put together", PIPC_CLIENT_READY);
    lookup_close(&s);
}

TEST(client_lookup_split, kind_without_such_an_item_fails_with_the_key_named)
{
    struct pipc_str_view words[3] = {lookup_word(1, 6), lookup_word(1, 61), lookup_word(1, 6)};
    const struct pipc_client_config client = {.size = sizeof(client),
                                              .max_request_payload_bytes = 64};
    struct lookup_scene s = lookup_open_with(WORD_COUNT_PLAIN_NAME, &client, NULL, NULL);
    const pipc_result result = lookup_call_keys(&s, words, 3, 0);
    CHECK_EQ(s.provider->calls, 1);
    lookup_check_failed(&s, result, PIPC_ERR_OVERFLOW,
                        "service 'svc': key 1 needs a request of 67 bytes, the session takes no "
                        "more than 64",
                        PIPC_CLIENT_READY);
    lookup_close(&s);
}

/* ---- a session that agreed on less than is proposed ---- */

static void enlarged(uint32_t proposal, uint32_t next_limit, pipc_result expected, uint32_t state)
{
    struct pipc_str_view words[2] = {lookup_word(1, 6), lookup_word(1, 61)};
    const struct pipc_client_config client = {.size = sizeof(client),
                                              .max_request_payload_bytes = 64};
    const struct pipc_server_config large = {.size = sizeof(large),
                                             .max_request_payload_bytes = next_limit};
    struct lookup_scene s = lookup_open_with(NULL, &client, NULL, NULL);
    s.client->request_proposal = proposal; /* learned since; the session still has 64 */
    lookup_server_stop(&s);
    if (next_limit)
        lookup_server_start(&s, &large);
    CHECK_RESULT(lookup_call_keys(&s, &words[1], 1, 0), expected);
    CHECK_EQ(script_status(s.client).state, state);
    if (expected == PIPC_OK) {
        lookup_check(&s, &words[1], 1, 0);
        CHECK_EQ(s.provider->keys, 1);
        CHECK_EQ(script_status(s.client).reconnect_count, 1);
    } else {
        CHECK_EQ(s.provider->calls, 0);
        CHECK_HAS(s.err.text, "key 0 needs a request of 67 bytes");
    }
    lookup_close(&s);
}

TEST(client_lookup_split, larger_session_is_made_for_a_key_that_the_proposal_allows)
{
    enlarged(128, 1024, PIPC_OK, PIPC_CLIENT_READY);
    enlarged(67, 1024, PIPC_OK, PIPC_CLIENT_READY); /* exactly that of the key */
    enlarged(128, 0, PIPC_ERR_OVERFLOW, PIPC_CLIENT_NOT_FOUND);
    enlarged(128, 100, PIPC_ERR_OVERFLOW, PIPC_CLIENT_DISCONNECTED);
}

TEST(client_lookup_split, no_session_is_given_up_for_a_key_that_the_proposal_does_not_allow)
{
    struct pipc_str_view word = lookup_word(1, 61);
    struct lookup_scene s = lookup_open(64, 0);
    s.client->request_proposal = 66;
    CHECK_OK(lookup_call_keys(&s, &word, 1, 0));
    lookup_check(&s, &word, 1, 58);
    CHECK_EQ(script_status(s.client).reconnect_count, 0);
    lookup_close(&s);
}

TEST(client_lookup_split, new_session_that_is_still_too_small_ends_broken)
{
    /* This server agrees on less than is proposed, which ours never do. */
    static const struct script_conn small = {.request_limit = 64};
    struct pipc_str_view word = lookup_word(1, 61);
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_request_payload_bytes = 128};
    struct script *script = script_start(NULL, 0, &small);
    struct pipc_context *context = lookup_context(NULL);
    struct pipc_client *client = script_ready(context, &config, true);
    struct word_count_view view;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(pipc_client_call_word_count(client, &word, 1, &view, 0, &err), PIPC_ERR_OVERFLOW);
    CHECK_HAS(err.text, "the session takes no more than 64");
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_BROKEN);
    CHECK_EQ(script_hellos(script), 2);
    CHECK_EQ(script_requests(script), 0);
    pipc_client_destroy(client);
    script_stop(script);
    script_context_close(context);
}
