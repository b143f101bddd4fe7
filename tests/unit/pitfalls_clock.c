/* SPDX-License-Identifier: Apache-2.0
 *
 * Time as the host disturbs it: the clock of the wall steps by an hour in either direction during
 * every wait, signals arrive a thousand times a second, and every wait is given the odd timeouts.
 *
 * The step is made by this program's own clock_gettime and gettimeofday; the real clock is not
 * touched.
 */
#include "client_script.h"
#include "server_fixture.h"

#include <pipc/codecs/cgroups_cache.h>
#include <pipc/codecs/increment.h>

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t step_s; /* added to the clock of the wall */

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    const int result = (int)syscall(SYS_clock_gettime, clock, ts);

    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ts->tv_sec += __atomic_load_n(&step_s, __ATOMIC_RELAXED);
    return result;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

/* Sees to it that the clock steps while somebody waits. */
static bool stop_stepping;

static void *step(void *arg)
{
    static const int64_t steps[] = {3600, -3600, 0};

    (void)arg;
    for (unsigned i = 0; !__atomic_load_n(&stop_stepping, __ATOMIC_RELAXED); i++) {
        const struct timespec pause = {0, 20000000};
        __atomic_store_n(&step_s, steps[i % 3], __ATOMIC_RELAXED);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* ---- a service that takes its time ---- */

struct service {
    struct pipc_context *context;
    struct pipc_server *server;
    pthread_t thread;
};

/* The value is the time that the answer takes, in milliseconds. */
static uint32_t wait_for(void *user, const struct pipc_request *from, uint64_t value,
                         uint64_t *ret_value)
{
    const struct timespec pause = {(time_t)(value / 1000), (long)(value % 1000) * 1000000};

    (void)user;
    (void)from;
    nanosleep(&pause, NULL);
    *ret_value = value + 1;
    return 1;
}

static void *run_server(void *arg)
{
    CHECK_OK(pipc_server_run(arg, NULL));
    return NULL;
}

static void service_start(struct service *s)
{
    static const struct pipc_increment_handler handler = {.size = sizeof(handler),
                                                          .increment = wait_for};
    s->context = script_context(NULL);
    CHECK_OK(pipc_server_create_increment(s->context, test_dir(), SERVICE, &handler, 4, NULL,
                                          &s->server, NULL));
    CHECK(pthread_create(&s->thread, NULL, run_server, s->server) == 0);
}

static void service_stop(struct service *s)
{
    CHECK_OK(pipc_server_stop(s->server));
    CHECK(pthread_join(s->thread, NULL) == 0);
    CHECK_OK(pipc_server_destroy(s->server));
    script_context_close(s->context);
}

/* ---- F5 ---- */

static void check_took(uint64_t begin, uint64_t ms, const char *what)
{
    const uint64_t took = test_now_ms() - begin;

    CHECK_MSG(took + 1 >= ms && took < ms + test_limit(300), "%s of %u ms took %u ms", what,
              (unsigned)ms, (unsigned)took);
}

/* A call of `ms` whose answer comes after `answer_ms`. A caller that the machine let stand still
 * for so long may find the answer there. */
static void call_times_out(struct pipc_client *client, uint64_t answer_ms, uint32_t ms)
{
    const uint64_t begin = test_now_ms();
    uint64_t value = 0;
    const pipc_result result = pipc_client_call_increment(client, answer_ms, &value, ms, NULL);

    if (result != PIPC_OK || test_now_ms() - begin < answer_ms)
        CHECK_RESULT(result, PIPC_ERR_TIMEOUT);
}

TEST(pitfalls_clock, steps_of_an_hour_neither_shorten_nor_prolong_a_wait)
{
    const unsigned ms = test_scale(2000) < 150 ? 150 : test_scale(2000);
    struct service s;
    struct pipc_listener *listener = NULL;
    struct pipc_session *session = NULL;
    struct pipc_cache *cache = NULL;
    struct timespec wall, before;
    pthread_t stepper;
    uint64_t value, begin;
    int clean = 0;

    service_start(&s);
    CHECK_OK(pipc_listen(s.context, test_dir(), "mute", NULL, &listener, NULL));
    CHECK_OK(pipc_cgroups_cache_create(s.context, test_dir(), "mute", NULL, &cache, NULL));
    struct pipc_client *client = script_ready(s.context, NULL, true);
    __atomic_store_n(&step_s, 3600, __ATOMIC_RELAXED);
    clock_gettime(CLOCK_REALTIME, &before);
    __atomic_store_n(&step_s, 0, __ATOMIC_RELAXED);
    clock_gettime(CLOCK_REALTIME, &wall);
    CHECK(before.tv_sec - wall.tv_sec >= 3590); /* the step is seen at all */
    CHECK(pthread_create(&stepper, NULL, step, NULL) == 0);
    begin = test_now_ms();
    call_times_out(client, ms * 3, ms);
    check_took(begin, ms, "a call");
    begin = test_now_ms();
    CHECK_RESULT(pipc_accept(listener, ms, PIPC_NO_HANDLE, &session, NULL), PIPC_ERR_TIMEOUT);
    check_took(begin, ms, "an accept");
    begin = test_now_ms();
    CHECK(pipc_cache_refresh_timeout(cache, ms, NULL) != PIPC_OK);
    check_took(begin, ms, "a refresh");
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    CHECK_OK(pipc_client_call_increment(client, 20, &value, 0, NULL));
    /* A callback that goes on is waited for, which no clock of the wall may end. */
    call_times_out(client, ms, 20);
    begin = test_now_ms();
    CHECK_OK(pipc_server_drain(s.server, 10000, &clean));
    CHECK(test_now_ms() - begin < ms + test_limit(500));
    __atomic_store_n(&stop_stepping, true, __ATOMIC_RELAXED);
    CHECK(pthread_join(stepper, NULL) == 0);
    pipc_client_destroy(client);
    pipc_cache_destroy(cache);
    pipc_listener_close(listener);
    service_stop(&s);
}

/* ---- F1 ---- */

static unsigned alarms;

static void on_alarm(int number)
{
    (void)number;
    __atomic_add_fetch(&alarms, 1, __ATOMIC_RELAXED);
}

TEST(pitfalls_clock, a_thousand_signals_a_second_cost_no_call)
{
    const struct sigaction action = {.sa_handler = on_alarm}; /* without SA_RESTART */
    const struct itimerval storm = {{0, 1000}, {0, 1000}}, calm = {{0, 0}, {0, 0}};
    const unsigned calls = test_scale(100000);
    struct service s;
    uint64_t value;

    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    service_start(&s);
    struct pipc_client *client = script_ready(s.context, NULL, true);
    CHECK(setitimer(ITIMER_REAL, &storm, NULL) == 0);
    for (unsigned i = 0; i < calls; i++) {
        /* Now and then an answer that is slept for, so that signals find the client in its wait. */
        const uint64_t ask = i % 100 ? 0 : 3;
        CHECK_OK(pipc_client_call_increment(client, ask, &value, 10000, NULL));
        CHECK_EQ(value, ask + 1);
    }
    CHECK(setitimer(ITIMER_REAL, &calm, NULL) == 0);
    CHECK_MSG(__atomic_load_n(&alarms, __ATOMIC_RELAXED) > 20, "%u signals came",
              __atomic_load_n(&alarms, __ATOMIC_RELAXED));
    CHECK_EQ(script_status(client).error_count, 0);
    CHECK_EQ(script_status(client).reconnect_count, 0);
    pipc_client_destroy(client);
    service_stop(&s);
}

TEST(pitfalls_clock, a_storm_of_signals_does_not_move_a_deadline)
{
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval storm = {{0, 1000}, {0, 1000}}, calm = {{0, 0}, {0, 0}};
    struct service s;

    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    service_start(&s);
    struct pipc_client *client = script_ready(s.context, NULL, true);
    CHECK(setitimer(ITIMER_REAL, &storm, NULL) == 0);
    const uint64_t begin = test_now_ms();
    call_times_out(client, 400, 200);
    check_took(begin, 200, "a call");
    CHECK(setitimer(ITIMER_REAL, &calm, NULL) == 0);
    pipc_client_destroy(client);
    service_stop(&s);
}

/* ---- F6 ---- */

static const uint32_t odd_ms[] = {0, 59999, 60000, 60001, UINT32_MAX};

TEST(pitfalls_clock, odd_timeouts_wait_for_what_comes_soon_in_every_wait)
{
    struct service s;
    uint64_t value;

    service_start(&s);
    for (unsigned i = 0; i < sizeof(odd_ms) / sizeof(odd_ms[0]); i++) {
        const struct pipc_client_config config = {
            .size = sizeof(config), .call_timeout_ms = odd_ms[i], .connect_timeout_ms = odd_ms[i]};
        struct pipc_client *client = script_client(s.context, &config, true);
        CHECK_OK(pipc_client_refresh_timeout(client, odd_ms[i], NULL, NULL));
        CHECK_OK(pipc_client_call_increment(client, 15, &value, odd_ms[i], NULL));
        CHECK_EQ(value, 16);
        pipc_client_drop(client);
        CHECK_EQ(pipc_client_refresh(client), 1);
        CHECK_OK(pipc_client_call_increment(client, 15, &value, 0, NULL));
        pipc_client_destroy(client);
    }
    service_stop(&s);
}

/* Connects after a while and asks once. */
static void *come_late(void *arg)
{
    const struct timespec pause = {0, 15000000};
    struct pipc_session *session = NULL;
    struct pipc_message m = {
        .size = sizeof(m), .kind = PIPC_KIND_REQUEST, .code = 1, .item_count = 1, .message_id = 1};
    const uint32_t ms = *(const uint32_t *)arg;
    struct pipc_context *context = script_context(NULL);

    nanosleep(&pause, NULL);
    CHECK_OK(
        pipc_connect(context, test_dir(), "late", NULL, ms, PIPC_NO_HANDLE, &session, NULL, NULL));
    nanosleep(&pause, NULL);
    CHECK_OK(pipc_session_send(session, &m, ms, PIPC_NO_HANDLE, NULL));
    CHECK_OK(pipc_session_receive(session, ms, ms, PIPC_NO_HANDLE, &m, NULL));
    CHECK_EQ(m.kind, PIPC_KIND_RESPONSE);
    pipc_session_close(session);
    script_context_close(context);
    return NULL;
}

TEST(pitfalls_clock, odd_timeouts_of_sessions_wait_for_what_comes_soon)
{
    struct pipc_context *context = script_context(NULL);
    struct pipc_listener *listener = NULL;

    CHECK_OK(pipc_listen(context, test_dir(), "late", NULL, &listener, NULL));
    for (unsigned i = 0; i < sizeof(odd_ms) / sizeof(odd_ms[0]); i++) {
        const uint32_t ms = odd_ms[i];
        struct pipc_session *session = NULL;
        struct pipc_message m = {.size = sizeof(m)};
        pthread_t thread;
        uint32_t given = ms;
        CHECK(pthread_create(&thread, NULL, come_late, &given) == 0);
        CHECK_OK(pipc_accept(listener, ms, PIPC_NO_HANDLE, &session, NULL));
        CHECK_OK(pipc_session_receive(session, ms, ms, PIPC_NO_HANDLE, &m, NULL));
        m.kind = PIPC_KIND_RESPONSE;
        CHECK_OK(pipc_session_send(session, &m, ms, PIPC_NO_HANDLE, NULL));
        CHECK(pthread_join(thread, NULL) == 0);
        pipc_session_close(session);
    }
    pipc_listener_close(listener);
    script_context_close(context);
}

TEST(pitfalls_clock, one_millisecond_is_a_millisecond_in_every_wait)
{
    struct service s;
    struct pipc_listener *listener = NULL;
    struct pipc_session *session = NULL;
    struct pipc_handshake *handshake = NULL;
    uint64_t begin;

    service_start(&s);
    CHECK_OK(pipc_listen(s.context, test_dir(), "mute", NULL, &listener, NULL));
    struct pipc_client *client = script_ready(s.context, NULL, true);
    begin = test_now_ms();
    call_times_out(client, 150, 1);
    check_took(begin, 1, "a call");
    begin = test_now_ms();
    CHECK_RESULT(pipc_accept(listener, 1, PIPC_NO_HANDLE, &session, NULL), PIPC_ERR_TIMEOUT);
    check_took(begin, 1, "an accept");
    begin = test_now_ms();
    CHECK_RESULT(
        pipc_connect(s.context, test_dir(), "mute", NULL, 1, PIPC_NO_HANDLE, &session, NULL, NULL),
        PIPC_ERR_TIMEOUT);
    check_took(begin, 1, "a connect");
    begin = test_now_ms();
    /* Its HELLO is there, and nobody for the answer; where the machine stood still for its
     * millisecond it has sent none, or did not even come. */
    if (pipc_accept_begin(listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL) == PIPC_OK) {
        const pipc_result result =
            pipc_handshake_run(&handshake, NULL, PIPC_NOW, PIPC_NO_HANDLE, &session, NULL);
        CHECK_MSG(result == PIPC_ERR_SEND || result == PIPC_ERR_DISCONNECTED, "%s",
                  pipc_result_name(result));
    }
    CHECK_RESULT(pipc_accept_begin(listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL),
                 PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - begin < test_limit(100));
    pipc_client_destroy(client);
    pipc_listener_close(listener);
    service_stop(&s);
}
