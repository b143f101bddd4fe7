/* SPDX-License-Identifier: Apache-2.0
 *
 * A descriptor that claims more bytes than the file has.
 */
#define FIXTURE_NAME big_size
#define FIXTURE_SIZE (1u << 30)
#include "fixture_codec.h"
