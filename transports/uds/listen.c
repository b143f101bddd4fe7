/* SPDX-License-Identifier: Apache-2.0
 *
 * Making and closing a listener.
 *
 * The endpoint is published by the last step alone; whatever fails before it leaves neither an
 * entry nor a descriptor. Blocks only as stale.c says. One thread at a time per listener.
 */
#include "uds.h"

#include <fcntl.h>
#include <sys/file.h>

/* A listener without a socket: name checked, directory open. */
pipc_result uds_listener_make(const struct uds_instance *instance,
                              const struct pipc_endpoint *endpoint,
                              struct uds_listener **ret_listener, struct pipc_error *err)
{
    const struct pipc_host *host = instance->host;
    struct uds_listener *listener;
    struct uds_name name;
    pipc_result result = uds_name_make(host, endpoint, &name, err);

    if (result != PIPC_OK)
        return result;
    listener = host->alloc(host, sizeof(*listener));
    if (!listener)
        return uds_fail(host, err, PIPC_ERR_ALLOC, 0, "%s: no memory for a listener", name.path);
    memset(listener, 0, sizeof(*listener));
    listener->instance = instance;
    listener->fd = -1;
    listener->name = name;
    listener->dir = open(endpoint->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (listener->dir < 0) {
        result =
            uds_fail(host, err, PIPC_ERR_SOCKET, errno, "%s: the directory %.*s cannot be opened",
                     name.path, (int)name.dir, name.path);
        host->free(host, listener);
        return result;
    }
    *ret_listener = listener;
    return PIPC_OK;
}

void uds_listener_free(struct uds_listener *listener)
{
    if (listener->fd >= 0)
        (void)close(listener->fd);
    (void)close(listener->dir);
    listener->instance->host->free(listener->instance->host, listener);
}

/* The socket, with the permissions that bind will hand on to the file. */
static pipc_result open_socket(struct uds_listener *listener, struct pipc_error *err)
{
    const struct pipc_host *host = listener->instance->host;

    listener->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd < 0)
        return uds_fail(host, err, PIPC_ERR_SOCKET, errno, "%s: no socket can be made",
                        listener->name.path);
    if (UDS_MODE_BEFORE_BIND && fchmod(listener->fd, 0600) != 0)
        return uds_fail(host, err, PIPC_ERR_SOCKET, errno, "%s: the socket's mode cannot be set",
                        listener->name.path);
    return PIPC_OK;
}

static pipc_result bind_socket(struct uds_listener *listener, struct pipc_error *err)
{
    const struct pipc_host *host = listener->instance->host;
    struct sockaddr_un address;

    uds_name_address(&listener->name, &address);
    if (bind(listener->fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return PIPC_OK;
    if (errno == EADDRINUSE)
        return uds_fail(host, err, PIPC_ERR_ADDR_IN_USE, errno, "%s: somebody else took the name",
                        listener->name.path);
    return uds_fail(host, err, PIPC_ERR_SOCKET, errno, "%s: cannot bind", listener->name.path);
}

static pipc_result publish(struct uds_listener *listener, struct pipc_error *err)
{
    const struct pipc_host *host = listener->instance->host;
    pipc_result result = uds_stale_reclaim(host, &listener->name, listener->dir, err);

    if (result == PIPC_OK)
        result = open_socket(listener, err);
    if (result == PIPC_OK)
        result = bind_socket(listener, err);
    if (result == PIPC_OK)
        result = uds_entry_settle(listener, err);
    if (result == PIPC_OK && listen(listener->fd, listener->instance->backlog) != 0)
        result =
            uds_fail(host, err, PIPC_ERR_SOCKET, errno, "%s: cannot listen", listener->name.path);
    return result;
}

pipc_result uds_listen(void *self, const struct pipc_endpoint *endpoint, void **ret_listener,
                       struct pipc_error *err)
{
    const struct uds_instance *instance = self;
    struct uds_listener *listener = NULL;
    pipc_result result = uds_listener_make(instance, endpoint, &listener, err);

    if (result != PIPC_OK)
        return result;
    uds_stale_lock(instance->host, listener->dir);
    result = publish(listener, err);
    if (result != PIPC_OK)
        uds_entry_remove(listener);
    (void)flock(listener->dir, LOCK_UN);
    if (result != PIPC_OK) {
        uds_listener_free(listener);
        return result;
    }
    *ret_listener = listener;
    return PIPC_OK;
}

pipc_handle uds_listener_wait_handle(void *self, void *listener)
{
    const struct uds_listener *l = listener;

    (void)self;
    return l->fd;
}

void uds_listener_close(void *self, void *listener, uint32_t flags)
{
    struct uds_listener *l = listener;

    (void)self;
    if (!l)
        return;
    /* The name goes first, so that it never stands there and refuses. */
    if (!(flags & PIPC_CLOSE_FORKED))
        uds_entry_remove(l);
    uds_listener_free(l);
}
