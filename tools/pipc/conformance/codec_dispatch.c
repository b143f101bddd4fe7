/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of a dispatch (docs/codec.md 9): which stage ends it, when the callback runs, how much of
 * the response is written.
 *
 * What a callback of an unknown codec takes is not known either; that its handler is a size, a
 * reserved word, `user` and callbacks, and that a callback gets `user` first and answers 1 for
 * success, is (pipc/codec.h). So the callback here looks at nothing but `user`: it answers without
 * having done anything.
 */
#include "codec_kit.h"

#include <stddef.h>
#include <string.h>

struct calls {
    uint32_t count, answer;
};

CALLED_WITH_MORE static uint32_t on_request(void *user)
{
    struct calls *calls = user;

    calls->count++;
    return calls->answer;
}

void any_handler_fill(struct any_handler *handler, uint32_t (*callback)(void *user), void *user)
{
    memset(handler, 0, sizeof(*handler));
    handler->size = sizeof(*handler);
    handler->user = user;
    for (size_t i = 0; i < sizeof(handler->callbacks) / sizeof(handler->callbacks[0]); i++)
        handler->callbacks[i] = callback;
}

/* One dispatch of a request into room for `cap` bytes. */
struct shot {
    struct calls calls;
    pipc_result result;
    struct pipc_dispatched done;
    const unsigned char *response;
};

static void shoot(struct codec *codec, const void *handler, const void *bytes, size_t len,
                  uint32_t max_items, size_t cap, struct shot *ret_shot)
{
    const struct pipc_dispatch d = {.size = sizeof(d),
                                    .max_items = max_items,
                                    .handler = handler,
                                    .request = bytes,
                                    .request_len = len,
                                    .response = area_room(&codec->output, cap, AREA_FILL),
                                    .response_cap = cap};

    memset(&ret_shot->done, 0xff, sizeof(ret_shot->done));
    ret_shot->done.size = sizeof(ret_shot->done);
    ret_shot->response = d.response;
    ret_shot->result = codec->ops->dispatch(&d, &ret_shot->done);
    KIT_CHECK_MSG(ret_shot->done.stage <= PIPC_STAGE_FINISH, "a dispatch ends at stage %u",
                  ret_shot->done.stage);
    KIT_CHECK_MSG(area_front_kept(&codec->output, cap, AREA_FILL),
                  "a dispatch wrote in front of the response");
}

/* The same with a callback that gives `answer`. */
static void shoot_answer(struct codec *codec, const void *bytes, size_t len, uint32_t answer,
                         uint32_t max_items, size_t cap, struct shot *ret_shot)
{
    struct any_handler handler;

    ret_shot->calls = (struct calls){0, answer};
    any_handler_fill(&handler, on_request, &ret_shot->calls);
    shoot(codec, &handler, bytes, len, max_items, cap, ret_shot);
}

/* ---- malformed requests ---- */

static void judge_refused(struct codec *codec, const void *bytes, size_t len, const char *what)
{
    const unsigned char *const at = area_put_last(&codec->input, bytes, len);
    const pipc_result checked = codec_check(codec, REQUEST, at, len);
    const size_t cap = 256;
    struct shot shot;

    if (checked == PIPC_OK)
        return;
    shoot_answer(codec, at, len, 1, 1, cap, &shot);
    KIT_CHECK_MSG(shot.result == checked && shot.done.stage == PIPC_STAGE_REQUEST,
                  "%s: check_request answers %s, the dispatch %s at stage %u", what,
                  pipc_result_name(checked), pipc_result_name(shot.result), shot.done.stage);
    KIT_CHECK_MSG(shot.calls.count == 0, "%s: refused, and the callback has run", what);
    KIT_CHECK_MSG(area_kept(&codec->output, cap, AREA_FILL),
                  "%s: refused, and a response is written", what);
}

static void judge_requests(struct codec *codec, enum direction direction,
                           const struct sample *sample)
{
    static unsigned char work[INPUT_MAX];
    char what[96];

    if (direction != REQUEST)
        return;
    for (size_t len = 0; len < sample->len; len += sample->len / 4096 + 1) {
        snprintf(what, sizeof(what), "%s cut to %zu of %zu bytes", sample->origin, len,
                 sample->len);
        judge_refused(codec, sample->bytes, len, what);
    }
    if (sample->len > 0)
        memcpy(work, sample->bytes, sample->len);
    for (size_t bit = 0; bit < 8 * sample->len; bit += sample->len / 512 + 1) {
        work[bit / 8] ^= (unsigned char)(1u << bit % 8);
        snprintf(what, sizeof(what), "%s with bit %zu of byte %zu flipped", sample->origin, bit % 8,
                 bit / 8);
        judge_refused(codec, work, sample->len, what);
        work[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
}

static struct codec *open_with_requests(struct kit *kit)
{
    struct codec *const codec = codec_open(kit);

    if (codec->sample_count[REQUEST] == 0)
        kit_skip("no samples of requests: there is no builder, and --samples gives none");
    return codec;
}

static void request_run(struct kit *kit)
{
    codec_each(open_with_requests(kit), judge_requests);
}

/* A sample that the user gave may be so large that no response to it fits the room, which is to be
 * seen before the callback runs. */
static bool no_room(const struct sample *sample, const struct shot *shot)
{
    return !sample->source && shot->result == PIPC_ERR_OVERFLOW &&
           shot->done.stage == PIPC_STAGE_SPACE && shot->calls.count == 0;
}

/* ---- callbacks that fail ---- */

static void expect_failed(const struct shot *shot, const char *origin, const char *why)
{
    KIT_CHECK_MSG(
        shot->result == PIPC_ERR_HANDLER_FAILED && shot->done.stage == PIPC_STAGE_CALLBACK,
        "%s, %s: the dispatch answers %s at stage %u, expected handler_failed at %u", origin, why,
        pipc_result_name(shot->result), shot->done.stage, (unsigned)PIPC_STAGE_CALLBACK);
}

static void judge_failing(struct codec *codec, enum direction direction,
                          const struct sample *sample)
{
    const unsigned char *const at = area_put_last(&codec->input, sample->bytes, sample->len);
    struct any_handler handler;
    struct shot shot;

    if (direction != REQUEST)
        return;
    shoot_answer(codec, at, sample->len, 0, 4, codec->output.size, &shot);
    if (no_room(sample, &shot))
        return;
    KIT_CHECK_MSG(shot.calls.count == 1, "%s: the callback has run %u times, expected 1",
                  sample->origin, shot.calls.count);
    expect_failed(&shot, sample->origin, "a callback that fails");
    any_handler_fill(&handler, NULL, NULL);
    shoot(codec, &handler, at, sample->len, 4, codec->output.size, &shot);
    expect_failed(&shot, sample->origin, "no callback");
    /* A handler that ends before its callbacks lies right before the page without access. */
    handler.size = (uint32_t)offsetof(struct any_handler, callbacks);
    unsigned char *const cut = area_room(&codec->extra, handler.size, 0);
    memcpy(cut, &handler, handler.size);
    shoot(codec, cut, at, sample->len, 4, codec->output.size, &shot);
    expect_failed(&shot, sample->origin, "a handler too short for callbacks");
}

static void callback_run(struct kit *kit)
{
    codec_each(open_with_requests(kit), judge_failing);
}

/* ---- callbacks that answer ---- */

/* Whether a response was made; a codec that wants an item per key refuses an answer without any. */
static bool is_done(struct codec *codec, const struct shot *shot, size_t cap, const char *what)
{
    if (shot->result == PIPC_ERR_BAD_ITEM_COUNT && shot->done.stage == PIPC_STAGE_CALLBACK)
        return false;
    KIT_CHECK_MSG(shot->result == PIPC_OK && shot->done.stage == PIPC_STAGE_DONE,
                  "%s: the dispatch answers %s at stage %u", what, pipc_result_name(shot->result),
                  shot->done.stage);
    KIT_CHECK_MSG(shot->done.response_len <= cap, "%s: a response of %zu bytes in room for %zu",
                  what, shot->done.response_len, cap);
    const pipc_result r = codec_check(codec, RESPONSE, shot->response, shot->done.response_len);
    KIT_CHECK_MSG(r == PIPC_OK, "%s: the response is refused: %s", what, pipc_result_name(r));
    return true;
}

static void judge_answered(struct codec *codec, enum direction direction,
                           const struct sample *sample)
{
    const unsigned char *const at = area_put_last(&codec->input, sample->bytes, sample->len);
    const size_t room = codec->output.size;
    struct shot first, again;

    if (direction != REQUEST)
        return;
    shoot_answer(codec, at, sample->len, 1, 4, room, &first);
    if (no_room(sample, &first))
        return;
    KIT_CHECK_MSG(first.calls.count == 1, "%s: the callback has run %u times, expected 1",
                  sample->origin, first.calls.count);
    if (!is_done(codec, &first, room, sample->origin))
        return;
    memcpy(codec->extra.write, first.response, first.done.response_len);
    shoot_answer(codec, at, sample->len, 1, 4, room / 2, &again);
    if (no_room(sample, &again))
        return;
    KIT_CHECK_MSG(is_done(codec, &again, room / 2, sample->origin) &&
                      again.done.response_len == first.done.response_len &&
                      memcmp(again.response, codec->extra.write, first.done.response_len) == 0,
                  "%s: the same answer has other bytes in other room", sample->origin);
}

static void done_run(struct kit *kit)
{
    codec_each(open_with_requests(kit), judge_answered);
}

/* ---- room for the response ---- */

static void judge_space(struct codec *codec, const struct sample *sample, uint32_t max_items,
                        size_t cap)
{
    const unsigned char *const at = area_put_last(&codec->input, sample->bytes, sample->len);
    struct shot shot, enough;
    char what[96];

    snprintf(what, sizeof(what), "%s, room for %zu and %u items", sample->origin, cap, max_items);
    shoot_answer(codec, at, sample->len, 1, max_items, cap, &shot);
    if (shot.result != PIPC_ERR_OVERFLOW) {
        is_done(codec, &shot, cap, what);
        return;
    }
    KIT_CHECK_MSG(shot.done.stage >= PIPC_STAGE_SPACE, "%s: overflow at stage %u", what,
                  shot.done.stage);
    KIT_CHECK_MSG(shot.done.stage != PIPC_STAGE_SPACE || shot.calls.count == 0,
                  "%s: overflow at stage SPACE, and the callback has run", what);
    KIT_CHECK_MSG(shot.done.needed == 0 || shot.done.needed > cap,
                  "%s: overflow, and %llu bytes are said to be enough", what,
                  (unsigned long long)shot.done.needed);
    if (shot.done.needed == 0 || shot.done.needed > codec->output.size)
        return;
    const size_t needed = (size_t)shot.done.needed;
    shoot_answer(codec, at, sample->len, 1, max_items, needed, &enough);
    KIT_CHECK_MSG(enough.result != PIPC_ERR_OVERFLOW,
                  "%s: %zu bytes are said to be enough, and are not", what, needed);
}

static void judge_spaces(struct codec *codec, enum direction direction, const struct sample *sample)
{
    if (direction != REQUEST)
        return;
    for (size_t cap = 0; cap <= 256; cap++) {
        judge_space(codec, sample, 0, cap);
        judge_space(codec, sample, 1, cap);
        judge_space(codec, sample, 17, cap);
    }
}

static void space_run(struct kit *kit)
{
    codec_each(open_with_requests(kit), judge_spaces);
}

/* ---- batches ---- */

/* One request of a batch whose answers have used so much; the length of its answer. */
static size_t judge_in_batch(struct codec *codec, const struct sample *s, size_t used)
{
    const size_t left = 8192 - used;
    struct shot shot, alone;

    shoot_answer(codec, s->bytes, s->len, 1, 1, left, &shot);
    if (no_room(s, &shot))
        return 0;
    if (!is_done(codec, &shot, left, s->origin))
        return 0;
    memcpy(codec->extra.write, shot.response, shot.done.response_len);
    shoot_answer(codec, s->bytes, s->len, 1, 1, 8192, &alone);
    KIT_CHECK_MSG(is_done(codec, &alone, 8192, s->origin) &&
                      alone.done.response_len == shot.done.response_len &&
                      memcmp(alone.response, codec->extra.write, alone.done.response_len) == 0,
                  "%s: answered behind %zu bytes of a batch it has other bytes", s->origin, used);
    return shot.done.response_len;
}

/* Requests of a batch are answered one behind the other in one buffer; each as if it were alone. */
static void batch_run(struct kit *kit)
{
    struct codec *const codec = open_with_requests(kit);
    size_t used = 0;

    for (uint32_t i = 0; i < 64 && used < 4096; i++)
        used += (judge_in_batch(codec, &codec->samples[REQUEST][i % codec->sample_count[REQUEST]],
                                used) +
                 7) /
                8 * 8;
}

const struct kit_case codec_cases_dispatch[] = {
    {"C-DISPATCH-REQUEST", "a malformed request ends at REQUEST with check's error, no callback", 0,
     0, request_run},
    {"C-DISPATCH-CALLBACK", "no callback, or one that fails: handler_failed at CALLBACK", 0, 0,
     callback_run},
    {"C-DISPATCH-DONE", "an answered request gives a valid response within its room", 0, 0,
     done_run},
    {"C-DISPATCH-SPACE", "too little room for the response is overflow, and `needed` is enough", 0,
     0, space_run},
    {"C-BATCH", "requests of a batch are answered as if each were alone", PIPC_CODEC_BATCH, 0,
     batch_run},
    {NULL, NULL, 0, 0, NULL},
};
