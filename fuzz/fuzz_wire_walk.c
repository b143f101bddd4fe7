/* SPDX-License-Identifier: Apache-2.0
 *
 * The envelope by names: the first byte chooses the structure, the next four are an item count, the
 * others its bytes.
 *
 * A walk keeps the rules of visitors, and what it tells builds the same bytes again.
 */
#include "fuzz.h"

#include <pipc/wire.h>

#include <stdlib.h>
#include <string.h>

#define NUMBERS 16
#define ITEMS   64

static const char *const names[] = {"header", "chunk", "hello", "hello_ack", "batch"};

struct item {
    const void *bytes;
    size_t len;
};

/* What the visitor was told. */
struct told {
    struct {
        const char *name;
        uint64_t value;
    } numbers[NUMBERS];
    unsigned number_count;
    struct item items[ITEMS];
    uint32_t item_count;
    uint32_t announced;
    int in_list;
    int in_item;
};

static pipc_result on_number(void *arg, const char *name, uint64_t value, uint32_t width)
{
    struct told *t = arg;
    if ((width != 2 && width != 4 && width != 8) || (width < 8 && value >> (8 * width)))
        abort();
    if (t->in_item)
        return PIPC_OK;
    if (t->number_count == NUMBERS)
        abort();
    t->numbers[t->number_count].name = name;
    t->numbers[t->number_count++].value = value;
    return PIPC_OK;
}

static pipc_result on_string(void *arg, const char *name, const void *bytes, size_t len)
{
    (void)arg;
    (void)name;
    (void)bytes;
    (void)len;
    abort(); /* no structure of the envelope has a string */
}

static pipc_result on_blob(void *arg, const char *name, const void *bytes, size_t len)
{
    struct told *t = arg;
    if (!t->in_item || strcmp(name, "data") != 0)
        abort();
    if (len > 0)
        fuzz_use(((const uint8_t *)bytes)[0] + ((const uint8_t *)bytes)[len - 1]);
    if (t->item_count < ITEMS) {
        t->items[t->item_count].bytes = bytes;
        t->items[t->item_count].len = len;
    }
    t->item_count++;
    return PIPC_OK;
}

static pipc_result on_begin_list(void *arg, const char *name, uint32_t count)
{
    struct told *t = arg;
    if (t->in_list || strcmp(name, "items") != 0)
        abort();
    t->in_list = 1;
    t->announced = count;
    return PIPC_OK;
}

static pipc_result on_begin_item(void *arg)
{
    struct told *t = arg;
    if (!t->in_list || t->in_item)
        abort();
    t->in_item = 1;
    return PIPC_OK;
}

static pipc_result on_end_item(void *arg)
{
    struct told *t = arg;
    if (!t->in_item)
        abort();
    t->in_item = 0;
    return PIPC_OK;
}

static pipc_result on_end_list(void *arg)
{
    struct told *t = arg;
    if (!t->in_list || t->in_item || t->item_count != t->announced)
        abort();
    t->in_list = 0;
    return PIPC_OK;
}

static pipc_result give_number(void *arg, pipc_node node, const char *name, uint64_t max,
                               uint64_t *ret_value)
{
    const struct told *t = arg;
    (void)node;
    for (unsigned i = 0; i < t->number_count; i++) {
        if (strcmp(t->numbers[i].name, name) == 0) {
            if (t->numbers[i].value > max)
                abort();
            *ret_value = t->numbers[i].value;
            return PIPC_OK;
        }
    }
    abort(); /* a walk tells every field that a build asks for */
}

static pipc_result give_string(void *arg, pipc_node node, const char *name, const void **ret_bytes,
                               size_t *ret_len)
{
    const struct item *item = node;
    (void)arg;
    if (strcmp(name, "data") != 0 || !item)
        abort();
    *ret_bytes = item->bytes;
    *ret_len = item->len;
    return PIPC_OK;
}

static pipc_result give_list(void *arg, pipc_node node, const char *name, uint32_t *ret_count)
{
    const struct told *t = arg;
    (void)node;
    (void)name;
    *ret_count = t->item_count;
    return PIPC_OK;
}

static pipc_result give_item(void *arg, pipc_node node, const char *name, uint32_t index,
                             pipc_node *ret_item)
{
    const struct told *t = arg;
    if (node || strcmp(name, "items") != 0 || index >= t->item_count)
        abort();
    *ret_item = &t->items[index];
    return PIPC_OK;
}

static size_t room_of(const struct told *t)
{
    size_t room = 64;
    for (uint32_t i = 0; i < t->item_count; i++)
        room += 8 + (size_t)pipc_align8(t->items[i].len);
    return room;
}

/* Builds what was told; the walk over it tells the same once more. */
static void build_again(const char *structure, struct told *t, const uint8_t *bytes)
{
    const struct pipc_fields fields = {.size = sizeof(fields),
                                       .arg = t,
                                       .number = give_number,
                                       .string = give_string,
                                       .list = give_list,
                                       .item = give_item};
    const size_t cap = room_of(t);
    uint8_t *buf = malloc(cap);
    size_t len = 0;
    if (!buf)
        abort();
    memset(buf, 0xff, cap);
    if (pipc_wire_build(structure, &fields, buf, cap, &len) != PIPC_OK)
        abort();
    if (strcmp(structure, "batch") == 0) {
        if (pipc_batch_check(buf, len, t->item_count) != PIPC_OK)
            abort();
    } else if (strcmp(structure, "hello_ack") == 0) {
        /* The padding is not told. */
        if (memcmp(buf, bytes, 36) != 0 || memcmp(buf + 40, bytes + 40, 8) != 0)
            abort();
    } else if (memcmp(buf, bytes, len) != 0) {
        abort();
    }
    free(buf);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    struct told told;
    uint32_t item_count;
    if (len < 5)
        return;
    memset(&told, 0, sizeof(told));
    const struct pipc_visitor visitor = {.size = sizeof(visitor),
                                         .arg = &told,
                                         .number = on_number,
                                         .string = on_string,
                                         .blob = on_blob,
                                         .begin_list = on_begin_list,
                                         .begin_item = on_begin_item,
                                         .end_item = on_end_item,
                                         .end_list = on_end_list};
    const char *structure = names[data[0] % (sizeof(names) / sizeof(names[0]))];
    memcpy(&item_count, data + 1, 4);
    if (pipc_wire_walk(structure, data + 5, len - 5, item_count, &visitor) != PIPC_OK) {
        if (told.number_count || told.item_count)
            abort();
        return;
    }
    if (told.in_list || told.in_item)
        abort();
    if (told.item_count <= ITEMS)
        build_again(structure, &told, data + 5);
}
