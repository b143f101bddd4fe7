/* SPDX-License-Identifier: Apache-2.0
 *
 * What operations may come to when a call of theirs failed, by the pages: the result of the layer
 * that made the call (docs/results.md), the stale table (level1-posix-uds.md 5), planes that leave
 * a handshake with their reason (level1-transport.md 6.1 step 14b), recovery (level2-typed-api.md
 * 7).
 */
#include "world.h"

#define END                    \
    {                          \
        .results = { PIPC_OK } \
    }
#define ROW(call_, ...)        \
    {                          \
        INJECT_##call_, false, \
        {                      \
            __VA_ARGS__        \
        }                      \
    }
#define ROW_OR_OK(call_, ...) \
    {                         \
        INJECT_##call_, true, \
        {                     \
            __VA_ARGS__       \
        }                     \
    }

/* An endpoint that cannot be judged is kept: in use. Sweeping what dead servers left is tried only.
 */
const struct expected expect_listen[] = {ROW(ALLOC, PIPC_ERR_ALLOC),
                                         ROW(MUTEX, PIPC_ERR_ALLOC),
                                         ROW(COND, PIPC_ERR_ALLOC),
                                         ROW(EVENTFD, PIPC_ERR_SOCKET),
                                         ROW_OR_OK(OPEN, PIPC_ERR_SOCKET),
                                         ROW(SOCKET, PIPC_ERR_SOCKET, PIPC_ERR_ADDR_IN_USE),
                                         ROW_OR_OK(FSTATAT, PIPC_ERR_SOCKET, PIPC_ERR_ADDR_IN_USE),
                                         ROW(FCHMOD, PIPC_ERR_SOCKET),
                                         ROW(BIND, PIPC_ERR_SOCKET, PIPC_ERR_ADDR_IN_USE),
                                         ROW(LISTEN, PIPC_ERR_SOCKET),
                                         ROW_OR_OK(CONNECT, PIPC_ERR_ADDR_IN_USE),
                                         ROW(UNLINKAT, PIPC_ERR_ADDR_IN_USE),
                                         ROW(FCNTL, PIPC_ERR_BAD_PARAM),
                                         ROW(GETSOCKNAME, PIPC_ERR_BAD_PARAM),
                                         ROW(GETSOCKOPT, PIPC_ERR_BAD_PARAM),
                                         END};

/* A region that cannot be made takes its plane out of the handshake; without another one there is
 * none in common. */
const struct expected expect_handshake[] = {
    ROW(ALLOC, PIPC_ERR_ALLOC, PIPC_ERR_NO_PROFILE),
    ROW_OR_OK(ACCEPT, PIPC_ERR_ACCEPT),
    ROW_OR_OK(POLL, PIPC_ERR_ACCEPT, PIPC_ERR_RECV, PIPC_ERR_SEND),
    ROW_OR_OK(RECV, PIPC_ERR_RECV),
    ROW_OR_OK(SEND, PIPC_ERR_SEND, PIPC_ERR_TIMEOUT),
    ROW_OR_OK(GETSOCKOPT, PIPC_ERR_NO_PROFILE),
    ROW(OPEN, PIPC_ERR_NO_PROFILE),
    ROW_OR_OK(OPENAT, PIPC_ERR_NO_PROFILE),
    ROW(FSTAT, PIPC_ERR_NO_PROFILE),
    ROW(FCHMOD, PIPC_ERR_NO_PROFILE),
    ROW(FSTATFS, PIPC_ERR_NO_PROFILE),
    ROW(FALLOCATE, PIPC_ERR_NO_PROFILE),
    ROW(MMAP, PIPC_ERR_NO_PROFILE),
    ROW_OR_OK(PWRITE, PIPC_ERR_NO_PROFILE),
    END};

const struct expected expect_connect[] = {
    ROW(ALLOC, PIPC_ERR_ALLOC),
    ROW(SOCKET, PIPC_ERR_SOCKET),
    ROW(CONNECT, PIPC_ERR_CONNECT),
    ROW_OR_OK(POLL, PIPC_ERR_CONNECT, PIPC_ERR_RECV, PIPC_ERR_SEND, PIPC_ERR_SOCKET),
    ROW_OR_OK(RECV, PIPC_ERR_RECV),
    ROW_OR_OK(SEND, PIPC_ERR_SEND, PIPC_ERR_TIMEOUT),
    ROW_OR_OK(GETSOCKOPT, PIPC_ERR_NO_PROFILE),
    ROW_OR_OK(OPEN, PIPC_ERR_REGION_OPEN, PIPC_ERR_NO_PROFILE),
    ROW_OR_OK(OPENAT, PIPC_ERR_REGION_OPEN, PIPC_ERR_TIMEOUT),
    ROW(FSTAT, PIPC_ERR_REGION_OPEN),
    ROW_OR_OK(FSTATAT, PIPC_ERR_REGION_OPEN, PIPC_ERR_TIMEOUT),
    ROW_OR_OK(PREAD, PIPC_ERR_REGION_OPEN, PIPC_ERR_REGION_NOT_READY, PIPC_ERR_REGION_BAD_SIZE,
              PIPC_ERR_TIMEOUT),
    ROW(PWRITE, PIPC_ERR_REGION_OPEN, PIPC_ERR_REGION_MAP),
    ROW(FSTATFS, PIPC_ERR_REGION_OPEN),
    ROW(MMAP, PIPC_ERR_REGION_MAP),
    ROW_OR_OK(KILL, PIPC_ERR_REGION_OPEN, PIPC_ERR_DISCONNECTED),
    END};

const struct expected expect_send[] = {ROW(ALLOC, PIPC_ERR_ALLOC),
                                       ROW_OR_OK(SEND, PIPC_ERR_SEND, PIPC_ERR_TIMEOUT),
                                       ROW_OR_OK(POLL, PIPC_ERR_SEND, PIPC_ERR_RECV),
                                       ROW(FSTAT, PIPC_ERR_DISCONNECTED, PIPC_ERR_SEND), END};

const struct expected expect_receive[] = {
    ROW(ALLOC, PIPC_ERR_ALLOC), ROW_OR_OK(RECV, PIPC_ERR_RECV), ROW_OR_OK(POLL, PIPC_ERR_RECV),
    ROW(FSTAT, PIPC_ERR_DISCONNECTED), END};

/* Level 2 tries again what can be tried again. What a call met first is what it ends with when
 * recovery fails too; a shared-memory plane that fails is left for sockets. */
const struct expected expect_client[] = {
    ROW_OR_OK(ALLOC, PIPC_ERR_ALLOC, PIPC_ERR_SEND, PIPC_ERR_DISCONNECTED, PIPC_ERR_NOT_READY),
    ROW_OR_OK(SOCKET, PIPC_ERR_SOCKET, PIPC_ERR_SEND, PIPC_ERR_DISCONNECTED, PIPC_ERR_NOT_READY),
    ROW_OR_OK(CONNECT, PIPC_ERR_CONNECT, PIPC_ERR_SEND, PIPC_ERR_DISCONNECTED, PIPC_ERR_NOT_READY),
    ROW_OR_OK(RECV, PIPC_ERR_RECV, PIPC_ERR_SEND, PIPC_ERR_DISCONNECTED, PIPC_ERR_NOT_READY),
    ROW_OR_OK(SEND, PIPC_ERR_SEND, PIPC_ERR_TIMEOUT, PIPC_ERR_NOT_READY, PIPC_ERR_DISCONNECTED),
    ROW_OR_OK(POLL, PIPC_ERR_RECV, PIPC_ERR_SEND, PIPC_ERR_CONNECT, PIPC_ERR_NOT_READY),
    ROW_OR_OK(FSTAT, PIPC_ERR_REGION_OPEN, PIPC_ERR_DISCONNECTED, PIPC_ERR_NOT_READY),
    ROW_OR_OK(OPEN, PIPC_ERR_REGION_OPEN, PIPC_ERR_NOT_READY, PIPC_ERR_DISCONNECTED),
    ROW_OR_OK(OPENAT, PIPC_ERR_REGION_OPEN, PIPC_ERR_NOT_READY, PIPC_ERR_DISCONNECTED),
    ROW_OR_OK(PREAD, PIPC_ERR_REGION_OPEN, PIPC_ERR_REGION_NOT_READY, PIPC_ERR_NOT_READY,
              PIPC_ERR_DISCONNECTED),
    ROW_OR_OK(PWRITE, PIPC_ERR_REGION_OPEN, PIPC_ERR_REGION_MAP, PIPC_ERR_NOT_READY,
              PIPC_ERR_DISCONNECTED),
    ROW_OR_OK(FSTATAT, PIPC_ERR_REGION_OPEN, PIPC_ERR_NOT_READY, PIPC_ERR_DISCONNECTED),
    ROW_OR_OK(FSTATFS, PIPC_ERR_REGION_OPEN, PIPC_ERR_NOT_READY, PIPC_ERR_DISCONNECTED),
    ROW_OR_OK(MMAP, PIPC_ERR_REGION_MAP, PIPC_ERR_NOT_READY, PIPC_ERR_DISCONNECTED),
    ROW_OR_OK(KILL, PIPC_ERR_DISCONNECTED, PIPC_ERR_NOT_READY),
    ROW(EVENTFD, PIPC_ERR_SOCKET),
    ROW(MUTEX, PIPC_ERR_ALLOC),
    ROW(COND, PIPC_ERR_ALLOC),
    END};
