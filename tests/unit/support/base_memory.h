/* SPDX-License-Identifier: Apache-2.0
 *
 * An allocator that counts, and that fails at the allocation of a given number.
 *
 * May be used by several threads at once.
 */
#ifndef PIPC_TESTS_BASE_MEMORY_H
#define PIPC_TESTS_BASE_MEMORY_H

#include <pipc/types.h>

struct base_memory {
    struct pipc_allocator allocator; /* give the address of this one to the library */
    uint64_t calls;                  /* of alloc and realloc */
    uint64_t fail_at;                /* this call fails, counted from 1; 0: none */
    uint64_t fail_all;               /* from fail_at on all calls fail */
    uint64_t live;                   /* blocks that are not freed */
    uint64_t zero_sizes;             /* calls with the size 0, which must not be */
};

void base_memory_init(struct base_memory *memory);

#endif
