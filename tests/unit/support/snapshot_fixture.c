/* SPDX-License-Identifier: Apache-2.0
 *
 * Context, providers and short forms for the tests of the snapshot cache.
 */
#include "snapshot_fixture.h"

#include "transports.h"

#include <pipc/codecs/increment.h>

#include "core/base/platform.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

/* ---- the codec that counts ---- */

static uint64_t codec_calls;

static void called(void)
{
    __atomic_add_fetch(&codec_calls, 1, __ATOMIC_RELAXED);
}

uint64_t snap_codec_calls(void)
{
    return __atomic_load_n(&codec_calls, __ATOMIC_RELAXED);
}

static const struct pipc_codec_ops *real_ops(void)
{
    return pipc_module_cgroups_snapshot.ops;
}

static pipc_result counted_request_size(const void *input, uint64_t *ret_size)
{
    called();
    return real_ops()->call->request_size(input, ret_size);
}

static pipc_result counted_encode(const void *input, void *buf, size_t cap, size_t *ret_len)
{
    called();
    return real_ops()->call->encode(input, buf, cap, ret_len);
}

static pipc_result counted_decode(const void *payload, size_t len, void *ret_output)
{
    called();
    return real_ops()->call->decode(payload, len, ret_output);
}

static void counted_head(const void *output, void *ret_head)
{
    called();
    real_ops()->snapshot->head(output, ret_head);
}

static uint32_t counted_count(const void *output)
{
    called();
    return real_ops()->snapshot->item_count(output);
}

static pipc_result counted_strings(const void *output, uint32_t index, uint64_t *ret_bytes,
                                   uint64_t *ret_counted)
{
    called();
    return real_ops()->snapshot->item_strings(output, index, ret_bytes, ret_counted);
}

static pipc_result counted_item(const void *output, uint32_t index, void *ret_item, char *strings,
                                struct pipc_snapshot_key *ret_key)
{
    called();
    return real_ops()->snapshot->item(output, index, ret_item, strings, ret_key);
}

static struct pipc_call_ops counted_call;
static struct pipc_snapshot_hooks counted_hooks;
static struct pipc_codec_ops counted_ops;
static struct pipc_module counted_module;
static pthread_once_t counted_once = PTHREAD_ONCE_INIT;

static void counted_make(void)
{
    counted_call = *real_ops()->call;
    counted_call.request_size = counted_request_size;
    counted_call.encode = counted_encode;
    counted_call.decode = counted_decode;
    counted_hooks = *real_ops()->snapshot;
    counted_hooks.head = counted_head;
    counted_hooks.item_count = counted_count;
    counted_hooks.item_strings = counted_strings;
    counted_hooks.item = counted_item;
    counted_ops = *real_ops();
    counted_ops.code = COUNTED_CODE;
    counted_ops.default_service = NULL;
    counted_ops.call = &counted_call;
    counted_ops.snapshot = &counted_hooks;
    counted_module = pipc_module_cgroups_snapshot;
    counted_module.name = COUNTED_NAME;
    counted_module.ops = &counted_ops;
}

struct pipc_context *snap_context(const struct pipc_allocator *allocator)
{
    return snap_context_set(allocator, NULL, NULL, NULL);
}

struct pipc_context *snap_context_set(const struct pipc_allocator *allocator, const char *section,
                                      const char *key, const char *value)
{
    struct pipc_open_options options = {.size = sizeof(options), .allocator = allocator};
    struct pipc_context *context = NULL;
    struct pipc_config *config = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK(pthread_once(&counted_once, counted_make) == 0);
    CHECK_OK(pipc_config_new(NULL, &config));
#if !PIPC_TEST_BUILTIN
    CHECK_OK(pipc_config_add_module(config, &pipc_module_cgroups_snapshot, &err));
    CHECK_OK(pipc_config_add_module(config, &pipc_module_increment, &err));
#endif
    test_add_transports(config);
    test_choose_transports(config);
    CHECK_OK(pipc_config_add_module(config, &counted_module, &err));
    if (section)
        CHECK_MSG(pipc_config_set(config, section, key, value, &err) == PIPC_OK, "%s", err.text);
    CHECK_MSG(pipc_open(config, &options, &context, &err) == PIPC_OK, "pipc_open: %s", err.text);
    pipc_config_free(config);
    return context;
}

void snap_context_close(struct pipc_context *context)
{
    CHECK_OK(pipc_close(context));
}

/* ---- payloads ---- */

struct snap_payload snap_payload(const struct snap_item *items, uint32_t count, uint64_t generation,
                                 uint32_t systemd)
{
    const struct pipc_cgroups_snapshot_table *table = pipc_cgroups_snapshot_linked();
    struct pipc_cgroups_snapshot_builder builder;
    struct snap_payload payload;
    size_t cap = 24 + 8 * (size_t)count;

    for (uint32_t i = 0; i < count; i++)
        cap += 48 + strlen(items[i].name) + strlen(items[i].path);
    payload.bytes = malloc(cap);
    CHECK(payload.bytes != NULL);
    CHECK_OK(pipc_cgroups_snapshot_builder_init(table, &builder, payload.bytes, cap, count, systemd,
                                                generation));
    for (uint32_t i = 0; i < count; i++)
        CHECK_OK(pipc_cgroups_snapshot_builder_add_text(&builder, items[i].hash, items[i].options,
                                                        items[i].enabled, items[i].name,
                                                        items[i].path));
    payload.len = table->builder_finish(&builder);
    CHECK(payload.len > 0);
    return payload;
}

const char *snap_many_name(uint32_t index, const char *prefix, uint32_t name_len)
{
    static __thread char text[1200];
    const int len = snprintf(text, sizeof(text), "%s%u", prefix, (unsigned)index);

    CHECK(len > 0 && name_len < sizeof(text));
    if ((uint32_t)len < name_len) {
        memset(text + len, 'x', name_len - (uint32_t)len);
        text[name_len] = '\0';
    }
    return text;
}

struct snap_payload snap_payload_many(uint32_t count, const char *prefix, uint32_t name_len,
                                      uint32_t path_len, uint64_t generation)
{
    struct snap_item *items = calloc(count ? count : 1, sizeof(*items));
    struct snap_payload payload;

    CHECK(items != NULL);
    for (uint32_t i = 0; i < count; i++) {
        items[i].hash = i;
        items[i].enabled = 1;
        items[i].name = strdup(snap_many_name(i, prefix, name_len));
        items[i].path = strdup(snap_many_name(i, "/", path_len));
        CHECK(items[i].name && items[i].path);
    }
    payload = snap_payload(items, count, generation, 1);
    for (uint32_t i = 0; i < count; i++) {
        free((char *)(uintptr_t)items[i].name);
        free((char *)(uintptr_t)items[i].path);
    }
    free(items);
    return payload;
}

void snap_payload_free(struct snap_payload *payload)
{
    free(payload->bytes);
    payload->bytes = NULL;
}

/* ---- raw provider ---- */

struct snap_server {
    struct pipc_listener *listener;
    struct pipci_event stop;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct snap_payload payload;
    uint16_t status;
    bool held, stopping;
    uint32_t requests;
};

static struct snap_payload payload_copy(const struct snap_payload *payload)
{
    struct snap_payload copy = {malloc(payload->len + 1), payload->len};

    CHECK(copy.bytes != NULL);
    if (payload->len)
        memcpy(copy.bytes, payload->bytes, payload->len);
    return copy;
}

/* Counts a request and waits while answers are held. False: stop. */
static bool server_take(struct snap_server *s, struct snap_payload *payload, uint16_t *status)
{
    bool go;

    pthread_mutex_lock(&s->lock);
    s->requests++;
    pthread_cond_broadcast(&s->changed);
    while (s->held && !s->stopping)
        pthread_cond_wait(&s->changed, &s->lock);
    go = !s->stopping;
    *payload = payload_copy(&s->payload);
    *status = s->status;
    pthread_mutex_unlock(&s->lock);
    return go;
}

static bool server_answer(struct snap_server *s, struct pipc_session *session,
                          const struct pipc_message *request)
{
    struct snap_payload payload;
    struct pipc_message answer = {.size = sizeof(answer), .kind = PIPC_KIND_RESPONSE};
    uint16_t status;
    bool go = server_take(s, &payload, &status);

    answer.code = request->code;
    answer.transport_status = status;
    answer.item_count = 1;
    answer.message_id = request->message_id;
    answer.payload = payload.bytes;
    answer.payload_len = status ? 0 : payload.len;
    if (go)
        go = pipc_session_send(session, &answer, 30000, s->stop.handle, NULL) == PIPC_OK;
    snap_payload_free(&payload);
    return go;
}

static void *server_run(void *arg)
{
    struct snap_server *s = arg;
    struct pipc_session *session;
    pipc_result result;

    for (;;) {
        result = pipc_accept(s->listener, 0, s->stop.handle, &session, NULL);
        if (result == PIPC_ERR_ABORTED)
            return NULL;
        if (result != PIPC_OK)
            continue;
        for (;;) {
            struct pipc_message request = {.size = sizeof(request)};
            if (pipc_session_receive(session, 0, 0, s->stop.handle, &request, NULL) != PIPC_OK ||
                !server_answer(s, session, &request))
                break;
        }
        pipc_session_close(session);
    }
}

struct snap_server *snap_server_start(struct pipc_context *context,
                                      const struct pipc_session_settings *settings,
                                      const struct snap_payload *payload)
{
    const struct pipc_session_settings large = {.size = sizeof(large),
                                                .max_response_payload_bytes = 16u << 20};
    struct snap_server *s = calloc(1, sizeof(*s));
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK(s != NULL);
    s->payload = payload_copy(payload);
    CHECK_OK(pipci_event_init(&s->stop, NULL));
    CHECK(pthread_mutex_init(&s->lock, NULL) == 0 && pthread_cond_init(&s->changed, NULL) == 0);
    CHECK_MSG(pipc_listen(context, test_dir(), SNAP_SERVICE, settings ? settings : &large,
                          &s->listener, &err) == PIPC_OK,
              "listen: %s", err.text);
    CHECK(pthread_create(&s->thread, NULL, server_run, s) == 0);
    return s;
}

void snap_server_set(struct snap_server *s, const struct snap_payload *payload)
{
    struct snap_payload old, copy = payload_copy(payload);

    pthread_mutex_lock(&s->lock);
    old = s->payload;
    s->payload = copy;
    pthread_mutex_unlock(&s->lock);
    snap_payload_free(&old);
}

void snap_server_status(struct snap_server *s, uint16_t status)
{
    pthread_mutex_lock(&s->lock);
    s->status = status;
    pthread_mutex_unlock(&s->lock);
}

void snap_server_hold(struct snap_server *s, bool hold)
{
    pthread_mutex_lock(&s->lock);
    s->held = hold;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

uint32_t snap_server_requests(struct snap_server *s)
{
    uint32_t requests;

    pthread_mutex_lock(&s->lock);
    requests = s->requests;
    pthread_mutex_unlock(&s->lock);
    return requests;
}

void snap_server_wait(struct snap_server *s, uint32_t requests)
{
    struct timespec until;
    uint32_t seen;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10 * (time_t)test_slow();
    pthread_mutex_lock(&s->lock);
    while (s->requests < requests &&
           pthread_cond_timedwait(&s->changed, &s->lock, &until) != ETIMEDOUT)
        ;
    seen = s->requests;
    pthread_mutex_unlock(&s->lock);
    CHECK_MSG(seen >= requests, "the provider saw %u requests, expected %u", seen, requests);
}

void snap_server_stop(struct snap_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pipci_event_set(&s->stop);
    pthread_join(s->thread, NULL);
    pipc_listener_close(s->listener);
    pipci_event_done(&s->stop);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    snap_payload_free(&s->payload);
    free(s);
}

/* ---- managed provider ---- */

struct snap_managed {
    struct pipc_server *server;
    pthread_t thread;
    const struct snap_item *items;
    uint32_t count;
    uint32_t fail; /* atomic */
    uint64_t generation;
    uint64_t asked; /* atomic */
};

static uint32_t managed_snapshot(void *user, const struct pipc_request *from,
                                 const struct pipc_cgroups_snapshot_request_view *request,
                                 struct pipc_cgroups_snapshot_builder *builder)
{
    struct snap_managed *s = user;

    (void)from;
    (void)request;
    __atomic_add_fetch(&s->asked, 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(&s->fail, __ATOMIC_RELAXED))
        return 0;
    pipc_cgroups_snapshot_builder_set_header(builder, 1, s->generation);
    for (uint32_t i = 0; i < s->count; i++) {
        if (pipc_cgroups_snapshot_builder_add_text(builder, s->items[i].hash, s->items[i].options,
                                                   s->items[i].enabled, s->items[i].name,
                                                   s->items[i].path) != PIPC_OK)
            return 0;
    }
    return 1;
}

static void *managed_run(void *arg)
{
    struct snap_managed *s = arg;

    (void)pipc_server_run(s->server, NULL);
    return NULL;
}

struct snap_managed *snap_managed_start(struct pipc_context *context,
                                        const struct pipc_server_config *config,
                                        const struct snap_item *items, uint32_t count,
                                        uint64_t generation)
{
    struct snap_managed *s = calloc(1, sizeof(*s));
    struct pipc_cgroups_snapshot_handler handler = {.size = sizeof(handler)};
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK(s != NULL);
    s->items = items;
    s->count = count;
    s->generation = generation;
    handler.user = s;
    handler.snapshot = managed_snapshot;
    CHECK_MSG(pipc_server_create(context, test_dir(), SNAP_SERVICE, PIPC_CGROUPS_SNAPSHOT_NAME,
                                 PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR, &handler, 0, config, &s->server,
                                 &err) == PIPC_OK,
              "server: %s", err.text);
    CHECK(pthread_create(&s->thread, NULL, managed_run, s) == 0);
    return s;
}

void snap_managed_fail(struct snap_managed *s, bool fail)
{
    __atomic_store_n(&s->fail, fail, __ATOMIC_RELAXED);
}

uint64_t snap_managed_requests(struct snap_managed *s)
{
    return __atomic_load_n(&s->asked, __ATOMIC_RELAXED);
}

void snap_managed_stop(struct snap_managed *s)
{
    CHECK_OK(pipc_server_stop(s->server));
    pthread_join(s->thread, NULL);
    CHECK_OK(pipc_server_destroy(s->server));
    free(s);
}

/* ---- caches ---- */

struct pipc_cache *snap_cache(struct pipc_context *context, const struct pipc_client_config *config)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_cache *cache = NULL;

    CHECK_MSG(pipc_cache_create(context, test_dir(), SNAP_SERVICE, COUNTED_NAME,
                                PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR, config, &cache, &err) == PIPC_OK,
              "cache: %s", err.text);
    return cache;
}

struct pipc_cache *snap_cache_typed(struct pipc_context *context,
                                    const struct pipc_client_config *config)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_cache *cache = NULL;

    CHECK_MSG(pipc_cgroups_cache_create(context, test_dir(), SNAP_SERVICE, config, &cache, &err) ==
                  PIPC_OK,
              "cache: %s", err.text);
    return cache;
}

struct pipc_cgroups_cache_status snap_status(struct pipc_cache *cache)
{
    struct pipc_cgroups_cache_status status;

    pipc_cgroups_cache_status(cache, &status);
    return status;
}

void snap_must_refresh(struct pipc_cache *cache)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result result = pipc_cache_refresh_timeout(cache, 0, &err);

    CHECK_MSG(result == PIPC_OK, "refresh: %s: %s", pipc_result_name(result), err.text);
    struct pipc_client_status status = {.size = sizeof(status)};
    pipc_cache_client_status(cache, &status);
    test_check_plane(&status.session);
}

void snap_check_found(struct pipc_cache *cache, uint32_t hash, const char *name, const char *path)
{
    const struct pipc_cgroups_cache_item *item;
    struct pipc_cache_guard guard;

    CHECK(pipc_cache_read_lock(cache, &guard));
    item = pipc_cgroups_cache_get(&guard, hash, name);
    CHECK_MSG(item != NULL, "(%u, %s) is not found", (unsigned)hash, name);
    CHECK_EQ(item->hash, hash);
    CHECK_STR(item->name.ptr, name);
    CHECK_EQ(item->name.len, strlen(name));
    if (path) {
        CHECK_STR(item->path.ptr, path);
        CHECK_EQ(item->path.len, strlen(path));
    }
    pipc_cache_read_unlock(&guard);
}

void snap_check_missing(struct pipc_cache *cache, uint32_t hash, const char *name)
{
    struct pipc_cache_guard guard;

    CHECK(pipc_cache_read_lock(cache, &guard));
    CHECK_MSG(pipc_cgroups_cache_get(&guard, hash, name) == NULL, "(%u, %s) is found",
              (unsigned)hash, name);
    pipc_cache_read_unlock(&guard);
}
