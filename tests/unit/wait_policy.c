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

/* One wait whose answer comes `after_ns`; a sleep adds its cost. What it burned in the CPU. */
static uint64_t wait_once(struct pipc_waiter *waiter, uint64_t after_ns)
{
    const uint64_t budget = pipc_waiter_spin_budget(waiter);

    if (after_ns < budget) {
        pipc_waiter_note_spin(waiter, after_ns);
        return after_ns;
    }
    pipc_waiter_note_slept(waiter, after_ns + COST, 1);
    return budget;
}

TEST(wait_policy, new_waiter_knows_nothing)
{
    struct pipc_waiter waiter = waiter_of(PIPC_SPIN_ADAPTIVE, 4, COST);

    CHECK_EQ(waiter.spins, 0);
    CHECK_EQ(waiter.sleeps, 0);
    CHECK_EQ(waiter.wakeups, 0);
    CHECK_EQ(pipc_waiter_spin_budget(&waiter), COST);
}

TEST(wait_policy, off_and_a_single_cpu_never_spin)
{
    struct pipc_waiter off = waiter_of(PIPC_SPIN_OFF, 4, COST);
    struct pipc_waiter single = waiter_of(PIPC_SPIN_ADAPTIVE, 1, COST);
    struct pipc_waiter none = waiter_of(PIPC_SPIN_ADAPTIVE, 0, COST);
    struct pipc_waiter fixed = waiter_of(20, 1, COST);
    int i;

    for (i = 0; i < 200; i++) {
        CHECK_EQ(wait_once(&off, 100), 0);
        CHECK_EQ(wait_once(&single, 100), 0);
        CHECK_EQ(wait_once(&none, 100), 0);
        CHECK_EQ(wait_once(&fixed, 100), 0);
    }
    CHECK_EQ(off.sleeps, 200);
    CHECK_EQ(single.spins, 0);
}

TEST(wait_policy, microseconds_are_taken_as_they_are)
{
    struct pipc_waiter waiter = waiter_of(20, 2, COST);
    int i;

    for (i = 0; i < 200; i++) {
        CHECK_EQ(pipc_waiter_spin_budget(&waiter), 20000);
        pipc_waiter_note_slept(&waiter, 1000000000, 1);
    }
    waiter = waiter_of(1000000, 2, COST);
    CHECK_EQ(pipc_waiter_spin_budget(&waiter), UINT64_C(1000000000));
}

TEST(wait_policy, dense_answers_are_caught_spinning)
{
    struct pipc_waiter waiter = waiter_of(PIPC_SPIN_ADAPTIVE, 2, COST);
    int i;

    for (i = 0; i < 1000; i++)
        wait_once(&waiter, 8000);
    CHECK_EQ(waiter.spins, 1000);
    CHECK_EQ(waiter.sleeps, 0);
}

TEST(wait_policy, budget_is_never_above_the_cost_of_one_sleep)
{
    struct pipc_waiter waiter = waiter_of(PIPC_SPIN_ADAPTIVE, 2, COST);
    uint64_t seed = 7;
    int i;

    for (i = 0; i < 1000; i++) {
        CHECK(pipc_waiter_spin_budget(&waiter) <= COST);
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        wait_once(&waiter, (seed >> 33) % (4 * COST));
    }
}

TEST(wait_policy, sparse_answers_cost_no_spinning_after_a_few_waits)
{
    struct pipc_waiter waiter = waiter_of(PIPC_SPIN_ADAPTIVE, 2, COST);
    uint64_t burned = 0;
    int i;

    for (i = 0; i < 1000; i++)
        burned += wait_once(&waiter, UINT64_C(1000000000));
    CHECK_MSG(burned <= 3 * COST, "burned %" PRIu64 " ns", burned);
    CHECK_EQ(waiter.spins, 0);
    CHECK_EQ(waiter.sleeps, 1000);
    CHECK_EQ(waiter.wakeups, 1000);
}

TEST(wait_policy, one_long_pause_does_not_end_spinning_for_long)
{
    struct pipc_waiter waiter = waiter_of(PIPC_SPIN_ADAPTIVE, 2, COST);
    int i;

    for (i = 0; i < 100; i++)
        wait_once(&waiter, 5000);
    wait_once(&waiter, UINT64_C(3600000000000));
    for (i = 0; i < 100; i++)
        wait_once(&waiter, 5000);
    CHECK_MSG(waiter.spins >= 195, "spins: %" PRIu64, waiter.spins);
}

TEST(wait_policy, idle_turns_to_dense_and_spinning_comes_back)
{
    struct pipc_waiter waiter = waiter_of(PIPC_SPIN_ADAPTIVE, 2, COST);
    int i;

    for (i = 0; i < 100; i++)
        wait_once(&waiter, UINT64_C(1000000000));
    CHECK_EQ(waiter.spins, 0);
    for (i = 0; i < 200; i++)
        wait_once(&waiter, 5000);
    CHECK_MSG(waiter.spins >= 100, "spins: %" PRIu64, waiter.spins);
}

TEST(wait_policy, eight_sleeps_in_a_row_give_up_and_one_of_64_tries_again)
{
    struct pipc_waiter waiter = waiter_of(PIPC_SPIN_ADAPTIVE, 2, COST);
    unsigned tries = 0;
    int i;

    /* Just missed each time: the estimate says "soon", and every spin was for nothing. */
    for (i = 0; i < 8; i++) {
        CHECK_EQ(pipc_waiter_spin_budget(&waiter), COST);
        pipc_waiter_note_slept(&waiter, COST + COST / 2, 1);
    }
    for (i = 0; i < 640; i++) {
        tries += pipc_waiter_spin_budget(&waiter) != 0;
        pipc_waiter_note_slept(&waiter, COST + COST / 2, 1);
    }
    CHECK_EQ(tries, 10);
}

TEST(wait_policy, one_success_of_a_new_try_ends_giving_up)
{
    struct pipc_waiter waiter = waiter_of(PIPC_SPIN_ADAPTIVE, 2, COST);
    int i;

    for (i = 0; i < 20; i++)
        pipc_waiter_note_slept(&waiter, COST + 1000, 1);
    for (i = 0; i < 63; i++)
        CHECK_EQ(pipc_waiter_spin_budget(&waiter), 0);
    CHECK_EQ(pipc_waiter_spin_budget(&waiter), COST);
    pipc_waiter_note_spin(&waiter, 1000);
    for (i = 0; i < 100; i++)
        CHECK_EQ(pipc_waiter_spin_budget(&waiter), COST);
}

TEST(wait_policy, a_sleep_that_nothing_ended_is_no_wakeup)
{
    struct pipc_waiter waiter = waiter_of(PIPC_SPIN_ADAPTIVE, 2, COST);

    pipc_waiter_note_slept(&waiter, 1000000, 0);
    CHECK_EQ(waiter.sleeps, 1);
    CHECK_EQ(waiter.wakeups, 0);
}

TEST(wait_policy, unknown_and_absurd_costs_are_bounded)
{
    struct pipc_waiter unknown = waiter_of(PIPC_SPIN_ADAPTIVE, 2, 0);
    struct pipc_waiter absurd = waiter_of(PIPC_SPIN_ADAPTIVE, 2, UINT64_MAX);

    CHECK_EQ(pipc_waiter_spin_budget(&unknown), 0);
    CHECK_EQ(pipc_waiter_spin_budget(&absurd), PIPC_SPIN_COST_MAX_NS);
    pipc_waiter_note_slept(&absurd, UINT64_MAX, 1);
    CHECK(absurd.estimate_ns <= 4 * PIPC_SPIN_COST_MAX_NS);
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
