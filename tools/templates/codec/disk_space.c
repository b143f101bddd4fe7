/* SPDX-License-Identifier: Apache-2.0
 *
 * The codec: bytes to values and back. Pure: no I/O, no memory, no state, and no byte is touched
 * outside of what was given. The peer may have written anything, so every length is compared before
 * it is used.
 *
 * Request:  u32 offset of the path (8), u32 its length, the path, a NUL
 * Response: u64 total, u64 available
 * Numbers are those of the machine: both sides are on one.
 */
#include "disk_space.h"

#include <string.h>

#define HEAD     8u
#define RESPONSE 16u

/* ---- bytes ---- */

static pipc_result request_decode(const void *bytes, size_t len, struct pipc_str_view *ret_path)
{
    const char *const at = bytes;
    uint32_t head[2];

    if (!bytes && len > 0)
        return PIPC_ERR_BAD_PARAM;
    if (len < HEAD)
        return PIPC_ERR_TRUNCATED;
    memcpy(head, at, HEAD);
    if (head[0] != HEAD)
        return PIPC_ERR_BAD_LAYOUT;
    if ((uint64_t)HEAD + head[1] + 1 > len)
        return PIPC_ERR_OUT_OF_BOUNDS;
    if (at[HEAD + (size_t)head[1]] != 0)
        return PIPC_ERR_MISSING_NUL;
    ret_path->ptr = at + HEAD;
    ret_path->len = head[1];
    return PIPC_OK;
}

static pipc_result request_encode(const struct pipc_str_view *path, void *buf, size_t cap,
                                  size_t *ret_len)
{
    const uint32_t head[2] = {HEAD, (uint32_t)path->len};

    if (cap < HEAD + 1 || path->len > cap - HEAD - 1 || path->len > UINT32_MAX - HEAD - 1)
        return PIPC_ERR_OVERFLOW;
    memcpy(buf, head, HEAD);
    if (path->len > 0)
        memcpy((char *)buf + HEAD, path->ptr, path->len);
    ((char *)buf)[HEAD + path->len] = 0;
    *ret_len = HEAD + path->len + 1;
    return PIPC_OK;
}

static pipc_result response_decode(const void *bytes, size_t len, void *ret)
{
    if (!bytes && len > 0)
        return PIPC_ERR_BAD_PARAM;
    if (len < RESPONSE)
        return PIPC_ERR_TRUNCATED;
    memcpy(ret, bytes, RESPONSE);
    return PIPC_OK;
}

static pipc_result response_encode(const struct disk_space *space, void *buf, size_t cap,
                                   size_t *ret_len)
{
    if (cap < RESPONSE)
        return PIPC_ERR_OVERFLOW;
    memcpy(buf, space, RESPONSE);
    *ret_len = RESPONSE;
    return PIPC_OK;
}

/* ---- fields, for tools that do not know this message type ---- */

static pipc_result check_request(const void *bytes, size_t len)
{
    struct pipc_str_view path;

    return request_decode(bytes, len, &path);
}

static pipc_result check_response(const void *bytes, size_t len)
{
    struct disk_space space;

    return response_decode(bytes, len, &space);
}

static pipc_result walk_request(const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    struct pipc_str_view path;
    const pipc_result result = request_decode(bytes, len, &path);

    return result != PIPC_OK ? result : visitor->string(visitor->arg, "path", path.ptr, path.len);
}

static pipc_result walk_response(const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    struct disk_space space;
    pipc_result result = response_decode(bytes, len, &space);

    if (result == PIPC_OK)
        result = visitor->number(visitor->arg, "total", space.total, 8);
    if (result == PIPC_OK)
        result = visitor->number(visitor->arg, "available", space.available, 8);
    return result;
}

static pipc_result build_request(const struct pipc_fields *fields, void *buf, size_t cap,
                                 size_t *ret_len)
{
    struct pipc_str_view path = {"", 0};
    const void *bytes = "";
    const pipc_result result = fields->string(fields->arg, NULL, "path", &bytes, &path.len);

    if (result != PIPC_OK && result != PIPC_ERR_NOT_SUPPORTED)
        return result;
    path.ptr = bytes;
    return request_encode(&path, buf, cap, ret_len);
}

static pipc_result build_response(const struct pipc_fields *fields, void *buf, size_t cap,
                                  size_t *ret_len)
{
    struct disk_space space = {0, 0};
    pipc_result result = fields->number(fields->arg, NULL, "total", UINT64_MAX, &space.total);

    if (result == PIPC_OK || result == PIPC_ERR_NOT_SUPPORTED)
        result = fields->number(fields->arg, NULL, "available", UINT64_MAX, &space.available);
    if (result != PIPC_OK && result != PIPC_ERR_NOT_SUPPORTED)
        return result;
    return response_encode(&space, buf, cap, ret_len);
}

/* ---- the server's side ---- */

static pipc_result end(struct pipc_dispatched *ret, pipc_result result, uint32_t stage, size_t len,
                       uint64_t needed)
{
    ret->stage = stage;
    ret->response_len = len;
    ret->needed = needed;
    return result;
}

static pipc_result dispatch(const struct pipc_dispatch *d, struct pipc_dispatched *ret)
{
    const struct disk_space_handler *const h = d->handler;
    struct pipc_str_view path;
    struct disk_space space = {0, 0};
    size_t len;
    pipc_result result = request_decode(d->request, d->request_len, &path);

    if (result != PIPC_OK)
        return end(ret, result, PIPC_STAGE_REQUEST, 0, 0);
    if (!h || h->size < sizeof(*h) || !h->disk_space ||
        !h->disk_space(h->user, d->from, path.ptr, path.len, &space))
        return end(ret, PIPC_ERR_HANDLER_FAILED, PIPC_STAGE_CALLBACK, 0, 0);
    result = response_encode(&space, d->response, d->response_cap, &len);
    if (result != PIPC_OK)
        return end(ret, result, PIPC_STAGE_FINISH, 0, RESPONSE);
    return end(ret, PIPC_OK, PIPC_STAGE_DONE, len, 0);
}

/* ---- the client's side ---- */

static pipc_result call_size(const void *input, uint64_t *ret_size)
{
    const struct pipc_str_view *const path = input;

    if (!path || (!path->ptr && path->len > 0))
        return PIPC_ERR_BAD_PARAM;
    *ret_size = path->len > UINT32_MAX ? UINT64_MAX : (uint64_t)path->len + HEAD + 1;
    return PIPC_OK;
}

static pipc_result call_encode(const void *input, void *buf, size_t cap, size_t *ret_len)
{
    return request_encode(input, buf, cap, ret_len);
}

static const struct pipc_call_ops call = {
    .size = sizeof(call),
    .input_size = sizeof(struct pipc_str_view),
    .output_size = sizeof(struct disk_space),
    .request_size = call_size,
    .encode = call_encode,
    .decode = response_decode,
};

/* ---- the module ---- */

/* Functions that programs call directly stand in a table; here there are none. */
static const uint32_t table = sizeof(table);

static const struct pipc_codec_ops ops = {
    .size = sizeof(ops),
    .code = DISK_SPACE_METHOD,
    .table_major = DISK_SPACE_MAJOR,
    .default_service = "disk-space",
    .table = &table,
    .check_request = check_request,
    .check_response = check_response,
    .walk_request = walk_request,
    .walk_response = walk_response,
    .build_request = build_request,
    .build_response = build_response,
    .dispatch = dispatch,
    .call = &call,
};

extern PIPC_MODULE_EXPORT const struct pipc_module pipc_module_disk_space;
const struct pipc_module pipc_module_disk_space = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_CODEC,
    .abi_major = PIPC_CODEC_ABI_MAJOR,
    .abi_minor = PIPC_CODEC_ABI_MINOR,
    .size = sizeof(struct pipc_module),
    .name = DISK_SPACE_NAME,
    .version = "0.1.0",
    .vendor = "you",
    .summary = "How much room has the file system at a path?",
    .ops = &ops,
};
