/* SPDX-License-Identifier: Apache-2.0
 *
 * The instance of one context: options and the wrapped transport.
 *
 * Runs on the thread that opens the context.
 */
#include "chaos.h"

#include <stdio.h>
#include <string.h>

pipc_result chaos_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                       int os_code, const char *service, const char *text)
{
    char sentence[PIPC_ERROR_TEXT_LEN];

    (void)snprintf(sentence, sizeof(sentence), "%s: %s", service, text);
    host->error_set(host, err, result, os_code, sentence);
    return result;
}

static void read_options(struct chaos_instance *instance, const struct pipc_option_value *values)
{
    instance->seed = values[PIPC_CHAOS_OPTION_SEED].number;
    instance->after = (uint32_t)values[PIPC_CHAOS_OPTION_AFTER].number;
    instance->delay_us = (uint32_t)values[PIPC_CHAOS_OPTION_DELAY_US].number;
    instance->delay = (uint32_t)values[PIPC_CHAOS_OPTION_DELAY].number;
    instance->disconnect = (uint32_t)values[PIPC_CHAOS_OPTION_DISCONNECT].number;
    instance->cut = (uint32_t)values[PIPC_CHAOS_OPTION_SHORT].number;
    instance->fail = (uint32_t)values[PIPC_CHAOS_OPTION_FAIL].number;
}

pipc_result chaos_instance_make(const struct pipc_host *host,
                                const struct pipc_option_value *values, uint32_t value_count,
                                void **ret_self, struct pipc_error *err)
{
    struct chaos_instance *instance;
    pipc_result result;

    if (value_count != PIPC_CHAOS_OPTION_COUNT)
        return chaos_fail(host, err, PIPC_ERR_MODULE_INIT, 0, "chaos",
                          "other options are given than are declared");
    instance = host->alloc(host, sizeof(*instance));
    if (!instance)
        return chaos_fail(host, err, PIPC_ERR_ALLOC, 0, "chaos", "no memory for the transport");
    memset(instance, 0, sizeof(*instance));
    instance->host = instance->wrapped.host = host;
    read_options(instance, values);
    result = host->find_transport(host, values[PIPC_CHAOS_OPTION_WRAPS].text,
                                  &instance->wrapped.ops, &instance->wrapped.self, err);
    if (result != PIPC_OK) {
        chaos_instance_free(instance);
        return result;
    }
    *ret_self = instance;
    return PIPC_OK;
}

void chaos_instance_free(void *self)
{
    struct chaos_instance *const instance = self;

    if (instance)
        instance->host->free(instance->host, instance);
}
