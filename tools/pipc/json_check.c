/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers of an object that follow from the rest of it: their values do not count, but what cannot
 * be a value of their field is refused (docs/cli.md, "JSON").
 *
 * Names and widths are those that the structure itself tells in a walk. Main thread.
 */
#include "json.h"

#include <string.h>

static pipc_result on_number(void *arg, const char *name, uint64_t value, uint32_t width)
{
    struct json_checker *const c = arg;
    const struct json_level *const level = &c->stack[c->depth - 1];
    const struct pipc_fields *const f = &c->source->fields;
    const uint64_t max = width >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;

    if (level->absent)
        return PIPC_OK;
    c->source->list = level->list;
    c->source->index = level->next - 1;
    const pipc_result r = f->number(f->arg, level->node, name, max, &value);
    return r == PIPC_ERR_NOT_SUPPORTED ? PIPC_OK : r;
}

static pipc_result on_bytes(void *arg, const char *name, const void *bytes, size_t len)
{
    (void)arg;
    (void)name;
    (void)bytes;
    (void)len;
    return PIPC_OK;
}

static pipc_result enter(struct json_checker *c, struct json_level level)
{
    if (c->depth == sizeof(c->stack) / sizeof(c->stack[0]))
        return PIPC_ERR_OVERFLOW;
    c->stack[c->depth++] = level;
    return PIPC_OK;
}

static pipc_result on_begin_list(void *arg, const char *name, uint32_t count)
{
    struct json_checker *const c = arg;
    const struct json_level *const in = &c->stack[c->depth - 1];

    (void)count;
    return enter(c, (struct json_level){in->node, name, 0, in->absent});
}

/* What was built may have fewer items than the object, never other ones. */
static pipc_result on_begin_item(void *arg)
{
    struct json_checker *const c = arg;
    struct json_level *const list = &c->stack[c->depth - 1];
    const struct pipc_fields *const f = &c->source->fields;
    struct json_level item = {NULL, list->list, list->next + 1, list->absent};
    uint32_t count = 0;
    pipc_result r = PIPC_OK;

    if (!item.absent)
        r = f->list(f->arg, list->node, list->list, &count);
    item.absent = item.absent || list->next >= count;
    if (r == PIPC_OK && !item.absent)
        r = f->item(f->arg, list->node, list->list, list->next, &item.node);
    list->next++;
    return r == PIPC_OK ? enter(c, item) : r;
}

static pipc_result on_end(void *arg)
{
    struct json_checker *const c = arg;

    c->depth--;
    return PIPC_OK;
}

void json_checker_begin(struct json_checker *c, struct json_source *source)
{
    memset(c, 0, sizeof(*c));
    c->source = source;
    c->depth = 1;
    c->visitor = (struct pipc_visitor){.size = sizeof(c->visitor),
                                       .arg = c,
                                       .number = on_number,
                                       .string = on_bytes,
                                       .blob = on_bytes,
                                       .begin_list = on_begin_list,
                                       .begin_item = on_begin_item,
                                       .end_item = on_end,
                                       .end_list = on_end};
}
