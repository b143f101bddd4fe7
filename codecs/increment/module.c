/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of INCREMENT and the descriptor, the only symbol that the module exports.
 *
 * Constant data. The module has no state, so it has neither init nor fini.
 */
#include "increment.h"

static const struct pipc_increment_table table = {
    .size = sizeof(struct pipc_increment_table),
    .major = PIPC_INCREMENT_TABLE_MAJOR,
    .minor = PIPC_INCREMENT_TABLE_MINOR,
    .encode = pipcm_increment_encode,
    .decode = pipcm_increment_decode,
};

static const struct pipc_codec_ops ops = {
    .size = sizeof(struct pipc_codec_ops),
    .code = PIPC_METHOD_INCREMENT,
    .traits = PIPC_CODEC_BATCH | PIPC_CODEC_UNIFORM,
    .table_major = PIPC_INCREMENT_TABLE_MAJOR,
    .table_minor = PIPC_INCREMENT_TABLE_MINOR,
    .default_service = "increment",
    .table = &table,
    .check_request = pipcm_increment_check,
    .check_response = pipcm_increment_check,
    .walk_request = pipcm_increment_walk,
    .walk_response = pipcm_increment_walk,
    .build_request = pipcm_increment_build,
    .build_response = pipcm_increment_build,
    .dispatch = pipcm_increment_dispatch,
    .call = &pipcm_increment_call,
    .uniform = &pipcm_increment_uniform,
};

PIPC_MODULE_EXPORT const struct pipc_module pipc_module_increment = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_CODEC,
    .abi_major = PIPC_CODEC_ABI_MAJOR,
    .abi_minor = PIPC_CODEC_ABI_MINOR,
    .host_minor = 0,
    .size = sizeof(struct pipc_module),
    .name = PIPC_INCREMENT_NAME,
    .version = "0.1.0",
    .vendor = "plugin-ipc",
    .summary = "A number goes in, another one comes out; for tests and benchmarks.",
    .ops = &ops,
};
