/* SPDX-License-Identifier: Apache-2.0
 *
 * A histogram of times in log-linear buckets. Adding is a few instructions. Pure.
 */
#include "measure.h"

#include <string.h>

#define FINE (UINT64_C(1) << HISTOGRAM_FINE_BITS)
#define MOST ((UINT64_C(1) << HISTOGRAM_MOST_BITS) - 1)

/* Below FINE the value itself; above, the power of two and the HISTOGRAM_FINE_BITS bits behind its
 * first one. */
static size_t bucket_of(uint64_t ns)
{
    if (ns > MOST)
        ns = MOST;
    if (ns < FINE)
        return (size_t)ns;
    const unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - HISTOGRAM_FINE_BITS;
    return (size_t)(((uint64_t)shift << HISTOGRAM_FINE_BITS) + (ns >> shift));
}

/* The middle of a bucket. */
static uint64_t value_of(size_t bucket)
{
    if (bucket < FINE)
        return bucket;
    const unsigned shift = (unsigned)(bucket >> HISTOGRAM_FINE_BITS) - 1u;
    const uint64_t low = (bucket - ((uint64_t)shift << HISTOGRAM_FINE_BITS)) << shift;
    return low + ((UINT64_C(1) << shift) - 1) / 2;
}

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof(*h));
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->buckets[bucket_of(ns)]++;
    h->count++;
}

uint64_t histogram_at(const struct histogram *h, double share)
{
    uint64_t rank, seen = 0;

    if (!h->count)
        return 0;
    rank = share <= 0 ? 1 : (uint64_t)(share * (double)h->count);
    if ((double)rank < share * (double)h->count)
        rank++; /* rounded up: the rank that covers the share */
    if (rank < 1)
        rank = 1;
    if (rank > h->count)
        rank = h->count;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= rank)
            return value_of(i);
    }
    return MOST;
}
