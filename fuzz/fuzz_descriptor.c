/* SPDX-License-Identifier: Apache-2.0
 *
 * A module's descriptor, its options and its table from arbitrary bytes, with pointers that are
 * safe or NULL: judged, and normalised when it is accepted.
 *
 * Every refusal has a sentence and the result for it; an accepted table has no entry that may not
 * be called.
 */
#include "fuzz.h"

#include "core/module/descriptor.h"
#include "tests/modules/fixture.h"

#include <stdlib.h>
#include <string.h>

/* Takes bytes off the input; zeros behind its end. */
struct input {
    const uint8_t *data;
    size_t left;
};

static void take(struct input *in, void *to, size_t len)
{
    const size_t n = len < in->left ? len : in->left;

    memset(to, 0, len);
    memcpy(to, in->data, n);
    in->data += n;
    in->left -= n;
}

static uint32_t take_u32(struct input *in)
{
    uint32_t value;

    take(in, &value, sizeof(value));
    return value;
}

#define TEXTS 16
static char texts[TEXTS][48];

/* A terminated text of the input, or NULL. */
static const char *take_text(struct input *in, unsigned slot)
{
    uint8_t len;

    take(in, &len, 1);
    if (len == 255)
        return NULL;
    memset(texts[slot % TEXTS], 0, sizeof(texts[0]));
    take(in, texts[slot % TEXTS], len % (sizeof(texts[0]) - 1));
    return texts[slot % TEXTS];
}

#define FULL_BASELINE                                                                         \
    {                                                                                         \
        FIXTURE_BASELINE_ENTRIES, FIXTURE_UPGRADE_ENTRIES, FIXTURE_CHANNEL_ENTRIES,           \
            .adopt = fixture_adopt, .peer = fixture_peer, .wait_handle = fixture_wait_handle, \
            .reserve = fixture_reserve, .commit = fixture_commit                              \
    }

/* Entries that the input does not want are made NULL, by one bit each. */
static void drop_entries(void *table, size_t from, size_t size, uint32_t keep)
{
    const size_t step = sizeof(void (*)(void));

    for (size_t i = 0; from + (i + 1) * step <= size; i++) {
        if (!(keep & (1u << (i % 32))))
            memset((char *)table + from + i * step, 0, step);
    }
}

static void fill_transport(struct input *in, struct pipc_transport_ops *ops)
{
    static const struct pipc_transport_ops full = FULL_BASELINE;

    *ops = full;
    drop_entries(ops, offsetof(struct pipc_transport_ops, listen), sizeof(*ops), take_u32(in));
    ops->size = take_u32(in) % 512;
    ops->traits = take_u32(in);
    ops->profile_bits = take_u32(in);
}

static struct pipc_call_ops call;
static struct pipc_snapshot_hooks hooks;
static struct pipc_lookup_hooks lookup;
static uint32_t offsets[4];
static uint32_t typed[2];

static void fill_codec(struct input *in, struct pipc_codec_ops *ops)
{
    const struct pipc_codec_ops full = {FIXTURE_CODEC_ENTRIES};
    const struct pipc_call_ops full_call = {FIXTURE_CALL_ENTRIES};
    const struct pipc_snapshot_hooks full_hooks = {FIXTURE_HOOK_ENTRIES};
    const uint32_t keep = take_u32(in);

    *ops = full;
    call = full_call;
    hooks = full_hooks;
    drop_entries(ops, offsetof(struct pipc_codec_ops, check_request), sizeof(*ops), keep);
    drop_entries(&call, offsetof(struct pipc_call_ops, request_size), sizeof(call), keep >> 12);
    drop_entries(&hooks, offsetof(struct pipc_snapshot_hooks, head), sizeof(hooks), keep >> 16);
    ops->size = take_u32(in) % 512;
    ops->traits = take_u32(in);
    ops->code = (uint16_t)take_u32(in);
    typed[0] = take_u32(in);
    ops->table = keep & (1u << 20) ? typed : NULL;
    ops->call = keep & (1u << 21) ? &call : NULL;
    ops->snapshot = keep & (1u << 22) ? &hooks : NULL;
    ops->default_service = take_text(in, 5);
    call.size = take_u32(in) % 128;
    call.batch = take_u32(in) & 1;
    hooks.size = take_u32(in) % 128;
    hooks.head_size = take_u32(in);
    hooks.item_size = take_u32(in);
    hooks.string_count = take_u32(in) % 5;
    hooks.string_offsets = keep & (1u << 23) ? offsets : NULL;
    take(in, offsets, sizeof(offsets));
}

/* Read last, so that inputs from before there were lookups mean what they meant. */
static void fill_lookup(struct input *in, struct pipc_codec_ops *ops)
{
    const struct pipc_lookup_hooks full = {FIXTURE_LOOKUP_ENTRIES};
    const uint32_t keep = take_u32(in);

    lookup = full;
    drop_entries(&lookup, offsetof(struct pipc_lookup_hooks, check_keys), sizeof(lookup), keep);
    if (keep & (1u << 30)) {
        call.request_size = NULL;
        call.encode = NULL;
    }
    ops->lookup = keep & (1u << 31) ? &lookup : NULL;
    lookup.size = take_u32(in) % 128;
    lookup.key_size = take_u32(in);
    call.input_size = take_u32(in);
    call.output_size = take_u32(in);
}

static struct pipc_option options[4];

static void fill_options(struct input *in, struct pipc_module *module)
{
    for (unsigned i = 0; i < 4; i++) {
        options[i].key = take_text(in, 6 + i);
        options[i].type = take_u32(in) % 9;
        options[i].min = take_u32(in);
        options[i].max = take_u32(in);
        options[i].choices = take_text(in, 10 + i);
        options[i].default_text = take_text(in, 14);
        options[i].help = take_u32(in) & 1 ? "help" : NULL;
    }
    /* More than there are only where the count alone must refuse them. */
    if (module->option_count > 4 && module->option_count <= PIPCI_OPTIONS_MAX)
        module->option_count %= 5;
    module->options = take_u32(in) & 1 ? options : NULL;
}

static void fill_head(struct input *in, struct pipc_module *module)
{
    memset(module, 0, sizeof(*module));
    take(in, module, offsetof(struct pipc_module, name));
    if (module->magic & 1)
        module->magic = PIPC_MODULE_MAGIC;
    if (module->size & 1)
        module->size = sizeof(*module);
    module->name = take_text(in, 0);
    module->version = take_text(in, 1);
    module->vendor = take_text(in, 2);
    module->summary = take_text(in, 3);
}

static void check(int holds)
{
    if (!holds)
        abort();
}

static void check_accepted(const struct pipc_module *module)
{
    static const unsigned char none[sizeof(void (*)(void))];

    check(module->magic == PIPC_MODULE_MAGIC && module->host_minor <= PIPC_HOST_MINOR);
    if (module->kind == PIPC_MODULE_TRANSPORT) {
        struct pipc_transport_ops ops;
        const uint32_t wrapper =
            ((const struct pipc_transport_ops *)module->ops)->traits & PIPC_TRAIT_WRAPPER;
        pipci_transport_normalise(module->ops, &ops);
        for (size_t at = offsetof(struct pipc_transport_ops, listen); at < sizeof(ops) && !wrapper;
             at += sizeof(none))
            check(memcmp((const char *)&ops + at, none, sizeof(none)) != 0);
        return;
    }
    struct pipci_codec_tables tables;
    pipci_codec_normalise(module->ops, &tables);
    check(tables.ops.code != 0 && tables.ops.dispatch && tables.ops.build_request);
    check(tables.ops.call == &tables.call && tables.call.decode);
    check(!tables.call.encode == !!tables.ops.lookup);
    check(!tables.ops.lookup == !(tables.ops.traits & PIPC_CODEC_LOOKUP));
    check(!tables.ops.snapshot == !(tables.ops.traits & PIPC_CODEC_SNAPSHOT));
}

void fuzz_one(const uint8_t *data, size_t len)
{
    struct input in = {data, len};
    struct pipc_module module;
    struct pipc_transport_ops transport;
    struct pipc_codec_ops codec;
    struct pipc_error err = PIPC_ERROR_INIT;

    fill_head(&in, &module);
    fill_options(&in, &module);
    fill_transport(&in, &transport);
    fill_codec(&in, &codec);
    fill_lookup(&in, &codec);
    module.ops = module.kind == PIPC_MODULE_CODEC ? (const void *)&codec : (const void *)&transport;
    fuzz_use(pipci_module_head_ok(&module));
    const pipc_result result = pipci_module_judge(&module, sizeof(module), 0, NULL, NULL, &err);
    if (result == PIPC_OK)
        check_accepted(&module);
    else
        check(result == PIPC_ERR_MODULE_ABI && err.text[0] && strlen(err.text) < 256);
}
