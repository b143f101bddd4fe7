/* SPDX-License-Identifier: Apache-2.0
 *
 * What test.c asks of the runner in force: Criterion (test_criterion.c) or our own (test_plain.c).
 */
#ifndef PIPC_TESTS_TEST_RUNNER_H
#define PIPC_TESTS_TEST_RUNNER_H

#define TEST_EXIT_FAIL 99

/* Ends the test on its own thread and process. */
void test_runner_fail(const char *text) __attribute__((noreturn));
void test_runner_skip(const char *reason) __attribute__((noreturn));

/* Called by the runner around each test, in the test's process. */
void test_started(void);
void test_ended(void);

#endif
