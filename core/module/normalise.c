/* SPDX-License-Identifier: Apache-2.0
 *
 * Full-size tables from those of modules (docs/module-abi.md 4): the smaller of both sizes is
 * copied, the rest gets stubs.
 *
 * After this the hot path asks neither for sizes nor for NULL. The stubs do nothing and may be
 * called by any thread.
 */
#include "descriptor.h"

#include <string.h>

static pipc_result no_listen(void *self, const struct pipc_endpoint *endpoint, void **ret_listener,
                             struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)ret_listener;
    return pipci_fail(err, PIPC_ERR_NOT_SUPPORTED, 0, "this transport does not listen");
}

static pipc_result no_adopt(void *self, const struct pipc_endpoint *endpoint, pipc_handle handle,
                            void **ret_listener, struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)handle;
    (void)ret_listener;
    return pipci_fail(err, PIPC_ERR_NOT_SUPPORTED, 0,
                      "this transport does not take the listener of somebody else");
}

static pipc_result no_accept(void *self, void *listener, const struct pipc_wait *wait,
                             void **ret_channel, struct pipc_error *err)
{
    (void)self;
    (void)listener;
    (void)wait;
    (void)ret_channel;
    return pipci_fail(err, PIPC_ERR_NOT_SUPPORTED, 0, "this transport does not accept");
}

static pipc_result no_connect(void *self, const struct pipc_endpoint *endpoint,
                              const struct pipc_wait *wait, void **ret_channel,
                              struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)wait;
    (void)ret_channel;
    return pipci_fail(err, PIPC_ERR_NOT_SUPPORTED, 0, "this transport does not connect");
}

static pipc_handle no_listener_handle(void *self, void *listener)
{
    (void)self;
    (void)listener;
    return PIPC_NO_HANDLE;
}

static void no_listener_close(void *self, void *listener, uint32_t flags)
{
    (void)self;
    (void)listener;
    (void)flags;
}

static pipc_result no_usable(void *self, uint32_t role, const struct pipc_endpoint *endpoint,
                             const struct pipc_carrier *carrier, uint64_t auth_token, uint32_t bits,
                             struct pipc_usable *ret_usable)
{
    (void)self;
    (void)role;
    (void)endpoint;
    (void)carrier;
    (void)auth_token;
    (void)bits;
    (void)ret_usable;
    return PIPC_ERR_NOT_SUPPORTED;
}

static pipc_result no_offer(void *self, const struct pipc_endpoint *endpoint,
                            const struct pipc_carrier *carrier,
                            const struct pipc_upgrade_request *request, void **ret_channel,
                            struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)carrier;
    (void)request;
    (void)ret_channel;
    (void)ret_failure;
    return pipci_fail(err, PIPC_ERR_NOT_SUPPORTED, 0, "this transport is no upgrade");
}

static pipc_result no_attach(void *self, const struct pipc_endpoint *endpoint,
                             const struct pipc_carrier *carrier,
                             const struct pipc_upgrade_request *request,
                             const struct pipc_wait *wait, void **ret_channel,
                             struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    (void)wait;
    return no_offer(self, endpoint, carrier, request, ret_channel, ret_failure, err);
}

static pipc_result no_sweep(void *self, const struct pipc_endpoint *endpoint,
                            struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    return pipci_fail(err, PIPC_ERR_NOT_SUPPORTED, 0, "this transport leaves nothing behind");
}

static pipc_handle no_wait_handle(void *channel)
{
    (void)channel;
    return PIPC_NO_HANDLE;
}

static pipc_result no_peer(void *channel, struct pipc_peer *ret_peer)
{
    (void)channel;
    (void)ret_peer;
    return PIPC_ERR_NOT_SUPPORTED;
}

static pipc_result admit_all(void *channel, struct pipc_error *err)
{
    (void)channel;
    (void)err;
    return PIPC_OK;
}

static const struct pipc_waiter *no_waiter(void *channel)
{
    (void)channel;
    return NULL;
}

static uint64_t no_memory(void *channel)
{
    (void)channel;
    return 0;
}

static pipc_result no_reserve(void *channel, size_t len, const struct pipc_wait *wait,
                              void **ret_room, struct pipc_error *err)
{
    (void)channel;
    (void)len;
    (void)wait;
    (void)ret_room;
    return pipci_fail(err, PIPC_ERR_NOT_SUPPORTED, 0, "this transport does not write in place");
}

static pipc_result no_commit(void *channel, size_t len, const struct pipc_wait *wait,
                             struct pipc_error *err)
{
    return no_reserve(channel, len, wait, NULL, err);
}

static void no_wake(void *channel)
{
    (void)channel;
}

/* Takes an entry of the module, or the stub. */
#define OR_STUB(entry, stub)    \
    do {                        \
        if (!to->entry)         \
            to->entry = (stub); \
    } while (0)

void pipci_transport_normalise(const struct pipc_transport_ops *ops,
                               struct pipc_transport_ops *ret_ops)
{
    struct pipc_transport_ops *const to = ret_ops;

    memset(to, 0, sizeof(*to));
    memcpy(to, ops, ops->size < sizeof(*to) ? ops->size : sizeof(*to));
    to->size = (uint32_t)sizeof(*to);
    OR_STUB(listen, no_listen);
    OR_STUB(adopt, no_adopt);
    OR_STUB(accept, no_accept);
    OR_STUB(connect, no_connect);
    OR_STUB(listener_wait_handle, no_listener_handle);
    OR_STUB(listener_close, no_listener_close);
    OR_STUB(usable, no_usable);
    OR_STUB(offer, no_offer);
    OR_STUB(attach, no_attach);
    OR_STUB(sweep, no_sweep);
    OR_STUB(wait_handle, no_wait_handle);
    OR_STUB(peer, no_peer);
    OR_STUB(admit, admit_all);
    OR_STUB(waiter, no_waiter);
    OR_STUB(memory, no_memory);
    OR_STUB(reserve, no_reserve);
    OR_STUB(commit, no_commit);
    OR_STUB(wake, no_wake);
}

static pipc_result no_build(const struct pipc_fields *fields, void *buf, size_t cap,
                            size_t *ret_len)
{
    (void)fields;
    (void)buf;
    (void)cap;
    (void)ret_len;
    return PIPC_ERR_NOT_SUPPORTED;
}

void pipci_codec_normalise(const struct pipc_codec_ops *ops, struct pipci_codec_tables *ret_tables)
{
    struct pipc_codec_ops *const to = &ret_tables->ops;

    memset(ret_tables, 0, sizeof(*ret_tables));
    memcpy(to, ops, ops->size < sizeof(*to) ? ops->size : sizeof(*to));
    to->size = (uint32_t)sizeof(*to);
    OR_STUB(build_request, no_build);
    OR_STUB(build_response, no_build);
    ret_tables->call = *to->call;
    ret_tables->call.size = (uint32_t)sizeof(ret_tables->call);
    to->call = &ret_tables->call;
    if (to->snapshot) {
        ret_tables->snapshot = *to->snapshot;
        ret_tables->snapshot.size = (uint32_t)sizeof(ret_tables->snapshot);
        to->snapshot = &ret_tables->snapshot;
    }
    if (to->lookup) {
        ret_tables->lookup = *to->lookup;
        ret_tables->lookup.size = (uint32_t)sizeof(ret_tables->lookup);
        to->lookup = &ret_tables->lookup;
    }
    if (to->uniform) {
        ret_tables->uniform = *to->uniform;
        ret_tables->uniform.size = (uint32_t)sizeof(ret_tables->uniform);
        to->uniform = &ret_tables->uniform;
    }
}
