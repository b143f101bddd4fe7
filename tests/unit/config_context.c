/* SPDX-License-Identifier: Apache-2.0
 *
 * Contexts and their ends: failures that leave nothing, allocations that fail, tokens, the log,
 * forks, objects that live.
 */
#include "test.h"

#include "base_memory.h"
#include "core/module/context.h"
#include "module_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void put(const char *path, const char *text, size_t len, mode_t mode)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, len), (ssize_t)len);
    CHECK_EQ(fchmod(fd, mode), 0);
    close(fd);
}

/* ---- tokens ---- */

static pipc_result open_token(const char *path, struct pipci_service *ret_service,
                              struct pipc_error *err)
{
    struct pipc_context *context = NULL;
    char text[512];
    module_fixture_baseline(0, "base");
    snprintf(text, sizeof(text),
             "[pipc]\ntransports = base\nlog_level = debug\n[service.s]\ntoken_file = %s\n", path);
    const pipc_result result = module_open(text, &context, err);
    if (result == PIPC_OK) {
        struct pipc_plan plan = {.size = sizeof(plan)};
        CHECK_OK(pipci_context_service(context, "s", ret_service, NULL));
        CHECK_OK(pipc_service_plan(context, "s", &plan, NULL));
        CHECK(plan.auth_token_fingerprint != ret_service->auth_token ||
              plan.auth_token_fingerprint == 0);
        CHECK_OK(pipc_close(context));
    }
    return result;
}

static uint64_t token_of(const char *text)
{
    struct pipci_service s = {0};
    struct pipc_error err = PIPC_ERROR_INIT;
    put(test_path("token"), text, strlen(text), 0600);
    const pipc_result result = open_token(test_path("token"), &s, &err);
    CHECK_MSG(result == PIPC_OK, "%s", err.text);
    CHECK_EQ(s.auth_token_given, 1);
    return s.auth_token;
}

TEST(config_context, token_is_read_from_its_file)
{
    CHECK_EQ(token_of("12345678901234567890"), UINT64_C(12345678901234567890));
    CHECK_EQ(token_of(" \t0xffffffffffffffff \r\n\n"), UINT64_MAX);
    CHECK_EQ(token_of("0\n"), 0);
}

static void token_refused(const char *path, const char *word)
{
    struct pipci_service s;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(open_token(path, &s, &err), PIPC_ERR_CONFIG);
    CHECK_HAS(err.text, PIPC_TEST_HAVE_INI ? "test.ini:5: [service.s] token_file: "
                                           : "pipc_config_set: [service.s] token_file: ");
    CHECK_HAS(err.text, path);
    CHECK_HAS(err.text, word);
    CHECK(!strstr(err.text, "424242") && !strstr(module_log(), "424242"));
}

TEST(config_context, token_file_that_is_no_number_is_refused_without_its_content)
{
    static const char *const wrong[] = {"",        "  \n", "424242 424242",       "424242\n1",
                                        "x424242", "-1",   "18446744073709551616"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        put(test_path("token"), wrong[i], strlen(wrong[i]), 0600);
        token_refused(test_path("token"), "expected one number from 0 to 18446744073709551615");
    }
    put(test_path("token"), "424242\0001", 8, 0600);
    token_refused(test_path("token"), "expected one number");
}

TEST(config_context, token_file_that_is_not_private_is_refused)
{
    put(test_path("token"), "424242", 6, 0604);
    token_refused(test_path("token"), "expected a file of root or this user");
    token_refused(test_path("absent"), "expected a file of root or this user");
    CHECK_EQ(mkdir(test_path("dir"), 0700), 0);
    token_refused(test_path("dir"), "expected a file of root or this user");
    CHECK_EQ(mkfifo(test_path("fifo"), 0600), 0);
    token_refused(test_path("fifo"), "expected a file of root or this user");
    CHECK_EQ(symlink("token", test_path("link")), 0);
    token_refused(test_path("link"), "expected a file of root or this user");
}

TEST(config_context, token_file_behind_a_link_is_read_when_it_is_private)
{
    struct pipci_service s = {0};
    struct pipc_error err = PIPC_ERROR_INIT;
    put(test_path("good"), "424242", 6, 0600);
    CHECK_EQ(symlink("good", test_path("link")), 0);
    CHECK_OK(open_token(test_path("link"), &s, &err));
    CHECK_EQ(s.auth_token, 424242);
}

TEST(config_context, token_file_of_another_owner_is_refused)
{
    if (geteuid() != 0)
        test_skip("only root can give a file away");
    put(test_path("token"), "424242", 6, 0600);
    CHECK_EQ(chown(test_path("token"), 65534, 65534), 0);
    token_refused(test_path("token"), "expected a file of root or this user");
}

TEST(config_context, token_as_a_key_is_refused_without_its_value)
{
    static const char *const sections[] = {"service.s", "pipc"};
    for (size_t i = 0; i < 2; i++) {
        struct pipc_config *const config = module_config();
        struct pipc_error err = PIPC_ERROR_INIT;
        CHECK_RESULT(pipc_config_set(config, sections[i], "token", "424242", &err),
                     PIPC_ERR_CONFIG);
        CHECK_HAS(err.text, " token: a token does not belong here, expected token_file and the "
                            "path of a file that holds it");
        CHECK(!strstr(err.text, "424242"));
        pipc_config_free(config);
    }
}

TEST(config_context, fingerprints_tell_tokens_apart)
{
    static const char *const tokens[] = {"1", "2", "18446744073709551615"};
    uint64_t prints[3];
    char text[512];
    module_fixture_baseline(0, "base");
    for (size_t i = 0; i < 3; i++) {
        struct pipc_plan plan = {.size = sizeof(plan)};
        put(test_path("token"), tokens[i], strlen(tokens[i]), 0600);
        snprintf(text, sizeof(text), "[pipc]\ntransports = base\n[service.s]\ntoken_file = %s\n",
                 test_path("token"));
        struct pipc_context *const context = module_context(text);
        CHECK_OK(pipc_service_plan(context, "s", &plan, NULL));
        prints[i] = plan.auth_token_fingerprint;
        CHECK_OK(pipc_service_plan(context, "t", &plan, NULL));
        CHECK_EQ(plan.auth_token_fingerprint, 0);
        CHECK_OK(pipc_close(context));
    }
    CHECK(prints[0] != prints[1] && prints[1] != prints[2] && prints[0] != prints[2]);
    CHECK(prints[0] != 0);
}

TEST(config_context, tokens_of_two_services_do_not_mix)
{
    char text[512];
    struct pipci_service a, b, c;
    module_fixture_baseline(0, "base");
    put(test_path("one"), "111\n", 4, 0600);
    put(test_path("two"), "222\n", 4, 0640);
    snprintf(text, sizeof(text),
             "[pipc]\ntransports = base\n[service.a]\ntoken_file = %s\n[service.b]\ntoken_file = "
             "%s\n",
             test_path("one"), test_path("two"));
    struct pipc_context *const context = module_context(text);
    CHECK_OK(pipci_context_service(context, "a", &a, NULL));
    CHECK_OK(pipci_context_service(context, "b", &b, NULL));
    CHECK_OK(pipci_context_service(context, "c", &c, NULL));
    CHECK_EQ(a.auth_token, 111);
    CHECK_EQ(b.auth_token, 222);
    CHECK_EQ(c.auth_token, 0);
    CHECK_EQ(c.auth_token_given, 0);
    CHECK_OK(pipc_close(context));
}

/* ---- all or nothing ---- */

static const char rich_text[] =
    "[pipc]\ntransports = fast, -gone, base\nmodule_dir = /nonexistent\nrun_dir = /r\n"
    "[service.a]\ntransports = spy\nmax_sessions = 3\n[transport.spy]\nwraps = base\n"
    "[codec.c]\nusers = a, b, 3\nowner = me\nwhere = /x\n[service.b]\nrun_dir = rel\n";

static struct module_fixture *rich_fixtures(void)
{
    module_fixture_baseline(0, "base");
    module_fixture_upgrade(1, "fast", 2);
    module_fixture_wrapper(2, "spy");
    struct module_fixture *const c = module_fixture_codec(3, "c", 7);
    module_fixture_options(c);
    return c;
}

static pipc_result build_config(const struct pipc_allocator *allocator, struct pipc_config **config,
                                const struct module_fixture *first)
{
    pipc_result result = pipc_config_new(allocator, config);
    for (int i = 0; i < 4 && result == PIPC_OK; i++)
        result = pipc_config_add_module(*config, &first[i - 3].module, NULL);
    if (result == PIPC_OK)
        result = module_feed(*config, rich_text, NULL);
    if (result == PIPC_OK)
        result = pipc_config_set(*config, "service.a", "max_sessions", "4", NULL);
    return result;
}

TEST(config_context, each_failing_allocation_of_the_configuration_is_clean)
{
    struct base_memory m;
    const struct module_fixture *const c = rich_fixtures();
    for (uint64_t n = 1;; n++) {
        struct pipc_config *config = NULL;
        base_memory_init(&m);
        m.fail_at = n;
        const pipc_result result = build_config(&m.allocator, &config, c);
        pipc_config_free(config);
        CHECK_EQ(m.live, 0);
        CHECK_EQ(m.zero_sizes, 0);
        if (m.calls < n) {
            CHECK_OK(result);
            CHECK(n > 20);
            break;
        }
        CHECK_RESULT(result, PIPC_ERR_ALLOC);
    }
}

TEST(config_context, each_failing_allocation_of_the_context_is_clean)
{
    struct base_memory m;
    struct pipc_config *config = NULL;
    const struct module_fixture *const c = rich_fixtures();
    CHECK_OK(build_config(NULL, &config, c));
    for (uint64_t n = 1;; n++) {
        struct pipc_context *context = NULL;
        struct pipc_error err = PIPC_ERROR_INIT;
        struct pipc_open_options options = {.size = sizeof(options)};
        base_memory_init(&m);
        options.allocator = &m.allocator;
        m.fail_at = n;
        const unsigned inits = c->seen.inits;
        const pipc_result result = pipc_open(config, &options, &context, &err);
        const uint64_t calls = m.calls;
        if (result == PIPC_OK)
            CHECK_OK(pipc_close(context));
        CHECK_EQ(m.live, 0);
        CHECK_EQ(c->seen.inits, c->seen.finis);
        if (calls < n) {
            CHECK_OK(result);
            CHECK_EQ(c->seen.inits, inits + 1);
            CHECK(n > 20);
            break;
        }
        /* The list of what is available may be left out of a message without anybody being told. */
        if (result != PIPC_OK)
            CHECK_RESULT(result, PIPC_ERR_ALLOC);
    }
    pipc_config_free(config);
}

TEST(config_context, error_in_the_last_section_ends_every_module_that_was_started)
{
    struct pipc_error err;
    const struct module_fixture *const base = module_fixture_baseline(0, "base");
    const struct module_fixture *const c = module_fixture_codec(1, "c", 7);
    const unsigned descriptors = test_open_descriptors();
    module_refused("[pipc]\ntransports = base\n[codec.c]\n[transport.unused]\nprofile_bit = 16\n",
                   PIPC_ERR_CONFIG, &err);
    CHECK_EQ(base->seen.inits, 1);
    CHECK_EQ(base->seen.finis, 1);
    CHECK_EQ(c->seen.inits, 1);
    CHECK_EQ(c->seen.finis, 1);
    CHECK_EQ(test_open_descriptors(), descriptors);
}

TEST(config_context, error_in_the_last_line_of_a_text_starts_no_module)
{
    struct pipc_error err;
    const struct module_fixture *const base = module_fixture_baseline(0, "base");
    module_refused("[pipc]\ntransports = base\n[service.s]\nmax_sessions = 65536\n",
                   PIPC_ERR_CONFIG, &err);
    CHECK_EQ(base->seen.inits, 0);
}

TEST(config_context, long_values_leave_room_for_what_is_accepted)
{
    static char text[3000];
    struct pipc_error err;
    module_fixture_baseline(0, "base");
    const int at = snprintf(text, sizeof(text), "[service.");
    memset(text + at, 'n', 190);
    const int to = at + 190 + snprintf(text + at + 190, 64, "]\nmax_sessions = ");
    memset(text + to, '9', 2000);
    strcpy(text + to + 2000, "\n");
    module_refused(text, PIPC_ERR_CONFIG, &err);
    CHECK_HAS(err.text, "...");
    CHECK_HAS(err.text, "max_sessions: found \"9999");
    CHECK_HAS(err.text, "...\", expected a number from 0 to 65535");
}

/* ---- life ---- */

TEST(config_context, context_with_objects_does_not_close)
{
    module_fixture_baseline(0, "base");
    struct pipc_context *const context = module_context("[pipc]\ntransports = base\n");
    pipci_context_hold(context);
    pipci_context_hold(context);
    CHECK_RESULT(pipc_close(context), PIPC_ERR_BAD_PARAM);
    pipci_context_release(context);
    CHECK_RESULT(pipc_close(context), PIPC_ERR_BAD_PARAM);
    pipci_context_release(context);
    CHECK_OK(pipc_close(context));
    CHECK_OK(pipc_close(NULL));
    pipc_freeze(NULL);
}

TEST(config_context, configuration_may_be_freed_while_the_context_lives)
{
    module_fixture_baseline(0, "base");
    struct pipc_context *const context =
        module_context("[pipc]\ntransports = base\nrun_dir = /some/where\n");
    struct pipci_service s;
    CHECK_OK(pipci_context_service(context, "x", &s, NULL));
    CHECK_STR(s.run_dir, "/some/where");
    CHECK(pipci_context_allocator(context)->alloc != NULL);
    CHECK_OK(pipc_close(context));
}

static int in_child(void *arg)
{
    struct pipc_context *const context = arg;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(pipci_context_check_process(context, &err), PIPC_ERR_FORKED);
    CHECK_STR(err.text, "the context belongs to the parent process");
    CHECK_OK(pipc_close(context));
    return 0;
}

TEST(config_context, child_of_a_fork_is_told_so_and_may_free)
{
    module_fixture_baseline(0, "base");
    struct pipc_context *const context = module_context("[pipc]\ntransports = base\n");
    CHECK_OK(pipci_context_check_process(context, NULL));
    CHECK_EQ(test_in_child(in_child, context), 0);
    CHECK_OK(pipci_context_check_process(context, NULL));
    CHECK_OK(pipc_close(context));
}

TEST(config_context, log_level_lets_through_what_is_important_enough)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    module_fixture_baseline(0, "base");
    for (uint32_t level = 0; level < 4; level++) {
        char text[128];
        snprintf(text, sizeof(text), "[pipc]\ntransports = base\nlog_level = %s\n", levels[level]);
        struct pipc_context *const context = module_context(text);
        for (uint32_t i = 0; i < 4; i++) {
            char line[32], logged[40];
            snprintf(line, sizeof(line), "at %s, line %u", levels[level], i);
            pipci_log(context, i, "%s", line);
            snprintf(logged, sizeof(logged), "%u %s\n", i, line);
            CHECK((strstr(module_log(), logged) != NULL) == (i <= level));
        }
        CHECK_OK(pipc_close(context));
    }
}

TEST(config_context, loading_is_logged_with_version_vendor_and_place)
{
    module_fixture_baseline(0, "base");
    CHECK_OK(pipc_close(module_context("[pipc]\ntransports = base\nlog_level = info\n")));
    CHECK_HAS(module_log(), "2 transport \"base\" version 1.0 of tests: built in\n");
}

TEST(config_context, arguments_are_checked)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context = NULL;
    struct pipc_allocator bad = {.size = sizeof(bad)};
    const struct pipc_open_options options = {.size = sizeof(options), .allocator = &bad};
    const struct pipc_codec_ops *ops = NULL;
    struct pipc_module_info info = {.size = sizeof(info)};
    CHECK_RESULT(pipc_open(NULL, NULL, NULL, &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_open(NULL, &options, &context, &err), PIPC_ERR_BAD_PARAM);
    CHECK_STR(err.text, "allocator: expected its size and the functions alloc, realloc, free");
    CHECK_RESULT(pipc_codec_find(NULL, "x", 0, &ops, NULL, &err), PIPC_ERR_BAD_PARAM);
    CHECK(pipc_codec_table(NULL, "x", 1) == NULL);
    CHECK_RESULT(pipc_module_info(NULL, 0, &info), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_module_load(NULL, 1, "x", &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_module_scan(NULL, NULL, NULL, &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_module_check(NULL, NULL, NULL, NULL, NULL, 0, &err), PIPC_ERR_BAD_PARAM);
    CHECK_STR(pipc_module_dir(NULL), "");
    module_fixture_baseline(0, "base");
    context = module_context("[pipc]\ntransports = base\n");
    CHECK_RESULT(pipc_module_load(context, 3, "x", &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_module_load(context, 1, NULL, &err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_module_info(context, 1, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_module_info(context, 99, &info), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_OK(pipc_close(context));
}

TEST(config_context, version_of_the_product_is_three_numbers)
{
    unsigned a, b, c;
    CHECK_EQ(sscanf(pipc_version(), "%u.%u.%u", &a, &b, &c), 3);
}
