/* SPDX-License-Identifier: Apache-2.0
 *
 * A small file on its way into memory: what the twins of the systems share.
 *
 * The length that a file claims is not trusted: the buffer grows with what comes. Any thread.
 */
#ifndef PIPCI_READING_H
#define PIPCI_READING_H

#include "platform.h"

/* Bytes of the first read: most files of configuration are shorter. */
#define PIPCI_READING_FIRST 4096u

struct pipci_reading {
    const struct pipc_allocator *a;
    const char *path;
    size_t max;
    char *bytes;
    size_t len;
    size_t cap; /* bytes that may be read; one more is there for the NUL */
};

/* Room for at least one byte more, but never for more than max + 1, which is enough to see that a
 * file is too long. */
static inline bool pipci_reading_grow(struct pipci_reading *r)
{
    if (r->len < r->cap)
        return true;
    size_t cap = r->cap ? r->cap * 2 : PIPCI_READING_FIRST;
    if (cap > r->max + 1)
        cap = r->max + 1;
    char *bytes = pipci_realloc(r->a, r->bytes, cap + 1);
    if (!bytes)
        return false;
    r->bytes = bytes;
    r->cap = cap;
    return true;
}

#endif
