/* SPDX-License-Identifier: Apache-2.0
 *
 * What test.c and the plain runner ask of the system; by posix/ and windows/. Unit tests do not
 * include it.
 */
#ifndef PIPC_TESTS_TEST_SYSTEM_H
#define PIPC_TESTS_TEST_SYSTEM_H

#include <stddef.h>

/* A test begins in this process, on this thread. */
void test_system_started(void);
/* Where the caller is: on the test's own thread, on another one, in a child of the test. */
enum { TEST_PLACE_TEST = 0, TEST_PLACE_THREAD = 1, TEST_PLACE_CHILD = 2 };
int test_system_place(void);

/* Makes a directory of its own below `base` (NULL or too long: the system's usual place), or fails
 * the test. */
void test_system_make_dir(char *buf, size_t cap, const char *base);
/* Removes it with all that is in it. */
void test_system_remove(const char *dir);
/* Sleeps about a millisecond. */
void test_system_pause(void);

/* Runs `body(arg)` in a process of its own: a forked child, or this program anew with the argument
 * `name`, which makes it call body itself. Returns the exit status, -1 when it took longer than
 * limit_ms and was ended, any other negative number when it died; test_system_death says how. */
int test_system_run(void (*body)(const void *arg), const void *arg, const char *name,
                    unsigned limit_ms);
void test_system_death(int status, char *buf, size_t cap);

#endif
