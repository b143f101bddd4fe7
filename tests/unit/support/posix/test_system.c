/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests need of a POSIX system: directories, descriptors, threads, forked children.
 */
#include "../test_system.h"
#include "../test_runner.h"
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_CLO_CHANGE /* there is no Valgrind here, or an old one */
#define VALGRIND_CLO_CHANGE(option) ((void)(option))
#endif

static pid_t test_pid;
static pthread_t test_thread;

void test_system_started(void)
{
    test_pid = getpid();
    test_thread = pthread_self();
}

int test_system_place(void)
{
    if (getpid() != test_pid)
        return TEST_PLACE_CHILD;
    return pthread_equal(pthread_self(), test_thread) ? TEST_PLACE_TEST : TEST_PLACE_THREAD;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void test_system_remove(const char *dir)
{
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void test_system_make_dir(char *buf, size_t cap, const char *base)
{
    if (!base || strlen(base) > 24)
        base = "/tmp";
    snprintf(buf, cap, "%s/pt-XXXXXX", base);
    if (!mkdtemp(buf))
        test_fail(__FILE__, __LINE__, "%s: %s", buf, strerror(errno));
}

void test_system_pause(void)
{
    const struct timespec pause = {0, 1000000};

    nanosleep(&pause, NULL);
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

unsigned test_mapped(const char *part)
{
    FILE *const maps = fopen("/proc/self/maps", "r");
    char line[1024];
    unsigned count = 0;

    if (!maps)
        test_fail(__FILE__, __LINE__, "/proc/self/maps: %s", strerror(errno));
    while (fgets(line, sizeof(line), maps))
        count += strstr(line, part) != NULL;
    fclose(maps);
    return count;
}

int test_in_child(int (*what)(void *arg), void *arg)
{
    int status;

    fflush(NULL);
    const pid_t child = fork();
    if (child < 0)
        test_fail(__FILE__, __LINE__, "fork: %s", strerror(errno));
    if (child == 0) {
        /* What threads of the parent own cannot be reached in here: those threads are gone. */
        VALGRIND_CLO_CHANGE("--leak-check=no");
        _exit(what(arg));
    }
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
