/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole session, of either role, over any data plane: handshake, then the program's calls, with
 * packets, pauses, ends and full queues of the other side between and inside them. What is
 * delivered is what was sent and keeps the limits; every call ends in its time; memory stays within
 * what was agreed; a broken session stays broken; nothing is left.
 */
#include "upgrades.h"

enum {
    CALL_RECEIVE = STEP_CALLS, /* u8: times */
    CALL_SEND,                 /* u8 id, u16 length, u8: items and times */
    CALL_ROOM,                 /* packets find room again */
    CALL_FULL,                 /* they find none */
    CALL_SEND_FAILS,           /* the next one fails */
    CALL_INTERRUPT,
    CALL_FINISH,
    CALL_STATUS
};

#define IDS          32u
#define PACKETS_MOST 20000u /* so that a long script of long sends is no hang */

static struct {
    bool client;
    struct pipc_session *session;
    struct pipc_session_status agreed;
    bool outstanding[IDS];
    bool over; /* it was broken, or refused and answered */
    /* the message that the other side sends in chunks */
    uint32_t total, pos, index, count;
    uint8_t id;
    bool spoiled; /* a chunk of the message that comes in has a header that is not right */
} play;

static uint8_t payload[WORLD_PACKET_MOST];

/* ---- packets of the other side ---- */

/* A change of one field, or of the length: three bytes. */
static uint32_t change(uint8_t *packet, uint32_t len)
{
    const uint32_t what = (uint32_t)in_number(1);

    if (what == 0)
        return len;
    if (what < 64)
        packet[what % 32] ^= (uint8_t)in_number(1);
    else if (what < 128)
        len -= (uint32_t)in_number(1) % (len + 1);
    else if (len + 8 <= WORLD_PACKET_MOST)
        len += what % 8;
    return len;
}

static uint32_t make_ack(uint8_t *buf)
{
    const struct pipc_header header = {.magic = PIPC_MAGIC,
                                       .version = PIPC_WIRE_VERSION,
                                       .header_len = PIPC_HEADER_LEN,
                                       .kind = PIPC_KIND_CONTROL,
                                       .code = play.client ? PIPC_CODE_HELLO_ACK : PIPC_CODE_HELLO,
                                       .payload_len = PIPC_HELLO_LEN,
                                       .item_count = 1};
    const uint32_t plane = (uint32_t)in_number(1), sizes = (uint32_t)in_number(1);
    const uint32_t bit = plane % 4 == 0   ? PIPC_PROFILE_BASELINE
                         : plane % 4 == 1 ? EXTRA_BITS
                                          : UINT32_C(1) << (plane % 4 - 1);
    const uint32_t packet = sizes & 1 ? 33 : sizes & 2 ? 40 + (sizes >> 4) : 4096;
    const struct pipc_hello_ack ack = {.layout_version = PIPC_HELLO_LAYOUT,
                                       .selected_profile = bit,
                                       .agreed_max_request_payload_bytes = 3000,
                                       .agreed_max_request_batch_items = 9,
                                       .agreed_max_response_payload_bytes = sizes & 4 ? 7 : 5000,
                                       .agreed_max_response_batch_items = 9,
                                       .agreed_packet_size = packet,
                                       .session_id = sizes};
    const struct pipc_hello hello = {.layout_version = PIPC_HELLO_LAYOUT,
                                     .supported_profiles = bit,
                                     .max_request_payload_bytes = sizes & 4 ? 7 : 3000,
                                     .max_request_batch_items = 9,
                                     .packet_size = packet};

    (void)pipc_header_encode(&header, buf, PIPC_HEADER_LEN);
    if (play.client)
        (void)pipc_hello_ack_encode(&ack, buf + PIPC_HEADER_LEN, PIPC_HELLO_ACK_LEN);
    else
        (void)pipc_hello_encode(&hello, buf + PIPC_HEADER_LEN, PIPC_HELLO_LEN);
    return PIPC_HEADER_LEN + (play.client ? PIPC_HELLO_ACK_LEN : PIPC_HELLO_LEN);
}

/* A payload of that many items of 8 bytes and some filling. */
static uint32_t fill(uint8_t *to, uint32_t len, uint32_t items)
{
    struct pipc_batch_builder batch;

    for (uint32_t i = 0; i < len; i++)
        to[i] = (uint8_t)(i * 7 + len);
    if (items < 2)
        return len;
    pipc_batch_begin(&batch, to, len, items);
    while (batch.count < items && pipc_batch_add(&batch, "abcdefgh", 8) == PIPC_OK)
        continue;
    return (uint32_t)pipc_batch_finish(&batch);
}

/* The first packet of a message, as much of it as a packet holds. */
static uint32_t make_message(uint8_t *buf)
{
    static uint8_t whole[WORLD_PACKET_MOST];
    const uint32_t packet =
        play.agreed.packet_size < WORLD_PACKET_MOST ? play.agreed.packet_size : WORLD_PACKET_MOST;
    const bool chunks = !(play.agreed.selected_profile & FAST_BITS);
    struct pipc_header header = {.magic = PIPC_MAGIC,
                                 .version = PIPC_WIRE_VERSION,
                                 .header_len = PIPC_HEADER_LEN,
                                 .kind = play.client ? PIPC_KIND_RESPONSE : PIPC_KIND_REQUEST,
                                 .code = 1};

    play.id = (uint8_t)(in_number(1) % IDS);
    header.message_id = play.id;
    header.item_count = (uint32_t)in_number(1) % 12;
    header.flags = header.item_count > 1 ? PIPC_FLAG_BATCH : 0;
    if (!header.item_count)
        header.item_count = 1;
    play.total = fill(whole, (uint32_t)in_number(2) % (WORLD_PACKET_MOST - 64), header.item_count);
    header.payload_len = play.total;
    uint32_t first = play.total;
    if (chunks && first > packet - PIPC_HEADER_LEN)
        first = packet - PIPC_HEADER_LEN;
    play.pos = first;
    play.index = 1;
    play.count = (uint32_t)pipc_chunk_count(play.total, first, packet);
    (void)pipc_header_encode(&header, buf, PIPC_HEADER_LEN);
    memcpy(buf + PIPC_HEADER_LEN, whole, first);
    return PIPC_HEADER_LEN + first;
}

static uint32_t make_chunk(uint8_t *buf)
{
    const uint32_t budget = play.agreed.packet_size - PIPC_HEADER_LEN, left = play.total - play.pos;
    const struct pipc_chunk chunk = {.magic = PIPC_CHUNK_MAGIC,
                                     .version = PIPC_WIRE_VERSION,
                                     .message_id = play.id,
                                     .total_message_len = PIPC_HEADER_LEN + play.total,
                                     .chunk_index = play.index++,
                                     .chunk_count = play.count,
                                     .chunk_payload_len = left < budget ? left : budget};

    (void)pipc_chunk_encode(&chunk, buf, PIPC_HEADER_LEN);
    for (uint32_t i = 0; i < chunk.chunk_payload_len; i++)
        buf[PIPC_HEADER_LEN + i] = (uint8_t)((play.pos + i) * 7 + play.total);
    play.pos += chunk.chunk_payload_len;
    return PIPC_HEADER_LEN + chunk.chunk_payload_len;
}

static uint32_t world_make(enum world_step step, uint8_t *buf)
{
    const bool chunk = play.session && step == STEP_MADE2 && play.pos < play.total;
    uint8_t right[PIPC_HEADER_LEN];
    uint32_t len;

    if (!play.session)
        len = make_ack(buf);
    else if (chunk)
        len = make_chunk(buf);
    else
        len = make_message(buf);
    memcpy(right, buf, sizeof(right));
    const uint32_t changed = change(buf, len);
    if (chunk && (changed != len || memcmp(right, buf, sizeof(right)) != 0))
        play.spoiled = true;
    return changed;
}

/* ---- what has to hold ---- */

static struct pipc_session_status status_now(void)
{
    struct pipc_session_status status = {.size = sizeof(status)};

    pipc_session_status(play.session, &status);
    must((status.state == PIPC_SESSION_OPEN) == (status.broken_by == PIPC_OK));
    must((status.broken_by == PIPC_OK) == (status.broken_text[0] == '\0'));
    if (play.over)
        must(status.state != PIPC_SESSION_OPEN);
    return status;
}

/* The peer makes this side hold no more than what was agreed: the message that comes in (twice
 * while it moves), the one that goes out, the ids, and small things. */
static void check_memory(uint64_t before)
{
    const uint64_t in = play.client ? play.agreed.max_response_payload_bytes
                                    : play.agreed.max_request_payload_bytes;
    const uint64_t out = play.client ? play.agreed.max_request_payload_bytes
                                     : play.agreed.max_response_payload_bytes;

    must(world.peak <= before + 2 * (in + 32) + 2 * out + 16384);
}

static void check_message(const struct pipc_message *m)
{
    const struct pipc_session_status *const a = &play.agreed;

    must(m->kind == (play.client ? PIPC_KIND_RESPONSE : PIPC_KIND_REQUEST));
    must(m->payload_len <=
         (play.client ? a->max_response_payload_bytes : a->max_request_payload_bytes));
    must(m->item_count <= (play.client ? a->max_response_batch_items : a->max_request_batch_items));
    must(m->payload_len == world.joined_len && !play.spoiled);
    if (m->payload_len) {
        must(((uintptr_t)m->payload & 7) == 0);
        must(memcmp(m->payload, world.joined, m->payload_len) == 0);
    }
    if ((m->flags & PIPC_FLAG_BATCH) && m->item_count > 1)
        must(pipc_batch_check(m->payload, m->payload_len, m->item_count) == PIPC_OK);
    if (play.client) {
        must(m->message_id < IDS && play.outstanding[m->message_id]);
        play.outstanding[m->message_id] = false;
    }
}

static void check_ids(void)
{
    uint64_t ids[IDS];
    size_t expected = 0;
    const size_t n = pipc_session_in_flight(play.session, ids, IDS);

    for (uint32_t i = 0; i < IDS; i++)
        expected += play.outstanding[i];
    must(n == expected);
    for (size_t i = 0; i < n; i++)
        must(ids[i] < IDS && play.outstanding[ids[i]]);
}

/* ---- calls ---- */

static uint64_t milliseconds(uint32_t kind)
{
    static const uint64_t ms[] = {PIPC_NOW, 1, 50, 2000, 40000, 0};

    return ms[kind % 6];
}

/* Nothing waits longer than it was told to. */
static void check_time(uint64_t began, uint64_t timeout, uint64_t message_timeout)
{
    const uint64_t spent = (world.now - began) / PIPC_NS_PER_MS;

    if (timeout == PIPC_NOW)
        must(spent == 0);
    else if (timeout && play.client && !message_timeout)
        must(spent <= timeout);
    else if (timeout)
        must(spent <= timeout + (message_timeout ? message_timeout : PIPC_MESSAGE_TIMEOUT_MS));
}

static void receive(uint32_t times)
{
    struct pipc_message m = {.size = sizeof(m)};
    const uint64_t timeout = milliseconds(times), rest = milliseconds(1 + times / 6 % 5);
    const uint64_t began = world.now;
    const pipc_result result =
        pipc_session_receive(play.session, timeout, rest, PIPC_NO_HANDLE, &m, NULL);

    check_time(began, timeout, rest);
    if (result == PIPC_OK)
        check_message(&m);
    const struct pipc_session_status status = status_now();
    if (result == PIPC_OK)
        world.joined_len = 0;
    else if (result == PIPC_ERR_LIMIT_EXCEEDED && !play.client)
        must(status.state == PIPC_SESSION_REFUSED);
    else if (result != PIPC_ERR_TIMEOUT && result != PIPC_ERR_ABORTED)
        must(status.state != PIPC_SESSION_OPEN);
    play.over = play.over || status.state != PIPC_SESSION_OPEN;
}

static void send_message(void)
{
    const uint32_t id = (uint32_t)in_number(1) % IDS, len = (uint32_t)in_number(2) % 6000;
    const uint32_t how = (uint32_t)in_number(1), items = 1 + how / 6 % 4;
    const uint64_t timeout = milliseconds(how), began = world.now;
    const bool was_over = play.over;
    const uint32_t sent = world.sent;
    const struct pipc_message m = {.size = sizeof(m),
                                   .kind = play.client ? PIPC_KIND_REQUEST : PIPC_KIND_RESPONSE,
                                   .flags = items > 1 ? PIPC_FLAG_BATCH : 0,
                                   .code = 1,
                                   .item_count = items,
                                   .message_id = id,
                                   .payload = payload,
                                   .payload_len = len};
    const pipc_result result = pipc_session_send(play.session, &m, timeout, PIPC_NO_HANDLE, NULL);
    const struct pipc_session_status status = status_now();

    check_time(began, timeout, 0);
    if (play.client && play.outstanding[id])
        must(result != PIPC_OK);
    if (play.client && result == PIPC_OK)
        play.outstanding[id] = true;
    /* One that failed on its way is in flight, for the caller to hear of. */
    if (play.client && result != PIPC_OK && !was_over && status.state == PIPC_SESSION_BROKEN) {
        uint64_t ids[IDS + 1];
        const size_t n = pipc_session_in_flight(play.session, ids, IDS + 1);
        for (size_t i = 0; i < n; i++)
            play.outstanding[id] = play.outstanding[id] || ids[i] == id;
    }
    if (result == PIPC_ERR_BAD_PARAM || result == PIPC_ERR_LIMIT_EXCEEDED ||
        result == PIPC_ERR_DUPLICATE_MSG_ID || result == PIPC_ERR_BROKEN)
        must(world.sent == sent);
    play.over = play.over || status.state != PIPC_SESSION_OPEN;
}

static void step(void)
{
    if (*world.at < STEP_CALLS) { /* the other side moves, so look */
        receive(3);
        return;
    }
    const uint32_t call = *world.at++;
    switch (call) {
    case CALL_SEND:
        send_message();
        break;
    case CALL_ROOM:
    case CALL_FULL:
        world.full = call == CALL_FULL;
        break;
    case CALL_SEND_FAILS:
        world.fail_send = true;
        break;
    case CALL_INTERRUPT:
        pipc_session_interrupt(play.session);
        break;
    case CALL_FINISH:
        pipc_session_finish(play.session, PIPC_NO_HANDLE);
        break;
    case CALL_STATUS:
        (void)status_now();
        must(pipc_session_send_limit(play.session) <= 1u << 20);
        must(!pipc_session_wants_room(play.session) || !play.over || !world.fail_send);
        break;
    default:
        receive(call);
        break;
    }
}

static void run(uint64_t before)
{
    play.agreed = status_now();
    must(play.agreed.packet_size > 32);
    if (!(play.agreed.selected_profile & FAST_BITS))
        world.packet_max = play.agreed.packet_size;
    world.joined_len = 0;
    while (in_left() > 0 && world.sent < PACKETS_MOST) {
        const uint8_t *const at = world.at;
        const uint64_t late = world.late;
        step();
        check_ids();
        check_memory(before);
        if (world.at == at && world.late == late) { /* a session that is over takes nothing more */
            must(play.over || world.ended || world.failed || world.interrupted);
            break;
        }
    }
    pipc_session_close(play.session);
}

/* ---- both handshakes ---- */

static void serve(struct pipc_context *context, const struct pipc_session_settings *settings)
{
    struct pipc_listener *listener = NULL;
    struct pipc_handshake *handshake = NULL;

    must(pipc_listen(context, "d", "s", settings, &listener, NULL) == PIPC_OK);
    must(pipc_accept_begin(listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL) == PIPC_OK);
    const pipc_result result =
        pipc_handshake_run(&handshake, NULL, 5000, PIPC_NO_HANDLE, &play.session, NULL);
    must((result == PIPC_OK) == (play.session != NULL) && !handshake);
    pipc_listener_close(listener);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    static const struct pipc_session_settings settings = {.size = sizeof(settings),
                                                          .max_request_payload_bytes = 3000,
                                                          .max_request_batch_items = 9,
                                                          .max_response_payload_bytes = 5000,
                                                          .response_ceiling_bytes = 1u << 20,
                                                          .message_timeout_ms = 700};

    if (len == 0)
        return;
    world_begin(data + 1, len - 1);
    upgrades_begin();
    struct pipc_context *const context = upgrades_context();
    const uint64_t blocks = world.blocks, before = world.live;
    memset(&play, 0, sizeof(play));
    link_verdict = PIPC_OK;
    play.client = data[0] & 1;
    if (play.client)
        (void)!pipc_connect(context, "d", "s", &settings, 5000, PIPC_NO_HANDLE, &play.session, NULL,
                            NULL);
    else
        serve(context, &settings);
    world.peak = world.live;
    if (play.session)
        run(before + sizeof(play));
    must(world.blocks == blocks && upgrades.open == 0);
}
