/* SPDX-License-Identifier: Apache-2.0
 *
 * What a codec can do to a call: refuse its arguments, fail to encode, name absurd sizes, fail to
 * decode.
 */
#include "client_script.h"
#include "core/service/client.h"
#include "test.h"

#include <string.h>

/* Set by a test before its calls. */
static struct {
    uint64_t size;
    pipc_result size_result;
    pipc_result encode_result;
    pipc_result decode_result;
} odd;

struct odd_output {
    uint64_t value;
    const void *payload;
};

static pipc_result odd_size(const void *input, uint64_t *ret_size)
{
    (void)input;
    *ret_size = odd.size;
    return odd.size_result;
}

static pipc_result odd_encode(const void *input, void *buf, size_t cap, size_t *ret_len)
{
    CHECK(cap >= 8);
    if (odd.encode_result != PIPC_OK)
        return odd.encode_result;
    memcpy(buf, input, 8);
    *ret_len = 8;
    return PIPC_OK;
}

static pipc_result odd_decode(const void *payload, size_t len, void *ret_output)
{
    struct odd_output *output = ret_output;

    (void)len;
    /* breaks the rule that outputs are untouched on failure: the caller must find zeros all the
     * same */
    output->payload = payload;
    output->value = 1;
    return odd.decode_result;
}

static pipc_result odd_check(const void *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    return PIPC_OK;
}

static pipc_result odd_walk(const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    (void)bytes;
    (void)len;
    (void)visitor;
    return PIPC_OK;
}

static pipc_result odd_dispatch(const struct pipc_dispatch *dispatch,
                                struct pipc_dispatched *ret_dispatched)
{
    (void)dispatch;
    (void)ret_dispatched;
    return PIPC_ERR_HANDLER_FAILED;
}

static const uint32_t odd_table[2] = {sizeof(odd_table)};
static const struct pipc_call_ops odd_call = {.size = sizeof(odd_call),
                                              .batch = 1,
                                              .input_size = 8,
                                              .output_size = sizeof(struct odd_output),
                                              .request_size = odd_size,
                                              .encode = odd_encode,
                                              .decode = odd_decode};
static const struct pipc_codec_ops odd_ops = {.size = sizeof(odd_ops),
                                              .code = 99,
                                              .traits = PIPC_CODEC_BATCH,
                                              .table_major = 1,
                                              .table = odd_table,
                                              .check_request = odd_check,
                                              .check_response = odd_check,
                                              .walk_request = odd_walk,
                                              .walk_response = odd_walk,
                                              .dispatch = odd_dispatch,
                                              .call = &odd_call};
static const struct pipc_module odd_module = {.magic = PIPC_MODULE_MAGIC,
                                              .kind = PIPC_MODULE_CODEC,
                                              .abi_major = PIPC_CODEC_ABI_MAJOR,
                                              .abi_minor = PIPC_CODEC_ABI_MINOR,
                                              .size = sizeof(odd_module),
                                              .name = "odd",
                                              .version = "1",
                                              .vendor = "tests",
                                              .summary = "Misbehaves on demand.",
                                              .ops = &odd_ops};

static struct pipc_context *context;
static struct script *script;
static struct pipc_client *client;
static struct pipc_error err = PIPC_ERROR_INIT;

static void begin(void)
{
    const struct pipc_client_config settings = {.size = sizeof(settings),
                                                .max_request_batch_items = 4};
    struct pipc_config *config = NULL;

    memset(&odd, 0, sizeof(odd));
    odd.size = 8;
    CHECK_OK(pipc_config_new(NULL, &config));
    CHECK_OK(script_config_modules(config));
    CHECK_OK(pipc_config_add_module(config, &odd_module, &err));
    CHECK_MSG(pipc_open(config, NULL, &context, &err) == PIPC_OK, "%s", err.text);
    pipc_config_free(config);
    script = script_start(NULL, 0, NULL);
    client = script_ready(context, &settings, true);
}

static void end(void)
{
    pipc_client_destroy(client);
    script_stop(script);
    script_context_close(context);
}

/* A single call, then a batch of two: the same result, outputs zeroed. */
static void call_fails(pipc_result result, bool ready)
{
    static const uint64_t in[2] = {5, 6};
    struct odd_output out[2];

    for (uint32_t count = 1; count <= 2; count++) {
        memset(out, 0x55, sizeof(out));
        CHECK_OK(pipc_client_refresh_timeout(client, 0, NULL, &err));
        if (count == 1)
            CHECK_RESULT(pipc_client_call(client, "odd", 1, in, out, 0, &err), result);
        else
            CHECK_RESULT(pipc_client_call_batch(client, "odd", 1, in, 2, out, 0, &err), result);
        CHECK_RESULT(err.result, result);
        CHECK(err.text[0] != 0);
        for (uint32_t i = 0; i < count; i++)
            CHECK(out[i].value == 0 && out[i].payload == NULL);
        CHECK_EQ(pipc_client_ready(client), ready);
    }
}

TEST(client_codec, refused_arguments_send_nothing)
{
    begin();
    odd.size_result = PIPC_ERR_BAD_PARAM;
    call_fails(PIPC_ERR_BAD_PARAM, true);
    CHECK_EQ(script_requests(script), 0);
    CHECK_EQ(script_hellos(script), 1);
    end();
}

TEST(client_codec, failure_to_encode_keeps_the_session)
{
    begin();
    odd.encode_result = PIPC_ERR_BAD_LAYOUT;
    call_fails(PIPC_ERR_BAD_LAYOUT, true);
    CHECK_EQ(script_requests(script), 0);
    odd.encode_result = PIPC_OK;
    struct odd_output out;
    const uint64_t in = 1;
    CHECK_OK(pipc_client_call(client, "odd", 1, &in, &out, 0, &err));
    CHECK_EQ(script_hellos(script), 1);
    end();
}

TEST(client_codec, absurd_request_sizes_overflow_without_memory_for_them)
{
    static const uint64_t sizes[] = {UINT32_MAX, UINT64_C(1) << 40, UINT64_MAX};
    for (unsigned i = 0; i < 3; i++) {
        begin();
        odd.size = sizes[i];
        /* the proposal grows to the ceiling, which the server takes, and then nothing grows any
         * more */
        call_fails(PIPC_ERR_OVERFLOW, false);
        CHECK_EQ(script_requests(script), 0);
        CHECK_EQ(script_status(client).request_proposal, PIPC_MAX_PAYLOAD_CAP);
        CHECK_EQ(client->request_cap, 0);
        end();
    }
}

TEST(client_codec, output_of_a_failed_decode_is_zeroed)
{
    begin();
    odd.decode_result = PIPC_ERR_MISSING_NUL;
    call_fails(PIPC_ERR_MISSING_NUL, false);
    CHECK_EQ(script_requests(script), 4);
    CHECK_EQ(script_status(client).call_count, 0);
    end();
}
