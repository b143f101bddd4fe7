/* SPDX-License-Identifier: Apache-2.0
 *
 * Logical lookups whose server goes away, comes back, is silent or is aborted between two
 * exchanges: one deadline, one abort and one generation for all of them, and never a part of a
 * result.
 */
#include "lookup_scene.h"
#include "test.h"

#include "core/service/client.h"

#include <unistd.h>

#define RUN  3u /* keys of one exchange */
#define RUNS 3u
#define KEYS (RUN * RUNS)

/* What a server answers to the runs, and the plans of its connections. */
struct stage {
    struct pipc_str_view *words;
    uint8_t bytes[2][RUNS][128]; /* by generation (42, 43) and run */
    size_t len[2][RUNS];
    struct script_conn conns[2];
    struct script *script;
    struct pipc_context *context;
    struct pipc_client *client;
    struct word_count_view view;
    struct pipc_error err;
};

static struct stage stage;

static void forge_run(uint32_t generation, uint32_t run)
{
    struct forged f = {.generation = 42 + generation, .n = RUN};
    for (uint32_t i = 0; i < RUN; i++) {
        f.words[i] = stage.words[run * RUN + i];
        f.status[i] = WORD_UNKNOWN;
    }
    stage.len[generation][run] =
        lookup_forge(&f, stage.bytes[generation][run], sizeof(stage.bytes[0][0]));
}

static void prepare(void)
{
    const struct pipc_error err = PIPC_ERROR_INIT;
    memset(&stage, 0, sizeof(stage));
    stage.err = err;
    stage.words = lookup_words(KEYS, 0);
    for (uint32_t run = 0; run < RUNS; run++) {
        forge_run(0, run);
        forge_run(1, run);
    }
}

/* The next answer of a connection is that to `run`. */
static struct script_answer *answer(uint32_t conn, uint32_t generation, uint32_t run)
{
    struct script_conn *c = &stage.conns[conn];
    struct script_answer *a = &c->answers[c->answer_count++];
    a->own_payload = true;
    a->payload = stage.bytes[generation][run];
    a->payload_len = stage.len[generation][run];
    return a;
}

static void begin(void)
{
    const struct pipc_client_config config = {
        .size = sizeof(config),
        .max_request_payload_bytes = (uint32_t)word_count_request_size(stage.words, RUN)};
    stage.script = script_start(stage.conns, 2, NULL);
    stage.context = lookup_context(NULL);
    stage.client = script_ready(stage.context, &config, true);
}

static pipc_result call(uint32_t timeout_ms)
{
    memset(&stage.view, 0x5a, sizeof(stage.view));
    return pipc_client_call_word_count(stage.client, stage.words, KEYS, &stage.view, timeout_ms,
                                       &stage.err);
}

static void check_failed(pipc_result got, pipc_result expected, uint32_t state)
{
    static const struct word_count_view none;
    CHECK_MSG(got == expected, "%s: %s, expected %s", pipc_result_name(got), stage.err.text,
              pipc_result_name(expected));
    CHECK_RESULT(stage.err.result, expected);
    CHECK_MEM(&stage.view, &none, sizeof(none));
    CHECK_EQ(script_status(stage.client).state, state);
    CHECK_EQ(script_status(stage.client).error_count, 1);
}

static void check_complete(void)
{
    CHECK_EQ(stage.view.count, KEYS);
    for (uint32_t i = 0; i < KEYS; i++) {
        const struct word_count_item item = word_count_item(&stage.view, i);
        CHECK_EQ(item.word.len, stage.words[i].len);
        CHECK_MEM(item.word.ptr, stage.words[i].ptr, item.word.len);
    }
}

static void finish(void)
{
    pipc_client_destroy(stage.client);
    script_stop(stage.script);
    script_context_close(stage.context);
    free(stage.words);
}

/* ---- deadline and abort ---- */

TEST(client_lookup_recovery, silence_in_the_second_exchange_is_a_timeout)
{
    bool second = false;

    /* A busy machine may let the time pass before the second exchange, but not each time. */
    for (int i = 0; i < 3 && !second; i++) {
        prepare();
        (void)answer(0, 0, 0);
        answer(0, 0, 1)->what = SCRIPT_SILENT;
        begin();
        check_failed(call(30 * test_slow()), PIPC_ERR_TIMEOUT, PIPC_CLIENT_BROKEN);
        second = script_requests(stage.script) == 2;
        CHECK_EQ(script_status(stage.client).call_count, 1);
        finish();
    }
    CHECK(second);
}

/* Takes 20 ms for each exchange. */
static pipc_result slowly(struct provider *p, uint32_t number,
                          const struct word_count_builder *request, void *buf, size_t cap,
                          size_t *ret_len)
{
    (void)p;
    (void)number;
    (void)request;
    (void)buf;
    (void)cap;
    (void)ret_len;
    usleep(20000);
    return PIPC_ERR_NOT_SUPPORTED;
}

TEST(client_lookup_recovery, one_deadline_covers_all_exchanges)
{
    struct pipc_str_view *words = lookup_words(30, 1);
    struct lookup_scene s = lookup_open((uint32_t)word_count_request_size(&words[29], 1), 0);
    s.provider->raw = slowly;
    const pipc_result result = lookup_call_keys(&s, words, 30, 100);
    lookup_server_stop(&s); /* the provider rests from now on */
    const uint32_t calls = s.provider->calls;
    CHECK_MSG(calls < 8, "%u exchanges of 20 ms in a call of 100 ms", (unsigned)calls);
    lookup_server_start(&s, NULL);
    lookup_check_failed(&s, result, PIPC_ERR_TIMEOUT, "svc", PIPC_CLIENT_BROKEN);
    lookup_close(&s);
    free(words);
}

static void *abort_at_the_second(void *arg)
{
    (void)arg;
    script_wait_requests(stage.script, 2);
    pipc_client_abort(stage.client);
    return NULL;
}

TEST(client_lookup_recovery, abort_in_the_second_exchange)
{
    pthread_t thread;
    prepare();
    (void)answer(0, 0, 0);
    answer(0, 0, 1)->what = SCRIPT_SILENT;
    begin();
    CHECK(pthread_create(&thread, NULL, abort_at_the_second, NULL) == 0);
    check_failed(call(0), PIPC_ERR_ABORTED, PIPC_CLIENT_BROKEN);
    pthread_join(thread, NULL);
    CHECK_EQ(script_requests(stage.script), 2);
    finish();
}

TEST(client_lookup_recovery, abort_before_the_call_sends_nothing)
{
    prepare();
    begin();
    pipc_client_abort(stage.client);
    check_failed(call(0), PIPC_ERR_ABORTED, PIPC_CLIENT_BROKEN);
    CHECK_EQ(script_requests(stage.script), 0);
    finish();
}

TEST(client_lookup_recovery, abort_before_the_call_wins_over_a_key_that_fits_no_request)
{
    struct pipc_str_view word = lookup_word(1, 61);
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_request_payload_bytes = 64};
    struct lookup_scene s = lookup_open_with(WORD_COUNT_PLAIN_NAME, &config, NULL, NULL);
    pipc_client_abort(s.client);
    lookup_check_failed(&s, lookup_call_keys(&s, &word, 1, 0), PIPC_ERR_ABORTED, "aborted",
                        PIPC_CLIENT_BROKEN);
    lookup_close(&s);
}

TEST(client_lookup_recovery, deadline_that_passed_before_an_exchange_sends_nothing)
{
    /* Copying 13 MB of items that the client makes itself takes longer than a millisecond. */
    const uint32_t count = 65536;
    struct pipc_str_view *words = calloc(count, sizeof(*words));
    struct lookup_scene s = lookup_open(64, 0);
    CHECK(words != NULL);
    words[0] = lookup_word(1, 200);
    for (uint32_t i = 1; i < count; i++)
        words[i] = words[0];
    const pipc_result result = lookup_call_keys(&s, words, count, 1);
    lookup_server_stop(&s);
    CHECK_EQ(s.provider->calls, 0);
    lookup_server_start(&s, NULL);
    lookup_check_failed(&s, result, PIPC_ERR_TIMEOUT, "between two exchanges", PIPC_CLIENT_BROKEN);
    lookup_close(&s);
    free(words);
}

/* Answers, and aborts the client before it can ask again. */
static pipc_result abort_behind(struct provider *p, uint32_t number,
                                const struct word_count_builder *request, void *buf, size_t cap,
                                size_t *ret_len)
{
    (void)request;
    (void)buf;
    (void)cap;
    (void)ret_len;
    if (number == 1)
        pipc_client_abort((struct pipc_client *)(uintptr_t)p->arg);
    return PIPC_ERR_NOT_SUPPORTED;
}

TEST(client_lookup_recovery, abort_wins_over_a_response_that_is_there)
{
    struct pipc_str_view *words = lookup_words(30, 1);
    struct lookup_scene s = lookup_open((uint32_t)word_count_request_size(&words[29], 1), 0);
    s.provider->arg = s.client;
    s.provider->raw = abort_behind;
    const pipc_result result = lookup_call_keys(&s, words, 30, 0);
    lookup_server_stop(&s);
    CHECK_EQ(s.provider->calls, 2);
    lookup_server_start(&s, NULL);
    lookup_check_failed(&s, result, PIPC_ERR_ABORTED, "aborted", PIPC_CLIENT_BROKEN);
    lookup_close(&s);
    free(words);
}

/* ---- servers that go away ---- */

TEST(client_lookup_recovery, server_gone_between_exchanges_leaves_nothing)
{
    for (unsigned variant = 0; variant < 2; variant++) {
        prepare();
        struct script_answer *first = answer(0, 0, 0);
        if (variant == 0)
            first->what = SCRIPT_ANSWER_CLOSE;
        else
            answer(0, 0, 1)->what = SCRIPT_CLOSE;
        stage.conns[1].hello = SCRIPT_HANGUP;
        begin();
        stage.client->times.reconnect_attempts = 1;
        const pipc_result result = call(0);
        CHECK(result != PIPC_OK && result != PIPC_ERR_TIMEOUT);
        check_failed(result, result, PIPC_CLIENT_DISCONNECTED);
        CHECK_EQ(script_status(stage.client).call_count, 1);
        finish();
    }
}

TEST(client_lookup_recovery, server_restarted_with_its_generation_is_not_noticed)
{
    prepare();
    (void)answer(0, 0, 0);
    answer(0, 0, 1)->what = SCRIPT_CLOSE;
    (void)answer(1, 0, 1);
    (void)answer(1, 0, 2);
    begin();
    CHECK_OK(call(0));
    check_complete();
    CHECK_EQ(stage.view.generation, 42);
    CHECK_EQ(script_requests(stage.script), 4);
    CHECK_EQ(script_status(stage.client).reconnect_count, 1);
    CHECK_EQ(script_status(stage.client).call_count, 3);
    CHECK_EQ(script_status(stage.client).error_count, 0);
    /* the same request goes out again */
    const struct script_request lost = script_request_at(stage.script, 1);
    const struct script_request again = script_request_at(stage.script, 2);
    CHECK_EQ(lost.len, again.len);
    CHECK_MEM(lost.payload, again.payload, lost.len);
    finish();
}

TEST(client_lookup_recovery, server_restarted_with_another_generation_ends_the_call)
{
    prepare();
    (void)answer(0, 0, 0);
    answer(0, 0, 1)->what = SCRIPT_CLOSE;
    (void)answer(1, 1, 1);
    begin();
    check_failed(call(0), PIPC_ERR_BAD_LAYOUT, PIPC_CLIENT_READY);
    CHECK_HAS(stage.err.text, "the generation changed from 42 to 43");
    CHECK_EQ(script_requests(stage.script), 3);
    CHECK_EQ(script_status(stage.client).reconnect_count, 1);
    finish();
}

TEST(client_lookup_recovery, error_status_in_the_middle_is_retried_once)
{
    prepare();
    (void)answer(0, 0, 0);
    answer(0, 0, 1)->status = PIPC_STATUS_INTERNAL_ERROR;
    (void)answer(1, 0, 1);
    (void)answer(1, 0, 2);
    begin();
    CHECK_OK(call(0));
    check_complete();
    CHECK_EQ(script_requests(stage.script), 4);
    finish();
}

TEST(client_lookup_recovery, response_limit_that_grows_in_the_middle_of_a_lookup)
{
    prepare();
    (void)answer(0, 0, 0);
    answer(0, 0, 1)->status = PIPC_STATUS_LIMIT_EXCEEDED;
    (void)answer(1, 0, 1);
    (void)answer(1, 0, 2);
    stage.conns[0].response_limit = 1024;
    stage.conns[1].response_limit = 2048;
    begin();
    CHECK_OK(call(0));
    check_complete();
    CHECK_EQ(script_requests(stage.script), 4);
    CHECK_EQ(script_hello_at(stage.script, 1).max_response_payload_bytes, 65536);
    finish();
}

TEST(client_lookup_recovery, sentence_of_a_lookup_has_no_status_of_an_earlier_exchange)
{
    prepare();
    (void)answer(0, 0, 0);
    answer(0, 0, 1)->status = PIPC_STATUS_INTERNAL_ERROR;
    (void)answer(1, 1, 1);
    begin();
    check_failed(call(0), PIPC_ERR_BAD_LAYOUT, PIPC_CLIENT_READY);
    CHECK_EQ(stage.err.peer_status, PIPC_STATUS_OK);
    CHECK_EQ(stage.err.os_code, 0);
    finish();
}
