/* SPDX-License-Identifier: Apache-2.0
 *
 * The fake host and the short forms of np_fixture.h.
 */
#include "np_fixture.h"

/* ---- the host ---- */

static struct np_fixture *fixture_of(const struct pipc_host *host)
{
    return host->context;
}

static bool may_allocate(struct np_fixture *f)
{
    if (f->fail_after == UINT32_MAX)
        return true;
    if (f->fail_after == 0)
        return false;
    f->fail_after--;
    return true;
}

static void *host_alloc(const struct pipc_host *host, size_t size)
{
    struct np_fixture *const f = fixture_of(host);
    void *const ptr = may_allocate(f) ? malloc(size) : NULL;

    if (ptr)
        __atomic_add_fetch(&f->live, 1, __ATOMIC_RELAXED);
    return ptr;
}

static void host_free(const struct pipc_host *host, void *ptr)
{
    if (ptr)
        __atomic_sub_fetch(&fixture_of(host)->live, 1, __ATOMIC_RELAXED);
    free(ptr);
}

uint64_t np_clock_ns(void)
{
    LARGE_INTEGER now, frequency;

    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&frequency);
    return (uint64_t)(now.QuadPart / frequency.QuadPart) * UINT64_C(1000000000) +
           (uint64_t)(now.QuadPart % frequency.QuadPart) * UINT64_C(1000000000) /
               (uint64_t)frequency.QuadPart;
}

static uint64_t host_clock(const struct pipc_host *host)
{
    return np_clock_ns() + fixture_of(host)->skew_ns;
}

static void host_error(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                       int32_t os_code, const char *text)
{
    (void)host;
    if (!err)
        return;
    err->result = result;
    err->os_code = os_code;
    (void)snprintf(err->text, sizeof(err->text), "%s", text);
}

void np_fixture_defaults(struct np_fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->fail_after = UINT32_MAX;
    f->host = (struct pipc_host){.size = (uint32_t)sizeof(f->host),
                                 .alloc = host_alloc,
                                 .free = host_free,
                                 .clock_ns = host_clock,
                                 .error_set = host_error,
                                 .cpus = 2,
                                 .sleep_cost_ns = 50000,
                                 .context = f};
    f->values[PIPC_NP_OPTION_SPIN] =
        (struct pipc_option_value){.key = "spin", .type = PIPC_OPTION_CHOICE_NUMBER, .text = "off"};
    f->values[PIPC_NP_OPTION_PACKET_SIZE] = (struct pipc_option_value){
        .key = "packet_size", .type = PIPC_OPTION_NUMBER, .number = PIPC_NP_PACKET_DEFAULT};
    f->ops = pipc_module_np.ops;
}

void np_fixture_number(struct np_fixture *f, uint32_t option, uint64_t number)
{
    f->values[option].given = 1;
    f->values[option].text = NULL;
    f->values[option].number = number;
}

pipc_result np_fixture_init(struct np_fixture *f)
{
    f->err = (struct pipc_error)PIPC_ERROR_INIT;
    return pipc_module_np.init(&f->host, f->values, PIPC_NP_OPTION_COUNT, &f->self, &f->err);
}

void np_fixture_open(struct np_fixture *f)
{
    np_fixture_defaults(f);
    CHECK_OK(np_fixture_init(f));
}

void np_fixture_close(struct np_fixture *f)
{
    pipc_module_np.fini(f->self);
    CHECK_EQ(f->live, 0);
}

/* ---- waits ---- */

struct pipc_wait np_wait_abort(int ms, HANDLE abort)
{
    struct pipc_wait wait = {.size = (uint32_t)sizeof(wait), .abort = (pipc_handle)abort};

    wait.deadline_ns = ms == NP_NOW    ? PIPC_NOW
                       : ms == NP_EVER ? PIPC_NEVER
                                       : np_clock_ns() + (uint64_t)ms * PIPC_NS_PER_MS;
    return wait;
}

struct pipc_wait np_wait(int ms)
{
    return np_wait_abort(ms, (HANDLE)PIPC_NO_HANDLE);
}

/* ---- short forms ---- */

static struct pipc_endpoint endpoint_of(const char *dir, const char *service)
{
    const struct pipc_endpoint endpoint = {
        .size = (uint32_t)sizeof(endpoint), .run_dir = dir ? dir : test_dir(), .service = service};

    return endpoint;
}

pipc_result np_try_listen(struct np_fixture *f, const char *dir, const char *service,
                          void **listener)
{
    const struct pipc_endpoint endpoint = endpoint_of(dir, service);

    f->err = (struct pipc_error)PIPC_ERROR_INIT;
    return f->ops->listen(f->self, &endpoint, listener, &f->err);
}

pipc_result np_try_connect(struct np_fixture *f, const char *dir, const char *service, int ms,
                           void **channel)
{
    const struct pipc_endpoint endpoint = endpoint_of(dir, service);
    const struct pipc_wait wait = np_wait(ms);

    f->err = (struct pipc_error)PIPC_ERROR_INIT;
    return f->ops->connect(f->self, &endpoint, &wait, channel, &f->err);
}

pipc_result np_try_accept(struct np_fixture *f, void *listener, int ms, void **channel)
{
    const struct pipc_wait wait = np_wait(ms);

    f->err = (struct pipc_error)PIPC_ERROR_INIT;
    return f->ops->accept(f->self, listener, &wait, channel, &f->err);
}

void *np_must_listen(struct np_fixture *f, const char *service)
{
    void *listener = NULL;
    const pipc_result result = np_try_listen(f, NULL, service, &listener);

    CHECK_MSG(result == PIPC_OK && listener, "listen: %s", f->err.text);
    return listener;
}

void *np_must_connect(struct np_fixture *f, const char *service)
{
    void *channel = NULL;
    const pipc_result result = np_try_connect(f, NULL, service, 5000, &channel);

    CHECK_MSG(result == PIPC_OK && channel, "connect: %s", f->err.text);
    return channel;
}

void *np_must_accept(struct np_fixture *f, void *listener)
{
    void *channel = NULL;
    const pipc_result result = np_try_accept(f, listener, 5000, &channel);

    CHECK_MSG(result == PIPC_OK && channel, "accept: %s", f->err.text);
    return channel;
}

void np_end_listener(struct np_fixture *f, void *listener)
{
    f->ops->listener_close(f->self, listener, 0);
}

void np_end(struct np_fixture *f, void *channel)
{
    f->ops->close(channel, 0);
}

void np_pair(struct np_fixture *f, void **client, void **server)
{
    void *const listener = np_must_listen(f, "pair");

    *client = np_must_connect(f, "pair");
    *server = np_must_accept(f, listener);
    np_end_listener(f, listener);
}

pipc_result np_put(struct np_fixture *f, void *channel, const void *bytes, size_t len, int ms)
{
    struct pipc_piece piece = {.len = len};
    const struct pipc_wait wait = np_wait(ms);

    memcpy(&piece.base, &bytes, sizeof(bytes)); /* the table only reads what it sends */
    f->err = (struct pipc_error)PIPC_ERROR_INIT;
    return f->ops->send(channel, &piece, 1, &wait, &f->err);
}

pipc_result np_get(struct np_fixture *f, void *channel, void *bytes, size_t size, int ms,
                   struct pipc_received *received)
{
    const struct pipc_piece piece = {bytes, size};
    const struct pipc_wait wait = np_wait(ms);

    *received = (struct pipc_received){.size = (uint32_t)sizeof(*received)};
    f->err = (struct pipc_error)PIPC_ERROR_INIT;
    return f->ops->receive(channel, &piece, 1, &wait, received, &f->err);
}

void np_expect(struct np_fixture *f, void *channel, const void *bytes, size_t len)
{
    uint8_t *const got = malloc(len + 1);
    struct pipc_received received;

    CHECK(got);
    const pipc_result result = np_get(f, channel, got, len + 1, 5000, &received);
    CHECK_MSG(result == PIPC_OK, "receive: %s", f->err.text);
    CHECK_EQ(received.flags, 0);
    CHECK_EQ(received.len, len);
    CHECK_MEM(got, bytes, len);
    free(got);
}

void np_expect_end(struct np_fixture *f, void *channel)
{
    struct pipc_received received;
    char got[64];
    const pipc_result result = np_get(f, channel, got, sizeof(got), 5000, &received);

    CHECK_MSG(result == PIPC_OK, "receive: %s", f->err.text);
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    CHECK_EQ(received.len, 0);
}

HANDLE np_handle(struct np_fixture *f, void *channel)
{
    return (HANDLE)f->ops->wait_handle(channel);
}

bool np_signalled(HANDLE handle, DWORD ms)
{
    return WaitForSingleObject(handle, ms) == WAIT_OBJECT_0;
}

/* ---- the system's pipes ---- */

const char *np_pipe_name(const char *service)
{
    static _Thread_local char name[PIPC_NP_NAME_MAX + 1];
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (const char *at = test_dir(); *at; at++)
        hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    (void)snprintf(name, sizeof(name), "\\\\.\\pipe\\netipc-%016" PRIx64 "-%s", hash, service);
    return name;
}

HANDLE np_raw_server(const char *service)
{
    return CreateNamedPipeA(np_pipe_name(service), PIPE_ACCESS_DUPLEX,
                            PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT,
                            PIPE_UNLIMITED_INSTANCES, 65536, 65536, 0, NULL);
}

HANDLE np_raw_client(const char *service)
{
    const HANDLE pipe = CreateFileA(np_pipe_name(service), GENERIC_READ | GENERIC_WRITE, 0, NULL,
                                    OPEN_EXISTING, 0, NULL);
    DWORD mode = PIPE_READMODE_MESSAGE;

    if (pipe != INVALID_HANDLE_VALUE)
        CHECK(SetNamedPipeHandleState(pipe, &mode, NULL, NULL));
    return pipe;
}

void np_raw_write(HANDLE pipe, const void *bytes, size_t len)
{
    DWORD moved = 0;

    CHECK(WriteFile(pipe, bytes, (DWORD)len, &moved, NULL) && moved == len);
}

void np_pair_client(struct np_fixture *f, void **client, HANDLE *server)
{
    *server = np_raw_server("raw");
    CHECK(*server != INVALID_HANDLE_VALUE);
    *client = np_must_connect(f, "raw");
    CHECK(ConnectNamedPipe(*server, NULL) || GetLastError() == ERROR_PIPE_CONNECTED);
}

void np_pair_server(struct np_fixture *f, HANDLE *client, void **server)
{
    void *const listener = np_must_listen(f, "raw");

    *client = np_raw_client("raw");
    CHECK(*client != INVALID_HANDLE_VALUE);
    *server = np_must_accept(f, listener);
    np_end_listener(f, listener);
}

/* ---- threads ---- */

struct start {
    void (*what)(void *arg);
    void *arg;
};

static DWORD WINAPI run(void *arg)
{
    const struct start start = *(struct start *)arg;

    free(arg);
    start.what(start.arg);
    return 0;
}

HANDLE np_thread(void (*what)(void *arg), void *arg)
{
    struct start *const start = malloc(sizeof(*start));

    CHECK(start);
    *start = (struct start){what, arg};
    const HANDLE thread = CreateThread(NULL, 0, run, start, 0, NULL);
    CHECK(thread);
    return thread;
}

void np_join(HANDLE thread)
{
    CHECK(WaitForSingleObject(thread, 60000) == WAIT_OBJECT_0);
    CHECK(CloseHandle(thread));
}
