/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls that fail while a client connects, and questions that the system does not answer:
 * buffer size, packet size, the peer, an adopted listener. What a packet costs when nothing fails.
 */
#include "transports/uds/uds.h"

#include "uds_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

TEST(uds_faults, connect_that_goes_on_by_itself_is_waited_for)
{
    struct both b;
    void *channel, *server;

    both_open(&b);
    call_fail(CALL_CONNECT, 0, 1, EINPROGRESS);
    call_faults[CALL_CONNECT].really = true;
    calls_arm();
    CHECK_MSG(uds_try_connect(&b.f, test_dir(), "a", 1000, &channel) == PIPC_OK, "%s",
              b.f.err.text);
    CHECK_EQ(call_counts[CALL_POLL], 1);
    calls_disarm();
    server = uds_must_accept(&b.f, b.listener);
    uds_end(&b.f, channel);
    uds_end(&b.f, server);
    calls_arm();
    call_fail(CALL_CONNECT, 0, 1, EINPROGRESS);
    call_fail(CALL_GETSOCKOPT, 0, 1, ENOBUFS);
    CHECK_RESULT(uds_try_connect(&b.f, test_dir(), "a", TEST_LONG, &channel), PIPC_ERR_CONNECT);
    CHECK_EQ(b.f.err.os_code, ENOBUFS);
    call_fail(CALL_CONNECT, 0, 1, EINPROGRESS);
    CHECK_RESULT(uds_try_connect(&b.f, test_dir(), "a", UDS_NOW, &channel), PIPC_ERR_TIMEOUT);
    both_close(&b);
}

TEST(uds_faults, connect_without_a_socket_is_a_socket_error)
{
    struct both b;
    void *channel = NULL;

    both_open(&b);
    call_fail(CALL_SOCKET, 0, 1, EMFILE);
    calls_arm();
    CHECK_RESULT(uds_try_connect(&b.f, test_dir(), "a", TEST_LONG, &channel), PIPC_ERR_SOCKET);
    CHECK_EQ(b.f.err.os_code, EMFILE);
    CHECK(!channel);
    both_close(&b);
}

TEST(uds_faults, proposal_without_the_buffer_size_is_the_wish_or_65536)
{
    struct both b;

    both_open(&b);
    calls_arm();
    call_fail(CALL_GETSOCKOPT, 0, 2, EINVAL);
    CHECK_EQ(b.f.ops->packet_max(b.client, 0), 65536);
    CHECK_EQ(b.f.ops->packet_max(b.client, 1024 * 1024), 1024 * 1024);
    call_faults[CALL_GETSOCKOPT] = (struct call_fault){.times = 1}; /* leaves 0 in place */
    CHECK_EQ(b.f.ops->packet_max(b.client, 0), 65536);
    both_close(&b);
}

TEST(uds_faults, packet_size_is_halved_until_a_socket_pair_takes_it)
{
    CHECK_EQ(uds_packet_try(65536), 65536);
    CHECK_EQ(uds_packet_try(UINT32_MAX), 65536);
    CHECK_EQ(uds_packet_try(100), 100);
    calls_arm();
    call_fail(CALL_SENDMSG, 0, 2, EMSGSIZE);
    CHECK_EQ(uds_packet_try(65536), 16384);
    call_fail(CALL_SENDMSG, 0, 1000, EMSGSIZE);
    CHECK(uds_packet_try(65536) >= 32);
    call_fail(CALL_SOCKETPAIR, 0, 1, EMFILE);
    CHECK_EQ(uds_packet_try(65536), 65536);
    calls_disarm();
}

TEST(uds_faults, peer_that_the_system_does_not_tell_is_unknown_and_not_admitted_by_lists)
{
    struct pipc_peer peer = {.size = sizeof(peer), .uid = 77};
    struct both b;
    void *listener, *client, *server;

    both_open(&b);
    call_fail(CALL_GETSOCKOPT, 0, 1, ENOPROTOOPT);
    calls_arm();
    CHECK_RESULT(b.f.ops->peer(b.client, &peer), PIPC_ERR_NOT_SUPPORTED);
    CHECK_EQ(peer.uid, 77);
    both_close(&b);
    uds_fixture_defaults(&b.f);
    uds_fixture_element(&b.f, PIPC_UDS_OPTION_ALLOW_GID, "1");
    CHECK_OK(uds_fixture_init(&b.f));
    listener = uds_must_listen(&b.f, "a");
    client = uds_must_connect(&b.f, "a");
    server = uds_must_accept(&b.f, listener);
    call_fail(CALL_GETSOCKOPT, 0, 1, ENOPROTOOPT);
    calls_arm();
    CHECK_RESULT(b.f.ops->admit(server, &b.f.err), PIPC_ERR_AUTH_FAILED);
    CHECK_EQ(b.f.err.os_code, ENOPROTOOPT);
    calls_disarm();
    uds_end(&b.f, client);
    uds_end(&b.f, server);
    uds_end_listener(&b.f, listener);
    uds_fixture_close(&b.f);
}

TEST(uds_faults, one_packet_costs_one_system_call_each_way)
{
    struct both b;
    struct pipc_received received = {.size = sizeof(received)};
    struct pipc_wait wait;
    uint32_t flag = 0;
    char got[8];
    struct pipc_piece piece = {got, sizeof(got)};
    int stop[2];

    both_open(&b);
    CHECK(pipe(stop) == 0);
    calls_arm();
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, TEST_LONG));
    CHECK_EQ(calls_total(), 1);
    calls_arm();
    wait = uds_wait_abort(TEST_LONG, stop[0]);
    wait.abort_flag = &flag;
    CHECK_OK(b.f.ops->receive(b.server, &piece, 1, &wait, &received, &b.f.err));
    CHECK_EQ(calls_total(), 1);
    CHECK_EQ(call_counts[CALL_RECVMSG], 1);
    /* A foreign handle without a flag has to be looked at. */
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, TEST_LONG));
    calls_arm();
    wait.abort_flag = NULL;
    CHECK_OK(b.f.ops->receive(b.server, &piece, 1, &wait, &received, &b.f.err));
    CHECK_EQ(calls_total(), 2);
    /* Who never blocks never polls. */
    calls_arm();
    wait.deadline_ns = PIPC_NOW;
    CHECK_RESULT(b.f.ops->receive(b.server, &piece, 1, &wait, &received, &b.f.err),
                 PIPC_ERR_TIMEOUT);
    CHECK_EQ(call_counts[CALL_POLL], 0);
    CHECK_EQ(calls_total(), 1);
    close(stop[0]);
    close(stop[1]);
    both_close(&b);
}

TEST(uds_faults, adopted_listener_that_the_system_does_not_describe_is_refused)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = test_dir(), .service = "a"};
    const int fd = uds_raw_listen(test_path("a.sock"), SOCK_SEQPACKET, 4);
    struct uds_fixture f;
    void *listener = &f;

    uds_fixture_open(&f);
    call_fail(CALL_GETSOCKOPT, 1, 1, EIO); /* SO_ACCEPTCONN */
    calls_arm();
    CHECK_RESULT(f.ops->adopt(f.self, &endpoint, fd, &listener, &f.err), PIPC_ERR_BAD_PARAM);
    calls_disarm();
    CHECK(listener == &f);
    CHECK(fcntl(fd, F_GETFD) >= 0);
    close(fd);
    uds_fixture_close(&f);
}
