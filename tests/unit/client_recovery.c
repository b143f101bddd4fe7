/* SPDX-License-Identifier: Apache-2.0
 *
 * Recovery of calls: what is tried again, how often and with which pauses, whose error the caller
 * gets, and answers that came before the connection ended.
 */
#include "client_scene.h"
#include "test.h"

TEST(client_calls, server_restarted_between_calls_is_not_noticed_by_the_caller)
{
    struct scene s = scene_open(NULL, 0, NULL, NULL);
    CHECK_OK(scene_call(&s, 0));
    script_stop(s.script);
    s.script = script_start(NULL, 0, NULL);
    CHECK_OK(scene_call(&s, 0));
    CHECK_EQ(s.value, 42);
    CHECK_EQ(script_status(s.client).reconnect_count, 1);
    CHECK_EQ(script_status(s.client).call_count, 2);
    CHECK_EQ(script_status(s.client).error_count, 0);
    scene_check_state(s.client, PIPC_CLIENT_READY);
    scene_close(&s);
}

TEST(client_calls, server_gone_fails_the_call_with_the_first_error)
{
    struct scene s = scene_open(NULL, 0, NULL, NULL);
    CHECK_OK(scene_call(&s, 0));
    script_stop(s.script);
    s.script = NULL;
    const pipc_result result = scene_call(&s, 0);
    CHECK(result == PIPC_ERR_DISCONNECTED || result == PIPC_ERR_SEND || result == PIPC_ERR_RECV);
    CHECK_EQ(s.value, 0);
    CHECK_RESULT(s.err.result, result);
    scene_check_state(s.client, PIPC_CLIENT_NOT_FOUND);
    CHECK_EQ(script_status(s.client).error_count, 1);
    CHECK_RESULT(script_status(s.client).last_attempt.result, PIPC_ERR_CONNECT);
    scene_close(&s);
}

TEST(client_calls, first_attempt_fails_and_second_succeeds)
{
    static const struct script_conn plan = {.answer_count = 1, .answers = {{.what = SCRIPT_CLOSE}}};
    struct scene s = scene_open(&plan, 1, NULL, NULL);
    CHECK_OK(scene_call(&s, 0));
    CHECK_EQ(s.value, 42);
    CHECK_EQ(script_requests(s.script), 2);
    CHECK_EQ(script_hellos(s.script), 2);
    CHECK_EQ(script_status(s.client).reconnect_count, 1);
    CHECK_EQ(script_status(s.client).call_count, 1);
    CHECK_EQ(script_status(s.client).error_count, 0);
    scene_close(&s);
}

TEST(client_calls, both_attempts_fail_with_the_error_of_the_second)
{
    static const struct script_conn plans[] = {
        {.answer_count = 1, .answers = {{.what = SCRIPT_CLOSE}}},
        {.answer_count = 1, .answers = {{.status = PIPC_STATUS_INTERNAL_ERROR}}}};
    struct scene s = scene_open(plans, 2, NULL, NULL);
    CHECK_RESULT(scene_call(&s, 0), PIPC_ERR_BAD_LAYOUT);
    CHECK_EQ(s.err.peer_status, PIPC_STATUS_INTERNAL_ERROR);
    CHECK_EQ(s.value, 0);
    scene_check_state(s.client, PIPC_CLIENT_BROKEN);
    CHECK_EQ(script_requests(s.script), 2);
    CHECK_EQ(script_status(s.client).error_count, 1);
    scene_close(&s);
}

TEST(client_calls, overflow_of_the_second_attempt_ends_the_call)
{
    static const struct script_conn plans[] = {
        {.answer_count = 1, .answers = {{.what = SCRIPT_CLOSE}}},
        {.answer_count = 1, .answers = {{.status = PIPC_STATUS_LIMIT_EXCEEDED}}}};
    struct scene s = scene_open(plans, 2, NULL, NULL);
    CHECK_RESULT(scene_call(&s, 0), PIPC_ERR_OVERFLOW);
    scene_check_state(s.client, PIPC_CLIENT_BROKEN);
    CHECK_EQ(script_hellos(s.script), 2);
    CHECK_EQ(script_requests(s.script), 2);
    scene_close(&s);
}

TEST(client_calls, failed_reconnect_gives_the_error_of_the_first_attempt)
{
    static const struct script_conn plan = {.answer_count = 1,
                                            .answers = {{.status = PIPC_STATUS_UNSUPPORTED}}};
    static const struct script_conn full = {.hello = SCRIPT_REFUSE,
                                            .status = PIPC_STATUS_INTERNAL_ERROR};
    struct scene s = scene_open(&plan, 1, &full, NULL);
    CHECK_RESULT(scene_call(&s, 0), PIPC_ERR_BAD_LAYOUT);
    CHECK_EQ(s.err.peer_status, PIPC_STATUS_UNSUPPORTED);
    scene_check_state(s.client, PIPC_CLIENT_DISCONNECTED);
    CHECK_RESULT(script_status(s.client).last_attempt.result, PIPC_ERR_HANDSHAKE);
    CHECK_EQ(script_hellos(s.script), 4); /* the first, and the attempts that the test allows */
    CHECK_EQ(script_status(s.client).reconnect_count, 0);
    scene_close(&s);
}

TEST(client_calls, reconnect_stops_early_at_a_refusal)
{
    static const struct script_conn plan = {.answer_count = 1, .answers = {{.what = SCRIPT_CLOSE}}};
    static const struct script_conn refusals[] = {
        {.hello = SCRIPT_REFUSE, .status = PIPC_STATUS_AUTH_FAILED},
        {.hello = SCRIPT_REFUSE, .status = PIPC_STATUS_UNSUPPORTED},
        {.hello = SCRIPT_REFUSE, .status = PIPC_STATUS_LIMIT_EXCEEDED}};
    static const uint32_t states[] = {PIPC_CLIENT_AUTH_FAILED, PIPC_CLIENT_INCOMPATIBLE,
                                      PIPC_CLIENT_DISCONNECTED};
    for (unsigned i = 0; i < 3; i++) {
        struct scene s = scene_open(&plan, 1, &refusals[i], NULL);
        CHECK_RESULT(scene_call(&s, 0), PIPC_ERR_DISCONNECTED);
        scene_check_state(s.client, states[i]);
        CHECK_EQ(script_hellos(s.script), 2);
        scene_close(&s);
    }
}

TEST(client_calls, reconnect_tries_20_times_with_pauses_of_5_ms_after_150)
{
    static const struct script_conn plan = {.answer_count = 1, .answers = {{.what = SCRIPT_CLOSE}}};
    static const struct script_conn full = {.hello = SCRIPT_REFUSE,
                                            .status = PIPC_STATUS_INTERNAL_ERROR};
    struct pipc_context *context = script_context(NULL);
    struct script *script = script_start(&plan, 1, &full);
    struct pipc_client *client = script_ready(context, NULL, false);
    uint64_t value;
    const uint64_t start = test_now_ms();
    CHECK_RESULT(script_call(client, 1, &value, 0, NULL), PIPC_ERR_DISCONNECTED);
    const uint64_t took = test_now_ms() - start;
    CHECK_MSG(took >= 150 + 19 * 5, "took %u ms", (unsigned)took);
    CHECK_EQ(script_hellos(script), 21);
    pipc_client_destroy(client);
    script_stop(script);
    script_context_close(context);
}

/* Every request gets this answer: the result, after two requests. */
static void retried_once(const struct script_answer *answer,
                         const struct pipc_client_config *config, pipc_result result)
{
    struct script_conn plan = {.answer_count = 1};
    plan.answers[0] = *answer;
    struct scene s = scene_open(NULL, 0, &plan, config);
    CHECK_RESULT(scene_call(&s, 0), result);
    CHECK_EQ(s.value, 0);
    CHECK_RESULT(s.err.result, result);
    CHECK(s.err.text[0] != 0);
    CHECK_EQ(script_requests(s.script), 2);
    CHECK_EQ(script_hellos(s.script), 2);
    CHECK_EQ(script_status(s.client).error_count, 1);
    CHECK_EQ(script_status(s.client).call_count, 0);
    scene_check_state(s.client, PIPC_CLIENT_BROKEN);
    scene_close(&s);
}

TEST(client_calls, error_statuses_are_retried_once)
{
    static const uint16_t statuses[] = {PIPC_STATUS_INTERNAL_ERROR, PIPC_STATUS_BAD_ENVELOPE,
                                        PIPC_STATUS_UNSUPPORTED, 999};
    for (unsigned i = 0; i < 4; i++) {
        const struct script_answer answer = {.status = statuses[i]};
        const struct script_answer empty = {.status = statuses[i], .own_payload = true};
        retried_once(&answer, NULL, PIPC_ERR_BAD_LAYOUT);
        retried_once(&empty, NULL, PIPC_ERR_BAD_LAYOUT);
    }
}

TEST(client_calls, wrong_kind_code_id_and_magic_are_retried_once)
{
    static const struct script_answer kind = {.kind = PIPC_KIND_REQUEST};
    static const struct script_answer control = {.kind = PIPC_KIND_CONTROL};
    static const struct script_answer code = {.code = 77};
    static const struct script_answer id = {.id_offset = 5};
    static const struct script_answer magic = {.magic = 0x12345678};
    retried_once(&kind, NULL, PIPC_ERR_PROTOCOL);
    retried_once(&control, NULL, PIPC_ERR_PROTOCOL);
    retried_once(&code, NULL, PIPC_ERR_BAD_LAYOUT);
    retried_once(&id, NULL, PIPC_ERR_UNKNOWN_MSG_ID);
    retried_once(&magic, NULL, PIPC_ERR_PROTOCOL);
}

TEST(client_calls, error_status_with_batch_flag_and_no_payload_is_a_violation)
{
    static const struct script_answer answer = {.status = PIPC_STATUS_INTERNAL_ERROR,
                                                .own_flags = true,
                                                .flags = PIPC_FLAG_BATCH,
                                                .item_count = 3,
                                                .own_payload = true};
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_request_batch_items = 16};
    retried_once(&answer, &config, PIPC_ERR_PROTOCOL);
}

TEST(client_calls, more_items_than_agreed_are_an_overflow)
{
    static const struct script_conn plan = {.answer_count = 1,
                                            .answers = {{.status = PIPC_STATUS_INTERNAL_ERROR,
                                                         .own_flags = true,
                                                         .flags = PIPC_FLAG_BATCH,
                                                         .item_count = 3,
                                                         .own_payload = true}}};
    struct scene s = scene_open(NULL, 0, &plan, NULL);
    CHECK_RESULT(scene_call(&s, 0), PIPC_ERR_OVERFLOW);
    CHECK_EQ(script_requests(s.script), 1);
    CHECK_EQ(script_status(s.client).request_proposal, 1024);
    CHECK_EQ(script_status(s.client).response_hint, 65536);
    scene_check_state(s.client, PIPC_CLIENT_BROKEN);
    scene_close(&s);
}

TEST(client_calls, batch_flag_on_a_single_response_is_bad_layout)
{
    static const struct script_answer answer = {.own_flags = true, .flags = PIPC_FLAG_BATCH};
    retried_once(&answer, NULL, PIPC_ERR_BAD_LAYOUT);
}

TEST(client_calls, unknown_flags_and_the_item_count_of_a_single_response_are_not_examined)
{
    static const struct script_conn plan = {
        .answer_count = 1, .answers = {{.own_flags = true, .flags = 0x8000, .item_count = 2}}};
    const struct pipc_client_config config = {.size = sizeof(config), .max_request_batch_items = 4};
    struct scene s = scene_open(&plan, 1, NULL, &config);
    CHECK_OK(scene_call(&s, 0));
    CHECK_EQ(s.value, 42);
    scene_close(&s);
}

TEST(client_calls, undecodable_payload_is_retried_once_with_the_codec_result)
{
    static const struct script_answer answer = {
        .own_payload = true, .payload = "1234567", .payload_len = 7};
    retried_once(&answer, NULL, PIPC_ERR_TRUNCATED);
}

/* Where the handshake is followed by an attach the loss shows there, and withdraws nothing. */
static void lost_while_attaching(const struct script_conn *plan)
{
    struct pipc_context *context = script_context(NULL);
    struct script *script = script_start(plan, 1, NULL);
    struct pipc_client *client = script_client(context, NULL, true);
    uint64_t value = 0;

    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, NULL), PIPC_ERR_DISCONNECTED);
    scene_check_state(client, PIPC_CLIENT_DISCONNECTED);
    CHECK_EQ(script_status(client).withdrawn_profiles, 0);
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    CHECK_OK(script_call(client, 41, &value, 0, NULL));
    CHECK_EQ(value, 42);
    scene_end(context, client, script);
}

TEST(client_calls, server_that_closes_after_the_handshake_is_an_ordinary_failure)
{
    static const struct script_conn plan = {.close_after_ack = true};
    if (!test_plane_has_packets()) {
        lost_while_attaching(&plan);
        return;
    }
    struct scene s = scene_open(&plan, 1, NULL, NULL);
    CHECK_OK(scene_call(&s, 0));
    CHECK_EQ(script_hellos(s.script), 2);
    CHECK_EQ(script_status(s.client).reconnect_count, 1);
    scene_close(&s);
}

TEST(client_calls, answer_sent_before_the_close_is_returned)
{
    static const struct script_conn plan = {.answer_count = 1,
                                            .answers = {{.what = SCRIPT_ANSWER_CLOSE}}};
    struct scene s = scene_open(&plan, 1, NULL, NULL);
    CHECK_OK(scene_call(&s, 0));
    CHECK_EQ(s.value, 42);
    CHECK_OK(scene_call(&s, 0));
    CHECK_EQ(script_status(s.client).reconnect_count, 1);
    scene_close(&s);
}

/* The answer is there before the request is sent, and the connection is closed: the send fails. */
static struct scene open_early(const struct script_conn *plan)
{
    struct scene s = scene_open(plan, 1, NULL, NULL);

    script_wait_closes(s.script, 1);
    return s;
}

TEST(client_calls, refusal_that_was_sent_before_a_failed_send_is_taken)
{
    static const struct script_conn plan = {
        .early = true,
        .response_limit = 2000,
        .answers = {{.status = PIPC_STATUS_LIMIT_EXCEEDED, .own_payload = true}}};
    test_needs_packets("a region with an answer before the request is one that has ended");
    struct scene s = open_early(&plan);
    /* an overflow: reconnected without the pause, the limit has grown */
    CHECK_OK(scene_call(&s, 0));
    CHECK_EQ(script_status(s.client).response_hint, 65536);
    CHECK_EQ(script_status(s.client).reconnect_count, 1);
    CHECK_EQ(script_status(s.client).error_count, 0);
    scene_close(&s);
}

TEST(client_calls, answer_that_was_sent_before_a_failed_send_is_taken)
{
    static const uint64_t answer = 42;
    static const struct script_conn plan = {
        .early = true, .answers = {{.own_payload = true, .payload = &answer, .payload_len = 8}}};
    test_needs_packets("a region with an answer before the request is one that has ended");
    struct scene s = open_early(&plan);
    CHECK_OK(scene_call(&s, 0));
    CHECK_EQ(s.value, 42);
    CHECK_EQ(script_status(s.client).reconnect_count, 0);
    CHECK_OK(scene_call(&s, 0));
    CHECK_EQ(script_status(s.client).reconnect_count, 1);
    scene_close(&s);
}
