/* SPDX-License-Identifier: Apache-2.0
 *
 * The library behind dep_symbol: its descriptor is good and lies in the wrong object.
 */
#define FIXTURE_NAME dep_symbol
#include "../fixture_codec.h"

int fixture_dep_answer(void);
__attribute__((visibility("default"))) int fixture_dep_answer(void)
{
    return 42;
}
