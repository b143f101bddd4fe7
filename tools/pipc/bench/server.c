/* SPDX-License-Identifier: Apache-2.0
 *
 * The servers of `pipc bench`, each in a child process: a plain loop at level 1, and managed
 * servers at level 2. They serve until their control channel is closed.
 */
#include "server.h"

#include <pipc/codecs/increment.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define ACCEPT_PAUSE_NS 10000000L

static int say_failed(int control, const struct pipc_error *err)
{
    side_say_failed(control, err->text[0] ? err->text : pipc_result_text(err->result));
    return 1;
}

/* ---- level 1 ---- */

/* Values of a batch, each one more. False for a payload that is none. */
static bool answer_batch(const struct pipc_message *request, unsigned char *buf, size_t cap,
                         size_t *ret_len)
{
    const uint32_t count = request->item_count;
    const unsigned char *values =
        (const unsigned char *)request->payload + (size_t)count * PIPC_BATCH_ENTRY_LEN;
    void *answers;

    *ret_len = pipc_batch_uniform_begin(buf, cap, count, PIPC_INCREMENT_LEN, &answers);
    if (request->uniform_len != PIPC_INCREMENT_LEN || !*ret_len)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t value;
        memcpy(&value, values + i * sizeof(value), sizeof(value));
        value++;
        memcpy((unsigned char *)answers + i * sizeof(value), &value, sizeof(value));
    }
    return true;
}

static bool answer(const struct pipc_message *request, unsigned char *buf, size_t cap,
                   size_t *ret_len)
{
    uint64_t value;

    if (request->code != PIPC_METHOD_INCREMENT)
        return false;
    if (request->item_count > 1)
        return answer_batch(request, buf, cap, ret_len);
    if (request->payload_len != sizeof(value))
        return false;
    memcpy(&value, request->payload, sizeof(value));
    value++;
    memcpy(buf, &value, sizeof(value));
    *ret_len = sizeof(value);
    return true;
}

/* Until the client has gone. An answer that cannot be sent is told, or the client would only see a
 * closed connection. */
static void serve_session(struct pipc_session *session, unsigned char *buf, size_t cap)
{
    struct pipc_message message = {.size = sizeof(message)};
    struct pipc_error err = PIPC_ERROR_INIT;
    size_t len;

    while (pipc_session_receive(session, 0, 0, PIPC_NO_HANDLE, &message, NULL) == PIPC_OK) {
        /* The answer is as long as the request, and is built where it is sent from. */
        void *const room = pipc_session_reserve(session, message.payload_len);
        unsigned char *const to = room ? room : buf;
        if (!answer(&message, to, room ? message.payload_len : cap, &len))
            return;
        message.kind = PIPC_KIND_RESPONSE;
        message.payload = to;
        message.payload_len = len;
        if (pipc_session_send(session, &message, 0, PIPC_NO_HANDLE, &err) == PIPC_OK)
            continue;
        if (err.result != PIPC_ERR_SEND)
            complain(0, "bench server: %s", err.text);
        return;
    }
}

static int run_plain(void *arg, int control)
{
    static _Thread_local unsigned char buf[SERVER_REQUEST_BYTES]; /* of this side */
    const struct timespec pause = {0, ACCEPT_PAUSE_NS};
    const struct server_plan *plan = arg;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context;
    struct pipc_listener *listener;
    struct pipc_session *session;
    pipc_result result;

    if (bench_context(plan->row, plan->contender, &context, &err) != PIPC_OK ||
        pipc_listen(context, plan->run_dir, plan->service, &plan->settings, &listener, &err) !=
            PIPC_OK)
        return say_failed(control, &err);
    pin_to(plan->contender->server_cpu);
    side_say_ready(control);
    /* A client that comes and fails is its own matter: it will say so. */
    while ((result = pipc_accept(listener, 0, control, &session, &err)) != PIPC_ERR_ABORTED) {
        if (result == PIPC_ERR_ACCEPT)
            nanosleep(&pause, NULL);
        if (result != PIPC_OK)
            continue;
        serve_session(session, buf, sizeof(buf));
        pipc_session_close(session);
    }
    pipc_listener_close(listener);
    (void)pipc_close(context);
    return 0;
}

/* ---- level 2 ---- */

uint32_t increment_one(void *user, const struct pipc_request *from, uint64_t value,
                       uint64_t *ret_value)
{
    (void)user;
    (void)from;
    *ret_value = value + 1;
    return 1;
}

static void *accepting(void *arg)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    (void)pipc_server_run(arg, &err);
    return NULL;
}

static int run_managed(void *arg, int control)
{
    const struct server_plan *plan = arg;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context;
    struct pipc_server *server;
    pthread_t thread;

    if (bench_context(plan->row, plan->contender, &context, &err) != PIPC_OK ||
        pipc_server_create(context, plan->run_dir, plan->service, plan->kind, plan->table_major,
                           plan->handler, 4, &plan->config, &server, &err) != PIPC_OK)
        return say_failed(control, &err);
    pin_to(plan->contender->server_cpu); /* the threads of the server inherit it */
    if (pthread_create(&thread, NULL, accepting, server) != 0) {
        side_say_failed(control, "no thread for the server");
        return 1;
    }
    side_say_ready(control);
    side_wait_end(control);
    (void)pipc_server_stop(server);
    pthread_join(thread, NULL);
    (void)pipc_server_destroy(server);
    (void)pipc_close(context);
    return 0;
}

int server_start(struct server_plan *plan)
{
    struct contender *c = plan->contender;

    if (!side_start(&c->side, -1, plan->managed ? run_managed : run_plain, plan))
        return complain(EXIT_FAILED, "no process for the server of '%s'", plan->service);
    c->server_pid = c->side.pid;
    return -1;
}
