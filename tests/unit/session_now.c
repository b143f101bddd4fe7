/* SPDX-License-Identifier: Apache-2.0
 *
 * PIPC_NOW (level1-transport.md 13): parts of messages kept on receipt, messages taken and sent
 * later, the clocks of both, and that nothing ever blocks.
 */
#include "session_rig.h"
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET 4096u
#define BIG    1000000u

struct side {
    struct session_rig rig;
    struct pipc_session *session;
    int raw;
    struct pipc_message got;
    uint8_t *bytes;
};

/* A server with room for big answers, a small connection, and a time of `message_ms` for what it
 * could not send. */
static void start_with(struct side *s, const char *transports, uint32_t packet_size,
                       uint32_t message_ms)
{
    struct pipc_hello hello = session_hello();
    struct pipc_session_settings settings = session_settings();

    memset(s, 0, sizeof(*s));
    session_control_reset();
    session_control.sndbuf = 32768;
    hello.packet_size = packet_size;
    hello.max_request_payload_bytes = 10000;
    settings.max_request_payload_bytes = 10000;
    settings.max_response_payload_bytes = BIG;
    settings.message_timeout_ms = message_ms;
    session_rig_open(&s->rig, transports, &settings);
    s->session = session_rig_server(&s->rig, &hello, &s->raw);
    s->bytes = malloc(BIG);
    CHECK(s->bytes);
    session_fill(s->bytes, BIG);
}

static void start(struct side *s)
{
    start_with(s, NULL, PACKET, 0);
}

static void done(struct side *s)
{
    free(s->bytes);
    pipc_session_close(s->session);
    if (s->raw >= 0)
        close(s->raw);
    session_rig_close(&s->rig);
}

static pipc_result take(struct side *s, uint64_t ms, uint64_t message_ms)
{
    memset(&s->got, 0, sizeof(s->got));
    s->got.size = sizeof(s->got);
    return pipc_session_receive(s->session, ms, message_ms, PIPC_NO_HANDLE, &s->got, NULL);
}

static uint32_t state(struct side *s)
{
    return session_status(s->session).state;
}

static pipc_result send_now(struct side *s, uint64_t id, size_t len)
{
    const struct pipc_message m = session_response(id, s->bytes, len);

    return pipc_session_send(s->session, &m, PIPC_NOW, PIPC_NO_HANDLE, NULL);
}

/* ---- receive ---- */

TEST(session_now, nothing_there_is_timeout_at_once)
{
    struct side s;

    start(&s);
    const unsigned receives = session_control.receives;
    const uint64_t begin = test_now_ms();
    for (unsigned i = 0; i < 100; i++)
        CHECK_RESULT(take(&s, PIPC_NOW, 0), PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - begin < test_limit(100));
    CHECK_EQ(session_control.receives, receives + 100); /* one call of the channel each */
    CHECK_EQ(state(&s), PIPC_SESSION_OPEN);
    done(&s);
}

static void in_pieces(uint32_t packet_size, uint32_t len, uint32_t pieces)
{
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 7, len);
    uint8_t packet[PACKET];
    struct side s;

    start_with(&s, NULL, packet_size, 0);
    for (uint32_t k = 0; k < pieces; k++) {
        CHECK_RESULT(take(&s, PIPC_NOW, 0), PIPC_ERR_TIMEOUT);
        CHECK_EQ(state(&s), PIPC_SESSION_OPEN);
        session_raw_send(s.raw, packet, session_raw_chunk(&h, packet_size, k, packet));
    }
    CHECK_OK(take(&s, PIPC_NOW, 0));
    CHECK_EQ(s.got.payload_len, len);
    CHECK(session_filled(s.got.payload, len));
    CHECK_RESULT(take(&s, PIPC_NOW, 0), PIPC_ERR_TIMEOUT);
    done(&s);
}

TEST(session_now, message_in_1_piece_is_taken)
{
    in_pieces(PACKET, 100, 1);
}

TEST(session_now, message_in_2_pieces_with_a_call_between_is_taken)
{
    in_pieces(128, 97, 2);
}

TEST(session_now, message_in_100_pieces_with_calls_between_is_taken)
{
    in_pieces(128, 9600, 100);
}

TEST(session_now, all_packets_there_are_one_call)
{
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 7, 500);
    uint8_t packet[200];
    struct side s;

    start_with(&s, NULL, 128, 0);
    for (uint32_t k = 0; k < 6; k++)
        session_raw_send(s.raw, packet, session_raw_chunk(&h, 128, k, packet));
    CHECK_OK(take(&s, PIPC_NOW, 0));
    CHECK(s.got.payload_len == 500 && session_filled(s.got.payload, 500));
    done(&s);
}

/* Keeps the first packet of a message of 500 bytes at packet size 128. */
static void keep_one(struct side *s, uint64_t message_ms)
{
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 7, 500);
    uint8_t packet[200];

    /* On a busy machine the time of the message may pass within the call, but not each time. */
    for (int i = 0; i < 3; i++) {
        start_with(s, NULL, 128, 0);
        session_raw_send(s->raw, packet, session_raw_chunk(&h, 128, 0, packet));
        CHECK_RESULT(take(s, PIPC_NOW, message_ms), PIPC_ERR_TIMEOUT);
        if (!message_ms || state(s) == PIPC_SESSION_OPEN || i == 2)
            break;
        done(s);
    }
    CHECK_EQ(state(s), PIPC_SESSION_OPEN);
}

static void send_rest(struct side *s)
{
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 7, 500);
    uint8_t packet[200];

    for (uint32_t k = 1; k < 6; k++)
        session_raw_send(s->raw, packet, session_raw_chunk(&h, 128, k, packet));
}

TEST(session_now, blocking_receive_goes_on_with_the_part_that_was_kept)
{
    struct side s;

    keep_one(&s, 0);
    send_rest(&s);
    CHECK_OK(take(&s, TEST_LONG, 0));
    CHECK(s.got.payload_len == 500 && session_filled(s.got.payload, 500));
    done(&s);
}

TEST(session_now, silent_peer_breaks_at_the_time_of_the_message_seen_by_a_receive)
{
    struct side s;

    keep_one(&s, 60);
    const uint64_t begin = test_now_ms();
    while (take(&s, PIPC_NOW, 60) == PIPC_ERR_TIMEOUT && state(&s) == PIPC_SESSION_OPEN)
        usleep(2000);
    CHECK(test_now_ms() - begin < test_limit(360));
    CHECK_EQ(state(&s), PIPC_SESSION_BROKEN);
    CHECK_RESULT(session_status(s.session).broken_by, PIPC_ERR_TIMEOUT);
    CHECK_RESULT(take(&s, PIPC_NOW, 60), PIPC_ERR_BROKEN);
    done(&s);
}

TEST(session_now, silent_peer_breaks_at_the_time_of_the_message_seen_by_a_blocking_receive)
{
    struct side s;

    keep_one(&s, 60);
    const uint64_t begin = test_now_ms();
    CHECK_RESULT(take(&s, 0, 0), PIPC_ERR_TIMEOUT); /* the earlier time stays in force */
    CHECK(test_now_ms() - begin < test_limit(360));
    CHECK_EQ(state(&s), PIPC_SESSION_BROKEN);
    done(&s);
}

TEST(session_now, silent_peer_breaks_at_the_time_of_the_message_seen_by_a_send)
{
    struct side s;

    keep_one(&s, 30);
    usleep(40000);
    CHECK_RESULT(send_now(&s, 1, 10), PIPC_ERR_TIMEOUT);
    CHECK_EQ(state(&s), PIPC_SESSION_BROKEN);
    done(&s);
}

TEST(session_now, rest_that_is_there_after_the_time_of_the_message_is_too_late)
{
    for (int form = 0; form < 2; form++) {
        struct side s;
        keep_one(&s, 30);
        usleep(40000);
        send_rest(&s);
        CHECK_RESULT(take(&s, form ? TEST_LONG : PIPC_NOW, 0), PIPC_ERR_TIMEOUT);
        CHECK_EQ(state(&s), PIPC_SESSION_BROKEN);
        done(&s);
    }
}

TEST(session_now, send_between_the_parts_of_a_received_message_works)
{
    uint8_t packet[200];
    struct side s;

    keep_one(&s, 0);
    CHECK_OK(send_now(&s, 1, 10));
    CHECK_EQ(session_raw_receive(s.raw, packet, sizeof(packet), 0), 42);
    send_rest(&s);
    CHECK_OK(take(&s, PIPC_NOW, 0));
    CHECK(session_filled(s.got.payload, 500));
    done(&s);
}

/* ---- send ---- */

/* Small answers until the connection is full. */
static unsigned fill(struct side *s)
{
    unsigned n = 0;

    while (send_now(s, 1, 10) == PIPC_OK && n < 100000)
        n++;
    CHECK_EQ(state(s), PIPC_SESSION_OPEN);
    return n;
}

TEST(session_now, full_connection_takes_nothing_and_has_no_id_in_flight)
{
    struct pipc_session *client;
    struct session_rig rig;
    struct pipc_session *server;
    pipc_result result = PIPC_OK;
    uint64_t id = 0;

    session_control_reset();
    session_control.sndbuf = 8192;
    session_rig_open(&rig, NULL, NULL);
    session_rig_both(&rig, NULL, &client, &server);
    for (; result == PIPC_OK; id++) {
        const struct pipc_message m = session_request(id, NULL, 0);
        result = pipc_session_send(client, &m, PIPC_NOW, PIPC_NO_HANDLE, NULL);
    }
    CHECK_RESULT(result, PIPC_ERR_TIMEOUT);
    CHECK_EQ(pipc_session_in_flight(client, NULL, 0), id - 1);
    CHECK_EQ(pipc_session_wants_room(client), 0);
    CHECK_EQ(session_status(client).state, PIPC_SESSION_OPEN);
    pipc_session_close(client);
    pipc_session_close(server);
    session_rig_close(&rig);
}

/* Reads packets of one chunked answer until `len` bytes have come; checks their pattern. */
static size_t collect(struct side *s, uint8_t *whole, size_t have)
{
    uint8_t packet[PACKET];
    int n;

    while ((n = session_raw_receive(s->raw, packet, sizeof(packet), 0)) > 0) {
        memcpy(whole + have, packet + 32, (size_t)n - 32);
        have += (size_t)n - 32;
    }
    return have;
}

TEST(session_now, half_a_message_is_taken_and_goes_out_with_later_receives)
{
    uint8_t *const whole = malloc(BIG + PACKET);
    struct side s;
    size_t have = 0;

    CHECK(whole);
    start(&s);
    CHECK_OK(send_now(&s, 7, BIG));
    memset(s.bytes, 0, BIG); /* the rest was copied */
    CHECK_EQ(pipc_session_wants_room(s.session), 1);
    session_fill(s.bytes, BIG);
    CHECK_RESULT(send_now(&s, 8, 10), PIPC_ERR_TIMEOUT); /* one message at most */
    for (unsigned i = 0; have < BIG && i < 10000; i++) {
        have = collect(&s, whole, have);
        struct pollfd p = {.fd = (int)pipc_session_wait_handle(s.session), .events = POLLOUT};
        CHECK(pipc_session_wants_room(s.session) == 0 || poll(&p, 1, 1000) == 1);
        CHECK_RESULT(take(&s, PIPC_NOW, 0), PIPC_ERR_TIMEOUT);
    }
    CHECK_EQ(have, BIG);
    CHECK(session_filled(whole, BIG));
    CHECK_EQ(pipc_session_wants_room(s.session), 0);
    CHECK_OK(send_now(&s, 8, 10));
    free(whole);
    done(&s);
}

TEST(session_now, rest_goes_out_before_the_next_message_of_either_form)
{
    uint8_t *const whole = malloc(BIG + PACKET);
    uint8_t packet[PACKET];
    struct side s;
    size_t have = 0;

    CHECK(whole);
    start(&s);
    CHECK_OK(send_now(&s, 7, BIG));
    while (pipc_session_wants_room(s.session)) {
        const struct pipc_message m = session_response(8, "x", 1);
        have = collect(&s, whole, have);
        const pipc_result result = pipc_session_send(s.session, &m, 1, PIPC_NO_HANDLE, NULL);
        CHECK((result == PIPC_OK) == !pipc_session_wants_room(s.session));
        CHECK(result == PIPC_OK || result == PIPC_ERR_TIMEOUT);
    }
    int n;
    while ((n = session_raw_receive(s.raw, packet, sizeof(packet), 0)) > 0 && have < BIG) {
        memcpy(whole + have, packet + 32, (size_t)n - 32);
        have += (size_t)n - 32;
    }
    CHECK_EQ(have, BIG);
    CHECK(session_filled(whole, BIG));
    CHECK_EQ(n, 33); /* and then the small one */
    free(whole);
    done(&s);
}

struct reader {
    int fd;
    uint8_t *whole;
    size_t have;
    bool send_request;
};

static void *read_all(void *arg)
{
    struct reader *const r = arg;
    uint8_t packet[PACKET];

    usleep(20000);
    while (r->have < BIG) {
        const int n = session_raw_receive(r->fd, packet, sizeof(packet), TEST_LONG);
        if (n <= 32)
            break;
        memcpy(r->whole + r->have, packet + 32, (size_t)n - 32);
        r->have += (size_t)n - 32;
    }
    if (r->send_request) {
        const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 7, 0);
        session_raw_message(r->fd, &h, NULL, 0);
    }
    return NULL;
}

static void rest_during_blocking_receive(const char *transports)
{
    struct reader r = {.send_request = true};
    pthread_t thread;
    struct side s;

    start_with(&s, transports, PACKET, 0);
    r.fd = s.raw;
    r.whole = malloc(BIG + PACKET);
    CHECK(r.whole);
    CHECK_OK(send_now(&s, 7, BIG));
    CHECK_EQ(pipc_session_wants_room(s.session), 1);
    CHECK_RESULT(take(&s, 5, 0), PIPC_ERR_TIMEOUT);
    CHECK(pthread_create(&thread, NULL, read_all, &r) == 0);
    CHECK_OK(take(&s, 20000, 0)); /* the request comes only when the answer is out */
    pthread_join(thread, NULL);
    CHECK_EQ(r.have, BIG);
    CHECK(session_filled(r.whole, BIG));
    free(r.whole);
    done(&s);
}

TEST(session_now, rest_goes_out_during_a_blocking_receive)
{
    rest_during_blocking_receive(NULL);
}

TEST(session_now, rest_goes_out_during_a_blocking_receive_without_a_handle)
{
    rest_during_blocking_receive("blind");
}

/* Room in the connection is no buffer in the system, and nothing tells of one. */
TEST(session_now, blocking_receive_does_not_spin_while_the_system_has_no_buffer_for_a_rest)
{
    uint8_t *const whole = malloc(BIG + PACKET);
    struct side s;

    CHECK(whole);
    start(&s);
    CHECK_OK(send_now(&s, 7, BIG));
    size_t have = collect(&s, whole, 0);
    __atomic_store_n(&session_control.starved, true, __ATOMIC_RELAXED);
    const unsigned sends = session_control.sends;
    const uint64_t begin = test_now_ms();
    CHECK_RESULT(take(&s, 100, 0), PIPC_ERR_TIMEOUT);
    const uint64_t took = test_now_ms() - begin;
    CHECK(session_control.sends - sends <= 10 + took);
    CHECK_EQ(state(&s), PIPC_SESSION_OPEN);
    __atomic_store_n(&session_control.starved, false, __ATOMIC_RELAXED);
    while (have < BIG) {
        CHECK_RESULT(take(&s, PIPC_NOW, 0), PIPC_ERR_TIMEOUT);
        have = collect(&s, whole, have);
    }
    CHECK(session_filled(whole, BIG));
    free(whole);
    done(&s);
}

TEST(session_now, request_is_taken_while_a_rest_waits)
{
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 7, 0);
    struct side s;

    start(&s);
    CHECK_OK(send_now(&s, 7, BIG));
    session_raw_message(s.raw, &h, NULL, 0);
    CHECK_OK(take(&s, TEST_LONG, 0));
    CHECK_EQ(pipc_session_wants_room(s.session), 1);
    session_raw_message(s.raw, &h, NULL, 0);
    CHECK_OK(take(&s, PIPC_NOW, 0));
    done(&s);
}

TEST(session_now, abort_that_is_no_handle_is_told_while_a_rest_waits)
{
    struct side s;

    start(&s);
    CHECK_OK(send_now(&s, 7, BIG));
    s.got.size = sizeof(s.got);
    CHECK_RESULT(pipc_session_receive(s.session, 0, 0, 100000, &s.got, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_EQ(state(&s), PIPC_SESSION_OPEN);
    done(&s);
}

static void *write_later(void *arg)
{
    const int *const fd = arg;

    usleep(20000);
    CHECK(write(*fd, "x", 1) == 1);
    return NULL;
}

TEST(session_now, abort_that_comes_while_a_rest_waits_ends_the_receive)
{
    struct side s;
    int ends[2];
    pthread_t thread;

    start(&s);
    session_control.now_is_blind = true;
    CHECK(pipe(ends) == 0);
    CHECK_OK(send_now(&s, 7, BIG));
    CHECK(pthread_create(&thread, NULL, write_later, &ends[1]) == 0);
    s.got.size = sizeof(s.got);
    CHECK_RESULT(pipc_session_receive(s.session, 0, 0, ends[0], &s.got, NULL), PIPC_ERR_ABORTED);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQ(state(&s), PIPC_SESSION_OPEN);
    close(ends[0]);
    close(ends[1]);
    done(&s);
}

TEST(session_now, abort_is_seen_while_a_rest_waits)
{
    struct side s;
    int ends[2];

    start(&s);
    session_control.now_is_blind = true;
    CHECK(pipe(ends) == 0);
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK_OK(send_now(&s, 7, BIG));
    s.got.size = sizeof(s.got);
    CHECK_RESULT(pipc_session_receive(s.session, 0, 0, ends[0], &s.got, NULL), PIPC_ERR_ABORTED);
    const struct pipc_message m = session_response(8, "x", 1);
    CHECK_RESULT(pipc_session_send(s.session, &m, 0, ends[0], NULL), PIPC_ERR_ABORTED);
    CHECK_EQ(state(&s), PIPC_SESSION_OPEN);
    CHECK_EQ(pipc_session_wants_room(s.session), 1);
    close(ends[0]);
    close(ends[1]);
    done(&s);
}

static void breaks_in_time(struct side *s, pipc_result (*call)(struct side *s))
{
    const uint64_t begin = test_now_ms();

    CHECK_OK(send_now(s, 7, BIG));
    pipc_result result = PIPC_ERR_TIMEOUT;
    while (state(s) == PIPC_SESSION_OPEN && test_now_ms() - begin < TEST_LONG) {
        result = call(s);
        usleep(2000);
    }
    CHECK_RESULT(result, PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - begin >= 50);
    CHECK(test_now_ms() - begin < test_limit(460));
    CHECK_RESULT(session_status(s->session).broken_by, PIPC_ERR_TIMEOUT);
    CHECK_EQ(pipc_session_wants_room(s->session), 0);
}

static pipc_result call_receive_now(struct side *s)
{
    return take(s, PIPC_NOW, 0);
}

static pipc_result call_receive(struct side *s)
{
    return take(s, 0, 0);
}

static pipc_result call_send_now(struct side *s)
{
    return send_now(s, 8, 1);
}

static pipc_result call_send(struct side *s)
{
    const struct pipc_message m = session_response(8, "x", 1);

    return pipc_session_send(s->session, &m, 0, PIPC_NO_HANDLE, NULL);
}

TEST(session_now, peer_that_stops_reading_breaks_in_time_seen_by_every_call)
{
    pipc_result (*const calls[])(struct side *) = {call_receive_now, call_receive, call_send_now,
                                                   call_send};

    for (size_t i = 0; i < 4; i++) {
        struct side s;
        start_with(&s, NULL, PACKET, 60);
        breaks_in_time(&s, calls[i]);
        done(&s);
    }
}

TEST(session_now, room_after_the_time_of_the_rest_is_too_late)
{
    pipc_result (*const calls[])(struct side *) = {call_receive_now, call_send_now, call_send};
    static uint8_t packet[PACKET];

    for (size_t i = 0; i < 3; i++) {
        struct side s;
        start_with(&s, NULL, PACKET, 30);
        CHECK_OK(send_now(&s, 7, 90000));
        CHECK_EQ(pipc_session_wants_room(s.session), 1);
        usleep(40000);
        while (session_raw_receive(s.raw, packet, sizeof(packet), 0) > 0) {
        }
        CHECK_RESULT(calls[i](&s), PIPC_ERR_TIMEOUT);
        CHECK_EQ(state(&s), PIPC_SESSION_BROKEN);
        done(&s);
    }
}

/* A request above the limit came, with the id 7; its answer may have a payload. */
static void refuse(struct side *s)
{
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 7, 20000);

    session_raw_message(s->raw, &h, NULL, 0);
    CHECK_RESULT(take(s, PIPC_NOW, 0), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_EQ(state(s), PIPC_SESSION_REFUSED);
}

TEST(session_now, rest_of_the_answer_to_a_refused_request_goes_out_with_later_calls)
{
    uint8_t *const whole = malloc(BIG + PACKET);

    CHECK(whole);
    for (int form = 0; form < 2; form++) {
        struct side s;
        size_t have = 0;
        pipc_result result = PIPC_ERR_TIMEOUT;
        start(&s);
        refuse(&s);
        CHECK_OK(send_now(&s, 7, BIG));
        while (have < BIG && result == PIPC_ERR_TIMEOUT) {
            have = collect(&s, whole, have);
            struct pollfd p = {.fd = (int)pipc_session_wait_handle(s.session), .events = POLLOUT};
            CHECK(pipc_session_wants_room(s.session) == 0 || poll(&p, 1, TEST_LONG) == 1);
            result = form ? send_now(&s, 7, 10) : take(&s, PIPC_NOW, 0);
        }
        CHECK_RESULT(result, PIPC_ERR_BROKEN); /* only close is left */
        CHECK_EQ(pipc_session_wants_room(s.session), 0);
        CHECK_EQ(collect(&s, whole, have), BIG);
        CHECK(session_filled(whole, BIG));
        done(&s);
    }
    free(whole);
}

TEST(session_now, rest_of_the_answer_to_a_refused_request_has_its_time)
{
    pipc_result (*const calls[])(struct side *) = {call_receive_now, call_receive, call_send_now,
                                                   call_send};

    for (size_t i = 0; i < 4; i++) {
        struct side s;
        start_with(&s, NULL, PACKET, 60);
        refuse(&s);
        CHECK_OK(send_now(&s, 7, BIG));
        const uint64_t begin = test_now_ms();
        while (calls[i](&s) == PIPC_ERR_TIMEOUT && state(&s) == PIPC_SESSION_REFUSED)
            usleep(2000);
        CHECK_EQ(state(&s), PIPC_SESSION_BROKEN);
        CHECK_EQ(pipc_session_wants_room(s.session), 0);
        CHECK(test_now_ms() - begin < test_limit(460));
        done(&s);
    }
}

TEST(session_now, close_with_a_rest_neither_blocks_nor_leaks)
{
    struct side s;

    start(&s);
    CHECK_OK(send_now(&s, 7, BIG));
    const uint64_t begin = test_now_ms();
    pipc_session_close(s.session);
    s.session = NULL;
    CHECK(test_now_ms() - begin < test_limit(50));
    done(&s);
}

TEST(session_now, peer_that_closes_breaks_the_rest)
{
    struct side s;

    start(&s);
    CHECK_OK(send_now(&s, 7, BIG));
    close(s.raw);
    s.raw = -1;
    CHECK_RESULT(take(&s, TEST_LONG, 0), PIPC_ERR_SEND);
    CHECK_EQ(state(&s), PIPC_SESSION_BROKEN);
    done(&s);
}

TEST(session_now, full_connection_takes_nothing_of_a_chunked_message_either)
{
    struct side s;

    start(&s);
    fill(&s);
    CHECK_RESULT(send_now(&s, 7, BIG), PIPC_ERR_TIMEOUT);
    CHECK_EQ(pipc_session_wants_room(s.session), 0);
    done(&s);
}

TEST(session_now, peer_that_stops_between_chunks_does_not_hold_63_others)
{
    enum { SESSIONS = 64 };
    const struct pipc_header big = session_header(PIPC_KIND_REQUEST, 1, 500);
    const struct pipc_header small = session_header(PIPC_KIND_REQUEST, 2, 0);
    struct pipc_session *sessions[SESSIONS];
    struct pipc_hello hello = session_hello();
    struct session_rig rig;
    int raws[SESSIONS];
    uint8_t packet[200];
    unsigned served = 0;

    session_control_reset();
    hello.packet_size = 128;
    session_rig_open(&rig, NULL, NULL);
    for (int i = 0; i < SESSIONS; i++)
        sessions[i] = session_rig_server(&rig, &hello, &raws[i]);
    session_raw_send(raws[0], packet, session_raw_chunk(&big, 128, 0, packet));
    const uint64_t begin = test_now_ms();
    for (int i = 1; i < SESSIONS; i++)
        session_raw_message(raws[i], &small, NULL, 0);
    for (int i = 0; i < SESSIONS; i++) {
        struct pipc_message m = {.size = sizeof(m)};
        const pipc_result result =
            pipc_session_receive(sessions[i], PIPC_NOW, 0, PIPC_NO_HANDLE, &m, NULL);
        CHECK_RESULT(result, i ? (pipc_result)PIPC_OK : (pipc_result)PIPC_ERR_TIMEOUT);
        served += result == PIPC_OK;
    }
    CHECK_EQ(served, 63);
    CHECK(test_now_ms() - begin < test_limit(100));
    for (int i = 0; i < SESSIONS; i++) {
        pipc_session_close(sessions[i]);
        close(raws[i]);
    }
    session_rig_close(&rig);
}
