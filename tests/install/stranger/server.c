/* SPDX-License-Identifier: Apache-2.0
 *
 * A program of somebody else: adds one, at the service "stranger" in the directory of its argument,
 * until SIGTERM.
 */
#include <pipc/codecs/increment.h>
#include <pipc/pipc.h>

#include <signal.h>
#include <stdio.h>

static struct pipc_server *server;

static uint32_t increment(void *user, const struct pipc_request *from, uint64_t value,
                          uint64_t *ret_value)
{
    (void)user;
    (void)from;
    *ret_value = value + 1;
    return 1;
}

static void on_term(int number)
{
    (void)number;
    (void)pipc_server_stop(server);
}

int main(int argc, char **argv)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context = NULL;
    struct pipc_increment_handler handler = {sizeof(handler), 0, NULL, increment};

    if (argc != 2)
        return 2;
    if (pipc_open(NULL, NULL, &context, &err) != PIPC_OK ||
        pipc_server_create_increment(context, argv[1], "stranger", &handler, 2, NULL, &server,
                                     &err) != PIPC_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    signal(SIGTERM, on_term);
    printf("READY\n");
    fflush(stdout);
    if (pipc_server_run(server, &err) != PIPC_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    (void)pipc_server_destroy(server);
    return pipc_close(context) == PIPC_OK ? 0 : 1;
}
