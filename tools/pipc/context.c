/* SPDX-License-Identifier: Apache-2.0
 *
 * From the command line to a context: configuration file, options above it, kinds and service
 * directories.
 */
#include "system.h"
#include "tool.h"

#include <errno.h>
#include <string.h>

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static void on_log(void *arg, uint32_t level, const char *text)
{
    const bool *verbose = arg;

    if (*verbose || level == PIPC_LOG_ERROR)
        complain(0, "%s: %s", level_names[level < 4 ? level : 3], text);
}

/* The module directory of the build tree that this program runs from; NULL when it is installed. */
static const char *build_module_dir(void)
{
    const char *const self = system_own_path();

    return self && strcmp(self, PIPC_TOOL_BUILD_PATH) == 0 ? PIPC_TOOL_BUILD_MODULES : NULL;
}

/* Requests that a provider of a batch kind takes without being told: a batch of 1000 keys fits. */
#define BATCH_REQUEST_BYTES "65536"

static bool serves_batches(const struct options *o)
{
    char kind[33];

    if (strcmp(o->command, "serve") != 0 || o->word_count != 1 || strlen(o->words[0]) > 32)
        return false;
    kind_name(o->words[0], kind);
    return strcmp(kind, "increment") == 0 || strcmp(kind, "string_reverse") == 0;
}

/* Paths of configurations are absolute, those of command lines need not be. */
static pipc_result set_path(struct pipc_config *config, const char *section, const char *key,
                            const char *path, struct pipc_error *err)
{
    char whole[4096];

    if (!system_whole_path(path, whole, sizeof(whole)))
        return pipc_config_set(config, section, key, path, err);
    return pipc_config_set(config, section, key, whole, err);
}

pipc_result context_configure(const struct options *o, const char *service,
                              struct pipc_config *config, struct pipc_error *err)
{
    char section[256];
    const char *const own_dir = o->module_dir ? o->module_dir : build_module_dir();
    pipc_result r = PIPC_OK;

    if (own_dir && o->module_dir)
        r = set_path(config, "pipc", "module_dir", own_dir, err);
    else if (own_dir)
        r = pipc_config_set_default(config, "pipc", "module_dir", own_dir, err);
    if (r == PIPC_OK)
        r = pipc_config_set_default(config, "pipc", "transports", PIPC_TOOL_TRANSPORTS, err);
    if (r == PIPC_OK && o->config)
        r = pipc_config_read_file(config, o->config, err);
    if (r == PIPC_OK && o->verbose)
        r = pipc_config_set(config, "pipc", "log_level", "debug", err);
    snprintf(section, sizeof(section), "service.%s", service ? service : "");
    const char *const where = service ? section : "pipc";
    if (r == PIPC_OK && service && serves_batches(o))
        r = pipc_config_set_default(config, section, "max_request_bytes", BATCH_REQUEST_BYTES, err);
    if (r == PIPC_OK && o->transports)
        r = pipc_config_set(config, where, "transports", o->transports, err);
    if (r == PIPC_OK && o->carrier)
        r = pipc_config_set(config, where, "carrier", o->carrier, err);
    if (r == PIPC_OK && o->token_file && service)
        r = set_path(config, where, "token_file", o->token_file, err);
    return r;
}

/* Above the command line: what one command wants of one context. */
static pipc_result configure_more(const struct context_more *more, const char *service,
                                  struct pipc_config *config, struct pipc_error *err)
{
    char section[256];
    pipc_result r = PIPC_OK;

    if (more->transport) {
        snprintf(section, sizeof(section), "service.%s", service);
        r = pipc_config_set(config, section, "transports", more->transport, err);
    }
    if (r == PIPC_OK && more->spin) {
        snprintf(section, sizeof(section), "transport.%s", more->transport);
        r = pipc_config_set(config, section, "spin", more->spin, err);
    }
    return r;
}

pipc_result context_make(const struct options *o, const char *service,
                         const struct context_more *more, struct pipc_context **ret_context,
                         struct pipc_error *err)
{
    struct pipc_open_options options = {
        .size = sizeof(options), .log = on_log, .allocator = more->allocator};
    struct pipc_config *config;
    pipc_result r = pipc_config_new(NULL, &config);

    if (r != PIPC_OK) {
        err->result = r;
        return r;
    }
    options.log_arg = (void *)(uintptr_t)&o->verbose;
    /* Commands that only look must work where a module is broken: that is what they are asked for.
     */
    if (strcmp(o->command, "info") == 0 || strcmp(o->command, "decode") == 0 ||
        strcmp(o->command, "encode") == 0 || strcmp(o->command, "conformance") == 0 ||
        strcmp(o->command, "doctor") == 0)
        options.flags = PIPC_OPEN_INSPECT;
    r = context_configure(o, service, config, err);
    if (r == PIPC_OK)
        r = configure_more(more, service, config, err);
    if (r == PIPC_OK)
        r = pipc_open(config, &options, ret_context, err);
    pipc_config_free(config);
    return r;
}

static int open_with(const struct options *o, const char *service,
                     struct pipc_context **ret_context)
{
    const struct context_more none = {0};
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result r = context_make(o, service, &none, ret_context, &err);

    return r == PIPC_OK ? -1 : fail(o, &err, exit_of(r));
}

int context_open(const struct options *o, const char *service, struct pipc_context **ret_context)
{
    return open_with(o, service, ret_context);
}

void kind_name(const char *word, char ret_name[33])
{
    size_t i = 0;

    for (; word[i] && i < 32; i++)
        ret_name[i] = word[i] == '-' ? '_' : word[i];
    ret_name[i] = 0;
}

/* The usual service name is the codec's to tell, but services are named before a context is opened:
 * when it is not given, the name is the kind's with '-' for '_', which is that of every kind of the
 * specification; when the codec tells another one, the context is opened again with that. */
int kind_open(const struct options *o, const char *word, struct pipc_context **ret_context,
              const struct pipc_codec_ops **ret_ops, char ret_name[33], const char **ret_service)
{
    static char service[256];
    struct pipc_error err = PIPC_ERROR_INIT;
    pipc_result r;
    int code;

    kind_name(word, ret_name);
    if (strlen(word) > 32)
        return refuse(o, "'%.64s...' is no kind: too long", word);
    for (size_t i = 0; i <= strlen(ret_name); i++)
        service[i] = ret_name[i] == '_' ? '-' : ret_name[i];
    *ret_service = o->service ? o->service : service;
    code = open_with(o, *ret_service, ret_context);
    if (code >= 0)
        return code;
    r = pipc_codec_find(*ret_context, ret_name, 0, ret_ops, NULL, &err);
    if (r == PIPC_OK && *ret_service == service && (*ret_ops)->default_service &&
        strcmp((*ret_ops)->default_service, service) != 0) {
        snprintf(service, sizeof(service), "%s", (*ret_ops)->default_service);
        (void)pipc_close(*ret_context);
        code = open_with(o, service, ret_context);
        if (code >= 0)
            return code;
        r = pipc_codec_find(*ret_context, ret_name, 0, ret_ops, NULL, &err);
    }
    if (r != PIPC_OK) {
        code = fail(o, &err, exit_of(r));
        (void)pipc_close(*ret_context);
    }
    return code;
}

int run_dir_find(const struct options *o, struct pipc_context *context, const char *service,
                 bool make, char *ret_path, size_t len)
{
    struct pipc_plan plan = {.size = sizeof(plan)};
    struct pipc_error err = PIPC_ERROR_INIT;
    int written;

    if (o->run_dir) {
        written = snprintf(ret_path, len, "%s", o->run_dir);
    } else {
        const pipc_result r = pipc_service_plan(context, service, &plan, &err);
        if (r != PIPC_OK)
            return fail(o, &err, exit_of(r));
        written = plan.run_dir ? snprintf(ret_path, len, "%s", plan.run_dir)
                               : system_default_run_dir(ret_path, len);
        if (!plan.run_dir && make && written < (int)len && !system_make_dir(ret_path))
            return complain(EXIT_FAILED, "%s: %s", ret_path, strerror(errno));
    }
    if (written >= (int)len)
        return refuse(o, "run directory %.64s...: longer than %zu bytes", ret_path, len - 1);
    return -1;
}

uint32_t call_timeout_or(const struct options *o, struct pipc_context *context, const char *service,
                         uint32_t otherwise)
{
    struct pipc_plan plan = {.size = sizeof(plan)};

    if (o->timeout_ms)
        return o->timeout_ms;
    return pipc_service_plan(context, service, &plan, NULL) == PIPC_OK && plan.call_timeout_ms
               ? plan.call_timeout_ms
               : otherwise;
}

uint32_t call_timeout(const struct options *o, struct pipc_context *context, const char *service)
{
    return call_timeout_or(o, context, service, PIPC_CLIENT_CALL_TIMEOUT_DEFAULT_MS);
}

void client_config_from(const struct options *o, struct pipc_client_config *ret_config)
{
    *ret_config = (struct pipc_client_config){.size = sizeof(*ret_config),
                                              .max_request_payload_bytes = o->max_request_bytes,
                                              .max_request_batch_items = o->max_batch_items,
                                              .max_response_payload_bytes = o->max_response_bytes,
                                              .packet_size = o->packet_size,
                                              .auth_token = o->token,
                                              .auth_token_given = o->token_given,
                                              .call_timeout_ms = o->timeout_ms,
                                              .growth_ceiling_bytes = o->growth_ceiling_bytes,
                                              .response_ceiling_bytes = o->response_ceiling_bytes};
}
