/* SPDX-License-Identifier: Apache-2.0
 *
 * What programs may know of the wrapper that writes down what another transport carries.
 *
 * It has the kind and the bits of what it wraps. Its records go to a file, or line by line to the
 * log of the context. Constants alone.
 */
#ifndef PIPC_TRANSPORTS_TRACE_H
#define PIPC_TRANSPORTS_TRACE_H

#include <pipc/module.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Options, in the order of their declaration. */
enum {
    PIPC_TRACE_OPTION_WRAPS = 0,
    PIPC_TRACE_OPTION_FORMAT = 1,
    PIPC_TRACE_OPTION_TO = 2,
    PIPC_TRACE_OPTION_FIELDS = 3,
    PIPC_TRACE_OPTION_PACKET_BYTES = 4,
    PIPC_TRACE_OPTION_MESSAGE_BYTES = 5,
    PIPC_TRACE_OPTION_SHOW_TOKEN = 6,
    PIPC_TRACE_OPTION_COUNT = 7
};

/* Frames of the pcapng format have this link type (USER0) and begin with this header, numbers
 * little-endian: version, event, flags, reserved (a byte each); number of the channel, process (4
 * bytes each); length of the service's name (1), the name, and zeros up to a multiple of 4. The
 * packet follows; events other than SENT and RECEIVED have none. */
#define PIPC_TRACE_LINK_TYPE     147u
#define PIPC_TRACE_FRAME_VERSION 1u
#define PIPC_TRACE_FRAME_FIXED   13u

enum {
    PIPC_TRACE_SENT = 1,
    PIPC_TRACE_RECEIVED = 2,
    PIPC_TRACE_OPENED = 3,
    PIPC_TRACE_ENDED = 4, /* the peer's end was received */
    PIPC_TRACE_CLOSED = 5
};
#define PIPC_TRACE_FLAG_SERVER 1u /* this end is the server's */
#define PIPC_TRACE_FLAG_CUT    2u /* the receiver had no room for all of the packet */

extern const struct pipc_module pipc_module_trace;

#ifdef __cplusplus
}
#endif
#endif
