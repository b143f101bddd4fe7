/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets over sockets of the kind SEQPACKET.
 */
#include "../raw_link.h"
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

struct raw_listener {
    int fd;
    struct sockaddr_un address;
};

static struct sockaddr_un address_of(const char *service)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s.sock", test_dir(), service);
    return address;
}

static int made(void)
{
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    CHECK_MSG(fd >= 0, "socket: %s", strerror(errno));
    return fd;
}

struct raw_listener *raw_listen(const char *service)
{
    struct raw_listener *const l = calloc(1, sizeof(*l));

    CHECK(l != NULL);
    l->address = address_of(service);
    l->fd = made();
    unlink(l->address.sun_path);
    CHECK(bind(l->fd, (const struct sockaddr *)&l->address, sizeof(l->address)) == 0);
    CHECK(listen(l->fd, 16) == 0);
    return l;
}

void raw_unlisten(struct raw_listener *l)
{
    unlink(l->address.sun_path);
    close(l->fd);
    free(l);
}

bool raw_link_await(pipc_handle link, const struct pipci_event *stop, int ms)
{
    struct pollfd polls[2] = {{.fd = (int)link, .events = POLLIN},
                              {.fd = stop ? (int)stop->handle : -1, .events = POLLIN}};
    const uint64_t end = ms < 0 ? UINT64_MAX : test_now_ms() + (uint64_t)ms;

    for (;;) {
        const uint64_t now = test_now_ms();
        const int n = poll(polls, 2, ms < 0 ? -1 : now < end ? (int)(end - now) : 0);
        if (n > 0)
            return polls[1].revents == 0;
        if (n == 0 && now >= end)
            return false;
    }
}

pipc_handle raw_link_accept(struct raw_listener *l, const struct pipci_event *stop)
{
    while (raw_link_await(l->fd, stop, RAW_EVER)) {
        const int fd = accept(l->fd, NULL, NULL);
        if (fd >= 0)
            return fd;
    }
    return PIPC_NO_HANDLE;
}

pipc_handle raw_link_connect_fd(int fd, const char *service)
{
    const struct sockaddr_un address = address_of(service);

    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        test_fail(__FILE__, __LINE__, "%s: %s", address.sun_path, strerror(errno));
    return fd;
}

pipc_handle raw_link_connect(const char *service)
{
    return raw_link_connect_fd(made(), service);
}

bool raw_link_ended(pipc_handle link)
{
    struct pollfd p = {.fd = (int)link, .events = POLLRDHUP};

    return poll(&p, 1, 0) > 0 && p.revents != 0;
}

/* The pieces as the system takes them. */
static struct msghdr message_of(const struct raw_piece *pieces, int count,
                                struct iovec parts[RAW_PIECES])
{
    CHECK(count <= RAW_PIECES);
    for (int i = 0; i < count; i++)
        parts[i] = (struct iovec){pieces[i].bytes, pieces[i].len};
    return (struct msghdr){.msg_iov = parts, .msg_iovlen = (size_t)count};
}

long raw_link_get(pipc_handle link, const struct raw_piece *pieces, int count)
{
    struct iovec parts[RAW_PIECES];
    struct msghdr m = message_of(pieces, count, parts);
    const ssize_t n = recvmsg((int)link, &m, 0);

    CHECK_MSG(n < 0 || !(m.msg_flags & MSG_TRUNC), "a packet is longer than expected");
    return n > 0 ? (long)n : 0;
}

bool raw_link_put(pipc_handle link, const struct raw_piece *pieces, int count)
{
    struct iovec parts[RAW_PIECES];
    const struct msghdr m = message_of(pieces, count, parts);
    size_t len = 0;
    ssize_t n;

    for (int i = 0; i < count; i++)
        len += pieces[i].len;
    do {
        n = sendmsg((int)link, &m, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)len;
}

void raw_link_close(pipc_handle link)
{
    close((int)link);
}
