/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots and capacity: who is refused when all workers are busy, how that is counted, when a slot is
 * free again, and that idle sessions cost no wake-up.
 */
#include "server_watch.h"

#include <dirent.h>
#include <time.h>

TEST(server_slots, beyond_the_worker_count_clients_are_refused_and_served_later)
{
    struct hosted hosted;
    struct raw raws[5];
    const struct pipc_hello hello = raw_hello();
    server_start(&hosted, NULL, "scripted", NULL, 2, NULL);
    raw_open(&raws[0]);
    raw_open(&raws[1]);
    for (int i = 2; i < 5; i++)
        CHECK_EQ((uint64_t)raw_try(&raws[i], &hello), PIPC_STATUS_INTERNAL_ERROR);
    EXPECT_COUNT(&hosted, rejected_busy, 3);
    CHECK_EQ(server_status(&hosted).sessions, 2);
    for (uint8_t round = 0; round < 20; round++) { /* data never crosses */
        for (uint8_t i = 0; i < 2; i++) {
            struct pipc_header header;
            const uint8_t request[3] = {SCRIPT_ECHO, i, round};
            uint8_t response[8];
            CHECK(raw_request(&raws[i], i, request, 3));
            CHECK_EQ(raw_answer(&raws[i], &header, response, sizeof(response)), 3);
            CHECK_EQ(header.message_id, i);
            CHECK_MEM(response, request, 3);
        }
    }
    raw_close(&raws[0]);
    server_wait_sessions(&hosted, 1);
    raw_open(&raws[2]);
    raw_expect_service(&raws[2]);
    raw_expect_service(&raws[1]);
    raw_close(&raws[1]);
    raw_close(&raws[2]);
    server_end(&hosted);
}

TEST(server_slots, many_sessions_are_looked_at_for_a_departed_client)
{
    struct hosted hosted;
    struct raw raws[40], late;
    const struct pipc_hello hello = raw_hello();
    server_start(&hosted, NULL, "scripted", NULL, 40, NULL);
    for (int i = 0; i < 40; i++)
        raw_open(&raws[i]);
    CHECK_EQ((uint64_t)raw_try(&late, &hello), PIPC_STATUS_INTERNAL_ERROR);
    /* From all over the list, and fewer than may have departed unnoticed on a busy machine. */
    for (int i = 0; i < 40; i += 4) {
        raw_close(&raws[i]);
        raw_open(&raws[i]);
    }
    for (int i = 0; i < 40; i++) {
        raw_expect_service(&raws[i]);
        raw_close(&raws[i]);
    }
    server_end(&hosted);
}

TEST(server_slots, refusals_are_counted_by_their_cause)
{
    struct hosted hosted;
    struct raw raw;
    struct pipc_server_config config = server_config();
    struct pipc_hello hello = raw_hello();
    config.auth_token = 77;
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    CHECK_EQ((uint64_t)raw_try(&raw, &hello), PIPC_STATUS_AUTH_FAILED);
    hello.auth_token = 77;
    hello.supported_profiles = 1u << 30;
    CHECK_EQ((uint64_t)raw_try(&raw, &hello), PIPC_STATUS_UNSUPPORTED);
    hello.supported_profiles = test_profiles();
    hello.packet_size = 32;
    CHECK_EQ((uint64_t)raw_try(&raw, &hello), PIPC_STATUS_INCOMPATIBLE);
    hello.packet_size = 65536;
    hello.padding = 1;
    CHECK_EQ((uint64_t)raw_try(&raw, &hello), PIPC_STATUS_BAD_ENVELOPE);
    raw_connect(&raw);
    CHECK(raw_packet(&raw, "short", 5, NULL, 0));
    raw_expect_eof(&raw);
    raw_close(&raw);
    raw_connect(&raw);
    raw_close(&raw);
    hello.padding = 0;
    raw_open_with(&raw, &hello);
    EXPECT_COUNT(&hosted, accepted, 1);
    EXPECT_COUNT(&hosted, probes, 1); /* its end may be seen behind the next one's HELLO */
    const struct pipc_server_status status = server_status(&hosted);
    CHECK_EQ(status.rejected_auth, 1);
    CHECK_EQ(status.rejected_profile, 1);
    CHECK_EQ(status.rejected_incompatible, 1);
    CHECK_EQ(status.rejected_protocol, 2);
    CHECK_EQ(status.probes, 1);
    CHECK_EQ(status.rejected_busy + status.rejected_limit + status.rejected_timeout +
                 status.rejected_other,
             0);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_slots, a_full_server_tells_a_wrong_token_first)
{
    struct hosted hosted;
    struct raw raw, other;
    struct pipc_server_config config = server_config();
    struct pipc_hello hello = raw_hello();
    struct pipc_session *session = NULL;
    struct pipc_session_settings settings = {.size = sizeof(settings), .auth_token = 5};
    struct pipc_error err = PIPC_ERROR_INIT;
    config.auth_token = 5;
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    hello.auth_token = 5;
    raw_open_with(&raw, &hello);
    hello.auth_token = 6;
    CHECK_EQ((uint64_t)raw_try(&other, &hello), PIPC_STATUS_AUTH_FAILED);
    CHECK_RESULT(pipc_connect(hosted.context, test_dir(), SERVICE, &settings, 0, PIPC_NO_HANDLE,
                              &session, NULL, &err),
                 PIPC_ERR_HANDSHAKE);
    CHECK_EQ(err.peer_status, PIPC_STATUS_INTERNAL_ERROR);
    settings.auth_token = 6;
    CHECK_RESULT(pipc_connect(hosted.context, test_dir(), SERVICE, &settings, 0, PIPC_NO_HANDLE,
                              &session, NULL, &err),
                 PIPC_ERR_AUTH_FAILED);
    EXPECT_COUNT(&hosted, rejected_busy, 1);
    EXPECT_COUNT(&hosted, rejected_auth, 2);
    raw_close(&raw);
    server_end(&hosted);
}

TEST(server_slots, one_that_reads_a_last_answer_finds_its_slot_free)
{
    struct hosted hosted;
    struct raw raws[2];
    const uint8_t request[1] = {SCRIPT_SPACE};
    const unsigned rounds = test_scale(1000);
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    raw_open(&raws[0]);
    for (unsigned i = 0; i < rounds; i++) {
        struct raw *now = &raws[i % 2], *next = &raws[(i + 1) % 2];
        CHECK_EQ((uint64_t)raw_call(now, i, request, 1), PIPC_STATUS_LIMIT_EXCEEDED);
        raw_open(next); /* before the old connection is closed, from either side */
        raw_close(now);
    }
    raw_expect_service(&raws[rounds % 2]);
    raw_close(&raws[rounds % 2]);
    EXPECT_COUNT(&hosted, rejected_busy, 0);
    server_end(&hosted);
}

TEST(server_slots, one_that_leaves_and_comes_back_at_once_finds_its_slot_free)
{
    struct hosted hosted;
    const unsigned rounds = test_scale(4000);
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    for (unsigned i = 0; i < rounds; i++)
        raw_expect_new_client(5000);
    server_end(&hosted);
}

TEST(server_slots, cycles_leave_no_slot_thread_or_descriptor)
{
    struct hosted hosted;
    const unsigned rounds = test_scale(1000);
    struct pipc_context *context = server_context();
    server_start(&hosted, context, "scripted", NULL, 3, NULL);
    struct watched_counts before = {test_open_descriptors(), test_threads()};
    for (unsigned i = 0; i < rounds; i++) {
        struct raw raws[3];
        for (int k = 0; k < 3; k++)
            raw_open_soon(&raws[k]);
        for (int k = 0; k < 3; k++)
            raw_close(&raws[k]);
        server_wait_sessions(&hosted, 0); /* the slots are free */
    }
    /* reaped without a further client */
    test_wait_until(server_counts_are_back, &before, 5000, "threads and descriptors are back");
    server_end(&hosted);
}

#define THREADS_MAX 256

struct switches {
    long thread[THREADS_MAX];
    uint64_t count[THREADS_MAX];
    unsigned n;
};

static uint64_t switches_of(long thread)
{
    char path[64], line[128];
    uint64_t n = 0;
    snprintf(path, sizeof(path), "/proc/self/task/%ld/status", thread);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &n) == 1)
            break;
    }
    if (f)
        fclose(f);
    return n;
}

/* Threads that were there before the server: the test's and a checker's. */
static struct switches others;

static bool is_other(long thread)
{
    for (unsigned i = 0; i < others.n; i++) {
        if (others.thread[i] == thread)
            return true;
    }
    return false;
}

/* Voluntary switches of all threads but the others. */
static void read_switches(struct switches *s)
{
    DIR *dir = opendir("/proc/self/task");
    CHECK(dir != NULL);
    s->n = 0;
    for (const struct dirent *e; (e = readdir(dir)) && s->n < THREADS_MAX;) {
        const long thread = strtol(e->d_name, NULL, 10);
        if (thread <= 0 || is_other(thread))
            continue;
        s->thread[s->n] = thread;
        s->count[s->n++] = switches_of(thread);
    }
    closedir(dir);
}

static bool a_quiet_time(void *arg)
{
    static struct switches before, after;
    const struct timespec window = {0, 250000000};
    /* Where a futex cannot be waited for together with the socket a sleep is cut into slices of
     * 100 ms. */
    const uint64_t slices = test_plane_has_packets() ? 0 : 4;
    unsigned woken = 0;
    (void)arg;
    read_switches(&before);
    nanosleep(&window, NULL); /* the time under test: nobody may wake in it but for
                                 the end of a slice */
    read_switches(&after);
    CHECK_EQ(before.n, 65);
    for (unsigned i = 0; i < before.n && i < after.n; i++)
        woken += before.thread[i] != after.thread[i] || after.count[i] - before.count[i] > slices;
    return woken == 0;
}

TEST(server_slots, idle_sessions_do_not_wake_and_end_together)
{
    struct hosted hosted;
    struct raw raws[64];
    static struct switches now;
    server_warm_up();
    read_switches(&now);
    others = now;
    server_start(&hosted, NULL, "scripted", NULL, 64, NULL);
    for (int i = 0; i < 64; i++) {
        raw_open(&raws[i]);
        raw_expect_service(&raws[i]);
    }
    test_wait_until(a_quiet_time, NULL, 10000, "250 ms without a wake-up");
    const uint64_t start = test_now_ms();
    CHECK_OK(pipc_server_stop(hosted.server));
    for (int i = 0; i < 64; i++) {
        raw_expect_eof(&raws[i]);
        raw_close(&raws[i]);
    }
    CHECK(test_now_ms() - start <= test_limit(150));
    server_end(&hosted);
}
