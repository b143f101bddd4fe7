/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels of the tests' own transports: one end of a SOCK_SEQPACKET pair.
 */
#include "session_pair.h"
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct session_channel *session_channel_new(int fd)
{
    struct session_channel *c = calloc(1, sizeof(*c));

    if (!c)
        test_fail(__FILE__, __LINE__, "no memory");
    c->fd = fd;
    c->gone = -1;
    c->interrupt = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    __atomic_add_fetch(&session_control.channels, 1, __ATOMIC_RELAXED);
    return c;
}

static pipc_handle abort_seen(const struct pipc_wait *wait)
{
    return session_control.now_is_blind && wait->deadline_ns == PIPC_NOW ? PIPC_NO_HANDLE
                                                                         : wait->abort;
}

static pipc_result ready(struct session_channel *c, short events, const struct pipc_wait *wait)
{
    struct pipc_wait seen = *wait;

    seen.abort = abort_seen(wait);
    return session_wait_fd(c->fd, events, c->interrupt, c->gone, &seen);
}

/* Abort comes before data, without a wait. */
static pipc_result aborted(struct session_channel *c, const struct pipc_wait *wait)
{
    const struct pipc_wait now = {
        .size = sizeof(now), .deadline_ns = PIPC_NOW, .abort = abort_seen(wait)};
    const pipc_result result = session_wait_fd(-1, 0, c->interrupt, -1, &now);

    return result == PIPC_ERR_TIMEOUT ? PIPC_OK : result;
}

pipc_result session_channel_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                                 const struct pipc_wait *wait, struct pipc_error *err)
{
    struct session_channel *const c = channel;
    struct iovec iov[3];
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = count};
    size_t len = 0;

    __atomic_add_fetch(&session_control.sends, 1, __ATOMIC_RELAXED);
    if (session_fault_due(&session_control.send))
        return session_say(err, session_control.send.result, session_control.send.os_code,
                           "send was told to fail");
    if (__atomic_load_n(&session_control.starved, __ATOMIC_RELAXED))
        return session_say(err, PIPC_ERR_TIMEOUT, ENOBUFS, "no buffers");
    for (uint32_t i = 0; i < count; i++) {
        iov[i] = (struct iovec){pieces[i].base, pieces[i].len};
        len += pieces[i].len;
    }
    pipc_result result = aborted(c, wait);
    while (result == PIPC_OK) {
        const ssize_t n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n == (ssize_t)len)
            return PIPC_OK;
        if (n < 0 && errno == EAGAIN)
            result = ready(c, POLLOUT, wait);
        else if (n >= 0 || errno != EINTR)
            return session_say(err, PIPC_ERR_SEND, errno, "send failed");
    }
    return session_say(err, result, 0, "not sent");
}

pipc_result session_channel_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                                    const struct pipc_wait *wait,
                                    struct pipc_received *ret_received, struct pipc_error *err)
{
    struct session_channel *const c = channel;
    struct iovec iov[3];
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = count};
    bool reset = false;

    __atomic_add_fetch(&session_control.receives, 1, __ATOMIC_RELAXED);
    if (session_fault_due(&session_control.receive))
        return session_say(err, session_control.receive.result, session_control.receive.os_code,
                           "receive was told to fail");
    for (uint32_t i = 0; i < count; i++)
        iov[i] = (struct iovec){pieces[i].base, pieces[i].len};
    pipc_result result = aborted(c, wait);
    while (result == PIPC_OK) {
        const ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT);
        if (n >= 0) {
            ret_received->len = (uint64_t)n;
            ret_received->flags = n == 0                      ? PIPC_RECEIVED_END
                                  : msg.msg_flags & MSG_TRUNC ? PIPC_RECEIVED_CUT
                                                              : 0;
            return PIPC_OK;
        }
        if (errno == ECONNRESET && !reset) {
            reset = true;
            continue;
        }
        if (errno == EAGAIN && !reset) {
            result = ready(c, POLLIN, wait);
            if (result == PIPC_ERR_DISCONNECTED) {
                ret_received->len = 0;
                ret_received->flags = PIPC_RECEIVED_END;
                return PIPC_OK;
            }
        } else if (errno != EINTR) {
            return session_say(err, PIPC_ERR_RECV, errno, "receive failed");
        }
    }
    return session_say(err, result, 0, "nothing received");
}

uint32_t session_channel_look(void *channel)
{
    struct session_channel *const c = channel;
    struct pollfd p = {.fd = c->fd, .events = POLLIN};

    return poll(&p, 1, 0) > 0 ? PIPC_LOOK_READABLE : PIPC_LOOK_NOTHING;
}

void session_channel_finish(void *channel, const struct pipc_wait *wait)
{
    struct session_channel *const c = channel;
    const uint64_t end = test_now_ms() + 100;
    char waste[4096];

    __atomic_add_fetch(&session_control.finishes, 1, __ATOMIC_RELAXED);
    shutdown(c->fd, SHUT_WR);
    while (test_now_ms() < end && aborted(c, wait) == PIPC_OK) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        if (poll(&p, 1, 10) > 0 && recv(c->fd, waste, sizeof(waste), MSG_DONTWAIT) == 0)
            break;
    }
}

uint32_t session_channel_packet_max(void *channel, uint32_t configured)
{
    const struct session_channel *const c = channel;
    const uint32_t most = session_control.packet_max ? session_control.packet_max : 65536;

    if (c->whole)
        return 200000;
    return configured ? configured : most;
}

pipc_handle session_channel_handle(void *channel)
{
    return ((struct session_channel *)channel)->fd;
}

void session_channel_interrupt(void *channel)
{
    (void)!write(((struct session_channel *)channel)->interrupt, &(uint64_t){1}, 8);
}

pipc_result session_channel_peer(void *channel, struct pipc_peer *ret_peer)
{
    (void)channel;
    if (session_control.no_peer)
        return PIPC_ERR_NOT_SUPPORTED;
    ret_peer->known = PIPC_PEER_PID | PIPC_PEER_UID | PIPC_PEER_GID;
    ret_peer->pid = (uint32_t)getpid();
    ret_peer->uid = getuid();
    ret_peer->gid = getgid();
    return PIPC_OK;
}

pipc_result session_channel_admit(void *channel, struct pipc_error *err)
{
    (void)channel;
    return session_control.refuse_peer
               ? session_say(err, PIPC_ERR_AUTH_FAILED, 0, "user 4711 is not admitted")
               : (pipc_result)PIPC_OK;
}

const struct pipc_waiter *session_channel_waiter(void *channel)
{
    struct session_channel *const c = channel;

    c->waiter.spins = 3;
    c->waiter.sleeps = 4;
    c->waiter.wakeups = 5;
    return &c->waiter;
}

uint64_t session_channel_memory(void *channel)
{
    (void)channel;
    return session_control.region_bytes;
}

void session_channel_close(void *channel, uint32_t flags)
{
    struct session_channel *const c = channel;

    __atomic_add_fetch(&session_control.closes, 1, __ATOMIC_RELAXED);
    if (flags & PIPC_CLOSE_FORKED)
        __atomic_add_fetch(&session_control.forked_closes, 1, __ATOMIC_RELAXED);
    close(c->fd);
    close(c->interrupt);
    free(c->room);
    free(c);
}

pipc_result session_channel_reserve(void *channel, size_t len, const struct pipc_wait *wait,
                                    void **ret_room, struct pipc_error *err)
{
    struct session_channel *const c = channel;

    (void)wait;
    free(c->room);
    c->room = malloc(len);
    c->room_len = len;
    if (!c->room)
        return session_say(err, PIPC_ERR_ALLOC, 0, "no memory");
    *ret_room = c->room;
    return PIPC_OK;
}

pipc_result session_channel_commit(void *channel, size_t len, const struct pipc_wait *wait,
                                   struct pipc_error *err)
{
    struct session_channel *const c = channel;
    const struct pipc_piece piece = {c->room, len};

    CHECK(c->room && len <= c->room_len);
    session_note("commit");
    return session_channel_send(c, &piece, 1, wait, err);
}
