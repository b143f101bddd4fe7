/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract of a codec module: one message type, bytes to typed views and builders and back
 * (docs/codec.md).
 *
 * Codecs are pure: no I/O, no clock, no locks, no statics, no environment; decoding and access do
 * not allocate; every function gets its bounds and never reads or writes outside them; any thread,
 * never block. A decoder applies its checks in the order of its page, reports the first that fails,
 * and leaves its outputs untouched then.
 */
#ifndef PIPC_CODEC_H
#define PIPC_CODEC_H

#include <pipc/types.h>
#include <pipc/visit.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIPC_CODEC_ABI_MAJOR 1u
#define PIPC_CODEC_ABI_MINOR 0u

/* Traits. A hook table is there exactly when its trait is set. */
#define PIPC_CODEC_BATCH \
    0x01u /* batches are allowed on the server; batch calls when `call` has it too */
#define PIPC_CODEC_SNAPSHOT 0x02u /* snapshot hooks are there */
#define PIPC_CODEC_LOOKUP   0x04u /* lookup hooks are there: keys in, one item per key out */
#define PIPC_CODEC_UNIFORM  0x08u /* uniform hooks are there: every message has the same length */

/* A request on the server while its callback runs: ask it with pipc_request_peer and
 * pipc_request_deadline (pipc/server.h). Opaque. */
struct pipc_request;

/* Stage at which a dispatch ended (docs/codec.md 9). */
enum {
    PIPC_STAGE_DONE = 0,
    PIPC_STAGE_REQUEST = 1,
    PIPC_STAGE_SPACE = 2,
    PIPC_STAGE_CALLBACK = 3,
    PIPC_STAGE_FINISH = 4
};

/* What a dispatch works on. */
struct pipc_dispatch {
    uint32_t size;
    uint32_t max_items;              /* snapshots: directory slots to reserve; 0: by the estimate */
    const struct pipc_request *from; /* handed to the callback; may be NULL */
    /* The codec's handler struct (its header): uint32_t size, uint32_t reserved, void *user, then
     * callbacks alone. A callback gets `user` first and returns a uint32_t, 1 for success. One that
     * is NULL, or not covered by the size, fails every request (PIPC_ERR_HANDLER_FAILED). */
    const void *handler;
    const void *request;
    size_t request_len;
    void *response;      /* where the response goes */
    size_t response_cap; /* the agreed response limit, or what a batch has left of it */
};

/* What it came to. */
struct pipc_dispatched {
    uint32_t size;
    uint32_t stage;      /* PIPC_STAGE_... */
    size_t response_len; /* on PIPC_OK */
    uint64_t needed; /* on PIPC_ERR_OVERFLOW: the length that would have fitted, 0 if not known */
};

/* One typed call as Level 2 makes it. `input` and `output` are the structs that the codec's header
 * names for its call; Level 2 zeroes `output` (output_size bytes) when the call fails. A keyed
 * lookup (PIPC_CODEC_LOOKUP) has decode and output_size alone: what it sends is made by its lookup
 * hooks, and request_size, encode, batch and input_size are 0. */
struct pipc_call_ops {
    uint32_t size;
    uint32_t batch;      /* 1: pipc_client_call_batch is allowed */
    uint32_t input_size; /* stride of inputs in a batch; 0: the call has no input */
    uint32_t output_size;
    /* Arguments of the caller: PIPC_OK or PIPC_ERR_BAD_PARAM. Also tells the exact size of the
     * request. */
    pipc_result (*request_size)(const void *input, uint64_t *ret_size);
    /* Writes the request. PIPC_ERR_OVERFLOW, BAD_LAYOUT. */
    pipc_result (*encode)(const void *input, void *buf, size_t cap, size_t *ret_len);
    /* Reads the response into *ret_output, which borrows from the payload. */
    pipc_result (*decode)(const void *payload, size_t len, void *ret_output);
};

/* Key of a snapshot item: taken once, when the item is copied. */
struct pipc_snapshot_key {
    uint32_t hash;
    uint32_t reserved;
    const void *bytes; /* into the item's copied strings */
    size_t len;
};

/* What Level 3 needs of a snapshot response. Used while a snapshot is built, on a payload that
 * `call` decoded; `output` is what it decoded. Every entry checks again what it follows. */
struct pipc_snapshot_hooks {
    uint32_t size;
    uint32_t
        head_size; /* bytes of the head struct (scalars), its first member a uint64_t generation */
    uint32_t item_size;             /* bytes of the item struct that the cache hands out */
    uint32_t string_count;          /* its members of type struct pipc_str_view ... */
    const uint32_t *string_offsets; /* ... and where they are, so that items can be duplicated */
    /* Copies the scalars. */
    void (*head)(const void *output, void *ret_head);
    uint32_t (*item_count)(const void *output);
    /* Bytes of strings that item `index` needs, its NULs included, and of these the ones that count
     * against the payload size (its string bytes without NULs). The item's own errors. */
    pipc_result (*item_strings)(const void *output, uint32_t index, uint64_t *ret_bytes,
                                uint64_t *ret_counted);
    /* Copies item `index`: fills the item struct, puts its strings, each with a NUL, into `strings`
     * (item_strings bytes) and tells its key. The item's own errors. */
    pipc_result (*item)(const void *output, uint32_t index, void *ret_item, char *strings,
                        struct pipc_snapshot_key *ret_key);
};

/* What a lookup item is to the client (docs/level2-typed-api.md 9.1): a result; no result, because
 * the response was full, so this key and all later ones are asked again; a result too, but the
 * first of several keys is asked once alone before it is taken. */
enum { PIPC_LOOKUP_FINAL = 0, PIPC_LOOKUP_EXCEEDED = 1, PIPC_LOOKUP_OVERSIZED = 2 };

/* The bytes of one item, borrowed. */
struct pipc_lookup_raw {
    const void *bytes;
    size_t len;
};

/* One item of a decoded response. */
struct pipc_lookup_item {
    uint32_t size;    /* set by who asks */
    uint32_t outcome; /* PIPC_LOOKUP_... */
    uint32_t echoes;  /* 1: the item echoes the key that was given, exactly; else 0 */
    uint32_t reserved;
    struct pipc_lookup_raw raw; /* all of the item, nothing else; into the payload */
};

/* What the logical lookup call of Level 2 needs of a keyed lookup: it splits, asks again and
 * stitches (docs/level2-typed-api.md 9, docs/codec.md 8.5). `keys` is the caller's array, its
 * elements key_size bytes apart; `view` is what call->decode made of a response. Sizes are exact,
 * in 64 bits, and never wrap. Each entry costs no more than linear time in the keys or bytes that
 * it is given. All but the local ones must be there. */
struct pipc_lookup_hooks {
    uint32_t size;
    uint32_t key_size;       /* bytes from one key of the caller's array to the next */
    uint32_t response_empty; /* bytes of a response without items */
    uint32_t reserved;
    /* Whether each of the keys may be asked for: PIPC_OK or PIPC_ERR_BAD_PARAM. No other entry gets
     * keys that have not passed. */
    pipc_result (*check_keys)(const void *keys, uint32_t count);
    /* How many keys, from the first on, a request of at most `limit` bytes holds: 0 to count.
     * *ret_size: the exact size of the request for that many, which for none is that of the empty
     * request, also where `limit` is below it. */
    uint32_t (*fit)(const void *keys, uint32_t count, uint64_t limit, uint64_t *ret_size);
    /* The request for these keys, `count` 0 included. PIPC_ERR_OVERFLOW. */
    pipc_result (*encode)(const void *keys, uint32_t count, void *buf, size_t cap, size_t *ret_len);
    uint32_t (*item_count)(const void *view);
    uint64_t (*generation)(const void *view);
    /* Item `index`, as the answer to `key`. PIPC_ERR_OUT_OF_BOUNDS. */
    pipc_result (*item)(const void *view, uint32_t index, const void *key,
                        struct pipc_lookup_item *ret_item);
    /* Size of a response of `size` bytes (response_empty at first) with these items behind it, as
     * assemble packs them. Only their lengths count; the bytes need not be there. */
    uint64_t (*response_add)(uint64_t size, const struct pipc_lookup_raw *items, uint32_t count);
    /* Packs raw items into a response of exactly the size that response_add came to; decodes each
     * first. The item's own errors, PIPC_ERR_OVERFLOW. */
    pipc_result (*assemble)(const struct pipc_lookup_raw *items, uint32_t count,
                            uint64_t generation, void *buf, size_t cap, size_t *ret_len);
    /* The item that says that a key is too large for any request: its size, and its bytes
     * (PIPC_ERR_OVERFLOW). Both NULL: there is none, and such a call fails. */
    uint64_t (*local_size)(const void *key);
    pipc_result (*local)(const void *key, void *buf, size_t cap, size_t *ret_len);
};

/* Batches of a message type whose requests have one length and whose responses have one, both
 * multiples of 8: all items at once, one behind the other. The outcome is that of the entries for
 * single messages, item by item. Needs BATCH, and call->batch. */
struct pipc_uniform_hooks {
    uint32_t size;
    uint32_t request_len; /* of one item, at most 4096 */
    uint32_t response_len;
    uint32_t reserved;
    /* Writes `count` requests from the caller's array. PIPC_ERR_BAD_PARAM. */
    pipc_result (*encode)(const void *inputs, uint32_t count, void *items);
    /* Reads `count` responses into the caller's array. The decoder's errors. */
    pipc_result (*decode)(const void *items, uint32_t count, void *ret_outputs);
    /* Runs `count` requests through the handler's callback. dispatch->request and response are the
     * items, with room for all. The first item that fails decides. */
    pipc_result (*dispatch)(const struct pipc_dispatch *dispatch, uint32_t count,
                            struct pipc_dispatched *ret_dispatched);
};

/* The generic table. Appended to, never changed, within an ABI major; normalised at load. */
struct pipc_codec_ops {
    uint32_t size;
    uint16_t code; /* method code on the wire, not 0 */
    uint16_t reserved;
    uint32_t traits;      /* PIPC_CODEC_... */
    uint16_t table_major; /* of the typed table */
    uint16_t table_minor;
    const char *default_service; /* usual service name; NULL: none */
    /* The typed table of the codec's public header; begins with its size. */
    const void *table;

    /* Whole structure readable: decoding and access to every item. The decoder's first error. */
    pipc_result (*check_request)(const void *bytes, size_t len);
    pipc_result (*check_response)(const void *bytes, size_t len);
    /* Names every field to the visitor; decodes first. */
    pipc_result (*walk_request)(const void *bytes, size_t len, const struct pipc_visitor *visitor);
    pipc_result (*walk_response)(const void *bytes, size_t len, const struct pipc_visitor *visitor);
    /* Canonical bytes from named fields. NULL where it makes no sense. PIPC_ERR_OVERFLOW,
     * BAD_LAYOUT, the source's errors. */
    pipc_result (*build_request)(const struct pipc_fields *fields, void *buf, size_t cap,
                                 size_t *ret_len);
    pipc_result (*build_response)(const struct pipc_fields *fields, void *buf, size_t cap,
                                  size_t *ret_len);
    /* Runs one request through the handler's callback (docs/codec.md 9). */
    pipc_result (*dispatch)(const struct pipc_dispatch *dispatch,
                            struct pipc_dispatched *ret_dispatched);
    /* The typed call of Level 2. */
    const struct pipc_call_ops *call;
    /* With PIPC_CODEC_SNAPSHOT. */
    const struct pipc_snapshot_hooks *snapshot;
    /* With PIPC_CODEC_LOOKUP. */
    const struct pipc_lookup_hooks *lookup;
    /* With PIPC_CODEC_UNIFORM. */
    const struct pipc_uniform_hooks *uniform;
};

#ifdef __cplusplus
}
#endif
#endif
