/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads, locks and conditions over pthreads.
 *
 * Threads of the library receive no signal: every one is blocked from the first instruction on.
 * Conditions run on the monotonic clock. Any thread.
 */
#include "posix.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* Address space, not memory: room for callbacks of the program, and no dependence on its ulimit. */
#define DEFAULT_STACK ((size_t)1024 * 1024)
/* What the core itself needs with room to spare; some systems say a single page. */
#define LEAST_STACK ((size_t)64 * 1024)

struct pipci_thread {
    pthread_t id;
    void (*run)(void *arg);
    void *arg;
    uint64_t self; /* set by the thread itself, as pthread_create may store `id` later than it runs;
                      atomic */
};

static void *entry(void *arg)
{
    struct pipci_thread *thread = arg;
    __atomic_store_n(&thread->self, pipci_thread_self(), __ATOMIC_RELEASE);
    thread->run(thread->arg);
    return NULL;
}

static size_t stack_size(size_t wanted)
{
    const long least = sysconf(_SC_THREAD_STACK_MIN);
    const long page = sysconf(_SC_PAGESIZE);
    const size_t unit = page > 0 ? (size_t)page : 4096;
    size_t size = wanted ? wanted : DEFAULT_STACK;
    if (size < LEAST_STACK)
        size = LEAST_STACK;
    if (least > 0 && size < (size_t)least)
        size = (size_t)least;
    return (size + unit - 1) / unit * unit;
}

/* pthread_create with all signals blocked, which the new thread inherits. Returns its error. */
static int create_blocked(struct pipci_thread *thread, size_t stack)
{
    pthread_attr_t attr;
    int error = pthread_attr_init(&attr);
    if (error)
        return error; /* LCOV_EXCL_LINE: cannot fail on any supported system */
    error = pthread_attr_setstacksize(&attr, stack_size(stack));
    if (!error) {
        sigset_t all, old;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        error = pthread_create(&thread->id, &attr, entry, thread);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    pthread_attr_destroy(&attr);
    return error;
}

pipc_result pipci_thread_start(const struct pipc_allocator *a, void (*run)(void *arg), void *arg,
                               size_t stack, struct pipci_thread **ret_thread,
                               struct pipc_error *err)
{
    struct pipci_thread *thread = pipci_zalloc(a, sizeof(*thread));
    if (!thread)
        return pipci_fail(err, PIPC_ERR_ALLOC, ENOMEM, "no memory for a thread");
    thread->run = run;
    thread->arg = arg;
    const int error = create_blocked(thread, stack);
    if (error) {
        char text[64];
        pipci_free(a, thread);
        return pipci_fail(err, PIPC_ERR_ALLOC, error, "thread cannot be started: %s",
                          pipci_os_text(error, text, sizeof(text)));
    }
    *ret_thread = thread;
    return PIPC_OK;
}

void pipci_thread_join(const struct pipc_allocator *a, struct pipci_thread *thread)
{
    if (!thread)
        return;
    pthread_join(thread->id, NULL);
    pipci_free(a, thread);
}

void pipci_thread_abandon(const struct pipc_allocator *a, struct pipci_thread *thread)
{
    pipci_free(a, thread);
}

bool pipci_thread_is_current(const struct pipci_thread *thread)
{
    return thread && __atomic_load_n(&thread->self, __ATOMIC_ACQUIRE) == pipci_thread_self();
}

uint64_t pipci_thread_self(void)
{
    return (uint64_t)(uintptr_t)pthread_self();
}

_Static_assert(sizeof(struct pipci_mutex) >= sizeof(pthread_mutex_t), "room for a mutex");
_Static_assert(sizeof(struct pipci_cond) >= sizeof(pthread_cond_t), "room for a condition");
_Static_assert(_Alignof(struct pipci_mutex) >= _Alignof(pthread_mutex_t), "a mutex is aligned");
_Static_assert(_Alignof(struct pipci_cond) >= _Alignof(pthread_cond_t), "a condition is aligned");

static pthread_mutex_t *mutex_of(struct pipci_mutex *mutex)
{
    return (pthread_mutex_t *)(void *)mutex->storage;
}

static pthread_cond_t *cond_of(struct pipci_cond *cond)
{
    return (pthread_cond_t *)(void *)cond->storage;
}

pipc_result pipci_mutex_init(struct pipci_mutex *mutex)
{
    return pthread_mutex_init(mutex_of(mutex), NULL) ? PIPC_ERR_ALLOC : PIPC_OK;
}

void pipci_mutex_done(struct pipci_mutex *mutex)
{
    pthread_mutex_destroy(mutex_of(mutex));
}

void pipci_mutex_lock(struct pipci_mutex *mutex)
{
    pthread_mutex_lock(mutex_of(mutex));
}

void pipci_mutex_unlock(struct pipci_mutex *mutex)
{
    pthread_mutex_unlock(mutex_of(mutex));
}

pipc_result pipci_cond_init(struct pipci_cond *cond)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr))
        return PIPC_ERR_ALLOC; /* LCOV_EXCL_LINE: cannot fail on any supported system */
    int error = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (!error)
        error = pthread_cond_init(cond_of(cond), &attr);
    pthread_condattr_destroy(&attr);
    return error ? PIPC_ERR_ALLOC : PIPC_OK;
}

void pipci_cond_done(struct pipci_cond *cond)
{
    pthread_cond_destroy(cond_of(cond));
}

void pipci_cond_broadcast(struct pipci_cond *cond)
{
    pthread_cond_broadcast(cond_of(cond));
}

bool pipci_cond_wait(struct pipci_cond *cond, struct pipci_mutex *mutex, uint64_t deadline_ns)
{
    if (deadline_ns == PIPC_NEVER)
        return pthread_cond_wait(cond_of(cond), mutex_of(mutex)) == 0;
    const struct timespec ts = pipci_timespec(deadline_ns == PIPC_NOW ? 0 : deadline_ns);
    return pthread_cond_timedwait(cond_of(cond), mutex_of(mutex), &ts) == 0;
}
