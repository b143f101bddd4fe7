/* SPDX-License-Identifier: Apache-2.0
 *
 * Choice of a data plane: what the modules can run on this connection, the selection rule of
 * wire 6.2, and the sentence that says afterwards why the first name of the list was not taken.
 * Used within one handshake, on its thread.
 */
#include "session.h"

#include <stdio.h>
#include <string.h>

static uint32_t first_bits(const struct pipci_service *service)
{
    return service->plane_count && service->planes[0].transport ? service->planes[0].transport->bits
                                                                : 0;
}

void pipci_choice_drop(struct pipci_choice *choice, uint32_t bits, const char *why)
{
    if ((choice->mask & bits & first_bits(choice->service)) && !choice->why[0])
        snprintf(choice->why, sizeof(choice->why), "%s", why[0] ? why : "it gave no reason");
    choice->mask &= ~bits;
}

static void ask_plane(struct pipci_choice *choice, uint32_t role, const struct pipci_transport *t,
                      uint64_t token, const struct pipc_endpoint *endpoint,
                      const struct pipc_carrier *carrier)
{
    const uint32_t bits = choice->mask & t->bits;
    struct pipc_usable answer = {.size = (uint32_t)sizeof(answer)};

    if (!bits)
        return;
    if (t->ops.usable(t->self, role, endpoint, carrier, token, bits, &answer) != PIPC_OK)
        answer.bits = 0;
    answer.reason[sizeof(answer.reason) - 1] = '\0';
    pipci_choice_drop(choice, bits & ~answer.bits, answer.reason);
}

void pipci_choice_begin(struct pipci_choice *choice, uint32_t role,
                        const struct pipci_service *service, const struct pipci_settings *settings,
                        const struct pipc_endpoint *endpoint, const struct pipc_carrier *carrier)
{
    choice->service = service;
    choice->mask = settings->supported;
    choice->why[0] = '\0';
    for (uint32_t i = 0; i < service->plane_count; i++) {
        const struct pipci_transport *const t = service->planes[i].transport;
        if (t && (t->ops.traits & PIPC_TRAIT_UPGRADE))
            ask_plane(choice, role, t, settings->token, endpoint, carrier);
    }
}

uint32_t pipci_select_bit(uint32_t common, uint32_t client_preferred, uint32_t server_preferred)
{
    uint32_t from = common & client_preferred & server_preferred;
    uint32_t bit = UINT32_C(0x80000000);

    if (!from)
        from = common;
    while (bit && !(from & bit))
        bit >>= 1;
    return bit;
}

const struct pipci_transport *pipci_plane_of(const struct pipci_service *service, uint32_t bit)
{
    for (uint32_t i = 0; i < service->plane_count; i++) {
        const struct pipci_transport *const t = service->planes[i].transport;
        if (t && (t->bits & bit) && (t->ops.traits & PIPC_TRAIT_UPGRADE))
            return t;
    }
    return NULL;
}

static const char *why_not(const struct pipci_choice *choice, const struct pipci_settings *settings,
                           const struct pipc_session *session, uint32_t bits)
{
    if (!choice->service->planes[0].transport)
        return choice->service->planes[0].reason;
    if (choice->why[0])
        return choice->why;
    if (!(settings->asked & bits))
        return "the caller's supported profiles leave it out";
    if (!(settings->supported & bits))
        return "it is withdrawn after a failed attempt";
    if (!(session->peer_profiles & bits))
        return "the other side does not offer it";
    return "both sides have it, but their common preference, or without one the highest bit, gave "
           "another";
}

void pipci_choice_explain(const struct pipci_choice *choice, const struct pipci_settings *settings,
                          struct pipc_session *session)
{
    const uint32_t bits = first_bits(choice->service);

    if (!choice->service->plane_count || (session->selected & bits))
        return;
    session->degraded = true;
    snprintf(session->passed_over, sizeof(session->passed_over), "%s",
             choice->service->planes[0].name);
    snprintf(session->passed_over_why, sizeof(session->passed_over_why), "%s",
             why_not(choice, settings, session, bits));
}
