/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls of libc by which the shared-memory upgrade makes, finds and removes regions: counted,
 * made to fail, or delayed by something that happens meanwhile, as a test says.
 *
 * A program that uses this is linked with calls/shm_calls.c and wraps these calls (tests/
 * CMakeLists.txt), so that only objects of the program itself are concerned. Only between
 * shm_calls_arm and shm_calls_disarm is anything counted or failed. Any thread may make the calls;
 * one arms them.
 */
#ifndef PIPC_TESTS_SHM_CALLS_H
#define PIPC_TESTS_SHM_CALLS_H

#include "shm_fixture.h"

#include <sys/vfs.h>

enum shm_call {
    SHM_CALL_DIRECTORY, /* open of run_dir */
    SHM_CALL_FDOPENDIR,
    SHM_CALL_CREATE, /* openat that creates */
    SHM_CALL_OPENAT, /* openat of what is there */
    SHM_CALL_FSTATAT,
    SHM_CALL_FSTAT,
    SHM_CALL_FCHMOD,
    SHM_CALL_FSTATFS,
    SHM_CALL_FALLOCATE,
    SHM_CALL_FTRUNCATE,
    SHM_CALL_MMAP,
    SHM_CALL_PREAD,
    SHM_CALL_PWRITE,
    SHM_CALL_UNLINKAT,
    SHM_CALL_KILL,
    SHM_CALL_COUNT
};

/* After `skip` calls the next `times` fail with `code`; with code 0 they return `value` and do
 * nothing. */
struct shm_fault {
    unsigned skip, times;
    int code;
    long value;
    void (*meanwhile)(unsigned count); /* before each call, which it may make itself */
};

extern struct shm_fault shm_faults[SHM_CALL_COUNT];
extern unsigned shm_call_counts[SHM_CALL_COUNT]; /* since shm_calls_arm */
/* What fstatfs says in place of the truth; 0: the truth. */
extern uint32_t shm_false_fs;
/* The process is killed before the call of this number, over all calls; 0: never. */
extern unsigned shm_die_at;

void shm_calls_arm(void);
/* Forgets the faults too. */
void shm_calls_disarm(void);
/* Lets the call fail `times` times with `code`, after `skip` good ones. */
void shm_call_fail(enum shm_call call, unsigned skip, unsigned times, int code);
unsigned shm_calls_total(void);

#endif
