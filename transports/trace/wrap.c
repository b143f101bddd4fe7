/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries that this wrapper changes: those that make channels, send, receive and close.
 *
 * Each does what the wrapped entry does, with its result, and writes down what came of it. As the
 * contract says: a channel belongs to one thread at a time.
 */
#include "trace.h"

#include <string.h>

/* Made before the wrapped channel, so that nothing that is open must be closed for lack of memory.
 */
static pipc_result make(struct trace_instance *instance, const char *service, uint32_t role,
                        struct trace_channel **ret_channel, struct pipc_error *err)
{
    const struct pipc_host *const host = instance->host;
    struct trace_channel *const channel = host->alloc(host, sizeof(*channel));

    if (!channel)
        return pipc_wrapped_no_memory(host, service, err);
    memset(channel, 0, offsetof(struct trace_channel, line));
    channel->instance = instance;
    channel->inner.ops = instance->wrapped.ops;
    channel->role = role;
    pipc_wrapped_name(channel->service, service);
    *ret_channel = channel;
    return PIPC_OK;
}

static void release(struct trace_channel *channel)
{
    const struct pipc_host *const host = channel->instance->host;

    host->free(host, channel->flows[0].bytes);
    host->free(host, channel->flows[1].bytes);
    host->free(host, channel->scratch);
    host->free(host, channel);
}

static pipc_result settle(struct trace_channel *channel, pipc_result result, void **ret_channel)
{
    if (result != PIPC_OK) {
        release(channel);
        return result;
    }
    channel->number = __atomic_add_fetch(&channel->instance->channels, 1, __ATOMIC_RELAXED);
    trace_record_event(channel, PIPC_TRACE_OPENED);
    *ret_channel = channel;
    return PIPC_OK;
}

pipc_result trace_accept(void *self, void *listener, const struct pipc_wait *wait,
                         void **ret_channel, struct pipc_error *err)
{
    struct trace_instance *const instance = self;
    const struct pipc_wrapped *const w = &instance->wrapped;
    const struct pipc_wrapped_listener *const l = listener;
    struct trace_channel *channel;
    const pipc_result result = make(instance, l->service, PIPC_ROLE_SERVER, &channel, err);

    if (result != PIPC_OK)
        return result;
    return settle(channel, w->ops->accept(w->self, l->listener, wait, &channel->inner.channel, err),
                  ret_channel);
}

pipc_result trace_connect(void *self, const struct pipc_endpoint *endpoint,
                          const struct pipc_wait *wait, void **ret_channel, struct pipc_error *err)
{
    struct trace_instance *const instance = self;
    const struct pipc_wrapped *const w = &instance->wrapped;
    struct trace_channel *channel;
    const pipc_result result = make(instance, endpoint->service, PIPC_ROLE_CLIENT, &channel, err);

    if (result != PIPC_OK)
        return result;
    return settle(channel, w->ops->connect(w->self, endpoint, wait, &channel->inner.channel, err),
                  ret_channel);
}

pipc_result trace_offer(void *self, const struct pipc_endpoint *endpoint,
                        const struct pipc_carrier *carrier,
                        const struct pipc_upgrade_request *request, void **ret_channel,
                        struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    struct trace_instance *const instance = self;
    const struct pipc_wrapped *const w = &instance->wrapped;
    struct trace_channel *channel;
    const pipc_result result = make(instance, endpoint->service, PIPC_ROLE_SERVER, &channel, err);

    if (result != PIPC_OK) {
        ret_failure->bits = request->bit;
        return result;
    }
    return settle(channel,
                  w->ops->offer(w->self, endpoint, carrier, request, &channel->inner.channel,
                                ret_failure, err),
                  ret_channel);
}

pipc_result trace_attach(void *self, const struct pipc_endpoint *endpoint,
                         const struct pipc_carrier *carrier,
                         const struct pipc_upgrade_request *request, const struct pipc_wait *wait,
                         void **ret_channel, struct pipc_upgrade_failure *ret_failure,
                         struct pipc_error *err)
{
    struct trace_instance *const instance = self;
    const struct pipc_wrapped *const w = &instance->wrapped;
    struct trace_channel *channel;
    const pipc_result result = make(instance, endpoint->service, PIPC_ROLE_CLIENT, &channel, err);

    if (result != PIPC_OK) {
        ret_failure->bits = request->bit;
        return result;
    }
    return settle(channel,
                  w->ops->attach(w->self, endpoint, carrier, request, wait, &channel->inner.channel,
                                 ret_failure, err),
                  ret_channel);
}

pipc_result trace_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                       const struct pipc_wait *wait, struct pipc_error *err)
{
    struct trace_channel *const c = channel;
    const uint64_t now = trace_time_us(); /* before the peer can have it */
    const pipc_result result = c->inner.ops->send(c->inner.channel, pieces, count, wait, err);
    uint64_t len = 0;
    uint32_t i;

    if (result != PIPC_OK)
        return result;
    for (i = 0; i < count; i++)
        len += pieces[i].len;
    trace_record_packet(c, &(struct trace_packet){.event = PIPC_TRACE_SENT,
                                                  .time_us = now,
                                                  .pieces = pieces,
                                                  .count = count,
                                                  .len = len});
    return PIPC_OK;
}

pipc_result trace_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                          const struct pipc_wait *wait, struct pipc_received *ret_received,
                          struct pipc_error *err)
{
    struct trace_channel *const c = channel;
    const pipc_result result =
        c->inner.ops->receive(c->inner.channel, pieces, count, wait, ret_received, err);

    if (result != PIPC_OK)
        return result;
    if (!(ret_received->flags & PIPC_RECEIVED_END))
        trace_record_packet(
            c, &(struct trace_packet){.event = PIPC_TRACE_RECEIVED,
                                      .time_us = trace_time_us(),
                                      .cut = (ret_received->flags & PIPC_RECEIVED_CUT) != 0,
                                      .pieces = pieces,
                                      .count = count,
                                      .len = ret_received->len});
    else if (!c->ended)
        trace_record_event(c, PIPC_TRACE_ENDED);
    c->ended = c->ended || (ret_received->flags & PIPC_RECEIVED_END);
    return PIPC_OK;
}

void trace_close(void *channel, uint32_t flags)
{
    struct trace_channel *const c = channel;

    if (!c)
        return;
    /* The record of a forked child would be that of its parent once more. */
    if (!(flags & PIPC_CLOSE_FORKED))
        trace_record_event(c, PIPC_TRACE_CLOSED);
    c->inner.ops->close(c->inner.channel, flags);
    release(c);
}
