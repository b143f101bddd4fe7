/* SPDX-License-Identifier: Apache-2.0
 *
 * Private parts of the snapshot cache: the immutable snapshot, its index, and the cache around
 * them.
 *
 * A snapshot never changes after it was published; threads share it by counting references.
 * Everything that changes is in the cache, under its short lock or atomic. The short lock is never
 * held across I/O, allocation, copying of items, or a call into a module.
 */
#ifndef PIPCI_SNAPSHOT_CACHE_H
#define PIPCI_SNAPSHOT_CACHE_H

#include "../core/base/base.h"
#include "../core/base/platform.h"
#include "../core/module/context.h"

#include <pipc/snapshot.h>

/* Key of one item, taken once when it was copied; the bytes are in the snapshot's own strings. */
struct pipci_cache_key {
    const char *bytes;
    uint32_t len;
    uint32_t hash;
};

/* The items of one hash value, when there are more than one. */
struct pipci_cache_group {
    uint32_t first; /* where they begin in `grouped_items` */
    uint32_t count;
};

/* One hash value. All that a look-up needs before it compares names stands together. */
struct pipci_cache_slot {
    uint32_t hash;
    uint32_t number; /* of the item, or of the group with PIPCI_CACHE_GROUPED */
    uint32_t len;    /* of the item's key */
    int32_t at;      /* its bytes, counted from those of the first key */
};
#define PIPCI_CACHE_GROUPED UINT32_C(0x80000000)

/* Slots stand in buckets of eight, which are looked at together. */
#define PIPCI_CACHE_BUCKET 8u

/* Finds items by key. Buckets are chosen by the hash times a factor that the provider does not
 * know; items that share a hash value take one slot and stand sorted in `grouped_items`, so that a
 * hostile choice of values costs a logarithm and no more. */
struct pipci_cache_index {
    uint64_t factor;     /* secret and odd */
    const char *base;    /* bytes of the first key */
    unsigned char *tags; /* one for each slot: 0 is free, else some bits of the mixed hash */
    struct pipci_cache_slot *slots;
    uint32_t shift; /* of a product, to the number of a bucket */
    uint32_t mask;  /* buckets less one, a power of two less one */
    uint32_t group_count;
    uint32_t grouped; /* entries of grouped_items */
    struct pipci_cache_group *groups;
    uint32_t *grouped_items; /* inside a group by length, bytes, order of the provider */
};

struct pipc_cache_snapshot {
    struct pipci_cache_index index; /* first, with `items`: what look-ups read */
    unsigned char *items;
    uint32_t item_size;
    uint32_t count;
    struct pipci_cache_key *keys;
    char *strings;
    unsigned char *head;
    uint32_t head_size;
    uint32_t references; /* atomic */
    uint64_t generation;
    struct pipc_context *context; /* held, because memory and hooks come from it */
    const struct pipc_snapshot_hooks *hooks;
};

struct pipc_cache {
    struct pipc_context *context;
    const struct pipc_allocator *allocator;
    const struct pipci_codec *codec;
    const struct pipc_snapshot_hooks *hooks;
    struct pipc_client *client;
    void *output; /* what the call decodes into; belongs to the refreshing thread */
    uint64_t seed;
    uint32_t table_major;
    uint32_t timeout_ms; /* atomic; default time of a refresh */
    uint32_t aborted;    /* atomic */
    uint32_t populated;  /* atomic */
    uint32_t closed;     /* atomic */

    struct pipci_mutex lock; /* the short lock: everything below */
    struct pipci_cond turn;  /* `refreshing` became false */
    bool refreshing;
    struct pipc_cache_snapshot *current;
    uint32_t successes;
    uint32_t failures;
    uint64_t last_refresh_ms;
    struct pipc_error last_error;
    struct pipc_client_status client_status; /* after the last refresh */
};

/* Copies what the last call left in cache->output. The refreshing thread. ALLOC, ABORTED, the
 * items' own errors; BAD_LAYOUT for more string bytes than the payload has. *ret_blame: the data
 * are at fault. */
pipc_result pipci_cache_build(struct pipc_cache *cache, uint64_t payload_len,
                              struct pipc_cache_snapshot **ret_snapshot, bool *ret_blame,
                              struct pipc_error *err);

/* Bytes of memory, aligned to 16, that an index of so many keys needs; UINT64_MAX: too many keys.
 */
uint64_t pipci_cache_index_size(uint32_t count);
/* Makes an index of the keys in such memory, which lives as long as the index. */
void pipci_cache_index_make(struct pipci_cache_index *index, void *memory, uint64_t seed,
                            const struct pipci_cache_key *keys, uint32_t count);
/* Number of the first item with this key, UINT32_MAX if there is none. */
uint32_t pipci_cache_index_find(const struct pipci_cache_index *index,
                                const struct pipci_cache_key *keys, uint32_t hash, const void *name,
                                size_t name_len);

/* Gives one reference back; the last one frees. NULL is accepted. Any thread. */
void pipci_cache_snapshot_release(struct pipc_cache_snapshot *snapshot);

#endif
