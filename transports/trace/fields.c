/* SPDX-License-Identifier: Apache-2.0
 *
 * What a complete message says: handshakes through the host, payloads through the codec of their
 * method, batches item by item.
 *
 * A payload that cannot be decoded is told and harms nothing. The channel's thread.
 */
#include "trace.h"

#include <pipc/wire.h>

#include <string.h>

/* Bytes of a message, or of an item of its batch. */
struct part {
    const uint8_t *bytes;
    size_t len;
};

const char *trace_kind_name(const struct trace_message *message)
{
    switch (message->kind) {
    case PIPC_KIND_REQUEST:
        return "request";
    case PIPC_KIND_RESPONSE:
        return "response";
    default: /* PIPC_KIND_CONTROL; the host lets no other through */
        return message->code == PIPC_CODE_HELLO       ? "hello"
               : message->code == PIPC_CODE_HELLO_ACK ? "hello_ack"
                                                      : "control";
    }
}

static const struct pipc_codec_ops *codec_of(const struct trace_channel *channel,
                                             const struct trace_message *message)
{
    const struct pipc_host *const host = channel->instance->host;
    const struct pipc_codec_ops *ops = NULL;

    if (message->kind == PIPC_KIND_CONTROL ||
        host->find_codec(host, NULL, (uint32_t)message->code, &ops, NULL) != PIPC_OK)
        return NULL;
    return ops;
}

const char *trace_method_name(const struct trace_channel *channel,
                              const struct trace_message *message)
{
    const struct pipc_codec_ops *const ops = codec_of(channel, message);

    return ops ? ops->default_service : NULL;
}

/* The rest of a walk that ended early, and its reason. */
static void settle(const struct trace_channel *channel, struct trace_line *line, uint32_t depth,
                   pipc_result result)
{
    const struct pipc_host *const host = channel->instance->host;
    struct pipc_error err = PIPC_ERROR_INIT;

    while (line->depth > depth)
        trace_line_close(line);
    if (result == PIPC_OK || line->cut)
        return;
    host->error_set(host, &err, result, 0, NULL);
    trace_line_text(line, "not_decoded", err.text[0] ? err.text : "not by its codec");
}

static void show_part(const struct trace_channel *channel, const struct pipc_codec_ops *codec,
                      const struct trace_message *message, struct part part,
                      struct trace_line *line)
{
    const struct pipc_visitor visitor = trace_line_visitor(line);
    const uint32_t depth = line->depth;
    const pipc_result result = message->kind == PIPC_KIND_REQUEST
                                   ? codec->walk_request(part.bytes, part.len, &visitor)
                                   : codec->walk_response(part.bytes, part.len, &visitor);

    settle(channel, line, depth, result);
}

/* Item `index` of a batch: a directory of offset and length, 8 bytes each, then the items. */
static bool item_of(const struct trace_flow *flow, uint64_t index, struct part *ret_item)
{
    const uint64_t directory = flow->message.items * PIPC_BATCH_ENTRY_LEN;
    uint32_t entry[2];

    if (directory > flow->have)
        return false;
    memcpy(entry, flow->bytes + index * PIPC_BATCH_ENTRY_LEN, sizeof(entry));
    if ((uint64_t)entry[0] + entry[1] > flow->have - directory)
        return false;
    ret_item->bytes = flow->bytes + directory + entry[0];
    ret_item->len = entry[1];
    return true;
}

static void show_batch(const struct trace_channel *channel, const struct pipc_codec_ops *codec,
                       const struct trace_flow *flow, struct trace_line *line)
{
    struct part item;
    uint64_t i;

    trace_line_open(line, "items", '[');
    for (i = 0; i < flow->message.items && !line->cut; i++) {
        if (!item_of(flow, i, &item))
            break;
        trace_line_open(line, NULL, '{');
        show_part(channel, codec, &flow->message, item, line);
        if (!line->cut)
            trace_line_close(line);
    }
    if (line->cut)
        return;
    trace_line_close(line);
    if (i < flow->message.items)
        trace_line_number(line, "bad_item", i);
}

static void show_control(const struct trace_channel *channel, const struct trace_flow *flow,
                         struct trace_line *line)
{
    const struct pipc_host *const host = channel->instance->host;
    const struct pipc_visitor visitor = trace_line_visitor(line);
    const uint32_t depth = line->depth;

    line->hide = !channel->instance->show_token;
    settle(channel, line, depth,
           host->wire_walk(host, trace_kind_name(&flow->message), flow->bytes, (size_t)flow->have,
                           &visitor));
    line->hide = false;
}

void trace_fields(const struct trace_channel *channel, const struct trace_flow *flow,
                  struct trace_line *line)
{
    const struct trace_message *const message = &flow->message;
    const struct pipc_codec_ops *const codec = codec_of(channel, message);
    const struct part whole = {flow->bytes, (size_t)flow->have};

    if (!flow->kept) {
        if (*flow->why_not)
            trace_line_text(line, "not_decoded", flow->why_not);
    } else if (message->kind == PIPC_KIND_CONTROL) {
        show_control(channel, flow, line);
    } else if (message->status != PIPC_STATUS_OK) {
        return; /* a refusal says nothing but its status */
    } else if (!codec) {
        trace_line_text(line, "not_decoded", "no codec of this method is loaded");
    } else if (message->flags & PIPC_FLAG_BATCH) {
        show_batch(channel, codec, flow, line);
    } else {
        show_part(channel, codec, message, whole, line);
    }
}
