/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of a codec's tables, and whether there is anything to judge the rest with.
 */
#include "codec_kit.h"

#include <string.h>

static bool is_name(const char *name)
{
    static const char more[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

    return name && name[0] >= 'a' && name[0] <= 'z' && strlen(name) <= 32 &&
           strspn(name, more) == strlen(name);
}

static void check_snapshot_table(const struct pipc_codec_ops *ops)
{
    const struct pipc_snapshot_hooks *const hooks = ops->snapshot;

    KIT_CHECK_MSG((hooks != NULL) == ((ops->traits & PIPC_CODEC_SNAPSHOT) != 0),
                  "the trait SNAPSHOT and the snapshot hooks do not go together");
    if (!hooks)
        return;
    KIT_CHECK(hooks->head && hooks->item_count && hooks->item_strings && hooks->item);
    KIT_CHECK_MSG(hooks->head_size >= sizeof(uint64_t), "a head of %u bytes has no generation",
                  hooks->head_size);
    for (uint32_t i = 0; i < hooks->string_count; i++)
        KIT_CHECK_MSG(hooks->string_offsets[i] % sizeof(void *) == 0 &&
                          (uint64_t)hooks->string_offsets[i] + sizeof(struct pipc_str_view) <=
                              hooks->item_size,
                      "string %u of an item is at %u, outside of the item's %u bytes", i,
                      hooks->string_offsets[i], hooks->item_size);
}

static void check_lookup_table(const struct pipc_codec_ops *ops)
{
    const struct pipc_lookup_hooks *const hooks = ops->lookup;

    KIT_CHECK_MSG((hooks != NULL) == ((ops->traits & PIPC_CODEC_LOOKUP) != 0),
                  "the trait LOOKUP and the lookup hooks do not go together");
    if (!hooks)
        return;
    KIT_CHECK_MSG(!ops->call->request_size && !ops->call->encode && !ops->call->batch &&
                      ops->call->input_size == 0,
                  "a lookup has entries of a single call");
    KIT_CHECK_MSG(hooks->key_size > 0, "the keys of a lookup have no size");
    KIT_CHECK(hooks->check_keys && hooks->fit && hooks->encode);
    KIT_CHECK(hooks->item_count && hooks->generation && hooks->item);
    KIT_CHECK(hooks->response_add && hooks->assemble);
    KIT_CHECK_MSG(!hooks->local == !hooks->local_size, "local and local_size do not go together");
}

static void check_uniform_table(const struct pipc_codec_ops *ops)
{
    const struct pipc_uniform_hooks *const hooks = ops->uniform;

    KIT_CHECK_MSG((hooks != NULL) == ((ops->traits & PIPC_CODEC_UNIFORM) != 0),
                  "the trait UNIFORM and the uniform hooks do not go together");
    if (!hooks)
        return;
    KIT_CHECK_MSG(ops->call->batch, "messages are uniform, and the call does not allow batches");
    KIT_CHECK_MSG(hooks->request_len % PIPC_ALIGNMENT == 0 && hooks->request_len > 0 &&
                      hooks->response_len % PIPC_ALIGNMENT == 0 && hooks->response_len > 0,
                  "lengths of uniform messages, %u and %u, are no multiples of 8",
                  hooks->request_len, hooks->response_len);
    KIT_CHECK(hooks->encode && hooks->decode && hooks->dispatch);
}

static void table_run(struct kit *kit)
{
    const struct pipc_codec_ops *const ops = codec_open(kit)->ops;
    const uint32_t known =
        PIPC_CODEC_BATCH | PIPC_CODEC_SNAPSHOT | PIPC_CODEC_LOOKUP | PIPC_CODEC_UNIFORM;
    uint32_t size;

    KIT_CHECK_MSG(is_name(kit->subject->module->name), "the name is not [a-z][a-z0-9_]{0,31}");
    KIT_CHECK_MSG(ops->code != 0, "the method code is 0");
    KIT_CHECK_MSG(!(ops->traits & ~known), "traits 0x%x are not defined", ops->traits & ~known);
    KIT_CHECK_MSG(ops->reserved == 0, "the reserved field of the table is not 0");
    KIT_CHECK_MSG(ops->table_major != 0, "the typed table has no major version");
    memcpy(&size, ops->table, sizeof(size));
    KIT_CHECK_MSG(size >= sizeof(size) && size <= 65536,
                  "the typed table does not begin with its size: %u", size);
    KIT_CHECK(ops->check_request && ops->check_response && ops->walk_request &&
              ops->walk_response && ops->dispatch);
    KIT_CHECK(ops->call && ops->call->decode);
    KIT_CHECK(ops->lookup || (ops->call->request_size && ops->call->encode));
    KIT_CHECK_MSG(ops->call->output_size > 0, "the call gives nothing back");
    KIT_CHECK_MSG(!ops->call->batch || (ops->traits & PIPC_CODEC_BATCH),
                  "the call allows batches, the trait BATCH is not claimed");
    KIT_CHECK_MSG(!ops->call->batch || ops->call->input_size > 0,
                  "a batch of calls needs inputs, and the call has none");
    check_snapshot_table(ops);
    check_lookup_table(ops);
    check_uniform_table(ops);
}

static void samples_run(struct kit *kit)
{
    struct codec *const codec = codec_open_with_samples(kit);

    for (unsigned d = 0; d < DIRECTIONS; d++)
        KIT_CHECK_MSG(!codec_builds(codec, (enum direction)d) || codec->sample_count[d] > 0,
                      "build_%s is there, but builds nothing of any fields",
                      direction_name((enum direction)d));
}

static void judge_sample(struct codec *codec, enum direction direction, const struct sample *sample)
{
    const pipc_result r = judge_bytes(codec, direction, sample->bytes, sample->len, sample->origin);

    KIT_CHECK_MSG(r == PIPC_OK, "%s is refused: %s", sample->origin, pipc_result_name(r));
}

static void accepted_run(struct kit *kit)
{
    codec_each(codec_open_with_samples(kit), judge_sample);
}

const struct kit_case codec_cases_table[] = {
    {"C-TABLE", "tables are complete, and traits and entries go together", 0, 0, table_run},
    {"C-SAMPLES", "a builder that is there builds a message of made-up fields", 0, 0, samples_run},
    {"C-ACCEPT", "every sample is accepted, at both ends of guarded memory", 0, 0, accepted_run},
    {NULL, NULL, 0, 0, NULL},
};
