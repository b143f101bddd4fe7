/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets: how large, sent whole from pieces, received into pieces, cut, empty, with strange
 * attachments.
 */
#include "transports/uds/uds.h"
#include "uds_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/time.h>
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

static int send_buffer(struct both *b)
{
    int size = 0;
    socklen_t len = sizeof(size);

    CHECK(getsockopt(uds_fd(&b->f, b->client), SOL_SOCKET, SO_SNDBUF, &size, &len) == 0);
    return size;
}

TEST(uds_packets, proposal_is_65536_with_the_usual_buffer)
{
    struct both b;

    open_both(&b);
    if (send_buffer(&b) < 65536 + 32)
        test_skip("the buffers of this system are smaller");
    CHECK_EQ(b.f.ops->packet_max(b.client, 0), 65536);
    CHECK_EQ(b.f.ops->packet_max(b.server, 0), 65536);
    close_both(&b);
}

TEST(uds_packets, proposal_is_what_a_small_buffer_holds)
{
    struct both b;
    const int half = 2304; /* the system doubles it */

    open_both(&b);
    CHECK(setsockopt(uds_fd(&b.f, b.client), SOL_SOCKET, SO_SNDBUF, &half, sizeof(half)) == 0);
    CHECK_EQ(send_buffer(&b), 4608);
    CHECK_EQ(b.f.ops->packet_max(b.client, 0), 4576);
    CHECK_EQ(b.f.ops->packet_max(b.client, 128), 128);
    close_both(&b);
}

TEST(uds_packets, configured_proposal_is_kept_within_the_buffer)
{
    struct both b;

    open_both(&b);
    CHECK_EQ(b.f.ops->packet_max(b.client, 1024 * 1024), send_buffer(&b) - 32);
    CHECK_EQ(b.f.ops->packet_max(b.client, UINT32_MAX), send_buffer(&b) - 32);
    CHECK_EQ(b.f.ops->packet_max(b.client, 128), 128);
    CHECK_EQ(b.f.ops->packet_max(b.client, 33), 33);
    close_both(&b);
}

TEST(uds_packets, option_of_the_module_is_the_wish_of_services_without_one)
{
    struct both b;

    uds_fixture_defaults(&b.f);
    uds_fixture_number(&b.f, PIPC_UDS_OPTION_PACKET_SIZE, 4096);
    CHECK_OK(uds_fixture_init(&b.f));
    uds_pair(&b.f, &b.client, &b.server);
    CHECK_EQ(b.f.ops->packet_max(b.client, 0), 4096);
    CHECK_EQ(b.f.ops->packet_max(b.client, 128), 128);
    close_both(&b);
}

TEST(uds_packets, packet_of_the_proposed_maximum_goes_and_one_byte_more_does_not)
{
    struct both b;
    struct pipc_received received;
    uint32_t max;
    char *bytes;

    open_both(&b);
    max = b.f.ops->packet_max(b.client, UINT32_MAX);
    bytes = calloc(1, (size_t)max + 1);
    CHECK(bytes);
    CHECK_OK(uds_put(&b.f, b.client, bytes, max, TEST_LONG));
    CHECK_OK(uds_get(&b.f, b.server, bytes, max, TEST_LONG, &received));
    CHECK_EQ(received.len, max);
    CHECK_EQ(received.flags, 0);
    CHECK_RESULT(uds_put(&b.f, b.client, bytes, (size_t)max + 1, TEST_LONG), PIPC_ERR_SEND);
    CHECK_EQ(b.f.err.os_code, EMSGSIZE);
    free(bytes);
    close_both(&b);
}

TEST(uds_packets, small_packets_keep_their_boundaries)
{
    static const size_t sizes[] = {1, 32, 33, 34, 64, 100};
    struct both b;
    struct pipc_received received;
    char bytes[128], got[128];
    size_t i;

    open_both(&b);
    for (i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7);
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        CHECK_OK(uds_put(&b.f, b.client, bytes, sizes[i], TEST_LONG));
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
        CHECK_EQ(received.len, sizes[i]);
        CHECK_MEM(got, bytes, sizes[i]);
    }
    close_both(&b);
}

TEST(uds_packets, pieces_are_gathered_and_scattered)
{
    char first[3] = "abc", second[2] = "de", third[4] = "fghi", one[1], two[6], three[10];
    const struct pipc_piece out[3] = {{first, 3}, {second, 2}, {third, 4}};
    const struct pipc_piece in[3] = {{one, 1}, {two, 6}, {three, 10}};
    const struct pipc_wait wait = uds_wait(TEST_LONG);
    struct pipc_received received = {.size = sizeof(received)};
    struct both b;

    open_both(&b);
    CHECK_OK(b.f.ops->send(b.client, out, 3, &wait, &b.f.err));
    CHECK_OK(b.f.ops->receive(b.server, in, 3, &wait, &received, &b.f.err));
    CHECK_EQ(received.len, 9);
    CHECK_MEM(one, "a", 1);
    CHECK_MEM(two, "bcdefg", 6);
    CHECK_MEM(three, "hi", 2);
    close_both(&b);
}

TEST(uds_packets, empty_payload_and_empty_pieces_are_left_out_of_the_packet)
{
    char header[32] = {1};
    const struct pipc_piece out[2] = {{header, 32}, {NULL, 0}};
    const struct pipc_wait wait = uds_wait(TEST_LONG);
    struct pipc_received received;
    struct both b;
    char got[64];

    open_both(&b);
    CHECK_OK(b.f.ops->send(b.client, out, 2, &wait, &b.f.err));
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.len, 32);
    close_both(&b);
}

TEST(uds_packets, pieces_that_make_no_packet_are_refused)
{
    char byte[1] = {0};
    struct pipc_piece pieces[4] = {{byte, 0}, {byte, 0}, {byte, 0}, {byte, 0}};
    const struct pipc_wait wait = uds_wait(TEST_LONG);
    struct pipc_received received = {.size = sizeof(received)};
    struct both b;

    open_both(&b);
    CHECK_RESULT(b.f.ops->send(b.client, pieces, 0, &wait, &b.f.err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(b.f.ops->send(b.client, pieces, 2, &wait, &b.f.err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(b.f.ops->send(b.client, pieces, 4, &wait, &b.f.err), PIPC_ERR_BAD_PARAM);
    pieces[0].len = SIZE_MAX;
    CHECK_RESULT(b.f.ops->send(b.client, pieces, 1, &wait, &b.f.err), PIPC_ERR_BAD_PARAM);
    pieces[0].len = 1;
    CHECK_RESULT(b.f.ops->receive(b.client, pieces, 0, &wait, &received, &b.f.err),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(b.f.ops->receive(b.client, pieces, 4, &wait, &received, &b.f.err),
                 PIPC_ERR_BAD_PARAM);
    close_both(&b);
}

TEST(uds_packets, packet_one_byte_longer_than_the_pieces_is_cut_and_says_so)
{
    struct both b;
    struct pipc_received received;
    char bytes[65] = {5}, got[64];

    open_both(&b);
    CHECK_OK(uds_put(&b.f, b.client, bytes, 64, TEST_LONG));
    CHECK_OK(uds_put(&b.f, b.client, bytes, 65, TEST_LONG));
    CHECK_OK(uds_put(&b.f, b.client, bytes, 3, TEST_LONG));
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.flags, 0);
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.len, 64);
    CHECK_EQ(received.flags, PIPC_RECEIVED_CUT);
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.len, 3);
    CHECK_EQ(received.flags, 0);
    close_both(&b);
}

TEST(uds_packets, empty_packet_ends_the_stream_and_nothing_after_it_is_read)
{
    struct both b;
    struct pipc_received received;
    char got[8];
    int queued = 0;

    open_both(&b);
    CHECK_EQ(send(uds_fd(&b.f, b.client), "", 0, 0), 0);
    CHECK_OK(uds_put(&b.f, b.client, "after", 5, TEST_LONG));
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    CHECK_EQ(received.len, 0);
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    CHECK_EQ(b.f.ops->look(b.server), PIPC_LOOK_GONE);
    CHECK(ioctl(uds_fd(&b.f, b.server), FIONREAD, &queued) == 0 && queued == 5);
    close_both(&b);
}

/* The end behind the packets does not make them come before the empty one. */
TEST(uds_packets, empty_packet_before_the_end_is_the_end_for_a_receive_that_slept)
{
    struct both b;
    struct pipc_received received;
    char got[8];

    open_both(&b);
    ((struct uds_channel *)b.server)->slept_in_row = 5; /* it sleeps without a try before */
    CHECK_EQ(send(uds_fd(&b.f, b.client), "", 0, 0), 0);
    CHECK_OK(uds_put(&b.f, b.client, "after", 5, TEST_LONG));
    CHECK(shutdown(uds_fd(&b.f, b.client), SHUT_WR) == 0);
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    CHECK_EQ(received.len, 0);
    close_both(&b);
}

static void send_with_descriptor(int fd, int attached)
{
    char byte = 'x', control[CMSG_SPACE(sizeof(int))];
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header;

    memset(control, 0, sizeof(control));
    header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &attached, sizeof(int));
    CHECK_EQ(sendmsg(fd, &message, 0), 1);
}

TEST(uds_packets, descriptors_attached_to_packets_are_not_leaked)
{
    const unsigned rounds = test_scale(10000);
    struct both b;
    struct pipc_received received;
    unsigned before, i;
    char got[8];

    open_both(&b);
    before = test_open_descriptors();
    for (i = 0; i < rounds; i++) {
        send_with_descriptor(uds_fd(&b.f, b.client), 0);
        CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
        CHECK_EQ(received.len, 1);
        CHECK_EQ(received.flags, 0);
    }
    CHECK_EQ(test_open_descriptors(), before);
    close_both(&b);
}

TEST(uds_packets, nothing_of_the_next_packet_leaves_the_kernel)
{
    struct both b;
    struct pipc_received received;
    char got[64];
    int queued = 0;

    open_both(&b);
    CHECK_OK(uds_put(&b.f, b.client, "first", 5, TEST_LONG));
    CHECK_OK(uds_put(&b.f, b.client, "second", 6, TEST_LONG));
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
    CHECK(ioctl(uds_fd(&b.f, b.server), FIONREAD, &queued) == 0);
    CHECK_EQ(queued, 6);
    close_both(&b);
}

TEST(uds_packets, packet_is_delivered_although_hang_up_is_reported)
{
    struct both b;
    struct pipc_received received;
    char got[64];

    open_both(&b);
    CHECK_OK(uds_put(&b.f, b.client, "last", 4, TEST_LONG));
    uds_end(&b.f, b.client);
    b.client = NULL;
    CHECK_EQ(b.f.ops->look(b.server), PIPC_LOOK_READABLE);
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.len, 4);
    CHECK_EQ(b.f.ops->look(b.server), PIPC_LOOK_GONE);
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    close_both(&b);
}

TEST(uds_packets, look_takes_nothing)
{
    struct both b;
    struct pipc_received received;
    char got[8];

    open_both(&b);
    CHECK_EQ(b.f.ops->look(b.server), PIPC_LOOK_NOTHING);
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, TEST_LONG));
    CHECK_EQ(b.f.ops->look(b.server), PIPC_LOOK_READABLE);
    CHECK_EQ(b.f.ops->look(b.server), PIPC_LOOK_READABLE);
    CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), UDS_NOW, &received));
    CHECK_EQ(b.f.ops->look(b.server), PIPC_LOOK_NOTHING);
    close_both(&b);
}

/* Fills the connection until it takes no more; the number of packets of 4096 bytes. */
static unsigned fill(struct both *b)
{
    static const char bytes[4096];
    unsigned count = 0;
    pipc_result result;

    while ((result = uds_put(&b->f, b->client, bytes, sizeof(bytes), UDS_NOW)) == PIPC_OK)
        count++;
    CHECK_RESULT(result, PIPC_ERR_TIMEOUT);
    CHECK(count > 0);
    return count;
}

TEST(uds_packets, send_to_a_peer_that_does_not_read_times_out_and_loses_nothing)
{
    struct both b;
    struct pipc_received received;
    static char got[4096];
    uint64_t began;
    unsigned count;

    open_both(&b);
    count = fill(&b);
    began = test_now_ms();
    CHECK_RESULT(uds_put(&b.f, b.client, got, sizeof(got), 50), PIPC_ERR_TIMEOUT);
    began = test_now_ms() - began;
    CHECK_MSG(began >= 49 && began < test_limit(70), "%" PRIu64 " ms", began);
    while (count-- > 0) {
        CHECK_OK(uds_get(&b.f, b.server, got, sizeof(got), UDS_NOW, &received));
        CHECK_EQ(received.len, sizeof(got));
    }
    CHECK_RESULT(uds_get(&b.f, b.server, got, sizeof(got), UDS_NOW, &received), PIPC_ERR_TIMEOUT);
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, UDS_NOW));
    close_both(&b);
}

static void *read_all(void *arg)
{
    struct both *b = arg;
    struct pipc_received received;
    static char got[4096];

    do
        CHECK_OK(uds_get(&b->f, b->server, got, sizeof(got), TEST_LONG, &received));
    while (received.len != 1);
    return NULL;
}

TEST(uds_packets, blocked_send_goes_on_when_the_peer_reads)
{
    struct both b;
    pthread_t thread;

    open_both(&b);
    fill(&b);
    CHECK(pthread_create(&thread, NULL, read_all, &b) == 0);
    CHECK_OK(uds_put(&b.f, b.client, "x", 1, TEST_LONG));
    pthread_join(thread, NULL);
    close_both(&b);
}

TEST(uds_packets, abort_ends_a_blocked_send)
{
    char bytes[4096] = {0};
    const struct pipc_piece piece = {bytes, sizeof(bytes)};
    struct both b;
    struct pipc_wait wait;
    int stop[2];

    open_both(&b);
    fill(&b);
    CHECK(pipe(stop) == 0 && write(stop[1], "x", 1) == 1);
    wait = uds_wait_abort(UDS_EVER, stop[0]);
    CHECK_RESULT(b.f.ops->send(b.client, &piece, 1, &wait, &b.f.err), PIPC_ERR_ABORTED);
    wait.abort = 9999;
    CHECK_RESULT(b.f.ops->send(b.client, &piece, 1, &wait, &b.f.err), PIPC_ERR_BAD_PARAM);
    close(stop[0]);
    close(stop[1]);
    close_both(&b);
}

TEST(uds_packets, send_to_a_closed_peer_fails_without_a_signal)
{
    struct both b;

    open_both(&b);
    signal(SIGPIPE, SIG_DFL);
    uds_end(&b.f, b.server);
    b.server = NULL;
    CHECK_RESULT(uds_put(&b.f, b.client, "x", 1, TEST_LONG), PIPC_ERR_SEND);
    CHECK_EQ(b.f.err.os_code, EPIPE);
    CHECK_RESULT(uds_put(&b.f, b.client, "x", 1, TEST_LONG), PIPC_ERR_SEND);
    close_both(&b);
}

static void on_signal(int number)
{
    (void)number;
}

static void *echo(void *arg)
{
    struct both *b = arg;
    struct pipc_received received;
    char got[64];
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (;;) {
        CHECK_OK(uds_get(&b->f, b->server, got, sizeof(got), UDS_EVER, &received));
        if (received.flags & PIPC_RECEIVED_END)
            return NULL;
        CHECK_OK(uds_put(&b->f, b->server, got, received.len, UDS_EVER));
    }
}

TEST(uds_packets, signals_without_restart_disturb_no_exchange)
{
    const unsigned rounds = test_scale(10000);
    const struct sigaction action = {.sa_handler = on_signal};
    const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    struct both b;
    struct pipc_received received;
    pthread_t thread;
    char got[64];
    unsigned i;

    open_both(&b);
    CHECK(pthread_create(&thread, NULL, echo, &b) == 0);
    CHECK(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (i = 0; i < rounds; i++) {
        CHECK_OK(uds_put(&b.f, b.client, &i, sizeof(i), UDS_EVER));
        CHECK_OK(uds_get(&b.f, b.client, got, sizeof(got), UDS_EVER, &received));
        CHECK_EQ(received.len, sizeof(i));
        CHECK_MEM(got, &i, sizeof(i));
    }
    setitimer(ITIMER_REAL, &never, NULL);
    uds_end(&b.f, b.client);
    b.client = NULL;
    pthread_join(thread, NULL);
    close_both(&b);
}
