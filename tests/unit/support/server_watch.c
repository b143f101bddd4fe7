/* SPDX-License-Identifier: Apache-2.0
 *
 * What a server comes to: its counters, and the threads and descriptors it leaves. The last two are
 * those of the whole process.
 */
#include "server_watch.h"

bool server_has_number(void *arg)
{
    const struct watched_number *number = arg;
    const struct pipc_server_status status = server_status(number->hosted);
    uint64_t now = 0;
    memcpy(&now, (const char *)&status + number->offset, sizeof(now));
    return now == number->value;
}

bool server_counts_are_back(void *arg)
{
    const struct watched_counts *before = arg;
    return test_open_descriptors() <= before->descriptors && test_threads() <= before->threads;
}
