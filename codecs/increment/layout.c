/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of INCREMENT: eight of them, the same in both directions (docs/codec-increment.md 2 to
 * 4).
 *
 * Pure; any thread. Outputs are untouched on failure.
 */
#include "increment.h"

#include "../common/bytes.h"

pipc_result pipcm_increment_encode(uint64_t value, void *buf, size_t cap, size_t *ret_len)
{
    if (!ret_len || (!buf && cap > 0))
        return PIPC_ERR_BAD_PARAM;
    if (cap < PIPC_INCREMENT_LEN)
        return PIPC_ERR_OVERFLOW;
    bytes_put64(buf, value);
    *ret_len = PIPC_INCREMENT_LEN;
    return PIPC_OK;
}

pipc_result pipcm_increment_decode(const void *payload, size_t len, uint64_t *ret_value)
{
    if (!ret_value || bytes_bad_payload(payload, len))
        return PIPC_ERR_BAD_PARAM;
    if (len < PIPC_INCREMENT_LEN)
        return PIPC_ERR_TRUNCATED;
    *ret_value = bytes_get64(payload);
    return PIPC_OK;
}
