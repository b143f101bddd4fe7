/* SPDX-License-Identifier: Apache-2.0
 *
 * The wrapped calls. `__real_x` is what the linker would have taken for x.
 */
#include "shm_calls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool armed; /* atomic */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
struct shm_fault shm_faults[SHM_CALL_COUNT];
unsigned shm_call_counts[SHM_CALL_COUNT];
uint32_t shm_false_fs;
unsigned shm_die_at;

void shm_calls_disarm(void)
{
    __atomic_store_n(&armed, false, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&lock);
    memset(shm_faults, 0, sizeof(shm_faults));
    shm_false_fs = 0;
    shm_die_at = 0;
    pthread_mutex_unlock(&lock);
}

void shm_calls_arm(void)
{
    pthread_mutex_lock(&lock);
    memset(shm_call_counts, 0, sizeof(shm_call_counts));
    pthread_mutex_unlock(&lock);
    __atomic_store_n(&armed, true, __ATOMIC_SEQ_CST);
}

void shm_call_fail(enum shm_call call, unsigned skip, unsigned times, int code)
{
    shm_faults[call] = (struct shm_fault){.skip = skip, .times = times, .code = code};
}

unsigned shm_calls_total(void)
{
    unsigned total = 0;

    for (unsigned i = 0; i < SHM_CALL_COUNT; i++)
        total += shm_call_counts[i];
    return total;
}

/* True: the call is not made, *value is what it returns and errno is set. */
static bool fails(struct shm_fault *fault, long *value)
{
    if (fault->skip > 0) {
        fault->skip--;
        return false;
    }
    if (fault->times == 0)
        return false;
    fault->times--;
    *value = fault->code ? -1 : fault->value;
    errno = fault->code;
    return true;
}

static bool injected(enum shm_call call, long *value)
{
    void (*meanwhile)(unsigned count);
    unsigned count;
    bool failed;

    if (!__atomic_load_n(&armed, __ATOMIC_SEQ_CST))
        return false;
    pthread_mutex_lock(&lock);
    count = ++shm_call_counts[call];
    if (shm_die_at != 0 && shm_calls_total() >= shm_die_at)
        (void)raise(SIGKILL);
    meanwhile = shm_faults[call].meanwhile;
    pthread_mutex_unlock(&lock);
    if (meanwhile) {
        __atomic_store_n(&armed, false, __ATOMIC_SEQ_CST);
        meanwhile(count);
        __atomic_store_n(&armed, true, __ATOMIC_SEQ_CST);
    }
    pthread_mutex_lock(&lock);
    failed = fails(&shm_faults[call], value);
    pthread_mutex_unlock(&lock);
    return failed;
}

#define WRAP(type, call, name, parameters, arguments) \
    type __real_##name parameters;                    \
    type __wrap_##name parameters;                    \
    type __wrap_##name parameters                     \
    {                                                 \
        long value_ = 0;                              \
        if (injected(call, &value_))                  \
            return (type)value_;                      \
        return __real_##name arguments;               \
    }

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */
WRAP(int, SHM_CALL_FSTATAT, fstatat, (int dir, const char *path, struct stat *ret, int flags),
     (dir, path, ret, flags))
WRAP(int, SHM_CALL_FSTAT, fstat, (int fd, struct stat *ret), (fd, ret))
WRAP(int, SHM_CALL_FCHMOD, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(int, SHM_CALL_FALLOCATE, fallocate, (int fd, int mode, off_t at, off_t len),
     (fd, mode, at, len))
WRAP(int, SHM_CALL_FTRUNCATE, ftruncate, (int fd, off_t len), (fd, len))
WRAP(ssize_t, SHM_CALL_PREAD, pread, (int fd, void *to, size_t len, off_t at), (fd, to, len, at))
WRAP(ssize_t, SHM_CALL_PWRITE, pwrite, (int fd, const void *from, size_t len, off_t at),
     (fd, from, len, at))
WRAP(int, SHM_CALL_UNLINKAT, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(int, SHM_CALL_KILL, kill, (pid_t pid, int signal), (pid, signal))

DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd)
{
    long value = 0;

    return injected(SHM_CALL_FDOPENDIR, &value) ? NULL : __real_fdopendir(fd);
}

void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
    long value = 0;

    if (fd >= 0 && injected(SHM_CALL_MMAP, &value))
        return MAP_FAILED;
    return __real_mmap(at, len, prot, flags, fd, offset);
}

int __real_fstatfs(int fd, struct statfs *ret);
int __wrap_fstatfs(int fd, struct statfs *ret);
int __wrap_fstatfs(int fd, struct statfs *ret)
{
    long value = 0;
    int result;

    if (injected(SHM_CALL_FSTATFS, &value))
        return (int)value;
    result = __real_fstatfs(fd, ret);
    if (result == 0 && shm_false_fs != 0)
        ret->f_type = (__typeof__(ret->f_type))shm_false_fs;
    return result;
}

static mode_t mode_of(int flags, va_list arguments)
{
    return flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
}

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...)
{
    const enum shm_call call = flags & O_CREAT ? SHM_CALL_CREATE : SHM_CALL_OPENAT;
    long value = 0;
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = mode_of(flags, arguments);
    va_end(arguments);
    return injected(call, &value) ? (int)value : __real_openat(dir, path, flags, mode);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    long value = 0;
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = mode_of(flags, arguments);
    va_end(arguments);
    if ((flags & O_DIRECTORY) && injected(SHM_CALL_DIRECTORY, &value))
        return (int)value;
    return __real_open(path, flags, mode);
}
/* NOLINTEND(bugprone-reserved-identifier) */
