/* SPDX-License-Identifier: Apache-2.0
 *
 * A listener that is handed in: served and left in place, or refused and untouched.
 */
#include "uds_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static pipc_result try_adopt(struct uds_fixture *f, const char *dir, pipc_handle handle,
                             void **listener)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = dir, .service = "a"};

    return f->ops->adopt(f->self, &endpoint, handle, listener, &f->err);
}

/* Refused, still open, and with its flags as they were. */
static void check_refused(int fd, const char *needle)
{
    struct uds_fixture f;
    void *listener = &f;
    const int status = fcntl(fd, F_GETFL), descriptor = fcntl(fd, F_GETFD);
    unsigned before;

    uds_fixture_open(&f);
    test_dir();
    before = test_open_descriptors();
    CHECK_RESULT(try_adopt(&f, test_dir(), fd, &listener), PIPC_ERR_BAD_PARAM);
    CHECK(listener == &f);
    CHECK_HAS(f.err.text, needle);
    CHECK_EQ(test_open_descriptors(), before);
    CHECK(fcntl(fd, F_GETFL) == status && fcntl(fd, F_GETFD) == descriptor);
    uds_fixture_close(&f);
}

/* As a service manager would: blocking and open across exec. */
static int make_listener(const char *path)
{
    const int fd = uds_raw_listen(path, SOCK_SEQPACKET, 4);

    CHECK(fcntl(fd, F_SETFD, 0) == 0);
    return fd;
}

static void check_served(const char *dir, int fd)
{
    struct uds_fixture f;
    struct pipc_received received;
    void *listener, *client, *server;
    char got[4];

    uds_fixture_open(&f);
    CHECK_MSG(try_adopt(&f, dir, fd, &listener) == PIPC_OK, "%s", f.err.text);
    CHECK_EQ(f.ops->listener_wait_handle(f.self, listener), fd);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    client = uds_must_connect(&f, "a");
    server = uds_must_accept(&f, listener);
    CHECK_OK(uds_put(&f, client, "x", 1, TEST_LONG));
    CHECK_OK(uds_get(&f, server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.len, 1);
    uds_end(&f, client);
    uds_end(&f, server);
    uds_end_listener(&f, listener);
    CHECK(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
    CHECK(uds_exists(test_path("a.sock")));
    uds_fixture_close(&f);
}

TEST(uds_adopt, listener_is_served_and_its_entry_kept)
{
    check_served(test_dir(), make_listener(test_path("a.sock")));
}

TEST(uds_adopt, another_spelling_of_the_path_is_the_same_path)
{
    char dir[96];

    snprintf(dir, sizeof(dir), "%s//.", test_dir());
    check_served(dir, make_listener(test_path("a.sock")));
}

TEST(uds_adopt, stream_socket_is_refused)
{
    const int fd = uds_raw_listen(test_path("a.sock"), SOCK_STREAM, 4);

    check_refused(fd, "SOCK_SEQPACKET");
    close(fd);
}

TEST(uds_adopt, socket_that_does_not_listen_is_refused)
{
    const int fd = uds_raw_listen(test_path("a.sock"), SOCK_SEQPACKET, -1);

    check_refused(fd, "does not listen");
    close(fd);
}

TEST(uds_adopt, socket_of_another_path_is_refused)
{
    const int fd = make_listener(test_path("b.sock"));

    check_refused(fd, "another path");
    close(fd);
}

TEST(uds_adopt, socket_without_a_path_is_refused)
{
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    struct sockaddr_un abstract = {.sun_family = AF_UNIX};
    int hidden;

    check_refused(fd, "not bound");
    hidden = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    snprintf(abstract.sun_path + 1, sizeof(abstract.sun_path) - 1, "pt-%d", (int)getpid());
    CHECK(bind(hidden, (struct sockaddr *)&abstract, sizeof(abstract)) == 0 &&
          listen(hidden, 1) == 0);
    check_refused(hidden, "not bound");
    close(fd);
    close(hidden);
}

TEST(uds_adopt, what_is_no_socket_is_refused)
{
    int pipes[2];

    CHECK(pipe(pipes) == 0);
    check_refused(pipes[0], "SOCK_SEQPACKET");
    close(pipes[0]);
    close(pipes[1]);
}

TEST(uds_adopt, closed_and_impossible_descriptors_are_refused)
{
    check_refused(9999, "SOCK_SEQPACKET");
    check_refused(-1, "no descriptor");
    check_refused(-7, "no descriptor");
}

TEST(uds_adopt, names_and_directory_are_checked_first)
{
    const int fd = make_listener(test_path("a.sock"));
    struct uds_fixture f;
    void *listener = &f;

    uds_fixture_open(&f);
    CHECK_RESULT(try_adopt(&f, "", fd, &listener), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(try_adopt(&f, test_path("none"), fd, &listener), PIPC_ERR_SOCKET);
    f.fail_after = 0;
    CHECK_RESULT(try_adopt(&f, test_dir(), fd, &listener), PIPC_ERR_ALLOC);
    CHECK(listener == &f);
    CHECK_EQ(fcntl(fd, F_GETFD), 0);
    close(fd);
    uds_fixture_close(&f);
}
