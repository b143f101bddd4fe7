/* SPDX-License-Identifier: Apache-2.0
 *
 * Handshakes and messages of the core over named pipes, against peers made by hand: rejections,
 * silence, packets that are too long, empty, or missing.
 */
#include "windows/win_session.h"

#define SERVICE "raw"

static struct pipc_hello good_hello(void)
{
    const struct pipc_hello hello = {.layout_version = PIPC_HELLO_LAYOUT,
                                     .supported_profiles = PIPC_PROFILE_BASELINE,
                                     .max_request_payload_bytes = 1000,
                                     .max_request_batch_items = 1,
                                     .max_response_payload_bytes = 1000,
                                     .max_response_batch_items = 1,
                                     .packet_size = 200};

    return hello;
}

static size_t control(uint8_t *packet, uint16_t code, uint16_t status, size_t len)
{
    const struct pipc_header header = {.magic = PIPC_MAGIC,
                                       .version = PIPC_WIRE_VERSION,
                                       .header_len = PIPC_HEADER_LEN,
                                       .kind = PIPC_KIND_CONTROL,
                                       .code = code,
                                       .transport_status = status,
                                       .payload_len = (uint32_t)len,
                                       .item_count = 1};

    CHECK(pipc_header_encode(&header, packet, PIPC_HEADER_LEN));
    return PIPC_HEADER_LEN + len;
}

static size_t hello_packet(const struct pipc_hello *hello, uint8_t *packet)
{
    CHECK(pipc_hello_encode(hello, packet + PIPC_HEADER_LEN, PIPC_HELLO_LEN));
    return control(packet, PIPC_CODE_HELLO, PIPC_STATUS_OK, PIPC_HELLO_LEN);
}

static size_t ack_packet(uint8_t *packet)
{
    const struct pipc_hello_ack ack = {.layout_version = PIPC_HELLO_LAYOUT,
                                       .server_supported_profiles = PIPC_PROFILE_BASELINE,
                                       .intersection_profiles = PIPC_PROFILE_BASELINE,
                                       .selected_profile = PIPC_PROFILE_BASELINE,
                                       .agreed_max_request_payload_bytes = 1000,
                                       .agreed_max_request_batch_items = 1,
                                       .agreed_max_response_payload_bytes = 1000,
                                       .agreed_max_response_batch_items = 1,
                                       .agreed_packet_size = 200,
                                       .session_id = 1};

    CHECK(pipc_hello_ack_encode(&ack, packet + PIPC_HEADER_LEN, PIPC_HELLO_ACK_LEN));
    return control(packet, PIPC_CODE_HELLO_ACK, PIPC_STATUS_OK, PIPC_HELLO_ACK_LEN);
}

/* ---- our server ---- */

struct side {
    struct pipc_context *context;
    struct pipc_listener *listener;
    HANDLE raw;
    struct pipc_session *session;
};

static void listen_open(struct side *s)
{
    struct pipc_session_settings settings = {.size = sizeof(settings),
                                             .max_request_payload_bytes = 1000,
                                             .max_response_payload_bytes = 1000,
                                             .auth_token = 5,
                                             .auth_token_given = 1};

    memset(s, 0, sizeof(*s));
    s->context = win_context("np", NULL);
    CHECK_OK(pipc_listen(s->context, test_dir(), SERVICE, &settings, &s->listener, NULL));
}

/* A raw client that has sent these bytes; the result of the server's handshake. */
static pipc_result shake(struct side *s, const void *packet, size_t len)
{
    s->raw = np_raw_client(SERVICE);
    CHECK(s->raw != INVALID_HANDLE_VALUE);
    if (len > 0)
        np_raw_write(s->raw, packet, len);
    return pipc_accept(s->listener, 5000, PIPC_NO_HANDLE, &s->session, NULL);
}

static void listen_close(struct side *s)
{
    pipc_session_close(s->session);
    if (s->raw)
        CloseHandle(s->raw);
    pipc_listener_close(s->listener);
    CHECK_OK(pipc_close(s->context));
}

/* The status of the HELLO_ACK that waits. */
static unsigned status_read(HANDLE raw)
{
    uint8_t packet[128];
    struct pipc_header header;
    DWORD len = 0;

    CHECK_MSG(ReadFile(raw, packet, sizeof(packet), &len, NULL), "no HELLO_ACK: error %u",
              (unsigned)GetLastError());
    CHECK_EQ(len, PIPC_HEADER_LEN + PIPC_HELLO_ACK_LEN);
    CHECK_OK(pipc_header_decode(packet, len, &header));
    CHECK_EQ(header.code, PIPC_CODE_HELLO_ACK);
    return header.transport_status;
}

TEST(win_handshake, rejections_arrive_every_time_also_when_they_are_read_late)
{
    struct pipc_hello hello = good_hello();
    uint8_t packet[128];
    struct side s;

    listen_open(&s);
    hello.auth_token = 6;
    for (int i = 0; i < 100; i++) {
        CHECK_RESULT(shake(&s, packet, hello_packet(&hello, packet)), PIPC_ERR_AUTH_FAILED);
        if (i % 50 == 0)
            Sleep(200);
        CHECK_EQ(status_read(s.raw), PIPC_STATUS_AUTH_FAILED);
        CloseHandle(s.raw);
    }
    hello.auth_token = 5;
    hello.supported_profiles = 0x10000;
    CHECK_RESULT(shake(&s, packet, hello_packet(&hello, packet)), PIPC_ERR_NO_PROFILE);
    CHECK_EQ(status_read(s.raw), PIPC_STATUS_UNSUPPORTED);
    CloseHandle(s.raw);
    hello = good_hello();
    hello.auth_token = 5;
    hello.max_request_payload_bytes = 1001;
    CHECK_RESULT(shake(&s, packet, hello_packet(&hello, packet)), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_EQ(status_read(s.raw), PIPC_STATUS_LIMIT_EXCEEDED);
    listen_close(&s);
}

TEST(win_handshake, a_hello_of_128_bytes_is_judged_and_one_of_129_is_a_violation)
{
    struct pipc_hello hello = good_hello();
    uint8_t packet[129] = {0};
    struct side s;

    listen_open(&s);
    hello.auth_token = 5;
    (void)hello_packet(&hello, packet);
    CHECK_OK(shake(&s, packet, 128));
    CHECK_EQ(status_read(s.raw), PIPC_STATUS_OK);
    pipc_session_close(s.session);
    s.session = NULL;
    CloseHandle(s.raw);
    CHECK_RESULT(shake(&s, packet, 129), PIPC_ERR_PROTOCOL);
    listen_close(&s);
}

TEST(win_handshake, an_empty_hello_and_a_client_that_closes_are_disconnected)
{
    struct side s;
    DWORD moved;
    struct pipc_handshake *handshake = NULL;

    listen_open(&s);
    s.raw = np_raw_client(SERVICE);
    CHECK(WriteFile(s.raw, "", 0, &moved, NULL));
    CHECK_RESULT(pipc_accept(s.listener, TEST_LONG, PIPC_NO_HANDLE, &s.session, NULL),
                 PIPC_ERR_DISCONNECTED);
    CloseHandle(s.raw);
    s.raw = np_raw_client(SERVICE);
    CHECK_OK(pipc_accept_begin(s.listener, TEST_LONG, PIPC_NO_HANDLE, &handshake, NULL));
    CloseHandle(s.raw);
    s.raw = NULL;
    CHECK_RESULT(pipc_handshake_run(&handshake, NULL, TEST_LONG, PIPC_NO_HANDLE, &s.session, NULL),
                 PIPC_ERR_DISCONNECTED);
    listen_close(&s);
}

TEST(win_handshake, two_clients_are_served_while_a_third_is_silent)
{
    struct pipc_hello hello = good_hello();
    struct pipc_handshake *silent = NULL;
    struct pipc_session *none = NULL;
    uint8_t packet[128];
    struct side s;
    HANDLE quiet;

    listen_open(&s);
    hello.auth_token = 5;
    quiet = np_raw_client(SERVICE);
    CHECK_OK(pipc_accept_begin(s.listener, TEST_LONG, PIPC_NO_HANDLE, &silent, NULL));
    CHECK(!np_signalled((HANDLE)pipc_handshake_wait_handle(silent), 0));
    for (int i = 0; i < 2; i++) {
        CHECK_OK(shake(&s, packet, hello_packet(&hello, packet)));
        CHECK_EQ(status_read(s.raw), PIPC_STATUS_OK);
        pipc_session_close(s.session);
        s.session = NULL;
        CloseHandle(s.raw);
    }
    s.raw = NULL;
    CHECK_RESULT(pipc_handshake_run(&silent, NULL, PIPC_NOW, PIPC_NO_HANDLE, &none, NULL),
                 PIPC_ERR_TIMEOUT);
    np_raw_write(quiet, packet, hello_packet(&hello, packet)); /* at last */
    CHECK(np_signalled((HANDLE)pipc_handshake_wait_handle(silent), TEST_LONG));
    CHECK_OK(pipc_handshake_run(&silent, NULL, PIPC_NOW, PIPC_NO_HANDLE, &s.session, NULL));
    CHECK_EQ(status_read(quiet), PIPC_STATUS_OK);
    CloseHandle(quiet);
    listen_close(&s);
}

/* An open session of our server with a raw client. */
static void session_open(struct side *s)
{
    struct pipc_hello hello = good_hello();
    uint8_t packet[128];

    listen_open(s);
    hello.auth_token = 5;
    CHECK_OK(shake(s, packet, hello_packet(&hello, packet)));
    CHECK_EQ(status_read(s->raw), PIPC_STATUS_OK);
}

static size_t request_packet(uint8_t *packet, uint32_t payload_len)
{
    const struct pipc_header header = {.magic = PIPC_MAGIC,
                                       .version = PIPC_WIRE_VERSION,
                                       .header_len = PIPC_HEADER_LEN,
                                       .kind = PIPC_KIND_REQUEST,
                                       .code = 1,
                                       .payload_len = payload_len,
                                       .item_count = 1,
                                       .message_id = 9};

    return pipc_header_encode(&header, packet, PIPC_HEADER_LEN);
}

static pipc_result receive(struct side *s, struct pipc_message *message)
{
    *message = (struct pipc_message){.size = sizeof(*message)};
    return pipc_session_receive(s->session, 5000, 500, PIPC_NO_HANDLE, message, NULL);
}

TEST(win_handshake, a_cut_off_first_packet_is_refused_by_its_header_or_ends_the_session)
{
    static uint8_t packet[300];
    struct pipc_message message;
    struct side s;

    session_open(&s);
    (void)request_packet(packet, 1001); /* above the limit, and longer than a packet */
    np_raw_write(s.raw, packet, sizeof(packet));
    CHECK_RESULT(receive(&s, &message), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_EQ(message.message_id, 9);
    message.kind = PIPC_KIND_RESPONSE;
    message.transport_status = PIPC_STATUS_LIMIT_EXCEEDED;
    message.item_count = 1;
    CHECK_OK(pipc_session_send(s.session, &message, TEST_LONG, PIPC_NO_HANDLE, NULL));
    listen_close(&s);
    session_open(&s);
    (void)request_packet(packet, 268);
    np_raw_write(s.raw, packet, sizeof(packet));
    CHECK_RESULT(receive(&s, &message), PIPC_ERR_PROTOCOL);
    np_raw_write(s.raw, packet, request_packet(packet, 0));
    CHECK_RESULT(receive(&s, &message), PIPC_ERR_BROKEN); /* nothing of the rest is read */
    listen_close(&s);
}

static void write_chunk(HANDLE raw, uint32_t len, size_t sent)
{
    const struct pipc_chunk chunk = {.magic = PIPC_CHUNK_MAGIC,
                                     .version = PIPC_WIRE_VERSION,
                                     .message_id = 9,
                                     .total_message_len = PIPC_HEADER_LEN + 500,
                                     .chunk_index = 1,
                                     .chunk_count = 3,
                                     .chunk_payload_len = len};
    static uint8_t packet[300];

    CHECK(pipc_chunk_encode(&chunk, packet, PIPC_HEADER_LEN));
    np_raw_write(raw, packet, sent);
}

TEST(win_handshake, a_cut_off_chunk_an_empty_one_and_an_end_inside_a_message_break_the_session)
{
    uint8_t packet[200] = {0};
    struct pipc_message message;
    struct side s;
    DWORD moved;

    for (int i = 0; i < 4; i++) {
        session_open(&s);
        (void)request_packet(packet, 500);
        np_raw_write(s.raw, packet, 200);
        if (i == 0)
            write_chunk(s.raw, 168, 201);
        else if (i == 1)
            CHECK(WriteFile(s.raw, "", 0, &moved, NULL));
        else if (i == 2)
            CloseHandle(s.raw), s.raw = NULL;
        CHECK_RESULT(receive(&s, &message), i == 0   ? PIPC_ERR_CHUNK
                                            : i == 3 ? PIPC_ERR_TIMEOUT
                                                     : PIPC_ERR_RECV);
        listen_close(&s);
    }
}

TEST(win_handshake, an_empty_packet_between_messages_is_the_end)
{
    struct pipc_message message;
    struct side s;
    DWORD moved;

    session_open(&s);
    CHECK(WriteFile(s.raw, "", 0, &moved, NULL));
    CHECK_RESULT(receive(&s, &message), PIPC_ERR_DISCONNECTED);
    listen_close(&s);
}

/* ---- our client ---- */

struct answering {
    HANDLE server;
    const void *bytes;
    size_t len;
    DWORD ms;
    bool disconnect;
};

/* A raw server for one client: reads its HELLO and answers. */
static void answer(void *arg)
{
    const struct answering *const a = arg;
    uint8_t packet[128];
    DWORD len;

    CHECK(ConnectNamedPipe(a->server, NULL) || GetLastError() == ERROR_PIPE_CONNECTED);
    CHECK(ReadFile(a->server, packet, sizeof(packet), &len, NULL));
    CHECK_EQ(len, PIPC_HEADER_LEN + PIPC_HELLO_LEN);
    if (a->len > 0)
        np_raw_write(a->server, a->bytes, a->len);
    if (a->disconnect)
        CHECK(DisconnectNamedPipe(a->server));
    Sleep(a->ms);
    CloseHandle(a->server);
}

static pipc_result connect_to(struct answering *a, pipc_handle abort, uint64_t timeout_ms)
{
    struct pipc_context *const context = win_context("np", NULL);
    struct pipc_session *session = NULL;
    pipc_result result;

    a->server = np_raw_server(SERVICE);
    const HANDLE thread = np_thread(answer, a);
    result =
        pipc_connect(context, test_dir(), SERVICE, NULL, timeout_ms, abort, &session, NULL, NULL);
    pipc_session_close(session);
    np_join(thread);
    CHECK_OK(pipc_close(context));
    return result;
}

TEST(win_handshake, answers_of_every_kind_are_judged)
{
    uint8_t packet[200] = {0};
    const size_t len = ack_packet(packet);
    struct answering good = {.bytes = packet, .len = len, .ms = 20};
    struct answering cut = {.bytes = packet, .len = 129, .ms = 20};
    struct answering closed = {.len = 0};
    struct answering lost = {.bytes = packet, .len = len, .disconnect = true};

    CHECK_OK(connect_to(&good, PIPC_NO_HANDLE, 5000));
    CHECK_RESULT(connect_to(&cut, PIPC_NO_HANDLE, 5000), PIPC_ERR_PROTOCOL);
    CHECK_RESULT(connect_to(&closed, PIPC_NO_HANDLE, 5000), PIPC_ERR_DISCONNECTED);
    /* Whether the answer was read before it was destroyed is chance; it is never a rejection. */
    const pipc_result result = connect_to(&lost, PIPC_NO_HANDLE, 5000);
    CHECK(result == PIPC_OK || result == PIPC_ERR_DISCONNECTED);
}

static void set_later(void *arg)
{
    Sleep(50);
    SetEvent((HANDLE)arg);
}

TEST(win_handshake, a_silent_server_ends_by_deadline_and_by_abort)
{
    const HANDLE abort = CreateEventW(NULL, TRUE, FALSE, NULL);
    struct answering silent = {.ms = 200};

    CHECK_RESULT(connect_to(&silent, PIPC_NO_HANDLE, 60), PIPC_ERR_TIMEOUT);
    const HANDLE thread = np_thread(set_later, abort);
    CHECK_RESULT(connect_to(&silent, (pipc_handle)abort, 5000), PIPC_ERR_ABORTED);
    np_join(thread);
    CloseHandle(abort);
}
