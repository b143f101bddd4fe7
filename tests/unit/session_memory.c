/* SPDX-License-Identifier: Apache-2.0
 *
 * No memory (level1-transport.md 12): the n-th allocation of every public operation fails; the
 * result is right, the state is that of the table, nothing leaks.
 */
#include "base_memory.h"
#include "session_rig.h"
#include "test.h"

#include <pthread.h>
#include <unistd.h>

static struct base_memory memory;
static struct session_rig rig;

static void open_rig(const char *transports, bool listening)
{
    session_control_reset();
    base_memory_init(&memory);
    rig.context = session_context(transports, &memory.allocator);
    rig.listener = NULL;
    if (listening)
        CHECK_OK(pipc_listen(rig.context, RIG_DIR, RIG_SERVICE, NULL, &rig.listener, NULL));
}

static void close_rig(void)
{
    session_rig_close(&rig);
    CHECK_EQ(memory.live, 0);
    CHECK_EQ(memory.zero_sizes, 0);
}

static void fail_next(uint64_t n)
{
    memory.fail_at = memory.calls + n;
}

TEST(session_memory, listen_fails_at_every_allocation_and_leaves_nothing)
{
    unsigned n;

    open_rig("fast,mem", false);
    for (n = 1; n < 20; n++) {
        struct pipc_listener *listener = NULL;
        struct pipc_error err = PIPC_ERROR_INIT;
        const uint64_t live = memory.live;
        fail_next(n);
        const pipc_result result =
            pipc_listen(rig.context, RIG_DIR, RIG_SERVICE, NULL, &listener, &err);
        pipc_listener_close(listener);
        CHECK_EQ(memory.live, live);
        if (result == PIPC_OK)
            break;
        CHECK_RESULT(result, PIPC_ERR_ALLOC);
        CHECK(err.text[0]);
    }
    CHECK(n > 1 && n < 20);
    memory.fail_at = 0;
    close_rig();
}

TEST(session_memory, accept_and_handshake_fail_at_every_allocation)
{
    const struct pipc_hello hello = session_hello();
    uint8_t packet[128], answer[128];
    const size_t len = session_hello_packet(&hello, packet);
    unsigned n, rejections = 0;

    open_rig(NULL, true);
    for (n = 1; n < 20; n++) {
        struct pipc_handshake *handshake = NULL;
        struct pipc_session *session = NULL;
        const uint64_t live = memory.live;
        const int raw = session_raw_connect(RIG_DIR, RIG_SERVICE);
        session_raw_send(raw, packet, len);
        fail_next(n);
        pipc_result result =
            pipc_accept_begin(rig.listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL);
        if (result == PIPC_OK) {
            result = pipc_handshake_run(&handshake, NULL, PIPC_NOW, PIPC_NO_HANDLE, &session, NULL);
            if (result == PIPC_ERR_ALLOC) { /* INTERNAL_ERROR is said */
                CHECK_EQ(session_raw_receive(raw, answer, sizeof(answer), 0), 80);
                CHECK_EQ(answer[14], PIPC_STATUS_INTERNAL_ERROR);
                rejections++;
            }
        } else { /* the connection is still queued: take it away */
            memory.fail_at = 0;
            CHECK_OK(pipc_accept_begin(rig.listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL));
            pipc_handshake_close(handshake);
        }
        pipc_session_close(session);
        CHECK_EQ(memory.live, live);
        close(raw);
        if (result == PIPC_OK)
            break;
        CHECK_RESULT(result, PIPC_ERR_ALLOC);
    }
    CHECK(n > 1 && n < 20);
    CHECK_EQ(rejections, 1);
    memory.fail_at = 0;
    close_rig();
}

TEST(session_memory, connect_fails_at_every_allocation)
{
    unsigned n;

    open_rig("fast,mem", false);
    struct session_raw_listener *const l = session_raw_listen(RIG_DIR, RIG_SERVICE);
    for (n = 1; n < 20; n++) {
        struct pipc_session *session = NULL;
        const uint64_t live = memory.live;
        fail_next(n);
        const pipc_result result = pipc_connect(rig.context, RIG_DIR, RIG_SERVICE, NULL, 5,
                                                PIPC_NO_HANDLE, &session, NULL, NULL);
        CHECK_EQ(memory.live, live);
        if (result == PIPC_ERR_TIMEOUT) /* as far as the silent server lets it */
            break;
        CHECK_RESULT(result, PIPC_ERR_ALLOC);
    }
    CHECK(n > 1 && n < 20);
    memory.fail_at = 0;
    session_raw_close(l);
    close_rig();
}

TEST(session_memory, no_memory_for_a_packet_leaves_a_receive_as_it_was)
{
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 3);
    struct pipc_message m;
    int raw;

    open_rig(NULL, true);
    struct pipc_session *const session = session_rig_server(&rig, NULL, &raw);
    session_raw_message(raw, &h, "abc", 3);
    fail_next(1);
    CHECK_RESULT(session_receive(session, &m), PIPC_ERR_ALLOC);
    CHECK_EQ(session_status(session).state, PIPC_SESSION_OPEN);
    memory.fail_at = 0;
    CHECK_OK(session_receive(session, &m));
    CHECK_MEM(m.payload, "abc", 3);
    pipc_session_close(session);
    close(raw);
    close_rig();
}

TEST(session_memory, no_memory_for_a_chunked_message_breaks)
{
    struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 500);
    struct pipc_hello hello = session_hello();
    struct pipc_message m;
    uint8_t packet[200];
    int raw;

    open_rig(NULL, true);
    hello.packet_size = 128;
    struct pipc_session *const session = session_rig_server(&rig, &hello, &raw);
    session_raw_send(raw, packet, session_raw_chunk(&h, 128, 0, packet));
    fail_next(2);
    CHECK_RESULT(session_receive(session, &m), PIPC_ERR_ALLOC);
    CHECK_EQ(session_status(session).state, PIPC_SESSION_BROKEN);
    CHECK_RESULT(session_status(session).broken_by, PIPC_ERR_ALLOC);
    memory.fail_at = 0;
    pipc_session_close(session);
    close(raw);
    close_rig();
}

TEST(session_memory, no_memory_for_an_id_sends_nothing_and_leaves_the_session_open)
{
    struct pipc_message m = session_request(0, NULL, 0);
    pipc_result result = PIPC_OK;
    uint8_t packet[64];
    uint64_t id;
    int raw;

    open_rig(NULL, false);
    struct pipc_session *const session = session_rig_client(rig.context, NULL, NULL, &raw);
    fail_next(1);
    for (id = 1; result == PIPC_OK && id < 100; id++) {
        m.message_id = id;
        result = session_send(session, &m);
        if (result == PIPC_OK)
            CHECK_EQ(session_raw_receive(raw, packet, sizeof(packet), 0), 32);
    }
    CHECK_RESULT(result, PIPC_ERR_ALLOC);
    CHECK_EQ(session_raw_receive(raw, packet, sizeof(packet), 0), -1);
    CHECK_EQ(session_status(session).state, PIPC_SESSION_OPEN);
    CHECK_EQ(pipc_session_in_flight(session, NULL, 0), id - 2);
    memory.fail_at = 0;
    CHECK_OK(session_send(session, &m));
    pipc_session_close(session);
    close(raw);
    close_rig();
}

TEST(session_memory, no_memory_for_what_could_not_be_sent_breaks)
{
    static uint8_t bytes[900000];
    struct pipc_session_settings settings = session_settings();
    struct pipc_hello hello = session_hello();
    int raw;

    open_rig(NULL, false);
    settings.max_response_payload_bytes = sizeof(bytes);
    CHECK_OK(pipc_listen(rig.context, RIG_DIR, RIG_SERVICE, &settings, &rig.listener, NULL));
    hello.packet_size = 4096;
    struct pipc_session *const session = session_rig_server(&rig, &hello, &raw);
    const struct pipc_message m = session_response(1, bytes, sizeof(bytes));
    fail_next(1);
    CHECK_RESULT(pipc_session_send(session, &m, PIPC_NOW, PIPC_NO_HANDLE, NULL), PIPC_ERR_ALLOC);
    CHECK_EQ(session_status(session).state, PIPC_SESSION_BROKEN);
    memory.fail_at = 0;
    pipc_session_close(session);
    close(raw);
    close_rig();
}

TEST(session_memory, steady_state_allocates_nothing)
{
    struct pipc_hello hello = session_hello();
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 1000);
    uint8_t packet[2000];
    uint64_t calls = 0;
    int raw;

    open_rig(NULL, true);
    hello.packet_size = 128;
    struct pipc_session *const session = session_rig_server(&rig, &hello, &raw);
    for (unsigned i = 0; i < 50; i++) {
        struct pipc_message m;
        for (uint32_t k = 0; k < 11; k++)
            session_raw_send(raw, packet, session_raw_chunk(&h, 128, k, packet));
        CHECK_OK(session_receive(session, &m));
        m.kind = PIPC_KIND_RESPONSE;
        CHECK_OK(session_send(session, &m));
        while (session_raw_receive(raw, packet, sizeof(packet), 0) > 0)
            ;
        if (i == 0)
            calls = memory.calls;
    }
    CHECK_EQ(memory.calls, calls);
    pipc_session_close(session);
    close(raw);
    close_rig();
}

TEST(session_memory, announced_limits_take_no_memory_until_a_message_needs_it)
{
    struct pipc_hello_ack ack = session_ack();
    int raw;

    open_rig(NULL, false);
    ack.agreed_max_response_payload_bytes = UINT32_MAX;
    const uint64_t calls = memory.calls;
    struct pipc_session *const session = session_rig_client(rig.context, NULL, &ack, &raw);
    CHECK_EQ(memory.calls, calls + 1); /* the session itself */
    pipc_session_close(session);
    close(raw);
    close_rig();
}
