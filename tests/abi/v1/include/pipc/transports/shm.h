/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared-memory upgrade of Linux: messages in a region that both processes map.
 *
 * What a program that names this transport itself needs: the profile bits and constants of
 * docs/level1-posix-shm.md and the module's descriptor, for programs that link the module in.
 */
#ifndef PIPC_TRANSPORTS_SHM_H
#define PIPC_TRANSPORTS_SHM_H

#include <pipc/module.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Spin, then futex. */
#define PIPC_PROFILE_SHM_HYBRID UINT32_C(0x00000002)
/* Reserved; the same data plane. Used only where the caller's own mask names it. */
#define PIPC_PROFILE_SHM_FUTEX UINT32_C(0x00000004)

#define PIPC_SHM_MAGIC      UINT32_C(0x4e53484d)
#define PIPC_SHM_VERSION    3u
#define PIPC_SHM_HEADER_LEN 64u
#define PIPC_SHM_ALIGNMENT  64u
/* Bytes of a region's path without its final NUL. */
#define PIPC_SHM_PATH_MAX 255u
/* Longest sleep between two looks at the outside world. */
#define PIPC_SHM_SLICE_MS 100u
/* Pause between two tries to attach. */
#define PIPC_SHM_ATTACH_RETRY_MS 5u
/* Age of a server's last answer from which its client has certainly read it. */
#define PIPC_SHM_ANSWER_KEEP_MS 100u

/* Options of the section [transport.shm], in the order of the declarations. */
enum {
    PIPC_SHM_OPTION_SPIN = 0,
    PIPC_SHM_OPTION_ANY_FS,
    PIPC_SHM_OPTION_FOREIGN_OWNERS,
    PIPC_SHM_OPTION_COUNT
};

/* The descriptor. Resolved by the linker where the module is linked in, by the loader otherwise. */
extern PIPC_MODULE_EXPORT const struct pipc_module pipc_module_shm;

#ifdef __cplusplus
}
#endif
#endif
