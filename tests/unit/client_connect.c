/* SPDX-License-Identifier: Apache-2.0
 *
 * How a client connects: refusals and when they are tried again, broken handshakes, silent servers
 * and the deadlines of connecting.
 */
#include "client_scene.h"

#include "core/service/client.h"

#include "test.h"

#include <unistd.h>

static struct pipc_context *context;

static void sleep_past_retry(struct pipc_client *client)
{
    while (script_status(client).refused_retry_in_ms)
        usleep(1000);
}

static void refused_until_retry(const struct script_conn *refusal, uint32_t state,
                                pipc_result result)
{
    context = script_context(NULL);
    struct script *script = script_start(refusal, 1, NULL);
    const struct pipc_client_config config = {.size = sizeof(config), .refused_retry_ms = 100};
    struct pipc_client *client = script_client(context, &config, false);
    int changed = 7;
    const uint64_t start = test_now_ms();
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, &changed, NULL), result);
    CHECK_EQ(changed, 1);
    scene_check_state(client, state);
    CHECK(script_status(client).refused_retry_in_ms <= 100);
    pipc_result again;
    while ((again = pipc_client_refresh_timeout(client, 0, &changed, NULL)) != PIPC_OK) {
        /* no-op: same state, the result of the last attempt, no connection */
        CHECK_RESULT(again, result);
        CHECK_EQ(changed, 0);
        scene_check_state(client, state);
        CHECK_EQ(script_hellos(script), 1);
        usleep(5000);
    }
    CHECK_EQ(changed, 1);
    CHECK(test_now_ms() - start >= 99);
    scene_check_state(client, PIPC_CLIENT_READY);
    CHECK_EQ(script_status(client).connect_count, 1);
    CHECK_EQ(script_hellos(script), 2);
    scene_end(context, client, script);
}

TEST(client_life, wrong_token_is_tried_again_after_the_retry_time)
{
    static const struct script_conn plan = {.hello = SCRIPT_REFUSE,
                                            .status = PIPC_STATUS_AUTH_FAILED};
    refused_until_retry(&plan, PIPC_CLIENT_AUTH_FAILED, PIPC_ERR_AUTH_FAILED);
}

TEST(client_life, no_common_profile_is_tried_again_after_the_retry_time)
{
    static const struct script_conn plan = {.hello = SCRIPT_REFUSE,
                                            .status = PIPC_STATUS_UNSUPPORTED};
    refused_until_retry(&plan, PIPC_CLIENT_INCOMPATIBLE, PIPC_ERR_NO_PROFILE);
}

TEST(client_life, other_versions_are_incompatible_and_tried_again)
{
    static const struct script_conn header = {.version = 2};
    static const struct script_conn layout = {.layout = 2};
    static const struct script_conn status = {.hello = SCRIPT_REFUSE,
                                              .status = PIPC_STATUS_INCOMPATIBLE};
    refused_until_retry(&header, PIPC_CLIENT_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE);
    refused_until_retry(&layout, PIPC_CLIENT_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE);
    refused_until_retry(&status, PIPC_CLIENT_INCOMPATIBLE, PIPC_ERR_INCOMPATIBLE);
}

TEST(client_life, largest_retry_time_means_never)
{
    static const struct script_conn plan = {.hello = SCRIPT_REFUSE,
                                            .status = PIPC_STATUS_AUTH_FAILED};
    context = script_context(NULL);
    struct script *script = script_start(&plan, 1, NULL);
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .refused_retry_ms = UINT32_MAX};
    struct pipc_client *client = script_client(context, &config, false);
    pipc_client_refresh(client);
    CHECK_EQ(script_status(client).refused_retry_in_ms, UINT32_MAX);
    CHECK_EQ(pipc_client_refresh(client), 0);
    /* a new life tries at once */
    pipc_client_close(client);
    CHECK_OK(pipc_client_init(client, test_dir(), SCRIPT_SERVICE, &config, NULL));
    CHECK_EQ(pipc_client_refresh(client), 1);
    scene_check_state(client, PIPC_CLIENT_READY);
    scene_end(context, client, script);
}

TEST(client_life, refusal_inside_a_call_starts_the_retry_time)
{
    static const struct script_conn plans[] = {
        {.answer_count = 1, .answers = {{.what = SCRIPT_CLOSE}}},
        {.hello = SCRIPT_REFUSE, .status = PIPC_STATUS_AUTH_FAILED}};
    context = script_context(NULL);
    struct script *script = script_start(plans, 2, NULL);
    const struct pipc_client_config config = {.size = sizeof(config), .refused_retry_ms = 100};
    struct pipc_client *client = script_ready(context, &config, true);
    uint64_t value;
    CHECK_RESULT(script_call(client, 1, &value, 0, NULL), PIPC_ERR_DISCONNECTED);
    scene_check_state(client, PIPC_CLIENT_AUTH_FAILED);
    CHECK(script_status(client).refused_retry_in_ms > 0);
    CHECK_EQ(pipc_client_refresh(client), 0);
    CHECK_EQ(script_hellos(script), 2);
    sleep_past_retry(client);
    CHECK_EQ(pipc_client_refresh(client), 1);
    scene_check_state(client, PIPC_CLIENT_READY);
    CHECK_EQ(script_status(client).connect_count, 2);
    scene_end(context, client, script);
}

static void refused_for_now(const struct script_conn *plan, pipc_result result)
{
    context = script_context(NULL);
    struct script *script = script_start(plan, 1, NULL);
    struct pipc_client *client = script_client(context, NULL, false);
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, &err), result);
    CHECK_HAS(err.text, SCRIPT_SERVICE);
    scene_check_state(client, PIPC_CLIENT_DISCONNECTED);
    CHECK_EQ(pipc_client_refresh(client), 1);
    scene_check_state(client, PIPC_CLIENT_READY);
    scene_end(context, client, script);
}

TEST(client_life, other_rejections_are_tried_again_at_once)
{
    static const struct script_conn limit = {.hello = SCRIPT_REFUSE,
                                             .status = PIPC_STATUS_LIMIT_EXCEEDED};
    static const struct script_conn envelope = {.hello = SCRIPT_REFUSE,
                                                .status = PIPC_STATUS_BAD_ENVELOPE};
    static const struct script_conn internal = {.hello = SCRIPT_REFUSE,
                                                .status = PIPC_STATUS_INTERNAL_ERROR};
    static const struct script_conn unknown = {.hello = SCRIPT_REFUSE, .status = 999};
    refused_for_now(&limit, PIPC_ERR_LIMIT_EXCEEDED);
    refused_for_now(&envelope, PIPC_ERR_HANDSHAKE);
    refused_for_now(&internal, PIPC_ERR_HANDSHAKE);
    refused_for_now(&unknown, PIPC_ERR_HANDSHAKE);
}

TEST(client_life, broken_handshakes_are_tried_again_at_once)
{
    static const char garbage[80] = "this is no HELLO_ACK but it is as long as one would be";
    static const struct script_conn hangup = {.hello = SCRIPT_HANGUP};
    static const struct script_conn noise = {
        .hello = SCRIPT_BYTES, .bytes = garbage, .bytes_len = sizeof(garbage)};
    static const struct script_conn cut = {
        .hello = SCRIPT_BYTES, .bytes = garbage, .bytes_len = 20};
    refused_for_now(&hangup, PIPC_ERR_DISCONNECTED);
    refused_for_now(&noise, PIPC_ERR_PROTOCOL);
    refused_for_now(&cut, PIPC_ERR_PROTOCOL);
}

static const struct script_conn mute = {.hello = SCRIPT_MUTE};

TEST(client_life, refresh_with_timeout_ends_in_time_against_a_silent_server)
{
    context = script_context(NULL);
    struct script *script = script_start(&mute, 1, &mute);
    struct pipc_client *client = script_client(context, NULL, false);
    struct pipc_error err = PIPC_ERROR_INIT;
    const uint64_t start = test_now_ms();
    CHECK_RESULT(pipc_client_refresh_timeout(client, 500, NULL, &err), PIPC_ERR_TIMEOUT);
    const uint64_t took = test_now_ms() - start;
    CHECK_MSG(took >= 450 && took <= test_limit(700), "took %u ms", (unsigned)took);
    CHECK_HAS(err.text, SCRIPT_SERVICE);
    scene_check_state(client, PIPC_CLIENT_DISCONNECTED);
    scene_end(context, client, script);
}

TEST(client_life, connect_timeout_of_the_configuration_bounds_plain_refresh)
{
    context = script_context(NULL);
    struct script *script = script_start(&mute, 1, &mute);
    const struct pipc_client_config config = {.size = sizeof(config), .connect_timeout_ms = 200};
    struct pipc_client *client = script_client(context, &config, false);
    const uint64_t start = test_now_ms();
    CHECK_EQ(pipc_client_refresh(client), 0);
    const uint64_t took = test_now_ms() - start;
    CHECK_MSG(took >= 180 && took <= test_limit(400), "took %u ms", (unsigned)took);
    scene_check_state(client, PIPC_CLIENT_DISCONNECTED);
    CHECK_RESULT(script_status(client).last_attempt.result, PIPC_ERR_TIMEOUT);
    scene_end(context, client, script);
}

TEST(client_life, handshake_has_a_bound_of_its_own)
{
    context = script_context(NULL);
    struct script *script = script_start(&mute, 1, &mute);
    struct pipc_client *client = script_client(context, NULL, false);
    CHECK_EQ(client->times.handshake_ms, 5000);
    client->times.handshake_ms = 150;
    const uint64_t start = test_now_ms();
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, NULL), PIPC_ERR_TIMEOUT);
    const uint64_t took = test_now_ms() - start;
    CHECK_MSG(took >= 130 && took <= test_limit(350), "took %u ms", (unsigned)took);
    scene_check_state(client, PIPC_CLIENT_DISCONNECTED);
    scene_end(context, client, script);
}

TEST(client_life, refresh_fails_within_5_seconds_by_default)
{
    context = script_context(NULL);
    struct script *script = script_start(&mute, 1, &mute);
    struct pipc_client *client = script_client(context, NULL, false);
    const uint64_t start = test_now_ms();
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, NULL), PIPC_ERR_TIMEOUT);
    const uint64_t took = test_now_ms() - start;
    CHECK_MSG(took >= 4900 && took <= test_limit(5200), "took %u ms", (unsigned)took);
    scene_end(context, client, script);
}

TEST(client_life, silent_server_inside_a_call_costs_its_deadline_only)
{
    static const struct script_conn plan = {.answer_count = 1, .answers = {{.what = SCRIPT_CLOSE}}};
    context = script_context(NULL);
    struct script *script = script_start(&plan, 1, &mute);
    struct pipc_client *client = script_ready(context, NULL, true);
    uint64_t value;
    const uint64_t start = test_now_ms();
    CHECK_RESULT(script_call(client, 1, &value, 300, NULL), PIPC_ERR_TIMEOUT);
    const uint64_t took = test_now_ms() - start;
    CHECK_MSG(took >= 280 && took <= test_limit(500), "took %u ms", (unsigned)took);
    scene_check_state(client, PIPC_CLIENT_BROKEN);
    scene_end(context, client, script);
}

TEST(client_life, refused_connections_are_not_found)
{
    context = script_context(NULL);
    struct pipc_client *client = script_client(context, NULL, false);
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, &err), PIPC_ERR_CONNECT);
    scene_check_state(client, PIPC_CLIENT_NOT_FOUND);
    CHECK(err.os_code != 0);
    CHECK_HAS(err.text, SCRIPT_SERVICE);
    /* a file that is no socket */
    FILE *file = fopen(test_path(SCRIPT_SERVICE ".sock"), "w");
    CHECK(file != NULL);
    fclose(file);
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, &err), PIPC_ERR_CONNECT);
    scene_check_state(client, PIPC_CLIENT_NOT_FOUND);
    scene_end(context, client, NULL);
}

TEST(client_life, response_ceiling_is_accepted_and_one_byte_more_is_not)
{
    static const struct script_conn plans[] = {
        {.response_limit = 100001}, {.response_limit = 100001}, {.response_limit = 100000}};
    context = script_context(NULL);
    struct script *script = script_start(plans, 3, NULL);
    const struct pipc_client_config config = {
        .size = sizeof(config), .max_request_payload_bytes = 512, .response_ceiling_bytes = 100000};
    struct pipc_client *client = script_client(context, &config, false);
    /* as if it had grown: the server did not refuse the proposal, so it stays */
    client->request_proposal = 4096;
    for (unsigned i = 0; i < 2; i++) {
        CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, NULL), PIPC_ERR_LIMIT_EXCEEDED);
        scene_check_state(client, PIPC_CLIENT_DISCONNECTED);
        CHECK_EQ(script_status(client).request_proposal, 4096);
        CHECK_EQ(script_hello_at(script, i).max_request_payload_bytes, 4096);
    }
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    scene_check_state(client, PIPC_CLIENT_READY);
    CHECK_EQ(script_status(client).session.max_response_payload_bytes, 100000);
    scene_end(context, client, script);
}

TEST(client_life, status_after_a_refusal_names_cause_and_object)
{
    static const struct script_conn plans[] = {
        {.hello = SCRIPT_REFUSE, .status = PIPC_STATUS_INTERNAL_ERROR},
        {.answer_count = 1, .answers = {{.status = PIPC_STATUS_UNSUPPORTED}}},
        {.answer_count = 1, .answers = {{.status = PIPC_STATUS_UNSUPPORTED}}}};
    context = script_context(NULL);
    struct script *script = script_start(plans, 3, NULL);
    struct pipc_client *client = script_client(context, NULL, true);
    struct pipc_client_status status;
    uint64_t value;
    pipc_client_refresh(client);
    status = script_status(client);
    CHECK_RESULT(status.last_attempt.result, PIPC_ERR_HANDSHAKE);
    CHECK_EQ(status.last_attempt.peer_status, PIPC_STATUS_INTERNAL_ERROR);
    CHECK_HAS(status.last_attempt.text, SCRIPT_SERVICE);
    CHECK_EQ(pipc_client_refresh(client), 1);
    CHECK_RESULT(script_call(client, 1, &value, 0, NULL), PIPC_ERR_BAD_LAYOUT);
    status = script_status(client);
    CHECK_RESULT(status.last_call.result, PIPC_ERR_BAD_LAYOUT);
    CHECK_EQ(status.last_call.peer_status, PIPC_STATUS_UNSUPPORTED);
    CHECK_HAS(status.last_call.text, SCRIPT_SERVICE);
    CHECK_HAS(status.last_call.text, "not served there (status 4)");
    /* the last failed attempt stays readable after a success */
    CHECK_RESULT(status.last_attempt.result, PIPC_ERR_HANDSHAKE);
    scene_end(context, client, script);
}
