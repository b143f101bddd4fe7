/* SPDX-License-Identifier: Apache-2.0
 *
 * What a server comes to: its counters, and the threads and descriptors it leaves. The last two are
 * those of the whole process.
 */
#include "server_watch.h"

#include <sys/syscall.h>
#include <unistd.h>

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

static void *tell_id(void *arg)
{
    *(long *)arg = syscall(SYS_gettid);
    return NULL;
}

/* A thread that has been joined is in the system's list for a moment longer. */
static bool is_off_the_list(void *arg)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/task/%ld", *(long *)arg);
    return access(path, F_OK) != 0;
}

void server_warm_up(void)
{
    pthread_t warm_up;
    long id = 0;

    CHECK_EQ(pthread_create(&warm_up, NULL, tell_id, &id), 0);
    CHECK_EQ(pthread_join(warm_up, NULL), 0);
    test_wait_until(is_off_the_list, &id, 2000, "the end of a thread that was joined");
}
