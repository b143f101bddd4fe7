/* SPDX-License-Identifier: Apache-2.0
 *
 * Which profiles this connection can have: those of the option, whose names fit. The handshake's
 * thread.
 */
#include "winshm.h"

#include <stdio.h>

static void say(struct pipc_usable *usable, const char *why)
{
    if (!usable->reason[0])
        (void)snprintf(usable->reason, sizeof(usable->reason), "%s", why);
}

pipc_result winshm_usable(void *self, uint32_t role, const struct pipc_endpoint *endpoint,
                          const struct pipc_carrier *carrier, uint64_t auth_token, uint32_t bits,
                          struct pipc_usable *ret_usable)
{
    const struct winshm_instance *const instance = self;
    uint32_t possible = 0;

    (void)role;
    (void)carrier;
    ret_usable->reason[0] = '\0';
    for (uint32_t bit = PIPC_PROFILE_SHM_HYBRID; bit <= PIPC_PROFILE_SHM_BUSYWAIT; bit <<= 1) {
        struct pipc_error why = PIPC_ERROR_INIT;
        struct winshm_name name;
        if (!(bits & bit))
            continue;
        if (!(instance->planes & bit))
            say(ret_usable, bit == PIPC_PROFILE_SHM_HYBRID
                                ? "winshm: the option planes leaves hybrid out"
                                : "winshm: the option planes leaves busywait out");
        else if (winshm_name_make(instance->host, endpoint, auth_token, bit, 0, &name, &why) !=
                 PIPC_OK)
            say(ret_usable, why.text);
        else
            possible |= bit;
    }
    ret_usable->bits = possible;
    return PIPC_OK;
}
