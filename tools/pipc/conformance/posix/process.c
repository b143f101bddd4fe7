/* SPDX-License-Identifier: Apache-2.0
 *
 * A case's process and its directory, on systems with fork and /proc/self/exe.
 *
 * The child leads a process group, so that whatever it started ends with it. The command's thread.
 */
#include "../kit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS 5

bool kit_dir_make(const char *parent, char *ret_path, size_t len)
{
    if ((size_t)snprintf(ret_path, len, "%s/pcXXXXXX", parent ? parent : "/tmp") >= len) {
        errno = ENAMETOOLONG;
        return false;
    }
    return mkdtemp(ret_path) != NULL;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st, (void)type, (void)place;
    (void)remove(path);
    return 0;
}

void kit_dir_remove(const char *path)
{
    (void)nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static _Noreturn void child_start(char *const *argv, int out)
{
    (void)setpgid(0, 0);
    if (dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(127);
    execv("/proc/self/exe", argv);
    printf("the command could not be started anew: %s\n", strerror(errno));
    fflush(stdout);
    _exit(127);
}

/* Takes what was printed; more than fits is read and dropped, so that nobody waits for room. */
static void output_take(int fd, struct kit_outcome *outcome)
{
    char buffer[1024];
    ssize_t got;

    while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
        const size_t used = strlen(outcome->text), room = sizeof(outcome->text) - 1 - used;
        const size_t len = (size_t)got < room ? (size_t)got : room;
        for (size_t i = 0; i < len; i++)
            outcome->text[used + i] = buffer[i] ? buffer[i] : '?';
        outcome->text[used + len] = 0;
    }
}

/* Until the child ends or its time does; true when it has ended and was reaped. */
static bool child_wait(pid_t child, int fd, uint64_t end, int *ret_status,
                       struct kit_outcome *outcome)
{
    struct pollfd set = {.fd = fd, .events = POLLIN};

    while (now_ms() < end && !signals_came()) {
        /* The end of the output comes with the end of the child, unless somebody it started holds
         * it open; hence the tick. */
        (void)poll(&set, 1, TICK_MS);
        output_take(fd, outcome);
        if (waitpid(child, ret_status, WNOHANG) == child)
            return true;
        if (set.revents & POLLHUP)
            set.fd = -1;
    }
    return false;
}

const char *kit_signal_text(int number)
{
    return strsignal(number);
}

void kit_process_begin(void)
{
    signal(SIGPIPE, SIG_DFL); /* a module that raises it is found out */
}

bool kit_process_run(char *const *argv, uint32_t limit_s, struct kit_outcome *ret_outcome)
{
    const uint64_t end = now_ms() + (uint64_t)limit_s * 1000;
    int ends[2], status = 0;
    pid_t child;

    memset(ret_outcome, 0, sizeof(*ret_outcome));
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0 || (child = fork()) < 0) {
        snprintf(ret_outcome->text, sizeof(ret_outcome->text), "no process for the case: %s",
                 strerror(errno));
        return false;
    }
    if (child == 0) {
        (void)fcntl(ends[1], F_SETFL, 0);
        child_start(argv, ends[1]);
    }
    (void)setpgid(child, child); /* whoever comes first */
    close(ends[1]);
    ret_outcome->late = !child_wait(child, ends[0], end, &status, ret_outcome);
    (void)kill(-child, SIGKILL);
    if (ret_outcome->late)
        (void)waitpid(child, &status, 0);
    output_take(ends[0], ret_outcome);
    close(ends[0]);
    ret_outcome->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ret_outcome->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return true;
}
