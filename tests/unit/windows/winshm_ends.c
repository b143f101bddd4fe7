/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a session: closed flags, the carrier, stray packets on it, handles.
 */
#include "windows/winshm_fixture.h"

static const uint32_t bits[] = {PIPC_PROFILE_SHM_HYBRID, PIPC_PROFILE_SHM_BUSYWAIT};
static uint8_t got[64];
static struct pipc_received received;

static void expect_end(struct ws_fixture *f, void *channel)
{
    for (int i = 0; i < 2; i++) {
        CHECK_OK(ws_get(f, channel, got, sizeof(got), TEST_LONG, &received));
        CHECK_EQ(received.flags, PIPC_RECEIVED_END);
        CHECK_EQ(received.len, 0);
        CHECK_EQ(f->ops->look(channel), PIPC_LOOK_GONE);
    }
}

struct ending {
    struct ws_fixture *f;
    void *channel;
    uint32_t carrier; /* role whose end of the carrier is closed; 0: the channel is */
};

static void end_later(void *arg)
{
    const struct ending *const e = arg;

    Sleep(40);
    if (e->carrier)
        ws_close_carrier(e->f, e->carrier);
    else
        ws_end(e->f, e->channel);
}

/* `role` waits while the other side closes; with `carrier` it closes that and no flag is set. */
static void ends_while_waiting(uint32_t bit, uint32_t role, uint64_t spin_us, bool carrier)
{
    const uint32_t other = role == PIPC_ROLE_CLIENT ? PIPC_ROLE_SERVER : PIPC_ROLE_CLIENT;
    struct ws_fixture f, g;
    void *client, *server;
    uint64_t took;

    ws_open(&f, bit);
    if (spin_us)
        ws_spin(&f, spin_us);
    ws_pair(&f, &client, &server);
    void *const waits = role == PIPC_ROLE_CLIENT ? client : server;
    void *const leaves = role == PIPC_ROLE_CLIENT ? server : client;
    g = f;
    struct ending e = {&g, leaves, carrier ? other : 0};
    const HANDLE thread = np_thread(end_later, &e);
    took = np_clock_ns();
    CHECK_OK(ws_get(&f, waits, got, sizeof(got), 10000, &received));
    took = (np_clock_ns() - took) / PIPC_NS_PER_MS;
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    CHECK_MSG(took < test_limit(240), "it took %u ms", (unsigned)took);
    np_join(thread);
    expect_end(&f, waits);
    ws_end(&f, waits);
    if (carrier) {
        f.carriers[other == PIPC_ROLE_SERVER] = NULL;
        ws_end(&f, leaves);
    }
    ws_close(&f);
}

TEST(winshm_ends, a_side_that_waits_is_told_that_the_other_has_closed)
{
    for (int b = 0; b < 2; b++) {
        ends_while_waiting(bits[b], PIPC_ROLE_CLIENT, 0, false);
        ends_while_waiting(bits[b], PIPC_ROLE_SERVER, 0, false);
    }
    ends_while_waiting(bits[0], PIPC_ROLE_CLIENT, 900000, false);
}

TEST(winshm_ends, a_peer_that_dies_without_a_flag_is_noticed_by_its_carrier)
{
    for (int b = 0; b < 2; b++) {
        ends_while_waiting(bits[b], PIPC_ROLE_CLIENT, 0, true);
        ends_while_waiting(bits[b], PIPC_ROLE_SERVER, 0, true);
    }
}

TEST(winshm_ends, a_message_published_before_the_close_is_delivered_and_then_the_end)
{
    for (int b = 0; b < 2; b++) {
        struct ws_fixture f;
        void *client, *server;
        ws_open(&f, bits[b]);
        ws_pair(&f, &client, &server);
        ws_pass(&f, client, server, 'q', 40);
        CHECK_OK(ws_put(&f, server, "0123456789abcdef0123456789abcdef", 32));
        f.ops->finish(server, NULL);
        ws_end(&f, server);
        CHECK_EQ(f.ops->look(client), PIPC_LOOK_READABLE);
        CHECK_OK(ws_get(&f, client, got, sizeof(got), TEST_LONG, &received));
        CHECK_EQ(received.len, 32);
        CHECK_RESULT(ws_put(&f, client, got, 32), PIPC_ERR_SEND);
        CHECK_OK(ws_get(&f, client, got, sizeof(got), NP_NOW, &received));
        CHECK_EQ(received.flags, PIPC_RECEIVED_END);
        expect_end(&f, client);
        ws_end(&f, client);
        ws_close(&f);
    }
}

TEST(winshm_ends, stray_packets_on_the_carrier_neither_end_the_session_nor_hide_its_end)
{
    static const char stray[100];

    for (int b = 0; b < 2; b++) {
        struct ws_fixture f;
        void *client, *server;
        ws_open(&f, bits[b]);
        ws_pair(&f, &client, &server);
        for (int i = 0; i < 40; i++)
            CHECK_OK(np_put(&f.np, f.carriers[0], stray, sizeof(stray), TEST_LONG));
        CHECK_RESULT(ws_get(&f, server, got, sizeof(got), 150, &received), PIPC_ERR_TIMEOUT);
        ws_pass(&f, client, server, 'q', 40);
        ws_pass(&f, server, client, 'a', 40);
        for (int i = 0; i < 20; i++)
            CHECK_OK(np_put(&f.np, f.carriers[0], stray, sizeof(stray), TEST_LONG));
        ws_close_carrier(&f, PIPC_ROLE_CLIENT); /* dies: no flag */
        CHECK_OK(ws_get(&f, server, got, sizeof(got), TEST_LONG, &received));
        CHECK_EQ(received.flags, PIPC_RECEIVED_END);
        expect_end(&f, server);
        ws_end(&f, client);
        ws_end(&f, server);
        ws_close(&f);
    }
}

TEST(winshm_ends, look_tells_of_messages_of_the_end_and_of_a_carrier_that_ended)
{
    struct ws_fixture f;
    void *client, *server;

    ws_open(&f, bits[0]);
    ws_pair(&f, &client, &server);
    CHECK_EQ(f.ops->look(server), PIPC_LOOK_NOTHING);
    CHECK_OK(ws_put(&f, client, "0123456789abcdef0123456789abcdef", 32));
    for (int i = 0; i < 2; i++)
        CHECK_EQ(f.ops->look(server), PIPC_LOOK_READABLE);
    CHECK_OK(ws_get(&f, server, got, sizeof(got), NP_NOW, &received));
    CHECK_EQ(f.ops->look(server), PIPC_LOOK_NOTHING);
    ws_close_carrier(&f, PIPC_ROLE_CLIENT);
    while (f.ops->look(server) == PIPC_LOOK_NOTHING)
        Sleep(1);
    CHECK_EQ(f.ops->look(server), PIPC_LOOK_GONE);
    ws_end(&f, client);
    ws_end(&f, server);
    ws_close(&f);
}

TEST(winshm_ends, closing_nothing_or_what_nobody_attached_is_harmless)
{
    struct ws_fixture f;
    void *server;

    ws_open(&f, bits[0]);
    f.ops->close(NULL, 0);
    CHECK_OK(ws_offer(&f, &server));
    ws_end(&f, server);
    ws_close(&f);
}

TEST(winshm_ends, handles_of_the_process_are_flat_over_many_sessions)
{
    const unsigned rounds = test_scale(10000);
    struct ws_fixture f;
    void *client, *server;
    unsigned before = 0;

    ws_open(&f, bits[0]);
    for (unsigned i = 0; i < rounds + 10; i++) {
        if (i == 10)
            before = test_open_descriptors();
        f.request.session_id = i + 1;
        f.request.bit = bits[i % 2];
        ws_pair(&f, &client, &server);
        ws_pass(&f, client, server, 'q', 40);
        ws_end(&f, i % 3 ? client : server);
        ws_end(&f, i % 3 ? server : client);
    }
    const unsigned after = test_open_descriptors();
    CHECK_MSG(after <= before + 2, "%u handles before, %u after", before, after);
    ws_close(&f);
}
