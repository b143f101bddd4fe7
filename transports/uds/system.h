/* SPDX-License-Identifier: Apache-2.0
 *
 * What differs between the systems that have AF_UNIX SOCK_SEQPACKET (Linux, FreeBSD).
 *
 * The only file of this transport with conditionals of systems; everything else asks the constants
 * and functions declared here.
 */
#ifndef PIPC_UDS_SYSTEM_H
#define PIPC_UDS_SYSTEM_H

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef __linux__
/* fchmod of the unbound socket decides the mode of the file that bind makes. */
#define UDS_MODE_BEFORE_BIND 1
/* SO_SNDBUF less the reserve is what one packet can hold; elsewhere that is tried on a socket pair.
 */
#define UDS_SNDBUF_TELLS 1
#else
#define UDS_MODE_BEFORE_BIND 0
#define UDS_SNDBUF_TELLS     0
#endif

/* Name services beside the system's files; the build says 0 for static programs. */
#ifndef UDS_NSS
#define UDS_NSS 1
#endif

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

/* Bytes of a path without its final NUL: 107 on Linux, 103 on FreeBSD. */
#define UDS_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* Credentials of the process at the other end of a connection: 0, or -1 with errno. A PID that the
 * system does not tell is 0. */
static inline int uds_system_peer(int fd, uint32_t *pid, uint32_t *uid, uint32_t *gid)
{
#ifdef __linux__
    struct ucred credentials;
    socklen_t len = sizeof(credentials);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0)
        return -1;
    *pid = credentials.pid > 0 ? (uint32_t)credentials.pid : 0;
    *uid = (uint32_t)credentials.uid;
    *gid = (uint32_t)credentials.gid;
#else
    uid_t user;
    gid_t group;

    if (getpeereid(fd, &user, &group) != 0)
        return -1;
    *pid = 0;
    *uid = (uint32_t)user;
    *gid = (uint32_t)group;
#endif
    return 0;
}

#endif
