/* SPDX-License-Identifier: Apache-2.0
 *
 * The arithmetic of `pipc bench`: histogram, schedule, medians.
 */
#include "test.h"
#include "tools/pipc/bench/measure/measure.h"

static struct histogram histogram; /* too large for a small stack */

static struct histogram *empty(void)
{
    histogram_clear(&histogram);
    return &histogram;
}

/* Within the width of a bucket above the exact range. */
static int near(uint64_t got, uint64_t want)
{
    const uint64_t gap = got > want ? got - want : want - got;

    return gap * 128 <= want;
}

TEST(bench_measure, histogram_without_values_tells_0)
{
    CHECK_EQ(histogram_at(empty(), 0.5), 0);
}

TEST(bench_measure, histogram_is_exact_up_to_127_ns)
{
    for (uint64_t ns = 0; ns < 128; ns++) {
        struct histogram *h = empty();
        histogram_add(h, ns);
        CHECK_EQ(histogram_at(h, 0.5), ns);
    }
}

TEST(bench_measure, histogram_is_within_1_percent_at_every_power_of_two_and_beside_it)
{
    for (unsigned bit = 7; bit < HISTOGRAM_MOST_BITS; bit++) {
        for (int64_t beside = -1; beside <= 1; beside++) {
            const uint64_t ns = (UINT64_C(1) << bit) + (uint64_t)beside;
            struct histogram *h = empty();
            histogram_add(h, ns);
            CHECK_MSG(near(histogram_at(h, 1), ns), "%llu ns come back as %llu",
                      (unsigned long long)ns, (unsigned long long)histogram_at(h, 1));
        }
    }
}

TEST(bench_measure, histogram_takes_times_beyond_its_range_as_the_longest)
{
    struct histogram *h = empty();

    histogram_add(h, UINT64_MAX);
    histogram_add(h, UINT64_C(1) << HISTOGRAM_MOST_BITS);
    CHECK_EQ(h->count, 2);
    CHECK(near(histogram_at(h, 0.5), (UINT64_C(1) << HISTOGRAM_MOST_BITS) - 1));
}

TEST(bench_measure, percentile_is_the_value_of_the_rank_rounded_up)
{
    struct histogram *h = empty();

    for (uint64_t ns = 1; ns <= 100; ns++)
        histogram_add(h, ns);
    CHECK_EQ(histogram_at(h, 0), 1);
    CHECK_EQ(histogram_at(h, 0.5), 50);
    CHECK_EQ(histogram_at(h, 0.501), 51);
    CHECK_EQ(histogram_at(h, 0.95), 95);
    CHECK_EQ(histogram_at(h, 0.99), 99);
    CHECK_EQ(histogram_at(h, 0.999), 100);
    CHECK_EQ(histogram_at(h, 1), 100);
}

TEST(bench_measure, percentile_of_few_values_is_the_largest)
{
    struct histogram *h = empty();

    histogram_add(h, 10);
    histogram_add(h, 20);
    CHECK_EQ(histogram_at(h, 0.5), 10);
    CHECK_EQ(histogram_at(h, 0.999), 20);
}

TEST(bench_measure, schedule_is_not_moved_by_late_sends)
{
    struct pace pace = {.start_ns = 1000, .rate = 100000};

    CHECK_EQ(pace_due(&pace), 1000);
    pace.sent = 1;
    CHECK_EQ(pace_due(&pace), 11000);
    pace.sent = 100000;
    CHECK_EQ(pace_due(&pace), 1000 + UINT64_C(1000000000));
}

TEST(bench_measure, schedule_of_a_rate_that_does_not_divide_a_second_does_not_drift)
{
    struct pace pace = {.start_ns = 0, .rate = 3};

    pace.sent = 3 * UINT64_C(1000000);
    CHECK_EQ(pace_due(&pace), UINT64_C(1000000) * UINT64_C(1000000000));
    pace.sent++;
    CHECK_EQ(pace_due(&pace), UINT64_C(1000000) * UINT64_C(1000000000) + 333333333);
}

TEST(bench_measure, schedule_of_the_highest_rate_for_a_year_does_not_overflow)
{
    const uint64_t second = 1000000000, year = 365 * 86400;
    struct pace pace = {.start_ns = 0, .rate = 10000000};

    pace.sent = year * pace.rate;
    CHECK_EQ(pace_due(&pace), year * second);
}

TEST(bench_measure, waiting_sleeps_up_to_20000_a_second_and_spins_above)
{
    CHECK(pace_sleeps(1));
    CHECK(pace_sleeps(20000));
    CHECK(!pace_sleeps(20001));
}

TEST(bench_measure, median_of_none_one_odd_and_even_counts)
{
    double none[1] = {5}, one[] = {3}, odd[] = {9, 1, 5}, even[] = {4, 1, 3, 2};

    CHECK(median_of(none, 0) == 0);
    CHECK(median_of(one, 1) == 3);
    CHECK(median_of(odd, 3) == 5);
    CHECK(median_of(even, 4) == 2.5);
}

TEST(bench_measure, median_is_not_moved_by_one_wild_round)
{
    double calm[] = {10, 11, 12, 13, 14}, wild[] = {10, 11, 12, 13, 1e9};

    CHECK(median_of(calm, 5) == median_of(wild, 5));
}
