/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration text, with handed-in modules that declare options of every type, and a context
 * opened from it.
 *
 * The same text must give the same answer twice, a refused text must leave the configuration as it
 * was, and every refusal has a sentence.
 */
#include "fuzz.h"

#include "tests/modules/fixture.h"

#include <pipc/context.h>

#include <stdbool.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct pipc_transport_ops base_ops = {.size = sizeof(base_ops),
                                                   .traits = PIPC_TRAIT_BASELINE,
                                                   FIXTURE_BASELINE_ENTRIES,
                                                   FIXTURE_CHANNEL_ENTRIES};
static const struct pipc_transport_ops fast_ops = {.size = sizeof(fast_ops),
                                                   .traits = PIPC_TRAIT_UPGRADE,
                                                   FIXTURE_UPGRADE_ENTRIES,
                                                   FIXTURE_CHANNEL_ENTRIES};
static const struct pipc_transport_ops spy_ops = {.size = sizeof(spy_ops),
                                                  .traits = PIPC_TRAIT_WRAPPER,
                                                  FIXTURE_BASELINE_ENTRIES,
                                                  FIXTURE_UPGRADE_ENTRIES,
                                                  FIXTURE_CHANNEL_ENTRIES};
static const struct pipc_call_ops call = {.size = sizeof(call), FIXTURE_CALL_ENTRIES};
static const uint32_t table[2] = {sizeof(table), 0};
static const struct pipc_codec_ops codec_ops = {
    .size = sizeof(codec_ops), .code = 9, .table = table, .call = &call, FIXTURE_CODEC_ENTRIES};
static const struct pipc_option wraps = {"wraps", PIPC_OPTION_TEXT, 0, 0, 0, NULL,
                                         NULL,    "What to wrap."};

#define MODULE(kind_, name_, ops_, options_, count_)                                          \
    {                                                                                         \
        .magic = PIPC_MODULE_MAGIC, .kind = kind_, .abi_major = 1,                            \
        .size = sizeof(struct pipc_module), .name = name_, .version = "1", .vendor = "fuzz",  \
        .summary = "Of the fuzzer.", .ops = ops_, .options = options_, .option_count = count_ \
    }
static const struct pipc_module modules[] = {
    MODULE(PIPC_MODULE_TRANSPORT, "base", &base_ops, fixture_options, FIXTURE_OPTION_COUNT),
    MODULE(PIPC_MODULE_TRANSPORT, "fast", &fast_ops, fixture_options, FIXTURE_OPTION_COUNT),
    MODULE(PIPC_MODULE_TRANSPORT, "spy", &spy_ops, &wraps, 1),
    MODULE(PIPC_MODULE_CODEC, "c", &codec_ops, fixture_options, FIXTURE_OPTION_COUNT),
};

static void check(bool holds)
{
    if (!holds)
        abort();
}

static struct pipc_config *make(void)
{
    struct pipc_config *config = NULL;

    check(pipc_config_new(NULL, &config) == PIPC_OK);
    for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
        check(pipc_config_add_module(config, &modules[i], NULL) == PIPC_OK);
    /* What a text names must be handed in: the fuzzer loads no file of this machine. */
    check(pipc_config_set(config, "pipc", "module_dir", "/nonexistent", NULL) == PIPC_OK);
    return config;
}

static bool names_a_file(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i + 4 <= len; i++) {
        if (memcmp(data + i, "file", 4) == 0)
            return true;
    }
    return false;
}

static void open_it(const struct pipc_config *config)
{
    struct pipc_context *context = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_plan plan = {.size = sizeof(plan)};

    const pipc_result result = pipc_open(config, NULL, &context, &err);
    if (result != PIPC_OK) {
        check(context == NULL && err.result == result && err.text[0] && strlen(err.text) < 256);
        return;
    }
    check(pipc_service_plan(context, "s", &plan, NULL) == PIPC_OK);
    check(plan.supported != 0 && plan.preferred != 0 && plan.carrier);
    check((plan.preferred & ~plan.supported) == 0 && plan.plane_count <= 16);
    check(pipc_close(context) == PIPC_OK);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    static const char good[] = "[service.after]\nmax_sessions = 1\n";
    struct pipc_error first = PIPC_ERROR_INIT, second = PIPC_ERROR_INIT;
    struct pipc_config *const a = make(), *const b = make();
    const char *const text = (const char *)data;

    const pipc_result result = pipc_config_read_text(a, text, len, "fuzz", &first);
    check(pipc_config_read_text(b, text, len, "fuzz", &second) == result);
    check(strcmp(first.text, second.text) == 0);
    if (result != PIPC_OK) {
        check(result == PIPC_ERR_CONFIG || result == PIPC_ERR_NOT_SUPPORTED);
        check(first.text[0] != '\0');
        if (result == PIPC_ERR_CONFIG)
            check(pipc_config_read_text(a, good, strlen(good), "good", NULL) == PIPC_OK);
    } else if (!names_a_file(data, len)) {
        open_it(a);
    }
    pipc_config_free(a);
    pipc_config_free(b);
}
