/* SPDX-License-Identifier: Apache-2.0
 *
 * Module files through the loader: every stage, every refusal with its sentence, and what happens
 * to a good one.
 */
#include "test.h"

#include "module_fixture.h"

#include <pipc/export.h>

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

/* Exported by this program under the name of a module file's descriptor: the module's own must win.
 * A function, because the address sanitizer takes two variables of one name for a mistake. */
PIPC_MODULE_EXPORT int pipc_module_good_codec(void);
int pipc_module_good_codec(void)
{
    return 1;
}

#define DIR_CONFIG "[pipc]\nmodule_dir = " PIPC_TEST_FIXTURE_DIR "\ntransports = base\n"

static void need_loader(void)
{
    if (!PIPC_TEST_HAVE_LOADER)
        test_skip("this build has no loader");
}

/* A context whose transports are handed in and whose module_dir is that of the fixtures. */
static struct pipc_context *open_dir(void)
{
    need_loader();
    module_fixture_baseline(0, "base");
    return module_context(DIR_CONFIG "log_level = debug\n");
}

static void load_fails(struct pipc_context *context, const char *name, pipc_result result,
                       const char *stage, const char *sentence)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    char expected[512];

    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, name, &err), result);
    snprintf(expected, sizeof(expected), "/%s.so: %s", name, sentence);
    CHECK_HAS(err.text, expected);
    const struct pipc_module_info info = module_record(context, name);
    CHECK_RESULT(info.result, result);
    CHECK_STR(info.stage, stage);
    CHECK_STR(info.reason, err.text);
    CHECK_EQ(info.loaded, 0);
    CHECK(info.file != NULL);
}

static void refused_by_abi(const char *name, const char *sentence)
{
    struct pipc_context *const context = open_dir();

    load_fails(context, name, PIPC_ERR_MODULE_ABI, "abi", sentence);
    CHECK_OK(pipc_close(context));
}

TEST(module_load, good_file_is_loaded_and_recorded)
{
    struct pipc_context *const context = open_dir();
    CHECK_OK(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL));
    const struct pipc_module_info info = module_record(context, "good_codec");
    CHECK_STR(info.stage, "ready");
    CHECK_STR(info.reason, "");
    CHECK_EQ(info.loaded, 1);
    CHECK_EQ(info.builtin, 0);
    CHECK_EQ(info.kind, PIPC_MODULE_CODEC);
    CHECK_STR(info.file, PIPC_TEST_FIXTURE_DIR "/good_codec.so");
    CHECK_STR(info.module->vendor, "tests");
    CHECK_OK(pipc_close(context));
}

TEST(module_load, descriptor_of_the_file_wins_over_the_same_name_in_the_program)
{
    struct pipc_context *const context = open_dir();
    CHECK_OK(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL));
    CHECK((uintptr_t)module_record(context, "good_codec").module !=
          (uintptr_t)pipc_module_good_codec);
    CHECK_EQ(pipc_module_good_codec(), 1);
    CHECK_OK(pipc_close(context));
}

TEST(module_load, absent_file_is_not_found)
{
    struct pipc_context *const context = open_dir();
    load_fails(context, "nowhere", PIPC_ERR_MODULE_NOT_FOUND, "find", "there is no such file");
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
    struct pipc_context *const context = open_dir();
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
    struct pipc_context *const context = open_dir();
    load_fails(context, "no_symbol", PIPC_ERR_MODULE_SYMBOL, "symbol", "has no descriptor: ");
    CHECK_HAS(module_record(context, "no_symbol").reason, "pipc_module_no_symbol");
    CHECK_OK(pipc_close(context));
}

TEST(module_load, descriptor_of_a_dependency_is_refused)
{
    struct pipc_context *const context = open_dir();
    load_fails(context, "dep_symbol", PIPC_ERR_MODULE_SYMBOL, "symbol",
               "the symbol pipc_module_dep_symbol comes from another object");
    CHECK_OK(pipc_close(context));
}

TEST(module_load, failing_init_gives_its_text_and_code)
{
    struct pipc_context *const context = open_dir();
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
    struct pipc_context *const context = open_dir();
    const uint32_t before = records(context);
    for (int i = 0; i < 5; i++)
        CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "init_fails", NULL),
                     PIPC_ERR_MODULE_INIT);
    CHECK_EQ(records(context), before + 1);
    CHECK_OK(pipc_close(context));
}

TEST(module_load, record_of_attempts_has_an_end)
{
    struct pipc_context *const context = open_dir();
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

/* ---- hostile files ---- */

/* A context and a private module_dir; files in it are named X.so. */
static struct pipc_context *open_private(const char *dir)
{
    char text[512];

    need_loader();
    module_fixture_baseline(0, "base");
    snprintf(text, sizeof(text), "[pipc]\nmodule_dir = %s\ntransports = base\n", dir);
    return module_context(text);
}

static void put(const char *path, const void *bytes, size_t len)
{
    FILE *const f = fopen(path, "wb");
    CHECK(f != NULL);
    CHECK_EQ(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static void open_refused(const char *what, pipc_result result, const char *stage,
                         const char *sentence)
{
    struct pipc_context *const context = open_private(test_dir());
    (void)what;
    load_fails(context, "good_codec", result, stage, sentence);
    CHECK_OK(pipc_close(context));
}

TEST(module_load, text_file_is_refused)
{
    char text[200];
    memset(text, 'x', sizeof(text));
    put(test_path("good_codec.so"), text, sizeof(text));
    open_refused("text", PIPC_ERR_MODULE_OPEN, "open", "is no ELF object");
}

TEST(module_load, empty_file_is_refused)
{
    put(test_path("good_codec.so"), "", 0);
    open_refused("empty", PIPC_ERR_MODULE_OPEN, "open", "is too short for an ELF object");
}

static size_t read_all(const char *path, unsigned char *buf, size_t cap)
{
    FILE *const f = fopen(path, "rb");
    CHECK(f != NULL);
    const size_t len = fread(buf, 1, cap, f);
    fclose(f);
    CHECK(len < cap);
    return len;
}

static unsigned char image[1 << 22];

TEST(module_load, file_cut_anywhere_is_refused)
{
    const size_t len = read_all(module_file("good_codec"), image, sizeof(image));
    struct pipc_context *const context = open_private(test_dir());
    for (size_t percent = 2; percent <= 98; percent += 4) {
        struct pipc_error err = PIPC_ERROR_INIT;
        put(test_path("good_codec.so"), image, len * percent / 100);
        CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", &err),
                     PIPC_ERR_MODULE_OPEN);
        CHECK_HAS(err.text, "good_codec.so: is ");
    }
    CHECK_OK(pipc_close(context));
}

TEST(module_load, file_without_its_last_byte_is_refused)
{
    const size_t len = read_all(module_file("good_codec"), image, sizeof(image));
    put(test_path("good_codec.so"), image, len - 1);
    open_refused("cut", PIPC_ERR_MODULE_OPEN, "open", "is cut off");
}

/* One byte of the header is changed. */
static void changed(size_t at, unsigned char value, const char *sentence)
{
    const size_t len = read_all(module_file("good_codec"), image, sizeof(image));
    image[at] = value;
    put(test_path("good_codec.so"), image, len);
    open_refused("changed", PIPC_ERR_MODULE_OPEN, "open", sentence);
}

TEST(module_load, object_of_other_word_size_is_refused)
{
    changed(4, sizeof(void *) == 8 ? 1 : 2, "is an object for another machine");
}

TEST(module_load, object_of_other_byte_order_is_refused)
{
    changed(5, 3, "is an object for another machine");
}

TEST(module_load, object_for_another_machine_is_refused)
{
    changed(18, 0xf7, "is an object for another machine");
}

TEST(module_load, object_that_is_no_library_is_refused)
{
    changed(16, 1, "is no shared object");
}

TEST(module_load, fifo_is_refused_without_waiting)
{
    need_loader();
    CHECK_EQ(mkfifo(test_path("good_codec.so"), 0600), 0);
    open_refused("fifo", PIPC_ERR_MODULE_UNSAFE, "security", "is no regular file");
}

TEST(module_load, directory_is_refused)
{
    need_loader();
    CHECK_EQ(mkdir(test_path("good_codec.so"), 0700), 0);
    open_refused("directory", PIPC_ERR_MODULE_UNSAFE, "security", "is no regular file");
}

TEST(module_load, link_to_a_good_file_is_refused)
{
    CHECK_EQ(symlink(module_file("good_codec"), test_path("good_codec.so")), 0);
    open_refused("link", PIPC_ERR_MODULE_UNSAFE, "security", "is a symbolic link");
}

TEST(module_load, file_writable_by_its_group_is_refused)
{
    module_copy(module_file("good_codec"), test_path("good_codec.so"), 0620);
    open_refused("mode", PIPC_ERR_MODULE_UNSAFE, "security",
                 "may be written by its group or by others");
}

TEST(module_load, file_writable_by_others_is_refused)
{
    module_copy(module_file("good_codec"), test_path("good_codec.so"), 0602);
    open_refused("mode", PIPC_ERR_MODULE_UNSAFE, "security",
                 "may be written by its group or by others");
}

TEST(module_load, file_of_somebody_else_is_refused)
{
    if (geteuid() != 0)
        test_skip("only root can give a file away");
    module_copy(module_file("good_codec"), test_path("good_codec.so"), 0755);
    CHECK_EQ(chown(test_path("good_codec.so"), 65534, 65534), 0);
    open_refused("owner", PIPC_ERR_MODULE_UNSAFE, "security",
                 "belongs to somebody who is neither root nor the effective user");
}

/* The module lies in <test dir>/own, whose mode is `mode`; NULL: it loads. */
static void in_directory(mode_t mode, const char *sentence)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    const char *const file = module_file("good_codec");
    CHECK_EQ(mkdir(test_path("own"), 0700), 0);
    module_copy(file, test_path("own/good_codec.so"), 0644);
    CHECK_EQ(chmod(test_path("own"), mode), 0);
    struct pipc_context *const context = open_private(test_path("own"));
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", &err),
                 sentence ? PIPC_ERR_MODULE_UNSAFE : PIPC_OK);
    if (sentence) {
        CHECK_HAS(err.text, sentence);
        CHECK_STR(module_record(context, "good_codec").stage, "security");
    }
    CHECK_OK(pipc_close(context));
}

TEST(module_load, private_directory_below_a_sticky_one_of_root_is_accepted)
{
    /* The directory of the test lies in /tmp, which belongs to root and has the sticky bit. */
    in_directory(0755, NULL);
}

TEST(module_load, directory_writable_by_its_group_is_refused)
{
    in_directory(0775, "/own: may be written by its group or by others");
}

TEST(module_load, directory_writable_by_all_is_refused)
{
    in_directory(0777, "/own: may be written by its group or by others");
}

TEST(module_load, sticky_directory_as_the_modules_own_is_refused)
{
    in_directory(01777, "/own: may be written by its group or by others");
}

TEST(module_load, writable_directory_above_is_refused)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    const char *const file = module_file("good_codec");
    CHECK_EQ(mkdir(test_path("up"), 0700), 0);
    CHECK_EQ(mkdir(test_path("up/own"), 0700), 0);
    module_copy(file, test_path("up/own/good_codec.so"), 0644);
    CHECK_EQ(chmod(test_path("up"), 0777), 0);
    struct pipc_context *const context = open_private(test_path("up/own"));
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", &err),
                 PIPC_ERR_MODULE_UNSAFE);
    CHECK_HAS(err.text, "/up: may be written");
    CHECK_OK(pipc_close(context));
}

TEST(module_load, linked_directory_in_the_path_is_refused)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    need_loader();
    CHECK_EQ(symlink(PIPC_TEST_FIXTURE_DIR, test_path("own")), 0);
    struct pipc_context *const context = open_private(test_path("own"));
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", &err),
                 PIPC_ERR_MODULE_UNSAFE);
    CHECK_HAS(err.text, "/own: is a symbolic link, expected the real path");
    CHECK_OK(pipc_close(context));
}

TEST(module_load, path_with_dots_or_empty_parts_is_refused)
{
    static const char *const middles[] = {"/../modules", "/.", "/"};
    char dir[512];
    for (size_t i = 0; i < 3; i++) {
        struct pipc_error err = PIPC_ERROR_INIT;
        snprintf(dir, sizeof(dir), "%s%s", PIPC_TEST_FIXTURE_DIR, middles[i]);
        struct pipc_context *const context = open_private(dir);
        CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", &err),
                     PIPC_ERR_MODULE_UNSAFE);
        CHECK_HAS(err.text, "has an empty component");
        CHECK_OK(pipc_close(context));
    }
}

TEST(module_load, too_long_path_is_not_found)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    static char file[9000];
    memset(file, 'a', sizeof(file) - 1);
    file[0] = '/';
    struct pipc_context *const context = open_dir();
    struct pipc_module_info info = {.size = sizeof(info)};
    char text[1024];
    CHECK_RESULT(pipc_module_check(context, file, "good_codec", &info, text, sizeof(text), &err),
                 PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_HAS(err.text, "the path is too long");
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

static int with_environment(void *arg)
{
    static const char *const names[] = {"LD_LIBRARY_PATH", "PATH",         "PIPC_MODULE_DIR",
                                        "PIPC_MODULES",    "PIPC_PATH",    "PIPC_CONFIG",
                                        "PIPC_TRANSPORTS", "PIPC_RUN_DIR", "PIPC_LOG_LEVEL"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CHECK_EQ(setenv(names[i], PIPC_TEST_FIXTURE_DIR, 1), 0);
    CHECK_EQ(chdir(PIPC_TEST_FIXTURE_DIR), 0);
    struct pipc_context *const context = open_private(arg);
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL),
                 PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_STR(pipc_module_dir(context), arg);
    CHECK_OK(pipc_close(context));
    return 0;
}

TEST(module_load, environment_and_working_directory_name_nothing)
{
    char dir[64];
    need_loader();
    snprintf(dir, sizeof(dir), "%s", test_dir());
    CHECK_EQ(test_in_child(with_environment, dir), 0);
}

TEST(module_load, file_changed_into_a_good_one_is_loaded_at_the_next_try)
{
    const char *const file = module_file("good_codec");
    struct pipc_context *const context = open_private(test_dir());
    put(test_path("good_codec.so"), "x", 1);
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL),
                 PIPC_ERR_MODULE_OPEN);
    module_copy(file, test_path("new"), 0644);
    CHECK_EQ(rename(test_path("new"), test_path("good_codec.so")), 0);
    CHECK_OK(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL));
    CHECK_OK(pipc_close(context));
}
