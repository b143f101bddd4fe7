/* SPDX-License-Identifier: Apache-2.0
 *
 * Owners that lie or do nothing, as a client meets them over real sockets: every field of their
 * answers with every value that hurt somebody, a queue that nobody empties, a goodbye right behind
 * the answer.
 *
 * The owner is one thread that sends the bytes it was given; they are set between connections.
 */
#include "base_memory.h"
#include "client_script.h"
#include "pitfalls_fields.h"
#include "test.h"
#include "uds_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- the owner ---- */

struct liar {
    pthread_t thread;
    pthread_mutex_t lock;
    int listener;
    bool stop;
    uint8_t ack[PIPC_HEADER_LEN + PIPC_HELLO_ACK_LEN];
    uint8_t answer[PIPC_HEADER_LEN + 8]; /* its id is that of the request */
    bool own_id;                         /* the answer's id as it stands there */
    bool hang_up;                        /* closes right behind the answer */
};

static struct liar liar;

static bool is_over(void)
{
    pthread_mutex_lock(&liar.lock);
    const bool stop = liar.stop;
    pthread_mutex_unlock(&liar.lock);
    return stop;
}

/* A packet within a while; 0 at the end of the stream or of the test. */
static ssize_t next_packet(int fd, uint8_t *buf, size_t size)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    while (poll(&p, 1, 10) == 0) {
        if (is_over())
            return 0;
    }
    return recv(fd, buf, size, 0);
}

static void serve_one(int fd)
{
    uint8_t packet[256], ack[sizeof(liar.ack)], answer[sizeof(liar.answer)];

    if (next_packet(fd, packet, sizeof(packet)) <= 0)
        return;
    pthread_mutex_lock(&liar.lock);
    memcpy(ack, liar.ack, sizeof(ack));
    memcpy(answer, liar.answer, sizeof(answer));
    const bool own_id = liar.own_id, hang_up = liar.hang_up;
    pthread_mutex_unlock(&liar.lock);
    if (send(fd, ack, sizeof(ack), MSG_NOSIGNAL) < 0)
        return;
    while (next_packet(fd, packet, sizeof(packet)) >= PIPC_HEADER_LEN) {
        if (!own_id)
            memcpy(answer + 24, packet + 24, 8);
        if (send(fd, answer, sizeof(answer), MSG_NOSIGNAL) < 0 || hang_up)
            return;
    }
}

static void *serve(void *arg)
{
    struct pollfd p = {.fd = liar.listener, .events = POLLIN};

    (void)arg;
    while (!is_over()) {
        if (poll(&p, 1, 10) <= 0)
            continue;
        const int fd = accept(liar.listener, NULL, NULL);
        if (fd < 0)
            continue;
        serve_one(fd);
        close(fd);
    }
    return NULL;
}

static struct pipc_hello_ack good_ack(void)
{
    return (struct pipc_hello_ack){.layout_version = 1,
                                   .server_supported_profiles = PIPC_PROFILE_BASELINE,
                                   .intersection_profiles = PIPC_PROFILE_BASELINE,
                                   .selected_profile = PIPC_PROFILE_BASELINE,
                                   .agreed_max_request_payload_bytes = 1024,
                                   .agreed_max_request_batch_items = 1,
                                   .agreed_max_response_payload_bytes = 65536,
                                   .agreed_max_response_batch_items = 1,
                                   .agreed_packet_size = 4096,
                                   .session_id = 1};
}

static struct pipc_header control_header(void)
{
    return (struct pipc_header){.magic = PIPC_MAGIC,
                                .version = PIPC_WIRE_VERSION,
                                .header_len = PIPC_HEADER_LEN,
                                .kind = PIPC_KIND_CONTROL,
                                .code = PIPC_CODE_HELLO_ACK,
                                .payload_len = PIPC_HELLO_ACK_LEN,
                                .item_count = 1};
}

static struct pipc_header answer_header(void)
{
    return (struct pipc_header){.magic = PIPC_MAGIC,
                                .version = PIPC_WIRE_VERSION,
                                .header_len = PIPC_HEADER_LEN,
                                .kind = PIPC_KIND_RESPONSE,
                                .code = 1,
                                .payload_len = 8,
                                .item_count = 1};
}

/* What the next connections get: a right answer of the number 42. */
static void set_good(void)
{
    const struct pipc_hello_ack ack = good_ack();
    struct pipc_header header = control_header();
    const uint64_t value = 42;

    pthread_mutex_lock(&liar.lock);
    pipc_header_encode(&header, liar.ack, sizeof(liar.ack));
    pipc_hello_ack_encode(&ack, liar.ack + PIPC_HEADER_LEN, PIPC_HELLO_ACK_LEN);
    header = answer_header();
    pipc_header_encode(&header, liar.answer, sizeof(liar.answer));
    memcpy(liar.answer + PIPC_HEADER_LEN, &value, sizeof(value));
    liar.own_id = liar.hang_up = false;
    pthread_mutex_unlock(&liar.lock);
}

static void set_field(uint8_t *packet, const struct field *field, uint64_t value)
{
    pthread_mutex_lock(&liar.lock);
    field_put(packet, field, value);
    pthread_mutex_unlock(&liar.lock);
}

static void liar_start(void)
{
    memset(&liar, 0, sizeof(liar));
    CHECK(pthread_mutex_init(&liar.lock, NULL) == 0);
    set_good();
    liar.listener = uds_raw_listen(test_path(SCRIPT_SERVICE ".sock"), SOCK_SEQPACKET, 16);
    CHECK(pthread_create(&liar.thread, NULL, serve, NULL) == 0);
}

static void liar_stop(void)
{
    pthread_mutex_lock(&liar.lock);
    liar.stop = true;
    pthread_mutex_unlock(&liar.lock);
    CHECK(pthread_join(liar.thread, NULL) == 0);
    close(liar.listener);
    pthread_mutex_destroy(&liar.lock);
}

/* ---- H5: every field of HELLO_ACK ---- */

enum verdict {
    TAKEN,
    PROTOCOL,
    INCOMPATIBLE,
    CEILING /* above the largest response that the client takes */
};

struct ack_row {
    struct field field;
    enum verdict at[6]; /* for 0, 1, 32, 33, 2^31, 2^32 - 1 */
};

static const uint64_t ack_values[6] = {0, 1, 32, 33, UINT64_C(1) << 31, UINT32_MAX};

/* In a field of two bytes 2^31 is 0 and 2^32 - 1 is 65535. */
static const struct ack_row ack_rows[] = {
    {{"layout_version", PIPC_HEADER_LEN + 0, 2, 0, {0, 0}},
     {INCOMPATIBLE, TAKEN, INCOMPATIBLE, INCOMPATIBLE, INCOMPATIBLE, INCOMPATIBLE}},
    {{"flags", PIPC_HEADER_LEN + 2, 2, 0, {0, 0}},
     {TAKEN, PROTOCOL, PROTOCOL, PROTOCOL, TAKEN, PROTOCOL}},
    {{"server_supported_profiles", PIPC_HEADER_LEN + 4, 4, 0, {0, 0}},
     {TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN}},
    {{"intersection_profiles", PIPC_HEADER_LEN + 8, 4, 0, {0, 0}},
     {TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN}},
    {{"selected_profile", PIPC_HEADER_LEN + 12, 4, 0, {0, 0}},
     {PROTOCOL, TAKEN, PROTOCOL, PROTOCOL, PROTOCOL, PROTOCOL}},
    {{"agreed_max_request_payload_bytes", PIPC_HEADER_LEN + 16, 4, 0, {0, 0}},
     {TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN}},
    {{"agreed_max_request_batch_items", PIPC_HEADER_LEN + 20, 4, 0, {0, 0}},
     {TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN}},
    {{"agreed_max_response_payload_bytes", PIPC_HEADER_LEN + 24, 4, 0, {0, 0}},
     {TAKEN, TAKEN, TAKEN, TAKEN, CEILING, CEILING}},
    {{"agreed_max_response_batch_items", PIPC_HEADER_LEN + 28, 4, 0, {0, 0}},
     {TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN}},
    {{"agreed_packet_size", PIPC_HEADER_LEN + 32, 4, 0, {0, 0}},
     {PROTOCOL, PROTOCOL, PROTOCOL, TAKEN, PROTOCOL, PROTOCOL}},
    {{"padding", PIPC_HEADER_LEN + 36, 4, 0, {0, 0}}, {TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN}},
    {{"session_id", PIPC_HEADER_LEN + 40, 8, 0, {0, 0}},
     {TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN}},
};

static size_t largest; /* block that was asked for */

static void *note_alloc(void *arg, size_t size)
{
    struct base_memory *memory = arg;

    if (size > largest)
        largest = size;
    return memory->allocator.alloc(memory->allocator.arg, size);
}

static const pipc_result verdicts[] = {[TAKEN] = PIPC_OK,
                                       [PROTOCOL] = PIPC_ERR_PROTOCOL,
                                       [INCOMPATIBLE] = PIPC_ERR_INCOMPATIBLE,
                                       [CEILING] = PIPC_ERR_LIMIT_EXCEEDED};

TEST(pitfalls_liar, every_field_of_an_acknowledgement_with_every_odd_value_takes_no_memory)
{
    struct base_memory memory;
    struct pipc_allocator noting;
    struct rusage before, after;

    test_needs_packets(
        "this liar speaks packets, and HELLO_ACK is read from the carrier in any case");
    base_memory_init(&memory);
    noting = memory.allocator;
    noting.alloc = note_alloc;
    noting.arg = &memory;
    struct pipc_context *context = script_context(&noting);
    liar_start();
    largest = 0;
    getrusage(RUSAGE_SELF, &before);
    for (unsigned r = 0; r < sizeof(ack_rows) / sizeof(ack_rows[0]); r++) {
        for (unsigned v = 0; v < 6; v++) {
            const struct ack_row *row = &ack_rows[r];
            struct pipc_error err = PIPC_ERROR_INIT;
            struct pipc_client *client = script_client(context, NULL, true);
            set_good();
            set_field(liar.ack, &row->field, ack_values[v]);
            const pipc_result result = pipc_client_refresh_timeout(client, 0, NULL, &err);
            CHECK_MSG(result == verdicts[row->at[v]], "%s = %llu: %s: %s", row->field.name,
                      (unsigned long long)ack_values[v], pipc_result_name(result), err.text);
            CHECK_EQ(pipc_client_ready(client), result == PIPC_OK);
            pipc_client_destroy(client);
        }
    }
    getrusage(RUSAGE_SELF, &after);
    CHECK_MSG(largest <= 65536, "a block of %zu bytes was asked for", largest);
    CHECK_MSG(after.ru_maxrss - before.ru_maxrss < 8192 * (long)test_slow(), "%ld KiB more",
              after.ru_maxrss - before.ru_maxrss);
    liar_stop();
    script_context_close(context);
    CHECK_EQ(memory.live, 0);
}

/* ---- H8: every field of the headers that a client gets ---- */

TEST(pitfalls_liar, one_wrong_field_in_the_header_of_an_acknowledgement_is_never_taken)
{
    static const struct field fields[] = {
        {"magic", 0, 4, PIPC_MAGIC, {PIPC_MAGIC, PIPC_MAGIC}},
        {"version", 4, 2, 1, {1, 1}},
        {"header_len", 6, 2, 32, {32, 32}},
        {"kind", 8, 2, PIPC_KIND_CONTROL, {PIPC_KIND_CONTROL, PIPC_KIND_CONTROL}},
        {"flags", 10, 2, 0, {FIELD_ANY, FIELD_ANY}},
        {"code", 12, 2, PIPC_CODE_HELLO_ACK, {PIPC_CODE_HELLO_ACK, PIPC_CODE_HELLO_ACK}},
        {"transport_status", 14, 2, 0, {0, 0}},
        {"payload_len", 16, 4, PIPC_HELLO_ACK_LEN, {FIELD_ANY, FIELD_ANY}},
        {"item_count", 20, 4, 1, {FIELD_ANY, FIELD_ANY}},
        {"message_id", 24, 8, 0, {FIELD_ANY, FIELD_ANY}},
    };
    struct pipc_context *context = script_context(NULL);
    uint64_t values[FIELD_VALUES_MAX];

    test_needs_packets(
        "this liar speaks packets, and HELLO_ACK is read from the carrier in any case");
    liar_start();
    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const unsigned count = field_values(&fields[i], values);
        for (unsigned v = 0; v < count; v++) {
            struct pipc_client *client = script_client(context, NULL, true);
            set_good();
            set_field(liar.ack, &fields[i], values[v]);
            const pipc_result result = pipc_client_refresh_timeout(client, 0, NULL, NULL);
            CHECK_MSG((result == PIPC_OK) == field_passes(&fields[i], values[v]), "%s = 0x%llx: %s",
                      fields[i].name, (unsigned long long)values[v], pipc_result_name(result));
            pipc_client_destroy(client);
        }
    }
    liar_stop();
    script_context_close(context);
}

TEST(pitfalls_liar, one_wrong_field_in_the_header_of_an_answer_never_gives_a_result)
{
    static const struct field fields[] = {
        {"magic", 0, 4, PIPC_MAGIC, {PIPC_MAGIC, PIPC_MAGIC}},
        {"version", 4, 2, 1, {1, 1}},
        {"header_len", 6, 2, 32, {32, 32}},
        {"kind", 8, 2, PIPC_KIND_RESPONSE, {PIPC_KIND_RESPONSE, PIPC_KIND_RESPONSE}},
        /* the bit of batches is judged, the others are not */
        {"flags", 10, 2, 0, {FIELD_ANY, FIELD_ANY}},
        {"code", 12, 2, 1, {1, 1}},
        {"transport_status", 14, 2, 0, {0, 0}},
        {"payload_len", 16, 4, 8, {8, 8}},
        /* above the agreed number it is refused, although it is the count of a single answer */
        {"item_count", 20, 4, 1, {0, 1}},
        {"message_id", 24, 8, 1, {1, 1}},
    };
    struct pipc_context *context = script_context(NULL);
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .connect_timeout_ms = TEST_LONG};
    uint64_t values[FIELD_VALUES_MAX];

    test_needs_packets(
        "this liar speaks packets, and HELLO_ACK is read from the carrier in any case");
    liar_start();
    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const unsigned count = field_values(&fields[i], values);
        for (unsigned v = 0; v < count; v++) {
            struct pipc_client *client = script_client(context, &config, true);
            uint64_t value = 7;
            const bool batch = fields[i].offset == 10 && (values[v] & PIPC_FLAG_BATCH);
            set_good();
            CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
            pipc_client_drop(client);
            set_field(liar.answer, &fields[i], values[v]);
            if (fields[i].offset == 24) {
                pthread_mutex_lock(&liar.lock);
                liar.own_id = true;
                pthread_mutex_unlock(&liar.lock);
            }
            CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
            /* A length that is too large within the limits leaves the client waiting for more. */
            const bool good = field_passes(&fields[i], values[v]) && !batch;
            const pipc_result result = script_call(client, 41, &value, good ? 0 : 15, NULL);
            CHECK_MSG((result == PIPC_OK) == good, "%s = 0x%llx: %s", fields[i].name,
                      (unsigned long long)values[v], pipc_result_name(result));
            CHECK_EQ(value, result == PIPC_OK ? 42 : 0);
            pipc_client_destroy(client);
        }
    }
    liar_stop();
    script_context_close(context);
}

/* ---- F7: data before close ---- */

TEST(pitfalls_liar, an_answer_with_a_goodbye_right_behind_it_is_always_seen)
{
    struct pipc_context *context = script_context(NULL);
    const unsigned rounds = test_scale(10000);

    test_needs_packets(
        "this liar speaks packets, and HELLO_ACK is read from the carrier in any case");
    liar_start();
    pthread_mutex_lock(&liar.lock);
    liar.hang_up = true;
    pthread_mutex_unlock(&liar.lock);
    struct pipc_client *client = script_client(context, NULL, true);
    for (unsigned i = 0; i < rounds; i++) {
        struct pipc_error err = PIPC_ERROR_INIT;
        uint64_t value = 0;
        CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, NULL));
        CHECK_MSG(script_call(client, 41, &value, 0, &err) == PIPC_OK, "call %u: %s", i, err.text);
        CHECK_EQ(value, 42);
        pipc_client_drop(client);
    }
    CHECK_EQ(script_status(client).error_count, 0);
    pipc_client_destroy(client);
    liar_stop();
    script_context_close(context);
}

/* ---- H3: a queue that nobody empties ---- */

TEST(pitfalls_liar, a_full_queue_is_waited_for_and_is_no_absent_owner)
{
    struct pipc_context *context = script_context(NULL);
    struct pipc_error err = PIPC_ERROR_INIT;
    const char *const path = test_path(SCRIPT_SERVICE ".sock");
    const struct sockaddr_un address = uds_address(path);
    const int listener = uds_raw_listen(path, SOCK_SEQPACKET, 1);
    int waiting[8], count = 0;

    for (; count < 8; count++) {
        waiting[count] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
        if (connect(waiting[count], (const struct sockaddr *)&address, sizeof(address)) != 0)
            break;
    }
    CHECK(count >= 1 && count < 8 && errno == EAGAIN);
    struct pipc_client *client = script_client(context, NULL, false);
    const uint64_t begin = test_now_ms();
    CHECK_RESULT(pipc_client_refresh_timeout(client, 300, NULL, &err), PIPC_ERR_TIMEOUT);
    const uint64_t took = test_now_ms() - begin;
    CHECK_MSG(took >= 299 && took < test_limit(450), "took %u ms", (unsigned)took);
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_DISCONNECTED);
    CHECK_HAS(err.text, path);
    for (int i = 0; i <= count; i++)
        close(waiting[i]);
    close(listener);
    /* Now nobody is there, and that is something else. */
    CHECK_RESULT(pipc_client_refresh_timeout(client, TEST_LONG, NULL, &err), PIPC_ERR_CONNECT);
    CHECK_EQ(script_status(client).state, PIPC_CLIENT_NOT_FOUND);
    pipc_client_destroy(client);
    script_context_close(context);
}
