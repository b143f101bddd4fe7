/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the items of a lookup's data file, judges them with the codec's own builder, and finds them
 * by key.
 */
#include "lookup_data.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One item of either kind; of two with the same key the first one answers. */
struct entry {
    uint32_t index;
    struct pipc_cgroups_lookup_item cgroup;
    struct pipc_apps_lookup_item app;
    struct pipc_label_view *labels;
};

struct lookup_data {
    bool is_apps, has_default;
    uint64_t generation;
    uint32_t count;
    struct entry *entries; /* sorted by key, then by index */
    struct entry otherwise;
};

/* A reading in progress. */
struct reading {
    struct json_source *source;
    const void *table;
    bool is_apps;
};

/* ---- fields ---- */

static pipc_result number(struct reading *in, pipc_node node, const char *name, uint64_t max,
                          uint64_t otherwise, uint64_t *ret)
{
    const struct pipc_fields *const f = &in->source->fields;
    const pipc_result r = f->number(f->arg, node, name, max, ret);

    if (r == PIPC_ERR_NOT_SUPPORTED)
        *ret = otherwise;
    return r == PIPC_ERR_NOT_SUPPORTED ? PIPC_OK : r;
}

static pipc_result number16(struct reading *in, pipc_node node, const char *name, uint16_t *ret)
{
    uint64_t value = 0;
    const pipc_result r = number(in, node, name, UINT16_MAX, 0, &value);

    *ret = (uint16_t)value;
    return r;
}

static pipc_result number32(struct reading *in, pipc_node node, const char *name,
                            uint32_t otherwise, uint32_t *ret)
{
    uint64_t value = 0;
    const pipc_result r = number(in, node, name, UINT32_MAX, otherwise, &value);

    *ret = (uint32_t)value;
    return r;
}

static pipc_result string(struct reading *in, pipc_node node, const char *name,
                          struct pipc_str_view *ret)
{
    const struct pipc_fields *const f = &in->source->fields;
    const void *bytes = "";
    size_t len = 0;
    const pipc_result r = f->string(f->arg, node, name, &bytes, &len);

    *ret = (struct pipc_str_view){bytes, len};
    if (r == PIPC_OK && memchr(bytes, 0, len)) {
        snprintf(in->source->why, sizeof(in->source->why), "%s: a NUL inside the string", name);
        return PIPC_ERR_BAD_LAYOUT;
    }
    return r == PIPC_ERR_NOT_SUPPORTED ? PIPC_OK : r;
}

static pipc_result labels_read(struct reading *in, pipc_node node, struct entry *entry,
                               uint32_t *ret_count)
{
    const struct pipc_fields *const f = &in->source->fields;
    uint16_t stated;
    pipc_node label;
    pipc_result r = number16(in, node, "label_count", &stated);

    if (r == PIPC_OK)
        r = f->list(f->arg, node, "labels", ret_count);
    if (r != PIPC_OK || !*ret_count)
        return r;
    entry->labels = calloc(*ret_count, sizeof(*entry->labels));
    if (!entry->labels)
        return PIPC_ERR_ALLOC;
    for (uint32_t i = 0; r == PIPC_OK && i < *ret_count; i++) {
        r = f->item(f->arg, node, "labels", i, &label);
        if (r == PIPC_OK)
            r = string(in, label, "key", &entry->labels[i].key);
        if (r == PIPC_OK)
            r = string(in, label, "value", &entry->labels[i].value);
    }
    return r;
}

static pipc_result app_read(struct reading *in, pipc_node node, struct entry *entry)
{
    struct pipc_apps_lookup_item *const item = &entry->app;
    pipc_result r = number16(in, node, "status", &item->status);

    if (r == PIPC_OK)
        r = number16(in, node, "orchestrator", &item->orchestrator);
    if (r == PIPC_OK)
        r = number16(in, node, "cgroup_status", &item->cgroup_status);
    if (r == PIPC_OK)
        r = number32(in, node, "pid", 0, &item->pid);
    if (r == PIPC_OK)
        r = number32(in, node, "ppid", 0, &item->ppid);
    if (r == PIPC_OK) /* of a process that is not known nothing says that it is root's */
        r = number32(in, node, "uid", item->status == PIPC_PID_LOOKUP_KNOWN ? 0 : PIPC_UID_UNSET,
                     &item->uid);
    if (r == PIPC_OK)
        r = number(in, node, "starttime", UINT64_MAX, 0, &item->starttime);
    if (r == PIPC_OK)
        r = string(in, node, "comm", &item->comm);
    if (r == PIPC_OK)
        r = string(in, node, "cgroup_path", &item->cgroup_path);
    if (r == PIPC_OK)
        r = string(in, node, "cgroup_name", &item->cgroup_name);
    if (r == PIPC_OK)
        r = labels_read(in, node, entry, &item->label_count);
    item->labels = entry->labels;
    return r;
}

static pipc_result cgroup_read(struct reading *in, pipc_node node, struct entry *entry)
{
    struct pipc_cgroups_lookup_item *const item = &entry->cgroup;
    pipc_result r = number16(in, node, "status", &item->status);

    if (r == PIPC_OK)
        r = number16(in, node, "orchestrator", &item->orchestrator);
    if (r == PIPC_OK)
        r = string(in, node, "path", &item->path);
    if (r == PIPC_OK)
        r = string(in, node, "name", &item->name);
    if (r == PIPC_OK)
        r = labels_read(in, node, entry, &item->label_count);
    item->labels = entry->labels;
    return r;
}

/* ---- judgement ---- */

/* Adds it to a response that has room for a placeholder alone: what the builder refuses there, it
 * refuses everywhere. */
static pipc_result judge(const struct reading *in, const struct entry *entry)
{
    struct pipc_cgroups_lookup_builder cgroups;
    struct pipc_apps_lookup_builder apps;
    const size_t cap = 256 + (in->is_apps ? 0 : entry->cgroup.path.len);
    void *const buffer = malloc(cap);
    pipc_result r = buffer ? PIPC_OK : PIPC_ERR_ALLOC;

    if (r == PIPC_OK && in->is_apps) {
        r = pipc_apps_lookup_builder_init(in->table, &apps, buffer, cap, 1, 0);
        if (r == PIPC_OK)
            r = pipc_apps_lookup_builder_add(&apps, &entry->app);
    } else if (r == PIPC_OK) {
        r = pipc_cgroups_lookup_builder_init(in->table, &cgroups, buffer, cap, 1, 0);
        if (r == PIPC_OK)
            r = pipc_cgroups_lookup_builder_add(&cgroups, &entry->cgroup);
    }
    free(buffer);
    return r;
}

/* Puts the place in front of what is wrong, which stands behind it without one. */
static void name_place(struct reading *in, const char *place, pipc_result r)
{
    char before[sizeof(in->source->why)];

    snprintf(before, sizeof(before), "%s", in->source->why);
    snprintf(in->source->why, sizeof(in->source->why), "%s%s%.200s", place, before[0] ? "." : ": ",
             before[0] ? before
             : r == PIPC_ERR_BAD_LAYOUT
                 ? "fields that do not go together (status, key, lengths, labels)"
                 : pipc_result_text(r));
}

static pipc_result entry_read(struct reading *in, pipc_node node, const char *place,
                              struct entry *entry)
{
    pipc_result r;

    in->source->list = NULL; /* places are named here */
    r = in->is_apps ? app_read(in, node, entry) : cgroup_read(in, node, entry);
    if (r == PIPC_OK)
        r = judge(in, entry);
    if (r != PIPC_OK)
        name_place(in, place, r);
    return r;
}

/* The key of the default is that which is asked for, so it needs none of its own. */
static pipc_result default_read(struct reading *in, struct lookup_data *data)
{
    struct json_object *node;
    struct entry *const entry = &data->otherwise;
    pipc_result r;

    if (!json_object_object_get_ex(in->source->top, "default", &node))
        return PIPC_OK;
    if (!json_object_is_type(node, json_type_object)) {
        snprintf(in->source->why, sizeof(in->source->why), "default: expected an object");
        return PIPC_ERR_BAD_LAYOUT;
    }
    data->has_default = true;
    in->source->list = NULL;
    r = in->is_apps ? app_read(in, node, entry) : cgroup_read(in, node, entry);
    if (!entry->cgroup.path.len)
        entry->cgroup.path = (struct pipc_str_view){"/", 1};
    if (r == PIPC_OK)
        r = judge(in, entry);
    if (r != PIPC_OK)
        name_place(in, "default", r);
    return r;
}

/* ---- the file ---- */

static int path_order(struct pipc_str_view a, struct pipc_str_view b)
{
    const size_t common = a.len < b.len ? a.len : b.len;
    const int order = common ? memcmp(a.ptr, b.ptr, common) : 0; /* an empty view has no address */

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_pid(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->app.pid != y->app.pid)
        return x->app.pid < y->app.pid ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static int by_path(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    const int order = path_order(x->cgroup.path, y->cgroup.path);

    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* What follows from the rest, but may not be what cannot be. */
static pipc_result header_read(struct reading *in, struct lookup_data *data, uint64_t readings)
{
    uint64_t checked;
    pipc_result r = number(in, NULL, "generation", UINT64_MAX, readings, &data->generation);

    if (r == PIPC_OK)
        r = number(in, NULL, "layout_version", UINT16_MAX, 0, &checked);
    if (r == PIPC_OK)
        r = number(in, NULL, "flags", UINT16_MAX, 0, &checked);
    if (r == PIPC_OK)
        r = number(in, NULL, "item_count", UINT32_MAX, 0, &checked);
    return r;
}

static pipc_result items_read(struct reading *in, struct lookup_data *data)
{
    const struct pipc_fields *const f = &in->source->fields;
    char place[32];
    pipc_node node;
    pipc_result r = f->list(f->arg, NULL, "items", &data->count);

    if (r != PIPC_OK)
        return r;
    data->entries = calloc(data->count ? data->count : 1, sizeof(*data->entries));
    if (!data->entries) {
        data->count = 0;
        return PIPC_ERR_ALLOC;
    }
    for (uint32_t i = 0; r == PIPC_OK && i < data->count; i++) {
        data->entries[i].index = i;
        snprintf(place, sizeof(place), "items[%" PRIu32 "]", i);
        r = f->item(f->arg, NULL, "items", i, &node);
        if (r == PIPC_OK)
            r = entry_read(in, node, place, &data->entries[i]);
    }
    if (r == PIPC_OK)
        qsort(data->entries, data->count, sizeof(*data->entries), in->is_apps ? by_pid : by_path);
    return r;
}

pipc_result lookup_data_read(const char *kind, const void *table, struct json_source *source,
                             uint64_t readings, struct lookup_data **ret_data)
{
    struct reading in = {source, table, strcmp(kind, PIPC_APPS_LOOKUP_NAME) == 0};
    struct lookup_data *data = table ? calloc(1, sizeof(*data)) : NULL;
    pipc_result r;

    if (!table)
        return PIPC_ERR_MODULE_NOT_FOUND;
    if (!data)
        return PIPC_ERR_ALLOC;
    data->is_apps = in.is_apps;
    r = header_read(&in, data, readings);
    if (r == PIPC_OK)
        r = items_read(&in, data);
    if (r == PIPC_OK)
        r = default_read(&in, data);
    if (r == PIPC_OK)
        *ret_data = data;
    else
        lookup_data_free(data);
    return r;
}

void lookup_data_free(struct lookup_data *data)
{
    if (!data)
        return;
    for (uint32_t i = 0; i < data->count; i++)
        free(data->entries[i].labels);
    free(data->otherwise.labels);
    free(data->entries);
    free(data);
}

/* ---- answers ---- */

/* The first entry that is not below the key (`index` 0 sorts before all with that key). */
static const struct entry *find(const struct lookup_data *data, const struct entry *key)
{
    uint32_t low = 0, high = data->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = data->is_apps ? by_pid(&data->entries[middle], key)
                                        : by_path(&data->entries[middle], key);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < data->count ? &data->entries[low] : NULL;
}

uint32_t lookup_data_cgroups(const struct lookup_data *data,
                             const struct pipc_cgroups_lookup_request_view *request,
                             struct pipc_cgroups_lookup_builder *builder)
{
    struct pipc_cgroups_lookup_request_item_view asked;
    pipc_result r = PIPC_OK;

    pipc_cgroups_lookup_builder_set_generation(builder, data->generation);
    for (uint32_t i = 0; r == PIPC_OK && i < request->item_count; i++) {
        struct entry key = {0};
        const struct entry *found;
        r = pipc_cgroups_lookup_request_item(request, i, &asked);
        if (r != PIPC_OK)
            break;
        key.cgroup.path = asked.path;
        found = find(data, &key);
        if (!found || path_order(found->cgroup.path, asked.path) != 0)
            found = data->has_default ? &data->otherwise : NULL;
        r = found ? pipc_cgroups_lookup_builder_add_request_item(
                        builder, i, found->cgroup.status, found->cgroup.orchestrator,
                        found->cgroup.name, found->cgroup.labels, found->cgroup.label_count)
                  : pipc_cgroups_lookup_builder_add_request_status(
                        builder, i, PIPC_CGROUP_LOOKUP_UNKNOWN_PERMANENT);
    }
    return r == PIPC_OK;
}

uint32_t lookup_data_apps(const struct lookup_data *data,
                          const struct pipc_apps_lookup_request_view *request,
                          struct pipc_apps_lookup_builder *builder)
{
    struct pipc_apps_lookup_request_item_view asked;
    pipc_result r = PIPC_OK;

    pipc_apps_lookup_builder_set_generation(builder, data->generation);
    for (uint32_t i = 0; r == PIPC_OK && i < request->item_count; i++) {
        struct entry key = {0};
        struct pipc_apps_lookup_item item = {.status = PIPC_PID_LOOKUP_UNKNOWN,
                                             .uid = PIPC_UID_UNSET};
        const struct entry *found;
        r = pipc_apps_lookup_request_item(request, i, &asked);
        if (r != PIPC_OK)
            break;
        key.app.pid = asked.pid;
        found = find(data, &key);
        if (found && found->app.pid == asked.pid)
            item = found->app;
        else if (data->has_default)
            item = data->otherwise.app;
        item.pid = asked.pid;
        r = pipc_apps_lookup_builder_add(builder, &item);
    }
    return r == PIPC_OK;
}
