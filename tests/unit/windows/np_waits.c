/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting: deadlines, aborts, interrupts, spinning, calls that must not wait, the wait object.
 */
#include "windows/np_fixture.h"

static struct pipc_received received;
static char got[65536];

/* ---- receive ---- */

TEST(np_waits, a_receive_ends_at_its_deadline_and_the_packet_that_comes_later_is_not_lost)
{
    struct np_fixture f;
    void *client, *server;
    uint64_t began;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    began = np_clock_ns();
    CHECK_RESULT(np_get(&f, server, got, sizeof(got), 50, &received), PIPC_ERR_TIMEOUT);
    CHECK(np_clock_ns() - began >= 50 * PIPC_NS_PER_MS);
    CHECK_RESULT(np_get(&f, server, got, sizeof(got), NP_NOW, &received), PIPC_ERR_TIMEOUT);
    CHECK_OK(np_put(&f, client, "late", 4, TEST_LONG));
    np_expect(&f, server, "late", 4);
    f.skew_ns = 3600 * UINT64_C(1000000000); /* every deadline is over */
    CHECK_OK(np_put(&f, client, "there", 5, TEST_LONG));
    CHECK_OK(np_get(&f, server, got, sizeof(got), 1, &received));
    CHECK_EQ(received.len, 5);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}

struct later {
    struct np_fixture *f;
    void *channel;
    HANDLE event;
    DWORD ms;
};

static void put_later(void *arg)
{
    const struct later *const l = arg;

    Sleep(l->ms);
    CHECK_OK(np_put(l->f, l->channel, "later", 5, TEST_LONG));
}

static bool receives_while(const char *spin, uint64_t us, uint32_t cpus)
{
    struct np_fixture f, g;
    void *client, *server;

    np_fixture_open(&g);
    np_fixture_defaults(&f);
    if (!spin)
        np_fixture_number(&f, PIPC_NP_OPTION_SPIN, us);
    else
        f.values[PIPC_NP_OPTION_SPIN].text = spin;
    f.host.cpus = cpus;
    CHECK_OK(np_fixture_init(&f));
    np_pair(&f, &client, &server);
    struct later l = {&g, client, NULL, 20};
    for (int i = 0; i < 3; i++) {
        const HANDLE thread = np_thread(put_later, &l);
        np_expect(&f, server, "later", 5);
        np_join(thread);
    }
    const struct pipc_waiter *const waiter = f.ops->waiter(server);
    const bool right = us == 0 || cpus == 1
                           ? waiter->sleeps == 3 && waiter->wakeups == 3 && waiter->spins == 0
                           : waiter->spins == 3 && waiter->sleeps == 0;
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
    np_fixture_close(&g);
    return right;
}

/* On a busy machine a packet may be there before the receive, or come after the spin; not each
 * time. */
static void check_receives(const char *spin, uint64_t us, uint32_t cpus)
{
    CHECK(receives_while(spin, us, cpus) || receives_while(spin, us, cpus) ||
          receives_while(spin, us, cpus));
}

TEST(np_waits, a_packet_is_found_asleep_and_spinning)
{
    check_receives("off", 0, 2);
    check_receives(NULL, 900000, 2);
    check_receives(NULL, 900000, 1); /* the other side could not run meanwhile */
}

TEST(np_waits, adaptive_waits_spin_while_packets_come_closely)
{
    struct np_fixture f;
    void *client, *server;

    np_fixture_defaults(&f);
    f.values[PIPC_NP_OPTION_SPIN].text = "adaptive";
    CHECK_OK(np_fixture_init(&f));
    np_pair(&f, &client, &server);
    for (int i = 0; i < 20; i++)
        CHECK_RESULT(np_get(&f, server, got, sizeof(got), 10, &received), PIPC_ERR_TIMEOUT);
    /* On a busy machine a deadline may be over before the sleep; not each time. */
    CHECK(f.ops->waiter(server)->sleeps >= 10 && f.ops->waiter(server)->sleeps <= 20);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}

/* ---- abort and interrupt ---- */

static void set_later(void *arg)
{
    const struct later *const l = arg;

    Sleep(l->ms);
    CHECK(SetEvent(l->event));
}

static void interrupt_later(void *arg)
{
    const struct later *const l = arg;

    Sleep(l->ms);
    l->f->ops->interrupt(l->channel);
}

static pipc_result receive_with(struct np_fixture *f, void *channel, const struct pipc_wait *wait)
{
    const struct pipc_piece piece = {got, sizeof(got)};

    received = (struct pipc_received){.size = sizeof(received)};
    return f->ops->receive(channel, &piece, 1, wait, &received, &f->err);
}

static pipc_result send_with(struct np_fixture *f, void *channel, const struct pipc_wait *wait)
{
    const struct pipc_piece piece = {got, sizeof(got)};

    return f->ops->send(channel, &piece, 1, wait, &f->err);
}

static void aborts(uint64_t spin_us)
{
    struct np_fixture f;
    void *client, *server;
    const HANDLE abort = CreateEventW(NULL, TRUE, FALSE, NULL);
    struct later l = {.f = &f, .event = abort, .ms = 30};
    struct pipc_wait wait;
    uint32_t flag = 0;
    HANDLE thread;

    np_fixture_defaults(&f);
    np_fixture_number(&f, PIPC_NP_OPTION_SPIN, spin_us);
    CHECK_OK(np_fixture_init(&f));
    np_pair(&f, &client, &server);
    thread = np_thread(set_later, &l); /* during */
    wait = np_wait_abort(20000, abort);
    CHECK_RESULT(receive_with(&f, server, &wait), PIPC_ERR_ABORTED);
    np_join(thread);
    CHECK_OK(np_put(&f, client, "data", 4, TEST_LONG)); /* together with data, and before */
    CHECK_RESULT(receive_with(&f, server, &wait), PIPC_ERR_ABORTED);
    CHECK_RESULT(send_with(&f, server, &wait), PIPC_ERR_ABORTED);
    CHECK(np_signalled(abort, 0)); /* stays set */
    wait.abort_flag = &flag;       /* where a flag tells, the handle is not asked */
    CHECK_OK(receive_with(&f, server, &wait));
    CHECK_EQ(received.len, 4);
    flag = 1;
    CHECK_RESULT(receive_with(&f, server, &wait), PIPC_ERR_ABORTED);
    CHECK_RESULT(send_with(&f, server, &wait), PIPC_ERR_ABORTED);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
    CloseHandle(abort);
}

TEST(np_waits, an_abort_ends_a_wait_before_during_and_together_with_data)
{
    aborts(0);
    aborts(900000);
}

TEST(np_waits, a_handle_that_is_none_is_a_bad_parameter)
{
    struct np_fixture f;
    void *client, *server;
    const HANDLE closed = CreateEventW(NULL, TRUE, FALSE, NULL);
    struct pipc_wait wait = np_wait_abort(20000, closed);

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    CloseHandle(closed);
    CHECK_RESULT(receive_with(&f, server, &wait), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(send_with(&f, server, &wait), PIPC_ERR_BAD_PARAM);
    wait.abort = 0;
    CHECK_RESULT(receive_with(&f, server, &wait), PIPC_ERR_BAD_PARAM);
    CHECK_OK(np_put(&f, client, "x", 1, TEST_LONG));
    np_expect(&f, server, "x", 1);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}

TEST(np_waits, an_interrupt_ends_the_waits_of_now_and_of_later)
{
    struct np_fixture f;
    void *client, *server;
    struct pipc_wait wait;
    HANDLE thread;

    for (int spin = 0; spin < 2; spin++) {
        np_fixture_defaults(&f);
        np_fixture_number(&f, PIPC_NP_OPTION_SPIN, spin ? 900000 : 0);
        CHECK_OK(np_fixture_init(&f));
        np_pair(&f, &client, &server);
        struct later l = {.f = &f, .channel = server, .ms = 30};
        thread = np_thread(interrupt_later, &l);
        wait = np_wait(NP_EVER);
        CHECK_RESULT(receive_with(&f, server, &wait), PIPC_ERR_ABORTED);
        np_join(thread);
        CHECK_OK(np_put(&f, client, "x", 1, TEST_LONG));
        CHECK_RESULT(receive_with(&f, server, &wait), PIPC_ERR_ABORTED);
        CHECK_RESULT(send_with(&f, server, &wait), PIPC_ERR_ABORTED);
        f.ops->finish(server, &wait);
        np_end(&f, client);
        np_end(&f, server);
        np_fixture_close(&f);
    }
}

/* ---- the wait object ---- */

TEST(np_waits, the_handle_tells_of_packets_and_of_the_end_until_they_are_taken)
{
    struct np_fixture f;
    void *client, *server;
    HANDLE handle;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    CHECK_OK(np_put(&f, client, "first", 5, TEST_LONG)); /* there before it is asked for */
    handle = np_handle(&f, server);
    for (int i = 0; i < 3; i++) {
        CHECK(np_signalled(handle, TEST_LONG) && np_signalled(handle, 0));
        CHECK_EQ(f.ops->look(server), PIPC_LOOK_READABLE);
        np_expect(&f, server, "first", 5);
        CHECK(!np_signalled(handle, 0));
        CHECK_EQ(f.ops->look(server), PIPC_LOOK_NOTHING);
        CHECK_OK(np_put(&f, client, "first", 5, TEST_LONG));
    }
    CHECK_OK(np_put(&f, client, "second", 6, TEST_LONG)); /* two at once */
    np_expect(&f, server, "first", 5);
    CHECK(np_signalled(handle, TEST_LONG));
    np_expect(&f, server, "second", 6);
    CHECK(!np_signalled(handle, 0));
    CHECK_RESULT(np_get(&f, server, got, sizeof(got), 20, &received), PIPC_ERR_TIMEOUT);
    np_end(&f, client);
    CHECK(np_signalled(handle, TEST_LONG));
    np_expect_end(&f, server);
    CHECK(np_signalled(handle, 0));
    CHECK(handle == np_handle(&f, server));
    np_end(&f, server);
    np_fixture_close(&f);
}

struct begun {
    struct np_fixture f;
    void *channel;
    HANDLE begun, end;
};

static void begin_and_stay(void *arg)
{
    struct begun *const b = arg;

    (void)np_handle(&b->f, b->channel);
    CHECK(SetEvent(b->begun));
    CHECK(np_signalled(b->end, TEST_LONG));
}

static uint32_t looks;

static uint64_t counting_clock(const struct pipc_host *host)
{
    (void)host;
    looks++;
    return np_clock_ns();
}

/* The system says that a read is over before it sets the event, and does the latter for the thread
 * that began the read: whoever takes the packet on another thread may have gone on by then. */
TEST(np_waits, an_event_that_is_set_late_for_a_read_of_another_thread_keeps_nobody_busy)
{
    struct np_fixture f;
    struct begun b;
    void *client, *server;
    HANDLE thread, handle;

    np_fixture_open(&f);
    np_fixture_open(&b.f);
    np_pair(&f, &client, &server);
    b.channel = server;
    b.begun = CreateEventW(NULL, TRUE, FALSE, NULL);
    b.end = CreateEventW(NULL, TRUE, FALSE, NULL);
    thread = np_thread(begin_and_stay, &b);
    CHECK(np_signalled(b.begun, TEST_LONG));
    CHECK_OK(np_put(&f, client, "x", 1, TEST_LONG));
    np_expect(&f, server, "x", 1);
    CHECK(SetEvent(b.end));
    np_join(thread);
    handle = np_handle(&f, server);
    CHECK(SetEvent(handle)); /* as late as can be */
    CHECK_RESULT(np_get(&f, server, got, sizeof(got), NP_NOW, &received), PIPC_ERR_TIMEOUT);
    CHECK(!np_signalled(handle, 0));
    CHECK(SetEvent(handle));
    CHECK_EQ(f.ops->look(server), PIPC_LOOK_NOTHING);
    CHECK(!np_signalled(handle, 0));
    CHECK(SetEvent(handle));
    f.host.clock_ns = counting_clock;
    looks = 0;
    CHECK_RESULT(np_get(&f, server, got, sizeof(got), 300, &received), PIPC_ERR_TIMEOUT);
    CHECK(looks <= 20); /* it slept */
    CHECK_OK(np_put(&f, client, "y", 1, TEST_LONG));
    CHECK(np_signalled(handle, TEST_LONG));
    np_expect(&f, server, "y", 1);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&b.f);
    np_fixture_close(&f);
    CloseHandle(b.begun);
    CloseHandle(b.end);
}

TEST(np_waits, a_handle_asked_for_after_a_read_began_or_after_the_end_is_right)
{
    struct np_fixture f;
    void *client, *server;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    CHECK_RESULT(np_get(&f, server, got, sizeof(got), NP_NOW, &received), PIPC_ERR_TIMEOUT);
    CHECK(!np_signalled(np_handle(&f, server), 0));
    CHECK_OK(np_put(&f, client, "x", 1, TEST_LONG));
    CHECK(np_signalled(np_handle(&f, server), TEST_LONG));
    np_expect(&f, server, "x", 1);
    np_end(&f, server);
    np_expect_end(&f, client);
    CHECK(np_signalled(np_handle(&f, client), 0));
    np_end(&f, client);
    np_fixture_close(&f);
}

TEST(np_waits, sixty_sessions_in_one_loop_lose_no_packet)
{
    enum { SESSIONS = 60, ROUNDS = 5 };
    struct np_fixture f;
    void *clients[SESSIONS], *servers[SESSIONS];
    HANDLE handles[SESSIONS];
    uint32_t answered = 0;
    void *listener;

    np_fixture_open(&f);
    listener = np_must_listen(&f, "loop");
    for (uint32_t i = 0; i < SESSIONS; i++) {
        clients[i] = np_must_connect(&f, "loop");
        servers[i] = np_must_accept(&f, listener);
        handles[i] = np_handle(&f, servers[i]);
        for (uint32_t r = 0; r < ROUNDS; r++)
            CHECK_OK(np_put(&f, clients[i], &i, sizeof(i), TEST_LONG));
    }
    while (answered < SESSIONS * ROUNDS) {
        const DWORD at = WaitForMultipleObjects(SESSIONS, handles, FALSE, TEST_LONG);
        uint32_t number;
        CHECK(at < SESSIONS);
        CHECK_OK(np_get(&f, servers[at], &number, sizeof(number), NP_NOW, &received));
        CHECK_EQ(number, at);
        answered++;
    }
    CHECK_EQ(WaitForMultipleObjects(SESSIONS, handles, FALSE, 0), WAIT_TIMEOUT);
    np_end_listener(&f, listener);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        np_end(&f, clients[i]);
        np_end(&f, servers[i]);
    }
    np_fixture_close(&f);
}

/* A read that ends while a deadline takes it up again is delivered, once. */
TEST(np_waits, no_packet_is_lost_or_doubled_by_receives_that_keep_timing_out)
{
    const unsigned rounds = test_scale(10000);
    struct np_fixture f;
    void *client, *server;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    for (unsigned i = 0; i < rounds; i++) {
        unsigned number = 0;
        CHECK_RESULT(np_get(&f, server, &number, sizeof(number), NP_NOW, &received),
                     PIPC_ERR_TIMEOUT);
        CHECK_OK(np_put(&f, client, &i, sizeof(i), TEST_LONG));
        CHECK_OK(np_get(&f, server, &number, sizeof(number), TEST_LONG, &received));
        CHECK_EQ(number, i);
    }
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}
