/* SPDX-License-Identifier: Apache-2.0
 *
 * The instance of one context: options, the wrapped transport, the file.
 *
 * Runs on the thread that opens the context.
 */
#include "trace.h"

#include <string.h>
#include <unistd.h>

static enum trace_format format_of(const char *text)
{
    if (text && strcmp(text, "json") == 0)
        return TRACE_JSON;
    return text && strcmp(text, "pcapng") == 0 ? TRACE_PCAPNG : TRACE_TEXT;
}

static void read_options(struct trace_instance *instance, const struct pipc_option_value *values)
{
    instance->format = format_of(values[PIPC_TRACE_OPTION_FORMAT].text);
    instance->fields = values[PIPC_TRACE_OPTION_FIELDS].number != 0;
    instance->show_token = values[PIPC_TRACE_OPTION_SHOW_TOKEN].number != 0;
    instance->packet_bytes = (uint32_t)values[PIPC_TRACE_OPTION_PACKET_BYTES].number;
    instance->message_bytes = (uint32_t)values[PIPC_TRACE_OPTION_MESSAGE_BYTES].number;
    instance->fd = -1;
}

static pipc_result start(struct trace_instance *instance, const struct pipc_option_value *values,
                         struct pipc_error *err)
{
    const struct pipc_host *const host = instance->host;
    const char *const to = values[PIPC_TRACE_OPTION_TO].text;
    const pipc_result result =
        host->find_transport(host, values[PIPC_TRACE_OPTION_WRAPS].text, &instance->wrapped.ops,
                             &instance->wrapped.self, err);

    if (result != PIPC_OK)
        return result;
    if (to)
        return trace_sink_open(instance, to, err);
    if (instance->format == TRACE_PCAPNG)
        return trace_fail(host, err, PIPC_ERR_CONFIG, 0,
                          "trace: format pcapng needs the option to, a file");
    return PIPC_OK;
}

pipc_result trace_instance_make(const struct pipc_host *host,
                                const struct pipc_option_value *values, uint32_t value_count,
                                void **ret_self, struct pipc_error *err)
{
    struct trace_instance *instance;
    pipc_result result;

    if (value_count != PIPC_TRACE_OPTION_COUNT)
        return trace_fail(host, err, PIPC_ERR_MODULE_INIT, 0,
                          "trace: %u options are given, %u are declared", (unsigned)value_count,
                          (unsigned)PIPC_TRACE_OPTION_COUNT);
    instance = host->alloc(host, sizeof(*instance));
    if (!instance)
        return trace_fail(host, err, PIPC_ERR_ALLOC, 0, "trace: no memory for the transport");
    memset(instance, 0, sizeof(*instance));
    instance->host = instance->wrapped.host = host;
    read_options(instance, values);
    result = start(instance, values, err);
    if (result != PIPC_OK) {
        trace_instance_free(instance);
        return result;
    }
    *ret_self = instance;
    return PIPC_OK;
}

void trace_instance_free(void *self)
{
    struct trace_instance *const instance = self;

    if (!instance)
        return;
    if (instance->fd >= 0)
        (void)close(instance->fd);
    instance->host->free(instance->host, instance);
}
