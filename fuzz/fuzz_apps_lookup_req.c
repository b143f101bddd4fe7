/* SPDX-License-Identifier: Apache-2.0
 *
 * APPS_LOOKUP, request: decode, check and walk agree; what decodes is encoded anew, decodes again
 * and has the same PIDs.
 */
#include "lookup_walk.h"

#include <pipc/codecs/apps_lookup.h>

static const struct pipc_codec_ops *ops(void)
{
    return (const struct pipc_codec_ops *)pipc_module_apps_lookup.ops;
}

void fuzz_one(const uint8_t *data, size_t len)
{
    const struct pipc_apps_lookup_table *table = pipc_apps_lookup_linked();
    struct pipc_apps_lookup_request_view view;
    struct pipc_apps_lookup_request_item_view key;
    struct told told;
    uint64_t fit_size = 0;
    size_t out_len = 0;
    const pipc_result r = pipc_apps_lookup_request_decode(table, data, len, &view);
    must(ops()->check_request(data, len) == r);
    must(tell(ops()->walk_request, data, len, &told) == r);
    if (r != PIPC_OK) {
        must(told.items == 0 && told.lists == 0);
        return;
    }
    must(told.items == view.item_count);
    uint32_t *pids = take_block(view.item_count * sizeof(*pids));
    for (uint32_t i = 0; i < view.item_count; i++) {
        must(pipc_apps_lookup_request_item(&view, i, &key) == PIPC_OK);
        pids[i] = key.pid;
    }
    must(pipc_apps_lookup_request_item(&view, view.item_count, &key) == PIPC_ERR_OUT_OF_BOUNDS);
    const size_t size = 16 + 16 * (size_t)view.item_count;
    must(ops()->lookup->fit(pids, view.item_count, size, &fit_size) == view.item_count &&
         fit_size == size);
    unsigned char *bytes = take_block(size);
    must(pipc_apps_lookup_request_encode(table, pids, view.item_count, bytes, size - 1, &out_len) ==
         PIPC_ERR_OVERFLOW);
    must(pipc_apps_lookup_request_encode(table, pids, view.item_count, bytes, size, &out_len) ==
             PIPC_OK &&
         out_len == size);
    same_walk(ops()->walk_request, bytes, size, &told);
    free(bytes);
    free(pids);
}
