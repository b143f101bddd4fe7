/* SPDX-License-Identifier: Apache-2.0
 *
 * The socket file between bind and listen, and at close: owner, group, mode, and whose it is.
 *
 * A bound socket that does not listen refuses everybody, so what is settled here holds from the
 * first moment at which somebody can connect. The umask of the process is never touched. The
 * listening thread.
 */
#include "uds.h"

#include <fcntl.h>

static const char *entry_of(const struct uds_listener *listener)
{
    return listener->name.path + listener->name.entry;
}

static pipc_result refuse(const struct uds_listener *listener, int os_code, const char *why,
                          struct pipc_error *err)
{
    return uds_fail(listener->instance->host, err, PIPC_ERR_SOCKET, os_code, "%s: %s",
                    listener->name.path, why);
}

static bool is_own(const struct uds_listener *listener, const struct stat *now)
{
    return now->st_dev == listener->device && now->st_ino == listener->inode;
}

static bool is_right(const struct uds_listener *listener, const struct stat *now)
{
    const struct uds_instance *instance = listener->instance;

    if ((now->st_mode & 07777) != instance->mode)
        return false;
    return !instance->has_group || now->st_gid == instance->group;
}

/* First the group, then the mode: the file is never open to a group that was not meant. */
static pipc_result correct(const struct uds_listener *listener, struct pipc_error *err)
{
    const struct uds_instance *instance = listener->instance;

    if (instance->has_group && fchownat(listener->dir, entry_of(listener), (uid_t)-1,
                                        instance->group, AT_SYMLINK_NOFOLLOW) != 0)
        return refuse(listener, errno, "the group cannot be set", err);
    if (fchmodat(listener->dir, entry_of(listener), instance->mode, AT_SYMLINK_NOFOLLOW) != 0)
        return refuse(listener, errno, "the mode cannot be set", err);
    return PIPC_OK;
}

/* After bind: remembers which entry is the own one and makes its permissions right. */
pipc_result uds_entry_settle(struct uds_listener *listener, struct pipc_error *err)
{
    struct stat now;
    pipc_result result;

    if (fstatat(listener->dir, entry_of(listener), &now, AT_SYMLINK_NOFOLLOW) != 0)
        return refuse(listener, errno, "the new socket cannot be looked at", err);
    if (!S_ISSOCK(now.st_mode) || now.st_uid != geteuid())
        return refuse(listener, 0, "the new socket was replaced by somebody else", err);
    listener->device = now.st_dev;
    listener->inode = now.st_ino;
    listener->pid = getpid();
    listener->owns_entry = true;
    if (is_right(listener, &now))
        return PIPC_OK;
    result = correct(listener, err);
    if (result != PIPC_OK)
        return result;
    if (fstatat(listener->dir, entry_of(listener), &now, AT_SYMLINK_NOFOLLOW) != 0)
        return refuse(listener, errno, "the new socket cannot be looked at", err);
    if (!is_own(listener, &now) || now.st_uid != geteuid())
        return refuse(listener, 0, "the new socket was replaced by somebody else", err);
    if (!is_right(listener, &now))
        return refuse(listener, 0, "the file system does not keep mode and group", err);
    return PIPC_OK;
}

/* Removes the entry if it is the one that this process made; a successor's socket survives. */
void uds_entry_remove(const struct uds_listener *listener)
{
    struct stat now;

    if (!listener->owns_entry || listener->pid != getpid())
        return;
    if (fstatat(listener->dir, entry_of(listener), &now, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    if (is_own(listener, &now))
        (void)unlinkat(listener->dir, entry_of(listener), 0);
}
