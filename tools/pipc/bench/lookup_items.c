/* SPDX-License-Identifier: Apache-2.0
 *
 * What the lookup scenarios ask for, and what they are told.
 */
#include "lookup_items.h"

#include <stdlib.h>
#include <string.h>

#define PATH_FMT     "/system.slice/docker-%064x.scope"
#define PATH_LEN_ALL 91u /* of every path */
#define NUMBER_AT    77u /* where the last eight digits of the id stand */

static const char key_service[] = "service", key_image[] = "image";
static const char image[] = "registry.example/app:1.2";

static void text_make(struct lookup_text *t, uint32_t number)
{
    t->comm_len = (uint32_t)snprintf(t->comm, sizeof(t->comm), "worker-%u", number % 100000u);
    t->path_len = (uint32_t)snprintf(t->path, sizeof(t->path), PATH_FMT, number);
    t->name_len = (uint32_t)snprintf(t->name, sizeof(t->name), "docker_worker-%u", number);
    t->value_len = (uint32_t)snprintf(t->value, sizeof(t->value), "service-%u", number);
    t->labels[0] =
        (struct pipc_label_view){{key_service, strlen(key_service)}, {t->value, t->value_len}};
    t->labels[1] = (struct pipc_label_view){{key_image, strlen(key_image)}, {image, strlen(image)}};
}

bool lookup_items_make(struct lookup_items *items, bool apps, uint32_t count, uint32_t label_count)
{
    *items = (struct lookup_items){
        .apps = apps, .count = count, .told = count, .label_count = label_count};
    items->texts = calloc(count, sizeof(*items->texts));
    items->pids = calloc(count, sizeof(*items->pids));
    items->paths = calloc(count, sizeof(*items->paths));
    if (!items->texts || !items->pids || !items->paths) {
        lookup_items_free(items);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct lookup_text *t = &items->texts[i];
        text_make(t, i);
        items->pids[i] = i + 1;
        items->paths[i] = (struct pipc_str_view){t->path, t->path_len};
    }
    return true;
}

void lookup_items_free(struct lookup_items *items)
{
    free(items->texts);
    free(items->pids);
    free(items->paths);
    *items = (struct lookup_items){0};
}

const void *lookup_items_keys(const struct lookup_items *items)
{
    return items->apps ? (const void *)items->pids : (const void *)items->paths;
}

size_t lookup_request_len(const struct lookup_items *items)
{
    return PIPC_LOOKUP_HDR_LEN +
           (size_t)items->count * (PIPC_DIR_ENTRY_LEN + (items->apps ? 8 : PATH_LEN_ALL + 1));
}

/* Of items as long as the first one; the others differ by a few digits. */
size_t lookup_response_len(const struct lookup_items *items)
{
    const struct lookup_text *t = &items->texts[0];
    size_t each = items->apps ? PIPC_APPS_LOOKUP_ITEM_HDR_LEN + t->comm_len + 1
                              : PIPC_CGROUPS_LOOKUP_ITEM_HDR_LEN;

    each += t->path_len + 1 + t->name_len + 1;
    if (items->label_count)
        each = (size_t)pipc_align8(each);
    for (uint32_t i = 0; i < items->label_count; i++)
        each += PIPC_LABEL_ENTRY_LEN + t->labels[i].key.len + 1 + t->labels[i].value.len + 1;
    return PIPC_LOOKUP_HDR_LEN +
           (size_t)items->count * (PIPC_DIR_ENTRY_LEN + (size_t)pipc_align8(each));
}

uint32_t lookup_items_apps(const struct lookup_items *items,
                           const struct pipc_apps_lookup_request_view *request,
                           struct pipc_apps_lookup_builder *builder)
{
    struct pipc_apps_lookup_request_item_view key;
    pipc_result r = PIPC_OK;

    pipc_apps_lookup_builder_set_generation(builder, 1);
    for (uint32_t i = 0; r == PIPC_OK && i < request->item_count; i++) {
        r = pipc_apps_lookup_request_item(request, i, &key);
        if (r == PIPC_OK && key.pid - 1 < items->count) {
            const struct lookup_text *t = &items->texts[(key.pid - 1) % items->told];
            const struct pipc_apps_lookup_item item = {.status = PIPC_PID_LOOKUP_KNOWN,
                                                       .orchestrator = PIPC_ORCHESTRATOR_DOCKER,
                                                       .cgroup_status = PIPC_APPS_CGROUP_KNOWN,
                                                       .pid = key.pid,
                                                       .ppid = 1,
                                                       .uid = 1000,
                                                       .label_count = items->label_count,
                                                       .starttime = key.pid,
                                                       .comm = {t->comm, t->comm_len},
                                                       .cgroup_path = {t->path, t->path_len},
                                                       .cgroup_name = {t->name, t->name_len},
                                                       .labels = t->labels};
            r = pipc_apps_lookup_builder_add(builder, &item);
        } else if (r == PIPC_OK) {
            r = pipc_apps_lookup_builder_add_status(builder, key.pid, PIPC_PID_LOOKUP_UNKNOWN);
        }
    }
    return r == PIPC_OK;
}

/* The item of a path, found by its number; a provider would search its table. */
static const struct lookup_text *item_of_path(const struct lookup_items *items,
                                              struct pipc_str_view path)
{
    uint32_t number = 0;

    if (path.len != PATH_LEN_ALL)
        return NULL;
    for (uint32_t i = NUMBER_AT; i < NUMBER_AT + 8; i++) {
        const uint32_t digit = (unsigned char)path.ptr[i];
        number = number << 4 | (digit <= '9' ? digit - '0' : digit - 'a' + 10u);
    }
    if (number >= items->count)
        return NULL;
    if (items->told < items->count)
        return &items->texts[number % items->told];
    return memcmp(items->texts[number].path, path.ptr, path.len) == 0 ? &items->texts[number]
                                                                      : NULL;
}

uint32_t lookup_items_cgroups(const struct lookup_items *items,
                              const struct pipc_cgroups_lookup_request_view *request,
                              struct pipc_cgroups_lookup_builder *builder)
{
    struct pipc_cgroups_lookup_request_item_view key;
    pipc_result r = PIPC_OK;

    pipc_cgroups_lookup_builder_set_generation(builder, 1);
    for (uint32_t i = 0; r == PIPC_OK && i < request->item_count; i++) {
        const struct lookup_text *t = NULL;
        r = pipc_cgroups_lookup_request_item(request, i, &key);
        if (r == PIPC_OK)
            t = item_of_path(items, key.path);
        if (t)
            r = pipc_cgroups_lookup_builder_add_request_item(
                builder, i, PIPC_CGROUP_LOOKUP_KNOWN, PIPC_ORCHESTRATOR_DOCKER,
                (struct pipc_str_view){t->name, t->name_len}, t->labels, items->label_count);
        else if (r == PIPC_OK)
            r = pipc_cgroups_lookup_builder_add_request_status(
                builder, i, PIPC_CGROUP_LOOKUP_UNKNOWN_PERMANENT);
    }
    return r == PIPC_OK;
}
