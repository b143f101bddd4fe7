/* SPDX-License-Identifier: Apache-2.0
 *
 * One side of a session whose other end is a raw socket: our server with small request limits, or
 * our client with small response limits and a request in flight. What it receives is kept with the
 * error.
 *
 * One thread; side_done closes everything and counts the channels.
 */
#ifndef PIPC_TESTS_SESSION_SIDE_H
#define PIPC_TESTS_SESSION_SIDE_H

#include "session_rig.h"

struct side {
    struct pipc_context *context;
    struct session_rig rig;
    struct pipc_session *session;
    int raw;
    struct pipc_error err;
    struct pipc_message got;
};

/* A server with request limits of 1000 bytes and 4 items. */
void side_server(struct side *s, uint32_t packet_size);
/* A client with the same response limits and id 7 in flight. */
void side_client(struct side *s, uint32_t packet_size);
void side_done(struct side *s);
/* Receives into s->got and s->err. */
pipc_result side_take(struct side *s);
/* The receive gives this result, the session is broken by it, and the message is untouched. Ends
 * with side_done. */
void side_breaks(struct side *s, pipc_result result);

#endif
