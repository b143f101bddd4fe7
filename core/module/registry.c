/* SPDX-License-Identifier: Apache-2.0
 *
 * The modules of one context: found by name or code, loaded once, and every attempt written down.
 *
 * Loading is a turn that one thread has at a time and may enter again from a module's init; it is
 * no lock, and no lock is held while module code or the log callback runs. Looking up what is
 * loaded takes no lock.
 */
#include "registry.h"

#include "name.h"

#include <stdio.h>
#include <string.h>

/* More attempts than this are not written down: a caller that tries for ever must not eat the
 * memory. */
#define ATTEMPTS_MAX 1024u

static const char *const stage_names[] = {"find", "security", "open", "symbol",
                                          "abi",  "init",     "ready"};

const char *pipci_stage_name(uint32_t stage)
{
    return stage_names[stage < PIPCI_COUNT(stage_names) ? stage : 0];
}

/* ---- the turn ---- */

void pipci_turn_take(struct pipc_context *context)
{
    const uint64_t self = pipci_thread_self();

    pipci_mutex_lock(&context->lock);
    while (context->turn_depth > 0 && context->turn_owner != self)
        (void)pipci_cond_wait(&context->turn_free, &context->lock, PIPC_NEVER);
    context->turn_owner = self;
    context->turn_depth++;
    pipci_mutex_unlock(&context->lock);
}

void pipci_turn_give(struct pipc_context *context)
{
    pipci_mutex_lock(&context->lock);
    if (--context->turn_depth == 0)
        pipci_cond_broadcast(&context->turn_free);
    pipci_mutex_unlock(&context->lock);
}

/* ---- looking up ---- */

struct pipci_instance *pipci_instance_find(struct pipc_context *context, const char *name)
{
    for (struct pipci_instance *i = __atomic_load_n(&context->instances, __ATOMIC_ACQUIRE); i;
         i = i->next) {
        if (strcmp(i->module->name, name) == 0)
            return i;
    }
    return NULL;
}

struct pipci_instance *pipci_instance_by_code(struct pipc_context *context, uint32_t code)
{
    for (struct pipci_instance *i = __atomic_load_n(&context->instances, __ATOMIC_ACQUIRE); i;
         i = i->next) {
        if (i->module->kind == PIPC_MODULE_CODEC && i->tables.ops.code == code)
            return i;
    }
    return NULL;
}

static void publish(struct pipc_context *context, struct pipci_instance *instance)
{
    instance->next = context->instances;
    __atomic_store_n(&context->instances, instance, __ATOMIC_RELEASE);
}

void pipci_instances_end(struct pipc_context *context)
{
    while (context->instances) {
        struct pipci_instance *const instance = context->instances;
        context->instances = instance->next;
        pipci_instance_end(instance);
    }
}

/* ---- the record ---- */

/* An attempt while it runs. */
struct trying {
    const char *name;
    const char *file; /* NULL: built in */
    const struct pipc_module *module;
    uint32_t kind;
    uint32_t stage;
    uint32_t bits;
    bool optional;
    pipc_result result;
    int32_t os_code;
    const char *reason;
    uint64_t began_ns;
};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static struct pipci_attempt *known_attempt(struct pipc_context *context, const struct trying *t)
{
    for (struct pipci_attempt *a = context->first_attempt; a; a = a->next) {
        if (a->info.result == t->result && same_text(a->info.name, t->name) &&
            same_text(a->info.file, t->file) && same_text(a->info.reason, t->reason))
            return a;
    }
    return NULL;
}

static struct pipci_attempt *make_attempt(struct pipc_context *context, const struct trying *t)
{
    const size_t name = strlen(t->name) + 1, reason = strlen(t->reason) + 1;
    const size_t file = t->file ? strlen(t->file) + 1 : 0;
    struct pipci_attempt *const a =
        pipci_zalloc(&context->allocator, sizeof(*a) + name + reason + file);

    if (!a)
        return NULL;
    char *const text = (char *)(a + 1);
    a->info.size = (uint32_t)sizeof(a->info);
    a->info.name = memcpy(text, t->name, name);
    a->info.reason = memcpy(text + name, t->reason, reason);
    if (t->file)
        a->info.file = memcpy(text + name + reason, t->file, file);
    return a;
}

static void fill_attempt(struct pipc_module_info *info, const struct trying *t)
{
    info->kind = t->module ? t->module->kind : t->kind;
    info->builtin = !t->file;
    info->loaded = t->result == PIPC_OK;
    info->module = t->module;
    info->profile_bits = t->bits;
    info->result = t->result;
    info->os_code = t->os_code;
    info->optional = t->optional;
    info->elapsed_ns = pipci_clock_ns() - t->began_ns;
    info->stage = pipci_stage_name(t->stage);
}

/* A failure that was written down before, word by word, is not written down again. */
static pipc_result write_down(struct pipc_context *context, const struct trying *t)
{
    pipci_mutex_lock(&context->lock);
    struct pipci_attempt *const known = known_attempt(context, t);
    const bool full = context->attempt_count >= ATTEMPTS_MAX;
    pipci_mutex_unlock(&context->lock);
    if (known || (full && t->result != PIPC_OK))
        return PIPC_OK;
    struct pipci_attempt *const attempt = make_attempt(context, t);
    if (!attempt)
        return PIPC_ERR_ALLOC;
    fill_attempt(&attempt->info, t);
    pipci_mutex_lock(&context->lock);
    if (context->last_attempt)
        context->last_attempt->next = attempt;
    else
        context->first_attempt = attempt;
    context->last_attempt = attempt;
    context->attempt_count++;
    pipci_mutex_unlock(&context->lock);
    return PIPC_OK;
}

void pipci_attempts_free(struct pipc_context *context)
{
    while (context->first_attempt) {
        struct pipci_attempt *const attempt = context->first_attempt;
        context->first_attempt = attempt->next;
        pipci_free(&context->allocator, attempt);
    }
    context->last_attempt = NULL;
}

pipc_result pipc_module_info(struct pipc_context *context, uint32_t index,
                             struct pipc_module_info *ret_info)
{
    if (!context || !ret_info)
        return PIPC_ERR_BAD_PARAM;
    pipci_mutex_lock(&context->lock);
    const struct pipci_attempt *attempt = context->first_attempt;
    for (uint32_t i = 0; attempt && i < index; i++)
        attempt = attempt->next;
    pipci_mutex_unlock(&context->lock);
    if (!attempt)
        return PIPC_ERR_OUT_OF_BOUNDS;
    pipci_out_copy(ret_info, &attempt->info, sizeof(attempt->info));
    return PIPC_OK;
}

/* ---- loading ---- */

static pipc_result load_file(struct trying *t, struct pipc_error *err)
{
    struct pipci_library library = {0};
    pipc_result result = pipci_loader_open(t->file, t->name, &library, &t->stage, err);

    if (result != PIPC_OK)
        return result;
    t->stage = PIPCI_STAGE_ABI;
    result = pipci_module_judge(library.module, library.readable, t->kind, t->name, t->file, err);
    if (result != PIPC_OK) {
        pipci_loader_close(&library);
        return result;
    }
    result = pipci_loader_keep(&library, t->file, err);
    if (result == PIPC_OK)
        t->module = library.module;
    return result;
}

static pipc_result load_builtin(struct trying *t, const struct pipc_module *module,
                                struct pipc_error *err)
{
    t->stage = PIPCI_STAGE_ABI;
    const pipc_result result = pipci_module_judge(module, SIZE_MAX, t->kind, t->name, NULL, err);
    if (result == PIPC_OK)
        t->module = module;
    return result;
}

/* The file of a module that is not linked in; memory of the context's allocator. */
static char *default_file(const struct pipc_context *context, const char *name)
{
    const size_t room = strlen(context->module_dir) + strlen(name) + 8;
    char *const file = pipci_alloc(&context->allocator, room);

    if (file)
        (void)snprintf(file, room, "%s/%s%s", context->module_dir, name, pipci_loader_suffix);
    return file;
}

/* With kind 0, for tools, either section will do. */
static const struct pipci_setting *configured_file(const struct pipc_context *context,
                                                   const struct trying *t)
{
    const struct pipci_setting *found = NULL;

    if (t->kind != PIPC_MODULE_CODEC)
        found = pipci_settings_pick(&context->settings, PIPCI_SECTION_TRANSPORT, t->name, "file");
    if (!found && t->kind != PIPC_MODULE_TRANSPORT)
        found = pipci_settings_pick(&context->settings, PIPCI_SECTION_CODEC, t->name, "file");
    return found;
}

static pipc_result get_module(struct pipc_context *context, struct trying *t, char **ret_file,
                              struct pipc_error *err)
{
    const struct pipci_setting *const setting = configured_file(context, t);
    const struct pipc_module *const builtin = pipci_builtin_find(context, t->name);

    if (!setting && builtin)
        return load_builtin(t, builtin, err);
    if (!pipci_loader_there())
        return pipci_fail(err, PIPC_ERR_NO_LOADER, 0, "%s: dynamic loading is not built in",
                          t->name);
    *ret_file = setting ? pipci_strdup(&context->allocator, setting->value)
                        : default_file(context, t->name);
    if (!*ret_file)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "no memory to load \"%s\"", t->name);
    t->file = *ret_file;
    if (setting && builtin)
        pipci_log(context, PIPC_LOG_INFO, "%s: the file %s wins over the built-in module", t->name,
                  t->file);
    return load_file(t, err);
}

static void log_outcome(struct pipc_context *context, const struct trying *t)
{
    const char *const kind = pipci_kind_name(t->kind);

    if (t->result == PIPC_OK)
        pipci_log(context, PIPC_LOG_INFO, "%s \"%s\" version %s of %s: %s", kind, t->name,
                  t->module->version, t->module->vendor, t->file ? t->file : "built in");
    else
        pipci_log(context,
                  t->result == PIPC_ERR_MODULE_NOT_FOUND ? PIPC_LOG_DEBUG : PIPC_LOG_WARNING,
                  "%s \"%s\" is not available: %s", kind, t->name, t->reason);
}

static pipc_result try_load(struct pipc_context *context, struct trying *t,
                            struct pipci_instance **ret_instance, struct pipc_error *err)
{
    struct pipci_instance *instance = NULL;
    struct pipc_error cause = PIPC_ERROR_INIT;
    char *file = NULL;

    t->began_ns = pipci_clock_ns();
    t->result = get_module(context, t, &file, &cause);
    if (t->result == PIPC_OK)
        t->result = pipci_instance_start(context, t->module, t->file, &instance, &t->stage, &cause);
    if (t->result == PIPC_OK) {
        t->stage = PIPCI_STAGE_READY;
        t->bits = instance->transport.bits;
    }
    t->os_code = cause.os_code;
    t->reason = t->result == PIPC_OK ? "" : cause.text;
    const pipc_result written = write_down(context, t);
    log_outcome(context, t);
    t->reason = ""; /* that of `cause`, which ends here */
    pipci_free(&context->allocator, file);
    if (t->result == PIPC_OK && written != PIPC_OK) {
        pipci_instance_end(instance);
        return pipci_fail(err, written, 0, "no memory to load \"%s\"", t->name);
    }
    if (t->result != PIPC_OK) {
        pipci_error_copy(err, &cause);
        return t->result;
    }
    *ret_instance = instance;
    return PIPC_OK;
}

static bool is_pending(const struct pipc_context *context, const char *name)
{
    for (const struct pipci_pending *p = context->pending; p; p = p->outer) {
        if (strcmp(p->name, name) == 0)
            return true;
    }
    return false;
}

/* With the turn. */
static pipc_result load_in_turn(struct pipc_context *context, struct trying *t,
                                struct pipci_instance **ret_instance, struct pipc_error *err)
{
    struct pipci_instance *instance = pipci_instance_find(context, t->name);

    if (instance && t->kind && instance->module->kind != t->kind)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0, "%s: is a %s, expected a %s", t->name,
                          pipci_kind_name(instance->module->kind), pipci_kind_name(t->kind));
    if (!instance) {
        if (__atomic_load_n(&context->frozen, __ATOMIC_ACQUIRE))
            return pipci_fail(err, PIPC_ERR_MODULE_NOT_FOUND, 0,
                              "%s: is not loaded, and loading is frozen", t->name);
        if (is_pending(context, t->name))
            return pipci_fail(err, PIPC_ERR_CONFIG, 0,
                              "transport \"%s\" wraps itself, expected another one", t->name);
        const struct pipci_pending pending = {context->pending, t->name};
        context->pending = &pending;
        const pipc_result result = try_load(context, t, &instance, err);
        context->pending = pending.outer;
        if (result != PIPC_OK)
            return result;
        publish(context, instance);
    }
    *ret_instance = instance;
    return PIPC_OK;
}

pipc_result pipci_instance_load(struct pipc_context *context, uint32_t kind, const char *name,
                                bool optional, struct pipci_instance **ret_instance,
                                struct pipc_error *err)
{
    struct trying t = {.name = name, .kind = kind, .optional = optional};
    char shown[PIPCI_SHOWN];

    if (!pipci_module_name_ok(name, strnlen(name, PIPCI_NAME_MAX + 1)))
        return pipci_fail(err, PIPC_ERR_MODULE_NOT_FOUND, 0,
                          "module name \"%s\": expected [a-z][a-z0-9_]{0,31}",
                          pipci_show(shown, sizeof(shown), name, strlen(name)));
    pipci_turn_take(context);
    const pipc_result result = load_in_turn(context, &t, ret_instance, err);
    pipci_turn_give(context);
    return result;
}
