/* SPDX-License-Identifier: Apache-2.0
 *
 * The accepting thread, of one server or several (docs/level2-typed-api.md 10.3): one wait for
 * everything, until all have been stopped.
 *
 * It also joins the threads of finished sessions. On whoever's thread is inside run.
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
    bool blind; /* a handle is missing, or does not tell of what is waited for: connections and
                   handshakes are looked at on a cadence */
    uint32_t listener;                          /* index in polls; 0: not watched */
    uint32_t slots[PIPC_SERVER_HANDSHAKES_MAX]; /* index in polls; 0: free */
};

/* One call of run: who is served, and the memory of its waits. */
struct run {
    const struct pipc_allocator *allocator;
    struct watch *watches;
    struct pipci_poll *polls;
    void *room;
    uint32_t count;
};

static uint32_t add_handle(struct watch *watch, pipc_handle handle)
{
    watch->blind = watch->blind || handle == PIPC_NO_HANDLE;
    watch->polls[watch->count] = (struct pipci_poll){.handle = handle, .want = PIPCI_POLL_READ};
    return watch->count++;
}

/* Its HELLO_ACK has found no room, the first packet of its connection: the system is short of
 * buffers, and no handle tells when it is not any more. */
static bool answers(const struct pipci_pending *pending)
{
    return pending->worker != NULL;
}

/* Lists the server's handles from `polls` on and brings `deadline_ns` forward to what it waits for.
 */
static void watch_server(struct watch *watch, struct pipci_poll *polls, uint64_t *deadline_ns)
{
    struct pipc_server *server = watch->server;
    uint64_t accept_ns = pipci_room_from_ns(server);
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
        watch->blind = watch->blind || answers(pending);
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
        if (watch->slots[i] && (is_ready(watch, watch->slots[i]) || answers(pending) ||
                                pipci_deadline_passed(pipc_handshake_deadline(pending->handshake))))
            pipci_pending_advance(pending);
    }
    if (watch->listener == 0 || !is_ready(watch, watch->listener))
        return PIPC_OK;
    /* LCOV_EXCL_START: somebody else in the program has closed it */
    if (watch->polls[watch->listener].got & PIPCI_POLL_INVALID)
        return pipci_fail(err, PIPC_ERR_ACCEPT, 0, "service %s: the listener's handle is gone",
                          server->service);
    /* LCOV_EXCL_STOP */
    return pipci_connections_take(server, err);
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
static pipc_result run_once(struct run *run, struct pipc_error *err)
{
    struct watch *const watches = run->watches;
    struct pipci_poll *const polls = run->polls;
    uint64_t deadline_ns = PIPC_NEVER;
    uint32_t used = 0, ready = 0;
    for (uint32_t i = 0; i < run->count; i++) {
        if (watches[i].server) {
            watch_server(&watches[i], polls + used, &deadline_ns);
            used += watches[i].count;
        }
    }
    if (pipci_poll_in(polls, used, run->room, deadline_ns, &ready) != PIPC_OK)
        pause_without_poll(polls, used);
    for (uint32_t i = 0; i < run->count; i++) {
        const pipc_result result = watches[i].server ? serve_watch(&watches[i], err) : PIPC_OK;
        if (result != PIPC_OK)
            return result;
    }
    return PIPC_OK;
}

static pipc_result run_all(struct run *run, struct pipc_error *err)
{
    pipc_result result = PIPC_OK;
    while (result == PIPC_OK && drop_stopped(run->watches, run->count))
        result = run_once(run, err);
    return result;
}

static pipc_result make_run(struct run *run, struct pipc_error *err)
{
    /* More servers than the numbers of handles can count are more than there can be. */
    const uint32_t handles = run->count < UINT32_MAX / HANDLES_MAX ? run->count * HANDLES_MAX : 0;
    run->watches = pipci_zalloc(run->allocator, run->count * sizeof(*run->watches));
    run->polls = handles ? pipci_alloc(run->allocator, handles * sizeof(*run->polls)) : NULL;
    run->room = pipci_alloc(run->allocator, pipci_poll_room(handles) + 1);
    if (!run->watches || !run->polls || !run->room)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "no memory to run %u servers", run->count);
    return PIPC_OK;
}

/* Whoever waits for the last server may destroy it and close the context as soon as it is left, so
 * everything else of this run goes before. */
static void finish_run(struct run *run, struct pipc_context *context)
{
    struct watch *const watches = run->watches;
    struct pipc_server *last = NULL;
    for (uint32_t i = 0; watches && i < run->count; i++) {
        if (last && watches[i].server)
            leave(last);
        last = watches[i].server ? watches[i].server : last;
    }
    pipci_free(run->allocator, run->room);
    pipci_free(run->allocator, run->polls);
    pipci_free(run->allocator, watches);
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
    struct run run = {.allocator = servers[0]->allocator, .count = count};
    pipci_context_hold(context);
    pipc_result result = make_run(&run, err);
    for (uint32_t i = 0; i < count && result == PIPC_OK; i++) {
        result = enter(servers[i], i == 0, err);
        run.watches[i].server = result == PIPC_OK ? servers[i] : NULL;
    }
    if (result == PIPC_OK)
        result = run_all(&run, err);
    finish_run(&run, context);
    return result;
}

pipc_result pipc_server_run(struct pipc_server *server, struct pipc_error *err)
{
    return pipc_servers_run(&server, 1, err);
}
