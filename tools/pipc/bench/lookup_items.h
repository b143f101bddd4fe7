/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and items of the lookup scenarios: item i belongs to PID i + 1, or to a path with its
 * number, and has names as container runtimes make them.
 */
#ifndef PIPC_BENCH_LOOKUP_ITEMS_H
#define PIPC_BENCH_LOOKUP_ITEMS_H

#include "bench.h"

#include <pipc/codecs/apps_lookup.h>
#include <pipc/codecs/cgroups_lookup.h>

#define LOOKUP_LABELS 2u

/* Bytes of one item; views are made of it when it is added. */
struct lookup_text {
    uint32_t comm_len, path_len, name_len, value_len; /* lengths are data, not constants */
    char comm[16], path[96], name[32], value[32];
    struct pipc_label_view labels[LOOKUP_LABELS];
};

struct lookup_items {
    bool apps;
    uint32_t count, label_count;
    uint32_t told; /* so many different items are told; below count: key i gets item i % told */
    struct lookup_text *texts;
    uint32_t *pids;              /* keys, if apps */
    struct pipc_str_view *paths; /* keys, if not */
};

/* False: no memory. */
bool lookup_items_make(struct lookup_items *items, bool apps, uint32_t count, uint32_t label_count);
void lookup_items_free(struct lookup_items *items);
/* The keys as the codec takes them. */
const void *lookup_items_keys(const struct lookup_items *items);
/* Bytes of a request for all keys, and of the answer to it. */
size_t lookup_request_len(const struct lookup_items *items);
size_t lookup_response_len(const struct lookup_items *items);

/* Answers every key of a request; one that is none of ours is unknown. 0 when an add fails. */
uint32_t lookup_items_apps(const struct lookup_items *items,
                           const struct pipc_apps_lookup_request_view *request,
                           struct pipc_apps_lookup_builder *builder);
uint32_t lookup_items_cgroups(const struct lookup_items *items,
                              const struct pipc_cgroups_lookup_request_view *request,
                              struct pipc_cgroups_lookup_builder *builder);

#endif
