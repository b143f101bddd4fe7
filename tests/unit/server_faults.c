/* SPDX-License-Identifier: Apache-2.0
 *
 * The server when the system fails it: no memory, no thread, a listener or a send that fails,
 * transports without handles, signals.
 */
#include "base_memory.h"
#include "server_fixture.h"
#include "session_mem.h"

#include "core/service/server.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static pipc_result create(struct pipc_context *context, struct pipc_server **ret_server,
                          struct pipc_error *err)
{
    return pipc_server_create(context, test_dir(), SERVICE, "scripted", 1, server_handler(), 2,
                              NULL, ret_server, err);
}

/* ---- memory ---- */

TEST(server_memory, every_failing_allocation_of_create_is_told_and_leaves_nothing)
{
    struct base_memory memory;
    struct stat st;
    base_memory_init(&memory);
    struct pipc_context *context = server_context_full(NULL, NULL, NULL, NULL, &memory.allocator);
    const uint64_t live = memory.live;
    const unsigned descriptors = test_open_descriptors();
    pipc_result result = PIPC_ERR_ALLOC;
    uint64_t n = 1;
    for (; result != PIPC_OK; n++) {
        struct pipc_server *server = NULL;
        struct pipc_error err = PIPC_ERROR_INIT;
        memory.fail_at = memory.calls + n;
        result = create(context, &server, &err);
        memory.fail_at = 0;
        if (result == PIPC_OK) {
            CHECK_OK(pipc_server_destroy(server));
        } else {
            CHECK_RESULT(result, PIPC_ERR_ALLOC);
            CHECK(err.text[0] != 0);
            CHECK(server == NULL);
            CHECK_EQ(stat(test_path(SERVICE ".sock"), &st), (uint64_t)-1);
        }
        CHECK_EQ(memory.live, live);
        CHECK_EQ(test_open_descriptors(), descriptors);
    }
    CHECK(n > 4);
    CHECK_OK(pipc_close(context));
    CHECK_EQ(memory.live, 0);
    CHECK_EQ(memory.zero_sizes, 0);
}

TEST(server_memory, run_without_memory_is_told_and_can_be_repeated)
{
    struct base_memory memory;
    struct pipc_server *server = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    base_memory_init(&memory);
    struct pipc_context *context = server_context_full(NULL, NULL, NULL, NULL, &memory.allocator);
    CHECK_OK(create(context, &server, &err));
    for (uint64_t n = 1; n <= 2; n++) {
        memory.fail_at = memory.calls + n;
        CHECK_RESULT(pipc_server_run(server, &err), PIPC_ERR_ALLOC);
        memory.fail_at = 0;
    }
    CHECK_OK(pipc_server_stop(server));
    CHECK_OK(pipc_server_run(server, &err));
    CHECK_OK(pipc_server_destroy(server));
    CHECK_OK(pipc_close(context));
    CHECK_EQ(memory.live, 0);
}

/* One client from connect to answer while the n-th allocation fails: it is served or told. Whether
 * that many were made. */
static bool visit_with_failure(struct base_memory *memory, uint64_t n)
{
    struct raw raw;
    struct pipc_header header;
    const struct pipc_hello hello = raw_hello();
    const uint64_t at = __atomic_load_n(&memory->calls, __ATOMIC_RELAXED) + n;
    __atomic_store_n(&memory->fail_at, at, __ATOMIC_RELAXED);
    raw_connect(&raw);
    const int status = raw_shake(&raw, &hello);
    if (status == 0 && raw_request(&raw, 1, "echo", 4)) {
        uint8_t buf[8];
        const long got = raw_answer(&raw, &header, buf, sizeof(buf));
        CHECK(got == 4 || got == 0 || got == RAW_EOF);
        if (got == 0)
            CHECK_EQ(header.transport_status, PIPC_STATUS_INTERNAL_ERROR);
    } else { /* 0: closed at once for lack of a buffer */
        CHECK(status == RAW_EOF || status == PIPC_STATUS_INTERNAL_ERROR || status == 0);
    }
    raw_close(&raw);
    const bool reached = __atomic_load_n(&memory->calls, __ATOMIC_RELAXED) >= at;
    __atomic_store_n(&memory->fail_at, 0, __ATOMIC_RELAXED);
    return reached;
}

TEST(server_memory, a_failing_allocation_costs_at_most_one_session)
{
    struct base_memory memory;
    struct hosted hosted;
    base_memory_init(&memory);
    server_start(&hosted, server_context_full(NULL, NULL, NULL, NULL, &memory.allocator),
                 "scripted", NULL, 2, NULL);
    uint64_t n = 1;
    while (visit_with_failure(&memory, n)) {
        CHECK(++n < 100);
        server_wait_sessions(&hosted, 0);
        raw_expect_new_client(5000);
        server_wait_sessions(&hosted, 0);
    }
    /* connection, handshake, worker, thread, session, buffers: each failed once */
    CHECK_MSG(n > 5, "%u allocations", (unsigned)n);
    server_end(&hosted);
    CHECK_EQ(memory.live, 0);
}

TEST(server_memory, no_thread_is_a_refusal_before_the_client_hears_of_success)
{
    struct base_memory memory;
    struct hosted hosted;
    struct raw raw;
    const struct pipc_hello hello = raw_hello();
    base_memory_init(&memory);
    server_start(&hosted, server_context_full(NULL, NULL, NULL, NULL, &memory.allocator),
                 "scripted", NULL, 1, NULL);
    raw_connect(&raw); /* its handshake object is made first */
    server_wait_handshakes(&hosted, 1);
    /* The next two allocations are the session's; one after that is the worker's, then the
     * thread's. */
    __atomic_store_n(&memory.fail_all, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&memory.fail_at, __atomic_load_n(&memory.calls, __ATOMIC_RELAXED) + 1,
                     __ATOMIC_RELAXED);
    CHECK_EQ((uint64_t)raw_shake(&raw, &hello), PIPC_STATUS_INTERNAL_ERROR);
    __atomic_store_n(&memory.fail_at, 0, __ATOMIC_RELAXED);
    raw_close(&raw);
    server_wait_sessions(&hosted, 0);
    raw_expect_new_client(5000);
    server_end(&hosted);
    CHECK_EQ(memory.live, 0);
}

/* ---- the transport ---- */

static void start_on(struct hosted *hosted, const struct pipc_module *module, const char *name)
{
    session_control_reset();
    session_control.send.result = PIPC_ERR_SEND;
    session_control.send.os_code = 32;
    server_start(hosted, server_context_with(module, "pipc", "transports", name), "scripted", NULL,
                 2, NULL);
}

/* While the server runs: the n-th send fails, with what start_on has set. */
static void fail_send(unsigned n)
{
    __atomic_store_n(&session_control.send.at, n, __ATOMIC_RELEASE);
}

static void expect_call(struct hosted *hosted)
{
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_message message = {.size = sizeof(message),
                                   .kind = PIPC_KIND_REQUEST,
                                   .code = SCRIPTED_CODE,
                                   .item_count = 1,
                                   .message_id = 3,
                                   .payload = "echo",
                                   .payload_len = 4};
    CHECK_MSG(pipc_connect(hosted->context, test_dir(), SERVICE, NULL, 0, PIPC_NO_HANDLE, &session,
                           NULL, &err) == PIPC_OK,
              "%s", err.text);
    CHECK_OK(pipc_session_send(session, &message, TEST_LONG, PIPC_NO_HANDLE, NULL));
    CHECK_OK(pipc_session_receive(session, 20000, 0, PIPC_NO_HANDLE, &message, NULL));
    CHECK_EQ(message.payload_len, 4);
    pipc_session_close(session);
}

TEST(server_transport, any_baseline_will_do)
{
    struct hosted hosted;
    start_on(&hosted, &session_mem_module, "mem");
    expect_call(&hosted);
    expect_call(&hosted);
    server_wait_sessions(&hosted, 0);
    server_end(&hosted);
}

static bool ask_peer(void *user, const struct scripted_call *call)
{
    struct pipc_peer peer = {.size = sizeof(peer), .pid = 7};
    *(pipc_result *)user = pipc_request_peer(call->from, &peer);
    return peer.pid == 7;
}

TEST(server_transport, an_unknown_peer_is_told_as_not_supported)
{
    struct hosted hosted;
    pipc_result result = PIPC_OK;
    const struct scripted_handler handler = {
        .size = sizeof(handler), .user = &result, .callback = ask_peer};
    session_control_reset();
    session_control.no_peer = true;
    server_start(&hosted, server_context_with(&session_mem_module, "pipc", "transports", "mem"),
                 "scripted", &handler, 1, NULL);
    expect_call(&hosted);
    CHECK_RESULT(result, PIPC_ERR_NOT_SUPPORTED);
    server_end(&hosted);
}

TEST(server_transport, without_handles_it_is_looked_at_on_a_cadence)
{
    struct hosted hosted;
    start_on(&hosted, &session_blind_module, "blind");
    expect_call(&hosted);
    expect_call(&hosted);
    const uint64_t start = test_now_ms();
    server_end(&hosted);
    CHECK(test_now_ms() - start <= test_limit(1000));
}

TEST(server_transport, a_failing_accept_is_counted_and_tried_again)
{
    struct hosted hosted;
    session_control_reset();
    session_control.accept = (struct session_fault){1, PIPC_ERR_ACCEPT, 24};
    server_start(&hosted, server_context_with(&session_mem_module, "pipc", "transports", "mem"),
                 "scripted", NULL, 2, NULL);
    expect_call(&hosted);
    CHECK_EQ(server_status(&hosted).accept_failures, 1);
    server_end(&hosted);
}

TEST(server_transport, a_listener_of_no_use_ends_run)
{
    struct hosted hosted;
    struct pipc_error err = PIPC_ERROR_INIT;
    memset(&hosted, 0, sizeof(hosted));
    session_control_reset();
    session_control.accept = (struct session_fault){1, PIPC_ERR_BAD_PARAM, 9};
    hosted.context = server_context_with(&session_mem_module, "pipc", "transports", "mem");
    CHECK_OK(create(hosted.context, &hosted.server, &err));
    const int fd = session_raw_connect(test_dir(), SERVICE);
    CHECK(fd >= 0);
    CHECK_RESULT(pipc_server_run(hosted.server, &err), PIPC_ERR_ACCEPT);
    CHECK_HAS(err.text, SERVICE);
    CHECK_EQ(server_status(&hosted).running, 0);
    close(fd);
    server_end(&hosted);
}

TEST(server_transport, a_failing_send_ends_its_session_alone)
{
    struct hosted hosted;
    struct pipc_session *other = NULL, *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_message message = {.size = sizeof(message),
                                   .kind = PIPC_KIND_REQUEST,
                                   .code = SCRIPTED_CODE,
                                   .item_count = 1,
                                   .message_id = 3,
                                   .payload = "echo",
                                   .payload_len = 4};
    start_on(&hosted, &session_mem_module, "mem");
    CHECK_OK(pipc_connect(hosted.context, test_dir(), SERVICE, NULL, 0, PIPC_NO_HANDLE, &other,
                          NULL, &err));
    CHECK_OK(pipc_connect(hosted.context, test_dir(), SERVICE, NULL, 0, PIPC_NO_HANDLE, &session,
                          NULL, &err));
    server_wait_sessions(&hosted, 2);
    /* the client's send is the next one, the answer the one after */
    fail_send(2);
    CHECK_OK(pipc_session_send(session, &message, TEST_LONG, PIPC_NO_HANDLE, NULL));
    CHECK_RESULT(pipc_session_receive(session, 20000, 0, PIPC_NO_HANDLE, &message, NULL),
                 PIPC_ERR_DISCONNECTED);
    server_wait_sessions(&hosted, 1);
    message.kind = PIPC_KIND_REQUEST;
    message.message_id = 4;
    CHECK_OK(pipc_session_send(other, &message, TEST_LONG, PIPC_NO_HANDLE, NULL));
    CHECK_OK(pipc_session_receive(other, 20000, 0, PIPC_NO_HANDLE, &message, NULL));
    pipc_session_close(other);
    pipc_session_close(session);
    server_end(&hosted);
}

/* A client whose HELLO_ACK cannot be sent: the slot and the thread taken for it are given back. */
TEST(server_transport, a_handshake_that_fails_late_gives_its_slot_back)
{
    struct hosted hosted;
    uint8_t packet[PIPC_HANDSHAKE_BUF_LEN], buf[128];
    struct pipc_hello hello = session_hello();
    start_on(&hosted, &session_mem_module, "mem");
    for (int i = 0; i < 4; i++) { /* more often than there are slots */
        const int fd = session_raw_connect(test_dir(), SERVICE);
        const size_t len = session_hello_packet(&hello, packet);
        fail_send(1);
        session_raw_send(fd, packet, len);
        CHECK_EQ((uint64_t)session_raw_receive(fd, buf, sizeof(buf), 20000), 0);
        close(fd);
        server_wait_sessions(&hosted, 0);
    }
    expect_call(&hosted);
    CHECK_EQ(server_status(&hosted).rejected_other, 4);
    CHECK_EQ(server_status(&hosted).accepted, 1);
    server_end(&hosted);
}

/* No handle tells when the system has buffers again. */
TEST(server_transport, a_hello_ack_that_finds_no_room_goes_out_a_little_later)
{
    struct pipc_server_config config = server_config();
    struct hosted hosted;
    uint8_t packet[PIPC_HANDSHAKE_BUF_LEN], buf[128];
    struct pipc_hello hello = session_hello();
    session_control_reset();
    session_control.send.result = PIPC_ERR_TIMEOUT;
    config.handshake_timeout_ms = 2 * TEST_LONG;
    server_start(&hosted, server_context_with(&session_mem_module, "pipc", "transports", "mem"),
                 "scripted", NULL, 2, &config);
    const int fd = session_raw_connect(test_dir(), SERVICE);
    const size_t len = session_hello_packet(&hello, packet);
    fail_send(1);
    session_raw_send(fd, packet, len);
    CHECK_EQ((uint64_t)session_raw_receive(fd, buf, sizeof(buf), TEST_LONG),
             PIPC_HEADER_LEN + PIPC_HELLO_ACK_LEN);
    server_wait_sessions(&hosted, 1);
    server_wait_handshakes(&hosted, 0);
    close(fd);
    server_wait_sessions(&hosted, 0);
    expect_call(&hosted);
    server_end(&hosted);
}

/* ---- signals ---- */

static volatile sig_atomic_t handled;

static void handle(int number)
{
    (void)number;
    handled = 1;
}

TEST(server_signals, never_run_on_session_threads)
{
    struct hosted hosted;
    struct raw raw;
    sigset_t set, pending;
    const struct sigaction action = {.sa_handler = handle};
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0); /* also of run, which is our thread */
    server_start(&hosted, NULL, "scripted", NULL, 2, NULL);
    raw_open(&raw);
    raw_expect_service(&raw);
    CHECK_EQ(kill(getpid(), SIGALRM), 0);
    raw_expect_service(&raw);
    CHECK_EQ(sigpending(&pending), 0);
    CHECK_EQ(sigismember(&pending, SIGALRM), 1); /* nobody took it */
    CHECK_EQ(handled, 0);
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
    CHECK_EQ(handled, 1);
    raw_close(&raw);
    server_end(&hosted);
}
