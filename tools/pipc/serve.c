/* SPDX-License-Identifier: Apache-2.0
 *
 * pipc serve: a managed server of one kind, until SIGINT or SIGTERM.
 *
 * The main thread waits for signals; the server accepts on a thread of its own.
 */
#include "provider.h"
#include "tool.h"

#include "json.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_MS        500
#define LIVE_ROOM_LEAST 65536u
#define LIVE_ROOM_MOST  (64u << 20)

struct service {
    const struct options *o;
    struct pipc_server *server;
    pipc_result ended;
    struct pipc_error err;
};

/* ---- socket activation ---- */

/* The listener handed in by the service manager: *ret_handle, or PIPC_NO_HANDLE without one. -1, or
 * an exit code. */
static int activation_take(pipc_handle *ret_handle)
{
    const char *const pid = getenv("LISTEN_PID"), *const fds = getenv("LISTEN_FDS");
    uint64_t for_pid, count;

    *ret_handle = PIPC_NO_HANDLE;
    if (!pid || !fds || !number_parse(pid, UINT64_MAX, &for_pid) || for_pid != (uint64_t)getpid())
        return -1;
    if (!number_parse(fds, UINT32_MAX, &count) || count != 1)
        return usage("LISTEN_FDS is '%s': expected one listening descriptor", fds);
    *ret_handle = 3;
    return -1;
}

static void notify_ready(void)
{
    const char *const path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t len = path ? strlen(path) : 0;

    if (!len || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = 0;
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (const struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 7)
        complain(0, "%s: %s", path, strerror(errno));
    close(fd);
}

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
        (void)kill(getpid(), SIGTERM); /* a fatal end of the listener ends the program */
    return NULL;
}

/* Until SIGINT or SIGTERM; SIGHUP looks again. */
static void signals_serve(struct service *s, struct provider *p, const sigset_t *set)
{
    const struct timespec cadence = {(time_t)(s->o->stats_ms / 1000),
                                     (long)(s->o->stats_ms % 1000) * 1000000};

    for (;;) {
        const int number =
            s->o->stats_ms ? sigtimedwait(set, NULL, &cadence) : sigwaitinfo(set, NULL);
        if (number == SIGINT || number == SIGTERM)
            return;
        if (number == SIGHUP && p->reread(p) != 0)
            complain(0, "the old data is kept");
        else if (number == SIGHUP)
            pipc_server_set_snapshot_items(s->server, p->snapshot_items);
        else if (number < 0 && errno == EAGAIN && !stats_print(s))
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
    sigset_t set;
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
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (pthread_create(&thread, NULL, accepting, s) != 0) {
        (void)pipc_server_destroy(s->server);
        return complain(EXIT_FAILED, "no thread for the server");
    }
    printf("READY %s %s\n", run_dir, service);
    if (output_flush()) {
        notify_ready();
        signals_serve(s, p, &set);
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
    sigset_t set;
    int code;

    if (o->word_count != 1)
        return usage("serve takes one kind");
    if (o->data && o->live)
        return usage("--data and --live exclude each other");
    /* Blocked from the start, so that no thread of the server or of a provider takes them; SIGPIPE
     * too, so that the endpoint is removed when the reader of the counters has gone. */
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
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
