/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations of a client: create, refresh, calls of every kind, recovery, abort, close.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pipc_client_config config(void)
{
    return (struct pipc_client_config){.size = sizeof(struct pipc_client_config),
                                       .call_timeout_ms = 2 * wait_ms,
                                       .connect_timeout_ms = 2 * wait_ms,
                                       .max_request_batch_items = 16,
                                       .max_request_payload_bytes = 1024,
                                       .refused_retry_ms = 1};
}

static void begin_numbers(struct world *w)
{
    provider_start(w, KIND_INCREMENT);
}

static pipc_result act_create(struct world *w, struct pipc_error *err)
{
    const struct pipc_client_config c = config();

    return pipc_client_create(w->context, w->dir, SERVICE, &c, &w->client, err);
}

static void prepare_client(struct world *w)
{
    MUST(act_create(w, NULL));
}

static void clean_client(struct world *w)
{
    pipc_client_destroy(w->client);
    w->client = NULL;
    free(w->extra);
    w->extra = NULL;
    /* The server's regions go with its threads. */
    for (unsigned i = 0; i < 2000 && world_files(w) > 1; i++) {
        const struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
}

static const char *judge_works(struct world *w, pipc_result result)
{
    (void)result;
    return client_works(w->client) ? NULL : "the client does not work afterwards";
}

static const char *judge_create(struct world *w, pipc_result result)
{
    if (result != PIPC_OK && w->client)
        return "there is a client though it failed";
    if (result != PIPC_OK)
        MUST(act_create(w, NULL));
    return judge_works(w, result);
}

static void prepare_closed(struct world *w)
{
    prepare_client(w);
    pipc_client_close(w->client);
}

static pipc_result act_init(struct world *w, struct pipc_error *err)
{
    const struct pipc_client_config c = config();

    return pipc_client_init(w->client, w->dir, SERVICE, &c, err);
}

static const char *judge_init(struct world *w, pipc_result result)
{
    if (result != PIPC_OK && act_init(w, NULL) != PIPC_OK)
        return "it cannot be initialised the second time";
    return judge_works(w, result);
}

static pipc_result act_refresh(struct world *w, struct pipc_error *err)
{
    return pipc_client_refresh_timeout(w->client, 2 * wait_ms, NULL, err);
}

static void prepare_ready(struct world *w)
{
    prepare_client(w);
    MUST(act_refresh(w, NULL));
}

/* ---- calls ---- */

static pipc_result act_call(struct world *w, struct pipc_error *err)
{
    return pipc_client_call_increment(w->client, 41, &w->value, 2 * wait_ms, err);
}

static const char *judge_call(struct world *w, pipc_result result)
{
    if (w->value != (result == PIPC_OK ? 42 : 0))
        return "the value is wrong";
    return judge_works(w, result);
}

static pipc_result act_call_raw(struct world *w, struct pipc_error *err)
{
    const uint64_t request = 41;
    const void *payload = NULL;
    size_t len = 0;
    const pipc_result result =
        pipc_client_call_raw(w->client, "increment", &request, 8, &payload, &len, 2 * wait_ms, err);

    w->value = 0;
    if (result == PIPC_OK && len == 8)
        memcpy(&w->value, payload, 8);
    return result;
}

static pipc_result act_batch(struct world *w, struct pipc_error *err)
{
    static const uint64_t inputs[8] = {0, 1, 2, 3, 4, 5, 6, 7};

    return pipc_client_call_increment_batch(w->client, inputs, 8, w->values, 2 * wait_ms, err);
}

static const char *judge_batch(struct world *w, pipc_result result)
{
    for (uint64_t i = 0; i < 8; i++)
        if (w->values[i] != (result == PIPC_OK ? i + 1 : 0))
            return "an item of the batch is wrong";
    return judge_works(w, result);
}

/* The session was lost since: the call makes another one. */
static void prepare_lost(struct world *w)
{
    prepare_ready(w);
    provider_stop(w);
    provider_start(w, KIND_INCREMENT);
}

/* ---- snapshots that are larger than first agreed, lookups that take several exchanges ---- */

static void begin_items(struct world *w)
{
    provider_start(w, KIND_SNAPSHOT);
}

static void prepare_small(struct world *w)
{
    struct pipc_client_config small = config();

    small.max_response_payload_bytes = 1024;
    MUST(pipc_client_create(w->context, w->dir, SERVICE, &small, &w->client, NULL));
    MUST(act_refresh(w, NULL));
}

static pipc_result act_snapshot(struct world *w, struct pipc_error *err)
{
    struct pipc_cgroups_snapshot_view view;
    const pipc_result result =
        pipc_client_call_cgroups_snapshot(w->client, &view, 2 * wait_ms, err);

    w->count = view.item_count;
    return result;
}

static const char *judge_snapshot(struct world *w, pipc_result result)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    if (w->count != (result == PIPC_OK ? ITEMS : 0))
        return "the number of items is wrong";
    if (pipc_client_refresh_timeout(w->client, 5000, NULL, &err) != PIPC_OK ||
        act_snapshot(w, &err) != PIPC_OK || w->count != ITEMS)
        return "the client does not work afterwards";
    return NULL;
}

static void begin_keys(struct world *w)
{
    provider_start(w, KIND_LOOKUP);
}

#define KEYS 24u

static pipc_result act_lookup(struct world *w, struct pipc_error *err)
{
    static char names[KEYS][64];
    struct pipc_str_view keys[KEYS];
    struct pipc_cgroups_lookup_view view;
    pipc_result result;

    for (unsigned i = 0; i < KEYS; i++) {
        keys[i].len = (size_t)snprintf(names[i], sizeof(names[i]), "/a/%032u/%u", i, i);
        keys[i].ptr = names[i];
    }
    result = pipc_client_call_cgroups_lookup(w->client, keys, KEYS, &view, 2 * wait_ms, err);
    w->count = view.item_count;
    for (uint32_t i = 0; result == PIPC_OK && i < view.item_count; i++) {
        struct pipc_cgroups_lookup_item_view item;
        if (pipc_cgroups_lookup_item(&view, i, &item) != PIPC_OK || item.path.len != keys[i].len ||
            memcmp(item.path.ptr, keys[i].ptr, keys[i].len) != 0)
            w->count = 0;
    }
    return result;
}

static const char *judge_lookup(struct world *w, pipc_result result)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    if (w->count != (result == PIPC_OK ? KEYS : 0))
        return "the items are wrong";
    if (pipc_client_refresh_timeout(w->client, 5000, NULL, &err) != PIPC_OK ||
        act_lookup(w, &err) != PIPC_OK || w->count != KEYS)
        return "the client does not work afterwards";
    return NULL;
}

/* ---- abort and ends ---- */

static pipc_result act_abort(struct world *w, struct pipc_error *err)
{
    uint64_t value;

    pipc_client_abort(w->client);
    if (pipc_client_call_increment(w->client, 41, &value, 2 * wait_ms, err) != PIPC_ERR_ABORTED)
        return PIPC_ERR_BAD_PARAM;
    pipc_client_clear_abort(w->client);
    return PIPC_OK;
}

static pipc_result act_close(struct world *w, struct pipc_error *err)
{
    (void)err;
    pipc_client_drop(w->client);
    pipc_client_close(w->client);
    return PIPC_OK;
}

static const char *judge_close(struct world *w, pipc_result result)
{
    MUST(act_init(w, NULL));
    return judge_works(w, result);
}

#define CLIENT(what, plane, first, before, how, after)                                    \
    {                                                                                     \
        .name = what " over " plane, .planes = plane, .names = {SERVICE}, .begin = first, \
        .prepare = before, .act = how, .expected = expect_client, .judge = after,         \
        .clean = clean_client, .end = provider_stop                                       \
    }
#define ALL_OVER(plane)                                                                           \
    CLIENT("client_refresh", plane, begin_numbers, prepare_client, act_refresh, judge_works),     \
        CLIENT("client_call", plane, begin_numbers, prepare_ready, act_call, judge_call),         \
        CLIENT("client_call_raw", plane, begin_numbers, prepare_ready, act_call_raw, judge_call), \
        CLIENT("client_call_batch", plane, begin_numbers, prepare_ready, act_batch, judge_batch), \
        CLIENT("client_call of a lost session", plane, begin_numbers, prepare_lost, act_call,     \
               judge_call),                                                                       \
        CLIENT("client_call that grows", plane, begin_items, prepare_small, act_snapshot,         \
               judge_snapshot),                                                                   \
        CLIENT("client_call_lookup", plane, begin_keys, prepare_small, act_lookup, judge_lookup), \
        CLIENT("client_abort", plane, begin_numbers, prepare_ready, act_abort, judge_works),      \
        CLIENT("client_close", plane, begin_numbers, prepare_ready, act_close, judge_close)

const struct operation client_operations[] = {{.name = "client_create",
                                               .planes = "uds",
                                               .names = {SERVICE},
                                               .begin = begin_numbers,
                                               .act = act_create,
                                               .expected = expect_client,
                                               .judge = judge_create,
                                               .clean = clean_client,
                                               .end = provider_stop},
                                              {.name = "client_init",
                                               .planes = "uds",
                                               .names = {SERVICE},
                                               .begin = begin_numbers,
                                               .prepare = prepare_closed,
                                               .act = act_init,
                                               .expected = expect_client,
                                               .judge = judge_init,
                                               .clean = clean_client,
                                               .end = provider_stop},
                                              ALL_OVER("uds"),
                                              ALL_OVER("shm,uds"),
                                              {.name = NULL}};
