/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections of a server and their handshakes (docs/level2-typed-api.md 10.3).
 *
 * Nothing here waits for a client: handshakes are poll states with a deadline, at most 16 a server,
 * the oldest giving way. On whoever's thread is inside run.
 */
#include "server.h"

/* ---- pending handshakes ---- */

static uint64_t *rejection_counter(struct pipc_server *server, pipc_result result)
{
    struct pipc_server_status *counts = &server->counts;
    switch (result) {
    case PIPC_ERR_AUTH_FAILED:
        return &counts->rejected_auth;
    case PIPC_ERR_NO_PROFILE:
        return &counts->rejected_profile;
    case PIPC_ERR_LIMIT_EXCEEDED:
        return &counts->rejected_limit;
    case PIPC_ERR_INCOMPATIBLE:
        return &counts->rejected_incompatible;
    case PIPC_ERR_PROTOCOL:
        return &counts->rejected_protocol;
    case PIPC_ERR_BUSY:
        return &counts->rejected_busy;
    case PIPC_ERR_TIMEOUT:
        return &counts->rejected_timeout;
    case PIPC_ERR_DISCONNECTED:
        return &counts->probes;
    default:
        return &counts->rejected_other;
    }
}

/* The entry is free again. */
static void forget(struct pipci_pending *pending)
{
    struct pipc_server *server = pending->server;
    pipci_slot_give(pending);
    pending->handshake = NULL;
    __atomic_fetch_sub(&server->counts.handshakes, 1, __ATOMIC_RELAXED);
}

static void reject(struct pipci_pending *pending, pipc_result result, const char *why)
{
    struct pipc_server *server = pending->server;
    pipci_count(rejection_counter(server, result), 1);
    forget(pending);
    pipci_log(server->context, result == PIPC_ERR_DISCONNECTED ? PIPC_LOG_DEBUG : PIPC_LOG_INFO,
              "service %s: connection refused: %s", server->service, why);
}

static void push_out(struct pipci_pending *pending, const char *why)
{
    pipc_handshake_close(pending->handshake);
    reject(pending, PIPC_ERR_TIMEOUT, why);
}

void pipci_pending_drop(struct pipc_server *server)
{
    for (uint32_t i = 0; i < PIPC_SERVER_HANDSHAKES_MAX; i++) {
        if (server->pending[i].handshake) {
            pipc_handshake_close(server->pending[i].handshake);
            forget(&server->pending[i]);
        }
    }
}

/* Memory that the region of the next session may take; 0 would say "no bound". */
static uint64_t room_left(const struct pipc_server *server)
{
    if (server->max_total_bytes == 0)
        return UINT64_MAX;
    const uint64_t held = __atomic_load_n(&server->counts.region_bytes, __ATOMIC_RELAXED);
    return held < server->max_total_bytes ? server->max_total_bytes - held : 1;
}

/* Goes on with a handshake as far as that needs no waiting. */
void pipci_pending_advance(struct pipci_pending *pending)
{
    struct pipc_server *server = pending->server;
    struct pipc_session_settings settings = server->settings;
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    settings.max_response_payload_bytes =
        __atomic_load_n(&server->response_limit, __ATOMIC_RELAXED);
    settings.room_bytes = room_left(server);
    settings.slot_arg = pending;
    settings.slot_take = pipci_slot_take;
    settings.slot_give = pipci_slot_give;
    const pipc_result result = pipc_handshake_run(&pending->handshake, &settings, PIPC_NOW,
                                                  PIPC_NO_HANDLE, &session, &err);
    if (result == PIPC_OK) {
        struct pipci_worker *worker = pending->worker;
        pending->worker = NULL;
        pipci_worker_assign(worker, session);
        forget(pending);
    } else if (!pending->handshake) {
        reject(pending, result, err.text);
    }
}

static struct pipci_pending *oldest_pending(struct pipc_server *server)
{
    struct pipci_pending *oldest = &server->pending[0];
    for (uint32_t i = 1; i < PIPC_SERVER_HANDSHAKES_MAX; i++) {
        if (server->pending[i].order < oldest->order)
            oldest = &server->pending[i];
    }
    return oldest;
}

static struct pipci_pending *free_pending(struct pipc_server *server)
{
    for (uint32_t i = 0; i < PIPC_SERVER_HANDSHAKES_MAX; i++) {
        if (!server->pending[i].handshake)
            return &server->pending[i];
    }
    return NULL;
}

/* Time from which another connection may be taken: at once, unless 16 handshakes are pending and
 * even the oldest is so young that its HELLO is probably on its way. */
uint64_t pipci_room_from_ns(struct pipc_server *server)
{
    if (free_pending(server))
        return 0;
    return oldest_pending(server)->since_ns + PIPCI_PUSH_OUT_MS * PIPC_NS_PER_MS;
}

/* ---- connections ---- */

static void begin(struct pipc_server *server, struct pipc_handshake *handshake, uint64_t now)
{
    struct pipci_pending *pending = free_pending(server);
    if (!pending) {
        pending = oldest_pending(server);
        pipci_pending_advance(pending); /* its HELLO may have come meanwhile */
        if (pending->handshake)
            push_out(pending, "16 newer ones have come without its HELLO");
    }
    *pending = (struct pipci_pending){.server = server,
                                      .handshake = handshake,
                                      .order = ++server->pending_order,
                                      .since_ns = now};
    __atomic_fetch_add(&server->counts.handshakes, 1, __ATOMIC_RELAXED);
    pipci_pending_advance(pending);
}

/* Lack of descriptors or memory passes; the pause keeps the loop from spinning meanwhile. */
static void accept_failed(struct pipc_server *server, const struct pipc_error *err)
{
    pipci_count(&server->counts.accept_failures, 1);
    server->resume_ns = pipci_deadline(PIPC_SERVER_ACCEPT_PAUSE_MS);
    if (!server->accept_failing)
        pipci_log(server->context, PIPC_LOG_WARNING, "service %s: accepting failed: %s",
                  server->service, err->text);
    server->accept_failing = true;
}

/* Takes what waits, at most as many as may be pending, so that stop and handshakes are looked at in
 * between. Fails when the listener is of no use any more. */
pipc_result pipci_connections_take(struct pipc_server *server, struct pipc_error *err)
{
    for (uint32_t i = 0; i < PIPC_SERVER_HANDSHAKES_MAX; i++) {
        struct pipc_handshake *handshake = NULL;
        struct pipc_error why = PIPC_ERROR_INIT;
        const uint64_t now = pipci_clock_ns();
        if (now < pipci_room_from_ns(server))
            return PIPC_OK;
        const pipc_result result =
            pipc_accept_begin(server->listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, &why);
        if (result == PIPC_ERR_TIMEOUT)
            return PIPC_OK;
        if (result == PIPC_ERR_ACCEPT || result == PIPC_ERR_ALLOC) {
            accept_failed(server, &why);
            return PIPC_OK;
        }
        if (result != PIPC_OK)
            return pipci_fail(err, PIPC_ERR_ACCEPT, why.os_code,
                              "service %s: the listener has failed: %s", server->service, why.text);
        server->accept_failing = false;
        begin(server, handshake, now);
    }
    return PIPC_OK;
}
