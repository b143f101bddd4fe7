/* SPDX-License-Identifier: Apache-2.0
 *
 * Put in front of every source of the shm transport when it is compiled for the target shm_peer:
 * the other side of the region gets a move before each atomic load, before and inside each copy,
 * around each system call. The product's sources do not know of it.
 */
#ifndef PIPC_FUZZ_PEER_MOVES_H
#define PIPC_FUZZ_PEER_MOVES_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

void peer_move(void);
void *peer_memcpy(void *to, const void *from, size_t len);
long peer_futex(const void *word, int op, unsigned value, const void *time);
int peer_poll(struct pollfd *fds, nfds_t count, int ms);
int peer_open(int flags);
int peer_stat(int fd, struct stat *ret_stat);
ssize_t peer_pread(int fd, void *to, size_t len, off_t at);
ssize_t peer_pwrite(int fd, const void *from, size_t len, off_t at);
int peer_kill(void);
uid_t peer_uid(void);

#define __atomic_load_n(word, order)                (peer_move(), __atomic_load_n(word, order))
#define memcpy(to, from, len)                       peer_memcpy(to, from, len)
#define syscall(number, word, op, value, time, ...) peer_futex(word, op, (unsigned)(value), time)
#define poll(fds, count, ms)                        peer_poll(fds, count, ms)
#define open(path, flags)                           peer_open(flags)
#define openat(dir, entry, flags, ...)              peer_open(flags)
#define fstatat(dir, entry, to, flags)              peer_stat(-1, to)
#define fstat(fd, to)                               peer_stat(fd, to)
#define pread(fd, to, len, at)                      peer_pread(fd, to, len, at)
#define pwrite(fd, from, len, at)                   peer_pwrite(fd, from, len, at)
#define unlinkat(dir, entry, flags)                 0
#define kill(pid, number)                           peer_kill()
#define geteuid()                                   peer_uid()

#endif
