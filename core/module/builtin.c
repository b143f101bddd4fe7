/* SPDX-License-Identifier: Apache-2.0
 *
 * The modules that are linked in: those of the build, by a generated table, and those that the
 * program handed in.
 *
 * The list is made when a context is opened and constant from then on; any thread may look into it.
 */
#include "registry.h"

#include "name.h"

#include <pipc_builtin.h>

#include <string.h>

static pipc_result add(struct pipc_context *context, const struct pipc_module *module,
                       struct pipc_error *err)
{
    for (uint32_t i = 0; i < context->module_count; i++) {
        if (context->modules[i] == module)
            return PIPC_OK;
        if (strcmp(context->modules[i]->name, module->name) != 0 ||
            pipci_settings_pick(&context->settings, PIPCI_SECTION_TRANSPORT, module->name,
                                "file") ||
            pipci_settings_pick(&context->settings, PIPCI_SECTION_CODEC, module->name, "file"))
            continue;
        return pipci_fail(err, PIPC_ERR_CONFIG, 0,
                          "two modules that are linked in have the name \"%s\", expected one, or "
                          "the key file for it",
                          module->name);
    }
    context->modules[context->module_count++] = module;
    return PIPC_OK;
}

pipc_result pipci_builtin_collect(struct pipc_context *context,
                                  const struct pipc_module *const *handed_in, uint32_t count,
                                  struct pipc_error *err)
{
    size_t total = count;
    pipc_result result = PIPC_OK;

    for (size_t i = 0; pipci_builtin_modules[i]; i++)
        total++;
    context->modules =
        pipci_arena_alloc(&context->arena, sizeof(struct pipc_module *) * (total + 1));
    if (!context->modules)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "no memory for the list of modules");
    for (size_t i = 0; pipci_builtin_modules[i] && result == PIPC_OK; i++)
        result = add(context, pipci_builtin_modules[i], err);
    for (uint32_t i = 0; i < count && result == PIPC_OK; i++)
        result = add(context, handed_in[i], err);
    return result;
}

const struct pipc_module *pipci_builtin_find(const struct pipc_context *context, const char *name)
{
    for (uint32_t i = 0; i < context->module_count; i++) {
        if (strcmp(context->modules[i]->name, name) == 0)
            return context->modules[i];
    }
    return NULL;
}
