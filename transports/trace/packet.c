/* SPDX-License-Identifier: Apache-2.0
 *
 * What a packet is, and to which message it belongs.
 *
 * The host decodes headers; nothing here knows their layout. The peer is not trusted: lengths are
 * compared before bytes are copied, and a packet that does not fit the message under way ends that
 * message. Payloads are put together only up to a bound. The channel's thread.
 */
#include "trace.h"

#include <string.h>

size_t trace_gather(const struct trace_packet *packet, uint64_t offset, void *to, size_t len)
{
    uint64_t at = 0;
    size_t done = 0;
    uint32_t i;

    for (i = 0; i < packet->count && done < len && at < packet->len; i++) {
        const struct pipc_piece *const piece = &packet->pieces[i];
        const uint64_t end =
            piece->len < packet->len - at ? at + piece->len : packet->len; /* of this piece */
        if (offset + done < end) {
            const uint64_t from = offset + done - at;
            const uint64_t left = end - at - from;
            const size_t part = left < len - done ? (size_t)left : len - done;
            memcpy((uint8_t *)to + done, (const uint8_t *)piece->base + from, part);
            done += part;
        }
        at = end;
    }
    return done;
}

/* ---- headers ---- */

/* Fields that are wanted of a structure, by name. */
struct wanted {
    const char *name;
    uint64_t *value;
};

static pipc_result take_number(void *arg, const char *name, uint64_t value, uint32_t width)
{
    const struct wanted *w;

    (void)width;
    for (w = arg; w->name; w++) {
        if (strcmp(w->name, name) == 0)
            *w->value = value;
    }
    return PIPC_OK;
}

static pipc_result take_bytes(void *arg, const char *name, const void *bytes, size_t len)
{
    (void)arg, (void)name, (void)bytes, (void)len;
    return PIPC_OK;
}

static pipc_result take_list(void *arg, const char *name, uint32_t count)
{
    (void)arg, (void)name, (void)count;
    return PIPC_OK;
}

static pipc_result take_mark(void *arg)
{
    (void)arg;
    return PIPC_OK;
}

static bool read_structure(const struct pipc_host *host, const char *structure,
                           const struct trace_packet *packet, struct wanted *wanted)
{
    const struct pipc_visitor visitor = {.size = sizeof(visitor),
                                         .arg = wanted,
                                         .number = take_number,
                                         .string = take_bytes,
                                         .blob = take_bytes,
                                         .begin_list = take_list,
                                         .begin_item = take_mark,
                                         .end_item = take_mark,
                                         .end_list = take_mark};

    return host->wire_walk(host, structure, packet->head, packet->head_len, &visitor) == PIPC_OK;
}

static bool read_header(const struct pipc_host *host, struct trace_packet *packet)
{
    struct trace_message m = {0};
    struct wanted wanted[] = {{"kind", &m.kind},
                              {"flags", &m.flags},
                              {"code", &m.code},
                              {"transport_status", &m.status},
                              {"payload_len", &m.payload_len},
                              {"item_count", &m.items},
                              {"message_id", &m.id},
                              {NULL, NULL}};

    if (!read_structure(host, "header", packet, wanted))
        return false;
    packet->message = m;
    return true;
}

static bool read_chunk(const struct pipc_host *host, struct trace_packet *packet, uint64_t *ret_id)
{
    struct wanted wanted[] = {{"message_id", ret_id},
                              {"chunk_index", &packet->chunk_index},
                              {"chunk_count", &packet->chunk_count},
                              {NULL, NULL}};

    return read_structure(host, "chunk", packet, wanted);
}

/* ---- messages ---- */

static bool room(struct trace_channel *channel, struct trace_flow *flow, size_t len)
{
    const struct pipc_host *const host = channel->instance->host;
    uint8_t *bytes;

    if (len <= flow->cap)
        return true;
    bytes = host->realloc(host, flow->bytes, len);
    if (!bytes)
        return false;
    flow->bytes = bytes;
    flow->cap = len;
    return true;
}

static void append(struct trace_flow *flow, const struct trace_packet *packet)
{
    const uint64_t payload = packet->len > TRACE_HEAD ? packet->len - TRACE_HEAD : 0;
    const uint64_t left = flow->want - flow->have;
    const uint64_t part = payload < left ? payload : left;

    if (flow->kept)
        (void)trace_gather(packet, TRACE_HEAD, flow->bytes + flow->have, (size_t)part);
    flow->have += part;
}

static void begin_message(struct trace_channel *channel, struct trace_flow *flow,
                          const struct trace_packet *packet)
{
    flow->message = packet->message;
    flow->want = packet->message.payload_len;
    flow->have = 0;
    flow->kept = false;
    flow->why_not = "";
    if (!channel->instance->fields)
        return;
    if (flow->want > channel->instance->message_bytes)
        flow->why_not = "longer than message_bytes";
    else if (!room(channel, flow, flow->want > 0 ? (size_t)flow->want : 1))
        flow->why_not = "no memory to put it together";
    else
        flow->kept = true;
}

void trace_packet_take(struct trace_channel *channel, struct trace_packet *packet)
{
    struct trace_flow *const flow = &channel->flows[packet->event == PIPC_TRACE_RECEIVED];
    const struct pipc_host *const host = channel->instance->host;
    uint64_t id = 0;

    flow->packets++;
    flow->packet_bytes += packet->len;
    packet->head_len = (uint32_t)trace_gather(packet, 0, packet->head, TRACE_HEAD);
    packet->what = TRACE_OTHER;
    if (read_header(host, packet)) {
        packet->what = TRACE_FIRST;
        begin_message(channel, flow, packet);
    } else if (read_chunk(host, packet, &id) && flow->have < flow->want && id == flow->message.id) {
        packet->what = TRACE_CHUNK;
        packet->message = flow->message;
    } else {
        flow->have = flow->want = 0;
        return;
    }
    append(flow, packet);
    packet->whole = flow->have == flow->want;
}
