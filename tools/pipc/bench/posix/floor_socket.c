/* SPDX-License-Identifier: Apache-2.0
 *
 * The raw floors of sockets: a SEQPACKET pair between two processes, no protocol.
 *
 * Messages have the sizes of the scenario's, headers included; one that is longer than a packet is
 * sent in packets of that size. Polling: both sides ask with MSG_DONTWAIT all the time. Blocking:
 * both sleep in recv. The connecting floor makes a connection for each exchange, sends the bytes of
 * a handshake both ways and closes.
 */
#include "../bench.h"

#include <errno.h>
#include <pipc/wait.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct pair {
    int fd; /* of this side */
    int other;
    size_t request_len, response_len, packet_len;
    unsigned char *message;
    bool sleeps;
    struct sockaddr_un address; /* connecting floor */
};

static bool put(const struct pair *pair, const unsigned char *message, size_t len)
{
    const int flags = MSG_NOSIGNAL | (pair->sleeps ? 0 : MSG_DONTWAIT);

    for (size_t at = 0; at < len;) {
        const size_t part = len - at < pair->packet_len ? len - at : pair->packet_len;
        const ssize_t sent = send(pair->fd, message + at, part, flags);
        if (sent > 0)
            at += (size_t)sent;
        else if (errno != EAGAIN && errno != EINTR)
            return false;
        else
            pipc_cpu_pause();
    }
    return true;
}

/* Takes a message of `len` bytes; false at the end of the connection, and at the one byte that
 * parks the other side. */
static bool take(const struct pair *pair, unsigned char *message, size_t len)
{
    for (size_t at = 0; at < len;) {
        const ssize_t got = recv(pair->fd, message + at, len - at, pair->sleeps ? 0 : MSG_DONTWAIT);
        if (got == 0 || (got == 1 && len > 1))
            return false;
        if (got > 0)
            at += (size_t)got;
        else if (errno != EAGAIN && errno != EINTR)
            return false;
        else
            pipc_cpu_pause();
    }
    return true;
}

/* ---- the other side ---- */

static int serve(void *arg, int control)
{
    struct contender *c = arg;
    struct pair *pair = c->state;
    char go;

    pair->fd = pair->other;
    pin_to(c->server_cpu);
    side_say_ready(control);
    while (read(control, &go, 1) == 1) {
        while (take(pair, pair->message, pair->request_len)) {
            if (!put(pair, pair->message, pair->response_len))
                return 1;
        }
        (void)!write(control, &go, 1);
    }
    return 0;
}

/* ---- the client ---- */

static void pair_begin(struct contender *c)
{
    (void)!write(c->side.control, "g", 1);
}

static void pair_end(struct contender *c)
{
    const struct pair *pair = c->state;
    char parked;

    (void)!send(pair->fd, "s", 1, MSG_NOSIGNAL);
    (void)!read(c->side.control, &parked, 1);
}

static pipc_result gone(const struct contender *c, struct pipc_error *err)
{
    err->result = PIPC_ERR_DISCONNECTED;
    err->os_code = errno;
    snprintf(err->text, sizeof(err->text), "floor '%s': the other side is gone", c->name);
    return PIPC_ERR_DISCONNECTED;
}

static pipc_result pair_send(struct contender *c, struct pipc_error *err)
{
    const struct pair *pair = c->state;

    return put(pair, pair->message, pair->request_len) ? PIPC_OK : gone(c, err);
}

static pipc_result pair_receive(struct contender *c, struct pipc_error *err)
{
    const struct pair *pair = c->state;

    return take(pair, pair->message, pair->response_len) ? PIPC_OK : gone(c, err);
}

static pipc_result pair_exchange(struct contender *c, struct pipc_error *err)
{
    const struct pair *pair = c->state;

    if (!put(pair, pair->message, pair->request_len) ||
        !take(pair, pair->message, pair->response_len))
        return gone(c, err);
    return PIPC_OK;
}

static void pair_close(struct contender *c)
{
    struct pair *pair = c->state;

    if (pair->fd >= 0)
        (void)close(pair->fd);
    free(pair->message);
}

static const struct contender_ops pair_ops = {.exchange = pair_exchange,
                                              .send = pair_send,
                                              .receive = pair_receive,
                                              .begin = pair_begin,
                                              .end = pair_end,
                                              .close = pair_close};

static struct pair *pair_make(struct contender *c, size_t request_len, size_t response_len)
{
    struct pair *pair = c ? contender_state(c, sizeof(*pair)) : NULL;

    if (!pair)
        return NULL;
    pair->fd = pair->other = -1;
    pair->request_len = request_len;
    pair->response_len = response_len;
    pair->message = calloc(1, request_len > response_len ? request_len : response_len);
    return pair->message ? pair : NULL;
}

int floor_socket_add(struct row *row, bool sleeps, size_t request_len, size_t response_len)
{
    struct contender *c = row_add(row, LEVEL_FLOOR, sleeps ? "off" : NULL, &pair_ops);
    struct pair *pair = pair_make(c, request_len, response_len);
    int fds[2];
    bool started;

    if (!pair)
        return complain(EXIT_FAILED, "no memory for a floor");
    c->name = sleeps ? "blocking SEQPACKET" : "polling SEQPACKET";
    pair->packet_len = row->packet_size;
    pair->sleeps = sleeps;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return complain(EXIT_FAILED, "floor '%s': %s", c->name, strerror(errno));
    pair->fd = fds[0];
    pair->other = fds[1];
    started = side_start(&c->side, fds[1], serve, c);
    (void)close(fds[1]);
    if (!started)
        return complain(EXIT_FAILED, "no process for the floor '%s'", c->name);
    c->server_pid = c->side.pid;
    return -1;
}

int floor_add(struct row *row, const char *spin, size_t request_len, size_t response_len)
{
    const bool sleeps = spin && strcmp(spin, "off") == 0;

    /* A cache line holds one exchange at a time, as shared memory does. */
    if (row->upgrade && row->depth == 1)
        return floor_line_add(row, sleeps, request_len, response_len);
    return floor_socket_add(row, sleeps, request_len, response_len);
}

/* ---- connecting ---- */

/* One connection after the other, until the control channel is closed. */
static int serve_connections(void *arg, int control)
{
    const struct contender *c = arg;
    struct pair *pair = c->state, one = *pair;
    struct pollfd look[2] = {{.fd = pair->other, .events = POLLIN},
                             {.fd = control, .events = POLLIN}};

    pin_to(c->server_cpu);
    side_say_ready(control);
    while (poll(look, 2, -1) > 0 && !look[1].revents) {
        one.fd = accept(pair->other, NULL, NULL);
        if (one.fd < 0)
            continue;
        if (take(&one, one.message, one.request_len) && put(&one, one.message, one.response_len))
            (void)!recv(one.fd, one.message, 1, 0); /* its end */
        (void)close(one.fd);
    }
    return 0;
}

static pipc_result connect_exchange(struct contender *c, struct pipc_error *err)
{
    struct pair one = *(const struct pair *)c->state;
    pipc_result result = PIPC_OK;

    one.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (one.fd < 0)
        return gone(c, err);
    if (connect(one.fd, (const struct sockaddr *)&one.address, sizeof(one.address)) != 0 ||
        !put(&one, one.message, one.request_len) || !take(&one, one.message, one.response_len))
        result = gone(c, err);
    (void)close(one.fd);
    return result;
}

static const struct contender_ops connect_ops = {.exchange = connect_exchange, .close = pair_close};

int floor_connect_add(struct row *row)
{
    struct contender *c = row_add(row, LEVEL_FLOOR, NULL, &connect_ops);
    struct pair *pair =
        pair_make(c, PIPC_HEADER_LEN + PIPC_HELLO_LEN, PIPC_HEADER_LEN + PIPC_HELLO_ACK_LEN);
    char dir[PATH_LEN];
    bool started;

    if (!pair)
        return complain(EXIT_FAILED, "no memory for a floor");
    c->name = "connect SEQPACKET";
    pair->packet_len = row->packet_size;
    pair->sleeps = true;
    pair->address.sun_family = AF_UNIX;
    if (!bench_dir(row->bench, dir, sizeof(dir)) ||
        snprintf(pair->address.sun_path, sizeof(pair->address.sun_path), "%s/floor", dir) >=
            (int)sizeof(pair->address.sun_path))
        return complain(EXIT_FAILED, "no directory for the floor '%s' below %s", c->name,
                        row->bench->base);
    pair->other = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (pair->other < 0 ||
        bind(pair->other, (const struct sockaddr *)&pair->address, sizeof(pair->address)) != 0 ||
        listen(pair->other, 16) != 0)
        return complain(EXIT_FAILED, "%s: %s", pair->address.sun_path, strerror(errno));
    started = side_start(&c->side, pair->other, serve_connections, c);
    (void)close(pair->other);
    pair->other = -1;
    if (!started)
        return complain(EXIT_FAILED, "no process for the floor '%s'", c->name);
    c->server_pid = c->side.pid;
    return -1;
}
