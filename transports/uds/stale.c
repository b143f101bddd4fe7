/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands at the name already: a live server stays, what is dead goes, what cannot be told
 * stays.
 *
 * Everything is done relative to the descriptor of the directory and never follows a link, but for
 * the probe itself, which the kernel resolves. Nothing that stands there is opened. Blocks for
 * about 100 ms at an entry that refuses, and at most 1 s for another starter. The listening thread.
 */
#include "uds.h"

#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#define LOCK_WAIT_NS  (UINT64_C(1000) * PIPC_NS_PER_MS)
#define LOCK_PAUSE_MS 2u

/* What a probe says about the entry. */
enum verdict {
    VERDICT_DEAD,
    VERDICT_REFUSES, /* dead, or between bind and listen */
    VERDICT_ALIVE,
    VERDICT_UNKNOWN
};

static void pause_ms(unsigned ms)
{
    struct timespec left = {.tv_sec = ms / 1000u, .tv_nsec = (long)(ms % 1000u) * 1000000L};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* An aid that keeps two starters of this library apart, not a right: after a second it goes on
 * without. */
void uds_stale_lock(const struct pipc_host *host, int dir)
{
    const uint64_t end = host->clock_ns(host) + LOCK_WAIT_NS;

    while (flock(dir, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return;
        if (host->clock_ns(host) >= end)
            return;
        pause_ms(LOCK_PAUSE_MS);
    }
}

static pipc_result in_use(const struct pipc_host *host, const struct uds_name *name, int os_code,
                          const char *why, struct pipc_error *err)
{
    return uds_fail(host, err, PIPC_ERR_ADDR_IN_USE, os_code, "%s: %s", name->path, why);
}

static enum verdict judge_connect(int code)
{
    switch (code) {
    case 0:
    case EAGAIN:
    case EINPROGRESS:
    case EALREADY:
    case EINTR:
    case ETIMEDOUT:
        return VERDICT_ALIVE;
    case ECONNREFUSED:
        return VERDICT_REFUSES;
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
    case EPROTOTYPE: /* another program's or another user's socket, perhaps alive */
    case EACCES:
    case EPERM:
        return VERDICT_UNKNOWN;
    default:
        return VERDICT_DEAD;
    }
}

/* One probe: connects, sends nothing, closes. */
static enum verdict probe_once(const struct uds_name *name, int *ret_code)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        *ret_code = errno;
        return VERDICT_UNKNOWN;
    }
    uds_name_address(name, &address);
    *ret_code = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
    (void)close(fd);
    return judge_connect(*ret_code);
}

/* OK: nobody is there. */
static pipc_result probe(const struct pipc_host *host, const struct uds_name *name,
                         struct pipc_error *err)
{
    int attempt, code = 0;

    for (attempt = 1;; attempt++) {
        switch (probe_once(name, &code)) {
        case VERDICT_DEAD:
            return PIPC_OK;
        case VERDICT_REFUSES:
            if (attempt >= PIPC_UDS_PROBE_ATTEMPTS)
                return PIPC_OK;
            pause_ms(PIPC_UDS_PROBE_INTERVAL_MS);
            break;
        case VERDICT_ALIVE:
            return in_use(host, name, code, "owned by a live server", err);
        case VERDICT_UNKNOWN:
        default:
            if (code == EPROTOTYPE)
                return in_use(host, name, code, "a socket of another type is there", err);
            return in_use(host, name, code, "cannot tell whether a server is alive there", err);
        }
    }
}

/* The entry that was found dead goes, if it still is that one. */
static pipc_result take_away(const struct pipc_host *host, const struct uds_name *name, int dir,
                             const struct stat *found, struct pipc_error *err)
{
    const char *entry = name->path + name->entry;
    struct stat now;

    if (fstatat(dir, entry, &now, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return PIPC_OK;
        return in_use(host, name, errno, "cannot be looked at", err);
    }
    if (now.st_dev != found->st_dev || now.st_ino != found->st_ino)
        return in_use(host, name, 0, "was replaced by somebody else meanwhile", err);
    if (unlinkat(dir, entry, S_ISDIR(now.st_mode) ? AT_REMOVEDIR : 0) != 0 && errno != ENOENT)
        return in_use(host, name, errno, "is dead, but cannot be removed", err);
    return PIPC_OK;
}

pipc_result uds_stale_reclaim(const struct pipc_host *host, const struct uds_name *name, int dir,
                              struct pipc_error *err)
{
    struct stat found;
    pipc_result result;

    if (fstatat(dir, name->path + name->entry, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return PIPC_OK;
        return in_use(host, name, errno, "cannot be looked at", err);
    }
    /* Nobody can listen at anything else, and opening it could block or act. */
    if (S_ISSOCK(found.st_mode) || S_ISLNK(found.st_mode)) {
        result = probe(host, name, err);
        if (result != PIPC_OK)
            return result;
    }
    return take_away(host, name, dir, &found, err);
}
