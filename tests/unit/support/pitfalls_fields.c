/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of fields that are wrong one at a time.
 */
#include "pitfalls_fields.h"

#include <string.h>

unsigned field_values(const struct field *field, uint64_t values[FIELD_VALUES_MAX])
{
    const unsigned bits = field->width * 8;
    unsigned count = 0;

    values[count++] = 0;
    values[count++] = 1;
    values[count++] = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    for (unsigned bit = 0; bit < bits; bit++)
        values[count++] = field->right ^ (UINT64_C(1) << bit);
    return count;
}

bool field_passes(const struct field *field, uint64_t value)
{
    return value == field->right || field->others[0] == FIELD_ANY || field->others[0] == value ||
           field->others[1] == value;
}

void field_put(uint8_t *packet, const struct field *field, uint64_t value)
{
    const uint16_t two = (uint16_t)value;
    const uint32_t four = (uint32_t)value;

    if (field->width == 2)
        memcpy(packet + field->offset, &two, sizeof(two));
    else if (field->width == 4)
        memcpy(packet + field->offset, &four, sizeof(four));
    else
        memcpy(packet + field->offset, &value, sizeof(value));
}
