/* SPDX-License-Identifier: Apache-2.0
 *
 * What both runners share on every system: failing, skipping, paths, counts, waiting.
 *
 * What it takes of the system is in test_system.h, by posix/ and windows/.
 */
#include "test.h"
#include "test_runner.h"
#include "test_system.h"

#include <stdarg.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define THREAD_CHECKED 1
#else
#define THREAD_CHECKED 0
#endif
#if THREAD_CHECKED || defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static char run_dir[64];

void test_started(void)
{
    test_system_started();
    run_dir[0] = 0;
}

void test_ended(void)
{
    if (run_dir[0] && test_system_place() != TEST_PLACE_CHILD)
        test_system_remove(run_dir);
    run_dir[0] = 0;
}

void test_fail(const char *file, int line, const char *format, ...)
{
    char text[1024];
    const char *base = strrchr(file, '/');
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fprintf(stderr, "%s:%d: %s\n", base ? base + 1 : file, line, text);
    fflush(stderr);
    if (test_system_place() == TEST_PLACE_CHILD)
        _Exit(TEST_EXIT_FAIL); /* a child of the test: its parent sees the status */
    if (test_system_place() == TEST_PLACE_THREAD)
        abort(); /* another thread cannot leave the test by itself */
    test_runner_fail(text);
}

void test_skip(const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    test_ended();
    test_runner_skip(text);
}

const char *test_dir(void)
{
    if (!run_dir[0])
        test_system_make_dir(run_dir, sizeof(run_dir), getenv("PIPC_TEST_TMP"));
    return run_dir;
}

const char *test_path(const char *name)
{
    static char ring[8][512];
    static unsigned next;
    char *path = ring[next++ % 8];

    snprintf(path, sizeof(ring[0]), "%s/%s", test_dir(), name);
    return path;
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    const unsigned long value = text ? strtoul(text, NULL, 10) : 0;

    return value ? (unsigned)value : otherwise;
}

unsigned test_scale(unsigned count)
{
    const unsigned scaled = count / from_environment("PIPC_TEST_SCALE", 20);

    if (count <= 3)
        return count;
    return scaled < 3 ? 3 : scaled;
}

unsigned test_slow(void)
{
    return from_environment("PIPC_TEST_SLOW", SANITIZED ? 3 : 1);
}

uint64_t test_limit(unsigned ms)
{
    const uint64_t slow = test_slow();

    return ms * slow + (slow - 1) * 1000;
}

bool test_sanitized(void)
{
    return SANITIZED;
}

bool test_thread_checked(void)
{
    return THREAD_CHECKED;
}

void test_wait_until(bool (*cond)(void *arg), void *arg, unsigned limit_ms, const char *what)
{
    const uint64_t limit = test_limit(limit_ms), end = test_now_ms() + limit;

    while (!cond(arg)) {
        if (test_now_ms() > end)
            test_fail(__FILE__, __LINE__, "not within %u ms: %s", (unsigned)limit, what);
        test_system_pause();
    }
}

void test_check_mem(const char *file, int line, const char *what, const void *actual,
                    const void *expected, size_t len)
{
    const unsigned char *a = actual, *e = expected;

    for (size_t i = 0; i < len; i++) {
        if (a[i] != e[i])
            test_fail(file, line, "%s: byte %zu of %zu is %02x, expected %02x", what, i, len, a[i],
                      e[i]);
    }
}
