/* SPDX-License-Identifier: Apache-2.0
 *
 * A lookup call and its answer as JSON, by the field names of the layouts; for people the numbers
 * that stand for something are words, and labels are one column.
 */
#include "lookup.h"

#include "json.h"

#include <string.h>

struct words {
    const char *const *words;
    uint32_t count;
};
#define WORDS(list)                            \
    (struct words)                             \
    {                                          \
        list, sizeof(list) / sizeof((list)[0]) \
    }

static const char *const pid_words[] = {"known", "unknown", "exceeded", "oversized"};
static const char *const cgroup_words[] = {"known", "unknown (retry later)", "unknown", "exceeded",
                                           "oversized"};
static const char *const apps_cgroup_words[] = {"known", "unknown (retry later)", "unknown",
                                                "host root"};
static const char *const orchestrator_words[] = {"-",   "systemd", "docker", "k8s",
                                                 "kvm", "lxc",     "podman", "nspawn"};

const char *lookup_orchestrator_word(uint32_t orchestrator)
{
    const struct words words = WORDS(orchestrator_words);

    return orchestrator < words.count ? words.words[orchestrator] : "other";
}

static void add(struct json_object *to, const char *name, struct json_object *value)
{
    json_object_object_add(to, name, value);
}

static struct json_object *of_string(struct pipc_str_view text)
{
    return json_of_bytes(text.ptr, text.len);
}

/* A number, or for people its word where it has one. */
static struct json_object *of_code(bool people, struct words words, uint32_t value)
{
    return people && value < words.count ? json_object_new_string(words.words[value])
                                         : json_of_number(value);
}

/* The answer's header; gives the list of items. */
static struct json_object *header(struct json_object *top, uint32_t count, uint64_t generation,
                                  bool people)
{
    struct json_object *const items = json_object_new_array();

    if (!people) {
        add(top, "layout_version", json_of_number(1));
        add(top, "flags", json_of_number(0));
    }
    add(top, "item_count", json_of_number(count));
    add(top, "generation", json_of_number(generation));
    add(top, "items", items);
    return items;
}

static void label_add(struct json_object *labels, const struct pipc_label_view *label)
{
    struct json_object *const object = json_object_new_object();

    add(object, "key", of_string(label->key));
    add(object, "value", of_string(label->value));
    json_object_array_add(labels, object);
}

static void app_process(struct json_object *to, const struct pipc_apps_lookup_item_view *item,
                        bool people)
{
    add(to, "pid", json_of_number(item->pid));
    add(to, "ppid", json_of_number(item->ppid));
    add(to, "uid",
        people && item->uid == PIPC_UID_UNSET ? json_object_new_string("-")
                                              : json_of_number(item->uid));
    add(to, "starttime", json_of_number(item->starttime));
    add(to, "comm", of_string(item->comm));
}

static pipc_result app_item(const struct pipc_apps_lookup_item_view *item, bool people,
                            struct json_object *to)
{
    struct json_object *const labels = json_object_new_array();
    struct pipc_label_view label;
    pipc_result r = PIPC_OK;

    if (people)
        app_process(to, item, true);
    add(to, "status", of_code(people, WORDS(pid_words), item->status));
    add(to, "orchestrator", of_code(people, WORDS(orchestrator_words), item->orchestrator));
    add(to, "cgroup_status",
        people && item->status ? json_object_new_string("-")
                               : of_code(people, WORDS(apps_cgroup_words), item->cgroup_status));
    if (!people)
        app_process(to, item, false);
    add(to, "cgroup_path", of_string(item->cgroup_path));
    add(to, "cgroup_name", of_string(item->cgroup_name));
    if (!people)
        add(to, "label_count", json_of_number(item->label_count));
    add(to, "labels", labels);
    for (uint32_t i = 0; r == PIPC_OK && i < item->label_count; i++) {
        r = pipc_apps_lookup_label(item, i, &label);
        if (r == PIPC_OK)
            label_add(labels, &label);
    }
    return r;
}

static pipc_result cgroup_item(const struct pipc_cgroups_lookup_item_view *item, bool people,
                               struct json_object *to)
{
    struct json_object *const labels = json_object_new_array();
    struct pipc_label_view label;
    pipc_result r = PIPC_OK;

    add(to, "status", of_code(people, WORDS(cgroup_words), item->status));
    add(to, "orchestrator", of_code(people, WORDS(orchestrator_words), item->orchestrator));
    add(to, "path", of_string(item->path));
    add(to, "name", of_string(item->name));
    if (!people)
        add(to, "label_count", json_of_number(item->label_count));
    add(to, "labels", labels);
    for (uint32_t i = 0; r == PIPC_OK && i < item->label_count; i++) {
        r = pipc_cgroups_lookup_label(item, i, &label);
        if (r == PIPC_OK)
            label_add(labels, &label);
    }
    return r;
}

static struct json_object *item_new(struct json_object *items)
{
    struct json_object *const item = json_object_new_object();

    json_object_array_add(items, item);
    return item;
}

static pipc_result call_apps(struct pipc_client *client, const struct lookup_keys *k,
                             uint32_t timeout_ms, struct json_object *top, struct pipc_error *err)
{
    struct pipc_apps_lookup_view view;
    struct pipc_apps_lookup_item_view item;
    struct json_object *items;
    pipc_result r = pipc_client_call_apps_lookup(client, k->keys, k->count, &view, timeout_ms, err);

    if (r != PIPC_OK)
        return r;
    items = header(top, view.item_count, view.generation, !k->o->json);
    for (uint32_t i = 0; r == PIPC_OK && i < view.item_count; i++) {
        r = pipc_apps_lookup_item(&view, i, &item);
        if (r == PIPC_OK)
            r = app_item(&item, !k->o->json, item_new(items));
    }
    return r;
}

static pipc_result call_cgroups(struct pipc_client *client, const struct lookup_keys *k,
                                uint32_t timeout_ms, struct json_object *top,
                                struct pipc_error *err)
{
    struct pipc_cgroups_lookup_view view;
    struct pipc_cgroups_lookup_item_view item;
    struct json_object *items;
    pipc_result r =
        pipc_client_call_cgroups_lookup(client, k->keys, k->count, &view, timeout_ms, err);

    if (r != PIPC_OK)
        return r;
    items = header(top, view.item_count, view.generation, !k->o->json);
    for (uint32_t i = 0; r == PIPC_OK && i < view.item_count; i++) {
        r = pipc_cgroups_lookup_item(&view, i, &item);
        if (r == PIPC_OK)
            r = cgroup_item(&item, !k->o->json, item_new(items));
    }
    return r;
}

pipc_result lookup_call(struct pipc_client *client, const struct lookup_keys *keys,
                        uint32_t timeout_ms, struct json_object **ret_fields,
                        struct pipc_error *err)
{
    struct json_object *const top = json_object_new_object();
    const pipc_result r = strcmp(keys->kind, PIPC_APPS_LOOKUP_NAME) == 0
                              ? call_apps(client, keys, timeout_ms, top, err)
                              : call_cgroups(client, keys, timeout_ms, top, err);

    if (r == PIPC_OK) {
        *ret_fields = top;
        return PIPC_OK;
    }
    json_object_put(top);
    err->result = r;
    return r;
}
