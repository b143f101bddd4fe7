/* SPDX-License-Identifier: Apache-2.0
 *
 * Stop, drain, destroy (docs/level2-typed-api.md 10.9).
 *
 * Stop only sets an event. The two others first let the acceptor leave, so that no session can be
 * added, then wait for those that are there; what does not end by itself is interrupted, callbacks
 * excepted. Not from a callback of the same server.
 */
#include "server.h"

static bool is_forked(const struct pipc_server *server)
{
    return server->process != pipci_process_id();
}

pipc_result pipc_server_stop(struct pipc_server *server)
{
    if (!server)
        return PIPC_ERR_BAD_PARAM;
    if (is_forked(server))
        return PIPC_ERR_FORKED; /* LCOV_EXCL_LINE: in a forked child */
    pipci_event_set(&server->stop);
    return PIPC_OK;
}

static bool on_session_thread(struct pipc_server *server)
{
    const uint64_t self = pipci_thread_self();
    bool found = false;
    pipci_mutex_lock(&server->lock);
    for (const struct pipci_worker *w = server->workers; w && !found; w = w->next)
        found = !w->finished && w->thread_id == self;
    pipci_mutex_unlock(&server->lock);
    return found;
}

/* Interrupts everything but callbacks; the number of sessions (those that only linger are none).
 * With the lock held. */
static uint32_t force(struct pipc_server *server)
{
    uint32_t count = 0;
    for (struct pipci_worker *w = server->workers; w; w = w->next) {
        if (w->finished)
            continue;
        count += w->has_slot;
        /* Pairs with the thread, which sets its phase before it looks at `forced`: one of the two
         * sees the other. */
        __atomic_store_n(&w->forced, 1, __ATOMIC_SEQ_CST);
        const uint32_t phase = __atomic_load_n(&w->phase, __ATOMIC_SEQ_CST);
        if (w->session && phase != PIPCI_PHASE_CALLBACK && phase != PIPCI_PHASE_LEAVING)
            pipc_session_interrupt(w->session);
    }
    return count;
}

/* Ends everything; true if no session had to be forced. */
static bool end_all(struct pipc_server *server, uint32_t timeout_ms)
{
    const uint64_t deadline_ns = pipci_clock_ns() + timeout_ms * PIPC_NS_PER_MS;
    uint32_t forced = 0;
    pipci_event_set(&server->stop);
    pipci_workers_wake(server);
    pipci_mutex_lock(&server->lock);
    while (server->running)
        pipci_cond_wait(&server->changed, &server->lock, PIPC_NEVER);
    pipci_mutex_unlock(&server->lock);
    /* Early, so that new clients are told at once and a successor may start. */
    pipc_listener_close(server->listener);
    server->listener = NULL;
    pipci_mutex_lock(&server->lock);
    while (server->live > 0 && pipci_cond_wait(&server->changed, &server->lock, deadline_ns)) {
    }
    if (server->live > 0)
        forced = force(server);
    while (server->live > 0)
        pipci_cond_wait(&server->changed, &server->lock, PIPC_NEVER);
    pipci_mutex_unlock(&server->lock);
    pipci_reap(server);
    return forced == 0;
}

pipc_result pipc_server_drain(struct pipc_server *server, uint32_t timeout_ms, int *ret_clean)
{
    if (!server)
        return PIPC_ERR_BAD_PARAM;
    if (is_forked(server))
        return PIPC_ERR_FORKED; /* LCOV_EXCL_LINE: in a forked child */
    if (on_session_thread(server))
        return PIPC_ERR_BAD_PARAM;
    const bool clean = end_all(server, timeout_ms);
    if (ret_clean)
        *ret_clean = clean;
    return PIPC_OK;
}

void pipci_server_free(struct pipc_server *server)
{
    struct pipc_context *context = server->context;
    const struct pipc_allocator *allocator = server->allocator;
    const bool held = (server->made & PIPCI_MADE_HELD) != 0;
    const bool forked = is_forked(server);
    const bool run_held = forked && server->holds;
    pipc_listener_close(server->listener);
    pipci_event_done(&server->stop);
    pipci_event_done(&server->wake);
    /* In a child a thread that is not there may hold the lock; it has no memory of its own. */
    if ((server->made & PIPCI_MADE_CHANGED) && !forked)
        pipci_cond_done(&server->changed);
    if ((server->made & PIPCI_MADE_LOCK) && !forked)
        pipci_mutex_done(&server->lock);
    pipci_free(allocator, server->tallies);
    pipci_free(allocator, server->handler);
    pipci_free(allocator, server->service);
    pipci_free(allocator, server);
    if (held)
        pipci_context_release(context);
    if (run_held)
        pipci_context_release(context); /* LCOV_EXCL_LINE: in a forked child */
}

pipc_result pipc_server_destroy(struct pipc_server *server)
{
    if (!server)
        return PIPC_OK;
    if (is_forked(server)) {
        /* LCOV_EXCL_START: in a forked child, which leaves with _exit */
        for (uint32_t i = 0; i < PIPC_SERVER_HANDSHAKES_MAX; i++) {
            server->pending[i].worker = NULL; /* one of those below: there is no slot to give */
            pipc_handshake_close(server->pending[i].handshake);
        }
        pipci_workers_abandon(server);
        pipci_server_free(server);
        return PIPC_ERR_FORKED;
        /* LCOV_EXCL_STOP */
    }
    if (on_session_thread(server))
        return PIPC_ERR_BAD_PARAM;
    (void)end_all(server, PIPCI_FORCED_MS);
    pipci_server_free(server);
    return PIPC_OK;
}
