/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that container runtimes keep in files. The texts belong to others and may be anything:
 * every read is bounded, and a name is taken only if it consists of what the runtimes allow in
 * names.
 */
#include "runtime.h"

#include "mounts.h"
#include "walk.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX     (1u << 20)
#define CONTAINERS_MAX (16u << 20)
#define LOG_FILES_MAX  100000u

struct live_runtime {
    char host_root[LIVE_PATH_MAX];
    int podman_read;
    char *podman; /* containers.json, NULL: none */
    size_t podman_len;
    int logs_read;
    char **logs; /* names of files in /var/log/containers */
    size_t log_count;
};

/* ---- JSON: just enough to find a string ---- */

struct json {
    const char *at, *end;
    int depth;
    char kind;        /* of the last token: { } [ ] : , s (string) v (other value), 0 at the end */
    const char *text; /* string: what is between the quotes, escapes as written */
    size_t len;
};

static void json_string(struct json *j)
{
    j->text = j->at;
    while (j->at < j->end && *j->at != '"')
        j->at += *j->at == '\\' && j->end - j->at > 1 ? 2 : 1;
    j->len = (size_t)(j->at - j->text);
    j->kind = j->at < j->end ? 's' : 0;
    if (j->kind)
        j->at++;
}

static char json_next(struct json *j)
{
    while (j->at < j->end && strchr(" \t\r\n", *j->at) && *j->at)
        j->at++;
    if (j->at == j->end)
        return j->kind = 0;
    j->kind = *j->at++;
    if (j->kind == '"') {
        json_string(j);
    } else if (j->kind == '{' || j->kind == '[') {
        j->depth++;
    } else if (j->kind == '}' || j->kind == ']') {
        j->depth--;
    } else if (j->kind != ':' && j->kind != ',') {
        j->kind = 'v';
        while (j->at < j->end && !strchr("{}[]:,\" \t\r\n", *j->at))
            j->at++;
    }
    return j->kind;
}

static int json_is(const struct json *j, const char *text)
{
    return j->kind == 's' && j->len == strlen(text) && memcmp(j->text, text, j->len) == 0;
}

/* The token behind a key; 0 if no value follows. */
static char json_value(struct json *j)
{
    if (json_next(j) != ':')
        return 0;
    return json_next(j);
}

/* Letters, digits and _ . - are all that docker, podman and kubernetes allow in names. */
static int take_name(const char *text, size_t len, char ret_name[LIVE_RUNTIME_NAME_MAX])
{
    if (!len || len >= LIVE_RUNTIME_NAME_MAX)
        return 0;
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '.' || c == '-'))
            return 0;
    }
    memcpy(ret_name, text, len);
    ret_name[len] = '\0';
    return 1;
}

int live_docker_name(const char *text, size_t len, char ret_name[LIVE_RUNTIME_NAME_MAX])
{
    struct json j = {text, text + len, 0, 0, NULL, 0};
    char before = 0;

    while (json_next(&j)) {
        const int key = j.depth == 1 && (before == '{' || before == ',') && json_is(&j, "Name");
        before = j.kind;
        if (!key)
            continue;
        if (json_value(&j) != 's')
            return 0;
        if (j.len && j.text[0] == '/')
            return take_name(j.text + 1, j.len - 1, ret_name);
        return take_name(j.text, j.len, ret_name);
    }
    return 0;
}

/* One object of the array: 1 with the name, 0 when it is another container or has none. */
static int podman_object(struct json *j, const char *id, char ret_name[LIVE_RUNTIME_NAME_MAX])
{
    int mine = 0, named = 0;
    char before = '{';

    while (j->depth >= 2 && json_next(j)) {
        const int key = j->depth == 2 && (before == '{' || before == ',') && j->kind == 's';
        before = j->kind;
        if (key && json_is(j, "id")) {
            if (json_value(j) == 's')
                mine = json_is(j, id);
            before = j->kind;
        } else if (key && json_is(j, "names")) {
            if (json_value(j) == '[' && json_next(j) == 's')
                named = take_name(j->text, j->len, ret_name);
            before = j->kind;
        }
    }
    return mine && named;
}

int live_podman_name(const char *text, size_t len, const char *id,
                     char ret_name[LIVE_RUNTIME_NAME_MAX])
{
    struct json j = {text, text + len, 0, 0, NULL, 0};

    if (json_next(&j) != '[')
        return 0;
    while (json_next(&j)) {
        if (j.kind == '{' && j.depth == 2 && podman_object(&j, id, ret_name))
            return 1;
    }
    return 0;
}

int live_k8s_name(const char *file, const char *id, char ret_name[LIVE_RUNTIME_NAME_MAX])
{
    const size_t len = strlen(file), tail = 1 + LIVE_ID_LEN + strlen(".log");
    const char *space, *container;
    char name[LIVE_RUNTIME_NAME_MAX];

    if (len <= tail || len >= sizeof(name) || strcmp(file + len - 4, ".log") != 0 ||
        file[len - tail] != '-' || memcmp(file + len - tail + 1, id, LIVE_ID_LEN) != 0)
        return 0;
    space = memchr(file, '_', len - tail);
    if (!space)
        return 0;
    container = memchr(space + 1, '_', (size_t)(file + len - tail - space - 1));
    if (!container)
        return 0;
    (void)snprintf(name, sizeof(name), "%.*s_%.*s%.*s", (int)(container - space - 1), space + 1,
                   (int)(space - file), file, (int)(file + len - tail - container), container);
    return take_name(name, strlen(name), ret_name);
}

/* ---- files ---- */

struct live_runtime *live_runtime_new(const char *host_root)
{
    struct live_runtime *runtime = calloc(1, sizeof(*runtime));

    if (runtime && (size_t)snprintf(runtime->host_root, sizeof(runtime->host_root), "%s",
                                    host_root) >= sizeof(runtime->host_root) - 256) {
        free(runtime);
        return NULL;
    }
    return runtime;
}

void live_runtime_free(struct live_runtime *runtime)
{
    if (!runtime)
        return;
    for (size_t i = 0; i < runtime->log_count; i++)
        free(runtime->logs[i]);
    free(runtime->logs);
    free(runtime->podman);
    free(runtime);
}

int live_runtime_docker(struct live_runtime *runtime, const char *id,
                        char ret_name[LIVE_RUNTIME_NAME_MAX])
{
    char path[LIVE_PATH_MAX + 256];
    size_t len;
    char *text;
    int found;

    if (!runtime)
        return 0;
    (void)snprintf(path, sizeof(path), "%s/var/lib/docker/containers/%s/config.v2.json",
                   runtime->host_root, id);
    text = live_read_file(path, CONFIG_MAX, &len);
    if (!text)
        return 0;
    found = live_docker_name(text, len, ret_name);
    free(text);
    return found;
}

int live_runtime_podman(struct live_runtime *runtime, const char *id,
                        char ret_name[LIVE_RUNTIME_NAME_MAX])
{
    char path[LIVE_PATH_MAX + 256];

    if (!runtime)
        return 0;
    if (!runtime->podman_read) {
        (void)snprintf(path, sizeof(path),
                       "%s/var/lib/containers/storage/overlay-containers/containers.json",
                       runtime->host_root);
        runtime->podman = live_read_file(path, CONTAINERS_MAX, &runtime->podman_len);
        runtime->podman_read = 1;
    }
    return runtime->podman && live_podman_name(runtime->podman, runtime->podman_len, id, ret_name);
}

static void logs_add(struct live_runtime *runtime, const char *name)
{
    char **more;

    if (runtime->log_count % 256 == 0) {
        more = realloc(runtime->logs, (runtime->log_count + 256) * sizeof(*more));
        if (!more)
            return;
        runtime->logs = more;
    }
    runtime->logs[runtime->log_count] = strdup(name);
    if (runtime->logs[runtime->log_count])
        runtime->log_count++;
}

static void logs_read(struct live_runtime *runtime)
{
    char path[LIVE_PATH_MAX + 256];
    const struct dirent *entry;
    DIR *dir;

    runtime->logs_read = 1;
    (void)snprintf(path, sizeof(path), "%s/var/log/containers", runtime->host_root);
    dir = opendir(path);
    if (!dir)
        return;
    while (runtime->log_count < LOG_FILES_MAX && (entry = readdir(dir)) != NULL) {
        if (strlen(entry->d_name) > LIVE_ID_LEN)
            logs_add(runtime, entry->d_name);
    }
    (void)closedir(dir);
}

int live_runtime_k8s(struct live_runtime *runtime, const char *id,
                     char ret_name[LIVE_RUNTIME_NAME_MAX])
{
    if (!runtime)
        return 0;
    if (!runtime->logs_read)
        logs_read(runtime);
    for (size_t i = 0; i < runtime->log_count; i++) {
        if (live_k8s_name(runtime->logs[i], id, ret_name))
            return 1;
    }
    return 0;
}
