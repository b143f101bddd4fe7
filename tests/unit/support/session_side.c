/* SPDX-License-Identifier: Apache-2.0
 *
 * Our server or our client with a raw socket at the other end, and what breaks it. The limits are
 * small, so that tests reach them with few bytes.
 */
#include "session_side.h"
#include "test.h"

#include <unistd.h>

void side_server(struct side *s, uint32_t packet_size)
{
    struct pipc_hello hello = session_hello();

    memset(s, 0, sizeof(*s));
    session_control_reset();
    hello.max_request_payload_bytes = 1000;
    hello.max_request_batch_items = 4;
    hello.packet_size = packet_size;
    session_rig_open(&s->rig, NULL, NULL);
    s->session = session_rig_server(&s->rig, &hello, &s->raw);
}

void side_client(struct side *s, uint32_t packet_size)
{
    struct pipc_hello_ack ack = session_ack();
    const struct pipc_message m = session_request(7, NULL, 0);
    uint8_t packet[64];

    memset(s, 0, sizeof(*s));
    session_control_reset();
    s->context = session_context(NULL, NULL);
    ack.agreed_max_response_payload_bytes = 1000;
    ack.agreed_max_response_batch_items = 4;
    ack.agreed_packet_size = packet_size;
    s->session = session_rig_client(s->context, NULL, &ack, &s->raw);
    CHECK_OK(session_send(s->session, &m));
    CHECK_EQ(session_raw_receive(s->raw, packet, sizeof(packet), 0), 32);
}

void side_done(struct side *s)
{
    pipc_session_close(s->session);
    if (s->raw >= 0)
        close(s->raw);
    if (s->context)
        CHECK_OK(pipc_close(s->context));
    else
        session_rig_close(&s->rig);
    CHECK_EQ(session_control.channels, session_control.closes);
}

pipc_result side_take(struct side *s)
{
    memset(&s->got, 0, sizeof(s->got));
    s->got.size = sizeof(s->got);
    s->err = (struct pipc_error)PIPC_ERROR_INIT;
    return pipc_session_receive(s->session, 2000, 0, PIPC_NO_HANDLE, &s->got, &s->err);
}

void side_breaks(struct side *s, pipc_result result)
{
    CHECK_RESULT(side_take(s), result);
    CHECK_EQ(session_status(s->session).state, PIPC_SESSION_BROKEN);
    CHECK_RESULT(session_status(s->session).broken_by, result);
    CHECK_HAS(s->err.text, RIG_SERVICE);
    CHECK_STR(session_status(s->session).broken_text, s->err.text);
    CHECK(!s->got.payload && !s->got.payload_len);
    CHECK_RESULT(side_take(s), PIPC_ERR_BROKEN);
    side_done(s);
}
