/* SPDX-License-Identifier: Apache-2.0
 *
 * What could be loaded: the linked-in modules and the files of the one directory, sorted, each name
 * once.
 *
 * For tools and for messages; loading never looks here. Any thread; the callback runs without a
 * lock.
 */
#include "registry.h"

#include "name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name with its NUL, and whether a module of that name is linked in. */
struct found {
    char name[PIPCI_NAME_MAX + 1];
    unsigned char linked;
};

struct scan {
    const struct pipc_allocator *allocator;
    struct found *items;
    size_t count;
    size_t room;
};

static pipc_result scan_add(struct scan *scan, const char *name, size_t len, bool linked)
{
    if (scan->count == scan->room) {
        const size_t room = scan->room ? scan->room * 2 : 32;
        struct found *const items =
            scan->items ? pipci_realloc(scan->allocator, scan->items, room * sizeof(*items))
                        : pipci_alloc(scan->allocator, room * sizeof(*items));
        if (!items)
            return PIPC_ERR_ALLOC;
        scan->items = items;
        scan->room = room;
    }
    struct found *const item = &scan->items[scan->count++];
    memset(item, 0, sizeof(*item));
    memcpy(item->name, name, len);
    item->linked = linked;
    return PIPC_OK;
}

static pipc_result scan_file(void *arg, const char *name)
{
    const size_t suffix = strlen(pipci_loader_suffix), len = strlen(name);

    if (len <= suffix || strcmp(name + len - suffix, pipci_loader_suffix) != 0 ||
        !pipci_module_name_ok(name, len - suffix))
        return PIPC_OK;
    return scan_add(arg, name, len - suffix, false);
}

/* By name; of two with one name the linked-in one first, because it is the one that would be taken.
 */
static int compare(const void *a, const void *b)
{
    const struct found *const x = a, *const y = b;
    const int order = strcmp(x->name, y->name);

    return order ? order : (int)y->linked - (int)x->linked;
}

static const char *configured_file(const struct pipc_context *context, const char *name)
{
    const struct pipci_setting *setting =
        pipci_settings_pick(&context->settings, PIPCI_SECTION_TRANSPORT, name, "file");

    if (!setting)
        setting = pipci_settings_pick(&context->settings, PIPCI_SECTION_CODEC, name, "file");
    return setting ? setting->value : NULL;
}

static pipc_result report(struct pipc_context *context, const struct scan *scan, void *arg,
                          void (*found)(void *arg, const char *name, const char *file),
                          struct pipc_error *err)
{
    const size_t room = strlen(context->module_dir) + PIPCI_NAME_MAX + 8;
    char *const path = pipci_alloc(&context->allocator, room);

    if (!path)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "no memory for the list of modules");
    for (size_t i = 0; i < scan->count; i++) {
        const struct found *const item = &scan->items[i];
        if (i > 0 && strcmp(item->name, scan->items[i - 1].name) == 0)
            continue;
        const char *const file = configured_file(context, item->name);
        (void)snprintf(path, room, "%s/%s%s", context->module_dir, item->name, pipci_loader_suffix);
        found(arg, item->name, file ? file : item->linked ? NULL : path);
    }
    pipci_free(&context->allocator, path);
    return PIPC_OK;
}

/* Modules that only the configuration names, by their file. */
static pipc_result scan_settings(struct scan *scan, const struct pipc_context *context)
{
    for (const struct pipci_setting *s = context->settings.first; s; s = s->next) {
        if (s->kind < PIPCI_SECTION_TRANSPORT || strcmp(s->key, "file") != 0)
            continue;
        const pipc_result result = scan_add(scan, s->name, strlen(s->name), false);
        if (result != PIPC_OK)
            return result;
    }
    return PIPC_OK;
}

static pipc_result scan_all(struct scan *scan, struct pipc_context *context, struct pipc_error *err)
{
    struct pipc_error cause = PIPC_ERROR_INIT;
    pipc_result result = PIPC_OK;

    for (uint32_t i = 0; i < context->module_count && result == PIPC_OK; i++)
        result = scan_add(scan, context->modules[i]->name, strlen(context->modules[i]->name), true);
    if (result == PIPC_OK && pipci_loader_there())
        result = scan_settings(scan, context);
    if (result == PIPC_OK && pipci_loader_there())
        result = pipci_dir_list(context->module_dir, scan, scan_file, &cause);
    if (result == PIPC_ERR_ALLOC)
        return pipci_fail(err, result, 0, "no memory for the list of modules");
    /* Without a directory there is nothing in it; what is linked in is there all the same. */
    if (result != PIPC_OK)
        pipci_log(context, PIPC_LOG_WARNING, "%s", cause.text);
    return PIPC_OK;
}

pipc_result pipc_module_scan(struct pipc_context *context, void *arg,
                             void (*found)(void *arg, const char *name, const char *file),
                             struct pipc_error *err)
{
    if (!context || !found)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "pipc_module_scan: %s is NULL",
                          context ? "found" : "context");
    struct scan scan = {&context->allocator, NULL, 0, 0};
    pipc_result result = scan_all(&scan, context, err);
    if (result == PIPC_OK && scan.count > 0) {
        qsort(scan.items, scan.count, sizeof(*scan.items), compare);
        result = report(context, &scan, arg, found, err);
    }
    pipci_free(&context->allocator, scan.items);
    return result;
}

const char *pipc_module_dir(struct pipc_context *context)
{
    return context && pipci_loader_there() ? context->module_dir : "";
}
