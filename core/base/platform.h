/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract of a port: all that the core needs of an operating system, besides the modules.
 *
 * Implemented in posix/, linux/ and windows/ by files of the same names and functions; no other
 * file of the core, and nothing in snapshot/, has a system conditional. Functions may be called
 * from any thread.
 */
#ifndef PIPCI_PLATFORM_H
#define PIPCI_PLATFORM_H

#include "base.h"

/* ---- process ---- */

/* Identity of this process; cheap; differs in a forked child. */
uint64_t pipci_process_id(void);
/* CPUs that this process may use, at least 1. */
uint32_t pipci_cpu_count(void);
/* Measured cost of one sleep and wake-up in nanoseconds; takes about a millisecond. */
uint64_t pipci_measure_sleep_cost(void);
/* Unpredictable bits (seeds of hash tables, jitter). Never fails; falls back to clock and address.
 */
uint64_t pipci_random(void);
/* A system's code (errno, GetLastError) in English words, without locale; unknown ones are written
 * to `buf`. */
const char *pipci_os_text(int32_t code, char *buf, size_t cap);

/* ---- events: sticky, with a handle that polls readable (is signalled) while set ---- */

struct pipci_event {
    pipc_handle handle;
    uint32_t flag;  /* set before the handle is, cleared after; atomic */
    uint32_t ready; /* 1 after init */
};
/* PIPC_ERR_SOCKET with the system's code. */
pipc_result pipci_event_init(struct pipci_event *event, struct pipc_error *err);
/* Idempotent; async-signal-safe; never blocks. */
void pipci_event_set(struct pipci_event *event);
/* One thread at a time. */
void pipci_event_clear(struct pipci_event *event);
bool pipci_event_is_set(const struct pipci_event *event);
/* Frees; harmless on a zeroed one. */
void pipci_event_done(struct pipci_event *event);

/* ---- threads, locks, conditions ---- */

struct pipci_thread; /* opaque, heap */
/* Starts a thread with every signal blocked and a stack of `stack` bytes (0: the default).
 * PIPC_ERR_ALLOC with the system's code. */
pipc_result pipci_thread_start(const struct pipc_allocator *a, void (*run)(void *arg), void *arg,
                               size_t stack, struct pipci_thread **ret_thread,
                               struct pipc_error *err);
/* Waits for its end and frees it. */
void pipci_thread_join(const struct pipc_allocator *a, struct pipci_thread *thread);
/* In a forked child, where the thread does not exist: frees only. NULL is accepted. */
void pipci_thread_abandon(const struct pipc_allocator *a, struct pipci_thread *thread);
/* True on that thread itself. */
bool pipci_thread_is_current(const struct pipci_thread *thread);
/* Number that tells threads of this process apart while they live. */
uint64_t pipci_thread_self(void);

/* Opaque storage, so that objects can hold locks by value. */
struct pipci_mutex {
    uint64_t storage[8];
};
struct pipci_cond {
    uint64_t storage[8];
};
pipc_result pipci_mutex_init(struct pipci_mutex *mutex);
void pipci_mutex_done(struct pipci_mutex *mutex);
void pipci_mutex_lock(struct pipci_mutex *mutex);
void pipci_mutex_unlock(struct pipci_mutex *mutex);
pipc_result pipci_cond_init(struct pipci_cond *cond);
void pipci_cond_done(struct pipci_cond *cond);
void pipci_cond_broadcast(struct pipci_cond *cond);
/* Waits until woken (early wake-ups are possible) or the deadline; false at the deadline. Monotonic
 * clock. */
bool pipci_cond_wait(struct pipci_cond *cond, struct pipci_mutex *mutex, uint64_t deadline_ns);

/* ---- waiting for handles ---- */

struct pipci_poll {
    pipc_handle handle; /* PIPC_NO_HANDLE: ignored */
    uint32_t want;      /* PIPCI_POLL_... */
    uint32_t got;       /* set by the call; INVALID for a handle that is none */
};
#define PIPCI_POLL_READ    1u
#define PIPCI_POLL_WRITE   2u
#define PIPCI_POLL_HANGUP  4u
#define PIPCI_POLL_INVALID 8u
#define PIPCI_POLL_MAX     256u /* handles in one call; more are PIPC_ERR_BAD_PARAM */
/* Waits for any; returns how many have something, 0 at the deadline. EINTR is retried.
 * PIPC_ERR_RECV on failure. */
pipc_result pipci_poll(struct pipci_poll *polls, uint32_t count, uint64_t deadline_ns,
                       uint32_t *ret_ready);
/* Bytes that pipci_poll_in works in. */
size_t pipci_poll_room(uint32_t count);
/* The same for any number of handles, in memory of the caller that is aligned as that of an
 * allocator. */
pipc_result pipci_poll_in(struct pipci_poll *polls, uint32_t count, void *room,
                          uint64_t deadline_ns, uint32_t *ret_ready);
/* Sleeps until the deadline or until `abort` is readable: PIPC_ERR_TIMEOUT, ABORTED, BAD_PARAM
 * (abort is no handle). */
pipc_result pipci_sleep(const struct pipc_wait *wait);

/* ---- files ---- */

/* Reads a whole file of at most `max` bytes into memory of `a`, NUL behind it. Follows links.
 * PIPC_ERR_CONFIG with the system's code; a sentence that names the path. Never blocks on a FIFO.
 */
pipc_result pipci_file_read(const struct pipc_allocator *a, const char *path, size_t max,
                            char **ret_bytes, size_t *ret_len, struct pipc_error *err);
/* The same for a secret, which belongs to root or the effective user and is not readable by others.
 * What is judged is the file that was opened: secrets of containers are links. Windows refuses
 * links. */
pipc_result pipci_file_read_secret(const struct pipc_allocator *a, const char *path, size_t max,
                                   char **ret_bytes, size_t *ret_len, struct pipc_error *err);
/* Names of the regular files and links in a directory, unsorted. PIPC_ERR_CONFIG. */
pipc_result pipci_dir_list(const char *path, void *arg,
                           pipc_result (*entry)(void *arg, const char *name),
                           struct pipc_error *err);
/* True if `path` is absolute on this system. */
bool pipci_path_is_absolute(const char *path);
/* What a relative path means now, in memory of `a`; NULL where it stands for itself or where that
 * cannot be told. PIPC_ERR_ALLOC. */
pipc_result pipci_path_whole(const struct pipc_allocator *a, const char *path, char **ret_whole);
/* The last component of a path: what is behind its last separator. */
const char *pipci_path_base(const char *path);

#endif
