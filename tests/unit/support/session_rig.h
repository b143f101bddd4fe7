/* SPDX-License-Identifier: Apache-2.0
 *
 * A context with a listener on the test's own transports, and the three ways to a session: both
 * sides ours, our server against a raw client, our client against a raw server.
 */
#ifndef PIPC_TESTS_SESSION_RIG_H
#define PIPC_TESTS_SESSION_RIG_H

#include "session_mem.h"

#define RIG_DIR     "rig"
#define RIG_SERVICE "service"

struct session_rig {
    struct pipc_context *context;
    struct pipc_listener *listener;
};

/* Settings with their size; everything else default. */
struct pipc_session_settings session_settings(void);
/* settings NULL: defaults; transports NULL: "mem". */
void session_rig_open(struct session_rig *rig, const char *transports,
                      const struct pipc_session_settings *settings);
/* Closes the context too, which must have no objects left. */
void session_rig_close(struct session_rig *rig);

/* One handshake of our server with these bytes, on this thread: its result, the session if there is
 * one. *ret_raw stays open. */
pipc_result session_rig_shake(struct session_rig *rig, const void *packet, size_t len,
                              struct pipc_session **ret_session, int *ret_raw,
                              struct pipc_error *err);
/* Our server with a raw client that proposed `hello` (NULL: the good one); the HELLO_ACK has been
 * read. */
struct pipc_session *session_rig_server(struct session_rig *rig, const struct pipc_hello *hello,
                                        int *ret_raw);
/* Our client on a raw server that answers with these bytes; returns the client's result. */
pipc_result session_rig_answer(struct pipc_context *context,
                               const struct pipc_session_settings *settings, const void *packet,
                               size_t len, struct pipc_session **ret_session, int *ret_raw,
                               struct pipc_upgrade_failure *ret_failure, struct pipc_error *err);
/* Our client with a raw server that answered `ack` (NULL: the good one). */
struct pipc_session *session_rig_client(struct pipc_context *context,
                                        const struct pipc_session_settings *settings,
                                        const struct pipc_hello_ack *ack, int *ret_raw);
/* The HELLO that the last of these two got, whole packet. */
extern uint8_t session_rig_hello[128];
/* The answer of our server, whose settings are `settings`, to this HELLO; NULL: no status. */
struct pipc_hello_ack session_rig_ack_of(const char *transports,
                                         const struct pipc_session_settings *settings,
                                         const struct pipc_hello *hello,
                                         struct pipc_session_status *ret_status);
/* Both sides ours. */
void session_rig_both(struct session_rig *rig, const struct pipc_session_settings *client,
                      struct pipc_session **ret_client, struct pipc_session **ret_server);

/* A message to send. */
struct pipc_message session_request(uint64_t id, const void *payload, size_t len);
struct pipc_message session_response(uint64_t id, const void *payload, size_t len);
/* Sends and receives without a deadline of importance (5 s). */
pipc_result session_send(struct pipc_session *session, const struct pipc_message *message);
pipc_result session_receive(struct pipc_session *session, struct pipc_message *message);
struct pipc_session_status session_status(const struct pipc_session *session);
/* Writes one packet: header and payload. */
void session_raw_message(int fd, const struct pipc_header *header, const void *payload, size_t len);
/* The k-th packet of a chunked message with payload bytes pattern(at); returns its length. 0:
 * first. */
size_t session_raw_chunk(const struct pipc_header *header, uint32_t packet_size, uint32_t k,
                         uint8_t *packet);
/* Byte `at` of the payload pattern, and a filled buffer. */
uint8_t session_pattern(size_t at);
void session_fill(uint8_t *bytes, size_t len);
bool session_filled(const void *bytes, size_t len);

#endif
