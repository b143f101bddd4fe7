/* SPDX-License-Identifier: Apache-2.0
 *
 * Life of a client context: create, init, close, destroy, drop, abort, status
 * (docs/level2-typed-api.md 4).
 *
 * One owner at a time, but for abort and clear abort, which any thread may call between create and
 * destroy. Nothing here does I/O, except that closing a session tells the peer.
 */
#include "client.h"

#include <string.h>

static const struct pipci_client_times default_times = {
    .handshake_ms = PIPC_HANDSHAKE_TIMEOUT_MS,
    .attach_ms = PIPC_CLIENT_ATTACH_TIMEOUT_MS,
    .withdraw_ms = PIPC_CLIENT_ATTACH_WITHDRAW_MS,
    .drain_ms = PIPC_CLIENT_RECONNECT_DRAIN_MS,
    .interval_ms = PIPC_CLIENT_RECONNECT_INTERVAL_MS,
    .reconnect_attempts = PIPC_CLIENT_RECONNECT_ATTEMPTS,
    .overflow_retries = PIPC_CLIENT_OVERFLOW_RETRIES_MAX,
};

const char *pipc_client_state_name(uint32_t state)
{
    static const char *const names[] = {"disconnected", "connecting",   "ready", "not_found",
                                        "auth_failed",  "incompatible", "broken"};

    return state < PIPCI_COUNT(names) ? names[state] : "unknown";
}

/* Error records keep their size; everything else of a past life is forgotten. */
static void clear_error(struct pipc_error *error)
{
    memset(error, 0, sizeof(*error));
    error->size = sizeof(*error);
}

static void forget(struct pipc_client *client)
{
    client->state = PIPC_CLIENT_DISCONNECTED;
    client->connect_count = 0;
    client->reconnect_count = 0;
    client->call_count = 0;
    client->error_count = 0;
    clear_error(&client->last_attempt);
    clear_error(&client->last_call);
    clear_error(&client->failure);
    memset(&client->withdrawn, 0, sizeof(client->withdrawn));
    client->refused_until_ns = 0;
    client->next_id = 1;
    client->codec = NULL;
}

static void free_identity(struct pipc_client *client)
{
    pipci_free(client->allocator, client->run_dir);
    pipci_free(client->allocator, client->service);
    client->run_dir = NULL;
    client->service = NULL;
}

static pipc_result no_memory(const char *service, struct pipc_error *err)
{
    return pipci_fail(err, PIPC_ERR_ALLOC, 0, "no memory for a client of service '%.80s'",
                      service ? service : "");
}

pipc_result pipc_client_init(struct pipc_client *client, const char *run_dir, const char *service,
                             const struct pipc_client_config *config, struct pipc_error *err)
{
    pipc_result result;

    if (!client) {
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "no client to initialise");
    }
    if (client->open) {
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                          "the client of service '%.80s' must be closed before it is initialised",
                          client->service);
    }
    result = pipci_context_check_process(client->context, err);
    if (result != PIPC_OK) {
        return result;
    }
    client->run_dir = run_dir ? pipci_strdup(client->allocator, run_dir) : NULL;
    client->service = pipci_strdup(client->allocator, service ? service : "");
    if ((run_dir && !client->run_dir) || !client->service) {
        free_identity(client);
        return no_memory(service, err);
    }
    forget(client);
    pipci_client_configure(client, config);
    client->open = true;
    return PIPC_OK;
}

static pipc_result make_abort(struct pipc_client *client, const char *service,
                              struct pipc_error *err)
{
    struct pipc_error cause = PIPC_ERROR_INIT;
    const pipc_result result = pipci_event_init(&client->abort, &cause);

    if (result == PIPC_OK) {
        return PIPC_OK;
    }
    return pipci_fail(err, result, cause.os_code, "%s: %s", service ? service : "", cause.text);
}

pipc_result pipc_client_create(struct pipc_context *context, const char *run_dir,
                               const char *service, const struct pipc_client_config *config,
                               struct pipc_client **ret_client, struct pipc_error *err)
{
    struct pipc_client *client;
    pipc_result result;

    if (ret_client) {
        *ret_client = NULL;
    }
    if (!context || !ret_client) {
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                          "a client needs a context and a place for it");
    }
    result = pipci_context_check_process(context, err);
    if (result != PIPC_OK) {
        return result;
    }
    client = pipci_zalloc(pipci_context_allocator(context), sizeof(*client));
    if (!client) {
        return no_memory(service, err);
    }
    client->context = context;
    client->allocator = pipci_context_allocator(context);
    client->times = default_times;
    /* A client that could not be aborted is none. */
    result = make_abort(client, service, err);
    if (result == PIPC_OK) {
        result = pipc_client_init(client, run_dir, service, config, err);
    }
    if (result != PIPC_OK) {
        pipci_event_done(&client->abort);
        pipci_free(client->allocator, client);
        return result;
    }
    pipci_context_hold(context);
    *ret_client = client;
    return PIPC_OK;
}

void pipc_client_drop(struct pipc_client *client)
{
    if (client && client->state == PIPC_CLIENT_READY) {
        pipci_client_disconnect(client, PIPC_CLIENT_BROKEN);
    }
}

int pipc_client_ready(const struct pipc_client *client)
{
    return client && client->state == PIPC_CLIENT_READY;
}

size_t pipc_client_response_len(const struct pipc_client *client)
{
    return client ? client->response_len : 0;
}

void pipc_client_set_call_timeout(struct pipc_client *client, uint32_t timeout_ms)
{
    if (client) {
        client->call_timeout_ms = timeout_ms ? timeout_ms : PIPC_CLIENT_CALL_TIMEOUT_DEFAULT_MS;
    }
}

/* The object behind the event is shared with the parent of a forked child, which must not feel what
 * the child does. */
static bool owns_event(const struct pipc_client *client)
{
    return client && client->context &&
           pipci_context_check_process(client->context, NULL) == PIPC_OK;
}

/* No lock, because a signal handler may come here on the owner's own thread. Who closes the session
 * takes it out of reach first and then waits until nobody is inside. */
void pipc_client_abort(struct pipc_client *client)
{
    struct pipc_session *session;

    if (owns_event(client)) {
        pipci_event_set(&client->abort);
        __atomic_add_fetch(&client->reaching, 1, __ATOMIC_SEQ_CST);
        session = __atomic_load_n(&client->reachable, __ATOMIC_SEQ_CST);
        if (session && __atomic_load_n(&client->inside, __ATOMIC_SEQ_CST)) {
            pipc_session_interrupt(session);
        } else if (session) {
            pipci_session_wake(session);
        }
        __atomic_sub_fetch(&client->reaching, 1, __ATOMIC_RELEASE);
    }
}

void pipc_client_clear_abort(struct pipc_client *client)
{
    if (owns_event(client)) {
        pipci_event_clear(&client->abort);
    }
}

void pipc_client_close(struct pipc_client *client)
{
    if (!client) {
        return;
    }
    pipci_client_disconnect(client, PIPC_CLIENT_DISCONNECTED);
    pipci_free(client->allocator, client->request);
    client->request = NULL;
    client->request_cap = 0;
    pipci_free(client->allocator, client->stitched);
    client->stitched = NULL;
    client->stitched_cap = 0;
    free_identity(client);
    client->refused_until_ns = 0;
    client->open = false;
    pipc_client_clear_abort(client);
}

void pipc_client_destroy(struct pipc_client *client)
{
    struct pipc_context *context;

    if (!client) {
        return;
    }
    pipc_client_close(client);
    context = client->context;
    pipci_event_done(&client->abort);
    pipci_free(client->allocator, client);
    pipci_context_release(context);
}

static uint64_t ms_left(uint64_t until_ns)
{
    const uint64_t now = pipci_clock_ns();

    if (until_ns >= PIPC_NEVER) {
        return PIPC_NEVER;
    }
    return until_ns > now ? (until_ns - now + PIPC_NS_PER_MS - 1) / PIPC_NS_PER_MS : 0;
}

static void status_withdrawn(const struct pipci_withdrawn *withdrawn,
                             struct pipc_client_status *status)
{
    const uint64_t left = withdrawn->for_a_time ? ms_left(withdrawn->until_ns) : 0;

    status->withdrawn_profiles = withdrawn->for_good | (left ? withdrawn->for_a_time : 0);
    if (!status->withdrawn_profiles) {
        return;
    }
    status->withdrawn_for_ms = withdrawn->for_good ? PIPC_NEVER : left;
    memcpy(status->withdrawn_why, withdrawn->why, sizeof(status->withdrawn_why));
}

static void status_refused(const struct pipc_client *client, struct pipc_client_status *status)
{
    uint64_t left;

    if (client->state != PIPC_CLIENT_AUTH_FAILED && client->state != PIPC_CLIENT_INCOMPATIBLE) {
        return;
    }
    left = ms_left(client->refused_until_ns);
    status->refused_retry_in_ms = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
}

void pipc_client_status(const struct pipc_client *client, struct pipc_client_status *ret_status)
{
    struct pipc_client_status status;

    if (!ret_status) {
        return;
    }
    memset(&status, 0, sizeof(status));
    status.last_attempt.size = sizeof(status.last_attempt);
    status.last_call.size = sizeof(status.last_call);
    status.session.size = sizeof(status.session);
    if (client) {
        status.state = client->state;
        status.connect_count = client->connect_count;
        status.reconnect_count = client->reconnect_count;
        status.call_count = client->call_count;
        status.error_count = client->error_count;
        status.last_attempt = client->last_attempt;
        status.last_call = client->last_call;
        status.request_proposal = client->request_proposal;
        status.response_hint = client->response_hint;
        status_withdrawn(&client->withdrawn, &status);
        status_refused(client, &status);
        if (client->session) {
            pipc_session_status(client->session, &status.session);
        }
    }
    pipci_out_copy(ret_status, &status, sizeof(status));
}
