/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of cgroups: content, generation, made trees of v2, v1 and hybrid, and directories that
 * misbehave.
 */
#include "live_tree.h"
#include "test.h"
#include "tools/pipc/live/cgroups.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "0123456789abffff0123456789abcdef0123456789abcdef0123456789abcdef"

static char error[256];

static struct live_cgroups *open_tree(const char *root)
{
    struct live_cgroups *live =
        live_cgroups_new(test_path(root), tree_proc(), error, sizeof(error));

    CHECK_MSG(live != NULL, "%s", error);
    return live;
}

static struct live_cgroups *open_proc(void)
{
    struct live_cgroups *live = live_cgroups_new(NULL, tree_proc(), error, sizeof(error));

    CHECK_MSG(live != NULL, "%s", error);
    return live;
}

static void scan(struct live_cgroups *live, int expected)
{
    const int result = live_cgroups_scan(live, error, sizeof(error));

    CHECK_MSG(result == expected, "scan is %d, expected %d: %s", result, expected, error);
}

/* All items, "path=name" with spaces between. */
static const char *listing(struct live_cgroups *live)
{
    static char text[4096];
    const struct live_cgroup_set *set = live_cgroups_acquire(live);
    size_t at = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < set->count; i++) {
        const struct live_cgroup *item = &set->items[i];
        CHECK_EQ(item->enabled, 1);
        CHECK_EQ(item->options, 0);
        CHECK_EQ(item->hash, live_hash(item->name, item->name_len));
        CHECK_EQ(item->name_len, strlen(item->name));
        CHECK_EQ(item->path_len, strlen(item->path));
        CHECK(live_cgroup_find(set, item->path, item->path_len) == item);
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s=%s", i ? " " : "", item->path,
                               item->name);
    }
    live_cgroups_release(live, set);
    return text;
}

TEST(live_cgroups, hash_is_fnv_1)
{
    CHECK_EQ(live_hash("", 0), 0x811c9dc5u);
    CHECK_EQ(live_hash("a", 1), 0x050c5d7eu);
    CHECK_EQ(live_hash("foobar", 6), 0x31f0b262u);
    CHECK_EQ(live_hash("\xff", 1), 0x050c5de0u);
}

TEST(live_cgroups, v2_tree_is_read_sorted_and_named)
{
    tree_dir("cg/system.slice/nginx.service");
    tree_dir("cg/init.scope");
    tree_dir("cg/docker/" ID);
    tree_file("cg/cgroup.controllers", "cpu");
    tree_file("cg/init.scope/cgroup.procs", "1");
    tree_mount("/", "cg", "cgroup2", "nsdelegate");
    tree_file("host/var/lib/docker/containers/" ID "/config.v2.json", "{\"Name\":\"/web\"}");
    struct live_cgroups *live = open_proc();
    CHECK_STR(live_cgroups_mount(live)->dir, test_path("cg"));
    CHECK_STR(live_cgroups_host_root(live), test_path("host"));
    scan(live, 1);
    CHECK_STR(listing(live), "/=root /docker=docker /docker/" ID "=docker_web "
                             "/init.scope=init.scope /system.slice=system.slice "
                             "/system.slice/nginx.service=nginx.service");
    const struct live_cgroup_set *set = live_cgroups_acquire(live);
    CHECK_EQ(set->systemd_enabled, 1);
    CHECK_EQ(live_cgroup_find(set, "/docker/" ID, 72)->orchestrator, LIVE_DOCKER);
    CHECK(live_cgroup_find(set, "/docker/", 8) == NULL);
    CHECK(live_cgroup_find(set, "", 0) == NULL);
    CHECK(live_cgroup_find(set, "/zzz", 4) == NULL);
    live_cgroups_release(live, set);
    live_cgroups_free(live);
}

TEST(live_cgroups, one_cgroup_has_the_same_path_on_v2_v1_and_hybrid)
{
    tree_dir("two/cg/system.slice/a.service");
    tree_file("two/cg/cgroup.controllers", "");
    tree_file("one/cg/systemd/system.slice/a.service/tasks", "");
    tree_file("one/cg/systemd/tasks", "");
    tree_file("one/cg/cpu,cpuacct/tasks", "");
    tree_file("both/cg/unified/cgroup.procs", "");
    tree_dir("both/cg/unified/system.slice/a.service");
    tree_file("both/cg/systemd/cgroup.procs", "");
    tree_dir("both/cg/systemd/system.slice/a.service");
    tree_file("old/cg/cpu/tasks", "");
    tree_dir("old/cg/cpu/system.slice/a.service");
    static const char *const roots[] = {"two/cg", "one/cg", "both/cg", "old/cg"};
    static const enum live_hierarchy hierarchies[] = {LIVE_HIERARCHY_V2, LIVE_HIERARCHY_SYSTEMD,
                                                      LIVE_HIERARCHY_V2, LIVE_HIERARCHY_CPU};
    for (size_t i = 0; i < 4; i++) {
        struct live_cgroups *live = open_tree(roots[i]);
        CHECK_EQ(live_cgroups_mount(live)->hierarchy, hierarchies[i]);
        scan(live, 1);
        CHECK_STR(listing(live), "/=root /system.slice=system.slice "
                                 "/system.slice/a.service=a.service");
        live_cgroups_free(live);
    }
}

TEST(live_cgroups, part_of_a_hierarchy_has_the_paths_of_the_whole)
{
    tree_dir("cg/sub");
    tree_mount("/docker/" ID, "cg", "cgroup2", "x");
    struct live_cgroups *live = open_proc();
    scan(live, 1);
    CHECK_STR(listing(live),
              "/docker/" ID "=docker_0123456789ab /docker/" ID "/sub=docker_0123456789ab/sub");
    live_cgroups_free(live);
}

TEST(live_cgroups, generation_grows_with_changes_and_only_with_them)
{
    tree_dir("cg/a");
    struct live_cgroups *live = open_tree("cg");
    const struct live_cgroup_set *empty = live_cgroups_acquire(live), *first, *second;
    CHECK_EQ(empty->generation, 0);
    CHECK_EQ(empty->count, 0);
    scan(live, 1);
    first = live_cgroups_acquire(live);
    CHECK_EQ(first->generation, 1);
    CHECK_EQ(first->systemd_enabled, 0);
    scan(live, 0);
    tree_file("cg/a/memory.current", "17");
    scan(live, 0);
    second = live_cgroups_acquire(live);
    CHECK(second == first);
    live_cgroups_release(live, second);
    tree_dir("cg/b.service");
    scan(live, 1);
    second = live_cgroups_acquire(live);
    CHECK_EQ(second->generation, 2);
    CHECK_EQ(second->count, 3);
    CHECK_EQ(second->systemd_enabled, 1);
    CHECK_EQ(first->count, 2); /* as it was */
    CHECK_STR(first->items[1].path, "/a");
    live_cgroups_release(live, first);
    live_cgroups_release(live, second);
    live_cgroups_release(live, empty);
    tree_remove("cg/b.service");
    tree_dir("cg/c");
    scan(live, 1);
    scan(live, 0);
    CHECK_STR(listing(live), "/=root /a=a /c=c");
    live_cgroups_free(live);
}

TEST(live_cgroups, change_of_a_name_is_a_change)
{
    tree_dir("cg/docker/" ID);
    struct live_cgroups *live = open_tree("cg");
    scan(live, 1);
    scan(live, 0);
    tree_file("host/var/lib/docker/containers/" ID "/config.v2.json", "{\"Name\":\"/new\"}");
    scan(live, 1);
    CHECK_HAS(listing(live), "=docker_new");
    live_cgroups_free(live);
}

TEST(live_cgroups, equal_names_are_replaced_by_paths)
{
    tree_dir("cg/docker/" ID);
    tree_dir("cg/docker/" ID2);
    tree_dir("cg/lxc/web");
    tree_dir("cg/lxc.payload.web");
    struct live_cgroups *live = open_tree("cg");
    scan(live, 1);
    CHECK_STR(listing(live), "/=root /docker=docker /docker/" ID "=docker/" ID " /docker/" ID2
                             "=docker/" ID2 " /lxc=lxc /lxc.payload.web=lxc.payload.web "
                             "/lxc/web=lxc/web");
    live_cgroups_free(live);
}

TEST(live_cgroups, failed_scan_keeps_the_old_set)
{
    tree_dir("cg/a");
    struct live_cgroups *live = open_tree("cg");
    scan(live, 1);
    tree_remove("cg/a");
    tree_remove("cg");
    scan(live, -1);
    CHECK_HAS(error, "cg");
    CHECK_STR(listing(live), "/=root /a=a");
    tree_dir("cg/a");
    scan(live, 0);
    live_cgroups_free(live);
}

TEST(live_cgroups, links_are_not_followed)
{
    tree_dir("cg/a");
    tree_dir("outside/secret");
    CHECK(symlink("../outside", test_path("cg/link")) == 0);
    CHECK(symlink(".", test_path("cg/loop")) == 0);
    struct live_cgroups *live = open_tree("cg");
    scan(live, 1);
    CHECK_STR(listing(live), "/=root /a=a");
    live_cgroups_free(live);
}

TEST(live_cgroups, odd_bytes_in_names_are_kept)
{
    tree_dir("cg/a b\tc\xff\x01\"\\");
    tree_dir("cg/...");
    tree_dir("cg/.hidden");
    struct live_cgroups *live = open_tree("cg");
    scan(live, 1);
    CHECK_STR(listing(live), "/=root /...=... /.hidden=.hidden "
                             "/a b\tc\xff\x01\"\\=a b\tc\xff\x01\"\\");
    live_cgroups_free(live);
}

/* Goes down step by step, since the whole path is longer than the system takes at once. */
static void dig(uint32_t depth, const char *name)
{
    char cwd[512];

    CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
    CHECK(chdir(test_path("cg")) == 0);
    for (uint32_t i = 0; i < depth; i++) {
        CHECK(mkdir(name, 0755) == 0);
        CHECK(chdir(name) == 0);
    }
    CHECK(chdir(cwd) == 0);
}

/* Removes what `dig` made, from below: the runner could not. */
static void fill_up(uint32_t depth, const char *name)
{
    char cwd[512];

    CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
    CHECK(chdir(test_path("cg")) == 0);
    for (uint32_t i = 0; i < depth; i++)
        CHECK(chdir(name) == 0);
    for (uint32_t i = 0; i < depth; i++) {
        CHECK(chdir("..") == 0);
        CHECK(rmdir(name) == 0);
    }
    CHECK(chdir(cwd) == 0);
}

TEST(live_cgroups, depth_is_bounded_and_told)
{
    tree_dir("cg");
    dig(LIVE_WALK_DEPTH_MAX + 20, "d");
    struct live_cgroups *live = open_tree("cg");
    scan(live, 1);
    const struct live_cgroup_set *set = live_cgroups_acquire(live);
    CHECK_EQ(set->count, LIVE_WALK_DEPTH_MAX + 1);
    CHECK_EQ(set->left_out.too_deep, 1);
    CHECK_EQ(set->left_out.too_long, 0);
    live_cgroups_release(live, set);
    live_cgroups_free(live);
    fill_up(LIVE_WALK_DEPTH_MAX + 20, "d");
}

TEST(live_cgroups, paths_that_are_too_long_are_left_out_and_told)
{
    char name[256];

    memset(name, 'n', 255);
    name[255] = '\0';
    tree_dir("cg");
    dig(20, name);
    struct live_cgroups *live = open_tree("cg");
    scan(live, 1);
    const struct live_cgroup_set *set = live_cgroups_acquire(live);
    CHECK_EQ(set->count, 1 + (LIVE_PATH_MAX - 1) / 256);
    CHECK_EQ(set->left_out.too_long, 1);
    CHECK_EQ(set->items[15].path_len, 15 * 256);
    CHECK_STR(set->items[15].name, set->items[15].path + 1);
    live_cgroups_release(live, set);
    live_cgroups_free(live);
    fill_up(20, name);
}

static int scan_as_nobody(void *arg)
{
    (void)arg;
    test_become_nobody();
    struct live_cgroups *live = open_tree("cg");
    scan(live, 1);
    CHECK_STR(listing(live), "/=root /closed=closed /open=open");
    const struct live_cgroup_set *set = live_cgroups_acquire(live);
    CHECK_EQ(set->left_out.unreadable, 1);
    live_cgroups_release(live, set);
    live_cgroups_free(live);
    return 0;
}

TEST(live_cgroups, unreadable_directory_is_there_without_its_children)
{
    tree_dir("cg/closed/below");
    tree_dir("cg/open");
    CHECK(chmod(test_dir(), 0755) == 0);
    CHECK(chmod(test_path("cg/closed"), 0) == 0);
    CHECK_EQ(test_in_child(scan_as_nobody, NULL), 0);
    CHECK(chmod(test_path("cg/closed"), 0755) == 0);
}

TEST(live_cgroups, new_fails_with_a_sentence_without_a_hierarchy)
{
    static char proc[5000];

    CHECK(live_cgroups_new(test_path("none"), NULL, error, sizeof(error)) == NULL);
    CHECK_HAS(error, "none");
    CHECK(live_cgroups_new(NULL, test_path("none"), error, sizeof(error)) == NULL);
    CHECK_HAS(error, "mountinfo");
    tree_file("host/proc/self/mountinfo", "1 1 0:1 / /x rw - ext4 none rw\n");
    CHECK(live_cgroups_new(NULL, tree_proc(), error, sizeof(error)) == NULL);
    CHECK_HAS(error, "no cgroup hierarchy");
    memset(proc, 'p', sizeof(proc) - 1);
    CHECK(live_cgroups_new(NULL, proc, error, sizeof(error)) == NULL);
    CHECK_HAS(error, "too long");
    live_cgroups_free(NULL);
}

TEST(live_cgroups, host_root_follows_from_the_proc_directory)
{
    static const struct {
        const char *proc, *root;
    } rows[] = {{"/proc", ""}, {"/host/proc", "/host"}, {"/host/proc//", "/host"}, {NULL, ""}};

    tree_dir("cg");
    for (size_t i = 0; i < 4; i++) {
        struct live_cgroups *live =
            live_cgroups_new(test_path("cg"), rows[i].proc, error, sizeof(error));
        CHECK(live != NULL);
        CHECK_STR(live_cgroups_host_root(live), rows[i].root);
        live_cgroups_free(live);
    }
}

TEST(live_cgroups, twenty_thousand_cgroups_are_read_whole)
{
    char path[64];

    for (uint32_t i = 0; i < 200; i++) {
        snprintf(path, sizeof(path), "cg/system.slice/s%u.slice", (unsigned)i);
        tree_dir(path);
        for (uint32_t k = 0; k < 99; k++) {
            snprintf(path, sizeof(path), "cg/system.slice/s%u.slice/u%u-%u.service", (unsigned)i,
                     (unsigned)i, (unsigned)k);
            CHECK(mkdir(test_path(path), 0755) == 0);
        }
    }
    struct live_cgroups *live = open_tree("cg");
    const uint64_t begin = test_now_ms();
    scan(live, 1);
    scan(live, 0);
    CHECK_MSG(test_now_ms() - begin < test_limit(4000), "took %u ms",
              (unsigned)(test_now_ms() - begin));
    const struct live_cgroup_set *set = live_cgroups_acquire(live);
    CHECK_EQ(set->count, 20002);
    CHECK_STR(live_cgroup_find(set, "/system.slice/s7.slice/u7-98.service", 36)->name,
              "u7-98.service");
    live_cgroups_release(live, set);
    live_cgroups_free(live);
}

/* ---- directories that go away while they are read ---- */

struct vanishing {
    const char *other; /* what is made of the sibling that has not been visited */
    uint32_t found;
    char text[256];
};

static int vanish(void *arg, const char *path, size_t len)
{
    struct vanishing *v = arg;

    CHECK_EQ(strlen(path), len);
    strncat(v->text, path, sizeof(v->text) - strlen(v->text) - 1);
    if (v->found++ != 1)
        return 0;
    const char *sibling = test_path(strcmp(path, "/a") == 0 ? "cg/b" : "cg/a");
    CHECK(rmdir(sibling) == 0);
    if (v->other)
        CHECK(symlink(v->other, sibling) == 0);
    return 0;
}

static void check_vanished(const char *other)
{
    struct vanishing v = {other, 0, ""};
    struct live_walk_stats stats;

    tree_dir("cg/a");
    tree_dir("cg/b");
    CHECK_EQ(live_walk(test_path("cg"), &v, vanish, &stats, error, sizeof(error)), 0);
    CHECK_EQ(v.found, 2);
    CHECK(strcmp(v.text, "//a") == 0 || strcmp(v.text, "//b") == 0);
    CHECK_EQ(stats.unreadable + stats.too_deep + stats.too_long, 0);
}

TEST(live_cgroups, directory_that_vanished_when_its_turn_came_is_left_out)
{
    check_vanished(NULL);
}

TEST(live_cgroups, directory_that_became_a_link_when_its_turn_came_is_left_out)
{
    tree_dir("outside/secret");
    check_vanished("../outside");
}

static int remove_itself(void *arg, const char *path, size_t len)
{
    uint32_t *found = arg;

    (void)len;
    ++*found;
    if (strcmp(path, "/a") == 0)
        CHECK(rmdir(test_path("cg/a")) == 0);
    return 0;
}

TEST(live_cgroups, directory_that_vanished_while_it_is_open_has_no_children)
{
    uint32_t found = 0;

    tree_dir("cg/a");
    CHECK_EQ(live_walk(test_path("cg"), &found, remove_itself, NULL, error, sizeof(error)), 0);
    CHECK_EQ(found, 2);
}

static int stop_at_second(void *arg, const char *path, size_t len)
{
    uint32_t *found = arg;

    (void)path;
    (void)len;
    return ++*found == 2 ? 5 : 0;
}

TEST(live_cgroups, walk_ends_with_the_value_of_its_callback)
{
    const unsigned descriptors = test_open_descriptors();
    uint32_t found = 0;

    tree_dir("cg/a/b");
    CHECK_EQ(live_walk(test_path("cg"), &found, stop_at_second, NULL, error, sizeof(error)), 5);
    CHECK_EQ(found, 2);
    CHECK_EQ(test_open_descriptors(), descriptors);
}

/* ---- threads ---- */

static uint32_t stop; /* atomic */

static void *churn(void *arg)
{
    (void)arg;
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        (void)mkdir(test_path("cg/x"), 0755);
        (void)mkdir(test_path("cg/x/y"), 0755);
        (void)mkdir(test_path("cg/x/y/z"), 0755);
        (void)rmdir(test_path("cg/x/y/z"));
        (void)rmdir(test_path("cg/x/y"));
        (void)rmdir(test_path("cg/x"));
    }
    return NULL;
}

static void *read_sets(void *arg)
{
    struct live_cgroups *live = arg;
    uint64_t last = 0;

    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        const struct live_cgroup_set *set = live_cgroups_acquire(live);
        CHECK(set->generation >= last);
        last = set->generation;
        for (uint32_t i = 0; i < set->count; i++)
            CHECK(live_cgroup_find(set, set->items[i].path, set->items[i].path_len) ==
                  &set->items[i]);
        live_cgroups_release(live, set);
    }
    return NULL;
}

TEST(live_cgroups, directories_that_vanish_and_readers_on_other_threads_do_no_harm)
{
    pthread_t threads[5];

    tree_dir("cg/stays");
    struct live_cgroups *live = open_tree("cg");
    CHECK(pthread_create(&threads[0], NULL, churn, NULL) == 0);
    for (uint32_t i = 1; i < 5; i++)
        CHECK(pthread_create(&threads[i], NULL, read_sets, live) == 0);
    for (unsigned i = test_scale(10000); i > 0; i--)
        CHECK_MSG(live_cgroups_scan(live, error, sizeof(error)) >= 0, "%s", error);
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < 5; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(live_cgroups_scan(live, error, sizeof(error)) >= 0);
    CHECK_STR(listing(live), "/=root /stays=stays");
    live_cgroups_free(live);
}

static int scan_without_descriptors(struct live_cgroups *live)
{
    struct rlimit before, few;
    int fds[64], count = 0;

    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    few = before;
    few.rlim_cur = 64;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    while (count < 64 && (fds[count] = dup(0)) >= 0)
        count++;
    CHECK(count > 0);
    close(fds[--count]);
    const int result = live_cgroups_scan(live, error, sizeof(error));
    while (count > 0)
        close(fds[--count]);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    return result;
}

TEST(live_cgroups, missing_descriptors_fail_the_scan_instead_of_cutting_the_set)
{
    tree_dir("cg/a/b/c");
    struct live_cgroups *live = open_tree("cg");
    scan(live, 1);
    CHECK_EQ(scan_without_descriptors(live), -1);
    CHECK_HAS(error, strerror(EMFILE));
    CHECK_STR(listing(live), "/=root /a=a /a/b=a/b /a/b/c=a/b/c");
    scan(live, 0);
    live_cgroups_free(live);
}
