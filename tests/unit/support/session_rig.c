/* SPDX-License-Identifier: Apache-2.0
 *
 * Listener, handshakes and sessions for the Level 1 tests.
 */
#include "session_rig.h"
#include "test.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

uint8_t session_rig_hello[128];

struct pipc_session_settings session_settings(void)
{
    return (struct pipc_session_settings){.size = sizeof(struct pipc_session_settings)};
}

void session_rig_open(struct session_rig *rig, const char *transports,
                      const struct pipc_session_settings *settings)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    rig->context = session_context(transports, NULL);
    const pipc_result result =
        pipc_listen(rig->context, RIG_DIR, RIG_SERVICE, settings, &rig->listener, &err);
    CHECK_MSG(result == PIPC_OK, "listen: %s", err.text);
}

void session_rig_close(struct session_rig *rig)
{
    pipc_listener_close(rig->listener);
    CHECK_OK(pipc_close(rig->context));
    CHECK_EQ(session_control.channels, session_control.closes);
}

pipc_result session_rig_shake(struct session_rig *rig, const void *packet, size_t len,
                              struct pipc_session **ret_session, int *ret_raw,
                              struct pipc_error *err)
{
    struct pipc_handshake *handshake = NULL;

    *ret_session = NULL;
    *ret_raw = session_raw_connect(RIG_DIR, RIG_SERVICE);
    CHECK(*ret_raw >= 0);
    session_raw_send(*ret_raw, packet, len);
    CHECK_OK(pipc_accept_begin(rig->listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL));
    const pipc_result result =
        pipc_handshake_run(&handshake, NULL, PIPC_NOW, PIPC_NO_HANDLE, ret_session, err);
    CHECK(!handshake);
    return result;
}

struct pipc_session *session_rig_server(struct session_rig *rig, const struct pipc_hello *hello,
                                        int *ret_raw)
{
    const struct pipc_hello good = session_hello();
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    uint8_t packet[128];
    const size_t len = session_hello_packet(hello ? hello : &good, packet);
    const pipc_result result = session_rig_shake(rig, packet, len, &session, ret_raw, &err);

    CHECK_MSG(result == PIPC_OK, "handshake: %s", err.text);
    CHECK_EQ(session_raw_receive(*ret_raw, packet, sizeof(packet), 0), 80);
    return session;
}

/* ---- our client ---- */

struct connecting {
    struct pipc_context *context;
    const struct pipc_session_settings *settings;
    struct pipc_session *session;
    struct pipc_upgrade_failure failure;
    struct pipc_error err;
    pipc_result result;
};

static void *connect_thread(void *arg)
{
    struct connecting *const c = arg;

    c->result = pipc_connect(c->context, RIG_DIR, RIG_SERVICE, c->settings, 0, PIPC_NO_HANDLE,
                             &c->session, &c->failure, &c->err);
    return NULL;
}

static void connect_start(struct connecting *c, struct pipc_context *context,
                          const struct pipc_session_settings *settings, pthread_t *thread)
{
    memset(c, 0, sizeof(*c));
    c->context = context;
    c->settings = settings;
    c->err.size = sizeof(c->err);
    c->failure.size = sizeof(c->failure);
    CHECK(pthread_create(thread, NULL, connect_thread, c) == 0);
}

pipc_result session_rig_answer(struct pipc_context *context,
                               const struct pipc_session_settings *settings, const void *packet,
                               size_t len, struct pipc_session **ret_session, int *ret_raw,
                               struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    struct session_raw_listener *const l = session_raw_listen(RIG_DIR, RIG_SERVICE);
    struct connecting c;
    pthread_t thread;

    CHECK(l);
    connect_start(&c, context, settings, &thread);
    *ret_raw = session_raw_accept(l);
    CHECK(*ret_raw >= 0);
    CHECK_EQ(session_raw_receive(*ret_raw, session_rig_hello, sizeof(session_rig_hello), TEST_LONG),
             76);
    if (packet) /* a client that fails by order may be gone already */
        (void)!send(*ret_raw, packet, len, MSG_NOSIGNAL);
    else
        close(*ret_raw);
    pthread_join(thread, NULL);
    session_raw_close(l);
    *ret_session = c.session;
    if (ret_failure)
        *ret_failure = c.failure;
    if (err)
        *err = c.err;
    return c.result;
}

struct pipc_session *session_rig_client(struct pipc_context *context,
                                        const struct pipc_session_settings *settings,
                                        const struct pipc_hello_ack *ack, int *ret_raw)
{
    const struct pipc_hello_ack good = session_ack();
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    uint8_t packet[128];
    const size_t len = session_ack_packet(ack ? ack : &good, PIPC_STATUS_OK, packet);
    const pipc_result result =
        session_rig_answer(context, settings, packet, len, &session, ret_raw, NULL, &err);

    CHECK_MSG(result == PIPC_OK, "connect: %s", err.text);
    return session;
}

struct pipc_hello_ack session_rig_ack_of(const char *transports,
                                         const struct pipc_session_settings *settings,
                                         const struct pipc_hello *hello,
                                         struct pipc_session_status *ret_status)
{
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct session_rig rig;
    struct pipc_hello_ack ack;
    uint8_t packet[128];
    int raw;

    session_rig_open(&rig, transports, settings);
    const size_t len = session_hello_packet(hello, packet);
    const pipc_result result = session_rig_shake(&rig, packet, len, &session, &raw, &err);
    CHECK_MSG(result == PIPC_OK, "%s", err.text);
    CHECK_EQ(session_raw_receive(raw, packet, sizeof(packet), 0), 80);
    CHECK_OK(pipc_hello_ack_decode(packet + 32, 48, &ack));
    if (ret_status)
        *ret_status = session_status(session);
    pipc_session_close(session);
    close(raw);
    session_rig_close(&rig);
    return ack;
}

void session_rig_both(struct session_rig *rig, const struct pipc_session_settings *client,
                      struct pipc_session **ret_client, struct pipc_session **ret_server)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct connecting c;
    pthread_t thread;

    connect_start(&c, rig->context, client, &thread);
    const pipc_result result = pipc_accept(rig->listener, 5000, PIPC_NO_HANDLE, ret_server, &err);
    pthread_join(thread, NULL);
    CHECK_MSG(result == PIPC_OK, "accept: %s", err.text);
    CHECK_MSG(c.result == PIPC_OK, "connect: %s", c.err.text);
    *ret_client = c.session;
}

/* ---- messages ---- */

static struct pipc_message message(uint16_t kind, uint64_t id, const void *payload, size_t len)
{
    return (struct pipc_message){.size = sizeof(struct pipc_message),
                                 .kind = kind,
                                 .code = 1,
                                 .item_count = 1,
                                 .message_id = id,
                                 .payload = payload,
                                 .payload_len = len};
}

struct pipc_message session_request(uint64_t id, const void *payload, size_t len)
{
    return message(PIPC_KIND_REQUEST, id, payload, len);
}

struct pipc_message session_response(uint64_t id, const void *payload, size_t len)
{
    return message(PIPC_KIND_RESPONSE, id, payload, len);
}

pipc_result session_send(struct pipc_session *session, const struct pipc_message *m)
{
    return pipc_session_send(session, m, 5000 * test_slow(), PIPC_NO_HANDLE, NULL);
}

pipc_result session_receive(struct pipc_session *session, struct pipc_message *m)
{
    memset(m, 0, sizeof(*m));
    m->size = sizeof(*m);
    return pipc_session_receive(session, 5000 * test_slow(), 0, PIPC_NO_HANDLE, m, NULL);
}

struct pipc_session_status session_status(const struct pipc_session *session)
{
    struct pipc_session_status status = {.size = sizeof(status)};

    pipc_session_status(session, &status);
    return status;
}

void session_raw_message(int fd, const struct pipc_header *header, const void *payload, size_t len)
{
    uint8_t *const packet = malloc(PIPC_HEADER_LEN + len + 1);

    CHECK(packet);
    session_header_put(header, packet);
    if (len)
        memcpy(packet + PIPC_HEADER_LEN, payload, len);
    session_raw_send(fd, packet, PIPC_HEADER_LEN + len);
    free(packet);
}

uint8_t session_pattern(size_t at)
{
    return (uint8_t)(at * 7 + (at >> 8) + 3);
}

void session_fill(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = session_pattern(i);
}

bool session_filled(const void *bytes, size_t len)
{
    const uint8_t *const b = bytes;

    for (size_t i = 0; i < len; i++)
        if (b[i] != session_pattern(i))
            return false;
    return true;
}

size_t session_raw_chunk(const struct pipc_header *header, uint32_t packet_size, uint32_t k,
                         uint8_t *packet)
{
    const uint32_t budget = packet_size - PIPC_HEADER_LEN, total = header->payload_len;
    const uint32_t from = k * budget, len = total - from < budget ? total - from : budget;
    const struct pipc_chunk chunk = {.magic = PIPC_CHUNK_MAGIC,
                                     .version = 1,
                                     .message_id = header->message_id,
                                     .total_message_len = PIPC_HEADER_LEN + total,
                                     .chunk_index = k,
                                     .chunk_count = (total + budget - 1) / budget,
                                     .chunk_payload_len = len};

    if (k == 0)
        session_header_put(header, packet);
    else
        CHECK_EQ(pipc_chunk_encode(&chunk, packet, PIPC_HEADER_LEN), PIPC_HEADER_LEN);
    for (uint32_t i = 0; i < len; i++)
        packet[PIPC_HEADER_LEN + i] = session_pattern(from + i);
    return PIPC_HEADER_LEN + len;
}
