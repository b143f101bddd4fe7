/* SPDX-License-Identifier: Apache-2.0
 *
 * Connecting: nobody there, a busy server, one that goes away, deadline and abort.
 */
#include "windows/np_fixture.h"

TEST(np_connect, without_a_server_the_systems_code_is_told)
{
    struct np_fixture f;
    void *client = NULL;

    np_fixture_open(&f);
    CHECK_RESULT(np_try_connect(&f, NULL, "nobody", TEST_LONG, &client), PIPC_ERR_CONNECT);
    CHECK_EQ(f.err.os_code, ERROR_FILE_NOT_FOUND);
    CHECK_HAS(f.err.text, np_pipe_name("nobody"));
    CHECK(!client);
    np_fixture_close(&f);
}

/* A raw server whose one instance is taken. */
static HANDLE busy_server(HANDLE *ret_client)
{
    const HANDLE server = np_raw_server("busy");

    CHECK(server != INVALID_HANDLE_VALUE);
    *ret_client = np_raw_client("busy");
    CHECK(*ret_client != INVALID_HANDLE_VALUE);
    return server;
}

TEST(np_connect, a_server_that_is_busy_for_good_ends_at_the_deadline)
{
    struct np_fixture f;
    HANDLE other;
    const HANDLE server = busy_server(&other);
    void *client = NULL;
    uint64_t took;

    np_fixture_open(&f);
    took = np_clock_ns();
    CHECK_RESULT(np_try_connect(&f, NULL, "busy", 200, &client), PIPC_ERR_TIMEOUT);
    took = np_clock_ns() - took;
    CHECK(took >= 200 * PIPC_NS_PER_MS && took < test_limit(2000) * PIPC_NS_PER_MS);
    CHECK_RESULT(np_try_connect(&f, NULL, "busy", NP_NOW, &client), PIPC_ERR_TIMEOUT);
    CHECK(!client);
    CloseHandle(other);
    CloseHandle(server);
    np_fixture_close(&f);
}

static void free_later(void *arg)
{
    Sleep(100);
    CHECK(DisconnectNamedPipe((HANDLE)arg));
    CHECK(ConnectNamedPipe((HANDLE)arg, NULL) || GetLastError() == ERROR_PIPE_CONNECTED);
}

TEST(np_connect, a_server_that_is_busy_for_a_while_is_waited_for)
{
    struct np_fixture f;
    HANDLE other, thread;
    const HANDLE server = busy_server(&other);
    void *client = NULL;

    np_fixture_open(&f);
    thread = np_thread(free_later, server);
    CHECK_OK(np_try_connect(&f, NULL, "busy", 10000, &client));
    np_join(thread);
    np_end(&f, client);
    CloseHandle(other);
    CloseHandle(server);
    np_fixture_close(&f);
}

static void vanish_later(void *arg)
{
    Sleep(100);
    CloseHandle((HANDLE)arg);
}

TEST(np_connect, a_name_that_goes_while_it_is_waited_for_is_a_connect_error)
{
    struct np_fixture f;
    HANDLE other, thread;
    const HANDLE server = busy_server(&other);
    void *client = NULL;

    np_fixture_open(&f);
    CloseHandle(other);
    other = np_raw_client("busy");
    thread = np_thread(vanish_later, server);
    CHECK_RESULT(np_try_connect(&f, NULL, "busy", 10000, &client), PIPC_ERR_CONNECT);
    CHECK_EQ(f.err.os_code, ERROR_FILE_NOT_FOUND);
    np_join(thread);
    if (other != INVALID_HANDLE_VALUE)
        CloseHandle(other);
    np_fixture_close(&f);
}

static void abort_later(void *arg)
{
    Sleep(100);
    SetEvent((HANDLE)arg);
}

TEST(np_connect, an_abort_ends_the_wait_for_a_busy_server)
{
    struct np_fixture f;
    HANDLE other, thread;
    const HANDLE server = busy_server(&other), abort = CreateEventW(NULL, TRUE, FALSE, NULL);
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = test_dir(), .service = "busy"};
    struct pipc_wait wait = np_wait_abort(10000, abort);
    uint32_t flag = 1;
    void *client = NULL;

    np_fixture_open(&f);
    thread = np_thread(abort_later, abort);
    CHECK_RESULT(f.ops->connect(f.self, &endpoint, &wait, &client, &f.err), PIPC_ERR_ABORTED);
    np_join(thread);
    CHECK_RESULT(f.ops->connect(f.self, &endpoint, &wait, &client, &f.err), PIPC_ERR_ABORTED);
    wait.abort = PIPC_NO_HANDLE;
    wait.abort_flag = &flag;
    CHECK_RESULT(f.ops->connect(f.self, &endpoint, &wait, &client, &f.err), PIPC_ERR_ABORTED);
    CloseHandle(abort);
    CloseHandle(other);
    CloseHandle(server);
    np_fixture_close(&f);
}

TEST(np_connect, both_sides_know_the_process_at_the_other_end)
{
    struct np_fixture f;
    void *client, *server;
    struct pipc_peer peer = {.size = sizeof(peer)};

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    CHECK_OK(f.ops->peer(client, &peer));
    CHECK_EQ(peer.known, PIPC_PEER_PID);
    CHECK_EQ(peer.pid, GetCurrentProcessId());
    peer.pid = 0;
    CHECK_OK(f.ops->peer(server, &peer));
    CHECK_EQ(peer.pid, GetCurrentProcessId());
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}
