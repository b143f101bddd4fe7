/* SPDX-License-Identifier: Apache-2.0
 *
 * A good codec with options of every type, whose start and end can be seen in the log.
 */
#include "fixture.h"

#include <stdio.h>

struct instance {
    const struct pipc_host *host;
    uint64_t count;
};

static pipc_result start(const struct pipc_host *host, const struct pipc_option_value *values,
                         uint32_t value_count, void **ret_self, struct pipc_error *err)
{
    struct instance *const self = host->alloc(host, sizeof(*self));
    char text[64];

    if (!self) {
        host->error_set(host, err, PIPC_ERR_ALLOC, 0, "no memory for an instance");
        return PIPC_ERR_ALLOC;
    }
    if (value_count > 1 && values[1].number) {
        host->free(host, self);
        host->error_set(host, err, PIPC_ERR_MODULE_INIT, 5, "told to fail");
        return PIPC_ERR_MODULE_INIT;
    }
    self->host = host;
    self->count = values[0].number;
    snprintf(text, sizeof(text), "started with count %u", (unsigned)self->count);
    host->log(host, PIPC_LOG_WARNING, text);
    *ret_self = self;
    return PIPC_OK;
}

static void end(void *self)
{
    const struct instance *const i = self;

    i->host->log(i->host, PIPC_LOG_WARNING, "ended");
    i->host->free(i->host, self);
}

#define FIXTURE_NAME           good_codec
#define FIXTURE_INIT           start
#define FIXTURE_FINI           end
#define FIXTURE_OPTIONS        fixture_options
#define FIXTURE_OPTIONS_LENGTH FIXTURE_OPTION_COUNT
#include "fixture_codec.h"
