/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of cases of codecs, in the order in which they run.
 */
#include "kit.h"

const struct kit_case *const kit_codec_tables[] = {NULL};
