/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that is freed together: what one module's instance, or the configuration of a context, is
 * made of.
 *
 * An arena is used by one thread at a time. What it gave stays where it is until the whole arena is
 * freed.
 */
#ifndef PIPCI_ARENA_H
#define PIPCI_ARENA_H

#include "../base/base.h"

struct pipci_arena_block;

struct pipci_arena {
    const struct pipc_allocator *allocator;
    struct pipci_arena_block *blocks;
};

/* Cleared memory; NULL when there is none. */
void *pipci_arena_alloc(struct pipci_arena *arena, size_t size);
char *pipci_arena_text(struct pipci_arena *arena, const char *text, size_t len);
void pipci_arena_free(struct pipci_arena *arena);

#endif
