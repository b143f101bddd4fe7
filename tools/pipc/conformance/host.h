/* SPDX-License-Identifier: Apache-2.0
 *
 * A host table that watches: for modules that a case drives itself.
 *
 * Counts, poisons and guards memory, can refuse the n-th allocation, keeps the last line of the
 * log, and ends the case when the table is used by a thread that the kit did not start or after
 * fini. Safe from the threads of the case.
 */
#ifndef PIPC_KIT_HOST_H
#define PIPC_KIT_HOST_H

#include "kit.h"

#include <pthread.h>

#define KIT_QUARANTINE 64u

struct kit_host {
    struct pipc_host table;
    pthread_mutex_t lock;
    size_t blocks;  /* alive */
    size_t allocs;  /* asked for since fail_at was set */
    size_t fail_at; /* this one is refused (1: the next), 0: none */
    bool refused;   /* it has happened */
    bool closed;    /* fini has returned */
    unsigned log_lines;
    char last_log[256];
    void *quarantine[KIT_QUARANTINE]; /* freed, poisoned, not given back yet */
    unsigned next;
    /* What the module under test wraps; see wrapped.h. */
    bool wrapped;
    struct pipc_transport_ops wrapped_ops;
    void *wrapped_self;
};

void kit_host_init(struct kit_host *host);
/* From here on any use ends the case; everything must have been freed. */
void kit_host_close(struct kit_host *host);
/* The `nth` allocation from now on is refused, 0: none. */
void kit_host_refuse(struct kit_host *host, size_t nth);
/* The calling thread belongs to the case. Every thread that a case starts says so first. */
void kit_thread_known(void);

#endif
