/* SPDX-License-Identifier: Apache-2.0
 *
 * Sentences of errors.
 *
 * Formats into a buffer of its own and hands the text to the host. Does nothing for a caller who
 * gave no record. Any thread.
 */
#include "shm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef shm_fail /* defined here; elsewhere the analyser may see a macro */

/* Text of a system error in the caller's buffer or in constant memory. */
static const char *system_text(int code, char *buffer, size_t size)
{
#ifdef __GLIBC__
    return strerror_r(code, buffer, size);
#else
    return strerror_r(code, buffer, size) == 0 ? buffer : "unknown error";
#endif
}

pipc_result shm_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                     int os_code, const char *format, ...)
{
    char text[PIPC_ERROR_TEXT_LEN];
    char reason[80];
    size_t used;
    va_list arguments;

    if (!err)
        return result;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (os_code != 0) {
        used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, ": %s",
                       system_text(os_code, reason, sizeof(reason)));
    }
    host->error_set(host, err, result, os_code, text);
    return result;
}
