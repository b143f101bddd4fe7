/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations of a managed server: create, run with a client, drain, destroy. Here every thread of
 * the server can meet the fault, and the number of calls differs from run to run.
 */
#include "world.h"

#include <string.h>

static pipc_result act_create(struct world *w, struct pipc_error *err)
{
    return provider_create(w->context, w->dir, KIND_INCREMENT, &w->server, err);
}

static void *run_server(void *arg)
{
    struct world *const w = arg;

    w->thread_result = pipc_server_run(w->server, NULL);
    return NULL;
}

static void run_begin(struct world *w)
{
    if (pthread_create(&w->thread, NULL, run_server, w) != 0)
        broken("no thread for the server");
    w->threaded = true;
}

static void clean_server(struct world *w)
{
    MUST(pipc_server_destroy(w->server));
    if (w->threaded)
        pthread_join(w->thread, NULL);
    w->threaded = false;
    w->server = NULL;
    pipc_client_destroy(w->client);
    w->client = NULL;
    world_sweep(w);
}

static const char *judge_create(struct world *w, pipc_result result)
{
    if (result != PIPC_OK && w->server)
        return "there is a server though it failed";
    if (result != PIPC_OK && act_create(w, NULL) != PIPC_OK)
        return "the server cannot be made the second time";
    run_begin(w);
    return service_works(w, SERVICE) ? NULL : "the server does not serve";
}

/* ---- serving ---- */

static struct pipc_client_config config(void)
{
    return (struct pipc_client_config){.size = sizeof(struct pipc_client_config),
                                       .call_timeout_ms = 2 * wait_ms,
                                       .connect_timeout_ms = 2 * wait_ms,
                                       .refused_retry_ms = 1};
}

static void prepare_serving(struct world *w)
{
    const struct pipc_client_config c = config();

    MUST(act_create(w, NULL));
    inject_exempt(true);
    MUST(pipc_client_create(w->other, w->dir, SERVICE, &c, &w->client, NULL));
    inject_exempt(false);
    run_begin(w);
}

/* The client is exempt: what fails is the server. Its failure is the client's failure or nothing;
 * a wrong answer would be neither. */
static pipc_result act_serve(struct world *w, struct pipc_error *err)
{
    pipc_result result = PIPC_OK;

    (void)err;
    inject_exempt(true);
    w->count = 0;
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t value = 0;
        result = pipc_client_refresh_timeout(w->client, 2 * wait_ms, NULL, NULL);
        if (result == PIPC_OK)
            result = pipc_client_call_increment(w->client, i, &value, 2 * wait_ms, NULL);
        w->count += result == PIPC_OK && value != i + 1;
        if (i == 1)
            pipc_client_drop(w->client);
    }
    pipc_client_close(w->client);
    inject_exempt(false);
    return PIPC_OK;
}

static const char *judge_serving(struct world *w, pipc_result result)
{
    struct pipc_server_status status = {.size = sizeof(status)};

    (void)result;
    if (w->count)
        return "an answer was wrong";
    pipc_server_status(w->server, &status);
    if (!status.running) {
        /* Without memory for its own list it has not begun, and may be called again. */
        pthread_join(w->thread, NULL);
        w->threaded = false;
        if (w->thread_result != PIPC_ERR_ALLOC)
            return "run has ended";
        run_begin(w);
    }
    return service_works(w, SERVICE) ? NULL : "the server does not serve afterwards";
}

/* ---- ends ---- */

static void prepare_busy(struct world *w)
{
    prepare_serving(w);
    inject_exempt(true);
    MUST(pipc_client_refresh_timeout(w->client, 5000, NULL, NULL));
    inject_exempt(false);
}

static pipc_result act_drain(struct world *w, struct pipc_error *err)
{
    int clean = 0;

    (void)err;
    return pipc_server_drain(w->server, 20, &clean);
}

static pipc_result act_stop(struct world *w, struct pipc_error *err)
{
    pipc_result result;

    (void)err;
    result = pipc_server_stop(w->server);
    pthread_join(w->thread, NULL);
    w->threaded = false;
    return result == PIPC_OK ? w->thread_result : result;
}

static pipc_result act_destroy(struct world *w, struct pipc_error *err)
{
    const pipc_result result = pipc_server_destroy(w->server);

    (void)err;
    w->server = NULL;
    return result;
}

/* The endpoint is free: somebody else can take it. */
static const char *judge_gone(struct world *w, pipc_result result)
{
    (void)result;
    if (w->threaded)
        pthread_join(w->thread, NULL);
    w->threaded = false;
    MUST(act_create(w, NULL));
    return NULL;
}

#define SERVING(what, plane, before, how, after)                                     \
    {                                                                                \
        .name = what " over " plane, .planes = plane, .prepare = before, .act = how, \
        .judge = after, .clean = clean_server, .many_threads = true                  \
    }

const struct operation server_operations[] = {
    {.name = "server_create",
     .planes = "shm,uds",
     .names = {SERVICE},
     .act = act_create,
     .expected = expect_listen,
     .judge = judge_create,
     .clean = clean_server},
    SERVING("server_run", "uds", prepare_serving, act_serve, judge_serving),
    SERVING("server_run", "shm", prepare_serving, act_serve, judge_serving),
    SERVING("server_drain", "uds", prepare_busy, act_drain, NULL),
    SERVING("server_drain", "shm", prepare_busy, act_drain, NULL),
    SERVING("server_stop", "uds", prepare_busy, act_stop, NULL),
    SERVING("server_stop", "shm", prepare_busy, act_stop, NULL),
    SERVING("server_destroy", "uds", prepare_busy, act_destroy, judge_gone),
    SERVING("server_destroy", "shm", prepare_busy, act_destroy, judge_gone),
    {.name = NULL}};
