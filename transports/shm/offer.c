/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's side of bringing up a session: a region of its own, complete before the client can
 * hear of it (5). The handshake's thread.
 */
#include "shm.h"

#include <string.h>

static pipc_result make_region(struct shm_channel *channel,
                               const struct pipc_upgrade_request *request, struct pipc_error *err)
{
    const struct pipc_host *host = channel->instance->host;
    struct shm_header header;
    uint64_t size = 0;
    pipc_result result;

    if (!shm_layout(request->max_request_bytes, request->max_response_bytes, &header, &size))
        return shm_fail(host, err, PIPC_ERR_REGION_ALLOCATE, 0,
                        "%s: a region for %u and %u bytes is larger than one can be",
                        channel->name.path, (unsigned)request->max_request_bytes,
                        (unsigned)request->max_response_bytes);
    if (size > request->room_bytes)
        return shm_fail(host, err, PIPC_ERR_REGION_ALLOCATE, 0,
                        "%s: a region of %llu bytes is above the %llu that are left for regions",
                        channel->name.path, (unsigned long long)size,
                        (unsigned long long)request->room_bytes);
    result = shm_region_make(channel->instance, channel->dir, &channel->name, &header, size,
                             &channel->region, err);
    if (result == PIPC_OK)
        shm_channel_bind(channel, channel->region.map, &header);
    return result;
}

pipc_result shm_offer(void *self, const struct pipc_endpoint *endpoint,
                      const struct pipc_carrier *carrier,
                      const struct pipc_upgrade_request *request, void **ret_channel,
                      struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    struct shm_channel *channel = NULL;
    int code = 0;
    pipc_result result = shm_channel_make(self, PIPC_ROLE_SERVER, endpoint, carrier,
                                          request->session_id, &channel, err);

    if (result == PIPC_OK)
        result = shm_dir_open(channel->instance->host, endpoint, &channel->dir, &code, err);
    if (result == PIPC_OK) {
        channel->most = SHM_OUTER + request->max_response_bytes;
        result = make_region(channel, request, err);
    }
    if (result == PIPC_OK) {
        *ret_channel = channel;
        return PIPC_OK;
    }
    shm_close(channel, 0);
    ret_failure->bits = SHM_BITS;
    ret_failure->withdraw_ms = 0;
    return result;
}
