/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending without room: waits that end or go on, and packets that are left behind.
 */
#include "windows/np_fixture.h"

static struct pipc_received received;
static char got[65536];

struct later {
    struct np_fixture *f;
    void *channel;
    HANDLE event;
    DWORD ms;
};

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

static pipc_result send_with(struct np_fixture *f, void *channel, const struct pipc_wait *wait)
{
    const struct pipc_piece piece = {got, sizeof(got)};

    return f->ops->send(channel, &piece, 1, wait, &f->err);
}

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
        CHECK_OK(np_get(f, channel, got, sizeof(got), TEST_LONG, &received));
        CHECK_EQ(received.len, sizeof(got));
    }
}

TEST(np_room, a_send_without_room_ends_by_deadline_abort_and_interrupt_with_nothing_sent)
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
    CHECK_OK(np_put(&f, client, "usable", 6, TEST_LONG));
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

TEST(np_room, a_send_that_waits_goes_on_when_the_reader_reads)
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

/* The first receive that finds nothing may be the last call before a sleep: only the next one says
 * that its caller knows of the room. */
static void tell_no_more(struct np_fixture *f, void *channel, HANDLE handle)
{
    CHECK(np_signalled(handle, TEST_LONG)); /* there is room */
    CHECK_RESULT(np_get(f, channel, got, sizeof(got), NP_NOW, &received), PIPC_ERR_TIMEOUT);
    CHECK(np_signalled(handle, 0));
    CHECK_RESULT(np_get(f, channel, got, sizeof(got), NP_NOW, &received), PIPC_ERR_TIMEOUT);
    CHECK(!np_signalled(handle, 0));
}

TEST(np_room, a_packet_that_was_left_behind_goes_out_when_there_is_room_and_the_handle_tells)
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
    tell_no_more(&f, client, handle);
    /* A packet that comes while one is left behind is told, and so is the room after it. */
    sent = fill(&f, client);
    CHECK_OK(np_put(&f, server, "packet", 6, TEST_LONG));
    CHECK(np_signalled(handle, TEST_LONG));
    drain(&f, server, sent);
    np_expect(&f, client, "packet", 6);
    CHECK_OK(np_put(&f, client, "after", 5, TEST_LONG));
    np_expect(&f, server, "after", 5);
    tell_no_more(&f, client, handle);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}

/* A caller tries to send and then to receive, and there may be room between any two of its calls.
 */
TEST(np_room, room_that_a_receive_meets_first_is_told_until_a_look_has_found_nothing_else)
{
    struct np_fixture f;
    void *client, *server;
    HANDLE handle;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    handle = np_handle(&f, client);
    drain(&f, server, fill(&f, client));
    tell_no_more(&f, client, handle);
    /* A session goes on with the rest of another message. */
    drain(&f, server, fill(&f, client));
    CHECK_OK(np_put(&f, client, "more", 4, NP_NOW));
    np_expect(&f, server, "more", 4);
    tell_no_more(&f, client, handle);
    /* A packet taken meanwhile starts a read, which resets the event. */
    CHECK_OK(np_put(&f, server, "packet", 6, TEST_LONG));
    drain(&f, server, fill(&f, client));
    CHECK_OK(np_get(&f, client, got, sizeof(got), NP_NOW, &received));
    CHECK_EQ(received.len, 6);
    tell_no_more(&f, client, handle);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}

TEST(np_room, room_is_told_behind_a_receive_that_waited_in_vain)
{
    struct np_fixture f;
    void *client, *server;
    HANDLE handle;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    handle = np_handle(&f, client);
    drain(&f, server, fill(&f, client));
    CHECK(np_signalled(handle, TEST_LONG)); /* there is room */
    CHECK_RESULT(np_get(&f, client, got, sizeof(got), 50, &received), PIPC_ERR_TIMEOUT);
    CHECK(np_signalled(handle, 0));
    CHECK_RESULT(np_get(&f, client, got, sizeof(got), 50, &received), PIPC_ERR_TIMEOUT);
    CHECK(!np_signalled(handle, 0));
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}

TEST(np_room, a_packet_that_waits_is_told_when_one_is_left_behind_after_it)
{
    struct np_fixture f;
    void *client, *server;
    HANDLE handle;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    handle = np_handle(&f, client);
    CHECK_OK(np_put(&f, server, "packet", 6, TEST_LONG));
    CHECK(np_signalled(handle, TEST_LONG));
    (void)fill(&f, client);
    CHECK(np_signalled(handle, 0));
    CHECK_OK(np_get(&f, client, got, sizeof(got), NP_NOW, &received));
    CHECK_EQ(received.len, 6);
    CHECK(!np_signalled(handle, 0));
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}

TEST(np_room, a_send_behind_one_that_was_left_waits_although_a_packet_is_there)
{
    struct np_fixture f, g;
    void *client, *server;

    np_fixture_open(&f);
    np_fixture_open(&g);
    np_pair(&f, &client, &server);
    (void)np_handle(&f, client);
    (void)fill(&f, client);
    CHECK_OK(np_put(&g, server, "packet", 6, TEST_LONG));
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

static uint32_t looks;

static uint64_t counting_clock(const struct pipc_host *host)
{
    (void)host;
    looks++;
    return np_clock_ns();
}

/* The handle may have been asked for, or not, and the event may have been set for the sake of
 * something that is over. */
TEST(np_room, a_send_that_waits_for_room_sleeps)
{
    for (int i = 0; i < 3; i++) {
        const struct pipc_wait now = np_wait(NP_NOW);
        struct pipc_wait wait;
        struct np_fixture f;
        void *client, *server;
        np_fixture_open(&f);
        np_pair(&f, &client, &server);
        if (i > 0)
            (void)np_handle(&f, client);
        (void)fill(&f, client);
        CHECK_RESULT(send_with(&f, client, &now), PIPC_ERR_TIMEOUT);
        if (i == 2)
            CHECK(SetEvent(np_handle(&f, client)));
        f.host.clock_ns = counting_clock;
        looks = 0;
        wait = np_wait(300);
        CHECK_RESULT(send_with(&f, client, &wait), PIPC_ERR_TIMEOUT);
        CHECK(looks <= 20);
        np_end(&f, client);
        np_end(&f, server);
        np_fixture_close(&f);
    }
}

TEST(np_room, a_packet_left_behind_for_a_peer_that_goes_fails_the_next_send)
{
    struct np_fixture f;
    void *client, *server;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    (void)fill(&f, client);
    np_end(&f, server);
    CHECK_RESULT(np_put(&f, client, "x", 1, TEST_LONG), PIPC_ERR_SEND);
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
TEST(np_room, what_a_thread_left_under_way_outlives_it)
{
    struct np_fixture f;
    void *client, *server;
    uint32_t packets = 0;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    struct later l = {.f = &f, .channel = client};
    np_join(np_thread(fill_and_end, &l));
    CHECK_OK(np_put(&f, server, "answer", 6, TEST_LONG));
    np_expect(&f, client, "answer", 6); /* begins both anew */
    while (np_get(&f, server, got, sizeof(got), 200, &received) == PIPC_OK)
        packets++;
    CHECK(packets > 1);
    CHECK_OK(np_put(&f, client, "next", 4, TEST_LONG));
    np_expect(&f, server, "next", 4);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}
