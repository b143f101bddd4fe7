/* SPDX-License-Identifier: Apache-2.0
 *
 * What a unit test includes, in place of any framework: TEST(suite, name) { ... }, checks that
 * print both values, and a run directory of its own for each test.
 *
 * By default Criterion runs them; with PIPC_TEST_PLAIN (thread sanitizer, valgrind, Wine, musl) a
 * small runner of our own does, from the same sources: one process per test. A failed check ends
 * its test.
 */
#ifndef PIPC_TESTS_TEST_H
#define PIPC_TESTS_TEST_H

#include <pipc/result.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef PIPC_PRINTF_KIND
#define PIPC_PRINTF_KIND                                                    \
    printf /* the build says so where the C library has two kinds of printf \
            */
#endif

/* Ends the test as failed. `format` says what was wrong. */
void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(PIPC_PRINTF_KIND, 3, 4), noreturn));
/* Ends the test as skipped; the reason is printed. */
void test_skip(const char *format, ...) __attribute__((format(PIPC_PRINTF_KIND, 1, 2), noreturn));

/* Directory of this test alone, made at the first call, removed when the test ends (also after a
 * failure). At most 40 bytes long. */
const char *test_dir(void);
/* "<test_dir>/<name>" in a static buffer per call site ring of 8. */
const char *test_path(const char *name);

/* Divides a big repetition count by PIPC_TEST_SCALE (default 20), never below 3. */
unsigned test_scale(unsigned count);
/* Factor for time limits: 1, more under sanitizers and valgrind. */
unsigned test_slow(void);
/* Upper bound of what lasts `ms` at most on an idle machine: that times test_slow(), and more where
 * a busy machine may stand still for seconds between any two steps. */
uint64_t test_limit(unsigned ms);
/* Deadline, in milliseconds, of what must succeed: no machine stands still for so long. */
#define TEST_LONG 60000
/* Whether a sanitizer watches this program (its memory, stacks and speed are then other ones). */
bool test_sanitized(void);
/* Whether it is the thread sanitizer. */
bool test_thread_checked(void);
/* Monotonic milliseconds. */
uint64_t test_now_ms(void);
/* Open descriptors of this process; threads of this process. */
unsigned test_open_descriptors(void);
unsigned test_threads(void);
/* Mapped areas (POSIX) or loaded libraries (Windows) of this process whose path has `part` in it.
 */
unsigned test_mapped(const char *part);
/* Runs `what(arg)` in a forked child and returns its exit status; a signal is 256 + its number. The
 * child exits with what() unless it fails a check, which fails the parent. */
int test_in_child(int (*what)(void *arg), void *arg);
/* In a child of a root process: becomes `nobody`; does nothing for an ordinary user. */
void test_become_nobody(void);
/* Waits (without a fixed sleep: event by event) until `cond(arg)` is true; fails after limit_ms *
 * test_slow(). */
void test_wait_until(bool (*cond)(void *arg), void *arg, unsigned limit_ms, const char *what);

#define CHECK(cond)                                     \
    do {                                                \
        if (!(cond))                                    \
            test_fail(__FILE__, __LINE__, "%s", #cond); \
    } while (0)
#define CHECK_MSG(cond, ...)                            \
    do {                                                \
        if (!(cond))                                    \
            test_fail(__FILE__, __LINE__, __VA_ARGS__); \
    } while (0)
#define CHECK_EQ(actual, expected)                                                              \
    do {                                                                                        \
        const uint64_t a_ = (uint64_t)(actual), e_ = (uint64_t)(expected);                      \
        if (a_ != e_)                                                                           \
            test_fail(__FILE__, __LINE__,                                                       \
                      "%s is %" PRIu64 " (0x%" PRIx64 "), expected %s = %" PRIu64, #actual, a_, \
                      a_, #expected, e_);                                                       \
    } while (0)
#define CHECK_STR(actual, expected)                                                 \
    do {                                                                            \
        const char *const a_ = (actual), *const e_ = (expected);                    \
        if (!a_ || !e_ || strcmp(a_, e_) != 0)                                      \
            test_fail(__FILE__, __LINE__, "%s is \"%s\", expected \"%s\"", #actual, \
                      a_ ? a_ : "(null)", e_ ? e_ : "(null)");                      \
    } while (0)
/* The needle occurs in the text. */
#define CHECK_HAS(text, needle)                                                      \
    do {                                                                             \
        const char *const a_ = (text), *const e_ = (needle);                         \
        if (!a_ || !strstr(a_, e_))                                                  \
            test_fail(__FILE__, __LINE__, "%s is \"%s\", which lacks \"%s\"", #text, \
                      a_ ? a_ : "(null)", e_);                                       \
    } while (0)
#define CHECK_MEM(actual, expected, len) \
    test_check_mem(__FILE__, __LINE__, #actual, (actual), (expected), (len))
void test_check_mem(const char *file, int line, const char *what, const void *actual,
                    const void *expected, size_t len);
/* A pipc_result, printed by name. */
#define CHECK_RESULT(actual, expected)                                                            \
    do {                                                                                          \
        const uint32_t a_ = (actual), e_ = (expected);                                            \
        if (a_ != e_)                                                                             \
            test_fail(__FILE__, __LINE__, "%s is %s, expected %s", #actual, pipc_result_name(a_), \
                      pipc_result_name(e_));                                                      \
    } while (0)
#define CHECK_OK(actual) CHECK_RESULT(actual, PIPC_OK)

#ifdef PIPC_TEST_PLAIN
struct test_case {
    const char *suite, *name;
    void (*run)(void);
    struct test_case *next;
};
void test_register(struct test_case *test);
#define TEST(suite_, name_)                                                                 \
    static void test_##suite_##_##name_(void);                                              \
    static struct test_case test_case_##suite_##_##name_ = {#suite_, #name_,                \
                                                            test_##suite_##_##name_, NULL}; \
    __attribute__((constructor)) static void test_add_##suite_##_##name_(void)              \
    {                                                                                       \
        test_register(&test_case_##suite_##_##name_);                                       \
    }                                                                                       \
    static void test_##suite_##_##name_(void)
#else
#include <criterion/criterion.h>
void test_begin_(void);
void test_end_(void);
#define TEST(suite_, name_) \
    Test(suite_, name_, .init = test_begin_, .fini = test_end_, .timeout = 300)
#endif

#endif
