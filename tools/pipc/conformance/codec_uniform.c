/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of the uniform hooks: a batch at once comes to what its items come to one by one.
 */
#include "codec_kit.h"

#include <string.h>

#define ITEMS_MOST 16u

/* ---- the client's side ---- */

static void encode_run(struct kit *kit)
{
    struct codec *const codec = codec_open(kit);
    const struct pipc_uniform_hooks *const hooks = codec->ops->uniform;
    const struct pipc_call_ops *const call = codec->ops->call;
    const size_t whole = (size_t)ITEMS_MOST * hooks->request_len;
    static unsigned char single[4096];
    const void *const inputs = area_room(&codec->extra, (size_t)ITEMS_MOST * call->input_size, 0);
    uint64_t size = 0;
    size_t len = 0;

    if (call->request_size(inputs, &size) == PIPC_OK) {
        KIT_CHECK_MSG(size == hooks->request_len && size <= sizeof(single),
                      "a request has %llu bytes, request_len says %u", (unsigned long long)size,
                      hooks->request_len);
        KIT_CHECK_RESULT(call->encode(inputs, single, sizeof(single), &len), PIPC_OK);
        unsigned char *const items = area_room(&codec->output, whole, AREA_FILL);
        KIT_CHECK_RESULT(hooks->encode(inputs, ITEMS_MOST, items), PIPC_OK);
        KIT_CHECK_MSG(area_front_kept(&codec->output, whole, AREA_FILL),
                      "encode wrote in front of its items");
        for (uint32_t i = 0; i < ITEMS_MOST; i++)
            KIT_CHECK_MSG(memcmp(items + (size_t)i * len, single, len) == 0,
                          "request %u of %u that were encoded at once is not that of one", i,
                          ITEMS_MOST);
    }
}

/* The messages of these samples, one behind the other; gives how many. Bytes behind a message that
 * the user gave are not part of it. */
static uint32_t samples_join(struct codec *codec, enum direction direction, uint32_t length,
                             unsigned char *ret_items)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < codec->sample_count[direction] && count < ITEMS_MOST; i++) {
        const struct sample *const sample = &codec->samples[direction][i];
        KIT_CHECK_MSG(sample->source ? sample->len == length : sample->len >= length,
                      "%s has %zu bytes, the uniform length is %u", sample->origin, sample->len,
                      length);
        memcpy(ret_items + (size_t)count++ * length, sample->bytes, length);
    }
    return count;
}

static void decode_run(struct kit *kit)
{
    struct codec *const codec = codec_open_with_samples(kit);
    const struct pipc_uniform_hooks *const hooks = codec->ops->uniform;
    const struct pipc_call_ops *const call = codec->ops->call;
    static unsigned char joined[ITEMS_MOST * 4096], single[4096];
    const uint32_t count = samples_join(codec, RESPONSE, hooks->response_len, joined);
    const size_t whole = (size_t)count * call->output_size;
    const unsigned char *const items =
        area_put_last(&codec->input, joined, (size_t)count * hooks->response_len);
    unsigned char *const outputs = area_room(&codec->output, whole, AREA_FILL);

    KIT_CHECK(call->output_size <= sizeof(single));
    KIT_CHECK_RESULT(hooks->decode(items, count, outputs), PIPC_OK);
    KIT_CHECK_MSG(area_front_kept(&codec->output, whole, AREA_FILL),
                  "decode wrote in front of its outputs");
    for (uint32_t i = 0; i < count; i++) {
        memset(single, AREA_FILL, sizeof(single));
        KIT_CHECK_RESULT(
            call->decode(items + (size_t)i * hooks->response_len, hooks->response_len, single),
            PIPC_OK);
        KIT_CHECK_MSG(memcmp(outputs + (size_t)i * call->output_size, single, call->output_size) ==
                          0,
                      "response %u of %u that were decoded at once is not that of one", i, count);
    }
}

/* ---- the server's side ---- */

struct calls {
    uint32_t count, fail_at; /* the call that fails, from 1; 0: none */
};

CALLED_WITH_MORE static uint32_t on_request(void *user)
{
    struct calls *calls = user;

    return ++calls->count != calls->fail_at;
}

static pipc_result dispatch(const struct codec *codec, uint32_t count, struct calls *calls,
                            const void *requests, void *responses, bool at_once,
                            struct pipc_dispatched *ret)
{
    const struct pipc_uniform_hooks *const hooks = codec->ops->uniform;
    struct any_handler handler;
    struct pipc_dispatch d = {.size = sizeof(d),
                              .handler = &handler,
                              .request = requests,
                              .request_len = (size_t)count * hooks->request_len,
                              .response = responses,
                              .response_cap = (size_t)count * hooks->response_len};

    any_handler_fill(&handler, on_request, calls);
    memset(ret, 0xff, sizeof(*ret));
    ret->size = sizeof(*ret);
    return at_once ? hooks->dispatch(&d, count, ret) : codec->ops->dispatch(&d, ret);
}

static void dispatch_run(struct kit *kit)
{
    struct codec *const codec = codec_open_with_samples(kit);
    const struct pipc_uniform_hooks *const hooks = codec->ops->uniform;
    static unsigned char joined[ITEMS_MOST * 4096], single[4096];
    const uint32_t count = samples_join(codec, REQUEST, hooks->request_len, joined);
    const size_t whole = (size_t)count * hooks->response_len;
    const unsigned char *const requests =
        area_put_last(&codec->input, joined, (size_t)count * hooks->request_len);
    unsigned char *responses = area_room(&codec->output, whole, AREA_FILL);
    struct calls calls = {0, 0};
    struct pipc_dispatched done;

    KIT_CHECK(hooks->response_len <= sizeof(single));
    KIT_CHECK_RESULT(dispatch(codec, count, &calls, requests, responses, true, &done), PIPC_OK);
    KIT_CHECK_MSG(calls.count == count, "%u requests at once, the callback ran %u times", count,
                  calls.count);
    KIT_CHECK_MSG(done.stage == PIPC_STAGE_DONE && done.response_len == whole,
                  "%u requests at once: %zu bytes of responses at stage %u, expected %zu", count,
                  done.response_len, done.stage, whole);
    KIT_CHECK_MSG(area_front_kept(&codec->output, whole, AREA_FILL),
                  "a dispatch wrote in front of the responses");
    for (uint32_t i = 0; i < count; i++) {
        KIT_CHECK_RESULT(dispatch(codec, 1, &calls, requests + (size_t)i * hooks->request_len,
                                  single, false, &done),
                         PIPC_OK);
        KIT_CHECK_MSG(
            memcmp(responses + (size_t)i * hooks->response_len, single, hooks->response_len) == 0,
            "answer %u of %u at once is not that of one", i, count);
    }
    for (uint32_t i = 1; i <= count; i++) {
        calls = (struct calls){0, i};
        responses = area_room(&codec->output, whole, AREA_FILL);
        KIT_CHECK_RESULT(dispatch(codec, count, &calls, requests, responses, true, &done),
                         PIPC_ERR_HANDLER_FAILED);
        KIT_CHECK_MSG(calls.count == i && done.stage == PIPC_STAGE_CALLBACK,
                      "callback %u of %u fails: it ran %u times, stage %u", i, count, calls.count,
                      done.stage);
    }
}

const struct kit_case codec_cases_uniform[] = {
    {"C-UNIFORM-ENCODE", "requests encoded at once are those of single calls", PIPC_CODEC_UNIFORM,
     0, encode_run},
    {"C-UNIFORM-DECODE", "responses decoded at once are those of single calls", PIPC_CODEC_UNIFORM,
     0, decode_run},
    {"C-UNIFORM-DISPATCH", "requests answered at once are answered as if each were alone",
     PIPC_CODEC_UNIFORM, 0, dispatch_run},
    {NULL, NULL, 0, 0, NULL},
};
