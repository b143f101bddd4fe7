/* SPDX-License-Identifier: Apache-2.0
 *
 * Another name inside than the symbol has.
 */
#define FIXTURE_NAME            wrong_name
#define FIXTURE_DESCRIPTOR_NAME "other_name"
#include "fixture_codec.h"
