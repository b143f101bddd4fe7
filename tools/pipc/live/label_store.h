/* SPDX-License-Identifier: Apache-2.0
 *
 * Labels that were read once, kept for as long as their cgroup is there.
 *
 * Every function under one lock of the caller's; what live_labels_of hands out stays valid without
 * it until the last share is released.
 */
#ifndef PIPC_LIVE_LABEL_STORE_H
#define PIPC_LIVE_LABEL_STORE_H

#include "labels.h"

struct live_labels;

/* The labels in *store, read first when there are none, or read again when something was missing in
 * an earlier look. `name` is that of the cgroup, with what the runtime told. Returns how many. */
uint32_t live_labels_of(struct live_labels **store, const char *path, size_t len, const char *name,
                        const char *host_root, uint64_t look,
                        const struct pipc_label_view **ret_labels);
/* Both accept NULL. */
struct live_labels *live_labels_share(struct live_labels *labels);
void live_labels_release(struct live_labels *labels);

#endif
