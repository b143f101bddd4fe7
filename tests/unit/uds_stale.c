/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands at the name when a service starts: what is dead is reclaimed, what is alive or cannot
 * be judged stays as it is.
 */
#include "uds_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* Starts at "a" and is reached there. */
static void check_reclaimed(struct uds_fixture *f)
{
    void *listener = uds_must_listen(f, "a");
    void *client = uds_must_connect(f, "a");

    uds_end(f, client);
    uds_end_listener(f, listener);
    CHECK(!uds_exists(test_path("a.sock")));
}

static void write_file(const char *path)
{
    const int fd = open(path, O_CREAT | O_WRONLY, 0600);

    CHECK(fd >= 0 && write(fd, "x", 1) == 1);
    close(fd);
}

static int serve_and_die(void *arg)
{
    struct uds_fixture *f = arg;

    uds_must_listen(f, "a");
    raise(SIGKILL);
    return 0;
}

TEST(uds_stale, socket_of_a_killed_server_is_reclaimed_after_two_repeats)
{
    struct uds_fixture f;
    uint64_t began;

    uds_fixture_open(&f);
    test_dir();
    CHECK_EQ(test_in_child(serve_and_die, &f), 256 + SIGKILL);
    CHECK(uds_exists(test_path("a.sock")));
    began = test_now_ms();
    check_reclaimed(&f);
    began = test_now_ms() - began;
    CHECK_MSG(began >= 99 && began < test_limit(600), "%" PRIu64 " ms", began);
    uds_fixture_close(&f);
}

TEST(uds_stale, regular_file_is_reclaimed)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    write_file(test_path("a.sock"));
    check_reclaimed(&f);
    uds_fixture_close(&f);
}

TEST(uds_stale, fifo_is_reclaimed_without_opening_it)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    CHECK(mkfifo(test_path("a.sock"), 0600) == 0);
    check_reclaimed(&f);
    uds_fixture_close(&f);
}

TEST(uds_stale, empty_directory_is_reclaimed)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    CHECK(mkdir(test_path("a.sock"), 0700) == 0);
    check_reclaimed(&f);
    uds_fixture_close(&f);
}

TEST(uds_stale, device_node_is_reclaimed)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    if (mknod(test_path("a.sock"), S_IFCHR | 0600, makedev(1, 3)) != 0)
        test_skip("this user cannot make a device node");
    check_reclaimed(&f);
    uds_fixture_close(&f);
}

TEST(uds_stale, dangling_link_is_reclaimed)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    CHECK(symlink(test_path("nothing"), test_path("a.sock")) == 0);
    check_reclaimed(&f);
    CHECK(!uds_exists(test_path("nothing")));
    uds_fixture_close(&f);
}

TEST(uds_stale, link_loop_is_reclaimed)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    CHECK(symlink("a.sock", test_path("a.sock")) == 0);
    check_reclaimed(&f);
    uds_fixture_close(&f);
}

TEST(uds_stale, link_to_a_dead_socket_goes_and_its_target_stays)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    uds_dead_socket(test_path("dead"));
    CHECK(symlink("dead", test_path("a.sock")) == 0);
    check_reclaimed(&f);
    CHECK(uds_exists(test_path("dead")));
    uds_fixture_close(&f);
}

TEST(uds_stale, link_to_a_file_goes_and_its_target_stays)
{
    struct uds_fixture f;
    struct stat now;

    uds_fixture_open(&f);
    write_file(test_path("precious"));
    CHECK(symlink("precious", test_path("a.sock")) == 0);
    check_reclaimed(&f);
    CHECK(stat(test_path("precious"), &now) == 0);
    CHECK_EQ(now.st_size, 1);
    uds_fixture_close(&f);
}

TEST(uds_stale, living_stream_socket_is_kept_and_reachable)
{
    struct uds_fixture f;
    const char *path = test_path("a.sock");
    const struct sockaddr_un address = uds_address(path);
    const int server = uds_raw_listen(path, SOCK_STREAM, 4);
    int client;

    uds_fixture_open(&f);
    uds_check_kept(&f, "another type");
    client = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(connect(client, (const struct sockaddr *)&address, sizeof(address)) == 0);
    close(client);
    close(server);
    uds_fixture_close(&f);
}

TEST(uds_stale, living_datagram_socket_is_kept_and_reachable)
{
    struct uds_fixture f;
    const char *path = test_path("a.sock");
    const struct sockaddr_un address = uds_address(path);
    const int server = uds_raw_listen(path, SOCK_DGRAM, -1);
    const int client = socket(AF_UNIX, SOCK_DGRAM, 0);

    uds_fixture_open(&f);
    uds_check_kept(&f, "another type");
    CHECK_EQ(
        sendto(client, "x", 1, MSG_DONTWAIT, (const struct sockaddr *)&address, sizeof(address)),
        1);
    close(client);
    close(server);
    uds_fixture_close(&f);
}

static int listen_as_nobody(void *arg)
{
    test_become_nobody();
    uds_check_kept(arg, "cannot tell");
    CHECK_EQ(((struct uds_fixture *)arg)->err.os_code, EACCES);
    return 0;
}

TEST(uds_stale, socket_without_permission_is_kept_and_reachable_by_its_owner)
{
    struct uds_fixture f;
    int server, client;

    uds_fixture_open(&f);
    CHECK(chmod(test_dir(), 0777) == 0);
    server = uds_raw_listen(test_path("a.sock"), SOCK_SEQPACKET, 4);
    CHECK(chmod(test_path("a.sock"), geteuid() == 0 ? 0600 : 0) == 0);
    CHECK_EQ(test_in_child(listen_as_nobody, &f), 0);
    CHECK(chmod(test_path("a.sock"), 0600) == 0);
    client = uds_raw_connect(test_path("a.sock"));
    CHECK(client >= 0);
    close(client);
    close(server);
    uds_fixture_close(&f);
}

TEST(uds_stale, directory_with_content_is_kept)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    CHECK(mkdir(test_path("a.sock"), 0700) == 0);
    write_file(test_path("a.sock/content"));
    uds_check_kept(&f, "cannot be removed");
    CHECK(uds_exists(test_path("a.sock/content")));
    uds_fixture_close(&f);
}

static int reclaim_as_nobody(void *arg)
{
    test_become_nobody();
    uds_check_kept(arg, "cannot be removed");
    return 0;
}

TEST(uds_stale, entry_that_cannot_be_removed_is_kept)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    write_file(test_path("a.sock"));
    CHECK(chmod(test_dir(), 0555) == 0);
    CHECK_EQ(test_in_child(reclaim_as_nobody, &f), 0);
    CHECK(chmod(test_dir(), 0755) == 0);
    uds_fixture_close(&f);
}

TEST(uds_stale, live_server_is_kept_and_sees_a_connection_without_a_byte)
{
    struct uds_fixture f;
    struct pipc_received received;
    void *listener, *probe, *client, *server;
    char got[4];

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    uds_check_kept(&f, "live server");
    client = uds_must_connect(&f, "a");
    probe = uds_must_accept(&f, listener);
    CHECK_OK(uds_get(&f, probe, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    server = uds_must_accept(&f, listener);
    CHECK_OK(uds_put(&f, client, "x", 1, TEST_LONG));
    CHECK_OK(uds_get(&f, server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.len, 1);
    uds_end(&f, probe);
    uds_end(&f, client);
    uds_end(&f, server);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

TEST(uds_stale, live_server_with_a_full_queue_is_kept_at_once)
{
    struct uds_fixture f;
    const int server = uds_raw_listen(test_path("a.sock"), SOCK_SEQPACKET, 0);
    const int client = uds_raw_connect(test_path("a.sock"));
    uint64_t took = UINT64_MAX;

    CHECK(client >= 0);
    uds_fixture_open(&f);
    /* The best of three, because a busy machine may stand still; a wait would be in each. */
    for (int i = 0; i < 3 && took >= 90; i++) {
        const uint64_t began = test_now_ms();
        uds_check_kept(&f, "live server");
        took = test_now_ms() - began;
    }
    CHECK_MSG(took < 90, "%" PRIu64 " ms", took);
    close(client);
    close(server);
    uds_fixture_close(&f);
}

static int serve_stopped(void *arg)
{
    const int *ready = arg;
    const int server = uds_raw_listen(test_path("a.sock"), SOCK_SEQPACKET, 0);
    const int client = uds_raw_connect(test_path("a.sock"));

    CHECK(server >= 0 && client >= 0);
    CHECK(write(ready[1], "x", 1) == 1);
    raise(SIGSTOP);
    return 0;
}

TEST(uds_stale, stopped_server_with_a_full_queue_is_kept_at_once)
{
    struct uds_fixture f;
    int ready[2], status;
    pid_t child;
    char byte;

    uds_fixture_open(&f);
    test_dir();
    CHECK(pipe(ready) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0)
        _exit(serve_stopped(ready));
    CHECK(read(ready[0], &byte, 1) == 1);
    CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    uds_check_kept(&f, "live server");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(ready[1]);
    uds_fixture_close(&f);
}

TEST(uds_stale, without_a_free_descriptor_the_entry_is_kept)
{
    struct uds_fixture f;
    struct rlimit limit;
    void *listener = &f;
    int hoard[256], count = 0;

    uds_fixture_open(&f);
    uds_dead_socket(test_path("a.sock"));
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = 100;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while (count < 256 && (hoard[count] = dup(0)) >= 0)
        count++;
    CHECK(count > 0 && count < 256);
    close(hoard[--count]); /* for the directory, and none for the probe */
    CHECK_RESULT(uds_try_listen(&f, test_dir(), "a", &listener), PIPC_ERR_ADDR_IN_USE);
    CHECK_EQ(f.err.os_code, EMFILE);
    CHECK(uds_exists(test_path("a.sock")));
    while (count > 0)
        close(hoard[--count]);
    uds_fixture_close(&f);
}

TEST(uds_stale, link_to_a_live_server_counts_as_alive)
{
    struct uds_fixture f;
    void *listener;

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "b");
    CHECK(symlink("b.sock", test_path("a.sock")) == 0);
    uds_check_kept(&f, "live server");
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

TEST(uds_stale, recovery_does_not_ask_for_the_mode_of_the_directory)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    CHECK(chmod(test_dir(), 0775) == 0);
    uds_dead_socket(test_path("a.sock"));
    check_reclaimed(&f);
    uds_fixture_close(&f);
}

TEST(uds_stale, similar_names_are_left_alone)
{
    struct uds_fixture f;
    void *listener;

    uds_fixture_open(&f);
    uds_dead_socket(test_path("a-b.sock"));
    uds_dead_socket(test_path("a-0000000000000001.sock"));
    listener = uds_must_listen(&f, "a");
    uds_end_listener(&f, listener);
    CHECK(uds_exists(test_path("a-b.sock")));
    CHECK(uds_exists(test_path("a-0000000000000001.sock")));
    uds_fixture_close(&f);
}
