/* SPDX-License-Identifier: Apache-2.0
 *
 * INCREMENT for those who do not know it: check, walk and build by field names, the dispatch of a
 * server, the call of a client.
 *
 * Pure; any thread. A dispatch runs the callback on the thread that dispatches.
 */
#include "increment.h"

#include "../common/bytes.h"

#include <stdbool.h>

pipc_result pipcm_increment_check(const void *bytes, size_t len)
{
    uint64_t value;
    return pipcm_increment_decode(bytes, len, &value);
}

pipc_result pipcm_increment_walk(const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    uint64_t value;
    const pipc_result r = pipcm_increment_decode(bytes, len, &value);
    if (r != PIPC_OK)
        return r;
    return visitor->number(visitor->arg, "value", value, 8);
}

pipc_result pipcm_increment_build(const struct pipc_fields *fields, void *buf, size_t cap,
                                  size_t *ret_len)
{
    uint64_t value;
    const pipc_result r = bytes_field(fields, NULL, "value", UINT64_MAX, 0, &value);
    if (r != PIPC_OK)
        return r;
    return pipcm_increment_encode(value, buf, cap, ret_len);
}

pipc_result pipcm_increment_dispatch(const struct pipc_dispatch *dispatch,
                                     struct pipc_dispatched *ret)
{
    const struct pipc_increment_handler *h = dispatch->handler;
    uint64_t value, answer = 0;
    pipc_result r = pipcm_increment_decode(dispatch->request, dispatch->request_len, &value);
    if (r != PIPC_OK)
        return bytes_dispatched(ret, r, PIPC_STAGE_REQUEST, 0, 0);
    if (!BYTES_HANDLER_HAS(h, increment) || !h->increment(h->user, dispatch->from, value, &answer))
        return bytes_dispatched(ret, PIPC_ERR_HANDLER_FAILED, PIPC_STAGE_CALLBACK, 0, 0);
    size_t len;
    r = pipcm_increment_encode(answer, dispatch->response, dispatch->response_cap, &len);
    if (r != PIPC_OK)
        return bytes_dispatched(ret, r, PIPC_STAGE_FINISH, 0, PIPC_INCREMENT_LEN);
    return bytes_dispatched(ret, PIPC_OK, PIPC_STAGE_DONE, len, 0);
}

static pipc_result call_size(const void *input, uint64_t *ret_size)
{
    if (!input)
        return PIPC_ERR_BAD_PARAM;
    *ret_size = PIPC_INCREMENT_LEN;
    return PIPC_OK;
}

static pipc_result call_encode(const void *input, void *buf, size_t cap, size_t *ret_len)
{
    return pipcm_increment_encode(bytes_get64(input), buf, cap, ret_len);
}

static pipc_result call_decode(const void *payload, size_t len, void *ret_output)
{
    return pipcm_increment_decode(payload, len, ret_output);
}

const struct pipc_call_ops pipcm_increment_call = {
    .size = sizeof(struct pipc_call_ops),
    .batch = 1,
    .input_size = sizeof(uint64_t),
    .output_size = sizeof(uint64_t),
    .request_size = call_size,
    .encode = call_encode,
    .decode = call_decode,
};

/* ---- batches at once ---- */

static pipc_result uniform_encode(const void *inputs, uint32_t count, void *items)
{
    memcpy(items, inputs, (size_t)count * PIPC_INCREMENT_LEN);
    return PIPC_OK;
}

static pipc_result uniform_decode(const void *items, uint32_t count, void *ret_outputs)
{
    memcpy(ret_outputs, items, (size_t)count * PIPC_INCREMENT_LEN);
    return PIPC_OK;
}

/* Answers that are gathered before they go to the response, which may lie in cache lines that
 * another CPU has: a store in each turn would wait for them, as many at a time come while the next
 * answers are made. */
#define GATHERED 64u

#define CACHE_LINE 64u

/* Asks for the cache lines of a group's answers, so that they come while its callbacks run. Never
 * waits, never faults. */
static void claim(const unsigned char *bytes, size_t len)
{
    for (size_t at = 0; at < len; at += CACHE_LINE) {
#if defined(__x86_64__)
        /* The compiler's own form asks to read, for the oldest processors. */
        __asm__ volatile("prefetchw %0" : : "m"(bytes[at]));
#else
        __builtin_prefetch(bytes + at, 1);
#endif
    }
}

/* False: the callback failed. */
static bool answer_some(const struct pipc_dispatch *dispatch, const unsigned char *in,
                        uint32_t count, uint64_t *ret_answers)
{
    const struct pipc_increment_handler *h = dispatch->handler;
    for (uint32_t i = 0; i < count; i++) {
        ret_answers[i] = 0;
        if (!h->increment(h->user, dispatch->from, bytes_get64(in + (size_t)i * PIPC_INCREMENT_LEN),
                          &ret_answers[i]))
            return false;
    }
    return true;
}

static pipc_result uniform_dispatch(const struct pipc_dispatch *dispatch, uint32_t count,
                                    struct pipc_dispatched *ret)
{
    const struct pipc_increment_handler *h = dispatch->handler;
    const unsigned char *in = dispatch->request;
    unsigned char *out = dispatch->response;
    uint64_t answers[GATHERED];
    if (!BYTES_HANDLER_HAS(h, increment))
        return bytes_dispatched(ret, PIPC_ERR_HANDLER_FAILED, PIPC_STAGE_CALLBACK, 0, 0);
    for (uint32_t at = 0, some; at < count; at += some) {
        some = count - at < GATHERED ? count - at : GATHERED;
        claim(out + (size_t)at * PIPC_INCREMENT_LEN, (size_t)some * PIPC_INCREMENT_LEN);
        if (!answer_some(dispatch, in + (size_t)at * PIPC_INCREMENT_LEN, some, answers))
            return bytes_dispatched(ret, PIPC_ERR_HANDLER_FAILED, PIPC_STAGE_CALLBACK, 0, 0);
        memcpy(out + (size_t)at * PIPC_INCREMENT_LEN, answers, (size_t)some * PIPC_INCREMENT_LEN);
    }
    return bytes_dispatched(ret, PIPC_OK, PIPC_STAGE_DONE, (uint64_t)count * PIPC_INCREMENT_LEN, 0);
}

const struct pipc_uniform_hooks pipcm_increment_uniform = {
    .size = sizeof(struct pipc_uniform_hooks),
    .request_len = PIPC_INCREMENT_LEN,
    .response_len = PIPC_INCREMENT_LEN,
    .encode = uniform_encode,
    .decode = uniform_decode,
    .dispatch = uniform_dispatch,
};
