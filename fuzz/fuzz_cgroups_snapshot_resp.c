/* SPDX-License-Identifier: Apache-2.0
 *
 * CGROUPS_SNAPSHOT, response: typed access, check and walk agree; what decodes is built anew,
 * decodes again, and has the same fields; a copy has them too.
 */
#include "fuzz.h"

#include <pipc/codecs/cgroups_snapshot.h>

#include <stdlib.h>
#include <string.h>

/* Entries may name the same bytes again and again: what is built of them may be much larger. */
#define BUILT_MAX (1u << 20)

static const struct pipc_cgroups_snapshot_table *table(void)
{
    return pipc_cgroups_snapshot_linked();
}

static const struct pipc_codec_ops *ops(void)
{
    return (const struct pipc_codec_ops *)pipc_module_cgroups_snapshot.ops;
}

/* ---- walk ---- */

struct told {
    uint32_t items, strings;
    uint64_t string_bytes;
};

static pipc_result on_number(void *arg, const char *name, uint64_t value, uint32_t width)
{
    (void)arg;
    if (!name || (width < 8 && value >> (8 * width)))
        abort();
    return PIPC_OK;
}

static pipc_result on_string(void *arg, const char *name, const void *bytes, size_t len)
{
    struct told *t = arg;
    if (!name || ((const char *)bytes)[len] != '\0')
        abort();
    if (len > 0)
        fuzz_use(((const uint8_t *)bytes)[0] + ((const uint8_t *)bytes)[len - 1]);
    t->strings++;
    t->string_bytes += len;
    return PIPC_OK;
}

static pipc_result on_list(void *arg, const char *name, uint32_t count)
{
    (void)arg;
    (void)name;
    (void)count;
    return PIPC_OK;
}

static pipc_result on_item(void *arg)
{
    ((struct told *)arg)->items++;
    return PIPC_OK;
}

static pipc_result on_end(void *arg)
{
    (void)arg;
    return PIPC_OK;
}

static pipc_result walk(const uint8_t *data, size_t len, struct told *told)
{
    const struct pipc_visitor visitor = {.size = sizeof(visitor),
                                         .arg = told,
                                         .number = on_number,
                                         .string = on_string,
                                         .blob = on_string,
                                         .begin_list = on_list,
                                         .begin_item = on_item,
                                         .end_item = on_end,
                                         .end_list = on_end};
    return ops()->walk_response(data, len, &visitor);
}

/* ---- items ---- */

static int same(const struct pipc_str_view *a, const struct pipc_str_view *b)
{
    return a->len == b->len && memcmp(a->ptr, b->ptr, a->len) == 0;
}

/* Reads every item; tells what a build of them needs, and whether a string holds a NUL. */
static pipc_result read_all(const struct pipc_cgroups_snapshot_view *view, uint64_t *ret_size,
                            int *ret_nul)
{
    uint64_t size = 24 + 8 * (uint64_t)view->item_count;
    *ret_nul = 0;
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct pipc_cgroups_snapshot_item_view item;
        const pipc_result r = pipc_cgroups_snapshot_item(view, i, &item);
        if (r != PIPC_OK)
            return r;
        if (strlen(item.name.ptr) != item.name.len || strlen(item.path.ptr) != item.path.len)
            *ret_nul = 1;
        size = (size + 7) / 8 * 8 + 34 + item.name.len + item.path.len;
    }
    *ret_size = size;
    return PIPC_OK;
}

/* Builds the items anew with `spare` unused slots; returns the length, 0 on failure. */
static size_t rebuild(const struct pipc_cgroups_snapshot_view *view, unsigned char *buf, size_t cap,
                      uint32_t spare)
{
    struct pipc_cgroups_snapshot_builder builder;
    if (pipc_cgroups_snapshot_builder_init(table(), &builder, buf, cap, view->item_count + spare, 0,
                                           0) != PIPC_OK)
        return 0;
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct pipc_cgroups_snapshot_item_view item;
        if (pipc_cgroups_snapshot_item(view, i, &item) != PIPC_OK)
            abort();
        if (pipc_cgroups_snapshot_builder_add(&builder, item.hash, item.options, item.enabled,
                                              item.name, item.path) != PIPC_OK)
            break;
    }
    pipc_cgroups_snapshot_builder_set_header(&builder, view->systemd_enabled, view->generation);
    return pipc_cgroups_snapshot_builder_finish(&builder);
}

static void compare(const struct pipc_cgroups_snapshot_view *a,
                    const struct pipc_cgroups_snapshot_view *b)
{
    if (a->item_count != b->item_count || a->systemd_enabled != b->systemd_enabled ||
        a->generation != b->generation)
        abort();
    for (uint32_t i = 0; i < a->item_count; i++) {
        struct pipc_cgroups_snapshot_item_view x, y;
        if (pipc_cgroups_snapshot_item(a, i, &x) != PIPC_OK ||
            pipc_cgroups_snapshot_item(b, i, &y) != PIPC_OK || x.hash != y.hash ||
            x.options != y.options || x.enabled != y.enabled || !same(&x.name, &y.name) ||
            !same(&x.path, &y.path))
            abort();
    }
}

static void check_rebuild(const struct pipc_cgroups_snapshot_view *view, uint64_t size, int has_nul)
{
    struct pipc_cgroups_snapshot_view again;
    unsigned char *exact = malloc((size_t)size), *roomy = malloc((size_t)size + 24);
    if (!exact || !roomy)
        abort();
    memset(exact, 0xff, (size_t)size);
    memset(roomy, 0xff, (size_t)size + 24);
    const size_t len = rebuild(view, exact, (size_t)size, 0);
    if (len != (has_nul ? 0 : size))
        abort();
    if (len > 0) {
        if (pipc_cgroups_snapshot_decode(table(), exact, len, &again) != PIPC_OK)
            abort();
        compare(view, &again);
        if (rebuild(view, roomy, (size_t)size + 24, 3) != len || memcmp(exact, roomy, len) != 0)
            abort();
        if (rebuild(view, roomy, (size_t)size - 1, 0) != 0)
            abort();
    }
    free(exact);
    free(roomy);
}

/* ---- copies ---- */

static void *take(void *arg, size_t size)
{
    (void)arg;
    return malloc(size);
}

static void give(void *arg, void *ptr)
{
    (void)arg;
    free(ptr);
}

static void check_copy(const struct pipc_cgroups_snapshot_view *view, uint64_t string_bytes)
{
    const struct pipc_allocator allocator = {
        .size = sizeof(allocator), .alloc = take, .free = give};
    struct pipc_cgroups_snapshot *copy = NULL;
    const pipc_result r = pipc_cgroups_snapshot_copy(view, &allocator, &copy);
    if (r != (string_bytes > view->payload_len ? PIPC_ERR_BAD_LAYOUT : PIPC_OK))
        abort();
    for (uint32_t i = 0; r == PIPC_OK && i < copy->item_count; i++) {
        struct pipc_cgroups_snapshot_item_view item;
        if (pipc_cgroups_snapshot_item(view, i, &item) != PIPC_OK ||
            !same(&item.name, &copy->items[i].name) || !same(&item.path, &copy->items[i].path) ||
            copy->items[i].path.ptr[item.path.len] != '\0')
            abort();
    }
    pipc_cgroups_snapshot_free(&allocator, copy);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    struct pipc_cgroups_snapshot_view view;
    struct told told = {0};
    uint64_t size = 0;
    int has_nul = 0;
    pipc_result r = pipc_cgroups_snapshot_decode(table(), data, len, &view);
    if (r == PIPC_OK)
        r = read_all(&view, &size, &has_nul);
    if (ops()->check_response(data, len) != r || walk(data, len, &told) != r)
        abort();
    if (r != PIPC_OK) {
        if (told.items || told.strings)
            abort();
        return;
    }
    if (told.items != view.item_count || told.strings != 2 * view.item_count)
        abort();
    if (size <= BUILT_MAX)
        check_rebuild(&view, size, has_nul);
    check_copy(&view, told.string_bytes);
}
