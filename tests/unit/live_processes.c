/* SPDX-License-Identifier: Apache-2.0
 *
 * What is told of one process: the parsers of its files, made proc trees, and processes that end.
 */
#include "live_tree.h"
#include "test.h"
#include "tools/pipc/live/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define REST " S 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456789 0 0\n"

static struct live_stat parse(const char *text)
{
    struct live_stat stat;

    CHECK_MSG(live_stat_parse(text, strlen(text), &stat), "refused: %s", text);
    return stat;
}

static void check_comm(const char *text, const char *expected)
{
    const struct live_stat stat = parse(text);

    CHECK_STR(stat.comm, expected);
    CHECK_EQ(stat.comm_len, strlen(expected));
    CHECK_EQ(stat.pid, 42);
    CHECK_EQ(stat.ppid, 7);
    CHECK_EQ(stat.starttime, 123456789);
}

TEST(live_processes, stat_with_odd_names_gives_name_parent_and_start)
{
    check_comm("42 (sh)" REST, "sh");
    check_comm("42 (a b)" REST, "a b");
    check_comm("42 (a) S 1 2 3)" REST, "a) S 1 2 3");
    check_comm("42 ((()))" REST, "(())");
    check_comm("42 ())" REST, ")");
    check_comm("42 (a\\nb\\\\c)" REST, "a\nb\\c");
    check_comm("42 (a\\)" REST, "a\\");
    check_comm("42 (\xff\xfe)" REST, "\xff\xfe");
}

TEST(live_processes, stat_name_that_is_empty_or_long_fits_an_answer)
{
    check_comm("42 ()" REST, "?");
    check_comm("42 (0123456789abcde)" REST, "0123456789abcde");
    check_comm("42 (kworker/u8:3-events_unbound)" REST, "kworker/u8:3-ev");
}

TEST(live_processes, stat_that_is_cut_or_no_stat_is_refused)
{
    static const char whole[] = "42 (sh)" REST;
    static const char *const bad[] = {"",
                                      "x",
                                      "42",
                                      "42 (sh",
                                      "42 sh)" REST,
                                      "42)(" REST,
                                      "4294967296 (sh)" REST,
                                      "42 (sh) S 4294967296 1 1 0 1 4 1 2 3 4 5 6 7 8 20 0 1 0 9 0",
                                      "42 (sh) S -1 1 1 0 1 4 1 2 3 4 5 6 7 8 20 0 1 0 9 0",
                                      "42 (sh) S 7 1 1 0 1 4 1 2 3 4 5 6 7 8 20 0 1 0 "
                                      "18446744073709551616 0"};
    struct live_stat stat;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_MSG(!live_stat_parse(bad[i], strlen(bad[i]), &stat), "taken: %s", bad[i]);
    for (size_t len = 0; len < (size_t)(strstr(whole, "123456789") - whole); len++)
        CHECK_MSG(!live_stat_parse(whole, len, &stat), "taken: %zu bytes", len);
}

TEST(live_processes, stat_numbers_may_be_the_largest)
{
    const struct live_stat stat =
        parse("4294967295 (sh) S 4294967295 1 1 0 1 4 1 2 3 4 5 6 7 8 20 0 1 0 "
              "18446744073709551615");

    CHECK_EQ(stat.pid, UINT32_MAX);
    CHECK_EQ(stat.ppid, UINT32_MAX);
    CHECK_EQ(stat.starttime, UINT64_MAX);
}

static int status(const char *text, uint32_t *uid, uint32_t *tgid)
{
    return live_status_parse(text, strlen(text), 42, uid, tgid);
}

TEST(live_processes, status_gives_the_real_user_and_the_process_of_a_thread)
{
    uint32_t uid = 0, tgid = 0;

    CHECK(status("Name:\tUid:\nTgid:\t41\nPid:\t42\nUid:\t1000\t0\t0\t0\nGid:\t5\n", &uid, &tgid));
    CHECK_EQ(uid, 1000);
    CHECK_EQ(tgid, 41);
    CHECK(status("Uid:\t4294967294", &uid, &tgid));
    CHECK_EQ(uid, 4294967294u);
    CHECK_EQ(tgid, 42);
    CHECK(!status("", &uid, &tgid));
    CHECK(!status("Uid:\tx\n", &uid, &tgid));
    CHECK(!status("Uid:", &uid, &tgid));
    CHECK(!status("XUid:\t5\n", &uid, &tgid));
}

static const char *hierarchy(enum live_hierarchy kind, const char *text)
{
    static char path[256];
    size_t len = 0;
    const char *found = live_hierarchy_path(kind, text, strlen(text), &len);

    if (!found)
        return "none";
    (void)snprintf(path, sizeof(path), "%.*s", (int)len, found);
    return path;
}

TEST(live_processes, cgroup_lines_of_v1_v2_and_hybrid)
{
    static const char v1[] = "4:cpu,cpuacct:/c\n3:cpuset:/s\n1:name=systemd:/a:b/c\n";
    static const char hybrid[] = "1:name=systemd:/one\n0::/two\n";

    CHECK_STR(hierarchy(LIVE_HIERARCHY_V2, "0::/\n"), "/");
    CHECK_STR(hierarchy(LIVE_HIERARCHY_V2, "0::/a b (deleted)\n"), "/a b (deleted)");
    CHECK_STR(hierarchy(LIVE_HIERARCHY_V2, v1), "none");
    CHECK_STR(hierarchy(LIVE_HIERARCHY_SYSTEMD, v1), "/a:b/c");
    CHECK_STR(hierarchy(LIVE_HIERARCHY_CPU, v1), "/c");
    CHECK_STR(hierarchy(LIVE_HIERARCHY_V2, hybrid), "/two");
    CHECK_STR(hierarchy(LIVE_HIERARCHY_SYSTEMD, hybrid), "/one");
    CHECK_STR(hierarchy(LIVE_HIERARCHY_CPU, hybrid), "none");
}

/* ---- directories ---- */

static int read_in(const char *proc, uint32_t pid, struct live_process *process)
{
    const int dir = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result;

    CHECK(dir >= 0);
    result = live_process_read(dir, pid, LIVE_HIERARCHY_V2, process);
    (void)close(dir);
    return result;
}

static struct live_process *room(void)
{
    struct live_process *process = calloc(1, sizeof(*process));

    CHECK(process != NULL);
    return process;
}

TEST(live_processes, process_of_a_made_tree_is_read)
{
    struct live_process *process = room();

    tree_file("host/proc/42/stat", "42 (sh)" REST);
    tree_file("host/proc/42/status", "Uid:\t8\t9\n");
    tree_file("host/proc/42/cgroup", "0::/a\n");
    CHECK_EQ(read_in(tree_proc(), 42, process), 1);
    CHECK_STR(process->stat.comm, "sh");
    CHECK_EQ(process->uid, 8);
    CHECK_EQ(process->cgroup_len, 2);
    CHECK_MEM(process->cgroup, "/a", 2);
    CHECK_EQ(read_in(tree_proc(), 43, process), 0);
    free(process);
}

TEST(live_processes, cgroup_line_that_is_cut_is_left_out)
{
    static char text[sizeof(((struct live_process *)0)->text) + 100];
    struct live_process *process = room();

    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "0::/a\n9:cpu:/", 13);
    tree_file("host/proc/42/stat", "42 (sh)" REST);
    tree_file("host/proc/42/status", "Uid:\t8\n");
    tree_file("host/proc/42/cgroup", text);
    CHECK_EQ(read_in(tree_proc(), 42, process), 1);
    CHECK_EQ(process->cgroup_len, 2);
    memcpy(text, "8:x:/ab\n0::/", 12);
    tree_file("host/proc/42/cgroup", text);
    CHECK_EQ(read_in(tree_proc(), 42, process), 1);
    CHECK(process->cgroup == NULL);
    free(process);
}

TEST(live_processes, directory_that_lacks_a_file_or_lies_is_no_process)
{
    struct live_process *process = room();

    tree_file("host/proc/1/status", "Uid:\t8\n");
    tree_file("host/proc/2/stat", "2 (sh)" REST);
    tree_file("host/proc/3/stat", "42 (sh)" REST);
    tree_file("host/proc/3/status", "Uid:\t8\n");
    tree_file("host/proc/4/stat", "4 (sh)" REST);
    tree_file("host/proc/4/status", "Tgid:\t5\nUid:\t8\n");
    tree_file("host/proc/6/stat", "6 (sh)" REST);
    tree_file("host/proc/6/status", "Uid:\t8\n");
    for (uint32_t pid = 1; pid <= 5; pid++)
        CHECK_EQ(read_in(tree_proc(), pid, process), 0);
    CHECK_EQ(read_in(tree_proc(), 6, process), 1); /* only its cgroup is not known */
    CHECK(process->cgroup == NULL);
    free(process);
}

TEST(live_processes, own_process_is_read_and_one_that_was_reaped_is_not_there)
{
    struct live_process *process = room();
    const pid_t child = fork();

    if (child == 0)
        _exit(0);
    CHECK(child > 0);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    CHECK_EQ(read_in("/proc", (uint32_t)child, process), 0);
    CHECK_EQ(read_in("/proc", (uint32_t)getpid(), process), 1);
    CHECK_EQ(process->stat.ppid, getppid());
    CHECK_EQ(process->uid, getuid());
    CHECK(process->stat.starttime > 0);
    free(process);
}

TEST(live_processes, process_that_has_ended_and_waits_for_its_parent_is_read)
{
    struct live_process *process = room();
    siginfo_t info;
    const pid_t child = fork();

    if (child == 0)
        _exit(0);
    CHECK(child > 0);
    CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    CHECK_EQ(read_in("/proc", (uint32_t)child, process), 1);
    CHECK_EQ(process->stat.ppid, getpid());
    CHECK_EQ(waitpid(child, NULL, 0), child);
    free(process);
}

static int without_descriptors(void *arg)
{
    struct live_process *process = room();
    const int dir = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int left = dir, result = -1;
    struct rlimit limit;

    (void)arg;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    /* One descriptor more each time: the directory, the stat file, and the others fail in turn. */
    for (int free_ones = 0; free_ones < 3 && result == -1; free_ones++) {
        limit.rlim_cur = (rlim_t)(left + 1 + free_ones);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
        result = live_process_read(dir, (uint32_t)getpid(), LIVE_HIERARCHY_V2, process);
        CHECK(result == 1 || errno == EMFILE);
    }
    free(process);
    return result == -1 ? 0 : 1;
}

TEST(live_processes, lack_of_descriptors_is_told_apart_from_a_process_that_is_gone)
{
    CHECK_EQ(test_in_child(without_descriptors, NULL), 0);
}

static int count_until(void *arg, uint32_t pid)
{
    uint32_t *left = arg;

    CHECK(pid == 1 || pid == 42);
    return --*left == 0;
}

TEST(live_processes, processes_of_a_directory_are_the_names_that_are_numbers)
{
    uint32_t left = 100;

    tree_dir("host/proc/1");
    tree_dir("host/proc/42");
    tree_dir("host/proc/4x");
    tree_dir("host/proc/self");
    tree_dir("host/proc/4294967296");
    CHECK_EQ(live_processes_each(tree_proc(), &left, count_until), 0);
    CHECK_EQ(left, 98);
    left = 1;
    CHECK_EQ(live_processes_each(tree_proc(), &left, count_until), 1);
    CHECK_EQ(live_processes_each(test_path("nosuch"), &left, count_until), -1);
    CHECK_EQ(errno, ENOENT);
}
