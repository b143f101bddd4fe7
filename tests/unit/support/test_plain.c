/* SPDX-License-Identifier: Apache-2.0
 *
 * The plain runner: one process per test, so that a crash, a leak or a race found at its end fails
 * that test alone.
 *
 * Arguments are names to run ("suite" or "suite.name"), --list prints all, --here NAME runs one in
 * this very process. The last line is `N passed, N failed, N skipped`.
 */
#include "test.h"
#include "test_runner.h"
#include "test_system.h"

#ifdef PIPC_TEST_PLAIN

#define EXIT_SKIP  77
#define TIME_LIMIT 300u /* seconds; where PIPC_TEST_SLOW is above 5, that many minutes */

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
    _Exit(TEST_EXIT_FAIL);
}

void test_runner_skip(const char *reason)
{
    printf("[SKIP] %s.%s: %s\n", current->suite, current->name, reason);
    fflush(stdout);
    _Exit(EXIT_SKIP);
}

static bool is_named(const struct test_case *test, const char *name)
{
    const size_t suite = strlen(test->suite);

    return strcmp(name, test->suite) == 0 ||
           (strncmp(name, test->suite, suite) == 0 && name[suite] == '.' &&
            strcmp(name + suite + 1, test->name) == 0);
}

static bool is_wanted(const struct test_case *test, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (is_named(test, argv[i]))
            return true;
    }
    return argc == 1;
}

static void run_here(const void *arg)
{
    current = arg;
    test_started();
    current->run();
    test_ended();
    exit(0); /* leak checks run here */
}

static unsigned time_limit(void)
{
    const unsigned slow = 60 * test_slow();

    return slow > TIME_LIMIT ? slow : TIME_LIMIT;
}

static int run_one(const struct test_case *test)
{
    char name[256];

    snprintf(name, sizeof(name), "%s.%s", test->suite, test->name);
    fflush(NULL);
    return test_system_run(run_here, test, name, time_limit() * 1000);
}

static void print_failure(const struct test_case *test, int status)
{
    char death[64];

    if (status == -1)
        snprintf(death, sizeof(death), "not done after %u s", time_limit());
    else if (status < 0)
        test_system_death(status, death, sizeof(death));
    else
        snprintf(death, sizeof(death), "exit status %d", status);
    printf("[FAIL] %s.%s: %s\n", test->suite, test->name, death);
}

static int run_named_here(const char *name)
{
    for (const struct test_case *test = tests; test; test = test->next)
        if (is_named(test, name))
            run_here(test);
    fprintf(stderr, "%s: no such test\n", name);
    return 1;
}

int main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0, skipped = 0;
    const bool list = argc == 2 && strcmp(argv[1], "--list") == 0;

    if (argc == 3 && strcmp(argv[1], "--here") == 0)
        return run_named_here(argv[2]);
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
        else if (status != EXIT_SKIP)
            print_failure(test, status);
        fflush(stdout);
    }
    if (!list)
        printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed ? 1 : 0;
}

#else
typedef int test_plain_unused;
#endif
