/* SPDX-License-Identifier: Apache-2.0
 *
 * A listener that somebody else made (socket activation).
 *
 * It is judged before anything of it is changed; on failure the handle is untouched. Its entry is
 * never removed. Never blocks.
 */
#include "uds.h"

#include <fcntl.h>
#include <limits.h>

static int option_of(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

/* The path that the socket is bound to; false: none, or it is no AF_UNIX socket. */
static bool bound_path(int fd, char *path)
{
    struct sockaddr_un address;
    socklen_t len = sizeof(address);
    size_t path_len;

    memset(&address, 0, sizeof(address));
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 || address.sun_family != AF_UNIX)
        return false;
    if (len <= offsetof(struct sockaddr_un, sun_path) || address.sun_path[0] == '\0')
        return false;
    path_len = len - offsetof(struct sockaddr_un, sun_path);
    if (path_len > sizeof(address.sun_path))
        path_len = sizeof(address.sun_path);
    memcpy(path, address.sun_path, path_len);
    path[path_len] = '\0';
    return true;
}

/* Another spelling of the same file will do. */
static bool same_entry(const struct uds_listener *listener, const char *path)
{
    struct stat own, bound;

    if (strcmp(path, listener->name.path) == 0)
        return true;
    return fstatat(listener->dir, listener->name.path + listener->name.entry, &own,
                   AT_SYMLINK_NOFOLLOW) == 0 &&
           lstat(path, &bound) == 0 && own.st_dev == bound.st_dev && own.st_ino == bound.st_ino;
}

static const char *flaw_of(const struct uds_listener *listener, pipc_handle handle)
{
    char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
    int fd;

    if (handle < 0 || handle > INT_MAX)
        return "the listener handed in is no descriptor";
    fd = (int)handle;
    if (option_of(fd, SO_TYPE) != SOCK_SEQPACKET)
        return "the listener handed in is no SOCK_SEQPACKET socket";
    if (!bound_path(fd, path))
        return "the listener handed in is not bound to a path";
    if (option_of(fd, SO_ACCEPTCONN) != 1)
        return "the socket handed in does not listen";
    if (!same_entry(listener, path))
        return "the listener handed in is bound to another path";
    return NULL;
}

static bool set_flags(int fd)
{
    const int status = fcntl(fd, F_GETFL);
    const int descriptor = fcntl(fd, F_GETFD);

    if (status < 0 || descriptor < 0 || fcntl(fd, F_SETFD, descriptor | FD_CLOEXEC) != 0)
        return false;
    if (fcntl(fd, F_SETFL, status | O_NONBLOCK) == 0)
        return true;
    (void)fcntl(fd, F_SETFD, descriptor);
    return false;
}

pipc_result uds_adopt(void *self, const struct pipc_endpoint *endpoint, pipc_handle handle,
                      void **ret_listener, struct pipc_error *err)
{
    const struct uds_instance *instance = self;
    struct uds_listener *listener = NULL;
    const char *flaw;
    pipc_result result = uds_listener_make(instance, endpoint, &listener, err);

    if (result != PIPC_OK)
        return result;
    flaw = flaw_of(listener, handle);
    if (!flaw && !set_flags((int)handle))
        flaw = "the listener handed in cannot be made non-blocking";
    if (flaw) {
        result = uds_fail(instance->host, err, PIPC_ERR_BAD_PARAM, 0, "%s: %s", listener->name.path,
                          flaw);
        uds_listener_free(listener);
        return result;
    }
    listener->fd = (int)handle;
    *ret_listener = listener;
    return PIPC_OK;
}
