/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and directories that the loader of Windows must refuse: no whole images, other kinds,
 * rights of others, paths that lead elsewhere. POSIX systems have a program of this name of their
 * own.
 */
#include "core/module/loader.h"
#include "module_fixture.h"
#include "test.h"
#include "windows/rights.h"

#include <windows.h>

static unsigned char image[1 << 22];

static void refused(const char *sentence, pipc_result result, const char *stage)
{
    struct pipc_context *const context = module_open_private(test_dir());

    module_load_fails(context, "good_codec", result, stage, sentence);
    CHECK_OK(pipc_close(context));
}

/* The good module in the test's directory, `len` bytes of it, with one byte changed. */
static void damaged(size_t cut, size_t at, unsigned char value, const char *sentence)
{
    const size_t len = module_read(module_file("good_codec"), image, sizeof(image));

    if (at)
        image[at] = value;
    module_put(test_path("good_codec.dll"), image, cut ? len - cut : len);
    refused(sentence, PIPC_ERR_MODULE_OPEN, "open");
}

/* Where the headers behind the one of DOS begin. */
static size_t header_at(void)
{
    module_read(module_file("good_codec"), image, sizeof(image));
    return (size_t)image[60] + ((size_t)image[61] << 8);
}

TEST(module_load, text_file_is_refused)
{
    memset(image, 'x', 200);
    module_put(test_path("good_codec.dll"), image, 200);
    refused("is no library of Windows", PIPC_ERR_MODULE_OPEN, "open");
}

TEST(module_load, empty_file_is_refused)
{
    module_put(test_path("good_codec.dll"), "", 0);
    refused("is no library of Windows", PIPC_ERR_MODULE_OPEN, "open");
}

TEST(module_load, file_cut_anywhere_is_refused)
{
    const size_t len = module_read(module_file("good_codec"), image, sizeof(image));
    IMAGE_NT_HEADERS headers;
    size_t end = 0; /* of the last section; the linker puts symbols for debuggers behind it */

    memcpy(&headers, image + header_at(), sizeof(headers));
    for (unsigned i = 0; i < headers.FileHeader.NumberOfSections; i++) {
        IMAGE_SECTION_HEADER section;
        memcpy(&section, image + header_at() + sizeof(headers) + i * sizeof(section),
               sizeof(section));
        if (section.PointerToRawData + section.SizeOfRawData > end)
            end = section.PointerToRawData + section.SizeOfRawData;
    }
    CHECK(end > 1000 && end <= len);
    struct pipc_context *const context = module_open_private(test_dir());
    for (size_t keep = 1; keep < end; keep += end / 40 + 1) {
        struct pipc_error err = PIPC_ERROR_INIT;
        module_put(test_path("good_codec.dll"), image, keep);
        CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", &err),
                     PIPC_ERR_MODULE_OPEN);
        CHECK_HAS(err.text, "good_codec.dll: is ");
    }
    CHECK_OK(pipc_close(context));
    module_put(test_path("good_codec.dll"), image, end - 1);
    refused("is cut off", PIPC_ERR_MODULE_OPEN, "open");
}

TEST(module_load, object_for_another_machine_is_refused)
{
    damaged(0, header_at() + 4, 0x4c, "is an image for another machine");
}

TEST(module_load, object_without_its_signature_is_refused)
{
    damaged(0, header_at(), 'Q', "is no library of Windows, or is cut off");
}

TEST(module_load, object_that_is_no_library_is_refused)
{
    damaged(0, header_at() + 23, 0, "is a program and no library");
}

TEST(module_load, whole_headers_around_garbage_give_the_systems_code_and_text)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    /* The magic of the optional header, which only the system's loader looks at. */
    damaged(0, header_at() + 24, 0, "cannot be opened: no image for this machine (193)");
    struct pipc_context *const context = module_open_private(test_dir());
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", &err),
                 PIPC_ERR_MODULE_OPEN);
    CHECK_EQ(err.os_code, ERROR_BAD_EXE_FORMAT);
    CHECK_OK(pipc_close(context));
}

TEST(module_load, absent_dependency_is_told)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    /* Its dependency stays behind, and is not looked for in the working directory. */
    module_copy(module_file("dep_symbol"), test_path("dep_symbol.dll"), 0644);
    CHECK(SetCurrentDirectoryA(PIPC_TEST_FIXTURE_DIR));
    struct pipc_context *const context = module_open_private(test_dir());
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "dep_symbol", &err),
                 PIPC_ERR_MODULE_OPEN);
    CHECK_HAS(err.text, "cannot be opened: a library that it depends on is missing (126)");
    CHECK_EQ(err.os_code, ERROR_MOD_NOT_FOUND);
    CHECK_OK(pipc_close(context));
}

TEST(module_load, directory_is_refused)
{
    module_need_loader();
    CHECK(CreateDirectoryA(test_path("good_codec.dll"), NULL));
    refused("is no regular file", PIPC_ERR_MODULE_UNSAFE, "security");
}

TEST(module_load, file_that_somebody_writes_to_is_refused)
{
    module_copy(module_file("good_codec"), test_path("good_codec.dll"), 0644);
    const HANDLE writer = CreateFileA(test_path("good_codec.dll"), GENERIC_WRITE, FILE_SHARE_READ,
                                      NULL, OPEN_EXISTING, 0, NULL);
    CHECK(writer != INVALID_HANDLE_VALUE);
    refused("cannot be looked at: used by another process (32)", PIPC_ERR_MODULE_OPEN, "open");
    CloseHandle(writer);
}

TEST(module_load, file_writable_by_others_is_refused)
{
    module_copy(module_file("good_codec"), test_path("good_codec.dll"), 0644);
    test_give_everyone(test_path("good_codec.dll"), "FA");
    refused("may be written by others", PIPC_ERR_MODULE_UNSAFE, "security");
}

/* The module lies in <test dir>/own, where Everyone has these rights; NULL sentence: it loads. */
static void in_directory(const char *rights, const char *sentence)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK(CreateDirectoryA(test_path("own"), NULL));
    module_copy(module_file("good_codec"), test_path("own/good_codec.dll"), 0644);
    test_give_everyone(test_path("own/good_codec.dll"), "FR");
    test_give_everyone(test_path("own"), rights);
    struct pipc_context *const context = module_open_private(test_path("own"));
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", &err),
                 sentence ? PIPC_ERR_MODULE_UNSAFE : PIPC_OK);
    if (sentence) {
        CHECK_HAS(err.text, sentence);
        CHECK_STR(module_record(context, "good_codec").stage, "security");
    }
    CHECK_OK(pipc_close(context));
}

TEST(module_load, directory_that_others_may_only_read_is_accepted)
{
    in_directory("FR", NULL);
}

TEST(module_load, directory_writable_by_all_is_refused)
{
    in_directory("FA", "its directory may be written by others");
}

TEST(module_load, path_with_dots_or_empty_parts_is_refused)
{
    static const char *const middles[] = {"/../modules",   "/.", "//below",
                                          "\\..\\modules", ".",  ":stream"};
    char dir[512];

    for (size_t i = 0; i < sizeof(middles) / sizeof(middles[0]); i++) {
        struct pipc_error err = PIPC_ERROR_INIT;
        snprintf(dir, sizeof(dir), "%s%s", PIPC_TEST_FIXTURE_DIR, middles[i]);
        struct pipc_context *const context = module_open_private(dir);
        CHECK_MSG(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", &err) ==
                      PIPC_ERR_MODULE_UNSAFE,
                  "%s: %s", dir, err.text);
        CHECK_HAS(err.text, "has a component that is empty");
        CHECK_OK(pipc_close(context));
    }
}

static void checked(const char *file, pipc_result result, const char *sentence)
{
    struct pipc_context *const context = module_open_dir();
    struct pipc_module_info info = {.size = sizeof(info)};
    struct pipc_error err = PIPC_ERROR_INIT;
    char text[1024];

    CHECK_RESULT(pipc_module_check(context, file, "good_codec", &info, text, sizeof(text), &err),
                 result);
    CHECK_HAS(err.text, sentence);
    CHECK_OK(pipc_close(context));
}

TEST(module_load, paths_without_a_drive_are_refused)
{
    checked("good_codec.dll", PIPC_ERR_MODULE_UNSAFE, "is no absolute path");
    checked("C:good_codec.dll", PIPC_ERR_MODULE_UNSAFE, "is no absolute path");
    checked("\\good_codec.dll", PIPC_ERR_MODULE_UNSAFE, "has no drive");
    checked("/good_codec.dll", PIPC_ERR_MODULE_UNSAFE, "has no drive");
    checked("\\\\machine\\share\\good_codec.dll", PIPC_ERR_MODULE_UNSAFE, "has no drive");
    checked("\\\\?\\C:\\good_codec.dll", PIPC_ERR_MODULE_UNSAFE, "has no drive");
    checked("\\\\.\\C:\\good_codec.dll", PIPC_ERR_MODULE_UNSAFE, "has no drive");
}

TEST(module_load, path_that_is_no_text_is_not_found)
{
    checked("C:\\\xff\\good_codec.dll", PIPC_ERR_MODULE_NOT_FOUND, "not valid UTF-8 (1113)");
}

TEST(module_load, too_long_path_is_not_found)
{
    static char file[40000];

    memset(file, 'a', sizeof(file) - 1);
    memcpy(file, "C:\\", 3);
    checked(file, PIPC_ERR_MODULE_NOT_FOUND, "cannot be looked at: name too long (206)");
}

TEST(module_load, environment_and_working_directory_name_nothing)
{
    static const char *const names[] = {"PATH",         "PIPC_MODULE_DIR", "PIPC_MODULES",
                                        "PIPC_PATH",    "PIPC_CONFIG",     "PIPC_TRANSPORTS",
                                        "PIPC_RUN_DIR", "PIPC_LOG_LEVEL"};

    module_need_loader();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CHECK(SetEnvironmentVariableA(names[i], PIPC_TEST_FIXTURE_DIR));
    CHECK(SetCurrentDirectoryA(PIPC_TEST_FIXTURE_DIR));
    struct pipc_context *const context = module_open_private(test_dir());
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL),
                 PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_STR(pipc_module_dir(context), test_dir());
    CHECK_OK(pipc_close(context));
}

TEST(module_load, separators_behind_the_module_directory_do_not_count)
{
    static const char *const ends[] = {"/", "\\", "/\\"};
    char dir[512];

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        snprintf(dir, sizeof(dir), "%s%s", PIPC_TEST_FIXTURE_DIR, ends[i]);
        struct pipc_context *const context = module_open_private(dir);
        CHECK_STR(pipc_module_dir(context), PIPC_TEST_FIXTURE_DIR);
        CHECK_OK(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL));
        CHECK_OK(pipc_close(context));
    }
}

TEST(module_load, file_changed_into_a_good_one_is_loaded_at_the_next_try)
{
    struct pipc_context *const context = module_open_private(test_dir());

    module_put(test_path("good_codec.dll"), "x", 1);
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL),
                 PIPC_ERR_MODULE_OPEN);
    module_copy(module_file("good_codec"), test_path("good_codec.dll"), 0644);
    CHECK_OK(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL));
    CHECK_OK(pipc_close(context));
}

TEST(module_load, refused_file_is_let_go_and_an_accepted_one_is_kept)
{
    struct pipc_context *const context = module_open_private(test_dir());

    module_copy(module_file("bad_magic"), test_path("bad_magic.dll"), 0644);
    module_copy(module_file("good_codec"), test_path("good_codec.dll"), 0644);
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "bad_magic", NULL),
                 PIPC_ERR_MODULE_ABI);
    CHECK(GetModuleHandleA("bad_magic.dll") == NULL);
    CHECK_OK(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL));
    const HMODULE kept = GetModuleHandleA("good_codec.dll");
    CHECK(kept != NULL);
    CHECK_OK(pipc_close(context));
    for (int i = 0; i < 5; i++)
        FreeLibrary(kept);
    CHECK(GetModuleHandleA("good_codec.dll") == kept);
}
