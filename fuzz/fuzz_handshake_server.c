/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's handshake against any client: settings, what the data planes answer, a HELLO whole
 * or changed, at any time and in any piece of luck. The outcome is compared with a second writing
 * of the table of level1-transport.md 6.1: result, answer, selected plane, session id, slot, time.
 */
#include "upgrades.h"

#define SILENT UINT32_MAX

/* Calls of the script. */
enum { CALL_RUN = STEP_CALLS, CALL_FULL, CALL_ROOM, CALL_SEND_FAILS };

struct expected {
    pipc_result result;
    uint32_t status; /* of the answer; SILENT: none */
    uint32_t mask, common, selected;
    uint32_t tries;
};

static struct pipc_session_settings settings;
static bool slot_is_free;
static uint32_t slots_taken, slots_given;

static pipc_result slot_take(void *arg)
{
    (void)arg;
    if (!slot_is_free)
        return PIPC_ERR_BUSY;
    slots_taken++;
    return PIPC_OK;
}

static void slot_give(void *arg)
{
    (void)arg;
    slots_given++;
}

/* ---- the input ---- */

/* A HELLO that is right but for what follows. */
static uint32_t world_make(enum world_step step, uint8_t *buf)
{
    static const struct pipc_header header = {.magic = PIPC_MAGIC,
                                              .version = PIPC_WIRE_VERSION,
                                              .header_len = PIPC_HEADER_LEN,
                                              .kind = PIPC_KIND_CONTROL,
                                              .code = PIPC_CODE_HELLO,
                                              .payload_len = PIPC_HELLO_LEN,
                                              .item_count = 1};
    struct pipc_hello hello = {.layout_version = PIPC_HELLO_LAYOUT,
                               .max_request_payload_bytes = 100,
                               .max_request_batch_items = 1,
                               .auth_token = settings.auth_token,
                               .packet_size = 4096};
    uint32_t len = PIPC_HEADER_LEN + PIPC_HELLO_LEN;

    hello.supported_profiles = (uint32_t)in_number(2);
    hello.preferred_profiles = (uint32_t)in_number(2);
    if (step == STEP_MADE2) {
        hello.max_request_payload_bytes = (uint32_t)in_number(4);
        hello.max_request_batch_items = (uint32_t)in_number(1);
        hello.auth_token ^= in_number(1);
        hello.packet_size = (uint32_t)in_number(2);
    }
    (void)pipc_header_encode(&header, buf, PIPC_HEADER_LEN);
    (void)pipc_hello_encode(&hello, buf + PIPC_HEADER_LEN, PIPC_HELLO_LEN);
    if (step == STEP_MADE2) {
        const uint32_t at = (uint32_t)in_number(1) % len;
        buf[at] ^= (uint8_t)in_number(1);
        len -= (uint32_t)in_number(1) % (len + 1);
    }
    return len;
}

static void read_settings(void)
{
    const uint32_t flags = (uint32_t)in_number(1);

    memset(&settings, 0, sizeof(settings));
    settings.size = (uint32_t)sizeof(settings);
    if (flags & 1)
        settings.supported_profiles = (uint32_t)in_number(2) | PIPC_PROFILE_BASELINE;
    if (flags & 2)
        settings.supported_profiles = EXTRA_BITS | FAST_BITS;
    settings.preferred_profiles = (uint32_t)in_number(2);
    settings.max_request_payload_bytes = (uint32_t)in_number(2);
    settings.max_response_payload_bytes = (uint32_t)in_number(2);
    settings.packet_size = flags & 4 ? PIPC_PACKET_SIZE_MIN + (uint32_t)in_number(1) : 0;
    settings.auth_token = flags & 8 ? UINT64_C(0x8000000000000001) : 0;
    settings.handshake_timeout_ms = flags & 16 ? 100 : 0;
    settings.slot_take = flags & 32 ? slot_take : NULL;
    settings.slot_give = flags & 32 ? slot_give : NULL;
    slot_is_free = (flags & 64) != 0;
    link_verdict = flags & 128 ? PIPC_ERR_AUTH_FAILED : PIPC_OK;
}

/* ---- the table once more ---- */

static uint32_t le(const uint8_t *at, uint32_t bytes)
{
    uint32_t value = 0;

    for (uint32_t i = bytes; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static struct expected say(pipc_result result, uint32_t status)
{
    return (struct expected){.result = result, .status = status};
}

static uint32_t server_mask(void)
{
    uint32_t mask = settings.supported_profiles ? settings.supported_profiles & ALL_BITS : ALL_BITS;

    if (mask & FAST_BITS)
        mask &= ~FAST_BITS | (upgrades.usable_fails[0] ? 0 : upgrades.usable[0]);
    if (mask & EXTRA_BITS)
        mask &= ~EXTRA_BITS | (upgrades.usable_fails[1] ? 0 : upgrades.usable[1]);
    return mask;
}

static uint32_t select_bit(uint32_t common, uint32_t client, uint32_t server)
{
    const uint32_t from = common & client & server ? common & client & server : common;

    for (uint32_t bit = UINT32_C(0x80000000); bit; bit >>= 1)
        if (from & bit)
            return bit;
    return 0;
}

/* Row 15. */
static struct expected bring_up(const uint8_t *hello)
{
    const uint32_t client = le(hello + 4, 4), wish = le(hello + 8, 4);
    const uint32_t own_wish = settings.supported_profiles ? settings.preferred_profiles : FAST_BITS;
    struct expected e = {.result = PIPC_OK, .mask = server_mask()};

    for (;;) {
        e.common = client & e.mask;
        e.selected = select_bit(e.common, wish, own_wish);
        if (!e.selected)
            return say(PIPC_ERR_NO_PROFILE, SILENT);
        if (e.selected == PIPC_PROFILE_BASELINE)
            return e;
        const uint32_t bits = e.selected & FAST_BITS ? FAST_BITS : EXTRA_BITS;
        uint32_t kind = 1;
        for (uint32_t i = 0; i < 16 && kind == 1; i++)
            kind = try_kind(e.tries++);
        if (kind == 0)
            return e;
        e.mask &= ~(e.selected | (kind == 1 || outcomes[kind].names_bits ? bits : 0));
    }
}

static struct expected judge(const uint8_t *packet, uint32_t len)
{
    const uint8_t *const hello = packet + 32;

    if (len < 32 || le(packet, 4) != PIPC_MAGIC)
        return say(PIPC_ERR_PROTOCOL, SILENT);
    const bool is_hello = le(packet + 6, 2) == 32 && le(packet + 8, 2) == PIPC_KIND_CONTROL &&
                          le(packet + 12, 2) == PIPC_CODE_HELLO;
    if (le(packet + 4, 2) != 1 && is_hello)
        return say(PIPC_ERR_INCOMPATIBLE, PIPC_STATUS_INCOMPATIBLE);
    if (le(packet + 4, 2) != 1 || !is_hello)
        return say(PIPC_ERR_PROTOCOL, SILENT);
    if (len < 32 + 44)
        return say(PIPC_ERR_PROTOCOL, PIPC_STATUS_BAD_ENVELOPE);
    if (le(hello, 2) != 1)
        return say(PIPC_ERR_INCOMPATIBLE, PIPC_STATUS_INCOMPATIBLE);
    if (le(hello + 2, 2) != 0 || le(hello + 28, 4) != 0)
        return say(PIPC_ERR_PROTOCOL, PIPC_STATUS_BAD_ENVELOPE);
    const uint64_t token = le(hello + 32, 4) | (uint64_t)le(hello + 36, 4) << 32;
    if (link_verdict != PIPC_OK || token != settings.auth_token)
        return say(PIPC_ERR_AUTH_FAILED, PIPC_STATUS_AUTH_FAILED);
    if (!(le(hello + 4, 4) & server_mask()))
        return say(PIPC_ERR_NO_PROFILE, PIPC_STATUS_UNSUPPORTED);
    const uint32_t most =
        settings.max_request_payload_bytes ? settings.max_request_payload_bytes : 1024;
    if (le(hello + 12, 4) > most)
        return say(PIPC_ERR_LIMIT_EXCEEDED, PIPC_STATUS_LIMIT_EXCEEDED);
    if (le(hello + 40, 4) <= 32)
        return say(PIPC_ERR_INCOMPATIBLE, PIPC_STATUS_INCOMPATIBLE);
    if (settings.slot_take && !slot_is_free)
        return say(PIPC_ERR_BUSY, PIPC_STATUS_INTERNAL_ERROR);
    return bring_up(hello);
}

/* ---- comparing ---- */

static void check_answer(const struct expected *e)
{
    const uint8_t *const ack = world.sent_bytes + 32;

    must(world.sent == (e->status == SILENT ? 0 : 1));
    if (!world.sent)
        return;
    must(world.sent_len == 32 + 48 && le(world.sent_bytes, 4) == PIPC_MAGIC);
    must(le(world.sent_bytes + 8, 2) == PIPC_KIND_CONTROL);
    must(le(world.sent_bytes + 12, 2) == PIPC_CODE_HELLO_ACK);
    must(le(world.sent_bytes + 14, 2) == e->status);
    if (e->status != PIPC_STATUS_OK)
        return;
    const uint8_t *const hello = world.first + 32;
    const uint32_t own = settings.packet_size ? settings.packet_size : 4096;
    must(le(ack + 4, 4) == e->mask && le(ack + 8, 4) == e->common);
    must(le(ack + 12, 4) == e->selected);
    must(le(ack + 16, 4) == le(hello + 12, 4) && le(ack + 20, 4) == le(hello + 16, 4));
    must(le(ack + 32, 4) == (le(hello + 40, 4) < own ? le(hello + 40, 4) : own));
}

static void check_session(const struct expected *e, const struct pipc_session *session)
{
    struct pipc_session_status status = {.size = sizeof(status)};

    pipc_session_status(session, &status);
    must(status.state == PIPC_SESSION_OPEN && status.role == PIPC_ROLE_SERVER);
    must(status.selected_profile == e->selected && status.session_id > 0);
    must(upgrades.done == e->tries);
    must(upgrades.open == (e->selected != PIPC_PROFILE_BASELINE));
    for (uint32_t i = 1; i < e->tries && i < TRIES_MOST; i++)
        must(upgrades.ids[i] > upgrades.ids[i - 1]);
    if (upgrades.open && e->tries <= TRIES_MOST)
        must(status.session_id == upgrades.ids[e->tries - 1]);
    must(!status.degraded == ((e->selected & FAST_BITS) != 0));
    must(!status.degraded == (status.passed_over_why[0] == '\0'));
}

/* Whether the room for packets changed, so that an answer may have been lost or late. */
static bool disturbed;

static uint64_t timeout_of(uint32_t kind)
{
    static const uint64_t ms[] = {PIPC_NOW, 1, 50, 0, 7000};

    return ms[kind % 5];
}

/* True: that was a call of the handshake. */
static bool next_call(uint64_t *ret_timeout)
{
    *ret_timeout = 10000;
    if (world.at == world.end || *world.at < STEP_CALLS)
        return true;
    const uint32_t call = *world.at++;
    if (call == CALL_FULL || call == CALL_ROOM || call == CALL_SEND_FAILS) {
        disturbed = true;
        world.full = call == CALL_FULL;
        world.fail_send = call == CALL_SEND_FAILS;
        return false;
    }
    *ret_timeout = timeout_of(call - CALL_RUN);
    return true;
}

static void check(pipc_result result, const struct pipc_session *session)
{
    if (!world.packets || !world.first_len) {
        must(result == PIPC_ERR_TIMEOUT || result == PIPC_ERR_RECV ||
             result == PIPC_ERR_DISCONNECTED);
        return;
    }
    const struct expected e = judge(world.first, world.first_len);
    if (e.result != PIPC_OK)
        must(result == e.result);
    else if (!disturbed)
        must(result == PIPC_OK);
    else
        must(result == PIPC_OK || result == PIPC_ERR_SEND || result == PIPC_ERR_TIMEOUT);
    if (!disturbed)
        check_answer(&e);
    if (session)
        check_session(&e, session);
}

static void play(struct pipc_handshake *handshake)
{
    const uint64_t deadline = pipc_handshake_deadline(handshake);
    struct pipc_session *session = NULL;
    pipc_result result = PIPC_ERR_TIMEOUT;
    uint64_t timeout;

    must(deadline <= world.now + 5000 * PIPC_NS_PER_MS);
    while (handshake) {
        if (!next_call(&timeout))
            continue;
        result = pipc_handshake_run(&handshake, NULL, timeout, PIPC_NO_HANDLE, &session, NULL);
        must((result == PIPC_OK) == (session != NULL));
        must((handshake != NULL) ==
             (result == PIPC_ERR_TIMEOUT && timeout == PIPC_NOW && world.now <= deadline));
        must(world.now <= deadline + PIPC_NS_PER_MS);
        if (handshake && !in_left())
            break;
    }
    if (!handshake)
        check(result, session);
    pipc_handshake_close(handshake);
    must(slots_taken == slots_given + (session && settings.slot_take));
    pipc_session_close(session);
    must(upgrades.open == 0);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    struct pipc_listener *listener = NULL;
    struct pipc_handshake *handshake = NULL;

    world_begin(data, len);
    upgrades_begin();
    struct pipc_context *const context = upgrades_context();
    const uint64_t blocks = world.blocks;
    slots_taken = slots_given = 0;
    disturbed = false;
    read_settings();
    upgrades_read();
    must(pipc_listen(context, "d", "s", &settings, &listener, NULL) == PIPC_OK);
    must(pipc_accept_begin(listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL) == PIPC_OK);
    play(handshake);
    pipc_listener_close(listener);
    must(world.blocks == blocks);
}
