/* SPDX-License-Identifier: Apache-2.0
 *
 * The instance of one context: its options, resolved.
 *
 * Not changed afterwards. Runs on the thread that opens the context.
 */
#include "shm.h"

#include <string.h>

static uint32_t spin_of(const struct pipc_option_value *spin)
{
    if (!spin->text)
        return (uint32_t)spin->number;
    return strcmp(spin->text, "off") == 0 ? PIPC_SPIN_OFF : PIPC_SPIN_ADAPTIVE;
}

pipc_result shm_instance_make(const struct pipc_host *host, const struct pipc_option_value *values,
                              uint32_t value_count, void **ret_self, struct pipc_error *err)
{
    struct shm_instance *instance;

    if (value_count != PIPC_SHM_OPTION_COUNT)
        return shm_fail(host, err, PIPC_ERR_MODULE_INIT, 0,
                        "shm: %u options are given, %u are declared", (unsigned)value_count,
                        (unsigned)PIPC_SHM_OPTION_COUNT);
    instance = host->alloc(host, sizeof(*instance));
    if (!instance)
        return shm_fail(host, err, PIPC_ERR_ALLOC, 0, "shm: no memory for the transport");
    instance->host = host;
    instance->spin_us = spin_of(&values[PIPC_SHM_OPTION_SPIN]);
    instance->any_fs = values[PIPC_SHM_OPTION_ANY_FS].number != 0;
    instance->foreign_owners = values[PIPC_SHM_OPTION_FOREIGN_OWNERS].number != 0;
    *ret_self = instance;
    return PIPC_OK;
}

void shm_instance_free(void *self)
{
    struct shm_instance *instance = self;

    if (instance)
        instance->host->free(instance->host, instance);
}
