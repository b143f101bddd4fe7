/* SPDX-License-Identifier: Apache-2.0
 *
 * A handler for SIGBUS that a program may install knowingly (docs/level1-posix-shm.md 13.2).
 *
 * Whoever can open the file of a region can cut it off; an access to a page behind its end then
 * raises SIGBUS in every process that maps it, and the process dies. With this handler the session
 * ends in its place: zeros are put where the region was, the interrupted access goes on, and the
 * session finds at its next look that its file is too short. Only mappings of files whose name ends
 * in ".ipcshm" are treated so; every other SIGBUS goes to the handler that was there before, or
 * ends the process as it would have without.
 *
 * The library itself never installs a handler: that is a decision for a whole process. Everything
 * here is code of the program that includes it, in one source file; the old handler is kept there.
 * Install once, before sessions begin, on one thread. A program that installs another handler later
 * calls this one from it, or has none.
 *
 * Needs names of the system that strict C hides: compile with _GNU_SOURCE or _DEFAULT_SOURCE, else
 * nothing is declared here.
 */
#ifndef PIPC_TRANSPORTS_SHM_GUARD_H
#define PIPC_TRANSPORTS_SHM_GUARD_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(SA_SIGINFO) && defined(MAP_ANONYMOUS) && defined(O_CLOEXEC)

#ifdef __cplusplus
extern "C" {
#endif

/* Longest line of /proc/self/maps that can be one of a region. */
#define PIPC_SHM_GUARD_LINE 512u

static struct sigaction pipc_shm_guard_before_;

/* Hexadecimal digits; moves *at behind them. */
static inline uintptr_t pipc_shm_guard_number_(const char **at)
{
    uintptr_t value = 0;

    for (;; (*at)++) {
        const char c = **at;
        if (c >= '0' && c <= '9')
            value = value * 16 + (uintptr_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value * 16 + (uintptr_t)(c - 'a' + 10);
        else
            return value;
    }
}

static inline int pipc_shm_guard_ends_(const char *line, const char *ending)
{
    const size_t len = strlen(line), tail = strlen(ending);

    return len >= tail && memcmp(line + len - tail, ending, tail) == 0;
}

/* What a line "start-end perms offset device inode path" is to an access at `address`: 0: another
 * mapping; 1: a shared region, zeros have been put there; 2: zeros are there already, put by
 * another thread; -1: somebody else's. Async-signal-safe. */
static inline int pipc_shm_guard_line_(const char *line, uintptr_t address)
{
    const char *at = line;
    const uintptr_t start = pipc_shm_guard_number_(&at);
    uintptr_t end;

    if (*at != '-')
        return 0;
    at++;
    end = pipc_shm_guard_number_(&at);
    if (address < start || address >= end || memcmp(at, " rw-", 4) != 0)
        return address >= start && address < end ? -1 : 0;
    if (at[4] == 'p' && !strchr(line, '/') && !strchr(line, '['))
        return 2;
    if (at[4] != 's' ||
        !(pipc_shm_guard_ends_(line, ".ipcshm") || pipc_shm_guard_ends_(line, ".ipcshm (deleted)")))
        return -1;
    return mmap((void *)start, end - start, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED
               ? -1
               : 1;
}

/* Looks for the mapping behind an address. Whether the access can be repeated. */
static inline int pipc_shm_guard_cover_(uintptr_t address)
{
    char line[PIPC_SHM_GUARD_LINE], chunk[256];
    size_t len = 0;
    int verdict = 0;
    ssize_t got = 0;
    const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    while (verdict == 0 && ((got = read(fd, chunk, sizeof(chunk))) > 0 || errno == EINTR)) {
        for (ssize_t i = 0; i < got && verdict == 0; i++) {
            if (chunk[i] != '\n') {
                if (len < sizeof(line) - 1)
                    line[len++] = chunk[i];
                continue;
            }
            line[len] = '\0';
            len = 0;
            verdict = pipc_shm_guard_line_(line, address);
        }
        errno = 0;
    }
    (void)close(fd);
    return verdict > 0;
}

static inline void pipc_shm_guard_handle_(int number, siginfo_t *info, void *context)
{
    const int saved = errno;
    int covered;

    errno = 0;
    covered = info->si_code == BUS_ADRERR && pipc_shm_guard_cover_((uintptr_t)info->si_addr);
    errno = saved;
    if (covered)
        return;
    if (pipc_shm_guard_before_.sa_flags & SA_SIGINFO)
        pipc_shm_guard_before_.sa_sigaction(number, info, context);
    else if (pipc_shm_guard_before_.sa_handler != SIG_DFL &&
             pipc_shm_guard_before_.sa_handler != SIG_IGN)
        pipc_shm_guard_before_.sa_handler(number);
    else
        (void)sigaction(number, &pipc_shm_guard_before_,
                        NULL); /* the access repeats, and ends it */
}

/* Installs the handler for this process; what was there before is asked for everything else. 0, or
 * -1 with errno. */
static inline int pipc_shm_guard_install(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_sigaction = pipc_shm_guard_handle_;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    (void)sigemptyset(&action.sa_mask);
    return sigaction(SIGBUS, &action, &pipc_shm_guard_before_);
}

#ifdef __cplusplus
}
#endif
#endif
#endif
