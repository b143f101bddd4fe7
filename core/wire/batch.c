/* SPDX-License-Identifier: Apache-2.0
 *
 * The batch directory: building, validating and reading it (docs/level1-wire-envelope.md 3).
 *
 * The builder never reads its buffer to decide anything, so the buffer may lie in memory that a
 * hostile process writes to. Readers are safe on any bytes. All sums are made in 64 bits. Pure
 * functions; a builder belongs to one thread at a time.
 */
#include "batch.h"
#include "bytes.h"

#include <stdbool.h>

void pipc_batch_begin(struct pipc_batch_builder *builder, void *buf, size_t cap, uint32_t max_items)
{
    builder->buf = buf;
    builder->cap = cap;
    builder->pos = 0;
    builder->max_items = max_items;
    builder->count = 0;
}

/* Bytes of a directory: where the packed area begins. At most 2^35. */
static uint64_t directory_len(uint32_t items)
{
    return (uint64_t)items * PIPC_BATCH_ENTRY_LEN;
}

/* Where the next item goes, counted from the start of the buffer; false if there can be none. */
static bool next_place(const struct pipc_batch_builder *b, uint64_t *ret_offset,
                       uint64_t *ret_place)
{
    const uint64_t offset = pipc_align8(b->pos);
    const uint64_t place = directory_len(b->max_items) + offset;
    if (b->count == b->max_items || offset > UINT32_MAX || place > b->cap)
        return false;
    *ret_offset = offset;
    *ret_place = place;
    return true;
}

void *pipc_batch_room(const struct pipc_batch_builder *builder, size_t *ret_len)
{
    uint64_t offset, place;
    *ret_len = 0;
    if (!next_place(builder, &offset, &place))
        return NULL;
    const uint64_t room = builder->cap - place;
    *ret_len = room < UINT32_MAX ? (size_t)room : UINT32_MAX;
    return builder->buf + place;
}

pipc_result pipc_batch_add(struct pipc_batch_builder *builder, const void *item, size_t len)
{
    if (!item && len > 0)
        return PIPC_ERR_BAD_PARAM;
    uint64_t offset, place;
    if (!next_place(builder, &offset, &place))
        return PIPC_ERR_OVERFLOW;
    if (len > UINT32_MAX || len > builder->cap - place)
        return PIPC_ERR_OVERFLOW;
    uint8_t *const at = builder->buf + place;
    const uint64_t gap = offset - builder->pos;
    memset(at - gap, 0, gap);
    /* An item that was made in the room itself is there already. */
    if (len > 0 && at != item)
        memmove(at, item, len);
    uint8_t *const entry = builder->buf + directory_len(builder->count);
    pipci_store32(entry, (uint32_t)offset);
    pipci_store32(entry + 4, (uint32_t)len);
    builder->pos = offset + len;
    builder->count++;
    return PIPC_OK;
}

size_t pipc_batch_finish(struct pipc_batch_builder *builder)
{
    if (builder->count == 0)
        return 0;
    const uint64_t dir = directory_len(builder->count);
    const uint64_t reserve = directory_len(builder->max_items);
    if (dir < reserve)
        memmove(builder->buf + dir, builder->buf + reserve, builder->pos);
    /* What is reserved is what is used now: finishing twice does no harm. */
    builder->max_items = builder->count;
    const uint64_t end = pipc_align8(builder->pos);
    if (dir + end > builder->cap)
        return (size_t)(dir + builder->pos);
    memset(builder->buf + dir + builder->pos, 0, end - builder->pos);
    return (size_t)(dir + end);
}

/* Rules 4 and 5 of extraction, which are also those of validation, for one entry. `area` is the
 * length of the packed area. */
static pipc_result check_entry(const uint8_t *entry, uint64_t area, uint64_t *ret_offset,
                               uint64_t *ret_len)
{
    const uint64_t offset = pipci_load32(entry);
    const uint64_t len = pipci_load32(entry + 4);
    if (offset % PIPC_ALIGNMENT != 0)
        return PIPC_ERR_BAD_ALIGNMENT;
    if (offset + len > area)
        return PIPC_ERR_OUT_OF_BOUNDS;
    *ret_offset = offset;
    *ret_len = len;
    return PIPC_OK;
}

pipc_result pipc_batch_item(const void *payload, size_t payload_len, uint32_t item_count,
                            uint32_t index, const void **ret_item, size_t *ret_len)
{
    const uint64_t addressable = SIZE_MAX;
    const uint64_t dir = directory_len(item_count);
    if (index >= item_count)
        return PIPC_ERR_OUT_OF_BOUNDS;
    if (dir > addressable)
        return PIPC_ERR_BAD_ITEM_COUNT; /* LCOV_EXCL_LINE: only where size_t has 32 bits */
    if (payload_len < dir)
        return PIPC_ERR_TRUNCATED;
    const uint8_t *const bytes = payload;
    uint64_t offset, len;
    const pipc_result result =
        check_entry(bytes + directory_len(index), payload_len - dir, &offset, &len);
    if (result != PIPC_OK)
        return result;
    *ret_item = bytes + dir + offset;
    *ret_len = (size_t)len;
    return PIPC_OK;
}

/* ---- items of one length ---- */

/* A directory entry as one number, so that a whole directory is compared or written in a plain
 * loop.
 */
static uint64_t entry_of(uint32_t offset, uint32_t len)
{
    const uint32_t words[2] = {offset, len};
    uint64_t entry;
    memcpy(&entry, words, sizeof(entry));
    return entry;
}

/* Whether all entries have the length `len` and offsets 0, stride, 2 * stride ... */
static bool is_even(const uint8_t *directory, uint32_t items, uint32_t stride, uint32_t len)
{
    const uint64_t step = entry_of(stride, 0);
    uint64_t expected = entry_of(0, len), differences = 0;
    for (uint32_t i = 0; i < items; i++) {
        uint64_t entry;
        memcpy(&entry, directory + directory_len(i), sizeof(entry));
        differences |= entry ^ expected;
        expected += step;
    }
    return differences == 0;
}

size_t pipc_batch_uniform_begin(void *buf, size_t cap, uint32_t item_count, uint32_t item_len,
                                void **ret_items)
{
    const uint64_t dir = directory_len(item_count), len = dir + (uint64_t)item_count * item_len;
    const uint64_t step = entry_of(item_len, 0);
    uint64_t entry = entry_of(0, item_len);
    if (item_len % PIPC_ALIGNMENT != 0 || len > cap || len > UINT32_MAX)
        return 0;
    uint8_t *const bytes = buf;
    for (uint32_t i = 0; i < item_count; i++) {
        memcpy(bytes + directory_len(i), &entry, sizeof(entry));
        entry += step;
    }
    *ret_items = bytes + dir;
    return (size_t)len;
}

const void *pipc_batch_uniform_items(const void *payload, size_t payload_len, uint32_t item_count,
                                     uint32_t item_len)
{
    const uint64_t dir = directory_len(item_count), len = dir + (uint64_t)item_count * item_len;
    const uint8_t *const bytes = payload;
    if (item_len % PIPC_ALIGNMENT != 0 || len > payload_len || len > UINT32_MAX)
        return NULL;
    return is_even(bytes, item_count, item_len, item_len) ? bytes + dir : NULL;
}

/* A valid directory of the kind that most batches have: one length, no gaps. False says nothing. */
static bool is_plainly_valid(const uint8_t *bytes, uint64_t area, uint32_t items)
{
    const uint32_t len = items ? pipci_load32(bytes + 4) : 0;
    const uint64_t stride = pipc_align8(len), last = (items - UINT64_C(1)) * stride;
    if (items == 0 || last + len > area || last > UINT32_MAX ||
        pipci_load32(bytes + directory_len(items - 1)) != last)
        return false;
    return is_even(bytes, items, (uint32_t)stride, len);
}

pipc_result pipci_batch_check(const void *payload, size_t payload_len, uint32_t item_count,
                              uint32_t *ret_uniform_len)
{
    const uint64_t dir = directory_len(item_count);
    *ret_uniform_len = 0;
    if (payload_len < dir)
        return PIPC_ERR_TRUNCATED;
    const uint8_t *const bytes = payload;
    if (is_plainly_valid(bytes, payload_len - dir, item_count)) {
        const uint32_t len = pipci_load32(bytes + 4);
        *ret_uniform_len = len % PIPC_ALIGNMENT ? 0 : len;
        return PIPC_OK;
    }
    for (uint32_t i = 0; i < item_count; i++) {
        uint64_t offset, len;
        const pipc_result result =
            check_entry(bytes + directory_len(i), payload_len - dir, &offset, &len);
        if (result != PIPC_OK)
            return result;
    }
    return PIPC_OK;
}

pipc_result pipc_batch_check(const void *payload, size_t payload_len, uint32_t item_count)
{
    uint32_t unused;
    return pipci_batch_check(payload, payload_len, item_count, &unused);
}
