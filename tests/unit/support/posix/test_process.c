/* SPDX-License-Identifier: Apache-2.0
 *
 * The plain runner's processes on POSIX: forked children.
 */
#include "../test_system.h"
#include "test.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Exit status of the child, -2 less its signal, or -1 when it was killed for taking too long. */
static int wait_for(pid_t child, unsigned limit_ms)
{
    const uint64_t end = test_now_ms() + limit_ms;
    sigset_t child_signal;
    int status;

    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    for (;;) {
        const pid_t done = waitpid(child, &status, WNOHANG);
        if (done == child)
            return WIFSIGNALED(status) ? -2 - WTERMSIG(status) : WEXITSTATUS(status);
        if (test_now_ms() > end) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return -1;
        }
        const struct timespec second = {1, 0};
        sigtimedwait(&child_signal, NULL, &second);
    }
}

int test_system_run(void (*body)(const void *arg), const void *arg, const char *name,
                    unsigned limit_ms)
{
    sigset_t child_signal, before;

    (void)name;
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_signal, &before);
    const pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(1);
    }
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        body(arg);
    }
    return wait_for(child, limit_ms);
}

void test_system_death(int status, char *buf, size_t cap)
{
    snprintf(buf, cap, "signal %d (%s)", -2 - status, strsignal(-2 - status));
}
