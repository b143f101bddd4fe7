/* SPDX-License-Identifier: Apache-2.0
 *
 * The accepting thread: connections and their handshakes, of one server or several
 * (docs/level2-typed-api.md 10.3).
 *
 * Nothing here waits for a client: handshakes are poll states with a deadline, at most 16 a server,
 * the oldest giving way. It also joins the threads of finished sessions. On whoever's thread is
 * inside run.
 */
#include "server.h"

/* Handles of one server: stop, wake, listener, pending handshakes. */
#define HANDLES_MAX (3u + PIPC_SERVER_HANDSHAKES_MAX)

/* What one look at a server asked for. */
struct watch {
    struct pipc_server *server; /* NULL: has been left */
    bool stopped;
    struct pipci_poll *polls;
    uint32_t count;
    bool blind; /* a handle is missing: connections and handshakes are looked at on a cadence */
    uint32_t listener;                          /* index in polls; 0: not watched */
    uint32_t slots[PIPC_SERVER_HANDSHAKES_MAX]; /* index in polls; 0: free */
};

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
static void advance(struct pipci_pending *pending)
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
static uint64_t room_from_ns(struct pipc_server *server)
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
        advance(pending); /* its HELLO may have come meanwhile */
        if (pending->handshake)
            push_out(pending, "16 newer ones have come without its HELLO");
    }
    *pending = (struct pipci_pending){.server = server,
                                      .handshake = handshake,
                                      .order = ++server->pending_order,
                                      .since_ns = now};
    __atomic_fetch_add(&server->counts.handshakes, 1, __ATOMIC_RELAXED);
    advance(pending);
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
static pipc_result take_connections(struct pipc_server *server, struct pipc_error *err)
{
    for (uint32_t i = 0; i < PIPC_SERVER_HANDSHAKES_MAX; i++) {
        struct pipc_handshake *handshake = NULL;
        struct pipc_error why = PIPC_ERROR_INIT;
        const uint64_t now = pipci_clock_ns();
        if (now < room_from_ns(server))
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

/* ---- the loop ---- */

static uint32_t add_handle(struct watch *watch, pipc_handle handle)
{
    watch->blind = watch->blind || handle == PIPC_NO_HANDLE;
    watch->polls[watch->count] = (struct pipci_poll){.handle = handle, .want = PIPCI_POLL_READ};
    return watch->count++;
}

/* Lists the server's handles from `polls` on and brings `deadline_ns` forward to what it waits for.
 */
static void watch_server(struct watch *watch, struct pipci_poll *polls, uint64_t *deadline_ns)
{
    struct pipc_server *server = watch->server;
    uint64_t accept_ns = room_from_ns(server);
    watch->polls = polls;
    watch->count = 0;
    watch->blind = false;
    watch->listener = 0;
    add_handle(watch, server->stop.handle);
    add_handle(watch, server->wake.handle);
    if (accept_ns < server->resume_ns)
        accept_ns = server->resume_ns;
    if (accept_ns == 0 || pipci_deadline_passed(accept_ns))
        watch->listener = add_handle(watch, pipc_listener_wait_handle(server->listener));
    else
        *deadline_ns = pipci_deadline_min(*deadline_ns, accept_ns);
    for (uint32_t i = 0; i < PIPC_SERVER_HANDSHAKES_MAX; i++) {
        const struct pipci_pending *pending = &server->pending[i];
        watch->slots[i] = 0;
        if (!pending->handshake)
            continue;
        watch->slots[i] = add_handle(watch, pipc_handshake_wait_handle(pending->handshake));
        *deadline_ns =
            pipci_deadline_min(*deadline_ns, pipc_handshake_deadline(pending->handshake));
    }
    if (watch->blind)
        *deadline_ns =
            pipci_deadline_min(*deadline_ns, pipci_deadline(PIPC_SERVER_ACCEPT_PAUSE_MS));
}

/* Whether the handle at `index` has something; one that is none always might. */
static bool is_ready(const struct watch *watch, uint32_t index)
{
    return watch->polls[index].got || watch->polls[index].handle == PIPC_NO_HANDLE;
}

/* Does what the poll has shown. */
static pipc_result serve_watch(struct watch *watch, struct pipc_error *err)
{
    struct pipc_server *server = watch->server;
    if (watch->polls[1].got) {
        pipci_event_clear(&server->wake);
        pipci_reap(server);
    }
    for (uint32_t i = 0; i < PIPC_SERVER_HANDSHAKES_MAX; i++) {
        struct pipci_pending *pending = &server->pending[i];
        if (watch->slots[i] && (is_ready(watch, watch->slots[i]) ||
                                pipci_deadline_passed(pipc_handshake_deadline(pending->handshake))))
            advance(pending);
    }
    if (watch->listener == 0 || !is_ready(watch, watch->listener))
        return PIPC_OK;
    /* LCOV_EXCL_START: somebody else in the program has closed it */
    if (watch->polls[watch->listener].got & PIPCI_POLL_INVALID)
        return pipci_fail(err, PIPC_ERR_ACCEPT, 0, "service %s: the listener's handle is gone",
                          server->service);
    /* LCOV_EXCL_STOP */
    return take_connections(server, err);
}

static pipc_result enter(struct pipc_server *server, bool holds, struct pipc_error *err)
{
    if (!server)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "no server given");
    const pipc_result result = pipci_context_check_process(server->context, err);
    if (result != PIPC_OK)
        return result; /* LCOV_EXCL_LINE: in a forked child, which leaves with _exit */
    pipci_mutex_lock(&server->lock);
    const bool busy = server->running;
    server->running = true;
    server->holds = busy ? server->holds : holds;
    pipci_mutex_unlock(&server->lock);
    if (busy)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "service %s: run is inside already",
                          server->service);
    __atomic_store_n(&server->counts.running, 1, __ATOMIC_RELAXED);
    return PIPC_OK;
}

/* The server may be gone as soon as this returns. */
static void leave(struct pipc_server *server)
{
    pipci_workers_wake(server);
    pipci_pending_drop(server);
    pipci_reap(server);
    __atomic_store_n(&server->counts.running, 0, __ATOMIC_RELAXED);
    pipci_mutex_lock(&server->lock);
    server->running = false;
    server->holds = false;
    pipci_cond_broadcast(&server->changed);
    pipci_mutex_unlock(&server->lock);
}

/* Lets go of the servers that have been stopped, but for the last ones; false when nobody is left
 * that has not been. */
static bool drop_stopped(struct watch *watches, uint32_t count)
{
    uint32_t live = 0;
    /* Asked once: a stop that comes in between is for the next time. */
    for (uint32_t i = 0; i < count; i++) {
        watches[i].stopped = watches[i].server && pipci_event_is_set(&watches[i].server->stop);
        live += watches[i].server && !watches[i].stopped;
    }
    for (uint32_t i = 0; i < count && live; i++) {
        if (watches[i].stopped) {
            leave(watches[i].server);
            watches[i].server = NULL;
        }
    }
    return live > 0;
}

/* LCOV_EXCL_START: a poll fails only while the kernel has no memory at all */
/* The handles then say nothing; the deadlines still hold, and stop is still seen. */
static void pause_without_poll(struct pipci_poll *polls, uint32_t count)
{
    const struct pipc_wait pause =
        pipci_wait_make(pipci_deadline(PIPC_SERVER_ACCEPT_PAUSE_MS), PIPC_NO_HANDLE, NULL);
    (void)pipci_sleep(&pause);
    for (uint32_t i = 0; i < count; i++)
        polls[i].got = 0;
}
/* LCOV_EXCL_STOP */

/* One wait for all servers. */
static pipc_result run_once(struct watch *watches, uint32_t count, struct pipci_poll *polls,
                            struct pipc_error *err)
{
    uint64_t deadline_ns = PIPC_NEVER;
    uint32_t used = 0, ready = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (watches[i].server) {
            watch_server(&watches[i], polls + used, &deadline_ns);
            used += watches[i].count;
        }
    }
    if (pipci_poll(polls, used, deadline_ns, &ready) != PIPC_OK)
        pause_without_poll(polls, used);
    for (uint32_t i = 0; i < count; i++) {
        const pipc_result result = watches[i].server ? serve_watch(&watches[i], err) : PIPC_OK;
        if (result != PIPC_OK)
            return result;
    }
    return PIPC_OK;
}

static pipc_result run_all(struct watch *watches, uint32_t count, struct pipci_poll *polls,
                           struct pipc_error *err)
{
    pipc_result result = PIPC_OK;
    while (result == PIPC_OK && drop_stopped(watches, count))
        result = run_once(watches, count, polls, err);
    return result;
}

/* Whoever waits for the last server may destroy it and close the context as soon as it is left, so
 * everything else of this run goes before. */
static void finish_run(struct watch *watches, uint32_t count, struct pipci_poll *polls,
                       struct pipc_context *context, const struct pipc_allocator *allocator)
{
    struct pipc_server *last = NULL;
    for (uint32_t i = 0; watches && i < count; i++) {
        if (last && watches[i].server)
            leave(last);
        last = watches[i].server ? watches[i].server : last;
    }
    pipci_free(allocator, polls);
    pipci_free(allocator, watches);
    if (last) {
        pipci_mutex_lock(&last->lock);
        last->holds = false;
        pipci_mutex_unlock(&last->lock);
    }
    pipci_context_release(context);
    if (last)
        leave(last);
}

pipc_result pipc_servers_run(struct pipc_server *const *servers, uint32_t count,
                             struct pipc_error *err)
{
    if (!servers || count == 0 || !servers[0])
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "no server given");
    /* A server may be destroyed while the others go on, but its context then lives until this ends.
     */
    struct pipc_context *context = servers[0]->context;
    const struct pipc_allocator *allocator = servers[0]->allocator;
    pipc_result result = PIPC_OK;
    struct watch *watches = pipci_zalloc(allocator, count * sizeof(*watches));
    struct pipci_poll *polls = pipci_alloc(allocator, (size_t)count * HANDLES_MAX * sizeof(*polls));
    pipci_context_hold(context);
    if (!watches || !polls)
        result = pipci_fail(err, PIPC_ERR_ALLOC, 0, "no memory to run %u servers", count);
    for (uint32_t i = 0; i < count && result == PIPC_OK; i++) {
        result = enter(servers[i], i == 0, err);
        watches[i].server = result == PIPC_OK ? servers[i] : NULL;
    }
    if (result == PIPC_OK)
        result = run_all(watches, count, polls, err);
    finish_run(watches, count, polls, context, allocator);
    return result;
}

pipc_result pipc_server_run(struct pipc_server *server, struct pipc_error *err)
{
    return pipc_servers_run(&server, 1, err);
}
