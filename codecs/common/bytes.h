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

/* Sixteen bytes at once, where the machine can; elsewhere the compiler takes them apart. */
typedef unsigned char bytes_16 __attribute__((vector_size(16)));

/* Lengths that bytes_count_zero takes. */
#define BYTES_COUNT_LEAST 16u
#define BYTES_COUNT_MOST  4064u

/* How many of the bytes are 0. */
static inline uint32_t bytes_count_zero(const unsigned char *at, size_t len)
{
    static const unsigned char ends[32] = {[16] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    bytes_16 block, count = {0}, behind;
    uint64_t sums[2], sum = 0;

    for (size_t i = 0; i + 16 <= len; i += 16) {
        memcpy(&block, at + i, 16);
        count -= (bytes_16)(block == 0);
    }
    /* The last sixteen, but for those that were counted. */
    memcpy(&block, at + len - 16, 16);
    memcpy(&behind, ends + len % 16, 16);
    count += (bytes_16)(block == 0) & behind;
    memcpy(sums, &count, 16);
    for (uint32_t i = 0; i < 2; i++)
        sum += ((sums[i] & UINT64_C(0x00ff00ff00ff00ff)) +
                (sums[i] >> 8 & UINT64_C(0x00ff00ff00ff00ff))) *
                   UINT64_C(0x0001000100010001) >>
               48;
    return (uint32_t)sum;
}

/* A payload as an argument: null is no bytes, and null with a length is a mistake of the caller. */
static inline int bytes_bad_payload(const void *payload, size_t len)
{
    return !payload && len > 0;
}

/* Strings up to this length are copied and searched in place: a call into the C library costs more
 * than they do, and a lookup response consists of them. */
#define BYTES_SHORT 32u

/* Not 0 if one of the eight bytes is 0. */
static inline uint64_t bytes_zero_in(uint64_t word)
{
    return (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
}

/* Copies at most BYTES_SHORT bytes, from both ends, which meet or overlap; not 0 if one is 0. */
static inline uint64_t bytes_copy_short(unsigned char *to, const unsigned char *from, size_t len)
{
    if (len >= 8) {
        const uint64_t first = bytes_get64(from), last = bytes_get64(from + len - 8);
        uint64_t found = bytes_zero_in(first) | bytes_zero_in(last);
        if (len > 16) {
            const uint64_t second = bytes_get64(from + 8), third = bytes_get64(from + len - 16);
            bytes_put64(to + 8, second);
            bytes_put64(to + len - 16, third);
            found |= bytes_zero_in(second) | bytes_zero_in(third);
        }
        bytes_put64(to, first);
        bytes_put64(to + len - 8, last);
        return found;
    }
    if (len >= 4) {
        const uint32_t first = bytes_get32(from), last = bytes_get32(from + len - 4);
        bytes_put32(to, first);
        bytes_put32(to + len - 4, last);
        return bytes_zero_in(first | (uint64_t)last << 32);
    }
    if (len == 0)
        return 0;
    const unsigned char first = from[0], middle = from[len / 2], last = from[len - 1];
    to[0] = first;
    to[len / 2] = middle;
    to[len - 1] = last;
    return !first || !middle || !last;
}

/* memcpy that may be given null and 0, as an empty string may be. */
static inline void bytes_copy(void *to, const void *from, size_t len)
{
    if (len > BYTES_SHORT)
        memcpy(to, from, len);
    else
        (void)bytes_copy_short((unsigned char *)to, (const unsigned char *)from, len);
}

/* The same; whether one of the bytes is 0. */
static inline int bytes_copy_text(void *to, const void *from, size_t len)
{
    if (len <= BYTES_SHORT)
        return bytes_copy_short((unsigned char *)to, (const unsigned char *)from, len) != 0;
    memcpy(to, from, len);
    return memchr(from, 0, len) != NULL;
}

/* Whether one of at most BYTES_SHORT bytes is 0. */
static inline int bytes_zero_in_short(const unsigned char *at, size_t len)
{
    if (len >= 8) {
        uint64_t found = bytes_zero_in(bytes_get64(at)) | bytes_zero_in(bytes_get64(at + len - 8));
        if (len > 16)
            found |= bytes_zero_in(bytes_get64(at + 8)) | bytes_zero_in(bytes_get64(at + len - 16));
        return found != 0;
    }
    if (len >= 4)
        return bytes_zero_in(bytes_get32(at) | (uint64_t)bytes_get32(at + len - 4) << 32) != 0;
    return len > 0 && (!at[0] || !at[len / 2] || !at[len - 1]);
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
