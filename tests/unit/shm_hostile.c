/* SPDX-License-Identifier: Apache-2.0
 *
 * A peer that writes what it likes: lengths, counters, signals, headers and bytes, before, while
 * and after a message is taken.
 */
#include "shm_fixture.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

/* A session whose client is a raw mapping, and the same the other way round. */
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

static uint8_t *request_area(struct scene *s)
{
    return (uint8_t *)s->raw + s->raw->request_offset;
}

/* What the server's receive makes of a publication with this length and count. */
static pipc_result serve(struct scene *s, uint32_t len, uint64_t seq,
                         struct pipc_received *received)
{
    static uint8_t got[32 + SHM_REQUEST_BYTES];

    shm_raw_publish(s->raw, PIPC_ROLE_CLIENT, len, seq);
    return shm_get(&s->f, s->p.server, got, sizeof(got), TEST_LONG, received);
}

static void check_length(uint32_t len, pipc_result expected)
{
    struct scene s;
    struct pipc_received received = {.len = 99};

    open_scene(&s);
    CHECK_RESULT(serve(&s, len, 1, &received), expected);
    CHECK_EQ(received.len, 99);
    CHECK_HAS(s.f.err.text, "s-0000000000000001.ipcshm");
    CHECK_EQ(shm_inside(s.p.server)->taken, 0);
    close_scene(&s);
}

TEST(shm_hostile, length_0_is_the_end_whatever_the_sequence)
{
    struct scene s;
    struct pipc_received received;

    open_scene(&s);
    CHECK_OK(serve(&s, 0, 17, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    CHECK_EQ(received.len, 0);
    CHECK_EQ(s.f.ops->look(s.p.server), PIPC_LOOK_GONE);
    CHECK_OK(shm_get(&s.f, s.p.server, NULL, 0, SHM_EVER, &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    close_scene(&s);
}

TEST(shm_hostile, length_1_is_a_violation)
{
    check_length(1, PIPC_ERR_PROTOCOL);
}

TEST(shm_hostile, length_31_is_a_violation)
{
    check_length(31, PIPC_ERR_PROTOCOL);
}

TEST(shm_hostile, length_of_the_area_and_1_is_a_violation)
{
    check_length(1089, PIPC_ERR_PROTOCOL);
}

TEST(shm_hostile, highest_length_is_a_violation)
{
    check_length(UINT32_MAX, PIPC_ERR_PROTOCOL);
}

TEST(shm_hostile, length_above_the_buffer_within_the_area_gives_the_outer_header_alone)
{
    struct scene s;
    struct pipc_received received = {.size = sizeof(received)};
    uint8_t head[32], rest[SHM_REQUEST_BYTES], untouched[SHM_REQUEST_BYTES];
    const struct pipc_piece pieces[2] = {{head, sizeof(head)}, {rest, sizeof(rest)}};
    const struct pipc_wait wait = shm_wait(TEST_LONG);

    open_scene(&s);
    memset(rest, 0x5a, sizeof(rest));
    memset(untouched, 0x5a, sizeof(untouched));
    memcpy(request_area(&s), shm_message(3, 1088), 1088);
    shm_raw_publish(s.raw, PIPC_ROLE_CLIENT, 1088, 1);
    CHECK_OK(s.f.ops->receive(s.p.server, pieces, 2, &wait, &received, &s.f.err));
    CHECK_EQ(received.flags, PIPC_RECEIVED_CUT);
    CHECK_EQ(received.len, 32);
    CHECK_MEM(head, shm_message(3, 1088), 32);
    CHECK_MEM(rest, untouched, sizeof(rest));
    /* It counts as received and may be answered, once. */
    shm_must_put(&s.f, s.p.server, shm_message(1, 32), 32);
    CHECK_RESULT(shm_put(&s.f, s.p.server, shm_message(1, 32), 32), PIPC_ERR_BAD_PARAM);
    close_scene(&s);
}

TEST(shm_hostile, sequence_that_jumps_by_2_is_a_violation)
{
    struct scene s;
    struct pipc_received received;

    open_scene(&s);
    CHECK_RESULT(serve(&s, 40, 2, &received), PIPC_ERR_PROTOCOL);
    CHECK_HAS(s.f.err.text, "turn");
    close_scene(&s);
}

TEST(shm_hostile, highest_sequence_is_a_violation)
{
    struct scene s;
    struct pipc_received received;

    open_scene(&s);
    CHECK_RESULT(serve(&s, 40, UINT64_MAX, &received), PIPC_ERR_PROTOCOL);
    CHECK_RESULT(serve(&s, 40, UINT64_C(1) << 63, &received), PIPC_ERR_PROTOCOL);
    close_scene(&s);
}

TEST(shm_hostile, sequence_set_back_takes_nothing_and_the_deadline_holds)
{
    struct scene s;
    struct pipc_received received;
    uint8_t got[64];

    open_scene(&s);
    shm_must_put(&s.f, s.p.client, shm_message(1, 40), 40);
    shm_must_get(&s.f, s.p.server, shm_message(1, 40), 40);
    shm_raw_publish(s.raw, PIPC_ROLE_CLIENT, 40, 0);
    const uint64_t began = test_now_ms();
    CHECK_RESULT(shm_get(&s.f, s.p.server, got, sizeof(got), 30, &received), PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - began >= 29);
    close_scene(&s);
}

TEST(shm_hostile, second_request_without_waiting_is_a_violation)
{
    struct scene s;
    struct pipc_received received;
    uint8_t got[64];

    open_scene(&s);
    shm_raw_publish(s.raw, PIPC_ROLE_CLIENT, 40, 1);
    shm_raw_publish(s.raw, PIPC_ROLE_CLIENT, 40, 2);
    CHECK_RESULT(shm_get(&s.f, s.p.server, got, sizeof(got), TEST_LONG, &received),
                 PIPC_ERR_PROTOCOL);
    close_scene(&s);
}

TEST(shm_hostile, header_overwritten_after_attach_changes_nothing_on_either_side)
{
    struct scene s;

    open_scene(&s);
    const uint32_t generation = s.raw->owner_generation;
    memset(s.raw, 0xff, offsetof(struct shm_header, req_seq));
    s.raw->owner_generation = generation;
    for (uint32_t i = 0; i < 3; i++) {
        shm_must_put(&s.f, s.p.client, shm_message(i, 1056), 1056);
        shm_must_get(&s.f, s.p.server, shm_message(i, 1056), 1056);
        shm_must_put(&s.f, s.p.server, shm_message(i, 65568), 65568);
        shm_must_get(&s.f, s.p.client, shm_message(i, 65568), 65568);
    }
    close_scene(&s);
}

TEST(shm_hostile, own_words_overwritten_do_not_disturb_the_own_side)
{
    struct scene s;

    open_scene(&s);
    for (uint32_t i = 0; i < 3; i++) {
        /* The client's words as the server finds them are scribbled over before it publishes. */
        s.raw->req_seq = 900 + i;
        s.raw->req_len = 7;
        s.raw->req_signal = 12345;
        s.raw->req_seq = i;
        shm_must_put(&s.f, s.p.client, shm_message(i, 64), 64);
        CHECK_EQ(s.raw->req_seq, i + 1);
        CHECK_EQ(s.raw->req_signal, i + 1);
        shm_must_get(&s.f, s.p.server, shm_message(i, 64), 64);
        s.raw->req_seq = 4711;
        s.raw->resp_signal = 999;
        shm_must_put(&s.f, s.p.server, shm_message(i, 64), 64);
        CHECK_EQ(s.raw->resp_signal, i + 1);
        shm_must_get(&s.f, s.p.client, shm_message(i, 64), 64);
        s.raw->req_seq = i + 1;
    }
    close_scene(&s);
}

/* ---- somebody who never stops ---- */

struct nuisance {
    struct shm_header *raw;
    size_t size;
    void (*step)(struct nuisance *n, uint32_t round);
    uint32_t stop;   /* atomic */
    uint32_t rounds; /* atomic */
    uint32_t seen;
    pthread_t thread;
};

static void *run_nuisance(void *arg)
{
    struct nuisance *const n = arg;

    for (uint32_t round = 0; !__atomic_load_n(&n->stop, __ATOMIC_ACQUIRE); round++)
        n->step(n, round);
    return NULL;
}

static void start(struct nuisance *n, struct scene *s, void (*step)(struct nuisance *, uint32_t))
{
    *n = (struct nuisance){.raw = s->raw, .size = s->size, .step = step};
    CHECK(pthread_create(&n->thread, NULL, run_nuisance, n) == 0);
}

static void stop(struct nuisance *n)
{
    __atomic_store_n(&n->stop, 1, __ATOMIC_RELEASE);
    pthread_join(n->thread, NULL);
}

static void flip_length(struct nuisance *n, uint32_t round)
{
    static const uint32_t lengths[] = {40, UINT32_MAX, 1056, 0x7fffffff, 32, 1089, 1088, 1};

    __atomic_store_n(&n->raw->req_len, lengths[round % 8], __ATOMIC_RELEASE);
}

TEST(shm_hostile, length_that_flips_while_messages_are_taken_never_reaches_outside)
{
    struct scene s;
    struct nuisance n;
    unsigned good = 0, bad = 0;
    /* Exactly the size, so that an address checker sees one byte more. */
    uint8_t *const got = malloc(32 + SHM_REQUEST_BYTES);

    open_scene(&s);
    start(&n, &s, flip_length);
    for (uint64_t i = 1; i <= test_scale(200000); i++) {
        struct pipc_received received;
        shm_raw_publish(s.raw, PIPC_ROLE_CLIENT, 40, shm_inside(s.p.server)->taken + 1);
        const pipc_result result =
            shm_get(&s.f, s.p.server, got, 32 + SHM_REQUEST_BYTES, 1000, &received);
        if (result == PIPC_OK) {
            CHECK(received.len >= 32 && received.len <= 1056);
            good++;
        } else {
            CHECK_RESULT(result, PIPC_ERR_PROTOCOL);
            bad++;
        }
    }
    stop(&n);
    CHECK(good + bad > 0);
    free(got);
    close_scene(&s);
}

static void flip_payload(struct nuisance *n, uint32_t round)
{
    volatile uint8_t *const area = (uint8_t *)n->raw + 64;

    for (int i = 0; i < 64; i++)
        area[i] = (uint8_t)round;
    __atomic_store_n(&n->rounds, round, __ATOMIC_RELEASE);
}

static bool has_gone_on(void *arg)
{
    struct nuisance *const n = arg;

    return __atomic_load_n(&n->rounds, __ATOMIC_ACQUIRE) - n->seen >= 2;
}

TEST(shm_hostile, payload_that_flips_does_not_change_what_was_taken)
{
    struct scene s;
    struct nuisance n;
    uint8_t got[64], then[64];

    if (test_sanitized())
        test_skip("the flipping of plain bytes is itself the race that a thread checker reports");
    open_scene(&s);
    start(&n, &s, flip_payload);
    for (unsigned i = 0; i < test_scale(20000); i++) {
        struct pipc_received received;
        shm_raw_publish(s.raw, PIPC_ROLE_CLIENT, 64, shm_inside(s.p.server)->taken + 1);
        CHECK_OK(shm_get(&s.f, s.p.server, got, sizeof(got), TEST_LONG, &received));
        CHECK_EQ(received.len, 64);
        memcpy(then, got, sizeof(got));
        n.seen = __atomic_load_n(&n.rounds, __ATOMIC_ACQUIRE);
        test_wait_until(has_gone_on, &n, 5000, "the area changes");
        CHECK_MEM(got, then, sizeof(got));
    }
    stop(&n);
    close_scene(&s);
}

static uint64_t cpu_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static void change_signal(struct nuisance *n, uint32_t round)
{
    __atomic_store_n(&n->raw->req_signal, round, __ATOMIC_RELEASE);
}

static void wake_only(struct nuisance *n, uint32_t round)
{
    (void)round;
    (void)shm_futex_wake(&n->raw->req_signal, 1);
}

/* A waiter that turned without end would use the whole time. */
static void check_bounded(void (*step)(struct nuisance *, uint32_t))
{
    struct scene s;
    struct nuisance n;
    struct pipc_received received;
    uint8_t got[64];

    open_scene(&s);
    start(&n, &s, step);
    const uint64_t began = test_now_ms(), used = cpu_ns();
    CHECK_RESULT(shm_get(&s.f, s.p.server, got, sizeof(got), 500, &received), PIPC_ERR_TIMEOUT);
    const uint64_t took = test_now_ms() - began, cpu = (cpu_ns() - used) / 1000000u;
    stop(&n);
    CHECK(took >= 499);
    CHECK_MSG(took < 500 + test_limit(100), "late: %" PRIu64 " ms", took);
    CHECK_MSG(cpu < 100 * test_slow(), "used %" PRIu64 " ms of CPU", cpu);
    close_scene(&s);
}

TEST(shm_hostile, signal_that_changes_without_end_leaves_deadline_and_cpu_bounded)
{
    check_bounded(change_signal);
}

TEST(shm_hostile, wakes_without_end_leave_deadline_and_cpu_bounded)
{
    check_bounded(wake_only);
}

TEST(shm_hostile, random_bytes_with_random_lengths_end_in_a_result_each_time)
{
    uint32_t state = 99;

    for (unsigned round = 0; round < 50; round++) {
        struct scene s;
        struct pipc_received received;
        open_scene(&s);
        for (uint32_t i = 0; i < s.size; i++) {
            state = state * 1664525u + 1013904223u;
            ((uint8_t *)s.raw)[i] = (uint8_t)(state >> 24);
        }
        const pipc_result result = serve(&s, state % 3000, 1, &received);
        CHECK(result == PIPC_OK || result == PIPC_ERR_PROTOCOL);
        const pipc_result client = shm_get(&s.f, s.p.client, NULL, 0, SHM_NOW, &received);
        CHECK(client != PIPC_OK || received.len == 0 || received.flags);
        close_scene(&s);
    }
}

TEST(shm_hostile, buffer_without_room_for_a_header_takes_nothing)
{
    struct scene s;
    struct pipc_received received;
    uint8_t got[64];

    open_scene(&s);
    shm_must_put(&s.f, s.p.client, shm_message(1, 40), 40);
    CHECK_RESULT(shm_get(&s.f, s.p.server, got, 31, TEST_LONG, &received), PIPC_ERR_BAD_PARAM);
    shm_must_get(&s.f, s.p.server, shm_message(1, 40), 40);
    close_scene(&s);
}
