/* SPDX-License-Identifier: Apache-2.0
 *
 * An allocator that counts and fails: see the header.
 */
#include "base_memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool fails(struct base_memory *m, size_t size)
{
    const uint64_t call = __atomic_add_fetch(&m->calls, 1, __ATOMIC_RELAXED);
    if (size == 0)
        __atomic_add_fetch(&m->zero_sizes, 1, __ATOMIC_RELAXED);
    const uint64_t at = __atomic_load_n(&m->fail_at, __ATOMIC_RELAXED);
    if (at == 0)
        return false;
    return call == at || (__atomic_load_n(&m->fail_all, __ATOMIC_RELAXED) && call > at);
}

static void *take(void *arg, size_t size)
{
    struct base_memory *m = arg;
    void *ptr = fails(m, size) ? NULL : malloc(size);
    if (ptr)
        __atomic_add_fetch(&m->live, 1, __ATOMIC_RELAXED);
    return ptr;
}

static void *resize(void *arg, void *ptr, size_t size)
{
    struct base_memory *m = arg;
    if (fails(m, size))
        return NULL;
    void *moved = realloc(ptr, size);
    if (moved && !ptr)
        __atomic_add_fetch(&m->live, 1, __ATOMIC_RELAXED);
    return moved;
}

static void give(void *arg, void *ptr)
{
    struct base_memory *m = arg;
    if (ptr)
        __atomic_sub_fetch(&m->live, 1, __ATOMIC_RELAXED);
    free(ptr);
}

void base_memory_init(struct base_memory *memory)
{
    memset(memory, 0, sizeof(*memory));
    memory->allocator = (struct pipc_allocator){
        .size = sizeof(memory->allocator),
        .arg = memory,
        .alloc = take,
        .realloc = resize,
        .free = give,
    };
}
