/* SPDX-License-Identifier: Apache-2.0
 *
 * Connecting to an endpoint.
 *
 * A full queue is a busy server, not an absent one: it is tried again, with growing and varied
 * pauses, until the deadline. Any thread; no state.
 */
#include "uds.h"

#define PAUSE_FIRST_NS (UINT64_C(5) * PIPC_NS_PER_MS)
#define PAUSE_MOST_NS  (UINT64_C(50) * PIPC_NS_PER_MS)

/* One connecting call. */
struct attempt {
    const struct pipc_host *host;
    struct uds_name name;
    struct sockaddr_un address;
    struct uds_sleep sleep;
    int fd;
    uint64_t pause_ns;
    uint64_t seed;
};

/* Half to one and a half of the pause, so that clients that met once do not meet again. */
static uint64_t varied(struct attempt *attempt)
{
    uint64_t x;

    attempt->seed += UINT64_C(0x9e3779b97f4a7c15);
    x = attempt->seed;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return attempt->pause_ns / 2 + x % (attempt->pause_ns + 1);
}

/* poll does not report a free place in the queue, so this is a pause. */
static pipc_result pause_full(struct attempt *attempt)
{
    const uint64_t now = attempt->host->clock_ns(attempt->host);
    uint64_t end;
    pipc_result result;

    if (attempt->pause_ns == 0) {
        attempt->pause_ns = PAUSE_FIRST_NS;
        attempt->seed = now ^ ((uint64_t)getpid() << 32) ^ (uint64_t)(uintptr_t)attempt;
    }
    end = now + varied(attempt);
    /* Where the deadline comes first, one more try comes before it is judged. */
    if (attempt->sleep.wait && attempt->sleep.wait->deadline_ns < end &&
        attempt->sleep.wait->deadline_ns > now)
        end = attempt->sleep.wait->deadline_ns;
    attempt->pause_ns =
        attempt->pause_ns * 2 > PAUSE_MOST_NS ? PAUSE_MOST_NS : attempt->pause_ns * 2;
    attempt->sleep.fd = -1;
    attempt->sleep.until_ns = end;
    do
        result = uds_sleep(&attempt->sleep);
    while (result == PIPC_OK && attempt->host->clock_ns(attempt->host) < end);
    return result;
}

/* Where a connect goes on by itself: until it is writable, then its outcome in *ret_code. */
static pipc_result wait_progress(struct attempt *attempt, int *ret_code)
{
    socklen_t len = sizeof(*ret_code);
    pipc_result result;

    attempt->sleep.fd = attempt->fd;
    attempt->sleep.events = POLLOUT;
    attempt->sleep.until_ns = PIPC_NEVER;
    do {
        result = uds_sleep(&attempt->sleep);
        if (result != PIPC_OK)
            return result;
    } while (!attempt->sleep.woken);
    if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, ret_code, &len) != 0)
        *ret_code = errno;
    return PIPC_OK;
}

static pipc_result connect_until(struct attempt *attempt, struct pipc_error *err)
{
    pipc_result result = PIPC_OK;
    int code;

    while (result == PIPC_OK) {
        code = connect(attempt->fd, (const struct sockaddr *)&attempt->address,
                       sizeof(attempt->address)) == 0
                   ? 0
                   : errno;
        if (code == EINPROGRESS || code == EALREADY)
            result = wait_progress(attempt, &code);
        if (result != PIPC_OK || code == EINTR)
            continue;
        if (code == 0 || code == EISCONN)
            return PIPC_OK;
        if (code != EAGAIN)
            return uds_fail(attempt->host, err, PIPC_ERR_CONNECT, code, "%s: cannot connect",
                            attempt->name.path);
        result = pause_full(attempt);
    }
    return uds_wait_fail(attempt->host, err, result, PIPC_ERR_CONNECT, attempt->sleep.os_code,
                         attempt->name.path, "waiting for a place in the server's queue");
}

pipc_result uds_connect(void *self, const struct pipc_endpoint *endpoint,
                        const struct pipc_wait *wait, void **ret_channel, struct pipc_error *err)
{
    const struct uds_instance *instance = self;
    struct attempt attempt = {.host = instance->host,
                              .sleep = {.host = instance->host, .wait = wait}};
    struct uds_channel *channel = NULL;
    pipc_result result = uds_name_make(instance->host, endpoint, &attempt.name, err);

    if (result != PIPC_OK)
        return result;
    result = uds_wait_enter(wait);
    if (result != PIPC_OK)
        return uds_wait_fail(instance->host, err, result, PIPC_ERR_CONNECT, 0, attempt.name.path,
                             "connecting");
    result = uds_channel_make(instance, &attempt.name, &channel, err);
    if (result != PIPC_OK)
        return result;
    attempt.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    channel->fd = attempt.fd;
    uds_name_address(&attempt.name, &attempt.address);
    if (attempt.fd < 0)
        result = uds_fail(instance->host, err, PIPC_ERR_SOCKET, errno, "%s: no socket can be made",
                          attempt.name.path);
    else
        result = connect_until(&attempt, err);
    if (result != PIPC_OK) {
        uds_close(channel, 0);
        return result;
    }
    *ret_channel = channel;
    return PIPC_OK;
}
