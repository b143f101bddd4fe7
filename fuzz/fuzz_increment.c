/* SPDX-License-Identifier: Apache-2.0
 *
 * INCREMENT: every payload of 8 bytes or more is a number, and encodes to its first 8 bytes again.
 */
#include "fuzz.h"

#include <pipc/codecs/increment.h>

#include <stdlib.h>
#include <string.h>

void fuzz_one(const uint8_t *data, size_t len)
{
    const struct pipc_increment_table *table = pipc_increment_linked();
    const struct pipc_codec_ops *ops = (const struct pipc_codec_ops *)pipc_module_increment.ops;
    unsigned char again[PIPC_INCREMENT_LEN];
    uint64_t value = 0;
    size_t again_len = 0;
    const pipc_result r = pipc_increment_decode(table, data, len, &value);
    if (r != (len < PIPC_INCREMENT_LEN ? PIPC_ERR_TRUNCATED : PIPC_OK) ||
        ops->check_request(data, len) != r)
        abort();
    if (r != PIPC_OK)
        return;
    if (pipc_increment_encode(table, value, again, sizeof(again), &again_len) != PIPC_OK ||
        again_len != PIPC_INCREMENT_LEN || memcmp(again, data, again_len) != 0)
        abort();
}
