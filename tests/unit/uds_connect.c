/* SPDX-License-Identifier: Apache-2.0
 *
 * Connecting: what each thing at the name gives, a full queue, and the first packets of a
 * connection.
 */
#include "uds_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void check_connect_error(struct uds_fixture *f, int os_code)
{
    void *channel = f;
    const unsigned before = test_open_descriptors();

    CHECK_RESULT(uds_try_connect(f, test_dir(), "a", TEST_LONG, &channel), PIPC_ERR_CONNECT);
    CHECK_EQ(f->err.os_code, os_code);
    CHECK_HAS(f->err.text, "a.sock");
    CHECK(channel == f);
    CHECK_EQ(test_open_descriptors(), before);
}

TEST(uds_connect, nobody_there_is_a_connect_error)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    test_dir();
    check_connect_error(&f, ENOENT);
    uds_fixture_close(&f);
}

TEST(uds_connect, dead_socket_refuses)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    uds_dead_socket(test_path("a.sock"));
    check_connect_error(&f, ECONNREFUSED);
    uds_fixture_close(&f);
}

TEST(uds_connect, regular_file_refuses)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    close(open(test_path("a.sock"), O_CREAT | O_WRONLY, 0600));
    check_connect_error(&f, ECONNREFUSED);
    uds_fixture_close(&f);
}

TEST(uds_connect, stream_socket_is_of_the_wrong_type)
{
    struct uds_fixture f;
    const int fd = uds_raw_listen(test_path("a.sock"), SOCK_STREAM, 4);

    uds_fixture_open(&f);
    check_connect_error(&f, EPROTOTYPE);
    close(fd);
    uds_fixture_close(&f);
}

TEST(uds_connect, link_loop_and_file_in_place_of_the_directory_are_connect_errors)
{
    struct uds_fixture f;
    void *channel = &f;

    uds_fixture_open(&f);
    CHECK(symlink("a.sock", test_path("a.sock")) == 0);
    check_connect_error(&f, ELOOP);
    close(open(test_path("file"), O_CREAT | O_WRONLY, 0600));
    CHECK_RESULT(uds_try_connect(&f, test_path("file"), "a", TEST_LONG, &channel),
                 PIPC_ERR_CONNECT);
    CHECK_EQ(f.err.os_code, ENOTDIR);
    uds_fixture_close(&f);
}

static int connect_as_nobody(void *arg)
{
    test_become_nobody();
    check_connect_error(arg, EACCES);
    return 0;
}

TEST(uds_connect, no_permission_is_a_connect_error)
{
    struct uds_fixture f;
    void *listener;

    uds_fixture_open(&f);
    CHECK(chmod(test_dir(), 0755) == 0);
    listener = uds_must_listen(&f, "a");
    CHECK(chmod(test_path("a.sock"), geteuid() == 0 ? 0600 : 0) == 0);
    CHECK_EQ(test_in_child(connect_as_nobody, &f), 0);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

/* A server whose queue has one place, which is taken. */
static int full_server(int *client)
{
    const int server = uds_raw_listen(test_path("a.sock"), SOCK_SEQPACKET, 0);

    *client = uds_raw_connect(test_path("a.sock"));
    CHECK(*client >= 0);
    return server;
}

static void *accept_later(void *arg)
{
    const struct timespec pause = {0, 200000000}; /* the time that the page gives */
    int *server = arg;

    nanosleep(&pause, NULL);
    server[1] = accept(server[0], NULL, NULL);
    return NULL;
}

TEST(uds_connect, full_queue_is_waited_for)
{
    struct uds_fixture f;
    int server[2], client;
    void *channel;
    pthread_t thread;
    uint64_t began = test_now_ms();

    uds_fixture_open(&f);
    server[0] = full_server(&client);
    CHECK(pthread_create(&thread, NULL, accept_later, server) == 0);
    channel = uds_must_connect(&f, "a");
    began = test_now_ms() - began;
    CHECK_MSG(began >= 190 && began < test_limit(600), "%" PRIu64 " ms", began);
    pthread_join(thread, NULL);
    uds_end(&f, channel);
    close(client);
    close(server[1]);
    close(server[0]);
    uds_fixture_close(&f);
}

TEST(uds_connect, queue_that_stays_full_times_out_at_the_deadline)
{
    struct uds_fixture f;
    int client;
    const int server = full_server(&client);
    void *channel = &f;
    uint64_t began;

    uds_fixture_open(&f);
    began = test_now_ms();
    CHECK_RESULT(uds_try_connect(&f, test_dir(), "a", 300, &channel), PIPC_ERR_TIMEOUT);
    began = test_now_ms() - began;
    CHECK_MSG(began >= 299 && began <= test_limit(320), "%" PRIu64 " ms", began);
    CHECK(channel == &f);
    CHECK_HAS(f.err.text, "queue");
    CHECK_RESULT(uds_try_connect(&f, test_dir(), "a", UDS_NOW, &channel), PIPC_ERR_TIMEOUT);
    close(client);
    close(server);
    uds_fixture_close(&f);
}

static void *stop_later(void *arg)
{
    const struct timespec pause = {0, 50000000};
    const int *stop = arg;

    nanosleep(&pause, NULL);
    CHECK(write(stop[1], "x", 1) == 1);
    return NULL;
}

TEST(uds_connect, abort_ends_the_waiting_for_a_place)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = test_dir(), .service = "a"};
    struct uds_fixture f;
    struct pipc_wait wait;
    int client, stop[2];
    const int server = full_server(&client);
    void *channel = &f;
    pthread_t thread;
    uint64_t began = test_now_ms();

    uds_fixture_open(&f);
    CHECK(pipe(stop) == 0);
    CHECK(pthread_create(&thread, NULL, stop_later, stop) == 0);
    wait = uds_wait_abort(UDS_EVER, stop[0]);
    CHECK_RESULT(f.ops->connect(f.self, &endpoint, &wait, &channel, &f.err), PIPC_ERR_ABORTED);
    CHECK(test_now_ms() - began < test_limit(150));
    pthread_join(thread, NULL);
    /* Asked for already: not even a first try. */
    CHECK_RESULT(f.ops->connect(f.self, &endpoint, &wait, &channel, &f.err), PIPC_ERR_ABORTED);
    wait.abort = 9999;
    CHECK_RESULT(f.ops->connect(f.self, &endpoint, &wait, &channel, &f.err), PIPC_ERR_BAD_PARAM);
    CHECK(channel == &f);
    close(stop[0]);
    close(stop[1]);
    close(client);
    close(server);
    uds_fixture_close(&f);
}

TEST(uds_connect, what_is_sent_at_once_is_there_when_the_server_accepts)
{
    struct uds_fixture f;
    const int server = uds_raw_listen(test_path("a.sock"), SOCK_SEQPACKET, 4);
    char hello[76] = {1, 2, 3}, got[128];
    void *client;
    int fd;

    uds_fixture_open(&f);
    client = uds_must_connect(&f, "a");
    CHECK_OK(uds_put(&f, client, hello, sizeof(hello), TEST_LONG));
    fd = accept(server, NULL, NULL);
    CHECK_EQ(recv(fd, got, sizeof(got), MSG_DONTWAIT), sizeof(hello));
    CHECK_MEM(got, hello, sizeof(hello));
    uds_end(&f, client);
    close(fd);
    close(server);
    uds_fixture_close(&f);
}

TEST(uds_connect, padded_hello_is_received_by_its_first_128_bytes)
{
    static const struct {
        size_t len;
        uint64_t got;
        uint32_t flags;
    } rows[] = {{76, 76, 0}, {128, 128, 0}, {200, 128, PIPC_RECEIVED_CUT}};
    struct uds_fixture f;
    struct pipc_received received;
    void *client, *server;
    char hello[200], got[128];
    size_t i;

    uds_fixture_open(&f);
    uds_pair(&f, &client, &server);
    for (i = 0; i < sizeof(hello); i++)
        hello[i] = (char)i;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_OK(uds_put(&f, client, hello, rows[i].len, TEST_LONG));
        CHECK_OK(uds_get(&f, server, got, sizeof(got), TEST_LONG, &received));
        CHECK_EQ(received.len, rows[i].got);
        CHECK_EQ(received.flags, rows[i].flags);
        CHECK_MEM(got, hello, rows[i].got);
    }
    uds_end(&f, client);
    uds_end(&f, server);
    uds_fixture_close(&f);
}

TEST(uds_connect, rejection_is_received_before_the_end_of_stream)
{
    const unsigned rounds = test_scale(1000);
    struct uds_fixture f;
    struct pipc_received received;
    void *listener, *client, *server;
    char hello[76] = {0}, answer[80] = {7}, got[128];
    unsigned i;

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    for (i = 0; i < rounds; i++) {
        client = uds_must_connect(&f, "a");
        CHECK_OK(uds_put(&f, client, hello, sizeof(hello), TEST_LONG));
        server = uds_must_accept(&f, listener);
        CHECK_OK(uds_get(&f, server, got, sizeof(got), TEST_LONG, &received));
        CHECK_OK(uds_put(&f, server, answer, sizeof(answer), TEST_LONG));
        uds_end(&f, server);
        CHECK_OK(uds_get(&f, client, got, sizeof(got), TEST_LONG, &received));
        CHECK_EQ(received.len, sizeof(answer));
        CHECK_OK(uds_get(&f, client, got, sizeof(got), TEST_LONG, &received));
        CHECK_EQ(received.flags, PIPC_RECEIVED_END);
        uds_end(&f, client);
    }
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

TEST(uds_connect, silent_client_does_not_delay_a_second_one)
{
    struct uds_fixture f;
    struct pipc_received received;
    void *listener, *silent, *silent_server, *client, *server;
    char got[4];
    uint64_t began;

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    silent = uds_must_connect(&f, "a");
    began = test_now_ms();
    silent_server = uds_must_accept(&f, listener); /* without a byte from it */
    client = uds_must_connect(&f, "a");
    CHECK_OK(uds_put(&f, client, "x", 1, TEST_LONG));
    server = uds_must_accept(&f, listener);
    CHECK_OK(uds_get(&f, server, got, sizeof(got), TEST_LONG, &received));
    CHECK(test_now_ms() - began < test_limit(50));
    CHECK_RESULT(uds_get(&f, silent_server, got, sizeof(got), 20, &received), PIPC_ERR_TIMEOUT);
    uds_end(&f, silent);
    uds_end(&f, silent_server);
    uds_end(&f, client);
    uds_end(&f, server);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}
