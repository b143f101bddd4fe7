/* SPDX-License-Identifier: Apache-2.0
 *
 * A server at its limits: no slot, no descriptor, no thread, clients that all leave, a handler that
 * asks its own service. What is refused is refused in the handshake, nothing spins, and everything
 * is back when there is room again.
 */
#include "client_script.h"
#include "server_fixture.h"

#include <pipc/codecs/increment.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Share of a processor, in percent, that this process takes while it does nothing. */
static unsigned idle_percent(unsigned ms)
{
    const struct timespec pause = {ms / 1000, (long)(ms % 1000) * 1000000};
    struct timespec a, b;
    const uint64_t begin = test_now_ms();

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    nanosleep(&pause, NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    const int64_t used_us =
        (int64_t)(b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000;
    const uint64_t took = test_now_ms() - begin;
    return (unsigned)((uint64_t)used_us / 10 / (took ? took : 1));
}

static unsigned at_least(unsigned value, unsigned least)
{
    return value < least ? least : value;
}

/* ---- T4 ---- */

/* A client may know before the count does. */
static bool are_counted(void *arg)
{
    const struct pipc_server_status status = server_status(arg);
    return status.rejected_busy == 48 && status.rejected_auth == 5;
}

TEST(pitfalls_limits, sixty_four_clients_of_sixteen_slots_are_refused_in_the_handshake)
{
    static struct raw raws[16];
    struct hosted hosted;
    struct raw raw;
    struct pipc_server_config config = server_config();
    struct pipc_hello hello = raw_hello(), wrong = raw_hello();

    config.auth_token = hello.auth_token = 77;
    wrong.auth_token = 78;
    server_start(&hosted, NULL, "scripted", NULL, 16, &config);
    for (unsigned i = 0; i < 16; i++)
        raw_open_with(&raws[i], &hello);
    for (unsigned i = 0; i < 48; i++)
        CHECK_EQ((uint64_t)raw_try(&raw, &hello), PIPC_STATUS_INTERNAL_ERROR);
    for (unsigned i = 0; i < 5; i++)
        CHECK_EQ((uint64_t)raw_try(&raw, &wrong), PIPC_STATUS_AUTH_FAILED);
    test_wait_until(are_counted, &hosted, 5000, "48 busy and 5 wrong tokens are counted");
    CHECK_EQ(server_status(&hosted).accepted, 16);
    for (unsigned i = 0; i < 16; i++)
        raw_expect_service(&raws[i]);
    CHECK(idle_percent(300) < 5 * test_slow());
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 16; i++)
            raw_close(&raws[i]);
        for (unsigned i = 0; i < 16; i++) {
            raw_open_with(&raws[i], &hello); /* at once: who left has left */
            raw_expect_service(&raws[i]);
        }
        CHECK_EQ((uint64_t)raw_try(&raw, &hello), PIPC_STATUS_INTERNAL_ERROR);
    }
    for (unsigned i = 0; i < 16; i++)
        raw_close(&raws[i]);
    server_end(&hosted);
}

/* ---- T5 ---- */

struct base {
    unsigned threads, descriptors;
};

static bool is_back(void *arg)
{
    const struct base *base = arg;
    return test_threads() <= base->threads && test_open_descriptors() <= base->descriptors;
}

TEST(pitfalls_limits, sixteen_clients_that_leave_are_cleared_away_without_a_next_one)
{
    struct hosted hosted;
    struct raw raws[16];
    server_start(&hosted, NULL, "scripted", NULL, 16, NULL);
    struct base base = {test_threads(), test_open_descriptors()};
    for (unsigned i = 0; i < 16; i++) {
        raw_open(&raws[i]);
        raw_expect_service(&raws[i]);
    }
    CHECK(test_threads() >= base.threads + 16);
    for (unsigned i = 0; i < 16; i++)
        raw_close(&raws[i]);
    test_wait_until(is_back, &base, 1000, "threads and descriptors of 16 sessions are gone");
    server_end(&hosted);
}

/* ---- T6 ---- */

TEST(pitfalls_limits, no_descriptors_cost_no_processor_and_end_by_themselves)
{
    struct hosted hosted;
    struct raw raw, waiting;
    struct rlimit limit, tight;
    const struct pipc_hello hello = raw_hello();
    static int fillers[256];
    unsigned count = 0;

    server_start(&hosted, NULL, "scripted", NULL, 4, NULL);
    raw_open(&raw);
    raw_expect_service(&raw);
    const int spare = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    tight = limit;
    tight.rlim_cur = 128;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
    while (count < 256 && (fillers[count] = dup(raw.fd)) >= 0)
        count++;
    CHECK(count < 256);
    raw_connect_link(&waiting, raw_link_connect_fd(spare, SERVICE)); /* and nobody can accept it */
    const unsigned ms = at_least(test_scale(5000), 600);
    const unsigned percent = idle_percent(ms);
    const uint64_t failures = server_status(&hosted).accept_failures;
    raw_expect_service(&raw);
    while (count > 0)
        close(fillers[--count]);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_MSG(percent < 5 * test_slow(), "%u %% of a processor", percent);
    CHECK(failures >= 3);
    CHECK_EQ((uint64_t)raw_shake(&waiting, &hello), 0);
    raw_expect_service(&waiting);
    raw_close(&waiting);
    raw_close(&raw);
    server_end(&hosted);
}

/* ---- T9 ---- */

static uint64_t address_space(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    CHECK(f != NULL);
    CHECK(fscanf(f, "%lu", &pages) == 1);
    fclose(f);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

TEST(pitfalls_limits, a_thread_that_cannot_start_is_a_refusal_whichever_it_is)
{
    struct hosted hosted;
    struct raw raws[8];
    struct rlimit limit, tight;
    const struct pipc_hello hello = raw_hello();

    if (test_sanitized())
        test_skip("sanitizers need the address space");
    server_start(&hosted, NULL, "scripted", NULL, 8, NULL);
    CHECK_EQ(getrlimit(RLIMIT_AS, &limit), 0);
    struct base base = {test_threads(), test_open_descriptors()};
    for (unsigned room = 0; room < 4; room++) {
        unsigned refused = 0;
        tight = limit;
        tight.rlim_cur = address_space() + room * 1100000u;
        CHECK_EQ(setrlimit(RLIMIT_AS, &tight), 0);
        for (unsigned i = 0; i < 8; i++) {
            const int status = raw_try(&raws[i], &hello);
            /* Nothing at all where there is no room for a region, and no other plane. */
            CHECK_MSG(status == 0 || status == PIPC_STATUS_INTERNAL_ERROR ||
                          (status == RAW_EOF && !test_plane_has_packets()),
                      "status %d", status);
            refused += status != 0;
        }
        CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
        CHECK_MSG(refused > 0, "room for 8 threads");
        for (unsigned i = 0; i < 8; i++) {
            if (raws[i].fd >= 0) {
                raw_expect_service(&raws[i]);
                raw_close(&raws[i]);
            }
        }
        test_wait_until(is_back, &base, 5000, "nothing is left of a thread that did not start");
    }
    for (unsigned i = 0; i < 8; i++)
        raw_open(&raws[i]);
    for (unsigned i = 0; i < 8; i++) {
        raw_expect_service(&raws[i]);
        raw_close(&raws[i]);
    }
    server_end(&hosted);
}

/* ---- T12 ---- */

/* A service that asks itself for everything above 0. */
static uint32_t ask_itself(void *user, const struct pipc_request *from, uint64_t value,
                           uint64_t *ret_value)
{
    struct pipc_context *context = user;
    struct pipc_client *client = NULL;
    uint32_t good = 0;

    (void)from;
    if (value == 0) {
        *ret_value = 0;
        return 1;
    }
    if (pipc_client_create(context, test_dir(), SERVICE, NULL, &client, NULL) != PIPC_OK)
        return 0;
    if (pipc_client_refresh_timeout(client, 2000, NULL, NULL) == PIPC_OK &&
        pipc_client_call_increment(client, value - 1, ret_value, 2000, NULL) == PIPC_OK) {
        *ret_value += 1;
        good = 1;
    }
    pipc_client_destroy(client);
    return good;
}

static void *run_server(void *arg)
{
    CHECK_OK(pipc_server_run(arg, NULL));
    return NULL;
}

TEST(pitfalls_limits, a_handler_may_ask_its_own_service_and_finds_it_full_at_worst)
{
    struct pipc_context *context = script_context(NULL);
    const struct pipc_increment_handler handler = {
        .size = sizeof(handler), .user = context, .increment = ask_itself};
    struct pipc_server *server = NULL;
    pthread_t thread;
    uint64_t value = 0;

    CHECK_OK(pipc_server_create_increment(context, test_dir(), SERVICE, &handler, 2, NULL, &server,
                                          NULL));
    CHECK(pthread_create(&thread, NULL, run_server, server) == 0);
    struct pipc_client *client = script_ready(context, NULL, true);
    CHECK_OK(pipc_client_call_increment(client, 1, &value, 10000, NULL)); /* two sessions */
    CHECK_EQ(value, 1);
    const uint64_t begin = test_now_ms();
    CHECK(pipc_client_call_increment(client, 2, &value, 10000, NULL) != PIPC_OK); /* three */
    CHECK(test_now_ms() - begin < 9000);
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    CHECK_OK(pipc_client_call_increment(client, 1, &value, 10000, NULL));
    CHECK_EQ(value, 1);
    pipc_client_destroy(client);
    CHECK_OK(pipc_server_stop(server));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_OK(pipc_server_destroy(server));
    script_context_close(context);
}
