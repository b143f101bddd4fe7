/* SPDX-License-Identifier: Apache-2.0
 *
 * The floor of look-ups: a bare open-addressing table, as one writes it in an afternoon.
 *
 * It is a unit of its own, as a table of a program is, so that neither a length nor the loop around
 * a look-up is known where it is compiled. It keeps copies of the names, one behind the other: it
 * would be faster by half if it compared the asker's bytes with themselves, but nobody has such a
 * table. It trusts its keys: no seed, no duplicates. One thread at a time.
 */
#ifndef PIPC_BENCH_BARE_TABLE_H
#define PIPC_BENCH_BARE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct bare_table;

/* For so many keys with so many bytes altogether; at least half of its slots stay free. NULL: no
 * memory. */
struct bare_table *bare_table_new(uint32_t keys, size_t bytes);
/* The name must not be empty. */
void bare_table_add(struct bare_table *table, uint32_t hash, const char *name, uint32_t len);
/* The table's copy of the name; NULL: not there. */
const char *bare_table_get(const struct bare_table *table, uint32_t hash, const char *name,
                           size_t len);
void bare_table_free(struct bare_table *table);

#endif
