/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole path under load: modules as this build has them, a managed server with 64 sessions, and
 * 64 consumers at the same time, each with a cache of its own, over snapshots of 3 MB: many chunks
 * on a plane of packets, one message each on others.
 */
#include "test.h"
#include "transports.h"

#include <pipc/codecs/cgroups_cache.h>
#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/pipc.h>

#include <pthread.h>

#define CONSUMERS  64
#define ITEMS      17000u
#define NAME_LEN   40
#define PATH_LEN   100
#define LIMIT      (4u << 20)
#define GENERATION 12u

static char text[PATH_LEN + 1];

static struct pipc_str_view name_of(uint32_t index, char *buf)
{
    snprintf(buf, NAME_LEN + 1, "%08x-%.*s", index, NAME_LEN - 9, text);
    return (struct pipc_str_view){buf, NAME_LEN};
}

static uint32_t provide(void *user, const struct pipc_request *from,
                        const struct pipc_cgroups_snapshot_request_view *request,
                        struct pipc_cgroups_snapshot_builder *builder)
{
    const struct pipc_str_view path = {text, PATH_LEN};
    pipc_result result = PIPC_OK;

    (void)user;
    (void)from;
    (void)request;
    pipc_cgroups_snapshot_builder_set_header(builder, 1, GENERATION);
    for (uint32_t i = 0; i < ITEMS && result == PIPC_OK; i++) {
        char name[NAME_LEN + 1];
        result = pipc_cgroups_snapshot_builder_add(builder, i, 0, 1, name_of(i, name), path);
    }
    return result == PIPC_OK;
}

static struct pipc_context *context_open(void)
{
    struct pipc_context *context = NULL;
    struct pipc_config *config = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_OK(pipc_config_new(NULL, &config));
#if !PIPC_TEST_BUILTIN
    CHECK_MSG(pipc_config_set(config, "pipc", "module_dir", PIPC_TEST_MODULE_DIR, &err) == PIPC_OK,
              "%s", err.text);
#endif
    test_choose_transports(config);
    CHECK_MSG(pipc_open(config, NULL, &context, &err) == PIPC_OK, "%s", err.text);
    pipc_config_free(config);
    return context;
}

struct consumer {
    pthread_t thread;
    struct pipc_context *context;
    uint32_t rounds;
    uint32_t number;
    uint32_t good;
    char why[PIPC_ERROR_TEXT_LEN];
    struct pipc_client_status status; /* after the last refresh */
};

static bool look_up(struct pipc_cache *cache, uint32_t index)
{
    struct pipc_cache_guard guard;
    char name[NAME_LEN + 1];

    (void)name_of(index, name);
    if (!pipc_cache_read_lock(cache, &guard))
        return false;
    const struct pipc_cgroups_cache_item *item = pipc_cgroups_cache_get(&guard, index, name);
    const bool found = item && item->path.len == PATH_LEN && pipc_cache_count(&guard) == ITEMS;
    pipc_cache_read_unlock(&guard);
    return found;
}

static void *consume(void *arg)
{
    struct consumer *c = arg;
    struct pipc_cache *cache = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    if (pipc_cgroups_cache_create(c->context, test_dir(), "svc", NULL, &cache, &err) != PIPC_OK) {
        memcpy(c->why, err.text, sizeof(c->why));
        return NULL;
    }
    /* 64 clients at once are more than the handshakes that a server keeps pending: one that is
     * pushed out tries again at its next refresh, as every consumer does. */
    for (uint32_t i = 0; c->good < c->rounds && i < c->rounds + 200; i++) {
        if (pipc_cache_refresh_timeout(cache, 600000, &err) == PIPC_OK &&
            look_up(cache, (c->number * 251 + i) % ITEMS))
            c->good++;
        else
            memcpy(c->why, err.text, sizeof(c->why));
    }
    pipc_cache_client_status(cache, &c->status);
    pipc_cache_destroy(cache);
    return NULL;
}

static void *accepting(void *arg)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_MSG(pipc_server_run(arg, &err) == PIPC_OK, "%s", err.text);
    return NULL;
}

TEST(whole_load, sixty_four_caches_of_three_megabyte_snapshots)
{
    static struct consumer consumers[CONSUMERS];
    const struct pipc_cgroups_snapshot_handler handler = {.size = sizeof(handler),
                                                          .snapshot = provide};
    const struct pipc_server_config config = {.size = sizeof(config),
                                              .max_response_payload_bytes = LIMIT,
                                              /* 128 threads on few CPUs, perhaps under a
                                                 sanitizer: slow is not broken here */
                                              .io_timeout_ms = 600000};
    struct pipc_server_status status = {.size = sizeof(status)};
    struct pipc_context *context = context_open();
    struct pipc_server *server = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    const uint32_t rounds = test_scale(100);
    pthread_t thread;

    memset(text, 'p', PATH_LEN);
    CHECK_MSG(pipc_server_create_cgroups_snapshot(context, test_dir(), "svc", &handler, CONSUMERS,
                                                  &config, &server, &err) == PIPC_OK,
              "%s", err.text);
    CHECK(pthread_create(&thread, NULL, accepting, server) == 0);
    for (uint32_t i = 0; i < CONSUMERS; i++) {
        consumers[i] = (struct consumer){.context = context,
                                         .rounds = rounds,
                                         .number = i,
                                         .status = {.size = sizeof(consumers[i].status)}};
        CHECK(pthread_create(&consumers[i].thread, NULL, consume, &consumers[i]) == 0);
    }
    for (uint32_t i = 0; i < CONSUMERS; i++) {
        CHECK(pthread_join(consumers[i].thread, NULL) == 0);
        CHECK_MSG(consumers[i].good == rounds, "consumer %u: %u of %u: %s", i, consumers[i].good,
                  rounds, consumers[i].why);
        test_check_plane(&consumers[i].status.session);
    }
    pipc_server_status(server, &status);
    CHECK(status.answers[PIPC_STATUS_OK] >= (uint64_t)CONSUMERS * rounds);
    CHECK(status.accepted >= CONSUMERS);
    CHECK_EQ(status.degraded, 0);
    /* 3 MB each, so none of them fitted a packet. */
    CHECK(status.bytes_out / status.answers[PIPC_STATUS_OK] > 3000000);
    CHECK_OK(pipc_server_stop(server));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_OK(pipc_server_destroy(server));
    CHECK_OK(pipc_close(context));
}
