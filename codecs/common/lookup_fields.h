/* SPDX-License-Identifier: Apache-2.0
 *
 * What keyed lookups share of walking and building by field names, which are those of the layout
 * tables and of the golden vectors.
 *
 * Static inline and without state, because a second copy of it lives in every module. Pure; any
 * thread.
 */
#ifndef PIPC_CODECS_COMMON_LOOKUP_FIELDS_H
#define PIPC_CODECS_COMMON_LOOKUP_FIELDS_H

#include "lookup_build.h"

/* ---- walk ---- */

/* The scalars of a response. */
static inline pipc_result lookup_walk_header(const struct pipc_visitor *v, uint32_t item_count,
                                             uint64_t generation)
{
    pipc_result r = v->number(v->arg, "layout_version", LOOKUP_LAYOUT_VERSION, 2);
    if (r == PIPC_OK)
        r = v->number(v->arg, "flags", 0, 2);
    if (r == PIPC_OK)
        r = v->number(v->arg, "item_count", item_count, 4);
    if (r == PIPC_OK)
        r = v->number(v->arg, "generation", generation, 8);
    return r;
}

static inline pipc_result lookup_walk_label(const struct pipc_visitor *v,
                                            const struct pipc_label_view *label)
{
    pipc_result r = v->begin_item(v->arg);
    if (r == PIPC_OK)
        r = v->string(v->arg, "key", label->key.ptr, label->key.len);
    if (r == PIPC_OK)
        r = v->string(v->arg, "value", label->value.ptr, label->value.len);
    return r == PIPC_OK ? v->end_item(v->arg) : r;
}

/* Number and list of the labels of an item. */
static inline pipc_result lookup_walk_labels(const struct pipc_visitor *v,
                                             const struct pipc_label_table *labels,
                                             uint32_t label_count)
{
    pipc_result r = v->number(v->arg, "label_count", label_count, 2);
    if (r == PIPC_OK)
        r = v->begin_list(v->arg, "labels", label_count);
    for (uint32_t i = 0; r == PIPC_OK && i < label_count; i++) {
        struct pipc_label_view label;
        r = lookup_label(labels, label_count, i, &label);
        if (r == PIPC_OK)
            r = lookup_walk_label(v, &label);
    }
    return r == PIPC_OK ? v->end_list(v->arg) : r;
}

/* ---- build ---- */

/* Version and flags, which have one permitted value each. */
static inline pipc_result lookup_fields_fixed(const struct pipc_fields *fields)
{
    const pipc_result r =
        bytes_field_fixed(fields, "layout_version", UINT16_MAX, LOOKUP_LAYOUT_VERSION);
    return r == PIPC_OK ? bytes_field_fixed(fields, "flags", UINT16_MAX, 0) : r;
}

/* What a response is built from, beside its items. */
struct lookup_recipe {
    uint64_t generation;
    uint64_t budget; /* UINT64_MAX: none */
    uint32_t count;
    uint32_t reserved;
};

static inline pipc_result lookup_fields_recipe(const struct pipc_fields *fields,
                                               struct lookup_recipe *ret)
{
    pipc_result r = lookup_fields_fixed(fields);
    if (r == PIPC_OK)
        r = bytes_field(fields, NULL, "generation", UINT64_MAX, 0, &ret->generation);
    if (r == PIPC_OK)
        r = bytes_field(fields, NULL, "budget", UINT64_MAX, UINT64_MAX, &ret->budget);
    return r == PIPC_OK ? fields->list(fields->arg, NULL, "items", &ret->count) : r;
}

/* Item `index` of the list of items. */
static inline pipc_result lookup_fields_item(const struct pipc_fields *fields, uint32_t index,
                                             pipc_node *ret_node)
{
    return fields->item(fields->arg, NULL, "items", index, ret_node);
}

/* A number of an item, narrower than 64 bits. */
static inline pipc_result lookup_field_u32(const struct pipc_fields *fields, pipc_node node,
                                           const char *name, uint32_t otherwise, uint32_t *ret)
{
    uint64_t value;
    const pipc_result r = bytes_field(fields, node, name, UINT32_MAX, otherwise, &value);
    if (r == PIPC_OK)
        *ret = (uint32_t)value;
    return r;
}

static inline pipc_result lookup_field_u16(const struct pipc_fields *fields, pipc_node node,
                                           const char *name, uint16_t *ret)
{
    uint64_t value;
    const pipc_result r = bytes_field(fields, node, name, UINT16_MAX, 0, &value);
    if (r == PIPC_OK)
        *ret = (uint16_t)value;
    return r;
}

/* The labels of an item; their number follows the list, whatever the source says of it. */
static inline pipc_result lookup_fields_labels(const struct pipc_fields *fields, pipc_node node,
                                               struct lookup_labels *ret)
{
    ret->array = NULL;
    ret->fields = fields;
    ret->node = node;
    return fields->list(fields->arg, node, "labels", &ret->count);
}

/* Room for a response, which a budget of the source may make less. */
static inline size_t lookup_fields_room(const struct lookup_recipe *recipe, size_t cap)
{
    return recipe->budget < cap ? (size_t)recipe->budget : cap;
}

/* Only a budget of the source may turn items into placeholders; the buffer may not. */
static inline pipc_result lookup_fields_added(const struct lookup_recipe *recipe, size_t cap,
                                              const struct pipc_lookup_builder *b)
{
    return b->cut && recipe->budget > cap ? PIPC_ERR_OVERFLOW : PIPC_OK;
}

#endif
