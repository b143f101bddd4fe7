/* SPDX-License-Identifier: Apache-2.0
 *
 * Logical lookups in the figures of the specification, their work per key, and the failure of every
 * single allocation.
 */
#include "base_memory.h"
#include "lookup_kinds.h"
#include "lookup_scene.h"
#include "test.h"

#include "core/service/client.h"

#define PATH_LEN 15u
#define DEFAULT  65536u
#define MANY     100000u

/* Exchanges for `count` keys: the longest runs that 1024 bytes hold. */
static uint32_t exchanges(enum kind kind, const void *keys, uint32_t count)
{
    uint32_t calls = 0;
    for (uint32_t start = 0; start < count; calls++) {
        const void *from = kinds_from(kind, keys, start);
        uint32_t n = count - start < 64 ? count - start : 64;
        while (kinds_request_size(kind, from, n) > 1024)
            n--;
        start += n;
    }
    return calls;
}

static void whole(enum kind kind, uint32_t count, uint32_t response_limit, uint32_t expected)
{
    const struct pipc_client_config client = {.size = sizeof(client),
                                              .call_timeout_ms = 120000,
                                              .max_logical_lookup_items =
                                                  count > DEFAULT ? count : 0};
    const struct pipc_server_config server = {.size = sizeof(server),
                                              .max_response_payload_bytes = response_limit};
    struct kinds_scene s;
    void *keys = kinds_keys(kind, count + 1);
    kinds_fill(kind, keys, count + 1, PATH_LEN, 3);
    kinds_open(&s, kind, &client, &server);
    CHECK_OK(kinds_call(&s, keys, count, 0));
    kinds_check(&s, keys, count);
    CHECK_EQ(s.calls, exchanges(kind, keys, count));
    CHECK_EQ(s.asked, count);
    if (expected)
        CHECK_EQ(s.calls, expected);
    s.calls = 0;
    CHECK_RESULT(kinds_call(&s, keys, count + 1, 0), PIPC_ERR_OVERFLOW);
    kinds_check_zeroed(&s);
    CHECK_EQ(s.calls, 0);
    CHECK(pipc_client_ready(s.client));
    kinds_close(&s);
    free(keys);
}

TEST(client_lookup_scale, pids_with_default_limits_take_1041_exchanges_and_one_more_is_refused)
{
    whole(KIND_APPS, DEFAULT, 0, 1041);
}

TEST(client_lookup_scale, hundred_thousand_pids_with_a_raised_ceiling_take_1588_exchanges)
{
    whole(KIND_APPS, MANY, 0, 1588);
}

TEST(client_lookup_scale, pids_with_responses_of_8_kib)
{
    whole(KIND_APPS, DEFAULT, 8192, 1041);
    whole(KIND_APPS, MANY, 8192, 1588);
}

TEST(client_lookup_scale, paths_with_default_limits_and_one_more_is_refused)
{
    whole(KIND_CGROUPS, DEFAULT, 0, 0);
}

TEST(client_lookup_scale, hundred_thousand_paths_with_a_raised_ceiling)
{
    whole(KIND_CGROUPS, MANY, 0, 0);
}

TEST(client_lookup_scale, paths_with_responses_of_8_kib)
{
    whole(KIND_CGROUPS, DEFAULT, 8192, 0);
    whole(KIND_CGROUPS, MANY, 8192, 0);
}

TEST(client_lookup_scale, hundred_thousand_keys_with_responses_of_1_kib_are_an_overflow)
{
    for (enum kind kind = KIND_CGROUPS; kind <= KIND_APPS; kind++) {
        const struct pipc_client_config client = {.size = sizeof(client),
                                                  .max_logical_lookup_items = MANY};
        const struct pipc_server_config server = {.size = sizeof(server),
                                                  .max_response_payload_bytes = 1024};
        struct kinds_scene s;
        void *keys = kinds_keys(kind, MANY);
        kinds_fill(kind, keys, MANY, PATH_LEN, 3);
        kinds_open(&s, kind, &client, &server);
        CHECK_RESULT(kinds_call(&s, keys, MANY, 0), PIPC_ERR_OVERFLOW);
        kinds_check_zeroed(&s);
        CHECK_HAS(s.err.text, "does not fit the 1024 bytes of the session");
        CHECK_EQ(s.calls, 1); /* its placeholders do not fit, and the next session is no larger */
        CHECK_EQ(script_status(s.client).state, PIPC_CLIENT_BROKEN);
        kinds_close(&s);
        free(keys);
    }
}

/* ---- work ---- */

static struct pipc_client *client_of(struct pipc_context *context, uint32_t request_limit)
{
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_request_payload_bytes = request_limit};
    return script_ready(context, &config, true);
}

TEST(client_lookup_scale, work_of_a_call_is_a_constant_for_each_key)
{
    static const uint32_t counts[] = {1024, 8192, 32768, 65536};
    struct lookup_scene s = lookup_open(0, 0);
    struct base_memory memory;
    struct word_count_view view;
    base_memory_init(&memory);
    struct pipc_context *context = lookup_context(&memory.allocator);
    struct pipc_client *client = client_of(context, 0);
    struct pipc_str_view *words = lookup_words(65536, 3);
    for (unsigned i = 0; i < 4; i++) {
        const uint64_t n = counts[i], before = memory.calls;
        s.provider->calls = 0;
        memset(&word_count_work, 0, sizeof(word_count_work));
        lookup_sync(&s);
        CHECK_OK(pipc_client_call_word_count(client, words, (uint32_t)n, &view, 120000, NULL));
        lookup_sync(&s);
        CHECK_EQ(view.count, n);
        CHECK(word_count_work.fitted <= n + s.provider->calls);
        CHECK_EQ(word_count_work.encoded, n);
        CHECK_EQ(word_count_work.items, n);
        CHECK_EQ(word_count_work.sized, n);
        CHECK_EQ(word_count_work.assembled, n);
        CHECK_EQ(word_count_work.decoded, 2 * n); /* as it comes, and put together */
        CHECK(memory.calls - before <= s.provider->calls + 8);
    }
    pipc_client_destroy(client);
    script_context_close(context);
    CHECK_EQ(memory.live, 0);
    free(words);
    lookup_close(&s);
}

/* ---- memory ---- */

/* Words that need every way a result can come about: several exchanges, one item of the client, one
 * asked alone. */
#define MIXED 14u
static void mixed(struct pipc_str_view *words)
{
    for (unsigned i = 0; i < MIXED; i++)
        words[i] = (struct pipc_str_view){i % 2 ? "2:abcdef" : "unknown", i % 2 ? 8u : 7u};
    words[3] = lookup_word(1, 400);
    words[9] = lookup_word(4000, 12);
}

static void check_mixed(const struct word_count_view *view, const struct pipc_str_view *words)
{
    CHECK_EQ(view->count, MIXED);
    for (uint32_t i = 0; i < MIXED; i++) {
        const struct word_count_item item = word_count_item(view, i);
        CHECK_EQ(item.word.len, words[i].len);
        CHECK_MEM(item.word.ptr, words[i].ptr, item.word.len);
        CHECK_EQ(item.status, i == 3 || i == 9 ? WORD_OVERSIZED
                              : i % 2          ? WORD_KNOWN
                                               : WORD_UNKNOWN);
    }
}

TEST(client_lookup_scale, every_failure_of_an_allocation_ends_the_call_and_leaks_nothing)
{
    static const struct word_count_view none;
    struct pipc_str_view words[MIXED];
    struct lookup_scene s = lookup_open(256, 1024);
    struct base_memory memory;
    struct word_count_view view;
    unsigned failures = 0, ended = 0;
    base_memory_init(&memory);
    struct pipc_context *context = lookup_context(&memory.allocator);
    mixed(words);
    for (uint64_t n = 1; failures < n; n++) {
        struct pipc_client *client = client_of(context, 256);
        struct pipc_error err = PIPC_ERROR_INIT;
        memory.calls = 0;
        memory.fail_at = n;
        pipc_result result = pipc_client_call_word_count(client, words, MIXED, &view, 0, &err);
        const bool hit = memory.calls >= n;
        memory.fail_at = 0;
        failures += hit;
        if (result == PIPC_OK) {
            check_mixed(&view, words);
        } else {
            CHECK_RESULT(result, PIPC_ERR_ALLOC);
            CHECK_MEM(&view, &none, sizeof(view));
            CHECK_HAS(err.text, "svc");
            CHECK_EQ(script_status(client).state, PIPC_CLIENT_READY);
            result = pipc_client_call_word_count(client, words, MIXED, &view, 0, &err);
            CHECK_OK(result);
            check_mixed(&view, words);
            ended++;
        }
        pipc_client_destroy(client);
        if (!hit)
            break;
    }
    CHECK_MSG(ended >= 6, "%u allocations failed, %u of them ended the call", failures, ended);
    script_context_close(context);
    CHECK_EQ(memory.live, 0);
    CHECK_EQ(memory.zero_sizes, 0);
    lookup_close(&s);
}

TEST(client_lookup_scale, buffer_of_the_result_is_used_again)
{
    struct pipc_str_view words[MIXED];
    struct lookup_scene s = lookup_open(256, 1024);
    struct base_memory memory;
    struct word_count_view view;
    base_memory_init(&memory);
    struct pipc_context *context = lookup_context(&memory.allocator);
    struct pipc_client *client = client_of(context, 256);
    mixed(words);
    uint64_t first = 0;
    for (unsigned i = 0; i < 5; i++) {
        const uint64_t before = memory.calls, live = memory.live;
        CHECK_OK(pipc_client_call_word_count(client, words, MIXED, &view, 0, NULL));
        check_mixed(&view, words);
        if (i == 1)
            first = memory.calls - before;
        if (i > 1)
            CHECK_EQ(memory.calls - before, first);
        if (i > 0)
            CHECK_EQ(memory.live, live);
    }
    /* Several blocks of items, the list of them, and nothing for the result. */
    CHECK(first >= 3);
    const struct pipc_client *idle = client;
    CHECK(idle->stitched != NULL);
    pipc_client_close(client);
    CHECK(idle->stitched == NULL);
    pipc_client_destroy(client);
    script_context_close(context);
    CHECK_EQ(memory.live, 0);
    lookup_close(&s);
}
