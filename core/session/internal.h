/* SPDX-License-Identifier: Apache-2.0
 *
 * What the layer above gets from Level 1 besides the public calls: the same operations with a ready
 * struct pipc_wait, so that an abort carries its flag (looking at it costs no system call) and one
 * deadline, taken once, serves a whole call.
 *
 * Same rules of threads and results as the public calls (pipc/session.h). A wait's deadline is
 * absolute; PIPC_NOW and PIPC_NEVER are allowed everywhere.
 */
#ifndef PIPCI_SESSION_INTERNAL_H
#define PIPCI_SESSION_INTERNAL_H

#include "../base/platform.h"
#include <pipc/session.h>
#include <pipc/transport.h>

struct pipci_service; /* module/context.h */

/* A wait on an event of ours: handle and flag. `event` NULL: no abort. */
static inline struct pipc_wait pipci_wait_event(uint64_t deadline_ns,
                                                const struct pipci_event *event)
{
    return pipci_wait_make(deadline_ns, event ? event->handle : PIPC_NO_HANDLE,
                           event ? &event->flag : NULL);
}

/* pipc_connect. The wait bounds everything; connecting and handshake also end after
 * handshake_timeout_ms (0: 5000), the attach tries also after settings->attach_timeout_ms (0:
 * 5000). */
pipc_result pipci_connect_wait(struct pipc_context *context, const char *run_dir,
                               const char *service, const struct pipc_session_settings *settings,
                               uint64_t handshake_timeout_ms, const struct pipc_wait *wait,
                               struct pipc_session **ret_session,
                               struct pipc_upgrade_failure *ret_failure, struct pipc_error *err);

/* pipc_session_send. After PIPC_ERR_SEND on a client one receive may still deliver a complete
 * response that was in flight (the last look); the session is broken all the same. */
pipc_result pipci_session_send_wait(struct pipc_session *session,
                                    const struct pipc_message *message,
                                    const struct pipc_wait *wait, struct pipc_error *err);

/* The same for a message that goes in one packet and needs not wait. PIPC_ERR_TIMEOUT with the
 * session open: this one does; nothing was sent. */
pipc_result pipci_session_send_at_once(struct pipc_session *session,
                                       const struct pipc_message *message, struct pipc_error *err);

/* pipc_session_receive. `wait` until the first packet; message_timeout_ms from there (0: on a
 * client the deadline of `wait` covers the whole message, on a server 30000). */
pipc_result pipci_session_receive_wait(struct pipc_session *session, const struct pipc_wait *wait,
                                       uint64_t message_timeout_ms,
                                       struct pipc_message *ret_message, struct pipc_error *err);

/* The same, but abort and deadline of `wait` count until the first packet only: what has begun is
 * received whole, unless its own time is over or the session is interrupted. */
pipc_result pipci_session_receive_begun(struct pipc_session *session, const struct pipc_wait *wait,
                                        uint64_t message_timeout_ms,
                                        struct pipc_message *ret_message, struct pipc_error *err);

/* pipc_session_finish, at most as long as `wait`. */
void pipci_session_finish_wait(struct pipc_session *session, const struct pipc_wait *wait);

/* pipc_accept_begin, pipc_handshake_run. In place of "a TIMEOUT of any other time closes" the rule
 * is the same: only a wait of PIPC_NOW leaves the handshake alive. */
pipc_result pipci_accept_begin_wait(struct pipc_listener *listener, const struct pipc_wait *wait,
                                    struct pipc_handshake **ret_handshake, struct pipc_error *err);
pipc_result pipci_handshake_run_wait(struct pipc_handshake **handshake,
                                     const struct pipc_session_settings *settings,
                                     const struct pipc_wait *wait,
                                     struct pipc_session **ret_session, struct pipc_error *err);

/* Who waits in the session looks at its abort flag at once, where the data plane cannot sleep on
 * the handle. Any thread, until close is called; never blocks. */
void pipci_session_wake(const struct pipc_session *session);

/* Bits whose data plane is there: those of the service's list, and bit 0, which the carrier runs
 * itself. Nothing else is ever proposed. */
uint32_t pipci_profiles_available(const struct pipci_service *service);

/* The module that carries this session's messages, and its traits (PIPC_TRAIT_...). */
uint32_t pipci_session_traits(const struct pipc_session *session);
/* Agreed limits of the direction: payload and items that this side may send, and that it may get.
 */
uint32_t pipci_session_send_items(const struct pipc_session *session);
/* PIPC_SESSION_OPEN, REFUSED or BROKEN; cheap. */
uint32_t pipci_session_state(const struct pipc_session *session);
/* Whether a message has begun of which chunks are missing. Any thread, until close is called. */
bool pipci_session_is_receiving(const struct pipc_session *session);

#endif
