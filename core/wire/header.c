/* SPDX-License-Identifier: Apache-2.0
 *
 * The outer header, first in every message (docs/level1-wire-envelope.md 2).
 *
 * Pure functions on bytes; any thread.
 */
#include <pipc/wire.h>

#include "bytes.h"

size_t pipc_header_encode(const struct pipc_header *header, void *buf, size_t cap)
{
    if (cap < PIPC_HEADER_LEN)
        return 0;
    struct pipci_writer w = {buf};
    pipci_put32(&w, header->magic);
    pipci_put16(&w, header->version);
    pipci_put16(&w, header->header_len);
    pipci_put16(&w, header->kind);
    pipci_put16(&w, header->flags);
    pipci_put16(&w, header->code);
    pipci_put16(&w, header->transport_status);
    pipci_put32(&w, header->payload_len);
    pipci_put32(&w, header->item_count);
    pipci_put64(&w, header->message_id);
    return PIPC_HEADER_LEN;
}

static struct pipc_header read_header(const void *bytes)
{
    struct pipci_reader r = {bytes};
    struct pipc_header h;
    h.magic = pipci_get32(&r);
    h.version = pipci_get16(&r);
    h.header_len = pipci_get16(&r);
    h.kind = pipci_get16(&r);
    h.flags = pipci_get16(&r);
    h.code = pipci_get16(&r);
    h.transport_status = pipci_get16(&r);
    h.payload_len = pipci_get32(&r);
    h.item_count = pipci_get32(&r);
    h.message_id = pipci_get64(&r);
    return h;
}

pipc_result pipc_header_decode(const void *bytes, size_t len, struct pipc_header *ret_header)
{
    if (len < PIPC_HEADER_LEN)
        return PIPC_ERR_TRUNCATED;
    const struct pipc_header h = read_header(bytes);
    if (h.magic != PIPC_MAGIC)
        return PIPC_ERR_BAD_MAGIC;
    if (h.version != PIPC_WIRE_VERSION)
        return PIPC_ERR_BAD_VERSION;
    if (h.header_len != PIPC_HEADER_LEN)
        return PIPC_ERR_BAD_HEADER_LEN;
    if (h.kind < PIPC_KIND_REQUEST || h.kind > PIPC_KIND_CONTROL)
        return PIPC_ERR_BAD_KIND;
    *ret_header = h;
    return PIPC_OK;
}
