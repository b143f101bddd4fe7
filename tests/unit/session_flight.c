/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests in flight (level1-transport.md 10): edges of ids, reuse, thousands outstanding in every
 * order, what a break leaves, late answers.
 */
#include "session_rig.h"
#include "test.h"

#include <unistd.h>

struct side {
    struct pipc_context *context;
    struct pipc_session *session;
    int raw;
};

static void start(struct side *s)
{
    session_control_reset();
    s->context = session_context(NULL, NULL);
    s->session = session_rig_client(s->context, NULL, NULL, &s->raw);
}

static void done(struct side *s)
{
    pipc_session_close(s->session);
    close(s->raw);
    CHECK_OK(pipc_close(s->context));
}

/* Sends a request and takes its packet away. */
static void ask(struct side *s, uint64_t id)
{
    const struct pipc_message m = session_request(id, NULL, 0);
    uint8_t packet[64];

    CHECK_OK(session_send(s->session, &m));
    CHECK_EQ(session_raw_receive(s->raw, packet, sizeof(packet), TEST_LONG), 32);
}

static void answer(struct side *s, uint64_t id)
{
    const struct pipc_header h = session_header(PIPC_KIND_RESPONSE, id, 0);

    session_raw_message(s->raw, &h, NULL, 0);
}

static void expect_answer(struct side *s, uint64_t id)
{
    struct pipc_message got;

    CHECK_OK(session_receive(s->session, &got));
    CHECK_EQ(got.message_id, id);
}

TEST(session_flight, ids_0_and_the_largest_work_and_are_free_after_their_answer)
{
    struct side s;

    start(&s);
    for (unsigned round = 0; round < 3; round++) {
        ask(&s, 0);
        ask(&s, UINT64_MAX);
        CHECK_EQ(pipc_session_in_flight(s.session, NULL, 0), 2);
        answer(&s, UINT64_MAX);
        answer(&s, 0);
        expect_answer(&s, UINT64_MAX);
        expect_answer(&s, 0);
        CHECK_EQ(pipc_session_in_flight(s.session, NULL, 0), 0);
    }
    done(&s);
}

/* Request number i has this id. */
static uint64_t id_of(unsigned i)
{
    return i * UINT64_C(0x9e3779b97f4a7c15);
}

static unsigned order_of(unsigned how, unsigned i, unsigned count)
{
    return how == 0 ? i : how == 1 ? count - 1 - i : (unsigned)((i * UINT64_C(7919)) % count);
}

static void outstanding(unsigned count)
{
    for (unsigned how = 0; how < 3; how++) {
        struct side s;
        start(&s);
        for (unsigned i = 0; i < count; i++)
            ask(&s, id_of(i));
        CHECK_EQ(pipc_session_in_flight(s.session, NULL, 0), count);
        for (unsigned i = 0; i < count; i++) {
            const uint64_t id = id_of(order_of(how, i, count));
            answer(&s, id);
            expect_answer(&s, id);
        }
        CHECK_EQ(pipc_session_in_flight(s.session, NULL, 0), 0);
        done(&s);
    }
}

TEST(session_flight, answers_in_order_reversed_and_shuffled_to_1_request)
{
    outstanding(1);
}

TEST(session_flight, answers_in_order_reversed_and_shuffled_to_100_requests)
{
    outstanding(100);
}

TEST(session_flight, answers_in_order_reversed_and_shuffled_to_10000_requests)
{
    outstanding(10000);
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

TEST(session_flight, break_lists_exactly_the_ids_outstanding)
{
    uint64_t ids[8] = {0};
    struct pipc_message m = session_request(77, NULL, 0), got;
    struct side s;

    start(&s);
    for (uint64_t id = 0; id < 6; id++)
        ask(&s, id);
    answer(&s, 2);
    expect_answer(&s, 2);
    answer(&s, 99);
    CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_UNKNOWN_MSG_ID);
    CHECK_EQ(pipc_session_in_flight(s.session, ids, 8), 5);
    qsort(ids, 5, sizeof(ids[0]), by_value);
    CHECK(ids[0] == 0 && ids[1] == 1 && ids[2] == 3 && ids[3] == 4 && ids[4] == 5);
    CHECK_EQ(session_status(s.session).in_flight, 5);
    CHECK_RESULT(session_send(s.session, &m), PIPC_ERR_BROKEN);
    CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_BROKEN);
    CHECK_EQ(pipc_session_in_flight(s.session, ids, 2), 5);
    done(&s);
}

TEST(session_flight, id_of_a_message_that_breaks_stays_failed)
{
    struct pipc_header h = session_header(PIPC_KIND_RESPONSE, 3, 0);
    struct pipc_message got;
    uint64_t id = 0;
    struct side s;

    start(&s);
    ask(&s, 3);
    h.version = 9;
    session_raw_message(s.raw, &h, NULL, 0);
    CHECK_RESULT(session_receive(s.session, &got), PIPC_ERR_PROTOCOL);
    CHECK_EQ(pipc_session_in_flight(s.session, &id, 1), 1);
    CHECK_EQ(id, 3);
    done(&s);
}

TEST(session_flight, late_answer_after_a_timeout_is_delivered)
{
    struct pipc_message got = {.size = sizeof(got)};
    struct side s;

    start(&s);
    ask(&s, 5);
    CHECK_RESULT(pipc_session_receive(s.session, 10, 0, PIPC_NO_HANDLE, &got, NULL),
                 PIPC_ERR_TIMEOUT);
    CHECK_EQ(pipc_session_in_flight(s.session, NULL, 0), 1);
    ask(&s, 6);
    answer(&s, 5);
    answer(&s, 6);
    expect_answer(&s, 5);
    expect_answer(&s, 6);
    done(&s);
}

/* Milliseconds that 2000 of them take. */
static unsigned round_trips(struct side *s)
{
    const uint64_t begin = test_now_ms();

    for (unsigned i = 0; i < 2000; i++) {
        ask(s, 1);
        answer(s, 1);
        expect_answer(s, 1);
    }
    return (unsigned)(test_now_ms() - begin);
}

TEST(session_flight, ten_thousand_outstanding_do_not_slow_down_a_round_trip)
{
    struct side s;

    start(&s);
    const unsigned small = round_trips(&s);
    for (unsigned i = 0; i < 10000; i++)
        ask(&s, 10 + id_of(i));
    unsigned large = round_trips(&s);
    /* The best of three, because a busy machine may stand still in any of them. */
    for (int i = 0; i < 2 && large > 3 * small + 50 * test_slow(); i++)
        large = round_trips(&s);
    CHECK_MSG(large <= 3 * small + 50 * test_slow(), "%u ms with 10000 outstanding, %u without",
              large, small);
    done(&s);
}
