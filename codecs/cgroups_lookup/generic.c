/* SPDX-License-Identifier: Apache-2.0
 *
 * CGROUPS_LOOKUP for those who do not know it: check, walk and build by field names, which are
 * those of the layout tables and of the golden vectors.
 *
 * Pure; any thread. A walk tells nothing before the whole payload has been checked.
 */
#include "cgroups_lookup.h"

#include "../common/lookup_fields.h"

/* ---- check and walk ---- */

pipc_result pipcm_cgroups_lookup_check_request(const void *bytes, size_t len)
{
    struct pipc_cgroups_lookup_request_view view;
    return pipcm_cgroups_lookup_request_decode(bytes, len, &view);
}

pipc_result pipcm_cgroups_lookup_check_response(const void *bytes, size_t len)
{
    struct pipc_cgroups_lookup_view view;
    return pipcm_cgroups_lookup_decode(bytes, len, &view);
}

static pipc_result walk_key(const struct pipc_visitor *v,
                            const struct pipc_cgroups_lookup_request_item_view *key)
{
    pipc_result r = v->begin_item(v->arg);
    if (r == PIPC_OK)
        r = v->string(v->arg, "path", key->path.ptr, key->path.len);
    return r == PIPC_OK ? v->end_item(v->arg) : r;
}

pipc_result pipcm_cgroups_lookup_walk_request(const void *bytes, size_t len,
                                              const struct pipc_visitor *v)
{
    struct pipc_cgroups_lookup_request_view view;
    pipc_result r = pipcm_cgroups_lookup_request_decode(bytes, len, &view);
    if (r == PIPC_OK)
        r = v->number(v->arg, "item_count", view.item_count, 4);
    if (r == PIPC_OK)
        r = v->begin_list(v->arg, "items", view.item_count);
    for (uint32_t i = 0; r == PIPC_OK && i < view.item_count; i++) {
        struct pipc_cgroups_lookup_request_item_view key;
        r = pipcm_cgroups_lookup_request_item(&view, i, &key);
        if (r == PIPC_OK)
            r = walk_key(v, &key);
    }
    return r == PIPC_OK ? v->end_list(v->arg) : r;
}

static pipc_result walk_item(const struct pipc_visitor *v,
                             const struct pipc_cgroups_lookup_item_view *item)
{
    pipc_result r = v->begin_item(v->arg);
    if (r == PIPC_OK)
        r = v->number(v->arg, "status", item->status, 2);
    if (r == PIPC_OK)
        r = v->number(v->arg, "orchestrator", item->orchestrator, 2);
    if (r == PIPC_OK)
        r = v->string(v->arg, "path", item->path.ptr, item->path.len);
    if (r == PIPC_OK)
        r = v->string(v->arg, "name", item->name.ptr, item->name.len);
    if (r == PIPC_OK)
        r = lookup_walk_labels(v, &item->labels, item->label_count);
    return r == PIPC_OK ? v->end_item(v->arg) : r;
}

pipc_result pipcm_cgroups_lookup_walk_response(const void *bytes, size_t len,
                                               const struct pipc_visitor *v)
{
    struct pipc_cgroups_lookup_view view;
    pipc_result r = pipcm_cgroups_lookup_decode(bytes, len, &view);
    if (r == PIPC_OK)
        r = lookup_walk_header(v, view.item_count, view.generation);
    if (r == PIPC_OK)
        r = v->begin_list(v->arg, "items", view.item_count);
    for (uint32_t i = 0; r == PIPC_OK && i < view.item_count; i++) {
        struct pipc_cgroups_lookup_item_view item;
        r = pipcm_cgroups_lookup_item(&view, i, &item);
        if (r == PIPC_OK)
            r = walk_item(v, &item);
    }
    return r == PIPC_OK ? v->end_list(v->arg) : r;
}

/* ---- build ---- */

/* `item_count` follows the list, whatever the source says of it. */
pipc_result pipcm_cgroups_lookup_build_request(const struct pipc_fields *fields, void *buf,
                                               size_t cap, size_t *ret_len)
{
    struct pipc_lookup_builder b;
    uint32_t count = 0;
    if (!ret_len)
        return PIPC_ERR_BAD_PARAM;
    pipc_result r = lookup_fields_fixed(fields);
    if (r == PIPC_OK)
        r = fields->list(fields->arg, NULL, "items", &count);
    if (r == PIPC_OK)
        r = lookup_begin(&b, buf, cap, count, 0, 0);
    for (uint32_t i = 0; r == PIPC_OK && i < count; i++) {
        struct pipc_str_view path;
        pipc_node node = NULL;
        r = lookup_fields_item(fields, i, &node);
        if (r == PIPC_OK)
            r = bytes_field_string(fields, node, "path", &path);
        if (r == PIPC_OK)
            r = pipcm_cgroups_lookup_request_add(&b, &path);
    }
    if (r == PIPC_OK)
        *ret_len = lookup_finish(&b);
    return r;
}

/* The reserve of a request for the keys of these items. */
static pipc_result fields_reserve(const struct pipc_fields *fields, uint32_t count,
                                  uint64_t *ret_reserve)
{
    uint64_t reserve = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct pipc_str_view path;
        pipc_node node = NULL;
        pipc_result r = lookup_fields_item(fields, i, &node);
        if (r == PIPC_OK)
            r = bytes_field_string(fields, node, "path", &path);
        if (r != PIPC_OK)
            return r;
        reserve = bytes_align8(reserve) + pipcm_cgroups_lookup_placeholder(path.len);
    }
    *ret_reserve = reserve;
    return PIPC_OK;
}

static pipc_result fields_item(const struct pipc_fields *fields, pipc_node node,
                               struct pipc_cgroups_lookup_item *item, struct lookup_labels *labels)
{
    memset(item, 0, sizeof(*item));
    pipc_result r = lookup_field_u16(fields, node, "status", &item->status);
    if (r == PIPC_OK)
        r = lookup_field_u16(fields, node, "orchestrator", &item->orchestrator);
    if (r == PIPC_OK)
        r = bytes_field_string(fields, node, "path", &item->path);
    if (r == PIPC_OK)
        r = bytes_field_string(fields, node, "name", &item->name);
    return r == PIPC_OK ? lookup_fields_labels(fields, node, labels) : r;
}

static pipc_result build_item(const struct pipc_fields *fields, uint32_t index,
                              struct pipc_cgroups_lookup_builder *builder)
{
    struct pipc_cgroups_lookup_item item;
    struct lookup_labels labels;
    pipc_node node = NULL;
    pipc_result r = lookup_fields_item(fields, index, &node);
    if (r == PIPC_OK)
        r = fields_item(fields, node, &item, &labels);
    return r == PIPC_OK ? pipcm_cgroups_lookup_add(builder, &item, &labels) : r;
}

pipc_result pipcm_cgroups_lookup_build_response(const struct pipc_fields *fields, void *buf,
                                                size_t cap, size_t *ret_len)
{
    struct pipc_cgroups_lookup_builder builder;
    struct lookup_recipe recipe;
    uint64_t reserve = 0;
    if (!ret_len)
        return PIPC_ERR_BAD_PARAM;
    memset(&recipe, 0, sizeof(recipe));
    pipc_result r = lookup_fields_recipe(fields, &recipe);
    if (r == PIPC_OK && recipe.budget != UINT64_MAX)
        r = fields_reserve(fields, recipe.count, &reserve);
    if (r == PIPC_OK)
        r = pipcm_cgroups_lookup_begin(&builder, buf, lookup_fields_room(&recipe, cap),
                                       recipe.count, reserve, recipe.generation);
    for (uint32_t i = 0; r == PIPC_OK && i < recipe.count; i++) {
        r = build_item(fields, i, &builder);
        if (r == PIPC_OK)
            r = lookup_fields_added(&recipe, cap, &builder.state);
    }
    if (r == PIPC_OK)
        *ret_len = pipcm_cgroups_lookup_builder_finish(&builder);
    return r;
}
