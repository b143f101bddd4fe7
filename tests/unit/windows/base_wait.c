/* SPDX-License-Identifier: Apache-2.0
 *
 * Events, waiting for handles, sleeping, threads and locks of the platform layer on Windows.
 */
#include "base_memory.h"
#include "core/base/platform.h"
#include "test.h"

#include <windows.h>

#include <process.h>

static uint64_t after_ms(unsigned ms)
{
    return pipci_clock_ns() + ms * PIPC_NS_PER_MS;
}

/* ---- events ---- */

TEST(base_event, is_clear_at_first_and_sticky_once_set)
{
    struct pipci_event event = {0};
    CHECK_OK(pipci_event_init(&event, NULL));
    CHECK(!pipci_event_is_set(&event));
    CHECK_EQ(WaitForSingleObject((HANDLE)event.handle, 0), WAIT_TIMEOUT);
    SetLastError(77);
    pipci_event_set(&event);
    pipci_event_set(&event);
    CHECK_EQ(GetLastError(), 77);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(WaitForSingleObject((HANDLE)event.handle, 0), WAIT_OBJECT_0);
    CHECK(pipci_event_is_set(&event));
    pipci_event_clear(&event);
    CHECK(!pipci_event_is_set(&event));
    CHECK_EQ(WaitForSingleObject((HANDLE)event.handle, 0), WAIT_TIMEOUT);
    pipci_event_done(&event);
}

TEST(base_event, is_not_inherited_by_programs_that_are_run)
{
    struct pipci_event event = {0};
    DWORD flags = 0;
    CHECK_OK(pipci_event_init(&event, NULL));
    CHECK(GetHandleInformation((HANDLE)event.handle, &flags));
    CHECK_EQ(flags & HANDLE_FLAG_INHERIT, 0);
    pipci_event_done(&event);
}

TEST(base_event, done_frees_and_everything_is_harmless_afterwards)
{
    struct pipci_event event = {0};
    pipci_event_done(&event);
    pipci_event_set(&event);
    pipci_event_clear(&event);
    const unsigned before = test_open_descriptors();
    CHECK_OK(pipci_event_init(&event, NULL));
    CHECK_EQ(test_open_descriptors(), before + 1);
    pipci_event_done(&event);
    CHECK_EQ(test_open_descriptors(), before);
    CHECK_EQ((uint64_t)event.handle, (uint64_t)PIPC_NO_HANDLE);
    pipci_event_set(&event);
    pipci_event_clear(&event);
    pipci_event_done(&event);
}

static uint32_t racing;

static void set_often(void *arg)
{
    while (__atomic_load_n(&racing, __ATOMIC_ACQUIRE))
        pipci_event_set(arg);
}

TEST(base_event, flag_and_handle_agree_after_setting_and_clearing_at_once)
{
    struct pipci_event event = {0};
    CHECK_OK(pipci_event_init(&event, NULL));
    for (unsigned i = test_scale(100); i > 0; i--) {
        struct pipci_thread *thread = NULL;
        __atomic_store_n(&racing, 1, __ATOMIC_RELEASE);
        CHECK_OK(pipci_thread_start(NULL, set_often, &event, 0, &thread, NULL));
        for (int k = 0; k < 20; k++)
            pipci_event_clear(&event);
        __atomic_store_n(&racing, 0, __ATOMIC_RELEASE);
        pipci_thread_join(NULL, thread);
        CHECK_EQ(pipci_event_is_set(&event),
                 WaitForSingleObject((HANDLE)event.handle, 0) == WAIT_OBJECT_0);
    }
    pipci_event_done(&event);
}

/* ---- waiting ---- */

static HANDLE manual(BOOL set)
{
    const HANDLE event = CreateEventW(NULL, TRUE, set, NULL);
    CHECK(event != NULL);
    return event;
}

TEST(base_poll, tells_what_was_wanted_of_each_signalled_handle)
{
    const HANDLE off = manual(FALSE), on = manual(TRUE);
    struct pipci_poll polls[5] = {
        {.handle = (pipc_handle)off, .want = PIPCI_POLL_READ, .got = 99},
        {.handle = (pipc_handle)on, .want = PIPCI_POLL_READ},
        {.handle = PIPC_NO_HANDLE, .want = PIPCI_POLL_READ, .got = 99},
        {.handle = (pipc_handle)on, .want = PIPCI_POLL_READ | PIPCI_POLL_WRITE},
        {.handle = (pipc_handle)off, .want = PIPCI_POLL_WRITE},
    };
    uint32_t ready = 99;
    CHECK_OK(pipci_poll(polls, 5, PIPC_NEVER, &ready));
    CHECK_EQ(ready, 2);
    CHECK_EQ(polls[0].got, 0);
    CHECK_EQ(polls[1].got, PIPCI_POLL_READ);
    CHECK_EQ(polls[2].got, 0);
    CHECK_EQ(polls[3].got, PIPCI_POLL_READ | PIPCI_POLL_WRITE);
    CHECK_EQ(polls[4].got, 0);
    CloseHandle(off);
    CloseHandle(on);
}

TEST(base_poll, handle_that_a_look_resets_is_told_all_the_same)
{
    const HANDLE once = CreateEventW(NULL, FALSE, TRUE, NULL);
    struct pipci_poll poll = {.handle = (pipc_handle)once, .want = PIPCI_POLL_READ};
    uint32_t ready = 0;
    CHECK_OK(pipci_poll(&poll, 1, PIPC_NOW, &ready));
    CHECK_EQ(ready, 1);
    CHECK_EQ(poll.got, PIPCI_POLL_READ);
    CloseHandle(once);
}

TEST(base_poll, what_is_no_handle_is_invalid_at_once)
{
    const HANDLE off = manual(FALSE), closed = manual(FALSE);
    CloseHandle(closed);
    struct pipci_poll polls[3] = {
        {.handle = (pipc_handle)off, .want = PIPCI_POLL_READ},
        {.handle = (pipc_handle)closed, .want = PIPCI_POLL_READ},
        {.handle = (pipc_handle)0x7ffffff4, .want = PIPCI_POLL_READ},
    };
    uint32_t ready = 0;
    CHECK_OK(pipci_poll(polls, 3, PIPC_NEVER, &ready));
    CHECK_EQ(ready, 2);
    CHECK_EQ(polls[0].got, 0);
    CHECK_EQ(polls[1].got, PIPCI_POLL_INVALID);
    CHECK_EQ(polls[2].got, PIPCI_POLL_INVALID);
    CloseHandle(off);
}

TEST(base_poll, no_handles_wait_until_the_deadline)
{
    struct pipci_poll poll = {.handle = PIPC_NO_HANDLE, .want = PIPCI_POLL_READ};
    uint32_t ready = 99;
    const uint64_t deadline = after_ms(30);
    CHECK_OK(pipci_poll(&poll, 1, deadline, &ready));
    CHECK_EQ(ready, 0);
    CHECK(pipci_clock_ns() >= deadline);
    CHECK_OK(pipci_poll(NULL, 0, PIPC_NOW, &ready));
    CHECK_EQ(ready, 0);
}

TEST(base_poll, quiet_handles_wait_until_the_deadline_and_not_for_now)
{
    const HANDLE off = manual(FALSE);
    struct pipci_poll poll = {.handle = (pipc_handle)off, .want = PIPCI_POLL_READ};
    uint32_t ready = 99;
    const uint64_t deadline = after_ms(30);
    CHECK_OK(pipci_poll(&poll, 1, PIPC_NOW, &ready));
    CHECK_EQ(ready, 0);
    CHECK(pipci_clock_ns() < deadline || test_slow() > 1);
    CHECK_OK(pipci_poll(&poll, 1, deadline, &ready));
    CHECK_EQ(ready, 0);
    CHECK(pipci_clock_ns() >= deadline);
    CloseHandle(off);
}

/* One handle of 256 is signalled, in each group of 64 once; then none. */
TEST(base_poll, the_largest_number_of_handles_works_and_one_more_is_refused)
{
    struct pipci_poll polls[PIPCI_POLL_MAX + 1];
    HANDLE events[PIPCI_POLL_MAX + 1];
    uint32_t ready = 0;
    for (uint32_t i = 0; i <= PIPCI_POLL_MAX; i++) {
        events[i] = manual(FALSE);
        polls[i] = (struct pipci_poll){.handle = (pipc_handle)events[i], .want = PIPCI_POLL_READ};
    }
    for (uint32_t at = 10; at < PIPCI_POLL_MAX; at += 64) {
        SetEvent(events[at]);
        CHECK_OK(pipci_poll(polls, PIPCI_POLL_MAX, PIPC_NEVER, &ready));
        CHECK_EQ(ready, 1);
        for (uint32_t i = 0; i < PIPCI_POLL_MAX; i++)
            CHECK_EQ(polls[i].got, i == at ? PIPCI_POLL_READ : 0);
        ResetEvent(events[at]);
    }
    const uint64_t deadline = after_ms(30);
    CHECK_OK(pipci_poll(polls, PIPCI_POLL_MAX, deadline, &ready));
    CHECK_EQ(ready, 0);
    CHECK(pipci_clock_ns() >= deadline);
    CHECK_OK(pipci_poll(polls, PIPCI_POLL_MAX, PIPC_NOW, &ready));
    CHECK_EQ(ready, 0);
    CHECK_RESULT(pipci_poll(polls, PIPCI_POLL_MAX + 1, PIPC_NOW, &ready), PIPC_ERR_BAD_PARAM);
    for (uint32_t i = 0; i <= PIPCI_POLL_MAX; i++)
        CloseHandle(events[i]);
}

static void set_soon(void *arg)
{
    Sleep(20);
    SetEvent(arg);
}

TEST(base_poll, many_handles_are_woken_by_the_last_one)
{
    struct pipci_poll polls[100];
    const HANDLE off = manual(FALSE), later = manual(FALSE);
    struct pipci_thread *thread = NULL;
    uint32_t ready = 0;
    for (uint32_t i = 0; i < 100; i++)
        polls[i] = (struct pipci_poll){.handle = (pipc_handle)(i < 99 ? off : later),
                                       .want = PIPCI_POLL_READ};
    CHECK_OK(pipci_thread_start(NULL, set_soon, later, 0, &thread, NULL));
    CHECK_OK(pipci_poll(polls, 100, PIPC_NEVER, &ready));
    CHECK_EQ(ready, 1);
    CHECK_EQ(polls[99].got, PIPCI_POLL_READ);
    pipci_thread_join(NULL, thread);
    CloseHandle(off);
    CloseHandle(later);
}

/* ---- sleeping ---- */

TEST(base_sleep, ends_at_the_deadline)
{
    const HANDLE off = manual(FALSE);
    for (int i = 0; i < 2; i++) {
        const struct pipc_wait wait =
            pipci_wait_make(after_ms(20), i ? (pipc_handle)off : PIPC_NO_HANDLE, NULL);
        CHECK_RESULT(pipci_sleep(&wait), PIPC_ERR_TIMEOUT);
        CHECK(pipci_clock_ns() >= wait.deadline_ns);
    }
    CloseHandle(off);
}

TEST(base_sleep, abort_goes_before_a_deadline_that_has_passed)
{
    const HANDLE on = manual(TRUE);
    const struct pipc_wait wait = pipci_wait_make(PIPC_NOW, (pipc_handle)on, NULL);
    CHECK_RESULT(pipci_sleep(&wait), PIPC_ERR_ABORTED);
    CHECK_EQ(WaitForSingleObject(on, 0), WAIT_OBJECT_0);
    CloseHandle(on);
}

TEST(base_sleep, an_abort_handle_that_is_none_is_a_wrong_argument)
{
    const struct pipc_wait wait = pipci_wait_make(PIPC_NEVER, 0x7ffffff4, NULL);
    CHECK_RESULT(pipci_sleep(&wait), PIPC_ERR_BAD_PARAM);
}

TEST(base_sleep, abort_from_another_thread_ends_it_at_once)
{
    const HANDLE later = manual(FALSE);
    struct pipci_thread *thread = NULL;
    const struct pipc_wait wait = pipci_wait_make(PIPC_NEVER, (pipc_handle)later, NULL);
    CHECK_OK(pipci_thread_start(NULL, set_soon, later, 0, &thread, NULL));
    CHECK_RESULT(pipci_sleep(&wait), PIPC_ERR_ABORTED);
    pipci_thread_join(NULL, thread);
    CloseHandle(later);
}

/* ---- threads ---- */

struct seen {
    struct pipci_thread *thread;
    HANDLE go;
    uint64_t self;
    bool current;
    unsigned runs;
};

static void look_at_itself(void *arg)
{
    struct seen *seen = arg;
    WaitForSingleObject(seen->go, INFINITE);
    seen->self = pipci_thread_self();
    seen->current = pipci_thread_is_current(seen->thread);
    seen->runs++;
}

TEST(base_thread, runs_once_and_knows_itself)
{
    struct seen seen = {.go = manual(FALSE)};
    const unsigned handles = test_open_descriptors();
    CHECK_OK(pipci_thread_start(NULL, look_at_itself, &seen, 0, &seen.thread, NULL));
    CHECK(!pipci_thread_is_current(seen.thread));
    CHECK(!pipci_thread_is_current(NULL));
    SetEvent(seen.go);
    pipci_thread_join(NULL, seen.thread);
    pipci_thread_join(NULL, NULL);
    CHECK_EQ(seen.runs, 1);
    CHECK(seen.current);
    CHECK(seen.self != pipci_thread_self());
    CHECK_EQ(test_open_descriptors(), handles);
    CloseHandle(seen.go);
}

static void measure_stack(void *arg)
{
    MEMORY_BASIC_INFORMATION area = {0};
    VirtualQuery(&area, &area, sizeof(area));
    *(size_t *)arg =
        (size_t)((char *)area.BaseAddress + area.RegionSize - (char *)area.AllocationBase);
}

TEST(base_thread, stack_is_as_asked_for_or_the_least_that_works)
{
    static const size_t wanted[] = {0, 1, 256 * 1024, 4 * 1024 * 1024};
    static const size_t least[] = {1024 * 1024, 64 * 1024, 256 * 1024, 4 * 1024 * 1024};
    for (unsigned i = 0; i < 4; i++) {
        struct pipci_thread *thread = NULL;
        size_t got = 0;
        CHECK_OK(pipci_thread_start(NULL, measure_stack, &got, wanted[i], &thread, NULL));
        pipci_thread_join(NULL, thread);
        CHECK_MSG(got >= least[i], "stack %zu gave %zu", wanted[i], got);
    }
}

static void nothing(void *arg)
{
    (void)arg;
}

TEST(base_thread, without_memory_starting_fails_and_leaks_nothing)
{
    struct base_memory memory;
    base_memory_init(&memory);
    memory.fail_at = 1;
    struct pipci_thread *thread = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(pipci_thread_start(&memory.allocator, nothing, NULL, 0, &thread, &err),
                 PIPC_ERR_ALLOC);
    CHECK_EQ(err.os_code, ERROR_NOT_ENOUGH_MEMORY);
    CHECK(thread == NULL);
}

TEST(base_thread, a_stack_that_does_not_fit_fails_with_the_code_and_leaks_nothing)
{
    struct pipci_thread *thread = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(pipci_thread_start(NULL, nothing, NULL, (size_t)1 << 40, &thread, &err),
                 PIPC_ERR_ALLOC);
    CHECK_EQ(err.os_code, ERROR_NOT_ENOUGH_MEMORY);
    CHECK_HAS(err.text, "thread cannot be started: no memory");
    CHECK(thread == NULL);
}

TEST(base_thread, abandoning_nothing_is_harmless)
{
    pipci_thread_abandon(NULL, NULL);
}

/* ---- locks ---- */

struct shared {
    struct pipci_mutex mutex;
    struct pipci_cond cond;
    unsigned count;
    unsigned done;
};

static void count_up(void *arg)
{
    struct shared *s = arg;
    for (int i = 0; i < 2000; i++) {
        pipci_mutex_lock(&s->mutex);
        s->count++;
        pipci_mutex_unlock(&s->mutex);
    }
    pipci_mutex_lock(&s->mutex);
    s->done++;
    pipci_cond_broadcast(&s->cond);
    pipci_mutex_unlock(&s->mutex);
}

static void prepare(struct shared *s)
{
    memset(s, 0, sizeof(*s));
    CHECK_OK(pipci_mutex_init(&s->mutex));
    CHECK_OK(pipci_cond_init(&s->cond));
}

static void release(struct shared *s)
{
    pipci_cond_done(&s->cond);
    pipci_mutex_done(&s->mutex);
}

TEST(base_lock, mutex_excludes_and_condition_wakes)
{
    struct pipci_thread *threads[4];
    struct shared s;
    prepare(&s);
    for (int i = 0; i < 4; i++)
        CHECK_OK(pipci_thread_start(NULL, count_up, &s, 0, &threads[i], NULL));
    pipci_mutex_lock(&s.mutex);
    while (s.done < 4)
        (void)pipci_cond_wait(&s.cond, &s.mutex, PIPC_NEVER);
    CHECK_EQ(s.count, 8000);
    pipci_mutex_unlock(&s.mutex);
    for (int i = 0; i < 4; i++)
        pipci_thread_join(NULL, threads[i]);
    release(&s);
}

TEST(base_lock, condition_ends_at_the_deadline_and_at_once_for_now)
{
    struct shared s;
    prepare(&s);
    pipci_mutex_lock(&s.mutex);
    CHECK(!pipci_cond_wait(&s.cond, &s.mutex, PIPC_NOW));
    const uint64_t deadline = after_ms(30);
    while (pipci_cond_wait(&s.cond, &s.mutex, deadline))
        ; /* early wake-ups are possible */
    CHECK(pipci_clock_ns() >= deadline);
    pipci_mutex_unlock(&s.mutex);
    release(&s);
}

TEST(base_lock, the_latest_deadline_waits_until_it_is_woken)
{
    struct pipci_thread *thread = NULL;
    struct shared s;
    prepare(&s);
    pipci_mutex_lock(&s.mutex);
    CHECK_OK(pipci_thread_start(NULL, count_up, &s, 0, &thread, NULL));
    while (!s.done)
        CHECK(pipci_cond_wait(&s.cond, &s.mutex, PIPC_NEVER - 1));
    pipci_mutex_unlock(&s.mutex);
    pipci_thread_join(NULL, thread);
    release(&s);
}
