/* SPDX-License-Identifier: Apache-2.0
 *
 * From what happens on a channel to records.
 *
 * A record that cannot be made or written is counted as lost; what the channel carries never
 * suffers from it. The channel's thread.
 */
#include "trace.h"

#include <pipc/wire.h>

#include <string.h>

static const char *event_name(uint32_t event)
{
    static const char *const names[] = {"", "sent", "received", "opened", "ended", "closed"};

    return names[event];
}

static const char *what_name(const struct trace_packet *packet)
{
    switch (packet->what) {
    case TRACE_FIRST:
        return trace_kind_name(&packet->message);
    case TRACE_CHUNK:
        return "chunk";
    default:
        return "unknown";
    }
}

/* ---- lines ---- */

static void begin_line(struct trace_channel *channel, struct trace_line *line,
                       const struct trace_packet *event)
{
    const bool json = channel->instance->format == TRACE_JSON;
    const char *const role = channel->role == PIPC_ROLE_SERVER ? "server" : "client";
    const uint64_t now = event->time_us;

    trace_line_begin(line, channel->line, sizeof(channel->line) - 1, json);
    if (!json) {
        trace_line_words(line, "%llu.%06llu %s %s %u %s", (unsigned long long)(now / 1000000u),
                         (unsigned long long)(now % 1000000u), channel->service, role,
                         (unsigned)channel->number, event_name(event->event));
        return;
    }
    trace_line_number(line, "time_us", now);
    trace_line_text(line, "service", channel->service);
    trace_line_text(line, "role", role);
    trace_line_number(line, "channel", channel->number);
    trace_line_text(line, "event", event_name(event->event));
}

static void head_text(const struct trace_channel *channel, const struct trace_packet *packet,
                      struct trace_line *line)
{
    const struct trace_message *const m = &packet->message;
    const char *const method = trace_method_name(channel, m);

    trace_line_words(line, " %s", what_name(packet));
    if (packet->what == TRACE_CHUNK)
        trace_line_words(line, " %llu of %llu", (unsigned long long)packet->chunk_index + 1,
                         (unsigned long long)packet->chunk_count);
    if (packet->what != TRACE_OTHER && m->kind != PIPC_KIND_CONTROL) {
        trace_line_words(line, " %llu", (unsigned long long)m->id);
        if (method)
            trace_line_words(line, " %.64s", method);
        else
            trace_line_words(line, " code %llu", (unsigned long long)m->code);
        if (m->flags & PIPC_FLAG_BATCH)
            trace_line_words(line, " batch of %llu", (unsigned long long)m->items);
    }
    if (m->status != PIPC_STATUS_OK)
        trace_line_words(line, " status %llu", (unsigned long long)m->status);
    trace_line_words(line, ", %llu bytes%s:", (unsigned long long)packet->len,
                     packet->cut ? ", cut off" : "");
    line->comma = true;
}

static void head_json(const struct trace_channel *channel, const struct trace_packet *packet,
                      struct trace_line *line)
{
    const struct pipc_host *const host = channel->instance->host;
    const struct pipc_visitor visitor = trace_line_visitor(line);
    const char *const method = trace_method_name(channel, &packet->message);

    trace_line_text(line, "what", what_name(packet));
    trace_line_number(line, "bytes", packet->len);
    if (packet->cut)
        trace_line_number(line, "cut_off", 1);
    if (packet->what == TRACE_OTHER)
        return;
    trace_line_open(line, packet->what == TRACE_CHUNK ? "chunk" : "header", '{');
    (void)host->wire_walk(host, packet->what == TRACE_CHUNK ? "chunk" : "header", packet->head,
                          packet->head_len, &visitor);
    trace_line_close(line);
    if (method)
        trace_line_text(line, "method", method);
}

static void packet_line(struct trace_channel *channel, const struct trace_packet *packet)
{
    const struct trace_flow *const flow = &channel->flows[packet->event == PIPC_TRACE_RECEIVED];
    struct trace_line line;

    begin_line(channel, &line, packet);
    if (line.json)
        head_json(channel, packet, &line);
    else
        head_text(channel, packet, &line);
    if (packet->whole && line.json)
        trace_line_open(&line, "fields", '{');
    if (packet->whole)
        trace_fields(channel, flow, &line);
    trace_sink_line(channel->instance, channel->line, trace_line_end(&line));
}

static void event_line(struct trace_channel *channel, const struct trace_packet *event)
{
    const struct trace_flow *const sent = &channel->flows[0], *const received = &channel->flows[1];
    struct trace_line line;

    begin_line(channel, &line, event);
    if (event->event == PIPC_TRACE_CLOSED && line.json) {
        trace_line_number(&line, "sent_packets", sent->packets);
        trace_line_number(&line, "sent_bytes", sent->packet_bytes);
        trace_line_number(&line, "received_packets", received->packets);
        trace_line_number(&line, "received_bytes", received->packet_bytes);
    } else if (event->event == PIPC_TRACE_CLOSED) {
        trace_line_words(&line, ": %llu packets of %llu bytes sent, %llu of %llu received",
                         (unsigned long long)sent->packets, (unsigned long long)sent->packet_bytes,
                         (unsigned long long)received->packets,
                         (unsigned long long)received->packet_bytes);
    }
    trace_sink_line(channel->instance, channel->line, trace_line_end(&line));
}

/* ---- frames ---- */

static void frame(struct trace_channel *channel, const struct trace_packet *packet)
{
    const struct trace_flow *const flow = &channel->flows[packet->event == PIPC_TRACE_RECEIVED];
    struct trace_line line;
    size_t len = 0;

    if (packet->whole && packet->what != TRACE_OTHER && channel->instance->fields) {
        trace_line_begin(&line, channel->line, sizeof(channel->line) - 1, false);
        trace_fields(channel, flow, &line);
        len = trace_line_end(&line);
    }
    if (!trace_pcapng_frame(channel, packet, channel->line, len))
        trace_sink_lost(channel->instance, 0);
}

void trace_record_event(struct trace_channel *channel, uint32_t event)
{
    const struct trace_packet none = {.event = event, .time_us = trace_time_us()};

    if (channel->instance->format == TRACE_PCAPNG)
        frame(channel, &none);
    else
        event_line(channel, &none);
}

void trace_record_packet(struct trace_channel *channel, struct trace_packet *packet)
{
    trace_packet_take(channel, packet);
    if (channel->instance->format == TRACE_PCAPNG)
        frame(channel, packet);
    else
        packet_line(channel, packet);
}
