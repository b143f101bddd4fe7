/* SPDX-License-Identifier: Apache-2.0
 *
 * The search for a hash value in the index of a snapshot, for building and for look-ups.
 *
 * Eight tags are compared at once, by arithmetic on one 64-bit word. A value that is not there ends
 * in its first bucket, without a look at slot or key, unless the bucket is full (rare) or one of
 * its tags is equal by chance (1 of 128 for each). Pure: any thread.
 */
#ifndef PIPCI_SNAPSHOT_PROBE_H
#define PIPCI_SNAPSHOT_PROBE_H

#include "cache.h"

#include <string.h>

#define PROBE_ONES  UINT64_C(0x0101010101010101)
#define PROBE_HIGHS UINT64_C(0x8080808080808080)

struct probe {
    uint32_t hash;
    uint32_t bucket;
    unsigned char tag;
};

/* Multiply-shift hashing: the factor is secret, so which values meet in a bucket cannot be chosen
 * from outside. One multiplication alone, because everything that follows waits for it. */
static inline struct probe probe_make(const struct pipci_cache_index *index, uint32_t hash)
{
    const uint64_t x = hash * index->factor;
    struct probe probe;

    probe.hash = hash;
    probe.bucket = (uint32_t)(x >> index->shift);
    probe.tag = (unsigned char)((x >> 24) | 0x80);
    return probe;
}

/* The tags of a bucket, the first one in the lowest byte. */
static inline uint64_t probe_tags(const struct pipci_cache_index *index, uint32_t bucket)
{
    uint64_t word;

    memcpy(&word, index->tags + (size_t)bucket * PIPCI_CACHE_BUCKET, sizeof(word));
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* High bits of the bytes that are the tag, and perhaps of one above such a byte, by the borrow: who
 * finds one compares the hash. */
static inline uint64_t probe_equal(uint64_t tags, const struct probe *probe)
{
    const uint64_t other = tags ^ (PROBE_ONES * probe->tag);

    return (other - PROBE_ONES) & ~other & PROBE_HIGHS;
}

/* High bits of the free ones. */
static inline uint64_t probe_empty(uint64_t tags)
{
    return ~tags & PROBE_HIGHS;
}

/* The first slot among such bits. */
static inline uint32_t probe_slot(uint32_t bucket, uint64_t bits)
{
    return bucket * PIPCI_CACHE_BUCKET + (uint32_t)__builtin_ctzll(bits) / 8;
}

/* True: *ret_slot has this hash. False: nothing has it, and *ret_slot is the free slot where it
 * would be. At least half of the slots are free, so that the search ends. */
static inline bool probe_find(const struct pipci_cache_index *index, const struct probe *probe,
                              uint32_t *ret_slot)
{
    for (uint32_t bucket = probe->bucket;; bucket = (bucket + 1) & index->mask) {
        const uint64_t tags = probe_tags(index, bucket);
        for (uint64_t equal = probe_equal(tags, probe); equal; equal &= equal - 1) {
            *ret_slot = probe_slot(bucket, equal);
            if (index->slots[*ret_slot].hash == probe->hash)
                return true;
        }
        if (probe_empty(tags)) {
            *ret_slot = probe_slot(bucket, probe_empty(tags));
            return false;
        }
    }
}

static inline int key_compare(const struct pipci_cache_key *key, const void *name, size_t len)
{
    if (key->len != len)
        return key->len < len ? -1 : 1;
    return len ? memcmp(key->bytes, name, len) : 0;
}

#endif
