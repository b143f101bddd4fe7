/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers and raw clients for tests of the server.
 */
#include "server_fixture.h"

#include <unistd.h>

#define PATIENCE_MS 10000u

/* ---- context and server ---- */

struct pipc_context *server_context_full(const struct pipc_module *module, const char *section,
                                         const char *key, const char *value,
                                         const struct pipc_allocator *allocator)
{
    const struct pipc_open_options options = {.size = sizeof(options), .allocator = allocator};
    struct pipc_config *config = NULL;
    struct pipc_context *context = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_OK(pipc_config_new(NULL, &config));
    CHECK_OK(pipc_config_set(config, "pipc", "module_dir", PIPC_TEST_MODULE_DIR, &err));
    CHECK_OK(pipc_config_add_module(config, &pipc_module_scripted, &err));
    CHECK_OK(pipc_config_add_module(config, &pipc_module_scripted_single, &err));
    test_add_transports(config);
    if (!section || strcmp(key, "transports") != 0)
        test_choose_transports(config);
    if (module)
        CHECK_OK(pipc_config_add_module(config, module, &err));
    if (section)
        CHECK_OK(pipc_config_set(config, section, key, value, &err));
    CHECK_MSG(pipc_open(config, &options, &context, &err) == PIPC_OK, "%s", err.text);
    pipc_config_free(config);
    return context;
}

struct pipc_context *server_context_with(const struct pipc_module *module, const char *section,
                                         const char *key, const char *value)
{
    return server_context_full(module, section, key, value, NULL);
}

struct pipc_context *server_context(void)
{
    return server_context_with(NULL, NULL, NULL, NULL);
}

struct pipc_context *server_context_set(const char *section, const char *key, const char *value)
{
    return server_context_with(NULL, section, key, value);
}

static bool accept_all(void *user, const struct scripted_call *call)
{
    (void)user;
    (void)call;
    return true;
}

const struct scripted_handler *server_handler(void)
{
    static const struct scripted_handler handler = {.size = sizeof(handler),
                                                    .callback = accept_all};
    return &handler;
}

struct pipc_server_config server_config(void)
{
    return (struct pipc_server_config){.size = sizeof(struct pipc_server_config)};
}

static void *run(void *arg)
{
    struct hosted *hosted = arg;
    hosted->run_result = pipc_server_run(hosted->server, NULL);
    return NULL;
}

static bool is_running(void *arg)
{
    return server_status(arg).running;
}

void server_start(struct hosted *hosted, struct pipc_context *context, const char *codec,
                  const struct scripted_handler *handler, int workers,
                  const struct pipc_server_config *config)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    memset(hosted, 0, sizeof(*hosted));
    hosted->context = context ? context : server_context();
    CHECK_MSG(pipc_server_create(hosted->context, test_dir(), SERVICE, codec, 1,
                                 handler ? handler : server_handler(), workers, config,
                                 &hosted->server, &err) == PIPC_OK,
              "%s", err.text);
    CHECK_EQ(pthread_create(&hosted->thread, NULL, run, hosted), 0);
    hosted->running = true;
    /* So that it may be destroyed from now on: run has to be inside by then. */
    test_wait_until(is_running, hosted, PATIENCE_MS, "run is inside");
}

void server_join(struct hosted *hosted)
{
    if (hosted->running)
        CHECK_EQ(pthread_join(hosted->thread, NULL), 0);
    hosted->running = false;
}

void server_end(struct hosted *hosted)
{
    CHECK_OK(pipc_server_destroy(hosted->server));
    server_join(hosted);
    CHECK_OK(pipc_close(hosted->context));
}

struct pipc_server_status server_status(const struct hosted *hosted)
{
    struct pipc_server_status status = {.size = sizeof(status)};
    pipc_server_status(hosted->server, &status);
    return status;
}

struct wanted {
    const struct hosted *hosted;
    uint32_t count;
};

static bool has_sessions(void *arg)
{
    const struct wanted *wanted = arg;
    return server_status(wanted->hosted).sessions == wanted->count;
}

void server_wait_sessions(const struct hosted *hosted, uint32_t count)
{
    struct wanted wanted = {hosted, count};
    test_wait_until(has_sessions, &wanted, PATIENCE_MS, "number of sessions");
}

static bool has_handshakes(void *arg)
{
    const struct wanted *wanted = arg;
    return server_status(wanted->hosted).handshakes == wanted->count;
}

void server_wait_handshakes(const struct hosted *hosted, uint32_t count)
{
    struct wanted wanted = {hosted, count};
    test_wait_until(has_handshakes, &wanted, PATIENCE_MS, "number of handshakes");
}

/* ---- connecting ---- */

struct pipc_hello raw_hello(void)
{
    return (struct pipc_hello){.layout_version = 1,
                               .supported_profiles = test_profiles(),
                               .preferred_profiles = test_plane_bit(),
                               .max_request_payload_bytes = 1024,
                               .max_request_batch_items = 16,
                               .max_response_payload_bytes = 65536,
                               .max_response_batch_items = 16,
                               .packet_size = 65536};
}

void raw_connect_link(struct raw *raw, pipc_handle link)
{
    memset(raw, 0, sizeof(*raw));
    snprintf(raw->path, sizeof(raw->path), "%s/" SERVICE ".sock", test_dir());
    raw->fd = link;
}

void raw_connect_to(struct raw *raw, const char *service)
{
    raw_connect_link(raw, raw_link_connect(service));
    snprintf(raw->path, sizeof(raw->path), "%s/%s.sock", test_dir(), service);
}

void raw_connect(struct raw *raw)
{
    raw_connect_to(raw, SERVICE);
}

/* The next message of the region, as take() gives packets. A server that hangs up may have
 * published just before. */
static long take_region(struct raw *raw, unsigned ms, const struct raw_piece *pieces, int count)
{
    const uint64_t end = test_now_ms() + ms;
    for (;;) {
        const bool over = raw_link_ended(raw->fd);
        const uint64_t now = test_now_ms();
        const uint64_t left = now < end && !over ? end - now : 0;
        const long n =
            raw_region_take(&raw->region, left < 10 ? (unsigned)left : 10, pieces, count);
        if (n == RAW_REGION_END)
            return RAW_EOF;
        if (n != RAW_REGION_QUIET)
            return n;
        raw->quiet_ms = now;
        if (over)
            return RAW_EOF;
        if (left == 0)
            return RAW_QUIET;
    }
}

/* One packet into one or two buffers: its length, RAW_EOF, RAW_QUIET. */
static long take(struct raw *raw, unsigned ms, void *head, size_t head_len, void *rest,
                 size_t rest_len)
{
    const struct raw_piece pieces[2] = {{head, head_len}, {rest, rest_len}};
    const int count = rest_len ? 2 : 1;
    if (raw->region.map) {
        const long len = take_region(raw, ms, pieces, count);
        CHECK_MSG(len <= (long)(head_len + rest_len), "a message is longer than expected");
        return len;
    }
    if (!raw_link_await(raw->fd, NULL, (int)ms))
        return RAW_QUIET;
    const long n = raw_link_get(raw->fd, pieces, count);
    return n > 0 ? n : RAW_EOF;
}

/* After a good HELLO_ACK. A region can be attached now, unless the server has ended the session
 * again. */
static int begin_session(struct raw *raw, const struct pipc_hello *hello)
{
    const uint32_t selected = raw->ack.selected_profile;
    CHECK_EQ(selected & hello->supported_profiles, selected);
    if (selected == PIPC_PROFILE_BASELINE ||
        raw_region_attach(&raw->region, raw->path, raw->ack.session_id))
        return PIPC_STATUS_OK;
    raw_expect_eof(raw);
    return RAW_EOF;
}

int raw_shake(struct raw *raw, const struct pipc_hello *hello)
{
    uint8_t packet[PIPC_HANDSHAKE_BUF_LEN];
    struct pipc_header header = {.magic = PIPC_MAGIC,
                                 .version = PIPC_WIRE_VERSION,
                                 .header_len = PIPC_HEADER_LEN,
                                 .kind = PIPC_KIND_CONTROL,
                                 .code = PIPC_CODE_HELLO,
                                 .payload_len = PIPC_HELLO_LEN,
                                 .item_count = 1};
    pipc_header_encode(&header, packet, sizeof(packet));
    pipc_hello_encode(hello, packet + PIPC_HEADER_LEN, PIPC_HELLO_LEN);
    if (!raw_packet(raw, packet, PIPC_HEADER_LEN + PIPC_HELLO_LEN, NULL, 0))
        return RAW_EOF;
    const long n = take(raw, PATIENCE_MS * test_slow(), packet, sizeof(packet), NULL, 0);
    if (n == RAW_EOF)
        return RAW_EOF;
    CHECK_EQ(n, PIPC_HEADER_LEN + PIPC_HELLO_ACK_LEN);
    CHECK_OK(pipc_header_decode(packet, (size_t)n, &header));
    CHECK_EQ(header.kind, PIPC_KIND_CONTROL);
    CHECK_EQ(header.code, PIPC_CODE_HELLO_ACK);
    CHECK_OK(pipc_hello_ack_read(packet + PIPC_HEADER_LEN, PIPC_HELLO_ACK_LEN, &raw->ack));
    return header.transport_status == PIPC_STATUS_OK ? begin_session(raw, hello)
                                                     : header.transport_status;
}

void raw_open_with(struct raw *raw, const struct pipc_hello *hello)
{
    raw_connect(raw);
    const int status = raw_shake(raw, hello);
    CHECK_MSG(status == 0, "handshake ended with %d", status);
    if (hello->preferred_profiles == test_plane_bit())
        CHECK_EQ(raw->ack.selected_profile, test_plane_bit());
}

void raw_open(struct raw *raw)
{
    const struct pipc_hello hello = raw_hello();
    raw_open_with(raw, &hello);
}

int raw_try(struct raw *raw, const struct pipc_hello *hello)
{
    raw_connect(raw);
    const int status = raw_shake(raw, hello);
    if (status != 0)
        raw_close(raw);
    return status;
}

void raw_open_soon(struct raw *raw)
{
    const struct pipc_hello hello = raw_hello();
    const uint64_t end = test_now_ms() + (uint64_t)PATIENCE_MS * test_slow();
    int status = raw_try(raw, &hello);
    while (status == PIPC_STATUS_INTERNAL_ERROR && test_now_ms() < end) {
        usleep(1000);
        status = raw_try(raw, &hello);
    }
    CHECK_MSG(status == 0, "handshake ended with %d", status);
}

void raw_close(struct raw *raw)
{
    raw_region_close(&raw->region);
    raw_link_close(raw->fd);
    raw->fd = PIPC_NO_HANDLE;
}

/* ---- messages ---- */

struct pipc_header raw_header(uint64_t id, size_t payload_len)
{
    return (struct pipc_header){.magic = PIPC_MAGIC,
                                .version = PIPC_WIRE_VERSION,
                                .header_len = PIPC_HEADER_LEN,
                                .kind = PIPC_KIND_REQUEST,
                                .code = SCRIPTED_CODE,
                                .payload_len = (uint32_t)payload_len,
                                .item_count = 1,
                                .message_id = id};
}

static void *unconst(const void *p)
{
    void *q = NULL;
    memcpy(&q, &p, sizeof(q));
    return q;
}

bool raw_packet(struct raw *raw, const void *head, size_t head_len, const void *payload,
                size_t payload_len)
{
    const struct raw_piece pieces[2] = {{unconst(head), head_len}, {unconst(payload), payload_len}};
    const int count = payload_len ? 2 : 1;
    if (!raw->region.map)
        return raw_link_put(raw->fd, pieces, count);
    if (raw_link_ended(raw->fd))
        return false;
    raw->quiet_ms = test_now_ms();
    raw_region_publish(&raw->region, pieces, count);
    return true;
}

bool raw_message(struct raw *raw, const struct pipc_header *header, const void *payload)
{
    uint8_t head[PIPC_HEADER_LEN];
    const uint8_t *bytes = payload;
    const uint32_t share =
        raw->region.map ? UINT32_MAX : raw->ack.agreed_packet_size - PIPC_HEADER_LEN;
    uint32_t sent = header->payload_len < share ? header->payload_len : share;
    struct pipc_chunk chunk = {.magic = PIPC_CHUNK_MAGIC,
                               .version = PIPC_WIRE_VERSION,
                               .message_id = header->message_id,
                               .total_message_len = PIPC_HEADER_LEN + header->payload_len,
                               .chunk_count = (uint32_t)pipc_chunk_count(
                                   header->payload_len, sent, raw->ack.agreed_packet_size)};
    pipc_header_encode(header, head, sizeof(head));
    if (!raw_packet(raw, head, sizeof(head), bytes, sent))
        return false;
    while (sent < header->payload_len) {
        const uint32_t left = header->payload_len - sent;
        chunk.chunk_index++;
        chunk.chunk_payload_len = left < share ? left : share;
        pipc_chunk_encode(&chunk, head, sizeof(head));
        if (!raw_packet(raw, head, sizeof(head), bytes + sent, chunk.chunk_payload_len))
            return false;
        sent += chunk.chunk_payload_len;
    }
    return true;
}

bool raw_request(struct raw *raw, uint64_t id, const void *payload, size_t len)
{
    const struct pipc_header header = raw_header(id, len);
    return raw_message(raw, &header, payload);
}

long raw_answer_within(struct raw *raw, unsigned ms, struct pipc_header *ret_header, void *buf,
                       size_t cap)
{
    uint8_t head[PIPC_HEADER_LEN], none[8];
    uint8_t *out = buf ? buf : none;
    if (!buf)
        cap = sizeof(none);
    long n = take(raw, ms, head, sizeof(head), out, cap);
    if (n < 0)
        return n;
    CHECK_OK(
        pipc_header_decode(head, (size_t)n < sizeof(head) ? (size_t)n : sizeof(head), ret_header));
    CHECK_EQ(ret_header->kind, PIPC_KIND_RESPONSE);
    size_t have = (size_t)n - sizeof(head);
    while (have < ret_header->payload_len) {
        struct pipc_chunk chunk;
        CHECK_MSG(have < cap, "no room for a response of %u bytes", ret_header->payload_len);
        n = take(raw, ms, head, sizeof(head), out + have, cap - have);
        if (n < 0)
            return n;
        CHECK_OK(pipc_chunk_decode(head, sizeof(head), &chunk));
        have += (size_t)n - sizeof(head);
    }
    CHECK_EQ(have, ret_header->payload_len);
    return (long)have;
}

long raw_answer(struct raw *raw, struct pipc_header *ret_header, void *buf, size_t cap)
{
    const long n = raw_answer_within(raw, PATIENCE_MS * test_slow(), ret_header, buf, cap);

    if (n == RAW_EOF && raw->region.map && test_now_ms() - raw->quiet_ms >= 100)
        test_skip(
            "the machine stood still for the 100 ms for which a region keeps its last answer");
    return n;
}

int raw_call(struct raw *raw, uint64_t id, const void *payload, size_t len)
{
    struct pipc_header header;
    static _Thread_local uint8_t buf[1 << 17];
    if (!raw_request(raw, id, payload, len))
        return RAW_EOF;
    const long n = raw_answer(raw, &header, buf, sizeof(buf));
    if (n < 0)
        return (int)n;
    CHECK_EQ(header.message_id, id);
    CHECK_EQ(header.code, SCRIPTED_CODE);
    CHECK_EQ(header.item_count, 1);
    CHECK_EQ(header.flags, 0);
    if (header.transport_status != PIPC_STATUS_OK)
        CHECK_EQ(n, 0);
    return header.transport_status;
}

void raw_expect_eof(struct raw *raw)
{
    uint8_t head[64];
    const long n = take(raw, PATIENCE_MS * test_slow(), head, sizeof(head), NULL, 0);
    CHECK_MSG(n == RAW_EOF, "%ld bytes in place of the end of the stream", n);
}

void raw_expect_service(struct raw *raw)
{
    struct pipc_header header;
    uint8_t buf[16];
    CHECK(raw_request(raw, 99, "echo", 4));
    CHECK_EQ(raw_answer(raw, &header, buf, sizeof(buf)), 4);
    CHECK_EQ(header.transport_status, PIPC_STATUS_OK);
    CHECK_EQ(header.message_id, 99);
    CHECK_MEM(buf, "echo", 4);
}

void raw_expect_new_client(unsigned within_ms)
{
    struct raw raw;
    const uint64_t start = test_now_ms();
    raw_open(&raw);
    raw_expect_service(&raw);
    const uint64_t took = test_now_ms() - start;
    CHECK_MSG(took <= test_limit(within_ms), "served after %u ms", (unsigned)took);
    raw_close(&raw);
}

size_t script_u32(uint8_t *buf, char what, uint32_t value)
{
    buf[0] = (uint8_t)what;
    memcpy(buf + 1, &value, sizeof(value));
    return 5;
}
