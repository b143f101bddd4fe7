/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the files of one process and parses their text.
 */
#include "processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A PID that changes hands again and again is left alone. */
#define READ_TRIES 3

/* ---- text ---- */

struct cursor {
    const char *at, *end;
};

static int take_number(struct cursor *c, uint64_t max, uint64_t *ret_value)
{
    const char *const begin = c->at;
    uint64_t value = 0;

    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        const unsigned digit = (unsigned)(*c->at - '0');
        if (value > (max - digit) / 10)
            return 0;
        value = 10 * value + digit;
    }
    *ret_value = value;
    return c->at > begin;
}

static int take_char(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return 0;
    c->at++;
    return 1;
}

/* Passes over one field and the blank behind it. */
static int skip_field(struct cursor *c)
{
    const char *const begin = c->at;

    while (c->at < c->end && *c->at != ' ' && *c->at != '\n')
        c->at++;
    return c->at > begin && take_char(c, ' ');
}

/* A NUL cannot be in a name; bytes behind one are none of it. */
static void take_comm(const char *from, size_t len, struct live_stat *ret)
{
    size_t used = 0;

    for (size_t i = 0; i < len && from[i] && used < LIVE_COMM_MAX; i++) {
        if (from[i] == '\\' && i + 1 < len && (from[i + 1] == 'n' || from[i + 1] == '\\'))
            ret->comm[used++] = from[++i] == 'n' ? '\n' : '\\';
        else
            ret->comm[used++] = from[i];
    }
    if (!used)
        ret->comm[used++] = '?';
    ret->comm[used] = '\0';
    ret->comm_len = used;
}

static const char *last_of(const char *text, size_t len, char wanted)
{
    while (len--) {
        if (text[len] == wanted)
            return text + len;
    }
    return NULL;
}

int live_stat_parse(const char *text, size_t len, struct live_stat *ret_stat)
{
    struct cursor c = {text, text + len};
    const char *const close = last_of(text, len, ')');
    uint64_t pid, ppid, starttime;

    if (!take_number(&c, UINT32_MAX, &pid) || !take_char(&c, ' ') || !take_char(&c, '(') ||
        !close || close < c.at)
        return 0;
    take_comm(c.at, (size_t)(close - c.at), ret_stat);
    c.at = close + 1;
    if (!take_char(&c, ' ') || !skip_field(&c) || !take_number(&c, UINT32_MAX, &ppid) ||
        !take_char(&c, ' '))
        return 0;
    for (int field = 5; field < 22; field++) {
        if (!skip_field(&c))
            return 0;
    }
    if (!take_number(&c, UINT64_MAX, &starttime))
        return 0;
    ret_stat->pid = (uint32_t)pid;
    ret_stat->ppid = (uint32_t)ppid;
    ret_stat->starttime = starttime;
    return 1;
}

/* The first number behind a line's name and colon. */
static int line_number(struct cursor line, const char *name, uint32_t *ret_value)
{
    const size_t len = strlen(name);
    uint64_t value;

    if ((size_t)(line.end - line.at) < len || memcmp(line.at, name, len) != 0)
        return 0;
    line.at += len;
    while (line.at < line.end && (*line.at == '\t' || *line.at == ' '))
        line.at++;
    if (!take_number(&line, UINT32_MAX, &value))
        return 0;
    *ret_value = (uint32_t)value;
    return 1;
}

int live_status_parse(const char *text, size_t len, uint32_t pid, uint32_t *ret_uid,
                      uint32_t *ret_tgid)
{
    struct cursor line = {text, text};
    const char *const end = text + len;
    int found = 0;

    *ret_tgid = pid;
    for (; line.at < end; line.at = line.end + (line.end < end)) {
        line.end = memchr(line.at, '\n', (size_t)(end - line.at));
        if (!line.end)
            line.end = end;
        (void)line_number(line, "Tgid:", ret_tgid);
        found |= line_number(line, "Uid:", ret_uid);
    }
    return found;
}

/* ---- files ---- */

/* Not the process's fault: an answer that it does not exist would be false. */
static int is_shortage(int code)
{
    return code == EMFILE || code == ENFILE || code == ENOMEM;
}

/* Fills the buffer from the beginning of the file; what does not fit is left. -1 with errno. */
static ssize_t read_from_start(int fd, char *to, size_t room)
{
    size_t len = 0;

    while (len < room) {
        const ssize_t got = pread(fd, to + len, room - len, (off_t)len);
        if (got < 0 && errno == EINTR)
            continue; /* LCOV_EXCL_LINE: these files are not interrupted */
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        len += (size_t)got;
    }
    return (ssize_t)len;
}

/* Regular files alone are waited for: O_NONBLOCK for made trees. */
static int open_at(int dir, const char *name)
{
    return openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
}

static ssize_t read_at(int dir, const char *name, char *to, size_t room)
{
    const int fd = open_at(dir, name);
    ssize_t len;
    int code;

    if (fd < 0)
        return -1;
    len = read_from_start(fd, to, room);
    code = errno;
    (void)close(fd);
    errno = code;
    return len;
}

/* 1, 0 or -1 as live_process_read. The buffer is used for one file after the other; the path of the
 * cgroup is the last that stays in it. */
static int read_rest(int dir, enum live_hierarchy hierarchy, struct live_process *ret)
{
    uint32_t tgid;
    ssize_t len = read_at(dir, "status", ret->text, sizeof(ret->text));

    if (len < 0)
        return is_shortage(errno) ? -1 : 0;
    if (!live_status_parse(ret->text, (size_t)len, ret->stat.pid, &ret->uid, &tgid) ||
        tgid != ret->stat.pid)
        return 0;
    ret->cgroup_len = 0;
    ret->cgroup = NULL;
    len = read_at(dir, "cgroup", ret->text, sizeof(ret->text));
    if (len < 0)
        return is_shortage(errno) ? -1 : 1;
    if ((size_t)len == sizeof(ret->text)) { /* a line that is cut would name another cgroup */
        const char *const whole = last_of(ret->text, (size_t)len, '\n');
        len = whole ? whole - ret->text : 0;
    }
    ret->cgroup = live_hierarchy_path(hierarchy, ret->text, (size_t)len, &ret->cgroup_len);
    return 1;
}

/* One consistent reading through `dir`. 2: the process changed meanwhile. */
static int read_once(int dir, int stat_fd, uint32_t pid, enum live_hierarchy hierarchy,
                     struct live_process *ret)
{
    char again[1024];
    struct live_stat after;
    ssize_t len = read_from_start(stat_fd, ret->text, sizeof(ret->text));
    int result;

    if (len < 0 || !live_stat_parse(ret->text, (size_t)len, &ret->stat) || ret->stat.pid != pid)
        return 0;
    result = read_rest(dir, hierarchy, ret);
    if (result != 1)
        return result;
    len = read_from_start(stat_fd, again, sizeof(again));
    if (len < 0 || !live_stat_parse(again, (size_t)len, &after))
        return 0;
    return after.starttime == ret->stat.starttime ? 1 : 2;
}

static int read_open(int dir, uint32_t pid, enum live_hierarchy hierarchy, struct live_process *ret)
{
    const int stat_fd = open_at(dir, "stat");
    int result = 2, code;

    if (stat_fd < 0)
        return is_shortage(errno) ? -1 : 0;
    for (int i = 0; i < READ_TRIES && result == 2; i++)
        result = read_once(dir, stat_fd, pid, hierarchy, ret);
    code = errno;
    (void)close(stat_fd);
    errno = code;
    return result == 2 ? 0 : result;
}

int live_process_read(int proc, uint32_t pid, enum live_hierarchy hierarchy,
                      struct live_process *ret)
{
    char name[16];
    int dir, result, code;

    (void)snprintf(name, sizeof(name), "%u", (unsigned)pid);
    dir = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0)
        return is_shortage(errno) ? -1 : 0;
    result = read_open(dir, pid, hierarchy, ret);
    code = errno;
    (void)close(dir);
    errno = code;
    return result;
}

int live_processes_each(const char *proc_root, void *arg, int (*found)(void *arg, uint32_t pid))
{
    DIR *const dir = opendir(proc_root);
    const struct dirent *entry;
    int result = 0, code;

    if (!dir)
        return -1;
    while (result == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
        struct cursor c = {entry->d_name, entry->d_name + strlen(entry->d_name)};
        uint64_t pid;
        if (take_number(&c, UINT32_MAX, &pid) && c.at == c.end)
            result = found(arg, (uint32_t)pid);
    }
    code = errno;
    (void)closedir(dir);
    errno = code;
    return result == 0 && code ? -1 : result;
}
