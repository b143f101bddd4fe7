/* SPDX-License-Identifier: Apache-2.0
 *
 * The fake host and carrier of the shared-memory tests and the short forms over the table.
 */
#include "shm_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- host ---- */

static struct shm_fixture *fixture_of(const struct pipc_host *host)
{
    return host->context;
}

static bool refuse(struct shm_fixture *f)
{
    const uint32_t left = __atomic_load_n(&f->fail_after, __ATOMIC_RELAXED);

    if (left == UINT32_MAX)
        return false;
    if (left == 0)
        return true;
    __atomic_store_n(&f->fail_after, left - 1, __ATOMIC_RELAXED);
    return false;
}

static void *host_alloc(const struct pipc_host *host, size_t size)
{
    struct shm_fixture *f = fixture_of(host);

    if (refuse(f))
        return NULL;
    __atomic_fetch_add(&f->live, 1, __ATOMIC_RELAXED);
    return malloc(size);
}

static void host_free(const struct pipc_host *host, void *ptr)
{
    if (ptr)
        __atomic_fetch_sub(&fixture_of(host)->live, 1, __ATOMIC_RELAXED);
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
    const struct shm_fixture *f = fixture_of(host);

    return (f->clock_stands ? 0 : real_ns()) + f->skew_ns;
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

void shm_fixture_defaults(struct shm_fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->fail_after = UINT32_MAX;
    f->err.size = sizeof(f->err);
    f->failure.size = sizeof(f->failure);
    f->host.size = sizeof(f->host);
    f->host.minor = PIPC_HOST_MINOR;
    f->host.alloc = host_alloc;
    f->host.free = host_free;
    f->host.log = host_log;
    f->host.clock_ns = host_clock;
    f->host.error_set = host_error;
    f->host.cpus = 2;
    f->host.sleep_cost_ns = 50000;
    f->host.context = f;
    for (uint32_t i = 0; i < PIPC_SHM_OPTION_COUNT; i++) {
        f->values[i].key = pipc_module_shm.options[i].key;
        f->values[i].type = pipc_module_shm.options[i].type;
    }
    f->values[PIPC_SHM_OPTION_SPIN].text = "off";
    f->values[PIPC_SHM_OPTION_ANY_FS].number = 1;
    f->ops = pipc_module_shm.ops;
}

void shm_fixture_text(struct shm_fixture *f, uint32_t option, const char *text)
{
    f->values[option].text = text;
    f->values[option].given = 1;
}

void shm_fixture_number(struct shm_fixture *f, uint32_t option, uint64_t number)
{
    f->values[option].text = NULL;
    f->values[option].number = number;
    f->values[option].given = 1;
}

pipc_result shm_fixture_init(struct shm_fixture *f)
{
    return pipc_module_shm.init(&f->host, f->values, PIPC_SHM_OPTION_COUNT, &f->self, &f->err);
}

void shm_fixture_open(struct shm_fixture *f)
{
    shm_fixture_defaults(f);
    CHECK_OK(shm_fixture_init(f));
}

void shm_fixture_open_spinning(struct shm_fixture *f, uint32_t microseconds)
{
    shm_fixture_defaults(f);
    if (microseconds == PIPC_SPIN_ADAPTIVE)
        shm_fixture_text(f, PIPC_SHM_OPTION_SPIN, "adaptive");
    else
        shm_fixture_number(f, PIPC_SHM_OPTION_SPIN, microseconds);
    CHECK_OK(shm_fixture_init(f));
}

void shm_fixture_close(struct shm_fixture *f)
{
    pipc_module_shm.fini(f->self);
    f->self = NULL;
    CHECK_EQ(f->live, 0);
}

struct pipc_wait shm_wait(int ms)
{
    return shm_wait_abort(ms, -1);
}

struct pipc_wait shm_wait_abort(int ms, int abort_fd)
{
    struct pipc_wait wait = {.size = sizeof(wait), .abort = abort_fd, .deadline_ns = PIPC_NOW};

    if (ms == SHM_EVER)
        wait.deadline_ns = PIPC_NEVER;
    else if (ms != SHM_NOW)
        wait.deadline_ns = real_ns() + (uint64_t)ms * PIPC_NS_PER_MS;
    return wait;
}

struct pipc_endpoint shm_endpoint(void)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = test_dir(), .service = "s"};

    return endpoint;
}

/* ---- carrier ---- */

static uint32_t wire_look(void *channel)
{
    const struct shm_wire *wire = channel;
    struct pollfd look = {.fd = wire->fd, .events = POLLIN | POLLRDHUP};

    if (poll(&look, 1, 0) <= 0)
        return PIPC_LOOK_NOTHING;
    return look.revents & (POLLHUP | POLLRDHUP | POLLNVAL) ? PIPC_LOOK_GONE : PIPC_LOOK_READABLE;
}

static pipc_handle wire_handle(void *channel)
{
    const struct shm_wire *wire = channel;

    return wire->no_handle ? PIPC_NO_HANDLE : wire->fd;
}

static pipc_result wire_peer(void *channel, struct pipc_peer *ret_peer)
{
    const struct shm_wire *wire = channel;

    if (wire->no_peer)
        return PIPC_ERR_NOT_SUPPORTED;
    *ret_peer = wire->peer;
    return PIPC_OK;
}

static const struct pipc_transport_ops wire_ops = {
    .size = sizeof(wire_ops),
    .traits = PIPC_TRAIT_BASELINE,
    .look = wire_look,
    .wait_handle = wire_handle,
    .peer = wire_peer,
};

static void wire_make(struct shm_wire *wire, int fd)
{
    *wire = (struct shm_wire){
        .fd = fd,
        .peer = {.size = sizeof(wire->peer),
                 .known = PIPC_PEER_PID | PIPC_PEER_UID | PIPC_PEER_GID,
                 .pid = (uint32_t)getpid(),
                 .uid = (uint32_t)geteuid(),
                 .gid = (uint32_t)getegid()},
        .carrier = {.size = sizeof(wire->carrier), .ops = &wire_ops, .channel = wire},
    };
}

void shm_wire_cut(struct shm_wire *wire)
{
    if (wire->fd >= 0)
        close(wire->fd);
    wire->fd = -1;
}

void shm_wires_cut(struct shm_pair *pair)
{
    shm_wire_cut(&pair->client_wire);
    shm_wire_cut(&pair->server_wire);
}

/* ---- sessions ---- */

void shm_wires_make(struct shm_pair *pair, uint64_t id, uint32_t request_bytes,
                    uint32_t response_bytes)
{
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
    wire_make(&pair->client_wire, fds[0]);
    wire_make(&pair->server_wire, fds[1]);
    pair->request = (struct pipc_upgrade_request){.size = sizeof(pair->request),
                                                  .bit = PIPC_PROFILE_SHM_HYBRID,
                                                  .session_id = id,
                                                  .max_request_bytes = request_bytes,
                                                  .max_response_bytes = response_bytes,
                                                  .room_bytes = UINT64_MAX};
    pair->client = pair->server = NULL;
}

pipc_result shm_try_offer(struct shm_fixture *f, struct shm_pair *pair)
{
    const struct pipc_endpoint endpoint = shm_endpoint();

    memset(&f->failure, 0, sizeof(f->failure));
    f->failure.size = sizeof(f->failure);
    return f->ops->offer(f->self, &endpoint, &pair->server_wire.carrier, &pair->request,
                         &pair->server, &f->failure, &f->err);
}

pipc_result shm_try_attach(struct shm_fixture *f, struct shm_pair *pair, int ms)
{
    const struct pipc_endpoint endpoint = shm_endpoint();
    const struct pipc_wait wait = shm_wait(ms);

    memset(&f->failure, 0, sizeof(f->failure));
    f->failure.size = sizeof(f->failure);
    return f->ops->attach(f->self, &endpoint, &pair->client_wire.carrier, &pair->request, &wait,
                          &pair->client, &f->failure, &f->err);
}

void shm_pair_open_with(struct shm_fixture *f, struct shm_pair *pair, uint64_t id,
                        uint32_t request_bytes, uint32_t response_bytes)
{
    pipc_result result;

    shm_wires_make(pair, id, request_bytes, response_bytes);
    result = shm_try_offer(f, pair);
    CHECK_MSG(result == PIPC_OK, "offer: %s", f->err.text);
    result = shm_try_attach(f, pair, TEST_LONG);
    CHECK_MSG(result == PIPC_OK, "attach: %s", f->err.text);
}

void shm_pair_open(struct shm_fixture *f, struct shm_pair *pair)
{
    shm_pair_open_with(f, pair, 1, SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
}

void shm_end(struct shm_fixture *f, void **channel)
{
    if (*channel)
        f->ops->close(*channel, 0);
    *channel = NULL;
}

void shm_pair_close(struct shm_fixture *f, struct shm_pair *pair)
{
    shm_end(f, &pair->client);
    shm_end(f, &pair->server);
    shm_wires_cut(pair);
}

struct shm_channel *shm_inside(void *channel)
{
    return channel;
}

/* ---- messages ---- */

pipc_result shm_put(struct shm_fixture *f, void *channel, const void *bytes, size_t len)
{
    const struct pipc_wait wait = shm_wait(SHM_EVER);
    struct pipc_piece piece = {.len = len};

    memcpy(&piece.base, &bytes, sizeof(bytes)); /* only read from */
    return f->ops->send(channel, &piece, 1, &wait, &f->err);
}

pipc_result shm_get(struct shm_fixture *f, void *channel, void *bytes, size_t size, int ms,
                    struct pipc_received *received)
{
    const struct pipc_wait wait = shm_wait(ms);
    const struct pipc_piece piece = {.base = bytes, .len = size};

    received->size = sizeof(*received);
    return f->ops->receive(channel, &piece, 1, &wait, received, &f->err);
}

void shm_must_put(struct shm_fixture *f, void *channel, const void *bytes, size_t len)
{
    const pipc_result result = shm_put(f, channel, bytes, len);

    CHECK_MSG(result == PIPC_OK, "send: %s", f->err.text);
}

void shm_must_get(struct shm_fixture *f, void *channel, const void *bytes, size_t len)
{
    static uint8_t got[1u << 21];
    struct pipc_received received;
    const pipc_result result = shm_get(f, channel, got, sizeof(got), TEST_LONG, &received);

    CHECK_MSG(result == PIPC_OK, "receive: %s", f->err.text);
    CHECK_EQ(received.flags, 0);
    CHECK_EQ(received.len, len);
    CHECK_MEM(got, bytes, len);
}

const uint8_t *shm_message(uint32_t seed, size_t len)
{
    static uint8_t bytes[1u << 21];
    uint32_t state = seed * 2654435761u + 1;

    CHECK(len <= sizeof(bytes));
    for (size_t i = 0; i < len; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24);
    }
    return bytes;
}

/* ---- the region ---- */

const char *shm_region_path(uint64_t id)
{
    char name[64];

    snprintf(name, sizeof(name), "s-%016" PRIx64 ".ipcshm", id);
    return test_path(name);
}

bool shm_exists(const char *path)
{
    struct stat now;

    return lstat(path, &now) == 0;
}

struct shm_header *shm_raw_map(const char *path, size_t *ret_size)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat file;
    void *map;

    CHECK_MSG(fd >= 0 && fstat(fd, &file) == 0, "%s: %s", path, strerror(errno));
    map = mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    close(fd);
    if (ret_size)
        *ret_size = (size_t)file.st_size;
    return map;
}

void shm_write_region(const char *path, const struct shm_header *header, size_t size)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CHECK_MSG(fd >= 0 && ftruncate(fd, (off_t)size) == 0, "%s: %s", path, strerror(errno));
    if (header) {
        const size_t len = size < sizeof(*header) ? size : sizeof(*header);
        CHECK(pwrite(fd, header, len, 0) == (ssize_t)len);
    }
    close(fd);
}

struct shm_header shm_good_header(uint32_t request_bytes, uint32_t response_bytes)
{
    struct shm_header header;
    uint64_t size = 0;

    CHECK(shm_layout(request_bytes, response_bytes, &header, &size));
    header.magic = PIPC_SHM_MAGIC;
    header.owner_pid = (int32_t)getpid();
    header.owner_generation = 77;
    return header;
}

int32_t shm_dead_pid(void)
{
    const pid_t child = fork();
    int status = 0;

    if (child == 0)
        _exit(0);
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    return (int32_t)child;
}

void shm_raw_publish(struct shm_header *header, uint32_t role, uint32_t len, uint64_t seq)
{
    const bool client = role == PIPC_ROLE_CLIENT;
    uint32_t *const signal = client ? &header->req_signal : &header->resp_signal;

    __atomic_store_n(client ? &header->req_len : &header->resp_len, len, __ATOMIC_RELEASE);
    __atomic_store_n((shm_seq *)(client ? &header->req_seq : &header->resp_seq), seq,
                     __ATOMIC_RELEASE);
    __atomic_fetch_add(signal, 1, __ATOMIC_RELEASE);
    (void)shm_futex_wake(signal, 1);
}
