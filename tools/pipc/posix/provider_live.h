/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the sources of the live providers: what their callbacks answer from.
 */
#ifndef PIPC_TOOL_PROVIDER_LIVE_H
#define PIPC_TOOL_PROVIDER_LIVE_H

#include "../live/cgroups.h"

#include <pipc/codecs/apps_lookup.h>
#include <pipc/codecs/cgroups_lookup.h>

/* What lookups need: the cgroups, which another thread keeps up to date, and the directory of the
 * processes. */
struct live_sources {
    struct live_cgroups *cgroups;
    int proc; /* descriptor of the proc directory, -1: none */
};

/* The generation of lookups: one for the whole life of a provider, so that the parts of one logical
 * call fit together whatever comes and goes (docs/codec.md 7.7). */
#define LIVE_LOOKUP_GENERATION 1u

/* Callbacks of the codecs; `user` is a struct live_sources. Any thread. */
uint32_t live_lookup_cgroups(void *user, const struct pipc_request *from,
                             const struct pipc_cgroups_lookup_request_view *request,
                             struct pipc_cgroups_lookup_builder *builder);
uint32_t live_lookup_apps(void *user, const struct pipc_request *from,
                          const struct pipc_apps_lookup_request_view *request,
                          struct pipc_apps_lookup_builder *builder);

#endif
