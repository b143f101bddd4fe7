/* SPDX-License-Identifier: Apache-2.0
 *
 * Wrappers: they have kind, bits and traits of what they wrap, stand in its place, and find it
 * through the host; and the rest of what the host offers.
 */
#include "test.h"

#include "core/module/context.h"
#include "module_fixture.h"

#include <pipc/wire.h>

static struct pipci_service service_of(struct pipc_context *context)
{
    struct pipci_service service;
    CHECK_OK(pipci_context_service(context, "any", &service, NULL));
    return service;
}

TEST(module_wrapper, wrapper_of_a_baseline_carries)
{
    const struct module_fixture *const base = module_fixture_baseline(0, "base");
    const struct module_fixture *const spy = module_fixture_wrapper(1, "spy");
    struct pipc_context *const context =
        module_context("[pipc]\ntransports = spy\n[transport.spy]\nwraps = base\n");
    const struct pipci_service s = service_of(context);
    CHECK_STR(s.carrier->name, "spy");
    CHECK_EQ(s.supported, 1);
    CHECK_EQ(s.preferred, 1);
    CHECK_EQ(s.carrier->ops.traits, PIPC_TRAIT_BASELINE | PIPC_TRAIT_WRAPPER);
    CHECK_EQ(base->seen.inits, 1);
    CHECK_EQ(spy->seen.inits, 1);
    CHECK_OK(pipc_close(context));
    CHECK_EQ(base->seen.finis, 1);
    CHECK_EQ(spy->seen.finis, 1);
}

TEST(module_wrapper, wrapper_of_an_upgrade_has_its_bits_also_assigned_ones)
{
    module_fixture_baseline(0, "base");
    module_fixture_upgrade(1, "fast", 0);
    module_fixture_wrapper(2, "spy");
    struct pipc_context *const context =
        module_context("[pipc]\ntransports = spy, base\n[transport.spy]\nwraps = fast\n"
                       "[transport.fast]\nprofile_bit = 20\n");
    const struct pipci_service s = service_of(context);
    CHECK_EQ(s.supported, 0x100001);
    CHECK_EQ(s.preferred, 0x100000);
    CHECK_EQ(s.planes[0].transport->ops.traits, PIPC_TRAIT_UPGRADE | PIPC_TRAIT_WRAPPER);
    CHECK_OK(pipc_close(context));
}

TEST(module_wrapper, wrapper_of_a_wrapper_goes_down_to_the_bottom)
{
    module_fixture_baseline(0, "base");
    module_fixture_wrapper(1, "inner");
    module_fixture_wrapper(2, "outer");
    struct pipc_context *const context = module_context(
        "[pipc]\ntransports = outer\n[transport.outer]\nwraps = inner\n[transport.inner]\nwraps = "
        "base\n");
    CHECK_STR(service_of(context).carrier->name, "outer");
    CHECK_OK(pipc_close(context));
}

TEST(module_wrapper, traits_without_the_wrappers_entry_are_not_taken_over)
{
    struct module_fixture *const base = module_fixture_baseline(0, "base");
    base->transport.traits |= PIPC_TRAIT_ADOPT | PIPC_TRAIT_PEER_CREDENTIALS |
                              PIPC_TRAIT_WRITE_IN_PLACE | PIPC_TRAIT_NO_CHUNKS |
                              PIPC_TRAIT_ONE_OUTSTANDING;
    base->transport.adopt = fixture_adopt;
    base->transport.peer = fixture_peer;
    base->transport.reserve = fixture_reserve;
    base->transport.commit = fixture_commit;
    struct module_fixture *const spy = module_fixture_wrapper(1, "spy");
    spy->transport.peer = fixture_peer;
    spy->transport.reserve = fixture_reserve; /* without commit */
    struct pipc_context *const context =
        module_context("[pipc]\ntransports = spy\n[transport.spy]\nwraps = base\n");
    CHECK_EQ(service_of(context).carrier->ops.traits,
             PIPC_TRAIT_BASELINE | PIPC_TRAIT_WRAPPER | PIPC_TRAIT_PEER_CREDENTIALS |
                 PIPC_TRAIT_NO_CHUNKS | PIPC_TRAIT_ONE_OUTSTANDING);
    CHECK_OK(pipc_close(context));
}

TEST(module_wrapper, entry_that_the_wrapped_kind_needs_is_missing)
{
    struct pipc_error err;
    module_fixture_baseline(0, "base");
    struct module_fixture *const spy = module_fixture_wrapper(1, "spy");
    spy->transport.listen = NULL;
    module_refused("[pipc]\ntransports = spy\n[transport.spy]\nwraps = base\n", PIPC_ERR_MODULE_ABI,
                   &err);
    CHECK_HAS(err.text, "spy: entry \"listen\" is missing, needed to wrap this transport");
    CHECK_EQ(spy->seen.inits, 0);
}

TEST(module_wrapper, what_to_wrap_must_be_said)
{
    struct pipc_error err;
    module_fixture_baseline(0, "base");
    module_fixture_wrapper(1, "spy");
    module_refused("[pipc]\ntransports = spy\n", PIPC_ERR_CONFIG, &err);
    CHECK_STR(err.text,
              "[transport.spy] wraps: is missing, expected the name of the transport to wrap");
    module_refused("[pipc]\ntransports = spy\n[transport.spy]\nwraps = no name\n", PIPC_ERR_CONFIG,
                   &err);
    CHECK_HAS(err.text, "[transport.spy] wraps: found \"no name\", expected the name of a");
}

TEST(module_wrapper, default_of_the_option_counts)
{
    static const struct pipc_option options[2] = {
        {"wraps", PIPC_OPTION_TEXT, 0, 0, 0, NULL, "base", "What to wrap."},
        {"wraps", PIPC_OPTION_TEXT, 0, 0, 0, NULL, "-", "What to wrap."}};
    struct pipc_error err;
    module_fixture_baseline(0, "base");
    struct module_fixture *const spy = module_fixture_wrapper(1, "spy");
    spy->module.options = &options[0];
    CHECK_OK(pipc_close(module_context("[pipc]\ntransports = spy\n")));
    spy->module.options = &options[1];
    module_refused("[pipc]\ntransports = spy\n", PIPC_ERR_MODULE_ABI, &err);
    CHECK_HAS(err.text, "spy: wraps \"-\" by default, which is no name");
}

TEST(module_wrapper, circle_is_an_error)
{
    struct pipc_error err;
    module_fixture_wrapper(0, "aa");
    module_fixture_wrapper(1, "bb");
    module_refused("[pipc]\ntransports = aa\n[transport.aa]\nwraps = bb\n[transport.bb]\nwraps = "
                   "aa\n",
                   PIPC_ERR_CONFIG, &err);
    CHECK_STR(err.text, "transport \"aa\" wraps itself, expected another one");
}

TEST(module_wrapper, wrapper_and_wrapped_in_one_list_is_an_error)
{
    static const char *const lists[] = {"spy, fast, base", "fast, base, spy"};
    for (size_t i = 0; i < 2; i++) {
        struct pipc_error err;
        char text[256];
        module_fixture_baseline(0, "base");
        module_fixture_upgrade(1, "fast", 0x200);
        const struct module_fixture *const spy = module_fixture_wrapper(2, "spy");
        snprintf(text, sizeof(text), "[pipc]\ntransports = %s\n[transport.spy]\nwraps = fast\n",
                 lists[i]);
        module_refused(text, PIPC_ERR_CONFIG, &err);
        CHECK_HAS(err.text, "[pipc] transports: \"spy\" wraps \"fast\", expected the wrapper in "
                            "its place, not both");
        CHECK_EQ(spy->seen.finis, 1);
    }
}

TEST(module_wrapper, wrapper_and_wrapped_upgrade_in_two_lists_have_one_bit)
{
    struct pipc_error err;
    module_fixture_baseline(0, "base");
    module_fixture_upgrade(1, "fast", 0x200);
    module_fixture_wrapper(2, "spy");
    module_refused("[pipc]\ntransports = fast, base\n[service.s]\ntransports = spy, base\n"
                   "[transport.spy]\nwraps = fast\n",
                   PIPC_ERR_CONFIG, &err);
    CHECK_STR(err.text, "[transport.fast] and [transport.spy]: both have profile bits "
                        "0x00000200, expected one module for each bit");
}

TEST(module_wrapper, missing_wrapped_module_is_an_error_with_its_name)
{
    struct pipc_error err;
    module_fixture_wrapper(0, "spy");
    module_refused("[pipc]\ntransports = spy\nmodule_dir = " PIPC_TEST_NOWHERE "\n[transport.spy]\n"
                   "wraps = gone\n",
                   PIPC_TEST_HAVE_LOADER ? PIPC_ERR_MODULE_NOT_FOUND : PIPC_ERR_NO_LOADER, &err);
    CHECK_HAS(err.text, "\"spy\": wraps \"gone\": ");
    CHECK_HAS(err.text, PIPC_TEST_HAVE_LOADER ? PIPC_TEST_NOWHERE
                            "/gone" PIPC_TEST_MODULE_SUFFIX ": there is no such file; available: "
                                              : "gone: dynamic loading is not built in");
}

/* ---- the host table ---- */

struct asked {
    const struct pipc_transport_ops *ops;
    void *self;
    pipc_result result;
};

static struct asked asked;

static pipc_result ask_in_init(const struct pipc_host *host, const struct pipc_option_value *values,
                               uint32_t value_count, void **ret_self, struct pipc_error *err)
{
    CHECK_EQ(value_count, 1);
    asked.result = host->find_transport(host, values[0].text, &asked.ops, &asked.self, err);
    *ret_self = NULL;
    return asked.result;
}

TEST(module_wrapper, wrapped_transport_is_found_through_the_host_in_init)
{
    struct module_fixture *const base = module_fixture_baseline(0, "base");
    struct module_fixture *const spy = module_fixture_wrapper(1, "spy");
    spy->module.init = ask_in_init;
    spy->module.fini = NULL;
    struct pipc_context *const context =
        module_context("[pipc]\ntransports = spy\n[transport.spy]\nwraps = base\n");
    CHECK_OK(asked.result);
    CHECK(asked.self == &base->seen);
    CHECK(asked.ops->listen == base->transport.listen);
    CHECK_EQ(asked.ops->size, sizeof(struct pipc_transport_ops));
    CHECK_RESULT(asked.ops->reserve(NULL, 0, NULL, NULL, NULL), PIPC_ERR_NOT_SUPPORTED);
    CHECK_OK(pipc_close(context));
}

static unsigned walked;

static pipc_result walk_number(void *arg, const char *name, uint64_t value, uint32_t width)
{
    (void)arg;
    (void)name;
    (void)value;
    (void)width;
    walked++;
    return PIPC_OK;
}

static pipc_result walk_bytes(void *arg, const char *name, const void *bytes, size_t len)
{
    (void)bytes;
    return walk_number(arg, name, len, 0);
}

static pipc_result walk_list(void *arg, const char *name, uint32_t count)
{
    return walk_number(arg, name, count, 0);
}

static pipc_result walk_item(void *arg)
{
    return walk_number(arg, "", 0, 0);
}

TEST(module_wrapper, host_offers_memory_log_clock_errors_and_wire)
{
    static const struct pipc_visitor visitor = {sizeof(visitor), 0,          NULL,      walk_number,
                                                walk_bytes,      walk_bytes, walk_list, walk_item,
                                                walk_item,       walk_item};
    const struct pipc_header header = {PIPC_MAGIC, 1, 32, PIPC_KIND_REQUEST, 0, 1, 0, 0, 1, 7};
    unsigned char bytes[32];
    const struct module_fixture *const base = module_fixture_baseline(0, "base");
    struct pipc_context *const context =
        module_context("[pipc]\ntransports = base\nlog_level = info\n");
    const struct pipc_host *const host = base->seen.host;
    CHECK_EQ(host->size, sizeof(*host));
    CHECK_EQ(host->minor, PIPC_HOST_MINOR);
    CHECK(host->cpus >= 1 && host->sleep_cost_ns > 0);
    char *memory = host->alloc(host, 0);
    CHECK(memory != NULL);
    memory = host->realloc(host, memory, 100);
    CHECK(memory != NULL);
    memset(memory, 1, 100);
    host->free(host, memory);
    memory = host->realloc(host, NULL, 10);
    CHECK(memory != NULL);
    host->free(host, memory);
    host->free(host, NULL);
    const uint64_t before = host->clock_ns(host);
    CHECK(host->clock_ns(host) >= before);
    host->log(host, PIPC_LOG_INFO, "hello");
    host->log(host, PIPC_LOG_DEBUG, "not this");
    CHECK_HAS(module_log(), "2 base: hello\n");
    CHECK(!strstr(module_log(), "not this"));
    struct pipc_error err = PIPC_ERROR_INIT;
    host->error_set(host, &err, PIPC_ERR_SEND, 32, "the pipe is broken");
    CHECK_STR(err.text, "the pipe is broken");
    CHECK_EQ(err.os_code, 32);
    host->error_set(host, NULL, PIPC_ERR_SEND, 32, "nobody wants it");
    host->error_set(host, &err, PIPC_ERR_RECV, 0, NULL);
    CHECK_STR(err.text, pipc_result_text(PIPC_ERR_RECV));
    CHECK_EQ(pipc_header_encode(&header, bytes, sizeof(bytes)), 32);
    CHECK_OK(host->wire_walk(host, "header", bytes, sizeof(bytes), &visitor));
    CHECK_EQ(walked, 10);
    CHECK_RESULT(host->wire_walk(host, "batch", bytes, sizeof(bytes), &visitor),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(host->wire_walk(host, NULL, bytes, sizeof(bytes), &visitor), PIPC_ERR_BAD_PARAM);
    CHECK_OK(pipc_close(context));
}

TEST(module_wrapper, host_finds_transports_and_codecs_by_name_and_code)
{
    const struct pipc_transport_ops *transport = NULL;
    const struct pipc_codec_ops *codec = NULL;
    void *self = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    const struct module_fixture *const base = module_fixture_baseline(0, "base");
    module_fixture_codec(1, "cc", 900);
    struct pipc_context *const context =
        module_context("[pipc]\ntransports = base\nmodule_dir = " PIPC_TEST_NOWHERE "\n");
    const struct pipc_host *const host = base->seen.host;
    const pipc_result absent =
        PIPC_TEST_HAVE_LOADER ? PIPC_ERR_MODULE_NOT_FOUND : PIPC_ERR_NO_LOADER;
    CHECK_OK(host->find_codec(host, "cc", 0, &codec, &err));
    CHECK_EQ(codec->code, 900);
    codec = NULL;
    CHECK_OK(host->find_codec(host, NULL, 900, &codec, &err));
    CHECK(codec != NULL);
    CHECK_RESULT(host->find_codec(host, NULL, 901, &codec, &err), PIPC_ERR_MODULE_NOT_FOUND);
    CHECK_RESULT(host->find_codec(host, "nowhere", 0, &codec, &err), absent);
    CHECK_RESULT(host->find_transport(host, "nowhere", &transport, &self, &err), absent);
    CHECK_RESULT(host->find_transport(host, "cc", &transport, &self, &err), PIPC_ERR_MODULE_ABI);
    CHECK_STR(err.text, "cc: is a codec, expected a transport");
    CHECK_RESULT(host->find_transport(host, NULL, &transport, &self, &err), PIPC_ERR_BAD_PARAM);
    CHECK(transport == NULL && self == NULL);
    CHECK_OK(pipc_close(context));
}
