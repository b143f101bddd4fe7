/* SPDX-License-Identifier: Apache-2.0
 *
 * Private types and functions of this wrapper.
 *
 * One trace_instance per context; but for its counters it is immutable after init. A record is one
 * write to a file opened for appending, so channels of several threads, and several processes, may
 * share it. Channels belong to one thread at a time.
 */
#ifndef PIPC_TRACE_TRACE_H
#define PIPC_TRACE_TRACE_H

#include <pipc/transports/trace.h>
#include <pipc/wrapper.h>

#include <stdbool.h>

#define TRACE_LINE       8192u /* longest line; what does not fit is cut and told */
#define TRACE_DEPTH      16u   /* of lists in lists */
#define TRACE_SERVICE    64u   /* of a service's name that is shown */
#define TRACE_HEAD       32u   /* of every packet */
#define TRACE_PIECES_MAX 3u
#define TRACE_TOKEN_AT   64u /* in the packet of a HELLO */
#define TRACE_TOKEN_LEN  8u

enum trace_format { TRACE_TEXT, TRACE_JSON, TRACE_PCAPNG };

struct trace_instance {
    struct pipc_wrapped wrapped; /* first: pipc/wrapper.h */
    const struct pipc_host *host;
    enum trace_format format;
    int fd; /* -1: the log */
    bool fields;
    bool show_token;
    uint32_t packet_bytes;
    uint32_t message_bytes;
    uint32_t channels; /* atomic: made so far */
    uint32_t lost;     /* atomic: records that could not be written */
};

/* What a message's header tells. */
struct trace_message {
    uint64_t kind, flags, code, status, payload_len, items, id;
};

/* One direction of a channel: the message whose packets are under way. */
struct trace_flow {
    struct trace_message message;
    uint8_t *bytes; /* payload so far; NULL: not kept */
    size_t cap;
    uint64_t have, want; /* bytes of the payload; equal: nothing is under way */
    bool kept;
    const char *why_not; /* sentence, when it is not kept */
    uint64_t packets, packet_bytes;
};

struct trace_channel {
    struct pipc_wrapped_channel inner; /* first: pipc/wrapper.h */
    struct trace_instance *instance;
    uint32_t number;
    uint32_t role; /* PIPC_ROLE_... */
    bool ended;
    char service[TRACE_SERVICE];
    struct trace_flow flows[2]; /* sent, received */
    uint8_t *scratch;           /* a packet in one piece */
    size_t scratch_cap;
    char line[TRACE_LINE];
};

/* ---- line.c: one line, as text or as a JSON object ---- */

struct trace_line {
    char *buf;
    size_t cap, len;
    bool json;
    bool cut;   /* something did not fit; what came behind it is left out */
    bool comma; /* a separator comes before the next member */
    bool hide;  /* numbers named auth_token are not shown */
    uint32_t depth;
    char closers[TRACE_DEPTH];
};

void trace_line_begin(struct trace_line *line, char *buf, size_t cap, bool json);
/* Closes what is open. The length, without a line end; there is room for one. */
size_t trace_line_end(struct trace_line *line);
/* Text style only: words as they stand. */
void trace_line_words(struct trace_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void trace_line_number(struct trace_line *line, const char *name, uint64_t value);
void trace_line_text(struct trace_line *line, const char *name, const char *text);
void trace_line_string(struct trace_line *line, const char *name, const void *bytes, size_t len);
/* `opener` is { or [; name NULL: an element. */
void trace_line_open(struct trace_line *line, const char *name, char opener);
void trace_line_close(struct trace_line *line);
/* Shows fields in the line; ends a walk when the line is full. */
struct pipc_visitor trace_line_visitor(struct trace_line *line);

/* ---- packet.c: what a packet is ---- */

struct trace_packet {
    uint32_t event; /* PIPC_TRACE_... */
    bool cut;
    uint64_t time_us;
    const struct pipc_piece *pieces;
    uint32_t count;
    uint64_t len;
    uint8_t head[TRACE_HEAD];
    uint32_t head_len;
    enum { TRACE_OTHER, TRACE_FIRST, TRACE_CHUNK } what;
    struct trace_message message; /* of the packet's header, or of the message under way */
    uint64_t chunk_index, chunk_count;
    bool whole; /* the message is complete with this packet */
};

/* Copies at most `len` bytes from `offset` on; how many there were. */
size_t trace_gather(const struct trace_packet *packet, uint64_t offset, void *to, size_t len);
/* Judges the packet and puts it to its message. */
void trace_packet_take(struct trace_channel *channel, struct trace_packet *packet);

/* ---- fields.c: what a message says ---- */

/* Fields of the complete message in that flow, or why there are none. */
void trace_fields(const struct trace_channel *channel, const struct trace_flow *flow,
                  struct trace_line *line);
/* "hello", "request", ... */
const char *trace_kind_name(const struct trace_message *message);
/* What the codec of that message is usually called; NULL: no codec of its code is loaded. */
const char *trace_method_name(const struct trace_channel *channel,
                              const struct trace_message *message);

/* ---- record.c: from events to records ---- */

void trace_record_event(struct trace_channel *channel, uint32_t event);
/* `packet` has event, cut, time and pieces; the rest is found out. */
void trace_record_packet(struct trace_channel *channel, struct trace_packet *packet);

/* ---- pcapng.c ---- */

bool trace_pcapng_begin(int fd);
/* One frame; comment "" for none. */
bool trace_pcapng_frame(struct trace_channel *channel, const struct trace_packet *packet,
                        const char *comment, size_t comment_len);

/* ---- options.c, sink.c, wrap.c ---- */

pipc_result trace_instance_make(const struct pipc_host *host,
                                const struct pipc_option_value *values, uint32_t value_count,
                                void **ret_self, struct pipc_error *err);
void trace_instance_free(void *self);

pipc_result trace_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                       int os_code, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Opens the file for appending. PIPC_ERR_CONFIG. */
pipc_result trace_sink_open(struct trace_instance *instance, const char *path,
                            struct pipc_error *err);
/* One line to the file or to the log; `line` has room for a line end. */
void trace_sink_line(struct trace_instance *instance, char *line, size_t len);
void trace_sink_lost(struct trace_instance *instance, int os_code);
uint64_t trace_time_us(void);

pipc_result trace_accept(void *self, void *listener, const struct pipc_wait *wait,
                         void **ret_channel, struct pipc_error *err);
pipc_result trace_connect(void *self, const struct pipc_endpoint *endpoint,
                          const struct pipc_wait *wait, void **ret_channel, struct pipc_error *err);
pipc_result trace_offer(void *self, const struct pipc_endpoint *endpoint,
                        const struct pipc_carrier *carrier,
                        const struct pipc_upgrade_request *request, void **ret_channel,
                        struct pipc_upgrade_failure *ret_failure, struct pipc_error *err);
pipc_result trace_attach(void *self, const struct pipc_endpoint *endpoint,
                         const struct pipc_carrier *carrier,
                         const struct pipc_upgrade_request *request, const struct pipc_wait *wait,
                         void **ret_channel, struct pipc_upgrade_failure *ret_failure,
                         struct pipc_error *err);
pipc_result trace_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                       const struct pipc_wait *wait, struct pipc_error *err);
pipc_result trace_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                          const struct pipc_wait *wait, struct pipc_received *ret_received,
                          struct pipc_error *err);
void trace_close(void *channel, uint32_t flags);

#endif
