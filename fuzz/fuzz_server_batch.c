/* SPDX-License-Identifier: Apache-2.0
 *
 * Batch requests on the server: any item count, response limit and payload. A codec that echoes its
 * items runs over them; what is answered must be a sound batch of the same items, within the limit.
 *
 * Input: u16 response limit, u32 item count, then the payload.
 */
#include "fuzz.h"

#include "core/service/server.h"

#include <stdlib.h>
#include <string.h>

static pipc_result echo(const struct pipc_dispatch *dispatch,
                        struct pipc_dispatched *ret_dispatched)
{
    if (dispatch->request_len > 0 && *(const uint8_t *)dispatch->request == 0xee) {
        ret_dispatched->stage = PIPC_STAGE_REQUEST;
        return PIPC_ERR_BAD_LAYOUT;
    }
    if (dispatch->request_len > dispatch->response_cap) {
        ret_dispatched->stage = PIPC_STAGE_FINISH;
        ret_dispatched->needed = dispatch->request_len;
        return PIPC_ERR_OVERFLOW;
    }
    if (dispatch->request_len)
        memcpy(dispatch->response, dispatch->request, dispatch->request_len);
    ret_dispatched->response_len = dispatch->request_len;
    return PIPC_OK;
}

/* The answer holds the items of the request. */
static void compare(const struct pipc_message *request, const uint8_t *response, size_t len)
{
    for (uint32_t i = 0; i < request->item_count; i++) {
        const void *asked = NULL, *got = NULL;
        size_t asked_len = 0, got_len = 0;
        if (pipc_batch_item(request->payload, request->payload_len, request->item_count, i, &asked,
                            &asked_len) != PIPC_OK ||
            pipc_batch_item(response, len, request->item_count, i, &got, &got_len) != PIPC_OK ||
            asked_len != got_len || (got_len && memcmp(asked, got, got_len) != 0))
            abort();
    }
}

void fuzz_one(const uint8_t *data, size_t len)
{
    static const struct pipci_codec codec = {.name = "echo", .ops = {.dispatch = echo}};
    struct pipc_server server = {.codec = &codec};
    struct pipci_worker worker = {.server = &server};
    struct pipc_message request = {.size = sizeof(request), .flags = PIPC_FLAG_BATCH};
    uint16_t limit = 0;
    if (len < 6)
        return;
    memcpy(&limit, data, 2);
    memcpy(&request.item_count, data + 2, 4);
    request.payload = data + 6;
    request.payload_len = len - 6;
    if (request.item_count == 0)
        return; /* told before */
    uint8_t *room = malloc(limit ? limit : 1);
    if (!room)
        abort();
    size_t response_len = 0;
    uint64_t needed = 0;
    const uint16_t status =
        pipci_dispatch_batch(&worker, &request, room, limit, &response_len, &needed);
    if (status == PIPC_STATUS_OK) {
        if (response_len > limit)
            abort();
        compare(&request, room, response_len);
    } else if (status != PIPC_STATUS_BAD_ENVELOPE && status != PIPC_STATUS_LIMIT_EXCEEDED) {
        abort();
    }
    free(room);
}
