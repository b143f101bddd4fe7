/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls of the data plane, counted: this program is linked so that syscall() of the
 * transport comes here first.
 */
#include "shm_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/syscall.h>

#define OP_WAIT 0
#define OP_WAKE 1

static uint32_t waits, wakes, other; /* atomic */
static uint32_t early;               /* wakes before the words were stored */
static const struct shm_channel *watched;
static uint64_t last_seq;
static uint32_t wait_error; /* errno of waits, 0: real ones */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
    va_list args;
    va_start(args, number);
    void *const a = va_arg(args, void *);
    const int op = va_arg(args, int);
    const uint32_t value = va_arg(args, uint32_t);
    void *const time = va_arg(args, void *);
    va_end(args);
    if (number == SYS_futex && op == OP_WAKE) {
        __atomic_fetch_add(&wakes, 1, __ATOMIC_RELAXED);
        if (watched && a == watched->out.signal) {
            const uint64_t seq = __atomic_load_n(watched->out.seq, __ATOMIC_ACQUIRE);
            early +=
                seq != last_seq + 1 ||
                __atomic_load_n(watched->out.signal, __ATOMIC_ACQUIRE) != (uint32_t)(last_seq + 1);
            last_seq = seq;
        }
    } else if (number == SYS_futex && op == OP_WAIT) {
        __atomic_fetch_add(&waits, 1, __ATOMIC_RELAXED);
        if (wait_error) {
            errno = (int)wait_error;
            return -1;
        }
    } else {
        __atomic_fetch_add(&other, 1, __ATOMIC_RELAXED);
    }
    return __real_syscall(number, a, op, value, time, NULL, 0);
}

TEST(shm_traced, every_publication_makes_one_wake_after_its_words_whether_or_not_anybody_sleeps)
{
    struct shm_fixture f;
    struct shm_pair p;

    shm_fixture_open_spinning(&f, 50);
    shm_pair_open(&f, &p);
    watched = shm_inside(p.client);
    for (uint32_t i = 0; i < 100; i++) {
        shm_must_put(&f, p.client, shm_message(i, 40), 40);
        CHECK_EQ(wakes, 2 * i + 1);
        shm_must_get(&f, p.server, shm_message(i, 40), 40);
        shm_must_put(&f, p.server, shm_message(i, 40), 40);
        CHECK_EQ(wakes, 2 * i + 2);
        shm_must_get(&f, p.client, shm_message(i, 40), 40);
    }
    CHECK_EQ(early, 0);
    CHECK_EQ(waits, 0); /* everything was there at the first look */
    CHECK_EQ(other, 0);
    shm_end(&f, &p.client);
    watched = NULL;
    CHECK_EQ(wakes, 201); /* the end mark */
    shm_pair_close(&f, &p);
    shm_fixture_close(&f);
}

static void *answer_all(void *arg)
{
    void **const both = arg;
    struct shm_fixture *const f = both[0];
    struct pipc_received received;
    uint8_t got[64];

    while (shm_get(f, both[1], got, sizeof(got), SHM_EVER, &received) == PIPC_OK &&
           !(received.flags & PIPC_RECEIVED_END))
        CHECK_OK(shm_put(f, both[1], got, (size_t)received.len));
    return NULL;
}

TEST(shm_traced, exactly_one_wake_for_each_message_while_both_sides_spin)
{
    struct shm_fixture f;
    struct shm_pair p;
    pthread_t thread;
    const unsigned count = test_scale(20000);
    uint8_t bytes[40] = {1}, got[64];
    struct pipc_received received;

    shm_fixture_open_spinning(&f, 200);
    shm_pair_open(&f, &p);
    void *both[2] = {&f, p.server};
    CHECK(pthread_create(&thread, NULL, answer_all, both) == 0);
    for (unsigned i = 0; i < count; i++) {
        CHECK_OK(shm_put(&f, p.client, bytes, sizeof(bytes)));
        CHECK_OK(shm_get(&f, p.client, got, sizeof(got), SHM_EVER, &received));
    }
    shm_end(&f, &p.client);
    pthread_join(thread, NULL);
    CHECK_EQ(__atomic_load_n(&wakes, __ATOMIC_RELAXED), 2 * count + 1);
    shm_pair_close(&f, &p);
    shm_fixture_close(&f);
}

TEST(shm_traced, idle_wait_sleeps_10_times_a_second)
{
    struct shm_fixture f;
    struct shm_pair p;
    struct pipc_received received;
    uint8_t got[64];

    shm_fixture_open(&f);
    shm_pair_open(&f, &p);
    CHECK_RESULT(shm_get(&f, p.server, got, sizeof(got), 1000, &received), PIPC_ERR_TIMEOUT);
    CHECK_MSG(waits >= 8 && waits <= 12, "%u sleeps", waits);
    CHECK_EQ(wakes, 0);
    shm_pair_close(&f, &p);
    shm_fixture_close(&f);
}

static void check_wait_error(int code, pipc_result expected)
{
    struct shm_fixture f;
    struct shm_pair p;
    struct pipc_received received;
    uint8_t got[64];

    shm_fixture_open(&f);
    shm_pair_open(&f, &p);
    wait_error = (uint32_t)code;
    CHECK_RESULT(shm_get(&f, p.server, got, sizeof(got), 150, &received), expected);
    CHECK(waits >= 1);
    wait_error = 0;
    shm_pair_close(&f, &p);
    shm_fixture_close(&f);
}

TEST(shm_traced, sleep_that_is_interrupted_again_and_again_keeps_its_deadline)
{
    check_wait_error(EINTR, PIPC_ERR_TIMEOUT);
}

TEST(shm_traced, sleep_that_finds_another_signal_again_and_again_keeps_its_deadline)
{
    check_wait_error(EAGAIN, PIPC_ERR_TIMEOUT);
}

TEST(shm_traced, fault_of_the_word_means_that_the_region_is_gone)
{
    check_wait_error(EFAULT, PIPC_ERR_DISCONNECTED);
}
