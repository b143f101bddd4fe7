/* SPDX-License-Identifier: Apache-2.0
 *
 * CGROUPS_SNAPSHOT for those who do not know it: check, walk and build by field names, which are
 * those of the layout tables and of the golden vectors.
 *
 * Pure; any thread. A walk tells nothing before every item has been checked.
 */
#include "cgroups_snapshot.h"

#include "../common/bytes.h"

pipc_result pipcm_cgroups_snapshot_check_request(const void *bytes, size_t len)
{
    struct pipc_cgroups_snapshot_request_view view;
    return pipcm_cgroups_snapshot_request_decode(bytes, len, &view);
}

static pipc_result decode_whole(const void *bytes, size_t len,
                                struct pipc_cgroups_snapshot_view *view)
{
    pipc_result r = pipcm_cgroups_snapshot_decode(bytes, len, view);
    for (uint32_t i = 0; r == PIPC_OK && i < view->item_count; i++) {
        struct pipc_cgroups_snapshot_item_view item;
        r = pipcm_cgroups_snapshot_item(view, i, &item);
    }
    return r;
}

pipc_result pipcm_cgroups_snapshot_check_response(const void *bytes, size_t len)
{
    struct pipc_cgroups_snapshot_view view;
    return decode_whole(bytes, len, &view);
}

pipc_result pipcm_cgroups_snapshot_walk_request(const void *bytes, size_t len,
                                                const struct pipc_visitor *v)
{
    struct pipc_cgroups_snapshot_request_view view;
    pipc_result r = pipcm_cgroups_snapshot_request_decode(bytes, len, &view);
    if (r == PIPC_OK)
        r = v->number(v->arg, "layout_version", view.layout_version, 2);
    if (r == PIPC_OK)
        r = v->number(v->arg, "flags", view.flags, 2);
    return r;
}

static pipc_result walk_header(const struct pipc_cgroups_snapshot_view *view,
                               const struct pipc_visitor *v)
{
    pipc_result r = v->number(v->arg, "layout_version", view->layout_version, 2);
    if (r == PIPC_OK)
        r = v->number(v->arg, "flags", view->flags, 2);
    if (r == PIPC_OK)
        r = v->number(v->arg, "item_count", view->item_count, 4);
    if (r == PIPC_OK)
        r = v->number(v->arg, "systemd_enabled", view->systemd_enabled, 4);
    if (r == PIPC_OK)
        r = v->number(v->arg, "generation", view->generation, 8);
    return r;
}

static pipc_result walk_item(const struct pipc_cgroups_snapshot_item_view *item,
                             const struct pipc_visitor *v)
{
    pipc_result r = v->begin_item(v->arg);
    if (r == PIPC_OK)
        r = v->number(v->arg, "hash", item->hash, 4);
    if (r == PIPC_OK)
        r = v->number(v->arg, "options", item->options, 4);
    if (r == PIPC_OK)
        r = v->number(v->arg, "enabled", item->enabled, 4);
    if (r == PIPC_OK)
        r = v->string(v->arg, "name", item->name.ptr, item->name.len);
    if (r == PIPC_OK)
        r = v->string(v->arg, "path", item->path.ptr, item->path.len);
    if (r == PIPC_OK)
        r = v->end_item(v->arg);
    return r;
}

pipc_result pipcm_cgroups_snapshot_walk_response(const void *bytes, size_t len,
                                                 const struct pipc_visitor *v)
{
    struct pipc_cgroups_snapshot_view view;
    pipc_result r = decode_whole(bytes, len, &view);
    if (r == PIPC_OK)
        r = walk_header(&view, v);
    if (r == PIPC_OK)
        r = v->begin_list(v->arg, "items", view.item_count);
    for (uint32_t i = 0; r == PIPC_OK && i < view.item_count; i++) {
        struct pipc_cgroups_snapshot_item_view item;
        r = pipcm_cgroups_snapshot_item(&view, i, &item);
        if (r == PIPC_OK)
            r = walk_item(&item, v);
    }
    return r == PIPC_OK ? v->end_list(v->arg) : r;
}

/* Version and flags, which have one permitted value each. */
static pipc_result fields_fixed(const struct pipc_fields *fields)
{
    const pipc_result r =
        bytes_field_fixed(fields, "layout_version", UINT16_MAX, SNAPSHOT_LAYOUT_VERSION);
    return r == PIPC_OK ? bytes_field_fixed(fields, "flags", UINT16_MAX, 0) : r;
}

pipc_result pipcm_cgroups_snapshot_build_request(const struct pipc_fields *fields, void *buf,
                                                 size_t cap, size_t *ret_len)
{
    const pipc_result r = fields_fixed(fields);
    return r == PIPC_OK ? pipcm_cgroups_snapshot_request_encode(buf, cap, ret_len) : r;
}

/* The hash of an item that is given none: 32-bit FNV-1 of its name (docs/cli.md, JSON). */
static uint32_t fnv1(const struct pipc_str_view *name)
{
    uint32_t h = UINT32_C(2166136261);
    for (size_t i = 0; i < name->len; i++)
        h = (h * UINT32_C(16777619)) ^ (unsigned char)name->ptr[i];
    return h;
}

static pipc_result field_u32(const struct pipc_fields *fields, pipc_node node, const char *name,
                             uint32_t otherwise, uint32_t *ret_value)
{
    uint64_t value;
    const pipc_result r = bytes_field(fields, node, name, UINT32_MAX, otherwise, &value);
    if (r == PIPC_OK)
        *ret_value = (uint32_t)value;
    return r;
}

static pipc_result build_item(const struct pipc_fields *fields, pipc_node node,
                              struct pipc_cgroups_snapshot_builder *builder)
{
    struct pipc_cgroups_snapshot_item_view item;
    memset(&item, 0, sizeof(item));
    pipc_result r = bytes_field_string(fields, node, "name", &item.name);
    if (r == PIPC_OK)
        r = bytes_field_string(fields, node, "path", &item.path);
    if (r == PIPC_OK)
        r = field_u32(fields, node, "hash", fnv1(&item.name), &item.hash);
    if (r == PIPC_OK)
        r = field_u32(fields, node, "options", 0, &item.options);
    if (r == PIPC_OK)
        r = field_u32(fields, node, "enabled", 0, &item.enabled);
    return r == PIPC_OK ? pipcm_cgroups_snapshot_builder_add(builder, &item) : r;
}

static pipc_result build_items(const struct pipc_fields *fields, uint32_t count,
                               struct pipc_cgroups_snapshot_builder *builder)
{
    pipc_result r = PIPC_OK;
    for (uint32_t i = 0; r == PIPC_OK && i < count; i++) {
        pipc_node node = NULL;
        r = fields->item(fields->arg, NULL, "items", i, &node);
        if (r == PIPC_OK)
            r = build_item(fields, node, builder);
    }
    return r;
}

/* `item_count` follows the list, whatever the source says of it. */
pipc_result pipcm_cgroups_snapshot_build_response(const struct pipc_fields *fields, void *buf,
                                                  size_t cap, size_t *ret_len)
{
    struct pipc_cgroups_snapshot_builder builder;
    uint32_t count = 0, systemd_enabled = 0;
    uint64_t generation = 0;
    if (!ret_len)
        return PIPC_ERR_BAD_PARAM;
    pipc_result r = fields_fixed(fields);
    if (r == PIPC_OK)
        r = field_u32(fields, NULL, "systemd_enabled", 0, &systemd_enabled);
    if (r == PIPC_OK)
        r = bytes_field(fields, NULL, "generation", UINT64_MAX, 0, &generation);
    if (r == PIPC_OK)
        r = fields->list(fields->arg, NULL, "items", &count);
    if (r == PIPC_OK)
        r = pipcm_cgroups_snapshot_builder_init(&builder, buf, cap, count, systemd_enabled,
                                                generation);
    if (r == PIPC_OK)
        r = build_items(fields, count, &builder);
    if (r != PIPC_OK)
        return r;
    *ret_len = pipcm_cgroups_snapshot_builder_finish(&builder);
    return PIPC_OK;
}
