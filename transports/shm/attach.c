/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's side of bringing up a session: finds the region that the HELLO_ACK names, judges a
 * private copy of its header, and maps exactly what that describes (6.2, 6.3).
 *
 * On any failure no descriptor and no mapping is left. The connecting thread.
 */
#include "shm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One attempt, of one or many tries. */
struct attempt {
    struct shm_channel *channel;
    const struct pipc_upgrade_request *request;
    struct shm_header header;
    struct shm_verdict verdict; /* of the last try */
    int code;                   /* system error of the last try */
};

static void say(struct attempt *a, pipc_result result, bool again, int code, const char *what)
{
    a->verdict = (struct shm_verdict){result, again, what};
    a->code = code;
}

static bool passed(const struct attempt *a)
{
    return a->verdict.result == PIPC_OK;
}

/* ---- one try ---- */

/* Rows 1 and 2: only a regular file is ever opened. */
static void open_file(struct attempt *a)
{
    const char *const entry = a->channel->name.path + a->channel->name.entry;
    struct stat seen;

    if (fstatat(a->channel->dir, entry, &seen, AT_SYMLINK_NOFOLLOW) != 0) {
        say(a, PIPC_ERR_REGION_OPEN, errno == ENOENT, errno, "the region is not there");
        return;
    }
    if (!S_ISREG(seen.st_mode)) {
        say(a, PIPC_ERR_REGION_OPEN, false, 0, "the region is not a regular file");
        return;
    }
    a->channel->region.fd =
        openat(a->channel->dir, entry, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (a->channel->region.fd < 0)
        say(a, PIPC_ERR_REGION_OPEN, errno == ENOENT, errno, "the region cannot be opened");
    else
        say(a, PIPC_OK, false, 0, "");
}

/* Row 3, and the size for rows 4 and 12. */
static void check_file(struct attempt *a, uint64_t *ret_size)
{
    struct stat file;

    if (fstat(a->channel->region.fd, &file) != 0) {
        say(a, PIPC_ERR_REGION_OPEN, false, errno, "the region does not tell its owner");
        return;
    }
    if (!S_ISREG(file.st_mode)) {
        say(a, PIPC_ERR_REGION_OPEN, false, 0, "the region is not a regular file");
        return;
    }
    a->channel->by_file = file.st_uid != geteuid() && file.st_uid != 0;
    if (a->channel->by_file && !a->channel->instance->foreign_owners) {
        say(a, PIPC_ERR_REGION_OPEN, false, 0, "the region belongs to another user");
        return;
    }
    *ret_size = file.st_size > 0 ? (uint64_t)file.st_size : 0;
}

/* Rows 4 to 13, on a copy that is read once and that nobody else can change. */
static void check_header(struct attempt *a, uint64_t file_size)
{
    ssize_t got;

    memset(&a->header, 0, sizeof(a->header));
    do
        got = pread(a->channel->region.fd, &a->header, sizeof(a->header), 0);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        say(a, PIPC_ERR_REGION_OPEN, false, errno, "the region cannot be read");
        return;
    }
    if (got < (ssize_t)sizeof(a->header))
        file_size = (uint64_t)got;
    a->verdict = shm_header_check(&a->header, file_size, a->request);
}

/* Row 14. The server must not keep a session that nobody will use: an end mark without a wake-up.
 */
static void map_file(struct attempt *a)
{
    const uint64_t one = 1,
                   size = (uint64_t)a->header.response_offset + a->header.response_capacity;
    const int code = shm_region_map(&a->channel->region, size);
    ssize_t put;

    if (code == 0)
        return;
    put = pwrite(a->channel->region.fd, &one, sizeof(one), offsetof(struct shm_header, req_seq));
    (void)put;
    say(a, PIPC_ERR_REGION_MAP, false, code, "the region cannot be mapped");
}

static void try_once(struct attempt *a)
{
    uint64_t file_size = 0;

    open_file(a);
    if (passed(a))
        check_file(a, &file_size);
    if (passed(a))
        check_header(a, file_size);
    if (passed(a))
        map_file(a);
    if (!passed(a))
        shm_region_drop(&a->channel->region);
}

/* ---- the attempt ---- */

static pipc_result fail(const struct attempt *a, struct pipc_error *err, pipc_result result,
                        int code, const char *what)
{
    return shm_fail(a->channel->instance->host, err, result, code, "%s: %s", a->channel->name.path,
                    what);
}

/* Until it is mapped; DISCONNECTED: the carrier ended. */
static pipc_result try_until(struct attempt *a, const struct pipc_wait *wait,
                             struct pipc_error *err)
{
    const struct shm_channel *const c = a->channel;
    const struct pipc_host *const host = c->instance->host;
    pipc_result result = shm_wait_enter(wait);

    while (result == PIPC_OK) {
        try_once(a);
        if (passed(a))
            return PIPC_OK;
        if (shm_hung_up(&c->carrier, c->carrier_fd))
            return fail(a, err, PIPC_ERR_DISCONNECTED, 0, "the server closed before the attach");
        if (!a->verdict.again)
            return fail(a, err, a->verdict.result, a->code, a->verdict.what);
        result =
            shm_pause(host, wait, host->clock_ns(host) + PIPC_SHM_ATTACH_RETRY_MS * PIPC_NS_PER_MS);
    }
    if (result == PIPC_ERR_TIMEOUT)
        return fail(a, err, result, a->code, a->verdict.what);
    return fail(a, err, result, 0,
                result == PIPC_ERR_ABORTED ? "aborted while attaching"
                                           : "the abort handle is none, while attaching");
}

/* Starting values, and the server's process if it can be asked about: with its PID in another
 * namespace it looks dead from the beginning, and says nothing later. */
static pipc_result begin(struct attempt *a, struct pipc_error *err)
{
    struct shm_channel *const c = a->channel;
    const pid_t pid = (pid_t)a->header.owner_pid;

    shm_channel_bind(c, c->region.map, &a->header);
    c->sent = __atomic_load_n(c->out.seq, __ATOMIC_ACQUIRE);
    c->taken = __atomic_load_n(c->in.seq, __ATOMIC_ACQUIRE);
    c->signal = __atomic_load_n(c->out.signal, __ATOMIC_ACQUIRE);
    if (c->sent != 0 || c->taken != 0)
        return fail(a, err, PIPC_ERR_DISCONNECTED, 0, "the server has ended the session already");
    if (pid > 0 && (kill(pid, 0) == 0 || errno == EPERM)) {
        c->owner_pid = a->header.owner_pid;
        c->owner_generation = a->header.owner_generation;
    }
    return PIPC_OK;
}

static bool own_failure(int code)
{
    return code == EMFILE || code == ENFILE || code == ENOMEM;
}

pipc_result shm_attach(void *self, const struct pipc_endpoint *endpoint,
                       const struct pipc_carrier *carrier,
                       const struct pipc_upgrade_request *request, const struct pipc_wait *wait,
                       void **ret_channel, struct pipc_upgrade_failure *ret_failure,
                       struct pipc_error *err)
{
    struct attempt a = {.request = request};
    pipc_result result = shm_channel_make(self, PIPC_ROLE_CLIENT, endpoint, carrier,
                                          request->session_id, &a.channel, err);
    const bool no_memory = result == PIPC_ERR_ALLOC;

    if (result == PIPC_OK) {
        a.channel->most = SHM_OUTER + request->max_request_bytes;
        result = shm_dir_open(a.channel->instance->host, endpoint, &a.channel->dir, &a.code, err);
    }
    if (result == PIPC_OK)
        result = try_until(&a, wait, err);
    if (result == PIPC_OK)
        result = begin(&a, err);
    if (result == PIPC_OK) {
        (void)close(a.channel->dir);
        a.channel->dir = -1;
        *ret_channel = a.channel;
        return PIPC_OK;
    }
    shm_close(a.channel, 0);
    if (result != PIPC_ERR_DISCONNECTED && result != PIPC_ERR_ABORTED) {
        ret_failure->bits = SHM_BITS;
        ret_failure->withdraw_ms = no_memory || own_failure(a.code) ? 0 : PIPC_NEVER;
    }
    return result;
}
