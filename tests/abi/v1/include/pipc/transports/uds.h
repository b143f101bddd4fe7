/* SPDX-License-Identifier: Apache-2.0
 *
 * The baseline transport of POSIX systems: packets over AF_UNIX, SOCK_SEQPACKET.
 *
 * What a program that names this transport itself needs: the constants of docs/level1-posix-uds.md
 * and the module's descriptor, for programs that link the module in. Those of the handshake and of
 * packets in general are in pipc/wire.h and pipc/session.h.
 */
#ifndef PIPC_TRANSPORTS_UDS_H
#define PIPC_TRANSPORTS_UDS_H

#include <pipc/module.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Accept queue when the configuration says 0 or less. */
#define PIPC_UDS_BACKLOG_DEFAULT 16
/* Bytes of SO_SNDBUF that cannot be used by one packet. */
#define PIPC_UDS_PACKET_RESERVE 32u
/* Connect probes of an entry that refuses, and the pause between them. */
#define PIPC_UDS_PROBE_ATTEMPTS    3
#define PIPC_UDS_PROBE_INTERVAL_MS 50
/* Pause of the caller after an accept that failed for lack of resources. */
#define PIPC_UDS_ACCEPT_PAUSE_MS 10
/* Longest reading-off before a close after a refusal, and the most bytes read off then. */
#define PIPC_UDS_CLOSE_DRAIN_MS    100
#define PIPC_UDS_CLOSE_DRAIN_BYTES UINT64_C(1048576)

/* Options of the section [transport.uds], in the order of the declarations. */
enum {
    PIPC_UDS_OPTION_SPIN = 0,
    PIPC_UDS_OPTION_MODE,
    PIPC_UDS_OPTION_GROUP,
    PIPC_UDS_OPTION_ALLOW_UID,
    PIPC_UDS_OPTION_ALLOW_GID,
    PIPC_UDS_OPTION_BACKLOG,
    PIPC_UDS_OPTION_PACKET_SIZE,
    PIPC_UDS_OPTION_COUNT
};

/* The descriptor. Resolved by the linker where the module is linked in, by the loader otherwise. */
extern PIPC_MODULE_EXPORT const struct pipc_module pipc_module_uds;

#ifdef __cplusplus
}
#endif
#endif
