/* SPDX-License-Identifier: Apache-2.0
 *
 * Which cgroup hierarchy is looked at: reads mountinfo (proc(5)) or looks below a directory, and
 * compares what it finds.
 */
#include "mounts.h"

#include "walk.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Cgroups that are counted to compare two trees; more of them decide nothing. */
#define COUNT_MAX     1000000
#define MOUNTINFO_MAX (16u << 20)

struct slice {
    const char *at;
    size_t len;
};

static int slice_is(struct slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

/* Cuts the next piece up to `by` off `rest`; 0 when nothing is left. */
static int slice_cut(struct slice *rest, char by, struct slice *ret_piece)
{
    const char *end;

    if (!rest->at)
        return 0;
    end = memchr(rest->at, by, rest->len);
    ret_piece->at = rest->at;
    ret_piece->len = end ? (size_t)(end - rest->at) : rest->len;
    rest->len -= ret_piece->len + (end ? 1 : 0);
    rest->at = end ? end + 1 : NULL;
    return 1;
}

static int slice_has(struct slice list, const char *word)
{
    struct slice piece;

    while (slice_cut(&list, ',', &piece)) {
        if (slice_is(piece, word))
            return 1;
    }
    return 0;
}

static int octal(const char *at, size_t left)
{
    int value = 0;

    if (left < 4)
        return -1;
    for (int i = 1; i < 4; i++) {
        if (at[i] < '0' || at[i] > '7')
            return -1;
        value = 8 * value + (at[i] - '0');
    }
    return value > 255 || value == 0 ? -1 : value;
}

/* Undoes the octal escapes of mountinfo. 0 when it does not fit. */
static int unescape(struct slice from, char *to, size_t room)
{
    size_t len = 0;

    for (size_t i = 0; i < from.len; i++) {
        const int value = from.at[i] == '\\' ? octal(from.at + i, from.len - i) : -1;
        if (len + 1 >= room || from.at[i] == '\0')
            return 0;
        to[len++] = value < 0 ? from.at[i] : (char)value;
        if (value >= 0)
            i += 3;
    }
    to[len] = '\0';
    return 1;
}

static int kind_of(struct slice type, struct slice options)
{
    if (slice_is(type, "cgroup2"))
        return LIVE_HIERARCHY_V2;
    if (!slice_is(type, "cgroup"))
        return -1;
    if (slice_has(options, "name=systemd"))
        return LIVE_HIERARCHY_SYSTEMD;
    return slice_has(options, "cpu") ? LIVE_HIERARCHY_CPU : -1;
}

/* A mount of the whole hierarchy wins over one of a part, an earlier one over a later one. */
static void candidate_add(struct live_mounts *all, int kind, struct slice root, struct slice point)
{
    struct live_mount *mount = &all->next;

    if (!unescape(root, mount->prefix, sizeof(mount->prefix)) ||
        !unescape(point, mount->dir, sizeof(mount->dir)) || mount->dir[0] != '/')
        return;
    /* "/../.." is a part outside of our own namespace; what stands there has no name of its own. */
    if (strcmp(mount->prefix, "/") == 0 || mount->prefix[0] != '/' ||
        strncmp(mount->prefix, "/..", 3) == 0)
        mount->prefix[0] = '\0';
    mount->hierarchy = (enum live_hierarchy)kind;
    if (all->there[kind] && (!all->mounts[kind].prefix[0] || mount->prefix[0]))
        return;
    all->there[kind] = 1;
    all->mounts[kind] = *mount;
}

/* "36 35 98:0 /root /point rw,x opt:1 opt:2 - type source options" */
static void mountinfo_line(struct live_mounts *all, struct slice line)
{
    struct slice fields[5], piece, type, source, options = {NULL, 0};
    int kind;

    for (int i = 0; i < 5; i++) {
        if (!slice_cut(&line, ' ', &fields[i]))
            return;
    }
    do {
        if (!slice_cut(&line, ' ', &piece))
            return;
    } while (!slice_is(piece, "-"));
    if (!slice_cut(&line, ' ', &type) || !slice_cut(&line, ' ', &source))
        return;
    (void)slice_cut(&line, ' ', &options);
    kind = kind_of(type, options);
    if (kind >= 0)
        candidate_add(all, kind, fields[3], fields[4]);
}

static int count_one(void *arg, const char *path, size_t len)
{
    uint32_t *count = arg;

    (void)path;
    (void)len;
    return ++*count >= COUNT_MAX;
}

static uint32_t count_cgroups(const struct live_mount *mount)
{
    uint32_t count = 0;
    char error[64];

    return live_walk(mount->dir, &count, count_one, NULL, error, sizeof(error)) < 0 ? 0 : count;
}

static int choose(const struct live_mounts *all, struct live_mount *ret_mount)
{
    const int old =
        all->there[LIVE_HIERARCHY_SYSTEMD] ? LIVE_HIERARCHY_SYSTEMD : LIVE_HIERARCHY_CPU;
    int kind;

    if (!all->there[LIVE_HIERARCHY_V2] && !all->there[old])
        return -1;
    if (!all->there[LIVE_HIERARCHY_V2] || !all->there[old])
        kind = all->there[old] ? old : LIVE_HIERARCHY_V2;
    else
        kind = count_cgroups(&all->mounts[old]) > count_cgroups(&all->mounts[LIVE_HIERARCHY_V2])
                   ? old
                   : LIVE_HIERARCHY_V2;
    *ret_mount = all->mounts[kind];
    return 0;
}

void live_mounts_collect(const char *text, size_t len, struct live_mounts *mounts)
{
    struct slice rest = {text, len}, line;

    while (slice_cut(&rest, '\n', &line))
        mountinfo_line(mounts, line);
}

int live_mounts_parse(const char *text, size_t len, struct live_mount *ret_mount, char *error,
                      size_t error_len)
{
    struct live_mounts *all = calloc(1, sizeof(*all));
    int result;

    if (!all) { /* LCOV_EXCL_START: no memory */
        (void)snprintf(error, error_len, "no memory for the list of mounts");
        return -1;
    } /* LCOV_EXCL_STOP */
    live_mounts_collect(text, len, all);
    result = choose(all, ret_mount);
    free(all);
    if (result)
        (void)snprintf(error, error_len,
                       "no cgroup hierarchy is mounted (neither cgroup2, nor "
                       "cgroup with name=systemd or cpu)");
    return result;
}

static int exists(const char *dir, const char *name, int want_dir)
{
    char path[LIVE_PATH_MAX + 64];
    struct stat info;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return lstat(path, &info) == 0 && (!want_dir || S_ISDIR(info.st_mode));
}

static int is_cgroup(const char *dir, const char *name)
{
    char file[64];

    if (!exists(dir, name, 1))
        return 0;
    (void)snprintf(file, sizeof(file), "%s/cgroup.procs", name);
    if (exists(dir, file, 0))
        return 1;
    (void)snprintf(file, sizeof(file), "%s/tasks", name);
    return exists(dir, file, 0);
}

static void candidate_dir(struct live_mounts *all, int kind, const char *dir, const char *name)
{
    struct live_mount *mount = &all->mounts[kind];

    if (all->there[kind] || !exists(dir, name, 1))
        return;
    (void)snprintf(mount->dir, sizeof(mount->dir), "%s/%s", dir, name); /* dir leaves room */
    mount->hierarchy = (enum live_hierarchy)kind;
    all->there[kind] = 1;
}

/* Hierarchies are mounted below, if the directory is no cgroup itself and has subdirectories that
 * are, or that bear the names of two hierarchies (in trees that were made without files). */
static int holds_mounts(const char *dir)
{
    static const char *const names[] = {"unified", "systemd", "cpu,cpuacct", "cpuacct,cpu", "cpu"};
    int named = 0;

    if (exists(dir, "cgroup.controllers", 0) || exists(dir, "cgroup.procs", 0))
        return 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (is_cgroup(dir, names[i]))
            return 1;
        named += exists(dir, names[i], 1);
    }
    return named >= 2 || (named && exists(dir, "memory", 1));
}

/* The root of one hierarchy: v2 has cgroup.controllers in every directory, v1 has `tasks`. */
static void mount_itself(const char *dir, struct live_mount *ret_mount)
{
    ret_mount->hierarchy = LIVE_HIERARCHY_V2;
    if (!exists(dir, "cgroup.controllers", 0) && exists(dir, "tasks", 0))
        ret_mount->hierarchy =
            exists(dir, "cpu.shares", 0) ? LIVE_HIERARCHY_CPU : LIVE_HIERARCHY_SYSTEMD;
    ret_mount->prefix[0] = '\0';
    (void)snprintf(ret_mount->dir, sizeof(ret_mount->dir), "%s", dir);
}

int live_mounts_in(const char *dir, struct live_mount *ret_mount, char *error, size_t error_len)
{
    struct live_mounts *all;
    struct stat info;
    int result, code = 0;

    if (strlen(dir) >= LIVE_PATH_MAX - 64)
        code = ENAMETOOLONG;
    else if (stat(dir, &info) != 0)
        code = errno;
    else if (!S_ISDIR(info.st_mode))
        code = ENOTDIR;
    if (code) {
        (void)snprintf(error, error_len, "cgroup root %s: %s", dir, strerror(code));
        return -1;
    }
    if (!holds_mounts(dir)) {
        mount_itself(dir, ret_mount);
        return 0;
    }
    all = calloc(1, sizeof(*all));
    if (!all) { /* LCOV_EXCL_START: no memory */
        (void)snprintf(error, error_len, "no memory to look into %s", dir);
        return -1;
    } /* LCOV_EXCL_STOP */
    candidate_dir(all, LIVE_HIERARCHY_V2, dir, "unified");
    candidate_dir(all, LIVE_HIERARCHY_SYSTEMD, dir, "systemd");
    candidate_dir(all, LIVE_HIERARCHY_CPU, dir, "cpu,cpuacct");
    candidate_dir(all, LIVE_HIERARCHY_CPU, dir, "cpuacct,cpu");
    candidate_dir(all, LIVE_HIERARCHY_CPU, dir, "cpu");
    result = choose(all, ret_mount);
    free(all);
    return result;
}

int live_mounts_find(const char *proc_root, struct live_mount *ret_mount, char *error,
                     size_t error_len)
{
    char path[LIVE_PATH_MAX];
    size_t len;
    char *text;
    int result;

    (void)snprintf(path, sizeof(path), "%s/self/mountinfo", proc_root);
    text = live_read_file(path, MOUNTINFO_MAX, &len);
    if (!text) {
        (void)snprintf(error, error_len, "cannot read %s: %s", path, strerror(errno));
        return -1;
    }
    result = live_mounts_parse(text, len, ret_mount, error, error_len);
    free(text);
    return result;
}

/* "4:cpu,cpuacct:/a/b", "1:name=systemd:/a", "0::/a": a path may have colons, controllers have
 * none. */
const char *live_hierarchy_path(enum live_hierarchy hierarchy, const char *text, size_t len,
                                size_t *ret_len)
{
    struct slice rest = {text, len}, line, number, controllers;

    while (slice_cut(&rest, '\n', &line)) {
        int found;
        if (!slice_cut(&line, ':', &number) || !slice_cut(&line, ':', &controllers) || !line.at)
            continue;
        if (hierarchy == LIVE_HIERARCHY_V2)
            found = slice_is(number, "0") && !controllers.len;
        else
            found =
                slice_has(controllers, hierarchy == LIVE_HIERARCHY_CPU ? "cpu" : "name=systemd");
        if (found) {
            *ret_len = line.len;
            return line.at;
        }
    }
    return NULL;
}
