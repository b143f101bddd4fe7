/* SPDX-License-Identifier: Apache-2.0
 *
 * pipc info: the modules of this installation, judged by the loader itself, and what a session
 * would use.
 */
#include "tool.h"

#include "json.h"
#include "system.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 256

struct names {
    char *name[NAMES_MAX];
    size_t count;
};

static void on_found(void *arg, const char *name, const char *file)
{
    struct names *names = arg;

    (void)file;
    if (names->count < NAMES_MAX && (names->name[names->count] = strdup(name)))
        names->count++;
}

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i]);
}

/* ---- one module ---- */

static const struct {
    uint32_t bit;
    const char *name;
} transport_traits[] = {{PIPC_TRAIT_BASELINE, "baseline"},
                        {PIPC_TRAIT_UPGRADE, "upgrade"},
                        {PIPC_TRAIT_NO_CHUNKS, "no-chunks"},
                        {PIPC_TRAIT_ONE_OUTSTANDING, "one-outstanding"},
                        {PIPC_TRAIT_WAIT_HANDLE, "wait-handle"},
                        {PIPC_TRAIT_WRITE_IN_PLACE, "write-in-place"},
                        {PIPC_TRAIT_WHOLE_HANDSHAKE, "whole-handshake"},
                        {PIPC_TRAIT_PEER_CREDENTIALS, "peer-credentials"},
                        {PIPC_TRAIT_ADOPT, "adopt"},
                        {PIPC_TRAIT_WRAPPER, "wrapper"}},
  codec_traits[] = {{PIPC_CODEC_BATCH, "batch"},
                    {PIPC_CODEC_SNAPSHOT, "snapshot"},
                    {PIPC_CODEC_LOOKUP, "lookup"},
                    {PIPC_CODEC_UNIFORM, "uniform"}};

static void add_text(struct json_object *object, const char *name, const char *text)
{
    json_object_object_add(object, name, json_of_text(text));
}

static void add_traits(struct json_object *object, const struct pipc_module *m)
{
    struct json_object *list = json_object_new_array();
    const struct pipc_transport_ops *transport = m->ops;
    const struct pipc_codec_ops *codec = m->ops;

    if (m->kind == PIPC_MODULE_TRANSPORT) {
        for (size_t i = 0; i < sizeof(transport_traits) / sizeof(transport_traits[0]); i++) {
            if (transport->traits & transport_traits[i].bit)
                json_object_array_add(list, json_object_new_string(transport_traits[i].name));
        }
    } else {
        for (size_t i = 0; i < sizeof(codec_traits) / sizeof(codec_traits[0]); i++) {
            if (codec->traits & codec_traits[i].bit)
                json_object_array_add(list, json_object_new_string(codec_traits[i].name));
        }
        json_object_object_add(object, "method", json_of_number(codec->code));
        add_text(object, "default_service", codec->default_service);
    }
    json_object_object_add(object, "traits", list);
}

static void add_options(struct json_object *object, const struct pipc_module *m)
{
    static const char *const types[] = {"",     "number", "yes/no", "list",
                                        "path", "choice", "text",   "choice or number"};
    struct json_object *list = json_object_new_array();

    for (uint32_t i = 0; i < m->option_count; i++) {
        const struct pipc_option *option = &m->options[i];
        struct json_object *item = json_object_new_object();
        add_text(item, "key", option->key);
        add_text(item, "type", option->type < 8 ? types[option->type] : "?");
        if (option->type == PIPC_OPTION_NUMBER || option->type == PIPC_OPTION_CHOICE_NUMBER) {
            json_object_object_add(item, "min", json_of_number(option->min));
            json_object_object_add(item, "max", json_of_number(option->max));
        }
        if (option->choices)
            add_text(item, "choices", option->choices);
        add_text(item, "default", option->default_text);
        add_text(item, "help", option->help);
        json_object_array_add(list, item);
    }
    json_object_object_add(object, "options", list);
}

static struct json_object *module_object(const struct pipc_module_info *info)
{
    static const char *const kinds[] = {"unknown", "transport", "codec"};
    struct json_object *object = json_object_new_object();

    add_text(object, "name", info->name);
    add_text(object, "kind", kinds[info->kind < 3 ? info->kind : 0]);
    add_text(object, "file", info->file);
    json_object_object_add(object, "builtin", json_object_new_boolean((int)info->builtin));
    json_object_object_add(object, "loaded", json_object_new_boolean((int)info->loaded));
    if (info->module) {
        char abi[32];
        snprintf(abi, sizeof(abi), "%u.%u", info->module->abi_major, info->module->abi_minor);
        add_text(object, "version", info->module->version);
        add_text(object, "vendor", info->module->vendor);
        add_text(object, "summary", info->module->summary);
        add_text(object, "abi", abi);
        json_object_object_add(object, "host_minor_needed",
                               json_of_number(info->module->host_minor));
        if (info->module->kind == PIPC_MODULE_TRANSPORT)
            json_object_object_add(object, "profile_bits", json_of_number(info->profile_bits));
        add_traits(object, info->module);
        add_options(object, info->module);
    }
    add_text(object, "stage", info->stage);
    add_text(object, "result", pipc_result_name(info->result));
    json_object_object_add(object, "reason", json_of_sentence(info->reason));
    json_object_object_add(object, "os_code", json_object_new_int(info->os_code));
    json_object_object_add(object, "elapsed_us", json_of_number(info->elapsed_ns / 1000));
    return object;
}

static const char *text_of(struct json_object *object, const char *name)
{
    struct json_object *value;

    return json_object_object_get_ex(object, name, &value) && value ? json_object_get_string(value)
                                                                    : "";
}

static void module_print(struct json_object *m)
{
    struct json_object *list;

    printf("%s: %s, %s%s\n", text_of(m, "name"), text_of(m, "kind"),
           *text_of(m, "file") ? "file " : "built in", text_of(m, "file"));
    if (*text_of(m, "abi"))
        printf("  version %s (%s), ABI %s, needs host minor %s: %s\n", text_of(m, "version"),
               text_of(m, "vendor"), text_of(m, "abi"), text_of(m, "host_minor_needed"),
               text_of(m, "summary"));
    if (json_object_object_get_ex(m, "traits", &list))
        printf("  traits %s", json_object_to_json_string(list));
    if (*text_of(m, "profile_bits"))
        printf(", profile bits 0x%02llx", strtoull(text_of(m, "profile_bits"), NULL, 10));
    if (*text_of(m, "method"))
        printf(", method code %s, usual service %s", text_of(m, "method"),
               *text_of(m, "default_service") ? text_of(m, "default_service") : "none");
    if (*text_of(m, "abi"))
        putchar('\n');
    if (json_object_object_get_ex(m, "options", &list)) {
        for (size_t i = 0; i < json_object_array_length(list); i++) {
            struct json_object *option = json_object_array_get_idx(list, i);
            printf("  option %s (%s%s%s, default %s): %s\n", text_of(option, "key"),
                   text_of(option, "type"), *text_of(option, "choices") ? " " : "",
                   text_of(option, "choices"),
                   *text_of(option, "default") ? text_of(option, "default") : "none",
                   text_of(option, "help"));
        }
    }
    if (strcmp(text_of(m, "result"), "ok") != 0)
        printf("  FAILED at stage %s, %s: %s\n", text_of(m, "stage"), text_of(m, "result"),
               text_of(m, "reason"));
}

/* ---- the commands ---- */

static int info_check(const struct options *o)
{
    struct pipc_module_info info = {.size = sizeof(info)};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context;
    char text[2048];
    int code = context_open(o, NULL, &context);

    if (code >= 0)
        return code;
    char path[4096];
    if (!system_whole_path(o->check, path, sizeof(path))) {
        (void)pipc_close(context);
        return usage("module file %.64s...: its path is longer than %zu bytes", o->check,
                     sizeof(path) - 1);
    }
    const pipc_result r = pipc_module_check(context, path, o->word_count ? o->words[0] : NULL,
                                            &info, text, sizeof(text), &err);
    struct json_object *object = module_object(&info);
    if (o->json)
        json_print(stdout, object);
    else
        module_print(object);
    json_object_put(object);
    if (r != PIPC_OK)
        code = complain(exit_of(r), "%s", err.text);
    (void)pipc_close(context);
    return r == PIPC_OK ? EXIT_DONE : code;
}

static int info_explain(const struct options *o)
{
    const char *const service = o->service      ? o->service
                                : o->word_count ? o->words[0]
                                                : "cgroups-snapshot";
    struct pipc_plan plan = {.size = sizeof(plan)};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context;
    int code = context_open(o, service, &context);

    if (code >= 0)
        return code;
    if (pipc_service_plan(context, service, &plan, &err) != PIPC_OK) {
        code = fail(o, &err, exit_of(err.result));
    } else {
        struct json_object *object = json_object_new_object(), *planes = json_object_new_array();
        char run_dir[4096] = "", print[32];
        if (run_dir_find(o, context, service, false, run_dir, sizeof(run_dir)) >= 0)
            run_dir[0] = 0;
        add_text(object, "service", service);
        add_text(object, "run_dir", run_dir);
        add_text(object, "carrier", plan.carrier);
        json_object_object_add(object, "supported", json_of_number(plan.supported));
        json_object_object_add(object, "preferred", json_of_number(plan.preferred));
        snprintf(print, sizeof(print), "%016llx", (unsigned long long)plan.auth_token_fingerprint);
        add_text(object, "token_fingerprint", print);
        for (uint32_t i = 0; i < plan.plane_count && i < 16; i++) {
            struct json_object *plane = json_object_new_object();
            add_text(plane, "transport", plan.planes[i].name);
            json_object_object_add(plane, "bits", json_of_number(plan.planes[i].bits));
            add_text(plane, "why",
                     plan.planes[i].bits ? i == 0 ? "first of the list: preferred" : "permitted"
                     : *plan.planes[i].reason ? plan.planes[i].reason
                                              : "not available");
            json_object_array_add(planes, plane);
        }
        json_object_object_add(object, "transports", planes);
        if (o->json)
            json_print(stdout, object);
        else
            json_print_table(stdout, object);
        json_object_put(object);
        code = EXIT_DONE;
    }
    (void)pipc_close(context);
    return code;
}

static bool wanted(const struct options *o, const char *name)
{
    char word[33];

    for (int i = 0; i < o->word_count; i++) {
        kind_name(o->words[i], word);
        if (strlen(o->words[i]) <= 32 && strcmp(word, name) == 0)
            return true;
    }
    return o->word_count == 0;
}

/* Loads what can be found (and what was asked for by name), then shows the records of all attempts.
 */
static int info_all(const struct options *o, struct pipc_context *context)
{
    struct names names = {.count = 0};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct json_object *top = json_object_new_object(), *list = json_object_new_array();
    struct pipc_module_info info = {.size = sizeof(info)};
    char word[33];
    int code = EXIT_DONE;

    if (pipc_module_scan(context, &names, on_found, &err) != PIPC_OK)
        complain(0, "%s", err.text);
    for (size_t i = 0; i < names.count; i++) {
        if (wanted(o, names.name[i]))
            (void)!pipc_module_load(context, 0, names.name[i], NULL);
    }
    for (int i = 0; i < o->word_count; i++) {
        kind_name(o->words[i], word);
        /* A name that is too long is given as it is, so that it is refused and not cut. */
        if (pipc_module_load(context, 0, strlen(o->words[i]) > 32 ? o->words[i] : word, &err) !=
            PIPC_OK)
            code = complain(EXIT_USAGE, "%s", err.text);
    }
    for (uint32_t i = 0; pipc_module_info(context, i, &info) == PIPC_OK; i++) {
        if (wanted(o, info.name))
            json_object_array_add(list, module_object(&info));
    }
    add_text(top, "module_dir", pipc_module_dir(context));
    json_object_object_add(top, "modules", list);
    if (o->json) {
        json_print(stdout, top);
    } else {
        printf("modules of %s\n",
               *pipc_module_dir(context) ? pipc_module_dir(context) : "this build (no loader)");
        for (size_t i = 0; i < json_object_array_length(list); i++)
            module_print(json_object_array_get_idx(list, i));
    }
    json_object_put(top);
    names_free(&names);
    return code;
}

int command_info(const struct options *o)
{
    struct pipc_context *context;
    int code;

    if (o->check && o->explain)
        return usage("--check and --explain exclude each other");
    if (o->explain && o->word_count > 1)
        return usage("info --explain takes at most one service");
    if (o->check)
        return info_check(o);
    if (o->explain)
        return info_explain(o);
    code = context_open(o, o->service, &context);
    if (code >= 0)
        return code;
    code = info_all(o, context);
    (void)pipc_close(context);
    return code;
}
