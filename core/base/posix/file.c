/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading small files whole, listing directories, and what paths mean.
 *
 * Nothing here blocks on a FIFO or a device: files are opened without blocking and only regular
 * ones are read, judged through their descriptor, so that a swap of the name between look and read
 * changes nothing. Any thread.
 */
#include "../reading.h"
#include "posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pipc_result fail_errno(struct pipc_error *err, const char *path, const char *what, int error)
{
    char text[64];
    return pipci_fail(err, PIPC_ERR_CONFIG, error, "%s: %s: %s", path, what,
                      pipci_os_text(error, text, sizeof(text)));
}

static int open_retry(const char *path)
{
    int fd;
    do
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static pipc_result read_all(struct pipci_reading *r, int fd, struct pipc_error *err)
{
    for (;;) {
        if (!pipci_reading_grow(r))
            return pipci_fail(err, PIPC_ERR_ALLOC, ENOMEM, "%s: no memory to read it", r->path);
        const ssize_t n = read(fd, r->bytes + r->len, r->cap - r->len);
        if (n < 0 && errno == EINTR)
            continue; /* LCOV_EXCL_LINE: signals do not interrupt reads of regular files */
        if (n < 0)
            return fail_errno(err, r->path, "cannot be read", errno);
        if (n == 0)
            break;
        r->len += (size_t)n;
        if (r->len > r->max)
            return pipci_fail(err, PIPC_ERR_CONFIG, EFBIG, "%s: longer than %zu bytes", r->path,
                              r->max);
    }
    r->bytes[r->len] = '\0';
    return PIPC_OK;
}

static pipc_result check_regular(int fd, const char *path, struct stat *st, struct pipc_error *err)
{
    if (fstat(fd, st) != 0)
        return fail_errno(err, path, "cannot be examined", errno); /* LCOV_EXCL_LINE: fd is open */
    if (!S_ISREG(st->st_mode))
        return pipci_fail(err, PIPC_ERR_CONFIG, S_ISDIR(st->st_mode) ? EISDIR : 0,
                          "%s: not a regular file", path);
    return PIPC_OK;
}

static pipc_result check_secret(const struct stat *st, const char *path, struct pipc_error *err)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return pipci_fail(err, PIPC_ERR_CONFIG, 0, "%s: belongs to another user", path);
    if (st->st_mode & S_IROTH)
        return pipci_fail(err, PIPC_ERR_CONFIG, 0, "%s: readable by others", path);
    if (st->st_mode & S_IWOTH)
        return pipci_fail(err, PIPC_ERR_CONFIG, 0, "%s: writable by others", path);
    return PIPC_OK;
}

static pipc_result read_file(const struct pipc_allocator *a, const char *path, size_t max,
                             bool secret, char **ret_bytes, size_t *ret_len, struct pipc_error *err)
{
    const int fd = open_retry(path);
    if (fd < 0)
        return fail_errno(err, path, "cannot be opened", errno);
    struct pipci_reading r = {.a = a, .path = path, .max = max < SIZE_MAX - 2 ? max : SIZE_MAX - 2};
    struct stat st;
    pipc_result result = check_regular(fd, path, &st, err);
    if (result == PIPC_OK && secret)
        result = check_secret(&st, path, err);
    if (result == PIPC_OK)
        result = read_all(&r, fd, err);
    close(fd);
    if (result != PIPC_OK) {
        if (secret && r.bytes)
            explicit_bzero(r.bytes, r.cap);
        pipci_free(a, r.bytes);
        return result;
    }
    *ret_bytes = r.bytes;
    *ret_len = r.len;
    return PIPC_OK;
}

pipc_result pipci_file_read(const struct pipc_allocator *a, const char *path, size_t max,
                            char **ret_bytes, size_t *ret_len, struct pipc_error *err)
{
    return read_file(a, path, max, false, ret_bytes, ret_len, err);
}

pipc_result pipci_file_read_secret(const struct pipc_allocator *a, const char *path, size_t max,
                                   char **ret_bytes, size_t *ret_len, struct pipc_error *err)
{
    return read_file(a, path, max, true, ret_bytes, ret_len, err);
}

/* Regular files and links; asks the file itself, because not every file system fills d_type. */
static bool is_file_or_link(DIR *dir, const char *name)
{
    struct stat st;
    return fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode));
}

pipc_result pipci_dir_list(const char *path, void *arg,
                           pipc_result (*entry)(void *arg, const char *name),
                           struct pipc_error *err)
{
    DIR *dir = opendir(path);
    if (!dir)
        return fail_errno(err, path, "cannot be listed", errno);
    pipc_result result = PIPC_OK;
    while (result == PIPC_OK) {
        errno = 0;
        const struct dirent *found = readdir(dir);
        /* LCOV_EXCL_START: needs a file system that fails */
        if (!found && errno)
            result = fail_errno(err, path, "cannot be listed", errno);
        /* LCOV_EXCL_STOP */
        if (!found)
            break;
        if (is_file_or_link(dir, found->d_name))
            result = entry(arg, found->d_name);
    }
    closedir(dir);
    return result;
}

bool pipci_path_is_absolute(const char *path)
{
    return path[0] == '/';
}

pipc_result pipci_path_whole(const struct pipc_allocator *a, const char *path, char **ret_whole)
{
    char here[PATH_MAX];

    *ret_whole = NULL;
    if (pipci_path_is_absolute(path) || !getcwd(here, sizeof(here)))
        return PIPC_OK;
    const size_t room = strlen(here) + 1 + strlen(path) + 1;
    char *const whole = pipci_alloc(a, room);
    if (!whole)
        return PIPC_ERR_ALLOC;
    (void)snprintf(whole, room, "%s/%s", here, path);
    *ret_whole = whole;
    return PIPC_OK;
}

const char *pipci_path_base(const char *path)
{
    const char *const slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}
