/* SPDX-License-Identifier: Apache-2.0
 *
 * Life cycle of a client: create, refresh, close, drop and abort, its states and what its status
 * says of them, and identities that cannot be.
 */
#include "client_scene.h"

#include "core/service/client.h"

#include "test.h"

#include <unistd.h>

static struct pipc_context *context;

TEST(client_life, without_a_server_is_disconnected_after_init)
{
    context = script_context(NULL);
    struct pipc_client *client = script_client(context, NULL, false);
    const struct pipc_client_status status = script_status(client);
    scene_check_state(client, PIPC_CLIENT_DISCONNECTED);
    CHECK_EQ(status.connect_count, 0);
    CHECK_EQ(status.reconnect_count, 0);
    CHECK_EQ(status.call_count, 0);
    CHECK_EQ(status.error_count, 0);
    CHECK_RESULT(status.last_attempt.result, PIPC_OK);
    CHECK(client->request == NULL && client->request_cap == 0 && client->session == NULL);
    scene_end(context, client, NULL);
}

TEST(client_life, first_refresh_without_a_server_changes_and_second_does_not)
{
    context = script_context(NULL);
    struct pipc_client *client = script_client(context, NULL, false);
    CHECK_EQ(pipc_client_refresh(client), 1);
    scene_check_state(client, PIPC_CLIENT_NOT_FOUND);
    CHECK_EQ(pipc_client_refresh(client), 0);
    scene_check_state(client, PIPC_CLIENT_NOT_FOUND);
    scene_end(context, client, NULL);
}

TEST(client_life, server_that_appears_counts_as_connect)
{
    context = script_context(NULL);
    struct pipc_client *client = script_client(context, NULL, false);
    pipc_client_refresh(client);
    struct script *script = script_start(NULL, 0, NULL);
    CHECK_EQ(pipc_client_refresh(client), 1);
    scene_check_state(client, PIPC_CLIENT_READY);
    CHECK_EQ(script_status(client).connect_count, 1);
    CHECK_EQ(script_status(client).reconnect_count, 0);
    scene_end(context, client, script);
}

TEST(client_life, refresh_when_ready_does_no_io)
{
    context = script_context(NULL);
    struct script *script = script_start(NULL, 0, NULL);
    struct pipc_client *client = script_ready(context, NULL, false);
    int changed = 7;
    CHECK_EQ(pipc_client_refresh(client), 0);
    CHECK_OK(pipc_client_refresh_timeout(client, 100, &changed, NULL));
    CHECK_EQ(changed, 0);
    /* a dead server is noticed by the next call, not by refresh */
    script_stop(script);
    CHECK_EQ(pipc_client_refresh(client), 0);
    scene_check_state(client, PIPC_CLIENT_READY);
    scene_end(context, client, NULL);
}

TEST(client_life, closed_client_is_disconnected_keeps_counters_and_refuses_calls)
{
    context = script_context(NULL);
    struct script *script = script_start(NULL, 0, NULL);
    struct pipc_client *client = script_ready(context, NULL, false);
    uint64_t value = 5;
    int changed = 7;
    CHECK_OK(script_call(client, 1, &value, 0, NULL));
    pipc_client_close(client);
    scene_check_state(client, PIPC_CLIENT_DISCONNECTED);
    CHECK_RESULT(script_call(client, 1, &value, 0, NULL), PIPC_ERR_NOT_READY);
    CHECK_EQ(value, 0);
    pipc_client_close(client);
    CHECK_EQ(script_status(client).error_count, 1);
    CHECK_EQ(script_status(client).connect_count, 1);
    CHECK_EQ(script_status(client).call_count, 1);
    CHECK_EQ(pipc_client_refresh(client), 0);
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, &changed, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_EQ(changed, 0);
    scene_end(context, client, script);
}

TEST(client_life, close_and_destroy_accept_null_and_zeroed_clients)
{
    struct pipc_client zeroed = {0};
    struct pipc_client_status status = {.size = sizeof(status)};
    pipc_client_close(NULL);
    pipc_client_destroy(NULL);
    pipc_client_drop(NULL);
    pipc_client_abort(NULL);
    pipc_client_clear_abort(NULL);
    pipc_client_set_call_timeout(NULL, 5);
    pipc_client_close(&zeroed);
    pipc_client_close(&zeroed);
    CHECK_EQ(pipc_client_ready(NULL), 0);
    CHECK_EQ(pipc_client_refresh(NULL), 0);
    CHECK_EQ(pipc_client_response_len(NULL), 0);
    memset(&status, 0xff, sizeof(status));
    status.size = sizeof(status);
    pipc_client_status(NULL, &status);
    CHECK_EQ(status.state, PIPC_CLIENT_DISCONNECTED);
    CHECK_EQ(status.connect_count, 0);
    pipc_client_status(NULL, NULL);
}

TEST(client_life, create_refuses_missing_arguments)
{
    context = script_context(NULL);
    struct pipc_client *client = (struct pipc_client *)&context;
    CHECK_RESULT(pipc_client_create(NULL, "/", "x", NULL, &client, NULL), PIPC_ERR_BAD_PARAM);
    CHECK(client == NULL);
    CHECK_RESULT(pipc_client_create(context, "/", "x", NULL, NULL, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_init(NULL, "/", "x", NULL, NULL), PIPC_ERR_BAD_PARAM);
    script_context_close(context);
}

TEST(client_life, init_takes_only_a_closed_client_and_starts_anew)
{
    context = script_context(NULL);
    struct script *script = script_start(NULL, 0, NULL);
    struct pipc_client *client = script_ready(context, NULL, false);
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(pipc_client_init(client, test_dir(), "other", NULL, &err), PIPC_ERR_BAD_PARAM);
    CHECK_HAS(err.text, SCRIPT_SERVICE);
    scene_check_state(client, PIPC_CLIENT_READY);
    pipc_client_close(client);
    CHECK_OK(pipc_client_init(client, test_dir(), SCRIPT_SERVICE, NULL, NULL));
    CHECK_EQ(script_status(client).connect_count, 0);
    CHECK_EQ(pipc_client_refresh(client), 1);
    CHECK_EQ(script_status(client).connect_count, 1);
    scene_end(context, client, script);
}

TEST(client_life, zero_configuration_means_the_defaults)
{
    context = script_context(NULL);
    const struct pipc_client_config zero = {.size = sizeof(zero)};
    for (unsigned i = 0; i < 2; i++) {
        struct pipc_client *client = script_client(context, i ? &zero : NULL, false);
        CHECK_EQ(script_status(client).request_proposal, 1024);
        CHECK_EQ(script_status(client).response_hint, 65536);
        CHECK_EQ(client->call_timeout_ms, 30000);
        CHECK_EQ(client->connect_timeout_ms, 0);
        CHECK_EQ(client->refused_retry_ms, 10000);
        CHECK_EQ(client->growth_ceiling, 1048576);
        CHECK_EQ(client->settings.response_ceiling_bytes, 268435456);
        CHECK_EQ(client->lookup_items, 65536);
        CHECK_EQ(client->lookup_subcalls, 4096);
        CHECK_EQ(client->lookup_bytes, 67108864);
        CHECK_EQ(client->times.drain_ms, 150);
        CHECK_EQ(client->times.reconnect_attempts, 20);
        CHECK_EQ(client->times.interval_ms, 5);
        CHECK_EQ(client->times.overflow_retries, 8);
        CHECK_EQ(client->times.attach_ms, 5000);
        CHECK_EQ(client->times.withdraw_ms, 60000);
        pipc_client_set_call_timeout(client, 77);
        CHECK_EQ(client->call_timeout_ms, 77);
        pipc_client_set_call_timeout(client, 0);
        CHECK_EQ(client->call_timeout_ms, 30000);
        pipc_client_destroy(client);
    }
    script_context_close(context);
}

TEST(client_life, hello_proposes_what_the_configuration_says)
{
    context = script_context(NULL);
    struct script *script = script_start(NULL, 0, NULL);
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_request_payload_bytes = 2000,
                                              .max_response_payload_bytes = 3000,
                                              .max_request_batch_items = 16,
                                              .packet_size = 4096,
                                              .auth_token = 99};
    struct pipc_client *client = script_ready(context, &config, false);
    struct pipc_client *plain = script_client(context, NULL, false);
    const struct pipc_hello hello = script_hello_at(script, 0);
    CHECK_EQ(hello.max_request_payload_bytes, 2000);
    CHECK_EQ(hello.max_response_payload_bytes, 3000);
    CHECK_EQ(hello.max_request_batch_items, 16);
    CHECK_EQ(hello.max_response_batch_items, 16);
    CHECK_EQ(hello.packet_size, 4096);
    CHECK_EQ(hello.auth_token, 99);
    CHECK_EQ(hello.supported_profiles, test_profiles());
    pipc_client_close(client);
    pipc_client_refresh(plain);
    const struct pipc_hello defaults = script_hello_at(script, 1);
    CHECK_EQ(defaults.max_request_payload_bytes, 1024);
    CHECK_EQ(defaults.max_response_payload_bytes, 65536);
    CHECK_EQ(defaults.max_request_batch_items, 1);
    CHECK_EQ(defaults.auth_token, 0);
    pipc_client_destroy(plain);
    scene_end(context, client, script);
}

static void identity(const char *service, const char *run_dir, pipc_result result)
{
    struct pipc_client *client = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    int changed = 7;
    CHECK_OK(pipc_client_create(context, run_dir, service, NULL, &client, NULL));
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, &changed, &err), result);
    CHECK_EQ(changed, 0);
    scene_check_state(client, PIPC_CLIENT_DISCONNECTED);
    CHECK_RESULT(script_status(client).last_attempt.result, result);
    CHECK(script_status(client).last_attempt.text[0] != 0);
    pipc_client_destroy(client);
}

TEST(client_life, impossible_identity_is_never_another_one)
{
    char name[401];
    context = script_context(NULL);
    /* a server under each name that the wrong ones might be cut or bent into */
    struct script *script = script_start(NULL, 0, NULL);
    memset(name, 'a', 400);
    name[400] = 0;
    identity(name, test_dir(), PIPC_ERR_PATH_TOO_LONG);
    identity("", test_dir(), PIPC_ERR_BAD_PARAM);
    identity(NULL, test_dir(), PIPC_ERR_BAD_PARAM);
    identity("../" SCRIPT_SERVICE, test_dir(), PIPC_ERR_BAD_PARAM);
    identity(SCRIPT_SERVICE "/", test_dir(), PIPC_ERR_BAD_PARAM);
    identity(SCRIPT_SERVICE, NULL, PIPC_ERR_BAD_PARAM);
    identity(SCRIPT_SERVICE, "", PIPC_ERR_BAD_PARAM);
    CHECK_EQ(script_hellos(script), 0);
    script_stop(script);
    script_context_close(context);
}

static uint32_t enter(struct pipc_client *client, uint32_t state)
{
    pipc_client_drop(client);
    client->state = state;
    return state;
}

TEST(client_life, drop_breaks_a_ready_client_only)
{
    context = script_context(NULL);
    struct script *script = script_start(NULL, 0, NULL);
    struct pipc_client *client = script_ready(context, NULL, false);
    pipc_client_drop(client);
    scene_check_state(client, PIPC_CLIENT_BROKEN);
    CHECK_EQ(pipc_client_refresh(client), 1);
    scene_check_state(client, PIPC_CLIENT_READY);
    CHECK_EQ(script_status(client).reconnect_count, 1);
    CHECK_EQ(script_status(client).connect_count, 1);
    for (uint32_t state = PIPC_CLIENT_DISCONNECTED; state <= PIPC_CLIENT_BROKEN; state++) {
        if (state == PIPC_CLIENT_READY)
            continue;
        enter(client, state);
        pipc_client_drop(client);
        scene_check_state(client, state);
    }
    scene_end(context, client, script);
}

TEST(client_life, broken_with_the_server_gone_becomes_not_found_and_then_counts_as_connect)
{
    context = script_context(NULL);
    struct script *script = script_start(NULL, 0, NULL);
    struct pipc_client *client = script_ready(context, NULL, false);
    pipc_client_drop(client);
    script_stop(script);
    CHECK_EQ(pipc_client_refresh(client), 1);
    scene_check_state(client, PIPC_CLIENT_NOT_FOUND);
    script = script_start(NULL, 0, NULL);
    CHECK_EQ(pipc_client_refresh(client), 1);
    scene_check_state(client, PIPC_CLIENT_READY);
    CHECK_EQ(script_status(client).connect_count, 2);
    CHECK_EQ(script_status(client).reconnect_count, 0);
    scene_end(context, client, script);
}

TEST(client_life, refresh_of_an_aborted_client_connects_to_nobody)
{
    context = script_context(NULL);
    struct script *script = script_start(NULL, 0, NULL);
    struct pipc_client *client = script_client(context, NULL, false);
    int changed = 7;
    pipc_client_abort(client);
    CHECK_EQ(pipc_client_refresh(client), 0);
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, &changed, NULL), PIPC_ERR_ABORTED);
    CHECK_EQ(changed, 0);
    scene_check_state(client, PIPC_CLIENT_DISCONNECTED);
    CHECK_EQ(script_hellos(script), 0);
    pipc_client_clear_abort(client);
    CHECK_EQ(pipc_client_refresh(client), 1);
    scene_end(context, client, script);
}

TEST(client_life, status_of_a_session_has_profile_limits_and_peer)
{
    static const struct script_conn plan = {.response_limit = 7777};
    context = script_context(NULL);
    struct script *script = script_start(&plan, 1, NULL);
    struct pipc_client *client = script_ready(context, NULL, false);
    const struct pipc_client_status status = script_status(client);
    CHECK_EQ(status.session.selected_profile, test_plane_bit());
    CHECK_EQ(status.session.max_request_payload_bytes, 1024);
    CHECK_EQ(status.session.max_response_payload_bytes, 7777);
    CHECK_EQ(status.session.session_id, 7);
    CHECK(status.session.peer.known & PIPC_PEER_PID);
    CHECK_EQ(status.session.peer.pid, (uint32_t)getpid());
    CHECK_EQ(status.session.peer.uid, geteuid());
    pipc_client_drop(client);
    CHECK_EQ(script_status(client).session.session_id, 0);
    CHECK_EQ(script_status(client).session.selected_profile, 0);
    scene_end(context, client, script);
}

TEST(client_life, states_have_names)
{
    CHECK_STR(pipc_client_state_name(PIPC_CLIENT_DISCONNECTED), "disconnected");
    CHECK_STR(pipc_client_state_name(PIPC_CLIENT_CONNECTING), "connecting");
    CHECK_STR(pipc_client_state_name(PIPC_CLIENT_READY), "ready");
    CHECK_STR(pipc_client_state_name(PIPC_CLIENT_NOT_FOUND), "not_found");
    CHECK_STR(pipc_client_state_name(PIPC_CLIENT_AUTH_FAILED), "auth_failed");
    CHECK_STR(pipc_client_state_name(PIPC_CLIENT_INCOMPATIBLE), "incompatible");
    CHECK_STR(pipc_client_state_name(PIPC_CLIENT_BROKEN), "broken");
    CHECK_STR(pipc_client_state_name(7), "unknown");
}
