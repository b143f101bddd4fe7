/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions of the core over named pipes: a client and a server thread.
 */
#include "test.h"
#include "windows/np_fixture.h"

#include <pipc/pipc.h>

static struct pipc_context *open_context(void)
{
    struct pipc_config *config = NULL;
    struct pipc_context *context = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_OK(pipc_config_new(NULL, &config));
    CHECK_OK(pipc_config_add_module(config, &pipc_module_np, NULL));
    CHECK_OK(pipc_config_set(config, "pipc", "transports", "np", NULL));
    CHECK_MSG(pipc_open(config, NULL, &context, &err) == PIPC_OK, "open: %s", err.text);
    pipc_config_free(config);
    return context;
}

struct echo {
    struct pipc_listener *listener;
    uint32_t rounds;
};

static void run_echo(void *arg)
{
    const struct echo *const echo = arg;
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_message message = {.size = sizeof(message)};

    CHECK_MSG(pipc_accept(echo->listener, 10000, PIPC_NO_HANDLE, &session, &err) == PIPC_OK,
              "accept: %s", err.text);
    for (uint32_t i = 0; i < echo->rounds; i++) {
        CHECK_MSG(pipc_session_receive(session, 10000, 0, PIPC_NO_HANDLE, &message, &err) ==
                      PIPC_OK,
                  "receive: %s", err.text);
        message.kind = PIPC_KIND_RESPONSE;
        CHECK_OK(pipc_session_send(session, &message, 10000, PIPC_NO_HANDLE, &err));
    }
    CHECK_RESULT(pipc_session_receive(session, 10000, 0, PIPC_NO_HANDLE, &message, &err),
                 PIPC_ERR_DISCONNECTED);
    pipc_session_close(session);
}

static void exchange(struct pipc_session *session, uint64_t id, const uint8_t *payload, size_t len)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_message message = {.size = sizeof(message),
                                   .kind = PIPC_KIND_REQUEST,
                                   .code = 7,
                                   .item_count = 1,
                                   .message_id = id,
                                   .payload = payload,
                                   .payload_len = len};

    CHECK_MSG(pipc_session_send(session, &message, 10000, PIPC_NO_HANDLE, &err) == PIPC_OK,
              "send: %s", err.text);
    CHECK_MSG(pipc_session_receive(session, 10000, 0, PIPC_NO_HANDLE, &message, &err) == PIPC_OK,
              "receive: %s", err.text);
    CHECK_EQ(message.message_id, id);
    CHECK_EQ(message.payload_len, len);
    CHECK_MEM(message.payload, payload, len);
}

TEST(np_session, messages_of_one_packet_and_of_many_are_answered)
{
    static const size_t lens[] = {0, 1, 100, 65503, 65504, 65505, 200000, 1048576};
    enum { COUNT = sizeof(lens) / sizeof(lens[0]) };
    struct pipc_context *const context = open_context();
    const struct pipc_session_settings settings = {.size = sizeof(settings),
                                                   .max_request_payload_bytes = 1048576,
                                                   .max_response_payload_bytes = 1048576};
    struct echo echo = {.rounds = COUNT};
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    uint8_t *const payload = malloc(1048576);

    CHECK(payload);
    for (size_t i = 0; i < 1048576; i++)
        payload[i] = (uint8_t)(i * 7 + i / 251);
    CHECK_MSG(pipc_listen(context, test_dir(), "echo", &settings, &echo.listener, &err) == PIPC_OK,
              "listen: %s", err.text);
    const HANDLE thread = np_thread(run_echo, &echo);
    CHECK_MSG(pipc_connect(context, test_dir(), "echo", &settings, 5000, PIPC_NO_HANDLE, &session,
                           NULL, &err) == PIPC_OK,
              "connect: %s", err.text);
    for (uint32_t i = 0; i < COUNT; i++)
        exchange(session, i, payload, lens[i]);
    pipc_session_close(session);
    np_join(thread);
    pipc_listener_close(echo.listener);
    CHECK_OK(pipc_close(context));
    free(payload);
}
