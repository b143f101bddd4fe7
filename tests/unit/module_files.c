/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and directories that the loader of POSIX systems must refuse: no whole objects, other
 * kinds, rights of others, links, paths that lead elsewhere. Windows has a program of this name of
 * its own.
 */
#include "test.h"

#include "module_fixture.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static void open_refused(const char *what, pipc_result result, const char *stage,
                         const char *sentence)
{
    struct pipc_context *const context = module_open_private(test_dir());
    (void)what;
    module_load_fails(context, "good_codec", result, stage, sentence);
    CHECK_OK(pipc_close(context));
}

TEST(module_load, text_file_is_refused)
{
    char text[200];
    memset(text, 'x', sizeof(text));
    module_put(test_path("good_codec.so"), text, sizeof(text));
    open_refused("text", PIPC_ERR_MODULE_OPEN, "open", "is no ELF object");
}

TEST(module_load, empty_file_is_refused)
{
    module_put(test_path("good_codec.so"), "", 0);
    open_refused("empty", PIPC_ERR_MODULE_OPEN, "open", "is too short for an ELF object");
}

static unsigned char image[1 << 22];

TEST(module_load, file_cut_anywhere_is_refused)
{
    const size_t len = module_read(module_file("good_codec"), image, sizeof(image));
    struct pipc_context *const context = module_open_private(test_dir());
    for (size_t percent = 2; percent <= 98; percent += 4) {
        struct pipc_error err = PIPC_ERROR_INIT;
        module_put(test_path("good_codec.so"), image, len * percent / 100);
        CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", &err),
                     PIPC_ERR_MODULE_OPEN);
        CHECK_HAS(err.text, "good_codec.so: is ");
    }
    CHECK_OK(pipc_close(context));
}

TEST(module_load, file_without_its_last_byte_is_refused)
{
    const size_t len = module_read(module_file("good_codec"), image, sizeof(image));
    module_put(test_path("good_codec.so"), image, len - 1);
    open_refused("cut", PIPC_ERR_MODULE_OPEN, "open", "is cut off");
}

/* One byte of the header is changed. */
static void changed(size_t at, unsigned char value, const char *sentence)
{
    const size_t len = module_read(module_file("good_codec"), image, sizeof(image));
    image[at] = value;
    module_put(test_path("good_codec.so"), image, len);
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
    module_need_loader();
    CHECK_EQ(mkfifo(test_path("good_codec.so"), 0600), 0);
    open_refused("fifo", PIPC_ERR_MODULE_UNSAFE, "security", "is no regular file");
}

TEST(module_load, directory_is_refused)
{
    module_need_loader();
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
    struct pipc_context *const context = module_open_private(test_path("own"));
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
    struct pipc_context *const context = module_open_private(test_path("up/own"));
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", &err),
                 PIPC_ERR_MODULE_UNSAFE);
    CHECK_HAS(err.text, "/up: may be written");
    CHECK_OK(pipc_close(context));
}

TEST(module_load, linked_directory_in_the_path_is_refused)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    module_need_loader();
    CHECK_EQ(symlink(PIPC_TEST_FIXTURE_DIR, test_path("own")), 0);
    struct pipc_context *const context = module_open_private(test_path("own"));
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", &err),
                 PIPC_ERR_MODULE_UNSAFE);
    CHECK_HAS(err.text, "/own: is a symbolic link, expected the real path");
    CHECK_OK(pipc_close(context));
}

TEST(module_load, path_with_dots_or_empty_parts_is_refused)
{
    static const char *const dirs[] = {PIPC_TEST_FIXTURE_DIR "/../modules",
                                       PIPC_TEST_FIXTURE_DIR "/.", ("/" PIPC_TEST_FIXTURE_DIR)};
    for (size_t i = 0; i < 3; i++) {
        struct pipc_error err = PIPC_ERROR_INIT;
        struct pipc_context *const context = module_open_private(dirs[i]);
        CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", &err),
                     PIPC_ERR_MODULE_UNSAFE);
        CHECK_HAS(err.text, "has an empty component");
        CHECK_OK(pipc_close(context));
    }
}

TEST(module_load, slashes_behind_the_module_directory_do_not_count)
{
    struct pipc_context *const context = module_open_private(PIPC_TEST_FIXTURE_DIR "//");
    CHECK_STR(pipc_module_dir(context), PIPC_TEST_FIXTURE_DIR);
    CHECK_OK(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL));
    CHECK_OK(pipc_close(context));
}

TEST(module_load, root_as_the_module_directory_stays_what_it_is)
{
    struct pipc_context *const context = module_open_private("/");
    CHECK_STR(pipc_module_dir(context), "/");
    CHECK_OK(pipc_close(context));
}

TEST(module_load, too_long_path_is_not_found)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    static char file[9000];
    memset(file, 'a', sizeof(file) - 1);
    file[0] = '/';
    struct pipc_context *const context = module_open_dir();
    struct pipc_module_info info = {.size = sizeof(info)};
    char text[1024];
    CHECK_RESULT(pipc_module_check(context, file, "good_codec", &info, text, sizeof(text), &err),
                 PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_HAS(err.text, "the path is too long");
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
    struct pipc_context *const context = module_open_private(arg);
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL),
                 PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_STR(pipc_module_dir(context), arg);
    CHECK_OK(pipc_close(context));
    return 0;
}

TEST(module_load, environment_and_working_directory_name_nothing)
{
    char dir[64];
    module_need_loader();
    snprintf(dir, sizeof(dir), "%s", test_dir());
    CHECK_EQ(test_in_child(with_environment, dir), 0);
}

TEST(module_load, file_changed_into_a_good_one_is_loaded_at_the_next_try)
{
    const char *const file = module_file("good_codec");
    struct pipc_context *const context = module_open_private(test_dir());
    module_put(test_path("good_codec.so"), "x", 1);
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL),
                 PIPC_ERR_MODULE_OPEN);
    module_copy(file, test_path("new"), 0644);
    CHECK_EQ(rename(test_path("new"), test_path("good_codec.so")), 0);
    CHECK_OK(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL));
    CHECK_OK(pipc_close(context));
}
