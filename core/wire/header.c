/* SPDX-License-Identifier: Apache-2.0
 *
 * The outer header, first in every message (docs/level1-wire-envelope.md 2).
 *
 * Pure functions on bytes; any thread.
 */
#include "header.h"

size_t pipc_header_encode(const struct pipc_header *header, void *buf, size_t cap)
{
    if (cap < PIPC_HEADER_LEN)
        return 0;
    pipci_header_write(header, buf);
    return PIPC_HEADER_LEN;
}

pipc_result pipc_header_decode(const void *bytes, size_t len, struct pipc_header *ret_header)
{
    if (len < PIPC_HEADER_LEN)
        return PIPC_ERR_TRUNCATED;
    const struct pipc_header h = pipci_header_read(bytes);
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
