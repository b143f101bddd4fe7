/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the sources of this codec; no other program sees it. Pure functions, any thread.
 */
#ifndef PIPC_CODECS_INCREMENT_PRIVATE_H
#define PIPC_CODECS_INCREMENT_PRIVATE_H

#include <pipc/codecs/increment.h>

pipc_result pipcm_increment_encode(uint64_t value, void *buf, size_t cap, size_t *ret_len);
pipc_result pipcm_increment_decode(const void *payload, size_t len, uint64_t *ret_value);
pipc_result pipcm_increment_check(const void *bytes, size_t len);
pipc_result pipcm_increment_walk(const void *bytes, size_t len, const struct pipc_visitor *visitor);
pipc_result pipcm_increment_build(const struct pipc_fields *fields, void *buf, size_t cap,
                                  size_t *ret_len);
pipc_result pipcm_increment_dispatch(const struct pipc_dispatch *dispatch,
                                     struct pipc_dispatched *ret_dispatched);
extern const struct pipc_call_ops pipcm_increment_call;
extern const struct pipc_uniform_hooks pipcm_increment_uniform;

#endif
