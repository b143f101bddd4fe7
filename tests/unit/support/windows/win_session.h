/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions of the core over the transports of Windows: contexts, an answering server on a thread of
 * its own, and exchanges with it.
 */
#ifndef PIPC_TESTS_WIN_SESSION_H
#define PIPC_TESTS_WIN_SESSION_H

#include "np_fixture.h"

#include <pipc/pipc.h>
#include <pipc/transports/winshm.h>

#define WIN_BYTES 1048576u /* of the largest payload, both ways */

/* `transports` as in the key; `planes` of winshm, NULL: the default. */
struct pipc_context *win_context(const char *transports, const char *planes);
/* Settings with limits of WIN_BYTES. */
struct pipc_session_settings win_settings(void);
struct pipc_session_status win_status(const struct pipc_session *session);

/* A server that answers each request with its own payload, one session after the other, until it is
 * ended. */
struct win_echo {
    struct pipc_context *context;
    struct pipc_listener *listener;
    HANDLE stop;
    HANDLE thread;
    uint32_t sessions; /* that have ended; atomic */
    uint32_t answers;  /* atomic */
};
void win_echo_start(struct win_echo *echo, struct pipc_context *context, const char *service);
void win_echo_stop(struct win_echo *echo);

/* A client of it; the plane is checked. */
struct pipc_session *win_connect(struct pipc_context *context, const char *service, uint32_t bit);
struct pipc_message win_request(uint64_t id, const void *payload, size_t len);
/* One request and its answer. */
void win_exchange(struct pipc_session *session, uint64_t id, const uint8_t *payload, size_t len);
/* WIN_BYTES of a pattern; constant. */
const uint8_t *win_pattern(void);

#endif
