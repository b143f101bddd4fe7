/* SPDX-License-Identifier: Apache-2.0
 *
 * A server against a hostile client: HELLO, then messages, in any bytes. What is delivered keeps
 * the limits and is what was sent; after an error the session is over; every request is answered.
 */
#include "session_script.h"

static uint8_t payload[4096];

static pipc_result answer(struct pipc_session *session, const struct pipc_message *request,
                          uint32_t len)
{
    const struct pipc_message m = {.size = sizeof(m),
                                   .kind = PIPC_KIND_RESPONSE,
                                   .code = request->code,
                                   .transport_status =
                                       len ? PIPC_STATUS_OK : PIPC_STATUS_LIMIT_EXCEEDED,
                                   .item_count = 1,
                                   .message_id = request->message_id,
                                   .payload = payload,
                                   .payload_len = len};

    return pipc_session_send(session, &m, PIPC_NOW, PIPC_NO_HANDLE, NULL);
}

static void refuse(struct pipc_session *session, const struct pipc_message *request)
{
    must(script_status(session).state == PIPC_SESSION_REFUSED);
    const pipc_result result = answer(session, request, 0);
    must(result == PIPC_OK || result == PIPC_ERR_TIMEOUT || result == PIPC_ERR_SEND);
    if (result == PIPC_OK)
        must(answer(session, request, 0) == PIPC_ERR_BROKEN);
}

static void over(struct pipc_session *session)
{
    struct pipc_message m = {.size = sizeof(m)};

    must(pipc_session_receive(session, PIPC_NOW, 0, PIPC_NO_HANDLE, &m, NULL) == PIPC_ERR_BROKEN);
    must(!pipc_session_in_flight(session, NULL, 0));
}

static void serve(struct pipc_session *session)
{
    const struct pipc_session_status agreed = script_status(session);
    struct pipc_message m = {.size = sizeof(m)};
    uint32_t len;

    script.packet_max = agreed.packet_size;
    script.joined_len = 0;
    while (script.end - script.at >= 2) {
        if (script_step(&len)) {
            if (len != UINT32_MAX)
                (void)answer(session, &m, len);
            continue;
        }
        const pipc_result result =
            pipc_session_receive(session, PIPC_NOW, 0, PIPC_NO_HANDLE, &m, NULL);
        const struct pipc_session_status status = script_status(session);
        if (result == PIPC_OK) {
            script_check(&m, agreed.max_request_payload_bytes);
            must(m.kind == PIPC_KIND_REQUEST && m.item_count <= agreed.max_request_batch_items);
            script.joined_len = 0;
            (void)answer(session, &m, 1 + (uint32_t)m.payload_len % 1000);
        } else if (result == PIPC_ERR_LIMIT_EXCEEDED) {
            refuse(session, &m);
            return;
        } else if (result != PIPC_ERR_TIMEOUT) {
            must(status.state == PIPC_SESSION_BROKEN);
            over(session);
            return;
        }
    }
}

void fuzz_one(const uint8_t *data, size_t len)
{
    static const struct pipc_session_settings settings = {.size = sizeof(settings),
                                                          .max_request_payload_bytes = 2000,
                                                          .max_response_payload_bytes = 3000,
                                                          .auth_token = 5};
    struct pipc_context *const context = script_context();
    struct pipc_listener *listener = NULL;
    struct pipc_handshake *handshake = NULL;
    struct pipc_session *session = NULL;

    script_begin(data, len);
    must(pipc_listen(context, "d", "s", &settings, &listener, NULL) == PIPC_OK);
    must(pipc_accept_begin(listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL) == PIPC_OK);
    const pipc_result result =
        pipc_handshake_run(&handshake, NULL, PIPC_NOW, PIPC_NO_HANDLE, &session, NULL);
    must((result == PIPC_OK) == (session != NULL));
    must((handshake != NULL) == (result == PIPC_ERR_TIMEOUT));
    if (session)
        serve(session);
    pipc_handshake_close(handshake);
    pipc_session_close(session);
    pipc_listener_close(listener);
}
