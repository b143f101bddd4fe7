/* SPDX-License-Identifier: Apache-2.0
 *
 * Contexts, the peer, and both ends of a session.
 */
#include "world.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct pipc_module pipc_module_uds, pipc_module_shm;

unsigned wait_ms = SHORT_MS;

void broken(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    fflush(NULL);
    _exit(2);
}

struct pipc_config *world_config(const struct pipc_allocator *allocator, const char *planes)
{
    static const struct pipc_module *const modules[] = {
        &pipc_module_uds, &pipc_module_shm, &pipc_module_increment, &pipc_module_cgroups_snapshot,
        &pipc_module_cgroups_lookup};
    struct pipc_config *config;

    MUST(pipc_config_new(allocator, &config));
    for (size_t i = 0; !PIPC_TEST_BUILTIN && i < sizeof(modules) / sizeof(modules[0]); i++)
        MUST(pipc_config_add_module(config, modules[i], NULL));
    MUST(pipc_config_set(config, "pipc", "transports", planes, NULL));
    MUST(pipc_config_set(config, "transport.uds", "spin", "off", NULL));
    if (strstr(planes, "shm"))
        MUST(pipc_config_set(config, "transport.shm", "spin", "off", NULL));
    MUST(pipc_config_set(config, "pipc", "codecs", "increment,cgroups_snapshot,cgroups_lookup",
                         NULL));
    return config;
}

struct pipc_context *world_context(const struct pipc_allocator *allocator, const char *planes)
{
    const struct pipc_open_options options = {.size = sizeof(options), .allocator = allocator};
    struct pipc_config *const config = world_config(allocator, planes);
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context;

    if (pipc_open(config, &options, &context, &err) != PIPC_OK)
        broken("pipc_open: %s", err.text);
    pipc_config_free(config);
    return context;
}

void world_open(struct world *w, const char *planes)
{
    const char *const base = getenv("PIPC_TEST_TMP");

    *w = (struct world){.fd = -1};
    snprintf(w->dir, sizeof(w->dir), "%s/pf-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
    if (!mkdtemp(w->dir))
        broken("%s: %s", w->dir, strerror(errno));
    if (planes) {
        w->context = world_context(&inject_allocator, planes);
        w->other = world_context(NULL, planes);
    }
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void world_close(struct world *w)
{
    if (w->context)
        MUST(pipc_close(w->context));
    if (w->other)
        MUST(pipc_close(w->other));
    (void)nftw(w->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void world_sweep(const struct world *w)
{
    DIR *const dir = opendir(w->dir);

    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        (void)closedir(dir);
}

unsigned world_files(const struct world *w)
{
    DIR *dir = opendir(w->dir);
    unsigned count = 0;

    if (!dir)
        broken("%s: %s", w->dir, strerror(errno));
    for (const struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* ---- the peer ---- */

static uint32_t increment(void *user, const struct pipc_request *from, uint64_t value,
                          uint64_t *ret_value)
{
    (void)user;
    (void)from;
    *ret_value = value + 1;
    return 1;
}

/* The text of item i, the same on both sides. */
static void item_text(uint32_t i, char name[32], char path[64])
{
    snprintf(name, 32, "name of %u", i);
    snprintf(path, 64, "/sys/fs/cgroup/a.slice/b.scope/%u", i);
}

static uint32_t snapshot(void *user, const struct pipc_request *from,
                         const struct pipc_cgroups_snapshot_request_view *request,
                         struct pipc_cgroups_snapshot_builder *builder)
{
    char name[32], path[64];

    (void)user;
    (void)from;
    (void)request;
    builder->table->builder_set_header(builder, 1, 7);
    for (uint32_t i = 0; i < ITEMS; i++) {
        item_text(i, name, path);
        (void)pipc_cgroups_snapshot_builder_add_text(builder, i, 0, 1, name, path);
    }
    return 1;
}

static uint32_t lookup(void *user, const struct pipc_request *from,
                       const struct pipc_cgroups_lookup_request_view *request,
                       struct pipc_cgroups_lookup_builder *builder)
{
    (void)user;
    (void)from;
    for (uint32_t i = 0; i < request->item_count; i++) {
        struct pipc_cgroups_lookup_request_item_view key;
        if (pipc_cgroups_lookup_request_item(request, i, &key) != PIPC_OK)
            return 0;
        (void)pipc_cgroups_lookup_builder_add_request_item(builder, i, 0, 0, key.path, NULL, 0);
    }
    return 1;
}

pipc_result provider_create(struct pipc_context *context, const char *dir, enum kind kind,
                            struct pipc_server **ret_server, struct pipc_error *err)
{
    const struct pipc_increment_handler numbers = {.size = sizeof(numbers), .increment = increment};
    const struct pipc_cgroups_snapshot_handler items = {.size = sizeof(items),
                                                        .snapshot = snapshot};
    const struct pipc_cgroups_lookup_handler keys = {.size = sizeof(keys), .lookup = lookup};
    const struct pipc_server_config config = {.size = sizeof(config),
                                              .handshake_timeout_ms = (uint32_t)wait_ms,
                                              .max_request_payload_bytes = 1024,
                                              .max_request_batch_items = 16};

    switch (kind) {
    case KIND_SNAPSHOT:
        return pipc_server_create_cgroups_snapshot(context, dir, SERVICE, &items, 4, &config,
                                                   ret_server, err);
    case KIND_LOOKUP:
        return pipc_server_create_cgroups_lookup(context, dir, SERVICE, &keys, 4, &config,
                                                 ret_server, err);
    default:
        return pipc_server_create_increment(context, dir, SERVICE, &numbers, 4, &config, ret_server,
                                            err);
    }
}

static void *run_provider(void *arg)
{
    const struct provider *const p = arg;

    (void)pipc_server_run(p->server, NULL);
    return NULL;
}

void provider_start(struct world *w, enum kind kind)
{
    inject_exempt(true);
    MUST(provider_create(w->other, w->dir, kind, &w->provider.server, NULL));
    if (pthread_create(&w->provider.thread, NULL, run_provider, &w->provider) != 0)
        broken("no thread for the provider");
    inject_exempt(false);
}

void provider_stop(struct world *w)
{
    MUST(pipc_server_destroy(w->provider.server));
    pthread_join(w->provider.thread, NULL);
    w->provider.server = NULL;
}

/* ---- both ends of a session ---- */

struct connecting {
    struct pipc_context *context;
    const char *dir;
    struct pipc_session_settings settings;
    struct pipc_session *session;
};

static void *connect_it(void *arg)
{
    struct connecting *const c = arg;

    MUST(pipc_connect(c->context, c->dir, SERVICE, &c->settings, 5000, PIPC_NO_HANDLE, &c->session,
                      NULL, NULL));
    return NULL;
}

void pair_open(struct world *w, uint32_t role, uint32_t packet_size)
{
    const bool client = role == PIPC_ROLE_CLIENT;
    struct connecting c = {client ? w->context : w->other,
                           w->dir,
                           {.size = sizeof(c.settings),
                            .packet_size = packet_size,
                            .max_request_payload_bytes = 100000,
                            .max_response_payload_bytes = 100000},
                           NULL};
    struct pipc_session *accepted;
    pthread_t thread;

    MUST(pipc_listen(client ? w->other : w->context, w->dir, SERVICE, &c.settings, &w->listener,
                     NULL));
    if (pthread_create(&thread, NULL, connect_it, &c) != 0)
        broken("no thread for the client");
    MUST(pipc_accept(w->listener, 5000, PIPC_NO_HANDLE, &accepted, NULL));
    pthread_join(thread, NULL);
    w->session = client ? c.session : accepted;
    w->peer = client ? accepted : c.session;
}

void pair_close(struct world *w)
{
    pipc_session_close(w->session);
    pipc_session_close(w->peer);
    pipc_listener_close(w->listener);
    w->session = w->peer = NULL;
    w->listener = NULL;
}

/* ---- whether it works ---- */

bool session_works(struct pipc_session *session)
{
    const uint64_t value = 41;
    uint64_t answer = 0;
    struct pipc_message m = {.size = sizeof(m),
                             .kind = PIPC_KIND_REQUEST,
                             .code = PIPC_METHOD_INCREMENT,
                             .item_count = 1,
                             .message_id = 77,
                             .payload = &value,
                             .payload_len = 8};

    if (pipc_session_send(session, &m, 5000, PIPC_NO_HANDLE, NULL) != PIPC_OK ||
        pipc_session_receive(session, 5000, 5000, PIPC_NO_HANDLE, &m, NULL) != PIPC_OK ||
        m.payload_len != 8)
        return false;
    memcpy(&answer, m.payload, 8);
    return answer == 42;
}

bool client_works(struct pipc_client *client)
{
    uint64_t value = 0;

    return pipc_client_refresh_timeout(client, 5000, NULL, NULL) == PIPC_OK &&
           pipc_client_call_increment(client, 41, &value, 5000, NULL) == PIPC_OK && value == 42;
}

bool service_works(struct world *w, const char *service)
{
    struct pipc_client *client;
    bool works;

    MUST(pipc_client_create(w->other, w->dir, service, NULL, &client, NULL));
    works = client_works(client);
    pipc_client_destroy(client);
    return works;
}

bool cache_is_whole(struct pipc_cache *cache)
{
    struct pipc_cache_guard guard;
    char name[32], path[64];
    bool whole;

    if (!pipc_cache_read_lock(cache, &guard))
        return false;
    whole = pipc_cache_count(&guard) == ITEMS;
    for (uint32_t i = 0; whole && i < ITEMS; i++) {
        const struct pipc_cgroups_cache_item *item;
        item_text(i, name, path);
        item = pipc_cgroups_cache_get(&guard, i, name);
        whole = item && strcmp(item->path.ptr, path) == 0;
    }
    pipc_cache_read_unlock(&guard);
    return whole;
}
