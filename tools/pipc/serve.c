/* SPDX-License-Identifier: Apache-2.0
 *
 * pipc serve: a managed server of one kind, until it is told to stop.
 *
 * The main thread waits for signals; the server accepts on a thread of its own.
 */
#include "provider.h"
#include "tool.h"

#include "json.h"
#include "system.h"

#include <pthread.h>
#include <string.h>

#define DRAIN_MS        500
#define LIVE_ROOM_LEAST 65536u
#define LIVE_ROOM_MOST  (64u << 20)

struct service {
    const struct options *o;
    struct pipc_server *server;
    pipc_result ended;
    struct pipc_error err;
};

/* ---- counters ---- */

/* False when nobody can be told any more. */
static bool stats_print(const struct service *s)
{
    struct pipc_server_status status = {.size = sizeof(status)};

    pipc_server_status(s->server, &status);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {{"sessions", status.sessions},
                {"sessions_max", status.sessions_max},
                {"accepted", status.accepted},
                {"regions", status.regions},
                {"degraded", status.degraded},
                {"requests", status.requests},
                {"answers_ok", status.answers[PIPC_STATUS_OK]},
                {"answers_bad_envelope", status.answers[PIPC_STATUS_BAD_ENVELOPE]},
                {"answers_unsupported", status.answers[PIPC_STATUS_UNSUPPORTED]},
                {"answers_limit_exceeded", status.answers[PIPC_STATUS_LIMIT_EXCEEDED]},
                {"answers_internal_error", status.answers[PIPC_STATUS_INTERNAL_ERROR]},
                {"rejected_auth", status.rejected_auth},
                {"rejected_profile", status.rejected_profile},
                {"rejected_limit", status.rejected_limit},
                {"rejected_busy", status.rejected_busy},
                {"rejected_protocol", status.rejected_protocol},
                {"bytes_in", status.bytes_in},
                {"bytes_out", status.bytes_out},
                {"response_limit", status.response_limit}};
    struct json_object *object = json_object_new_object();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (s->o->json)
            json_object_object_add(object, rows[i].name, json_of_number(rows[i].value));
        else
            printf("%s%s %llu", i ? ", " : "", rows[i].name, (unsigned long long)rows[i].value);
    }
    if (s->o->json)
        json_print(stdout, object);
    else
        putchar('\n');
    json_object_put(object);
    return output_flush();
}

/* ---- life ---- */

static void *accepting(void *arg)
{
    struct service *s = arg;

    s->ended = pipc_server_run(s->server, &s->err);
    if (s->ended != PIPC_OK)
        serve_stop(); /* a fatal end of the listener ends the program */
    return NULL;
}

/* Until it is told to stop; SIGHUP looks again. */
static void signals_serve(struct service *s, struct provider *p)
{
    for (;;) {
        const int what = serve_wait(s->o->stats_ms);
        if (what == SERVE_STOP)
            return;
        if (what == SERVE_REREAD && p->reread(p) != 0)
            complain(0, "the old data is kept");
        else if (what == SERVE_REREAD)
            pipc_server_set_snapshot_items(s->server, p->snapshot_items);
        else if (what == SERVE_TICK && !stats_print(s))
            return;
    }
}

/* `plan`: what the configuration says; a limit from there is given, too. */
static void config_from(const struct options *o, const struct provider *p,
                        const struct pipc_plan *plan, struct pipc_server_config *ret)
{
    *ret = (struct pipc_server_config){.size = sizeof(*ret),
                                       .max_request_payload_bytes = o->max_request_bytes,
                                       .max_request_batch_items = o->max_batch_items,
                                       .max_response_payload_bytes = o->max_response_bytes,
                                       .growth_ceiling_bytes = o->growth_ceiling_bytes,
                                       .packet_size = o->packet_size,
                                       .auth_token = o->token,
                                       .auth_token_given = o->token_given,
                                       .snapshot_items = p->snapshot_items,
                                       .adopt_handle = PIPC_NO_HANDLE};
    /* A live snapshot starts with room for twice what it found. */
    if (p->first_size && !o->max_response_bytes && !plan->max_response_bytes) {
        const uint64_t room =
            p->first_size * 2 > LIVE_ROOM_LEAST ? p->first_size * 2 : LIVE_ROOM_LEAST;
        ret->max_response_payload_bytes = (uint32_t)(room < LIVE_ROOM_MOST ? room : LIVE_ROOM_MOST);
        if (!o->growth_ceiling_bytes && !plan->growth_ceiling_bytes)
            ret->growth_ceiling_bytes = LIVE_ROOM_MOST;
    }
}

static int serve_run(struct service *s, struct provider *p, struct pipc_context *context,
                     const char *run_dir, const char *service, uint32_t table_major)
{
    struct pipc_server_config config;
    pthread_t thread;
    int clean, code;

    struct pipc_plan plan = {.size = sizeof(plan)};

    if (pipc_service_plan(context, service, &plan, &s->err) != PIPC_OK)
        return fail(s->o, &s->err, exit_of(s->err.result));
    config_from(s->o, p, &plan, &config);
    code = activation_take(&config.adopt_handle);
    if (code >= 0)
        return code;
    config.adopt = config.adopt_handle != PIPC_NO_HANDLE;
    if (pipc_server_create(context, run_dir, service, p->kind, table_major, p->handler,
                           s->o->max_sessions ? (int32_t)s->o->max_sessions
                                              : PIPC_SERVER_WORKERS_CONFIGURED,
                           &config, &s->server, &s->err) != PIPC_OK)
        return fail(s->o, &s->err, config.adopt ? EXIT_USAGE : exit_of(s->err.result));
    if (pthread_create(&thread, NULL, accepting, s) != 0) {
        (void)pipc_server_destroy(s->server);
        return complain(EXIT_FAILED, "no thread for the server");
    }
    printf("READY %s %s\n", run_dir, service);
    if (output_flush()) {
        activation_ready();
        signals_serve(s, p);
    }
    (void)pipc_server_drain(s->server, DRAIN_MS, &clean);
    pthread_join(thread, NULL);
    if (s->o->stats_ms)
        (void)stats_print(s);
    (void)pipc_server_destroy(s->server);
    return s->ended == PIPC_OK ? EXIT_DONE : fail(s->o, &s->err, exit_of(s->ended));
}

int command_serve(const struct options *o)
{
    struct service s = {.o = o, .err = PIPC_ERROR_INIT};
    struct provider p = {.o = o};
    const struct pipc_codec_ops *ops;
    struct pipc_context *context;
    const char *service;
    char kind[33], run_dir[4096];
    int code;

    if (o->word_count != 1)
        return usage("serve takes one kind");
    if (o->data && o->live)
        return usage("--data and --live exclude each other");
    serve_block();
    code = kind_open(o, o->words[0], &context, &ops, kind, &service);
    if (code >= 0)
        return code;
    p.kind = kind;
    p.context = context;
    code = run_dir_find(o, context, service, true, run_dir, sizeof(run_dir));
    if (code < 0)
        code = o->data                  ? provider_data(&p)
               : provider_is_live(kind) ? provider_live(&p)
                                        : provider_compute(&p);
    if (code < 0) {
        code = serve_run(&s, &p, context, run_dir, service, ops->table_major);
        p.stop(&p);
    }
    (void)pipc_close(context);
    return code;
}
