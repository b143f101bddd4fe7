/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking one connection from the queue; moves no byte.
 *
 * Tries first and waits only when the queue is empty. After a failure for lack of resources the
 * listener stays usable. The listener's thread.
 */
#include "uds.h"

static pipc_result fail_wait(const struct uds_listener *listener, struct pipc_error *err,
                             pipc_result result, int os_code)
{
    return uds_wait_fail(listener->instance->host, err, result, PIPC_ERR_ACCEPT, os_code,
                         listener->name.path, "waiting for a client");
}

/* Failures of one connection; so many one after the other are a failure of accepting, since the
 * caller's time must end too. */
#define TRANSIENT_MAX 64u

static bool is_transient(int code)
{
    return code == EINTR || code == ECONNABORTED || code == EPROTO;
}

pipc_result uds_accept(void *self, void *listener, const struct pipc_wait *wait, void **ret_channel,
                       struct pipc_error *err)
{
    struct uds_listener *l = listener;
    struct uds_sleep sleep = {.host = l->instance->host,
                              .wait = wait,
                              .fd = l->fd,
                              .events = POLLIN,
                              .until_ns = PIPC_NEVER};
    struct uds_channel *channel;
    pipc_result result = uds_wait_enter(wait);
    unsigned failures = 0;
    int fd;

    (void)self;
    while (result == PIPC_OK) {
        fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            result = uds_channel_make(l->instance, &l->name, &channel, err);
            if (result != PIPC_OK) {
                (void)close(fd);
                return result;
            }
            channel->fd = fd;
            *ret_channel = channel;
            return PIPC_OK;
        }
        if (errno == EAGAIN)
            result = uds_sleep(&sleep);
        else if (!is_transient(errno) || ++failures > TRANSIENT_MAX)
            return uds_fail(l->instance->host, err, PIPC_ERR_ACCEPT, errno, "%s: cannot accept",
                            l->name.path);
    }
    return fail_wait(l, err, result, sleep.os_code);
}
