/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of the typed call: the size that is told is the size that is written, and the decoder
 * writes its output on success alone.
 *
 * The one input that can be made for a call that nobody has told us about is all zero: an empty
 * string, the number 0. A keyed lookup is asked for no keys, through its hooks.
 */
#include "codec_kit.h"

#include <string.h>

static pipc_result call_size(const struct codec *codec, const void *input, uint64_t *ret_size)
{
    const struct pipc_lookup_hooks *const lookup = codec->ops->lookup;

    if (!lookup)
        return codec->ops->call->request_size(input, ret_size);
    KIT_CHECK_MSG(lookup->fit(NULL, 0, 0, ret_size) == 0, "of no keys more than none fit");
    return PIPC_OK;
}

static pipc_result call_encode(const struct codec *codec, const void *input, void *room, size_t cap,
                               size_t *ret_len)
{
    return codec->ops->lookup ? codec->ops->lookup->encode(NULL, 0, room, cap, ret_len)
                              : codec->ops->call->encode(input, room, cap, ret_len);
}

static void encode_short(struct codec *codec, const void *input, size_t cap, size_t size)
{
    const size_t untouched = (size_t)0x5a5a5a5a;
    size_t len = untouched;
    unsigned char *const room = area_room(&codec->output, cap, AREA_FILL);
    const pipc_result r = call_encode(codec, input, room, cap, &len);

    KIT_CHECK_MSG(r == PIPC_ERR_OVERFLOW,
                  "a request of %zu bytes into room for %zu: %s, not overflow", size, cap,
                  pipc_result_name(r));
    KIT_CHECK_MSG(len == untouched, "encode fails and sets a length");
    KIT_CHECK_MSG(area_front_kept(&codec->output, cap, AREA_FILL),
                  "encode wrote in front of its room");
}

static void encode_run(struct kit *kit)
{
    struct codec *const codec = codec_open(kit);
    const struct pipc_call_ops *const call = codec->ops->call;
    const void *const input =
        call->input_size ? area_room(&codec->extra, call->input_size, 0) : NULL;
    uint64_t size = UINT64_MAX;
    size_t len = 0;
    const pipc_result r = call_size(codec, input, &size);

    if (r == PIPC_ERR_BAD_PARAM)
        kit_skip("the call does not take an input of zeros, and no other is known");
    KIT_CHECK_MSG(r == PIPC_OK, "request_size answers %s, expected ok or bad_param",
                  pipc_result_name(r));
    KIT_CHECK_MSG(size <= codec->output.size, "the request of an input of zeros has %llu bytes",
                  (unsigned long long)size);
    unsigned char *const room = area_room(&codec->output, (size_t)size, AREA_FILL);
    KIT_CHECK_RESULT(call_encode(codec, input, room, (size_t)size, &len), PIPC_OK);
    KIT_CHECK_MSG(len == size, "request_size says %llu, encode writes %zu",
                  (unsigned long long)size, len);
    KIT_CHECK_MSG(area_front_kept(&codec->output, len, AREA_FILL),
                  "encode wrote in front of its room");
    KIT_CHECK_RESULT(codec_check(codec, REQUEST, room, len), PIPC_OK);
    for (size_t cap = 0; cap < len; cap++)
        encode_short(codec, input, cap, len);
}

static void judge_output(struct codec *codec, enum direction direction, const struct sample *sample)
{
    static unsigned char work[INPUT_MAX];
    char what[96];

    if (direction != RESPONSE)
        return;
    for (size_t len = 0; len <= sample->len; len += sample->len / 4096 + 1) {
        snprintf(what, sizeof(what), "%s cut to %zu of %zu bytes", sample->origin, len,
                 sample->len);
        judge_decode(codec, area_put_last(&codec->input, sample->bytes, len), len, what, NULL);
    }
    if (sample->len > 0)
        memcpy(work, sample->bytes, sample->len);
    for (size_t at = 0; at < sample->len; at += sample->len / 4096 + 1) {
        for (unsigned bit = 0; bit < 8; bit++) {
            work[at] ^= (unsigned char)(1u << bit);
            snprintf(what, sizeof(what), "%s with bit %u of byte %zu flipped", sample->origin, bit,
                     at);
            judge_decode(codec, area_put_last(&codec->input, work, sample->len), sample->len, what,
                         NULL);
            work[at] ^= (unsigned char)(1u << bit);
        }
    }
}

static void decode_run(struct kit *kit)
{
    struct codec *const codec = codec_open_with_samples(kit);

    codec_each(codec, judge_output);
    judge_decode(codec, NULL, 0, "a null payload of length 0", NULL);
}

const struct kit_case codec_cases_call[] = {
    {"C-CALL-ENCODE", "request_size tells the bytes that encode writes; less room is overflow", 0,
     0, encode_run},
    {"C-CALL-DECODE",
     "the call's decoder accepts what check does, and changes its output only then", 0, 0,
     decode_run},
    {NULL, NULL, 0, 0, NULL},
};
