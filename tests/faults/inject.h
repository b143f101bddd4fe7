/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults: the n-th call by which the library asks for memory or for anything of the system fails.
 *
 * Nothing of it is in the product. A program that uses this is linked statically with library and
 * modules, and the linker hands every call listed in calls.txt to this file first (--wrap); memory
 * is that of the allocator below. Only between inject_arm and inject_disarm is anything counted or
 * failed, and only on threads that are not exempt. Any thread may make the calls; one arms them.
 */
#ifndef PIPC_TESTS_FAULTS_INJECT_H
#define PIPC_TESTS_FAULTS_INJECT_H

#include <pipc/types.h>

#include <stdbool.h>

/* Every call, with the codes that it is made to fail with, one after the other. A code of 0 stands
 * for a result that is no error of the system: an end of file, or no handle of the loader. */
#define INJECT_MAP(X)                                     \
    X(ALLOC, ENOMEM)                                      \
    X(OPEN, EMFILE, EACCES, ENOENT, EIO)                  \
    X(OPENAT, EMFILE, EACCES, ENOENT, EEXIST)             \
    X(FSTAT, EIO)                                         \
    X(FSTATAT, EACCES, ENOENT)                            \
    X(LSTAT, EACCES, ENOENT)                              \
    X(READ, EINTR, EIO)                                   \
    X(PREAD, EINTR, EIO, 0)                               \
    X(PWRITE, EINTR, EIO, ENOSPC)                         \
    X(OPENDIR, EMFILE, EACCES)                            \
    X(FDOPENDIR, ENOMEM)                                  \
    X(READDIR, EIO)                                       \
    X(FOPEN, EMFILE, ENOENT)                              \
    X(UNLINKAT, EACCES, ENOENT, EBUSY)                    \
    X(FCHMOD, EPERM)                                      \
    X(FCHMODAT, EPERM)                                    \
    X(FCHOWNAT, EPERM)                                    \
    X(FLOCK, EINTR, EWOULDBLOCK, ENOLCK)                  \
    X(FALLOCATE, EINTR, ENOSPC, EFBIG, EOPNOTSUPP)        \
    X(FSTATFS, EIO)                                       \
    X(MMAP, ENOMEM, EACCES)                               \
    X(SOCKET, EMFILE, ENOBUFS, EAFNOSUPPORT)              \
    X(SOCKETPAIR, EMFILE)                                 \
    X(BIND, EADDRINUSE, EACCES, ENOSPC)                   \
    X(LISTEN, EADDRINUSE)                                 \
    X(CONNECT, ENOENT, ECONNREFUSED, EAGAIN, EACCES)      \
    X(ACCEPT, EMFILE, ECONNABORTED, EINTR, EAGAIN, EPERM) \
    X(SEND, EINTR, EAGAIN, ENOBUFS, EPIPE)                \
    X(RECV, EINTR, EAGAIN, ECONNRESET, ENOMEM)            \
    X(POLL, EINTR, ENOMEM)                                \
    X(GETSOCKOPT, ENOPROTOOPT)                            \
    X(SETSOCKOPT, ENOMEM)                                 \
    X(GETSOCKNAME, ENOBUFS)                               \
    X(FCNTL, EBADF)                                       \
    X(IOCTL, EINVAL)                                      \
    X(SHUTDOWN, ENOTCONN)                                 \
    X(KILL, ESRCH, EPERM)                                 \
    X(EVENTFD, EMFILE)                                    \
    X(GETRANDOM, ENOSYS)                                  \
    X(GETRLIMIT, EINVAL)                                  \
    X(AFFINITY, EINVAL)                                   \
    X(PRCTL, EINVAL)                                      \
    X(NANOSLEEP, EINTR)                                   \
    X(FUTEX, EINTR, EAGAIN)                               \
    X(ACCOUNT, ENOMEM)                                    \
    X(THREAD, EAGAIN)                                     \
    X(MUTEX, ENOMEM)                                      \
    X(COND, ENOMEM)                                       \
    X(DLOPEN, 0)                                          \
    X(DLSYM, 0)                                           \
    X(DLINFO, 0)

enum inject_call {
#define INJECT_ENUM_(name, ...) INJECT_##name,
    INJECT_MAP(INJECT_ENUM_)
#undef INJECT_ENUM_
        INJECT_CALL_COUNT
};

/* One fault: the `at`-th call (from 1) fails with the `variant`-th of its codes. `lasting`: every
 * later call of that kind too. */
struct inject_fault {
    unsigned at, variant;
    bool lasting;
};

/* What became of it. */
struct inject_outcome {
    unsigned calls;        /* counted while armed */
    bool hit;              /* the fault's call was made */
    enum inject_call call; /* which it was */
    int code;
};

void inject_arm(const struct inject_fault *fault);
struct inject_outcome inject_disarm(void);

/* This thread, and every thread that it starts from now on, is neither counted nor failed. */
void inject_exempt(bool exempt);

const char *inject_call_name(enum inject_call call);
unsigned inject_variants(enum inject_call call);
/* Codes that the library answers by trying again: the operation is the same as without. */
bool inject_is_transient(enum inject_call call, int code);
/* May be lasting: the library does not wait for its end. */
bool inject_may_last(enum inject_call call, int code);

/* The allocator to open contexts with. */
extern const struct pipc_allocator inject_allocator;

/* What the library holds of the process now. */
struct inject_held {
    long blocks, mappings, threads, descriptors;
};
struct inject_held inject_held(void);

#endif
