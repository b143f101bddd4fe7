/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads, locks and conditions over the system's threads, slim locks and condition variables.
 *
 * Conditions are waited for by the monotonic clock: the system's wait takes a length of time and
 * may end early. Any thread.
 */
#include "win32.h"

#include <errno.h>
#include <process.h>

/* Address space, not memory: room for callbacks of the program. */
#define DEFAULT_STACK ((size_t)1024 * 1024)
/* What the core itself needs with room to spare. */
#define LEAST_STACK ((size_t)64 * 1024)

struct pipci_thread {
    HANDLE handle;
    void (*run)(void *arg);
    void *arg;
    uint64_t self; /* set by the thread itself, which may run before its maker goes on; atomic */
};

static unsigned __stdcall entry(void *arg)
{
    struct pipci_thread *thread = arg;

    __atomic_store_n(&thread->self, pipci_thread_self(), __ATOMIC_RELEASE);
    thread->run(thread->arg);
    return 0;
}

pipc_result pipci_thread_start(const struct pipc_allocator *a, void (*run)(void *arg), void *arg,
                               size_t stack, struct pipci_thread **ret_thread,
                               struct pipc_error *err)
{
    struct pipci_thread *thread = pipci_zalloc(a, sizeof(*thread));

    if (!thread)
        return pipci_fail(err, PIPC_ERR_ALLOC, ERROR_NOT_ENOUGH_MEMORY, "no memory for a thread");
    thread->run = run;
    thread->arg = arg;
    stack = stack == 0 ? DEFAULT_STACK : stack < LEAST_STACK ? LEAST_STACK : stack;
    /* The C library sets up what it keeps for each thread. */
    const uintptr_t handle = stack > UINT32_MAX
                                 ? 0
                                 : _beginthreadex(NULL, (unsigned)stack, entry, thread,
                                                  STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    if (handle == 0) {
        const int32_t code = stack > UINT32_MAX ? ERROR_NOT_ENOUGH_MEMORY : (int32_t)_doserrno;
        char text[64];
        pipci_free(a, thread);
        return pipci_fail(err, PIPC_ERR_ALLOC, code, "thread cannot be started: %s",
                          pipci_os_text(code, text, sizeof(text)));
    }
    thread->handle = pipci_win_handle((pipc_handle)handle);
    *ret_thread = thread;
    return PIPC_OK;
}

void pipci_thread_join(const struct pipc_allocator *a, struct pipci_thread *thread)
{
    if (!thread)
        return;
    WaitForSingleObject(thread->handle, INFINITE);
    CloseHandle(thread->handle);
    pipci_free(a, thread);
}

/* There are no forked children on this system, so that nobody calls it with a thread. */
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
    return GetCurrentThreadId();
}

_Static_assert(sizeof(struct pipci_mutex) >= sizeof(SRWLOCK), "room for a lock");
_Static_assert(sizeof(struct pipci_cond) >= sizeof(CONDITION_VARIABLE), "room for a condition");

static SRWLOCK *lock_of(struct pipci_mutex *mutex)
{
    return (SRWLOCK *)(void *)mutex->storage;
}

static CONDITION_VARIABLE *variable_of(struct pipci_cond *cond)
{
    return (CONDITION_VARIABLE *)(void *)cond->storage;
}

pipc_result pipci_mutex_init(struct pipci_mutex *mutex)
{
    InitializeSRWLock(lock_of(mutex));
    return PIPC_OK;
}

/* Neither locks nor conditions hold anything. */
void pipci_mutex_done(struct pipci_mutex *mutex)
{
    (void)mutex;
}

void pipci_mutex_lock(struct pipci_mutex *mutex)
{
    AcquireSRWLockExclusive(lock_of(mutex));
}

void pipci_mutex_unlock(struct pipci_mutex *mutex)
{
    ReleaseSRWLockExclusive(lock_of(mutex));
}

pipc_result pipci_cond_init(struct pipci_cond *cond)
{
    InitializeConditionVariable(variable_of(cond));
    return PIPC_OK;
}

void pipci_cond_done(struct pipci_cond *cond)
{
    (void)cond;
}

void pipci_cond_broadcast(struct pipci_cond *cond)
{
    WakeAllConditionVariable(variable_of(cond));
}

bool pipci_cond_wait(struct pipci_cond *cond, struct pipci_mutex *mutex, uint64_t deadline_ns)
{
    if (SleepConditionVariableSRW(variable_of(cond), lock_of(mutex), pipci_win_wait_ms(deadline_ns),
                                  0))
        return true;
    /* Ended before its time: an early wake-up like any other. */
    return !pipci_deadline_passed(deadline_ns);
}
