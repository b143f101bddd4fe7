/* SPDX-License-Identifier: Apache-2.0
 *
 * Built for the next major of the ABI.
 */
#define FIXTURE_NAME  major_above
#define FIXTURE_MAJOR (PIPC_CODEC_ABI_MAJOR + 1)
#include "fixture_codec.h"
