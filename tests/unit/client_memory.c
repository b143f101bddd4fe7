/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of a client: failure of every single allocation, no allocation in a steady stream of
 * calls, forked children.
 */
#include "base_memory.h"
#include "client_script.h"
#include "core/service/client.h"
#include "test.h"

#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct base_memory memory;
static struct pipc_context *context;
static struct script *script;

static void begin(void)
{
    base_memory_init(&memory);
    context = script_context(&memory.allocator);
    script = script_start(NULL, 0, NULL);
}

static void end(void)
{
    script_stop(script);
    script_context_close(context);
    CHECK_EQ(memory.live, 0);
    CHECK_EQ(memory.zero_sizes, 0);
}

/* The n-th allocation from here on fails, counted from 1. */
static void fail_nth(uint64_t n)
{
    __atomic_store_n(&memory.calls, 0, __ATOMIC_RELAXED);
    memory.fail_at = n;
}

static bool failed(void)
{
    const bool hit = __atomic_load_n(&memory.calls, __ATOMIC_RELAXED) >= memory.fail_at;

    memory.fail_at = 0;
    return hit;
}

TEST(client_memory, create_survives_the_failure_of_every_allocation)
{
    struct pipc_client *client = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    unsigned failures = 0;
    begin();
    for (uint64_t n = 1;; n++) {
        fail_nth(n);
        client = (struct pipc_client *)&client;
        const pipc_result result =
            pipc_client_create(context, test_dir(), SCRIPT_SERVICE, NULL, &client, &err);
        if (!failed()) {
            CHECK_OK(result);
            break;
        }
        CHECK_RESULT(result, PIPC_ERR_ALLOC);
        CHECK(client == NULL);
        CHECK_HAS(err.text, SCRIPT_SERVICE);
        failures++;
    }
    CHECK(failures >= 3);
    pipc_client_close(client);
    for (uint64_t n = 1; n <= 2; n++) {
        fail_nth(n);
        CHECK_RESULT(pipc_client_init(client, test_dir(), SCRIPT_SERVICE, NULL, &err),
                     PIPC_ERR_ALLOC);
        CHECK(failed());
    }
    CHECK_OK(pipc_client_init(client, test_dir(), SCRIPT_SERVICE, NULL, &err));
    pipc_client_destroy(client);
    end();
}

/* After a failure that was the client's own. One inside an attach has withdrawn the plane for a
 * minute. */
static pipc_result refresh_again(struct pipc_client *client)
{
    const struct pipc_client_status status = script_status(client);
    const pipc_result result = pipc_client_refresh_timeout(client, 0, NULL, NULL);

    if (!status.withdrawn_profiles) {
        CHECK_OK(result);
        return result;
    }
    CHECK(!test_plane_has_packets());
    CHECK_EQ(status.withdrawn_profiles & test_plane_bit(), test_plane_bit());
    CHECK(status.withdrawn_for_ms > 0);
    CHECK(status.withdrawn_for_ms <= PIPC_CLIENT_ATTACH_WITHDRAW_MS);
    CHECK(result != PIPC_OK);
    return result;
}

TEST(client_memory, refresh_survives_the_failure_of_every_allocation)
{
    unsigned failures = 0;
    begin();
    for (uint64_t n = 1;; n++) {
        struct pipc_client *client = script_client(context, NULL, true);
        fail_nth(n);
        pipc_result result = pipc_client_refresh_timeout(client, 0, NULL, NULL);
        const bool hit = failed();
        if (result != PIPC_OK) {
            CHECK(hit);
            CHECK_RESULT(result, PIPC_ERR_ALLOC);
            CHECK_EQ(script_status(client).state, PIPC_CLIENT_DISCONNECTED);
            CHECK(script_status(client).last_attempt.text[0] != 0);
            failures++;
            result = refresh_again(client);
        }
        CHECK_EQ(pipc_client_ready(client), result == PIPC_OK);
        pipc_client_destroy(client);
        if (!hit)
            break;
    }
    CHECK(failures >= 1);
    end();
}

TEST(client_memory, call_survives_the_failure_of_every_allocation)
{
    static char bytes[900];
    unsigned kept = 0;
    uint32_t errors = 0;
    begin();
    memset(bytes, 'y', sizeof(bytes));
    for (uint64_t n = 1;; n++) {
        struct pipc_client *client = script_ready(context, NULL, true);
        struct pipc_string_reverse_view view;
        struct pipc_error err = PIPC_ERROR_INIT;
        memset(&view, 0x55, sizeof(view));
        fail_nth(n);
        /* the script answers with a changed header, so the payload may decode or not: only memory
         * matters here */
        const pipc_result result =
            pipc_client_call_string_reverse(client, bytes, sizeof(bytes), &view, 0, &err);
        const bool hit = failed();
        if (result == PIPC_ERR_ALLOC) {
            CHECK(hit);
            CHECK(err.text[0] != 0);
            CHECK(view.str.ptr == NULL && view.str.len == 0);
            errors++;
            CHECK_EQ(script_status(client).error_count, 1);
            if (pipc_client_ready(client))
                kept++;
        }
        pipc_client_destroy(client);
        if (!hit)
            break;
    }
    CHECK(errors >= 1);
    if (test_plane_has_packets()) /* elsewhere a request is built in place, without memory */
        CHECK(kept >= 1);
    end();
}

TEST(client_memory, no_memory_for_the_request_keeps_the_session)
{
    uint64_t value = 7;
    struct pipc_error err = PIPC_ERROR_INIT;
    test_needs_packets("a request is built in place, without memory");
    begin();
    struct pipc_client *client = script_ready(context, NULL, true);
    fail_nth(1);
    CHECK_RESULT(script_call(client, 1, &value, 0, &err), PIPC_ERR_ALLOC);
    CHECK(failed());
    CHECK_EQ(value, 0);
    CHECK_HAS(err.text, SCRIPT_SERVICE);
    CHECK(pipc_client_ready(client));
    CHECK_EQ(script_requests(script), 0);
    CHECK_OK(script_call(client, 1, &value, 0, &err));
    CHECK_EQ(script_hellos(script), 1);
    pipc_client_destroy(client);
    end();
}

TEST(client_memory, a_steady_stream_of_calls_allocates_nothing)
{
    uint64_t values[16] = {0};
    uint64_t value;
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_request_batch_items = 16};
    begin();
    struct pipc_client *client = script_ready(context, &config, true);
    CHECK_EQ(client->request_cap, 0);
    CHECK_OK(pipc_client_call_increment_batch(client, values, 16, values, 0, NULL));
    CHECK_OK(script_call(client, 1, &value, 0, NULL));
    CHECK_EQ(client->request_cap,
             test_plane_has_packets() ? PIPC_SERVICE_MIN_PAYLOAD_BUFFER_BYTES : 0);
    __atomic_store_n(&memory.calls, 0, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < 200; i++) {
        CHECK_OK(script_call(client, i, &value, 0, NULL));
        CHECK_OK(pipc_client_call_increment_batch(client, values, 16, values, 0, NULL));
    }
    CHECK_EQ(memory.calls, 0);
    pipc_client_close(client);
    CHECK(client->request == NULL);
    pipc_client_destroy(client);
    end();
}

TEST(client_memory, no_descriptors_fail_create_and_refresh_with_a_cause)
{
    struct pipc_client *client = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct rlimit limit;
    begin();
    struct pipc_client *other = script_client(context, NULL, true);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    const struct rlimit none = {.rlim_cur = 3, .rlim_max = limit.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    const pipc_result created =
        pipc_client_create(context, test_dir(), SCRIPT_SERVICE, NULL, &client, &err);
    const pipc_result refreshed = pipc_client_refresh_timeout(other, 0, NULL, NULL);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK_RESULT(created, PIPC_ERR_SOCKET);
    CHECK_EQ(err.os_code, EMFILE);
    CHECK(client == NULL);
    CHECK_RESULT(refreshed, PIPC_ERR_SOCKET);
    CHECK_EQ(script_status(other).last_attempt.os_code, EMFILE);
    CHECK_EQ(script_status(other).state, PIPC_CLIENT_DISCONNECTED);
    CHECK_OK(pipc_client_refresh_timeout(other, 0, NULL, NULL));
    pipc_client_destroy(other);
    end();
}

static size_t largest; /* block that was asked for */

static void *take_and_note(void *arg, size_t size)
{
    if (size > largest)
        largest = size;
    return memory.allocator.alloc(arg, size);
}

TEST(client_memory, agreed_response_limits_are_not_allocated_before_a_response_comes)
{
    static const struct script_conn plans[] = {{.response_limit = 100000000},
                                               {.response_limit = 50000000}};
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .response_ceiling_bytes = 50000000};
    struct pipc_allocator noting;
    uint64_t value;
    test_needs_packets("a message is taken whole, into memory for the largest");
    base_memory_init(&memory);
    noting = memory.allocator;
    noting.alloc = take_and_note;
    context = script_context(&noting);
    script = script_start(plans, 2, NULL);
    struct pipc_client *client = script_client(context, &config, true);
    largest = 0;
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, NULL), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    CHECK_OK(script_call(client, 1, &value, 0, NULL));
    CHECK_MSG(largest <= 1000000, "a block of %zu bytes was asked for", largest);
    pipc_client_destroy(client);
    end();
}

static int child_uses_the_client(void *arg)
{
    struct pipc_client *client = arg;
    struct pipc_client *mine = NULL;
    int changed = 7;

    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, &changed, NULL), PIPC_ERR_FORKED);
    CHECK_EQ(changed, 0);
    CHECK_EQ(pipc_client_refresh(client), 0);
    CHECK_RESULT(pipc_client_create(context, test_dir(), SCRIPT_SERVICE, NULL, &mine, NULL),
                 PIPC_ERR_FORKED);
    CHECK(mine == NULL);
    /* the parent does not feel these */
    pipc_client_abort(client);
    pipc_client_clear_abort(client);
    pipc_client_close(client);
    CHECK_RESULT(pipc_client_init(client, test_dir(), SCRIPT_SERVICE, NULL, NULL), PIPC_ERR_FORKED);
    pipc_client_destroy(client);
    return 0;
}

TEST(client_memory, forked_child_leaves_the_session_of_its_parent_alone)
{
    uint64_t value;
    struct stat st;
    begin();
    struct pipc_client *client = script_ready(context, NULL, true);
    CHECK_OK(script_call(client, 1, &value, 0, NULL));
    CHECK_EQ(test_in_child(child_uses_the_client, client), 0);
    CHECK(stat(test_path(SCRIPT_SERVICE ".sock"), &st) == 0);
    CHECK(pipc_client_ready(client));
    CHECK_OK(script_call(client, 2, &value, 0, NULL));
    CHECK_EQ(value, 3);
    CHECK_EQ(script_hellos(script), 1);
    CHECK_EQ(script_status(client).reconnect_count, 0);
    pipc_client_destroy(client);
    end();
}

static int child_closes_what_others_reach_for(void *arg)
{
    struct pipc_client *client = arg;

    alarm(TEST_LONG / 1000); /* ends what hangs */
    /* as if another thread of the parent had been inside pipc_client_abort */
    __atomic_store_n(&client->reaching, 1, __ATOMIC_RELEASE);
    pipc_client_destroy(client);
    return 0;
}

TEST(client_memory, forked_child_does_not_wait_for_threads_of_its_parent)
{
    uint64_t value;
    begin();
    struct pipc_client *client = script_ready(context, NULL, true);
    CHECK_EQ(test_in_child(child_closes_what_others_reach_for, client), 0);
    CHECK_OK(script_call(client, 2, &value, 0, NULL));
    pipc_client_destroy(client);
    end();
}

static int child_refreshes(void *arg)
{
    struct pipc_client *client = arg;

    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, NULL), PIPC_ERR_FORKED);
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_NOT_FOUND);
    pipc_client_destroy(client);
    return 0;
}

TEST(client_memory, refresh_in_a_forked_child_leaves_the_state)
{
    base_memory_init(&memory);
    context = script_context(&memory.allocator);
    struct pipc_client *client = script_client(context, NULL, true);
    pipc_client_refresh(client);
    CHECK_EQ(test_in_child(child_refreshes, client), 0);
    pipc_client_destroy(client);
    script_context_close(context);
}

static int child_calls(void *arg)
{
    struct pipc_client *client = arg;
    uint64_t value = 7;

    /* the session is lost, and a child of its process may not make another one */
    CHECK(script_call(client, 1, &value, 0, NULL) != PIPC_OK);
    CHECK_EQ(value, 0);
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_BROKEN);
    CHECK_RESULT(script_status(client).last_attempt.result, PIPC_ERR_FORKED);
    pipc_client_destroy(client);
    return 0;
}

TEST(client_memory, call_in_a_forked_child_does_not_reconnect)
{
    /* A socket is closed before the fork, as the child has the server's end of it, too; a region
     * has to be there for the client to attach, and its end mark reaches the child. */
    static const struct script_conn closed = {.close_after_ack = true};
    static const struct script_conn ended = {.answer_count = 1,
                                             .answers = {{.what = SCRIPT_CLOSE}}};
    base_memory_init(&memory);
    context = script_context(&memory.allocator);
    script = script_start(test_plane_has_packets() ? &closed : &ended, 1, NULL);
    struct pipc_client *client = script_ready(context, NULL, true);
    if (test_plane_has_packets())
        script_wait_closes(script, 1);
    CHECK_EQ(test_in_child(child_calls, client), 0);
    CHECK_EQ(script_hellos(script), 1);
    CHECK(pipc_client_ready(client));
    pipc_client_destroy(client);
    end();
}
