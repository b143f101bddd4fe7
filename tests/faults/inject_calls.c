/* SPDX-License-Identifier: Apache-2.0
 *
 * The wrapped calls. `__real_x` is what the linker would have taken for x; the names stand in
 * calls.txt for the linker's options.
 */
#include "inject_calls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */
#define WRAP(type, call, name, failed, parameters, arguments)                    \
    type __real_##name parameters;                                               \
    type __wrap_##name parameters;                                               \
    type __wrap_##name parameters                                                \
    {                                                                            \
        return inject_fails(INJECT_##call) ? (failed) : __real_##name arguments; \
    }

WRAP(int, FSTAT, fstat, -1, (int fd, struct stat *ret), (fd, ret))
WRAP(int, FSTATAT, fstatat, -1, (int dir, const char *path, struct stat *ret, int flags),
     (dir, path, ret, flags))
WRAP(int, LSTAT, lstat, -1, (const char *path, struct stat *ret), (path, ret))
WRAP(ssize_t, PREAD, pread, errno ? -1 : 0, (int fd, void *to, size_t len, off_t at),
     (fd, to, len, at))
WRAP(ssize_t, PWRITE, pwrite, -1, (int fd, const void *from, size_t len, off_t at),
     (fd, from, len, at))
WRAP(DIR *, OPENDIR, opendir, NULL, (const char *path), (path))
WRAP(DIR *, FDOPENDIR, fdopendir, NULL, (int fd), (fd))
WRAP(struct dirent *, READDIR, readdir, NULL, (DIR * dir), (dir))
WRAP(FILE *, FOPEN, fopen, NULL, (const char *path, const char *mode), (path, mode))
WRAP(int, UNLINKAT, unlinkat, -1, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(int, FCHMOD, fchmod, -1, (int fd, mode_t mode), (fd, mode))
WRAP(int, FCHMODAT, fchmodat, -1, (int dir, const char *path, mode_t mode, int flags),
     (dir, path, mode, flags))
WRAP(int, FCHOWNAT, fchownat, -1, (int dir, const char *path, uid_t uid, gid_t gid, int flags),
     (dir, path, uid, gid, flags))
WRAP(int, FLOCK, flock, -1, (int fd, int operation), (fd, operation))
WRAP(int, FALLOCATE, fallocate, -1, (int fd, int mode, off_t at, off_t len), (fd, mode, at, len))
WRAP(int, FSTATFS, fstatfs, -1, (int fd, struct statfs *ret), (fd, ret))
WRAP(int, SOCKET, socket, -1, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, SOCKETPAIR, socketpair, -1, (int domain, int type, int protocol, int pair[2]),
     (domain, type, protocol, pair))
WRAP(int, BIND, bind, -1, (int fd, const struct sockaddr *address, socklen_t len),
     (fd, address, len))
WRAP(int, LISTEN, listen, -1, (int fd, int backlog), (fd, backlog))
WRAP(int, CONNECT, connect, -1, (int fd, const struct sockaddr *address, socklen_t len),
     (fd, address, len))
WRAP(int, ACCEPT, accept4, -1, (int fd, struct sockaddr *address, socklen_t *len, int flags),
     (fd, address, len, flags))
WRAP(ssize_t, SEND, sendmsg, -1, (int fd, const struct msghdr *message, int flags),
     (fd, message, flags))
WRAP(ssize_t, SEND, send, -1, (int fd, const void *bytes, size_t len, int flags),
     (fd, bytes, len, flags))
WRAP(ssize_t, RECV, recvmsg, -1, (int fd, struct msghdr *message, int flags), (fd, message, flags))
WRAP(ssize_t, RECV, recv, -1, (int fd, void *bytes, size_t len, int flags), (fd, bytes, len, flags))
WRAP(int, POLL, poll, -1, (struct pollfd * set, nfds_t count, int ms), (set, count, ms))
WRAP(int, POLL, ppoll, -1,
     (struct pollfd * set, nfds_t count, const struct timespec *time, const sigset_t *mask),
     (set, count, time, mask))
WRAP(int, GETSOCKOPT, getsockopt, -1, (int fd, int level, int option, void *value, socklen_t *len),
     (fd, level, option, value, len))
WRAP(int, SETSOCKOPT, setsockopt, -1,
     (int fd, int level, int option, const void *value, socklen_t len),
     (fd, level, option, value, len))
WRAP(int, GETSOCKNAME, getsockname, -1, (int fd, struct sockaddr *address, socklen_t *len),
     (fd, address, len))
WRAP(int, SHUTDOWN, shutdown, -1, (int fd, int how), (fd, how))
WRAP(int, KILL, kill, -1, (pid_t pid, int signal), (pid, signal))
WRAP(int, EVENTFD, eventfd, -1, (unsigned value, int flags), (value, flags))
WRAP(ssize_t, GETRANDOM, getrandom, -1, (void *to, size_t len, unsigned flags), (to, len, flags))
WRAP(int, GETRLIMIT, getrlimit, -1, (__rlimit_resource_t which, struct rlimit *ret), (which, ret))
WRAP(int, AFFINITY, sched_getaffinity, -1, (pid_t pid, size_t size, cpu_set_t *ret),
     (pid, size, ret))
WRAP(int, NANOSLEEP, nanosleep, -1, (const struct timespec *time, struct timespec *left),
     (time, left))
WRAP(int, ACCOUNT, getpwnam_r, errno,
     (const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **ret),
     (name, entry, buffer, size, ret))
WRAP(int, ACCOUNT, getgrnam_r, errno,
     (const char *name, struct group *entry, char *buffer, size_t size, struct group **ret),
     (name, entry, buffer, size, ret))
WRAP(int, MUTEX, pthread_mutex_init, errno,
     (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes), (mutex, attributes))
WRAP(int, COND, pthread_cond_init, errno,
     (pthread_cond_t * cond, const pthread_condattr_t *attributes), (cond, attributes))
WRAP(int, COND, pthread_condattr_init, errno, (pthread_condattr_t * attributes), (attributes))
WRAP(int, THREAD, pthread_attr_init, errno, (pthread_attr_t * attributes), (attributes))

/* The loader's words about a failure of ours. */
static _Thread_local bool loader_failed;

static bool loader_fails(enum inject_call call)
{
    if (inject_fails(call))
        loader_failed = true;
    return loader_failed;
}

void *__real_dlopen(const char *file, int flags);
void *__wrap_dlopen(const char *file, int flags);
void *__wrap_dlopen(const char *file, int flags)
{
    loader_failed = false;
    return loader_fails(INJECT_DLOPEN) ? NULL : __real_dlopen(file, flags);
}

void *__real_dlsym(void *handle, const char *symbol);
void *__wrap_dlsym(void *handle, const char *symbol);
void *__wrap_dlsym(void *handle, const char *symbol)
{
    loader_failed = false;
    return loader_fails(INJECT_DLSYM) ? NULL : __real_dlsym(handle, symbol);
}

int __real_dlinfo(void *handle, int request, void *ret);
int __wrap_dlinfo(void *handle, int request, void *ret);
int __wrap_dlinfo(void *handle, int request, void *ret)
{
    loader_failed = false;
    return loader_fails(INJECT_DLINFO) ? -1 : __real_dlinfo(handle, request, ret);
}

char *__real_dlerror(void);
char *__wrap_dlerror(void);
char *__wrap_dlerror(void)
{
    static char injected[] = "injected failure of the loader";
    const bool ours = loader_failed;

    loader_failed = false;
    return ours ? injected : __real_dlerror();
}

/* ---- what is counted besides ---- */

void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
    void *const place =
        inject_fails(INJECT_MMAP) ? MAP_FAILED : __real_mmap(at, len, prot, flags, fd, offset);

    if (place != MAP_FAILED)
        inject_count_mapping(1);
    return place;
}

int __real_munmap(void *at, size_t len);
int __wrap_munmap(void *at, size_t len);
int __wrap_munmap(void *at, size_t len)
{
    inject_count_mapping(-1);
    return __real_munmap(at, len);
}

/* A thread is exempt when the one is that starts it. */
struct start {
    void *(*run)(void *arg);
    void *arg;
    bool exempt;
};

static void *begin(void *arg)
{
    const struct start start = *(struct start *)arg;

    free(arg);
    inject_exempt(start.exempt);
    return start.run(start.arg);
}

int __real_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *arg),
                          void *arg);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *arg),
                          void *arg);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *arg),
                          void *arg)
{
    struct start *start;
    int code;

    if (inject_fails(INJECT_THREAD))
        return errno;
    start = malloc(sizeof(*start));
    if (!start)
        abort();
    *start = (struct start){run, arg, inject_is_exempt()};
    code = __real_pthread_create(ret, attributes, begin, start);
    if (code == 0)
        inject_count_thread(1);
    else
        free(start);
    return code;
}

int __real_pthread_join(pthread_t thread, void **ret);
int __wrap_pthread_join(pthread_t thread, void **ret);
int __wrap_pthread_join(pthread_t thread, void **ret)
{
    const int code = __real_pthread_join(thread, ret);

    if (code == 0)
        inject_count_thread(-1);
    return code;
}

/* Of the counter of an event, which is never waited for, a read cannot fail. */
ssize_t __real_read(int fd, void *to, size_t len);
ssize_t __wrap_read(int fd, void *to, size_t len);
ssize_t __wrap_read(int fd, void *to, size_t len)
{
    return len != sizeof(uint64_t) && inject_fails(INJECT_READ) ? -1 : __real_read(fd, to, len);
}

/* ---- calls with a variable number of arguments ---- */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return inject_fails(INJECT_OPEN) ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return inject_fails(INJECT_OPENAT) ? -1 : __real_openat(dir, path, flags, mode);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
    va_list arguments;
    long value;

    va_start(arguments, command);
    value = va_arg(arguments, long);
    va_end(arguments);
    return inject_fails(INJECT_FCNTL) ? -1 : __real_fcntl(fd, command, value);
}

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    void *value;

    va_start(arguments, request);
    value = va_arg(arguments, void *);
    va_end(arguments);
    return inject_fails(INJECT_IOCTL) ? -1 : __real_ioctl(fd, request, value);
}

int __real_prctl(int option, ...);
int __wrap_prctl(int option, ...);
int __wrap_prctl(int option, ...)
{
    return inject_fails(INJECT_PRCTL) ? -1 : __real_prctl(option, 0, 0, 0, 0);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list arguments;
    long a[6];

    va_start(arguments, number);
    for (unsigned i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    return inject_fails(INJECT_FUTEX) ? -1
                                      : __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
/* NOLINTEND(bugprone-reserved-identifier) */
