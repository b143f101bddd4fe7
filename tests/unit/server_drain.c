/* SPDX-License-Identifier: Apache-2.0
 *
 * Drain and destroy with sessions in every state: idle, inside a callback, stalled, not reading.
 * Nothing of the server is left afterwards.
 */
#include "server_gate.h"
#include "server_watch.h"

#include <sys/stat.h>

/* ---- drain ---- */

static bool drain(struct hosted *hosted, uint32_t timeout_ms)
{
    int clean = -1;
    CHECK_OK(pipc_server_drain(hosted->server, timeout_ms, &clean));
    CHECK(clean == 0 || clean == 1);
    return clean != 0;
}

TEST(server_drain, idle_sessions_end_and_the_endpoint_is_gone)
{
    struct hosted hosted;
    struct raw raw;
    struct stat st;
    server_start(&hosted, NULL, "scripted", NULL, 2, NULL);
    raw_open(&raw);
    raw_expect_service(&raw);
    const uint64_t start = test_now_ms();
    CHECK(drain(&hosted, 10000));
    server_check_time(start, 500, "drain");
    CHECK_EQ(stat(test_path(SERVICE ".sock"), &st), (uint64_t)-1);
    raw_expect_eof(&raw);
    raw_close(&raw);
    CHECK(drain(&hosted, 10000)); /* nothing is left to do */
    server_join(&hosted);
    CHECK_OK(hosted.run_result);
    CHECK_OK(pipc_server_run(hosted.server, NULL));
    CHECK_EQ(server_status(&hosted).sessions, 0);
    server_end(&hosted);
}

TEST(server_drain, before_run_closes_the_listener)
{
    struct pipc_context *context = server_context();
    struct hosted hosted = {.context = context};
    struct stat st;
    CHECK_OK(pipc_server_create(context, test_dir(), SERVICE, "scripted", 1, server_handler(), 1,
                                NULL, &hosted.server, NULL));
    CHECK(drain(&hosted, 0));
    CHECK_EQ(stat(test_path(SERVICE ".sock"), &st), (uint64_t)-1);
    CHECK_OK(pipc_server_drain(hosted.server, 0, NULL));
    server_end(&hosted);
}

struct draining {
    struct hosted *hosted;
    pthread_t thread;
    uint32_t timeout_ms;
    bool clean;
    bool destroy;
    uint32_t done; /* atomic */
};

static void *drain_thread(void *arg)
{
    struct draining *draining = arg;
    if (draining->destroy)
        CHECK_OK(pipc_server_destroy(draining->hosted->server));
    else
        draining->clean = drain(draining->hosted, draining->timeout_ms);
    __atomic_store_n(&draining->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void drain_begin(struct draining *draining)
{
    CHECK_EQ(pthread_create(&draining->thread, NULL, drain_thread, draining), 0);
}

static bool run_has_left(void *arg)
{
    return !server_status(arg).running;
}

/* A client inside a callback; the gate is entered. */
static void open_busy(struct hosted *hosted, struct gate *gate, struct raw *raw)
{
    static struct scripted_handler handler;
    gate_make(gate);
    handler = gated(gate);
    server_start(hosted, NULL, "scripted", &handler, 2, NULL);
    raw_open(raw);
    CHECK(raw_request(raw, 7, "echo", 4));
    gate_await(&gate->entered);
}

TEST(server_drain, a_busy_session_finishes_its_callback_and_answers)
{
    struct hosted hosted;
    struct gate gate;
    struct raw raw;
    struct pipc_header header;
    uint8_t buf[8];
    open_busy(&hosted, &gate, &raw);
    if (test_plane_has_packets())
        CHECK(raw_request(&raw, 8, "echo", 4)); /* queued behind it: not begun any more */
    struct draining draining = {.hosted = &hosted, .timeout_ms = 60000};
    drain_begin(&draining);
    test_wait_until(run_has_left, &hosted, 5000, "run leaves");
    CHECK_EQ(raw_answer_within(&raw, 100, &header, buf, sizeof(buf)), (uint64_t)RAW_QUIET);
    CHECK_EQ(__atomic_load_n(&draining.done, __ATOMIC_ACQUIRE), 0);
    pipci_event_set(&gate.open);
    CHECK_EQ(raw_answer(&raw, &header, buf, sizeof(buf)), 4);
    CHECK_EQ(header.message_id, 7);
    raw_expect_eof(&raw);
    CHECK_EQ(pthread_join(draining.thread, NULL), 0);
    CHECK(draining.clean);
    CHECK_EQ(gate.calls, 1);
    raw_close(&raw);
    server_end(&hosted);
    gate_done(&gate);
}

TEST(server_drain, beyond_its_time_it_still_waits_for_the_callback_and_says_so)
{
    struct hosted hosted;
    struct gate gate;
    struct raw raw;
    struct pipc_header header;
    uint8_t buf[8];
    open_busy(&hosted, &gate, &raw);
    struct draining draining = {.hosted = &hosted, .timeout_ms = 50};
    const uint64_t start = test_now_ms();
    drain_begin(&draining);
    CHECK_EQ(raw_answer_within(&raw, 200, &header, buf, sizeof(buf)), (uint64_t)RAW_QUIET);
    CHECK_EQ(__atomic_load_n(&draining.done, __ATOMIC_ACQUIRE), 0);
    pipci_event_set(&gate.open);
    CHECK_EQ(raw_answer(&raw, &header, buf, sizeof(buf)), 4); /* forced, but it had finished */
    CHECK_EQ(pthread_join(draining.thread, NULL), 0);
    CHECK(!draining.clean);
    CHECK(test_now_ms() - start >= 200);
    raw_expect_eof(&raw);
    raw_close(&raw);
    server_end(&hosted);
    gate_done(&gate);
}

static bool all_requests_seen(void *arg)
{
    const struct pipc_server_status status = server_status(arg);
    return status.sessions == 2 && status.requests == 1;
}

TEST(server_drain, stalled_clients_are_forced_and_reported)
{
    struct hosted hosted;
    struct raw stalled, deaf;
    test_needs_packets("nobody stops inside a message or keeps an answer from being sent");
    server_start_large(&hosted, 0);
    raw_open_stalled(&stalled);
    raw_open_deaf(&deaf);
    test_wait_until(all_requests_seen, &hosted, 5000, "both clients are in their state");
    const uint64_t start = test_now_ms();
    CHECK(!drain(&hosted, 100));
    CHECK(test_now_ms() - start >= 100);
    server_check_time(start, 1000, "drain");
    raw_close(&stalled);
    raw_close(&deaf);
    server_end(&hosted);
}

TEST(server_destroy, returns_though_clients_stall_and_do_not_read)
{
    struct hosted hosted;
    struct raw stalled, deaf, silent;
    test_needs_packets("nobody stops inside a message or keeps an answer from being sent");
    server_start_large(&hosted, 0);
    raw_open_stalled(&stalled);
    raw_open_deaf(&deaf);
    raw_connect(&silent);
    test_wait_until(all_requests_seen, &hosted, 5000, "both clients are in their state");
    const uint64_t start = test_now_ms();
    server_end(&hosted);
    server_check_time(start, 1000, "destroy");
    raw_close(&stalled);
    raw_close(&deaf);
    raw_close(&silent);
}

TEST(server_destroy, during_run_waits_for_it_and_for_the_callback)
{
    struct hosted hosted;
    struct gate gate;
    struct raw raw;
    struct pipc_header header;
    uint8_t buf[8];
    open_busy(&hosted, &gate, &raw);
    struct draining draining = {.hosted = &hosted, .destroy = true};
    drain_begin(&draining);
    CHECK_EQ(raw_answer_within(&raw, 250, &header, buf, sizeof(buf)), (uint64_t)RAW_QUIET);
    CHECK_EQ(__atomic_load_n(&draining.done, __ATOMIC_ACQUIRE), 0);
    pipci_event_set(&gate.open);
    CHECK_EQ(raw_answer(&raw, &header, buf, sizeof(buf)), 4);
    CHECK_EQ(pthread_join(draining.thread, NULL), 0);
    server_join(&hosted);
    CHECK_OK(hosted.run_result);
    raw_close(&raw);
    CHECK_OK(pipc_close(hosted.context));
    gate_done(&gate);
}

TEST(server_destroy, leaves_no_thread_descriptor_or_endpoint)
{
    struct pipc_context *context = server_context();
    server_warm_up();
    struct watched_counts before = {test_open_descriptors(), test_threads()};
    struct hosted hosted;
    struct raw raws[3];
    struct stat st;
    server_start(&hosted, context, "scripted", NULL, 3, NULL);
    for (int i = 0; i < 3; i++) {
        raw_open(&raws[i]);
        raw_expect_service(&raws[i]);
    }
    CHECK_OK(pipc_server_destroy(hosted.server));
    server_join(&hosted);
    for (int i = 0; i < 3; i++) {
        raw_expect_eof(&raws[i]);
        raw_close(&raws[i]);
    }
    CHECK_EQ(stat(test_path(SERVICE ".sock"), &st), (uint64_t)-1);
    test_wait_until(server_counts_are_back, &before, 2000, "threads and descriptors are back");
    CHECK_OK(pipc_close(context));
}

TEST(server_destroy, a_context_with_a_server_cannot_be_closed)
{
    struct hosted hosted;
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    CHECK_RESULT(pipc_close(hosted.context), PIPC_ERR_BAD_PARAM);
    server_end(&hosted);
}
