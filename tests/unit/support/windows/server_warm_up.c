/* SPDX-License-Identifier: Apache-2.0
 *
 * No checker with a thread of its own runs here, and a thread that was joined is off the list.
 */
#include "../server_watch.h"

void server_warm_up(void)
{
    CHECK(!test_sanitized());
}
