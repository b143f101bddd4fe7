/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes that the next HELLO proposes: they grow when something did not fit, up to the growth
 * ceiling, and fall back when the server refuses them (docs/level2-typed-api.md 6.5).
 *
 * Pure arithmetic on the client, on its owner's thread.
 */
#include "client.h"

#define GROWTH_MAX UINT32_C(0x80000000)

uint32_t pipci_grow(uint64_t n, uint32_t ceiling)
{
    uint32_t size = PIPC_PAYLOAD_GROWTH_MIN;

    while (size < n && size < GROWTH_MAX) {
        size *= 2;
    }
    return size < ceiling ? size : ceiling;
}

void pipci_client_grow_request(struct pipc_client *client, uint64_t n)
{
    const uint32_t wanted = pipci_grow(n, client->growth_ceiling);

    if (wanted > client->request_proposal) {
        client->request_proposal = wanted;
    }
}

void pipci_client_grow_response(struct pipc_client *client)
{
    const uint32_t wanted =
        pipci_grow((uint64_t)client->response_limit * 2, client->growth_ceiling);

    if (wanted > client->response_hint) {
        client->response_hint = wanted;
    }
}

void pipci_client_proposal_refused(struct pipc_client *client)
{
    if (client->request_proposal > client->accepted_request) {
        client->request_proposal = client->accepted_request;
    } else if (client->request_proposal > client->configured_request) {
        /* What another server once accepted must not lock out of one that takes less. */
        client->request_proposal = client->configured_request;
    }
}
