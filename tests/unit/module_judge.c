/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors and tables with one member spoilt: each is refused with a sentence that names it.
 */
#include "test.h"

#include "core/module/descriptor.h"
#include "module_fixture.h"

#include <pipc/codecs/increment.h>

static void accepted(const struct module_fixture *f)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result result =
        pipci_module_judge(&f->module, sizeof(f->module), 0, f->module.name, NULL, &err);
    CHECK_MSG(result == PIPC_OK, "refused: %s", err.text);
}

static void refused_as(const struct module_fixture *f, const char *name, const char *sentence)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(pipci_module_judge(&f->module, sizeof(f->module), 0, name, NULL, &err),
                 PIPC_ERR_MODULE_ABI);
    CHECK_RESULT(err.result, PIPC_ERR_MODULE_ABI);
    CHECK_STR(err.text, sentence);
}

static void refused(const struct module_fixture *f, const char *sentence)
{
    refused_as(f, "x", sentence);
}

TEST(module_judge, good_descriptors_are_accepted)
{
    accepted(module_fixture_baseline(0, "x"));
    accepted(module_fixture_upgrade(1, "x", 0x100));
    accepted(module_fixture_upgrade(2, "x", 0));
    accepted(module_fixture_wrapper(3, "x"));
    accepted(module_fixture_codec(4, "x", 1));
    struct module_fixture *const f = module_fixture_codec(5, "x", 65535);
    module_fixture_options(f);
    f->codec.traits = PIPC_CODEC_SNAPSHOT;
    f->codec.snapshot = &f->hooks;
    f->codec.default_service = "any-Name.1";
    accepted(f);
}

TEST(module_judge, file_is_named_in_front)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct module_fixture *const f = module_fixture_baseline(0, "x");
    f->module.magic = 0;
    CHECK_RESULT(pipci_module_judge(&f->module, sizeof(f->module), 0, "x", "/m/x.so", &err),
                 PIPC_ERR_MODULE_ABI);
    CHECK_STR(err.text, "/m/x.so: magic is 0x00000000, expected 0x4d504950");
}

TEST(module_judge, head_is_not_read_behind_what_is_readable)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    uint32_t *const magic = malloc(sizeof(*magic));
    CHECK(magic != NULL);
    *magic = PIPC_MODULE_MAGIC;
    CHECK_RESULT(pipci_module_judge((const struct pipc_module *)(void *)magic, sizeof(*magic), 0,
                                    "x", NULL, &err),
                 PIPC_ERR_MODULE_ABI);
    free(magic);
}

TEST(module_judge, each_fault_of_the_head_has_its_sentence)
{
    struct module_fixture *f = module_fixture_baseline(0, "x");
    f->module.kind = 9;
    refused(f, "x: kind is 9, expected 1 (transport) or 2 (codec)");
    f = module_fixture_baseline(0, "x");
    f->module.abi_major = 2;
    f->module.abi_minor = 5;
    refused(f, "x: built for transport ABI 2.5, this library has 1.0");
    f = module_fixture_baseline(0, "x");
    f->module.host_minor = 7;
    refused(f, "x: needs host minor 7, this library has 0");
    f = module_fixture_baseline(0, "x");
    f->module.abi_minor = 9;
    accepted(f);
}

TEST(module_judge, larger_descriptor_of_a_newer_minor_is_accepted)
{
    struct {
        struct module_fixture f;
        uint64_t more[4];
    } big;
    big.f = *module_fixture_baseline(0, "x");
    big.f.module.ops = &big.f.transport;
    big.f.module.size += 16;
    CHECK_OK(pipci_module_judge(&big.f.module, sizeof(big), 0, "x", NULL, NULL));
    CHECK_RESULT(pipci_module_judge(&big.f.module, sizeof(struct pipc_module), 0, "x", NULL, NULL),
                 PIPC_ERR_MODULE_ABI);
}

TEST(module_judge, names_and_texts_are_needed)
{
    struct module_fixture *f = module_fixture_baseline(0, "x");
    refused_as(f, "y", "y: the descriptor's name is \"x\", expected \"y\"");
    f->module.name = NULL;
    refused(f, "x: the descriptor's name is \"(none)\", expected \"x\"");
    f->module.name = "Bad";
    refused_as(f, NULL,
               "module: the descriptor's name is \"Bad\", expected \"[a-z][a-z0-9_]{0,31}\"");
}

TEST(module_judge, constant_texts_are_needed)
{
    struct module_fixture *f = module_fixture_baseline(0, "x");
    f->module.version = NULL;
    refused(f, "x: has no version");
    f = module_fixture_baseline(0, "x");
    f->module.vendor = NULL;
    refused(f, "x: has no vendor");
    f = module_fixture_baseline(0, "x");
    f->module.summary = NULL;
    refused(f, "x: has no summary");
    f = module_fixture_baseline(0, "x");
    f->module.ops = NULL;
    refused(f, "x: has no table of entries");
}

/* ---- transports ---- */

TEST(module_judge, table_that_is_too_small_is_refused)
{
    char text[160];
    struct module_fixture *const f = module_fixture_baseline(0, "x");
    const unsigned least = PIPCI_TRANSPORT_OPS_MIN, step = sizeof(void *);
    f->transport.size = least - step;
    snprintf(text, sizeof(text),
             "x: size of the table of entries is %u, expected at least %u and a multiple of %u",
             least - step, least, step);
    refused(f, text);
}

TEST(module_judge, table_that_ends_inside_an_entry_is_refused)
{
    struct module_fixture *f = module_fixture_baseline(0, "x");
    f->transport.size = PIPCI_TRANSPORT_OPS_MIN + 3;
    CHECK_RESULT(pipci_transport_judge(&f->transport, "x", NULL), PIPC_ERR_MODULE_ABI);
    f = module_fixture_codec(1, "x", 1);
    f->codec.size = PIPCI_CODEC_OPS_MIN + 1;
    CHECK_RESULT(pipci_codec_judge(&f->codec, "x", NULL), PIPC_ERR_MODULE_ABI);
}

TEST(module_judge, table_of_the_least_size_is_accepted_and_filled_up)
{
    struct pipc_transport_ops full;
    struct module_fixture *const f = module_fixture_baseline(0, "x");
    f->transport.size = PIPCI_TRANSPORT_OPS_MIN;
    /* Behind its size there is something else, which must not be taken for entries. */
    memset(&f->transport.reserve, 0x5a, sizeof(f->transport) - PIPCI_TRANSPORT_OPS_MIN);
    accepted(f);
    pipci_transport_normalise(&f->transport, &full);
    CHECK_EQ(full.size, sizeof(full));
    CHECK_RESULT(full.reserve(NULL, 1, NULL, NULL, NULL), PIPC_ERR_NOT_SUPPORTED);
    CHECK_RESULT(full.commit(NULL, 1, NULL, NULL), PIPC_ERR_NOT_SUPPORTED);
}

TEST(module_judge, table_of_a_newer_minor_is_cut_to_the_own_size)
{
    struct {
        struct pipc_transport_ops ops;
        uint64_t more[4];
    } big;
    struct {
        struct pipc_transport_ops ops;
        unsigned char canary[16];
    } out;
    memset(&big, 0x5a, sizeof(big));
    memset(&out, 0xa5, sizeof(out));
    big.ops = module_fixture_baseline(0, "x")->transport;
    big.ops.size = sizeof(big);
    CHECK_OK(pipci_transport_judge(&big.ops, "x", NULL));
    pipci_transport_normalise(&big.ops, &out.ops);
    for (size_t i = 0; i < sizeof(out.canary); i++)
        CHECK_EQ(out.canary[i], 0xa5);
}

TEST(module_judge, every_stub_of_a_transport_does_nothing)
{
    struct pipc_transport_ops base, up;
    struct pipc_error err = PIPC_ERROR_INIT;
    pipci_transport_normalise(&module_fixture_upgrade(0, "x", 0x100)->transport, &up);
    pipci_transport_normalise(&module_fixture_baseline(1, "y")->transport, &base);
    CHECK_RESULT(up.listen(NULL, NULL, NULL, &err), PIPC_ERR_NOT_SUPPORTED);
    CHECK_RESULT(up.adopt(NULL, NULL, 0, NULL, &err), PIPC_ERR_NOT_SUPPORTED);
    CHECK_RESULT(up.accept(NULL, NULL, NULL, NULL, &err), PIPC_ERR_NOT_SUPPORTED);
    CHECK_RESULT(up.connect(NULL, NULL, NULL, NULL, &err), PIPC_ERR_NOT_SUPPORTED);
    CHECK(up.listener_wait_handle(NULL, NULL) == PIPC_NO_HANDLE);
    up.listener_close(NULL, NULL, 0);
    CHECK_RESULT(base.usable(NULL, 1, NULL, NULL, 0, 0, NULL), PIPC_ERR_NOT_SUPPORTED);
    CHECK_RESULT(base.offer(NULL, NULL, NULL, NULL, NULL, NULL, &err), PIPC_ERR_NOT_SUPPORTED);
    CHECK_RESULT(base.attach(NULL, NULL, NULL, NULL, NULL, NULL, NULL, &err),
                 PIPC_ERR_NOT_SUPPORTED);
    CHECK_RESULT(base.sweep(NULL, NULL, &err), PIPC_ERR_NOT_SUPPORTED);
    CHECK(base.wait_handle(NULL) == PIPC_NO_HANDLE);
    CHECK_RESULT(base.peer(NULL, NULL), PIPC_ERR_NOT_SUPPORTED);
    CHECK_OK(base.admit(NULL, &err));
    CHECK(base.waiter(NULL) == NULL);
    CHECK_EQ(base.memory(NULL), 0);
}

TEST(module_judge, kind_must_be_exactly_one)
{
    struct module_fixture *const f = module_fixture_baseline(0, "x");
    static const uint32_t wrong[] = {0, PIPC_TRAIT_BASELINE | PIPC_TRAIT_UPGRADE,
                                     PIPC_TRAIT_BASELINE | PIPC_TRAIT_WRAPPER,
                                     PIPC_TRAIT_UPGRADE | PIPC_TRAIT_WRAPPER};
    for (size_t i = 0; i < 4; i++) {
        char text[128];
        f->transport.traits = wrong[i];
        snprintf(text, sizeof(text),
                 "x: traits are 0x%04x, expected exactly one of BASELINE, UPGRADE and WRAPPER",
                 wrong[i]);
        refused(f, text);
    }
}

#define WITHOUT(make, entry, owner)                                          \
    do {                                                                     \
        struct module_fixture *const f_ = (make);                            \
        f_->transport.entry = NULL;                                          \
        refused(f_, "x: entry \"" #entry "\" is missing, needed by " owner); \
    } while (0)

TEST(module_judge, each_missing_entry_is_named)
{
    WITHOUT(module_fixture_baseline(0, "x"), listen, "BASELINE");
    WITHOUT(module_fixture_baseline(0, "x"), accept, "BASELINE");
    WITHOUT(module_fixture_baseline(0, "x"), connect, "BASELINE");
    WITHOUT(module_fixture_baseline(0, "x"), listener_wait_handle, "BASELINE");
    WITHOUT(module_fixture_baseline(0, "x"), listener_close, "BASELINE");
    WITHOUT(module_fixture_upgrade(0, "x", 2), usable, "UPGRADE");
    WITHOUT(module_fixture_upgrade(0, "x", 2), offer, "UPGRADE");
    WITHOUT(module_fixture_upgrade(0, "x", 2), attach, "UPGRADE");
    WITHOUT(module_fixture_upgrade(0, "x", 2), sweep, "UPGRADE");
    WITHOUT(module_fixture_baseline(0, "x"), send, "every transport");
    WITHOUT(module_fixture_baseline(0, "x"), receive, "every transport");
    WITHOUT(module_fixture_baseline(0, "x"), look, "every transport");
    WITHOUT(module_fixture_baseline(0, "x"), finish, "every transport");
    WITHOUT(module_fixture_baseline(0, "x"), packet_max, "every transport");
    WITHOUT(module_fixture_baseline(0, "x"), interrupt, "every transport");
    WITHOUT(module_fixture_baseline(0, "x"), close, "every transport");
}

static void claim(uint32_t trait, const char *sentence)
{
    struct module_fixture *const f = module_fixture_baseline(0, "x");
    f->transport.traits |= trait;
    refused(f, sentence);
}

TEST(module_judge, each_claimed_trait_needs_its_entry)
{
    claim(PIPC_TRAIT_WAIT_HANDLE, "x: entry \"wait_handle\" is missing, needed by WAIT_HANDLE");
    claim(PIPC_TRAIT_WRITE_IN_PLACE, "x: entry \"reserve\" is missing, needed by WRITE_IN_PLACE");
    claim(PIPC_TRAIT_PEER_CREDENTIALS, "x: entry \"peer\" is missing, needed by PEER_CREDENTIALS");
    claim(PIPC_TRAIT_ADOPT, "x: entry \"adopt\" is missing, needed by ADOPT");
}

#define ENTRY_ALONE(make, entry, function, trait)                                            \
    do {                                                                                     \
        struct module_fixture *const f_ = (make);                                            \
        f_->transport.entry = function;                                                      \
        refused(f_, "x: entry \"" #entry "\" is there, its trait " trait " is not claimed"); \
    } while (0)

TEST(module_judge, each_entry_needs_its_trait)
{
    ENTRY_ALONE(module_fixture_baseline(0, "x"), adopt, fixture_adopt, "ADOPT");
    ENTRY_ALONE(module_fixture_baseline(0, "x"), peer, fixture_peer, "PEER_CREDENTIALS");
    ENTRY_ALONE(module_fixture_baseline(0, "x"), reserve, fixture_reserve, "WRITE_IN_PLACE");
    ENTRY_ALONE(module_fixture_baseline(0, "x"), commit, fixture_commit, "WRITE_IN_PLACE");
    ENTRY_ALONE(module_fixture_baseline(0, "x"), usable, fixture_usable, "UPGRADE");
    ENTRY_ALONE(module_fixture_upgrade(0, "x", 2), listen, fixture_listen, "BASELINE");
    struct module_fixture *const f = module_fixture_baseline(0, "x");
    f->transport.wait_handle = fixture_wait_handle; /* may poll for the end alone */
    accepted(f);
    struct module_fixture *const up = module_fixture_upgrade(1, "x", 2);
    up->transport.traits |= PIPC_TRAIT_ADOPT;
    refused(up, "x: claims ADOPT and is no baseline");
}

TEST(module_judge, bits_that_a_descriptor_may_not_have_are_refused)
{
    static const uint32_t wrong[] = {0x01, 0x10, 0x80, 0x10000, 0x80000000, 0x102 | 0x20};
    for (size_t i = 0; i < 6; i++) {
        char text[128];
        struct module_fixture *const f = module_fixture_upgrade(0, "x", wrong[i]);
        snprintf(text, sizeof(text),
                 "x: declares profile bits 0x%08x, expected none but 0x0000ff0e", wrong[i]);
        refused(f, text);
    }
    struct module_fixture *const base = module_fixture_baseline(1, "x");
    base->transport.profile_bits = 2;
    refused(base, "x: declares profile bits 0x00000002, expected none but 0x00000001");
    base->transport.profile_bits = 1;
    accepted(base);
}

TEST(module_judge, unlisted_bits_that_are_no_profile_bits_are_refused)
{
    struct module_fixture *const f = module_fixture_upgrade(0, "x", 0x06);
    f->transport.unlisted_bits = 0x04;
    accepted(f);
    f->transport.unlisted_bits = 0x0c;
    refused(f, "x: declares unlisted bits 0x0000000c, expected none but its profile bits "
               "0x00000006");
}

TEST(module_judge, wrapper_without_its_option_is_refused)
{
    struct module_fixture *const f = module_fixture_wrapper(0, "x");
    f->module.option_count = 0;
    refused(f, "x: claims to be a wrapper and declares no option \"wraps\" of type text");
    module_fixture_options(f);
    refused(f, "x: claims to be a wrapper and declares no option \"wraps\" of type text");
}

/* ---- codecs ---- */

TEST(module_judge, each_fault_of_a_codec_has_its_sentence)
{
    struct module_fixture *f = module_fixture_codec(0, "x", 0);
    refused(f, "x: method code is 0, expected 1 to 65535");
    f = module_fixture_codec(0, "x", 1);
    f->codec.table = NULL;
    refused(f, "x: entry \"table\" is missing");
    f = module_fixture_codec(0, "x", 1);
    f->table[0] = 0;
    refused(f, "x: entry \"table\" is missing");
    f = module_fixture_codec(0, "x", 1);
    f->codec.default_service = "..";
    refused(f, "x: default_service is no service name");
    f = module_fixture_codec(0, "x", 1);
    f->codec.size = 8;
    CHECK_RESULT(pipci_codec_judge(&f->codec, "x", NULL), PIPC_ERR_MODULE_ABI);
}

#define CODEC_WITHOUT(member, text)                                        \
    do {                                                                   \
        struct module_fixture *const f_ = module_fixture_codec(0, "x", 1); \
        f_->member = NULL;                                                 \
        refused(f_, "x: entry \"" text "\" is missing");                   \
    } while (0)

TEST(module_judge, each_missing_entry_of_a_codec_is_named)
{
    CODEC_WITHOUT(codec.check_request, "check_request");
    CODEC_WITHOUT(codec.check_response, "check_response");
    CODEC_WITHOUT(codec.walk_request, "walk_request");
    CODEC_WITHOUT(codec.walk_response, "walk_response");
    CODEC_WITHOUT(codec.dispatch, "dispatch");
    CODEC_WITHOUT(codec.call, "call");
    CODEC_WITHOUT(call.request_size, "call.request_size");
    CODEC_WITHOUT(call.encode, "call.encode");
    CODEC_WITHOUT(call.decode, "call.decode");
}

TEST(module_judge, batch_calls_need_the_trait)
{
    struct module_fixture *const f = module_fixture_codec(0, "x", 1);
    f->call.batch = 1;
    refused(f, "x: its call allows batches, its trait BATCH is not claimed");
    f->codec.traits = PIPC_CODEC_BATCH;
    accepted(f);
    f->call.size = 4;
    CHECK_RESULT(pipci_codec_judge(&f->codec, "x", NULL), PIPC_ERR_MODULE_ABI);
}

static struct module_fixture *snapshot(void)
{
    struct module_fixture *const f = module_fixture_codec(0, "x", 1);
    f->codec.traits = PIPC_CODEC_SNAPSHOT;
    f->codec.snapshot = &f->hooks;
    return f;
}

TEST(module_judge, snapshot_hooks_must_fit)
{
    static const uint32_t inside[] = {0, 16}, outside[] = {0, 24}, odd[] = {1};
    struct module_fixture *f = snapshot();
    f->hooks.string_count = 2;
    f->hooks.string_offsets = inside;
    accepted(f);
    f->hooks.string_offsets = outside;
    refused(f, "x: sizes of the snapshot hooks do not fit: table 56, head 8, item 32");
    f->hooks.string_offsets = NULL;
    refused(f, "x: sizes of the snapshot hooks do not fit: table 56, head 8, item 32");
    f->hooks.string_count = 1;
    f->hooks.string_offsets = odd;
    refused(f, "x: sizes of the snapshot hooks do not fit: table 56, head 8, item 32");
    f = snapshot();
    f->hooks.head_size = 4;
    refused(f, "x: sizes of the snapshot hooks do not fit: table 56, head 4, item 32");
    f = snapshot();
    f->hooks.item = NULL;
    refused(f, "x: entry \"snapshot.head, item_count, item_strings or item\" is missing");
}

static const struct pipc_uniform_hooks uniform_hooks = {
    .size = sizeof(uniform_hooks), .request_len = 8, .response_len = 16};

TEST(module_judge, uniform_hooks_must_fit_and_need_batch_calls)
{
    const struct pipc_codec_ops *const good = pipc_module_increment.ops;
    struct module_fixture *const f = module_fixture_codec(0, "x", 1);
    struct pipc_uniform_hooks hooks = *good->uniform;

    f->codec.uniform = &hooks;
    refused(f, "x: entry \"uniform\" is there, its trait UNIFORM is not claimed");
    f->codec.traits = PIPC_CODEC_BATCH | PIPC_CODEC_UNIFORM;
    refused(f, "x: claims UNIFORM, its call does not allow batches");
    f->call.batch = 1;
    accepted(f);
    hooks.request_len = 12;
    refused(f, "x: sizes of the uniform hooks do not fit: table 40, request 12, response 8");
    hooks.request_len = 0;
    refused(f, "x: sizes of the uniform hooks do not fit: table 40, request 0, response 8");
    hooks.request_len = 8;
    hooks.response_len = 4104;
    refused(f, "x: sizes of the uniform hooks do not fit: table 40, request 8, response 4104");
    hooks = uniform_hooks;
    refused(f, "x: entry \"uniform.encode, decode or dispatch\" is missing");
    f->codec.uniform = NULL;
    refused(f, "x: entry \"uniform\" is missing, needed by UNIFORM");
}

static struct module_fixture *lookup(void)
{
    struct module_fixture *const f = module_fixture_codec(0, "x", 1);
    f->codec.traits = PIPC_CODEC_LOOKUP;
    f->codec.lookup = &f->lookup;
    f->call.request_size = NULL;
    f->call.encode = NULL;
    f->call.output_size = 16;
    return f;
}

#define HOOK_MISSING(member, text)                       \
    do {                                                 \
        struct module_fixture *const f_ = lookup();      \
        f_->lookup.member = NULL;                        \
        refused(f_, "x: entry \"" text "\" is missing"); \
    } while (0)

TEST(module_judge, each_missing_lookup_hook_is_named)
{
    accepted(lookup());
    HOOK_MISSING(check_keys, "lookup.check_keys, fit or encode");
    HOOK_MISSING(fit, "lookup.check_keys, fit or encode");
    HOOK_MISSING(encode, "lookup.check_keys, fit or encode");
    HOOK_MISSING(item_count, "lookup.item_count, generation or item");
    HOOK_MISSING(generation, "lookup.item_count, generation or item");
    HOOK_MISSING(item, "lookup.item_count, generation or item");
    HOOK_MISSING(response_add, "lookup.response_add or assemble");
    HOOK_MISSING(assemble, "lookup.response_add or assemble");
    HOOK_MISSING(local, "lookup.local");
    HOOK_MISSING(local_size, "lookup.local_size");
    struct module_fixture *const f = lookup();
    f->lookup.local = NULL;
    f->lookup.local_size = NULL;
    accepted(f); /* there is no such item */
}

TEST(module_judge, lookup_hooks_must_fit)
{
    char text[128];
    struct module_fixture *f = lookup();
    f->lookup.key_size = 0;
    snprintf(text, sizeof(text),
             "x: sizes of the lookup hooks do not fit: table %u, key 0, view 16", f->lookup.size);
    refused(f, text);
    f = lookup();
    f->lookup.size -= 8;
    snprintf(text, sizeof(text),
             "x: sizes of the lookup hooks do not fit: table %u, key 8, view 16", f->lookup.size);
    refused(f, text);
    f = lookup();
    f->call.output_size = 0;
    snprintf(text, sizeof(text), "x: sizes of the lookup hooks do not fit: table %u, key 8, view 0",
             f->lookup.size);
    refused(f, text);
}

TEST(module_judge, lookup_hooks_and_their_trait_come_together)
{
    struct module_fixture *f = lookup();
    f->codec.lookup = NULL;
    refused(f, "x: entry \"lookup\" is missing, needed by LOOKUP");
    f = lookup();
    f->codec.size = offsetof(struct pipc_codec_ops, lookup);
    refused(f, "x: entry \"lookup\" is missing, needed by LOOKUP");
    f = module_fixture_codec(0, "x", 1);
    f->codec.lookup = &f->lookup;
    refused(f, "x: entry \"lookup\" is there, its trait LOOKUP is not claimed");
}

TEST(module_judge, lookup_has_no_entries_of_a_single_call)
{
    static const char *const sentence = "x: claims LOOKUP and has entries of a single call";
    struct module_fixture *f = lookup();
    f->call.encode = fixture_encode;
    refused(f, sentence);
    f = lookup();
    f->call.request_size = fixture_request_size;
    refused(f, sentence);
    f = lookup();
    f->call.input_size = 8;
    refused(f, sentence);
    f = lookup();
    f->call.batch = 1;
    refused(f, sentence);
    f = lookup();
    f->call.decode = NULL;
    refused(f, "x: entry \"call.decode\" is missing");
}

TEST(module_judge, codec_table_without_its_tail_is_a_codec_without_snapshot)
{
    struct pipci_codec_tables tables;
    struct module_fixture *const f = snapshot();
    f->codec.size = PIPCI_CODEC_OPS_MIN;
    refused(f, "x: entry \"snapshot\" is missing, needed by SNAPSHOT");
    f->codec.traits = 0;
    accepted(f);
    pipci_codec_normalise(&f->codec, &tables);
    CHECK(tables.ops.snapshot == NULL);
    CHECK(tables.ops.call == &tables.call);
}

TEST(module_judge, codec_tables_are_copied)
{
    struct pipci_codec_tables tables;
    struct module_fixture *const f = snapshot();
    pipci_codec_normalise(&f->codec, &tables);
    CHECK(tables.ops.snapshot == &tables.snapshot);
    CHECK_EQ(tables.snapshot.item_size, 32);
    CHECK(tables.call.encode == f->call.encode);
    const struct module_fixture *const keyed = lookup();
    pipci_codec_normalise(&keyed->codec, &tables);
    CHECK(tables.ops.lookup == &tables.lookup && tables.ops.snapshot == NULL);
    CHECK_EQ(tables.lookup.key_size, 8);
    CHECK(tables.lookup.assemble == keyed->lookup.assemble);
}

/* ---- options ---- */

static void option_refused(const struct pipc_option *option, uint32_t count, const char *sentence)
{
    struct module_fixture *const f = module_fixture_codec(0, "x", 1);
    f->module.options = option;
    f->module.option_count = count;
    refused(f, sentence);
}

TEST(module_judge, each_fault_of_a_declared_option_has_its_sentence)
{
    struct pipc_option o = {"good", PIPC_OPTION_NUMBER, 0, 0, 9, NULL, NULL, "Help."};
    const struct pipc_option twice[2] = {o, o};
    option_refused(twice, 2, "x: option 1 (good) is declared twice");
    o.key = NULL;
    option_refused(&o, 1, "x: option 0 (no key) has no usable key");
    o.key = "file";
    option_refused(&o, 1, "x: option 0 (file) has no usable key");
    o.key = "profile_bit";
    option_refused(&o, 1, "x: option 0 (profile_bit) has no usable key");
    o.key = "Up";
    option_refused(&o, 1, "x: option 0 (Up) has no usable key");
    o.key = "k";
    o.type = 0;
    option_refused(&o, 1, "x: option 0 (k) has an unknown type");
    o.type = 8;
    option_refused(&o, 1, "x: option 0 (k) has an unknown type");
    o.type = PIPC_OPTION_CHOICE;
    option_refused(&o, 1, "x: option 0 (k) has no choices");
    o.type = PIPC_OPTION_CHOICE_NUMBER;
    o.choices = "";
    option_refused(&o, 1, "x: option 0 (k) has no choices");
    o.type = PIPC_OPTION_NUMBER;
    o.min = 10;
    option_refused(&o, 1, "x: option 0 (k) has a minimum above its maximum");
    o.min = 0;
    o.help = NULL;
    option_refused(&o, 1, "x: option 0 (k) has no help");
    o.help = "Help.";
    o.default_text = "10";
    option_refused(&o, 1, "x: option 0 (k) has a default that is not accepted");
}

TEST(module_judge, too_many_options_and_options_without_an_address_are_refused)
{
    struct module_fixture *const f = module_fixture_codec(0, "x", 1);
    f->module.option_count = 257;
    f->module.options = fixture_options;
    CHECK_RESULT(pipci_module_judge(&f->module, sizeof(f->module), 0, "x", NULL, NULL),
                 PIPC_ERR_MODULE_ABI);
    f->module.option_count = 1;
    f->module.options = NULL;
    CHECK_RESULT(pipci_module_judge(&f->module, sizeof(f->module), 0, "x", NULL, NULL),
                 PIPC_ERR_MODULE_ABI);
}

/* ---- handed in ---- */

TEST(module_judge, what_is_no_descriptor_cannot_be_handed_in)
{
    struct pipc_config *config = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct module_fixture *const f = module_fixture_codec(0, "x", 1);
    CHECK_OK(pipc_config_new(NULL, &config));
    CHECK_RESULT(pipc_config_add_module(config, NULL, &err), PIPC_ERR_BAD_PARAM);
    CHECK_STR(err.text, "pipc_config_add_module: expected the descriptor of a module");
    CHECK_RESULT(pipc_config_add_module(NULL, &f->module, &err), PIPC_ERR_BAD_PARAM);
    f->module.magic++;
    CHECK_RESULT(pipc_config_add_module(config, &f->module, &err), PIPC_ERR_BAD_PARAM);
    f->module.magic--;
    f->module.name = "no-name";
    CHECK_RESULT(pipc_config_add_module(config, &f->module, &err), PIPC_ERR_BAD_PARAM);
    f->module.name = "x";
    f->module.size = 8;
    CHECK_RESULT(pipc_config_add_module(config, &f->module, &err), PIPC_ERR_BAD_PARAM);
    f->module.size = sizeof(f->module);
    CHECK_OK(pipc_config_add_module(config, &f->module, &err));
    CHECK_OK(pipc_config_add_module(config, &f->module, &err)); /* again: it is there */
    pipc_config_free(config);
}

TEST(module_judge, bad_descriptor_that_is_handed_in_is_refused_when_it_is_used)
{
    struct pipc_error err;
    module_fixture_baseline(0, "base");
    struct module_fixture *const f = module_fixture_codec(1, "broken", 1);
    f->codec.dispatch = NULL;
    module_refused("[pipc]\ntransports = base\n", PIPC_ERR_MODULE_ABI, &err);
    CHECK_STR(err.text, "broken: entry \"dispatch\" is missing");
    CHECK_EQ(f->seen.inits, 0);
}

TEST(module_judge, two_handed_in_modules_of_one_name_are_refused)
{
    struct pipc_error err;
    module_fixture_baseline(0, "base");
    module_fixture_codec(1, "same", 1);
    module_fixture_codec(2, "same", 2);
    module_refused("[pipc]\ntransports = base\n", PIPC_ERR_CONFIG, &err);
    CHECK_STR(err.text, "two modules that are linked in have the name \"same\", expected one, or "
                        "the key file for it");
}
