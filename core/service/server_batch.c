/* SPDX-License-Identifier: Apache-2.0
 *
 * Batch requests: split, run item by item, put together again (docs/level2-typed-api.md 10.7).
 *
 * Every item is built at its final place, with what is left of the response limit as its room. The
 * first failing item decides for the whole message. On the session's thread.
 */
#include "server.h"

/* Item `index` of the request into the batch under construction. */
static uint16_t run_item(struct pipci_worker *worker, const struct pipc_message *request,
                         uint32_t index, struct pipc_batch_builder *builder, uint64_t *ret_needed)
{
    const void *item = NULL;
    size_t item_len = 0, room_len = 0, len = 0;
    if (pipc_batch_item(request->payload, request->payload_len, request->item_count, index, &item,
                        &item_len) != PIPC_OK)
        return PIPC_STATUS_BAD_ENVELOPE;
    void *room = pipc_batch_room(builder, &room_len);
    if (!room) { /* an item of no bytes may still fit */
        room = builder->buf;
        room_len = 0;
    }
    const uint16_t status =
        pipci_dispatch_one(worker, item, item_len, room, room_len, &len, ret_needed);
    if (status != PIPC_STATUS_OK) {
        if (*ret_needed)
            *ret_needed += (uint64_t)((uint8_t *)room - builder->buf);
        return status;
    }
    return pipc_batch_add(builder, room, len) == PIPC_OK ? PIPC_STATUS_OK
                                                         : PIPC_STATUS_LIMIT_EXCEEDED;
}

/* All items at once, where their message type, the request and the room allow that. False: one by
 * one. */
static bool run_uniform(struct pipci_worker *worker, const struct pipc_message *request, void *room,
                        size_t room_len, size_t *ret_len, uint16_t *ret_status)
{
    const struct pipc_uniform_hooks *hooks = worker->server->codec->ops.uniform;
    const uint32_t count = request->item_count;
    void *answers = NULL;
    if (!hooks || request->uniform_len != hooks->request_len)
        return false;
    const void *const items =
        (const uint8_t *)request->payload + (size_t)count * PIPC_BATCH_ENTRY_LEN;
    const size_t len =
        pipc_batch_uniform_begin(room, room_len, count, hooks->response_len, &answers);
    if (!len)
        return false;
    *ret_status = pipci_dispatch_uniform(worker, items, count, answers);
    *ret_len = len;
    return true;
}

uint16_t pipci_dispatch_batch(struct pipci_worker *worker, const struct pipc_message *request,
                              void *room, size_t room_len, size_t *ret_len, uint64_t *ret_needed)
{
    struct pipc_batch_builder builder;
    uint16_t uniform_status;
    if (run_uniform(worker, request, room, room_len, ret_len, &uniform_status))
        return uniform_status;
    pipc_batch_begin(&builder, room, room_len, request->item_count);
    for (uint32_t i = 0; i < request->item_count; i++) {
        const uint16_t status = run_item(worker, request, i, &builder, ret_needed);
        if (status != PIPC_STATUS_OK)
            return status;
    }
    *ret_len = pipc_batch_finish(&builder);
    return PIPC_STATUS_OK;
}
