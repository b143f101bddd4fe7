/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls that fail on an open listener or channel: accept, poll, send and receive;
 * interrupted calls, and sends for which the system has no memory.
 */
#include "uds_calls.h"

#include <errno.h>
#include <limits.h>

TEST(uds_faults, accept_goes_on_after_what_concerns_one_connection)
{
    static const int codes[] = {EINTR, ECONNABORTED, EPROTO};
    struct uds_fixture f;
    void *listener, *client, *server;
    size_t i;

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        client = uds_must_connect(&f, "a");
        call_fail(CALL_ACCEPT, 0, 2, codes[i]);
        calls_arm();
        CHECK_OK(uds_try_accept(&f, listener, TEST_LONG, &server));
        calls_disarm();
        CHECK_EQ(call_counts[CALL_ACCEPT], 3);
        uds_end(&f, client);
        uds_end(&f, server);
    }
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

TEST(uds_faults, accept_gives_up_when_connections_fail_without_end)
{
    struct uds_fixture f;
    void *listener, *client, *server = NULL;

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    client = uds_must_connect(&f, "a");
    call_fail(CALL_ACCEPT, 0, UINT_MAX, ECONNABORTED);
    calls_arm();
    CHECK_RESULT(uds_try_accept(&f, listener, TEST_LONG, &server), PIPC_ERR_ACCEPT);
    calls_disarm();
    CHECK(!server);
    CHECK_OK(uds_try_accept(&f, listener, TEST_LONG, &server));
    uds_end(&f, client);
    uds_end(&f, server);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

TEST(uds_faults, accept_without_resources_fails_and_the_listener_stays_usable)
{
    static const int codes[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS, EINVAL};
    struct uds_fixture f;
    void *listener, *client, *server = NULL;
    size_t i;

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    client = uds_must_connect(&f, "a");
    calls_arm();
    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        call_fail(CALL_ACCEPT, 0, 1, codes[i]);
        CHECK_RESULT(uds_try_accept(&f, listener, TEST_LONG, &server), PIPC_ERR_ACCEPT);
        CHECK_EQ(f.err.os_code, codes[i]);
    }
    calls_disarm();
    server = uds_must_accept(&f, listener);
    uds_end(&f, client);
    uds_end(&f, server);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

TEST(uds_faults, failing_poll_ends_each_wait_with_its_own_result)
{
    struct both b;
    void *none = NULL;
    struct pipc_received received;
    static char bytes[65536];

    both_open(&b);
    calls_arm();
    call_fail(CALL_POLL, 0, 1, EINVAL);
    CHECK_RESULT(uds_try_accept(&b.f, b.listener, TEST_LONG, &none), PIPC_ERR_ACCEPT);
    CHECK_EQ(b.f.err.os_code, EINVAL);
    call_fail(CALL_POLL, 0, 1, ENOMEM);
    CHECK_RESULT(uds_get(&b.f, b.server, bytes, 8, TEST_LONG, &received), PIPC_ERR_RECV);
    CHECK_EQ(b.f.err.os_code, ENOMEM);
    while (uds_put(&b.f, b.client, bytes, sizeof(bytes), UDS_NOW) == PIPC_OK)
        ;
    call_fail(CALL_POLL, 0, 1, EINVAL);
    CHECK_RESULT(uds_put(&b.f, b.client, bytes, sizeof(bytes), TEST_LONG), PIPC_ERR_SEND);
    CHECK_EQ(b.f.err.os_code, EINVAL);
    call_fail(CALL_CONNECT, 0, 1, EAGAIN);
    call_fail(CALL_POLL, 0, 1, EINVAL);
    CHECK_RESULT(uds_try_connect(&b.f, test_dir(), "a", TEST_LONG, &none), PIPC_ERR_CONNECT);
    CHECK_EQ(b.f.err.os_code, EINVAL);
    CHECK(!none);
    both_close(&b);
}

TEST(uds_faults, interrupted_poll_goes_on_with_the_remaining_time)
{
    struct both b;
    struct pipc_received received;
    char got[8];
    uint64_t began;

    both_open(&b);
    call_fail(CALL_POLL, 0, 3, EINTR);
    calls_arm();
    began = test_now_ms();
    CHECK_RESULT(uds_get(&b.f, b.server, got, sizeof(got), 30 * test_slow(), &received),
                 PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - began >= 30 * test_slow() - 1);
    CHECK(call_counts[CALL_POLL] <= 4); /* fewer where a busy machine let the time pass */
    both_close(&b);
}

TEST(uds_faults, interrupted_calls_are_made_again)
{
    struct both b;
    struct pipc_received received;
    void *channel;
    char got[8];

    both_open(&b);
    call_fail(CALL_SENDMSG, 0, 2, EINTR);
    call_fail(CALL_RECVMSG, 0, 2, EINTR);
    call_fail(CALL_CONNECT, 0, 2, EINTR);
    calls_arm();
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, UDS_NOW));
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), UDS_NOW, &received));
    CHECK_OK(uds_try_connect(&b.f, test_dir(), "a", UDS_NOW, &channel));
    CHECK_EQ(call_counts[CALL_SENDMSG], 3);
    CHECK_EQ(call_counts[CALL_RECVMSG], 3);
    CHECK_EQ(call_counts[CALL_CONNECT], 3);
    uds_end(&b.f, channel);
    both_close(&b);
}

TEST(uds_faults, starved_send_arrives_once_and_whole)
{
    static const int codes[] = {ENOBUFS, ENOMEM};
    struct both b;
    struct pipc_received received;
    char got[8];
    size_t i;

    both_open(&b);
    calls_arm();
    for (i = 0; i < 2; i++) {
        call_fail(CALL_SENDMSG, 0, 2, codes[i]);
        CHECK_OK(uds_put(&b.f, b.client, "whole", 5, UDS_EVER));
        CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), UDS_NOW, &received));
        CHECK_EQ(received.len, 5);
        CHECK_MEM(got, "whole", 5);
        CHECK_RESULT(uds_get(&b.f, b.server, got, sizeof(got), UDS_NOW, &received),
                     PIPC_ERR_TIMEOUT);
    }
    both_close(&b);
}

static struct both *aging;

static void age(unsigned count)
{
    (void)count;
    aging->f.skew_ns += UINT64_C(700000000);
}

TEST(uds_faults, starved_send_without_a_deadline_gives_up_after_5_s)
{
    struct both b;

    both_open(&b);
    aging = &b;
    call_fail(CALL_SENDMSG, 0, 1000, ENOBUFS);
    call_faults[CALL_SENDMSG].meanwhile = age;
    calls_arm();
    const uint64_t began = b.f.host.clock_ns(&b.f.host);
    CHECK_RESULT(uds_put(&b.f, b.client, "x", 1, UDS_EVER), PIPC_ERR_SEND);
    CHECK_EQ(b.f.err.os_code, ENOBUFS);
    CHECK(b.f.host.clock_ns(&b.f.host) - began >= 5000 * PIPC_NS_PER_MS);
    CHECK_MSG(call_counts[CALL_SENDMSG] <= 10, "%u tries", call_counts[CALL_SENDMSG]);
    both_close(&b);
}

TEST(uds_faults, starved_send_with_a_deadline_times_out)
{
    struct both b;

    both_open(&b);
    call_fail(CALL_SENDMSG, 0, 1000, ENOBUFS);
    calls_arm();
    CHECK_RESULT(uds_put(&b.f, b.client, "x", 1, 20), PIPC_ERR_TIMEOUT);
    CHECK_RESULT(uds_put(&b.f, b.client, "x", 1, UDS_NOW), PIPC_ERR_TIMEOUT);
    both_close(&b);
}

TEST(uds_faults, pauses_of_a_starved_send_grow_to_50_ms)
{
    struct both b;
    uint64_t began;

    both_open(&b);
    call_fail(CALL_SENDMSG, 0, 8, ENOBUFS); /* 1, 2, 4 ... 32, 50, 50 ms */
    calls_arm();
    began = test_now_ms();
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, UDS_EVER));
    began = test_now_ms() - began;
    CHECK_MSG(began >= 160 && began < test_limit(400), "%" PRIu64 " ms", began);
    both_close(&b);
}

TEST(uds_faults, send_that_fails_or_is_short_is_a_send_error)
{
    static const int codes[] = {EPIPE, ECONNRESET, ENOTCONN, EMSGSIZE, EIO};
    struct both b;
    size_t i;

    both_open(&b);
    calls_arm();
    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        call_fail(CALL_SENDMSG, 0, 1, codes[i]);
        CHECK_RESULT(uds_put(&b.f, b.client, "x", 1, TEST_LONG), PIPC_ERR_SEND);
        CHECK_EQ(b.f.err.os_code, codes[i]);
    }
    call_faults[CALL_SENDMSG] = (struct call_fault){.times = 1, .value = 1};
    CHECK_RESULT(uds_put(&b.f, b.client, "xyz", 3, TEST_LONG), PIPC_ERR_SEND);
    CHECK_HAS(b.f.err.text, "in part");
    both_close(&b);
}

TEST(uds_faults, end_that_is_told_before_the_packets_in_front_of_it_is_looked_behind)
{
    struct both b;
    struct pipc_received received;
    char got[8];

    both_open(&b);
    CHECK_OK(uds_put(&b.f, b.client, "one", 3, TEST_LONG));
    CHECK_OK(uds_put(&b.f, b.client, "two", 3, TEST_LONG));
    b.f.ops->close(b.client, 0);
    call_faults[CALL_RECVMSG] = (struct call_fault){.times = 1, .value = 0};
    calls_arm();
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.flags, 0);
    CHECK_EQ(received.len, 3);
    CHECK_MEM(got, "one", 3);
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
    CHECK_MEM(got, "two", 3);
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    b.client = NULL;
    both_close(&b);
}

TEST(uds_faults, receive_that_fails_is_a_receive_error)
{
    struct both b;
    struct pipc_received received = {.size = sizeof(received), .len = 77};
    char got[8];

    both_open(&b);
    call_fail(CALL_RECVMSG, 0, 1, EIO);
    calls_arm();
    CHECK_RESULT(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received), PIPC_ERR_RECV);
    CHECK_EQ(b.f.err.os_code, EIO);
    CHECK_EQ(received.len, 77);
    /* A reset with nothing behind it stays a reset, also for who only looks. */
    call_fail(CALL_RECVMSG, 0, 1, ECONNRESET);
    CHECK_RESULT(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received), PIPC_ERR_RECV);
    CHECK_EQ(b.f.err.os_code, ECONNRESET);
    CHECK_EQ(call_counts[CALL_RECVMSG], 3);
    both_close(&b);
}
