/* SPDX-License-Identifier: Apache-2.0
 *
 * Recovery of an exchange: reconnect, one retry after an ordinary failure, growth after an overflow
 * (docs/level2-typed-api.md 6).
 *
 * On the owner's thread. Deadline and abort of the call hold everywhere: in pauses, in connection
 * attempts, between them; they then replace the error that started the recovery.
 */
#include "client.h"

/* Ends the call: nothing of it is cured by another attempt. */
static pipc_result strike(struct pipc_client *client, pipc_result result)
{
    pipci_client_disconnect(client, PIPC_CLIENT_BROKEN);
    client->failure.peer_status = PIPC_STATUS_OK;
    if (result == PIPC_ERR_ABORTED) {
        return pipci_fail(&client->failure, result, 0, "service '%s': the call was aborted",
                          client->service);
    }
    return pipci_fail(&client->failure, PIPC_ERR_TIMEOUT, 0,
                      "service '%s': the deadline of the call passed between two exchanges",
                      client->service);
}

pipc_result pipci_client_look(struct pipc_client *client, const struct pipc_wait *wait)
{
    if (pipci_event_is_set(&client->abort)) {
        return strike(client, PIPC_ERR_ABORTED);
    }
    if (pipci_deadline_passed(wait->deadline_ns)) {
        return strike(client, PIPC_ERR_TIMEOUT);
    }
    return PIPC_OK;
}

static pipc_result rest(struct pipc_client *client, uint32_t ms, const struct pipc_wait *wait)
{
    const uint64_t until = pipci_deadline_min(pipci_deadline(ms), wait->deadline_ns);
    const struct pipc_wait nap = pipci_wait_event(until, &client->abort);

    if (ms && pipci_sleep(&nap) == PIPC_ERR_ABORTED) {
        return strike(client, PIPC_ERR_ABORTED);
    }
    return pipci_client_look(client, wait);
}

/* The outcomes that another attempt in a few milliseconds would only repeat. */
static bool hopeless(const struct pipc_client *client)
{
    const pipc_result result = client->last_attempt.result;

    return client->state == PIPC_CLIENT_AUTH_FAILED || client->state == PIPC_CLIENT_INCOMPATIBLE ||
           result == PIPC_ERR_LIMIT_EXCEEDED || result == PIPC_ERR_FORKED;
}

static bool has_struck(pipc_result result)
{
    return result == PIPC_ERR_TIMEOUT || result == PIPC_ERR_ABORTED;
}

pipc_result pipci_client_reconnect(struct pipc_client *client, bool drain,
                                   const struct pipc_wait *wait)
{
    uint32_t attempt;

    pipci_client_disconnect(client, PIPC_CLIENT_BROKEN);
    for (attempt = 0; attempt < client->times.reconnect_attempts; attempt++) {
        const uint32_t pause = attempt ? client->times.interval_ms
                               : drain ? client->times.drain_ms
                                       : 0;
        pipc_result result = rest(client, pause, wait);

        if (result != PIPC_OK) {
            return result;
        }
        result = pipci_client_attempt(client, wait->deadline_ns, client->connect_timeout_ms);
        if (result == PIPC_OK) {
            client->reconnect_count++;
            return PIPC_OK;
        }
        if (result == PIPC_ERR_ABORTED) {
            return strike(client, result);
        }
        result = pipci_client_look(client, wait);
        if (result != PIPC_OK) {
            return result;
        }
        if (hopeless(client)) {
            break;
        }
    }
    /* Not the result of the attempt, which may be a TIMEOUT of its own: the call is not over by
     * that. */
    return PIPC_ERR_CONNECT;
}

/* 6.2. On entry client->failure has the first error. */
static pipc_result retry_once(struct pipc_client *client, const struct pipci_request *request,
                              const struct pipc_wait *wait)
{
    const struct pipc_error first = client->failure;
    pipc_result result = pipci_client_reconnect(client, true, wait);

    if (result == PIPC_OK) {
        result = rest(client, client->times.interval_ms, wait);
    }
    if (has_struck(result)) {
        return result;
    }
    if (result != PIPC_OK) {
        client->failure = first;
        return first.result;
    }
    if (pipci_exchange(client, request, wait) == PIPCI_CLASS_DONE) {
        return PIPC_OK;
    }
    pipci_client_disconnect(client, PIPC_CLIENT_BROKEN);
    return client->failure.result;
}

/* 6.3, steps 3 to 6. PIPC_OK: a larger session is there, try again. On entry client->failure has
 * the overflow. */
static pipc_result regrow(struct pipc_client *client, uint32_t *count, const struct pipc_wait *wait)
{
    const uint32_t request_limit = client->request_limit;
    const uint32_t response_limit = client->response_limit;
    const struct pipc_error overflow = client->failure;
    const pipc_result result = pipci_client_reconnect(client, false, wait);

    if (has_struck(result)) {
        return result;
    }
    if (result == PIPC_OK &&
        ((client->request_limit <= request_limit && client->response_limit <= response_limit) ||
         ++*count >= client->times.overflow_retries)) {
        pipci_client_disconnect(client, PIPC_CLIENT_BROKEN);
    }
    if (client->state != PIPC_CLIENT_READY) {
        client->failure = overflow;
        return overflow.result;
    }
    return rest(client, client->times.interval_ms, wait);
}

pipc_result pipci_client_exchange(struct pipc_client *client, const struct pipci_request *request,
                                  const struct pipc_wait *wait)
{
    uint32_t overflows = 0;
    pipc_result result;

    for (;;) {
        switch (pipci_exchange(client, request, wait)) {
        case PIPCI_CLASS_DONE:
            return PIPC_OK;
        case PIPCI_CLASS_FINAL:
            return client->failure.result;
        case PIPCI_CLASS_TERMINAL:
            pipci_client_disconnect(client, PIPC_CLIENT_BROKEN);
            return client->failure.result;
        case PIPCI_CLASS_ORDINARY:
            return retry_once(client, request, wait);
        case PIPCI_CLASS_OVERFLOW:
            break;
        }
        result = regrow(client, &overflows, wait);
        if (result != PIPC_OK) {
            return result;
        }
    }
}
