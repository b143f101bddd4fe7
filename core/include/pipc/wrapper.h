/* SPDX-License-Identifier: Apache-2.0
 *
 * For wrappers (PIPC_TRAIT_WRAPPER): entries that hand everything on to the wrapped transport.
 *
 * A wrapper puts struct pipc_wrapped first into what its init gives and struct pipc_wrapped_channel
 * first into its channels, takes these entries into its table and writes those that it changes
 * itself: all that make a channel, and close, which frees it. Listeners made here are a struct
 * pipc_wrapped_listener, which knows whose it is. Static inline and without state, so that modules
 * import nothing. Threads and results are those of the wrapped entry. Reserve and commit are not
 * among them: a wrapper that looks at packets leaves them out, and the trait is then not taken
 * over.
 */
#ifndef PIPC_WRAPPER_H
#define PIPC_WRAPPER_H

#include <pipc/module.h>

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The wrapped transport, as find_transport of the host gives it: every entry may be called. */
struct pipc_wrapped {
    const struct pipc_transport_ops *ops;
    void *self;
    const struct pipc_host *host; /* of the wrapper */
};

#define PIPC_WRAPPED_SERVICE 64u

/* A listener of the wrapped transport. */
struct pipc_wrapped_listener {
    void *listener;
    char service[PIPC_WRAPPED_SERVICE]; /* beginning of the service's name */
};

/* A channel of the wrapped transport. */
struct pipc_wrapped_channel {
    const struct pipc_transport_ops *ops;
    void *channel;
};

/* The wrapped transport of an instance. */
static inline const struct pipc_wrapped *pipc_wrapped_of(const void *self)
{
    return (const struct pipc_wrapped *)self;
}

/* The wrapped channel of a channel. */
static inline const struct pipc_wrapped_channel *pipc_wrapped_channel_of(const void *channel)
{
    return (const struct pipc_wrapped_channel *)channel;
}

/* ---- the transport ---- */

/* Beginning of a service's name, into PIPC_WRAPPED_SERVICE bytes. */
static inline void pipc_wrapped_name(char *name, const char *service)
{
    size_t len = strlen(service);

    if (len >= PIPC_WRAPPED_SERVICE)
        len = PIPC_WRAPPED_SERVICE - 1;
    memcpy(name, service, len);
    name[len] = 0;
}

/* PIPC_ERR_ALLOC, with a sentence that names the service. */
static inline pipc_result pipc_wrapped_no_memory(const struct pipc_host *host, const char *service,
                                                 struct pipc_error *err)
{
    static const char what[] = ": no memory to wrap this service";
    char text[PIPC_WRAPPED_SERVICE + sizeof(what)];

    pipc_wrapped_name(text, service);
    memcpy(text + strlen(text), what, sizeof(what));
    host->error_set(host, err, PIPC_ERR_ALLOC, 0, text);
    return PIPC_ERR_ALLOC;
}

/* Room for the listener, before there is one. */
static inline struct pipc_wrapped_listener *pipc_wrapped_listener_new(
    const struct pipc_wrapped *w, const struct pipc_endpoint *endpoint, struct pipc_error *err)
{
    struct pipc_wrapped_listener *const l =
        (struct pipc_wrapped_listener *)w->host->alloc(w->host, sizeof(*l));

    if (l)
        pipc_wrapped_name(l->service, endpoint->service);
    else
        (void)pipc_wrapped_no_memory(w->host, endpoint->service, err);
    return l;
}

/* `listen`: the wrapped listener, and whose it is. */
static inline pipc_result pipc_wrapped_listen(void *self, const struct pipc_endpoint *endpoint,
                                              void **ret_listener, struct pipc_error *err)
{
    const struct pipc_wrapped *const w = pipc_wrapped_of(self);
    struct pipc_wrapped_listener *const l = pipc_wrapped_listener_new(w, endpoint, err);
    pipc_result result;

    if (!l)
        return PIPC_ERR_ALLOC;
    result = w->ops->listen(w->self, endpoint, &l->listener, err);
    if (result == PIPC_OK)
        *ret_listener = l;
    else
        w->host->free(w->host, l);
    return result;
}

/* `adopt`: the same on a handle of somebody else. */
static inline pipc_result pipc_wrapped_adopt(void *self, const struct pipc_endpoint *endpoint,
                                             pipc_handle handle, void **ret_listener,
                                             struct pipc_error *err)
{
    const struct pipc_wrapped *const w = pipc_wrapped_of(self);
    struct pipc_wrapped_listener *const l = pipc_wrapped_listener_new(w, endpoint, err);
    pipc_result result;

    if (!l)
        return PIPC_ERR_ALLOC;
    result = w->ops->adopt(w->self, endpoint, handle, &l->listener, err);
    if (result == PIPC_OK)
        *ret_listener = l;
    else
        w->host->free(w->host, l);
    return result;
}

/* `listener_wait_handle` of the wrapped listener. */
static inline pipc_handle pipc_wrapped_listener_wait_handle(void *self, void *listener)
{
    const struct pipc_wrapped *const w = pipc_wrapped_of(self);

    return w->ops->listener_wait_handle(w->self,
                                        ((struct pipc_wrapped_listener *)listener)->listener);
}

/* `listener_close` of the wrapped listener; frees what was made around it. */
static inline void pipc_wrapped_listener_close(void *self, void *listener, uint32_t flags)
{
    const struct pipc_wrapped *const w = pipc_wrapped_of(self);

    if (!listener)
        return;
    w->ops->listener_close(w->self, ((struct pipc_wrapped_listener *)listener)->listener, flags);
    w->host->free(w->host, listener);
}

/* `usable` of the wrapped transport. */
static inline pipc_result pipc_wrapped_usable(void *self, uint32_t role,
                                              const struct pipc_endpoint *endpoint,
                                              const struct pipc_carrier *carrier,
                                              uint64_t auth_token, uint32_t bits,
                                              struct pipc_usable *ret_usable)
{
    const struct pipc_wrapped *const w = pipc_wrapped_of(self);

    return w->ops->usable(w->self, role, endpoint, carrier, auth_token, bits, ret_usable);
}

/* `sweep` of the wrapped transport. */
static inline pipc_result pipc_wrapped_sweep(void *self, const struct pipc_endpoint *endpoint,
                                             struct pipc_error *err)
{
    const struct pipc_wrapped *const w = pipc_wrapped_of(self);

    return w->ops->sweep(w->self, endpoint, err);
}

/* ---- channels ---- */

/* `look` of the wrapped channel. */
static inline uint32_t pipc_wrapped_look(void *channel)
{
    const struct pipc_wrapped_channel *const c = pipc_wrapped_channel_of(channel);

    return c->ops->look(c->channel);
}

/* `finish` of the wrapped channel. */
static inline void pipc_wrapped_finish(void *channel, const struct pipc_wait *wait)
{
    const struct pipc_wrapped_channel *const c = pipc_wrapped_channel_of(channel);

    c->ops->finish(c->channel, wait);
}

/* `packet_max` of the wrapped channel. */
static inline uint32_t pipc_wrapped_packet_max(void *channel, uint32_t configured)
{
    const struct pipc_wrapped_channel *const c = pipc_wrapped_channel_of(channel);

    return c->ops->packet_max(c->channel, configured);
}

/* `wait_handle` of the wrapped channel. */
static inline pipc_handle pipc_wrapped_wait_handle(void *channel)
{
    const struct pipc_wrapped_channel *const c = pipc_wrapped_channel_of(channel);

    return c->ops->wait_handle(c->channel);
}

/* `interrupt` of the wrapped channel. */
static inline void pipc_wrapped_interrupt(void *channel)
{
    const struct pipc_wrapped_channel *const c = pipc_wrapped_channel_of(channel);

    c->ops->interrupt(c->channel);
}

/* `peer` of the wrapped channel. */
static inline pipc_result pipc_wrapped_peer(void *channel, struct pipc_peer *ret_peer)
{
    const struct pipc_wrapped_channel *const c = pipc_wrapped_channel_of(channel);

    return c->ops->peer(c->channel, ret_peer);
}

/* `admit` of the wrapped channel. */
static inline pipc_result pipc_wrapped_admit(void *channel, struct pipc_error *err)
{
    const struct pipc_wrapped_channel *const c = pipc_wrapped_channel_of(channel);

    return c->ops->admit(c->channel, err);
}

/* `waiter` of the wrapped channel. */
static inline const struct pipc_waiter *pipc_wrapped_waiter(void *channel)
{
    const struct pipc_wrapped_channel *const c = pipc_wrapped_channel_of(channel);

    return c->ops->waiter(c->channel);
}

/* `memory` of the wrapped channel. */
static inline uint64_t pipc_wrapped_memory(void *channel)
{
    const struct pipc_wrapped_channel *const c = pipc_wrapped_channel_of(channel);

    return c->ops->memory(c->channel);
}

/* `wake` of the wrapped channel. */
static inline void pipc_wrapped_wake(void *channel)
{
    const struct pipc_wrapped_channel *const c = pipc_wrapped_channel_of(channel);

    c->ops->wake(c->channel);
}

#ifdef __cplusplus
}
#endif
#endif
