/* SPDX-License-Identifier: Apache-2.0
 *
 * Who could have written the file of a module (docs/module-abi.md 8).
 *
 * The chain is looked at from the root downwards: once a directory is known to be writable by root
 * and this user alone, nobody else can swap what is in it, so that no race remains behind this
 * check. Links are refused, at every place. Any thread.
 */
#include "trust.h"

#include "../../base/platform.h"
#include "../name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pipc_result refuse(struct pipc_error *err, const char *path, const char *what)
{
    char shown[PIPCI_SHOWN];

    return pipci_fail(err, PIPC_ERR_MODULE_UNSAFE, 0, "%s: %s",
                      pipci_show_tail(shown, sizeof(shown), path, strlen(path)), what);
}

static pipc_result system_error(struct pipc_error *err, const char *path, int code)
{
    char shown[PIPCI_SHOWN], text[64];
    const bool absent = code == ENOENT || code == ENOTDIR;

    pipci_show_tail(shown, sizeof(shown), path, strlen(path));
    if (code == ELOOP)
        return pipci_fail(err, PIPC_ERR_MODULE_UNSAFE, code, "%s: is a symbolic link", shown);
    if (absent)
        return pipci_fail(err, PIPC_ERR_MODULE_NOT_FOUND, code, "%s: there is no such file", shown);
    return pipci_fail(err, PIPC_ERR_MODULE_OPEN, code, "%s: cannot be looked at: %s", shown,
                      pipci_os_text(code, text, sizeof(text)));
}

static pipc_result check_owner(const struct stat *st, const char *path, bool sticky_is_fine,
                               struct pipc_error *err)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return refuse(err, path, "belongs to somebody who is neither root nor the effective user");
    if (!(st->st_mode & (S_IWGRP | S_IWOTH)))
        return PIPC_OK;
    if (sticky_is_fine && st->st_uid == 0 && (st->st_mode & S_ISVTX))
        return PIPC_OK;
    return refuse(err, path, "may be written by its group or by others");
}

/* `path` is the directory up to some component of `file`; `last` says that the module lies in it.
 */
static pipc_result check_directory(const char *file, const char *path, bool last,
                                   struct pipc_error *err)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return system_error(err, file, errno);
    if (S_ISLNK(st.st_mode))
        return refuse(err, path, "is a symbolic link, expected the real path");
    if (!S_ISDIR(st.st_mode))
        return system_error(err, file, ENOTDIR);
    return check_owner(&st, path, !last, err);
}

/* A component that is empty, "." or "..", so that the text of the path is not where it leads. */
static bool has_odd_component(const char *path)
{
    for (const char *at = path; *at;) {
        const size_t len = strcspn(at + 1, "/");
        if (len == 0 || (len == 1 && at[1] == '.') || (len == 2 && at[1] == '.' && at[2] == '.'))
            return true;
        at += 1 + len;
    }
    return false;
}

static pipc_result check_chain(const char *file, char *path, struct pipc_error *err)
{
    pipc_result result = check_directory(file, "/", strrchr(path, '/') == path, err);

    for (char *slash = strchr(path + 1, '/'); slash && result == PIPC_OK;) {
        char *const next = strchr(slash + 1, '/');
        *slash = '\0';
        result = check_directory(file, path, !next, err);
        *slash = '/';
        slash = next;
    }
    return result;
}

static pipc_result check_path(const char *file, struct pipc_error *err)
{
    char path[PATH_MAX];
    const size_t len = strlen(file);

    if (file[0] != '/')
        return refuse(err, file, "is no absolute path");
    if (len >= sizeof(path)) {
        char shown[PIPCI_SHOWN];
        return pipci_fail(err, PIPC_ERR_MODULE_NOT_FOUND, ENAMETOOLONG, "%s: the path is too long",
                          pipci_show_tail(shown, sizeof(shown), file, len));
    }
    if (has_odd_component(file))
        return refuse(err, file, "has an empty component, \".\" or \"..\" in it");
    memcpy(path, file, len + 1);
    return check_chain(file, path, err);
}

pipc_result pipci_trust_open(const char *file, int *ret_fd, struct pipc_error *err)
{
    struct stat st;
    pipc_result result = check_path(file, err);

    if (result != PIPC_OK)
        return result;
    /* Not blocking, because the file may be a FIFO that nobody writes to. */
    const int fd = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return system_error(err, file, errno);
    if (fstat(fd, &st) != 0)
        result = system_error(err, file, errno); /* LCOV_EXCL_LINE: fstat of an open file */
    else if (!S_ISREG(st.st_mode))
        result = refuse(err, file, "is no regular file");
    else
        result = check_owner(&st, file, false, err);
    if (result == PIPC_OK)
        *ret_fd = fd;
    else
        (void)close(fd);
    return result;
}
