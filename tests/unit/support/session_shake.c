/* SPDX-License-Identifier: Apache-2.0
 *
 * Raw HELLOs and what our server must answer: the exact bytes, the result, the end of the stream.
 * After every rejection that leaves the listener as it was, a good client is served.
 */
#include "session_shake.h"
#include "test.h"

#include <unistd.h>

void shake_start(struct shake *s)
{
    memset(s, 0, sizeof(*s));
    session_control_reset();
    s->hello = session_hello();
    s->settings = session_settings();
    s->len = session_hello_packet(&s->hello, s->packet);
}

void shake_renew(struct shake *s)
{
    s->len = session_hello_packet(&s->hello, s->packet);
}

void shake_put16(struct shake *s, size_t at, uint16_t value)
{
    memcpy(s->packet + at, &value, 2);
}

void shake_next_is_served(struct session_rig *rig)
{
    struct pipc_hello good = session_hello();
    int raw;

    good.auth_token = 7;
    struct pipc_session *const session = session_rig_server(rig, &good, &raw);
    const struct pipc_session_status status = session_status(session);
    CHECK_EQ(status.state, PIPC_SESSION_OPEN);
    CHECK_EQ(status.role, PIPC_ROLE_SERVER);
    pipc_session_close(session);
    CHECK(session_raw_closed(raw, TEST_LONG));
    close(raw);
}

void shake_rejection(uint16_t status, uint8_t *packet)
{
    static const uint8_t head[34] = {0x43, 0x50, 0x49, 0x4e, 1,  0, 32, 0, 3, 0, 0, 0,
                                     2,    0,    0,    0,    48, 0, 0,  0, 1, 0, 0, 0,
                                     0,    0,    0,    0,    0,  0, 0,  0, 1, 0};

    memset(packet, 0, 80);
    memcpy(packet, head, sizeof(head));
    memcpy(packet + 14, &status, 2);
}

void shake_expect(struct shake *s, int status, pipc_result result)
{
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    uint8_t answer[256], expected[80];
    int raw;

    s->settings.auth_token = 7;
    session_rig_open(&s->rig, s->transports, &s->settings);
    const pipc_result got = session_rig_shake(&s->rig, s->packet, s->len, &session, &raw, &err);
    CHECK_RESULT(got, result);
    CHECK(!session);
    CHECK_RESULT(err.result, result);
    CHECK(err.text[0]);
    if (status != SILENT) {
        shake_rejection((uint16_t)status, expected);
        CHECK_EQ(session_raw_receive(raw, answer, sizeof(answer), 0), 80);
        CHECK_MEM(answer, expected, 80);
    }
    CHECK(session_raw_closed(raw, 0));
    close(raw);
    if (!session_control.refuse_peer && s->settings.supported_profiles != EXT_BITS &&
        !s->settings.slot_take)
        shake_next_is_served(&s->rig);
    session_rig_close(&s->rig);
}

void shake_start_right(struct shake *s)
{
    shake_start(s);
    s->hello.auth_token = 7;
    shake_renew(s);
}

pipc_result shake_slot_take(void *arg)
{
    struct shake_slots *const slots = arg;

    if (!slots->free)
        return PIPC_ERR_BUSY;
    slots->free--;
    slots->taken++;
    return PIPC_OK;
}

void shake_slot_give(void *arg)
{
    struct shake_slots *const slots = arg;

    slots->free++;
    slots->given++;
}

void shake_with_slots(struct shake *s, struct shake_slots *slots, unsigned free)
{
    *slots = (struct shake_slots){.free = free};
    s->settings.slot_arg = slots;
    s->settings.slot_take = shake_slot_take;
    s->settings.slot_give = shake_slot_give;
}
