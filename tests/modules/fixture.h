/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries that do as little as an entry may, for modules that exist to be judged and loaded. The
 * files of this folder and the descriptors that tests hand in are made of them.
 *
 * Static and inline, without state, so that every file has its own.
 */
#ifndef PIPC_TESTS_FIXTURE_H
#define PIPC_TESTS_FIXTURE_H

#include <pipc/module.h>

#include <stddef.h>

#define FIXTURE_UNUSED __attribute__((unused))

/* ---- a transport ---- */

FIXTURE_UNUSED static pipc_result fixture_listen(void *self, const struct pipc_endpoint *endpoint,
                                                 void **ret_listener, struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)ret_listener;
    (void)err;
    return PIPC_ERR_SOCKET;
}

FIXTURE_UNUSED static pipc_result fixture_adopt(void *self, const struct pipc_endpoint *endpoint,
                                                pipc_handle handle, void **ret_listener,
                                                struct pipc_error *err)
{
    (void)handle;
    return fixture_listen(self, endpoint, ret_listener, err);
}

FIXTURE_UNUSED static pipc_result fixture_accept(void *self, void *listener,
                                                 const struct pipc_wait *wait, void **ret_channel,
                                                 struct pipc_error *err)
{
    (void)self;
    (void)listener;
    (void)wait;
    (void)ret_channel;
    (void)err;
    return PIPC_ERR_ACCEPT;
}

FIXTURE_UNUSED static pipc_result fixture_connect(void *self, const struct pipc_endpoint *endpoint,
                                                  const struct pipc_wait *wait, void **ret_channel,
                                                  struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)wait;
    (void)ret_channel;
    (void)err;
    return PIPC_ERR_CONNECT;
}

FIXTURE_UNUSED static pipc_handle fixture_listener_handle(void *self, void *listener)
{
    (void)self;
    (void)listener;
    return PIPC_NO_HANDLE;
}

FIXTURE_UNUSED static void fixture_listener_close(void *self, void *listener, uint32_t flags)
{
    (void)self;
    (void)listener;
    (void)flags;
}

FIXTURE_UNUSED static pipc_result fixture_usable(void *self, uint32_t role,
                                                 const struct pipc_endpoint *endpoint,
                                                 const struct pipc_carrier *carrier,
                                                 uint64_t auth_token, uint32_t bits,
                                                 struct pipc_usable *ret_usable)
{
    (void)self;
    (void)role;
    (void)endpoint;
    (void)carrier;
    (void)auth_token;
    (void)bits;
    (void)ret_usable;
    return PIPC_ERR_REGION_OPEN;
}

FIXTURE_UNUSED static pipc_result fixture_offer(void *self, const struct pipc_endpoint *endpoint,
                                                const struct pipc_carrier *carrier,
                                                const struct pipc_upgrade_request *request,
                                                void **ret_channel,
                                                struct pipc_upgrade_failure *ret_failure,
                                                struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)carrier;
    (void)request;
    (void)ret_channel;
    (void)ret_failure;
    (void)err;
    return PIPC_ERR_REGION_OPEN;
}

FIXTURE_UNUSED static pipc_result fixture_attach(void *self, const struct pipc_endpoint *endpoint,
                                                 const struct pipc_carrier *carrier,
                                                 const struct pipc_upgrade_request *request,
                                                 const struct pipc_wait *wait, void **ret_channel,
                                                 struct pipc_upgrade_failure *ret_failure,
                                                 struct pipc_error *err)
{
    (void)wait;
    return fixture_offer(self, endpoint, carrier, request, ret_channel, ret_failure, err);
}

FIXTURE_UNUSED static pipc_result fixture_sweep(void *self, const struct pipc_endpoint *endpoint,
                                                struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)err;
    return PIPC_OK;
}

FIXTURE_UNUSED static pipc_result fixture_send(void *channel, const struct pipc_piece *pieces,
                                               uint32_t count, const struct pipc_wait *wait,
                                               struct pipc_error *err)
{
    (void)channel;
    (void)pieces;
    (void)count;
    (void)wait;
    (void)err;
    return PIPC_ERR_SEND;
}

FIXTURE_UNUSED static pipc_result fixture_receive(void *channel, const struct pipc_piece *pieces,
                                                  uint32_t count, const struct pipc_wait *wait,
                                                  struct pipc_received *ret_received,
                                                  struct pipc_error *err)
{
    (void)ret_received;
    return fixture_send(channel, pieces, count, wait, err) == PIPC_OK ? PIPC_OK : PIPC_ERR_RECV;
}

FIXTURE_UNUSED static uint32_t fixture_look(void *channel)
{
    (void)channel;
    return PIPC_LOOK_GONE;
}

FIXTURE_UNUSED static void fixture_finish(void *channel, const struct pipc_wait *wait)
{
    (void)channel;
    (void)wait;
}

FIXTURE_UNUSED static uint32_t fixture_packet_max(void *channel, uint32_t configured)
{
    (void)channel;
    return configured ? configured : 4096;
}

FIXTURE_UNUSED static pipc_handle fixture_wait_handle(void *channel)
{
    (void)channel;
    return PIPC_NO_HANDLE;
}

FIXTURE_UNUSED static void fixture_interrupt(void *channel)
{
    (void)channel;
}

FIXTURE_UNUSED static pipc_result fixture_peer(void *channel, struct pipc_peer *ret_peer)
{
    (void)channel;
    (void)ret_peer;
    return PIPC_ERR_NOT_SUPPORTED;
}

FIXTURE_UNUSED static void fixture_close(void *channel, uint32_t flags)
{
    (void)channel;
    (void)flags;
}

FIXTURE_UNUSED static pipc_result fixture_reserve(void *channel, size_t len,
                                                  const struct pipc_wait *wait, void **ret_room,
                                                  struct pipc_error *err)
{
    (void)channel;
    (void)len;
    (void)wait;
    (void)ret_room;
    (void)err;
    return PIPC_ERR_SEND;
}

FIXTURE_UNUSED static pipc_result fixture_commit(void *channel, size_t len,
                                                 const struct pipc_wait *wait,
                                                 struct pipc_error *err)
{
    return fixture_reserve(channel, len, wait, NULL, err);
}

#define FIXTURE_CHANNEL_ENTRIES                                                                 \
    .send = fixture_send, .receive = fixture_receive, .look = fixture_look,                     \
    .finish = fixture_finish, .packet_max = fixture_packet_max, .interrupt = fixture_interrupt, \
    .close = fixture_close
#define FIXTURE_BASELINE_ENTRIES                                                    \
    .listen = fixture_listen, .accept = fixture_accept, .connect = fixture_connect, \
    .listener_wait_handle = fixture_listener_handle, .listener_close = fixture_listener_close
#define FIXTURE_UPGRADE_ENTRIES                                                 \
    .usable = fixture_usable, .offer = fixture_offer, .attach = fixture_attach, \
    .sweep = fixture_sweep

/* ---- a codec ---- */

FIXTURE_UNUSED static pipc_result fixture_check(const void *bytes, size_t len)
{
    (void)bytes;
    return len == 0 ? PIPC_OK : PIPC_ERR_BAD_LAYOUT;
}

FIXTURE_UNUSED static pipc_result fixture_walk(const void *bytes, size_t len,
                                               const struct pipc_visitor *visitor)
{
    (void)visitor;
    return fixture_check(bytes, len);
}

FIXTURE_UNUSED static pipc_result fixture_dispatch(const struct pipc_dispatch *dispatch,
                                                   struct pipc_dispatched *ret_dispatched)
{
    (void)dispatch;
    (void)ret_dispatched;
    return PIPC_ERR_HANDLER_FAILED;
}

FIXTURE_UNUSED static pipc_result fixture_request_size(const void *input, uint64_t *ret_size)
{
    (void)input;
    *ret_size = 0;
    return PIPC_OK;
}

FIXTURE_UNUSED static pipc_result fixture_encode(const void *input, void *buf, size_t cap,
                                                 size_t *ret_len)
{
    (void)input;
    (void)buf;
    (void)cap;
    *ret_len = 0;
    return PIPC_OK;
}

FIXTURE_UNUSED static pipc_result fixture_decode(const void *payload, size_t len, void *ret_output)
{
    (void)ret_output;
    return fixture_check(payload, len);
}

#define FIXTURE_CALL_ENTRIES \
    .request_size = fixture_request_size, .encode = fixture_encode, .decode = fixture_decode
#define FIXTURE_CODEC_ENTRIES                                                                      \
    .check_request = fixture_check, .check_response = fixture_check, .walk_request = fixture_walk, \
    .walk_response = fixture_walk, .dispatch = fixture_dispatch

FIXTURE_UNUSED static void fixture_head(const void *output, void *ret_head)
{
    (void)output;
    *(uint64_t *)ret_head = 1;
}

FIXTURE_UNUSED static uint32_t fixture_item_count(const void *output)
{
    (void)output;
    return 0;
}

FIXTURE_UNUSED static pipc_result fixture_item_strings(const void *output, uint32_t index,
                                                       uint64_t *ret_bytes, uint64_t *ret_counted)
{
    (void)output;
    (void)index;
    *ret_bytes = *ret_counted = 0;
    return PIPC_OK;
}

FIXTURE_UNUSED static pipc_result fixture_item(const void *output, uint32_t index, void *ret_item,
                                               char *strings, struct pipc_snapshot_key *ret_key)
{
    (void)output;
    (void)index;
    (void)ret_item;
    (void)strings;
    (void)ret_key;
    return PIPC_ERR_OUT_OF_BOUNDS;
}

#define FIXTURE_HOOK_ENTRIES                                                                      \
    .head = fixture_head, .item_count = fixture_item_count, .item_strings = fixture_item_strings, \
    .item = fixture_item

FIXTURE_UNUSED static pipc_result fixture_check_keys(const void *keys, uint32_t count)
{
    (void)keys;
    (void)count;
    return PIPC_OK;
}

FIXTURE_UNUSED static uint32_t fixture_fit(const void *keys, uint32_t count, uint64_t limit,
                                           uint64_t *ret_size)
{
    (void)keys;
    (void)limit;
    *ret_size = 0;
    return count;
}

FIXTURE_UNUSED static pipc_result fixture_encode_keys(const void *keys, uint32_t count, void *buf,
                                                      size_t cap, size_t *ret_len)
{
    (void)count;
    return fixture_encode(keys, buf, cap, ret_len);
}

FIXTURE_UNUSED static uint64_t fixture_generation(const void *view)
{
    (void)view;
    return 1;
}

FIXTURE_UNUSED static pipc_result fixture_lookup_item(const void *view, uint32_t index,
                                                      const void *key,
                                                      struct pipc_lookup_item *ret_item)
{
    (void)view;
    (void)index;
    (void)key;
    (void)ret_item;
    return PIPC_ERR_OUT_OF_BOUNDS;
}

FIXTURE_UNUSED static uint64_t fixture_response_add(uint64_t size,
                                                    const struct pipc_lookup_raw *items,
                                                    uint32_t count)
{
    (void)items;
    return size + count;
}

FIXTURE_UNUSED static pipc_result fixture_assemble(const struct pipc_lookup_raw *items,
                                                   uint32_t count, uint64_t generation, void *buf,
                                                   size_t cap, size_t *ret_len)
{
    (void)count;
    (void)generation;
    return fixture_encode(items, buf, cap, ret_len);
}

FIXTURE_UNUSED static uint64_t fixture_local_size(const void *key)
{
    (void)key;
    return 0;
}

FIXTURE_UNUSED static pipc_result fixture_local(const void *key, void *buf, size_t cap,
                                                size_t *ret_len)
{
    return fixture_encode(key, buf, cap, ret_len);
}

#define FIXTURE_LOOKUP_ENTRIES                                                           \
    .check_keys = fixture_check_keys, .fit = fixture_fit, .encode = fixture_encode_keys, \
    .item_count = fixture_item_count, .generation = fixture_generation,                  \
    .item = fixture_lookup_item, .response_add = fixture_response_add,                   \
    .assemble = fixture_assemble, .local_size = fixture_local_size, .local = fixture_local

/* Options of every type, for the module files and for tests and fuzzing. */
#define FIXTURE_OPTION_COUNT 8u
FIXTURE_UNUSED static const struct pipc_option fixture_options[FIXTURE_OPTION_COUNT] = {
    {"count", PIPC_OPTION_NUMBER, 0, 3, 70000, NULL, "5", "A number."},
    {"deep", PIPC_OPTION_YESNO, 0, 0, 0, NULL, "no", "Yes or no."},
    {"users", PIPC_OPTION_LIST, 0, 0, 0, NULL, NULL, "Names or numbers."},
    {"where", PIPC_OPTION_PATH, 0, 0, 0, NULL, NULL, "A path."},
    {"mode", PIPC_OPTION_CHOICE, 0, 0, 0, "fast|slow", "fast", "One of two words."},
    {"owner", PIPC_OPTION_TEXT, 0, 0, 0, NULL, NULL, "A text."},
    {"spin", PIPC_OPTION_CHOICE_NUMBER, 0, 0, 1000, "adaptive|off", "adaptive", "Word or number."},
    {"key", PIPC_OPTION_NUMBER, PIPC_OPTION_SECRET, 1, 9999, NULL, NULL, "A secret number."},
};

#endif
