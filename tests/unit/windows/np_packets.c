/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets: whole and in order, of every size, cut off, empty, the end of the stream.
 */
#include "windows/np_fixture.h"

static uint8_t *bytes_of(size_t len)
{
    uint8_t *const bytes = malloc(len);

    CHECK(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    return bytes;
}

struct sending {
    struct np_fixture *f;
    void *channel;
    const uint8_t *bytes;
    size_t len;
};

static void send_it(void *arg)
{
    const struct sending *const s = arg;

    CHECK_OK(np_put(s->f, s->channel, s->bytes, s->len, 20000));
}

TEST(np_packets, packets_of_every_size_arrive_whole_in_both_directions)
{
    static const size_t lens[] = {1, 32, 33, 65535, 65536, 65537, 1048576};
    struct np_fixture f, g;
    void *ends[2];
    uint8_t *const bytes = bytes_of(1048576);

    np_fixture_defaults(&f);
    np_fixture_number(&f, PIPC_NP_OPTION_PACKET_SIZE, 1048576);
    CHECK_OK(np_fixture_init(&f));
    np_pair(&f, &ends[0], &ends[1]);
    np_fixture_open(&g); /* so that records of errors are not shared between threads */
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        for (int d = 0; d < 2; d++) {
            struct sending s = {&g, ends[d], bytes, lens[i]};
            const HANDLE thread = np_thread(send_it, &s); /* it may wait for the reader */
            np_expect(&f, ends[1 - d], bytes, lens[i]);
            np_join(thread);
        }
    }
    np_end(&f, ends[0]);
    np_end(&f, ends[1]);
    np_fixture_close(&g);
    np_fixture_close(&f);
    free(bytes);
}

TEST(np_packets, a_packet_above_the_default_arrives_where_packet_max_has_told_of_it)
{
    struct np_fixture f, g;
    void *client, *server;
    uint8_t *const bytes = bytes_of(100000);

    np_fixture_open(&f);
    np_fixture_open(&g);
    np_pair(&f, &client, &server);
    (void)np_handle(&f, server); /* a read is under way */
    CHECK_EQ(f.ops->packet_max(server, 0), 65536);
    CHECK_EQ(f.ops->packet_max(server, 1000), 1000);
    CHECK_EQ(f.ops->packet_max(server, 100000), 100000);
    struct sending s = {&g, client, bytes, 100000};
    const HANDLE thread = np_thread(send_it, &s);
    CHECK(np_signalled(np_handle(&f, server), TEST_LONG));
    np_expect(&f, server, bytes, 100000);
    np_join(thread);
    CHECK(!np_signalled(np_handle(&f, server), 0));
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&g);
    np_fixture_close(&f);
    free(bytes);
}

TEST(np_packets, a_hundred_packets_before_the_first_read_keep_their_boundaries)
{
    struct np_fixture f;
    void *client, *server;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    for (uint32_t i = 1; i <= 100; i++) {
        uint8_t bytes[100];
        memset(bytes, (int)i, sizeof(bytes));
        CHECK_OK(np_put(&f, client, bytes, i, TEST_LONG));
    }
    for (uint32_t i = 1; i <= 100; i++) {
        uint8_t bytes[100];
        memset(bytes, (int)i, sizeof(bytes));
        np_expect(&f, server, bytes, i);
    }
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}

TEST(np_packets, pieces_leave_as_one_packet_and_are_scattered_again)
{
    struct np_fixture f;
    void *client, *server;
    HANDLE raw;
    char one[] = "head", two[] = "payload", three[] = "tail", got[64], a[6], b[4], c[20];
    const struct pipc_piece out[3] = {{one, 4}, {two, 7}, {three, 4}};
    const struct pipc_piece in[3] = {{a, 6}, {b, 4}, {c, 20}};
    const struct pipc_wait wait = np_wait(1000);
    struct pipc_received received = {.size = sizeof(received)};
    DWORD len = 0;

    np_fixture_open(&f);
    np_pair_client(&f, &client, &raw);
    CHECK_OK(f.ops->send(client, out, 3, &wait, &f.err));
    CHECK(ReadFile(raw, got, sizeof(got), &len, NULL));
    CHECK_EQ(len, 15);
    CHECK_MEM(got, "headpayloadtail", 15);
    np_end(&f, client);
    CloseHandle(raw);
    np_pair_server(&f, &raw, &server);
    np_raw_write(raw, "headpayloadtail", 15);
    CHECK_OK(f.ops->receive(server, in, 3, &wait, &received, &f.err));
    CHECK_EQ(received.len, 15);
    CHECK(memcmp(a, "headpa", 6) == 0 && memcmp(b, "yloa", 4) == 0 && memcmp(c, "dtail", 5) == 0);
    np_end(&f, server);
    CloseHandle(raw);
    np_fixture_close(&f);
}

TEST(np_packets, a_packet_longer_than_the_pieces_is_cut_and_the_next_is_whole)
{
    struct np_fixture f;
    void *server;
    HANDLE raw;
    uint8_t *const bytes = bytes_of(70000), got[129];
    struct pipc_received received;

    np_fixture_open(&f);
    np_pair_server(&f, &raw, &server);
    np_raw_write(raw, bytes, 129);
    CHECK_OK(np_get(&f, server, got, 128, TEST_LONG, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_CUT);
    CHECK_EQ(received.len, 128);
    CHECK_MEM(got, bytes, 128);
    np_raw_write(raw, bytes + 1, 128);
    CHECK_OK(np_get(&f, server, got, 128, TEST_LONG, &received));
    CHECK_EQ(received.flags, 0);
    CHECK_MEM(got, bytes + 1, 128);
    /* Longer than any packet that was agreed: what the read did not hold is cut, too. */
    np_raw_write(raw, bytes, 65535);
    CHECK_OK(np_get(&f, server, got, 32, TEST_LONG, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_CUT);
    CHECK_EQ(received.len, 32);
    np_end(&f, server);
    CloseHandle(raw);
    np_fixture_close(&f);
    free(bytes);
}

static void write_raw(void *arg)
{
    static uint8_t bytes[70000];
    DWORD moved;

    (void)WriteFile((HANDLE)arg, bytes, sizeof(bytes), &moved, NULL);
}

TEST(np_packets, a_packet_above_what_was_agreed_is_cut)
{
    struct np_fixture f;
    void *server;
    HANDLE raw, thread;
    uint8_t *const got = malloc(65536);
    struct pipc_received received;

    np_fixture_open(&f);
    np_pair_server(&f, &raw, &server);
    thread = np_thread(write_raw, raw); /* it waits until the rest is gone */
    CHECK_OK(np_get(&f, server, got, 65536, TEST_LONG, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_CUT);
    CHECK_EQ(received.len, 65536);
    np_end(&f, server);
    np_join(thread);
    CloseHandle(raw);
    np_fixture_close(&f);
    free(got);
}

TEST(np_packets, an_empty_packet_is_the_end_and_nothing_after_it_is_read)
{
    struct np_fixture f;
    void *server;
    HANDLE raw;
    DWORD moved;

    np_fixture_open(&f);
    np_pair_server(&f, &raw, &server);
    CHECK(WriteFile(raw, "", 0, &moved, NULL));
    np_raw_write(raw, "more", 4);
    np_expect_end(&f, server);
    np_expect_end(&f, server);
    CHECK_EQ(f.ops->look(server), PIPC_LOOK_GONE);
    np_end(&f, server);
    CloseHandle(raw);
    np_fixture_close(&f);
}

TEST(np_packets, what_makes_no_packet_is_refused)
{
    struct np_fixture f;
    void *client, *server;
    char byte = 'x';
    struct pipc_piece pieces[4] = {{&byte, 0}, {&byte, 0}, {&byte, 0}, {&byte, 0}};
    const struct pipc_wait wait = np_wait(100);
    struct pipc_received received = {.size = sizeof(received)};

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    CHECK_RESULT(f.ops->send(client, pieces, 2, &wait, &f.err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(f.ops->send(client, pieces, 0, &wait, &f.err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(f.ops->send(client, pieces, 4, &wait, &f.err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(f.ops->receive(server, pieces, 0, &wait, &received, &f.err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(f.ops->receive(server, pieces, 4, &wait, &received, &f.err), PIPC_ERR_BAD_PARAM);
    pieces[0].len = SIZE_MAX;
    CHECK_RESULT(f.ops->send(client, pieces, 1, &wait, &f.err), PIPC_ERR_BAD_PARAM);
    np_end(&f, client);
    np_end(&f, server);
    np_fixture_close(&f);
}

TEST(np_packets, data_written_before_a_close_comes_first_and_then_the_end)
{
    struct np_fixture f;
    void *server;
    HANDLE raw;

    np_fixture_open(&f);
    np_pair_server(&f, &raw, &server);
    np_raw_write(raw, "last", 4);
    CloseHandle(raw);
    CHECK_EQ(f.ops->look(server), PIPC_LOOK_READABLE);
    np_expect(&f, server, "last", 4);
    CHECK_EQ(f.ops->look(server), PIPC_LOOK_GONE);
    np_expect_end(&f, server);
    CHECK_EQ(f.ops->look(server), PIPC_LOOK_GONE);
    np_end(&f, server);
    np_fixture_close(&f);
}

TEST(np_packets, nothing_is_readable_after_the_server_disconnected)
{
    struct np_fixture f;
    void *client;
    HANDLE raw;

    np_fixture_open(&f);
    np_pair_client(&f, &client, &raw);
    np_raw_write(raw, "lost", 4);
    CHECK(DisconnectNamedPipe(raw));
    np_expect_end(&f, client); /* 233 */
    CHECK_RESULT(np_put(&f, client, "x", 1, TEST_LONG), PIPC_ERR_SEND);
    CHECK_HAS(f.err.text, "the other side is gone");
    np_end(&f, client);
    CloseHandle(raw);
    np_fixture_close(&f);
}

TEST(np_packets, sending_to_a_peer_that_closed_is_a_send_error)
{
    struct np_fixture f;
    void *server, *client;
    HANDLE raw;

    np_fixture_open(&f);
    np_pair_server(&f, &raw, &server);
    CloseHandle(raw);
    CHECK_RESULT(np_put(&f, server, "x", 1, TEST_LONG), PIPC_ERR_SEND); /* 232 */
    np_end(&f, server);
    np_pair_client(&f, &client, &raw);
    CloseHandle(raw);
    CHECK_RESULT(np_put(&f, client, "x", 1, TEST_LONG), PIPC_ERR_SEND);
    CHECK(f.err.os_code != 0);
    np_end(&f, client);
    np_fixture_close(&f);
}
