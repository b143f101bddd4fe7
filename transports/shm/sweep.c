/* SPDX-License-Identifier: Apache-2.0
 *
 * Removes what dead servers of one service left in run_dir (12.2).
 *
 * Called while the endpoint is owned, so no live server of this service makes regions meanwhile.
 * The listening thread.
 */
#include "shm.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

pipc_result shm_sweep(void *self, const struct pipc_endpoint *endpoint, struct pipc_error *err)
{
    const struct shm_instance *instance = self;
    const struct dirent *entry;
    struct shm_name name;
    DIR *stream;
    int dir = -1, code = 0;
    pipc_result result = shm_name_make(instance->host, endpoint, 0, &name, err);

    if (result == PIPC_OK)
        result = shm_dir_open(instance->host, endpoint, &dir, &code, err);
    if (result != PIPC_OK)
        return result;
    stream = fdopendir(dir);
    if (!stream) {
        result = shm_fail(instance->host, err, PIPC_ERR_REGION_OPEN, errno,
                          "%.180s: the run directory cannot be read", endpoint->run_dir);
        (void)close(dir);
        return result;
    }
    while ((entry = readdir(stream)) != NULL)
        if (shm_name_is_ours(endpoint->service, entry->d_name))
            (void)shm_judge(dirfd(stream), entry->d_name);
    (void)closedir(stream);
    return PIPC_OK;
}
