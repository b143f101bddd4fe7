/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of DISK_SPACE: disk_space_client CONFIG PATH [SERVICE].
 */
#include "disk_space.h"

#include <pipc/context.h>

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    const char *const service = argc > 3 ? argv[3] : "disk-space";
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_config *config = NULL;
    struct pipc_context *context = NULL;
    struct pipc_client *client = NULL;
    struct pipc_client_status status = {.size = sizeof(status)};
    struct disk_space space;
    int code = 0;

    if (argc < 3 || pipc_config_new(NULL, &config) != PIPC_OK ||
        pipc_config_read_file(config, argv[1], &err) != PIPC_OK ||
        pipc_open(config, NULL, &context, &err) != PIPC_OK ||
        pipc_client_create(context, NULL, service, NULL, &client, &err) != PIPC_OK ||
        pipc_client_refresh_timeout(client, 5000, NULL, &err) != PIPC_OK ||
        disk_space_call(client, argv[2], strlen(argv[2]), &space, 0, &err) != PIPC_OK) {
        fprintf(stderr, "disk_space_client: %s\n",
                argc < 3 ? "CONFIG and PATH are missing" : err.text);
        code = 1;
    } else {
        pipc_client_status(client, &status);
        printf("%s: %llu of %llu bytes are available (over %s)\n", argv[2],
               (unsigned long long)space.available, (unsigned long long)space.total,
               status.session.transport);
    }
    pipc_client_destroy(client);
    pipc_config_free(config);
    return pipc_close(context) != PIPC_OK || code;
}
