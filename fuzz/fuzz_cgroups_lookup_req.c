/* SPDX-License-Identifier: Apache-2.0
 *
 * CGROUPS_LOOKUP, request: decode, check and walk agree; what decodes is encoded anew, decodes
 * again and has the same paths, as has a copy.
 */
#include "lookup_walk.h"

#include <pipc/codecs/cgroups_lookup.h>

static const struct pipc_codec_ops *ops(void)
{
    return (const struct pipc_codec_ops *)pipc_module_cgroups_lookup.ops;
}

static struct pipc_str_view *read_paths(const struct pipc_cgroups_lookup_request_view *view)
{
    struct pipc_str_view *paths = take_block(view->item_count * sizeof(*paths));
    struct pipc_cgroups_lookup_request_item_view key;
    for (uint32_t i = 0; i < view->item_count; i++) {
        must(pipc_cgroups_lookup_request_item(view, i, &key) == PIPC_OK);
        paths[i] = key.path;
    }
    must(pipc_cgroups_lookup_request_item(view, view->item_count, &key) == PIPC_ERR_OUT_OF_BOUNDS);
    return paths;
}

static void check_encode(const struct pipc_str_view *paths, uint32_t count, const struct told *told)
{
    const struct pipc_cgroups_lookup_table *table = pipc_cgroups_lookup_linked();
    uint64_t size = 0, fit_size = 0;
    size_t len = 0;
    must(pipc_cgroups_lookup_request_size(table, paths, count, &size) == PIPC_OK);
    must(ops()->lookup->check_keys(paths, count) == PIPC_OK);
    must(ops()->lookup->fit(paths, count, size, &fit_size) == count && fit_size == size);
    unsigned char *bytes = take_block((size_t)size);
    must(pipc_cgroups_lookup_request_encode(table, paths, count, bytes, (size_t)size - 1, &len) ==
         PIPC_ERR_OVERFLOW);
    must(pipc_cgroups_lookup_request_encode(table, paths, count, bytes, (size_t)size, &len) ==
             PIPC_OK &&
         len == size);
    same_walk(ops()->walk_request, bytes, len, told);
    free(bytes);
}

static void check_copy(const struct pipc_cgroups_lookup_request_view *view,
                       const struct pipc_str_view *paths)
{
    const struct pipc_allocator allocator = {
        .size = sizeof(allocator), .alloc = take, .free = give};
    struct pipc_cgroups_lookup_request *copy = NULL;
    must(pipc_cgroups_lookup_request_copy(view, &allocator, &copy) == PIPC_OK);
    must(copy->item_count == view->item_count);
    for (uint32_t i = 0; i < copy->item_count; i++)
        must(copy->paths[i].len == paths[i].len &&
             memcmp(copy->paths[i].ptr, paths[i].ptr, paths[i].len + 1) == 0);
    pipc_cgroups_lookup_request_free(&allocator, copy);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    struct pipc_cgroups_lookup_request_view view;
    struct told told;
    const pipc_result r =
        pipc_cgroups_lookup_request_decode(pipc_cgroups_lookup_linked(), data, len, &view);
    must(ops()->check_request(data, len) == r);
    must(tell(ops()->walk_request, data, len, &told) == r);
    if (r != PIPC_OK) {
        must(told.items == 0 && told.lists == 0);
        return;
    }
    must(told.items == view.item_count);
    struct pipc_str_view *paths = read_paths(&view);
    check_encode(paths, view.item_count, &told);
    check_copy(&view, paths);
    free(paths);
}
