/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of reading: the walk, its visitor's failures, arguments.
 */
#include "codec_kit.h"

#include <string.h>

/* ---- the walk ---- */

static void walk_again(struct codec *codec, const struct sample *sample, enum direction direction,
                       const unsigned char *at)
{
    record_begin(&codec->other);
    KIT_CHECK_RESULT(codec_walk(codec, direction, at, sample->len, &codec->other), PIPC_OK);
    KIT_CHECK_MSG(codec->other.digest == codec->record.digest &&
                      codec->other.calls == codec->record.calls,
                  "%s: the same bytes are read differently the second time or at another address",
                  sample->origin);
}

static void judge_same(struct codec *codec, enum direction direction, const struct sample *sample)
{
    unsigned char *const moved = area_room(&codec->output, sample->len + 8, 0);

    record_begin(&codec->record);
    KIT_CHECK_RESULT(codec_walk(codec, direction,
                                area_put_last(&codec->input, sample->bytes, sample->len),
                                sample->len, &codec->record),
                     PIPC_OK);
    for (unsigned by = 0; by < 8; by++) {
        if (sample->len > 0)
            memcpy(moved + by, sample->bytes, sample->len);
        walk_again(codec, sample, direction, moved + by);
    }
}

static void same_run(struct kit *kit)
{
    codec_each(codec_open_with_samples(kit), judge_same);
}

static void judge_walk(struct codec *codec, enum direction direction, const struct sample *sample)
{
    judge_input(codec, direction, area_put_last(&codec->input, sample->bytes, sample->len),
                sample->len, sample->origin);
    KIT_CHECK_MSG(codec->record.depth == 0, "%s: the walk ends inside of a list", sample->origin);
}

static void walk_run(struct kit *kit)
{
    codec_each(codec_open_with_samples(kit), judge_walk);
}

/* ---- failures of the visitor ---- */

static void judge_visitor(struct codec *codec, enum direction direction,
                          const struct sample *sample)
{
    const unsigned char *const at = area_put_last(&codec->input, sample->bytes, sample->len);
    static const pipc_result results[] = {PIPC_ERR_ALLOC, PIPC_ERR_ABORTED, PIPC_ERR_NOT_SUPPORTED};

    record_begin(&codec->other);
    KIT_CHECK_RESULT(codec_walk(codec, direction, at, sample->len, &codec->other), PIPC_OK);
    for (uint32_t k = 1; k <= codec->other.calls; k++) {
        const pipc_result expected = results[k % 3];
        record_begin(&codec->record);
        codec->record.fail_at = k;
        codec->record.fail_with = expected;
        const pipc_result r = codec_walk(codec, direction, at, sample->len, &codec->record);
        KIT_CHECK_MSG(r == expected,
                      "%s: call %u of the visitor fails with %s, the walk answers %s",
                      sample->origin, k, pipc_result_name(expected), pipc_result_name(r));
        KIT_CHECK_MSG(codec->record.calls == k,
                      "%s: call %u of the visitor fails, and %u more are made", sample->origin, k,
                      codec->record.calls - k);
    }
}

static void visitor_run(struct kit *kit)
{
    codec_each(codec_open_with_samples(kit), judge_visitor);
}

/* ---- no payload, and what follows one ---- */

static void null_run(struct kit *kit)
{
    struct codec *const codec = codec_open(kit);
    const unsigned char *const empty = area_put_last(&codec->input, "", 0);

    for (unsigned d = 0; d < DIRECTIONS; d++) {
        const enum direction direction = (enum direction)d;
        const pipc_result none =
            judge_input(codec, direction, NULL, 0, "a null payload of length 0");
        KIT_CHECK_MSG(none == judge_input(codec, direction, empty, 0, "an empty payload"),
                      "a null %s of length 0 is not read as an empty one",
                      direction_name(direction));
        KIT_CHECK_RESULT(codec_check(codec, direction, NULL, 8), PIPC_ERR_BAD_PARAM);
        record_begin(&codec->record);
        KIT_CHECK_RESULT(codec_walk(codec, direction, NULL, 8, &codec->record), PIPC_ERR_BAD_PARAM);
        KIT_CHECK(codec->record.calls == 0);
    }
}

static void judge_surplus(struct codec *codec, enum direction direction,
                          const struct sample *sample)
{
    static unsigned char longer[INPUT_MAX + 64];

    if (!sample->source)
        return;
    record_begin(&codec->other);
    KIT_CHECK_RESULT(codec_walk(codec, direction, sample->bytes, sample->len, &codec->other),
                     PIPC_OK);
    memset(longer, 0xff, sizeof(longer));
    if (sample->len > 0)
        memcpy(longer, sample->bytes, sample->len);
    for (size_t more = 1; more <= 64; more += more < 9 ? 1 : 11) {
        const pipc_result r =
            judge_bytes(codec, direction, longer, sample->len + more, sample->origin);
        KIT_CHECK_MSG(r == PIPC_OK && codec->record.digest == codec->other.digest,
                      "%s and %zu bytes behind it are not read as it is alone: %s", sample->origin,
                      more, pipc_result_name(r));
    }
}

static void surplus_run(struct kit *kit)
{
    codec_each(codec_open_with_samples(kit), judge_surplus);
}

const struct kit_case codec_cases_read[] = {
    {"C-WALK", "check and walk agree, and lists have the items that they say", 0, 0, walk_run},
    {"C-SAME", "the same bytes are read the same, again and at every alignment", 0, 0, same_run},
    {"C-VISITOR", "a failure of the k-th call of a visitor ends the walk and is its result", 0, 0,
     visitor_run},
    {"C-NULL", "a null payload is empty without a length and a wrong argument with one", 0, 0,
     null_run},
    {"C-SURPLUS", "bytes behind the structure are ignored", 0, 0, surplus_run},
    {NULL, NULL, 0, 0, NULL},
};
