/* SPDX-License-Identifier: Apache-2.0
 *
 * The scripted message types: their dispatch, and what a codec must have besides.
 */
#include "server_codec.h"

#include <string.h>

static uint32_t number(const uint8_t *bytes, size_t len)
{
    uint32_t n = 0;
    if (len >= 5)
        memcpy(&n, bytes + 1, sizeof(n));
    return n;
}

static pipc_result end(struct pipc_dispatched *done, uint32_t stage, pipc_result result,
                       uint64_t needed)
{
    done->stage = stage;
    done->needed = needed;
    return result;
}

static pipc_result respond(const struct pipc_dispatch *d, struct pipc_dispatched *done,
                           const void *bytes, size_t len)
{
    if (len > d->response_cap)
        return end(done, PIPC_STAGE_FINISH, PIPC_ERR_OVERFLOW, len);
    if (bytes && len)
        memcpy(d->response, bytes, len);
    done->stage = PIPC_STAGE_DONE;
    done->response_len = len;
    return PIPC_OK;
}

static pipc_result respond_pattern(const struct pipc_dispatch *d, struct pipc_dispatched *done,
                                   size_t len)
{
    uint8_t *out = d->response;
    for (size_t i = 0; i < len && len <= d->response_cap; i++)
        out[i] = (uint8_t)(i * 7);
    return respond(d, done, NULL, len);
}

static pipc_result run_script(const struct pipc_dispatch *d, struct pipc_dispatched *done)
{
    const uint8_t *in = d->request;
    const uint8_t second = d->request_len > 1 ? in[1] : 0;
    uint32_t seen[2];
    switch (in[0]) {
    case SCRIPT_ECHO:
        return respond(d, done, in, d->request_len);
    case SCRIPT_LENGTH:
        return respond_pattern(d, done, number(in, d->request_len));
    case SCRIPT_CALLBACK:
        return end(done, PIPC_STAGE_CALLBACK, second, 0);
    case SCRIPT_FINISH:
        return end(done, PIPC_STAGE_FINISH, second, 0);
    case SCRIPT_NEEDED:
        return end(done, PIPC_STAGE_FINISH, PIPC_ERR_OVERFLOW, number(in, d->request_len));
    case SCRIPT_LIE:
        done->response_len = d->response_cap + 1;
        return end(done, PIPC_STAGE_DONE, PIPC_OK, 0);
    case SCRIPT_ROOM:
        seen[0] = (uint32_t)d->response_cap;
        seen[1] = d->max_items;
        return respond(d, done, seen, sizeof(seen));
    default:
        return end(done, PIPC_STAGE_REQUEST, PIPC_ERR_BAD_LAYOUT, 0);
    }
}

static pipc_result dispatch(const struct pipc_dispatch *d, struct pipc_dispatched *done)
{
    const struct scripted_handler *handler = d->handler;
    const uint8_t *in = d->request;
    const struct scripted_call call = {d->from, in, d->request_len, d->response_cap};
    if (d->request_len == 0)
        return end(done, PIPC_STAGE_REQUEST, PIPC_ERR_TRUNCATED, 0);
    if (in[0] == SCRIPT_REQUEST)
        return end(done, PIPC_STAGE_REQUEST, d->request_len > 1 ? in[1] : PIPC_ERR_BAD_LAYOUT, 0);
    if (in[0] == SCRIPT_SPACE)
        return end(done, PIPC_STAGE_SPACE, PIPC_ERR_OVERFLOW, 0);
    if (!handler->callback || !handler->callback(handler->user, &call)) {
        /* As a builder's error wins over the callback's result, so do these two scripts. */
        if (!handler->callback || (in[0] != SCRIPT_NEEDED && in[0] != SCRIPT_FINISH))
            return end(done, PIPC_STAGE_CALLBACK, PIPC_ERR_HANDLER_FAILED, 0);
    }
    return run_script(d, done);
}

static pipc_result check(const void *bytes, size_t len)
{
    (void)bytes;
    return len ? PIPC_OK : PIPC_ERR_TRUNCATED;
}

static pipc_result walk(const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    (void)visitor;
    return check(bytes, len);
}

static pipc_result request_size(const void *input, uint64_t *ret_size)
{
    (void)input;
    *ret_size = 1;
    return PIPC_OK;
}

static pipc_result encode(const void *input, void *buf, size_t cap, size_t *ret_len)
{
    (void)input;
    if (cap < 1)
        return PIPC_ERR_OVERFLOW;
    *(uint8_t *)buf = SCRIPT_ECHO;
    *ret_len = 1;
    return PIPC_OK;
}

static pipc_result decode(const void *payload, size_t len, void *ret_output)
{
    *(uint64_t *)ret_output = len;
    return check(payload, len);
}

static const struct {
    uint32_t size;
} typed_table = {sizeof(typed_table)};

#define SCRIPTED(name_, code_, traits_, service_)                                             \
    static const struct pipc_call_ops call_##name_ = {.size = sizeof(call_##name_),           \
                                                      .batch = (traits_) != 0,                \
                                                      .input_size = 8,                        \
                                                      .output_size = 8,                       \
                                                      .request_size = request_size,           \
                                                      .encode = encode,                       \
                                                      .decode = decode};                      \
    static const struct pipc_codec_ops ops_##name_ = {.size = sizeof(ops_##name_),            \
                                                      .code = code_,                          \
                                                      .traits = traits_,                      \
                                                      .table_major = 1,                       \
                                                      .default_service = service_,            \
                                                      .table = &typed_table,                  \
                                                      .check_request = check,                 \
                                                      .check_response = check,                \
                                                      .walk_request = walk,                   \
                                                      .walk_response = walk,                  \
                                                      .dispatch = dispatch,                   \
                                                      .call = &call_##name_};                 \
    const struct pipc_module pipc_module_##name_ = {.magic = PIPC_MODULE_MAGIC,               \
                                                    .kind = PIPC_MODULE_CODEC,                \
                                                    .abi_major = PIPC_CODEC_ABI_MAJOR,        \
                                                    .abi_minor = PIPC_CODEC_ABI_MINOR,        \
                                                    .size = sizeof(struct pipc_module),       \
                                                    .name = #name_,                           \
                                                    .version = "1",                           \
                                                    .vendor = "tests",                        \
                                                    .summary = "Does what the request says.", \
                                                    .ops = &ops_##name_}

SCRIPTED(scripted, SCRIPTED_CODE, PIPC_CODEC_BATCH, "scripted");
SCRIPTED(scripted_single, SCRIPTED_SINGLE_CODE, 0, NULL);
