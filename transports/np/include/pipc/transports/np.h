/* SPDX-License-Identifier: Apache-2.0
 *
 * The baseline transport of Windows: packets over named pipes in message mode.
 *
 * What a program that names this transport itself needs: the constants of docs/level1-windows-np.md
 * and the module's descriptor, for programs that link the module in. Those of the handshake and of
 * packets in general are in pipc/wire.h and pipc/session.h.
 */
#ifndef PIPC_TRANSPORTS_NP_H
#define PIPC_TRANSPORTS_NP_H

#include <pipc/module.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Characters of a pipe's name, and bytes of a service's name that are left of them. */
#define PIPC_NP_NAME_MAX    255u
#define PIPC_NP_SERVICE_MAX 222u
/* Smallest quota of a pipe, and the largest that is asked for. */
#define PIPC_NP_BUFFER_MIN 65536u
#define PIPC_NP_BUFFER_MAX 1048576u
/* Packet that is proposed when the configuration says nothing. */
#define PIPC_NP_PACKET_DEFAULT 65536u
/* Instances that are kept listening. */
#define PIPC_NP_LISTEN_INSTANCES 4u
/* Pause after an instance could not be made. */
#define PIPC_NP_ACCEPT_PAUSE_MS 10u
/* Time for the client to read the last packets. */
#define PIPC_NP_FLUSH_MS 500u

/* Options of the section [transport.np], in the order of the declarations. */
enum { PIPC_NP_OPTION_SPIN = 0, PIPC_NP_OPTION_PACKET_SIZE, PIPC_NP_OPTION_COUNT };

/* The descriptor. Resolved by the linker where the module is linked in, by the loader otherwise. */
extern PIPC_MODULE_EXPORT const struct pipc_module pipc_module_np;

#ifdef __cplusplus
}
#endif
#endif
