/* SPDX-License-Identifier: Apache-2.0
 *
 * STRING_REVERSE for those who do not know it: check, walk and build by field names, the dispatch
 * of a server, the call of a client.
 *
 * Pure; any thread. A dispatch runs the callback on the thread that dispatches.
 */
#include "string_reverse.h"

#include "../common/bytes.h"

pipc_result pipcm_string_reverse_check(const void *bytes, size_t len)
{
    struct pipc_string_reverse_view view;
    return pipcm_string_reverse_decode(bytes, len, &view);
}

pipc_result pipcm_string_reverse_walk(const void *bytes, size_t len,
                                      const struct pipc_visitor *visitor)
{
    struct pipc_string_reverse_view view;
    const pipc_result r = pipcm_string_reverse_decode(bytes, len, &view);
    if (r != PIPC_OK)
        return r;
    return visitor->string(visitor->arg, "str", view.str.ptr, view.str.len);
}

pipc_result pipcm_string_reverse_build(const struct pipc_fields *fields, void *buf, size_t cap,
                                       size_t *ret_len)
{
    struct pipc_str_view str;
    const pipc_result r = bytes_field_string(fields, NULL, "str", &str);
    if (r != PIPC_OK)
        return r;
    return pipcm_string_reverse_encode(str.ptr, str.len, buf, cap, ret_len);
}

/* Runs the callback with the space of the response. A response without room for its frame offers
 * space 0, at an address that is not the response's. */
static pipc_result run_callback(const struct pipc_dispatch *d,
                                const struct pipc_string_reverse_view *request, size_t *ret_len,
                                size_t *ret_space)
{
    const struct pipc_string_reverse_handler *h = d->handler;
    char none = 0, *space = &none;
    *ret_len = *ret_space = 0;
    if (d->response && d->response_cap > STRING_REVERSE_FRAME) {
        space = (char *)d->response + PIPC_STRING_REVERSE_HDR_LEN;
        *ret_space = d->response_cap - STRING_REVERSE_FRAME;
    }
    if (!BYTES_HANDLER_HAS(h, string_reverse) ||
        !h->string_reverse(h->user, d->from, request->str.ptr, request->str.len, space, *ret_space,
                           ret_len))
        return PIPC_ERR_HANDLER_FAILED;
    return *ret_len > *ret_space ? PIPC_ERR_OVERFLOW : PIPC_OK;
}

/* Length of the response that did not fit; 0 (not known) for one that no payload can have. */
static uint64_t needed(size_t str_len)
{
    const uint64_t len = str_len;
    return len > UINT32_MAX - STRING_REVERSE_FRAME ? 0 : len + STRING_REVERSE_FRAME;
}

pipc_result pipcm_string_reverse_dispatch(const struct pipc_dispatch *dispatch,
                                          struct pipc_dispatched *ret)
{
    struct pipc_string_reverse_view request;
    pipc_result r = pipcm_string_reverse_decode(dispatch->request, dispatch->request_len, &request);
    if (r != PIPC_OK)
        return bytes_dispatched(ret, r, PIPC_STAGE_REQUEST, 0, 0);
    size_t str_len, space, len;
    r = run_callback(dispatch, &request, &str_len, &space);
    if (r != PIPC_OK)
        return bytes_dispatched(ret, r, PIPC_STAGE_CALLBACK, 0,
                                r == PIPC_ERR_OVERFLOW ? needed(str_len) : 0);
    const char *in_place =
        space > 0 ? (const char *)dispatch->response + PIPC_STRING_REVERSE_HDR_LEN : NULL;
    r = pipcm_string_reverse_encode(in_place, str_len, dispatch->response, dispatch->response_cap,
                                    &len);
    if (r != PIPC_OK)
        return bytes_dispatched(ret, r, PIPC_STAGE_FINISH, 0, needed(str_len));
    return bytes_dispatched(ret, PIPC_OK, PIPC_STAGE_DONE, len, 0);
}

static pipc_result call_size(const void *input, uint64_t *ret_size)
{
    const struct pipc_str_view *str = input;
    if (!str || (!str->ptr && str->len > 0))
        return PIPC_ERR_BAD_PARAM;
    /* A length near 2^64 must not come out small. */
    const uint64_t len = str->len;
    *ret_size = len > UINT64_MAX - STRING_REVERSE_FRAME ? UINT64_MAX : len + STRING_REVERSE_FRAME;
    return PIPC_OK;
}

static pipc_result call_encode(const void *input, void *buf, size_t cap, size_t *ret_len)
{
    const struct pipc_str_view *str = input;
    return pipcm_string_reverse_encode(str->ptr, str->len, buf, cap, ret_len);
}

static pipc_result call_decode(const void *payload, size_t len, void *ret_output)
{
    return pipcm_string_reverse_decode(payload, len, ret_output);
}

/* The wire allows batches, and tools send them (docs/cli.md, --batch); no typed batch call is
 * offered, because docs/level2-typed-api.md 2 keeps batches of this kind to the server side. */
const struct pipc_call_ops pipcm_string_reverse_call = {
    .size = sizeof(struct pipc_call_ops),
    .batch = 1,
    .input_size = sizeof(struct pipc_str_view),
    .output_size = sizeof(struct pipc_string_reverse_view),
    .request_size = call_size,
    .encode = call_encode,
    .decode = call_decode,
};
