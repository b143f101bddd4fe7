/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that the library does on a caller's thread, on threads with stacks of 64 KiB: opening
 * a context, listening, serving, connecting, calling, refreshing a cache, and the end of it all.
 *
 * This program has no large variables of threads: they would lie on those stacks, too.
 */
#include "test.h"

#include <pipc/codecs/cgroups_cache.h>
#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>
#include <pipc/pipc.h>

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK_BYTES 65536u

struct scene {
    struct pipc_context *context;
    struct pipc_server *numbers, *groups;
    struct pipc_listener *listener;
};

static struct scene scene;

/* Runs it on such a thread, above memory that nobody may touch; bytes of the stack that were used.
 */
static size_t on_small_stack(void *(*what)(void *arg))
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *memory = mmap(NULL, STACK_BYTES + page, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    pthread_attr_t attr;
    pthread_t thread;
    size_t untouched = 0;

    CHECK(memory != MAP_FAILED);
    CHECK(mprotect(memory, page, PROT_NONE) == 0);
    memset(memory + page, 0xa5, STACK_BYTES);
    CHECK(pthread_attr_init(&attr) == 0);
    CHECK(pthread_attr_setstack(&attr, memory + page, STACK_BYTES) == 0);
    CHECK(pthread_create(&thread, &attr, what, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    pthread_attr_destroy(&attr);
    while (untouched < STACK_BYTES && memory[page + untouched] == 0xa5)
        untouched++;
    munmap(memory, STACK_BYTES + page);
    return STACK_BYTES - untouched;
}

static uint32_t add_one(void *user, const struct pipc_request *from, uint64_t value,
                        uint64_t *ret_value)
{
    (void)user;
    (void)from;
    *ret_value = value + 1;
    return 1;
}

static uint32_t provide(void *user, const struct pipc_request *from,
                        const struct pipc_cgroups_snapshot_request_view *request,
                        struct pipc_cgroups_snapshot_builder *builder)
{
    (void)user;
    (void)from;
    (void)request;
    pipc_cgroups_snapshot_builder_set_header(builder, 1, 7);
    for (uint32_t i = 0; i < 3000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "group-%u", (unsigned)i);
        (void)pipc_cgroups_snapshot_builder_add_text(builder, i, 0, 1, name, "/sys/fs/cgroup/x");
    }
    return 1;
}

static const struct pipc_increment_handler numbers = {.size = sizeof(numbers),
                                                      .increment = add_one};
static const struct pipc_cgroups_snapshot_handler groups = {.size = sizeof(groups),
                                                            .snapshot = provide};

static void *open_all(void *arg)
{
    struct pipc_config *config = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    (void)arg;
    CHECK_OK(pipc_config_new(NULL, &config));
#if !PIPC_TEST_BUILTIN
    CHECK_OK(pipc_config_set(config, "pipc", "module_dir", PIPC_TEST_MODULE_DIR, &err));
#endif
    CHECK_MSG(pipc_open(config, NULL, &scene.context, &err) == PIPC_OK, "%s", err.text);
    pipc_config_free(config);
    CHECK_OK(pipc_listen(scene.context, test_dir(), "plain", NULL, &scene.listener, NULL));
    CHECK_MSG(pipc_server_create_increment(scene.context, test_dir(), "numbers", &numbers, 2, NULL,
                                           &scene.numbers, &err) == PIPC_OK,
              "%s", err.text);
    CHECK_OK(pipc_server_create_cgroups_snapshot(scene.context, test_dir(), "groups", &groups, 2,
                                                 NULL, &scene.groups, NULL));
    return NULL;
}

static void *run_all(void *arg)
{
    struct pipc_server *const servers[] = {scene.numbers, scene.groups};

    (void)arg;
    CHECK_OK(pipc_servers_run(servers, 2, NULL));
    return NULL;
}

static void *serving(void *arg)
{
    (void)arg;
    return (void *)(uintptr_t)on_small_stack(run_all);
}

static void *ask_all(void *arg)
{
    struct pipc_client *client = NULL;
    struct pipc_cache *cache = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_client_status status = {.size = sizeof(status)};
    struct pipc_cache_guard guard;
    uint64_t in[3] = {1, 2, 3}, out[3] = {0};
    const struct pipc_client_config config = {.size = sizeof(config), .max_request_batch_items = 8};

    (void)arg;
    CHECK_OK(pipc_client_create(scene.context, test_dir(), "numbers", &config, &client, NULL));
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    CHECK_OK(pipc_client_call_increment(client, 41, &out[0], 0, NULL));
    CHECK_EQ(out[0], 42);
    CHECK_OK(pipc_client_call_increment_batch(client, in, 3, out, 0, NULL));
    CHECK_EQ(out[2], 4);
    pipc_client_status(client, &status);
    pipc_client_destroy(client);
    CHECK_OK(pipc_cgroups_cache_create(scene.context, test_dir(), "groups", NULL, &cache, NULL));
    CHECK_MSG(pipc_cache_refresh_timeout(cache, 0, &err) == PIPC_OK, "%s", err.text);
    CHECK(pipc_cache_read_lock(cache, &guard));
    CHECK_EQ(pipc_cache_count(&guard), 3000);
    CHECK(pipc_cgroups_cache_get(&guard, 2999, "group-2999") != NULL);
    pipc_cache_read_unlock(&guard);
    pipc_cache_destroy(cache);
    /* Failures have sentences, which want room, too. */
    CHECK_OK(pipc_client_create(scene.context, test_dir(), "nobody", NULL, &client, NULL));
    CHECK_RESULT(pipc_client_refresh_timeout(client, 0, NULL, &err), PIPC_ERR_CONNECT);
    pipc_client_destroy(client);
    return NULL;
}

static void *end_all(void *arg)
{
    int clean = 0;

    (void)arg;
    CHECK_OK(pipc_server_drain(scene.numbers, 1000, &clean));
    CHECK_EQ(clean, 1);
    CHECK_OK(pipc_server_destroy(scene.numbers));
    CHECK_OK(pipc_server_destroy(scene.groups));
    pipc_listener_close(scene.listener);
    CHECK_OK(pipc_close(scene.context));
    return NULL;
}

static bool both_run(void *arg)
{
    struct pipc_server_status a = {.size = sizeof(a)}, b = {.size = sizeof(b)};

    (void)arg;
    pipc_server_status(scene.numbers, &a);
    pipc_server_status(scene.groups, &b);
    return a.running && b.running;
}

TEST(pitfalls_stack, everything_fits_stacks_of_64_kib)
{
    pthread_t thread;
    void *used = NULL;

    if (test_sanitized())
        test_skip("sanitizers need larger stacks");
    test_dir();
    const size_t opening = on_small_stack(open_all);
    CHECK(pthread_create(&thread, NULL, serving, NULL) == 0);
    test_wait_until(both_run, NULL, 5000, "both servers run");
    const size_t asking = on_small_stack(ask_all);
    const size_t ending = on_small_stack(end_all);
    CHECK(pthread_join(thread, &used) == 0);
    printf("bytes of stack: opening %zu, serving %zu, asking %zu, ending %zu\n", opening,
           (size_t)(uintptr_t)used, asking, ending);
}
