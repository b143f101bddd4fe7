/* SPDX-License-Identifier: Apache-2.0
 *
 * Every codec, in both directions, through its generic entries alone: the first byte chooses codec
 * and direction, the rest is a message. What a walk tells is built again from the names, walked
 * again and built again: the second walk has to tell the same, the second building has to give the
 * same bytes, and neither is longer than what came. So decoder and encoder are checked against each
 * other.
 */
#include "fuzz.h"

#include <pipc/codec.h>
#include <pipc/codecs/apps_lookup.h>
#include <pipc/codecs/cgroups_lookup.h>
#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MOST 16384u
#define CODECS      5u

static void must(bool good)
{
    if (!good)
        abort();
}

/* ---- what a walk told, as a row of fields ---- */

enum kind { NUMBER, STRING, LIST, ITEM, END };

struct field {
    enum kind kind;
    const char *name;
    uint64_t value; /* number; length; count of a list; for an item, where the next begins */
    const uint8_t *bytes;
};

struct tree {
    struct field fields[FIELDS_MOST];
    uint32_t count;
    uint32_t open[8]; /* lists and items that have not ended */
    uint32_t depth;
    bool full;
};

static pipc_result put(struct tree *t, enum kind kind, const char *name, uint64_t value,
                       const void *bytes)
{
    if (t->count == FIELDS_MOST) {
        t->full = true;
        return PIPC_ERR_OVERFLOW;
    }
    t->fields[t->count++] = (struct field){kind, name, value, bytes};
    return PIPC_OK;
}

static pipc_result on_number(void *arg, const char *name, uint64_t value, uint32_t width)
{
    must(width == 8 || value >> (8 * width) == 0);
    return put(arg, NUMBER, name, value, NULL);
}

static pipc_result on_string(void *arg, const char *name, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        fuzz_use(((const uint8_t *)bytes)[i]);
    return put(arg, STRING, name, len, bytes);
}

static pipc_result on_begin_list(void *arg, const char *name, uint32_t count)
{
    struct tree *const t = arg;

    must(t->depth < 8);
    t->open[t->depth++] = t->count;
    return put(t, LIST, name, count, NULL);
}

static pipc_result on_begin_item(void *arg)
{
    struct tree *const t = arg;

    must(t->depth > 0 && t->depth < 8);
    t->open[t->depth++] = t->count;
    return put(t, ITEM, NULL, 0, NULL);
}

/* An item or a list ends: it learns where it did. */
static pipc_result on_end(void *arg)
{
    struct tree *const t = arg;

    must(t->depth > 0);
    struct field *const begun = &t->fields[t->open[--t->depth]];
    const pipc_result result = put(t, END, NULL, 0, NULL);
    if (begun->kind == ITEM)
        begun->value = t->count;
    return result;
}

static const struct pipc_visitor visitor_ops = {.size = sizeof(visitor_ops),
                                                .number = on_number,
                                                .string = on_string,
                                                .blob = on_string,
                                                .begin_list = on_begin_list,
                                                .begin_item = on_begin_item,
                                                .end_item = on_end,
                                                .end_list = on_end};

/* ---- the row as a source of fields ---- */

static const struct tree *source_of(void *arg)
{
    return arg;
}

/* The field of that name in the node: at the top or directly in an item. NULL: none. */
static const struct field *find(const struct tree *t, pipc_node node, const char *name)
{
    const struct field *f = node ? (const struct field *)node + 1 : t->fields;
    const struct field *const end = t->fields + t->count;

    for (uint32_t depth = 0; f < end; f++) {
        if (f->kind == END && depth-- == 0)
            return NULL;
        if (depth == 0 && f->name && strcmp(f->name, name) == 0)
            return f;
        if (f->kind == LIST || f->kind == ITEM)
            depth++;
    }
    return NULL;
}

static pipc_result give_number(void *arg, pipc_node node, const char *name, uint64_t max,
                               uint64_t *ret_value)
{
    const struct field *const f = find(source_of(arg), node, name);

    if (!f || f->kind != NUMBER)
        return PIPC_ERR_NOT_SUPPORTED;
    must(f->value <= max);
    *ret_value = f->value;
    return PIPC_OK;
}

static pipc_result give_string(void *arg, pipc_node node, const char *name, const void **ret_bytes,
                               size_t *ret_len)
{
    const struct field *const f = find(source_of(arg), node, name);

    if (!f || f->kind != STRING)
        return PIPC_ERR_NOT_SUPPORTED;
    *ret_bytes = f->bytes;
    *ret_len = (size_t)f->value;
    return PIPC_OK;
}

static pipc_result give_list(void *arg, pipc_node node, const char *name, uint32_t *ret_count)
{
    const struct field *const f = find(source_of(arg), node, name);

    *ret_count = f && f->kind == LIST ? (uint32_t)f->value : 0;
    return PIPC_OK;
}

static pipc_result give_item(void *arg, pipc_node node, const char *name, uint32_t index,
                             pipc_node *ret_item)
{
    const struct tree *const t = source_of(arg);
    const struct field *f = find(t, node, name);

    must(f && f->kind == LIST && index < f->value);
    for (f++; index > 0; index--)
        f = t->fields + f->value;
    must(f->kind == ITEM);
    *ret_item = f;
    return PIPC_OK;
}

/* ---- both ways, twice ---- */

struct direction {
    const struct pipc_codec_ops *ops;
    pipc_result (*check)(const void *bytes, size_t len);
    pipc_result (*walk)(const void *bytes, size_t len, const struct pipc_visitor *visitor);
    pipc_result (*build)(const struct pipc_fields *fields, void *buf, size_t cap, size_t *ret_len);
};

static struct direction direction_of(uint8_t choice)
{
    static const struct pipc_module *const modules[CODECS] = {
        &pipc_module_increment, &pipc_module_string_reverse, &pipc_module_cgroups_snapshot,
        &pipc_module_cgroups_lookup, &pipc_module_apps_lookup};
    const struct pipc_codec_ops *const ops = modules[choice / 2 % CODECS]->ops;

    if (choice & 1)
        return (struct direction){ops, ops->check_response, ops->walk_response,
                                  ops->build_response};
    return (struct direction){ops, ops->check_request, ops->walk_request, ops->build_request};
}

static pipc_result walk(const struct direction *d, const void *bytes, size_t len, struct tree *t)
{
    struct pipc_visitor visitor = visitor_ops;

    visitor.arg = t;
    t->count = t->depth = 0;
    t->full = false;
    return d->walk(bytes, len, &visitor);
}

static void *build(const struct direction *d, const struct tree *t, size_t cap, size_t *ret_len)
{
    const struct pipc_fields fields = {.size = sizeof(fields),
                                       .arg = (void *)(uintptr_t)t,
                                       .number = give_number,
                                       .string = give_string,
                                       .list = give_list,
                                       .item = give_item};
    uint8_t *const exact = malloc(cap ? cap : 1);

    must(exact != NULL);
    must(d->build(&fields, exact, cap, ret_len) == PIPC_OK);
    must(*ret_len <= cap);
    return exact;
}

static void compare(const struct tree *a, const struct tree *b)
{
    must(a->count == b->count && a->depth == 0 && b->depth == 0);
    for (uint32_t i = 0; i < a->count; i++) {
        const struct field *const x = &a->fields[i], *const y = &b->fields[i];
        must(x->kind == y->kind && x->value == y->value);
        must(!x->name == !y->name && (!x->name || strcmp(x->name, y->name) == 0));
        if (x->kind == STRING && x->value)
            must(memcmp(x->bytes, y->bytes, (size_t)x->value) == 0);
    }
}

void fuzz_one(const uint8_t *data, size_t len)
{
    static struct tree first, second;
    size_t one = 0, two = 0;

    if (len == 0)
        return;
    const struct direction d = direction_of(data[0]);
    uint8_t *const bytes = malloc(len > 1 ? len - 1 : 1);
    must(bytes != NULL);
    memcpy(bytes, data + 1, len - 1);
    const pipc_result result = walk(&d, bytes, len - 1, &first);
    if (!first.full)
        must(d.check(bytes, len - 1) == result);
    if (result == PIPC_OK && d.build) {
        uint8_t *const built = build(&d, &first, len - 1, &one);
        must(d.check(built, one) == PIPC_OK);
        must(walk(&d, built, one, &second) == PIPC_OK);
        compare(&first, &second);
        uint8_t *const again = build(&d, &second, one, &two);
        must(two == one && memcmp(built, again, one) == 0);
        free(again);
        free(built);
    }
    free(bytes);
}
