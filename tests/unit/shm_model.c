/* SPDX-License-Identifier: Apache-2.0
 *
 * A model of one publication and one wait, checked exhaustively: every interleaving of the steps of
 * sections 7 and 8, with the orders of 9.1, and with orders that are wrong, which must be found.
 *
 * With release stores and acquire loads alone, neither side's steps are reordered among each other
 * in a way that the other side could see, so interleaving whole steps covers them. The kernel's
 * comparison and sleep are one step, as the kernel promises.
 */
#include "test.h"

/* Steps of the publisher. */
enum step { BYTES, LEN, SEQ, SIGNAL, WAKE, STEPS };

/* Where the waiter is. */
enum place { LOAD_SIGNAL, LOAD_SEQ, SLEEP, ASLEEP, LOAD_LEN, COPY, DONE };

struct state {
    uint8_t next; /* step of the publisher */
    uint8_t place;
    uint8_t bytes, len, seq, signal; /* shared */
    uint8_t seen_signal, seen_len;   /* the waiter's own */
    uint8_t copied;
};

struct order {
    enum step steps[STEPS];
    bool seq_before_signal; /* the waiter reads seq first: wrong */
    bool len_before_seq;    /* it reads the length too early: wrong */
};

static unsigned states, lost, torn, done;

static void publish(struct state *s, enum step step)
{
    switch (step) {
    case BYTES:
        s->bytes = 1;
        break;
    case LEN:
        s->len = 1;
        break;
    case SEQ:
        s->seq = 1;
        break;
    case SIGNAL:
        s->signal = 1;
        break;
    default:
        if (s->place == ASLEEP)
            s->place = LOAD_SIGNAL;
        break;
    }
}

/* One step of the waiter; false: it cannot go on. */
static bool wait_step(struct state *s, const struct order *order)
{
    switch (s->place) {
    case LOAD_SIGNAL:
        if (order->len_before_seq)
            s->seen_len = s->len;
        if (order->seq_before_signal && s->seq) {
            s->place = LOAD_LEN;
            return true;
        }
        if (order->seq_before_signal) {
            s->place = LOAD_SEQ;
            return true;
        }
        s->seen_signal = s->signal;
        s->place = LOAD_SEQ;
        return true;
    case LOAD_SEQ:
        if (order->seq_before_signal) {
            s->seen_signal = s->signal;
            s->place = SLEEP;
            return true;
        }
        s->place = s->seq ? LOAD_LEN : SLEEP;
        return true;
    case SLEEP:
        s->place = s->signal == s->seen_signal ? ASLEEP : LOAD_SIGNAL;
        return true;
    case LOAD_LEN:
        if (!order->len_before_seq)
            s->seen_len = s->len;
        s->place = COPY;
        return true;
    case COPY:
        s->copied = s->bytes;
        s->place = DONE;
        return true;
    default:
        return false;
    }
}

/* Every way on from here. A waiter that turns without a publication is back where it was, so the
 * depth is bounded by the publisher's steps and by going round once between two of them. */
static void explore(struct state s, const struct order *order, unsigned turns)
{
    bool stuck = true;

    states++;
    if (s.place == DONE) {
        torn += !s.seen_len || !s.copied;
        done++;
    }
    if (s.next < STEPS) {
        struct state after = s;
        publish(&after, order->steps[after.next++]);
        explore(after, order, 0);
        stuck = false;
    }
    if (turns < 8) {
        struct state after = s;
        if (wait_step(&after, order)) {
            explore(after, order, turns + 1);
            stuck = false;
        }
    }
    /* All is published, and the waiter sleeps with nobody left to wake it. */
    lost += stuck && s.place == ASLEEP;
}

static void check(const struct order *order)
{
    const struct state begin = {0};

    states = lost = torn = done = 0;
    explore(begin, order, 0);
    CHECK(states > 100 && done > 0);
}

static const struct order right = {{BYTES, LEN, SEQ, SIGNAL, WAKE}, false, false};

TEST(shm_model, right_orders_lose_no_wake_up_and_tear_no_message)
{
    check(&right);
    CHECK_EQ(lost, 0);
    CHECK_EQ(torn, 0);
}

TEST(shm_model, wake_before_seq_loses_a_wake_up)
{
    const struct order wrong = {{BYTES, LEN, SIGNAL, WAKE, SEQ}, false, false};

    check(&wrong);
    CHECK(lost > 0);
}

TEST(shm_model, wake_before_the_change_of_signal_loses_a_wake_up)
{
    const struct order wrong = {{BYTES, LEN, SEQ, WAKE, SIGNAL}, false, false};

    check(&wrong);
    CHECK(lost > 0);
}

TEST(shm_model, seq_before_signal_in_the_waiter_loses_a_wake_up)
{
    struct order wrong = right;

    wrong.seq_before_signal = true;
    check(&wrong);
    CHECK(lost > 0);
}

TEST(shm_model, seq_before_bytes_or_length_tears_a_message)
{
    const struct order bytes_last = {{LEN, SEQ, SIGNAL, WAKE, BYTES}, false, false};
    const struct order len_last = {{BYTES, SEQ, LEN, SIGNAL, WAKE}, false, false};

    check(&bytes_last);
    CHECK(torn > 0);
    check(&len_last);
    CHECK(torn > 0);
}

TEST(shm_model, length_read_before_seq_tears_a_message)
{
    struct order wrong = right;

    wrong.len_before_seq = true;
    check(&wrong);
    CHECK(torn > 0);
}
