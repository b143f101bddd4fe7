/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's side of bringing up a session: objects of its own, complete before the client can
 * hear of them (4). The handshake's thread.
 */
#include "winshm.h"

static pipc_result make_objects(struct winshm_channel *channel,
                                const struct pipc_upgrade_request *request, DWORD *ret_code,
                                struct pipc_error *err)
{
    const struct pipc_host *const host = channel->instance->host;
    struct winshm_header header;
    uint64_t size = 0;
    pipc_result result;

    if (!winshm_layout(request->bit, request->max_request_bytes, request->max_response_bytes,
                       &header, &size))
        return winshm_fail(host, err, PIPC_ERR_BAD_PARAM, 0,
                           "%s: a region for %u and %u bytes is larger than one can be",
                           channel->name.text, (unsigned)request->max_request_bytes,
                           (unsigned)request->max_response_bytes);
    if (size > request->room_bytes)
        return winshm_fail(host, err, PIPC_ERR_REGION_ALLOCATE, 0,
                           "%s: a region of %u bytes is above what is left for regions",
                           channel->name.text, (unsigned)size);
    result = winshm_region_make(channel, &header, size, ret_code, err);
    if (result == PIPC_OK)
        winshm_channel_bind(channel, &header);
    return result;
}

pipc_result winshm_offer(void *self, const struct pipc_endpoint *endpoint,
                         const struct pipc_carrier *carrier,
                         const struct pipc_upgrade_request *request, void **ret_channel,
                         struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    struct winshm_channel *channel = NULL;
    DWORD code = 0;
    pipc_result result =
        winshm_channel_make(self, PIPC_ROLE_SERVER, endpoint, carrier, request, &channel, err);

    if (result == PIPC_OK)
        result = make_objects(channel, request, &code, err);
    if (result == PIPC_OK) {
        *ret_channel = channel;
        return PIPC_OK;
    }
    winshm_close(channel, 0);
    ret_failure->bits =
        result == PIPC_ERR_ALLOC || winshm_is_shortage(code) ? WINSHM_BITS : request->bit;
    ret_failure->withdraw_ms = 0;
    return result;
}

/* The objects of a server that died went with the last handle. */
pipc_result winshm_sweep(void *self, const struct pipc_endpoint *endpoint, struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)err;
    return PIPC_OK;
}
