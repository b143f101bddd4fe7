/* SPDX-License-Identifier: Apache-2.0
 *
 * The batch directory. The first four bytes are the item count of the outer header, the others the
 * payload.
 *
 * Validation and extraction agree, no item leaves the payload, and a batch built anew of the items
 * has the same items.
 */
#include "fuzz.h"

#include <pipc/wire.h>

#include <stdlib.h>
#include <string.h>

/* Items may overlap, so that their sum is far above the input. */
#define REBUILD_MAX ((size_t)256 * 1024)

struct items {
    const uint8_t *payload;
    size_t len;
    uint32_t count;
};

/* The first fault in the order of the entries; sums the bytes of the items. */
static pipc_result extract_all(const struct items *in, uint64_t *ret_sum)
{
    for (uint32_t i = 0; i < in->count; i++) {
        const void *item = NULL;
        size_t len = 0;
        const pipc_result result = pipc_batch_item(in->payload, in->len, in->count, i, &item, &len);
        if (result != PIPC_OK)
            return result;
        const uint8_t *const at = item;
        if (at < in->payload || len > in->len || at + len > in->payload + in->len)
            abort();
        for (size_t j = 0; j < len && *ret_sum < REBUILD_MAX; j++)
            fuzz_use(at[j]);
        *ret_sum += pipc_align8(len);
    }
    return PIPC_OK;
}

static void check_same(const struct items *in, const uint8_t *built, size_t built_len)
{
    if (in->count > 0 && pipc_batch_check(built, built_len, in->count) != PIPC_OK)
        abort();
    for (uint32_t i = 0; i < in->count; i++) {
        const void *a = NULL, *b = NULL;
        size_t a_len = 0, b_len = 0;
        if (pipc_batch_item(in->payload, in->len, in->count, i, &a, &a_len) != PIPC_OK ||
            pipc_batch_item(built, built_len, in->count, i, &b, &b_len) != PIPC_OK ||
            a_len != b_len || memcmp(a, b, a_len) != 0)
            abort();
    }
}

/* Into a buffer of exactly the size, and of a directory larger than needed. */
static void rebuild(const struct items *in, uint64_t sum, uint32_t spare)
{
    const size_t cap = ((size_t)in->count + spare) * 8 + (size_t)sum;
    uint8_t *buf = malloc(cap ? cap : 1);
    struct pipc_batch_builder builder;
    if (!buf)
        abort();
    memset(buf, 0xff, cap);
    pipc_batch_begin(&builder, buf, cap, in->count + spare);
    for (uint32_t i = 0; i < in->count; i++) {
        const void *item = NULL;
        size_t len = 0;
        if (pipc_batch_item(in->payload, in->len, in->count, i, &item, &len) != PIPC_OK ||
            pipc_batch_add(&builder, item, len) != PIPC_OK)
            abort();
    }
    const size_t len = pipc_batch_finish(&builder);
    if (builder.count != in->count || len != (size_t)in->count * 8 + sum)
        abort();
    check_same(in, buf, len);
    free(buf);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    struct items in = {.len = len - 4};
    uint64_t sum = 0;
    if (len < 4)
        return;
    memcpy(&in.count, data, 4);
    in.payload = data + 4;
    const pipc_result verdict = pipc_batch_check(in.payload, in.len, in.count);
    if (extract_all(&in, &sum) != verdict)
        abort();
    if (verdict != PIPC_OK || sum > REBUILD_MAX)
        return;
    rebuild(&in, sum, 0);
    rebuild(&in, sum, 3);
}
