/* SPDX-License-Identifier: Apache-2.0
 *
 * What decoders of keyed lookups share: header, directory, strings and labels of a payload
 * (docs/codec.md 7).
 *
 * Static inline and without state, because a second copy of it lives in every module. Pure,
 * allocates nothing; any thread. The order of the checks is that of the page.
 */
#ifndef PIPC_CODECS_COMMON_LOOKUP_H
#define PIPC_CODECS_COMMON_LOOKUP_H

#include "bytes.h"

#include <pipc/codecs/lookup.h>

#define LOOKUP_LAYOUT_VERSION 1u
#define LOOKUP_HDR            PIPC_LOOKUP_HDR_LEN
/* Labels that an item can count. */
#define LOOKUP_LABELS_MAX UINT16_MAX

/* Offsets in a header (docs/codec.md 7.2 and 7.3), then in a label entry (7.5). */
enum {
    LOOKUP_HDR_LAYOUT_VERSION = 0,
    LOOKUP_HDR_FLAGS = 2,
    LOOKUP_HDR_ITEM_COUNT = 4,
    LOOKUP_HDR_GENERATION = 8, /* of a request: two reserved fields, zero */
    LOOKUP_LABEL_KEY_OFFSET = 0,
    LOOKUP_LABEL_KEY_LENGTH = 4,
    LOOKUP_LABEL_VALUE_OFFSET = 8,
    LOOKUP_LABEL_VALUE_LENGTH = 12
};

/* Where the packed area begins. */
static inline uint64_t lookup_packed_at(uint32_t item_count)
{
    return LOOKUP_HDR + (uint64_t)PIPC_DIR_ENTRY_LEN * item_count;
}

static inline int lookup_has_nul(const void *bytes, size_t len)
{
    return len > BYTES_SHORT ? memchr(bytes, 0, len) != NULL
                             : bytes_zero_in_short((const unsigned char *)bytes, len);
}

/* ---- header and directory ---- */

/* The directory fits, and what is behind it can be pointed to with 32 bits. */
static inline pipc_result lookup_check_extent(uint32_t item_count, size_t len)
{
    const uint64_t packed = lookup_packed_at(item_count);
    if (packed > len)
        return PIPC_ERR_TRUNCATED;
    return len - packed > UINT32_MAX ? PIPC_ERR_BAD_ITEM_COUNT : PIPC_OK;
}

/* `zero`: where a response has its generation, 64 bits must be zero, as in a request. */
static inline pipc_result lookup_check_header(const unsigned char *in, size_t len, int zero)
{
    if (len < LOOKUP_HDR)
        return PIPC_ERR_TRUNCATED;
    if (bytes_get16(in + LOOKUP_HDR_LAYOUT_VERSION) != LOOKUP_LAYOUT_VERSION)
        return PIPC_ERR_BAD_LAYOUT;
    if (bytes_get16(in + LOOKUP_HDR_FLAGS) != 0)
        return PIPC_ERR_BAD_LAYOUT;
    if (zero && bytes_get64(in + LOOKUP_HDR_GENERATION) != 0)
        return PIPC_ERR_BAD_LAYOUT;
    return lookup_check_extent(bytes_get32(in + LOOKUP_HDR_ITEM_COUNT), len);
}

/* What one kind of payload asks of the length of an entry. */
struct lookup_entry_rule {
    uint32_t least;
    uint32_t most;
};

/* An item, found through its entry. */
struct lookup_entry {
    const unsigned char *item;
    uint32_t offset; /* in the packed area */
    uint32_t len;
};

/* Reads and checks one entry of a directory that fits. */
static inline pipc_result lookup_read_entry(const unsigned char *in, size_t len,
                                            uint32_t item_count, uint32_t index,
                                            const struct lookup_entry_rule *rule,
                                            struct lookup_entry *ret)
{
    const size_t packed = (size_t)lookup_packed_at(item_count);
    const unsigned char *entry = in + LOOKUP_HDR + (size_t)PIPC_DIR_ENTRY_LEN * index;
    const uint32_t offset = bytes_get32(entry), length = bytes_get32(entry + 4);
    if (offset % 8 != 0)
        return PIPC_ERR_BAD_ALIGNMENT;
    if (length < rule->least || length > rule->most)
        return PIPC_ERR_BAD_LAYOUT;
    if ((uint64_t)offset + length > len - packed)
        return PIPC_ERR_OUT_OF_BOUNDS;
    ret->item = in + packed + offset;
    ret->offset = offset;
    ret->len = length;
    return PIPC_OK;
}

/* All entries, before any item is looked at: each as above, ascending, sharing no byte. */
static inline pipc_result lookup_check_directory(const unsigned char *in, size_t len,
                                                 uint32_t item_count,
                                                 const struct lookup_entry_rule *rule)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < item_count; i++) {
        struct lookup_entry entry;
        const pipc_result r = lookup_read_entry(in, len, item_count, i, rule, &entry);
        if (r != PIPC_OK)
            return r;
        if (entry.offset < end)
            return PIPC_ERR_BAD_LAYOUT;
        end = (uint64_t)entry.offset + entry.len;
    }
    return PIPC_OK;
}

/* Item `index` of a view, whose fields may have been changed by mistake: all that the way to the
 * item depends on is checked again. */
static inline pipc_result lookup_find(const void *payload, size_t len, uint32_t item_count,
                                      uint32_t index, const struct lookup_entry_rule *rule,
                                      struct lookup_entry *ret)
{
    if (bytes_bad_payload(payload, len))
        return PIPC_ERR_BAD_PARAM;
    if (index >= item_count)
        return PIPC_ERR_OUT_OF_BOUNDS;
    const pipc_result r = lookup_check_extent(item_count, len);
    return r == PIPC_OK ? lookup_read_entry(payload, len, item_count, index, rule, ret) : r;
}

/* ---- strings ---- */

/* A string of an item, from the start of the item. Its NUL is not counted. */
struct lookup_span {
    uint32_t at;
    uint32_t len;
};

/* The offset and the length that stand at `fields`. */
static inline struct lookup_span lookup_span_at(const unsigned char *fields)
{
    const struct lookup_span span = {bytes_get32(fields), bytes_get32(fields + 4)};
    return span;
}

static inline uint64_t lookup_span_end(struct lookup_span span)
{
    return (uint64_t)span.at + span.len + 1;
}

/* NULs count. */
static inline int lookup_spans_share(struct lookup_span a, struct lookup_span b)
{
    return a.at < lookup_span_end(b) && b.at < lookup_span_end(a);
}

/* The string lies behind the fixed header, inside the item, with a NUL behind it. This is all that
 * an accessor has to know. */
static inline pipc_result lookup_span_reach(const unsigned char *item, uint32_t item_len,
                                            uint32_t fixed, struct lookup_span span)
{
    if (span.at < fixed || lookup_span_end(span) > item_len)
        return PIPC_ERR_OUT_OF_BOUNDS;
    return item[(size_t)span.at + span.len] != 0 ? PIPC_ERR_MISSING_NUL : PIPC_OK;
}

static inline pipc_result lookup_span_check(const unsigned char *item, uint32_t item_len,
                                            uint32_t fixed, struct lookup_span span)
{
    const pipc_result r = lookup_span_reach(item, item_len, fixed, span);
    if (r != PIPC_OK)
        return r;
    return lookup_has_nul(item + span.at, span.len) ? PIPC_ERR_BAD_LAYOUT : PIPC_OK;
}

static inline struct pipc_str_view lookup_span_view(const unsigned char *item,
                                                    struct lookup_span span)
{
    const struct pipc_str_view view = {(const char *)item + span.at, span.len};
    return view;
}

/* Whether the bytes from `at` to `end` are strings that fill them, when the NULs behind all of the
 * `strings` have been seen: then there is no other one. 0 also when it takes too long to say. */
static inline int lookup_only_strings(const unsigned char *item, uint64_t at, uint64_t end,
                                      uint64_t strings)
{
    return end - at >= BYTES_COUNT_LEAST && end - at <= BYTES_COUNT_MOST &&
           bytes_count_zero(item + at, (size_t)(end - at)) == strings;
}

/* ---- labels ---- */

/* Labels as every builder writes them, all of them at once. 0 says nothing: they are to be checked
 * one by one, which finds the reason. */
static inline int lookup_labels_plain(const unsigned char *item, uint32_t item_len, uint64_t table,
                                      uint32_t label_count)
{
    const uint64_t begin = table + (uint64_t)PIPC_LABEL_ENTRY_LEN * label_count;
    uint64_t expected = begin;
    for (uint32_t i = 0; i < label_count; i++) {
        const unsigned char *entry = item + table + (size_t)PIPC_LABEL_ENTRY_LEN * i;
        const struct lookup_span key = lookup_span_at(entry + LOOKUP_LABEL_KEY_OFFSET);
        const struct lookup_span value = lookup_span_at(entry + LOOKUP_LABEL_VALUE_OFFSET);
        const uint64_t middle = expected + key.len + 1, end = middle + value.len + 1;
        if (key.len == 0 || key.at != expected || value.at != middle || end > item_len)
            return 0;
        if (item[middle - 1] != 0 || item[end - 1] != 0)
            return 0;
        expected = end;
    }
    return expected == item_len &&
           lookup_only_strings(item, begin, expected, 2 * (uint64_t)label_count);
}

/* One label: both strings stand where the ones before end. Moves *expected behind them. */
static inline pipc_result lookup_check_label(const unsigned char *item, uint32_t item_len,
                                             const unsigned char *entry, uint64_t *expected)
{
    const struct lookup_span key = lookup_span_at(entry + LOOKUP_LABEL_KEY_OFFSET);
    const struct lookup_span value = lookup_span_at(entry + LOOKUP_LABEL_VALUE_OFFSET);
    if (key.len == 0 || key.at != *expected)
        return PIPC_ERR_BAD_LAYOUT;
    pipc_result r = lookup_span_check(item, item_len, 0, key);
    if (r != PIPC_OK)
        return r;
    if (value.at != lookup_span_end(key))
        return PIPC_ERR_BAD_LAYOUT;
    r = lookup_span_check(item, item_len, 0, value);
    *expected = lookup_span_end(value);
    return r;
}

/* Everything behind the strings of an item, which end at `end`. */
static inline pipc_result lookup_check_labels(const unsigned char *item, uint32_t item_len,
                                              uint64_t end, uint32_t label_count)
{
    if (label_count == 0)
        return end == item_len ? PIPC_OK : PIPC_ERR_BAD_LAYOUT;
    const uint64_t table = bytes_align8(end);
    if (table > item_len)
        return PIPC_ERR_OUT_OF_BOUNDS;
    for (uint64_t at = end; at < table; at++)
        if (item[at] != 0)
            return PIPC_ERR_BAD_LAYOUT;
    uint64_t expected = table + (uint64_t)PIPC_LABEL_ENTRY_LEN * label_count;
    if (expected > item_len)
        return PIPC_ERR_OUT_OF_BOUNDS;
    if (lookup_labels_plain(item, item_len, table, label_count))
        return PIPC_OK;
    for (uint32_t i = 0; i < label_count; i++) {
        const pipc_result r = lookup_check_label(
            item, item_len, item + table + (size_t)PIPC_LABEL_ENTRY_LEN * i, &expected);
        if (r != PIPC_OK)
            return r;
    }
    return expected == item_len ? PIPC_OK : PIPC_ERR_BAD_LAYOUT;
}

/* Where the labels of an item are whose strings end at `end`, for lookup_label. */
static inline pipc_result lookup_find_labels(const struct lookup_entry *entry, uint64_t end,
                                             uint32_t label_count, struct pipc_label_table *ret)
{
    const uint64_t table = label_count ? bytes_align8(end) : 0;
    if (table + (uint64_t)PIPC_LABEL_ENTRY_LEN * label_count > entry->len)
        return PIPC_ERR_OUT_OF_BOUNDS;
    ret->item = entry->item;
    ret->item_len = entry->len;
    ret->at = (uint32_t)table;
    return PIPC_OK;
}

/* Fills what Level 2 asks of an item; no more bytes than it made room for. */
static inline void lookup_tell(struct pipc_lookup_item *ret, uint32_t outcome, int echoes,
                               const struct pipc_label_table *item)
{
    struct pipc_lookup_item out;
    memset(&out, 0, sizeof(out));
    out.size = ret->size;
    out.outcome = outcome;
    out.echoes = echoes ? 1 : 0;
    out.raw.bytes = item->item;
    out.raw.len = item->item_len;
    memcpy(ret, &out, ret->size < sizeof(out) ? ret->size : sizeof(out));
}

/* Label `index` of an item view, whose fields may have been changed by mistake. */
static inline pipc_result lookup_label(const struct pipc_label_table *labels, uint32_t label_count,
                                       uint32_t index, struct pipc_label_view *ret_label)
{
    const unsigned char *item = labels->item;
    const uint64_t at = labels->at + (uint64_t)PIPC_LABEL_ENTRY_LEN * index;
    if (index >= label_count)
        return PIPC_ERR_OUT_OF_BOUNDS;
    if (!item)
        return PIPC_ERR_BAD_PARAM;
    if (at + PIPC_LABEL_ENTRY_LEN > labels->item_len)
        return PIPC_ERR_OUT_OF_BOUNDS;
    const struct lookup_span key = lookup_span_at(item + at + LOOKUP_LABEL_KEY_OFFSET);
    const struct lookup_span value = lookup_span_at(item + at + LOOKUP_LABEL_VALUE_OFFSET);
    pipc_result r = lookup_span_reach(item, labels->item_len, 0, key);
    if (r == PIPC_OK)
        r = lookup_span_reach(item, labels->item_len, 0, value);
    if (r != PIPC_OK)
        return r;
    ret_label->key = lookup_span_view(item, key);
    ret_label->value = lookup_span_view(item, value);
    return PIPC_OK;
}

#endif
