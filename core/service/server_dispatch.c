/* SPDX-License-Identifier: Apache-2.0
 *
 * Dispatch: from a request to the answer that the codec and its callback give
 * (docs/level2-typed-api.md 10.6).
 *
 * The response is built where it will be sent from: in the data plane's own area if it has one,
 * else in the session's buffer. Its capacity is exactly the agreed limit. On the session's thread.
 */
#include "server.h"

static uint16_t status_of(pipc_result result, uint32_t stage)
{
    if (stage == PIPC_STAGE_REQUEST)
        return PIPC_STATUS_BAD_ENVELOPE;
    return result == PIPC_ERR_OVERFLOW ? PIPC_STATUS_LIMIT_EXCEEDED : PIPC_STATUS_INTERNAL_ERROR;
}

uint16_t pipci_dispatch_one(struct pipci_worker *worker, const void *request, size_t request_len,
                            void *room, size_t room_len, size_t *ret_len, uint64_t *ret_needed)
{
    const struct pipc_dispatch dispatch = {
        .size = sizeof(dispatch),
        .max_items = __atomic_load_n(&worker->server->snapshot_items, __ATOMIC_RELAXED),
        .from = &worker->request,
        .handler = worker->server->handler,
        .request = request,
        .request_len = request_len,
        .response = room,
        .response_cap = room_len};
    /* A codec that says nothing of the stage has not blamed the request. */
    struct pipc_dispatched done = {.size = sizeof(done), .stage = PIPC_STAGE_CALLBACK};
    const pipc_result result = worker->server->codec->ops.dispatch(&dispatch, &done);
    if (result != PIPC_OK) {
        *ret_needed = result == PIPC_ERR_OVERFLOW ? done.needed : 0;
        return status_of(result, done.stage);
    }
    if (done.response_len > room_len)
        return PIPC_STATUS_INTERNAL_ERROR; /* the codec's fault: what lies behind is not ours */
    *ret_len = done.response_len;
    return PIPC_STATUS_OK;
}

uint16_t pipci_dispatch_uniform(struct pipci_worker *worker, const void *items, uint32_t count,
                                void *answers)
{
    const struct pipc_uniform_hooks *hooks = worker->server->codec->ops.uniform;
    const struct pipc_dispatch dispatch = {.size = sizeof(dispatch),
                                           .from = &worker->request,
                                           .handler = worker->server->handler,
                                           .request = items,
                                           .request_len = (size_t)count * hooks->request_len,
                                           .response = answers,
                                           .response_cap = (size_t)count * hooks->response_len};
    struct pipc_dispatched done = {.size = sizeof(done), .stage = PIPC_STAGE_CALLBACK};
    const pipc_result result = hooks->dispatch(&dispatch, count, &done);
    return result == PIPC_OK ? PIPC_STATUS_OK : status_of(result, done.stage);
}

/* Room for a response of the agreed limit; NULL: no memory. */
static void *response_room(struct pipci_worker *worker)
{
    const size_t limit = worker->response_limit;
    void *room = pipc_session_reserve(worker->session, limit);
    if (room || worker->buffer)
        return room ? room : worker->buffer;
    /* Never cleared, so that pages of a large limit cost nothing until they are written. */
    worker->buffer =
        pipci_alloc(worker->server->allocator, limit > PIPC_SERVICE_MIN_PAYLOAD_BUFFER_BYTES
                                                   ? limit
                                                   : PIPC_SERVICE_MIN_PAYLOAD_BUFFER_BYTES);
    return worker->buffer;
}

void pipci_answer_make(struct pipci_worker *worker, const struct pipc_message *request,
                       struct pipci_answer *ret_answer)
{
    const struct pipc_codec_ops *ops = &worker->server->codec->ops;
    const bool batch = (request->flags & PIPC_FLAG_BATCH) != 0;
    *ret_answer = (struct pipci_answer){.item_count = 1};
    if (request->code != ops->code) {
        ret_answer->status = PIPC_STATUS_UNSUPPORTED;
        return;
    }
    if (batch && (!(ops->traits & PIPC_CODEC_BATCH) || request->item_count == 0)) {
        ret_answer->status = PIPC_STATUS_BAD_ENVELOPE;
        return;
    }
    void *room = response_room(worker);
    if (!room) {
        ret_answer->status = PIPC_STATUS_INTERNAL_ERROR;
        return;
    }
    size_t len = 0;
    uint64_t needed = 0;
    const size_t limit = worker->response_limit;
    ret_answer->status = batch ? pipci_dispatch_batch(worker, request, room, limit, &len, &needed)
                               : pipci_dispatch_one(worker, request->payload, request->payload_len,
                                                    room, limit, &len, &needed);
    if (ret_answer->status == PIPC_STATUS_LIMIT_EXCEEDED)
        pipci_response_limit_raise(worker->server, worker->response_limit, needed);
    if (ret_answer->status != PIPC_STATUS_OK)
        return;
    ret_answer->payload = room;
    ret_answer->len = len;
    if (batch) {
        ret_answer->flags = PIPC_FLAG_BATCH;
        ret_answer->item_count = request->item_count;
    }
}

pipc_result pipc_request_peer(const struct pipc_request *request, struct pipc_peer *ret_peer)
{
    if (!request || !ret_peer)
        return PIPC_ERR_BAD_PARAM;
    if (request->worker->peer.known == 0)
        return PIPC_ERR_NOT_SUPPORTED;
    pipci_out_copy(ret_peer, &request->worker->peer, sizeof(request->worker->peer));
    return PIPC_OK;
}

uint64_t pipc_request_deadline(const struct pipc_request *request)
{
    if (!request)
        return PIPC_NEVER;
    struct pipci_worker *worker = request->worker;
    /* Most callbacks never ask, so the clock is read at the first question. */
    if (worker->deadline_ns == 0)
        worker->deadline_ns = pipci_deadline(worker->server->io_timeout_ms);
    return worker->deadline_ns;
}
