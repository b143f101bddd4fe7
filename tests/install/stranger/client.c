/* SPDX-License-Identifier: Apache-2.0
 *
 * A program of somebody else: asks the service "stranger" in the directory of its argument for
 * 41 + 1. With MODULE_DIR it says where modules are, which the shared library knows by itself.
 */
#include <pipc/codecs/increment.h>
#include <pipc/pipc.h>

#include <inttypes.h>
#include <stdio.h>

static pipc_result open_context(struct pipc_context **ret_context, struct pipc_error *err)
{
#ifdef MODULE_DIR
    struct pipc_config *config = NULL;
    pipc_result result = pipc_config_new(NULL, &config);

    if (result == PIPC_OK)
        result = pipc_config_set(config, "pipc", "module_dir", MODULE_DIR, err);
    if (result == PIPC_OK)
        result = pipc_open(config, NULL, ret_context, err);
    pipc_config_free(config);
    return result;
#else
    return pipc_open(NULL, NULL, ret_context, err);
#endif
}

int main(int argc, char **argv)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context = NULL;
    struct pipc_client *client = NULL;
    uint64_t answer = 0;

    if (argc != 2)
        return 2;
    if (open_context(&context, &err) != PIPC_OK ||
        pipc_client_create(context, argv[1], "stranger", NULL, &client, &err) != PIPC_OK ||
        pipc_client_refresh_timeout(client, 10000, NULL, &err) != PIPC_OK ||
        pipc_client_call_increment(client, 41, &answer, 10000, &err) != PIPC_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    printf("%s says %" PRIu64 ", modules in %s\n", pipc_version(), answer,
           pipc_module_dir(context));
    pipc_client_destroy(client);
    return pipc_close(context) == PIPC_OK ? 0 : 1;
}
