/* SPDX-License-Identifier: Apache-2.0
 *
 * The command on POSIX systems: streams, directories, files.
 */
#include "../system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Nobody reads standard output any more: the end, quietly. */
static void on_pipe(int number)
{
    (void)number;
    _exit(EXIT_DONE);
}

/* A standard descriptor that is closed would be that of the next socket. They are opened the wrong
 * way round, so that using them is an error. */
static void descriptors_fill(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    }
}

void system_begin(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    descriptors_fill();
    signal(SIGPIPE, on_pipe);
    unsetenv("POSIXLY_CORRECT"); /* options may stand behind the command everywhere */
}

/* Without SIGPIPE: a reader of standard error that has gone is no reason to end with 0. */
void system_complain(const char *line, size_t len)
{
    const struct timespec now = {0, 0};
    sigset_t pipe, before;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    if (fwrite(line, 1, len, stderr) != len && !sigismember(&before, SIGPIPE))
        (void)sigtimedwait(&pipe, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void system_leave(int code)
{
    _exit(code);
}

const char *system_own_path(void)
{
    static char self[4096];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (len <= 0)
        return NULL;
    self[len] = 0;
    return self;
}

/* Takes leading "." and ".." off a path below `dir`, which has no links in it: what is above it is
 * in its text. */
static const char *climb(char *dir, const char *path)
{
    for (;;) {
        const size_t dots = strspn(path, ".");
        if (dots > 2 || (path[dots] != '/' && path[dots] != 0) || (dots == 0 && *path == 0))
            return path;
        if (dots == 2)
            *strrchr(dir, '/') = 0;
        if (*dir == 0)
            memcpy(dir, "/", 2);
        path += dots + strspn(path + dots, "/");
    }
}

bool system_whole_path(const char *path, char *buf, size_t len)
{
    int written;

    if (path[0] != '/' && path[0] != 0 && getcwd(buf, len)) {
        path = climb(buf, path);
        const size_t used = strlen(buf);
        written = snprintf(buf + used, len - used, "/%s", path);
        written += (int)used;
    } else {
        written = snprintf(buf, len, "%s", path);
    }
    if (written >= (int)len)
        return false;
    if (buf[0] == '/')
        path_tidy(buf);
    return true;
}

int system_default_run_dir(char *buf, size_t len)
{
    const char *const base = getenv("XDG_RUNTIME_DIR");

    return base && base[0] == '/' ? snprintf(buf, len, "%s/pipc", base)
                                  : snprintf(buf, len, "/run/pipc");
}

bool system_make_dir(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static char *read_open_file(FILE *in, const char *path, size_t size, size_t *ret_len)
{
    char *text = malloc(size + 1);

    *ret_len = text ? fread(text, 1, size, in) : 0;
    if (!text) {
        complain(EXIT_FAILED, "%s: no memory for %zu bytes", path, size);
    } else if (ferror(in)) {
        complain(EXIT_BAD_DATA, "%s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    } else {
        text[*ret_len] = 0;
    }
    return text;
}

char *system_read_file(const char *path, size_t *ret_len)
{
    /* Without O_NONBLOCK a FIFO would hold the program, signals included, until somebody writes. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    FILE *in = fd >= 0 ? fdopen(fd, "rb") : NULL;
    struct stat st;
    char *text = NULL;

    if (!in || fstat(fd, &st) != 0)
        complain(EXIT_BAD_DATA, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        complain(EXIT_BAD_DATA, "%s: not a regular file", path);
    else if (st.st_size > INT32_MAX)
        complain(EXIT_BAD_DATA, "%s: longer than 2 GiB", path);
    else
        text = read_open_file(in, path, (size_t)st.st_size, ret_len);
    if (in)
        fclose(in);
    else if (fd >= 0)
        close(fd);
    return text;
}
