/* SPDX-License-Identifier: Apache-2.0
 *
 * A kind that does not exist.
 */
#define FIXTURE_NAME wrong_kind
#define FIXTURE_KIND 3
#include "fixture_codec.h"
