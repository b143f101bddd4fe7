/* SPDX-License-Identifier: Apache-2.0
 *
 * Module files through the loader: every stage, every refusal with its sentence, and what happens
 * to a good one.
 */
#include "test.h"

#include "module_fixture.h"

#include <pipc/export.h>

/* Exported by this program under the name of a module file's descriptor: the module's own must win.
 * A function, because the address sanitizer takes two variables of one name for a mistake. */
PIPC_MODULE_EXPORT int pipc_module_good_codec(void);
int pipc_module_good_codec(void)
{
    return 1;
}

static void refused_by_abi(const char *name, const char *sentence)
{
    struct pipc_context *const context = module_open_dir();

    module_load_fails(context, name, PIPC_ERR_MODULE_ABI, "abi", sentence);
    CHECK_OK(pipc_close(context));
}

TEST(module_load, good_file_is_loaded_and_recorded)
{
    struct pipc_context *const context = module_open_dir();
    CHECK_OK(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL));
    const struct pipc_module_info info = module_record(context, "good_codec");
    CHECK_STR(info.stage, "ready");
    CHECK_STR(info.reason, "");
    CHECK_EQ(info.loaded, 1);
    CHECK_EQ(info.builtin, 0);
    CHECK_EQ(info.kind, PIPC_MODULE_CODEC);
    CHECK_STR(info.file, PIPC_TEST_FIXTURE_DIR "/good_codec" PIPC_TEST_MODULE_SUFFIX);
    CHECK_STR(info.module->vendor, "tests");
    CHECK_OK(pipc_close(context));
}

TEST(module_load, descriptor_of_the_file_wins_over_the_same_name_in_the_program)
{
    struct pipc_context *const context = module_open_dir();
    CHECK_OK(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL));
    CHECK((uintptr_t)module_record(context, "good_codec").module !=
          (uintptr_t)pipc_module_good_codec);
    CHECK_EQ(pipc_module_good_codec(), 1);
    CHECK_OK(pipc_close(context));
}

TEST(module_load, absent_file_is_not_found)
{
    struct pipc_context *const context = module_open_dir();
    module_load_fails(context, "nowhere", PIPC_ERR_MODULE_NOT_FOUND, "find",
                      "there is no such file");
    CHECK_HAS(module_log(), "3 codec \"nowhere\" is not available: ");
    CHECK_OK(pipc_close(context));
}

TEST(module_load, other_magic_is_refused)
{
    refused_by_abi("bad_magic", "magic is 0x4d504951, expected 0x4d504950");
}

TEST(module_load, head_of_zeros_is_refused)
{
    refused_by_abi("zero_head", "magic is 0x00000000, expected 0x4d504950");
}

TEST(module_load, unknown_kind_is_refused)
{
    refused_by_abi("wrong_kind", "kind is 3, expected 1 (transport) or 2 (codec)");
}

TEST(module_load, next_major_is_refused)
{
    refused_by_abi("major_above", "built for codec ABI 2.0, this library has 1.0");
}

TEST(module_load, major_before_is_refused)
{
    refused_by_abi("major_below", "built for codec ABI 0.0, this library has 1.0");
}

TEST(module_load, newer_minor_that_needs_nothing_is_loaded)
{
    struct pipc_context *const context = module_open_dir();
    CHECK_OK(pipc_module_load(context, PIPC_MODULE_CODEC, "minor_above", NULL));
    CHECK_OK(pipc_close(context));
}

TEST(module_load, newer_host_needed_is_refused)
{
    refused_by_abi("host_above", "needs host minor 1, this library has 0");
}

TEST(module_load, too_small_descriptor_is_refused)
{
    refused_by_abi("small_size", "size of the descriptor is ");
}

TEST(module_load, descriptor_larger_than_its_file_is_refused)
{
    refused_by_abi("big_size", "size of the descriptor is 1073741824, expected ");
}

TEST(module_load, other_name_inside_is_refused)
{
    refused_by_abi("wrong_name",
                   "the descriptor's name is \"other_name\", expected \"wrong_name\"");
}

TEST(module_load, missing_entry_is_refused_by_name)
{
    refused_by_abi("entry_missing", "entry \"dispatch\" is missing");
}

TEST(module_load, trait_without_its_entry_is_refused_by_name)
{
    refused_by_abi("trait_alone", "entry \"snapshot\" is missing, needed by SNAPSHOT");
}

TEST(module_load, entry_without_its_trait_is_refused_by_name)
{
    refused_by_abi("entry_alone", "entry \"snapshot\" is there, its trait SNAPSHOT is not claimed");
}

TEST(module_load, other_kind_than_asked_for_is_refused)
{
    refused_by_abi("file_transport", "is a transport, expected a codec");
}

TEST(module_load, file_without_descriptor_gives_the_linkers_text)
{
    struct pipc_context *const context = module_open_dir();
    module_load_fails(context, "no_symbol", PIPC_ERR_MODULE_SYMBOL, "symbol",
                      "has no descriptor: ");
    CHECK_HAS(module_record(context, "no_symbol").reason, "pipc_module_no_symbol");
    CHECK_OK(pipc_close(context));
}

TEST(module_load, descriptor_of_a_dependency_is_refused)
{
    struct pipc_context *const context = module_open_dir();
    module_load_fails(context, "dep_symbol", PIPC_ERR_MODULE_SYMBOL, "symbol",
                      "the symbol pipc_module_dep_symbol comes from another object");
    CHECK_OK(pipc_close(context));
}

TEST(module_load, failing_init_gives_its_text_and_code)
{
    struct pipc_context *const context = module_open_dir();
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "init_fails", &err),
                 PIPC_ERR_MODULE_INIT);
    CHECK_STR(err.text, "codec \"init_fails\" failed to start: there is no device");
    CHECK_EQ(err.os_code, 24);
    const struct pipc_module_info info = module_record(context, "init_fails");
    CHECK_STR(info.stage, "init");
    CHECK(info.module != NULL);
    CHECK_HAS(module_log(), "1 codec \"init_fails\" is not available: codec \"init_fails\" failed");
    CHECK_OK(pipc_close(context));
}

static uint32_t records(struct pipc_context *context)
{
    struct pipc_module_info info = {.size = sizeof(info)};
    uint32_t count = 0;
    while (pipc_module_info(context, count, &info) == PIPC_OK)
        count++;
    return count;
}

TEST(module_load, failure_can_be_tried_again_and_is_recorded_once)
{
    struct pipc_context *const context = module_open_dir();
    const uint32_t before = records(context);
    for (int i = 0; i < 5; i++)
        CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "init_fails", NULL),
                     PIPC_ERR_MODULE_INIT);
    CHECK_EQ(records(context), before + 1);
    CHECK_OK(pipc_close(context));
}

TEST(module_load, record_of_attempts_has_an_end)
{
    struct pipc_context *const context = module_open_dir();
    for (unsigned i = 0; i < 1100; i++) {
        char name[32];
        snprintf(name, sizeof(name), "absent_%u", i);
        CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, name, NULL),
                     PIPC_ERR_MODULE_NOT_FOUND);
    }
    CHECK_EQ(records(context), 1024);
    CHECK_OK(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL));
    CHECK_EQ(module_record(context, "good_codec").loaded, 1);
    CHECK_OK(pipc_close(context));
}

TEST(module_load, names_that_are_none_are_refused_before_the_disk)
{
    static char huge[10241];
    struct pipc_error err = PIPC_ERROR_INIT;
    module_fixture_baseline(0, "base");
    struct pipc_context *const context = module_context("[pipc]\ntransports = base\n");
    memset(huge, 'a', sizeof(huge) - 1);
    const char *const names[] = {"../x", "", "A", "9a", "a/b", "a.b", "a-b", "_a", huge};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, names[i], &err),
                     PIPC_ERR_MODULE_NOT_FOUND);
        CHECK_HAS(err.text, "expected [a-z][a-z0-9_]{0,31}");
    }
    CHECK_OK(pipc_close(context));
}
