/* SPDX-License-Identifier: Apache-2.0
 *
 * From a list of transports to planes, carrier and masks (docs/config.md 4).
 *
 * What is not in the list is never used, and what cannot be used is an error or keeps its reason.
 * Runs while a context opens, on that thread.
 */
#include "registry.h"

#include "name.h"

#include <pipc/wire.h>
#include <pipc_builtin.h>

#include <string.h>

/* A list while it is worked on. */
struct plan {
    struct pipc_context *context;
    const struct pipci_setting *list;    /* NULL: the default */
    const struct pipci_setting *carrier; /* NULL: the default */
    struct pipci_service *service;
    struct pipci_instance *instances[PIPCI_PLANES_MAX];
    const struct pipci_instance *baseline;
    struct pipc_error *err;
};

const struct pipci_setting *pipci_service_pick(const struct pipci_settings *settings,
                                               const char *service, const char *key)
{
    static const uint32_t sources[] = {PIPCI_SOURCE_API, PIPCI_SOURCE_TEXT, PIPCI_SOURCE_DEFAULT};
    const size_t name_len = strlen(service), key_len = strlen(key);

    for (size_t i = 0; i < PIPCI_COUNT(sources); i++) {
        const struct pipci_setting *found = NULL;
        if (name_len > 0)
            found = pipci_settings_find(settings, PIPCI_SECTION_SERVICE, service, name_len, key,
                                        key_len, sources[i]);
        if (!found)
            found =
                pipci_settings_find(settings, PIPCI_SECTION_PIPC, "", 0, key, key_len, sources[i]);
        if (found)
            return found;
    }
    return NULL;
}

/* Of a setting, or of the default of that key. */
static struct pipci_place place_of(const struct pipci_setting *setting, const char *key)
{
    const struct pipci_place standard = {"default", 0,   PIPCI_SECTION_PIPC, "pipc", 4, "",
                                         0,         key, strlen(key),        "",     0};

    return setting ? pipci_setting_place(setting) : standard;
}

/* Fails at the place of a setting, or of the default of that key. */
static pipc_result refuse(const struct plan *plan, pipc_result result, int32_t os_code,
                          const struct pipci_setting *setting, const char *key, const char *format,
                          ...) PIPCI_PRINTF(6, 7);
static pipc_result refuse(const struct plan *plan, pipc_result result, int32_t os_code,
                          const struct pipci_setting *setting, const char *key, const char *format,
                          ...)
{
    const struct pipci_place place = place_of(setting, key);
    struct pipc_error text = PIPC_ERROR_INIT;
    va_list args;

    va_start(args, format);
    (void)pipci_vfail(&text, result, os_code, format, args);
    va_end(args);
    return pipci_place_fail(plan->err, result, os_code, &place, "%s", text.text);
}

/* A module that the list or the carrier names and that cannot be had. A fault of its own section
 * already has its place. */
static pipc_result refuse_module(const struct plan *plan, const struct pipci_setting *setting,
                                 const char *key, const char *name, const struct pipc_error *cause)
{
    const struct pipci_place place = place_of(setting, key);

    return pipci_unavailable(plan->context, PIPC_MODULE_TRANSPORT, name, &place, cause, plan->err);
}

static bool is_baseline(const struct pipci_instance *instance)
{
    return (instance->transport.ops.traits & PIPC_TRAIT_BASELINE) != 0;
}

static pipc_result add_missing(struct plan *plan, struct pipci_plane *plane, const char *name,
                               const struct pipc_error *cause)
{
    plane->name = pipci_arena_text(&plan->context->arena, name, strlen(name));
    plane->reason = pipci_arena_text(&plan->context->arena, cause->text, strlen(cause->text));
    if (!plane->name || !plane->reason)
        return pipci_fail(plan->err, PIPC_ERR_ALLOC, 0, "no memory for the list of transports");
    return PIPC_OK;
}

static pipc_result add_present(struct plan *plan, struct pipci_plane *plane,
                               struct pipci_instance *instance)
{
    if (is_baseline(instance)) {
        if (plan->baseline)
            return refuse(plan, PIPC_ERR_CONFIG, 0, plan->list, "transports",
                          "\"%s\" and \"%s\" are two baselines, expected at most one",
                          plan->baseline->module->name, instance->module->name);
        plan->baseline = instance;
    }
    instance->listed = 1;
    plane->transport = &instance->transport;
    plane->name = instance->module->name;
    plane->reason = "";
    const uint32_t bits = instance->transport.bits & ~instance->transport.ops.unlisted_bits;
    if (plan->service->supported == 0)
        plan->service->preferred = bits;
    plan->service->supported |= bits;
    return PIPC_OK;
}

static pipc_result add_name(struct plan *plan, const char *text, size_t len)
{
    struct pipc_error cause = PIPC_ERROR_INIT;
    struct pipci_instance *instance = NULL;
    char name[PIPCI_NAME_MAX + 1] = "";
    const bool optional = text[0] == '-';
    const uint32_t index = plan->service->plane_count;

    memcpy(name, text + optional, len - optional);
    const pipc_result result = pipci_instance_load(plan->context, PIPC_MODULE_TRANSPORT, name,
                                                   optional, &instance, &cause);
    if (result != PIPC_OK && (!optional || result == PIPC_ERR_CONFIG || result == PIPC_ERR_ALLOC))
        return refuse_module(plan, plan->list, "transports", name, &cause);
    plan->instances[index] = instance;
    plan->service->plane_count++;
    return instance ? add_present(plan, &plan->service->planes[index], instance)
                    : add_missing(plan, &plan->service->planes[index], name, &cause);
}

/* No two names of one list have a bit in common, and nothing stands beside its wrapper. */
static pipc_result check_pair(const struct plan *plan, const struct pipci_instance *a,
                              const struct pipci_instance *b)
{
    for (const struct pipci_instance *w = a->wrapped; w; w = w->wrapped) {
        if (w == b)
            return refuse(plan, PIPC_ERR_CONFIG, 0, plan->list, "transports",
                          "\"%s\" wraps \"%s\", expected the wrapper in its place, not both",
                          a->module->name, b->module->name);
    }
    return PIPC_OK;
}

static pipc_result check_pairs(const struct plan *plan)
{
    pipc_result result = PIPC_OK;

    for (uint32_t i = 0; i < plan->service->plane_count; i++) {
        for (uint32_t k = 0; k < plan->service->plane_count && result == PIPC_OK; k++) {
            if (i != k && plan->instances[i] && plan->instances[k])
                result = check_pair(plan, plan->instances[i], plan->instances[k]);
        }
    }
    for (uint32_t i = 0; i < plan->service->plane_count && result == PIPC_OK; i++) {
        const struct pipci_instance *const a = plan->instances[i];
        for (uint32_t k = i + 1; a && k < plan->service->plane_count && result == PIPC_OK; k++) {
            const struct pipci_instance *const b = plan->instances[k];
            if (b && (a->transport.bits & b->transport.bits))
                result =
                    refuse(plan, PIPC_ERR_CONFIG, 0, plan->list, "transports",
                           "\"%s\" and \"%s\" both have profile bits 0x%08x, expected one "
                           "module for each bit",
                           a->module->name, b->module->name, a->transport.bits & b->transport.bits);
        }
    }
    return result;
}

static pipc_result read_list(struct plan *plan)
{
    const char *const text = plan->list ? plan->list->value : pipci_default_transports;
    const size_t text_len = strlen(text);
    const char *name;
    size_t pos = 0, len;
    pipc_result result = PIPC_OK;

    while (result == PIPC_OK && pipci_list_next(text, text_len, &pos, &name, &len))
        result = add_name(plan, name, len);
    if (result == PIPC_OK)
        result = check_pairs(plan);
    if (result == PIPC_OK && plan->service->supported == 0)
        result = refuse(plan, PIPC_ERR_CONFIG, 0, plan->list, "transports",
                        "found \"%s\", of which nothing is left, expected at least one that is "
                        "there; %s",
                        text, plan->service->planes[0].reason);
    return result;
}

static pipc_result find_carrier(struct plan *plan)
{
    struct pipc_error cause = PIPC_ERROR_INIT;
    const char *const name = plan->carrier ? plan->carrier->value : pipci_default_carrier;
    struct pipci_instance *carrier = NULL;

    if (plan->baseline && plan->carrier && strcmp(name, plan->baseline->module->name) != 0)
        return refuse(plan, PIPC_ERR_CONFIG, 0, plan->carrier, "carrier",
                      "found \"%s\", expected \"%s\", the baseline in the list of transports", name,
                      plan->baseline->module->name);
    if (plan->baseline) {
        plan->service->carrier = &plan->baseline->transport;
        return PIPC_OK;
    }
    if (pipci_instance_load(plan->context, PIPC_MODULE_TRANSPORT, name, false, &carrier, &cause) !=
        PIPC_OK)
        return refuse_module(plan, plan->carrier, "carrier", name, &cause);
    if (!is_baseline(carrier))
        return refuse(plan, PIPC_ERR_CONFIG, 0, plan->carrier, "carrier",
                      "found \"%s\", which is no baseline, expected one", name);
    plan->service->carrier = &carrier->transport;
    return PIPC_OK;
}

pipc_result pipci_plan_make(struct pipc_context *context, const char *service,
                            struct pipci_service *ret_service, struct pipc_error *err)
{
    struct plan plan = {.context = context, .service = ret_service, .err = err};

    plan.list = pipci_service_pick(&context->settings, service, "transports");
    plan.carrier = pipci_service_pick(&context->settings, service, "carrier");
    const pipc_result result = read_list(&plan);
    return result == PIPC_OK ? find_carrier(&plan) : result;
}

pipc_result pipci_bits_check(const struct pipc_context *context, struct pipc_error *err)
{
    for (const struct pipci_instance *a = context->instances; a; a = a->next) {
        for (const struct pipci_instance *b = a->next; b; b = b->next) {
            const uint32_t both = a->transport.bits & b->transport.bits & ~PIPC_PROFILE_BASELINE;
            if (a->listed && b->listed && both)
                return pipci_fail(err, PIPC_ERR_CONFIG, 0,
                                  "[transport.%s] and [transport.%s]: both have profile bits "
                                  "0x%08x, expected one module for each bit",
                                  b->module->name, a->module->name, both);
        }
    }
    return PIPC_OK;
}
