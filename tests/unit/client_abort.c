/* SPDX-License-Identifier: Apache-2.0
 *
 * Abort of a client from other threads, wherever it waits, and its precedence.
 */
#include "client_script.h"
#include "core/service/client.h"
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* A thread that aborts once the server has seen what the test waits for. */
struct aborter {
    pthread_t thread;
    struct script *script;
    struct pipc_client *client;
    uint32_t hellos;
    uint32_t requests;
    uint32_t pause_ms; /* then, so that the client really waits */
    bool by_signal;    /* the owner's own thread aborts, in a handler */
    pthread_t owner;
    uint64_t at;
};

static struct pipc_client *signalled;

static void on_signal(int number)
{
    (void)number;
    pipc_client_abort(signalled);
}

static void *abort_later(void *arg)
{
    struct aborter *a = arg;

    while (script_hellos(a->script) < a->hellos || script_requests(a->script) < a->requests)
        usleep(500);
    usleep(a->pause_ms * 1000);
    a->at = test_now_ms();
    if (a->by_signal)
        pthread_kill(a->owner, SIGUSR1);
    else
        pipc_client_abort(a->client);
    return NULL;
}

static void start(struct aborter *a)
{
    struct sigaction act = {.sa_handler = on_signal};

    signalled = a->client;
    a->owner = pthread_self();
    CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
    CHECK(pthread_create(&a->thread, NULL, abort_later, a) == 0);
}

static void check_prompt(struct aborter *a)
{
    const uint64_t now = test_now_ms();

    pthread_join(a->thread, NULL);
    CHECK_MSG(now - a->at <= test_limit(200), "the abort took %u ms", (unsigned)(now - a->at));
}

static void aborted_call(const struct script_conn *plan, const struct script_conn *then,
                         struct aborter *a, uint32_t drain_ms)
{
    struct pipc_context *context = script_context(NULL);
    struct script *script = script_start(plan, 1, then);
    struct pipc_client *client = script_ready(context, NULL, true);
    struct pipc_error err = PIPC_ERROR_INIT;
    uint64_t value = 7;

    client->times.drain_ms = drain_ms;
    a->script = script;
    a->client = client;
    start(a);
    CHECK_RESULT(script_call(client, 1, &value, 0, &err), PIPC_ERR_ABORTED);
    check_prompt(a);
    CHECK_EQ(value, 0);
    CHECK_HAS(err.text, SCRIPT_SERVICE);
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_BROKEN);
    CHECK_EQ(script_status(client).error_count, 1);
    /* sticky */
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, NULL), PIPC_ERR_ABORTED);
    pipc_client_clear_abort(client);
    pipc_client_destroy(client);
    script_stop(script);
    script_context_close(context);
}

TEST(client_abort, wakes_a_call_that_waits_for_its_answer)
{
    static const struct script_conn plan = {.answer_count = 1,
                                            .answers = {{.what = SCRIPT_SILENT}}};
    struct aborter a = {.requests = 1, .pause_ms = 20};
    aborted_call(&plan, NULL, &a, 1);
}

TEST(client_abort, from_a_signal_handler_on_the_owners_thread_wakes_its_call)
{
    static const struct script_conn plan = {.answer_count = 1,
                                            .answers = {{.what = SCRIPT_SILENT}}};
    struct aborter a = {.requests = 1, .pause_ms = 20, .by_signal = true};
    aborted_call(&plan, NULL, &a, 1);
}

TEST(client_abort, wakes_a_call_between_chunks)
{
    static uint8_t bytes[96];
    static const struct script_conn plan = {.packet_size = 128,
                                            .answer_count = 1,
                                            .answers = {{.what = SCRIPT_STALL,
                                                         .own_payload = true,
                                                         .payload = bytes,
                                                         .payload_len = 96,
                                                         .declared = 300}}};
    struct aborter a = {.requests = 1, .pause_ms = 20};
    test_needs_packets("there are no chunks");
    aborted_call(&plan, NULL, &a, 1);
}

TEST(client_abort, wakes_a_call_in_the_drain_pause)
{
    static const struct script_conn plan = {.answer_count = 1, .answers = {{.what = SCRIPT_CLOSE}}};
    struct aborter a = {.requests = 1, .pause_ms = 20};
    aborted_call(&plan, NULL, &a, TEST_LONG);
}

TEST(client_abort, wakes_a_call_in_a_reconnect)
{
    static const struct script_conn plan = {.answer_count = 1, .answers = {{.what = SCRIPT_CLOSE}}};
    static const struct script_conn mute = {.hello = SCRIPT_MUTE};
    struct aborter a = {.hellos = 2, .pause_ms = 20};
    aborted_call(&plan, &mute, &a, 1);
}

TEST(client_abort, gives_up_a_refresh_in_progress)
{
    static const struct script_conn mute = {.hello = SCRIPT_MUTE};
    struct pipc_context *context = script_context(NULL);
    struct script *script = script_start(&mute, 1, NULL);
    struct pipc_client *client = script_client(context, NULL, false);
    struct aborter a = {.script = script, .client = client, .hellos = 1, .pause_ms = 20};
    start(&a);
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, NULL), PIPC_ERR_ABORTED);
    check_prompt(&a);
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_DISCONNECTED);
    pipc_client_destroy(client);
    script_stop(script);
    script_context_close(context);
}

TEST(client_abort, before_a_call_sends_nothing_and_is_sticky)
{
    struct pipc_context *context = script_context(NULL);
    struct script *script = script_start(NULL, 0, NULL);
    struct pipc_client *client = script_ready(context, NULL, true);
    uint64_t value = 7;
    pipc_client_abort(client);
    pipc_client_abort(client);
    CHECK_RESULT(script_call(client, 1, &value, 0, NULL), PIPC_ERR_ABORTED);
    CHECK_EQ(value, 0);
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_BROKEN);
    /* a second call finds a client that is not ready; a reconnect finds the flag */
    CHECK_RESULT(script_call(client, 1, &value, 0, NULL), PIPC_ERR_NOT_READY);
    CHECK_EQ(pipc_client_refresh(client), 0);
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_BROKEN);
    CHECK_EQ(script_requests(script), 0);
    CHECK_EQ(script_hellos(script), 1);
    CHECK_EQ(script_status(client).error_count, 2);
    pipc_client_clear_abort(client);
    CHECK_EQ(pipc_client_refresh(client), 1);
    CHECK_EQ(script_status(client).reconnect_count, 1);
    CHECK_OK(script_call(client, 1, &value, 0, NULL));
    CHECK_EQ(value, 2);
    pipc_client_destroy(client);
    script_stop(script);
    script_context_close(context);
}

TEST(client_abort, of_a_client_that_is_not_ready_leaves_not_ready)
{
    struct pipc_context *context = script_context(NULL);
    struct pipc_client *client = script_client(context, NULL, false);
    uint64_t value;
    pipc_client_abort(client);
    CHECK_RESULT(script_call(client, 1, &value, 0, NULL), PIPC_ERR_NOT_READY);
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_DISCONNECTED);
    pipc_client_destroy(client);
    script_context_close(context);
}

TEST(client_abort, is_cleared_by_close)
{
    struct pipc_context *context = script_context(NULL);
    struct script *script = script_start(NULL, 0, NULL);
    struct pipc_client *client = script_client(context, NULL, false);
    pipc_client_abort(client);
    pipc_client_close(client);
    CHECK_OK(pipc_client_init(client, test_dir(), SCRIPT_SERVICE, NULL, NULL));
    CHECK_EQ(pipc_client_refresh(client), 1);
    CHECK(pipc_client_ready(client));
    pipc_client_destroy(client);
    script_stop(script);
    script_context_close(context);
}

/* The interrupt of an abort may strike a session after its call, and the abort be cleared then. */
TEST(client_abort, that_is_over_costs_the_session_and_not_the_next_call)
{
    test_needs_packets("abort wakes it and never interrupts it");
    struct pipc_context *context = script_context(NULL);
    struct script *script = script_start(NULL, 0, NULL);
    struct pipc_client *client = script_ready(context, NULL, true);
    uint64_t value;
    pipc_session_interrupt(client->session);
    CHECK_OK(script_call(client, 1, &value, 0, NULL));
    CHECK_EQ(value, 2);
    CHECK_EQ(script_status(client).reconnect_count, 1);
    CHECK_EQ(script_status(client).error_count, 0);
    pipc_client_destroy(client);
    script_stop(script);
    script_context_close(context);
}

static void *abort_in_a_loop(void *arg)
{
    struct pipc_client *client = arg;

    for (unsigned i = 0; i < 300; i++) {
        pipc_client_abort(client);
        pipc_client_clear_abort(client);
    }
    return NULL;
}

TEST(client_abort, may_race_with_calls_refresh_and_close)
{
    struct pipc_context *context = script_context(NULL);
    struct script *script = script_start(NULL, 0, NULL);
    struct pipc_client *client = script_client(context, NULL, true);
    pthread_t thread;
    uint64_t value;
    CHECK(pthread_create(&thread, NULL, abort_in_a_loop, client) == 0);
    for (uint64_t i = 0; i < 100; i++) {
        pipc_client_refresh(client);
        if (script_call(client, i, &value, 1000, NULL) == PIPC_OK)
            CHECK_EQ(value, i + 1);
        else
            CHECK_EQ(value, 0);
        if (i % 20 == 19) {
            pipc_client_close(client);
            CHECK_OK(pipc_client_init(client, test_dir(), SCRIPT_SERVICE, NULL, NULL));
        }
    }
    pthread_join(thread, NULL);
    pipc_client_clear_abort(client);
    pipc_client_close(client);
    CHECK_OK(pipc_client_init(client, test_dir(), SCRIPT_SERVICE, NULL, NULL));
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    CHECK_OK(script_call(client, 1, &value, 0, NULL));
    pipc_client_destroy(client);
    script_stop(script);
    script_context_close(context);
}
