/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries that make channels: each may fail by the seed, and is that of the wrapped transport
 * otherwise.
 *
 * As the contract says: a listener belongs to one thread at a time, the others are for any.
 */
#include "chaos.h"

#include <errno.h>
#include <string.h>

static pipc_result make(struct chaos_instance *instance, const char *service,
                        struct chaos_channel **ret_channel, struct pipc_error *err)
{
    const struct pipc_host *const host = instance->host;
    struct chaos_channel *const channel = host->alloc(host, sizeof(*channel));

    if (!channel)
        return pipc_wrapped_no_memory(host, service, err);
    memset(channel, 0, sizeof(*channel));
    channel->instance = instance;
    channel->inner.ops = instance->wrapped.ops;
    channel->state = chaos_stream(instance);
    pipc_wrapped_name(channel->service, service);
    *ret_channel = channel;
    return PIPC_OK;
}

static pipc_result settle(struct chaos_channel *channel, pipc_result result, void **ret_channel)
{
    if (result == PIPC_OK)
        *ret_channel = channel;
    else
        channel->instance->host->free(channel->instance->host, channel);
    return result;
}

/* Nothing is waiting is no failure: an accept that looks only draws no number. */
pipc_result chaos_accept(void *self, void *listener, const struct pipc_wait *wait,
                         void **ret_channel, struct pipc_error *err)
{
    struct chaos_instance *const instance = self;
    const struct pipc_wrapped *const w = &instance->wrapped;
    struct chaos_channel *channel;
    void *inner = NULL;
    const struct pipc_wrapped_listener *const l = listener;
    pipc_result result = w->ops->accept(w->self, l->listener, wait, &inner, err);

    if (result != PIPC_OK)
        return result;
    result = make(instance, l->service, &channel, err);
    if (result != PIPC_OK) {
        w->ops->close(inner, 0);
        return result;
    }
    channel->inner.channel = inner;
    if (!chaos_happens(&channel->state, instance->fail))
        return settle(channel, PIPC_OK, ret_channel);
    w->ops->close(inner, 0);
    return settle(channel,
                  chaos_fail(instance->host, err, PIPC_ERR_ACCEPT, ECONNABORTED, channel->service,
                             "a connection is refused by the seed"),
                  ret_channel);
}

pipc_result chaos_connect(void *self, const struct pipc_endpoint *endpoint,
                          const struct pipc_wait *wait, void **ret_channel, struct pipc_error *err)
{
    struct chaos_instance *const instance = self;
    const struct pipc_wrapped *const w = &instance->wrapped;
    struct chaos_channel *channel;
    pipc_result result = make(instance, endpoint->service, &channel, err);

    if (result != PIPC_OK)
        return result;
    result = chaos_happens(&channel->state, instance->fail)
                 ? chaos_fail(instance->host, err, PIPC_ERR_CONNECT, ECONNREFUSED, channel->service,
                              "a connection is refused by the seed")
                 : w->ops->connect(w->self, endpoint, wait, &channel->inner.channel, err);
    return settle(channel, result, ret_channel);
}

pipc_result chaos_offer(void *self, const struct pipc_endpoint *endpoint,
                        const struct pipc_carrier *carrier,
                        const struct pipc_upgrade_request *request, void **ret_channel,
                        struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    struct chaos_instance *const instance = self;
    const struct pipc_wrapped *const w = &instance->wrapped;
    struct chaos_channel *channel;
    pipc_result result = make(instance, endpoint->service, &channel, err);

    if (result != PIPC_OK) {
        ret_failure->bits = request->bit;
        return result;
    }
    if (chaos_happens(&channel->state, instance->fail)) {
        ret_failure->bits = request->bit;
        result = chaos_fail(instance->host, err, PIPC_ERR_REGION_ALLOCATE, ENOSPC, channel->service,
                            "an offer fails by the seed");
    } else {
        result = w->ops->offer(w->self, endpoint, carrier, request, &channel->inner.channel,
                               ret_failure, err);
    }
    return settle(channel, result, ret_channel);
}

pipc_result chaos_attach(void *self, const struct pipc_endpoint *endpoint,
                         const struct pipc_carrier *carrier,
                         const struct pipc_upgrade_request *request, const struct pipc_wait *wait,
                         void **ret_channel, struct pipc_upgrade_failure *ret_failure,
                         struct pipc_error *err)
{
    struct chaos_instance *const instance = self;
    const struct pipc_wrapped *const w = &instance->wrapped;
    struct chaos_channel *channel;
    pipc_result result = make(instance, endpoint->service, &channel, err);

    if (result != PIPC_OK) {
        ret_failure->bits = request->bit;
        return result;
    }
    if (chaos_happens(&channel->state, instance->fail)) {
        ret_failure->bits = request->bit;
        result = chaos_fail(instance->host, err, PIPC_ERR_REGION_OPEN, EACCES, channel->service,
                            "an attach fails by the seed");
    } else {
        result = w->ops->attach(w->self, endpoint, carrier, request, wait, &channel->inner.channel,
                                ret_failure, err);
    }
    return settle(channel, result, ret_channel);
}
