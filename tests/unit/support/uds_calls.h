/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls of libc that the transport makes, in the place of libc's: counted, and made to fail as
 * a test says. The real ones are reached through syscall(), so nothing of the product knows of it.
 *
 * A program that uses this is linked with calls/uds_calls.c; it is not in the archive, which would
 * bring these calls into every program. Only between calls_arm and calls_disarm is anything counted
 * or failed. One thread.
 */
#ifndef PIPC_TESTS_UDS_CALLS_H
#define PIPC_TESTS_UDS_CALLS_H

#include "uds_fixture.h"

enum call {
    CALL_SOCKET,
    CALL_BIND,
    CALL_LISTEN,
    CALL_CONNECT,
    CALL_ACCEPT,
    CALL_SENDMSG,
    CALL_RECVMSG,
    CALL_POLL,
    CALL_GETSOCKOPT,
    CALL_OPEN,
    CALL_FSTATAT,
    CALL_UNLINKAT,
    CALL_FCHMOD,
    CALL_FCHMODAT,
    CALL_FLOCK,
    CALL_SOCKETPAIR,
    CALL_UMASK,
    CALL_COUNT
};

/* After `skip` calls the next `times` fail with `code`; with code 0 they return `value` and do
 * nothing. */
struct call_fault {
    unsigned skip, times;
    int code;
    long value;
    bool really;                       /* the call is made all the same */
    void (*meanwhile)(unsigned count); /* before each call */
};

extern bool calls_armed;
extern struct call_fault call_faults[CALL_COUNT];
extern unsigned call_counts[CALL_COUNT]; /* since calls_arm */

void calls_arm(void);
/* Forgets the faults too. */
void calls_disarm(void);
/* Lets the call fail `times` times with `code`, after `skip` good ones. */
void call_fail(enum call call, unsigned skip, unsigned times, int code);
unsigned calls_total(void);

/* A listener and one connection to it. */
struct both {
    struct uds_fixture f;
    void *listener, *client, *server;
};

void both_open(struct both *b);
/* Disarms first. */
void both_close(struct both *b);

#endif
