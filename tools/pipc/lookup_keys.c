/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of a lookup: from the command line, from standard input, or all that this machine has.
 */
#include "lookup.h"

#include <stdlib.h>
#include <string.h>

bool lookup_is_apps(const char *kind)
{
    return strcmp(kind, PIPC_APPS_LOOKUP_NAME) == 0;
}

bool lookup_known(const char *kind)
{
    return lookup_is_apps(kind) || strcmp(kind, PIPC_CGROUPS_LOOKUP_NAME) == 0;
}

/* Room for one more. */
static bool grow(struct lookup_keys *k)
{
    const size_t each = lookup_is_apps(k->kind) ? sizeof(uint32_t) : sizeof(struct pipc_str_view);
    const uint32_t room = k->room ? 2 * k->room : 256;
    void *more;

    if (k->count < k->room)
        return true;
    more = room > k->room ? realloc(k->keys, room * each) : NULL;
    if (!more)
        return false;
    k->keys = more;
    k->room = room;
    return true;
}

int lookup_no_memory(const struct lookup_keys *k)
{
    return fail_with(k->o, PIPC_ERR_ALLOC, EXIT_FAILED, "no memory for the keys");
}

bool lookup_add_pid(struct lookup_keys *k, uint32_t pid)
{
    if (!grow(k))
        return false;
    ((uint32_t *)k->keys)[k->count++] = pid;
    return true;
}

bool lookup_add_path(struct lookup_keys *k, const char *text, size_t len)
{
    if (!grow(k))
        return false;
    ((struct pipc_str_view *)k->keys)[k->count++] = (struct pipc_str_view){text, len};
    return true;
}

int lookup_key_add(struct lookup_keys *k, const char *text, size_t len)
{
    char number[32];
    uint64_t pid;

    if (!lookup_is_apps(k->kind)) {
        if (!len || memchr(text, 0, len))
            return refuse(k->o, "a cgroup path must not be empty, nor hold a NUL");
        return lookup_add_path(k, text, len) ? -1 : lookup_no_memory(k);
    }
    snprintf(number, sizeof(number), "%.*s", (int)(len < 31 ? len : 31), text);
    if (strlen(number) != len || !number_parse(number, UINT32_MAX, &pid))
        return refuse(k->o, "'%.*s' is no PID from 0 to 4294967295", (int)(len < 200 ? len : 200),
                      text);
    return lookup_add_pid(k, (uint32_t)pid) ? -1 : lookup_no_memory(k);
}
