/* SPDX-License-Identifier: Apache-2.0
 *
 * Events: sticky, safe in signal handlers, never a loss.
 */
#include "test.h"

#include "core/base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static bool readable(const struct pipci_event *event)
{
    struct pollfd fd = {.fd = (int)event->handle, .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

TEST(base_event, is_clear_at_first_and_sticky_once_set)
{
    struct pipci_event event = {0};
    CHECK_OK(pipci_event_init(&event, NULL));
    CHECK(!pipci_event_is_set(&event) && !readable(&event));
    for (unsigned i = 0; i < 3; i++) {
        pipci_event_set(&event);
        CHECK(pipci_event_is_set(&event) && readable(&event));
    }
    CHECK(readable(&event));
    pipci_event_clear(&event);
    CHECK(!pipci_event_is_set(&event) && !readable(&event));
    pipci_event_clear(&event);
    CHECK(!readable(&event));
    pipci_event_set(&event);
    CHECK(pipci_event_is_set(&event) && readable(&event));
    pipci_event_done(&event);
}

TEST(base_event, handle_is_closed_in_programs_that_are_run_and_never_blocks)
{
    struct pipci_event event = {0};
    CHECK_OK(pipci_event_init(&event, NULL));
    CHECK(fcntl((int)event.handle, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl((int)event.handle, F_GETFL) & O_NONBLOCK);
    pipci_event_done(&event);
}

TEST(base_event, done_frees_and_everything_is_harmless_afterwards)
{
    const unsigned before = test_open_descriptors();
    struct pipci_event event = {0};
    pipci_event_done(&event);
    pipci_event_set(&event);
    pipci_event_clear(&event);
    CHECK(!pipci_event_is_set(&event));
    CHECK_OK(pipci_event_init(&event, NULL));
    CHECK_EQ(test_open_descriptors(), before + 1);
    pipci_event_done(&event);
    pipci_event_done(&event);
    pipci_event_set(&event);
    pipci_event_clear(&event);
    CHECK_EQ(test_open_descriptors(), before);
    CHECK(event.handle == PIPC_NO_HANDLE);
}

TEST(base_event, a_full_counter_does_not_block)
{
    struct pipci_event event = {0};
    CHECK_OK(pipci_event_init(&event, NULL));
    const uint64_t most = UINT64_MAX - 1;
    CHECK_EQ(write((int)event.handle, &most, sizeof(most)), sizeof(most));
    errno = 4711;
    pipci_event_set(&event);
    CHECK_EQ(errno, 4711);
    CHECK(pipci_event_is_set(&event) && readable(&event));
    pipci_event_clear(&event);
    CHECK(!pipci_event_is_set(&event) && !readable(&event));
    pipci_event_done(&event);
}

TEST(base_event, without_descriptors_init_fails_with_the_code)
{
    struct pipci_event event = {0};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct rlimit old;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
    const struct rlimit none = {0, old.rlim_max};
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    const pipc_result result = pipci_event_init(&event, &err);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
    CHECK_RESULT(result, PIPC_ERR_SOCKET);
    CHECK_EQ(err.os_code, EMFILE);
    CHECK_HAS(err.text, "event");
    pipci_event_done(&event);
}

static struct pipci_event *signalled;

static void on_signal(int number)
{
    (void)number;
    pipci_event_set(signalled);
}

TEST(base_event, may_be_set_in_a_signal_handler)
{
    struct pipci_event event = {0};
    CHECK_OK(pipci_event_init(&event, NULL));
    signalled = &event;
    struct sigaction action = {.sa_handler = on_signal}, old;
    CHECK_EQ(sigaction(SIGUSR1, &action, &old), 0);
    errno = 12;
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_EQ(errno, 12);
    CHECK_EQ(sigaction(SIGUSR1, &old, NULL), 0);
    CHECK(pipci_event_is_set(&event) && readable(&event));
    pipci_event_done(&event);
}

static void *set_often(void *arg)
{
    const unsigned rounds = test_scale(40000);
    for (unsigned i = 0; i < rounds; i++)
        pipci_event_set(arg);
    return NULL;
}

TEST(base_event, flag_and_handle_agree_after_setting_and_clearing_at_once)
{
    struct pipci_event event = {0};
    CHECK_OK(pipci_event_init(&event, NULL));
    const unsigned rounds = test_scale(200);
    for (unsigned i = 0; i < rounds; i++) {
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, set_often, &event), 0);
        for (unsigned j = 0; j < 200; j++)
            pipci_event_clear(&event);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(pipci_event_is_set(&event), readable(&event));
        pipci_event_clear(&event);
    }
    CHECK(!pipci_event_is_set(&event) && !readable(&event));
    pipci_event_done(&event);
}
