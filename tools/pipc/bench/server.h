/* SPDX-License-Identifier: Apache-2.0
 *
 * The servers of `pipc bench`.
 */
#ifndef PIPC_BENCH_SERVER_H
#define PIPC_BENCH_SERVER_H

#include "bench.h"

/* Requests and answers of the plain loop: a batch of 1000 numbers fits. */
#define SERVER_REQUEST_BYTES 65536u

/* What the child needs; lives in the parent until the side has started. */
struct server_plan {
    const struct row *row;
    struct contender *contender;
    bool managed; /* level 2 */
    const char *run_dir, *service, *kind;
    uint32_t table_major;
    const void *handler; /* of the codec's header, for a managed one */
    struct pipc_session_settings settings;
    struct pipc_server_config config;
};

/* Starts it as the other side of the contender. -1, or an exit code with the reason said. */
int server_start(struct server_plan *plan);

/* Adds one and gives it back. */
uint32_t increment_one(void *user, const struct pipc_request *from, uint64_t value,
                       uint64_t *ret_value);

#endif
