/* SPDX-License-Identifier: Apache-2.0
 *
 * Each kind of sending and receiving: small, in chunks, without waiting, built in place; both
 * roles, both data planes.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define LARGE 50000u /* many chunks of 4096 bytes, and no more than a socket holds */

static unsigned char bytes[LARGE];

static void begin_bytes(struct world *w)
{
    (void)w;
    for (uint32_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 31 + i / 251);
}

static struct pipc_message message(uint16_t kind, uint64_t id, size_t len)
{
    return (struct pipc_message){.size = sizeof(struct pipc_message),
                                 .kind = kind,
                                 .code = PIPC_METHOD_INCREMENT,
                                 .item_count = 1,
                                 .message_id = id,
                                 .payload = bytes,
                                 .payload_len = len};
}

static bool arrives(struct pipc_session *session, uint64_t id, size_t len)
{
    struct pipc_message m = {.size = sizeof(m)};

    return pipc_session_receive(session, 2000, 2000, PIPC_NO_HANDLE, &m, NULL) == PIPC_OK &&
           m.message_id == id && m.payload_len == len && memcmp(m.payload, bytes, len) == 0;
}

static uint32_t state(const struct pipc_session *session)
{
    struct pipc_session_status status = {.size = sizeof(status)};

    pipc_session_status(session, &status);
    return status.state;
}

/* An open session still carries messages, a broken one says so. */
static const char *judge_state(struct world *w)
{
    const struct pipc_message m = message(PIPC_KIND_REQUEST, 9, 8);
    const pipc_result again = pipc_session_send(w->session, &m, 2000, PIPC_NO_HANDLE, NULL);

    if (state(w->session) == PIPC_SESSION_BROKEN)
        return again == PIPC_ERR_BROKEN ? NULL : "a broken session does not say so";
    if (again != PIPC_OK)
        return "an open session cannot send";
    return arrives(w->peer, 9, 8) ? NULL : "what an open session sent does not arrive";
}

/* ---- sending ---- */

static void prepare_send(struct world *w)
{
    pair_open(w, PIPC_ROLE_CLIENT, 4096);
}

static pipc_result send_it(struct world *w, size_t len, uint64_t timeout_ms, struct pipc_error *err)
{
    const struct pipc_message m = message(PIPC_KIND_REQUEST, 7, len);

    return pipc_session_send(w->session, &m, timeout_ms, PIPC_NO_HANDLE, err);
}

static pipc_result act_send_small(struct world *w, struct pipc_error *err)
{
    w->count = 100;
    return send_it(w, w->count, wait_ms, err);
}

static pipc_result act_send_large(struct world *w, struct pipc_error *err)
{
    w->count = LARGE;
    return send_it(w, w->count, wait_ms, err);
}

static pipc_result act_send_now(struct world *w, struct pipc_error *err)
{
    w->count = LARGE;
    return send_it(w, w->count, PIPC_NOW, err);
}

static pipc_result act_send_in_place(struct world *w, struct pipc_error *err)
{
    struct pipc_message m = message(PIPC_KIND_REQUEST, 7, 100);
    void *const room = pipc_session_reserve(w->session, 100);

    w->count = 100;
    if (room) {
        memcpy(room, bytes, 100);
        m.payload = room;
    }
    return pipc_session_send(w->session, &m, wait_ms, PIPC_NO_HANDLE, err);
}

/* What was taken without waiting goes out when the session is used. */
static void flush(struct pipc_session *session)
{
    struct pipc_message m = {.size = sizeof(m)};

    for (unsigned i = 0; i < 1000 && pipc_session_wants_room(session); i++)
        if (pipc_session_receive(session, 1, 1, PIPC_NO_HANDLE, &m, NULL) != PIPC_ERR_TIMEOUT)
            return;
}

static const char *judge_send(struct world *w, pipc_result result)
{
    flush(w->session);
    if (result == PIPC_OK)
        return arrives(w->peer, 7, w->count) ? NULL : "the message does not arrive";
    return judge_state(w);
}

/* ---- receiving ---- */

static void receive_prepared(struct world *w, uint32_t role, size_t len)
{
    const uint16_t kind = role == PIPC_ROLE_CLIENT ? PIPC_KIND_RESPONSE : PIPC_KIND_REQUEST;
    struct pipc_message m = message(PIPC_KIND_REQUEST, 7, 8);

    pair_open(w, role, 4096);
    w->count = (uint32_t)len;
    if (role == PIPC_ROLE_CLIENT) {
        MUST(pipc_session_send(w->session, &m, 2000, PIPC_NO_HANDLE, NULL));
        if (!arrives(w->peer, 7, 8))
            broken("the request does not arrive");
    }
    m = message(kind, 7, len);
    MUST(pipc_session_send(w->peer, &m, 2000, PIPC_NO_HANDLE, NULL));
}

static void prepare_request(struct world *w)
{
    receive_prepared(w, PIPC_ROLE_SERVER, 100);
}

static void prepare_large_request(struct world *w)
{
    receive_prepared(w, PIPC_ROLE_SERVER, LARGE);
}

static void prepare_response(struct world *w)
{
    receive_prepared(w, PIPC_ROLE_CLIENT, 100);
}

static void prepare_large_response(struct world *w)
{
    receive_prepared(w, PIPC_ROLE_CLIENT, LARGE);
}

static pipc_result receive_it(struct world *w, uint64_t timeout_ms, struct pipc_error *err)
{
    struct pipc_message m = {.size = sizeof(m)};
    const pipc_result result =
        pipc_session_receive(w->session, timeout_ms, wait_ms, PIPC_NO_HANDLE, &m, err);

    w->value = result == PIPC_OK && m.message_id == 7 && m.payload_len == w->count &&
               memcmp(m.payload, bytes, w->count) == 0;
    return result;
}

static pipc_result act_receive(struct world *w, struct pipc_error *err)
{
    return receive_it(w, wait_ms, err);
}

static pipc_result act_receive_now(struct world *w, struct pipc_error *err)
{
    return receive_it(w, PIPC_NOW, err);
}

/* A session that stayed open gives the message now, whole. */
static const char *judge_receive(struct world *w, pipc_result result)
{
    if (result == PIPC_OK)
        return w->value ? NULL : "another message was received";
    if (state(w->session) == PIPC_SESSION_BROKEN)
        return receive_it(w, wait_ms, NULL) == PIPC_ERR_BROKEN ? NULL
                                                               : "a broken session does not say so";
    return receive_it(w, wait_ms, NULL) == PIPC_OK && w->value
               ? NULL
               : "an open session does not give the message";
}

/* Nothing comes: the wait itself. */
static void prepare_silence(struct world *w)
{
    pair_open(w, PIPC_ROLE_SERVER, 4096);
    w->count = 8;
}

static pipc_result act_receive_nothing(struct world *w, struct pipc_error *err)
{
    const pipc_result result = receive_it(w, 3, err);

    return result == PIPC_ERR_TIMEOUT ? PIPC_OK : result;
}

static const char *judge_silence(struct world *w, pipc_result result)
{
    const struct pipc_message m = message(PIPC_KIND_REQUEST, 7, 8);

    if (state(w->session) == PIPC_SESSION_BROKEN)
        return result == PIPC_OK ? "a timeout broke the session" : NULL;
    if (pipc_session_send(w->peer, &m, 2000, PIPC_NO_HANDLE, NULL) != PIPC_OK)
        return "the peer cannot send";
    return receive_it(w, wait_ms, NULL) == PIPC_OK && w->value ? NULL
                                                               : "the next message is not received";
}

#define SENDING(what, plane, how, passing)                                                  \
    {                                                                                       \
        .name = "send " what " over " plane, .planes = plane, .names = {SERVICE},           \
        .begin = begin_bytes, .prepare = prepare_send, .act = how, .expected = expect_send, \
        .transient = passing, .judge = judge_send, .clean = pair_close                      \
    }
#define RECEIVING(what, plane, before, how, passing)                                     \
    {                                                                                    \
        .name = "receive " what " over " plane, .planes = plane, .names = {SERVICE},     \
        .begin = begin_bytes, .prepare = before, .act = how, .expected = expect_receive, \
        .transient = passing, .judge = judge_receive, .clean = pair_close                \
    }
#define ALL_OVER(plane)                                                                   \
    SENDING("small", plane, act_send_small, PIPC_OK),                                     \
        SENDING("large", plane, act_send_large, PIPC_OK),                                 \
        SENDING("now", plane, act_send_now, PIPC_ERR_TIMEOUT),                            \
        SENDING("in place", plane, act_send_in_place, PIPC_OK),                           \
        RECEIVING("request", plane, prepare_request, act_receive, PIPC_OK),               \
        RECEIVING("large request", plane, prepare_large_request, act_receive, PIPC_OK),   \
        RECEIVING("response", plane, prepare_response, act_receive, PIPC_OK),             \
        RECEIVING("large response", plane, prepare_large_response, act_receive, PIPC_OK), \
        RECEIVING("now", plane, prepare_request, act_receive_now, PIPC_ERR_TIMEOUT),      \
    {                                                                                     \
        .name = "receive nothing over " plane, .planes = plane, .names = {SERVICE},       \
        .begin = begin_bytes, .prepare = prepare_silence, .act = act_receive_nothing,     \
        .expected = expect_receive, .judge = judge_silence, .clean = pair_close           \
    }

const struct operation message_operations[] = {ALL_OVER("uds"), ALL_OVER("shm"), {.name = NULL}};
