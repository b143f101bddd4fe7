/* SPDX-License-Identifier: Apache-2.0
 *
 * The outer header between bytes and its struct, without a check, in place: a call for each would
 * cost more than the moves. Pure; any thread.
 */
#ifndef PIPCI_WIRE_HEADER_H
#define PIPCI_WIRE_HEADER_H

#include "bytes.h"

#include <pipc/wire.h>

/* `bytes` has PIPC_HEADER_LEN of them. */
static inline struct pipc_header pipci_header_read(const void *bytes)
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

/* `bytes` has room for PIPC_HEADER_LEN of them. */
static inline void pipci_header_write(const struct pipc_header *header, void *bytes)
{
    struct pipci_writer w = {bytes};
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
}

#endif
