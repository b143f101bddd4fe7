/* SPDX-License-Identifier: Apache-2.0
 *
 * What the transports of POSIX systems share: the sentence of an error.
 *
 * Static inline and without state, because a second copy of it lives in every module. Formats into
 * a buffer of its own and hands the text to the host. Any thread.
 */
#ifndef PIPC_TRANSPORTS_COMMON_POSIX_FAIL_H
#define PIPC_TRANSPORTS_COMMON_POSIX_FAIL_H

#include <pipc/module.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Text of a system error in the caller's buffer or in constant memory. */
static inline const char *fail_system_text(int code, char *buffer, size_t size)
{
#ifdef __GLIBC__
    return strerror_r(code, buffer, size);
#else
    return strerror_r(code, buffer, size) == 0 ? buffer : "unknown error";
#endif
}

/* Fills the record, if there is one, with the sentence and, when os_code is not 0, the system's. */
__attribute__((format(printf, 5, 0))) static inline pipc_result fail_format(
    const struct pipc_host *host, struct pipc_error *err, pipc_result result, int os_code,
    const char *format, va_list arguments)
{
    char text[PIPC_ERROR_TEXT_LEN];
    char reason[80];
    size_t used;

    if (!err)
        return result;
    (void)vsnprintf(text, sizeof(text), format, arguments);
    if (os_code != 0) {
        used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, ": %s",
                       fail_system_text(os_code, reason, sizeof(reason)));
    }
    host->error_set(host, err, result, os_code, text);
    return result;
}

#endif
