/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes for the tests of the envelope: see the header.
 */
#include "wire_bytes.h"

#include "test.h"

unsigned char *wire_block(const void *bytes, size_t len)
{
    unsigned char *block = malloc(len ? len : 1);
    CHECK(block != NULL);
    if (len == 0)
        return block + 1;
    memcpy(block, bytes, len);
    return block;
}

void wire_block_free(unsigned char *block, size_t len)
{
    free(len ? block : block - 1);
}

uint64_t wire_random_next(struct wire_random *r)
{
    uint64_t x = r->state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

void wire_random_bytes(struct wire_random *r, void *bytes, size_t len)
{
    unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++)
        at[i] = (unsigned char)wire_random_next(r);
}

void wire_need_little_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    if (first != 1)
        test_skip("the bytes are those of a little-endian host");
}
