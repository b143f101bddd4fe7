/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop of one session: wait, receive, answer (docs/level2-typed-api.md 10.5).
 *
 * An idle session sleeps until a packet, the end of its client, stop or an eviction comes; nothing
 * wakes it in between, but the end of a short wait behind a request. Stop ends the wait for a
 * request; a request that has begun is received, answered and then the session ends. On the
 * session's thread.
 */
#include "server.h"

/* How long a session may sleep without the event; an idle one has 100 ms to see stop. */
#define DENSE_MS 48u

static pipc_result receive_by(struct pipci_worker *worker, const struct pipc_wait *wait,
                              struct pipc_message *ret_request)
{
    ret_request->size = sizeof(*ret_request);
    return pipci_session_receive_begun(worker->session, wait, worker->server->io_timeout_ms,
                                       ret_request, NULL);
}

/* Without the event a channel can sleep on its socket alone, a system call less. False: nothing
 * came, so that the event has to be in the wait again. */
static bool receive_densely(struct pipci_worker *worker, struct pipc_message *ret_request,
                            pipc_result *ret_result)
{
    const struct pipc_wait wait =
        pipci_wait_make(pipci_deadline(DENSE_MS), PIPC_NO_HANDLE, &worker->server->stop.flag);
    *ret_result = receive_by(worker, &wait, ret_request);
    worker->dense = *ret_result != PIPC_ERR_TIMEOUT ||
                    pipci_session_state(worker->session) != PIPC_SESSION_OPEN;
    return worker->dense;
}

/* The wait for the first packet of a request ends at stop: at once, or a little later where one
 * request has just followed another. */
static pipc_result receive(struct pipci_worker *worker, struct pipc_message *ret_request)
{
    const struct pipc_wait wait = pipci_wait_event(PIPC_NEVER, &worker->server->stop);
    pipc_result result = PIPC_OK;
    if (worker->dense && receive_densely(worker, ret_request, &result))
        return result;
    result = receive_by(worker, &wait, ret_request);
    worker->dense = (pipci_session_traits(worker->session) & PIPC_TRAIT_WAIT_HANDLE) != 0;
    return result;
}

/* A forced session may still say what its callback came to, but not wait for a client that does not
 * read. */
static uint32_t send_time_ms(const struct pipci_worker *worker)
{
    const uint32_t ms = worker->server->io_timeout_ms;
    if (!__atomic_load_n(&worker->forced, __ATOMIC_SEQ_CST))
        return ms;
    return ms < PIPCI_FORCED_MS ? ms : PIPCI_FORCED_MS;
}

static struct pipc_message message_of(const struct pipc_message *request,
                                      const struct pipci_answer *answer)
{
    const struct pipc_message message = {.size = sizeof(message),
                                         .kind = PIPC_KIND_RESPONSE,
                                         .flags = answer->flags,
                                         .code = request->code,
                                         .transport_status = answer->status,
                                         .item_count = answer->item_count,
                                         .message_id = request->message_id,
                                         .payload = answer->payload,
                                         .payload_len = answer->len};
    return message;
}

/* Nearly every answer goes at once, so that nobody has to know how long it may take. */
static bool send_answer(struct pipci_worker *worker, const struct pipc_message *request,
                        const struct pipci_answer *answer)
{
    const struct pipc_message message = message_of(request, answer);
    const pipc_result result = pipci_session_send_at_once(worker->session, &message, NULL);
    if (result != PIPC_ERR_TIMEOUT || pipci_session_state(worker->session) == PIPC_SESSION_BROKEN)
        return result == PIPC_OK;
    /* Pairs with who forces the end: before the wait one of the two sees the other. */
    __atomic_store_n(&worker->phase, PIPCI_PHASE_SENDING, __ATOMIC_SEQ_CST);
    return pipc_session_send(worker->session, &message, send_time_ms(worker), PIPC_NO_HANDLE,
                             NULL) == PIPC_OK;
}

/* What was sent stays readable for as long as the transport keeps it for that. */
static void let_read(struct pipci_worker *worker)
{
    __atomic_store_n(&worker->phase, PIPCI_PHASE_LEAVING, __ATOMIC_SEQ_CST);
    pipc_session_finish(worker->session, PIPC_NO_HANDLE);
}

/* The last answer of a session: its slot is free before the client can read it. Beyond the number
 * of threads that may linger, the answer is sent if that needs no waiting. */
static void send_last(struct pipci_worker *worker, const struct pipc_message *request,
                      const struct pipci_answer *answer)
{
    const bool lingers = pipci_slot_linger(worker);
    worker->said_last = true;
    const uint64_t time_ms = lingers ? send_time_ms(worker) : PIPC_NOW;
    const struct pipc_message message = message_of(request, answer);
    if (pipc_session_send(worker->session, &message, time_ms, PIPC_NO_HANDLE, NULL) == PIPC_OK &&
        lingers)
        let_read(worker);
}

static void count(const struct pipci_worker *worker, uint64_t *counter, uint64_t n)
{
    if (worker->owns_tally)
        pipci_count_alone(counter, n);
    else
        pipci_count(counter, n);
}

static void tally(struct pipci_worker *worker, const struct pipc_message *request,
                  const struct pipci_answer *answer)
{
    struct pipci_tally *t = worker->tally;
    count(worker, &t->answers[answer->status], 1);
    count(worker, &t->bytes_in, request->payload_len);
    count(worker, &t->bytes_out, answer->len);
}

/* Whether the session leaves its idle phase; an evicted one does not. Without an idle timeout
 * nobody evicts. Nor does one whose slot has been passed on, since nobody waits for its answer. */
static bool begin_request(struct pipci_worker *worker)
{
    if (!worker->server->idle_timeout_ms) {
        __atomic_store_n(&worker->phase, PIPCI_PHASE_CALLBACK, __ATOMIC_RELEASE);
        return !__atomic_load_n(&worker->departed, __ATOMIC_ACQUIRE);
    }
    uint32_t idle = PIPCI_PHASE_IDLE;
    return __atomic_compare_exchange_n(&worker->phase, &idle, PIPCI_PHASE_CALLBACK, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED) &&
           !__atomic_load_n(&worker->departed, __ATOMIC_SEQ_CST);
}

static void end_request(struct pipci_worker *worker)
{
    if (worker->server->idle_timeout_ms)
        __atomic_store_n(&worker->idle_since, pipci_clock_ns(), __ATOMIC_RELAXED);
    __atomic_store_n(&worker->phase, PIPCI_PHASE_IDLE, __ATOMIC_RELEASE);
}

/* One request and its answer. False: the session is over. */
static bool serve_one(struct pipci_worker *worker)
{
    struct pipc_message request = {0};
    struct pipci_answer answer;
    const pipc_result result = receive(worker, &request);
    const bool refused = result == PIPC_ERR_LIMIT_EXCEEDED &&
                         pipci_session_state(worker->session) == PIPC_SESSION_REFUSED;
    if ((result != PIPC_OK && !refused) || !begin_request(worker))
        return false;
    if (refused) {
        answer = (struct pipci_answer){.status = PIPC_STATUS_LIMIT_EXCEEDED, .item_count = 1};
        request.payload_len = 0;
    } else {
        worker->deadline_ns = 0;
        pipci_answer_make(worker, &request, &answer);
    }
    tally(worker, &request, &answer);
    if (answer.status != PIPC_STATUS_OK && answer.status != PIPC_STATUS_UNSUPPORTED) {
        __atomic_store_n(&worker->phase, PIPCI_PHASE_SENDING, __ATOMIC_SEQ_CST);
        send_last(worker, &request, &answer);
        return false;
    }
    /* Before the client can read the answer, leave and come back for this session's slot. */
    __atomic_store_n(&worker->phase, PIPCI_PHASE_SENDING, __ATOMIC_RELEASE);
    if (!send_answer(worker, &request, &answer))
        return false;
    end_request(worker);
    return true;
}

/* Closing with unread requests would reset the connection and might destroy the last answer on its
 * way. A data plane without a handle for requests knows itself whether something may be unread. */
static void leave_at_stop(struct pipci_worker *worker)
{
    struct pipci_poll poll = {.handle = worker->wait_handle, .want = PIPCI_POLL_READ};
    uint32_t ready = 0;
    if (pipci_session_state(worker->session) != PIPC_SESSION_OPEN)
        return;
    if (!(pipci_session_traits(worker->session) & PIPC_TRAIT_WAIT_HANDLE) ||
        (pipci_poll(&poll, 1, PIPC_NOW, &ready) == PIPC_OK && ready))
        let_read(worker);
}

void pipci_session_serve(struct pipci_worker *worker)
{
    const struct pipci_event *stop = &worker->server->stop;
    while (!pipci_event_is_set(stop) && serve_one(worker)) {
    }
    if (pipci_event_is_set(stop) && !worker->said_last)
        leave_at_stop(worker);
}
