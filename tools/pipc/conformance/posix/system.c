/* SPDX-License-Identifier: Apache-2.0
 *
 * What the cases need of a POSIX system. See system.h.
 */
#include "../system.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint32_t kit_cpus(void)
{
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    return cpus > 0 ? (uint32_t)cpus : 1;
}

void kit_peer_check(const struct pipc_peer *peer)
{
    KIT_CHECK_MSG(!(peer->known & PIPC_PEER_PID) || peer->pid == (uint32_t)getpid(),
                  "the peer's pid is told as %u, it is %u", peer->pid, (unsigned)getpid());
    KIT_CHECK_MSG(!(peer->known & PIPC_PEER_UID) || peer->uid == (uint32_t)geteuid(),
                  "the peer's uid is told as %u, it is %u", peer->uid, (unsigned)geteuid());
    KIT_CHECK_MSG(!(peer->known & PIPC_PEER_GID) || peer->gid == (uint32_t)getegid(),
                  "the peer's gid is told as %u, it is %u", peer->gid, (unsigned)getegid());
}

void kit_folder_make(const char *path)
{
    (void)mkdir(path, 0700);
}

void kit_sleep_ms(unsigned ms)
{
    const struct timespec pause = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&pause, NULL);
}

void kit_pause(void)
{
    for (;;)
        (void)pause();
}

/* ---- handles ---- */

/* A pipe whose reading end aborts once a byte is in. */
void kit_stop_make(struct kit_stop *stop)
{
    int ends[2];

    kit_pipe(ends);
    stop->handle = ends[0];
    stop->other = ends[1];
}

void kit_stop_set(struct kit_stop *stop)
{
    KIT_CHECK(write((int)stop->other, "s", 1) == 1);
}

bool kit_stop_kept(struct kit_stop *stop)
{
    char byte;

    return read((int)stop->handle, &byte, 1) == 1;
}

void kit_stop_free(struct kit_stop *stop)
{
    close((int)stop->handle);
    close((int)stop->other);
}

bool kit_readable(pipc_handle handle, int ms)
{
    struct pollfd set = {.fd = (int)handle, .events = POLLIN};

    return poll(&set, 1, ms) == 1 && (set.revents & (POLLIN | POLLHUP));
}

bool kit_writable(pipc_handle handle, int ms)
{
    struct pollfd set = {.fd = (int)handle, .events = POLLOUT};

    return poll(&set, 1, ms) == 1 && (set.revents & POLLOUT);
}

pipc_handle kit_handle_copy(pipc_handle handle)
{
    const int copy = fcntl((int)handle, F_DUPFD, 0);

    KIT_CHECK(copy >= 0);
    return copy;
}

bool kit_handle_is_open(pipc_handle handle)
{
    return fcntl((int)handle, F_GETFD) >= 0;
}

bool kit_handle_is_private(pipc_handle handle)
{
    const int flags = fcntl((int)handle, F_GETFD);

    return flags >= 0 && (flags & FD_CLOEXEC);
}

/* ---- signals ---- */

static void on_alarm(int number)
{
    (void)number;
}

void kit_signals_storm(bool on)
{
    const struct itimerval every = {{0, on ? 1000 : 0}, {0, on ? 1000 : 0}};
    const struct sigaction act = {.sa_handler =
                                      on_alarm}; /* no SA_RESTART: calls are interrupted */

    KIT_CHECK(sigaction(SIGALRM, &act, NULL) == 0 && setitimer(ITIMER_REAL, &every, NULL) == 0);
}

/* Handler, flags and mask of each signal, and this thread's mask. */
struct signals {
    struct sigaction action[32];
    sigset_t mask;
};

static struct signals taken;

static void signals_take(struct signals *s)
{
    memset(s, 0, sizeof(*s));
    for (int i = 1; i < 32; i++)
        (void)sigaction(i, NULL, &s->action[i]);
    pthread_sigmask(SIG_SETMASK, NULL, &s->mask);
}

void kit_signals_take(void)
{
    signals_take(&taken);
}

void kit_signals_check(void)
{
    static struct signals now;

    signals_take(&now);
    for (int i = 1; i < 32; i++)
        KIT_CHECK_MSG(taken.action[i].sa_handler == now.action[i].sa_handler &&
                          taken.action[i].sa_flags == now.action[i].sa_flags,
                      "the handling of signal %d was changed", i);
    for (int i = 1; i < 32; i++)
        KIT_CHECK_MSG(sigismember(&taken.mask, i) == sigismember(&now.mask, i),
                      "signal %d was blocked or unblocked", i);
}

/* ---- other processes ---- */

kit_process kit_fork(void (*run)(void *arg), void *arg)
{
    pid_t child;

    fflush(stdout);
    child = fork();
    KIT_CHECK(child >= 0);
    if (child == 0) {
        run(arg);
        fflush(stdout);
        _exit(0);
    }
    return child;
}

void kit_child_wait(kit_process child)
{
    int status = 0;

    KIT_CHECK(waitpid((pid_t)child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == KIT_EXIT_FAILED)
        _exit(KIT_EXIT_FAILED); /* it has said why */
    kit_fail(__FILE__, __LINE__, "a process of the case ended with status 0x%x", (unsigned)status);
}

void kit_child_kill(kit_process child)
{
    KIT_CHECK(kill((pid_t)child, SIGKILL) == 0 && waitpid((pid_t)child, NULL, 0) == child);
}

void kit_pipe(int ends[2])
{
    KIT_CHECK(pipe2(ends, O_CLOEXEC) == 0);
}

bool kit_on_the_way(void)
{
    return false;
}
