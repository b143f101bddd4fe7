/* SPDX-License-Identifier: Apache-2.0
 *
 * Built with a newer minor and needs nothing of it: good.
 */
#define FIXTURE_NAME  minor_above
#define FIXTURE_MINOR (PIPC_CODEC_ABI_MINOR + 1)
#include "fixture_codec.h"
