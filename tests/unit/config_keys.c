/* SPDX-License-Identifier: Apache-2.0
 *
 * Every key: at its bounds, one outside, in every wrong form; by text and by call; and which place
 * wins.
 */
#include "test.h"

#include "core/module/context.h"
#include "module_fixture.h"

#include <stddef.h>

struct number_key {
    const char *key;
    uint64_t min, max;
    const char *accepted;
    size_t offset, width;
};

#define KEY(name, min, max, accepted)                                    \
    {                                                                    \
#name, min, max, accepted, offsetof(struct pipci_service, name), \
            sizeof(((struct pipci_service *)0)->name)                    \
    }
#define U32   "a number from 0 to 4294967295"
#define BYTES "a number from 0 to 4294967263"

static const struct number_key numbers[] = {
    KEY(call_timeout_ms, 0, UINT32_MAX, U32),
    KEY(connect_timeout_ms, 0, UINT32_MAX, U32),
    KEY(refused_retry_ms, 0, UINT32_MAX, U32),
    KEY(max_request_bytes, 0, 4294967263, BYTES),
    KEY(max_response_bytes, 0, 4294967263, BYTES),
    KEY(growth_ceiling_bytes, 0, 4294967263, BYTES),
    KEY(response_ceiling_bytes, 0, 4294967263, BYTES),
    KEY(max_batch_items, 0, UINT32_MAX, U32),
    KEY(packet_size, 33, UINT32_MAX, "0 or a number from 33 to 4294967295"),
    KEY(max_sessions, 0, 65535, "a number from 0 to 65535"),
    KEY(idle_timeout_ms, 0, UINT32_MAX, U32),
    KEY(max_total_bytes, 0, INT64_MAX, "a number from 0 to 9223372036854775807"),
    KEY(lookup_items, 0, UINT32_MAX, U32),
    KEY(lookup_subcalls, 0, UINT32_MAX, U32),
    KEY(lookup_bytes, 0, 4294967263, BYTES),
};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static uint64_t field(const struct pipci_service *s, const struct number_key *k)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;
    if (k->width == 8) {
        memcpy(&wide, (const char *)s + k->offset, 8);
        return wide;
    }
    memcpy(&narrow, (const char *)s + k->offset, 4);
    return narrow;
}

/* The numbers of service "s" of a configuration; its context is closed again. */
static struct pipci_service service_of(struct pipc_config *config)
{
    struct pipc_context *context = NULL;
    struct pipci_service s;
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result result = pipc_open(config, NULL, &context, &err);
    CHECK_MSG(result == PIPC_OK, "%s", err.text);
    CHECK_OK(pipci_context_service(context, "s", &s, NULL));
    CHECK_OK(pipc_close(context));
    return s;
}

static struct pipc_config *new_config(void)
{
    module_fixture_baseline(0, "base");
    module_fixture_baseline(1, "other");
    struct pipc_config *const config = module_config();
    CHECK_OK(pipc_config_set(config, "pipc", "transports", "base", NULL));
    return config;
}

/* By call or, where there is a reader, by text. */
static pipc_result give(struct pipc_config *config, bool by_text, const char *section,
                        const char *key, const char *value, struct pipc_error *err)
{
    char text[5000];
    if (!by_text)
        return pipc_config_set(config, section, key, value, err);
    snprintf(text, sizeof(text), "[%s]\n%s = %s\n", section, key, value);
    return pipc_config_read_text(config, text, strlen(text), "t.ini", err);
}

static void accept_number(const struct number_key *k, uint64_t value, bool hexadecimal)
{
    for (int by_text = 0; by_text <= PIPC_TEST_HAVE_INI; by_text++) {
        char text[64];
        struct pipc_config *const config = new_config();
        snprintf(text, sizeof(text), hexadecimal ? "0x%llx" : "%llu", (unsigned long long)value);
        CHECK_OK(give(config, by_text, "service.s", k->key, text, NULL));
        const struct pipci_service s = service_of(config);
        CHECK_EQ(field(&s, k), value);
        pipc_config_free(config);
    }
}

static void refuse(const char *section, const char *key, const char *value, const char *sentence)
{
    for (int by_text = 0; by_text <= PIPC_TEST_HAVE_INI; by_text++) {
        struct pipc_error err = PIPC_ERROR_INIT;
        char expected[400];
        struct pipc_config *const config = new_config();
        CHECK_RESULT(give(config, by_text, section, key, value, &err), PIPC_ERR_CONFIG);
        snprintf(expected, sizeof(expected), "%s: [%s] %s: %s",
                 by_text ? "t.ini:2" : "pipc_config_set", section, key, sentence);
        CHECK_STR(err.text, expected);
        pipc_config_free(config);
    }
}

TEST(config_keys, numbers_at_their_bounds_arrive_by_text_and_by_call)
{
    for (size_t i = 0; i < NUMBERS; i++) {
        accept_number(&numbers[i], numbers[i].min, false);
        accept_number(&numbers[i], numbers[i].max, false);
        accept_number(&numbers[i], numbers[i].max, true);
        accept_number(&numbers[i], 0, false);
    }
}

TEST(config_keys, numbers_outside_are_refused_by_text_and_by_call)
{
    for (size_t i = 0; i < NUMBERS; i++) {
        char value[64], sentence[200];
        snprintf(value, sizeof(value), "%llu", (unsigned long long)numbers[i].max + 1);
        snprintf(sentence, sizeof(sentence), "found \"%s\", expected %s", value,
                 numbers[i].accepted);
        refuse("service.s", numbers[i].key, value, sentence);
    }
    refuse("service.s", "packet_size", "32",
           "found \"32\", expected 0 or a number from 33 to 4294967295");
    refuse("service.s", "packet_size", "1",
           "found \"1\", expected 0 or a number from 33 to 4294967295");
}

TEST(config_keys, texts_that_are_no_numbers_are_refused)
{
    static const char *const wrong[] = {"x",
                                        "-1",
                                        "+1",
                                        "1 ms",
                                        "1k",
                                        "0x",
                                        "0X10",
                                        "1.0",
                                        "1_0",
                                        "0x1g",
                                        "''",
                                        "18446744073709551616",
                                        "36893488147419103232",
                                        "0x10000000000000000"};
    for (size_t k = 0; k < NUMBERS; k++) {
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
            char sentence[200];
            snprintf(sentence, sizeof(sentence), "found \"%s\", expected %s", wrong[i],
                     numbers[k].accepted);
            refuse("service.s", numbers[k].key, wrong[i], sentence);
        }
    }
}

TEST(config_keys, empty_values_are_refused)
{
    for (size_t k = 0; k < NUMBERS; k++) {
        char sentence[200];
        snprintf(sentence, sizeof(sentence), "the value is empty, expected %s",
                 numbers[k].accepted);
        refuse("service.s", numbers[k].key, " ", sentence);
    }
    refuse("pipc", "log_level", "", "the value is empty, expected error, warning, info or debug");
    refuse("pipc", "carrier", "",
           "the value is empty, expected the name of a module, [a-z][a-z0-9_]{0,31}");
    refuse("transport.base", "any", "", "the value is empty, expected one");
}

TEST(config_keys, words_names_paths_and_lists_are_judged)
{
    refuse("pipc", "log_level", "Error", "found \"Error\", expected error, warning, info or debug");
    refuse("pipc", "carrier", "-base",
           "found \"-base\", expected the name of a module, [a-z][a-z0-9_]{0,31}");
    refuse("pipc", "module_dir", "modules", "found \"modules\", expected an absolute path");
    refuse("service.s", "token_file", "token", "found \"token\", expected an absolute path");
    refuse("codec.x", "file", "x.so", "found \"x.so\", expected an absolute path");
    static const char *const lists[] = {
        "a,,b", "a,",  ",a",  "a,a", "a,-a",
        "A",    "a b", "--a", "-",   "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        char sentence[256];
        snprintf(sentence, sizeof(sentence),
                 "found \"%s\", expected at most 16 names of modules with commas between, none "
                 "twice, - before optional ones",
                 lists[i]);
        refuse("pipc", "transports", lists[i], sentence);
        refuse("service.s", "transports", lists[i], sentence);
    }
    refuse("pipc", "codecs", "a,a",
           "found \"a,a\", expected names of modules with commas between, none twice, - before "
           "optional ones");
}

TEST(config_keys, profile_bit_is_16_to_31)
{
    static const char *const wrong[] = {"15", "32", "0", "-1", "x", "16 "};
    for (size_t i = 0; i < 5; i++) {
        char sentence[128];
        snprintf(sentence, sizeof(sentence), "found \"%s\", expected a number from 16 to 31",
                 wrong[i]);
        refuse("transport.x", "profile_bit", wrong[i], sentence);
    }
}

TEST(config_keys, unknown_keys_say_what_is_known)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_config *const config = new_config();
    CHECK_RESULT(pipc_config_set(config, "service.s", "codecs", "x", &err), PIPC_ERR_CONFIG);
    CHECK_HAS(err.text,
              "pipc_config_set: [service.s] codecs: unknown key, expected one of run_dir, "
              "transports, carrier, token_file, call_timeout_ms, connect_timeout_ms, ");
    pipc_config_free(config);
    refuse(
        "pipc", "token_file", "/x",
        "unknown key, expected one of run_dir, module_dir, transports, carrier, codecs, log_level");
    refuse("transport.x", "A", "1", "unknown key, expected one of file, profile_bit");
    refuse("codec.x", "a-b", "1", "unknown key, expected one of file");
}

TEST(config_keys, sections_that_are_none_are_refused)
{
    static const char *const wrong[] = {"",
                                        "pipc.x",
                                        "service",
                                        "service.",
                                        "service.a/b",
                                        "service..",
                                        "service...",
                                        "transport.",
                                        "transport.A",
                                        "codec.a-b",
                                        "foo.x",
                                        " pipc",
                                        "service.a b",
                                        "transport.abcdefghijklmnopqrstuvwxyz0123456"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct pipc_error err = PIPC_ERROR_INIT;
        struct pipc_config *const config = new_config();
        CHECK_RESULT(pipc_config_set(config, wrong[i], "run_dir", "/r", &err), PIPC_ERR_CONFIG);
        CHECK_HAS(err.text, "pipc_config_set: [");
        CHECK_HAS(err.text, "expected ");
        pipc_config_free(config);
    }
}

TEST(config_keys, call_has_bounds_of_its_own)
{
    static char value[5000];
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_config *const config = new_config();
    memset(value, 'x', 4096);
    CHECK_RESULT(pipc_config_set(config, "pipc", "run_dir", value, &err), PIPC_ERR_CONFIG);
    CHECK_STR(err.text, "pipc_config_set: [pipc] run_dir: the value has more than 4095 bytes");
    value[4095] = '\0';
    CHECK_OK(pipc_config_set(config, "pipc", "run_dir", value, &err));
    CHECK_RESULT(pipc_config_set(config, "pipc", "run_dir", "/a\nb", &err), PIPC_ERR_CONFIG);
    CHECK_STR(err.text, "pipc_config_set: [pipc] run_dir: found \"/a\\x0ab\", expected one line of "
                        "UTF-8");
    CHECK_RESULT(pipc_config_set(config, NULL, "run_dir", "/a", &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_config_set(config, "pipc", NULL, "/a", &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_config_set(config, "pipc", "run_dir", NULL, &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_config_set(NULL, "pipc", "run_dir", "/a", &err), PIPC_ERR_BAD_PARAM);
    pipc_config_free(config);
    pipc_config_free(NULL);
}

TEST(config_keys, allocator_must_be_whole)
{
    struct pipc_config *config = NULL;
    struct pipc_allocator bad = {.size = sizeof(bad)};
    CHECK_RESULT(pipc_config_new(&bad, &config), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_config_new(NULL, NULL), PIPC_ERR_BAD_PARAM);
    CHECK(config == NULL);
}

/* ---- precedence ---- */

/* Gives run_dir at some of four places and says which is in force: API service, API pipc, text
 * service, text pipc. */
static const char *winner(unsigned places, char *buf)
{
    struct pipc_config *const config = new_config();
    char text[256] = "";
    if (places & 4)
        strcat(text, "[service.s]\nrun_dir = text service\n");
    if (places & 8)
        strcat(text, "[pipc]\nrun_dir = text pipc\n");
    CHECK_OK(pipc_config_read_text(config, text, strlen(text), "t", NULL));
    if (places & 1)
        CHECK_OK(pipc_config_set(config, "service.s", "run_dir", "api service", NULL));
    if (places & 2)
        CHECK_OK(pipc_config_set(config, "pipc", "run_dir", "api pipc", NULL));
    struct pipc_context *context = NULL;
    struct pipci_service s;
    CHECK_OK(pipc_open(config, NULL, &context, NULL));
    CHECK_OK(pipci_context_service(context, "s", &s, NULL));
    strcpy(buf, s.run_dir ? s.run_dir : "none");
    CHECK_OK(pipc_close(context));
    pipc_config_free(config);
    return buf;
}

TEST(config_keys, first_of_call_service_and_pipc_wins)
{
    static const char *const order[] = {"api service", "api pipc", "text service", "text pipc"};
    char buf[64];
    if (!PIPC_TEST_HAVE_INI)
        test_skip("this build has no reader of text");
    for (unsigned places = 0; places < 16; places++) {
        const char *expected = "none";
        for (int i = 3; i >= 0; i--) {
            if (places & (1u << i))
                expected = order[i];
        }
        CHECK_STR(winner(places, buf), expected);
    }
}

TEST(config_keys, call_wins_over_text_for_every_number_and_over_earlier_calls)
{
    if (!PIPC_TEST_HAVE_INI)
        test_skip("this build has no reader of text");
    for (size_t i = 0; i < NUMBERS; i++) {
        struct pipc_config *const config = new_config();
        CHECK_OK(give(config, true, "service.s", numbers[i].key, "100", NULL));
        CHECK_OK(give(config, false, "service.s", numbers[i].key, "200", NULL));
        CHECK_OK(give(config, false, "service.s", numbers[i].key, "300", NULL));
        const struct pipci_service s = service_of(config);
        CHECK_EQ(field(&s, &numbers[i]), 300);
        pipc_config_free(config);
    }
}

TEST(config_keys, lists_are_replaced_as_a_whole)
{
    struct pipc_config *const config = new_config(); /* by call: transports = base */
    CHECK_OK(pipc_config_set(config, "service.s", "transports", "other", NULL));
    struct pipc_context *context = NULL;
    struct pipci_service s;
    CHECK_OK(pipc_open(config, NULL, &context, NULL));
    CHECK_OK(pipci_context_service(context, "s", &s, NULL));
    CHECK_EQ(s.plane_count, 1);
    CHECK_STR(s.planes[0].name, "other");
    CHECK_STR(s.carrier->name, "other");
    CHECK_OK(pipc_close(context));
    pipc_config_free(config);
}

TEST(config_keys, option_of_a_module_by_call_wins_over_text)
{
    struct module_fixture *const f = module_fixture_codec(2, "c", 9);
    module_fixture_options(f);
    struct pipc_config *const config = new_config();
    CHECK_OK(module_feed(config, "[codec.c]\ncount = 10\n", NULL));
    CHECK_OK(pipc_config_set(config, "codec.c", "count", "20", NULL));
    struct pipc_context *context = NULL;
    CHECK_OK(pipc_open(config, NULL, &context, NULL));
    CHECK_EQ(f->seen.values[0].number, 20);
    CHECK_OK(pipc_close(context));
    pipc_config_free(config);
}

TEST(config_keys, services_do_not_mix)
{
    struct pipc_config *const config = new_config();
    struct pipc_context *context = NULL;
    struct pipci_service a, b, c;
    CHECK_OK(module_feed(config,
                         "[pipc]\nrun_dir = /common\n[service.a]\nmax_request_bytes = 1\nrun_dir = "
                         "/a\n[service.a.b]\nmax_request_bytes = 2\ncall_timeout_ms = 3\n",
                         NULL));
    CHECK_OK(pipc_open(config, NULL, &context, NULL));
    CHECK_OK(pipci_context_service(context, "a", &a, NULL));
    CHECK_OK(pipci_context_service(context, "a.b", &b, NULL));
    CHECK_OK(pipci_context_service(context, "c", &c, NULL));
    CHECK_EQ(a.max_request_bytes, 1);
    CHECK_EQ(a.call_timeout_ms, 0);
    CHECK_STR(a.run_dir, "/a");
    CHECK_EQ(b.max_request_bytes, 2);
    CHECK_EQ(b.call_timeout_ms, 3);
    CHECK_STR(b.run_dir, "/common");
    CHECK_EQ(c.max_request_bytes, 0);
    CHECK_STR(c.run_dir, "/common");
    CHECK_OK(pipc_close(context));
    pipc_config_free(config);
}

TEST(config_keys, name_that_is_no_service_is_refused)
{
    static const char *const wrong[] = {"", ".", "..", "a/b", "a b", "\xc3\xa9"};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipci_service s;
    module_fixture_baseline(0, "base");
    struct pipc_context *const context = module_context("[pipc]\ntransports = base\n");
    for (size_t i = 0; i < 6; i++)
        CHECK_RESULT(pipci_context_service(context, wrong[i], &s, &err), PIPC_ERR_BAD_PARAM);
    CHECK_STR(err.text, "service name \"\\xc3\\xa9\": expected letters, digits and . _ - only, and "
                        "neither \".\" nor \"..\"");
    CHECK_RESULT(pipci_context_service(context, NULL, &s, &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_service_plan(context, "x", NULL, &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_service_plan(NULL, "x", NULL, &err), PIPC_ERR_BAD_PARAM);
    CHECK_OK(pipci_context_service(context, "...", &s, &err));
    CHECK_OK(pipc_close(context));
}
