/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared-memory upgrade under real clients and servers: which bit is selected, abort and stop
 * at once, and the last answer of a server that stops.
 */
#include "server_fixture.h"
#include "shm_fixture.h"

#include <pipc/codecs/increment.h>
#include <pipc/transports/uds.h>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct stage {
    struct pipc_context *context;
    struct pipc_server *server;
    pthread_t thread;
    uint32_t calls;   /* atomic */
    uint32_t holding; /* atomic: callbacks wait while it is set */
    uint32_t inside;  /* atomic */
};

static uint32_t increment(void *user, const struct pipc_request *from, uint64_t value,
                          uint64_t *ret_value)
{
    struct stage *const s = user;

    (void)from;
    __atomic_fetch_add(&s->calls, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&s->inside, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&s->holding, __ATOMIC_SEQ_CST))
        usleep(500);
    *ret_value = value + 1;
    return 1;
}

static struct pipc_context *open_context(void)
{
    struct pipc_config *config = NULL;
    struct pipc_context *context = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_OK(pipc_config_new(NULL, &config));
    if (!PIPC_TEST_BUILTIN) {
        CHECK_OK(pipc_config_add_module(config, &pipc_module_uds, &err));
        CHECK_OK(pipc_config_add_module(config, &pipc_module_shm, &err));
        CHECK_OK(pipc_config_add_module(config, &pipc_module_increment, &err));
    }
    CHECK_OK(pipc_config_set(config, "pipc", "module_dir", PIPC_TEST_MODULE_DIR, &err));
    CHECK_OK(pipc_config_set(config, "pipc", "transports", "shm,uds", &err));
    CHECK_OK(pipc_config_set(config, "transport.shm", "any_fs", "yes", &err));
    CHECK_MSG(pipc_open(config, NULL, &context, &err) == PIPC_OK, "%s", err.text);
    pipc_config_free(config);
    return context;
}

static void *run(void *arg)
{
    struct stage *const s = arg;

    CHECK_OK(pipc_server_run(s->server, NULL));
    return NULL;
}

static void open_stage_at(struct stage *s, uint32_t profiles, const char *run_dir)
{
    const struct pipc_increment_handler handler = {
        .size = sizeof(handler), .user = s, .increment = increment};
    const struct pipc_server_config config = {
        .size = sizeof(config), .supported_profiles = profiles, .preferred_profiles = profiles};

    memset(s, 0, sizeof(*s));
    s->context = open_context();
    CHECK_OK(pipc_server_create_increment(s->context, run_dir, "s", &handler, 4, &config,
                                          &s->server, NULL));
    CHECK(pthread_create(&s->thread, NULL, run, s) == 0);
}

static void open_stage(struct stage *s, uint32_t profiles)
{
    open_stage_at(s, profiles, test_dir());
}

static void close_stage(struct stage *s)
{
    if (s->server) {
        CHECK_OK(pipc_server_stop(s->server));
        pthread_join(s->thread, NULL);
        CHECK_OK(pipc_server_destroy(s->server));
    }
    CHECK_OK(pipc_close(s->context));
}

static struct pipc_session *connect_session(struct stage *s, uint32_t profiles)
{
    const struct pipc_session_settings settings = {
        .size = sizeof(settings), .supported_profiles = profiles, .preferred_profiles = profiles};
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_MSG(pipc_connect(s->context, test_dir(), "s", &settings, 20000, PIPC_NO_HANDLE, &session,
                           NULL, &err) == PIPC_OK,
              "%s", err.text);
    return session;
}

static struct pipc_message request(uint64_t id, const uint64_t *value)
{
    return (struct pipc_message){.size = sizeof(struct pipc_message),
                                 .kind = PIPC_KIND_REQUEST,
                                 .code = 1,
                                 .item_count = 1,
                                 .message_id = id,
                                 .payload = value,
                                 .payload_len = sizeof(*value)};
}

static void exchange(struct pipc_session *session, uint64_t id)
{
    const uint64_t value = 41;
    struct pipc_message message = request(id, &value);
    uint64_t got = 0;

    CHECK_OK(pipc_session_send(session, &message, 0, PIPC_NO_HANDLE, NULL));
    CHECK_OK(pipc_session_receive(session, 20000, 0, PIPC_NO_HANDLE, &message, NULL));
    CHECK_EQ(message.payload_len, sizeof(got));
    memcpy(&got, message.payload, sizeof(got));
    CHECK_EQ(got, 42);
}

static struct pipc_session_status status_of(const struct pipc_session *session)
{
    struct pipc_session_status status = {.size = sizeof(status)};

    pipc_session_status(session, &status);
    return status;
}

TEST(shm_service, list_alone_selects_the_first_bit_and_never_the_reserved_one)
{
    struct stage s;

    open_stage(&s, 0);
    struct pipc_session *const session = connect_session(&s, 0);
    const struct pipc_session_status status = status_of(session);
    CHECK_EQ(status.selected_profile, PIPC_PROFILE_SHM_HYBRID);
    CHECK_EQ(status.peer_profiles, 0x03);
    CHECK_STR(status.transport, "shm");
    CHECK_EQ(status.region_bytes, 64 + 1088 + 65600);
    CHECK_EQ(status.degraded, 0);
    exchange(session, 1);
    pipc_session_close(session);
    close_stage(&s);
}

TEST(shm_service, masks_of_0x07_on_both_sides_select_the_reserved_bit_which_works)
{
    struct stage s;

    open_stage(&s, 0x07);
    struct pipc_session *const session = connect_session(&s, 0x07);
    CHECK_EQ(status_of(session).selected_profile, PIPC_PROFILE_SHM_FUTEX);
    CHECK_STR(status_of(session).transport, "shm");
    for (uint64_t i = 1; i <= 100; i++)
        exchange(session, i);
    pipc_session_close(session);
    close_stage(&s);
}

TEST(shm_service, mask_of_0x07_on_one_side_selects_the_common_bit)
{
    struct stage s;

    open_stage(&s, 0);
    struct pipc_session *const session = connect_session(&s, 0x07);
    CHECK_EQ(status_of(session).selected_profile, PIPC_PROFILE_SHM_HYBRID);
    exchange(session, 1);
    pipc_session_close(session);
    close_stage(&s);
}

TEST(shm_service, regions_stay_in_a_relative_directory_that_the_program_has_left)
{
    struct stage s;

    CHECK(mkdir(test_path("elsewhere"), 0700) == 0 && chdir(test_path("elsewhere")) == 0);
    open_stage_at(&s, 0, "..");
    CHECK(chdir("/") == 0);
    struct pipc_session *const session = connect_session(&s, 0);
    CHECK_STR(status_of(session).transport, "shm");
    CHECK(shm_exists(shm_region_path(status_of(session).session_id)));
    exchange(session, 1);
    pipc_session_close(session);
    close_stage(&s);
}

/* ---- stop ---- */

TEST(shm_service, server_that_is_destroyed_keeps_its_answer_and_then_sets_the_mark)
{
    struct stage s;
    size_t size;

    for (unsigned i = 0; i < 3; i++) {
        open_stage(&s, 0);
        struct pipc_session *const session = connect_session(&s, 0);
        struct shm_header *const raw =
            shm_raw_map(shm_region_path(status_of(session).session_id), &size);
        const uint64_t value = 41;
        struct pipc_message message = request(1, &value);
        const uint64_t began = test_now_ms();
        CHECK_OK(pipc_session_send(session, &message, 0, PIPC_NO_HANDLE, NULL));
        /* The answer is out and nobody has read it when the server is destroyed. */
        while (__atomic_load_n(&raw->resp_seq, __ATOMIC_ACQUIRE) == 0)
            usleep(100);
        CHECK_OK(pipc_server_stop(s.server));
        pthread_join(s.thread, NULL);
        CHECK_OK(pipc_server_destroy(s.server));
        s.server = NULL;
        CHECK_MSG(test_now_ms() - began >= 99, "kept for %u ms only",
                  (unsigned)(test_now_ms() - began));
        CHECK_EQ(raw->resp_seq, 2);
        CHECK_EQ(raw->resp_len, 0);
        CHECK(!shm_exists(shm_region_path(status_of(session).session_id)));
        CHECK_RESULT(pipc_session_receive(session, 20000, 0, PIPC_NO_HANDLE, &message, NULL),
                     PIPC_ERR_DISCONNECTED);
        pipc_session_close(session);
        munmap(raw, size);
        close_stage(&s);
    }
}

TEST(shm_service, request_after_stop_is_not_executed_and_fails_at_once)
{
    struct stage s;

    for (unsigned i = 0; i < test_scale(200); i++) {
        const uint64_t value = 1;
        struct pipc_message message;
        open_stage(&s, 0);
        struct pipc_session *const session = connect_session(&s, 0);
        exchange(session, 1);
        CHECK_OK(pipc_server_stop(s.server));
        message = request(2, &value);
        CHECK_OK(pipc_session_send(session, &message, 0, PIPC_NO_HANDLE, NULL));
        const uint64_t began = test_now_ms();
        CHECK_RESULT(pipc_session_receive(session, 20000, 0, PIPC_NO_HANDLE, &message, NULL),
                     PIPC_ERR_DISCONNECTED);
        CHECK(test_now_ms() - began <= test_limit(200));
        CHECK_EQ(__atomic_load_n(&s.calls, __ATOMIC_SEQ_CST), 1);
        pipc_session_close(session);
        close_stage(&s);
    }
}

TEST(shm_service, idle_sessions_end_at_once_when_the_server_stops)
{
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < 8; i++) {
        struct stage s;
        open_stage(&s, 0);
        struct pipc_session *const session = connect_session(&s, 0);
        struct pipc_server_status status = {.size = sizeof(status)};
        const uint64_t began = test_now_ms();
        CHECK_OK(pipc_server_stop(s.server));
        do {
            usleep(200);
            pipc_server_status(s.server, &status);
        } while (status.sessions != 0);
        const uint64_t took = test_now_ms() - began;
        best = took < best ? took : best;
        pipc_session_close(session);
        close_stage(&s);
    }
    CHECK_MSG(best <= 30, "after %" PRIu64 " ms", best);
}

/* ---- abort ---- */

struct aborter {
    struct stage *s;
    struct pipc_client *client;
    uint64_t at_ms;
};

static bool is_inside(void *arg)
{
    return __atomic_load_n(&((struct stage *)arg)->inside, __ATOMIC_SEQ_CST) != 0;
}

static void *abort_inside(void *arg)
{
    struct aborter *const a = arg;

    test_wait_until(is_inside, a->s, 5000, "the callback runs");
    usleep(3000); /* the client sleeps by now, or else it sees the flag at once */
    a->at_ms = test_now_ms();
    pipc_client_abort(a->client);
    return NULL;
}

TEST(shm_service, abort_of_a_client_ends_its_call_at_once)
{
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < 8; i++) {
        struct stage s;
        struct pipc_client *client = NULL;
        uint64_t value = 7;
        pthread_t thread;
        open_stage(&s, 0);
        __atomic_store_n(&s.holding, 1, __ATOMIC_SEQ_CST);
        CHECK_OK(pipc_client_create(s.context, test_dir(), "s", NULL, &client, NULL));
        CHECK_OK(pipc_client_refresh_timeout(client, 20000, NULL, NULL));
        struct aborter a = {.s = &s, .client = client};
        CHECK(pthread_create(&thread, NULL, abort_inside, &a) == 0);
        CHECK_RESULT(pipc_client_call_increment(client, 41, &value, 0, NULL), PIPC_ERR_ABORTED);
        pthread_join(thread, NULL);
        const uint64_t took = test_now_ms() - a.at_ms;
        best = took < best ? took : best;
        CHECK_EQ(value, 0);
        /* Cleared, the next call is as any other. */
        __atomic_store_n(&s.holding, 0, __ATOMIC_SEQ_CST);
        pipc_client_clear_abort(client);
        CHECK_OK(pipc_client_refresh_timeout(client, 20000, NULL, NULL));
        pipc_client_abort(client);
        pipc_client_clear_abort(client);
        CHECK_OK(pipc_client_call_increment(client, 41, &value, 20000, NULL));
        CHECK_EQ(value, 42);
        pipc_client_destroy(client);
        close_stage(&s);
    }
    CHECK_MSG(best <= 20, "after %" PRIu64 " ms", best);
}

TEST(shm_service, cycles_of_sessions_leave_no_region_and_no_descriptor)
{
    struct stage s;

    open_stage(&s, 0);
    pipc_session_close(connect_session(&s, 0));
    for (uint64_t i = 0; i < test_scale(1000); i++) {
        struct pipc_session *const session = connect_session(&s, 0);
        exchange(session, 1);
        pipc_session_close(session);
    }
    struct pipc_server_status status = {.size = sizeof(status)};
    for (unsigned i = 0; i < 5000 * test_slow(); i++) {
        pipc_server_status(s.server, &status);
        if (status.regions == 0)
            break;
        usleep(1000);
    }
    CHECK_EQ(status.regions, 0);
    CHECK_EQ(status.degraded, 0);
    close_stage(&s);
    CHECK(rmdir(test_dir()) == 0); /* nothing is left in it */
}
