/* SPDX-License-Identifier: Apache-2.0
 *
 * Module files that change while they are loaded, many threads that open at once, a host that locks
 * itself in, and a start that fails and is tried again.
 */
#include "client_script.h"
#include "module_fixture.h"
#include "test.h"

#include <pipc/codecs/increment.h>
#include <pipc/pipc.h>

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void need_files(void)
{
    if (!PIPC_TEST_HAVE_LOADER || PIPC_TEST_BUILTIN)
        test_skip("this build has its modules built in");
}

/* With the modules in files of that directory, or built in. */
/* `over_plane`: on the data planes of the run, else on the default ones. */
static pipc_result open_with(const char *dir, const char *codecs, bool over_plane,
                             struct pipc_context **ret_context, struct pipc_error *err)
{
    struct pipc_config *config = NULL;
    CHECK_OK(pipc_config_new(NULL, &config));
    if (!PIPC_TEST_BUILTIN)
        CHECK_OK(pipc_config_set(config, "pipc", "module_dir", dir, err));
    if (codecs)
        CHECK_OK(pipc_config_set(config, "pipc", "codecs", codecs, err));
    if (over_plane)
        test_choose_transports(config);
    const pipc_result result = pipc_open(config, NULL, ret_context, err);
    pipc_config_free(config);
    return result;
}

static pipc_result open_from(const char *dir, const char *codecs, struct pipc_context **ret_context,
                             struct pipc_error *err)
{
    return open_with(dir, codecs, false, ret_context, err);
}

static void install(const char *from, const char *name)
{
    char path[256], fresh[256];

    snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
    snprintf(fresh, sizeof(fresh), "%s/%s.new", test_dir(), name);
    module_copy(from, fresh, 0644);
    CHECK_EQ(rename(fresh, path), 0);
}

/* ---- M5: files are swapped while somebody loads them ---- */

struct swapper {
    pthread_t thread;
    bool stop;
};

static char good_file[512], bad_file[512];

static void *swap(void *arg)
{
    struct swapper *s = arg;
    char good[256], other[256];

    snprintf(good, sizeof(good), "%s/good_codec.so", test_dir());
    snprintf(other, sizeof(other), "%s/other", test_dir());
    for (unsigned i = 0; !__atomic_load_n(&s->stop, __ATOMIC_RELAXED); i++) {
        FILE *text;
        switch (i % 3) {
        case 0:
            module_copy(bad_file, other, 0644);
            break;
        case 1:
            text = fopen(other, "we");
            CHECK(text && fputs("no object at all\n", text) >= 0 && fclose(text) == 0);
            break;
        default:
            module_copy(good_file, other, i % 2 ? 0644 : 0666);
            break;
        }
        CHECK_EQ(rename(other, good), 0);
        module_copy(good_file, other, 0644);
        CHECK_EQ(rename(other, good), 0);
    }
    return NULL;
}

/* 0: loaded, 1: refused with a sentence. */
static int load_once(void *arg)
{
    struct pipc_context *context = arg;
    struct pipc_error err = PIPC_ERROR_INIT;

    const pipc_result result = pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", &err);
    if (result == PIPC_OK)
        return 0;
    CHECK_MSG(result == PIPC_ERR_MODULE_OPEN || result == PIPC_ERR_MODULE_ABI ||
                  result == PIPC_ERR_MODULE_UNSAFE || result == PIPC_ERR_MODULE_SYMBOL,
              "%s: %s", pipc_result_name(result), err.text);
    CHECK_HAS(err.text, "good_codec.so");
    return 1;
}

static int open_and_load(void *arg)
{
    struct pipc_context *context = NULL;
    char text[128];

    (void)arg;
    module_fixture_baseline(0, "base");
    snprintf(text, sizeof(text), "[pipc]\nmodule_dir = %s\ntransports = base\n", test_dir());
    context = module_context(text);
    int result = 1;
    /* A refusal leaves nothing behind: the next try may find another file. */
    for (unsigned i = 0; i < 20 && result; i++)
        result = load_once(context);
    CHECK_OK(pipc_close(context));
    return result;
}

TEST(pitfalls_modules, files_that_are_swapped_while_they_are_loaded_load_or_are_refused)
{
    struct swapper s = {.stop = false};
    const unsigned rounds = test_scale(2000);
    unsigned loaded = 0;

    need_files();
    snprintf(good_file, sizeof(good_file), "%s", module_file("good_codec"));
    snprintf(bad_file, sizeof(bad_file), "%s", module_file("bad_magic"));
    install(good_file, "good_codec.so");
    CHECK(pthread_create(&s.thread, NULL, swap, &s) == 0);
    /* A process for each: what was loaded once is never loaded again. */
    for (unsigned i = 0; i < rounds; i++) {
        const int status = test_in_child(open_and_load, NULL);
        CHECK_MSG(status <= 1, "a child ended with %d", status);
        loaded += status == 0;
    }
    __atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
    CHECK(pthread_join(s.thread, NULL) == 0);
    CHECK(loaded > 0);
}

/* ---- M3: an upgrade while calls run ---- */

struct caller {
    pthread_t thread;
    struct pipc_context *context;
    bool stop;
    unsigned calls;
};

static void *call_on(void *arg)
{
    struct caller *c = arg;
    struct pipc_client *client = NULL;

    CHECK_OK(pipc_client_create(c->context, test_dir(), SCRIPT_SERVICE, NULL, &client, NULL));
    CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
    while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
        uint64_t value = 0;
        CHECK_OK(pipc_client_call_increment(client, 41, &value, 0, NULL));
        CHECK_EQ(value, 42);
        __atomic_add_fetch(&c->calls, 1, __ATOMIC_RELAXED);
    }
    pipc_client_destroy(client);
    return NULL;
}

/* The codec, the carrier, and the plane of the run. */
static void install_all(void)
{
    const char *const names[] = {"increment", "uds", test_plane()};

    for (unsigned i = 0; i < 3; i++) {
        char from[256], name[64];
        snprintf(name, sizeof(name), "%s.so", names[i]);
        snprintf(from, sizeof(from), "%s/%s", PIPC_TEST_MODULE_DIR, name);
        install(from, name);
    }
}

TEST(pitfalls_modules, an_upgrade_by_rename_disturbs_no_running_call)
{
    struct caller c = {.stop = false};
    struct pipc_error err = PIPC_ERROR_INIT;
    const unsigned upgrades = test_scale(200);

    need_files();
    install_all();
    struct script *script = script_start(NULL, 0, NULL);
    CHECK_MSG(open_with(test_dir(), "increment", true, &c.context, &err) == PIPC_OK, "%s",
              err.text);
    CHECK(pthread_create(&c.thread, NULL, call_on, &c) == 0);
    for (unsigned i = 0; i < upgrades; i++) {
        struct pipc_context *fresh = NULL;
        install_all();
        CHECK_MSG(open_with(test_dir(), "increment", true, &fresh, &err) == PIPC_OK, "%s",
                  err.text);
        CHECK_OK(pipc_close(fresh));
    }
    const unsigned before = __atomic_load_n(&c.calls, __ATOMIC_RELAXED);
    while (__atomic_load_n(&c.calls, __ATOMIC_RELAXED) < before + 10)
        usleep(1000);
    __atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
    CHECK(pthread_join(c.thread, NULL) == 0);
    CHECK_OK(pipc_close(c.context));
    script_stop(script);
}

/* ---- M10 ---- */

#define OPENERS 16

static pthread_barrier_t together;

static void *open_at_once(void *arg)
{
    struct pipc_context *context = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    (void)arg;
    pthread_barrier_wait(&together);
    CHECK_MSG(open_from(PIPC_TEST_MODULE_DIR, "increment, string_reverse", &context, &err) ==
                  PIPC_OK,
              "%s", err.text);
    CHECK(pipc_increment_table(context) != NULL);
    CHECK_OK(pipc_close(context));
    return NULL;
}

static int open_in_sixteen(void *arg)
{
    pthread_t threads[OPENERS];

    (void)arg;
    CHECK(pthread_barrier_init(&together, NULL, OPENERS) == 0);
    for (unsigned i = 0; i < OPENERS; i++)
        CHECK(pthread_create(&threads[i], NULL, open_at_once, NULL) == 0);
    for (unsigned i = 0; i < OPENERS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    pthread_barrier_destroy(&together);
    return 0;
}

TEST(pitfalls_modules, sixteen_threads_open_the_same_files_for_the_first_time_at_once)
{
    test_dir();
    /* In children, so that each time is the first. */
    for (unsigned i = test_scale(200); i > 0; i--)
        CHECK_EQ(test_in_child(open_in_sixteen, NULL), 0);
}

static void *run_server(void *arg)
{
    CHECK_OK(pipc_server_run(arg, NULL));
    return NULL;
}

static uint32_t add_one(void *user, const struct pipc_request *from, uint64_t value,
                        uint64_t *ret_value)
{
    (void)user;
    (void)from;
    *ret_value = value + 1;
    return 1;
}

/* Opens, gives away the file system and its rights, and then serves and asks. */
static int lock_in_and_serve(void *arg)
{
    static const struct pipc_increment_handler handler = {.size = sizeof(handler),
                                                          .increment = add_one};
    struct pipc_context *context = NULL;
    struct pipc_server *server = NULL;
    struct pipc_client *client = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    pthread_t thread;
    uint64_t value = 0;

    (void)arg;
    CHECK_MSG(open_from(PIPC_TEST_MODULE_DIR, "increment", &context, &err) == PIPC_OK, "%s",
              err.text);
    CHECK_EQ(chmod(test_dir(), 0777), 0);
    CHECK(chroot(test_dir()) == 0 && chdir("/") == 0);
    CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    CHECK_MSG(pipc_server_create_increment(context, "/", "svc", &handler, 2, NULL, &server, &err) ==
                  PIPC_OK,
              "%s", err.text);
    CHECK(pthread_create(&thread, NULL, run_server, server) == 0);
    CHECK_OK(pipc_client_create(context, "/", "svc", NULL, &client, NULL));
    CHECK_MSG(pipc_client_refresh_timeout(client, 0, NULL, &err) == PIPC_OK, "%s", err.text);
    CHECK_OK(pipc_client_call_increment(client, 41, &value, 0, NULL));
    CHECK_EQ(value, 42);
    pipc_client_destroy(client);
    CHECK_OK(pipc_server_stop(server));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_OK(pipc_server_destroy(server));
    CHECK_OK(pipc_close(context));
    return 0;
}

TEST(pitfalls_modules, a_host_that_locks_itself_in_after_opening_serves_all_the_same)
{
    if (geteuid() != 0)
        test_skip("only root may change its root directory");
    test_dir();
    CHECK_EQ(test_in_child(lock_in_and_serve, NULL), 0);
}

TEST(pitfalls_modules, an_opening_that_fails_at_any_module_is_rolled_back_and_can_be_repeated)
{
    static const char *const names[] = {"uds.so", "increment.so", "string_reverse.so"};
    struct pipc_context *context = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    need_files();
    for (unsigned missing = 0; missing < 3; missing++) {
        for (unsigned i = 0; i < 3; i++) {
            char from[512];
            snprintf(from, sizeof(from), PIPC_TEST_MODULE_DIR "/%s", names[i]);
            install(from, names[i]);
        }
        CHECK_EQ(unlink(test_path(names[missing])), 0);
        const unsigned descriptors = test_open_descriptors();
        CHECK_RESULT(open_from(test_dir(), "increment, string_reverse", &context, &err),
                     PIPC_ERR_MODULE_NOT_FOUND);
        CHECK_HAS(err.text, names[missing]);
        CHECK(context == NULL);
        CHECK_EQ(test_open_descriptors(), descriptors);
    }
    install(PIPC_TEST_MODULE_DIR "/string_reverse.so", "string_reverse.so");
    CHECK_MSG(open_from(test_dir(), "increment, string_reverse", &context, &err) == PIPC_OK, "%s",
              err.text);
    CHECK_OK(pipc_close(context));
}
