/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest server: one callback, a thread for each of at most eight sessions, until SIGTERM.
 *
 *     server RUN_DIR
 */
#include <pipc/codecs/increment.h>
#include <pipc/pipc.h>

#include <signal.h>
#include <stdio.h>

static struct pipc_server *server;

/* Runs on session threads, several at a time. */
static uint32_t increment(void *user, const struct pipc_request *from, uint64_t value,
                          uint64_t *ret_value)
{
    (void)user;
    (void)from;
    *ret_value = value + 1;
    return 1;
}

/* Stopping is the one call for signal handlers. */
static void on_term(int number)
{
    (void)number;
    (void)pipc_server_stop(server);
}

int main(int argc, char **argv)
{
    const struct pipc_increment_handler handler = {sizeof(handler), 0, NULL, increment};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context = NULL;
    pipc_result result;

    if (argc != 2)
        return 2;
    result = pipc_open(NULL, NULL, &context, &err);
    if (result == PIPC_OK)
        result = pipc_server_create_increment(context, argv[1], "increment", &handler, 8, NULL,
                                              &server, &err);
    if (result == PIPC_OK) {
        signal(SIGTERM, on_term);
        printf("READY\n");
        fflush(stdout);
        result = pipc_server_run(server, &err);
    }
    if (result != PIPC_OK)
        fprintf(stderr, "%s: %s\n", pipc_result_name(result), err.text);
    (void)pipc_server_destroy(server); /* waits for callbacks, removes the endpoint */
    (void)pipc_close(context);
    return result == PIPC_OK ? 0 : 1;
}
