/* SPDX-License-Identifier: Apache-2.0
 *
 * Level 1, private: what sessions, listeners and handshakes are made of, and the functions that the
 * files of this folder share. Nothing above includes this; it uses pipc/session.h and internal.h.
 *
 * A session, a handshake and a listener are each used by one thread at a time; what a listener
 * shares with its handshakes (struct pipci_site) is read-only but for two atomic counters.
 */
#ifndef PIPCI_SESSION_H
#define PIPCI_SESSION_H

#include "../module/context.h"
#include "inflight.h"
#include "internal.h"

/* ---- settings.c ---- */

/* Settings of one handshake with every default applied and masks filtered. */
struct pipci_settings {
    uint32_t supported; /* withdrawn bits are out already */
    uint32_t preferred;
    uint32_t
        asked; /* supported before withdrawn bits were taken out: tells why a plane is missing */
    uint32_t withdrawn;
    uint32_t request_bytes;
    uint32_t request_items;
    uint32_t response_bytes;
    uint32_t response_items;
    uint32_t packet_size; /* wish; 0: the transport's own */
    uint32_t max_in_flight;
    uint32_t response_ceiling;
    uint32_t attach_timeout_ms;
    uint32_t handshake_timeout_ms;
    uint32_t message_timeout_ms;
    uint64_t token;
    uint64_t room_bytes;
    void *slot_arg;
    pipc_result (*slot_take)(void *arg);
    void (*slot_give)(void *arg);
};

/* Copies as much of the caller's settings as both sides know; NULL: nothing given. */
void pipci_session_settings_copy(struct pipc_session_settings *to,
                                 const struct pipc_session_settings *from);
/* Values of `over` that are given replace those of `base`. */
void pipci_settings_overlay(struct pipc_session_settings *base,
                            const struct pipc_session_settings *over);
/* What was given over what the configuration says over the defaults. PIPC_ERR_BAD_PARAM names the
 * value. */
pipc_result pipci_settings_resolve(const struct pipci_service *service,
                                   const struct pipc_session_settings *given,
                                   struct pipci_settings *ret_settings, struct pipc_error *err);
/* run_dir NULL: the configured one. PIPC_ERR_BAD_PARAM when there is none or it is empty. */
pipc_result pipci_endpoint_make(const struct pipci_service *service, const char *run_dir,
                                const char *name, struct pipc_endpoint *ret_endpoint,
                                struct pipc_error *err);

/* ---- select.c ---- */

/* Which data planes one handshake can still use, and why the first of the list cannot. */
struct pipci_choice {
    const struct pipci_service *service;
    uint32_t mask;
    char why[PIPC_ERROR_TEXT_LEN]; /* why the first plane's bits left the mask; "" while they did
                                      not */
    char later_why[PIPCI_PLANES_MAX][96]; /* the same of those behind it, for the log */
};

/* Starts with the bits that the modules can run on this connection. */
void pipci_choice_begin(struct pipci_choice *choice, uint32_t role,
                        const struct pipci_service *service, const struct pipci_settings *settings,
                        const struct pipc_endpoint *endpoint, const struct pipc_carrier *carrier);
/* Takes bits out; `why` is kept of the planes that lose theirs. */
void pipci_choice_drop(struct pipci_choice *choice, uint32_t bits, const char *why);
/* The selection rule of wire 6.2: one bit of `common`, which is not 0. */
uint32_t pipci_select_bit(uint32_t common, uint32_t client_preferred, uint32_t server_preferred);
/* The upgrade that runs this bit; NULL if there is none. */
const struct pipci_transport *pipci_plane_of(const struct pipci_service *service, uint32_t bit);
/* Fills the session's "passed over" from the list and the outcome, and logs what was not said of
 * this service yet. */
void pipci_choice_explain(const struct pipci_choice *choice, const struct pipci_settings *settings,
                          const char *service, struct pipc_session *session);

/* ---- session ---- */

/* The message being received, and the buffer that it is put together in. */
struct pipci_inbound {
    uint8_t *bytes; /* payload of the last or the current message; kept for reuse; in front of it
                       lies room for a header, so that a first packet is taken in one piece */
    uint32_t cap;   /* of the payload, never above its inbound limit */
    uint32_t first; /* payload bytes that a first packet can hold */
    bool active;    /* a first packet came, chunks are missing; written as an atomic */
    bool kept;      /* it was kept by PIPC_NOW: `deadline_ns` counts */
    uint32_t have;
    uint32_t index; /* of the next chunk */
    uint32_t count; /* of packets */
    uint32_t uniform_len;
    uint64_t started_ns;
    uint64_t deadline_ns;
    struct pipc_header header;
};

/* What PIPC_NOW took and could not send: the rest of one message, from the next chunk on. */
struct pipci_outbox {
    uint8_t *bytes;
    uint32_t cap;
    uint32_t len;
    uint32_t pos;
    bool pending;
    struct pipc_chunk chunk; /* header of the next packet, but for its length */
    uint64_t deadline_ns;
};

struct pipc_session {
    struct pipc_context *context;
    const struct pipc_allocator *memory;
    uint64_t process;
    uint32_t role;
    uint32_t state;
    const struct pipci_transport *plane; /* carries messages */
    void *channel;
    struct pipc_carrier carrier; /* its channel is `channel` too without an upgrade */
    bool upgraded;
    bool whole;     /* the plane never chunks */
    bool single;    /* one request at a time */
    bool answered;  /* refused: the one answer is gone */
    bool last_look; /* broken by a send: one receive may still find a response */
    uint32_t packet_size;
    uint32_t packet_max; /* largest packet of the plane, when it never chunks */
    uint32_t out_bytes, out_items;
    uint32_t out_limit;  /* payload of a message that may be sent */
    uint32_t out_packet; /* payload of one that goes in one packet, never above the limit */
    uint32_t in_bytes, in_items;
    uint32_t refused_code;
    uint64_t refused_id;
    uint16_t out_kind, in_kind; /* of messages: what the role sends and gets */
    uint32_t max_in_flight;
    uint32_t message_timeout_ms;
    uint8_t *room; /* from reserve, header included; NULL: none */
    size_t room_len;
    struct pipci_inbound in;
    struct pipci_outbox out;
    struct pipci_inflight ids;
    uint64_t session_id;
    uint32_t selected;
    uint32_t peer_profiles;
    struct pipc_error broken; /* first error */
    bool degraded;
    char passed_over[32];
    char passed_over_why[PIPC_ERROR_TEXT_LEN];
    char name[96]; /* for sentences: service and session id */
};

/* Empty session of a context; freed by pipc_session_close. NULL: no memory. The carrier's channel
 * belongs to it from here on. */
struct pipc_session *pipci_session_new(struct pipc_context *context, uint32_t role,
                                       const struct pipci_transport *carrier, void *channel);
/* Agreed values, and the plane that carries messages (NULL: the carrier does). */
void pipci_session_open(struct pipc_session *session, const struct pipc_hello_ack *ack,
                        const struct pipci_transport *upgrade, void *upgrade_channel,
                        const struct pipci_settings *settings, const char *service);

/* Breaks the session for good; the first error is kept. Returns `result` with err filled. */
pipc_result pipci_session_break(struct pipc_session *session, struct pipc_error *err,
                                pipc_result result, int32_t os_code, const char *format, ...)
    PIPCI_PRINTF(5, 6) PIPCI_COLD;
/* The same for a result of a channel; `cause` is what the channel wrote. */
pipc_result pipci_session_break_by(struct pipc_session *session, struct pipc_error *err,
                                   pipc_result result, const struct pipc_error *cause) PIPCI_COLD;
/* A result that changes nothing. */
pipc_result pipci_session_report(const struct pipc_session *session, struct pipc_error *err,
                                 pipc_result result, const struct pipc_error *cause) PIPCI_COLD;
/* PIPC_ERR_BROKEN, with the first error's sentence. */
pipc_result pipci_session_say_broken(const struct pipc_session *session,
                                     struct pipc_error *err) PIPCI_COLD;

/* An error record of our own for a channel to write into, cheap to prepare. */
static inline void pipci_cause_init(struct pipc_error *cause)
{
    cause->size = (uint32_t)sizeof(*cause);
    cause->result = PIPC_OK;
    cause->os_code = 0;
    cause->peer_status = 0;
    cause->text[0] = '\0';
}

/* ---- outbox.c ---- */

/* Keeps the rest of a message whose first packets are gone. PIPC_ERR_ALLOC. */
pipc_result pipci_outbox_keep(struct pipc_session *session, const struct pipc_chunk *next,
                              const uint8_t *rest, uint32_t len);
/* Sends what is kept. PIPC_OK: nothing is left. TIMEOUT, ABORTED, BAD_PARAM: something is, session
 * open; else broken. */
pipc_result pipci_outbox_flush(struct pipc_session *session, const struct pipc_wait *wait,
                               struct pipc_error *err);
/* What a refused or broken session says. A refused one lets out what is left of its answer before:
 * results of a flush. */
pipc_result pipci_outbox_say_broken(struct pipc_session *session, const struct pipc_wait *wait,
                                    struct pipc_error *err);
/* Takes one packet while something is kept: lets it out as room comes. Results as the channel's
 * receive, or broken. */
pipc_result pipci_outbox_receive(struct pipc_session *session, const struct pipc_piece *pieces,
                                 uint32_t count, const struct pipc_wait *wait,
                                 struct pipc_received *ret_received, struct pipc_error *cause,
                                 struct pipc_error *err);
/* Breaks a session whose kept message, of either direction, is out of time. */
pipc_result pipci_session_check_clocks(struct pipc_session *session, struct pipc_error *err);

/* ---- chunks.c ---- */

/* Sends one packet of a message: 32 bytes of header and a slice of the payload. */
pipc_result pipci_packet_send(struct pipc_session *session, const uint8_t *head,
                              const uint8_t *payload, uint32_t len, const struct pipc_wait *wait,
                              struct pipc_error *cause);
/* Takes one packet: 32 bytes into head, up to `len` into `payload`, which may lie right behind. A
 * result that the caller has to judge with `cause`; *ret_broken is set when the session broke over
 * it already, err is filled then. */
pipc_result pipci_packet_receive(struct pipc_session *session, uint8_t *head, uint8_t *payload,
                                 uint32_t len, const struct pipc_wait *wait,
                                 struct pipc_received *ret_received, struct pipc_error *cause,
                                 struct pipc_error *err, bool *ret_broken);
/* The chunks of the active inbound message (wire 4.3). PIPC_OK: complete. TIMEOUT with the session
 * open only for PIPC_NOW. */
pipc_result pipci_chunks_receive(struct pipc_session *session, const struct pipc_wait *wait,
                                 uint64_t message_timeout_ms, struct pipc_error *err);
/* Room for `len` payload bytes of which `keep` are there already. */
bool pipci_inbound_room(struct pipc_session *session, uint32_t len, uint32_t keep);
void pipci_inbound_free(struct pipc_session *session);

/* ---- listener.c, handshake_*.c ---- */

/* What a listener shares with its handshakes; lives as long as the last of them. */
struct pipci_site {
    uint32_t refs; /* atomic */
    uint32_t padding;
    uint64_t last_id; /* atomic */
    uint64_t process;
    struct pipc_context *context;
    const struct pipc_allocator *memory;
    struct pipci_service service;
    struct pipc_session_settings given;
    struct pipc_endpoint endpoint; /* strings behind the struct, or the next one */
    char *whole_dir;               /* run_dir, when it was relative */
};

struct pipc_handshake {
    struct pipci_site *site;
    void *channel;
    uint64_t deadline_ns;
    /* Set once the HELLO has been judged and taken: the answer has to go out. */
    struct pipc_session *session;
    uint8_t answer[PIPC_HANDSHAKE_BUF_LEN];
    uint32_t answer_len;
    void *slot_arg;
    void (*slot_give)(void *arg); /* NULL: no slot held */
};

void pipci_site_release(struct pipci_site *site);
uint64_t pipci_site_next_id(struct pipci_site *site);

/* Rows 2 to 16 of level1-transport.md 6.1, the sending of the answer excepted. On PIPC_OK
 * handshake->session and the answer are there. Rejections have been sent. */
pipc_result pipci_handshake_judge(struct pipc_handshake *handshake, const uint8_t *packet,
                                  size_t len, const struct pipc_session_settings *settings,
                                  struct pipc_error *err);

/* Fields of an outer header that a handshake judges itself. */
struct pipci_handshake_head {
    uint32_t magic;
    uint16_t version, header_len, kind, code, status;
};
/* `packet` holds at least 32 bytes. */
void pipci_handshake_head_read(const uint8_t *packet, struct pipci_handshake_head *ret_head);
/* Whether this packet of a handshake is too long for its carrier. */
bool pipci_handshake_is_cut(const struct pipc_transport_ops *carrier,
                            const struct pipc_received *received);
/* A control message; returns its length. `len` bytes of payload have been put at packet + 32. */
uint32_t pipci_handshake_head_write(uint8_t *packet, uint16_t code, uint16_t status, size_t len);

#endif
