/* SPDX-License-Identifier: Apache-2.0
 *
 * A client against a hostile server: HELLO_ACK, then answers, in any bytes. What is delivered keeps
 * the agreed limits, answers a request that was in flight, and is what was sent; a break keeps
 * exactly the ids that were outstanding.
 */
#include "session_script.h"

#define IDS 64u

static uint8_t payload[4096];
static bool outstanding[IDS];

static void ask(struct pipc_session *session, uint64_t id, uint32_t len)
{
    const struct pipc_message m = {.size = sizeof(m),
                                   .kind = PIPC_KIND_REQUEST,
                                   .code = 1,
                                   .item_count = 1,
                                   .message_id = id,
                                   .payload = payload,
                                   .payload_len = len};
    const pipc_result result = pipc_session_send(session, &m, PIPC_NOW, PIPC_NO_HANDLE, NULL);

    if (outstanding[id])
        must(result != PIPC_OK);
    if (result == PIPC_OK || result == PIPC_ERR_SEND)
        outstanding[id] = true;
}

static void check_outstanding(const struct pipc_session *session)
{
    uint64_t ids[IDS];
    size_t expected = 0;
    const size_t n = pipc_session_in_flight(session, ids, IDS);

    for (uint32_t i = 0; i < IDS; i++)
        expected += outstanding[i];
    must(n == expected);
    for (size_t i = 0; i < n; i++)
        must(ids[i] < IDS && outstanding[ids[i]]);
}

static void call(struct pipc_session *session)
{
    const struct pipc_session_status agreed = script_status(session);
    uint32_t len, next = 4;

    script.packet_max = agreed.packet_size;
    script.joined_len = 0;
    for (uint64_t id = 0; id < 4; id++)
        ask(session, id, 0);
    for (bool alive = true; alive && script.end - script.at >= 2;) {
        struct pipc_message m = {.size = sizeof(m)};
        if (script_step(&len)) {
            if (len != UINT32_MAX)
                ask(session, next++ % IDS, len);
            continue;
        }
        const pipc_result result =
            pipc_session_receive(session, PIPC_NOW, 0, PIPC_NO_HANDLE, &m, NULL);
        alive = result == PIPC_OK || result == PIPC_ERR_TIMEOUT;
        if (result == PIPC_OK) {
            script_check(&m, agreed.max_response_payload_bytes);
            must(m.kind == PIPC_KIND_RESPONSE && m.item_count <= agreed.max_response_batch_items);
            must(m.message_id < IDS && outstanding[m.message_id]);
            outstanding[m.message_id] = false;
            script.joined_len = 0;
        } else if (!alive) {
            must(script_status(session).state == PIPC_SESSION_BROKEN);
        }
    }
    check_outstanding(session);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    static const struct pipc_session_settings settings = {.size = sizeof(settings),
                                                          .max_request_payload_bytes = 3000,
                                                          .max_request_batch_items = 9,
                                                          .response_ceiling_bytes = 1u << 20};
    struct pipc_session *session = NULL;

    memset(outstanding, 0, sizeof(outstanding));
    script_begin(data, len);
    const pipc_result result = pipc_connect(script_context(), "d", "s", &settings, PIPC_NOW,
                                            PIPC_NO_HANDLE, &session, NULL, NULL);
    must((result == PIPC_OK) == (session != NULL));
    if (session)
        call(session);
    pipc_session_close(session);
}
