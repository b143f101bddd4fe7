/* SPDX-License-Identifier: Apache-2.0
 *
 * The instance of one context: its options, resolved.
 *
 * Not changed afterwards. Runs on the thread that opens the context.
 */
#include "np.h"

static uint32_t spin_of(const struct pipc_option_value *spin)
{
    if (!spin->text)
        return (uint32_t)spin->number;
    return strcmp(spin->text, "off") == 0 ? PIPC_SPIN_OFF : PIPC_SPIN_ADAPTIVE;
}

pipc_result np_instance_make(const struct pipc_host *host, const struct pipc_option_value *values,
                             uint32_t value_count, void **ret_self, struct pipc_error *err)
{
    struct np_instance *instance;
    uint64_t packet;

    if (value_count != PIPC_NP_OPTION_COUNT)
        return np_fail(host, err, PIPC_ERR_MODULE_INIT, 0,
                       "np: %u options are given, %u are declared", (unsigned)value_count,
                       (unsigned)PIPC_NP_OPTION_COUNT);
    instance = host->alloc(host, sizeof(*instance));
    if (!instance)
        return np_fail(host, err, PIPC_ERR_ALLOC, 0, "np: no memory for the transport");
    packet = values[PIPC_NP_OPTION_PACKET_SIZE].number;
    instance->host = host;
    instance->query = np_query_find();
    instance->spin_us = spin_of(&values[PIPC_NP_OPTION_SPIN]);
    instance->packet_size = packet == 0           ? PIPC_NP_PACKET_DEFAULT
                            : packet > UINT32_MAX ? UINT32_MAX
                                                  : (uint32_t)packet;
    *ret_self = instance;
    return PIPC_OK;
}

void np_instance_free(void *self)
{
    struct np_instance *instance = self;

    if (instance)
        instance->host->free(instance->host, instance);
}
