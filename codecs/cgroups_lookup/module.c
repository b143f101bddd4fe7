/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of CGROUPS_LOOKUP and the descriptor, the only symbol that the module exports.
 *
 * Constant data. The module has no state, so it has neither init nor fini.
 */
#include "cgroups_lookup.h"

const struct pipc_cgroups_lookup_table pipcm_cgroups_lookup_table = {
    .size = sizeof(struct pipc_cgroups_lookup_table),
    .major = PIPC_CGROUPS_LOOKUP_TABLE_MAJOR,
    .minor = PIPC_CGROUPS_LOOKUP_TABLE_MINOR,
    .request_size = pipcm_cgroups_lookup_request_size,
    .request_encode = pipcm_cgroups_lookup_request_encode,
    .request_decode = pipcm_cgroups_lookup_request_decode,
    .request_item = pipcm_cgroups_lookup_request_item,
    .request_copy = pipcm_cgroups_lookup_request_copy,
    .decode = pipcm_cgroups_lookup_decode,
    .item = pipcm_cgroups_lookup_item,
    .label = pipcm_cgroups_lookup_label,
    .copy = pipcm_cgroups_lookup_copy,
    .item_copy = pipcm_cgroups_lookup_item_copy,
    .raw_item = pipcm_cgroups_lookup_raw_item,
    .assemble = pipcm_cgroups_lookup_assemble,
    .estimate = pipcm_cgroups_lookup_estimate,
    .builder_init = pipcm_cgroups_lookup_builder_init,
    .builder_init_request = pipcm_cgroups_lookup_builder_init_request,
    .builder_set_generation = pipcm_cgroups_lookup_builder_set_generation,
    .builder_add = pipcm_cgroups_lookup_builder_add,
    .builder_add_request_item = pipcm_cgroups_lookup_builder_add_request_item,
    .builder_finish = pipcm_cgroups_lookup_builder_finish,
};

static const struct pipc_codec_ops ops = {
    .size = sizeof(struct pipc_codec_ops),
    .code = PIPC_METHOD_CGROUPS_LOOKUP,
    .traits = PIPC_CODEC_LOOKUP,
    .table_major = PIPC_CGROUPS_LOOKUP_TABLE_MAJOR,
    .table_minor = PIPC_CGROUPS_LOOKUP_TABLE_MINOR,
    .default_service = "cgroups-lookup",
    .table = &pipcm_cgroups_lookup_table,
    .check_request = pipcm_cgroups_lookup_check_request,
    .check_response = pipcm_cgroups_lookup_check_response,
    .walk_request = pipcm_cgroups_lookup_walk_request,
    .walk_response = pipcm_cgroups_lookup_walk_response,
    .build_request = pipcm_cgroups_lookup_build_request,
    .build_response = pipcm_cgroups_lookup_build_response,
    .dispatch = pipcm_cgroups_lookup_dispatch,
    .call = &pipcm_cgroups_lookup_call,
    .lookup = &pipcm_cgroups_lookup_hooks,
};

PIPC_MODULE_EXPORT const struct pipc_module pipc_module_cgroups_lookup = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_CODEC,
    .abi_major = PIPC_CODEC_ABI_MAJOR,
    .abi_minor = PIPC_CODEC_ABI_MINOR,
    .host_minor = 0,
    .size = sizeof(struct pipc_module),
    .name = PIPC_CGROUPS_LOOKUP_NAME,
    .version = "0.1.0",
    .vendor = "plugin-ipc",
    .summary = "What the provider knows of cgroups, asked by their paths.",
    .ops = &ops,
};
