/* SPDX-License-Identifier: Apache-2.0
 *
 * A listener from its making to its close: flags, backlog, the accept, and what close removes.
 */
#include "uds_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

static void check_flags(int fd)
{
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

TEST(uds_listen, descriptors_are_close_on_exec_and_non_blocking)
{
    struct uds_fixture f;
    void *listener, *client, *server;

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    client = uds_must_connect(&f, "a");
    server = uds_must_accept(&f, listener);
    check_flags((int)f.ops->listener_wait_handle(f.self, listener));
    check_flags(uds_fd(&f, client));
    check_flags(uds_fd(&f, server));
    uds_end(&f, client);
    uds_end(&f, server);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

TEST(uds_listen, every_descriptor_is_close_on_exec_and_closed_at_the_end)
{
    struct uds_fixture f;
    void *listener;
    bool had[256];
    unsigned before, found = 0;
    int fd;

    uds_fixture_open(&f);
    test_dir();
    before = test_open_descriptors();
    for (fd = 0; fd < 256; fd++)
        had[fd] = fcntl(fd, F_GETFD) >= 0;
    listener = uds_must_listen(&f, "a");
    for (fd = 0; fd < 256; fd++) {
        if (had[fd] || fcntl(fd, F_GETFD) < 0)
            continue;
        CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        found++;
    }
    CHECK_EQ(found, 2); /* socket and directory */
    uds_end_listener(&f, listener);
    CHECK_EQ(test_open_descriptors(), before);
    uds_fixture_close(&f);
}

TEST(uds_listen, wait_handle_is_readable_while_a_client_waits)
{
    struct uds_fixture f;
    void *listener, *client, *server;
    struct pollfd look = {.events = POLLIN};

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    look.fd = (int)f.ops->listener_wait_handle(f.self, listener);
    CHECK_EQ(poll(&look, 1, 0), 0);
    client = uds_must_connect(&f, "a");
    CHECK_EQ(poll(&look, 1, 5000), 1);
    server = uds_must_accept(&f, listener);
    CHECK_EQ(poll(&look, 1, 0), 0);
    uds_end(&f, client);
    uds_end(&f, server);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

static void check_backlog(uint64_t configured, unsigned places)
{
    struct uds_fixture f;
    void *listener, *clients[32], *none = NULL;
    unsigned i;

    uds_fixture_defaults(&f);
    uds_fixture_number(&f, PIPC_UDS_OPTION_BACKLOG, configured);
    CHECK_OK(uds_fixture_init(&f));
    listener = uds_must_listen(&f, "a");
    for (i = 0; i < places; i++)
        clients[i] = uds_must_connect(&f, "a");
    CHECK_RESULT(uds_try_connect(&f, test_dir(), "a", UDS_NOW, &none), PIPC_ERR_TIMEOUT);
    CHECK(!none);
    for (i = 0; i < places; i++)
        uds_end(&f, clients[i]);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

TEST(uds_listen, backlog_of_0_is_the_default)
{
    check_backlog(0, 17);
}

TEST(uds_listen, backlog_below_0_is_the_default)
{
    check_backlog((uint64_t)-1, 17);
}

TEST(uds_listen, backlog_of_5_queues_6)
{
    check_backlog(5, 6);
}

TEST(uds_listen, close_removes_the_own_entry)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    uds_end_listener(&f, uds_must_listen(&f, "a"));
    CHECK(!uds_exists(test_path("a.sock")));
    uds_fixture_close(&f);
}

TEST(uds_listen, close_of_no_listener_is_harmless)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    uds_end_listener(&f, NULL);
    uds_end(&f, NULL);
    uds_fixture_close(&f);
}

TEST(uds_listen, close_accepts_a_missing_entry)
{
    struct uds_fixture f;
    void *listener;

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    CHECK(unlink(test_path("a.sock")) == 0);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

TEST(uds_listen, close_keeps_a_foreign_file)
{
    struct uds_fixture f;
    void *listener;
    int fd;

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    CHECK(unlink(test_path("a.sock")) == 0);
    fd = open(test_path("a.sock"), O_CREAT | O_WRONLY, 0600);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1);
    close(fd);
    uds_end_listener(&f, listener);
    CHECK(uds_exists(test_path("a.sock")));
    uds_fixture_close(&f);
}

TEST(uds_listen, close_keeps_the_socket_of_a_successor)
{
    struct uds_fixture f;
    void *old, *successor, *client;

    uds_fixture_open(&f);
    old = uds_must_listen(&f, "a");
    CHECK(unlink(test_path("a.sock")) == 0);
    successor = uds_must_listen(&f, "a");
    uds_end_listener(&f, old);
    CHECK(uds_exists(test_path("a.sock")));
    client = uds_must_connect(&f, "a");
    uds_end(&f, client);
    uds_end_listener(&f, successor);
    uds_fixture_close(&f);
}

struct forked {
    struct uds_fixture *f;
    void *listener, *channel;
    uint32_t flags;
};

static int close_in_child(void *arg)
{
    struct forked *forked = arg;

    forked->f->ops->close(forked->channel, forked->flags);
    forked->f->ops->listener_close(forked->f->self, forked->listener, forked->flags);
    uds_fixture_close(forked->f);
    return 0;
}

static void check_forked(uint32_t flags)
{
    struct uds_fixture f;
    struct forked forked = {.f = &f, .flags = flags};
    struct pipc_received received;
    void *client, *second;
    char got[4];

    uds_fixture_open(&f);
    forked.listener = uds_must_listen(&f, "a");
    client = uds_must_connect(&f, "a");
    forked.channel = uds_must_accept(&f, forked.listener);
    uds_end(&f, client); /* the child has nothing else left */
    client = NULL;
    CHECK_EQ(test_in_child(close_in_child, &forked), 0);
    CHECK(uds_exists(test_path("a.sock")));
    uds_end(&f, forked.channel);
    client = uds_must_connect(&f, "a");
    second = uds_must_accept(&f, forked.listener);
    CHECK_OK(uds_put(&f, client, "x", 1, TEST_LONG));
    CHECK_OK(uds_get(&f, second, got, sizeof(got), TEST_LONG, &received));
    uds_end(&f, client);
    uds_end(&f, second);
    uds_end_listener(&f, forked.listener);
    CHECK(!uds_exists(test_path("a.sock")));
    uds_fixture_close(&f);
}

TEST(uds_listen, close_in_a_forked_child_leaves_the_parents_endpoint)
{
    check_forked(PIPC_CLOSE_FORKED);
}

TEST(uds_listen, close_in_another_process_never_unlinks_even_without_the_flag)
{
    check_forked(0);
}

TEST(uds_listen, accepted_channels_outlive_the_listener)
{
    struct uds_fixture f;
    void *client, *server;
    struct pipc_received received;
    char got[4];

    uds_fixture_open(&f);
    uds_pair(&f, &client, &server);
    CHECK_OK(uds_put(&f, server, "abc", 3, TEST_LONG));
    CHECK_OK(uds_get(&f, client, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.len, 3);
    uds_end(&f, client);
    uds_end(&f, server);
    uds_fixture_close(&f);
}

TEST(uds_listen, connection_in_the_queue_of_a_closed_listener_is_reset)
{
    struct uds_fixture f;
    void *listener, *client;
    struct pipc_received received;
    char got[4];

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    client = uds_must_connect(&f, "a");
    CHECK_OK(uds_put(&f, client, "hello", 5, TEST_LONG));
    uds_end_listener(&f, listener);
    CHECK_RESULT(uds_get(&f, client, got, sizeof(got), TEST_LONG, &received), PIPC_ERR_RECV);
    CHECK_EQ(f.err.os_code, ECONNRESET);
    CHECK_HAS(f.err.text, "a.sock");
    uds_end(&f, client);
    uds_fixture_close(&f);
}

TEST(uds_listen, accept_without_a_client_times_out_and_looks_once_with_now)
{
    struct uds_fixture f;
    void *listener, *none = NULL;
    uint64_t began;

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    CHECK_RESULT(uds_try_accept(&f, listener, UDS_NOW, &none), PIPC_ERR_TIMEOUT);
    began = test_now_ms();
    CHECK_RESULT(uds_try_accept(&f, listener, 30, &none), PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - began >= 29);
    CHECK(!none);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

TEST(uds_listen, abort_wins_over_a_waiting_client)
{
    struct uds_fixture f;
    void *listener, *client, *server = NULL;
    struct pipc_wait wait;
    int stop[2];

    uds_fixture_open(&f);
    CHECK(pipe(stop) == 0 && write(stop[1], "x", 1) == 1);
    listener = uds_must_listen(&f, "a");
    client = uds_must_connect(&f, "a");
    wait = uds_wait_abort(TEST_LONG, stop[0]);
    CHECK_RESULT(f.ops->accept(f.self, listener, &wait, &server, &f.err), PIPC_ERR_ABORTED);
    wait = uds_wait_abort(TEST_LONG, 9999);
    CHECK_RESULT(f.ops->accept(f.self, listener, &wait, &server, &f.err), PIPC_ERR_BAD_PARAM);
    CHECK(!server);
    server = uds_must_accept(&f, listener);
    uds_end(&f, client);
    uds_end(&f, server);
    uds_end_listener(&f, listener);
    close(stop[0]);
    close(stop[1]);
    uds_fixture_close(&f);
}

TEST(uds_listen, no_memory_leaves_nothing_behind)
{
    struct uds_fixture f;
    void *listener, *object = &f;
    unsigned before;

    uds_fixture_open(&f);
    test_dir();
    before = test_open_descriptors();
    f.fail_after = 0;
    CHECK_RESULT(uds_try_listen(&f, test_dir(), "a", &object), PIPC_ERR_ALLOC);
    CHECK(!uds_exists(test_path("a.sock")));
    f.fail_after = UINT32_MAX;
    listener = uds_must_listen(&f, "a");
    f.fail_after = 0;
    CHECK_RESULT(uds_try_connect(&f, test_dir(), "a", TEST_LONG, &object), PIPC_ERR_ALLOC);
    close(uds_raw_connect(test_path("a.sock")));
    CHECK_RESULT(uds_try_accept(&f, listener, TEST_LONG, &object), PIPC_ERR_ALLOC);
    CHECK(object == &f);
    uds_end_listener(&f, listener);
    CHECK_EQ(test_open_descriptors(), before);
    uds_fixture_close(&f);
}

/* So few that a test can take them all. */
static void limit_descriptors(void)
{
    struct rlimit limit;

    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = 100;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

TEST(uds_listen, accept_without_a_free_descriptor_is_temporary)
{
    struct uds_fixture f;
    void *listener, *server = NULL;
    int client, hoard[256], count = 0;

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    client = uds_raw_connect(test_path("a.sock"));
    CHECK(client >= 0);
    limit_descriptors();
    while (count < 256 && (hoard[count] = dup(client)) >= 0)
        count++;
    CHECK_RESULT(uds_try_accept(&f, listener, TEST_LONG, &server), PIPC_ERR_ACCEPT);
    CHECK(!server);
    CHECK(f.err.os_code == EMFILE || f.err.os_code == ENFILE);
    while (count > 0)
        close(hoard[--count]);
    server = uds_must_accept(&f, listener);
    uds_end(&f, server);
    close(client);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}
