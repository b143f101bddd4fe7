/* SPDX-License-Identifier: Apache-2.0
 *
 * The path of an endpoint: checks and joins, makes no system call.
 *
 * A name is refused or used as it is, never cut and never normalised. Any thread.
 */
#include "uds.h"

#include <stdio.h>

static bool service_is_valid(const char *service)
{
    const char *at;

    if (!service || !*service || strcmp(service, ".") == 0 || strcmp(service, "..") == 0)
        return false;
    for (at = service; *at; at++)
        if (!((*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z') ||
              (*at >= '0' && *at <= '9') || *at == '.' || *at == '_' || *at == '-'))
            return false;
    return true;
}

pipc_result uds_name_make(const struct pipc_host *host, const struct pipc_endpoint *endpoint,
                          struct uds_name *ret_name, struct pipc_error *err)
{
    static const char ending[] = ".sock";
    size_t dir, service, len;

    if (!endpoint || !endpoint->run_dir || !*endpoint->run_dir)
        return uds_fail(host, err, PIPC_ERR_BAD_PARAM, 0, "no run directory is given");
    if (!service_is_valid(endpoint->service))
        return uds_fail(host, err, PIPC_ERR_BAD_PARAM, 0, "'%.100s' is not the name of a service",
                        endpoint->service ? endpoint->service : "");
    dir = strlen(endpoint->run_dir);
    service = strlen(endpoint->service);
    len = dir + 1 + service + sizeof(ending) - 1;
    if (len > UDS_PATH_MAX)
        return uds_fail(host, err, PIPC_ERR_PATH_TOO_LONG, 0,
                        "%.60s.../%.60s%s: path of %zu bytes, at most %zu are possible",
                        endpoint->run_dir, endpoint->service, ending, len, UDS_PATH_MAX);
    memset(ret_name, 0, sizeof(*ret_name));
    memcpy(ret_name->path, endpoint->run_dir, dir);
    ret_name->path[dir] = '/';
    memcpy(ret_name->path + dir + 1, endpoint->service, service);
    memcpy(ret_name->path + dir + 1 + service, ending, sizeof(ending));
    ret_name->dir = (uint32_t)dir;
    ret_name->entry = (uint32_t)dir + 1;
    return PIPC_OK;
}

void uds_name_address(const struct uds_name *name, struct sockaddr_un *ret_address)
{
    memset(ret_address, 0, sizeof(*ret_address));
    ret_address->sun_family = AF_UNIX;
    memcpy(ret_address->sun_path, name->path, sizeof(ret_address->sun_path));
}
