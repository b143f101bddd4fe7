/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading small files whole, and listing directories.
 *
 * Only files on a disk are read, judged through their handle, so that a swap of the name between
 * look and read changes nothing; a pipe or a device that a path leads to is opened without lending
 * it the identity of this process, and refused. Any thread.
 */
#include "../reading.h"
#include "win32.h"

#include <stdio.h>
#include <string.h>

static pipc_result fail_code(struct pipc_error *err, const char *path, const char *what, DWORD code)
{
    char text[128];
    return pipci_fail(err, code == ERROR_NOT_ENOUGH_MEMORY ? PIPC_ERR_ALLOC : PIPC_ERR_CONFIG,
                      (int32_t)code, "%s: %s: %s", path, what,
                      pipci_os_text((int32_t)code, text, sizeof(text)));
}

/* INVALID_HANDLE_VALUE with the code set. A directory can be opened too, and is refused later. */
static HANDLE open_file(const struct pipc_allocator *a, const char *path, DWORD flags,
                        DWORD *ret_code)
{
    wchar_t *const wide = pipci_win_path(a, path, ret_code);

    if (!wide)
        return INVALID_HANDLE_VALUE;
    const HANDLE file = CreateFileW(
        wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
        OPEN_EXISTING,
        flags | FILE_FLAG_BACKUP_SEMANTICS | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
    *ret_code = file == INVALID_HANDLE_VALUE ? GetLastError() : ERROR_SUCCESS;
    pipci_free(a, wide);
    return file;
}

static pipc_result read_all(struct pipci_reading *r, HANDLE file, struct pipc_error *err)
{
    for (;;) {
        if (!pipci_reading_grow(r))
            return pipci_fail(err, PIPC_ERR_ALLOC, ERROR_NOT_ENOUGH_MEMORY,
                              "%s: no memory to read it", r->path);
        const size_t room = r->cap - r->len;
        DWORD n = 0;
        if (!ReadFile(file, r->bytes + r->len, room > INT32_MAX ? INT32_MAX : (DWORD)room, &n,
                      NULL))
            /* LCOV_EXCL_START: needs a file system that fails */
            return fail_code(err, r->path, "cannot be read", GetLastError());
        /* LCOV_EXCL_STOP */
        if (n == 0)
            break;
        r->len += n;
        if (r->len > r->max)
            return pipci_fail(err, PIPC_ERR_CONFIG, ERROR_FILE_TOO_LARGE,
                              "%s: longer than %zu bytes", r->path, r->max);
    }
    r->bytes[r->len] = '\0';
    return PIPC_OK;
}

static pipc_result check_regular(HANDLE file, const char *path, bool links, struct pipc_error *err)
{
    BY_HANDLE_FILE_INFORMATION info;

    if (GetFileType(file) != FILE_TYPE_DISK)
        return pipci_fail(err, PIPC_ERR_CONFIG, 0, "%s: not a regular file", path);
    if (!GetFileInformationByHandle(file, &info))
        /* LCOV_EXCL_START: an open file can be examined */
        return fail_code(err, path, "cannot be examined", GetLastError());
    /* LCOV_EXCL_STOP */
    if (!links && (info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT))
        return pipci_fail(err, PIPC_ERR_CONFIG, 0, "%s: is a link", path);
    if (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
        return pipci_fail(err, PIPC_ERR_CONFIG, ERROR_ACCESS_DENIED, "%s: not a regular file",
                          path);
    return PIPC_OK;
}

static pipc_result check_secret(HANDLE file, const char *path, struct pipc_error *err)
{
    uint32_t found = 0;
    const DWORD code = pipci_win_examine(file, &found);

    if (code != ERROR_SUCCESS)
        /* LCOV_EXCL_START: an open file has rights */
        return fail_code(err, path, "its rights cannot be read", code);
    /* LCOV_EXCL_STOP */
    if (found & PIPCI_WIN_OWNER_FOREIGN)
        return pipci_fail(err, PIPC_ERR_CONFIG, 0, "%s: belongs to another user", path);
    if (found & PIPCI_WIN_OTHERS_READ)
        return pipci_fail(err, PIPC_ERR_CONFIG, 0, "%s: readable by others", path);
    if (found & PIPCI_WIN_OTHERS_WRITE)
        return pipci_fail(err, PIPC_ERR_CONFIG, 0, "%s: writable by others", path);
    return PIPC_OK;
}

static pipc_result read_file(const struct pipc_allocator *a, const char *path, size_t max,
                             bool secret, char **ret_bytes, size_t *ret_len, struct pipc_error *err)
{
    struct pipci_reading r = {.a = a, .path = path, .max = max < SIZE_MAX - 2 ? max : SIZE_MAX - 2};
    DWORD code;
    const HANDLE file = open_file(a, path, secret ? FILE_FLAG_OPEN_REPARSE_POINT : 0, &code);

    if (file == INVALID_HANDLE_VALUE)
        return fail_code(err, path, "cannot be opened", code);
    pipc_result result = check_regular(file, path, !secret, err);
    if (result == PIPC_OK && secret)
        result = check_secret(file, path, err);
    if (result == PIPC_OK)
        result = read_all(&r, file, err);
    CloseHandle(file);
    if (result != PIPC_OK) {
        if (secret && r.bytes)
            SecureZeroMemory(r.bytes, r.cap);
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

/* "<path>\*" in UTF-16; NULL with the code set. */
static wchar_t *pattern_of(const char *path, DWORD *ret_code)
{
    const size_t len = strlen(path);
    char *const pattern = pipci_alloc(NULL, len + sizeof("\\*"));

    if (!pattern) {
        *ret_code = ERROR_NOT_ENOUGH_MEMORY;
        return NULL;
    }
    memcpy(pattern, path, len);
    memcpy(pattern + len, "\\*", sizeof("\\*"));
    wchar_t *const wide = pipci_win_path(NULL, pattern, ret_code);
    pipci_free(NULL, pattern);
    return wide;
}

pipc_result pipci_dir_list(const char *path, void *arg,
                           pipc_result (*entry)(void *arg, const char *name),
                           struct pipc_error *err)
{
    char name[MAX_PATH * 3 + 1]; /* UTF-16 units become three bytes at most */
    WIN32_FIND_DATAW found;
    DWORD code;
    wchar_t *const pattern = pattern_of(path, &code);

    if (!pattern)
        return fail_code(err, path, "cannot be listed", code);
    const HANDLE dir = FindFirstFileW(pattern, &found);
    code = GetLastError();
    pipci_free(NULL, pattern);
    if (dir == INVALID_HANDLE_VALUE)
        return fail_code(err, path, "cannot be listed", code);
    pipc_result result = PIPC_OK;
    do {
        if (!(found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) &&
            pipci_win_utf8(found.cFileName, name, sizeof(name)))
            result = entry(arg, name);
    } while (result == PIPC_OK && FindNextFileW(dir, &found));
    code = GetLastError();
    FindClose(dir);
    /* LCOV_EXCL_START: needs a file system that fails */
    if (result == PIPC_OK && code != ERROR_NO_MORE_FILES)
        return fail_code(err, path, "cannot be listed", code);
    /* LCOV_EXCL_STOP */
    return result;
}

static bool is_separator(char c)
{
    return c == '\\' || c == '/';
}

/* With a drive, or from a root: where services are found is only a text here, and the same text as
 * on another system is fine. Who opens files by paths wants a drive and looks for it. */
bool pipci_path_is_absolute(const char *path)
{
    const char drive = (char)(path[0] | 0x20);

    return is_separator(path[0]) ||
           (drive >= 'a' && drive <= 'z' && path[1] == ':' && is_separator(path[2]));
}

/* Where services are found is a text of which names are made, not a place. */
pipc_result pipci_path_whole(const struct pipc_allocator *a, const char *path, char **ret_whole)
{
    (void)a;
    (void)path;
    *ret_whole = NULL;
    return PIPC_OK;
}

const char *pipci_path_base(const char *path)
{
    const char *base = path;

    for (const char *at = path; *at; at++)
        if (is_separator(*at) || *at == ':')
            base = at + 1;
    return base;
}
