/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts that the live providers read: cgroup paths, mountinfo, /proc/PID/cgroup, stat and status,
 * and the files of container runtimes. The first byte says which.
 */
#include "fuzz.h"
#include "tools/pipc/live/cgroups.h"
#include "tools/pipc/live/processes.h"

#include <stdlib.h>
#include <string.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void must(int condition)
{
    if (!condition)
        abort();
}

static void path(const char *text, size_t len)
{
    static struct live_name first, second;

    live_name_of(text, len, NULL, &first);
    must(first.name[0] != '\0' && strlen(first.name) < LIVE_NAME_MAX);
    must(first.orchestrator <= LIVE_NSPAWN);
    live_name_of(text, len, NULL, &second);
    must(strcmp(first.name, second.name) == 0 && first.orchestrator == second.orchestrator);
}

static void unit(const char *text, size_t len)
{
    char *to = malloc(len + 1);
    size_t decoded;

    if (!to)
        return;
    decoded = live_unit_decode(text, len, to);
    must(decoded <= len && to[decoded] == '\0');
    free(to);
}

static void mountinfo(const char *text, size_t len)
{
    struct live_mounts *mounts = calloc(1, sizeof(*mounts));

    if (!mounts)
        return;
    live_mounts_collect(text, len, mounts);
    for (int i = 0; i < 3; i++) {
        if (!mounts->there[i])
            continue;
        must((int)mounts->mounts[i].hierarchy == i && mounts->mounts[i].dir[0] == '/');
        must(!mounts->mounts[i].prefix[0] || mounts->mounts[i].prefix[0] == '/');
    }
    free(mounts);
}

static void process(const char *text, size_t len)
{
    for (int i = 0; i < 3; i++) {
        size_t found_len = 0;
        const char *found = live_hierarchy_path((enum live_hierarchy)i, text, len, &found_len);
        must(!found || (found >= text && found_len <= (size_t)(text + len - found)));
    }
}

static void stat_file(const char *text, size_t len)
{
    struct live_stat stat;

    if (!live_stat_parse(text, len, &stat))
        return;
    must(stat.comm_len >= 1 && stat.comm_len <= LIVE_COMM_MAX);
    must(strlen(stat.comm) == stat.comm_len);
}

static void status_file(const char *text, size_t len)
{
    uint32_t uid, tgid = 1;

    must(live_status_parse(text, len, 0, &uid, &tgid) || tgid == 0 || len >= 6);
}

static void labels(const char *text, size_t len)
{
    static struct live_label_list list;

    list.count = 0;
    list.used = 0;
    (void)live_labels_of_docker(&list, text, len);
    (void)live_labels_of_podman(&list, text, len, ID);
    (void)live_labels_of_bundle(&list, text, len);
    must(list.count <= LIVE_LABELS_MAX && list.used <= LIVE_LABELS_BYTES);
    for (uint32_t i = 0; i < list.count; i++) {
        must(list.labels[i].key.len > 0 &&
             !memchr(list.labels[i].key.ptr, 0, list.labels[i].key.len));
        must(!list.labels[i].value.len ||
             !memchr(list.labels[i].value.ptr, 0, list.labels[i].value.len));
    }
}

static void runtimes(const char *text, size_t len)
{
    char name[LIVE_RUNTIME_NAME_MAX];

    must(!live_docker_name(text, len, name) || name[0]);
    must(!live_podman_name(text, len, ID, name) || name[0]);
    labels(text, len);
    if (!memchr(text, 0, len)) {
        char *file = malloc(len + 1);
        if (!file)
            return;
        memcpy(file, text, len);
        file[len] = '\0';
        must(!live_k8s_name(file, ID, name) || name[0]);
        free(file);
    }
}

void fuzz_one(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data + 1;

    if (len < 2)
        return;
    len--;
    switch (data[0]) {
    case 'p':
        path(text, len < LIVE_PATH_MAX ? len : LIVE_PATH_MAX);
        break;
    case 'u':
        unit(text, len);
        break;
    case 'm':
        mountinfo(text, len);
        break;
    case 'c':
        process(text, len);
        break;
    case 's':
        stat_file(text, len);
        break;
    case 't':
        status_file(text, len);
        break;
    default:
        runtimes(text, len);
        break;
    }
}
