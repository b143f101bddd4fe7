/* SPDX-License-Identifier: Apache-2.0
 *
 * pipc watch: the cache of a snapshot kind, refreshed on a cadence; what changed, and the last good
 * data while the provider is away.
 */
#include "tool.h"

#include "json.h"

#include <inttypes.h>
#include <pipc/codecs/cgroups_cache.h>
#include <pipc/codecs/cgroups_snapshot.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_DEFAULT_MS 1000u

struct watch {
    const struct options *o;
    struct pipc_cache *cache;
    struct json_object *before; /* items of the last look that found data, for what changed */
    uint64_t generation_before;
    uint32_t refreshes;
    bool shown;
};

static struct pipc_cache *interrupted;

static void abort_refresh(void)
{
    if (interrupted)
        pipc_cache_abort(interrupted);
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = UINT32_C(2166136261);

    for (; *name; name++)
        hash = (hash * UINT32_C(16777619)) ^ (unsigned char)*name;
    return hash;
}

static struct json_object *item_object(const struct pipc_cgroups_cache_item *item)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "hash", json_of_number(item->hash));
    json_object_object_add(object, "options", json_of_number(item->options));
    json_object_object_add(object, "enabled", json_of_number(item->enabled));
    json_object_object_add(object, "name", json_of_bytes(item->name.ptr, item->name.len));
    json_object_object_add(object, "path", json_of_bytes(item->path.ptr, item->path.len));
    return object;
}

/* All items, or with --find those of that name: by key with the usual hash, and by a walk for
 * providers that hash otherwise. */
static struct json_object *items_object(const struct watch *w, const struct pipc_cache_guard *guard)
{
    struct json_object *items = json_object_new_array();
    const char *const find = w->o->find;
    const struct pipc_cgroups_cache_item *first =
        find ? pipc_cgroups_cache_get(guard, hash_of(find), find) : NULL;
    const uint32_t count = pipc_cache_count(guard);

    if (first)
        json_object_array_add(items, item_object(first));
    for (uint32_t i = 0; i < count; i++) {
        const struct pipc_cgroups_cache_item *item = pipc_cgroups_cache_at(guard, i);
        const bool named = find && item->name.len == strlen(find) &&
                           memcmp(item->name.ptr, find, item->name.len) == 0;
        if (item != first && (!find || named))
            json_object_array_add(items, item_object(item));
    }
    return items;
}

/* ---- for people ---- */

static bool has_item(struct json_object *items, const char *text)
{
    struct json_object *found;

    return items && json_object_object_get_ex(items, text, &found);
}

/* Items by their text, so that two looks can be compared. */
static struct json_object *items_by_text(struct json_object *items)
{
    struct json_object *set = json_object_new_object();

    for (size_t i = 0; i < json_object_array_length(items); i++) {
        struct json_object *item = json_object_array_get_idx(items, i), *name, *path;
        char text[4096];
        json_object_object_get_ex(item, "name", &name);
        json_object_object_get_ex(item, "path", &path);
        snprintf(text, sizeof(text), "%s  %s", json_object_to_json_string(name),
                 json_object_to_json_string(path));
        json_object_object_add(set, text, json_object_new_boolean(1));
    }
    return set;
}

static void print_changes(struct watch *w, struct json_object *items)
{
    struct json_object *now = items_by_text(items);

    json_object_object_foreach(now, came, unused)
    {
        (void)unused;
        if (!has_item(w->before, came))
            printf("+ %s\n", came);
    }
    if (w->before) {
        json_object_object_foreach(w->before, gone, unused2)
        {
            (void)unused2;
            if (!has_item(now, gone))
                printf("- %s\n", gone);
        }
    }
    json_object_put(w->before);
    w->before = now;
}

/* Why the data is stale, and when a refused client tries again. */
static void print_state(struct watch *w, const struct pipc_cache_status *status)
{
    struct pipc_client_status client = {.size = sizeof(client)};

    pipc_cache_client_status(w->cache, &client);
    printf("%s refresh %" PRIu32 ": %s, %" PRIu32 " items, generation %" PRIu64,
           status->populated ? "stale" : "no data", w->refreshes,
           pipc_client_state_name(status->connection_state), status->item_count,
           status->generation);
    printf(" (%s)", status->last_error.text[0] ? status->last_error.text
                                               : pipc_result_text(status->last_error.result));
    if (client.refused_retry_in_ms)
        printf(", tried again in %.1f s", client.refused_retry_in_ms / 1000.0);
    putchar('\n');
}

static void show_fresh(struct watch *w, const struct pipc_cache_status *status,
                       struct json_object *items)
{
    struct pipc_client_status client = {.size = sizeof(client)};
    const bool changed = !w->shown || status->generation != w->generation_before;

    pipc_cache_client_status(w->cache, &client);
    if (!w->shown) {
        struct json_object *table = json_object_new_object();
        printf("%" PRIu32 " items, generation %" PRIu64 ", over %s (%s)%s%s%s%s\n",
               status->item_count, status->generation,
               client.session.transport ? client.session.transport : "?",
               client.session.transport_file ? client.session.transport_file : "built in",
               client.session.degraded ? ", in place of " : "",
               client.session.degraded ? client.session.passed_over : "",
               client.session.degraded ? ": " : "",
               client.session.degraded ? client.session.passed_over_why : "");
        json_object_object_add(table, "items", json_object_get(items));
        json_print_table(stdout, table);
        json_object_put(table);
        json_object_put(w->before);
        w->before = items_by_text(items);
    } else if (changed) {
        printf("generation %" PRIu64 ", %" PRIu32 " items\n", status->generation,
               status->item_count);
        print_changes(w, items);
    }
    w->generation_before = status->generation;
    w->shown = true;
}

/* ---- both ---- */

static void print_line(struct watch *w, const struct pipc_cache_status *status, pipc_result r,
                       const struct pipc_error *err, struct json_object *items)
{
    struct json_object *line = json_object_new_object();

    json_object_object_add(line, "refresh", json_of_number(w->refreshes));
    json_object_object_add(
        line, "state", json_object_new_string(pipc_client_state_name(status->connection_state)));
    json_object_object_add(line, "stale", json_object_new_boolean(r != PIPC_OK));
    json_object_object_add(line, "error",
                           r == PIPC_OK ? NULL : json_object_new_string(pipc_result_name(r)));
    json_object_object_add(
        line, "message",
        r == PIPC_OK ? NULL : json_of_sentence(err->text[0] ? err->text : pipc_result_text(r)));
    json_object_object_add(line, "generation", json_of_number(status->generation));
    json_object_object_add(line, "items", json_object_get(items));
    json_print(stdout, line);
    json_object_put(line);
}

static pipc_result look(struct watch *w)
{
    struct pipc_cache_status status = {.size = sizeof(status), .last_error = PIPC_ERROR_INIT};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_cache_guard guard;
    const pipc_result r = pipc_cache_refresh_timeout(w->cache, w->o->timeout_ms, &err);

    w->refreshes++;
    if (!pipc_cache_read_lock(w->cache, &guard))
        return PIPC_ERR_NOT_READY;
    struct json_object *items = items_object(w, &guard);
    pipc_cache_read_unlock(&guard);
    pipc_cache_status(w->cache, &status);
    if (w->o->json)
        print_line(w, &status, r, &err, items);
    else if (r == PIPC_OK)
        show_fresh(w, &status, items);
    else
        print_state(w, &status);
    json_object_put(items);
    return r;
}

/* The exit code of the last refresh counts when the number of refreshes was given, else a signal
 * ended it: done. */
static int watch_run(struct watch *w)
{
    const uint32_t interval = w->o->interval_ms ? w->o->interval_ms : INTERVAL_DEFAULT_MS;
    pipc_result last = PIPC_OK;
    struct pipc_cache_status status = {.size = sizeof(status), .last_error = PIPC_ERROR_INIT};

    while (!signals_came()) {
        last = look(w);
        if (!output_flush() || (w->o->count_given && w->refreshes >= w->o->count) ||
            !pause_ms(interval))
            break;
    }
    if (signals_came() || last == PIPC_OK)
        return EXIT_DONE;
    struct pipc_client_status client = {.size = sizeof(client)};
    pipc_cache_client_status(w->cache, &client);
    pipc_cache_status(w->cache, &status);
    return last == PIPC_ERR_NOT_READY && client.last_attempt.result != PIPC_OK
               ? exit_of_attempt(client.last_attempt.result)
               : exit_of_call(&status.last_error);
}

int command_watch(const struct options *o)
{
    struct watch w = {.o = o};
    struct pipc_client_config config;
    struct pipc_error err = PIPC_ERROR_INIT;
    const struct pipc_codec_ops *ops;
    struct pipc_context *context;
    const char *service;
    char kind[33], run_dir[4096];
    int code;

    if (o->word_count != 1)
        return usage("watch takes one kind");
    signals_watch(abort_refresh);
    code = kind_open(o, o->words[0], &context, &ops, kind, &service);
    if (code >= 0)
        return code;
    if (!(ops->traits & PIPC_CODEC_SNAPSHOT) || strcmp(kind, PIPC_CGROUPS_SNAPSHOT_NAME) != 0)
        code = usage("%s is no snapshot that can be watched", kind);
    if (code < 0)
        code = run_dir_find(o, context, service, false, run_dir, sizeof(run_dir));
    client_config_from(o, &config);
    if (code < 0 &&
        pipc_cgroups_cache_create(context, run_dir, service, &config, &w.cache, &err) != PIPC_OK)
        code = fail(o, &err, exit_of(err.result));
    if (code < 0) {
        interrupted = w.cache;
        code = watch_run(&w);
        interrupted = NULL;
        pipc_cache_destroy(w.cache);
        json_object_put(w.before);
    }
    (void)pipc_close(context);
    return code;
}
