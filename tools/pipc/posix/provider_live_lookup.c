/* SPDX-License-Identifier: Apache-2.0
 *
 * Live answers to lookups: cgroups from the set in memory, processes from /proc, only those that
 * are asked for.
 *
 * A path that is asked for is compared with the paths of the set and never opened; a PID becomes a
 * decimal number below the proc directory. Callbacks run on session threads, several at a time.
 */
#include "provider_live.h"

#include "../live/processes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Whether a cgroup could have this path: "/", "/a", "/a/b". One that could may be there at the next
 * look. */
static int could_be_cgroup(struct pipc_str_view path)
{
    if (!path.len || path.len >= LIVE_PATH_MAX || path.ptr[0] != '/')
        return 0;
    for (size_t at = 1; at <= path.len; at++) {
        const char *const name = path.ptr + at;
        const char *const end = memchr(name, '/', path.len - at);
        const size_t len = end ? (size_t)(end - name) : path.len - at;
        if (len > 255 || (!len && path.len > 1) || (len == 1 && name[0] == '.') ||
            (len == 2 && name[0] == '.' && name[1] == '.'))
            return 0;
        at += len;
    }
    return 1;
}

uint32_t live_lookup_cgroups(void *user, const struct pipc_request *from,
                             const struct pipc_cgroups_lookup_request_view *request,
                             struct pipc_cgroups_lookup_builder *builder)
{
    const struct live_sources *s = user;
    const struct live_cgroup_set *set = live_cgroups_acquire(s->cgroups);
    struct pipc_cgroups_lookup_request_item_view key;
    pipc_result r = PIPC_OK;

    (void)from;
    pipc_cgroups_lookup_builder_set_generation(builder, LIVE_LOOKUP_GENERATION);
    for (uint32_t i = 0; r == PIPC_OK && i < request->item_count; i++) {
        r = pipc_cgroups_lookup_request_item(request, i, &key);
        if (r != PIPC_OK)
            break;
        const struct live_cgroup *c = live_cgroup_find(set, key.path.ptr, key.path.len);
        const struct pipc_label_view *labels;
        const uint32_t label_count = c ? live_cgroup_labels(s->cgroups, c, &labels) : 0;
        if (c)
            r = pipc_cgroups_lookup_builder_add_request_item(
                builder, i, PIPC_CGROUP_LOOKUP_KNOWN, (uint16_t)c->orchestrator,
                (struct pipc_str_view){c->name, c->name_len}, label_count ? labels : NULL,
                label_count);
        else
            r = pipc_cgroups_lookup_builder_add_request_status(
                builder, i,
                could_be_cgroup(key.path) ? PIPC_CGROUP_LOOKUP_UNKNOWN_RETRY_LATER
                                          : PIPC_CGROUP_LOOKUP_UNKNOWN_PERMANENT);
    }
    live_cgroups_release(s->cgroups, set);
    return r == PIPC_OK;
}

/* Joins the process with its cgroup. The kernel marks the path of a cgroup that is gone, which only
 * processes that have ended can be in. */
static void join_cgroup(const struct live_sources *s, const struct live_cgroup_set *set,
                        const struct live_process *process, struct pipc_apps_lookup_item *item)
{
    static const char gone[] = " (deleted)";
    const size_t mark = sizeof(gone) - 1;
    struct pipc_str_view path = {process->cgroup, process->cgroup_len};
    const struct live_cgroup *c;

    item->cgroup_status = PIPC_APPS_CGROUP_UNKNOWN_RETRY_LATER;
    if (!path.len || memchr(path.ptr, 0, path.len))
        return;
    if (path.len == 1 && path.ptr[0] == '/') {
        item->cgroup_status = PIPC_APPS_CGROUP_HOST_ROOT;
        return;
    }
    c = live_cgroup_find(set, path.ptr, path.len);
    if (c) {
        item->cgroup_status = PIPC_APPS_CGROUP_KNOWN;
        item->orchestrator = (uint16_t)c->orchestrator;
        item->cgroup_name = (struct pipc_str_view){c->name, c->name_len};
        item->label_count = live_cgroup_labels(s->cgroups, c, &item->labels);
    } else if (path.len > mark && memcmp(path.ptr + path.len - mark, gone, mark) == 0) {
        item->cgroup_status = PIPC_APPS_CGROUP_UNKNOWN_PERMANENT;
        path.len -= mark;
    } else if (!could_be_cgroup(path)) {
        item->cgroup_status = PIPC_APPS_CGROUP_UNKNOWN_PERMANENT; /* outside of our namespace */
    }
    item->cgroup_path = path;
}

/* One answer. False ends the callback: the machine has no room to find out, or the add failed. */
static bool answer_pid(const struct live_sources *s, const struct live_cgroup_set *set,
                       uint32_t pid, struct live_process *process,
                       struct pipc_apps_lookup_builder *builder)
{
    struct pipc_apps_lookup_item item = {
        .status = PIPC_PID_LOOKUP_UNKNOWN, .pid = pid, .uid = PIPC_UID_UNSET};
    const int found =
        live_process_read(s->proc, pid, live_cgroups_mount(s->cgroups)->hierarchy, process);

    if (found < 0)
        return false;
    if (found) {
        item.status = PIPC_PID_LOOKUP_KNOWN;
        item.ppid = process->stat.ppid;
        item.uid = process->uid;
        item.starttime = process->stat.starttime;
        item.comm = (struct pipc_str_view){process->stat.comm, process->stat.comm_len};
        join_cgroup(s, set, process, &item);
    }
    return pipc_apps_lookup_builder_add(builder, &item) == PIPC_OK;
}

uint32_t live_lookup_apps(void *user, const struct pipc_request *from,
                          const struct pipc_apps_lookup_request_view *request,
                          struct pipc_apps_lookup_builder *builder)
{
    const struct live_sources *s = user;
    struct live_process *process = malloc(sizeof(*process));
    struct pipc_apps_lookup_request_item_view key;
    const struct live_cgroup_set *set;
    bool good = process != NULL;

    (void)from;
    pipc_apps_lookup_builder_set_generation(builder, LIVE_LOOKUP_GENERATION);
    set = live_cgroups_acquire(s->cgroups);
    for (uint32_t i = 0; good && i < request->item_count; i++)
        good = pipc_apps_lookup_request_item(request, i, &key) == PIPC_OK &&
               answer_pid(s, set, key.pid, process, builder);
    live_cgroups_release(s->cgroups, set);
    free(process);
    return good;
}
