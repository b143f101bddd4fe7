/* SPDX-License-Identifier: Apache-2.0
 *
 * The choice of a data plane by the core, over pipes and shared memory together: what is selected,
 * what happens when a region cannot be made or attached, names that are taken, a full server.
 */
#include "windows/win_calls.h"
#include "windows/win_service.h"
#include "windows/winshm_fixture.h"

#define HYBRID   PIPC_PROFILE_SHM_HYBRID
#define BUSYWAIT PIPC_PROFILE_SHM_BUSYWAIT
#define PIPE     PIPC_PROFILE_BASELINE

struct scene {
    struct pipc_context *server, *client;
    struct win_echo echo;
};

static void scene_open(struct scene *s, const char *server, const char *server_planes,
                       const char *client, const char *client_planes)
{
    s->server = win_context(server, server_planes);
    s->client = win_context(client, client_planes);
    win_echo_start(&s->echo, s->server, "echo");
}

static void scene_close(struct scene *s)
{
    win_echo_stop(&s->echo);
    CHECK_OK(pipc_close(s->client));
    CHECK_OK(pipc_close(s->server));
}

static pipc_result try_connect(struct scene *s, uint32_t withdrawn, struct pipc_session **session,
                               struct pipc_upgrade_failure *failure)
{
    struct pipc_session_settings settings = win_settings();

    settings.withdrawn_profiles = withdrawn;
    settings.attach_timeout_ms = 200;
    *session = NULL;
    *failure = (struct pipc_upgrade_failure){.size = sizeof(*failure)};
    return pipc_connect(s->client, test_dir(), "echo", &settings, 10000, PIPC_NO_HANDLE, session,
                        failure, NULL);
}

/* A session on this plane, which works. */
static uint64_t expect(struct scene *s, uint32_t bit)
{
    struct pipc_upgrade_failure failure;
    struct pipc_session *session;

    CHECK_OK(try_connect(s, 0, &session, &failure));
    const struct pipc_session_status status = win_status(session);
    CHECK_EQ(status.selected_profile, bit);
    win_exchange(session, 1, win_pattern(), 1000);
    pipc_session_close(session);
    return status.session_id;
}

TEST(win_upgrade, what_both_sides_allow_is_selected)
{
    static const struct {
        const char *server, *server_planes, *client, *client_planes;
        uint32_t bit;
    } rows[] = {
        {"winshm,np", NULL, "winshm,np", NULL, HYBRID},
        {"winshm,np", "busywait", "winshm,np", "busywait", BUSYWAIT},
        {"winshm,np", "hybrid,busywait", "winshm,np", "hybrid,busywait", BUSYWAIT},
        {"winshm,np", "hybrid,busywait", "winshm,np", NULL, HYBRID},
        {"winshm,np", "busywait", "winshm,np", NULL, PIPE},
        {"np", NULL, "winshm,np", NULL, PIPE},
        {"winshm,np", NULL, "np", NULL, PIPE},
        {"np,winshm", NULL, "np,winshm", NULL, PIPE},
        {"winshm", NULL, "winshm", NULL, HYBRID},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scene s;
        scene_open(&s, rows[i].server, rows[i].server_planes, rows[i].client,
                   rows[i].client_planes);
        (void)expect(&s, rows[i].bit);
        scene_close(&s);
    }
}

TEST(win_upgrade, a_region_that_cannot_be_made_leaves_the_other_profile_then_the_pipe)
{
    struct scene s;

    scene_open(&s, "winshm,np", "hybrid,busywait", "winshm,np", "hybrid,busywait");
    win_refuse(WIN_CreateFileMappingW, 0, 1, ERROR_ACCESS_DENIED);
    (void)expect(&s, HYBRID);
    win_refuse(WIN_CreateFileMappingW, 0, 2, ERROR_ACCESS_DENIED);
    (void)expect(&s, PIPE);
    win_refuse(WIN_CreateFileMappingW, 0, 1, ERROR_COMMITMENT_LIMIT); /* memory is short */
    (void)expect(&s, PIPE);
    (void)expect(&s, BUSYWAIT); /* for that handshake alone */
    scene_close(&s);
}

TEST(win_upgrade, with_shared_memory_alone_a_failure_closes_without_an_answer)
{
    struct pipc_upgrade_failure failure;
    struct pipc_session *session;
    struct scene s;

    scene_open(&s, "winshm", NULL, "winshm", NULL);
    win_refuse(WIN_CreateFileMappingW, 0, 1, ERROR_ACCESS_DENIED);
    CHECK_RESULT(try_connect(&s, 0, &session, &failure), PIPC_ERR_DISCONNECTED);
    (void)expect(&s, HYBRID);
    scene_close(&s);
}

static HANDLE occupy(uint64_t session_id)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = test_dir(), .service = "echo"};
    wchar_t wide[PIPC_WIN_SHM_NAME_MAX + 1];
    struct winshm_name name;

    CHECK_OK(winshm_name_make(NULL, &endpoint, 0, HYBRID, session_id, &name, NULL));
    winshm_name_of(&name, WINSHM_MAPPING, wide);
    const HANDLE mapping =
        CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 4096, wide);
    CHECK(mapping);
    return mapping;
}

TEST(win_upgrade, session_numbers_that_others_occupy_are_passed_over_up_to_sixteen)
{
    HANDLE taken[20];
    struct scene s;

    scene_open(&s, "winshm,np", NULL, "winshm,np", NULL);
    CHECK_EQ(expect(&s, HYBRID), 1);
    for (uint64_t i = 0; i < 20; i++)
        taken[i] = occupy(2 + i);
    CloseHandle(taken[3]); /* number 5 is free */
    CHECK_EQ(expect(&s, HYBRID), 5);
    (void)expect(&s, PIPE); /* 6 to 21 are taken */
    CHECK_EQ(expect(&s, HYBRID), 22);
    for (uint64_t i = 0; i < 20; i++)
        if (i != 3)
            CloseHandle(taken[i]);
    scene_close(&s);
}

TEST(win_upgrade, a_failed_attach_names_both_bits_and_the_next_session_has_the_pipe)
{
    struct pipc_upgrade_failure failure;
    struct pipc_session *session;
    struct scene s;

    scene_open(&s, "winshm,np", NULL, "winshm,np", NULL);
    win_refuse(WIN_OpenFileMappingW, 0, 1, ERROR_ACCESS_DENIED);
    CHECK_RESULT(try_connect(&s, 0, &session, &failure), PIPC_ERR_REGION_OPEN);
    CHECK_EQ(failure.bits, WINSHM_BITS);
    CHECK_EQ(failure.withdraw_ms, PIPC_NEVER);
    CHECK(!session);
    CHECK_OK(try_connect(&s, failure.bits, &session, &failure));
    CHECK_EQ(win_status(session).selected_profile, PIPE);
    pipc_session_close(session);
    (void)expect(&s, HYBRID);
    scene_close(&s);
}

TEST(win_upgrade, a_client_whose_attach_failed_goes_on_over_the_pipe_and_says_for_how_long)
{
    struct pipc_client_status status = {.size = sizeof(status)};
    struct win_servers servers = {.items = 0};
    struct pipc_client *client = NULL;
    uint64_t got = 0;

    win_servers_start(&servers, &win_planes[1], test_dir(), 2);
    CHECK_OK(pipc_client_create(servers.context, test_dir(), "increment", NULL, &client, NULL));
    win_refuse(WIN_OpenFileMappingW, 0, 1, ERROR_NO_SYSTEM_RESOURCES); /* its own, and passes */
    CHECK_OK(pipc_client_refresh_timeout(client, 20000, NULL, NULL));
    CHECK_OK(pipc_client_call_increment(client, 1, &got, 20000, NULL));
    pipc_client_status(client, &status);
    CHECK_EQ(status.session.selected_profile, PIPE);
    CHECK_EQ(status.withdrawn_profiles, WINSHM_BITS);
    CHECK(status.withdrawn_for_ms > 0 && status.withdrawn_for_ms <= PIPC_CLIENT_ATTACH_WITHDRAW_MS);
    CHECK_HAS(status.withdrawn_why, "cannot be opened");
    pipc_client_destroy(client);
    win_servers_stop(&servers);
}

TEST(win_upgrade, a_full_server_rejects_before_it_makes_anything)
{
    struct pipc_client *first = NULL, *second = NULL;
    struct win_servers servers = {.items = 0};
    struct pipc_error err = PIPC_ERROR_INIT;
    uint64_t got = 0;
    uint32_t made;

    win_servers_start(&servers, &win_planes[1], test_dir(), 1);
    CHECK_OK(pipc_client_create(servers.context, test_dir(), "increment", NULL, &first, NULL));
    CHECK_OK(pipc_client_create(servers.context, test_dir(), "increment", NULL, &second, NULL));
    CHECK_OK(pipc_client_refresh_timeout(first, 20000, NULL, NULL));
    made = win_count(WIN_CreateFileMappingW);
    CHECK_RESULT(pipc_client_refresh_timeout(second, 200, NULL, &err), PIPC_ERR_HANDSHAKE);
    CHECK_EQ(err.peer_status, PIPC_STATUS_INTERNAL_ERROR);
    CHECK_EQ(win_count(WIN_CreateFileMappingW), made);
    CHECK_OK(pipc_client_call_increment(first, 1, &got, 20000, NULL));
    pipc_client_destroy(first);
    while (pipc_client_refresh_timeout(second, 1000, NULL, &err) != PIPC_OK)
        CHECK_RESULT(err.result, PIPC_ERR_HANDSHAKE);
    CHECK_OK(pipc_client_call_increment(second, 1, &got, 20000, NULL));
    CHECK_EQ(win_count(WIN_CreateFileMappingW), made + 1);
    pipc_client_destroy(second);
    win_servers_stop(&servers);
}

TEST(win_upgrade, a_service_name_too_long_for_events_gets_the_pipe_and_busywait_where_it_fits)
{
    static const struct {
        size_t len;
        const char *planes;
        uint32_t bit;
    } rows[] = {{193, "hybrid", HYBRID},
                {194, "hybrid", PIPE},
                {196, "hybrid,busywait", BUSYWAIT},
                {197, "hybrid,busywait", PIPE}};

    for (size_t i = 0; i < 4; i++) {
        struct pipc_context *const context = win_context("winshm,np", rows[i].planes);
        char service[200];
        struct win_echo echo;
        memset(service, 's', sizeof(service));
        service[rows[i].len] = '\0';
        win_echo_start(&echo, context, service);
        struct pipc_session *const session = win_connect(context, service, rows[i].bit);
        win_exchange(session, 1, win_pattern(), 100);
        pipc_session_close(session);
        win_echo_stop(&echo);
        CHECK_OK(pipc_close(context));
    }
}

/* ---- messages whose words lie ---- */

struct meeting {
    struct pipc_context *context;
    struct pipc_session *client;
};

static const struct pipc_session_settings meeting_settings = {.size = sizeof(meeting_settings),
                                                              .max_request_payload_bytes = 65536,
                                                              .max_response_payload_bytes = 65536};

static void connect_meeting(void *arg)
{
    struct meeting *const m = arg;

    CHECK_OK(pipc_connect(m->context, test_dir(), "lies", &meeting_settings, 10000, PIPC_NO_HANDLE,
                          &m->client, NULL, NULL));
}

static struct winshm_header *region_of(uint64_t session_id)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = test_dir(), .service = "lies"};
    wchar_t wide[PIPC_WIN_SHM_NAME_MAX + 1];
    struct winshm_name name;

    CHECK_OK(winshm_name_make(NULL, &endpoint, 0, HYBRID, session_id, &name, NULL));
    winshm_name_of(&name, WINSHM_MAPPING, wide);
    const HANDLE mapping = OpenFileMappingW(FILE_MAP_READ | FILE_MAP_WRITE, FALSE, wide);
    CHECK(mapping);
    struct winshm_header *const header =
        MapViewOfFile(mapping, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0);
    CHECK(header);
    CloseHandle(mapping);
    return header;
}

TEST(win_upgrade, responses_that_are_not_what_their_words_say_break_the_session)
{
    static const struct {
        int32_t len;
        uint32_t magic, payload_len;
        uint16_t kind;
        uint64_t id;
        pipc_result result;
    } rows[] = {
        {40, PIPC_MAGIC, 8, PIPC_KIND_RESPONSE, 3, PIPC_OK},
        {40, PIPC_MAGIC, 8, PIPC_KIND_REQUEST, 3, PIPC_ERR_PROTOCOL},
        {40, PIPC_MAGIC + 1, 8, PIPC_KIND_RESPONSE, 3, PIPC_ERR_PROTOCOL},
        {40, PIPC_MAGIC, 7, PIPC_KIND_RESPONSE, 3, PIPC_ERR_PROTOCOL},
        {40, PIPC_MAGIC, 9, PIPC_KIND_RESPONSE, 3, PIPC_ERR_PROTOCOL},
        {31, PIPC_MAGIC, 8, PIPC_KIND_RESPONSE, 3, PIPC_ERR_PROTOCOL},
        {32 + 65537, PIPC_MAGIC, 65537, PIPC_KIND_RESPONSE, 3, PIPC_ERR_LIMIT_EXCEEDED},
        {32 + 65537, PIPC_MAGIC, 8, PIPC_KIND_RESPONSE, 3, PIPC_ERR_PROTOCOL},
        {40, PIPC_MAGIC, 8, PIPC_KIND_RESPONSE, 4, PIPC_ERR_UNKNOWN_MSG_ID},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct meeting m = {.context = win_context("winshm", NULL)};
        struct pipc_message message = win_request(3, win_pattern(), 8);
        struct pipc_listener *listener = NULL;
        struct pipc_session *server = NULL;
        const struct pipc_header header = {.magic = rows[i].magic,
                                           .version = PIPC_WIRE_VERSION,
                                           .header_len = PIPC_HEADER_LEN,
                                           .kind = rows[i].kind,
                                           .code = 7,
                                           .payload_len = rows[i].payload_len,
                                           .item_count = 1,
                                           .message_id = rows[i].id};
        CHECK_OK(pipc_listen(m.context, test_dir(), "lies", &meeting_settings, &listener, NULL));
        const HANDLE thread = np_thread(connect_meeting, &m);
        CHECK_OK(pipc_accept(listener, 10000, PIPC_NO_HANDLE, &server, NULL));
        np_join(thread);
        CHECK_OK(pipc_session_send(m.client, &message, TEST_LONG, PIPC_NO_HANDLE, NULL));
        struct winshm_header *const region = region_of(win_status(server).session_id);
        CHECK(pipc_header_encode(&header, (uint8_t *)region + region->response_offset,
                                 PIPC_HEADER_LEN));
        region->resp_len = rows[i].len;
        __atomic_store_n(&region->resp_seq, 1, __ATOMIC_SEQ_CST);
        message = (struct pipc_message){.size = sizeof(message)};
        CHECK_RESULT(pipc_session_receive(m.client, TEST_LONG, 0, PIPC_NO_HANDLE, &message, NULL),
                     rows[i].result);
        CHECK_EQ(win_status(m.client).state,
                 rows[i].result == PIPC_OK ? PIPC_SESSION_OPEN : PIPC_SESSION_BROKEN);
        UnmapViewOfFile(region);
        pipc_session_close(m.client);
        pipc_session_close(server);
        pipc_listener_close(listener);
        CHECK_OK(pipc_close(m.context));
    }
}

TEST(win_upgrade, a_session_with_larger_limits_has_a_new_number_and_region)
{
    struct pipc_session_settings settings = {.size = sizeof(settings),
                                             .max_request_payload_bytes = 1000};
    struct pipc_session *session = NULL;
    struct scene s;
    uint64_t id, bytes;

    scene_open(&s, "winshm", NULL, "winshm", NULL);
    CHECK_OK(pipc_connect(s.client, test_dir(), "echo", &settings, 10000, PIPC_NO_HANDLE, &session,
                          NULL, NULL));
    id = win_status(session).session_id;
    bytes = win_status(session).region_bytes;
    pipc_session_close(session);
    settings.max_request_payload_bytes = 500000;
    CHECK_OK(pipc_connect(s.client, test_dir(), "echo", &settings, 10000, PIPC_NO_HANDLE, &session,
                          NULL, NULL));
    CHECK(win_status(session).session_id > id);
    CHECK(win_status(session).region_bytes >= bytes + 499000);
    win_exchange(session, 1, win_pattern(), 500000);
    pipc_session_close(session);
    scene_close(&s);
}
