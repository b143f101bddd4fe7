/* SPDX-License-Identifier: Apache-2.0
 *
 * A mandatory entry is missing.
 */
#define FIXTURE_NAME entry_missing
#define FIXTURE_MORE .size = sizeof(struct pipc_codec_ops), .dispatch = NULL
#pragma GCC diagnostic ignored "-Woverride-init"
#include "fixture_codec.h"
