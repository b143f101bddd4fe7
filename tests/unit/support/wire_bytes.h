/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes for the tests of the envelope: blocks of exactly their length, and repeatable random ones.
 */
#ifndef PIPC_TESTS_WIRE_BYTES_H
#define PIPC_TESTS_WIRE_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* A copy in a heap block of exactly `len` bytes; one of no bytes begins behind its block. */
unsigned char *wire_block(const void *bytes, size_t len);
void wire_block_free(unsigned char *block, size_t len);

/* Repeatable random bytes (splitmix64). */
struct wire_random {
    uint64_t state;
};
uint64_t wire_random_next(struct wire_random *r);
void wire_random_bytes(struct wire_random *r, void *bytes, size_t len);

/* Skips the test on a host of the other byte order. */
void wire_need_little_endian(void);

#endif
