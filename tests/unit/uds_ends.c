/* SPDX-License-Identifier: Apache-2.0
 *
 * How connections end: closed, reset, killed, finished with a bound.
 */
#include "uds_fixture.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct both {
    struct uds_fixture f;
    void *client, *server;
};

static void open_both(struct both *b)
{
    uds_fixture_open(&b->f);
    uds_pair(&b->f, &b->client, &b->server);
}

static void close_both(struct both *b)
{
    uds_end(&b->f, b->client);
    uds_end(&b->f, b->server);
    uds_fixture_close(&b->f);
}

static void end_server(struct both *b)
{
    uds_end(&b->f, b->server);
    b->server = NULL;
}

static void check_end(struct both *b)
{
    struct pipc_received received;
    char got[64];

    CHECK_OK(uds_get(&b->f, b->client, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    CHECK_EQ(received.len, 0);
}

TEST(uds_ends, peer_that_closed_after_reading_all_is_the_end_of_stream)
{
    struct both b;

    open_both(&b);
    end_server(&b);
    CHECK_EQ(b.f.ops->look(b.client), PIPC_LOOK_GONE);
    check_end(&b);
    close_both(&b);
}

TEST(uds_ends, peer_that_shut_down_its_sending_side_is_the_end_of_stream)
{
    struct both b;

    open_both(&b);
    CHECK(shutdown(uds_fd(&b.f, b.server), SHUT_WR) == 0);
    CHECK_EQ(b.f.ops->look(b.client), PIPC_LOOK_GONE);
    check_end(&b);
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, TEST_LONG)); /* the other direction lives */
    close_both(&b);
}

TEST(uds_ends, peer_that_closed_with_our_packet_unread_is_a_reset)
{
    struct both b;
    struct pipc_received received;
    char got[8];

    open_both(&b);
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, TEST_LONG));
    end_server(&b);
    CHECK_RESULT(uds_get(&b.f, b.client, got, sizeof(got), TEST_LONG, &received), PIPC_ERR_RECV);
    CHECK_EQ(b.f.err.os_code, ECONNRESET);
    close_both(&b);
}

TEST(uds_ends, send_after_a_reset_reports_it_once)
{
    struct both b;

    open_both(&b);
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, TEST_LONG));
    end_server(&b);
    CHECK_RESULT(uds_put(&b.f, b.client, "x", 1, TEST_LONG), PIPC_ERR_SEND);
    CHECK_EQ(b.f.err.os_code, ECONNRESET);
    CHECK_RESULT(uds_put(&b.f, b.client, "x", 1, TEST_LONG), PIPC_ERR_SEND);
    CHECK_EQ(b.f.err.os_code, EPIPE);
    close_both(&b);
}

TEST(uds_ends, hang_up_with_a_packet_queued_is_read_first)
{
    struct both b;
    struct pipc_received received;
    struct pollfd look = {.events = POLLIN | POLLRDHUP};
    char got[8];

    open_both(&b);
    CHECK_OK(uds_put(&b.f, b.server, "bye", 3, TEST_LONG));
    end_server(&b);
    look.fd = uds_fd(&b.f, b.client);
    CHECK_EQ(poll(&look, 1, 0), 1);
    CHECK(look.revents & POLLHUP);
    CHECK_EQ(b.f.ops->look(b.client), PIPC_LOOK_READABLE);
    CHECK_OK(uds_get(&b.f, b.client, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.len, 3);
    check_end(&b);
    close_both(&b);
}

TEST(uds_ends, reply_behind_a_reset_is_delivered_by_the_look_behind_it)
{
    struct both b;
    struct pipc_received received;
    char got[8];

    open_both(&b);
    CHECK_OK(uds_put(&b.f, b.client, "chunk", 5, TEST_LONG));
    CHECK_OK(uds_put(&b.f, b.server, "reply", 5, TEST_LONG));
    end_server(&b);
    CHECK_EQ(b.f.ops->look(b.client), PIPC_LOOK_READABLE);
    CHECK_OK(uds_get(&b.f, b.client, got, sizeof(got), UDS_NOW, &received));
    CHECK_EQ(received.len, 5);
    CHECK_MEM(got, "reply", 5);
    close_both(&b);
}

TEST(uds_ends, reply_is_readable_after_a_send_that_failed)
{
    struct both b;
    struct pipc_received received;
    char got[8];

    open_both(&b);
    CHECK_OK(uds_put(&b.f, b.client, "chunk", 5, TEST_LONG));
    CHECK_OK(uds_put(&b.f, b.server, "reply", 5, TEST_LONG));
    end_server(&b);
    CHECK_RESULT(uds_put(&b.f, b.client, "chunk", 5, TEST_LONG), PIPC_ERR_SEND);
    CHECK_OK(uds_get(&b.f, b.client, got, sizeof(got), UDS_NOW, &received));
    CHECK_MEM(got, "reply", 5);
    close_both(&b);
}

TEST(uds_ends, closing_at_once_after_a_refusal_would_lose_it_and_finish_does_not)
{
    struct both b;
    struct pipc_received received;
    struct pipc_wait wait = uds_wait(TEST_LONG);
    char got[8];
    int i;

    open_both(&b);
    for (i = 0; i < 5; i++)
        CHECK_OK(uds_put(&b.f, b.client, "chunk", 5, TEST_LONG));
    CHECK_OK(uds_put(&b.f, b.server, "no", 2, TEST_LONG));
    const uint64_t began = test_now_ms();
    b.f.ops->finish(b.server, &wait);
    const bool in_time = test_now_ms() - began < 100;
    end_server(&b);
    const pipc_result result = uds_get(&b.f, b.client, got, sizeof(got), TEST_LONG, &received);
    if (in_time || result == PIPC_OK) { /* else the time passed on a busy machine: a reset */
        CHECK_OK(result);
        CHECK_EQ(received.len, 2);
        check_end(&b); /* no reset */
    }
    close_both(&b);
}

TEST(uds_ends, finish_waits_for_the_peer_to_close_no_longer)
{
    const struct pipc_wait wait = uds_wait(UDS_EVER);
    uint64_t best = UINT64_MAX;

    /* The best of three, because a busy machine may stand still; a wait would be in each. */
    for (int i = 0; i < 3 && best >= 90; i++) {
        struct both b;
        open_both(&b);
        CHECK_OK(uds_put(&b.f, b.client, "chunk", 5, TEST_LONG));
        uds_end(&b.f, b.client);
        b.client = NULL;
        const uint64_t began = test_now_ms();
        b.f.ops->finish(b.server, &wait);
        best = test_now_ms() - began;
        close_both(&b);
    }
    CHECK_MSG(best < 90, "%" PRIu64 " ms", best);
}

TEST(uds_ends, finish_ends_after_100_ms)
{
    struct both b;
    const struct pipc_wait wait = uds_wait(UDS_EVER);
    uint64_t began;

    open_both(&b);
    began = test_now_ms();
    b.f.ops->finish(b.server, &wait);
    began = test_now_ms() - began;
    CHECK_MSG(began >= 99 && began < test_limit(300), "%" PRIu64 " ms", began);
    close_both(&b);
}

struct flood {
    struct both *b;
    size_t len;
    uint32_t stop;
};

static void *flood(void *arg)
{
    static const char bytes[65536];
    struct flood *flood = arg;

    while (!__atomic_load_n(&flood->stop, __ATOMIC_ACQUIRE))
        if (uds_put(&flood->b->f, flood->b->client, bytes, flood->len, 10) == PIPC_ERR_SEND)
            break;
    return NULL;
}

static void check_flood(size_t len)
{
    struct both b;
    struct flood state = {.b = &b, .len = len};
    const struct pipc_wait wait = uds_wait(UDS_EVER);
    pthread_t thread;
    uint64_t began;

    open_both(&b);
    CHECK(pthread_create(&thread, NULL, flood, &state) == 0);
    began = test_now_ms();
    b.f.ops->finish(b.server, &wait);
    began = test_now_ms() - began;
    CHECK_MSG(began < test_limit(300), "%" PRIu64 " ms", began);
    __atomic_store_n(&state.stop, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    close_both(&b);
}

TEST(uds_ends, flood_of_large_packets_does_not_hold_finish)
{
    check_flood(65536);
}

TEST(uds_ends, flood_of_tiny_packets_does_not_hold_finish)
{
    check_flood(1);
}

TEST(uds_ends, abort_and_now_end_finish_at_once)
{
    struct both b;
    struct pipc_wait wait = uds_wait(UDS_NOW);
    uint64_t took = UINT64_MAX;
    int stop[2];

    open_both(&b);
    CHECK(pipe(stop) == 0 && write(stop[1], "x", 1) == 1);
    /* The best of three, because a busy machine may stand still; a wait would be in each. */
    for (int i = 0; i < 3 && took >= 90; i++) {
        const uint64_t began = test_now_ms();
        wait = uds_wait(UDS_NOW);
        b.f.ops->finish(b.server, &wait);
        wait = uds_wait_abort(UDS_EVER, stop[0]);
        b.f.ops->finish(b.client, &wait);
        took = test_now_ms() - began;
    }
    CHECK_MSG(took < 90, "%" PRIu64 " ms", took);
    check_end(&b);
    close(stop[0]);
    close(stop[1]);
    close_both(&b);
}

TEST(uds_ends, killed_process_is_seen_at_its_own_connection_only)
{
    struct both b;
    struct pipc_received received;
    void *listener, *client, *server, *doomed;
    char got[8];
    int ready[2];
    pid_t child;

    uds_fixture_open(&b.f);
    test_dir();
    CHECK(pipe(ready) == 0);
    listener = uds_must_listen(&b.f, "a");
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        b.client = uds_must_connect(&b.f, "a");
        CHECK_OK(uds_put(&b.f, b.client, "request", 7, TEST_LONG));
        CHECK(write(ready[1], "x", 1) == 1);
        for (;;)
            pause();
    }
    CHECK(read(ready[0], got, 1) == 1);
    doomed = uds_must_accept(&b.f, listener);
    client = uds_must_connect(&b.f, "a");
    server = uds_must_accept(&b.f, listener);
    kill(child, SIGKILL);
    CHECK(waitpid(child, NULL, 0) == child);
    CHECK_OK(uds_get(&b.f, doomed, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.len, 7);
    CHECK_OK(uds_get(&b.f, doomed, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    CHECK_OK(uds_put(&b.f, client, "x", 1, TEST_LONG));
    CHECK_OK(uds_get(&b.f, server, got, sizeof(got), TEST_LONG, &received));
    uds_end(&b.f, doomed);
    uds_end(&b.f, client);
    uds_end(&b.f, server);
    uds_end_listener(&b.f, listener);
    close(ready[0]);
    close(ready[1]);
    uds_fixture_close(&b.f);
}
