/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors to hand in, made at run time, and contexts opened with them.
 */
#include "module_fixture.h"

#include "test.h"

#include <pthread.h>
#include <sys/stat.h>

static struct module_fixture fixtures[MODULE_FIXTURES_MAX];

/* An init knows its fixture only by its address, so that there is one for each number. */
static pipc_result start(unsigned number, const struct pipc_host *host,
                         const struct pipc_option_value *values, uint32_t value_count,
                         void **ret_self, struct pipc_error *err)
{
    struct module_seen *const seen = &fixtures[number].seen;

    __atomic_add_fetch(&seen->inits, 1, __ATOMIC_SEQ_CST);
    seen->host = host;
    seen->values = values;
    seen->value_count = value_count;
    *ret_self = seen;
    if (seen->give != PIPC_OK)
        host->error_set(host, err, seen->give, 7, seen->give_text);
    return seen->give;
}

static void end(void *self)
{
    struct module_seen *const seen = self;

    __atomic_add_fetch(&seen->finis, 1, __ATOMIC_SEQ_CST);
}

#define START(n)                                                                              \
    static pipc_result start##n(const struct pipc_host *host,                                 \
                                const struct pipc_option_value *values, uint32_t value_count, \
                                void **ret_self, struct pipc_error *err)                      \
    {                                                                                         \
        return start(n, host, values, value_count, ret_self, err);                            \
    }
START(0)
START(1)
START(2)
START(3)
START(4)
START(5)
START(6)
START(7)
START(8)
START(9)
START(10)
START(11)

static pipc_result (*const starts[MODULE_FIXTURES_MAX])(const struct pipc_host *,
                                                        const struct pipc_option_value *, uint32_t,
                                                        void **, struct pipc_error *) = {
    start0, start1, start2, start3, start4,  start5,
    start6, start7, start8, start9, start10, start11};

static struct module_fixture *make(unsigned number, const char *name, uint32_t kind)
{
    struct module_fixture *const f = &fixtures[number];

    memset(f, 0, sizeof(*f));
    f->module = (struct pipc_module){
        .magic = PIPC_MODULE_MAGIC,
        .kind = kind,
        .abi_major = kind == PIPC_MODULE_CODEC ? PIPC_CODEC_ABI_MAJOR : PIPC_TRANSPORT_ABI_MAJOR,
        .size = sizeof(struct pipc_module),
        .name = name,
        .version = "1.0",
        .vendor = "tests",
        .summary = "Made by a test.",
        .ops = kind == PIPC_MODULE_CODEC ? (const void *)&f->codec : (const void *)&f->transport,
        .init = starts[number],
        .fini = end,
    };
    return f;
}

struct module_fixture *module_fixture_baseline(unsigned number, const char *name)
{
    struct module_fixture *const f = make(number, name, PIPC_MODULE_TRANSPORT);

    f->transport = (struct pipc_transport_ops){
        .size = sizeof(f->transport),
        .traits = PIPC_TRAIT_BASELINE,
        FIXTURE_BASELINE_ENTRIES,
        FIXTURE_CHANNEL_ENTRIES,
    };
    return f;
}

struct module_fixture *module_fixture_upgrade(unsigned number, const char *name, uint32_t bits)
{
    struct module_fixture *const f = make(number, name, PIPC_MODULE_TRANSPORT);

    f->transport = (struct pipc_transport_ops){
        .size = sizeof(f->transport),
        .traits = PIPC_TRAIT_UPGRADE,
        .profile_bits = bits,
        FIXTURE_UPGRADE_ENTRIES,
        FIXTURE_CHANNEL_ENTRIES,
    };
    return f;
}

static const struct pipc_option wraps_option = {"wraps", PIPC_OPTION_TEXT,        0, 0, 0, NULL,
                                                NULL,    "The transport to wrap."};

struct module_fixture *module_fixture_wrapper(unsigned number, const char *name)
{
    struct module_fixture *const f = make(number, name, PIPC_MODULE_TRANSPORT);

    f->transport = (struct pipc_transport_ops){
        .size = sizeof(f->transport),
        .traits = PIPC_TRAIT_WRAPPER,
        FIXTURE_BASELINE_ENTRIES,
        FIXTURE_UPGRADE_ENTRIES,
        FIXTURE_CHANNEL_ENTRIES,
    };
    f->module.options = &wraps_option;
    f->module.option_count = 1;
    return f;
}

struct module_fixture *module_fixture_codec(unsigned number, const char *name, uint16_t code)
{
    struct module_fixture *const f = make(number, name, PIPC_MODULE_CODEC);

    f->call = (struct pipc_call_ops){.size = sizeof(f->call), FIXTURE_CALL_ENTRIES};
    f->hooks = (struct pipc_snapshot_hooks){
        .size = sizeof(f->hooks), .head_size = 8, .item_size = 32, FIXTURE_HOOK_ENTRIES};
    f->lookup = (struct pipc_lookup_hooks){
        .size = sizeof(f->lookup), .key_size = 8, FIXTURE_LOOKUP_ENTRIES};
    f->table[0] = sizeof(f->table);
    f->codec = (struct pipc_codec_ops){
        .size = sizeof(f->codec),
        .code = code,
        .table_major = 1,
        .table = f->table,
        .call = &f->call,
        FIXTURE_CODEC_ENTRIES,
    };
    return f;
}

void module_fixture_options(struct module_fixture *fixture)
{
    fixture->module.options = fixture_options;
    fixture->module.option_count = FIXTURE_OPTION_COUNT;
}

/* ---- the log ---- */

static char log_text[16384];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

void module_log_take(void *arg, uint32_t level, const char *text)
{
    (void)arg;
    pthread_mutex_lock(&log_lock);
    const size_t used = strlen(log_text);
    snprintf(log_text + used, sizeof(log_text) - used, "%u %s\n", level, text);
    pthread_mutex_unlock(&log_lock);
}

const char *module_log(void)
{
    return log_text;
}

/* ---- contexts ---- */

struct pipc_config *module_config(void)
{
    struct pipc_config *config = NULL;

    CHECK_OK(pipc_config_new(NULL, &config));
    for (unsigned i = 0; i < MODULE_FIXTURES_MAX; i++) {
        if (fixtures[i].module.name)
            CHECK_OK(pipc_config_add_module(config, &fixtures[i].module, NULL));
    }
    return config;
}

#if !PIPC_TEST_HAVE_INI
static pipc_result feed_line(struct pipc_config *config, char *line, char *section,
                             struct pipc_error *err)
{
    char *const equals = strchr(line, '=');

    if (line[0] == '[') {
        snprintf(section, 256, "%.*s", (int)strcspn(line + 1, "]"), line + 1);
        return PIPC_OK;
    }
    if (!equals)
        return PIPC_OK;
    char *key_end = equals;
    while (key_end > line && key_end[-1] == ' ')
        key_end--;
    *key_end = '\0';
    return pipc_config_set(config, section, line, equals + 1, err);
}
#endif

pipc_result module_feed(struct pipc_config *config, const char *text, struct pipc_error *err)
{
#if PIPC_TEST_HAVE_INI
    return pipc_config_read_text(config, text, strlen(text), "test.ini", err);
#else
    char copy[8192], section[256] = "", *rest = copy;
    pipc_result result = PIPC_OK;

    snprintf(copy, sizeof(copy), "%s", text);
    for (char *line; result == PIPC_OK && (line = strsep(&rest, "\n"));)
        result = feed_line(config, line, section, err);
    return result;
#endif
}

pipc_result module_open(const char *text, struct pipc_context **ret_context, struct pipc_error *err)
{
    struct pipc_config *const config = module_config();
    const struct pipc_open_options options = {.size = sizeof(options), .log = module_log_take};
    pipc_result result = module_feed(config, text, err);

    if (result == PIPC_OK)
        result = pipc_open(config, &options, ret_context, err);
    pipc_config_free(config);
    return result;
}

struct pipc_context *module_context(const char *text)
{
    struct pipc_context *context = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result result = module_open(text, &context, &err);

    CHECK_MSG(result == PIPC_OK, "pipc_open gave %s: %s", pipc_result_name(result), err.text);
    return context;
}

void module_refused(const char *text, pipc_result result, struct pipc_error *err)
{
    struct pipc_context *context = NULL;
    const struct pipc_error fresh = PIPC_ERROR_INIT;

    *err = fresh;
    const pipc_result got = module_open(text, &context, err);
    CHECK_MSG(got == result, "%s: got %s (%s), expected %s", text, pipc_result_name(got), err->text,
              pipc_result_name(result));
    CHECK(context == NULL);
    CHECK_RESULT(err->result, result);
    CHECK(err->text[0] != '\0' && strlen(err->text) < 256 && !strchr(err->text, '\n'));
}

struct pipc_module_info module_record(struct pipc_context *context, const char *name)
{
    struct pipc_module_info info = {.size = sizeof(info)};

    for (uint32_t i = 0; pipc_module_info(context, i, &info) == PIPC_OK; i++) {
        if (strcmp(info.name, name) == 0)
            return info;
    }
    test_fail(__FILE__, __LINE__, "there is no record of \"%s\"", name);
}

/* ---- files ---- */

void module_need_loader(void)
{
    if (!PIPC_TEST_HAVE_LOADER)
        test_skip("this build has no loader");
}

const char *module_file(const char *name)
{
    static char ring[4][512];
    static unsigned next;
    char *const path = ring[next++ % 4];

    module_need_loader();
    snprintf(path, sizeof(ring[0]), "%s/%s%s", PIPC_TEST_FIXTURE_DIR, name,
             PIPC_TEST_MODULE_SUFFIX);
    FILE *const f = fopen(path, "rb");
    if (!f)
        test_fail(__FILE__, __LINE__, "%s is not there", path);
    fclose(f);
    return path;
}

void module_put(const char *path, const void *bytes, size_t len)
{
    FILE *const f = fopen(path, "wb");

    CHECK(f != NULL);
    CHECK_EQ(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

size_t module_read(const char *path, unsigned char *buf, size_t cap)
{
    FILE *const f = fopen(path, "rb");

    CHECK_MSG(f != NULL, "%s cannot be read", path);
    const size_t len = fread(buf, 1, cap, f);
    fclose(f);
    CHECK(len < cap);
    return len;
}

void module_copy(const char *from, const char *to, unsigned mode)
{
    static unsigned char bytes[1 << 22];
    const size_t len = module_read(from, bytes, sizeof(bytes));

    module_put(to, bytes, len);
    CHECK_EQ(chmod(to, mode), 0);
}

struct pipc_context *module_open_private(const char *dir)
{
    char text[512];

    module_need_loader();
    module_fixture_baseline(0, "base");
    snprintf(text, sizeof(text), "[pipc]\nmodule_dir = %s\ntransports = base\nlog_level = debug\n",
             dir);
    return module_context(text);
}

struct pipc_context *module_open_dir(void)
{
    return module_open_private(PIPC_TEST_FIXTURE_DIR);
}

void module_load_fails(struct pipc_context *context, const char *name, pipc_result result,
                       const char *stage, const char *sentence)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    char expected[512];

    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, name, &err), result);
    snprintf(expected, sizeof(expected), "/%s%s: %s", name, PIPC_TEST_MODULE_SUFFIX, sentence);
    CHECK_HAS(err.text, expected);
    const struct pipc_module_info info = module_record(context, name);
    CHECK_RESULT(info.result, result);
    CHECK_STR(info.stage, stage);
    /* Of what is not there the error lists what is, too. */
    CHECK_MSG(strncmp(err.text, info.reason, strlen(info.reason)) == 0, "%s: %s", info.reason,
              err.text);
    CHECK_EQ(info.loaded, 0);
    CHECK(info.file != NULL);
}
