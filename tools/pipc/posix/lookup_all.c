/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of a lookup: all that this machine has, or what is below --proc-root and --cgroup-root.
 */
#include "../live/cgroups.h"
#include "../live/processes.h"
#include "../lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int found_pid(void *arg, uint32_t pid)
{
    return lookup_add_pid(arg, pid) ? 0 : 1;
}

static int all_pids(struct lookup_keys *k)
{
    const char *const root = k->o->proc_root ? k->o->proc_root : "/proc";
    const int result = live_processes_each(root, k, found_pid);

    if (result < 0)
        return fail_with(k->o, PIPC_ERR_BAD_PARAM, EXIT_FAILED, "%s: %s", root, strerror(errno));
    return result ? lookup_no_memory(k) : -1;
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
        if (!lookup_add_path(k, set->items[i].path, set->items[i].path_len))
            return lookup_no_memory(k);
    }
    return -1;
}

int lookup_keys_all(struct lookup_keys *k)
{
    return lookup_is_apps(k->kind) ? all_pids(k) : all_paths(k);
}

void lookup_keys_free(struct lookup_keys *k)
{
    if (k->live) {
        live_cgroups_release(k->live, k->set);
        live_cgroups_free(k->live);
    }
    free(k->keys);
}
