/* SPDX-License-Identifier: Apache-2.0
 *
 * Level 1: listeners, handshakes, sessions (docs/level1-transport.md).
 *
 * A session carries whole messages between two processes. Payloads are opaque. A session belongs to
 * one thread at a time; a listener too; different objects are independent. The one call for any
 * thread is pipc_session_interrupt.
 *
 * Timeouts are in milliseconds: 0 is no deadline, PIPC_NOW never blocks. `abort` is a handle that
 * aborts while readable (signalled); it is never consumed; PIPC_NO_HANDLE: none.
 */
#ifndef PIPC_SESSION_H
#define PIPC_SESSION_H

#include <pipc/context.h>
#include <pipc/types.h>
#include <pipc/wire.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIPC_HANDSHAKE_TIMEOUT_MS 5000u
#define PIPC_MESSAGE_TIMEOUT_MS \
    30000u /* time of a message from its first packet, when 0 is given */

struct pipc_listener;
struct pipc_handshake;
struct pipc_session;

/* What a side brings to the handshake (wire 6.1). 0 means the default; with a configuration, that
 * of the service. */
struct pipc_session_settings {
    uint32_t size;
    uint32_t supported_profiles; /* 0: the configured transports; bits that are not available are
                                    dropped */
    uint32_t preferred_profiles; /* counts only when supported_profiles is given */
    uint32_t max_request_payload_bytes;
    uint32_t max_request_batch_items;
    uint32_t max_response_payload_bytes;
    uint32_t max_response_batch_items;
    uint32_t packet_size;
    uint64_t auth_token;
    uint32_t auth_token_given;   /* 1: auth_token counts even if it is 0 */
    uint32_t withdrawn_profiles; /* client: bits left out of the proposal (after a failed attach) */
    uint32_t max_in_flight;      /* client: cap of ids in flight; 0: none */
    /* client: an agreed response limit above this ends the attempt with LIMIT_EXCEEDED; 0: none */
    uint32_t response_ceiling_bytes;
    /* client: time for attach tries; 0: 5000 */
    uint32_t attach_timeout_ms;
    uint32_t reserved;
    /* server: memory that regions of this session may take; UINT64_MAX or 0: no bound */
    uint64_t room_bytes;
    /* server: step 14a. Takes a session slot (PIPC_OK) or says PIPC_ERR_BUSY; gives it back when a
     * later step fails. NULL: always free. */
    void *slot_arg;
    pipc_result (*slot_take)(void *arg);
    void (*slot_give)(void *arg);
    /* server: time of a handshake from accept; 0: 5000 */
    uint32_t handshake_timeout_ms;
    /* time for the rest of a message that PIPC_NOW took but could not send at once; 0: 30000 */
    uint32_t message_timeout_ms;
};

/* ---- listener ---- */

/* Listens at {run_dir, service}; run_dir NULL: the configured one. Settings NULL: defaults.
 * PIPC_ERR_BAD_PARAM, PATH_TOO_LONG, ADDR_IN_USE, SOCKET, ALLOC, FORKED. Waits at most about a
 * second (probe, lock). Level 1, 4.1. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_listen(struct pipc_context *context, const char *run_dir,
                                                 const char *service,
                                                 const struct pipc_session_settings *settings,
                                                 struct pipc_listener **ret_listener,
                                                 struct pipc_error *err);

/* The same on a listening handle of somebody else (socket activation); on success the listener owns
 * it. Level 1, 4.1. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_listen_adopt(struct pipc_context *context,
                                                       const char *run_dir, const char *service,
                                                       const struct pipc_session_settings *settings,
                                                       pipc_handle handle,
                                                       struct pipc_listener **ret_listener,
                                                       struct pipc_error *err);

/* Takes one connection; its handshake has not begun. PIPC_ERR_TIMEOUT, ABORTED, ACCEPT (temporary),
 * BAD_PARAM, ALLOC, FORKED. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_accept_begin(struct pipc_listener *listener,
                                                       uint64_t timeout_ms, pipc_handle abort,
                                                       struct pipc_handshake **ret_handshake,
                                                       struct pipc_error *err);

/* Goes on with a server handshake, on any one thread. `settings` NULL: those of the listener;
 * values of 0 too. On PIPC_OK the handshake has become a session. PIPC_ERR_TIMEOUT with PIPC_NOW:
 * nothing there yet, call again when its handle is readable, and by its deadline; or the system has
 * no buffer for the answer, which no handle tells: call again a little later. Every other failure,
 * and a TIMEOUT of any other time or of its own deadline (5000 ms from accept), has closed and
 * freed it, with the result of 6.1 (probe: DISCONNECTED). *handshake is then NULL. */
PIPC_MUST_CHECK PIPC_API pipc_result
pipc_handshake_run(struct pipc_handshake **handshake, const struct pipc_session_settings *settings,
                   uint64_t timeout_ms, pipc_handle abort, struct pipc_session **ret_session,
                   struct pipc_error *err);

/* Handle that polls readable when the HELLO is there. */
PIPC_API pipc_handle pipc_handshake_wait_handle(const struct pipc_handshake *handshake);
/* Its deadline in nanoseconds of the monotonic clock. */
PIPC_API uint64_t pipc_handshake_deadline(const struct pipc_handshake *handshake);
/* Drops it without an answer. NULL is accepted. */
PIPC_API void pipc_handshake_close(struct pipc_handshake *handshake);

/* Both steps on this thread, for simple servers: waits for a client and for its HELLO (handshake
 * deadline). Failed handshakes are returned as they are; the listener stays usable. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_accept(struct pipc_listener *listener,
                                                 uint64_t timeout_ms, pipc_handle abort,
                                                 struct pipc_session **ret_session,
                                                 struct pipc_error *err);

/* Handle that polls readable while a client waits. */
PIPC_API pipc_handle pipc_listener_wait_handle(const struct pipc_listener *listener);

/* Stops listening, removes the endpoint if it is still ours; sessions live on. NULL is accepted. In
 * a forked child frees only. */
PIPC_API void pipc_listener_close(struct pipc_listener *listener);

/* ---- client ---- */

/* Connects and shakes hands; attaches the upgrade when one was selected. timeout_ms 0: 5000, for
 * connecting and handshake together. On PIPC_OK the session is open. On failure nothing stays open;
 * results of 6.2, CONNECT, SOCKET, TIMEOUT, ABORTED, BAD_PARAM, PATH_TOO_LONG, FORKED, ALLOC; after
 * a failed attach that result, and *ret_failure (may be NULL) says which bits to leave out of the
 * next attempt (`withdrawn_profiles`), and for how long; its bits are 0 after every other failure.
 * err->peer_status has the status of a rejection. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_connect(struct pipc_context *context, const char *run_dir,
                                                  const char *service,
                                                  const struct pipc_session_settings *settings,
                                                  uint64_t timeout_ms, pipc_handle abort,
                                                  struct pipc_session **ret_session,
                                                  struct pipc_upgrade_failure *ret_failure,
                                                  struct pipc_error *err);

/* ---- session ---- */

/* A message to send or as received. */
struct pipc_message {
    uint32_t size;
    uint16_t kind; /* PIPC_KIND_REQUEST (client sends), PIPC_KIND_RESPONSE (server sends) */
    uint16_t flags;
    uint16_t code;
    uint16_t transport_status; /* of a response; requests are sent with 0 */
    uint32_t item_count;
    uint64_t message_id;
    const void
        *payload; /* received: contiguous, 8-byte aligned, valid until the next receive or close */
    size_t payload_len;
    /* received batch: the length of its items if all have this one, a multiple of 8, and lie one
     * behind the other right behind the directory; 0: any other, ask for each. Ignored when sent */
    uint32_t uniform_len;
    uint32_t reserved;
};

/* Sends one message. Checks of level 1, 8 in their order: BROKEN or BAD_PARAM (unusable session),
 * BAD_PARAM, LIMIT_EXCEEDED, DUPLICATE_MSG_ID, ALLOC (nothing sent, session open), SEND (broken),
 * TIMEOUT and ABORTED (open if nothing of it was sent, else broken). With PIPC_NOW: taken whole, or
 * TIMEOUT with nothing taken; poll the handle for writing, too, until the message has been taken.
 * The payload is not copied, but for what PIPC_NOW leaves over. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_session_send(struct pipc_session *session,
                                                       const struct pipc_message *message,
                                                       uint64_t timeout_ms, pipc_handle abort,
                                                       struct pipc_error *err);

/* Receives one message. `timeout_ms` until its first packet, `message_timeout_ms` for the rest
 * (level 1, 13). Results and states of level 1, 9. On LIMIT_EXCEEDED *ret_message has the header's
 * fields and no payload; on every other failure it is untouched. */
PIPC_MUST_CHECK PIPC_API pipc_result
pipc_session_receive(struct pipc_session *session, uint64_t timeout_ms, uint64_t message_timeout_ms,
                     pipc_handle abort, struct pipc_message *ret_message, struct pipc_error *err);

enum {
    PIPC_SESSION_OPEN = 1,
    PIPC_SESSION_REFUSED = 2, /* server: a request above a limit came; one answer, then close */
    PIPC_SESSION_BROKEN = 3
};

/* State, limits, peer, choice and counters of a session. */
struct pipc_session_status {
    uint32_t size;
    uint32_t role;         /* PIPC_ROLE_... */
    uint32_t state;        /* PIPC_SESSION_... */
    pipc_result broken_by; /* first error, PIPC_OK while open */
    uint64_t session_id;
    uint32_t selected_profile;
    uint32_t packet_size;
    uint32_t max_request_payload_bytes;
    uint32_t max_request_batch_items;
    uint32_t max_response_payload_bytes;
    uint32_t max_response_batch_items;
    uint32_t peer_profiles; /* server's mask (client), client's mask (server) */
    uint32_t in_flight;
    struct pipc_peer peer;
    uint64_t spins, sleeps, wakeups;
    uint64_t region_bytes; /* shared memory held */
    const char
        *transport; /* name of the module that carries messages; lives as long as the context */
    const char *transport_file; /* its file, NULL: built in */
    /* 1: the negotiated plane is not the first of the configured list; then `passed_over` is the
     * first name and the sentence says why. Empty strings otherwise. */
    uint32_t degraded;
    uint32_t reserved;
    char passed_over[32];
    char passed_over_why[PIPC_ERROR_TEXT_LEN];
    char broken_text[PIPC_ERROR_TEXT_LEN]; /* sentence of broken_by */
};

/* How the session is now. NULL: nothing happens. The owner of the session calls. */
PIPC_API void pipc_session_status(const struct pipc_session *session,
                                  struct pipc_session_status *ret_status);

/* Ids in flight (client): after a break, all that have failed. Writes at most `cap`, returns their
 * number. */
PIPC_API size_t pipc_session_in_flight(const struct pipc_session *session, uint64_t *ids,
                                       size_t cap);

/* The session's wait object: readable when a packet or the end waits (level 1, 14); on an upgraded
 * session it tells the loss of the peer only, and is best polled for nothing but hang-up: what else
 * a peer sends there is left unread. Never read, write or close it. */
PIPC_API pipc_handle pipc_session_wait_handle(const struct pipc_session *session);

/* 1 while part of a message taken with PIPC_NOW waits for room (poll the handle for writing, too;
 * any later call sends on). 0 says nothing of a message that was not taken. */
PIPC_API int pipc_session_wants_room(const struct pipc_session *session);

/* Largest payload that this session can send now. */
PIPC_API uint32_t pipc_session_send_limit(const struct pipc_session *session);

/* Room to build the next message's payload in (own area of a data plane that writes in place); NULL
 * when there is none: use a buffer of your own. Valid until the next send, receive or close. Pass
 * it as `payload` to pipc_session_send. Nothing may be read back from it. */
PIPC_API void *pipc_session_reserve(struct pipc_session *session, size_t payload_len);

/* Ends every wait on this session, now and later, with PIPC_ERR_ABORTED. Any thread, never blocks;
 * not after close has begun. */
PIPC_API void pipc_session_interrupt(struct pipc_session *session);

/* Server, after a final answer: lets the peer read it (at most 100 ms, level 1, 9 and 18). Then
 * close. */
PIPC_API void pipc_session_finish(struct pipc_session *session, pipc_handle abort);

/* Closes. Never blocks or fails; NULL is accepted. In a forked child frees only. */
PIPC_API void pipc_session_close(struct pipc_session *session);

#ifdef __cplusplus
}
#endif
#endif
