/* SPDX-License-Identifier: Apache-2.0
 *
 * The arithmetic of measuring: a histogram of times, the schedule of a target rate, medians.
 *
 * Pure: no clock, no system call, no allocation. One thread at a time uses an object.
 */
#ifndef PIPC_BENCH_MEASURE_H
#define PIPC_BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- histogram ---- */

/* Buckets are exact up to 2^7 ns; above, each power of two has 128, so that a bucket is at most
 * 0.8 % wide. Times above 2^36 ns (69 s) count as that. */
#define HISTOGRAM_FINE_BITS 7u
#define HISTOGRAM_MOST_BITS 36u
#define HISTOGRAM_BUCKETS   ((HISTOGRAM_MOST_BITS - HISTOGRAM_FINE_BITS + 1u) << HISTOGRAM_FINE_BITS)

struct histogram {
    uint64_t count;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t ns);
/* The time that `share` (0 to 1) of the values do not exceed: the middle of the bucket that holds
 * the value of that rank. 0 when there are no values. */
uint64_t histogram_at(const struct histogram *h, double share);

/* ---- schedule ---- */

/* Sends at a fixed rate. The n-th is due at start + n / rate whatever became of the ones before, so
 * that a late one does not move the others, and its lateness is part of its latency. */
struct pace {
    uint64_t start_ns;
    uint64_t sent;
    uint32_t rate; /* a second, above 0 */
};

/* When the next send is due. */
uint64_t pace_due(const struct pace *pace);
/* Whether waiting for the next one is done by sleeping. Above 20,000 a second a timer is too
 * coarse, and one has to spin. */
bool pace_sleeps(uint32_t rate);

/* ---- medians ---- */

/* Sorts `values`; the middle one, or the mean of the two in the middle. 0 for none. */
double median_of(double *values, size_t count);

#endif
