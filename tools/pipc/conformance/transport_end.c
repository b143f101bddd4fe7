/* SPDX-License-Identifier: Apache-2.0
 *
 * How sessions end: finish, close, a forked child, a peer that is killed; and what many of them
 * leave.
 */
#include "rig.h"
#include "tables.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

/* Whether a receive tells that the session is over. */
static bool over(struct kit_rig *rig, void *channel)
{
    struct pipc_received received;
    char got[4096];
    const pipc_result r = kit_receive(rig, channel, got, sizeof(got), KIT_OVER_MS, &received);

    if (r == PIPC_OK)
        return (received.flags & PIPC_RECEIVED_END) != 0;
    return r == PIPC_ERR_RECV || r == PIPC_ERR_DISCONNECTED;
}

struct finisher {
    struct kit_rig *rig;
    struct kit_pair *pair;
    uint64_t took_ns;
};

static void *finish_and_close(void *arg)
{
    struct finisher *const f = arg;
    const struct pipc_wait wait = {
        .size = sizeof(wait), .deadline_ns = PIPC_NEVER, .abort = PIPC_NO_HANDLE};
    const uint64_t began = kit_now_ns();

    f->rig->m.ops.finish(f->pair->server, &wait);
    f->took_ns = kit_now_ns() - began;
    kit_half_close_server(f->rig, f->pair, 0);
    return NULL;
}

/* The peer reads the last answer and does not close: finish gives up by itself. */
static void finish(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair pair;
    struct finisher f = {rig, &pair, 0};
    struct pipc_received received;
    char got[64];

    kit_pair_open(rig, &pair);
    kit_pass(rig, pair.client, pair.server, "request");
    KIT_CHECK_RESULT(kit_send(rig, pair.server, kit_text("last"), KIT_LEN, KIT_SOON_MS), PIPC_OK);
    const pthread_t thread = kit_thread(finish_and_close, &f);
    KIT_CHECK_RESULT(kit_receive(rig, pair.client, got, sizeof(got), KIT_SOON_MS, &received),
                     PIPC_OK);
    KIT_CHECK_MSG(kit_is_text(got, received.len, "last"), "the last answer is lost");
    pthread_join(thread, NULL);
    KIT_CHECK_TIME(f.took_ns < 1000 * PIPC_NS_PER_MS, "finish took %llu ms",
                   (unsigned long long)(f.took_ns / PIPC_NS_PER_MS));
    KIT_CHECK_MSG(over(rig, pair.client), "the end is not told after the last answer");
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

static void finish_wait(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    const struct pipc_wait now = kit_wait_now();
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < 5; i++) {
        struct kit_pair pair;
        kit_pair_open(rig, &pair);
        const uint64_t began = kit_now_ns();
        rig->m.ops.finish(pair.server, &now);
        const uint64_t took = kit_now_ns() - began;
        best = took < best ? took : best;
        kit_pair_close(rig, &pair);
    }
    KIT_CHECK_TIME(best < 20 * PIPC_NS_PER_MS, "finish with PIPC_NOW took %llu us",
                   (unsigned long long)(best / 1000));
    kit_rig_close(rig);
}

struct closer {
    struct kit_rig *rig;
    struct kit_pair *pair;
    uint64_t at_ns;
};

static void *close_later(void *arg)
{
    struct closer *const closer = arg;
    const struct timespec moment = {0, 20000000};

    nanosleep(&moment, NULL);
    closer->at_ns = kit_now_ns();
    kit_half_close_client(closer->rig, closer->pair, 0);
    return NULL;
}

static void close_wakes(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair pair;
    struct closer closer = {rig, &pair, 0};

    kit_pair_open(rig, &pair);
    kit_exchange(rig, &pair, 1);
    const pthread_t thread = kit_thread(close_later, &closer);
    KIT_CHECK_MSG(over(rig, pair.server), "a close does not end the peer's wait");
    pthread_join(thread, NULL);
    KIT_CHECK_TIME(kit_now_ns() < closer.at_ns + 1000 * PIPC_NS_PER_MS,
                   "the peer noticed a close after more than a second");
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

/* Sending to a peer that is gone: no signal, and the end is told. */
static void send_gone(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair pair;
    pipc_result r = PIPC_OK;

    kit_pair_open(rig, &pair);
    kit_exchange(rig, &pair, 1);
    kit_half_close_server(rig, &pair, 0);
    for (int i = 0; i < (rig->upgrade ? 1 : 10) && r == PIPC_OK; i++)
        r = kit_send(rig, pair.client, kit_text("late"), KIT_LEN, KIT_SOON_MS);
    KIT_CHECK_MSG(r == PIPC_ERR_SEND ||
                      (rig->upgrade && (r == PIPC_OK || r == PIPC_ERR_DISCONNECTED)),
                  "send to a peer that is gone: %s", pipc_result_name(r));
    if (r == PIPC_ERR_SEND)
        kit_error_check(rig, r, "send to a peer that is gone");
    KIT_CHECK_MSG(over(rig, pair.client), "the end is not told after a send that failed");
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

struct forked {
    struct kit_rig *rig;
    struct kit_pair *pair;
};

static void close_forked(void *arg)
{
    const struct forked *const f = arg;

    kit_half_close_client(f->rig, f->pair, PIPC_CLOSE_FORKED);
    kit_half_close_server(f->rig, f->pair, PIPC_CLOSE_FORKED);
}

static void forked(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_usage before, now;
    struct kit_pair pair;
    struct forked f = {rig, &pair};

    kit_pair_open(rig, &pair);
    kit_exchange(rig, &pair, 1);
    kit_usage_take(kit, &before);
    kit_child_wait(kit_fork(close_forked, &f));
    kit_usage_take(kit, &now);
    KIT_CHECK_MSG(now.files == before.files, "a child's close removed the parent's files");
    KIT_CHECK_MSG(rig->m.ops.look(pair.client) == PIPC_LOOK_NOTHING &&
                      rig->m.ops.look(pair.server) == PIPC_LOOK_NOTHING,
                  "a child's close ended the parent's session");
    kit_exchange(rig, &pair, 2);
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

/* ---- a peer in a process of its own, killed ---- */

struct victim {
    struct kit_rig *rig;
    int ready[2]; /* victim to case */
    int go[2];    /* case to victim */
};

static void say_on(const int ends[2])
{
    KIT_CHECK(write(ends[1], "x", 1) == 1);
}

static void hear(const int ends[2])
{
    char byte;

    KIT_CHECK_MSG(read(ends[0], &byte, 1) == 1, "the other process has ended");
}

static struct victim victim_start(struct kit_rig *rig, void (*run)(void *arg),
                                  kit_process *ret_child)
{
    struct victim v = {.rig = rig};

    kit_pipe(v.ready);
    kit_pipe(v.go);
    *ret_child = kit_fork(run, &v);
    close(v.ready[1]); /* so that its end is seen */
    close(v.go[0]);
    return v;
}

static void victim_check(struct victim *v, kit_process child, struct kit_pair *pair, void *own)
{
    kit_child_kill(child);
    const uint64_t killed = kit_now_ns();
    KIT_CHECK_MSG(over(v->rig, own), "the death of the peer is not told");
    KIT_CHECK_TIME(kit_now_ns() < killed + 1000 * PIPC_NS_PER_MS,
                   "the death of the peer was told after more than a second");
    kit_pair_close(v->rig, pair);
    kit_rig_close(v->rig);
    close(v->ready[0]);
    close(v->go[1]);
}

static void client_victim(void *arg)
{
    struct victim *const v = arg;
    struct kit_pair pair = {0};

    close(v->ready[0]);
    close(v->go[1]);
    kit_half_connect(v->rig, &pair);
    hear(v->go);
    kit_half_attach(v->rig, &pair, 1);
    KIT_CHECK_RESULT(kit_send(v->rig, pair.client, kit_text("alive"), KIT_LEN, KIT_SOON_MS),
                     PIPC_OK);
    say_on(v->ready);
    kit_pause();
}

static void client_killed(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair pair = {0};
    struct pipc_received received;
    char got[64];
    kit_process child;

    kit_rig_listen(rig);
    struct victim v = victim_start(rig, client_victim, &child);
    kit_half_accept(rig, &pair);
    kit_half_offer(rig, &pair, 1);
    say_on(v.go);
    hear(v.ready);
    KIT_CHECK_RESULT(kit_receive(rig, pair.server, got, sizeof(got), KIT_SOON_MS, &received),
                     PIPC_OK);
    KIT_CHECK(kit_is_text(got, received.len, "alive"));
    victim_check(&v, child, &pair, pair.server);
}

static void server_victim(void *arg)
{
    struct victim *const v = arg;
    struct kit_pair pair = {0};
    struct pipc_received received;
    char got[64];

    close(v->ready[0]);
    close(v->go[1]);
    kit_rig_listen(v->rig);
    say_on(v->ready);
    kit_half_accept(v->rig, &pair);
    kit_half_offer(v->rig, &pair, 1);
    say_on(v->ready);
    KIT_CHECK_RESULT(kit_receive(v->rig, pair.server, got, sizeof(got), KIT_SOON_MS, &received),
                     PIPC_OK);
    say_on(v->ready);
    kit_pause();
}

static void server_killed(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair pair = {0};
    kit_process child;
    struct victim v = victim_start(rig, server_victim, &child);

    hear(v.ready);
    kit_half_connect(rig, &pair);
    hear(v.ready);
    kit_half_attach(rig, &pair, 1);
    KIT_CHECK_RESULT(kit_send(rig, pair.client, kit_text("alive"), KIT_LEN, KIT_SOON_MS), PIPC_OK);
    hear(v.ready);
    victim_check(&v, child, &pair, pair.client);
}

/* ---- many ---- */

static void two_sessions(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair a, b;

    kit_pair_open(rig, &a);
    kit_pair_open(rig, &b);
    for (unsigned i = 0; i < 50; i++) {
        struct pipc_received received;
        char text[32], got[64];
        snprintf(text, sizeof(text), "of a %u", i);
        KIT_CHECK_RESULT(kit_send(rig, a.client, kit_text(text), KIT_LEN, KIT_SOON_MS), PIPC_OK);
        KIT_CHECK_MSG(rig->m.ops.look(b.server) == PIPC_LOOK_NOTHING,
                      "a packet of one session is seen in another");
        kit_exchange(rig, &b, i);
        KIT_CHECK_RESULT(kit_receive(rig, a.server, got, sizeof(got), KIT_SOON_MS, &received),
                         PIPC_OK);
        KIT_CHECK_MSG(kit_is_text(got, received.len, text), "two sessions mix");
        kit_pass(rig, a.server, a.client, "answer");
    }
    kit_pair_close(rig, &a);
    kit_exchange(rig, &b, 99); /* the end of one is not that of another */
    kit_pair_close(rig, &b);
    kit_rig_close(rig);
}

static void many_sessions(struct kit *kit)
{
    enum { MANY = 64 };
    struct kit_rig *const rig = kit_rig_open(kit);
    static struct kit_pair pairs[MANY];

    for (unsigned i = 0; i < MANY; i++)
        kit_pair_open(rig, &pairs[i]);
    for (unsigned i = 0; i < MANY; i++)
        kit_exchange(rig, &pairs[i], i);
    for (unsigned i = MANY; i-- > 0;)
        kit_exchange(rig, &pairs[i], i);
    for (unsigned i = 0; i < MANY; i++)
        kit_pair_close(rig, &pairs[i]);
    kit_rig_close(rig);
}

static void flat(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    const size_t blocks = rig->m.host.blocks;
    struct kit_usage before;

    kit_usage_take(kit, &before);
    for (unsigned i = 0; i < 200; i++) {
        struct kit_pair pair;
        kit_pair_open(rig, &pair);
        kit_exchange(rig, &pair, i);
        /* either side goes first */
        kit_half_close_client(rig, &pair, 0);
        if (i % 2)
            (void)over(rig, pair.server);
        kit_pair_close(rig, &pair);
        kit_rig_unlisten(rig);
        KIT_CHECK_MSG(rig->m.host.blocks == blocks, "round %u: %zu blocks, %zu before it", i,
                      rig->m.host.blocks, blocks);
        kit_usage_same(kit, &before, "after a session and its listener");
    }
    kit_rig_close(rig);
}

const struct kit_case kit_transport_end[] = {
    {"T-FINISH", "finish lets the peer read the last answer, and ends by itself", 0, 0, finish},
    {"T-FINISH-WAIT", "finish ends with the caller's wait", 0, 0, finish_wait},
    {"T-CLOSE-WAKES", "close ends the wait of the peer", 0, 0, close_wakes},
    {"T-SEND-GONE", "send to a peer that is gone fails without a signal", 0, 0, send_gone},
    {"T-CLOSE-FORKED", "close in a forked child leaves the parent's session and files", 0, 0,
     forked},
    {"T-CLIENT-KILLED", "the server is told that its client was killed", 0, 0, client_killed},
    {"T-SERVER-KILLED", "the client is told that its server was killed", 0, 0, server_killed},
    {"T-TWO-SESSIONS", "two sessions do not mix", 0, 0, two_sessions},
    {"T-MANY-SESSIONS", "64 sessions at once, each with its own packets", 0, 0, many_sessions},
    {"T-FLAT", "memory, descriptors, mappings and files are flat over 200 sessions", 0, 0, flat},
    {NULL, NULL, 0, 0, NULL},
};
