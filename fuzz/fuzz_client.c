/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's state machine against a hostile server: the input is what every connection, receive
 * and operation of the caller comes to. States, counters and zeroed outputs must hold whatever
 * arrives.
 *
 * The server is a transport of its own, without sockets, threads or time: what is not there is the
 * end of the stream.
 */
#include "fuzz.h"

#include "core/service/client.h"

#include <pipc/codecs/increment.h>
#include <pipc/module.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS 3u

static const uint8_t *input;
static size_t input_len;
static uint64_t last_id;
static struct pipc_hello last_hello;

#define MUST(cond)                                                     \
    do {                                                               \
        if (!(cond)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
            abort();                                                   \
        }                                                              \
    } while (0)

static uint8_t next(void)
{
    if (!input_len)
        return 0;
    input_len--;
    return *input++;
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

static void close_none(void *self, void *listener, uint32_t flags)
{
    (void)self;
    (void)listener;
    (void)flags;
}

static pipc_result connect_next(void *self, const struct pipc_endpoint *endpoint,
                                const struct pipc_wait *wait, void **ret_channel,
                                struct pipc_error *err)
{
    static const pipc_result results[] = {PIPC_OK,          PIPC_OK,         PIPC_OK,
                                          PIPC_ERR_CONNECT, PIPC_ERR_SOCKET, PIPC_ERR_TIMEOUT,
                                          PIPC_ERR_ALLOC,   PIPC_OK};

    (void)self;
    (void)endpoint;
    (void)wait;
    (void)err;
    *ret_channel = &last_id;
    return results[next() & 7];
}

static size_t gather(const struct pipc_piece *pieces, uint32_t count, uint8_t *packet, size_t cap)
{
    size_t at = 0;

    for (uint32_t i = 0; i < count; i++) {
        const size_t n = pieces[i].len < cap - at ? pieces[i].len : cap - at;
        if (n)
            memcpy(packet + at, pieces[i].base, n);
        at += n;
    }
    return at;
}

static pipc_result send_any(void *channel, const struct pipc_piece *pieces, uint32_t count,
                            const struct pipc_wait *wait, struct pipc_error *err)
{
    uint8_t packet[PIPC_HEADER_LEN + PIPC_HELLO_LEN];
    struct pipc_header header;
    const size_t len = gather(pieces, count, packet, sizeof(packet));

    (void)channel;
    (void)wait;
    (void)err;
    if (pipc_header_decode(packet, len, &header) == PIPC_OK) {
        if (header.kind == PIPC_KIND_REQUEST)
            last_id = header.message_id;
        else
            (void)!pipc_hello_read(packet + PIPC_HEADER_LEN, len - PIPC_HEADER_LEN, &last_hello);
    }
    return next() == 255 ? PIPC_ERR_SEND : PIPC_OK;
}

/* Overwrites bytes by pairs of offset and value from the input. */
static void patch(uint8_t *packet, size_t len)
{
    for (uint8_t n = next() & 3; n; n--) {
        const size_t at = next();
        const uint8_t value = next();
        if (at < len)
            packet[at] = value;
    }
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
    const struct pipc_hello_ack ack = {
        .layout_version = 1,
        .server_supported_profiles = 1,
        .intersection_profiles = 1,
        .selected_profile = 1,
        .agreed_max_request_payload_bytes = last_hello.max_request_payload_bytes,
        .agreed_max_request_batch_items = last_hello.max_request_batch_items,
        .agreed_max_response_payload_bytes = 256,
        .agreed_max_response_batch_items = last_hello.max_request_batch_items,
        .agreed_packet_size = last_hello.packet_size,
        .session_id = 1};

    pipc_header_encode(&header, packet, PIPC_HEADER_LEN);
    pipc_hello_ack_encode(&ack, packet + PIPC_HEADER_LEN, PIPC_HELLO_ACK_LEN);
    return PIPC_HEADER_LEN + PIPC_HELLO_ACK_LEN;
}

static size_t make_response(uint8_t *packet)
{
    const uint8_t len = next() & 63;
    const uint16_t flags = next() & 1;
    const uint16_t status = next() & 7;
    const uint32_t items = next() & 7;
    const struct pipc_header header = {.magic = PIPC_MAGIC,
                                       .version = 1,
                                       .header_len = PIPC_HEADER_LEN,
                                       .kind = PIPC_KIND_RESPONSE,
                                       .flags = flags,
                                       .code = PIPC_METHOD_INCREMENT,
                                       .transport_status = status,
                                       .payload_len = len,
                                       .item_count = items,
                                       .message_id = last_id};

    pipc_header_encode(&header, packet, PIPC_HEADER_LEN);
    for (uint8_t i = 0; i < len; i++)
        packet[PIPC_HEADER_LEN + i] = next();
    return PIPC_HEADER_LEN + (size_t)len;
}

static size_t make_raw(uint8_t *packet)
{
    const uint8_t len = next() & 127;

    for (uint8_t i = 0; i < len; i++)
        packet[i] = next();
    return len;
}

static pipc_result receive_next(void *channel, const struct pipc_piece *pieces, uint32_t count,
                                const struct pipc_wait *wait, struct pipc_received *ret_received,
                                struct pipc_error *err)
{
    uint8_t packet[256];
    size_t len = 0;
    size_t at = 0;

    (void)channel;
    (void)wait;
    (void)err;
    ret_received->flags = 0;
    switch (next() & 7) {
    case 1:
    case 2:
        len = make_ack(packet);
        break;
    case 3:
    case 4:
        len = make_response(packet);
        break;
    case 5:
        len = make_raw(packet);
        break;
    case 6:
        return PIPC_ERR_RECV;
    default:
        break;
    }
    patch(packet, len);
    if (!len)
        ret_received->flags = PIPC_RECEIVED_END;
    for (uint32_t i = 0; i < count && at < len; i++) {
        const size_t n = pieces[i].len < len - at ? pieces[i].len : len - at;
        if (n)
            memcpy(pieces[i].base, packet + at, n);
        at += n;
    }
    if (at < len)
        ret_received->flags |= PIPC_RECEIVED_CUT;
    ret_received->len = at;
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
    return configured ? configured : 128;
}

static void interrupt(void *channel)
{
    (void)channel;
}

static void close_channel(void *channel, uint32_t flags)
{
    (void)channel;
    (void)flags;
}

static const struct pipc_transport_ops ops = {.size = sizeof(ops),
                                              .traits = PIPC_TRAIT_BASELINE,
                                              .listen = listen_none,
                                              .accept = accept_none,
                                              .connect = connect_next,
                                              .listener_wait_handle = no_handle,
                                              .listener_close = close_none,
                                              .send = send_any,
                                              .receive = receive_next,
                                              .look = look,
                                              .finish = finish,
                                              .packet_max = packet_max,
                                              .interrupt = interrupt,
                                              .close = close_channel};
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

    MUST(pipc_config_new(NULL, &config) == PIPC_OK);
    MUST(pipc_config_add_module(config, &module, NULL) == PIPC_OK);
    /* may be linked in already */
    (void)!pipc_config_add_module(config, &pipc_module_increment, NULL);
    MUST(pipc_config_set(config, "pipc", "transports", "hostile", NULL) == PIPC_OK);
    MUST(pipc_open(config, NULL, &context, NULL) == PIPC_OK);
    pipc_config_free(config);
    return context;
}

static struct pipc_client *open_client(struct pipc_context *context)
{
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_request_batch_items = ITEMS,
                                              .growth_ceiling_bytes = 4096,
                                              .response_ceiling_bytes = 65536,
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

static void check(const struct pipc_client *client)
{
    const struct pipc_client_status status = status_of(client);

    MUST(status.state <= PIPC_CLIENT_BROKEN && status.state != PIPC_CLIENT_CONNECTING);
    MUST((client->session != NULL) == (status.state == PIPC_CLIENT_READY));
    MUST(status.request_proposal <= 4096);
    MUST(client->request_cap <= 4096);
}

/* A failed call: counted once, nothing in its outputs. */
static void judge(const struct pipc_client *client, const struct pipc_client_status *before,
                  pipc_result result, const uint64_t *outputs, uint32_t count)
{
    const struct pipc_client_status after = status_of(client);

    if (result == PIPC_OK) {
        MUST(after.state == PIPC_CLIENT_READY);
        MUST(after.error_count == before->error_count);
        return;
    }
    MUST(after.error_count == before->error_count + 1);
    MUST(after.last_call.result == result && after.last_call.text[0]);
    MUST(result != PIPC_ERR_NOT_READY || before->state != PIPC_CLIENT_READY);
    for (uint32_t i = 0; i < count; i++)
        MUST(outputs[i] == 0);
}

static void operate(struct pipc_client *client)
{
    const struct pipc_client_status before = status_of(client);
    static const uint64_t inputs[ITEMS + 1] = {1, 2, 3, 4};
    uint64_t outputs[ITEMS + 1] = {9, 9, 9, 9};
    const void *payload = inputs;
    size_t len = 1;
    const uint8_t op = next();
    const uint32_t count = (op >> 4) % (ITEMS + 2);
    pipc_result result;

    switch (op & 7) {
    case 0:
    case 1:
        result = pipc_client_call_increment(client, 1, outputs, 0, NULL);
        judge(client, &before, result, outputs, 1);
        break;
    case 2:
    case 3:
        result = pipc_client_call_increment_batch(client, inputs, count, outputs, 0, NULL);
        judge(client, &before, result, outputs, count);
        break;
    case 4:
        result =
            pipc_client_call_raw(client, "increment", inputs, op & 31, &payload, &len, 0, NULL);
        judge(client, &before, result, NULL, 0);
        if (result != PIPC_OK) {
            MUST(payload == NULL && len == 0);
        } else {
            for (size_t i = 0; i < len; i++)
                fuzz_use(((const uint8_t *)payload)[i]);
        }
        break;
    case 5:
        pipc_client_drop(client);
        MUST(!pipc_client_ready(client));
        break;
    default:
        MUST(pipc_client_refresh(client) == (status_of(client).state != before.state));
        break;
    }
    check(client);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    static struct pipc_context *context; /* opened once: the input does not reach it */
    struct pipc_client *client;

    input = data;
    input_len = len;
    memset(&last_hello, 0, sizeof(last_hello));
    last_id = 0;
    if (!context)
        context = open_context();
    client = open_client(context);
    pipc_client_refresh(client);
    check(client);
    for (unsigned i = 0; i < 16 && input_len; i++)
        operate(client);
    pipc_client_destroy(client);
}
