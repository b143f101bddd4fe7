/* SPDX-License-Identifier: Apache-2.0
 *
 * The module under test: judged and loaded by the real loader, as a user's context would.
 *
 * The kind is found first, by a context that only looks; then a context is opened whose
 * configuration names the module as a user's would. On the command's thread.
 */
#include "../system.h"
#include "kit.h"

#include "values.h"
#include "wrapped.h"

#include <string.h>

#define PATH_LEN 4096

/* What the command line names, found out. */
static struct {
    uint32_t kind;
    char name[33];
    char file[PATH_LEN]; /* "": built in */
    bool wrapper;
} found;

static void found_take(const struct pipc_module_info *info)
{
    const struct pipc_transport_ops *const ops = info->module->ops;

    found.kind = info->kind;
    found.wrapper = info->kind == PIPC_MODULE_TRANSPORT && (ops->traits & PIPC_TRAIT_WRAPPER);
}

/* The record of a module that is usable in a context. */
static bool record_find(struct pipc_context *context, const char *name,
                        struct pipc_module_info *ret_info)
{
    ret_info->size = sizeof(*ret_info);
    for (uint32_t i = 0; pipc_module_info(context, i, ret_info) == PIPC_OK; i++) {
        if (ret_info->loaded && strcmp(ret_info->name, name) == 0)
            return true;
    }
    return false;
}

static int file_judge(const struct options *o, struct pipc_context *context)
{
    struct pipc_module_info info = {.size = sizeof(info)};
    struct pipc_error err = PIPC_ERROR_INIT;
    char text[2048];

    if (!system_whole_path(o->module, found.file, sizeof(found.file)))
        return refuse(o, "module file %.64s...: its path is too long", o->module);
    if (pipc_module_check(context, found.file, NULL, &info, text, sizeof(text), &err) != PIPC_OK)
        return fail(o, &err, EXIT_USAGE);
    found_take(&info);
    snprintf(found.name, sizeof(found.name), "%s", info.name);
    return -1;
}

static int builtin_judge(const struct options *o, struct pipc_context *context)
{
    struct pipc_module_info info;
    struct pipc_error err = PIPC_ERROR_INIT;

    found.file[0] = 0;
    kind_name(o->builtin, found.name);
    if (strlen(o->builtin) > 32)
        return refuse(o, "'%.64s...' is no module: too long", o->builtin);
    if (pipc_module_load(context, 0, found.name, &err) != PIPC_OK)
        return fail(o, &err, EXIT_USAGE);
    if (!record_find(context, found.name, &info) || !info.builtin)
        return refuse(o, "%s is not built in; judge its file with --module", found.name);
    found_take(&info);
    return -1;
}

/* Keys and values are judged as those of any configuration. */
static pipc_result options_configure(const struct option_texts *texts, const char *section,
                                     struct pipc_config *config, struct pipc_error *err)
{
    pipc_result r = PIPC_OK;
    char key[64];

    for (uint32_t i = 0; r == PIPC_OK && i < texts->count; i++) {
        const char *const text = texts->at[i], *const mark = strchr(text, '=');
        snprintf(key, sizeof(key), "%.*s", mark ? (int)(mark - text) : 0, text);
        r = pipc_config_set(config, section, key, mark ? mark + 1 : "", err);
    }
    return r;
}

static pipc_result configure(const struct options *o, struct pipc_config *config,
                             struct pipc_error *err)
{
    const bool transport = found.kind == PIPC_MODULE_TRANSPORT;
    char section[64];
    pipc_result r = context_configure(o, NULL, config, err);

    snprintf(section, sizeof(section), "%s.%s", transport ? "transport" : "codec", found.name);
    if (r == PIPC_OK && found.file[0])
        r = pipc_config_set(config, section, "file", found.file, err);
    if (r == PIPC_OK && found.wrapper && o->wraps)
        r = pipc_config_set(config, section, "wraps", o->wraps, err);
    if (r == PIPC_OK)
        r = options_configure(&o->module_options, section, config, err);
    /* The whole permission: nothing else may serve in the module's place. */
    if (r == PIPC_OK)
        r = pipc_config_set(config, "pipc", transport ? "transports" : "codecs", found.name, err);
    return r;
}

pipc_result kit_context_open(const struct kit_subject *subject,
                             const struct pipc_open_options *options,
                             struct pipc_context **ret_context, struct pipc_error *err)
{
    struct pipc_config *config;
    pipc_result r = pipc_config_new(NULL, &config);

    if (r != PIPC_OK)
        return r;
    r = configure(subject->options, config, err);
    if (r == PIPC_OK)
        r = pipc_open(config, options, ret_context, err);
    pipc_config_free(config);
    if (r == PIPC_OK)
        r = pipc_module_load(*ret_context, found.kind, found.name, err);
    return r;
}

/* A wrapper's table says nothing of what it is: that is said by the transport that it wraps. */
static int wrapper_join(const struct options *o, struct kit_subject *subject)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    if (!found.wrapper)
        return -1;
    subject->module = kit_wrapped_join(subject->context, subject->module, o->wraps, &err);
    if (subject->module)
        return -1;
    kit_subject_close(subject);
    return fail(o, &err, EXIT_USAGE);
}

int kit_subject_open(const struct options *o, struct kit_subject *ret_subject)
{
    struct pipc_module_info info;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *look;
    int code = context_open(o, NULL, &look);

    if (code >= 0)
        return code;
    code = o->module ? file_judge(o, look) : builtin_judge(o, look);
    (void)pipc_close(look);
    if (code < 0 && o->wraps && !found.wrapper)
        code = refuse(o, "--wraps: %s is no wrapper", found.name);
    for (uint32_t i = 0; code < 0 && i < o->module_options.count; i++) {
        if (!strchr(o->module_options.at[i], '='))
            code = refuse(o, "--option '%s': expected KEY=VALUE", o->module_options.at[i]);
    }
    if (code >= 0)
        return code;
    *ret_subject = (struct kit_subject){.options = o, .file = found.file[0] ? found.file : NULL};
    if (kit_context_open(ret_subject, NULL, &ret_subject->context, &err) != PIPC_OK)
        return fail(o, &err, EXIT_USAGE);
    if (!record_find(ret_subject->context, found.name, &info)) {
        (void)pipc_close(ret_subject->context);
        return refuse(o, "%s: it is not among the modules of its context", found.name);
    }
    ret_subject->module = kit_values_given(info.module, &o->module_options);
    return wrapper_join(o, ret_subject);
}

void kit_subject_close(struct kit_subject *subject)
{
    (void)pipc_close(subject->context);
}
