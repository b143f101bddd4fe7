/* SPDX-License-Identifier: Apache-2.0
 *
 * Built for the major of the ABI before.
 */
#define FIXTURE_NAME  major_below
#define FIXTURE_MAJOR (PIPC_CODEC_ABI_MAJOR - 1)
#include "fixture_codec.h"
