/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed calls: arguments, kinds and codecs, calls on bytes, and their deadlines, which hold through
 * every pause and reconnect.
 */
#include "client_scene.h"

#include "core/service/client.h"

#include "test.h"

#include <pipc/codecs/apps_lookup.h>
#include <pipc/codecs/cgroups_lookup.h>
#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>

TEST(client_calls, a_call_succeeds_and_is_counted)
{
    struct scene s = scene_open(NULL, 0, NULL, NULL);
    CHECK_OK(scene_call(&s, 0));
    CHECK_EQ(s.value, 42);
    CHECK_EQ(script_status(s.client).call_count, 1);
    CHECK_EQ(script_status(s.client).error_count, 0);
    CHECK_EQ(pipc_client_response_len(s.client), 8);
    const struct script_request request = script_request_at(s.script, 0);
    CHECK_EQ(request.header.kind, PIPC_KIND_REQUEST);
    CHECK_EQ(request.header.code, PIPC_METHOD_INCREMENT);
    CHECK_EQ(request.header.flags, 0);
    CHECK_EQ(request.header.transport_status, 0);
    CHECK_EQ(request.header.item_count, 1);
    CHECK_EQ(request.header.payload_len, 8);
    CHECK_EQ(request.header.message_id, 1);
    CHECK_OK(scene_call(&s, 0));
    CHECK_EQ(script_request_at(s.script, 1).header.message_id, 2);
    scene_close(&s);
}

TEST(client_calls, string_reverse_borrows_its_answer)
{
    static const uint8_t payload[] = {8, 0, 0, 0, 3, 0, 0, 0, 'c', 'b', 'a', 0};
    static const struct script_conn plan = {
        .answer_count = 1,
        .answers = {{.own_payload = true, .payload = payload, .payload_len = sizeof(payload)}}};
    struct scene s = scene_open(&plan, 1, NULL, NULL);
    struct pipc_string_reverse_view view;
    CHECK_OK(pipc_client_call_string_reverse(s.client, "abc", 3, &view, 0, &s.err));
    CHECK_EQ(view.str.len, 3);
    CHECK_STR(view.str.ptr, "cba");
    CHECK_EQ(script_status(s.client).call_count, 1);
    CHECK_EQ(script_status(s.client).error_count, 0);
    scene_close(&s);
}

TEST(client_calls, missing_output_and_input_are_bad_arguments_without_io)
{
    struct scene s = scene_open(NULL, 0, NULL, NULL);
    struct pipc_string_reverse_view view;
    memset(&view, 0x55, sizeof(view));
    CHECK_RESULT(pipc_client_call_string_reverse(s.client, "abc", 3, NULL, 0, &s.err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_HAS(s.err.text, SCRIPT_SERVICE);
    CHECK_RESULT(pipc_client_call_string_reverse(s.client, NULL, 3, &view, 0, &s.err),
                 PIPC_ERR_BAD_PARAM);
    CHECK(view.str.ptr == NULL && view.str.len == 0);
    CHECK_EQ(script_status(s.client).error_count, 2);
    scene_check_state(s.client, PIPC_CLIENT_READY);
    CHECK_EQ(script_requests(s.script), 0);
    scene_close(&s);
}

TEST(client_calls, not_ready_comes_before_bad_arguments)
{
    struct scene s = scene_open(NULL, 0, NULL, NULL);
    pipc_client_drop(s.client);
    CHECK_RESULT(script_call(s.client, 1, NULL, 0, &s.err), PIPC_ERR_NOT_READY);
    CHECK_HAS(s.err.text, SCRIPT_SERVICE);
    CHECK_HAS(s.err.text, "broken");
    CHECK_RESULT(scene_call(&s, 0), PIPC_ERR_NOT_READY);
    CHECK_EQ(s.value, 0);
    scene_check_state(s.client, PIPC_CLIENT_BROKEN);
    CHECK_EQ(script_status(s.client).error_count, 2);
    CHECK_RESULT(script_status(s.client).last_call.result, PIPC_ERR_NOT_READY);
    CHECK_EQ(script_requests(s.script), 0);
    scene_close(&s);
}

TEST(client_calls, null_client_is_a_bad_argument)
{
    uint64_t value;
    const void *payload = &value;
    size_t len = 1;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(script_call(NULL, 1, &value, 0, &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_call_batch(NULL, "increment", 1, &value, 1, &value, 0, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_call_raw(NULL, "increment", &value, 8, &payload, &len, 0, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK(payload == NULL && len == 0);
}

/* Here the core does not know how large the output is. */
TEST(client_calls, typed_calls_zero_their_outputs_also_without_a_client)
{
    const uint64_t values[2] = {1, 2};
    const uint32_t pid = 1;
    const struct pipc_str_view path = {"/x", 2};
    uint64_t value = GARBAGE, results[2] = {GARBAGE, GARBAGE};
    struct pipc_string_reverse_view string;
    struct pipc_cgroups_snapshot_view snapshot;
    struct pipc_cgroups_lookup_view cgroups;
    struct pipc_apps_lookup_view apps;
    memset(&string, 0x55, sizeof(string));
    memset(&snapshot, 0x55, sizeof(snapshot));
    memset(&cgroups, 0x55, sizeof(cgroups));
    memset(&apps, 0x55, sizeof(apps));
    CHECK_RESULT(pipc_client_call_increment(NULL, 1, &value, 0, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_call_increment_batch(NULL, values, 2, results, 0, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_call_string_reverse(NULL, "abc", 3, &string, 0, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_call_cgroups_snapshot(NULL, &snapshot, 0, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_call_cgroups_lookup(NULL, &path, 1, &cgroups, 0, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_call_apps_lookup(NULL, &pid, 1, &apps, 0, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_EQ(value, 0);
    CHECK(results[0] == 0 && results[1] == 0);
    CHECK(string.table == NULL && string.str.ptr == NULL && string.str.len == 0);
    CHECK(snapshot.table == NULL && snapshot.item_count == 0 && snapshot.payload == NULL);
    CHECK(cgroups.table == NULL && cgroups.item_count == 0 && cgroups.payload == NULL);
    CHECK(apps.table == NULL && apps.item_count == 0 && apps.payload == NULL);
    CHECK_RESULT(pipc_client_call_increment(NULL, 1, NULL, 0, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_call_increment_batch(NULL, values, 2, NULL, 0, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_call_string_reverse(NULL, "abc", 3, NULL, 0, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_call_cgroups_snapshot(NULL, NULL, 0, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_call_cgroups_lookup(NULL, &path, 1, NULL, 0, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_call_apps_lookup(NULL, &pid, 1, NULL, 0, NULL), PIPC_ERR_BAD_PARAM);
}

TEST(client_calls, another_kind_is_refused_without_io)
{
    struct scene s = scene_open(NULL, 0, NULL, NULL);
    struct pipc_string_reverse_view view;
    const void *payload;
    size_t len;
    CHECK_OK(scene_call(&s, 0));
    memset(&view, 0x55, sizeof(view));
    CHECK_RESULT(pipc_client_call_string_reverse(s.client, "abc", 3, &view, 0, &s.err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_HAS(s.err.text, "increment");
    CHECK(view.str.ptr == NULL && view.str.len == 0);
    CHECK_RESULT(
        pipc_client_call_raw(s.client, "string_reverse", "x", 1, &payload, &len, 0, &s.err),
        PIPC_ERR_BAD_PARAM);
    CHECK_EQ(script_requests(s.script), 1);
    scene_check_state(s.client, PIPC_CLIENT_READY);
    CHECK_OK(scene_call(&s, 0));
    scene_close(&s);
}

TEST(client_calls, unknown_codec_and_other_table_major_are_named)
{
    struct scene s = scene_open(NULL, 0, NULL, NULL);
    uint64_t in = 1;
    CHECK_RESULT(pipc_client_call(s.client, "nonsense", 1, &in, &s.value, 0, &s.err),
                 PIPC_TEST_HAVE_LOADER ? PIPC_ERR_MODULE_NOT_FOUND : PIPC_ERR_NO_LOADER);
    CHECK_HAS(s.err.text, "nonsense");
    CHECK_RESULT(pipc_client_call(s.client, NULL, 1, &in, &s.value, 0, &s.err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_call(s.client, "increment", 99, &in, &s.value, 0, &s.err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_HAS(s.err.text, "increment");
    CHECK_EQ(script_status(s.client).error_count, 3);
    scene_check_state(s.client, PIPC_CLIENT_READY);
    CHECK_EQ(script_requests(s.script), 0);
    CHECK_OK(scene_call(&s, 0));
    scene_close(&s);
}

TEST(client_calls, calls_on_bytes_give_the_checked_payload)
{
    struct scene s = scene_open(NULL, 0, NULL, NULL);
    const uint64_t in = 6;
    const void *payload = NULL;
    size_t len = 0;
    uint64_t out;
    CHECK_OK(pipc_client_call_raw(s.client, "increment", &in, 8, &payload, &len, 0, &s.err));
    CHECK_EQ(len, 8);
    memcpy(&out, payload, 8);
    CHECK_EQ(out, 7);
    CHECK_RESULT(pipc_client_call_raw(s.client, "increment", NULL, 8, &payload, &len, 0, &s.err),
                 PIPC_ERR_BAD_PARAM);
    CHECK(payload == NULL && len == 0);
    CHECK_RESULT(pipc_client_call_raw(s.client, "increment", &in, 8, NULL, &len, 0, &s.err),
                 PIPC_ERR_BAD_PARAM);
    scene_check_state(s.client, PIPC_CLIENT_READY);
    CHECK_EQ(script_status(s.client).error_count, 2);
    scene_close(&s);
}

TEST(client_calls, calls_on_bytes_retry_a_response_that_does_not_check)
{
    static const struct script_conn plan = {
        .answer_count = 1, .answers = {{.own_payload = true, .payload = "abc", .payload_len = 3}}};
    struct scene s = scene_open(NULL, 0, &plan, NULL);
    const void *payload = &s;
    size_t len = 1;
    CHECK_RESULT(
        pipc_client_call_raw(s.client, "increment", "12345678", 8, &payload, &len, 0, &s.err),
        PIPC_ERR_TRUNCATED);
    CHECK(payload == NULL && len == 0);
    CHECK_EQ(script_requests(s.script), 2);
    scene_check_state(s.client, PIPC_CLIENT_BROKEN);
    scene_close(&s);
}

/* ---- deadlines ---- */

TEST(client_calls, slow_server_times_out_and_is_asked_once)
{
    static const struct script_conn plan = {.answer_count = 1,
                                            .answers = {{.what = SCRIPT_SILENT}}};
    struct scene s = scene_open(&plan, 1, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        const uint64_t start = test_now_ms();
        CHECK_RESULT(scene_call(&s, 30 * test_slow()), PIPC_ERR_TIMEOUT);
        CHECK(test_now_ms() - start < test_limit(1000));
        if (script_requests(s.script))
            break; /* else the time was over before it was asked: on a busy machine only */
        scene_close(&s);
        s = scene_open(&plan, 1, NULL, NULL);
    }
    CHECK_HAS(s.err.text, SCRIPT_SERVICE);
    scene_check_state(s.client, PIPC_CLIENT_BROKEN);
    CHECK_EQ(script_requests(s.script), 1);
    CHECK_EQ(s.value, 0);
    CHECK_EQ(script_status(s.client).error_count, 1);
    CHECK_EQ(script_status(s.client).reconnect_count, 0);
    scene_close(&s);
}

TEST(client_calls, default_timeout_holds_when_none_is_given)
{
    static const struct script_conn silent = {.answer_count = 1,
                                              .answers = {{.what = SCRIPT_SILENT}}};
    const struct pipc_client_config config = {.size = sizeof(config), .call_timeout_ms = 40};
    struct scene s = scene_open(NULL, 0, &silent, &config);
    uint64_t start = test_now_ms();
    CHECK_RESULT(scene_call(&s, 0), PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - start >= 40 && test_now_ms() - start < test_limit(1000));
    pipc_client_set_call_timeout(s.client, 20);
    CHECK_EQ(pipc_client_refresh(s.client), 1);
    start = test_now_ms();
    CHECK_RESULT(scene_call(&s, 0), PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - start >= 20 && test_now_ms() - start < test_limit(1000));
    scene_close(&s);
}

TEST(client_calls, deadline_in_the_drain_pause_and_in_a_reconnect_is_a_timeout)
{
    static const struct script_conn plan = {.answer_count = 1, .answers = {{.what = SCRIPT_CLOSE}}};
    static const struct script_conn mute = {.hello = SCRIPT_MUTE};
    bool reconnected = false; /* a busy machine may let the time pass before; not each time */
    for (unsigned i = 0; i < 2 || (i < 5 && !reconnected); i++) {
        struct scene s = scene_open(&plan, 1, &mute, NULL);
        const bool pausing = i == 1;
        s.client->times.drain_ms = pausing ? TEST_LONG : 1;
        const uint32_t limit = pausing ? 60 : 100 * test_slow();
        const uint64_t start = test_now_ms();
        CHECK_RESULT(scene_call(&s, limit), PIPC_ERR_TIMEOUT);
        const uint64_t took = test_now_ms() - start;
        CHECK_MSG(took >= limit - 1 && took <= limit + test_limit(200), "took %u ms",
                  (unsigned)took);
        scene_check_state(s.client, PIPC_CLIENT_BROKEN);
        CHECK_EQ(s.value, 0);
        CHECK(script_hellos(s.script) <= (pausing ? 1 : 2));
        reconnected |= script_hellos(s.script) == 2;
        scene_close(&s);
    }
    CHECK(reconnected);
}

TEST(client_calls, connect_timeout_bounds_each_attempt_of_a_reconnect)
{
    static const struct script_conn plan = {.answer_count = 1, .answers = {{.what = SCRIPT_CLOSE}}};
    static const struct script_conn mute = {.hello = SCRIPT_MUTE};
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .connect_timeout_ms = 100 * test_slow()};
    struct scene s = scene_open(&plan, 1, &mute, &config);
    /* the attempts time out, the call does not: its error is that of the first attempt */
    CHECK_RESULT(scene_call(&s, 0), PIPC_ERR_DISCONNECTED);
    scene_check_state(s.client, PIPC_CLIENT_DISCONNECTED);
    CHECK_RESULT(script_status(s.client).last_attempt.result, PIPC_ERR_TIMEOUT);
    scene_close(&s);
}

TEST(client_calls, chunked_response_that_stalls_times_out)
{
    static uint8_t bytes[100];
    static const struct script_conn plan = {.packet_size = 128,
                                            .answer_count = 1,
                                            .answers = {{.what = SCRIPT_STALL,
                                                         .own_payload = true,
                                                         .payload = bytes,
                                                         .payload_len = 96,
                                                         .declared = 300}}};
    struct scene s = scene_open(&plan, 1, NULL, NULL);
    test_needs_packets("there are no chunks");
    CHECK_RESULT(scene_call(&s, 60 * test_slow()), PIPC_ERR_TIMEOUT);
    scene_check_state(s.client, PIPC_CLIENT_BROKEN);
    CHECK(script_requests(s.script) <= 1); /* none where the time was over before */
    scene_close(&s);
}
