/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of `pipc top`: an answer of apps-lookup, copied, sorted and cut into groups.
 */
#include "top.h"

#include <stdlib.h>
#include <string.h>

static struct pipc_str_view text_view(const char *text)
{
    return (struct pipc_str_view){text, strlen(text)};
}

/* What is inside of a container belongs to it: "docker_web/init.scope" is of "docker_web". The
 * units of systemd and everything else have their whole names. */
static struct pipc_str_view container_of(const struct pipc_apps_lookup_item_view *item)
{
    const char *slash;

    if (item->cgroup_status == PIPC_APPS_CGROUP_HOST_ROOT)
        return text_view("(host)");
    if (item->cgroup_status != PIPC_APPS_CGROUP_KNOWN || !item->cgroup_name.len)
        return item->cgroup_path.len ? item->cgroup_path : text_view("(unknown)");
    slash = item->orchestrator > PIPC_ORCHESTRATOR_SYSTEMD
                ? memchr(item->cgroup_name.ptr, '/', item->cgroup_name.len)
                : NULL;
    if (slash && slash > item->cgroup_name.ptr)
        return (struct pipc_str_view){item->cgroup_name.ptr,
                                      (size_t)(slash - item->cgroup_name.ptr)};
    return item->cgroup_name;
}

static int compare_text(struct pipc_str_view a, struct pipc_str_view b)
{
    const int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_group(const struct top_process *a, const struct top_process *b)
{
    const int order = compare_text(a->group, b->group);

    return order ? order
                 : (a->orchestrator > b->orchestrator) - (a->orchestrator < b->orchestrator);
}

static int by_group(const void *a, const void *b)
{
    const struct top_process *x = a, *y = b;
    const int order = compare_group(x, y);

    return order ? order : (x->pid > y->pid) - (x->pid < y->pid);
}

static int by_size(const void *a, const void *b)
{
    const struct top_group *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return x->first < y->first ? -1 : 1; /* which is the order of the names */
}

/* The processes of the view, with strings that borrow from it, and the bytes of these. */
static size_t take_known(const struct pipc_apps_lookup_view *view, struct top_table *t)
{
    struct pipc_apps_lookup_item_view item;
    size_t bytes = 0;

    for (uint32_t i = 0; i < view->item_count; i++) {
        struct top_process *p = &t->processes[t->process_count];
        if (pipc_apps_lookup_item(view, i, &item) != PIPC_OK ||
            item.status != PIPC_PID_LOOKUP_KNOWN)
            continue;
        *p = (struct top_process){.pid = item.pid,
                                  .ppid = item.ppid,
                                  .uid = item.uid,
                                  .orchestrator = item.orchestrator,
                                  .cgroup_status = item.cgroup_status,
                                  .starttime = item.starttime,
                                  .comm = item.comm,
                                  .path = item.cgroup_path,
                                  .group = container_of(&item)};
        bytes += p->comm.len + p->path.len + p->group.len;
        t->process_count++;
    }
    return bytes;
}

static void copy_text(struct pipc_str_view *view, char **at)
{
    if (view->len)
        memcpy(*at, view->ptr, view->len);
    view->ptr = *at;
    *at += view->len;
}

static void make_groups(struct top_table *t)
{
    for (uint32_t i = 0; i < t->process_count; i++) {
        const struct top_process *p = &t->processes[i];
        if (i == 0 || compare_group(&t->processes[i - 1], p) != 0)
            t->groups[t->group_count++] =
                (struct top_group){.name = p->group, .orchestrator = p->orchestrator, .first = i};
        t->groups[t->group_count - 1].count++;
    }
    qsort(t->groups, t->group_count, sizeof(*t->groups), by_size);
}

pipc_result top_table_make(const struct pipc_apps_lookup_view *view, struct top_table *ret_table)
{
    const size_t room = view->item_count ? view->item_count : 1;
    struct top_table t = {.generation = view->generation};
    char *at;

    t.processes = calloc(room, sizeof(*t.processes));
    t.groups = calloc(room, sizeof(*t.groups));
    t.text = t.processes ? malloc(take_known(view, &t) + 1) : NULL;
    if (!t.groups || !t.text) {
        top_table_free(&t);
        return PIPC_ERR_ALLOC;
    }
    at = t.text;
    for (uint32_t i = 0; i < t.process_count; i++) {
        copy_text(&t.processes[i].comm, &at);
        copy_text(&t.processes[i].path, &at);
        copy_text(&t.processes[i].group, &at);
    }
    qsort(t.processes, t.process_count, sizeof(*t.processes), by_group);
    make_groups(&t);
    *ret_table = t;
    return PIPC_OK;
}

void top_table_free(struct top_table *t)
{
    free(t->processes);
    free(t->groups);
    free(t->text);
    *t = (struct top_table){0};
}

uint64_t top_table_lines(const struct top_table *t, uint32_t most)
{
    uint64_t lines = t->group_count;

    for (uint32_t i = 0; i < t->group_count; i++)
        lines += t->groups[i].count < most ? t->groups[i].count : most;
    return lines;
}

uint32_t top_table_fit(const struct top_table *t, uint32_t lines)
{
    uint32_t low = 0, high = t->process_count;

    while (low < high) {
        const uint32_t middle = high - (high - low) / 2;
        if (top_table_lines(t, middle) <= lines)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}
