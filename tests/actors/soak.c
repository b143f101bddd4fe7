/* SPDX-License-Identifier: Apache-2.0
 *
 * One process of tests/soak: a provider of three services, or a consumer that asks every provider
 * and opens and closes what it asks with all the time. It obeys lines on its standard input,
 * answers each with one line, and ends when that closes. A wrong answer ends it with status 3.
 *
 *   soak provider RUN_DIR TRANSPORTS NUMBER           pause: rests    go: goes on
 *   soak consumer RUN_DIR TRANSPORTS PROVIDERS SEED   pause: closes everything, then says what it
 * did
 */
#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>
#include <pipc/pipc.h>
#include <pipc/snapshot.h>
#include <pipc/transports/shm.h>
#include <pipc/transports/uds.h>

#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ITEMS     200u
#define PACE_MS   20
#define CALL_MS   5000u
#define TEXT_MOST 60000u
#define BATCH     16u
#define KINDS     3u
#define PROVIDERS 16u

static const char *const services[KINDS] = {"inc", "rev", "snap"};

static void fail(const char *what, const struct pipc_error *err)
{
    fprintf(stderr, "soak: %s%s%s\n", what, err ? ": " : "", err ? err->text : "");
    exit(3);
}

static void add(struct pipc_config *config, const struct pipc_module *module)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    /* A build with modules linked in has it already. */
    (void)!pipc_config_add_module(config, module, &err);
}

static struct pipc_context *open_context(const char *transports)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context = NULL;
    struct pipc_config *config = NULL;

    if (pipc_config_new(NULL, &config) != PIPC_OK)
        fail("no memory", NULL);
    add(config, &pipc_module_uds);
    add(config, &pipc_module_shm);
    add(config, &pipc_module_increment);
    add(config, &pipc_module_string_reverse);
    add(config, &pipc_module_cgroups_snapshot);
    if (pipc_config_set(config, "pipc", "transports", transports, &err) != PIPC_OK ||
        pipc_config_set(config, "pipc", "carrier", "uds", &err) != PIPC_OK ||
        pipc_open(config, NULL, &context, &err) != PIPC_OK)
        fail("context", &err);
    pipc_config_free(config);
    return context;
}

static void service_name(char *to, size_t size, uint32_t provider, uint32_t kind)
{
    snprintf(to, size, "soak-%u-%s", provider, services[kind]);
}

/* What the supervisor says next, within `ms`: 'p'ause, 'g'o, 0 nothing; ends the process with the
 * input. */
static char order(int ms)
{
    static char line[16];
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    ssize_t n;

    if (poll(&in, 1, ms) <= 0)
        return 0;
    n = read(STDIN_FILENO, line, sizeof(line));
    return n <= 0 ? 'q' : line[0];
}

/* ---- provider ---- */

static uint32_t increment(void *user, const struct pipc_request *from, uint64_t value,
                          uint64_t *ret_value)
{
    (void)user;
    (void)from;
    *ret_value = value + 1;
    return 1;
}

static uint32_t reverse(void *user, const struct pipc_request *from, const char *str, size_t len,
                        char *space, size_t space_len, size_t *ret_len)
{
    (void)user;
    (void)from;
    if (len > space_len)
        return 0;
    for (size_t i = 0; i < len; i++)
        space[i] = str[len - 1 - i];
    *ret_len = len;
    return 1;
}

/* Item i of generation g has the hash i * g, so that a mixture shows. */
static uint32_t snapshot(void *user, const struct pipc_request *from,
                         const struct pipc_cgroups_snapshot_request_view *request,
                         struct pipc_cgroups_snapshot_builder *builder)
{
    static uint32_t generation;
    const uint32_t g = __atomic_add_fetch(&generation, 1, __ATOMIC_RELAXED);
    char name[32], path[96];

    (void)user;
    (void)from;
    (void)request;
    pipc_cgroups_snapshot_builder_set_header(builder, 1, g);
    for (uint32_t i = 0; i < ITEMS + g % 50; i++) {
        const int n = snprintf(name, sizeof(name), "item-%u", i);
        const int p = snprintf(path, sizeof(path), "/a/path/of/generation/%u/item/%u", g, i);
        const struct pipc_str_view n_view = {name, (size_t)n}, p_view = {path, (size_t)p};
        if (pipc_cgroups_snapshot_builder_add(builder, i * g, 0, 1, n_view, p_view) != PIPC_OK)
            return 0;
    }
    return 1;
}

static struct pipc_server *serve(struct pipc_context *context, const char *run_dir,
                                 const char *name, uint32_t kind)
{
    static const struct pipc_server_config config = {.size = sizeof(config),
                                                     .max_request_payload_bytes = 131072,
                                                     .max_response_payload_bytes = 131072,
                                                     .max_request_batch_items = BATCH};
    static const struct pipc_increment_handler inc = {.size = sizeof(inc), .increment = increment};
    static const struct pipc_string_reverse_handler rev = {.size = sizeof(rev),
                                                           .string_reverse = reverse};
    static const struct pipc_cgroups_snapshot_handler snap = {.size = sizeof(snap),
                                                              .snapshot = snapshot};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_server *server = NULL;
    pipc_result result;

    if (kind == 0)
        result =
            pipc_server_create_increment(context, run_dir, name, &inc, 24, &config, &server, &err);
    else if (kind == 1)
        result = pipc_server_create_string_reverse(context, run_dir, name, &rev, 24, &config,
                                                   &server, &err);
    else
        result = pipc_server_create_cgroups_snapshot(context, run_dir, name, &snap, 24, &config,
                                                     &server, &err);
    if (result != PIPC_OK)
        fail(name, &err);
    return server;
}

static void *run_servers(void *arg)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    if (pipc_servers_run(arg, KINDS, &err) != PIPC_OK)
        fail("run", &err);
    return NULL;
}

static void *run_server(void *arg)
{
    (void)pipc_server_run(arg, NULL);
    return NULL;
}

/* A server that comes and goes beside the others. */
static void come_and_go(struct pipc_context *context, const char *run_dir, uint32_t number)
{
    struct pipc_server *server;
    pthread_t thread;
    char name[32];

    snprintf(name, sizeof(name), "soak-%u-guest", number);
    server = serve(context, run_dir, name, 0);
    if (pthread_create(&thread, NULL, run_server, server) != 0)
        fail("thread", NULL);
    (void)pipc_server_stop(server);
    pthread_join(thread, NULL);
    if (pipc_server_destroy(server) != PIPC_OK)
        fail("destroy", NULL);
}

static void provide(const char *run_dir, const char *transports, uint32_t number)
{
    struct pipc_context *const context = open_context(transports);
    struct pipc_server *servers[KINDS];
    bool rests = false;
    pthread_t thread;
    char name[32], told;

    for (uint32_t kind = 0; kind < KINDS; kind++) {
        service_name(name, sizeof(name), number, kind);
        servers[kind] = serve(context, run_dir, name, kind);
    }
    if (pthread_create(&thread, NULL, run_servers, servers) != 0)
        fail("thread", NULL);
    printf("ready\n");
    while ((told = order(rests ? -1 : 500)) != 'q') {
        /* Also before a rest: one that was killed left the guest's socket, and the next takes it
         * over. */
        if (!rests || told == 'p')
            come_and_go(context, run_dir, number);
        if (told) {
            rests = told == 'p';
            malloc_trim(0);
            printf("%s\n", rests ? "rests" : "goes on");
        }
    }
    for (uint32_t kind = 0; kind < KINDS; kind++)
        (void)pipc_server_stop(servers[kind]);
    pthread_join(thread, NULL);
    for (uint32_t kind = 0; kind < KINDS; kind++)
        if (pipc_server_destroy(servers[kind]) != PIPC_OK)
            fail("destroy", NULL);
    if (pipc_close(context) != PIPC_OK)
        fail("close", NULL);
}

/* ---- consumer ---- */

static struct {
    const char *run_dir, *transports;
    uint32_t providers;
    uint64_t random;
    struct pipc_context *context;
    struct pipc_client *clients[PROVIDERS][KINDS - 1];
    struct pipc_cache *caches[PROVIDERS];
    uint64_t calls, errors, opened, upgraded;
} me;

static uint32_t random_below(uint32_t limit)
{
    me.random = me.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(me.random >> 33) % limit;
}

/* An error is no fault here, because providers are killed; a wrong answer is. */
static bool count(pipc_result result)
{
    me.calls++;
    me.errors += result != PIPC_OK;
    return result == PIPC_OK;
}

static struct pipc_client *client_of(uint32_t provider, uint32_t kind)
{
    static const struct pipc_client_config config = {.size = sizeof(config),
                                                     .max_request_payload_bytes = 65536,
                                                     .max_request_batch_items = BATCH};
    struct pipc_client **const client = &me.clients[provider][kind];
    struct pipc_error err = PIPC_ERROR_INIT;
    char name[32];

    if (!me.context)
        me.context = open_context(me.transports);
    service_name(name, sizeof(name), provider, kind);
    if (!*client) {
        if (pipc_client_create(me.context, me.run_dir, name, &config, client, &err) != PIPC_OK)
            fail("client", &err);
        me.opened++;
    }
    return *client;
}

static void count_plane(const struct pipc_client *client)
{
    struct pipc_client_status status = {.size = sizeof(status)};

    pipc_client_status(client, &status);
    me.upgraded += status.session.selected_profile > PIPC_PROFILE_BASELINE;
}

static void call_increment(uint32_t provider)
{
    struct pipc_client *const client = client_of(provider, 0);
    const uint64_t value = random_below(1000000);
    uint64_t values[BATCH], answers[BATCH], answer = 0;

    (void)pipc_client_refresh_timeout(client, CALL_MS, NULL, NULL);
    count_plane(client);
    if (count(pipc_client_call_increment(client, value, &answer, CALL_MS, NULL)) &&
        answer != value + 1)
        fail("a wrong answer of increment", NULL);
    for (uint32_t i = 0; i < BATCH; i++)
        values[i] = value + i;
    if (!count(pipc_client_call_increment_batch(client, values, BATCH, answers, CALL_MS, NULL)))
        return;
    for (uint32_t i = 0; i < BATCH; i++)
        if (answers[i] != value + i + 1)
            fail("a wrong answer in a batch", NULL);
}

static void call_reverse(uint32_t provider)
{
    static char text[TEXT_MOST];
    struct pipc_client *const client = client_of(provider, 1);
    const size_t len = 1 + random_below(TEXT_MOST - 1);
    struct pipc_string_reverse_view out;

    memset(text, 'a' + (int)random_below(26), len);
    text[0] = '!';
    (void)pipc_client_refresh_timeout(client, CALL_MS, NULL, NULL);
    if (count(pipc_client_call_string_reverse(client, text, len, &out, CALL_MS, NULL)) &&
        (out.str.len != len || out.str.ptr[len - 1] != '!' || out.str.ptr[0] != text[len - 1]))
        fail("a wrong answer of string_reverse", NULL);
}

static void check_snapshot(struct pipc_cache *cache)
{
    struct pipc_cache_status status = {.size = sizeof(status)};
    struct pipc_cache_guard guard;

    pipc_cache_status(cache, &status);
    if (!pipc_cache_read_lock(cache, &guard))
        return;
    const uint32_t items = pipc_cache_count(&guard);
    const uint32_t at = items ? random_below(items) : 0;
    const struct pipc_cgroups_snapshot_item *const item = pipc_cache_at(&guard, at);
    if (item && (item->hash != at * (uint32_t)status.generation || item->name.len < 6))
        fail("a snapshot of two generations", NULL);
    if (item && pipc_cache_get(&guard, item->hash, item->name.ptr, item->name.len) != item)
        fail("an item that is not found", NULL);
    pipc_cache_read_unlock(&guard);
}

static void refresh(uint32_t provider)
{
    struct pipc_cache **const cache = &me.caches[provider];
    struct pipc_error err = PIPC_ERROR_INIT;
    char name[32];

    if (!me.context)
        me.context = open_context(me.transports);
    service_name(name, sizeof(name), provider, 2);
    if (!*cache &&
        pipc_cache_create(me.context, me.run_dir, name, PIPC_CGROUPS_SNAPSHOT_NAME,
                          PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR, NULL, cache, &err) != PIPC_OK)
        fail("cache", &err);
    (void)count(pipc_cache_refresh_timeout(*cache, CALL_MS, NULL));
    check_snapshot(*cache);
}

static void close_one(uint32_t provider)
{
    for (uint32_t kind = 0; kind < KINDS - 1; kind++) {
        pipc_client_destroy(me.clients[provider][kind]);
        me.clients[provider][kind] = NULL;
    }
    pipc_cache_destroy(me.caches[provider]);
    me.caches[provider] = NULL;
}

static void close_all(void)
{
    for (uint32_t i = 0; i < me.providers; i++)
        close_one(i);
    if (pipc_close(me.context) != PIPC_OK)
        fail("objects of the context are left", NULL);
    me.context = NULL;
    malloc_trim(0);
}

static void act(void)
{
    const uint32_t provider = random_below(me.providers), what = random_below(40);

    if (what < 16)
        call_increment(provider);
    else if (what < 26)
        call_reverse(provider);
    else if (what < 36)
        refresh(provider);
    else if (what < 39)
        close_one(provider);
    else
        close_all();
}

static void consume(void)
{
    bool rests = false;
    char told;

    printf("ready\n");
    while ((told = order(rests ? -1 : PACE_MS)) != 'q') {
        if (told == 'p')
            close_all();
        if (told)
            printf("%llu %llu %llu %llu\n", (unsigned long long)me.calls,
                   (unsigned long long)me.errors, (unsigned long long)me.opened,
                   (unsigned long long)me.upgraded);
        if (told)
            rests = told == 'p';
        if (!rests && !told)
            act();
    }
    close_all();
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    (void)mallopt(M_ARENA_MAX,
                  1); /* so that what is free can be given back, and growth is growth */
    if (argc == 5 && strcmp(argv[1], "provider") == 0) {
        provide(argv[2], argv[3], (uint32_t)strtoul(argv[4], NULL, 10));
        return 0;
    }
    if (argc != 6 || strcmp(argv[1], "consumer") != 0) {
        fprintf(stderr, "usage: soak provider RUN_DIR TRANSPORTS NUMBER\n"
                        "       soak consumer RUN_DIR TRANSPORTS PROVIDERS SEED\n");
        return 2;
    }
    me.run_dir = argv[2];
    me.transports = argv[3];
    me.providers = (uint32_t)strtoul(argv[4], NULL, 10);
    me.random = strtoull(argv[5], NULL, 10);
    if (me.providers < 1 || me.providers > PROVIDERS)
        return 2;
    consume();
    return 0;
}
