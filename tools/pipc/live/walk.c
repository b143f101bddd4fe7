/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks the directories below a cgroup root: a stack of open directories, one for each level, and
 * one path that grows and shrinks with it.
 */
#include "walk.h"

#include "mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct walk {
    DIR *dirs[LIVE_WALK_DEPTH_MAX];
    size_t lens[LIVE_WALK_DEPTH_MAX]; /* length of the path of each open directory */
    uint32_t depth;
    char path[LIVE_PATH_MAX];
    struct live_walk_stats stats;
    const char *root;
    char *error;
    size_t error_len;
};

static int walk_fail(const struct walk *walk, int code)
{
    (void)snprintf(walk->error, walk->error_len, "cannot read %s%s: %s", walk->root, walk->path,
                   strerror(code));
    return -1;
}

/* Failures that would make the result silently smaller than the machine. */
static int walk_fatal(int code)
{
    return code == EMFILE || code == ENFILE || code == ENOMEM;
}

static int is_directory(int dir, const struct dirent *entry)
{
    struct stat info;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    /* LCOV_EXCL_START: only file systems that do not tell */
    return fstatat(dir, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
    /* LCOV_EXCL_STOP */
}

static int is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* The next subdirectory of the deepest open directory; NULL at its end or when it is gone. */
static const char *walk_next(struct walk *walk)
{
    DIR *dir = walk->dirs[walk->depth - 1];
    const struct dirent *entry;

    for (;;) {
        errno = 0;
        entry = readdir(dir);
        if (!entry)
            return NULL;
        if (!is_dots(entry->d_name) && is_directory(dirfd(dir), entry))
            return entry->d_name;
    }
}

/* Opens the directory that walk->path ends with. 1 open, 0 there but not to be read, -1 gone, -2
 * fatal. */
static int walk_open(struct walk *walk, const char *name, size_t len)
{
    DIR *dir = NULL;
    int fd;

    if (walk->depth == LIVE_WALK_DEPTH_MAX) {
        walk->stats.too_deep++;
        return 0;
    }
    fd = openat(dirfd(walk->dirs[walk->depth - 1]), name,
                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        dir = fdopendir(fd);
    if (!dir) {
        const int code = errno;
        if (fd >= 0)
            (void)close(fd); /* LCOV_EXCL_LINE: fdopendir failed for lack of memory */
        if (walk_fatal(code)) {
            (void)walk_fail(walk, code);
            return -2;
        }
        if (code != EACCES && code != EPERM)
            return -1;
        walk->stats.unreadable++;
        return 0;
    }
    walk->lens[walk->depth] = len;
    walk->dirs[walk->depth++] = dir;
    return 1;
}

static int walk_child(struct walk *walk, const char *name, void *arg,
                      int (*found)(void *arg, const char *path, size_t len))
{
    const size_t base = walk->lens[walk->depth - 1], add = strlen(name);
    int opened;

    if (base + add + 2 > sizeof(walk->path)) {
        walk->stats.too_long++;
        return 0;
    }
    walk->path[base] = '/';
    memcpy(walk->path + base + 1, name, add + 1);
    opened = walk_open(walk, name, base + 1 + add);
    if (opened < 0)
        return opened == -1 ? 0 : -1;
    return found(arg, walk->path, base + 1 + add);
}

static int walk_run(struct walk *walk, void *arg,
                    int (*found)(void *arg, const char *path, size_t len))
{
    int result = found(arg, "/", 1);

    while (walk->depth && result == 0) {
        const char *name = walk_next(walk);
        if (name) {
            result = walk_child(walk, name, arg, found);
            continue;
        }
        /* LCOV_EXCL_START: reading an open directory fails on broken file systems alone */
        if (errno && errno != ENOENT && errno != ENODEV) {
            const int code = errno;
            walk->path[walk->lens[walk->depth - 1]] = '\0';
            if (walk->depth == 1 || walk_fatal(code))
                result = walk_fail(walk, code);
            walk->stats.unreadable++;
        } /* LCOV_EXCL_STOP */
        (void)closedir(walk->dirs[--walk->depth]);
    }
    while (walk->depth)
        (void)closedir(walk->dirs[--walk->depth]);
    return result;
}

int live_walk(const char *root, void *arg, int (*found)(void *arg, const char *path, size_t len),
              struct live_walk_stats *ret_stats, char *error, size_t error_len)
{
    struct walk *walk = calloc(1, sizeof(*walk));
    int result;

    if (!walk) { /* LCOV_EXCL_START: no memory */
        (void)snprintf(error, error_len, "no memory to read %s", root);
        return -1;
    } /* LCOV_EXCL_STOP */
    walk->root = root;
    walk->error = error;
    walk->error_len = error_len;
    walk->dirs[0] = opendir(root);
    if (walk->dirs[0]) {
        walk->depth = 1;
        result = walk_run(walk, arg, found);
    } else {
        result = walk_fail(walk, errno);
    }
    if (ret_stats)
        *ret_stats = walk->stats;
    free(walk);
    return result;
}

static char *read_all(int fd, size_t max, size_t *ret_len)
{
    size_t len = 0, room = 4096;
    char *bytes = malloc(room + 1);

    while (bytes) {
        const ssize_t got = read(fd, bytes + len, room - len);
        if (got < 0 && errno == EINTR)
            continue; /* LCOV_EXCL_LINE: files are not interrupted */
        if (got <= 0 || (len += (size_t)got) > max) {
            if (got == 0) {
                bytes[len] = '\0';
                *ret_len = len;
                return bytes;
            }
            const int code = got < 0 ? errno : EFBIG;
            free(bytes);
            errno = code;
            return NULL;
        }
        if (len == room) {
            char *more = realloc(bytes, 2 * room + 1);
            if (!more)
                free(bytes); /* LCOV_EXCL_LINE: no memory */
            bytes = more;
            room *= 2;
        }
    }
    errno = ENOMEM; /* LCOV_EXCL_LINE: no memory */
    return NULL;    /* LCOV_EXCL_LINE */
}

char *live_read_file(const char *path, size_t max, size_t *ret_len)
{
    struct stat info;
    char *bytes = NULL;
    int code;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return NULL;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        bytes = read_all(fd, max, ret_len);
    else
        errno = EINVAL;
    code = errno;
    (void)close(fd);
    errno = code;
    return bytes;
}
