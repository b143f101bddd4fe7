/* SPDX-License-Identifier: Apache-2.0
 *
 * The host table: what the core offers to a module, so that it imports nothing (pipc/module.h).
 *
 * Every instance has a table of its own, so that its lines in the log carry its name. Any thread
 * inside an entry of the module.
 */
#include "registry.h"

#include <pipc/wire.h>

#include <string.h>

static struct pipci_instance *instance_of(const struct pipc_host *host)
{
    return host->context;
}

static const struct pipc_allocator *allocator_of(const struct pipc_host *host)
{
    return &instance_of(host)->context->allocator;
}

static void *host_alloc(const struct pipc_host *host, size_t size)
{
    return pipci_alloc(allocator_of(host), size ? size : 1);
}

static void *host_realloc(const struct pipc_host *host, void *ptr, size_t size)
{
    return ptr ? pipci_realloc(allocator_of(host), ptr, size ? size : 1) : host_alloc(host, size);
}

static void host_free(const struct pipc_host *host, void *ptr)
{
    pipci_free(allocator_of(host), ptr);
}

static void host_log(const struct pipc_host *host, uint32_t level, const char *text)
{
    const struct pipci_instance *const instance = instance_of(host);

    if (text)
        pipci_log(instance->context, level, "%s: %s", instance->module->name, text);
}

static uint64_t host_clock(const struct pipc_host *host)
{
    (void)host;
    return pipci_clock_ns();
}

static void host_error_set(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                           int32_t os_code, const char *text)
{
    (void)host;
    (void)pipci_fail(err, result, os_code, "%s", text ? text : pipc_result_text(result));
}

static pipc_result host_find_transport(const struct pipc_host *host, const char *name,
                                       const struct pipc_transport_ops **ret_ops, void **ret_self,
                                       struct pipc_error *err)
{
    struct pipci_instance *found = NULL;

    if (!name || !ret_ops || !ret_self)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "find_transport: an argument is NULL");
    const pipc_result result = pipci_instance_load(instance_of(host)->context,
                                                   PIPC_MODULE_TRANSPORT, name, false, &found, err);
    if (result != PIPC_OK)
        return result;
    *ret_ops = &found->transport.ops;
    *ret_self = found->self;
    return PIPC_OK;
}

static pipc_result host_find_codec(const struct pipc_host *host, const char *name, uint32_t code,
                                   const struct pipc_codec_ops **ret_ops, struct pipc_error *err)
{
    return pipc_codec_find(instance_of(host)->context, name, code, ret_ops, NULL, err);
}

static pipc_result host_wire_walk(const struct pipc_host *host, const char *structure,
                                  const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    static const char *const names[] = {"header", "chunk", "hello", "hello_ack"};

    (void)host;
    for (size_t i = 0; structure && i < PIPCI_COUNT(names); i++) {
        if (strcmp(structure, names[i]) == 0)
            return pipc_wire_walk(structure, bytes, len, 1, visitor);
    }
    return PIPC_ERR_BAD_PARAM;
}

void pipci_host_fill(struct pipci_instance *instance)
{
    const struct pipc_host host = {
        .size = (uint32_t)sizeof(host),
        .minor = PIPC_HOST_MINOR,
        .alloc = host_alloc,
        .realloc = host_realloc,
        .free = host_free,
        .log = host_log,
        .clock_ns = host_clock,
        .error_set = host_error_set,
        .cpus = instance->context->cpus,
        .sleep_cost_ns = instance->context->sleep_cost_ns,
        .find_transport = host_find_transport,
        .find_codec = host_find_codec,
        .wire_walk = host_wire_walk,
        .context = instance,
    };

    instance->host = host;
}
