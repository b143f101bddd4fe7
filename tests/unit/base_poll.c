/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for handles, and sleeping that an abort handle ends.
 */
#include "test.h"

#include "core/base/platform.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void pair(int fds[2])
{
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
}

/* The number of a descriptor that is closed. */
static int closed_descriptor(void)
{
    const int fd = dup(0);
    CHECK(fd >= 0);
    close(fd);
    return fd;
}

static uint32_t poll_one(pipc_handle handle, uint32_t want)
{
    struct pipci_poll p = {.handle = handle, .want = want, .got = 0xff};
    uint32_t ready = 99;
    CHECK_OK(pipci_poll(&p, 1, PIPC_NOW, &ready));
    CHECK_EQ(ready, p.got != 0);
    return p.got;
}

TEST(base_poll, tells_readable_and_writable)
{
    int fds[2];
    pair(fds);
    CHECK_EQ(poll_one(fds[0], PIPCI_POLL_READ), 0);
    CHECK_EQ(poll_one(fds[0], PIPCI_POLL_WRITE), PIPCI_POLL_WRITE);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(poll_one(fds[0], PIPCI_POLL_READ), PIPCI_POLL_READ);
    CHECK_EQ(poll_one(fds[0], PIPCI_POLL_READ | PIPCI_POLL_WRITE),
             PIPCI_POLL_READ | PIPCI_POLL_WRITE);
    CHECK_EQ(poll_one(fds[0], PIPCI_POLL_HANGUP), 0);
    close(fds[0]);
    close(fds[1]);
}

TEST(base_poll, tells_the_end_of_the_other_side_and_wakes_who_reads)
{
    int fds[2];
    pair(fds);
    close(fds[1]);
    CHECK(poll_one(fds[0], PIPCI_POLL_HANGUP) & PIPCI_POLL_HANGUP);
    CHECK_EQ(poll_one(fds[0], PIPCI_POLL_READ | PIPCI_POLL_HANGUP),
             PIPCI_POLL_READ | PIPCI_POLL_HANGUP);
    close(fds[0]);
    CHECK_EQ(pipe(fds), 0);
    close(fds[1]);
    CHECK_EQ(poll_one(fds[0], PIPCI_POLL_READ), PIPCI_POLL_READ | PIPCI_POLL_HANGUP);
    close(fds[0]);
}

TEST(base_poll, a_write_end_without_reader_is_an_end_that_wakes_who_writes)
{
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    close(fds[0]);
    CHECK_EQ(poll_one(fds[1], PIPCI_POLL_WRITE), PIPCI_POLL_WRITE | PIPCI_POLL_HANGUP);
    close(fds[1]);
}

TEST(base_poll, what_is_no_handle_is_invalid_at_once)
{
    struct pipci_poll polls[3] = {{.handle = PIPC_NO_HANDLE, .want = PIPCI_POLL_READ},
                                  {.handle = 0, .want = PIPCI_POLL_READ},
                                  {.handle = PIPC_NO_HANDLE, .want = PIPCI_POLL_READ}};
    const pipc_handle bad[] = {closed_descriptor(), -2, (pipc_handle)INT_MAX + 1, INTPTR_MIN};
    for (size_t i = 0; i < PIPCI_COUNT(bad); i++) {
        uint32_t ready = 0;
        polls[1].handle = bad[i];
        CHECK_OK(pipci_poll(polls, 3, PIPC_NEVER, &ready));
        CHECK_EQ(ready, 1);
        CHECK_EQ(polls[0].got, 0);
        CHECK_EQ(polls[1].got, PIPCI_POLL_INVALID);
        CHECK_EQ(polls[2].got, 0);
    }
}

TEST(base_poll, no_handles_wait_until_the_deadline)
{
    struct pipci_poll none = {.handle = PIPC_NO_HANDLE};
    uint32_t ready = 9;
    const uint64_t start = pipci_clock_ns();
    CHECK_OK(pipci_poll(&none, 1, start + 20 * PIPC_NS_PER_MS, &ready));
    CHECK_EQ(ready, 0);
    CHECK(pipci_clock_ns() >= start + 20 * PIPC_NS_PER_MS);
    CHECK_OK(pipci_poll(NULL, 0, PIPC_NOW, &ready));
    CHECK_EQ(ready, 0);
}

TEST(base_poll, a_deadline_that_has_passed_still_looks)
{
    int fds[2];
    pair(fds);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    struct pipci_poll p = {.handle = fds[0], .want = PIPCI_POLL_READ};
    uint32_t ready = 0;
    CHECK_OK(pipci_poll(&p, 1, 1, &ready));
    CHECK_EQ(ready, 1);
    close(fds[0]);
    close(fds[1]);
}

TEST(base_poll, the_largest_number_of_handles_works_and_one_more_is_refused)
{
    static struct pipci_poll polls[PIPCI_POLL_MAX + 1];
    int fds[2];
    pair(fds);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    for (size_t i = 0; i < PIPCI_COUNT(polls); i++)
        polls[i] = (struct pipci_poll){.handle = fds[0], .want = PIPCI_POLL_READ};
    uint32_t ready = 0;
    CHECK_OK(pipci_poll(polls, PIPCI_POLL_MAX, PIPC_NEVER, &ready));
    CHECK_EQ(ready, PIPCI_POLL_MAX);
    CHECK_RESULT(pipci_poll(polls, PIPCI_POLL_MAX + 1, PIPC_NOW, &ready), PIPC_ERR_BAD_PARAM);
    close(fds[0]);
    close(fds[1]);
}

TEST(base_poll, a_refusal_of_the_system_is_an_error)
{
    /* The system refuses more handles than the process may have open. */
    struct pipci_poll none = {.handle = PIPC_NO_HANDLE};
    const struct pipc_wait wait = pipci_wait_make(PIPC_NOW, PIPC_NO_HANDLE, NULL);
    struct rlimit old;
    uint32_t ready = 5;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
    const struct rlimit few = {0, old.rlim_max};
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    const pipc_result polled = pipci_poll(&none, 1, PIPC_NOW, &ready);
    const pipc_result slept = pipci_sleep(&wait);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
    CHECK_RESULT(polled, PIPC_ERR_RECV);
    CHECK_RESULT(slept, PIPC_ERR_RECV);
    CHECK_EQ(ready, 5);
}

static void ignore(int number)
{
    (void)number;
}

TEST(base_poll, a_storm_of_signals_neither_shortens_nor_prolongs_a_wait)
{
    struct sigaction action = {.sa_handler = ignore}, old;
    const struct itimerval storm = {{0, 500}, {0, 500}}, calm = {{0, 0}, {0, 0}};
    CHECK_EQ(sigaction(SIGALRM, &action, &old), 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &storm, NULL), 0);
    struct pipci_poll none = {.handle = PIPC_NO_HANDLE};
    uint32_t ready = 9;
    const uint64_t start = pipci_clock_ns();
    const pipc_result result = pipci_poll(&none, 1, start + 60 * PIPC_NS_PER_MS, &ready);
    const uint64_t took = pipci_clock_ns() - start;
    CHECK_EQ(setitimer(ITIMER_REAL, &calm, NULL), 0);
    CHECK_EQ(sigaction(SIGALRM, &old, NULL), 0);
    CHECK_OK(result);
    CHECK_EQ(ready, 0);
    CHECK(took >= 60 * PIPC_NS_PER_MS);
    CHECK(took < test_limit(1000) * PIPC_NS_PER_MS);
}

TEST(base_sleep, ends_at_the_deadline)
{
    const uint64_t start = pipci_clock_ns();
    struct pipc_wait wait = pipci_wait_make(start + 20 * PIPC_NS_PER_MS, PIPC_NO_HANDLE, NULL);
    CHECK_RESULT(pipci_sleep(&wait), PIPC_ERR_TIMEOUT);
    CHECK(pipci_clock_ns() >= start + 20 * PIPC_NS_PER_MS);
    wait.deadline_ns = PIPC_NOW;
    CHECK_RESULT(pipci_sleep(&wait), PIPC_ERR_TIMEOUT);
}

TEST(base_sleep, abort_goes_before_a_deadline_that_has_passed)
{
    struct pipci_event event = {0};
    CHECK_OK(pipci_event_init(&event, NULL));
    struct pipc_wait wait = pipci_wait_make(1, event.handle, &event.flag);
    CHECK_RESULT(pipci_sleep(&wait), PIPC_ERR_TIMEOUT);
    pipci_event_set(&event);
    CHECK_RESULT(pipci_sleep(&wait), PIPC_ERR_ABORTED);
    wait.deadline_ns = PIPC_NOW;
    CHECK_RESULT(pipci_sleep(&wait), PIPC_ERR_ABORTED);
    CHECK_RESULT(pipci_sleep(&wait), PIPC_ERR_ABORTED);
    CHECK(pipci_event_is_set(&event));
    pipci_event_done(&event);
}

TEST(base_sleep, an_abort_handle_that_is_none_is_a_wrong_argument)
{
    struct pipc_wait wait = pipci_wait_make(PIPC_NEVER, closed_descriptor(), NULL);
    CHECK_RESULT(pipci_sleep(&wait), PIPC_ERR_BAD_PARAM);
    wait.abort = -7;
    CHECK_RESULT(pipci_sleep(&wait), PIPC_ERR_BAD_PARAM);
}

static void *set_event(void *arg)
{
    pipci_event_set(arg);
    return NULL;
}

TEST(base_sleep, abort_from_another_thread_ends_it_at_once)
{
    struct pipci_event event = {0};
    pthread_t thread;
    CHECK_OK(pipci_event_init(&event, NULL));
    const struct pipc_wait wait = pipci_wait_make(PIPC_NEVER, event.handle, &event.flag);
    CHECK_EQ(pthread_create(&thread, NULL, set_event, &event), 0);
    CHECK_RESULT(pipci_sleep(&wait), PIPC_ERR_ABORTED);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    pipci_event_done(&event);
}
