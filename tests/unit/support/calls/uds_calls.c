/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls that are counted and fail as told: this file defines functions of libc for the
 * programs that it is linked with.
 */
#include "uds_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

bool calls_armed;
struct call_fault call_faults[CALL_COUNT];
unsigned call_counts[CALL_COUNT];

void calls_disarm(void)
{
    calls_armed = false;
    memset(call_faults, 0, sizeof(call_faults));
}

void calls_arm(void)
{
    memset(call_counts, 0, sizeof(call_counts));
    calls_armed = true;
}

void call_fail(enum call call, unsigned skip, unsigned times, int code)
{
    call_faults[call] = (struct call_fault){.skip = skip, .times = times, .code = code};
}

unsigned calls_total(void)
{
    unsigned total = 0, i;

    for (i = 0; i < CALL_COUNT; i++)
        total += call_counts[i];
    return total;
}

static bool injected(enum call call, long *value)
{
    struct call_fault *fault = &call_faults[call];

    if (!calls_armed)
        return false;
    call_counts[call]++;
    if (fault->meanwhile) {
        calls_armed = false;
        fault->meanwhile(call_counts[call]);
        calls_armed = true;
    }
    if (fault->skip > 0) {
        fault->skip--;
        return false;
    }
    if (fault->times == 0)
        return false;
    fault->times--;
    *value = fault->code ? -1 : fault->value;
    return true;
}

#define OR_FAIL(call, real)             \
    do {                                \
        long value_ = 0;                \
        if (!injected(call, &value_))   \
            return (int)(real);         \
        if (call_faults[call].really)   \
            (void)(real);               \
        errno = call_faults[call].code; \
        return (int)value_;             \
    } while (0)

int socket(int domain, int type, int protocol)
{
    OR_FAIL(CALL_SOCKET, syscall(SYS_socket, domain, type, protocol));
}

int bind(int fd, const struct sockaddr *address, socklen_t len)
{
    OR_FAIL(CALL_BIND, syscall(SYS_bind, fd, address, len));
}

int listen(int fd, int backlog)
{
    OR_FAIL(CALL_LISTEN, syscall(SYS_listen, fd, backlog));
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    OR_FAIL(CALL_CONNECT, syscall(SYS_connect, fd, address, len));
}

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    OR_FAIL(CALL_ACCEPT, syscall(SYS_accept4, fd, address, len, flags));
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    OR_FAIL(CALL_SENDMSG, syscall(SYS_sendmsg, fd, message, flags));
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    OR_FAIL(CALL_RECVMSG, syscall(SYS_recvmsg, fd, message, flags));
}

/* The shorter forms count as the longer ones. */
ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    OR_FAIL(CALL_SENDMSG, syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0));
}

ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
    OR_FAIL(CALL_RECVMSG, syscall(SYS_recvfrom, fd, bytes, len, flags, NULL, NULL));
}

int poll(struct pollfd *set, nfds_t count, int ms)
{
    struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000L};

    OR_FAIL(CALL_POLL, syscall(SYS_ppoll, set, count, ms < 0 ? NULL : &time, NULL, 0));
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
    OR_FAIL(CALL_GETSOCKOPT, syscall(SYS_getsockopt, fd, level, option, value, len));
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list arguments;

    if (flags & O_CREAT) {
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    OR_FAIL(CALL_OPEN, syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

int fstatat(int dir, const char *path, struct stat *ret, int flags)
{
    OR_FAIL(CALL_FSTATAT, syscall(SYS_newfstatat, dir, path, ret, flags));
}

int unlinkat(int dir, const char *path, int flags)
{
    OR_FAIL(CALL_UNLINKAT, syscall(SYS_unlinkat, dir, path, flags));
}

int fchmod(int fd, mode_t mode)
{
    OR_FAIL(CALL_FCHMOD, syscall(SYS_fchmod, fd, mode));
}

int fchmodat(int dir, const char *path, mode_t mode, int flags)
{
    (void)flags; /* the plain system call has none; the tests put no link there */
    OR_FAIL(CALL_FCHMODAT, syscall(SYS_fchmodat, dir, path, mode));
}

int flock(int fd, int operation)
{
    OR_FAIL(CALL_FLOCK, syscall(SYS_flock, fd, operation));
}

int socketpair(int domain, int type, int protocol, int pair[2])
{
    OR_FAIL(CALL_SOCKETPAIR, syscall(SYS_socketpair, domain, type, protocol, pair));
}

mode_t umask(mode_t mask)
{
    OR_FAIL(CALL_UMASK, syscall(SYS_umask, mask));
}

void both_open(struct both *b)
{
    uds_fixture_open(&b->f);
    b->listener = uds_must_listen(&b->f, "a");
    b->client = uds_must_connect(&b->f, "a");
    b->server = uds_must_accept(&b->f, b->listener);
}

void both_close(struct both *b)
{
    calls_disarm();
    uds_end(&b->f, b->client);
    uds_end(&b->f, b->server);
    uds_end_listener(&b->f, b->listener);
    uds_fixture_close(&b->f);
}
