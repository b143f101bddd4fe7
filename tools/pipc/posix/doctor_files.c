/* SPDX-License-Identifier: Apache-2.0
 *
 * The run directory as pipc doctor sees it: its permissions, sockets with their owners, regions
 * that are alive or left over (docs/level1-transport.md 4.2, docs/level1-posix-shm.md 12.1).
 *
 * Looks only: nothing is removed here, no link is followed but by the probe of a socket.
 */
#include "doctor.h"

#include "../json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_END   ".sock"
#define REGION_END   ".ipcshm"
#define ID_LEN       16u
#define REGION_HEAD  64u
#define REGION_MAGIC UINT32_C(0x4e53484d)

void doctor_find(struct json_object *checks, const char *what, const char *verdict,
                 const char *format, ...)
{
    struct json_object *row = json_object_new_object();
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    json_object_object_add(row, "check", json_object_new_string(what));
    json_object_object_add(row, "verdict", json_object_new_string(verdict));
    json_object_object_add(row, "finding", json_of_sentence(text));
    json_object_array_add(checks, row);
}

bool doctor_run_dir(const char *run_dir, struct json_object *checks)
{
    struct stat now;

    if (stat(run_dir, &now) != 0) {
        doctor_find(checks, "run_dir", "bad", "%s: %s", run_dir, strerror(errno));
        return false;
    }
    if (!S_ISDIR(now.st_mode)) {
        doctor_find(checks, "run_dir", "bad", "%s: is no directory", run_dir);
        return false;
    }
    if (access(run_dir, R_OK | X_OK) != 0)
        doctor_find(checks, "run_dir", "bad", "%s: mode %04o, owner %u: it cannot be searched",
                    run_dir, (unsigned)now.st_mode & 07777, (unsigned)now.st_uid);
    else if (now.st_mode & 022 && !(now.st_mode & S_ISVTX))
        doctor_find(checks, "run_dir", "note",
                    "%s: mode %04o, owner %u: others can replace what servers make here", run_dir,
                    (unsigned)now.st_mode & 07777, (unsigned)now.st_uid);
    else
        doctor_find(checks, "run_dir", "ok", "%s: mode %04o, owner %u", run_dir,
                    (unsigned)now.st_mode & 07777, (unsigned)now.st_uid);
    return true;
}

const char *doctor_state_name(enum doctor_state state)
{
    static const char *const names[] = {"alive", "dead", "unknown"};

    return names[state];
}

static void judge(struct doctor_file *file, enum doctor_state state, const char *why)
{
    file->state = state;
    snprintf(file->why, sizeof(file->why), "%s", why);
}

/* ---- sockets ---- */

static void judge_socket(const char *path, struct doctor_file *file)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof(address.sun_path)) {
        judge(file, DOCTOR_UNKNOWN, fd < 0 ? strerror(errno) : "the path is too long");
    } else {
        memcpy(address.sun_path, path, strlen(path));
        const int code =
            connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
        if (code == 0 || code == EAGAIN || code == EINPROGRESS)
            judge(file, DOCTOR_ALIVE, code == 0 ? "" : "its queue is full");
        else if (code == ECONNREFUSED)
            judge(file, DOCTOR_DEAD, "nobody listens; the next server takes the name over");
        else
            judge(file, DOCTOR_UNKNOWN, strerror(code));
#ifdef SO_PEERCRED
        struct ucred owner = {0, 0, 0};
        socklen_t len = sizeof(owner);
        if (code == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &owner, &len) == 0)
            file->pid = owner.pid > 0 ? (uint32_t)owner.pid : 0;
#endif
    }
    if (fd >= 0)
        close(fd);
}

/* ---- regions ---- */

static void judge_head(const unsigned char *head, struct doctor_file *file)
{
    uint32_t magic, generation;
    int32_t pid;

    memcpy(&magic, head, 4);
    memcpy(&pid, head + 8, 4);
    memcpy(&generation, head + 12, 4);
    if (magic != REGION_MAGIC) {
        judge(file, DOCTOR_DEAD, "junk: wrong magic number");
        return;
    }
    file->pid = pid > 0 ? (uint32_t)pid : 0;
    if (pid > 0 && generation != 0 && (kill(pid, 0) == 0 || errno == EPERM))
        judge(file, DOCTOR_ALIVE, "");
    else
        judge(file, DOCTOR_DEAD,
              pid > 0 && generation != 0 ? "its owner is gone" : "it was never completed");
}

static void judge_region(const char *path, struct doctor_file *file)
{
    unsigned char head[REGION_HEAD];
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOENT))
        judge(file, DOCTOR_UNKNOWN, strerror(errno));
    else if (fd < 0)
        judge(file, DOCTOR_DEAD, "junk: cannot be opened");
    else if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
        judge(file, DOCTOR_DEAD, "junk: too short");
    else
        judge_head(head, file);
    if (fd >= 0)
        close(fd);
}

/* ---- the directory ---- */

static bool ends_with(const char *name, const char *end)
{
    const size_t len = strlen(name), end_len = strlen(end);

    return len > end_len && strcmp(name + len - end_len, end) == 0;
}

static bool is_id(const char *text, size_t len)
{
    return len == ID_LEN && strspn(text, "0123456789abcdef") >= ID_LEN;
}

/* 12.2: an id behind a further dash belongs to a service whose name only begins like this one. */
static bool region_is_of(const char *service, const char *name)
{
    const size_t prefix = strlen(service);

    if (!ends_with(name, REGION_END) || strncmp(name, service, prefix) != 0 || name[prefix] != '-')
        return false;
    const char *const x = name + prefix + 1;
    const size_t len = strlen(name) - strlen(REGION_END);
    if (len <= prefix + 1)
        return false;
    const size_t x_len = len - prefix - 1;
    return is_id(x, x_len) || x_len < ID_LEN + 1 || x[x_len - ID_LEN - 1] != '-' ||
           !is_id(x + x_len - ID_LEN, ID_LEN);
}

static bool socket_is_of(const char *service, const char *name)
{
    const size_t prefix = strlen(service);

    return strncmp(name, service, prefix) == 0 && strcmp(name + prefix, SOCKET_END) == 0;
}

static void add_file(const char *run_dir, const char *name, bool endpoint,
                     struct doctor_files *files)
{
    struct doctor_file *const file = &files->file[files->count];
    char path[4352];
    struct stat now;

    snprintf(path, sizeof(path), "%s/%s", run_dir, name);
    if (lstat(path, &now) != 0)
        return;
    if (files->count == DOCTOR_FILES_MAX || !(file->name = strdup(name))) {
        files->more = true;
        return;
    }
    files->count++;
    file->endpoint = endpoint;
    file->pid = 0;
    file->mode = (uint32_t)now.st_mode & 07777;
    file->uid = (uint32_t)now.st_uid;
    if (endpoint && !S_ISSOCK(now.st_mode) && !S_ISLNK(now.st_mode))
        judge(file, DOCTOR_DEAD, "is no socket; the next server removes it");
    else if (endpoint)
        judge_socket(path, file);
    else if (!S_ISREG(now.st_mode))
        judge(file, DOCTOR_DEAD, "junk: no regular file");
    else
        judge_region(path, file);
}

void doctor_files_list(const char *run_dir, const char *service, struct doctor_files *ret_files)
{
    DIR *const dir = opendir(run_dir);
    const struct dirent *entry;

    ret_files->count = 0;
    ret_files->more = false;
    while (dir && (entry = readdir(dir)) != NULL) {
        if (socket_is_of(service, entry->d_name))
            add_file(run_dir, entry->d_name, true, ret_files);
        else if (region_is_of(service, entry->d_name))
            add_file(run_dir, entry->d_name, false, ret_files);
    }
    if (dir)
        closedir(dir);
}

void doctor_files_free(struct doctor_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->file[i].name);
    files->count = 0;
}

/* Length of the service's name in that of an entry; 0: it is none of a service. */
static size_t service_in(const char *name)
{
    const size_t len = strlen(name);

    if (ends_with(name, SOCKET_END))
        return len - strlen(SOCKET_END);
    if (!ends_with(name, REGION_END))
        return 0;
    const size_t rest = len - strlen(REGION_END);
    return rest > ID_LEN + 1 && name[rest - ID_LEN - 1] == '-' &&
                   is_id(name + rest - ID_LEN, ID_LEN)
               ? rest - ID_LEN - 1
               : 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **doctor_services(const char *run_dir)
{
    char **const names = calloc(DOCTOR_FILES_MAX + 1, sizeof(*names));
    DIR *const dir = opendir(run_dir);
    const struct dirent *entry;
    size_t count = 0, kept = 0;

    while (names && dir && count < DOCTOR_FILES_MAX && (entry = readdir(dir)) != NULL) {
        const size_t len = service_in(entry->d_name);
        if (len > 0 && (names[count] = strndup(entry->d_name, len)))
            count++;
    }
    if (dir)
        closedir(dir);
    if (count > 0)
        qsort(names, count, sizeof(*names), by_name);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && strcmp(names[kept - 1], names[i]) == 0)
            free(names[i]);
        else
            names[kept++] = names[i];
    }
    if (names)
        names[kept] = NULL;
    return names;
}
