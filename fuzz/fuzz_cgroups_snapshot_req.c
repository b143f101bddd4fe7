/* SPDX-License-Identifier: Apache-2.0
 *
 * CGROUPS_SNAPSHOT, request: only one beginning is accepted, and a dispatch runs its callback for
 * that one alone, whatever the room; the last byte of the input chooses the room and the number of
 * slots.
 */
#include "fuzz.h"

#include <pipc/codecs/cgroups_snapshot.h>

#include <stdlib.h>
#include <string.h>

static uint32_t provide(void *user, const struct pipc_request *from,
                        const struct pipc_cgroups_snapshot_request_view *request,
                        struct pipc_cgroups_snapshot_builder *builder)
{
    (void)from;
    *(int *)user = 1;
    if (request->layout_version != 1 || request->flags != 0)
        abort();
    return pipc_cgroups_snapshot_builder_add_text(builder, 1, 2, 3, "nm", "/p") == PIPC_OK;
}

static void dispatch(const uint8_t *data, size_t len, pipc_result verdict)
{
    int called = 0;
    const struct pipc_cgroups_snapshot_handler handler = {
        .size = sizeof(handler), .user = &called, .snapshot = provide};
    const size_t cap = len ? data[len - 1] : 0;
    const uint32_t slots = len ? data[len - 1] % 7 : 0;
    unsigned char *response = malloc(cap ? cap : 1);
    const struct pipc_dispatch d = {.size = sizeof(d),
                                    .max_items = slots,
                                    .handler = &handler,
                                    .request = data,
                                    .request_len = len,
                                    .response = response,
                                    .response_cap = cap};
    struct pipc_dispatched done = {.size = sizeof(done)};
    const struct pipc_codec_ops *ops =
        (const struct pipc_codec_ops *)pipc_module_cgroups_snapshot.ops;
    if (!response)
        abort();
    const pipc_result r = ops->dispatch(&d, &done);
    if (verdict != PIPC_OK && (r != verdict || done.stage != PIPC_STAGE_REQUEST || called))
        abort();
    if (verdict == PIPC_OK && r != PIPC_OK && r != PIPC_ERR_OVERFLOW)
        abort();
    if (r == PIPC_OK && (done.response_len != 24 + 8 + 38 ||
                         ops->check_response(response, done.response_len) != PIPC_OK))
        abort();
    free(response);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    static const uint16_t good[2] = {1, 0};
    struct pipc_cgroups_snapshot_request_view view;
    const pipc_result r =
        pipc_cgroups_snapshot_request_decode(pipc_cgroups_snapshot_linked(), data, len, &view);
    if (r != (len < 4                      ? PIPC_ERR_TRUNCATED
              : memcmp(data, good, 4) != 0 ? PIPC_ERR_BAD_LAYOUT
                                           : PIPC_OK))
        abort();
    dispatch(data, len, r);
}
