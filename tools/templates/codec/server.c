/* SPDX-License-Identifier: Apache-2.0
 *
 * A server of DISK_SPACE: disk_space_server CONFIG [SERVICE], until SIGINT or SIGTERM.
 */
#include "disk_space.h"

#include <pipc/context.h>

#include <signal.h>
#include <stdio.h>
#include <sys/statvfs.h>

static struct pipc_server *server;

static void on_stop(int number)
{
    (void)number;
    (void)pipc_server_stop(server); /* safe in a handler */
}

static uint32_t answer(void *user, const struct pipc_request *from, const char *path, size_t len,
                       struct disk_space *ret)
{
    struct statvfs now;

    (void)user, (void)from, (void)len;
    if (statvfs(path, &now) != 0)
        return 0;
    ret->total = (uint64_t)now.f_blocks * now.f_frsize;
    ret->available = (uint64_t)now.f_bavail * now.f_frsize;
    return 1;
}

int main(int argc, char **argv)
{
    const struct disk_space_handler handler = {.size = sizeof(handler), .disk_space = answer};
    const char *const service = argc > 2 ? argv[2] : "disk-space";
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_config *config = NULL;
    struct pipc_context *context = NULL;

    if (argc < 2 || pipc_config_new(NULL, &config) != PIPC_OK ||
        pipc_config_read_file(config, argv[1], &err) != PIPC_OK ||
        pipc_open(config, NULL, &context, &err) != PIPC_OK ||
        disk_space_serve(context, NULL, service, &handler, 4, &server, &err) != PIPC_OK) {
        fprintf(stderr, "disk_space_server: %s\n", argc < 2 ? "CONFIG is missing" : err.text);
        return 1;
    }
    signal(SIGINT, on_stop);
    signal(SIGTERM, on_stop);
    puts("READY");
    fflush(stdout);
    const pipc_result result = pipc_server_run(server, &err);
    if (result != PIPC_OK)
        fprintf(stderr, "disk_space_server: %s\n", err.text);
    (void)pipc_server_destroy(server);
    pipc_config_free(config);
    return pipc_close(context) != PIPC_OK || result != PIPC_OK;
}
