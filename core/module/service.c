/* SPDX-License-Identifier: Apache-2.0
 *
 * What the configuration says of each service, put together once when a context opens
 * (docs/config.md 2.2, 3).
 *
 * Afterwards a service is one look-up by name and one copy, on any thread, without a lock.
 */
#include "registry.h"

#include "name.h"

#include <pipc_builtin.h>

#include <stdio.h>
#include <string.h>

#define TOKEN_FILE_MAX 4096u

/* ---- the token ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool token_parse(const char *text, size_t len, uint64_t *ret_token)
{
    while (len > 0 && is_space(text[0])) {
        text++;
        len--;
    }
    while (len > 0 && is_space(text[len - 1]))
        len--;
    return pipci_number_parse(text, len, ret_token);
}

static void forget(char *secret, size_t len)
{
    volatile char *const at = secret;

    for (size_t i = 0; i < len; i++)
        at[i] = 0;
}

static pipc_result read_token(struct pipc_context *context, const struct pipci_setting *setting,
                              struct pipci_service *service, struct pipc_error *err)
{
    struct pipc_error cause = PIPC_ERROR_INIT;
    char *text = NULL;
    size_t len = 0;
    uint64_t token = 0;
    const pipc_result result = pipci_file_read_secret(&context->allocator, setting->value,
                                                      TOKEN_FILE_MAX, &text, &len, &cause);

    if (result != PIPC_OK)
        return pipci_setting_fail(err, result, cause.os_code, setting,
                                  "%s; expected a file of root or this user that others cannot "
                                  "read",
                                  cause.text);
    const bool good = token_parse(text, len, &token);
    forget(text, len);
    pipci_free(&context->allocator, text);
    if (!good) {
        char shown[PIPCI_SHOWN];
        return pipci_setting_fail(
            err, PIPC_ERR_CONFIG, 0, setting,
            "%s: expected one number from 0 to 18446744073709551615",
            pipci_show_tail(shown, sizeof(shown), setting->value, strlen(setting->value)));
    }
    service->auth_token = token;
    service->auth_token_given = 1;
    return PIPC_OK;
}

/* ---- one service ---- */

/* The number of a key; 0: not given. 0 in the text or by a call means the default, and so leaves
 * that of the program in place. */
static uint64_t number_of(const struct pipci_settings *settings, const char *name, const char *key)
{
    const struct pipci_setting *const places[] = {
        pipci_settings_pick(settings, PIPCI_SECTION_SERVICE, name, key),
        pipci_settings_find(settings, PIPCI_SECTION_SERVICE, name, strlen(name), key, strlen(key),
                            PIPCI_SOURCE_DEFAULT)};
    uint64_t number = 0;

    for (size_t i = 0; i < PIPCI_COUNT(places) && number == 0; i++) {
        if (places[i])
            (void)pipci_number_parse(places[i]->value, strlen(places[i]->value), &number);
    }
    return number;
}

static void fill_numbers(const struct pipci_settings *settings, const char *name,
                         struct pipci_service *service)
{
    const struct pipci_key *key;

    for (size_t i = 0; (key = pipci_key_at(i)) != NULL; i++) {
        const uint64_t number = key->width ? number_of(settings, name, key->name) : 0;
        if (number == 0)
            continue;
        if (key->width == sizeof(uint64_t)) {
            memcpy((char *)service + key->offset, &number, sizeof(number));
        } else {
            const uint32_t narrow = (uint32_t)number;
            memcpy((char *)service + key->offset, &narrow, sizeof(narrow));
        }
    }
}

static bool module_trouble(pipc_result result)
{
    return result == PIPC_ERR_NO_LOADER || result == PIPC_ERR_MODULE_NOT_FOUND ||
           result == PIPC_ERR_MODULE_UNSAFE || result == PIPC_ERR_MODULE_OPEN ||
           result == PIPC_ERR_MODULE_SYMBOL || result == PIPC_ERR_MODULE_ABI ||
           result == PIPC_ERR_MODULE_INIT;
}

static pipc_result make_service(struct pipc_context *context, const char *name,
                                struct pipci_service_entry *entry, struct pipc_error *err)
{
    const struct pipci_settings *const settings = &context->settings;
    const struct pipci_setting *const run_dir = pipci_service_pick(settings, name, "run_dir");
    const struct pipci_setting *const token =
        pipci_settings_pick(settings, PIPCI_SECTION_SERVICE, name, "token_file");

    entry->service.run_dir = run_dir ? run_dir->value : NULL;
    fill_numbers(settings, name, &entry->service);
    if (token) {
        const pipc_result result = read_token(context, token, &entry->service, err);
        if (result != PIPC_OK)
            return result;
    }
    entry->error.size = (uint32_t)sizeof(entry->error);
    entry->result = pipci_plan_make(context, name, &entry->service, &entry->error);
    if (entry->result == PIPC_OK ||
        ((context->flags & PIPC_OPEN_INSPECT) && module_trouble(entry->result)))
        return PIPC_OK;
    pipci_error_copy(err, &entry->error);
    return entry->result;
}

pipc_result pipci_services_make(struct pipc_context *context, struct pipc_error *err)
{
    pipc_result result = make_service(context, "", &context->fallback, err);

    for (struct pipci_setting *s = context->settings.first; s && result == PIPC_OK; s = s->next) {
        if (s->kind != PIPCI_SECTION_SERVICE || s->source != PIPCI_SOURCE_SECTION)
            continue;
        struct pipci_service_entry *const entry =
            pipci_arena_alloc(&context->arena, sizeof(*entry));
        if (!entry)
            return pipci_fail(err, PIPC_ERR_ALLOC, 0, "no memory for [%s]", s->section);
        result = make_service(context, s->name, entry, err);
        s->owner = entry;
    }
    return result;
}

static const struct pipci_service_entry *find_entry(const struct pipc_context *context,
                                                    const char *service)
{
    const struct pipci_setting *const mark =
        pipci_settings_find(&context->settings, PIPCI_SECTION_SERVICE, service, strlen(service), "",
                            0, PIPCI_SOURCE_SECTION);

    return mark ? mark->owner : &context->fallback;
}

pipc_result pipci_context_service(struct pipc_context *context, const char *service,
                                  struct pipci_service *ret_service, struct pipc_error *err)
{
    const pipc_result result = pipci_service_name_check(service, err);

    if (result != PIPC_OK)
        return result;
    const struct pipci_service_entry *const entry = find_entry(context, service);
    if (entry->result != PIPC_OK) {
        pipci_error_copy(err, &entry->error);
        return entry->result;
    }
    *ret_service = entry->service;
    return PIPC_OK;
}

/* ---- for people ---- */

/* Tells two tokens apart without telling them: 32 bits of many to one. */
static uint64_t fingerprint(uint64_t token)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    if (token == 0)
        return 0;
    for (uint32_t i = 0; i < 8; i++)
        hash = (hash ^ ((token >> (8 * i)) & 0xff)) * UINT64_C(1099511628211);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    return hash >> 32;
}

pipc_result pipc_service_plan(struct pipc_context *context, const char *service,
                              struct pipc_plan *ret_plan, struct pipc_error *err)
{
    struct pipci_service found;
    struct pipc_plan plan;

    if (!context || !ret_plan)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "pipc_service_plan: %s is NULL",
                          context ? "ret_plan" : "context");
    const pipc_result result = pipci_context_service(context, service, &found, err);
    if (result != PIPC_OK)
        return result;
    memset(&plan, 0, sizeof(plan));
    plan.size = (uint32_t)sizeof(plan);
    plan.supported = found.supported;
    plan.preferred = found.preferred;
    plan.plane_count = found.plane_count;
    plan.carrier = found.carrier->name;
    plan.run_dir = found.run_dir;
    plan.auth_token_fingerprint = fingerprint(found.auth_token);
    for (uint32_t i = 0; i < found.plane_count; i++) {
        plan.planes[i].name = found.planes[i].name;
        plan.planes[i].bits = found.planes[i].transport ? found.planes[i].transport->bits : 0;
        plan.planes[i].reason = found.planes[i].reason;
    }
    plan.call_timeout_ms = found.call_timeout_ms;
    plan.max_response_bytes = found.max_response_bytes;
    plan.growth_ceiling_bytes = found.growth_ceiling_bytes;
    pipci_out_copy(ret_plan, &plan, sizeof(plan));
    return PIPC_OK;
}

/* ---- sections that nothing uses ---- */

static bool list_names(const char *list, const char *name)
{
    const size_t list_len = strlen(list), name_len = strlen(name);
    const char *element;
    size_t pos = 0, len;

    while (pipci_list_next(list, list_len, &pos, &element, &len)) {
        const bool optional = len > 0 && element[0] == '-';
        if (len - optional == name_len && memcmp(element + optional, name, name_len) == 0)
            return true;
    }
    return false;
}

/* Some list, carrier or wrapper names it, also one that a higher place has replaced. */
static bool is_named(const struct pipc_context *context, const struct pipci_setting *section)
{
    static const char *const transport_keys[] = {"transports", "carrier", "wraps"};
    const bool codec = section->kind == PIPCI_SECTION_CODEC;

    for (const struct pipci_setting *s = context->settings.first; s; s = s->next) {
        bool counts = codec && strcmp(s->key, "codecs") == 0;
        for (size_t i = 0; i < PIPCI_COUNT(transport_keys) && !codec && !counts; i++)
            counts = strcmp(s->key, transport_keys[i]) == 0;
        if (counts && list_names(s->value, section->name))
            return true;
    }
    return (context->flags & PIPC_OPEN_INSPECT) && !codec &&
           (list_names(pipci_default_transports, section->name) ||
            strcmp(pipci_default_carrier, section->name) == 0);
}

static bool is_loaded(const struct pipc_context *context, const struct pipci_setting *section)
{
    const uint32_t kind =
        section->kind == PIPCI_SECTION_TRANSPORT ? PIPC_MODULE_TRANSPORT : PIPC_MODULE_CODEC;

    for (const struct pipci_instance *i = context->instances; i; i = i->next) {
        if (i->module->kind == kind && strcmp(i->module->name, section->name) == 0)
            return true;
    }
    return false;
}

pipc_result pipci_sections_check(const struct pipc_context *context, struct pipc_error *err)
{
    for (const struct pipci_setting *s = context->settings.first; s; s = s->next) {
        if (s->source != PIPCI_SOURCE_SECTION || s->kind < PIPCI_SECTION_TRANSPORT ||
            is_loaded(context, s) || is_named(context, s))
            continue;
        return pipci_setting_fail(err, PIPC_ERR_CONFIG, 0, s,
                                  "nothing uses this module, expected one that a list, a carrier "
                                  "or a wrapper names");
    }
    return PIPC_OK;
}
