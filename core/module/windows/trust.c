/* SPDX-License-Identifier: Apache-2.0
 *
 * Who could have written the file of a module (docs/module-abi.md 8).
 *
 * The directory and the file are judged by owner and list of rights, through handles. The handle of
 * the file shares reading alone: while it is open nobody can write to, rename or delete the file,
 * and the system does not let directories above it be renamed, so that no race remains between this
 * check and the loading. What is loaded is the place that the handle itself names. Any thread.
 */
#include "image.h"

#include "../name.h"

#include <string.h>
#include <wchar.h>

/* The longest path that the system takes, in units of UTF-16. */
#define PATH_UNITS 32768u

static pipc_result refuse(struct pipc_error *err, const char *path, const char *what)
{
    char shown[PIPCI_SHOWN];

    return pipci_fail(err, PIPC_ERR_MODULE_UNSAFE, 0, "%s: %s",
                      pipci_show_tail(shown, sizeof(shown), path, strlen(path)), what);
}

static pipc_result system_error(struct pipc_error *err, const char *path, DWORD code)
{
    char shown[PIPCI_SHOWN], text[96];
    pipc_result result = PIPC_ERR_MODULE_OPEN;

    pipci_show_tail(shown, sizeof(shown), path, strlen(path));
    if (code == ERROR_NOT_ENOUGH_MEMORY)
        return pipci_fail(err, PIPC_ERR_ALLOC, (int32_t)code, "%s: no memory to open it", shown);
    if (code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND ||
        code == ERROR_INVALID_NAME || code == ERROR_FILENAME_EXCED_RANGE ||
        code == ERROR_BAD_PATHNAME || code == ERROR_NO_UNICODE_TRANSLATION)
        result = PIPC_ERR_MODULE_NOT_FOUND;
    if (code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND)
        return pipci_fail(err, result, (int32_t)code, "%s: there is no such file", shown);
    return pipci_fail(err, result, (int32_t)code, "%s: cannot be looked at: %s (%lu)", shown,
                      pipci_os_text((int32_t)code, text, sizeof(text)), (unsigned long)code);
}

/* A component that is empty, "." or "..", ends with a dot or a blank, which the system drops, or
 * has a colon, which names a stream: so that the text of the path is not where it leads. */
static bool has_odd_component(const char *path)
{
    for (const char *at = path + 2; *at;) {
        const size_t len = strcspn(at + 1, "/\\");
        const char last = at[len];
        if (len == 0 || last == '.' || last == ' ' || memchr(at + 1, ':', len))
            return true;
        at += 1 + len;
    }
    return false;
}

static pipc_result check_path(const char *file, struct pipc_error *err)
{
    if (!pipci_path_is_absolute(file))
        return refuse(err, file, "is no absolute path");
    if (file[1] != ':')
        return refuse(err, file, "has no drive, expected a path like C:\\folder\\name.dll");
    if (has_odd_component(file))
        return refuse(err, file,
                      "has a component that is empty, \".\" or \"..\", ends with a dot or a blank, "
                      "or has a colon in it");
    return PIPC_OK;
}

/* Opens without following a link at the last component. INVALID_HANDLE_VALUE with the code. */
static HANDLE open_to_look(const wchar_t *path, DWORD access, DWORD share, DWORD *ret_code)
{
    const HANDLE file = CreateFileW(path, access, share, NULL, OPEN_EXISTING,
                                    FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT |
                                        SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION,
                                    NULL);

    *ret_code = file == INVALID_HANDLE_VALUE ? GetLastError() : ERROR_SUCCESS;
    return file;
}

/* Kind, owner and rights of what a handle stands for; `file` is the module, for the text. */
static pipc_result check_handle(HANDLE handle, const char *file, bool directory,
                                struct pipc_error *err)
{
    BY_HANDLE_FILE_INFORMATION info = {0};
    uint32_t found = 0;

    if (GetFileType(handle) != FILE_TYPE_DISK || !GetFileInformationByHandle(handle, &info))
        return refuse(err, file, "is no regular file");
    if (info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
        return refuse(err, file, directory ? "its directory is a link" : "is a link");
    if (!directory && (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
        return refuse(err, file, "is no regular file");
    const DWORD code = pipci_win_examine(handle, &found);
    if (code != ERROR_SUCCESS)
        return system_error(err, file, code); /* LCOV_EXCL_LINE: an open file has an owner */
    if (found & PIPCI_WIN_OWNER_FOREIGN)
        return refuse(err, file,
                      directory ? "its directory belongs to somebody who is not trusted"
                                : "belongs to somebody who is not trusted");
    if (found & PIPCI_WIN_OTHERS_WRITE)
        return refuse(err, file,
                      directory ? "its directory may be written by others"
                                : "may be written by others");
    return PIPC_OK;
}

static pipc_result check_directory(wchar_t *path, const char *file, struct pipc_error *err)
{
    wchar_t *const last = wcsrchr(path, L'\\');
    DWORD code;

    /* The root of a drive keeps its backslash. */
    wchar_t *const end = last == path + 2 ? last + 1 : last;
    const wchar_t cut = *end;
    *end = L'\0';
    const HANDLE directory =
        open_to_look(path, READ_CONTROL | FILE_READ_ATTRIBUTES,
                     FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, &code);
    *end = cut;
    if (directory == INVALID_HANDLE_VALUE)
        return system_error(err, file, code);
    const pipc_result result = check_handle(directory, file, true, err);
    CloseHandle(directory);
    return result;
}

/* Where the handle says that its file is, without the prefix of long paths where it fits. */
static wchar_t *place_of(HANDLE file, DWORD *ret_code)
{
    const DWORD len = GetFinalPathNameByHandleW(file, NULL, 0, FILE_NAME_NORMALIZED);

    *ret_code = len == 0 ? GetLastError() : ERROR_NOT_ENOUGH_MEMORY;
    wchar_t *const path = len ? pipci_alloc(NULL, ((size_t)len + 1) * sizeof(*path)) : NULL;
    if (!path)
        return NULL;
    const DWORD got = GetFinalPathNameByHandleW(file, path, len + 1, FILE_NAME_NORMALIZED);
    if (got == 0 || got > len) {
        /* LCOV_EXCL_START: it cannot move while it is open */
        *ret_code = ERROR_PATH_NOT_FOUND;
        pipci_free(NULL, path);
        return NULL;
        /* LCOV_EXCL_STOP */
    }
    if (got < MAX_PATH && wcsncmp(path, L"\\\\?\\", 4) == 0 && path[4] && path[5] == L':')
        memmove(path, path + 4, ((size_t)got - 4 + 1) * sizeof(*path));
    return path;
}

static pipc_result open_checked(wchar_t *path, const char *file, struct pipci_image *image,
                                struct pipc_error *err)
{
    DWORD code;

    image->file = open_to_look(path, GENERIC_READ, FILE_SHARE_READ, &code);
    if (image->file == INVALID_HANDLE_VALUE)
        return system_error(err, file, code);
    pipc_result result = check_handle(image->file, file, false, err);
    if (result == PIPC_OK) {
        image->path = place_of(image->file, &code);
        result =
            image->path ? check_directory(image->path, file, err) : system_error(err, file, code);
    }
    if (result != PIPC_OK)
        pipci_image_close(image);
    return result;
}

pipc_result pipci_image_open(const char *file, struct pipci_image *ret_image,
                             struct pipc_error *err)
{
    struct pipci_image image = {INVALID_HANDLE_VALUE, NULL};
    pipc_result result = check_path(file, err);
    DWORD code;

    if (result != PIPC_OK)
        return result;
    if (strlen(file) >= PATH_UNITS)
        return system_error(err, file, ERROR_FILENAME_EXCED_RANGE);
    wchar_t *const path = pipci_win_path(NULL, file, &code);
    if (!path)
        return system_error(err, file, code);
    result = open_checked(path, file, &image, err);
    pipci_free(NULL, path);
    if (result == PIPC_OK)
        *ret_image = image;
    return result;
}

void pipci_image_close(struct pipci_image *image)
{
    if (image->file != INVALID_HANDLE_VALUE)
        CloseHandle(image->file);
    pipci_free(NULL, image->path);
    image->file = INVALID_HANDLE_VALUE;
    image->path = NULL;
}
