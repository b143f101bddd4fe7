/* SPDX-License-Identifier: Apache-2.0
 *
 * One wrong field at a time: the fields of a packet, the values that are tried in each, and which
 * of them pass.
 *
 * No state; any thread.
 */
#ifndef PIPC_TESTS_PITFALLS_FIELDS_H
#define PIPC_TESTS_PITFALLS_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

/* In `others`: every value passes. */
#define FIELD_ANY UINT64_MAX

struct field {
    const char *name;
    unsigned offset, width; /* 2, 4 or 8 bytes */
    uint64_t right;
    uint64_t others[2]; /* pass, too */
};

#define FIELD_VALUES_MAX 68u

/* 0, 1, the largest, and the right value with each bit turned over; their number. */
unsigned field_values(const struct field *field, uint64_t values[FIELD_VALUES_MAX]);
bool field_passes(const struct field *field, uint64_t value);
/* Puts the value at its place in a packet, in the byte order of this machine. */
void field_put(uint8_t *packet, const struct field *field, uint64_t value);

#endif
