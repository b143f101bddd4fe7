/* SPDX-License-Identifier: Apache-2.0
 *
 * The schedule of a target rate, and medians. Pure.
 */
#include "measure.h"

#include <stdlib.h>

#define NS_PER_S       UINT64_C(1000000000)
#define SLEEPS_AT_MOST 20000u

/* In two parts, so that nothing overflows in centuries. */
uint64_t pace_due(const struct pace *pace)
{
    return pace->start_ns + pace->sent / pace->rate * NS_PER_S +
           pace->sent % pace->rate * NS_PER_S / pace->rate;
}

bool pace_sleeps(uint32_t rate)
{
    return rate <= SLEEPS_AT_MOST;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

double median_of(double *values, size_t count)
{
    if (!count)
        return 0;
    qsort(values, count, sizeof(*values), compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}
