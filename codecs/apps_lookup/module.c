/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of APPS_LOOKUP and the descriptor, the only symbol that the module exports.
 *
 * Constant data. The module has no state, so it has neither init nor fini.
 */
#include "apps_lookup.h"

const struct pipc_apps_lookup_table pipcm_apps_lookup_table = {
    .size = sizeof(struct pipc_apps_lookup_table),
    .major = PIPC_APPS_LOOKUP_TABLE_MAJOR,
    .minor = PIPC_APPS_LOOKUP_TABLE_MINOR,
    .request_encode = pipcm_apps_lookup_request_encode,
    .request_decode = pipcm_apps_lookup_request_decode,
    .request_item = pipcm_apps_lookup_request_item,
    .decode = pipcm_apps_lookup_decode,
    .item = pipcm_apps_lookup_item,
    .label = pipcm_apps_lookup_label,
    .copy = pipcm_apps_lookup_copy,
    .item_copy = pipcm_apps_lookup_item_copy,
    .raw_item = pipcm_apps_lookup_raw_item,
    .assemble = pipcm_apps_lookup_assemble,
    .estimate = pipcm_apps_lookup_estimate,
    .builder_init = pipcm_apps_lookup_builder_init,
    .builder_init_request = pipcm_apps_lookup_builder_init_request,
    .builder_set_generation = pipcm_apps_lookup_builder_set_generation,
    .builder_add = pipcm_apps_lookup_builder_add,
    .builder_finish = pipcm_apps_lookup_builder_finish,
};

static const struct pipc_codec_ops ops = {
    .size = sizeof(struct pipc_codec_ops),
    .code = PIPC_METHOD_APPS_LOOKUP,
    .traits = PIPC_CODEC_LOOKUP,
    .table_major = PIPC_APPS_LOOKUP_TABLE_MAJOR,
    .table_minor = PIPC_APPS_LOOKUP_TABLE_MINOR,
    .default_service = "apps-lookup",
    .table = &pipcm_apps_lookup_table,
    .check_request = pipcm_apps_lookup_check_request,
    .check_response = pipcm_apps_lookup_check_response,
    .walk_request = pipcm_apps_lookup_walk_request,
    .walk_response = pipcm_apps_lookup_walk_response,
    .build_request = pipcm_apps_lookup_build_request,
    .build_response = pipcm_apps_lookup_build_response,
    .dispatch = pipcm_apps_lookup_dispatch,
    .call = &pipcm_apps_lookup_call,
    .lookup = &pipcm_apps_lookup_hooks,
};

PIPC_MODULE_EXPORT const struct pipc_module pipc_module_apps_lookup = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_CODEC,
    .abi_major = PIPC_CODEC_ABI_MAJOR,
    .abi_minor = PIPC_CODEC_ABI_MINOR,
    .host_minor = 0,
    .size = sizeof(struct pipc_module),
    .name = PIPC_APPS_LOOKUP_NAME,
    .version = "0.1.0",
    .vendor = "plugin-ipc",
    .summary = "What the provider knows of processes and their cgroups, asked by PIDs.",
    .ops = &ops,
};
