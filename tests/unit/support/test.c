/* SPDX-License-Identifier: Apache-2.0
 *
 * What both runners share: failing, skipping, run directories, counts of descriptors and threads,
 * children.
 */
#include "test.h"
#include "test_runner.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

static pid_t test_pid;
static pthread_t test_thread;
static char run_dir[64];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void test_started(void)
{
    test_pid = getpid();
    test_thread = pthread_self();
    run_dir[0] = 0;
}

void test_ended(void)
{
    if (run_dir[0] && getpid() == test_pid)
        nftw(run_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
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
    if (getpid() != test_pid)
        _exit(TEST_EXIT_FAIL); /* a child of the test: its parent sees the status */
    if (!pthread_equal(pthread_self(), test_thread))
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
    if (!run_dir[0]) {
        const char *base = getenv("PIPC_TEST_TMP");
        if (!base || strlen(base) > 24)
            base = "/tmp";
        snprintf(run_dir, sizeof(run_dir), "%s/pt-XXXXXX", base);
        if (!mkdtemp(run_dir))
            test_fail(__FILE__, __LINE__, "%s: %s", run_dir, strerror(errno));
    }
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

bool test_sanitized(void)
{
    return SANITIZED;
}

bool test_thread_checked(void)
{
    return THREAD_CHECKED;
}

uint64_t test_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static unsigned count_entries(const char *path)
{
    DIR *dir = opendir(path);
    unsigned count = 0;

    if (!dir)
        test_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
    for (const struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

unsigned test_open_descriptors(void)
{
    return count_entries("/proc/self/fd") - 1; /* without that of the directory itself */
}

unsigned test_threads(void)
{
    return count_entries("/proc/self/task");
}

int test_in_child(int (*what)(void *arg), void *arg)
{
    int status;

    fflush(NULL);
    const pid_t child = fork();
    if (child < 0)
        test_fail(__FILE__, __LINE__, "fork: %s", strerror(errno));
    if (child == 0)
        _exit(what(arg));
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            test_fail(__FILE__, __LINE__, "waitpid: %s", strerror(errno));
    }
    if (WIFSIGNALED(status))
        return 256 + WTERMSIG(status);
    if (WEXITSTATUS(status) == TEST_EXIT_FAIL)
        test_fail(__FILE__, __LINE__, "a check failed in a child of the test");
    return WEXITSTATUS(status);
}

void test_become_nobody(void)
{
    if (geteuid() != 0)
        return;
    const struct passwd *nobody = getpwnam("nobody");
    const uid_t uid = nobody ? nobody->pw_uid : 65534;
    const gid_t gid = nobody ? nobody->pw_gid : 65534;
    if (setgroups(0, NULL) != 0 || setgid(gid) != 0 || setuid(uid) != 0)
        test_fail(__FILE__, __LINE__, "cannot become nobody: %s", strerror(errno));
}

void test_wait_until(bool (*cond)(void *arg), void *arg, unsigned limit_ms, const char *what)
{
    const uint64_t end = test_now_ms() + (uint64_t)limit_ms * test_slow();

    while (!cond(arg)) {
        if (test_now_ms() > end)
            test_fail(__FILE__, __LINE__, "not within %u ms: %s", limit_ms * test_slow(), what);
        const struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
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
