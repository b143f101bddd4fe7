/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's handshake against any server: settings, what the data planes answer, a HELLO_ACK
 * whole or changed, at any time. The outcome is compared with a second writing of the table of
 * level1-transport.md 6.2 and of what follows it: result, proposal, attach, withdrawn bits, time.
 */
#include "upgrades.h"

struct expected {
    pipc_result result;
    uint32_t withdrawn; /* bits of the failure */
    bool attached;
};

static struct pipc_session_settings settings;
static uint64_t timeout_ms;

/* ---- the input ---- */

static uint32_t world_make(enum world_step step, uint8_t *buf)
{
    static const uint32_t bits[] = {PIPC_PROFILE_BASELINE, 2, 4, EXTRA_BITS};
    static const struct pipc_header header = {.magic = PIPC_MAGIC,
                                              .version = PIPC_WIRE_VERSION,
                                              .header_len = PIPC_HEADER_LEN,
                                              .kind = PIPC_KIND_CONTROL,
                                              .code = PIPC_CODE_HELLO_ACK,
                                              .payload_len = PIPC_HELLO_ACK_LEN,
                                              .item_count = 1};
    struct pipc_hello_ack ack = {.layout_version = PIPC_HELLO_LAYOUT,
                                 .server_supported_profiles = ALL_BITS,
                                 .selected_profile = bits[in_number(1) % 4],
                                 .agreed_max_request_payload_bytes = 1000,
                                 .agreed_max_request_batch_items = 1,
                                 .agreed_max_response_payload_bytes = 1000,
                                 .agreed_max_response_batch_items = 1,
                                 .agreed_packet_size = 33};
    uint32_t len = PIPC_HEADER_LEN + PIPC_HELLO_ACK_LEN;

    if (step == STEP_MADE2) {
        ack.agreed_packet_size = (uint32_t)in_number(2);
        ack.agreed_max_response_payload_bytes = (uint32_t)in_number(4);
        ack.session_id = in_number(1);
    }
    (void)pipc_header_encode(&header, buf, PIPC_HEADER_LEN);
    (void)pipc_hello_ack_encode(&ack, buf + PIPC_HEADER_LEN, PIPC_HELLO_ACK_LEN);
    if (step == STEP_MADE2) {
        const uint32_t at = (uint32_t)in_number(1) % len;
        buf[at] ^= (uint8_t)in_number(1);
        len -= (uint32_t)in_number(1) % (len + 1);
    }
    return len;
}

static void read_settings(void)
{
    static const uint64_t times[] = {PIPC_NOW, 1, 5000, 0};
    const uint32_t flags = (uint32_t)in_number(1);

    memset(&settings, 0, sizeof(settings));
    settings.size = (uint32_t)sizeof(settings);
    if (flags & 1) {
        settings.supported_profiles = (uint32_t)in_number(2);
        settings.preferred_profiles = (uint32_t)in_number(2);
    }
    if (flags & 2)
        settings.withdrawn_profiles = (uint32_t)in_number(2);
    settings.packet_size = flags & 4 ? (uint32_t)in_number(2) : 0;
    settings.response_ceiling_bytes = flags & 8 ? (uint32_t)in_number(2) : 0;
    settings.auth_token = flags & 16 ? UINT64_C(0x0123456789abcdef) : 0;
    settings.attach_timeout_ms = flags & 32 ? 20 : 0;
    timeout_ms = times[flags >> 6];
}

/* ---- the table once more ---- */

static uint32_t le(const uint8_t *at, uint32_t bytes)
{
    uint32_t value = 0;

    for (uint32_t i = bytes; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static struct expected say(pipc_result result)
{
    return (struct expected){.result = result};
}

static uint32_t asked(void)
{
    return settings.supported_profiles ? settings.supported_profiles & ALL_BITS : ALL_BITS;
}

/* What HELLO proposes; 0: the attempt ends before it. */
static uint32_t proposal(void)
{
    uint32_t mask = asked() & ~settings.withdrawn_profiles;

    if (mask & FAST_BITS)
        mask &= ~FAST_BITS | (upgrades.usable_fails[0] ? 0 : upgrades.usable[0]);
    if (mask & EXTRA_BITS)
        mask &= ~EXTRA_BITS | (upgrades.usable_fails[1] ? 0 : upgrades.usable[1]);
    return mask;
}

static pipc_result of_status(uint32_t status)
{
    switch (status) {
    case PIPC_STATUS_AUTH_FAILED:
        return PIPC_ERR_AUTH_FAILED;
    case PIPC_STATUS_UNSUPPORTED:
        return PIPC_ERR_NO_PROFILE;
    case PIPC_STATUS_INCOMPATIBLE:
        return PIPC_ERR_INCOMPATIBLE;
    case PIPC_STATUS_LIMIT_EXCEEDED:
        return PIPC_ERR_LIMIT_EXCEEDED;
    default:
        return PIPC_ERR_HANDSHAKE;
    }
}

static struct expected attach(uint32_t bit)
{
    const uint32_t kind = try_kind(0), bits = bit & FAST_BITS ? FAST_BITS : EXTRA_BITS;
    struct expected e = {.result = outcomes[kind].result, .attached = kind == 0};

    if (outcomes[kind].names_bits && e.result != PIPC_ERR_DISCONNECTED &&
        e.result != PIPC_ERR_ABORTED)
        e.withdrawn = bits;
    /* Of the caller's own deadline nothing follows; all tries used up is the plane's failure. */
    if (e.result == PIPC_ERR_TIMEOUT)
        e.withdrawn = UINT32_MAX;
    return e;
}

static struct expected judge(const uint8_t *packet, uint32_t len)
{
    const uint8_t *const ack = packet + 32;
    const uint32_t own = settings.packet_size ? settings.packet_size : 4096;

    if (len < 32 || le(packet, 4) != PIPC_MAGIC)
        return say(PIPC_ERR_PROTOCOL);
    if (le(packet + 4, 2) != 1)
        return say(PIPC_ERR_INCOMPATIBLE);
    if (le(packet + 6, 2) != 32 || le(packet + 8, 2) != PIPC_KIND_CONTROL ||
        le(packet + 12, 2) != PIPC_CODE_HELLO_ACK)
        return say(PIPC_ERR_PROTOCOL);
    if (le(packet + 14, 2) != 0)
        return say(of_status(le(packet + 14, 2)));
    if (len < 32 + 48)
        return say(PIPC_ERR_PROTOCOL);
    if (le(ack, 2) != 1)
        return say(PIPC_ERR_INCOMPATIBLE);
    if (le(ack + 2, 2) != 0 || le(ack + 32, 4) <= 32 || le(ack + 32, 4) > own)
        return say(PIPC_ERR_PROTOCOL);
    const uint32_t bit = le(ack + 12, 4);
    if (!bit || (bit & (bit - 1)) || !(bit & proposal()))
        return say(PIPC_ERR_PROTOCOL);
    const struct expected e = bit == PIPC_PROFILE_BASELINE ? say(PIPC_OK) : attach(bit);
    /* Who cannot afford the responses leaves over the data plane, so that comes last. */
    if (e.result == PIPC_OK && settings.response_ceiling_bytes &&
        le(ack + 24, 4) > settings.response_ceiling_bytes)
        return say(PIPC_ERR_LIMIT_EXCEEDED);
    return e;
}

/* ---- comparing ---- */

static void check_hello(void)
{
    const uint8_t *const hello = world.sent_bytes + 32;

    must(world.sent == 1 && world.sent_len == 32 + 44);
    must(le(world.sent_bytes + 12, 2) == PIPC_CODE_HELLO && le(hello, 2) == 1);
    must(le(hello + 2, 2) == 0 && le(hello + 28, 4) == 0);
    must(le(hello + 4, 4) == proposal() && (le(hello + 8, 4) & ~proposal()) == 0);
    must(le(hello + 32, 4) == (uint32_t)settings.auth_token);
    must(le(hello + 40, 4) == (settings.packet_size ? settings.packet_size : 4096));
}

static void check_session(const struct expected *e, const struct pipc_session *session)
{
    struct pipc_session_status status = {.size = sizeof(status)};
    const uint8_t *const ack = world.first + 32;

    pipc_session_status(session, &status);
    must(status.state == PIPC_SESSION_OPEN && status.role == PIPC_ROLE_CLIENT);
    must(status.selected_profile == le(ack + 12, 4) && upgrades.open == e->attached);
    must((uint32_t)status.session_id == le(ack + 40, 4));
    must(status.max_response_payload_bytes == le(ack + 24, 4));
    must(!status.degraded == ((status.selected_profile & FAST_BITS) != 0));
}

static void check(pipc_result result, const struct pipc_session *session,
                  const struct pipc_upgrade_failure *failure)
{
    const bool refused = !asked() || (settings.packet_size && settings.packet_size < 33);

    must(session || !upgrades.open);
    if (refused || !proposal()) {
        must(result == (refused ? PIPC_ERR_BAD_PARAM : PIPC_ERR_NO_PROFILE) && !world.sent);
        return;
    }
    check_hello();
    if (!world.packets || !world.first_len) {
        must(result == PIPC_ERR_TIMEOUT || result == PIPC_ERR_RECV ||
             result == PIPC_ERR_DISCONNECTED);
        must(!failure->bits && !upgrades.done);
        return;
    }
    const struct expected e = judge(world.first, world.first_len);
    must(result == e.result);
    if (e.withdrawn == UINT32_MAX)
        must(failure->bits == 0 || failure->bits == FAST_BITS || failure->bits == EXTRA_BITS);
    else
        must(failure->bits == e.withdrawn);
    if (session)
        check_session(&e, session);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    struct pipc_upgrade_failure failure = {.size = sizeof(failure)};
    struct pipc_session *session = NULL;

    world_begin(data, len);
    upgrades_begin();
    struct pipc_context *const context = upgrades_context();
    const uint64_t blocks = world.blocks, began = world.now;
    link_verdict = PIPC_OK;
    read_settings();
    upgrades_read();
    const pipc_result result = pipc_connect(context, "d", "s", &settings, timeout_ms,
                                            PIPC_NO_HANDLE, &session, &failure, NULL);
    must((result == PIPC_OK) == (session != NULL));
    if (timeout_ms != 0 && timeout_ms != PIPC_NOW)
        must(world.now <= began + (timeout_ms + 1) * PIPC_NS_PER_MS);
    must(world.now <= began + 10001 * PIPC_NS_PER_MS);
    check(result, session, &failure);
    pipc_session_close(session);
    must(world.blocks == blocks && upgrades.open == 0);
}
