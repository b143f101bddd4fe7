/* SPDX-License-Identifier: Apache-2.0
 *
 * The fake host of the transport's tests and the short forms over its table.
 */
#include "uds_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct uds_fixture *fixture_of(const struct pipc_host *host)
{
    return host->context;
}

static bool refuse(struct uds_fixture *f)
{
    uint32_t left = __atomic_load_n(&f->fail_after, __ATOMIC_RELAXED);

    if (left == UINT32_MAX)
        return false;
    if (left == 0)
        return true;
    __atomic_store_n(&f->fail_after, left - 1, __ATOMIC_RELAXED);
    return false;
}

static void *host_alloc(const struct pipc_host *host, size_t size)
{
    struct uds_fixture *f = fixture_of(host);

    if (refuse(f))
        return NULL;
    __atomic_fetch_add(&f->live, 1, __ATOMIC_RELAXED);
    return malloc(size);
}

static void *host_realloc(const struct pipc_host *host, void *ptr, size_t size)
{
    struct uds_fixture *f = fixture_of(host);

    if (refuse(f))
        return NULL;
    if (!ptr)
        __atomic_fetch_add(&f->live, 1, __ATOMIC_RELAXED);
    return realloc(ptr, size);
}

static void host_free(const struct pipc_host *host, void *ptr)
{
    struct uds_fixture *f = fixture_of(host);

    if (ptr)
        __atomic_fetch_sub(&f->live, 1, __ATOMIC_RELAXED);
    free(ptr);
}

static void host_log(const struct pipc_host *host, uint32_t level, const char *text)
{
    (void)host;
    (void)level;
    CHECK(text);
}

static uint64_t real_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t host_clock(const struct pipc_host *host)
{
    return real_ns() + fixture_of(host)->skew_ns;
}

static void host_error(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                       int32_t os_code, const char *text)
{
    (void)host;
    if (!err)
        return;
    err->result = result;
    err->os_code = os_code;
    snprintf(err->text, sizeof(err->text), "%s", text);
}

void uds_fixture_defaults(struct uds_fixture *f)
{
    uint32_t i;

    memset(f, 0, sizeof(*f));
    f->fail_after = UINT32_MAX;
    f->err.size = sizeof(f->err);
    f->host.size = sizeof(f->host);
    f->host.minor = PIPC_HOST_MINOR;
    f->host.alloc = host_alloc;
    f->host.realloc = host_realloc;
    f->host.free = host_free;
    f->host.log = host_log;
    f->host.clock_ns = host_clock;
    f->host.error_set = host_error;
    f->host.cpus = 2;
    f->host.sleep_cost_ns = 50000;
    f->host.context = f;
    for (i = 0; i < PIPC_UDS_OPTION_COUNT; i++) {
        f->values[i].key = pipc_module_uds.options[i].key;
        f->values[i].type = pipc_module_uds.options[i].type;
    }
    f->values[PIPC_UDS_OPTION_SPIN].text = "off";
    f->values[PIPC_UDS_OPTION_MODE].text = "0600";
    f->values[PIPC_UDS_OPTION_BACKLOG].number = 16;
    f->ops = pipc_module_uds.ops;
}

void uds_fixture_text(struct uds_fixture *f, uint32_t option, const char *text)
{
    f->values[option].text = text;
    f->values[option].given = 1;
}

void uds_fixture_number(struct uds_fixture *f, uint32_t option, uint64_t number)
{
    f->values[option].text = NULL;
    f->values[option].number = number;
    f->values[option].given = 1;
}

void uds_fixture_element(struct uds_fixture *f, uint32_t option, const char *element)
{
    struct pipc_option_value *value = &f->values[option];
    const char **list = f->list[option == PIPC_UDS_OPTION_ALLOW_UID ? 0 : 1];

    list[value->list_count++] = element;
    value->list = list;
    value->given = 1;
}

pipc_result uds_fixture_init(struct uds_fixture *f)
{
    return pipc_module_uds.init(&f->host, f->values, PIPC_UDS_OPTION_COUNT, &f->self, &f->err);
}

void uds_fixture_open(struct uds_fixture *f)
{
    uds_fixture_defaults(f);
    CHECK_OK(uds_fixture_init(f));
}

void uds_fixture_close(struct uds_fixture *f)
{
    pipc_module_uds.fini(f->self);
    f->self = NULL;
    CHECK_EQ(f->live, 0);
}

struct pipc_wait uds_wait(int ms)
{
    return uds_wait_abort(ms, -1);
}

struct pipc_wait uds_wait_abort(int ms, int abort_fd)
{
    struct pipc_wait wait = {.size = sizeof(wait), .abort = abort_fd, .deadline_ns = PIPC_NOW};

    if (ms == UDS_EVER)
        wait.deadline_ns = PIPC_NEVER;
    else if (ms != UDS_NOW)
        wait.deadline_ns = real_ns() + (uint64_t)ms * PIPC_NS_PER_MS;
    return wait;
}

static struct pipc_endpoint endpoint_of(const char *dir, const char *service)
{
    struct pipc_endpoint endpoint = {.size = sizeof(endpoint), .run_dir = dir, .service = service};

    return endpoint;
}

pipc_result uds_try_listen(struct uds_fixture *f, const char *dir, const char *service,
                           void **listener)
{
    const struct pipc_endpoint endpoint = endpoint_of(dir, service);

    return f->ops->listen(f->self, &endpoint, listener, &f->err);
}

pipc_result uds_try_connect(struct uds_fixture *f, const char *dir, const char *service, int ms,
                            void **channel)
{
    const struct pipc_endpoint endpoint = endpoint_of(dir, service);
    const struct pipc_wait wait = uds_wait(ms);

    return f->ops->connect(f->self, &endpoint, &wait, channel, &f->err);
}

pipc_result uds_try_accept(struct uds_fixture *f, void *listener, int ms, void **channel)
{
    const struct pipc_wait wait = uds_wait(ms);

    return f->ops->accept(f->self, listener, &wait, channel, &f->err);
}

void *uds_must_listen(struct uds_fixture *f, const char *service)
{
    void *listener = NULL;
    const pipc_result result = uds_try_listen(f, test_dir(), service, &listener);

    CHECK_MSG(result == PIPC_OK, "listen: %s", f->err.text);
    return listener;
}

void *uds_must_connect(struct uds_fixture *f, const char *service)
{
    void *channel = NULL;
    const pipc_result result = uds_try_connect(f, test_dir(), service, TEST_LONG, &channel);

    CHECK_MSG(result == PIPC_OK, "connect: %s", f->err.text);
    return channel;
}

void *uds_must_accept(struct uds_fixture *f, void *listener)
{
    void *channel = NULL;
    const pipc_result result = uds_try_accept(f, listener, TEST_LONG, &channel);

    CHECK_MSG(result == PIPC_OK, "accept: %s", f->err.text);
    return channel;
}

void uds_end_listener(struct uds_fixture *f, void *listener)
{
    f->ops->listener_close(f->self, listener, 0);
}

void uds_end(struct uds_fixture *f, void *channel)
{
    f->ops->close(channel, 0);
}

void uds_pair(struct uds_fixture *f, void **client, void **server)
{
    void *listener = uds_must_listen(f, "pair");

    *client = uds_must_connect(f, "pair");
    *server = uds_must_accept(f, listener);
    uds_end_listener(f, listener);
}

pipc_result uds_put(struct uds_fixture *f, void *channel, const void *bytes, size_t len, int ms)
{
    const struct pipc_wait wait = uds_wait(ms);
    struct pipc_piece piece = {.len = len};

    memcpy(&piece.base, &bytes, sizeof(bytes)); /* only read from */
    return f->ops->send(channel, &piece, 1, &wait, &f->err);
}

pipc_result uds_get(struct uds_fixture *f, void *channel, void *bytes, size_t size, int ms,
                    struct pipc_received *received)
{
    const struct pipc_wait wait = uds_wait(ms);
    const struct pipc_piece piece = {.base = bytes, .len = size};

    received->size = sizeof(*received);
    return f->ops->receive(channel, &piece, 1, &wait, received, &f->err);
}

int uds_fd(struct uds_fixture *f, void *channel)
{
    return (int)f->ops->wait_handle(channel);
}

struct sockaddr_un uds_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    CHECK(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    return address;
}

int uds_raw_listen(const char *path, int type, int backlog)
{
    const struct sockaddr_un address = uds_address(path);
    const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    CHECK_MSG(bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0, "bind %s: %s",
              path, strerror(errno));
    if (backlog >= 0)
        CHECK(listen(fd, backlog) == 0);
    return fd;
}

int uds_raw_connect(const char *path)
{
    const struct sockaddr_un address = uds_address(path);
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    int code;

    CHECK(fd >= 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    code = errno;
    close(fd);
    errno = code;
    return -1;
}

void uds_dead_socket(const char *path)
{
    close(uds_raw_listen(path, SOCK_SEQPACKET, -1));
}

bool uds_exists(const char *path)
{
    struct stat now;

    return lstat(path, &now) == 0;
}

unsigned uds_mode_of(const char *path)
{
    struct stat now;

    CHECK_MSG(lstat(path, &now) == 0, "%s: %s", path, strerror(errno));
    return (unsigned)now.st_mode & 07777u;
}

void uds_check_kept(struct uds_fixture *f, const char *needle)
{
    struct stat before, after;
    void *listener = f;
    const unsigned open_before = test_open_descriptors();

    CHECK(lstat(test_path("a.sock"), &before) == 0);
    CHECK_RESULT(uds_try_listen(f, test_dir(), "a", &listener), PIPC_ERR_ADDR_IN_USE);
    CHECK(listener == f);
    CHECK_HAS(f->err.text, "a.sock");
    CHECK_HAS(f->err.text, needle);
    CHECK(lstat(test_path("a.sock"), &after) == 0);
    CHECK_EQ(after.st_ino, before.st_ino);
    CHECK_EQ(after.st_mode, before.st_mode);
    CHECK_EQ(test_open_descriptors(), open_before);
}
