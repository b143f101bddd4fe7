/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages: lengths and turns, and every word that a hostile peer can forge.
 */
#include "windows/winshm_fixture.h"

static uint8_t got[32 + WS_RESPONSE + 64];
static struct pipc_received received;

TEST(winshm_messages, lengths_up_to_what_was_agreed_pass_both_ways)
{
    static const size_t requests[] = {32, 33, 64, 4127, 32 + WS_REQUEST};
    static const size_t responses[] = {32, 33, 65536, 65567, 32 + WS_RESPONSE};
    static const uint32_t bits[] = {PIPC_PROFILE_SHM_HYBRID, PIPC_PROFILE_SHM_BUSYWAIT};
    struct ws_fixture f;
    void *client, *server;

    for (int b = 0; b < 2; b++) {
        ws_open(&f, bits[b]);
        ws_pair(&f, &client, &server);
        for (uint8_t i = 0; i < 5; i++) {
            ws_pass(&f, client, server, i, requests[i]);
            ws_pass(&f, server, client, i, responses[i]);
        }
        CHECK_RESULT(ws_put(&f, client, got, 32 + WS_REQUEST + 1), PIPC_ERR_LIMIT_EXCEEDED);
        CHECK_RESULT(ws_put(&f, client, got, 0), PIPC_ERR_BAD_PARAM);
        ws_pass(&f, client, server, 9, 32); /* nothing was changed */
        CHECK_RESULT(ws_put(&f, server, got, 32 + WS_RESPONSE + 1), PIPC_ERR_LIMIT_EXCEEDED);
        ws_pass(&f, server, client, 9, 32);
        ws_end(&f, client);
        ws_end(&f, server);
        ws_close(&f);
    }
}

TEST(winshm_messages, one_request_at_a_time_and_one_response_to_each)
{
    struct ws_fixture f;
    void *client, *server;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    ws_pair(&f, &client, &server);
    CHECK_RESULT(ws_put(&f, server, got, 32), PIPC_ERR_BAD_PARAM);
    CHECK_OK(ws_put(&f, client, got, 32));
    CHECK_RESULT(ws_put(&f, client, got, 32), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_RESULT(ws_put(&f, server, got, 32), PIPC_ERR_BAD_PARAM); /* it has not been taken */
    CHECK_OK(ws_get(&f, server, got, sizeof(got), TEST_LONG, &received));
    CHECK_OK(ws_put(&f, server, got, 32));
    CHECK_RESULT(ws_put(&f, server, got, 32), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(ws_put(&f, client, got, 32), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_OK(ws_get(&f, client, got, sizeof(got), TEST_LONG, &received));
    CHECK_OK(ws_put(&f, client, got, 32));
    ws_end(&f, client);
    ws_end(&f, server);
    ws_close(&f);
}

TEST(winshm_messages, what_is_built_in_place_and_committed_arrives)
{
    struct ws_fixture f;
    void *client, *server, *room = NULL;
    const struct pipc_wait wait = np_wait(1000);

    ws_open(&f, PIPC_PROFILE_SHM_BUSYWAIT);
    ws_pair(&f, &client, &server);
    CHECK_RESULT(f.ops->reserve(client, 32 + WS_REQUEST + 1, &wait, &room, &f.err),
                 PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_RESULT(f.ops->reserve(server, 32, &wait, &room, &f.err), PIPC_ERR_BAD_PARAM);
    CHECK_OK(f.ops->reserve(client, 100, &wait, &room, &f.err));
    memset(room, 'g', 100); /* given up */
    CHECK_OK(f.ops->reserve(client, 100, &wait, &room, &f.err));
    memset(room, 'c', 100);
    CHECK_OK(f.ops->commit(client, 60, &wait, &f.err));
    CHECK_RESULT(f.ops->commit(client, 60, &wait, &f.err), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_OK(ws_get(&f, server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.len, 60);
    CHECK(got[0] == 'c' && got[59] == 'c');
    ws_end(&f, client);
    ws_end(&f, server);
    ws_close(&f);
}

TEST(winshm_messages, a_message_is_gathered_and_scattered_over_pieces)
{
    struct ws_fixture f;
    void *client, *server;
    char head[32], body[9] = "payload", a[30], b[5], c[30];
    struct pipc_piece out[3] = {{head, 32}, {NULL, 0}, {body, 8}};
    struct pipc_piece in[3] = {{a, 30}, {b, 0}, {c, 30}};
    const struct pipc_wait wait = np_wait(1000);

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    ws_pair(&f, &client, &server);
    memset(head, 'h', sizeof(head));
    CHECK_OK(f.ops->send(client, out, 3, &wait, &f.err));
    received = (struct pipc_received){.size = sizeof(received)};
    CHECK_OK(f.ops->receive(server, in, 3, &wait, &received, &f.err));
    CHECK_EQ(received.len, 40);
    CHECK(memcmp(c, "hhpayload", 9) == 0);
    ws_end(&f, client);
    ws_end(&f, server);
    ws_close(&f);
}

/* ---- forged words ---- */

struct forging {
    struct ws_fixture f;
    void *client, *server;
    struct winshm_header *header;
};

static void forge_open(struct forging *g)
{
    ws_open(&g->f, PIPC_PROFILE_SHM_HYBRID);
    ws_pair(&g->f, &g->client, &g->server);
    g->header = ws_region(&g->f);
}

static void forge_close(struct forging *g)
{
    UnmapViewOfFile(g->header);
    ws_end(&g->f, g->client);
    ws_end(&g->f, g->server);
    ws_close(&g->f);
}

/* The server finds a request of this length under this number. */
static pipc_result found(struct forging *g, int32_t len, int64_t seq)
{
    g->header->req_len = len;
    g->header->req_seq = seq;
    memset(got, '~', sizeof(got));
    return ws_get(&g->f, g->server, got, sizeof(got), 50, &received);
}

TEST(winshm_messages, forged_lengths_are_violations_and_nothing_is_copied)
{
    static const int32_t lens[] = {0, -1, INT32_MIN, 31, 1, 4161, 65600, INT32_MAX};

    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct forging g;
        forge_open(&g);
        CHECK_RESULT(found(&g, lens[i], 1), PIPC_ERR_PROTOCOL);
        CHECK_EQ(got[0], '~');
        /* It is not repaired by looking again. */
        CHECK_RESULT(ws_get(&g.f, g.server, got, sizeof(got), 50, &received), PIPC_ERR_PROTOCOL);
        CHECK_RESULT(ws_put(&g.f, g.server, got, 32), PIPC_ERR_BAD_PARAM);
        forge_close(&g);
    }
}

TEST(winshm_messages, sequence_numbers_that_skip_are_violations_and_older_ones_are_nothing)
{
    static const int64_t bad[] = {2, 3, 1000, INT64_MAX};
    static const int64_t nothing[] = {0, -1, INT64_MIN};

    for (size_t i = 0; i < 4; i++) {
        struct forging g;
        forge_open(&g);
        CHECK_RESULT(found(&g, 40, bad[i]), PIPC_ERR_PROTOCOL);
        forge_close(&g);
    }
    for (size_t i = 0; i < 3; i++) {
        struct forging g;
        forge_open(&g);
        CHECK_RESULT(found(&g, 40, nothing[i]), PIPC_ERR_TIMEOUT);
        CHECK_EQ(g.f.ops->look(g.server), PIPC_LOOK_NOTHING);
        CHECK_OK(found(&g, 40, 1));
        CHECK_EQ(received.len, 40);
        forge_close(&g);
    }
}

TEST(winshm_messages, a_length_above_what_was_agreed_shows_the_header_alone_and_can_be_answered)
{
    struct forging g;

    forge_open(&g);
    CHECK_OK(found(&g, 32 + WS_REQUEST + 1, 1)); /* within the capacity */
    CHECK_EQ(received.flags, PIPC_RECEIVED_CUT);
    CHECK_EQ(received.len, 32);
    CHECK_EQ(got[32], '~');
    CHECK_OK(ws_put(&g.f, g.server, got, 32));
    forge_close(&g);
}

TEST(winshm_messages, a_message_above_the_pieces_shows_its_header_and_needs_room_for_that)
{
    struct forging g;

    forge_open(&g);
    g.header->req_len = 100;
    g.header->req_seq = 1;
    CHECK_RESULT(ws_get(&g.f, g.server, got, 31, 50, &received), PIPC_ERR_BAD_PARAM);
    CHECK_OK(ws_get(&g.f, g.server, got, 99, 50, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_CUT);
    CHECK_EQ(received.len, 32);
    forge_close(&g);
}

struct scribbling {
    struct winshm_header *header;
    uint8_t *area;
    uint32_t stop;
};

/* Changes area, length and count all the time; the bytes of the area are all alike whenever the
 * words say that a message is there. */
static void scribble(void *arg)
{
    struct scribbling *const s = arg;
    uint8_t value = 0;

    while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
        const int32_t len = 64 + value % 64;
        __atomic_store_n(&s->header->req_len, -1, __ATOMIC_SEQ_CST);
        memset(s->area, value, 4096);
        __atomic_store_n(&s->header->req_len, len, __ATOMIC_SEQ_CST);
        value++;
    }
}

TEST(winshm_messages,
     a_peer_that_changes_a_message_while_it_is_copied_gives_a_message_or_a_violation)
{
    const unsigned rounds = test_scale(20000);
    unsigned good = 0;
    struct forging g;

    forge_open(&g);
    struct scribbling s = {g.header, (uint8_t *)g.header + 128, 0};
    const HANDLE thread = np_thread(scribble, &s);
    for (unsigned i = 0; i < rounds; i++) {
        g.header->req_seq = ((struct winshm_channel *)g.server)->taken + 1;
        const pipc_result result = ws_get(&g.f, g.server, got, sizeof(got), 50, &received);
        CHECK(result == PIPC_OK || result == PIPC_ERR_PROTOCOL);
        if (result == PIPC_OK) {
            good++;
            CHECK(received.len >= 64 && received.len < 128 && received.flags == 0);
        }
    }
    __atomic_store_n(&s.stop, 1, __ATOMIC_RELEASE);
    np_join(thread);
    CHECK_MSG(good < rounds, "the peer never came in between");
    forge_close(&g);
}

TEST(winshm_messages, a_peer_that_scribbles_over_our_words_disturbs_itself_alone)
{
    struct forging g;

    forge_open(&g);
    g.header->req_seq = 77; /* the client's own count */
    g.header->req_len = -5;
    ws_pass(&g.f, g.client, g.server, 'a', 40);
    g.header->resp_seq = INT64_MIN;
    ws_pass(&g.f, g.server, g.client, 'b', 40);
    forge_close(&g);
}
