/* SPDX-License-Identifier: Apache-2.0
 *
 * Declared options of modules: judging the declarations, and reading values by them (docs/config.md
 * 5).
 *
 * A module never parses a text of the configuration, but for the type text. A secret value appears
 * in no message. Any thread.
 */
#include "options.h"

#include "../base/platform.h"
#include "descriptor.h"
#include "name.h"

#include <stdio.h>
#include <string.h>

static bool number_fits(const struct pipc_option *o, const char *text, size_t len,
                        uint64_t *ret_number)
{
    uint64_t number;

    if (!pipci_number_parse(text, len, &number) || number < o->min || number > o->max)
        return false;
    *ret_number = number;
    return true;
}

static bool element_ok(const struct pipc_option *o, const char *element, size_t len)
{
    uint64_t number;

    if (len == 0 || memchr(element, ' ', len) || memchr(element, '\t', len))
        return false;
    if (o->choices)
        return pipci_choice_ok(o->choices, element, len);
    if (element[0] >= '0' && element[0] <= '9')
        return pipci_number_parse(element, len, &number) &&
               (o->max == 0 || (number >= o->min && number <= o->max));
    return true;
}

/* Well-formed elements, none twice; counts them. */
static bool list_ok(const struct pipc_option *o, const char *text, size_t len, uint64_t *ret_count)
{
    const char *element, *other;
    size_t pos = 0, other_pos, n, other_n;

    *ret_count = 0;
    while (pipci_list_next(text, len, &pos, &element, &n)) {
        if (!element_ok(o, element, n))
            return false;
        for (other_pos = 0; pipci_list_next(text, len, &other_pos, &other, &other_n);) {
            if (other == element)
                break;
            if (other_n == n && memcmp(other, element, n) == 0)
                return false;
        }
        (*ret_count)++;
    }
    return true;
}

/* Fills number, and list_count, of the value; its texts are the caller's business. `is_word`: a
 * word in place of a number. */
static bool parse(const struct pipc_option *o, const char *text, size_t len,
                  struct pipc_option_value *value, bool *is_word)
{
    *is_word = false;
    if (len == 0)
        return false;
    switch (o->type) {
    case PIPC_OPTION_NUMBER:
        return number_fits(o, text, len, &value->number);
    case PIPC_OPTION_YESNO:
        value->number = len == 3;
        return (len == 3 && memcmp(text, "yes", 3) == 0) ||
               (len == 2 && memcmp(text, "no", 2) == 0);
    case PIPC_OPTION_LIST:
        return list_ok(o, text, len, &value->list_count);
    case PIPC_OPTION_PATH:
        *is_word = true;
        return pipci_path_is_absolute(text);
    case PIPC_OPTION_CHOICE:
        *is_word = true;
        return pipci_choice_ok(o->choices, text, len);
    case PIPC_OPTION_TEXT:
        *is_word = true;
        return true;
    default: /* PIPC_OPTION_CHOICE_NUMBER; others were refused with the descriptor */
        *is_word = pipci_choice_ok(o->choices, text, len);
        return *is_word || number_fits(o, text, len, &value->number);
    }
}

static const char *expected(const struct pipc_option *o, char *buf, size_t cap)
{
    const unsigned long long min = o->min, max = o->max;

    switch (o->type) {
    case PIPC_OPTION_NUMBER:
        (void)snprintf(buf, cap, "a number from %llu to %llu", min, max);
        return buf;
    case PIPC_OPTION_YESNO:
        return "yes or no";
    case PIPC_OPTION_LIST:
        (void)snprintf(buf, cap, "%s%s with commas between, none empty, none twice",
                       o->choices ? "words of " : "names or numbers", o->choices ? o->choices : "");
        return buf;
    case PIPC_OPTION_PATH:
        return "an absolute path";
    case PIPC_OPTION_CHOICE:
        (void)snprintf(buf, cap, "one of %s", o->choices);
        return buf;
    case PIPC_OPTION_TEXT:
        return "a text";
    default:
        (void)snprintf(buf, cap, "one of %s, or a number from %llu to %llu", o->choices, min, max);
        return buf;
    }
}

/* ---- declarations ---- */

static bool option_key_ok(const char *key)
{
    return key && pipci_module_name_ok(key, strnlen(key, PIPCI_NAME_MAX + 1)) &&
           strcmp(key, "file") != 0 && strcmp(key, "profile_bit") != 0;
}

static bool declared_twice(const struct pipc_module *m, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(m->options[i].key, m->options[index].key) == 0)
            return true;
    }
    return false;
}

static const char *fault_of(const struct pipc_module *m, uint32_t index)
{
    const struct pipc_option *const o = &m->options[index];
    struct pipc_option_value value = {0};
    bool is_word;

    if (!option_key_ok(o->key))
        return "has no usable key";
    if (declared_twice(m, index))
        return "is declared twice";
    if (o->type < PIPC_OPTION_NUMBER || o->type > PIPC_OPTION_CHOICE_NUMBER)
        return "has an unknown type";
    if ((o->type == PIPC_OPTION_CHOICE || o->type == PIPC_OPTION_CHOICE_NUMBER) &&
        (!o->choices || !o->choices[0]))
        return "has no choices";
    if (o->min > o->max)
        return "has a minimum above its maximum";
    if (!o->help)
        return "has no help";
    if (o->default_text && !parse(o, o->default_text, strlen(o->default_text), &value, &is_word))
        return "has a default that is not accepted";
    return NULL;
}

pipc_result pipci_options_judge(const struct pipc_module *module, const char *subject,
                                struct pipc_error *err)
{
    char shown[PIPCI_SHOWN];

    if (module->option_count > PIPCI_OPTIONS_MAX || (module->option_count > 0 && !module->options))
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: declares %u options at %p, expected at most %u", subject,
                          module->option_count, (const void *)module->options, PIPCI_OPTIONS_MAX);
    for (uint32_t i = 0; i < module->option_count; i++) {
        const char *const fault = fault_of(module, i);
        const char *const key = module->options[i].key;
        if (fault)
            return pipci_fail(
                err, PIPC_ERR_MODULE_ABI, 0, "%s: option %u (%s) %s", subject, i,
                key ? pipci_show(shown, sizeof(shown), key, strnlen(key, PIPCI_NAME_MAX + 1))
                    : "no key",
                fault);
    }
    return PIPC_OK;
}

/* ---- values ---- */

static uint32_t section_of(const struct pipc_module *module)
{
    return module->kind == PIPC_MODULE_TRANSPORT ? PIPCI_SECTION_TRANSPORT : PIPCI_SECTION_CODEC;
}

static const struct pipc_option *find_option(const struct pipc_module *module, const char *key)
{
    for (uint32_t i = 0; i < module->option_count; i++) {
        if (strcmp(module->options[i].key, key) == 0)
            return &module->options[i];
    }
    return NULL;
}

uint32_t pipci_options_profile_bit(const struct pipci_setting *setting)
{
    uint64_t bit = 0;

    if (!setting || !pipci_number_parse(setting->value, strlen(setting->value), &bit))
        return 0;
    return UINT32_C(1) << (bit & 31);
}

const char *pipci_options_text(const struct pipc_module *module,
                               const struct pipci_settings *settings, const char *key,
                               const struct pipci_setting **ret_setting)
{
    const struct pipc_option *const option = find_option(module, key);
    const struct pipci_setting *const setting =
        pipci_settings_pick(settings, section_of(module), module->name, key);

    *ret_setting = setting;
    if (setting)
        return setting->value;
    return option ? option->default_text : NULL;
}

static pipc_result refuse_unknown(const struct pipc_module *module,
                                  const struct pipci_setting *setting, struct pipc_error *err)
{
    char known[256] = "";
    size_t used = 0;

    for (uint32_t i = 0; i < module->option_count && used < sizeof(known); i++)
        used +=
            (size_t)snprintf(known + used, sizeof(known) - used, ", %s", module->options[i].key);
    return pipci_setting_fail(err, PIPC_ERR_CONFIG, 0, setting,
                              "unknown key, expected one of file%s%s",
                              module->kind == PIPC_MODULE_TRANSPORT ? ", profile_bit" : "", known);
}

static pipc_result check_keys(const struct pipc_module *module,
                              const struct pipci_settings *settings, struct pipc_error *err)
{
    for (const struct pipci_setting *s = settings->first; s; s = s->next) {
        if (s->kind != section_of(module) || s->source == PIPCI_SOURCE_SECTION ||
            strcmp(s->name, module->name) != 0 || strcmp(s->key, "file") == 0 ||
            (s->kind == PIPCI_SECTION_TRANSPORT && strcmp(s->key, "profile_bit") == 0) ||
            find_option(module, s->key))
            continue;
        return refuse_unknown(module, s, err);
    }
    return PIPC_OK;
}

static bool fill_list(struct pipci_arena *arena, const char *text, size_t len,
                      struct pipc_option_value *value)
{
    const char **const list = pipci_arena_alloc(arena, sizeof(*list) * value->list_count);
    const char *element;
    size_t pos = 0, n, count = 0;

    if (!list)
        return false;
    while (pipci_list_next(text, len, &pos, &element, &n)) {
        list[count] = pipci_arena_text(arena, element, n);
        if (!list[count++])
            return false;
    }
    value->list = list;
    return true;
}

static pipc_result refuse_value(const struct pipc_option *o, const struct pipci_setting *setting,
                                struct pipc_error *err)
{
    char shown[PIPCI_SHOWN], buf[160];
    const char *const found =
        (o->flags & PIPC_OPTION_SECRET)
            ? "(secret)"
            /* A default was judged with the descriptor, so what is refused here is a setting.
               NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
            : pipci_show(shown, sizeof(shown), setting->value, strlen(setting->value));

    return pipci_setting_fail(err, PIPC_ERR_CONFIG, 0, setting, "found \"%s\", expected %s", found,
                              expected(o, buf, sizeof(buf)));
}

static pipc_result read_value(struct pipci_arena *arena, const struct pipc_option *o,
                              const struct pipci_setting *setting, struct pipc_option_value *value,
                              struct pipc_error *err)
{
    const char *const text = setting ? setting->value : o->default_text;
    bool is_word;

    value->key = o->key;
    value->type = o->type;
    value->given = setting != NULL;
    if (!text)
        return PIPC_OK;
    const size_t len = strlen(text);
    if (!parse(o, text, len, value, &is_word))
        return refuse_value(o, setting, err);
    if (is_word)
        value->text = pipci_arena_text(arena, text, len);
    if ((is_word && !value->text) ||
        (o->type == PIPC_OPTION_LIST && !fill_list(arena, text, len, value)))
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "no memory for option \"%s\"", o->key);
    return PIPC_OK;
}

pipc_result pipci_options_read(struct pipci_arena *arena, const struct pipc_module *module,
                               const struct pipci_settings *settings,
                               struct pipc_option_value **ret_values, struct pipc_error *err)
{
    pipc_result result = check_keys(module, settings, err);
    struct pipc_option_value *const values =
        pipci_arena_alloc(arena, sizeof(*values) * ((size_t)module->option_count + 1));

    if (result == PIPC_OK && !values)
        result =
            pipci_fail(err, PIPC_ERR_ALLOC, 0, "no memory for the options of \"%s\"", module->name);
    for (uint32_t i = 0; i < module->option_count && result == PIPC_OK; i++)
        result = read_value(
            arena, &module->options[i],
            pipci_settings_pick(settings, section_of(module), module->name, module->options[i].key),
            &values[i], err);
    if (result == PIPC_OK)
        *ret_values = values;
    return result;
}
