/* SPDX-License-Identifier: Apache-2.0
 *
 * A descriptor that ends before its init.
 */
#define FIXTURE_NAME small_size
#define FIXTURE_SIZE offsetof(struct pipc_module, init)
#include "fixture_codec.h"
