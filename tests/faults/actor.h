/* SPDX-License-Identifier: Apache-2.0
 *
 * The two actors of the chaos suite, and the page that they share with the script that disturbs
 * them (tests/faults/run), which knows its layout.
 */
#ifndef PIPC_TESTS_FAULTS_ACTOR_H
#define PIPC_TESTS_FAULTS_ACTOR_H

#include <pipc/pipc.h>

#include <stdbool.h>

/* Written by the actor, but for the last three. All atomic. */
struct actor_page {
    uint64_t calls, call_failures;
    uint64_t refreshes, refresh_failures;
    uint64_t late;      /* operations that ended long after their deadline */
    uint64_t lost;      /* times that a cache did not hold what it held before */
    uint64_t forks;     /* children that did what children may do, and nothing else */
    uint64_t bad_forks; /* the others */
    uint64_t signals;   /* that were handled */
    uint64_t longest_ms;
    int64_t clock_step_s; /* added to the clock of the wall */
    uint64_t lenient;     /* not 0: lateness does not count, somebody stopped this process */
    uint64_t plant;   /* not 0: this number is answered wrongly, to see whether that is noticed */
    uint64_t patient; /* not 0: operations have PATIENT_MS, however busy the machine is */
};

extern struct actor_page *actor_page;
extern volatile int actor_stop;        /* set by SIGTERM */
extern volatile int actor_fork_wanted; /* set by SIGUSR2 */

struct pipc_context *actor_context(const char *transports, uint32_t packet_size);
void actor_count(uint64_t *counter);
/* A child that runs actor_in_child; waits for it. */
void actor_fork(void);

/* Each runs until SIGTERM and returns the exit status. */
int actor_provide(struct pipc_context *context, const char *dir);
int actor_consume(struct pipc_context *context, const char *dir, unsigned seed,
                  uint32_t timeout_ms);
/* What a child of the actor does with its parent's objects; the exit status. */
extern int (*actor_in_child)(void);
/* The handler of SIGTERM calls it too. */
extern void (*actor_at_stop)(void);

#define ACTOR_ITEMS 200u
/* Item i of the snapshot, the same on both sides. */
void actor_item(uint32_t i, char name[32], char path[96]);
uint64_t actor_now_ms(void);

#endif
