/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that forks: objects belong to the process that made them. The child gives back what it
 * inherited, which disturbs nobody, and opens a context of its own; the parent goes on as if
 * nothing had happened.
 *
 *     fork RUN_DIR
 */
#include <pipc/codecs/increment.h>
#include <pipc/pipc.h>

#include <inttypes.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct mine {
    struct pipc_context *context;
    struct pipc_client *client;
};

static pipc_result start(struct mine *m, const char *run_dir, struct pipc_error *err)
{
    pipc_result result = pipc_open(NULL, NULL, &m->context, err);

    if (result == PIPC_OK)
        result = pipc_client_create(m->context, run_dir, "increment", NULL, &m->client, err);
    return result == PIPC_OK ? pipc_client_refresh_timeout(m->client, 5000, NULL, err) : result;
}

/* In a child this frees memory and descriptors; the parent's session does not notice. */
static void end(struct mine *m)
{
    pipc_client_destroy(m->client);
    (void)pipc_close(m->context);
    m->client = NULL;
    m->context = NULL;
}

static int ask(struct mine *m, const char *who, uint64_t value)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    uint64_t answer = 0;
    const pipc_result result = pipc_client_call_increment(m->client, value, &answer, 0, &err);

    if (result == PIPC_OK)
        printf("%s: %" PRIu64 "\n", who, answer);
    else
        printf("%s: %s\n", who, pipc_result_name(result));
    fflush(stdout);
    return result == PIPC_OK;
}

static int child(struct mine *inherited, const char *run_dir)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct mine own = {NULL, NULL};
    int good;

    /* Connecting anew is refused. That a call is not is the caller's business: a session has one
     * user, and that is the parent. */
    printf("child, with what it inherited: %s\n",
           pipc_result_name(pipc_client_refresh_timeout(inherited->client, 1000, NULL, &err)));
    end(inherited);
    good = start(&own, run_dir, &err) == PIPC_OK && ask(&own, "child, with its own", 2);
    end(&own);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct mine m = {NULL, NULL};
    int status = 1;

    if (argc != 2)
        return 2;
    if (start(&m, argv[1], &err) != PIPC_OK) {
        fprintf(stderr, "%s\n", err.text);
        end(&m);
        return 1;
    }
    const pid_t pid = fork();
    if (pid == 0)
        _exit(child(&m, argv[1]));
    if (pid > 0)
        (void)waitpid(pid, &status, 0);
    const int good = ask(&m, "parent", 3);
    end(&m);
    return good && status == 0 ? 0 : 1;
}
