/* SPDX-License-Identifier: Apache-2.0
 *
 * A channel apart from its messages: made, looked at, interrupted, closed.
 *
 * One thread at a time, but for winshm_interrupt. Nothing here blocks. Whoever leaves a session
 * says so with its closed flag, because existing peers look at nothing but the region (8).
 */
#include "winshm.h"

pipc_result winshm_channel_make(const struct winshm_instance *instance, uint32_t role,
                                const struct pipc_endpoint *endpoint,
                                const struct pipc_carrier *carrier,
                                const struct pipc_upgrade_request *request,
                                struct winshm_channel **ret_channel, struct pipc_error *err)
{
    const struct pipc_host *const host = instance->host;
    const bool client = role == PIPC_ROLE_CLIENT;
    struct winshm_channel *c;
    struct winshm_name name;
    pipc_handle event;
    pipc_result result = winshm_name_make(host, endpoint, request->auth_token, request->bit,
                                          request->session_id, &name, err);

    if (result != PIPC_OK)
        return result;
    c = host->alloc(host, sizeof(*c));
    if (!c)
        return winshm_fail(host, err, PIPC_ERR_ALLOC, 0, "%s: no memory for a session", name.text);
    memset(c, 0, sizeof(*c));
    c->instance = instance;
    c->role = role;
    c->busywait = request->bit == PIPC_PROFILE_SHM_BUSYWAIT;
    c->carrier = *carrier;
    c->name = name;
    c->out.most =
        WINSHM_OUTER + (client ? request->max_request_bytes : request->max_response_bytes);
    c->in.most = WINSHM_OUTER + (client ? request->max_response_bytes : request->max_request_bytes);
    c->stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!c->stop) {
        result = winshm_fail(host, err, PIPC_ERR_ALLOC, GetLastError(),
                             "%s: no event for a session", name.text);
        winshm_close(c, 0);
        return result;
    }
    event = carrier->ops->wait_handle(carrier->channel);
    c->carrier_event = event == PIPC_NO_HANDLE ? NULL : (HANDLE)event;
    pipc_waiter_init(&c->waiter, instance->spin_us, host->cpus, host->sleep_cost_ns);
    *ret_channel = c;
    return PIPC_OK;
}

void winshm_channel_bind(struct winshm_channel *channel, const struct winshm_header *header)
{
    struct winshm_header *const shared = channel->region.view;
    uint8_t *const bytes = channel->region.view;
    const bool client = channel->role == PIPC_ROLE_CLIENT;
    struct winshm_lane *const request = client ? &channel->out : &channel->in;
    struct winshm_lane *const response = client ? &channel->in : &channel->out;

    request->seq = &shared->req_seq;
    request->len = &shared->req_len;
    request->waiting = &shared->req_server_waiting;
    request->closed = &shared->req_client_closed;
    request->area = bytes + header->request_offset;
    request->capacity = header->request_capacity;
    response->seq = &shared->resp_seq;
    response->len = &shared->resp_len;
    response->waiting = &shared->resp_client_waiting;
    response->closed = &shared->resp_server_closed;
    response->area = bytes + header->response_offset;
    response->capacity = header->response_capacity;
}

uint32_t winshm_packet_max(void *channel, uint32_t configured)
{
    const struct winshm_channel *const c = channel;

    (void)configured;
    return c->in.capacity > c->out.capacity ? c->in.capacity : c->out.capacity;
}

const struct pipc_waiter *winshm_waiter(void *channel)
{
    return &((const struct winshm_channel *)channel)->waiter;
}

uint64_t winshm_memory(void *channel)
{
    return ((const struct winshm_channel *)channel)->region.size;
}

uint32_t winshm_look(void *channel)
{
    const struct winshm_channel *const c = channel;
    int64_t seq;

    if (c->ended)
        return PIPC_LOOK_GONE;
    if (winshm_arrived(c, &seq))
        return PIPC_LOOK_READABLE;
    if (!winshm_peer_closed(c) && !winshm_hung_up(&c->carrier))
        return PIPC_LOOK_NOTHING;
    /* It may have published just before. */
    return winshm_arrived(c, &seq) ? PIPC_LOOK_READABLE : PIPC_LOOK_GONE;
}

/* What has been published stays readable in the peer's own view: there is nothing to wait for. */
void winshm_finish(void *channel, const struct pipc_wait *wait)
{
    (void)channel;
    (void)wait;
}

void winshm_interrupt(void *channel)
{
    struct winshm_channel *const c = channel;

    __atomic_store_n(&c->interrupted, 1, __ATOMIC_RELEASE);
    (void)SetEvent(c->stop);
}

static void close_handle(HANDLE handle)
{
    if (handle)
        (void)CloseHandle(handle);
}

void winshm_close(void *channel, uint32_t flags)
{
    struct winshm_channel *const c = channel;

    (void)flags; /* nobody forks here */
    if (!c)
        return;
    if (c->out.closed) {
        (void)__atomic_exchange_n(c->out.closed, 1, __ATOMIC_SEQ_CST);
        if (c->out.event)
            (void)SetEvent(c->out.event);
    }
    if (c->region.view)
        (void)UnmapViewOfFile(c->region.view);
    close_handle(c->region.mapping);
    close_handle(c->in.event);
    close_handle(c->out.event);
    close_handle(c->stop);
    c->instance->host->free(c->instance->host, c);
}
