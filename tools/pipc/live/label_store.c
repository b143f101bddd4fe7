/* SPDX-License-Identifier: Apache-2.0
 *
 * Labels that were read once: immutable, counted by shares.
 */
#include "label_store.h"

#include "mounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct live_labels {
    uint32_t shares;
    int whole;                 /* nothing more can be expected */
    uint64_t look;             /* when they were read */
    struct live_labels *older; /* fewer ones, which somebody may still hold */
    uint32_t count;
    struct pipc_label_view labels[]; /* their bytes behind them */
};

struct live_labels *live_labels_share(struct live_labels *labels)
{
    if (labels)
        labels->shares++;
    return labels;
}

void live_labels_release(struct live_labels *labels)
{
    while (labels && --labels->shares == 0) {
        struct live_labels *const older = labels->older;
        free(labels);
        labels = older;
    }
}

static struct live_labels *labels_new(const struct live_label_list *list)
{
    const size_t table = list->count * sizeof(struct pipc_label_view);
    struct live_labels *labels = calloc(1, sizeof(*labels) + table + list->used);
    char *text;

    if (!labels)
        return NULL; /* LCOV_EXCL_LINE: no memory */
    text = (char *)labels->labels + table;
    memcpy(text, list->text, list->used);
    labels->shares = 1;
    labels->count = list->count;
    for (uint32_t i = 0; i < list->count; i++) {
        labels->labels[i] = list->labels[i];
        labels->labels[i].key.ptr = text + (list->labels[i].key.ptr - list->text);
        labels->labels[i].value.ptr = text + (list->labels[i].value.ptr - list->text);
    }
    return labels;
}

/* The path is taken apart again; what runtimes tell of names is in `name`. */
static struct live_labels *labels_read(const char *path, size_t len, const char *name,
                                       const char *host_root)
{
    struct live_label_list *list = malloc(sizeof(*list));
    struct live_name *parts = malloc(sizeof(*parts));
    struct live_labels *labels = NULL;
    int whole;

    if (list && parts) {
        list->count = 0;
        list->used = 0;
        live_name_of(path, len, NULL, parts);
        (void)snprintf(parts->name, sizeof(parts->name), "%s", name);
        live_labels_of_path(list, parts);
        whole = live_labels_read(list, host_root, parts);
        labels = labels_new(list);
        if (labels)
            labels->whole = whole;
    }
    free(list);
    free(parts);
    return labels;
}

uint32_t live_labels_of(struct live_labels **store, const char *path, size_t len, const char *name,
                        const char *host_root, uint64_t look,
                        const struct pipc_label_view **ret_labels)
{
    struct live_labels *labels = *store;

    if (!labels || (!labels->whole && labels->look != look)) {
        struct live_labels *const now = labels_read(path, len, name, host_root);
        if (now && labels && !now->whole && now->count <= labels->count) {
            live_labels_release(now); /* no news */
        } else if (now) {
            now->older = labels;
            *store = labels = now;
        }
        if (labels)
            labels->look = look;
    }
    *ret_labels = labels ? labels->labels : NULL;
    return labels ? labels->count : 0;
}
