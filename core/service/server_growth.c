/* SPDX-License-Identifier: Apache-2.0
 *
 * Growth of the response limit (docs/level2-typed-api.md 10.8).
 *
 * Sessions raise the value concurrently; it is never lowered and a session keeps what its handshake
 * agreed on. Any thread.
 */
#include "server.h"

void pipci_response_limit_raise(struct pipc_server *server, uint32_t limit, uint64_t needed)
{
    const uint32_t doubled = pipci_grow((uint64_t)limit * 2, server->growth_ceiling);
    const uint32_t known = pipci_grow(needed, server->growth_ceiling);
    const uint32_t wanted = doubled > known ? doubled : known;
    uint32_t now = __atomic_load_n(&server->response_limit, __ATOMIC_RELAXED);
    while (now < wanted &&
           !__atomic_compare_exchange_n(&server->response_limit, &now, wanted, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}
