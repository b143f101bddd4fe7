/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts: paths on their way to the system, names on their way back, and the system's codes in
 * words. Any thread.
 */
#include "win32.h"

#include <stdio.h>
#include <string.h>

static const struct {
    DWORD code;
    const char *text;
} texts[] = {
    {ERROR_INVALID_FUNCTION, "invalid function"},
    {ERROR_FILE_NOT_FOUND, "no such file"},
    {ERROR_PATH_NOT_FOUND, "no such directory"},
    {ERROR_TOO_MANY_OPEN_FILES, "too many open files"},
    {ERROR_ACCESS_DENIED, "access denied"},
    {ERROR_INVALID_HANDLE, "invalid handle"},
    {ERROR_NOT_ENOUGH_MEMORY, "no memory"},
    {ERROR_OUTOFMEMORY, "no memory"},
    {ERROR_SHARING_VIOLATION, "used by another process"},
    {ERROR_HANDLE_EOF, "end of file"},
    {ERROR_NOT_SUPPORTED, "not supported"},
    {ERROR_INVALID_PARAMETER, "invalid parameter"},
    {ERROR_BROKEN_PIPE, "pipe has ended"},
    {ERROR_DISK_FULL, "no space left"},
    {ERROR_SEM_TIMEOUT, "timed out"},
    {ERROR_INVALID_NAME, "invalid name"},
    {ERROR_MOD_NOT_FOUND, "a library that it depends on is missing"},
    {ERROR_PROC_NOT_FOUND, "no such symbol"},
    {ERROR_ALREADY_EXISTS, "exists already"},
    {ERROR_FILENAME_EXCED_RANGE, "name too long"},
    {ERROR_BAD_EXE_FORMAT, "no image for this machine"},
    {ERROR_PIPE_BUSY, "all instances of the pipe are busy"},
    {ERROR_NO_DATA, "pipe is being closed"},
    {ERROR_PIPE_NOT_CONNECTED, "nobody at the other end of the pipe"},
    {ERROR_MORE_DATA, "packet too long"},
    {ERROR_DIRECTORY, "is no directory"},
    {ERROR_OPERATION_ABORTED, "cancelled"},
    {ERROR_FILE_TOO_LARGE, "file too large"},
    {ERROR_NO_UNICODE_TRANSLATION, "not valid UTF-8"},
    {ERROR_DLL_INIT_FAILED, "its initialisation failed"},
    {ERROR_NO_SYSTEM_RESOURCES, "not enough resources of the system"},
    {ERROR_COMMITMENT_LIMIT, "no memory left to promise"},
};

/* The system's own English sentence without its line end; false if it has none. */
static bool system_text(DWORD code, char *buf, size_t cap)
{
    wchar_t text[256];
    DWORD len = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                               code, MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US), text,
                               (DWORD)PIPCI_COUNT(text), NULL);

    while (len > 0 && (text[len - 1] <= L' ' || text[len - 1] == L'.'))
        text[--len] = L'\0';
    return len > 0 && pipci_win_utf8(text, buf, cap);
}

const char *pipci_os_text(int32_t code, char *buf, size_t cap)
{
    for (size_t i = 0; i < PIPCI_COUNT(texts); i++)
        if (texts[i].code == (DWORD)code)
            return texts[i].text;
    if (!system_text((DWORD)code, buf, cap))
        snprintf(buf, cap, "system error %lu", (unsigned long)(DWORD)code);
    return buf;
}

wchar_t *pipci_win_path(const struct pipc_allocator *a, const char *path, DWORD *ret_code)
{
    const int count = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, NULL, 0);

    if (count <= 0) {
        *ret_code = GetLastError();
        return NULL;
    }
    wchar_t *const wide = pipci_alloc(a, (size_t)count * sizeof(*wide));
    if (!wide) {
        *ret_code = ERROR_NOT_ENOUGH_MEMORY;
        return NULL;
    }
    MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, count);
    for (wchar_t *at = wide; *at; at++)
        if (*at == L'/')
            *at = L'\\';
    return wide;
}

bool pipci_win_utf8(const wchar_t *text, char *buf, size_t cap)
{
    return cap > 0 && WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, text, -1, buf,
                                          cap > INT32_MAX ? INT32_MAX : (int)cap, NULL, NULL) > 0;
}
