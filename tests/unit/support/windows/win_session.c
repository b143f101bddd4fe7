/* SPDX-License-Identifier: Apache-2.0
 *
 * The answering server and the short forms of win_session.h.
 */
#include "win_session.h"

struct pipc_context *win_context(const char *transports, const char *planes)
{
    struct pipc_config *config = NULL;
    struct pipc_context *context = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_OK(pipc_config_new(NULL, &config));
#if !PIPC_TEST_BUILTIN
    CHECK_OK(pipc_config_add_module(config, &pipc_module_np, &err));
    CHECK_OK(pipc_config_add_module(config, &pipc_module_winshm, &err));
#endif
    CHECK_OK(pipc_config_set(config, "pipc", "transports", transports, &err));
    if (planes)
        CHECK_OK(pipc_config_set(config, "transport.winshm", "planes", planes, &err));
    CHECK_MSG(pipc_open(config, NULL, &context, &err) == PIPC_OK, "open: %s", err.text);
    pipc_config_free(config);
    return context;
}

struct pipc_session_settings win_settings(void)
{
    const struct pipc_session_settings settings = {.size = sizeof(settings),
                                                   .max_request_payload_bytes = WIN_BYTES,
                                                   .max_response_payload_bytes = WIN_BYTES};

    return settings;
}

struct pipc_session_status win_status(const struct pipc_session *session)
{
    struct pipc_session_status status = {.size = sizeof(status)};

    pipc_session_status(session, &status);
    return status;
}

/* ---- the server ---- */

static void serve(struct win_echo *echo, struct pipc_session *session)
{
    struct pipc_message message = {.size = sizeof(message)};

    while (pipc_session_receive(session, 0, 0, (pipc_handle)echo->stop, &message, NULL) ==
           PIPC_OK) {
        message.kind = PIPC_KIND_RESPONSE;
        if (pipc_session_send(session, &message, 10000, (pipc_handle)echo->stop, NULL) != PIPC_OK)
            break;
        __atomic_add_fetch(&echo->answers, 1, __ATOMIC_SEQ_CST);
    }
    pipc_session_close(session);
    __atomic_add_fetch(&echo->sessions, 1, __ATOMIC_SEQ_CST);
}

static void run(void *arg)
{
    struct win_echo *const echo = arg;

    for (;;) {
        struct pipc_session *session = NULL;
        const pipc_result result =
            pipc_accept(echo->listener, 0, (pipc_handle)echo->stop, &session, NULL);
        if (result == PIPC_OK)
            serve(echo, session);
        else if (result == PIPC_ERR_ABORTED)
            return;
    }
}

void win_echo_start(struct win_echo *echo, struct pipc_context *context, const char *service)
{
    const struct pipc_session_settings settings = win_settings();
    struct pipc_error err = PIPC_ERROR_INIT;

    memset(echo, 0, sizeof(*echo));
    echo->context = context;
    echo->stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    CHECK(echo->stop);
    CHECK_MSG(pipc_listen(context, test_dir(), service, &settings, &echo->listener, &err) ==
                  PIPC_OK,
              "listen: %s", err.text);
    echo->thread = np_thread(run, echo);
}

void win_echo_stop(struct win_echo *echo)
{
    CHECK(SetEvent(echo->stop));
    np_join(echo->thread);
    pipc_listener_close(echo->listener);
    CHECK(CloseHandle(echo->stop));
}

/* ---- the client ---- */

struct pipc_session *win_connect(struct pipc_context *context, const char *service, uint32_t bit)
{
    const struct pipc_session_settings settings = win_settings();
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_MSG(pipc_connect(context, test_dir(), service, &settings, 10000, PIPC_NO_HANDLE, &session,
                           NULL, &err) == PIPC_OK,
              "connect: %s", err.text);
    CHECK_EQ(win_status(session).selected_profile, bit);
    return session;
}

struct pipc_message win_request(uint64_t id, const void *payload, size_t len)
{
    const struct pipc_message message = {.size = sizeof(message),
                                         .kind = PIPC_KIND_REQUEST,
                                         .code = 7,
                                         .item_count = 1,
                                         .message_id = id,
                                         .payload = payload,
                                         .payload_len = len};

    return message;
}

void win_exchange(struct pipc_session *session, uint64_t id, const uint8_t *payload, size_t len)
{
    struct pipc_message message = win_request(id, payload, len);
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_MSG(pipc_session_send(session, &message, 10000, PIPC_NO_HANDLE, &err) == PIPC_OK,
              "send: %s", err.text);
    CHECK_MSG(pipc_session_receive(session, 10000, 0, PIPC_NO_HANDLE, &message, &err) == PIPC_OK,
              "receive: %s", err.text);
    CHECK_EQ(message.message_id, id);
    CHECK_EQ(message.payload_len, len);
    CHECK_MEM(message.payload, payload, len);
}

const uint8_t *win_pattern(void)
{
    static uint8_t bytes[WIN_BYTES];

    if (bytes[1] == 0)
        for (size_t i = 0; i < WIN_BYTES; i++)
            bytes[i] = (uint8_t)(i * 7 + i / 251);
    return bytes;
}
