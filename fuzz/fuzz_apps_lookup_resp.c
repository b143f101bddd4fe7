/* SPDX-License-Identifier: Apache-2.0
 *
 * APPS_LOOKUP, response: decode, check and walk agree; what decodes is built anew and assembled
 * anew, and tells the same again, as does a copy.
 */
#include "lookup_walk.h"

#include <pipc/codecs/apps_lookup.h>

static const struct pipc_codec_ops *ops(void)
{
    return (const struct pipc_codec_ops *)pipc_module_apps_lookup.ops;
}

static const struct pipc_apps_lookup_table *table(void)
{
    return pipc_apps_lookup_linked();
}

static const struct pipc_allocator allocator = {
    .size = sizeof(allocator), .alloc = take, .free = give};

/* The items of an owned copy, built within exactly the room that they need. */
static void check_build(const struct pipc_apps_lookup *copy, size_t room, const struct told *told)
{
    struct pipc_apps_lookup_builder builder;
    unsigned char *bytes = take_block(room);
    must(pipc_apps_lookup_builder_init(table(), &builder, bytes, room, copy->item_count,
                                       copy->generation) == PIPC_OK);
    for (uint32_t i = 0; i < copy->item_count; i++)
        must(pipc_apps_lookup_builder_add(&builder, &copy->items[i]) == PIPC_OK);
    must(builder.state.cut == 0);
    const size_t len = pipc_apps_lookup_builder_finish(&builder);
    must(len > 0 && len <= room);
    same_walk(ops()->walk_response, bytes, len, told);
    free(bytes);
}

static void check_assemble(const struct pipc_apps_lookup_view *view, const struct told *told)
{
    struct pipc_lookup_raw *raw = take_block(view->item_count * sizeof(*raw));
    size_t len = 0;
    for (uint32_t i = 0; i < view->item_count; i++)
        must(pipc_apps_lookup_raw_item(view, i, &raw[i]) == PIPC_OK);
    const size_t size = (size_t)ops()->lookup->response_add(16, raw, view->item_count);
    unsigned char *bytes = take_block(size);
    must(size <= view->payload_len);
    must(pipc_apps_lookup_assemble(table(), raw, view->item_count, view->generation, bytes, size,
                                   &len) == PIPC_OK &&
         len == size);
    same_walk(ops()->walk_response, bytes, len, told);
    free(bytes);
    free(raw);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    struct pipc_apps_lookup_view view;
    struct pipc_apps_lookup_item_view item;
    struct pipc_apps_lookup *copy = NULL;
    struct told told;
    const pipc_result r = pipc_apps_lookup_decode(table(), data, len, &view);
    must(ops()->check_response(data, len) == r);
    must(tell(ops()->walk_response, data, len, &told) == r);
    if (r != PIPC_OK) {
        must(told.items == 0 && told.lists == 0);
        return;
    }
    must(told.lists == view.item_count + 1);
    must(pipc_apps_lookup_item(&view, view.item_count, &item) == PIPC_ERR_OUT_OF_BOUNDS);
    must(pipc_apps_lookup_copy(&view, &allocator, &copy) == PIPC_OK);
    check_assemble(&view, &told);
    /* Canonical items are not longer than those that were received. */
    check_build(copy, len, &told);
    pipc_apps_lookup_free(&allocator, copy);
}
