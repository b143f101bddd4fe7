/* SPDX-License-Identifier: Apache-2.0
 *
 * A baseline over the world of a script (world.h): its one channel gets its packets from there, and
 * what is sent is kept for a look. One thread.
 */
#ifndef PIPC_FUZZ_LINK_H
#define PIPC_FUZZ_LINK_H

#include "world.h"

/* ---- channels ---- */

static void world_join(const uint8_t *packet, uint32_t len)
{
    if (len <= 32)
        return;
    const size_t room = sizeof(world.joined) - world.joined_len;
    const size_t n = len - 32 < room ? len - 32 : room;
    memcpy(world.joined + world.joined_len, packet + 32, n);
    world.joined_len += n;
}

static pipc_result link_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                                const struct pipc_wait *wait, struct pipc_received *ret_received,
                                struct pipc_error *err)
{
    static uint8_t packet[WORLD_PACKET_MOST];
    uint32_t len = 0, done = 0;

    (void)channel;
    (void)err;
    if (world.interrupted)
        return PIPC_ERR_ABORTED;
    const enum world_event event = world_wait(wait->deadline_ns, packet, &len);
    if (event == EVENT_NOTHING)
        return PIPC_ERR_TIMEOUT;
    if (event == EVENT_FAIL)
        return PIPC_ERR_RECV;
    ret_received->len = 0;
    ret_received->flags = event == EVENT_END || !len ? PIPC_RECEIVED_END : 0;
    if (ret_received->flags)
        return PIPC_OK;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t left = len - done;
        const uint32_t n = left < pieces[i].len ? left : (uint32_t)pieces[i].len;
        memset(pieces[i].base, 0xa5, pieces[i].len); /* every piece is writable */
        memcpy(pieces[i].base, packet + done, n);
        done += n;
    }
    ret_received->len = done;
    ret_received->flags = done < len ? PIPC_RECEIVED_CUT : 0;
    if (!world.packets++)
        memcpy(world.first, packet, world.first_len = len < 128 ? len : 128);
    world_join(packet, done);
    return PIPC_OK;
}

static pipc_result link_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                             const struct pipc_wait *wait, struct pipc_error *err)
{
    size_t len = 0;

    (void)channel;
    (void)err;
    if (world.interrupted)
        return PIPC_ERR_ABORTED;
    if (world.fail_send)
        return PIPC_ERR_SEND;
    if (world.full) {
        if (wait->deadline_ns != PIPC_NOW && wait->deadline_ns != PIPC_NEVER)
            world.now = wait->deadline_ns > world.now ? wait->deadline_ns : world.now;
        return wait->deadline_ns == PIPC_NEVER ? PIPC_ERR_SEND : PIPC_ERR_TIMEOUT;
    }
    for (uint32_t i = 0; i < count; i++)
        for (size_t k = 0; k < pieces[i].len; k++, len++)
            if (len < sizeof(world.sent_bytes))
                world.sent_bytes[len] = ((const uint8_t *)pieces[i].base)[k];
    must(len >= 32 && (!world.packet_max || len <= world.packet_max));
    world.sent_len = (uint32_t)len;
    world.sent++;
    return PIPC_OK;
}

static uint32_t link_look(void *channel)
{
    (void)channel;
    return world.ended || world.failed ? PIPC_LOOK_GONE : PIPC_LOOK_NOTHING;
}

static void link_finish(void *channel, const struct pipc_wait *wait)
{
    (void)channel;
    (void)wait;
}

static uint32_t link_packet_max(void *channel, uint32_t configured)
{
    (void)channel;
    return configured ? configured : 4096;
}

static void link_interrupt(void *channel)
{
    (void)channel;
    world.interrupted = true;
}

static void link_close(void *channel, uint32_t flags)
{
    (void)channel;
    (void)flags;
}

static pipc_result link_accept(void *self, void *listener, const struct pipc_wait *wait,
                               void **ret_channel, struct pipc_error *err)
{
    (void)self;
    (void)listener;
    (void)wait;
    (void)err;
    *ret_channel = &world;
    return PIPC_OK;
}

static pipc_result link_connect(void *self, const struct pipc_endpoint *endpoint,
                                const struct pipc_wait *wait, void **ret_channel,
                                struct pipc_error *err)
{
    (void)endpoint;
    return link_accept(self, NULL, wait, ret_channel, err);
}

static pipc_result link_listen(void *self, const struct pipc_endpoint *endpoint,
                               void **ret_listener, struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)err;
    *ret_listener = &world;
    return PIPC_OK;
}

static pipc_handle link_listener_handle(void *self, void *listener)
{
    (void)self;
    (void)listener;
    return PIPC_NO_HANDLE;
}

static void link_listener_close(void *self, void *listener, uint32_t flags)
{
    (void)self;
    (void)listener;
    (void)flags;
}

/* Whether the transport admits the other side; the handshake target's to set. */
static pipc_result link_verdict;

static pipc_result link_admit(void *channel, struct pipc_error *err)
{
    (void)channel;
    (void)err;
    return link_verdict;
}

static const struct pipc_transport_ops link_ops = {
    .size = sizeof(link_ops),
    .traits = PIPC_TRAIT_BASELINE,
    .listen = link_listen,
    .accept = link_accept,
    .connect = link_connect,
    .listener_wait_handle = link_listener_handle,
    .listener_close = link_listener_close,
    .send = link_send,
    .receive = link_receive,
    .look = link_look,
    .finish = link_finish,
    .packet_max = link_packet_max,
    .interrupt = link_interrupt,
    .admit = link_admit,
    .close = link_close,
};

#define WORLD_MODULE(module_name, module_ops)                                         \
    {                                                                                 \
        .magic = PIPC_MODULE_MAGIC, .kind = PIPC_MODULE_TRANSPORT,                    \
        .abi_major = PIPC_TRANSPORT_ABI_MAJOR, .abi_minor = PIPC_TRANSPORT_ABI_MINOR, \
        .size = sizeof(struct pipc_module), .name = (module_name), .version = "1",    \
        .vendor = "fuzz", .summary = "What a script says.", .ops = (module_ops)       \
    }

static const struct pipc_module link_module = WORLD_MODULE("link", &link_ops);

/* A context over these transports, with the counting allocator. */
static struct pipc_context *world_context(const char *transports,
                                          const struct pipc_module *const *upgrades, size_t count)
{
    static const struct pipc_open_options options = {.size = sizeof(options),
                                                     .allocator = &world_allocator};
    struct pipc_config *config = NULL;
    struct pipc_context *context = NULL;

    must(pipc_config_new(NULL, &config) == PIPC_OK);
    must(pipc_config_add_module(config, &link_module, NULL) == PIPC_OK);
    for (size_t i = 0; i < count; i++)
        must(pipc_config_add_module(config, upgrades[i], NULL) == PIPC_OK);
    must(pipc_config_set(config, "pipc", "transports", transports, NULL) == PIPC_OK);
    must(pipc_config_set(config, "pipc", "carrier", "link", NULL) == PIPC_OK);
    must(pipc_open(config, &options, &context, NULL) == PIPC_OK);
    pipc_config_free(config);
    return context;
}

#endif
