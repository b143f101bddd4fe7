/* SPDX-License-Identifier: Apache-2.0
 *
 * What the targets of the lookups share: a walk that reads everything it is told into a sum.
 */
#ifndef PIPC_FUZZ_LOOKUP_WALK_H
#define PIPC_FUZZ_LOOKUP_WALK_H

#include "fuzz.h"

#include <pipc/codec.h>

#include <stdlib.h>
#include <string.h>

static inline void must(int condition)
{
    if (!condition)
        abort();
}

/* What a walk has told. */
struct told {
    uint64_t sum;
    uint32_t items, lists;
};

static inline pipc_result told_number(void *arg, const char *name, uint64_t value, uint32_t width)
{
    struct told *t = arg;
    must(name && (width == 8 || value >> (8 * width) == 0));
    t->sum = t->sum * 31 + value;
    return PIPC_OK;
}

static inline pipc_result told_string(void *arg, const char *name, const void *bytes, size_t len)
{
    struct told *t = arg;
    /* No string of a lookup holds a NUL, and each has one behind it. */
    must(name && strlen(bytes) == len);
    for (size_t i = 0; i < len; i++)
        t->sum = t->sum * 31 + ((const uint8_t *)bytes)[i];
    return PIPC_OK;
}

static inline pipc_result told_list(void *arg, const char *name, uint32_t count)
{
    ((struct told *)arg)->lists++;
    return told_number(arg, name, count, 4);
}

static inline pipc_result told_item(void *arg)
{
    ((struct told *)arg)->items++;
    return PIPC_OK;
}

static inline pipc_result told_end(void *arg)
{
    (void)arg;
    return PIPC_OK;
}

typedef pipc_result (*walk_function)(const void *bytes, size_t len,
                                     const struct pipc_visitor *visitor);

static inline pipc_result tell(walk_function walk, const void *bytes, size_t len, struct told *told)
{
    const struct pipc_visitor visitor = {.size = sizeof(visitor),
                                         .arg = told,
                                         .number = told_number,
                                         .string = told_string,
                                         .blob = told_string,
                                         .begin_list = told_list,
                                         .begin_item = told_item,
                                         .end_item = told_end,
                                         .end_list = told_end};
    memset(told, 0, sizeof(*told));
    return walk(bytes, len, &visitor);
}

/* The walk of these bytes tells what the first one told. */
static inline void same_walk(walk_function walk, const void *bytes, size_t len,
                             const struct told *first)
{
    struct told again;
    must(tell(walk, bytes, len, &again) == PIPC_OK);
    must(again.sum == first->sum && again.items == first->items && again.lists == first->lists);
}

/* Memory that may be exactly as large as is asked for, so that a byte too many is seen. */
static inline void *take_block(size_t len)
{
    void *block = malloc(len ? len : 1);
    must(block != NULL);
    memset(block, 0xff, len);
    return block;
}

static inline void *take(void *arg, size_t size)
{
    (void)arg;
    return malloc(size);
}

static inline void give(void *arg, void *ptr)
{
    (void)arg;
    free(ptr);
}

#endif
