/* SPDX-License-Identifier: Apache-2.0
 *
 * Declared options: each type at its bounds and beside them, defaults, secrets, and what the module
 * is given.
 */
#include "test.h"

#include "module_fixture.h"

#define BASE "[pipc]\ntransports = base\n[codec.c]\n"

/* Index into fixture_options. */
enum { COUNT, DEEP, USERS, WHERE, MODE, OWNER, SPIN, KEY };

static struct module_fixture *fixture(void)
{
    module_fixture_baseline(0, "base");
    struct module_fixture *const f = module_fixture_codec(1, "c", 900);
    module_fixture_options(f);
    return f;
}

/* Opens with one line in the section and gives the value that init saw, while the context lives. */
static struct pipc_context *open_line(const char *line)
{
    char text[512];
    snprintf(text, sizeof(text), "%s%s\n", BASE, line);
    return module_context(text);
}

static void line_refused(const char *line, const char *sentence)
{
    char text[512], expected[256];
    struct pipc_error err;
    struct module_fixture *const f = fixture();
    snprintf(text, sizeof(text), "%s%s\n", BASE, line);
    module_refused(text, PIPC_ERR_CONFIG, &err);
    snprintf(expected, sizeof(expected), "%s: [codec.c] %s",
             PIPC_TEST_HAVE_INI ? "test.ini:4" : "pipc_config_set", sentence);
    CHECK_STR(err.text, expected);
    CHECK_EQ(f->seen.inits, 0);
}

TEST(module_options, defaults_are_typed_and_not_given)
{
    const struct module_fixture *const f = fixture();
    struct pipc_context *const context = open_line("");
    const struct pipc_option_value *const v = f->seen.values;
    CHECK_EQ(f->seen.value_count, FIXTURE_OPTION_COUNT);
    CHECK_EQ(v[COUNT].number, 5);
    CHECK_EQ(v[DEEP].number, 0);
    CHECK_EQ(v[USERS].list_count, 0);
    CHECK(v[WHERE].text == NULL && v[OWNER].text == NULL);
    CHECK_STR(v[MODE].text, "fast");
    CHECK_STR(v[SPIN].text, "adaptive");
    for (unsigned i = 0; i < FIXTURE_OPTION_COUNT; i++) {
        CHECK_EQ(v[i].given, 0);
        CHECK_STR(v[i].key, fixture_options[i].key);
        CHECK_EQ(v[i].type, fixture_options[i].type);
    }
    CHECK_OK(pipc_close(context));
}

TEST(module_options, values_of_every_type_arrive)
{
    const struct module_fixture *const f = fixture();
    struct pipc_context *const context =
        open_line("count = 0xff\ndeep = yes\nusers = root, 7,daemon\nwhere = /a b/c\n"
                  "mode = slow\nowner = 0660 it\nspin = 12\nkey = 77");
    const struct pipc_option_value *const v = f->seen.values;
    CHECK_EQ(v[COUNT].number, 255);
    CHECK_EQ(v[COUNT].given, 1);
    CHECK_EQ(v[DEEP].number, 1);
    CHECK_EQ(v[USERS].list_count, 3);
    CHECK_STR(v[USERS].list[0], "root");
    CHECK_STR(v[USERS].list[1], "7");
    CHECK_STR(v[USERS].list[2], "daemon");
    CHECK_STR(v[WHERE].text, "/a b/c");
    CHECK_STR(v[MODE].text, "slow");
    CHECK_STR(v[OWNER].text, "0660 it");
    CHECK(v[SPIN].text == NULL);
    CHECK_EQ(v[SPIN].number, 12);
    CHECK_EQ(v[KEY].number, 77);
    CHECK_OK(pipc_close(context));
}

TEST(module_options, numbers_at_their_bounds_are_accepted)
{
    const struct module_fixture *const f = fixture();
    struct pipc_context *context = open_line("count = 3");
    CHECK_EQ(f->seen.values[COUNT].number, 3);
    CHECK_OK(pipc_close(context));
    context = open_line("count = 70000\nspin = 1000\nkey = 9999");
    CHECK_EQ(f->seen.values[COUNT].number, 70000);
    CHECK_EQ(f->seen.values[SPIN].number, 1000);
    CHECK_OK(pipc_close(context));
}

TEST(module_options, numbers_that_are_none_are_refused)
{
    static const char *const wrong[] = {"2",
                                        "70001",
                                        "-3",
                                        "+5",
                                        "5ms",
                                        "0x",
                                        "x",
                                        "5 5",
                                        "0xg",
                                        "18446744073709551616",
                                        "36893488147419103232"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char line[128], sentence[192];
        snprintf(line, sizeof(line), "count = %s", wrong[i]);
        snprintf(sentence, sizeof(sentence),
                 "count: found \"%s\", expected a number from 3 to 70000", wrong[i]);
        line_refused(line, sentence);
    }
}

TEST(module_options, other_types_are_refused_with_what_is_accepted)
{
    line_refused("deep = Yes", "deep: found \"Yes\", expected yes or no");
    line_refused("deep = 1", "deep: found \"1\", expected yes or no");
    line_refused("where = a/b", "where: found \"a/b\", expected an absolute path");
    line_refused("mode = Fast", "mode: found \"Fast\", expected one of fast|slow");
    line_refused("mode = fast|slow", "mode: found \"fast|slow\", expected one of fast|slow");
    line_refused("spin = 1001",
                 "spin: found \"1001\", expected one of adaptive|off, or a number from 0 to 1000");
}

TEST(module_options, lists_without_empty_and_double_elements_only)
{
    static const char *const wrong[] = {"a,,b", "a,", ",a", "a,b,a", "a b", "1,1", "99x"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char line[128], sentence[192];
        snprintf(line, sizeof(line), "users = %s", wrong[i]);
        snprintf(sentence, sizeof(sentence),
                 "users: found \"%s\", expected names or numbers with commas between, none empty, "
                 "none twice",
                 wrong[i]);
        line_refused(line, sentence);
    }
}

TEST(module_options, list_with_choices_takes_its_words_only)
{
    static const struct pipc_option planes = {"planes", PIPC_OPTION_LIST, 0,     0,
                                              0,        "one|two",        "one", "Words."};
    struct pipc_error err;
    struct module_fixture *const f = fixture();
    f->module.options = &planes;
    f->module.option_count = 1;
    struct pipc_context *const context = open_line("planes = two,one");
    CHECK_EQ(f->seen.values[0].list_count, 2);
    CHECK_OK(pipc_close(context));
    module_refused(BASE "planes = two,three\n", PIPC_ERR_CONFIG, &err);
    CHECK_HAS(err.text, "planes: found \"two,three\", expected words of one|two with commas");
}

TEST(module_options, numbers_in_a_list_keep_its_range)
{
    static const struct pipc_option ids = {"ids", PIPC_OPTION_LIST,   0, 10, 20, NULL,
                                           "10",  "Numbers or names."};
    struct pipc_error err;
    struct module_fixture *const f = fixture();
    f->module.options = &ids;
    f->module.option_count = 1;
    CHECK_OK(pipc_close(open_line("ids = 20, me")));
    module_refused(BASE "ids = 21\n", PIPC_ERR_CONFIG, &err);
    CHECK_HAS(err.text, "ids: found \"21\"");
}

TEST(module_options, unknown_key_lists_what_the_module_has)
{
    line_refused("cuont = 5",
                 "cuont: unknown key, expected one of file, count, deep, users, where, mode, "
                 "owner, spin, key");
}

TEST(module_options, secret_value_is_in_no_message)
{
    line_refused("key = 123456", "key: found \"(secret)\", expected a number from 1 to 9999");
    CHECK(!strstr(module_log(), "123456"));
}

TEST(module_options, options_that_do_not_fit_together_are_reported_at_the_section)
{
    struct pipc_error err;
    struct module_fixture *const f = fixture();
    f->seen.give = PIPC_ERR_CONFIG;
    f->seen.give_text = "mode needs owner";
    module_refused(BASE "mode = slow\n", PIPC_ERR_CONFIG, &err);
    CHECK_STR(err.text, PIPC_TEST_HAVE_INI ? "test.ini:3: [codec.c]: mode needs owner"
                                           : "pipc_config_set: [codec.c]: mode needs owner");
    module_refused("[pipc]\ntransports = base\n", PIPC_ERR_CONFIG, &err);
    CHECK_STR(err.text, "[codec.c]: mode needs owner");
    CHECK_EQ(f->seen.finis, 0);
}

TEST(module_options, init_without_memory_is_reported_as_such)
{
    struct pipc_error err;
    struct module_fixture *const f = fixture();
    f->seen.give = PIPC_ERR_ALLOC;
    f->seen.give_text = "no room";
    module_refused(BASE, PIPC_ERR_ALLOC, &err);
    CHECK_STR(err.text, "codec \"c\" failed to start: no room");
}

TEST(module_options, options_of_an_optional_module_that_is_missing_are_not_checked)
{
    module_fixture_baseline(0, "base");
    struct pipc_context *const context =
        module_context("[pipc]\ntransports = -nowhere, base\n[transport.nowhere]\nwhatever = "
                       "x\nprofile_bit = 16\n");
    CHECK_OK(pipc_close(context));
}
