/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners: those of the wrapped transport, with the name of their service kept for the records.
 *
 * As the contract says: a listener belongs to one thread at a time.
 */
#include "trace.h"

#include <stdio.h>

static pipc_result make(struct trace_instance *instance, const struct pipc_endpoint *endpoint,
                        struct trace_listener **ret_listener, struct pipc_error *err)
{
    const struct pipc_host *const host = instance->host;
    struct trace_listener *const listener = host->alloc(host, sizeof(*listener));

    if (!listener)
        return trace_fail(host, err, PIPC_ERR_ALLOC, 0, "%.100s: no memory to trace a listener",
                          endpoint->service);
    (void)snprintf(listener->service, sizeof(listener->service), "%s", endpoint->service);
    *ret_listener = listener;
    return PIPC_OK;
}

static pipc_result settle(struct trace_instance *instance, struct trace_listener *listener,
                          pipc_result result, void **ret_listener)
{
    if (result == PIPC_OK)
        *ret_listener = listener;
    else
        instance->host->free(instance->host, listener);
    return result;
}

pipc_result trace_listen(void *self, const struct pipc_endpoint *endpoint, void **ret_listener,
                         struct pipc_error *err)
{
    struct trace_instance *const instance = self;
    const struct pipc_wrapped *const w = &instance->wrapped;
    struct trace_listener *listener;
    const pipc_result result = make(instance, endpoint, &listener, err);

    if (result != PIPC_OK)
        return result;
    return settle(instance, listener, w->ops->listen(w->self, endpoint, &listener->inner, err),
                  ret_listener);
}

pipc_result trace_adopt(void *self, const struct pipc_endpoint *endpoint, pipc_handle handle,
                        void **ret_listener, struct pipc_error *err)
{
    struct trace_instance *const instance = self;
    const struct pipc_wrapped *const w = &instance->wrapped;
    struct trace_listener *listener;
    const pipc_result result = make(instance, endpoint, &listener, err);

    if (result != PIPC_OK)
        return result;
    return settle(instance, listener,
                  w->ops->adopt(w->self, endpoint, handle, &listener->inner, err), ret_listener);
}

pipc_handle trace_listener_wait_handle(void *self, void *listener)
{
    return pipc_wrapped_listener_wait_handle(self,
                                             ((const struct trace_listener *)listener)->inner);
}

void trace_listener_close(void *self, void *listener, uint32_t flags)
{
    const struct trace_instance *const instance = self;
    struct trace_listener *const l = listener;

    if (!l)
        return;
    pipc_wrapped_listener_close(self, l->inner, flags);
    instance->host->free(instance->host, l);
}
