/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands at the name of a region: alive, or a leftover that is removed (12.1).
 *
 * Nothing is followed, nothing is mapped, nothing blocks. What cannot be judged is kept. Any
 * thread.
 */
#include "shm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* Removes the entry if it still is what was judged; a link itself, never its target. */
static enum shm_judged remove_entry(int dir, const char *entry, const struct stat *judged)
{
    const int flags = S_ISDIR(judged->st_mode) ? AT_REMOVEDIR : 0;
    struct stat now;

    if (fstatat(dir, entry, &now, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? SHM_REMOVED : SHM_KEPT;
    if (now.st_dev != judged->st_dev || now.st_ino != judged->st_ino)
        return SHM_KEPT;
    if (unlinkat(dir, entry, flags) == 0 || errno == ENOENT)
        return SHM_REMOVED;
    return SHM_KEPT;
}

/* Version and sizes do not matter: another layout may be as alive. */
static bool owner_is_alive(const struct shm_header *header)
{
    if (header->magic != PIPC_SHM_MAGIC || header->owner_pid <= 0 || header->owner_generation == 0)
        return false;
    return kill((pid_t)header->owner_pid, 0) == 0 || errno == EPERM;
}

static bool holds_live_region(int fd)
{
    struct shm_header header;
    ssize_t got;

    do
        got = pread(fd, &header, sizeof(header), 0);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(header) && owner_is_alive(&header);
}

/* A regular file of sufficient length. */
static enum shm_judged judge_file(int dir, const char *entry, const struct stat *seen)
{
    const int fd = openat(dir, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat opened;
    bool keep;

    if (fd < 0 && errno == ENOENT)
        return SHM_NOTHING;
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
        return SHM_KEPT;
    if (fd < 0)
        return remove_entry(dir, entry, seen);
    keep = fstat(fd, &opened) != 0 || opened.st_dev != seen->st_dev ||
           opened.st_ino != seen->st_ino || holds_live_region(fd);
    (void)close(fd);
    return keep ? SHM_KEPT : remove_entry(dir, entry, seen);
}

enum shm_judged shm_judge(int dir, const char *entry)
{
    struct stat seen;

    if (fstatat(dir, entry, &seen, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? SHM_NOTHING : SHM_KEPT;
    if (!S_ISREG(seen.st_mode) || seen.st_size < (off_t)PIPC_SHM_HEADER_LEN)
        return remove_entry(dir, entry, &seen);
    return judge_file(dir, entry, &seen);
}
