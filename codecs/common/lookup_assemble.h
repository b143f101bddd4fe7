/* SPDX-License-Identifier: Apache-2.0
 *
 * What keyed lookups share for answers made of several exchanges: packing raw items into one
 * response (docs/codec.md 8.5).
 *
 * Static inline and without state, because a second copy of it lives in every module. Pure; any
 * thread. Outputs are untouched on failure.
 */
#ifndef PIPC_CODECS_COMMON_LOOKUP_ASSEMBLE_H
#define PIPC_CODECS_COMMON_LOOKUP_ASSEMBLE_H

#include "lookup_build.h"

/* Checks one whole item, its length included. */
typedef pipc_result (*lookup_item_check)(const unsigned char *item, uint32_t len);

static inline pipc_result lookup_assemble_item(struct pipc_lookup_builder *b,
                                               const struct pipc_lookup_raw *raw, uint32_t least,
                                               lookup_item_check check)
{
    if (bytes_bad_payload(raw->bytes, raw->len))
        return PIPC_ERR_BAD_PARAM;
    if (raw->len < least)
        return PIPC_ERR_BAD_LAYOUT;
    if (raw->len > UINT32_MAX)
        return PIPC_ERR_OVERFLOW;
    const pipc_result r = check(raw->bytes, (uint32_t)raw->len);
    if (r != PIPC_OK)
        return r;
    unsigned char *out = lookup_space(b, raw->len);
    if (!out)
        return PIPC_ERR_OVERFLOW;
    bytes_copy(out, raw->bytes, raw->len);
    lookup_commit(b, raw->len, 0);
    return PIPC_OK;
}

/* Packs `count` items, each decoded first, into a response. The items must not lie in `buf`. */
static inline pipc_result lookup_assemble(const struct pipc_lookup_raw *items, uint32_t count,
                                          uint64_t generation, uint32_t least,
                                          lookup_item_check check, void *buf, size_t cap,
                                          size_t *ret_len)
{
    struct pipc_lookup_builder b;
    if (!ret_len || (!items && count > 0))
        return PIPC_ERR_BAD_PARAM;
    pipc_result r = lookup_begin(&b, buf, cap, count, 0, generation);
    for (uint32_t i = 0; r == PIPC_OK && i < count; i++)
        r = lookup_assemble_item(&b, &items[i], least, check);
    if (r == PIPC_OK)
        *ret_len = lookup_finish(&b);
    return r;
}

#endif
