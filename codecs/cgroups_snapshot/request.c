/* SPDX-License-Identifier: Apache-2.0
 *
 * The request of CGROUPS_SNAPSHOT: four bytes, a version and flags that are zero
 * (docs/codec-cgroups-snapshot.md 2).
 *
 * Pure; any thread. Outputs are untouched on failure.
 */
#include "cgroups_snapshot.h"

#include "../common/bytes.h"

pipc_result pipcm_cgroups_snapshot_request_encode(void *buf, size_t cap, size_t *ret_len)
{
    if (!ret_len || (!buf && cap > 0))
        return PIPC_ERR_BAD_PARAM;
    if (cap < PIPC_CGROUPS_SNAPSHOT_REQ_LEN)
        return PIPC_ERR_OVERFLOW;
    unsigned char *out = buf;
    bytes_put16(out + HDR_LAYOUT_VERSION, SNAPSHOT_LAYOUT_VERSION);
    bytes_put16(out + HDR_FLAGS, 0);
    *ret_len = PIPC_CGROUPS_SNAPSHOT_REQ_LEN;
    return PIPC_OK;
}

pipc_result pipcm_cgroups_snapshot_request_decode(
    const void *payload, size_t len, struct pipc_cgroups_snapshot_request_view *ret_view)
{
    if (!ret_view || bytes_bad_payload(payload, len))
        return PIPC_ERR_BAD_PARAM;
    if (len < PIPC_CGROUPS_SNAPSHOT_REQ_LEN)
        return PIPC_ERR_TRUNCATED;
    const unsigned char *in = payload;
    if (bytes_get16(in + HDR_LAYOUT_VERSION) != SNAPSHOT_LAYOUT_VERSION)
        return PIPC_ERR_BAD_LAYOUT;
    if (bytes_get16(in + HDR_FLAGS) != 0)
        return PIPC_ERR_BAD_LAYOUT;
    ret_view->table = &pipcm_cgroups_snapshot_table;
    ret_view->layout_version = SNAPSHOT_LAYOUT_VERSION;
    ret_view->flags = 0;
    ret_view->reserved = 0;
    return PIPC_OK;
}
