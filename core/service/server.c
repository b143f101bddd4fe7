/* SPDX-License-Identifier: Apache-2.0
 *
 * A server is made: arguments, configuration, endpoint (docs/level2-typed-api.md 10.1, 10.2).
 *
 * Nothing is left behind when that fails. On one thread; several servers may be made at once.
 */
#include "server.h"

#include <string.h>

/* Zeroes behind the copy of a handler. */
#define HANDLER_TAIL 64u

/* What create was given, with the service's configuration and the codec. */
struct plan {
    struct pipc_server_config given;
    struct pipci_service service;
    const struct pipci_codec *codec;
    const char *name;
    const char *run_dir;
    const void *handler;
    uint32_t handler_size;
    int32_t workers;
};

static uint32_t first(uint32_t given, uint32_t configured, uint32_t fallback)
{
    return given ? given : configured ? configured : fallback;
}

/* ---- arguments ---- */

static pipc_result find_codec(struct pipc_context *context, const char *name, uint32_t major,
                              const struct pipci_codec **ret_codec, struct pipc_error *err)
{
    const pipc_result result = pipci_context_codec(context, name, ret_codec, err);
    if (result != PIPC_OK)
        return result;
    if ((*ret_codec)->ops.table_major != major)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "codec %s: its table has major %u, the program was built for %u", name,
                          (*ret_codec)->ops.table_major, major);
    return PIPC_OK;
}

/* A handler struct begins with its size. */
static pipc_result read_handler(struct plan *plan, const char *codec, const void *handler,
                                struct pipc_error *err)
{
    if (!handler)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "codec %s: no handler given", codec);
    memcpy(&plan->handler_size, handler, sizeof(plan->handler_size));
    if (plan->handler_size < sizeof(plan->handler_size))
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "codec %s: the handler's size is %u", codec,
                          plan->handler_size);
    plan->handler = handler;
    return PIPC_OK;
}

static pipc_result check_sizes(const struct plan *plan, struct pipc_error *err)
{
    const struct pipc_server_config *given = &plan->given;
    if (given->max_request_payload_bytes > PIPC_PAYLOAD_LEN_MAX ||
        given->max_response_payload_bytes > PIPC_PAYLOAD_LEN_MAX ||
        given->growth_ceiling_bytes > PIPC_PAYLOAD_LEN_MAX)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                          "service %s: a payload limit is above %" PRIu32, plan->name,
                          (uint32_t)PIPC_PAYLOAD_LEN_MAX);
    return PIPC_OK;
}

static pipc_result make_plan(struct pipc_context *context, const char *codec, uint32_t major,
                             const char *service, const struct pipc_server_config *config,
                             struct plan *plan, struct pipc_error *err)
{
    pipc_result result = find_codec(context, codec, major, &plan->codec, err);
    if (result != PIPC_OK)
        return result;
    plan->name = service ? service : plan->codec->ops.default_service;
    if (!plan->name)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "codec %s: no service name given", codec);
    if (config)
        memcpy(&plan->given, config,
               config->size < sizeof(plan->given) ? config->size : sizeof(plan->given));
    result = pipci_context_service(context, plan->name, &plan->service, err);
    return result == PIPC_OK ? check_sizes(plan, err) : result;
}

/* ---- settings ---- */

/* A caller without preference lets the configuration say how many. */
static uint32_t worker_count(const struct plan *plan)
{
    const uint32_t configured = plan->service.max_sessions;

    if (plan->workers == PIPC_SERVER_WORKERS_CONFIGURED)
        return configured ? configured : PIPC_SERVER_WORKERS_DEFAULT;
    return plan->workers < 1 ? 1 : (uint32_t)plan->workers;
}

/* Level 2, 10.2: a response size without a growth ceiling is meant to stay. */
static uint32_t growth_ceiling(const struct plan *plan)
{
    const uint32_t fixed =
        first(plan->given.max_response_payload_bytes, plan->service.max_response_bytes, 0);
    return first(plan->given.growth_ceiling_bytes, plan->service.growth_ceiling_bytes,
                 fixed ? fixed : PIPC_MAX_PAYLOAD_CAP);
}

static void fill_settings(struct pipc_server *server, const struct plan *plan)
{
    const struct pipc_server_config *given = &plan->given;
    struct pipc_session_settings *s = &server->settings;
    s->size = sizeof(*s);
    /* The pair of masks is one value: who gives one of them gives both. */
    s->supported_profiles = given->supported_profiles;
    if (!s->supported_profiles && given->preferred_profiles)
        s->supported_profiles = plan->service.supported;
    s->preferred_profiles = given->preferred_profiles;
    s->max_request_payload_bytes = first(given->max_request_payload_bytes,
                                         plan->service.max_request_bytes, PIPC_MAX_PAYLOAD_DEFAULT);
    s->max_response_payload_bytes =
        first(given->max_response_payload_bytes, plan->service.max_response_bytes,
              PIPC_SERVICE_RESPONSE_PAYLOAD_DEFAULT);
    s->max_request_batch_items = given->max_request_batch_items;
    s->max_response_batch_items = given->max_request_batch_items;
    s->packet_size = first(given->packet_size, plan->service.packet_size, 0);
    s->handshake_timeout_ms = given->handshake_timeout_ms;
    s->auth_token = given->auth_token;
    s->auth_token_given = given->auth_token_given;
}

static void configure(struct pipc_server *server, const struct plan *plan)
{
    const struct pipc_server_config *given = &plan->given;
    fill_settings(server, plan);
    server->codec = plan->codec;
    server->workers_max = worker_count(plan);
    server->growth_ceiling = growth_ceiling(plan);
    server->response_limit = server->settings.max_response_payload_bytes;
    server->io_timeout_ms = first(given->io_timeout_ms, 0, PIPC_SERVER_IO_TIMEOUT_MS);
    server->idle_timeout_ms = first(given->idle_timeout_ms, plan->service.idle_timeout_ms, 0);
    server->max_total_bytes =
        given->max_total_bytes ? given->max_total_bytes : plan->service.max_total_bytes;
    server->snapshot_items = given->snapshot_items;
    server->tally_count = server->workers_max < PIPCI_TALLIES ? server->workers_max : PIPCI_TALLIES;
}

/* ---- the object ---- */

static pipc_result make_events(struct pipc_server *server, const struct plan *plan,
                               struct pipc_error *err)
{
    struct pipc_error cause = PIPC_ERROR_INIT;
    pipc_result result = pipci_event_init(&server->stop, &cause);

    if (result == PIPC_OK)
        result = pipci_event_init(&server->wake, &cause);
    if (result == PIPC_OK)
        return PIPC_OK;
    return pipci_fail(err, result, cause.os_code, "service %s: %s", plan->name, cause.text);
}

static pipc_result make_parts(struct pipc_server *server, const struct plan *plan,
                              struct pipc_error *err)
{
    const struct pipc_allocator *a = server->allocator;
    server->service = pipci_strdup(a, plan->name);
    /* A handler of an older, shorter struct ends in null callbacks. */
    server->handler = pipci_zalloc(a, (size_t)plan->handler_size + HANDLER_TAIL);
    server->tallies = pipci_zalloc(a, (server->tally_count + 1) * sizeof(*server->tallies));
    if (!server->service || !server->handler || !server->tallies)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "service %s: no memory for the server",
                          plan->name);
    memcpy(server->handler, plan->handler, plan->handler_size);
    if (pipci_mutex_init(&server->lock) == PIPC_OK)
        server->made |= PIPCI_MADE_LOCK;
    if (pipci_cond_init(&server->changed) == PIPC_OK)
        server->made |= PIPCI_MADE_CHANGED;
    if (!(server->made & PIPCI_MADE_LOCK) || !(server->made & PIPCI_MADE_CHANGED))
        /* LCOV_EXCL_START: they cannot fail on any supported system */
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "service %s: no lock for the server", plan->name);
    /* LCOV_EXCL_STOP */
    return make_events(server, plan, err);
}

static pipc_result listen_at(struct pipc_server *server, const struct plan *plan,
                             struct pipc_error *err)
{
    if (plan->given.adopt)
        return pipc_listen_adopt(server->context, plan->run_dir, plan->name, &server->settings,
                                 plan->given.adopt_handle, &server->listener, err);
    return pipc_listen(server->context, plan->run_dir, plan->name, &server->settings,
                       &server->listener, err);
}

static pipc_result make_server(struct pipc_context *context, const struct plan *plan,
                               struct pipc_server **ret_server, struct pipc_error *err)
{
    const struct pipc_allocator *a = pipci_context_allocator(context);
    struct pipc_server *server = pipci_zalloc(a, sizeof(*server));
    if (!server)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "service %s: no memory for the server",
                          plan->name);
    server->context = context;
    server->allocator = a;
    server->process = pipci_process_id();
    configure(server, plan);
    pipci_context_hold(context);
    server->made = PIPCI_MADE_HELD;
    pipc_result result = make_parts(server, plan, err);
    if (result == PIPC_OK)
        result = listen_at(server, plan, err);
    if (result != PIPC_OK) {
        pipci_server_free(server);
        return result;
    }
    *ret_server = server;
    return PIPC_OK;
}

pipc_result pipc_server_create(struct pipc_context *context, const char *run_dir,
                               const char *service, const char *codec, uint32_t table_major,
                               const void *handler, int32_t workers,
                               const struct pipc_server_config *config,
                               struct pipc_server **ret_server, struct pipc_error *err)
{
    if (ret_server)
        *ret_server = NULL;
    if (!context || !codec || !ret_server)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "no context, codec or place for the server");
    struct plan plan = {.run_dir = run_dir, .workers = workers};
    pipc_result result = pipci_context_check_process(context, err);
    if (result == PIPC_OK)
        result = read_handler(&plan, codec, handler, err);
    if (result == PIPC_OK)
        result = make_plan(context, codec, table_major, service, config, &plan, err);
    return result == PIPC_OK ? make_server(context, &plan, ret_server, err) : result;
}

void pipc_server_set_snapshot_items(struct pipc_server *server, uint32_t items)
{
    if (server)
        __atomic_store_n(&server->snapshot_items, items, __ATOMIC_RELAXED);
}

/* ---- status ---- */

static uint64_t load(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void add_tally(struct pipc_server_status *status, const struct pipci_tally *tally)
{
    status->bytes_in += load(&tally->bytes_in);
    status->bytes_out += load(&tally->bytes_out);
    for (uint32_t i = 0; i < PIPCI_COUNT(tally->answers); i++)
        status->answers[i] += load(&tally->answers[i]);
    status->requests = 0;
    for (uint32_t i = 0; i < PIPCI_COUNT(status->answers); i++)
        status->requests += status->answers[i];
}

void pipc_server_status(const struct pipc_server *server, struct pipc_server_status *ret_status)
{
    if (!server || !ret_status)
        return;
    const struct pipc_server_status *counts = &server->counts;
    struct pipc_server_status status = {
        .size = sizeof(status),
        .running = __atomic_load_n(&counts->running, __ATOMIC_RELAXED),
        .sessions = __atomic_load_n(&server->used, __ATOMIC_RELAXED),
        .sessions_max = server->workers_max,
        .accepted = load(&counts->accepted),
        .rejected_auth = load(&counts->rejected_auth),
        .rejected_profile = load(&counts->rejected_profile),
        .rejected_limit = load(&counts->rejected_limit),
        .rejected_incompatible = load(&counts->rejected_incompatible),
        .rejected_protocol = load(&counts->rejected_protocol),
        .rejected_busy = load(&counts->rejected_busy),
        .rejected_timeout = load(&counts->rejected_timeout),
        .rejected_other = load(&counts->rejected_other),
        .probes = load(&counts->probes),
        .response_limit = __atomic_load_n(&server->response_limit, __ATOMIC_RELAXED),
        .handshakes = __atomic_load_n(&counts->handshakes, __ATOMIC_RELAXED),
        .regions = __atomic_load_n(&counts->regions, __ATOMIC_RELAXED),
        .lingering = __atomic_load_n(&server->lingering, __ATOMIC_RELAXED),
        .region_bytes = load(&counts->region_bytes),
        .idle_closed = load(&counts->idle_closed),
        .accept_failures = load(&counts->accept_failures),
        .degraded = load(&counts->degraded),
    };
    for (uint32_t i = 0; i <= server->tally_count; i++)
        add_tally(&status, &server->tallies[i]);
    pipci_out_copy(ret_status, &status, sizeof(status));
}
