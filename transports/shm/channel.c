/* SPDX-License-Identifier: Apache-2.0
 *
 * A channel apart from its messages: made, looked at, finished, closed.
 *
 * One thread at a time. Only shm_finish waits, for 100 ms at most. Whoever leaves a session says so
 * with an end mark, because existing peers look at nothing but the region (11.3).
 */
#include "shm.h"

#include <string.h>
#include <unistd.h>

#define KEEP_NS (PIPC_SHM_ANSWER_KEEP_MS * PIPC_NS_PER_MS)

pipc_result shm_channel_make(const struct shm_instance *instance, uint32_t role,
                             const struct pipc_endpoint *endpoint,
                             const struct pipc_carrier *carrier, uint64_t session_id,
                             struct shm_channel **ret_channel, struct pipc_error *err)
{
    const struct pipc_host *host = instance->host;
    struct shm_channel *c;
    struct shm_name name;
    pipc_result result = shm_name_make(host, endpoint, session_id, &name, err);

    if (result != PIPC_OK)
        return result;
    c = host->alloc(host, sizeof(*c));
    if (!c)
        return shm_fail(host, err, PIPC_ERR_ALLOC, 0, "%s: no memory for a session", name.path);
    memset(c, 0, sizeof(*c));
    c->instance = instance;
    c->role = role;
    c->carrier = *carrier;
    c->carrier_fd = (int)carrier->ops->wait_handle(carrier->channel);
    c->dir = -1;
    c->region.fd = -1;
    c->name = name;
    pipc_waiter_init(&c->waiter, instance->spin_us, host->cpus, host->sleep_cost_ns);
    *ret_channel = c;
    return PIPC_OK;
}

void shm_channel_bind(struct shm_channel *channel, void *map, const struct shm_header *header)
{
    struct shm_header *const shared = map;
    uint8_t *const bytes = map;
    const struct shm_lane request = {(shm_seq *)&shared->req_seq, &shared->req_len,
                                     &shared->req_signal, bytes + header->request_offset,
                                     header->request_capacity};
    const struct shm_lane response = {(shm_seq *)&shared->resp_seq, &shared->resp_len,
                                      &shared->resp_signal, bytes + header->response_offset,
                                      header->response_capacity};
    const bool client = channel->role == PIPC_ROLE_CLIENT;

    channel->out = client ? request : response;
    channel->in = client ? response : request;
}

uint32_t shm_packet_max(void *channel, uint32_t configured)
{
    const struct shm_channel *const c = channel;

    (void)configured;
    return c->in.capacity > c->out.capacity ? c->in.capacity : c->out.capacity;
}

const struct pipc_waiter *shm_waiter(void *channel)
{
    return &((const struct shm_channel *)channel)->waiter;
}

uint64_t shm_memory(void *channel)
{
    return ((const struct shm_channel *)channel)->region.size;
}

uint32_t shm_look(void *channel)
{
    const struct shm_channel *const c = channel;
    uint64_t seq;

    if (c->ended || c->gone)
        return PIPC_LOOK_GONE;
    if (shm_arrived(c, &seq))
        return PIPC_LOOK_READABLE;
    if (!shm_hung_up(&c->carrier, c->carrier_fd))
        return PIPC_LOOK_NOTHING;
    return shm_arrived(c, &seq) ? PIPC_LOOK_READABLE : PIPC_LOOK_GONE;
}

/* ---- the end ---- */

/* Whether a request has come that has not been answered, taken or not. */
static bool is_unanswered(const struct shm_channel *channel)
{
    uint64_t seq;

    return channel->taken != channel->sent || shm_arrived(channel, &seq);
}

/* A client always tells. A server tells once the client has attached for certain, and never in
 * place of an answer that may not have been read. */
static bool mark_is_due(const struct shm_channel *channel)
{
    const struct pipc_host *const host = channel->instance->host;
    uint64_t seq;

    if (!channel->region.map || channel->gone || !shm_region_whole(&channel->region))
        return false;
    if (channel->role == PIPC_ROLE_CLIENT)
        return true;
    if (!channel->asked && !shm_arrived(channel, &seq))
        return false;
    return is_unanswered(channel) ||
           (!channel->answer_is_fresh && host->clock_ns(host) - channel->answered_ns >= KEEP_NS);
}

/* A server's last answer is kept until it has certainly been read, or one more request shows that
 * it was; then close may set the end mark. */
void shm_finish(void *channel, const struct pipc_wait *wait)
{
    struct shm_channel *const c = channel;
    const struct pipc_host *const host = c->instance->host;
    struct pipc_wait keep = {.size = (uint32_t)sizeof(keep), .abort = PIPC_NO_HANDLE};
    uint64_t seq;

    if (c->role != PIPC_ROLE_SERVER || c->gone || c->ended || c->taken == 0 || c->taken != c->sent)
        return;
    if (c->answer_is_fresh) {
        c->answer_is_fresh = false;
        c->answered_ns = host->clock_ns(host);
    }
    if (wait) {
        keep.abort = wait->abort;
        keep.abort_flag = wait->abort_flag;
    }
    keep.deadline_ns = c->answered_ns + KEEP_NS;
    if (wait && (wait->deadline_ns == PIPC_NOW || wait->deadline_ns < keep.deadline_ns))
        keep.deadline_ns = wait->deadline_ns;
    if (keep.deadline_ns != PIPC_NOW)
        (void)shm_sleep_message(c, &keep, &seq);
}

void shm_close(void *channel, uint32_t flags)
{
    struct shm_channel *const c = channel;
    const bool forked = (flags & PIPC_CLOSE_FORKED) != 0;

    if (!c)
        return;
    if (!forked && mark_is_due(c))
        shm_publish(c, 0);
    if (!forked && c->dir >= 0)
        shm_region_unlink(&c->region, c->dir, &c->name);
    shm_region_drop(&c->region);
    if (c->dir >= 0)
        (void)close(c->dir);
    c->instance->host->free(c->instance->host, c);
}
