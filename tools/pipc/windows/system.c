/* SPDX-License-Identifier: Apache-2.0
 *
 * The command on Windows: arguments, streams, directories, files.
 */
#include "../system.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <shellapi.h>

/* UTF-16 to UTF-8 and back, to be freed; NULL without memory or for what is no text. */
static char *narrow(const wchar_t *wide)
{
    const int len = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
    char *const text = len > 0 ? malloc((size_t)len) : NULL;

    if (text)
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, len, NULL, NULL);
    return text;
}

static wchar_t *widen(const char *text)
{
    const int len = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    wchar_t *const wide = len > 0 ? malloc((size_t)len * sizeof(*wide)) : NULL;

    if (wide)
        MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, len);
    else
        errno = len > 0 ? ENOMEM : EINVAL;
    return wide;
}

/* The arguments of a C program come in the code page of the system. */
static void arguments_take(int *argc, char ***argv)
{
    int count = 0;
    wchar_t **const wide = CommandLineToArgvW(GetCommandLineW(), &count);
    char **const narrowed = wide ? calloc((size_t)count + 1, sizeof(*narrowed)) : NULL;

    if (!narrowed)
        return;
    for (int i = 0; i < count; i++) {
        narrowed[i] = narrow(wide[i]);
        if (!narrowed[i])
            return;
    }
    *argc = count;
    *argv = narrowed;
}

void system_begin(int *argc, char ***argv)
{
    arguments_take(argc, argv);
    for (int fd = 0; fd <= 2; fd++)
        (void)_setmode(fd, _O_BINARY);
    (void)_putenv("POSIXLY_CORRECT="); /* options may stand behind the command everywhere */
}

void system_complain(const char *line, size_t len)
{
    (void)fwrite(line, 1, len, stderr);
}

void system_leave(int code)
{
    TerminateProcess(GetCurrentProcess(), (UINT)code);
    abort();
}

static void slashes_turn(char *path)
{
    for (; *path; path++)
        if (*path == '\\')
            *path = '/';
}

const char *system_own_path(void)
{
    static char self[4096];
    wchar_t wide[2048];
    const DWORD len = GetModuleFileNameW(NULL, wide, 2048);

    if (len == 0 || len >= 2048 ||
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, self, sizeof(self), NULL, NULL) <= 0)
        return NULL;
    slashes_turn(self);
    return self;
}

/* A path with a drive; any other is a matter of the system. */
static void tidy_drive(char *path)
{
    if (path[0] && path[1] == ':' && path[2] == '/')
        path_tidy(path + 2);
}

static bool is_absolute(const char *path)
{
    return path[0] == '/' || path[0] == '\\' || (path[0] && path[1] == ':');
}

bool system_whole_path(const char *path, char *buf, size_t len)
{
    wchar_t *const wide = is_absolute(path) ? NULL : widen(path);
    wchar_t whole[2048];

    if (!wide) {
        const int written = snprintf(buf, len, "%s", path);
        if (written < (int)len && path[0] && path[1] == ':') {
            slashes_turn(buf);
            tidy_drive(buf);
        }
        return written < (int)len;
    }
    const DWORD used = GetFullPathNameW(wide, 2048, whole, NULL);
    free(wide);
    if (used == 0 || used >= 2048 ||
        WideCharToMultiByte(CP_UTF8, 0, whole, -1, buf, (int)len, NULL, NULL) <= 0)
        return false;
    slashes_turn(buf);
    tidy_drive(buf);
    return true;
}

/* Where services are found is a text here: one for all users of the machine. */
int system_default_run_dir(char *buf, size_t len)
{
    return snprintf(buf, len, "C:\\ProgramData\\pipc\\run");
}

/* Nothing is kept in it, so that it need not be there. */
bool system_make_dir(const char *path)
{
    (void)path;
    return true;
}

static char *read_open_file(HANDLE file, const char *path, size_t *ret_len)
{
    LARGE_INTEGER size = {.QuadPart = 0};
    DWORD got = 0;

    if (GetFileType(file) != FILE_TYPE_DISK || !GetFileSizeEx(file, &size)) {
        complain(EXIT_BAD_DATA, "%s: not a regular file", path);
        return NULL;
    }
    if (size.QuadPart > INT32_MAX) {
        complain(EXIT_BAD_DATA, "%s: longer than 2 GiB", path);
        return NULL;
    }
    char *const text = malloc((size_t)size.QuadPart + 1);
    if (!text) {
        complain(EXIT_FAILED, "%s: no memory for %lld bytes", path, (long long)size.QuadPart);
    } else if (!ReadFile(file, text, (DWORD)size.QuadPart, &got, NULL)) {
        complain(EXIT_BAD_DATA, "%s: cannot be read: error %lu", path,
                 (unsigned long)GetLastError());
        free(text);
        return NULL;
    } else {
        text[got] = 0;
        *ret_len = got;
    }
    return text;
}

char *system_read_file(const char *path, size_t *ret_len)
{
    wchar_t *const wide = widen(path);
    char *text = NULL;

    if (!wide) {
        complain(EXIT_BAD_DATA, "%s: %s", path, strerror(errno));
        return NULL;
    }
    const HANDLE file =
        CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, OPEN_EXISTING, SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
    if (file == INVALID_HANDLE_VALUE)
        complain(EXIT_BAD_DATA, "%s: cannot be opened: error %lu", path,
                 (unsigned long)GetLastError());
    else
        text = read_open_file(file, path, ret_len);
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    free(wide);
    return text;
}
