/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of transports: planes, carrier and masks; optional names; what contradicts itself; unused
 * sections.
 */
#include "test.h"

#include "core/module/context.h"
#include "module_fixture.h"

#include <unistd.h>

/* The upgrade of the examples has bit 1 as the one of the specification's table. */
static void fixtures(void)
{
    module_fixture_baseline(0, "base");
    module_fixture_upgrade(1, "fast", 0x02);
    module_fixture_upgrade(2, "third", 0);
    module_fixture_baseline(3, "other");
    module_fixture_upgrade(4, "clash", 0x02);
}

static struct pipc_plan plan_of(struct pipc_context *context)
{
    struct pipc_plan plan = {.size = sizeof(plan)};
    CHECK_OK(pipc_service_plan(context, "s", &plan, NULL));
    return plan;
}

static void masks(const char *list, const char *more, uint32_t supported, uint32_t preferred,
                  const char *carrier)
{
    char text[512];
    fixtures();
    snprintf(text, sizeof(text), "[pipc]\ntransports = %s\nmodule_dir = " PIPC_TEST_NOWHERE "\n%s",
             list, more);
    struct pipc_context *const context = module_context(text);
    const struct pipc_plan plan = plan_of(context);
    CHECK_EQ(plan.supported, supported);
    CHECK_EQ(plan.preferred, preferred);
    CHECK_STR(plan.carrier, carrier);
    CHECK_OK(pipc_close(context));
}

TEST(config_plan, rows_of_the_table_give_their_masks)
{
    masks("base", "", 0x01, 0x01, "base");
    masks("fast,base", "", 0x03, 0x02, "base");
    masks("base,fast", "", 0x03, 0x01, "base");
    masks("fast", "carrier = base\n", 0x02, 0x02, "base");
    masks("-fast,base", "", 0x03, 0x02, "base");
    masks("-gone,base", "", 0x01, 0x01, "base");
    masks("fast, third, base", "[transport.third]\nprofile_bit = 31\n", 0x80000003, 0x02, "base");
    masks("other", "carrier = other\n", 0x01, 0x01, "other");
}

TEST(config_plan, unlisted_bits_are_in_neither_mask)
{
    fixtures();
    module_fixture_upgrade(1, "fast", 0x06)->transport.unlisted_bits = 0x04;
    struct pipc_context *const context =
        module_context("[pipc]\ntransports = fast,base\nmodule_dir = " PIPC_TEST_NOWHERE "\n");
    const struct pipc_plan plan = plan_of(context);
    CHECK_EQ(plan.supported, 0x03);
    CHECK_EQ(plan.preferred, 0x02);
    CHECK_OK(pipc_close(context));
}

static void refused(const char *text, pipc_result result, const char *sentence)
{
    struct pipc_error err;
    char expected[300];
    fixtures();
    module_refused(text, result, &err);
    /* Where there is no reader, lines become calls. */
    snprintf(expected, sizeof(expected), "%s", sentence);
    if (!PIPC_TEST_HAVE_INI && strncmp(expected, "test.ini:", 9) == 0)
        snprintf(expected, sizeof(expected), "pipc_config_set%s",
                 strchr(strchr(sentence, ':') + 1, ':'));
    CHECK_STR(err.text, expected);
}

TEST(config_plan, two_baselines_are_refused)
{
    refused("[pipc]\ntransports = base, fast, other\n", PIPC_ERR_CONFIG,
            "test.ini:2: [pipc] transports: \"base\" and \"other\" are two baselines, expected at "
            "most one");
}

TEST(config_plan, carrier_that_contradicts_the_list_is_refused)
{
    refused("[pipc]\ntransports = base, fast\ncarrier = other\n", PIPC_ERR_CONFIG,
            "test.ini:3: [pipc] carrier: found \"other\", expected \"base\", the baseline in the "
            "list of transports");
}

TEST(config_plan, carrier_that_is_no_baseline_is_refused)
{
    refused("[pipc]\ntransports = fast\ncarrier = fast\n", PIPC_ERR_CONFIG,
            "test.ini:3: [pipc] carrier: found \"fast\", which is no baseline, expected one");
}

TEST(config_plan, two_upgrades_of_one_bit_are_refused)
{
    refused("[pipc]\ntransports = fast, clash, base\n", PIPC_ERR_CONFIG,
            "test.ini:2: [pipc] transports: \"fast\" and \"clash\" both have profile bits "
            "0x00000002, expected one module for each bit");
    refused("[pipc]\ntransports = fast, base\n[service.x]\ntransports = clash, base\n",
            PIPC_ERR_CONFIG,
            "[transport.fast] and [transport.clash]: both have profile bits 0x00000002, expected "
            "one module for each bit");
}

TEST(config_plan, assigned_bits_must_differ)
{
    fixtures();
    module_fixture_upgrade(5, "fourth", 0);
    struct pipc_error err;
    module_refused("[pipc]\ntransports = third, fourth, base\n[transport.third]\nprofile_bit = 16\n"
                   "[transport.fourth]\nprofile_bit = 16\n",
                   PIPC_ERR_CONFIG, &err);
    CHECK_HAS(err.text, "\"third\" and \"fourth\" both have profile bits 0x00010000");
}

TEST(config_plan, missing_and_forbidden_profile_bits_are_refused)
{
    refused("[pipc]\ntransports = third, base\n", PIPC_ERR_CONFIG,
            "[transport.third] profile_bit: the module declares no bit, expected a number from 16 "
            "to 31");
    refused("[pipc]\ntransports = fast, base\n[transport.fast]\nprofile_bit = 16\n",
            PIPC_ERR_CONFIG,
            "test.ini:4: [transport.fast] profile_bit: found \"16\", expected no such key: the "
            "module has the bits 0x00000002");
    refused("[pipc]\ntransports = base\n[transport.base]\nprofile_bit = 16\n", PIPC_ERR_CONFIG,
            "test.ini:4: [transport.base] profile_bit: found \"16\", expected no such key: the "
            "module has the bits 0x00000001");
}

TEST(config_plan, unused_module_sections_are_refused)
{
    refused("[pipc]\ntransports = base\n[transport.fast]\ncount = 5\n", PIPC_ERR_CONFIG,
            "test.ini:3: [transport.fast]: nothing uses this module, expected one that a list, a "
            "carrier or a wrapper names");
}

TEST(config_plan, unused_codec_section_is_refused)
{
    refused("[pipc]\ntransports = base\n[codec.nobody]\nfile = /x\n", PIPC_ERR_CONFIG,
            "test.ini:3: [codec.nobody]: nothing uses this module, expected one that a list, a "
            "carrier or a wrapper names");
}

TEST(config_plan, section_of_a_list_that_a_higher_place_replaced_is_used)
{
    if (!PIPC_TEST_HAVE_INI)
        test_skip("this build has no reader of text");
    fixtures();
    struct pipc_config *const config = module_config();
    struct pipc_context *context = NULL;
    CHECK_OK(module_feed(config,
                         "[service.s]\ntransports = third, base\n[transport.third]\n"
                         "profile_bit = 17\n",
                         NULL));
    CHECK_OK(pipc_config_set(config, "service.s", "transports", "base", NULL));
    CHECK_OK(pipc_config_set(config, "pipc", "transports", "base", NULL));
    CHECK_OK(pipc_open(config, NULL, &context, NULL));
    CHECK_EQ(plan_of(context).supported, 1);
    CHECK_OK(pipc_close(context));
    pipc_config_free(config);
}

/* ---- names that are not there ---- */

TEST(config_plan, unknown_name_lists_what_is_available)
{
    struct pipc_error err;
    fixtures();
    module_refused("[pipc]\ntransports = gone, base\nmodule_dir = " PIPC_TEST_NOWHERE "\n",
                   PIPC_TEST_HAVE_LOADER ? PIPC_ERR_MODULE_NOT_FOUND : PIPC_ERR_NO_LOADER, &err);
    CHECK_HAS(err.text, "[pipc] transports: \"gone\": ");
    CHECK_HAS(err.text, "; available: ");
    CHECK_HAS(err.text, "base");
    CHECK_HAS(err.text, "fast");
}

TEST(config_plan, unknown_carrier_lists_what_is_available)
{
    struct pipc_error err;
    fixtures();
    module_refused("[service.x]\ntransports = fast\ncarrier = gone\n[pipc]\ntransports = base\n"
                   "module_dir = " PIPC_TEST_NOWHERE "\n",
                   PIPC_TEST_HAVE_LOADER ? PIPC_ERR_MODULE_NOT_FOUND : PIPC_ERR_NO_LOADER, &err);
    CHECK_HAS(err.text, "[service.x] carrier: \"gone\": ");
    CHECK_HAS(err.text, "; available: ");
}

TEST(config_plan, unknown_codec_lists_what_is_available)
{
    struct pipc_error err;
    fixtures();
    module_refused("[pipc]\ntransports = base\ncodecs = gone\nmodule_dir = " PIPC_TEST_NOWHERE "\n",
                   PIPC_TEST_HAVE_LOADER ? PIPC_ERR_MODULE_NOT_FOUND : PIPC_ERR_NO_LOADER, &err);
    CHECK_HAS(err.text, "[pipc] codecs: \"gone\": ");
    CHECK_HAS(err.text, "; available: ");
}

/* 96 bytes of a path, and of a name. */
#define LONG   "abcdefghijklmnopqrstuvwxyz012345"
#define LONGER LONG LONG LONG

TEST(config_plan, list_of_what_is_available_outlives_long_names)
{
    struct pipc_error err;
    fixtures();
    module_refused("[pipc]\ntransports = base\nmodule_dir = " PIPC_TEST_NOWHERE "/" LONGER
                   "/" LONGER "\n"
                   "[service." LONGER "]\ntransports = gone, base\n",
                   PIPC_TEST_HAVE_LOADER ? PIPC_ERR_MODULE_NOT_FOUND : PIPC_ERR_NO_LOADER, &err);
    CHECK_HAS(err.text, PIPC_TEST_HAVE_LOADER ? "] transports: \"gone\": ..."
                                              : "] transports: \"gone\": gone: ");
    CHECK_HAS(err.text, PIPC_TEST_HAVE_LOADER ? "/gone" PIPC_TEST_MODULE_SUFFIX
                                                ": there is no such file; available: base, "
                                              : "is not built in; available: base, ");
}

TEST(config_plan, list_of_what_is_available_begins_with_the_kind_and_says_that_it_is_cut)
{
    struct pipc_error err;
    fixtures();
    module_need_loader();
    module_refused("[pipc]\ntransports = gone, stranger\nmodule_dir = " PIPC_TEST_FIXTURE_DIR "\n"
                   "[service.x]\ntransports = -wrong_name, base\n",
                   PIPC_ERR_MODULE_NOT_FOUND, &err);
    const char *const list = strstr(err.text, "; available: base, ");
    CHECK(list != NULL);
    const char *const named = strstr(list, ", stranger"), *const service =
                                                              strstr(list, ", wrong_name");
    const char *const unknown = strstr(list, ", bad_magic");
    CHECK_MSG(named && service && unknown && named < unknown && service < unknown, "%s", err.text);
    CHECK_STR(list + strlen(list) - 5, ", ...");
}

TEST(config_plan, list_of_what_is_available_has_no_module_of_another_kind_and_not_the_one_refused)
{
    struct pipc_error err;
    fixtures();
    module_fixture_upgrade(5, "broken", 0x400)->transport.offer = NULL;
    module_refused("[pipc]\ntransports = broken, base\ncodecs = -whatever\n"
                   "module_dir = " PIPC_TEST_NOWHERE "\n",
                   PIPC_ERR_MODULE_ABI, &err);
    CHECK(!strstr(strstr(err.text, "; available: "), "broken"));
    module_refused("[pipc]\ntransports = base\ncodecs = gone\nmodule_dir = " PIPC_TEST_NOWHERE "\n",
                   PIPC_TEST_HAVE_LOADER ? PIPC_ERR_MODULE_NOT_FOUND : PIPC_ERR_NO_LOADER, &err);
    CHECK(!strstr(strstr(err.text, "; available: "), "base"));
}

TEST(config_plan, codec_that_is_asked_for_and_not_there_lists_what_is_available)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    const struct pipc_codec_ops *ops;
    fixtures();
    module_need_loader();
    struct pipc_context *const context =
        module_context("[pipc]\ntransports = base\nmodule_dir = " PIPC_TEST_FIXTURE_DIR "\n");
    CHECK_OK(pipc_module_load(context, PIPC_MODULE_CODEC, "good_codec", NULL));
    CHECK_RESULT(pipc_codec_find(context, "gone", 0, &ops, NULL, &err), PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_HAS(err.text, PIPC_TEST_BUILTIN ? "good_codec" : "; available: good_codec, ");
    CHECK_RESULT(pipc_module_load(context, PIPC_MODULE_TRANSPORT, "gone", &err),
                 PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_HAS(err.text, "; available: base, ");
    CHECK(!strstr(err.text, "good_codec"));
    pipc_freeze(context);
    CHECK_RESULT(pipc_codec_find(context, "gone", 0, &ops, NULL, &err), PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_STR(err.text, "gone: is not loaded, and loading is frozen");
    CHECK_OK(pipc_close(context));
}

TEST(config_plan, optional_missing_name_keeps_its_reason)
{
    fixtures();
    struct pipc_context *const context =
        module_context("[pipc]\ntransports = -gone, base\nmodule_dir = " PIPC_TEST_NOWHERE "\n");
    const struct pipc_plan plan = plan_of(context);
    CHECK_EQ(plan.plane_count, 2);
    CHECK_STR(plan.planes[0].name, "gone");
    CHECK_EQ(plan.planes[0].bits, 0);
    CHECK_HAS(plan.planes[0].reason, PIPC_TEST_HAVE_LOADER
                                         ? PIPC_TEST_NOWHERE "/gone" PIPC_TEST_MODULE_SUFFIX
                                                             ": there is no such file"
                                         : "gone: dynamic loading is not built in");
    CHECK_STR(plan.planes[1].reason, "");
    const struct pipc_module_info info = module_record(context, "gone");
    CHECK_EQ(info.optional, 1);
    CHECK_STR(info.reason, plan.planes[0].reason);
    CHECK_OK(pipc_close(context));
}

TEST(config_plan, optional_broken_name_keeps_its_reason_and_breaks_the_list_without_the_mark)
{
    struct pipc_error err;
    fixtures();
    struct module_fixture *const broken = module_fixture_upgrade(5, "broken", 0x400);
    broken->transport.offer = NULL;
    struct pipc_context *const context = module_context("[pipc]\ntransports = -broken, base\n");
    const struct pipc_plan plan = plan_of(context);
    CHECK_EQ(plan.supported, 1);
    CHECK_STR(plan.planes[0].reason, "broken: entry \"offer\" is missing, needed by UPGRADE");
    CHECK_OK(pipc_close(context));
    module_refused("[pipc]\ntransports = base, broken\n", PIPC_ERR_MODULE_ABI, &err);
    CHECK_HAS(err.text, "[pipc] transports: \"broken\": broken: entry \"offer\" is missing, needed "
                        "by UPGRADE; available: ");
}

TEST(config_plan, optional_name_with_wrong_options_is_an_error)
{
    struct pipc_error err;
    fixtures();
    module_refused("[pipc]\ntransports = -fast, base\n[transport.fast]\nspeed = 9\n",
                   PIPC_ERR_CONFIG, &err);
    CHECK_HAS(err.text, "[transport.fast] speed: unknown key");
}

TEST(config_plan, list_of_which_nothing_is_left_is_an_error)
{
    struct pipc_error err;
    fixtures();
    module_refused("[pipc]\ntransports = -gone\nmodule_dir = " PIPC_TEST_NOWHERE "\n",
                   PIPC_ERR_CONFIG, &err);
    CHECK_HAS(err.text, "[pipc] transports: found \"-gone\", of which nothing is left, expected at "
                        "least one that is there; ");
}

TEST(config_plan, optional_codec_may_be_missing)
{
    fixtures();
    struct pipc_context *const context = module_context(
        "[pipc]\ntransports = base\ncodecs = -gone\nmodule_dir = " PIPC_TEST_NOWHERE "\n");
    CHECK_EQ(module_record(context, "gone").optional, 1);
    CHECK_OK(pipc_close(context));
}

TEST(config_plan, transport_named_as_codec_is_refused)
{
    struct pipc_error err;
    fixtures();
    module_fixture_codec(5, "cc", 7);
    module_refused("[pipc]\ntransports = base\ncodecs = fast\n", PIPC_ERR_MODULE_ABI, &err);
    CHECK_HAS(err.text, "\"fast\": fast: is a transport, expected a codec");
    module_refused("[pipc]\ntransports = cc\n", PIPC_ERR_MODULE_ABI, &err);
    CHECK_HAS(err.text, "\"cc\": cc: is a codec, expected a transport");
}

/* ---- the defaults ---- */

TEST(config_plan, defaults_are_the_systems_baseline_from_the_directory_of_the_build)
{
    struct pipc_context *context = NULL;
    struct pipc_config *config = NULL;
    CHECK_OK(pipc_config_new(NULL, &config));
    CHECK_OK(pipc_config_set(config, "pipc", "module_dir", PIPC_TEST_MODULE_DIR, NULL));
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result result = pipc_open(config, NULL, &context, &err);
    CHECK_MSG(result == PIPC_OK, "%s", err.text);
    const struct pipc_plan plan = plan_of(context);
    CHECK_EQ(plan.supported, 1);
    CHECK_EQ(plan.preferred, 1);
    CHECK_EQ(plan.plane_count, 1);
    CHECK_STR(plan.carrier, plan.planes[0].name);
    CHECK(plan.run_dir == NULL);
    CHECK_OK(pipc_close(context));
    pipc_config_free(config);
}

TEST(config_plan, default_that_is_not_there_is_an_error_of_open)
{
    struct pipc_context *context = NULL;
    struct pipc_config *config = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    if (PIPC_TEST_BUILTIN || !PIPC_TEST_HAVE_LOADER)
        test_skip("the baseline of this build is linked in");
    CHECK_OK(pipc_config_new(NULL, &config));
    CHECK_OK(pipc_config_set(config, "pipc", "module_dir", PIPC_TEST_NOWHERE, NULL));
    CHECK_RESULT(pipc_open(config, NULL, &context, &err), PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_HAS(err.text, "default: [pipc] transports: \"");
    CHECK(context == NULL);
    pipc_config_free(config);
}

TEST(config_plan, inspecting_context_opens_and_says_why_a_service_cannot)
{
    struct pipc_context *context = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_plan plan = {.size = sizeof(plan)};
    const struct pipc_open_options options = {.size = sizeof(options), .flags = PIPC_OPEN_INSPECT};
    fixtures();
    struct pipc_config *const config = module_config();
    CHECK_OK(module_feed(config,
                         "[pipc]\ntransports = gone\nmodule_dir = " PIPC_TEST_NOWHERE
                         "\ncodecs = none\n"
                         "[service.good]\ntransports = base\n",
                         NULL));
    CHECK_OK(pipc_open(config, &options, &context, &err));
    CHECK_OK(pipc_service_plan(context, "good", &plan, &err));
    const pipc_result result = pipc_service_plan(context, "s", &plan, &err);
    CHECK_RESULT(result, PIPC_TEST_HAVE_LOADER ? PIPC_ERR_MODULE_NOT_FOUND : PIPC_ERR_NO_LOADER);
    CHECK_HAS(err.text, "\"gone\"");
    CHECK_EQ(module_record(context, "gone").loaded, 0);
    CHECK_EQ(module_record(context, "none").loaded, 0);
    CHECK_OK(pipc_close(context));
    pipc_config_free(config);
}

TEST(config_plan, inspecting_context_still_refuses_wrong_configuration)
{
    struct pipc_context *context = NULL;
    const struct pipc_open_options options = {.size = sizeof(options), .flags = PIPC_OPEN_INSPECT};
    fixtures();
    struct pipc_config *const config = module_config();
    CHECK_OK(module_feed(config, "[pipc]\ntransports = base, other\n", NULL));
    CHECK_RESULT(pipc_open(config, &options, &context, NULL), PIPC_ERR_CONFIG);
    pipc_config_free(config);
}
