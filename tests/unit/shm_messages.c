/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages over a region: sizes up to limit and area, turns, room in place, counters that begin
 * anywhere, and many exchanges with every way of waiting.
 */
#include "shm_fixture.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static void open_both(struct shm_fixture *f, struct shm_pair *p)
{
    shm_fixture_open(f);
    shm_pair_open(f, p);
}

static void close_both(struct shm_fixture *f, struct shm_pair *p)
{
    shm_pair_close(f, p);
    shm_fixture_close(f);
}

/* A request and an answer of these lengths. */
static void exchange(struct shm_fixture *f, struct shm_pair *p, uint32_t seed, size_t request,
                     size_t response)
{
    shm_must_put(f, p->client, shm_message(seed, request), request);
    shm_must_get(f, p->server, shm_message(seed, request), request);
    shm_must_put(f, p->server, shm_message(seed + 1, response), response);
    shm_must_get(f, p->client, shm_message(seed + 1, response), response);
}

TEST(shm_messages, of_32_and_33_bytes_and_of_exactly_the_limit_arrive)
{
    struct shm_fixture f;
    struct shm_pair p;

    open_both(&f, &p);
    exchange(&f, &p, 1, 32, 32);
    exchange(&f, &p, 2, 33, 33);
    exchange(&f, &p, 3, 32 + SHM_REQUEST_BYTES, 32 + SHM_RESPONSE_BYTES);
    close_both(&f, &p);
}

TEST(shm_messages, one_byte_above_the_limit_is_refused_and_nothing_is_written)
{
    struct shm_fixture f;
    struct shm_pair p;
    struct shm_header before;
    size_t size;
    uint8_t *area, *untouched;

    open_both(&f, &p);
    struct shm_header *const raw = shm_raw_map(shm_region_path(1), &size);
    area = (uint8_t *)raw + raw->request_offset;
    untouched = calloc(1, raw->request_capacity);
    before = *raw;
    CHECK_RESULT(shm_put(&f, p.client, shm_message(1, 2000), 33 + SHM_REQUEST_BYTES),
                 PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_HAS(f.err.text, "1057");
    CHECK_HAS(f.err.text, "1056");
    CHECK_MEM(raw, &before, sizeof(before));
    CHECK_MEM(area, untouched, raw->request_capacity);
    shm_must_put(&f, p.client, shm_message(1, 40), 40);
    shm_must_get(&f, p.server, shm_message(1, 40), 40);
    CHECK_RESULT(shm_put(&f, p.server, shm_message(1, 70000), 33 + SHM_RESPONSE_BYTES),
                 PIPC_ERR_LIMIT_EXCEEDED);
    shm_must_put(&f, p.server, shm_message(2, 40), 40);
    shm_must_get(&f, p.client, shm_message(2, 40), 40);
    free(untouched);
    munmap(raw, size);
    close_both(&f, &p);
}

TEST(shm_messages, that_fill_the_area_to_its_last_byte_arrive)
{
    struct shm_fixture f;
    struct shm_pair p;

    shm_fixture_open(&f);
    /* 32 + 1056 is a multiple of 64. */
    shm_pair_open_with(&f, &p, 1, 1056, 1056);
    CHECK_EQ(shm_inside(p.client)->out.capacity, 1088);
    exchange(&f, &p, 5, 1088, 1088);
    CHECK_RESULT(shm_put(&f, p.client, shm_message(1, 1089), 1089), PIPC_ERR_LIMIT_EXCEEDED);
    close_both(&f, &p);
}

TEST(shm_messages, an_empty_one_is_a_bad_parameter)
{
    struct shm_fixture f;
    struct shm_pair p;

    open_both(&f, &p);
    CHECK_RESULT(shm_put(&f, p.client, "", 0), PIPC_ERR_BAD_PARAM);
    exchange(&f, &p, 1, 32, 32);
    close_both(&f, &p);
}

TEST(shm_messages, second_request_before_the_answer_is_refused_and_the_region_unchanged)
{
    struct shm_fixture f;
    struct shm_pair p;
    struct pipc_received received;
    uint8_t got[64];
    size_t size;

    open_both(&f, &p);
    struct shm_header *const raw = shm_raw_map(shm_region_path(1), &size);
    shm_must_put(&f, p.client, shm_message(1, 40), 40);
    const struct shm_header before = *raw;
    CHECK_RESULT(shm_put(&f, p.client, shm_message(2, 40), 40), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_MEM(raw, &before, sizeof(before));
    /* It stays so after a timeout. */
    CHECK_RESULT(shm_get(&f, p.client, got, sizeof(got), 1, &received), PIPC_ERR_TIMEOUT);
    CHECK_RESULT(shm_put(&f, p.client, shm_message(2, 40), 40), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_MEM(raw, &before, sizeof(before));
    shm_must_get(&f, p.server, shm_message(1, 40), 40);
    munmap(raw, size);
    close_both(&f, &p);
}

TEST(shm_messages, second_answer_to_one_request_is_a_bad_parameter)
{
    struct shm_fixture f;
    struct shm_pair p;
    size_t size;

    open_both(&f, &p);
    struct shm_header *const raw = shm_raw_map(shm_region_path(1), &size);
    CHECK_RESULT(shm_put(&f, p.server, shm_message(1, 40), 40), PIPC_ERR_BAD_PARAM);
    exchange(&f, &p, 1, 40, 40);
    const struct shm_header before = *raw;
    CHECK_RESULT(shm_put(&f, p.server, shm_message(2, 40), 40), PIPC_ERR_BAD_PARAM);
    CHECK_MEM(raw, &before, sizeof(before));
    exchange(&f, &p, 3, 40, 40);
    munmap(raw, size);
    close_both(&f, &p);
}

TEST(shm_messages, late_answer_after_a_timeout_is_delivered)
{
    struct shm_fixture f;
    struct shm_pair p;
    struct pipc_received received;
    uint8_t got[64];

    open_both(&f, &p);
    shm_must_put(&f, p.client, shm_message(1, 40), 40);
    CHECK_RESULT(shm_get(&f, p.client, got, sizeof(got), 1, &received), PIPC_ERR_TIMEOUT);
    CHECK_RESULT(shm_get(&f, p.client, got, sizeof(got), SHM_NOW, &received), PIPC_ERR_TIMEOUT);
    shm_must_get(&f, p.server, shm_message(1, 40), 40);
    shm_must_put(&f, p.server, shm_message(2, 50), 50);
    shm_must_get(&f, p.client, shm_message(2, 50), 50);
    exchange(&f, &p, 3, 32, 32);
    close_both(&f, &p);
}

TEST(shm_messages, pieces_are_gathered_and_scattered)
{
    struct shm_fixture f;
    struct shm_pair p;
    const struct pipc_wait wait = shm_wait(SHM_EVER);
    struct pipc_received received = {.size = sizeof(received)};
    uint8_t bytes[100], got[100];

    open_both(&f, &p);
    memcpy(bytes, shm_message(9, sizeof(bytes)), sizeof(bytes));
    const struct pipc_piece out[3] = {{bytes, 32}, {bytes + 32, 1}, {bytes + 33, 67}};
    const struct pipc_piece in[2] = {{got, 32}, {got + 32, 68}};
    CHECK_OK(f.ops->send(p.client, out, 3, &wait, &f.err));
    CHECK_OK(f.ops->receive(p.server, in, 2, &wait, &received, &f.err));
    CHECK_EQ(received.len, 100);
    CHECK_MEM(got, bytes, 100);
    close_both(&f, &p);
}

TEST(shm_messages, built_in_place_arrive_and_room_can_be_given_up)
{
    struct shm_fixture f;
    struct shm_pair p;
    const struct pipc_wait now = shm_wait(SHM_NOW);
    void *room = NULL, *again = NULL;

    open_both(&f, &p);
    CHECK_OK(f.ops->reserve(p.client, 1056, &now, &room, &f.err));
    CHECK(room == shm_inside(p.client)->out.area);
    CHECK_OK(f.ops->reserve(p.client, 64, &now, &again, &f.err));
    CHECK(again == room);
    memcpy(room, shm_message(4, 64), 64);
    CHECK_OK(f.ops->commit(p.client, 60, &now, &f.err));
    shm_must_get(&f, p.server, shm_message(4, 64), 60);
    CHECK_RESULT(f.ops->reserve(p.client, 64, &now, &again, &f.err), PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_RESULT(f.ops->reserve(p.server, 33 + SHM_RESPONSE_BYTES, &now, &again, &f.err),
                 PIPC_ERR_LIMIT_EXCEEDED);
    CHECK_OK(f.ops->reserve(p.server, 100, &now, &again, &f.err));
    close_both(&f, &p);
}

TEST(shm_messages, packet_max_and_memory_tell_area_and_region)
{
    struct shm_fixture f;
    struct shm_pair p;

    open_both(&f, &p);
    CHECK_EQ(f.ops->packet_max(p.client, 0), 65600);
    CHECK_EQ(f.ops->packet_max(p.server, 100), 65600);
    CHECK_EQ(f.ops->memory(p.client), 64 + 1088 + 65600);
    CHECK_EQ(f.ops->memory(p.server), 64 + 1088 + 65600);
    CHECK_EQ(f.ops->look(p.client), PIPC_LOOK_NOTHING);
    shm_must_put(&f, p.client, shm_message(1, 40), 40);
    CHECK_EQ(f.ops->look(p.server), PIPC_LOOK_READABLE);
    close_both(&f, &p);
}

/* As if the region belonged to another user: bytes go through the descriptor. */
static void estrange(struct shm_pair *p)
{
    shm_inside(p->client)->by_file = true;
    shm_inside(p->server)->by_file = true;
}

TEST(shm_messages, bytes_of_a_foreign_region_go_through_its_descriptor)
{
    struct shm_fixture f;
    struct shm_pair p;
    const struct pipc_wait now = shm_wait(SHM_NOW);
    void *room = NULL;

    open_both(&f, &p);
    estrange(&p);
    exchange(&f, &p, 1, 32, 32);
    exchange(&f, &p, 2, 32 + SHM_REQUEST_BYTES, 32 + SHM_RESPONSE_BYTES);
    CHECK_RESULT(f.ops->reserve(p.client, 40, &now, &room, &f.err), PIPC_ERR_NOT_SUPPORTED);
    CHECK(!room);
    shm_must_put(&f, p.client, shm_message(3, 40), 40);
    shm_must_get(&f, p.server, shm_message(3, 40), 40);
    close_both(&f, &p);
}

TEST(shm_messages, foreign_region_that_is_cut_behind_its_words_ends_the_session_without_a_signal)
{
    struct shm_fixture f;
    struct shm_pair p;
    struct pipc_received received;
    uint8_t got[64];

    open_both(&f, &p);
    estrange(&p);
    shm_must_put(&f, p.client, shm_message(3, 40), 40);
    /* The page of the words stays; the rest of the message is not there any more. */
    CHECK(truncate(shm_region_path(1), 64) == 0);
    CHECK_RESULT(shm_get(&f, p.server, got, sizeof(got), TEST_LONG, &received),
                 PIPC_ERR_DISCONNECTED);
    CHECK_HAS(f.err.text, "cut off");
    CHECK_RESULT(shm_put(&f, p.server, shm_message(3, 40), 40), PIPC_ERR_SEND);
    close_both(&f, &p);
}

/* Both sides as if so many messages had passed already. */
static void begin_at(struct shm_pair *p, uint64_t seq, uint32_t signal)
{
    struct shm_channel *const ends[2] = {shm_inside(p->client), shm_inside(p->server)};

    for (int i = 0; i < 2; i++) {
        ends[i]->sent = ends[i]->taken = seq;
        ends[i]->signal = signal;
        __atomic_store_n(ends[i]->out.seq, seq, __ATOMIC_RELEASE);
        __atomic_store_n(ends[i]->out.signal, signal, __ATOMIC_RELEASE);
    }
}

TEST(shm_messages, counters_pass_2_32_and_signals_wrap_without_a_stall)
{
    struct shm_fixture f;
    struct shm_pair p;

    open_both(&f, &p);
    begin_at(&p, UINT32_MAX, UINT32_MAX);
    for (uint32_t i = 0; i < 4; i++)
        exchange(&f, &p, i, 40, 40);
    CHECK_EQ(shm_inside(p.client)->sent, UINT64_C(0x100000003));
    CHECK_EQ(shm_inside(p.client)->signal, 3);
    close_both(&f, &p);
}

/* ---- many exchanges ---- */

struct echo {
    struct shm_fixture *f;
    void *channel;
    pipc_result end;
};

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Answers until the other side ends: the same bytes, the last one changed. */
static void *run_echo(void *arg)
{
    struct echo *const e = arg;
    uint8_t *const bytes = malloc(70000);
    struct pipc_received received = {.size = sizeof(received)};
    const struct pipc_wait wait = shm_wait(SHM_EVER);

    for (;;) {
        struct pipc_piece piece = {bytes, 70000};
        e->end = e->f->ops->receive(e->channel, &piece, 1, &wait, &received, NULL);
        if (e->end != PIPC_OK || (received.flags & PIPC_RECEIVED_END))
            break;
        bytes[received.len - 1] ^= 0xff;
        piece.len = (size_t)received.len;
        e->end = e->f->ops->send(e->channel, &piece, 1, &wait, NULL);
        if (e->end != PIPC_OK)
            break;
    }
    free(bytes);
    return NULL;
}

static void many(uint32_t spin_us, uint32_t cpus, unsigned count)
{
    struct shm_fixture f;
    struct shm_pair p;
    pthread_t thread;
    uint32_t state = 7;
    static uint8_t sent[70000], got[70000];
    struct pipc_received received;

    shm_fixture_open_spinning(&f, spin_us);
    shm_pair_open_with(&f, &p, 1, 65536, 65536);
    shm_inside(p.client)->waiter.cpus = cpus;
    shm_inside(p.server)->waiter.cpus = cpus;
    struct echo echo = {&f, p.server, PIPC_OK};
    CHECK(pthread_create(&thread, NULL, run_echo, &echo) == 0);
    for (unsigned i = 0; i < count; i++) {
        const size_t len = 32 + next(&state) % (i % 16 == 0 ? 65536 : 256);
        for (size_t k = 0; k < len; k += 1 + k / 64)
            sent[k] = (uint8_t)next(&state);
        sent[len - 1] = (uint8_t)i;
        shm_must_put(&f, p.client, sent, len);
        CHECK_OK(shm_get(&f, p.client, got, sizeof(got), TEST_LONG, &received));
        CHECK_EQ(received.len, len);
        sent[len - 1] ^= 0xff;
        CHECK_MEM(got, sent, len);
    }
    shm_end(&f, &p.client);
    pthread_join(thread, NULL);
    CHECK_OK(echo.end);
    shm_pair_close(&f, &p);
    shm_fixture_close(&f);
}

TEST(shm_messages, many_exchanges_of_random_sizes_without_a_spin)
{
    many(0, 2, test_scale(100000));
}

TEST(shm_messages, many_exchanges_of_random_sizes_with_a_fixed_spin)
{
    many(5, 2, test_scale(100000));
}

TEST(shm_messages, many_exchanges_of_random_sizes_with_an_adaptive_spin)
{
    many(PIPC_SPIN_ADAPTIVE, 2, test_scale(100000));
}

TEST(shm_messages, many_exchanges_of_random_sizes_as_on_a_single_cpu)
{
    many(PIPC_SPIN_ADAPTIVE, 1, test_scale(100000));
}

/* Two sides over one mapping, so that a thread checker sees every access of both. */
TEST(shm_messages, two_threads_on_one_mapping_race_nowhere)
{
    struct shm_fixture f;
    struct shm_pair p;
    struct shm_channel *client;
    struct shm_header header;
    pthread_t thread;

    shm_fixture_open_spinning(&f, PIPC_SPIN_ADAPTIVE);
    shm_pair_open_with(&f, &p, 1, 1024, 1024);
    client = shm_inside(p.client);
    memcpy(&header, client->region.map, sizeof(header));
    shm_channel_bind(client, shm_inside(p.server)->region.map, &header);
    struct echo echo = {&f, p.server, PIPC_OK};
    CHECK(pthread_create(&thread, NULL, run_echo, &echo) == 0);
    for (unsigned i = 0; i < test_scale(20000); i++) {
        uint8_t bytes[200], got[200];
        struct pipc_received received;
        memcpy(bytes, shm_message(i, sizeof(bytes)), sizeof(bytes));
        shm_must_put(&f, p.client, bytes, sizeof(bytes));
        CHECK_OK(shm_get(&f, p.client, got, sizeof(got), TEST_LONG, &received));
        bytes[199] ^= 0xff;
        CHECK_MEM(got, bytes, sizeof(bytes));
    }
    shm_end(&f, &p.client);
    pthread_join(thread, NULL);
    CHECK_OK(echo.end);
    shm_pair_close(&f, &p);
    shm_fixture_close(&f);
}
