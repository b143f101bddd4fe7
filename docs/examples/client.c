/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest client: asks the service "increment" in a run directory what comes after a number.
 *
 *     client RUN_DIR NUMBER
 */
#include <pipc/codecs/increment.h>
#include <pipc/pipc.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context = NULL;
    struct pipc_client *client = NULL;
    uint64_t answer = 0;
    pipc_result result;

    if (argc != 3)
        return 2;
    result = pipc_open(NULL, NULL, &context, &err);
    if (result == PIPC_OK)
        result = pipc_client_create(context, argv[1], "increment", NULL, &client, &err);
    if (result == PIPC_OK)
        result = pipc_client_refresh_timeout(client, 5000, NULL, &err);
    if (result == PIPC_OK)
        result = pipc_client_call_increment(client, strtoull(argv[2], NULL, 0), &answer, 0, &err);
    if (result == PIPC_OK)
        printf("%" PRIu64 "\n", answer);
    else
        fprintf(stderr, "%s: %s\n", pipc_result_name(result), err.text);
    pipc_client_destroy(client);
    (void)pipc_close(context);
    return result == PIPC_OK ? 0 : 1;
}
