/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of regions: `{run_dir}/{service}-{16 hexadecimal digits}.ipcshm`.
 *
 * A name is refused or used as it is, never cut. Any thread.
 */
#include "shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define DIGITS 16u

static const char ending[] = ".ipcshm";

static bool service_is_valid(const char *service)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    return service && *service && strcmp(service, ".") != 0 && strcmp(service, "..") != 0 &&
           service[strspn(service, allowed)] == '\0';
}

pipc_result shm_name_make(const struct pipc_host *host, const struct pipc_endpoint *endpoint,
                          uint64_t session_id, struct shm_name *ret_name, struct pipc_error *err)
{
    size_t dir, len;

    if (!endpoint || !endpoint->run_dir || !*endpoint->run_dir)
        return shm_fail(host, err, PIPC_ERR_BAD_PARAM, 0, "no run directory is given");
    if (!service_is_valid(endpoint->service))
        return shm_fail(host, err, PIPC_ERR_BAD_PARAM, 0, "'%.100s' is not the name of a service",
                        endpoint->service ? endpoint->service : "");
    dir = strlen(endpoint->run_dir);
    len = dir + 1 + strlen(endpoint->service) + 1 + DIGITS + sizeof(ending) - 1;
    if (len > PIPC_SHM_PATH_MAX)
        return shm_fail(host, err, PIPC_ERR_PATH_TOO_LONG, 0,
                        "%.60s.../%.60s-...%s: path of %zu bytes, at most %u are possible",
                        endpoint->run_dir, endpoint->service, ending, len, PIPC_SHM_PATH_MAX);
    (void)snprintf(ret_name->path, sizeof(ret_name->path), "%s/%s-%016llx%s", endpoint->run_dir,
                   endpoint->service, (unsigned long long)session_id, ending);
    ret_name->entry = (uint32_t)dir + 1;
    return PIPC_OK;
}

static bool is_id(const char *text, size_t len)
{
    return len == DIGITS && strspn(text, "0123456789abcdef") >= DIGITS;
}

/* An id behind a further dash belongs to a service whose name only begins like ours. */
bool shm_name_is_ours(const char *service, const char *entry)
{
    const size_t prefix = strlen(service), len = strlen(entry), tail = sizeof(ending) - 1;
    const char *const x = entry + prefix + 1;
    size_t x_len;

    if (len <= prefix + 1 + tail || memcmp(entry, service, prefix) != 0 || entry[prefix] != '-' ||
        strcmp(entry + len - tail, ending) != 0)
        return false;
    x_len = len - prefix - 1 - tail;
    if (is_id(x, x_len) || x_len < DIGITS + 1)
        return true;
    return x[x_len - DIGITS - 1] != '-' || !is_id(x + x_len - DIGITS, DIGITS);
}

pipc_result shm_dir_open(const struct pipc_host *host, const struct pipc_endpoint *endpoint,
                         int *ret_dir, int *ret_code, struct pipc_error *err)
{
    const int dir = open(endpoint->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *ret_code = dir < 0 ? errno : 0;
    if (dir < 0)
        return shm_fail(host, err, PIPC_ERR_REGION_OPEN, *ret_code,
                        "%.180s: the run directory cannot be opened", endpoint->run_dir);
    *ret_dir = dir;
    return PIPC_OK;
}
