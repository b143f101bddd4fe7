/* SPDX-License-Identifier: Apache-2.0
 *
 * How real clients and servers come to a region or to the baseline: names that are taken, files
 * that cannot be made or attached, clients that get none, and the sweep of a starting server.
 */
#include "shm_calls.h"
#include "shm_small_fs.h"

#include "core/service/client.h"

#include <pipc/codecs/increment.h>
#include <pipc/pipc.h>
#include <pipc/transports/uds.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TOKEN UINT64_C(7)

struct stage {
    struct pipc_context *context;
    struct pipc_server *server;
    pthread_t thread;
};

static uint32_t increment(void *user, const struct pipc_request *from, uint64_t value,
                          uint64_t *ret_value)
{
    (void)user;
    (void)from;
    *ret_value = value + 1;
    return 1;
}

static struct pipc_context *open_context(const char *transports, const char *any_fs)
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
    CHECK_OK(pipc_config_set(config, "pipc", "transports", transports, &err));
    CHECK_OK(pipc_config_set(config, "pipc", "carrier", "uds", &err));
    CHECK_OK(pipc_config_set(config, "transport.shm", "any_fs", any_fs, &err));
    CHECK_MSG(pipc_open(config, NULL, &context, &err) == PIPC_OK, "%s", err.text);
    pipc_config_free(config);
    return context;
}

static void *run(void *arg)
{
    CHECK_OK(pipc_server_run(((struct stage *)arg)->server, NULL));
    return NULL;
}

static void open_stage_with(struct stage *s, const char *transports, const char *any_fs)
{
    const struct pipc_increment_handler handler = {.size = sizeof(handler), .increment = increment};
    const struct pipc_server_config config = {.size = sizeof(config), .auth_token = TOKEN};
    struct pipc_error err = PIPC_ERROR_INIT;

    memset(s, 0, sizeof(*s));
    s->context = open_context(transports, any_fs);
    CHECK_MSG(pipc_server_create_increment(s->context, test_dir(), "s", &handler, 2, &config,
                                           &s->server, &err) == PIPC_OK,
              "%s", err.text);
    CHECK(pthread_create(&s->thread, NULL, run, s) == 0);
}

static void open_stage(struct stage *s)
{
    open_stage_with(s, "shm,uds", "yes");
}

static void close_stage(struct stage *s)
{
    CHECK_OK(pipc_server_stop(s->server));
    pthread_join(s->thread, NULL);
    CHECK_OK(pipc_server_destroy(s->server));
    CHECK_OK(pipc_close(s->context));
}

static pipc_result try_connect(struct stage *s, uint32_t profiles, uint64_t token,
                               struct pipc_session **session, struct pipc_error *err)
{
    const struct pipc_session_settings settings = {.size = sizeof(settings),
                                                   .supported_profiles = profiles,
                                                   .preferred_profiles = profiles,
                                                   .auth_token = token};

    return pipc_connect(s->context, test_dir(), "s", &settings, 20000, PIPC_NO_HANDLE, session,
                        NULL, err);
}

/* A session whose profile and id are checked; `id` 0: any. It works and is closed. */
static void check_session(struct stage *s, uint32_t profile, uint64_t id)
{
    struct pipc_session_status status = {.size = sizeof(status)};
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    const uint64_t value = 41;
    uint64_t got;
    struct pipc_message message = {.size = sizeof(message),
                                   .kind = PIPC_KIND_REQUEST,
                                   .code = 1,
                                   .item_count = 1,
                                   .message_id = 1,
                                   .payload = &value,
                                   .payload_len = sizeof(value)};

    CHECK_MSG(try_connect(s, 0, TOKEN, &session, &err) == PIPC_OK, "%s", err.text);
    pipc_session_status(session, &status);
    CHECK_EQ(status.selected_profile, profile);
    if (profile == PIPC_PROFILE_BASELINE) {
        CHECK_EQ(status.degraded, 1);
        CHECK_STR(status.passed_over, "shm");
        CHECK(status.passed_over_why[0] != '\0');
    }
    if (id != 0)
        CHECK_EQ(status.session_id, id);
    CHECK_OK(pipc_session_send(session, &message, 0, PIPC_NO_HANDLE, NULL));
    CHECK_OK(pipc_session_receive(session, 20000, 0, PIPC_NO_HANDLE, &message, NULL));
    CHECK_EQ(message.payload_len, sizeof(got));
    memcpy(&got, message.payload, sizeof(got));
    CHECK_EQ(got, 42);
    pipc_session_close(session);
}

static void write_live(uint64_t id)
{
    const struct shm_header header = shm_good_header(64, 64);

    shm_write_region(shm_region_path(id), &header, 4096);
}

static bool no_regions(void *arg)
{
    DIR *const stream = opendir(test_dir());
    const struct dirent *entry;
    bool none = true;

    (void)arg;
    CHECK(stream);
    while ((entry = readdir(stream)) != NULL)
        none = none && !strstr(entry->d_name, ".ipcshm");
    closedir(stream);
    return none;
}

/* ---- names ---- */

TEST(shm_starts, taken_name_costs_its_id_alone_and_the_ack_names_the_next)
{
    struct stage s;
    struct stat entry;

    write_live(1);
    CHECK(mkdir(shm_region_path(2), 0700) == 0 && mkdir(test_path("x"), 0700) == 0);
    CHECK(rename(test_path("x"), test_path("s-0000000000000002.ipcshm/x")) == 0);
    open_stage(&s);
    check_session(&s, PIPC_PROFILE_SHM_HYBRID, 3);
    CHECK(stat(shm_region_path(1), &entry) == 0);
    CHECK_EQ(entry.st_size, 4096);
    CHECK(shm_exists(test_path("s-0000000000000002.ipcshm/x")));
    close_stage(&s);
}

TEST(shm_starts, sixteen_taken_names_give_the_baseline_and_the_next_client_a_region)
{
    struct stage s;

    for (uint64_t id = 1; id <= 16; id++)
        write_live(id);
    open_stage(&s);
    check_session(&s, PIPC_PROFILE_BASELINE, 0);
    check_session(&s, PIPC_PROFILE_SHM_HYBRID, 0);
    for (uint64_t id = 1; id <= 16; id++)
        CHECK(shm_exists(shm_region_path(id)));
    close_stage(&s);
}

/* ---- no room ---- */

TEST(shm_starts, region_that_cannot_be_made_means_the_baseline_for_this_session_alone)
{
    static const enum shm_call calls[] = {SHM_CALL_CREATE, SHM_CALL_FCHMOD, SHM_CALL_FALLOCATE,
                                          SHM_CALL_MMAP};
    struct stage s;

    open_stage(&s);
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        shm_call_fail(calls[i], 0, 1, ENOSPC);
        shm_calls_arm();
        check_session(&s, PIPC_PROFILE_BASELINE, 0);
        shm_calls_disarm();
        CHECK(no_regions(NULL));
        check_session(&s, PIPC_PROFILE_SHM_HYBRID, 0);
        test_wait_until(no_regions, NULL, 5000, "the region is gone");
    }
    close_stage(&s);
}

TEST(shm_starts, unsafe_file_system_means_the_baseline_unless_any_fs_allows_it)
{
    struct stage s;

    open_stage_with(&s, "shm,uds", "no");
    shm_false_fs = 0x9123683eu;
    shm_calls_arm();
    check_session(&s, PIPC_PROFILE_BASELINE, 0);
    close_stage(&s);
    open_stage(&s);
    check_session(&s, PIPC_PROFILE_SHM_HYBRID, 0);
    close_stage(&s);
    shm_calls_disarm();
}

static int serve_on_small_fs(void *arg)
{
    struct stage s;

    (void)arg;
    small_fs_mount(test_dir(), 64);
    open_stage_with(&s, "shm,uds", "no");
    for (unsigned i = 0; i < 3; i++)
        check_session(&s, PIPC_PROFILE_BASELINE, 0);
    CHECK(no_regions(NULL));
    close_stage(&s);
    return 0;
}

TEST(shm_starts, full_file_system_means_the_baseline)
{
    small_fs_run(serve_on_small_fs, NULL);
}

TEST(shm_starts, server_of_regions_alone_closes_without_an_ack_and_serves_later)
{
    struct stage s;
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    open_stage_with(&s, "shm", "yes");
    shm_call_fail(SHM_CALL_FALLOCATE, 0, 1, ENOSPC);
    shm_calls_arm();
    CHECK_RESULT(try_connect(&s, 0, TOKEN, &session, &err), PIPC_ERR_DISCONNECTED);
    shm_calls_disarm();
    CHECK(no_regions(NULL));
    check_session(&s, PIPC_PROFILE_SHM_HYBRID, 0);
    close_stage(&s);
}

TEST(shm_starts, region_can_be_attached_at_every_ack)
{
    struct stage s;

    open_stage(&s);
    for (unsigned i = 0; i < test_scale(10000); i++)
        check_session(&s, PIPC_PROFILE_SHM_HYBRID, 0);
    close_stage(&s);
}

/* ---- who gets none ---- */

TEST(shm_starts, failed_authorisation_and_baseline_clients_cost_no_region)
{
    struct stage s;
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    open_stage(&s);
    shm_calls_arm();
    CHECK_RESULT(try_connect(&s, 0, TOKEN + 1, &session, &err), PIPC_ERR_AUTH_FAILED);
    CHECK_OK(try_connect(&s, PIPC_PROFILE_BASELINE, TOKEN, &session, &err));
    pipc_session_close(session);
    CHECK_EQ(shm_call_counts[SHM_CALL_CREATE], 0);
    shm_calls_disarm();
    close_stage(&s);
}

TEST(shm_starts, silent_clients_cost_no_region)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct stage s;
    int fd;

    open_stage(&s);
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", test_path("s.sock"));
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    shm_calls_arm();
    CHECK(connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0);
    /* It was accepted before the next one, which is served. */
    check_session(&s, PIPC_PROFILE_SHM_HYBRID, 0);
    CHECK_EQ(shm_call_counts[SHM_CALL_CREATE], 1);
    shm_calls_disarm();
    close(fd);
    close_stage(&s);
}

/* ---- attaching ---- */

static struct pipc_client *new_client(struct stage *s)
{
    const struct pipc_client_config config = {.size = sizeof(config), .auth_token = TOKEN};
    struct pipc_client *client = NULL;

    CHECK_OK(pipc_client_create(s->context, test_dir(), "s", &config, &client, NULL));
    client->times.drain_ms = 1;
    client->times.interval_ms = 1;
    return client;
}

static struct pipc_client_status check_client(struct pipc_client *client, uint32_t profile)
{
    struct pipc_client_status status = {.size = sizeof(status)};
    uint64_t value = 0;

    CHECK_OK(pipc_client_refresh_timeout(client, 20000, NULL, NULL));
    CHECK_OK(pipc_client_call_increment(client, 41, &value, 20000, NULL));
    CHECK_EQ(value, 42);
    pipc_client_status(client, &status);
    CHECK_EQ(status.session.selected_profile, profile);
    return status;
}

static bool bits_are_back(void *arg)
{
    struct pipc_client_status status = {.size = sizeof(status)};

    pipc_client_status(arg, &status);
    return status.withdrawn_profiles == 0;
}

TEST(shm_starts, client_without_descriptors_or_memory_gives_up_for_a_time)
{
    static const int codes[] = {EMFILE, ENFILE, ENOMEM};
    struct stage s;

    open_stage(&s);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct pipc_client *const client = new_client(&s);
        CHECK_EQ(client->times.withdraw_ms, 60000);
        client->times.withdraw_ms = 1000;
        const uint64_t before = test_now_ms();
        shm_call_fail(SHM_CALL_OPENAT, 0, 1, codes[i]);
        shm_calls_arm();
        const struct pipc_client_status status = check_client(client, PIPC_PROFILE_BASELINE);
        shm_calls_disarm();
        if (test_now_ms() - before < 1000) { /* or the time may be over on a busy machine */
            CHECK_EQ(status.withdrawn_profiles, SHM_BITS);
            CHECK(status.withdrawn_for_ms <= 1000);
            CHECK_HAS(status.withdrawn_why, "cannot be opened");
        }
        test_wait_until(bits_are_back, client, 5000, "the bits are back");
        pipc_client_drop(client);
        (void)check_client(client, PIPC_PROFILE_SHM_HYBRID);
        pipc_client_destroy(client);
    }
    close_stage(&s);
}

TEST(shm_starts, file_that_never_appears_gives_the_baseline_for_good)
{
    struct stage s;
    struct pipc_client *client;
    const uint64_t began = test_now_ms();

    open_stage(&s);
    client = new_client(&s);
    CHECK_EQ(client->times.attach_ms, 5000);
    client->times.attach_ms = 100;
    shm_call_fail(SHM_CALL_FSTATAT, 0, UINT32_MAX, ENOENT);
    shm_calls_arm();
    struct pipc_client_status status = check_client(client, PIPC_PROFILE_BASELINE);
    shm_calls_disarm();
    CHECK(test_now_ms() - began >= 99);
    CHECK_EQ(status.withdrawn_profiles, SHM_BITS);
    CHECK_EQ(status.withdrawn_for_ms, PIPC_NEVER);
    CHECK_HAS(status.withdrawn_why, "not there");
    pipc_client_drop(client);
    status = check_client(client, PIPC_PROFILE_BASELINE);
    CHECK_EQ(status.withdrawn_profiles, SHM_BITS);
    pipc_client_destroy(client);
    close_stage(&s);
}

/* ---- the sweep ---- */

TEST(shm_starts, server_sweeps_once_it_owns_the_endpoint_and_not_before)
{
    struct shm_header dead = shm_good_header(64, 64);
    const struct pipc_increment_handler handler = {.size = sizeof(handler), .increment = increment};
    struct pipc_server *second = NULL;
    struct stage s;

    dead.owner_pid = shm_dead_pid();
    shm_write_region(shm_region_path(99), &dead, 4096);
    open_stage(&s);
    CHECK(!shm_exists(shm_region_path(99)));
    shm_write_region(shm_region_path(98), &dead, 4096);
    CHECK_RESULT(
        pipc_server_create_increment(s.context, test_dir(), "s", &handler, 1, NULL, &second, NULL),
        PIPC_ERR_ADDR_IN_USE);
    CHECK(shm_exists(shm_region_path(98)));
    check_session(&s, PIPC_PROFILE_SHM_HYBRID, 0);
    close_stage(&s);
}
