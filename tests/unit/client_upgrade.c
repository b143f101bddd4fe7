/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients on an upgraded data plane: attach failures, withdrawn profiles, the second connection,
 * calls. The upgrade and its baseline are the tests' own, so that nothing here depends on a real
 * transport.
 */
#include "client_script.h"
#include "core/service/client.h"
#include "session_mem.h"
#include "test.h"

#include <pipc/codecs/increment.h>

#include <pthread.h>
#include <unistd.h>

#define DIR     "upgrade"
#define SERVICE "svc"

/* What the server does with the n-th request that it gets, over all sessions; afterwards it
 * answers. */
enum act { ACT_ANSWER = 0, ACT_CLOSE, ACT_ANSWER_CLOSE, ACT_SILENT };

static struct {
    struct pipc_context *context;
    struct pipc_listener *listener;
    struct pipci_event stop;
    pthread_t thread;
    enum act acts[8];
    unsigned requests; /* atomic */
    unsigned sessions; /* atomic */
} server;

static unsigned load(const unsigned *value)
{
    return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

/* False: the session is over. */
static bool serve_one(struct pipc_session *session)
{
    struct pipc_message message = {.size = sizeof(message)};
    uint64_t value;
    unsigned n;
    enum act act;

    if (pipc_session_receive(session, 0, 0, server.stop.handle, &message, NULL) != PIPC_OK)
        return false;
    CHECK_EQ(message.payload_len, 8);
    memcpy(&value, message.payload, 8);
    value++;
    n = __atomic_fetch_add(&server.requests, 1, __ATOMIC_ACQ_REL);
    act = n < 8 ? server.acts[n] : ACT_ANSWER;
    if (act == ACT_CLOSE)
        return false;
    if (act == ACT_SILENT) {
        (void)!pipc_session_receive(session, 0, 0, server.stop.handle, &message, NULL);
        return false;
    }
    message.kind = PIPC_KIND_RESPONSE;
    message.payload = &value;
    return pipc_session_send(session, &message, 0, server.stop.handle, NULL) == PIPC_OK &&
           act == ACT_ANSWER;
}

static void *serve(void *arg)
{
    (void)arg;
    while (!pipci_event_is_set(&server.stop)) {
        struct pipc_session *session = NULL;

        if (pipc_accept(server.listener, 0, server.stop.handle, &session, NULL) != PIPC_OK)
            continue;
        __atomic_add_fetch(&server.sessions, 1, __ATOMIC_ACQ_REL);
        while (serve_one(session))
            ;
        pipc_session_close(session);
    }
    return NULL;
}

static void open_context(const char *transports)
{
    static const struct pipc_module *const modules[] = {&session_mem_module, &session_fast_module};
    struct pipc_config *config = NULL;

    CHECK_OK(pipc_config_new(NULL, &config));
    for (unsigned i = 0; i < 2; i++)
        CHECK_OK(pipc_config_add_module(config, modules[i], NULL));
#if !PIPC_TEST_BUILTIN
    CHECK_OK(pipc_config_add_module(config, &pipc_module_increment, NULL));
#endif
    CHECK_OK(pipc_config_set(config, "pipc", "transports", transports, NULL));
    CHECK_OK(pipc_config_set(config, "pipc", "carrier", "mem", NULL));
    CHECK_OK(pipc_open(config, NULL, &server.context, NULL));
    pipc_config_free(config);
}

static void server_up(const struct pipc_session_settings *settings)
{
    CHECK_OK(pipci_event_init(&server.stop, NULL));
    CHECK_OK(pipc_listen(server.context, DIR, SERVICE, settings, &server.listener, NULL));
    CHECK(pthread_create(&server.thread, NULL, serve, NULL) == 0);
}

static void server_down(void)
{
    pipci_event_set(&server.stop);
    pthread_join(server.thread, NULL);
    pipc_listener_close(server.listener);
    pipci_event_done(&server.stop);
}

static struct pipc_client *begin(const char *transports)
{
    struct pipc_client *client = NULL;

    memset(&server, 0, sizeof(server));
    session_control_reset();
    open_context(transports);
    server_up(NULL);
    CHECK_OK(pipc_client_create(server.context, DIR, SERVICE, NULL, &client, NULL));
    client->times.drain_ms = 1;
    client->times.interval_ms = 1;
    client->times.reconnect_attempts = 3;
    return client;
}

static void end(struct pipc_client *client)
{
    pipc_client_destroy(client);
    server_down();
    CHECK_OK(pipc_close(server.context));
}

static void fail_attach(pipc_result result, uint32_t bits, uint64_t withdraw_ms)
{
    session_control.attach = (struct session_fault){.at = 1, .result = result};
    session_control.attach_bits = bits;
    session_control.attach_withdraw_ms = withdraw_ms;
}

static void check_profile(struct pipc_client *client, bool fast)
{
    const struct pipc_client_status status = script_status(client);

    CHECK_EQ(status.state, PIPC_CLIENT_READY);
    if (fast)
        CHECK(status.session.selected_profile & FAST_BITS);
    else
        CHECK_EQ(status.session.selected_profile, PIPC_PROFILE_BASELINE);
}

static pipc_result call(struct pipc_client *client, uint64_t *value, uint32_t timeout_ms)
{
    *value = 77;
    return pipc_client_call_increment(client, 1, value, timeout_ms, NULL);
}

TEST(client_upgrade, is_used_when_it_is_there)
{
    struct pipc_client *client = begin("fast,mem");
    uint64_t value;
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    check_profile(client, true);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_OK(call(client, &value, 0));
        CHECK_EQ(value, 2);
    }
    /* requests are written in place: no buffer of the client's own */
    CHECK(client->request == NULL);
    CHECK_EQ(script_status(client).withdrawn_profiles, 0);
    end(client);
}

TEST(client_upgrade, region_missing_for_ever_gives_the_baseline_for_good)
{
    struct pipc_client *client = begin("fast,mem");
    uint64_t value;
    session_control.attach_waits = true;
    client->times.attach_ms = 60;
    const uint64_t start = test_now_ms();
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    CHECK(test_now_ms() - start >= 55);
    check_profile(client, false);
    CHECK_EQ(session_control.attaches, 1);
    const struct pipc_client_status status = script_status(client);
    CHECK_EQ(status.withdrawn_profiles, FAST_BITS);
    CHECK_EQ(status.withdrawn_for_ms, PIPC_NEVER);
    CHECK(status.withdrawn_why[0] != 0);
    CHECK_EQ(status.connect_count, 1);
    CHECK_OK(call(client, &value, 0));
    session_control.attach_waits = false;
    pipc_client_drop(client);
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    check_profile(client, false);
    CHECK_EQ(session_control.attaches, 1);
    end(client);
}

TEST(client_upgrade, failure_of_its_own_is_withdrawn_for_a_time)
{
    struct pipc_client *client = begin("fast,mem");
    const uint32_t ms = 300;
    const uint64_t start = test_now_ms();
    fail_attach(PIPC_ERR_REGION_OPEN, FAST_BITS, ms);
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    check_profile(client, false);
    const struct pipc_client_status status = script_status(client);
    if (test_now_ms() - start < ms) { /* or the time may be over on a busy machine */
        CHECK_EQ(status.withdrawn_profiles, FAST_BITS);
        CHECK(status.withdrawn_for_ms > 0 && status.withdrawn_for_ms <= ms);
        CHECK_STR(status.withdrawn_why, "cannot map it");
    }
    while (script_status(client).withdrawn_profiles)
        usleep(2000);
    CHECK_STR(script_status(client).withdrawn_why, "");
    /* a session that works is not disturbed; the next one has the upgrade again */
    check_profile(client, false);
    pipc_client_drop(client);
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    check_profile(client, true);
    end(client);
}

TEST(client_upgrade, module_without_a_time_means_the_default_one)
{
    struct pipc_client *client = begin("fast,mem");
    CHECK_EQ(client->times.withdraw_ms, 60000);
    fail_attach(PIPC_ERR_REGION_MAP, FAST_BITS, 0);
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    check_profile(client, false);
    CHECK(script_status(client).withdrawn_for_ms > 50000);
    CHECK(script_status(client).withdrawn_for_ms <= 60000);
    end(client);
}

TEST(client_upgrade, server_that_closes_during_attach_disables_nothing)
{
    struct pipc_client *client = begin("fast,mem");
    fail_attach(PIPC_ERR_DISCONNECTED, FAST_BITS, PIPC_NEVER);
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, NULL), PIPC_ERR_DISCONNECTED);
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_DISCONNECTED);
    CHECK_EQ(script_status(client).withdrawn_profiles, 0);
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    check_profile(client, true);
    end(client);
}

TEST(client_upgrade, without_a_baseline_in_the_list_none_is_offered)
{
    struct pipc_client *client = begin("fast");
    struct pipc_error err = PIPC_ERROR_INIT;
    fail_attach(PIPC_ERR_REGION_BAD_HEADER, FAST_BITS, PIPC_NEVER);
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, &err), PIPC_ERR_REGION_BAD_HEADER);
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_DISCONNECTED);
    const unsigned channels = session_control.channels;
    for (unsigned i = 0; i < 3; i++) {
        CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, &err),
                     PIPC_ERR_REGION_BAD_HEADER);
        CHECK_HAS(err.text, "cannot map it");
        CHECK_EQ(script_status(client).state, PIPC_CLIENT_DISCONNECTED);
    }
    CHECK_EQ(session_control.channels, channels);
    CHECK_EQ(session_control.attaches, 1);
    end(client);
}

TEST(client_upgrade, without_a_baseline_a_failure_of_its_own_is_tried_again_later)
{
    struct pipc_client *client = begin("fast");
    const uint64_t start = test_now_ms();
    fail_attach(PIPC_ERR_REGION_OPEN, FAST_BITS, 200);
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, NULL), PIPC_ERR_REGION_OPEN);
    const pipc_result again = pipc_client_refresh_timeout(client, 0, NULL, NULL);
    if (test_now_ms() - start < 200) { /* or the time may be over on a busy machine */
        CHECK_RESULT(again, PIPC_ERR_REGION_OPEN);
        CHECK_EQ(session_control.attaches, 1);
    }
    while (script_status(client).withdrawn_profiles)
        usleep(2000);
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    check_profile(client, true);
    end(client);
}

TEST(client_upgrade, module_that_names_no_new_bit_ends_the_attempt)
{
    struct pipc_client *client = begin("fast,mem");
    /* these bits are not what was attached: taking them away changes nothing, and the same failure
     * would come for ever */
    fail_attach(PIPC_ERR_REGION_OPEN, UINT32_C(0x40000000), PIPC_NEVER);
    session_control.attach.at = 1;
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    pipc_client_drop(client);
    fail_attach(PIPC_ERR_REGION_OPEN, UINT32_C(0x40000000), PIPC_NEVER);
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, NULL), PIPC_ERR_REGION_OPEN);
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_DISCONNECTED);
    end(client);
}

TEST(client_upgrade, endless_attach_ends_with_the_time_of_refresh)
{
    struct pipc_client *client = begin("fast,mem");
    session_control.attach_waits = true;
    const uint64_t start = test_now_ms();
    CHECK_RESULT(pipc_client_refresh_timeout(client, 150, NULL, NULL), PIPC_ERR_TIMEOUT);
    const uint64_t took = test_now_ms() - start;
    CHECK_MSG(took >= 140 && took <= test_limit(350), "took %u ms", (unsigned)took);
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_DISCONNECTED);
    /* the caller's time was over, the data plane has not failed */
    CHECK_EQ(script_status(client).withdrawn_profiles, 0);
    end(client);
}

static void *abort_later(void *arg)
{
    struct pipc_client *client = arg;

    while (load(&server.requests) < 1 && load(&session_control.attaches) < 2)
        usleep(500);
    usleep(20000);
    pipc_client_abort(client);
    return NULL;
}

TEST(client_upgrade, abort_wakes_a_call_that_waits_on_it)
{
    struct pipc_client *client = begin("fast,mem");
    pthread_t thread;
    uint64_t value;
    server.acts[0] = ACT_SILENT;
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    CHECK(pthread_create(&thread, NULL, abort_later, client) == 0);
    const uint64_t start = test_now_ms();
    CHECK_RESULT(call(client, &value, 0), PIPC_ERR_ABORTED);
    CHECK(test_now_ms() - start <= test_limit(220));
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_BROKEN);
    CHECK_EQ(value, 0);
    pthread_join(thread, NULL);
    end(client);
}

TEST(client_upgrade, server_lost_while_a_call_waits_is_noticed_and_the_retry_succeeds)
{
    struct pipc_client *client = begin("fast,mem");
    uint64_t value;
    server.acts[0] = ACT_CLOSE;
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    const uint64_t start = test_now_ms();
    CHECK_OK(call(client, &value, 0));
    CHECK(test_now_ms() - start <= test_limit(200));
    CHECK_EQ(value, 2);
    CHECK_EQ(script_status(client).reconnect_count, 1);
    check_profile(client, true);
    end(client);
}

TEST(client_upgrade, response_published_before_the_close_is_returned)
{
    struct pipc_client *client = begin("fast,mem");
    uint64_t value;
    server.acts[0] = ACT_ANSWER_CLOSE;
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    CHECK_OK(call(client, &value, 0));
    CHECK_EQ(value, 2);
    CHECK_EQ(script_status(client).reconnect_count, 0);
    end(client);
}

TEST(client_upgrade, failed_attach_inside_a_call_falls_back_too)
{
    struct pipc_client *client = begin("fast,mem");
    uint64_t value;
    server.acts[0] = ACT_CLOSE;
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    fail_attach(PIPC_ERR_REGION_OPEN, FAST_BITS, PIPC_NEVER);
    CHECK_OK(call(client, &value, 0));
    check_profile(client, false);
    CHECK_EQ(script_status(client).withdrawn_for_ms, PIPC_NEVER);
    CHECK_EQ(script_status(client).reconnect_count, 1);
    end(client);
}

TEST(client_upgrade, profiles_of_the_structure_win_over_the_configured_list)
{
    struct pipc_client *client = begin("fast,mem");
    struct pipc_client_config config = {.size = sizeof(config),
                                        .supported_profiles = PIPC_PROFILE_BASELINE};
    pipc_client_close(client);
    CHECK_OK(pipc_client_init(client, DIR, SERVICE, &config, NULL));
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    check_profile(client, false);
    CHECK_EQ(session_control.attaches, 0);
    pipc_client_close(client);
    config.supported_profiles = 0;
    config.preferred_profiles = FAST_BITS;
    CHECK_OK(pipc_client_init(client, DIR, SERVICE, &config, NULL));
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    check_profile(client, true);
    end(client);
}

TEST(client_upgrade, baseline_of_the_structure_is_fallen_back_to_where_the_list_has_none)
{
    struct pipc_client *client = begin("fast");
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .supported_profiles =
                                                  PIPC_PROFILE_BASELINE | FAST_BITS,
                                              .preferred_profiles = FAST_BITS};
    pipc_client_close(client);
    server_down();
    /* the server takes both, too */
    const struct pipc_session_settings settings = {
        .size = sizeof(settings), .supported_profiles = PIPC_PROFILE_BASELINE | FAST_BITS};
    server_up(&settings);
    fail_attach(PIPC_ERR_REGION_BAD_HEADER, FAST_BITS, PIPC_NEVER);
    CHECK_OK(pipc_client_init(client, DIR, SERVICE, &config, NULL));
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    check_profile(client, false);
    CHECK_EQ(session_control.attaches, 1);
    CHECK_EQ(script_status(client).withdrawn_profiles, FAST_BITS);
    end(client);
}
