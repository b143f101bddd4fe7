/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of INI text (docs/config.md 1): lines to sections, keys and values, and nothing else.
 *
 * Pure: allocates nothing, knows no key, never reads outside its bytes. Any thread, never blocks.
 */
#ifndef PIPCI_INI_H
#define PIPCI_INI_H

#include "../base/base.h"

#define PIPCI_INI_LINE_MAX 4095u
#define PIPCI_INI_TEXT_MAX (UINT32_C(1) << 20)

/* One line that says something. The texts borrow, are not terminated, and have no NUL inside. */
struct pipci_ini_line {
    uint32_t number; /* from 1 */
    uint32_t reserved;
    const char *section;
    size_t section_len;
    const char *key; /* NULL: the line of the section itself */
    size_t key_len;
    const char *value;
    size_t value_len;
};

/* Another result than PIPC_OK ends the reading, which returns it. */
typedef pipc_result (*pipci_ini_fn)(void *arg, const struct pipci_ini_line *line,
                                    struct pipc_error *err);

/* Calls `found` for each such line. PIPC_ERR_CONFIG with origin, line and what is wrong. */
pipc_result pipci_ini_read(const char *text, size_t len, const char *origin, void *arg,
                           pipci_ini_fn found, struct pipc_error *err);

#endif
