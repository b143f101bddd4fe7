/* SPDX-License-Identifier: Apache-2.0
 *
 * What programs may know of the wrapper that does to another transport what bad days do.
 *
 * It has the kind and the bits of what it wraps. Everything that it does is drawn from its seed:
 * the n-th channel of a context meets the same fate in each run with the same operations. Constants
 * alone.
 */
#ifndef PIPC_TRANSPORTS_CHAOS_H
#define PIPC_TRANSPORTS_CHAOS_H

#include <pipc/module.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Options, in the order of their declaration. */
enum {
    PIPC_CHAOS_OPTION_WRAPS = 0,
    PIPC_CHAOS_OPTION_SEED = 1,
    PIPC_CHAOS_OPTION_AFTER = 2,
    PIPC_CHAOS_OPTION_DELAY_US = 3,
    PIPC_CHAOS_OPTION_DELAY = 4,
    PIPC_CHAOS_OPTION_DISCONNECT = 5,
    PIPC_CHAOS_OPTION_SHORT = 6,
    PIPC_CHAOS_OPTION_FAIL = 7,
    PIPC_CHAOS_OPTION_COUNT = 8
};

extern const struct pipc_module pipc_module_chaos;

#ifdef __cplusplus
}
#endif
#endif
