/* SPDX-License-Identifier: Apache-2.0
 *
 * One attempt at an exchange: request out, response in, judged (docs/level2-typed-api.md 5).
 *
 * On the owner's thread. The hot path: with a session that takes messages of this size and a buffer
 * grown once, nothing is allocated and the request is encoded straight into the data plane where it
 * offers room.
 */
#include "client.h"

#include <stdarg.h>

/* Keeps the failure of this attempt and gives its class back. */
static enum pipci_class fail(struct pipc_client *client, enum pipci_class class, pipc_result result,
                             const char *format, ...) PIPCI_PRINTF(4, 5) PIPCI_COLD;

static enum pipci_class fail(struct pipc_client *client, enum pipci_class class, pipc_result result,
                             const char *format, ...)
{
    va_list args;

    va_start(args, format);
    client->failure.peer_status = PIPC_STATUS_OK;
    (void)pipci_vfail(&client->failure, result, 0, format, args);
    va_end(args);
    return class;
}

/* Deadline and abort end the call wherever they strike; a message that one side cannot hold may fit
 * a later session. */
static enum pipci_class class_of(pipc_result result)
{
    switch (result) {
    case PIPC_ERR_TIMEOUT:
    case PIPC_ERR_ABORTED:
        return PIPCI_CLASS_TERMINAL;
    case PIPC_ERR_LIMIT_EXCEEDED:
        return PIPCI_CLASS_OVERFLOW;
    default:
        return PIPCI_CLASS_ORDINARY;
    }
}

/* Checks of 5.2 that need no memory. */
static enum pipci_class check_limits(struct pipc_client *client,
                                     const struct pipci_request *request)
{
    if (request->item_count > client->request_items) {
        return fail(client, PIPCI_CLASS_FINAL, PIPC_ERR_OVERFLOW,
                    "service '%s': %u items do not fit the agreed %u of a batch", client->service,
                    (unsigned)request->item_count, (unsigned)client->request_items);
    }
    if (request->size > pipc_session_send_limit(client->session)) {
        pipci_client_grow_request(client, request->size);
        return fail(client, PIPCI_CLASS_OVERFLOW, PIPC_ERR_OVERFLOW,
                    "service '%s': a request of %llu bytes does not fit the %u of the session",
                    client->service, (unsigned long long)request->size,
                    (unsigned)pipc_session_send_limit(client->session));
    }
    return PIPCI_CLASS_DONE;
}

/* Room in the data plane, else the buffer of the client, grown when it must be. NULL: no memory. */
static void *request_room(struct pipc_client *client, size_t size)
{
    void *room = pipc_session_reserve(client->session, size);

    if (room || size <= client->request_cap) {
        return room ? room : client->request;
    }
    if (size < PIPC_SERVICE_MIN_PAYLOAD_BUFFER_BYTES) {
        size = PIPC_SERVICE_MIN_PAYLOAD_BUFFER_BYTES;
    }
    pipci_free(client->allocator, client->request);
    client->request = pipci_alloc(client->allocator, size);
    client->request_cap = client->request ? size : 0;
    return client->request;
}

/* The payload to send: as it is, or encoded anew. */
static enum pipci_class prepare(struct pipc_client *client, const struct pipci_request *request,
                                struct pipc_message *message)
{
    size_t len = 0;
    void *room;
    pipc_result result;

    message->payload = request->bytes;
    message->payload_len = (size_t)request->size;
    if (request->bytes || !request->size) {
        return PIPCI_CLASS_DONE;
    }
    room = request_room(client, (size_t)request->size);
    if (!room) {
        return fail(client, PIPCI_CLASS_FINAL, PIPC_ERR_ALLOC,
                    "service '%s': no memory for a request of %llu bytes", client->service,
                    (unsigned long long)request->size);
    }
    result = request->encode(request->arg, room, (size_t)request->size, &len);
    if (result != PIPC_OK) {
        return fail(client, PIPCI_CLASS_FINAL, result,
                    "service '%s': the request cannot be encoded: %s", client->service,
                    pipc_result_text(result));
    }
    message->payload = room;
    message->payload_len = len;
    return PIPCI_CLASS_DONE;
}

static enum pipci_class send_request(struct pipc_client *client,
                                     const struct pipci_request *request,
                                     struct pipc_message *message, const struct pipc_wait *wait)
{
    enum pipci_class class = check_limits(client, request);
    pipc_result result;

    if (class == PIPCI_CLASS_DONE) {
        class = prepare(client, request, message);
    }
    if (class != PIPCI_CLASS_DONE) {
        return class;
    }
    client->failure.peer_status = PIPC_STATUS_OK;
    result = pipci_session_send_wait(client->session, message, wait, &client->failure);
    if (result == PIPC_OK) {
        return PIPCI_CLASS_DONE;
    }
    client->failure.result = result;
    if (result == PIPC_ERR_ALLOC) {
        return PIPCI_CLASS_FINAL; /* no memory to remember the id: nothing was sent */
    }
    return class_of(result);
}

/* What an answer's status says, in words; LIMIT_EXCEEDED has a sentence of its own. */
static const char *refusal_of(uint16_t status)
{
    switch (status) {
    case PIPC_STATUS_BAD_ENVELOPE:
        return "it could not read the request";
    case PIPC_STATUS_UNSUPPORTED:
        return "the method is not served there";
    case PIPC_STATUS_INTERNAL_ERROR:
        return "it failed itself";
    default:
        return "an unknown reason";
    }
}

/* Checks 2 to 4 of 5.4. */
static enum pipci_class check_response(struct pipc_client *client,
                                       const struct pipci_request *request, uint64_t id,
                                       const struct pipc_message *response)
{
    const bool batch = (request->flags & PIPC_FLAG_BATCH) != 0;
    const bool flagged = (response->flags & PIPC_FLAG_BATCH) != 0;

    if (response->code != request->code || response->message_id != id) {
        return fail(
            client, PIPCI_CLASS_ORDINARY, PIPC_ERR_BAD_LAYOUT,
            "service '%s': the response has method code %u and id %llu, expected %u and %llu",
            client->service, (unsigned)response->code, (unsigned long long)response->message_id,
            (unsigned)request->code, (unsigned long long)id);
    }
    if (response->transport_status == PIPC_STATUS_LIMIT_EXCEEDED) {
        pipci_client_grow_response(client);
        (void)fail(client, PIPCI_CLASS_OVERFLOW, PIPC_ERR_OVERFLOW,
                   "service '%s': the response does not fit the %u bytes of the session",
                   client->service, (unsigned)client->response_limit);
        client->failure.peer_status = PIPC_STATUS_LIMIT_EXCEEDED;
        return PIPCI_CLASS_OVERFLOW;
    }
    if (response->transport_status != PIPC_STATUS_OK) {
        (void)fail(client, PIPCI_CLASS_ORDINARY, PIPC_ERR_BAD_LAYOUT,
                   "service '%s': the server refused the call: %s (status %u)", client->service,
                   refusal_of(response->transport_status), (unsigned)response->transport_status);
        client->failure.peer_status = response->transport_status;
        return PIPCI_CLASS_ORDINARY;
    }
    if (batch && (!flagged || response->item_count != request->item_count)) {
        return fail(client, PIPCI_CLASS_ORDINARY, PIPC_ERR_BAD_ITEM_COUNT,
                    "service '%s': the response has %u items%s, expected a batch of %u",
                    client->service, (unsigned)response->item_count,
                    flagged ? "" : " and is no batch", (unsigned)request->item_count);
    }
    if (!batch && flagged) {
        return fail(client, PIPCI_CLASS_ORDINARY, PIPC_ERR_BAD_LAYOUT,
                    "service '%s': the response is a batch, the request was none", client->service);
    }
    return PIPCI_CLASS_DONE;
}

static enum pipci_class judge(struct pipc_client *client, const struct pipci_request *request,
                              uint64_t id, const struct pipc_message *response)
{
    const enum pipci_class class = check_response(client, request, id, response);
    pipc_result result;

    if (class != PIPCI_CLASS_DONE) {
        return class;
    }
    client->response_uniform = response->uniform_len;
    result = request->decode(request->arg, response->payload, response->payload_len);
    if (result != PIPC_OK) {
        return fail(client, PIPCI_CLASS_ORDINARY, result,
                    "service '%s': the response of %llu bytes does not decode: %s", client->service,
                    (unsigned long long)response->payload_len, pipc_result_text(result));
    }
    client->response_len = response->payload_len;
    client->call_count++;
    return PIPCI_CLASS_DONE;
}

/* A server may answer and close while the request is still on its way: its answer says more than
 * the failed send. */
static enum pipci_class last_look(struct pipc_client *client, const struct pipci_request *request,
                                  uint64_t id)
{
    const struct pipc_wait look = pipci_wait_event(PIPC_NOW, &client->abort);
    struct pipc_message response = {.size = sizeof(response)};
    const pipc_result result =
        pipci_session_receive_wait(client->session, &look, 0, &response, NULL);

    if (result == PIPC_OK) {
        return judge(client, request, id, &response);
    }
    if (result == PIPC_ERR_ABORTED) {
        return fail(client, PIPCI_CLASS_TERMINAL, result, "service '%s': the call was aborted",
                    client->service);
    }
    return PIPCI_CLASS_ORDINARY;
}

static enum pipci_class exchange(struct pipc_client *client, const struct pipci_request *request,
                                 const struct pipc_wait *wait)
{
    const uint64_t id = client->next_id++;
    struct pipc_message message = {
        .size = sizeof(message),
        .kind = PIPC_KIND_REQUEST,
        .flags = request->flags,
        .code = request->code,
        .transport_status = PIPC_STATUS_OK,
        .item_count = request->item_count,
        .message_id = id,
    };
    enum pipci_class class = send_request(client, request, &message, wait);
    pipc_result result;

    if (class == PIPCI_CLASS_ORDINARY && client->failure.result == PIPC_ERR_SEND) {
        return last_look(client, request, id);
    }
    if (class != PIPCI_CLASS_DONE) {
        return class;
    }
    result = pipci_session_receive_wait(client->session, wait, 0, &message, &client->failure);
    if (result == PIPC_OK) {
        return judge(client, request, id, &message);
    }
    client->failure.result = result;
    class = class_of(result);
    if (class == PIPCI_CLASS_OVERFLOW) {
        client->failure.result = PIPC_ERR_OVERFLOW;
    }
    return class;
}

/* A channel that sleeps on the socket alone needs one system call less: abort interrupts it instead
 * of waking it through a handle, which costs nothing, since an aborted call gives up its session
 * anyway. The mark and the flag of abort are a store and a load on each side: either this thread
 * sees the abort, or who aborts sees the mark. */
static enum pipci_class exchange_interrupted(struct pipc_client *client,
                                             const struct pipci_request *request,
                                             const struct pipc_wait *wait)
{
    struct pipc_wait bare = *wait;
    enum pipci_class class;

    bare.abort = PIPC_NO_HANDLE;
    __atomic_store_n(&client->inside, 1, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!pipc_wait_aborted(wait)) {
        class = exchange(client, request, &bare);
    } else {
        class = fail(client, PIPCI_CLASS_TERMINAL, PIPC_ERR_ABORTED,
                     "service '%s': the call was aborted", client->service);
    }
    __atomic_store_n(&client->inside, 0, __ATOMIC_RELEASE);
    /* An abort that was taken back, but whose interrupt came: a lost session like any other. */
    if (class == PIPCI_CLASS_TERMINAL && client->failure.result == PIPC_ERR_ABORTED &&
        !pipc_wait_aborted(wait)) {
        return fail(client, PIPCI_CLASS_ORDINARY, PIPC_ERR_DISCONNECTED,
                    "service '%s': the session was interrupted by an abort that is over",
                    client->service);
    }
    return class;
}

enum pipci_class pipci_exchange(struct pipc_client *client, const struct pipci_request *request,
                                const struct pipc_wait *wait)
{
    if (pipci_session_traits(client->session) & PIPC_TRAIT_WAIT_HANDLE) {
        return exchange_interrupted(client, request, wait);
    }
    return exchange(client, request, wait);
}
