/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookups of the two kinds of the specification, paths of cgroups and PIDs, through one set of
 * functions: managed server, client, keys that say what the provider knows of them.
 *
 * The provider runs on the server's threads, one call at a time for one client; a test looks at the
 * counts between calls.
 */
#ifndef PIPC_TESTS_LOOKUP_KINDS_H
#define PIPC_TESTS_LOOKUP_KINDS_H

#include "client_script.h"

#include <pipc/codecs/apps_lookup.h>
#include <pipc/codecs/cgroups_lookup.h>

#include <pthread.h>

enum kind { KIND_CGROUPS = 0, KIND_APPS = 1 };

struct kinds_scene {
    enum kind kind;
    struct pipc_context *context;
    struct pipc_server *server;
    pthread_t thread;
    struct pipc_client *client;
    struct pipc_error err;
    struct pipc_cgroups_lookup_view cgroups;
    struct pipc_apps_lookup_view apps;
    /* Of the provider; handed over by `lock` at each call, because the threads meet in a data plane
     * that no tool can look into. */
    pthread_mutex_t lock;
    uint32_t calls;
    uint32_t asked;   /* keys of all calls */
    uint32_t largest; /* keys of one call at most */
    uint64_t generation;
};

/* Makes it in place, connected; limits of 0 are the defaults. */
void kinds_open(struct kinds_scene *s, enum kind kind, const struct pipc_client_config *client,
                const struct pipc_server_config *server);
/* The same with a limit for requests on both sides and one for responses. */
void kinds_open_limits(struct kinds_scene *s, enum kind kind, uint32_t request, uint32_t response);
void kinds_close(struct kinds_scene *s);

/* Room for `count` keys of the kind; free it. */
void *kinds_keys(enum kind kind, uint32_t count);
/* Key `index` becomes that of an unknown, of a known one with `label` bytes in its label. Numbers
 * below 100000 give paths of `path_len` bytes, which must be 16 at least. */
void kinds_unknown(enum kind kind, void *keys, uint32_t index, uint32_t number, size_t path_len);
void kinds_known(enum kind kind, void *keys, uint32_t index, uint32_t number, size_t path_len,
                 uint32_t label);
/* All keys in an order that is none, of both sorts and with duplicates. */
void kinds_fill(enum kind kind, void *keys, uint32_t count, size_t path_len, uint32_t label);
const void *kinds_from(enum kind kind, const void *keys, uint32_t index);
/* Bytes of a request. */
uint64_t kinds_request_size(enum kind kind, const void *keys, uint32_t count);
/* Bytes of the item that the provider has for key `index`, and of a placeholder for it. */
uint64_t kinds_item_size(enum kind kind, const void *keys, uint32_t index);
uint64_t kinds_placeholder_size(enum kind kind, const void *keys, uint32_t index);

/* Calls; the view is garbage before. */
pipc_result kinds_call(struct kinds_scene *s, const void *keys, uint32_t count,
                       uint32_t timeout_ms);
/* Item `index` is the answer to key `index`: as the provider has it, or OVERSIZED_ITEM. */
void kinds_check_item(const struct kinds_scene *s, const void *keys, uint32_t index,
                      bool oversized);
/* All items are answers as the provider has them. */
void kinds_check(const struct kinds_scene *s, const void *keys, uint32_t count);
/* The view is zeroed. */
void kinds_check_zeroed(const struct kinds_scene *s);
uint64_t kinds_generation(const struct kinds_scene *s);
uint32_t kinds_item_count(const struct kinds_scene *s);

#endif
