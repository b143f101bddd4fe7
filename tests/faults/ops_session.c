/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations that make and end listeners and sessions, over sockets and over shared memory.
 */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct pipc_session_settings settings(void)
{
    return (struct pipc_session_settings){.size = sizeof(struct pipc_session_settings),
                                          .handshake_timeout_ms = wait_ms,
                                          .attach_timeout_ms = wait_ms};
}

/* ---- listening ---- */

static pipc_result act_listen(struct world *w, struct pipc_error *err)
{
    const struct pipc_session_settings mine = settings();

    return pipc_listen(w->context, w->dir, SERVICE, &mine, &w->listener, err);
}

/* What failed took nothing with it: the endpoint can be made now. */
static const char *judge_listen(struct world *w, pipc_result result)
{
    if (result == PIPC_OK)
        return NULL;
    return act_listen(w, NULL) == PIPC_OK ? NULL : "the endpoint cannot be made the second time";
}

static void clean_listener(struct world *w)
{
    pipc_listener_close(w->listener);
    w->listener = NULL;
}

/* A socket in the place of the endpoint that nobody listens on. */
static int bound(const struct world *w, const char *name, bool listening)
{
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", w->dir, name);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        (listening && listen(fd, 5) != 0))
        broken("%s: %s", address.sun_path, strerror(errno));
    return fd;
}

static void prepare_stale(struct world *w)
{
    close(bound(w, SERVICE ".sock", false));
}

/* A fault while the old one is judged keeps it; the second start takes its place. */
static void clean_stale(struct world *w)
{
    char path[128];

    clean_listener(w);
    snprintf(path, sizeof(path), "%s/" SERVICE ".sock", w->dir);
    (void)unlink(path);
}

static void prepare_adopt(struct world *w)
{
    w->fd = bound(w, SERVICE ".sock", true);
}

static pipc_result act_adopt(struct world *w, struct pipc_error *err)
{
    const struct pipc_session_settings mine = settings();

    return pipc_listen_adopt(w->context, w->dir, SERVICE, &mine, w->fd, &w->listener, err);
}

/* A failure leaves the handle to its owner. */
static const char *judge_adopt(struct world *w, pipc_result result)
{
    const bool failed = result != PIPC_OK;

    if (failed && fcntl(w->fd, F_GETFD) < 0)
        return "the handle was closed though it was not taken";
    return failed && act_adopt(w, NULL) != PIPC_OK ? "it cannot be adopted the second time" : NULL;
}

static pipc_result act_listener_close(struct world *w, struct pipc_error *err)
{
    (void)err;
    clean_listener(w);
    return PIPC_OK;
}

static void prepare_listener(struct world *w)
{
    MUST(act_listen(w, NULL));
}

/* ---- the server's handshake ---- */

static void *connect_peer(void *arg)
{
    const struct pipc_session_settings mine = settings();
    struct world *const w = arg;

    w->thread_result = pipc_connect(w->other, w->dir, SERVICE, &mine, 2 * wait_ms, PIPC_NO_HANDLE,
                                    &w->peer, NULL, NULL);
    return NULL;
}

static void begin_connecting(struct world *w)
{
    inject_exempt(true);
    if (pthread_create(&w->thread, NULL, connect_peer, w) != 0)
        broken("no thread for the client");
    inject_exempt(false);
    w->threaded = true;
}

static void end_connecting(struct world *w)
{
    if (w->threaded)
        pthread_join(w->thread, NULL);
    w->threaded = false;
}

static void prepare_accept(struct world *w)
{
    begin_connecting(w);
}

static pipc_result act_accept_begin(struct world *w, struct pipc_error *err)
{
    return pipc_accept_begin(w->listener, 2 * wait_ms, PIPC_NO_HANDLE, &w->handshake, err);
}

static pipc_result act_accept(struct world *w, struct pipc_error *err)
{
    return pipc_accept(w->listener, 2 * wait_ms, PIPC_NO_HANDLE, &w->session, err);
}

static void clean_sessions(struct world *w)
{
    end_connecting(w);
    pipc_handshake_close(w->handshake);
    w->handshake = NULL;
    pipc_session_close(w->session);
    pipc_session_close(w->peer);
    w->session = w->peer = NULL;
}

/* One request of the peer is answered. */
static const char *answers(struct world *w)
{
    const uint64_t value = 41;
    struct pipc_message m = {.size = sizeof(m),
                             .kind = PIPC_KIND_REQUEST,
                             .code = PIPC_METHOD_INCREMENT,
                             .item_count = 1,
                             .message_id = 5,
                             .payload = &value,
                             .payload_len = 8};

    if (pipc_session_send(w->peer, &m, 2000, PIPC_NO_HANDLE, NULL) != PIPC_OK ||
        pipc_session_receive(w->session, 2000, 2000, PIPC_NO_HANDLE, &m, NULL) != PIPC_OK ||
        m.payload_len != 8 || memcmp(m.payload, &value, 8) != 0)
        return "the request does not arrive";
    m.kind = PIPC_KIND_RESPONSE;
    if (pipc_session_send(w->session, &m, 2000, PIPC_NO_HANDLE, NULL) != PIPC_OK ||
        pipc_session_receive(w->peer, 2000, 2000, PIPC_NO_HANDLE, &m, NULL) != PIPC_OK ||
        m.payload_len != 8 || memcmp(m.payload, &value, 8) != 0)
        return "the answer does not arrive";
    return NULL;
}

/* The listener lives on: the next client gets its session. */
static const char *judge_next(struct world *w)
{
    pipc_result result = PIPC_OK;

    clean_sessions(w);
    begin_connecting(w);
    /* A connection of the client before may still be queued. */
    for (unsigned tries = 0; tries < 3; tries++) {
        result = pipc_accept(w->listener, 4 * wait_ms, PIPC_NO_HANDLE, &w->session, NULL);
        if (result == PIPC_OK)
            break;
    }
    end_connecting(w);
    if (result != PIPC_OK || w->thread_result != PIPC_OK)
        return "the next client is not served";
    return answers(w);
}

static const char *judge_accept(struct world *w, pipc_result result)
{
    if (result != PIPC_OK)
        return judge_next(w);
    end_connecting(w);
    /* The client may have given up its own side (the region was passed over in time or not). */
    return w->thread_result == PIPC_OK ? answers(w) : judge_next(w);
}

static const char *judge_accept_begin(struct world *w, pipc_result result)
{
    if (result == PIPC_OK) {
        const pipc_result shaken =
            pipc_handshake_run(&w->handshake, NULL, 2 * wait_ms, PIPC_NO_HANDLE, &w->session, NULL);
        if (shaken != PIPC_OK)
            return "the handshake of an accepted connection fails";
    }
    return judge_accept(w, result);
}

static void prepare_handshake(struct world *w)
{
    begin_connecting(w);
    MUST(act_accept_begin(w, NULL));
}

static pipc_result act_handshake(struct world *w, struct pipc_error *err)
{
    return pipc_handshake_run(&w->handshake, NULL, 2 * wait_ms, PIPC_NO_HANDLE, &w->session, err);
}

/* ---- the client's side ---- */

static void begin_provider(struct world *w)
{
    provider_start(w, KIND_INCREMENT);
}

static pipc_result act_connect(struct world *w, struct pipc_error *err)
{
    const struct pipc_session_settings mine = settings();
    struct pipc_upgrade_failure failure = {.size = sizeof(failure)};

    return pipc_connect(w->context, w->dir, SERVICE, &mine, 2 * wait_ms, PIPC_NO_HANDLE,
                        &w->session, &failure, err);
}

static const char *judge_connect(struct world *w, pipc_result result)
{
    if (result != PIPC_OK && w->session)
        return "there is a session though it failed";
    if (result != PIPC_OK && act_connect(w, NULL) != PIPC_OK)
        return "the second attempt fails";
    return session_works(w->session) ? NULL : "the session does not work";
}

static void clean_client_session(struct world *w)
{
    pipc_session_close(w->session);
    w->session = NULL;
    /* The server's region of it goes with its thread. */
    for (unsigned i = 0; i < 2000 && world_files(w) > 1; i++)
        usleep(1000);
}

/* ---- ends ---- */

static void prepare_pair(struct world *w)
{
    pair_open(w, PIPC_ROLE_SERVER, 0);
}

static pipc_result act_close(struct world *w, struct pipc_error *err)
{
    (void)err;
    pipc_session_interrupt(w->session);
    pipc_session_close(w->session);
    w->session = NULL;
    return PIPC_OK;
}

/* Whatever failed while it closed: the other side learns of the end. */
static const char *judge_close(struct world *w, pipc_result result)
{
    struct pipc_message m = {.size = sizeof(m)};
    const pipc_result end = pipc_session_receive(w->peer, 2000, 2000, PIPC_NO_HANDLE, &m, NULL);

    (void)result;
    return end == PIPC_ERR_DISCONNECTED || end == PIPC_ERR_RECV ? NULL
                                                                : "the peer does not see the end";
}

static void clean_pair(struct world *w)
{
    pair_close(w);
    world_sweep(w);
}

static pipc_result act_finish(struct world *w, struct pipc_error *err)
{
    (void)err;
    pipc_session_finish(w->session, PIPC_NO_HANDLE);
    return PIPC_OK;
}

#define ACCEPTING(plane, suffix)                                                  \
    {.name = "accept_begin" suffix,                                               \
     .planes = plane,                                                             \
     .names = {SERVICE},                                                          \
     .begin = prepare_listener,                                                   \
     .prepare = prepare_accept,                                                   \
     .act = act_accept_begin,                                                     \
     .expected = expect_handshake,                                                \
     .judge = judge_accept_begin,                                                 \
     .clean = clean_sessions,                                                     \
     .end = clean_listener},                                                      \
        {.name = "handshake_run" suffix,                                          \
         .planes = plane,                                                         \
         .names = {SERVICE},                                                      \
         .begin = prepare_listener,                                               \
         .prepare = prepare_handshake,                                            \
         .act = act_handshake,                                                    \
         .expected = expect_handshake,                                            \
         .judge = judge_accept,                                                   \
         .clean = clean_sessions,                                                 \
         .end = clean_listener},                                                  \
        {.name = "accept" suffix,                                                 \
         .planes = plane,                                                         \
         .names = {SERVICE},                                                      \
         .begin = prepare_listener,                                               \
         .prepare = prepare_accept,                                               \
         .act = act_accept,                                                       \
         .expected = expect_handshake,                                            \
         .judge = judge_accept,                                                   \
         .clean = clean_sessions,                                                 \
         .end = clean_listener},                                                  \
        {.name = "connect" suffix,                                                \
         .planes = plane,                                                         \
         .names = {SERVICE, "run directory"},                                     \
         .begin = begin_provider,                                                 \
         .act = act_connect,                                                      \
         .expected = expect_connect,                                              \
         .judge = judge_connect,                                                  \
         .clean = clean_client_session,                                           \
         .end = provider_stop},                                                   \
    {                                                                             \
        .name = "session_close" suffix, .planes = plane, .prepare = prepare_pair, \
        .act = act_close, .judge = judge_close, .clean = clean_pair               \
    }

const struct operation session_operations[] = {
    {.name = "listen",
     .planes = "uds",
     .names = {SERVICE},
     .act = act_listen,
     .expected = expect_listen,
     .judge = judge_listen,
     .clean = clean_listener},
    {.name = "listen over a stale endpoint",
     .planes = "shm,uds",
     .names = {SERVICE},
     .prepare = prepare_stale,
     .act = act_listen,
     .transient = PIPC_ERR_ADDR_IN_USE, /* a full queue is one of a living server */
     .expected = expect_listen,
     .judge = judge_listen,
     .clean = clean_stale},
    {.name = "listen_adopt",
     .planes = "uds",
     .names = {SERVICE, "descriptor", "handle"},
     .prepare = prepare_adopt,
     .act = act_adopt,
     .expected = expect_listen,
     .judge = judge_adopt,
     .clean = clean_stale},
    {.name = "listener_close",
     .planes = "uds",
     .prepare = prepare_listener,
     .act = act_listener_close,
     .clean = clean_stale},
    ACCEPTING("uds", " over uds"),
    {.name = "session_finish over uds",
     .planes = "uds",
     .prepare = prepare_pair,
     .act = act_finish,
     .clean = pair_close},
    ACCEPTING("shm", " over shm"),
    {.name = NULL}};
