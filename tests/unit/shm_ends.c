/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of sessions: end marks of both sides and when a server sets none, hang-up, the owner's
 * process, entries that others replace, and forked children.
 */
#include "shm_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct scene {
    struct shm_fixture f;
    struct shm_pair p;
    struct shm_header *raw;
    size_t size;
};

static void open_scene(struct scene *s)
{
    shm_fixture_open(&s->f);
    shm_pair_open(&s->f, &s->p);
    s->raw = shm_raw_map(shm_region_path(1), &s->size);
}

static void close_scene(struct scene *s)
{
    munmap(s->raw, s->size);
    shm_pair_close(&s->f, &s->p);
    shm_fixture_close(&s->f);
}

static void request(struct scene *s, uint32_t seed)
{
    shm_must_put(&s->f, s->p.client, shm_message(seed, 40), 40);
    shm_must_get(&s->f, s->p.server, shm_message(seed, 40), 40);
}

static void answer(struct scene *s, uint32_t seed)
{
    shm_must_put(&s->f, s->p.server, shm_message(seed, 40), 40);
}

/* The receive says that the other side has ended. */
static void check_end(struct scene *s, void *channel, int ms)
{
    struct pipc_received received;
    uint8_t got[64];

    CHECK_OK(shm_get(&s->f, channel, got, sizeof(got), ms, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
}

static bool server_has_marked(const struct scene *s, uint64_t answers)
{
    return s->raw->resp_seq == answers + 1 && s->raw->resp_len == 0;
}

/* ---- client ---- */

TEST(shm_ends, client_that_closes_sets_the_mark_and_touches_no_byte)
{
    struct scene s;

    open_scene(&s);
    request(&s, 1);
    answer(&s, 2);
    shm_end(&s.f, &s.p.client);
    CHECK_EQ(s.raw->req_seq, 2);
    CHECK_EQ(s.raw->req_len, 0);
    CHECK_EQ(s.raw->req_signal, 2);
    CHECK_MEM((uint8_t *)s.raw + s.raw->request_offset, shm_message(1, 40), 40);
    check_end(&s, s.p.server, TEST_LONG);
    close_scene(&s);
}

TEST(shm_ends, client_that_closes_before_its_first_request_sets_the_mark)
{
    struct scene s;

    open_scene(&s);
    shm_end(&s.f, &s.p.client);
    CHECK_EQ(s.raw->req_seq, 1);
    CHECK_EQ(s.raw->req_len, 0);
    check_end(&s, s.p.server, TEST_LONG);
    close_scene(&s);
}

TEST(shm_ends, client_that_leaves_with_a_request_outstanding_frees_the_server_after_its_answer)
{
    struct scene s;

    open_scene(&s);
    request(&s, 1);
    shm_end(&s.f, &s.p.client);
    answer(&s, 2);
    check_end(&s, s.p.server, TEST_LONG);
    close_scene(&s);
}

TEST(shm_ends, client_does_not_remove_the_region)
{
    struct scene s;

    open_scene(&s);
    shm_end(&s.f, &s.p.client);
    CHECK(shm_exists(shm_region_path(1)));
    shm_end(&s.f, &s.p.server);
    CHECK(!shm_exists(shm_region_path(1)));
    close_scene(&s);
}

/* ---- server ---- */

TEST(shm_ends, server_without_a_request_sets_no_mark)
{
    struct scene s;

    open_scene(&s);
    shm_end(&s.f, &s.p.server);
    CHECK_EQ(s.raw->resp_seq, 0);
    shm_wire_cut(&s.p.server_wire);
    check_end(&s, s.p.client, TEST_LONG);
    close_scene(&s);
}

TEST(shm_ends, server_sets_no_mark_within_100_ms_of_an_answer)
{
    struct scene s;

    open_scene(&s);
    request(&s, 1);
    answer(&s, 2);
    shm_end(&s.f, &s.p.server);
    CHECK_EQ(s.raw->resp_seq, 1);
    CHECK_EQ(s.raw->resp_len, 40);
    shm_must_get(&s.f, s.p.client, shm_message(2, 40), 40);
    close_scene(&s);
}

/* The age of an answer counts from the first look at the clock behind it. */
static void look_at_the_clock(struct scene *s)
{
    struct pipc_received received;
    uint8_t got[64];

    CHECK_RESULT(shm_get(&s->f, s->p.server, got, sizeof(got), 1, &received), PIPC_ERR_TIMEOUT);
}

TEST(shm_ends, server_sets_the_mark_when_its_answer_is_100_ms_old)
{
    struct scene s;

    open_scene(&s);
    request(&s, 1);
    answer(&s, 2);
    shm_must_get(&s.f, s.p.client, shm_message(2, 40), 40);
    look_at_the_clock(&s);
    s.f.skew_ns = 100 * PIPC_NS_PER_MS;
    shm_end(&s.f, &s.p.server);
    CHECK(server_has_marked(&s, 1));
    CHECK_MEM((uint8_t *)s.raw + s.raw->response_offset, shm_message(2, 40), 40);
    check_end(&s, s.p.client, TEST_LONG);
    close_scene(&s);
}

TEST(shm_ends, server_that_never_blocks_sets_the_mark_when_its_answer_is_100_ms_old)
{
    struct pipc_received received;
    uint8_t got[64];
    struct scene s;

    open_scene(&s);
    request(&s, 1);
    answer(&s, 2);
    shm_must_get(&s.f, s.p.client, shm_message(2, 40), 40);
    CHECK_RESULT(shm_get(&s.f, s.p.server, got, sizeof(got), SHM_NOW, &received), PIPC_ERR_TIMEOUT);
    s.f.skew_ns = 100 * PIPC_NS_PER_MS;
    CHECK_RESULT(shm_get(&s.f, s.p.server, got, sizeof(got), SHM_NOW, &received), PIPC_ERR_TIMEOUT);
    shm_end(&s.f, &s.p.server);
    CHECK(server_has_marked(&s, 1));
    check_end(&s, s.p.client, TEST_LONG);
    close_scene(&s);
}

TEST(shm_ends, server_with_an_unanswered_request_sets_the_mark_at_once)
{
    struct scene s;

    open_scene(&s);
    request(&s, 1);
    shm_end(&s.f, &s.p.server);
    CHECK(server_has_marked(&s, 0));
    check_end(&s, s.p.client, TEST_LONG);
    close_scene(&s);
}

TEST(shm_ends, server_sets_the_mark_for_a_request_that_it_has_not_taken)
{
    struct scene s;

    open_scene(&s);
    request(&s, 1);
    answer(&s, 2);
    shm_must_get(&s.f, s.p.client, shm_message(2, 40), 40);
    shm_must_put(&s.f, s.p.client, shm_message(3, 40), 40);
    shm_end(&s.f, &s.p.server);
    CHECK(server_has_marked(&s, 1));
    check_end(&s, s.p.client, TEST_LONG);
    close_scene(&s);
}

TEST(shm_ends, server_sets_the_mark_after_a_violation)
{
    struct scene s;
    struct pipc_received received;
    uint8_t got[64];

    open_scene(&s);
    shm_raw_publish(s.raw, PIPC_ROLE_CLIENT, 40, 5);
    CHECK_RESULT(shm_get(&s.f, s.p.server, got, sizeof(got), TEST_LONG, &received),
                 PIPC_ERR_PROTOCOL);
    shm_end(&s.f, &s.p.server);
    CHECK(server_has_marked(&s, 0));
    close_scene(&s);
}

TEST(shm_ends, handshake_that_fails_after_the_offer_leaves_no_region)
{
    struct shm_fixture f;
    struct shm_pair p;

    shm_fixture_open(&f);
    shm_wires_make(&p, 9, 100, 100);
    const unsigned before = test_open_descriptors();
    CHECK_OK(shm_try_offer(&f, &p));
    CHECK(shm_exists(shm_region_path(9)));
    shm_end(&f, &p.server);
    CHECK(!shm_exists(shm_region_path(9)));
    CHECK_EQ(test_open_descriptors(), before);
    shm_pair_close(&f, &p);
    shm_fixture_close(&f);
}

/* ---- finish ---- */

TEST(shm_ends, finish_of_a_server_keeps_its_answer_for_100_ms_and_close_sets_the_mark)
{
    struct scene s;
    const struct pipc_wait wait = shm_wait(SHM_EVER);

    open_scene(&s);
    request(&s, 1);
    answer(&s, 2);
    const uint64_t began = s.f.host.clock_ns(&s.f.host);
    s.f.ops->finish(s.p.server, &wait);
    const uint64_t took = s.f.host.clock_ns(&s.f.host) - began;
    CHECK_MSG(took >= 100 * PIPC_NS_PER_MS, "%" PRIu64 " ns", took);
    CHECK_EQ(s.raw->resp_seq, 1);
    shm_must_get(&s.f, s.p.client, shm_message(2, 40), 40);
    shm_end(&s.f, &s.p.server);
    CHECK(server_has_marked(&s, 1));
    close_scene(&s);
}

TEST(shm_ends, finish_ends_with_one_more_request_which_is_not_taken)
{
    struct scene s;
    const struct pipc_wait wait = shm_wait(SHM_EVER);

    open_scene(&s);
    request(&s, 1);
    answer(&s, 2);
    shm_must_get(&s.f, s.p.client, shm_message(2, 40), 40);
    shm_must_put(&s.f, s.p.client, shm_message(3, 40), 40);
    /* With a clock that stands, only the request can end it. */
    s.f.clock_stands = true;
    s.f.skew_ns = 1000000000;
    s.f.ops->finish(s.p.server, &wait);
    CHECK_EQ(shm_inside(s.p.server)->taken, 1);
    shm_end(&s.f, &s.p.server);
    CHECK(server_has_marked(&s, 1));
    close_scene(&s);
}

TEST(shm_ends, finish_without_an_answer_to_keep_returns_at_once)
{
    struct scene s;
    const struct pipc_wait wait = shm_wait(SHM_EVER);

    open_scene(&s);
    s.f.clock_stands = true;
    s.f.ops->finish(s.p.server, &wait);
    s.f.ops->finish(s.p.client, &wait);
    s.f.clock_stands = false;
    request(&s, 1);
    s.f.clock_stands = true;
    s.f.ops->finish(s.p.server, &wait);
    answer(&s, 2);
    const struct pipc_wait now = shm_wait(SHM_NOW);
    s.f.ops->finish(s.p.server, &now);
    s.f.ops->interrupt(s.p.server);
    s.f.ops->finish(s.p.server, &wait);
    close_scene(&s);
}

/* ---- hang-up ---- */

TEST(shm_ends, hang_up_is_noticed_at_the_end_of_a_slice_by_both_sides)
{
    struct scene s;

    open_scene(&s);
    shm_wire_cut(&s.p.client_wire);
    CHECK_EQ(s.f.ops->look(s.p.server), PIPC_LOOK_GONE);
    const uint64_t began = test_now_ms();
    check_end(&s, s.p.server, SHM_EVER);
    CHECK(test_now_ms() - began <= test_limit(110));
    check_end(&s, s.p.server, SHM_NOW);
    close_scene(&s);
}

TEST(shm_ends, who_never_blocks_learns_of_hang_up_too)
{
    struct scene s;

    open_scene(&s);
    shm_wire_cut(&s.p.server_wire);
    check_end(&s, s.p.client, SHM_NOW);
    close_scene(&s);
}

TEST(shm_ends, message_published_before_the_hang_up_is_still_delivered)
{
    struct scene s;

    open_scene(&s);
    request(&s, 1);
    answer(&s, 2);
    shm_wire_cut(&s.p.server_wire);
    shm_end(&s.f, &s.p.server);
    CHECK_EQ(s.f.ops->look(s.p.client), PIPC_LOOK_READABLE);
    shm_must_get(&s.f, s.p.client, shm_message(2, 40), 40);
    check_end(&s, s.p.client, TEST_LONG);
    close_scene(&s);
}

TEST(shm_ends, stray_packets_are_ignored_and_the_hang_up_behind_them_is_noticed)
{
    struct scene s;
    struct pipc_received received;
    uint8_t got[64];

    open_scene(&s);
    CHECK(send(s.p.client_wire.fd, "stray", 5, 0) == 5);
    CHECK_EQ(s.f.ops->look(s.p.server), PIPC_LOOK_NOTHING);
    CHECK_RESULT(shm_get(&s.f, s.p.server, got, sizeof(got), 150, &received), PIPC_ERR_TIMEOUT);
    request(&s, 1);
    answer(&s, 2);
    shm_must_get(&s.f, s.p.client, shm_message(2, 40), 40);
    shm_wire_cut(&s.p.client_wire);
    check_end(&s, s.p.server, SHM_EVER);
    close_scene(&s);
}

TEST(shm_ends, carrier_without_a_handle_is_looked_at)
{
    struct scene s;

    shm_fixture_open(&s.f);
    shm_wires_make(&s.p, 1, 100, 100);
    s.p.client_wire.no_handle = s.p.server_wire.no_handle = true;
    CHECK_OK(shm_try_offer(&s.f, &s.p));
    CHECK_OK(shm_try_attach(&s.f, &s.p, TEST_LONG));
    s.raw = shm_raw_map(shm_region_path(1), &s.size);
    shm_wire_cut(&s.p.client_wire);
    check_end(&s, s.p.server, SHM_EVER);
    close_scene(&s);
}

/* ---- answer and end at once, many times ---- */

struct closer {
    struct shm_fixture *f;
    struct shm_pair *p;
};

static void *answer_and_close(void *arg)
{
    struct closer *const c = arg;

    shm_must_get(c->f, c->p->server, shm_message(1, 40), 40);
    shm_must_put(c->f, c->p->server, shm_message(1, 40), 40);
    shm_end(c->f, &c->p->server);
    shm_wire_cut(&c->p->server_wire);
    return NULL;
}

TEST(shm_ends, answer_published_with_the_socket_closed_at_once_is_delivered)
{
    struct shm_fixture f;

    (void)shm_message(1, 40); /* both threads fill it with the same bytes */
    shm_fixture_open(&f);
    for (unsigned i = 0; i < test_scale(10000); i++) {
        struct shm_pair p;
        struct closer c = {&f, &p};
        struct pipc_received received;
        uint8_t got[64], bytes[40];
        pthread_t thread;
        shm_pair_open_with(&f, &p, i + 1, 64, 64);
        memcpy(bytes, shm_message(1, 40), 40);
        CHECK(pthread_create(&thread, NULL, answer_and_close, &c) == 0);
        shm_must_put(&f, p.client, bytes, 40);
        CHECK_OK(shm_get(&f, p.client, got, sizeof(got), TEST_LONG, &received));
        CHECK_EQ(received.len, 40);
        pthread_join(thread, NULL);
        shm_pair_close(&f, &p);
    }
    shm_fixture_close(&f);
}

/* ---- the owner's process ---- */

/* A server in a child, whose end of the socket this process holds open. */
static pid_t offer_in_child(struct shm_fixture *f, struct shm_pair *p)
{
    sigset_t none;
    pid_t child;

    test_dir(); /* the same in both */
    child = fork();
    CHECK(child >= 0);
    if (child > 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    if (shm_try_offer(f, p) == PIPC_OK)
        for (;;)
            sigsuspend(&none);
    _exit(1);
}

TEST(shm_ends, owner_that_was_killed_is_noticed_though_another_process_holds_its_socket)
{
    struct scene s;
    int status;

    shm_fixture_open(&s.f);
    shm_wires_make(&s.p, 1, 100, 100);
    const pid_t child = offer_in_child(&s.f, &s.p);
    CHECK_OK(shm_try_attach(&s.f, &s.p, TEST_LONG));
    CHECK_EQ(shm_inside(s.p.client)->owner_pid, child);
    s.raw = shm_raw_map(shm_region_path(1), &s.size);
    kill(child, SIGKILL);
    CHECK(waitpid(child, &status, 0) == child);
    check_end(&s, s.p.client, TEST_LONG);
    close_scene(&s);
    unlink(shm_region_path(1));
}

TEST(shm_ends, owner_that_did_not_look_alive_at_attach_gives_no_false_alarm)
{
    struct scene s;
    struct pipc_received received;
    uint8_t got[64];

    shm_fixture_open(&s.f);
    shm_wires_make(&s.p, 1, 100, 100);
    CHECK_OK(shm_try_offer(&s.f, &s.p));
    s.raw = shm_raw_map(shm_region_path(1), &s.size);
    s.raw->owner_pid = shm_dead_pid();
    CHECK_OK(shm_try_attach(&s.f, &s.p, TEST_LONG));
    CHECK_RESULT(shm_get(&s.f, s.p.client, got, sizeof(got), 1200, &received), PIPC_ERR_TIMEOUT);
    close_scene(&s);
}

TEST(shm_ends, owner_generation_that_changed_ends_the_session_like_a_dead_owner)
{
    struct scene s;

    open_scene(&s);
    s.raw->owner_generation++;
    check_end(&s, s.p.client, TEST_LONG);
    close_scene(&s);
}

/* ---- entries ---- */

static void exchange_once(struct scene *s)
{
    request(s, 1);
    answer(s, 2);
    shm_must_get(&s->f, s->p.client, shm_message(2, 40), 40);
}

TEST(shm_ends, session_goes_on_when_its_file_is_unlinked)
{
    struct scene s;

    open_scene(&s);
    CHECK(unlink(shm_region_path(1)) == 0);
    exchange_once(&s);
    close_scene(&s);
}

TEST(shm_ends, file_of_somebody_else_at_the_name_survives_the_close)
{
    struct scene s;

    open_scene(&s);
    CHECK(unlink(shm_region_path(1)) == 0);
    shm_write_region(shm_region_path(1), NULL, 10);
    exchange_once(&s);
    close_scene(&s);
    CHECK(shm_exists(shm_region_path(1)));
}

/* ---- forks ---- */

static int close_copies(void *arg)
{
    struct scene *const s = arg;

    s->f.ops->close(s->p.client, PIPC_CLOSE_FORKED);
    s->f.ops->close(s->p.server, PIPC_CLOSE_FORKED);
    return 0;
}

TEST(shm_ends, forked_child_that_closes_its_copy_leaves_mark_file_and_session_alone)
{
    struct scene s;

    open_scene(&s);
    request(&s, 1);
    CHECK_EQ(test_in_child(close_copies, &s), 0);
    CHECK_EQ(s.raw->req_seq, 1);
    CHECK_EQ(s.raw->resp_seq, 0);
    CHECK(shm_exists(shm_region_path(1)));
    answer(&s, 2);
    shm_must_get(&s.f, s.p.client, shm_message(2, 40), 40);
    close_scene(&s);
}
