/* SPDX-License-Identifier: Apache-2.0
 *
 * The process as the system tells it: identity, CPUs, cost of a sleep, unpredictable bits, codes in
 * words.
 */
#include "test.h"

#include "core/base/platform.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

static int differs(void *arg)
{
    const uint64_t *parent = arg;
    return pipci_process_id() == *parent;
}

TEST(base_process, identity_is_stable_and_differs_in_a_child)
{
    uint64_t id = pipci_process_id();
    CHECK_EQ(id, pipci_process_id());
    CHECK_EQ(test_in_child(differs, &id), 0);
}

static int on_one_cpu(void *arg)
{
    (void)arg;
    cpu_set_t all, one;
    CHECK_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
    CHECK_EQ(pipci_cpu_count(), CPU_COUNT(&all));
    int cpu = 0;
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    CHECK_EQ(pipci_cpu_count(), 1);
    return 0;
}

TEST(base_process, cpus_are_those_that_may_be_used)
{
    CHECK(pipci_cpu_count() >= 1);
    CHECK_EQ(test_in_child(on_one_cpu, NULL), 0);
}

static int with_long_slack(void *arg)
{
    (void)arg;
    /* The slack is not part of what a wake-up by another process costs. */
    CHECK_EQ(prctl(PR_SET_TIMERSLACK, 3000000ul, 0, 0, 0), 0);
    const uint64_t cost = pipci_measure_sleep_cost();
    CHECK(cost >= 5000 && cost <= 200000);
    CHECK_EQ(prctl(PR_SET_TIMERSLACK, 1ul, 0, 0, 0), 0);
    const uint64_t exact = pipci_measure_sleep_cost();
    CHECK(exact >= 5000 && exact <= 200000);
    return 0;
}

TEST(base_process, cost_of_a_sleep_is_measured_within_sane_bounds)
{
    const uint64_t start = test_now_ms();
    const uint64_t cost = pipci_measure_sleep_cost();
    CHECK(cost >= 5000 && cost <= 200000);
    CHECK(test_now_ms() - start < test_limit(500));
    CHECK_EQ(test_in_child(with_long_slack, NULL), 0);
}

TEST(base_process, unpredictable_bits_differ_each_time_and_use_every_bit)
{
    uint64_t any = 0, all = UINT64_MAX, last = pipci_random();
    for (unsigned i = 0; i < 200; i++) {
        const uint64_t bits = pipci_random();
        CHECK(bits != last);
        any |= bits;
        all &= bits;
        last = bits;
    }
    CHECK_EQ(any, UINT64_MAX);
    CHECK_EQ(all, 0);
}

TEST(base_process, codes_of_the_system_in_words)
{
    char text[64];
    CHECK_STR(pipci_os_text(ENOENT, text, sizeof(text)), "no such file or directory");
    CHECK_STR(pipci_os_text(EACCES, text, sizeof(text)), "permission denied");
    CHECK_STR(pipci_os_text(99999, text, sizeof(text)), "system error 99999");
    CHECK_STR(pipci_os_text(-1, text, sizeof(text)), "system error -1");
    CHECK_STR(pipci_os_text(99999, text, 4), "sys");
}
