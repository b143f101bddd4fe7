/* SPDX-License-Identifier: Apache-2.0
 *
 * Connection attempts: what each outcome makes of the state, bits withdrawn after a failed attach
 * and the second connection without them, refresh (docs/level2-typed-api.md 4.4 to 4.6).
 *
 * On the owner's thread. Every wait ends with the deadline given and with abort. Nothing falls back
 * in silence: a withdrawal is logged and stays readable in the status.
 */
#include "client.h"

#include <string.h>

#define REACH_PAUSE_NS UINT64_C(20000)

/* Whether a thread may still be waking the session. Those of the parent are not in a child. */
static bool is_reached_for(const struct pipc_client *client)
{
    return __atomic_load_n(&client->reaching, __ATOMIC_SEQ_CST) != 0 &&
           pipci_context_check_process(client->context, NULL) == PIPC_OK;
}

/* Abort, on any thread, wakes the session that is there; with NULL, nobody touches the one that was
 * there any more when this returns. */
static void set_session(struct pipc_client *client, struct pipc_session *session)
{
    client->session = session;
    __atomic_store_n(&client->reachable, session, __ATOMIC_SEQ_CST);
    while (!session && is_reached_for(client)) {
        const struct pipc_wait pause =
            pipci_wait_make(pipci_clock_ns() + REACH_PAUSE_NS, PIPC_NO_HANDLE, NULL);

        (void)pipci_sleep(&pause);
    }
}

void pipci_client_disconnect(struct pipc_client *client, uint32_t state)
{
    struct pipc_session *const session = client->session;

    set_session(client, NULL);
    pipc_session_close(session);
    client->response_len = 0;
    client->state = state;
}

uint32_t pipci_client_withdrawn(struct pipc_client *client)
{
    struct pipci_withdrawn *withdrawn = &client->withdrawn;

    if (withdrawn->for_a_time && pipci_deadline_passed(withdrawn->until_ns)) {
        withdrawn->for_a_time = 0;
    }
    return withdrawn->for_good | withdrawn->for_a_time;
}

/* Takes the bits out of the proposals. False when they all are out already: then trying again would
 * change nothing. */
static bool withdraw(struct pipc_client *client, const struct pipc_upgrade_failure *failure,
                     const struct pipc_error *cause)
{
    struct pipci_withdrawn *withdrawn = &client->withdrawn;
    const uint64_t ms = failure->withdraw_ms ? failure->withdraw_ms : client->times.withdraw_ms;

    if ((failure->bits & ~pipci_client_withdrawn(client)) == 0) {
        return false;
    }
    if (ms >= PIPC_NEVER) {
        withdrawn->for_good |= failure->bits;
    } else {
        withdrawn->for_a_time |= failure->bits;
        withdrawn->until_ns = pipci_deadline(ms);
    }
    withdrawn->result = cause->result;
    memcpy(withdrawn->why, cause->text, sizeof(withdrawn->why));
    pipci_log(client->context, PIPC_LOG_WARNING,
              "service '%s': profile bits 0x%x are no longer offered %s: %s", client->service,
              (unsigned)failure->bits, ms >= PIPC_NEVER ? "by this client" : "for a time",
              cause->text);
    return true;
}

static bool nothing_left(struct pipc_client *client)
{
    const uint32_t withdrawn = pipci_client_withdrawn(client);

    return (client->mask & withdrawn) != 0 && (client->mask & ~withdrawn) == 0;
}

static void remember_session(struct pipc_client *client, struct pipc_session *session)
{
    struct pipc_session_status status;

    memset(&status, 0, sizeof(status));
    status.size = sizeof(status);
    pipc_session_status(session, &status);
    set_session(client, session);
    client->request_limit = status.max_request_payload_bytes;
    client->response_limit = status.max_response_payload_bytes;
    client->request_items = status.max_request_batch_items;
    client->accepted_request = status.max_request_payload_bytes;
}

static uint32_t state_of(pipc_result result)
{
    switch (result) {
    case PIPC_OK:
        return PIPC_CLIENT_READY;
    case PIPC_ERR_CONNECT:
        return PIPC_CLIENT_NOT_FOUND;
    case PIPC_ERR_AUTH_FAILED:
        return PIPC_CLIENT_AUTH_FAILED;
    case PIPC_ERR_NO_PROFILE:
    case PIPC_ERR_INCOMPATIBLE:
        return PIPC_CLIENT_INCOMPATIBLE;
    default:
        return PIPC_CLIENT_DISCONNECTED;
    }
}

/* Connects, if need be several times: a failed attach takes bits away and the next handshake goes
 * without them. */
static pipc_result connect_with_fallback(struct pipc_client *client, const struct pipc_wait *wait,
                                         uint32_t handshake_ms, struct pipc_error *err,
                                         uint32_t *ret_state)
{
    struct pipc_session_settings settings = client->settings;
    struct pipc_upgrade_failure failure;
    struct pipc_session *session;
    pipc_result result;

    settings.max_request_payload_bytes = client->request_proposal;
    settings.max_response_payload_bytes = client->response_hint;
    settings.attach_timeout_ms = client->times.attach_ms;
    for (;;) {
        memset(&failure, 0, sizeof(failure));
        failure.size = sizeof(failure);
        settings.withdrawn_profiles = pipci_client_withdrawn(client);
        result = pipci_connect_wait(client->context, client->run_dir, client->service, &settings,
                                    handshake_ms, wait, &session, &failure, err);
        *ret_state = state_of(result);
        if (result == PIPC_OK) {
            remember_session(client, session);
            return PIPC_OK;
        }
        if (!failure.bits) {
            return result;
        }
        /* The attach failed: whatever its result, nothing was refused. */
        *ret_state = PIPC_CLIENT_DISCONNECTED;
        if (!withdraw(client, &failure, err) || nothing_left(client)) {
            return result;
        }
    }
}

/* The baseline is not offered uninvited: without a profile there is no attempt. */
static pipc_result withdrawn_failure(struct pipc_client *client, struct pipc_error *err)
{
    return pipci_fail(err, client->withdrawn.result, 0,
                      "all profiles of this client are withdrawn: %s", client->withdrawn.why);
}

/* A time for the whole attempt shortens a handshake and never lengthens it, so that a longer one
 * (level 3 always gives one) still finds out in time that a server is mute. */
static uint32_t handshake_bound(const struct pipc_client *client, uint32_t timeout_ms)
{
    const uint32_t own = client->times.handshake_ms;

    return timeout_ms && timeout_ms < own ? timeout_ms : own;
}

pipc_result pipci_client_attempt(struct pipc_client *client, uint64_t deadline_ns,
                                 uint32_t timeout_ms)
{
    const uint64_t bound = timeout_ms ? pipci_deadline(timeout_ms) : PIPC_NEVER;
    const struct pipc_wait wait =
        pipci_wait_event(pipci_deadline_min(bound, deadline_ns), &client->abort);
    struct pipc_error err = PIPC_ERROR_INIT;
    uint32_t state = PIPC_CLIENT_DISCONNECTED;
    pipc_result result;

    if (nothing_left(client)) {
        result = withdrawn_failure(client, &err);
    } else {
        result =
            connect_with_fallback(client, &wait, handshake_bound(client, timeout_ms), &err, &state);
    }
    if (result == PIPC_OK) {
        client->state = PIPC_CLIENT_READY;
        return PIPC_OK;
    }
    err.result = result;
    client->last_attempt = err;
    if (result == PIPC_ERR_FORKED) {
        return result;
    }
    client->state = state;
    if (result == PIPC_ERR_LIMIT_EXCEEDED && err.peer_status == PIPC_STATUS_LIMIT_EXCEEDED) {
        pipci_client_proposal_refused(client);
    }
    if (state == PIPC_CLIENT_AUTH_FAILED || state == PIPC_CLIENT_INCOMPATIBLE) {
        client->refused_until_ns = client->refused_retry_ms == UINT32_MAX
                                       ? PIPC_NEVER
                                       : pipci_deadline(client->refused_retry_ms);
    }
    return result;
}

/* True while a refusal is too young to be tried again. */
static bool refused(const struct pipc_client *client)
{
    return (client->state == PIPC_CLIENT_AUTH_FAILED ||
            client->state == PIPC_CLIENT_INCOMPATIBLE) &&
           !pipci_deadline_passed(client->refused_until_ns);
}

static pipc_result connect_now(struct pipc_client *client, uint32_t timeout_ms,
                               struct pipc_error *err)
{
    const uint32_t before = client->state;
    pipc_result result;

    client->state = PIPC_CLIENT_CONNECTING;
    result = pipci_client_attempt(client, PIPC_NEVER,
                                  timeout_ms ? timeout_ms : client->connect_timeout_ms);
    if (result != PIPC_OK) {
        pipci_error_copy(err, &client->last_attempt);
        return result;
    }
    if (before == PIPC_CLIENT_BROKEN) {
        client->reconnect_count++;
    } else {
        client->connect_count++;
    }
    return PIPC_OK;
}

static pipc_result refresh(struct pipc_client *client, uint32_t timeout_ms, struct pipc_error *err)
{
    pipc_result result;

    if (!client || !client->open) {
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "this client is not initialised");
    }
    result = pipci_context_check_process(client->context, err);
    if (result != PIPC_OK || client->state == PIPC_CLIENT_READY) {
        return result;
    }
    if (pipci_event_is_set(&client->abort)) {
        return pipci_fail(err, PIPC_ERR_ABORTED, 0,
                          "service '%s': the client was aborted, no connection is tried",
                          client->service);
    }
    if (refused(client)) {
        pipci_error_copy(err, &client->last_attempt);
        return client->last_attempt.result;
    }
    return connect_now(client, timeout_ms, err);
}

pipc_result pipc_client_refresh_timeout(struct pipc_client *client, uint32_t timeout_ms,
                                        int *ret_changed, struct pipc_error *err)
{
    const uint32_t before = client ? client->state : 0;
    const pipc_result result = refresh(client, timeout_ms, err);

    if (ret_changed) {
        *ret_changed = client && client->state != before;
    }
    return result;
}

int pipc_client_refresh(struct pipc_client *client)
{
    int changed = 0;

    (void)pipc_client_refresh_timeout(client, 0, &changed, NULL);
    return changed;
}
