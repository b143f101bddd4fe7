/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is at the other end, and whether the options admit it.
 *
 * The kernel's word, taken when the connection was made. Never blocks. The channel's thread.
 */
#include "uds.h"

pipc_result uds_peer(void *channel, struct pipc_peer *ret_peer)
{
    const struct uds_channel *c = channel;
    uint32_t pid, uid, gid;

    if (uds_system_peer(c->fd, &pid, &uid, &gid) != 0)
        return PIPC_ERR_NOT_SUPPORTED;
    ret_peer->known = PIPC_PEER_UID | PIPC_PEER_GID | (pid != 0 ? PIPC_PEER_PID : 0);
    ret_peer->pid = pid;
    ret_peer->uid = uid;
    ret_peer->gid = gid;
    return PIPC_OK;
}

static bool has(const uint32_t *ids, uint32_t count, uint32_t id)
{
    uint32_t i;

    for (i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

pipc_result uds_admit(void *channel, struct pipc_error *err)
{
    const struct uds_channel *c = channel;
    const struct uds_instance *instance = c->instance;
    uint32_t pid, uid, gid;

    if (instance->uid_count == 0 && instance->gid_count == 0)
        return PIPC_OK;
    if (uds_system_peer(c->fd, &pid, &uid, &gid) != 0)
        return uds_fail(instance->host, err, PIPC_ERR_AUTH_FAILED, errno,
                        "%s: the system does not tell who the client is", c->name.path);
    if (uid == 0 || uid == (uint32_t)geteuid() || has(instance->ids, instance->uid_count, uid) ||
        has(instance->ids + instance->uid_count, instance->gid_count, gid))
        return PIPC_OK;
    return uds_fail(instance->host, err, PIPC_ERR_AUTH_FAILED, 0,
                    "%s: neither user %u nor group %u of process %u is in allow_uid, allow_gid",
                    c->name.path, (unsigned)uid, (unsigned)gid, (unsigned)pid);
}
