/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold for any input whatsoever: the verdict is a codec's, is the same every time and
 * from every entry, and nothing is touched that must not be.
 *
 * Accesses outside of the input end the process (codec_area.c). Single-threaded.
 */
#include "codec_kit.h"

#include <string.h>

/* What a decoder may say of bytes (docs/codec.md 5). */
static bool is_decode_error(pipc_result r)
{
    switch (r) {
    case PIPC_ERR_TRUNCATED:
    case PIPC_ERR_BAD_LAYOUT:
    case PIPC_ERR_OUT_OF_BOUNDS:
    case PIPC_ERR_MISSING_NUL:
    case PIPC_ERR_BAD_ALIGNMENT:
    case PIPC_ERR_BAD_ITEM_COUNT:
        return true;
    default:
        return false;
    }
}

static void check_verdict(pipc_result r, const char *entry, const char *what)
{
    KIT_CHECK_MSG(r == PIPC_OK || is_decode_error(r),
                  "%s: %s answers %s, which no decoder says of bytes", what, entry,
                  pipc_result_name(r));
}

pipc_result judge_input(struct codec *codec, enum direction direction, const void *bytes,
                        size_t len, const char *what)
{
    const pipc_result r = codec_check(codec, direction, bytes, len);

    check_verdict(r, "check", what);
    record_begin(&codec->record);
    const pipc_result walked = codec_walk(codec, direction, bytes, len, &codec->record);
    KIT_CHECK_MSG(walked == r, "%s: check answers %s, the walk %s", what, pipc_result_name(r),
                  pipc_result_name(walked));
    KIT_CHECK_MSG(!codec->record.broken, "%s: %s", what, codec->record.broken);
    KIT_CHECK_MSG(r == PIPC_OK || codec->record.calls == 0,
                  "%s: the walk told %u fields of bytes that it then refused", what,
                  codec->record.calls);
    return r;
}

pipc_result judge_bytes(struct codec *codec, enum direction direction, const void *bytes,
                        size_t len, const char *what)
{
    const unsigned char *const first = area_put_first(&codec->input, bytes, len);
    const pipc_result r = judge_input(codec, direction, first, len, what);
    const uint64_t digest = codec->record.digest;
    const unsigned char *const last = area_put_last(&codec->input, bytes, len);

    KIT_CHECK_MSG(judge_input(codec, direction, last, len, what) == r &&
                      codec->record.digest == digest,
                  "%s: the same bytes at two addresses are read differently", what);
    return r;
}

pipc_result judge_decode(struct codec *codec, const void *bytes, size_t len, const char *what,
                         const void **ret_output)
{
    const size_t size = codec->ops->call->output_size;
    unsigned char *const output = area_room(&codec->output, size, AREA_FILL);
    const pipc_result r = codec->ops->call->decode(bytes, len, output);

    check_verdict(r, "the call's decoder", what);
    KIT_CHECK_MSG(area_front_kept(&codec->output, size, AREA_FILL),
                  "%s: the call's decoder wrote in front of its output", what);
    KIT_CHECK_MSG(r == PIPC_OK || area_kept(&codec->output, size, AREA_FILL),
                  "%s: the call's decoder failed (%s) and changed its output", what,
                  pipc_result_name(r));
    KIT_CHECK_MSG(r == PIPC_OK || codec_check(codec, RESPONSE, bytes, len) != PIPC_OK,
                  "%s: check_response accepts what the call's decoder refuses (%s)", what,
                  pipc_result_name(r));
    if (ret_output)
        *ret_output = r == PIPC_OK ? output : NULL;
    return r;
}

/* One item through both hooks. */
static void judge_item(struct codec *codec, const void *output, uint32_t index, const char *what)
{
    const struct pipc_snapshot_hooks *const hooks = codec->ops->snapshot;
    struct pipc_snapshot_key key;
    uint64_t size = 0, counted = 0;
    const pipc_result r = hooks->item_strings(output, index, &size, &counted);

    check_verdict(r, "item_strings", what);
    if (r != PIPC_OK || size > codec->extra.size)
        return;
    unsigned char *const item = area_room(&codec->item, hooks->item_size, AREA_FILL);
    char *const strings = (char *)area_room(&codec->extra, (size_t)size, AREA_FILL);
    const pipc_result got = hooks->item(output, index, item, strings, &key);
    KIT_CHECK_MSG(got == PIPC_OK, "%s: item %u: item_strings answers ok, item %s", what, index,
                  pipc_result_name(got));
    KIT_CHECK_MSG(area_front_kept(&codec->extra, (size_t)size, AREA_FILL),
                  "%s: item %u: strings written in front of their room", what, index);
}

void judge_hooks(struct codec *codec, const void *output, const char *what)
{
    const uint32_t count = codec->ops->snapshot->item_count(output);

    /* A count is bounded by the payload; a few thousand items are enough of any one input. */
    for (uint32_t i = 0; i < count && i < 4096; i++)
        judge_item(codec, output, i, what);
}

void judge_dispatch(struct codec *codec, const void *bytes, size_t len, const char *what)
{
    const pipc_result checked = codec_check(codec, REQUEST, bytes, len);
    struct any_handler handler;
    const size_t cap = 64;
    any_handler_fill(&handler, NULL, NULL);
    const struct pipc_dispatch d = {.size = sizeof(d),
                                    .max_items = 1,
                                    .handler = &handler,
                                    .request = bytes,
                                    .request_len = len,
                                    .response = area_room(&codec->output, cap, AREA_FILL),
                                    .response_cap = cap};
    struct pipc_dispatched done = {.size = sizeof(done)};
    const pipc_result r = codec->ops->dispatch(&d, &done);

    KIT_CHECK_MSG(r != PIPC_OK, "%s: a dispatch without a callback succeeds", what);
    KIT_CHECK_MSG((checked != PIPC_OK) == (done.stage == PIPC_STAGE_REQUEST),
                  "%s: check_request answers %s, the dispatch ends at stage %u", what,
                  pipc_result_name(checked), done.stage);
    KIT_CHECK_MSG(checked == PIPC_OK || r == checked,
                  "%s: check_request answers %s, the dispatch %s", what, pipc_result_name(checked),
                  pipc_result_name(r));
    KIT_CHECK_MSG(area_front_kept(&codec->output, cap, AREA_FILL),
                  "%s: the dispatch wrote in front of the response", what);
}

/* splitmix64 */
uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}
