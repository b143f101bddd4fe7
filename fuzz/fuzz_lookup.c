/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole logical lookups, of paths and of PIDs, against a hostile server: the input says what each
 * connection and each answer comes to. By itself the server is honest, so that short inputs reach
 * deep: an answer of the codec's own dispatch, with less room than agreed, with bytes changed, with
 * another status, or none.
 *
 * A call that succeeds has an answer to every key in its order, one generation, nothing left open
 * and no more bytes than the ceiling; one that fails leaves nothing. It always ends.
 */
#include "fuzz.h"

#include "core/service/client.h"

#include <pipc/codecs/apps_lookup.h>
#include <pipc/codecs/cgroups_lookup.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS           12u
#define REQUEST_LIMIT  128u
#define RESPONSE_LIMIT 1024u
#define SUBCALLS       40u
#define EXCHANGES_MAX  (SUBCALLS * 9u) /* with a retry, or all steps of growth */

#define MUST(cond)                                                     \
    do {                                                               \
        if (!(cond)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
            abort();                                                   \
        }                                                              \
    } while (0)

static const uint8_t *input;
static size_t input_len;
static uint32_t requests; /* of the call */
static bool shaking;      /* the next packet that is received is a HELLO_ACK */
static struct pipc_header last;
static struct pipc_hello hello;
static uint8_t question[PIPC_HEADER_LEN + 4096];
static size_t question_len;

static uint8_t next(void)
{
    if (!input_len)
        return 0;
    input_len--;
    return *input++;
}

/* ---- the provider ---- */

static char text[256]; /* of names and labels */

static uint32_t answer_paths(void *user, const struct pipc_request *from,
                             const struct pipc_cgroups_lookup_request_view *request,
                             struct pipc_cgroups_lookup_builder *builder)
{
    (void)from;
    pipc_cgroups_lookup_builder_set_generation(builder, *(const uint64_t *)user);
    for (uint32_t i = 0; i < request->item_count; i++) {
        struct pipc_cgroups_lookup_request_item_view key;
        MUST(pipc_cgroups_lookup_request_item(request, i, &key) == PIPC_OK);
        const size_t len = (uint8_t)key.path.ptr[key.path.len - 1];
        const struct pipc_label_view label = {{"k", 1}, {text, len}};
        const pipc_result result = len & 1 ? pipc_cgroups_lookup_builder_add_request_status(
                                                 builder, i, PIPC_CGROUP_LOOKUP_UNKNOWN_RETRY_LATER)
                                           : pipc_cgroups_lookup_builder_add_request_item(
                                                 builder, i, PIPC_CGROUP_LOOKUP_KNOWN, 2,
                                                 (struct pipc_str_view){text, len / 8}, &label, 1);
        if (result != PIPC_OK)
            return 0;
    }
    return 1;
}

static uint32_t answer_pids(void *user, const struct pipc_request *from,
                            const struct pipc_apps_lookup_request_view *request,
                            struct pipc_apps_lookup_builder *builder)
{
    (void)from;
    pipc_apps_lookup_builder_set_generation(builder, *(const uint64_t *)user);
    for (uint32_t i = 0; i < request->item_count; i++) {
        struct pipc_apps_lookup_request_item_view key;
        MUST(pipc_apps_lookup_request_item(request, i, &key) == PIPC_OK);
        const uint32_t len = key.pid & 0xff;
        const struct pipc_label_view label = {{"k", 1}, {text, len}};
        struct pipc_apps_lookup_item item = pipc_apps_lookup_item_of(
            key.pid, len & 1 ? PIPC_PID_LOOKUP_UNKNOWN : PIPC_PID_LOOKUP_KNOWN);
        if (!(len & 1)) {
            item.comm = (struct pipc_str_view){"c", 1};
            item.cgroup_path = (struct pipc_str_view){"/p", 2};
            item.labels = &label;
            item.label_count = 1;
        }
        if (pipc_apps_lookup_builder_add(builder, &item) != PIPC_OK)
            return 0;
    }
    return 1;
}

/* The codec's answer to the question, with `cap` bytes of room; its status. */
static uint16_t dispatch(uint8_t *room, size_t cap, uint64_t generation, size_t *ret_len)
{
    const struct pipc_cgroups_lookup_handler paths = {
        .size = sizeof(paths), .user = &generation, .lookup = answer_paths};
    const struct pipc_apps_lookup_handler pids = {
        .size = sizeof(pids), .user = &generation, .lookup = answer_pids};
    const bool apps = last.code == PIPC_METHOD_APPS_LOOKUP;
    const struct pipc_codec_ops *const ops =
        apps ? pipc_module_apps_lookup.ops : pipc_module_cgroups_lookup.ops;
    const struct pipc_dispatch d = {.size = sizeof(d),
                                    .handler = apps ? (const void *)&pids : (const void *)&paths,
                                    .request = question + PIPC_HEADER_LEN,
                                    .request_len = question_len - PIPC_HEADER_LEN,
                                    .response = room,
                                    .response_cap = cap};
    struct pipc_dispatched done = {.size = sizeof(done)};
    const pipc_result result = ops->dispatch(&d, &done);

    MUST(result == PIPC_OK || result == PIPC_ERR_OVERFLOW); /* what is sent decodes */
    *ret_len = result == PIPC_OK ? done.response_len : 0;
    return result == PIPC_OK ? PIPC_STATUS_OK : PIPC_STATUS_LIMIT_EXCEEDED;
}

/* Overwrites payload bytes by pairs of offset and value from the input. */
static void patch(uint8_t *payload, size_t len)
{
    for (uint8_t n = next() & 7; n; n--) {
        const size_t at = (size_t)(next() | (n & 1) << 8);
        const uint8_t value = next();
        if (at < len)
            payload[at] = value;
    }
}

/* An answer as the input wants it; 0: the end of the stream. */
static size_t make_answer(uint8_t *packet)
{
    struct pipc_header header = last;
    uint8_t *const payload = packet + PIPC_HEADER_LEN;
    const uint8_t how = next();
    size_t len = 0;

    if ((how & 15) == 15)
        return 0;
    header.kind = PIPC_KIND_RESPONSE;
    header.transport_status =
        dispatch(payload, how & 16 ? next() * 4u : RESPONSE_LIMIT, how & 32 ? 2 : 1, &len);
    if ((how & 15) == 14)
        header.transport_status = next() & 7;
    else if ((how & 15) == 13)
        len = next() < len ? len - 1 : len;
    else if ((how & 15) == 12)
        header.message_id++;
    else if ((how & 15) > 8)
        patch(payload, len);
    if (header.transport_status != PIPC_STATUS_OK)
        len = 0;
    header.payload_len = (uint32_t)len;
    pipc_header_encode(&header, packet, PIPC_HEADER_LEN);
    return PIPC_HEADER_LEN + len;
}

static size_t make_ack(uint8_t *packet)
{
    const struct pipc_header header = {.magic = PIPC_MAGIC,
                                       .version = 1,
                                       .header_len = PIPC_HEADER_LEN,
                                       .kind = PIPC_KIND_CONTROL,
                                       .code = PIPC_CODE_HELLO_ACK,
                                       .payload_len = PIPC_HELLO_ACK_LEN,
                                       .item_count = 1};
    const uint8_t less = next();
    const struct pipc_hello_ack ack = {
        .layout_version = 1,
        .server_supported_profiles = 1,
        .intersection_profiles = 1,
        .selected_profile = 1,
        .agreed_max_request_payload_bytes = hello.max_request_payload_bytes - (less & 127u),
        .agreed_max_request_batch_items = hello.max_request_batch_items,
        .agreed_max_response_payload_bytes = RESPONSE_LIMIT,
        .agreed_max_response_batch_items = hello.max_request_batch_items,
        .agreed_packet_size = hello.packet_size,
        .session_id = 1};

    pipc_header_encode(&header, packet, PIPC_HEADER_LEN);
    pipc_hello_ack_encode(&ack, packet + PIPC_HEADER_LEN, PIPC_HELLO_ACK_LEN);
    return PIPC_HEADER_LEN + PIPC_HELLO_ACK_LEN;
}

/* ---- the transport ---- */

static pipc_result listen_none(void *self, const struct pipc_endpoint *endpoint,
                               void **ret_listener, struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)ret_listener;
    (void)err;
    return PIPC_ERR_ADDR_IN_USE;
}

static pipc_result accept_none(void *self, void *listener, const struct pipc_wait *wait,
                               void **ret_channel, struct pipc_error *err)
{
    (void)self;
    (void)listener;
    (void)wait;
    (void)ret_channel;
    (void)err;
    return PIPC_ERR_TIMEOUT;
}

static pipc_handle no_handle(void *self, void *listener)
{
    (void)self;
    (void)listener;
    return PIPC_NO_HANDLE;
}

static void close_any(void *object, uint32_t flags)
{
    (void)object;
    (void)flags;
}

static void close_listener(void *self, void *listener, uint32_t flags)
{
    (void)self;
    close_any(listener, flags);
}

static pipc_result connect_next(void *self, const struct pipc_endpoint *endpoint,
                                const struct pipc_wait *wait, void **ret_channel,
                                struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)wait;
    (void)err;
    *ret_channel = &last;
    return next() & 0x80 ? PIPC_ERR_CONNECT : PIPC_OK;
}

static pipc_result send_any(void *channel, const struct pipc_piece *pieces, uint32_t count,
                            const struct pipc_wait *wait, struct pipc_error *err)
{
    (void)channel;
    (void)wait;
    (void)err;
    question_len = 0;
    for (uint32_t i = 0; i < count; i++) {
        MUST(pieces[i].len <= sizeof(question) - question_len);
        if (pieces[i].len)
            memcpy(question + question_len, pieces[i].base, pieces[i].len);
        question_len += pieces[i].len;
    }
    MUST(pipc_header_decode(question, question_len, &last) == PIPC_OK);
    shaking = last.kind == PIPC_KIND_CONTROL;
    if (shaking)
        MUST(pipc_hello_read(question + PIPC_HEADER_LEN, question_len - PIPC_HEADER_LEN, &hello) ==
             PIPC_OK);
    else
        MUST(++requests <= EXCHANGES_MAX && last.payload_len <= 4096 - PIPC_HEADER_LEN);
    return PIPC_OK;
}

static pipc_result receive_next(void *channel, const struct pipc_piece *pieces, uint32_t count,
                                const struct pipc_wait *wait, struct pipc_received *ret_received,
                                struct pipc_error *err)
{
    uint8_t packet[PIPC_HEADER_LEN + RESPONSE_LIMIT];
    size_t at = 0;

    (void)channel;
    (void)wait;
    (void)err;
    const size_t len = shaking ? make_ack(packet) : make_answer(packet);
    for (uint32_t i = 0; i < count && at < len; i++) {
        const size_t n = pieces[i].len < len - at ? pieces[i].len : len - at;
        if (n)
            memcpy(pieces[i].base, packet + at, n);
        at += n;
    }
    ret_received->len = at;
    ret_received->flags = (len ? 0 : PIPC_RECEIVED_END) | (at < len ? PIPC_RECEIVED_CUT : 0);
    return PIPC_OK;
}

static uint32_t look(void *channel)
{
    (void)channel;
    return PIPC_LOOK_READABLE;
}

static void finish(void *channel, const struct pipc_wait *wait)
{
    (void)channel;
    (void)wait;
}

static uint32_t packet_max(void *channel, uint32_t configured)
{
    (void)channel;
    return configured ? configured : 4096;
}

static void interrupt(void *channel)
{
    (void)channel;
}

static const struct pipc_transport_ops ops = {.size = sizeof(ops),
                                              .traits = PIPC_TRAIT_BASELINE,
                                              .listen = listen_none,
                                              .accept = accept_none,
                                              .connect = connect_next,
                                              .listener_wait_handle = no_handle,
                                              .listener_close = close_listener,
                                              .send = send_any,
                                              .receive = receive_next,
                                              .look = look,
                                              .finish = finish,
                                              .packet_max = packet_max,
                                              .interrupt = interrupt,
                                              .close = close_any};
static const struct pipc_module module = {.magic = PIPC_MODULE_MAGIC,
                                          .kind = PIPC_MODULE_TRANSPORT,
                                          .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
                                          .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
                                          .size = sizeof(module),
                                          .name = "hostile",
                                          .version = "1",
                                          .vendor = "fuzz",
                                          .summary = "Plays the input.",
                                          .ops = &ops};

/* ---- the caller ---- */

static struct pipc_context *open_context(void)
{
    struct pipc_config *config = NULL;
    struct pipc_context *context = NULL;

    memset(text, 't', sizeof(text));
    MUST(pipc_config_new(NULL, &config) == PIPC_OK);
    MUST(pipc_config_add_module(config, &module, NULL) == PIPC_OK);
    /* may be linked in already */
    (void)!pipc_config_add_module(config, &pipc_module_cgroups_lookup, NULL);
    (void)!pipc_config_add_module(config, &pipc_module_apps_lookup, NULL);
    MUST(pipc_config_set(config, "pipc", "transports", "hostile", NULL) == PIPC_OK);
    MUST(pipc_open(config, NULL, &context, NULL) == PIPC_OK);
    pipc_config_free(config);
    return context;
}

static struct pipc_client *open_client(struct pipc_context *context, uint32_t bytes)
{
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_request_payload_bytes = REQUEST_LIMIT,
                                              .growth_ceiling_bytes = 2048,
                                              .response_ceiling_bytes = 65536,
                                              .max_logical_lookup_items = KEYS,
                                              .max_logical_lookup_subcalls = SUBCALLS,
                                              .max_logical_lookup_response_bytes = bytes,
                                              .refused_retry_ms = UINT32_MAX};
    struct pipc_client *client = NULL;

    MUST(pipc_client_create(context, "dir", "svc", &config, &client, NULL) == PIPC_OK);
    client->times.drain_ms = 0;
    client->times.interval_ms = 0;
    client->times.reconnect_attempts = 2;
    return client;
}

static struct pipc_client_status status_of(const struct pipc_client *client)
{
    struct pipc_client_status status;

    memset(&status, 0, sizeof(status));
    status.size = sizeof(status);
    pipc_client_status(client, &status);
    return status;
}

/* What must hold of a call, whatever came. */
static void judge(const struct pipc_client *client, const struct pipc_client_status *before,
                  pipc_result result, const void *view, size_t view_size)
{
    const struct pipc_client_status after = status_of(client);

    MUST((client->session != NULL) == (after.state == PIPC_CLIENT_READY));
    MUST(client->stitched_cap <= client->lookup_bytes);
    MUST(after.call_count - before->call_count <= SUBCALLS);
    if (result == PIPC_OK) {
        MUST(after.state == PIPC_CLIENT_READY && after.error_count == before->error_count);
        MUST(pipc_client_response_len(client) <= client->lookup_bytes);
        return;
    }
    MUST(after.error_count == before->error_count + 1);
    MUST(after.last_call.result == result && after.last_call.text[0]);
    MUST(pipc_client_response_len(client) == 0);
    for (size_t i = 0; i < view_size; i++)
        MUST(((const uint8_t *)view)[i] == 0);
}

static void look_up_paths(struct pipc_client *client, const struct pipc_client_status *before,
                          uint32_t count)
{
    struct pipc_str_view paths[KEYS + 1];
    struct pipc_cgroups_lookup_view view;
    char texts[KEYS + 1][256];

    for (uint32_t i = 0; i < count; i++) {
        const size_t len = 1 + next() % 200u;
        memset(texts[i], 'a', len);
        texts[i][len - 1] = (char)(1 + next() % 255u);
        paths[i] = (struct pipc_str_view){texts[i], len};
    }
    memset(&view, 0x5a, sizeof(view));
    const pipc_result result =
        pipc_client_call_cgroups_lookup(client, paths, count, &view, 0, NULL);
    judge(client, before, result, &view, sizeof(view));
    if (result != PIPC_OK)
        return;
    MUST(view.item_count == count);
    for (uint32_t i = 0; i < count; i++) {
        struct pipc_cgroups_lookup_item_view item;
        MUST(pipc_cgroups_lookup_item(&view, i, &item) == PIPC_OK);
        MUST(item.status != PIPC_CGROUP_LOOKUP_PAYLOAD_EXCEEDED);
        MUST(item.path.len == paths[i].len &&
             memcmp(item.path.ptr, paths[i].ptr, paths[i].len) == 0);
    }
}

static void look_up_pids(struct pipc_client *client, const struct pipc_client_status *before,
                         uint32_t count)
{
    uint32_t pids[KEYS + 1];
    struct pipc_apps_lookup_view view;

    for (uint32_t i = 0; i < count; i++)
        pids[i] = (uint32_t)next() << 16 | next();
    memset(&view, 0x5a, sizeof(view));
    const pipc_result result = pipc_client_call_apps_lookup(client, pids, count, &view, 0, NULL);
    judge(client, before, result, &view, sizeof(view));
    if (result != PIPC_OK)
        return;
    MUST(view.item_count == count);
    for (uint32_t i = 0; i < count; i++) {
        struct pipc_apps_lookup_item_view item;
        MUST(pipc_apps_lookup_item(&view, i, &item) == PIPC_OK);
        MUST(item.status != PIPC_PID_LOOKUP_PAYLOAD_EXCEEDED && item.pid == pids[i]);
    }
}

/* The first byte: the kind and the ceiling of bytes. Then calls: the number of keys, what they are,
 * and what happens to them. */
void fuzz_one(const uint8_t *data, size_t len)
{
    static struct pipc_context *context; /* opened once: the input does not reach it */

    input = data;
    input_len = len;
    memset(&hello, 0, sizeof(hello));
    if (!context)
        context = open_context();
    const uint8_t first = next();
    struct pipc_client *client = open_client(context, 256u + (first >> 1) * 32u);
    for (unsigned i = 0; i < 6 && input_len; i++) {
        const struct pipc_client_status before = (pipc_client_refresh(client), status_of(client));
        const uint32_t count = next() % (KEYS + 2);
        requests = 0;
        if (first & 1)
            look_up_pids(client, &before, count);
        else
            look_up_paths(client, &before, count);
    }
    pipc_client_destroy(client);
}
