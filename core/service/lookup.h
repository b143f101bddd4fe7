/* SPDX-License-Identifier: Apache-2.0
 *
 * A logical lookup in progress, as its files share it: where it stands among the keys, what the
 * exchange at hand came to, what has been collected (docs/level2-typed-api.md 9).
 *
 * Lives on the stack of the call. On the owner's thread; included by the files of the lookup alone.
 */
#ifndef PIPCI_LOOKUP_H
#define PIPCI_LOOKUP_H

#include "client.h"

/* Bytes of collected items; those of one exchange together. Never moved, so items point into it. */
struct pipci_lookup_block;

struct pipci_lookup {
    struct pipc_client *client;
    const struct pipci_codec *codec;
    const struct pipc_lookup_hooks *hooks;
    const void *keys;
    uint32_t count;
    uint32_t start; /* the first key without a result */
    void *view;     /* the caller's; every response is decoded into it, the final one last */
    struct pipc_wait wait;

    uint32_t subcalls;
    bool answered;       /* a response has told the generation */
    bool whole;          /* one response answers all keys: it is the result as it is */
    uint64_t generation; /* that of all responses */

    /* The exchange at hand. */
    uint32_t asked; /* keys sent, from `start` on */
    uint32_t accepted;
    bool oversized; /* item 0 is PIPC_LOOKUP_OVERSIZED */
    const void *payload;
    size_t payload_len;

    /* Collected; `items` is made when it is clear that one response is not enough, and has room for
     * all keys. Items of the exchange at hand point into its payload until they are kept. */
    struct pipc_lookup_raw *items;
    uint64_t size; /* of a response with all kept items */
    struct pipci_lookup_block *blocks;
};

static inline const void *pipci_lookup_key(const struct pipci_lookup *lookup, uint32_t index)
{
    return (const char *)lookup->keys + (size_t)index * lookup->hooks->key_size;
}

/* A failure of the call itself: nobody is asked again, the session stays. */
pipc_result pipci_lookup_fail(struct pipci_lookup *lookup, pipc_result result, const char *format,
                              ...) PIPCI_PRINTF(3, 4);

/* ---- lookup_exchange.c ---- */

/* One subcall: `n` keys from `start` on, whose request has `size` bytes. Counts it against the
 * ceiling, sends it with recovery, judges the response; then `accepted`, `oversized`, `whole` and,
 * if there are any, the items are set. */
pipc_result pipci_lookup_subcall(struct pipci_lookup *lookup, uint32_t n, uint64_t size);

/* ---- lookup_collect.c ---- */

/* Room for the items of all keys. */
pipc_result pipci_lookup_items(struct pipci_lookup *lookup);
/* Copies items out of the payload of the exchange at hand. `size`: that of a response with all kept
 * items and these; above the ceiling nothing is copied. */
pipc_result pipci_lookup_keep(struct pipci_lookup *lookup, uint32_t from, uint32_t count,
                              uint64_t size);
/* The result for the key at `start`, made here. */
pipc_result pipci_lookup_keep_local(struct pipci_lookup *lookup);
/* The result of all: assembled into the buffer of the client and decoded. */
pipc_result pipci_lookup_stitch(struct pipci_lookup *lookup);
/* Frees what was collected. */
void pipci_lookup_drop(struct pipci_lookup *lookup);

#endif
