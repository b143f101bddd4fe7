/* SPDX-License-Identifier: Apache-2.0
 *
 * Criterion as the runner.
 */
#include "test.h"
#include "test_runner.h"

#ifndef PIPC_TEST_PLAIN

void test_begin_(void)
{
    test_started();
}

void test_end_(void)
{
    test_ended();
}

void test_runner_fail(const char *text)
{
    cr_assert_fail("%s", text);
    abort();
}

void test_runner_skip(const char *reason)
{
    /* Criterion keeps the reason to itself. */
    fprintf(stderr, "[SKIP] %s.%s: %s\n", criterion_current_suite->name,
            criterion_current_test->name, reason);
    fflush(stderr);
    cr_skip_test("%s", reason);
    abort();
}

#else
typedef int test_criterion_unused;
#endif
