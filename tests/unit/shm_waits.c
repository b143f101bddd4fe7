/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for a message: deadlines, abort by handle and by flag, interruption and waking from other
 * threads, slices, publications whose wake-up is missing, and the spin before the sleep.
 */
#include "shm_fixture.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct scene {
    struct shm_fixture f;
    struct shm_pair p;
};

static void open_scene(struct scene *s)
{
    shm_fixture_open(&s->f);
    shm_pair_open(&s->f, &s->p);
}

static void close_scene(struct scene *s)
{
    shm_pair_close(&s->f, &s->p);
    shm_fixture_close(&s->f);
}

static pipc_result take(struct scene *s, const struct pipc_wait *wait)
{
    uint8_t got[64];
    const struct pipc_piece piece = {got, sizeof(got)};
    struct pipc_received received = {.size = sizeof(received)};

    return s->f.ops->receive(s->p.server, &piece, 1, wait, &received, &s->f.err);
}

/* ---- deadlines ---- */

static void check_deadline(int ms)
{
    struct scene s;
    uint64_t late = UINT64_MAX;

    open_scene(&s);
    for (int i = 0; i < 5 && late > 20 * PIPC_NS_PER_MS; i++) {
        const struct pipc_wait wait = shm_wait(ms);
        CHECK_RESULT(take(&s, &wait), PIPC_ERR_TIMEOUT);
        const uint64_t now = s.f.host.clock_ns(&s.f.host);
        CHECK(now >= wait.deadline_ns);
        late = now - wait.deadline_ns;
    }
    CHECK_MSG(late <= 20 * PIPC_NS_PER_MS, "late by %" PRIu64 " ns", late);
    close_scene(&s);
}

TEST(shm_waits, deadline_of_1_ms_is_never_early)
{
    check_deadline(1);
}

TEST(shm_waits, deadline_of_150_ms_is_never_early)
{
    check_deadline(150);
}

TEST(shm_waits, now_never_blocks_and_takes_what_is_there)
{
    struct scene s;
    const struct pipc_wait now = shm_wait(SHM_NOW);

    open_scene(&s);
    CHECK_RESULT(take(&s, &now), PIPC_ERR_TIMEOUT);
    CHECK_EQ(shm_inside(s.p.server)->waiter.sleeps, 0);
    shm_must_put(&s.f, s.p.client, shm_message(1, 40), 40);
    CHECK_OK(take(&s, &now));
    close_scene(&s);
}

TEST(shm_waits, message_that_is_there_beats_a_deadline_that_has_passed)
{
    struct scene s;
    struct pipc_wait wait = shm_wait(SHM_EVER);

    open_scene(&s);
    shm_must_put(&s.f, s.p.client, shm_message(1, 40), 40);
    wait.deadline_ns = 1;
    CHECK_OK(take(&s, &wait));
    CHECK_RESULT(take(&s, &wait), PIPC_ERR_TIMEOUT);
    close_scene(&s);
}

/* ---- abort ---- */

TEST(shm_waits, abort_that_is_signalled_beats_a_message_that_is_there)
{
    struct scene s;
    const int fd = eventfd(1, EFD_CLOEXEC);
    const uint32_t flag = 1;
    struct pipc_wait by_handle = shm_wait_abort(SHM_EVER, fd);
    struct pipc_wait by_flag = by_handle;

    open_scene(&s);
    by_flag.abort_flag = &flag;
    shm_must_put(&s.f, s.p.client, shm_message(1, 40), 40);
    CHECK_RESULT(take(&s, &by_handle), PIPC_ERR_ABORTED);
    CHECK_RESULT(take(&s, &by_flag), PIPC_ERR_ABORTED);
    const struct pipc_wait free_again = shm_wait(SHM_EVER);
    CHECK_OK(take(&s, &free_again));
    close(fd);
    close_scene(&s);
}

TEST(shm_waits, abort_handle_that_is_none_is_a_bad_parameter)
{
    struct scene s;
    const int fd = eventfd(0, EFD_CLOEXEC);
    struct pipc_wait wait = shm_wait_abort(SHM_EVER, fd);

    open_scene(&s);
    close(fd);
    CHECK_RESULT(take(&s, &wait), PIPC_ERR_BAD_PARAM);
    wait.abort = -2;
    CHECK_RESULT(take(&s, &wait), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(s.f.ops->send(s.p.client,
                               &(struct pipc_piece){(void *)(uintptr_t)shm_message(1, 40), 40}, 1,
                               &wait, &s.f.err),
                 PIPC_ERR_BAD_PARAM);
    close_scene(&s);
}

/* Another thread that acts once the channel's thread sleeps. */
struct actor {
    struct scene *s;
    void (*act)(struct actor *a);
    int fd;
    uint32_t flag;
    uint64_t acted_ns;
    pthread_t thread;
};

static bool sleeps(void *arg)
{
    const struct scene *const s = arg;

    return __atomic_load_n(&shm_inside(s->p.server)->asleep, __ATOMIC_ACQUIRE) != 0;
}

static void *run_actor(void *arg)
{
    struct actor *const a = arg;

    test_wait_until(sleeps, a->s, 5000, "the receive sleeps");
    a->acted_ns = a->s->f.host.clock_ns(&a->s->f.host);
    a->act(a);
    return NULL;
}

/* Milliseconds from the act to the end of a receive that waits for ever. */
static uint64_t until_aborted(void (*act)(struct actor *a), bool with_flag)
{
    struct scene s;
    struct actor a = {.s = &s, .act = act, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    struct pipc_wait wait = shm_wait_abort(SHM_EVER, a.fd);

    open_scene(&s);
    wait.abort_flag = with_flag ? &a.flag : NULL;
    CHECK(pthread_create(&a.thread, NULL, run_actor, &a) == 0);
    CHECK_RESULT(take(&s, &wait), PIPC_ERR_ABORTED);
    const uint64_t ended = s.f.host.clock_ns(&s.f.host);
    pthread_join(a.thread, NULL);
    close(a.fd);
    close_scene(&s);
    return (ended - a.acted_ns) / PIPC_NS_PER_MS;
}

static void signal_handle(struct actor *a)
{
    CHECK(eventfd_write(a->fd, 1) == 0);
}

static void set_flag_and_wake(struct actor *a)
{
    __atomic_store_n(&a->flag, 1, __ATOMIC_SEQ_CST);
    signal_handle(a);
    a->s->f.ops->wake(a->s->p.server);
}

static void interrupt(struct actor *a)
{
    a->s->f.ops->interrupt(a->s->p.server);
}

TEST(shm_waits, foreign_abort_handle_ends_a_sleep_within_a_slice)
{
    const uint64_t took = until_aborted(signal_handle, false);

    CHECK_MSG(took <= test_limit(110), "after %" PRIu64 " ms", took);
}

/* The best of some rounds, because the machine may be busy; a slice would be 100 ms each time. */
static void check_at_once(void (*act)(struct actor *a))
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < 8; i++) {
        const uint64_t took = until_aborted(act, true);
        best = took < best ? took : best;
    }
    CHECK_MSG(best <= 20, "after %" PRIu64 " ms", best);
}

TEST(shm_waits, wake_after_the_abort_flag_ends_a_sleep_at_once)
{
    check_at_once(set_flag_and_wake);
}

TEST(shm_waits, interrupt_ends_a_sleep_at_once)
{
    check_at_once(interrupt);
}

TEST(shm_waits, wake_without_an_abort_changes_nothing)
{
    struct scene s;
    const struct pipc_wait wait = shm_wait(20);

    open_scene(&s);
    s.f.ops->wake(s.p.server);
    CHECK_RESULT(take(&s, &wait), PIPC_ERR_TIMEOUT);
    shm_must_put(&s.f, s.p.client, shm_message(1, 40), 40);
    shm_must_get(&s.f, s.p.server, shm_message(1, 40), 40);
    close_scene(&s);
}

TEST(shm_waits, interrupt_is_sticky_for_receive_send_and_finish)
{
    struct scene s;
    const struct pipc_wait wait = shm_wait(SHM_EVER);

    open_scene(&s);
    shm_must_put(&s.f, s.p.client, shm_message(1, 40), 40);
    s.f.ops->interrupt(s.p.server);
    CHECK_RESULT(take(&s, &wait), PIPC_ERR_ABORTED);
    CHECK_RESULT(shm_put(&s.f, s.p.server, shm_message(1, 40), 40), PIPC_ERR_ABORTED);
    s.f.ops->finish(s.p.server, &wait);
    close_scene(&s);
}

/* Interrupts that come at any moment of the way into the kernel are never slept over. */
static void *interrupt_now(void *arg)
{
    struct scene *const s = arg;

    s->f.ops->interrupt(s->p.server);
    return NULL;
}

/* How many waits lasted a whole slice. */
static unsigned interrupts_slept_over(void)
{
    unsigned slow = 0;

    for (unsigned i = 0; i < test_scale(4000); i++) {
        struct scene s;
        const struct pipc_wait wait = shm_wait(SHM_EVER);
        pthread_t thread;
        open_scene(&s);
        const uint64_t began = test_now_ms();
        CHECK(pthread_create(&thread, NULL, interrupt_now, &s) == 0);
        CHECK_RESULT(take(&s, &wait), PIPC_ERR_ABORTED);
        slow += test_now_ms() - began >= 95;
        pthread_join(thread, NULL);
        close_scene(&s);
    }
    return slow;
}

TEST(shm_waits, interrupt_at_any_moment_is_never_slept_over)
{
    unsigned slow = 3;

    /* A machine that stands still for 95 ms now and then is no lost wake-up, and one that does so
     * all the time stops doing so. */
    for (int i = 0; i < 3 && slow > 2; i++)
        slow = interrupts_slept_over();
    CHECK_MSG(slow <= 2, "%u waits took a whole slice", slow);
}

/* ---- publications that are not told ---- */

static void publish_without(struct actor *a, bool signal)
{
    struct shm_channel *const c = shm_inside(a->s->p.client);

    memcpy(c->out.area, shm_message(1, 40), 40);
    __atomic_store_n(c->out.len, 40, __ATOMIC_RELEASE);
    __atomic_store_n(c->out.seq, 1, __ATOMIC_RELEASE);
    if (signal)
        __atomic_store_n(c->out.signal, 1, __ATOMIC_RELEASE);
}

static void stop_before_signal(struct actor *a)
{
    publish_without(a, false);
}

static void stop_before_wake(struct actor *a)
{
    publish_without(a, true);
}

static void check_found(void (*act)(struct actor *a))
{
    struct scene s;
    struct actor a = {.s = &s, .act = act};
    const struct pipc_wait wait = shm_wait(TEST_LONG);

    open_scene(&s);
    CHECK(pthread_create(&a.thread, NULL, run_actor, &a) == 0);
    CHECK_OK(take(&s, &wait));
    const uint64_t took = (s.f.host.clock_ns(&s.f.host) - a.acted_ns) / PIPC_NS_PER_MS;
    pthread_join(a.thread, NULL);
    CHECK_MSG(took <= test_limit(110), "found after %" PRIu64 " ms", took);
    close_scene(&s);
}

TEST(shm_waits, publisher_stopped_before_the_signal_is_found_at_the_end_of_the_slice)
{
    check_found(stop_before_signal);
}

TEST(shm_waits, publisher_stopped_before_the_wake_is_found_at_the_end_of_the_slice)
{
    check_found(stop_before_wake);
}

/* ---- how much ---- */

TEST(shm_waits, idle_wait_turns_at_most_10_times_a_second)
{
    struct scene s;
    const struct pipc_wait wait = shm_wait(1000);
    struct timespec used;

    open_scene(&s);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    const uint64_t before = (uint64_t)used.tv_nsec + (uint64_t)used.tv_sec * 1000000000u;
    CHECK_RESULT(take(&s, &wait), PIPC_ERR_TIMEOUT);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    const uint64_t cpu =
        ((uint64_t)used.tv_nsec + (uint64_t)used.tv_sec * 1000000000u - before) / 1000u;
    CHECK_EQ(shm_inside(s.p.server)->waiter.sleeps, 1);
    CHECK_MSG(cpu < 20000 * test_slow(), "%" PRIu64 " us of CPU", cpu);
    close_scene(&s);
}

TEST(shm_waits, spin_of_a_second_neither_delays_deadline_nor_abort)
{
    struct scene s;
    const int fd = eventfd(0, EFD_CLOEXEC);
    struct pipc_wait wait;

    shm_fixture_open_spinning(&s.f, 1000000);
    shm_pair_open(&s.f, &s.p);
    /* The best of three, because a busy machine may stand still. */
    uint64_t took = UINT64_MAX;
    for (int i = 0; i < 3 && took >= 500; i++) {
        const uint64_t began = test_now_ms();
        wait = shm_wait(30);
        CHECK_RESULT(take(&s, &wait), PIPC_ERR_TIMEOUT);
        took = test_now_ms() - began;
    }
    CHECK_MSG(took < 500, "%" PRIu64 " ms", took);
    CHECK(eventfd_write(fd, 1) == 0);
    wait = shm_wait_abort(SHM_EVER, fd);
    CHECK_RESULT(take(&s, &wait), PIPC_ERR_ABORTED);
    close(fd);
    close_scene(&s);
}

TEST(shm_waits, message_that_comes_while_spinning_is_counted_as_a_spin)
{
    struct scene s;
    const struct pipc_waiter *waiter;
    const struct pipc_wait wait = shm_wait(SHM_EVER);

    shm_fixture_open_spinning(&s.f, 1000000);
    shm_pair_open(&s.f, &s.p);
    waiter = s.f.ops->waiter(s.p.server);
    shm_must_put(&s.f, s.p.client, shm_message(1, 40), 40);
    CHECK_OK(take(&s, &wait));
    CHECK_EQ(waiter->spins + waiter->sleeps, 0); /* it was there at the first look */
    close_scene(&s);
}
