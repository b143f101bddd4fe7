/* SPDX-License-Identifier: Apache-2.0
 *
 * Extraction and validation of batches, on good and on hostile bytes.
 */
#include "test.h"

#include "wire_bytes.h"

#include <pipc/wire.h>

/* A payload of `count` entries and an area of `area` bytes, in a block of exactly its length. */
struct payload {
    unsigned char *bytes;
    size_t len;
    uint32_t count;
};

static struct payload make(uint32_t count, const uint32_t *entries, size_t area)
{
    unsigned char bytes[512] = {0};
    struct payload p = {.len = (size_t)count * 8 + area, .count = count};
    CHECK(p.len <= sizeof(bytes));
    memcpy(bytes, entries, (size_t)count * 8);
    for (size_t i = 0; i < area; i++)
        bytes[(size_t)count * 8 + i] = (unsigned char)(i + 1);
    p.bytes = wire_block(bytes, p.len);
    return p;
}

static void done(struct payload *p)
{
    wire_block_free(p->bytes, p->len);
}

/* Extracts; on failure the outputs must be as they were. */
static pipc_result extract(const struct payload *p, uint32_t index, size_t *ret_at, size_t *ret_len)
{
    const void *item = &extract;
    size_t len = 4711;
    const pipc_result result = pipc_batch_item(p->bytes, p->len, p->count, index, &item, &len);
    if (result != PIPC_OK) {
        CHECK(item == (const void *)&extract);
        CHECK_EQ(len, 4711);
        return result;
    }
    *ret_at = (size_t)((const unsigned char *)item - p->bytes) - (size_t)p->count * 8;
    *ret_len = len;
    return PIPC_OK;
}

/* The one entry (offset, length) before an area of `area` bytes: both readers must come to
 * `expected`. */
static void check_entry(uint32_t offset, uint32_t length, size_t area, pipc_result expected)
{
    const uint32_t entry[2] = {offset, length};
    size_t at = 0, len = 0;
    struct payload p = make(1, entry, area);
    CHECK_RESULT(pipc_batch_check(p.bytes, p.len, 1), expected);
    CHECK_RESULT(extract(&p, 0, &at, &len), expected);
    if (expected == PIPC_OK) {
        CHECK_EQ(at, offset);
        CHECK_EQ(len, length);
    }
    done(&p);
}

TEST(wire_batch, first_middle_and_last_item_are_extracted)
{
    const uint32_t entries[6] = {0, 3, 8, 8, 16, 5};
    struct payload p = make(3, entries, 24);
    for (uint32_t i = 0; i < 3; i++) {
        size_t at, len;
        CHECK_OK(extract(&p, i, &at, &len));
        CHECK_EQ(at, entries[2 * i]);
        CHECK_EQ(len, entries[2 * i + 1]);
    }
    done(&p);
}

TEST(wire_batch, an_index_at_or_above_the_count_is_out_of_bounds_before_all_else)
{
    const uint32_t entries[4] = {0, 8, 3, 8};
    size_t at, len;
    struct payload p = make(2, entries, 8);
    CHECK_RESULT(extract(&p, 2, &at, &len), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(extract(&p, 3, &at, &len), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(extract(&p, UINT32_MAX, &at, &len), PIPC_ERR_OUT_OF_BOUNDS);
    p.count = 0;
    CHECK_RESULT(extract(&p, 0, &at, &len), PIPC_ERR_OUT_OF_BOUNDS);
    p.count = UINT32_MAX;
    CHECK_RESULT(extract(&p, UINT32_MAX, &at, &len), PIPC_ERR_OUT_OF_BOUNDS);
    done(&p);
}

TEST(wire_batch, a_payload_shorter_than_the_directory_is_truncated)
{
    for (size_t len = 0; len < 16; len++) {
        const void *item;
        size_t item_len;
        unsigned char zeros[16] = {0}, *bytes = wire_block(zeros, len);
        CHECK_RESULT(pipc_batch_item(bytes, len, 2, 0, &item, &item_len), PIPC_ERR_TRUNCATED);
        CHECK_RESULT(pipc_batch_item(bytes, len, 2, 1, &item, &item_len), PIPC_ERR_TRUNCATED);
        CHECK_RESULT(pipc_batch_check(bytes, len, 2), PIPC_ERR_TRUNCATED);
        wire_block_free(bytes, len);
    }
}

TEST(wire_batch, an_offset_that_is_no_multiple_of_eight_is_refused_before_its_bounds)
{
    for (uint32_t offset = 1; offset < 8; offset++) {
        check_entry(offset, 1, 32, PIPC_ERR_BAD_ALIGNMENT);
        check_entry(offset, 4000, 32, PIPC_ERR_BAD_ALIGNMENT);
    }
    check_entry(8, 1, 32, PIPC_OK);
    check_entry(UINT32_MAX, UINT32_MAX, 32, PIPC_ERR_BAD_ALIGNMENT);
}

TEST(wire_batch, one_byte_over_the_area_is_out_of_bounds)
{
    check_entry(8, 8, 16, PIPC_OK);
    check_entry(8, 9, 16, PIPC_ERR_OUT_OF_BOUNDS);
    check_entry(8, 8, 15, PIPC_ERR_OUT_OF_BOUNDS);
    check_entry(0, 16, 16, PIPC_OK);
    check_entry(0, 17, 16, PIPC_ERR_OUT_OF_BOUNDS);
    check_entry(16, 1, 16, PIPC_ERR_OUT_OF_BOUNDS);
}

TEST(wire_batch, sums_that_wrap_in_32_bits_are_out_of_bounds)
{
    check_entry(0xfffffff8, 16, 16, PIPC_ERR_OUT_OF_BOUNDS);
    check_entry(0xfffffff8, 8, 16, PIPC_ERR_OUT_OF_BOUNDS);
    check_entry(0xfffffff8, UINT32_MAX, 16, PIPC_ERR_OUT_OF_BOUNDS);
    check_entry(8, UINT32_MAX, 16, PIPC_ERR_OUT_OF_BOUNDS);
    check_entry(8, UINT32_MAX - 7, 16, PIPC_ERR_OUT_OF_BOUNDS);
}

TEST(wire_batch, an_item_of_no_bytes_may_lie_at_the_end_but_not_beyond)
{
    check_entry(16, 0, 16, PIPC_OK);
    check_entry(0, 0, 0, PIPC_OK);
    check_entry(24, 0, 16, PIPC_ERR_OUT_OF_BOUNDS);
    check_entry(8, 0, 0, PIPC_ERR_OUT_OF_BOUNDS);
    check_entry(0xfffffff8, 0, 16, PIPC_ERR_OUT_OF_BOUNDS);
}

static void check_accepted(uint32_t count, const uint32_t *entries, size_t area)
{
    struct payload p = make(count, entries, area);
    CHECK_OK(pipc_batch_check(p.bytes, p.len, count));
    for (uint32_t i = 0; i < count; i++) {
        size_t at, len;
        CHECK_OK(extract(&p, i, &at, &len));
        CHECK_EQ(at, entries[2 * i]);
        CHECK_EQ(len, entries[2 * i + 1]);
    }
    done(&p);
}

TEST(wire_batch, overlaps_reversed_order_gaps_and_surplus_are_accepted)
{
    static const uint32_t overlap[] = {0, 16, 8, 16, 0, 24}, reversed[] = {16, 8, 8, 8, 0, 8},
                          gap[] = {0, 1, 24, 1}, same[] = {8, 4, 8, 4}, empty[] = {8, 0, 0, 0};
    check_accepted(3, overlap, 24);
    check_accepted(3, reversed, 24);
    check_accepted(2, gap, 25);
    check_accepted(2, same, 12);
    check_accepted(2, empty, 8);
    check_accepted(2, gap, 100);
}

TEST(wire_batch, no_entries_are_valid)
{
    CHECK_OK(pipc_batch_check(NULL, 0, 0));
    CHECK_OK(pipc_batch_check("abc", 3, 0));
}

TEST(wire_batch, the_first_faulty_entry_decides)
{
    const uint32_t entries[6] = {0, 8, 8, 400, 3, 1};
    struct payload p = make(3, entries, 16);
    size_t at, len;
    CHECK_RESULT(pipc_batch_check(p.bytes, p.len, 3), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_OK(extract(&p, 0, &at, &len));
    CHECK_RESULT(extract(&p, 1, &at, &len), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(extract(&p, 2, &at, &len), PIPC_ERR_BAD_ALIGNMENT);
    done(&p);
}

TEST(wire_batch, a_huge_directory_in_a_tiny_payload_is_refused_at_once)
{
    static const uint32_t counts[] = {UINT32_MAX, 0x20000000, 0x20000001, 0x80000000, 3};
    static const unsigned char zeros[16] = {0};
    unsigned char *bytes = wire_block(zeros, 16);
    const uint64_t start = test_now_ms();
    for (unsigned round = 0; round < 1000; round++) {
        for (size_t i = 0; i < 5; i++) {
            const void *item;
            size_t len;
            const uint64_t directory = (uint64_t)counts[i] * PIPC_BATCH_ENTRY_LEN;
            CHECK_RESULT(pipc_batch_check(bytes, 16, counts[i]), PIPC_ERR_TRUNCATED);
            CHECK_RESULT(pipc_batch_item(bytes, 16, counts[i], 0, &item, &len),
                         (size_t)directory == directory ? PIPC_ERR_TRUNCATED
                                                        : PIPC_ERR_BAD_ITEM_COUNT);
        }
    }
    CHECK(test_now_ms() - start < test_limit(1000));
    wire_block_free(bytes, 16);
}

TEST(wire_batch, padded_and_unpadded_ends_are_read)
{
    static const uint32_t entries[4] = {0, 3, 8, 11};
    check_accepted(2, entries, 19);
    check_accepted(2, entries, 24);
}

TEST(wire_batch, any_address_will_do)
{
    static const uint32_t entries[4] = {0, 3, 8, 11};
    struct payload p = make(2, entries, 24);
    unsigned char room[64];
    for (unsigned shift = 0; shift < 8; shift++) {
        const void *item;
        size_t len;
        memcpy(room + shift, p.bytes, p.len);
        CHECK_OK(pipc_batch_check(room + shift, p.len, 2));
        CHECK_OK(pipc_batch_item(room + shift, p.len, 2, 1, &item, &len));
        CHECK(item == room + shift + 24);
        CHECK_EQ(len, 11);
    }
    done(&p);
}

/* Validation and extraction never contradict each other. */
static void check_agreement(const unsigned char *bytes, size_t len, uint32_t count)
{
    pipc_result first = PIPC_OK;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count && first == PIPC_OK; i++) {
        const void *item = NULL;
        size_t item_len = 0;
        first = pipc_batch_item(bytes, len, count, i, &item, &item_len);
        for (size_t j = 0; first == PIPC_OK && j < item_len; j++)
            sum += ((const unsigned char *)item)[j];
    }
    if (count == 0)
        first = PIPC_OK;
    CHECK_RESULT(pipc_batch_check(bytes, len, count), first);
    CHECK(sum <= UINT64_C(255) * len * (count + 1));
}

TEST(wire_hostile, random_bytes_in_the_directory_readers)
{
    struct wire_random r = {4};
    const unsigned rounds = test_scale(2000);
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t len = 0; len <= 256; len++) {
            unsigned char bytes[256], *block;
            const uint32_t count = (uint32_t)(wire_random_next(&r) % (len / 8 + 2));
            wire_random_bytes(&r, bytes, len);
            /* Entries small and even enough to be right now and then. */
            for (size_t i = 0; round % 2 && i + 8 <= len && i < (size_t)count * 8; i += 8) {
                const uint32_t entry[2] = {(uint32_t)(wire_random_next(&r) % 16 * 8),
                                           (uint32_t)(wire_random_next(&r) % 32)};
                memcpy(bytes + i, entry, 8);
            }
            block = wire_block(bytes, len);
            check_agreement(block, len, count);
            wire_block_free(block, len);
        }
    }
}

TEST(wire_hostile, every_bit_flip_of_a_batch)
{
    static const uint32_t entries[6] = {0, 3, 8, 11, 24, 0};
    struct payload p = make(3, entries, 24);
    for (size_t bit = 0; bit < p.len * 8; bit++) {
        p.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        check_agreement(p.bytes, p.len, 3);
        p.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    CHECK_OK(pipc_batch_check(p.bytes, p.len, 3));
    done(&p);
}
