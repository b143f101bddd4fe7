/* SPDX-License-Identifier: Apache-2.0
 *
 * The baseline "mem": connections are SOCK_SEQPACKET pairs inside this process; a listener is a
 * pair through which the numbers of new descriptors are handed. Faults by order of the control
 * record.
 */
#include "session_mem.h"
#include "session_pair.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct session_control session_control;

void session_control_reset(void)
{
    memset(&session_control, 0, sizeof(session_control));
}

bool session_fault_due(struct session_fault *fault)
{
    unsigned at = __atomic_load_n(&fault->at, __ATOMIC_ACQUIRE);

    while (at && !__atomic_compare_exchange_n(&fault->at, &at, at - 1, false, __ATOMIC_ACQUIRE,
                                              __ATOMIC_ACQUIRE)) {
    }
    return at == 1;
}

pipc_result session_say(struct pipc_error *err, pipc_result result, int os_code, const char *text)
{
    if (err && err->size >= sizeof(*err)) {
        err->result = result;
        err->os_code = os_code;
        snprintf(err->text, sizeof(err->text), "%s", text);
    }
    return result;
}

void session_note(const char *what)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&lock);
    strncat(session_control.order, what,
            sizeof(session_control.order) - strlen(session_control.order) - 1);
    strncat(session_control.order, " ",
            sizeof(session_control.order) - strlen(session_control.order) - 1);
    pthread_mutex_unlock(&lock);
}

void session_pair_make(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        test_fail(__FILE__, __LINE__, "socketpair: %s", strerror(errno));
    for (int i = 0; i < 2 && session_control.sndbuf; i++)
        setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &session_control.sndbuf,
                   sizeof(session_control.sndbuf));
}

/* ---- listeners, by name ---- */

struct session_raw_listener {
    char name[256];
    int in, out; /* connect writes descriptor numbers into `in` */
    struct session_raw_listener *next;
};

static struct session_raw_listener *listeners;
static pthread_mutex_t listeners_lock = PTHREAD_MUTEX_INITIALIZER;

static struct session_raw_listener *find(const char *name)
{
    for (struct session_raw_listener *l = listeners; l; l = l->next)
        if (strcmp(l->name, name) == 0)
            return l;
    return NULL;
}

static void full_name(const char *run_dir, const char *service, char *name, size_t cap)
{
    snprintf(name, cap, "%s|%s", run_dir, service);
}

struct session_raw_listener *session_raw_listen(const char *run_dir, const char *service)
{
    struct session_raw_listener *l = calloc(1, sizeof(*l));
    int fds[2];

    if (!l)
        return NULL;
    full_name(run_dir, service, l->name, sizeof(l->name));
    pthread_mutex_lock(&listeners_lock);
    if (find(l->name)) {
        pthread_mutex_unlock(&listeners_lock);
        free(l);
        return NULL;
    }
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        test_fail(__FILE__, __LINE__, "socketpair: %s", strerror(errno));
    l->in = fds[0];
    l->out = fds[1];
    l->next = listeners;
    listeners = l;
    pthread_mutex_unlock(&listeners_lock);
    return l;
}

static void drain(struct session_raw_listener *l)
{
    int fd;

    while (recv(l->out, &fd, sizeof(fd), MSG_DONTWAIT) == (ssize_t)sizeof(fd))
        close(fd);
}

void session_raw_close(struct session_raw_listener *l)
{
    pthread_mutex_lock(&listeners_lock);
    for (struct session_raw_listener **at = &listeners; *at; at = &(*at)->next)
        if (*at == l) {
            *at = l->next;
            break;
        }
    drain(l);
    close(l->in);
    close(l->out);
    pthread_mutex_unlock(&listeners_lock);
    free(l);
}

int session_raw_connect(const char *run_dir, const char *service)
{
    char name[256];
    int fds[2], result = -1;

    full_name(run_dir, service, name, sizeof(name));
    pthread_mutex_lock(&listeners_lock);
    struct session_raw_listener *const l = find(name);
    if (l) {
        session_pair_make(fds);
        if (send(l->in, &fds[1], sizeof(fds[1]), MSG_DONTWAIT) == (ssize_t)sizeof(fds[1])) {
            result = fds[0];
        } else {
            close(fds[0]);
            close(fds[1]);
        }
    }
    pthread_mutex_unlock(&listeners_lock);
    return result;
}

int session_raw_handle(const struct session_raw_listener *l)
{
    return l->out;
}

/* ---- waiting ---- */

static int left_ms(uint64_t deadline_ns)
{
    struct timespec now;

    if (deadline_ns == PIPC_NOW)
        return 0;
    if (deadline_ns == PIPC_NEVER)
        return -1;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const uint64_t ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return ns >= deadline_ns ? 0 : (int)((deadline_ns - ns + 999999) / 1000000);
}

/* Abort first, then `fd`, then the deadline. `gone`: a descriptor whose hang-up ends the wait with
 * DISCONNECTED; -1: none. */
pipc_result session_wait_fd(int fd, short events, int interrupt, int gone,
                            const struct pipc_wait *wait)
{
    for (;;) {
        struct pollfd fds[4] = {{.fd = fd, .events = events},
                                {.fd = (int)wait->abort, .events = POLLIN},
                                {.fd = interrupt, .events = POLLIN},
                                {.fd = gone, .events = POLLRDHUP}};
        const int n = poll(fds, 4, left_ms(wait->deadline_ns));
        if (n < 0 && errno == EINTR)
            continue;
        if (fds[1].revents & POLLNVAL)
            return PIPC_ERR_BAD_PARAM;
        if (fds[1].revents || fds[2].revents)
            return PIPC_ERR_ABORTED;
        if (fds[0].revents)
            return PIPC_OK;
        if (fds[3].revents)
            return PIPC_ERR_DISCONNECTED;
        if (left_ms(wait->deadline_ns) == 0)
            return PIPC_ERR_TIMEOUT;
    }
}

/* ---- the module ---- */

static pipc_result mem_listen(void *self, const struct pipc_endpoint *endpoint, void **ret_listener,
                              struct pipc_error *err)
{
    (void)self;
    if (session_fault_due(&session_control.listen))
        return session_say(err, session_control.listen.result, 0, "listen was told to fail");
    struct session_raw_listener *const l = session_raw_listen(endpoint->run_dir, endpoint->service);
    if (!l)
        return session_say(err, PIPC_ERR_ADDR_IN_USE, EADDRINUSE, "name is in use");
    session_note("listen");
    *ret_listener = l;
    return PIPC_OK;
}

/* What is handed in is a descriptor that stands for nothing: good if it is open. */
static pipc_result mem_adopt(void *self, const struct pipc_endpoint *endpoint, pipc_handle handle,
                             void **ret_listener, struct pipc_error *err)
{
    if (fcntl((int)handle, F_GETFD) < 0)
        return session_say(err, PIPC_ERR_BAD_PARAM, EBADF, "not a descriptor");
    const pipc_result result = mem_listen(self, endpoint, ret_listener, err);
    if (result == PIPC_OK) {
        close((int)handle);
        session_note("adopt");
    }
    return result;
}

static pipc_result mem_accept(void *self, void *listener, const struct pipc_wait *wait,
                              void **ret_channel, struct pipc_error *err)
{
    struct session_raw_listener *const l = listener;
    int fd;

    (void)self;
    if (session_fault_due(&session_control.accept))
        return session_say(err, session_control.accept.result, session_control.accept.os_code,
                           "accept was told to fail");
    for (;;) {
        pipc_result result = session_wait_fd(l->out, POLLIN, -1, -1, wait);
        if (result != PIPC_OK)
            return session_say(err, result, 0, "nobody came");
        if (recv(l->out, &fd, sizeof(fd), MSG_DONTWAIT) == (ssize_t)sizeof(fd))
            break;
    }
    session_note("accept");
    *ret_channel = session_channel_new(fd);
    return PIPC_OK;
}

static pipc_result mem_connect(void *self, const struct pipc_endpoint *endpoint,
                               const struct pipc_wait *wait, void **ret_channel,
                               struct pipc_error *err)
{
    (void)self;
    (void)wait;
    if (session_fault_due(&session_control.connect))
        return session_say(err, session_control.connect.result, session_control.connect.os_code,
                           "connect was told to fail");
    const int fd = session_raw_connect(endpoint->run_dir, endpoint->service);
    if (fd < 0)
        return session_say(err, PIPC_ERR_CONNECT, ENOENT, "nobody listens");
    *ret_channel = session_channel_new(fd);
    return PIPC_OK;
}

static pipc_handle mem_listener_handle(void *self, void *listener)
{
    (void)self;
    return ((struct session_raw_listener *)listener)->out;
}

static void mem_listener_close(void *self, void *listener, uint32_t flags)
{
    (void)self;
    __atomic_add_fetch(&session_control.listener_closes, 1, __ATOMIC_RELAXED);
    if (flags & PIPC_CLOSE_FORKED)
        __atomic_add_fetch(&session_control.forked_closes, 1, __ATOMIC_RELAXED);
    session_raw_close(listener);
}

#define BASELINE_ENTRIES                                                                          \
    .listen = mem_listen, .accept = mem_accept, .connect = mem_connect,                           \
    .listener_wait_handle = mem_listener_handle, .listener_close = mem_listener_close,            \
    .send = session_channel_send, .receive = session_channel_receive,                             \
    .look = session_channel_look, .finish = session_channel_finish,                               \
    .packet_max = session_channel_packet_max, .interrupt = session_channel_interrupt,             \
    .peer = session_channel_peer, .admit = session_channel_admit, .close = session_channel_close, \
    .waiter = session_channel_waiter

static const struct pipc_transport_ops mem_ops = {
    .size = sizeof(mem_ops),
    .traits = PIPC_TRAIT_BASELINE | PIPC_TRAIT_WAIT_HANDLE | PIPC_TRAIT_ADOPT |
              PIPC_TRAIT_PEER_CREDENTIALS,
    .adopt = mem_adopt,
    .wait_handle = session_channel_handle,
    BASELINE_ENTRIES,
};

static const struct pipc_transport_ops blind_ops = {
    .size = sizeof(blind_ops),
    .traits = PIPC_TRAIT_BASELINE | PIPC_TRAIT_PEER_CREDENTIALS,
    BASELINE_ENTRIES,
};

const struct pipc_module session_mem_module = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .size = sizeof(struct pipc_module),
    .name = "mem",
    .version = "1",
    .vendor = "tests",
    .summary = "Socket pairs inside one process.",
    .ops = &mem_ops,
};

const struct pipc_module session_blind_module = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .size = sizeof(struct pipc_module),
    .name = "blind",
    .version = "1",
    .vendor = "tests",
    .summary = "Socket pairs inside one process, without handles.",
    .ops = &blind_ops,
};

/* ---- contexts ---- */

pipc_result session_context_try(const char *transports, const struct pipc_allocator *allocator,
                                struct pipc_context **ret_context)
{
    static const struct pipc_module *const modules[] = {&session_mem_module, &session_blind_module,
                                                        &session_fast_module, &session_ext_module,
                                                        &session_third_module};
    const struct pipc_open_options options = {.size = sizeof(options), .allocator = allocator};
    struct pipc_config *config = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    const char *const list = transports ? transports : "mem";
    const char *const carrier = strstr(list, "blind") ? "blind" : "mem";
    pipc_result result = pipc_config_new(NULL, &config);

    for (size_t i = 0; i < 5 && result == PIPC_OK; i++)
        result = pipc_config_add_module(config, modules[i], &err);
    if (result == PIPC_OK)
        result = pipc_config_set(config, "pipc", "transports", list, &err);
    if (result == PIPC_OK)
        result = pipc_config_set(config, "pipc", "carrier", carrier, &err);
    if (result == PIPC_OK && strstr(list, "third"))
        result = pipc_config_set(config, "transport.third", "profile_bit", "20", &err);
    if (result == PIPC_OK)
        result = pipc_open(config, &options, ret_context, &err);
    pipc_config_free(config);
    if (result != PIPC_OK && !allocator)
        fprintf(stderr, "%s\n", err.text);
    return result;
}

struct pipc_context *session_context(const char *transports, const struct pipc_allocator *allocator)
{
    struct pipc_context *context = NULL;

    CHECK_OK(session_context_try(transports, allocator, &context));
    return context;
}
