/* SPDX-License-Identifier: Apache-2.0
 *
 * Labels of a cgroup, from its path and from the files of container runtimes.
 */
#include "labels.h"

#include "mounts.h"
#include "walk.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX     (1u << 20)
#define CONTAINERS_MAX (16u << 20)
#define NESTING_MAX    32

/* ---- collecting ---- */

static int has_key(const struct live_label_list *list, const char *key, size_t len)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->labels[i].key.len == len && memcmp(list->labels[i].key.ptr, key, len) == 0)
            return 1;
    }
    return 0;
}

static struct pipc_str_view keep(struct live_label_list *list, const char *bytes, size_t len)
{
    char *const to = list->text + list->used;

    if (len)
        memcpy(to, bytes, len);
    list->used += len;
    return (struct pipc_str_view){to, len};
}

void live_label_add(struct live_label_list *list, const char *key, size_t key_len,
                    const char *value, size_t value_len)
{
    if (!key_len || key_len > LIVE_LABEL_KEY_MAX || value_len > LIVE_LABEL_VALUE_MAX ||
        list->count == LIVE_LABELS_MAX || key_len + value_len > sizeof(list->text) - list->used)
        return;
    if (memchr(key, 0, key_len) || (value_len && memchr(value, 0, value_len)) ||
        has_key(list, key, key_len))
        return;
    list->labels[list->count].key = keep(list, key, key_len);
    list->labels[list->count].value = keep(list, value, value_len);
    list->count++;
}

static void add_text(struct live_label_list *list, const char *key, const char *value)
{
    if (value && *value)
        live_label_add(list, key, strlen(key), value, strlen(value));
}

/* ---- path and name ---- */

/* "k8s_NAMESPACE_POD_CONTAINER"; none of the three may hold an underscore. */
static void add_kubernetes_names(struct live_label_list *list, const char *name)
{
    static const char *const keys[] = {"k8s_namespace", "k8s_pod_name", "k8s_container_name"};
    const char *parts[4] = {name + strlen("k8s_")};
    size_t count = 1;

    if (strncmp(name, "k8s_", strlen("k8s_")) != 0 || strchr(name, '/'))
        return;
    for (const char *at = parts[0]; (at = strchr(at, '_')) != NULL && count < 4;)
        parts[count++] = ++at;
    if (count != 3)
        return;
    for (size_t i = 0; i < 3; i++) {
        const size_t len = i < 2 ? (size_t)(parts[i + 1] - parts[i] - 1) : strlen(parts[i]);
        if (len)
            live_label_add(list, keys[i], strlen(keys[i]), parts[i], len);
    }
}

void live_labels_of_path(struct live_label_list *list, const struct live_name *name)
{
    add_text(list, "container_id", name->id);
    add_text(list, "k8s_pod_uid", name->pod);
    add_text(list, "k8s_qos_class", name->quality);
    if (name->orchestrator == LIVE_K8S)
        add_kubernetes_names(list, name->name);
    add_text(list, "systemd_slice", name->slice);
    add_text(list, "systemd_unit", name->unit);
}

/* ---- texts of runtimes ---- */

static struct json_object *parse(const char *text, size_t len)
{
    struct json_tokener *reader = len <= INT32_MAX ? json_tokener_new_ex(NESTING_MAX) : NULL;
    struct json_object *top = reader ? json_tokener_parse_ex(reader, text, (int)len) : NULL;

    if (reader)
        json_tokener_free(reader);
    return top;
}

static struct json_object *member(struct json_object *object, const char *name, enum json_type type)
{
    struct json_object *found = NULL;

    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, name, &found) || !json_object_is_type(found, type))
        return NULL;
    return found;
}

static void add_string(struct live_label_list *list, const char *key, struct json_object *value)
{
    if (json_object_is_type(value, json_type_string) && json_object_get_string_len(value) > 0)
        live_label_add(list, key, strlen(key), json_object_get_string(value),
                       (size_t)json_object_get_string_len(value));
}

/* Every string of an object; empty ones are labels, too. */
static void add_all(struct live_label_list *list, struct json_object *labels)
{
    if (!labels)
        return;
    json_object_object_foreach(labels, key, value)
    {
        if (json_object_is_type(value, json_type_string))
            live_label_add(list, key, strlen(key), json_object_get_string(value),
                           (size_t)json_object_get_string_len(value));
    }
}

int live_labels_of_docker(struct live_label_list *list, const char *text, size_t len)
{
    struct json_object *top = parse(text, len);
    struct json_object *config = member(top, "Config", json_type_object);

    add_string(list, "image", member(config, "Image", json_type_string));
    add_all(list, member(config, "Labels", json_type_object));
    json_object_put(top);
    return config != NULL;
}

/* The metadata of a container are a text of JSON again. */
static void add_podman_image(struct live_label_list *list, struct json_object *container)
{
    struct json_object *text = member(container, "metadata", json_type_string), *metadata;

    if (!text)
        return;
    metadata = parse(json_object_get_string(text), (size_t)json_object_get_string_len(text));
    add_string(list, "image", member(metadata, "image-name", json_type_string));
    json_object_put(metadata);
}

int live_labels_of_podman(struct live_label_list *list, const char *text, size_t len,
                          const char *id)
{
    struct json_object *top = parse(text, len);
    const int there = json_object_is_type(top, json_type_array);
    const size_t count = there ? json_object_array_length(top) : 0;

    for (size_t i = 0; i < count; i++) {
        struct json_object *container = json_object_array_get_idx(top, i);
        struct json_object *mine = member(container, "id", json_type_string);
        if (mine && strcmp(json_object_get_string(mine), id) == 0)
            add_podman_image(list, container);
    }
    json_object_put(top);
    return there;
}

int live_labels_of_bundle(struct live_label_list *list, const char *text, size_t len)
{
    struct json_object *top = parse(text, len);
    const int there = json_object_is_type(top, json_type_object);

    add_all(list, member(top, "annotations", json_type_object));
    json_object_put(top);
    return there;
}

/* ---- files ---- */

/* The text of a file below host_root; `middle` and `id` make its name. */
static char *read_text(const char *host_root, const char *before, const char *id,
                       const char *behind, size_t max, size_t *ret_len)
{
    char path[LIVE_PATH_MAX + 256];

    if ((size_t)snprintf(path, sizeof(path), "%s%s%s%s", host_root, before, id, behind) >=
        sizeof(path))
        return NULL;
    return live_read_file(path, max, ret_len);
}

static int read_docker(struct live_label_list *list, const char *host_root, const char *id)
{
    size_t len;
    char *text = read_text(host_root, "/var/lib/docker/containers/", id, "/config.v2.json",
                           CONFIG_MAX, &len);
    const int found = text && live_labels_of_docker(list, text, len);

    free(text);
    return found;
}

/* The first of these places that has the container. */
static int read_bundle(struct live_label_list *list, const char *host_root, const char *id)
{
    static const char *const places[][2] = {
        {"/run/containerd/io.containerd.runtime.v2.task/k8s.io/", "/config.json"},
        {"/run/containers/storage/overlay-containers/", "/userdata/config.json"},
        {"/var/lib/containers/storage/overlay-containers/", "/userdata/config.json"},
    };

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        size_t len;
        char *text = read_text(host_root, places[i][0], id, places[i][1], CONFIG_MAX, &len);
        const int found = text && live_labels_of_bundle(list, text, len);
        free(text);
        if (found)
            return 1;
    }
    return 0;
}

static int read_podman(struct live_label_list *list, const char *host_root, const char *id)
{
    size_t len;
    char *text = read_text(host_root, "/var/lib/containers/storage/overlay-containers/", "",
                           "containers.json", CONTAINERS_MAX, &len);
    const int found = text && live_labels_of_podman(list, text, len, id);

    free(text);
    return read_bundle(list, host_root, id) && found;
}

int live_labels_read(struct live_label_list *list, const char *host_root,
                     const struct live_name *name)
{
    if (!name->id[0])
        return 1;
    switch (name->orchestrator) {
    case LIVE_DOCKER:
        return read_docker(list, host_root, name->id);
    case LIVE_PODMAN:
        return read_podman(list, host_root, name->id);
    case LIVE_K8S:
        return read_bundle(list, host_root, name->id);
    default:
        return 1;
    }
}
