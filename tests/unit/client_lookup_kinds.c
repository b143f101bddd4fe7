/* SPDX-License-Identifier: Apache-2.0
 *
 * Logical lookups of the two kinds of the specification, end to end, in layouts and figures of
 * their pages. What does not depend on the kind is in the other client_lookup files.
 */
#include "lookup_kinds.h"
#include "test.h"

#define BOTH(kind) for (enum kind kind = KIND_CGROUPS; kind <= KIND_APPS; kind++)

TEST(client_lookup_kinds, no_keys_take_one_exchange_and_give_the_generation)
{
    BOTH(kind)
    {
        struct kinds_scene s;
        kinds_open(&s, kind, NULL, NULL);
        CHECK_OK(kinds_call(&s, NULL, 0, 0));
        kinds_check(&s, NULL, 0);
        CHECK_EQ(s.calls, 1);
        CHECK_EQ(s.asked, 0);
        kinds_close(&s);
    }
}

TEST(client_lookup_kinds, request_limits_hold_exactly_n_keys_and_one_byte_less_n_minus_1)
{
    BOTH(kind)
    {
        void *keys = kinds_keys(kind, 40);
        kinds_fill(kind, keys, 40, 17, 3);
        for (uint32_t n = 2; n <= 4; n++) {
            struct kinds_scene s;
            const uint32_t limit = (uint32_t)kinds_request_size(kind, keys, n);
            kinds_open_limits(&s, kind, limit, 0);
            CHECK_OK(kinds_call(&s, keys, 40, 0));
            CHECK_EQ(s.largest, n);
            CHECK_EQ(s.calls, (40 + n - 1) / n);
            kinds_check(&s, keys, 40);
            kinds_close(&s);
            kinds_open_limits(&s, kind, limit - 1, 0);
            CHECK_OK(kinds_call(&s, keys, 40, 0));
            CHECK_EQ(s.largest, n - 1);
            CHECK_EQ(s.asked, 40);
            kinds_check(&s, keys, 40);
            kinds_close(&s);
        }
        free(keys);
    }
}

TEST(client_lookup_kinds, unsorted_keys_with_duplicates_keep_their_order)
{
    BOTH(kind)
    {
        struct kinds_scene s;
        void *keys = kinds_keys(kind, 300);
        for (uint32_t i = 0; i < 300; i++) {
            if (i % 3)
                kinds_known(kind, keys, i, (i * 31) % 17, 20, i % 5);
            else
                kinds_unknown(kind, keys, i, (i * 31) % 17, 20);
        }
        kinds_open_limits(&s, kind, 256, 0);
        CHECK_OK(kinds_call(&s, keys, 300, 0));
        CHECK(s.calls > 10);
        CHECK_EQ(s.asked, 300);
        kinds_check(&s, keys, 300);
        CHECK_EQ(script_status(s.client).call_count, s.calls);
        kinds_close(&s);
        free(keys);
    }
}

TEST(client_lookup_kinds, rest_of_a_full_response_is_asked_again)
{
    BOTH(kind)
    {
        struct kinds_scene s;
        void *keys = kinds_keys(kind, 60);
        kinds_fill(kind, keys, 60, 20, 200);
        kinds_open_limits(&s, kind, 1024, 5000);
        CHECK_OK(kinds_call(&s, keys, 60, 0));
        CHECK(s.asked > 60); /* some were asked twice */
        kinds_check(&s, keys, 60);
        kinds_close(&s);
        free(keys);
    }
}

TEST(client_lookup_kinds, oversized_item_in_the_middle_leaves_its_neighbours_alone)
{
    BOTH(kind)
    {
        struct kinds_scene s;
        void *keys = kinds_keys(kind, 9);
        kinds_fill(kind, keys, 9, 20, 10);
        kinds_known(kind, keys, 4, 4, 20, 9000);
        kinds_open_limits(&s, kind, 1024, 2048);
        CHECK_OK(kinds_call(&s, keys, 9, 0));
        CHECK_EQ(kinds_item_count(&s), 9);
        for (uint32_t i = 0; i < 9; i++)
            kinds_check_item(&s, keys, i, i == 4);
        CHECK_EQ(s.calls, 3); /* full, oversized at item 0, once alone */
        CHECK_EQ(s.asked, 9 + 5 + 1);
        kinds_close(&s);
        free(keys);
    }
}

TEST(client_lookup_kinds, item_that_fits_the_response_alone_is_resolved_with_one_exchange_more)
{
    BOTH(kind)
    {
        struct kinds_scene s;
        void *keys = kinds_keys(kind, 8);
        kinds_fill(kind, keys, 8, 20, 10);
        kinds_known(kind, keys, 0, 1, 20, 1500);
        kinds_open_limits(&s, kind, 1024, (uint32_t)(16 + 8 + kinds_item_size(kind, keys, 0)));
        CHECK_OK(kinds_call(&s, keys, 8, 0));
        kinds_check(&s, keys, 8);
        CHECK_EQ(s.calls, 2);
        CHECK_EQ(s.asked, 8 + 1);
        kinds_close(&s);
        kinds_open_limits(&s, kind, 1024, (uint32_t)(16 + 8 + kinds_item_size(kind, keys, 0)) - 1);
        CHECK_OK(kinds_call(&s, keys, 8, 0));
        for (uint32_t i = 0; i < 8; i++)
            kinds_check_item(&s, keys, i, i == 0);
        CHECK_EQ(s.calls, 2);
        CHECK_OK(kinds_call(&s, keys, 1, 0)); /* alone from the start: final at once */
        CHECK_EQ(s.calls, 3);
        kinds_check_item(&s, keys, 0, true);
        kinds_close(&s);
        free(keys);
    }
}

/* The placeholders of all keys, and the items of all keys, in one response. */
static uint64_t least(enum kind kind, const void *keys, uint32_t count, bool items)
{
    uint64_t size = 16 + (uint64_t)count * 8;
    for (uint32_t i = 0; i < count; i++)
        size = ((size + 7) & ~UINT64_C(7)) +
               (items ? kinds_item_size(kind, keys, i) : kinds_placeholder_size(kind, keys, i));
    return size;
}

TEST(client_lookup_kinds, every_response_limit_answers_all_keys_or_is_an_overflow)
{
    BOTH(kind)
    {
        void *keys = kinds_keys(kind, 3);
        kinds_unknown(kind, keys, 0, 1, 16);
        kinds_known(kind, keys, 1, 2, 18, 13);
        kinds_known(kind, keys, 2, 3, 21, 40);
        const uint64_t most = least(kind, keys, 3, true);
        for (uint64_t limit = least(kind, keys, 3, false) - 8; limit <= most; limit++) {
            struct kinds_scene s;
            kinds_open_limits(&s, kind, 1024, (uint32_t)limit);
            const pipc_result result = kinds_call(&s, keys, 3, 0);
            CHECK_RESULT(result, limit < least(kind, keys, 3, false) ? PIPC_ERR_OVERFLOW : PIPC_OK);
            for (uint32_t i = 0; result == PIPC_OK && i < 3; i++)
                kinds_check_item(&s, keys, i, 24 + kinds_item_size(kind, keys, i) > limit);
            CHECK(s.calls <= 5 && (limit < most || s.calls == 1));
            kinds_close(&s);
        }
        free(keys);
    }
}

TEST(client_lookup_kinds, label_of_a_mebibyte_in_the_middle_of_a_thousand)
{
    struct kinds_scene s;
    void *keys = kinds_keys(KIND_CGROUPS, 1000);
    kinds_fill(KIND_CGROUPS, keys, 1000, 20, 10);
    kinds_known(KIND_CGROUPS, keys, 500, 500, 24, 1048576);
    kinds_open(&s, KIND_CGROUPS, NULL, NULL);
    CHECK_OK(kinds_call(&s, keys, 1000, 0));
    CHECK_EQ(kinds_item_count(&s), 1000);
    for (uint32_t i = 0; i < 1000; i++)
        kinds_check_item(&s, keys, i, i == 500);
    CHECK_EQ(script_status(s.client).reconnect_count, 0);
    kinds_close(&s);
    free(keys);
}

/* ---- keys that fit no request ---- */

static void long_paths(uint32_t mask, uint32_t calls)
{
    struct kinds_scene s;
    void *keys = kinds_keys(KIND_CGROUPS, 4);
    for (uint32_t i = 0; i < 4; i++)
        kinds_known(KIND_CGROUPS, keys, i, i, mask & (1u << i) ? 1000 + i : 20, 1);
    kinds_open_limits(&s, KIND_CGROUPS, 1024, 0);
    CHECK_OK(kinds_call(&s, keys, 4, 0));
    CHECK_EQ(kinds_generation(&s), 42);
    for (uint32_t i = 0; i < 4; i++)
        kinds_check_item(&s, keys, i, mask & (1u << i));
    CHECK_EQ(s.calls, calls);
    kinds_close(&s);
    free(keys);
}

TEST(client_lookup_kinds, path_too_long_for_a_request_at_every_place)
{
    long_paths(1, 1);
    long_paths(2, 2);
    long_paths(8, 1);
    long_paths(6, 2);
    long_paths(15, 1); /* the generation comes from an empty exchange */
}

TEST(client_lookup_kinds, longest_path_that_fits_and_one_byte_more_as_the_only_key)
{
    struct kinds_scene s;
    void *keys = kinds_keys(KIND_CGROUPS, 1);
    kinds_open_limits(&s, KIND_CGROUPS, 1024, 0);
    kinds_known(KIND_CGROUPS, keys, 0, 7, 1024 - 24 - 1, 1);
    CHECK_OK(kinds_call(&s, keys, 1, 0));
    CHECK_EQ(s.asked, 1);
    kinds_check(&s, keys, 1);
    kinds_known(KIND_CGROUPS, keys, 0, 7, 1024 - 24, 1);
    CHECK_OK(kinds_call(&s, keys, 1, 0));
    CHECK_EQ(s.asked, 1);
    kinds_check_item(&s, keys, 0, true);
    kinds_close(&s);
    free(keys);
}

TEST(client_lookup_kinds, pid_that_fits_no_request_is_an_overflow)
{
    struct kinds_scene s;
    const uint32_t pids[2] = {1, 2};
    kinds_open_limits(&s, KIND_APPS, 31, 0);
    CHECK_RESULT(kinds_call(&s, pids, 2, 0), PIPC_ERR_OVERFLOW);
    kinds_check_zeroed(&s);
    CHECK_HAS(s.err.text, "key 0 needs a request of 32 bytes");
    CHECK_EQ(s.calls, 0);
    CHECK(pipc_client_ready(s.client));
    CHECK_OK(kinds_call(&s, NULL, 0, 0));
    kinds_close(&s);
}

/* ---- what is refused ---- */

TEST(client_lookup_kinds, response_without_room_for_the_placeholders_is_an_overflow)
{
    BOTH(kind)
    {
        struct kinds_scene s;
        void *keys = kinds_keys(kind, 30);
        kinds_fill(kind, keys, 30, 20, 1);
        kinds_open_limits(&s, kind, 1024, 1024);
        CHECK_RESULT(kinds_call(&s, keys, 30, 0), PIPC_ERR_OVERFLOW);
        kinds_check_zeroed(&s);
        CHECK_EQ(script_status(s.client).state, PIPC_CLIENT_BROKEN);
        CHECK_OK(pipc_client_refresh_timeout(s.client, 0, NULL, NULL));
        CHECK_OK(kinds_call(&s, keys, 5, 0));
        kinds_check(&s, keys, 5);
        kinds_close(&s);
        free(keys);
    }
}

TEST(client_lookup_kinds, wrong_keys_are_refused_without_io)
{
    struct kinds_scene s;
    struct pipc_str_view paths[2] = {{"/a", 2}, {NULL, 1}};
    kinds_open(&s, KIND_CGROUPS, NULL, NULL);
    CHECK_RESULT(kinds_call(&s, NULL, 1, 0), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(kinds_call(&s, paths, 2, 0), PIPC_ERR_BAD_PARAM);
    paths[1] = (struct pipc_str_view){"", 0};
    CHECK_RESULT(kinds_call(&s, paths, 2, 0), PIPC_ERR_BAD_PARAM);
    paths[1] = (struct pipc_str_view){"/a\0b", 4};
    CHECK_RESULT(kinds_call(&s, paths, 2, 0), PIPC_ERR_BAD_PARAM);
    kinds_check_zeroed(&s);
    CHECK_EQ(s.calls, 0);
    CHECK(pipc_client_ready(s.client));
    CHECK_EQ(script_status(s.client).error_count, 4);
    kinds_close(&s);
    kinds_open(&s, KIND_APPS, NULL, NULL);
    CHECK_RESULT(kinds_call(&s, NULL, 1, 0), PIPC_ERR_BAD_PARAM);
    kinds_check_zeroed(&s);
    kinds_close(&s);
}

TEST(client_lookup_kinds, bad_label_table_ends_the_call)
{
    /* The response of docs/codec-cgroups-lookup.md 6, then the same whose label key has length 0.
     */
    static const uint8_t good[128] = {
        1, 0,    0,    0,    2,    0,    0,   0, 5, 0,    0,    0,   0,   0, 0,   0,    0, 0,    0,
        0, 0x3d, 0,    0,    0,    0x40, 0,   0, 0, 0x20, 0,    0,   0,   1, 0,   0,    0, 3,    0,
        0, 0,    0x1c, 0,    0,    0,    2,   0, 0, 0,    0x1f, 0,   0,   0, 1,   0,    0, 0,    1,
        0, 0,    0,    0x2f, 'a',  0,    'n', 0, 0, 0,    0,    0,   0,   0, 0,   0x38, 0, 0,    0,
        1, 0,    0,    0,    0x3a, 0,    0,   0, 2, 0,    0,    0,   'k', 0, 'v', '1',  0, 0,    0,
        0, 1,    0,    2,    0,    0,    0,   0, 0, 0x1c, 0,    0,   0,   2, 0,   0,    0, 0x1f, 0,
        0, 0,    0,    0,    0,    0,    0,   0, 0, 0,    0x2f, 'b', 0,   0,
    };
    uint8_t bad[128];
    const struct script_conn conn = {
        .answer_count = 2,
        .answers = {{.own_payload = true, .payload = good, .payload_len = sizeof(good)},
                    {.own_payload = true, .payload = bad, .payload_len = sizeof(bad)}}};
    const struct pipc_str_view paths[2] = {{"/a", 2}, {"/b", 2}};
    struct kinds_scene s;
    memcpy(bad, good, sizeof(bad));
    bad[76] = 0;
    kinds_open(&s, KIND_CGROUPS, NULL, NULL);
    pipc_client_close(s.client);
    CHECK_OK(pipc_server_stop(s.server));
    pthread_join(s.thread, NULL);
    CHECK_OK(pipc_server_destroy(s.server));
    struct script *script = script_start(&conn, 1, &conn);
    CHECK_OK(pipc_client_init(s.client, test_dir(), SCRIPT_SERVICE, NULL, NULL));
    CHECK_OK(pipc_client_refresh_timeout(s.client, 0, NULL, NULL));
    CHECK_OK(kinds_call(&s, paths, 2, 0));
    CHECK_EQ(kinds_generation(&s), 5);
    CHECK_RESULT(kinds_call(&s, paths, 2, 0), PIPC_ERR_BAD_LAYOUT);
    kinds_check_zeroed(&s);
    CHECK_EQ(script_requests(script), 2); /* not retried */
    CHECK(pipc_client_ready(s.client));
    pipc_client_destroy(s.client);
    script_stop(script);
    script_context_close(s.context);
}
