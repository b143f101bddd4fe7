/* SPDX-License-Identifier: Apache-2.0
 *
 * A trait whose entry is missing.
 */
#define FIXTURE_NAME   trait_alone
#define FIXTURE_TRAITS PIPC_CODEC_SNAPSHOT
#include "fixture_codec.h"
