/* SPDX-License-Identifier: Apache-2.0
 *
 * The first thread of a program, before threads are counted.
 */
#include "../server_watch.h"

#include <sys/syscall.h>
#include <unistd.h>

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
