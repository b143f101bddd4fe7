/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that is freed together: a chain of blocks, one per request.
 *
 * Loading and configuration happen once, so nothing is gained by packing requests. One thread at a
 * time.
 */
#include "arena.h"

#include <string.h>

struct pipci_arena_block {
    struct pipci_arena_block *next;
    max_align_t bytes[];
};

void *pipci_arena_alloc(struct pipci_arena *arena, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct pipci_arena_block))
        return NULL;
    struct pipci_arena_block *const block =
        pipci_zalloc(arena->allocator, sizeof(struct pipci_arena_block) + size);
    if (!block)
        return NULL;
    block->next = arena->blocks;
    arena->blocks = block;
    return block->bytes;
}

char *pipci_arena_text(struct pipci_arena *arena, const char *text, size_t len)
{
    char *const copy = pipci_arena_alloc(arena, len + 1);

    if (copy)
        memcpy(copy, text, len);
    return copy;
}

void pipci_arena_free(struct pipci_arena *arena)
{
    while (arena->blocks) {
        struct pipci_arena_block *const block = arena->blocks;
        arena->blocks = block->next;
        pipci_free(arena->allocator, block);
    }
}
