/* SPDX-License-Identifier: Apache-2.0
 *
 * Another magic number.
 */
#define FIXTURE_NAME  bad_magic
#define FIXTURE_MAGIC UINT32_C(0x4d504951)
#include "fixture_codec.h"
