/* SPDX-License-Identifier: Apache-2.0
 *
 * Where modules are looked for when nothing is configured: below the directory of the library,
 * wherever that was put, and of an archive where the installation has them.
 */
#include "module_fixture.h"
#include "test.h"
#include "transports.h"

#include "core/module/loader.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

/* What a program asks of the library that it loaded. */
struct library {
    pipc_result (*open)(const struct pipc_config *config, const struct pipc_open_options *options,
                        struct pipc_context **ret_context, struct pipc_error *err);
    const char *(*module_dir)(const struct pipc_context *context);
    pipc_result (*close)(struct pipc_context *context);
};

static void *symbol(HMODULE dll, const char *name)
{
    void *const at = (void *)(uintptr_t)GetProcAddress(dll, name);

    CHECK_MSG(at, "pipc.dll has no %s", name);
    return at;
}

/* The directory that a library of this file takes, in `dir`. */
static void ask(const char *file, char dir[PIPCI_PLACE_LEN])
{
    const HMODULE dll = LoadLibraryA(file);
    struct pipc_context *context = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct library lib;

    CHECK_MSG(dll, "%s: error %lu", file, (unsigned long)GetLastError());
    *(void **)&lib.open = symbol(dll, "pipc_open");
    *(void **)&lib.module_dir = symbol(dll, "pipc_module_dir");
    *(void **)&lib.close = symbol(dll, "pipc_close");
    CHECK_MSG(lib.open(NULL, NULL, &context, &err) == PIPC_OK, "pipc_open: %s", err.text);
    snprintf(dir, PIPCI_PLACE_LEN, "%s", lib.module_dir(context));
    CHECK_OK(lib.close(context));
    FreeLibrary(dll);
}

static void put(const char *from, const char *to)
{
    CHECK_MSG(CopyFileA(from, to, TRUE), "%s: error %lu", from, (unsigned long)GetLastError());
}

TEST(module_place, modules_are_looked_for_below_the_directory_that_the_library_lies_in)
{
    char dir[PIPCI_PLACE_LEN] = "", expected[PIPCI_PLACE_LEN];

    module_need_loader();
    put(PIPC_TEST_LIBRARY, test_path("pipc.dll"));
    CHECK(CreateDirectoryA(test_path("pipc"), NULL));
    put(PIPC_TEST_MODULE_DIR "/np.dll", test_path("pipc\\np.dll"));
    ask(test_path("pipc.dll"), dir);
    CHECK(GetFullPathNameA(test_path("pipc"), sizeof(expected), expected, NULL));
    CHECK_MSG(_stricmp(dir, expected) == 0, "\"%s\", expected \"%s\"", dir, expected);
}

TEST(module_place, place_is_that_of_the_code_with_what_is_below_it)
{
    char self[MAX_PATH], path[PIPCI_PLACE_LEN];

    GetModuleFileNameA(NULL, self, sizeof(self));
    strrchr(self, '\\')[1] = '\0';
    strcat(self, "below");
    CHECK(pipci_loader_place("below", path));
    CHECK_STR(path, self);
    CHECK(pipci_loader_place("", path));
}

TEST(module_place, place_that_is_too_long_is_none)
{
    static char below[PIPCI_PLACE_LEN];
    char path[PIPCI_PLACE_LEN];

    memset(below, 'a', sizeof(below) - 1);
    CHECK(!pipci_loader_place(below, path));
}

TEST(module_place, archive_takes_the_installed_directory_which_has_a_drive)
{
    struct pipc_config *config = NULL;
    struct pipc_context *context = NULL;

    CHECK_OK(pipc_config_new(NULL, &config));
    test_add_transports(config);
    test_choose_transports(config);
    CHECK_OK(pipc_open(config, NULL, &context, NULL));
    CHECK_MSG(pipc_module_dir(context)[1] == ':', "%s", pipc_module_dir(context));
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_CODEC, "no_such_codec", NULL),
                 PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_OK(pipc_close(context));
    pipc_config_free(config);
}
