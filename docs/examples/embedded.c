/* SPDX-License-Identifier: Apache-2.0
 *
 * A program with everything linked in: the archive of a build with PIPC_MODULES=builtin and
 * PIPC_LOADER=OFF, no file of a module, no dlopen. A server thread and a client in one process,
 * each with a context of its own; the configuration is text in the program.
 *
 *     embedded RUN_DIR
 */
#include <pipc/codecs/increment.h>
#include <pipc/pipc.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const char settings[] = "[pipc]\n"
                               "transports = uds\n"
                               "[service.increment]\n"
                               "max_sessions = 2\n";

static pipc_result open_context(const char *run_dir, struct pipc_context **ret_context,
                                struct pipc_error *err)
{
    struct pipc_config *config = NULL;
    pipc_result result = pipc_config_new(NULL, &config);

    if (result == PIPC_OK)
        result = pipc_config_read_text(config, settings, strlen(settings), "embedded.c", err);
    if (result == PIPC_OK)
        result = pipc_config_set(config, "pipc", "run_dir", run_dir, err);
    if (result == PIPC_OK)
        result = pipc_open(config, NULL, ret_context, err);
    pipc_config_free(config);
    return result;
}

static uint32_t increment(void *user, const struct pipc_request *from, uint64_t value,
                          uint64_t *ret_value)
{
    (void)user;
    (void)from;
    *ret_value = value + 1;
    return 1;
}

static void *serve(void *server)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    if (pipc_server_run(server, &err) != PIPC_OK)
        fprintf(stderr, "%s\n", err.text);
    return NULL;
}

static pipc_result ask(const char *run_dir, uint64_t *ret_answer, struct pipc_error *err)
{
    struct pipc_context *context = NULL;
    struct pipc_client *client = NULL;
    pipc_result result = open_context(run_dir, &context, err);

    if (result == PIPC_OK)
        result = pipc_client_create(context, NULL, "increment", NULL, &client, err);
    if (result == PIPC_OK)
        result = pipc_client_refresh_timeout(client, 5000, NULL, err);
    if (result == PIPC_OK)
        result = pipc_client_call_increment(client, 41, ret_answer, 0, err);
    pipc_client_destroy(client);
    (void)pipc_close(context);
    return result;
}

int main(int argc, char **argv)
{
    const struct pipc_increment_handler handler = {sizeof(handler), 0, NULL, increment};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context = NULL;
    struct pipc_server *server = NULL;
    uint64_t answer = 0;
    pthread_t thread;
    pipc_result result;

    if (argc != 2)
        return 2;
    result = open_context(argv[1], &context, &err);
    if (result == PIPC_OK)
        result = pipc_server_create_increment(context, NULL, NULL, &handler,
                                              PIPC_SERVER_WORKERS_CONFIGURED, NULL, &server, &err);
    if (result == PIPC_OK && pthread_create(&thread, NULL, serve, server) == 0) {
        result = ask(argv[1], &answer, &err);
        (void)pipc_server_stop(server);
        pthread_join(thread, NULL);
    }
    if (result == PIPC_OK)
        printf("%" PRIu64 ", modules from \"%s\"\n", answer, pipc_module_dir(context));
    else
        fprintf(stderr, "%s\n", err.text);
    (void)pipc_server_destroy(server);
    (void)pipc_close(context);
    return result == PIPC_OK ? 0 : 1;
}
