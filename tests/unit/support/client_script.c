/* SPDX-License-Identifier: Apache-2.0
 *
 * The scripted server behind the tests of clients, and their context.
 */
#include "client_script.h"
#include "core/service/client.h"
#include "raw_region.h"
#include "test.h"

#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define PACKET_MAX 262144u

struct script {
    const struct script_conn *plans;
    const struct script_conn *then;
    uint32_t count;
    struct raw_listener *listener;
    struct pipci_event stop;
    pthread_t thread;
    char path[108];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t hellos;
    uint32_t requests;
    uint32_t closes;
    struct pipc_hello hello[SCRIPT_MAX];
    struct script_request request[SCRIPT_MAX];
    struct raw_region region; /* of the connection, once HELLO_ACK has left */
    struct raw_region next;   /* before that */
    uint8_t in[PACKET_MAX];
    uint8_t out[PACKET_MAX];
};

/* ---- record ---- */

static void record_hello(struct script *s, const struct pipc_hello *hello)
{
    pthread_mutex_lock(&s->lock);
    if (s->hellos < SCRIPT_MAX)
        s->hello[s->hellos] = *hello;
    s->hellos++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void record_request(struct script *s, uint32_t conn, const struct pipc_header *header,
                           const uint8_t *payload, size_t len)
{
    pthread_mutex_lock(&s->lock);
    if (s->requests < SCRIPT_MAX) {
        struct script_request *r = &s->request[s->requests];
        r->header = *header;
        r->conn = conn;
        r->len = len;
        memcpy(r->payload, payload, len < sizeof(r->payload) ? len : sizeof(r->payload));
    }
    s->requests++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static uint32_t get(struct script *s, const uint32_t *what)
{
    uint32_t value;

    pthread_mutex_lock(&s->lock);
    value = *what;
    pthread_mutex_unlock(&s->lock);
    return value;
}

uint32_t script_hellos(struct script *s)
{
    return get(s, &s->hellos);
}

uint32_t script_requests(struct script *s)
{
    return get(s, &s->requests);
}

struct pipc_hello script_hello_at(struct script *s, uint32_t index)
{
    struct pipc_hello hello;

    CHECK(index < script_hellos(s) && index < SCRIPT_MAX);
    pthread_mutex_lock(&s->lock);
    hello = s->hello[index];
    pthread_mutex_unlock(&s->lock);
    return hello;
}

struct script_request script_request_at(struct script *s, uint32_t index)
{
    struct script_request request;

    CHECK(index < script_requests(s) && index < SCRIPT_MAX);
    pthread_mutex_lock(&s->lock);
    request = s->request[index];
    pthread_mutex_unlock(&s->lock);
    return request;
}

static void wait_count(struct script *s, const uint32_t *what, uint32_t count, const char *name)
{
    struct timespec until;
    uint32_t seen;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 5 * (time_t)test_slow();
    pthread_mutex_lock(&s->lock);
    while (*what < count && pthread_cond_timedwait(&s->changed, &s->lock, &until) != ETIMEDOUT)
        ;
    seen = *what;
    pthread_mutex_unlock(&s->lock);
    CHECK_MSG(seen >= count, "the server saw %u %s, expected %u", seen, name, count);
}

void script_wait_hellos(struct script *s, uint32_t count)
{
    wait_count(s, &s->hellos, count, "HELLOs");
}

void script_wait_requests(struct script *s, uint32_t count)
{
    wait_count(s, &s->requests, count, "requests");
}

void script_wait_closes(struct script *s, uint32_t count)
{
    wait_count(s, &s->closes, count, "closed connections");
}

/* ---- the server ---- */

/* The client has closed its end, or the script is to stop. */
static bool over(const struct script *s, pipc_handle link)
{
    return raw_link_ended(link) || pipci_event_is_set(&s->stop);
}

static size_t take_region(struct script *s, pipc_handle link)
{
    const struct raw_piece whole = {s->in, sizeof(s->in)};

    for (;;) {
        const bool last = over(s, link);
        const long n = raw_region_take(&s->region, last ? 0 : 10, &whole, 1);
        if (n > 0)
            return (size_t)n;
        if (n != RAW_REGION_QUIET || last)
            return 0;
    }
}

/* One packet, or message of the region; 0: the end, or stop. */
static size_t take(struct script *s, pipc_handle link)
{
    const struct raw_piece whole = {s->in, sizeof(s->in)};

    if (s->region.map)
        return take_region(s, link);
    return raw_link_await(link, &s->stop, RAW_EVER) ? (size_t)raw_link_get(link, &whole, 1) : 0;
}

static void put(struct script *s, pipc_handle link, void *bytes, size_t len)
{
    const struct raw_piece whole = {bytes, len};

    if (s->region.map)
        raw_region_publish(&s->region, &whole, 1);
    else
        (void)raw_link_put(link, &whole, 1);
}

static void drain(struct script *s, pipc_handle link)
{
    while (take(s, link) > 0)
        ;
}

/* A region is there before the HELLO_ACK that names it leaves. A server that closes at once has
 * removed it, so that the client never finds one. */
static void make_region(struct script *s, const struct script_conn *plan,
                        const struct pipc_hello_ack *ack)
{
    if (!plan->close_after_ack && ack->selected_profile != PIPC_PROFILE_BASELINE &&
        ack->selected_profile == test_plane_bit())
        raw_region_create(&s->next, s->path, ack->session_id, ack->agreed_max_request_payload_bytes,
                          ack->agreed_max_response_payload_bytes);
}

static void send_ack(struct script *s, pipc_handle link, const struct script_conn *plan,
                     const struct pipc_hello *hello, uint16_t status)
{
    struct pipc_header header = {.magic = PIPC_MAGIC,
                                 .version = plan->version ? plan->version : 1,
                                 .header_len = PIPC_HEADER_LEN,
                                 .kind = PIPC_KIND_CONTROL,
                                 .code = PIPC_CODE_HELLO_ACK,
                                 .transport_status = status,
                                 .payload_len = PIPC_HELLO_ACK_LEN,
                                 .item_count = 1};
    struct pipc_hello_ack ack = {0};

    ack.layout_version = plan->layout ? plan->layout : 1;
    if (!status) {
        ack.server_supported_profiles = test_profiles();
        ack.intersection_profiles = test_profiles() & hello->supported_profiles;
        ack.selected_profile = plan->selected ? plan->selected : test_plane_bit();
        ack.agreed_max_request_payload_bytes =
            plan->request_limit && plan->request_limit < hello->max_request_payload_bytes
                ? plan->request_limit
                : hello->max_request_payload_bytes;
        ack.agreed_max_request_batch_items = hello->max_request_batch_items;
        ack.agreed_max_response_payload_bytes = plan->response_limit ? plan->response_limit : 65536;
        ack.agreed_max_response_batch_items = hello->max_request_batch_items;
        ack.agreed_packet_size = plan->packet_size ? plan->packet_size : hello->packet_size;
        ack.session_id = 7;
        make_region(s, plan, &ack);
    }
    pipc_header_encode(&header, s->out, PIPC_HEADER_LEN);
    pipc_hello_ack_encode(&ack, s->out + PIPC_HEADER_LEN, PIPC_HELLO_ACK_LEN);
    put(s, link, s->out, PIPC_HEADER_LEN + PIPC_HELLO_ACK_LEN);
    s->region = s->next;
}

/* True when requests may follow. */
static bool shake(struct script *s, pipc_handle link, const struct script_conn *plan)
{
    struct pipc_hello hello;
    const size_t len = take(s, link);

    if (len < PIPC_HEADER_LEN ||
        pipc_hello_read(s->in + PIPC_HEADER_LEN, len - PIPC_HEADER_LEN, &hello) != PIPC_OK)
        return false;
    record_hello(s, &hello);
    switch (plan->hello) {
    case SCRIPT_REFUSE:
        send_ack(s, link, plan, &hello, plan->status);
        return false;
    case SCRIPT_MUTE:
        drain(s, link);
        return false;
    case SCRIPT_HANGUP:
        return false;
    case SCRIPT_BYTES:
        memcpy(s->out, plan->bytes, plan->bytes_len);
        put(s, link, s->out, plan->bytes_len);
        drain(s, link);
        return false;
    case SCRIPT_ACK:
        break;
    }
    if (plan->max_request && hello.max_request_payload_bytes > plan->max_request) {
        send_ack(s, link, plan, &hello, PIPC_STATUS_LIMIT_EXCEEDED);
        return false;
    }
    send_ack(s, link, plan, &hello, PIPC_STATUS_OK);
    return !plan->close_after_ack;
}

/* Every number of the request plus one, with the directory of a batch as it came. */
static size_t right_payload(const struct pipc_header *header, const uint8_t *in, size_t len,
                            uint8_t *out)
{
    size_t at = header->flags & PIPC_FLAG_BATCH ? (size_t)header->item_count * 8 : 0;

    memcpy(out, in, len);
    for (; at + 8 <= len; at += 8) {
        uint64_t value;
        memcpy(&value, out + at, 8);
        value++;
        memcpy(out + at, &value, 8);
    }
    return len;
}

static bool answer(struct script *s, pipc_handle link, const struct script_answer *a,
                   const struct pipc_header *request, size_t len)
{
    struct pipc_header header = *request;
    uint8_t *payload = s->out + PIPC_HEADER_LEN;
    size_t n;

    if (a->what == SCRIPT_CLOSE)
        return false;
    if (a->what == SCRIPT_SILENT) {
        drain(s, link);
        return false;
    }
    header.magic = a->magic ? a->magic : PIPC_MAGIC;
    header.kind = a->kind ? a->kind : PIPC_KIND_RESPONSE;
    header.code = a->code ? a->code : request->code;
    header.transport_status = a->status;
    header.message_id += a->id_offset;
    if (a->own_flags)
        header.flags = a->flags;
    if (a->item_count)
        header.item_count = a->item_count;
    if (a->own_payload) {
        if (a->payload_len)
            memcpy(payload, a->payload, a->payload_len);
        n = a->payload_len;
    } else {
        n = right_payload(request, s->in + PIPC_HEADER_LEN, len, payload);
    }
    header.payload_len = a->declared ? a->declared : (uint32_t)n;
    pipc_header_encode(&header, s->out, PIPC_HEADER_LEN);
    put(s, link, s->out, PIPC_HEADER_LEN + n);
    if (a->what == SCRIPT_STALL) {
        drain(s, link);
        return false;
    }
    return a->what == SCRIPT_ANSWER;
}

static void serve(struct script *s, pipc_handle link, const struct script_conn *plan, uint32_t conn)
{
    static const struct script_answer right = {0};
    uint32_t served = 0;

    if (!shake(s, link, plan))
        return;
    if (plan->early) {
        const struct pipc_header first = {.magic = PIPC_MAGIC,
                                          .version = PIPC_WIRE_VERSION,
                                          .header_len = PIPC_HEADER_LEN,
                                          .code = PIPC_METHOD_INCREMENT,
                                          .item_count = 1,
                                          .message_id = 1};
        (void)answer(s, link, &plan->answers[0], &first, 0);
        return;
    }
    for (;;) {
        struct pipc_header header;
        const size_t len = take(s, link);

        if (len < PIPC_HEADER_LEN || pipc_header_decode(s->in, len, &header) != PIPC_OK)
            return;
        record_request(s, conn, &header, s->in + PIPC_HEADER_LEN, len - PIPC_HEADER_LEN);
        if (!answer(s, link, served < plan->answer_count ? &plan->answers[served] : &right, &header,
                    len - PIPC_HEADER_LEN))
            return;
        served++;
    }
}

static void *run(void *arg)
{
    static const struct script_conn good = {0};
    struct script *s = arg;
    uint32_t conn = 0;
    pipc_handle link;

    while ((link = raw_link_accept(s->listener, &s->stop)) != PIPC_NO_HANDLE) {
        serve(s, link, conn < s->count ? &s->plans[conn] : s->then ? s->then : &good, conn);
        raw_region_close(&s->region);
        memset(&s->next, 0, sizeof(s->next));
        raw_link_close(link);
        conn++;
        pthread_mutex_lock(&s->lock);
        s->closes++;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

struct script *script_start(const struct script_conn *plans, uint32_t count,
                            const struct script_conn *then)
{
    struct script *s = calloc(1, sizeof(*s));

    CHECK(s != NULL);
    s->plans = plans;
    s->count = count;
    s->then = then;
    snprintf(s->path, sizeof(s->path), "%s", test_path(SCRIPT_SERVICE ".sock"));
    s->listener = raw_listen(SCRIPT_SERVICE);
    CHECK_OK(pipci_event_init(&s->stop, NULL));
    CHECK(pthread_mutex_init(&s->lock, NULL) == 0);
    CHECK(pthread_cond_init(&s->changed, NULL) == 0);
    CHECK(pthread_create(&s->thread, NULL, run, s) == 0);
    return s;
}

void script_stop(struct script *s)
{
    pipci_event_set(&s->stop);
    pthread_join(s->thread, NULL);
    raw_unlisten(s->listener);
    pipci_event_done(&s->stop);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- contexts and clients ---- */

pipc_result script_config_modules(struct pipc_config *config)
{
    pipc_result result = PIPC_OK;

    test_add_transports(config);
    test_choose_transports(config);
#if !PIPC_TEST_BUILTIN
    static const struct pipc_module *const modules[] = {
        &pipc_module_increment, &pipc_module_string_reverse, &pipc_module_cgroups_snapshot};

    for (unsigned i = 0; i < sizeof(modules) / sizeof(modules[0]) && result == PIPC_OK; i++)
        result = pipc_config_add_module(config, modules[i], NULL);
#endif
    return result;
}

struct pipc_context *script_context(const struct pipc_allocator *allocator)
{
    struct pipc_open_options options = {.size = sizeof(options), .allocator = allocator};
    struct pipc_context *context = NULL;
    struct pipc_config *config = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_OK(pipc_config_new(NULL, &config));
    CHECK_OK(script_config_modules(config));
    CHECK_MSG(pipc_open(config, &options, &context, &err) == PIPC_OK, "pipc_open: %s", err.text);
    pipc_config_free(config);
    return context;
}

void script_context_close(struct pipc_context *context)
{
    CHECK_OK(pipc_close(context));
}

struct pipc_client *script_client(struct pipc_context *context,
                                  const struct pipc_client_config *config, bool quick)
{
    struct pipc_client *client = NULL;

    CHECK_OK(pipc_client_create(context, test_dir(), SCRIPT_SERVICE, config, &client, NULL));
    if (quick) {
        client->times.drain_ms = 1;
        client->times.interval_ms = 1;
        client->times.reconnect_attempts = 3;
    }
    return client;
}

struct pipc_client *script_ready(struct pipc_context *context,
                                 const struct pipc_client_config *config, bool quick)
{
    struct pipc_client *client = script_client(context, config, quick);
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result result = pipc_client_refresh_timeout(client, 0, NULL, &err);

    CHECK_MSG(result == PIPC_OK, "refresh: %s: %s", pipc_result_name(result), err.text);
    CHECK(pipc_client_ready(client));
    const struct pipc_client_status status = script_status(client);
    test_check_plane(&status.session);
    return client;
}

pipc_result script_call(struct pipc_client *client, uint64_t value, uint64_t *ret_value,
                        uint32_t timeout_ms, struct pipc_error *err)
{
    return pipc_client_call_increment(client, value, ret_value, timeout_ms, err);
}

struct pipc_client_status script_status(const struct pipc_client *client)
{
    struct pipc_client_status status;

    memset(&status, 0, sizeof(status));
    status.size = sizeof(status);
    pipc_client_status(client, &status);
    return status;
}
