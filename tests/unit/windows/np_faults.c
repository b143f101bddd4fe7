/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of the system that fail: what is told, what goes on.
 */
#include "windows/np_fixture.h"
#include "windows/win_calls.h"

TEST(np_faults, a_first_instance_that_cannot_be_made_is_told_by_its_cause)
{
    static const struct {
        DWORD code;
        pipc_result result;
    } rows[] = {{ERROR_ACCESS_DENIED, PIPC_ERR_ADDR_IN_USE},
                {ERROR_PIPE_BUSY, PIPC_ERR_ADDR_IN_USE},
                {ERROR_NOT_ENOUGH_MEMORY, PIPC_ERR_SOCKET},
                {ERROR_INVALID_PARAMETER, PIPC_ERR_SOCKET}};
    struct np_fixture f;
    void *listener = NULL;

    np_fixture_open(&f);
    for (size_t i = 0; i < 4; i++) {
        win_refuse(WIN_CreateNamedPipeW, 0, 1, rows[i].code);
        CHECK_RESULT(np_try_listen(&f, NULL, "service", &listener), rows[i].result);
        CHECK_EQ(f.err.os_code, rows[i].code);
        win_refuse(WIN_ConnectNamedPipe, 0, 1, rows[i].code);
        CHECK_RESULT(np_try_listen(&f, NULL, "service", &listener), rows[i].result);
    }
    CHECK_EQ(f.live, 1);
    np_fixture_close(&f);
}

TEST(np_faults, the_question_whether_a_name_is_in_use_may_fail)
{
    struct np_fixture f;
    void *listener = NULL;

    np_fixture_open(&f);
    win_refuse(WIN_WaitNamedPipeW, 0, 1, ERROR_ACCESS_DENIED);
    listener = np_must_listen(&f, "service");
    np_end_listener(&f, listener);
    win_refuse(WIN_WaitNamedPipeW, 0, 1, ERROR_SEM_TIMEOUT);
    CHECK_RESULT(np_try_listen(&f, NULL, "service", &listener), PIPC_ERR_ADDR_IN_USE);
    np_fixture_close(&f);
}

/* Makes `missing` of the further instances fail, then lets everything work again. */
static void recovers(uint32_t missing)
{
    struct np_fixture f;
    void *listener, *client, *server;

    np_fixture_open(&f);
    listener = np_must_listen(&f, "service");
    client = np_must_connect(&f, "service");
    win_refuse(WIN_CreateNamedPipeW, 0, missing, ERROR_NOT_ENOUGH_MEMORY);
    server = np_must_accept(&f, listener); /* served although its successor fails */
    CHECK_OK(np_put(&f, client, "x", 1, TEST_LONG));
    np_expect(&f, server, "x", 1);
    np_end(&f, client);
    np_end(&f, server);
    /* The handle brings whoever watches it back, until all instances listen again. */
    for (uint32_t i = 0;; i++) {
        CHECK(i < 100);
        const pipc_result result = np_try_accept(&f, listener, NP_NOW, &server);
        if (result == PIPC_ERR_TIMEOUT)
            break;
        CHECK_RESULT(result, PIPC_ERR_ACCEPT);
        CHECK_EQ(f.err.os_code, ERROR_NOT_ENOUGH_MEMORY);
        CHECK(np_signalled((HANDLE)f.ops->listener_wait_handle(f.self, listener), 0));
        Sleep(PIPC_NP_ACCEPT_PAUSE_MS);
    }
    CHECK(!np_signalled((HANDLE)f.ops->listener_wait_handle(f.self, listener), 0));
    client = np_must_connect(&f, "service");
    server = np_must_accept(&f, listener);
    np_end(&f, client);
    np_end(&f, server);
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_faults, a_successor_that_fails_once_or_ten_times_is_made_later)
{
    recovers(1);
    recovers(10);
}

TEST(np_faults, a_blocking_accept_makes_missing_instances_itself)
{
    struct np_fixture f;
    void *listener, *none = NULL;

    np_fixture_open(&f);
    win_refuse(WIN_CreateNamedPipeW, 1, 5, ERROR_NOT_ENOUGH_MEMORY); /* the first one works */
    listener = np_must_listen(&f, "service");
    for (int i = 0; i < 5 && win_count(WIN_CreateNamedPipeW) < 1 + 5 + 3; i++)
        CHECK_RESULT(np_try_accept(&f, listener, 200, &none), PIPC_ERR_TIMEOUT);
    CHECK_EQ(win_count(WIN_CreateNamedPipeW), 1 + 5 + 3);
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

struct coming {
    struct np_fixture *f;
    void *listener, *client;
};

static bool a_client_comes(void *arg)
{
    struct coming *const c = arg;

    c->client = np_must_connect(c->f, "service");
    /* Another instance than the new one takes it, and that is told before this one begins. */
    CHECK(np_signalled((HANDLE)c->f->ops->listener_wait_handle(c->f->self, c->listener), 5000));
    return false;
}

TEST(np_faults, a_client_that_comes_while_an_instance_is_made_is_seen_by_the_accept_that_makes_it)
{
    struct np_fixture f;
    struct coming c = {.f = &f};
    void *server = NULL;

    np_fixture_open(&f);
    win_refuse(WIN_CreateNamedPipeW, 1, 1, ERROR_NOT_ENOUGH_MEMORY);
    c.listener = np_must_listen(&f, "service");
    f.skew_ns += PIPC_NP_ACCEPT_PAUSE_MS * PIPC_NS_PER_MS; /* time to make it */
    (void)ResetEvent((HANDLE)f.ops->listener_wait_handle(f.self, c.listener));
    win_before(WIN_ConnectNamedPipe, a_client_comes, &c);
    const uint64_t began = np_clock_ns();
    CHECK_OK(np_try_accept(&f, c.listener, TEST_LONG, &server));
    CHECK(np_clock_ns() - began < test_limit(1000) * PIPC_NS_PER_MS);
    CHECK(c.client);
    np_end(&f, c.client);
    np_end(&f, server);
    np_end_listener(&f, c.listener);
    np_fixture_close(&f);
}

TEST(np_faults, without_any_instance_accept_fails_for_the_moment)
{
    struct np_fixture f;
    void *listener, *clients[PIPC_NP_LISTEN_INSTANCES], *server = NULL;

    np_fixture_open(&f);
    listener = np_must_listen(&f, "service");
    win_refuse(WIN_CreateNamedPipeW, 0, UINT32_MAX, ERROR_NO_SYSTEM_RESOURCES);
    for (uint32_t i = 0; i < PIPC_NP_LISTEN_INSTANCES; i++) {
        clients[i] = np_must_connect(&f, "service");
        server = np_must_accept(&f, listener);
        np_end(&f, clients[i]);
        np_end(&f, server);
    }
    CHECK_RESULT(np_try_accept(&f, listener, TEST_LONG, &server), PIPC_ERR_ACCEPT);
    CHECK_EQ(f.err.os_code, ERROR_NO_SYSTEM_RESOURCES);
    win_refuse(WIN_CreateNamedPipeW, 0, 0, 0);
    Sleep(PIPC_NP_ACCEPT_PAUSE_MS + 5);
    CHECK_RESULT(np_try_accept(&f, listener, NP_NOW, &server), PIPC_ERR_TIMEOUT);
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_faults, an_instance_that_clients_keep_leaving_is_made_anew)
{
    struct np_fixture f;
    void *listener, *none = NULL;

    np_fixture_open(&f);
    win_refuse(WIN_ConnectNamedPipe, 1, 16, ERROR_NO_DATA);
    listener = np_must_listen(&f, "service");
    for (int i = 0; i < 5 && win_count(WIN_CreateNamedPipeW) <= PIPC_NP_LISTEN_INSTANCES; i++)
        CHECK_RESULT(np_try_accept(&f, listener, 100, &none), PIPC_ERR_TIMEOUT);
    CHECK_EQ(win_count(WIN_CreateNamedPipeW), PIPC_NP_LISTEN_INSTANCES + 1);
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_faults, events_that_cannot_be_made_are_a_lack_of_memory)
{
    struct np_fixture f;
    void *listener = NULL, *client = NULL;

    np_fixture_open(&f);
    win_refuse(WIN_CreateEventW, 0, 1, ERROR_NO_SYSTEM_RESOURCES);
    CHECK_RESULT(np_try_listen(&f, NULL, "service", &listener), PIPC_ERR_ALLOC);
    listener = np_must_listen(&f, "service");
    for (uint32_t i = 0; i < 3; i++) {
        win_refuse(WIN_CreateEventW, i, 1, ERROR_NO_SYSTEM_RESOURCES);
        CHECK_RESULT(np_try_connect(&f, NULL, "service", TEST_LONG, &client), PIPC_ERR_ALLOC);
        CHECK_EQ(f.err.os_code, ERROR_NO_SYSTEM_RESOURCES);
    }
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_faults, connecting_tells_the_systems_code_and_leaves_nothing)
{
    struct np_fixture f;
    void *listener, *client = NULL, *server;
    unsigned before;

    np_fixture_open(&f);
    listener = np_must_listen(&f, "service");
    before = test_open_descriptors();
    win_refuse(WIN_CreateFileW, 0, 1, ERROR_ACCESS_DENIED);
    CHECK_RESULT(np_try_connect(&f, NULL, "service", TEST_LONG, &client), PIPC_ERR_CONNECT);
    CHECK_EQ(f.err.os_code, ERROR_ACCESS_DENIED);
    win_refuse(WIN_SetNamedPipeHandleState, 0, 1, ERROR_INVALID_HANDLE);
    CHECK_RESULT(np_try_connect(&f, NULL, "service", TEST_LONG, &client), PIPC_ERR_CONNECT);
    CHECK_EQ(f.err.os_code, ERROR_INVALID_HANDLE);
    CHECK_EQ(test_open_descriptors(), before);
    /* Others are faster: tried again, with pauses. */
    win_refuse(WIN_CreateFileW, 0, 5, ERROR_PIPE_BUSY);
    CHECK_OK(np_try_connect(&f, NULL, "service", 10000, &client));
    np_end(&f, client);
    win_refuse(WIN_CreateFileW, 0, 2, ERROR_PIPE_BUSY);
    win_refuse(WIN_WaitNamedPipeW, 0, 1, ERROR_INVALID_FUNCTION);
    CHECK_OK(np_try_connect(&f, NULL, "service", 10000, &client));
    np_end(&f, client);
    win_refuse(WIN_CreateFileW, 0, UINT32_MAX, ERROR_PIPE_BUSY);
    CHECK_RESULT(np_try_connect(&f, NULL, "service", 100, &client), PIPC_ERR_TIMEOUT);
    win_refuse(WIN_CreateFileW, 0, 0, 0);
    for (int i = 0; i < 3; i++) {
        server = np_must_accept(&f, listener);
        np_end(&f, server);
    }
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_faults, reads_and_writes_are_judged_by_their_error)
{
    static const DWORD ends[] = {ERROR_BROKEN_PIPE, ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED};
    struct np_fixture f;
    void *client, *server;
    struct pipc_received received;
    char got[8];

    np_fixture_open(&f);
    for (size_t i = 0; i < 3; i++) {
        np_pair(&f, &client, &server);
        win_refuse(WIN_WriteFile, 0, 1, ends[i]);
        CHECK_RESULT(np_put(&f, client, "x", 1, TEST_LONG), PIPC_ERR_SEND);
        CHECK_EQ(f.err.os_code, ends[i]);
        CHECK_HAS(f.err.text, "the other side is gone");
        win_refuse(WIN_PeekNamedPipe, 0, 1, ends[i]);
        CHECK_EQ(f.ops->look(server), PIPC_LOOK_GONE);
        win_refuse(WIN_ReadFile, 0, 1, ends[i]);
        np_expect_end(&f, server);
        np_end(&f, client);
        np_end(&f, server);
    }
    np_pair(&f, &client, &server);
    win_refuse(WIN_PeekNamedPipe, 0, 1, ERROR_INVALID_HANDLE);
    CHECK_EQ(f.ops->look(server), PIPC_LOOK_READABLE); /* an error to receive */
    (void)np_handle(&f, client);
    win_refuse(WIN_ReadFile, 0, 1, ERROR_INVALID_HANDLE);
    CHECK_RESULT(np_get(&f, server, got, 8, TEST_LONG, &received), PIPC_ERR_RECV);
    CHECK_EQ(f.err.os_code, ERROR_INVALID_HANDLE);
    win_refuse(WIN_WriteFile, 0, 1, ERROR_INVALID_HANDLE);
    CHECK_RESULT(np_put(&f, client, "x", 1, TEST_LONG), PIPC_ERR_SEND);
    CHECK_HAS(f.err.text, "cannot send");
    win_refuse(WIN_GetNamedPipeClientProcessId, 0, 1, ERROR_INVALID_FUNCTION);
    struct pipc_peer peer = {.size = sizeof(peer)};
    CHECK_RESULT(f.ops->peer(server, &peer), PIPC_ERR_NOT_SUPPORTED);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}

TEST(np_faults, a_read_that_cannot_go_on_sets_the_handle)
{
    struct np_fixture f;
    void *client, *server;
    struct pipc_received received;
    char got[8];

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    (void)np_handle(&f, server);
    CHECK_OK(np_put(&f, client, "x", 1, TEST_LONG));
    CHECK(np_signalled(np_handle(&f, server), TEST_LONG));
    win_refuse(WIN_ReadFile, 0, 1, ERROR_INVALID_HANDLE); /* the one after this packet */
    np_expect(&f, server, "x", 1);
    CHECK(np_signalled(np_handle(&f, server), 0));
    CHECK_RESULT(np_get(&f, server, got, 8, TEST_LONG, &received), PIPC_ERR_RECV);
    CHECK(!np_signalled(np_handle(&f, server), 0)); /* begun anew */
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}

TEST(np_faults, without_a_thread_for_the_flush_finish_does_not_wait)
{
    struct np_fixture f;
    void *client, *server;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    CHECK_OK(np_put(&f, server, "x", 1, TEST_LONG));
    win_refuse(WIN_TrySubmitThreadpoolCallback, 0, 1, ERROR_NOT_ENOUGH_MEMORY);
    f.ops->finish(server, NULL);
    np_end(&f, server);
    np_expect(&f, client, "x", 1); /* so it has only been closed */
    np_expect_end(&f, client);
    np_end(&f, client);
    np_fixture_close(&f);
}

struct flood {
    struct np_fixture *f;
    HANDLE client;
    uint32_t packets;
    uint64_t skew_ns; /* what happens after a hundred packets */
    void *interrupted;
    uint32_t abort;
};

#define FLOOD_MOST 3000u

/* Before each look of the server there is one more packet. */
static bool write_on(void *arg)
{
    struct flood *const flood = arg;

    np_raw_write(flood->client, "x", 1);
    if (++flood->packets == 100) {
        flood->f->skew_ns += flood->skew_ns;
        if (flood->interrupted)
            flood->f->ops->interrupt(flood->interrupted);
        flood->abort = flood->skew_ns == 0 && !flood->interrupted;
    }
    return flood->packets < FLOOD_MOST;
}

enum ending { BY_TIME, BY_INTERRUPT, BY_ABORT, ENDINGS };

TEST(np_faults, finish_ends_although_the_client_writes_on)
{
    for (enum ending by = BY_TIME; by < ENDINGS; by++) {
        struct np_fixture f;
        struct flood flood = {.f = &f};
        struct pipc_wait wait = np_wait(NP_EVER);
        void *server;
        np_fixture_open(&f);
        np_pair_server(&f, &flood.client, &server);
        CHECK_OK(np_put(&f, server, "answer", 6, TEST_LONG)); /* never read */
        if (by == BY_TIME)
            flood.skew_ns = PIPC_NP_FLUSH_MS * PIPC_NS_PER_MS;
        if (by == BY_INTERRUPT)
            flood.interrupted = server;
        wait.abort_flag = &flood.abort;
        win_before(WIN_ReadFile, write_on, &flood);
        f.ops->finish(server, &wait);
        win_before(WIN_ReadFile, NULL, NULL);
        CHECK_MSG(flood.packets >= 100 && flood.packets < FLOOD_MOST / 2, "%u packets",
                  (unsigned)flood.packets);
        np_end(&f, server);
        CHECK(CloseHandle(flood.client));
        np_fixture_close(&f);
    }
}
