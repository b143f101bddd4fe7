/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots of sessions and the threads behind them (docs/level2-typed-api.md 10.4, 10.10).
 *
 * A slot and a thread are taken before a client is told that it has a session, and a slot is free
 * before a client can learn that its session is over. Threads that outlive their slot are bounded
 * by their own count. Everything here may be called by any thread of the server; nothing waits, but
 * for reap, which joins threads that are at their end.
 */
#include "server.h"

/* Handles that are looked at with one system call. */
#define LOOK_AT_ONCE 32u

static void set_number(uint32_t *number, uint32_t value)
{
    __atomic_store_n(number, value, __ATOMIC_RELAXED);
}

/* ---- with the lock held ---- */

static void drop_slot(struct pipci_worker *worker)
{
    if (!worker->has_slot)
        return;
    worker->has_slot = false;
    set_number(&worker->server->used, worker->server->used - 1);
}

static bool start_to_linger(struct pipci_worker *worker)
{
    struct pipc_server *server = worker->server;
    if (!worker->lingers && server->lingering < server->workers_max) {
        worker->lingers = true;
        set_number(&server->lingering, server->lingering + 1);
    }
    return worker->lingers;
}

/* A request that has begun has time of its own to arrive. */
static bool is_idle(const struct pipci_worker *worker)
{
    return worker->has_slot && worker->session &&
           __atomic_load_n(&worker->phase, __ATOMIC_ACQUIRE) == PIPCI_PHASE_IDLE &&
           !pipci_session_is_receiving(worker->session);
}

/* The worker of the first handle whose other side has hung up. */
static struct pipci_worker *find_hangup(struct pipci_poll *polls, struct pipci_worker **workers,
                                        uint32_t count)
{
    uint32_t ready = 0;
    if (count == 0 || pipci_poll(polls, count, PIPC_NOW, &ready) != PIPC_OK || ready == 0)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (polls[i].got & PIPCI_POLL_HANGUP)
            return workers[i];
    }
    return NULL;
}

/* Passes the slot of a session on whose client is gone, unless a callback has just begun there. Its
 * thread sets the phase before it looks at `departed`, so that no callback runs without a slot; a
 * lock of the bus for every request, to keep those two steps apart where nobody is evicted, is not
 * worth the nanoseconds in which the processor may exchange them. */
static bool depart(struct pipci_worker *worker)
{
    __atomic_store_n(&worker->departed, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&worker->phase, __ATOMIC_SEQ_CST) == PIPCI_PHASE_CALLBACK) {
        __atomic_store_n(&worker->departed, 0, __ATOMIC_RELAXED);
        return false;
    }
    worker->server->departed++;
    drop_slot(worker);
    pipc_session_interrupt(worker->session);
    return true;
}

/* A client that leaves and comes back at once may be faster than the thread of its old session.
 * That session's slot is free already: its thread will find nothing but the end. */
static bool take_from_departed(struct pipc_server *server)
{
    struct pipci_poll polls[LOOK_AT_ONCE];
    struct pipci_worker *workers[LOOK_AT_ONCE], *gone = NULL;
    uint32_t count = 0;
    if (server->departed >= PIPCI_DEPARTED_MAX)
        return false;
    for (struct pipci_worker *w = server->workers; w && !gone; w = w->next) {
        /* Sending counts, too: the client may have read the answer before its sender goes on. */
        if (!w->has_slot || !w->session || w->wait_handle == PIPC_NO_HANDLE ||
            __atomic_load_n(&w->phase, __ATOMIC_ACQUIRE) == PIPCI_PHASE_CALLBACK)
            continue;
        polls[count] = (struct pipci_poll){.handle = w->wait_handle, .want = PIPCI_POLL_READ};
        workers[count++] = w;
        if (count == LOOK_AT_ONCE) {
            gone = find_hangup(polls, workers, count);
            count = 0;
        }
    }
    if (!gone)
        gone = find_hangup(polls, workers, count);
    return gone && depart(gone);
}

static struct pipci_worker *longest_idle(struct pipc_server *server, uint64_t before_ns)
{
    struct pipci_worker *found = NULL;
    uint64_t oldest = before_ns;
    for (struct pipci_worker *w = server->workers; w; w = w->next) {
        const uint64_t since = __atomic_load_n(&w->idle_since, __ATOMIC_RELAXED);
        if (is_idle(w) && since <= oldest) {
            oldest = since;
            found = w;
        }
    }
    return found;
}

/* Ends the session that has been idle the longest, if it has been so for the idle timeout. */
static bool take_from_idle(struct pipc_server *server)
{
    const uint64_t timeout_ns = server->idle_timeout_ms * PIPC_NS_PER_MS;
    const uint64_t now = pipci_clock_ns();
    if (timeout_ns == 0 || now < timeout_ns)
        return false;
    struct pipci_worker *worker = longest_idle(server, now - timeout_ns);
    uint32_t idle = PIPCI_PHASE_IDLE;
    if (!worker || !__atomic_compare_exchange_n(&worker->phase, &idle, PIPCI_PHASE_EVICTED, false,
                                                __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        return false;
    drop_slot(worker);
    pipc_session_interrupt(worker->session);
    pipci_count(&server->counts.idle_closed, 1);
    return true;
}

static bool find_slot(struct pipc_server *server)
{
    return server->used < server->workers_max || take_from_departed(server) ||
           take_from_idle(server);
}

/* ---- tallies ---- */

/* A tally of its own, if there is one that nobody has. With the lock held. */
static void take_tally(struct pipci_worker *worker)
{
    struct pipc_server *server = worker->server;
    uint32_t i = 0;
    while (i < server->tally_count && (server->tally_owned >> i & 1))
        i++;
    worker->tally = &server->tallies[i];
    worker->owns_tally = i < server->tally_count;
    if (worker->owns_tally)
        server->tally_owned |= UINT64_C(1) << i;
}

/* The next owner goes on counting where this one ended. With the lock held. */
static void give_tally(const struct pipci_worker *worker)
{
    struct pipc_server *server = worker->server;
    if (worker->owns_tally)
        server->tally_owned &= ~(UINT64_C(1) << (worker->tally - server->tallies));
}

/* ---- the thread of a session ---- */

static void wait_for_session(struct pipci_worker *worker)
{
    struct pipc_server *server = worker->server;
    pipci_mutex_lock(&server->lock);
    worker->thread_id = pipci_thread_self();
    while (!worker->session && !worker->cancelled)
        pipci_cond_wait(&server->changed, &server->lock, PIPC_NEVER);
    pipci_mutex_unlock(&server->lock);
}

/* Closes, with the slot free before the client can see it and nobody left who could interrupt. */
static void close_session(struct pipci_worker *worker)
{
    struct pipc_server *server = worker->server;
    struct pipc_session *session = worker->session;
    pipci_mutex_lock(&server->lock);
    drop_slot(worker);
    worker->session = NULL;
    pipci_mutex_unlock(&server->lock);
    if (worker->upgraded) {
        __atomic_fetch_sub(&server->counts.region_bytes, worker->region_bytes, __ATOMIC_RELAXED);
        __atomic_fetch_sub(&server->counts.regions, 1, __ATOMIC_RELAXED);
    }
    pipc_session_close(session);
}

static void worker_main(void *arg)
{
    struct pipci_worker *worker = arg;
    struct pipc_server *server = worker->server;
    wait_for_session(worker);
    if (worker->session) {
        pipci_session_serve(worker);
        close_session(worker);
    }
    pipci_free(server->allocator, worker->buffer);
    worker->buffer = NULL;
    pipci_mutex_lock(&server->lock);
    drop_slot(worker);
    if (worker->lingers)
        set_number(&server->lingering, server->lingering - 1);
    if (__atomic_load_n(&worker->departed, __ATOMIC_RELAXED))
        server->departed--;
    give_tally(worker);
    worker->finished = true;
    server->live--;
    pipci_cond_broadcast(&server->changed);
    pipci_mutex_unlock(&server->lock);
    pipci_event_set(&server->wake);
}

/* ---- step 14a ---- */

static struct pipci_worker *worker_new(struct pipc_server *server)
{
    struct pipci_worker *worker = pipci_zalloc(server->allocator, sizeof(*worker));
    if (!worker)
        return NULL;
    worker->server = server;
    worker->request.worker = worker;
    worker->has_slot = true;
    return worker;
}

/* The thread is started before it is listed, so that nobody can join a thread that is not there. */
static pipc_result start_worker(struct pipc_server *server, struct pipci_worker **ret_worker)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipci_worker *worker = worker_new(server);
    pipc_result result = worker ? PIPC_OK : PIPC_ERR_ALLOC;
    pipci_mutex_lock(&server->lock);
    server->live += 1;
    if (worker)
        take_tally(worker);
    pipci_mutex_unlock(&server->lock);
    if (worker)
        result = pipci_thread_start(server->allocator, worker_main, worker, PIPCI_SESSION_STACK,
                                    &worker->thread, &err);
    pipci_mutex_lock(&server->lock);
    if (result == PIPC_OK) {
        worker->next = server->workers;
        server->workers = worker;
    } else {
        server->live -= 1;
        if (worker)
            give_tally(worker);
        set_number(&server->used, server->used - 1);
    }
    pipci_mutex_unlock(&server->lock);
    if (result != PIPC_OK) {
        pipci_log(server->context, PIPC_LOG_WARNING, "service %s: no thread for a session: %s",
                  server->service, worker ? err.text : "no memory");
        pipci_free(server->allocator, worker);
        return PIPC_ERR_BUSY;
    }
    *ret_worker = worker;
    return PIPC_OK;
}

pipc_result pipci_slot_take(void *arg)
{
    struct pipci_pending *pending = arg;
    struct pipc_server *server = pending->server;
    pipci_mutex_lock(&server->lock);
    const bool found = find_slot(server);
    if (found)
        set_number(&server->used, server->used + 1);
    pipci_mutex_unlock(&server->lock);
    return found ? start_worker(server, &pending->worker) : PIPC_ERR_BUSY;
}

void pipci_slot_give(void *arg)
{
    struct pipci_pending *pending = arg;
    struct pipc_server *server = pending->server;
    if (!pending->worker)
        return;
    pipci_mutex_lock(&server->lock);
    drop_slot(pending->worker);
    pending->worker->cancelled = true;
    pending->worker = NULL;
    pipci_cond_broadcast(&server->changed);
    pipci_mutex_unlock(&server->lock);
}

void pipci_worker_assign(struct pipci_worker *worker, struct pipc_session *session)
{
    struct pipc_server *server = worker->server;
    struct pipc_session_status status = {.size = sizeof(status)};
    pipc_session_status(session, &status);
    worker->wait_handle = pipc_session_wait_handle(session);
    worker->peer = status.peer;
    worker->response_limit = status.max_response_payload_bytes;
    worker->region_bytes = status.region_bytes;
    worker->upgraded = status.selected_profile != PIPC_PROFILE_BASELINE;
    if (server->idle_timeout_ms)
        worker->idle_since = pipci_clock_ns();
    pipci_count(&server->counts.accepted, 1);
    if (status.degraded)
        pipci_count(&server->counts.degraded, 1);
    if (worker->upgraded) {
        pipci_count(&server->counts.region_bytes, worker->region_bytes);
        __atomic_fetch_add(&server->counts.regions, 1, __ATOMIC_RELAXED);
    }
    pipci_mutex_lock(&server->lock);
    worker->session = session;
    pipci_cond_broadcast(&server->changed);
    pipci_mutex_unlock(&server->lock);
}

/* ---- the end ---- */

bool pipci_slot_linger(struct pipci_worker *worker)
{
    struct pipc_server *server = worker->server;
    pipci_mutex_lock(&server->lock);
    const bool lingers = start_to_linger(worker);
    drop_slot(worker);
    pipci_mutex_unlock(&server->lock);
    return lingers;
}

void pipci_workers_wake(struct pipc_server *server)
{
    pipci_mutex_lock(&server->lock);
    for (const struct pipci_worker *w = server->workers; w; w = w->next) {
        if (w->session)
            pipci_session_wake(w->session);
    }
    pipci_mutex_unlock(&server->lock);
}

/* Takes the finished workers out of the list. */
static struct pipci_worker *take_finished(struct pipc_server *server)
{
    struct pipci_worker *finished = NULL;
    pipci_mutex_lock(&server->lock);
    for (struct pipci_worker **at = &server->workers; *at;) {
        struct pipci_worker *worker = *at;
        if (!worker->finished) {
            at = &worker->next;
            continue;
        }
        *at = worker->next;
        worker->next = finished;
        finished = worker;
    }
    pipci_mutex_unlock(&server->lock);
    return finished;
}

void pipci_reap(struct pipc_server *server)
{
    for (struct pipci_worker *w = take_finished(server), *next = NULL; w; w = next) {
        next = w->next;
        pipci_thread_join(server->allocator, w->thread);
        pipci_free(server->allocator, w);
    }
}

/* LCOV_EXCL_START: runs in a forked child, which leaves with _exit */
void pipci_workers_abandon(struct pipc_server *server)
{
    for (struct pipci_worker *w = server->workers, *next = NULL; w; w = next) {
        next = w->next;
        pipc_session_close(w->session);
        pipci_free(server->allocator, w->buffer);
        pipci_thread_abandon(server->allocator, w->thread);
        pipci_free(server->allocator, w);
    }
    server->workers = NULL;
}
/* LCOV_EXCL_STOP */
