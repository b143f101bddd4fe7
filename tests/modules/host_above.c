/* SPDX-License-Identifier: Apache-2.0
 *
 * Needs a newer host.
 */
#define FIXTURE_NAME       host_above
#define FIXTURE_HOST_MINOR (PIPC_HOST_MINOR + 1)
#include "fixture_codec.h"
