/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration text: every form of it, its bounds, and everything that is none of it.
 */
#include "test.h"

#include "module_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void need_reader(void)
{
    if (!PIPC_TEST_HAVE_INI)
        test_skip("this build has no reader of text");
}

static struct pipc_config *new_config(void)
{
    need_reader();
    module_fixture_baseline(0, "base");
    struct pipc_config *const config = module_config();
    CHECK_OK(pipc_config_set(config, "pipc", "transports", "base", NULL));
    return config;
}

/* run_dir of a service after reading `text`; static buffer. */
static const char *run_dir_after(const char *text, size_t len, const char *service)
{
    static char found[5000];
    struct pipc_config *const config = new_config();
    struct pipc_context *context = NULL;
    struct pipc_plan plan = {.size = sizeof(plan)};
    struct pipc_error err = PIPC_ERROR_INIT;

    const pipc_result result = pipc_config_read_text(config, text, len, "t", &err);
    CHECK_MSG(result == PIPC_OK, "%s", err.text);
    CHECK_OK(pipc_open(config, NULL, &context, NULL));
    CHECK_OK(pipc_service_plan(context, service, &plan, NULL));
    snprintf(found, sizeof(found), "%s", plan.run_dir ? plan.run_dir : "(none)");
    CHECK_OK(pipc_close(context));
    pipc_config_free(config);
    return found;
}

#define RUN_DIR(text) run_dir_after(text, strlen(text), "s")

static void refused_bytes(const char *text, size_t len, const char *sentence)
{
    struct pipc_config *const config = new_config();
    struct pipc_context *context = NULL;
    struct pipc_plan plan = {.size = sizeof(plan)};
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_RESULT(pipc_config_read_text(config, text, len, "t.ini", &err), PIPC_ERR_CONFIG);
    CHECK_STR(err.text, sentence);
    /* Nothing of the text is applied. */
    CHECK_OK(pipc_open(config, NULL, &context, NULL));
    CHECK_OK(pipc_service_plan(context, "s", &plan, NULL));
    CHECK(plan.run_dir == NULL);
    CHECK_OK(pipc_close(context));
    pipc_config_free(config);
}

static void refused(const char *text, const char *sentence)
{
    refused_bytes(text, strlen(text), sentence);
}

TEST(config_text, sections_keys_comments_and_empty_lines_are_read)
{
    CHECK_STR(RUN_DIR("; comment\n# comment\n\n[pipc]\nrun_dir = /r\n  \t\n;[x]\n"), "/r");
}

TEST(config_text, line_without_an_end_at_the_end_is_read)
{
    CHECK_STR(RUN_DIR("[pipc]\nrun_dir=/r"), "/r");
}

TEST(config_text, cr_lf_ends_lines)
{
    CHECK_STR(RUN_DIR("[pipc]\r\nrun_dir = /r \r\n\r\n"), "/r");
}

TEST(config_text, byte_order_mark_is_skipped)
{
    CHECK_STR(RUN_DIR("\xef\xbb\xbf[pipc]\nrun_dir = /r\n"), "/r");
    refused("[pipc]\n\xef\xbb\xbfrun_dir = /r\n",
            "t.ini:2: [pipc] \\xef\\xbb\\xbfrun_dir: unknown key, expected one of run_dir, "
            "module_dir, transports, carrier, codecs, log_level");
}

TEST(config_text, empty_text_changes_nothing)
{
    CHECK_STR(RUN_DIR(""), "(none)");
    CHECK_STR(RUN_DIR("\n"), "(none)");
    CHECK_STR(RUN_DIR("\xef\xbb\xbf"), "(none)");
    struct pipc_config *const config = new_config();
    CHECK_OK(pipc_config_read_text(config, NULL, 0, NULL, NULL));
    CHECK_RESULT(pipc_config_read_text(config, NULL, 1, NULL, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_config_read_text(NULL, "", 0, NULL, NULL), PIPC_ERR_BAD_PARAM);
    pipc_config_free(config);
}

TEST(config_text, blanks_around_everything_do_not_count)
{
    CHECK_STR(RUN_DIR(" \t[service.s] \n\trun_dir\t= \t /a b \t\n"), "/a b");
}

TEST(config_text, section_may_stand_in_several_places)
{
    CHECK_STR(RUN_DIR("[service.s]\ncall_timeout_ms=1\n[service.t]\n[service.s]\nrun_dir=/r\n"),
              "/r");
}

TEST(config_text, comment_signs_and_quotes_belong_to_the_value)
{
    CHECK_STR(RUN_DIR("[pipc]\nrun_dir = /a;b # c\n"), "/a;b # c");
    CHECK_STR(RUN_DIR("[pipc]\nrun_dir = \"/a\"\n"), "\"/a\"");
    CHECK_STR(RUN_DIR("[pipc]\nrun_dir = '/a'\n"), "'/a'");
    CHECK_STR(RUN_DIR("[pipc]\nrun_dir = a\\\n"), "a\\");
    CHECK_STR(RUN_DIR("[pipc]\nrun_dir = a=b\n"), "a=b");
}

TEST(config_text, line_that_looks_like_a_continuation_is_a_line)
{
    refused("[pipc]\nrun_dir = /a\n  more\n",
            "t.ini:3: found \"more\", expected [section], key = value or a comment");
}

static char big[1 << 21];

/* "[pipc]\n", a line of `len` bytes that begins with `begin` and is filled up with 'x', then
 * `rest`. */
static size_t build_line(const char *begin, size_t len, const char *rest)
{
    size_t at = (size_t)sprintf(big, "[pipc]\n");
    memset(big + at, 'x', len);
    memcpy(big + at, begin, strlen(begin));
    at += len;
    return at + (size_t)sprintf(big + at, "%s", rest);
}

TEST(config_text, line_of_4095_bytes_is_whole)
{
    need_reader();
    size_t len = build_line("run_dir = /", 4095, "\n");
    CHECK_EQ(strlen(run_dir_after(big, len, "s")), 4095 - 10);
    len = build_line("run_dir = /", 4095, "\r\n");
    CHECK_EQ(strlen(run_dir_after(big, len, "s")), 4095 - 10);
    len = build_line("; ", 4095, "\nrun_dir = /r");
    CHECK_STR(run_dir_after(big, len, "s"), "/r");
}

TEST(config_text, line_of_4096_bytes_is_an_error_and_nothing_of_it_is_another_line)
{
    static const char *const begins[] = {"run_dir = /", "; comment", "[service.x"};
    need_reader();
    for (size_t i = 0; i < 3; i++) {
        const size_t len = build_line(begins[i], 4096, "\nrun_dir = /r\n");
        refused_bytes(big, len, "t.ini:2: the line has more than 4095 bytes");
    }
}

TEST(config_text, text_of_one_mebibyte_is_read_and_one_byte_more_is_refused)
{
    need_reader();
    memset(big, '\n', sizeof(big));
    memcpy(big, "[pipc]\nrun_dir=/r", 17);
    CHECK_STR(run_dir_after(big, 1 << 20, "s"), "/r");
    refused_bytes(big, (1 << 20) + 1, "t.ini: the text has more than 1048576 bytes");
}

TEST(config_text, long_section_names_are_found_whole)
{
    static const size_t lengths[] = {49, 50, 190};
    for (size_t i = 0; i < 3; i++) {
        char name[256], text[600];
        const size_t part = lengths[i] - strlen("service.");
        memset(name, 'n', part);
        name[part] = '\0';
        snprintf(text, sizeof(text), "[service.%s]\nrun_dir = /long\n", name);
        CHECK_STR(run_dir_after(text, strlen(text), name), "/long");
        name[part - 1] = '\0';
        CHECK_STR(run_dir_after(text, strlen(text), name), "(none)");
    }
}

TEST(config_text, nul_bytes_are_refused)
{
    refused_bytes("[pipc]\nrun_dir = /a\0b\n", 22, "t.ini:2: the line has a NUL byte");
    refused_bytes("[pipc]\n;\0\n", 10, "t.ini:2: the line has a NUL byte");
    refused_bytes("\0", 1, "t.ini:1: the line has a NUL byte");
}

TEST(config_text, brackets_must_be_right)
{
    refused("[pipc] x\n",
            "t.ini:1: found \"[pipc] x\", expected nothing behind the closing bracket");
    refused("[pipc]]\n", "t.ini:1: found \"[pipc]]\", expected nothing behind the closing bracket");
    refused("[pipc] ; c\n",
            "t.ini:1: found \"[pipc] ; c\", expected nothing behind the closing bracket");
    refused(
        "\n[pipc\n",
        "t.ini:2: found \"[pipc\", expected a closing bracket at the end of the section's line");
    refused("[]\n", "t.ini:1: []: section \"\", expected pipc, service.NAME, transport.NAME or "
                    "codec.NAME");
}

TEST(config_text, key_value_and_section_are_needed)
{
    refused("[pipc]\n= x\n", "t.ini:2: found \"= x\", expected a key before the equals sign");
    refused("[pipc]\nrun_dir =\n", "t.ini:2: [pipc] run_dir: the value is empty, expected a path");
    refused("[pipc]\nrun_dir = \t\n",
            "t.ini:2: [pipc] run_dir: the value is empty, expected a path");
    refused("[pipc]\nrun_dir\n",
            "t.ini:2: found \"run_dir\", expected [section], key = value or a comment");
    refused("run_dir = /r\n[pipc]\n",
            "t.ini:1: found \"run_dir\", expected a [section] before the first key");
}

TEST(config_text, bytes_that_are_not_utf8_are_refused)
{
    static const char *const wrong[] = {"\xff",         "\xc0\x80",     "\xc3",
                                        "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                        "\xf8",         "\xe2\x82",     "\xc3("};
    refused(
        "[service.\xc3\x28]\n",
        "t.ini:1: [service.\\xc3(]: section \"service.\\xc3(\", expected service. and a name of "
        "letters, digits and . _ -, not \".\" or \"..\"");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[64];
        struct pipc_error err = PIPC_ERROR_INIT;
        struct pipc_config *const config = new_config();
        snprintf(text, sizeof(text), "[pipc]\nrun_dir = /%s\n", wrong[i]);
        CHECK_RESULT(pipc_config_read_text(config, text, strlen(text), "t", &err), PIPC_ERR_CONFIG);
        CHECK_HAS(err.text, ", expected one line of UTF-8");
        pipc_config_free(config);
    }
    CHECK_STR(RUN_DIR("[pipc]\nrun_dir = /\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n"),
              "/\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    CHECK_STR(RUN_DIR("# \xff comment\n[pipc]\nrun_dir=/r\n"), "/r");
}

TEST(config_text, key_given_twice_names_both_lines)
{
    refused("[pipc]\nrun_dir = /a\nrun_dir = /a\n",
            "t.ini:3: [pipc] run_dir: given twice, first at t.ini:2");
    refused("[service.s]\nrun_dir = /a\n[service.t]\nrun_dir = /b\n[service.s]\nrun_dir = /c\n",
            "t.ini:6: [service.s] run_dir: given twice, first at t.ini:2");
}

TEST(config_text, key_given_again_in_a_second_text_is_refused)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_config *const config = new_config();
    static const char first[] = "[pipc]\nrun_dir = /a\n", second[] = "\n[pipc]\nrun_dir = /b\n";
    static const char third[] = "[service.s]\nrun_dir = /c\n[pipc]\nlog_level = info\n";
    CHECK_OK(pipc_config_read_text(config, first, strlen(first), "one", NULL));
    CHECK_RESULT(pipc_config_read_text(config, second, strlen(second), "two", &err),
                 PIPC_ERR_CONFIG);
    CHECK_STR(err.text, "two:3: [pipc] run_dir: given twice, first at one:2");
    CHECK_OK(pipc_config_read_text(config, third, strlen(third), "three", NULL));
    pipc_config_free(config);
}

TEST(config_text, letter_case_matters)
{
    refused("[PIPC]\n", "t.ini:1: [PIPC]: section \"PIPC\", expected pipc, service.NAME, "
                        "transport.NAME or codec.NAME");
    refused("[pipc]\nRun_Dir = /r\n",
            "t.ini:2: [pipc] Run_Dir: unknown key, expected one of run_dir, module_dir, "
            "transports, carrier, codecs, log_level");
    CHECK_STR(RUN_DIR("[service.S]\nrun_dir = /upper\n"), "(none)");
}

TEST(config_text, long_text_of_many_services_is_read_quickly)
{
    need_reader();
    size_t at = 0;
    for (unsigned i = 0; at < (1u << 20) - 64; i++)
        at += (size_t)sprintf(big + at, "[service.s%u]\nmax_sessions=%u\n", i, i % 1000);
    struct pipc_config *const config = new_config();
    const uint64_t began = test_now_ms();
    CHECK_OK(pipc_config_read_text(config, big, at, "big", NULL));
    CHECK(test_now_ms() - began < test_limit(3000));
    pipc_config_free(config);
}

/* ---- files ---- */

static void put(const char *path, const char *text)
{
    FILE *const f = fopen(path, "w");
    CHECK(f != NULL);
    fputs(text, f);
    fclose(f);
}

TEST(config_text, file_is_read_and_named)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_config *const config = new_config();
    const char *const path = test_path("c.ini");
    char expected[256];
    put(path, "[pipc]\nrun_dir = /r\nx\n");
    CHECK_RESULT(pipc_config_read_file(config, path, &err), PIPC_ERR_CONFIG);
    snprintf(expected, sizeof(expected),
             "%s:3: found \"x\", expected [section], key = value or a comment", path);
    CHECK_STR(err.text, expected);
    put(path, "[pipc]\nrun_dir = /r\n");
    CHECK_OK(pipc_config_read_file(config, path, &err));
    pipc_config_free(config);
}

TEST(config_text, long_path_keeps_its_end_and_begins_with_a_whole_character)
{
    /* Thirty characters of two bytes; with none to three more the cut falls anywhere. */
    static const char *const tails[] = {"/c.ini", "/cc.ini", "/ccc.ini", "/cccc.ini"};
    struct pipc_config *const config = new_config();
    for (size_t i = 0; i < 4; i++) {
        struct pipc_error err = PIPC_ERROR_INIT;
        char path[128] = "/", expected[64];
        for (size_t k = 0; k < 30; k++)
            strcat(path, "\xc3\xa4");
        strcat(path, tails[i]);
        CHECK_RESULT(pipc_config_read_text(config, "x", 1, path, &err), PIPC_ERR_CONFIG);
        CHECK_MSG(strncmp(err.text, "...\\xc3\\xa4", 11) == 0, "%s", err.text);
        snprintf(expected, sizeof(expected), "\\xa4%s:1: ", tails[i]);
        CHECK_HAS(err.text, expected);
    }
    pipc_config_free(config);
}

TEST(config_text, file_that_cannot_be_read_gives_the_systems_code)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_config *const config = new_config();
    CHECK_RESULT(pipc_config_read_file(config, test_path("absent"), &err), PIPC_ERR_CONFIG);
    CHECK_HAS(err.text, test_path("absent"));
    CHECK_EQ(err.os_code, 2);
    CHECK_RESULT(pipc_config_read_file(config, test_dir(), &err), PIPC_ERR_CONFIG);
    CHECK_EQ(mkfifo(test_path("fifo"), 0600), 0);
    CHECK_RESULT(pipc_config_read_file(config, test_path("fifo"), &err), PIPC_ERR_CONFIG);
    CHECK_RESULT(pipc_config_read_file(config, NULL, &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_config_read_file(NULL, "x", &err), PIPC_ERR_BAD_PARAM);
    pipc_config_free(config);
}

TEST(config_text, build_without_the_reader_says_so)
{
    struct pipc_config *config = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    if (PIPC_TEST_HAVE_INI)
        test_skip("this build has the reader");
    CHECK_OK(pipc_config_new(NULL, &config));
    CHECK_RESULT(pipc_config_read_text(config, "", 0, "t", &err), PIPC_ERR_NOT_SUPPORTED);
    CHECK_STR(err.text, "t: this build cannot read configuration text (PIPC_INI=OFF)");
    CHECK_RESULT(pipc_config_read_file(config, "/x", &err), PIPC_ERR_NOT_SUPPORTED);
    CHECK_OK(pipc_config_set(config, "pipc", "run_dir", "/r", &err));
    pipc_config_free(config);
}
