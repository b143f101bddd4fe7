/* SPDX-License-Identifier: Apache-2.0
 *
 * Which hierarchy is chosen, from mountinfo and from a directory, and the line of /proc/PID/cgroup
 * that belongs to it.
 */
#include "live_tree.h"
#include "test.h"
#include "tools/pipc/live/mounts.h"
#include "tools/pipc/live/walk.h"

#include <unistd.h>

static struct live_mount mount_;
static char error[256];

static void parse(const char *text)
{
    memset(&mount_, 0xff, sizeof(mount_));
    CHECK_MSG(live_mounts_parse(text, strlen(text), &mount_, error, sizeof(error)) == 0, "%s",
              error);
}

TEST(live_mounts, v2_is_found)
{
    parse("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
          "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
    CHECK_EQ(mount_.hierarchy, LIVE_HIERARCHY_V2);
    CHECK_STR(mount_.dir, "/sys/fs/cgroup");
    CHECK_STR(mount_.prefix, "");
}

TEST(live_mounts, v1_is_that_of_systemd_else_of_cpu)
{
    static const char both[] =
        "30 29 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "31 29 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "32 29 0:28 / /sys/fs/cgroup/systemd rw a:1 b:2 - cgroup cgroup rw,xattr,name=systemd\n";

    parse(both);
    CHECK_EQ(mount_.hierarchy, LIVE_HIERARCHY_SYSTEMD);
    CHECK_STR(mount_.dir, "/sys/fs/cgroup/systemd");
    parse("30 29 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
          "31 29 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n");
    CHECK_EQ(mount_.hierarchy, LIVE_HIERARCHY_CPU);
    CHECK_STR(mount_.dir, "/sys/fs/cgroup/cpu,cpuacct");
}

TEST(live_mounts, escapes_of_mount_points_are_undone)
{
    parse("1 1 0:1 / /a\\040b\\134c\\011 rw - cgroup2 none rw");
    CHECK_STR(mount_.dir, "/a b\\c\t");
    parse("1 1 0:1 / /a\\04 rw - cgroup2 none rw");
    CHECK_STR(mount_.dir, "/a\\04");
    parse("1 1 0:1 / /a\\999\\777\\000 rw - cgroup2 none rw");
    CHECK_STR(mount_.dir, "/a\\999\\777\\000");
}

TEST(live_mounts, part_of_a_hierarchy_has_its_prefix_and_the_whole_wins)
{
    parse("1 1 0:1 /docker/abc /cg rw - cgroup2 none rw\n");
    CHECK_STR(mount_.prefix, "/docker/abc");
    parse("1 1 0:1 /docker/abc /part rw - cgroup2 none rw\n"
          "1 1 0:1 / /whole rw - cgroup2 none rw\n"
          "1 1 0:1 / /again rw - cgroup2 none rw\n");
    CHECK_STR(mount_.dir, "/whole");
    CHECK_STR(mount_.prefix, "");
    parse("1 1 0:1 /../.. /outside rw - cgroup2 none rw\n");
    CHECK_STR(mount_.prefix, "");
}

TEST(live_mounts, text_without_a_hierarchy_or_with_broken_lines_is_an_error)
{
    static const char *const texts[] = {
        "",
        "\n\n",
        "1 1 0:1 / /x rw - ext4 none rw\n",
        "1 1 0:1 / /x rw cgroup2 none rw\n",
        "1 1 0:1 / /x rw -\n",
        "1 1 0:1 / /x rw - cgroup2\n",
        "1 1 0:1 /\n",
        "1 1 0:1 / relative rw - cgroup2 none rw\n",
        "1 1 0:1 / /x rw - cgroup none rw,name=other,memory\n",
        "1 1 0:1 / /x rw - cgroup none\n",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CHECK_MSG(live_mounts_parse(texts[i], strlen(texts[i]), &mount_, error, sizeof(error)) ==
                      -1,
                  "accepted: %s", texts[i]);
        CHECK_HAS(error, "cgroup");
    }
}

TEST(live_mounts, mount_point_that_is_too_long_is_passed_over)
{
    static char text[10000];
    int at = snprintf(text, sizeof(text), "1 1 0:1 / /%05000d rw - cgroup2 none rw\n", 7);

    snprintf(text + at, sizeof(text) - (size_t)at, "1 1 0:1 / /short rw - cgroup2 none rw\n");
    parse(text);
    CHECK_STR(mount_.dir, "/short");
}

static void find(void)
{
    CHECK_MSG(live_mounts_find(tree_proc(), &mount_, error, sizeof(error)) == 0, "%s", error);
}

static void hybrid(void)
{
    tree_dir("cg/unified");
    tree_dir("cg/systemd");
    tree_mount("/", "cg/unified", "cgroup2", "nsdelegate");
    tree_mount("/", "cg/systemd", "cgroup", "xattr,name=systemd");
}

TEST(live_mounts, hybrid_is_v2_when_it_has_as_many_cgroups)
{
    hybrid();
    tree_dir("cg/unified/system.slice/a.service");
    tree_dir("cg/systemd/system.slice/a.service");
    find();
    CHECK_EQ(mount_.hierarchy, LIVE_HIERARCHY_V2);
    CHECK_STR(mount_.dir, test_path("cg/unified"));
}

TEST(live_mounts, hybrid_is_v1_when_only_that_has_the_containers)
{
    hybrid();
    tree_dir("cg/unified/system.slice/a.service");
    tree_dir("cg/systemd/system.slice/a.service");
    tree_dir("cg/systemd/docker/0123");
    find();
    CHECK_EQ(mount_.hierarchy, LIVE_HIERARCHY_SYSTEMD);
    CHECK_STR(mount_.dir, test_path("cg/systemd"));
}

TEST(live_mounts, proc_without_mountinfo_is_an_error_that_names_it)
{
    CHECK_EQ(live_mounts_find(test_path("none"), &mount_, error, sizeof(error)), -1);
    CHECK_HAS(error, "none/self/mountinfo");
}

static void in(const char *dir, enum live_hierarchy hierarchy, const char *root)
{
    CHECK_MSG(live_mounts_in(test_path(dir), &mount_, error, sizeof(error)) == 0, "%s", error);
    CHECK_EQ(mount_.hierarchy, hierarchy);
    CHECK_STR(mount_.dir, test_path(root));
    CHECK_STR(mount_.prefix, "");
}

TEST(live_mounts, directory_may_be_a_root_itself)
{
    tree_file("v2/cgroup.controllers", "");
    tree_file("v2/systemd/cgroup.procs", "");
    in("v2", LIVE_HIERARCHY_V2, "v2");
    tree_file("named/tasks", "");
    tree_file("named/cgroup.procs", "");
    in("named", LIVE_HIERARCHY_SYSTEMD, "named");
    tree_file("cpu/tasks", "");
    tree_file("cpu/cpu.shares", "1024");
    in("cpu", LIVE_HIERARCHY_CPU, "cpu");
    tree_dir("bare/system.slice");
    in("bare", LIVE_HIERARCHY_V2, "bare");
    tree_dir("one/systemd");
    in("one", LIVE_HIERARCHY_V2, "one");
}

TEST(live_mounts, directory_may_hold_the_mounts_of_v1_and_hybrid)
{
    tree_file("v1/systemd/tasks", "");
    tree_file("v1/cpu,cpuacct/tasks", "");
    in("v1", LIVE_HIERARCHY_SYSTEMD, "v1/systemd");
    tree_file("old/cpu,cpuacct/cgroup.procs", "");
    CHECK(symlink("cpu,cpuacct", test_path("old/cpu")) == 0);
    in("old", LIVE_HIERARCHY_CPU, "old/cpu,cpuacct");
    tree_file("plain/cpu/tasks", "");
    in("plain", LIVE_HIERARCHY_CPU, "plain/cpu");
    tree_file("swapped/cpuacct,cpu/tasks", "");
    in("swapped", LIVE_HIERARCHY_CPU, "swapped/cpuacct,cpu");
    tree_file("hybrid/unified/cgroup.controllers", "");
    tree_file("hybrid/unified/cgroup.procs", "");
    tree_file("hybrid/systemd/cgroup.procs", "");
    in("hybrid", LIVE_HIERARCHY_V2, "hybrid/unified");
    tree_dir("hybrid/systemd/docker");
    in("hybrid", LIVE_HIERARCHY_SYSTEMD, "hybrid/systemd");
    tree_dir("made/unified");
    tree_dir("made/systemd/a");
    in("made", LIVE_HIERARCHY_SYSTEMD, "made/systemd");
    tree_dir("made2/systemd");
    tree_dir("made2/memory");
    in("made2", LIVE_HIERARCHY_SYSTEMD, "made2/systemd");
}

TEST(live_mounts, directory_that_is_none_is_an_error_that_names_it)
{
    static char path[5000];

    CHECK_EQ(live_mounts_in(test_path("none"), &mount_, error, sizeof(error)), -1);
    CHECK_HAS(error, "none");
    tree_file("file", "");
    CHECK_EQ(live_mounts_in(test_path("file"), &mount_, error, sizeof(error)), -1);
    CHECK_HAS(error, "file");
    memset(path, 'x', sizeof(path) - 1);
    CHECK_EQ(live_mounts_in(path, &mount_, error, sizeof(error)), -1);
}

static void check_line(enum live_hierarchy hierarchy, const char *text, const char *expected)
{
    size_t len = 0;
    const char *path = live_hierarchy_path(hierarchy, text, strlen(text), &len);

    CHECK_MSG((path != NULL) == (expected != NULL), "found is %d in %s", path != NULL, text);
    if (path)
        CHECK_MSG(len == strlen(expected) && memcmp(path, expected, len) == 0,
                  "found %.*s, expected %s", (int)len, path, expected);
}

TEST(live_mounts, line_of_a_process_is_that_of_the_hierarchy)
{
    static const char v1[] = "12:cpuset:/c\n4:cpu,cpuacct:/a:b/c\n1:name=systemd:/user.slice\n"
                             "0::/unified/x\n";

    check_line(LIVE_HIERARCHY_V2, v1, "/unified/x");
    check_line(LIVE_HIERARCHY_SYSTEMD, v1, "/user.slice");
    check_line(LIVE_HIERARCHY_CPU, v1, "/a:b/c");
    check_line(LIVE_HIERARCHY_V2, "0::/", "/");
    check_line(LIVE_HIERARCHY_V2, "1:name=systemd:/a\n", NULL);
    check_line(LIVE_HIERARCHY_CPU, "3:cpuset:/a\n0::/b\n", NULL);
    check_line(LIVE_HIERARCHY_SYSTEMD, "", NULL);
    check_line(LIVE_HIERARCHY_V2, "0\n0:\n:\n\n", NULL);
}
