/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of objects: `Local\netipc-{hash}-{service}-p{profile}-s{session}-...` (2).
 *
 * The hash is over run_dir, service and token; a name is refused or used as it is, never cut. Any
 * thread.
 */
#include "winshm.h"

#include <stdio.h>

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x00000100000001b3)
#define DIGITS    16u

static const char *const endings[] = {
    [WINSHM_MAPPING] = "-mapping",
    [WINSHM_REQ_EVENT] = "-req_event",
    [WINSHM_RESP_EVENT] = "-resp_event",
};

static uint64_t hash_on(uint64_t hash, const char *bytes)
{
    for (; *bytes; bytes++)
        hash = (hash ^ (uint8_t)*bytes) * FNV_PRIME;
    return hash;
}

/* Written by hand, because the formats for 64 bits differ between C libraries. */
static void decimal(uint64_t value, char *ret_text)
{
    char digits[20];
    size_t count = 0;

    do
        digits[count++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    while (count > 0)
        *ret_text++ = digits[--count];
    *ret_text = '\0';
}

static uint64_t hash_of(const struct pipc_endpoint *endpoint, uint64_t auth_token)
{
    char token[24];
    uint64_t hash = hash_on(FNV_START, endpoint->run_dir);

    decimal(auth_token, token);
    hash = hash_on(hash_on(hash, "\n"), endpoint->service);
    return hash_on(hash_on(hash, "\n"), token);
}

static bool service_is_valid(const char *service)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    return service && *service && strcmp(service, ".") != 0 && strcmp(service, "..") != 0 &&
           service[strspn(service, allowed)] == '\0';
}

/* Bytes of a service's name that fit with everything around them. */
static size_t service_most(uint32_t bit)
{
    const size_t ending =
        strlen(endings[bit == PIPC_PROFILE_SHM_BUSYWAIT ? WINSHM_MAPPING : WINSHM_RESP_EVENT]);

    return PIPC_WIN_SHM_NAME_MAX - strlen("Local\\netipc-") - DIGITS - strlen("--p2-s") - DIGITS -
           ending;
}

pipc_result winshm_name_make(const struct pipc_host *host, const struct pipc_endpoint *endpoint,
                             uint64_t auth_token, uint32_t bit, uint64_t session_id,
                             struct winshm_name *ret_name, struct pipc_error *err)
{
    uint64_t hash;

    if (!endpoint || !endpoint->run_dir || !*endpoint->run_dir)
        return winshm_fail(host, err, PIPC_ERR_BAD_PARAM, 0, "no run directory is given");
    if (!service_is_valid(endpoint->service))
        return winshm_fail(host, err, PIPC_ERR_BAD_PARAM, 0,
                           "'%.100s' is not the name of a service",
                           endpoint->service ? endpoint->service : "");
    if (bit != PIPC_PROFILE_SHM_HYBRID && bit != PIPC_PROFILE_SHM_BUSYWAIT)
        return winshm_fail(host, err, PIPC_ERR_BAD_PARAM, 0,
                           "winshm: 0x%02x is no profile of this transport", (unsigned)bit);
    if (strlen(endpoint->service) > service_most(bit))
        return winshm_fail(host, err, PIPC_ERR_PATH_TOO_LONG, 0,
                           "%.60s...: the name of a service of %u bytes, shared memory takes %u",
                           endpoint->service, (unsigned)strlen(endpoint->service),
                           (unsigned)service_most(bit));
    hash = hash_of(endpoint, auth_token);
    (void)snprintf(ret_name->text, sizeof(ret_name->text),
                   "Local\\netipc-%08x%08x-%s-p%u-s%08x%08x", (unsigned)(hash >> 32),
                   (unsigned)(hash & UINT32_MAX), endpoint->service, (unsigned)bit,
                   (unsigned)(session_id >> 32), (unsigned)(session_id & UINT32_MAX));
    return PIPC_OK;
}

void winshm_name_of(const struct winshm_name *name, enum winshm_object object, wchar_t *ret_wide)
{
    const char *const parts[] = {name->text, endings[object]};

    for (size_t i = 0; i < 2; i++)
        for (const char *at = parts[i]; *at; at++)
            *ret_wide++ = (wchar_t)*at;
    *ret_wide = L'\0';
}
