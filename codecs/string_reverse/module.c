/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of STRING_REVERSE and the descriptor, the only symbol that the module exports.
 *
 * Constant data. The module has no state, so it has neither init nor fini.
 */
#include "string_reverse.h"

const struct pipc_string_reverse_table pipcm_string_reverse_table = {
    .size = sizeof(struct pipc_string_reverse_table),
    .major = PIPC_STRING_REVERSE_TABLE_MAJOR,
    .minor = PIPC_STRING_REVERSE_TABLE_MINOR,
    .encode = pipcm_string_reverse_encode,
    .decode = pipcm_string_reverse_decode,
    .copy = pipcm_string_reverse_copy,
};

static const struct pipc_codec_ops ops = {
    .size = sizeof(struct pipc_codec_ops),
    .code = PIPC_METHOD_STRING_REVERSE,
    .traits = PIPC_CODEC_BATCH,
    .table_major = PIPC_STRING_REVERSE_TABLE_MAJOR,
    .table_minor = PIPC_STRING_REVERSE_TABLE_MINOR,
    .default_service = "string-reverse",
    .table = &pipcm_string_reverse_table,
    .check_request = pipcm_string_reverse_check,
    .check_response = pipcm_string_reverse_check,
    .walk_request = pipcm_string_reverse_walk,
    .walk_response = pipcm_string_reverse_walk,
    .build_request = pipcm_string_reverse_build,
    .build_response = pipcm_string_reverse_build,
    .dispatch = pipcm_string_reverse_dispatch,
    .call = &pipcm_string_reverse_call,
};

PIPC_MODULE_EXPORT const struct pipc_module pipc_module_string_reverse = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_CODEC,
    .abi_major = PIPC_CODEC_ABI_MAJOR,
    .abi_minor = PIPC_CODEC_ABI_MINOR,
    .host_minor = 0,
    .size = sizeof(struct pipc_module),
    .name = PIPC_STRING_REVERSE_NAME,
    .version = "0.1.0",
    .vendor = "plugin-ipc",
    .summary = "A string goes in, a string comes out; for tests.",
    .ops = &ops,
};
