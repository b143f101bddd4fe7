/* SPDX-License-Identifier: Apache-2.0
 *
 * Waits for what a server comes to: a counter of its status, and the threads and descriptors of the
 * process as they were before.
 *
 * EXPECT_COUNT is for clients that hear of an event before the server has counted it.
 */
#ifndef PIPC_TESTS_SERVER_WATCH_H
#define PIPC_TESTS_SERVER_WATCH_H

#include "server_fixture.h"

#include <stddef.h>

struct watched_number {
    const struct hosted *hosted;
    size_t offset;
    uint64_t value;
};

/* Argument: a struct watched_number. */
bool server_has_number(void *arg);

#define EXPECT_COUNT(hosted_, member, expected)                                           \
    do {                                                                                  \
        struct watched_number n_ = {hosted_, offsetof(struct pipc_server_status, member), \
                                    expected};                                            \
        test_wait_until(server_has_number, &n_, 5000, #member " is " #expected);          \
    } while (0)

struct watched_counts {
    unsigned descriptors, threads;
};

/* Not more than there were; argument: a struct watched_counts. */
bool server_counts_are_back(void *arg);
/* A checker's own thread begins with the first one of the program: here, before threads are
 * counted. */
void server_warm_up(void);

#endif
