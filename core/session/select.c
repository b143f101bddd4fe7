/* SPDX-License-Identifier: Apache-2.0
 *
 * Choice of a data plane: what the modules can run on this connection, the selection rule of
 * wire 6.2, and the sentence that says afterwards why the first name of the list was not taken.
 * Used within one handshake, on its thread.
 */
#include "session.h"

#include <stdio.h>
#include <string.h>

static uint32_t bits_of(const struct pipci_service *service, uint32_t index)
{
    return index < service->plane_count && service->planes[index].transport
               ? service->planes[index].transport->bits
               : 0;
}

void pipci_choice_drop(struct pipci_choice *choice, uint32_t bits, const char *why)
{
    const uint32_t lost = choice->mask & bits;

    if (!why[0])
        why = "it gave no reason";
    if ((lost & bits_of(choice->service, 0)) && !choice->why[0])
        snprintf(choice->why, sizeof(choice->why), "%s", why);
    for (uint32_t i = 1; i < choice->service->plane_count; i++) {
        if ((lost & bits_of(choice->service, i)) && !choice->later_why[i][0])
            snprintf(choice->later_why[i], sizeof(choice->later_why[i]), "%s", why);
    }
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
    for (uint32_t i = 0; i < PIPCI_PLANES_MAX; i++)
        choice->later_why[i][0] = '\0';
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

/* Why no bit of a plane was selected. *ret_own: its module said it, in its own words. */
static const char *why_not(const struct pipci_choice *choice, const struct pipci_settings *settings,
                           const struct pipc_session *session, uint32_t index, bool *ret_own)
{
    const uint32_t bits = bits_of(choice->service, index);
    const char *const dropped = index == 0 ? choice->why : choice->later_why[index];

    *ret_own = choice->service->planes[index].transport && dropped[0];
    if (!choice->service->planes[index].transport)
        return choice->service->planes[index].reason;
    if (dropped[0])
        return dropped;
    if (!(settings->asked & bits))
        return "the caller's supported profiles leave it out";
    if (!(settings->supported & bits))
        return "it is withdrawn after a failed attempt";
    if (!(session->peer_profiles & bits))
        return "the other side does not offer it";
    return "both sides have it, but their common preference, or without one the highest bit, gave "
           "another";
}

static uint64_t hash_add(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return (hash ^ 0xff) * UINT64_C(1099511628211);
}

/* ", NAME passed over: WHY" for each name of the list before the plane in use. The hash is that of
 * what is the same for sessions alike: words of a module may name the session. */
static uint64_t list_passed_over(const struct pipci_choice *choice,
                                 const struct pipci_settings *settings,
                                 const struct pipc_session *session, char *text, size_t cap)
{
    uint64_t hash = hash_add(UINT64_C(14695981039346656037), session->plane->name);
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < choice->service->plane_count; i++) {
        bool own;
        if (session->selected & bits_of(choice->service, i))
            break;
        const char *const name = choice->service->planes[i].name;
        const char *const why = why_not(choice, settings, session, i, &own);
        if (used < cap)
            used += (size_t)snprintf(text + used, cap - used, ", %s passed over: %s", name, why);
        hash = hash_add(hash_add(hash, name), own && session->role == PIPC_ROLE_SERVER ? "" : why);
    }
    return hash;
}

/* A client's line comes when the outcome is another one than before. The clients of a server
 * differ, so that its line comes once for each outcome. */
static void log_outcome(const struct pipci_choice *choice, const struct pipci_settings *settings,
                        const char *service, const struct pipc_session *session)
{
    const bool server = session->role == PIPC_ROLE_SERVER;
    char text[384];

    if (!pipci_log_wants(session->context, PIPC_LOG_INFO) || (server && !session->degraded))
        return;
    const uint64_t outcome = list_passed_over(choice, settings, session, text, sizeof(text));
    const uint64_t what = session->degraded ? outcome : PIPCI_SAID_NOTHING;
    const uint64_t subject = hash_add((server ? outcome : 0) ^ settings->asked, service);
    if (pipci_context_said(session->context, subject, what) == what)
        return;
    pipci_log(session->context, PIPC_LOG_INFO, "%s of %s: messages go over %s (%s)%s",
              server ? "server" : "client", service, session->plane->name,
              session->plane->file ? session->plane->file : "built in", text);
}

void pipci_choice_explain(const struct pipci_choice *choice, const struct pipci_settings *settings,
                          const char *service, struct pipc_session *session)
{
    bool own;

    if (choice->service->plane_count && !(session->selected & bits_of(choice->service, 0))) {
        session->degraded = true;
        snprintf(session->passed_over, sizeof(session->passed_over), "%s",
                 choice->service->planes[0].name);
        snprintf(session->passed_over_why, sizeof(session->passed_over_why), "%s",
                 why_not(choice, settings, session, 0, &own));
    }
    log_outcome(choice, settings, service, session);
}
