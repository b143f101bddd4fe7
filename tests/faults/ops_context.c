/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations on configurations, contexts and modules.
 */
#include "world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char text[] = "[pipc]\nrun_dir = /run/x\ntransports = shm,uds\n"
                           "[service.a.b]\ncall_timeout_ms = 100\nmax_sessions = 3\n"
                           "[transport.uds]\nspin = off\nbacklog = 5\n";

static void put_file(const struct world *w, const char *name, const char *bytes, char path[128])
{
    snprintf(path, 128, "%s/%s", w->dir, name);
    FILE *const file = fopen(path, "w");
    if (!file || fputs(bytes, file) < 0 || fchmod(fileno(file), 0600) != 0)
        broken("%s", path);
    (void)fclose(file);
}

/* ---- configurations ---- */

static pipc_result act_config_new(struct world *w, struct pipc_error *err)
{
    (void)err;
    return pipc_config_new(&inject_allocator, &w->config);
}

static void prepare_config(struct world *w)
{
    MUST(pipc_config_new(&inject_allocator, &w->config));
}

static void clean_config(struct world *w)
{
    pipc_config_free(w->config);
    w->config = NULL;
}

static pipc_result act_read_text(struct world *w, struct pipc_error *err)
{
    return pipc_config_read_text(w->config, text, sizeof(text) - 1, "a-text", err);
}

/* All or nothing: what failed is taken as a whole when it is read again. */
static const char *judge_read_text(struct world *w, pipc_result result)
{
    if (result == PIPC_OK)
        return NULL;
    return pipc_config_read_text(w->config, text, sizeof(text) - 1, "a-text", NULL) == PIPC_OK
               ? NULL
               : "the text is refused the second time";
}

static void begin_read_file(struct world *w)
{
    char path[128];

    put_file(w, "file.ini", text, path);
    w->extra = strdup(path);
}

static void end_extra(struct world *w)
{
    free(w->extra);
    w->extra = NULL;
}

static pipc_result act_read_file(struct world *w, struct pipc_error *err)
{
    return pipc_config_read_file(w->config, w->extra, err);
}

static const char *judge_read_file(struct world *w, pipc_result result)
{
    if (result == PIPC_OK)
        return NULL;
    return pipc_config_read_file(w->config, w->extra, NULL) == PIPC_OK
               ? NULL
               : "the file is refused the second time";
}

static pipc_result act_set(struct world *w, struct pipc_error *err)
{
    pipc_result result = pipc_config_set_default(w->config, "pipc", "run_dir", "/a-dir", err);

    if (result == PIPC_OK)
        result = pipc_config_set(w->config, "service.a-service", "call_timeout_ms", "5", err);
    return result;
}

static pipc_result act_add_module(struct world *w, struct pipc_error *err)
{
    return pipc_config_add_module(w->config, &pipc_module_increment, err);
}

static const char *judge_add_module(struct world *w, pipc_result result)
{
    if (result == PIPC_OK)
        return NULL;
    return pipc_config_add_module(w->config, &pipc_module_increment, NULL) == PIPC_OK
               ? NULL
               : "the module is refused the second time";
}

/* ---- contexts ---- */

static void prepare_open(struct world *w)
{
    char path[128];

    w->config = world_config(NULL, "shm,uds");
    MUST(pipc_config_set(w->config, "pipc", "run_dir", w->dir, NULL));
    put_file(w, "token", "0x1234\n", path);
    MUST(pipc_config_set(w->config, "service." SERVICE, "token_file", path, NULL));
    MUST(pipc_config_set(w->config, "transport.uds", "mode", "0660", NULL));
    MUST(pipc_config_set(w->config, "transport.uds", "group", "root", NULL));
    MUST(pipc_config_set(w->config, "transport.uds", "allow_uid", "0,1000,root", NULL));
}

static pipc_result open_context(struct world *w, struct pipc_error *err)
{
    const struct pipc_open_options options = {.size = sizeof(options),
                                              .allocator = &inject_allocator};
    struct pipc_context *context = NULL;
    const pipc_result result = pipc_open(w->config, &options, &context, err);

    w->extra = context;
    return result;
}

static const char *judge_open(struct world *w, pipc_result result)
{
    struct pipc_plan plan = {.size = sizeof(plan)};

    if (result != PIPC_OK && w->extra)
        return "there is a context though it failed";
    if (result != PIPC_OK && open_context(w, NULL) != PIPC_OK)
        return "the context cannot be opened the second time";
    if (pipc_service_plan(w->extra, SERVICE, &plan, NULL) != PIPC_OK || plan.supported != 3)
        return "the context has not what was configured";
    return NULL;
}

static void clean_open(struct world *w)
{
    char path[128];

    MUST(pipc_close(w->extra));
    w->extra = NULL;
    clean_config(w);
    snprintf(path, sizeof(path), "%s/token", w->dir);
    (void)unlink(path);
}

/* ---- module files ---- */

#if PIPC_TEST_HAVE_LOADER
/* Descriptors of files: the modules stay mapped, as they must. */
static void configure_files(struct world *w)
{
    MUST(pipc_config_new(NULL, &w->config));
    MUST(pipc_config_set(w->config, "pipc", "module_dir", PIPC_TEST_FIXTURE_DIR, NULL));
    MUST(pipc_config_set(w->config, "pipc", "codecs", "good_codec", NULL));
    MUST(pipc_config_set(w->config, "pipc", "transports", "file_transport", NULL));
    MUST(pipc_config_set(w->config, "pipc", "carrier", "file_transport", NULL));
}

static const char *judge_open_files(struct world *w, pipc_result result)
{
    struct pipc_module_info info = {.size = sizeof(info)};

    if (result != PIPC_OK && open_context(w, NULL) != PIPC_OK)
        return "the context cannot be opened the second time";
    if (pipc_module_info(w->extra, 0, &info) != PIPC_OK || !info.loaded)
        return "the module is not there";
    return NULL;
}

static void clean_open_files(struct world *w)
{
    MUST(pipc_close(w->extra));
    w->extra = NULL;
    clean_config(w);
}

/* One context with one module by its file; further ones are loaded by name. */
static void prepare_module(struct world *w)
{
    configure_files(w);
    MUST(open_context(w, NULL));
}

static pipc_result act_module_load(struct world *w, struct pipc_error *err)
{
    return pipc_module_load(w->extra, PIPC_MODULE_CODEC, "word_count", err);
}

static pipc_result act_module_check(struct world *w, struct pipc_error *err)
{
    struct pipc_module_info info = {.size = sizeof(info)};
    char words[1024];

    return pipc_module_check(w->extra, PIPC_TEST_FIXTURE_DIR "/good_codec.so", NULL, &info, words,
                             sizeof(words), err);
}

static void found(void *arg, const char *name, const char *file)
{
    (void)name;
    (void)file;
    ++*(unsigned *)arg;
}

static pipc_result act_module_scan(struct world *w, struct pipc_error *err)
{
    unsigned count = 0;
    const pipc_result result = pipc_module_scan(w->extra, &count, found, err);

    w->count = count;
    return result;
}

static const char *judge_scan(struct world *w, pipc_result result)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    (void)result;
    return act_module_scan(w, &err) == PIPC_OK && w->count > 2 ? NULL : "the second scan fails";
}
#endif

/* What is not needed for an answer may fail: measuring, counting CPUs, the short way to a number.
 */
static const struct expected expect_configuration[] = {
    {INJECT_ALLOC, false, {PIPC_ERR_ALLOC}},    {INJECT_MUTEX, false, {PIPC_ERR_ALLOC}},
    {INJECT_COND, false, {PIPC_ERR_ALLOC}},     {INJECT_OPEN, false, {PIPC_ERR_CONFIG}},
    {INJECT_FSTAT, false, {PIPC_ERR_CONFIG}},   {INJECT_READ, false, {PIPC_ERR_CONFIG}},
    {INJECT_ACCOUNT, false, {PIPC_ERR_CONFIG}}, {.results = {PIPC_OK}}};

#if PIPC_TEST_HAVE_LOADER
static const struct expected expect_module[] = {
    {INJECT_ALLOC, false, {PIPC_ERR_ALLOC}},
    {INJECT_MUTEX, false, {PIPC_ERR_ALLOC}},
    {INJECT_COND, false, {PIPC_ERR_ALLOC}},
    {INJECT_LSTAT, false, {PIPC_ERR_MODULE_OPEN, PIPC_ERR_MODULE_NOT_FOUND}},
    {INJECT_OPEN, false, {PIPC_ERR_MODULE_OPEN, PIPC_ERR_MODULE_NOT_FOUND}},
    {INJECT_FSTAT, false, {PIPC_ERR_MODULE_OPEN}},
    {INJECT_PREAD, false, {PIPC_ERR_MODULE_OPEN}},
    {INJECT_DLOPEN, false, {PIPC_ERR_MODULE_OPEN}},
    {INJECT_DLSYM, false, {PIPC_ERR_MODULE_SYMBOL}},
    {INJECT_DLINFO, false, {PIPC_ERR_MODULE_SYMBOL}},
    {.results = {PIPC_OK}}};
#endif

const struct operation context_operations[] = {
    {.name = "config_new",
     .act = act_config_new,
     .expected = expect_configuration,
     .clean = clean_config},
    {.name = "config_read_text",
     .names = {"a-text"},
     .prepare = prepare_config,
     .act = act_read_text,
     .expected = expect_configuration,
     .judge = judge_read_text,
     .clean = clean_config},
    {.name = "config_read_file",
     .names = {"file.ini"},
     .begin = begin_read_file,
     .prepare = prepare_config,
     .act = act_read_file,
     .expected = expect_configuration,
     .judge = judge_read_file,
     .clean = clean_config,
     .end = end_extra},
    {.name = "config_set",
     .names = {"run_dir", "a-service"},
     .prepare = prepare_config,
     .act = act_set,
     .expected = expect_configuration,
     .clean = clean_config},
    {.name = "config_add_module",
     .names = {"increment"},
     .prepare = prepare_config,
     .act = act_add_module,
     .expected = expect_configuration,
     .judge = judge_add_module,
     .clean = clean_config},
    {.name = "open",
     .names = {"uds", "shm", "increment", "cgroups", "for option", "[pipc]", SERVICE, "pipc_open",
               "list of modules"},
     .prepare = prepare_open,
     .act = open_context,
     .expected = expect_configuration,
     .judge = judge_open,
     .clean = clean_open},
#if PIPC_TEST_HAVE_LOADER
    {.name = "open_files",
     .names = {"good_codec", "file_transport", PIPC_TEST_FIXTURE_DIR, "[pipc]", "for option",
               "pipc_open", "list of modules"},
     .prepare = configure_files,
     .act = open_context,
     .expected = expect_module,
     .judge = judge_open_files,
     .clean = clean_open_files},
    {.name = "module_load",
     .names = {"word_count", PIPC_TEST_FIXTURE_DIR},
     .prepare = prepare_module,
     .act = act_module_load,
     .expected = expect_module,
     .clean = clean_open_files},
    {.name = "module_check",
     .names = {"good_codec", PIPC_TEST_FIXTURE_DIR},
     .prepare = prepare_module,
     .act = act_module_check,
     .expected = expect_module,
     .clean = clean_open_files},
    {.name = "module_scan",
     .names = {PIPC_TEST_FIXTURE_DIR, "list of modules"},
     .prepare = prepare_module,
     .act = act_module_scan,
     .expected = expect_module,
     .judge = judge_scan,
     .clean = clean_open_files},
#endif
    {.name = NULL}};
