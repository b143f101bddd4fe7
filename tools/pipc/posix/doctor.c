/* SPDX-License-Identifier: Apache-2.0
 *
 * pipc doctor: why a client does not get what it wants, and what dead servers left.
 *
 * Looks at everything that decides about a session, then tries one, as a client would. With --clean
 * it removes nothing by itself: it becomes the owner of the endpoint for a moment, as a starting
 * server does, and the library's own rules remove what is dead. A live server keeps everything.
 */
#include "doctor.h"

#include "../json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ATTEMPT_MS 5000u

/* One service that is looked at. */
struct visit {
    const struct options *o;
    struct pipc_context *context;
    const char *service;
    const char *run_dir;
    struct json_object *report, *checks;
    struct doctor_files files;
    struct pipc_plan plan;
    struct pipc_client_status status;
    pipc_result result; /* of the attempt */
};

static void add_text(struct json_object *object, const char *name, const char *text)
{
    json_object_object_add(object, name, text && *text ? json_of_text(text) : NULL);
}

static void add_sentence(struct json_object *object, const char *name, const char *text)
{
    json_object_object_add(object, name, text && *text ? json_of_sentence(text) : NULL);
}

/* Of a row of a table, where nothing is shown as nothing. */
static void add_cell(struct json_object *row, const char *name, const char *text)
{
    json_object_object_add(row, name, json_of_text(text ? text : ""));
}

static void add_number(struct json_object *object, const char *name, uint64_t value)
{
    json_object_object_add(object, name, json_of_number(value));
}

static void add_mask(struct json_object *object, const char *name, uint32_t mask)
{
    char text[16];

    snprintf(text, sizeof(text), "0x%02x", mask);
    add_text(object, name, text);
}

/* ---- what is configured ---- */

static void look_plan(struct visit *v)
{
    struct json_object *planes = json_object_new_array();
    struct pipc_error err = PIPC_ERROR_INIT;
    char print[32];

    v->plan.size = sizeof(v->plan);
    if (pipc_service_plan(v->context, v->service, &v->plan, &err) != PIPC_OK) {
        memset(&v->plan, 0, sizeof(v->plan));
        doctor_find(v->checks, "transports", "bad", "%s", err.text);
    }
    add_text(v->report, "carrier", v->plan.carrier);
    add_mask(v->report, "supported", v->plan.supported);
    add_mask(v->report, "preferred", v->plan.preferred);
    if (!v->o->token_given) {
        snprintf(print, sizeof(print), "%016llx",
                 (unsigned long long)v->plan.auth_token_fingerprint);
        add_text(v->report, "token_fingerprint", print);
    } else {
        add_text(v->report, "token_fingerprint", "that of --token");
    }
    for (uint32_t i = 0; i < v->plan.plane_count && i < 16; i++) {
        struct json_object *row = json_object_new_object();
        add_cell(row, "transport", v->plan.planes[i].name);
        add_mask(row, "bits", v->plan.planes[i].bits);
        add_cell(row, "why",
                 v->plan.planes[i].bits      ? i == 0 ? "first of the list: preferred" : "permitted"
                 : *v->plan.planes[i].reason ? v->plan.planes[i].reason
                                             : "not available");
        json_object_array_add(planes, row);
        if (!v->plan.planes[i].bits)
            doctor_find(v->checks, "transports", "note", "%s is not offered: %s",
                        v->plan.planes[i].name, v->plan.planes[i].reason);
    }
    json_object_object_add(v->report, "transports", planes);
}

static void look_modules(struct visit *v)
{
    struct json_object *list = json_object_new_array();
    struct pipc_module_info info = {.size = sizeof(info)};

    for (uint32_t i = 0; pipc_module_info(v->context, i, &info) == PIPC_OK; i++) {
        struct json_object *row = json_object_new_object();
        add_cell(row, "module", info.name);
        add_cell(row, "file", info.file ? info.file : "built in");
        add_cell(row, "stage", info.stage);
        json_object_object_add(row, "reason", json_of_sentence(info.reason));
        json_object_array_add(list, row);
        if (info.result != PIPC_OK)
            doctor_find(v->checks, "modules", info.optional ? "note" : "bad",
                        "%s failed at stage %s: %s", info.name, info.stage, info.reason);
    }
    json_object_object_add(v->report, "modules", list);
}

/* ---- what lies there ---- */

static void look_endpoint(struct visit *v)
{
    const struct doctor_file *endpoint = NULL;

    for (size_t i = 0; i < v->files.count; i++) {
        if (v->files.file[i].endpoint)
            endpoint = &v->files.file[i];
    }
    if (!endpoint) {
        doctor_find(v->checks, "endpoint", "note", "%s/%s.sock: not there", v->run_dir, v->service);
        return;
    }
    json_object_object_add(v->report, "owner_pid",
                           endpoint->pid ? json_of_number(endpoint->pid) : NULL);
    doctor_find(v->checks, "endpoint", endpoint->state == DOCTOR_ALIVE ? "ok" : "bad",
                "%s/%s: %s, mode %04o, owner %u%s%s", v->run_dir, endpoint->name,
                doctor_state_name(endpoint->state), (unsigned)endpoint->mode,
                (unsigned)endpoint->uid, *endpoint->why ? ": " : "", endpoint->why);
}

static void look_files(struct visit *v)
{
    struct json_object *list = json_object_new_array();
    unsigned dead = 0;

    for (size_t i = 0; i < v->files.count; i++) {
        const struct doctor_file *const file = &v->files.file[i];
        struct json_object *row = json_object_new_object();
        add_cell(row, "file", file->name);
        add_cell(row, "state", doctor_state_name(file->state));
        json_object_object_add(row, "owner_pid", file->pid ? json_of_number(file->pid) : NULL);
        json_object_object_add(row, "why", json_of_sentence(file->why));
        json_object_array_add(list, row);
        dead += file->state == DOCTOR_DEAD && !file->endpoint;
    }
    json_object_object_add(v->report, "files", list);
    if (dead)
        doctor_find(v->checks, "regions", "note", "%u left by servers that are gone", dead);
    if (v->files.more)
        doctor_find(v->checks, "regions", "note", "more files than are shown");
}

/* ---- one try ---- */

static const char *advice(const struct visit *v)
{
    const struct pipc_error *const err = &v->status.last_attempt;

    switch (err->result) {
    case PIPC_ERR_CONNECT:
        if (err->os_code == ENOENT)
            return "no server has made this endpoint: it is not started, or uses another directory "
                   "or name";
        if (err->os_code == ECONNREFUSED)
            return "the endpoint is left over from a server that is gone: start it again";
        return err->os_code == EACCES ? "this user may not connect: see the modes above" : "";
    case PIPC_ERR_AUTH_FAILED:
        return "the server has another token, or its options do not admit this user";
    case PIPC_ERR_NO_PROFILE:
        return "the server permits none of these transports: compare both lists";
    case PIPC_ERR_TIMEOUT:
        return "somebody listens there and does not answer";
    case PIPC_ERR_LIMIT_EXCEEDED:
        return "the server's limits are above what this client accepts";
    default:
        return "";
    }
}

static void report_session(struct visit *v)
{
    const struct pipc_session_status *const s = &v->status.session;

    add_text(v->report, "transport", s->transport);
    add_mask(v->report, "selected_profile", s->selected_profile);
    add_mask(v->report, "server_profiles", s->peer_profiles);
    add_text(v->report, "passed_over", s->passed_over);
    add_sentence(v->report, "passed_over_why", s->passed_over_why);
    add_number(v->report, "session_id", s->session_id);
    add_number(v->report, "packet_size", s->packet_size);
    add_number(v->report, "max_request_bytes", s->max_request_payload_bytes);
    add_number(v->report, "max_response_bytes", s->max_response_payload_bytes);
    add_number(v->report, "max_batch_items", s->max_request_batch_items);
    if (s->degraded)
        doctor_find(v->checks, "session", "note", "over %s in place of %s: %s", s->transport,
                    s->passed_over, s->passed_over_why);
    else
        doctor_find(v->checks, "session", "ok", "over %s", s->transport);
}

static void try_session(struct visit *v)
{
    struct pipc_client_config config;
    struct pipc_client *client = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    client_config_from(v->o, &config);
    v->status.size = sizeof(v->status);
    v->result = pipc_client_create(v->context, v->run_dir, v->service, &config, &client, &err);
    if (v->result == PIPC_OK)
        v->result = pipc_client_refresh_timeout(
            client, v->o->timeout_ms ? v->o->timeout_ms : ATTEMPT_MS, NULL, &err);
    pipc_client_status(client, &v->status);
    add_text(v->report, "state", pipc_client_state_name(v->status.state));
    add_text(v->report, "result", pipc_result_name(v->result));
    add_sentence(v->report, "message", v->result == PIPC_OK ? "" : err.text);
    if (v->result == PIPC_OK) {
        report_session(v);
    } else {
        v->status.last_attempt = err;
        doctor_find(v->checks, "session", "bad", "%s%s%s", err.text, *advice(v) ? " - " : "",
                    advice(v));
    }
    if (*v->status.withdrawn_why)
        doctor_find(v->checks, "session", "note", "profiles 0x%02x are left out: %s",
                    v->status.withdrawn_profiles, v->status.withdrawn_why);
    pipc_client_destroy(client);
}

/* ---- cleaning ---- */

/* Files that are gone by now, or still there. True: nothing that was dead is left. */
static bool report_removed(struct visit *v)
{
    struct json_object *removed = json_object_new_array();
    bool all = true;
    char path[4352];
    struct stat now;

    for (size_t i = 0; i < v->files.count; i++) {
        if (v->files.file[i].state != DOCTOR_DEAD)
            continue;
        snprintf(path, sizeof(path), "%s/%s", v->run_dir, v->files.file[i].name);
        if (lstat(path, &now) == 0) {
            doctor_find(v->checks, "clean", "bad", "%s: is left", path);
            all = false;
            continue;
        }
        struct json_object *row = json_object_new_object();
        add_cell(row, "removed", v->files.file[i].name);
        json_object_array_add(removed, row);
    }
    json_object_object_add(v->report, "removed", removed);
    return all;
}

static bool has(const struct visit *v, enum doctor_state state, bool endpoints)
{
    for (size_t i = 0; i < v->files.count; i++) {
        if (v->files.file[i].state == state && (!endpoints || v->files.file[i].endpoint))
            return true;
    }
    return false;
}

/* The rules of the specification, by those who implement them: the endpoint is owned first, then
 * every transport of the list sweeps. */
static bool clean(struct visit *v)
{
    struct pipc_listener *listener = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    if (!has(v, DOCTOR_DEAD, false))
        return report_removed(v);
    if (has(v, DOCTOR_ALIVE, true))
        doctor_find(v->checks, "clean", "note",
                    "a live server owns the endpoint: what is dead is removed when it starts anew");
    else if (pipc_listen(v->context, v->run_dir, v->service, NULL, &listener, &err) != PIPC_OK)
        doctor_find(v->checks, "clean", "bad", "%s", err.text);
    pipc_listener_close(listener);
    return report_removed(v);
}

/* ---- the command ---- */

/* People are shown what there is. */
static void report_print(const struct visit *v)
{
    struct json_object *shown;

    if (v->o->json) {
        json_print(stdout, v->report);
        return;
    }
    shown = json_object_new_object();
    json_object_object_foreach(v->report, name, value)
    {
        if (value &&
            (!json_object_is_type(value, json_type_array) || json_object_array_length(value) > 0))
            json_object_object_add(shown, name, json_object_get(value));
    }
    json_print_table(stdout, shown);
    json_object_put(shown);
}

static int visit(struct visit *v)
{
    int code = EXIT_DONE;

    v->report = json_object_new_object();
    v->checks = json_object_new_array();
    add_text(v->report, "service", v->service);
    add_text(v->report, "run_dir", v->run_dir);
    const bool there = doctor_run_dir(v->run_dir, v->checks);
    doctor_files_list(v->run_dir, v->service, &v->files);
    if (there)
        look_endpoint(v);
    look_plan(v);
    try_session(v);
    look_modules(v); /* behind the try, which may load some */
    look_files(v);
    if (v->result != PIPC_OK)
        code = exit_of_attempt(v->result);
    if (v->o->clean)
        code = clean(v) ? EXIT_DONE : EXIT_FAILED;
    json_object_object_add(v->report, "checks", v->checks);
    report_print(v);
    json_object_put(v->report);
    doctor_files_free(&v->files);
    return code;
}

static int visit_service(const struct options *o, struct pipc_context *context, const char *service,
                         const char *run_dir)
{
    struct visit *const v = calloc(1, sizeof(*v));

    if (!v)
        return complain(EXIT_FAILED, "%s: no memory", service);
    v->o = o;
    v->context = context;
    v->service = service;
    v->run_dir = run_dir;
    const int code = visit(v);
    free(v);
    return code;
}

/* Every service that has a file there; the first that is not well decides. */
static int visit_all(const struct options *o, struct pipc_context *context, const char *run_dir)
{
    char **const services = doctor_services(run_dir);
    int code = EXIT_DONE;

    if (!services || !services[0])
        code = fail_with(o, PIPC_ERR_CONNECT, EXIT_NOT_THERE,
                         "%s: no service has a file there; name one to see more", run_dir);
    for (size_t i = 0; services && services[i]; i++) {
        if (i > 0 && !o->json)
            putchar('\n');
        const int one = visit_service(o, context, services[i], run_dir);
        code = code == EXIT_DONE ? one : code;
    }
    for (size_t i = 0; services && services[i]; i++)
        free(services[i]);
    free(services);
    return code;
}

int command_doctor(const struct options *o)
{
    const struct pipc_codec_ops *ops;
    struct pipc_context *context;
    const char *service = o->service;
    char kind[33], run_dir[4096];
    int code;

    if (o->word_count > 1)
        return usage("doctor takes at most one kind");
    code = o->word_count ? kind_open(o, o->words[0], &context, &ops, kind, &service)
                         : context_open(o, service, &context);
    if (code >= 0)
        return code;
    code = run_dir_find(o, context, service ? service : "doctor", false, run_dir, sizeof(run_dir));
    if (code < 0)
        code =
            service ? visit_service(o, context, service, run_dir) : visit_all(o, context, run_dir);
    (void)pipc_close(context);
    return code;
}
