/* SPDX-License-Identifier: Apache-2.0
 *
 * A baseline in a file, whose table ends where ABI 1.0 lets it end.
 */
#include "fixture.h"

#include <pipc/export.h>

static const struct pipc_transport_ops ops = {
    .size = offsetof(struct pipc_transport_ops, reserve),
    .traits = PIPC_TRAIT_BASELINE,
    FIXTURE_BASELINE_ENTRIES,
    FIXTURE_CHANNEL_ENTRIES,
};

PIPC_MODULE_EXPORT extern const struct pipc_module pipc_module_file_transport;
const struct pipc_module pipc_module_file_transport = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .size = sizeof(struct pipc_module),
    .option_count = FIXTURE_OPTION_COUNT,
    .name = "file_transport",
    .version = "1",
    .vendor = "tests",
    .summary = "A baseline of the tests.",
    .options = fixture_options,
    .ops = &ops,
};
