/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of the core: every allocation goes through the allocator of a context.
 *
 * A NULL allocator means malloc and friends. Any thread, as far as the allocator itself allows.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

static void *default_alloc(void *arg, size_t size)
{
    (void)arg;
    return malloc(size);
}

static void *default_realloc(void *arg, void *ptr, size_t size)
{
    (void)arg;
    return realloc(ptr, size);
}

static void default_free(void *arg, void *ptr)
{
    (void)arg;
    free(ptr);
}

const struct pipc_allocator pipci_default_allocator = {
    .size = sizeof(struct pipc_allocator),
    .alloc = default_alloc,
    .realloc = default_realloc,
    .free = default_free,
};

static const struct pipc_allocator *pick(const struct pipc_allocator *a)
{
    return a ? a : &pipci_default_allocator;
}

void *pipci_alloc(const struct pipc_allocator *a, size_t size)
{
    a = pick(a);
    /* Allocators are promised that they never see the size 0. */
    return a->alloc(a->arg, size ? size : 1);
}

void *pipci_zalloc(const struct pipc_allocator *a, size_t size)
{
    void *ptr = pipci_alloc(a, size);
    if (ptr)
        memset(ptr, 0, size);
    return ptr;
}

void *pipci_realloc(const struct pipc_allocator *a, void *ptr, size_t size)
{
    if (!ptr)
        return pipci_alloc(a, size);
    a = pick(a);
    return a->realloc(a->arg, ptr, size ? size : 1);
}

void pipci_free(const struct pipc_allocator *a, void *ptr)
{
    if (!ptr)
        return;
    a = pick(a);
    a->free(a->arg, ptr);
}

char *pipci_strdup(const struct pipc_allocator *a, const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = pipci_alloc(a, size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}
