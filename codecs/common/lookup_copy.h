/* SPDX-License-Identifier: Apache-2.0
 *
 * What keyed lookups share of owned copies: strings and labels of an item in one block
 * (docs/codec.md 6.5).
 *
 * Static inline and without state, because a second copy of it lives in every module. Lengths are
 * preserved. Any thread.
 */
#ifndef PIPC_CODECS_COMMON_LOOKUP_COPY_H
#define PIPC_CODECS_COMMON_LOOKUP_COPY_H

#include "lookup.h"

/* Where the next label and the next string of a copy go. */
struct lookup_copy {
    struct pipc_label_view *labels;
    char *strings;
};

/* What a copy needs. `counted` bytes of strings come from one payload. */
struct lookup_copy_size {
    uint64_t labels;
    uint64_t strings; /* NULs included */
    uint64_t counted;
};

static inline void lookup_copy_count(struct lookup_copy_size *size, const struct pipc_str_view *str)
{
    size->strings += (uint64_t)str->len + 1;
    size->counted += str->len;
}

static inline pipc_result lookup_copy_count_labels(struct lookup_copy_size *size,
                                                   const struct pipc_label_table *labels,
                                                   uint32_t label_count)
{
    for (uint32_t i = 0; i < label_count; i++) {
        struct pipc_label_view label;
        const pipc_result r = lookup_label(labels, label_count, i, &label);
        if (r != PIPC_OK)
            return r;
        lookup_copy_count(size, &label.key);
        lookup_copy_count(size, &label.value);
    }
    size->labels += label_count;
    return PIPC_OK;
}

/* One block for a head, `count` items, and what `size` counts; NULL with the reason. Items of a
 * payload share no byte, so that their strings are not longer than it; those of a view whose
 * members were changed may be. */
static inline void *lookup_copy_block(const struct pipc_allocator *allocator, size_t head,
                                      uint64_t items, const struct lookup_copy_size *size,
                                      uint64_t payload_len, pipc_result *ret_result)
{
    const uint64_t bytes =
        head + items + size->labels * sizeof(struct pipc_label_view) + size->strings;
    *ret_result = PIPC_ERR_BAD_LAYOUT;
    if (size->counted > payload_len)
        return NULL;
    *ret_result = PIPC_ERR_ALLOC;
    void *block = bytes > SIZE_MAX / 2 ? NULL : allocator->alloc(allocator->arg, (size_t)bytes);
    if (block)
        *ret_result = PIPC_OK;
    return block;
}

/* `labels` is where the labels of all items begin; the strings follow them. */
static inline struct lookup_copy lookup_copy_begin(void *labels,
                                                   const struct lookup_copy_size *size)
{
    struct lookup_copy copy;
    copy.labels = labels;
    copy.strings = (char *)(copy.labels + size->labels);
    return copy;
}

static inline struct pipc_str_view lookup_copy_str(struct lookup_copy *to,
                                                   const struct pipc_str_view *str)
{
    const struct pipc_str_view put = {to->strings, str->len};
    bytes_copy(to->strings, str->ptr, str->len);
    to->strings[str->len] = '\0';
    to->strings += str->len + 1;
    return put;
}

/* Copies labels that lookup_copy_count_labels has read; they cannot fail a second time. */
static inline const struct pipc_label_view *lookup_copy_labels(
    struct lookup_copy *to, const struct pipc_label_table *labels, uint32_t label_count)
{
    struct pipc_label_view *const first = to->labels;
    for (uint32_t i = 0; i < label_count; i++) {
        struct pipc_label_view label;
        if (lookup_label(labels, label_count, i, &label) != PIPC_OK)
            break;
        to->labels->key = lookup_copy_str(to, &label.key);
        to->labels->value = lookup_copy_str(to, &label.value);
        to->labels++;
    }
    return label_count > 0 ? first : NULL;
}

#endif
