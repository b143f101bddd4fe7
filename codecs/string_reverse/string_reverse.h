/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the sources of this codec; no other program sees it. Pure functions, any thread.
 */
#ifndef PIPC_CODECS_STRING_REVERSE_PRIVATE_H
#define PIPC_CODECS_STRING_REVERSE_PRIVATE_H

#include <pipc/codecs/string_reverse.h>

/* Bytes of a payload beside the string: the header and the final NUL. */
#define STRING_REVERSE_FRAME (PIPC_STRING_REVERSE_HDR_LEN + 1u)

pipc_result pipcm_string_reverse_encode(const void *str, size_t str_len, void *buf, size_t cap,
                                        size_t *ret_len);
pipc_result pipcm_string_reverse_decode(const void *payload, size_t len,
                                        struct pipc_string_reverse_view *ret_view);
pipc_result pipcm_string_reverse_copy(const struct pipc_string_reverse_view *view,
                                      const struct pipc_allocator *allocator,
                                      struct pipc_string_reverse **ret_copy);
pipc_result pipcm_string_reverse_check(const void *bytes, size_t len);
pipc_result pipcm_string_reverse_walk(const void *bytes, size_t len,
                                      const struct pipc_visitor *visitor);
pipc_result pipcm_string_reverse_build(const struct pipc_fields *fields, void *buf, size_t cap,
                                       size_t *ret_len);
pipc_result pipcm_string_reverse_dispatch(const struct pipc_dispatch *dispatch,
                                          struct pipc_dispatched *ret_dispatched);
extern const struct pipc_call_ops pipcm_string_reverse_call;
extern const struct pipc_string_reverse_table pipcm_string_reverse_table;

#endif
