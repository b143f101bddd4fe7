/* SPDX-License-Identifier: Apache-2.0
 *
 * What encoders of keyed lookups share: packing a request or a response item by item, the reserve
 * for the keys that are not answered yet, labels (docs/codec.md 7.1 and 8).
 *
 * Static inline and without state, because a second copy of it lives in every module. It writes
 * inside the caller's buffer only, allocates nothing, and never reads the buffer to decide a length
 * or an address, because the buffer may be shared memory. One thread at a time.
 */
#ifndef PIPC_CODECS_COMMON_LOOKUP_BUILD_H
#define PIPC_CODECS_COMMON_LOOKUP_BUILD_H

#include "lookup.h"

/* No size that fits a payload is as large; sums stop here, so that they never wrap. */
#define LOOKUP_TOO_LARGE (UINT64_C(1) << 34)

/* Adds the bytes of a string, or of anything, to a size. */
static inline uint64_t lookup_size_add(uint64_t size, uint64_t len)
{
    if (size >= LOOKUP_TOO_LARGE || len >= LOOKUP_TOO_LARGE)
        return LOOKUP_TOO_LARGE;
    return size + len;
}

/* ---- packing ---- */

/* Begins a payload of at most `cap` bytes with `max_items` slots. `reserve` is that of key 0. */
static inline pipc_result lookup_begin(struct pipc_lookup_builder *b, void *buf, size_t cap,
                                       uint32_t max_items, uint64_t reserve, uint64_t generation)
{
    memset(b, 0, sizeof(*b));
    b->buf = buf;
    /* A payload has a 32-bit length, so that more room than that is of no use. */
    b->cap = cap > UINT32_MAX ? UINT32_MAX : cap;
    b->pos = lookup_packed_at(max_items);
    b->reserve = reserve;
    b->generation = generation;
    b->max_items = max_items;
    if (!buf && cap > 0)
        b->failed = PIPC_ERR_BAD_PARAM;
    else if (b->pos > b->cap || reserve > UINT32_MAX)
        b->failed = PIPC_ERR_OVERFLOW;
    b->error = b->failed;
    return b->failed;
}

/* Zeroes up to seven bytes, behind which `behind` bytes are yet to be written. */
static inline void lookup_pad(unsigned char *at, size_t len, uint64_t behind)
{
    if (behind >= 8)
        bytes_put64(at, 0);
    else
        memset(at, 0, len);
}

/* Space for an item of `size` bytes, padded up to; NULL when there is no room or no slot. Nothing
 * counts before lookup_commit. */
static inline unsigned char *lookup_space(struct pipc_lookup_builder *b, uint64_t size)
{
    const uint64_t start = bytes_align8(b->pos);
    if (b->count >= b->max_items || start + size > b->cap)
        return NULL;
    lookup_pad(b->buf + b->pos, (size_t)(start - b->pos), size);
    return b->buf + start;
}

/* What is reserved behind the next item, whose placeholder has `placeholder` bytes. */
static inline uint64_t lookup_reserve_behind(const struct pipc_lookup_builder *b,
                                             uint64_t placeholder)
{
    const uint64_t passed = bytes_align8(placeholder);
    return b->reserve > passed ? b->reserve - passed : 0;
}

/* The item that was written to lookup_space counts. */
static inline void lookup_commit(struct pipc_lookup_builder *b, uint64_t size, uint64_t placeholder)
{
    const uint64_t start = bytes_align8(b->pos);
    unsigned char *entry = b->buf + LOOKUP_HDR + (size_t)PIPC_DIR_ENTRY_LEN * b->count;
    /* Offsets count from the packed area, so that they stay right when finish moves it. */
    bytes_put32(entry, (uint32_t)(start - lookup_packed_at(b->max_items)));
    bytes_put32(entry + 4, (uint32_t)size);
    b->reserve = lookup_reserve_behind(b, placeholder);
    b->pos = start + size;
    b->count++;
}

/* Whether a KNOWN item of `size` bytes leaves room for the placeholders behind it (docs/codec.md
 * 8.3 step 5). */
static inline int lookup_fits(const struct pipc_lookup_builder *b, uint64_t size,
                              uint64_t placeholder)
{
    const uint64_t end = bytes_align8(b->pos) + size;
    if (end > b->cap)
        return 0;
    return b->count + 1 == b->max_items ||
           bytes_align8(end) + lookup_reserve_behind(b, placeholder) <= b->cap;
}

/* Remembers the failure of an add; one of init stays. Returns what is remembered. */
static inline pipc_result lookup_refuse(struct pipc_lookup_builder *b, pipc_result result)
{
    b->error = b->failed != PIPC_OK ? b->failed : result;
    return b->error;
}

/* What becomes of an item that does not fit: the first one is OVERSIZED_ITEM, every other one
 * PAYLOAD_EXCEEDED, as are all behind it (docs/codec.md 8.3 step 6). */
static inline uint32_t lookup_unfit_status(const struct pipc_lookup_builder *b, uint32_t oversized,
                                           uint32_t exceeded)
{
    return b->count == 0 ? oversized : exceeded;
}

/* An item became a placeholder for want of room. */
static inline void lookup_cut(struct pipc_lookup_builder *b, int exceeded)
{
    b->cut = 1;
    if (exceeded)
        b->exceeded = 1;
}

/* Writes the header, takes back the slots that were not used, and returns the length; 0 with an
 * error. Afterwards there is no free slot, so that it may be repeated and nothing can be added. */
static inline size_t lookup_finish(struct pipc_lookup_builder *b)
{
    if (b->error != PIPC_OK)
        return 0;
    const uint64_t from = lookup_packed_at(b->max_items), to = lookup_packed_at(b->count);
    const uint64_t len = b->pos - from;
    if (from != to && len > 0)
        memmove(b->buf + to, b->buf + from, (size_t)len);
    b->max_items = b->count;
    b->pos = to + len;
    bytes_put16(b->buf + LOOKUP_HDR_LAYOUT_VERSION, LOOKUP_LAYOUT_VERSION);
    bytes_put16(b->buf + LOOKUP_HDR_FLAGS, 0);
    bytes_put32(b->buf + LOOKUP_HDR_ITEM_COUNT, b->count);
    bytes_put64(b->buf + LOOKUP_HDR_GENERATION, b->generation);
    return (size_t)b->pos;
}

/* Items that a response of `cap` bytes holds at most, with `least` bytes for each. */
static inline uint32_t lookup_estimate(uint64_t cap, uint32_t least)
{
    const uint64_t items = cap > LOOKUP_HDR ? (cap - LOOKUP_HDR) / least : 0;
    return items > UINT32_MAX ? UINT32_MAX : (uint32_t)items;
}

/* Size of a payload of `size` bytes with one more item. */
static inline uint64_t lookup_size_with(uint64_t size, uint64_t item_len)
{
    return bytes_align8(size) + PIPC_DIR_ENTRY_LEN + item_len;
}

/* The same with items as they were received. */
static inline uint64_t lookup_size_with_all(uint64_t size, const struct pipc_lookup_raw *items,
                                            uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        size = lookup_size_with(size, items[i].len);
    return size;
}

/* ---- what a server is told ---- */

/* The least response that a builder can come to: each key answered with a placeholder. Asked
 * before the first add. */
static inline uint64_t lookup_least(const struct pipc_lookup_builder *b)
{
    return b->reserve > UINT32_MAX ? b->reserve : lookup_packed_at(b->max_items) + b->reserve;
}

/* The length that a response of `least` bytes needs, when `cap` was too small for it; 0 when it is
 * not the room that was missing, or no response is as long. */
static inline uint64_t lookup_needed(uint64_t least, uint64_t cap)
{
    return least > cap && least <= UINT32_MAX ? least : 0;
}

/* ---- strings ---- */

/* A string that an encoder is given. */
static inline pipc_result lookup_check_str(const struct pipc_str_view *str)
{
    if (!str->ptr && str->len > 0)
        return PIPC_ERR_BAD_PARAM;
    return lookup_has_nul(str->ptr, str->len) ? PIPC_ERR_BAD_LAYOUT : PIPC_OK;
}

/* Writes a string and its NUL at `at`; returns where the next one goes. */
static inline size_t lookup_put_str(unsigned char *out, size_t at, const struct pipc_str_view *str)
{
    bytes_copy(out + at, str->ptr, str->len);
    out[at + str->len] = 0;
    return at + str->len + 1;
}

/* A string that can be read at all. */
static inline int lookup_str_there(const struct pipc_str_view *str)
{
    return str->ptr || str->len == 0;
}

/* lookup_put_str of a string that nobody has looked at: *bad is set when a NUL is in it. */
static inline size_t lookup_put_text(unsigned char *out, size_t at, const struct pipc_str_view *str,
                                     int *bad)
{
    *bad |= bytes_copy_text(out + at, str->ptr, str->len);
    out[at + str->len] = 0;
    return at + str->len + 1;
}

/* Writes offset and length of a string that goes to `at`. */
static inline void lookup_put_span(unsigned char *fields, size_t at, size_t len)
{
    bytes_put32(fields, (uint32_t)at);
    bytes_put32(fields + 4, (uint32_t)len);
}

/* ---- labels ---- */

/* The labels of an item to be written: an array, or a list of named fields. */
struct lookup_labels {
    const struct pipc_label_view *array;
    const struct pipc_fields *fields; /* when not NULL: list "labels" of `node` */
    pipc_node node;
    uint32_t count;
};

static inline pipc_result lookup_labels_field(const struct lookup_labels *labels, uint32_t index,
                                              struct pipc_label_view *ret)
{
    pipc_node node = NULL;
    *ret = (struct pipc_label_view){0}; /* the source of fields is not ours */
    pipc_result r = labels->fields->item(labels->fields->arg, labels->node, "labels", index, &node);
    if (r == PIPC_OK)
        r = bytes_field_string(labels->fields, node, "key", &ret->key);
    return r == PIPC_OK ? bytes_field_string(labels->fields, node, "value", &ret->value) : r;
}

static inline pipc_result lookup_labels_get(const struct lookup_labels *labels, uint32_t index,
                                            struct pipc_label_view *ret)
{
    if (labels->fields)
        return lookup_labels_field(labels, index, ret);
    *ret = labels->array[index];
    return PIPC_OK;
}

/* Checks one label. */
static inline pipc_result lookup_check_one(const struct pipc_label_view *label)
{
    pipc_result r = lookup_check_str(&label->key);
    if (r == PIPC_OK)
        r = lookup_check_str(&label->value);
    return r == PIPC_OK && label->key.len == 0 ? PIPC_ERR_BAD_LAYOUT : r;
}

/* Bytes of a label: its entry, both strings and their NULs. In 64 bits, since two lengths may be
 * more than a size_t of 32 bits holds. */
static inline uint64_t lookup_label_size(const struct pipc_label_view *label)
{
    return (uint64_t)label->key.len + label->value.len + PIPC_LABEL_ENTRY_LEN + 2;
}

/* Whether the strings of a label, put at `at`, leave an item of `size` bytes. */
static inline int lookup_label_leaves(const struct pipc_label_view *label, size_t at, size_t size)
{
    return label->key.len > size || label->value.len > size ||
           (uint64_t)at + label->key.len + label->value.len + 2 > size;
}

/* Checks all labels; *ret_size are the bytes of the table and of all strings. */
static inline pipc_result lookup_labels_measure(const struct lookup_labels *labels,
                                                uint64_t *ret_size)
{
    uint64_t size = 0, lens = 0;
    if (labels->count > 0 && !labels->array && !labels->fields)
        return PIPC_ERR_BAD_PARAM;
    for (uint32_t i = 0; i < labels->count; i++) {
        struct pipc_label_view label;
        pipc_result r = lookup_labels_get(labels, i, &label);
        if (r == PIPC_OK)
            r = lookup_check_one(&label);
        if (r != PIPC_OK)
            return r;
        size += lookup_label_size(&label);
        lens |= label.key.len | label.value.len;
    }
    /* Of so few labels, none of them as large, the sum has not wrapped. */
    *ret_size =
        labels->count > LOOKUP_LABELS_MAX || lens >= LOOKUP_TOO_LARGE ? LOOKUP_TOO_LARGE : size;
    return PIPC_OK;
}

/* What lookup_labels_measure does, but for the bytes of an array, which are left to
 * lookup_labels_write. */
static inline pipc_result lookup_labels_sum(const struct lookup_labels *labels, uint64_t *ret_size)
{
    uint64_t size = 0, lens = 0;
    if (labels->fields || (labels->count > 0 && !labels->array))
        return lookup_labels_measure(labels, ret_size);
    for (uint32_t i = 0; i < labels->count; i++) {
        const struct pipc_label_view *label = &labels->array[i];
        if (!label->key.ptr || label->key.len == 0 || !lookup_str_there(&label->value))
            return lookup_labels_measure(labels, ret_size); /* which rule it breaks */
        size += lookup_label_size(label);
        lens |= label->key.len | label->value.len;
    }
    *ret_size =
        labels->count > LOOKUP_LABELS_MAX || lens >= LOOKUP_TOO_LARGE ? LOOKUP_TOO_LARGE : size;
    return PIPC_OK;
}

/* The bytes that lookup_labels_sum left, for labels that are not written. */
static inline pipc_result lookup_labels_rest(const struct lookup_labels *labels)
{
    uint64_t size;
    return labels->fields ? PIPC_OK : lookup_labels_measure(labels, &size);
}

/* Size of an item whose strings end at `end`. */
static inline uint64_t lookup_item_size(uint64_t end, const struct lookup_labels *labels,
                                        uint64_t labels_size)
{
    return labels->count ? bytes_align8(end) + labels_size : end;
}

/* Writes everything behind the strings of an item of `size` bytes. The labels are asked for a
 * second time here: should they have grown since they were measured, they are not written. */
static inline pipc_result lookup_labels_put(unsigned char *item, size_t size, size_t end,
                                            const struct lookup_labels *labels)
{
    const size_t table = (size_t)bytes_align8(end);
    size_t at = table + (size_t)PIPC_LABEL_ENTRY_LEN * labels->count;
    if (labels->count == 0)
        return PIPC_OK;
    lookup_pad(item + end, table - end, PIPC_LABEL_ENTRY_LEN);
    for (uint32_t i = 0; i < labels->count; i++) {
        unsigned char *entry = item + table + (size_t)PIPC_LABEL_ENTRY_LEN * i;
        struct pipc_label_view label;
        const pipc_result r = lookup_labels_get(labels, i, &label);
        if (r != PIPC_OK)
            return r;
        if (lookup_label_leaves(&label, at, size))
            return PIPC_ERR_BAD_LAYOUT;
        lookup_put_span(entry + LOOKUP_LABEL_KEY_OFFSET, at, label.key.len);
        at = lookup_put_str(item, at, &label.key);
        lookup_put_span(entry + LOOKUP_LABEL_VALUE_OFFSET, at, label.value.len);
        at = lookup_put_str(item, at, &label.value);
    }
    return at == size ? PIPC_OK : PIPC_ERR_BAD_LAYOUT;
}

/* The same after lookup_labels_sum: bytes of an array are looked at while they are copied. */
static inline pipc_result lookup_labels_write(unsigned char *item, size_t size, size_t end,
                                              const struct lookup_labels *labels)
{
    const size_t table = (size_t)bytes_align8(end);
    size_t at = table + (size_t)PIPC_LABEL_ENTRY_LEN * labels->count;
    int bad = 0;
    if (labels->fields)
        return lookup_labels_put(item, size, end, labels);
    if (labels->count == 0)
        return PIPC_OK;
    lookup_pad(item + end, table - end, PIPC_LABEL_ENTRY_LEN);
    for (uint32_t i = 0; i < labels->count; i++) {
        unsigned char *entry = item + table + (size_t)PIPC_LABEL_ENTRY_LEN * i;
        const struct pipc_label_view label = labels->array[i];
        if (lookup_label_leaves(&label, at, size))
            return PIPC_ERR_BAD_LAYOUT; /* they have grown meanwhile */
        lookup_put_span(entry + LOOKUP_LABEL_KEY_OFFSET, at, label.key.len);
        at = lookup_put_text(item, at, &label.key, &bad);
        lookup_put_span(entry + LOOKUP_LABEL_VALUE_OFFSET, at, label.value.len);
        at = lookup_put_text(item, at, &label.value, &bad);
    }
    return at == size && !bad ? PIPC_OK : PIPC_ERR_BAD_LAYOUT;
}

#endif
