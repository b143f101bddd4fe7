/* SPDX-License-Identifier: Apache-2.0
 *
 * The bare table (bare_table.h): linear probing over slots of 16 bytes, hash before length before
 * bytes.
 */
#include "bare_table.h"

#include <stdlib.h>
#include <string.h>

struct slot {
    uint32_t hash, len; /* length 0: free */
    const char *name;
};

struct bare_table {
    struct slot *slots;
    uint32_t mask;
    char *names, *names_end;
};

struct bare_table *bare_table_new(uint32_t keys, size_t bytes)
{
    struct bare_table *table = calloc(1, sizeof(*table));
    size_t slots = 2;

    if (!table)
        return NULL;
    while (slots < 2 * (size_t)keys)
        slots *= 2;
    table->mask = (uint32_t)(slots - 1);
    table->slots = calloc(slots, sizeof(*table->slots));
    table->names = table->names_end = malloc(bytes + 1);
    if (table->slots && table->names)
        return table;
    bare_table_free(table);
    return NULL;
}

void bare_table_free(struct bare_table *table)
{
    if (!table)
        return;
    free(table->slots);
    free(table->names);
    free(table);
}

static uint32_t start_of(const struct bare_table *table, uint32_t hash)
{
    return (uint32_t)((uint64_t)hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) & table->mask;
}

void bare_table_add(struct bare_table *table, uint32_t hash, const char *name, uint32_t len)
{
    uint32_t at = start_of(table, hash);

    while (table->slots[at].len)
        at = (at + 1) & table->mask;
    memcpy(table->names_end, name, len);
    table->slots[at] = (struct slot){hash, len, table->names_end};
    table->names_end += len;
}

const char *bare_table_get(const struct bare_table *table, uint32_t hash, const char *name,
                           size_t len)
{
    uint32_t at = start_of(table, hash);

    for (; table->slots[at].len; at = (at + 1) & table->mask) {
        const struct slot *slot = &table->slots[at];
        if (slot->hash == hash && slot->len == len && memcmp(slot->name, name, len) == 0)
            return slot->name;
    }
    return NULL;
}
