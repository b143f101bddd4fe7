/* SPDX-License-Identifier: Apache-2.0
 *
 * The decoder of the outer header: what is accepted is encoded to the same bytes, what is refused
 * leaves no trace.
 */
#include "fuzz.h"

#include <pipc/wire.h>

#include <stdlib.h>
#include <string.h>

void fuzz_one(const uint8_t *data, size_t len)
{
    struct pipc_header header, before;
    uint8_t again[PIPC_HEADER_LEN];
    memset(&header, 0x5a, sizeof(header));
    before = header;
    if (pipc_header_decode(data, len, &header) != PIPC_OK) {
        if (memcmp(&header, &before, sizeof(header)) != 0)
            abort();
        return;
    }
    if (pipc_header_encode(&header, again, sizeof(again)) != PIPC_HEADER_LEN ||
        memcmp(again, data, PIPC_HEADER_LEN) != 0)
        abort();
}
