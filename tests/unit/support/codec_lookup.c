/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookup payloads through the typed tables: see the header.
 */
#include "codec_lookup.h"

#include "test.h"

static pipc_result tell(const struct pipc_visitor *v, const char *name, struct pipc_str_view str)
{
    CHECK(str.ptr[str.len] == '\0');
    return v->string(v->arg, name, str.ptr, str.len);
}

static pipc_result tell_label(const struct pipc_visitor *v, const struct pipc_label_view *label)
{
    pipc_result r = v->begin_item(v->arg);
    r = r ? r : tell(v, "key", label->key);
    r = r ? r : tell(v, "value", label->value);
    return r ? r : v->end_item(v->arg);
}

static pipc_result tell_head(const struct pipc_visitor *v, uint16_t version, uint16_t flags,
                             uint32_t count, uint64_t generation)
{
    pipc_result r = v->number(v->arg, "layout_version", version, 2);
    r = r ? r : v->number(v->arg, "flags", flags, 2);
    r = r ? r : v->number(v->arg, "item_count", count, 4);
    r = r ? r : v->number(v->arg, "generation", generation, 8);
    return r ? r : v->begin_list(v->arg, "items", count);
}

static pipc_result tell_keys_head(const struct pipc_visitor *v, uint32_t count)
{
    const pipc_result r = v->number(v->arg, "item_count", count, 4);
    return r ? r : v->begin_list(v->arg, "items", count);
}

/* ---- CGROUPS_LOOKUP ---- */

pipc_result typed_cgroups_request(const struct pipc_cgroups_lookup_table *table, const void *bytes,
                                  size_t len, const struct pipc_visitor *v)
{
    struct pipc_cgroups_lookup_request_view view;
    pipc_result r = pipc_cgroups_lookup_request_decode(table, bytes, len, &view);
    if (r != PIPC_OK)
        return r;
    CHECK(view.table == table);
    r = tell_keys_head(v, view.item_count);
    for (uint32_t i = 0; r == PIPC_OK && i < view.item_count; i++) {
        struct pipc_cgroups_lookup_request_item_view key;
        CHECK_OK(pipc_cgroups_lookup_request_item(&view, i, &key));
        r = v->begin_item(v->arg);
        r = r ? r : tell(v, "path", key.path);
        r = r ? r : v->end_item(v->arg);
    }
    return r ? r : v->end_list(v->arg);
}

static pipc_result cgroups_item(const struct pipc_cgroups_lookup_view *view, uint32_t index,
                                const struct pipc_visitor *v)
{
    struct pipc_cgroups_lookup_item_view item;
    CHECK_OK(pipc_cgroups_lookup_item(view, index, &item));
    pipc_result r = v->begin_item(v->arg);
    r = r ? r : v->number(v->arg, "status", item.status, 2);
    r = r ? r : v->number(v->arg, "orchestrator", item.orchestrator, 2);
    r = r ? r : tell(v, "path", item.path);
    r = r ? r : tell(v, "name", item.name);
    r = r ? r : v->number(v->arg, "label_count", item.label_count, 2);
    r = r ? r : v->begin_list(v->arg, "labels", item.label_count);
    for (uint32_t i = 0; r == PIPC_OK && i < item.label_count; i++) {
        struct pipc_label_view label;
        CHECK_OK(pipc_cgroups_lookup_label(&item, i, &label));
        r = tell_label(v, &label);
    }
    r = r ? r : v->end_list(v->arg);
    return r ? r : v->end_item(v->arg);
}

pipc_result typed_cgroups_response(const struct pipc_cgroups_lookup_table *table, const void *bytes,
                                   size_t len, const struct pipc_visitor *v)
{
    struct pipc_cgroups_lookup_view view;
    pipc_result r = pipc_cgroups_lookup_decode(table, bytes, len, &view);
    if (r != PIPC_OK)
        return r;
    CHECK(view.table == table);
    r = tell_head(v, view.layout_version, view.flags, view.item_count, view.generation);
    for (uint32_t i = 0; r == PIPC_OK && i < view.item_count; i++)
        r = cgroups_item(&view, i, v);
    return r ? r : v->end_list(v->arg);
}

/* ---- APPS_LOOKUP ---- */

pipc_result typed_apps_request(const struct pipc_apps_lookup_table *table, const void *bytes,
                               size_t len, const struct pipc_visitor *v)
{
    struct pipc_apps_lookup_request_view view;
    pipc_result r = pipc_apps_lookup_request_decode(table, bytes, len, &view);
    if (r != PIPC_OK)
        return r;
    CHECK(view.table == table);
    r = tell_keys_head(v, view.item_count);
    for (uint32_t i = 0; r == PIPC_OK && i < view.item_count; i++) {
        struct pipc_apps_lookup_request_item_view key;
        CHECK_OK(pipc_apps_lookup_request_item(&view, i, &key));
        r = v->begin_item(v->arg);
        r = r ? r : v->number(v->arg, "pid", key.pid, 4);
        r = r ? r : v->end_item(v->arg);
    }
    return r ? r : v->end_list(v->arg);
}

static pipc_result apps_labels(const struct pipc_apps_lookup_item_view *item,
                               const struct pipc_visitor *v)
{
    pipc_result r = v->number(v->arg, "label_count", item->label_count, 2);
    r = r ? r : v->begin_list(v->arg, "labels", item->label_count);
    for (uint32_t i = 0; r == PIPC_OK && i < item->label_count; i++) {
        struct pipc_label_view label;
        CHECK_OK(pipc_apps_lookup_label(item, i, &label));
        r = tell_label(v, &label);
    }
    return r ? r : v->end_list(v->arg);
}

static pipc_result apps_item(const struct pipc_apps_lookup_view *view, uint32_t index,
                             const struct pipc_visitor *v)
{
    struct pipc_apps_lookup_item_view item;
    CHECK_OK(pipc_apps_lookup_item(view, index, &item));
    pipc_result r = v->begin_item(v->arg);
    r = r ? r : v->number(v->arg, "status", item.status, 2);
    r = r ? r : v->number(v->arg, "orchestrator", item.orchestrator, 2);
    r = r ? r : v->number(v->arg, "cgroup_status", item.cgroup_status, 2);
    r = r ? r : v->number(v->arg, "pid", item.pid, 4);
    r = r ? r : v->number(v->arg, "ppid", item.ppid, 4);
    r = r ? r : v->number(v->arg, "uid", item.uid, 4);
    r = r ? r : v->number(v->arg, "starttime", item.starttime, 8);
    r = r ? r : tell(v, "comm", item.comm);
    r = r ? r : tell(v, "cgroup_path", item.cgroup_path);
    r = r ? r : tell(v, "cgroup_name", item.cgroup_name);
    r = r ? r : apps_labels(&item, v);
    return r ? r : v->end_item(v->arg);
}

pipc_result typed_apps_response(const struct pipc_apps_lookup_table *table, const void *bytes,
                                size_t len, const struct pipc_visitor *v)
{
    struct pipc_apps_lookup_view view;
    pipc_result r = pipc_apps_lookup_decode(table, bytes, len, &view);
    if (r != PIPC_OK)
        return r;
    CHECK(view.table == table);
    r = tell_head(v, view.layout_version, view.flags, view.item_count, view.generation);
    for (uint32_t i = 0; r == PIPC_OK && i < view.item_count; i++)
        r = apps_item(&view, i, v);
    return r ? r : v->end_list(v->arg);
}
