/* SPDX-License-Identifier: Apache-2.0
 *
 * The decision of pipc/wait.h between spinning and sleeping, fed with numbers in place of time.
 */
#include "test.h"

#include <pipc/wait.h>

#define COST UINT64_C(50000)

static struct pipc_waiter waiter_of(uint32_t spin_us, uint32_t cpus, uint64_t cost)
{
    struct pipc_waiter waiter;

    memset(&waiter, 0xff, sizeof(waiter));
    pipc_waiter_init(&waiter, spin_us, cpus, cost);
    return waiter;
}

/* A side that waits, in time that the test makes. */
struct side {
    struct pipc_waiter waiter;
    uint64_t now;
    uint64_t burned; /* in the CPU, by spinning */
};

static struct side side_of(uint32_t spin_us, uint32_t cpus)
{
    return (struct side){.waiter = waiter_of(spin_us, cpus, COST), .now = 1000};
}

/* `pause_ns` after the last wait a new one begins, whose answer comes `after_ns`; a sleep adds its
 * cost. Returns the budget of the spin. */
static uint64_t wait_once(struct side *side, uint64_t pause_ns, uint64_t after_ns)
{
    uint64_t budget;

    side->now += pause_ns;
    budget = pipc_waiter_begin(&side->waiter, side->now);
    if (after_ns < budget) {
        pipc_waiter_note_spin(&side->waiter);
        side->burned += after_ns;
        side->now += after_ns;
    } else {
        pipc_waiter_note_slept(&side->waiter, 1);
        side->burned += budget;
        side->now += (after_ns > budget ? after_ns : budget) + COST;
    }
    return budget;
}

TEST(wait_policy, new_waiter_knows_nothing_and_may_spin)
{
    struct pipc_waiter waiter = waiter_of(PIPC_SPIN_ADAPTIVE, 4, COST);

    CHECK_EQ(waiter.spins, 0);
    CHECK_EQ(waiter.sleeps, 0);
    CHECK_EQ(waiter.wakeups, 0);
    CHECK(pipc_waiter_expects(&waiter));
    CHECK_EQ(pipc_waiter_begin(&waiter, 1), COST);
}

TEST(wait_policy, off_and_a_single_cpu_never_spin)
{
    struct side sides[] = {side_of(PIPC_SPIN_OFF, 4), side_of(PIPC_SPIN_ADAPTIVE, 1),
                           side_of(PIPC_SPIN_ADAPTIVE, 0), side_of(20, 1)};
    size_t s;
    int i;

    for (s = 0; s < sizeof(sides) / sizeof(sides[0]); s++) {
        for (i = 0; i < 200; i++) {
            CHECK(!pipc_waiter_expects(&sides[s].waiter));
            CHECK_EQ(wait_once(&sides[s], 100, 100), 0);
        }
        CHECK_EQ(sides[s].waiter.sleeps, 200);
        CHECK_EQ(sides[s].waiter.spins, 0);
    }
}

TEST(wait_policy, microseconds_are_taken_as_they_are)
{
    struct side side = side_of(20, 2), longest = side_of(1000000, 2);
    int i;

    for (i = 0; i < 200; i++) {
        CHECK(pipc_waiter_expects(&side.waiter));
        CHECK_EQ(wait_once(&side, UINT64_C(1000000000), UINT64_C(1000000000)), 20000);
    }
    CHECK_EQ(wait_once(&longest, 0, 0), UINT64_C(1000000000));
}

TEST(wait_policy, dense_messages_are_caught_spinning)
{
    struct side side = side_of(PIPC_SPIN_ADAPTIVE, 2);
    int i;

    for (i = 0; i < 1000; i++)
        wait_once(&side, 1000, 8000);
    CHECK_EQ(side.waiter.spins, 1000);
    CHECK_EQ(side.waiter.sleeps, 0);
}

TEST(wait_policy, budget_is_the_cost_of_one_sleep_or_rarely_of_two)
{
    struct side side = side_of(PIPC_SPIN_ADAPTIVE, 2);
    uint64_t seed = 7;
    unsigned doubled = 0;
    int i;

    for (i = 0; i < 6400; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        const uint64_t budget =
            wait_once(&side, (seed >> 40) % (2 * COST), (seed >> 20) % (4 * COST));
        CHECK_MSG(budget == 0 || budget == COST || budget == 2 * COST, "%" PRIu64, budget);
        doubled += budget == 2 * COST;
    }
    CHECK_MSG(doubled <= 6400 / PIPC_SPIN_RETRY, "%u times", doubled);
}

TEST(wait_policy, sparse_messages_cost_no_spinning_however_soon_their_answers_come)
{
    struct side far = side_of(PIPC_SPIN_ADAPTIVE, 2), near = far;
    int i;

    for (i = 0; i < 1000; i++) {
        wait_once(&far, 0, UINT64_C(1000000));     /* a server asked once in a millisecond */
        wait_once(&near, UINT64_C(1000000), 5000); /* its client */
    }
    CHECK_MSG(far.burned <= 3 * COST, "burned %" PRIu64 " ns", far.burned);
    CHECK_MSG(near.burned <= 3 * COST, "burned %" PRIu64 " ns", near.burned);
    CHECK_EQ(far.waiter.spins, 0);
    CHECK_EQ(far.waiter.sleeps, 1000);
    CHECK_EQ(far.waiter.wakeups, 1000);
    CHECK(!pipc_waiter_expects(&near.waiter));
}

TEST(wait_policy, one_long_pause_does_not_end_spinning_for_long)
{
    struct side side = side_of(PIPC_SPIN_ADAPTIVE, 2);
    int i;

    for (i = 0; i < 100; i++)
        wait_once(&side, 1000, 5000);
    wait_once(&side, 1000, UINT64_C(3600000000000));
    for (i = 0; i < 100; i++)
        wait_once(&side, 1000, 5000);
    CHECK_MSG(side.waiter.spins >= 195, "spins: %" PRIu64, side.waiter.spins);
}

TEST(wait_policy, idle_turns_to_dense_and_spinning_comes_back)
{
    struct side side = side_of(PIPC_SPIN_ADAPTIVE, 2);
    int i;

    for (i = 0; i < 100; i++)
        wait_once(&side, 1000, UINT64_C(1000000000));
    CHECK_EQ(side.waiter.spins, 0);
    for (i = 0; i < 200; i++)
        wait_once(&side, 1000, 5000);
    CHECK_MSG(side.waiter.spins >= 180, "spins: %" PRIu64, side.waiter.spins);
}

TEST(wait_policy, two_sides_that_sleep_find_each_other)
{
    struct side a = side_of(PIPC_SPIN_ADAPTIVE, 2), b = a;
    unsigned i, spins = 0;

    a.waiter.slept_in_row = b.waiter.slept_in_row = PIPC_SPIN_GIVE_UP;
    for (i = 0; i < 2000; i++) {
        /* Who slept answers later by the time of a wake-up, a little more than the cost of a sleep.
         */
        const int b_slept = b.waiter.slept_in_row > 0;
        wait_once(&a, 500, 1000 + (b_slept ? COST + 1000 : 0));
        wait_once(&b, 500, 1000 + (a.waiter.slept_in_row > 0 ? COST + 1000 : 0));
        spins += a.waiter.slept_in_row == 0 && b.waiter.slept_in_row == 0;
    }
    CHECK_MSG(spins >= 1500, "both spun in %u of 2000 rounds", spins);
}

TEST(wait_policy, eight_sleeps_in_a_row_give_up_and_one_of_64_tries_again)
{
    struct side side = side_of(PIPC_SPIN_ADAPTIVE, 2);
    unsigned tries = 0;
    int i;

    /* Just missed each time: dense, and every spin was for nothing. */
    for (i = 0; i < 8; i++) {
        CHECK(pipc_waiter_expects(&side.waiter));
        CHECK_EQ(wait_once(&side, 0, 2 * COST), COST);
    }
    CHECK(!pipc_waiter_expects(&side.waiter));
    for (i = 0; i < 640; i++)
        tries += wait_once(&side, 0, 2 * COST) != 0;
    CHECK_EQ(tries, 10);
}

TEST(wait_policy, one_success_of_a_new_try_ends_giving_up)
{
    struct side side = side_of(PIPC_SPIN_ADAPTIVE, 2);
    int i;

    for (i = 0; i < 8; i++)
        wait_once(&side, 0, COST + 1000);
    for (i = 0; i < 63; i++)
        CHECK_EQ(wait_once(&side, 0, COST + 1000), 0);
    CHECK_EQ(wait_once(&side, 0, COST + 1000), 2 * COST);
    for (i = 0; i < 100; i++)
        CHECK_EQ(wait_once(&side, 0, 1000), COST);
}

TEST(wait_policy, waits_that_looked_at_no_clock_are_counted_into_the_estimate)
{
    struct pipc_waiter waiter = waiter_of(PIPC_SPIN_ADAPTIVE, 2, COST);
    int i;

    CHECK_EQ(pipc_waiter_begin(&waiter, 1000), COST);
    for (i = 0; i < 999; i++)
        pipc_waiter_note_quick(&waiter);
    CHECK_EQ(waiter.spins, 999);
    CHECK_EQ(pipc_waiter_begin(&waiter, 1000 + UINT64_C(1000) * 2000), COST);
    CHECK_MSG(waiter.period_ns <= 2000, "%" PRIu64, waiter.period_ns);
}

TEST(wait_policy, a_sleep_that_nothing_ended_is_no_wakeup)
{
    struct pipc_waiter waiter = waiter_of(PIPC_SPIN_ADAPTIVE, 2, COST);

    pipc_waiter_note_slept(&waiter, 0);
    CHECK_EQ(waiter.sleeps, 1);
    CHECK_EQ(waiter.wakeups, 0);
}

TEST(wait_policy, unknown_and_absurd_costs_are_bounded)
{
    struct pipc_waiter unknown = waiter_of(PIPC_SPIN_ADAPTIVE, 2, 0);
    struct pipc_waiter absurd = waiter_of(PIPC_SPIN_ADAPTIVE, 2, UINT64_MAX);

    CHECK_EQ(pipc_waiter_begin(&unknown, 1), PIPC_SPIN_COST_MIN_NS);
    CHECK_EQ(pipc_waiter_begin(&absurd, 1), PIPC_SPIN_COST_MAX_NS);
    (void)pipc_waiter_begin(&absurd, UINT64_MAX / 2);
    CHECK_EQ(pipc_waiter_begin(&absurd, UINT64_MAX), 0);
    CHECK(absurd.period_ns <= 4 * PIPC_SPIN_DENSE * PIPC_SPIN_COST_MAX_NS);
}

TEST(wait_policy, abort_is_read_from_the_flag_alone)
{
    uint32_t flag = 0;
    struct pipc_wait wait = {.size = sizeof(wait), .deadline_ns = PIPC_NEVER, .abort = 0};

    CHECK_EQ(pipc_wait_aborted(NULL), 0);
    CHECK_EQ(pipc_wait_aborted(&wait), 0);
    wait.abort_flag = &flag;
    CHECK_EQ(pipc_wait_aborted(&wait), 0);
    flag = 0x80000000u;
    CHECK_EQ(pipc_wait_aborted(&wait), 1);
    pipc_cpu_pause();
}
