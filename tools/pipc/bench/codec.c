/* SPDX-License-Identifier: Apache-2.0
 *
 * What a lookup codec costs by itself: building a response to a decoded request for so many keys as
 * a server does, and decoding it as a client does. No transport, no other side, and few different
 * items, so that no cache is filled with the table of a provider. The floor copies the bytes of
 * that response.
 */
#include "lookup_items.h"

#include <stdlib.h>
#include <string.h>

#define ITEMS_TOLD 64u

struct codec {
    struct row *row;
    struct pipc_context *context;
    const void *table;
    struct lookup_items items;
    struct pipc_apps_lookup_request_view apps; /* the request, decoded */
    struct pipc_cgroups_lookup_request_view cgroups;
    unsigned char *request, *response, *copy;
    size_t request_len, response_len, room;
};

static pipc_result failed(const struct codec *c, pipc_result result, const char *what,
                          struct pipc_error *err)
{
    err->result = result;
    snprintf(err->text, sizeof(err->text), "%s: %s of %u items failed", c->row->scenario->kind,
             what, c->items.count);
    return result;
}

/* ---- one round ---- */

static pipc_result build_apps(struct codec *c)
{
    struct pipc_apps_lookup_builder builder;
    pipc_result r = pipc_apps_lookup_builder_init_request(c->table, &builder, c->response, c->room,
                                                          &c->apps, 1);

    if (r == PIPC_OK && !lookup_items_apps(&c->items, &c->apps, &builder))
        r = PIPC_ERR_HANDLER_FAILED;
    c->response_len = r == PIPC_OK ? pipc_apps_lookup_builder_finish(&builder) : 0;
    return r == PIPC_OK && !c->response_len ? PIPC_ERR_OVERFLOW : r;
}

static pipc_result build_cgroups(struct codec *c)
{
    struct pipc_cgroups_lookup_builder builder;
    pipc_result r = pipc_cgroups_lookup_builder_init_request(c->table, &builder, c->response,
                                                             c->room, &c->cgroups, 1);

    if (r == PIPC_OK && !lookup_items_cgroups(&c->items, &c->cgroups, &builder))
        r = PIPC_ERR_HANDLER_FAILED;
    c->response_len = r == PIPC_OK ? pipc_cgroups_lookup_builder_finish(&builder) : 0;
    return r == PIPC_OK && !c->response_len ? PIPC_ERR_OVERFLOW : r;
}

static pipc_result decode(const struct codec *c, uint32_t *ret_count)
{
    struct pipc_cgroups_lookup_view cgroups = {0};
    struct pipc_apps_lookup_view apps = {0};
    const pipc_result r =
        c->items.apps
            ? pipc_apps_lookup_decode(c->table, c->response, c->response_len, &apps)
            : pipc_cgroups_lookup_decode(c->table, c->response, c->response_len, &cgroups);

    *ret_count = c->items.apps ? apps.item_count : cgroups.item_count;
    return r;
}

static pipc_result codec_round(struct contender *contender, struct pipc_error *err)
{
    struct codec *c = contender->state;
    pipc_result r = c->items.apps ? build_apps(c) : build_cgroups(c);
    uint32_t count = 0;

    if (r != PIPC_OK)
        return failed(c, r, "building a response", err);
    r = decode(c, &count);
    return r == PIPC_OK && count == c->items.count ? r : failed(c, r, "decoding a response", err);
}

static pipc_result copy_round(struct contender *contender, struct pipc_error *err)
{
    const struct codec *c = contender->state;

    (void)err;
    memcpy(c->copy, c->response, c->response_len);
    return PIPC_OK;
}

/* ---- both contenders ---- */

static pipc_result request_make(struct codec *c, struct pipc_error *err)
{
    pipc_result r =
        c->items.apps ? pipc_apps_lookup_request_encode(c->table, c->items.pids, c->items.count,
                                                        c->request, c->room, &c->request_len)
                      : pipc_cgroups_lookup_request_encode(c->table, c->items.paths, c->items.count,
                                                           c->request, c->room, &c->request_len);

    if (r != PIPC_OK)
        return failed(c, r, "encoding a request", err);
    r = c->items.apps
            ? pipc_apps_lookup_request_decode(c->table, c->request, c->request_len, &c->apps)
            : pipc_cgroups_lookup_request_decode(c->table, c->request, c->request_len, &c->cgroups);
    return r == PIPC_OK ? r : failed(c, r, "decoding a request", err);
}

static pipc_result codec_open(struct contender *contender, struct pipc_error *err)
{
    struct codec *c = contender->state;
    pipc_result r = bench_context(c->row, contender, &c->context, err);

    if (r != PIPC_OK)
        return r;
    c->table = c->items.apps ? (const void *)pipc_apps_lookup_table(c->context)
                             : (const void *)pipc_cgroups_lookup_table(c->context);
    if (!c->table)
        return failed(c, PIPC_ERR_NOT_SUPPORTED, "finding the codec", err);
    c->room = 2 * (lookup_request_len(&c->items) + lookup_response_len(&c->items));
    c->request = malloc(c->room);
    c->response = malloc(c->room);
    c->copy = malloc(c->room);
    if (!c->request || !c->response || !c->copy)
        return failed(c, PIPC_ERR_ALLOC, "memory for a response", err);
    r = request_make(c, err);
    return r == PIPC_OK ? codec_round(contender, err) : r;
}

static void codec_close(struct contender *contender)
{
    struct codec *c = contender->state;

    free(c->request);
    free(c->response);
    free(c->copy);
    (void)pipc_close(c->context);
    lookup_items_free(&c->items);
}

static const struct contender_ops codec_ops = {
    .open = codec_open, .exchange = codec_round, .close = codec_close};
static const struct contender_ops copy_ops = {
    .open = codec_open, .exchange = copy_round, .close = codec_close};

static struct contender *contender_make(struct row *row, enum level level,
                                        const struct contender_ops *ops, uint32_t label_count)
{
    struct contender *contender = row_add(row, level, NULL, ops);
    struct codec *c = contender ? contender_state(contender, sizeof(*c)) : NULL;
    const bool apps = strcmp(row->scenario->kind, PIPC_APPS_LOOKUP_NAME) == 0;

    if (!c || !lookup_items_make(&c->items, apps, row->items, label_count))
        return NULL;
    if (c->items.told > ITEMS_TOLD)
        c->items.told = ITEMS_TOLD;
    c->row = row;
    return contender;
}

int codec_add(struct row *row, uint32_t label_count)
{
    struct contender *floor = NULL, *codec;

    if (!row->bench->o->no_floor)
        floor = contender_make(row, LEVEL_FLOOR, &copy_ops, label_count);
    codec = contender_make(row, LEVEL_L2, &codec_ops, label_count);
    if (!codec || (!floor && !row->bench->o->no_floor))
        return complain(EXIT_FAILED, "no memory for a response of %u items", row->items);
    if (floor)
        floor->name = "copy of the bytes";
    codec->per_item = true;
    return -1;
}
