/* SPDX-License-Identifier: Apache-2.0
 *
 * The cgroups of this machine as one consistent set with a generation.
 *
 * A set is immutable and counted by references: callbacks of a server take it and give it back on
 * any thread, while another thread scans. Its generation grows when its content changes and stays
 * when it does not. A scan that fails keeps the old set. Scans run one after the other.
 */
#ifndef PIPC_LIVE_CGROUPS_H
#define PIPC_LIVE_CGROUPS_H

#include "labels.h"
#include "mounts.h"
#include "names.h"
#include "walk.h"

#include <stddef.h>
#include <stdint.h>

struct live_labels; /* private */

struct live_cgroup {
    uint32_t hash;    /* 32-bit FNV-1 of the name */
    uint32_t options; /* 0 */
    uint32_t enabled; /* 1 */
    uint32_t orchestrator;
    const char *name; /* NUL-terminated, as is the path */
    const char *path; /* below the root of the hierarchy, as in /proc/PID/cgroup */
    size_t name_len;
    size_t path_len;
    struct live_labels *labels; /* private: live_cgroup_labels */
};

struct live_cgroup_set {
    uint64_t generation;      /* 0: nothing has been read yet */
    uint32_t systemd_enabled; /* 1: systemd has cgroups there */
    uint32_t count;
    const struct live_cgroup *items; /* sorted by the bytes of the paths */
    struct live_walk_stats left_out; /* what could not be read */
    void *self;                      /* private */
};

struct live_cgroups;

/* Chooses the hierarchy (live/mounts.h) and reads nothing else yet. cgroup_root NULL: found in
 * <proc_root>/self/mountinfo. proc_root NULL: /proc; when it ends in /proc, files of container
 * runtimes are looked for beside it. NULL with a sentence in `error`. */
struct live_cgroups *live_cgroups_new(const char *cgroup_root, const char *proc_root, char *error,
                                      size_t error_len);
void live_cgroups_free(struct live_cgroups *live); /* NULL is accepted; no set may be held */

/* Reads the tree again: 1 changed, 0 the same, -1 failed with a sentence in `error`. */
int live_cgroups_scan(struct live_cgroups *live, char *error, size_t error_len);

/* The set as it is now; never NULL. Give it back. */
const struct live_cgroup_set *live_cgroups_acquire(struct live_cgroups *live);
void live_cgroups_release(struct live_cgroups *live, const struct live_cgroup_set *set);

/* The cgroup with this path, NULL if it is not there. */
const struct live_cgroup *live_cgroup_find(const struct live_cgroup_set *set, const char *path,
                                           size_t len);

/* The labels of a cgroup of this set, which live as long as the set is held. Files are read when
 * somebody asks for the first time, and again at most once for each look while they are not there.
 * Returns how many; 0 also without memory. Any thread. */
uint32_t live_cgroup_labels(struct live_cgroups *live, const struct live_cgroup *cgroup,
                            const struct pipc_label_view **ret_labels);

/* What was chosen. */
const struct live_mount *live_cgroups_mount(const struct live_cgroups *live);
/* Where this machine's files are seen: "" or a directory. */
const char *live_cgroups_host_root(const struct live_cgroups *live);

/* 32-bit FNV-1: multiply, then xor. */
uint32_t live_hash(const char *bytes, size_t len);

#endif
