/* SPDX-License-Identifier: Apache-2.0
 *
 * A transport over TCP on this host's loopback, for processes that share its network but neither
 * memory nor sockets of the file system: containers of one pod. A packet is its length (4 bytes,
 * little-endian) and its bytes. The file {run_dir}/{service}.tcp holds "ADDRESS PORT\n"; who
 * listens keeps it locked, and the system gives the lock back when its process ends.
 */
#include <pipc/posix.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE  256u
#define HEAD       4u       /* bytes of the length */
#define PACKET_MAX 1048576u /* a longer one ends the connection */

struct tcp {
    const struct pipc_host *host;
    struct in_addr address; /* to listen at */
    bool remote;            /* addresses other than loopback are allowed */
};

struct listener {
    int fd, file;
    char path[PATH_SIZE];
};

struct channel {
    const struct pipc_host *host;
    int fd;
    uint32_t interrupted; /* atomic */
    bool ended;
    uint8_t head[HEAD]; /* of the packet that is coming in; `have` counts these bytes, too */
    uint8_t *bytes;
    uint32_t have, cap;
    char path[PATH_SIZE];
};

static pipc_result path_make(const struct pipc_host *host, const struct pipc_endpoint *endpoint,
                             char path[PATH_SIZE], struct pipc_error *err)
{
    if (snprintf(path, PATH_SIZE, "%s/%s.tcp", endpoint->run_dir, endpoint->service) <
        (int)PATH_SIZE)
        return PIPC_OK;
    return pipc_posix_fail(host, err, PIPC_ERR_PATH_TOO_LONG, 0, path,
                           "a path has at most 255 bytes");
}

/* ---- endpoints ---- */

/* Exactly "ADDRESS PORT\n" and nothing else. */
static bool address_parse(const char *text, struct sockaddr_in *ret)
{
    char address[INET_ADDRSTRLEN], again[40];
    unsigned port = 0;

    if (sscanf(text, "%15[0-9.] %5u", address, &port) != 2 || port == 0 || port > 65535)
        return false;
    snprintf(again, sizeof(again), "%s %u\n", address, port);
    *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return strcmp(again, text) == 0 && inet_pton(AF_INET, address, &ret->sin_addr) == 1;
}

static bool is_named(int file, const char *path)
{
    struct stat held, named;

    return fstat(file, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

static void listener_close(void *self, void *listener, uint32_t flags)
{
    const struct pipc_host *const host = ((const struct tcp *)self)->host;
    struct listener *const l = listener;

    if (!(flags & PIPC_CLOSE_FORKED) && l->fd >= 0 && is_named(l->file, l->path))
        (void)unlink(l->path);
    (void)close(l->fd);
    (void)close(l->file);
    host->free(host, l);
}

/* Takes the file: that of a living owner is locked. NULL, or why not. */
static const char *file_take(struct listener *l, pipc_result *result)
{
    struct stat now;

    do {
        (void)close(l->file);
        *result = PIPC_ERR_SOCKET;
        l->file = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (l->file < 0 || fstat(l->file, &now) != 0 || !S_ISREG(now.st_mode))
            return "cannot be made";
        *result = PIPC_ERR_ADDR_IN_USE;
        if (now.st_uid != geteuid() || flock(l->file, LOCK_EX | LOCK_NB) != 0)
            return "owned by a live server, or another user";
    } while (!is_named(l->file, l->path)); /* its owner removed it meanwhile */
    *result = PIPC_ERR_SOCKET;
    return fchmod(l->file, 0600) == 0 ? NULL : "its mode cannot be set";
}

static const char *publish(struct listener *l, struct in_addr address)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = address};
    socklen_t size = sizeof(at);
    char text[40], name[INET_ADDRSTRLEN];

    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0 || bind(l->fd, (struct sockaddr *)&at, size) != 0 || listen(l->fd, 128) != 0 ||
        getsockname(l->fd, (struct sockaddr *)&at, &size) != 0)
        return "cannot listen";
    const int len = snprintf(text, sizeof(text), "%s %u\n",
                             inet_ntop(AF_INET, &address, name, sizeof(name)), ntohs(at.sin_port));
    return pwrite(l->file, text, (size_t)len, 0) == len && ftruncate(l->file, len) == 0
               ? NULL
               : "cannot be written";
}

static pipc_result tcp_listen(void *self, const struct pipc_endpoint *endpoint, void **ret_listener,
                              struct pipc_error *err)
{
    const struct tcp *const tcp = self;
    struct listener made = {.fd = -1, .file = -1}, *l;
    pipc_result result = path_make(tcp->host, endpoint, made.path, err);

    if (result != PIPC_OK)
        return result;
    l = tcp->host->alloc(tcp->host, sizeof(*l));
    if (!l)
        return pipc_posix_fail(tcp->host, err, PIPC_ERR_ALLOC, 0, made.path, "no memory");
    *l = made;
    const char *why = file_take(l, &result);
    if (!why)
        why = publish(l, tcp->address);
    if (!why) {
        *ret_listener = l;
        return PIPC_OK;
    }
    pipc_posix_fail(tcp->host, err, result, errno, l->path, why);
    listener_close(self, l, 0);
    return result;
}

static pipc_handle listener_wait_handle(void *self, void *listener)
{
    (void)self;
    return ((const struct listener *)listener)->fd;
}

/* ---- connections ---- */

static void channel_close(void *channel, uint32_t flags)
{
    struct channel *const c = channel;

    (void)flags;
    (void)close(c->fd);
    c->host->free(c->host, c->bytes);
    c->host->free(c->host, c);
}

static pipc_result channel_make(const struct pipc_host *host, int fd, const char *path,
                                void **ret_channel, struct pipc_error *err)
{
    struct channel *const c = host->alloc(host, sizeof(*c));
    const int on = 1, room = PACKET_MAX;

    if (!c) {
        (void)close(fd);
        return pipc_posix_fail(host, err, PIPC_ERR_ALLOC, 0, path, "no memory");
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    *c = (struct channel){.host = host, .fd = fd};
    memcpy(c->path, path, PATH_SIZE);
    *ret_channel = c;
    return PIPC_OK;
}

static pipc_result tcp_accept(void *self, void *listener, const struct pipc_wait *wait,
                              void **ret_channel, struct pipc_error *err)
{
    const struct pipc_host *const host = ((const struct tcp *)self)->host;
    const struct listener *const l = listener;
    pipc_result result = pipc_posix_enter(wait);

    while (result == PIPC_OK) {
        const int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            return channel_make(host, fd, l->path, ret_channel, err);
        if (errno == EAGAIN)
            result = pipc_posix_sleep(host, l->fd, POLLIN, wait);
        else if (errno != EINTR && errno != ECONNABORTED)
            result = PIPC_ERR_ACCEPT;
    }
    return pipc_posix_fail(host, err, result, errno, l->path, "no client came");
}

/* Where the service is, by a file that nobody else can have written. NULL, or why not. */
static const char *address_find(const struct tcp *tcp, const char *path, struct sockaddr_in *ret)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char text[40] = "";
    struct stat now;

    if (fd < 0)
        return "cannot be opened";
    const bool safe = fstat(fd, &now) == 0 && S_ISREG(now.st_mode) && !(now.st_mode & 077) &&
                      (now.st_uid == geteuid() || now.st_uid == 0);
    const bool good = safe && read(fd, text, sizeof(text) - 1) > 0 && address_parse(text, ret);
    (void)close(fd);
    errno = EACCES;
    if (!good)
        return safe ? "holds no address" : "others may have written it";
    return tcp->remote || ntohl(ret->sin_addr.s_addr) >> 24 == 127
               ? NULL
               : "its address leaves this host, which needs allow_remote = yes";
}

static pipc_result tcp_connect(void *self, const struct pipc_endpoint *endpoint,
                               const struct pipc_wait *wait, void **ret_channel,
                               struct pipc_error *err)
{
    const struct tcp *const tcp = self;
    struct sockaddr_in to;
    char path[PATH_SIZE];
    pipc_result result = path_make(tcp->host, endpoint, path, err);

    if (result != PIPC_OK)
        return result;
    const char *const why = address_find(tcp, path, &to);
    if (why)
        return pipc_posix_fail(tcp->host, err, PIPC_ERR_CONNECT, errno, path, why);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return pipc_posix_fail(tcp->host, err, PIPC_ERR_SOCKET, errno, path, "no socket");
    result = pipc_posix_connect(tcp->host, fd, (struct sockaddr *)&to, sizeof(to), wait);
    if (result == PIPC_OK)
        return channel_make(tcp->host, fd, path, ret_channel, err);
    pipc_posix_fail(tcp->host, err, result, errno, path, "not connected");
    (void)close(fd);
    return result;
}

/* ---- packets ---- */

static uint32_t length_of(const uint8_t head[HEAD])
{
    return head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
}

static pipc_result channel_fail(const struct channel *c, struct pipc_error *err, pipc_result result)
{
    if (__atomic_load_n(&c->interrupted, __ATOMIC_ACQUIRE))
        result = PIPC_ERR_ABORTED;
    return pipc_posix_fail(c->host, err, result, errno, c->path, "the packet did not pass");
}

/* The socket polls writable when a third of its room is free, where a packet fits with all that it
 * costs the system (packet_max): what begins then ends at once. A part of a packet ends all. */
static pipc_result tcp_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                            const struct pipc_wait *wait, struct pipc_error *err)
{
    struct channel *const c = channel;
    struct iovec vectors[4];
    const struct msghdr message = {.msg_iov = vectors, .msg_iovlen = count + 1};
    uint8_t head[HEAD];
    size_t len = 0;
    ssize_t sent;

    for (uint32_t i = 0; i < count && i < 3; len += pieces[i++].len)
        vectors[i + 1] = (struct iovec){pieces[i].base, pieces[i].len};
    for (uint32_t i = 0; i < HEAD; i++)
        head[i] = (uint8_t)(len >> 8 * i);
    vectors[0] = (struct iovec){head, HEAD};
    const bool bad = count == 0 || count > 3 || len == 0 || len > PACKET_MAX;
    pipc_result result = bad ? PIPC_ERR_BAD_PARAM : pipc_posix_enter(wait);
    while (result == PIPC_OK && pipc_posix_poll(c->fd, POLLOUT, NULL, 0) != PIPC_OK)
        result = pipc_posix_sleep(c->host, c->fd, POLLOUT, wait);
    if (result != PIPC_OK)
        return channel_fail(c, err, result);
    do
        sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)(HEAD + len))
        return PIPC_OK;
    (void)shutdown(c->fd, SHUT_RDWR);
    return channel_fail(c, err, PIPC_ERR_SEND);
}

/* Takes bytes of one packet and none behind it, so that the socket polls readable while something
 * is left. OK: complete, or the end; TIMEOUT: not yet. */
static pipc_result fill(struct channel *c)
{
    for (;;) {
        const uint32_t len = c->have < HEAD ? 0 : length_of(c->head);
        if (c->have >= HEAD && c->have == HEAD + len)
            return PIPC_OK;
        if (c->have >= HEAD && len > c->cap) {
            uint8_t *const bytes =
                len > PACKET_MAX ? NULL : c->host->realloc(c->host, c->bytes, len);
            if (!bytes)
                return PIPC_ERR_RECV;
            c->bytes = bytes;
            c->cap = len;
        }
        uint8_t *const at = c->have < HEAD ? c->head + c->have : c->bytes + c->have - HEAD;
        const ssize_t got = recv(c->fd, at, (c->have < HEAD ? HEAD : HEAD + len) - c->have, 0);
        if (got == 0)
            c->ended = true;
        if (got == 0)
            return c->have == 0 ? PIPC_OK : PIPC_ERR_RECV; /* inside a packet */
        if (got < 0 && errno != EINTR)
            return errno == EAGAIN ? PIPC_ERR_TIMEOUT : PIPC_ERR_RECV;
        c->have += got > 0 ? (uint32_t)got : 0;
    }
}

static pipc_result tcp_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                               const struct pipc_wait *wait, struct pipc_received *ret_received,
                               struct pipc_error *err)
{
    struct channel *const c = channel;
    pipc_result result = pipc_posix_enter(wait), filled = PIPC_ERR_TIMEOUT;
    size_t done = 0;

    while (result == PIPC_OK && !c->ended && (filled = fill(c)) == PIPC_ERR_TIMEOUT)
        result = pipc_posix_sleep(c->host, c->fd, POLLIN, wait);
    if (result == PIPC_OK && filled == PIPC_ERR_RECV)
        result = filled;
    if (result != PIPC_OK || (c->ended && __atomic_load_n(&c->interrupted, __ATOMIC_ACQUIRE)))
        return channel_fail(c, err, result);
    const size_t len = c->ended ? 0 : length_of(c->head);
    for (uint32_t i = 0; i < count; i++) {
        const size_t part = pieces[i].len < len - done ? pieces[i].len : len - done;
        if (part > 0)
            memcpy(pieces[i].base, c->bytes + done, part);
        done += part;
    }
    ret_received->flags = c->ended ? PIPC_RECEIVED_END : done < len ? PIPC_RECEIVED_CUT : 0;
    ret_received->len = done;
    c->have = 0;
    return PIPC_OK;
}

/* A packet that is here in part is nothing yet. */
static uint32_t look(void *channel)
{
    const struct channel *const c = channel;
    struct pollfd set = {.fd = c->fd, .events = POLLIN | POLLRDHUP};
    uint8_t head[HEAD];
    int queued = 0;
    ssize_t more = 0;

    if (c->ended || poll(&set, 1, 0) <= 0)
        return c->ended ? PIPC_LOOK_GONE : PIPC_LOOK_NOTHING;
    (void)ioctl(c->fd, FIONREAD, &queued);
    if (set.revents & (POLLHUP | POLLRDHUP | POLLERR))
        return queued > 0 ? PIPC_LOOK_READABLE : PIPC_LOOK_GONE;
    memcpy(head, c->head, HEAD);
    if (c->have < HEAD)
        more = recv(c->fd, head + c->have, HEAD - c->have, MSG_PEEK);
    if (c->have < HEAD && more != (ssize_t)(HEAD - c->have))
        return PIPC_LOOK_NOTHING;
    return (uint64_t)queued + c->have >= (uint64_t)HEAD + length_of(head) ? PIPC_LOOK_READABLE
                                                                          : PIPC_LOOK_NOTHING;
}

static void finish(void *channel, const struct pipc_wait *wait)
{
    pipc_posix_finish(((struct channel *)channel)->host, ((struct channel *)channel)->fd, wait);
}

static uint32_t packet_max(void *channel, uint32_t configured)
{
    const struct channel *const c = channel;
    const uint32_t most = configured ? configured : 65536;
    int room = 0;
    socklen_t size = sizeof(room);

    (void)getsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &room, &size);
    return (uint32_t)room / 6 < most ? (uint32_t)room / 6 : most;
}

static pipc_handle wait_handle(void *channel)
{
    return ((const struct channel *)channel)->fd;
}

static void interrupt(void *channel)
{
    struct channel *const c = channel;

    __atomic_store_n(&c->interrupted, 1, __ATOMIC_RELEASE);
    (void)shutdown(c->fd, SHUT_RDWR); /* wakes who sleeps on the socket */
}

/* ---- the module ---- */

static pipc_result init(const struct pipc_host *host, const struct pipc_option_value *values,
                        uint32_t count, void **ret_self, struct pipc_error *err)
{
    struct tcp made = {.host = host, .remote = count > 1 && values[1].number}, *tcp;

    if (inet_pton(AF_INET, values[0].text, &made.address) != 1)
        return pipc_posix_fail(host, err, PIPC_ERR_CONFIG, 0, "tcp: address", "is no IPv4 address");
    if (!made.remote && ntohl(made.address.s_addr) >> 24 != 127)
        return pipc_posix_fail(host, err, PIPC_ERR_CONFIG, 0, "tcp: address",
                               "leaves this host, which needs allow_remote = yes");
    tcp = host->alloc(host, sizeof(*tcp));
    if (!tcp)
        return pipc_posix_fail(host, err, PIPC_ERR_ALLOC, 0, "tcp", "no memory");
    *tcp = made;
    *ret_self = tcp;
    return PIPC_OK;
}

static void fini(void *self)
{
    ((struct tcp *)self)->host->free(((struct tcp *)self)->host, self);
}

static const struct pipc_option options[] = {
    {"address", PIPC_OPTION_TEXT, 0, 0, 0, NULL, "127.0.0.1", "IPv4 address to listen at."},
    {"allow_remote", PIPC_OPTION_YESNO, 0, 0, 0, NULL, "no",
     "Whether addresses other than loopback may be used: nothing is encrypted."},
};

static const struct pipc_transport_ops ops = {
    .size = sizeof(ops),
    .traits = PIPC_TRAIT_BASELINE | PIPC_TRAIT_WAIT_HANDLE,
    .listen = tcp_listen,
    .accept = tcp_accept,
    .connect = tcp_connect,
    .listener_wait_handle = listener_wait_handle,
    .listener_close = listener_close,
    .send = tcp_send,
    .receive = tcp_receive,
    .look = look,
    .finish = finish,
    .packet_max = packet_max,
    .wait_handle = wait_handle,
    .interrupt = interrupt,
    .close = channel_close,
};

PIPC_MODULE_EXPORT const struct pipc_module pipc_module_tcp = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .size = sizeof(struct pipc_module),
    .option_count = sizeof(options) / sizeof(options[0]),
    .name = "tcp",
    .version = "0.1.0",
    .vendor = "you",
    .summary = "Packets over TCP on loopback, for processes that share nothing but the network.",
    .options = options,
    .ops = &ops,
    .init = init,
    .fini = fini,
};
