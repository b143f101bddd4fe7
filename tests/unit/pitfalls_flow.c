/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients that push as much as they can and read nothing, sizes that they only announce, packets of
 * one byte of payload, and fields that are wrong one at a time, against a running server.
 */
#include "pitfalls_fields.h"
#include "server_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- C7: both sides have much to send ---- */

#define LARGE     204800u
#define PIPELINED 12u

struct pusher {
    pthread_t thread;
    struct raw *raw;
    uint8_t *bytes;
    bool sent; /* everything went out */
};

static void *push(void *arg)
{
    struct pusher *p = arg;

    p->sent = true;
    for (uint32_t i = 0; i < PIPELINED && p->sent; i++)
        p->sent = raw_request(p->raw, i, p->bytes, LARGE);
    return NULL;
}

static bool has_begun(void *arg)
{
    return server_status(arg).requests >= 1;
}

static void start_large(struct hosted *hosted, struct raw *raw, struct pusher *p)
{
    struct pipc_server_config config = server_config();
    struct pipc_hello hello = raw_hello();

    config.max_request_payload_bytes = 1u << 18;
    config.max_response_payload_bytes = 1u << 18;
    hello.max_request_payload_bytes = 1u << 18;
    server_start(hosted, NULL, "scripted", NULL, 3, &config);
    raw_open_with(raw, &hello);
    *p = (struct pusher){.raw = raw, .bytes = malloc(LARGE)};
    CHECK(p->bytes != NULL);
    memset(p->bytes, SCRIPT_ECHO, LARGE);
    CHECK(pthread_create(&p->thread, NULL, push, p) == 0);
    test_wait_until(has_begun, hosted, 10000, "the first large request is read");
}

TEST(pitfalls_flow, pipelined_large_requests_with_a_paused_reader_are_all_answered)
{
    struct hosted hosted;
    struct raw raw;
    struct pusher p;
    uint8_t *answer = malloc(LARGE);

    test_needs_packets("nobody can send more than one message");
    CHECK(answer != NULL);
    start_large(&hosted, &raw, &p);
    /* The server waits for room to answer, the client for room to ask; nobody else feels it. */
    for (unsigned i = 0; i < 20; i++)
        raw_expect_new_client(1000);
    for (uint32_t i = 0; i < PIPELINED; i++) {
        struct pipc_header header;
        memset(answer, 0, LARGE);
        CHECK_EQ((uint64_t)raw_answer(&raw, &header, answer, LARGE), LARGE);
        CHECK_EQ(header.message_id, i);
        CHECK_EQ(header.transport_status, PIPC_STATUS_OK);
        CHECK_MEM(answer, p.bytes, LARGE);
    }
    CHECK(pthread_join(p.thread, NULL) == 0);
    CHECK(p.sent);
    raw_close(&raw);
    free(answer);
    free(p.bytes);
    server_end(&hosted);
}

TEST(pitfalls_flow, stop_does_not_wait_for_two_sides_that_wait_for_each_other)
{
    struct hosted hosted;
    struct raw raw;
    struct pusher p;

    test_needs_packets("nobody can send more than one message");
    start_large(&hosted, &raw, &p);
    raw_expect_new_client(1000);
    const uint64_t begin = test_now_ms();
    server_end(&hosted);
    CHECK_MSG(test_now_ms() - begin < test_limit(1000), "took %u ms",
              (unsigned)(test_now_ms() - begin));
    CHECK(pthread_join(p.thread, NULL) == 0);
    CHECK(!p.sent); /* there was more than the sockets hold */
    raw_close(&raw);
    free(p.bytes);
}

/* ---- C8: one byte of payload in a packet ---- */

struct tiny {
    pthread_t thread;
    struct raw raw;
    long len;
    uint64_t took_ms;
    uint8_t bytes[65535];
};

static void *fetch_tiny(void *arg)
{
    struct tiny *t = arg;
    uint8_t script[8];
    struct pipc_header header;
    const uint64_t begin = test_now_ms();

    if (!raw_request(&t->raw, 1, script, script_u32(script, SCRIPT_LENGTH, sizeof(t->bytes))))
        return NULL;
    t->len = raw_answer(&t->raw, &header, t->bytes, sizeof(t->bytes));
    t->took_ms = test_now_ms() - begin;
    return NULL;
}

TEST(pitfalls_flow, packets_of_33_bytes_cost_others_nothing)
{
    static struct tiny t;
    struct hosted hosted;
    struct raw other;
    struct pipc_hello hello = raw_hello();
    uint64_t worst = 0;

    hello.packet_size = 33;
    server_start(&hosted, NULL, "scripted", NULL, 2, NULL);
    raw_open_with(&t.raw, &hello);
    CHECK_EQ(t.raw.ack.agreed_packet_size, 33);
    raw_open(&other);
    CHECK(pthread_create(&t.thread, NULL, fetch_tiny, &t) == 0);
    for (unsigned i = 0; i < 200; i++) {
        const uint64_t begin = test_now_ms();
        raw_expect_service(&other);
        worst = test_now_ms() - begin > worst ? test_now_ms() - begin : worst;
    }
    CHECK(pthread_join(t.thread, NULL) == 0);
    CHECK_EQ((uint64_t)t.len, sizeof(t.bytes));
    for (unsigned i = 0; i < sizeof(t.bytes); i++)
        CHECK_EQ(t.bytes[i], (uint8_t)(i * 7));
    /* far inside the 30 s of a message */
    CHECK_MSG(t.took_ms < 10000 * test_slow(), "65535 packets took %u ms", (unsigned)t.took_ms);
    CHECK_MSG(worst < test_limit(500), "another client waited for %u ms", (unsigned)worst);
    raw_close(&t.raw);
    raw_close(&other);
    server_end(&hosted);
}

/* ---- C9: sizes that are only announced ---- */

#define ANNOUNCERS 100

static uint64_t resident_bytes(void)
{
    unsigned long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    CHECK(f != NULL);
    CHECK(fscanf(f, "%lu %lu", &size, &resident) == 2);
    fclose(f);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

TEST(pitfalls_flow, a_hundred_announced_maxima_take_less_than_a_packet_each)
{
    static struct raw raws[ANNOUNCERS];
    struct hosted hosted;
    struct pipc_server_config config = server_config();
    test_needs_packets("no message is announced before it is there");
    struct pipc_hello hello = raw_hello();
    const struct pipc_header header = raw_header(2, 16u << 20);
    uint8_t head[PIPC_HEADER_LEN], part[68] = {0};

    if (test_sanitized())
        test_skip("under a sanitizer memory is another one");
    config.max_request_payload_bytes = 16u << 20;
    hello.max_request_payload_bytes = 16u << 20;
    hello.packet_size = 65536;
    server_start(&hosted, NULL, "scripted", NULL, ANNOUNCERS, &config);
    pipc_header_encode(&header, head, sizeof(head));
    for (unsigned i = 0; i < ANNOUNCERS; i++) {
        raw_open_with(&raws[i], &hello);
        raw_expect_service(&raws[i]); /* its thread, its first buffers */
    }
    const uint64_t before = resident_bytes();
    for (unsigned i = 0; i < ANNOUNCERS; i++)
        CHECK(raw_packet(&raws[i], head, sizeof(head), part, sizeof(part)));
    /* All of them are inside a message when the first to leave are gone. */
    for (unsigned i = 0; i < ANNOUNCERS; i += 50)
        raw_close(&raws[i]);
    server_wait_sessions(&hosted, ANNOUNCERS - 2);
    const uint64_t after = resident_bytes();
    CHECK_MSG(after < before + (uint64_t)ANNOUNCERS * 65536, "%" PRIu64 " bytes more for each",
              (after - before) / ANNOUNCERS);
    for (unsigned i = 0; i < ANNOUNCERS; i++) {
        if (i % 50)
            raw_close(&raws[i]);
    }
    server_end(&hosted);
}

/* ---- H8: one wrong field at a time ---- */

/* How the server takes a packet. */
enum taken {
    SERVED, /* answered as if nothing were odd */
    REFUSED /* anything else: the end, an answer that says no, or the wait for more */
};

/* A message in one state of the conversation, and how it is taken. */
typedef enum taken (*play_fn)(const uint8_t *packet, size_t len);

/* Time for an answer: long where one is due, short where none should come. */
static unsigned patience_ms;

static void try_fields(const char *state, const struct field *fields, unsigned count,
                       const uint8_t *good, size_t len, play_fn play)
{
    uint8_t packet[128];
    uint64_t values[FIELD_VALUES_MAX];

    CHECK(len <= sizeof(packet));
    patience_ms = 10000;
    CHECK_EQ(play(good, len), SERVED);
    for (unsigned i = 0; i < count; i++) {
        const unsigned tries = field_values(&fields[i], values);
        for (unsigned v = 0; v < tries; v++) {
            memcpy(packet, good, len);
            field_put(packet, &fields[i], values[v]);
            const bool fine = field_passes(&fields[i], values[v]);
            patience_ms = fine ? 10000 : 15;
            const enum taken taken = play(packet, len);
            CHECK_MSG((taken == SERVED) == fine, "%s: %s = 0x%" PRIx64 "%s", state, fields[i].name,
                      values[v], taken == SERVED ? " is taken" : " is refused");
        }
    }
}

/* One packet of an answer: it must have come within the time. */
static enum taken judge(struct raw *raw, uint64_t id)
{
    struct pipc_header header;
    uint8_t buf[256];
    const long n = raw_answer_within(raw, patience_ms * test_slow(), &header, buf, sizeof(buf));
    const enum taken taken = n >= 0 && header.transport_status == PIPC_STATUS_OK ? SERVED : REFUSED;

    if (taken == SERVED && id != FIELD_ANY)
        CHECK_EQ(header.message_id, id);
    raw_close(raw);
    return taken;
}

/* The server that play_hello talks to. */
static const struct hosted *greeted;

static enum taken play_hello(const uint8_t *packet, size_t len)
{
    struct raw raw;
    struct pipc_header header;
    uint8_t answer[PIPC_HANDSHAKE_BUF_LEN];

    raw_connect(&raw);
    CHECK(raw_packet(&raw, packet, len, NULL, 0));
    const ssize_t n = recv(raw.fd, answer, sizeof(answer), 0);
    if (n > (ssize_t)PIPC_HEADER_LEN &&
        pipc_hello_ack_read(answer + PIPC_HEADER_LEN, (size_t)n - PIPC_HEADER_LEN, &raw.ack) ==
            PIPC_OK &&
        raw.ack.selected_profile != PIPC_PROFILE_BASELINE)
        (void)raw_region_attach(&raw.region, raw.path, raw.ack.session_id);
    raw_close(&raw);
    server_wait_sessions(greeted, 0); /* the next HELLO must find a slot */
    if (n <= 0)
        return REFUSED;
    CHECK_OK(pipc_header_decode(answer, (size_t)n, &header));
    return header.transport_status == PIPC_STATUS_OK ? SERVED : REFUSED;
}

TEST(pitfalls_flow, one_wrong_field_of_a_hello_is_refused)
{
    static const struct field fields[] = {
        {"magic", 0, 4, PIPC_MAGIC, {PIPC_MAGIC, PIPC_MAGIC}},
        {"version", 4, 2, 1, {1, 1}},
        {"header_len", 6, 2, 32, {32, 32}},
        {"kind", 8, 2, PIPC_KIND_CONTROL, {PIPC_KIND_CONTROL, PIPC_KIND_CONTROL}},
        {"code", 12, 2, PIPC_CODE_HELLO, {PIPC_CODE_HELLO, PIPC_CODE_HELLO}},
        /* what the page leaves unread */
        {"flags", 10, 2, 0, {FIELD_ANY, FIELD_ANY}},
        {"transport_status", 14, 2, 0, {FIELD_ANY, FIELD_ANY}},
        {"payload_len", 16, 4, PIPC_HELLO_LEN, {FIELD_ANY, FIELD_ANY}},
        {"item_count", 20, 4, 1, {FIELD_ANY, FIELD_ANY}},
        {"message_id", 24, 8, 0, {FIELD_ANY, FIELD_ANY}},
        {"layout_version", 32, 2, 1, {1, 1}},
        {"hello flags", 34, 2, 0, {0, 0}},
        {"padding", 60, 4, 0, {0, 0}},
        {"token", 64, 8, 0, {0, 0}},
    };
    struct hosted hosted;
    struct pipc_header header = raw_header(0, PIPC_HELLO_LEN);
    const struct pipc_hello hello = raw_hello();
    uint8_t packet[PIPC_HEADER_LEN + PIPC_HELLO_LEN];

    header.kind = PIPC_KIND_CONTROL;
    header.code = PIPC_CODE_HELLO;
    pipc_header_encode(&header, packet, sizeof(packet));
    pipc_hello_encode(&hello, packet + PIPC_HEADER_LEN, PIPC_HELLO_LEN);
    server_start(&hosted, NULL, "scripted", NULL, 8, NULL);
    greeted = &hosted;
    try_fields("HELLO", fields, sizeof(fields) / sizeof(fields[0]), packet, sizeof(packet),
               play_hello);
    server_end(&hosted);
}

static enum taken play_request(const uint8_t *packet, size_t len)
{
    struct raw raw;

    raw_open_soon(&raw);
    CHECK(raw_packet(&raw, packet, len, NULL, 0));
    return judge(&raw, FIELD_ANY);
}

TEST(pitfalls_flow, one_wrong_field_of_a_request_is_refused)
{
    static const struct field fields[] = {
        {"magic", 0, 4, PIPC_MAGIC, {PIPC_MAGIC, PIPC_MAGIC}},
        {"version", 4, 2, 1, {1, 1}},
        {"header_len", 6, 2, 32, {32, 32}},
        {"kind", 8, 2, PIPC_KIND_REQUEST, {PIPC_KIND_REQUEST, PIPC_KIND_REQUEST}},
        {"code", 12, 2, SCRIPTED_CODE, {SCRIPTED_CODE, SCRIPTED_CODE}},
        {"transport_status", 14, 2, 0, {FIELD_ANY, FIELD_ANY}},
        {"payload_len", 16, 4, 4, {4, 4}},
        {"message_id", 24, 8, 5, {FIELD_ANY, FIELD_ANY}},
    };
    struct hosted hosted;
    const struct pipc_header header = raw_header(5, 4);
    uint8_t packet[PIPC_HEADER_LEN + 4];

    pipc_header_encode(&header, packet, sizeof(packet));
    memcpy(packet + PIPC_HEADER_LEN, "echo", 4);
    server_start(&hosted, NULL, "scripted", NULL, 8, NULL);
    try_fields("request", fields, sizeof(fields) / sizeof(fields[0]), packet, sizeof(packet),
               play_request);
    server_end(&hosted);
}

/* 150 bytes in packets of 100: this is the second and last of three, or the last. */
static uint8_t body[150];

static void send_first(struct raw *raw)
{
    struct pipc_hello hello = raw_hello();
    const struct pipc_header header = raw_header(5, sizeof(body));
    uint8_t head[PIPC_HEADER_LEN];

    hello.packet_size = 100;
    raw_open_with(raw, &hello);
    pipc_header_encode(&header, head, sizeof(head));
    CHECK(raw_packet(raw, head, sizeof(head), body, 68));
}

static struct pipc_chunk chunk_at(uint32_t index)
{
    return (struct pipc_chunk){.magic = PIPC_CHUNK_MAGIC,
                               .version = PIPC_WIRE_VERSION,
                               .message_id = 5,
                               .total_message_len = PIPC_HEADER_LEN + sizeof(body),
                               .chunk_index = index,
                               .chunk_count = 3,
                               .chunk_payload_len = index == 1 ? 68 : 14};
}

static void send_chunk(struct raw *raw, uint32_t index)
{
    const struct pipc_chunk chunk = chunk_at(index);
    uint8_t head[PIPC_HEADER_LEN];

    pipc_chunk_encode(&chunk, head, sizeof(head));
    (void)raw_packet(raw, head, sizeof(head), body + 68u * index, chunk.chunk_payload_len);
}

static enum taken play_middle(const uint8_t *packet, size_t len)
{
    struct raw raw;

    send_first(&raw);
    CHECK(raw_packet(&raw, packet, len, NULL, 0));
    send_chunk(&raw, 2);
    return judge(&raw, 5);
}

static enum taken play_last(const uint8_t *packet, size_t len)
{
    struct raw raw;

    send_first(&raw);
    send_chunk(&raw, 1);
    CHECK(raw_packet(&raw, packet, len, NULL, 0));
    return judge(&raw, 5);
}

TEST(pitfalls_flow, one_wrong_field_of_a_chunk_is_refused)
{
    struct hosted hosted;
    uint8_t packet[128];

    test_needs_packets("there are no chunks");
    memset(body, SCRIPT_ECHO, sizeof(body));
    server_start(&hosted, NULL, "scripted", NULL, 8, NULL);
    for (uint32_t index = 1; index <= 2; index++) {
        const struct pipc_chunk chunk = chunk_at(index);
        const uint32_t len = chunk.chunk_payload_len, total = chunk.total_message_len;
        const struct field fields[] = {
            {"magic", 0, 4, PIPC_CHUNK_MAGIC, {PIPC_CHUNK_MAGIC, PIPC_CHUNK_MAGIC}},
            {"version", 4, 2, 1, {1, 1}},
            {"flags", 6, 2, 0, {0, 0}},
            {"message_id", 8, 8, 5, {5, 5}},
            {"total_message_len", 16, 4, total, {total, total}},
            {"chunk_index", 20, 4, index, {index, index}},
            {"chunk_count", 24, 4, 3, {3, 3}},
            {"chunk_payload_len", 28, 4, len, {len, len}},
        };
        pipc_chunk_encode(&chunk, packet, sizeof(packet));
        memcpy(packet + PIPC_HEADER_LEN, body, len);
        try_fields(index == 1 ? "middle chunk" : "last chunk", fields,
                   sizeof(fields) / sizeof(fields[0]), packet, PIPC_HEADER_LEN + len,
                   index == 1 ? play_middle : play_last);
    }
    raw_expect_new_client(1000);
    server_end(&hosted);
}
