/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of STRING_REVERSE, the same in both directions: an offset that is always 8, a length,
 * the string and a NUL (docs/codec-string-reverse.md 2 to 4), and the owned copy of a view.
 *
 * Pure; any thread. Outputs are untouched on failure.
 */
#include "string_reverse.h"

#include "../common/bytes.h"

pipc_result pipcm_string_reverse_encode(const void *str, size_t str_len, void *buf, size_t cap,
                                        size_t *ret_len)
{
    if (!ret_len || (!buf && cap > 0))
        return PIPC_ERR_BAD_PARAM;
    /* Subtraction instead of a sum, which could wrap where size_t has 64 bits. */
    if (cap < STRING_REVERSE_FRAME || str_len > cap - STRING_REVERSE_FRAME ||
        (uint64_t)str_len > UINT32_MAX - STRING_REVERSE_FRAME)
        return PIPC_ERR_OVERFLOW;
    if (!str && str_len > 0)
        return PIPC_ERR_BAD_PARAM;
    unsigned char *out = buf;
    bytes_put32(out, PIPC_STRING_REVERSE_HDR_LEN);
    bytes_put32(out + 4, (uint32_t)str_len);
    /* A callback may have written its result in place. */
    if (str != out + PIPC_STRING_REVERSE_HDR_LEN)
        bytes_copy(out + PIPC_STRING_REVERSE_HDR_LEN, str, str_len);
    out[PIPC_STRING_REVERSE_HDR_LEN + str_len] = 0;
    *ret_len = STRING_REVERSE_FRAME + str_len;
    return PIPC_OK;
}

pipc_result pipcm_string_reverse_decode(const void *payload, size_t len,
                                        struct pipc_string_reverse_view *ret_view)
{
    if (!ret_view || bytes_bad_payload(payload, len))
        return PIPC_ERR_BAD_PARAM;
    if (len < PIPC_STRING_REVERSE_HDR_LEN)
        return PIPC_ERR_TRUNCATED;
    const unsigned char *in = payload;
    if (bytes_get32(in) != PIPC_STRING_REVERSE_HDR_LEN)
        return PIPC_ERR_BAD_LAYOUT;
    const uint32_t str_len = bytes_get32(in + 4);
    if ((uint64_t)str_len + STRING_REVERSE_FRAME > len)
        return PIPC_ERR_OUT_OF_BOUNDS;
    if (in[PIPC_STRING_REVERSE_HDR_LEN + (size_t)str_len] != 0)
        return PIPC_ERR_MISSING_NUL;
    ret_view->table = &pipcm_string_reverse_table;
    ret_view->str.ptr = (const char *)in + PIPC_STRING_REVERSE_HDR_LEN;
    ret_view->str.len = str_len;
    return PIPC_OK;
}

pipc_result pipcm_string_reverse_copy(const struct pipc_string_reverse_view *view,
                                      const struct pipc_allocator *allocator,
                                      struct pipc_string_reverse **ret_copy)
{
    if (!view || !allocator || !ret_copy || (!view->str.ptr && view->str.len > 0))
        return PIPC_ERR_BAD_PARAM;
    if (view->str.len > SIZE_MAX - sizeof(struct pipc_string_reverse) - 1)
        return PIPC_ERR_ALLOC;
    struct pipc_string_reverse *copy =
        allocator->alloc(allocator->arg, sizeof(*copy) + view->str.len + 1);
    if (!copy)
        return PIPC_ERR_ALLOC;
    char *str = (char *)(copy + 1);
    bytes_copy(str, view->str.ptr, view->str.len);
    str[view->str.len] = '\0';
    copy->str.ptr = str;
    copy->str.len = view->str.len;
    *ret_copy = copy;
    return PIPC_OK;
}
