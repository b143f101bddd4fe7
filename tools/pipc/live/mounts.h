/* SPDX-License-Identifier: Apache-2.0
 *
 * Which cgroup hierarchy of this machine is looked at, and where it is mounted.
 *
 * v2 where it is the only one; on v1 the hierarchy name=systemd, else the one of cpu. Where v2 and
 * v1 are mounted side by side, v2 is chosen unless the v1 hierarchy holds more cgroups: container
 * runtimes put theirs into only one of the two, and the larger tree is the one that has the units
 * and the containers. The choice is made once. Any thread.
 */
#ifndef PIPC_LIVE_MOUNTS_H
#define PIPC_LIVE_MOUNTS_H

#include <stddef.h>

#define LIVE_PATH_MAX 4096u

enum live_hierarchy {
    LIVE_HIERARCHY_V2 = 0,
    LIVE_HIERARCHY_SYSTEMD = 1, /* v1, name=systemd */
    LIVE_HIERARCHY_CPU = 2      /* v1, the controller cpu */
};

struct live_mount {
    enum live_hierarchy hierarchy;
    char dir[LIVE_PATH_MAX]; /* directory of the root */
    /* What stands before paths below `dir` in /proc/PID/cgroup: "", or where a bind mount of a part
     * begins. */
    char prefix[LIVE_PATH_MAX];
};

/* One candidate for each kind of hierarchy, by its number. */
struct live_mounts {
    struct live_mount mounts[3];
    int there[3];
    struct live_mount next; /* room for the line that is read */
};

/* Collects the candidates of a mountinfo file's text into zeroed `mounts`. Looks at the text alone.
 */
void live_mounts_collect(const char *text, size_t len, struct live_mounts *mounts);

/* Chooses from the text of a mountinfo file. 0, or -1 with a sentence. */
int live_mounts_parse(const char *text, size_t len, struct live_mount *ret_mount, char *error,
                      size_t error_len);

/* Chooses below a directory that the user named: the root of a hierarchy, or a directory in which
 * hierarchies are mounted (as /sys/fs/cgroup of v1 and hybrid systems). 0, or -1 with a sentence.
 */
int live_mounts_in(const char *dir, struct live_mount *ret_mount, char *error, size_t error_len);

/* Reads <proc_root>/self/mountinfo and chooses. */
int live_mounts_find(const char *proc_root, struct live_mount *ret_mount, char *error,
                     size_t error_len);

/* The path of this hierarchy in the text of a /proc/PID/cgroup file; NULL when it has no line for
 * it. */
const char *live_hierarchy_path(enum live_hierarchy hierarchy, const char *text, size_t len,
                                size_t *ret_len);

#endif
