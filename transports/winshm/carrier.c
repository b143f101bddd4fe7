/* SPDX-License-Identifier: Apache-2.0
 *
 * The connection beside the region: its end is the end of the session (9).
 *
 * A pipe shows its end behind everything that is unread, so packets that arrive there, and mean
 * nothing, are read and thrown away. Never blocks. The channel's thread.
 */
#include "winshm.h"

/* Packets that are thrown away in one go: a peer that writes on and on keeps nobody busy. */
#define STRAYS_MOST 16u

bool winshm_hung_up(const struct pipc_carrier *carrier)
{
    const struct pipc_wait now = {
        .size = (uint32_t)sizeof(now), .deadline_ns = PIPC_NOW, .abort = PIPC_NO_HANDLE};
    uint8_t stray[64];
    const struct pipc_piece piece = {stray, sizeof(stray)};
    uint32_t seen = carrier->ops->look(carrier->channel);

    for (uint32_t i = 0; seen == PIPC_LOOK_READABLE && i < STRAYS_MOST; i++) {
        struct pipc_received received = {.size = (uint32_t)sizeof(received)};
        const pipc_result result =
            carrier->ops->receive(carrier->channel, &piece, 1, &now, &received, NULL);
        if (result == PIPC_ERR_RECV || (result == PIPC_OK && (received.flags & PIPC_RECEIVED_END)))
            return true;
        seen = carrier->ops->look(carrier->channel);
    }
    return seen == PIPC_LOOK_GONE;
}
