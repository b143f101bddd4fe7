/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions over an upgrade (level1-transport.md 17): whole packets, one outstanding request,
 * building in place, the carrier's end, and an upgrade that chunks like a baseline.
 */
#include "core/session/session.h"
#include "session_rig.h"
#include "test.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

struct both {
    struct session_rig rig;
    struct pipc_session *client, *server;
};

static void start(struct both *b, const char *transports, uint32_t limit, uint32_t packet_size)
{
    struct pipc_session_settings settings = session_settings();

    session_control_reset();
    settings.max_request_payload_bytes = limit;
    settings.max_response_payload_bytes = limit;
    settings.packet_size = packet_size;
    session_rig_open(&b->rig, transports, &settings);
    session_rig_both(&b->rig, &settings, &b->client, &b->server);
}

static void done(struct both *b)
{
    pipc_session_close(b->client);
    pipc_session_close(b->server);
    session_rig_close(&b->rig);
}

static uint8_t bytes[300000];

TEST(session_plane, messages_go_through_the_upgrade_in_one_packet_each)
{
    struct pipc_message got;
    struct both b;

    session_fill(bytes, sizeof(bytes));
    start(&b, "fast,mem", 100000, 128);
    CHECK_EQ(session_status(b.client).selected_profile, 4);
    CHECK_STR(session_status(b.client).transport, "fast");
    CHECK_STR(session_status(b.server).transport, "fast");
    CHECK_EQ(session_status(b.client).degraded, 0);
    const unsigned sends = session_control.sends;
    struct pipc_message m = session_request(1, bytes, 100000);
    CHECK_OK(session_send(b.client, &m));
    CHECK_EQ(session_control.sends, sends + 1);
    CHECK_OK(session_receive(b.server, &got));
    CHECK(got.payload_len == 100000 && session_filled(got.payload, 100000));
    m = session_response(1, bytes, 99999);
    CHECK_OK(session_send(b.server, &m));
    CHECK_OK(session_receive(b.client, &got));
    CHECK(got.payload_len == 99999 && session_filled(got.payload, 99999));
    done(&b);
}

TEST(session_plane, second_request_is_refused_here_and_the_session_is_as_before)
{
    struct pipc_message got, m = session_request(1, "x", 1);
    struct pipc_error err = PIPC_ERROR_INIT;
    struct both b;

    start(&b, "fast,mem", 1000, 0);
    CHECK_OK(session_send(b.client, &m));
    m.message_id = 2;
    CHECK_RESULT(pipc_session_send(b.client, &m, 0, PIPC_NO_HANDLE, &err), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_HAS(err.text, "one request at a time");
    CHECK_EQ(session_status(b.client).in_flight, 1);
    got.size = sizeof(got);
    CHECK_RESULT(pipc_session_receive(b.client, 5, 0, PIPC_NO_HANDLE, &got, NULL),
                 PIPC_ERR_TIMEOUT);
    CHECK_RESULT(session_send(b.client, &m), PIPC_ERR_LIMIT_EXCEEDED); /* after a timeout too */
    CHECK_OK(session_receive(b.server, &got));
    m = session_response(1, NULL, 0);
    CHECK_OK(session_send(b.server, &m));
    CHECK_OK(session_receive(b.client, &got));
    m = session_request(2, NULL, 0);
    CHECK_OK(session_send(b.client, &m));
    done(&b);
}

TEST(session_plane, what_does_not_fit_the_plane_is_limit_exceeded)
{
    struct both b;
    struct pipc_message m = session_request(1, bytes, 199969);

    start(&b, "fast,mem", 1000000, 0);
    CHECK_EQ(pipc_session_send_limit(b.client), 199968);
    CHECK_RESULT(session_send(b.client, &m), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_EQ(session_status(b.client).in_flight, 0);
    done(&b);
}

/* Sends these bytes as one packet of the upgrade, as a hostile client would. */
static void raw_publish(struct both *b, const struct pipc_header *h, size_t len)
{
    const struct pipc_wait now = pipci_wait_make(PIPC_NOW, PIPC_NO_HANDLE, NULL);
    uint8_t packet[2000] = {0};
    const struct pipc_piece piece = {packet, len};

    session_header_put(h, packet);
    CHECK_OK(b->client->plane->ops.send(b->client->channel, &piece, 1, &now, NULL));
}

TEST(session_plane, published_length_has_to_be_that_of_the_message)
{
    static const size_t lens[] = {32, 32 + 99, 32 + 101, 31};

    for (size_t i = 0; i < 4; i++) {
        const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 100);
        struct pipc_message got;
        struct both b;
        start(&b, "fast,mem", 1000, 0);
        raw_publish(&b, &h, lens[i]);
        CHECK_RESULT(session_receive(b.server, &got), PIPC_ERR_PROTOCOL);
        CHECK_EQ(session_status(b.server).state, PIPC_SESSION_BROKEN);
        done(&b);
    }
}

TEST(session_plane, request_above_the_limit_is_refused)
{
    struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 1001);
    struct pipc_message got;
    struct both b;

    start(&b, "fast,mem", 1000, 0);
    raw_publish(&b, &h, 32 + 1001);
    CHECK_RESULT(session_receive(b.server, &got), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_EQ(got.message_id, 1);
    CHECK_EQ(session_status(b.server).state, PIPC_SESSION_REFUSED);
    done(&b);
}

/* What the buffer does not hold is judged by its payload_len alone: the rest of it is not there. */
TEST(session_plane, message_above_the_buffer_that_declares_less_is_a_violation_first_of_all)
{
    struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 100);
    struct pipc_message got;
    struct both b;

    h.item_count = 9; /* above the limit too */
    start(&b, "fast,mem", 1000, 0);
    raw_publish(&b, &h, 32 + 1001);
    CHECK_RESULT(session_receive(b.server, &got), PIPC_ERR_PROTOCOL);
    CHECK_EQ(session_status(b.server).state, PIPC_SESSION_BROKEN);
    done(&b);
}

TEST(session_plane, payload_built_in_place_is_committed)
{
    struct pipc_message got;
    struct both b;

    start(&b, "fast,mem", 1000, 0);
    uint8_t *const room = pipc_session_reserve(b.client, 500);
    CHECK(room);
    session_fill(room, 400);
    struct pipc_message m = session_request(1, room, 400);
    CHECK_OK(session_send(b.client, &m));
    CHECK_HAS(session_control.order, "commit");
    CHECK_OK(session_receive(b.server, &got));
    CHECK(got.payload_len == 400 && session_filled(got.payload, 400));
    m = session_response(1, NULL, 0);
    CHECK_OK(session_send(b.server, &m));
    CHECK_OK(session_receive(b.client, &got));
    done(&b);
}

TEST(session_plane, other_payload_after_a_reserve_is_sent_as_it_is)
{
    struct pipc_message got;
    struct both b;

    start(&b, "fast,mem", 1000, 0);
    CHECK(pipc_session_reserve(b.client, 500));
    const struct pipc_message m = session_request(1, "abc", 3);
    CHECK_OK(session_send(b.client, &m));
    CHECK(!strstr(session_control.order, "commit"));
    CHECK_OK(session_receive(b.server, &got));
    CHECK_MEM(got.payload, "abc", 3);
    done(&b);
}

TEST(session_plane, room_is_refused_above_the_limit_and_where_there_is_none)
{
    struct both b;

    start(&b, "fast,mem", 1000, 0);
    CHECK(!pipc_session_reserve(b.client, 1001));
    done(&b);
    start(&b, "mem", 1000, 0);
    CHECK(!pipc_session_reserve(b.client, 10));
    done(&b);
}

TEST(session_plane, failed_commit_breaks)
{
    struct both b;

    start(&b, "fast,mem", 1000, 0);
    uint8_t *const room = pipc_session_reserve(b.client, 10);
    const struct pipc_message m = session_request(1, room, 10);
    session_control.send = (struct session_fault){1, PIPC_ERR_SEND, 14};
    CHECK_RESULT(session_send(b.client, &m), PIPC_ERR_SEND);
    CHECK_EQ(session_status(b.client).state, PIPC_SESSION_BROKEN);
    done(&b);
}

TEST(session_plane, loss_of_the_carrier_breaks_the_session)
{
    struct pipc_message got;
    struct both b;

    start(&b, "fast,mem", 1000, 0);
    CHECK(pipc_session_wait_handle(b.server) != PIPC_NO_HANDLE);
    shutdown((int)pipc_session_wait_handle(b.client), SHUT_RDWR);
    CHECK_RESULT(session_receive(b.server, &got), PIPC_ERR_DISCONNECTED);
    done(&b);
}

TEST(session_plane, nothing_is_sent_on_the_carrier)
{
    struct pipc_message got, m = session_request(1, "x", 1);
    struct both b;

    start(&b, "fast,mem", 1000, 0);
    CHECK_OK(session_send(b.client, &m));
    CHECK_OK(session_receive(b.server, &got));
    char byte;
    CHECK(recv((int)pipc_session_wait_handle(b.server), &byte, 1, MSG_DONTWAIT) < 0);
    CHECK(send((int)pipc_session_wait_handle(b.client), "stray", 5, MSG_NOSIGNAL) == 5);
    m = session_response(1, NULL, 0);
    CHECK_OK(session_send(b.server, &m));
    CHECK_OK(session_receive(b.client, &got));
    m = session_request(2, NULL, 0);
    CHECK_OK(session_send(b.client, &m)); /* the stray bytes mean nothing */
    CHECK_OK(session_receive(b.server, &got));
    CHECK_EQ(got.message_id, 2);
    done(&b);
}

TEST(session_plane, region_can_be_attached_when_the_answer_arrives)
{
    struct pipc_session *sessions[3];
    struct pipc_hello hello = session_hello();
    struct session_rig rig;
    int raws[3], fds[3];

    session_control_reset();
    hello.supported_profiles = 7;
    session_rig_open(&rig, "fast,mem", NULL);
    for (unsigned i = 0; i < 3; i++) {
        sessions[i] = session_rig_server(&rig, &hello, &raws[i]);
        fds[i] = session_offered_fd(i + 1);
        CHECK(fds[i] >= 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        pipc_session_close(sessions[i]);
        close(raws[i]);
        close(fds[i]);
    }
    session_rig_close(&rig);
}

TEST(session_plane, bytes_of_regions_are_in_the_status)
{
    struct both b;

    start(&b, "fast,mem", 1000, 0);
    session_control.region_bytes = 4711;
    CHECK_EQ(session_status(b.server).region_bytes, 4711);
    done(&b);
}

TEST(session_plane, upgrade_with_chunks_and_many_outstanding)
{
    struct pipc_message got, m;
    struct both b;

    session_fill(bytes, sizeof(bytes));
    start(&b, "ext,mem", 100000, 4096);
    CHECK_STR(session_status(b.client).transport, "ext");
    for (uint64_t id = 0; id < 3; id++) {
        m = session_request(id, bytes, 20000);
        CHECK_OK(session_send(b.client, &m));
    }
    for (uint64_t id = 0; id < 3; id++) {
        CHECK_OK(session_receive(b.server, &got));
        CHECK_EQ(got.message_id, id);
        CHECK(got.payload_len == 20000 && session_filled(got.payload, 20000));
    }
    CHECK_EQ(pipci_session_traits(b.client), PIPC_TRAIT_UPGRADE);
    CHECK_EQ(pipci_session_send_items(b.client), 1);
    CHECK_EQ(pipci_session_state(b.client), PIPC_SESSION_OPEN);
    done(&b);
}

TEST(session_plane, both_channels_are_closed)
{
    struct both b;

    start(&b, "fast,mem", 1000, 0);
    CHECK_EQ(session_control.channels, 4);
    pipc_session_close(b.client);
    CHECK_EQ(session_control.closes, 2);
    b.client = NULL;
    done(&b);
}
