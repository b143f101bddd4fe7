/* SPDX-License-Identifier: Apache-2.0
 *
 * Files, directories, rights, paths, texts, clock and process of the platform layer on Windows.
 */
#include "base_memory.h"
#include "core/base/windows/win32.h"
#include "test.h"
#include "windows/rights.h"

/* Latin, Greek and a sign beyond 16 bits, as UTF-8. */
#define FOREIGN "J\xc3\xbcrgen-\xce\xa9-\xf0\x9f\x90\x9f"

static void put(const char *path, const char *bytes, size_t len)
{
    DWORD code, n;
    wchar_t *const wide = pipci_win_path(NULL, path, &code);
    CHECK(wide != NULL);
    const HANDLE file = CreateFileW(wide, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    CHECK_MSG(file != INVALID_HANDLE_VALUE, "%s: error %lu", path, (unsigned long)GetLastError());
    CHECK(WriteFile(file, bytes, (DWORD)len, &n, NULL) && n == len);
    CloseHandle(file);
    free(wide);
}

static void refused(const char *path, size_t max, pipc_result result, const char *sentence)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    char *bytes = NULL;
    size_t len = 77;
    CHECK_RESULT(pipci_file_read(NULL, path, max, &bytes, &len, &err), result);
    CHECK_HAS(err.text, sentence);
    CHECK(bytes == NULL);
    CHECK_EQ(len, 77);
}

TEST(base_file, is_read_whole_with_a_nul_behind)
{
    static char big[10000];
    char *bytes = NULL;
    size_t len = 0;
    memset(big, 'b', sizeof(big));
    big[5000] = '\0';
    put(test_path("big"), big, sizeof(big));
    CHECK_OK(pipci_file_read(NULL, test_path("big"), 1000000, &bytes, &len, NULL));
    CHECK_EQ(len, sizeof(big));
    CHECK_MEM(bytes, big, sizeof(big));
    CHECK_EQ(bytes[len], 0);
    free(bytes);
    put(test_path("empty"), "", 0);
    CHECK_OK(pipci_file_read(NULL, test_path("empty"), 10, &bytes, &len, NULL));
    CHECK_EQ(len, 0);
    CHECK_EQ(bytes[0], 0);
    free(bytes);
}

TEST(base_file, exactly_the_largest_size_is_read_and_one_more_is_refused)
{
    char *bytes = NULL;
    size_t len = 0;
    put(test_path("ten"), "0123456789", 10);
    CHECK_OK(pipci_file_read(NULL, test_path("ten"), 10, &bytes, &len, NULL));
    CHECK_EQ(len, 10);
    free(bytes);
    refused(test_path("ten"), 9, PIPC_ERR_CONFIG, "ten: longer than 9 bytes");
}

TEST(base_file, name_in_any_script_is_utf8)
{
    char *bytes = NULL;
    size_t len = 0;
    put(test_path(FOREIGN), "x", 1);
    CHECK_OK(pipci_file_read(NULL, test_path(FOREIGN), 10, &bytes, &len, NULL));
    CHECK_EQ(len, 1);
    free(bytes);
    refused("C:/\xc3", 10, PIPC_ERR_CONFIG, "cannot be opened: not valid UTF-8");
}

TEST(base_file, what_is_no_file_is_refused)
{
    refused(test_dir(), 10, PIPC_ERR_CONFIG, "not a regular file");
    refused("NUL", 10, PIPC_ERR_CONFIG, "NUL: not a regular file");
}

TEST(base_file, named_pipe_is_refused_without_reading)
{
    const HANDLE pipe = CreateNamedPipeA("\\\\.\\pipe\\pipc-test-file", PIPE_ACCESS_DUPLEX, 0, 1,
                                         100, 100, 0, NULL);
    CHECK(pipe != INVALID_HANDLE_VALUE);
    refused("\\\\.\\pipe\\pipc-test-file", 10, PIPC_ERR_CONFIG, "not a regular file");
    CloseHandle(pipe);
}

TEST(base_file, a_missing_one_is_an_error_that_names_it)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    char *bytes = NULL;
    size_t len = 0;
    CHECK_RESULT(pipci_file_read(NULL, test_path("gone"), 10, &bytes, &len, &err), PIPC_ERR_CONFIG);
    CHECK_HAS(err.text, "/gone: cannot be opened: no such file");
    CHECK_EQ(err.os_code, ERROR_FILE_NOT_FOUND);
}

TEST(base_file, failure_of_each_allocation_leaks_nothing)
{
    static char big[10000];
    memset(big, 'b', sizeof(big));
    put(test_path("big"), big, sizeof(big));
    for (unsigned at = 1;; at++) {
        struct base_memory memory;
        base_memory_init(&memory);
        memory.fail_at = at;
        char *bytes = NULL;
        size_t len = 0;
        const pipc_result result =
            pipci_file_read(&memory.allocator, test_path("big"), 100000, &bytes, &len, NULL);
        if (result == PIPC_OK) {
            pipci_free(&memory.allocator, bytes);
            CHECK(at > 2);
            break;
        }
        CHECK_RESULT(result, PIPC_ERR_ALLOC);
        CHECK_EQ(memory.live, 0);
    }
}

/* ---- secrets ---- */

static void secret(const char *rights, const char *sentence)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    char *bytes = NULL;
    size_t len = 0;
    put(test_path("secret"), "word", 4);
    test_give_everyone(test_path("secret"), rights);
    const pipc_result result =
        pipci_file_read_secret(NULL, test_path("secret"), 100, &bytes, &len, &err);
    CHECK_MSG((result == PIPC_OK) == (sentence == NULL), "%s", err.text);
    if (sentence)
        CHECK_HAS(err.text, sentence);
    else
        CHECK_STR(bytes, "word");
    free(bytes);
}

TEST(base_secret, of_the_user_alone_is_read)
{
    secret(NULL, NULL);
}

TEST(base_secret, readable_by_others_is_refused)
{
    secret("FR", "secret: readable by others");
}

TEST(base_secret, writable_by_others_is_refused)
{
    secret("FW", "secret: writable by others");
}

TEST(base_secret, longer_than_allowed_is_refused)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    char *bytes = NULL;
    size_t len = 0;
    put(test_path("secret"), "word", 4);
    test_give_everyone(test_path("secret"), NULL);
    CHECK_RESULT(pipci_file_read_secret(NULL, test_path("secret"), 3, &bytes, &len, &err),
                 PIPC_ERR_CONFIG);
    CHECK_HAS(err.text, "longer than 3 bytes");
}

/* ---- directories ---- */

static char listed[512];

static pipc_result note_name(void *arg, const char *name)
{
    strncat(listed, name, sizeof(listed) - strlen(listed) - 1);
    strncat(listed, "|", sizeof(listed) - strlen(listed) - 1);
    return *(pipc_result *)arg;
}

TEST(base_dir, lists_files_alone)
{
    pipc_result give = PIPC_OK;
    put(test_path("one.dll"), "", 0);
    put(test_path(FOREIGN), "", 0);
    CHECK(CreateDirectoryA(test_path("folder"), NULL));
    CHECK_OK(pipci_dir_list(test_dir(), &give, note_name, NULL));
    CHECK_HAS(listed, "one.dll|");
    CHECK_HAS(listed, FOREIGN "|");
    CHECK_EQ(strlen(listed), strlen("one.dll|" FOREIGN "|"));
}

TEST(base_dir, ends_with_the_result_of_the_receiver)
{
    pipc_result give = PIPC_ERR_ALLOC;
    put(test_path("one"), "", 0);
    put(test_path("two"), "", 0);
    CHECK_RESULT(pipci_dir_list(test_dir(), &give, note_name, NULL), PIPC_ERR_ALLOC);
    CHECK_EQ(strlen(listed), 4);
}

TEST(base_dir, that_is_missing_or_a_file_or_no_text_is_an_error_that_names_it)
{
    pipc_result give = PIPC_OK;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(pipci_dir_list(test_path("gone"), &give, note_name, &err), PIPC_ERR_CONFIG);
    CHECK_HAS(err.text, "/gone: cannot be listed: no such ");
    put(test_path("file"), "", 0);
    CHECK_RESULT(pipci_dir_list(test_path("file"), &give, note_name, &err), PIPC_ERR_CONFIG);
    CHECK_HAS(err.text, "/file: cannot be listed: ");
    CHECK_RESULT(pipci_dir_list("C:/\xff", &give, note_name, &err), PIPC_ERR_CONFIG);
    CHECK_HAS(err.text, "cannot be listed: not valid UTF-8");
    CHECK_EQ(listed[0], 0);
}

TEST(base_path, absolute_has_a_drive_or_a_root)
{
    static const char *const absolute[] = {
        "C:\\", "c:/x", "Z:/run", "\\x", "/run/netdata", "\\\\machine\\share", "\\\\?\\C:\\x"};
    static const char *const relative[] = {"", "x", "x/y", "C:", "C:x", "1:/x", ".", "..\\x"};
    for (size_t i = 0; i < sizeof(absolute) / sizeof(absolute[0]); i++)
        CHECK_MSG(pipci_path_is_absolute(absolute[i]), "%s", absolute[i]);
    for (size_t i = 0; i < sizeof(relative) / sizeof(relative[0]); i++)
        CHECK_MSG(!pipci_path_is_absolute(relative[i]), "%s", relative[i]);
}

TEST(base_path, base_is_behind_the_last_separator)
{
    CHECK_STR(pipci_path_base("C:\\a/b\\np.dll"), "np.dll");
    CHECK_STR(pipci_path_base("C:np.dll"), "np.dll");
    CHECK_STR(pipci_path_base("np.dll"), "np.dll");
    CHECK_STR(pipci_path_base("a\\"), "");
}

/* ---- texts ---- */

TEST(base_text, path_becomes_utf16_with_backslashes_and_back)
{
    char text[128], small[4];
    DWORD code = 0;
    wchar_t *const wide = pipci_win_path(NULL, "C:/a/" FOREIGN "\\b", &code);
    CHECK(wide != NULL);
    CHECK(wcsncmp(wide, L"C:\\a\\J\u00fcrgen-\u03a9-\xd83d\xdc1f\\b", 32) == 0);
    CHECK(pipci_win_utf8(wide, text, sizeof(text)));
    CHECK_STR(text, "C:\\a\\" FOREIGN "\\b");
    CHECK(!pipci_win_utf8(wide, small, sizeof(small)));
    CHECK(!pipci_win_utf8(wide, small, 0));
    free(wide);
    CHECK(pipci_win_path(NULL, "\x80", &code) == NULL);
    CHECK_EQ(code, ERROR_NO_UNICODE_TRANSLATION);
    struct base_memory memory;
    base_memory_init(&memory);
    memory.fail_at = 1;
    CHECK(pipci_win_path(&memory.allocator, "x", &code) == NULL);
    CHECK_EQ(code, ERROR_NOT_ENOUGH_MEMORY);
}

TEST(base_text, codes_of_the_system_in_words)
{
    char text[64], tiny[8];
    CHECK_STR(pipci_os_text(ERROR_ACCESS_DENIED, text, sizeof(text)), "access denied");
    CHECK_STR(pipci_os_text(ERROR_MOD_NOT_FOUND, text, sizeof(text)),
              "a library that it depends on is missing");
    /* Of those without a sentence here the system is asked, and its line end is cut. */
    const char *const asked = pipci_os_text(ERROR_INVALID_DATA, text, sizeof(text));
    CHECK(asked == text && strlen(asked) > 5);
    CHECK(!strpbrk(asked, "\r\n"));
    CHECK(asked[strlen(asked) - 1] != '.');
    CHECK_STR(pipci_os_text(0x3fffabcd, text, sizeof(text)), "system error 1073720269");
    CHECK_STR(pipci_os_text(-1, text, sizeof(text)), "system error 4294967295");
    CHECK_STR(pipci_os_text(0x3fffabcd, tiny, sizeof(tiny)), "system ");
}

/* ---- clock and process ---- */

TEST(base_clock, goes_on_and_agrees_with_the_systems)
{
    const uint64_t before = pipci_clock_ns();
    const uint64_t start = test_now_ms();
    Sleep(30);
    const uint64_t expected = test_now_ms() - start;
    const uint64_t passed = (pipci_clock_ns() - before) / PIPC_NS_PER_MS;
    CHECK_MSG(passed + 1 >= expected, "%" PRIu64 " ms, expected %" PRIu64, passed, expected);
    CHECK(pipci_clock_coarse_ns() >= before);
}

TEST(base_clock, deadline_as_the_wait_functions_take_it)
{
    CHECK_EQ(pipci_win_wait_ms(PIPC_NEVER), INFINITE);
    CHECK_EQ(pipci_win_wait_ms(PIPC_NOW), 0);
    CHECK_EQ(pipci_win_wait_ms(1), 0);
    CHECK_EQ(pipci_win_wait_ms(PIPC_NEVER - 1), INT32_MAX);
    const DWORD ms = pipci_win_wait_ms(pipci_clock_ns() + 90000 * PIPC_NS_PER_MS);
    CHECK(ms > 30000 && ms <= 90000);
}

TEST(base_process, identity_and_cpus_are_the_systems)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    CHECK_EQ(pipci_process_id(), GetCurrentProcessId());
    CHECK(pipci_cpu_count() >= 1);
    CHECK(pipci_cpu_count() <= info.dwNumberOfProcessors);
    CHECK(SetProcessAffinityMask(GetCurrentProcess(), 1));
    CHECK_EQ(pipci_cpu_count(), 1);
}

TEST(base_process, cost_of_a_sleep_is_measured_within_sane_bounds)
{
    const uint64_t start = pipci_clock_ns();
    const uint64_t cost = pipci_measure_sleep_cost();
    CHECK(cost >= 5000 && cost <= 200000);
    CHECK(pipci_clock_ns() - start < test_limit(500) * PIPC_NS_PER_MS);
}

TEST(base_process, unpredictable_bits_differ_each_time_and_use_every_bit)
{
    uint64_t ones = 0, zeros = 0, last = pipci_random();
    for (int i = 0; i < 64; i++) {
        const uint64_t next = pipci_random();
        CHECK(next != last);
        ones |= next;
        zeros |= ~next;
        last = next;
    }
    CHECK_EQ(ones, UINT64_MAX);
    CHECK_EQ(zeros, UINT64_MAX);
}
