/* SPDX-License-Identifier: Apache-2.0
 *
 * The plain runner: one process per test, so that a crash, a leak or a race found at its end fails
 * that test alone.
 *
 * Arguments are names to run ("suite" or "suite.name"), --list prints all. The last line is `N
 * passed, N failed, N skipped`.
 */
#include "test.h"
#include "test_runner.h"

#ifdef PIPC_TEST_PLAIN

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_SKIP  77
#define TIME_LIMIT 300u /* seconds */

static struct test_case *tests;
static const struct test_case *current; /* in the test's process */

void test_register(struct test_case *test)
{
    struct test_case **end = &tests;

    while (*end)
        end = &(*end)->next;
    *end = test;
}

void test_runner_fail(const char *text)
{
    (void)text; /* printed already */
    test_ended();
    /* Not exit(): a failed test may leave things that would be reported as leaks and hide the
     * failure. */
    _exit(TEST_EXIT_FAIL);
}

void test_runner_skip(const char *reason)
{
    printf("[SKIP] %s.%s: %s\n", current->suite, current->name, reason);
    fflush(stdout);
    _exit(EXIT_SKIP);
}

static bool is_wanted(const struct test_case *test, int argc, char **argv)
{
    const size_t suite = strlen(test->suite);

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], test->suite) == 0 ||
            (strncmp(argv[i], test->suite, suite) == 0 && argv[i][suite] == '.' &&
             strcmp(argv[i] + suite + 1, test->name) == 0))
            return true;
    }
    return argc == 1;
}

/* Exit status of the child, 256 + its signal, or -1 when it was killed for taking too long. */
static int wait_for(pid_t child)
{
    const uint64_t end = test_now_ms() + (uint64_t)TIME_LIMIT * 1000;
    sigset_t child_signal;
    int status;

    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    for (;;) {
        const pid_t done = waitpid(child, &status, WNOHANG);
        if (done == child)
            return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
        if (test_now_ms() > end) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return -1;
        }
        const struct timespec second = {1, 0};
        sigtimedwait(&child_signal, NULL, &second);
    }
}

static int run_one(const struct test_case *test)
{
    sigset_t child_signal, before;

    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_signal, &before);
    fflush(NULL);
    const pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(1);
    }
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        current = test;
        test_started();
        test->run();
        test_ended();
        exit(0); /* leak checks run here */
    }
    return wait_for(child);
}

int main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0, skipped = 0;
    const bool list = argc == 2 && strcmp(argv[1], "--list") == 0;

    for (const struct test_case *test = tests; test; test = test->next) {
        if (list) {
            printf("%s.%s\n", test->suite, test->name);
            continue;
        }
        if (!is_wanted(test, argc, argv))
            continue;
        const uint64_t begin = test_now_ms();
        const int status = run_one(test);
        const unsigned ms = (unsigned)(test_now_ms() - begin);
        if (status == 0)
            passed++;
        else if (status == EXIT_SKIP)
            skipped++;
        else
            failed++;
        if (status == 0)
            printf("[PASS] %s.%s (%u ms)\n", test->suite, test->name, ms);
        else if (status < 0)
            printf("[FAIL] %s.%s: not done after %u s\n", test->suite, test->name, TIME_LIMIT);
        else if (status >= 256)
            printf("[FAIL] %s.%s: signal %d (%s)\n", test->suite, test->name, status - 256,
                   strsignal(status - 256));
        else if (status != EXIT_SKIP)
            printf("[FAIL] %s.%s: exit status %d\n", test->suite, test->name, status);
        fflush(stdout);
    }
    if (!list)
        printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed ? 1 : 0;
}

#else
typedef int test_plain_unused;
#endif
