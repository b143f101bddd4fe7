/* SPDX-License-Identifier: Apache-2.0
 *
 * The module under the real core: a context of its own, a server that echoes, clients.
 *
 * Payloads are opaque. The status of every session must name the module under test: no case may
 * pass because something else served. The server has a thread for the listener and one for each
 * session; clients are the case's thread.
 */
#ifndef PIPC_KIT_CORE_RIG_H
#define PIPC_KIT_CORE_RIG_H

#include "rig.h"
#include "system.h"

#define KIT_CORE_SESSIONS_MAX 64u
#define KIT_CORE_TOKEN        UINT64_C(0x70697063)

struct kit_core {
    const struct kit *kit;
    struct pipc_context *context;
    size_t blocks; /* of the context's allocator, atomic */
    char run_dir[64];
    struct pipc_listener *listener;
    pthread_t acceptor;
    struct kit_stop stop;
    uint32_t silent; /* atomic: requests are taken and not answered */
    struct kit_core_session {
        struct kit_core *core;
        struct pipc_session *session;
        pthread_t thread;
    } sessions[KIT_CORE_SESSIONS_MAX];
    unsigned session_count;
    pipc_result accept_failed; /* atomic: result of the last accept that gave no session */
};

struct kit_core *kit_core_open(const struct kit *kit);
void kit_core_serve(struct kit_core *core);
/* Ends the server, waits for its threads. */
void kit_core_unserve(struct kit_core *core);
void kit_core_close(struct kit_core *core);
/* Limits that every case's messages fit into, the right token. */
struct pipc_session_settings kit_core_settings(const struct kit_core *core);
/* A session that the module under test carries. NULL settings: those above. */
struct pipc_session *kit_core_connect(struct kit_core *core,
                                      const struct pipc_session_settings *settings);
void kit_core_check_served(const struct kit_core *core, const struct pipc_session *session);
struct pipc_message kit_core_request(uint64_t id, const void *payload, size_t len);
void kit_core_send(struct pipc_session *session, const struct pipc_message *message);
/* The next answer; its payload must be `len` bytes of the same pattern. */
void kit_core_receive(struct pipc_session *session, uint64_t id, const void *payload, size_t len);
void kit_core_call(struct pipc_session *session, uint64_t id, const void *payload, size_t len);

#endif
