/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed batch calls: several items of one kind in one message (docs/level2-typed-api.md 8).
 *
 * On the owner's thread. A batch succeeds or fails as a whole; on failure every output is zeroed.
 */
#include "client.h"

#include <string.h>

static const void *input_at(const struct pipci_call *call, uint32_t index)
{
    const size_t stride = call->codec->ops.call->input_size;

    return stride ? (const char *)call->input + index * stride : NULL;
}

static void *output_at(const struct pipci_call *call, uint32_t index)
{
    return (char *)call->output + index * (size_t)call->codec->ops.call->output_size;
}

/* ---- items of one length: all at once ---- */

static pipc_result encode_uniform(void *arg, void *buf, size_t cap, size_t *ret_len)
{
    const struct pipci_call *call = arg;
    const struct pipc_uniform_hooks *hooks = call->codec->ops.uniform;
    void *items = NULL;
    const size_t len = pipc_batch_uniform_begin(buf, cap, call->count, hooks->request_len, &items);

    if (!len) {
        return PIPC_ERR_OVERFLOW;
    }
    *ret_len = len;
    return hooks->encode(call->input, call->count, items);
}

/* ---- items of any length: one by one ---- */

static pipc_result encode_batch(void *arg, void *buf, size_t cap, size_t *ret_len)
{
    const struct pipci_call *call = arg;
    struct pipc_batch_builder builder;
    uint32_t i;

    pipc_batch_begin(&builder, buf, cap, call->count);
    for (i = 0; i < call->count; i++) {
        size_t room_len = 0;
        size_t len = 0;
        void *room = pipc_batch_room(&builder, &room_len);
        pipc_result result = PIPC_ERR_OVERFLOW;

        if (room) {
            result = call->codec->ops.call->encode(input_at(call, i), room, room_len, &len);
        }
        if (result == PIPC_OK) {
            result = pipc_batch_add(&builder, room, len);
        }
        if (result != PIPC_OK) {
            return result;
        }
    }
    *ret_len = pipc_batch_finish(&builder);
    return PIPC_OK;
}

/* A server may pack items as it likes, so the length alone does not say how they lie. */
static const void *uniform_items(const struct pipci_call *call, const void *payload, size_t len)
{
    const struct pipc_uniform_hooks *hooks = call->codec->ops.uniform;

    (void)len; /* of a batch that Level 1 has checked */
    if (!hooks || call->client->response_uniform != hooks->response_len) {
        return NULL;
    }
    return (const char *)payload + (size_t)call->count * PIPC_BATCH_ENTRY_LEN;
}

static pipc_result decode_batch(void *arg, const void *payload, size_t len)
{
    const struct pipci_call *call = arg;
    const void *items = uniform_items(call, payload, len);
    pipc_result result = PIPC_OK;
    uint32_t i;

    if (items) {
        return call->codec->ops.uniform->decode(items, call->count, call->output);
    }
    for (i = 0; i < call->count && result == PIPC_OK; i++) {
        const void *item = NULL;
        size_t item_len = 0;

        result = pipc_batch_item(payload, len, call->count, i, &item, &item_len);
        if (result == PIPC_OK) {
            result = call->codec->ops.call->decode(item, item_len, output_at(call, i));
        }
    }
    return result;
}

/* Directory, items and their padding, the last one's included: what the builder makes of exactly
 * this room. */
static pipc_result batch_size(const struct pipci_call *call, uint64_t *ret_size)
{
    const struct pipc_uniform_hooks *hooks = call->codec->ops.uniform;
    uint64_t size = (uint64_t)call->count * PIPC_BATCH_ENTRY_LEN;
    uint32_t i;

    if (hooks) {
        *ret_size = size + (uint64_t)call->count * hooks->request_len;
        return PIPC_OK;
    }
    for (i = 0; i < call->count; i++) {
        uint64_t item = 0;
        const pipc_result result = call->codec->ops.call->request_size(input_at(call, i), &item);

        if (result != PIPC_OK) {
            return result;
        }
        item = item < PIPC_MSG_LEN_MAX ? item : PIPC_MSG_LEN_MAX;
        /* Stays far above anything that fits, in place of wrapping around. */
        if (size < UINT64_MAX / 2) {
            size += (item + PIPC_ALIGNMENT - 1) & ~(uint64_t)(PIPC_ALIGNMENT - 1);
        }
    }
    *ret_size = size;
    return PIPC_OK;
}

static pipc_result call_batch(struct pipci_call *call, uint32_t timeout_ms)
{
    struct pipc_client *client = call->client;
    const struct pipc_call_ops *ops = call->codec->ops.call;
    struct pipci_request request = {
        .code = call->codec->ops.code,
        .flags = PIPC_FLAG_BATCH,
        .item_count = call->count,
        .arg = call,
        .encode = call->codec->ops.uniform ? encode_uniform : encode_batch,
        .decode = decode_batch,
    };

    if (!ops->batch) {
        return pipci_fail(&client->failure, PIPC_ERR_BAD_PARAM, 0,
                          "service '%s': codec '%s' has no batch calls", client->service,
                          call->codec->name);
    }
    if (call->count == 0) {
        return PIPC_OK;
    }
    if (call->count == 1) {
        return pipci_call_single(call, timeout_ms);
    }
    if (!call->output || (ops->input_size && !call->input) ||
        batch_size(call, &request.size) != PIPC_OK) {
        return pipci_fail(&client->failure, PIPC_ERR_BAD_PARAM, 0,
                          "service '%s': wrong arguments of a batch call", client->service);
    }
    return pipci_call_run(client, &request, timeout_ms);
}

pipc_result pipc_client_call_batch(struct pipc_client *client, const char *codec,
                                   uint32_t table_major, const void *inputs, uint32_t count,
                                   void *ret_outputs, uint32_t timeout_ms, struct pipc_error *err)
{
    struct pipci_call call = {
        .client = client, .input = inputs, .output = ret_outputs, .count = count};
    pipc_result result;

    if (!client) {
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "no client to call");
    }
    result = pipci_call_open(client, codec, table_major, &call.codec);
    if (result == PIPC_OK) {
        result = call_batch(&call, timeout_ms);
    }
    if (result == PIPC_OK) {
        return PIPC_OK;
    }
    if (call.codec && ret_outputs) {
        memset(ret_outputs, 0, (size_t)count * call.codec->ops.call->output_size);
    }
    return pipci_call_failed(client, result, err);
}
