/* SPDX-License-Identifier: Apache-2.0
 *
 * Accepting: short visits, many clients, waits, the listener's handle.
 */
#include "windows/np_fixture.h"

TEST(np_accept, a_client_that_comes_and_goes_is_passed_over_and_the_next_is_served)
{
    const unsigned rounds = test_scale(1000);
    struct np_fixture f;
    void *listener, *client, *server;

    np_fixture_open(&f);
    listener = np_must_listen(&f, "service");
    for (unsigned i = 0; i < rounds; i++) {
        const HANDLE visit = np_raw_client("service");
        CHECK_MSG(visit != INVALID_HANDLE_VALUE, "visit %u: %u", i, (unsigned)GetLastError());
        CHECK(CloseHandle(visit));
        if (np_try_accept(&f, listener, NP_NOW, &server) == PIPC_OK) {
            np_expect_end(&f, server);
            np_end(&f, server);
        }
    }
    client = np_must_connect(&f, "service");
    for (;;) {
        struct pipc_received received;
        char got[8];
        server = np_must_accept(&f, listener);
        if (np_get(&f, server, got, 8, 50, &received) == PIPC_ERR_TIMEOUT)
            break;
        np_end(&f, server); /* one more visit */
    }
    CHECK_OK(np_put(&f, client, "x", 1, TEST_LONG));
    np_expect(&f, server, "x", 1);
    np_end(&f, client);
    np_end(&f, server);
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_accept, the_handle_tells_of_clients_and_never_changes)
{
    struct np_fixture f;
    void *listener, *clients[3], *servers[3], *none = NULL;
    HANDLE handle;

    np_fixture_open(&f);
    listener = np_must_listen(&f, "service");
    handle = (HANDLE)f.ops->listener_wait_handle(f.self, listener);
    CHECK(!np_signalled(handle, 0));
    CHECK_RESULT(np_try_accept(&f, listener, NP_NOW, &none), PIPC_ERR_TIMEOUT);
    for (int i = 0; i < 3; i++)
        clients[i] = np_must_connect(&f, "service");
    for (int i = 0; i < 3; i++) {
        CHECK(np_signalled(handle, TEST_LONG));
        CHECK_OK(np_try_accept(&f, listener, NP_NOW, &servers[i]));
    }
    CHECK(!np_signalled(handle, 0));
    CHECK(handle == (HANDLE)f.ops->listener_wait_handle(f.self, listener));
    for (int i = 0; i < 3; i++) {
        np_end(&f, clients[i]);
        np_end(&f, servers[i]);
    }
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_accept, a_wait_ends_with_the_deadline_and_with_an_abort)
{
    struct np_fixture f;
    void *listener, *none = NULL;
    const HANDLE abort = CreateEventW(NULL, TRUE, TRUE, NULL);
    struct pipc_wait wait = np_wait_abort(5000, abort);
    uint64_t began;

    np_fixture_open(&f);
    listener = np_must_listen(&f, "service");
    began = np_clock_ns();
    CHECK_RESULT(np_try_accept(&f, listener, 50, &none), PIPC_ERR_TIMEOUT);
    CHECK(np_clock_ns() - began >= 50 * PIPC_NS_PER_MS);
    CHECK_RESULT(f.ops->accept(f.self, listener, &wait, &none, &f.err), PIPC_ERR_ABORTED);
    wait.abort = 0;
    CHECK_RESULT(f.ops->accept(f.self, listener, &wait, &none, &f.err), PIPC_ERR_BAD_PARAM);
    CHECK(!none);
    CloseHandle(abort);
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

#define CROWD 64

static void connect_one(void *arg)
{
    struct np_fixture *const f = arg;
    void *const client = np_must_connect(f, "crowd");

    CHECK_OK(np_put(f, client, "hello", 5, 10000));
    np_expect(f, client, "welcome", 7);
    np_end(f, client);
}

TEST(np_accept, sixty_four_clients_at_one_moment_are_all_served)
{
    static struct np_fixture client_fixtures[CROWD];
    struct np_fixture f;
    HANDLE threads[CROWD];
    void *listener;

    np_fixture_open(&f);
    listener = np_must_listen(&f, "crowd");
    for (int i = 0; i < CROWD; i++) {
        np_fixture_open(&client_fixtures[i]);
        threads[i] = np_thread(connect_one, &client_fixtures[i]);
    }
    for (int i = 0; i < CROWD; i++) {
        void *const server = np_must_accept(&f, listener);
        np_expect(&f, server, "hello", 5);
        CHECK_OK(np_put(&f, server, "welcome", 7, 10000));
        np_end(&f, server); /* what was sent stays readable */
    }
    for (int i = 0; i < CROWD; i++) {
        np_join(threads[i]);
        np_fixture_close(&client_fixtures[i]);
    }
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

struct starter {
    struct np_fixture *f;
    void *listener;
};

static void listen_and_end(void *arg)
{
    struct starter *const s = arg;

    s->listener = np_must_listen(s->f, "service");
}

/* The system cancels what a thread has begun when that thread ends. */
TEST(np_accept, a_listener_outlives_the_thread_that_made_it)
{
    struct np_fixture f;
    struct starter s = {.f = &f};
    void *client, *server;

    np_fixture_open(&f);
    np_join(np_thread(listen_and_end, &s));
    client = np_must_connect(&f, "service");
    server = np_must_accept(&f, s.listener);
    CHECK_OK(np_put(&f, client, "x", 1, TEST_LONG));
    np_expect(&f, server, "x", 1);
    np_end(&f, client);
    np_end(&f, server);
    np_end_listener(&f, s.listener);
    np_fixture_close(&f);
}
