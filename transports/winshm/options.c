/* SPDX-License-Identifier: Apache-2.0
 *
 * The instance of one context: its options, judged and resolved.
 *
 * Not changed afterwards. Runs on the thread that opens the context.
 */
#include "winshm.h"

static uint32_t spin_of(const struct pipc_option_value *spin)
{
    if (!spin->text)
        return (uint32_t)spin->number;
    return strcmp(spin->text, "off") == 0 ? PIPC_SPIN_OFF : PIPC_SPIN_ADAPTIVE;
}

static pipc_result planes_of(const struct pipc_host *host, const struct pipc_option_value *planes,
                             uint32_t *ret_bits, struct pipc_error *err)
{
    const char *const text = planes->text ? planes->text : "hybrid";

    if (strcmp(text, "hybrid") == 0)
        *ret_bits = PIPC_PROFILE_SHM_HYBRID;
    else if (strcmp(text, "busywait") == 0)
        *ret_bits = PIPC_PROFILE_SHM_BUSYWAIT;
    else if (strcmp(text, "hybrid,busywait") == 0)
        *ret_bits = WINSHM_BITS;
    else
        return winshm_fail(host, err, PIPC_ERR_CONFIG, 0,
                           "winshm: option planes: '%.100s' is none of hybrid, busywait and "
                           "hybrid,busywait",
                           text);
    return PIPC_OK;
}

pipc_result winshm_instance_make(const struct pipc_host *host,
                                 const struct pipc_option_value *values, uint32_t value_count,
                                 void **ret_self, struct pipc_error *err)
{
    struct winshm_instance *instance;
    uint32_t planes = 0;
    pipc_result result;

    if (value_count != PIPC_WIN_SHM_OPTION_COUNT)
        return winshm_fail(host, err, PIPC_ERR_MODULE_INIT, 0,
                           "winshm: %u options are given, %u are declared", (unsigned)value_count,
                           (unsigned)PIPC_WIN_SHM_OPTION_COUNT);
    result = planes_of(host, &values[PIPC_WIN_SHM_OPTION_PLANES], &planes, err);
    if (result != PIPC_OK)
        return result;
    instance = host->alloc(host, sizeof(*instance));
    if (!instance)
        return winshm_fail(host, err, PIPC_ERR_ALLOC, 0, "winshm: no memory for the transport");
    instance->host = host;
    instance->spin_us = spin_of(&values[PIPC_WIN_SHM_OPTION_SPIN]);
    instance->planes = planes;
    *ret_self = instance;
    return PIPC_OK;
}

void winshm_instance_free(void *self)
{
    struct winshm_instance *instance = self;

    if (instance)
        instance->host->free(instance->host, instance);
}
