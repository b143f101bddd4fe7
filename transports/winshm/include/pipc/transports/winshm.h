/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared-memory upgrade of Windows: messages in a mapping that both processes see.
 *
 * What a program that names this transport itself needs: the profile bits and constants of
 * docs/level1-windows-shm.md and the module's descriptor, for programs that link the module in.
 */
#ifndef PIPC_TRANSPORTS_WINSHM_H
#define PIPC_TRANSPORTS_WINSHM_H

#include <pipc/module.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Spin, then an event. */
#define PIPC_PROFILE_SHM_HYBRID UINT32_C(0x00000002)
/* Spin only: keeps a processor busy on each side while it waits. */
#define PIPC_PROFILE_SHM_BUSYWAIT UINT32_C(0x00000004)
/* Reserved; never offered, never made. */
#define PIPC_PROFILE_SHM_WAITADDR UINT32_C(0x00000008)

#define PIPC_WIN_SHM_MAGIC      UINT32_C(0x4e535748)
#define PIPC_WIN_SHM_VERSION    3u
#define PIPC_WIN_SHM_HEADER_LEN 128u
/* Of offsets and capacities. */
#define PIPC_WIN_SHM_ALIGN 64u
/* What a server writes for existing peers, who spin so many rounds; it never steers our wait. */
#define PIPC_WIN_SHM_SPIN_DEFAULT 1024u
/* Most rounds of a spin between two looks at abort and clock. */
#define PIPC_WIN_SHM_SPIN_MAX 16384u
/* Spinning for ever: a yield whenever `rounds & mask` is 0. */
#define PIPC_WIN_SHM_YIELD_MASK 1023u
/* Longest single sleep. */
#define PIPC_WIN_SHM_SLICE_MS 100u
/* Characters of an object's name. */
#define PIPC_WIN_SHM_NAME_MAX 255u
/* Largest capacity of an area, and largest region. */
#define PIPC_WIN_SHM_CAPACITY_MAX UINT32_C(2147483584)
#define PIPC_WIN_SHM_REGION_MAX   UINT32_C(4294967295)
/* Pause between two tries to attach. */
#define PIPC_WIN_SHM_ATTACH_RETRY_MS 5u

/* Options of the section [transport.winshm], in the order of the declarations. */
enum { PIPC_WIN_SHM_OPTION_SPIN = 0, PIPC_WIN_SHM_OPTION_PLANES, PIPC_WIN_SHM_OPTION_COUNT };

/* The descriptor. Resolved by the linker where the module is linked in, by the loader otherwise. */
extern PIPC_MODULE_EXPORT const struct pipc_module pipc_module_winshm;

#ifdef __cplusplus
}
#endif
#endif
