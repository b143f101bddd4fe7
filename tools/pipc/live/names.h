/* SPDX-License-Identifier: Apache-2.0
 *
 * What a cgroup is called, and who made it, told from its path.
 *
 * The rules follow what monitoring agents do: units by their own names, containers and machines by
 * the names of their runtime. Pure but for the names that runtimes keep in files (live/runtime.h),
 * which are optional. Any thread.
 */
#ifndef PIPC_LIVE_NAMES_H
#define PIPC_LIVE_NAMES_H

#include "runtime.h"

#include <stdint.h>

#define LIVE_NAME_MAX 4352u

/* The numbers of the lookup services (docs/codec-cgroups-lookup.md 3.2). */
enum {
    LIVE_UNKNOWN = 0,
    LIVE_SYSTEMD = 1,
    LIVE_DOCKER = 2,
    LIVE_K8S = 3,
    LIVE_KVM = 4,
    LIVE_LXC = 5,
    LIVE_PODMAN = 6,
    LIVE_NSPAWN = 7
};

/* Longest file name that is a unit; longer ones do not exist below a cgroup root. */
#define LIVE_UNIT_MAX 255u

struct live_name {
    char name[LIVE_NAME_MAX]; /* never empty; bytes of the path otherwise as they are */
    uint16_t orchestrator;
    /* What else the path tells, of the innermost one each; "" when it does not. */
    char id[LIVE_ID_LEN + 1];      /* of the container */
    char pod[LIVE_UNIT_MAX + 1];   /* uid of the pod */
    const char *quality;           /* class of the pod: guaranteed, burstable, besteffort */
    char slice[LIVE_UNIT_MAX + 1]; /* of systemd, decoded as is the unit */
    char unit[LIVE_UNIT_MAX + 1];
};

/* Names the cgroup with this path ("/", "/a/b"), which has at most LIVE_PATH_MAX bytes. `runtime`
 * NULL: only what the path tells.
 *
 *   /                                             root
 *   /system.slice/nginx.service                   nginx.service           (\xNN of systemd decoded)
 *   /system.slice/foo.service/sub                 foo.service/sub
 *   /user.slice/user-1.slice/user@1.service/x.service   user@1.service/x.service
 *   .../docker-<64 hex>.scope, /docker/<64 hex>   docker_NAME, or docker_<12 hex>
 *   .../libpod-<64 hex>.scope                     podman_NAME, or podman_<12 hex>
 *   .../kubepods...-pod<uid>.slice                pod_<uid>
 *   .../kubepods.../<64 hex>                      k8s_NAMESPACE_POD_CONTAINER, or k8s_<12 hex>
 *   /lxc/NAME, /lxc.payload.NAME                  NAME
 *   /machine.slice/systemd-nspawn@NAME.service    NAME
 *   /machine.slice/machine-NAME.scope             NAME
 *   /machine.slice/machine-qemu-N-NAME.scope      qemu_NAME
 *   anything else                                 the path without its first slash
 *
 * Cgroups inside a container have its name in front: "docker_web/init.scope". */
void live_name_of(const char *path, size_t len, struct live_runtime *runtime,
                  struct live_name *ret_name);

/* Decodes the \xNN of systemd unit names into `to`, which has at least len + 1 bytes. NUL is not
 * decoded. Returns the length. */
size_t live_unit_decode(const char *from, size_t len, char *to);

#endif
