/* SPDX-License-Identifier: Apache-2.0
 *
 * Wrappers: a descriptor that says what the core would make of wrapper and wrapped transport
 * together, so that every case reads it as that of any transport. Made once, before the first case.
 */
#ifndef PIPC_KIT_WRAPPED_H
#define PIPC_KIT_WRAPPED_H

#include "host.h"

/* A table whose optional entries may all be called, as the core makes it. */
void kit_ops_normalise(const struct pipc_transport_ops *from, struct pipc_transport_ops *ops);

/* `wrapper` with kind, bits and traits of what it wraps: `name`, or NULL for the default of its
 * option. The wrapped module is looked up in the context. NULL, with a sentence in `err`. */
const struct pipc_module *kit_wrapped_join(struct pipc_context *context,
                                           const struct pipc_module *wrapper, const char *name,
                                           struct pipc_error *err);
/* The instance of the wrapped module that belongs to this host, made at the first call. */
pipc_result kit_wrapped_find(struct kit_host *host, const char *name,
                             const struct pipc_transport_ops **ret_ops, void **ret_self,
                             struct pipc_error *err);
/* Ends it, if it was made. */
void kit_wrapped_end(struct kit_host *host);

#endif
