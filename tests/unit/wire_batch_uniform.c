/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches whose items have one length: the bytes are those of the builder, and nothing but such a
 * directory is taken for one.
 */
#include "test.h"

#include <pipc/wire.h>

#define ITEMS_MAX 40u

static uint8_t value_of(size_t at)
{
    return (uint8_t)(at * 7 + 3);
}

/* The batch as the builder for items of any length makes it. */
static size_t build(uint8_t *buf, size_t cap, uint32_t count, uint32_t item_len)
{
    struct pipc_batch_builder builder;
    uint8_t item[64];

    pipc_batch_begin(&builder, buf, cap, count);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < item_len; k++)
            item[k] = value_of(i * item_len + k);
        CHECK_OK(pipc_batch_add(&builder, item, item_len));
    }
    return pipc_batch_finish(&builder);
}

static size_t build_at_once(uint8_t *buf, size_t cap, uint32_t count, uint32_t item_len)
{
    void *items = NULL;
    const size_t len = pipc_batch_uniform_begin(buf, cap, count, item_len, &items);

    CHECK(len > 0);
    for (size_t k = 0; k < (size_t)count * item_len; k++)
        ((uint8_t *)items)[k] = value_of(k);
    return len;
}

TEST(wire_batch_uniform, bytes_are_those_of_the_builder)
{
    static const uint32_t lengths[] = {8, 16, 24, 64};
    uint8_t one[ITEMS_MAX * 72], all[ITEMS_MAX * 72];

    for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
        for (uint32_t count = 1; count <= ITEMS_MAX; count++) {
            memset(one, 0xff, sizeof(one));
            memset(all, 0xff, sizeof(all));
            const size_t len = build(one, sizeof(one), count, lengths[k]);
            CHECK_EQ(build_at_once(all, len, count, lengths[k]), len);
            CHECK_MEM(all, one, sizeof(one));
            const uint8_t *const items = pipc_batch_uniform_items(one, len, count, lengths[k]);
            CHECK(items == one + count * 8);
            CHECK_OK(pipc_batch_check(one, len, count));
        }
    }
}

TEST(wire_batch_uniform, what_does_not_fit_is_not_begun_and_nothing_is_written)
{
    uint8_t buf[64];
    void *items = buf;

    memset(buf, 0xa5, sizeof(buf));
    CHECK_EQ(pipc_batch_uniform_begin(buf, 47, 3, 8, &items), 0);
    CHECK_EQ(pipc_batch_uniform_begin(buf, sizeof(buf), 3, 12, &items), 0);
    CHECK_EQ(pipc_batch_uniform_begin(buf, SIZE_MAX, UINT32_MAX, 8, &items), 0);
    CHECK_EQ(pipc_batch_uniform_begin(buf, SIZE_MAX, 0x10000000u, 8, &items), 0);
    CHECK(items == buf);
    for (size_t i = 0; i < sizeof(buf); i++)
        CHECK_EQ(buf[i], 0xa5);
    CHECK_EQ(pipc_batch_uniform_begin(buf, 48, 3, 8, &items), 48);
}

TEST(wire_batch_uniform, any_other_directory_is_none)
{
    uint8_t buf[ITEMS_MAX * 16];
    const uint32_t count = 5;
    const size_t len = build_at_once(buf, sizeof(buf), count, 8);

    for (size_t bit = 0; bit < (size_t)count * 64; bit++) {
        buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(pipc_batch_uniform_items(buf, len, count, 8) == NULL);
        buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK(pipc_batch_uniform_items(buf, len, count, 8) != NULL);
    CHECK(pipc_batch_uniform_items(buf, len - 1, count, 8) == NULL);
    CHECK(pipc_batch_uniform_items(buf, len, count, 16) == NULL);
    CHECK(pipc_batch_uniform_items(buf, len, count, 4) == NULL);
    CHECK(pipc_batch_uniform_items(buf, len, count + 1, 8) == NULL);
    CHECK(pipc_batch_uniform_items(buf, len, UINT32_MAX, 8) == NULL);
    CHECK(pipc_batch_uniform_items(buf, len, 0x20000000u, 8) == NULL);
}

TEST(wire_batch_uniform, check_of_even_directories_agrees_with_that_of_each_item)
{
    uint8_t buf[ITEMS_MAX * 72];

    for (uint32_t item_len = 0; item_len <= 17; item_len++) {
        for (uint32_t count = 1; count <= 9; count++) {
            const size_t whole = build(buf, sizeof(buf), count, item_len);
            for (size_t len = count * 8u; len <= whole; len++) {
                pipc_result expected = PIPC_OK;
                for (uint32_t i = 0; i < count && expected == PIPC_OK; i++) {
                    const void *item = NULL;
                    size_t n = 0;
                    expected = pipc_batch_item(buf, len, count, i, &item, &n);
                }
                CHECK_RESULT(pipc_batch_check(buf, len, count), expected);
            }
        }
    }
}
