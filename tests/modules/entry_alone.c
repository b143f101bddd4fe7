/* SPDX-License-Identifier: Apache-2.0
 *
 * An entry whose trait is not claimed.
 */
#include "fixture.h"

static const struct pipc_snapshot_hooks hooks = {
    .size = sizeof(hooks), .head_size = 8, .item_size = 8, FIXTURE_HOOK_ENTRIES};

#define FIXTURE_NAME entry_alone
#define FIXTURE_MORE .size = sizeof(struct pipc_codec_ops), .snapshot = &hooks
#include "fixture_codec.h"
