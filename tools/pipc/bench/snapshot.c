/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots: the call alone (level 2), the refresh of a cache (level 3), and look-ups in it.
 *
 * Names have 40 bytes. A block of look-ups asks for every name once and for as many that are not
 * there, in a fixed shuffled order, inside one guard; the floor of look-ups is an open-addressing
 * table of the same keys with the same hash (bare_table.c).
 */
#include "bare_table.h"
#include "server.h"

#include <pipc/codecs/cgroups_cache.h>
#include <pipc/codecs/cgroups_snapshot.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LEN 40u
#define PATH_FMT "/system.slice/docker-%064x.scope"
#define SLACK    65536u

struct key {
    uint32_t hash, len, path_len; /* lengths are data: nothing is compiled for one length */
    char name[NAME_LEN + 1];
    char path[NAME_LEN * 3];
};

struct snapshot {
    struct row *row;
    struct contender *contender;
    struct pipc_context *context;
    struct pipc_client *client;
    struct pipc_cache *cache;
    struct pipc_cache_guard guard;
    const char *service;
    char run_dir[PATH_LEN];
    struct key *keys; /* items that are there, then as many that are not */
    uint32_t items;
    uint32_t *order; /* of look-ups */
    struct bare_table *table;
};

static void key_make(struct key *key, uint32_t number)
{
    uint32_t hash = UINT32_C(2166136261);

    snprintf(key->name, sizeof(key->name), "container-%010u-in-a-pod-of-a-node-%05u", number,
             number % 100000u);
    key->path_len = (uint32_t)snprintf(key->path, sizeof(key->path), PATH_FMT, number);
    key->len = (uint32_t)strlen(key->name);
    for (const char *c = key->name; *c; c++)
        hash = (hash * UINT32_C(16777619)) ^ (unsigned char)*c;
    key->hash = hash;
}

size_t snapshot_len(uint32_t items)
{
    struct key key;

    key_make(&key, 0);
    return PIPC_CGROUPS_SNAPSHOT_HDR_LEN +
           items * (PIPC_DIR_ENTRY_LEN + (size_t)pipc_align8(PIPC_CGROUPS_SNAPSHOT_ITEM_HDR_LEN +
                                                             key.len + 1 + key.path_len + 1));
}

static pipc_result no_memory(const struct snapshot *s, struct pipc_error *err)
{
    err->result = PIPC_ERR_ALLOC;
    snprintf(err->text, sizeof(err->text), "service '%s': no memory for %u items", s->service,
             s->items);
    return PIPC_ERR_ALLOC;
}

/* ---- the server ---- */

static uint32_t fill(void *user, const struct pipc_request *from,
                     const struct pipc_cgroups_snapshot_request_view *request,
                     struct pipc_cgroups_snapshot_builder *builder)
{
    const struct snapshot *s = user;

    (void)from;
    (void)request;
    pipc_cgroups_snapshot_builder_set_header(builder, 1, 1);
    for (uint32_t i = 0; i < s->items; i++) {
        const struct key *key = &s->keys[i];
        const struct pipc_str_view name = {key->name, key->len}, path = {key->path, key->path_len};
        if (pipc_cgroups_snapshot_builder_add(builder, key->hash, 0, 1, name, path) != PIPC_OK)
            return 0;
    }
    return 1;
}

static int serve(struct snapshot *s, struct contender *c)
{
    const struct pipc_cgroups_snapshot_handler handler = {
        .size = sizeof(handler), .user = s, .snapshot = fill};
    const struct options *o = s->row->bench->o;
    struct server_plan plan = {.row = s->row,
                               .contender = c,
                               .managed = true,
                               .run_dir = s->run_dir,
                               .service = s->service,
                               .kind = PIPC_CGROUPS_SNAPSHOT_NAME,
                               .table_major = PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR,
                               .handler = &handler};

    plan.config = (struct pipc_server_config){
        .size = sizeof(plan.config),
        .max_response_payload_bytes = (uint32_t)snapshot_len(s->items) + SLACK,
        .growth_ceiling_bytes = (uint32_t)snapshot_len(s->items) + SLACK,
        .packet_size = o->packet_size,
        .auth_token = o->token,
        .auth_token_given = o->token_given,
        .snapshot_items = s->items,
        .adopt_handle = PIPC_NO_HANDLE};
    return server_start(&plan);
}

/* ---- calls and refreshes ---- */

static pipc_result client_open(struct contender *c, struct pipc_error *err)
{
    struct snapshot *s = c->state;
    struct pipc_client_config config;
    pipc_result result = bench_context(s->row, c, &s->context, err);

    client_config_from(s->row->bench->o, &config);
    if (result == PIPC_OK && c->level == LEVEL_L2)
        result = pipc_client_create(s->context, s->run_dir, s->service, &config, &s->client, err);
    if (result == PIPC_OK && c->level == LEVEL_L2)
        result = pipc_client_refresh_timeout(s->client, 0, NULL, err);
    if (result == PIPC_OK && c->level == LEVEL_L3)
        result =
            pipc_cgroups_cache_create(s->context, s->run_dir, s->service, &config, &s->cache, err);
    if (result == PIPC_OK && c->level == LEVEL_L3)
        result = pipc_cache_refresh_timeout(s->cache, 0, err);
    return result;
}

static pipc_result wrong_count(const struct snapshot *s, uint32_t count, struct pipc_error *err)
{
    err->result = PIPC_ERR_BAD_ITEM_COUNT;
    snprintf(err->text, sizeof(err->text), "service '%s': a snapshot of %u items, expected %u",
             s->service, count, s->items);
    return PIPC_ERR_BAD_ITEM_COUNT;
}

static pipc_result call(struct contender *c, struct pipc_error *err)
{
    struct snapshot *s = c->state;
    struct pipc_cgroups_snapshot_view view;
    const pipc_result result = pipc_client_call_cgroups_snapshot(s->client, &view, 0, err);

    if (result == PIPC_OK && s->keys && view.item_count != s->items)
        return wrong_count(s, view.item_count, err);
    return result;
}

static pipc_result refresh(struct contender *c, struct pipc_error *err)
{
    const struct snapshot *s = c->state;

    return pipc_cache_refresh_timeout(s->cache, 0, err);
}

static void snapshot_interrupt(struct contender *c)
{
    const struct snapshot *s = c->state;

    if (s->client)
        pipc_client_abort(s->client);
    if (s->cache)
        pipc_cache_abort(s->cache);
}

static void snapshot_close(struct contender *c)
{
    struct snapshot *s = c->state;

    pipc_cache_read_unlock(&s->guard);
    pipc_cache_destroy(s->cache);
    pipc_client_destroy(s->client);
    (void)pipc_close(s->context);
    free(s->keys);
    free(s->order);
    bare_table_free(s->table);
}

static const struct contender_ops call_ops = {.open = client_open,
                                              .exchange = call,
                                              .interrupt = snapshot_interrupt,
                                              .close = snapshot_close};
static const struct contender_ops refresh_ops = {.open = client_open,
                                                 .exchange = refresh,
                                                 .interrupt = snapshot_interrupt,
                                                 .close = snapshot_close};

static struct snapshot *snapshot_make(struct row *row, enum level level, const char *spin,
                                      const struct contender_ops *ops)
{
    struct contender *c = row_add(row, level, spin, ops);
    struct snapshot *s = c ? contender_state(c, sizeof(*s)) : NULL;

    if (!s)
        return NULL;
    s->row = row;
    s->contender = c;
    s->items = row->items;
    s->keys = calloc(2 * (size_t)s->items, sizeof(*s->keys));
    for (uint32_t i = 0; s->keys && i < 2 * s->items; i++)
        key_make(&s->keys[i], i);
    return s->keys ? s : NULL;
}

int snapshot_add(struct row *row, enum level level, const char *spin)
{
    struct snapshot *s =
        snapshot_make(row, level, spin, level == LEVEL_L2 ? &call_ops : &refresh_ops);
    int code;

    if (!s)
        return complain(EXIT_FAILED, "no memory for a snapshot of %u items", row->items);
    code = bench_service(row, &s->service, s->run_dir, sizeof(s->run_dir));
    return code >= 0 || row->bench->o->no_server ? code : serve(s, s->contender);
}

/* ---- look-ups ---- */

/* Every key once, shuffled by a fixed generator. */
static bool order_make(struct snapshot *s)
{
    const uint32_t count = 2 * s->items;
    uint64_t seed = UINT64_C(0x853c49e6748fea9b);

    s->order = calloc(count, sizeof(*s->order));
    if (!s->order)
        return false;
    for (uint32_t i = 0; i < count; i++)
        s->order[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other, kept;
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        other = (uint32_t)((seed >> 33) % i);
        kept = s->order[i - 1];
        s->order[i - 1] = s->order[other];
        s->order[other] = kept;
    }
    return true;
}

static pipc_result bare_open(struct contender *c, struct pipc_error *err)
{
    struct snapshot *s = c->state;

    s->table = bare_table_new(s->items, (size_t)s->items * NAME_LEN);
    if (!s->table || !order_make(s))
        return no_memory(s, err);
    for (uint32_t i = 0; i < s->items; i++)
        bare_table_add(s->table, s->keys[i].hash, s->keys[i].name, s->keys[i].len);
    return PIPC_OK;
}

static pipc_result found_wrong(const struct snapshot *s, uint32_t found, struct pipc_error *err)
{
    err->result = PIPC_ERR_BAD_ITEM_COUNT;
    snprintf(err->text, sizeof(err->text), "look-ups: %u names found, expected %u", found,
             s->items);
    return PIPC_ERR_BAD_ITEM_COUNT;
}

static pipc_result bare_block(struct contender *c, struct pipc_error *err)
{
    const struct snapshot *s = c->state;
    uint32_t found = 0;

    for (uint32_t i = 0; i < 2 * s->items; i++) {
        const struct key *key = &s->keys[s->order[i]];
        found += bare_table_get(s->table, key->hash, key->name, key->len) != NULL;
    }
    return found == s->items ? PIPC_OK : found_wrong(s, found, err);
}

static pipc_result cache_open(struct contender *c, struct pipc_error *err)
{
    struct snapshot *s = c->state;
    const pipc_result result = client_open(c, err);

    if (result != PIPC_OK)
        return result;
    if (!order_make(s))
        return no_memory(s, err);
    if (!pipc_cache_read_lock(s->cache, &s->guard) || pipc_cache_count(&s->guard) != s->items)
        return wrong_count(s, pipc_cache_count(&s->guard), err);
    return PIPC_OK;
}

static pipc_result cache_block(struct contender *c, struct pipc_error *err)
{
    const struct snapshot *s = c->state;
    uint32_t found = 0;

    for (uint32_t i = 0; i < 2 * s->items; i++) {
        const struct key *key = &s->keys[s->order[i]];
        found += pipc_cache_get(&s->guard, key->hash, key->name, key->len) != NULL;
    }
    return found == s->items ? PIPC_OK : found_wrong(s, found, err);
}

static const struct contender_ops bare_ops = {
    .open = bare_open, .exchange = bare_block, .close = snapshot_close};
static const struct contender_ops cache_ops = {.open = cache_open,
                                               .exchange = cache_block,
                                               .interrupt = snapshot_interrupt,
                                               .close = snapshot_close};

static int bare_add(struct row *row)
{
    struct snapshot *s = snapshot_make(row, LEVEL_FLOOR, NULL, &bare_ops);

    if (!s)
        return complain(EXIT_FAILED, "no memory for a table of %u items", row->items);
    s->contender->name = "bare table";
    s->contender->units = 2 * row->items;
    s->service = row->scenario->service;
    return -1;
}

int cache_add(struct row *row)
{
    int code = row->bench->o->no_floor ? -1 : bare_add(row);
    struct snapshot *s = code < 0 ? snapshot_make(row, LEVEL_L3, NULL, &cache_ops) : NULL;

    if (code >= 0)
        return code;
    if (!s)
        return complain(EXIT_FAILED, "no memory for a cache of %u items", row->items);
    s->contender->units = 2 * row->items;
    code = bench_service(row, &s->service, s->run_dir, sizeof(s->run_dir));
    return code >= 0 ? code : serve(s, s->contender);
}
