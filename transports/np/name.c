/* SPDX-License-Identifier: Apache-2.0
 *
 * The name of an endpoint's pipe: `\\.\pipe\netipc-{hash of run_dir}-{service}`.
 *
 * A name is refused or used as it is, never cut. run_dir is only hashed, byte for byte. Makes no
 * system call. Any thread.
 */
#include "np.h"

#include <stdio.h>

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x00000100000001b3)

uint64_t np_hash(const char *bytes, size_t len)
{
    uint64_t hash = FNV_START;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)bytes[i]) * FNV_PRIME;
    return hash;
}

static bool service_is_valid(const char *service)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    return service && *service && strcmp(service, ".") != 0 && strcmp(service, "..") != 0 &&
           service[strspn(service, allowed)] == '\0';
}

pipc_result np_name_make(const struct pipc_host *host, const struct pipc_endpoint *endpoint,
                         struct np_name *ret_name, struct pipc_error *err)
{
    uint64_t hash;
    size_t len, i;

    if (!endpoint || !endpoint->run_dir || !*endpoint->run_dir)
        return np_fail(host, err, PIPC_ERR_BAD_PARAM, 0, "no run directory is given");
    if (!service_is_valid(endpoint->service))
        return np_fail(host, err, PIPC_ERR_BAD_PARAM, 0, "'%.100s' is not the name of a service",
                       endpoint->service ? endpoint->service : "");
    len = strlen(endpoint->service);
    if (len > PIPC_NP_SERVICE_MAX)
        return np_fail(host, err, PIPC_ERR_PATH_TOO_LONG, 0,
                       "%.60s...: the name of a service of %u bytes, a pipe takes %u",
                       endpoint->service, (unsigned)len, PIPC_NP_SERVICE_MAX);
    hash = np_hash(endpoint->run_dir, strlen(endpoint->run_dir));
    (void)snprintf(ret_name->text, sizeof(ret_name->text), "\\\\.\\pipe\\netipc-%08x%08x-%s",
                   (unsigned)(hash >> 32), (unsigned)(hash & UINT32_MAX), endpoint->service);
    for (i = 0; ret_name->text[i]; i++)
        ret_name->wide[i] = (wchar_t)ret_name->text[i];
    ret_name->wide[i] = L'\0';
    return PIPC_OK;
}
