/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths of the command line as the library wants them: each in one form only.
 *
 * Nothing is looked up; any thread.
 */
#include "system.h"

#include <string.h>

void path_tidy(char *path)
{
    char *end = path;

    for (const char *at = path; *at;) {
        const char *const name = at + strspn(at, "/");
        const size_t len = strcspn(name, "/");
        at = name + len;
        if (len == 0 || (len == 1 && name[0] == '.'))
            continue;
        *end++ = '/';
        memmove(end, name, len);
        end += len;
    }
    if (end == path)
        *end++ = '/';
    *end = 0;
}
