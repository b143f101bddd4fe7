/* SPDX-License-Identifier: Apache-2.0
 *
 * Chunked messages (level1-wire-envelope.md 4) on receipt: what is understood, and every field
 * wrong alone, at the first, a middle and the last chunk; whole messages both ways between our own
 * sides.
 */
#include "session_rig.h"
#include "test.h"

#include <pthread.h>
#include <unistd.h>

#define PACKET 128u
#define LEN    300u

struct side {
    struct session_rig rig;
    struct pipc_session *session;
    int raw;
    struct pipc_header header;
    uint8_t packets[5][256];
    size_t lens[5];
    struct pipc_message got;
};

/* A server at packet size 128; the four packets of a message of 300 bytes are ready to be spoiled.
 */
static void start(struct side *s)
{
    struct pipc_hello hello = session_hello();

    memset(s, 0, sizeof(*s));
    session_control_reset();
    hello.packet_size = PACKET;
    session_rig_open(&s->rig, NULL, NULL);
    s->session = session_rig_server(&s->rig, &hello, &s->raw);
    s->header = session_header(PIPC_KIND_REQUEST, 7, LEN);
    for (uint32_t k = 0; k < 4; k++)
        s->lens[k] = session_raw_chunk(&s->header, PACKET, k, s->packets[k]);
}

static void done(struct side *s)
{
    pipc_session_close(s->session);
    close(s->raw);
    session_rig_close(&s->rig);
}

static void send_all(struct side *s, unsigned count)
{
    for (unsigned k = 0; k < count; k++)
        session_raw_send(s->raw, s->packets[k], s->lens[k]);
}

static pipc_result take(struct side *s)
{
    memset(&s->got, 0, sizeof(s->got));
    s->got.size = sizeof(s->got);
    return pipc_session_receive(s->session, 2000, 0, PIPC_NO_HANDLE, &s->got, NULL);
}

static void breaks(struct side *s, pipc_result result)
{
    CHECK_RESULT(take(s), result);
    CHECK_EQ(session_status(s->session).state, PIPC_SESSION_BROKEN);
    CHECK_RESULT(session_status(s->session).broken_by, result);
    CHECK_RESULT(take(s), PIPC_ERR_BROKEN);
    done(s);
}

/* Adds `delta` to a field of `width` bytes at `at` in chunk 1, 2 or 3: each breaks with CHUNK. */
static void field_breaks(size_t at, size_t width, int64_t delta)
{
    for (unsigned k = 1; k <= 3; k++) {
        struct side s;
        uint64_t value = 0;
        start(&s);
        memcpy(&value, s.packets[k] + at, width);
        value += (uint64_t)delta;
        memcpy(s.packets[k] + at, &value, width);
        send_all(&s, 4);
        breaks(&s, PIPC_ERR_CHUNK);
    }
}

TEST(session_chunks, message_is_put_together)
{
    struct side s;

    start(&s);
    send_all(&s, 4);
    CHECK_OK(take(&s));
    CHECK_EQ(s.got.payload_len, LEN);
    CHECK_EQ((uintptr_t)s.got.payload % 8, 0);
    CHECK(session_filled(s.got.payload, LEN));
    send_all(&s, 4); /* and again, in the same memory */
    CHECK_OK(take(&s));
    CHECK(session_filled(s.got.payload, LEN));
    done(&s);
}

TEST(session_chunks, wrong_magic_breaks)
{
    field_breaks(0, 4, 1);
}

TEST(session_chunks, wrong_version_breaks)
{
    field_breaks(4, 2, 1);
    field_breaks(4, 2, -1);
}

TEST(session_chunks, flags_break)
{
    field_breaks(6, 2, 1);
    field_breaks(6, 2, 0x8000);
}

TEST(session_chunks, wrong_message_id_breaks)
{
    field_breaks(8, 8, 1);
    field_breaks(8, 8, INT64_C(1) << 32);
}

TEST(session_chunks, wrong_total_breaks)
{
    field_breaks(16, 4, 1);
    field_breaks(16, 4, -1);
}

TEST(session_chunks, wrong_index_breaks)
{
    field_breaks(20, 4, 1);
    field_breaks(20, 4, -1);
}

TEST(session_chunks, wrong_count_breaks)
{
    field_breaks(24, 4, 1);
    field_breaks(24, 4, -1);
}

TEST(session_chunks, wrong_payload_length_breaks)
{
    field_breaks(28, 4, 1);
    field_breaks(28, 4, -1);
}

TEST(session_chunks, payload_length_0_breaks)
{
    struct side s;

    start(&s);
    memset(s.packets[1] + 28, 0, 4);
    send_all(&s, 4);
    breaks(&s, PIPC_ERR_CHUNK);
}

TEST(session_chunks, repeated_chunk_breaks)
{
    struct side s;

    start(&s);
    memcpy(s.packets[2], s.packets[1], 256);
    send_all(&s, 4);
    breaks(&s, PIPC_ERR_CHUNK);
}

TEST(session_chunks, continuation_of_31_bytes_breaks)
{
    struct side s;

    start(&s);
    s.lens[1] = 31;
    send_all(&s, 2);
    breaks(&s, PIPC_ERR_CHUNK);
}

TEST(session_chunks, continuation_of_exactly_32_bytes_breaks)
{
    struct side s;

    start(&s);
    s.lens[1] = 32;
    send_all(&s, 2);
    breaks(&s, PIPC_ERR_CHUNK);
}

TEST(session_chunks, continuation_above_the_packet_size_breaks)
{
    struct side s;

    start(&s);
    s.lens[1] = PACKET + 1;
    send_all(&s, 2);
    breaks(&s, PIPC_ERR_CHUNK);
}

TEST(session_chunks, last_chunk_that_passes_the_payload_breaks)
{
    const uint32_t one_more = 13;
    struct side s;

    start(&s);
    memcpy(s.packets[3] + 28, &one_more, 4);
    s.lens[3] = 32 + 13;
    send_all(&s, 4);
    breaks(&s, PIPC_ERR_CHUNK);
}

TEST(session_chunks, trailing_byte_breaks)
{
    struct side s;

    start(&s);
    s.lens[3]++;
    send_all(&s, 4);
    breaks(&s, PIPC_ERR_CHUNK);
}

TEST(session_chunks, outer_header_where_a_chunk_is_due_breaks)
{
    struct side s;

    start(&s);
    send_all(&s, 1);
    send_all(&s, 1);
    breaks(&s, PIPC_ERR_CHUNK);
}

TEST(session_chunks, surplus_chunk_is_no_message)
{
    const uint32_t index = 4;
    struct side s;

    start(&s);
    memcpy(s.packets[4], s.packets[3], 256);
    memcpy(s.packets[4] + 20, &index, 4);
    s.lens[4] = s.lens[3];
    send_all(&s, 5);
    CHECK_OK(take(&s));
    breaks(&s, PIPC_ERR_PROTOCOL);
}

TEST(session_chunks, surplus_chunk_of_an_incomplete_message_breaks)
{
    const uint32_t six = 6;
    struct side s;

    start(&s); /* the last chunk is split in two, the second has an index equal to the count */
    memcpy(s.packets[3] + 28, &six, 4);
    s.lens[3] = 32 + 6;
    send_all(&s, 4);
    breaks(&s, PIPC_ERR_CHUNK);
}

TEST(session_chunks, connection_closed_between_chunks_is_recv)
{
    struct side s;

    start(&s);
    send_all(&s, 3);
    close(s.raw);
    CHECK_RESULT(take(&s), PIPC_ERR_RECV);
    CHECK_EQ(session_status(s.session).state, PIPC_SESSION_BROKEN);
    s.raw = session_raw_connect(RIG_DIR, RIG_SERVICE);
    done(&s);
}

TEST(session_chunks, empty_packet_between_chunks_is_recv)
{
    struct side s;

    start(&s);
    send_all(&s, 2);
    session_raw_send(s.raw, "", 0);
    breaks(&s, PIPC_ERR_RECV);
}

TEST(session_chunks, failed_read_between_chunks_is_recv)
{
    struct side s;

    start(&s);
    send_all(&s, 4);
    session_control.receive = (struct session_fault){3, PIPC_ERR_RECV, 5};
    breaks(&s, PIPC_ERR_RECV);
}

/* ---- short packets that are understood ---- */

/* First packet with `first` payload bytes, then chunks of the given sizes, with the count that
 * follows. */
static void pieces(struct side *s, uint32_t first, const uint32_t *sizes, uint32_t n,
                   uint32_t count)
{
    uint8_t packet[256];
    uint32_t at = first;

    session_header_put(&s->header, packet);
    for (uint32_t i = 0; i < first; i++)
        packet[32 + i] = session_pattern(i);
    session_raw_send(s->raw, packet, 32 + first);
    for (uint32_t k = 0; k < n; k++) {
        const struct pipc_chunk chunk = {.magic = PIPC_CHUNK_MAGIC,
                                         .version = 1,
                                         .message_id = 7,
                                         .total_message_len = 32 + LEN,
                                         .chunk_index = k + 1,
                                         .chunk_count = count,
                                         .chunk_payload_len = sizes[k]};
        CHECK_EQ(pipc_chunk_encode(&chunk, packet, 32), 32);
        for (uint32_t i = 0; i < sizes[k]; i++)
            packet[32 + i] = session_pattern(at + i);
        session_raw_send(s->raw, packet, 32 + sizes[k]);
        at += sizes[k];
    }
}

TEST(session_chunks, first_packet_with_0_1_and_95_bytes_is_understood_when_the_count_follows)
{
    static const uint32_t firsts[] = {0, 1, 95};

    for (size_t i = 0; i < 3; i++) {
        const uint32_t left = LEN - firsts[i], n = (left + 95) / 96;
        uint32_t sizes[4] = {96, 96, 96, 96};
        struct side s;
        sizes[n - 1] = left - (n - 1) * 96;
        start(&s);
        pieces(&s, firsts[i], sizes, n, n + 1);
        CHECK_OK(take(&s));
        CHECK(s.got.payload_len == LEN && session_filled(s.got.payload, LEN));
        done(&s);
    }
}

TEST(session_chunks, short_first_packet_with_the_usual_count_breaks)
{
    const uint32_t sizes[4] = {96, 96, 96, 12};
    struct side s;

    start(&s);
    pieces(&s, 0, sizes, 4, 4); /* 5 would follow */
    breaks(&s, PIPC_ERR_CHUNK);
}

TEST(session_chunks, short_chunk_in_the_middle_is_understood_when_the_count_holds)
{
    const uint32_t sizes[3] = {96, 20, 88};
    struct side s;

    start(&s);
    pieces(&s, 96, sizes, 3, 4);
    CHECK_OK(take(&s));
    CHECK(s.got.payload_len == LEN && session_filled(s.got.payload, LEN));
    done(&s);
}

TEST(session_chunks, chunks_that_hold_too_little_break_at_the_last_index)
{
    const uint32_t sizes[3] = {1, 1, 1};
    struct side s;

    start(&s);
    pieces(&s, 96, sizes, 3, 4);
    breaks(&s, PIPC_ERR_CHUNK);
}

TEST(session_chunks, every_single_bit_flip_of_the_sequence_breaks_or_changes_payload_alone)
{
    for (unsigned k = 1; k < 4; k++)
        for (size_t bit = 0; bit < 40 * 8; bit += 3) {
            struct side s;
            start(&s);
            s.packets[k][bit / 8] ^= (uint8_t)(1u << bit % 8);
            send_all(&s, 4);
            if (bit < 32 * 8) {
                breaks(&s, PIPC_ERR_CHUNK);
                continue;
            }
            CHECK_OK(take(&s));
            CHECK(!session_filled(s.got.payload, LEN));
            done(&s);
        }
}

/* ---- whole messages both ways ---- */

struct echo {
    struct pipc_session *server;
    pipc_result result;
};

static void *echo_thread(void *arg)
{
    struct echo *const e = arg;
    struct pipc_message m;

    while ((e->result = session_receive(e->server, &m)) == PIPC_OK) {
        m.kind = PIPC_KIND_RESPONSE;
        e->result = session_send(e->server, &m);
        if (e->result != PIPC_OK)
            break;
    }
    return NULL;
}

static void round_trips(uint32_t packet_size, size_t limit, const size_t *lens, size_t count)
{
    struct pipc_session_settings settings = session_settings();
    struct pipc_session *client;
    struct session_rig rig;
    struct echo e = {0};
    pthread_t thread;
    uint8_t *const bytes = malloc(limit);

    CHECK(bytes);
    session_fill(bytes, limit);
    session_control_reset();
    settings.max_request_payload_bytes = (uint32_t)limit;
    settings.max_response_payload_bytes = (uint32_t)limit;
    settings.packet_size = packet_size;
    session_rig_open(&rig, NULL, &settings);
    session_rig_both(&rig, &settings, &client, &e.server);
    CHECK(pthread_create(&thread, NULL, echo_thread, &e) == 0);
    for (size_t i = 0; i < count; i++) {
        const struct pipc_message m = session_request(i, bytes, lens[i]);
        struct pipc_message got;
        CHECK_OK(session_send(client, &m));
        CHECK_OK(session_receive(client, &got));
        CHECK_EQ(got.payload_len, lens[i]);
        CHECK(session_filled(got.payload, lens[i]));
    }
    pipc_session_close(client);
    pthread_join(thread, NULL);
    CHECK_RESULT(e.result, PIPC_ERR_DISCONNECTED);
    pipc_session_close(e.server);
    session_rig_close(&rig);
    free(bytes);
}

TEST(session_chunks, messages_pass_both_ways_at_packet_size_33)
{
    static const size_t lens[] = {0, 1, 2, 3, 4000};

    round_trips(33, 4000, lens, 5);
}

TEST(session_chunks, messages_pass_both_ways_at_packet_size_128)
{
    static const size_t lens[] = {95, 96, 97, 192, 193, 65536};

    round_trips(128, 65536, lens, 6);
}

TEST(session_chunks, messages_of_1_mib_pass_both_ways_at_packet_size_65536)
{
    static const size_t lens[] = {65504, 65505, 131008, 131009, 1048576};

    round_trips(65536, 1048576, lens, 5);
}

TEST(session_chunks, messages_of_16_mib_pass_both_ways_at_the_default)
{
    static const size_t lens[] = {16777216, 1};

    round_trips(0, 16777216, lens, 2);
}
