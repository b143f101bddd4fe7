/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting and ending one module in one context: options, profile bits, the wrapped transport,
 * init, fini.
 *
 * Runs on the thread that has the turn to load, with no lock held, because this is where code of
 * the module runs first.
 */
#include "registry.h"

#include "name.h"
#include "options.h"

#include <pipc/wire.h>

#include <string.h>

static struct pipci_instance *make(struct pipc_context *context, const struct pipc_module *module,
                                   const char *file)
{
    struct pipci_instance *const instance = pipci_zalloc(&context->allocator, sizeof(*instance));

    if (!instance)
        return NULL;
    instance->context = context;
    instance->module = module;
    instance->arena.allocator = &context->allocator;
    if (file) {
        instance->file = pipci_arena_text(&instance->arena, file, strlen(file));
        if (!instance->file) {
            pipci_free(&context->allocator, instance);
            return NULL;
        }
    }
    pipci_host_fill(instance);
    return instance;
}

/* ---- transports ---- */

/* What the wrapper is to wrap, by its option. */
static pipc_result wrapped_name(const struct pipci_instance *instance, const char **ret_name,
                                struct pipc_error *err)
{
    const struct pipc_module *const module = instance->module;
    const struct pipci_setting *setting;
    const char *const name =
        pipci_options_text(module, &instance->context->settings, "wraps", &setting);
    char shown[PIPCI_SHOWN];

    if (!name)
        return pipci_fail(err, PIPC_ERR_CONFIG, 0,
                          "[transport.%s] wraps: is missing, expected the name of the transport to "
                          "wrap",
                          module->name);
    *ret_name = name;
    if (pipci_module_name_ok(name, strlen(name)))
        return PIPC_OK;
    pipci_show(shown, sizeof(shown), name, strlen(name));
    if (setting)
        return pipci_setting_fail(err, PIPC_ERR_CONFIG, 0, setting,
                                  "found \"%s\", expected the name of a transport", shown);
    return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0, "%s: wraps \"%s\" by default, which is no name",
                      module->name, shown);
}

static pipc_result take_wrapped(struct pipci_instance *instance, struct pipc_error *err)
{
    struct pipci_instance *wrapped = NULL;
    struct pipc_error cause = PIPC_ERROR_INIT;
    const char *name = NULL;
    pipc_result result = wrapped_name(instance, &name, err);

    if (result != PIPC_OK)
        return result;
    result = pipci_instance_load(instance->context, PIPC_MODULE_TRANSPORT, name, false, &wrapped,
                                 &cause);
    if (result == PIPC_ERR_CONFIG || result == PIPC_ERR_ALLOC) {
        pipci_error_copy(err, &cause);
        return result;
    }
    if (result != PIPC_OK)
        return pipci_fail(err, result, cause.os_code, "wraps \"%s\": %s", name, cause.text);
    instance->wrapped = wrapped;
    return pipci_wrapper_take(&instance->transport.ops, instance->module, &wrapped->transport.ops,
                              instance->module->name, err);
}

static pipc_result take_bits(struct pipci_instance *instance, struct pipc_error *err)
{
    struct pipci_transport *const t = &instance->transport;
    const char *const name = instance->module->name;
    const struct pipci_setting *const setting = pipci_settings_pick(
        &instance->context->settings, PIPCI_SECTION_TRANSPORT, name, "profile_bit");
    const uint32_t assigned = pipci_options_profile_bit(setting);

    if (instance->wrapped)
        t->bits = instance->wrapped->transport.bits;
    else if (t->ops.traits & PIPC_TRAIT_BASELINE)
        t->bits = PIPC_PROFILE_BASELINE;
    else
        t->bits = t->ops.profile_bits;
    if (t->bits && assigned)
        return pipci_setting_fail(err, PIPC_ERR_CONFIG, 0, setting,
                                  "found \"%s\", expected no such key: the module has the bits "
                                  "0x%08x",
                                  setting->value, t->bits);
    if (!t->bits && !assigned)
        return pipci_fail(err, PIPC_ERR_CONFIG, 0,
                          "[transport.%s] profile_bit: the module declares no bit, expected a "
                          "number from 16 to 31",
                          name);
    t->bits |= assigned;
    return PIPC_OK;
}

static pipc_result prepare_transport(struct pipci_instance *instance, struct pipc_error *err)
{
    struct pipc_context *const context = instance->context;
    struct pipci_transport *const t = &instance->transport;
    pipc_result result = PIPC_OK;

    t->name = instance->module->name;
    t->file = instance->file;
    pipci_transport_normalise(instance->module->ops, &t->ops);
    if (t->ops.traits & PIPC_TRAIT_WRAPPER)
        result = take_wrapped(instance, err);
    if (result == PIPC_OK)
        result = take_bits(instance, err);
    /* Measured once, for the first module that may wait. */
    if (result == PIPC_OK && instance->module->init && context->sleep_cost_ns == 0)
        context->sleep_cost_ns = pipci_measure_sleep_cost();
    instance->host.sleep_cost_ns = context->sleep_cost_ns;
    return result;
}

/* ---- codecs ---- */

static pipc_result prepare_codec(struct pipci_instance *instance, struct pipc_error *err)
{
    const struct pipci_instance *other;

    pipci_codec_normalise(instance->module->ops, &instance->tables);
    instance->codec.name = instance->module->name;
    instance->codec.file = instance->file;
    instance->codec.ops = instance->tables.ops;
    other = pipci_instance_by_code(instance->context, instance->tables.ops.code);
    if (other)
        return pipci_fail(err, PIPC_ERR_CONFIG, 0,
                          "codec \"%s\" has the method code %u of codec \"%s\", expected another",
                          instance->module->name, instance->tables.ops.code, other->module->name);
    return PIPC_OK;
}

/* Options that do not fit together, at the place of the module's section if there is one. */
static pipc_result refuse_options(const struct pipci_instance *instance,
                                  const struct pipc_error *cause, struct pipc_error *err)
{
    const struct pipc_module *const module = instance->module;
    const bool transport = module->kind == PIPC_MODULE_TRANSPORT;
    const struct pipci_setting *const section = pipci_settings_find(
        &instance->context->settings, transport ? PIPCI_SECTION_TRANSPORT : PIPCI_SECTION_CODEC,
        module->name, strlen(module->name), "", 0, PIPCI_SOURCE_SECTION);

    if (section)
        return pipci_setting_fail(err, PIPC_ERR_CONFIG, cause->os_code, section, "%s", cause->text);
    return pipci_fail(err, PIPC_ERR_CONFIG, cause->os_code, "[%s.%s]: %s",
                      pipci_kind_name(module->kind), module->name, cause->text);
}

static pipc_result run_init(struct pipci_instance *instance, const struct pipc_option_value *values,
                            struct pipc_error *err)
{
    const struct pipc_module *const module = instance->module;
    struct pipc_error cause = PIPC_ERROR_INIT;

    if (!module->init)
        return PIPC_OK;
    const pipc_result result =
        module->init(&instance->host, values, module->option_count, &instance->self, &cause);
    if (result == PIPC_OK)
        return PIPC_OK;
    instance->self = NULL;
    cause.text[sizeof(cause.text) - 1] = '\0';
    /* A module may say that its options or the memory are the reason; everything else is its start
     * that failed. */
    if (result == PIPC_ERR_CONFIG)
        return refuse_options(instance, &cause, err);
    return pipci_fail(err, result == PIPC_ERR_ALLOC ? result : PIPC_ERR_MODULE_INIT, cause.os_code,
                      "%s \"%s\" failed to start: %s", pipci_kind_name(module->kind), module->name,
                      cause.text[0] ? cause.text : pipc_result_text(result));
}

pipc_result pipci_instance_start(struct pipc_context *context, const struct pipc_module *module,
                                 const char *file, struct pipci_instance **ret_instance,
                                 uint32_t *ret_stage, struct pipc_error *err)
{
    struct pipc_option_value *values = NULL;
    struct pipci_instance *const instance = make(context, module, file);

    *ret_stage = PIPCI_STAGE_INIT;
    if (!instance)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "no memory to start \"%s\"", module->name);
    pipc_result result =
        pipci_options_read(&instance->arena, module, &context->settings, &values, err);
    if (result == PIPC_OK) {
        result = module->kind == PIPC_MODULE_TRANSPORT ? prepare_transport(instance, err)
                                                       : prepare_codec(instance, err);
        if (result == PIPC_ERR_MODULE_ABI)
            *ret_stage = PIPCI_STAGE_ABI;
    }
    if (result == PIPC_OK)
        result = run_init(instance, values, err);
    if (result != PIPC_OK) {
        pipci_arena_free(&instance->arena);
        pipci_free(&context->allocator, instance);
        return result;
    }
    instance->transport.self = instance->self;
    *ret_instance = instance;
    return PIPC_OK;
}

void pipci_instance_end(struct pipci_instance *instance)
{
    const struct pipc_allocator *const allocator = &instance->context->allocator;

    if (instance->module->fini)
        instance->module->fini(instance->self);
    pipci_arena_free(&instance->arena);
    pipci_free(allocator, instance);
}
