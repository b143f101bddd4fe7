/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing a context, and what it gives to the layers above: memory, log, process,
 * codecs.
 *
 * Opening is all or nothing: the first error ends every module that was started. No state outside
 * of the object.
 */
#include "registry.h"

#include "config.h"
#include "loader.h"
#include "name.h"

#include <pipc_builtin.h>

#include <stdio.h>
#include <string.h>

const char *pipc_version(void)
{
    return PIPC_VERSION;
}

/* ---- memory, log, process, objects ---- */

const struct pipc_allocator *pipci_context_allocator(const struct pipc_context *context)
{
    return &context->allocator;
}

bool pipci_log_wants(const struct pipc_context *context, uint32_t level)
{
    return context->log && level <= context->log_level;
}

uint64_t pipci_context_said(struct pipc_context *context, uint64_t subject, uint64_t what)
{
    uint64_t before = 0;

    pipci_mutex_lock(&context->lock);
    struct pipci_said *entry = context->said, *const end = entry + PIPCI_SAID_MAX;
    while (entry < end && entry->what && entry->subject != subject)
        entry++;
    if (entry == end) /* full: one of them will be said once more */
        entry = &context->said[context->said_next++ % PIPCI_SAID_MAX];
    else
        before = entry->what;
    /* An entry that says nothing any more stays, because others may stand behind it. */
    if (before || what != PIPCI_SAID_NOTHING)
        *entry = (struct pipci_said){subject, what};
    pipci_mutex_unlock(&context->lock);
    return before ? before : PIPCI_SAID_NOTHING;
}

void pipci_log(struct pipc_context *context, uint32_t level, const char *format, ...)
{
    char text[512];
    va_list args;

    if (!pipci_log_wants(context, level))
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    context->log(context->log_arg, level, text);
}

pipc_result pipci_context_check_process(const struct pipc_context *context, struct pipc_error *err)
{
    if (context->process == pipci_process_id())
        return PIPC_OK;
    return pipci_fail(err, PIPC_ERR_FORKED, 0, "the context belongs to the parent process");
}

void pipci_context_hold(struct pipc_context *context)
{
    (void)__atomic_add_fetch(&context->objects, 1, __ATOMIC_RELAXED);
}

void pipci_context_release(struct pipc_context *context)
{
    /* Release, so that whoever sees 0 and frees also sees all that the objects did. */
    (void)__atomic_sub_fetch(&context->objects, 1, __ATOMIC_RELEASE);
}

void pipc_freeze(struct pipc_context *context)
{
    if (!context)
        return;
    /* With the turn, so that a loading that runs has ended when this returns. */
    pipci_turn_take(context);
    __atomic_store_n(&context->frozen, 1, __ATOMIC_RELEASE);
    pipci_turn_give(context);
}

/* ---- end ---- */

static void destroy(struct pipc_context *context)
{
    const struct pipc_allocator own = context->allocator;

    pipci_instances_end(context);
    pipci_attempts_free(context);
    pipci_settings_clear(&context->settings);
    pipci_arena_free(&context->arena);
    pipci_cond_done(&context->turn_free);
    pipci_mutex_done(&context->lock);
    pipci_free(&own, context);
}

pipc_result pipc_close(struct pipc_context *context)
{
    if (!context)
        return PIPC_OK;
    if (__atomic_load_n(&context->objects, __ATOMIC_ACQUIRE) != 0)
        return PIPC_ERR_BAD_PARAM;
    destroy(context);
    return PIPC_OK;
}

/* ---- opening ---- */

static pipc_result make(const struct pipc_open_options *options, struct pipc_context **ret_context,
                        struct pipc_error *err)
{
    struct pipc_open_options given = {0};
    struct pipc_allocator own;

    if (options)
        memcpy(&given, options, options->size < sizeof(given) ? options->size : sizeof(given));
    pipc_result result = pipci_allocator_take(given.allocator, &own, err);
    if (result != PIPC_OK)
        return result;
    struct pipc_context *const context = pipci_zalloc(&own, sizeof(*context));
    if (!context || pipci_mutex_init(&context->lock) != PIPC_OK) {
        pipci_free(&own, context);
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "pipc_open: no memory for a context");
    }
    if (pipci_cond_init(&context->turn_free) != PIPC_OK) {
        /* LCOV_EXCL_START: initialising a condition takes no resource here */
        pipci_mutex_done(&context->lock);
        pipci_free(&own, context);
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "pipc_open: no memory for a context");
        /* LCOV_EXCL_STOP */
    }
    context->allocator = own;
    context->log = given.log;
    context->log_arg = given.log_arg;
    context->flags = given.flags;
    context->process = pipci_process_id();
    context->cpus = pipci_cpu_count();
    context->settings.allocator = context->arena.allocator = &context->allocator;
    *ret_context = context;
    return PIPC_OK;
}

/* A configured directory without the separators behind it, which would be empty components of the
 * files in it. A root keeps its own. */
static const char *configured_module_dir(struct pipc_context *context, const char *dir)
{
    size_t len = strlen(dir);
    char *const text = pipci_arena_text(&context->arena, dir, len);

    while (text && len > 0 && *pipci_path_base(text) == '\0') {
        const char separator = text[--len];
        text[len] = '\0';
        if (!pipci_path_is_absolute(text)) {
            text[len] = separator;
            break;
        }
    }
    return text;
}

/* The library's own directory of modules, when none is configured. */
static const char *own_module_dir(struct pipc_context *context)
{
    char path[PIPCI_PLACE_LEN];

    if (!pipci_modules_beside || !pipci_loader_place(pipci_modules_beside, path))
        return pipci_modules_installed;
    return pipci_arena_text(&context->arena, path, strlen(path));
}

static pipc_result take_config(struct pipc_context *context, const struct pipc_config *config,
                               struct pipc_error *err)
{
    pipc_result result = PIPC_OK;

    if (config)
        result = pipci_settings_copy(&context->settings, &config->settings, err);
    if (result == PIPC_OK)
        result = pipci_builtin_collect(context, config ? config->modules : NULL,
                                       config ? config->module_count : 0, err);
    const struct pipci_setting *const level =
        pipci_settings_pick(&context->settings, PIPCI_SECTION_PIPC, "", "log_level");
    const struct pipci_setting *const dir =
        pipci_settings_pick(&context->settings, PIPCI_SECTION_PIPC, "", "module_dir");
    context->log_level = level ? pipci_level_parse(level->value, strlen(level->value)) : 0;
    context->module_dir =
        dir ? configured_module_dir(context, dir->value) : own_module_dir(context);
    if (result == PIPC_OK && !context->module_dir)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "pipc_open: no memory for the module directory");
    return result;
}

/* A codec of the list that cannot be had. */
static pipc_result judge_codec_failure(struct pipc_context *context,
                                       const struct pipci_setting *setting, const char *name,
                                       bool optional, const struct pipc_error *cause,
                                       struct pipc_error *err)
{
    const struct pipci_place place = pipci_setting_place(setting);

    if (cause->result != PIPC_ERR_CONFIG && cause->result != PIPC_ERR_ALLOC &&
        (optional || (context->flags & PIPC_OPEN_INSPECT)))
        return PIPC_OK;
    return pipci_unavailable(context, PIPC_MODULE_CODEC, name, &place, cause, err);
}

static pipc_result load_codec_list(struct pipc_context *context,
                                   const struct pipci_setting *setting, struct pipc_error *err)
{
    const size_t list_len = strlen(setting->value);
    const char *element;
    size_t pos = 0, len;
    pipc_result result = PIPC_OK;

    while (result == PIPC_OK && pipci_list_next(setting->value, list_len, &pos, &element, &len)) {
        struct pipc_error cause = PIPC_ERROR_INIT;
        struct pipci_instance *instance = NULL;
        char name[PIPCI_NAME_MAX + 1] = "";
        const bool optional = element[0] == '-';
        memcpy(name, element + optional, len - optional);
        if (pipci_instance_load(context, PIPC_MODULE_CODEC, name, optional, &instance, &cause) !=
            PIPC_OK)
            result = judge_codec_failure(context, setting, name, optional, &cause, err);
    }
    return result;
}

static pipc_result load_codecs(struct pipc_context *context, struct pipc_error *err)
{
    const struct pipci_setting *const setting =
        pipci_settings_pick(&context->settings, PIPCI_SECTION_PIPC, "", "codecs");
    pipc_result result = PIPC_OK;

    if (setting)
        return load_codec_list(context, setting, err);
    for (uint32_t i = 0; i < context->module_count && result == PIPC_OK; i++) {
        struct pipci_instance *instance = NULL;
        if (context->modules[i]->kind == PIPC_MODULE_CODEC)
            result = pipci_instance_load(context, PIPC_MODULE_CODEC, context->modules[i]->name,
                                         false, &instance, err);
        if (result != PIPC_OK && result != PIPC_ERR_CONFIG && result != PIPC_ERR_ALLOC &&
            (context->flags & PIPC_OPEN_INSPECT))
            result = PIPC_OK;
    }
    return result;
}

static pipc_result fill(struct pipc_context *context, const struct pipc_config *config,
                        struct pipc_error *err)
{
    pipc_result result = take_config(context, config, err);

    if (result == PIPC_OK)
        result = pipci_services_make(context, err);
    if (result == PIPC_OK)
        result = load_codecs(context, err);
    if (result == PIPC_OK)
        result = pipci_bits_check(context, err);
    if (result == PIPC_OK)
        result = pipci_sections_check(context, err);
    return result;
}

pipc_result pipc_open(const struct pipc_config *config, const struct pipc_open_options *options,
                      struct pipc_context **ret_context, struct pipc_error *err)
{
    struct pipc_context *context = NULL;

    if (!ret_context)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "pipc_open: ret_context is NULL");
    pipc_result result = make(options, &context, err);
    if (result != PIPC_OK)
        return result;
    result = fill(context, config, err);
    if (result != PIPC_OK) {
        destroy(context);
        return result;
    }
    *ret_context = context;
    return PIPC_OK;
}
