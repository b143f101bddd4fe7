/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for a packet: deadlines, abort by handle and by flag, interruption, and the spin before
 * the sleep.
 */
#include "uds_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

struct both {
    struct uds_fixture f;
    void *client, *server;
};

static void open_both(struct both *b)
{
    uds_fixture_open(&b->f);
    uds_pair(&b->f, &b->client, &b->server);
}

static void open_spinning(struct both *b, uint32_t microseconds)
{
    uds_fixture_defaults(&b->f);
    uds_fixture_number(&b->f, PIPC_UDS_OPTION_SPIN, microseconds);
    CHECK_OK(uds_fixture_init(&b->f));
    uds_pair(&b->f, &b->client, &b->server);
}

static void close_both(struct both *b)
{
    uds_end(&b->f, b->client);
    uds_end(&b->f, b->server);
    uds_fixture_close(&b->f);
}

/* How late a wait of `ms` is; fails if it is early. */
static uint64_t lateness(struct both *b, int ms)
{
    struct pipc_received received = {.size = sizeof(received), .len = 77};
    const struct pipc_wait wait = uds_wait(ms);
    char got[8];
    struct pipc_piece piece = {got, sizeof(got)};
    uint64_t now;

    CHECK_RESULT(b->f.ops->receive(b->server, &piece, 1, &wait, &received, &b->f.err),
                 PIPC_ERR_TIMEOUT);
    now = b->f.host.clock_ns(&b->f.host);
    CHECK_MSG(now >= wait.deadline_ns, "early by %" PRIu64 " ns", wait.deadline_ns - now);
    CHECK_EQ(received.len, 77);
    return now - wait.deadline_ns;
}

/* The machine may be busy with other things once, but not each time. */
static void check_deadline(int ms)
{
    struct both b;
    uint64_t late = UINT64_MAX;
    int i;

    open_both(&b);
    for (i = 0; i < 5 && late > 20 * PIPC_NS_PER_MS; i++)
        late = lateness(&b, ms);
    CHECK_MSG(late <= 20 * PIPC_NS_PER_MS, "late by %" PRIu64 " ns", late);
    close_both(&b);
}

TEST(uds_waits, deadline_of_1_ms_is_never_early)
{
    check_deadline(1);
}

TEST(uds_waits, deadline_of_10_ms_is_never_early)
{
    check_deadline(10);
}

TEST(uds_waits, deadline_of_1000_ms_is_never_early)
{
    check_deadline(1000);
}

TEST(uds_waits, packet_that_is_there_wins_over_a_deadline_that_has_passed)
{
    struct both b;
    struct pipc_received received = {.size = sizeof(received)};
    struct pipc_wait wait = {.size = sizeof(wait), .deadline_ns = 1, .abort = PIPC_NO_HANDLE};
    char got[8];
    struct pipc_piece piece = {got, sizeof(got)};

    open_both(&b);
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, TEST_LONG));
    CHECK_OK(b.f.ops->receive(b.server, &piece, 1, &wait, &received, &b.f.err));
    CHECK_RESULT(b.f.ops->receive(b.server, &piece, 1, &wait, &received, &b.f.err),
                 PIPC_ERR_TIMEOUT);
    close_both(&b);
}

static pipc_result receive_with(struct both *b, const struct pipc_wait *wait)
{
    struct pipc_received received = {.size = sizeof(received)};
    char got[8];
    struct pipc_piece piece = {got, sizeof(got)};

    return b->f.ops->receive(b->server, &piece, 1, wait, &received, &b->f.err);
}

TEST(uds_waits, abort_ready_before_the_call_wins_over_data_that_stays)
{
    struct both b;
    struct pipc_wait wait;
    int stop[2];
    char byte;

    open_both(&b);
    CHECK(pipe(stop) == 0 && write(stop[1], "x", 1) == 1);
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, TEST_LONG));
    wait = uds_wait_abort(TEST_LONG, stop[0]);
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_ABORTED);
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_ABORTED); /* until its owner resets it */
    CHECK(read(stop[0], &byte, 1) == 1);
    CHECK_OK(receive_with(&b, &wait));
    close(stop[0]);
    close(stop[1]);
    close_both(&b);
}

struct later {
    struct both *b;
    int fd;
    uint32_t *flag;
    bool data;
};

/* After a moment: data if wanted, then the flag, then the handle. */
static void *act_later(void *arg)
{
    const struct later *later = arg;
    const struct timespec pause = {0, 30000000};
    struct pipc_error err = PIPC_ERROR_INIT;
    const struct pipc_wait wait = uds_wait(TEST_LONG);
    char byte = 'x';
    const struct pipc_piece piece = {&byte, 1};

    nanosleep(&pause, NULL);
    if (later->flag)
        __atomic_store_n(later->flag, 1, __ATOMIC_RELEASE);
    if (later->fd >= 0)
        CHECK(write(later->fd, "x", 1) == 1);
    if (later->data)
        CHECK_OK(later->b->f.ops->send(later->b->client, &piece, 1, &wait, &err));
    return NULL;
}

static void check_abort_during(uint32_t *flag, uint32_t spin_us)
{
    struct both b;
    struct pipc_wait wait;
    struct later later = {.b = &b, .flag = flag};
    pthread_t thread;
    int stop[2];
    uint64_t began;

    open_spinning(&b, spin_us);
    CHECK(pipe(stop) == 0);
    later.fd = stop[1];
    wait = uds_wait_abort(UDS_EVER, stop[0]);
    wait.abort_flag = flag;
    began = test_now_ms();
    CHECK(pthread_create(&thread, NULL, act_later, &later) == 0);
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_ABORTED);
    began = test_now_ms() - began;
    CHECK_MSG(began < test_limit(500), "%" PRIu64 " ms", began);
    pthread_join(thread, NULL);
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, TEST_LONG));
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_ABORTED);
    wait = uds_wait(TEST_LONG);
    CHECK_OK(receive_with(&b, &wait)); /* data is still there */
    close(stop[0]);
    close(stop[1]);
    close_both(&b);
}

/* A receive without a handle sleeps in the kernel's receive once packets come: the next deadline
 * has to hold all the same. */
static void bring_one(struct both *b)
{
    const struct pipc_wait wait = uds_wait(UDS_EVER);
    struct later later = {.b = b, .fd = -1, .data = true};
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, act_later, &later) == 0);
    CHECK_OK(receive_with(b, &wait));
    pthread_join(thread, NULL);
}

TEST(uds_waits, deadline_behind_packets_that_had_to_be_waited_for_is_never_early)
{
    struct both b;
    uint64_t late = UINT64_MAX;

    open_both(&b);
    for (int i = 0; i < 5 && late > 20 * PIPC_NS_PER_MS; i++) {
        bring_one(&b);
        late = lateness(&b, 200);
    }
    CHECK_MSG(late <= 20 * PIPC_NS_PER_MS, "late by %" PRIu64 " ns", late);
    bring_one(&b);
    close_both(&b);
}

TEST(uds_waits, flag_without_a_handle_aborts_with_the_interrupt_of_who_set_it)
{
    struct both b;
    uint32_t flag = 0;
    struct pipc_wait wait = uds_wait(UDS_EVER);

    open_both(&b);
    bring_one(&b);
    wait.abort_flag = &flag;
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, TEST_LONG));
    CHECK_OK(receive_with(&b, &wait));
    flag = 1;
    b.f.ops->interrupt(b.server);
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_ABORTED);
    close_both(&b);
}

static void count_signal(int number)
{
    (void)number;
}

struct signals {
    pthread_t target;
    uint32_t stop;
};

static void *send_signals(void *arg)
{
    struct signals *s = arg;
    const struct timespec pause = {0, 1000000};

    while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
        pthread_kill(s->target, SIGUSR2);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

TEST(uds_waits, signals_neither_end_a_sleep_nor_move_its_deadline)
{
    struct sigaction act = {.sa_handler = count_signal}; /* without SA_RESTART */
    struct signals s = {.target = pthread_self()};
    struct both b;
    pthread_t thread;

    open_both(&b);
    bring_one(&b);
    CHECK(sigaction(SIGUSR2, &act, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, send_signals, &s) == 0);
    CHECK_MSG(lateness(&b, 300) < test_limit(200) * PIPC_NS_PER_MS, "signals moved the deadline");
    bring_one(&b);
    __atomic_store_n(&s.stop, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    close_both(&b);
}

TEST(uds_waits, abort_by_handle_ends_a_sleep_at_once)
{
    check_abort_during(NULL, 0);
}

TEST(uds_waits, abort_by_flag_and_handle_ends_a_sleep_at_once)
{
    uint32_t flag = 0;

    check_abort_during(&flag, 0);
}

TEST(uds_waits, abort_by_handle_ends_a_spin_at_once)
{
    check_abort_during(NULL, 1000000);
}

TEST(uds_waits, abort_by_flag_ends_a_spin_at_once)
{
    uint32_t flag = 0;

    check_abort_during(&flag, 1000000);
}

TEST(uds_waits, set_flag_aborts_even_a_look)
{
    struct both b;
    struct pipc_wait wait = uds_wait(UDS_NOW);
    uint32_t flag = 1;
    int stop[2];

    open_both(&b);
    CHECK(pipe(stop) == 0);
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, TEST_LONG));
    wait.abort = stop[0];
    wait.abort_flag = &flag;
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_ABORTED);
    flag = 0;
    CHECK_OK(receive_with(&b, &wait));
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_TIMEOUT);
    close(stop[0]);
    close(stop[1]);
    close_both(&b);
}

TEST(uds_waits, abort_handle_that_is_none_is_a_bad_parameter)
{
    struct both b;
    struct pipc_wait wait = uds_wait_abort(TEST_LONG, 9999);
    struct pipc_wait negative = uds_wait_abort(UDS_NOW, -7);
    int stop[2];

    open_both(&b);
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(receive_with(&b, &negative), PIPC_ERR_BAD_PARAM);
    CHECK(pipe(stop) == 0);
    close(stop[0]);
    close(stop[1]);
    wait.abort = stop[0];
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_BAD_PARAM);
    close_both(&b);
}

TEST(uds_waits, bad_abort_handle_is_found_while_spinning_and_sleeping_too)
{
    uint32_t flag = 0;
    struct both b;
    struct pipc_wait wait = uds_wait_abort(TEST_LONG, 9999);

    wait.abort_flag =
        &flag; /* says that nothing is asked for, so the handle is first seen in the sleep */
    open_spinning(&b, 0);
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_BAD_PARAM);
    close_both(&b);
}

TEST(uds_waits, closed_end_of_a_socket_pair_aborts)
{
    struct both b;
    struct pipc_wait wait;
    int pair[2];

    open_both(&b);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    close(pair[1]);
    wait = uds_wait_abort(TEST_LONG, pair[0]);
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_ABORTED);
    close(pair[0]);
    close_both(&b);
}

static void *interrupt_later(void *arg)
{
    const struct timespec pause = {0, 30000000};
    struct both *b = arg;

    nanosleep(&pause, NULL);
    b->f.ops->interrupt(b->server);
    return NULL;
}

static void check_interrupt(uint32_t spin_us)
{
    struct both b;
    struct pipc_wait wait = uds_wait(UDS_EVER);
    pthread_t thread;
    uint64_t began = test_now_ms();

    open_spinning(&b, spin_us);
    CHECK(pthread_create(&thread, NULL, interrupt_later, &b) == 0);
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_ABORTED);
    CHECK(test_now_ms() - began < test_limit(500));
    pthread_join(thread, NULL);
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_ABORTED);
    CHECK_RESULT(uds_put(&b.f, b.server, "x", 1, TEST_LONG), PIPC_ERR_ABORTED);
    b.f.ops->finish(b.server, &wait);
    CHECK_EQ(b.f.ops->look(b.server), PIPC_LOOK_GONE);
    close_both(&b);
}

TEST(uds_waits, interrupt_ends_a_sleep_and_stays)
{
    check_interrupt(0);
}

TEST(uds_waits, interrupt_ends_a_spin_and_stays)
{
    check_interrupt(1000000);
}

static void *interrupt_client_later(void *arg)
{
    const struct timespec pause = {0, 30000000};
    struct both *b = arg;

    nanosleep(&pause, NULL);
    b->f.ops->interrupt(b->client);
    return NULL;
}

TEST(uds_waits, interrupt_ends_a_blocked_send)
{
    static const char bytes[4096];
    struct both b;
    pthread_t thread;

    open_both(&b);
    while (uds_put(&b.f, b.client, bytes, sizeof(bytes), UDS_NOW) == PIPC_OK)
        ;
    CHECK(pthread_create(&thread, NULL, interrupt_client_later, &b) == 0);
    CHECK_RESULT(uds_put(&b.f, b.client, bytes, sizeof(bytes), UDS_EVER), PIPC_ERR_ABORTED);
    pthread_join(thread, NULL);
    close_both(&b);
}

/* What a receive counts whose packet comes 30 ms later. */
static struct pipc_waiter counts_of_a_late_packet(uint32_t spin_us)
{
    struct both b;
    struct pipc_wait wait = uds_wait(UDS_EVER);
    struct later later = {.b = &b, .fd = -1, .data = true};
    pthread_t thread;

    open_spinning(&b, spin_us);
    CHECK(pthread_create(&thread, NULL, act_later, &later) == 0);
    CHECK_OK(receive_with(&b, &wait));
    pthread_join(thread, NULL);
    const struct pipc_waiter counts = *b.f.ops->waiter(b.server);
    close_both(&b);
    return counts;
}

/* On a busy machine the packet may come too late or be there before the receive, but not each
 * time. */
TEST(uds_waits, packet_during_a_spin_is_caught_without_a_sleep)
{
    struct pipc_waiter counts = counts_of_a_late_packet(1000000);

    for (int i = 0; i < 2 && counts.spins == 0; i++)
        counts = counts_of_a_late_packet(1000000);
    CHECK_EQ(counts.spins, 1);
    CHECK_EQ(counts.sleeps, 0);
}

TEST(uds_waits, packet_after_the_spin_is_a_wakeup)
{
    struct pipc_waiter counts = counts_of_a_late_packet(10);

    for (int i = 0; i < 2 && counts.sleeps == 0; i++)
        counts = counts_of_a_late_packet(10);
    CHECK_EQ(counts.spins, 0);
    CHECK_EQ(counts.sleeps, 1);
    CHECK_EQ(counts.wakeups, 1);
}

TEST(uds_waits, spin_ends_at_the_deadline)
{
    struct both b;
    struct pipc_wait wait;
    const uint64_t began = test_now_ms();

    open_spinning(&b, 1000000);
    wait = uds_wait(20);
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - began < test_limit(500));
    close_both(&b);
}

TEST(uds_waits, adaptive_is_the_default_word_and_looks_do_not_count)
{
    struct both b;
    struct pipc_wait wait = uds_wait(UDS_NOW);
    const struct pipc_waiter *waiter;

    uds_fixture_defaults(&b.f);
    uds_fixture_text(&b.f, PIPC_UDS_OPTION_SPIN, "adaptive");
    CHECK_OK(uds_fixture_init(&b.f));
    uds_pair(&b.f, &b.client, &b.server);
    waiter = b.f.ops->waiter(b.server);
    CHECK_EQ(waiter->spin_us, PIPC_SPIN_ADAPTIVE);
    CHECK_EQ(waiter->cpus, 2);
    CHECK_EQ(waiter->sleep_cost_ns, 50000);
    CHECK_RESULT(receive_with(&b, &wait), PIPC_ERR_TIMEOUT);
    CHECK_EQ(waiter->spins + waiter->sleeps, 0);
    close_both(&b);
}

TEST(uds_waits, callers_without_a_record_get_the_result_alone)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = test_dir(), .service = "none"};
    struct pipc_received received = {.size = sizeof(received)};
    struct pipc_wait wait = uds_wait(1);
    char got[8];
    struct pipc_piece piece = {got, sizeof(got)};
    void *object = got;
    struct both b;

    open_both(&b);
    CHECK_RESULT(b.f.ops->receive(b.server, &piece, 1, &wait, &received, NULL), PIPC_ERR_TIMEOUT);
    CHECK_RESULT(b.f.ops->receive(b.server, &piece, 0, &wait, &received, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(b.f.ops->connect(b.f.self, &endpoint, &wait, &object, NULL), PIPC_ERR_CONNECT);
    CHECK(object == got);
    close_both(&b);
}
