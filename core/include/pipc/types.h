/* SPDX-License-Identifier: Apache-2.0
 *
 * Types that every layer shares: handles, deadlines, waits, endpoints, byte views, allocator.
 *
 * Everything here crosses the line between core and modules: fixed-width integers, pointers and
 * size_t only. A struct that can grow begins with its size, set by whoever made it.
 */
#ifndef PIPC_TYPES_H
#define PIPC_TYPES_H

#include <pipc/result.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A file descriptor (POSIX) or a HANDLE (Windows). */
typedef intptr_t pipc_handle;
#define PIPC_NO_HANDLE ((pipc_handle)-1)

/* In place of a deadline (nanoseconds) or of a timeout (milliseconds): look once, never block.
 * This is never the number 0, which means "no deadline" on Level 1 and "the default" on Level 2. */
#define PIPC_NOW UINT64_MAX
/* In place of a deadline in nanoseconds: wait for ever. */
#define PIPC_NEVER (UINT64_MAX - 1)

#define PIPC_NS_PER_MS UINT64_C(1000000)

/* How long, and until what, an operation may block. Read only for the callee.
 * Precedence at every wait: abort, then data, then deadline (docs/level1-transport.md 13). */
struct pipc_wait {
    uint32_t size;
    uint32_t reserved;
    uint64_t deadline_ns; /* absolute, monotonic clock; PIPC_NOW or PIPC_NEVER */
    /* Aborts while readable (POSIX) or signalled (Windows); never consumed. PIPC_NO_HANDLE: none.
     */
    pipc_handle abort;
    /* When not NULL: this word says whether `abort` is signalled (non-zero), so that looking costs
     * no system call; it is set before the handle. Read it with pipc_wait_aborted() of pipc/wait.h.
     * Without a handle who sets it interrupts the channel. */
    const uint32_t *abort_flag;
};

/* Where a service is found. Both strings belong to the caller and live during the call. The core
 * has checked the service name (docs/level1-transport.md 3.1) and that run_dir is not empty. */
struct pipc_endpoint {
    uint32_t size;
    uint32_t reserved;
    const char *run_dir;
    const char *service;
};

/* A piece of a packet: gathered on send, scattered on receive (then `base` is written to). */
struct pipc_piece {
    void *base;
    size_t len;
};

/* Who is at the other end, as far as the system knows. */
struct pipc_peer {
    uint32_t size;
    uint32_t known; /* PIPC_PEER_... bits of the fields below that are known */
    uint32_t pid;
    uint32_t uid;
    uint32_t gid;
    uint32_t reserved;
};
#define PIPC_PEER_PID 1u
#define PIPC_PEER_UID 2u
#define PIPC_PEER_GID 4u

/* Borrowed bytes. In views of decoded messages the byte behind the last one is readable and NUL
 * (docs/codec.md 4). Lives as long as the bytes that it points to; copy what is needed longer. */
struct pipc_str_view {
    const char *ptr;
    size_t len;
};

/* Memory of a context. `alloc` returns NULL on failure; `arg` is handed back. Every function may be
 * called from any thread that uses the context. Sizes are never 0. */
struct pipc_allocator {
    uint32_t size;
    uint32_t reserved;
    void *arg;
    void *(*alloc)(void *arg, size_t size);
    void *(*realloc)(void *arg, void *ptr, size_t size);
    void (*free)(void *arg, void *ptr);
};

#ifdef __cplusplus
}
#endif
#endif
