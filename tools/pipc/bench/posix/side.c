/* SPDX-License-Identifier: Apache-2.0
 *
 * The other side of a contender: a child process with a control channel.
 *
 * The child lives until its end of the channel tells that the other one is closed, so that none is
 * left when the command dies. The main thread starts and stops sides.
 */
#include "../bench.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIDE_NAME "pipc-server"
#define STOP_MS   2000
#define READY_MS  30000

/* Descriptors of other contenders would keep their ends alive in this child. */
static void close_others(int keep, int control)
{
    const long limit = sysconf(_SC_OPEN_MAX);
    const int end = limit > 0 && limit < 4096 ? (int)limit : 4096;

    for (int fd = 3; fd < end; fd++) {
        if (fd != keep && fd != control)
            (void)close(fd);
    }
}

/* A terminal sends its signals to the whole group; the parent alone decides when a side ends. */
static void ignore_signals(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

bool side_start(struct side *side, int keep, int (*serve)(void *arg, int control), void *arg)
{
    int pair[2];

    *side = (struct side){.control = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    (void)output_flush(); /* nothing buffered may be written twice */
    side->pid = fork();
    if (side->pid == 0) {
        ignore_signals();
        (void)prctl(PR_SET_NAME, SIDE_NAME); /* tells it apart in top and in profiles */
        close_others(keep, pair[1]);
        _exit(serve(arg, pair[1]));
    }
    (void)close(pair[1]);
    if (side->pid < 0) {
        (void)close(pair[0]);
        side->pid = 0;
        return false;
    }
    side->control = pair[0];
    return true;
}

void side_say_ready(int control)
{
    (void)!write(control, "r", 1);
}

void side_say_failed(int control, const char *why)
{
    (void)!write(control, why, strlen(why));
    (void)shutdown(control, SHUT_WR);
}

/* Waits for a word of the side; a signal that stops the command ends the wait. */
static bool side_spoke(const struct side *side)
{
    struct pollfd look = {.fd = side->control, .events = POLLIN};
    int got;

    do
        got = poll(&look, 1, READY_MS);
    while (got < 0 && errno == EINTR && !signals_came());
    return got > 0;
}

bool side_ready(const struct side *side, char *ret_why, size_t why_len)
{
    size_t used = 0;
    ssize_t got = 0;

    ret_why[0] = 0;
    while (used + 1 < why_len && side_spoke(side)) {
        got = read(side->control, ret_why + used, why_len - 1 - used);
        if (got <= 0)
            break;
        used += (size_t)got;
        ret_why[used] = 0;
        if (ret_why[0] == 'r' && used == 1)
            return true;
    }
    if (!used)
        snprintf(ret_why, why_len, "the other side (pid %d) does not answer", (int)side->pid);
    return false;
}

/* Closing the channel is enough for a side that looks at it; one that does not is killed. */
void side_stop(struct side *side)
{
    const uint64_t end = now_ms() + STOP_MS;

    if (side->pid <= 0)
        return;
    (void)close(side->control);
    while (waitpid(side->pid, NULL, WNOHANG) == 0) {
        if (now_ms() >= end)
            (void)kill(side->pid, SIGKILL);
        (void)poll(NULL, 0, 1);
    }
    *side = (struct side){.control = -1};
}

void side_wait_end(int control)
{
    char end;

    while (read(control, &end, 1) > 0)
        continue;
}

void side_signals_block(void)
{
    sigset_t pipe;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
}
