/* SPDX-License-Identifier: Apache-2.0
 *
 * A codec of uniform messages with one flaw: the entries of a good one, of which BREAK_UNIFORM_...
 * spoils a single thing, as codec.c does for the rules of every codec.
 */
#include <codecs/increment/increment.h>

#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define TEXT_(a)    #a
#define TEXT(a)     TEXT_(a)

static pipc_result encode(const void *inputs, uint32_t count, void *items)
{
#ifdef BREAK_UNIFORM_ENCODE
    count = count > 1 ? count - 1 : count;
#endif
    return pipcm_increment_uniform.encode(inputs, count, items);
}

static pipc_result decode(const void *items, uint32_t count, void *ret_outputs)
{
    const pipc_result r = pipcm_increment_uniform.decode(items, count, ret_outputs);
#ifdef BREAK_UNIFORM_DECODE
    for (uint32_t i = 1; i < count; i++)
        memcpy((char *)ret_outputs + i * sizeof(uint64_t), ret_outputs, sizeof(uint64_t));
#endif
    return r;
}

static pipc_result dispatch(const struct pipc_dispatch *d, uint32_t count,
                            struct pipc_dispatched *ret)
{
    pipc_result r = pipcm_increment_uniform.dispatch(d, count, ret);
#ifdef BREAK_UNIFORM_STAGE
    if (r != PIPC_OK)
        ret->stage = PIPC_STAGE_REQUEST;
#endif
#ifdef BREAK_UNIFORM_ANSWER
    if (r == PIPC_OK && count > 1)
        memset((char *)d->response + 8, 0xff, 8);
#endif
    return r;
}

static const struct pipc_uniform_hooks hooks = {
    .size = sizeof(hooks),
    .request_len = 8,
    .response_len = 8,
    .encode = encode,
    .decode = decode,
    .dispatch = dispatch,
};

static const struct {
    uint32_t size, reserved;
} table = {sizeof(table), 0};

static const struct pipc_codec_ops ops = {
    .size = sizeof(ops),
    .code = 702,
    .traits = PIPC_CODEC_BATCH | PIPC_CODEC_UNIFORM,
    .table_major = 1,
    .table = &table,
    .check_request = pipcm_increment_check,
    .check_response = pipcm_increment_check,
    .walk_request = pipcm_increment_walk,
    .walk_response = pipcm_increment_walk,
    .build_request = pipcm_increment_build,
    .build_response = pipcm_increment_build,
    .dispatch = pipcm_increment_dispatch,
    .call = &pipcm_increment_call,
    .uniform = &hooks,
};

PIPC_MODULE_EXPORT extern const struct pipc_module JOIN(pipc_module_, BROKEN_NAME);
const struct pipc_module JOIN(pipc_module_, BROKEN_NAME) = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_CODEC,
    .abi_major = PIPC_CODEC_ABI_MAJOR,
    .abi_minor = PIPC_CODEC_ABI_MINOR,
    .size = sizeof(struct pipc_module),
    .name = TEXT(BROKEN_NAME),
    .version = "0.1.0",
    .vendor = "tests",
    .summary = "A codec of uniform messages with one flaw.",
    .ops = &ops,
};
