/* SPDX-License-Identifier: Apache-2.0
 *
 * What the codecs share: integers from and to bytes, and the few checks on arguments that all of
 * them make.
 *
 * Static inline and without state, because a second copy of it lives in every module. Integers move
 * by memcpy, in the byte order of the host, since a payload may begin at any address (docs/codec.md
 * 2). Any thread.
 */
#ifndef PIPC_CODECS_COMMON_BYTES_H
#define PIPC_CODECS_COMMON_BYTES_H

#include <pipc/codec.h>

#include <string.h>

static inline uint16_t bytes_get16(const void *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof(v));
    return v;
}

static inline uint32_t bytes_get32(const void *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof(v));
    return v;
}

static inline uint64_t bytes_get64(const void *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof(v));
    return v;
}

static inline void bytes_put16(void *at, uint16_t v)
{
    memcpy(at, &v, sizeof(v));
}

static inline void bytes_put32(void *at, uint32_t v)
{
    memcpy(at, &v, sizeof(v));
}

static inline void bytes_put64(void *at, uint64_t v)
{
    memcpy(at, &v, sizeof(v));
}

/* The next multiple of 8. Callers pass sums of a few 32-bit numbers, so that it cannot wrap. */
static inline uint64_t bytes_align8(uint64_t x)
{
    return (x + 7) & ~UINT64_C(7);
}

/* A payload as an argument: null is no bytes, and null with a length is a mistake of the caller. */
static inline int bytes_bad_payload(const void *payload, size_t len)
{
    return !payload && len > 0;
}

/* memcpy that may be given null and 0, as an empty string may be. */
static inline void bytes_copy(void *to, const void *from, size_t len)
{
    if (len > 0)
        memcpy(to, from, len);
}

/* A callback of a handler struct as the caller gave it, who may have been built with an older or a
 * later header: the struct is there, its size covers the callback, and it is not NULL. */
#define BYTES_HANDLER_HAS(handler, callback)                                         \
    ((handler) &&                                                                    \
     (handler)->size >=                                                              \
         offsetof(__typeof__(*(handler)), callback) + sizeof((handler)->callback) && \
     (handler)->callback)

/* Fills the outcome of a dispatch, never more bytes than its reader made room for. Returns
 * `result`. */
static inline pipc_result bytes_dispatched(struct pipc_dispatched *ret, pipc_result result,
                                           uint32_t stage, uint64_t len, uint64_t needed)
{
    struct pipc_dispatched out;
    memset(&out, 0, sizeof(out));
    out.size = ret->size;
    out.stage = stage;
    out.response_len = (size_t)len;
    out.needed = needed;
    memcpy(ret, &out, ret->size < sizeof(out) ? ret->size : sizeof(out));
    return result;
}

/* A number of a source of fields; its default where the source has none. */
static inline pipc_result bytes_field(const struct pipc_fields *fields, pipc_node node,
                                      const char *name, uint64_t max, uint64_t otherwise,
                                      uint64_t *ret_value)
{
    uint64_t value = 0;
    const pipc_result r = fields->number(fields->arg, node, name, max, &value);
    if (r == PIPC_ERR_NOT_SUPPORTED)
        value = otherwise;
    else if (r != PIPC_OK)
        return r;
    if (value > max)
        return PIPC_ERR_BAD_LAYOUT;
    *ret_value = value;
    return PIPC_OK;
}

/* A number that has one permitted value: the source may leave it out, but not say anything else. */
static inline pipc_result bytes_field_fixed(const struct pipc_fields *fields, const char *name,
                                            uint64_t max, uint64_t fixed)
{
    uint64_t value;
    const pipc_result r = bytes_field(fields, NULL, name, max, fixed, &value);
    if (r != PIPC_OK)
        return r;
    return value == fixed ? PIPC_OK : PIPC_ERR_BAD_LAYOUT;
}

/* A string of a source of fields; the empty string where the source has none. */
static inline pipc_result bytes_field_string(const struct pipc_fields *fields, pipc_node node,
                                             const char *name, struct pipc_str_view *ret)
{
    const void *bytes = NULL;
    size_t len = 0;
    const pipc_result r = fields->string(fields->arg, node, name, &bytes, &len);
    if (r != PIPC_OK && r != PIPC_ERR_NOT_SUPPORTED)
        return r;
    ret->ptr = r == PIPC_OK && len > 0 ? (const char *)bytes : "";
    ret->len = r == PIPC_OK ? len : 0;
    return PIPC_OK;
}

#endif
