/* SPDX-License-Identifier: Apache-2.0
 *
 * Socket activation and readiness by the protocol of systemd.
 */
#include "../system.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int activation_take(pipc_handle *ret_handle)
{
    const char *const pid = getenv("LISTEN_PID"), *const fds = getenv("LISTEN_FDS");
    uint64_t for_pid, count;

    *ret_handle = PIPC_NO_HANDLE;
    if (!pid || !fds || !number_parse(pid, UINT64_MAX, &for_pid) || for_pid != (uint64_t)getpid())
        return -1;
    if (!number_parse(fds, UINT32_MAX, &count) || count != 1)
        return usage("LISTEN_FDS is '%s': expected one listening descriptor", fds);
    *ret_handle = 3;
    return -1;
}

void activation_ready(void)
{
    const char *const path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t len = path ? strlen(path) : 0;

    if (!len || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = 0;
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (const struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 7)
        complain(0, "%s: %s", path, strerror(errno));
    close(fd);
}
