/* SPDX-License-Identifier: Apache-2.0
 *
 * Growth after an overflow, its bounds, the fall-back of refused proposals, batch calls.
 */
#include "client_script.h"
#include "core/service/client.h"
#include "test.h"

#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>

static struct pipc_context *context;
static struct script *script;
static struct pipc_client *client;
static struct pipc_error err = PIPC_ERROR_INIT;

static void open_scene(const struct script_conn *plans, uint32_t count,
                       const struct script_conn *then, const struct pipc_client_config *config)
{
    context = script_context(NULL);
    script = script_start(plans, count, then);
    client = script_ready(context, config, true);
}

static void close_scene(void)
{
    pipc_client_destroy(client);
    script_stop(script);
    script_context_close(context);
}

static void check_state(uint32_t state)
{
    const uint32_t is = script_status(client).state;

    CHECK_MSG(is == state, "state is %s, expected %s", pipc_client_state_name(is),
              pipc_client_state_name(state));
}

/* A string of `len` bytes needs a request of len + 9. */
static pipc_result reverse(size_t len, struct pipc_string_reverse_view *view)
{
    static char bytes[300000];

    CHECK(len <= sizeof(bytes));
    memset(bytes, 'x', len);
    memset(view, 0x55, sizeof(*view));
    return pipc_client_call_string_reverse(client, bytes, len, view, 0, &err);
}

static uint32_t proposed(uint32_t hello)
{
    return script_hello_at(script, hello).max_request_payload_bytes;
}

TEST(client_overflow, request_above_the_limit_grows_to_a_power_of_two)
{
    /* the script's answer to anything: "abc" */
    static const uint8_t payload[] = {8, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 'c', 0};
    static const struct script_conn then = {
        .answer_count = 1,
        .answers = {{.own_payload = true, .payload = payload, .payload_len = sizeof(payload)}}};
    struct pipc_string_reverse_view view;
    open_scene(NULL, 0, &then, NULL);
    CHECK_OK(reverse(5000, &view));
    CHECK_STR(view.str.ptr, "abc");
    CHECK_EQ(script_status(client).request_proposal, 8192);
    CHECK_EQ(proposed(0), 1024);
    CHECK_EQ(proposed(1), 8192);
    CHECK_EQ(script_requests(script), 1);
    CHECK_EQ(script_request_at(script, 0).header.payload_len, 5009);
    CHECK_EQ(script_status(client).reconnect_count, 1);
    CHECK_EQ(script_status(client).error_count, 0);
    close_scene();
}

TEST(client_overflow, refused_proposal_falls_back_and_the_next_refresh_is_ready)
{
    static const struct script_conn fixed = {.max_request = 1024};
    struct pipc_string_reverse_view view;
    open_scene(NULL, 0, &fixed, NULL);
    CHECK_RESULT(reverse(5000, &view), PIPC_ERR_OVERFLOW);
    CHECK(view.str.ptr == NULL && view.str.len == 0);
    check_state(PIPC_CLIENT_DISCONNECTED);
    CHECK_RESULT(script_status(client).last_attempt.result, PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_EQ(script_hellos(script), 2);
    CHECK_EQ(proposed(1), 8192);
    CHECK_EQ(script_status(client).request_proposal, 1024);
    CHECK_EQ(script_requests(script), 0);
    CHECK_EQ(pipc_client_refresh(client), 1);
    check_state(PIPC_CLIENT_READY);
    CHECK_EQ(proposed(2), 1024);
    close_scene();
}

TEST(client_overflow, proposal_falls_back_to_the_last_one_accepted)
{
    static const struct script_conn plans[] = {{.max_request = 8192}, {.max_request = 8192}};
    static const struct script_conn fixed = {.max_request = 8192};
    struct pipc_string_reverse_view view;
    open_scene(plans, 2, &fixed, NULL);
    /* the first growth is accepted, the echo is good enough as an answer */
    (void)reverse(8000, &view);
    CHECK_EQ(client->accepted_request, 8192);
    pipc_client_refresh(client);
    CHECK_RESULT(reverse(10000, &view), PIPC_ERR_OVERFLOW);
    CHECK_EQ(script_status(client).request_proposal, 8192);
    CHECK_EQ(proposed(script_hellos(script) - 1), 16384);
    close_scene();
}

TEST(client_overflow, learned_proposal_does_not_lock_out_of_a_provider_that_takes_less)
{
    /* the first provider takes what one large request needed, the next one no more than is
     * configured */
    static const uint8_t payload[] = {8, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 'c', 0};
    static const struct script_conn plans[] = {
        {.max_request = 8192},
        {.max_request = 8192,
         .answer_count = 1,
         .answers = {{.own_payload = true, .payload = payload, .payload_len = sizeof(payload)}}}};
    static const struct script_conn smaller = {.max_request = 1024};
    struct pipc_string_reverse_view view;
    open_scene(plans, 2, &smaller, NULL);
    CHECK_OK(reverse(5000, &view));
    CHECK_EQ(client->accepted_request, 8192);
    pipc_client_drop(client);
    CHECK_EQ(pipc_client_refresh(client), 1);
    check_state(PIPC_CLIENT_DISCONNECTED);
    CHECK_RESULT(script_status(client).last_attempt.result, PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_EQ(script_status(client).request_proposal, 1024);
    CHECK_EQ(pipc_client_refresh(client), 1);
    check_state(PIPC_CLIENT_READY);
    CHECK_EQ(proposed(script_hellos(script) - 1), 1024);
    close_scene();
}

/* A server that answers LIMIT_EXCEEDED to one request of each of its sessions. */
#define TOO_SMALL(limit)                                                \
    {                                                                   \
        .response_limit = (limit), .answer_count = 1, .answers = {      \
            {.status = PIPC_STATUS_LIMIT_EXCEEDED, .own_payload = true} \
        }                                                               \
    }

static pipc_result call(uint64_t *value)
{
    *value = 77;
    return pipc_client_call_increment(client, 1, value, 0, &err);
}

TEST(client_overflow, response_overflow_with_a_growing_server_succeeds)
{
    static const struct script_conn plans[] = {
        TOO_SMALL(1000), TOO_SMALL(2048), TOO_SMALL(4096), {.response_limit = 8192}};
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_response_payload_bytes = 1000};
    uint64_t value;
    open_scene(plans, 4, NULL, &config);
    CHECK_OK(call(&value));
    CHECK_EQ(value, 2);
    CHECK_EQ(script_requests(script), 4);
    CHECK_EQ(script_status(client).reconnect_count, 3);
    CHECK_EQ(script_hello_at(script, 1).max_response_payload_bytes, 2048);
    CHECK_EQ(script_hello_at(script, 2).max_response_payload_bytes, 4096);
    CHECK_EQ(script_hello_at(script, 3).max_response_payload_bytes, 8192);
    CHECK_EQ(script_status(client).session.max_response_payload_bytes, 8192);
    CHECK_EQ(script_status(client).response_hint, 8192);
    check_state(PIPC_CLIENT_READY);
    close_scene();
}

TEST(client_overflow, response_overflow_with_a_fixed_server_ends_after_one_reconnect)
{
    static const struct script_conn fixed = TOO_SMALL(65536);
    uint64_t value;
    open_scene(NULL, 0, &fixed, NULL);
    CHECK_RESULT(call(&value), PIPC_ERR_OVERFLOW);
    CHECK_EQ(value, 0);
    CHECK_EQ(err.peer_status, PIPC_STATUS_LIMIT_EXCEEDED);
    CHECK_EQ(script_hellos(script), 2);
    CHECK_EQ(script_requests(script), 1);
    check_state(PIPC_CLIENT_BROKEN);
    CHECK_EQ(script_status(client).error_count, 1);
    /* the raised hint stays for later handshakes */
    CHECK_EQ(script_status(client).response_hint, 131072);
    close_scene();
}

TEST(client_overflow, server_that_grows_by_one_byte_sees_eight_requests)
{
    static struct script_conn plans[12];
    const struct script_conn small = TOO_SMALL(0);
    uint64_t value;
    for (uint32_t i = 0; i < 12; i++) {
        plans[i] = small;
        plans[i].response_limit = 2000 + i;
    }
    open_scene(plans, 12, NULL, NULL);
    CHECK_RESULT(call(&value), PIPC_ERR_OVERFLOW);
    CHECK_EQ(script_requests(script), 8);
    CHECK_EQ(script_hellos(script), 9);
    check_state(PIPC_CLIENT_BROKEN);
    CHECK_EQ(script_status(client).error_count, 1);
    close_scene();
}

TEST(client_overflow, ordinary_failure_after_growth_is_retried_once)
{
    static const struct script_conn plans[] = {
        TOO_SMALL(1000),
        {.response_limit = 2000, .answer_count = 1, .answers = {{.what = SCRIPT_CLOSE}}},
        {.response_limit = 2000}};
    uint64_t value;
    open_scene(plans, 3, NULL, NULL);
    CHECK_OK(call(&value));
    CHECK_EQ(script_requests(script), 3);
    CHECK_EQ(script_status(client).reconnect_count, 2);
    close_scene();
}

TEST(client_overflow, overflow_with_the_server_gone_is_an_overflow)
{
    static const struct script_conn plan = TOO_SMALL(1000);
    static const struct script_conn full = {.hello = SCRIPT_REFUSE,
                                            .status = PIPC_STATUS_INTERNAL_ERROR};
    uint64_t value;
    open_scene(&plan, 1, &full, NULL);
    CHECK_RESULT(call(&value), PIPC_ERR_OVERFLOW);
    check_state(PIPC_CLIENT_DISCONNECTED);
    close_scene();
}

TEST(client_overflow, deadline_during_growth_is_a_timeout)
{
    static const struct script_conn plan = TOO_SMALL(1000);
    static const struct script_conn mute = {.hello = SCRIPT_MUTE};
    uint64_t value;
    open_scene(&plan, 1, &mute, NULL);
    CHECK_RESULT(pipc_client_call_increment(client, 1, &value, 100, &err), PIPC_ERR_TIMEOUT);
    check_state(PIPC_CLIENT_BROKEN);
    close_scene();
}

TEST(client_overflow, response_above_the_limit_raises_nothing)
{
    static uint8_t bytes[2010]; /* within an area for 2000, too */
    static const struct script_conn big = {
        .response_limit = 2000,
        .answer_count = 1,
        .answers = {{.own_payload = true, .payload = bytes, .payload_len = sizeof(bytes)}}};
    uint64_t value;
    open_scene(NULL, 0, &big, NULL);
    CHECK_RESULT(call(&value), PIPC_ERR_OVERFLOW);
    CHECK_EQ(script_requests(script), 1);
    CHECK_EQ(script_hellos(script), 2);
    CHECK_EQ(script_status(client).response_hint, 65536);
    CHECK_EQ(script_status(client).request_proposal, 1024);
    close_scene();
}

TEST(client_overflow, growth_arithmetic)
{
    static const struct {
        uint64_t n;
        uint32_t wanted; /* before the ceiling */
    } rows[] = {{0, 16},
                {1, 16},
                {15, 16},
                {16, 16},
                {17, 32},
                {1u << 20, 1u << 20},
                {(1u << 20) + 1, 1u << 21},
                {UINT32_C(1) << 31, UINT32_C(1) << 31},
                {UINT32_MAX, UINT32_C(1) << 31},
                {UINT64_MAX, UINT32_C(1) << 31}};
    static const uint32_t ceilings[] = {PIPC_MAX_PAYLOAD_CAP, 100000, UINT32_C(1) << 31};
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (unsigned k = 0; k < 3; k++)
            CHECK_EQ(pipci_grow(rows[i].n, ceilings[k]),
                     rows[i].wanted < ceilings[k] ? rows[i].wanted : ceilings[k]);
}

TEST(client_overflow, configured_value_above_the_ceiling_is_kept_and_not_grown)
{
    struct pipc_client c = {.growth_ceiling = 1000,
                            .configured_request = 5000,
                            .request_proposal = 5000,
                            .response_hint = 6000,
                            .response_limit = UINT32_MAX};
    pipci_client_grow_request(&c, 100000);
    pipci_client_grow_response(&c);
    CHECK_EQ(c.request_proposal, 5000);
    CHECK_EQ(c.response_hint, 6000);
    c.growth_ceiling = UINT32_MAX;
    pipci_client_grow_response(&c);
    CHECK_EQ(c.response_hint, UINT32_C(1) << 31);
    c.accepted_request = 9000;
    pipci_client_proposal_refused(&c);
    CHECK_EQ(c.request_proposal, 5000);
}

TEST(client_overflow, growth_ceiling_bounds_every_hello)
{
    static const struct script_conn grown = {.response_limit = 100000};
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .growth_ceiling_bytes = 128 * 1024};
    struct pipc_string_reverse_view view;
    open_scene(NULL, 0, &grown, &config);
    CHECK_RESULT(reverse(200 * 1024, &view), PIPC_ERR_OVERFLOW);
    CHECK(script_hellos(script) <= 9);
    for (uint32_t i = 0; i < script_hellos(script); i++) {
        CHECK(proposed(i) <= 128 * 1024);
        CHECK(script_hello_at(script, i).max_response_payload_bytes <= 128 * 1024);
    }
    CHECK_EQ(script_requests(script), 0);
    CHECK(!pipc_client_ready(client));
    close_scene();
}

/* ---- batch ---- */

#define ITEMS 64u

static void fill(uint64_t *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        values[i] = 1000 * (uint64_t)i;
}

static pipc_result batch(uint32_t count, uint64_t *out)
{
    uint64_t in[ITEMS + 2];

    CHECK(count <= ITEMS + 2);
    fill(in, count);
    for (uint32_t i = 0; i < count; i++)
        out[i] = 77;
    return pipc_client_call_increment_batch(client, in, count, out, 0, &err);
}

static void open_batch(const struct script_conn *plans, uint32_t count,
                       const struct script_conn *then)
{
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_request_batch_items = ITEMS};
    open_scene(plans, count, then, &config);
}

static void check_zero(const uint64_t *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        CHECK_EQ(out[i], 0);
}

TEST(client_batch, no_items_need_no_io_but_a_ready_client)
{
    open_batch(NULL, 0, NULL);
    CHECK_OK(pipc_client_call_increment_batch(client, NULL, 0, NULL, 0, &err));
    CHECK_EQ(script_requests(script), 0);
    CHECK_EQ(script_status(client).call_count, 0);
    pipc_client_drop(client);
    CHECK_RESULT(pipc_client_call_increment_batch(client, NULL, 0, NULL, 0, &err),
                 PIPC_ERR_NOT_READY);
    CHECK_EQ(script_status(client).error_count, 1);
    close_scene();
}

TEST(client_batch, one_item_is_a_single_message)
{
    uint64_t out[1];
    open_batch(NULL, 0, NULL);
    CHECK_OK(batch(1, out));
    CHECK_EQ(out[0], 1);
    CHECK_EQ(script_request_at(script, 0).header.flags, 0);
    CHECK_EQ(script_request_at(script, 0).header.item_count, 1);
    CHECK_EQ(script_request_at(script, 0).header.payload_len, 8);
    close_scene();
}

TEST(client_batch, results_are_in_order)
{
    static const uint32_t counts[] = {2, 3, ITEMS};
    uint64_t out[ITEMS];
    open_batch(NULL, 0, NULL);
    for (uint32_t i = 0; i < 3; i++) {
        const uint32_t count = counts[i];
        CHECK_OK(batch(count, out));
        for (uint32_t k = 0; k < count; k++)
            CHECK_EQ(out[k], 1000 * (uint64_t)k + 1);
        const struct script_request request = script_request_at(script, i);
        CHECK_EQ(request.header.flags, PIPC_FLAG_BATCH);
        CHECK_EQ(request.header.item_count, count);
        CHECK_EQ(request.header.payload_len, count * 16);
    }
    CHECK_EQ(script_status(client).call_count, 3);
    close_scene();
}

TEST(client_batch, more_items_than_agreed_are_refused_without_io)
{
    uint64_t out[ITEMS + 1];
    open_batch(NULL, 0, NULL);
    CHECK_RESULT(batch(ITEMS + 1, out), PIPC_ERR_OVERFLOW);
    check_zero(out, ITEMS + 1);
    check_state(PIPC_CLIENT_READY);
    CHECK_EQ(script_requests(script), 0);
    CHECK_EQ(script_hellos(script), 1);
    CHECK_EQ(script_status(client).request_proposal, 1024);
    CHECK_EQ(script_status(client).error_count, 1);
    CHECK_OK(batch(ITEMS, out));
    close_scene();
}

TEST(client_batch, payload_at_the_limit_fits_and_above_it_grows)
{
    /* 8 items: 128 bytes */
    struct pipc_client_config config = {
        .size = sizeof(config), .max_request_batch_items = ITEMS, .max_request_payload_bytes = 128};
    uint64_t out[8];
    open_scene(NULL, 0, NULL, &config);
    CHECK_OK(batch(8, out));
    CHECK_EQ(script_hellos(script), 1);
    close_scene();
    config.max_request_payload_bytes = 127;
    open_scene(NULL, 0, NULL, &config);
    CHECK_OK(batch(8, out));
    CHECK_EQ(script_hellos(script), 2);
    CHECK_EQ(proposed(1), 128);
    CHECK_EQ(script_requests(script), 1);
    close_scene();
}

TEST(client_batch, missing_arrays_are_bad_arguments)
{
    uint64_t out[2] = {7, 7};
    open_batch(NULL, 0, NULL);
    CHECK_RESULT(pipc_client_call_increment_batch(client, NULL, 2, out, 0, &err),
                 PIPC_ERR_BAD_PARAM);
    check_zero(out, 2);
    CHECK_RESULT(pipc_client_call_increment_batch(client, out, 2, NULL, 0, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_client_call_increment_batch(client, out, 1, NULL, 0, &err),
                 PIPC_ERR_BAD_PARAM);
    check_state(PIPC_CLIENT_READY);
    CHECK_EQ(script_requests(script), 0);
    close_scene();
}

TEST(client_batch, kind_without_batch_calls_is_refused)
{
    struct pipc_cgroups_snapshot_view out[2];
    open_batch(NULL, 0, NULL);
    memset(out, 0x55, sizeof(out));
    CHECK_RESULT(pipc_client_call_batch(client, PIPC_CGROUPS_SNAPSHOT_NAME,
                                        PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR, NULL, 2, out, 0, &err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_HAS(err.text, PIPC_CGROUPS_SNAPSHOT_NAME);
    CHECK(out[0].table == NULL && out[1].table == NULL);
    CHECK_EQ(script_requests(script), 0);
    close_scene();
}

static void refused_batch(const struct script_answer *answer, pipc_result result)
{
    struct script_conn plan = {.answer_count = 1};
    uint64_t out[3];
    plan.answers[0] = *answer;
    open_batch(NULL, 0, &plan);
    CHECK_RESULT(batch(3, out), result);
    check_zero(out, 3);
    CHECK_EQ(script_requests(script), 2);
    CHECK_EQ(script_status(client).error_count, 1);
    check_state(PIPC_CLIENT_BROKEN);
    close_scene();
}

TEST(client_batch, wrong_responses_are_retried_once)
{
    static const uint8_t bad_offset[48] = {3, 0, 0, 0, 8};
    static const uint8_t short_item[48] = {0, 0, 0, 0, 8,  0, 0, 0, 8, 0, 0, 0,
                                           7, 0, 0, 0, 16, 0, 0, 0, 8, 0, 0, 0};
    static const struct script_answer fewer = {.item_count = 2};
    static const struct script_answer flagless = {.own_flags = true, .item_count = 1};
    static const struct script_answer directory = {
        .own_payload = true, .payload = bad_offset, .payload_len = sizeof(bad_offset)};
    static const struct script_answer item = {
        .own_payload = true, .payload = short_item, .payload_len = sizeof(short_item)};
    static const struct script_answer status = {.status = PIPC_STATUS_INTERNAL_ERROR,
                                                .own_flags = true,
                                                .item_count = 1,
                                                .own_payload = true};
    refused_batch(&fewer, PIPC_ERR_BAD_ITEM_COUNT);
    refused_batch(&flagless, PIPC_ERR_BAD_ITEM_COUNT);
    refused_batch(&directory, PIPC_ERR_PROTOCOL);
    refused_batch(&item, PIPC_ERR_TRUNCATED);
    refused_batch(&status, PIPC_ERR_BAD_LAYOUT);
}

TEST(client_batch, recovery_resends_the_whole_batch)
{
    static const struct script_conn plan = {.answer_count = 1, .answers = {{.what = SCRIPT_CLOSE}}};
    uint64_t out[3];
    open_batch(&plan, 1, NULL);
    CHECK_OK(batch(3, out));
    CHECK_EQ(out[2], 2001);
    const struct script_request first = script_request_at(script, 0);
    const struct script_request second = script_request_at(script, 1);
    CHECK_EQ(second.header.item_count, 3);
    CHECK_EQ(second.len, first.len);
    CHECK_MEM(second.payload, first.payload, first.len);
    close_scene();
}
