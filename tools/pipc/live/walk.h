/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks the directories below a cgroup root, and reads small files.
 *
 * Cgroups come and go while they are read: a directory that is gone when its turn comes is left
 * out, without an error. Links are never followed. Depth and length of paths are bounded; what is
 * left out for that, or for lack of permission, is counted. Any thread.
 */
#ifndef PIPC_LIVE_WALK_H
#define PIPC_LIVE_WALK_H

#include <stddef.h>
#include <stdint.h>

#define LIVE_WALK_DEPTH_MAX 64u

struct live_walk_stats {
    uint32_t unreadable; /* directories whose children could not be read */
    uint32_t too_deep;   /* directories below the deepest level */
    uint32_t too_long;   /* paths of LIVE_PATH_MAX bytes and more */
};

/* Calls `found` for the root (path "/") and every directory below it ("/a", "/a/b"), parents first.
 * Ends early when it returns non-zero. 0; the value of `found`; -1 with a sentence when the root
 * cannot be read or descriptors or memory are missing: nothing is ever left out in silence for
 * those. */
int live_walk(const char *root, void *arg, int (*found)(void *arg, const char *path, size_t len),
              struct live_walk_stats *ret_stats, char *error, size_t error_len);

/* Reads a file of at most `max` bytes, NUL behind it; NULL with errno when it cannot be read or is
 * larger. Free it with free(). */
char *live_read_file(const char *path, size_t max, size_t *ret_len);

#endif
