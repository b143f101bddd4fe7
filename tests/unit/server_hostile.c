/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile neighbours and lack of resources: silent, garbage-sending and never-reading clients leave
 * the others alone; without descriptors the acceptor pauses and recovers; a size that is only
 * announced takes no memory.
 */
#include "server_watch.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- handshakes of others ---- */

TEST(server_hostile, silent_clients_do_not_delay_a_good_one)
{
    struct hosted hosted;
    struct raw silent[20];
    server_start(&hosted, NULL, "scripted", NULL, 2, NULL);
    for (int i = 0; i < 16; i++)
        raw_connect(&silent[i]);
    raw_expect_new_client(150);
    for (int i = 16; i < 20; i++)
        raw_connect(&silent[i]);
    raw_expect_new_client(150);
    CHECK(server_status(&hosted).handshakes <= PIPC_SERVER_HANDSHAKES_MAX);
    CHECK(server_status(&hosted).rejected_timeout >= 5);
    raw_expect_eof(&silent[0]); /* the oldest gave way */
    for (int i = 0; i < 20; i++)
        raw_close(&silent[i]);
    server_end(&hosted);
}

TEST(server_hostile, a_silent_client_is_closed_at_the_handshake_deadline)
{
    struct hosted hosted;
    struct raw silent;
    struct pipc_server_config config = server_config();
    const struct pipc_hello hello = raw_hello();
    struct raw other;
    uint64_t tries = 0;
    config.handshake_timeout_ms = 200;
    server_start(&hosted, NULL, "scripted", NULL, 1, &config);
    const uint64_t start = test_now_ms();
    raw_connect(&silent);
    /* The same time is given to this one, which a busy machine may let stand still. */
    while (raw_try(&other, &hello) != 0 && tries < 5)
        tries++;
    CHECK(tries < 5);
    raw_expect_service(&other);
    raw_close(&other);
    raw_expect_eof(&silent);
    CHECK(test_now_ms() - start >= 199);
    CHECK(test_now_ms() - start <= test_limit(1000));
    EXPECT_COUNT(&hosted, rejected_timeout, tries + 1);
    server_wait_handshakes(&hosted, 0);
    raw_close(&silent);
    server_end(&hosted);
}

static void send_garbage(struct raw *raw, uint32_t seed)
{
    uint8_t noise[200];
    for (size_t i = 0; i < sizeof(noise); i++) {
        seed = seed * 1103515245u + 12345u;
        noise[i] = (uint8_t)(seed >> 16);
    }
    (void)raw_packet(raw, noise, 1 + seed % (sizeof(noise) - 1), NULL, 0);
}

TEST(server_hostile, garbage_in_every_state_leaves_the_others_alone)
{
    struct hosted hosted;
    struct raw good, bad;
    const unsigned rounds = test_scale(1000);
    server_start(&hosted, NULL, "scripted", NULL, 3, NULL);
    raw_open(&good);
    for (unsigned i = 0; i < rounds; i++) {
        struct pipc_header header = raw_header(1, i % 2 ? 500 : 4);
        uint8_t head[PIPC_HEADER_LEN];
        raw_connect(&bad); /* in place of the HELLO */
        send_garbage(&bad, i);
        raw_close(&bad);
        raw_open(&bad); /* in place of a request */
        send_garbage(&bad, i + 77);
        raw_expect_eof(&bad);
        raw_close(&bad);
        raw_open(&bad); /* half a header, or a partial message, or garbage inside one */
        pipc_header_encode(&header, head, sizeof(head));
        (void)raw_packet(&bad, head, i % 3 ? sizeof(head) : 16, NULL, 0);
        if (i % 3 == 1)
            send_garbage(&bad, i + 99);
        raw_expect_service(&good);
        raw_close(&bad);
    }
    raw_expect_service(&good);
    raw_close(&good);
    server_end(&hosted);
}

TEST(server_hostile, a_client_that_never_reads_blocks_nobody_else)
{
    struct hosted hosted;
    struct raw deaf;
    server_start(&hosted, NULL, "scripted", NULL, 2, NULL);
    raw_open(&deaf);
    CHECK_EQ(fcntl(deaf.fd, F_SETFL, O_NONBLOCK), 0);
    for (unsigned i = 0; i < 3000 && raw_request(&deaf, i, "echo", 4); i++) {
    }
    raw_expect_new_client(1000);
    raw_close(&deaf);
    server_wait_sessions(&hosted, 0);
    server_end(&hosted);
}

TEST(server_hostile, pipelined_requests_before_a_hangup_are_all_run)
{
    struct hosted hosted;
    struct raw raw;
    test_needs_packets("nobody can send more than one request");
    server_start(&hosted, NULL, "scripted", NULL, 1, NULL);
    raw_open(&raw);
    for (unsigned i = 0; i < 3; i++)
        CHECK(raw_request(&raw, i, "echo", 4));
    shutdown((int)raw.fd, SHUT_WR); /* it can still read */
    for (unsigned i = 0; i < 3; i++) {
        struct pipc_header header;
        uint8_t buf[8];
        CHECK_EQ(raw_answer(&raw, &header, buf, sizeof(buf)), 4);
        CHECK_EQ(header.message_id, i);
    }
    raw_expect_eof(&raw);
    raw_close(&raw);
    server_end(&hosted);
}

/* ---- lack of descriptors and threads ---- */

struct pausing {
    struct hosted *hosted;
    uint64_t failures;
};

static bool accept_has_failed(void *arg)
{
    const struct pausing *p = arg;
    return server_status(p->hosted).accept_failures >= p->failures;
}

static bool descriptors_are_back(void *arg)
{
    return test_open_descriptors() <= *(const unsigned *)arg;
}

TEST(server_resources, acceptor_pauses_without_descriptors_and_recovers)
{
    struct hosted hosted;
    struct raw raw, other;
    struct rlimit limit, tight;
    const struct pipc_hello hello = raw_hello();
    int fillers[256];
    unsigned count = 0;
    server_start(&hosted, NULL, "scripted", NULL, 2, NULL);
    raw_open(&raw);
    raw_expect_service(&raw);
    unsigned before = test_open_descriptors();
    raw_connect(&other); /* the client's half is there, the server's will not be */
    CHECK_EQ((uint64_t)raw_shake(&other, &hello), 0);
    raw_close(&other);
    server_wait_sessions(&hosted, 1);
    test_wait_until(descriptors_are_back, &before, 5000, "its descriptors are closed");
    other.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    CHECK(other.fd >= 0);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    tight = limit;
    tight.rlim_cur = 64;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
    while (count < 256 && (fillers[count] = dup((int)raw.fd)) >= 0)
        count++;
    const int spare = other.fd;
    raw_connect_link(&other, raw_link_connect_fd(spare, SERVICE));
    struct pausing pausing = {&hosted, 3};
    test_wait_until(accept_has_failed, &pausing, 5000, "accept fails and pauses");
    raw_expect_service(&raw); /* who is in is served */
    /* Ten pauses take at least 90 ms: it does not spin. */
    const uint64_t start = test_now_ms(), failures = server_status(&hosted).accept_failures;
    pausing.failures = failures + 10;
    test_wait_until(accept_has_failed, &pausing, 5000, "accept goes on failing");
    CHECK(test_now_ms() - start >= 80);
    while (count > 0)
        close(fillers[--count]);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ((uint64_t)raw_shake(&other, &hello), 0);
    raw_expect_service(&other);
    raw_close(&other);
    raw_close(&raw);
    server_end(&hosted);
}

/* ---- memory ---- */

TEST(server_resources, announced_sizes_take_no_memory_before_the_bytes_come)
{
    struct hosted hosted;
    struct raw raws[32];
    struct rusage before, after;
    struct pipc_server_config config = server_config();
    test_needs_packets("no message is announced before it is there");
    struct pipc_hello hello = raw_hello();
    const struct pipc_header header = raw_header(1, 16 << 20);
    uint8_t head[PIPC_HEADER_LEN], part[68] = {0};
    config.max_request_payload_bytes = 16 << 20;
    config.max_response_payload_bytes = 64 << 20;
    server_start(&hosted, NULL, "scripted", NULL, 32, &config);
    hello.max_request_payload_bytes = 16 << 20;
    hello.packet_size = 100;
    pipc_header_encode(&header, head, sizeof(head));
    raw_open_with(&raws[0], &hello);
    raw_expect_service(&raws[0]);
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < 32; i++) {
        if (i > 0)
            raw_open_with(&raws[i], &hello);
        CHECK(raw_packet(&raws[i], head, sizeof(head), part, sizeof(part)));
    }
    server_wait_sessions(&hosted, 32);
    raw_close(&raws[31]);
    server_wait_sessions(&hosted, 31);
    getrusage(RUSAGE_SELF, &after);
    /* kilobytes; stacks and the first packets, far below 32 * 16 MiB */
    CHECK_MSG(after.ru_maxrss - before.ru_maxrss < 32 * 1024 * (long)test_slow(), "%ld KiB more",
              after.ru_maxrss - before.ru_maxrss);
    for (int i = 0; i < 31; i++)
        raw_close(&raws[i]);
    server_end(&hosted);
}
