/* SPDX-License-Identifier: Apache-2.0
 *
 * A module whose start always fails, with a result that is none of those that a start may give.
 */
#include "fixture.h"

static pipc_result start(const struct pipc_host *host, const struct pipc_option_value *values,
                         uint32_t value_count, void **ret_self, struct pipc_error *err)
{
    (void)values;
    (void)value_count;
    (void)ret_self;
    host->error_set(host, err, PIPC_ERR_SOCKET, 24, "there is no device");
    return PIPC_ERR_SOCKET;
}

#define FIXTURE_NAME init_fails
#define FIXTURE_CODE 701
#define FIXTURE_INIT start
#define FIXTURE_FINI NULL
#include "fixture_codec.h"
