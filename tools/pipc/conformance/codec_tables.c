/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of cases of codecs, in the order in which they run.
 */
#include "codec_kit.h"

const struct kit_case *const kit_codec_tables[] = {
    codec_cases_table,  codec_cases_read,    codec_cases_pure,     codec_cases_hostile,
    codec_cases_build,  codec_cases_call,    codec_cases_dispatch, codec_cases_snapshot,
    codec_cases_lookup, codec_cases_uniform, codec_cases_fuzz,     NULL,
};
