/* SPDX-License-Identifier: Apache-2.0
 *
 * What `pipc serve` serves: one provider per run, made from a data file or live, asked by session
 * threads at the same time.
 */
#ifndef PIPC_TOOL_PROVIDER_H
#define PIPC_TOOL_PROVIDER_H

#include "tool.h"

/* A provider of one kind. */
struct provider {
    const struct options *o;
    const char *kind;
    struct pipc_context *context;
    const void *handler;     /* of the codec's header */
    uint32_t snapshot_items; /* directory slots to reserve, 0: by the estimate */
    uint64_t first_size;     /* live snapshot: bytes of the first response, 0: not known */
    void *state;
    /* Looks again (SIGHUP): a data file is reread, a live service scans. 0, or -1 with the old data
     * kept and the reason said. */
    int (*reread)(struct provider *p);
    void (*stop)(struct provider *p);
};

/* Kinds that are served live without --data. */
bool provider_is_live(const char *kind);

/* Makes the provider of p->kind; -1, or an exit code with the reason said. */
int provider_compute(struct provider *p); /* increment, string_reverse without a file */
int provider_data(struct provider *p);    /* --data FILE */
int provider_live(struct provider *p);    /* this machine */

#endif
