/* SPDX-License-Identifier: Apache-2.0
 *
 * Sentences of errors.
 *
 * Hands the text to the host. Does nothing for a caller who gave no record. Any thread.
 */
#include "shm.h"

#include "../common/posix/fail.h"

#undef shm_fail /* defined here; elsewhere the analyser may see a macro */

pipc_result shm_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                     int os_code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)fail_format(host, err, result, os_code, format, arguments);
    va_end(arguments);
    return result;
}
