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
    CHECK_OK(np_put(&f, client, "late", 4, 1000));
    np_expect(&f, server, "late", 4);
    f.skew_ns = 3600 * UINT64_C(1000000000); /* every deadline is over */
    CHECK_OK(np_put(&f, client, "there", 5, 1000));
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
    CHECK_OK(np_put(l->f, l->channel, "later", 5, 1000));
}

static void receives_while(const char *spin, uint64_t us, uint32_t cpus)
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
    if (us == 0 || cpus == 1)
        CHECK(waiter->sleeps == 3 && waiter->wakeups == 3 && waiter->spins == 0);
    else
        CHECK(waiter->spins == 3 && waiter->sleeps == 0);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
    np_fixture_close(&g);
}

TEST(np_waits, a_packet_is_found_asleep_and_spinning)
{
    receives_while("off", 0, 2);
    receives_while(NULL, 900000, 2);
    receives_while(NULL, 900000, 1); /* the other side could not run meanwhile */
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
        CHECK_RESULT(np_get(&f, server, got, sizeof(got), 1, &received), PIPC_ERR_TIMEOUT);
    CHECK(f.ops->waiter(server)->sleeps == 20);
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
    CHECK_OK(np_put(&f, client, "data", 4, 1000)); /* together with data, and before */
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
    CHECK_OK(np_put(&f, client, "x", 1, 1000));
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
        CHECK_OK(np_put(&f, client, "x", 1, 1000));
        CHECK_RESULT(receive_with(&f, server, &wait), PIPC_ERR_ABORTED);
        CHECK_RESULT(send_with(&f, server, &wait), PIPC_ERR_ABORTED);
        f.ops->finish(server, &wait);
        np_end(&f, client);
        np_end(&f, server);
        np_fixture_close(&f);
    }
}

/* ---- send ---- */

/* Until there is no room. */
static uint32_t fill(struct np_fixture *f, void *channel)
{
    const struct pipc_wait now = np_wait(NP_NOW);
    uint32_t sent = 0;

    memset(got, 's', sizeof(got));
    while (send_with(f, channel, &now) == PIPC_OK) {
        sent++;
        CHECK(sent < 1000);
    }
    CHECK_RESULT(f->err.result, PIPC_ERR_TIMEOUT);
    return sent;
}

static void drain(struct np_fixture *f, void *channel, uint32_t packets)
{
    for (uint32_t i = 0; i < packets; i++) {
        CHECK_OK(np_get(f, channel, got, sizeof(got), 5000, &received));
        CHECK_EQ(received.len, sizeof(got));
    }
}

TEST(np_waits, a_send_without_room_ends_by_deadline_abort_and_interrupt_with_nothing_sent)
{
    struct np_fixture f;
    void *client, *server;
    const HANDLE abort = CreateEventW(NULL, TRUE, FALSE, NULL);
    struct later l = {.f = &f, .event = abort, .ms = 30};
    struct pipc_wait wait = np_wait(50);
    uint32_t sent;
    HANDLE thread;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    /* One that is cancelled, with nothing left behind: room is taken by sends that wait. */
    do
        wait = np_wait(50), sent = send_with(&f, client, &wait);
    while (sent == PIPC_OK);
    CHECK_RESULT(sent, PIPC_ERR_TIMEOUT);
    sent = fill(&f, client);
    wait = np_wait(50);
    CHECK_RESULT(send_with(&f, client, &wait), PIPC_ERR_TIMEOUT);
    thread = np_thread(set_later, &l);
    wait = np_wait_abort(20000, abort);
    CHECK_RESULT(send_with(&f, client, &wait), PIPC_ERR_ABORTED);
    np_join(thread);
    drain(&f, server, sent + 1);
    CHECK_RESULT(np_get(&f, server, got, sizeof(got), 50, &received), PIPC_ERR_TIMEOUT);
    CHECK_OK(np_put(&f, client, "usable", 6, 1000));
    np_expect(&f, server, "usable", 6);
    (void)fill(&f, client);
    l.channel = client;
    thread = np_thread(interrupt_later, &l);
    wait = np_wait(20000);
    CHECK_RESULT(send_with(&f, client, &wait), PIPC_ERR_ABORTED);
    np_join(thread);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
    CloseHandle(abort);
}

static void drain_later(void *arg)
{
    const struct later *const l = arg;
    static char room[65536];
    struct pipc_received taken;

    Sleep(l->ms);
    while (np_get(l->f, l->channel, room, sizeof(room), 300, &taken) == PIPC_OK) {
    }
}

TEST(np_waits, a_send_that_waits_goes_on_when_the_reader_reads)
{
    struct np_fixture f, g;
    void *client, *server;

    np_fixture_open(&f);
    np_fixture_open(&g);
    np_pair(&f, &client, &server);
    (void)fill(&f, client);
    struct later l = {&g, server, NULL, 30};
    const HANDLE thread = np_thread(drain_later, &l);
    for (int i = 0; i < 5; i++)
        CHECK_OK(np_put(&f, client, got, sizeof(got), 10000));
    np_join(thread);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&g);
    np_fixture_close(&f);
}

TEST(np_waits, a_packet_that_was_left_behind_goes_out_when_there_is_room_and_the_handle_tells)
{
    struct np_fixture f;
    void *client, *server;
    uint32_t sent;
    HANDLE handle;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    handle = np_handle(&f, client);
    CHECK(!np_signalled(handle, 0));
    sent = fill(&f, client);
    CHECK(!np_signalled(handle, 0));
    drain(&f, server, sent);
    CHECK(np_signalled(handle, 5000)); /* there is room */
    CHECK_RESULT(np_get(&f, client, got, sizeof(got), NP_NOW, &received), PIPC_ERR_TIMEOUT);
    CHECK(!np_signalled(handle, 0));
    /* A packet that comes while one is left behind is told, and so is the room after it. */
    sent = fill(&f, client);
    CHECK_OK(np_put(&f, server, "packet", 6, 1000));
    CHECK(np_signalled(handle, 5000));
    drain(&f, server, sent);
    np_expect(&f, client, "packet", 6);
    CHECK_RESULT(np_get(&f, client, got, sizeof(got), 50, &received), PIPC_ERR_TIMEOUT);
    CHECK(!np_signalled(handle, 0));
    CHECK_OK(np_put(&f, client, "after", 5, 1000));
    np_expect(&f, server, "after", 5);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}

TEST(np_waits, a_send_behind_one_that_was_left_waits_although_a_packet_is_there)
{
    struct np_fixture f, g;
    void *client, *server;

    np_fixture_open(&f);
    np_fixture_open(&g);
    np_pair(&f, &client, &server);
    (void)np_handle(&f, client);
    (void)fill(&f, client);
    CHECK_OK(np_put(&g, server, "packet", 6, 1000));
    struct later l = {&g, server, NULL, 30};
    const HANDLE thread = np_thread(drain_later, &l);
    CHECK_OK(np_put(&f, client, got, sizeof(got), 10000));
    np_expect(&f, client, "packet", 6);
    np_join(thread);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&g);
    np_fixture_close(&f);
}

TEST(np_waits, a_packet_left_behind_for_a_peer_that_goes_fails_the_next_send)
{
    struct np_fixture f;
    void *client, *server;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    (void)fill(&f, client);
    np_end(&f, server);
    CHECK_RESULT(np_put(&f, client, "x", 1, 5000), PIPC_ERR_SEND);
    CHECK_RESULT(np_put(&f, client, "x", 1, NP_NOW), PIPC_ERR_SEND);
    np_end(&f, client);
    np_fixture_close(&f);
}

static void fill_and_end(void *arg)
{
    const struct later *const l = arg;

    received.len = fill(l->f, l->channel);
    (void)np_get(l->f, l->channel, got, sizeof(got), NP_NOW, &received);
}

/* The system cancels what a thread has begun when that thread ends. */
TEST(np_waits, what_a_thread_left_under_way_outlives_it)
{
    struct np_fixture f;
    void *client, *server;
    uint32_t packets = 0;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    struct later l = {.f = &f, .channel = client};
    np_join(np_thread(fill_and_end, &l));
    CHECK_OK(np_put(&f, server, "answer", 6, 1000));
    np_expect(&f, client, "answer", 6); /* begins both anew */
    while (np_get(&f, server, got, sizeof(got), 200, &received) == PIPC_OK)
        packets++;
    CHECK(packets > 1);
    CHECK_OK(np_put(&f, client, "next", 4, 1000));
    np_expect(&f, server, "next", 4);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}

/* ---- the wait object ---- */

TEST(np_waits, the_handle_tells_of_packets_and_of_the_end_until_they_are_taken)
{
    struct np_fixture f;
    void *client, *server;
    HANDLE handle;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    CHECK_OK(np_put(&f, client, "first", 5, 1000)); /* there before it is asked for */
    handle = np_handle(&f, server);
    for (int i = 0; i < 3; i++) {
        CHECK(np_signalled(handle, 5000) && np_signalled(handle, 0));
        CHECK_EQ(f.ops->look(server), PIPC_LOOK_READABLE);
        np_expect(&f, server, "first", 5);
        CHECK(!np_signalled(handle, 0));
        CHECK_EQ(f.ops->look(server), PIPC_LOOK_NOTHING);
        CHECK_OK(np_put(&f, client, "first", 5, 1000));
    }
    CHECK_OK(np_put(&f, client, "second", 6, 1000)); /* two at once */
    np_expect(&f, server, "first", 5);
    CHECK(np_signalled(handle, 5000));
    np_expect(&f, server, "second", 6);
    CHECK(!np_signalled(handle, 0));
    CHECK_RESULT(np_get(&f, server, got, sizeof(got), 20, &received), PIPC_ERR_TIMEOUT);
    np_end(&f, client);
    CHECK(np_signalled(handle, 5000));
    np_expect_end(&f, server);
    CHECK(np_signalled(handle, 0));
    CHECK(handle == np_handle(&f, server));
    np_end(&f, server);
    np_fixture_close(&f);
}

TEST(np_waits, a_handle_asked_for_after_a_read_began_or_after_the_end_is_right)
{
    struct np_fixture f;
    void *client, *server;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    CHECK_RESULT(np_get(&f, server, got, sizeof(got), NP_NOW, &received), PIPC_ERR_TIMEOUT);
    CHECK(!np_signalled(np_handle(&f, server), 0));
    CHECK_OK(np_put(&f, client, "x", 1, 1000));
    CHECK(np_signalled(np_handle(&f, server), 5000));
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
            CHECK_OK(np_put(&f, clients[i], &i, sizeof(i), 1000));
    }
    while (answered < SESSIONS * ROUNDS) {
        const DWORD at = WaitForMultipleObjects(SESSIONS, handles, FALSE, 5000);
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
        CHECK_OK(np_put(&f, client, &i, sizeof(i), 1000));
        CHECK_OK(np_get(&f, server, &number, sizeof(number), 5000, &received));
        CHECK_EQ(number, i);
    }
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}
