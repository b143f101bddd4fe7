/* SPDX-License-Identifier: Apache-2.0
 *
 * Providers that answer from a data file (docs/cli.md, "JSON").
 *
 * The content of a file is immutable once read; rereading swaps a pointer, and the old content is
 * freed when the last callback that uses it has returned.
 */
#include "provider.h"

#include "json.h"
#include "lookup_data.h"
#include "system.h"

#include <errno.h>
#include <inttypes.h>
#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One reading of the file. Strings are borrowed from the JSON object. */
struct content {
    uint32_t references;
    struct json_object *object;
    struct json_source source;
    uint64_t value;              /* increment */
    struct pipc_str_view string; /* string_reverse */
    struct lookup_data *lookup;  /* the lookups */
    uint64_t generation;
    uint32_t systemd_enabled, item_count;
    struct item {
        uint32_t hash, options, enabled;
        struct pipc_str_view name, path;
    } * items;
};

struct data_state {
    pthread_mutex_t lock;
    struct content *content;
    uint64_t readings; /* successful ones: the generation when the file has none */
    union {
        struct pipc_increment_handler increment;
        struct pipc_string_reverse_handler string;
        struct pipc_cgroups_snapshot_handler snapshot;
        struct pipc_cgroups_lookup_handler cgroups;
        struct pipc_apps_lookup_handler apps;
    } handler;
};

static struct content *content_take(struct data_state *s)
{
    struct content *c;

    pthread_mutex_lock(&s->lock);
    c = s->content;
    c->references++;
    pthread_mutex_unlock(&s->lock);
    return c;
}

static void content_free(struct content *c)
{
    lookup_data_free(c->lookup);
    json_source_end(&c->source);
    json_object_put(c->object);
    free(c->items);
    free(c);
}

static void content_drop(struct data_state *s, struct content *c)
{
    pthread_mutex_lock(&s->lock);
    const bool last = --c->references == 0;
    pthread_mutex_unlock(&s->lock);
    if (last)
        content_free(c);
}

static pipc_result number_of(struct content *c, pipc_node node, const char *name, uint64_t max,
                             uint64_t otherwise, uint64_t *ret)
{
    const struct pipc_fields *f = &c->source.fields;
    const pipc_result r = f->number(f->arg, node, name, max, ret);

    if (r == PIPC_ERR_NOT_SUPPORTED)
        *ret = otherwise;
    return r == PIPC_ERR_NOT_SUPPORTED ? PIPC_OK : r;
}

/* Any bytes; empty when there is none. */
static pipc_result bytes_of(struct content *c, pipc_node node, const char *name,
                            struct pipc_str_view *ret)
{
    const struct pipc_fields *f = &c->source.fields;
    const void *bytes = "";
    size_t len = 0;
    const pipc_result r = f->string(f->arg, node, name, &bytes, &len);

    *ret = (struct pipc_str_view){bytes, len};
    return r == PIPC_ERR_NOT_SUPPORTED ? PIPC_OK : r;
}

/* Of a snapshot, whose strings have no NUL inside. */
static pipc_result string_of(struct content *c, pipc_node node, const char *name,
                             struct pipc_str_view *ret)
{
    const pipc_result r = bytes_of(c, node, name, ret);

    if (r == PIPC_OK && memchr(ret->ptr, 0, ret->len)) {
        snprintf(c->source.why, sizeof(c->source.why),
                 "items[%" PRIu32 "].%s: a NUL inside the string", c->source.index, name);
        return PIPC_ERR_BAD_LAYOUT;
    }
    return r;
}

/* 32-bit FNV-1: multiply, then xor. */
static uint32_t hash_of(struct pipc_str_view name)
{
    uint32_t hash = UINT32_C(2166136261);

    for (size_t i = 0; i < name.len; i++)
        hash = (hash * UINT32_C(16777619)) ^ (unsigned char)name.ptr[i];
    return hash;
}

static pipc_result item_read(struct content *c, uint32_t index)
{
    const struct pipc_fields *f = &c->source.fields;
    struct item *item = &c->items[index];
    pipc_node node;
    uint64_t hash = 0, options = 0, enabled = 0;
    pipc_result r = f->item(f->arg, NULL, "items", index, &node);

    if (r == PIPC_OK)
        r = string_of(c, node, "name", &item->name);
    if (r == PIPC_OK)
        r = string_of(c, node, "path", &item->path);
    if (r == PIPC_OK)
        r = number_of(c, node, "hash", UINT32_MAX, hash_of(item->name), &hash);
    if (r == PIPC_OK)
        r = number_of(c, node, "options", UINT32_MAX, 0, &options);
    if (r == PIPC_OK)
        r = number_of(c, node, "enabled", UINT32_MAX, 0, &enabled);
    item->hash = (uint32_t)hash;
    item->options = (uint32_t)options;
    item->enabled = (uint32_t)enabled;
    return r;
}

static pipc_result snapshot_read(struct content *c, uint64_t readings)
{
    const struct pipc_fields *f = &c->source.fields;
    uint64_t systemd = 0, checked;
    pipc_result r = number_of(c, NULL, "generation", UINT64_MAX, readings, &c->generation);

    /* These follow from the rest, but a value that cannot be is told all the same. */
    if (r == PIPC_OK)
        r = number_of(c, NULL, "layout_version", UINT16_MAX, 0, &checked);
    if (r == PIPC_OK)
        r = number_of(c, NULL, "flags", UINT16_MAX, 0, &checked);
    if (r == PIPC_OK)
        r = number_of(c, NULL, "item_count", UINT32_MAX, 0, &checked);
    if (r == PIPC_OK)
        r = number_of(c, NULL, "systemd_enabled", UINT32_MAX, 0, &systemd);
    if (r == PIPC_OK)
        r = f->list(f->arg, NULL, "items", &c->item_count);
    c->systemd_enabled = (uint32_t)systemd;
    c->items = calloc(c->item_count ? c->item_count : 1, sizeof(*c->items));
    if (!c->items)
        return PIPC_ERR_ALLOC;
    for (uint32_t i = 0; r == PIPC_OK && i < c->item_count; i++)
        r = item_read(c, i);
    return r;
}

/* The typed table of a lookup, NULL of another major. */
static const void *lookup_table(const struct provider *p)
{
    return strcmp(p->kind, PIPC_APPS_LOOKUP_NAME) == 0
               ? (const void *)pipc_apps_lookup_table(p->context)
               : (const void *)pipc_cgroups_lookup_table(p->context);
}

/* NULL with the reason said. */
static struct content *content_read(const struct provider *p, uint64_t readings)
{
    const char *const path = p->o->data;
    char why[400] = "";
    size_t len = 0;
    char *text = system_read_file(path, &len);
    struct content *c = text ? calloc(1, sizeof(*c)) : NULL;
    pipc_result r = PIPC_ERR_BAD_LAYOUT;

    if (!c) {
        free(text);
        return NULL;
    }
    c->references = 1;
    c->object = json_parse(text, len, path, why, sizeof(why));
    free(text);
    json_source_begin(&c->source, c->object);
    if (c->object && strcmp(p->kind, "increment") == 0)
        r = number_of(c, NULL, "value", UINT64_MAX, 0, &c->value);
    else if (c->object && strcmp(p->kind, "string_reverse") == 0)
        r = bytes_of(c, NULL, "str", &c->string);
    else if (c->object && strcmp(p->kind, PIPC_CGROUPS_SNAPSHOT_NAME) == 0)
        r = snapshot_read(c, readings);
    else if (c->object)
        r = lookup_data_read(p->kind, lookup_table(p), &c->source, readings, &c->lookup);
    if (r == PIPC_OK)
        return c;
    if (why[0])
        complain(EXIT_BAD_DATA, "%s", why);
    else
        complain(EXIT_BAD_DATA, "%s: %s", path,
                 c->source.why[0] ? c->source.why : pipc_result_text(r));
    content_free(c);
    return NULL;
}

static uint32_t data_increment(void *user, const struct pipc_request *from, uint64_t value,
                               uint64_t *ret_value)
{
    struct content *c = content_take(user);

    (void)from;
    (void)value;
    *ret_value = c->value;
    content_drop(user, c);
    return 1;
}

static uint32_t data_string(void *user, const struct pipc_request *from, const char *str,
                            size_t len, char *space, size_t space_len, size_t *ret_len)
{
    struct content *c = content_take(user);

    (void)from;
    (void)str;
    (void)len;
    if (c->string.len && c->string.len <= space_len)
        memcpy(space, c->string.ptr, c->string.len);
    *ret_len = c->string.len;
    content_drop(user, c);
    return 1;
}

static uint32_t data_snapshot(void *user, const struct pipc_request *from,
                              const struct pipc_cgroups_snapshot_request_view *request,
                              struct pipc_cgroups_snapshot_builder *builder)
{
    struct content *c = content_take(user);
    pipc_result r = PIPC_OK;

    (void)from;
    (void)request;
    pipc_cgroups_snapshot_builder_set_header(builder, c->systemd_enabled, c->generation);
    for (uint32_t i = 0; r == PIPC_OK && i < c->item_count; i++) {
        const struct item *item = &c->items[i];
        r = pipc_cgroups_snapshot_builder_add(builder, item->hash, item->options, item->enabled,
                                              item->name, item->path);
    }
    content_drop(user, c);
    return r == PIPC_OK;
}

static uint32_t data_cgroups(void *user, const struct pipc_request *from,
                             const struct pipc_cgroups_lookup_request_view *request,
                             struct pipc_cgroups_lookup_builder *builder)
{
    struct content *c = content_take(user);
    const uint32_t done = lookup_data_cgroups(c->lookup, request, builder);

    (void)from;
    content_drop(user, c);
    return done;
}

static uint32_t data_apps(void *user, const struct pipc_request *from,
                          const struct pipc_apps_lookup_request_view *request,
                          struct pipc_apps_lookup_builder *builder)
{
    struct content *c = content_take(user);
    const uint32_t done = lookup_data_apps(c->lookup, request, builder);

    (void)from;
    content_drop(user, c);
    return done;
}

static int data_reread(struct provider *p)
{
    struct data_state *s = p->state;
    struct content *c = content_read(p, s->readings + 1), *old;

    if (!c)
        return -1;
    s->readings++;
    pthread_mutex_lock(&s->lock);
    old = s->content;
    s->content = c;
    pthread_mutex_unlock(&s->lock);
    p->snapshot_items = c->item_count;
    content_drop(s, old);
    return 0;
}

static void data_stop(struct provider *p)
{
    struct data_state *s = p->state;

    content_drop(s, s->content);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* False for a kind that no data file is known for. */
static bool handler_make(const char *kind, struct data_state *s)
{
    if (strcmp(kind, "increment") == 0)
        s->handler.increment = (struct pipc_increment_handler){
            .size = sizeof(s->handler.increment), .user = s, .increment = data_increment};
    else if (strcmp(kind, "string_reverse") == 0)
        s->handler.string = (struct pipc_string_reverse_handler){
            .size = sizeof(s->handler.string), .user = s, .string_reverse = data_string};
    else if (strcmp(kind, PIPC_CGROUPS_SNAPSHOT_NAME) == 0)
        s->handler.snapshot = (struct pipc_cgroups_snapshot_handler){
            .size = sizeof(s->handler.snapshot), .user = s, .snapshot = data_snapshot};
    else if (strcmp(kind, PIPC_CGROUPS_LOOKUP_NAME) == 0)
        s->handler.cgroups = (struct pipc_cgroups_lookup_handler){
            .size = sizeof(s->handler.cgroups), .user = s, .lookup = data_cgroups};
    else if (strcmp(kind, PIPC_APPS_LOOKUP_NAME) == 0)
        s->handler.apps = (struct pipc_apps_lookup_handler){
            .size = sizeof(s->handler.apps), .user = s, .lookup = data_apps};
    else
        return false;
    return true;
}

int provider_data(struct provider *p)
{
    struct data_state *s = calloc(1, sizeof(*s));

    if (!s)
        return complain(EXIT_FAILED, "no memory");
    if (!handler_make(p->kind, s)) {
        free(s);
        return usage("%s takes no --data", p->kind);
    }
    s->content = content_read(p, 1);
    if (!s->content) {
        free(s);
        return EXIT_BAD_DATA;
    }
    s->readings = 1;
    pthread_mutex_init(&s->lock, NULL);
    p->state = s;
    p->snapshot_items = s->content->item_count;
    p->reread = data_reread;
    p->stop = data_stop;
    p->handler = &s->handler;
    return -1;
}
