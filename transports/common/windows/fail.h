/* SPDX-License-Identifier: Apache-2.0
 *
 * What the transports of Windows share: the sentence of an error.
 *
 * Static inline and without state, because a second copy of it lives in every module. Formats into
 * a buffer of its own and hands the text to the host. Any thread.
 */
#ifndef PIPC_TRANSPORTS_COMMON_WINDOWS_FAIL_H
#define PIPC_TRANSPORTS_COMMON_WINDOWS_FAIL_H

#include <pipc/module.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

/* The system's sentence in English, without its line end and full stop. */
static inline void fail_append_system(char *text, size_t cap, DWORD code)
{
    const size_t used = strlen(text);
    char reason[96];
    DWORD len = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                               code, MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US), reason,
                               (DWORD)sizeof(reason), NULL);

    while (len > 0 && (reason[len - 1] == '\r' || reason[len - 1] == '\n' ||
                       reason[len - 1] == '.' || reason[len - 1] == ' '))
        len--;
    reason[len < sizeof(reason) ? len : sizeof(reason) - 1] = '\0';
    (void)snprintf(text + used, cap - used, len > 0 ? ": %s (error %u)" : ":%s error %u", reason,
                   (unsigned)code);
}

/* Fills the record, if there is one, with the sentence and, when os_code is not 0, the system's. */
__attribute__((format(printf, 5, 0))) static inline pipc_result fail_format(
    const struct pipc_host *host, struct pipc_error *err, pipc_result result, DWORD os_code,
    const char *format, va_list arguments)
{
    char text[PIPC_ERROR_TEXT_LEN];

    if (!err)
        return result;
    (void)vsnprintf(text, sizeof(text), format, arguments);
    if (os_code != 0)
        fail_append_system(text, sizeof(text), os_code);
    host->error_set(host, err, result, (int32_t)os_code, text);
    return result;
}

#endif
