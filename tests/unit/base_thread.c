/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads, locks and conditions.
 */
#include "test.h"

#include "base_memory.h"
#include "core/base/platform.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct seen {
    struct pipci_thread *thread; /* atomic */
    uint64_t self;
    long tid; /* by which the system lists it */
    size_t stack;
    bool blocked;
    bool current;
    unsigned ran;
};

static void look(void *arg)
{
    struct seen *s = arg;
    s->ran++;
    s->self = pipci_thread_self();
    s->tid = syscall(SYS_gettid);
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    s->blocked = sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGALRM) == 1 &&
                 sigismember(&set, SIGPIPE) == 1 && sigismember(&set, SIGUSR1) == 1;
    pthread_attr_t attr;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        void *base;
        pthread_attr_getstack(&attr, &base, &s->stack);
        pthread_attr_destroy(&attr);
    }
    struct pipci_thread *thread;
    while (!(thread = __atomic_load_n(&s->thread, __ATOMIC_ACQUIRE)))
        sched_yield();
    s->current = pipci_thread_is_current(thread);
}

static void run(struct seen *s, size_t stack)
{
    struct pipci_thread *thread = NULL;
    CHECK_OK(pipci_thread_start(NULL, look, s, stack, &thread, NULL));
    CHECK(!pipci_thread_is_current(thread));
    __atomic_store_n(&s->thread, thread, __ATOMIC_RELEASE);
    pipci_thread_join(NULL, thread);
    CHECK_EQ(s->ran, 1);
}

static bool is_gone(void *arg)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%ld", ((const struct seen *)arg)->tid);
    return access(path, F_OK) != 0;
}

TEST(base_thread, runs_once_and_knows_itself)
{
    struct seen s = {0};
    run(&s, 0);
    CHECK(s.current);
    CHECK(s.self != 0 && s.self != pipci_thread_self());
    /* The system takes a joined thread off its list a moment later. */
    test_wait_until(is_gone, &s, 1000, "the thread is gone");
    CHECK(!pipci_thread_is_current(NULL));
    pipci_thread_join(NULL, NULL);
}

TEST(base_thread, has_every_signal_blocked_and_leaves_the_mask_of_its_starter)
{
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    struct seen s = {0};
    run(&s, 0);
    CHECK(s.blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int i = 1; i < 32; i++)
        CHECK_EQ(sigismember(&after, i), sigismember(&before, i));
}

TEST(base_thread, stack_is_as_asked_for_or_the_least_that_works)
{
    struct seen s = {0}, small = {0}, tiny = {0};
    run(&s, 0);
    CHECK(s.stack >= 512 * 1024);
    run(&small, 256 * 1024 + 1);
    CHECK(small.stack > 256 * 1024);
    run(&tiny, 1);
    CHECK(tiny.stack >= 48 * 1024);
}

static void nothing(void *arg)
{
    (void)arg;
}

TEST(base_thread, without_memory_starting_fails_and_leaks_nothing)
{
    struct base_memory m;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipci_thread *thread = NULL;
    base_memory_init(&m);
    m.fail_at = 1;
    CHECK_RESULT(pipci_thread_start(&m.allocator, nothing, NULL, 0, &thread, &err), PIPC_ERR_ALLOC);
    CHECK_HAS(err.text, "thread");
    CHECK(thread == NULL);
    CHECK_EQ(m.live, 0);
}

TEST(base_thread, a_stack_that_does_not_fit_fails_with_the_code_and_leaks_nothing)
{
    struct base_memory m;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipci_thread *thread = NULL;
    base_memory_init(&m);
    CHECK_RESULT(pipci_thread_start(&m.allocator, nothing, NULL, SIZE_MAX / 2, &thread, &err),
                 PIPC_ERR_ALLOC);
    CHECK(err.os_code == EAGAIN || err.os_code == ENOMEM || err.os_code == EINVAL);
    CHECK_HAS(err.text, "thread cannot be started");
    CHECK(thread == NULL);
    CHECK_EQ(m.live, 0);
}

TEST(base_thread, abandoning_frees_the_record)
{
    struct base_memory m;
    struct pipci_thread *thread = NULL;
    base_memory_init(&m);
    /* What a forked child does: the thread itself is that of the parent. */
    thread = pipci_zalloc(&m.allocator, 64);
    pipci_thread_abandon(&m.allocator, thread);
    pipci_thread_abandon(&m.allocator, NULL);
    CHECK_EQ(m.live, 0);
}

struct counter {
    struct pipci_mutex mutex;
    struct pipci_cond cond;
    uint64_t count;
    uint64_t wanted;
};

static void count_up(void *arg)
{
    struct counter *c = arg;
    const unsigned rounds = test_scale(100000);
    for (unsigned i = 0; i < rounds; i++) {
        pipci_mutex_lock(&c->mutex);
        c->count++;
        if (c->count == c->wanted)
            pipci_cond_broadcast(&c->cond);
        pipci_mutex_unlock(&c->mutex);
    }
}

TEST(base_lock, mutex_excludes_and_condition_wakes)
{
    struct counter c = {0};
    struct pipci_thread *threads[4];
    CHECK_OK(pipci_mutex_init(&c.mutex));
    CHECK_OK(pipci_cond_init(&c.cond));
    c.wanted = (uint64_t)PIPCI_COUNT(threads) * test_scale(100000);
    for (size_t i = 0; i < PIPCI_COUNT(threads); i++)
        CHECK_OK(pipci_thread_start(NULL, count_up, &c, 0, &threads[i], NULL));
    pipci_mutex_lock(&c.mutex);
    while (c.count < c.wanted)
        CHECK(pipci_cond_wait(&c.cond, &c.mutex, PIPC_NEVER));
    pipci_mutex_unlock(&c.mutex);
    for (size_t i = 0; i < PIPCI_COUNT(threads); i++)
        pipci_thread_join(NULL, threads[i]);
    CHECK_EQ(c.count, c.wanted);
    pipci_cond_done(&c.cond);
    pipci_mutex_done(&c.mutex);
}

TEST(base_lock, condition_ends_at_the_deadline_and_at_once_for_now)
{
    struct counter c = {0};
    CHECK_OK(pipci_mutex_init(&c.mutex));
    CHECK_OK(pipci_cond_init(&c.cond));
    pipci_mutex_lock(&c.mutex);
    const uint64_t start = pipci_clock_ns();
    while (pipci_cond_wait(&c.cond, &c.mutex, start + 30 * PIPC_NS_PER_MS))
        ;
    const uint64_t took = pipci_clock_ns() - start;
    CHECK(took >= 30 * PIPC_NS_PER_MS);
    CHECK(took < test_limit(1000) * PIPC_NS_PER_MS);
    CHECK(!pipci_cond_wait(&c.cond, &c.mutex, PIPC_NOW));
    CHECK(!pipci_cond_wait(&c.cond, &c.mutex, 1));
    pipci_mutex_unlock(&c.mutex);
    pipci_cond_done(&c.cond);
    pipci_mutex_done(&c.mutex);
}

static void wake(void *arg)
{
    struct counter *c = arg;
    pipci_mutex_lock(&c->mutex);
    c->count = 1;
    pipci_cond_broadcast(&c->cond);
    pipci_mutex_unlock(&c->mutex);
}

TEST(base_lock, the_latest_deadline_waits_until_it_is_woken)
{
    struct counter c = {0};
    struct pipci_thread *thread;
    CHECK_OK(pipci_mutex_init(&c.mutex));
    CHECK_OK(pipci_cond_init(&c.cond));
    pipci_mutex_lock(&c.mutex);
    CHECK_OK(pipci_thread_start(NULL, wake, &c, 0, &thread, NULL));
    while (c.count == 0)
        CHECK(pipci_cond_wait(&c.cond, &c.mutex, PIPC_NEVER - 1));
    pipci_mutex_unlock(&c.mutex);
    pipci_thread_join(NULL, thread);
    pipci_cond_done(&c.cond);
    pipci_mutex_done(&c.mutex);
}
