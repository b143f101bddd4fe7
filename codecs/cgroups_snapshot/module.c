/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of CGROUPS_SNAPSHOT and the descriptor, the only symbol that the module exports.
 *
 * Constant data. The module has no state, so it has neither init nor fini.
 */
#include "cgroups_snapshot.h"

const struct pipc_cgroups_snapshot_table pipcm_cgroups_snapshot_table = {
    .size = sizeof(struct pipc_cgroups_snapshot_table),
    .major = PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR,
    .minor = PIPC_CGROUPS_SNAPSHOT_TABLE_MINOR,
    .request_encode = pipcm_cgroups_snapshot_request_encode,
    .request_decode = pipcm_cgroups_snapshot_request_decode,
    .decode = pipcm_cgroups_snapshot_decode,
    .item = pipcm_cgroups_snapshot_item,
    .copy = pipcm_cgroups_snapshot_copy,
    .item_copy = pipcm_cgroups_snapshot_item_copy,
    .estimate = pipcm_cgroups_snapshot_estimate,
    .builder_init = pipcm_cgroups_snapshot_builder_init,
    .builder_set_header = pipcm_cgroups_snapshot_builder_set_header,
    .builder_add = pipcm_cgroups_snapshot_builder_add,
    .builder_finish = pipcm_cgroups_snapshot_builder_finish,
};

static const struct pipc_codec_ops ops = {
    .size = sizeof(struct pipc_codec_ops),
    .code = PIPC_METHOD_CGROUPS_SNAPSHOT,
    .traits = PIPC_CODEC_SNAPSHOT,
    .table_major = PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR,
    .table_minor = PIPC_CGROUPS_SNAPSHOT_TABLE_MINOR,
    .default_service = "cgroups-snapshot",
    .table = &pipcm_cgroups_snapshot_table,
    .check_request = pipcm_cgroups_snapshot_check_request,
    .check_response = pipcm_cgroups_snapshot_check_response,
    .walk_request = pipcm_cgroups_snapshot_walk_request,
    .walk_response = pipcm_cgroups_snapshot_walk_response,
    .build_request = pipcm_cgroups_snapshot_build_request,
    .build_response = pipcm_cgroups_snapshot_build_response,
    .dispatch = pipcm_cgroups_snapshot_dispatch,
    .call = &pipcm_cgroups_snapshot_call,
    .snapshot = &pipcm_cgroups_snapshot_hooks,
};

PIPC_MODULE_EXPORT const struct pipc_module pipc_module_cgroups_snapshot = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_CODEC,
    .abi_major = PIPC_CODEC_ABI_MAJOR,
    .abi_minor = PIPC_CODEC_ABI_MINOR,
    .host_minor = 0,
    .size = sizeof(struct pipc_module),
    .name = PIPC_CGROUPS_SNAPSHOT_NAME,
    .version = "0.1.0",
    .vendor = "plugin-ipc",
    .summary = "All cgroups that the provider knows, in one call.",
    .ops = &ops,
};
