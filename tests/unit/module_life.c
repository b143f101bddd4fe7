/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of loaded modules: two contexts, many starts and ends, threads, freezing, listing,
 * judging for tools.
 */
#include "test.h"

#include "module_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#define DIR_CONFIG  "[pipc]\nmodule_dir = " PIPC_TEST_FIXTURE_DIR "\ntransports = base\n"
#define GOOD_CONFIG DIR_CONFIG "codecs = good_codec\n"

static void need_loader(void)
{
    if (!PIPC_TEST_HAVE_LOADER)
        test_skip("this build has no loader");
    module_fixture_baseline(0, "base");
}

TEST(module_life, a_thousand_starts_and_ends_map_the_file_once)
{
    need_loader();
    CHECK_OK(pipc_close(module_context(GOOD_CONFIG)));
    const unsigned before = test_mapped("good_codec" PIPC_TEST_MODULE_SUFFIX),
                   descriptors = test_open_descriptors();
    CHECK(before > 0);
    for (unsigned i = test_scale(1000); i > 0; i--)
        CHECK_OK(pipc_close(module_context(GOOD_CONFIG)));
    CHECK_EQ(test_mapped("good_codec" PIPC_TEST_MODULE_SUFFIX), before);
    CHECK_EQ(test_open_descriptors(), descriptors);
}

TEST(module_life, refused_files_are_not_kept)
{
    need_loader();
    struct pipc_context *const context = module_context(DIR_CONFIG);
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "bad_magic", NULL),
                 PIPC_ERR_MODULE_ABI);
#ifdef __GLIBC__
    CHECK_EQ(test_mapped("bad_magic" PIPC_TEST_MODULE_SUFFIX), 0);
#endif
    CHECK_OK(pipc_close(context));
}

TEST(module_life, two_contexts_have_their_own_options)
{
    need_loader();
    struct pipc_context *const a =
        module_context(GOOD_CONFIG "log_level = warning\n[codec.good_codec]\ncount = 11\n");
    struct pipc_context *const b =
        module_context(GOOD_CONFIG "log_level = warning\n[codec.good_codec]\ncount = 0x16\n");
    CHECK_HAS(module_log(), "1 good_codec: started with count 11\n");
    CHECK_HAS(module_log(), "1 good_codec: started with count 22\n");
    CHECK(!strstr(module_log(), "ended"));
    CHECK(module_record(a, "good_codec").module == module_record(b, "good_codec").module);
    CHECK_OK(pipc_close(a));
    CHECK_HAS(module_log(), "1 good_codec: ended\n");
    CHECK_OK(pipc_close(b));
}

TEST(module_life, thread_of_a_module_may_end_after_it)
{
    need_loader();
    const unsigned threads = test_threads();
    struct pipc_context *const context = module_context(DIR_CONFIG "codecs = late_thread\n");
    const unsigned during = test_threads(); /* a sanitizer may have added one of its own */
    CHECK(during > threads);
    CHECK_OK(pipc_close(context));
    while (test_threads() >= during)
        sched_yield();
}

TEST(module_life, configured_file_wins_over_the_linked_in_module_and_is_logged)
{
    need_loader();
    module_fixture_codec(1, "good_codec", 900);
    struct pipc_context *const linked = module_context("[pipc]\ntransports = base\n");
    CHECK_EQ(module_record(linked, "good_codec").builtin, 1);
    CHECK(module_record(linked, "good_codec").file == NULL);
    CHECK_OK(pipc_close(linked));
    struct pipc_context *const context =
        module_context("[pipc]\ntransports = base\nlog_level = info\n[codec.good_codec]\nfile "
                       "= " PIPC_TEST_FIXTURE_DIR "/good_codec" PIPC_TEST_MODULE_SUFFIX "\n");
    CHECK_EQ(module_record(context, "good_codec").builtin, 0);
    CHECK_HAS(module_log(),
              "2 good_codec: the file " PIPC_TEST_FIXTURE_DIR "/good_codec" PIPC_TEST_MODULE_SUFFIX
              " wins over the built-in module\n");
    CHECK_OK(pipc_close(context));
}

TEST(module_life, baseline_from_a_file_carries)
{
    need_loader();
    struct pipc_plan plan = {.size = sizeof(plan)};
    struct pipc_context *const context = module_context(
        "[pipc]\nmodule_dir = " PIPC_TEST_FIXTURE_DIR "\ntransports = file_transport\n");
    CHECK_OK(pipc_service_plan(context, "x", &plan, NULL));
    CHECK_STR(plan.carrier, "file_transport");
    CHECK_EQ(module_record(context, "file_transport").profile_bits, 1);
    CHECK_OK(pipc_close(context));
}

/* ---- codecs by name and code ---- */

TEST(module_life, codec_is_loaded_when_it_is_asked_for)
{
    const struct pipc_codec_ops *ops = NULL, *by_code = NULL;
    const char *name = NULL;
    need_loader();
    struct pipc_context *const context = module_context(DIR_CONFIG);
    CHECK_RESULT(pipc_codec_find(context, NULL, 700, &ops, &name, NULL), PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_OK(pipc_codec_find(context, "good_codec", 0, &ops, NULL, NULL));
    CHECK_OK(pipc_codec_find(context, NULL, 700, &by_code, &name, NULL));
    CHECK(ops == by_code);
    CHECK_STR(name, "good_codec");
    CHECK_EQ(ops->code, 700);
    CHECK_RESULT(ops->build_request(NULL, NULL, 0, NULL), PIPC_ERR_NOT_SUPPORTED);
    CHECK_RESULT(ops->build_response(NULL, NULL, 0, NULL), PIPC_ERR_NOT_SUPPORTED);
    const uint32_t *const table = pipc_codec_table(context, "good_codec", 1);
    CHECK(table && table[1] == 42);
    CHECK(pipc_codec_table(context, "good_codec", 2) == NULL);
    CHECK(pipc_codec_table(context, "nowhere", 1) == NULL);
    CHECK_OK(pipc_close(context));
}

TEST(module_life, second_codec_of_one_method_code_is_refused)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    need_loader();
    struct pipc_context *const context = module_context(GOOD_CONFIG);
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "minor_above", &err),
                 PIPC_ERR_CONFIG);
    CHECK_STR(err.text, "codec \"minor_above\" has the method code 700 of codec \"good_codec\", "
                        "expected another");
    CHECK_OK(pipc_close(context));
}

TEST(module_life, frozen_context_loads_no_more)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_module_info info = {.size = sizeof(info)};
    const struct pipc_codec_ops *ops = NULL;
    char text[1024];
    need_loader();
    struct pipc_context *const context = module_context(GOOD_CONFIG);
    pipc_freeze(context);
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "init_fails", &err),
                 PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_STR(err.text, "init_fails: is not loaded, and loading is frozen");
    CHECK_RESULT(pipc_module_check(context, module_file("good_codec"), NULL, &info, text,
                                   sizeof(text), &err),
                 PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_STR(err.text, "good_codec: loading is frozen");
    CHECK_OK(pipc_codec_find(context, "good_codec", 0, &ops, NULL, NULL));
    CHECK_OK(pipc_close(context));
}

/* ---- threads ---- */

#define THREADS 16

struct race {
    struct pipc_context *context;
    const struct pipc_codec_ops *ops[THREADS];
    pthread_barrier_t barrier;
    uint32_t next;
};

static void *find_at_once(void *arg)
{
    struct race *const race = arg;
    const uint32_t self = __atomic_fetch_add(&race->next, 1, __ATOMIC_SEQ_CST);

    pthread_barrier_wait(&race->barrier);
    CHECK_OK(pipc_codec_find(race->context, "late", 0, &race->ops[self], NULL, NULL));
    return NULL;
}

static void *open_at_once(void *arg)
{
    struct race *const race = arg;
    struct pipc_context *context = NULL;

    pthread_barrier_wait(&race->barrier);
    CHECK_OK(module_open("[pipc]\ntransports = base\n", &context, NULL));
    CHECK_OK(pipc_close(context));
    return NULL;
}

static void run_threads(struct race *race, void *(*run)(void *arg))
{
    pthread_t threads[THREADS];

    CHECK_EQ(pthread_barrier_init(&race->barrier, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, run, race), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&race->barrier);
}

TEST(module_life, many_threads_that_ask_at_once_start_a_module_once)
{
    static struct race race;
    module_fixture_baseline(0, "base");
    struct module_fixture *const late = module_fixture_codec(1, "late", 900);
    race.context = module_context("[pipc]\ntransports = base\ncodecs = -nothing_here\n");
    run_threads(&race, find_at_once);
    for (int i = 1; i < THREADS; i++)
        CHECK(race.ops[i] == race.ops[0]);
    CHECK_EQ(late->seen.inits, 1);
    CHECK_OK(pipc_close(race.context));
    CHECK_EQ(late->seen.finis, 1);
}

TEST(module_life, many_threads_open_contexts_of_their_own_at_once)
{
    static struct race race;
    struct module_fixture *const base = module_fixture_baseline(0, "base");
    base->module.init = NULL; /* its record of what it saw is not made for this */
    base->module.fini = NULL;
    run_threads(&race, open_at_once);
}

/* ---- for tools ---- */

struct names {
    char text[4096];
};

static void take_name(void *arg, const char *name, const char *file)
{
    struct names *const names = arg;
    const size_t used = strlen(names->text);

    snprintf(names->text + used, sizeof(names->text) - used, "%s=%s ", name, file ? file : "-");
}

TEST(module_life, scan_lists_sorted_names_once)
{
    static struct names names;
    char config[256];
    module_fixture_baseline(0, "zebra");
    module_fixture_codec(1, "good_codec", 900);
    snprintf(config, sizeof(config), "[pipc]\ntransports = zebra\nmodule_dir = %s\n", test_dir());
    const char *const files[] = {
        "middle" PIPC_TEST_MODULE_SUFFIX, "good_codec" PIPC_TEST_MODULE_SUFFIX,
        "UPPER" PIPC_TEST_MODULE_SUFFIX,  "note.txt",
        "x" PIPC_TEST_MODULE_SUFFIX ".1", PIPC_TEST_MODULE_SUFFIX};
    for (size_t i = 0; i < 6; i++) {
        FILE *const f = fopen(test_path(files[i]), "w");
        CHECK(f != NULL);
        fclose(f);
    }
    struct pipc_context *const context = module_context(config);
    CHECK_OK(pipc_module_scan(context, &names, take_name, NULL));
    const char *const good = strstr(names.text, "good_codec=- ");
    const char *const zebra = strstr(names.text, "zebra=- ");
    CHECK(good && zebra && good < zebra);
    CHECK(!strstr(good + 1, "good_codec"));
    CHECK(!strstr(names.text, "UPPER") && !strstr(names.text, "note") && !strstr(names.text, "x="));
    if (PIPC_TEST_HAVE_LOADER) {
        char expected[128];
        snprintf(expected, sizeof(expected), " middle=%s/middle" PIPC_TEST_MODULE_SUFFIX " ",
                 test_dir());
        CHECK_HAS(names.text, expected);
    } else {
        CHECK(!strstr(names.text, "middle"));
    }
    CHECK_OK(pipc_close(context));
}

TEST(module_life, scan_of_an_absent_directory_lists_what_is_linked_in)
{
    static struct names names;
    module_fixture_baseline(0, "base");
    struct pipc_context *const context =
        module_context("[pipc]\ntransports = base\nmodule_dir = /nonexistent/modules\n");
    CHECK_OK(pipc_module_scan(context, &names, take_name, NULL));
    CHECK_HAS(names.text, "base=- ");
    CHECK_OK(pipc_close(context));
}

TEST(module_life, file_can_be_judged_without_being_started)
{
    struct pipc_module_info info = {.size = sizeof(info)};
    char text[1024];
    need_loader();
    struct pipc_context *const context = module_context(DIR_CONFIG "log_level = debug\n");
    CHECK_OK(pipc_module_check(context, module_file("good_codec"), NULL, &info, text, sizeof(text),
                               NULL));
    CHECK_STR(info.name, "good_codec");
    CHECK_STR(info.stage, "abi");
    CHECK_STR(info.reason, "");
    CHECK_EQ(info.loaded, 0);
    CHECK_EQ(info.kind, PIPC_MODULE_CODEC);
    CHECK_STR(info.module->version, "1.2.3");
    CHECK(!strstr(module_log(), "started"));
    CHECK_OK(pipc_close(context));
}

TEST(module_life, bad_file_is_judged_with_its_stage_and_reason)
{
    struct pipc_module_info info = {.size = sizeof(info)};
    struct pipc_error err = PIPC_ERROR_INIT;
    char text[1024];
    need_loader();
    struct pipc_context *const context = module_context(DIR_CONFIG);
    CHECK_RESULT(pipc_module_check(context, module_file("host_above"), NULL, &info, text,
                                   sizeof(text), &err),
                 PIPC_ERR_MODULE_ABI);
    CHECK_STR(info.stage, "abi");
    CHECK_STR(info.reason, err.text);
    CHECK_HAS(info.reason, "needs host minor 1");
    CHECK_RESULT(pipc_module_check(context, module_file("good_codec"), "other", &info, text,
                                   sizeof(text), &err),
                 PIPC_ERR_MODULE_SYMBOL);
    CHECK_STR(info.stage, "symbol");
    CHECK_RESULT(pipc_module_check(context, "good_codec" PIPC_TEST_MODULE_SUFFIX, NULL, &info, text,
                                   sizeof(text), &err),
                 PIPC_ERR_MODULE_UNSAFE);
    CHECK_STR(err.text, "good_codec" PIPC_TEST_MODULE_SUFFIX ": is no absolute path");
    CHECK_RESULT(
        pipc_module_check(context, "/tmp/Not-A-Name", NULL, &info, text, sizeof(text), &err),
        PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_OK(pipc_close(context));
}

TEST(module_life, judging_with_little_room_stays_inside_it)
{
    struct pipc_module_info info = {.size = sizeof(info)};
    char text[64];
    need_loader();
    struct pipc_context *const context = module_context(DIR_CONFIG);
    memset(text, '#', sizeof(text));
    CHECK_RESULT(
        pipc_module_check(context, module_file("bad_magic"), "bad_magic", &info, text, 16, NULL),
        PIPC_ERR_MODULE_ABI);
    for (size_t i = 16; i < sizeof(text); i++)
        CHECK_EQ(text[i], '#');
    CHECK_OK(pipc_close(context));
}

TEST(module_life, record_is_written_to_the_callers_size_and_no_further)
{
    struct {
        struct pipc_module_info info;
        unsigned char canary[16];
    } out;
    module_fixture_baseline(0, "base");
    struct pipc_context *const context = module_context("[pipc]\ntransports = base\n");
    memset(&out, 0xa5, sizeof(out));
    out.info.size = offsetof(struct pipc_module_info, file);
    CHECK_OK(pipc_module_info(context, 0, &out.info));
    CHECK_STR(out.info.name, "base");
    CHECK_EQ(out.info.size, offsetof(struct pipc_module_info, file));
    const unsigned char *const bytes = (const unsigned char *)&out;
    for (size_t i = offsetof(struct pipc_module_info, file); i < sizeof(out); i++)
        CHECK_EQ(bytes[i], 0xa5);
    CHECK_OK(pipc_close(context));
}

TEST(module_life, plan_is_written_to_the_callers_size_and_no_further)
{
    struct {
        struct pipc_plan plan;
        unsigned char canary[16];
    } out;
    module_fixture_baseline(0, "base");
    struct pipc_context *const context = module_context("[pipc]\ntransports = base\n");
    memset(&out, 0xa5, sizeof(out));
    out.plan.size = offsetof(struct pipc_plan, plane_count);
    CHECK_OK(pipc_service_plan(context, "x", &out.plan, NULL));
    CHECK_EQ(out.plan.preferred, 1);
    const unsigned char *const bytes = (const unsigned char *)&out;
    for (size_t i = offsetof(struct pipc_plan, plane_count); i < sizeof(out); i++)
        CHECK_EQ(bytes[i], 0xa5);
    CHECK_OK(pipc_close(context));
}

TEST(module_life, without_a_loader_a_file_is_refused_as_such)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_module_info info = {.size = sizeof(info)};
    char text[1024];
    if (PIPC_TEST_HAVE_LOADER)
        test_skip("this build has a loader");
    module_fixture_baseline(0, "base");
    struct pipc_context *const context = module_context("[pipc]\ntransports = base\n");
    CHECK_RESULT(pipc_module_load(context, 0, "good_codec", &err), PIPC_ERR_NO_LOADER);
    CHECK_HAS(err.text, "good_codec: dynamic loading is not built in; available: ");
    CHECK_HAS(err.text, "base");
    CHECK_RESULT(pipc_module_check(context, "/x/good_codec" PIPC_TEST_MODULE_SUFFIX, NULL, &info,
                                   text, sizeof(text), &err),
                 PIPC_ERR_NO_LOADER);
    CHECK_STR(pipc_module_dir(context), "");
    CHECK_OK(pipc_close(context));
}
