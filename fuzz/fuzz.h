/* SPDX-License-Identifier: Apache-2.0
 *
 * A fuzz target is one file with this function. It must be deterministic, must free all that it
 * takes, and calls abort() when a property does not hold.
 */
#ifndef PIPC_FUZZ_H
#define PIPC_FUZZ_H

#include <stddef.h>
#include <stdint.h>

void fuzz_one(const uint8_t *data, size_t len);

/* Keeps a value alive, so that no optimiser drops the reads that made it. */
static inline void fuzz_use(uint64_t value)
{
    __asm__ volatile("" : : "r"(value) : "memory");
}

#endif
