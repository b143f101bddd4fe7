/* SPDX-License-Identifier: Apache-2.0
 *
 * Declared defaults as values, by the rules of docs/config.md 5. Strings are those of the
 * declarations.
 */
#include "values.h"

#include <stdlib.h>
#include <string.h>

/* Whether `word` is one of "a|b|c". */
static bool is_choice(const char *choices, const char *word)
{
    const size_t len = strlen(word);

    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        if (strncmp(at, word, len) == 0 && (at[len] == '|' || !at[len]))
            return true;
    }
    return false;
}

/* The names of a list, for the life of the process: a case opens few instances. */
static void list_of(const struct pipc_option *option, struct pipc_option_value *value)
{
    const char **list = NULL;
    size_t len;

    for (const char *at = option->default_text; *at; at += len + (at[len] == ',')) {
        char *name;
        len = strcspn(at, ",");
        KIT_CHECK_MSG(len > 0, "option %s: its default has an empty name", option->key);
        list = realloc(list, (value->list_count + 1) * sizeof(*list));
        name = malloc(len + 1);
        KIT_CHECK(list && name);
        memcpy(name, at, len);
        name[len] = '\0';
        list[value->list_count++] = name;
    }
    value->list = list;
}

static void value_of(const struct pipc_option *option, struct pipc_option_value *value)
{
    const char *const text = option->default_text;
    const bool number = number_parse(text, option->max ? option->max : UINT64_MAX, &value->number);

    switch (option->type) {
    case PIPC_OPTION_NUMBER:
        KIT_CHECK_MSG(number && value->number >= option->min,
                      "option %s: its default '%s' is no number of its range", option->key, text);
        break;
    case PIPC_OPTION_YESNO:
        KIT_CHECK_MSG(strcmp(text, "yes") == 0 || strcmp(text, "no") == 0,
                      "option %s: its default '%s' is neither yes nor no", option->key, text);
        value->number = strcmp(text, "yes") == 0;
        break;
    case PIPC_OPTION_CHOICE:
    case PIPC_OPTION_CHOICE_NUMBER:
        if (is_choice(option->choices, text))
            value->text = text;
        else
            KIT_CHECK_MSG(option->type == PIPC_OPTION_CHOICE_NUMBER && number &&
                              value->number >= option->min,
                          "option %s: its default '%s' is no choice", option->key, text);
        break;
    case PIPC_OPTION_PATH:
    case PIPC_OPTION_TEXT:
        value->text = text;
        break;
    default:
        list_of(option, value);
        break;
    }
}

void kit_values_default(const struct pipc_module *module, struct pipc_option_value *ret_values)
{
    KIT_CHECK_MSG(module->option_count <= KIT_VALUES_MAX, "%u options", module->option_count);
    for (uint32_t i = 0; i < module->option_count; i++) {
        const struct pipc_option *const option = &module->options[i];
        ret_values[i] = (struct pipc_option_value){.key = option->key, .type = option->type};
        if (option->default_text)
            value_of(option, &ret_values[i]);
    }
}

const struct pipc_module *kit_values_given(const struct pipc_module *module,
                                           const struct option_texts *texts)
{
    static struct pipc_option options[KIT_VALUES_MAX];
    static struct pipc_module given;

    if (texts->count == 0 || module->option_count > KIT_VALUES_MAX)
        return module;
    given = *module;
    given.options = options;
    for (uint32_t i = 0; i < module->option_count; i++) {
        const size_t len = strlen(module->options[i].key);
        options[i] = module->options[i];
        for (uint32_t t = 0; t < texts->count; t++) {
            if (strncmp(texts->at[t], options[i].key, len) == 0 && texts->at[t][len] == '=')
                options[i].default_text = texts->at[t] + len + 1;
        }
    }
    return &given;
}
