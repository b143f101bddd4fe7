/* SPDX-License-Identifier: Apache-2.0
 *
 * This process: identity, unpredictable bits, and the system's codes in words. Any thread.
 */
#include "posix.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

uint64_t pipci_process_id(void)
{
    return (uint64_t)getpid();
}

/* LCOV_EXCL_START: needs a kernel without entropy */
/* The finaliser of splitmix64: every bit of the input changes half of the output. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}
/* LCOV_EXCL_STOP */

uint64_t pipci_random(void)
{
    uint64_t bits;
    /* Early in the life of a machine the kernel's pool may not be ready; nobody may wait for it
     * here. */
    if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) == (ssize_t)sizeof(bits))
        return bits;
    /* LCOV_EXCL_START: needs a kernel without entropy */
    bits = mix(pipci_clock_ns()) ^ mix((uint64_t)(uintptr_t)&bits);
    return mix(bits + pipci_process_id());
    /* LCOV_EXCL_STOP */
}

static const struct {
    int code;
    const char *text;
} texts[] = {
    {EPERM, "operation not permitted"},
    {ENOENT, "no such file or directory"},
    {EINTR, "interrupted"},
    {EIO, "input or output error"},
    {ENXIO, "no such device or address"},
    {EBADF, "bad descriptor"},
    {EAGAIN, "not available at the moment"},
    {ENOMEM, "no memory"},
    {EACCES, "permission denied"},
    {EEXIST, "exists already"},
    {ENOTDIR, "not a directory"},
    {EISDIR, "is a directory"},
    {EINVAL, "invalid argument"},
    {EMFILE, "too many open files in this process"},
    {ENFILE, "too many open files in the system"},
    {EFBIG, "file too large"},
    {ENOSPC, "no space left"},
    {EROFS, "file system is read-only"},
    {EPIPE, "broken pipe"},
    {ENAMETOOLONG, "name too long"},
    {ELOOP, "is a symbolic link, or too many of them"},
    {EOVERFLOW, "value too large"},
    {ENOTSOCK, "not a socket"},
    {EMSGSIZE, "packet too long"},
    {EPROTOTYPE, "socket of another type"},
    {EOPNOTSUPP, "not supported"},
    {EADDRINUSE, "address in use"},
    {ECONNRESET, "connection reset"},
    {ENOBUFS, "no buffer space"},
    {ENOTCONN, "not connected"},
    {ETIMEDOUT, "timed out"},
    {ECONNREFUSED, "connection refused"},
    {EDQUOT, "quota exceeded"},
};

const char *pipci_os_text(int32_t code, char *buf, size_t cap)
{
    for (size_t i = 0; i < PIPCI_COUNT(texts); i++)
        if (texts[i].code == code)
            return texts[i].text;
    snprintf(buf, cap, "system error %d", (int)code);
    return buf;
}
