/* SPDX-License-Identifier: Apache-2.0
 *
 * A head of zeros.
 */
#define FIXTURE_NAME  zero_head
#define FIXTURE_MAGIC 0
#define FIXTURE_KIND  0
#define FIXTURE_MAJOR 0
#define FIXTURE_SIZE  0
#include "fixture_codec.h"
