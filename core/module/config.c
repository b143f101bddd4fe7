/* SPDX-License-Identifier: Apache-2.0
 *
 * Collecting a configuration: texts, calls and handed-in modules, each checked at once as far as
 * the core can.
 *
 * Every call is all or nothing: what it gave is there afterwards as a whole, or nothing of it. One
 * thread at a time.
 */
#include "config.h"

#include "../base/platform.h"

#include "descriptor.h"
#include "name.h"

#include <string.h>

pipc_result pipci_allocator_take(const struct pipc_allocator *allocator,
                                 struct pipc_allocator *ret_allocator, struct pipc_error *err)
{
    if (!allocator)
        allocator = &pipci_default_allocator;
    if (!PIPCI_HAS(allocator, free) || !allocator->alloc || !allocator->realloc || !allocator->free)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                          "allocator: expected its size and the functions alloc, realloc, free");
    memset(ret_allocator, 0, sizeof(*ret_allocator));
    ret_allocator->size = (uint32_t)sizeof(*ret_allocator);
    ret_allocator->arg = allocator->arg;
    ret_allocator->alloc = allocator->alloc;
    ret_allocator->realloc = allocator->realloc;
    ret_allocator->free = allocator->free;
    return PIPC_OK;
}

pipc_result pipc_config_new(const struct pipc_allocator *allocator, struct pipc_config **ret_config)
{
    struct pipc_allocator own;

    if (!ret_config || pipci_allocator_take(allocator, &own, NULL) != PIPC_OK)
        return PIPC_ERR_BAD_PARAM;
    struct pipc_config *const config = pipci_zalloc(&own, sizeof(*config));
    if (!config)
        return PIPC_ERR_ALLOC;
    config->allocator = own;
    config->settings.allocator = &config->allocator;
    *ret_config = config;
    return PIPC_OK;
}

void pipc_config_free(struct pipc_config *config)
{
    if (!config)
        return;
    const struct pipc_allocator own = config->allocator;
    pipci_settings_clear(&config->settings);
    pipci_free(&own, config->modules);
    pipci_free(&own, config);
}

/* ---- text ---- */

#if PIPC_HAVE_INI

struct reading {
    const struct pipc_config *config;
    const char *origin;
    struct pipci_settings settings; /* of this text alone, until all of it is read */
};

static const struct pipci_setting *given_before(const struct reading *r,
                                                const struct pipci_place *p)
{
    const struct pipci_setting *const here = pipci_settings_find(
        &r->settings, p->kind, p->name, p->name_len, p->key, p->key_len, PIPCI_SOURCE_TEXT);

    if (here)
        return here;
    return pipci_settings_find(&r->config->settings, p->kind, p->name, p->name_len, p->key,
                               p->key_len, PIPCI_SOURCE_TEXT);
}

static pipc_result take_line(void *arg, const struct pipci_ini_line *line, struct pipc_error *err)
{
    struct reading *const r = arg;
    struct pipci_place p = {
        r->origin, line->number,  0,           line->section,  line->section_len, "", 0,
        line->key, line->key_len, line->value, line->value_len};
    pipc_result result = pipci_section_check(&p, err);

    if (result == PIPC_OK)
        result = pipci_settings_add(&r->settings, &p, PIPCI_SOURCE_SECTION, err);
    if (result != PIPC_OK || !line->key)
        return result;
    result = pipci_key_check(&p, err);
    if (result != PIPC_OK)
        return result;
    const struct pipci_setting *const before = given_before(r, &p);
    if (before) {
        char origin[PIPCI_SHOWN];
        return pipci_place_fail(
            err, PIPC_ERR_CONFIG, 0, &p, "given twice, first at %s:%u",
            pipci_show_tail(origin, sizeof(origin), before->origin, strlen(before->origin)),
            before->line);
    }
    return pipci_settings_add(&r->settings, &p, PIPCI_SOURCE_TEXT, err);
}

static pipc_result read_text(struct pipc_config *config, const char *text, size_t len,
                             const char *origin, struct pipc_error *err)
{
    struct reading *const r = pipci_zalloc(&config->allocator, sizeof(*r));

    if (!r)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "%s: no memory to read it", origin);
    r->config = config;
    r->origin = origin;
    r->settings.allocator = &config->allocator;
    const pipc_result result = pipci_ini_read(text, len, origin, r, take_line, err);
    if (result == PIPC_OK)
        pipci_settings_move(&config->settings, &r->settings);
    else
        pipci_settings_clear(&r->settings);
    pipci_free(&config->allocator, r);
    return result;
}

pipc_result pipc_config_read_text(struct pipc_config *config, const char *text, size_t len,
                                  const char *origin, struct pipc_error *err)
{
    if (!config || (!text && len > 0))
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "pipc_config_read_text: %s is NULL",
                          config ? "text" : "config");
    return read_text(config, text ? text : "", len, origin ? origin : "text", err);
}

pipc_result pipc_config_read_file(struct pipc_config *config, const char *path,
                                  struct pipc_error *err)
{
    char *text = NULL;
    size_t len = 0;

    if (!config || !path)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "pipc_config_read_file: %s is NULL",
                          config ? "path" : "config");
    pipc_result result =
        pipci_file_read(&config->allocator, path, PIPCI_INI_TEXT_MAX, &text, &len, err);
    if (result != PIPC_OK)
        return result;
    result = read_text(config, text, len, path, err);
    pipci_free(&config->allocator, text);
    return result;
}

#else

pipc_result pipc_config_read_text(struct pipc_config *config, const char *text, size_t len,
                                  const char *origin, struct pipc_error *err)
{
    (void)config;
    (void)text;
    (void)len;
    return pipci_fail(err, PIPC_ERR_NOT_SUPPORTED, 0,
                      "%s: this build cannot read configuration text (PIPC_INI=OFF)",
                      origin ? origin : "text");
}

pipc_result pipc_config_read_file(struct pipc_config *config, const char *path,
                                  struct pipc_error *err)
{
    return pipc_config_read_text(config, NULL, 0, path, err);
}

#endif

/* ---- calls ---- */

static pipc_result set_checked(struct pipc_config *config, const struct pipci_place *p,
                               uint32_t source, struct pipc_error *err)
{
    struct pipci_setting *const before = pipci_settings_find(
        &config->settings, p->kind, p->name, p->name_len, p->key, p->key_len, source);
    pipc_result result = pipci_settings_add(&config->settings, p, PIPCI_SOURCE_SECTION, err);

    if (result == PIPC_OK)
        result = pipci_settings_add(&config->settings, p, source, err);
    if (result == PIPC_OK && before)
        pipci_settings_remove(&config->settings, before);
    return result;
}

/* `call` is what errors name in place of a line. */
static pipc_result set(struct pipc_config *config, const char *call, const char *section,
                       const char *key, const char *value, uint32_t source, struct pipc_error *err)
{
    if (!config || !section || !key || !value)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "%s: an argument is NULL", call);

    struct pipci_place p = {call, 0,   0,           section, strlen(section), "",
                            0,    key, strlen(key), value,   strlen(value)};
    pipci_trim(&p.value, &p.value_len);
    pipc_result result = pipci_section_check(&p, err);
    if (result == PIPC_OK && p.value_len > PIPCI_INI_LINE_MAX)
        result =
            pipci_place_fail(err, PIPC_ERR_CONFIG, 0, &p, "the value has more than 4095 bytes");
    if (result == PIPC_OK)
        result = pipci_key_check(&p, err);
    return result == PIPC_OK ? set_checked(config, &p, source, err) : result;
}

pipc_result pipc_config_set(struct pipc_config *config, const char *section, const char *key,
                            const char *value, struct pipc_error *err)
{
    return set(config, "pipc_config_set", section, key, value, PIPCI_SOURCE_API, err);
}

pipc_result pipc_config_set_default(struct pipc_config *config, const char *section,
                                    const char *key, const char *value, struct pipc_error *err)
{
    return set(config, "pipc_config_set_default", section, key, value, PIPCI_SOURCE_DEFAULT, err);
}

/* ---- modules of the program ---- */

pipc_result pipc_config_add_module(struct pipc_config *config, const struct pipc_module *module,
                                   struct pipc_error *err)
{
    if (!config)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "pipc_config_add_module: config is NULL");
    if (!pipci_module_head_ok(module))
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                          "pipc_config_add_module: expected the descriptor of a module");
    for (uint32_t i = 0; i < config->module_count; i++) {
        if (config->modules[i] == module)
            return PIPC_OK;
    }
    const size_t size = sizeof(struct pipc_module *) * ((size_t)config->module_count + 1);
    const struct pipc_module **const grown =
        config->modules ? pipci_realloc(&config->allocator, config->modules, size)
                        : pipci_alloc(&config->allocator, size);
    if (!grown)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "pipc_config_add_module: no memory for \"%s\"",
                          module->name);
    config->modules = grown;
    grown[config->module_count++] = module;
    return PIPC_OK;
}
