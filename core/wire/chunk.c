/* SPDX-License-Identifier: Apache-2.0
 *
 * The header of every packet of a message but the first, and how many packets a message has
 * (docs/level1-wire-envelope.md 4).
 *
 * Only the structure is judged here; the session compares a chunk with the message that it belongs
 * to. Pure functions on bytes; any thread.
 */
#include <pipc/wire.h>

#include "bytes.h"

size_t pipc_chunk_encode(const struct pipc_chunk *chunk, void *buf, size_t cap)
{
    if (cap < PIPC_HEADER_LEN)
        return 0;
    struct pipci_writer w = {buf};
    pipci_put32(&w, chunk->magic);
    pipci_put16(&w, chunk->version);
    pipci_put16(&w, chunk->flags);
    pipci_put64(&w, chunk->message_id);
    pipci_put32(&w, chunk->total_message_len);
    pipci_put32(&w, chunk->chunk_index);
    pipci_put32(&w, chunk->chunk_count);
    pipci_put32(&w, chunk->chunk_payload_len);
    return PIPC_HEADER_LEN;
}

static struct pipc_chunk read_chunk(const void *bytes)
{
    struct pipci_reader r = {bytes};
    struct pipc_chunk c;
    c.magic = pipci_get32(&r);
    c.version = pipci_get16(&r);
    c.flags = pipci_get16(&r);
    c.message_id = pipci_get64(&r);
    c.total_message_len = pipci_get32(&r);
    c.chunk_index = pipci_get32(&r);
    c.chunk_count = pipci_get32(&r);
    c.chunk_payload_len = pipci_get32(&r);
    return c;
}

pipc_result pipc_chunk_decode(const void *bytes, size_t len, struct pipc_chunk *ret_chunk)
{
    if (len < PIPC_HEADER_LEN)
        return PIPC_ERR_TRUNCATED;
    const struct pipc_chunk c = read_chunk(bytes);
    if (c.magic != PIPC_CHUNK_MAGIC)
        return PIPC_ERR_BAD_MAGIC;
    if (c.version != PIPC_WIRE_VERSION)
        return PIPC_ERR_BAD_VERSION;
    if (c.flags != 0 || c.chunk_payload_len == 0)
        return PIPC_ERR_BAD_LAYOUT;
    *ret_chunk = c;
    return PIPC_OK;
}

uint64_t pipc_chunk_count(uint32_t payload_len, uint32_t first, uint32_t packet_size)
{
    if (packet_size <= PIPC_HEADER_LEN || first > payload_len)
        return 0;
    const uint64_t budget = packet_size - PIPC_HEADER_LEN;
    const uint64_t rest = payload_len - first;
    return 1 + rest / budget + (rest % budget != 0);
}
