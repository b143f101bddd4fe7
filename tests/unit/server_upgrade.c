/* SPDX-License-Identifier: Apache-2.0
 *
 * Upgraded sessions of a server: regions within the total, given back with the session, answers
 * built in place. The plane is the one of the session tests, with fake regions.
 */
#include "server_gate.h"
#include "server_watch.h"
#include "session_mem.h"

/* ---- upgrades ---- */

static uint32_t region_size; /* of the fake regions; atomic */
static struct pipc_transport_ops frugal_ops;

/* The upgrade of the session's tests, with a look at the room that is left. */
static pipc_result frugal_offer(void *self, const struct pipc_endpoint *endpoint,
                                const struct pipc_carrier *carrier,
                                const struct pipc_upgrade_request *request, void **ret_channel,
                                struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    const struct pipc_transport_ops *fast = session_fast_module.ops;
    if (request->room_bytes < __atomic_load_n(&region_size, __ATOMIC_RELAXED)) {
        ret_failure->bits = FAST_BITS;
        if (err) {
            err->result = PIPC_ERR_REGION_ALLOCATE;
            snprintf(err->text, sizeof(err->text), "no room is left for the region");
        }
        return PIPC_ERR_REGION_ALLOCATE;
    }
    return fast->offer(self, endpoint, carrier, request, ret_channel, ret_failure, err);
}

static struct pipc_context *upgrade_context(void)
{
    static struct pipc_module module;
    session_control_reset();
    session_control.region_bytes = 1000;
    __atomic_store_n(&region_size, 1000, __ATOMIC_RELAXED);
    memcpy(&frugal_ops, session_fast_module.ops, sizeof(frugal_ops));
    frugal_ops.offer = frugal_offer;
    module = session_fast_module;
    module.ops = &frugal_ops;
    return server_context_with(&module, "pipc", "transports", "fast,uds");
}

static pipc_result connect_with(struct hosted *hosted, uint32_t profiles,
                                struct pipc_session **ret_session, struct pipc_error *err)
{
    const struct pipc_session_settings settings = {.size = sizeof(settings),
                                                   .supported_profiles = profiles,
                                                   .preferred_profiles =
                                                       profiles & FAST_BITS ? FAST_BITS : 0};
    return pipc_connect(hosted->context, test_dir(), SERVICE, &settings, 0, PIPC_NO_HANDLE,
                        ret_session, NULL, err);
}

static void expect_echo(struct pipc_session *session)
{
    struct pipc_message message = {.size = sizeof(message),
                                   .kind = PIPC_KIND_REQUEST,
                                   .code = SCRIPTED_CODE,
                                   .item_count = 1,
                                   .message_id = 3,
                                   .payload = "echo",
                                   .payload_len = 4};
    CHECK_OK(pipc_session_send(session, &message, TEST_LONG, PIPC_NO_HANDLE, NULL));
    CHECK_OK(pipc_session_receive(session, 20000, 0, PIPC_NO_HANDLE, &message, NULL));
    CHECK_EQ(message.transport_status, PIPC_STATUS_OK);
    CHECK_EQ(message.payload_len, 4);
    CHECK_MEM(message.payload, "echo", 4);
}

static uint32_t selected(const struct pipc_session *session)
{
    struct pipc_session_status status = {.size = sizeof(status)};
    pipc_session_status(session, &status);
    return status.selected_profile;
}

TEST(server_upgrade, a_refused_client_costs_no_region_and_is_upgraded_later)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    server_start(&hosted, upgrade_context(), "scripted", NULL, 1, NULL);
    raw_open(&raw);
    CHECK_RESULT(connect_with(&hosted, FAST_BITS, &session, &err), PIPC_ERR_HANDSHAKE);
    CHECK_EQ(__atomic_load_n(&session_control.offers, __ATOMIC_RELAXED), 0);
    raw_close(&raw);
    server_wait_sessions(&hosted, 0);
    CHECK_OK(connect_with(&hosted, FAST_BITS, &session, &err));
    CHECK((selected(session) & FAST_BITS) != 0);
    expect_echo(session);
    const struct pipc_server_status status = server_status(&hosted);
    CHECK_EQ(status.regions, 1);
    CHECK_EQ(status.region_bytes, 1000);
    pipc_session_close(session);
    server_wait_sessions(&hosted, 0);
    CHECK_EQ(server_status(&hosted).regions, 0);
    CHECK_EQ(server_status(&hosted).region_bytes, 0);
    server_end(&hosted);
}

TEST(server_upgrade, cycles_leave_no_slot_thread_descriptor_or_region)
{
    struct hosted hosted;
    const unsigned rounds = test_scale(1000);
    struct pipc_error err = PIPC_ERROR_INIT;
    server_start(&hosted, upgrade_context(), "scripted", NULL, 2, NULL);
    struct watched_counts before = {test_open_descriptors(), test_threads()};
    for (unsigned i = 0; i < rounds; i++) {
        struct pipc_session *session = NULL;
        server_wait_sessions(&hosted, 0);
        CHECK_MSG(connect_with(&hosted, FAST_BITS, &session, &err) == PIPC_OK, "%s", err.text);
        if (i % 2)
            expect_echo(session);
        pipc_session_close(session);
    }
    server_wait_sessions(&hosted, 0);
    test_wait_until(server_counts_are_back, &before, 5000, "threads and descriptors are back");
    CHECK_EQ(server_status(&hosted).regions, 0);
    CHECK_EQ(server_status(&hosted).region_bytes, 0);
    server_end(&hosted);
}

TEST(server_upgrade, total_bytes_bound_the_regions)
{
    struct hosted hosted;
    struct pipc_session *first = NULL, *second = NULL, *third = NULL;
    struct pipc_server_config config = server_config();
    struct pipc_error err = PIPC_ERROR_INIT;
    config.max_total_bytes = 1999; /* one region */
    server_start(&hosted, upgrade_context(), "scripted", NULL, 3, &config);
    CHECK_OK(connect_with(&hosted, FAST_BITS | PIPC_PROFILE_BASELINE, &first, &err));
    CHECK((selected(first) & FAST_BITS) != 0);
    CHECK_OK(connect_with(&hosted, FAST_BITS | PIPC_PROFILE_BASELINE, &second, &err));
    CHECK_EQ(selected(second), PIPC_PROFILE_BASELINE);
    expect_echo(first);
    expect_echo(second);
    /* That only: closed without a HELLO_ACK, the slot is free again. */
    CHECK_RESULT(connect_with(&hosted, FAST_BITS, &third, &err), PIPC_ERR_DISCONNECTED);
    EXPECT_COUNT(&hosted, rejected_profile, 1);
    struct pipc_server_status status = server_status(&hosted);
    CHECK_EQ(status.degraded, 1);
    CHECK_EQ(status.sessions, 2);
    CHECK_EQ(status.regions, 1);
    pipc_session_close(first);
    server_wait_sessions(&hosted, 1);
    CHECK_OK(connect_with(&hosted, FAST_BITS, &third, &err));
    expect_echo(third);
    pipc_session_close(second);
    pipc_session_close(third);
    server_end(&hosted);
}

TEST(server_upgrade, responses_are_built_in_place_and_errors_give_the_room_back)
{
    struct hosted hosted;
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    server_start(&hosted, upgrade_context(), "scripted", NULL, 1, NULL);
    CHECK_OK(connect_with(&hosted, FAST_BITS, &session, &err));
    expect_echo(session);
    struct pipc_message message = {.size = sizeof(message),
                                   .kind = PIPC_KIND_REQUEST,
                                   .code = 99,
                                   .item_count = 1,
                                   .message_id = 4};
    CHECK_OK(pipc_session_send(session, &message, TEST_LONG, PIPC_NO_HANDLE, NULL));
    CHECK_OK(pipc_session_receive(session, 20000, 0, PIPC_NO_HANDLE, &message, NULL));
    CHECK_EQ(message.transport_status, PIPC_STATUS_UNSUPPORTED);
    expect_echo(session);
    const uint8_t script[1] = {SCRIPT_SPACE};
    message = (struct pipc_message){.size = sizeof(message),
                                    .kind = PIPC_KIND_REQUEST,
                                    .code = SCRIPTED_CODE,
                                    .item_count = 1,
                                    .message_id = 5,
                                    .payload = script,
                                    .payload_len = 1};
    CHECK_OK(pipc_session_send(session, &message, TEST_LONG, PIPC_NO_HANDLE, NULL));
    CHECK_OK(pipc_session_receive(session, 20000, 0, PIPC_NO_HANDLE, &message, NULL));
    CHECK_EQ(message.transport_status, PIPC_STATUS_LIMIT_EXCEEDED);
    pipc_session_close(session);
    server_end(&hosted);
}

TEST(server_upgrade, an_idle_upgraded_session_is_evicted_too)
{
    struct hosted hosted;
    struct pipc_session *session = NULL;
    struct pipc_server_config config = server_config();
    struct pipc_message message = {.size = sizeof(message)};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct raw late;
    const struct pipc_hello hello = raw_hello();
    config.idle_timeout_ms = 20;
    server_start(&hosted, upgrade_context(), "scripted", NULL, 1, &config);
    CHECK_OK(connect_with(&hosted, FAST_BITS, &session, &err));
    int status = PIPC_STATUS_INTERNAL_ERROR;
    const uint64_t start = test_now_ms();
    while (status == PIPC_STATUS_INTERNAL_ERROR && test_now_ms() - start < 20000)
        status = raw_try(&late, &hello);
    CHECK_EQ((uint64_t)status, 0);
    CHECK_RESULT(pipc_session_receive(session, 20000, 0, PIPC_NO_HANDLE, &message, NULL),
                 PIPC_ERR_DISCONNECTED);
    raw_expect_service(&late);
    raw_close(&late);
    pipc_session_close(session);
    server_end(&hosted);
}

/* ---- a client that leaves ---- */

static struct pipci_event has_taken, may_go_on;
static uint32_t holds; /* atomic: the next message is held on its way to the session */

static pipc_result holding_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                                   const struct pipc_wait *wait, struct pipc_received *ret_received,
                                   struct pipc_error *err)
{
    const struct pipc_transport_ops *fast = session_fast_module.ops;
    const pipc_result result = fast->receive(channel, pieces, count, wait, ret_received, err);
    if (result == PIPC_OK && __atomic_exchange_n(&holds, 0, __ATOMIC_ACQ_REL)) {
        pipci_event_set(&has_taken);
        gate_await(&may_go_on);
    }
    return result;
}

static bool count_calls(void *user, const struct scripted_call *call)
{
    (void)call;
    __atomic_fetch_add((uint32_t *)user, 1, __ATOMIC_RELAXED);
    return true;
}

static struct pipc_context *holding_context(void)
{
    static struct pipc_module module;
    static struct pipc_transport_ops ops;
    session_control_reset();
    memcpy(&ops, session_fast_module.ops, sizeof(ops));
    ops.receive = holding_receive;
    module = session_fast_module;
    module.ops = &ops;
    CHECK_OK(pipci_event_init(&has_taken, NULL));
    CHECK_OK(pipci_event_init(&may_go_on, NULL));
    __atomic_store_n(&holds, 1, __ATOMIC_RELEASE);
    return server_context_with(&module, "pipc", "transports", "fast,uds");
}

/* No callback runs beside those of the sessions that hold a slot. */
static void check_departed(const struct pipc_server_config *config)
{
    struct hosted hosted;
    struct pipc_session *gone = NULL, *next = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    uint32_t calls = 0;
    const struct scripted_handler handler = {
        .size = sizeof(handler), .user = &calls, .callback = count_calls};
    const struct pipc_message message = {.size = sizeof(message),
                                         .kind = PIPC_KIND_REQUEST,
                                         .code = SCRIPTED_CODE,
                                         .item_count = 1,
                                         .message_id = 1,
                                         .payload = "echo",
                                         .payload_len = 4};
    struct pipc_context *context = holding_context();
    server_warm_up();
    server_start(&hosted, context, "scripted", &handler, 1, config);
    struct watched_counts before = {test_open_descriptors(), test_threads()};
    CHECK_OK(connect_with(&hosted, FAST_BITS, &gone, &err));
    CHECK_OK(pipc_session_send(gone, &message, TEST_LONG, PIPC_NO_HANDLE, NULL));
    gate_await(&has_taken);
    pipc_session_close(gone);
    /* the slot of a client that has left is free at once */
    CHECK_MSG(connect_with(&hosted, FAST_BITS, &next, &err) == PIPC_OK, "%s", err.text);
    pipci_event_set(&may_go_on);
    expect_echo(next);
    pipc_session_close(next);
    test_wait_until(server_counts_are_back, &before, TEST_LONG, "both threads have ended");
    CHECK_EQ(__atomic_load_n(&calls, __ATOMIC_RELAXED), 1); /* that of the second client */
    server_end(&hosted);
    pipci_event_done(&has_taken);
    pipci_event_done(&may_go_on);
}

TEST(server_upgrade, a_request_of_a_client_whose_slot_was_passed_on_is_not_run)
{
    struct pipc_server_config config = server_config();
    check_departed(NULL);
    config.idle_timeout_ms = TEST_LONG;
    check_departed(&config);
}
