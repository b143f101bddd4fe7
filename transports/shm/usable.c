/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether this connection can have a region at all: its name fits, and the other side is one that a
 * region may be shared with (6.1). Decided before the handshake proposes or selects anything,
 * because existing servers never get rid of a session whose client failed to attach. The
 * handshake's thread.
 */
#include "shm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Mapping a file gives its owner the power to end this process; a region of ours can be opened by
 * our own user and by root. */
static bool peer_is_acceptable(const struct shm_instance *instance, uint32_t role,
                               const struct pipc_carrier *carrier, struct pipc_usable *usable)
{
    const char *const other = role == PIPC_ROLE_CLIENT ? "server" : "client";
    struct pipc_peer peer = {.size = (uint32_t)sizeof(peer)};

    if (role == PIPC_ROLE_CLIENT && instance->foreign_owners)
        return true;
    if (carrier->ops->peer(carrier->channel, &peer) != PIPC_OK || !(peer.known & PIPC_PEER_UID)) {
        (void)snprintf(usable->reason, sizeof(usable->reason),
                       "shm: the system does not tell which user the %s is", other);
        return false;
    }
    if (peer.uid == 0 || peer.uid == (uint32_t)geteuid())
        return true;
    (void)snprintf(usable->reason, sizeof(usable->reason),
                   "shm: the %s is user %u, neither root nor the own user %u", other,
                   (unsigned)peer.uid, (unsigned)geteuid());
    return false;
}

pipc_result shm_usable(void *self, uint32_t role, const struct pipc_endpoint *endpoint,
                       const struct pipc_carrier *carrier, uint64_t auth_token, uint32_t bits,
                       struct pipc_usable *ret_usable)
{
    const struct shm_instance *instance = self;
    struct pipc_error why = PIPC_ERROR_INIT;
    struct shm_name name;

    (void)auth_token;
    ret_usable->bits = 0;
    ret_usable->reason[0] = '\0';
    if (!__atomic_always_lock_free(sizeof(shm_seq), 0)) {
        (void)snprintf(ret_usable->reason, sizeof(ret_usable->reason),
                       "shm: this processor has no atomic operations on 64 bits");
        return PIPC_OK;
    }
    if (shm_name_make(instance->host, endpoint, 0, &name, &why) != PIPC_OK)
        memcpy(ret_usable->reason, why.text, sizeof(ret_usable->reason));
    else if (peer_is_acceptable(instance, role, carrier, ret_usable))
        ret_usable->bits = bits & SHM_BITS;
    return PIPC_OK;
}
