/* SPDX-License-Identifier: Apache-2.0
 *
 * Logical lookups (level 2): one call for all keys, with as many exchanges as the limits ask for,
 * answered by a managed server from a table in memory.
 */
#include "lookup_items.h"
#include "server.h"

#include <string.h>

struct lookup {
    struct row *row;
    struct pipc_context *context;
    struct pipc_client *client;
    const char *service;
    char run_dir[PATH_LEN];
    struct lookup_items items;
};

/* ---- the server ---- */

static uint32_t answer_apps(void *user, const struct pipc_request *from,
                            const struct pipc_apps_lookup_request_view *request,
                            struct pipc_apps_lookup_builder *builder)
{
    (void)from;
    return lookup_items_apps(user, request, builder);
}

static uint32_t answer_cgroups(void *user, const struct pipc_request *from,
                               const struct pipc_cgroups_lookup_request_view *request,
                               struct pipc_cgroups_lookup_builder *builder)
{
    (void)from;
    return lookup_items_cgroups(user, request, builder);
}

/* With the limits of the command line, on both sides; else with those of the library. */
static int serve(struct lookup *l, struct contender *c)
{
    const struct pipc_apps_lookup_handler apps = {
        .size = sizeof(apps), .user = &l->items, .lookup = answer_apps};
    const struct pipc_cgroups_lookup_handler cgroups = {
        .size = sizeof(cgroups), .user = &l->items, .lookup = answer_cgroups};
    const struct options *o = l->row->bench->o;
    struct server_plan plan = {.row = l->row,
                               .contender = c,
                               .managed = true,
                               .run_dir = l->run_dir,
                               .service = l->service,
                               .kind = l->row->scenario->kind,
                               .table_major = l->items.apps ? PIPC_APPS_LOOKUP_TABLE_MAJOR
                                                            : PIPC_CGROUPS_LOOKUP_TABLE_MAJOR,
                               .handler = l->items.apps ? (const void *)&apps : &cgroups};

    plan.config = (struct pipc_server_config){.size = sizeof(plan.config),
                                              .max_request_payload_bytes = o->max_request_bytes,
                                              .max_response_payload_bytes = o->max_response_bytes,
                                              .growth_ceiling_bytes = o->growth_ceiling_bytes,
                                              .packet_size = o->packet_size,
                                              .auth_token = o->token,
                                              .auth_token_given = o->token_given,
                                              .adopt_handle = PIPC_NO_HANDLE};
    return server_start(&plan);
}

/* ---- the client ---- */

static pipc_result lookup_open(struct contender *c, struct pipc_error *err)
{
    struct lookup *l = c->state;
    struct pipc_client_config config;
    pipc_result result = bench_context(l->row, c, &l->context, err);

    client_config_from(l->row->bench->o, &config);
    if (result == PIPC_OK)
        result = pipc_client_create(l->context, l->run_dir, l->service, &config, &l->client, err);
    if (result == PIPC_OK)
        result = pipc_client_refresh_timeout(l->client, 0, NULL, err);
    return result;
}

static pipc_result lookup_call(struct contender *c, struct pipc_error *err)
{
    const struct lookup *l = c->state;
    const struct lookup_items *items = &l->items;
    struct pipc_cgroups_lookup_view cgroups;
    struct pipc_apps_lookup_view apps;

    if (items->apps)
        return pipc_client_call_apps_lookup(l->client, items->pids, items->count, &apps, 0, err);
    return pipc_client_call_cgroups_lookup(l->client, items->paths, items->count, &cgroups, 0, err);
}

static void lookup_interrupt(struct contender *c)
{
    const struct lookup *l = c->state;

    if (l->client)
        pipc_client_abort(l->client);
}

static void lookup_close(struct contender *c)
{
    struct lookup *l = c->state;

    pipc_client_destroy(l->client);
    (void)pipc_close(l->context);
    lookup_items_free(&l->items);
}

static const struct contender_ops lookup_ops = {.open = lookup_open,
                                                .exchange = lookup_call,
                                                .interrupt = lookup_interrupt,
                                                .close = lookup_close};

int lookup_add(struct row *row, const char *spin)
{
    struct contender *c = row_add(row, LEVEL_L2, spin, &lookup_ops);
    struct lookup *l = c ? contender_state(c, sizeof(*l)) : NULL;
    const bool apps = strcmp(row->scenario->kind, PIPC_APPS_LOOKUP_NAME) == 0;
    int code;

    if (!l || !lookup_items_make(&l->items, apps, row->items, LOOKUP_LABELS))
        return complain(EXIT_FAILED, "no memory for a lookup of %u keys", row->items);
    l->row = row;
    c->per_item = true;
    code = bench_service(row, &l->service, l->run_dir, sizeof(l->run_dir));
    return code >= 0 || row->bench->o->no_server ? code : serve(l, c);
}
