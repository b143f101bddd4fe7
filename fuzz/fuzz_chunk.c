/* SPDX-License-Identifier: Apache-2.0
 *
 * The decoder of the chunk header, and the number of packets for whatever numbers it holds.
 */
#include "fuzz.h"

#include <pipc/wire.h>

#include <stdlib.h>
#include <string.h>

/* The count is the least that carries the rest. */
static void check_count(uint32_t payload_len, uint32_t first, uint32_t packet_size)
{
    const uint64_t count = pipc_chunk_count(payload_len, first, packet_size);
    if (packet_size <= PIPC_HEADER_LEN || first > payload_len) {
        if (count != 0)
            abort();
        return;
    }
    const uint64_t budget = packet_size - PIPC_HEADER_LEN, rest = payload_len - first;
    if (count == 0 || (count - 1) * budget < rest || (count > 1 && (count - 2) * budget >= rest))
        abort();
}

void fuzz_one(const uint8_t *data, size_t len)
{
    struct pipc_chunk chunk, before;
    uint8_t again[PIPC_HEADER_LEN];
    memset(&chunk, 0x5a, sizeof(chunk));
    before = chunk;
    if (pipc_chunk_decode(data, len, &chunk) != PIPC_OK) {
        if (memcmp(&chunk, &before, sizeof(chunk)) != 0)
            abort();
        return;
    }
    if (pipc_chunk_encode(&chunk, again, sizeof(again)) != PIPC_HEADER_LEN ||
        memcmp(again, data, PIPC_HEADER_LEN) != 0)
        abort();
    check_count(chunk.total_message_len, chunk.chunk_payload_len, chunk.chunk_count);
    check_count(chunk.chunk_payload_len, chunk.chunk_index, chunk.total_message_len);
}
