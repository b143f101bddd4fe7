/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame of every call, typed single calls and calls on bytes (docs/level2-typed-api.md 7).
 *
 * On the owner's thread. READY comes first, then the arguments; a failed call is counted once,
 * whatever its cause, and leaves its output zeroed.
 */
#include "client.h"

#include <string.h>

static bool is_bound(const struct pipc_client *client, const char *name)
{
    return client->codec && strcmp(client->codec->name, name) == 0;
}

/* The codec by name; another major of its typed table is refused unless `any_major`. Does not look
 * at the state. */
static pipc_result find_codec(struct pipc_client *client, const char *name, uint32_t table_major,
                              bool any_major, const struct pipci_codec **ret_codec)
{
    const struct pipci_codec *codec = client->codec;

    if (!name) {
        (void)pipci_fail(&client->failure, PIPC_ERR_BAD_PARAM, 0,
                         "a call needs the name of a codec");
        return PIPC_ERR_BAD_PARAM;
    }
    /* After the first call this is one comparison. */
    if (!is_bound(client, name)) {
        struct pipc_error cause = PIPC_ERROR_INIT;
        const pipc_result result = pipci_context_codec(client->context, name, &codec, &cause);

        if (result != PIPC_OK) {
            (void)pipci_fail(&client->failure, result, cause.os_code, "codec '%.40s': %s", name,
                             cause.text);
            return result;
        }
    }
    if (!any_major && codec->ops.table_major != table_major) {
        (void)pipci_fail(&client->failure, PIPC_ERR_BAD_PARAM, 0,
                         "codec '%s' has typed table %u.%u, the caller was built for %u.x", name,
                         (unsigned)codec->ops.table_major, (unsigned)codec->ops.table_minor,
                         (unsigned)table_major);
        return PIPC_ERR_BAD_PARAM;
    }
    *ret_codec = codec;
    return PIPC_OK;
}

/* READY, then that it is the bound kind or becomes it, then what find_codec came to. */
static pipc_result begin(struct pipc_client *client, pipc_result found, const char *name,
                         const struct pipci_codec *codec)
{
    if (client->state != PIPC_CLIENT_READY) {
        (void)pipci_fail(&client->failure, PIPC_ERR_NOT_READY, 0,
                         "service '%s': the client is not ready, its state is %s",
                         client->service ? client->service : "",
                         pipc_client_state_name(client->state));
        return PIPC_ERR_NOT_READY;
    }
    if (client->codec && name && !is_bound(client, name)) {
        (void)pipci_fail(&client->failure, PIPC_ERR_BAD_PARAM, 0,
                         "service '%s': this client speaks '%s' and cannot call '%.40s'",
                         client->service, client->codec->name, name);
        return PIPC_ERR_BAD_PARAM;
    }
    if (found != PIPC_OK) {
        return found;
    }
    client->codec = codec;
    return PIPC_OK;
}

pipc_result pipci_call_run(struct pipc_client *client, const struct pipci_request *request,
                           uint32_t timeout_ms)
{
    const struct pipc_wait wait = pipci_wait_event(
        pipci_deadline_coarse(timeout_ms ? timeout_ms : client->call_timeout_ms), &client->abort);

    if (pipci_event_is_set(&client->abort)) {
        pipci_client_disconnect(client, PIPC_CLIENT_BROKEN);
        return pipci_fail(&client->failure, PIPC_ERR_ABORTED, 0,
                          "service '%s': the client was aborted, nothing was sent",
                          client->service);
    }
    return pipci_client_exchange(client, request, &wait);
}

pipc_result pipci_call_failed(struct pipc_client *client, pipc_result result,
                              struct pipc_error *err)
{
    client->error_count++;
    client->response_len = 0;
    client->last_call = client->failure;
    client->last_call.result = result;
    pipci_error_copy(err, &client->last_call);
    return result;
}

/* The session's view of the last response ends with the next operation, and what is told of a
 * failure is of this call. */
static void start(struct pipc_client *client)
{
    client->response_len = 0;
    client->failure.os_code = 0;
    client->failure.peer_status = PIPC_STATUS_OK;
}

static pipc_result encode_single(void *arg, void *buf, size_t cap, size_t *ret_len)
{
    const struct pipci_call *call = arg;

    return call->codec->ops.call->encode(call->input, buf, cap, ret_len);
}

static pipc_result decode_single(void *arg, const void *payload, size_t len)
{
    const struct pipci_call *call = arg;

    return call->codec->ops.call->decode(payload, len, call->output);
}

static pipc_result bad_arguments(struct pipc_client *client)
{
    return pipci_fail(&client->failure, PIPC_ERR_BAD_PARAM, 0,
                      "service '%s': wrong arguments of a call", client->service);
}

pipc_result pipci_call_single(struct pipci_call *call, uint32_t timeout_ms)
{
    struct pipc_client *client = call->client;
    const struct pipc_call_ops *ops = call->codec->ops.call;
    struct pipci_request request = {
        .code = call->codec->ops.code,
        .item_count = 1,
        .arg = call,
        .encode = encode_single,
        .decode = decode_single,
    };

    if (!ops->request_size) {
        return pipci_fail(&client->failure, PIPC_ERR_BAD_PARAM, 0,
                          "service '%s': codec '%s' is a keyed lookup and is called with keys",
                          client->service, call->codec->name);
    }
    if (!call->output || (ops->input_size && !call->input) ||
        ops->request_size(call->input, &request.size) != PIPC_OK) {
        return bad_arguments(client);
    }
    return pipci_call_run(client, &request, timeout_ms);
}

pipc_result pipci_call_open(struct pipc_client *client, const char *name, uint32_t table_major,
                            const struct pipci_codec **ret_codec)
{
    pipc_result result;

    start(client);
    /* From the second call on nothing has to be looked for. */
    if (client->state == PIPC_CLIENT_READY && client->codec && name &&
        client->codec->ops.table_major == table_major && is_bound(client, name)) {
        *ret_codec = client->codec;
        return PIPC_OK;
    }
    result = find_codec(client, name, table_major, false, ret_codec);
    return begin(client, result, name, *ret_codec);
}

pipc_result pipc_client_call(struct pipc_client *client, const char *codec, uint32_t table_major,
                             const void *input, void *ret_output, uint32_t timeout_ms,
                             struct pipc_error *err)
{
    struct pipci_call call = {.client = client, .input = input, .output = ret_output, .count = 1};
    pipc_result result;

    if (!client) {
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "no client to call");
    }
    result = pipci_call_open(client, codec, table_major, &call.codec);
    if (result == PIPC_OK && call.codec) {
        result = pipci_call_single(&call, timeout_ms);
    }
    if (result == PIPC_OK) {
        return PIPC_OK;
    }
    if (call.codec && ret_output) {
        memset(ret_output, 0, call.codec->ops.call->output_size);
    }
    return pipci_call_failed(client, result, err);
}

/* ---- calls on bytes ---- */

struct raw_call {
    const struct pipci_codec *codec;
    const void *payload;
    size_t len;
};

static pipc_result decode_raw(void *arg, const void *payload, size_t len)
{
    struct raw_call *raw = arg;

    raw->payload = payload;
    raw->len = len;
    return raw->codec->ops.check_response(payload, len);
}

static pipc_result call_raw(struct pipc_client *client, const char *name, const void *bytes,
                            size_t len, struct raw_call *raw, bool wanted, uint32_t timeout_ms)
{
    struct pipci_request request = {
        .item_count = 1, .size = len, .bytes = bytes, .arg = raw, .decode = decode_raw};
    pipc_result result;

    start(client);
    result = find_codec(client, name, 0, true, &raw->codec);
    result = begin(client, result, name, raw->codec);
    if (result != PIPC_OK) {
        return result;
    }
    if (!wanted || (!bytes && len)) {
        return bad_arguments(client);
    }
    request.code = raw->codec->ops.code;
    return pipci_call_run(client, &request, timeout_ms);
}

pipc_result pipc_client_call_raw(struct pipc_client *client, const char *codec, const void *request,
                                 size_t request_len, const void **ret_payload, size_t *ret_len,
                                 uint32_t timeout_ms, struct pipc_error *err)
{
    struct raw_call raw = {0};
    pipc_result result = PIPC_ERR_BAD_PARAM;

    if (client) {
        result =
            call_raw(client, codec, request, request_len, &raw, ret_payload && ret_len, timeout_ms);
    }
    if (ret_payload) {
        *ret_payload = result == PIPC_OK ? raw.payload : NULL;
    }
    if (ret_len) {
        *ret_len = result == PIPC_OK ? raw.len : 0;
    }
    if (!client) {
        return pipci_fail(err, result, 0, "no client to call");
    }
    return result == PIPC_OK ? PIPC_OK : pipci_call_failed(client, result, err);
}
