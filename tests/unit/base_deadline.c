/* SPDX-License-Identifier: Apache-2.0
 *
 * Deadlines: the two special values, saturation, rounding.
 */
#include "test.h"

#include "core/base/base.h"

#include <limits.h>

#define MS PIPC_NS_PER_MS

TEST(base_deadline, special_timeouts_are_special_deadlines)
{
    CHECK_EQ(pipci_deadline(PIPC_NOW), PIPC_NOW);
    CHECK_EQ(pipci_deadline(0), PIPC_NEVER);
}

TEST(base_deadline, timeout_counts_from_now)
{
    const uint64_t timeouts[] = {1, 999, 1000, 1001, UINT32_MAX};
    for (size_t i = 0; i < PIPCI_COUNT(timeouts); i++) {
        const uint64_t before = pipci_clock_ns();
        const uint64_t deadline = pipci_deadline(timeouts[i]);
        const uint64_t after = pipci_clock_ns();
        CHECK(deadline >= before + timeouts[i] * MS);
        CHECK(deadline <= after + timeouts[i] * MS);
        CHECK(!pipci_deadline_passed(deadline) || pipci_clock_ns() >= deadline);
    }
}

TEST(base_deadline, coarse_one_is_never_early_and_late_by_one_percent_at_most)
{
    const uint64_t timeouts[] = {1, 999, 1000, 1001, 30000, UINT32_MAX};
    CHECK_EQ(pipci_deadline_coarse(PIPC_NOW), PIPC_NOW);
    CHECK_EQ(pipci_deadline_coarse(0), PIPC_NEVER);
    CHECK_EQ(pipci_deadline_coarse(PIPC_NEVER), PIPC_NEVER - 1);
    for (size_t i = 0; i < PIPCI_COUNT(timeouts); i++) {
        const uint64_t before = pipci_clock_ns();
        const uint64_t deadline = pipci_deadline_coarse(timeouts[i]);
        const uint64_t after = pipci_clock_ns();
        CHECK(deadline >= before + timeouts[i] * MS);
        CHECK(deadline <= after + timeouts[i] * MS + timeouts[i] * MS / 100);
    }
}

TEST(base_deadline, huge_timeouts_saturate_below_the_special_values)
{
    const uint64_t huge[] = {PIPC_NEVER, PIPC_NEVER - 1, UINT64_MAX / MS, UINT64_MAX / MS + 1};
    for (size_t i = 0; i < PIPCI_COUNT(huge); i++) {
        const uint64_t deadline = pipci_deadline(huge[i]);
        CHECK(deadline < PIPC_NEVER);
        CHECK_EQ(deadline, PIPC_NEVER - 1);
        CHECK_EQ(pipci_deadline_poll_ms(deadline), INT_MAX);
    }
}

TEST(base_deadline, earlier_of_two)
{
    CHECK_EQ(pipci_deadline_min(5, 7), 5);
    CHECK_EQ(pipci_deadline_min(7, 5), 5);
    CHECK_EQ(pipci_deadline_min(PIPC_NEVER, 5), 5);
    CHECK_EQ(pipci_deadline_min(PIPC_NEVER, PIPC_NEVER), PIPC_NEVER);
    CHECK_EQ(pipci_deadline_min(PIPC_NOW, 5), PIPC_NOW);
    CHECK_EQ(pipci_deadline_min(PIPC_NEVER, PIPC_NOW), PIPC_NOW);
}

TEST(base_deadline, passing)
{
    const uint64_t now = pipci_clock_ns();
    CHECK(pipci_deadline_passed(PIPC_NOW));
    CHECK(!pipci_deadline_passed(PIPC_NEVER));
    CHECK(pipci_deadline_passed(now));
    CHECK(pipci_deadline_passed(1));
    CHECK(!pipci_deadline_passed(now + 3600 * 1000 * MS));
}

TEST(base_deadline, milliseconds_for_poll_are_rounded_up)
{
    CHECK_EQ(pipci_deadline_poll_ms(PIPC_NOW), 0);
    CHECK(pipci_deadline_poll_ms(PIPC_NEVER) == -1);
    CHECK_EQ(pipci_deadline_poll_ms(1), 0);
    /* Never 0 while time is left: that would turn a wait into a busy loop. */
    for (unsigned i = 0; i < 1000; i++) {
        const uint64_t deadline = pipci_clock_ns() + 900000;
        const int ms = pipci_deadline_poll_ms(deadline);
        CHECK(ms == 1 || pipci_deadline_passed(deadline));
    }
    const int hour = pipci_deadline_poll_ms(pipci_clock_ns() + 3600 * 1000 * MS);
    CHECK(hour > 3590 * 1000 && hour <= 3600 * 1000);
}

TEST(base_deadline, wait_is_made_of_its_parts)
{
    const uint32_t flag = 0;
    const struct pipc_wait wait = pipci_wait_make(77, 5, &flag);
    CHECK_EQ(wait.size, sizeof(wait));
    CHECK_EQ(wait.reserved, 0);
    CHECK_EQ(wait.deadline_ns, 77);
    CHECK_EQ(wait.abort, 5);
    CHECK(wait.abort_flag == &flag);
}

TEST(base_deadline, clock_never_goes_back)
{
    uint64_t last = pipci_clock_ns();
    CHECK(last > 0);
    for (unsigned i = 0; i < 10000; i++) {
        const uint64_t now = pipci_clock_ns();
        CHECK(now >= last);
        last = now;
    }
}
