/* SPDX-License-Identifier: Apache-2.0
 *
 * Client and server as processes of their own, either of them killed at every stage of a session,
 * over each data plane of Windows.
 *
 * The other process is this program anew: PIPC_TEST_ROLE says what it does, in place of its tests.
 * It tells that it has come to its stage by an event.
 */
#include "tools/pipc/conformance/windows/begin.h"
#include "windows/win_service.h"

/* How soon the end of the other side is noticed: slices of 100 ms (docs/level2-typed-api.md), from
 * the end of its process on. */
#define NOTICED_MS 200u
/* The pause of a client whose session broke, before it connects anew. */
#define PAUSE_MS 150u

enum stage {
    CONNECTED, /* no HELLO has been sent, or none will be answered */
    IDLE,      /* after the handshake */
    CALLING,   /* inside a call */
    SENDING,   /* in the middle of a message */
    STAGES
};

/* ---- the other process ---- */

static void reached(void)
{
    const HANDLE event = OpenEventA(EVENT_MODIFY_STATE, FALSE, getenv("PIPC_TEST_EVENT"));

    CHECK(event && SetEvent(event));
}

static void stay(void)
{
    reached();
    Sleep(INFINITE);
}

static void be_server(const struct win_plane *plane, const char *dir, enum stage stage)
{
    static struct win_servers servers;
    struct pipc_listener *listener = NULL;

    if (stage == CONNECTED) { /* listens, and answers no HELLO */
        CHECK_OK(pipc_listen(win_plane_context(plane), dir, "increment", NULL, &listener, NULL));
        stay();
    }
    servers.items = 10;
    servers.inside = OpenEventA(EVENT_MODIFY_STATE, FALSE, getenv("PIPC_TEST_INSIDE"));
    CHECK(servers.inside);
    win_servers_start(&servers, plane, dir, 4);
    stay();
}

static void put_packet(HANDLE pipe, const struct pipc_header *header, uint8_t *packet, size_t len)
{
    CHECK_EQ(pipc_header_encode(header, packet, PIPC_HEADER_LEN), PIPC_HEADER_LEN);
    np_raw_write(pipe, packet, PIPC_HEADER_LEN + len);
}

/* A handshake by hand, then the first packet of a message of many. */
static void send_a_part(HANDLE pipe)
{
    const struct pipc_hello hello = {.layout_version = PIPC_HELLO_LAYOUT,
                                     .supported_profiles = PIPC_PROFILE_BASELINE,
                                     .max_request_payload_bytes = 500,
                                     .max_request_batch_items = 1,
                                     .max_response_payload_bytes = 500,
                                     .max_response_batch_items = 1,
                                     .packet_size = 64};
    struct pipc_header header = {.magic = PIPC_MAGIC,
                                 .version = PIPC_WIRE_VERSION,
                                 .header_len = PIPC_HEADER_LEN,
                                 .kind = PIPC_KIND_CONTROL,
                                 .code = PIPC_CODE_HELLO,
                                 .payload_len = PIPC_HELLO_LEN,
                                 .item_count = 1};
    uint8_t packet[128] = {0};
    DWORD len = 0;

    CHECK(pipc_hello_encode(&hello, packet + PIPC_HEADER_LEN, PIPC_HELLO_LEN));
    put_packet(pipe, &header, packet, PIPC_HELLO_LEN);
    CHECK(ReadFile(pipe, packet, sizeof(packet), &len, NULL));
    CHECK_EQ(len, PIPC_HEADER_LEN + PIPC_HELLO_ACK_LEN);
    header.kind = PIPC_KIND_REQUEST;
    header.code = 1;
    header.payload_len = 500;
    put_packet(pipe, &header, packet, 32);
}

static void be_client(const struct win_plane *plane, const char *dir, enum stage stage)
{
    struct pipc_context *const context = win_plane_context(plane);
    struct pipc_session_settings settings = {
        .size = sizeof(settings), .packet_size = 64, .max_request_payload_bytes = 4096};
    struct pipc_session *session = NULL;
    const uint64_t value = WIN_HOLD;
    struct pipc_message message = {.size = sizeof(message),
                                   .kind = PIPC_KIND_REQUEST,
                                   .code = 1,
                                   .item_count = 1,
                                   .message_id = 1,
                                   .payload = &value,
                                   .payload_len = sizeof(value)};

    if (stage == CONNECTED || (stage == SENDING && plane->bit == PIPC_PROFILE_BASELINE)) {
        const HANDLE pipe = CreateFileA(getenv("PIPC_TEST_PIPE"), GENERIC_READ | GENERIC_WRITE, 0,
                                        NULL, OPEN_EXISTING, 0, NULL);
        CHECK(pipe != INVALID_HANDLE_VALUE);
        if (stage == SENDING)
            send_a_part(pipe);
        stay();
    }
    CHECK_OK(
        pipc_connect(context, dir, "increment", NULL, 20000, PIPC_NO_HANDLE, &session, NULL, NULL));
    CHECK_EQ(win_status(session).selected_profile, plane->bit);
    if (stage == CALLING)
        CHECK_OK(pipc_session_send(session, &message, 20000, PIPC_NO_HANDLE, NULL));
    if (stage == SENDING) /* of a region, where a message is there whole or not at all */
        CHECK(pipc_session_reserve(session, 100));
    stay();
}

/* "server 0 1 DIR": role, plane, stage, run directory. */
__attribute__((constructor)) static void be_another(void)
{
    const char *const role = getenv("PIPC_TEST_ROLE");
    char who[16], dir[300];
    unsigned plane, stage;

    if (!role || sscanf(role, "%15s %u %u %299s", who, &plane, &stage, dir) != 4)
        return;
    if (strcmp(who, "server") == 0)
        be_server(&win_planes[plane], dir, (enum stage)stage);
    else
        be_client(&win_planes[plane], dir, (enum stage)stage);
}

/* ---- this process ---- */

struct other {
    PROCESS_INFORMATION process;
    HANDLE reached, inside;
};

/* Starts it and waits until it has come to its stage. */
static void start(struct other *other, const char *who, uint32_t plane, enum stage stage)
{
    STARTUPINFOW startup = {.cb = sizeof(startup)};
    wchar_t self[MAX_PATH];
    char role[400], name[100];

    (void)snprintf(name, sizeof(name), "Local\\pipc-test-%lu-%p", GetCurrentProcessId(),
                   (void *)other);
    other->reached = CreateEventA(NULL, TRUE, FALSE, name);
    CHECK(other->reached && SetEnvironmentVariableA("PIPC_TEST_EVENT", name));
    strcat(name, "-inside");
    other->inside = CreateEventA(NULL, TRUE, FALSE, name);
    CHECK(other->inside && SetEnvironmentVariableA("PIPC_TEST_INSIDE", name));
    (void)snprintf(role, sizeof(role), "%s %u %u %s", who, (unsigned)plane, (unsigned)stage,
                   test_dir());
    CHECK(SetEnvironmentVariableA("PIPC_TEST_ROLE", role));
    CHECK(SetEnvironmentVariableA("PIPC_TEST_PIPE", np_pipe_name("increment")));
    GetModuleFileNameW(NULL, self, MAX_PATH);
    CHECK_MSG(begin_process(self, NULL, FALSE, 0, &startup, &other->process),
              "no other process: error %lu", (unsigned long)GetLastError());
    CHECK(SetEnvironmentVariableA("PIPC_TEST_ROLE", NULL));
    const HANDLE set[2] = {other->reached, other->process.hProcess};
    CHECK(WaitForMultipleObjects(2, set, FALSE, 30000 * test_slow()) == WAIT_OBJECT_0);
}

static void kill_it(struct other *other)
{
    CHECK(TerminateProcess(other->process.hProcess, 77));
    CHECK(WaitForSingleObject(other->process.hProcess, 10000) == WAIT_OBJECT_0);
}

static void forget(struct other *other)
{
    CloseHandle(other->process.hProcess);
    CloseHandle(other->process.hThread);
    CloseHandle(other->reached);
    CloseHandle(other->inside);
}

static void call(struct pipc_client *client)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    uint64_t got = 0;

    CHECK_MSG(pipc_client_refresh_timeout(client, 20000, NULL, &err) == PIPC_OK, "refresh: %s",
              err.text);
    CHECK_MSG(pipc_client_call_increment(client, 41, &got, 20000, &err) == PIPC_OK, "call: %s",
              err.text);
    CHECK_EQ(got, 42);
}

struct killing {
    struct other *other;
    uint64_t gone_ns; /* when its process had ended */
};

/* Kills the server while it is inside the call. */
static void kill_inside(void *arg)
{
    struct killing *const k = arg;

    CHECK(WaitForSingleObject(k->other->inside, 20000) == WAIT_OBJECT_0);
    kill_it(k->other);
    k->gone_ns = np_clock_ns();
}

/* The caller knows now; not later than that many milliseconds after the end. */
static void check_noticed(const struct killing *k, HANDLE thread, unsigned limit_ms)
{
    const uint64_t now = np_clock_ns();

    np_join(thread);
    const int64_t ms = (int64_t)(now - k->gone_ns) / (int64_t)PIPC_NS_PER_MS;
    CHECK_MSG(ms < (int64_t)test_limit(limit_ms), "noticed %d ms after the end", (int)ms);
}

/* One server killed; another one takes its place and the same client goes on. */
static void server_killed(uint32_t plane, enum stage stage)
{
    struct pipc_context *const context = win_plane_context(&win_planes[plane]);
    struct pipc_client *client = NULL;
    struct other first, second;
    struct killing k = {&first, 0};
    uint64_t got;
    HANDLE thread = NULL;

    start(&first, "server", plane, stage);
    CHECK_OK(pipc_client_create(context, test_dir(), "increment", NULL, &client, NULL));
    if (stage == CONNECTED) {
        CHECK_RESULT(pipc_client_refresh_timeout(client, 100, NULL, NULL), PIPC_ERR_TIMEOUT);
        kill_it(&first);
    } else {
        call(client);
        if (stage == IDLE)
            kill_it(&first);
        else
            thread = np_thread(kill_inside, &k);
        CHECK(pipc_client_call_increment(client, WIN_HOLD, &got, 20000, NULL) != PIPC_OK);
    }
    if (thread)
        check_noticed(&k, thread, NOTICED_MS + PAUSE_MS + 50);
    start(&second, "server", plane, IDLE);
    call(client);
    kill_it(&second);
    pipc_client_destroy(client);
    CHECK_OK(pipc_close(context));
    forget(&first);
    forget(&second);
}

TEST(win_processes, a_server_killed_at_any_stage_is_noticed_and_its_successor_serves)
{
    for (uint32_t plane = 0; plane < WIN_PLANES; plane++)
        for (int stage = CONNECTED; stage < SENDING; stage++)
            server_killed(plane, (enum stage)stage);
}

TEST(win_processes, a_session_that_waits_is_told_within_two_slices_that_its_server_was_killed)
{
    for (uint32_t plane = 0; plane < WIN_PLANES; plane++) {
        struct pipc_context *const context = win_plane_context(&win_planes[plane]);
        const uint64_t value = WIN_HOLD;
        struct pipc_message message = win_request(1, &value, sizeof(value));
        struct pipc_session *session = NULL;
        struct other other;
        struct killing k = {&other, 0};
        start(&other, "server", plane, IDLE);
        CHECK_OK(pipc_connect(context, test_dir(), "increment", NULL, 20000, PIPC_NO_HANDLE,
                              &session, NULL, NULL));
        CHECK_EQ(win_status(session).selected_profile, win_planes[plane].bit);
        message.code = PIPC_METHOD_INCREMENT;
        CHECK_OK(pipc_session_send(session, &message, 20000, PIPC_NO_HANDLE, NULL));
        const HANDLE thread = np_thread(kill_inside, &k);
        message = (struct pipc_message){.size = sizeof(message)};
        CHECK_RESULT(pipc_session_receive(session, 20000, 0, PIPC_NO_HANDLE, &message, NULL),
                     PIPC_ERR_DISCONNECTED);
        check_noticed(&k, thread, NOTICED_MS);
        pipc_session_close(session);
        forget(&other);
        CHECK_OK(pipc_close(context));
    }
}

static uint32_t sessions(const struct pipc_server *server)
{
    struct pipc_server_status status = {.size = sizeof(status)};

    pipc_server_status(server, &status);
    return status.sessions + status.handshakes;
}

static bool is_empty(void *arg)
{
    return sessions(arg) == 0;
}

/* A server with two workers outlives clients that are killed. */
static void clients_killed(uint32_t plane, enum stage stage, unsigned count)
{
    struct win_servers servers = {.items = 1};
    struct pipc_client *client = NULL;
    struct other other;

    win_servers_start(&servers, &win_planes[plane], test_dir(), 2);
    for (unsigned i = 0; i < count; i++) {
        start(&other, "client", plane, stage);
        kill_it(&other);
        forget(&other);
        test_wait_until(is_empty, servers.increment, NOTICED_MS,
                        "the slot of a killed client is free");
    }
    CHECK_OK(pipc_client_create(servers.context, test_dir(), "increment", NULL, &client, NULL));
    call(client);
    pipc_client_destroy(client);
    win_servers_stop(&servers);
}

TEST(win_processes, a_client_killed_at_any_stage_frees_its_slot)
{
    for (uint32_t plane = 0; plane < WIN_PLANES; plane++)
        for (int stage = CONNECTED; stage < STAGES; stage++)
            clients_killed(plane, (enum stage)stage, stage == IDLE ? test_scale(100) : 1);
}

TEST(win_processes, a_server_process_answers_typed_calls_and_snapshots_and_its_pid_is_told)
{
    for (uint32_t plane = 0; plane < WIN_PLANES; plane++) {
        struct pipc_context *const context = win_plane_context(&win_planes[plane]);
        struct pipc_client *adds = NULL, *lists = NULL;
        struct pipc_client_status status = {.size = sizeof(status)};
        struct pipc_cgroups_snapshot_view view;
        struct pipc_error err = PIPC_ERROR_INIT;
        struct other other;
        start(&other, "server", plane, IDLE);
        CHECK_OK(pipc_client_create(context, test_dir(), "increment", NULL, &adds, NULL));
        CHECK_OK(pipc_client_create(context, test_dir(), "snapshot", NULL, &lists, NULL));
        for (int i = 0; i < 20; i++)
            call(adds);
        CHECK_OK(pipc_client_refresh_timeout(lists, 20000, NULL, NULL));
        CHECK_MSG(pipc_client_call_cgroups_snapshot(lists, &view, 20000, &err) == PIPC_OK,
                  "call: %s", err.text);
        CHECK_EQ(view.item_count, 10);
        pipc_client_status(adds, &status);
        CHECK_EQ(status.session.selected_profile, win_planes[plane].bit);
        CHECK_EQ(status.session.peer.pid, other.process.dwProcessId);
        pipc_client_destroy(adds);
        pipc_client_destroy(lists);
        kill_it(&other);
        forget(&other);
        CHECK_OK(pipc_close(context));
    }
}
