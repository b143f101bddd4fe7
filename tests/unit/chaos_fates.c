/* SPDX-License-Identifier: Apache-2.0
 *
 * The wrapper to which bad days happen: each fate alone, at a rate of all or none, and that a seed
 * decides.
 */
#include "wrapper_fixture.h"

#include <pipc/transports/chaos.h>

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

static void begin(struct wrapper_fixture *f, uint32_t option, uint64_t of_thousand)
{
    wrapper_defaults(f, &pipc_module_chaos);
    f->values[option].number = of_thousand;
}

static void begin_pair(struct wrapper_fixture *f, uint32_t option, uint64_t of_thousand)
{
    begin(f, option, of_thousand);
    wrapper_pair(f);
}

TEST(chaos_fates, nothing_happens_by_default)
{
    struct wrapper_fixture f;
    struct pipc_received received;
    char byte;

    begin_pair(&f, PIPC_CHAOS_OPTION_SEED, 5);
    for (int i = 0; i < 200; i++)
        wrapper_pass(&f, "a packet", 8);
    f.ops->close(f.client, 0);
    f.client = NULL;
    CHECK_OK(wrapper_get(&f, f.server, &byte, 1, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    wrapper_close(&f);
}

TEST(chaos_fates, packets_pass_unharmed_first)
{
    struct wrapper_fixture f;

    begin(&f, PIPC_CHAOS_OPTION_FAIL, 1000);
    f.values[PIPC_CHAOS_OPTION_AFTER].number = 1;
    CHECK_OK(wrapper_init(&f));
    f.module->fini(f.self);
    uds_fixture_close(&f.uds);
    begin(&f, PIPC_CHAOS_OPTION_DISCONNECT, 1000);
    f.values[PIPC_CHAOS_OPTION_AFTER].number = 3;
    wrapper_pair(&f);
    for (int i = 0; i < 3; i++)
        wrapper_pass(&f, "a packet", 8);
    CHECK_RESULT(wrapper_put(&f, f.client, "a packet", 8), PIPC_ERR_SEND);
    wrapper_close(&f);
}

TEST(chaos_fates, disconnection_is_the_end_for_both_sides)
{
    struct wrapper_fixture f;
    struct pipc_received received;
    const struct pipc_wait now = uds_wait(UDS_NOW);
    char byte;

    begin_pair(&f, PIPC_CHAOS_OPTION_DISCONNECT, 1000);
    CHECK_RESULT(wrapper_put(&f, f.client, "x", 1), PIPC_ERR_SEND);
    CHECK_HAS(f.uds.err.text, "a: disconnected by the seed");
    CHECK_EQ(f.uds.err.os_code, EPIPE);
    CHECK_RESULT(wrapper_put(&f, f.client, "x", 1), PIPC_ERR_SEND);
    CHECK_EQ(f.ops->look(f.client), PIPC_LOOK_GONE);
    CHECK_OK(wrapper_get(&f, f.client, &byte, 1, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    f.ops->finish(f.client, &now);
    CHECK_OK(wrapper_get(&f, f.server, &byte, 1, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    wrapper_close(&f);
}

TEST(chaos_fates, disconnection_while_receiving_is_the_end)
{
    struct wrapper_fixture f;
    struct pipc_received received;
    struct pipc_piece piece;
    uint8_t byte = 0;

    begin_pair(&f, PIPC_CHAOS_OPTION_SEED, 0);
    piece.base = &byte;
    piece.len = 1;
    CHECK_EQ(piece.len, 1);
    CHECK_OK(wrapper_put(&f, f.client, "x", 1));
    CHECK_OK(wrapper_get(&f, f.server, &byte, 1, &received));
    CHECK_EQ(byte, 'x');
    wrapper_close(&f);
    /* The sender's first packet passes, the receiver's does not. */
    begin(&f, PIPC_CHAOS_OPTION_DISCONNECT, 500);
    for (uint64_t seed = 0;; seed++) {
        CHECK(seed < 64);
        f.values[PIPC_CHAOS_OPTION_SEED].number = seed;
        wrapper_pair(&f);
        const bool sent = wrapper_put(&f, f.client, "x", 1) == PIPC_OK;
        CHECK_OK(wrapper_get(&f, f.server, &byte, 1, &received));
        f.ops->close(f.client, 0);
        f.ops->close(f.server, 0);
        f.module->fini(f.self);
        if (sent && (received.flags & PIPC_RECEIVED_END))
            break;
    }
    uds_fixture_close(&f.uds);
}

TEST(chaos_fates, packets_arrive_in_part)
{
    struct wrapper_fixture f;
    struct pipc_received received;
    char got[16];

    begin_pair(&f, PIPC_CHAOS_OPTION_SHORT, 1000);
    for (int i = 0; i < 50; i++) {
        CHECK_OK(wrapper_put(&f, f.client, "0123456789", 10));
        CHECK_OK(wrapper_get(&f, f.server, got, sizeof(got), &received));
        CHECK(received.len >= 1 && received.len < 10);
        CHECK_MEM(got, "0123456789", (size_t)received.len);
    }
    CHECK_OK(wrapper_put(&f, f.client, "x", 1)); /* nothing is shorter than this */
    CHECK_OK(wrapper_get(&f, f.server, got, sizeof(got), &received));
    CHECK_EQ(received.len, 1);
    wrapper_close(&f);
}

TEST(chaos_fates, part_of_a_packet_ends_inside_any_piece)
{
    struct wrapper_fixture f;
    const struct pipc_wait wait = uds_wait(TEST_LONG);
    char bytes[] = "0123456789", got[16];
    const struct pipc_piece pieces[3] = {{bytes, 4}, {bytes + 4, 0}, {bytes + 4, 6}};
    struct pipc_received received;
    unsigned seen = 0;

    begin_pair(&f, PIPC_CHAOS_OPTION_SHORT, 1000);
    for (int i = 0; i < 100; i++) {
        CHECK_OK(f.ops->send(f.client, pieces, 3, &wait, &f.uds.err));
        CHECK_OK(wrapper_get(&f, f.server, got, sizeof(got), &received));
        CHECK_MEM(got, bytes, (size_t)received.len);
        seen |= received.len > 4 ? 2u : 1u;
    }
    CHECK_EQ(seen, 3);
    CHECK_RESULT(f.ops->send(f.client, pieces, 0, &wait, &f.uds.err), PIPC_ERR_BAD_PARAM);
    wrapper_close(&f);
}

/* Connections may fail, too: a seed that lets the pair through. */
static void begin_failing(struct wrapper_fixture *f)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = test_dir(), .service = "a"};
    const struct pipc_wait wait = uds_wait(TEST_LONG);
    void *listener;

    begin(f, PIPC_CHAOS_OPTION_FAIL, 300);
    CHECK_OK(wrapper_init(f));
    CHECK_OK(f->ops->listen(f->self, &endpoint, &listener, &f->uds.err));
    for (int connects = 0, accepts = 0; !f->server || connects == 0 || accepts == 0;) {
        pipc_result r = f->ops->connect(f->self, &endpoint, &wait, &f->client, &f->uds.err);
        if (r != PIPC_OK) {
            CHECK_RESULT(r, PIPC_ERR_CONNECT);
            CHECK_EQ(f->uds.err.os_code, ECONNREFUSED);
            connects++;
            continue;
        }
        r = f->ops->accept(f->self, listener, &wait, &f->server, &f->uds.err);
        if (r == PIPC_OK && connects > 0 && accepts > 0)
            break;
        if (r == PIPC_OK) {
            f->ops->close(f->server, 0);
        } else {
            CHECK_RESULT(r, PIPC_ERR_ACCEPT);
            CHECK_HAS(f->uds.err.text, "a: a connection is refused by the seed");
            accepts++;
        }
        f->ops->close(f->client, 0);
        f->server = NULL;
    }
    f->ops->listener_close(f->self, listener, 0);
}

TEST(chaos_fates, connections_and_packets_fail_and_the_listener_stays_usable)
{
    struct wrapper_fixture f;
    struct pipc_received received;
    char byte;
    unsigned sent = 0, failed = 0, lost = 0;

    begin_failing(&f);
    for (int i = 0; i < 100; i++) {
        const pipc_result put = wrapper_put(&f, f.client, "x", 1);
        if (put != PIPC_OK) {
            CHECK_RESULT(put, PIPC_ERR_SEND);
            CHECK_EQ(f.uds.err.os_code, EIO);
            failed++;
            continue;
        }
        sent++;
        const pipc_result got = wrapper_get(&f, f.server, &byte, 1, &received);
        if (got != PIPC_OK) {
            CHECK_RESULT(got, PIPC_ERR_RECV);
            CHECK_HAS(f.uds.err.text, "a: receiving fails by the seed");
            lost++;
        }
    }
    CHECK(sent > 40 && failed > 10 && lost > 5);
    wrapper_close(&f);
}

TEST(chaos_fates, same_seed_has_the_same_fate_and_another_has_another)
{
    static const uint64_t seeds[3] = {7, 7, 8};
    char fates[3][101] = {"", "", ""};

    for (size_t k = 0; k < 3; k++) {
        struct wrapper_fixture f;
        struct pipc_received received;
        char got[8];
        begin(&f, PIPC_CHAOS_OPTION_SHORT, 300);
        f.values[PIPC_CHAOS_OPTION_SEED].number = seeds[k];
        wrapper_pair(&f);
        for (int i = 0; i < 100; i++) {
            CHECK_OK(wrapper_put(&f, f.client, "0123", 4));
            CHECK_OK(wrapper_get(&f, f.server, got, sizeof(got), &received));
            fates[k][i] = (char)('0' + received.len);
        }
        wrapper_close(&f);
    }
    CHECK_STR(fates[0], fates[1]);
    CHECK(strcmp(fates[0], fates[2]) != 0);
}

/* ---- delays ---- */

static void begin_delayed(struct wrapper_fixture *f, uint64_t us)
{
    begin(f, PIPC_CHAOS_OPTION_DELAY, 1000);
    f->values[PIPC_CHAOS_OPTION_DELAY_US].number = us;
    wrapper_pair(f);
}

TEST(chaos_fates, delayed_packets_arrive)
{
    struct wrapper_fixture f;

    begin_delayed(&f, 2000);
    for (int i = 0; i < 10; i++)
        wrapper_pass(&f, "late", 4);
    wrapper_close(&f);
}

TEST(chaos_fates, who_never_blocks_is_not_delayed)
{
    struct wrapper_fixture f;
    const struct pipc_wait now = uds_wait(UDS_NOW);
    struct pipc_received received = {.size = sizeof(received)};
    char byte = 'x';
    const struct pipc_piece piece = {&byte, 1};

    begin_delayed(&f, 10000000);
    CHECK_OK(f.ops->send(f.client, &piece, 1, &now, &f.uds.err));
    CHECK_OK(f.ops->receive(f.server, &piece, 1, &now, &received, &f.uds.err));
    wrapper_close(&f);
}

TEST(chaos_fates, delay_ends_with_deadline_abort_and_interrupt)
{
    struct wrapper_fixture f;
    const struct pipc_wait soon = uds_wait(20);
    struct pipc_received received = {.size = sizeof(received)};
    const uint32_t flag = 1;
    char byte = 'x';
    const struct pipc_piece piece = {&byte, 1};
    int ends[2];

    begin_delayed(&f, 10000000);
    CHECK_RESULT(f.ops->send(f.client, &piece, 1, &soon, &f.uds.err), PIPC_ERR_TIMEOUT);
    CHECK(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
    const struct pipc_wait aborted = uds_wait_abort(60000, ends[0]);
    CHECK_RESULT(f.ops->receive(f.server, &piece, 1, &aborted, &received, &f.uds.err),
                 PIPC_ERR_ABORTED);
    struct pipc_wait flagged = uds_wait(60000);
    flagged.abort_flag = &flag;
    CHECK_RESULT(f.ops->receive(f.server, &piece, 1, &flagged, &received, &f.uds.err),
                 PIPC_ERR_ABORTED);
    close(ends[0]);
    const struct pipc_wait none = uds_wait_abort(60000, ends[0]);
    CHECK_RESULT(f.ops->receive(f.server, &piece, 1, &none, &received, &f.uds.err),
                 PIPC_ERR_BAD_PARAM);
    f.ops->interrupt(f.client);
    CHECK_RESULT(wrapper_put(&f, f.client, "x", 1), PIPC_ERR_ABORTED);
    close(ends[1]);
    wrapper_close(&f);
}

TEST(chaos_fates, instance_needs_its_options_memory_and_the_wrapped_transport)
{
    struct wrapper_fixture f;
    const struct pipc_endpoint nobody = {
        .size = sizeof(nobody), .run_dir = test_dir(), .service = "nobody"};
    const struct pipc_wait wait = uds_wait(TEST_LONG);
    void *out = NULL, *listener;

    begin(&f, PIPC_CHAOS_OPTION_SEED, 0);
    CHECK_RESULT(f.module->init(&f.uds.host, f.values, 1, &f.self, &f.uds.err),
                 PIPC_ERR_MODULE_INIT);
    f.values[PIPC_CHAOS_OPTION_WRAPS].text = "nosuch";
    CHECK_RESULT(wrapper_init(&f), PIPC_ERR_MODULE_NOT_FOUND);
    f.values[PIPC_CHAOS_OPTION_WRAPS].text = "uds";
    f.uds.fail_after = 0;
    CHECK_RESULT(wrapper_init(&f), PIPC_ERR_ALLOC);
    f.uds.fail_after = UINT32_MAX;
    CHECK_OK(wrapper_init(&f));
    CHECK_RESULT(f.ops->connect(f.self, &nobody, &wait, &out, &f.uds.err), PIPC_ERR_CONNECT);
    CHECK_OK(f.ops->listen(f.self, &nobody, &listener, &f.uds.err));
    const struct pipc_wait now = uds_wait(UDS_NOW);
    CHECK_RESULT(f.ops->accept(f.self, listener, &now, &out, &f.uds.err), PIPC_ERR_TIMEOUT);
    f.uds.fail_after = 0;
    CHECK_RESULT(f.ops->connect(f.self, &nobody, &wait, &out, &f.uds.err), PIPC_ERR_ALLOC);
    CHECK_HAS(f.uds.err.text, "nobody");
    f.uds.fail_after = UINT32_MAX;
    f.ops->listener_close(f.self, listener, 0);
    f.ops->close(NULL, 0);
    f.module->fini(f.self);
    f.module->fini(NULL);
    uds_fixture_close(&f.uds);
}
