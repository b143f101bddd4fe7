/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of a lookup: from the command line, from standard input, or all that this machine has.
 */
#include "lookup.h"

#include "live/cgroups.h"
#include "live/processes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_apps(const char *kind)
{
    return strcmp(kind, PIPC_APPS_LOOKUP_NAME) == 0;
}

bool lookup_known(const char *kind)
{
    return is_apps(kind) || strcmp(kind, PIPC_CGROUPS_LOOKUP_NAME) == 0;
}

/* Room for one more. */
static bool grow(struct lookup_keys *k)
{
    const size_t each = is_apps(k->kind) ? sizeof(uint32_t) : sizeof(struct pipc_str_view);
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

static int no_memory(const struct lookup_keys *k)
{
    return fail_with(k->o, PIPC_ERR_ALLOC, EXIT_FAILED, "no memory for the keys");
}

static bool add_pid(struct lookup_keys *k, uint32_t pid)
{
    if (!grow(k))
        return false;
    ((uint32_t *)k->keys)[k->count++] = pid;
    return true;
}

static bool add_path(struct lookup_keys *k, const char *text, size_t len)
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

    if (!is_apps(k->kind)) {
        if (!len || memchr(text, 0, len))
            return refuse(k->o, "a cgroup path must not be empty, nor hold a NUL");
        return add_path(k, text, len) ? -1 : no_memory(k);
    }
    snprintf(number, sizeof(number), "%.*s", (int)(len < 31 ? len : 31), text);
    if (strlen(number) != len || !number_parse(number, UINT32_MAX, &pid))
        return refuse(k->o, "'%.*s' is no PID from 0 to 4294967295", (int)(len < 200 ? len : 200),
                      text);
    return add_pid(k, (uint32_t)pid) ? -1 : no_memory(k);
}

static int found_pid(void *arg, uint32_t pid)
{
    return add_pid(arg, pid) ? 0 : 1;
}

static int all_pids(struct lookup_keys *k)
{
    const char *const root = k->o->proc_root ? k->o->proc_root : "/proc";
    const int result = live_processes_each(root, k, found_pid);

    if (result < 0)
        return fail_with(k->o, PIPC_ERR_BAD_PARAM, EXIT_FAILED, "%s: %s", root, strerror(errno));
    return result ? no_memory(k) : -1;
}

static int all_paths(struct lookup_keys *k)
{
    char error[512] = "";
    struct live_cgroups *live =
        live_cgroups_new(k->o->cgroup_root, k->o->proc_root, error, sizeof(error));
    const struct live_cgroup_set *set;

    if (!live || live_cgroups_scan(live, error, sizeof(error)) < 0) {
        live_cgroups_free(live);
        return fail_with(k->o, PIPC_ERR_BAD_PARAM, EXIT_FAILED, "%s", error);
    }
    set = live_cgroups_acquire(live);
    k->live = live;
    k->set = set;
    for (uint32_t i = 0; i < set->count; i++) {
        if (!add_path(k, set->items[i].path, set->items[i].path_len))
            return no_memory(k);
    }
    return -1;
}

int lookup_keys_all(struct lookup_keys *k)
{
    return is_apps(k->kind) ? all_pids(k) : all_paths(k);
}

void lookup_keys_free(struct lookup_keys *k)
{
    if (k->live) {
        live_cgroups_release(k->live, k->set);
        live_cgroups_free(k->live);
    }
    free(k->keys);
}
