/* SPDX-License-Identifier: Apache-2.0
 *
 * Sentences of errors.
 *
 * Formats into a buffer of its own and hands the text to the host. Does nothing for a caller who
 * gave no record. Any thread.
 */
#include "winshm.h"

#include <stdarg.h>
#include <stdio.h>

#undef winshm_fail /* defined here; elsewhere the analyser may see a macro */

/* The system's sentence in English, without its line end and full stop. */
static void append_system_text(char *text, size_t cap, DWORD code)
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

pipc_result winshm_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                        DWORD os_code, const char *format, ...)
{
    char text[PIPC_ERROR_TEXT_LEN];
    va_list arguments;

    if (!err)
        return result;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (os_code != 0)
        append_system_text(text, sizeof(text), os_code);
    host->error_set(host, err, result, (int32_t)os_code, text);
    return result;
}
